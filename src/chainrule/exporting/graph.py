"""An ONNX graph that is being built. Its values are symbols: NumPy's arithmetic on them adds operators to the graph.

So activations, normalizers and scalers are not implemented twice: the functions that compute their arrays are called
with symbols. Here rows are examples, as users of ONNX expect.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log, pi, sqrt
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from chainrule._types import Array
from chainrule._version import __version__
from chainrule.errors import ChainruleError

Value = Any  # a Symbol; NumPy's functions promise arrays to the type checker, and give what symbols make of them

TEXT = np.dtype(object)
DOUBLE = np.dtype(np.float64)
# ONNX 1.8, of 2020: enough for what is here, and old runtimes read it.
OPSET, ML_OPSET = 13, 2
ML = "ai.onnx.ml"
_LARGEST = 2**31 - 1  # bytes, of protobuf
_TYPES = {"float32": "FLOAT", "float64": "DOUBLE", "int64": "INT64", "bool": "BOOL", "object": "STRING"}
INPUT_TYPES = ("float32", "float64", "int64", "bool")
WAY_OUT = "Export the network alone, on numbers that you prepare: --network-only, or pipeline[-1] for the pipeline"


class ExportError(ChainruleError, ValueError):
    """A model, or a step of it, has no counterpart in what it is exported to, or the file cannot be written."""


@dataclass(frozen=True)
class Port:
    """An input or output: name, type of the elements, shape ("batch" is any number of rows), and what it means."""

    name: str
    type: str
    shape: tuple[int | str, ...]
    meaning: str = ""


class Graph:
    """Inputs, nodes, constants and outputs, in the order in which they were added.

    input_type: the type of all numbers that go in, or of some by their names; unless given, that in which they are
    used.
    """

    def __init__(self, opset: int = OPSET, input_type: str | Mapping[str, str] | None = None) -> None:
        self.opset = opset
        self.input_type = input_type
        self.inputs: list[Port] = []
        self.outputs: list[Port] = []
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._taken: set[str] = set()
        self._size = 0

    def input(
        self,
        name: str,
        dtype: np.dtype[Any],
        width: int | str = 1,
        meaning: str = "",
        missing: str = "",
        exact: bool = False,
    ) -> "Symbol":
        """A new input (batch, width), in the type in which it is used.

        missing: how a missing value is said. exact: a type that was chosen for all numbers is not for this one.
        """
        if not name:
            raise ExportError("a column has no name: every input of an ONNX model needs one")
        chosen = self._chosen(name, dtype, exact)
        told = ", ".join(filter(None, (meaning, missing if chosen.kind in "fO" else "")))
        self.inputs.append(Port(name, _spelled(chosen), ("batch", width), told))
        self._taken.add(name)
        return Symbol(self, name, chosen).astype(dtype)

    def _chosen(self, name: str, dtype: np.dtype[Any], exact: bool) -> np.dtype[Any]:
        kind = self.input_type
        if isinstance(kind, Mapping):
            kind = kind.get(name)
            if kind is not None and dtype == TEXT:
                raise ExportError(f"input_type: {name} is text, got {kind}; leave it out")
        elif exact or dtype == TEXT:
            kind = None
        return dtype if kind is None else np.dtype(kind)

    def names(self) -> list[str]:
        """The names of the inputs."""
        return [port.name for port in self.inputs]

    def output(self, name: str, value: "Symbol", *width: int, meaning: str = "") -> None:
        """A new output (batch, *width); where an input has the same name, an underscore is added to its own."""
        name = self._own(name)
        self._node("Identity", [value.name], name)
        self.outputs.append(Port(name, _spelled(value.dtype), ("batch", *width), meaning))

    def output_maps(self, name: str, value: "Symbol", keys: Sequence[Any], meaning: str = "") -> None:
        """A new output: for each row of value (batch, keys) a map from the keys, text or whole numbers, to float32."""
        name = self._own(name)
        text = isinstance(keys[0], str)
        classes: dict[str, Any] = {"classlabels_strings" if text else "classlabels_int64s": list(keys)}
        self._node("ZipMap", [value.astype(np.float32).name], name, ML, **classes)
        kind = f"seq(map({'string' if text else 'int64'},tensor(float)))"
        self.outputs.append(Port(name, kind, (), meaning))

    def _own(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def op(
        self, kind: str, *inputs: Any, dtype: np.dtype[Any] | None = None, domain: str = "", **attributes: Any
    ) -> "Symbol":
        """The result of one operator on symbols and arrays, of the type of the first symbol unless `dtype` is given."""
        symbols = [value for value in inputs if isinstance(value, Symbol)]
        if kind == "MatMul" and symbols[0].dtype == DOUBLE and self._keep_factors(symbols[0].name, len(inputs[1])):
            kind = "Mul"  # (batch, 1) by (1, n) is the same
        if kind in ("Add", "Sub") and _lost(inputs[-1]):
            kind, inputs = "Sum", (inputs[0], inputs[-1] if kind == "Add" else -inputs[-1])
        names = [value.name if isinstance(value, Symbol) else self._constant(np.asarray(value)) for value in inputs]
        name = self._fresh(kind)
        self._node(kind, names, name, domain, **attributes)
        return Symbol(self, name, symbols[0].dtype if dtype is None else dtype)

    def _keep_factors(self, name: str, width: int) -> bool:
        """Repeat each constant factor of a matrix (batch, width) that goes into a product, one for each column.

        Of one number ONNX Runtime makes an attribute of the product, and attributes are float32. True where there is
        such a factor, and it stays one number: of one column.
        """
        from onnx.numpy_helper import from_array, to_array

        nodes, constants = {node.output[0]: node for node in self.nodes}, {each.name: each for each in self.constants}
        one = False
        while (node := nodes.get(name)) is not None and node.op_type in ("Mul", "Div"):
            factor = next((each for each in node.input if each in constants), None)
            if factor is None or (number := to_array(constants[factor])).size > 1:
                break
            constants[factor].CopyFrom(from_array(np.full(width, number.item()), factor))
            name, one = next((each for each in node.input if each != factor), ""), width == 1
        return one

    def reduce(self, kind: str, x: "Symbol") -> "Symbol":
        """ReduceSum or ReduceMax of each row: (batch, n) → (batch, 1)."""
        if kind == "ReduceMax" and self.opset < 18:  # until then, only those of ReduceSum are an input
            return self.op(kind, x, axes=[1], keepdims=1)
        return self.op(kind, x, np.array([1]), keepdims=1)

    def model(self, metadata: dict[str, str]) -> Any:
        """The onnx.ModelProto, checked. Raises ExportError where ONNX does not take it."""
        from onnx import checker, helper

        if self._size > _LARGEST:
            raise ExportError(f"the constants take {self._size:,} bytes, an ONNX file holds at most {_LARGEST:,}")
        inputs, outputs = [_value_info(port) for port in self.inputs], [_value_info(port) for port in self.outputs]
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(ML, ML_OPSET)]
        model = helper.make_model(
            helper.make_graph(self.nodes, "chainrule", inputs, outputs, self.constants),
            opset_imports=opsets,
            ir_version=helper.find_min_ir_version_for(opsets),
            producer_name="chainrule",
            producer_version=__version__,
        )
        helper.set_model_props(model, metadata)
        try:
            checker.check_model(model, full_check=True)
        except Exception as error:  # of several kinds, none with a base of its own
            raise ExportError(f"onnx does not take it: {error}") from error
        return model

    def _node(self, kind: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: Any) -> None:
        from onnx.helper import make_node

        self.nodes.append(make_node(kind, inputs, [output], name=output, domain=domain, **attributes))

    def _constant(self, array: Array) -> str:
        from onnx.numpy_helper import from_array

        name = self._fresh("constant")
        self._size += array.nbytes
        self.constants.append(from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    def _fresh(self, kind: str) -> str:
        k = len(self.nodes) + len(self.constants)
        while (name := f"{kind}_{k}") in self._taken:
            k += 1
        self._taken.add(name)
        return name


@dataclass(frozen=True, eq=False)
class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """A value of the graph: its name and dtype are known, its numbers only when the ONNX model runs.

    fills: of what an imputer gives, what it has filled in for a missing value, column by column.
    """

    graph: Graph
    name: str
    dtype: np.dtype[Any]
    fills: tuple[Any, ...] = ()

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return np

    def __array_ufunc__(self, function: Any, method: str, *values: Any, **options: Any) -> Value:
        if method != "__call__" or options or function not in _FUNCTIONS:
            raise ExportError(f"{function.__name__} has no counterpart among ONNX's operators")
        made = _FUNCTIONS[function]
        if callable(made):
            return made(*values)
        dtype = np.dtype(bool) if made in _TESTS else None
        return self.graph.op(made, *(self._beside(value) for value in values), dtype=dtype)

    def __array_function__(self, function: Any, types: Any, values: Any, options: Any) -> Value:
        if function is np.where and any(isinstance(choice, Symbol) for choice in values[1:]):
            test, *choices = values
            kind = next(choice for choice in choices if isinstance(choice, Symbol))
            return self.graph.op("Where", test, *(kind._beside(choice) for choice in choices), dtype=kind.dtype)
        if function is np.concatenate:
            parts = values[0]
            return parts[0] if len(parts) == 1 else self.graph.op("Concat", *parts, dtype=self.dtype, **options)
        raise ExportError(f"{function.__name__} has no counterpart among ONNX's operators")

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise ExportError("it asks for numbers, which are known only when the ONNX model runs")

    def __bool__(self) -> bool:
        raise ExportError("it decides by the numbers, which are known only when the ONNX model runs")

    def __getitem__(self, index: tuple[slice, Sequence[int]]) -> "Symbol":
        """x[:, columns]: some of the columns of x (batch, n), by their numbers."""
        rows, columns = index
        if rows != slice(None):
            raise ExportError("it selects rows")
        made = self.graph.op("Gather", self, np.asarray(columns, np.int64), axis=1)
        return replace(made, fills=tuple(self.fills[k] for k in columns) if self.fills else ())

    def astype(self, dtype: Any) -> "Symbol":
        """The same numbers in another type."""
        import onnx

        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self
        return self.graph.op("Cast", self, dtype=dtype, to=onnx.TensorProto.DataType.Value(_TYPES[dtype.name]))

    def _beside(self, value: Any) -> Any:
        """A number or an array as ONNX wants it beside this value: of the same type."""
        return value if isinstance(value, Symbol) else np.asarray(value, self.dtype)


def traced(what: str, function: Callable[..., Any], *values: Symbol) -> Value:
    """What a function returns for symbols; ExportError for one that does more than NumPy's arithmetic."""
    try:
        made = function(*values)
        if not isinstance(made, Symbol):
            raise ExportError(f"it gives {type(made).__name__}")
    except Exception as error:
        raise ExportError(f"{what}: not a formula of ONNX's operators: {error}") from error
    return made


