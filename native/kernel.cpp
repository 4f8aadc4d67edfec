// The two stages of a step, and the forward pass alone, put together from the parts of one layer.
#include "kernel.hpp"

#include "activations.hpp"
#include "backward.hpp"
#include "bf16.hpp"
#include "dropout.hpp"
#include "forward.hpp"
#include "gradient.hpp"
#if !defined(__AVX512BF16__)
#include "lanes.hpp"
#endif
#include "loss.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// The most units that a layer from l on has.
template <class T> int64_t widest(const Step<T>& step, int64_t l) {
    int64_t units = 0;
    for (; l <= step.L; ++l) {
        if (step.layers[l - 1].units > units) units = step.layers[l - 1].units;
    }
    return units;
}

// Whether A[0] is packed in parts by the product that takes them, as of a thin first layer, and not before.
template <class T> bool packs_in_parts(const Step<T>& step) {
    if constexpr (HAS_BF16) {
        if (takes_bf16(step, 1)) return false;
    }
    return is_thin(step, 1);
}

template <class T> int64_t parts_either(const Step<T>& step) { return packs_in_parts(step) ? parts_of(step) : 0; }

template <class T> int64_t forward_backward_scratch(const Step<T>& step, int64_t count) {
    const Layer<T>&in = step.layers[0], &out = step.layers[step.L - 1];
    const int64_t packed = step.packed || step.sparse ? 0
                           : packs_in_parts(step)     ? depth_of<T>(in.inputs) * P<T>
                                                      : in.inputs * P<T> * count;
    const int64_t tiles = count * TILE_ROWS;                                // dA of a tile of each panel
    int64_t size = P<T> * (2 * out.units > tiles ? 2 * out.units : tiles);  // the targets and e^Z of a panel, or these
    if constexpr (HAS_BF16) size = size > bf16_scratch(step, count) ? size : bf16_scratch(step, count);
    return packed + size;
}

// The three products of a layer, in bf16 where the instruction set has it and the layer is large enough.

template <class T, class F>
void linear_either(const Step<T>& step, int64_t l, int64_t first, int64_t count, const T* A, T* buffer, T* Z, bool relu,
                   T* scratch, F done) {
    if constexpr (HAS_BF16) {
        if (takes_bf16(step, l)) return bf16_linear(step, l, first, count, A, Z, relu, scratch, done);
    }
    linear(step, l, first, count, A, buffer, Z, relu, done);
}

template <class T> void backward_either(const Step<T>& step, int64_t l, int64_t first, int64_t count, T* scratch) {
    if constexpr (HAS_BF16) {
        if (takes_bf16(step, l)) return bf16_backward(step, l, first, count, scratch);
    }
    if (l > 1) backward(step, l, first, count, scratch);
}

// W[l]ᵀ in T is not read where dA is a product in bf16.
template <class T> void transpose_weights_either(const Step<T>& step, int64_t l, int64_t first, int64_t count) {
    if constexpr (HAS_BF16) {
        if (takes_bf16(step, l)) return;
    }
    transpose_weights(step, l, first, count);
}

template <class T> void gradient_update_either(const Step<T>& step, const Item& item, T* scratch) {
    if constexpr (HAS_BF16) {
        if (takes_bf16(step, item.l)) return bf16_gradient_update(step, item, scratch);
    }
    gradient_update(step, item, scratch);
}

// Stage one: A[1 … L-1], Σ 𝓛 and dZ[L … 1] of some panels.
template <class T> void forward_backward(const Step<T>& step, int64_t first, int64_t count, T* scratch) {
    const int64_t n0 = step.layers[0].inputs, L = step.L;
    const T* A = nullptr;
    T* buffer = nullptr;
    if (step.packed) {
        A = step.packed + first * n0 * P<T>;
    } else if (packs_in_parts(step)) {
        buffer = scratch;
        scratch += depth_of<T>(n0) * P<T>;
    } else if (!step.sparse) {
        pack(step, first, count, scratch);
        A = scratch;
        scratch += count * n0 * P<T>;
    }
    for (int64_t l = 1; l < L; ++l) {
        const Layer<T>& layer = step.layers[l - 1];
        const int64_t at = first * layer.units * P<T>;
        const bool relu = layer.g == Function::relu && !layer.stores_slope;
        linear_either(step, l, first, count, A, buffer, layer.A + at, relu, scratch,
                      [&](int64_t p, int64_t i, int64_t rows) {
                          if (relu) return;
                          const int64_t start = at + (p * layer.units + i) * P<T>;
                          activate(layer.g, layer.alpha, layer.A + start,
                                   layer.stores_slope ? layer.D + start : nullptr, rows, vectors(step, first + p));
                      });
        if (layer.dropout > 0) {
            for (int64_t p = 0; p < count; ++p) apply_dropout(step, l, first + p);
        }
        A = layer.A + at;
    }
    const Layer<T>& out = step.layers[L - 1];
    T* const Z = out.D + first * out.units * P<T>;
    linear_either(step, L, first, count, A, buffer, Z, false, scratch, [](int64_t, int64_t, int64_t) {});
    for (int64_t p = 0; p < count; ++p) {
        pack_panel(step, step.Y, 0, out.units, first + p, scratch);
        step.costs[first + p] = cost(step, first + p, Z + p * out.units * P<T>, scratch, scratch + out.units * P<T>);
    }
    for (int64_t l = L; l > 0; --l) backward_either(step, l, first, count, scratch);
}

template <class T> int64_t forward_scratch(const Step<T>& step, int64_t count) {
    const int64_t inputs = step.sparse ? 0 : step.layers[0].inputs, units = widest(step, 1);
    return 2 * (inputs > units ? inputs : units) * P<T> * count + 2 * step.layers[step.L - 1].units * P<T>;
}

