// The binding of orders.hpp, documented in src/chainrule/_native.pyi.
#include "orders.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <stdexcept>

namespace nb = nanobind;
using namespace chainrule;

namespace {

using Order = nb::ndarray<const int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using OutputOrders = nb::ndarray<int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

const BitGenerator& generator_of(const nb::capsule& capsule) {
    const auto* const found = static_cast<const BitGenerator*>(PyCapsule_GetPointer(capsule.ptr(), "BitGenerator"));
    if (!found) throw nb::python_error();
    return *found;
}

void draw_orders(const nb::capsule& bit_generator, bool chained, const std::optional<Order>& before,
                 const OutputOrders& out) {
    const auto m = int64_t(out.shape(1));
    if (m > std::numeric_limits<int32_t>::max() || (before && int64_t(before->shape(0)) != m))
        throw std::invalid_argument("orders: wanted rows as long as the order before them, and below 2³¹");
    const auto& random = generator_of(bit_generator);
    const int64_t* last = before ? before->data() : nullptr;
    for (size_t i = 0; i < out.shape(0); ++i) {
        int64_t* const row = out.data() + int64_t(i) * m;
        if (chained && last) {
            std::copy_n(last, m, row);
        } else {
            std::iota(row, row + m, int64_t{0});
        }
        shuffle(random, row, m);
        last = row;
    }
}

}  // namespace

void bind_orders(nb::module_& m) {
    m.def("draw_orders", &draw_orders, nb::arg("bit_generator"), nb::arg("chained"),
          nb::arg("before").noconvert().none(), nb::arg("out").noconvert());
}
