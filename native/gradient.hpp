// The gradient of one layer and the step of the optimizer: dW[l] = dZ[l] A[l-1]ᵀ, db[l] = Σ dZ[l].
#pragma once

#include "tiles.hpp"
#include "update.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// Examples of a tile of dW, whose dZ stay in the first-level cache while they meet all columns of an item. Of 128, 256
// and 512 none was faster than the others.
constexpr int64_t EXAMPLE_BLOCK = 256;
// Examples whose A is packed at once, a multiple of EXAMPLE_BLOCK: an item of 4 panels then has 512 KB of it. On a
// Sapphire Rapids server dW of 2048 × 2048 took 119 GFLOP/s with 256, 133 with 512 and 139 with 1024.
constexpr int64_t PACKED_EXAMPLES = 1024;
constexpr int64_t BY_ROWS_UNITS = 64;  // and more, of a layer that is taken by rows

// db[l] of `rows` rows, N at most, whose dZ begin at d: sums in R registers, of which those beyond `rows` do not count.
template <class T, int R>
CHAINRULE_INLINE void row_sums(const Step<T>& step, const T* d, ptrdiff_t panel, int64_t rows, T* sums) {
    Vec<T> totals[N<T>]{};
    for (int64_t p = 0; p < panels_of(step); ++p, d += panel) {
        for (int v = 0; v < vectors(step, p); ++v) {
            UNROLL for (int r = 0; r < R; ++r) totals[r] += load(d + least(r, rows - 1) * P<T> + v * N<T>);
        }
    }
    T lane_sums[N<T>];
    sums_of_lanes<T, N<T>>(totals, lane_sums);
    for (int64_t r = 0; r < rows; ++r) sums[r] = lane_sums[r];
}

// db[l] of some rows.
template <class T> void bias_sums(const Step<T>& step, int64_t l, int64_t first, int64_t count, T* sums) {
    constexpr int FEW = N<T> / 4;  // most often a layer of few units is the last one; no measurement is recorded
    const Layer<T>& layer = step.layers[l - 1];
    for (int64_t i = 0; i < count; i += N<T>) {
        const int64_t rows = least(N<T>, count - i);
        const T* const d = layer.D + (first + i) * P<T>;
        if (rows <= FEW) row_sums<T, FEW>(step, d, layer.units * P<T>, rows, sums + i);
        else row_sums<T, N<T>>(step, d, layer.units * P<T>, rows, sums + i);
    }
}

// The step of some rows of b[l].
template <class T> void bias_update(const Step<T>& step, int64_t l, int64_t first, int64_t count, const T* sums) {
    const Layer<T>& layer = step.layers[l - 1];
    update_rows(step, layer.at + layer.units * layer.inputs + first, 0, sums, 1, count, T(0));
}

// Both.
template <class T> void bias_gradient(const Step<T>& step, int64_t l, int64_t first, int64_t count, T* sums) {
    bias_sums(step, l, first, count, sums);
    bias_update(step, l, first, count, sums);
}

// Row i of dW[1] from sparse examples whose indices are of type I.
template <class T, class I> void add_sparse_row(const Step<T>& step, int64_t i, T* row) {
    const Layer<T>& layer = step.layers[0];
    const auto* const starts = static_cast<const I*>(step.sparse->starts);
    const auto* const columns = static_cast<const I*>(step.sparse->columns);
    for (int64_t j = 0; j < step.m; ++j) {
        const T d = layer.D[(j / P<T> * layer.units + i) * P<T> + j % P<T>];
        if (d == 0) continue;
        const int64_t from = example(step, j);
        for (I e = starts[from]; e < starts[from + 1]; ++e) row[columns[e]] += d * step.sparse->values[e];
    }
}

// Rows of dW[1] and db[1] from sparse examples, and their step.
template <class T> void sparse_gradient(const Step<T>& step, const Item& item, T* row) {
    const Layer<T>& layer = step.layers[0];
    const auto [l, first, count, _, __] = item;
    for (int64_t i = first; i < first + count; ++i) {
        for (int64_t k = 0; k < layer.inputs; ++k) row[k] = 0;
        if (step.sparse->int64_indices) add_sparse_row<T, int64_t>(step, i, row);
        else add_sparse_row<T, int32_t>(step, i, row);
        update_rows(step, layer.at + i * layer.inputs, 0, row, 1, layer.inputs, step.l2);
    }
    bias_gradient(step, 1, first, count, row);
}

