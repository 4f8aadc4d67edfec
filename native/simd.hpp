// Vectors of float or double as wide as the instruction set allows.
//
// kernel.cpp, with this and the headers that it includes, is compiled once per instruction set, each time with another
// CHAINRULE_ISA. All that generates code is in the namespace of that name: if it were shared, the linker might keep a
// copy that an older processor cannot run. For the same reason only types are taken from the standard library.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#ifndef CHAINRULE_ISA
#define CHAINRULE_ISA baseline
#endif

#define CHAINRULE_INLINE [[gnu::always_inline]] inline

// For loops over registers, which must be unrolled whole: no index is larger than 16.
#define UNROLL _Pragma("GCC unroll 16")

namespace chainrule::CHAINRULE_ISA {

#if defined(__AVX512F__)
constexpr int BYTES = 64;  // of a vector
#elif defined(__AVX2__)
constexpr int BYTES = 32;
#else
constexpr int BYTES = 16;
#endif

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int REGISTERS = 32;  // for vectors
#else
constexpr int REGISTERS = 16;
#endif

template <class T> struct VecOf;
template <> struct VecOf<float> {
    typedef float type __attribute__((vector_size(BYTES)));
};
template <> struct VecOf<double> {
    typedef double type __attribute__((vector_size(BYTES)));
};

template <class T> using Vec = typename VecOf<T>::type;
template <class T> using IVec = decltype(Vec<T>{} < Vec<T>{});  // int32 or int64; a mask has all bits of a lane set
template <class T> constexpr int lanes = BYTES / int{sizeof(T)};

template <class V> using Element = std::remove_cvref_t<decltype(V{}[0])>;
template <class V> using Mask = decltype(V{} < V{});
template <class V> concept FloatVec = std::is_same_v<V, Vec<float>> || std::is_same_v<V, Vec<double>>;
template <FloatVec V> constexpr bool single = sizeof(Element<V>) == 4;

// Returns what x86's instruction for V gives. The masked forms of AVX-512 spare us warnings of GCC 12 about its own
// headers; the mask is left out of the code.
#if defined(__AVX512F__)
#define CHAINRULE_X86(name, ...)                                                          \
    if constexpr (single<V>) return _mm512_maskz_##name##_ps(__mmask16(-1), __VA_ARGS__); \
    else return _mm512_maskz_##name##_pd(__mmask8(-1), __VA_ARGS__)
#elif defined(__AVX2__)
#define CHAINRULE_X86(name, ...)                                     \
    if constexpr (single<V>) return _mm256_##name##_ps(__VA_ARGS__); \
    else return _mm256_##name##_pd(__VA_ARGS__)
#elif defined(__SSE2__)
#define CHAINRULE_X86(name, ...)                                  \
    if constexpr (single<V>) return _mm_##name##_ps(__VA_ARGS__); \
    else return _mm_##name##_pd(__VA_ARGS__)
#endif

// The same bits as another type of vector.
template <class To, class From> CHAINRULE_INLINE To bits(From v) { return __builtin_bit_cast(To, v); }

template <class T> CHAINRULE_INLINE Vec<T> splat(std::type_identity_t<T> x) { return x - Vec<T>{}; }

template <class T> CHAINRULE_INLINE Vec<T> iota() {
    return []<int... i>(std::integer_sequence<int, i...>) {
        return Vec<T>{T(i)...};
    }(std::make_integer_sequence<int, lanes<T>>{});
}

template <class T> CHAINRULE_INLINE Vec<T> load(const T* p) {
    Vec<T> v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

template <FloatVec V> CHAINRULE_INLINE void store(Element<V>* p, V v) { __builtin_memcpy(p, &v, sizeof v); }

// The first count values at p, 0 <= count <= lanes, and zeros after them; memory past them is not touched.
template <class T> CHAINRULE_INLINE Vec<T> load_partial(const T* p, int count) {
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) return _mm512_maskz_loadu_ps(__mmask16((1u << count) - 1), p);
    else return _mm512_maskz_loadu_pd(__mmask8((1u << count) - 1), p);
#elif defined(__AVX2__)
    const auto mask = __m256i(iota<T>() < T(count));
    if constexpr (sizeof(T) == 4) return _mm256_maskload_ps(p, mask);
    else return _mm256_maskload_pd(p, mask);
#else
    Vec<T> v{};
    for (int i = 0; i < lanes<T>; ++i) {
        if (i < count) v[i] = p[i];
    }
    return v;
#endif
}

template <FloatVec V> CHAINRULE_INLINE void store_partial(Element<V>* p, V v, int count) {
#if defined(__AVX512F__)
    if constexpr (single<V>) _mm512_mask_storeu_ps(p, __mmask16((1u << count) - 1), v);
    else _mm512_mask_storeu_pd(p, __mmask8((1u << count) - 1), v);
#elif defined(__AVX2__)
    const auto mask = __m256i(iota<Element<V>>() < Element<V>(count));
    if constexpr (single<V>) _mm256_maskstore_ps(p, mask, v);
    else _mm256_maskstore_pd(p, mask, v);
#else
    for (int i = 0; i < lanes<Element<V>>; ++i) {
        if (i < count) p[i] = v[i];
    }
#endif
}

// A store past the caches, to memory that is not read soon and whose old contents need not be fetched; p is aligned
// like a vector. Other threads see it after end_streams.
template <FloatVec V> CHAINRULE_INLINE void stream(Element<V>* p, V v) {
#if defined(__AVX512F__)
    if constexpr (single<V>) _mm512_stream_ps(p, v);
    else _mm512_stream_pd(p, v);
#elif defined(__AVX2__)
    if constexpr (single<V>) _mm256_stream_ps(p, v);
    else _mm256_stream_pd(p, v);
#elif defined(__SSE2__)
    if constexpr (single<V>) _mm_stream_ps(p, v);
    else _mm_stream_pd(p, v);
#else
    store(p, v);
#endif
}

CHAINRULE_INLINE void end_streams() {
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

template <class M, class V> CHAINRULE_INLINE V select(M mask, V a, V b) { return mask ? a : b; }

// a < b ? b : a, so a NaN in a is kept and a NaN in b gives a; of x86's operands the second is the one kept. GCC finds
// the instruction by itself, but not where a or b is a constant.
template <FloatVec V> CHAINRULE_INLINE V max(V a, V b) {
#if defined(CHAINRULE_X86)
    CHAINRULE_X86(max, b, a);
#else
    return a < b ? b : a;
#endif
}

// b < a ? b : a, likewise.
template <FloatVec V> CHAINRULE_INLINE V min(V a, V b) {
#if defined(CHAINRULE_X86)
    CHAINRULE_X86(min, b, a);
#else
    return b < a ? b : a;
#endif
}

template <FloatVec V> CHAINRULE_INLINE V abs(V v) {
    const auto sign = bits<Mask<V>>(-V{});
    return bits<V>(bits<Mask<V>>(v) & ~sign);
}

template <FloatVec V> CHAINRULE_INLINE V sqrt(V v) {
#if defined(CHAINRULE_X86)
    CHAINRULE_X86(sqrt, v);
#else
    for (int i = 0; i < lanes<Element<V>>; ++i) {
        if constexpr (single<V>) v[i] = __builtin_sqrtf(v[i]);
        else v[i] = __builtin_sqrt(v[i]);
    }
    return v;
#endif
}

#if defined(__AVX512F__)
// With a relative error of 2^-14 at most.
template <FloatVec V> CHAINRULE_INLINE V recip_estimate(V x) { CHAINRULE_X86(rcp14, x); }
template <FloatVec V> CHAINRULE_INLINE V rsqrt_estimate(V x) { CHAINRULE_X86(rsqrt14, x); }
#endif

// 1 / x within an ulp, for x and 1 / x positive and normal.
template <FloatVec V> CHAINRULE_INLINE V recip(V x) {
#if defined(__AVX512F__)
    // Newton's iteration squares the relative error.
    V y = recip_estimate(x);
    if constexpr (!single<V>) y += y * (1 - x * y);
    return y + y * (1 - x * y);
#elif defined(__AVX2__) && defined(__FMA__)
    // Of the relative error e, 1.5 * 2^-12 at most, Newton would leave e^2, more than two ulp.
    if constexpr (single<V>) {
        const V y = _mm256_rcp_ps(x), e = 1 - x * y;
        return y + y * (e + e * e);
    } else {
        return 1 / x;
    }
#else
    return 1 / x;
#endif
}

// sqrt(x) within an ulp, for x positive and normal; faster than the exact one where that is slow.
template <FloatVec V> CHAINRULE_INLINE V root(V x) {
#if defined(__AVX512F__)
    constexpr Element<V> half = 0.5;
    V y = rsqrt_estimate(x);
    if constexpr (!single<V>) y += y * (half * (1 - x * y * y));
    const V r = x * y;
    return r + half * y * (x - r * r);
#else
    return sqrt(x);
#endif
}

template <class M> CHAINRULE_INLINE bool any(M mask) {
#if defined(__AVX512F__)
    return _mm512_movepi32_mask(__m512i(mask)) != 0;
#elif defined(__AVX2__)
    return _mm256_movemask_epi8(__m256i(mask)) != 0;
#elif defined(__SSE2__)
    return _mm_movemask_epi8(__m128i(mask)) != 0;
#else
    const auto words = bits<IVec<double>>(mask);
    return (words[0] | words[1]) != 0;
#endif
}

// The sum of all lanes, halves added to each other: always in the same order.
template <FloatVec V> CHAINRULE_INLINE Element<V> sum(V v) {
    constexpr int n = lanes<Element<V>>;
    const auto fold = [&]<int half, int... i>(std::integer_sequence<int, half>, std::integer_sequence<int, i...>) {
        v += __builtin_shufflevector(v, v, (i ^ half)...);
    };
    constexpr auto all = std::make_integer_sequence<int, n>{};
    if constexpr (n >= 16) fold(std::integer_sequence<int, 8>{}, all);
    if constexpr (n >= 8) fold(std::integer_sequence<int, 4>{}, all);
    if constexpr (n >= 4) fold(std::integer_sequence<int, 2>{}, all);
    fold(std::integer_sequence<int, 1>{}, all);
    return v[0];
}

// Of two rows, the even units then the odd ones, separately in each group of lanes.
template <int group, int unit, FloatVec V> CHAINRULE_INLINE void unzip(V& a, V& b) {
    constexpr int n = lanes<Element<V>>;
    constexpr auto source = [](int i, int odd) {
        const int in_group = i % group / unit, half = group / unit / 2;
        return in_group / half * n + i / group * group + (in_group % half * 2 + odd) * unit + i % unit;
    };
    [&]<int... i>(std::integer_sequence<int, i...>) {
        const V even = __builtin_shufflevector(a, b, source(i, 0)...);
        b = __builtin_shufflevector(a, b, source(i, 1)...);
        a = even;
    }(std::make_integer_sequence<int, n>{});
}

template <class T, int group, int unit, int first> CHAINRULE_INLINE void unzip_rows(Vec<T> (&rows)[lanes<T>]) {
    UNROLL for (int i = 0; i < lanes<T>; ++i) {
        if ((i & first) == 0) unzip<group, unit>(rows[i], rows[i | first]);
    }
}

// Transposes a square in place. Each stage swaps one bit of the row number with one of the lane number: unzip makes
// the lowest bit of the lane the row's, and moves the other bits down to let the row's in at the top. The two bits
// inside 16 bytes and those above are shuffled apart, as x86 has one-instruction shuffles only within either.
template <class T> CHAINRULE_INLINE void transpose(Vec<T> (&rows)[lanes<T>]) {
    constexpr int n = lanes<T>, unit = 16 / int{sizeof(T)};
    unzip_rows<T, unit, 1, 1>(rows);
    if constexpr (unit == 4) unzip_rows<T, unit, 1, 2>(rows);
    if constexpr (n >= 2 * unit) unzip_rows<T, n, unit, unit>(rows);
    if constexpr (n >= 4 * unit) unzip_rows<T, n, unit, 2 * unit>(rows);
}

// Whether vectors have a number beyond a limit, in absolute value, or NaN.
template <class T> class Outside {
  public:
    explicit Outside(T limit) : limit(splat<T>(limit)) {}
    CHAINRULE_INLINE void look(Vec<T> x) { ones = select(abs(x) <= limit, ones, splat<T>(1)); }
    bool found() const { return any(ones > 0); }

  private:
    const Vec<T> limit;
    Vec<T> ones{};  // in the lanes where there was one
};

// Terms of a sum that are added one after the other. The error grows with n / SHORT_SUM + SHORT_SUM instead of n.
constexpr int64_t SHORT_SUM = 64;

// Σ term(i) for i < n.
template <class T, class F> CHAINRULE_INLINE Vec<T> sum_of(int64_t n, F term) {
    Vec<T> total{};
    for (int64_t first = 0; first < n; first += SHORT_SUM) {
        Vec<T> part{};
        const int64_t end = first + SHORT_SUM < n ? first + SHORT_SUM : n;
        for (int64_t i = first; i < end; ++i) part += term(i);
        total += part;
    }
    return total;
}

// to[i] = the sum of the lanes of vectors[i]: two vectors become one of half sums, until each sum has its lane.
template <class T, int count> CHAINRULE_INLINE void sums_of_lanes(Vec<T> (&vectors)[count], T* to) {
    UNROLL for (int first = 0; first < count; first += lanes<T>) {
        UNROLL for (int left = lanes<T>; left > 1; left /= 2) {
            UNROLL for (int i = 0; i < left; i += 2) {
                Vec<T>&a = vectors[first + i], &b = vectors[first + i + 1];
                unzip<lanes<T>, 1>(a, b);
                vectors[first + i / 2] = a + b;
            }
        }
        store(to + first, vectors[first]);
    }
}

}  // namespace chainrule::CHAINRULE_ISA
