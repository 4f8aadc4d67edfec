// Time, and polls at intervals whether to stop.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>

namespace chainrule {

using Clock = std::chrono::steady_clock;

inline double seconds_between(Clock::time_point start, Clock::time_point end) {
    return std::chrono::duration<double>(end - start).count();
}
inline double seconds_since(Clock::time_point start) { return seconds_between(start, Clock::now()); }

// Whether a call shall end early: a signal has come, or the caller wants it.
using StopRequested = std::function<bool()>;

// Seconds between two calls of StopRequested, which takes the interpreter's lock. Chosen, far below the 0.5 s that
// benchmarks/interrupts.py allows; no measurement is recorded.
constexpr double POLL_SECONDS = 0.02;
// Steps between two polls, at most: later ones may take longer than those before. Chosen; no measurement is recorded.
constexpr int64_t POLL_STEPS = int64_t{1} << 16;

// Calls StopRequested when it is time, until it has said yes.
class Poller {
  public:
    explicit Poller(const StopRequested& stop_requested) : stop_requested(stop_requested) {}

    bool stopped() const { return stop.load(std::memory_order_relaxed); }

    // Only in the thread that called the kernel: in no other run Python's handlers of signals. Gives the seconds since
    // the last call of StopRequested.
    double poll() {
        const double passed = seconds_since(last);
        if (passed >= POLL_SECONDS && !stopped()) {
            stop = stop_requested();
            last = Clock::now();
        }
        return passed;
    }

    // After a step: polls about twice in POLL_SECONDS, however short the steps are.
    void count_step() {
        if (--countdown > 0) return;
        const double passed = poll();
        steps = passed < POLL_SECONDS / 2 ? std::min(2 * steps, POLL_STEPS) : std::max<int64_t>(steps / 2, 1);
        countdown = steps;
    }

  private:
    const StopRequested& stop_requested;
    Clock::time_point last = Clock::now();
    std::atomic<bool> stop{false};
    int64_t steps = 1, countdown = 1;  // between two polls, and until the next
};

}  // namespace chainrule