def _normal_distribution(Z: Value) -> Value:
    """Φ(z) = ½ (1 + erf(z/√2)). ONNX Runtime has erf in float32 only, which leaves an error of about 1e-7."""
    scaled = (Z / sqrt(2)).astype(np.float32)
    return (1 + Z.graph.op("Erf", scaled).astype(Z.dtype)) / 2


# Of Wichura's algorithm AS 241 (1988), which is exact to about 1e-16: numerators and denominators, by rising powers.
_CENTER = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
)  # fmt: skip
_TAIL = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
)  # fmt: skip


def _normal_quantile(p: Value) -> Value:
    """Φ⁻¹(p), for p from 1e-10 to 1 − 1e-10: farther out, AS 241 has a third formula."""

    def ratio(parts: tuple[tuple[float, ...], tuple[float, ...]], r: Value) -> Value:
        above, below = (_polynomial(coefficients, r) for coefficients in parts)
        return above / below

    q = p - 0.5
    tail = ratio(_TAIL, np.sqrt(-np.log(np.minimum(p, 1 - p))) - 1.6)
    return np.where(np.abs(q) <= 0.425, q * ratio(_CENTER, 0.180625 - q * q), np.sign(q) * tail)


def _polynomial(coefficients: Sequence[float], r: Value) -> Value:
    made = coefficients[-1]
    for c in coefficients[-2::-1]:
        made = made * r + c
    return made


