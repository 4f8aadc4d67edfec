// Dropout: which units a step leaves out follows from the number of each unit, so it is the same on every engine.
#pragma once

#include "panels.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// Philox4x64-10 (Salmon et al. 2011, section 3.3, with its constants), with the counter as numpy.random.Philox counts:
// eight words of 32 bits for the counter (c0, 0, c2, c3).
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

// A ∗ D and g′(Z) ∗ D of one panel, where D is the mask of engines/reference.py, dropout_masks.
template <class T> void apply_dropout(const Step<T>& step, int64_t l, int64_t p) {
    const Layer<T>& layer = step.layers[l - 1];
    const int64_t n = layer.units;
    T *const A = layer.A + p * n * P<T>, *const slope = layer.D + p * n * P<T>;
    const double keep = 1 - layer.dropout;
    const auto bound = uint64_t(keep * 4294967296.0);  // 2³²
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

}  // namespace
}  // namespace chainrule::CHAINRULE_ISA
