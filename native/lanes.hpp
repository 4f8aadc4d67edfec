// A step of several tiny networks of one design, each in a lane of the vectors, to the bit of its step alone.
//
// Everything is [number][lane]: a parameter, a unit of an example. Each sum has the terms, the order and the chains
// that it has in a step of one network: those of the tiles, of dot products, of the lanes that are added at the end.
#pragma once

#include "activations.hpp"
#include "backward.hpp"
#include "forward.hpp"
#include "gradient.hpp"
#include "loss.hpp"
#include "update.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// Terms of a sum, at most: a tile then takes them all at once.
constexpr int64_t LANE_TERMS = 256;
// Parameters of a network, at most. On a Sapphire Rapids server a step of 4-10-3, 83 parameters, took with AVX-512 and
// float32 1 / 2.6 of its time alone, of 13-16-3, 275, 1 / 1.8, of 30-16-1, 513, 1 / 1.45; with AVX2, half as wide,
// 1 / 1.9, 1 / 1.4 and as long (batches of 32).
template <class T> constexpr int64_t LANE_PARAMETERS = 50 * N<T>;
// Examples of a full batch, at most: alone its inputs stay packed, and its vectors are full. Of 150 or 400 examples a
// step took 1 / 1.2 and 1 / 1.3 (the same server).
constexpr int64_t LANE_FULL_BATCH = 64;
// Bytes of the memory of a step, at most: with 1 MB, of 30-16-1 and batches of 200, trainings took 1.02 to 1.06 of
// their time alone, with 0.64 MB, of 8-10-3, 1 / 1.37, with 0.53 MB, of 30-16-1 and batches of 100, 1 / 1.39 (the same
// server).
constexpr int64_t LANE_BYTES = CACHE_BYTES / 4 * 3;

// The examples that a step computes: those of the batch, and for the lanes of no example, which compute as well, one.
template <class T> CHAINRULE_INLINE int64_t lane_examples(int64_t m) { return m + (m % N<T> != 0); }

// Whether networks of this design, with batches of step.m examples, are trained in lanes.
template <class T> bool fits_lanes(const Step<T>& step) {
    int64_t parameters = 0, rows = step.layers[0].inputs + step.layers[step.L - 1].units;  // A[0], Y
    for (int64_t l = 1; l <= step.L; ++l) {
        const Layer<T>& layer = step.layers[l - 1];
        if (layer.inputs > LANE_TERMS || layer.units > LANE_TERMS || layer.dropout > 0) return false;
        if (l < step.L && layer.g == Function::softmax) return false;
        parameters += layer.units * (layer.inputs + 1);
        rows += 3 * layer.units;  // A, D and dA
    }
    const int64_t bytes = (rows * (step.m + 1) + parameters) * N<T> * int64_t(sizeof(T));
    return !step.sparse && !step.weights && parameters <= LANE_PARAMETERS<T> &&
           !(step.packed && step.m > LANE_FULL_BATCH) && bytes <= LANE_BYTES;
}

// C[r][c] = Σ_k w(r, k) x(k, c): the strides are in numbers.
template <class T> struct LaneProduct {
    const T* w;
    ptrdiff_t w_row, w_term;
    const T* x;
    ptrdiff_t x_term, x_column;
    const T* bias;  // of each row, or null
    T* c;
    ptrdiff_t c_row, c_column;
    int64_t depth;
    int epilogue;
};

