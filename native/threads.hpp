// How many threads a call takes.
#pragma once

#include <algorithm>
#include <atomic>

#include "clock.hpp"

namespace chainrule {

// Floating-point operations from which on more than one thread is tried for a step. Chosen; on two cores of a Sapphire
// Rapids server two threads begin to pay at 7e6 to 12e6 in float32, and at 3e6 to 6e6 in float64.
constexpr double STEP_WORTH_THREADS = 1e6;
// The same for a call of a single pass, which starts its threads for itself. Chosen; no measurement is recorded.
constexpr double CALL_WORTH_THREADS = 20 * STEP_WORTH_THREADS;

inline std::atomic<int> running_calls{0};  // in this process, computing now

// Counts as a running call while it lives.
struct RunningCall {
    RunningCall() { ++running_calls; }
    ~RunningCall() { --running_calls; }
    RunningCall(const RunningCall&) = delete;
    RunningCall& operator=(const RunningCall&) = delete;
};

// The part of the available threads that each running call gets, so that calls at once do not take a core twice.
inline int threads_per_call(int available) { return std::max(1, available / running_calls.load()); }

// One thread or all for the next step: whatever took less time lately; now and then the other one is tried again.
class ThreadChoice {
  public:
    // Begins anew, for steps of so many operations.
    void restart(double step_operations) {
        operations = step_operations;
        for (Timing& timing : timings) timing = {};
    }

    bool all_threads(Clock::time_point now) {
        const Timing &one = timings[0], &all = timings[1];
        const int trials = operations < LONG_STEP ? TRIALS : 1;
        if (one.steps < trials || all.steps < trials) return all.steps < one.steps;
        const bool faster = all.seconds < one.seconds;
        if (++steps_since_retry <= RETRY_STEPS || seconds_between(last_retry, now) <= RETRY_SECONDS) return faster;
        last_retry = now, steps_since_retry = 0;
        return !faster;
    }

    // What a step took. The first one of each kind is cold and counts until the second; from the third on it is the
    // mean of what was and what is, where a single slow step counts as twice its time at most.
    void record(bool all, double seconds) {
        Timing& timing = timings[all];
        timing.seconds = ++timing.steps <= 2 ? seconds : std::min((timing.seconds + seconds) / 2, 2 * seconds);
    }

  private:
    // All chosen; no measurement is recorded.
    static constexpr int TRIALS = 3;          // steps of each kind before the first decision
    static constexpr double LONG_STEP = 1e9;  // operations (about 10 ms) from which on one trial is enough
    static constexpr int RETRY_STEPS = 64;    // steps, and seconds, before the slower kind is tried again
    static constexpr double RETRY_SECONDS = 0.25;

    struct Timing {
        double seconds = 0;  // of a step, lately
        int steps = 0;
    };
    Timing timings[2];  // with one thread, with all
    double operations = 0;
    Clock::time_point last_retry;
    int steps_since_retry = 0;
};

}  // namespace chainrule
