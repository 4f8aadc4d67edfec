"""Objects as texts and arrays, and back, of the types that are listed here; what a file asks for beyond is refused.

An object becomes JSON in which ``{"$": kind, …}`` stands for what JSON does not have; its arrays are kept apart, by the
names of the places where they were. To read builds an object of a listed type without calling its constructor and gives
it its state, as unpickling would; but the types are these, no function can be named, and states with which compiled
code would leave its arrays are not taken.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.files import guards
from chainrule.files.container import LARGEST_TEXT, Container, check_shape
from chainrule.network import Network

_PREPROCESSING = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "PowerTransformer",
    "QuantileTransformer", "OneHotEncoder", "OrdinalEncoder", "LabelEncoder", "LabelBinarizer",
    "FunctionTransformer")  # fmt: skip
# By their public names, which stay where they are when a library moves its files.
TYPES = (
    "chainrule.MLPClassifier", "chainrule.MLPRegressor", "chainrule.tabular.Columns", "chainrule.tabular.DateParts",
    "chainrule.normalization.Normalizer",
    *(f"chainrule.optimizers.{name}" for name in ("GradientDescent", "Momentum", "HeavyBall", "Nesterov")),
    *(f"chainrule.optimizers.{name}" for name in ("RMSProp", "Adam", "AdamW", "LBFGS")),
    *(f"chainrule.schedules.{name}" for name in ("Constant", "InverseTime", "StepDecay", "InverseScaling")),
    *(f"chainrule.schedules.{name}" for name in ("Cosine", "CosLog4", "WarmUp")),
    "sklearn.pipeline.Pipeline", "sklearn.compose.ColumnTransformer", "sklearn.decomposition.PCA",
    "sklearn.impute.SimpleImputer", "sklearn.impute.MissingIndicator", "sklearn.feature_selection.VarianceThreshold",
    *(f"sklearn.preprocessing.{name}" for name in _PREPROCESSING),
    *(f"sklearn.feature_extraction.text.{name}" for name in ("CountVectorizer", "TfidfVectorizer", "TfidfTransformer")),
)  # fmt: skip
_SCALARS = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
)  # fmt: skip
# Types and functions as values: the dtype of an encoder, what a FunctionTransformer does.
_UFUNCS = ("log", "log1p", "log2", "log10", "exp", "expm1", "sqrt", "cbrt", "square", "abs", "sign")
_NAMED: dict[str, Any] = {"float": float, "int": int, "bool": bool, "str": str, "object": object}
_NAMED |= {f"numpy.{name}": getattr(np, name) for name in (*_SCALARS, *_UFUNCS)}
_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "SFC64", "Philox")
_DEEPEST = 60
_MANY_KEYS = 1000
# What an estimator needs to go on training, not to predict: moments as large as the parameters, random numbers, which
# the next fit begins anew, and who was watching.
_LEFT_OUT = ("_optimizer", "_random_state", "_skl_callbacks")
_NUMBERS: dict[str, Any] = {"floats": (np.float64, float), "ints": (np.int64, int)}
_MANY_NUMBERS = 32  # a list of as many is stored as an array
_DTYPES = re.compile(r"[<>|]?([biuf][1248]|[?O]|[SU][0-9]{1,4}|[Mm]8(\[\w+\])?)")
_OF_BYTES = re.compile(r"S[1-9][0-9]{0,8}|<?[Mm]8(\[\w+\])?|<c8|<c16")


class UnknownTypeError(TypeError):
    """An object is of a type that is not listed."""


def encode(value: Any, arrays: dict[str, Array], *place: str) -> Any:
    """The JSON of a value; its arrays are added to `arrays`. Raises UnknownTypeError, which says where."""
    if len(place) > _DEEPEST:
        raise UnknownTypeError(f"{'.'.join(place[:4])} …: objects in objects, more than {_DEEPEST} deep")

    def inner(value: Any, name: object) -> Any:
        return encode(value, arrays, *place, str(name))

    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is np.str_:
        return str(value)
    if kind is float:
        return value if math.isfinite(value) else {"$": "float", "is": repr(value)}
    if kind is list:
        for what, (dtype, number) in _NUMBERS.items() if len(value) >= _MANY_NUMBERS else ():
            if all(type(item) is number and (number is float or abs(item) < 2**63) for item in value):
                return {"$": what, "at": _keep(np.array(value, dtype), arrays, *place)}
        return [inner(item, i) for i, item in enumerate(value)]
    if kind in (tuple, set, frozenset):
        return {"$": kind.__name__, "of": [inner(item, i) for i, item in enumerate(value)]}
    if kind is slice:
        return {"$": "slice", "of": [inner(part, "slice") for part in (value.start, value.stop, value.step)]}
    if kind is bytes:
        return {"$": "bytes", "is": value.hex()}
    if kind is dict:
        if all(type(key) is str for key in value) and "$" not in value:
            return {key: inner(item, key) for key, item in value.items()}
        return {"$": "dict", "of": [[inner(key, "key"), inner(item, key)] for key, item in value.items()]}
    if kind in (np.ndarray, np.memmap):
        return _encode_array(value, arrays, *place)
    if isinstance(value, np.generic) and value.dtype.name in _SCALARS:
        return {"$": "scalar", "dtype": value.dtype.name, "is": inner(value.item(), "value")}
    if isinstance(value, np.dtype) and _DTYPES.fullmatch(value.str):
        return {"$": "dtype", "is": value.str}
    if isinstance(value, (type, np.ufunc)) and value in _NAMED.values():
        return {"$": "named", "is": next(name for name, named in _NAMED.items() if named is value)}
    if kind is np.random.RandomState and (state := value.get_state(legacy=False))["bit_generator"] == "MT19937":
        return {"$": "RandomState", "state": inner(state, "state")}
    if kind is np.random.Generator and (state := value.bit_generator.state)["bit_generator"] in _GENERATORS:
        return {"$": "Generator", "state": inner(state, "state")}
    if kind is Network:
        return _encode_network(value, arrays, *place)
    if (name := _public(kind)) is None:
        what = f"the function {value.__name__}" if callable(value) and hasattr(value, "__name__") else kind.__qualname__
        raise UnknownTypeError(f"{'.'.join(place) or 'it'} is {what} ({kind.__module__})")
    state = _fields(value) if dataclasses.is_dataclass(value) else value.__getstate__()
    state = {key: item for key, item in state.items() if key not in _LEFT_OUT}
    try:
        guards.check(value, state)
    except (ValueError, TypeError, AttributeError) as error:
        raise UnknownTypeError(
            f"{'.'.join(place) or 'it'} is a {kind.__name__} that could not be read: {error}"
        ) from None
    return {"$": "object", "type": name, "state": {key: inner(item, key) for key, item in state.items()}}


def decode(tree: Any, box: Container, depth: int = 0) -> Any:
    """The value of `encode`'s JSON, with the arrays of a file.

    Raises UnknownTypeError, and all kinds of errors where the tree is not one that `encode` has made.
    """
    if depth > 3 * _DEEPEST:
        raise ValueError("objects in objects, too deep")

    def inner(part: Any) -> Any:
        return decode(part, box, depth + 1)

    if not isinstance(tree, (list, dict)):
        return tree
    if isinstance(tree, list):
        return [inner(part) for part in tree]
    if "$" not in tree:
        return _check_random({key: inner(part) for key, part in tree.items()})
    match tree["$"]:
        case "float":
            return float(tree["is"])
        case "floats" | "ints" as name:
            numbers = box.array(tree["at"])
            if numbers.dtype != _NUMBERS[name][0] or numbers.ndim != 1:
                raise ValueError(f"a list of {name} is none")
            return numbers.tolist()
        case "tuple":
            return tuple(map(inner, tree["of"]))
        case "set" | "frozenset" as name:
            return {"set": set, "frozenset": frozenset}[name](_keys(map(inner, tree["of"])))
        case "slice":
            start, stop, step = map(inner, tree["of"])
            return slice(start, stop, step)
        case "bytes":
            return bytes.fromhex(tree["is"])
        case "dict":
            keys = _keys(inner(key) for key, _ in tree["of"])
            return _check_random({key: inner(part) for key, (_, part) in zip(keys, tree["of"], strict=True)})
        case "array":
            return _decode_array(tree, box, inner)
        case "scalar":
            return np.dtype(_one_of(_SCALARS, tree["dtype"])).type(inner(tree["is"]))
        case "dtype":
            if not _DTYPES.fullmatch(tree["is"]):
                raise ValueError(f"no dtype is {tree['is']!r:.100}")
            return np.dtype(tree["is"])
        case "named":
            return _NAMED[tree["is"]]
        case "RandomState" | "Generator" as name:
            return _decode_random(name, inner(tree["state"]))
        case "Network":
            return _decode_network(tree, box, inner)
        case "object":
            return _decode_object(tree["type"], inner(tree["state"]))
        case _:
            raise ValueError(f"nothing is called {tree['$']!r}")


def _encode_array(array: Array, arrays: dict[str, Array], *place: str) -> Any:
    kind = array.dtype.kind
    tree: dict[str, Any] = {"$": "array"}
    if array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous:
        tree["transposed"], array = True, array.T  # how an array lies decides on the last bits of a product
    if kind == "U" and array.nbytes > LARGEST_TEXT:
        raise UnknownTypeError(f"{'.'.join(place)} is an array of text of {array.nbytes:,} bytes, more than are read")
    if kind in "OU":  # of anything, as labels are, or of text
        items = [encode(item, arrays, *place, str(i)) for i, item in enumerate(array.ravel().tolist())]
        return tree | {"dtype": array.dtype.newbyteorder("<").str, "shape": list(array.shape), "of": items}
    if kind in "SMmc" and _OF_BYTES.fullmatch(code := array.dtype.newbyteorder("<").str.lstrip("|")):
        raw = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        tree["dtype"] = code
        array = np.frombuffer(raw.tobytes(), np.uint8).reshape(*array.shape, array.dtype.itemsize)
    elif array.dtype.name not in _SCALARS:
        raise UnknownTypeError(f"{'.'.join(place)} is an array of {array.dtype}")
    return tree | {"at": _keep(array, arrays, *place)}


def _decode_array(tree: dict[str, Any], box: Container, inner: Callable[[Any], Any]) -> Array:
    if "of" in tree:
        check_shape(tree["shape"])
        items = [inner(item) for item in tree["of"]]
        if tree["dtype"] == "|O":
            array = np.fromiter(items, object, len(items))
        elif re.fullmatch(r"<U[0-9]{1,8}", tree["dtype"]) and all(type(item) is str for item in items):
            array = box.text(items, np.dtype(tree["dtype"]))
        else:
            raise ValueError(f"no array is of {tree['dtype']!r}")
        array = array.reshape(tree["shape"])
        return array.T if tree.get("transposed") else array
    array = box.array(tree["at"])
    if "dtype" in tree:
        if array.dtype != np.uint8 or not _OF_BYTES.fullmatch(tree["dtype"]):
            raise ValueError(f"no array is of {tree['dtype']!r}")
        dtype = np.dtype(tree["dtype"])
        if array.shape[-1:] != (dtype.itemsize,):
            raise ValueError("an array is not as long as its numbers")
        array = array.reshape(-1).view(dtype).reshape(array.shape[:-1])
    return array.T if tree.get("transposed") else array


def _encode_network(network: Network, arrays: dict[str, Array], *place: str) -> Any:
    state = network.__getstate__()
    del state["parameters"]
    prefix = "".join(f"{name}." for name in place)
    for l in range(1, network.L + 1):  # in the order of the vector
        arrays[f"{prefix}W[{l}]"], arrays[f"{prefix}b[{l}]"] = network.W[l], network.b[l]
    fields = {key: encode(item, arrays, *place, key) for key, item in state.items()}
    return {"$": "Network", "at": prefix, "state": fields}


def _decode_network(tree: dict[str, Any], box: Container, inner: Callable[[Any], Any]) -> Network:
    state, prefix = inner(tree["state"]), tree["at"]
    names = [f"{prefix}{name}[{l}]" for l in range(1, len(state["sizes"])) for name in "Wb"]
    return Network.from_state(state, box.flat(names, np.dtype(_one_of(("float32", "float64"), state["dtype"]))))


def _decode_random(kind: str, state: Any) -> Any:
    if type(state) is not dict:  # NumPy takes tuples, too
        raise ValueError("the state of a random generator is none")
    if kind == "RandomState":
        random = np.random.RandomState()
        random.set_state(state)
        return random
    source = getattr(np.random, _one_of(_GENERATORS, state["bit_generator"]))()
    source.state = state
    return np.random.Generator(source)


def _check_random(state: dict[Any, Any]) -> dict[Any, Any]:
    """NumPy takes the places of a generator in its tables on trust, and would read beyond them."""
    if "bit_generator" in state:
        for place, last in ((state["state"].get("pos", 0), 624), (state.get("buffer_pos", 0), 4)):
            if not (type(place) is int and 0 <= place <= last):
                raise ValueError("the state of a random generator is none")
    return state


def _decode_object(name: str, state: dict[str, Any]) -> Any:
    if name not in TYPES:
        raise UnknownTypeError(f"it asks for {name[:100]!r}, which is not among the types a model file may hold")
    kind: Any = _type(name)
    if hasattr(kind, "__dataclass_fields__"):
        return kind(**state)
    made = kind.__new__(kind)
    if any(key in _LEFT_OUT or callable(getattr(kind, key, None)) for key in state):
        raise ValueError(f"a {kind.__name__} has no such state")  # it would hide a method
    if not re.fullmatch(r"[\w.+-]{1,50}", state.get("_sklearn_version", "0")):  # the library's warning shows it
        raise ValueError("the version of scikit-learn is none")
    kept = dict(state)
    made.__setstate__(state)
    guards.check(made, kept)
    return made


def _keys(keys: Iterable[Any]) -> list[Any]:
    """The keys of a dict or the members of a set: a file must not choose many that hash alike, which takes hours."""
    listed = list(keys)
    plain = all(type(key) in (str, bytes, float, bool) or key is None or _is_small(key) for key in listed)
    if not plain and len(listed) > _MANY_KEYS:
        raise ValueError(f"more than {_MANY_KEYS:,} keys that are neither text nor numbers")
    return listed


def _is_small(key: Any) -> bool:
    return type(key) is int and abs(key) < 2**60


def _public(kind: type) -> str | None:
    """The listed name of a type, None if it is not listed."""
    names = (name for name in TYPES if name.rpartition(".")[2] == kind.__name__)
    root = kind.__module__.partition(".")[0]
    return next((name for name in names if name.startswith(f"{root}.") and _type(name) is kind), None)


def _type(name: str) -> Any:
    module, _, kind = name.rpartition(".")
    return getattr(import_module(module), kind)


def _fields(value: Any) -> Mapping[str, Any]:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _keep(array: Array, arrays: dict[str, Array], *place: str) -> str:
    """Store an array under the name of its place."""
    name = first = ".".join(place).encode(errors="replace").decode() or "array"
    while name in arrays or name == "__metadata__":
        name = f"{first} {len(arrays)}"
    arrays[name] = array
    return name


def _one_of(names: tuple[str, ...], name: str) -> str:
    if name not in names:
        raise ValueError(f"nothing is called {name!r:.100}")
    return name
