// The optimizers of optimizers.py: one step, from a gradient that has just been summed. Their names are in tables.hpp.
#pragma once

#include "panels.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// f.template operator()<rule>(), so that the compiler knows the rule.
template <class F> CHAINRULE_INLINE void with_rule(Rule rule, F f) {
    switch (rule) {
        case Rule::gradient: return f.template operator()<Rule::gradient>();
        case Rule::gradient_descent: return f.template operator()<Rule::gradient_descent>();
        case Rule::momentum: return f.template operator()<Rule::momentum>();
        case Rule::heavy_ball: return f.template operator()<Rule::heavy_ball>();
        case Rule::nesterov: return f.template operator()<Rule::nesterov>();
        case Rule::rmsprop: return f.template operator()<Rule::rmsprop>();
        case Rule::adam: return f.template operator()<Rule::adam>();
    }
}

// Where the parameters of a step are, and its optimizer's slots.
template <class Pointer> struct Pointers {
    Pointer w, slots[2];
};

// The constants of an Update, and `scale` and `l2` of a Step, in vectors: making them takes as long as a vector's step.
template <class T> struct Constants {
    Vec<T> rate, beta1, beta2, one_minus_beta1, one_minus_beta2, epsilon, decay, scale, l2;
};

template <class T> CHAINRULE_INLINE Constants<T> constants_of(const Step<T>& step, T l2) {
    const Update<T>& u = step.update;
    return {splat<T>(u.rate),
            splat<T>(u.beta1),
            splat<T>(u.beta2),
            splat<T>(u.one_minus_beta1),
            splat<T>(u.one_minus_beta2),
            splat<T>(u.epsilon),
            splat<T>(u.decay),
            splat<T>(step.scale),
            splat<T>(l2)};
}

// One step of the optimizer for a vector of parameters, whose sums Σ dZ Aᵀ are in c. get(pointer) loads from one of
// `from` or from c, put(pointer, x) stores to one of `to`.
template <Rule rule, class T, class Get, class Put>
CHAINRULE_INLINE void update_vector(const Constants<T>& u, const T* c, const Pointers<const T*>& from,
                                    const Pointers<T*>& to, Get get, Put put) {
    using X = Vec<T>;
    const X tiny = splat<T>(TINY<T>), w = get(from.w), g = get(c) * u.scale + u.l2 * w;
    if constexpr (rule == Rule::gradient) {
        put(to.w, g);
    } else if constexpr (rule == Rule::gradient_descent) {
        put(to.w, w - u.rate * g);
    } else if constexpr (rule == Rule::momentum) {
        const X v = u.beta1 * get(from.slots[0]) + u.one_minus_beta1 * g;
        put(to.slots[0], v);
        put(to.w, w - u.rate * v);
    } else if constexpr (rule == Rule::heavy_ball || rule == Rule::nesterov) {
        const X v = u.beta1 * get(from.slots[0]) - u.rate * g;
        put(to.slots[0], v);
        put(to.w, w + (rule == Rule::heavy_ball ? v : u.beta1 * v - u.rate * g));
    } else if constexpr (rule == Rule::rmsprop) {
        const X s = u.beta2 * get(from.slots[0]) + u.one_minus_beta2 * (g * g);
        put(to.slots[0], s);
        put(to.w, w - u.rate * g * recip(root(max(s, tiny)) + u.epsilon));
    } else {
        static_assert(rule == Rule::adam);
        const X v = u.beta1 * get(from.slots[0]) + u.one_minus_beta1 * g;
        const X s = u.beta2 * get(from.slots[1]) + u.one_minus_beta2 * (g * g);
        put(to.slots[0], v);
        put(to.slots[1], s);
        put(to.w, u.decay * w - u.rate * v * recip(root(max(s, tiny)) + u.epsilon));
    }
}

// How an update stores: and whether it looks at what it stores.
enum class Stores { plainly, looking, past_caches_looking };

// The same for `count` parameters, whose sums are at c.
template <Rule rule, Stores stores, class T>
CHAINRULE_INLINE void update_range(const Constants<T>& u, const Pointers<const T*>& from, const Pointers<T*>& to,
                                   const T* c, int64_t count, Outside<T>& outside) {
    using X = Vec<T>;
    constexpr bool streams = stores == Stores::past_caches_looking, looks = stores != Stores::plainly;
    int64_t i = 0;
    const auto part_of_vector = [&](int size) {
        update_vector<rule, T>(
            u, c, from, to, [=](const T* p) { return load_partial(p + i, size); },
            [&](T* p, X x) {
                store_partial(p + i, x, size);
                if constexpr (looks) outside.look(x);
            });
        i += size;
    };
    if constexpr (streams) {  // up to where a vector is aligned
        if (const auto size = -reinterpret_cast<uintptr_t>(to.w) % BYTES / sizeof(T)) {
            part_of_vector(int(least(int64_t(size), count)));
        }
    }
    for (; i + N<T> <= count; i += N<T>) {
        update_vector<rule, T>(
            u, c, from, to, [i](const T* p) { return load(p + i); },
            [&](T* p, X x) {
                if constexpr (streams) stream(p + i, x);
                else store(p + i, x);
                if constexpr (looks) outside.look(x);
            });
    }
    if (i < count) part_of_vector(int(count - i));
}

// The same for some rows of parameters: row r is at `at` + r · stride, and its sums are at c + r · P.
template <class T>
void update_rows(const Step<T>& step, int64_t at, ptrdiff_t stride, const T* c, int64_t rows, int64_t count, T l2) {
    Outside<T> outside(MODERATE<T>);
    with_rule(step.update.rule, [&]<Rule rule>() {
        const Constants<T> u = constants_of(step, l2);
        Pointers<const T*> from{step.w + at, {step.slots[0] + at, step.slots[1] + at}};
        Pointers<T*> to{step.w_next + at, {step.slots_next[0] + at, step.slots_next[1] + at}};
        const auto advance = [stride](auto& place) {
            place = {place.w + stride, {place.slots[0] + stride, place.slots[1] + stride}};
        };
        for (int64_t r = 0; r < rows; ++r, advance(from), advance(to)) {
            const T* const sums = c + r * P<T>;
            if (step.streams_state) update_range<rule, Stores::past_caches_looking>(u, from, to, sums, count, outside);
            else if (step.moderate) update_range<rule, Stores::looking>(u, from, to, sums, count, outside);
            else update_range<rule, Stores::plainly>(u, from, to, sums, count, outside);
        }
    });
    if (step.streams_state) end_streams();
    if (step.moderate && outside.found()) __atomic_store_n(step.moderate, false, __ATOMIC_RELAXED);
}

// The same from a gradient of all parameters.
template <class T> void update(const Step<T>& step, const T* gradient, int64_t first, int64_t count) {
    update_rows(step, first, 0, gradient + first, 1, count, step.l2);
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
