#include "trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>
#include <stdexcept>
#include <thread>
#if CHAINRULE_OPENMP
#include <omp.h>
#endif
#if defined(__SSE2__)
#include <immintrin.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace chainrule {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

constexpr double WORTH_A_THREAD = 1e6;            // floating-point operations of a step, at least
constexpr int64_t KEPT = int64_t{64} << 20;       // bytes of a full batch that are kept in panels between epochs
constexpr int64_t PIECE = 16384;                  // numbers in one piece of a flat vector
constexpr int64_t LONG_PIECE = int64_t{1} << 22;  // numbers that are cleared without a question
constexpr double BETWEEN_QUESTIONS = 0.02;        // seconds
constexpr double BETWEEN_LOOKS = 1e7;             // floating-point operations after which the clock is looked at
constexpr double SPARSE_ITEM = 1e8;               // floating-point operations of a sparse step for each item of it

// Results too small to be normal numbers become zero while this lives: arithmetic with them is a hundred times slower.
class FlushDenormals {
  public:
#if defined(__SSE2__)
    FlushDenormals() : before(_mm_getcsr()) { _mm_setcsr(before | 0x8040u); }
    ~FlushDenormals() { _mm_setcsr(before); }

  private:
    unsigned before;
#elif defined(__aarch64__)
    FlushDenormals() {
        asm volatile("mrs %0, fpcr" : "=r"(before));
        asm volatile("msr fpcr, %0" : : "r"(before | (uint64_t{1} << 24)));
    }
    ~FlushDenormals() { asm volatile("msr fpcr, %0" : : "r"(before)); }

  private:
    uint64_t before;
#endif
};

void pause() {
#if defined(__SSE2__)
    _mm_pause();
#else
    std::this_thread::yield();
#endif
}

std::atomic<int> running{0};  // calls that are computing now, in this process

struct Running {
    Running() { ++running; }
    ~Running() { --running; }
};

template <class T> const Kernels<T>& kernels_of(const std::string& isa) {
#if CHAINRULE_DISPATCH
    if (isa == "avx512") return avx512::kernels<T>();
    if (isa == "avx2") return avx2::kernels<T>();
#endif
    if (isa == "baseline") return baseline::kernels<T>();
    throw std::invalid_argument("no instruction set " + isa);
}

}  // namespace

std::vector<std::string> isas() {
    std::vector<std::string> found{"baseline"};
#if CHAINRULE_DISPATCH
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v3")) found.push_back("avx2");
    if (__builtin_cpu_supports("x86-64-v4")) found.push_back("avx512");
#endif
    return found;
}

int available_threads() {
#if CHAINRULE_OPENMP
    return std::max(1, omp_get_max_threads());
#else
    return std::max(1, int(std::thread::hardware_concurrency()));
#endif
}

// Threads that help the one that calls. Work is a number of items; whoever is awake takes the next one. The caller does
// not wait for a helper that has not begun: one whose core is taken, or that a fork has left behind, costs nothing.
class Team {
  public:
    explicit Team(int helpers) {
        for (int i = 1; i <= helpers; ++i) threads.emplace_back([this, i] { help(i); });
    }

    ~Team() {
        stop = true;
        ++round;
        round.notify_all();
        for (auto& thread : threads) thread.join();
    }

    // job(item, thread) for the items 0 … count - 1, each once.
    void each(int64_t count, const std::function<void(int64_t, int)>& job) {
        work = &job;
        items = count;
        next = 0;
        open = true;
        ++round;
        round.notify_all();
        take(0);
        open = false;
        for (int spins = 0; busy.load() > 0; ++spins) spins < 4000 ? pause() : std::this_thread::yield();
    }

  private:
    void help(int self) {
        const FlushDenormals flush;
        for (uint32_t seen = 0;;) {
            for (int spins = 0; round.load() == seen && spins < 4000; ++spins) pause();
            round.wait(seen);
            seen = round.load();
            if (stop) return;
            ++busy;  // before the look at `open`: either this sees it closed, or the caller sees this busy
            if (open.load()) take(self);
            --busy;
        }
    }

    void take(int self) {
        for (int64_t item; (item = next.fetch_add(1)) < items;) (*work)(item, self);
    }

    std::vector<std::thread> threads;
    const std::function<void(int64_t, int)>* work = nullptr;
    int64_t items = 0;
    alignas(64) std::atomic<int64_t> next{0};
    alignas(64) std::atomic<uint32_t> round{0};
    alignas(64) std::atomic<int> busy{0};
    std::atomic<bool> open{false}, stop{false};
};

