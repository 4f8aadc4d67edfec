"""From a source to examples: bundled sets, tables, pictures, points painted by hand, formulas, arrays of a program."""

import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule import datasets
from chainrule._types import Array
from chainrule.checks import check_finite, plain
from chainrule.lab import formula
from chainrule.lab.design import Examples
from chainrule.lab.given import MOST_ROWS, Given, examples, featured, finite
from chainrule.text import unknown

MOST_POINTS, MOST_CLASSES = 2000, 10  # painted by hand; chosen
FURTHEST = 1e100  # of a painted point from 0: sums of squares of such numbers are finite; chosen
_COLUMNS = ("iris", "wine", "breast_cancer", "diabetes")  # bundled sets whose columns have names
_PREVIEWED, _PICTURES = 300, 24  # examples that a small picture of the data shows
_TABLE = (
    *("path", "upload", "target", "task", "drop", "keep", "number", "category", "date", "text", "day_first"),
    *("header", "sheet", "encoding", "m"),
)
_IMAGES = ("path", "upload", "size", "gray", "m")


def load(spec: Mapping[str, Any], uploads: Mapping[str, Any] | None = None) -> Examples:
    """The examples that a spec describes; docs of each kind are at its function. ValueError for what cannot be.

    Every spec has "kind", and may have "validation", the share of the examples that is held out, "split_seed", of the
    order in which these are drawn, "scale_target", whether the target of a regression is standardized (of tables it is,
    unless this is false), and, of one or two inputs that are no table, "features": formulas of them to have instead.
    uploads: of each id the path of what was uploaded, or the `arrays` of a program.
    """
    return _of_kind(spec)(spec, uploads or {})


