// Whether numbers are finite, in one read of their memory.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "machine.hpp"
#include "team.hpp"
#include "threads.hpp"

namespace chainrule {

// Numbers that a thread reads at once. Chosen; no measurement is recorded.
constexpr int64_t READ_AT_ONCE = 1 << 16;
// Bytes that a thread reads in a second, where they are not in its caches: 13 to 31 GB on a Sapphire Rapids server.
constexpr double READ_RATE = 2e10;
// Seconds of one thread's reading that each thread must have to do. Chosen; no measurement is recorded.
constexpr double READ_SECONDS = 4e-4;

template <class T> bool finite_piece(const T* x, int64_t count) {
    using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    constexpr Bits SIGN = Bits(1) << (8 * sizeof(T) - 1), ONE = Bits(1) << (sizeof(T) == 4 ? 23 : 52);
    Bits found = 0;  // an exponent of only ones and one more reach the place of the sign
    for (int64_t i = 0; i < count; ++i) {
        Bits bits;
        std::memcpy(&bits, x + i, sizeof(bits));
        found |= (bits & ~SIGN) + ONE;
    }
    return !(found & SIGN);
}

// Of no use where the call was stopped.
template <class T> bool all_finite(const T* x, int64_t count, const StopRequested& stop_requested) {
    const RunningCall running;
    Poller poller(stop_requested);
    const int64_t pieces = (count + READ_AT_ONCE - 1) / READ_AT_ONCE;
    const double seconds = double(count) * sizeof(T) / READ_RATE;
    const int threads =
        seconds < 2 * READ_SECONDS ? 1 : threads_worth(seconds, READ_SECONDS, pieces, threads_of_call());
    Team team;
    team.start(threads);
    std::atomic<bool> finite{true};
    parallel_for(team, threads, pieces, EvenShares{pieces}, double(count), poller, [&](int64_t i, int) {
        const int64_t first = i * READ_AT_ONCE;
        if (!finite_piece(x + first, std::min(READ_AT_ONCE, count - first))) finite = false;
    });
    return finite;
}

}  // namespace chainrule
