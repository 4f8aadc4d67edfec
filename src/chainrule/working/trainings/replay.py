"""Every update of a training recomputed from its own parameters before it, and compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import equations
from chainrule._types import Array
from chainrule.network import Network
from chainrule.optimizers import GradientDescent, Rule
from chainrule.working.mistakes.given import backward_order
from chainrule.working.trainings.batches import Batches
from chainrule.working.trainings.rules import is_linear

_EPS = float(np.finfo(np.float64).eps)
ABOUT_0 = 1e-7  # how near to 0 and 1 people let a come in log a
_ENOUGH = 2  # batches that are tried where something is wrong already
_ROUNDED = 16  # how many times the last digit of w an update may be off


@dataclass
class Training:
    """What is known of a training: columns are examples, theta are flat vectors as those of net, one for each moment.

    first: the number of the update that leads from theta[0] to theta[1].
    rate_known: whether rule has the rate that was said, else it was measured.
    precision: the eps of the learner's arrays.
    costs: one for each update from the very first on, or none.
    rounded: -1 and 1 for the least and the most that a cost may be with log(a + 1e-8), and with the digits of 1 - a.
    """

    net: Network
    X: Array
    Y: Array
    theta: list[Array]
    first: int
    rule: Rule
    rate_known: bool
    l2: float
    batches: Batches
    tolerance: float
    precision: float
    costs: Sequence[float] = ()
    rounded: int = 0

    def __post_init__(self) -> None:
        places = np.arange(self.net.parameters.size)
        W, b = self.net.unpack(places)
        self.names = {f"{name[1:]}": place.ravel() for name, place in backward_order(W, b)}
        self.layer = np.zeros(places.size, dtype=int)
        for name, at in self.names.items():
            self.layer[at] = int(name[2:-1])

    def of(self, examples: Array | None, targets: Array | None = None) -> tuple[Array, Array]:
        """X and Y of some examples, or all; targets of others, if given."""
        if examples is None:
            return self.X, self.Y
        return self.X[:, examples], self.Y[:, examples if targets is None else targets]

    def gradient(self, theta: Array, X: Array, Y: Array, l2: float | None = None) -> tuple[float, Array]:
        """J and the flat ∂J/∂w of some parameters and examples."""
        net = self.net
        net.parameters = theta
        l2 = self.l2 if l2 is None else l2
        J, dW, db = equations.cost_and_gradients(X, Y, net.W, net.b, net.g, net.slope, net.loss, l2)
        return float(J), net.pack(dW, db)

    def cost(self, theta: Array, examples: Array | None) -> float:
        """J of some examples."""
        net, (X, Y) = self.net, self.of(examples)
        net.parameters = theta
        Z, A = equations.forward(X, net.W, net.b, net.g)
        J, _, m = equations.cost(Z, Y, net.W, net.loss, self.l2)
        if not self.rounded:
            return float(J)
        losses, _ = net.loss(Z[-1], Y)
        halves = [(Y, A[-1]), (1 - Y, 1 - A[-1])][: 1 + (net.loss.name == "binary_cross_entropy")]
        digits = sum(float((y / (a + _EPS)).sum()) for y, a in halves) * 4 * _EPS / m
        least = -sum(float((y * np.log(a + ABOUT_0)).sum()) for y, a in halves)
        return float(J + (digits if self.rounded > 0 else (least - float(losses.sum())) / m - digits))

    def agrees(self, before: Array, got: Array, wanted: Array) -> bool:
        """Whether a tensor is what it should be after an update, but for rounding."""
        with np.errstate(all="ignore"):
            steps = float(np.linalg.norm(got - before) + np.linalg.norm(wanted - before))
            floor = _ROUNDED * self.precision * float(np.linalg.norm(before) + np.linalg.norm(wanted))
            return bool(np.linalg.norm(got - wanted) <= self.tolerance * steps + floor)


@dataclass
class Update:
    """One update: the gradient g at the parameters before it, and what the parameters after it should be.

    place, examples: the batch, as in `Batches`. J: its cost before the update. wrong: the tensors that are.
    scale: by how much the step is longer than the rule's, where all of it is.
    """

    place: int | None
    examples: Array | None
    J: float
    g: Array
    wanted: Array
    state: Any
    wrong: tuple[str, ...]
    scale: float = 1.0


class Replay:
    """All updates, one after the other."""

    def __init__(self, training: Training) -> None:
        self.training, self.updates, self.state = training, list[Update](), None
        self.costs_tell = True  # whether a cost is that of the batch before its update
        self.first_wrong: int | None = None  # the place of the first wrong update
        for k in range(len(training.theta) - 1):
            self.updates.append(self._update(k))
            if self.updates[-1].wrong and self.first_wrong is None:
                self.first_wrong = k

    def _update(self, k: int) -> Update:
        training, batches, u = self.training, self.training.batches, k + self.training.first - 1
        cost = training.costs[u] if u < len(training.costs) else np.nan
        # Of a rule that divides the gradient by its size, the first steps are nearly the same for other examples.
        moved = bool((training.theta[k + 1] != training.theta[k]).any())
        sure = (is_linear(training.rule) and moved) or not self.costs_tell or np.isnan(cost)
        found: list[tuple[Update, Any]] = []
        scores: list[tuple[Any, ...]] = []
        for place, examples in batches.likely(u):
            update, state = self._with(k, place, examples)
            priced = bool(abs(update.J - cost) <= 1e-6 * (abs(update.J) + abs(cost)))
            along = cosine(training.theta[k + 1] - training.theta[k], update.wanted - training.theta[k])
            found.append((update, state))
            told = not sure and priced and place is not None
            scores.append((told, -len(update.wrong), priced, batches.one_each and len(found) == 1, along))
            if told or (sure and not update.wrong) or (self.first_wrong is not None and len(found) > _ENOUGH):
                break
        best, self.state = found[max(range(len(found)), key=scores.__getitem__)]
        self.costs_tell = self.costs_tell and max(scores)[0] if not sure else self.costs_tell
        batches.was(best.place, best.examples)
        return best

    def _with(self, k: int, place: int | None, examples: Array | None) -> tuple[Update, Any]:
        training, rule = self.training, self.training.rule
        before, got = training.theta[k], training.theta[k + 1]
        J, g = training.gradient(before, *training.of(examples))
        kept = rule.init(before) if self.state is None else self.state
        wanted, state = rule.step(before, g, kept)
        wrong, scale = self._wrong(before, got, wanted), 1.0
        if wrong and self.first_wrong is None and (self.updates or not training.rate_known):
            step, right = got - before, wanted - before
            scale = float(step @ right / (right @ right)) if right.any() else 0.0
            digits = self._digits(before, right)
            lower = not self.updates or 0 < scale <= min(one.scale for one in self.updates) * (1 + digits)
            lower = lower or (not training.rate_known and isinstance(rule, GradientDescent))
            one = self.updates[-1] if self.updates else None
            by_size = self._size(examples) / self._size(one.examples) if one is not None else 1.0
            alike = one is not None and by_size != 1 and abs(scale / one.scale / by_size - 1) < digits
            if lower and scale > 0 and not alike and not self._wrong(before, got, before + scale * right):
                wrong, wanted = (), before + scale * right  # a rate that decays, or one that nobody said
        return Update(place, examples, J, g, wanted, kept, wrong, 1.0 if wrong else scale), state

    def _digits(self, before: Array, right: Array) -> float:
        """How nearly the length of a step can be told: less nearly in float32, as a step is a small part of w."""
        length = float(np.linalg.norm(right))
        floor = _ROUNDED * self.training.precision * float(np.linalg.norm(before))
        return 1e-6 + (floor / length if length else 0.0)

    def _size(self, examples: Array | None) -> int:
        return self.training.Y.shape[1] if examples is None else len(examples)

    def _wrong(self, before: Array, got: Array, wanted: Array) -> tuple[str, ...]:
        agrees = self.training.agrees
        return tuple(name for name, at in self.training.names.items() if not agrees(before[at], got[at], wanted[at]))


def cosine(one: Array, other: Array) -> float:
    """How much two steps point into one direction, or into opposite ones: 0 to 1."""
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return abs(float(one @ other)) / lengths if lengths and np.isfinite(lengths) else 0.0