// Whether A[0]ᵀ of all examples in panels of columns may be kept beside A[0].
template <class T> bool turned_fits(const Step<T>& step) {
    const int64_t K = step.layers[0].inputs, packed = panels_of(step) * K, turned = ceil_div(K, P<T>) * step.m;
    return step.packed && (packed + turned) * P<T> * int64_t(sizeof(T)) <= KEPT_BYTES;
}

// Sums of dot products in registers, and rows of them where there are enough; no measurement is recorded. Of half as
// many rows, as the two of 100-2 are, twice as many columns are taken: about 0.3 µs less in a step of 30-100-2 with 200
// examples on a Sapphire Rapids server.
constexpr int DOT_PRODUCTS = REGISTERS == 32 ? 16 : 8, DOT_PRODUCT_ROWS = DOT_PRODUCTS / 4;

// C[r][c] = Σ_j dZ[r, j] A[c, j] of H rows, or fewer, as dot products: whole vectors of examples, whose lanes are added
// at the end.
template <class T, int H>
void dot_products_of_rows(const Step<T>& step, const T* dZ, int64_t n, int64_t rows, const T* A, int64_t K,
                          int64_t columns, T* C) {
    constexpr int W = DOT_PRODUCTS / H;
    for (int64_t c0 = 0; c0 < columns; c0 += W) {
        Vec<T> sums[H * W]{};
        for (int64_t p = 0; p < panels_of(step); ++p) {
            const T *const d = dZ + p * n * P<T>, *const a = A + p * K * P<T>;
            for (int v = 0; v < vectors(step, p); ++v) {
                Vec<T> x[W];
                UNROLL for (int c = 0; c < W; ++c) x[c] = load(a + least(c0 + c, columns - 1) * P<T> + v * N<T>);
                UNROLL for (int r = 0; r < H; ++r) {
                    const Vec<T> y = load(d + least(r, rows - 1) * P<T> + v * N<T>);
                    UNROLL for (int c = 0; c < W; ++c) sums[r * W + c] += y * x[c];
                }
            }
        }
        T products[H * W];
        sums_of_lanes<T, H * W>(sums, products);
        for (int64_t r = 0; r < least(H, rows); ++r) {
            for (int64_t c = 0; c < W && c0 + c < columns; ++c) C[r * P<T> + c0 + c] = products[r * W + c];
        }
    }
}

// C[r][c] = Σ_j dZ[i + r, j] A[k + c, j] likewise, for layers with few units or inputs, where A need not be transposed.
template <class T>
void dot_products(const Step<T>& step, int64_t l, int64_t i, int64_t rows, int64_t k, int64_t columns, T* C) {
    constexpr int H = DOT_PRODUCT_ROWS;
    const Layer<T>& layer = step.layers[l - 1];
    const int64_t K = layer.inputs, n = layer.units;
    const T *const A = (l == 1 ? step.packed : step.layers[l - 2].A) + k * P<T>, *const dZ = layer.D + i * P<T>;
    for (int64_t r = 0; r < rows; r += H) {
        const bool half = 2 * (rows - r) <= H && columns > DOT_PRODUCTS / H;
        const auto products = half ? dot_products_of_rows<T, H / 2> : dot_products_of_rows<T, H>;
        products(step, dZ + r * P<T>, n, rows - r, A, K, columns, C + r * P<T>);
    }
}

