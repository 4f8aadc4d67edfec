"""What nobody said of a training: network, layout, optimizer and learning rate, by what explains its first updates."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.network import Network
from chainrule.optimizers import GradientDescent, Rule
from chainrule.working.trainings.batches import Batches
from chainrule.working.trainings.calls import Call, rules_of
from chainrule.working.trainings.layout import Layout, networks
from chainrule.working.trainings.replay import Replay, Training, cosine

_ALIGNED = 1e-6  # how far a step may point off the one it should be, as a share of it
_FIRST = 5  # updates that an optimizer has to explain


def structure(
    found: Sequence[Layout],
    X: Array,
    Y: Array,
    parameters: Sequence[Any],
    given: Sequence[Array],
    rule: Rule | None,
    rate: float | None,
    options: dict[str, Any],
    batches: Callable[[int], Batches],
    l2: float,
) -> tuple[Layout, Network]:
    """The layout and the network under which the first update and the first costs are right, or nearest to it."""
    best: tuple[tuple[float, ...], Layout, Network] | None = None
    for layout in found:
        columns, targets = layout.examples(X, Y)
        theta = [layout.vector(*one) for one in parameters[:2]]
        if theta[0] is None or not np.isfinite(theta[0]).all():
            continue
        examples = [part for _, (_, part) in zip(range(3), batches(targets.shape[1]).likely(0), strict=False)]
        for net in networks(layout.sizes, targets, **options):
            training = Training(
                net,
                columns,
                targets,
                [],
                1,
                rule or GradientDescent(1.0),
                False,
                l2,
                batches(targets.shape[1]),
                1e-6,
                0.0,
            )
            score = max(_score(training, theta, part, given, rule, rate) for part in [None, *examples])
            if best is None or score > best[0]:
                best = score, layout, net
            if score[0] == 3:
                return layout, net
    if best is None:  # b does not fit
        return found[0], networks(found[0].sizes, found[0].examples(X, Y)[1], **options)[0]
    return best[1], best[2]


def _score(
    training: Training,
    theta: list[Any],
    part: Array | None,
    given: Sequence[Array],
    rule: Rule | None,
    rate: float | None,
) -> tuple[float, ...]:
    """How much of the first update and the first costs a network explains: 3 if all."""
    with np.errstate(all="ignore"):
        J, g = training.gradient(theta[0], *training.of(part))
        costs = [float(one.item()) for one in given[:2] if one.size == 1]
        close = not costs or any(abs(one - J) <= 1e-6 * (abs(one) + abs(J)) for one in costs)
        if len(theta) < 2 or theta[1] is None or not np.isfinite(theta[1]).all() or not np.isfinite(g).all():
            return (float(close), 0.0)
        right = -g if rule is None else rule.step(theta[0], g, rule.init(g))[0] - theta[0]
        step = theta[1] - theta[0]
        aligned, along = 0, 0.0
        for at in training.names.values():
            along += cosine(step[at], right[at])
            length = float(right[at] @ right[at])
            scale = float(step[at] @ right[at]) / length if length else 0.0
            floor = 32 * np.finfo(float).eps * float(np.linalg.norm(theta[0][at]))
            off = float(np.linalg.norm(step[at] - scale * right[at]))
            aligned += int(off <= _ALIGNED * float(np.linalg.norm(step[at])) + floor)
        meant = rate if rule is None else 1.0
        length = float(right @ right)
        scaled = meant is None or (length > 0 and abs(float(step @ right) / length / meant - 1) < 1e-4)
        count = len(training.names)
        return (float(close) + aligned / count + (1.0 if scaled else 0.0), round(10 * along / count))


def optimizer(training: Training, call: Call, batches: Callable[[int], Batches]) -> tuple[Rule, bool]:
    """The rule, and whether its rate was said; else it is measured."""
    m, rate = training.Y.shape[1], call.rate
    first = replace(training, theta=training.theta[: _FIRST + 1])
    plain: Rule | None = None
    for rule in _candidates(training, call):
        if rate is None:
            rule = _measured(training, rule, batches)
        plain = plain or rule
        try:
            replay = Replay(replace(first, rule=rule, rate_known=rate is not None, batches=batches(m)))
        except ZeroDivisionError:
            continue
        if replay.first_wrong is None:
            return rule, rate is not None
        if training.first > 1:
            break
    said = call.rule() if training.first == 1 else None
    if said is not None and rate is None:
        said = _measured(training, said, batches)
    return said or plain or GradientDescent(0.1), rate is not None


def _candidates(training: Training, call: Call) -> Iterator[Rule]:
    rate = call.rate
    yield GradientDescent(1.0 if rate is None else float(rate))
    if len(training.theta) > 2:
        yield from rules_of(None if rate is None else float(rate), call)


def _measured(training: Training, rule: Rule, batches: Callable[[int], Batches]) -> Rule:
    """The rule with the rate of the first update: the median of those of its tensors."""
    if len(training.theta) < 2:
        return replace(rule, learning_rate=0.1)
    before, after = training.theta[:2]
    best: tuple[float, float] = (-1.0, 0.1)
    taken = batches(training.Y.shape[1])
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
