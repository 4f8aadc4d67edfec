// Z → A = g(Z) and g′(Z), for every activation.
#pragma once

#include "math.hpp"
#include "panels.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// a = f(a, s) for some rows of a panel; s goes to `slope` if there is one, and is not computed otherwise.
template <class T, class F> CHAINRULE_INLINE void each(T* a, T* slope, int64_t rows, int V, F f) {
    const auto over = [&](auto sloped) {
        for (int64_t r = 0; r < rows; ++r) {
            for (int v = 0; v < V; ++v) {
                const int64_t i = r * P<T> + v * N<T>;
                Vec<T> s{};
                store(a + i, f(load(a + i), s));
                if constexpr (sloped) store(slope + i, s);
            }
        }
    };
    if (slope) over(std::true_type{});
    else over(std::false_type{});
}

// Z → A = g(Z) in place, and g′(Z).
template <class T> void activate(Function g, T alpha, T* a, T* slope, int64_t rows, int V) {
    using X = Vec<T>;
    constexpr X zero{};
    const X one = splat<T>(1);
    const auto elu = [&](T scale, T alpha) {
        each(a, slope, rows, V, [&](X z, X& s) {
            const X e = expm1(min(z, zero));
            s = select(z > 0, splat<T>(scale), scale * alpha * (e + 1));
            return select(z > 0, scale * z, scale * alpha * e);
        });
    };
    switch (g) {
        case Function::identity:
            if (slope) each(a, slope, rows, V, [&](X z, X& s) { return s = one, z; });
            break;
        case Function::sigmoid:
            each(a, slope, rows, V, [&](X z, X& s) {
                X rest;
                const X y = sigmoid(z, rest);
                s = y * rest;
                return y;
            });
            break;
        case Function::tanh:
            each(a, slope, rows, V, [&](X z, X& s) {
                const X y = tanh(z);
                s = 1 - y * y;
                return y;
            });
            break;
        case Function::relu:
            each(a, slope, rows, V, [&](X z, X& s) {
                s = select(z > 0, one, zero);
                return select(z < 0, zero, z);  // NaN stays NaN
            });
            break;
        case Function::leaky_relu:
            each(a, slope, rows, V, [&](X z, X& s) {
                s = select(z > 0, one, splat<T>(alpha));
                return select(z > 0, z, alpha * z);
            });
            break;
        case Function::elu: elu(1, alpha); break;
        case Function::selu: elu(T(1.0507009873554805), T(1.6732632423543772)); break;
        case Function::softplus:
            each(a, slope, rows, V, [&](X z, X& s) {
                s = sigmoid(z);
                return softplus(z);
            });
            break;
        case Function::gelu:
            each(a, slope, rows, V, [&](X z, X& s) {
                const X p = normal_cdf(z);
                s = p + z * normal_pdf(z);
                return z * p;
            });
            break;
        case Function::silu:
            each(a, slope, rows, V, [&](X z, X& s) {
                X rest;
                const X y = sigmoid(z, rest);
                s = y * (1 + z * rest);
                return z * y;
            });
            break;
        case Function::mish:
            each(a, slope, rows, V, [&](X z, X& s) {
                const X t = tanh(softplus(z));
                s = t + z * sigmoid(z) * (1 - t * t);
                return z * t;
            });
            break;
        case Function::exp: each(a, slope, rows, V, [](X z, X&) { return exp(z); }); break;
        case Function::softmax:
            for (int v = 0; v < V; ++v) {
                T* const column = a + v * N<T>;
                X top = load(column);
                for (int64_t i = 1; i < rows; ++i) top = max(top, load(column + i * P<T>));
                const X total = sum_of<T>(rows, [&](int64_t i) {
                    const X e = exp(load(column + i * P<T>) - top);
                    store(column + i * P<T>, e);
                    return e;
                });
                for (int64_t i = 0; i < rows; ++i) store(column + i * P<T>, load(column + i * P<T>) / total);
            }
            break;
    }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