// Whether dot_products is faster for dW[l]. Never for more units and inputs than a tile has rows: each block of dot
// products would read the same examples again, and from a farther cache. On a Sapphire Rapids server, of 719 layers
// with 2 to 512 units, 4 to 512 inputs and 32 to 8,192 examples, the other way is then more than 1.1 times as fast in
// 9, and in 170 without that (AVX-512); with AVX2 in 6 of 431 and 160, with SSE in 63 of 287 and 48. Otherwise a rough
// count of the cycles, with AVX-512 in mind: 4 × 4 dot products take 8 loads for each vector of examples and about 60
// cycles for their lanes; a row of A that is copied takes 2 for each vector, a square that is transposed 6 for each of
// its rows; a tile takes n / 2 for each vector. Where A[0]ᵀ is kept, tiles took 0.45 to 0.9 of the time of dot products
// for 5 units or more and P / 4 inputs or more (that server, AVX-512, 100 to 2,000 examples, up to 100 units and 4,000
// inputs), and otherwise more, up to 3 times.
template <class T> bool prefers_dot_products(const Step<T>& step, int64_t l) {
    const Layer<T>& layer = step.layers[l - 1];
    if (l == 1 && !step.packed) return false;
    const int64_t n = layer.units, K = layer.inputs;
    if (n > TILE_ROWS && K > TILE_ROWS) return false;
    if (l == 1 && n > 4 && K > P<T> / 4 && turned_fits(step)) return false;
    const int64_t example_vectors = ceil_div(step.m, N<T>), input_vectors = ceil_div(K, N<T>);
    const int64_t dot_product_cycles = ceil_div(n, 4) * ceil_div(K, 4) * (8 * example_vectors + 60);
    const bool copies = l == 1 && step.X.unit_stride == 1;
    const int64_t transposing_cycles = (copies ? 2 * step.m : 6 * N<T> * example_vectors) * input_vectors;
    const int64_t tile_cycles = input_vectors * step.m * (n > 4 ? n / 2 : 2);
    return dot_product_cycles < transposing_cycles + tile_cycles;
}

// A panel of columns of A[0]ᵀ of all examples, as Step::turned holds it.
template <class T> void turn(const Step<T>& step, int64_t panel, T* turned) {
    const int64_t k = panel * P<T>, columns = least(P<T>, step.layers[0].inputs - k);
    pack_transposed(step, 1, k, columns, 0, step.m, turned + k * step.m, step.m * P<T>);
}

// Whether dW[l] is taken by rows: with a large W and few examples, its rows and their slots pass once from end to end.
template <class T> bool prefers_rows(const Step<T>& step, int64_t l) {
    const Layer<T>& layer = step.layers[l - 1];
    const int64_t row = layer.inputs * int64_t(sizeof(T));
    return (l == 1 && step.sparse) || (step.m <= BY_ROWS_EXAMPLES && step.m * row <= CACHE_BYTES &&
                                       layer.units >= BY_ROWS_UNITS && layer.units * row > CACHE_BYTES);
}

// Numbers of A[0]ᵀ in panels of columns; 0 where gradient_update has no use for it, or it takes too much memory.
template <class T> int64_t turned_size(const Step<T>& step) {
    const bool used = turned_fits(step) && !prefers_rows(step, 1) && !prefers_dot_products(step, 1);
    return used ? ceil_div(step.layers[0].inputs, P<T>) * P<T> * step.m : 0;
}

// Rows of dW[l] and db[l], and their step.
template <class T> void gradient_by_rows(const Step<T>& step, const Item& item, T* scratch) {
    const auto [l, first, count, _, turned] = item;
    const Layer<T>& layer = step.layers[l - 1];
    const int64_t K = layer.inputs, n = layer.units, columns = ceil_div(K, P<T>), m = step.m;
    T *const At = scratch, *const sums = At + columns * m * P<T>, *const db = sums + ROW_BLOCK * P<T>;
    if (!turned) pack_transposed(step, l, 0, K, 0, m, At, m * P<T>);
    for (int64_t i = first; i < first + count; i += ROW_BLOCK) {
        const int64_t rows = least(ROW_BLOCK, first + count - i);
        for (int64_t c = 0; c < columns; ++c) {
            const int64_t width = least(P<T>, K - c * P<T>);
            tile_of<T, false>(rows, width > N<T> ? 2 : 1)(layer.D + i * P<T>, P<T>, m, P<T>, (n - 1) * P<T>,
                                                          At + c * m * P<T>, sums, nullptr, STORE, nullptr);
            update_rows(step, layer.at + i * K + c * P<T>, K, sums, rows, width, step.l2);
        }
    }
    bias_gradient(step, l, first, count, db);
}

