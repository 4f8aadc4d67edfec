// What the bindings have in common: arrays, examples, and calls of the kernel that can be interrupted.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <atomic>
#include <exception>
#include <new>
#include <optional>
#include <stdexcept>
#include <vector>

#include "interpreter.hpp"
#include "trainer.hpp"

namespace chainrule {

namespace nb = nanobind;

template <class T> using Matrix = nb::ndarray<const T, nb::ndim<2>, nb::device::cpu>;
template <class T> using Vector = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T> using OutputMatrix = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T> using OutputVector = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Permutations = nb::ndarray<const int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Indices = nb::ndarray<nb::ro, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

inline void require(bool holds, const char* message) {
    if (!holds) throw std::invalid_argument(message);
}

inline thread_local PyObject* poll_function = nullptr;  // owned by Python's dictionary of the thread

// work(stop_requested) without the interpreter's lock. It is stopped, and this throws, when the handler of a signal or
// the poll function of the thread raises, and in other threads when the interpreter ends.
template <class F> auto interruptible(F work) {
    bool raised = false, ended = false;
    const StopRequested stop_requested = [&] {
        if (given_up()) return ended = true;
        const nb::gil_scoped_acquire acquire;
        if (PyErr_CheckSignals() != 0) return raised = true;
        if (!poll_function) return false;
        PyObject* const result = PyObject_CallNoArgs(poll_function);
        Py_XDECREF(result);
        return raised = result == nullptr;
    };
    const auto result = [&] {
        try {
            const Unlocked unlocked;
            return work(stop_requested);
        } catch (const std::bad_alloc&) {
            PyErr_SetString(PyExc_MemoryError,
                            "too little memory for this network with these examples; a smaller "
                            "batch_size, or fewer examples in a call, take less");
            throw nb::python_error();
        }
    }();
    if (raised) throw nb::python_error();
    if (ended) end_thread();
    return result;
}

// Examples, and the arrays that they are in, which live as long.
template <class T> struct Data {
    Examples<T> examples;
    Sparse<T> sparse{};
    int64_t inputs = 0, outputs = 0;
    nb::object arrays;

    Data() {
        static std::atomic<uint64_t> created{0};
        examples.id = ++created;
    }

    void targets(const std::optional<Matrix<T>>& Y, const std::optional<Vector<T>>& weights) {
        if (Y) {
            require(int64_t(Y->shape(1)) == examples.m, "Y: wanted a column for each example of X");
            outputs = int64_t(Y->shape(0));
            examples.Y = {Y->data(), ptrdiff_t(Y->stride(1)), ptrdiff_t(Y->stride(0))};
        }
        if (weights) {
            require(int64_t(weights->shape(0)) == examples.m, "weights: wanted one for each example of X");
            examples.weights = weights->data();
        }
    }
};

}  // namespace chainrule
