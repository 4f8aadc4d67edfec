"""Values as JSON and arrays, and back: only values of the types listed here, so that a file can run nothing.

A value becomes JSON in which ``{"$": kind, …}`` stands for what JSON does not have. Its arrays are kept apart, each
under the names that lead to it, as in ``steps.1.1.network_.W[1]``. Reading creates an object of a listed type and gives
it its state, as unpickling would; but a file can name no type and no function beyond those listed here, and states that
could do harm are refused (guards.py).
"""

import dataclasses
import math
import re
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.files import guards
from chainrule.files.container import DTYPES, LARGEST_TEXT, Container, RefusedError, check_shape, require
from chainrule.files.predicates import check_keys

# Types that are still where their names in a file say: module → their names.
_UNMOVED = {
    "chainrule.normalization": "Normalizer",
    "chainrule.optimizers": "GradientDescent Momentum HeavyBall Nesterov RMSProp Adam AdamW LBFGS",
    "chainrule.schedules": "Constant InverseTime StepDecay InverseScaling Cosine CosLog4 WarmUp",
    "sklearn.pipeline": "Pipeline",
    "sklearn.compose": "ColumnTransformer make_column_selector",
    "sklearn.decomposition": "PCA",
    "sklearn.model_selection": "KFold",
    "sklearn.impute": "SimpleImputer MissingIndicator",
    "sklearn.feature_selection": "VarianceThreshold",
    "sklearn.preprocessing": "StandardScaler MinMaxScaler MaxAbsScaler RobustScaler PowerTransformer "
    "QuantileTransformer OneHotEncoder OrdinalEncoder TargetEncoder LabelEncoder LabelBinarizer FunctionTransformer",
    "sklearn.feature_extraction.text": "CountVectorizer TfidfVectorizer TfidfTransformer",
}
# The types that a file may hold: the name in the file → where the type is, "module:name". When code moves, only the
# right side changes. A module is imported when a file asks for its type, and not before.
PLACES: dict[str, str] = {
    "Network": "chainrule.network:Network",
    "chainrule.MLPClassifier": "chainrule.estimators.classifier:MLPClassifier",
    "chainrule.MLPRegressor": "chainrule.estimators.regressor:MLPRegressor",
    "chainrule.TabularClassifier": "chainrule.tabular.estimators:TabularClassifier",
    "chainrule.TabularRegressor": "chainrule.tabular.estimators:TabularRegressor",
    "chainrule.tabular.Plan": "chainrule.tabular.plan:Plan",
    "chainrule.tabular.Column": "chainrule.tabular.roles:Column",
    "chainrule.tabular.Columns": "chainrule.tabular.transformers:Columns",
    "chainrule.tabular.Intervals": "chainrule.tabular.intervals:Intervals",
    "chainrule.tabular.Importances": "chainrule.tabular.importance:Importances",
    "chainrule.tabular.Importance": "chainrule.tabular.importance:Importance",
    "chainrule.tabular.DateParts": "chainrule.tabular.calendar:DateParts",
    "chainrule.tabular.PiecewiseLinear": "chainrule.tabular.encoders:PiecewiseLinear",
    "chainrule.tabular.TargetStatistics": "chainrule.tabular.encoders:TargetStatistics",
    **{f"{module}.{name}": f"{module}:{name}" for module, names in _UNMOVED.items() for name in names.split()},
}
NETWORK = "Network"  # stored in a form of its own, with its parameters layer by layer
_STORED_NAMES = {place.partition(":")[2]: name for name, place in PLACES.items()}

_SCALARS = {dtype.name: dtype for dtype in DTYPES.values()}
# Types and functions as values: the dtype of an encoder, what a FunctionTransformer does.
_KINDS = ("number", "integer", "floating", "datetime64", "timedelta64")  # those of columns that are selected
_UFUNCS = ("log", "log1p", "log2", "log10", "exp", "expm1", "sqrt", "cbrt", "square", "abs", "sign")
_NAMED: dict[str, Any] = {"float": float, "int": int, "bool": bool, "str": str, "object": object}
_NAMED |= {f"numpy.{name}": getattr(np, name) for name in (*_SCALARS, *_KINDS, *_UFUNCS)}
_GENERATORS = {name: getattr(np.random, name) for name in ("MT19937", "PCG64", "PCG64DXSM", "SFC64", "Philox")}
# Not stored: what only a training needs to go on (the optimizer's moments, as large as the parameters, and its random
# numbers, which the next fit begins anew), and callbacks.
_LEFT_OUT = ("_optimizer", "_random_state", "_skl_callbacks")
_DEEPEST = 60  # values within values
_LONG_LIST = 32  # numbers from which on a list is stored as an array
_NUMBER_LISTS: dict[str, Any] = {"floats": (np.float64, float), "ints": (np.int64, int)}
_DTYPE = re.compile(r"[<>|]?([biuf][1248]|[?O]|[SU][0-9]{1,4}|[Mm]8(\[\w+\])?)")
_STORED_AS_BYTES = re.compile(r"S[1-9][0-9]{0,8}|<?[Mm]8(\[\w+\])?|<c8|<c16")