def understand(spec: Mapping[str, Any], uploads: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What a source holds and how it would be read, as JSON, without taking it.

    "name", "task", "rows", "inputs" (names; of a table those it has before its columns are worked on), "target",
    "targets" (columns that may be it, the likeliest first), "classes" (with the rows of each), "columns" (see
    `tables.described`), "image", "remarks", and of data of two inputs, of a line and of pictures "preview": x and y of
    some examples. Of a bundled set also "about", what it is, and "arguments" with what they are unless given.
    """
    if _of_kind(spec) in (_table, _images):
        from chainrule.lab import tables

        known = _TABLE if spec["kind"] == "file" else _IMAGES
        return tables.understand(Given(spec, known), uploads or {})
    made = load({**spec, "validation": 0}, uploads)
    labels = _labels(made)
    counts = np.bincount(labels, minlength=len(made.classes)) if labels is not None else ()
    more: dict[str, Any] = {}
    if spec["kind"] == "bundled":
        make = datasets.NAMES[spec["name"]]
        parameters = inspect.signature(make).parameters.values()
        about = (inspect.getdoc(make) or "").partition("\n")[0]
        more = {"about": about.replace("`", ""), "arguments": {each.name: each.default for each in parameters}}
    return {
        "name": made.name,
        "task": made.task,
        "rows": made.X.shape[1],
        "inputs": list(made.inputs),
        "target": made.target,
        "targets": [],
        "classes": [
            {"name": name, "rows": int(count)} for name, count in zip(made.classes, counts, strict=False)
        ],
        "columns": [],
        "image": made.image,
        "remarks": list(made.remarks),
        "preview": _preview(made, labels),
        **more,
    }  # fmt: skip


def _labels(made: Examples) -> Array | None:
    if made.task == "regression":
        return None
    labels: Array = (made.Y[0] > 0.5).astype(np.int64) if len(made.Y) == 1 else made.Y.argmax(axis=0)
    return labels


def _preview(made: Examples, labels: Array | None) -> dict[str, Any]:
    """Some examples, from the first to the last: of pictures the pixels, else the first two inputs."""
    m, places = made.X.shape[1], made.coordinates("train")
    some = np.unique(np.linspace(0, m - 1, _PICTURES if made.image else _PREVIEWED).astype(int))
    x = (made.X[: None if made.image else 2] if places is None else places)[:, some]
    y = (made.Y[0] if labels is None else labels)[some]
    return {"x": x.astype(np.float32), "y": y.astype(np.float32)}


# -- kinds -------------------------------------------------------------------------------------------------------------


def _bundled(spec: Mapping[str, Any], uploads: Mapping[str, Any]) -> Examples:
    """{"kind": "bundled", "name": "flower"} and the arguments of that function of `chainrule.datasets`.

    "one_hot": of two classes there is an output for each, as of more.
    """
    name = spec.get("name")
    if not isinstance(name, str) or name not in datasets.NAMES:
        raise unknown("bundled data set", name, datasets.NAMES)
    make = datasets.NAMES[name]
    parameters = inspect.signature(make).parameters
    given = Given(spec, ("name", "features", "one_hot", *parameters))
    limits = {"m": (1, MOST_ROWS), "seed": (0, 2**32 - 1), "classes": (2, MOST_CLASSES), "bits": (1, 16)}
    arguments: dict[str, Any] = {}
    for key in parameters:
        if given.get(key) is not None:
            arguments[key] = given.whole(key, None, *limits[key]) if key in limits else given.number(key, None, 0, 1e6)
    X, Y = make(**arguments)
    said = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
    task = "classes" if len(Y) > 1 else "binary" if np.isin(Y, (0, 1)).all() else "regression"
    rest: dict[str, Any] = {"target": "y" if task == "regression" else "class"}
    if task != "regression":
        rest["classes"] = tuple(map(str, range(max(2, len(Y)))))
    if name == "digits":
        rest |= {"image": (8, 8, 1), "target": "digit"}
        rest["inputs"] = [f"pixel {r},{c}" for r in range(8) for c in range(8)]
    if name in _COLUMNS:
        rest |= _named(name, Y, task)
    code = [f"X, Y = cr.datasets.{name}({said})"]
    if given.flag("one_hot") and task == "binary":
        task, Y = "classes", np.vstack([1 - Y, Y])
        code.append("Y = np.vstack([1 - Y, Y])")
    return examples(given, str(name), X, Y, code, task=task, **rest)


def _named(name: str, Y: Array, task: str) -> dict[str, Any]:
    """What the columns and the classes of a bundled table are called."""
    from chainrule import readers

    table = readers.read(name)
    rest: dict[str, Any] = {"inputs": list(map(str, table.X.columns)), "target": table.target}  # type: ignore[union-attr]
    if task != "regression":
        labels, words = (Y[0] if len(Y) == 1 else Y.argmax(axis=0)), np.asarray(table.y)
        rest["classes"] = tuple(str(words[labels == k][0]) for k in range(max(2, len(Y))))
    return rest


def _points(spec: Mapping[str, Any], uploads: Mapping[str, Any]) -> Examples:
    """{"kind": "points", "points": [[x1, x2, class], …], "classes": 2}: painted by hand.

    "names" are those of the classes; "range", [[low, high], [low, high]], is what the page shows of the plane.
    """
    given = Given(spec, ("points", "classes", "names", "range", "features"))
    k = given.whole("classes", 2, 2, MOST_CLASSES)
    classes = tuple(given.names("names") or map(str, range(k)))
    if len(set(classes)) != k:
        raise ValueError(f"names: got {list(classes)!r:.80}, wanted {k}, each another one")
    points = given.get("points", [])
    if not isinstance(points, list | tuple | np.ndarray) or not len(points):
        raise ValueError(f"points: got {points!r:.40}, wanted at least one, each [x1, x2, class]")
    if len(points) > MOST_POINTS:
        raise ValueError(f"points: got {len(points):,}, wanted at most {MOST_POINTS:,}")
    _check_range(given.get("range"))
    columns: list[list[float]] = [[], [], []]
    for i, point in enumerate(points):
        values = np.asarray(point).tolist() if isinstance(point, np.ndarray) else point
        if not isinstance(values, list | tuple) or len(values) != 3 or not all(map(finite, values)):
            raise ValueError(f"points: got {values!r:.60} at {i}, wanted [x1, x2, class], three finite numbers")
        if max(map(abs, values)) > FURTHEST:
            raise ValueError(f"points: got {values!r:.60} at {i}, wanted numbers from −{FURTHEST:g} to {FURTHEST:g}")
        if values[2] not in range(k):
            raise ValueError(f"points: got class {values[2]!r} at {i}, wanted a whole number from 0 to {k - 1}")
        for column, value in zip(columns, values, strict=True):
            column.append(float(value))
    x1, x2, labels = columns
    whole = [int(label) for label in labels]
    X = np.array([x1, x2])
    Y = np.array([whole], float) if k == 2 else datasets.one_hot(whole, k)
    code = [*_literal("x1", x1), *_literal("x2", x2), *_literal("labels", whole), "X = np.array([x1, x2])"]
    code.append("Y = np.array([labels], float)" if k == 2 else f"Y = cr.datasets.one_hot(labels, {k})")
    task = "binary" if k == 2 else "classes"
    return examples(given, "painted points", X, Y, code, task=task, target="class", classes=classes)


def _check_range(shown: Any) -> None:
    """ValueError for what is neither None nor a low and a high end for x1 and for x2."""
    if shown is None:
        return
    sides = shown if isinstance(shown, list | tuple) and len(shown) == 2 else [None]
    for side in sides:
        if not (isinstance(side, list | tuple) and len(side) == 2 and all(map(finite, side)) and side[0] < side[1]):
            raise ValueError(f"range: got {shown!r:.80}, wanted [[low, high], [low, high]] of x1 and x2")


def _literal(name: str, values: Sequence[float]) -> list[str]:
    """The lines of a list of numbers."""
    text = f"{name} = [{', '.join(map(repr, values))}]"
    return textwrap.wrap(text, 110, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _formula(spec: Mapping[str, Any], uploads: Mapping[str, Any]) -> Examples:
    """{"kind": "formula", "formula": "sin(3*x)", "low": -2, "high": 2, "m": 100, "noise": 0.05, "seed": 0}.

    Of one input x or two, x1 and x2, drawn evenly from low to high. A comparison tells two classes apart; then noise
    moves the points after they have their class, else it is added to y.
    """
    given = Given(spec, ("formula", "low", "high", "m", "noise", "seed", "features"))
    f = formula.parse(given.get("formula"))
    low, high = given.number("low", -2, -1e6, 1e6), given.number("high", 2, -1e6, 1e6)
    if not low < high:
        raise ValueError(f"low, high: got {low:g} and {high:g}, wanted the first below the second")
    m, seed = given.whole("m", 200, 1, MOST_ROWS), given.whole("seed", 0, 0, 2**32 - 1)
    noise, n = given.number("noise", 0, 0, 1e6), len(f.variables)
    rng = np.random.default_rng(seed)
    X = rng.uniform(low, high, size=(n, m))
    y = f(*X)[None]
    code = [f"rng = np.random.default_rng({seed})", f"X = rng.uniform({low}, {high}, size=({n}, {m}))"]
    code.append("x = X[0]" if n == 1 else "x1, x2 = X")
    if f.compares:
        code.append(f"Y = np.where({f.code}, 1.0, 0.0)[None]")
        if noise:
            X = X + noise * rng.standard_normal((n, m))
            code.append(f"X = X + {noise} * rng.standard_normal(({n}, {m}))")
        return examples(given, f.text, X, y, code, task="binary", target=f.text, classes=("false", "true"))
    code.append(f"Y = ({f.code})[None]")
    if noise:
        y = y + noise * rng.standard_normal((1, m))
        code.append(f"Y = Y + {noise} * rng.standard_normal((1, {m}))")
    return examples(given, f.text, X, y, code, task="regression", target="y")


def _arrays(spec: Mapping[str, Any], uploads: Mapping[str, Any]) -> Examples:
    """{"kind": "arrays", "key": …}: what `arrays` made, by its key among the uploads. None is held out unless asked."""
    given = Given({"validation": 0, **spec}, ("key", "features"))
    held = uploads.get(str(given.get("key")))
    if not isinstance(held, Examples):
        raise ValueError(f"arrays: there are none called {given.get('key')!r}; the program that had them has ended")
    if held.X_val.shape[1] or not given.share:
        names = given.names("features")
        return featured(held, names) if names else held
    rest = {name: getattr(held, name) for name in ("task", "inputs", "target", "classes", "image")}
    return replace(examples(given, held.name, held.X, held.Y, held.code[:1], **rest), network=held.network)


def arrays(
    name: str,
    X: Any,
    Y: Any,
    *,
    X_val: Any = None,
    Y_val: Any = None,
    inputs: Sequence[str] = (),
    target: str = "y",
    classes: Sequence[str] = (),
    task: str | None = None,
    image: tuple[int, int, int] | None = None,
) -> Examples:
    """Examples of arrays that a program holds: X (n, m) and Y (k, m), columns are examples.

    task: None tells it from Y: one-hot columns are classes, 0 and 1 in one row are two of them, all else is a
    regression. Put them among the uploads of a lab, and {"kind": "arrays", "key": their key} is a spec.
    """
    X, Y = _numbers("X", X), _numbers("Y", Y)
    if X.shape[1] != Y.shape[1] or not X.shape[1]:
        raise ValueError(f"X and Y: got shapes {X.shape} and {Y.shape}, wanted as many columns, one for each example")
    if (X_val is None) != (Y_val is None):
        raise ValueError("a validation set needs both X_val and Y_val")
    code = ["# X, Y: the arrays that the lab was opened with", "X_val, Y_val = X[:, :0], Y[:, :0]"]
    if X_val is None:
        X_val, Y_val = X[:, :0], Y[:, :0]
    else:
        X_val, Y_val = _numbers("X_val", X_val), _numbers("Y_val", Y_val)
        code = ["# X, Y, X_val, Y_val: the arrays that the lab was opened with"]
        if X_val.shape != (len(X), Y_val.shape[1]) or len(Y_val) != len(Y):
            raise ValueError(
                f"X_val and Y_val: got shapes {X_val.shape} and {Y_val.shape}, wanted ({len(X)}, m) and ({len(Y)}, m)"
            )
    zero_one = bool(np.isin(Y, (0, 1)).all())
    if task is None:
        one_hot = len(Y) > 1 and zero_one and bool((Y.sum(axis=0) == 1).all())
        task = "classes" if one_hot else "binary" if len(Y) == 1 and zero_one else "regression"
    count = {"regression": 0, "binary": 2, "classes": len(Y)}.get(task)
    if count is None:
        raise unknown("task", task, ("binary", "classes", "regression"))
    if len(classes) not in (0, count) or len(inputs) not in (0, len(X)):
        raise ValueError(
            f"inputs and classes: got {len(inputs)} and {len(classes)} names, wanted {len(X)} and {count}, or none"
        )
    given = Given({"kind": "arrays", "validation": 0}, ())
    made = examples(
        given, name, X, Y, code[:1], task=task, inputs=inputs, target=target, image=image,
        classes=tuple(map(str, classes or range(count))),
    )  # fmt: skip
    return replace(made, X_val=X_val, Y_val=Y_val, code=tuple(code))


def _numbers(name: str, given: Any) -> Array:
    """Columns of finite numbers."""
    A: Array = plain(name, given)
    A = A[None] if A.ndim == 1 else A
    if A.ndim != 2 or A.dtype.kind not in "biuf":
        raise ValueError(f"{name}: got {A.dtype} of shape {A.shape}, wanted numbers, one column for each example")
    check_finite(name, "row", A, A)
    return A


def _table(spec: Mapping[str, Any], uploads: Mapping[str, Any]) -> Examples:
    """{"kind": "file", "path" or "upload": …, "target": …}, and what is said of its columns; see `tables.load`."""
    from chainrule.lab import tables

    return tables.load(Given(spec, _TABLE), uploads)


def _images(spec: Mapping[str, Any], uploads: Mapping[str, Any]) -> Examples:
    """{"kind": "images", "path" or "upload": a folder with a folder for each class, "size": [32, 32], "gray": true}."""
    from chainrule.lab import tables

    return tables.load(Given(spec, _IMAGES), uploads)


KINDS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Examples]] = {
    "bundled": _bundled,
    "file": _table,
    "images": _images,
    "points": _points,
    "formula": _formula,
    "arrays": _arrays,
}


def _of_kind(spec: Mapping[str, Any]) -> Callable[[Mapping[str, Any], Mapping[str, Any]], Examples]:
    kind = spec.get("kind") if isinstance(spec, Mapping) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise unknown("kind of data", kind, KINDS)
    return KINDS[kind]
