// Epochs: which examples, in which memory, by how many threads. Everything that is not arithmetic.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "plan.hpp"

namespace chainrule {

// What a network is, apart from its parameters. g and alpha have an entry for each of the layers 1 … L.
struct Architecture {
    std::vector<int64_t> sizes;
    std::vector<Function> g;
    std::vector<double> alpha;
    Loss loss;
    double delta;
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

// What Adam's means of update number t are corrected by: 1 - β₁ᵗ and √(1 - β₂ᵗ).
struct Corrections {
    double first, second;
};
inline Corrections corrections_of(const Hyper& h, int64_t t) {
    if (h.rule != Rule::adam) return {1, 1};
    return {1 - std::pow(h.beta1, double(t)), std::sqrt(1 - std::pow(h.beta2, double(t)))};
}

// The constants of an update.
template <class T> Update<T> update_of(const Hyper& h, double rate, const Corrections& corrections) {
    double epsilon = h.epsilon, step = rate;
    if (h.rule == Rule::adam) {
        if (!h.epsilon_hat) epsilon *= corrections.second;
        step = rate * corrections.second / corrections.first;
    }
    epsilon = std::max(epsilon, double(TINY<T>));
    return {h.rule,         T(step),        T(h.beta1), T(h.beta2),
            T(1 - h.beta1), T(1 - h.beta2), T(epsilon), T(1 - rate * h.weight_decay)};
}

// Where a training stands: how many updates were made, and how many batches and epochs passed. In its epoch: the
// example that the next batch begins with, and Σ J m and Σ m over the batches before it, which stay when the epoch is
// done.
struct Place {
    int64_t updates = 0, batches = 0, epochs = 0, example = 0;
    double total = 0, seen = 0;
};

// One copy of the parameters and of the optimizer's vectors.
template <class T> struct Copy {
    T *parameters, *slots[2];
};

// Its vectors, too. The spare slots are memory of the same size; a run may make them the slots, and the slots the spare
// ones. Moderate: the slots are known to be that.
template <class T> struct Progress {
    T *parameters, *slots[2], *spare_slots[2];
    Place place = {};
    bool moderate = false;
};

// Permutations of the examples: one for each epoch, `stride` apart; one for all where it is 0; or null.
struct Orders {
    const int64_t* first = nullptr;
    int64_t stride = 0;
};

// One of the networks that are trained at once. The costs are those of its epochs, as `run` gives them.
template <class T> struct LaneRun {
    Hyper hyper;
    std::vector<double> rates;
    Orders orders;
    T *parameters, *slots[2];
    std::vector<double> costs{};
};

template <class T> class Trainer {
  public:
    Trainer(const Architecture&, const std::string& isa);

    int64_t parameters() const { return count; }
    const std::vector<int64_t>& sizes() const { return architecture.sizes; }
    const char* isa() const { return kernels.name; }

    // All three call StopRequested now and then, in the calling thread. If it says yes they end, and what they give is
    // of no use; a run gives up the epoch it is in.

    // A[L] to out[unit · stride + example]; gives J (without L2) where there is Y, and 0 otherwise.
    double forward(const Examples<T>&, const T* parameters, T* out, ptrdiff_t stride, const StopRequested&) const;

    // Where another thread has this trainer at work, another trainer is made for the call.
    double cost_and_gradients(const Examples<T>& examples, const T* parameters, double l2, T* gradient,
                              const StopRequested& stop_requested) {
        const std::unique_lock use(in_use, std::try_to_lock);
        if (use) return gradients_alone(examples, parameters, l2, gradient, stop_requested);
        return Trainer(architecture, kernels.name).gradients_alone(examples, parameters, l2, gradient, stop_requested);
    }

    // To the end of an epoch for each learning rate, and the cost of each. Or, where `batches` is not 0, so many
    // batches of one epoch, or those that are left of it, and J of each. Progress changes only with an epoch, or such a
    // part of one, whose cost and state are finite; the first other one, whose last cost is given as not finite, is the
    // last. What this throws it throws before the first epoch; that another thread is at it, among others.
    std::vector<double> run(const Examples<T>& examples, const Hyper& hyper, const std::vector<double>& rates,
                            const Orders& orders, int64_t batches, Progress<T>& progress,
                            const StopRequested& stop_requested) {
        const std::unique_lock use(in_use, std::try_to_lock);
        if (!use) throw std::logic_error("another thread is at this training: go on when it has made its epochs");
        return run_alone(examples, hyper, rates, orders, batches, progress, stop_requested);
    }

    // How many networks of this design one pass of the kernel trains, on batches of such examples; 0 for none.
    int lanes_for(const Examples<T>&, int64_t batch_size) const;

    // What `run` does, to the bit, for so many networks at once, or fewer. They have one rule, one batch size, as many
    // epochs and so many updates so far, and all an order or none; neither weights, dropout nor clip_norm.
    void run_many(const Examples<T>&, std::vector<LaneRun<T>>&, int64_t updates, const StopRequested&) const;

    int threads_used = 1;  // by the last step

  private:
    double gradients_alone(const Examples<T>&, const T* parameters, double l2, T* gradient, const StopRequested&);
    std::vector<double> run_alone(const Examples<T>&, const Hyper&, const std::vector<double>& rates, const Orders&,
                                  int64_t batches, Progress<T>&, const StopRequested&);
    int threads_for(const Examples<T>&, int64_t m, bool step, double seconds_each, int (*available_now)()) const;
    Step<T> step_of(std::vector<Layer<T>>&, const Examples<T>&, const T* parameters) const;
    void prepare(const Hyper&, const Examples<T>&, size_t full_passes, Team&, int threads, Poller&);
    double batch(Step<T>&, const Hyper&, Team&, int threads, Poller&);
    double timed_batch(Step<T>&, const Hyper&, Team&, int threads, Poller&);
    bool within(const T* x, int64_t size, T limit, Team&, int threads) const;
    bool all_moderate(const Examples<T>&, const Copy<T>&, int slots, Team&, int threads) const;
    bool stays_finite(const Step<T>&, Team&, int threads) const;
    bool goes_in_place(Step<T>&, Team&, int threads) const;
    int64_t state_bytes(Rule rule) const { return count * (1 + slots_of(rule)) * int64_t(sizeof(T)); }
    double squares(const T* x, const std::vector<Chunk>&, Team&, int threads);
    void clipped_update(const Step<T>&, double clip_norm, Team&, int threads);

    const Architecture architecture;
    const Kernels<T>& kernels;
    std::vector<Layer<T>> layers;
    int64_t count = 0;
    std::unique_ptr<Plan<T>> plan;  // a whole one, or none
    std::mutex in_use;              // of layers and plan, by a call that writes there
};

extern template class Trainer<float>;
extern template class Trainer<double>;

}  // namespace chainrule
