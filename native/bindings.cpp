// What Python sees: checks of shapes and types, and the release of the interpreter's lock.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "machine.hpp"
#include "trainer.hpp"

namespace nb = nanobind;
using namespace chainrule;

namespace {

template <class T> using Matrix = nb::ndarray<const T, nb::ndim<2>, nb::device::cpu>;
template <class T> using Vector = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T> using Target = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T> using Output = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Indices = nb::ndarray<nb::ro, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

void require(bool holds, const char* message) {
    if (!holds) throw std::invalid_argument(message);
}

template <class Enum, size_t n>
Enum named(const std::string& name, const std::array<std::pair<const char*, Enum>, n>& table, const char* what) {
    for (const auto& [key, value] : table) {
        if (name == key) return value;
    }
    throw std::invalid_argument("the kernel has no " + std::string(what) + " " + name);
}

constexpr std::array<std::pair<const char*, Function>, 13> FUNCTIONS{{
    {"identity", Function::identity},
    {"sigmoid", Function::sigmoid},
    {"tanh", Function::tanh},
    {"relu", Function::relu},
    {"leaky_relu", Function::leaky_relu},
    {"elu", Function::elu},
    {"selu", Function::selu},
    {"softplus", Function::softplus},
    {"gelu", Function::gelu},
    {"silu", Function::silu},
    {"mish", Function::mish},
    {"softmax", Function::softmax},
    {"exp", Function::exp},
}};
constexpr std::array<std::pair<const char*, Loss>, 6> LOSSES{{
    {"binary_cross_entropy", Loss::binary_cross_entropy},
    {"cross_entropy", Loss::cross_entropy},
    {"half_squared_error", Loss::half_squared_error},
    {"absolute", Loss::absolute},
    {"huber", Loss::huber},
    {"poisson", Loss::poisson},
}};
constexpr std::array<std::pair<const char*, Rule>, 6> RULES{{
    {"GradientDescent", Rule::gradient_descent},
    {"Momentum", Rule::momentum},
    {"HeavyBall", Rule::heavy_ball},
    {"Nesterov", Rule::nesterov},
    {"RMSProp", Rule::rmsprop},
    {"Adam", Rule::adam},
}};

// The outputs that each loss is worked out for (kernel.cpp, cost).
constexpr std::array<std::pair<const char*, const char*>, 9> PAIRS{{
    {"binary_cross_entropy", "sigmoid"},
    {"cross_entropy", "softmax"},
    {"half_squared_error", "identity"},
    {"half_squared_error", "relu"},
    {"half_squared_error", "tanh"},
    {"half_squared_error", "sigmoid"},
    {"absolute", "identity"},
    {"huber", "identity"},
    {"poisson", "exp"},
}};

template <class Table> std::vector<std::string> names(const Table& table) {
    std::vector<std::string> found;
    for (const auto& row : table) found.emplace_back(row.first);
    return found;
}

// Examples with the arrays they are in, which live as long as they do.
template <class T> struct Data {
    Examples<T> examples;
    Sparse<T> sparse{};
    int64_t inputs = 0, outputs = 0;
    nb::object keep;

    Data() {
        static std::atomic<uint64_t> made{0};
        examples.id = ++made;
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

thread_local PyObject* question = nullptr;  // belongs to Python's dictionary of the thread

// What the kernel asks: has a signal come, whose handler raised, or did the thread's question raise? `raised` says so.
struct Signals {
    bool raised = false;
    StopRequested asked = [this] {
        const nb::gil_scoped_acquire acquire;
        if (PyErr_CheckSignals() != 0) return raised = true;
        if (!question) return false;
        PyObject* const answer = PyObject_CallNoArgs(question);
        Py_XDECREF(answer);
        return raised = answer == nullptr;
    };

    Signals() = default;
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    // work() without the interpreter's lock; what a handler or the question raised, if one did.
    template <class F> auto watch(F work) {
        const auto result = [&] {
            const nb::gil_scoped_release release;
            return work();
        }();
        if (raised) throw nb::python_error();
        return result;
    }
};

template <class T> Examples<T> dense(const Matrix<T>& X) {
    Examples<T> examples;
    examples.X = {X.data(), ptrdiff_t(X.stride(1)), ptrdiff_t(X.stride(0))};
    examples.m = int64_t(X.shape(1));
    return examples;
}

template <class I> bool indices_fit(const Indices& starts, const Indices& columns, int64_t inputs) {
    const I *const s = static_cast<const I*>(starts.data()), *const c = static_cast<const I*>(columns.data());
    const size_t m = starts.shape(0) - 1, count = columns.shape(0);
    if (s[0] < 0 || size_t(s[m]) > count) return false;
    for (size_t j = 0; j < m; ++j) {
        if (s[j] > s[j + 1]) return false;
    }
    return std::all_of(c, c + count, [&](I k) { return k >= 0 && int64_t(k) < inputs; });
}

template <class T> void bind(nb::module_& m, const char* trainer, const char* data) {
    nb::class_<Data<T>>(m, data)
        .def(
            "__init__",
            [](Data<T>* self, const Matrix<T>& X, const std::optional<Matrix<T>>& Y,
               const std::optional<Vector<T>>& weights) {
                new (self) Data<T>{};
                self->examples.X = dense(X).X;
                self->examples.m = int64_t(X.shape(1));
                self->inputs = int64_t(X.shape(0));
                self->targets(Y, weights);
                self->keep = nb::make_tuple(X, Y, weights);
            },
            nb::arg("X").noconvert(), nb::arg("Y").noconvert().none(), nb::arg("weights").noconvert().none())
        .def(
            "__init__",
            [](Data<T>* self, int64_t inputs, const Vector<T>& values, const Indices& columns, const Indices& starts,
               const std::optional<Matrix<T>>& Y, const std::optional<Vector<T>>& weights) {
                const bool int64_indices = columns.dtype() == nb::dtype<int64_t>();
                require(columns.dtype() == starts.dtype() && (int64_indices || columns.dtype() == nb::dtype<int32_t>()),
                        "X: wanted int32 or int64 indices, both of one kind");
                require(starts.shape(0) >= 1 && values.shape(0) == columns.shape(0) &&
                            (int64_indices ? indices_fit<int64_t>(starts, columns, inputs)
                                           : indices_fit<int32_t>(starts, columns, inputs)),
                        "X: the indices of the sparse array are out of bounds");
                new (self) Data<T>{};
                self->examples.m = int64_t(starts.shape(0)) - 1;
                self->inputs = inputs;
                const double per_example = double(values.shape(0)) / double(std::max<size_t>(1, starts.shape(0) - 1));
                self->sparse = {values.data(), columns.data(), starts.data(), int64_indices, per_example};
                self->examples.sparse = &self->sparse;
                self->targets(Y, weights);
                self->keep = nb::make_tuple(values, columns, starts, Y, weights);
            },
            nb::arg("inputs"), nb::arg("values").noconvert(), nb::arg("columns").noconvert(),
            nb::arg("starts").noconvert(), nb::arg("Y").noconvert().none(), nb::arg("weights").noconvert().none());

    using Net = Trainer<T>;
    const auto check = [](const Net& net, const Data<T>& data, size_t parameters, bool targets) {
        require(data.inputs == net.sizes().front(), "X: wanted a row for each input of the network");
        require(!targets || (data.examples.Y.data && data.outputs == net.sizes().back() && data.examples.m > 0),
                "Y: wanted a row for each output of the network");
        require(int64_t(parameters) == net.parameters(), "parameters: wanted as many as the network has");
    };
    nb::class_<Net>(m, trainer)
        .def(
            "__init__",
            [](Net* self, const std::vector<int64_t>& sizes, const std::vector<std::string>& functions,
               const std::vector<double>& alphas, const std::string& loss, double delta, const std::string& isa) {
                require(std::all_of(sizes.begin(), sizes.end(), [](int64_t n) { return n >= 1; }),
                        "sizes: wanted whole numbers of 1 or more");
                require(sizes.size() >= 2 && functions.size() == sizes.size() - 1 && alphas.size() == functions.size(),
                        "wanted a function for each layer");
                Architecture architecture{sizes, {}, alphas, named(loss, LOSSES, "loss"), delta};
                for (const auto& name : functions) architecture.g.push_back(named(name, FUNCTIONS, "activation"));
                new (self) Net(architecture, isa);
            },
            nb::arg("sizes"), nb::arg("functions"), nb::arg("alphas"), nb::arg("loss"), nb::arg("delta"),
            nb::arg("isa"))
        .def_prop_ro("isa", &Net::isa)
        .def_ro("threads", &Net::threads_used)
        .def(
            "forward",
            [](const Net& self, const Target<const T>& parameters, const Matrix<T>& X, const Output<T>& out) {
                require(int64_t(X.shape(0)) == self.sizes().front() &&
                            int64_t(parameters.shape(0)) == self.parameters() &&
                            int64_t(out.shape(0)) == self.sizes().back() && out.shape(1) == X.shape(1),
                        "the shapes do not fit the network");
                const auto examples = dense(X);
                T* const to = out.data();
                Signals signals;
                signals.watch([&] {
                    return self.forward(examples, parameters.data(), to, ptrdiff_t(examples.m), signals.asked);
                });
            },
            nb::arg("parameters").noconvert(), nb::arg("X").noconvert(), nb::arg("out").noconvert())
        .def(
            "evaluate",
            [check](const Net& self, const Target<const T>& parameters, const Data<T>& data, const Output<T>& out) {
                check(self, data, parameters.shape(0), data.examples.Y.data != nullptr);
                require(int64_t(out.shape(0)) == self.sizes().back() && int64_t(out.shape(1)) == data.examples.m,
                        "out: wanted a column for each example");
                T* const to = out.data();
                Signals signals;
                return signals.watch([&] {
                    return self.forward(data.examples, parameters.data(), to, ptrdiff_t(data.examples.m),
                                        signals.asked);
                });
            },
            nb::arg("parameters").noconvert(), nb::arg("data"), nb::arg("out").noconvert())
        .def(
            "cost_and_gradients",
            [check](Net& self, const Target<const T>& parameters, const Data<T>& data, double l2,
                    const Target<T>& gradient) {
                check(self, data, parameters.shape(0), true);
                require(int64_t(gradient.shape(0)) == self.parameters(), "gradient: wanted as many as parameters");
                T* const to = gradient.data();
                Signals signals;
                return signals.watch(
                    [&] { return self.cost_and_gradients(data.examples, parameters.data(), l2, to, signals.asked); });
            },
            nb::arg("parameters").noconvert(), nb::arg("data"), nb::arg("l2"), nb::arg("gradient").noconvert())
        .def(
            "run",
            [check](Net& self, const Data<T>& data, const Hyper& hyper, const std::vector<double>& rates,
                    const std::optional<Vector<int64_t>>& order, const Target<T>& parameters,
                    const std::vector<Target<T>>& slots, const Target<int64_t>& counts) {
                check(self, data, parameters.shape(0), true);
                const auto m = data.examples.m;
                require(hyper.batch_size >= 1 && hyper.batch_size <= m, "batch_size: wanted 1 to m");
                require(int(slots.size()) == slots_of(hyper.rule), "slots: wanted those of the optimizer");
                require(counts.shape(0) == 3, "counts: wanted three numbers");
                Progress<T> progress{parameters.data(), {nullptr, nullptr}, counts.data()[0], counts.data()[1]};
                for (size_t i = 0; i < slots.size(); ++i) {
                    require(int64_t(slots[i].shape(0)) == self.parameters(), "slots: wanted as many as parameters");
                    progress.slots[i] = slots[i].data();
                }
                const int64_t* index = nullptr;
                if (order) {
                    index = order->data();
                    require(int64_t(order->shape(0)) == m, "order: wanted an index for each example");
                    require(std::all_of(index, index + m, [&](int64_t j) { return j >= 0 && j < m; }),
                            "order: an index is out of bounds");
                }
                Signals signals;
                return signals.watch([&] {
                    const auto costs = self.run(data.examples, hyper, rates, index, progress, signals.asked);
                    counts.data()[0] = progress.t;
                    counts.data()[1] = progress.step;
                    counts.data()[2] = int64_t(costs.size());
                    return costs;
                });
            },
            nb::arg("data"), nb::arg("hyper"), nb::arg("rates"), nb::arg("order").noconvert().none(),
            nb::arg("parameters").noconvert(), nb::arg("slots").noconvert(), nb::arg("counts").noconvert());
}

}  // namespace

NB_MODULE(_native, m) {
    nb::set_leak_warnings(false);  // networks that live until the interpreter epilogue hold kernels
    m.def("isas", &isas,
          "The instruction sets this machine has, of those the kernel was built for; the best one last.");
    m.def("available_threads", &available_threads, "As OpenMP is told: OMP_NUM_THREADS, threadpoolctl, affinity.");
    m.def(
        "functions", [] { return names(FUNCTIONS); }, "The activations that the kernel has.");
    m.def(
        "losses", [] { return std::vector<std::pair<std::string, std::string>>(PAIRS.begin(), PAIRS.end()); },
        "The losses that the kernel has, each with an output activation it has it for.");
    m.def(
        "rules", [] { return names(RULES); }, "The optimizers that the kernel has.");
    m.def(
        "ask",
        [](const nb::callable& asked) {
            if (PyDict_SetItemString(PyThreadState_GetDict(), "chainrule", asked.ptr()) != 0) throw nb::python_error();
            question = asked.ptr();
        },
        nb::arg("question"),
        "From now on, calls in this thread ask this function every 0.02 s or so, and end with what it raises.");
    m.def(
        "peak",
        [](const std::string& isa, bool wide, int threads) {
            const nb::gil_scoped_release release;
            return peak(isa, wide, threads);
        },
        nb::arg("isa"), nb::arg("wide"), nb::arg("threads"), "Floating-point operations per second, at most.");
    nb::class_<Hyper>(m, "Hyper")
        .def(
            "__init__",
            [](Hyper* self, const std::string& rule, double beta1, double beta2, double epsilon, double weight_decay,
               bool epsilon_hat, double l2, double clip_norm, const std::vector<double>& dropout, int64_t batch_size,
               uint64_t mask_key) {
                require(std::all_of(dropout.begin(), dropout.end(), [](double rate) { return 0 <= rate && rate < 1; }),
                        "dropout: wanted rates from 0 up to 1 (not included)");
                new (self) Hyper{named(rule, RULES, "optimizer"),
                                 beta1,
                                 beta2,
                                 epsilon,
                                 weight_decay,
                                 epsilon_hat,
                                 l2,
                                 clip_norm,
                                 dropout,
                                 batch_size,
                                 mask_key};
            },
            nb::arg("rule"), nb::arg("beta1"), nb::arg("beta2"), nb::arg("epsilon"), nb::arg("weight_decay"),
            nb::arg("epsilon_hat"), nb::arg("l2"), nb::arg("clip_norm"), nb::arg("dropout"), nb::arg("batch_size"),
            nb::arg("mask_key"));
    bind<float>(m, "Trainer32", "Data32");
    bind<double>(m, "Trainer64", "Data64");
}
