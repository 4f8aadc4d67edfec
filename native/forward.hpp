// The linear part of one layer: Z[l] = W[l] A[l-1] + b[l].
#pragma once

#include "activations.hpp"
#include "tiles.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// Bytes of a panel of inputs that stays in the first-level cache, where the layer need not be taken as a thin one.
// Chosen; no measurement is recorded.
constexpr int64_t THIN_PANEL_BYTES = int64_t{32} << 10;

// Terms of a part of the sums of Z[1], at most, where they are taken in parts, of batches of so many panels at most. On
// two cores of a Sapphire Rapids server in float32, a step of 3072-64-10 with batches of 32 took two threads 0.53 of
// the time, with 1024 terms 0.66. With 12288-20 and 209 examples it took 1.00 and 0.92 in two runs, with two panels
// 0.96 to 1.05, on one thread 0.98 to 1.08. Other numbers of panels were not measured.
constexpr int64_t PART_TERMS = 512, SPLIT_PANELS = MAX_GROUP;

// Z[1] of some panels, of sparse examples whose indices are of type I.
template <class T, class I>
void sparse_product(const Step<T>& step, const T* W, const T* b, int64_t first, int64_t count, T* Z) {
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

// As many of K terms at a time as let MAX_GROUP panels stay in cache while the rows of W pass.
template <class T> int64_t depth_of(int64_t K) {
    const int64_t most = CACHE_BYTES / (MAX_GROUP * P<T> * int64_t(sizeof(T)));
    return ceil_div(K, ceil_div(K, most));
}

// Whether layer l is thin: it has many inputs, and so few units that what a panel passes of W at a time stays in cache.
template <class T> bool is_thin(const Step<T>& step, int64_t l) {
    const Layer<T>& layer = step.layers[l - 1];
    return l == 1 && !step.sparse && layer.inputs * P<T> * int64_t(sizeof(T)) > THIN_PANEL_BYTES &&
           layer.units * depth_of<T>(layer.inputs) * int64_t(sizeof(T)) <= CACHE_BYTES;
}

// Terms k … k + terms - 1 of Z[1] of some panels of a thin layer; then done(p, first row, rows) for each tile. Each
// panel is read once, by all tiles, and the next one is prefetched meanwhile; or packed, where A is null, into
// `buffer`.
template <class T, class F>
void thin_terms(const Step<T>& step, int64_t k, int64_t terms, int64_t first, int64_t count, const T* A, T* buffer,
                T* Z, const T* b, int epilogue, F done) {
    const Layer<T>& layer = step.layers[0];
    const int64_t K = layer.inputs, n = layer.units;
    const T* const W = step.w + layer.at + k;
    for (int64_t p = 0; p < count; ++p) {
        if (!A) pack_panel(step, step.X, k, terms, first + p, buffer);
        const T* const a = A ? A + (p * K + k) * P<T> : buffer;
        const T* const ahead = !A ? nullptr : p + 1 < count ? a + K * P<T> : A + (k + terms) * P<T>;
        const int V = vectors(step, first + p);
        for_tiles(n, [&](int64_t i, int64_t rows) {
            T* const z = Z + (p * n + i) * P<T>;
            const auto product = [&](auto... next_panel) {
                tile_of<T, false, decltype(next_panel)...>(rows, V)(
                    W + i * K, K, terms, terms, 0, a, z, b ? b + i : nullptr, epilogue, nullptr, next_panel...);
            };
            const int64_t t = i / rows;
            if (ahead && t < 2) product(NextPanel<T>(ahead, terms, rows < n, int(t)));
            else product();
            done(p, i, rows);
        });
    }
}

// Z[1] of some panels of a thin layer, as `linear` gives it, depth_of(K) terms at a time.
template <class T, class F>
void thin_linear(const Step<T>& step, int64_t first, int64_t count, const T* A, T* buffer, T* Z, bool relu, F done) {
    const Layer<T>& layer = step.layers[0];
    const int64_t K = layer.inputs, depth = depth_of<T>(K);
    for (int64_t k = 0; k < K; k += depth) {
        const bool last = k + depth >= K;
        thin_terms(step, k, least(depth, K - k), first, count, A, buffer, Z, step.w + layer.at + layer.units * K,
                   (k > 0 ? ACCUMULATE : STORE) | (relu && last ? RELU : STORE),
                   [&](int64_t p, int64_t i, int64_t rows) {
                       if (last) done(p, i, rows);
                   });
    }
}

// In how many parts the sums of Z[1] are taken, so that threads can share few panels; 0 where they are not.
template <class T> int64_t parts_of(const Step<T>& step) {
    const int64_t K = step.layers[0].inputs;
    const bool splits = is_thin(step, 1) && panels_of(step) <= SPLIT_PANELS && K >= 2 * PART_TERMS;
    return splits ? ceil_div(K, PART_TERMS) : 0;
}

// Part `part` of `parts` of Z[1] of some panels, to Step::parts.
template <class T> void thin_part(const Step<T>& step, int64_t part, int64_t first, int64_t count, T* buffer) {
    const Layer<T>& layer = step.layers[0];
    const int64_t K = layer.inputs, n = layer.units, terms = ceil_div(K, parts_of(step)), k = part * terms;
    thin_terms(step, k, least(terms, K - k), first, count, step.packed ? step.packed + first * K * P<T> : nullptr,
               buffer, step.parts + (part * panels_of(step) + first) * n * P<T>,
               part == 0 ? step.w + layer.at + n * K : nullptr, STORE, [](int64_t, int64_t, int64_t) {});
}

// Z[1] of some panels as the sum of its parts, or max(0, Z[1]); then done(p, 0, units) for each panel.
template <class T, class F> void sum_parts(const Step<T>& step, int64_t first, int64_t count, T* Z, bool relu, F done) {
    const int64_t n = step.layers[0].units, parts = parts_of(step);
    const int64_t stride = panels_of(step) * n * P<T>;
    for (int64_t p = 0; p < count; ++p, Z += n * P<T>) {
        const T* const from = step.parts + (first + p) * n * P<T>;
        for (int64_t i = 0; i < n; ++i) {
            for (int v = 0; v < vectors(step, first + p); ++v) {
                const int64_t at = i * P<T> + v * N<T>;
                Vec<T> z = load(from + at);
                for (int64_t part = 1; part < parts; ++part) z += load(from + part * stride + at);
                store(Z + at, relu ? select(z < 0, Vec<T>{}, z) : z);  // NaN stays NaN
            }
        }
        done(p, 0, n);
    }
}

// Z[l] = W[l] A[l-1] + b[l] of some panels, or max(0, Z[l]); then done(p, first row, rows) for each tile of it.
template <class T, class F>
void linear(const Step<T>& step, int64_t l, int64_t first, int64_t count, const T* A, T* buffer, T* Z, bool relu,
            F done) {
    if (l == 1 && step.parts) return sum_parts(step, first, count, Z, relu, done);
    if (is_thin(step, l)) return thin_linear(step, first, count, A, buffer, Z, relu, done);
    const Layer<T>& layer = step.layers[l - 1];
    const int64_t K = layer.inputs, n = layer.units;
    const T *const W = step.w + layer.at, *const b = W + n * K;
    if (l == 1 && step.sparse) {
        if (step.sparse->int64_indices) sparse_product<T, int64_t>(step, W, b, first, count, Z);
        else sparse_product<T, int32_t>(step, W, b, first, count, Z);
        for (int64_t p = 0; p < count; ++p) {
            if (relu) activate<T>(Function::relu, 0, Z + p * n * P<T>, nullptr, n, vectors(step, first + p));
            done(p, 0, n);
        }
        return;
    }
    const int64_t depth = depth_of<T>(K);
    for (int64_t k = 0; k < K; k += depth) {
        const int64_t terms = least(depth, K - k);
        for_tiles(n, [&](int64_t i, int64_t rows) {
            for (int64_t t = 0; t < terms; t += CACHED_TERMS<T>) {
                for (int64_t p = 0; p < count; ++p) {
                    const int V = vectors(step, first + p);
                    const bool whole = !divisible(rows, V);
                    if (whole && t > 0) continue;
                    const int64_t part = whole ? terms : least(CACHED_TERMS<T>, terms - t), at = k + t;
                    const bool last = at + part == K;
                    tile_of<T, false>(rows, V)(W + i * K + at, K, part, part, 0, A + (p * K + at) * P<T>,
                                               Z + (p * n + i) * P<T>, b + i,
                                               (at > 0 ? ACCUMULATE : STORE) | (relu && last ? RELU : STORE), nullptr);
                    if (last) done(p, i, rows);
                }
            }
        });
    }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
