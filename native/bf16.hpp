// Products of large layers in bf16: factors with 8 bits of precision and float32's range, sums in float32.
//
// Compiled for the instruction sets that have such products; all else there is float32, as in the others. All factors
// are in blocks of 32 × 32, which the product of two blocks reads from one end to the other. A block has two tiles of
// 16 rows: of a left factor its rows, [16][32 terms]; of a right one its columns, [16 pairs of terms][16 columns][2].
//
//              left                              right
//     forward  W[l]: units, inputs               A[l-1]: inputs, the examples of a panel
//     back     W[l]ᵀ: inputs, units              dZ[l]: units, the examples of a panel
//     dW       dZ[l]: units, examples            A[l-1]ᵀ: examples, inputs
//
// What fills no block is 0. Sums are taken in one order, whatever the threads; AMX and AVX-512 have different ones.
#pragma once

#include "backward.hpp"
#include "forward.hpp"
#include "gradient.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

#if defined(__AVX512BF16__)
constexpr bool HAS_BF16 = true;

constexpr int64_t SIDE = BF16_SIDE, TILE = 16 * SIDE, BLOCK = SIDE * SIDE;
static_assert(P<float> == SIDE && N<float> == 16);
// Blocks whose products are summed up before the next ones: the left ones, 16 KB, then stay in the first-level cache.
// 16 or 32 were 5 to 20 % slower on a Sapphire Rapids server with AMX (products alone, one run).
constexpr int64_t DEPTH = 8;

// -- conversion, to the nearest, ties to even -------------------------------------------------------------------------

// 32 numbers, of low before those of high.
CHAINRULE_INLINE __m512i to_bf16(Vec<float> low, Vec<float> high) {
    return bits<__m512i>(_mm512_maskz_cvtne2ps_pbh(__mmask32(-1), high, low));
}

// Pairs of a number of `even` and the one of `odd` in the same lane.
CHAINRULE_INLINE __m512i to_pairs(Vec<float> even, Vec<float> odd) {
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                           21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_maskz_permutexvar_epi16(__mmask32(-1), order, to_bf16(even, odd));
}

CHAINRULE_INLINE void store_row(uint16_t* to, __m512i row) { __builtin_memcpy(to, &row, sizeof row); }

// Row r of a left block, or of a right one with 16 rows for each half.
CHAINRULE_INLINE uint16_t* row_of(uint16_t* block, int64_t r) { return block + r * SIDE; }

// Rows 32 · t … of W[l], as left blocks of W and, of layers that have one below, of Wᵀ.
inline void convert_weights(const Step<float>& step, const Bf16Rows& item) {
    const Layer<float>& layer = step.layers[item.l - 1];
    const int64_t K = layer.inputs, n = layer.units, across = ceil_div(K, SIDE), down = ceil_div(n, SIDE), t = item.t;
    const int64_t rows = least(SIDE, n - t * SIDE);
    for (int64_t c = 0; c < across; ++c) {
        const float* const from = step.w + layer.at + t * SIDE * K + c * SIDE;
        const int widths[] = {int(least(16, K - c * SIDE)), int(least(16, K - c * SIDE - 16))};
        uint16_t* const to = layer.bf16.W + (t * across + c) * BLOCK;
        Vec<float> squares[2][2][16];  // [half of the rows][half of the columns]
        for (int half = 0; half < 2; ++half) {
            UNROLL for (int r = 0; r < 16; ++r) {
                const float* const row = from + (half * 16 + r) * K;
                UNROLL for (int h = 0; h < 2; ++h) {
                    const bool there = half * 16 + r < rows && widths[h] > 0;
                    squares[half][h][r] = there ? load_partial(row + h * 16, widths[h]) : Vec<float>{};
                }
                store_row(row_of(to, half * 16 + r), to_bf16(squares[half][0][r], squares[half][1][r]));
            }
        }
        if (item.l == 1) continue;
        uint16_t* const transposed = layer.bf16.Wt + (c * down + t) * BLOCK;
        UNROLL for (int h = 0; h < 2; ++h) {
            transpose<float>(squares[0][h]);
            transpose<float>(squares[1][h]);
            UNROLL for (int k = 0; k < 16; ++k) {
                store_row(row_of(transposed, h * 16 + k), to_bf16(squares[0][h][k], squares[1][h][k]));
            }
        }
    }
}