// Asks whether to stop, if it is time; when the answer is yes, there is no other question.
class Asker {
  public:
    explicit Asker(const Interrupted& question) : interrupted(question) {}

    bool stopped() const { return yes.load(std::memory_order_relaxed); }

    // Only in the thread that called: Python's handlers of signals run in no other. Seconds since the last question.
    double look() {
        const double passed = seconds_since(asked);
        if (passed >= BETWEEN_QUESTIONS && !stopped()) {
            yes = interrupted();
            asked = Clock::now();
        }
        return passed;
    }

  private:
    const Interrupted& interrupted;
    Clock::time_point asked = Clock::now();
    std::atomic<bool> yes{false};
};

// Runs job(item, thread) for all items, on a team or alone.
template <class F> static void share(Team* team, int threads, int64_t count, F job) {
    if (threads > 1 && count > 1) team->each(count, job);
    else
        for (int64_t i = 0; i < count; ++i) job(i, 0);
}

// The same for items of so many operations altogether: where these are many, with questions between the items.
template <class F> static void share(Team* team, int threads, int64_t count, double operations, Asker& asker, F job) {
    if (operations < 2 * BETWEEN_LOOKS) return share(team, threads, count, job);
    const int64_t between = std::max<int64_t>(1, int64_t(BETWEEN_LOOKS / operations * double(count)));
    int64_t countdown = between;  // of the thread that called
    share(team, threads, count, [&](int64_t item, int thread) {
        if (asker.stopped()) return;
        job(item, thread);
        if (thread == 0 && --countdown == 0) {
            asker.look();
            countdown = between;
        }
    });
}

template <class T> Memory<T>::Memory(int64_t count) {
    constexpr size_t page = size_t{2} << 20;
    size_t bytes = (size_t(count) * sizeof(T) + 63) / 64 * 64;
    const bool huge = bytes >= 2 * page;
    if (huge) bytes = (bytes + page - 1) / page * page;
    void* const memory = std::aligned_alloc(huge ? page : 64, bytes);
    if (!memory) throw std::bad_alloc();
#if defined(__linux__)
    if (huge) madvise(memory, bytes, MADV_HUGEPAGE);  // fewer pages to look up; no matter if it is refused
#endif
    data.reset(static_cast<T*>(memory));
}

template <class T> void Memory<T>::Free::operator()(T* p) const { std::free(p); }

double peak(const std::string& isa, bool wide, int threads) {
    const auto one = [&]<class T>(T) {
        Memory<T> numbers(64);
        double best = 0;
        for (const auto start = Clock::now(); seconds_since(start) < 0.2;) {
            for (int i = 0; i < 64; ++i) numbers.get()[i] = T(0.5);
            const auto begin = Clock::now();
            const auto operations = kernels_of<T>(isa).spin(20000, numbers.get());
            best = std::max(best, double(operations) / seconds_since(begin));
        }
        return best;
    };
    std::vector<double> found(size_t(std::max(1, threads)));
    std::vector<std::thread> helpers;
    for (auto& f : found) helpers.emplace_back([&] { f = wide ? one(double{}) : one(float{}); });
    for (auto& helper : helpers) helper.join();
    double total = 0;
    for (const double f : found) total += f;
    return total;
}

// -- one trainer ------------------------------------------------------------------------------------------------------

template <class T> struct Trainer<T>::Plan {
    int64_t batch_size = 0, group = 0;
    int threads = 0;
    uint64_t kept_of = 0;  // the examples in `kept`
    bool sparse = false;
    std::vector<Memory<T>> activations, scratch;
    Memory<T> kept, spare_parameters, spare_slots[2], gradient;
    Memory<double> costs, sums;
    std::vector<Item> items, pieces, weights;
    double operations = 0;  // of a whole batch
    // Seconds that a step takes with one thread and with all, and how many steps were timed.
    double seconds[2] = {0, 0};
    int timed[2] = {0, 0};
    Clock::time_point compared;  // when the slower one was last tried again, and how many steps ago
    int since = 0;
};

template <class T>
Trainer<T>::Trainer(const Design& d, const std::string& isa) : design(d), kernels(kernels_of<T>(isa)) {
    for (size_t l = 1; l < d.sizes.size(); ++l) {
        const int64_t inputs = d.sizes[l - 1], units = d.sizes[l];
        layers.push_back({inputs, units, count, d.g[l - 1], T(d.alpha[l - 1]), 0.0, false, nullptr, nullptr});
        count += units * (inputs + 1);
    }
}

