// The functions of activations and costs for vectors of float or double, without branches.
//
// They hold for all inputs: NaN gives NaN, overflow infinity, and a subnormal result may be zero. The polynomials are
// our own fits (weighted minimax by Lawson's iteration with 50 digits, coefficients rounded one after the other).
#pragma once

#include "simd.hpp"

namespace chainrule::CHAINRULE_ISA {

template <class T> struct Format;

template <> struct Format<float> {
    typedef uint32_t Bits __attribute__((vector_size(BYTES)));
    static constexpr int fraction = 23;
    static constexpr float bias = 127, shifter = 0x1.8p23f;  // x + shifter has the integer nearest to x in its last bits
    static constexpr float infinity = __builtin_inff(), smallest = 0x1p-126f;
    static constexpr float log2_e = 0x1.715476p0f;
    static constexpr float ln2_high = 0x1.62e4p-1f, ln2_low = 1.4286068e-06f;  // n · ln2_high is exact
    static constexpr float exp_smallest = -87.33654f, exp_largest = 88.72283f;  // exp is normal between them
    static constexpr float exp_zero = -88, expm1_minus_one = -20;
    static constexpr float sqrt_half = 0x1.6a09e6p-1f;
    static constexpr float gauss_zero = 13.27f, gauss_shifter = 0x1.8p15f;
};

template <> struct Format<double> {
    typedef uint64_t Bits __attribute__((vector_size(BYTES)));
    static constexpr int fraction = 52;
    static constexpr double bias = 1023, shifter = 0x1.8p52;
    static constexpr double infinity = __builtin_inf(), smallest = 0x1p-1022;
    static constexpr double log2_e = 0x1.71547652b82fep0;
    static constexpr double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 5.497923018708371e-14;
    static constexpr double exp_smallest = -708.3964185322641, exp_largest = 709.782712893384;
    static constexpr double exp_zero = -709, expm1_minus_one = -40;
    static constexpr double sqrt_half = 0x1.6a09e667f3bcdp-1;
    static constexpr double gauss_zero = 37.66, gauss_shifter = 0x1.8p32;
};

template <FloatVec V> using FormatOf = Format<Element<V>>;
template <FloatVec V> using Bits = typename FormatOf<V>::Bits;
template <FloatVec V> constexpr bool single = sizeof(Element<V>) == 4;

// first + x (next + x (...)), by Horner's rule.
template <FloatVec V, class... C> CHAINRULE_INLINE V polynomial(V x, Element<V> first, C... rest) {
    if constexpr (sizeof...(rest) == 0) return splat<Element<V>>(first);
    else return first + x * polynomial(x, rest...);
}

template <FloatVec V> CHAINRULE_INLINE V with_sign_of(V magnitude, V x) {
    const auto sign = bits<Bits<V>>(-V{});
    return bits<V>(bits<Bits<V>>(magnitude) | (bits<Bits<V>>(x) & sign));
}

// a / b within an ulp, for b and 1 / b normal.
template <FloatVec V> CHAINRULE_INLINE V quotient(V a, V b) {
#if defined(__AVX512F__)
    // The estimate is put right by the remainder (Markstein): quicker than the divider, one vector in 10 to 16 cycles.
    V y;
    if constexpr (single<V>) {
        y = V(_mm512_maskz_rcp14_ps(__mmask16(-1), __m512(b)));
    } else {
        y = V(_mm512_maskz_rcp14_pd(__mmask8(-1), __m512d(b)));
        y += y * (1 - b * y);
    }
    const V q = a * y;
    return q + y * (a - b * q);
#else
    return a / b;
#endif
}

// e^x = scale · e^r, |r| <= ln(2) / 2, where scale = 2^n is normal. Two parts of ln 2 keep r exact (Cody and Waite).
template <FloatVec V> struct Reduced {
    V r, scale;
};

template <FloatVec V> CHAINRULE_INLINE Reduced<V> reduce(V x) {
    using F = FormatOf<V>;
    const V shifted = x * F::log2_e + (F::shifter + F::bias);
    const V n = shifted - (F::shifter + F::bias);
    return {x - n * F::ln2_high - n * F::ln2_low, bits<V>(bits<Bits<V>>(shifted) << F::fraction)};
}

// e^r - 1 for |r| < 0.38.
template <FloatVec V> CHAINRULE_INLINE V expm1_reduced(V r) {
    V q;
    if constexpr (single<V>) {
        q = polynomial(r, 0.5f, 0.16666548f, 0.04166685f, 0.008366148f, 0.0013898694f);
    } else {
        q = polynomial(r, 0.5, 0.16666666666666602, 0.04166666666661923, 0.00833333333338862, 0.0013888888920883706,
                       0.00019841269708867386, 2.480151579388737e-05, 2.755742515279352e-06, 2.762247837093089e-07,
                       2.5046055771024564e-08);
    }
    return r + r * r * q;
}

template <FloatVec V> CHAINRULE_INLINE V exp(V x) {
    using F = FormatOf<V>;
    const auto [r, scale] = reduce(x);
    // Up to e^exp_largest scale may be 2^bias, infinite as a number; as an exponent to add it is not.
    const auto one = bits<Bits<V>>(V{} + 1);
    const V y = bits<V>(bits<Bits<V>>(1 + expm1_reduced(r)) + (bits<Bits<V>>(scale) - one));
    return select(x <= F::exp_largest, select(x < F::exp_smallest, V{}, y), x + F::infinity);
}

// exp(x) for x <= 0.
template <FloatVec V> CHAINRULE_INLINE V exp_negative(V x) {
    const auto [r, scale] = reduce(max(x, splat<Element<V>>(FormatOf<V>::exp_zero)));
    return scale + scale * expm1_reduced(r);
}

template <FloatVec V> CHAINRULE_INLINE V expm1(V x) {
    using F = FormatOf<V>;
    const V low = splat<Element<V>>(F::expm1_minus_one), high = splat<Element<V>>(F::exp_largest + 1);
    const auto [r, scale] = reduce(min(max(x, low), high));
    const auto exponent_one = bits<Bits<V>>(V{} + F::smallest);
    const V half = bits<V>(bits<Bits<V>>(scale) - exponent_one);  // finite where scale is not
    return with_sign_of(2 * (half * expm1_reduced(r) + (half - Element<V>(0.5))), x);
}

// log(1 + x) for 0 <= x <= 1.
template <FloatVec V> CHAINRULE_INLINE V log1p(V x) {
    V q;
    if constexpr (single<V>) {
        q = polynomial(x, 0.49999934f, -0.3333055f, 0.2495894f, -0.19697012f, 0.15359622f, -0.106871724f, 0.05772559f,
                       -0.020235354f, 0.0033249743f);
    } else {
        q = polynomial(x, 0.4999999999999946, -0.3333333333323522, 0.24999999993683034, -0.19999999791444864,
                       0.16666662499845852, -0.14285658906013401, 0.12499479642066078, -0.1110750597321382,
                       0.09981014124692628, -0.09013149049540582, 0.08081195457339589, -0.070355029599565,
                       0.057501309408860085, -0.042299155338308074, 0.026742974928673755, -0.01383783303629064,
                       0.005542692006306728, -0.001595585011350181, 0.00029172565795332, -2.5326218012843534e-05);
    }
    return x - x * x * q;
}

// x = 2^k (1 + f) with 1 + f between sqrt(1/2) and sqrt(2); s = f / (2 + f) turns log(1 + f) into the quickly convergent
// 2 atanh(s) = 2 s + s q, and 2 s = f - s f keeps the exact f apart: the arrangement of fdlibm's e_log.c.
template <FloatVec V> CHAINRULE_INLINE V log(V x) {
    using T = Element<V>;
    using F = FormatOf<V>;
    const auto tiny = x < F::smallest;
    const V normal = select(tiny, x * T(1ll << F::fraction), x);
    const auto one = bits<Bits<V>>(V{} + 1), low = bits<Bits<V>>(V{} + F::sqrt_half);
    const auto shifted = bits<Bits<V>>(normal) + (one - low);
    const auto exponent = (shifted >> F::fraction) + bits<Bits<V>>(V{} + F::shifter);
    const V k = bits<V>(exponent) - select(tiny, V{} + (F::shifter + F::bias + F::fraction), V{} + (F::shifter + F::bias));
    const V f = bits<V>((shifted & ((one & -one) - 1)) + low) - 1;
    const V s = f / (2 + f), z = s * s;
    V q;
    if constexpr (single<V>) {
        q = z * polynomial(z, 0.66666776f, 0.3997757f, 0.29871348f);
    } else {
        q = z * polynomial(z, 0.6666666666666735, 0.39999999999409863, 0.2857142874347979, 0.2222219845792331,
                           0.1818357051550881, 0.15313886583013717, 0.1479764957735441);
    }
    const V h = T(0.5) * f * f;
    const V y = k * F::ln2_high - (h - (s * (h + q) + k * F::ln2_low) - f);
    const V rest = select(x == 0, V{} - F::infinity, splat<T>(T(__builtin_nan(""))));
    return select(x > 0, select(x < F::infinity, y, x), rest);
}

template <FloatVec V> CHAINRULE_INLINE V tanh(V z) {
    const V x = max(-2 * abs(z), splat<Element<V>>(FormatOf<V>::expm1_minus_one));
    const auto [r, scale] = reduce(x);
    const V t = scale * expm1_reduced(r) + (scale - 1);
    return with_sign_of(quotient(-t, 2 + t), z);
}

// sigmoid(z) and, as accurately, sigmoid(-z) = 1 - sigmoid(z).
template <FloatVec V> CHAINRULE_INLINE V sigmoid(V z, V& rest) {
    const V e = exp_negative(-abs(z));
    const V large = quotient(V{} + 1, 1 + e), small = e * large;
    rest = select(z < 0, large, small);
    return select(z < 0, small, large);
}

template <FloatVec V> CHAINRULE_INLINE V sigmoid(V z) {
    const V e = exp_negative(-abs(z));
    return quotient(select(z < 0, e, V{} + 1), 1 + e);
}

// log(1 + e^z)
template <FloatVec V> CHAINRULE_INLINE V softplus(V z) { return max(z, V{}) + log1p(exp_negative(-abs(z))); }

// e^(-a² / 2) for a >= 0. The leading bits of a have an exact square; what the rest adds goes into r, without the
// rounding of a², which would cost a²/2 ulp.
template <FloatVec V> CHAINRULE_INLINE V gauss(V a) {
    using T = Element<V>;
    using F = FormatOf<V>;
    a = min(a, splat<T>(F::gauss_zero));
    const V high = (a + F::gauss_shifter) - F::gauss_shifter;
    const auto [r, scale] = reduce(T(-0.5) * high * high);
    return scale + scale * expm1_reduced(r + T(-0.5) * (a - high) * (a + high));
}

template <FloatVec V> CHAINRULE_INLINE V normal_pdf(V z) {
    return Element<V>(0.3989422804014327) * gauss(abs(z));  // 1 / sqrt(2 pi)
}

// The upper tail is gauss(a) erfcx(a / sqrt(2)) / 2. A polynomial in (a - c) / (a + c), divided by a + c, gives the
// second factor for all a >= 0 (after Shepherd and Laframboise, Mathematics of Computation 36, 1981).
template <FloatVec V> CHAINRULE_INLINE V normal_cdf(V z) {
    using T = Element<V>;
    constexpr T c = single<V> ? 4 : 5;
    const V a = min(abs(z), splat<T>(FormatOf<V>::gauss_zero));
    const V y = recip(a + c), t = (a - c) * y;
    V p;
    if constexpr (single<V>) {
        p = polynomial(t, 0.75528514f, -0.6078966f, 0.38713634f, -0.1865223f, 0.060410038f, -0.0075313533f, -0.00353908f,
                       0.0015723655f, 0.00022004591f, -0.00010959542f);
    } else {
        p = polynomial(t, 0.769193049750063, -0.6653825028900568, 0.4953056159699744, -0.3135331566712944,
                       0.16502036617044774, -0.06911863870648355, 0.020795066798912205, -0.002993376769608044,
                       -0.0007978693896611109, 0.000544899067839817, -5.9375777328269095e-05, -4.976287139700351e-05,
                       1.6681383747196182e-05, 3.981194055691295e-06, -2.769611157321984e-06, -3.374020976600631e-07,
                       4.3348641091111364e-07, 4.348391415770813e-08, -6.596554144387344e-08, -1.0316486231992716e-08,
                       7.405067143152101e-09, 2.102548465510673e-09);
    }
    const V tail = gauss(abs(z)) * (p * y);
    return select(z < 0, tail, 1 - tail);
}

}  // namespace chainrule::CHAINRULE_ISA
