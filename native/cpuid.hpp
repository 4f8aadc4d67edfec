// What an x86-64 processor has and the system lets programs use, as the processor itself says. The compiler's
// __builtin_cpu_supports would do, but for Apple's systems and for lld on Windows, which do not know these names.
#pragma once

#if defined(__x86_64__)
#include <cstdint>

namespace chainrule {

struct Registers {
    uint32_t a, b, c, d;
};

inline Registers cpuid(uint32_t leaf, uint32_t subleaf) {
    Registers r;
    asm volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(subleaf));
    return r;
}

// XCR0: which registers the system saves when threads take turns. Only where OSXSAVE says that it can be asked.
inline uint32_t saved_registers() {
    uint32_t a, d;
    asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return a;
}

template <class... Bits> constexpr uint32_t bits_of(Bits... at) { return ((1u << at) | ...); }

// The level of the x86-64 psABI, section 3.1.1, from 1 to 4; the numbers are those of the bits of cpuid, in its order.
inline int x86_64_level() {
    const auto has = [](uint32_t found, uint32_t wanted) { return (found & wanted) == wanted; };
    if (cpuid(0, 0).a < 7 || cpuid(0x80000000, 0).a < 0x80000001) return 1;
    const uint32_t base = cpuid(1, 0).c, extended = cpuid(0x80000001, 0).c, structured = cpuid(7, 0).b;
    constexpr uint32_t SSE_TO_POPCNT = bits_of(0, 9, 13, 19, 20, 23), LAHF = bits_of(0);
    if (!has(base, SSE_TO_POPCNT) || !has(extended, LAHF)) return 1;
    constexpr uint32_t FMA_MOVBE_OSXSAVE_AVX_F16C = bits_of(12, 22, 27, 28, 29), LZCNT = bits_of(5);
    constexpr uint32_t BMI1_AVX2_BMI2 = bits_of(3, 5, 8), XMM_YMM = bits_of(1, 2);
    if (!has(base, FMA_MOVBE_OSXSAVE_AVX_F16C) || !has(extended, LZCNT) || !has(structured, BMI1_AVX2_BMI2)) return 2;
    if (!has(saved_registers(), XMM_YMM)) return 2;
    constexpr uint32_t AVX512_F_DQ_CD_BW_VL = bits_of(16, 17, 28, 30, 31);
    if (!has(structured, AVX512_F_DQ_CD_BW_VL)) return 3;
#if !defined(__APPLE__)  // which lets a thread have them when it first uses them, and says so only then
    constexpr uint32_t MASKS_ZMM = bits_of(5, 6, 7);
    if (!has(saved_registers(), MASKS_ZMM)) return 3;
#endif
    return 4;
}

}  // namespace chainrule
#endif
