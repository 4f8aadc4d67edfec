// The losses: 𝓛 and dZ[L] from Z[L] and Y. The names of their rows are in tables.hpp.
#pragma once

#include "math.hpp"
#include "panels.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// Z[L] → dZ[L] of one vector in place; gives the 𝓛 of each lane. From one unit to the next, of Z and of the targets Y,
// are `stride` numbers, as in E, memory for e^Z. Each lane has its weight in both; one with weight 0 counts nothing,
// whatever it is.
template <class T>
CHAINRULE_INLINE Vec<T> cost_of_vector(const Step<T>& step, Vec<T> w, T* Z, const T* Y, T* E, ptrdiff_t stride) {
    using X = Vec<T>;
    const Layer<T>& out = step.layers[step.L - 1];
    const int64_t n = out.units;
    const X zero{}, one = splat<T>(1);
    const auto has_weight = w != 0;
    X total{};
    const auto over_units = [&](auto f) {
        total = sum_of<T>(n, [&](int64_t i) {
            T* const z = Z + i * stride;
            X dz;
            const X loss = f(load(z), load(Y + i * stride), dz);
            store(z, select(has_weight, dz * w, zero));
            return loss;
        });
    };
    switch (step.loss) {
        case Loss::binary_cross_entropy:
            over_units([&](X z, X y, X& dz) {
                dz = sigmoid(z) - y;
                return softplus(z) - y * z;
            });
            break;
        case Loss::cross_entropy: {
            const X largest = largest_of(Z, n, stride);
            const X total_e = sum_of<T>(n, [&](int64_t i) {
                const X e = exp(load(Z + i * stride) - largest);
                store(E + i * stride, e);
                return e;
            });
            const X logsum = log(total_e), inverse = 1 / total_e;
            over_units([&, e = E](X z, X y, X& dz) mutable {
                dz = load(e) * inverse - y;
                e += stride;
                return y * (logsum - (z - largest));
            });
            break;
        }
        case Loss::half_squared_error:
            over_units([&](X z, X y, X& dz) {
                X a = z, slope = one;
                if (out.g == Function::relu) {
                    a = select(z < 0, zero, z), slope = select(z > 0, one, zero);
                } else if (out.g == Function::tanh) {
                    a = tanh(z), slope = 1 - a * a;
                } else if (out.g == Function::sigmoid) {
                    X complement;
                    a = sigmoid(z, complement), slope = a * complement;
                }
                const X e = a - y;
                dz = e * slope;
                return e * e / 2;
            });
            break;
        case Loss::absolute:
            over_units([&](X z, X y, X& dz) {
                const X e = z - y;
                dz = select(e > 0, one, select(e < 0, -one, e));
                return abs(e);
            });
            break;
        case Loss::huber:
            over_units([&](X z, X y, X& dz) {
                const X e = z - y, delta = splat<T>(step.delta), clipped = min(abs(e), delta);
                dz = max(min(e, delta), -delta);
                return clipped * (abs(e) - clipped / 2);
            });
            break;
        case Loss::poisson:
            over_units([&](X z, X y, X& dz) {
                const X a = exp(z);
                dz = a - y;
                return a - y - y * z + y * log(select(y > 0, y, one));
            });
            break;
    }
    return select(has_weight, total * w, zero);
}

// The same of one panel; gives Σ 𝓛. `scratch` is for as many numbers as Z has.
template <class T> double cost(const Step<T>& step, int64_t p, T* Z, const T* Y, T* scratch) {
    using X = Vec<T>;
    const int count = filled(step, p);
    const X zero{}, one = splat<T>(1);
    double losses = 0;
    for (int v = 0; v < vectors(step, p); ++v) {
        X w = select(iota<T>() < T(count - v * N<T>), one, zero);
        if (step.weights) {
            for (int j = 0; j < N<T> && v * N<T> + j < count; ++j)
                w[j] = step.weights[example(step, p * P<T> + v * N<T> + j)];
        }
        const int64_t at = v * N<T>;
        losses += double(sum(cost_of_vector(step, w, Z + at, Y + at, scratch + at, P<T>)));
    }
    return losses;
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
