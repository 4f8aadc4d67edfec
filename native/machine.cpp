#include "machine.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#if CHAINRULE_OPENMP
#include <omp.h>
#endif
#if CHAINRULE_BF16
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "cpuid.hpp"
#include "team.hpp"
#include "threads.hpp"

namespace chainrule {

std::vector<std::string> isas() {
    std::vector<std::string> names{"baseline"};
#if CHAINRULE_DISPATCH
    static const int level = x86_64_level();
    if (level >= 3) names.push_back("avx2");
    if (level >= 4) names.push_back("avx512");
#endif
    return names;
}

#if CHAINRULE_BF16
namespace {

// Linux lets a process have the registers of AMX when it asks; then all of its threads have them.
bool may_use_amx() {
    constexpr int ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18;
    static const bool permitted = syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
    return permitted;
}

}  // namespace
#endif

bool bf16_built() {
#if CHAINRULE_BF16
    return true;
#else
    return false;
#endif
}

std::vector<std::string> bf16_isas() {
    std::vector<std::string> names;
#if CHAINRULE_BF16
    if (isas().back() != "avx512") return names;
    constexpr uint32_t AVX512_BF16 = bits_of(5), AMX_BF16_AND_TILE = bits_of(22, 24);
    if (!(cpuid(7, 1).a & AVX512_BF16)) return names;
    names.push_back("avx512_bf16");
    if ((cpuid(7, 0).d & AMX_BF16_AND_TILE) == AMX_BF16_AND_TILE && may_use_amx()) names.push_back("amx_bf16");
#endif
    return names;
}

namespace {

// As OpenMP is told; without it, what OMP_NUM_THREADS said at first, or else as many as there are processors.
int threads_told() {
#if CHAINRULE_OPENMP
    return omp_get_max_threads();
#else
    static const char* const said = std::getenv("OMP_NUM_THREADS");
    static const int wanted = said ? std::atoi(said) : 0;
    return wanted > 0 ? wanted : int(std::thread::hardware_concurrency());
#endif
}

}  // namespace

int available_threads() {
    static const double quota = cpu_quota("/");
    const int threads = threads_told();
    return std::max(1, quota > 0 ? int(std::min(double(threads), std::ceil(quota))) : threads);
}

int threads_of_call() { return threads_per_call(available_threads()); }

#if defined(__linux__)
namespace {

// The smallest of a number of processors, 0 for none, and of what `quota` microseconds in each `period` are.
double tighter(double processors, double quota, double period) {
    if (!(quota > 0 && period > 0)) return processors;
    return processors > 0 ? std::min(processors, quota / period) : quota / period;
}

// What is in a small file, nothing if it is not there. A first std::ifstream took 0.25 ms for its locale.
std::string text_of(const std::string& path) {
    std::string text;
    if (std::FILE* const file = std::fopen(path.c_str(), "r")) {
        char piece[1024];
        while (const size_t count = std::fread(piece, 1, sizeof(piece), file)) text.append(piece, count);
        std::fclose(file);
    }
    return text;
}

}  // namespace
#endif

double cpu_quota([[maybe_unused]] const std::string& root) {
    double processors = 0;
#if defined(__linux__)
    const auto number_in = [](const std::string& path) { return std::strtod(text_of(path).c_str(), nullptr); };
    // A line for each hierarchy of groups: number, controllers, path. Limits of the groups above count as well; in a
    // container the files of its own group may stand at the top, whatever the path says.
    const std::string groups = text_of(root + "proc/self/cgroup");
    for (size_t start = 0, end; start < groups.size(); start = end + 1) {
        end = std::min(groups.find('\n', start), groups.size());
        const std::string line = groups.substr(start, end - start);
        const size_t first = line.find(':'), second = line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = ',' + line.substr(first + 1, second - first - 1) + ',';
        const bool unified = controllers == ",,";
        if (!unified && controllers.find(",cpu,") == std::string::npos) continue;
        const std::string top = root + (unified ? "sys/fs/cgroup" : "sys/fs/cgroup/cpu");
        for (std::string path = line.substr(second + 1);; path.resize(path.rfind('/'))) {
            const std::string folder = top + (path == "/" ? "" : path) + '/';
            if (unified) {
                const std::string limit = text_of(folder + "cpu.max");  // "max 100000" or "50000 100000"
                char* rest = nullptr;
                const double quota = std::strtod(limit.c_str(), &rest);  // 0 for max
                processors = tighter(processors, quota, std::strtod(rest, nullptr));
            } else {
                const double quota = number_in(folder + "cpu.cfs_quota_us");  // -1 for none
                processors = tighter(processors, quota, number_in(folder + "cpu.cfs_period_us"));
            }
            if (path.find('/') == std::string::npos) break;
        }
    }
#endif
    return processors;
}

template <class T> const Kernels<T>& kernels_of(const std::string& isa) {
#if CHAINRULE_BF16
    if constexpr (sizeof(T) == 4) {
        if (isa == "avx512_bf16") return avx512_bf16::kernels<T>();
        if (isa == "amx_bf16" && may_use_amx()) return amx_bf16::kernels<T>();
    }
#endif
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

// The best of many short measurements, as other programs and the clock of the processor disturb most of them.
template <class T> double peak_of_one_thread(const Kernels<T>& kernels, double seconds, int64_t rounds) {
    alignas(CACHE_LINE) T numbers[64];
    double best = 0;
    for (const auto start = Clock::now(); seconds_since(start) < seconds;) {
        for (int i = 0; i < 64; ++i) numbers[i] = T(0.5);
        const auto begin = Clock::now();
        const auto operations = kernels.multiply_adds(rounds, numbers);
        best = std::max(best, double(operations) / seconds_since(begin));
    }
    return best;
}

}  // namespace

template <class T> double rate_of(const Kernels<T>& kernels) {
    static std::mutex lock;
    static std::map<const Kernels<T>*, double> known;  // of each instruction set that was asked for
    const std::lock_guard guard(lock);
    double& rate = known[&kernels];
    if (rate == 0) rate = SHARE_OF_PEAK * peak_of_one_thread(kernels, 1.5e-4, 500);
    return rate;
}
template double rate_of<float>(const Kernels<float>&);
template double rate_of<double>(const Kernels<double>&);

double peak(const std::string& isa, bool float64, int threads) {
    // 0.2 s, of about 0.1 ms each. Chosen; no measurement is recorded.
    constexpr double SECONDS = 0.2;
    constexpr int64_t ROUNDS = 20000;
    std::vector<double> peaks(size_t(std::max(1, threads)));
    Team team;
    team.start(threads);
    parallel_for(team, threads, int64_t(peaks.size()), [&](int64_t i, int) {
        peaks[size_t(i)] = float64 ? peak_of_one_thread(kernels_of<double>(isa), SECONDS, ROUNDS)
                                   : peak_of_one_thread(kernels_of<float>(isa), SECONDS, ROUNDS);
    });
    double total = 0;
    for (const double p : peaks) total += p;
    return total;
}

}  // namespace chainrule
