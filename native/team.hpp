// Threads that take the items of some work.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <thread>
#include <vector>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "clock.hpp"
#include "memory.hpp"

namespace chainrule {

// Results too small to be normal numbers become zero while this lives: arithmetic with them is many times slower (a
// step of the digits took 42 µs instead of 4 on a Sapphire Rapids server, once the cost was about 1e-8).
class FlushDenormals {
  public:
#if defined(__SSE2__)
    FlushDenormals() : before(_mm_getcsr()) { _mm_setcsr(before | 0x8040u); }  // the bits FTZ and DAZ of MXCSR
    ~FlushDenormals() { _mm_setcsr(before); }

  private:
    unsigned before;
#elif defined(__aarch64__)
    FlushDenormals() {
        asm volatile("mrs %0, fpcr" : "=r"(before));
        asm volatile("msr fpcr, %0" : : "r"(before | (uint64_t{1} << 24)));  // the bit FZ
    }
    ~FlushDenormals() { asm volatile("msr fpcr, %0" : : "r"(before)); }

  private:
    uint64_t before;
#endif
};

// Threads that help the one that calls. Work is a number of items; whoever is awake takes the next one. The caller does
// not wait for a helper that has not begun: one whose core is taken, or that a fork has left behind, costs nothing.
class Team {
  public:
    Team() = default;
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

    ~Team() {
        quit = true;
        ++round;
        round.notify_all();
        for (auto& thread : threads) thread.join();
    }

    // Begins to have this many threads with the caller; only the first call counts. Fewer where the system refuses
    // more, or the memory for them: a limit of a container must not end what one thread can do.
    void start(int wanted) noexcept {
        if (started) return;
        started = true;
        try {
            while (size() < wanted) threads.emplace_back([this, self = size()] { help(self); });
        } catch (const std::exception&) {
        }
    }

    int size() const { return 1 + int(threads.size()); }

    // job(item, thread) for the items 0 … count - 1, each once; thread 0 is the caller. The job must not throw.
    void run(int64_t count, const std::function<void(int64_t, int)>& job) {
        work = &job;
        items = count;
        next = 0;
        open = true;
        ++round;
        round.notify_all();
        take_items(0);
        open = false;
        for (int spins = 0; busy.load() > 0; ++spins) spins < SPINS ? pause() : std::this_thread::yield();
    }

  private:
    // Turns of a waiting loop, each a pause of up to 140 cycles, before a thread gives its core away. Chosen; no
    // measurement is recorded. With a helper that spins, run() costs 0.8 µs on two cores of a Sapphire Rapids server.
    static constexpr int SPINS = 4000;

    static void pause() {
#if defined(__SSE2__)
        _mm_pause();
#else
        std::this_thread::yield();
#endif
    }

    void help(int self) {
        const FlushDenormals flush;
        for (uint32_t seen = 0;;) {
            for (int spins = 0; round.load() == seen && spins < SPINS; ++spins) pause();
            round.wait(seen);
            seen = round.load();
            if (quit) return;
            ++busy;  // before `open` is read: either this thread sees it closed, or the caller sees this thread busy
            if (open.load()) take_items(self);
            --busy;
        }
    }

    void take_items(int self) {
        for (int64_t item; (item = next.fetch_add(1)) < items;) (*work)(item, self);
    }

    std::vector<std::thread> threads;
    bool started = false;
    const std::function<void(int64_t, int)>* work = nullptr;
    int64_t items = 0;
    // Each in a line of the cache of its own: they are written by all threads.
    alignas(CACHE_LINE) std::atomic<int64_t> next{0};
    alignas(CACHE_LINE) std::atomic<uint32_t> round{0};
    alignas(CACHE_LINE) std::atomic<int> busy{0};
    std::atomic<bool> open{false}, quit{false};
};

// Floating-point operations between two polls within a step: 0.1 ms at 100 GFLOP/s, and still below POLL_SECONDS at 1.
// Chosen; no measurement is recorded.
constexpr double POLL_OPERATIONS = 1e7;

// job(item, thread) for the items 0 … count - 1, on a team or in this thread alone. Allocates nothing.
template <class F> void parallel_for(Team& team, int threads, int64_t count, F job) {
    if (threads > 1 && count > 1) {
        team.run(count, std::ref(job));
    } else {
        for (int64_t i = 0; i < count; ++i) job(i, 0);
    }
}

// The same for items of so many operations altogether: where these are many, with polls between the items.
template <class F> void parallel_for(Team& team, int threads, int64_t count, double operations, Poller& poller, F job) {
    if (operations < 2 * POLL_OPERATIONS) return parallel_for(team, threads, count, job);
    const int64_t interval = std::max<int64_t>(1, int64_t(POLL_OPERATIONS / operations * double(count)));
    int64_t countdown = interval;  // of the thread that called
    parallel_for(team, threads, count, [&](int64_t item, int thread) {
        if (poller.stopped()) return;
        job(item, thread);
        if (thread == 0 && --countdown == 0) {
            poller.poll();
            countdown = interval;
        }
    });
}

}  // namespace chainrule