// R rows and J columns of it, with the U chains that `tile` has.
template <class T, int R, int J, int U> void lane_tile(const LaneProduct<T>& p, int64_t row, int64_t column) {
    const T *w = p.w + row * p.w_row, *x = p.x + column * p.x_column;
    T* const c = p.c + row * p.c_row + column * p.c_column;
    Vec<T> sum[U][R][J];
    UNROLL for (int u = 0; u < U; ++u) {
        UNROLL for (int r = 0; r < R; ++r) {
            UNROLL for (int j = 0; j < J; ++j) {
                sum[u][r][j] = u                         ? Vec<T>{}
                               : p.epilogue & ACCUMULATE ? load(c + r * p.c_row + j * p.c_column)
                               : p.bias                  ? load(p.bias + (row + r) * N<T>)
                                                         : Vec<T>{};
            }
        }
    }
    const auto add_term = [&](Vec<T>(&to)[R][J]) {
        Vec<T> y[J];
        UNROLL for (int j = 0; j < J; ++j) y[j] = load(x + j * p.x_column);
        UNROLL for (int r = 0; r < R; ++r) {
            const Vec<T> v = load(w + r * p.w_row);
            UNROLL for (int j = 0; j < J; ++j) to[r][j] += v * y[j];
        }
        w += p.w_term, x += p.x_term;
    };
    int64_t k = p.depth;
    for (; k >= U; k -= U) {
        UNROLL for (int u = 0; u < U; ++u) add_term(sum[u]);
    }
    if constexpr (U > 1) {
        for (; k > 0; --k) add_term(sum[0]);
    }
    UNROLL for (int r = 0; r < R; ++r) {
        UNROLL for (int j = 0; j < J; ++j) {
            if constexpr (U == 2) sum[0][r][j] += sum[1][r][j];
            if constexpr (U == 4) sum[0][r][j] = (sum[0][r][j] + sum[1][r][j]) + (sum[2][r][j] + sum[3][r][j]);
            if (p.epilogue & RELU) sum[0][r][j] = select(sum[0][r][j] < 0, Vec<T>{}, sum[0][r][j]);  // NaN stays NaN
            store(c + r * p.c_row + j * p.c_column, sum[0][r][j]);
        }
    }
}

template <class T, int R, int U> void lane_rows(const LaneProduct<T>& p, int64_t row, int64_t first, int64_t end) {
    for (; first + 4 <= end; first += 4) lane_tile<T, R, 4, U>(p, row, first);
    for (; first < end; ++first) lane_tile<T, R, 1, U>(p, row, first);
}

template <class T, int U>
void lane_product_in_chains(const LaneProduct<T>& p, int64_t row, int64_t rows, int64_t first, int64_t end) {
    constexpr int R = REGISTERS / 8 / U;  // of R · 4 · U sums in registers; no measurement is recorded
    const int64_t last = row + rows;
    if constexpr (R > 1) {
        for (; row + R <= last; row += R) lane_rows<T, R, U>(p, row, first, end);
    }
    for (; row < last; ++row) lane_rows<T, 1, U>(p, row, first, end);
}

// Rows `row` … and columns first … end - 1 of it, as a tile of so many rows and vectors computes them.
template <class T>
void lane_product(const LaneProduct<T>& p, int64_t row, int64_t rows, int vectors, int64_t first, int64_t end) {
    if (rows * vectors >= 8) lane_product_in_chains<T, 1>(p, row, rows, first, end);
    else if (rows * vectors >= 4) lane_product_in_chains<T, 2>(p, row, rows, first, end);
    else lane_product_in_chains<T, 4>(p, row, rows, first, end);
}

// The same of all n rows, whose columns are examples: in panels, the last of which may have one vector.
template <class T> void lane_product_of_examples(const Step<T>& step, const LaneProduct<T>& p, int64_t n) {
    const int64_t last = panels_of(step) - 1, examples = lane_examples<T>(step.m),
                  two = vectors(step, last) == 2 ? examples : last * P<T>;
    for_tiles(n, [&](int64_t i, int64_t rows) {
        lane_product(p, i, rows, 2, 0, two);
        lane_product(p, i, rows, 1, two, examples);
    });
}

// Σ of the vectors, in the order in which `sum` adds the lanes of one.
template <class T> CHAINRULE_INLINE Vec<T> lane_sum(Vec<T> (&of)[N<T>]) {
    for (int half = N<T> / 2; half > 0; half /= 2) {
        for (int r = 0; r < half; ++r) of[r] += of[r + half];
    }
    return of[0];
}

// to[c] = Σ of leaf(i)[c] over i = first … first + count - 1, pairs of neighbors first: as sums_of_lanes adds lanes.
template <class T, int first, int count, int C, class F> CHAINRULE_INLINE void lane_fold(F leaf, Vec<T> (&to)[C]) {
    if constexpr (count == 1) {
        leaf(first, to);
    } else {
        Vec<T> second[C];
        lane_fold<T, first, count / 2>(leaf, to);
        lane_fold<T, first + count / 2, count / 2>(leaf, second);
        UNROLL for (int c = 0; c < C; ++c) to[c] += second[c];
    }
}