class UnknownTypeError(TypeError):
    """A value is of a type that is not listed."""


class UnsafeStateError(ValueError):
    """An object has a state with which it would be refused when it is read."""


def encode(value: Any, arrays: dict[str, Array], *path: str) -> Any:
    """The JSON of a value; its arrays are added to `arrays`.

    path: the names that lead to the value, from the outermost one on. Raises UnknownTypeError and UnsafeStateError,
    which say where.
    """
    if len(path) > _DEEPEST:
        raise UnknownTypeError(f"{'.'.join(path[:4])} …: values within values, more than {_DEEPEST} deep")

    def inner(value: Any, name: object) -> Any:
        return encode(value, arrays, *path, str(name))

    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is np.str_:
        return str(value)
    if kind is float:
        return value if math.isfinite(value) else {"$": "float", "is": repr(value)}
    if kind is list:
        for name, (dtype, number) in _NUMBER_LISTS.items() if len(value) >= _LONG_LIST else ():
            if all(type(item) is number and (number is float or abs(item) < 2**63) for item in value):
                return {"$": name, "at": _add(np.array(value, dtype), arrays, *path)}
        return [inner(item, i) for i, item in enumerate(value)]
    if kind in (set, frozenset, dict):
        _keys_can_be_read(value, *path)
    if kind in (tuple, set, frozenset):
        return {"$": kind.__name__, "of": [inner(item, i) for i, item in enumerate(value)]}
    if kind is slice:
        return {"$": "slice", "of": [inner(part, "slice") for part in (value.start, value.stop, value.step)]}
    if kind.__name__ == "NAType" and value is getattr(sys.modules.get("pandas"), "NA", None):
        return {"$": "NA"}
    if kind is bytes:
        return {"$": "bytes", "is": value.hex()}
    if kind is dict:
        if all(type(key) is str for key in value) and "$" not in value:
            return {key: inner(item, key) for key, item in value.items()}
        return {"$": "dict", "of": [[inner(key, "key"), inner(item, key)] for key, item in value.items()]}
    if kind in (np.ndarray, np.memmap):
        return _encode_array(value, arrays, *path)
    if isinstance(value, np.generic) and value.dtype.name in _SCALARS:
        return {"$": "scalar", "dtype": value.dtype.name, "is": inner(value.item(), "value")}
    if isinstance(value, np.dtype) and _DTYPE.fullmatch(value.str):
        return {"$": "dtype", "is": value.str}
    if isinstance(value, (type, np.ufunc)) and value in _NAMED.values():
        return {"$": "named", "is": next(name for name, named in _NAMED.items() if named is value)}
    if kind is np.random.RandomState and (state := value.get_state(legacy=False))["bit_generator"] == "MT19937":
        return {"$": "RandomState", "state": inner(state, "state")}
    if kind is np.random.Generator and (state := value.bit_generator.state)["bit_generator"] in _GENERATORS:
        return {"$": "Generator", "state": inner(state, "state")}
    return _encode_object(value, arrays, *path)


