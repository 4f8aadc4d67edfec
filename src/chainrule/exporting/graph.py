"""An ONNX graph that is being built. Its values are symbols: NumPy's arithmetic on them adds operators to the graph.

So activations, normalizers and scalers are not implemented twice: the functions that compute their arrays are called
with symbols. Here rows are examples, as users of ONNX expect.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log, pi, sqrt
from typing import Any

import numpy as np
from scipy.special import ndtr

from chainrule._types import Array
from chainrule._version import __version__
from chainrule.errors import ChainruleError

Value = Any  # a Symbol; NumPy's functions promise arrays to the type checker, and give what symbols make of them

TEXT = np.dtype(object)
DOUBLE = np.dtype(np.float64)
# ONNX 1.8, of 2020: enough for what is here, and old runtimes read it.
OPSET, ML_OPSET, IR_VERSION = 13, 2, 7
ML = "ai.onnx.ml"
_LARGEST = 2**31 - 1  # bytes, of protobuf
_TYPES = {"float32": "FLOAT", "float64": "DOUBLE", "int64": "INT64", "bool": "BOOL", "object": "STRING"}


class ExportError(ChainruleError, ValueError):
    """A model, or a step of it, has no counterpart in ONNX, or the file cannot be written."""


@dataclass(frozen=True)
class Port:
    """An input or output: name, type of the elements, shape ("batch" is any number of rows), and what it means."""

    name: str
    type: str
    shape: tuple[int | str, ...]
    meaning: str = ""


class Graph:
    """Inputs, nodes, constants and outputs, in the order in which they were added."""

    def __init__(self) -> None:
        self.inputs: list[Port] = []
        self.outputs: list[Port] = []
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._taken: set[str] = set()
        self._size = 0

    def input(self, name: str, dtype: np.dtype[Any], width: int | str = 1, meaning: str = "") -> "Symbol":
        """A new input (batch, width)."""
        if not name:
            raise ExportError("a column has no name: every input of an ONNX model needs one")
        self.inputs.append(Port(name, _spelled(dtype), ("batch", width), meaning))
        self._taken.add(name)
        return Symbol(self, name, dtype)

    def output(self, name: str, value: "Symbol", *width: int, meaning: str = "") -> None:
        """A new output (batch, *width); where an input has the same name, an underscore is added to its own."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        self._node("Identity", [value.name], name)
        self.outputs.append(Port(name, _spelled(value.dtype), ("batch", *width), meaning))

    def op(
        self, kind: str, *inputs: Any, dtype: np.dtype[Any] | None = None, domain: str = "", **attributes: Any
    ) -> "Symbol":
        """The result of one operator on symbols and arrays, of the type of the first symbol unless `dtype` is given."""
        symbols = [value for value in inputs if isinstance(value, Symbol)]
        names = [value.name if isinstance(value, Symbol) else self._constant(np.asarray(value)) for value in inputs]
        name = self._fresh(kind)
        self._node(kind, names, name, domain, **attributes)
        return Symbol(self, name, symbols[0].dtype if dtype is None else dtype)

    def model(self, metadata: dict[str, str]) -> Any:
        """The onnx.ModelProto, checked. Raises ExportError where ONNX does not take it."""
        from onnx import checker, helper

        if self._size > _LARGEST:
            raise ExportError(f"the constants take {self._size:,} bytes, an ONNX file holds at most {_LARGEST:,}")
        inputs, outputs = [_value_info(port) for port in self.inputs], [_value_info(port) for port in self.outputs]
        model = helper.make_model(
            helper.make_graph(self._nodes, "chainrule", inputs, outputs, self._constants),
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)],
            ir_version=IR_VERSION,
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

        self._nodes.append(make_node(kind, inputs, [output], name=output, domain=domain, **attributes))

    def _constant(self, array: Array) -> str:
        from onnx.numpy_helper import from_array

        name = self._fresh("constant")
        self._size += array.nbytes
        self._constants.append(from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    def _fresh(self, kind: str) -> str:
        k = len(self._nodes) + len(self._constants)
        while (name := f"{kind}_{k}") in self._taken:
            k += 1
        self._taken.add(name)
        return name


@dataclass(frozen=True, eq=False)
class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """A value of the graph: its name and dtype are known, its numbers only when the ONNX model runs."""

    graph: Graph
    name: str
    dtype: np.dtype[Any]

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
        return self.graph.op("Gather", self, np.asarray(columns, np.int64), axis=1)

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
}  # fmt: skip
_TESTS = {"Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "IsNaN", "Or", "And", "Not"}


def _spelled(dtype: np.dtype[Any]) -> str:
    return _TYPES[dtype.name].lower()


def _value_info(port: Port) -> Any:
    import onnx

    kind = onnx.TensorProto.DataType.Value(port.type.upper())
    return onnx.helper.make_tensor_value_info(port.name, kind, port.shape, doc_string=port.meaning)
