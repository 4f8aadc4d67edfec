// Products of matrices, in tiles whose sums stay in registers.
#pragma once

#include "panels.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// Rows of a tile of two vectors, whose sums are in registers: 24 of 32, or 12 of 16. Of 12 × 2, 14 × 2, 8 × 3, 6 × 4
// and 28 × 1 none was faster on a Sapphire Rapids server with AVX-512. For 16 registers no measurement is recorded.
constexpr int TILE_ROWS = REGISTERS == 32 ? 12 : 6;

// A row of P numbers into the first-level cache.
template <class T> CHAINRULE_INLINE void fetch_row(const T* row) {
    UNROLL for (int i = 0; i < P<T>; i += int(CACHE_LINE / sizeof(T))) __builtin_prefetch(row + i, 0, 3);
}

// What becomes of the sums of a tile.
enum Epilogue { STORE = 0, ACCUMULATE = 1, RELU = 2 };

// What a tile fetches into the cache while it sums, in rows of P numbers: memory that the next tiles read, which may
// end before it. On a Sapphire Rapids server the stages of large layers became 5 to 15 % faster by it.
template <class T> struct Ahead {
    // Of another tile's S, with each block some rows: they begin `offset` numbers behind s, `stride` apart.
    ptrdiff_t offset, stride;
    int64_t rows;
    // Of up to three vectors, with each block some more rows, until there have been vector_rows.
    const T* vectors[3];
    ptrdiff_t vector_stride;
    int64_t vector_rows, vector_rows_per_block;

    CHAINRULE_INLINE void fetch(const T* s, int64_t& fetched) const {
        for (int64_t r = 0; r < rows; ++r) fetch_row(s + offset + r * stride);
        for (const int64_t end = least(fetched + vector_rows_per_block, vector_rows); fetched < end; ++fetched) {
            for (const T* vector : vectors) {
                if (vector) fetch_row(vector + fetched * vector_stride);
            }
        }
    }
};

// What a tile fetches of the panel that comes after its own, into the second-level cache: with each term a row or,
// where two tiles share the panel, half a row. By one tile alone the lines come faster than from the third-level cache:
// on a Sapphire Rapids server a step of 12288-20-7-5-1 with 209 examples took 8 to 10 % less time with two.
template <class T> class NextPanel {
  public:
    // The part of tile 0 or 1, which has so many terms.
    NextPanel(const T* panel, int64_t terms, bool shared, int tile)
        : at(shared ? panel + tile * terms * N<T> : panel), step(shared ? N<T> : P<T>) {}

    CHAINRULE_INLINE void fetch() {
        __builtin_prefetch(at, 0, 2);
        __builtin_prefetch(at + step / 2, 0, 2);
        at += step;
    }

  private:
    const T* at;
    ptrdiff_t step;
};