// c[j] = Σ over examples of d · A[j], as dot products, for C rows of A that are `stride` apart.
template <class T, int C>
CHAINRULE_INLINE void lane_dot_products(int64_t examples, const T* d, const T* A, ptrdiff_t stride, T* c) {
    Vec<T> sums[C];
    lane_fold<T, 0, N<T>>(
        [&](int i, Vec<T>(&to)[C]) {
            UNROLL for (int j = 0; j < C; ++j) to[j] = Vec<T>{};
            for (int64_t e = i; e < examples; e += N<T>) {
                const Vec<T> y = load(d + e * N<T>);
                UNROLL for (int j = 0; j < C; ++j) to[j] += y * load(A + j * stride + e * N<T>);
            }
        },
        sums);
    UNROLL for (int j = 0; j < C; ++j) store(c + j * N<T>, sums[j]);
}

// Some rows of numbers of each lane's examples: to[row][example][lane], with zeros for the one that is none.
template <class T> void pack_lanes(const LaneStep<T>& s, const Rows<T>& from, int64_t rows, int64_t examples, T* to) {
    const Step<T>& step = s.step;
    for (int64_t j = 0; j < examples; ++j) {
        if (j == step.m) {
            for (int64_t k = 0; k < rows; ++k) store(to + (k * examples + j) * N<T>, Vec<T>{});
            continue;
        }
        const T* of[N<T>];
        for (int i = 0; i < N<T>; ++i) {
            of[i] = from.data + (s.index ? s.index[i][j] : step.first + j) * from.example_stride;
        }
        int64_t k = 0;
        if (from.unit_stride == 1) {
            for (; k + N<T> / 2 <= rows; k += N<T>) {  // at least half of a square; no measurement is recorded
                const int width = int(least(N<T>, rows - k));
                Vec<T> square[N<T>];
                UNROLL for (int i = 0; i < N<T>; ++i) square[i] = load_partial(of[i] + k, width);
                transpose<T>(square);
                UNROLL for (int i = 0; i < N<T>; ++i) {
                    if (i < width) store(to + ((k + i) * examples + j) * N<T>, square[i]);
                }
            }
        }
        for (; k < rows; ++k) {
            T* const at = to + (k * examples + j) * N<T>;
            for (int i = 0; i < N<T>; ++i) at[i] = of[i][k * from.unit_stride];
        }
    }
}

// g(Z) in place for so many vectors, one after the other.
template <class T> void activate_lanes(const Layer<T>& layer, T* a, T* slope, int64_t count) {
    slope = layer.stores_slope ? slope : nullptr;
    activate(layer.g, layer.alpha, a, slope, count / 2, 2);
    if (count % 2 == 1) {
        const int64_t at = count / 2 * P<T>;
        activate(layer.g, layer.alpha, a + at, slope ? slope + at : nullptr, 1, 1);
    }
}

// Z[L] → dZ[L]; Σ 𝓛 of each panel to costs[panel][lane].
template <class T> void cost_of_lanes(const LaneStep<T>& s, int64_t examples, T* Z, const T* Y) {
    const Step<T>& step = s.step;
    const ptrdiff_t stride = examples * N<T>;
    for (int64_t p = 0; p < panels_of(step); ++p) {
        double* const losses = s.costs + p * N<T>;
        for (int i = 0; i < N<T>; ++i) losses[i] = 0;
        for (int v = 0; v < vectors(step, p); ++v) {
            Vec<T> of[N<T>];
            for (int r = 0; r < N<T>; ++r) {
                const int64_t j = p * P<T> + v * N<T> + r;
                of[r] = Vec<T>{};
                if (j < step.m)
                    of[r] = cost_of_vector(step, splat<T>(1), Z + j * N<T>, Y + j * N<T>, s.dA + j * N<T>, stride);
            }
            const Vec<T> total = lane_sum<T>(of);
            for (int i = 0; i < N<T>; ++i) losses[i] += double(total[i]);
        }
    }
    if (examples == step.m) return;
    for (int64_t i = 0; i < step.layers[step.L - 1].units; ++i) store(Z + i * stride + step.m * N<T>, Vec<T>{});
}

