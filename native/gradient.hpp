// dZ[l] and A[l-1] → dW[l], db[l] and the step of the optimizer.
#pragma once

#include "tiles.hpp"
#include "update.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

constexpr int64_t BLOCK = 256;  // examples whose dZ and A are taken together for dW

// db[l] = Σ dZ[l] over the examples.
template <class T> void biases(const Step<T>& step, int64_t l, int64_t first, int64_t count, T* sums) {
    const Layer<T>& layer = step.layers[l - 1];
    const int64_t panels = panels_of(step);
    for (int64_t i = 0; i < count; i += N<T>) {
        const int64_t some = least(N<T>, count - i);
        Vec<T> totals[N<T>]{};
        for (int64_t p = 0; p < panels; ++p) {
            const T* const d = layer.D + (p * layer.units + first + i) * P<T>;
            for (int v = 0; v < vectors(step, p); ++v) {
                UNROLL for (int r = 0; r < N<T>; ++r) totals[r] += load(d + least(r, some - 1) * P<T> + v * N<T>);
            }
        }
        T found[N<T>];
        add_lanes<T, N<T>>(totals, found);
        for (int64_t r = 0; r < some; ++r) sums[i + r] = found[r];
    }
    advance_rows(step, layer.at + layer.units * layer.inputs + first, 0, sums, 1, count, T(0));
}

