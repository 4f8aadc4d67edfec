#include "activations.hpp"
#include "backward.hpp"
#include "dropout.hpp"
#include "forward.hpp"
#include "gradient.hpp"
#include "loss.hpp"

namespace chainrule::CHAINRULE_ISA {
namespace {

// -- stage one: examples ----------------------------------------------------------------------------------------------

template <class T> int64_t examples_scratch(const Step<T>& step, int64_t count) {
    const Layer<T>&in = step.layers[0], &out = step.layers[step.L - 1];
    int64_t deepest = 0;
    for (int64_t l = 2; l <= step.L; ++l) {
        if (step.layers[l - 1].units > deepest) deepest = step.layers[l - 1].units;
    }
    const int64_t packed = step.panels || step.sparse ? 0 : in.inputs * P<T> * count;
    const int64_t back = TALL * P<T> + SIDE * PADDED<T> * deepest, targets = out.units * P<T>;
    return packed + (back > targets ? back : targets);
}

template <class T> void examples(const Step<T>& step, int64_t first, int64_t count, T* scratch) {
    const int64_t n0 = step.layers[0].inputs, L = step.L;
    const T* A = nullptr;
    if (step.panels) {
        A = step.panels + first * n0 * P<T>;
    } else if (!step.sparse) {
        pack(step, first, count, scratch);
        A = scratch;
        scratch += count * n0 * P<T>;
    }
    for (int64_t l = 1; l < L; ++l) {
        const Layer<T>& layer = step.layers[l - 1];
        const int64_t at = first * layer.units * P<T>;
        const bool rectify = layer.g == Function::relu && !layer.stores_slope;
        linear(step, l, first, count, A, layer.A + at, rectify, [&](int64_t p, int64_t i, int64_t rows) {
            if (rectify) return;
            const int64_t here = at + (p * layer.units + i) * P<T>;
            activate(layer.g, layer.alpha, layer.A + here, layer.stores_slope ? layer.D + here : nullptr, rows,
                     vectors(step, first + p));
        });
        if (layer.dropout > 0) {
            for (int64_t p = 0; p < count; ++p) drop(step, l, first + p);
        }
        A = layer.A + at;
    }
    const Layer<T>& out = step.layers[L - 1];
    T* const Z = out.D + first * out.units * P<T>;
    linear(step, L, first, count, A, Z, false, [](int64_t, int64_t, int64_t) {});
    for (int64_t p = 0; p < count; ++p) {
        pack_panel(step, step.Y, out.units, first + p, scratch);
        step.costs[first + p] = cost(step, first + p, Z + p * out.units * P<T>, scratch);
    }
    for (int64_t l = L; l > 1; --l) backward(step, l, first, count, scratch);
}

template <class T> int64_t forward_scratch(const Step<T>& step, int64_t count) {
    int64_t widest = step.sparse ? 0 : step.layers[0].inputs;
    for (int64_t l = 1; l <= step.L; ++l) {
        if (step.layers[l - 1].units > widest) widest = step.layers[l - 1].units;
    }
    return 2 * widest * P<T> * count + step.layers[step.L - 1].units * P<T>;
}

template <class T>
void forward(const Step<T>& step, int64_t first, int64_t count, T* out, ptrdiff_t stride, T* scratch) {
    const int64_t size = (forward_scratch(step, count) - step.layers[step.L - 1].units * P<T>) / 2;
    T *A = scratch, *Z = scratch + size, *const Y = scratch + 2 * size;
    if (!step.sparse) pack(step, first, count, A);
    for (int64_t l = 1; l <= step.L; ++l) {
        const Layer<T>& layer = step.layers[l - 1];
        const bool last = l == step.L, rectify = !last && layer.g == Function::relu;
        linear(step, l, first, count, A, Z, rectify, [&](int64_t p, int64_t i, int64_t rows) {
            if (last || rectify) return;
            activate<T>(layer.g, layer.alpha, Z + (p * layer.units + i) * P<T>, nullptr, rows,
                        vectors(step, first + p));
        });
        T* const swap = A;
        A = Z, Z = swap;
    }
    const Layer<T>& top = step.layers[step.L - 1];
    for (int64_t p = 0; p < count; ++p) {
        T* const z = A + p * top.units * P<T>;
        const int lanes = filled(step, first + p), V = vectors(step, first + p);
        if (step.costs) {  // which leaves dZ in the place of Z
            for (int64_t i = 0; i < top.units * P<T>; ++i) Z[i] = z[i];
            pack_panel(step, step.Y, top.units, first + p, Y);
            step.costs[first + p] = cost(step, first + p, Z, Y);
        }
        activate<T>(top.g, top.alpha, z, nullptr, top.units, V);
        for (int64_t i = 0; i < top.units; ++i) {
            for (int j = 0; j < lanes; ++j) out[i * stride + (first + p) * P<T> + j] = z[i * P<T> + j];
        }
    }
}

// -- over vectors of numbers ------------------------------------------------------------------------------------------

template <class T> double squares(const T* x, int64_t count) {
    double total = 0;
    for (int64_t i = 0; i < count; i += 64 * N<T>) {  // short sums in T, their total in double
        Vec<T> part{};
        const int64_t end = least(count, i + 64 * N<T>);
        for (int64_t k = i; k < end; k += N<T>) {
            const Vec<T> v = end - k >= N<T> ? load(x + k) : load_partial(x + k, int(end - k));
            part += v * v;
        }
        total += double(sum(part));
    }
    return total;
}

template <class T> bool finite(const T* x, int64_t count) {
    Vec<T> bad{};  // x · 0 is NaN where x is infinite or NaN
    for (int64_t k = 0; k < count; k += N<T>) {
        const Vec<T> v = count - k >= N<T> ? load(x + k) : load_partial(x + k, int(count - k));
        bad += v * 0;
    }
    return sum(bad) == 0;
}

template <class T> int64_t spin(int64_t rounds, T* out) {
    constexpr int SUMS = REGISTERS == 32 ? 24 : 12;
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
    static constexpr Kernels<T> table = {CHAINRULE_NAME(CHAINRULE_ISA),
                                         N<T>,
                                         pack<T>,
                                         examples<T>,
                                         examples_scratch<T>,
                                         forward<T>,
                                         forward_scratch<T>,
                                         gradient<T>,
                                         gradient_scratch<T>,
                                         by_rows<T>,
                                         update<T>,
                                         squares<T>,
                                         finite<T>,
                                         spin<T>};
    return table;
}
template const Kernels<float>& kernels<float>();
template const Kernels<double>& kernels<double>();

}  // namespace chainrule::CHAINRULE_ISA
