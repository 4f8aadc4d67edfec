"""What every lesson is, and what their verdicts measure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.lab.design import Design
from chainrule.lab.run import Run, score

SECONDS = 8  # that a lesson plays; chosen

Verdict = Callable[[Run, Run], tuple[bool, str]]


@dataclass(frozen=True)
class Question:
    """What will happen? options: two or three answers. right: which of them does, counted from 0."""

    text: str
    options: tuple[str, ...]
    right: int


@dataclass(frozen=True)
class Lesson:
    """A statement of the notes as an experiment to play: two runs side by side.

    Attributes
    ----------
    name : str
    title : str
    statement : str
        What the notes say.
    text : tuple of str
        Paragraphs: what to do, what to look at, why.
    runs : dict of str, Design
        Two of them, by name.
    steps : int
        How far to play.
    look : tuple of dict
        Where to look: a "panel", perhaps with the "array" and the "layer" in it, and the "run" of the two.
    question : Question
        To be answered before it is played.
    verdict : callable
        Whether the statement holds for the two runs at the end, in the order of `runs`, and a sentence that says what
        was measured. It is worked out from the runs, never assumed.
    claim : str
        The name of the claim in docs/claims.md that is about the same; empty where there is none.
    """

    name: str
    title: str
    statement: str
    text: tuple[str, ...]
    runs: Mapping[str, Design]
    steps: int
    look: tuple[Mapping[str, Any], ...]
    question: Question
    verdict: Verdict
    claim: str = ""


def look(panel: str, array: str = "", layer: int | None = None, run: int | None = None) -> dict[str, Any]:
    """A place to look at; run 0 or 1 where it is in that one only."""
    given = {"panel": panel, "array": array or None, "layer": layer, "run": run}
    return {key: value for key, value in given.items() if value is not None}


def data(name: str, validation: float = 0.0, **given: Any) -> dict[str, Any]:
    """The spec of a bundled data set."""
    return {"kind": "bundled", "name": name, "validation": validation, **given}


def gradient_descent(rate: float) -> dict[str, Any]:
    """As JSON."""
    return {"name": "GradientDescent", "learning_rate": rate}


def adam(rate: float) -> dict[str, Any]:
    """As JSON."""
    return {"name": "Adam", "learning_rate": rate}


# -- what is measured --------------------------------------------------------------------------------------------------


def cost(run: Run, part: str = "train") -> float:
    """J of all examples of a part, without L2."""
    with np.errstate(all="ignore"):
        return float(run.network.cost(*run.part(part)))


def right(run: Run, part: str = "train") -> float:
    """The share of the examples of a part that are classified right."""
    X, Y = run.part(part)
    return float(score("classes", run.network.forward(X), Y) or 0.0)


def reached(run: Run, goal: float) -> float:
    """The steps after which the cost of a mini-batch was below a goal; infinite if it never was."""
    below = np.flatnonzero(np.array(run.line.costs[: run.line.step]) < goal)
    return float(below[0]) if len(below) else inf


def after(steps: float) -> str:
    """A number of steps in words."""
    return "never" if steps == inf else f"after {steps:,.0f} steps"


def first(run: Run) -> Any:
    """The network as it was at step 0."""
    return run.design.network(run.examples)


def slopes(run: Run, network: Any, l: int) -> Array:
    """g[l]′(Z[l]) of all training examples, (n[l], m)."""
    found: Array = network.g[l].slope(network.layers(run.examples.X)[0][l])
    return found


def dead(run: Run) -> float:
    """The share of all hidden units whose z is 0 or less for every training example."""
    Z, _ = run.network.layers(run.examples.X)
    return float(np.mean(np.concatenate([z.max(axis=1) for z in Z[1:-1]]) <= 0))


def size(array: Array) -> float:
    """√ of the mean square."""
    return float(np.sqrt(np.mean(np.square(array, dtype=np.float64))))
