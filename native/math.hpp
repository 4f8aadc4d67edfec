// The functions of activations and costs for vectors of float or double, without branches.
//
// They hold for all inputs: NaN gives NaN, overflow infinity, and a subnormal result may be zero. The polynomials are
// our own fits (weighted minimax by Lawson's iteration with 50 digits, coefficients rounded one after the other).
#pragma once

#include "simd.hpp"

namespace chainrule::CHAINRULE_ISA {

// The constants of a format. None was measured: they follow from the format, as said here.
//   fraction, bias     bits of the fraction; what is added to the exponent
//   shifter            1.5 · 2^fraction: the last bits of x + shifter are the integer nearest to x
//   smallest           the smallest normal number
//   ln2_high, ln2_low  ln 2 in two parts, of which the first is so short that n · ln2_high is exact
//   exp_smallest, exp_largest  between them e^x is a normal number
//   exp_zero           from this a on e^-a counts as 0: it would be subnormal
//   expm1_minus_one    from this a on e^-a - 1 is -1, rounded
//   sqrt_half          √½
//   gauss_zero         from this a on e^(-a² / 2) counts as 0
//   gauss_shifter      a + shifter - shifter has half of the bits, so that its square is exact
template <class T> struct Format;

template <> struct Format<float> {
    typedef uint32_t Bits __attribute__((vector_size(BYTES)));
    static constexpr int fraction = 23;
    static constexpr float bias = 127, shifter = 0x1.8p23f;
    static constexpr float infinity = __builtin_inff(), smallest = 0x1p-126f;
    static constexpr float log2_e = 0x1.715476p0f;
    static constexpr float ln2_high = 0x1.62e4p-1f, ln2_low = 1.4286068e-06f;
    static constexpr float exp_smallest = -87.33654f, exp_largest = 88.72283f;
    static constexpr float exp_zero = 88, expm1_minus_one = 20;
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
    static constexpr double exp_zero = 709, expm1_minus_one = 40;
    static constexpr double sqrt_half = 0x1.6a09e667f3bcdp-1;
    static constexpr double gauss_zero = 37.66, gauss_shifter = 0x1.8p32;
};

template <FloatVec V> using FormatOf = Format<Element<V>>;
template <FloatVec V> using Bits = typename FormatOf<V>::Bits;

// Horner's rule in y for the even coefficients, and for the odd ones.
template <FloatVec V> struct Halves {
    V even, odd;
};

template <FloatVec V, class... C> CHAINRULE_INLINE Halves<V> halves(V y, Element<V> c0, Element<V> c1, C... rest) {
    if constexpr (sizeof...(rest) == 0) {
        return {V{} + c0, V{} + c1};
    } else if constexpr (sizeof...(rest) == 1) {
        return {c0 + y * (rest + ...), V{} + c1};
    } else {
        const auto [even, odd] = halves(y, rest...);
        return {c0 + y * even, c1 + y * odd};
    }
}

// c0 + c1 x + c2 x² + ..., by Horner's rule in x² for even and odd powers: in one long chain the processor would wait.
template <FloatVec V, class... C> CHAINRULE_INLINE V polynomial(V x, C... c) {
    const auto [even, odd] = halves(x * x, c...);
    return even + x * odd;
}

template <FloatVec V> CHAINRULE_INLINE V copy_sign(V magnitude, V x) {
    const auto sign = bits<Bits<V>>(-V{});
    return bits<V>((bits<Bits<V>>(magnitude) & ~sign) | (bits<Bits<V>>(x) & sign));
}

// a / b within an ulp, for b and 1 / b positive and normal.
template <FloatVec V> CHAINRULE_INLINE V quotient(V a, V b) {
#if defined(__AVX512F__)
    // The estimate is put right by the remainder (Markstein): quicker than the divider, one vector in 10 to 16 cycles.
    V y = recip_estimate(b);
    if constexpr (!single<V>) y += y * (1 - b * y);
    const V q = a * y;
    return q + y * (a - b * q);
#else
    return a / b;
#endif
}

// e^x = scale · e^r with |r| <= ln(2) / 2, if scale = 2^n is normal. Two parts of ln 2 keep r exact (Cody and Waite).
template <FloatVec V> struct Reduced {
    V r, scale;
};

template <FloatVec V> CHAINRULE_INLINE Reduced<V> reduce(V x) {
    using F = FormatOf<V>;
    const V shifted = x * F::log2_e + (F::shifter + F::bias);
    const V n = shifted - (F::shifter + F::bias);
    return {x - n * F::ln2_high - n * F::ln2_low, bits<V>(bits<Bits<V>>(shifted) << F::fraction)};
}

// e^r - 1 for |r| < 0.38; the fit's relative error is 2^-26, or 2^-55.
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

// e^-a for a >= 0.
template <FloatVec V> CHAINRULE_INLINE V exp_minus(V a) {
    const auto [r, scale] = reduce(-min(a, splat<Element<V>>(FormatOf<V>::exp_zero)));
    return scale + scale * expm1_reduced(r);
}

template <FloatVec V> CHAINRULE_INLINE V expm1(V x) {
    using T = Element<V>;
    using F = FormatOf<V>;
    const V low = splat<T>(-F::expm1_minus_one), high = splat<T>(F::exp_largest + T(0.25));
    const auto [r, scale] = reduce(min(max(x, low), high));
    const auto exponent_one = bits<Bits<V>>(V{} + F::smallest);
    const V half = bits<V>(bits<Bits<V>>(scale) - exponent_one);  // finite where scale is not
    return copy_sign(2 * (half * expm1_reduced(r) + (half - T(0.5))), x);
}

// log(1 + x) for 0 <= x <= 1.
template <FloatVec V> CHAINRULE_INLINE V log1p(V x) {
    using T = Element<V>;
    V q;
    if constexpr (single<V>) {
        q = polynomial(x - T(0.5), 0.37813956f, -0.1792249f, 0.093232065f, -0.05108854f, 0.028901322f, -0.01666392f,
                       0.0102051115f, -0.0069069476f, 0.0032474757f);
    } else {
        q = polynomial(x - T(0.5), 0.37813956756734246, -0.1792249369360369, 0.09323036636366962, -0.05108344610544389,
                       0.028943183164457292, -0.016788742489070453, 0.009909900763228261, -0.005929011614313163,
                       0.0035856648824553975, -0.0021876468740369167, 0.0013445295950345539, -0.0008313482944445241,
                       0.0005165519408256689, -0.0003234440016141229, 0.0002048201020750193, -0.0001254930071436898,
                       7.123186325695574e-05, -5.272865993028095e-05, 5.0981312089230386e-05, -2.5283578612907504e-05);
    }
    return x - x * x * q;
}

// x = 2^k (1 + f) with √½ <= 1 + f < √2; s = f / (2 + f) turns log(1 + f) into 2 atanh(s) = 2 s + s q, whose series
// converges quickly, and 2 s = f - s f keeps the exact f apart: the arrangement of fdlibm's e_log.c.
template <FloatVec V> CHAINRULE_INLINE V log(V x) {
    using T = Element<V>;
    using F = FormatOf<V>;
    const auto one = bits<Bits<V>>(V{} + 1), low = bits<Bits<V>>(V{} + F::sqrt_half);
    const auto tiny = x < F::smallest;
    const V normal = select(tiny, x * T(1ll << F::fraction), x);
    const auto shifted = bits<Bits<V>>(normal) + (one - low);
    const V f = bits<V>((shifted & (bits<Bits<V>>(V{} + F::smallest) - 1)) + low) - 1;
    const V exponent = bits<V>((shifted >> F::fraction) + bits<Bits<V>>(V{} + F::shifter));
    constexpr T zero = F::shifter + F::bias;  // the exponent of 1
    const V k = exponent - select(tiny, V{} + (zero + F::fraction), V{} + zero);
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
    const V other = select(x == 0, V{} - F::infinity, splat<T>(T(__builtin_nan(""))));
    return select(x > 0, select(x < F::infinity, y, x), other);
}

template <FloatVec V> CHAINRULE_INLINE V tanh(V z) {
    const auto [r, scale] = reduce(-min(2 * abs(z), splat<Element<V>>(FormatOf<V>::expm1_minus_one)));
    const V p = scale * expm1_reduced(r);
    return copy_sign(quotient(p + (scale - 1), p + (scale + 1)), z);
}

// sigmoid(z), and its complement sigmoid(-z) = 1 - sigmoid(z), both with a small relative error.
template <FloatVec V> CHAINRULE_INLINE V sigmoid(V z, V& complement) {
    const V e = exp_minus(abs(z)), one = V{} + 1;
    complement = quotient(select(z < 0, one, e), 1 + e);
    return quotient(select(z < 0, e, one), 1 + e);
}

template <FloatVec V> CHAINRULE_INLINE V sigmoid(V z) {
    V complement;
    return sigmoid(z, complement);
}

// log(1 + e^z)
template <FloatVec V> CHAINRULE_INLINE V softplus(V z) { return max(z, V{}) + log1p(exp_minus(abs(z))); }

// e^(-a² / 2) for a >= 0. The leading bits of a have an exact square; what the other bits add goes into r, without the
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

// The upper tail is gauss(a) erfcx(a / sqrt(2)) / 2. A polynomial in a / (a + c), divided by a + c, gives the second
// factor for all a >= 0 (after Shepherd and Laframboise, Mathematics of Computation 36, 1981).
template <FloatVec V> CHAINRULE_INLINE V normal_cdf(V z) {
    using T = Element<V>;
    constexpr T c = single<V> ? 3 : 4;
    const V a = min(abs(z), splat<T>(FormatOf<V>::gauss_zero));
    const V y = recip(a + c), w = a * y;
    V p;
    if constexpr (single<V>) {
        p = polynomial(w, 1.5f, -2.090477f, 1.068886f, 0.20941772f, -0.27717143f, -0.04775694f, -0.12963277f,
                       0.29682314f, -0.15262596f, 0.021429047f);
    } else {
        p = polynomial(w, 2.0, -4.383076486422897, 5.233847027148416, -3.1923040530785625, 0.29539565945781787,
                       0.7160333563780147, -0.12032334355916202, -0.21778640818020636, -0.0026243618706701974,
                       0.0747650098542047, 0.003637943159661616, 0.06798221121182257, -0.2694197838863933,
                       0.6165538794814619, -1.1997491515223084, 1.8604251079576046, -2.2475488552063436,
                       2.1022466241096613, -1.4814244792043798, 0.7505832045815647, -0.25553141493162684,
                       0.05203364050163587, -0.004773045566455437);
    }
    const V tail = gauss(abs(z)) * (p * y);
    return select(z < 0, tail, 1 - tail);
}

}  // namespace chainrule::CHAINRULE_ISA
