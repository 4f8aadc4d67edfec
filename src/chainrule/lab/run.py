"""One training of the lab: its design, its data, its time line, and what was measured on the way."""

import time
from collections.abc import Mapping
from math import inf, isfinite
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.activations import Activation
from chainrule.checks import check_number
from chainrule.lab.design import Design, Examples, options, options_json
from chainrule.lab.timeline import Timeline
from chainrule.lab.working import Working, next_working, working
from chainrule.lab.written import equations
from chainrule.network import Network

MEASURED = 2000  # examples that costs and scores are measured on, at most; chosen
MEASURING = 0.015  # of the time, at most, for measurements on the way, …
AT_EASE = 0.1  # … or so much, where a play does not go as fast as it can …
AT_FIRST = 0.15  # … but for so many seconds, so that a short training has a curve …
APART = 0.03  # … and so far from the last one, of its step; all chosen
SAMPLED = 256  # examples whose arrays are looked at while it plays, at most; chosen
_MARKS = 1000  # places on the time line whose measurements are kept; beyond, every other one goes
FLAT = 0.01  # of the steepest slope: below it, on the mean of the examples, a unit is saturated (as in `diagnose`)


class Run:
    """A training that a page looks at. id: its number. name: what a person calls it.

    `stopped` says why it can go no further, where it cannot; `diverged`, whether that comes from its learning rate.
    `goal`: the step that a play ends at.
    """

    def __init__(self, id: int, name: str, design: Design, examples: Examples, trains: Network | None = None) -> None:
        self.id, self.name, self.design, self.examples = id, name, design, examples
        self.revision = 0  # counts what changes other than by steps
        self.stopped, self.diverged = "", False
        self.goal = inf
        self._budget, self._looked, self._measured = AT_FIRST, time.perf_counter(), 0
        self.line: Timeline = design.timeline(examples, trains=trains)
        self.marks: dict[int, dict[str, Any]] = {}
        self._working: tuple[Any, Working] | None = None

    # -- where it is -------------------------------------------------------------------------------------------------

    @property
    def network(self) -> Network:
        """As it is at this step."""
        return self.line.state.network

    @property
    def m(self) -> int:
        """Training examples."""
        return int(self.examples.Y.shape[1])

    @property
    def stamp(self) -> list[int]:
        """Differs where there is something else to see."""
        return [self.id, self.revision, self.line.step]

    @property
    def per_epoch(self) -> int:
        """Steps in an epoch, as the batch size is now."""
        return -(-self.m // self.line.options.batch_size)

    def at(self) -> dict[str, Any]:
        """Where it is on its time line."""
        line, state = self.line, self.line.state
        return {
            "step": line.step,
            "end": line.end,
            "epoch": state.epoch,
            "example": state.example,
            "J": line.costs[line.step - 1] if line.step else None,
            "per_epoch": self.per_epoch,
            "stopped": self.stopped,
        }

    def about(self) -> dict[str, Any]:
        """What a page knows of it that does not change from step to step."""
        net, examples, changes = self.network, self.examples, self.line.changes
        data = self.design.data
        places = examples.coordinates("train")
        return {
            "id": self.id,
            "name": self.name,
            "revision": self.revision,
            "design": self.design.json(),
            "options": options_json(self.line.options, self.m),
            "changes": [[step, options_json(each, self.m)] for step, each in changes[1:]],
            "edits": self.edits(),
            "data": {
                "spec": dict(data),
                "name": examples.name,
                "task": examples.task,
                "inputs": list(examples.inputs),
                "target": examples.target,
                "classes": list(examples.classes),
                "image": examples.image,
                "m": self.m,
                "m_val": examples.Y_val.shape[1],
                "range": [] if places is None else [[float(row.min()), float(row.max())] for row in places],
                "target_range": [float(each) for each in self.own(np.array([examples.Y.min(), examples.Y.max()]))],
                "target_scale": list(examples.target_scale),
                "remarks": list(examples.remarks),
                "crossed": examples.crossed,
                "plan": [dict(column) for column in examples.plan],
            },
            "sizes": net.sizes,
            "parameters": net.parameters.size,
            "g": [row.spec for row in net.g[1:]],
            "formulas": {row.spec: [row.formula, row.slope_formula] for row in net.g[1:]},
            "loss": net.loss.spec,
            "normalized": None if net.normalizer is None else self.design.normalize,
            "equations": equations(net, self.line.options),
        }

    # -- going on ----------------------------------------------------------------------------------------------------

    def go(self, step: int) -> None:
        """Go to a step; where training comes to what is not finite, it stays before that, and `stopped` says so."""
        self.stopped, self.diverged = "", False
        try:
            with np.errstate(all="ignore"):
                self.line.go(max(0, step))
        except FloatingPointError as error:
            cause = self._cause()
            self.diverged = not cause
            cause = cause or "Go back, and take a lower learning rate"
            self.stopped = f"{error}: training cannot go on from here. {cause}"

    def _cause(self) -> str:
        """What else than the learning rate makes the next cost infinite, and what to do; empty if nothing else."""
        line, options = self.line, self.line.options
        if line.step in line.edits:
            return "Set what was set by hand here to a smaller number"
        began = max(at for at, _ in line.changes if at <= line.step)
        if began == line.step:
            with np.errstate(all="ignore"):
                ordinary = isfinite(np.square(self.network.parameters).sum()) and self._judged("train")[0] is not None
            strong = options.l2 > 0 and ordinary
        else:
            strong = options.l2 > self.m and options.l2 * options.optimizer.learning_rate > 2 * self.m  # w changes sign
        if strong:
            return f"L2 does that: take a smaller λ than {options.l2:g}"
        if line.step == 0:
            return "It begins so: take smaller initial weights, or normalize the inputs"
        return ""

    @property
    def done(self) -> bool:
        """Whether a play has come to its end."""
        return bool(self.stopped) or self.line.step >= self.goal

    def again(self) -> None:
        """Begin anew from the seed, with the same changes of options at the same steps."""
        before, self.line = self.line, self.design.timeline(self.examples, trains=self.network)
        self.line.begin(dict(before.changes), before.edits)
        self.marks, self.stopped = {}, ""
        self._budget, self._looked, self._measured = AT_FIRST, time.perf_counter(), 0
        self.revision += 1

    def epoch_end(self, epochs: int) -> int:
        """The step at the end of so many epochs from here; of none, that where this one began."""
        left = -(-(self.m - self.line.state.example) // self.line.options.batch_size)
        return self.line.step + left + (epochs - 1) * self.per_epoch

    def change(self, changes: Mapping[str, Any]) -> None:
        """Go on with other options from here."""
        given = {**options_json(self.line.options, self.m), **changes}
        self.line.change(options(given, len(self.design.hidden), self.m))
        self.marks = {step: mark for step, mark in self.marks.items() if step < self.line.step}
        self.revision += 1
        self.stopped = ""

    def edit(self, letter: str, l: int, i: int, j: int, value: float) -> None:
        """Set W[l][i, j] or b[l][i] by hand, and go on from here."""
        places = _places(self.network).get((letter, l))
        if places is None:
            raise ValueError(f"{letter}[{l}]: wanted W or b of a layer from 1 to {self.network.L}")
        rows, columns = places.shape
        if not (0 <= i < rows and 0 <= j < columns):
            raise ValueError(f"{letter}[{l}] ({rows}, {columns}) has no number at ({i}, {j})")
        check_number("value", value, "a finite number", isfinite)
        self.line.edit(int(places[i, j]), float(value))
        self.marks = {step: mark for step, mark in self.marks.items() if step < self.line.step}
        self.revision += 1
        self.stopped = ""

    def edits(self) -> list[list[Any]]:
        """What was set by hand: [step, letter, l, i, j, value] each."""
        arrays = _places(self.network).items()
        return [
            [step, *name, *np.argwhere(places == place)[0].tolist(), value]
            for step, edited in sorted(self.line.edits.items())
            for place, value in edited.items()
            for name, places in arrays
            if places[0, 0] <= place <= places[-1, -1]
        ]

    # -- what there is to see ----------------------------------------------------------------------------------------

    def working(self, most: int | None = None) -> Working:
        """Every array of the mini-batch that comes next; kept until the next step."""
        key = (self.stamp, most)
        if self._working is None or self._working[0] != key:
            self._working = key, next_working(self.line, most)
        return self._working[1]

    def example(self, part: str, index: int) -> Working:
        """Every array of one example, without dropout: of part "train" or "validation"."""
        X, Y = self.part(part)
        if not 0 <= index < Y.shape[1]:
            raise ValueError(f"example {index}: there are {Y.shape[1]}")
        rows = slice(index, index + 1)
        inputs = self.network.check_inputs(X[:, rows])
        return working(self.network, inputs, Y[:, rows].astype(inputs.dtype), np.array([index]))

    def part(self, part: str) -> tuple[Array, Array]:
        """X and Y of part "train" or "validation"."""
        if part == "validation":
            return self.examples.X_val, self.examples.Y_val
        return self.examples.X, self.examples.Y

    def sampled(self) -> list[Any]:
        """A[0] … A[L] of the first training examples, without dropout."""
        return self.network.layers(self.examples.X[:, :SAMPLED])[1]

    def answers(self, part: str, most: int = MEASURED) -> tuple[Array, Array]:
        """Ŷ and Y of the first examples of a part, (n[L], k) each."""
        X, Y = self.part(part)
        return self.network.forward(X[:, :most]), Y[:, :most]

    def said(self, Y: Array) -> Array:
        """Of targets or outputs (n[L], k) the class, or the number in the units of the data: (k,)."""
        if self.examples.task == "regression":
            return np.asarray(self.own(Y[0]), np.float32)
        return np.asarray(Y[0] > 0.5 if len(Y) == 1 else Y.argmax(axis=0), np.int32)

    def own(self, Y: Array) -> Array:
        """Targets or outputs in the units of the data, where a regression has a target that was standardized."""
        center, scale = self.examples.target_scale
        return Y if (center, scale) == (0, 1) else Y * scale + center

    def measure_on_the_way(self, share: float = MEASURING) -> None:
        """Measure between two pieces of training, while that takes a small share of the time."""
        now, before, spent = time.perf_counter(), self._looked, time.thread_time()
        self._budget = min(AT_FIRST, self._budget + share * (now - before))
        self._looked = now
        if self._budget < 0 or abs(self.line.step - self._measured) <= APART * self._measured:
            return
        self.measure()
        self._budget -= time.thread_time() - spent  # not what others took of the machine meanwhile
        self._measured = self.line.step

    def measure(self) -> dict[str, Any]:
        """Costs and scores here, the length of each dW[l], and the share of each layer's units that are flat."""
        step = self.line.step
        if step in self.marks:
            return self.marks[step]
        mark: dict[str, Any] = {"step": step}
        with np.errstate(all="ignore"):
            for part in ("train", "validation"):
                J, score = self._judged(part)
                mark[part] = [J, score]
            seen = self.working(SAMPLED)
            mark["dW"] = [float(np.linalg.norm(dW)) for dW in seen.dW[1:]]
            mark["flat"] = [
                float(flat(self.network.g[l], abs(seen.slope[l]).mean(axis=1)).mean()) for l in range(1, self.network.L)
            ]  # units that are dead or saturated
        if len(self.marks) >= _MARKS:
            self.marks = {at: kept for i, (at, kept) in enumerate(sorted(self.marks.items())) if i % 2 == 0}
        self.marks[step] = mark
        return mark

    def _judged(self, part: str) -> tuple[float | None, float | None]:
        """J without L2, and accuracy or R², of the first examples of a part."""
        X, Y = self.part(part)
        if not Y.shape[1]:
            return None, None
        net = self.network
        checked = net.check_examples(X[:, :MEASURED], Y[:, :MEASURED], known_finite=True)
        J, A = net.evaluate(*checked)
        return (J if isfinite(J) else None), score(self.examples.task, A, Y[:, :MEASURED])


def flat(g: Activation, slope: Array) -> Array:
    """Where slopes of g are next to 0, measured by its steepest."""
    steepest = float(abs(g.slope(np.linspace(-3, 3, 61)[:, None])).max()) or 1.0
    return np.asarray(abs(slope) < FLAT * steepest)


def score(task: str, A: Array, Y: Array) -> float | None:
    """Accuracy, or R² of a regression (None where the targets are all the same)."""
    if task == "regression":
        spread = float(((Y - Y.mean(axis=1, keepdims=True)) ** 2).sum())
        return 1 - float(((A - Y) ** 2).sum()) / spread if spread else None
    if len(Y) == 1:
        return float(((A > 0.5) == (Y > 0.5)).mean())
    return float((A.argmax(axis=0) == Y.argmax(axis=0)).mean())


def _places(network: Network) -> dict[tuple[str, int], Array]:
    """Of each number of W[l] and b[l] its place in the vector of parameters, by letter and l."""
    W, b = network.unpack(np.arange(network.parameters.size))
    return {(letter, l): array[l] for l in range(1, network.L + 1) for letter, array in (("W", W), ("b", b))}