_FUNCTIONS: dict[Any, str | Callable[..., Value]] = {
    np.add: "Add", np.subtract: "Sub", np.multiply: "Mul", np.divide: "Div", np.power: "Pow",
    np.negative: "Neg", np.absolute: "Abs", np.floor: "Floor", np.maximum: "Max", np.minimum: "Min",
    np.exp: "Exp", np.log: "Log", np.sqrt: "Sqrt", np.tanh: "Tanh", np.sign: "Sign", np.sin: "Sin",
    np.greater: "Greater", np.greater_equal: "GreaterOrEqual", np.less: "Less", np.less_equal: "LessOrEqual",
    np.equal: "Equal", np.isnan: "IsNaN",
    np.bitwise_or: "Or", np.bitwise_and: "And", np.invert: "Not",
    np.square: lambda Z: Z * Z,
    np.log2: lambda Z: np.log(Z) / log(2),
    np.log10: lambda Z: np.log(Z) / log(10),
    np.log1p: lambda Z: np.log(1 + Z),
    np.expm1: lambda Z: np.exp(Z) - 1,
    np.cos: lambda Z: np.sin(Z + pi / 2),  # old runtimes have Cos in float32 only
    ndtr: _normal_distribution,
    ndtri: _normal_quantile,
}  # fmt: skip
_TESTS = {"Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "IsNaN", "Or", "And", "Not"}


def _lost(number: Any) -> bool:
    """Whether ONNX Runtime takes a number of float64 for 0, which it does in float32, and leaves its Add or Sub out."""
    alone = isinstance(number, np.ndarray) and number.dtype == DOUBLE and number.size == 1
    return alone and 0 < abs(number.item()) < 2e-45


def _spelled(dtype: np.dtype[Any]) -> str:
    return _TYPES[dtype.name].lower()


def _value_info(port: Port) -> Any:
    import onnx

    if port.type.startswith("seq("):
        key = onnx.TensorProto.STRING if "string" in port.type else onnx.TensorProto.INT64
        number = onnx.helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, [])
        maps = onnx.helper.make_sequence_type_proto(onnx.helper.make_map_type_proto(key, number))
        return onnx.helper.make_value_info(port.name, maps, doc_string=port.meaning)
    kind = onnx.TensorProto.DataType.Value(port.type.upper())
    return onnx.helper.make_tensor_value_info(port.name, kind, port.shape, doc_string=port.meaning)