def decode(tree: Any, file: Container, depth: int = 0) -> Any:
    """The value of a tree that `encode` has made, with the arrays of a file.

    Raises RefusedError for a type that is not listed, and errors of any class for a tree that `encode` has not made.
    """
    require(depth <= 3 * _DEEPEST, "values within values, too deep")

    def inner(part: Any) -> Any:
        return decode(part, file, depth + 1)

    if not isinstance(tree, (list, dict)):
        return tree
    if isinstance(tree, list):
        return [inner(part) for part in tree]
    if "$" not in tree:
        return _check_generator({key: inner(part) for key, part in tree.items()})
    match tree["$"]:
        case "float":
            return float(tree["is"])
        case "floats" | "ints" as name:
            numbers = file.array(tree["at"])
            fits = numbers.dtype == _NUMBER_LISTS[name][0] and numbers.ndim == 1
            require(fits, f"a list of {name} is an array of shape {numbers.shape} of {numbers.dtype}")
            return numbers.tolist()
        case "tuple":
            return tuple(map(inner, tree["of"]))
        case "set" | "frozenset" as name:
            return {"set": set, "frozenset": frozenset}[name](check_keys(map(inner, tree["of"])))
        case "slice":
            start, stop, step = map(inner, tree["of"])
            return slice(start, stop, step)
        case "NA":
            return import_module("pandas").NA
        case "bytes":
            return bytes.fromhex(tree["is"])
        case "dict":
            keys = check_keys(inner(key) for key, _ in tree["of"])
            return _check_generator({key: inner(part) for key, (_, part) in zip(keys, tree["of"], strict=True)})
        case "array":
            return _decode_array(tree, file, inner)
        case "scalar":
            return _SCALARS[tree["dtype"]].type(inner(tree["is"]))
        case "dtype":
            require(_DTYPE.fullmatch(tree["is"]), f"no dtype is {tree['is']!r:.100}")
            return np.dtype(tree["is"])
        case "named":
            return _NAMED[tree["is"]]
        case "RandomState" | "Generator" as name:
            return _decode_generator(name, inner(tree["state"]))
        case "Network":
            return _decode_network(tree, file, inner)
        case "object":
            return _decode_object(tree["type"], inner(tree["state"]))
        case _:
            raise ValueError(f"nothing is called {tree['$']!r:.100}")


# -- arrays ------------------------------------------------------------------------------------------------------------


def _encode_array(array: Array, arrays: dict[str, Array], *path: str) -> Any:
    kind = array.dtype.kind
    tree: dict[str, Any] = {"$": "array"}
    if array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous:
        tree["transposed"], array = True, array.T  # the memory order decides on the last bits of a product
    if kind == "U" and array.nbytes > LARGEST_TEXT:
        raise UnknownTypeError(f"{'.'.join(path)} is an array of text of {array.nbytes:,} bytes, more than are read")
    if kind in "OU":  # of anything, as labels are, or of text
        items = [encode(item, arrays, *path, str(i)) for i, item in enumerate(array.ravel().tolist())]
        return tree | {"dtype": array.dtype.newbyteorder("<").str, "shape": list(array.shape), "of": items}
    if kind in "SMmc" and _STORED_AS_BYTES.fullmatch(code := array.dtype.newbyteorder("<").str.lstrip("|")):
        raw = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        tree["dtype"] = code
        array = np.frombuffer(raw.tobytes(), np.uint8).reshape(*array.shape, array.dtype.itemsize)
    elif array.dtype.name not in _SCALARS:
        raise UnknownTypeError(f"{'.'.join(path)} is an array of {array.dtype}")
    return tree | {"at": _add(array, arrays, *path)}


def _decode_array(tree: dict[str, Any], file: Container, inner: Callable[[Any], Any]) -> Array:
    dtype: Any = tree.get("dtype")
    if "of" in tree:
        check_shape(tree["shape"])
        items = [inner(item) for item in tree["of"]]
        if dtype == "|O":
            array = np.fromiter(items, object, len(items))
        else:
            text = re.fullmatch(r"<U[0-9]{1,8}", dtype) and all(type(item) is str for item in items)
            require(text, f"no array is of {dtype!r:.100}")
            array = file.text(items, np.dtype(dtype))
        array = array.reshape(tree["shape"])
    else:
        array = file.array(tree["at"])
        if dtype is not None:
            size = np.dtype(dtype).itemsize if _STORED_AS_BYTES.fullmatch(dtype) else -1
            require(array.dtype == np.uint8 and array.shape[-1:] == (size,), f"no array is of {dtype!r:.100}")
            array = array.reshape(-1).view(dtype).reshape(array.shape[:-1])
    return array.T if tree.get("transposed") else array


def _add(array: Array, arrays: dict[str, Array], *path: str) -> str:
    """Add an array to those of the file; the name that it has there."""
    name = first = ".".join(path).encode(errors="replace").decode() or "array"
    while name in arrays or name == "__metadata__":
        name = f"{first} {len(arrays)}"
    arrays[name] = array
    return name


# -- objects of the listed types ---------------------------------------------------------------------------------------


