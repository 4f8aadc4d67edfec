// The backward pass of one layer: dZ[l-1] = W[l]ᵀ dZ[l] ∗ g′(Z[l-1]).
#pragma once

#include "tiles.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// Units of layer l, at most, whose dZ stay in registers. Chosen; no measurement is recorded.
constexpr int64_t FEW_UNITS = 4;
// Bytes of W[l] from which on its transpose is packed: a tile takes a few columns of W, and each row of these is in
// another page where W is large. Chosen; no measurement is recorded.
constexpr int64_t TRANSPOSED_BYTES = CACHE_BYTES / 4;
// Rows of W that are packed together, from one tile of columns to the next. Chosen; no measurement is recorded.
constexpr int64_t TRANSPOSED_ROWS = 16;

// How many numbers the packed transpose of W[l] has; 0 where W is read as it is.
template <class T> int64_t transposed_size(const Step<T>& step, int64_t l) {
    const int64_t K = step.layers[l - 1].inputs, n = step.layers[l - 1].units;
    return l > 1 && n > FEW_UNITS && n * K * int64_t(sizeof(T)) > TRANSPOSED_BYTES ? n * K : 0;
}

// Rows first … first + count - 1 of W[l] (n, K) to its packed transpose: [tile of columns][n][columns of the tile].
template <class T> void transpose_weights(const Step<T>& step, int64_t l, int64_t first, int64_t count) {
    const Layer<T>& layer = step.layers[l - 1];
    const int64_t K = layer.inputs, n = layer.units;
    const T* const W = step.w + layer.at;
    for (int64_t i0 = first; i0 < first + count; i0 += TRANSPOSED_ROWS) {
        const int64_t rows = least(TRANSPOSED_ROWS, first + count - i0);
        for_tiles(K, [&](int64_t k, int64_t width) {
            const T* from = W + i0 * K + k;
            T* to = layer.transposed + k * n + i0 * width;
            for (int64_t i = 0; i < rows; ++i, from += K, to += width) {
                for (int64_t r = 0; r < width; r += N<T>) {
                    const int part = int(least(N<T>, width - r));
                    store_partial(to + r, load_partial(from + r, part), part);
                }
            }
        });
    }
}

// dZ = dA ∗ g′(Z) of one vector; g′(Z) is at d, or follows from the activation at a.
template <class T> CHAINRULE_INLINE Vec<T> times_slope(const Layer<T>& layer, Vec<T> dA, const T* a, const T* d) {
    if (layer.stores_slope) return dA * load(d);
    return layer.g == Function::relu ? select(load(a) > 0, dA, Vec<T>{}) : dA;
}

// dZ[l-1] of one panel of V vectors where layer l has the few units n. The layer below is a copy, which stores to a and
// d cannot change: so it is not read again for each of them.
template <class T, int n, int V>
void backward_few_units(const Layer<T> below, const T* W, int64_t K, const T* dZ, T* a, T* d) {
    Vec<T> z[n][V];
    UNROLL for (int i = 0; i < n; ++i) { UNROLL for (int v = 0; v < V; ++v) z[i][v] = load(dZ + i * P<T> + v * N<T>); }
    for (int64_t k = 0; k < K; ++k, a += P<T>, d += P<T>) {
        UNROLL for (int v = 0; v < V; ++v) {
            Vec<T> x = W[k] * z[0][v];
            UNROLL for (int i = 1; i < n; ++i) x += W[i * K + k] * z[i][v];
            store(d + v * N<T>, times_slope(below, x, a + v * N<T>, d + v * N<T>));
        }
    }
}

// dZ[l-1] = W[l]ᵀ dZ[l] ∗ g′(Z[l-1]) of some panels.
template <class T> void backward(const Step<T>& step, int64_t l, int64_t first, int64_t count, T* dA) {
    const Layer<T>&layer = step.layers[l - 1], &below = step.layers[l - 2];
    const int64_t K = layer.inputs, n = layer.units;
    const T *const W = step.w + layer.at, *const dZ = layer.D + first * n * P<T>;
    if (n <= FEW_UNITS) {
        constexpr decltype(&backward_few_units<T, 1, 1>) few[][2] = {
            {backward_few_units<T, 1, 1>, backward_few_units<T, 1, 2>},
            {backward_few_units<T, 2, 1>, backward_few_units<T, 2, 2>},
            {backward_few_units<T, 3, 1>, backward_few_units<T, 3, 2>},
            {backward_few_units<T, 4, 1>, backward_few_units<T, 4, 2>}};
        for (int64_t p = 0; p < count; ++p) {
            const int64_t at = (first + p) * K * P<T>;
            few[n - 1][vectors(step, first + p) - 1](below, W, K, dZ + p * n * P<T>, below.A + at, below.D + at);
        }
        return;
    }
    for (int64_t t = 0; t < tiles_of(K); ++t) {
        const Span tile = span(K, t);  // clang before 16 takes no names of its parts into a lambda
        const int64_t k = tile.first, rows = tile.rows;
        const auto times_slopes = [&](int64_t p, int V, const T* tile_sums) {
            for (int64_t r = 0; r < rows; ++r) {
                for (int v = 0; v < V; ++v) {
                    const int64_t at = (((first + p) * K + k) + r) * P<T> + v * N<T>;
                    const Vec<T> x = load(tile_sums + r * P<T> + v * N<T>);
                    store(below.D + at, times_slope(below, x, below.A + at, below.D + at));
                }
            }
        };
        if (!layer.transposed) {
            for (int64_t p = 0; p < count; ++p) {
                const int V = vectors(step, first + p);
                tile_of<T, true>(rows, V)(W + k, K, n, n, 0, dZ + p * n * P<T>, dA, nullptr, STORE, nullptr);
                times_slopes(p, V, dA);
            }
            continue;
        }
        const T* const s = layer.transposed + k * n;
        for (int64_t i = 0; i < n; i += CACHED_TERMS<T>) {
            for (int64_t p = 0; p < count; ++p) {
                const int V = vectors(step, first + p);
                const bool whole = !divisible(rows, V);
                if (whole && i > 0) continue;
                const int64_t terms = whole ? n : least(CACHED_TERMS<T>, n - i);
                // The terms that follow lie behind these; each panel fetches its part of them.
                const int64_t from = rows * p / count, to = rows * (p + 1) / count;
                const Ahead<T> ahead{rows * terms + from * P<T>, P<T>, to - from, {}, 0, 0, 0};
                T* const sums = dA + p * TILE_ROWS * P<T>;
                tile_of<T, true>(rows, V)(s + i * rows, rows, terms, P<T>, 0, dZ + (p * n + i) * P<T>, sums, nullptr,
                                          i > 0 ? ACCUMULATE : STORE, &ahead);
                if (i + terms == n) times_slopes(p, V, sums);
            }
        }
    }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
