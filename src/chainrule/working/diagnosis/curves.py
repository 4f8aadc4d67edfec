"""Checks of the training: the curve of the cost, and how the network does on examples it has not seen."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from chainrule._types import Array
from chainrule.working.diagnosis.measure import Measured
from chainrule.working.diagnosis.report import Finding, NotMeasuredError, require

LONG = 10  # steps from which on a curve has a shape
NEIGHBORS = 10


def _check_curve(m: Measured, wanted: int) -> Array:
    """The cost at each step (k,); NotMeasuredError with fewer steps than wanted, or with steps of no learning rate."""
    costs = m.curve.cost
    require(m.curve.by_rate, "the solver chose its own steps")
    require(
        len(costs) >= wanted, f"{len(costs)} steps recorded, wanted {wanted} or more: give steps=list(net.train(…))"
    )
    m.check_targets_vary()
    return costs


def _end(costs: Array) -> float:
    return float(np.median(costs[-max(1, len(costs) // 10) :]))


def too_high(m: Measured) -> Iterator[Finding]:
    """Whether the cost overflows, rises above its start, ends above its lowest, or goes up and down."""
    finding = partial(Finding, remedy="a lower learning rate: a third of it, and again")
    if not np.isfinite(m.J) or not np.isfinite(m.curve.cost).all():
        yield finding(
            quantity="cost",
            value=float("inf"),
            threshold=float(np.finfo(m.network.dtype).max),
            reason="the largest number there is: training has diverged",
        )
        return
    costs = _check_curve(m, 3)
    unit = max(m.constant, float(costs[0]))  # what there is to lose
    units = "in units of the cost at the start"
    yield finding(
        quantity=f"rise of the cost above its start, {units}",
        value=float(costs.max() - costs[0]) / unit,
        threshold=1,
        reason="a step that is short enough lowers the cost; noise does not double it",
        where=f"from {costs[0]:.4g} to {costs.max():.4g} at step {int(costs.argmax())}",
    )
    yield finding(
        quantity=f"cost at the end above the lowest, {units}",
        value=(_end(costs) - float(costs.min())) / unit,
        threshold=0.1,
        reason="what has been learned once is not lost again unless the steps leap out of it; the noise of "
        "mini-batches is far below a tenth",
        where=f"lowest {costs.min():.4g} at step {int(costs.argmin())}, at the end {_end(costs):.4g}",
    )
    if len(costs) >= LONG:
        change = np.diff(costs[len(costs) // 2 :])
        turns = np.where(change[1:] * change[:-1] < 0, np.minimum(abs(change[1:]), abs(change[:-1])), 0)
        yield finding(
            quantity=f"up and down of the cost from step to step in the second half (median), {units}",
            value=float(np.median(turns)) / unit,
            threshold=0.03,
            reason="along a steep direction a step that is too long lands on the other side, every time: the cost "
            "goes up and down by a few percent of all there is to learn. Noise of mini-batches stays below",
        )


def too_low(m: Measured) -> Iterator[Finding]:
    """The share of the fall of the cost that came in the second half of the steps: a straight line gives one half."""
    costs = _check_curve(m, LONG)
    k, w = len(costs), max(1, len(costs) // 10)
    start, end = float(np.median(costs[:w])), _end(costs)
    middle = float(np.median(costs[(k - w) // 2 : (k - w) // 2 + w]))
    half = costs[k // 2 :]
    x = np.arange(len(half)) - (len(half) - 1) / 2
    slope = float(x @ half / (x @ x))
    noise = half - half.mean() - slope * x
    falls = slope < 0 and -slope * len(half) > 6 * float(noise.std())
    yield Finding(
        quantity="share of the fall of the cost that came in the second half of the steps",
        value=(middle - end) / (start - end) if falls and start > end else 0.0,
        threshold=1 / 3,
        reason="a straight line gives 1/2: every step as good as the first, and the end not in sight. Where the "
        "cost nears its end exponentially, 1/3 means that a quarter of the way is still to go",
        remedy="a learning rate 3 to 10 times higher, or more epochs",
        where=f"cost {start:.4g} at the start, {middle:.4g} half way, {end:.4g} at the end",
    )


def overfitting(m: Measured) -> Iterator[Finding]:
    """How much worse the cost is on examples that were not trained on, and whether it was better before."""
    m.check_targets_vary()
    watched = m.curve.validation
    if m.validation is not None:
        now, error = m.validation
    elif len(watched) >= LONG:
        now, error = float(watched[-1]), 0.0  # the last step is the network as it is
    else:
        raise NotMeasuredError("no validation examples: give validation=(X, Y), or train with validation=(X, Y)")
    unit = m.constant
    finding = partial(Finding, remedy="stop early (patience), or more examples, a higher l2, dropout, fewer units")
    yield finding(
        quantity="cost of the validation examples above that of the training examples, in units of the best "
        "constant answer's, less two standard errors",
        value=(now - 2 * error - m.J) / unit,
        threshold=0.25,
        reason="a quarter of all there is to learn is then known of the training examples only: learned by heart",
        where=f"training {m.J:.4g}, validation {now:.4g}, best constant answer {unit:.4g}",
    )
    # A curve of the same examples has today's cost somewhere: at the last step, or at the one whose network came back.
    if len(watched) >= LONG and np.isclose(watched, now, rtol=1e-4).any():
        smooth = np.median(np.lib.stride_tricks.sliding_window_view(watched, 5), axis=1)
        best = int(smooth.argmin()) + 2
        yield finding(
            quantity="cost of the validation examples above its lowest, in units of the best constant answer's",
            value=(now - float(smooth.min())) / unit,
            threshold=0.1,
            reason="a tenth of all there is to learn has been lost again since",
            where=f"lowest {smooth.min():.4g} at step {best}, now {now:.4g}",
        )


def underfitting(m: Measured) -> Iterator[Finding]:
    """How much more of the targets' variance the nearest examples explain than the network does."""
    m.check_trained()
    require(m.m >= 5 * NEIGHBORS, f"{m.m} examples: too few for the {NEIGHBORS} nearest to say anything")
    mean = (m.Y * m.w).sum(axis=1, keepdims=True) / m.w.sum()  # (n[L], 1)
    total = (m.w * (m.Y - mean) ** 2).sum()
    varied = m.varied
    require(total > 0 and varied.any(), "the inputs or the targets are constant")
    X = m.X[varied] / m.X[varied].std(axis=1, keepdims=True)
    square = (X * X).sum(axis=0)
    distance = square[:, None] + square - 2 * X.T @ X  # (m, m)
    # Neither itself nor its copies, which would give the answer away.
    distance[distance <= 1e-9 * max(float(square.max()), 1.0)] = np.inf
    nearest = np.argpartition(distance, NEIGHBORS, axis=1)[:, :NEIGHBORS]  # (m, 10)
    w = m.w[0, nearest] + 1e-12  # (m, 10); neighbors of weight 0 have a mean, too
    around = (m.Y[:, nearest] * w).sum(axis=2) / w.sum(axis=1)  # (n[L], m)
    network, neighbors = (1 - float((m.w * (A - m.Y) ** 2).sum() / total) for A in (m.trace.A[-1], around))
    yield Finding(
        quantity=f"share of the targets' variance that the {NEIGHBORS} nearest others explain, less the network's",
        value=neighbors - network,
        threshold=0.2,
        reason="their mean knows nothing of networks; a fifth of the variance that even it finds is there to be "
        "learned",
        remedy="a hidden layer, more units, or more epochs; less l2 or dropout",
        where=f"nearest examples {neighbors:.3g}, network {network:.3g}",
    )
