#include "trainer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "machine.hpp"

namespace chainrule {

template <class T>
Trainer<T>::Trainer(const Architecture& a, const std::string& isa) : architecture(a), kernels(kernels_of<T>(isa)) {
    for (size_t l = 1; l < a.sizes.size(); ++l) {
        const int64_t inputs = a.sizes[l - 1], units = a.sizes[l];
        layers.push_back(
            {inputs, units, count, a.g[l - 1], T(a.alpha[l - 1]), 0.0, false, nullptr, nullptr, nullptr, {}});
        count += units * (inputs + 1);
    }
}

// Forward, cost and backward of all examples, without an update.
template <class T>
Step<T> Trainer<T>::step_of(std::vector<Layer<T>>& of, const Examples<T>& examples, const T* parameters) const {
    Step<T> step{};
    step.layers = of.data();
    step.L = int64_t(of.size());
    step.loss = architecture.loss;
    step.delta = T(architecture.delta);
    step.X = examples.X, step.Y = examples.Y, step.sparse = examples.sparse, step.weights = examples.weights;
    step.m = examples.m;
    step.w = parameters;
    return step;
}

// How many threads are worth waking for m of these examples. The first question for those there are takes 0.15 ms.
template <class T>
int Trainer<T>::threads_for(const Examples<T>& examples, int64_t m, bool step, double seconds_each,
                            int (*available_now)()) const {
    if (operations_of(examples, layers, m) < FEW_OPERATIONS || available_now() == 1) return 1;
    const double seconds = predicted_seconds(examples, layers, m, step, rate_of(kernels));
    auto own_layers = layers;
    Step<T> whole = step_of(own_layers, examples, nullptr);
    whole.m = m;
    const int64_t parts = step ? std::max<int64_t>(1, kernels.parts(whole)) : 1;
    return threads_worth(seconds, seconds_each, parts * ceil_div(m, 2 * kernels.lanes), available_now());
}

// -- one pass ---------------------------------------------------------------------------------------------------------

template <class T>
double Trainer<T>::forward(const Examples<T>& examples, const T* parameters, T* out, ptrdiff_t stride,
                           const StopRequested& stop_requested) const {
    const RunningCall running;
    Poller poller(stop_requested);
    const FlushDenormals flush;
    auto own_layers = layers;
    Step<T> step = step_of(own_layers, examples, parameters);
    step.whole = true;
    const int64_t panel = 2 * kernels.lanes, panels = ceil_div(examples.m, panel);
    Memory<double> costs(examples.Y.data ? panels : 0);
    if (examples.Y.data) step.costs = costs.get();
    const auto& sizes = architecture.sizes;
    const int64_t widest = *std::max_element(sizes.begin() + (examples.sparse ? 1 : 0), sizes.end());
    const double operations = operations_of(examples, layers, examples.m);
    const int threads = threads_for(examples, examples.m, false, CALL_SECONDS, threads_of_call);
    const int64_t group = std::clamp<int64_t>(panels, 1, std::min(panels_in_cache<T>(widest, panel), MAX_GROUP));
    const int64_t items = items_of(panels, group, threads), size = kernels.forward_scratch(step, group);
    std::vector<Memory<T>> scratch;
    for (int i = 0; i < threads; ++i) scratch.emplace_back(size);
    Team team;
    team.start(threads);
    parallel_for(team, threads, items, operations, poller, [&](int64_t i, int thread) {
        const int64_t first = panels * i / items, end = panels * (i + 1) / items;
        kernels.forward(step, first, end - first, out, stride, scratch[size_t(thread)].get());
    });
    if (!examples.Y.data || poller.stopped()) return 0;
    double total = 0, m = double(examples.m);
    for (int64_t p = 0; p < panels; ++p) total += costs.get()[p];
    if (examples.weights) {
        m = 0;
        for (int64_t j = 0; j < examples.m; ++j) m += double(examples.weights[j]);
    }
    return total / m;
}

template <class T>
double Trainer<T>::gradients_alone(const Examples<T>& examples, const T* parameters, double l2, T* gradient,
                                   const StopRequested& stop_requested) {
    const RunningCall running;
    Poller poller(stop_requested);
    const FlushDenormals flush;
    Hyper hyper{};
    hyper.rule = Rule::gradient;
    hyper.l2 = l2;
    hyper.batch_size = examples.m;
    const int threads = threads_for(examples, examples.m, true, CALL_SECONDS, threads_of_call);
    Team team;
    team.start(threads);
    prepare(hyper, examples, 1, team, threads, poller);
    if (poller.stopped()) return 0;
    Step<T> step = step_of(layers, examples, parameters);
    step.packed = plan->packed_id ? plan->packed.get() : nullptr;
    step.turned = plan->turned_id ? plan->turned_inputs.get() : nullptr;
    step.update.rule = Rule::gradient;
    step.w_next = gradient;
    const double J = batch(step, hyper, team, threads, poller);
    if (!std::isfinite(J)) std::fill_n(gradient, count, std::numeric_limits<T>::quiet_NaN());
    return J;
}

// -- one step ---------------------------------------------------------------------------------------------------------

// Brings the plan up to date, for so many passes over all examples as one batch; only what has changed since the last
// call. There is none if the poller stopped it.
template <class T>
void Trainer<T>::prepare(const Hyper& hyper, const Examples<T>& examples, size_t full_passes, Team& team, int threads,
                         Poller& poller) {
    const int64_t m = hyper.batch_size, panel = 2 * kernels.lanes, panels = ceil_div(m, panel);
    const int64_t packed = panels * panel * layers[0].inputs;
    for (size_t l = 0; l + 1 < layers.size(); ++l) {
        layers[l].dropout = l < hyper.dropout.size() ? hyper.dropout[l] : 0.0;
        const bool simple = layers[l].g == Function::relu || layers[l].g == Function::identity;
        layers[l].stores_slope = !simple || layers[l].dropout > 0;
    }
    // Not the trainer's again before it is whole: where memory runs out in between, the next call begins anew.
    auto next = plan ? std::move(plan) : std::make_unique<Plan<T>>();
    Plan<T>& p = *next;
    const int helped = threads > 1 ? std::min(threads, threads_of_call()) : 1;
    const bool packs = full_passes > 0 && !examples.sparse && packed * int64_t(sizeof(T)) <= KEPT_BYTES;
    if (helped > 1 && (packs || p.batch_size != m)) team.start(threads);
    if (p.batch_size != m) p.allocate_batch(layers, panels, panel, team, helped, poller);
    if (poller.stopped()) return;
    if (!p.spare_parameters.get()) p.allocate_parameters(layers, count);
    if (hyper.clip_norm > 0 && !p.gradient.get()) p.gradient = Memory<T>(count);

    Step<T> step = step_of(layers, examples, nullptr);
    step.m = m;
    if (p.batch_size == 0) p.allocate_transposed(kernels, step, layers);
    const bool kept = packs && p.packed_id == examples.id && p.batch_size == m;
    if (!kept) {
        p.packed_id = p.turned_id = 0;
        p.packed = {}, p.turned_inputs = {};
    }
    if (packs && !kept) {
        p.packed = Memory<T>(packed);
        parallel_for(team, helped, panels,
                     [&](int64_t i, int) { kernels.pack(step, i, 1, p.packed.get() + i * panel * layers[0].inputs); });
        p.packed_id = examples.id;
    }
    step.packed = packs ? p.packed.get() : nullptr;
    // In a single pass it is not worth its memory.
    if (const int64_t turned = kernels.turned_size(step); turned > 0 && !p.turned_id && (kept || full_passes > 1)) {
        p.turned_inputs = Memory<T>(turned);
        parallel_for(team, helped, ceil_div(layers[0].inputs, panel),
                     [&](int64_t i, int) { kernels.turn(step, i, p.turned_inputs.get()); });
        p.turned_id = examples.id;
    }
    step.packed = nullptr;  // scratch memory is divided for batches without copies, too

    const bool sparse = examples.sparse != nullptr;
    if (p.batch_size != m || p.threads != threads || p.sparse != sparse) {
        p.batch_size = m;
        p.threads = threads;
        p.sparse = sparse;
        if (kernels.convert_weights) p.allocate_bf16(layers, m, panels, sparse);
        p.operations = 3 * operations_of(examples, layers, m);
        if (threads > 1) p.choice.restart(predicted_seconds(examples, layers, m, true, rate_of(kernels)) / threads);
        p.divide(kernels, step, layers);
    }
    plan = std::move(next);
}

// Σ x² over some chunks of a vector like the parameters; they do not depend on the threads.
template <class T> double Trainer<T>::squares(const T* x, const std::vector<Chunk>& chunks, Team& team, int threads) {
    double* const sums = plan->sums.get();
    parallel_for(team, threads, int64_t(chunks.size()), [&](int64_t i, int) {
        const auto [first, size] = chunks[size_t(i)];
        sums[i] = kernels.sum_of_squares(x + first, size);
    });
    return std::accumulate(sums, sums + chunks.size(), 0.0);
}

// The update of a step whose gradient is in the plan, shortened to clip_norm where it is longer.
template <class T> void Trainer<T>::clipped_update(const Step<T>& step, double clip_norm, Team& team, int threads) {
    const auto& chunks = plan->chunks;
    T* const gradient = plan->gradient.get();
    double total = squares(gradient, chunks, team, threads);
    // Squares leave the range of T where the gradient does not: then those of g · 2⁻ᵉ, whose largest number is near 1.
    int e = 0;
    const double inexact = double(count) * double(std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon());
    if (!std::isfinite(total) || (total < inexact && clip_norm * clip_norm < inexact)) {
        double largest = 0;
        for (int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(double(gradient[i])));
        if (std::isfinite(largest)) std::frexp(largest, &e);
        total = 0;
        for (int64_t i = 0; i < count; ++i) {
            const double x = std::ldexp(double(gradient[i]), -e);
            total += x * x;
        }
    }
    const double norm = std::sqrt(total), limit = std::ldexp(clip_norm, -e);
    if (!(norm <= limit)) {
        for (int64_t i = 0; e != 0 && i < count; ++i) gradient[i] = T(std::ldexp(double(gradient[i]), -e));
    }
    Step<T> scaled = step;
    scaled.l2 = 0;  // it is in the gradient
    // A gradient that is not finite stays that, and the epoch with it.
    scaled.scale = norm <= limit ? T(1) : T(clip_norm / norm);
    parallel_for(team, threads, int64_t(chunks.size()), [&](int64_t i, int) {
        const auto [first, size] = chunks[size_t(i)];
        kernels.update(scaled, gradient, first, size);
    });
}

// One step: J of the batch before it, or NaN if the poller stopped it. step.update.rule is what becomes of the
// gradient.
template <class T>
double Trainer<T>::batch(Step<T>& step, const Hyper& hyper, Team& team, int threads, Poller& poller) {
    Plan<T>& p = *plan;
    const int64_t panels = ceil_div(step.m, 2 * kernels.lanes);
    double m = double(step.m);
    if (step.weights) {
        m = 0;
        for (int64_t j = 0; j < step.m; ++j) m += double(step.weights[step.index ? step.index[j] : step.first + j]);
    }
    step.costs = p.costs.get();
    step.scale = T(1 / m);
    step.l2 = T(hyper.l2 / m);
    parallel_for(team, threads, int64_t(p.transposed_items.size()), [&](int64_t i, int) {
        const Item& item = p.transposed_items[size_t(i)];
        kernels.transpose_weights(step, item.l, item.first, item.count);
    });
    parallel_for(team, threads, int64_t(p.bf16_rows.size()),
                 [&](int64_t i, int) { kernels.convert_weights(step, p.bf16_rows[size_t(i)]); });
    step.parts = p.parts > 0 ? p.part_sums.get() : nullptr;
    const int64_t groups = ceil_div(panels, MAX_GROUP);
    parallel_for(team, threads, p.parts * groups, p.operations / 3, poller, [&](int64_t i, int thread) {
        const int64_t first = i % groups * MAX_GROUP;
        kernels.part(step, i / groups, first, std::min(MAX_GROUP, panels - first), p.scratch[size_t(thread)].get());
    });
    const int64_t firsts = items_of(panels, p.group, threads);
    parallel_for(team, threads, firsts, p.operations * 2 / 3, poller, [&](int64_t i, int thread) {
        const int64_t first = panels * i / firsts, end = panels * (i + 1) / firsts;
        kernels.forward_backward(step, first, end - first, p.scratch[size_t(thread)].get());
    });
    if (poller.stopped()) return std::numeric_limits<double>::quiet_NaN();
    double J = 0;
    for (int64_t i = 0; i < panels; ++i) J += p.costs.get()[i];
    J /= m;
    if (hyper.l2 > 0) J += hyper.l2 / (2 * m) * squares(step.w, p.weight_chunks, team, threads);
    if (!std::isfinite(J)) return J;

    const bool in_place = goes_in_place(step, team, threads);
    choose_caches(step, state_bytes(step.update.rule), threads);
    const bool clips = hyper.clip_norm > 0;
    Step<T> second = step;
    if (clips) {
        second.update.rule = Rule::gradient;
        second.w_next = p.gradient.get(), second.streams_state = false;
    }
    const auto items = int64_t(p.items.size());
    std::fill(p.turned_layer.begin(), p.turned_layer.end(), 0);
    const double polled = in_place && !clips ? 0 : p.operations / 3;  // half of an update could not be undone
    parallel_for(team, threads, items, WorkShares{p.work}, polled, poller, [&](int64_t i, int thread) {
        Item item = p.items[size_t(i)];
        item.turned = item.by_rows && p.turned_layer[size_t(thread)] == item.l;
        p.turned_layer[size_t(thread)] = item.by_rows ? item.l : 0;
        kernels.gradient_update(second, item, p.scratch[size_t(thread)].get());
    });
    if (poller.stopped()) return std::numeric_limits<double>::quiet_NaN();
    if (clips) clipped_update(step, hyper.clip_norm, team, threads);
    return J;
}

// The same by `threads`, or by one where that has shown to be faster. The team begins when it is needed.
template <class T>
double Trainer<T>::timed_batch(Step<T>& step, const Hyper& hyper, Team& team, int threads, Poller& poller) {
    if (plan->choice.all_threads()) {
        team.start(plan->threads);
        threads_used = std::min(threads, team.size());
    } else {
        threads_used = 1;
    }
    const auto start = Clock::now();
    const double J = batch(step, hyper, team, threads_used, poller);
    plan->choice.record(seconds_since(start));
    return J;
}

// -- epochs -----------------------------------------------------------------------------------------------------------

template <class T>
std::vector<double> Trainer<T>::run_alone(const Examples<T>& examples, const Hyper& hyper,
                                          const std::vector<double>& rates, const Orders& orders, int64_t batches,
                                          Progress<T>& progress, const StopRequested& stop_requested) {
    const RunningCall running;
    Poller poller(stop_requested);
    const FlushDenormals flush;
    const int64_t m = examples.m, size = hyper.batch_size;
    const int most_threads = threads_for(examples, size, true, STEP_SECONDS, available_threads),
              available = most_threads > 1 ? available_threads() : 1;
    std::vector<double> costs;
    costs.reserve(
        batches ? size_t(std::min(batches, ceil_div(m, size)))
                : rates.size());  // here, as from the first epoch on nothing may fail: the state would not be known
    Team team;
    prepare(hyper, examples, size >= m && !orders.first ? rates.size() : 0, team, most_threads, poller);
    if (poller.stopped()) return costs;
    Plan<T>& p = *plan;
    Step<T> step = step_of(layers, examples, nullptr);
    step.packed = p.packed_id ? p.packed.get() : nullptr;
    step.turned = p.turned_id ? p.turned_inputs.get() : nullptr;
    step.mask_key = hyper.mask_key;
    const auto counts = [&](int64_t j) { return examples.weights[step.index ? step.index[j] : step.first + j] != 0; };

    // The first step of an epoch reads one copy of the state and writes the other, so that the epoch can be undone: but
    // in a large network for one that is the only step of its epoch, is made from moderate numbers, and cannot fail.
    const Copy<T> own{progress.parameters, {progress.slots[0], progress.slots[1]}};
    const int slots = slots_of(hyper.rule);
    // The squares of a gradient, in the last slot, overflow before it does: then no parameter would move ever again.
    const bool has_squares = hyper.rule == Rule::rmsprop || hyper.rule == Rule::adam;
    Copy<T> now = own, next{p.spare_parameters.get(), {progress.spare_slots[0], progress.spare_slots[1]}};

    const bool large = state_bytes(hyper.rule) > L2_BYTES, slots_moderate = std::exchange(progress.moderate, false);
    bool moderate = false, known = false;
    for (size_t epoch = 0; epoch < rates.size(); ++epoch) {
        const int64_t* const order = orders.first ? orders.first + int64_t(epoch) * orders.stride : nullptr;
        Place place = progress.place;
        if (place.example == 0) place.total = place.seen = 0;
        int64_t first = place.example;
        const int64_t end = batches ? first + std::min(batches, ceil_div(m - first, size)) * size : m;
        bool begun = false;
        for (; first < end && !poller.stopped(); first += size, ++place.batches) {
            step.first = first;
            step.index = order ? order + first : nullptr;
            step.m = std::min(size, m - first);
            step.mask_step = uint64_t(place.batches);
            if (examples.weights) {  // a batch whose weights are all 0 has no mean, and no step
                int64_t j = 0;
                while (j < step.m && !counts(j)) ++j;
                if (j == step.m) continue;
            }
            const Copy<T>& from = begun ? next : now;
            step.w = from.parameters, step.w_next = next.parameters;
            for (int i = 0; i < slots; ++i) step.slots[i] = from.slots[i], step.slots_next[i] = next.slots[i];
            step.update = update_of<T>(hyper, rates[epoch], corrections_of(hyper, ++place.updates));
            const bool alone = large && !begun && first + size >= end;
            if (alone && !known) moderate = all_moderate(examples, now, slots_moderate ? 0 : slots, team, most_threads);
            step.moderate = alone ? &moderate : nullptr;
            known = alone, begun = true;

            threads_used = most_threads > 1 ? std::min(most_threads, threads_per_call(available)) : 1;
            const double J = threads_used > 1 ? timed_batch(step, hyper, team, threads_used, poller)
                                              : batch(step, hyper, team, 1, poller);
            place.total += J * double(step.m);
            place.seen += double(step.m);
            if (batches) costs.push_back(J);
            if (!std::isfinite(J)) break;
            if (step.w_next != now.parameters) poller.count_step();
        }
        if (poller.stopped()) {
            if (batches) costs.clear();
            break;
        }
        if (!batches) costs.push_back(place.total / place.seen);
        if (begun) {
            const bool in_place = step.w_next == now.parameters;
            const auto all_finite = [&](const T* x) {
                return within(x, count, std::numeric_limits<T>::max(), team, threads_used);
            };
            const bool finite = (step.moderate && moderate) || in_place ||
                                (all_finite(next.parameters) && (!has_squares || all_finite(next.slots[slots - 1])));
            if (!finite && std::isfinite(costs.back())) costs.back() = std::numeric_limits<double>::infinity();
            if (!std::isfinite(costs.back())) break;
            if (!in_place) std::swap(now, next);
            progress.moderate = step.moderate && moderate;
        }
        place.epochs += first >= m;
        place.example = first < m ? first : 0;
        progress.place = place;
        if (begun && step.w_next == now.parameters) poller.count_step();
    }
    if (now.parameters != own.parameters) {
        parallel_for(team, threads_used, int64_t(p.chunks.size()), [&](int64_t i, int) {
            const auto [first, numbers] = p.chunks[size_t(i)];
            std::copy_n(now.parameters + first, numbers, own.parameters + first);
        });
        for (int i = 0; i < slots; ++i) std::swap(progress.slots[i], progress.spare_slots[i]);
    }
    return costs;
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace chainrule
