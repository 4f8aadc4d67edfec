"""What a training gives back, in whatever form: its costs, and W and b after each update."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.network import Network

_COSTS = ("costs", "cost", "J", "losses", "loss", "cost_history", "costs_history", "loss_history", "history_costs")
_PARAMETERS = (
    "parameters", "params", "parameters_history", "params_history", "parameter_history", "snapshots", "theta", "thetas",
    "weights_history", "history",
)  # fmt: skip
_W = re.compile(r"(?:W|w|weights?|theta)_?\[?(\d*)\]?_?", re.IGNORECASE)
_B = re.compile(r"(?:b|bias|biases|intercepts?)_?\[?(\d*)\]?_?", re.IGNORECASE)
WANTED = (
    "wanted (costs, parameters): a list of numbers, and a list with the parameters after each update, each of them a "
    'dictionary with "W1", "b1", …, or (W, b), or [W1, b1, W2, b2, …]; best with those before the first update in front'
)
Layers = list[Array]


class Returned:
    """Costs and parameters, as they came.

    costs: a number for each, or None. parameters: (W, b) for each, lists of L arrays of any shape. same: the names of
    the tensors that are one array after every update.
    """

    def __init__(self, result: Any, most: int) -> None:
        costs, items = _halves(result, most)
        if not items:
            raise ValueError(f"f: got no parameters, {WANTED}")
        try:
            self.costs = [np.asarray(cost, dtype=np.float64) for cost in costs]
        except (TypeError, ValueError):
            raise ValueError(f"f: the costs are no numbers; {WANTED}") from None
        self.parameters: list[tuple[Layers, Layers]] = []
        for i, item in enumerate(items):
            layers = _layers(item)
            if layers is None:
                one = f"the parameters {_shown(item)}" if not i else f"those of number {i} {_shown(item)}"
                raise ValueError(f"f: cannot find W and b in {one}; {WANTED}")
            self.parameters.append(layers)
        counts = {len(W) for W, _ in self.parameters}
        if len(counts) > 1:
            raise ValueError(f"f: got parameters of {min(counts)} and of {max(counts)} layers; {WANTED}")
        self.same = self._same()

    def _same(self) -> tuple[str, ...]:
        """The tensors that lie at one place of memory in all parameters after the first, which may be a copy."""
        if len(self.parameters) < 3:
            return ()
        places = [
            {
                f"{kind}[{l}]": array.__array_interface__["data"][0]
                for kind, layers in zip("Wb", both, strict=True)
                for l, array in enumerate(layers, 1)
            }
            for both in self.parameters[1:]
        ]
        return tuple(name for name in places[0] if len({place[name] for place in places}) == 1)


def _shown(item: Any) -> str:
    """What was given, in a few words."""
    if isinstance(item, Mapping):
        return f"{{{', '.join(repr(key) for key in list(item)[:6])}{', …' if len(item) > 6 else ''}}}"
    if isinstance(item, (list, tuple)):
        return f"({type(item).__name__} of {len(item)}: {', '.join(type(part).__name__ for part in item[:4])})"
    return f"({type(item).__name__}{f' of shape {item.shape}' if hasattr(item, 'shape') else ''})"


def _halves(result: Any, most: int) -> tuple[Sequence[Any], Sequence[Any]]:
    """The costs, and the parameters of each update."""
    if hasattr(result, "__next__"):
        return _pairs([_copied(item) for item, _ in zip(result, range(most + 1), strict=False)])
    if result is None or isinstance(result, (int, float, str)):
        raise ValueError(f"f: got {result!r}, {WANTED}")
    named = _named(result)
    if named is not None:
        costs = next((named[name] for name in _COSTS if name in named and _is_costs(named[name])), None)
        parameters = next((named[name] for name in _PARAMETERS if name in named and not _is_costs(named[name])), None)
        if parameters is None:
            parameters = {name: value for name, value in named.items() if value is not costs}
        return ([] if costs is None else costs), _updates(parameters)
    if not isinstance(result, (list, tuple)):
        raise ValueError(f"f: got {type(result).__name__}, {WANTED}")
    if 1 < len(result) < 8:  # (costs, parameters), perhaps with more, in any order
        at = next((i for i, part in enumerate(result) if _is_costs(part)), None)
        others = [part for i, part in enumerate(result) if i != at and part is not None]
        if at is not None and not others:
            raise ValueError(f"f: got costs without parameters, {WANTED}")
        if at is not None:
            if len(others) > 1 and _layers(tuple(others)) is not None:
                others = [tuple(others)]  # (costs, W, b)
            longest = max(others, key=lambda part: len(part) if isinstance(part, (list, tuple)) else 0)
            return result[at], _updates(longest)
        if len(others) < len(result) and len(others) == 1:
            return [], _updates(others[0])
    return _pairs(result)


def _named(result: Any) -> Mapping[str, Any] | None:
    """The parts by name, if they have names."""
    if isinstance(result, Mapping):
        return result
    if isinstance(result, (list, tuple, np.ndarray)):
        return {name: getattr(result, name) for name in result._fields} if hasattr(result, "_fields") else None
    found = {name: getattr(result, name) for name in dir(result) if not name.startswith("_")}
    return {name.removesuffix("_"): value for name, value in found.items() if not callable(value)}


def _is_costs(part: Any) -> bool:
    """Whether it is a list of numbers."""
    if not isinstance(part, (list, tuple, np.ndarray)) or not len(part):
        return False
    try:
        numbers = np.asarray(part, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return bool(numbers.size == len(part))


def _pairs(items: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    """Of (cost, parameters) for each update, in either order, or a dictionary with both: the costs and the rest."""
    costs, rest = [], []
    for item in items:
        if isinstance(item, Mapping) and any(name in item for name in _COSTS):
            name = next(name for name in _COSTS if name in item)
            costs.append(item[name])
            others = {key: value for key, value in item.items() if key != name}
            rest.append(next((others[name] for name in _PARAMETERS if name in others), others))
        elif isinstance(item, (tuple, list)) and (at := _cost_in(item)) is not None:
            costs.append(item[at])
            rest.append(_without(item, at))
        else:
            rest.append(item)
    if costs and len(costs) != len(rest):  # a number among W and b, such as the b of one unit
        return [], items
    return costs, rest


def _cost_in(item: Sequence[Any]) -> int | None:
    """The place of a number beside parameters."""
    for at, part in enumerate(item[:3]):
        if _number(part) and np.size(part) == 1 and _layers(_without(item, at)) is not None:
            return at
    return None


def _without(item: Sequence[Any], at: int) -> Any:
    left = tuple(part for i, part in enumerate(item) if i != at)
    return left[0] if len(left) == 1 else left


def _number(part: Any) -> bool:
    return isinstance(part, (int, float, np.number)) or (isinstance(part, np.ndarray) and part.dtype.kind in "fiu")


def _updates(parameters: Any) -> Sequence[Any]:
    """The parameters of each update, of a list of them, or of lists by name: {"W1": one for each update, …}."""
    if hasattr(parameters, "__next__"):
        return list(parameters)
    if isinstance(parameters, Mapping):
        keys = [key for key in parameters if isinstance(key, int) and not isinstance(key, bool)]
        if keys and len(keys) == len(parameters) and _layers(parameters[keys[0]]) is not None:
            return [parameters[key] for key in sorted(keys)]  # by the number of the update
        stacked = {key: value for key, value in parameters.items() if isinstance(key, str) and _of(key) is not None}
        if stacked and all(_is_stack(key, value) for key, value in stacked.items()):
            lengths = {len(value) for value in stacked.values()}
            if len(lengths) == 1:
                return [{key: value[k] for key, value in stacked.items()} for k in range(lengths.pop())]
    if isinstance(parameters, (list, tuple)):
        if all(_layers(item) is not None for item in parameters[:3]) and len(parameters):
            return parameters
        if _layers(parameters) is None:
            return parameters
    if _layers(parameters) is not None:
        raise ValueError(
            "f: got the parameters of one moment only, wanted those after each update: put a copy of each into a list"
        )
    if isinstance(parameters, (list, tuple)):
        return parameters
    raise ValueError(f"f: got {_shown(parameters)} for the parameters; {WANTED}")


def _is_stack(key: str, value: Any) -> bool:
    """Whether it is a list, or an array, with one W or b for each update."""
    dimensions = {np.ndim(one) for one in value} if isinstance(value, (list, np.ndarray)) and len(value) else set()
    return dimensions == {2} or (bool(_B.fullmatch(key)) and bool(dimensions) and dimensions <= {0, 1, 2})


def _of(key: Any) -> tuple[str, int] | None:
    """("W", 2) of "W2" and its like."""
    for kind, pattern in (("W", _W), ("b", _B)):
        if match := pattern.fullmatch(str(key)):
            return kind, int(match[1] or 0)
    return None


def _layers(item: Any) -> tuple[Layers, Layers] | None:
    """W and b of all layers, in the order of the layers; None if there are none."""
    if isinstance(item, Network):
        return list(item.W[1:]), list(item.b[1:])
    if isinstance(item, (list, tuple)) and not hasattr(item, "_fields"):
        return _of_list(item)
    if isinstance(item, (np.ndarray, str, int, float, np.number)) or item is None:
        return None
    if not isinstance(item, Mapping):
        named = _named(item) or {}
        return None if not named else _layers(named.get("layers", named) if "layers" in named else dict(named))
    found: dict[str, dict[int, Any]] = {"W": {}, "b": {}}
    for key, value in item.items():
        if (of := _of(key)) is not None:
            found[of[0]][of[1]] = value
    if found["W"] and found["b"]:
        halves = [[values[l] for l in sorted(values)] for values in found.values()]
        if len(halves[0]) == len(halves[1]) == 1 and all(isinstance(half[0], (list, tuple)) for half in halves):
            return _of_list([half[0] for half in halves])  # {"W": [None, W1, …], "b": […]}
        return _arrays(*halves)
    inside = [item[key] for key in item if isinstance(item[key], (Mapping, list, tuple))]
    if len(inside) == len(item) and inside:  # by the layer: {1: {"W": …, "b": …}}
        return _of_list(inside)
    return next((layers for name in _PARAMETERS if name in item and (layers := _layers(item[name]))), None)


def _of_list(item: Sequence[Any]) -> tuple[Layers, Layers] | None:
    """Of (W, b), lists; of one (W, b) for each layer; of [W1, b1, W2, b2, …] or [W1, W2, …, b1, b2, …]."""
    item = [one for one in item if one is not None] if len(item) and item[0] is None else item
    ways: list[tuple[Sequence[Any], Sequence[Any]]] = []
    if len(item) == 2 and all(isinstance(half, (list, tuple)) and _is_arrays(half) for half in item):
        W, b = ([one for one in half if one is not None] for half in item)
        if len(W) == len(b):
            ways.append((W, b))
    if item and all(isinstance(one, (Mapping, list, tuple)) or hasattr(one, "__dict__") for one in item):
        each = [layers for one in item if (layers := _layers(one)) is not None and len(layers[0]) == 1]
        if len(each) == len(item):
            pairs = [W[0] for W, _ in each], [b[0] for _, b in each]
            ways.insert(0 if all(isinstance(one, tuple) for one in item) else len(ways), pairs)
    elif len(item) >= 2 and not len(item) % 2 and _is_arrays(item):
        half = len(item) // 2
        ways += [(item[::2], item[1::2]), (item[:half], item[half:])]
    found = [layers for way in ways if (layers := _arrays(*way)) is not None]
    for transposed in (False, True):
        for layers in found:
            if _fit(*layers, transposed):
                return layers
    return next((layers for layers in found if all(_follows(*pair) for pair in pairwise(layers[0]))), None) or (
        found[0] if found else None
    )


def _fit(W: Layers, b: Layers, transposed: bool) -> bool:
    """Whether the shapes go together, as W[l] (n[l], n[l-1]) or its transpose."""
    if any(V.ndim != 2 for V in W):
        return len(W) == 1 and b[0].size == 1
    shapes = [V.shape[::-1] if transposed else V.shape for V in W]
    chained = all(after[1] == before[0] for before, after in pairwise(shapes))
    return chained and all(v.size == shape[0] for v, shape in zip(b, shapes, strict=True))


def _follows(W: Any, after: Any) -> bool:
    """Whether one W may be that of the layer after the other, (n[l+1], n[l]) or its transpose."""
    shapes = np.shape(W), np.shape(after)
    return len(shapes[0]) == len(shapes[1]) == 2 and (shapes[0][0] == shapes[1][1] or shapes[0][1] == shapes[1][0])


def _is_arrays(parts: Sequence[Any]) -> bool:
    return bool(len(parts)) and all(one is None or isinstance(one, np.ndarray) or _number(one) for one in parts)


def _arrays(W: Sequence[Any], b: Sequence[Any]) -> tuple[Layers, Layers] | None:
    """Both as arrays, if they can be W and b."""
    W, b = ([one for one in half if one is not None] for half in (W, b))
    if len(W) != len(b) or not W:
        return None
    try:
        arrays = [[np.asarray(one) for one in half] for half in (W, b)]
    except (TypeError, ValueError):
        return None
    numbers = all(one.dtype.kind in "fiub" and one.ndim <= 2 and one.size for half in arrays for one in half)
    return (arrays[0], arrays[1]) if numbers and all(one.ndim for one in arrays[0]) else None


def _copied(item: Any) -> Any:
    """What a generator gives, before it goes on and changes it."""
    if isinstance(item, np.ndarray):
        return item.copy()
    if isinstance(item, Mapping):
        return {key: _copied(value) for key, value in item.items()}
    if isinstance(item, (list, tuple)) and not hasattr(item, "_fields"):
        return type(item)(_copied(part) for part in item)
    layers = None if item is None or isinstance(item, (int, float, str)) else _layers(item)
    return item if layers is None else tuple([one.copy() for one in half] for half in layers)


def tensors(W: Layers, b: Layers) -> Iterator[tuple[str, Array]]:
    """Names and arrays in the order of the backward pass: W[L], b[L], W[L-1], …."""
    for l in range(len(W), 0, -1):
        yield f"W[{l}]", W[l - 1]
        yield f"b[{l}]", b[l - 1]