template <class T> Trainer<T>::~Trainer() = default;

namespace {

template <class T> Step<T> step_of(const Design& d, std::vector<Layer<T>>& layers, const Examples<T>& e, const T* w) {
    Step<T> step{};
    step.layers = layers.data();
    step.L = int64_t(layers.size());
    step.loss = d.loss;
    step.delta = T(d.delta);
    step.X = e.X, step.Y = e.Y, step.sparse = e.sparse, step.weights = e.weights;
    step.m = e.m;
    step.w = w;
    return step;
}

// Of one way through all layers.
template <class T> double operations_of(const Examples<T>& e, const std::vector<Layer<T>>& layers, int64_t m) {
    double inputs = e.sparse ? e.sparse->per_example : double(layers[0].inputs), operations = 0;
    for (const auto& layer : layers) {
        operations += 2.0 * double(m) * inputs * double(layer.units);
        inputs = double(layer.units);
    }
    return operations;
}

}  // namespace

template <class T>
double Trainer<T>::forward(const Examples<T>& examples, const T* parameters, T* out, ptrdiff_t stride,
                           const Interrupted& interrupted) const {
    const Running here;
    Asker asker(interrupted);
    const FlushDenormals flush;
    auto own = layers;
    Step<T> step = step_of(design, own, examples, parameters);
    const int64_t panel = 2 * kernels.lanes, panels = ceil_div(examples.m, panel);
    Memory<double> costs;
    if (examples.Y.data) {
        costs = Memory<double>(panels);
        step.costs = costs.get();
    }
    const int64_t widest = *std::max_element(design.sizes.begin() + (examples.sparse ? 1 : 0), design.sizes.end());
    const int64_t fit = std::max<int64_t>(1, NEAR / (widest * panel * int64_t(sizeof(T))));
    const double operations = operations_of(examples, own, examples.m);
    const int threads = operations < 20 * WORTH_A_THREAD ? 1 : std::max(1, available_threads() / running.load());
    const int64_t group = std::max<int64_t>(1, std::min({fit, GROUP, ceil_div(panels, threads)})),
                  groups = ceil_div(panels, group);
    const int64_t size = kernels.forward_scratch(step, group);
    std::vector<Memory<T>> scratch;
    for (int i = 0; i < threads; ++i) scratch.emplace_back(size);
    const auto helpers = threads > 1 ? std::make_unique<Team>(threads - 1) : nullptr;
    share(helpers.get(), threads, groups, operations, asker, [&](int64_t item, int thread) {
        const int64_t first = item * group;
        kernels.forward(step, first, std::min(group, panels - first), out, stride, scratch[size_t(thread)].get());
    });
    if (!examples.Y.data || asker.stopped()) return 0;
    double total = 0, m = double(examples.m);
    for (int64_t p = 0; p < panels; ++p) total += costs.get()[p];
    if (examples.weights) {
        m = 0;
        for (int64_t j = 0; j < examples.m; ++j) m += double(examples.weights[j]);
    }
    return total / m;
}

