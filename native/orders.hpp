// Permutations as NumPy draws them, to the bit, from its bit generators.
#pragma once

#include <bit>
#include <cstdint>
#include <utility>

namespace chainrule {

// What a bit generator hands out for this: bitgen_t of numpy/random/bitgen.h.
struct BitGenerator {
    void* state;
    uint64_t (*next_uint64)(void*);
    uint32_t (*next_uint32)(void*);
    double (*next_double)(void*);
    uint64_t (*next_raw)(void*);
};

// The method `shuffle` of a Generator and of a RandomState, of x (m), m ≤ 2³²: from the end on, x[i] changes places
// with x[j], 0 ≤ j ≤ i, where as many bits as i has are drawn until they are no more than i. Those that are more
// exchange x[i] with itself: a branch, taken by chance, would cost more than the rest of a draw.
inline void shuffle(const BitGenerator& random, int64_t* x, int64_t m) {
    for (int64_t i = m - 1; i > 0;) {
        const int64_t mask = int64_t(std::bit_ceil(uint64_t(i) + 1)) - 1;
        while (i > mask / 2) {
            const int64_t j = int64_t(random.next_uint32(random.state)) & mask;
            const int64_t excess = (i - j) >> 63;  // −1 if j > i, else 0
            std::swap(x[i], x[j + ((i - j) & excess)]);
            i -= 1 + excess;
        }
    }
}

}  // namespace chainrule
