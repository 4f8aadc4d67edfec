#include "kernel.hpp"

#include "math.hpp"
#include "simd.hpp"

// The loops below are over registers: they must be unrolled whole.
#define UNROLL _Pragma("GCC unroll 16")

namespace chainrule::CHAINRULE_ISA {
namespace {

template <class T> constexpr int N = lanes<T>;
template <class T> constexpr int P = 2 * lanes<T>;
constexpr int TALL = REGISTERS == 32 ? 12 : 6;  // rows of a tile: TALL · 2 sums stay in registers
constexpr int64_t BLOCK = 256;                  // examples whose dZ and A are taken together for dW

CHAINRULE_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
CHAINRULE_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
template <class T> CHAINRULE_INLINE int64_t panels_of(const Step<T>& step) { return ceil_div(step.m, P<T>); }
// Lanes that hold examples in panel p, and the vectors they take.
template <class T> CHAINRULE_INLINE int filled(const Step<T>& step, int64_t p) {
    return int(least(P<T>, step.m - p * P<T>));
}
template <class T> CHAINRULE_INLINE int vectors(const Step<T>& step, int64_t p) {
    return filled(step, p) > N<T> ? 2 : 1;
}

template <class T> CHAINRULE_INLINE int64_t example(const Step<T>& step, int64_t j) {
    return step.index ? step.index[j] : step.first + j;
}

// -- products ---------------------------------------------------------------------------------------------------------

enum Ends { PLAIN = 0, ADD = 1, RECTIFY = 2 };

// C[r][v] = Σ_k S(r, k) B[k][v] + bias[r], for R rows and V vectors of a panel; C += … with ADD, max(0, …) with
// RECTIFY. S(r, k) is s[r · stride + k], or s[k · stride + r] if across. After every `block` terms s jumps, to the next
// panel.
template <class T, int R, int V, bool across>
void tile(const T* s, ptrdiff_t stride, int64_t depth, int64_t block, ptrdiff_t jump, const T* b, T* c, const T* bias,
          int ends) {
    constexpr int U = R * V >= 8 ? 1 : R * V >= 4 ? 2 : 4;  // sums that do not wait for each other
    Vec<T> sum[U][R][V];
    UNROLL for (int u = 0; u < U; ++u) {
        UNROLL for (int r = 0; r < R; ++r) {
            UNROLL for (int v = 0; v < V; ++v) {
                sum[u][r][v] = u            ? Vec<T>{}
                               : ends & ADD ? load(c + r * P<T> + v * N<T>)
                               : bias       ? splat<T>(bias[r])
                                            : Vec<T>{};
            }
        }
    }
    const auto term = [&](Vec<T>(&to)[R][V], const T* s, const T* b) {
        Vec<T> x[V];
        UNROLL for (int v = 0; v < V; ++v) x[v] = load(b + v * N<T>);
        UNROLL for (int r = 0; r < R; ++r) {
            const Vec<T> w = splat<T>(across ? s[r] : s[r * stride]);
            UNROLL for (int v = 0; v < V; ++v) to[r][v] += w * x[v];
        }
    };
    const ptrdiff_t next = across ? stride : 1;
    for (; depth > 0; depth -= block, s += jump) {
        int64_t k = least(block, depth);
        for (; k >= U; k -= U) {
            UNROLL for (int u = 0; u < U; ++u) term(sum[u], s + u * next, b + u * P<T>);
            s += U * next, b += U * P<T>;
        }
        if constexpr (U > 1) {
            for (; k > 0; --k, s += next, b += P<T>) term(sum[0], s, b);
        }
    }
    UNROLL for (int r = 0; r < R; ++r) {
        UNROLL for (int v = 0; v < V; ++v) {
            if constexpr (U == 2) sum[0][r][v] += sum[1][r][v];
            if constexpr (U == 4) sum[0][r][v] = (sum[0][r][v] + sum[1][r][v]) + (sum[2][r][v] + sum[3][r][v]);
            if (ends & RECTIFY) sum[0][r][v] = select(sum[0][r][v] < 0, Vec<T>{}, sum[0][r][v]);  // NaN stays NaN
            store(c + r * P<T> + v * N<T>, sum[0][r][v]);
        }
    }
}

template <class T> using Tile = void (*)(const T*, ptrdiff_t, int64_t, int64_t, ptrdiff_t, const T*, T*, const T*, int);

// The tile of so many rows and vectors.
template <class T, bool across> Tile<T> tile_of(int64_t rows, int vectors) {
    static constexpr auto table = []<int... r>(std::integer_sequence<int, r...>) {
        struct {
            Tile<T> of[2][TALL];
        } t = {{{tile<T, r + 1, 1, across>...}, {tile<T, r + 1, 2, across>...}}};
        return t;
    }(std::make_integer_sequence<int, TALL>{});
    return table.of[vectors - 1][rows - 1];
}

// n rows in the fewest tiles, all of about the same height.
struct Span {
    int64_t first, rows;
};
CHAINRULE_INLINE int64_t tiles_of(int64_t n) { return ceil_div(n, TALL); }
CHAINRULE_INLINE Span span(int64_t n, int64_t t) {
    const int64_t tiles = tiles_of(n);
    return {t * (n / tiles) + least(t, n % tiles), n / tiles + (t < n % tiles)};
}
template <class F> CHAINRULE_INLINE void for_tiles(int64_t n, F each) {
    for (int64_t t = 0; t < tiles_of(n); ++t) each(span(n, t).first, span(n, t).rows);
}

// -- element by element -----------------------------------------------------------------------------------------------

// a = f(a, s) for some rows of a panel; s goes to `slope` if there is one, and is not computed otherwise.
template <class T, class F> CHAINRULE_INLINE void each(T* a, T* slope, int64_t rows, int V, F f) {
    const auto over = [&](auto sloped) {
        for (int64_t r = 0; r < rows; ++r) {
            for (int v = 0; v < V; ++v) {
                const int64_t i = r * P<T> + v * N<T>;
                Vec<T> s{};
                store(a + i, f(load(a + i), s));
                if constexpr (sloped) store(slope + i, s);
            }
        }
    };
    if (slope) over(std::true_type{});
    else over(std::false_type{});
}

// Σ term(i) for i < n, in short sums: in a long one the error would grow with n.
template <class T, class F> CHAINRULE_INLINE Vec<T> sum_of(int64_t n, F term) {
    Vec<T> total{};
    for (int64_t first = 0; first < n; first += 64) {
        Vec<T> part{};
        for (int64_t i = first; i < least(n, first + 64); ++i) part += term(i);
        total += part;
    }
    return total;
}

// Z → A = g(Z) in place, and g′(Z).
template <class T> void activate(Function g, T alpha, T* a, T* slope, int64_t rows, int V) {
    using X = Vec<T>;
    constexpr X zero{};
    const X one = splat<T>(1);
    const auto elu = [&](T scale, T alpha) {
        each(a, slope, rows, V, [&](X z, X& s) {
            const X e = expm1(min(z, zero));
            s = select(z > 0, splat<T>(scale), scale * alpha * (e + 1));
            return select(z > 0, scale * z, scale * alpha * e);
        });
    };
    switch (g) {
        case Function::identity:
            if (slope) each(a, slope, rows, V, [&](X z, X& s) { return s = one, z; });
            break;
        case Function::sigmoid:
            each(a, slope, rows, V, [&](X z, X& s) {
                X rest;
                const X y = sigmoid(z, rest);
                s = y * rest;
                return y;
            });
            break;
        case Function::tanh:
            each(a, slope, rows, V, [&](X z, X& s) {
                const X y = tanh(z);
                s = 1 - y * y;
                return y;
            });
            break;
        case Function::relu:
            each(a, slope, rows, V, [&](X z, X& s) {
                s = select(z > 0, one, zero);
                return select(z < 0, zero, z);  // NaN stays NaN
            });
            break;
        case Function::leaky_relu:
            each(a, slope, rows, V, [&](X z, X& s) {
                s = select(z > 0, one, splat<T>(alpha));
                return select(z > 0, z, alpha * z);
            });
            break;
        case Function::elu: elu(1, alpha); break;
        case Function::selu: elu(T(1.0507009873554805), T(1.6732632423543772)); break;
        case Function::softplus:
            each(a, slope, rows, V, [&](X z, X& s) {
                s = sigmoid(z);
                return softplus(z);
            });
            break;
        case Function::gelu:
            each(a, slope, rows, V, [&](X z, X& s) {
                const X p = normal_cdf(z);
                s = p + z * normal_pdf(z);
                return z * p;
            });
            break;
        case Function::silu:
            each(a, slope, rows, V, [&](X z, X& s) {
                X rest;
                const X y = sigmoid(z, rest);
                s = y * (1 + z * rest);
                return z * y;
            });
            break;
        case Function::mish:
            each(a, slope, rows, V, [&](X z, X& s) {
                const X t = tanh(softplus(z));
                s = t + z * sigmoid(z) * (1 - t * t);
                return z * t;
            });
            break;
        case Function::exp: each(a, slope, rows, V, [](X z, X&) { return exp(z); }); break;
        case Function::softmax:
            for (int v = 0; v < V; ++v) {
                T* const column = a + v * N<T>;
                X top = load(column);
                for (int64_t i = 1; i < rows; ++i) top = max(top, load(column + i * P<T>));
                const X total = sum_of<T>(rows, [&](int64_t i) {
                    const X e = exp(load(column + i * P<T>) - top);
                    store(column + i * P<T>, e);
                    return e;
                });
                for (int64_t i = 0; i < rows; ++i) store(column + i * P<T>, load(column + i * P<T>) / total);
            }
            break;
    }
}

// found[i] = the sum of the lanes of sums[i]: pairs of vectors become one of half sums, until each sum has its lane.
template <class T, int count> CHAINRULE_INLINE void add_lanes(Vec<T> (&sums)[count], T* found) {
    UNROLL for (int first = 0; first < count; first += N<T>) {
        UNROLL for (int some = N<T>; some > 1; some /= 2) {
            UNROLL for (int i = 0; i < some; i += 2) {
                Vec<T>&a = sums[first + i], &b = sums[first + i + 1];
                unzip<N<T>, 1>(a, b);
                sums[first + i / 2] = a + b;
            }
        }
        store(found + first, sums[first]);
    }
}

// -- dropout ----------------------------------------------------------------------------------------------------------

// Philox4x64-10 (Salmon et al. 2011, section 3.3), with the counter as numpy.random.Philox counts.
void philox(uint64_t key, uint64_t c0, uint64_t c2, uint64_t c3, uint32_t (&words)[8]) {
    uint64_t c[4] = {c0, 0, c2, c3}, k[2] = {key, 0};
    for (int round = 0; round < 10; ++round) {
        const auto a = static_cast<unsigned __int128>(c[0]) * 0xD2E7470EE14C6C93u;
        const auto b = static_cast<unsigned __int128>(c[2]) * 0xCA5A826395121157u;
        const uint64_t next[4] = {uint64_t(b >> 64) ^ c[1] ^ k[0], uint64_t(b), uint64_t(a >> 64) ^ c[3] ^ k[1],
                                  uint64_t(a)};
        UNROLL for (int i = 0; i < 4; ++i) c[i] = next[i];
        k[0] += 0x9E3779B97F4A7C15u, k[1] += 0xBB67AE8584CAA73Bu;
    }
    UNROLL for (int i = 0; i < 4; ++i) {
        words[2 * i] = uint32_t(c[i]);
        words[2 * i + 1] = uint32_t(c[i] >> 32);
    }
}

// A ∗ D and g′(Z) ∗ D of one panel; which units stay is said in engines.py, at dropout_masks.
template <class T> void drop(const Step<T>& step, int64_t l, int64_t p) {
    const Layer<T>& layer = step.layers[l - 1];
    const int64_t n = layer.units;
    T *const A = layer.A + p * n * P<T>, *const slope = layer.D + p * n * P<T>;
    const double keep = 1 - layer.dropout;
    const auto bound = uint64_t(keep * 4294967296.0);
    const T factor = 1 / T(keep);
    for (int j = 0; j < filled(step, p); ++j) {
        const auto start = uint64_t((p * P<T> + j) * n);
        uint32_t words[8];
        for (int64_t i = 0; i < n; ++i) {
            const uint64_t word = start + uint64_t(i);
            if (i == 0 || word % 8 == 0) philox(step.mask_key, word / 8 + 1, uint64_t(l), step.mask_step, words);
            const T D = words[word % 8] < bound ? factor : T(0);
            A[i * P<T> + j] *= D;
            slope[i * P<T> + j] *= D;
        }
    }
}

// -- into panels, and out of them -------------------------------------------------------------------------------------

// Panel p of the examples' n numbers: to[k][lane], zero in the lanes of no example.
template <class T> void pack_panel(const Step<T>& step, const Rows<T>& rows, int64_t n, int64_t p, T* to) {
    const int count = filled(step, p);
    if (rows.example_stride == 1 && !step.index) {
        const T* from = rows.data + step.first + p * P<T>;
        for (int64_t k = 0; k < n; ++k) {
            for (int v = 0; v < 2; ++v) {
                const int some = int(least(N<T>, count - v * N<T>));
                store(to + k * P<T> + v * N<T>,
                      load_partial(from + k * rows.unit_stride + v * N<T>, some < 0 ? 0 : some));
            }
        }
        return;
    }
    const T* from[P<T>];
    for (int j = 0; j < P<T>; ++j) {
        from[j] = j < count ? rows.data + example(step, p * P<T> + j) * rows.example_stride : nullptr;
    }
    if (rows.unit_stride != 1 || n < N<T> / 2) {
        for (int64_t k = 0; k < n; ++k) {
            for (int j = 0; j < P<T>; ++j) to[k * P<T> + j] = from[j] ? from[j][k * rows.unit_stride] : T(0);
        }
        return;
    }
    for (int v = 0; v < 2; ++v) {
        for (int64_t k = 0; k < n; k += N<T>) {
            const int some = int(least(N<T>, n - k));
            Vec<T> square[N<T>];
            UNROLL for (int j = 0; j < N<T>; ++j) {
                const T* const row = from[v * N<T> + j];
                square[j] = !row ? Vec<T>{} : some == N<T> ? load(row + k) : load_partial(row + k, some);
            }
            transpose<T>(square);
            UNROLL for (int i = 0; i < N<T>; ++i) {
                if (i < some) store(to + (k + i) * P<T> + v * N<T>, square[i]);
            }
        }
    }
}

template <class T> void pack(const Step<T>& step, int64_t first, int64_t count, T* panels) {
    const int64_t n = step.layers[0].inputs;
    for (int64_t p = 0; p < count; ++p) pack_panel(step, step.X, n, first + p, panels + p * n * P<T>);
}

// Columns k0 … k0 + columns - 1 of A[l-1]ᵀ for count examples from j0 on, a multiple of P: P columns each to[j][P], the
// next ones `apart` numbers further on.
template <class T>
void turn(const Step<T>& step, int64_t l, int64_t k0, int64_t columns, int64_t j0, int64_t count, T* to,
          int64_t apart) {
    const int64_t n = step.layers[l - 1].inputs;
    if (l == 1 && (step.X.unit_stride == 1 || !step.panels)) {
        const int64_t stride = step.X.unit_stride;
        for (int64_t j = 0; j < count; ++j) {
            const T* const from = step.X.data + example(step, j0 + j) * step.X.example_stride + k0 * stride;
            T* here = to + j * P<T>;
            int64_t k = 0;
            for (; stride == 1 && k + P<T> <= columns; k += P<T>, here += apart) {
                store(here, load(from + k));
                store(here + N<T>, load(from + k + N<T>));
            }
            for (; k < columns; k += P<T>, here += apart) {
                const int some = int(least(P<T>, columns - k));
                if (stride == 1) {
                    store(here, load_partial(from + k, int(least(N<T>, some))));
                    if (some > N<T>) store(here + N<T>, load_partial(from + k + N<T>, some - N<T>));
                } else {
                    for (int i = 0; i < some; ++i) here[i] = from[(k + i) * stride];
                }
            }
        }
        return;
    }
    const T* const A = l == 1 ? step.panels : step.layers[l - 2].A;
    for (int64_t k = 0; k < columns; k += N<T>) {
        T* const here = to + k / P<T> * apart + k % P<T>;
        for (int64_t j = 0; j < count; j += N<T>) {
            const T* const from = A + (j0 + j) / P<T> * n * P<T> + (k0 + k) * P<T> + (j0 + j) % P<T>;
            Vec<T> square[N<T>];
            UNROLL for (int i = 0; i < N<T>; ++i) square[i] = k + i < columns ? load(from + i * P<T>) : Vec<T>{};
            transpose<T>(square);
            UNROLL for (int i = 0; i < N<T>; ++i) {
                if (j + i < count) store(here + (j + i) * P<T>, square[i]);
            }
        }
    }
}

// -- forward ----------------------------------------------------------------------------------------------------------

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

// -- cost -------------------------------------------------------------------------------------------------------------

// Z → dZ[L] of one panel in place; gives Σ 𝓛. Y is the panel of targets.
template <class T> double cost(const Step<T>& step, int64_t p, T* Z, const T* Y) {
    using X = Vec<T>;
    const Layer<T>& out = step.layers[step.L - 1];
    const int64_t n = out.units;
    const int count = filled(step, p);
    const X zero{}, one = splat<T>(1);
    double losses = 0;
    for (int v = 0; v < vectors(step, p); ++v) {
        X w = select(iota<T>() < T(count - v * N<T>), one, zero);
        if (step.weights) {
            for (int j = 0; j < N<T> && v * N<T> + j < count; ++j)
                w[j] = step.weights[example(step, p * P<T> + v * N<T> + j)];
        }
        const auto counts = w != 0;
        X total{};
        const auto over_units = [&](auto f) {
            total = sum_of<T>(n, [&](int64_t i) {
                T* const z = Z + i * P<T> + v * N<T>;
                X dz;
                const X loss = f(load(z), load(Y + i * P<T> + v * N<T>), dz);
                store(z, select(counts, dz * w, zero));
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
                T* const column = Z + v * N<T>;
                X top = load(column);
                for (int64_t i = 1; i < n; ++i) top = max(top, load(column + i * P<T>));
                const X total_e = sum_of<T>(n, [&](int64_t i) { return exp(load(column + i * P<T>) - top); });
                const X logsum = log(total_e), inverse = 1 / total_e;
                over_units([&](X z, X y, X& dz) {
                    dz = exp(z - top) * inverse - y;
                    return y * (logsum - (z - top));
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
                        X rest;
                        a = sigmoid(z, rest), slope = a * rest;
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
                    const X e = z - y, delta = splat<T>(step.delta), near = min(abs(e), delta);
                    dz = max(min(e, delta), -delta);
                    return near * (abs(e) - near / 2);
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
        losses += double(sum(select(counts, total * w, zero)));
    }
    return losses;
}

// -- stage one: examples ----------------------------------------------------------------------------------------------

constexpr int SIDE = 4;  // tiles whose weights are gathered at once
template <class T> constexpr int64_t PADDED = (TALL + N<T> - 1) / N<T> * N<T>;  // a row of a tile in whole vectors

template <class T> int64_t examples_scratch(const Step<T>& step, int64_t count) {
    const Layer<T>&in = step.layers[0], &out = step.layers[step.L - 1];
    int64_t deepest = 0;
    for (int64_t l = 2; l <= step.L; ++l) {
        if (step.layers[l - 1].units > deepest) deepest = step.layers[l - 1].units;
    }
    const int64_t packed = step.panels || step.sparse ? 0 : in.inputs * P<T> * count;
    const int64_t back = TALL * P<T> + SIDE * PADDED<T> * deepest, targets = out.units * P<T>;
    return packed + (back > targets ? back : targets);
}

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

template <class T> void examples(const Step<T>& step, int64_t first, int64_t count, T* scratch) {
    const int64_t n0 = step.layers[0].inputs, L = step.L;
    const T* A = nullptr;
    if (step.panels) {
        A = step.panels + first * n0 * P<T>;
    } else if (!step.sparse) {
        pack(step, first, count, scratch);
        A = scratch;
        scratch += count * n0 * P<T>;
    }
    for (int64_t l = 1; l < L; ++l) {
        const Layer<T>& layer = step.layers[l - 1];
        const int64_t at = first * layer.units * P<T>;
        const bool rectify = layer.g == Function::relu && !layer.stores_slope;
        linear(step, l, first, count, A, layer.A + at, rectify, [&](int64_t p, int64_t i, int64_t rows) {
            if (rectify) return;
            const int64_t here = at + (p * layer.units + i) * P<T>;
            activate(layer.g, layer.alpha, layer.A + here, layer.stores_slope ? layer.D + here : nullptr, rows,
                     vectors(step, first + p));
        });
        if (layer.dropout > 0) {
            for (int64_t p = 0; p < count; ++p) drop(step, l, first + p);
        }
        A = layer.A + at;
    }
    const Layer<T>& out = step.layers[L - 1];
    T* const Z = out.D + first * out.units * P<T>;
    linear(step, L, first, count, A, Z, false, [](int64_t, int64_t, int64_t) {});
    for (int64_t p = 0; p < count; ++p) {
        pack_panel(step, step.Y, out.units, first + p, scratch);
        step.costs[first + p] = cost(step, first + p, Z + p * out.units * P<T>, scratch);
    }
    for (int64_t l = L; l > 1; --l) backward(step, l, first, count, scratch);
}

template <class T> int64_t forward_scratch(const Step<T>& step, int64_t count) {
    int64_t widest = step.sparse ? 0 : step.layers[0].inputs;
    for (int64_t l = 1; l <= step.L; ++l) {
        if (step.layers[l - 1].units > widest) widest = step.layers[l - 1].units;
    }
    return 2 * widest * P<T> * count + step.layers[step.L - 1].units * P<T>;
}

template <class T>
void forward(const Step<T>& step, int64_t first, int64_t count, T* out, ptrdiff_t stride, T* scratch) {
    const int64_t size = (forward_scratch(step, count) - step.layers[step.L - 1].units * P<T>) / 2;
    T *A = scratch, *Z = scratch + size, *const Y = scratch + 2 * size;
    if (!step.sparse) pack(step, first, count, A);
    for (int64_t l = 1; l <= step.L; ++l) {
        const Layer<T>& layer = step.layers[l - 1];
        const bool last = l == step.L, rectify = !last && layer.g == Function::relu;
        linear(step, l, first, count, A, Z, rectify, [&](int64_t p, int64_t i, int64_t rows) {
            if (last || rectify) return;
            activate<T>(layer.g, layer.alpha, Z + (p * layer.units + i) * P<T>, nullptr, rows,
                        vectors(step, first + p));
        });
        T* const swap = A;
        A = Z, Z = swap;
    }
    const Layer<T>& top = step.layers[step.L - 1];
    for (int64_t p = 0; p < count; ++p) {
        T* const z = A + p * top.units * P<T>;
        const int lanes = filled(step, first + p), V = vectors(step, first + p);
        if (step.costs) {  // which leaves dZ in the place of Z
            for (int64_t i = 0; i < top.units * P<T>; ++i) Z[i] = z[i];
            pack_panel(step, step.Y, top.units, first + p, Y);
            step.costs[first + p] = cost(step, first + p, Z, Y);
        }
        activate<T>(top.g, top.alpha, z, nullptr, top.units, V);
        for (int64_t i = 0; i < top.units; ++i) {
            for (int j = 0; j < lanes; ++j) out[i * stride + (first + p) * P<T> + j] = z[i * P<T> + j];
        }
    }
}

// -- stage two: gradient and update -----------------------------------------------------------------------------------

// f.template operator()<rule>() for the rule of this step.
template <class F> CHAINRULE_INLINE void with_rule(Rule rule, F f) {
    switch (rule) {
        case Rule::gradient: return f.template operator()<Rule::gradient>();
        case Rule::gradient_descent: return f.template operator()<Rule::gradient_descent>();
        case Rule::momentum: return f.template operator()<Rule::momentum>();
        case Rule::heavy_ball: return f.template operator()<Rule::heavy_ball>();
        case Rule::nesterov: return f.template operator()<Rule::nesterov>();
        case Rule::rmsprop: return f.template operator()<Rule::rmsprop>();
        case Rule::adam: return f.template operator()<Rule::adam>();
    }
}

// One step of the optimizer for count parameters, whose sums Σ dZ Aᵀ are in c.
template <Rule rule, class T>
CHAINRULE_INLINE void advance(const Step<T>& step, int64_t at, const T* c, int64_t count, T l2) {
    using X = Vec<T>;
    const Update<T> u = step.update;
    const X tiny = splat<T>(sizeof(T) == 4 ? T(1e-37) : T(1e-300)), scale = splat<T>(step.scale);
    const T *const w0 = step.w + at, *const slot0 = step.slots[0] + at, *const slot1 = step.slots[1] + at;
    T *const w1 = step.w_next + at, *const next0 = step.slots_next[0] + at, *const next1 = step.slots_next[1] + at;
    const auto one = [&](auto get, auto put) {
        const X w = get(w0), g = get(c) * scale + l2 * w;
        if constexpr (rule == Rule::gradient) {
            put(w1, g);
        } else if constexpr (rule == Rule::gradient_descent) {
            put(w1, w - u.rate * g);
        } else if constexpr (rule == Rule::momentum) {
            const X v = u.beta1 * get(slot0) + u.rest1 * g;
            put(next0, v);
            put(w1, w - u.rate * v);
        } else if constexpr (rule == Rule::heavy_ball || rule == Rule::nesterov) {
            const X v = u.beta1 * get(slot0) - u.rate * g;
            put(next0, v);
            put(w1, w + (rule == Rule::heavy_ball ? v : u.beta1 * v - u.rate * g));
        } else if constexpr (rule == Rule::rmsprop) {
            const X s = u.beta2 * get(slot0) + u.rest2 * (g * g);
            put(next0, s);
            put(w1, w - u.rate * g * recip(root(max(s, tiny)) + u.epsilon));
        } else {
            const X v = u.beta1 * get(slot0) + u.rest1 * g;
            const X s = u.beta2 * get(slot1) + u.rest2 * (g * g);
            put(next0, v);
            put(next1, s);
            put(w1, u.decay * w - u.rate * v * recip(root(max(s, tiny)) + u.epsilon));
        }
    };
    int64_t i = 0;
    for (; i + N<T> <= count; i += N<T>) {
        one([i](const T* from) { return load(from + i); }, [i](T* to, X x) { store(to + i, x); });
    }
    if (const int rest = int(count - i)) {
        one([=](const T* from) { return load_partial(from + i, rest); },
            [=](T* to, X x) { store_partial(to + i, x, rest); });
    }
}

// The whole step for some rows of parameters, row r at `at` + r · stride, whose sums are at c + r · P.
template <class T>
void advance_rows(const Step<T>& step, int64_t at, ptrdiff_t stride, const T* c, int64_t rows, int64_t count, T l2) {
    with_rule(step.update.rule, [&]<Rule rule>() {
        for (int64_t r = 0; r < rows; ++r) advance<rule>(step, at + r * stride, c + r * P<T>, count, l2);
    });
}

template <class T> void update(const Step<T>& step, const T* gradient, int64_t first, int64_t count) {
    advance_rows(step, first, 0, gradient + first, 1, count, step.l2);
}

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

// -- over vectors of numbers ------------------------------------------------------------------------------------------

template <class T> double squares(const T* x, int64_t count) {
    double total = 0;
    for (int64_t i = 0; i < count; i += 64 * N<T>) {  // short sums in T, their total in double
        Vec<T> part{};
        const int64_t end = least(count, i + 64 * N<T>);
        for (int64_t k = i; k < end; k += N<T>) {
            const Vec<T> v = end - k >= N<T> ? load(x + k) : load_partial(x + k, int(end - k));
            part += v * v;
        }
        total += double(sum(part));
    }
    return total;
}

template <class T> bool finite(const T* x, int64_t count) {
    Vec<T> bad{};  // x · 0 is NaN where x is infinite or NaN
    for (int64_t k = 0; k < count; k += N<T>) {
        const Vec<T> v = count - k >= N<T> ? load(x + k) : load_partial(x + k, int(count - k));
        bad += v * 0;
    }
    return sum(bad) == 0;
}

template <class T> int64_t spin(int64_t rounds, T* out) {
    constexpr int SUMS = REGISTERS == 32 ? 24 : 12;
    Vec<T> sums[SUMS], x = load(out), y = load(out + N<T>);
    UNROLL for (int i = 0; i < SUMS; ++i) sums[i] = x + T(i);  // all different, or they would be computed once
    for (int64_t r = 0; r < rounds; ++r) {
        UNROLL for (int i = 0; i < SUMS / 2; ++i) sums[i] = sums[i] * x + y;
        UNROLL for (int i = SUMS / 2; i < SUMS; ++i) sums[i] = sums[i] * x + y;
    }
    UNROLL for (int i = 1; i < SUMS; ++i) sums[0] += sums[i];
    store(out, sums[0]);
    return rounds * SUMS * N<T> * 2;
}

}  // namespace

#define CHAINRULE_TEXT(x) #x
#define CHAINRULE_NAME(x) CHAINRULE_TEXT(x)

template <class T> const Kernels<T>& kernels() {
    static constexpr Kernels<T> table = {CHAINRULE_NAME(CHAINRULE_ISA),
                                         N<T>,
                                         pack<T>,
                                         examples<T>,
                                         examples_scratch<T>,
                                         forward<T>,
                                         forward_scratch<T>,
                                         gradient<T>,
                                         gradient_scratch<T>,
                                         by_rows<T>,
                                         update<T>,
                                         squares<T>,
                                         finite<T>,
                                         spin<T>};
    return table;
}
template const Kernels<float>& kernels<float>();
template const Kernels<double>& kernels<double>();

}  // namespace chainrule::CHAINRULE_ISA
