"""What nobody said of a training: network, layout, optimizer and learning rate, by what explains its first updates."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.network import Network
from chainrule.optimizers import Adam, GradientDescent, Rule
from chainrule.working.trainings import layout, rules
from chainrule.working.trainings.batches import Batches
from chainrule.working.trainings.beginning import Start
from chainrule.working.trainings.calls import Call, rules_of
from chainrule.working.trainings.costs import Costs
from chainrule.working.trainings.layout import Layout
from chainrule.working.trainings.replay import Replay, Training, cosine
from chainrule.working.trainings.returned import Layers, Returned

_EPS = float(np.finfo(np.float64).eps)
_ALIGNED = 1e-6  # how far a step may point off the one it should be, as a share of it
_ALL = 3.0  # the score of a network that explains all
_ROUGHLY = 1e-4
_ALONG = 0.95
_MOST = 6  # networks that are looked at further
_EXACT = 9  # digits in which a first step is right that can be of no other network
_SIGNS = 0.01  # how nearly steps are of one length
_FIRST = 5  # updates that an optimizer has to explain


@dataclass
class Inference:
    """All that a training gave, and what was said of it.

    taken: the parts of X and of Y that it took. options: hidden, output and loss, as they were said, or None.
    """

    X: Array
    Y: Array
    call: Call
    returned: Returned
    start: Start
    taken: tuple[list[Array], list[Array]]
    optimizer: Rule | None
    options: dict[str, Any]
    tolerance: float | None

    def __post_init__(self) -> None:
        kinds = [one.dtype for half in self.returned.parameters[0] for one in half if one.dtype.kind == "f"]
        self.precision = max([float(np.finfo(kind).eps) for kind in kinds if kind.itemsize < 8], default=_EPS)
        if self.tolerance is None:
            self.tolerance = 1e-3 if self.precision > _EPS else 1e-6
        self.total = len(self.start.parameters) - 2 + self.start.first  # updates, with one before the list begins
        self.batches: dict[int, Batches] = {}
        self.seen: str | None = None  # what became of X before it was used

    def best(self, found: Sequence[Layout]) -> tuple[Training, Layout]:
        """The training under the layout and the network that explain its first updates, or else the likeliest."""
        right, training, lies = self._first(found)
        left = self.call.left
        if right < 1 and left is not None and not _same_numbers(left, self.X):
            given, self.X = self.X, left
            changed = self._first(found)
            if changed[0] == 1:
                self.start.notes.append("f changes X in place: the check goes on with what is left in it")
                return changed[1:]
            self.X = given
        if not right and _explains_nothing(training):
            for self.seen, _ in layout.seen(training.X):
                changed = self._first(found)
                if changed[0] == 1:
                    self.start.notes.append(f"X is changed before it is used: the check goes on with {self.seen}")
                    return changed[1:]
        return training, lies

    def _first(self, found: Sequence[Layout]) -> tuple[float, Training, Layout]:
        """The training under which most of the first updates are right, and their share."""
        best: tuple[float, Training, Layout] | None = None
        best_priced = False
        for lies, net in self._likely(found):
            vectors = [lies.vector(*layers) for layers in self.start.parameters[: self.call.most + 1]]
            training = self._training(lies, net, vectors)
            if self.optimizer is None:
                right, training = _with_optimizer(training, self.call)
            else:
                right = _right(training)
            priced = right == 1 and self._priced(training)
            if best is None or (right, priced) > (best[0], best_priced):
                best, best_priced = (right, training, lies), priced
            if priced:
                break
        assert best is not None
        return best

    def _priced(self, training: Training) -> bool:
        """Whether all that follows is right, too, for a rule whose steps are of one length: the costs tell its loss."""
        if rules.is_linear(training.rule):
            return True
        replay = Replay(replace(training, batches=training.batches.again()))
        return replay.first_wrong is None and Costs(self.returned.costs, replay, self.total).first_wrong is None

    def _likely(self, found: Sequence[Layout]) -> Iterator[tuple[Layout, Network]]:
        """The layouts and networks that may be meant, the likeliest first."""
        if self.optimizer is not None:
            yield from self._structures(found, self.optimizer, 1.0)
            return
        yield from self._structures(found, GradientDescent(1.0), self.call.rate)
        if self.start.first == 1 and _by_sign(self.start.parameters):
            yield from self._structures(found, Adam(1.0), None)

    def _structures(self, found: Sequence[Layout], rule: Rule, rate: float | None) -> Iterator[tuple[Layout, Network]]:
        """The layouts and networks under which the first update and the first costs are right, or nearest to it.

        rate: how many times as long as that of the rule the first step should be, None if it does not matter.
        """
        scored: list[tuple[tuple[float, ...], Layout, Network]] = []
        for lies in found:
            theta = [lies.vector(*one) for one in self.start.parameters[:2]]
            if theta[0] is None or not np.isfinite(theta[0]).all():
                continue
            for net in layout.networks(lies.sizes, lies.examples(self.X, self.Y)[1], **self.options):
                one = replace(self._training(lies, net, theta), rule=rule)
                points = _score(one, theta, self.returned.costs, rate)
                if points[0] == _ALL and points[2] >= _EXACT:
                    yield lies, net  # there may be others, which differ later
                else:
                    scored.append((points, lies, net))
        scored.sort(key=lambda one: one[0], reverse=True)
        if rules.is_linear(rule):
            scored = [one for one in scored if one[0][:2] >= scored[0][0][:2]][:_MOST]
        yield from [(lies, net) for _, lies, net in scored]
        if not scored:  # b does not fit
            lies = found[0]
            yield lies, layout.networks(lies.sizes, lies.examples(self.X, self.Y)[1], **self.options)[0]

    def _training(self, lies: Layout, net: Network, vectors: Sequence[Array | None]) -> Training:
        X, Y = lies.examples(self.X, self.Y)
        X, m = X if self.seen is None else dict(layout.seen(X)).get(self.seen, X), Y.shape[1]
        if m not in self.batches:
            self.batches[m] = Batches(m, *self.taken, self.call.batch_size, self.total)
        theta: list[Array] = []
        for vector in vectors:
            if vector is None:
                break
            theta.append(vector)
            if not np.isfinite(vector).all():
                break
        costs = [float(one.item()) if one.size == 1 else float("nan") for one in self.returned.costs]
        return Training(
            net, X, Y, theta, self.start.first, self.optimizer or GradientDescent(1.0), self.optimizer is not None,
            float(self.call.l2 or 0.0), self.batches[m].again(), float(self.tolerance or 0.0), self.precision,
            costs if len(costs) == self.total else [],
        )  # fmt: skip


def _score(training: Training, theta: list[Any], given: Sequence[Array], rate: float | None) -> tuple[float, ...]:
    """How much of the first update and the first costs a network explains, 3 if all; how nearly; to how many digits.

    training: with the rule that was said, or one of the rate 1.
    """
    batches = training.batches
    parts = [None, *(part for _, (_, part) in zip(range(3), batches.likely(training.first - 1), strict=False))]
    return max(_with(training, theta, part, given, rate) for part in parts)


def _with(
    training: Training, theta: list[Any], part: Array | None, given: Sequence[Array], rate: float | None
) -> tuple[float, ...]:
    rule, tolerance = training.rule, training.tolerance
    J, g = training.gradient(theta[0], *training.of(part))
    costs = [float(one.item()) for one in given[:2] if one.size == 1]
    close = not costs or any(abs(one - J) <= tolerance * (abs(one) + abs(J)) for one in costs)
    if len(theta) < 2 or theta[1] is None or not np.isfinite(theta[1]).all() or not np.isfinite(g).all():
        return (float(close), 0.0, 0.0)
    right, step = rule.step(theta[0], g, rule.init(g))[0] - theta[0], theta[1] - theta[0]
    aligned, scales = [], []
    floor = 32 * training.precision * float(np.linalg.norm(theta[0]))
    for at in training.names.values():
        length = float(right[at] @ right[at])
        scales.append(float(step[at] @ right[at]) / length if length else 0.0)
        off = float(np.linalg.norm(step[at] - scales[-1] * right[at]))
        if at.size > 1 or rate is not None:  # of a single number any step is some multiple
            as_said = at.size > 1 or _nearly(scales[-1], rate)
            aligned.append(as_said and off <= tolerance * float(np.linalg.norm(step[at])) + floor)
    scale = float(np.median(scales))
    off = max(float(np.linalg.norm(step - scale * right)) - floor, 0.0) / float(np.linalg.norm(step) or 1)
    along = sum(cosine(step[at], right[at]) for at in training.names.values()) / len(scales)
    evidence = np.array(
        [close, np.mean(aligned) if aligned else 1.0, rate is None or _nearly(scale, rate)], dtype=float
    )
    # Of a rule that divides the gradient by its size, the first step shows little more than signs.
    weights = (1.0, 1.0, 1.0) if rules.is_linear(rule) else (1.6, 0.7, 0.7)
    return (
        round(float(evidence @ weights), 9),
        float(along > _ALONG),
        round(-float(np.log10(off + 1e-12))) if np.isfinite(off) else 0,
    )


def _by_sign(parameters: Sequence[tuple[Layers, Layers]]) -> bool:
    """Whether nearly all numbers move by the same in the first update, as those of Adam and RMSProp do."""
    steps = [
        (after - before).ravel()
        for one, other in zip(*parameters[:2], strict=True)
        for before, after in zip(one, other, strict=True)
        if before.shape == after.shape
    ]
    lengths = abs(np.concatenate(steps)) if steps else np.zeros(0)
    lengths = lengths[lengths > 0]
    return bool(lengths.size and np.mean(abs(lengths / np.median(lengths) - 1) < _SIGNS) > 0.5)


def _same_numbers(one: Array, other: Array) -> bool:
    """Whether both have the same numbers, in whatever order: examples that were shuffled are the same still."""
    return np.array_equal(np.sort(one, axis=None), np.sort(other, axis=None))


def _nearly(scale: float, rate: float | None) -> bool:
    return rate is not None and abs(scale / rate - 1) < _ROUGHLY


def _right(training: Training) -> float:
    """The share of the tensors of the first updates that are right."""
    first = replace(training, theta=training.theta[: _FIRST + 1], batches=training.batches.again())
    updates = Replay(first).updates
    wrong = sum(len(update.wrong) for update in updates)
    return 1 - wrong / (len(updates) * len(training.names)) if updates else 0.0


def _explains_nothing(training: Training) -> bool:
    """Whether neither a tensor of the first update nor its cost is right."""
    first = replace(training, theta=training.theta[:2], batches=training.batches.again())
    updates, cost = Replay(first).updates, training.costs[training.first - 1 : training.first]
    if not updates or len(updates[0].wrong) < len(training.names):
        return False
    return not any(abs(one - updates[0].J) <= training.tolerance * (abs(one) + abs(updates[0].J)) for one in cost)


def _with_optimizer(training: Training, call: Call) -> tuple[float, Training]:
    """The training with the rule that makes most of the first updates right, and their share."""
    best: tuple[float, Training] | None = None
    for rule in _candidates(training, call):
        measured = _measured(training, rule) if call.rate is None else rule
        one = replace(training, rule=measured, rate_known=call.rate is not None)
        right = _right(one)
        # Of those that explain nothing, the one that the arguments tell of.
        if best is None or right > best[0] or (not best[0] and rule == call.rule()):
            best = right, one
        if right == 1:
            break
    assert best is not None
    return best


def _candidates(training: Training, call: Call) -> Iterator[Rule]:
    rate = call.rate
    yield GradientDescent(1.0 if rate is None else float(rate))
    if len(training.theta) > 2 and training.first == 1:
        yield from rules_of(None if rate is None else float(rate), call)


def _measured(training: Training, rule: Rule) -> Rule:
    """The rule with the rate of the first update: the median of those of its tensors."""
    if len(training.theta) < 2:
        return replace(rule, learning_rate=0.1)
    before, after = training.theta[:2]
    best: tuple[float, float] = (-1.0, 0.1)
    taken = training.batches.again()
    near = [one for _, one in zip(range(3), taken.likely(training.first - 1), strict=False)]
    for part, targets in [(part, targets) for place, part in near for targets in (None, taken.targets(place))]:
        _, g = training.gradient(before, *training.of(part, targets))
        right = replace(rule, learning_rate=1.0).step(before, g, rule.init(before))[0] - before
        step = after - before
        moving = [at for at in training.names.values() if right[at].any() and step[at].any()]
        along = [at for at in moving if at.size > 1 and cosine(step[at], right[at]) > 1 - _ALIGNED] or moving
        ratios = [abs(float(step[at] @ right[at]) / float(right[at] @ right[at])) for at in along]
        ratios = [one for one in ratios if np.isfinite(one) and one]
        if ratios and (close := cosine(step, right)) > best[0]:
            best = close, float(np.median(ratios))
    return replace(rule, learning_rate=best[1])
