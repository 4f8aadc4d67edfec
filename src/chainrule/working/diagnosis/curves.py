"""Checks of the training: the curve of the cost, and how the network does on examples it has not seen."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from chainrule._types import Array
from chainrule.working.diagnosis.measure import NEIGHBORS, Measured
from chainrule.working.diagnosis.report import Finding, NotMeasuredError, require

LONG = 10  # steps from which on a curve has a shape
STRIDE = 0.5  # of the size of random weights, in one step: with shorter ones weights grow for long, and not at once


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
    """Whether the cost overflows, rises above its start, ends above its lowest, or goes up and down; or W has grown."""
    finding = partial(Finding, remedy="a lower learning rate: a third of it, and again")
    if not np.isfinite(m.J) or not np.isfinite(m.curve.cost).all():
        yield finding(
            quantity="cost",
            value=float("inf"),
            threshold=float(np.finfo(m.network.dtype).max),
            reason="the largest number there is: training has diverged",
        )
        return
    sizes = [float(np.linalg.norm(W)) / (2 * len(W)) ** 0.5 for W in m.trace.W[1:]]
    moved = zip(sizes, _reach(m), _stride(m), strict=False)
    grown = [size for size, reach, stride in moved if reach > 0.5 and stride > STRIDE]
    if grown:
        yield finding(
            quantity="size of the weights of a layer, in units of that of random ones, √(2 n[l]), the largest of those "
            "that a few steps can have moved",
            value=max(grown),
            threshold=20,
            reason="400 times the variance of Z: all units are certain of all examples, in a few steps that were too "
            "long. Training that goes well makes weights a few times as large",
        )
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
    """Whether the cost is still far from its end, and whether all the steps together can have gone anywhere."""
    costs = _check_curve(m, LONG)
    require(not any(finding.beyond for finding in too_high(m)), "the cost leaps: the steps are too long already")
    finding = partial(Finding, remedy="a learning rate 3 to 10 times higher, or more epochs")
    if reach := _reach(m):
        yield finding(
            quantity="how far all steps together can have moved a layer's weights, in units of their size (of that of "
            "random ones, √n[l], if they are smaller), the most",
            value=max(reach),
            threshold=0.01,
            above=False,
            reason="gradient descent goes α ‖dW‖ in a step, optimizers that divide by the size of the gradient α for "
            "each weight, and momentum 10 times that: a hundredth changes no answer",
            where=f"the learning rates of {m.curve.epochs:,} epochs, {m.updates:,} steps each, have the sum "
            f"{m.curve.way * m.updates:.3g}",
        )
    curves = {"cost": costs, "validation cost": m.curve.validation}
    if _end(costs) - m.J > _end(costs) / 3:
        del curves["cost"]
    curves = {what: curve for what, curve in curves.items() if len(curve) >= LONG}
    require(
        curves,
        "more than a third of the recorded cost is what L2, dropout or smoothed labels add to it, which hides what is "
        "learned: train with validation=(X, Y)",
    )
    to_come = {what: min(_to_come(curve), m.J) / m.constant for what, curve in curves.items()}
    what = min(to_come, key=to_come.__getitem__)
    costs = curves[what]
    yield finding(
        quantity=f"what is still to be gained if the {what} goes on to fall as it did, in units of the best constant "
        "answer's cost",
        value=float(to_come[what]),
        threshold=0.2,
        reason="where a cost nears its end exponentially, each half of the steps gains the same share of what the "
        "half before it gained; a fifth of all there is to learn is still to come, and the end not in sight",
        where=f"{what} {costs[0]:.4g} at the start, {costs[len(costs) // 2]:.4g} half way, {_end(costs):.4g} at last",
    )


def _reach(m: Measured) -> list[float]:
    """How far all steps together can have moved the weights of each layer, in units of their size; [] if unknown."""
    way = m.curve.way * m.updates
    sizes = [max(float(np.linalg.norm(W)), len(W) ** 0.5) for W in m.trace.W[1:]]
    return [way * length / size for length, size in zip(_lengths(m), sizes, strict=False)]


def _stride(m: Measured) -> list[float]:
    """How far a step of the mean learning rate can move the weights of each layer, in units of random ones."""
    rate = m.curve.way / max(1, m.curve.epochs)
    return [rate * length / (2 * len(W)) ** 0.5 for length, W in zip(_lengths(m), m.trace.W[1:], strict=False)]


def _lengths(m: Measured) -> list[float]:
    """How far a step of learning rate 1 can move the weights of each layer; [] if the rates are unknown.

    Gradient descent goes ‖dW‖, optimizers that divide by the size of the gradient 1 for each weight.
    """
    if not np.isfinite(m.curve.way):
        return []
    slopes = [dW - m.decay * W for W, dW in zip(m.trace.W[1:], m.trace.dW[1:], strict=True)]
    return [max(float(np.linalg.norm(dW)), dW.size**0.5) for dW in slopes]


def _to_come(costs: Array) -> float:
    """How far an exponential through the start, the middle and the end still falls, less for the noise of the curve."""
    k, w = len(costs), max(1, len(costs) // 10)
    start, end = float(np.median(costs[:w])), _end(costs)
    middle = float(np.median(costs[(k - w) // 2 : (k - w) // 2 + w]))
    change, noise = _trend(costs)
    first, second = start - middle + 2 * noise, middle - end - 2 * noise
    if -change <= 6 * noise or second <= 0 or start + second / 10 < middle:
        return 0.0
    share = second / max(first, 1e-300)
    return second * share / (1 - share) if share < 1 else float("inf")


def _trend(costs: Array) -> tuple[float, float]:
    """How far the straight line through the second half of the steps goes, and the noise from step to step."""
    half = costs[len(costs) // 2 :]
    x = np.arange(len(half)) - (len(half) - 1) / 2
    # The second difference of a smooth curve is next to 0, and that of noise has 6 times its variance.
    return float(x @ half / (x @ x)) * len(half), float(np.diff(half, 2).std() / np.sqrt(6))


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
            quantity="cost of the validation examples above its lowest, and above that of the training examples, in "
            "units of the best constant answer's",
            value=(now - max(float(smooth.min()), m.J)) / unit,
            threshold=0.1,
            reason="a tenth of all there is to learn has been lost again since, and not on the training examples",
            where=f"lowest {smooth.min():.4g} at step {best}, now {now:.4g}, training {m.J:.4g}",
        )


def baseline(m: Measured) -> Iterator[Finding]:
    """How much better the network is than the best constant answer: the mean, the median or the commonest class."""
    m.check_trained()
    m.check_targets_vary()
    where = f"cost {m.J:.4g}, of the best constant answer {m.constant:.4g}"
    yield Finding(
        quantity="share of the cost of the best constant answer that the network has removed",
        value=m.learned,
        threshold=0.02,
        above=False,
        reason="whoever gives the same answer to every question, the mean or the shares of the classes, does as well; "
        "a fiftieth is what chance gives away",
        remedy="see what is told with this finding. If nothing is: can ten of the examples be learned by heart? If "
        "not, the training is at fault, and else the data",
        where=where,
    )


def underfitting(m: Measured) -> Iterator[Finding]:
    """How much more of the targets' variance the nearest examples explain than the network does."""
    m.check_trained()
    require(m.m >= 5 * NEIGHBORS, f"{m.m} examples: too few for the {NEIGHBORS} nearest to say anything")
    Y, A, w = m.Y[:, m.some], m.trace.A[-1][:, m.some], m.w[:, m.some]
    mean = (Y * w).sum(axis=1, keepdims=True) / w.sum()  # (n[L], 1)
    total = (w * (Y - mean) ** 2).sum()
    require(total > 0 and m.varied.any(), "the inputs or the targets are constant")
    # Neither itself nor its copies, which would give the answer away.
    network, neighbors = (1 - float((w * (P - Y) ** 2).sum() / total) for P in (A, m.around(Y, copies=False)))
    yield Finding(
        quantity=f"share of the targets' variance that the {NEIGHBORS} nearest others explain, less the network's",
        value=neighbors - network,
        threshold=0.2,
        reason="their mean knows nothing of networks; a fifth of the variance that even it finds is there to be "
        "learned",
        remedy="a hidden layer, more units, or more epochs; less l2 or dropout",
        where=f"nearest examples {neighbors:.3g}, network {network:.3g}",
    )