// C[r][v] = Σ_k S(r, k) B[k][v] + bias[r], for R rows and V vectors of a panel; C += … with ACCUMULATE, max(0, …) with
// RELU; no bias where it is null. S(r, k) is s[r · stride + k], or s[k · stride + r] if transposed; after every `block`
// terms s jumps, to the next panel; where there is `ahead`, some of that is fetched with each block, and with each term
// some of `next_panel`, where there is one.
template <class T, int R, int V, bool transposed, class... Next>
void tile(const T* s, ptrdiff_t stride, int64_t depth, int64_t block, ptrdiff_t jump, const T* b, T* c, const T* bias,
          int epilogue, const Ahead<T>* ahead, Next... next_panel) {
    constexpr int U =
        R * V >= 8   ? 1
        : R * V >= 4 ? 2
                     : 4;  // chains of sums: enough that 8 multiply-adds are under way, two units × 4 cycles on x86
    Vec<T> sum[U][R][V];
    UNROLL for (int u = 0; u < U; ++u) {
        UNROLL for (int r = 0; r < R; ++r) {
            UNROLL for (int v = 0; v < V; ++v) {
                sum[u][r][v] = u                       ? Vec<T>{}
                               : epilogue & ACCUMULATE ? load(c + r * P<T> + v * N<T>)
                               : bias                  ? splat<T>(bias[r])
                                                       : Vec<T>{};
            }
        }
    }
    const auto add_term = [&](Vec<T>(&to)[R][V], const T* s, const T* b) {
        (next_panel.fetch(), ...);
        Vec<T> x[V];
        UNROLL for (int v = 0; v < V; ++v) x[v] = load(b + v * N<T>);
        UNROLL for (int r = 0; r < R; ++r) {
            const Vec<T> w = splat<T>(transposed ? s[r] : s[r * stride]);
            UNROLL for (int v = 0; v < V; ++v) to[r][v] += w * x[v];
        }
    };
    const ptrdiff_t next = transposed ? stride : 1;
    for (int64_t fetched = 0; depth > 0; depth -= block, s += jump) {
        if (ahead) ahead->fetch(s, fetched);
        int64_t k = least(block, depth);
        // Without it short blocks, of one panel, cost 4 to 8 % of a product on a Sapphire Rapids server.
        _Pragma("GCC unroll 4") for (; k >= U; k -= U) {
            UNROLL for (int u = 0; u < U; ++u) add_term(sum[u], s + u * next, b + u * P<T>);
            s += U * next, b += U * P<T>;
        }
        if constexpr (U > 1) {
            for (; k > 0; --k, s += next, b += P<T>) add_term(sum[0], s, b);
        }
    }
    UNROLL for (int r = 0; r < R; ++r) {
        UNROLL for (int v = 0; v < V; ++v) {
            if constexpr (U == 2) sum[0][r][v] += sum[1][r][v];
            if constexpr (U == 4) sum[0][r][v] = (sum[0][r][v] + sum[1][r][v]) + (sum[2][r][v] + sum[3][r][v]);
            if (epilogue & RELU) sum[0][r][v] = select(sum[0][r][v] < 0, Vec<T>{}, sum[0][r][v]);  // NaN stays NaN
            store(c + r * P<T> + v * N<T>, sum[0][r][v]);
        }
    }
}

template <class T, class... Next>
using Tile = void (*)(const T*, ptrdiff_t, int64_t, int64_t, ptrdiff_t, const T*, T*, const T*, int, const Ahead<T>*,
                      Next...);

// The tile of so many rows, 1 … TILE_ROWS, and vectors, 1 or 2.
template <class T, bool transposed, class... Next> Tile<T, Next...> tile_of(int64_t rows, int vectors) {
    static constexpr auto table = []<int... r>(std::integer_sequence<int, r...>) {
        struct {
            Tile<T, Next...> of[2][TILE_ROWS];
        } t = {{{tile<T, r + 1, 1, transposed, Next...>...}, {tile<T, r + 1, 2, transposed, Next...>...}}};
        return t;
    }(std::make_integer_sequence<int, TILE_ROWS>{});
    return table.of[vectors - 1][rows - 1];
}

// Terms of a product whose S, of 24 KB, stay in the first-level cache while they meet several panels. On a Sapphire
// Rapids server the forward pass of 2048 × 2048 in float64 went from 70 to 77 GFLOP/s by it; float32 is as before.
template <class T> constexpr int64_t CACHED_TERMS = (24 << 10) / (TILE_ROWS * int64_t(sizeof(T)));

// Whether a tile may take its terms in parts without another result: its sums have one chain each.
CHAINRULE_INLINE bool divisible(int64_t rows, int vectors) { return rows * vectors >= 8; }

// n rows are divided into the fewest tiles, all of about the same height; span(n, t) is tile t.
struct Span {
    int64_t first, rows;
};
CHAINRULE_INLINE int64_t tiles_of(int64_t n) { return ceil_div(n, TILE_ROWS); }
CHAINRULE_INLINE Span span(int64_t n, int64_t t) {
    const int64_t tiles = tiles_of(n);
    return {t * (n / tiles) + least(t, n % tiles), n / tiles + (t < n % tiles)};
}
template <class F> CHAINRULE_INLINE void for_tiles(int64_t n, F run) {
    for (int64_t t = 0; t < tiles_of(n); ++t) run(span(n, t).first, span(n, t).rows);
}

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
