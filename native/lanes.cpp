// Epochs of several tiny networks of one design at once, to the bit of those of each alone.
#include <algorithm>
#include <cmath>
#include <limits>

#include "trainer.hpp"

namespace chainrule {

template <class T> int Trainer<T>::lanes_for(const Examples<T>& examples, int64_t batch_size) const {
    if (!kernels.fits_lanes) return 0;
    auto of = layers;
    Step<T> step = step_of(of, examples, nullptr);
    step.m = batch_size;
    step.packed = batch_size >= examples.m ? examples.X.data : nullptr;  // a full batch
    return kernels.fits_lanes(step) ? kernels.lanes : 0;
}

template <class T>
void Trainer<T>::run_many(const Examples<T>& examples, std::vector<LaneRun<T>>& runs, int64_t updates,
                          const StopRequested& stop_requested) const {
    const RunningCall running;
    Poller poller(stop_requested);
    const FlushDenormals flush;
    const Hyper& hyper = runs[0].hyper;
    const size_t N = size_t(kernels.lanes), lanes = runs.size(), epochs = runs[0].rates.size();
    const int64_t m = examples.m, size = hyper.batch_size, panel = 2 * kernels.lanes;
    const int slots = slots_of(hyper.rule);
    const bool has_squares = hyper.rule == Rule::rmsprop || hyper.rule == Rule::adam;
    const bool orders = runs[0].orders.first, full = size >= m && !orders;
    const bool penalized = std::any_of(runs.begin(), runs.end(), [](const auto& run) { return run.hyper.l2 > 0; });
    const auto run_of = [&](size_t lane) -> const LaneRun<T>& { return runs[lane < lanes ? lane : 0]; };

    std::vector<Memory<T>> memory;
    const auto numbers = [&](int64_t rows) {
        memory.emplace_back(rows * int64_t(N));
        return memory.back().get();
    };
    auto of = layers;
    int64_t widest = 0;
    for (auto& layer : of) {
        layer.stores_slope = layer.g != Function::relu && layer.g != Function::identity;
        layer.A = numbers(layer.units * (size + 1)), layer.D = numbers(layer.units * (size + 1));
        widest = std::max(widest, layer.units);
    }
    LaneStep<T> s{};
    Step<T>& step = s.step = step_of(of, examples, nullptr);
    step.update.rule = hyper.rule;
    s.X = numbers(layers[0].inputs * (size + 1)), s.Y = numbers(layers.back().units * (size + 1));
    s.dA = numbers(widest * (size + 1)), s.gradient = numbers(count);
    step.packed = full ? s.X : nullptr;
    T* const constants = numbers(8);
    s.constants = constants;
    std::vector<const int64_t*> index(N);
    s.index = orders ? index.data() : nullptr;
    std::vector<double> costs(size_t(ceil_div(size, panel)) * N), squares(N), layer_squares(N), totals(N);
    s.costs = costs.data();
    const std::unique_ptr<bool[]> finite(new bool[N]), ended(new bool[N]());

    // The first step of an epoch reads one copy of the state and writes the other, so that the epoch can be undone.
    struct Copy {
        T *parameters, *slots[2];
    };
    Copy now{}, next{};
    for (Copy* copy : {&now, &next}) {
        copy->parameters = numbers(count);
        for (int i = 0; i < slots; ++i) copy->slots[i] = numbers(count);
    }
    const auto exchange = [&](size_t lane, bool out) {  // of a network's vectors with its lane
        const auto vector = [&](T* own, T* wide) {
            for (int64_t i = 0; i < count; ++i) {
                T& at = wide[i * int64_t(N) + int64_t(lane)];
                if (out) own[i] = at;
                else at = own[i];
            }
        };
        vector(run_of(lane).parameters, now.parameters);
        for (int i = 0; i < slots; ++i) vector(run_of(lane).slots[i], now.slots[i]);
    };
    for (size_t lane = 0; lane < N; ++lane) exchange(lane, false);

    size_t left = lanes;
    for (size_t epoch = 0; epoch < epochs && left > 0; ++epoch) {
        std::fill(totals.begin(), totals.end(), 0.0);
        for (int64_t first = 0; first < m && !poller.stopped(); first += size) {
            step.first = first;
            step.m = std::min(size, m - first);
            const double examples_of_step = double(step.m);
            step.scale = T(1 / examples_of_step);
            const Copy& from = first ? next : now;
            step.w = from.parameters, step.w_next = next.parameters;
            for (int i = 0; i < slots; ++i) step.slots[i] = from.slots[i], step.slots_next[i] = next.slots[i];
            ++updates;
            const Hyper* known = nullptr;  // whose corrections these are
            Corrections corrections{};
            for (size_t lane = 0; lane < N; ++lane) {
                const LaneRun<T>& run = run_of(lane);
                const Hyper& h = run.hyper;
                if (!known || h.beta1 != known->beta1 || h.beta2 != known->beta2) {
                    known = &h, corrections = corrections_of(h, updates);
                }
                const Update<T> u = update_of<T>(h, run.rates[epoch], corrections);
                const T its[] = {u.rate,
                                 u.beta1,
                                 u.beta2,
                                 u.one_minus_beta1,
                                 u.one_minus_beta2,
                                 u.epsilon,
                                 u.decay,
                                 T(h.l2 / examples_of_step)};
                for (size_t k = 0; k < std::size(its); ++k) constants[k * N + lane] = its[k];
                if (orders) index[lane] = run.orders.first + int64_t(epoch) * run.orders.stride + first;
            }
            if (penalized) {  // Σ W², before the step, which may write where it reads
                std::fill(squares.begin(), squares.end(), 0.0);
                for (const auto& layer : layers) {
                    const T* const W = step.w + layer.at * int64_t(N);
                    kernels.lanes_squares(W, layer.inputs * layer.units, layer_squares.data());
                    for (size_t lane = 0; lane < N; ++lane) squares[lane] += layer_squares[lane];
                }
            }
            kernels.lanes_step(s);
            s.packed = full;
            for (size_t lane = 0; lane < lanes; ++lane) {
                if (!std::isfinite(totals[lane])) continue;  // alone, it would have stopped here
                double J = 0;
                for (int64_t p = 0; p < ceil_div(step.m, panel); ++p) J += costs[size_t(p) * N + lane];
                J /= examples_of_step;
                const double lambda = runs[lane].hyper.l2;
                if (lambda > 0) J += lambda / (2 * examples_of_step) * squares[lane];
                totals[lane] += J * examples_of_step;
            }
            poller.count_step();
        }
        if (poller.stopped()) break;
        std::fill_n(finite.get(), N, true);
        kernels.lanes_finite(next.parameters, count, finite.get());
        if (has_squares) kernels.lanes_finite(next.slots[slots - 1], count, finite.get());
        for (size_t lane = 0; lane < lanes; ++lane) {
            if (ended[lane]) continue;
            double cost = totals[lane] / double(m);
            if (!finite[lane] && std::isfinite(cost)) cost = std::numeric_limits<double>::infinity();
            runs[lane].costs.push_back(cost);
            if (std::isfinite(cost)) continue;
            exchange(lane, true);  // as it was before the epoch
            ended[lane] = true;
            --left;
        }
        std::swap(now, next);
    }
    for (size_t lane = 0; lane < lanes; ++lane) {
        if (!ended[lane]) exchange(lane, true);
    }
}

#define CHAINRULE_INSTANTIATE(T)                                                                                    \
    template int Trainer<T>::lanes_for(const Examples<T>&, int64_t) const;                                          \
    template void Trainer<T>::run_many(const Examples<T>&, std::vector<LaneRun<T>>&, int64_t, const StopRequested&) \
        const;
CHAINRULE_INSTANTIATE(float)
CHAINRULE_INSTANTIATE(double)

}  // namespace chainrule
