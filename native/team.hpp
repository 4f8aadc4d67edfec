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

// Threads that help the one that calls. Work is a number of items: each thread has a contiguous share of them, the same
// in every step, so that what an item needs is in the cache of its core; whoever is done takes what others have left.
// The caller does not wait for a helper that has not begun: one whose core is taken, or that a fork has left behind,
// costs nothing.
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
            shares = std::vector<Share>(size_t(std::max(1, wanted)));
            while (size() < wanted) threads.emplace_back([this, self = size()] { help(self); });
        } catch (const std::exception&) {
        }
    }

    int size() const { return 1 + int(threads.size()); }

    // job(item, thread) for the items 0 … count - 1, each once, by `wanted` threads at most, of which 0 is the caller;
    // the share of thread t begins with item first_of(t, wanted). The job must not throw.
    template <class F> void run(int wanted, int64_t count, F first_of, const std::function<void(int64_t, int)>& job) {
        work = &job;
        sharing = std::min(wanted, size());
        for (int t = 0; t < sharing; ++t) {
            shares[size_t(t)].next = first_of(t, sharing);
            shares[size_t(t)].end = t + 1 < sharing ? first_of(t + 1, sharing) : count;
        }
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

    // In a line of the cache of its own: `next` is written by all threads.
    struct alignas(CACHE_LINE) Share {
        std::atomic<int64_t> next{0};
        int64_t end = 0;
    };

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

    // First a thread's own items, then those of the others, from the next thread on.
    void take_items(int self) {
        for (int k = 0; self < sharing && k < sharing; ++k) {
            Share& share = shares[size_t((self + k) % sharing)];
            for (int64_t item; (item = share.next.fetch_add(1)) < share.end;) (*work)(item, self);
        }
    }

    std::vector<std::thread> threads;
    bool started = false;
    const std::function<void(int64_t, int)>* work = nullptr;
    std::vector<Share> shares;
    int sharing = 0;
    alignas(CACHE_LINE) std::atomic<uint32_t> round{0};
    alignas(CACHE_LINE) std::atomic<int> busy{0};
    std::atomic<bool> open{false}, quit{false};
};

// Floating-point operations between two polls within a step: 0.1 ms at 100 GFLOP/s, and still below POLL_SECONDS at 1.
// Chosen; no measurement is recorded.
constexpr double POLL_OPERATIONS = 1e7;

// Shares of as many items for each thread.
struct EvenShares {
    int64_t count;
    int64_t operator()(int thread, int threads) const { return count * thread / threads; }
};

// Shares of as much work for each thread: work[i] is that of the items up to i.
struct WorkShares {
    const std::vector<double>& work;
    int64_t operator()(int thread, int threads) const {
        const double before = work.empty() ? 0 : work.back() * thread / threads;
        return std::upper_bound(work.begin(), work.end(), before) - work.begin();
    }
};

// job(item, thread) for the items 0 … count - 1, on a team or in this thread alone. Allocates nothing.
template <class F, class S> void parallel_for(Team& team, int threads, int64_t count, S shares, F job) {
    if (threads > 1 && team.size() > 1 && count > 1) {
        team.run(threads, count, shares, std::ref(job));
    } else {
        for (int64_t i = 0; i < count; ++i) job(i, 0);
    }
}
template <class F> void parallel_for(Team& team, int threads, int64_t count, F job) {
    parallel_for(team, threads, count, EvenShares{count}, job);
}

// The same for items of so many operations altogether: where these are many, with polls between the items.
template <class F, class S>
void parallel_for(Team& team, int threads, int64_t count, S shares, double operations, Poller& poller, F job) {
    if (operations < 2 * POLL_OPERATIONS) return parallel_for(team, threads, count, shares, job);
    const int64_t interval = std::max<int64_t>(1, int64_t(POLL_OPERATIONS / operations * double(count)));
    int64_t countdown = interval;  // of the thread that called
    parallel_for(team, threads, count, shares, [&](int64_t item, int thread) {
        if (poller.stopped()) return;
        job(item, thread);
        if (thread == 0 && --countdown == 0) {
            poller.poll();
            countdown = interval;
        }
    });
}
template <class F> void parallel_for(Team& team, int threads, int64_t count, double operations, Poller& poller, F job) {
    parallel_for(team, threads, count, EvenShares{count}, operations, poller, job);
}

}  // namespace chainrule