template <class T>
void Trainer<T>::prepare(const Hyper& hyper, const Examples<T>& examples, bool whole, int threads, Asker& asker) {
    const int64_t m = hyper.batch_size, panel = 2 * kernels.lanes, panels = ceil_div(m, panel);
    for (size_t l = 0; l + 1 < layers.size(); ++l) {
        layers[l].dropout = l < hyper.dropout.size() ? hyper.dropout[l] : 0.0;
        const bool plain = layers[l].g == Function::relu || layers[l].g == Function::identity;
        layers[l].stores_slope = !plain || layers[l].dropout > 0;
    }
    if (!plan) plan = std::make_unique<Plan>();
    Plan& p = *plan;
    if (p.batch_size != m) {
        p.activations.clear();
        for (size_t l = 0; l < layers.size(); ++l) {
            const int64_t size = panels * panel * layers[l].units;
            const auto zeroed = [&] {
                p.activations.emplace_back(size);
                T* const memory = p.activations.back().get();
                for (int64_t at = 0; at < size && !asker.stopped(); at += LONG_PIECE) {
                    std::fill_n(memory + at, std::min(LONG_PIECE, size - at), T(0));
                    asker.look();
                }
                return memory;
            };
            layers[l].A = l + 1 < layers.size() ? zeroed() : nullptr;
            layers[l].D = zeroed();
        }
        if (asker.stopped()) return plan.reset();
        p.costs = Memory<double>(panels);
    }
    Step<T> step = step_of<T>(design, layers, examples, nullptr);
    step.m = m;
    if (!p.spare_parameters.get()) {
        p.spare_parameters = Memory<T>(count);
        for (auto& slot : p.spare_slots) slot = Memory<T>(count);
        for (int64_t at = 0; at < count; at += PIECE) p.pieces.push_back({0, at, std::min(PIECE, count - at), false});
        for (const auto& layer : layers) {
            const int64_t size = layer.inputs * layer.units;
            for (int64_t i = 0; i < size; i += PIECE)
                p.weights.push_back({0, layer.at + i, std::min(PIECE, size - i), false});
        }
        p.sums = Memory<double>(int64_t(p.pieces.size() + p.weights.size()));
    }
    if (hyper.clip_norm > 0 && !p.gradient.get()) p.gradient = Memory<T>(count);
    const int64_t n0 = layers[0].inputs, bytes = panels * panel * n0 * int64_t(sizeof(T));
    if (whole && !examples.sparse && bytes <= KEPT) {
        if (p.kept_of != examples.id || p.batch_size != m) {
            p.kept = Memory<T>(panels * panel * n0);
            kernels.pack(step, 0, panels, p.kept.get());
            p.kept_of = examples.id;
        }
    } else {
        p.kept_of = 0;
    }
    const bool sparse = examples.sparse != nullptr;
    if (p.batch_size == m && p.threads == threads && p.sparse == sparse) return;
    p.batch_size = m;
    p.threads = threads;
    p.sparse = sparse;
    p.operations = 3 * operations_of(examples, layers, m);
    p.seconds[0] = p.seconds[1] = 0, p.timed[0] = p.timed[1] = 0;

    int64_t widest = 1;
    for (const auto& layer : layers) widest = std::max(widest, layer.units);
    const int64_t fit = std::max<int64_t>(1, NEAR / (widest * panel * int64_t(sizeof(T))));
    p.group = std::min({fit, GROUP, ceil_div(panels, threads)});
    int64_t size = kernels.examples_scratch(step, p.group);
    p.items.clear();
    for (int64_t l = 1; l <= step.L; ++l) {
        const bool rows = kernels.by_rows(step, l);
        const auto& layer = layers[size_t(l - 1)];
        const int64_t unit = rows ? FEW_ROWS : panel, whole_layer = rows ? layer.units : layer.inputs;
        const int64_t units = ceil_div(whole_layer, unit);  // whose sums are the same in any item
        const int64_t parts = std::max<int64_t>(threads == 1 ? 1 : 4 * threads,
                                                sparse && l == 1 ? int64_t(p.operations / SPARSE_ITEM) : 1);
        const int64_t some = unit * (rows ? ceil_div(units, parts) : std::min<int64_t>(4, ceil_div(units, threads)));
        for (int64_t k = 0; k < whole_layer; k += some) {
            p.items.push_back({l, k, std::min(some, whole_layer - k), rows});
            size = std::max(size, kernels.gradient_scratch(step, p.items.back()));
        }
    }
    p.scratch.clear();
    for (int i = 0; i < threads; ++i) p.scratch.emplace_back(size);
}

// λ / (2m) Σ W², in pieces that do not depend on the threads.
template <class T> double Trainer<T>::penalty(const T* w, double l2, double m, int threads) {
    const auto& pieces = plan->weights;
    double* const sums = plan->sums.get();
    share(team.get(), threads, int64_t(pieces.size()), [&](int64_t i, int) {
        const Item& piece = pieces[size_t(i)];
        sums[i] = kernels.squares(w + piece.first, piece.count);
    });
    double total = 0;
    for (size_t i = 0; i < pieces.size(); ++i) total += sums[i];
    return l2 / (2 * m) * total;
}

