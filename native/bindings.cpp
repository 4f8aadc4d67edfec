// What Python sees, documented in src/chainrule/_native.pyi: checks of shapes and types, and the release of the
// interpreter's lock.
#include "bindings.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "finite.hpp"
#include "machine.hpp"

using namespace chainrule;

void bind_orders(nb::module_&);  // orders.cpp

namespace {

// -- the tables -------------------------------------------------------------------------------------------------------

template <class Row, size_t n> std::vector<std::string> names(const Row (&table)[n]) {
    std::vector<std::string> all;
    for (const auto& row : table) all.emplace_back(row.name);
    return all;
}

template <class Row, size_t n> auto value_of(const Row (&table)[n], const std::string& name, const char* what) {
    for (const auto& row : table) {
        if (name == row.name) return row.value;
    }
    throw std::invalid_argument("the kernel has no " + std::string(what) + " " + name);
}

std::vector<std::pair<std::string, std::string>> losses() {
    std::vector<std::pair<std::string, std::string>> all;
    for (const auto& row : LOSSES) all.emplace_back(row.name, row.output);
    return all;
}

Loss loss_of(const std::string& name, const std::string& output) {
    for (const auto& row : LOSSES) {
        if (name == row.name && output == row.output) return row.value;
    }
    throw std::invalid_argument("the kernel has no loss " + name + " for the output activation " + output);
}

// -- examples ---------------------------------------------------------------------------------------------------------

template <class T> void bind_all_finite(nb::module_& m) {
    m.def(
        "all_finite",
        [](const Vector<T>& x) {
            return interruptible([&](const StopRequested& stop_requested) {
                return all_finite(x.data(), int64_t(x.shape(0)), stop_requested);
            });
        },
        nb::arg("x").noconvert(), "Whether all numbers are finite.");
}

template <class T> Rows<T> columns_of(const Matrix<T>& X) {
    return {X.data(), ptrdiff_t(X.stride(1)), ptrdiff_t(X.stride(0))};
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

template <class T> void bind_data(nb::module_& m, const char* name) {
    nb::class_<Data<T>>(m, name)
        .def(
            "__init__",
            [](Data<T>* self, const Matrix<T>& X, const std::optional<Matrix<T>>& Y,
               const std::optional<Vector<T>>& weights) {
                new (self) Data<T>{};
                self->examples.X = columns_of(X);
                self->examples.m = int64_t(X.shape(1));
                self->inputs = int64_t(X.shape(0));
                self->targets(Y, weights);
                self->arrays = nb::make_tuple(X, Y, weights);
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
                self->arrays = nb::make_tuple(values, columns, starts, Y, weights);
            },
            nb::arg("inputs"), nb::arg("values").noconvert(), nb::arg("columns").noconvert(),
            nb::arg("starts").noconvert(), nb::arg("Y").noconvert().none(), nb::arg("weights").noconvert().none());
}

// -- trainers ---------------------------------------------------------------------------------------------------------

Architecture architecture_of(const std::vector<int64_t>& sizes, const std::vector<std::string>& functions,
                             const std::vector<double>& alphas, const std::string& loss, double delta) {
    require(std::all_of(sizes.begin(), sizes.end(), [](int64_t n) { return n >= 1; }),
            "sizes: wanted whole numbers of 1 or more");
    require(sizes.size() >= 2 && functions.size() == sizes.size() - 1 && alphas.size() == functions.size(),
            "wanted a function for each layer");
    std::vector<Function> g;
    for (const auto& name : functions) g.push_back(value_of(FUNCTIONS, name, "activation"));
    return {sizes, g, alphas, loss_of(loss, functions.back()), delta};
}

template <class T> void check(const Trainer<T>& trainer, const Data<T>& data, size_t parameters, bool with_targets) {
    require(data.inputs == trainer.sizes().front(), "X: wanted a row for each input of the network");
    require(!with_targets || (data.examples.Y.data && data.outputs == trainer.sizes().back() && data.examples.m > 0),
            "Y: wanted a row for each output of the network");
    require(int64_t(parameters) == trainer.parameters(), "parameters: wanted as many as the network has");
}

Orders orders_of(const std::optional<Permutations>& permutations, size_t epochs, int64_t m) {
    if (!permutations) return {};
    const size_t rows = permutations->shape(0);
    const Orders orders{permutations->data(), rows == 1 ? 0 : m};
    require((rows == 1 || rows == epochs) && int64_t(permutations->shape(1)) == m,
            "orders: wanted a row for each epoch, or one for all, with an index for each example");
    require(std::all_of(orders.first, orders.first + permutations->size(), [&](int64_t j) { return j >= 0 && j < m; }),
            "orders: an index is out of bounds");
    return orders;
}

struct SlotsPlace : Place {
    bool moderate, swapped;
};

// Whether the slots are known to be moderate is told by the place, and after the run whether they are now in `spare`;
// the cost of each epoch, or batch, that is done is appended to `costs`, also where this throws.
template <class T>
void run(Trainer<T>& self, const Data<T>& data, const Hyper& hyper, const std::vector<double>& rates,
         const std::optional<Permutations>& permutations, const OutputVector<T>& parameters,
         const std::vector<OutputVector<T>>& slots, const std::vector<OutputVector<T>>& spare, int64_t batches,
         SlotsPlace& place, nb::list costs) {
    check(self, data, parameters.shape(0), true);
    const auto m = data.examples.m;
    require(hyper.batch_size >= 1 && hyper.batch_size <= m, "batch_size: wanted 1 to m");
    require(int(slots.size()) == slots_of(hyper.rule), "slots: wanted those of the optimizer");
    require(spare.size() == slots.size(), "spare: wanted as many as slots");
    require(batches == 0 || (batches > 0 && rates.size() == 1), "batches: wanted those of one epoch");
    require(place.example >= 0 && place.example < m, "place: wanted one of the examples");
    Progress<T> progress{parameters.data(), {}, {}, place, place.moderate};
    for (size_t i = 0; i < slots.size(); ++i) {
        require(int64_t(slots[i].shape(0)) == self.parameters(), "slots: wanted as many as parameters");
        require(int64_t(spare[i].shape(0)) == self.parameters(), "spare: wanted as many as parameters");
        progress.slots[i] = slots[i].data();
        progress.spare_slots[i] = spare[i].data();
    }
    const Orders orders = orders_of(permutations, rates.size(), m);
    std::vector<double> done;
    std::exception_ptr error;
    try {
        interruptible([&](const StopRequested& stop_requested) {
            done = self.run(data.examples, hyper, rates, orders, batches, progress, stop_requested);
            place = {progress.place, progress.moderate, !slots.empty() && progress.slots[0] != slots[0].data()};
            return true;
        });
    } catch (...) {
        error = std::current_exception();
    }
    for (const double cost : done) costs.append(cost);
    if (error) std::rethrow_exception(error);
}

// What `run` does for each of several networks at once.
template <class T>
void run_many(const Trainer<T>& self, const Data<T>& data, const std::vector<Hyper>& hypers,
              const std::vector<std::vector<double>>& rates,
              const std::vector<std::optional<Permutations>>& permutations,
              const std::vector<OutputVector<T>>& parameters, const std::vector<std::vector<OutputVector<T>>>& slots,
              int64_t updates, const std::vector<nb::list>& costs) {
    const size_t networks = hypers.size();
    require(networks >= 1 && rates.size() == networks && permutations.size() == networks &&
                parameters.size() == networks && slots.size() == networks && costs.size() == networks,
            "wanted one of all for each network");
    const Hyper& first = hypers[0];
    require(first.batch_size >= 1 && first.batch_size <= data.examples.m, "batch_size: wanted 1 to m");
    require(int64_t(networks) <= self.lanes_for(data.examples, first.batch_size), "wanted as many networks as fit");
    std::vector<LaneRun<T>> runs;
    for (size_t i = 0; i < networks; ++i) {
        const Hyper& h = hypers[i];
        require(h.rule == first.rule && h.batch_size == first.batch_size && rates[i].size() == rates[0].size() &&
                    permutations[i].has_value() == permutations[0].has_value() && h.clip_norm == 0 &&
                    std::all_of(h.dropout.begin(), h.dropout.end(), [](double share) { return share == 0; }),
                "wanted networks that are trained alike, without dropout and clip_norm");
        check(self, data, parameters[i].shape(0), true);
        require(int(slots[i].size()) == slots_of(h.rule), "slots: wanted those of the optimizer");
        LaneRun<T> run{
            h, rates[i], orders_of(permutations[i], rates[i].size(), data.examples.m), parameters[i].data(), {}};
        for (size_t k = 0; k < slots[i].size(); ++k) {
            require(int64_t(slots[i][k].shape(0)) == self.parameters(), "slots: wanted as many as parameters");
            run.slots[k] = slots[i][k].data();
        }
        run.costs.reserve(rates[i].size());
        runs.push_back(std::move(run));
    }
    std::exception_ptr error;
    try {
        interruptible([&](const StopRequested& stop_requested) {
            self.run_many(data.examples, runs, updates, stop_requested);
            return true;
        });
    } catch (...) {
        error = std::current_exception();
    }
    for (size_t i = 0; i < networks; ++i) {
        for (const double cost : runs[i].costs) nb::list(costs[i]).append(cost);
    }
    if (error) std::rethrow_exception(error);
}

template <class T> void bind_trainer(nb::module_& m, const char* name) {
    using Net = Trainer<T>;
    nb::class_<Net>(m, name)
        .def(
            "__init__",
            [](Net* self, const std::vector<int64_t>& sizes, const std::vector<std::string>& functions,
               const std::vector<double>& alphas, const std::string& loss, double delta,
               const std::string& isa) { new (self) Net(architecture_of(sizes, functions, alphas, loss, delta), isa); },
            nb::arg("sizes"), nb::arg("functions"), nb::arg("alphas"), nb::arg("loss"), nb::arg("delta"),
            nb::arg("isa"))
        .def_prop_ro("isa", &Net::isa)
        .def_ro("threads", &Net::threads_used)
        .def(
            "forward",
            [](const Net& self, const Vector<T>& parameters, const Matrix<T>& X, const OutputMatrix<T>& out,
               bool if_finite) {
                const auto apart = [&](size_t axis, int64_t numbers) {
                    return X.shape(axis) > 1 && X.stride(axis) != numbers;
                };
                require(!if_finite || !(apart(0, 1) || apart(1, int64_t(X.shape(0)))),
                        "if_finite: wanted examples one after the other");
                require(int64_t(X.shape(0)) == self.sizes().front() &&
                            int64_t(parameters.shape(0)) == self.parameters() &&
                            int64_t(out.shape(0)) == self.sizes().back() && out.shape(1) == X.shape(1),
                        "the shapes do not fit the network");
                Examples<T> examples;
                examples.X = columns_of(X);
                examples.m = int64_t(X.shape(1));
                return interruptible([&](const StopRequested& stop_requested) {
                    if (if_finite && !all_finite(X.data(), int64_t(X.size()), stop_requested)) return false;
                    self.forward(examples, parameters.data(), out.data(), ptrdiff_t(examples.m), stop_requested);
                    return true;
                });
            },
            nb::arg("parameters").noconvert(), nb::arg("X").noconvert(), nb::arg("out").noconvert(),
            nb::arg("if_finite") = false)
        .def(
            "evaluate",
            [](const Net& self, const Vector<T>& parameters, const Data<T>& data, const OutputMatrix<T>& out) {
                const auto& examples = data.examples;
                check(self, data, parameters.shape(0), examples.Y.data != nullptr);
                require(int64_t(out.shape(0)) == self.sizes().back() && int64_t(out.shape(1)) == examples.m,
                        "out: wanted a column for each example");
                return interruptible([&](const StopRequested& stop_requested) {
                    return self.forward(examples, parameters.data(), out.data(), ptrdiff_t(examples.m), stop_requested);
                });
            },
            nb::arg("parameters").noconvert(), nb::arg("data"), nb::arg("out").noconvert())
        .def(
            "cost_and_gradients",
            [](Net& self, const Vector<T>& parameters, const Data<T>& data, double l2,
               const OutputVector<T>& gradient) {
                check(self, data, parameters.shape(0), true);
                require(int64_t(gradient.shape(0)) == self.parameters(), "gradient: wanted as many as parameters");
                return interruptible([&](const StopRequested& stop_requested) {
                    return self.cost_and_gradients(data.examples, parameters.data(), l2, gradient.data(),
                                                   stop_requested);
                });
            },
            nb::arg("parameters").noconvert(), nb::arg("data"), nb::arg("l2"), nb::arg("gradient").noconvert())
        .def("run", &run<T>, nb::arg("data"), nb::arg("hyper"), nb::arg("rates"), nb::arg("orders").noconvert().none(),
             nb::arg("parameters").noconvert(), nb::arg("slots").noconvert(), nb::arg("spare").noconvert(),
             nb::arg("batches"), nb::arg("place"), nb::arg("costs"))
        .def(
            "lanes",
            [](const Net& self, const Data<T>& data, int64_t batch_size) {
                return self.lanes_for(data.examples, batch_size);
            },
            nb::arg("data"), nb::arg("batch_size"))
        .def("run_many", &run_many<T>, nb::arg("data"), nb::arg("hypers"), nb::arg("rates"), nb::arg("orders"),
             nb::arg("parameters").noconvert(), nb::arg("slots").noconvert(), nb::arg("updates"), nb::arg("costs"));
}

}  // namespace

NB_MODULE(_native, m) {
    nb::set_leak_warnings(false);  // networks that live until the interpreter ends hold kernels
    m.def("functions", [] { return names(FUNCTIONS); }, "The activations that the kernel has.");
    m.def("losses", &losses, "The losses that the kernel has, each with an output activation that it has it for.");
    m.def("rules", [] { return names(RULES); }, "The optimizers that the kernel has.");
    m.def("isas", &isas, "The instruction sets that this machine has and the kernel was built for; the best one last.");
    m.def("bf16_isas", &bf16_isas, "The instruction sets with products in bf16, likewise; none on many a machine.");
    m.def("bf16_built", &bf16_built, "Whether the kernel was built with products in bf16.");
    m.def("available_threads", &available_threads,
          "As OpenMP is told (OMP_NUM_THREADS, threadpoolctl, affinity), within the quota of the container.");
    m.def("cpu_quota", &cpu_quota, nb::arg("root") = "/",
          "Processors' time that the container may use, as a number of processors; 0 where nothing limits it.");
    m.def(
        "ask",
        [](const nb::callable& poll) {
            if (PyDict_SetItemString(PyThreadState_GetDict(), "chainrule", poll.ptr()) != 0) throw nb::python_error();
            poll_function = poll.ptr();
        },
        nb::arg("poll"),
        "From now on, calls in this thread call this function every 0.02 s or so, and end with what it raises.");
    m.def(
        "peak",
        [](const std::string& isa, bool float64, int threads) {
            const Unlocked unlocked;
            return peak(isa, float64, threads);
        },
        nb::arg("isa"), nb::arg("float64"), nb::arg("threads"),
        "Floating-point operations per second of multiply-adds in registers.");
    m.def("take_turns", [] { turn.take(); });
    m.def("end_calls", &end_calls,
          "Before the interpreter ends: calls in all other threads end with SystemExit, now and from now on.");
    m.def("forget_other_threads", &forget_other_threads, "To be called in a forked process.");
    nb::class_<SlotsPlace>(m, "Place")
        .def(
            "__init__",
            [](SlotsPlace* self, int64_t updates, int64_t batches, int64_t epochs, int64_t example, double total,
               double seen, bool moderate) {
                new (self) SlotsPlace{{updates, batches, epochs, example, total, seen}, moderate, false};
            },
            nb::arg("updates") = 0, nb::arg("batches") = 0, nb::arg("epochs") = 0, nb::arg("example") = 0,
            nb::arg("total") = 0.0, nb::arg("seen") = 0.0, nb::arg("moderate") = false)
        .def_ro("updates", &SlotsPlace::updates)
        .def_ro("batches", &SlotsPlace::batches)
        .def_ro("epochs", &SlotsPlace::epochs)
        .def_ro("example", &SlotsPlace::example)
        .def_ro("total", &SlotsPlace::total)
        .def_ro("seen", &SlotsPlace::seen)
        .def_ro("moderate", &SlotsPlace::moderate)
        .def_ro("swapped", &SlotsPlace::swapped);
    nb::class_<Hyper>(m, "Hyper")
        .def(
            "__init__",
            [](Hyper* self, const std::string& rule, double beta1, double beta2, double epsilon, double weight_decay,
               bool epsilon_hat, double l2, double clip_norm, const std::vector<double>& dropout, int64_t batch_size,
               uint64_t mask_key) {
                require(std::all_of(dropout.begin(), dropout.end(), [](double rate) { return 0 <= rate && rate < 1; }),
                        "dropout: wanted rates from 0 up to 1 (not included)");
                new (self) Hyper{
                    .rule = value_of(RULES, rule, "optimizer"),
                    .beta1 = beta1,
                    .beta2 = beta2,
                    .epsilon = epsilon,
                    .weight_decay = weight_decay,
                    .epsilon_hat = epsilon_hat,
                    .l2 = l2,
                    .clip_norm = clip_norm,
                    .dropout = dropout,
                    .batch_size = batch_size,
                    .mask_key = mask_key,
                };
            },
            nb::arg("rule"), nb::arg("beta1"), nb::arg("beta2"), nb::arg("epsilon"), nb::arg("weight_decay"),
            nb::arg("epsilon_hat"), nb::arg("l2"), nb::arg("clip_norm"), nb::arg("dropout"), nb::arg("batch_size"),
            nb::arg("mask_key"));
    bind_orders(m);
    bind_all_finite<float>(m);
    bind_all_finite<double>(m);
    bind_data<float>(m, "Data32");
    bind_data<double>(m, "Data64");
    bind_trainer<float>(m, "Trainer32");
    bind_trainer<double>(m, "Trainer64");
}