// n units of panel p as right blocks whose terms are units.
inline void convert_units(const float* panel, int64_t n, uint16_t* to) {
    for (int64_t k = 0; k < n; k += SIDE, to += BLOCK) {
        UNROLL for (int r = 0; r < 16; ++r) {
            const float* const from = panel + (k + 2 * r) * P<float>;
            const bool even = k + 2 * r < n, odd = k + 2 * r + 1 < n;
            UNROLL for (int h = 0; h < 2; ++h) {
                store_row(row_of(to, h * 16 + r), to_pairs(even ? load(from + h * 16) : Vec<float>{},
                                                           odd ? load(from + P<float> + h * 16) : Vec<float>{}));
            }
        }
    }
}

// The 32 examples of a unit, 0 in lanes of no example, or of no unit.
CHAINRULE_INLINE __m512i examples_of(const float* unit, int count, bool there) {
    if (!there) return __m512i{};
    return to_bf16(load_partial(unit, int(least(16, count))), load_partial(unit + 16, count > 16 ? count - 16 : 0));
}

// n units of panel p, as blocks of all panels whose terms are examples: right ones, or left ones.
template <bool right>
void convert_examples(const Step<float>& step, const float* panel, int64_t n, int64_t p, uint16_t* to) {
    const int64_t panels = panels_of(step);
    const int count = filled(step, p);
    for (int64_t i = 0; i < n; i += 16) {
        uint16_t* const tile = to + (i / SIDE * panels + p) * BLOCK + i % SIDE * SIDE;
        Vec<float> rows[16];
        UNROLL for (int r = 0; r < 16; ++r) {
            rows[r] = bits<Vec<float>>(examples_of(panel + (i + r) * P<float>, count, i + r < n));
        }
        if constexpr (right) transpose<float>(rows);
        UNROLL for (int r = 0; r < 16; ++r) store_row(row_of(tile, r), bits<__m512i>(rows[r]));
    }
}

// -- the product of blocks --------------------------------------------------------------------------------------------

#if defined(__AMX_BF16__)

// The tile registers of a thread, while this lives: eight of 16 rows of 64 bytes.
class TileRegisters {
  public:
    TileRegisters() {
        alignas(64) struct {
            uint8_t palette = 1, start_row = 0, reserved[14]{};
            uint16_t row_bytes[16]{};
            uint8_t rows[16]{};
        } config;
        for (int i = 0; i < 8; ++i) config.row_bytes[i] = 64, config.rows[i] = 16;
        _tile_loadconfig(&config);
    }
    ~TileRegisters() { _tile_release(); }
    TileRegisters(const TileRegisters&) = delete;
    TileRegisters& operator=(const TileRegisters&) = delete;
};

