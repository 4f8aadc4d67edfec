// How many threads a call takes.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace chainrule {

// What a network's products reach, as a part of the peak of the multiply-adds: 170 of 243 GFLOP/s in float32 on a
// Sapphire Rapids server.
constexpr double SHARE_OF_PEAK = 0.7;
// Seconds of one thread's work that each thread of a step must have to do: two threads began to pay at 25 to 40 µs, in
// 48 networks on two cores of that server. Beyond two cores it was not measured.
constexpr double STEP_SECONDS = 15e-6;
// The same for a call of a single pass, which starts its threads for itself. Chosen; no measurement is recorded.
constexpr double CALL_SECONDS = 60e-6;
// Operations of a pass forward that no processor of today takes so long for: then its speed need not be measured.
constexpr double FEW_OPERATIONS = 2e5;

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

// How many of the available threads are worth waking for so many seconds of one thread's work, on so many panels.
inline int threads_worth(double seconds, double seconds_each, int64_t panels, int available) {
    const double most = std::min({seconds / seconds_each, double(panels), double(available)});
    return std::max(1, int(most));
}

// Whether the next step takes all threads that are worth it, or one. All, unless a trial has shown that one is faster:
// where other programs take the cores, a thread that has lost its core holds up the others. There is a trial only on
// strong evidence, and the next one waits eight times as long.
class ThreadChoice {
  public:
    // Begins anew, for steps that take all threads so many seconds by the prediction.
    void restart(double predicted_seconds) {
        *this = {};
        predicted = predicted_seconds;
    }

    bool all_threads() const { return phase == Phase::all || phase == Phase::retry; }

    // What a step took, with the threads that all_threads() said.
    void record(double seconds) {
        if (wait > 0) --wait;
        if (steps++ == 0) return;  // cold after a change
        total += seconds;
        least = std::min(least, seconds);
        // Of a thread that has lost its core, a step is as long as fifty others.
        const double expected = WINDOW * (phase == Phase::retry ? mean_of_one : predicted);
        const bool ends = steps > WINDOW || total > 2 * FAR * expected || (phase != Phase::all && total > LONG_WINDOW);
        if (ends && (phase != Phase::one || wait == 0)) close_window();
    }

  private:
    static constexpr int WINDOW = 8;             // steps that are looked at together
    static constexpr double LONG_WINDOW = 0.02;  // seconds from which on two steps are enough for a trial
    static constexpr double FAR = 2;             // times the prediction that are strong evidence
    static constexpr double UNEVEN = 1.3;        // the mean over the least that is evidence of others on the cores
    static constexpr double CLEARLY = 0.9;       // of the time, from which on one thread is faster
    // Steps until the next trial, after the first and the last.
    static constexpr int64_t FIRST_WAIT = 64, LONGEST_WAIT = 64 * 64;

    // All threads; a trial of one; one, which was faster; and all threads once more.
    enum class Phase { all, trial, one, retry };

    void close_window() {
        const double mean = total / (steps - 1);
        Phase next = phase;
        switch (phase) {
            case Phase::all:
                mean_of_all = mean;
                if (least <= FAR * predicted && mean <= UNEVEN * least) next_wait = FIRST_WAIT;
                else if (wait == 0) next = Phase::trial;
                break;
            case Phase::trial:
                next = mean < CLEARLY * mean_of_all ? Phase::one : Phase::all;
                lengthen_wait();
                break;
            case Phase::one:
                mean_of_one = mean;
                next = Phase::retry;
                break;
            case Phase::retry:
                next = mean < CLEARLY * mean_of_one ? Phase::all : Phase::one;
                if (next == Phase::one) lengthen_wait();
                break;
        }
        steps = next == phase ? 1 : 0;  // the core is warm where nothing changes
        phase = next, total = 0, least = 1e30;
    }

    void lengthen_wait() {
        wait = next_wait;
        next_wait = std::min(8 * next_wait, LONGEST_WAIT);
    }

    Phase phase = Phase::all;
    double predicted = 0, total = 0, least = 1e30, mean_of_one = 0, mean_of_all = 0;
    int steps = 0;  // of this window
    int64_t wait = 0, next_wait = FIRST_WAIT;
};

}  // namespace chainrule
