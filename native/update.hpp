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

// One step of the optimizer for `count` parameters from `at` on, whose sums Σ dZ Aᵀ are in c.
template <Rule rule, class T>
CHAINRULE_INLINE void update_range(const Step<T>& step, int64_t at, const T* c, int64_t count, T l2) {
    using X = Vec<T>;
    const Update<T> u = step.update;
    const X tiny = splat<T>(TINY<T>), scale = splat<T>(step.scale);
    const T *const w0 = step.w + at, *const slot0 = step.slots[0] + at, *const slot1 = step.slots[1] + at;
    T *const w1 = step.w_next + at, *const next0 = step.slots_next[0] + at, *const next1 = step.slots_next[1] + at;
    const auto update_vector = [&](auto get, auto put) {
        const X w = get(w0), g = get(c) * scale + l2 * w;
        if constexpr (rule == Rule::gradient) {
            put(w1, g);
        } else if constexpr (rule == Rule::gradient_descent) {
            put(w1, w - u.rate * g);
        } else if constexpr (rule == Rule::momentum) {
            const X v = u.beta1 * get(slot0) + u.one_minus_beta1 * g;
            put(next0, v);
            put(w1, w - u.rate * v);
        } else if constexpr (rule == Rule::heavy_ball || rule == Rule::nesterov) {
            const X v = u.beta1 * get(slot0) - u.rate * g;
            put(next0, v);
            put(w1, w + (rule == Rule::heavy_ball ? v : u.beta1 * v - u.rate * g));
        } else if constexpr (rule == Rule::rmsprop) {
            const X s = u.beta2 * get(slot0) + u.one_minus_beta2 * (g * g);
            put(next0, s);
            put(w1, w - u.rate * g * recip(root(max(s, tiny)) + u.epsilon));
        } else {
            static_assert(rule == Rule::adam);
            const X v = u.beta1 * get(slot0) + u.one_minus_beta1 * g;
            const X s = u.beta2 * get(slot1) + u.one_minus_beta2 * (g * g);
            put(next0, v);
            put(next1, s);
            put(w1, u.decay * w - u.rate * v * recip(root(max(s, tiny)) + u.epsilon));
        }
    };
    int64_t i = 0;
    for (; i + N<T> <= count; i += N<T>) {
        update_vector([i](const T* from) { return load(from + i); }, [i](T* to, X x) { store(to + i, x); });
    }
    if (const int rest = int(count - i)) {
        update_vector([=](const T* from) { return load_partial(from + i, rest); },
                      [=](T* to, X x) { store_partial(to + i, x, rest); });
    }
}

// The same for some rows of parameters: row r is at `at` + r · stride, and its sums are at c + r · P.
template <class T>
void update_rows(const Step<T>& step, int64_t at, ptrdiff_t stride, const T* c, int64_t rows, int64_t count, T l2) {
    with_rule(step.update.rule, [&]<Rule rule>() {
        for (int64_t r = 0; r < rows; ++r) update_range<rule>(step, at + r * stride, c + r * P<T>, count, l2);
    });
}

// The same from a gradient of all parameters.
template <class T> void update(const Step<T>& step, const T* gradient, int64_t first, int64_t count) {
    update_rows(step, first, 0, gradient + first, 1, count, step.l2);
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
