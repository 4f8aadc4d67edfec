// The mathematics of equations.py and optimizers.py for one batch, in stages that threads can share.
//
// Layout. Examples lie in panels of P = 2 · lanes: a panel of layer l is an array [n[l]][P], unit after unit, with one
// example in each lane. So a product W A takes whole vectors of examples from A and single weights from W, which stays
// as NumPy has it, row after row in the one flat vector of parameters; nothing of a unit's size is rounded up.
//
// A step has two stages. `examples` takes panels forward through all layers, to the cost, and back to every dZ[l];
// `gradient` takes columns (or rows) of one W[l] and turns dZ[l] A[l-1]ᵀ into the step of the optimizer, while the sums
// are still in cache. Each number is computed by one thread, in an order that depends on nothing but the sizes: the
// bits are the same for any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

namespace chainrule {

constexpr int64_t NEAR = int64_t{1} << 20;  // bytes that stay in the second-level cache of a core
constexpr int64_t GROUP = 8;                // panels that a thread takes through all layers at once, at most

enum class Function { identity, sigmoid, tanh, relu, leaky_relu, elu, selu, softplus, gelu, silu, mish, softmax, exp };
enum class Loss { binary_cross_entropy, cross_entropy, half_squared_error, absolute, huber, poisson };
enum class Rule { gradient, gradient_descent, momentum, heavy_ball, nesterov, rmsprop, adam };

// W[l] (units, inputs) stands at `at` in the flat vector, b[l] (units) behind it. A is [panel][units][P]; D, of the
// same shape, holds g′(Z) (where it is stored) until the way back puts dZ there.
template <class T> struct Layer {
    int64_t inputs, units, at;
    Function g;
    T alpha;
    double dropout;  // share of units left out
    bool stores_slope;
    T *A, *D;
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
    bool wide;
    double per_example;  // numbers, on average
};

// The constants of one step, worked out in double.
template <class T> struct Update {
    Rule rule;
    T rate, beta1, beta2, rest1, rest2;  // rest = 1 − β
    T epsilon, decay;                    // w decays by this factor before the step
};

// All that a batch needs. Batch example j is example index[j], or first + j where there is no index.
template <class T> struct Step {
    Layer<T>* layers;  // layers[l - 1] is layer l
    int64_t L;
    Loss loss;
    T delta;
    Rows<T> X, Y;
    const Sparse<T>* sparse;  // in the place of X
    const T* weights;
    const int64_t* index;
    int64_t first, m;
    const T* panels;  // A[0] of all m examples, packed before; or null: packed when needed
    uint64_t mask_key, mask_step;
    double* costs;  // Σ 𝓛 of each panel

    const T *w, *slots[2];
    T *w_next, *slots_next[2];  // may be the same memory
    Update<T> update;
    T scale, l2;  // g = scale · ΣdZ Aᵀ + l2 · W
};

constexpr int64_t FEW_ROWS = 4;  // rows of W whose sums are taken together; an item of rows begins at a multiple

// A part of the second stage: columns, or rows, first … first + count - 1 of W[l].
struct Item {
    int64_t l, first, count;
    bool rows;
};

template <class T> struct Kernels {
    const char* name;
    int lanes;
    // A[0] of panels first … first + count - 1, [n[0]][P] each.
    void (*pack)(const Step<T>&, int64_t first, int64_t count, T* panels);
    // Forward, cost and backward of some panels; scratch as below.
    void (*examples)(const Step<T>&, int64_t first, int64_t count, T* scratch);
    int64_t (*examples_scratch)(const Step<T>&, int64_t count);
    // Forward only: A[L] of some panels to out[unit · stride + example]; the cost too where there is Y.
    void (*forward)(const Step<T>&, int64_t first, int64_t count, T* out, ptrdiff_t stride, T* scratch);
    int64_t (*forward_scratch)(const Step<T>&, int64_t count);
    // The gradient of some columns of W[l], and of b[l] with the first of them; or of some rows of both.
    void (*gradient)(const Step<T>&, const Item&, T* scratch);
    int64_t (*gradient_scratch)(const Step<T>&, const Item&);
    bool (*by_rows)(const Step<T>&, int64_t l);  // which of the two is better
    // The optimizer alone, on parameters first … first + count - 1, with a gradient that is there already.
    void (*update)(const Step<T>&, const T* gradient, int64_t first, int64_t count);
    double (*squares)(const T*, int64_t count);  // Σ x²
    bool (*finite)(const T*, int64_t count);
    // Multiplies and adds in registers; gives the number of operations.
    int64_t (*spin)(int64_t rounds, T* out);
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

}  // namespace chainrule