template <class T> int64_t gradient_update_scratch(const Step<T>& step, const Item& item) {
    const auto [l, first, count, by_rows, _] = item;
    const Layer<T>& layer = step.layers[l - 1];
    if (l == 1 && step.sparse) return layer.inputs > count ? layer.inputs : count;
    if (by_rows) return (ceil_div(layer.inputs, P<T>) * step.m + ROW_BLOCK) * P<T> + count;
    const int64_t columns = ceil_div(count, P<T>), packed = least(PACKED_EXAMPLES, step.m);
    return columns * P<T> * ((step.m > PACKED_EXAMPLES ? layer.units : TILE_ROWS) + packed) + layer.units;
}

// The step of whole rows of W, of less than a panel, that follow each other: their sums are put together, so that its
// vectors are full and begin where lines of the cache do, except for the first and the last. On a Sapphire Rapids
// server a step of 30-100-2 with 200 examples took 1.2 µs for it, and row by row 3.8.
template <class T> class RowsTogether {
  public:
    // The first row is at `at`.
    RowsTogether(const Step<T>& step, int64_t at) : step(step), at(at) {}

    // The next rows, of K numbers, whose sums are P apart; up to TILE_ROWS.
    void add(const T* rows, int64_t count, int64_t K) {
        for (int64_t r = 0; r < count; ++r, waiting += K) {
            for (int v = 0; v < 2; ++v) store(sums + waiting + v * N<T>, load(rows + r * P<T> + v * N<T>));
        }
        update((at + waiting) / N<T> * N<T> - at);
    }

    void end() { update(waiting); }

  private:
    void update(int64_t count) {
        if (count <= 0) return;
        update_rows(step, at, 0, sums, 1, count, step.l2);
        at += count, waiting -= count;
        store(sums, load(sums + count));
    }

    const Step<T>& step;
    int64_t at, waiting = 0;  // numbers in `sums`, fewer than N between two calls
    alignas(CACHE_LINE) T sums[(TILE_ROWS + 1) * P<T>];
};

