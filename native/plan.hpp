// What a trainer keeps for batches of one size: memory, and the items of work that its threads take.
#pragma once

#include <algorithm>
#include <vector>

#include "kernel.hpp"
#include "memory.hpp"
#include "team.hpp"
#include "threads.hpp"

namespace chainrule {

// All chosen; no measurement is recorded.
constexpr int64_t CHUNK = 16384;                // numbers of a flat vector that a thread takes at once
constexpr int64_t TRANSPOSED_CHUNK = 1 << 17;   // numbers of W that a thread packs at once
constexpr int64_t ITEMS_PER_THREAD = 4;         // of the second stage, in a layer that is taken by rows
constexpr int64_t ITEM_COLUMNS = 128;           // of W[l] in an item of the second stage
constexpr double SPARSE_ITEM_OPERATIONS = 1e8;  // of an item of a sparse first layer
constexpr double SPARSE_RATE = 2e9;             // operations per second with sparse examples
// The same where products are in bf16, whose update takes most of the time: its rows are then 1 KB in one piece. With
// 128 the second stage of 1024-2048-2048-10 took 18 % longer on a Sapphire Rapids server, with 512 as long (one run).
constexpr int64_t BF16_ITEM_COLUMNS = 256;

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <class T> struct Examples {
    Rows<T> X{}, Y{};
    const Sparse<T>* sparse = nullptr;
    const T* weights = nullptr;
    int64_t m = 0;
    uint64_t id = 0;  // of these examples and no others, while the process lives; not 0
};

// Floating-point operations of one pass of m examples through layer l.
template <class T>
double operations_of(const Examples<T>& examples, const std::vector<Layer<T>>& layers, int64_t m, size_t l) {
    const auto& layer = layers[l - 1];
    const double inputs = l == 1 && examples.sparse ? examples.sparse->per_example : double(layer.inputs);
    return 2.0 * double(m) * inputs * double(layer.units);
}

// The same of all layers.
template <class T> double operations_of(const Examples<T>& examples, const std::vector<Layer<T>>& layers, int64_t m) {
    double operations = 0;
    for (size_t l = 1; l <= layers.size(); ++l) operations += operations_of(examples, layers, m, l);
    return operations;
}

// Seconds that one thread, which does so many dense operations in a second, is predicted to take for m examples: for a
// pass forward, or for a step, which is that, as much for dW[l], and as much for dA[l-1] from the second layer on.
template <class T>
double predicted_seconds(const Examples<T>& examples, const std::vector<Layer<T>>& layers, int64_t m, bool step,
                         double rate) {
    double seconds = 0;
    for (size_t l = 1; l <= layers.size(); ++l) {
        const double passes = !step ? 1 : l == 1 ? 2 : 3;
        const bool sparse = l == 1 && examples.sparse;
        seconds += passes * operations_of(examples, layers, m, l) / (sparse ? SPARSE_RATE : rate);
    }
    return seconds;
}

// Panels of so many units that stay in cache while they pass all layers.
template <class T> int64_t panels_in_cache(int64_t units, int64_t panel) {
    return std::max<int64_t>(1, CACHE_BYTES / (units * panel * int64_t(sizeof(T))));
}

// In how many items the panels of a batch are taken, of `most` panels at most and as many for each thread; item i
// begins with panel panels · i / items.
inline int64_t items_of(int64_t panels, int64_t most, int64_t threads) {
    return std::min(panels, threads * ceil_div(panels, threads * most));
}

// Vectors that the optimizer keeps for each parameter.
inline int slots_of(Rule rule) {
    return rule == Rule::adam ? 2 : rule == Rule::gradient || rule == Rule::gradient_descent ? 0 : 1;
}

// Decides how the state of a step, of so many bytes, passes the caches of the threads' cores. Past them, epochs of two
// steps of 1024-1024-1024-10 took 6.9 instead of 8.0 ms a step with 128 examples on a Sapphire Rapids server, but 6.2
// instead of 3.1 ms with 1 example, by rows.
template <class T> void choose_caches(Step<T>& step, int64_t bytes, int threads) {
    step.fetches_state = bytes / threads > L2_BYTES;
    step.streams_state = step.fetches_state && step.w != step.w_next && step.m > BY_ROWS_EXAMPLES;
    const auto place = [](const T* p) { return reinterpret_cast<uintptr_t>(p) % CACHE_LINE; };
    for (int i = 0; i < slots_of(step.update.rule); ++i) {
        step.streams_state &= place(step.slots_next[i]) == place(step.w_next);
    }
}

// A part of a flat vector, which a thread takes at once.
struct Chunk {
    int64_t first, count;
};

template <class T> struct Plan {
    int64_t batch_size = 0;
    int64_t group = 0;  // panels of an item of the first stage, at most
    int threads = 0;
    bool sparse = false;
    double operations = 0;                        // of a whole batch: forward, dA and dW
    std::vector<Item> items;                      // of the second stage
    std::vector<double> work;                     // for each item, the numbers of dW up to it
    std::vector<Memory<T>> activations, scratch;  // scratch: of each thread
    std::vector<int64_t> turned_layer;            // for each thread, the layer whose A[l-1]ᵀ is in its scratch, or 0
    Memory<double> costs;                         // of each panel
    ThreadChoice choice;

    int64_t parts = 0;    // in which the sums of Z[1] are taken, or 0
    Memory<T> part_sums;  // Step::parts

    std::vector<Memory<T>> transposed;  // packed W[l]ᵀ
    std::vector<Item> transposed_items;

    uint64_t packed_id = 0;   // the examples in `packed`, or 0
    Memory<T> packed;         // A[0]
    uint64_t turned_id = 0;   // the examples in `turned_inputs`, or 0
    Memory<T> turned_inputs;  // A[0]ᵀ

    std::vector<Memory<uint16_t>> bf16;  // of the layers whose products are in it
    std::vector<Bf16Rows> bf16_rows;     // of their weights, to be converted once a step

    Memory<T> spare_parameters, gradient;
    std::vector<Chunk> chunks, weight_chunks;  // of the flat vector, and of the weights in it
    Memory<double> sums;                       // of each chunk

    // A and D of all layers for so many panels, set to zero: lanes of no example must not hold NaN. By all threads, as
    // the system takes its time with the first touch of memory: on a virtual server up to 4 ms for 1 MB. May be
    // stopped.
    void allocate_batch(std::vector<Layer<T>>& layers, int64_t panels, int64_t panel, Team& team, int helped,
                        Poller& poller) {
        activations.clear();
        const auto memory = [&](int64_t size) { return activations.emplace_back(panels * panel * size).get(); };
        for (auto& layer : layers) {
            layer.A = &layer == &layers.back() ? nullptr : memory(layer.units);
            layer.D = memory(layer.units);
        }
        costs = Memory<double>(panels);
        parallel_for(team, helped, panels, [&](int64_t i, int thread) {
            if (poller.stopped()) return;
            for (const auto& layer : layers) {
                const int64_t size = panel * layer.units;
                if (layer.A) std::fill_n(layer.A + i * size, size, T(0));
                std::fill_n(layer.D + i * size, size, T(0));
            }
            if (thread == 0) poller.poll();
        });
    }

    // A second copy of the parameters, and the chunks of a vector of that size.
    void allocate_parameters(const std::vector<Layer<T>>& layers, int64_t count) {
        spare_parameters = Memory<T>(count);
        const auto divide = [](std::vector<Chunk>& into, int64_t first, int64_t size) {
            for (int64_t i = 0; i < size; i += CHUNK) into.push_back({first + i, std::min(CHUNK, size - i)});
        };
        divide(chunks, 0, count);
        for (const auto& layer : layers) divide(weight_chunks, layer.at, layer.inputs * layer.units);
        sums = Memory<double>(int64_t(std::max(chunks.size(), weight_chunks.size())));
    }

    // Memory for the packed W[l]ᵀ, and the items of the packing.
    void allocate_transposed(const Kernels<T>& kernels, const Step<T>& step, std::vector<Layer<T>>& layers) {
        for (int64_t l = 1; l <= step.L; ++l) {
            auto& layer = layers[size_t(l - 1)];
            const int64_t size = kernels.transposed_size(step, l);
            if (size == 0) continue;
            layer.transposed = transposed.emplace_back(size).get();
            const int64_t rows = ceil_div(TRANSPOSED_CHUNK, layer.inputs);
            for (int64_t i = 0; i < layer.units; i += rows) {
                transposed_items.push_back({l, i, std::min(rows, layer.units - i), true});
            }
        }
    }

    // Decides which layers have products in bf16, for batches of so many panels, and gets their memory.
    void allocate_bf16(std::vector<Layer<T>>& layers, int64_t examples, int64_t panels, bool is_sparse) {
        bf16.clear();
        bf16_rows.clear();
        const auto memory = [&](int64_t rows, int64_t columns) {  // in whole blocks
            bf16.emplace_back(rows * columns * BF16_SIDE * BF16_SIDE);
            return bf16.back().get();
        };
        for (size_t l = 0; l < layers.size(); ++l) {
            Layer<T>& layer = layers[l];
            layer.bf16 = {};
            const bool large = std::min(layer.inputs, layer.units) >= BF16_UNITS && examples >= BF16_EXAMPLES;
            if (!large || (l == 0 && is_sparse)) continue;
            const int64_t rows = ceil_div(layer.units, BF16_SIDE), columns = ceil_div(layer.inputs, BF16_SIDE);
            layer.bf16 = {memory(rows, columns), l > 0 ? memory(rows, columns) : nullptr, memory(rows, panels),
                          memory(columns, panels)};
            for (int64_t t = 0; t < rows; ++t) bf16_rows.push_back({int64_t(l) + 1, t});
        }
    }

    // The items of both stages, and scratch memory for the largest.
    void divide(const Kernels<T>& kernels, const Step<T>& step, const std::vector<Layer<T>>& layers) {
        const int64_t panel = 2 * kernels.lanes, panels = ceil_div(batch_size, panel);
        int64_t widest = 1;
        for (const auto& layer : layers) widest = std::max(widest, layer.units);
        group = std::min({panels_in_cache<T>(widest, panel), MAX_GROUP, panels});
        int64_t size = kernels.forward_backward_scratch(step, group);
        parts = kernels.parts(step);
        part_sums = Memory<T>(parts * panels * panel * layers[0].units);
        items.clear(), work.clear();
        for (int64_t l = 1; l <= step.L; ++l) {
            const auto& layer = layers[size_t(l - 1)];
            const bool rows = !layer.bf16.W && kernels.prefers_rows(step, l);
            const int64_t unit = rows ? ROW_BLOCK : panel, length = rows ? layer.units : layer.inputs;
            const int64_t units = ceil_div(length, unit);  // whose sums are the same in any item
            int64_t units_per_item;
            if (rows) {
                const int64_t by_threads = threads == 1 ? 1 : ITEMS_PER_THREAD * threads;
                const int64_t by_polls = sparse && l == 1 ? int64_t(operations / SPARSE_ITEM_OPERATIONS) : 1;
                units_per_item = ceil_div(units, std::max(by_threads, by_polls));
            } else {
                const int64_t most = layer.bf16.W ? BF16_ITEM_COLUMNS : ITEM_COLUMNS;
                units_per_item = std::min(ceil_div(most, panel), ceil_div(units, threads));
            }
            for (int64_t k = 0; k < length; k += unit * units_per_item) {
                items.push_back({l, k, std::min(unit * units_per_item, length - k), rows});
                const double others = double(rows ? layer.inputs : layer.units);
                work.push_back((work.empty() ? 0 : work.back()) + others * double(items.back().count));
                size = std::max(size, kernels.gradient_update_scratch(step, items.back()));
            }
        }
        turned_layer.assign(size_t(threads), 0);
        scratch.clear();
        for (int i = 0; i < threads; ++i) scratch.emplace_back(size);
    }
};

}  // namespace chainrule