// One step: J of the batch before it, or NaN if the asker stopped it. step.update.rule is what becomes of the gradient.
template <class T> double Trainer<T>::batch(Step<T>& step, const Hyper& hyper, int threads, Asker& asker) {
    Plan& p = *plan;
    const int64_t panels = ceil_div(step.m, 2 * kernels.lanes), groups = ceil_div(panels, p.group);
    double m = double(step.m);
    if (step.weights) {
        m = 0;
        for (int64_t j = 0; j < step.m; ++j) m += double(step.weights[step.index ? step.index[j] : step.first + j]);
    }
    step.costs = p.costs.get();
    step.scale = T(1 / m);
    step.l2 = T(hyper.l2 / m);
    share(team.get(), threads, groups, p.operations * 2 / 3, asker, [&](int64_t i, int thread) {
        const int64_t first = i * p.group;
        kernels.examples(step, first, std::min(p.group, panels - first), p.scratch[size_t(thread)].get());
    });
    if (asker.stopped()) return std::numeric_limits<double>::quiet_NaN();
    double J = 0;
    for (int64_t i = 0; i < panels; ++i) J += p.costs.get()[i];
    J /= m;
    if (hyper.l2 > 0) J += penalty(step.w, hyper.l2, m, threads);
    if (!std::isfinite(J)) return J;

    const bool clips = hyper.clip_norm > 0;
    Step<T> first = step;
    if (clips) {
        first.update.rule = Rule::gradient;
        first.w_next = p.gradient.get();
    }
    share(team.get(), threads, int64_t(p.items.size()), p.operations / 3, asker,
          [&](int64_t i, int thread) { kernels.gradient(first, p.items[size_t(i)], p.scratch[size_t(thread)].get()); });
    if (asker.stopped()) return std::numeric_limits<double>::quiet_NaN();
    if (clips) {
        const auto& pieces = p.pieces;
        double* const sums = p.sums.get();
        share(team.get(), threads, int64_t(pieces.size()), [&](int64_t i, int) {
            sums[i] = kernels.squares(p.gradient.get() + pieces[size_t(i)].first, pieces[size_t(i)].count);
        });
        double norm = 0;
        for (size_t i = 0; i < pieces.size(); ++i) norm += sums[i];
        norm = std::sqrt(norm);
        Step<T> second = step;
        second.l2 = 0;
        second.scale = norm <= hyper.clip_norm ? T(1) : T(hyper.clip_norm / norm);
        share(team.get(), threads, int64_t(pieces.size()), [&](int64_t i, int) {
            const Item& piece = pieces[size_t(i)];
            kernels.update(second, p.gradient.get(), piece.first, piece.count);
        });
    }
    return J;
}

template <class T>
double Trainer<T>::cost_and_gradients(const Examples<T>& examples, const T* parameters, double l2, T* gradient,
                                      const Interrupted& interrupted) {
    const Running here;
    Asker asker(interrupted);
    const FlushDenormals flush;
    Hyper hyper{};
    hyper.rule = Rule::gradient;
    hyper.l2 = l2;
    hyper.batch_size = examples.m;
    const bool worth = 3 * operations_of(examples, layers, examples.m) >= 20 * WORTH_A_THREAD;
    const int threads = worth ? std::max(1, available_threads() / running.load()) : 1;
    prepare(hyper, examples, true, threads, asker);
    if (asker.stopped()) return 0;
    if (threads > 1) team = std::make_unique<Team>(threads - 1);
    Step<T> step = step_of(design, layers, examples, parameters);
    step.panels = plan->kept_of ? plan->kept.get() : nullptr;
    step.update.rule = Rule::gradient;
    step.w_next = gradient;
    const double J = batch(step, hyper, threads, asker);
    if (!std::isfinite(J)) std::fill_n(gradient, count, std::numeric_limits<T>::quiet_NaN());
    team.reset();
    return J;
}

namespace {

template <class T> Update<T> update_of(const Hyper& h, double rate, int64_t t) {
    double epsilon = h.epsilon, step = rate;
    if (h.rule == Rule::adam) {
        const double correction = std::sqrt(1 - std::pow(h.beta2, double(t)));
        if (!h.epsilon_hat) epsilon *= correction;
        step = rate * correction / (1 - std::pow(h.beta1, double(t)));
    }
    // A step without a gradient is 0 / epsilon: that must not be 0 / 0 where epsilon is too small for T.
    epsilon = std::max(epsilon, sizeof(T) == 4 ? 1e-37 : 1e-300);
    return {h.rule,         T(step),        T(h.beta1), T(h.beta2),
            T(1 - h.beta1), T(1 - h.beta2), T(epsilon), T(1 - rate * h.weight_decay)};
}

int slots_of(Rule rule) {
    return rule == Rule::adam ? 2 : rule == Rule::gradient || rule == Rule::gradient_descent ? 0 : 1;
}

}  // namespace