// Columns or rows of dW[l], with them db[l], and the step of the optimizer for these parameters.
template <class T> void gradient_update(const Step<T>& step, const Item& item, T* scratch) {
    // No structured binding: clang 14 captures none in a lambda.
    const int64_t l = item.l, first = item.first, count = item.count;
    if (l == 1 && step.sparse) return sparse_gradient(step, item, scratch);
    if (item.by_rows) return gradient_by_rows(step, item, scratch);
    const Layer<T>& layer = step.layers[l - 1];
    const int64_t K = layer.inputs, n = layer.units, columns = ceil_div(count, P<T>),
                  packed = least(PACKED_EXAMPLES, step.m);
    const bool once = step.m <= PACKED_EXAMPLES;  // then a tile of sums is used at once, and its memory by the next one
    T *const At = scratch, *const sums = At + columns * packed * P<T>;
    T* const db = sums + columns * P<T> * (once ? TILE_ROWS : n);
    const auto width = [&](int64_t c) { return int(least(P<T>, count - c * P<T>)); };
    RowsTogether<T> rows_together(step, layer.at);
    const bool puts_together = K < P<T> && K % N<T> != 0;
    const auto update_tile = [&](int64_t i, int64_t rows, int64_t c, const T* C) {
        if (puts_together) return rows_together.add(C, rows, K);
        update_rows(step, layer.at + i * K + first + c * P<T>, K, C, rows, width(c), step.l2);
    };
    // db[l] of the rows before `end`, in whole vectors: while their dZ are in the first-level cache, from the tiles.
    int64_t biases = first == 0 ? 0 : n;  // that are done
    const auto add_biases = [&](int64_t end) {
        const int64_t rows = (end < n ? end / N<T> * N<T> : n) - biases;
        if (rows <= 0) return;
        bias_sums(step, l, biases, rows, db + biases);
        biases += rows;
    };
    const auto end_update = [&] {
        rows_together.end();
        if (first == 0) bias_update(step, l, 0, n, db);
    };
    if (prefers_dot_products(step, l)) {
        for_tiles(n, [&](int64_t i, int64_t rows) {
            for (int64_t c = 0; c < columns; ++c) {
                dot_products(step, l, i, rows, first + c * P<T>, width(c), sums);
                update_tile(i, rows, c, sums);
            }
            add_biases(i + rows);
        });
        return end_update();
    }
    const bool fetches_D = step.m * n * int64_t(sizeof(T)) > CACHE_BYTES, fetches = fetches_D || step.fetches_state;
    const auto ahead_of = [&](int64_t i, int64_t rows, int64_t j, int64_t examples, int64_t c) {
        Ahead<T> ahead{};
        if (fetches_D) {  // each panel of columns its part of the rows of the next tile
            const int64_t part = rows * c / columns;
            ahead.offset = (rows + part) * P<T>, ahead.stride = P<T>, ahead.rows = rows * (c + 1) / columns - part;
        }
        if (step.fetches_state) {  // each block of examples its part of the rows of this one
            const int64_t part = rows * j / step.m, at = layer.at + (i + part) * K + first + c * P<T>;
            ahead.vectors[0] = step.w + at;
            for (int v = 0; v < 2; ++v) ahead.vectors[1 + v] = step.slots[v] ? step.slots[v] + at : nullptr;
            ahead.vector_stride = K, ahead.vector_rows = rows * (j + examples) / step.m - part;
            ahead.vector_rows_per_block = ceil_div(ahead.vector_rows, ceil_div(examples, P<T>));
        }
        return ahead;
    };
    // Of each panel of columns, A[l-1]ᵀ of the examples from `from` on.
    const T* const turned = l == 1 && step.turned ? step.turned + first * step.m : nullptr;
    const int64_t stride = (turned ? step.m : packed) * P<T>;
    // A panel that is not packed here is read from memory: once, by all tiles, if their dZ stay in cache meanwhile.
    const bool by_panels = turned && n * packed * int64_t(sizeof(T)) <= CACHE_BYTES;
    for (int64_t from = 0; from < step.m; from += PACKED_EXAMPLES) {
        const int64_t end = least(from + PACKED_EXAMPLES, step.m);
        if (!turned) pack_transposed(step, l, first, count, from, end - from, At, packed * P<T>);
        const auto tile_row = [&](int64_t i, int64_t rows, int64_t c0, int64_t c1) {
            for (int64_t j = from; j < end; j += EXAMPLE_BLOCK) {
                const int64_t examples = least(EXAMPLE_BLOCK, end - j);
                for (int64_t c = c0; c < c1; ++c) {
                    T* const C = sums + (once ? c * TILE_ROWS : c * n + i) * P<T>;
                    const T* const d = layer.D + (j / P<T> * n + i) * P<T>;
                    const T* const A = (turned ? turned + from * P<T> : At) + c * stride + (j - from) * P<T>;
                    const auto product = [&](const Ahead<T>* ahead, auto... next_panel) {
                        tile_of<T, false, decltype(next_panel)...>(rows, width(c) > N<T> ? 2 : 1)(
                            d, P<T>, examples, P<T>, (n - 1) * P<T>, A, C, nullptr, j > 0 ? ACCUMULATE : STORE, ahead,
                            next_panel...);
                    };
                    const int64_t t = i / rows;
                    if (by_panels && t < 2) {
                        product(nullptr, NextPanel<T>(A + stride, examples, rows < n, int(t)));
                    } else if (turned && t == 0 && c + 1 < columns) {
                        product(nullptr, NextPanel<T>(A + stride, examples, false, 0));
                    } else if (fetches) {
                        const Ahead<T> ahead = ahead_of(i, rows, j, examples, c);
                        product(&ahead);
                    } else {
                        product(nullptr);
                    }
                    if (j + EXAMPLE_BLOCK >= step.m) update_tile(i, rows, c, C);
                }
            }
            if (c0 == 0 && end == step.m) add_biases(i + rows);
        };
        const int64_t together = by_panels ? 1 : columns;
        for (int64_t c = 0; c < columns; c += together) {
            for_tiles(n, [&](int64_t i, int64_t rows) { tile_row(i, rows, c, c + together); });
        }
    }
    end_update();
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
