"""What nobody said of a training: network, layout, optimizer and learning rate, by what explains its first updates."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.network import Network
from chainrule.optimizers import GradientDescent, Rule
from chainrule.working.trainings import rules
from chainrule.working.trainings.calls import Call, rules_of
from chainrule.working.trainings.layout import Layout, networks
from chainrule.working.trainings.replay import Replay, Training, cosine

_ALIGNED = 1e-6  # how far a step may point off the one it should be, as a share of it
_ALL = 3.0  # the score of a network that explains all
_ROUGHLY = 1e-4
_MOST = 6  # networks that are looked at further
_EXACT = 9  # digits in which a first step is right that can be of no other network
_FIRST = 5  # updates that an optimizer has to explain


def structures(
    found: Sequence[Layout],
    X: Array,
    Y: Array,
    parameters: Sequence[Any],
    options: dict[str, Any],
    score: Callable[[Layout, Network, list[Any]], tuple[float, ...]],
) -> Iterator[tuple[Layout, Network]]:
    """The layouts and networks under which the first update and the first costs are right, or nearest to it."""
    scored: list[tuple[tuple[float, ...], Layout, Network]] = []
    for layout in found:
        theta = [layout.vector(*one) for one in parameters[:2]]
        if theta[0] is None or not np.isfinite(theta[0]).all():
            continue
        for net in networks(layout.sizes, layout.examples(X, Y)[1], **options):
            points = score(layout, net, theta)
            if points[0] == _ALL and points[2] >= _EXACT:
                yield layout, net  # there may be others, which differ later
            else:
                scored.append((points, layout, net))
    scored.sort(key=lambda one: one[0], reverse=True)
    yield from [(layout, net) for points, layout, net in scored if points[:2] >= scored[0][0][:2]][:_MOST]
    if not scored:  # b does not fit
        yield found[0], networks(found[0].sizes, found[0].examples(X, Y)[1], **options)[0]


def score(training: Training, theta: list[Any], given: Sequence[Array], rate: float | None) -> tuple[float, ...]:
    """How much of the first update and the first costs a network explains, 3 if all; how nearly; to how many digits.

    training: with the rule that was said, or one of the rate 1.
    """
    batches = training.batches
    parts = [None, *(part for _, (_, part) in zip(range(3), batches.likely(training.first - 1), strict=False))]
    return max(_score(training, theta, part, given, rate) for part in parts)


def _score(
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
    return (round(float(evidence @ weights), 9), round(10 * along), round(-float(np.log10(off + 1e-12))))


def _nearly(scale: float, rate: float | None) -> bool:
    return rate is not None and abs(scale / rate - 1) < _ROUGHLY


def explains(training: Training) -> bool:
    """Whether the first updates are right."""
    first = replace(training, theta=training.theta[: _FIRST + 1], batches=training.batches.again())
    return Replay(first).first_wrong is None


def optimizer(training: Training, call: Call) -> tuple[Rule, bool]:
    """The rule, and whether its rate was said; else it is measured."""
    rate = call.rate
    plain: Rule | None = None
    for rule in _candidates(training, call):
        if rate is None:
            rule = _measured(training, rule)
        plain = plain or rule
        if explains(replace(training, rule=rule, rate_known=rate is not None)):
            return rule, rate is not None
        if training.first > 1:
            break
    said = call.rule() if training.first == 1 else None
    if said is not None and rate is None:
        said = _measured(training, said)
    return said or plain or GradientDescent(0.1), rate is not None


def _candidates(training: Training, call: Call) -> Iterator[Rule]:
    rate = call.rate
    yield GradientDescent(1.0 if rate is None else float(rate))
    if len(training.theta) > 2:
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