template <class T, int n>
void backward_few_lanes(const Layer<T>& below, const T* W, int64_t K, const T* dZ, const T* a, T* d, int64_t examples) {
    for (int64_t j = 0; j < examples; ++j) {
        Vec<T> z[n];
        UNROLL for (int i = 0; i < n; ++i) z[i] = load(dZ + (i * examples + j) * N<T>);
        for (int64_t k = 0; k < K; ++k) {
            Vec<T> x = load(W + k * N<T>) * z[0];
            UNROLL for (int i = 1; i < n; ++i) x += load(W + (i * K + k) * N<T>) * z[i];
            const int64_t at = (k * examples + j) * N<T>;
            store(d + at, times_slope(below, x, a + at, d + at));
        }
    }
}

// dZ[l-1] from dZ[l].
template <class T> void backward_lanes(const LaneStep<T>& s, int64_t l, int64_t examples) {
    const Layer<T>&layer = s.step.layers[l - 1], &below = s.step.layers[l - 2];
    const int64_t K = layer.inputs, n = layer.units;
    const T *const W = s.step.w + layer.at * N<T>, *const dZ = layer.D;
    if (n <= FEW_UNITS) {
        constexpr decltype(&backward_few_lanes<T, 1>) few[] = {backward_few_lanes<T, 1>, backward_few_lanes<T, 2>,
                                                               backward_few_lanes<T, 3>, backward_few_lanes<T, 4>};
        return few[n - 1](below, W, K, dZ, below.A, below.D, examples);
    }
    const ptrdiff_t row = examples * N<T>;
    lane_product_of_examples(s.step, {W, N<T>, K * N<T>, dZ, row, N<T>, nullptr, s.dA, row, N<T>, n, STORE}, K);
    for (int64_t i = 0; i < K * row; i += N<T>) {
        store(below.D + i, times_slope(below, load(s.dA + i), below.A + i, below.D + i));
    }
}

// Σ dZ[l] A[l-1]ᵀ and Σ dZ[l].
template <class T>
void gradient_of_lanes(const Step<T>& step, int64_t l, const T* dZ, const T* A, int64_t examples, T* gradient) {
    const Layer<T>& layer = step.layers[l - 1];
    const int64_t K = layer.inputs, n = layer.units;
    const ptrdiff_t row = examples * N<T>;
    T *const dW = gradient + layer.at * N<T>, *const db = dW + n * K * N<T>;
    for (int64_t i = 0; i < n; ++i) {
        Vec<T> sums[1];
        lane_fold<T, 0, N<T>>(
            [&](int r, Vec<T>(&to)[1]) {
                to[0] = Vec<T>{};
                for (int64_t e = r; e < examples; e += N<T>) to[0] += load(dZ + i * row + e * N<T>);
            },
            sums);
        store(db + i * N<T>, sums[0]);
    }
    if (prefers_dot_products(step, l)) {
        for (int64_t i = 0; i < n; ++i) {
            int64_t k = 0;
            for (; k + 4 <= K; k += 4) {
                lane_dot_products<T, 4>(examples, dZ + i * row, A + k * row, row, dW + (i * K + k) * N<T>);
            }
            for (; k < K; ++k) {
                lane_dot_products<T, 1>(examples, dZ + i * row, A + k * row, row, dW + (i * K + k) * N<T>);
            }
        }
        return;
    }
    for (int64_t j = 0; j < step.m; j += EXAMPLE_BLOCK) {
        const int64_t depth = least(EXAMPLE_BLOCK, step.m - j);
        const int epilogue = j > 0 ? ACCUMULATE : STORE;
        const T *const d = dZ + j * N<T>, *const a = A + j * N<T>;
        const LaneProduct<T> p{d, row, N<T>, a, N<T>, row, nullptr, dW, K * N<T>, N<T>, depth, epilogue};
        for_tiles(n, [&](int64_t i, int64_t rows) {
            for (int64_t k = 0; k < K; k += P<T>) {
                const int64_t width = least(P<T>, K - k);
                lane_product(p, i, rows, width > N<T> ? 2 : 1, k, k + width);
            }
        });
    }
}

