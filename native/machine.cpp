#include "machine.hpp"

#include <algorithm>
#include <stdexcept>
#if CHAINRULE_OPENMP
#include <omp.h>
#endif

#include "team.hpp"

namespace chainrule {

std::vector<std::string> isas() {
    std::vector<std::string> names{"baseline"};
#if CHAINRULE_DISPATCH
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v3")) names.push_back("avx2");
    if (__builtin_cpu_supports("x86-64-v4")) names.push_back("avx512");
#endif
    return names;
}

int available_threads() {
#if CHAINRULE_OPENMP
    return std::max(1, omp_get_max_threads());
#else
    return std::max(1, int(std::thread::hardware_concurrency()));
#endif
}

template <class T> const Kernels<T>& kernels_of(const std::string& isa) {
#if CHAINRULE_DISPATCH
    if (isa == "avx512") return avx512::kernels<T>();
    if (isa == "avx2") return avx2::kernels<T>();
#endif
    if (isa == "baseline") return baseline::kernels<T>();
    throw std::invalid_argument("no instruction set " + isa);
}
template const Kernels<float>& kernels_of<float>(const std::string&);
template const Kernels<double>& kernels_of<double>(const std::string&);

namespace {

// The best of many short measurements, as other programs and the clock of the processor disturb most of them: 0.2 s, of
// about 0.1 ms each. Chosen; no measurement is recorded.
template <class T> double peak_of_one_thread(const std::string& isa) {
    constexpr double SECONDS = 0.2;
    constexpr int64_t ROUNDS = 20000;
    alignas(CACHE_LINE) T numbers[64];
    double best = 0;
    for (const auto start = Clock::now(); seconds_since(start) < SECONDS;) {
        for (int i = 0; i < 64; ++i) numbers[i] = T(0.5);
        const auto begin = Clock::now();
        const auto operations = kernels_of<T>(isa).multiply_adds(ROUNDS, numbers);
        best = std::max(best, double(operations) / seconds_since(begin));
    }
    return best;
}

}  // namespace

double peak(const std::string& isa, bool float64, int threads) {
    std::vector<double> peaks(size_t(std::max(1, threads)));
    Team team;
    team.start(threads);
    parallel_for(team, threads, int64_t(peaks.size()), [&](int64_t i, int) {
        peaks[size_t(i)] = float64 ? peak_of_one_thread<double>(isa) : peak_of_one_thread<float>(isa);
    });
    double total = 0;
    for (const double p : peaks) total += p;
    return total;
}

}  // namespace chainrule