template <class T, class I> void add_sparse(const Step<T>& step, int64_t i, T* row) {
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

// Rows of W[1], each from the few columns that its examples have.
template <class T> void sparse_gradient(const Step<T>& step, const Item& item, T* row) {
    const Layer<T>& layer = step.layers[0];
    const auto [l, first, count, _] = item;
    for (int64_t i = first; i < first + count; ++i) {
        for (int64_t k = 0; k < layer.inputs; ++k) row[k] = 0;
        if (step.sparse->wide) add_sparse<T, int64_t>(step, i, row);
        else add_sparse<T, int32_t>(step, i, row);
        advance_rows(step, layer.at + i * layer.inputs, 0, row, 1, layer.inputs, step.l2);
    }
    biases(step, 1, first, count, row);
}

// C[r][c] = Σ_j dZ[i + r, j] A[k + c, j]: whole vectors of examples, whose lanes are added at the end. For thin layers,
// where it spares the turning of A.
template <class T>
void dots(const Step<T>& step, int64_t l, int64_t i, int64_t rows, int64_t k, int64_t columns, T* C) {
    constexpr int H = REGISTERS == 32 ? 4 : 2, W = 4;
    const Layer<T>& layer = step.layers[l - 1];
    const int64_t K = layer.inputs, n = layer.units, panels = panels_of(step);
    const T *const A = (l == 1 ? step.panels : step.layers[l - 2].A) + k * P<T>, *const dZ = layer.D + i * P<T>;
    for (int64_t r0 = 0; r0 < rows; r0 += H) {
        for (int64_t c0 = 0; c0 < columns; c0 += W) {
            Vec<T> sums[H * W]{};
            for (int64_t p = 0; p < panels; ++p) {
                const T *const d = dZ + p * n * P<T>, *const a = A + p * K * P<T>;
                for (int v = 0; v < vectors(step, p); ++v) {
                    Vec<T> x[W];
                    UNROLL for (int c = 0; c < W; ++c) x[c] = load(a + least(c0 + c, columns - 1) * P<T> + v * N<T>);
                    UNROLL for (int r = 0; r < H; ++r) {
                        const Vec<T> y = load(d + least(r0 + r, rows - 1) * P<T> + v * N<T>);
                        UNROLL for (int c = 0; c < W; ++c) sums[r * W + c] += y * x[c];
                    }
                }
            }
            T found[H * W];
            add_lanes<T, H * W>(sums, found);
            for (int64_t r = 0; r < H && r0 + r < rows; ++r) {
                for (int64_t c = 0; c < W && c0 + c < columns; ++c) C[(r0 + r) * P<T> + c0 + c] = found[r * W + c];
            }
        }
    }
}

// Whether dW[l] is better found by `dots`; from the cycles that both take, counted roughly.
template <class T> bool thin(const Step<T>& step, int64_t l) {
    const Layer<T>& layer = step.layers[l - 1];
    if (l == 1 && !step.panels) return false;
    const int64_t n = layer.units, K = layer.inputs, along = ceil_div(step.m, N<T>), across = ceil_div(K, N<T>);
    const int64_t by_dots = ceil_div(n, 4) * ceil_div(K, 4) * (8 * along + 60);
    const int64_t turned = l == 1 && step.X.unit_stride == 1 ? 2 * step.m * across : 6 * N<T> * along * across;
    return by_dots < turned + across * step.m * (n > 4 ? n / 2 : 2);
}

// A large W and few examples: its rows, and what the optimizer keeps of them, pass once from end to end.
template <class T> bool by_rows(const Step<T>& step, int64_t l) {
    const Layer<T>& layer = step.layers[l - 1];
    return (l == 1 && step.sparse) ||
           (step.m <= 64 && layer.units >= 64 && layer.units * layer.inputs * int64_t(sizeof(T)) > NEAR);
}

template <class T> void row_gradient(const Step<T>& step, const Item& item, T* scratch) {
    const auto [l, first, count, _] = item;
    const Layer<T>& layer = step.layers[l - 1];
    const int64_t K = layer.inputs, n = layer.units, columns = ceil_div(K, P<T>), m = step.m;
    T *const At = scratch, *const sums = At + columns * m * P<T>, *const db = sums + FEW_ROWS * P<T>;
    turn(step, l, 0, K, 0, m, At, m * P<T>);
    for (int64_t i = first; i < first + count; i += FEW_ROWS) {
        const int64_t rows = least(FEW_ROWS, first + count - i);
        for (int64_t c = 0; c < columns; ++c) {
            const int64_t width = least(P<T>, K - c * P<T>);
            tile_of<T, false>(rows, width > N<T> ? 2 : 1)(layer.D + i * P<T>, P<T>, m, P<T>, (n - 1) * P<T>,
                                                          At + c * m * P<T>, sums, nullptr, PLAIN);
            advance_rows(step, layer.at + i * K + c * P<T>, K, sums, rows, width, step.l2);
        }
    }
    biases(step, l, first, count, db);
}

template <class T> int64_t gradient_scratch(const Step<T>& step, const Item& item) {
    const auto [l, first, count, rows] = item;
    const Layer<T>& layer = step.layers[l - 1];
    if (l == 1 && step.sparse) return layer.inputs > count ? layer.inputs : count;
    if (rows) return (ceil_div(layer.inputs, P<T>) * step.m + FEW_ROWS) * P<T> + count;
    const int64_t columns = ceil_div(count, P<T>), block = least(BLOCK, step.m);
    return columns * P<T> * ((step.m > BLOCK ? layer.units : TALL) + block) + layer.units;
}

template <class T> void gradient(const Step<T>& step, const Item& item, T* scratch) {
    const int64_t l = item.l, first = item.first,
                  count = item.count;  // no bindings: clang 14 captures none in a lambda
    if (l == 1 && step.sparse) return sparse_gradient(step, item, scratch);
    if (item.rows) return row_gradient(step, item, scratch);
    const Layer<T>& layer = step.layers[l - 1];
    const int64_t K = layer.inputs, n = layer.units, columns = ceil_div(count, P<T>), block = least(BLOCK, step.m);
    const bool once = step.m <= BLOCK;  // then a tile of sums is used at once, and its memory by the next one
    T *const At = scratch, *const sums = At + columns * block * P<T>;
    T* const db = sums + columns * P<T> * (once ? TALL : n);
    const auto width = [&](int64_t c) { return int(least(P<T>, count - c * P<T>)); };
    const auto advance_tile = [&](int64_t i, int64_t rows, int64_t c, const T* C) {
        advance_rows(step, layer.at + i * K + first + c * P<T>, K, C, rows, width(c), step.l2);
    };
    if (first == 0) biases(step, l, 0, n, db);
    if (thin(step, l)) {
        return for_tiles(n, [&](int64_t i, int64_t rows) {
            for (int64_t c = 0; c < columns; ++c) {
                dots(step, l, i, rows, first + c * P<T>, width(c), sums);
                advance_tile(i, rows, c, sums);
            }
        });
    }
    for (int64_t j = 0; j < step.m; j += BLOCK) {
        const int64_t some = least(BLOCK, step.m - j);
        turn(step, l, first, count, j, some, At, block * P<T>);
        for_tiles(n, [&](int64_t i, int64_t rows) {
            for (int64_t c = 0; c < columns; ++c) {
                T* const C = sums + (once ? c * TALL : c * n + i) * P<T>;
                tile_of<T, false>(rows, width(c) > N<T> ? 2 : 1)(layer.D + (j / P<T> * n + i) * P<T>, P<T>, some, P<T>,
                                                                 (n - 1) * P<T>, At + c * block * P<T>, C, nullptr,
                                                                 j > 0 ? ADD : PLAIN);
                if (j + BLOCK >= step.m) advance_tile(i, rows, c, C);
            }
        });
    }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
