// What this machine has: instruction sets, threads, and the speed of its multiply-adds.
#pragma once

#include <string>
#include <vector>

#include "kernel.hpp"

namespace chainrule {

std::vector<std::string> isas();  // the instruction sets that this machine has and the kernel was built for, best last
int available_threads();          // as OpenMP is told (OMP_NUM_THREADS, threadpoolctl, affinity), within the quota
int threads_of_call();            // the part of them that a call gets which is running

// Processors' time that a container may use, as a number of processors; 0 where nothing limits it. `root` is that of
// the files of the system, and ends with a slash.
double cpu_quota(const std::string& root);

// Those of them with products in bf16, best last. Asks the system for the registers of AMX.
std::vector<std::string> bf16_isas();
bool bf16_built();  // whether the kernel was built for any of these

// The kernel for an instruction set; std::invalid_argument for a name that it was not built for.
template <class T> const Kernels<T>& kernels_of(const std::string& isa);
extern template const Kernels<float>& kernels_of<float>(const std::string&);
extern template const Kernels<double>& kernels_of<double>(const std::string&);

// Floating-point operations per second of so many threads that only multiply and add, in registers.
double peak(const std::string& isa, bool float64, int threads);

// Operations per second that a network's products reach in one thread, by a measurement of 0.15 ms in the first call.
template <class T> double rate_of(const Kernels<T>&);
extern template double rate_of<float>(const Kernels<float>&);
extern template double rate_of<double>(const Kernels<double>&);

}  // namespace chainrule
