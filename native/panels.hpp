// Examples in panels of P lanes: the layout that kernel.hpp describes, and the copying into it.
#pragma once

#include "kernel.hpp"
#include "memory.hpp"
#include "simd.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

template <class T> constexpr int N = lanes<T>;      // of a vector
template <class T> constexpr int P = 2 * lanes<T>;  // of a panel, which is two vectors wide

CHAINRULE_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
CHAINRULE_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
template <class T> CHAINRULE_INLINE int64_t panels_of(const Step<T>& step) { return ceil_div(step.m, P<T>); }

// Lanes that hold examples in panel p, and the vectors they take.
template <class T> CHAINRULE_INLINE int filled(const Step<T>& step, int64_t p) {
    return int(least(P<T>, step.m - p * P<T>));
}
template <class T> CHAINRULE_INLINE int vectors(const Step<T>& step, int64_t p) {
    return step.whole || filled(step, p) > N<T> ? 2 : 1;
}

// The number of the batch's example j among all examples.
template <class T> CHAINRULE_INLINE int64_t example(const Step<T>& step, int64_t j) {
    return step.index ? step.index[j] : step.first + j;
}

// The largest of n units, `stride` numbers apart, for each lane of a vector.
template <class T> CHAINRULE_INLINE Vec<T> largest_of(const T* column, int64_t n, ptrdiff_t stride = P<T>) {
    Vec<T> largest = load(column);
    for (int64_t i = 1; i < n; ++i) largest = max(largest, load(column + i * stride));
    return largest;
}

// Panel p of the numbers k0 … k0 + n - 1 of each example, to[k][lane], with zeros in the lanes of no example.
template <class T> void pack_panel(const Step<T>& step, const Rows<T>& rows, int64_t k0, int64_t n, int64_t p, T* to) {
    const int count = filled(step, p);
    const T* const data = rows.data + k0 * rows.unit_stride;
    if (rows.example_stride == 1 && !step.index) {
        const T* from = data + step.first + p * P<T>;
        for (int64_t k = 0; k < n; ++k) {
            for (int v = 0; v < 2; ++v) {
                const int width = int(least(N<T>, count - v * N<T>));
                store(to + k * P<T> + v * N<T>,
                      load_partial(from + k * rows.unit_stride + v * N<T>, width < 0 ? 0 : width));
            }
        }
        return;
    }
    const T* from[P<T>];
    for (int j = 0; j < P<T>; ++j) {
        from[j] = j < count ? data + example(step, p * P<T> + j) * rows.example_stride : nullptr;
    }
    if (rows.unit_stride != 1 || n < N<T> / 2) {  // a vector less than half full; no measurement is recorded
        for (int64_t k = 0; k < n; ++k) {
            for (int j = 0; j < P<T>; ++j) to[k * P<T> + j] = from[j] ? from[j][k * rows.unit_stride] : T(0);
        }
        return;
    }
    for (int v = 0; v < 2; ++v) {
        for (int64_t k = 0; k < n; k += N<T>) {
            const int width = int(least(N<T>, n - k));
            Vec<T> square[N<T>];
            UNROLL for (int j = 0; j < N<T>; ++j) {
                const T* const row = from[v * N<T> + j];
                square[j] = !row ? Vec<T>{} : width == N<T> ? load(row + k) : load_partial(row + k, width);
            }
            transpose<T>(square);
            UNROLL for (int i = 0; i < N<T>; ++i) {
                if (i < width) store(to + (k + i) * P<T> + v * N<T>, square[i]);
            }
        }
    }
}

// A[0] of panels first … first + count - 1.
template <class T> void pack(const Step<T>& step, int64_t first, int64_t count, T* panels) {
    const int64_t n = step.layers[0].inputs;
    for (int64_t p = 0; p < count; ++p) pack_panel(step, step.X, 0, n, first + p, panels + p * n * P<T>);
}

// Columns k0 … k0 + columns - 1 of A[l-1]ᵀ for `count` examples from j0 on, a multiple of P: of P columns each
// to[j][column], with panel_stride numbers from one such panel to the next.
template <class T>
void pack_transposed(const Step<T>& step, int64_t l, int64_t k0, int64_t columns, int64_t j0, int64_t count, T* to,
                     int64_t panel_stride) {
    const int64_t n = step.layers[l - 1].inputs;
    if (l == 1 && (step.X.unit_stride == 1 || !step.packed)) {
        const int64_t stride = step.X.unit_stride;
        for (int64_t j = 0; j < count; ++j) {
            const T* const from = step.X.data + example(step, j0 + j) * step.X.example_stride + k0 * stride;
            T* row = to + j * P<T>;
            int64_t k = 0;
            for (; stride == 1 && k + P<T> <= columns; k += P<T>, row += panel_stride) {
                store(row, load(from + k));
                store(row + N<T>, load(from + k + N<T>));
            }
            for (; k < columns; k += P<T>, row += panel_stride) {
                const int width = int(least(P<T>, columns - k));
                if (stride == 1) {
                    store(row, load_partial(from + k, int(least(N<T>, width))));
                    if (width > N<T>) store(row + N<T>, load_partial(from + k + N<T>, width - N<T>));
                } else {
                    for (int i = 0; i < width; ++i) row[i] = from[(k + i) * stride];
                }
            }
        }
        return;
    }
    const T* const A = l == 1 ? step.packed : step.layers[l - 2].A;
    for (int64_t k = 0; k < columns; k += N<T>) {
        T* const row = to + k / P<T> * panel_stride + k % P<T>;
        for (int64_t j = 0; j < count; j += N<T>) {
            const T* const from = A + (j0 + j) / P<T> * n * P<T> + (k0 + k) * P<T> + (j0 + j) % P<T>;
            Vec<T> square[N<T>];
            UNROLL for (int i = 0; i < N<T>; ++i) square[i] = k + i < columns ? load(from + i * P<T>) : Vec<T>{};
            transpose<T>(square);
            UNROLL for (int i = 0; i < N<T>; ++i) {
                if (j + i < count) store(row + (j + i) * P<T>, square[i]);
            }
        }
    }
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
