"""What the curves show of a run: costs and scores on the way, its answers, and one number for all its parameters."""

from hashlib import sha256
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.lab.run import Run


def curve(run: Run, points: int = 600) -> dict[str, Any]:
    """J of each mini-batch: of as many in a row as share a point, the lowest, the last and the highest."""
    costs = np.frombuffer(run.line.costs, np.float64) if run.line.costs else np.empty(0)
    every = max(1, -(-len(costs) // points))
    whole = len(costs) // every * every
    groups = costs[:whole].reshape(-1, every)
    rest = costs[whole:][None] if whole < len(costs) else None
    low, last, high = groups.min(axis=1), groups[:, -1].copy(), groups.max(axis=1)
    if rest is not None:
        low, last, high = np.append(low, rest.min()), np.append(last, rest[0, -1]), np.append(high, rest.max())
    steps = np.minimum((np.arange(len(last)) + 1) * every, len(costs))
    return {"steps": steps.astype(np.int32), "low": low, "J": last, "high": high}


def marks(run: Run, here: bool = True) -> dict[str, Any]:
    """All that was measured on the way: costs and scores, the length of each dW[l], the share of flat units.

    here: whether it is measured at this step, too, or done without while it plays.
    """
    if here or not run.marks:
        run.measure()
    kept = [run.marks[step] for step in sorted(run.marks)]
    return {
        "steps": np.array([mark["step"] for mark in kept], np.int32),
        "train": _table([mark["train"] for mark in kept], 2),  # (k, 2): J, score
        "validation": _table([mark["validation"] for mark in kept], 2),
        "dW": _table([mark["dW"] for mark in kept], run.network.L),  # (k, L)
        "flat": _table([mark["flat"] for mark in kept], run.network.L - 1),  # (k, L − 1)
    }


def mark(run: Run, here: bool = True) -> dict[str, Any]:
    """What `marks` has of this step, or of the nearest one before."""
    if here or not run.marks:
        return run.measure()
    return run.marks[max((step for step in run.marks if step <= run.line.step), default=min(run.marks))]


def _table(rows: list[Any], columns: int) -> Array:
    return np.array(rows, np.float64).reshape(len(rows), columns)


def confusion(run: Run, part: str = "train") -> dict[str, Any]:
    """How many examples of each class (a row) the network takes for which (a column)."""
    if run.examples.task == "regression":
        return {"counts": None, "part": part}
    A, Y = run.answers(part)
    k = max(2, len(Y))
    counts = np.bincount(run.said(Y) * k + run.said(A), minlength=k * k).reshape(k, k)
    return {"counts": counts.astype(np.int32), "part": part}


def find(run: Run, y: int, answer: int, part: str = "train", after: int = -1) -> dict[str, Any]:
    """The next example of class y that is taken for the class `answer`; after the last comes the first."""
    A, Y = run.answers(part)
    places = np.flatnonzero((run.said(Y) == y) & (run.said(A) == answer))
    if not len(places):
        return {"part": part, "index": None}
    return {"part": part, "index": int(places[np.searchsorted(places, after, "right") % len(places)])}


def digest(run: Run) -> dict[str, Any]:
    """The step, and the SHA-256 of the bytes of the parameters there: equal for equal bits."""
    parameters = run.network.parameters
    return {"step": run.line.step, "digest": sha256(parameters.tobytes()).hexdigest(), "parameters": parameters.size}
