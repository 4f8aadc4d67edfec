// The backward pass of one layer: dZ[l-1] = W[l]ᵀ dZ[l] ∗ g′(Z[l-1]).
#pragma once

#include "tiles.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// All chosen; no measurement is recorded.
constexpr int64_t FEW_UNITS = 4;                   // of layer l, whose dZ then stay in registers
constexpr int64_t GATHER_BYTES = CACHE_BYTES / 4;  // W larger than this is gathered first
constexpr int GATHERED_TILES = 4;                  // tiles whose weights are gathered at once
constexpr int64_t PREFETCHED_ROWS = 16;            // of W, ahead of the one that is gathered

// The width of a gathered tile: its rows in whole vectors.
template <class T> constexpr int64_t GATHERED_WIDTH = (TILE_ROWS + N<T> - 1) / N<T> * N<T>;

// The columns of W (n, K) that belong to the tiles from t on, GATHERED_TILES at most: to[tile][n][GATHERED_WIDTH].
template <class T> void gather_columns(const T* W, int64_t n, int64_t K, int64_t t, T* to) {
    const int64_t tiles = least(GATHERED_TILES, tiles_of(K) - t);
    for (int64_t i = 0; i < n; ++i) {
        const T* const row = W + i * K;
        __builtin_prefetch(row + PREFETCHED_ROWS * K + span(K, t).first);
        for (int64_t u = 0; u < tiles; ++u) {
            const Span s = span(K, t + u);
            for (int64_t r = 0; r < s.rows; r += N<T>) {
                store(to + (u * n + i) * GATHERED_WIDTH<T> + r,
                      load_partial(row + s.first + r, int(least(N<T>, s.rows - r))));
            }
        }
    }
}

// dZ = dA ∗ g′(Z) of one vector; g′(Z) is at d, or follows from the activation at a.
template <class T> CHAINRULE_INLINE Vec<T> times_slope(const Layer<T>& layer, Vec<T> dA, const T* a, const T* d) {
    if (layer.stores_slope) return dA * load(d);
    return layer.g == Function::relu ? select(load(a) > 0, dA, Vec<T>{}) : dA;
}

// dZ[l-1] of one panel where layer l has the few units n.
template <class T, int n>
void backward_few_units(const Layer<T>& below, const T* W, int64_t K, const T* dZ, T* a, T* d, int V) {
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
    if (n <= FEW_UNITS) {
        constexpr decltype(&backward_few_units<T, 1>) few[] = {backward_few_units<T, 1>, backward_few_units<T, 2>,
                                                               backward_few_units<T, 3>, backward_few_units<T, 4>};
        for (int64_t p = 0; p < count; ++p) {
            const int64_t at = (first + p) * K * P<T>;
            few[n - 1](below, W, K, dZ + p * n * P<T>, below.A + at, below.D + at, vectors(step, first + p));
        }
        return;
    }
    T *const dA = scratch, *const gathered = scratch + TILE_ROWS * P<T>;
    // A tile takes a few columns of W, of which each row is in another page where W is large.
    const bool gathers = n * K * int64_t(sizeof(T)) > GATHER_BYTES;
    for (int64_t t = 0; t < tiles_of(K); ++t) {
        const auto [k, rows] = span(K, t);
        if (gathers && t % GATHERED_TILES == 0) gather_columns(W, n, K, t, gathered);
        const T* const s = gathers ? gathered + t % GATHERED_TILES * n * GATHERED_WIDTH<T> : W + k;
        for (int64_t p = 0; p < count; ++p) {
            const int V = vectors(step, first + p);
            const int64_t stride = gathers ? GATHERED_WIDTH<T> : K;
            tile_of<T, true>(rows, V)(s, stride, n, n, 0, dZ + p * n * P<T>, dA, nullptr, STORE);
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
