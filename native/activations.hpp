// The activations: A = g(Z) and g′(Z). The names of their rows are in tables.hpp.
#pragma once

#include "math.hpp"
#include "panels.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// a = f(a, s) for some rows of a panel, V vectors wide; s goes to `slope` if there is one, and is not computed
// otherwise.
template <class T, class F> CHAINRULE_INLINE void for_each_vector(T* a, T* slope, int64_t rows, int V, F f) {
    const auto run = [&](auto with_slope) {
        for (int64_t r = 0; r < rows; ++r) {
            for (int v = 0; v < V; ++v) {
                const int64_t i = r * P<T> + v * N<T>;
                Vec<T> s{};
                store(a + i, f(load(a + i), s));
                if constexpr (with_slope) store(slope + i, s);
            }
        }
    };
    if (slope) run(std::true_type{});
    else run(std::false_type{});
}

// Z → A = g(Z) in place, for some rows of a panel, V vectors wide; g′(Z) to `slope` unless that is null.
template <class T> void activate(Function g, T alpha, T* a, T* slope, int64_t rows, int V) {
    using X = Vec<T>;
    constexpr X zero{};
    const X one = splat<T>(1);
    const auto elu = [&](T scale, T alpha) {
        for_each_vector(a, slope, rows, V, [&](X z, X& s) {
            const X e = expm1(min(z, zero));
            s = select(z > 0, splat<T>(scale), scale * alpha * (e + 1));
            return select(z > 0, scale * z, scale * alpha * e);
        });
    };
    switch (g) {
        case Function::identity:
            if (slope) for_each_vector(a, slope, rows, V, [&](X z, X& s) { return s = one, z; });
            break;
        case Function::sigmoid:
            for_each_vector(a, slope, rows, V, [&](X z, X& s) {
                X complement;
                const X y = sigmoid(z, complement);
                s = y * complement;
                return y;
            });
            break;
        case Function::tanh:
            for_each_vector(a, slope, rows, V, [&](X z, X& s) {
                const X y = tanh(z);
                s = 1 - y * y;
                return y;
            });
            break;
        case Function::relu:
            for_each_vector(a, slope, rows, V, [&](X z, X& s) {
                s = select(z > 0, one, zero);
                return select(z < 0, zero, z);  // NaN stays NaN
            });
            break;
        case Function::leaky_relu:
            for_each_vector(a, slope, rows, V, [&](X z, X& s) {
                s = select(z > 0, one, splat<T>(alpha));
                return select(z > 0, z, alpha * z);
            });
            break;
        case Function::elu: elu(1, alpha); break;
        case Function::selu:  // Klambauer et al. 2017, equation 14
            elu(T(1.0507009873554805), T(1.6732632423543772));
            break;
        case Function::softplus:
            for_each_vector(a, slope, rows, V, [&](X z, X& s) {
                s = sigmoid(z);
                return softplus(z);
            });
            break;
        case Function::gelu:
            for_each_vector(a, slope, rows, V, [&](X z, X& s) {
                const X p = normal_cdf(z);
                s = p + z * normal_pdf(z);
                return z * p;
            });
            break;
        case Function::silu:
            for_each_vector(a, slope, rows, V, [&](X z, X& s) {
                X complement;
                const X y = sigmoid(z, complement);
                s = y * (1 + z * complement);
                return z * y;
            });
            break;
        case Function::mish:
            for_each_vector(a, slope, rows, V, [&](X z, X& s) {
                const X t = tanh(softplus(z));
                s = t + z * sigmoid(z) * (1 - t * t);
                return z * t;
            });
            break;
        case Function::exp: for_each_vector(a, slope, rows, V, [](X z, X&) { return exp(z); }); break;
        case Function::softmax:
            for (int v = 0; v < V; ++v) {
                T* const column = a + v * N<T>;
                const X largest = largest_of(column, rows);
                const X total = sum_of<T>(rows, [&](int64_t i) {
                    const X e = exp(load(column + i * P<T>) - largest);
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
