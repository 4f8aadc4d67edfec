"""What a page looks at of a run: each view gives numbers and arrays, which protocol.py packs."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.lab.curves import confusion, curve, digest, find, mark, marks
from chainrule.lab.pages import check_arguments
from chainrule.lab.run import MEASURED, SAMPLED, Run, flat
from chainrule.lab.spread import balanced, histogram, histograms
from chainrule.lab.working import LETTERS, Working, next_rows
from chainrule.network import Network
from chainrule.working.rows import dense

View = Callable[..., dict[str, Any]]

GRID, SMALL = 100, 28  # points along a side of the plane, for the output and for each unit
BINS = 24
MOST_CELLS = 4096  # of an array that is shown number by number
SPREAD = 5000  # numbers of an array that its small histogram is made of, about; chosen
MOST_UNITS = 64  # of a layer that are drawn one by one
_MARGIN = 0.1  # of the range of an input, beyond the outermost examples


def plane(run: Run, side: int = GRID, unit: tuple[int, int] | None = None) -> dict[str, Any]:
    """Ŷ over the plane of two inputs (n[L], side, side), the lowest x2 first, or over the line of one (n[L], side).

    Ŷ is in the units of the data. unit: (l, i); then also its a, as "a" (1, side, side), or (1, side) where 0 and 1 are
    those of a standardized target, and "unit" again.
    """
    points = _grid(run, side)
    found = {"A": _over(run.own(run.network.forward(points)), run, side).astype(np.float32), "range": _range(run)}
    if unit is not None:
        l, i = (int(n) for n in unit)
        if not (0 <= l <= run.network.L and 0 <= i < run.network.sizes[l]):
            raise ValueError(f"unit {i} of layer {l}: there is none")
        row = run.network.layers(points)[1][l][i : i + 1] if l else points[i : i + 1]
        row = run.own(row) if l == run.network.L or len(_places(run)) == 1 else np.ascontiguousarray(row)
        found |= {"unit": [l, i], "a": _over(row, run, side).astype(np.float32)}
    return found


def units(run: Run, side: int = SMALL, most: int = MOST_UNITS) -> dict[str, Any]:
    """What the first `most` units of each layer compute: "layers"[l - 1] of layer l, "inputs" of layer 0.

    With one or two inputs: A[l] over the line or the plane, (n[l], side) or (n[l], side, side). Else how A[l] is spread
    over the examples: "counts" (n[l], bins) between "low" and "high" (n[l]), which are those of the layer, but of each
    input its own; with images also "images", the rows of W[1].
    """
    net, most = run.network, int(most)
    if run.examples.coordinates("train") is not None:
        points = _grid(run, side)
        A = [points, *net.layers(points)[1][1:-1], run.own(net.forward(points))]
        layers = [_over(np.ascontiguousarray(each[:most]), run, side).astype(np.float32) for each in A]
        return {"kind": "plane", "inputs": layers[0], "layers": layers[1:]}
    seen = run.sampled()
    image = run.examples.image is not None
    return {
        "kind": "histogram",
        "inputs": None if image else histograms(dense(seen[0][:most]), BINS, each=True),
        "layers": [histograms(A[:most], BINS) for A in seen[1:]],
        "images": net.W[1][:most].astype(np.float32) if image else None,
    }


def parameters(run: Run, gradients: bool = False, most: int = MOST_UNITS) -> dict[str, Any]:
    """W[l] and b[l], or dW[l] and db[l], of the first `most` units of each layer. Lists begin with layer 1.

    "blocks" has, where that is not all of W[l], all of it as a picture (means of parts), and its histogram from
    -"reach" to "reach"; else None.
    """
    if gradients:
        seen = run.working(None if run.m <= MOST_CELLS else MOST_CELLS)
        W, b = seen.dW, seen.db
    else:
        W, b = run.network.W, run.network.b
    most = int(most)
    return {
        "W": [np.asarray(dense(w[:most, :most]), np.float32) for w in W[1:]],
        "b": [v[:most, 0].astype(np.float32) for v in b[1:]],
        "blocks": [_block(w) if max(w.shape) > most else None for w in W[1:]],
    }


def _block(W: Any) -> dict[str, Any]:
    W = dense(W)
    some = W.ravel()[:: max(1, W.size // 20_000)]
    counts, reach = balanced(some, BINS)
    return {
        "shape": list(W.shape),
        "picture": _shrunk(W, 40).astype(np.float32),
        "counts": counts,
        "reach": reach,
    }


def layer(run: Run, l: int) -> dict[str, Any]:
    """Of the first units of layer l, over the first examples: the range of z, and the share where g is flat.

    "strongest": which unit or input of the layer before has the largest weight. "flat": the share of the examples on
    which the slope of g is next to 0; None of the output layer.
    """
    net, l = run.network, int(l)
    if not 1 <= l <= net.L:
        raise ValueError(f"layer {l}: there are layers 1 to {net.L}")
    W = net.W[l][:MOST_UNITS]
    with np.errstate(all="ignore"):
        Z = net.layers(run.examples.X[:, :SAMPLED])[0][l][:MOST_UNITS]
    strongest = np.abs(W).argmax(axis=1)
    return {
        "l": l,
        "n": net.sizes[l],
        "b": net.b[l][:MOST_UNITS, 0],
        "strongest": strongest,
        "weight": W[np.arange(len(W)), strongest],
        "low": Z.min(axis=1),
        "mean": Z.mean(axis=1),
        "high": Z.max(axis=1),
        "flat": flat(net.g[l], net.g[l].slope(Z)).mean(axis=1) if l < net.L else None,
        "examples": Z.shape[1],
    }


def letters(run: Run, corner: int = 0) -> dict[str, Any]:
    """Of every array of the mini-batch that comes next its shape and size: {"Z": [null, {shape, low, …}, …], …}.

    "m" of the "of" examples in the mini-batch are looked at. corner: so many rows and columns of each come along.
    """
    seen = run.working(None if run.m <= MOST_CELLS else MOST_CELLS)
    found: dict[str, Any] = {"J": seen.J, "m": len(seen.rows), "of": len(next_rows(run.line))}
    for letter in LETTERS[2:]:
        found[letter] = [_sketch(seen.array(letter, l), corner) for l in range(run.network.L + 1)]
    found["Y"] = [_sketch(seen.Y, corner)]
    return found


def _sketch(A: Any, corner: int) -> dict[str, Any] | None:
    """The size of an array, how some of its numbers are spread, and its corner."""
    if A is None:
        return None
    found = _size(A) or {}
    some = A.ravel()[:: max(1, A.size // SPREAD)]
    found["counts"], found["reach"] = balanced(some, BINS)  # from −reach to reach
    if corner:
        found["corner"] = A[:corner, :corner].astype(np.float64)
    return found


def _size(A: Any) -> dict[str, Any] | None:
    if A is None:
        return None
    A = dense(A)
    with np.errstate(all="ignore"):
        return {
            "shape": list(A.shape),
            "low": float(A.min()),
            "mean": float(A.mean()),
            "high": float(A.max()),
            "norm": float(np.linalg.norm(A)),
        }


def array(
    run: Run, letter: str, l: int, rows: tuple[int, int] = (0, 40), columns: tuple[int, int] = (0, 40), bins: int = 40
) -> dict[str, Any]:
    """An array of the mini-batch that comes next: a window of its numbers, its histogram, and all of it as a picture.

    "values" (float64) begin at "row" and "column"; "picture" (float32) holds means where the array is larger than 160
    in a direction; "examples" are those of its columns, where columns are examples.
    """
    seen = run.working(None if run.m <= MOST_CELLS else MOST_CELLS)
    A = seen.array(letter, l)
    if A is None:
        return {"letter": letter, "l": l, "shape": None}
    A = dense(A)
    window = A[slice(*_window(rows, A.shape[0])), slice(*_window(columns, A.shape[1]))]
    counts, edges = histogram(A, min(max(1, int(bins)), 400))
    per_example = letter not in ("W", "b", "dW", "db")
    return {
        "letter": letter,
        "l": l,
        **(_size(A) or {}),
        "row": _window(rows, A.shape[0])[0],
        "column": _window(columns, A.shape[1])[0],
        "values": window.astype(np.float64),
        "counts": counts,
        "edges": edges,
        "picture": _shrunk(A, 160).astype(np.float32),
        "examples": seen.rows.astype(np.int32)[slice(*_window(columns, A.shape[1]))] if per_example else None,
    }


def _window(window: tuple[int, int], size: int) -> tuple[int, int]:
    first, last = (int(edge) for edge in window)
    first = min(max(0, first), max(0, size - 1))
    return first, min(max(first + 1, last), first + 200, size)


def _shrunk(A: Array, most: int) -> Array:
    """The means of equal parts where an array is larger."""
    for axis in (0, 1):
        if A.shape[axis] > most:
            A = np.add.reduceat(A, np.arange(most) * A.shape[axis] // most, axis=axis) * (most / A.shape[axis])
    return A


def example(run: Run, index: int = 0, part: str = "train", unit: tuple[int, int] | None = None) -> dict[str, Any]:
    """One example through the network: columns of Z, A, slope, dA, dZ (lists by layer, from 0) and its 𝓛.

    "terms" are those of 𝓛, one for each output. unit: (l, i); then also all that its sums are made of: "w" and "b", of
    a hidden unit "w_out" (column i of W[l+1]), and of the example's share in dW and db "dw".
    """
    seen = run.example(part, index)
    net = run.network
    found: dict[str, Any] = {"index": index, "part": part, "J": seen.J, "y": seen.Y[:, 0], "terms": _terms(net, seen)}
    for letter in ("Z", "A", "slope", "dA", "dZ"):
        found[letter] = [None if A is None else dense(A)[:, 0] for A in getattr(seen, letter)]
    if net.g[-1].derivative is not None:
        found["slope"][-1] = net.g[-1].slope(seen.Z[-1])[:, 0]
    if run.examples.cells is not None:
        found["cells"] = [list(run.examples.columns), *run.examples.cells(part, np.array([index]))]
    found["x"] = run.part(part)[0][:, index]
    if unit is not None:
        l, i = (int(n) for n in unit)
        if not (1 <= l <= net.L and 0 <= i < net.sizes[l]):
            raise ValueError(f"unit {i} of layer {l}: there is none")
        found["unit"] = [l, i]
        found["w"], found["b"] = net.W[l][i], float(net.b[l][i, 0])
        found["w_out"] = net.W[l + 1][:, i] if l < net.L else None
        found["dw"] = seen.dW[l][i]
    return found


def _terms(net: Network, seen: Working) -> Array:
    """What 𝓛 of one example is the sum of, (n[L],): stable where a is 0, as the loss itself is."""
    Z, Y = seen.Z[-1], seen.Y
    if net.g[-1].name == "softmax":
        S = Z - Z.max()
        return np.ravel(Y * (np.log(np.exp(S).sum()) - S))
    return np.array([net.loss(Z[[k]], Y[[k]])[0].item() for k in range(len(Y))])


def hardest(run: Run, part: str = "train", most: int = 100) -> dict[str, Any]:
    """The examples that the network gets wrong, the one with the largest 𝓛 first; of a regression the worst ones.

    Looked for among the first ones of a part.
    """
    X, Y = run.part(part)
    Y = Y[:, :MEASURED]  # (n[L], k)
    Z, A = run.network.layers(X[:, :MEASURED])
    losses = run.network.loss(Z[-1], Y)[0][0]  # (k,)
    order = np.argsort(-losses, kind="stable")
    if run.examples.task != "regression":
        order = order[run.said(A[-1])[order] != run.said(Y)[order]]
    return {"part": part, "rows": order[:most].astype(np.int32), "all": len(order)}


def examples(run: Run, most: int = 2000) -> dict[str, Any]:
    """The data of both parts: where they lie on a line or plane (else None), targets, and what the network says."""
    found = {}
    for part in ("train", "validation"):
        places = run.examples.coordinates(part)
        A, Y = run.answers(part, most)
        x = None if places is None else places[:, :most].astype(np.float32)
        found[part] = {"x": x, "y": run.said(Y), "answer": run.said(A)}
    return found


def pictures(
    run: Run, first: int = 0, count: int = 60, part: str = "train", wrong: bool = False, images: bool = True
) -> dict[str, Any]:
    """Examples that are images, as bytes from 0 to 255 (k, height, width, channels), with class and answer.

    wrong: of those only that the network gets wrong. images: False where the page has them already.
    """
    shape = run.examples.image
    if shape is None:
        raise ValueError("the examples are no images")
    found = _rows(run, first, count, part, wrong)
    pixels = None
    if images:
        X, every = run.part(part)[0][:, found["index"]], run.examples.X
        low, high = float(every.min()), float(every.max())
        pixels = ((X.T - low) * (255 / ((high - low) or 1))).clip(0, 255).astype(np.uint8).reshape(-1, *shape)
    return {**found, "images": pixels}


def cells(run: Run, first: int = 0, count: int = 50, part: str = "train", wrong: bool = False) -> dict[str, Any]:
    """Examples with their targets and answers; of a table the cells of those columns that are learned from.

    wrong: only those that the network gets wrong.
    """
    found, made = _rows(run, first, count, part, wrong), run.examples
    if made.cells is None:
        shown = [[f"{x:.4g}" for x in column] for column in dense(run.part(part)[0][:, found["index"]]).T]
        return {**found, "header": list(made.inputs), "rows": shown}
    out = {made.target, *(column["name"] for column in made.plan if column["role"] == "left out")}
    used = [k for k, name in enumerate(made.columns) if k == 0 or name not in out]
    rows = [[row[k] for k in used] for row in made.cells(part, found["index"])]
    return {**found, "header": [made.columns[k] for k in used], "rows": rows}


def _rows(run: Run, first: int, count: int, part: str, wrong: bool) -> dict[str, Any]:
    """Which examples a page of them shows, their classes or targets, and what the network says; "of": all there are."""
    X, Y = run.part(part)
    index, of = np.arange(Y.shape[1]), Y.shape[1]
    if wrong and run.examples.task != "regression":
        index = np.flatnonzero(run.said(Y[:, :MEASURED]) != run.said(run.answers(part)[0]))
        of = len(index)
    first = max(0, min(int(first), of - 1))
    index = index[first : first + int(count)]
    answer = run.said(run.network.forward(X[:, index])) if len(index) else np.zeros(0)
    return {"first": first, "of": of, "part": part, "index": index, "y": run.said(Y[:, index]), "answer": answer}


def _places(run: Run) -> Array:
    places = run.examples.coordinates("train")
    if places is None:
        raise ValueError(f"there are {len(run.examples.X)} inputs: a plane shows one or two")
    return places


def _range(run: Run) -> list[list[float]]:
    """From where to where the plane, or the line, is shown: as painted, or somewhat beyond the outermost examples."""
    places, painted = _places(run), run.design.data.get("range")
    if painted is not None and len(painted) == len(places):
        return [[float(low), float(high)] for low, high in painted]
    found = []
    for row in places:
        low, high = float(row.min()), float(row.max())
        margin = ((high - low) or 1.0) * _MARGIN
        found.append([low - margin, high + margin])
    return found


def _grid(run: Run, side: int) -> Array:
    """The inputs (n[0], k) at the points of the line or the plane."""
    axes = [np.linspace(low, high, min(int(side), 400)) for low, high in _range(run)]
    points = axes[0][None]
    if len(axes) == 2:
        x2, x1 = np.meshgrid(axes[1], axes[0], indexing="ij")
        points = np.stack([x1.ravel(), x2.ravel()])
    features = run.examples.features
    return points if features is None else features(points)


def _over(A: Array, run: Run, side: int) -> Array:
    side = min(int(side), 400)
    return A if len(_places(run)) == 1 else A.reshape(len(A), side, side)


VIEWS: dict[str, View] = {
    view.__name__: view
    for view in (
        *(curve, marks, mark, confusion, find, digest),
        *(plane, units, parameters, layer, letters, array, example, hardest, examples, pictures, cells),
    )
}


def look(run: Run, view: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a view shows of a run."""
    if not isinstance(view, str) or view not in VIEWS:
        raise ValueError(f"there is no view {view!r}; wanted one of {', '.join(VIEWS)}")
    check_arguments(view, VIEWS[view], given)
    return VIEWS[view](run, **given)
