// The kernel from several threads and with threads of its own, for a build with ThreadSanitizer: `make tsan`. And the
// kernel with each of its allocations refused, one at a time.
//
// Python and OpenMP are not in it: neither is built for ThreadSanitizer, which would report what it cannot see in them.
// With the argument "race" the program makes a mistake of its own, which must be reported.
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "../../native/machine.hpp"
#include "../../native/threads.hpp"
#include "../../native/trainer.hpp"

using namespace chainrule;

namespace {

// Allocations until one is refused; none is where it is negative.
std::atomic<int64_t> allocations_left{-1};

bool refused() { return allocations_left >= 0 && allocations_left-- == 0; }

}  // namespace

// Not inlined: GCC takes it for a mistake where it sees that operator new calls malloc, and delete free.
[[gnu::noinline]] void* operator new(size_t size) {
    void* const memory = refused() ? nullptr : std::malloc(size);
    if (!memory) throw std::bad_alloc();
    return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

#if defined(_WIN32)
void* aligned(size_t unit, size_t size) { return _aligned_malloc(size, unit); }
void free_aligned(void* memory) { _aligned_free(memory); }
#else
void* aligned(size_t unit, size_t size) {
    void* memory = nullptr;
    return posix_memalign(&memory, unit, size) == 0 ? memory : nullptr;
}
void free_aligned(void* memory) { std::free(memory); }
#endif

void* operator new(size_t size, std::align_val_t unit) {
    void* const memory = refused() ? nullptr : aligned(size_t(unit), size);
    if (!memory) throw std::bad_alloc();
    return memory;
}
void operator delete(void* memory, std::align_val_t) noexcept { free_aligned(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { free_aligned(memory); }

namespace {

bool failed = false;

void check(bool holds, const char* what) {
    if (holds) return;
    std::printf("wrong: %s\n", what);
    failed = true;
}

bool never() { return false; }

template <class T> std::vector<T> numbers(int64_t count, uint64_t seed, double scale) {
    std::vector<T> x(static_cast<size_t>(count));
    for (auto& value : x) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        value = T((double(seed >> 33) / double(1u << 31) - 0.5) * scale);
    }
    return x;
}

// Enough examples that a step, and one forward pass, is worth threads and is polled in between.
template <class T> struct Problem {
    const int64_t m;
    const Architecture architecture{
        {20, 64, 32, 3}, {Function::tanh, Function::relu, Function::identity}, {0, 0, 0}, Loss::half_squared_error, 0};
    const std::vector<T> X = numbers<T>(m * 20, 1, 2), Y = numbers<T>(m * 3, 2, 2),
                         start = numbers<T>(parameters(), 3, 0.2);
    const std::vector<T> weights = std::vector<T>(size_t(m), T(0.5));
    std::vector<int64_t> order;
    Examples<T> examples;

    explicit Problem(int64_t m = 4096) : m(m) {
        for (int64_t j = 0; j < m; ++j) order.push_back((j * 1367) % m);
        examples.X = {X.data(), 20, 1};
        examples.Y = {Y.data(), 3, 1};
        examples.weights = weights.data();
        examples.m = m;
        examples.id = 1;
    }

    int64_t parameters() const { return 21 * 64 + 65 * 32 + 33 * 3; }
};

template <class T> struct Training {
    Trainer<T> trainer;
    std::vector<T> w, slots[2], spare[2];
    Progress<T> progress;

    explicit Training(const Problem<T>& p) : trainer(p.architecture, isas().back()), w(p.start) {
        for (auto& slot : slots) slot.assign(w.size(), T(0));
        for (auto& slot : spare) slot.assign(w.size(), T(0));
        progress = {w.data(), {slots[0].data(), slots[1].data()}, {spare[0].data(), spare[1].data()}};
    }

    std::vector<double> run(const Problem<T>& p, int64_t batch_size, int epochs,
                            const StopRequested& stop_requested = never) {
        const Hyper hyper{Rule::adam, 0.9, 0.999, 1e-8, 0, false, 0.1, 1.0, {0.2, 0}, batch_size, 7};
        const std::vector<double> rates(size_t(epochs), 1e-3);
        const auto costs = trainer.run(p.examples, hyper, rates, {batch_size < p.m ? p.order.data() : nullptr}, 0,
                                       progress, stop_requested);
        for (int i = 0; i < 2; ++i) {
            if (progress.slots[i] != slots[i].data()) slots[i].swap(spare[i]);
        }
        return costs;
    }
};

template <class T> void all() {
    const Problem<T> p;
    for (const int64_t batch_size : {p.m, int64_t{1000}}) {
        Training<T> alone(p);
        const auto costs = alone.run(p, batch_size, 8);
        check(costs.size() == 8 && std::isfinite(costs.back()) && costs.back() < costs[0], "a training alone");

        // Three trainings at once, with the same examples; each may take its share of the cores.
        std::vector<Training<T>*> trainings;
        std::vector<std::thread> threads;
        for (int i = 0; i < 3; ++i) trainings.push_back(new Training<T>(p));
        for (auto* t : trainings) threads.emplace_back([&p, t, batch_size] { t->run(p, batch_size, 8); });
        for (auto& thread : threads) thread.join();
        for (auto* t : trainings) {
            check(t->w == alone.w && t->slots[1] == alone.slots[1], "trainings at once give other bits than one alone");
            delete t;
        }
    }

    // Eight threads use one network, while another one learns.
    Trainer<T> trainer(p.architecture, isas().back());
    const auto outputs = [&](std::vector<T>& out) {
        out.assign(size_t(3 * p.m), T(0));
        return trainer.forward(p.examples, p.start.data(), out.data(), p.m, never);
    };
    std::vector<T> expected, found[8];
    const double cost = outputs(expected);
    Training<T> other(p);
    std::vector<std::thread> threads;
    double costs[8];
    threads.emplace_back([&] { other.run(p, 1000, 4); });
    for (int i = 0; i < 8; ++i) threads.emplace_back([&, i] { costs[i] = outputs(found[i]); });
    for (auto& thread : threads) thread.join();
    for (int i = 0; i < 8; ++i) check(found[i] == expected && costs[i] == cost, "eight threads use one network");

    std::vector<T> gradient(p.start.size()), again(p.start.size());
    const double J = trainer.cost_and_gradients(p.examples, p.start.data(), 0.1, gradient.data(), never);
    check(trainer.cost_and_gradients(p.examples, p.start.data(), 0.1, again.data(), never) == J && gradient == again,
          "gradients");
    threads.clear();
    std::vector<T> slopes[8];
    for (auto& mine : slopes) {
        threads.emplace_back([&] {
            mine.resize(p.start.size());
            trainer.cost_and_gradients(p.examples, p.start.data(), 0.1, mine.data(), never);
        });
    }
    for (auto& thread : threads) thread.join();
    for (const auto& mine : slopes) check(mine == gradient, "gradients of one network in eight threads");

    // Another thread wants all of them to end; what is left of a training is whole epochs.
    std::atomic<bool> stop{false};
    const auto stopped = [&] { return stop.load(); };
    std::vector<Training<T>*> trainings{new Training<T>(p), new Training<T>(p)};
    threads.clear();
    for (auto* t : trainings) threads.emplace_back([&, t] { t->run(p, 1000, 1000000, stopped); });
    threads.emplace_back([&] {
        std::vector<T> out(size_t(3 * p.m)), slope(p.start.size());
        for (Trainer<T> mine(p.architecture, isas().back()); !stop;) {
            mine.forward(p.examples, p.start.data(), out.data(), p.m, stopped);
            mine.cost_and_gradients(p.examples, p.start.data(), 0.1, slope.data(), stopped);
            if (!stop) continue;
            mine.cost_and_gradients(p.examples, p.start.data(), 0.1, slope.data(), never);
            check(slope == gradient, "gradients after some that were stopped");
        }
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    stop = true;
    for (auto& thread : threads) thread.join();
    for (auto* t : trainings) {
        Training<T> same(p);
        same.run(p, 1000, int(t->progress.place.batches / 5));
        check(t->progress.place.batches % 5 == 0 && same.w == t->w,
              "a training that was stopped stands between two epochs");
        delete t;
    }
}

// call() with every one of its allocations refused, one at a time, after before(); each time after() follows.
template <class Before, class Call, class After>
void refusing_each_allocation(Before before, Call call, After after, int64_t at_least) {
    int64_t refusals = 0;
    for (bool one_was = true; one_was; ++refusals) {
        auto subject = before();
        bool threw = false;
        allocations_left = refusals;
        try {
            call(*subject);
        } catch (const std::bad_alloc&) {
            threw = true;
        }
        one_was = allocations_left < 0;
        allocations_left = -1;
        after(*subject, threw);
    }
    check(refusals > at_least, "allocations were refused");
}

// What failed for want of memory has changed nothing: the same trainer, asked again, gives the same bits as another
// one.
template <class T> void without_memory() {
    const Problem<T> p(300);
    for (const int64_t first_size : {int64_t{0}, int64_t{100}, p.m}) {
        for (const int64_t batch_size : {p.m, int64_t{100}}) {
            const auto before = [&] {
                auto training = std::make_unique<Training<T>>(p);
                if (first_size > 0) training->run(p, first_size, 1);  // its trainer has a plan, of this size or another
                return training;
            };
            const auto right = before();
            const auto costs = right->run(p, batch_size, 2);
            std::vector<double> found;
            refusing_each_allocation(
                before, [&](Training<T>& t) { found = t.run(p, batch_size, 2); },
                [&](Training<T>& t, bool threw) {
                    if (threw) found = t.run(p, batch_size, 2);
                    check(found == costs && t.w == right->w && t.slots[0] == right->slots[0] &&
                              t.slots[1] == right->slots[1] &&
                              t.progress.place.batches == right->progress.place.batches,
                          "a training after a failure for want of memory");
                },
                first_size == batch_size ? 2 : 10);
        }
    }
    std::vector<T> gradient(p.start.size()), found(p.start.size()), out(size_t(3 * p.m)), expected(size_t(3 * p.m));
    Trainer<T> right(p.architecture, isas().back());
    const auto slopes = [&](Trainer<T>& t, std::vector<T>& into) {
        return t.cost_and_gradients(p.examples, p.start.data(), 0.1, into.data(), never);
    };
    const double J = slopes(right, gradient);
    const double cost = right.forward(p.examples, p.start.data(), expected.data(), p.m, never);
    double J_found = 0, cost_found = 0;
    const auto both = [&](Trainer<T>& t) {
        cost_found = t.forward(p.examples, p.start.data(), out.data(), p.m, never);
        J_found = slopes(t, found);
    };
    refusing_each_allocation([&] { return std::make_unique<Trainer<T>>(p.architecture, isas().back()); }, both,
                             [&](Trainer<T>& t, bool threw) {
                                 if (threw) both(t);
                                 check(J_found == J && cost_found == cost && found == gradient && out == expected,
                                       "gradients and outputs after a failure for want of memory");
                             },
                             10);
}

// Tiny networks that are trained at once, by one trainer in three threads; and where memory is refused.
template <class T> void lanes() {
    const int64_t m = 100, batch_size = 30;
    const Architecture architecture{{5, 6, 2}, {Function::tanh, Function::softmax}, {0, 0}, Loss::cross_entropy, 0};
    const Hyper hyper{Rule::adam, 0.9, 0.999, 1e-8, 0, false, 0.1, 0, {}, batch_size, 0};
    const std::vector<double> rates(3, 1e-2);
    const std::vector<T> X = numbers<T>(m * 5, 1, 2), Y(size_t(m * 2), T(0.5));
    Examples<T> examples;
    examples.X = {X.data(), 5, 1}, examples.Y = {Y.data(), 2, 1}, examples.m = m, examples.id = 1;
    std::vector<int64_t> order;
    for (int64_t j = 0; j < m; ++j) order.push_back((j * 37) % m);
    const Orders orders{order.data()};
    const Trainer<T> trainer(architecture, isas().back());
    const size_t count = size_t(trainer.lanes_for(examples, batch_size));

    struct Network {
        std::vector<T> w, slots[2];
    };
    const auto networks = [&] {
        auto all = std::make_unique<std::vector<Network>>(count);
        for (size_t i = 0; i < count; ++i) {
            (*all)[i].w = numbers<T>(trainer.parameters(), i, 0.5);
            for (auto& slot : (*all)[i].slots) slot.assign((*all)[i].w.size(), T(0));
        }
        return all;
    };
    const auto run = [&](std::vector<Network>& all) {
        std::vector<LaneRun<T>> runs;
        for (Network& net : all) {
            runs.push_back({hyper, rates, orders, net.w.data(), {net.slots[0].data(), net.slots[1].data()}});
            runs.back().costs.reserve(rates.size());
        }
        trainer.run_many(examples, runs, 0, never);
    };
    const auto right = networks();
    for (Network& net : *right) {
        std::vector<T> spare[2] = {net.slots[0], net.slots[1]};
        Progress<T> progress{
            net.w.data(), {net.slots[0].data(), net.slots[1].data()}, {spare[0].data(), spare[1].data()}};
        Trainer<T>(architecture, isas().back()).run(examples, hyper, rates, orders, 0, progress, never);
        if (progress.slots[0] != net.slots[0].data()) net.slots[0].swap(spare[0]), net.slots[1].swap(spare[1]);
    }
    const auto check_all = [&](const std::vector<Network>& all) {
        for (size_t i = 0; i < count; ++i) {
            check(all[i].w == (*right)[i].w && all[i].slots[1] == (*right)[i].slots[1], "networks at once");
        }
    };
    std::unique_ptr<std::vector<Network>> all[3];
    std::vector<std::thread> threads;
    for (auto& some : all) threads.emplace_back([&] { run(*(some = networks())); });
    for (auto& thread : threads) thread.join();
    for (const auto& some : all) check_all(*some);
    refusing_each_allocation(
        networks, run,
        [&](std::vector<Network>& some, bool threw) {
            if (threw) run(some);
            check_all(some);
        },
        10);
}

// Steps of a training whose times are `seconds(all threads)`; how many of the last `last` had all threads.
template <class F> int steps_with_all(ThreadChoice& choice, int steps, int last, F seconds) {
    int all = 0;
    for (int i = 0; i < steps; ++i) {
        all += choice.all_threads() && i >= steps - last;
        choice.record(seconds(choice.all_threads()));
    }
    return all;
}

void choices() {
    check(threads_worth(29e-6, 15e-6, 10, 8) == 1 && threads_worth(31e-6, 15e-6, 10, 8) == 2 &&
              threads_worth(1, 15e-6, 10, 8) == 8 && threads_worth(1, 15e-6, 1, 8) == 1,
          "the number of threads that are worth it");
    ThreadChoice choice;
    choice.restart(1e-3);
    check(steps_with_all(choice, 1000, 1000, [](bool) { return 1.5e-3; }) == 1000, "no trial without evidence");
    check(steps_with_all(choice, 1000, 900, [](bool all) { return all ? 5e-3 : 2e-3; }) < 50,
          "one thread where it is faster");
    check(steps_with_all(choice, 10000, 1000, [](bool all) { return all ? 1e-3 : 2e-3; }) == 1000,
          "all threads again where they are faster again");
    choice.restart(1e-3);
    check(steps_with_all(choice, 5000, 5000, [](bool all) { return all ? 2.5e-3 : 4e-3; }) > 4900,
          "few trials where steps are always longer than predicted");
}

void race() {
    int shared = 0;
    const auto count = [&] {
        for (int i = 0; i < 1000; ++i) ++shared;
    };
    std::thread one(count), two(count);
    one.join(), two.join();
    std::printf("%d\n", shared);
}

}  // namespace

int main(int count, char** arguments) {
    if (count > 1 && std::strcmp(arguments[1], "race") == 0) {
        race();
        return 0;
    }
    check(available_threads() > 1, "this machine has one core, and the kernel no threads of its own");
    choices();
    all<float>();
    all<double>();
    without_memory<float>();
    without_memory<double>();
    lanes<float>();
    lanes<double>();
    std::printf(
        failed ? "wrong results\n" : "%d threads: no race was seen, and the bits are those of one training alone\n",
        available_threads());
    return failed ? 1 : 0;
}
