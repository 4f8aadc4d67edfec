// dZ[l] → dZ[l-1].
#pragma once

#include "tiles.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

constexpr int SIDE = 4;  // tiles whose weights are gathered at once
template <class T> constexpr int64_t PADDED = (TALL + N<T> - 1) / N<T> * N<T>;  // a row of a tile in whole vectors

// The columns of W (n, K) that the tiles from t on are about, SIDE of them at most: to[tile][n][PADDED].
template <class T> void gather(const T* W, int64_t n, int64_t K, int64_t t, T* to) {
    const int64_t tiles = least(SIDE, tiles_of(K) - t);
    for (int64_t i = 0; i < n; ++i) {
        const T* const row = W + i * K;
        __builtin_prefetch(row + 16 * K + span(K, t).first);
        for (int64_t u = 0; u < tiles; ++u) {
            const Span s = span(K, t + u);
            for (int64_t r = 0; r < s.rows; r += N<T>) {
                store(to + (u * n + i) * PADDED<T> + r, load_partial(row + s.first + r, int(least(N<T>, s.rows - r))));
            }
        }
    }
}

// dA → dZ: one vector times g′(Z), which is at d, or follows from the activation at a.
template <class T> CHAINRULE_INLINE Vec<T> times_slope(const Layer<T>& layer, Vec<T> dA, const T* a, const T* d) {
    if (layer.stores_slope) return dA * load(d);
    return layer.g == Function::relu ? select(load(a) > 0, dA, Vec<T>{}) : dA;
}

// dZ[l-1] of one panel from the few units n of layer l, whose dZ stay in registers.
template <class T, int n>
void backward_few(const Layer<T>& below, const T* W, int64_t K, const T* dZ, T* a, T* d, int V) {
    for (int v = 0; v < V; ++v) {
        Vec<T> z[n];
        UNROLL for (int i = 0; i < n; ++i) z[i] = load(dZ + i * P<T> + v * N<T>);
        for (int64_t k = 0; k < K; ++k) {
            Vec<T> x = W[k] * z[0];
            UNROLL for (int i = 1; i < n; ++i) x += W[i * K + k] * z[i];
            const int64_t at = k * P<T> + v * N<T>;
            store(d + at, times_slope(below, x, a + at, d + at));
        }
    }
}

// dZ[l-1] = W[l]ᵀ dZ[l] ∗ g′(Z[l-1]) of some panels.
template <class T> void backward(const Step<T>& step, int64_t l, int64_t first, int64_t count, T* scratch) {
    const Layer<T>&layer = step.layers[l - 1], &below = step.layers[l - 2];
    const int64_t K = layer.inputs, n = layer.units;
    const T *const W = step.w + layer.at, *const dZ = layer.D + first * n * P<T>;
    if (n <= 4) {
        constexpr decltype(&backward_few<T, 1>) few[] = {backward_few<T, 1>, backward_few<T, 2>, backward_few<T, 3>,
                                                         backward_few<T, 4>};
        for (int64_t p = 0; p < count; ++p) {
            const int64_t at = (first + p) * K * P<T>;
            few[n - 1](below, W, K, dZ + p * n * P<T>, below.A + at, below.D + at, vectors(step, first + p));
        }
        return;
    }
    T *const dA = scratch, *const near = scratch + TALL * P<T>;
    // Where every row of W is in another page, its columns are brought together first.
    const bool gathers = n * K * int64_t(sizeof(T)) > NEAR / 4;
    for (int64_t t = 0; t < tiles_of(K); ++t) {
        const auto [k, rows] = span(K, t);
        if (gathers && t % SIDE == 0) gather(W, n, K, t, near);
        const T* const s = gathers ? near + t % SIDE * n * PADDED<T> : W + k;
        for (int64_t p = 0; p < count; ++p) {
            const int V = vectors(step, first + p);
            tile_of<T, true>(rows, V)(s, gathers ? PADDED<T> : K, n, n, 0, dZ + p * n * P<T>, dA, nullptr, PLAIN);
            for (int64_t r = 0; r < rows; ++r) {
                for (int v = 0; v < V; ++v) {
                    const int64_t at = (((first + p) * K + k) + r) * P<T> + v * N<T>;
                    const Vec<T> x = load(dA + r * P<T> + v * N<T>);
                    store(below.D + at, times_slope(below, x, below.A + at, below.D + at));
                }
            }
        }
    }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