def stored_name(kind: type) -> str | None:
    """The name of a type in files, None for a type that is not listed.

    Nothing is imported: a value that exists has a type whose module has been.
    """
    name = _STORED_NAMES.get(kind.__name__, "")
    module, _, attribute = PLACES.get(name, "").partition(":")
    return name if getattr(sys.modules.get(module), attribute, None) is kind else None


def _load_type(name: str) -> Any:
    """The type of a name in a file."""
    module, _, attribute = PLACES[name].partition(":")
    return getattr(import_module(module), attribute)


def _encode_object(value: Any, arrays: dict[str, Array], *path: str) -> Any:
    kind = type(value)
    name = stored_name(kind)
    if name is None:
        what = f"the function {value.__name__}" if callable(value) and hasattr(value, "__name__") else kind.__qualname__
        raise UnknownTypeError(f"{'.'.join(path) or 'it'} is {what} ({kind.__module__})")
    if name == NETWORK:
        return _encode_network(value, arrays, *path)
    if dataclasses.is_dataclass(value):
        state = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    else:
        state = {key: item for key, item in value.__getstate__().items() if key not in _LEFT_OUT}
    try:
        guards.check(value, state)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        where = ".".join(path) or "it"
        raise UnsafeStateError(f"{where} is a {kind.__name__} that could not be read again: {error}") from None
    fields = {key: encode(item, arrays, *path, key) for key, item in state.items()}
    return {"$": "object", "type": name, "state": fields}


def _decode_object(name: str, state: dict[str, Any]) -> Any:
    if name == NETWORK or name not in PLACES:
        raise RefusedError(f"refused, it asks for {name[:100]!r}, which is not among the types a model file may hold")
    kind = _load_type(name)
    if hasattr(kind, "__dataclass_fields__"):
        made = kind(**state)
        guards.check(made, state)
        return made
    made = kind.__new__(kind)
    bad = any(key in _LEFT_OUT or callable(getattr(kind, key, None)) for key in state)  # it would hide a method
    require(not bad, f"a {kind.__name__} has no such state")
    version = state.get("_sklearn_version", "0")  # the library's warning shows it
    require(re.fullmatch(r"[\w.+-]{1,50}", version), "the version of scikit-learn is not one")
    given = dict(state)  # scikit-learn takes its version out
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
    else:
        vars(made).update(state)
    guards.check(made, given)
    return made


def _encode_network(network: Any, arrays: dict[str, Array], *path: str) -> Any:
    state = network.__getstate__()
    del state["parameters"]
    prefix = "".join(f"{name}." for name in path)
    for l in range(1, network.L + 1):  # in the order of the vector
        arrays[f"{prefix}W[{l}]"], arrays[f"{prefix}b[{l}]"] = network.W[l], network.b[l]
    fields = {key: encode(item, arrays, *path, key) for key, item in state.items()}
    return {"$": NETWORK, "at": prefix, "state": fields}


def _decode_network(tree: dict[str, Any], file: Container, inner: Callable[[Any], Any]) -> Any:
    state, prefix = inner(tree["state"]), tree["at"]
    names = [f"{prefix}{name}[{l}]" for l in range(1, len(state["sizes"])) for name in "Wb"]
    return _load_type(NETWORK).from_state(state, file.flat(names, _SCALARS[state["dtype"]]))


# -- what NumPy and Python would take on trust -------------------------------------------------------------------------


def _keys_can_be_read(keys: Iterable[Any], *path: str) -> None:
    try:
        check_keys(keys)
    except ValueError as error:
        raise UnsafeStateError(f"{'.'.join(path) or 'it'} has {error}") from None


def _decode_generator(kind: str, state: Any) -> Any:
    # NumPy takes tuples, too, which nobody has checked.
    require(type(state) is dict, f"the state of a {kind} is a {type(state).__name__}")
    if kind == "RandomState":
        random = np.random.RandomState()
        random.set_state(state)
        return random
    source = _GENERATORS[state["bit_generator"]]()
    source.state = state
    return np.random.Generator(source)


def _check_generator(state: dict[Any, Any]) -> dict[Any, Any]:
    """A dict, which is no state of a generator that would read beyond its table of numbers: NumPy does not check it."""
    if "bit_generator" in state:
        for position, last in ((state["state"].get("pos", 0), 624), (state.get("buffer_pos", 0), 4)):
            inside = type(position) is int and 0 <= position <= last
            require(inside, "a random generator stands beyond its table of numbers")
    return state