// C[r · stride + column] (32 × 32) = the sum of the products of so many blocks, or C += it.
CHAINRULE_INLINE void multiply(const uint16_t* left, const uint16_t* right, int64_t blocks, float* C, ptrdiff_t stride,
                               bool accumulate) {
    asm volatile("" ::: "memory");  // GCC 12 does not know that these load from memory
    if (accumulate) {
        _tile_loadd(0, C, stride * 4);
        _tile_loadd(1, C + 16, stride * 4);
        _tile_loadd(2, C + 16 * stride, stride * 4);
        _tile_loadd(3, C + 16 * stride + 16, stride * 4);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int64_t k = 0; k < blocks; ++k, left += BLOCK, right += BLOCK) {
        _tile_loadd(4, left, 64);
        _tile_loadd(6, right, 64);
        _tile_loadd(5, left + TILE, 64);
        _tile_loadd(7, right + TILE, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, C, stride * 4);
    _tile_stored(1, C + 16, stride * 4);
    _tile_stored(2, C + 16 * stride, stride * 4);
    _tile_stored(3, C + 16 * stride + 16, stride * 4);
}

#else

struct [[maybe_unused]] TileRegisters {};

CHAINRULE_INLINE void multiply(const uint16_t* left, const uint16_t* right, int64_t blocks, float* C, ptrdiff_t stride,
                               bool accumulate) {
    constexpr int R = 8;  // rows at once: 16 sums in registers. Chosen; no measurement is recorded
    for (int r0 = 0; r0 < SIDE; r0 += R) {
        __m512 sums[R][2];
        UNROLL for (int r = 0; r < R; ++r) {
            UNROLL for (int h = 0; h < 2; ++h) {
                sums[r][h] = accumulate ? load(C + (r0 + r) * stride + h * 16) : Vec<float>{};
            }
        }
        for (int64_t k = 0; k < blocks; ++k) {
            const uint16_t *const a = left + k * BLOCK + r0 * SIDE, *const b = right + k * BLOCK;
            for (int pair = 0; pair < 16; ++pair) {
                __m512bh x[2];
                UNROLL for (int h = 0; h < 2; ++h) __builtin_memcpy(&x[h], b + h * TILE + pair * SIDE, sizeof x[h]);
                UNROLL for (int r = 0; r < R; ++r) {
                    int32_t y;
                    __builtin_memcpy(&y, a + r * SIDE + 2 * pair, sizeof y);
                    const auto both = bits<__m512bh>(_mm512_set1_epi32(y));
                    UNROLL for (int h = 0; h < 2; ++h) sums[r][h] = _mm512_dpbf16_ps(sums[r][h], both, x[h]);
                }
            }
        }
        UNROLL for (int r = 0; r < R; ++r) {
            UNROLL for (int h = 0; h < 2; ++h) store<Vec<float>>(C + (r0 + r) * stride + h * 16, sums[r][h]);
        }
    }
}

#endif

// done(p, i, C) for each block of 32 rows i and of a panel: C = left · right, summed over so many blocks of terms.
template <class F>
void products(const uint16_t* left, int64_t rows, const uint16_t* right, int64_t count, int64_t terms, float* C,
              F done) {
    const TileRegisters registers;
    for (int64_t i = 0; i < rows; ++i) {
        for (int64_t k = 0; k < terms; k += DEPTH) {
            for (int64_t p = 0; p < count; ++p) {
                multiply(left + (i * terms + k) * BLOCK, right + (p * terms + k) * BLOCK, least(DEPTH, terms - k),
                         C + p * BLOCK, SIDE, k > 0);
                if (k + DEPTH >= terms) done(p, i * SIDE, C + p * BLOCK);
            }
        }
    }
}

// -- the parts of a step ----------------------------------------------------------------------------------------------

inline bool takes_bf16(const Step<float>& step, int64_t l) {
    return step.layers[l - 1].bf16.W && step.m >= BF16_EXAMPLES;
}

// Numbers, of float32, of the memory for the products of some panels.
inline int64_t bf16_scratch(const Step<float>& step, int64_t count) {
    int64_t units = 0;
    for (int64_t l = 1; l <= step.L; ++l) {
        const Layer<float>& layer = step.layers[l - 1];
        const int64_t most = layer.units > layer.inputs ? layer.units : layer.inputs;
        if (layer.bf16.W && most > units) units = most;
    }
    return units == 0 ? 0 : count * (ceil_div(units, SIDE) * BLOCK / 2 + BLOCK);
}

// Z[l] of some panels, as `linear`; and A[l-1]ᵀ for the gradient.
template <class F>
void bf16_linear(const Step<float>& step, int64_t l, int64_t first, int64_t count, const float* A, float* Z, bool relu,
                 float* scratch, F done) {
    const Layer<float>& layer = step.layers[l - 1];
    const int64_t K = layer.inputs, n = layer.units, terms = ceil_div(K, SIDE);
    auto* const right = reinterpret_cast<uint16_t*>(scratch + count * BLOCK);
    for (int64_t p = 0; p < count; ++p) {
        convert_units(A + p * K * P<float>, K, right + p * terms * BLOCK);
        convert_examples<true>(step, A + p * K * P<float>, K, first + p, layer.bf16.A);
    }
    const float* const b = step.w + layer.at + n * K;
    products(layer.bf16.W, ceil_div(n, SIDE), right, count, terms, scratch, [&](int64_t p, int64_t i, const float* C) {
        const int64_t rows = least(SIDE, n - i);
        for (int64_t r = 0; r < rows; ++r) {
            for (int v = 0; v < 2; ++v) {
                const Vec<float> z = load(C + r * SIDE + v * 16) + b[i + r];
                store(Z + (p * n + i + r) * P<float> + v * 16, relu ? select(z < 0, Vec<float>{}, z) : z);
            }
        }
        done(p, i, rows);
    });
}

// dZ[l] of some panels for the gradient; and dZ[l-1], where there is a layer l - 1, as `backward`.
inline void bf16_backward(const Step<float>& step, int64_t l, int64_t first, int64_t count, float* scratch) {
    const Layer<float>& layer = step.layers[l - 1];
    const int64_t K = layer.inputs, n = layer.units, terms = ceil_div(n, SIDE);
    auto* const right = reinterpret_cast<uint16_t*>(scratch + count * BLOCK);
    for (int64_t p = 0; p < count; ++p) {
        const float* const dZ = layer.D + (first + p) * n * P<float>;
        convert_examples<false>(step, dZ, n, first + p, layer.bf16.dZ);
        if (l > 1) convert_units(dZ, n, right + p * terms * BLOCK);
    }
    if (l == 1) return;
    const Layer<float>& below = step.layers[l - 2];
    products(layer.bf16.Wt, ceil_div(K, SIDE), right, count, terms, scratch, [&](int64_t p, int64_t k, const float* C) {
        for (int64_t r = 0; r < least(SIDE, K - k); ++r) {
            for (int v = 0; v < 2; ++v) {
                const int64_t at = ((first + p) * K + k + r) * P<float> + v * 16;
                const Vec<float> dA = load(C + r * SIDE + v * 16);
                store(below.D + at, times_slope(below, dA, below.A + at, below.D + at));
            }
        }
    });
}

// Columns of dW[l], with the first of them db[l], and the step of the optimizer, as `gradient_update`.
inline void bf16_gradient_update(const Step<float>& step, const Item& item, float* scratch) {
    const Layer<float>& layer = step.layers[item.l - 1];
    const int64_t K = layer.inputs, n = layer.units, panels = panels_of(step), columns = ceil_div(item.count, SIDE);
    if (item.first == 0) bias_gradient(step, item.l, 0, n, scratch);
    const int64_t width = columns * SIDE;  // of the sums: whole rows of the item, which memory gives fastest
    const TileRegisters registers;
    for (int64_t i = 0; i < n; i += SIDE) {
        for (int64_t p = 0; p < panels; p += DEPTH) {
            for (int64_t c = 0; c < columns; ++c) {
                multiply(layer.bf16.dZ + (i / SIDE * panels + p) * BLOCK,
                         layer.bf16.A + ((item.first / SIDE + c) * panels + p) * BLOCK, least(DEPTH, panels - p),
                         scratch + c * SIDE, width, p > 0);
            }
        }
        for (int64_t r = 0; r < least(SIDE, n - i); ++r) {
            update_rows(step, layer.at + (i + r) * K + item.first, 0, scratch + r * width, 1, item.count, step.l2);
        }
    }
}

#else
constexpr bool HAS_BF16 = false;
#endif

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
