// A[l-1] → Z[l].
#pragma once

#include "activations.hpp"
#include "tiles.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

template <class T, class I>
void sparse_rows(const Step<T>& step, const T* W, const T* b, int64_t first, int64_t count, T* Z) {
    const Layer<T>& layer = step.layers[0];
    const auto* const starts = static_cast<const I*>(step.sparse->starts);
    const auto* const columns = static_cast<const I*>(step.sparse->columns);
    for (int64_t i = 0; i < layer.units; ++i) {
        const T* const w = W + i * layer.inputs;
        for (int64_t p = 0; p < count; ++p) {
            T* const z = Z + (p * layer.units + i) * P<T>;
            const int lanes = filled(step, first + p);
            for (int j = 0; j < P<T>; ++j) {
                T sum[2] = {0, 0};
                if (j < lanes) {
                    const int64_t row = example(step, (first + p) * P<T> + j);
                    I e = starts[row];
                    const I end = starts[row + 1];
                    for (; e + 1 < end; e += 2) {
                        sum[0] += w[columns[e]] * step.sparse->values[e];
                        sum[1] += w[columns[e + 1]] * step.sparse->values[e + 1];
                    }
                    if (e < end) sum[0] += w[columns[e]] * step.sparse->values[e];
                }
                z[j] = b[i] + (sum[0] + sum[1]);
            }
        }
    }
}

// Z[l] = W[l] A[l-1] + b[l] of some panels, or max(0, Z[l]); then done(p, first row, rows) for each tile of it.
template <class T, class F>
void linear(const Step<T>& step, int64_t l, int64_t first, int64_t count, const T* A, T* Z, bool rectify, F done) {
    const Layer<T>& layer = step.layers[l - 1];
    const int64_t K = layer.inputs, n = layer.units;
    const T *const W = step.w + layer.at, *const b = W + n * K;
    if (l == 1 && step.sparse) {
        if (step.sparse->wide) sparse_rows<T, int64_t>(step, W, b, first, count, Z);
        else sparse_rows<T, int32_t>(step, W, b, first, count, Z);
        for (int64_t p = 0; p < count; ++p) {
            if (rectify) activate<T>(Function::relu, 0, Z + p * n * P<T>, nullptr, n, vectors(step, first + p));
            done(p, 0, n);
        }
        return;
    }
    // As many terms at a time as let GROUP panels stay near while the rows of W pass.
    const int64_t blocks = ceil_div(K, NEAR / (GROUP * P<T> * int64_t(sizeof(T)))), depth = ceil_div(K, blocks);
    for (int64_t k = 0; k < K; k += depth) {
        const int64_t some = least(depth, K - k);
        for_tiles(n, [&](int64_t i, int64_t rows) {
            for (int64_t p = 0; p < count; ++p) {
                const auto run = tile_of<T, false>(rows, vectors(step, first + p));
                run(W + i * K + k, K, some, some, 0, A + (p * K + k) * P<T>, Z + (p * n + i) * P<T>, b + i,
                    (k > 0 ? ADD : PLAIN) | (rectify && k + depth >= K ? RECTIFY : PLAIN));
                if (k + depth >= K) done(p, i, rows);
            }
        });
    }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
