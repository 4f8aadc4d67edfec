// Epochs: which examples, which memory, how many threads. Everything that is not arithmetic.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernel.hpp"

namespace chainrule {

// What a network is, apart from its parameters. g and alpha have an entry for each of the layers 1 … L.
struct Design {
    std::vector<int64_t> sizes;
    std::vector<Function> g;
    std::vector<double> alpha;
    Loss loss;
    double delta;
};

template <class T> struct Examples {
    Rows<T> X{}, Y{};
    const Sparse<T>* sparse = nullptr;
    const T* weights = nullptr;
    int64_t m = 0;
    uint64_t id = 0;  // of these examples and no others, while the process lives; not 0
};

struct Hyper {
    Rule rule;
    double beta1, beta2, epsilon, weight_decay;
    bool epsilon_hat;
    double l2, clip_norm;  // clip_norm 0: the gradient may have any length
    std::vector<double> dropout;
    int64_t batch_size;
    uint64_t mask_key;
};

// Where a training stands; slots are what the optimizer remembers.
template <class T> struct Progress {
    T *parameters, *slots[2];
    int64_t t, step;
};

std::vector<std::string> isas();  // the instruction sets this machine has, best last
int available_threads();          // as OpenMP is told: OMP_NUM_THREADS, threadpoolctl, affinity
double peak(const std::string& isa, bool wide, int threads);  // multiplications and additions per second

// Aligned memory, not initialized.
template <class T> class Memory {
  public:
    Memory() = default;
    explicit Memory(int64_t count);
    T* get() const { return data.get(); }

  private:
    struct Free {
        void operator()(T*) const;
    };
    std::unique_ptr<T[], Free> data;
};

class Team;
class Asker;
using Interrupted = std::function<bool()>;

template <class T> class Trainer {
  public:
    Trainer(const Design&, const std::string& isa);
    ~Trainer();
    Trainer(const Trainer&) = delete;
    Trainer& operator=(const Trainer&) = delete;

    int64_t parameters() const { return count; }
    const std::vector<int64_t>& sizes() const { return design.sizes; }
    const char* isa() const { return kernels.name; }

    // All three ask `interrupted` now and then, in the calling thread. If it says so they end, and what they give is of
    // no use; a run gives up the epoch at hand.

    // A[L] to out[unit · stride + example]; gives J (without L2) where there is Y, and 0 otherwise.
    double forward(const Examples<T>&, const T* parameters, T* out, ptrdiff_t stride, const Interrupted&) const;

    double cost_and_gradients(const Examples<T>&, const T* parameters, double l2, T* gradient, const Interrupted&);

    // One epoch for each learning rate, and its cost. Progress changes only with an epoch whose cost and parameters are
    // finite; the first other one, whose cost is given as not finite, is the last. `order` is a permutation for all
    // epochs, or null.
    std::vector<double> run(const Examples<T>&, const Hyper&, const std::vector<double>& rates, const int64_t* order,
                            Progress<T>&, const Interrupted&);

    int threads_used = 1;  // by the last step

  private:
    struct Plan;  // memory and items for batches of a size

    void prepare(const Hyper&, const Examples<T>&, bool whole, int threads, Asker&);
    double batch(Step<T>&, const Hyper&, int threads, Asker&);
    double penalty(const T* w, double l2, double m, int threads);

    const Design design;
    const Kernels<T>& kernels;
    std::vector<Layer<T>> layers;
    int64_t count = 0;
    std::unique_ptr<Plan> plan;
    std::unique_ptr<Team> team;
};

extern template class Trainer<float>;
extern template class Trainer<double>;

}  // namespace chainrule