// The step of the optimizer for parameters first … end - 1.
template <class T> void update_lanes(const LaneStep<T>& s, int64_t first, int64_t end, Vec<T> l2) {
    const Step<T>& step = s.step;
    const auto constant = [&](int k) { return load(s.constants + k * N<T>); };
    const Constants<T> u{constant(0), constant(1), constant(2),          constant(3), constant(4),
                         constant(5), constant(6), splat<T>(step.scale), l2};
    with_rule(step.update.rule, [&]<Rule rule>() {
        for (int64_t i = first * N<T>; i < end * N<T>; i += N<T>) {
            const Pointers<const T*> from{step.w + i, {step.slots[0] + i, step.slots[1] + i}};
            const Pointers<T*> to{step.w_next + i, {step.slots_next[0] + i, step.slots_next[1] + i}};
            update_vector<rule, T>(
                u, s.gradient + i, from, to, [](const T* p) { return load(p); }, [](T* p, Vec<T> x) { store(p, x); });
        }
    });
}

// One step.
template <class T> void lanes_step(const LaneStep<T>& s) {
    const Step<T>& step = s.step;
    const int64_t L = step.L, examples = lane_examples<T>(step.m);
    const ptrdiff_t row = examples * N<T>;
    if (!s.packed) {
        pack_lanes(s, step.X, step.layers[0].inputs, examples, s.X);
        pack_lanes(s, step.Y, step.layers[L - 1].units, examples, s.Y);
    }
    const T* A = s.X;
    for (int64_t l = 1; l <= L; ++l) {
        const Layer<T>& layer = step.layers[l - 1];
        const int64_t K = layer.inputs, n = layer.units;
        const T* const W = step.w + layer.at * N<T>;
        const bool relu = l < L && layer.g == Function::relu && !layer.stores_slope;
        T* const Z = l < L ? layer.A : layer.D;
        lane_product_of_examples(
            step, {W, K * N<T>, N<T>, A, row, N<T>, W + n * K * N<T>, Z, row, N<T>, K, relu ? RELU : STORE}, n);
        if (l < L && !relu) activate_lanes(layer, Z, layer.D, n * examples);
        A = layer.A;
    }
    cost_of_lanes(s, examples, step.layers[L - 1].D, s.Y);
    for (int64_t l = L; l > 1; --l) backward_lanes(s, l, examples);
    for (int64_t l = 1; l <= L; ++l) {
        const Layer<T>& layer = step.layers[l - 1];
        gradient_of_lanes(step, l, layer.D, l == 1 ? s.X : step.layers[l - 2].A, examples, s.gradient);
        const int64_t biases = layer.at + layer.units * layer.inputs;
        update_lanes(s, layer.at, biases, load(s.constants + 7 * N<T>));
        update_lanes(s, biases, biases + layer.units, Vec<T>{});
    }
}

// sums[lane] = Σ x² of some parameters, as sum_of_squares gives it.
template <class T> void lanes_squares(const T* x, int64_t count, double* sums) {
    for (int i = 0; i < N<T>; ++i) sums[i] = 0;
    for (int64_t first = 0; first < count; first += SHORT_SUM * N<T>) {
        Vec<T> parts[N<T>]{};
        const int64_t end = least(count, first + SHORT_SUM * N<T>);
        for (int64_t k = first; k < end; ++k) {
            const Vec<T> v = load(x + k * N<T>);
            parts[k % N<T>] += v * v;
        }
        const Vec<T> total = lane_sum<T>(parts);
        for (int i = 0; i < N<T>; ++i) sums[i] += double(total[i]);
    }
}

// finite[lane] = whether all of its numbers are; only ever set to false.
template <class T> void lanes_finite(const T* x, int64_t count, bool* finite) {
    Vec<T> zeros{};
    for (int64_t k = 0; k < count; ++k) zeros += load(x + k * N<T>) * 0;
    for (int i = 0; i < N<T>; ++i) finite[i] = finite[i] && zeros[i] == 0;
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
