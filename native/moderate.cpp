// Steps that are made in place, as they need not be undone: from numbers so moderate, only finite ones follow.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "machine.hpp"
#include "trainer.hpp"

namespace chainrule {

// Seconds of a step's second stage in place, at most, by the prediction: nothing ends it early.
constexpr double LONGEST_IN_PLACE = 0.2;
// Bytes of the state that a thread reads and writes in a second. Chosen; no measurement is recorded.
constexpr double STATE_RATE = 5e9;

template <class T> bool Trainer<T>::within(const T* x, int64_t size, T limit, Team& team, int threads) const {
    std::atomic<bool> all{true};
    parallel_for(team, threads, ceil_div(size, CHUNK), [&](int64_t i, int) {
        const int64_t first = i * CHUNK;
        if (all && !kernels.within(x + first, std::min(CHUNK, size - first), limit)) all = false;
    });
    return all;
}

// Whether X, the parameters and so many slots are moderate.
template <class T>
bool Trainer<T>::all_moderate(const Examples<T>& examples, const Copy<T>& state, int slots, Team& team,
                              int threads) const {
    const auto all = [&](const T* x, int64_t size, T limit) { return within(x, size, limit, team, threads); };
    bool moderate = all(state.parameters, count, MODERATE<T>);
    for (int i = 0; i < slots; ++i) moderate = moderate && all(state.slots[i], count, MODERATE<T>);
    if (!moderate) return false;
    const int64_t n = layers[0].inputs, m = examples.m;
    if (const auto* const sparse = examples.sparse) {
        const int64_t stored = sparse->int64_indices ? static_cast<const int64_t*>(sparse->starts)[m]
                                                     : static_cast<const int32_t*>(sparse->starts)[m];
        return all(sparse->values, stored, MODERATE_INPUT<T>);
    }
    const auto [data, example_stride, unit_stride] = examples.X;
    const bool by_units = example_stride == 1, by_examples = unit_stride == 1;
    if (!by_units && !by_examples) return false;
    for (int64_t i = 0; i < (by_units ? n : m); ++i) {
        if (!kernels.within(data + i * (by_units ? unit_stride : example_stride), by_units ? m : n,
                            MODERATE_INPUT<T>)) {
            return false;
        }
    }
    return true;
}

// Whether the update of a step of which the first stage is done leaves all finite, and ends soon. With g = dW[l]:
// |Σ dZ A| ≤ MODERATE_SUM, hence |g| ≤ G = scale · MODERATE_SUM + l2 · MODERATE, whose square is finite, and no rule
// moves a parameter further than rate · (MODERATE + 2 G), divided by ε or more where it divides.
template <class T> bool Trainer<T>::stays_finite(const Step<T>& step, Team& team, int threads) const {
    const Update<T>& u = step.update;
    const double sum = double(MODERATE_SUM<T>), state = double(MODERATE<T>),
                 most = 1e-2 * double(std::numeric_limits<T>::max());
    const double g = double(step.scale) * sum + double(step.l2) * state;
    const bool divides = u.rule == Rule::rmsprop || u.rule == Rule::adam;
    const double moved = double(u.rate) * (state + 2 * g) / (divides ? double(u.epsilon) : 1);
    if (!(g * g <= most && moved <= most && std::abs(double(u.decay)) * state <= most)) return false;
    const double seconds = plan->operations / 3 / rate_of(kernels) + double(state_bytes(u.rule)) / STATE_RATE;
    if (seconds / threads > LONGEST_IN_PLACE) return false;
    const int64_t examples = ceil_div(step.m, 2 * kernels.lanes) * 2 * kernels.lanes;
    const T errors = MODERATE_SUM<T> / MODERATE_INPUT<T> / T(step.m);
    return std::all_of(layers.begin(), layers.end(), [&](const Layer<T>& layer) {
        const int64_t size = examples * layer.units;
        return within(layer.D, size, errors, team, threads) &&
               (!layer.A || within(layer.A, size, MODERATE_INPUT<T>, team, threads));
    });
}

// Before the second stage of a step: whether it writes where it reads, as it will not have to be undone.
template <class T> bool Trainer<T>::goes_in_place(Step<T>& step, Team& team, int threads) const {
    if (!step.moderate) return false;
    const bool in_place = *step.moderate && stays_finite(step, team, threads);
    if (in_place) {
        step.w_next = const_cast<T*>(step.w);
        for (int i = 0; i < 2; ++i) step.slots_next[i] = const_cast<T*>(step.slots[i]);
    }
    *step.moderate = true;  // until a number says no
    return in_place;
}

#define CHAINRULE_INSTANTIATE(T)                                                                       \
    template bool Trainer<T>::within(const T*, int64_t, T, Team&, int) const;                          \
    template bool Trainer<T>::all_moderate(const Examples<T>&, const Copy<T>&, int, Team&, int) const; \
    template bool Trainer<T>::stays_finite(const Step<T>&, Team&, int) const;                          \
    template bool Trainer<T>::goes_in_place(Step<T>&, Team&, int) const;
CHAINRULE_INSTANTIATE(float)
CHAINRULE_INSTANTIATE(double)

}  // namespace chainrule