// The forward pass alone: A[L], and Σ 𝓛 where there is Y.
template <class T>
void forward(const Step<T>& step, int64_t first, int64_t count, T* out, ptrdiff_t stride, T* scratch) {
    const int64_t outputs = step.layers[step.L - 1].units * P<T>, size = forward_scratch(step, count) / 2 - outputs;
    T *A = scratch, *Z = scratch + size, *const Y = scratch + 2 * size;
    T* const buffer = nullptr;
    if (!step.sparse) pack(step, first, count, A);
    for (int64_t l = 1; l <= step.L; ++l) {
        const Layer<T>& layer = step.layers[l - 1];
        const bool last = l == step.L, relu = !last && layer.g == Function::relu;
        linear(step, l, first, count, A, buffer, Z, relu, [&](int64_t p, int64_t i, int64_t rows) {
            if (last || relu) return;
            activate<T>(layer.g, layer.alpha, Z + (p * layer.units + i) * P<T>, nullptr, rows,
                        vectors(step, first + p));
        });
        T* const swap = A;
        A = Z, Z = swap;
    }
    const Layer<T>& output = step.layers[step.L - 1];
    for (int64_t p = 0; p < count; ++p) {
        T* const z = A + p * output.units * P<T>;
        const int lanes = filled(step, first + p), V = vectors(step, first + p);
        if (step.costs) {  // on a copy, as cost replaces Z by dZ
            for (int64_t i = 0; i < output.units * P<T>; ++i) Z[i] = z[i];
            pack_panel(step, step.Y, 0, output.units, first + p, Y);
            step.costs[first + p] = cost(step, first + p, Z, Y, Y + outputs);
        }
        activate<T>(output.g, output.alpha, z, nullptr, output.units, V);
        for (int64_t i = 0; i < output.units; ++i) {
            for (int j = 0; j < lanes; ++j) out[i * stride + (first + p) * P<T> + j] = z[i * P<T> + j];
        }
    }
}

template <class T> double sum_of_squares(const T* x, int64_t count) {
    double total = 0;
    for (int64_t i = 0; i < count; i += SHORT_SUM * N<T>) {  // short sums in T, their total in double
        Vec<T> part{};
        const int64_t end = least(count, i + SHORT_SUM * N<T>);
        for (int64_t k = i; k < end; k += N<T>) {
            const Vec<T> v = end - k >= N<T> ? load(x + k) : load_partial(x + k, int(end - k));
            part += v * v;
        }
        total += double(sum(part));
    }
    return total;
}

template <class T> bool within(const T* x, int64_t count, T limit) {
    Outside<T> outside(limit);
    for (int64_t k = 0; k < count; k += N<T>) {
        outside.look(count - k >= N<T> ? load(x + k) : load_partial(x + k, int(count - k)));
    }
    return !outside.found();
}

template <class T> int64_t multiply_adds(int64_t rounds, T* out) {
    constexpr int SUMS = REGISTERS == 32 ? 24 : 12;  // as many as a tile has, more than a multiply-add takes cycles
    Vec<T> sums[SUMS], x = load(out), y = load(out + N<T>);
    UNROLL for (int i = 0; i < SUMS; ++i) sums[i] = x + T(i);  // all different, or they would be computed once
    for (int64_t r = 0; r < rounds; ++r) {
        UNROLL for (int i = 0; i < SUMS / 2; ++i) sums[i] = sums[i] * x + y;
        UNROLL for (int i = SUMS / 2; i < SUMS; ++i) sums[i] = sums[i] * x + y;
    }
    UNROLL for (int i = 1; i < SUMS; ++i) sums[0] += sums[i];
    store(out, sums[0]);
    return rounds * SUMS * N<T> * 2;
}

}  // namespace

#define CHAINRULE_TEXT(x) #x
#define CHAINRULE_NAME(x) CHAINRULE_TEXT(x)

template <class T> const Kernels<T>& kernels() {
    static constexpr Kernels<T> table = {
        .name = CHAINRULE_NAME(CHAINRULE_ISA),
        .lanes = N<T>,
        .pack = pack<T>,
        .transposed_size = transposed_size<T>,
        .transpose_weights = transpose_weights_either<T>,
        .turn = turn<T>,
        .turned_size = turned_size<T>,
        .parts = parts_either<T>,
        .part = thin_part<T>,
        .forward_backward = forward_backward<T>,
        .forward_backward_scratch = forward_backward_scratch<T>,
        .forward = forward<T>,
        .forward_scratch = forward_scratch<T>,
        .gradient_update = gradient_update_either<T>,
        .gradient_update_scratch = gradient_update_scratch<T>,
        .prefers_rows = prefers_rows<T>,
#if defined(__AVX512BF16__)
        .convert_weights = convert_weights,
#else
        .convert_weights = nullptr,
#endif
        .update = update<T>,
        .sum_of_squares = sum_of_squares<T>,
        .within = within<T>,
#if defined(__AVX512BF16__)
        .fits_lanes = nullptr,
        .lanes_step = nullptr,
        .lanes_squares = nullptr,
        .lanes_finite = nullptr,
#else
        .fits_lanes = fits_lanes<T>,
        .lanes_step = lanes_step<T>,
        .lanes_squares = lanes_squares<T>,
        .lanes_finite = lanes_finite<T>,
#endif
        .multiply_adds = multiply_adds<T>,
    };
    return table;
}
template const Kernels<float>& kernels<float>();
#if !defined(__AVX512BF16__)
template const Kernels<double>& kernels<double>();
#endif

}  // namespace chainrule::CHAINRULE_ISA