template <class T>
std::vector<double> Trainer<T>::run(const Examples<T>& examples, const Hyper& hyper, const std::vector<double>& rates,
                                    const int64_t* order, Progress<T>& progress, const Interrupted& interrupted) {
    const Running here;
    Asker asker(interrupted);
    const FlushDenormals flush;
    const int64_t m = examples.m, size = hyper.batch_size;
    const bool worth = 3 * operations_of(examples, layers, size) >= WORTH_A_THREAD;
    const int most = worth ? available_threads() : 1;
    prepare(hyper, examples, size >= m && !order, most, asker);
    if (asker.stopped()) return {};
    Plan& p = *plan;
    Step<T> step = step_of<T>(design, layers, examples, nullptr);
    step.panels = p.kept_of ? p.kept.get() : nullptr;
    step.mask_key = hyper.mask_key;

    // The first step of an epoch reads one copy of the state and writes the other, so that the epoch can be undone.
    struct Copy {
        T *parameters, *slots[2];
    };
    const Copy own{progress.parameters, {progress.slots[0], progress.slots[1]}};
    const int slots = slots_of(hyper.rule);
    Copy now = own, next{p.spare_parameters.get(), {p.spare_slots[0].get(), p.spare_slots[1].get()}};

    std::vector<double> costs;
    int64_t between = 1, countdown = 1;  // steps between two looks at the clock, and until the next
    for (const double rate : rates) {
        double total = 0, seen = 0;
        int64_t t = progress.t, steps = progress.step;
        bool begun = false;
        for (int64_t first = 0; first < m && !asker.stopped(); first += size, ++steps) {
            step.first = first;
            step.index = order ? order + first : nullptr;
            step.m = std::min(size, m - first);
            step.mask_step = uint64_t(steps);
            if (examples.weights) {
                bool counts = false;
                for (int64_t j = 0; j < step.m && !counts; ++j)
                    counts = examples.weights[order ? order[first + j] : first + j] != 0;
                if (!counts) continue;
            }
            const Copy& from = begun ? next : now;
            step.w = from.parameters, step.w_next = next.parameters;
            for (int i = 0; i < slots; ++i) step.slots[i] = from.slots[i], step.slots_next[i] = next.slots[i];
            step.update = update_of<T>(hyper, rate, ++t);
            begun = true;

            // One thread or all: whatever took less time lately; now and then the other is tried again.
            int threads = most > 1 ? std::max(1, most / running.load()) : 1;
            double J;
            if (threads == 1) {
                J = batch(step, hyper, 1, asker);
            } else {
                const auto start = Clock::now();
                const int trials = p.operations < 1e9 ? 3 : 1;
                bool all = p.seconds[1] < p.seconds[0];
                if (p.timed[0] < trials || p.timed[1] < trials) {
                    all = p.timed[1] < p.timed[0];
                } else if (++p.since > 64 && std::chrono::duration<double>(start - p.compared).count() > 0.25) {
                    all = !all, p.compared = start, p.since = 0;
                }
                if (all && !team) team = std::make_unique<Team>(most - 1);
                J = batch(step, hyper, all ? threads : 1, asker);
                threads = all ? threads : 1;
                const double took = seconds_since(start);
                // The first of each is cold; after that, the mean of what was and what is.
                double& mean = p.seconds[all];
                mean = ++p.timed[all] <= 2 ? took : std::min((mean + took) / 2, 2 * took);
            }
            threads_used = threads;
            total += J * double(step.m);
            seen += double(step.m);
            if (!std::isfinite(J)) break;
            if (--countdown == 0) {
                const double passed = asker.look();
                between = passed < BETWEEN_QUESTIONS / 2 ? std::min<int64_t>(2 * between, 1 << 16)
                                                         : std::max<int64_t>(between / 2, 1);
                countdown = between;
            }
        }
        if (asker.stopped()) break;
        double cost = total / seen;
        const bool good = std::isfinite(cost) && kernels.finite(next.parameters, count);
        if (!good && std::isfinite(cost)) cost = std::numeric_limits<double>::infinity();
        costs.push_back(cost);
        if (!good) break;
        progress.t = t;
        progress.step = steps;
        std::swap(now, next);
    }
    team.reset();
    if (now.parameters != own.parameters) {
        std::copy_n(now.parameters, count, own.parameters);
        for (int i = 0; i < slots; ++i) std::copy_n(now.slots[i], count, own.slots[i]);
    }
    return costs;
}

template class Memory<float>;
template class Memory<double>;
template class Trainer<float>;
template class Trainer<double>;

}  // namespace chainrule
