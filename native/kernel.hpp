// The mathematics of equations.py and optimizers.py for one batch, in two stages whose parts threads compute at once.
//
// Layout. Examples lie in panels of P = 2 · lanes: a panel of layer l is an array [n[l]][P], unit after unit, with one
// example in each lane. So a product W A takes whole vectors of examples from A and single weights from W, which stays
// as NumPy has it, row after row in the one flat vector of parameters. No number of units is rounded up.
//
// A step has two stages. `forward_backward` takes panels forward through all layers, to the cost, and back to every
// dZ[l]; `gradient_update` computes columns (or rows) of one dW[l] = dZ[l] A[l-1]ᵀ and makes the step of the optimizer
// with them, while they are still in cache. Where a batch has few panels and many inputs, `part` takes some of the
// terms of Z[1] before. Each number is computed by one thread, in an order that depends on nothing but the sizes: the
// bits are the same for any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tables.hpp"

namespace chainrule {

// Bytes that stay in the second-level cache of a core while they are used: half of the 2 MB of a Sapphire Rapids
// server, where the kernel was written. No measurement of other values is recorded.
constexpr int64_t CACHE_BYTES = int64_t{1} << 20;
// Bytes of a core's second-level cache, and more: those of a Sapphire Rapids server.
constexpr int64_t L2_BYTES = 2 * CACHE_BYTES;
// Bytes of the copies of a full batch that stay between epochs, A[0] in panels and A[0]ᵀ in panels of columns, at most.
// Chosen; no measurement is recorded.
constexpr int64_t KEPT_BYTES = int64_t{64} << 20;
// W[l] is taken by rows if it is larger than the cache, has so many rows, and there are so few examples, whose A stays
// in the cache. On a Sapphire Rapids server with AVX-512 rows took 0.5 to 1.0 times as long as columns with 8 examples
// and 0.8 to 1.1 times with 64; but 1.4 to 2 times where A was larger than the cache.
constexpr int64_t BY_ROWS_EXAMPLES = 64;
// Panels that a thread takes through all layers at once, at most. Chosen; no measurement is recorded.
constexpr int64_t MAX_GROUP = 8;

// What a layer keeps whose products are in bf16 (see bf16.hpp), in blocks of BF16_SIDE × BF16_SIDE numbers: W and Wᵀ,
// converted once a step; dZ[l] and A[l-1]ᵀ of the batch, from the first stage for the second. Null in other layers.
struct Bf16 {
    uint16_t *W, *Wt, *dZ, *A;
};
constexpr int64_t BF16_SIDE = 32;
// Units and inputs of a layer, and examples of a batch, from which on products are in bf16. Chosen; no measurement
// of other values is recorded.
constexpr int64_t BF16_UNITS = 64, BF16_EXAMPLES = 64;

// Rows BF16_SIDE · t … of W[l], which are converted at once.
struct Bf16Rows {
    int64_t l, t;
};

// W[l] (units, inputs) begins at `at` in the flat vector, b[l] (units) follows it. A is [panel][units][P]; D, of the
// same shape, holds g′(Z) (where it is stored) until the backward pass puts dZ there.
template <class T> struct Layer {
    int64_t inputs, units, at;
    Function g;
    T alpha;
    double dropout;  // the fraction of units that are left out
    bool stores_slope;
    T *A, *D;
    T* transposed;  // W[l]ᵀ packed for the backward pass; or null: it is read from W
    Bf16 bf16{};
};

// Rows of numbers anywhere in memory: element (example, unit) at data[example · example_stride + unit · unit_stride].
template <class T> struct Rows {
    const T* data;
    ptrdiff_t example_stride, unit_stride;
};

// Compressed sparse rows, a row for each example; the indices are 32 or 64 bits wide.
template <class T> struct Sparse {
    const T* values;
    const void *columns, *starts;
    bool int64_indices;
    double per_example;  // stored values, on average
};

// The smallest mean square, and the smallest ε, that a step computes with: where g is 0, 0 / ε must not be 0 / 0. It
// and 1 / TINY are normal numbers, for which `root` and `recip` hold.
template <class T> constexpr T TINY = sizeof(T) == 4 ? T(1e-37) : T(1e-300);

// Numbers of a step after which all is finite, in absolute value: those of the state before it; X and A[l]; and sums of
// m products of dZ[l] and A[l-1]. See Trainer::stays_finite.
template <class T> constexpr T MODERATE = sizeof(T) == 4 ? T(1e15) : T(1e100);
template <class T> constexpr T MODERATE_INPUT = sizeof(T) == 4 ? T(1e8) : T(1e50);
template <class T> constexpr T MODERATE_SUM = sizeof(T) == 4 ? T(1e18) : T(1e120);

// The constants of one step, worked out in double.
template <class T> struct Update {
    Rule rule;
    T rate, beta1, beta2, one_minus_beta1, one_minus_beta2;
    T epsilon, decay;  // w is multiplied by `decay` before the step
};

// All that a batch needs. Batch example j is example index[j], or first + j where there is no index.
template <class T> struct Step {
    Layer<T>* layers;  // layers[l - 1] is layer l
    int64_t L;
    Loss loss;
    T delta;
    Rows<T> X, Y;
    const Sparse<T>* sparse;  // instead of X, or null
    const T* weights;         // of the examples, or null
    const int64_t* index;
    int64_t first, m;
    bool whole;       // each panel is taken as full, so that the answer to an example has the same bits in every batch
    const T* packed;  // A[0] of all m examples in panels; or null: each panel is packed when it is needed
    const T*
        turned;  // A[0]ᵀ in panels of columns, [inputs / P][m][P]; or null: columns are copied when they are needed
    T* parts;    // of Z[1] of all m examples, whose sum it is, [part][panel][units][P]; or null: it is not split
    uint64_t mask_key, mask_step;
    double* costs;  // Σ 𝓛 of each panel

    const T *w, *slots[2];
    T *w_next, *slots_next[2];  // may be the same memory
    bool fetches_state;         // early: w and the slots, as they are not in the caches of the cores
    bool streams_state;         // past the caches: w_next and its slots, all placed alike in the lines of the cache
    bool* moderate;             // made false by a number of w_next or its slots that is not; or null: nobody asks
    Update<T> update;
    T scale, l2;  // g = scale · ΣdZ Aᵀ + l2 · W
};

// Rows of W whose sums are taken together where they are taken by rows. Chosen; no measurement is recorded.
constexpr int64_t ROW_BLOCK = 4;

// An item of the second stage: columns, or rows, first … first + count - 1 of W[l]. Of rows, `first` is a multiple of
// ROW_BLOCK, and A[l-1]ᵀ may be in the scratch memory already, from the thread's last item.
struct Item {
    int64_t l, first, count;
    bool by_rows, turned = false;
};

// A step of several networks of one design at once, each in a lane of the vectors: see lanes.hpp. What is `lanes` wide
// is [number][lane], as are the parameters and slots of `step`, and A and D of its layers, [unit][example][lane].
template <class T> struct LaneStep {
    Step<T> step;                 // X, Y, m, first … as for each of them; packed is not null for a full batch, in order
    const int64_t* const* index;  // of each lane what would be step.index, or null
    bool packed;                  // X and Y hold the examples already
    T *X, *Y, *dA, *gradient;     // dA: for the widest layer
    const T* constants;           // [8][lane]: those of step.update in their order, after its rule, and l2
    double* costs;                // Σ 𝓛 of [panel][lane]
};

// The functions of one instruction set. `scratch` is memory for as many numbers as the function that follows says.
template <class T> struct Kernels {
    const char* name;
    int lanes;
    // A[0] of panels first … first + count - 1, [n[0]][P] each.
    void (*pack)(const Step<T>&, int64_t first, int64_t count, T* panels);
    // How many numbers the packed W[l]ᵀ has, or 0; and the packing of some rows of W, to be done before each step.
    int64_t (*transposed_size)(const Step<T>&, int64_t l);
    void (*transpose_weights)(const Step<T>&, int64_t l, int64_t first, int64_t count);
    // One panel of columns of A[0]ᵀ as Step::turned holds it, of turned_size numbers: 0 where it is of no use.
    void (*turn)(const Step<T>&, int64_t panel, T* turned);
    int64_t (*turned_size)(const Step<T>&);
    // In how many parts the sums of Z[1] are taken, before the first stage, or 0; and one of them, of some panels.
    int64_t (*parts)(const Step<T>&);
    void (*part)(const Step<T>&, int64_t part, int64_t first, int64_t count, T* scratch);
    // Forward, cost and backward of some panels.
    void (*forward_backward)(const Step<T>&, int64_t first, int64_t count, T* scratch);
    int64_t (*forward_backward_scratch)(const Step<T>&, int64_t count);
    // The forward pass: A[L] of some panels to out[unit · stride + example]; the cost too where there is Y.
    void (*forward)(const Step<T>&, int64_t first, int64_t count, T* out, ptrdiff_t stride, T* scratch);
    int64_t (*forward_scratch)(const Step<T>&, int64_t count);
    // The gradient of some columns of W[l], and of b[l] with the first of them, or of some rows of both; and the step
    // of the optimizer for these parameters.
    void (*gradient_update)(const Step<T>&, const Item&, T* scratch);
    int64_t (*gradient_update_scratch)(const Step<T>&, const Item&);
    bool (*prefers_rows)(const Step<T>&, int64_t l);  // whether rows are faster than columns
    // Where products are in bf16: converts rows of W[l], before the first stage. Null where they are not.
    void (*convert_weights)(const Step<T>&, const Bf16Rows&);
    // The optimizer alone, on parameters first … first + count - 1, with a gradient that is complete.
    void (*update)(const Step<T>&, const T* gradient, int64_t first, int64_t count);
    double (*sum_of_squares)(const T*, int64_t count);  // Σ x²
    bool (*within)(const T*, int64_t count, T limit);   // whether all |x| ≤ limit, and none is NaN
    // Of several tiny networks at once: whether such a step fits; the step; Σ x² and whether all numbers are finite, of
    // each lane. Null where products are in bf16.
    bool (*fits_lanes)(const Step<T>&);
    void (*lanes_step)(const LaneStep<T>&);
    void (*lanes_squares)(const T*, int64_t count, double* sums);
    void (*lanes_finite)(const T*, int64_t count, bool* finite);
    // Multiplies and adds in registers for so many rounds; gives the number of floating-point operations.
    int64_t (*multiply_adds)(int64_t rounds, T* out);
};

namespace baseline {
template <class T> const Kernels<T>& kernels();
}
namespace avx2 {
template <class T> const Kernels<T>& kernels();
}
namespace avx512 {
template <class T> const Kernels<T>& kernels();
}

// With products in bf16, and only for float.
namespace avx512_bf16 {
template <class T> const Kernels<T>& kernels();
}
namespace amx_bf16 {
template <class T> const Kernels<T>& kernels();
}

}  // namespace chainrule
