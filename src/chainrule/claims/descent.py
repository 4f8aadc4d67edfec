"""Claims 12 to 14: gradient descent with normalized inputs, in batches, and the methods that improve on it."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from statistics import median
from typing import Any

import numpy as np

from chainrule import datasets
from chainrule._types import Array
from chainrule.claims import drawing
from chainrule.claims.common import OVER_SEEDS, Result, accuracy, claim, count, interleaved, judge, over_seeds
from chainrule.errors import DivergenceError
from chainrule.network import Network
from chainrule.optimizers import LBFGS, Adam, GradientDescent, Momentum, Optimizer, RMSProp

_STAY = 5  # epochs for which a goal has to be kept: a jump across it is not enough


def half_decades(first: int, last: int) -> tuple[float, ...]:
    """10^first, 3.16 · 10^first, … 10^last."""
    return tuple(float(f"{10 ** (k / 2):.3g}") for k in range(2 * first, 2 * last + 1))


@dataclass(frozen=True)
class Descent:
    """A training until a cost was reached for good: costs[e − 1] is J of all examples after e epochs."""

    optimizer: Optimizer
    costs: list[float]
    goal: float

    @property
    def epochs(self) -> float:
        """How many it took; infinite if it did not get there, or not for _STAY epochs on end."""
        done = self.costs[-_STAY:]
        return len(self.costs) - _STAY + 1 if len(done) == _STAY and max(done) <= self.goal else inf

    @property
    def rate(self) -> float:
        """The learning rate α."""
        return self.optimizer.learning_rate

    def line(self, unit: float = 1) -> tuple[Array, Array]:
        """The epochs, in units of which each has so many, and J after them."""
        return unit * np.arange(1, len(self.costs) + 1), np.array(self.costs)


@dataclass(frozen=True)
class Course:
    """What descents have in common: the first weights, X (n[0], m), Y (n[L], m), and where they are to end.

    That is when J of all examples is `goal` or less for _STAY epochs on end, or after `most` epochs. falling: a descent
    in which J rises has failed at once. batch_size and seed are those of `train`.
    """

    start: Network
    X: Array
    Y: Array
    goal: float
    most: int
    batch_size: int | None = None
    seed: int | None = None
    falling: bool = False

    def descend(self, optimizer: Optimizer) -> Descent:
        """Train a copy of the network."""
        costs: list[float] = []
        X, Y, net = self.X, self.Y, deepcopy(self.start)
        with suppress(DivergenceError):
            for step in net.train(
                X, Y, optimizer, epochs=self.most, batch_size=self.batch_size, seed=self.seed, validation=(X, Y)
            ):
                costs.append(inf if step.validation_cost is None else step.validation_cost)
                if self.falling and costs[-1] > costs[-2:][0]:
                    return Descent(optimizer, [inf], self.goal)
                if len(costs) >= _STAY and max(costs[-_STAY:]) <= self.goal:
                    break
        return Descent(optimizer, costs or [inf], self.goal)

    def quickest(self, choice: Sequence[Optimizer]) -> Descent:
        """The descent of fewest epochs among a choice of optimizers. Where none gets there, the one that comes closest.

        They are tried from the middle of the choice outwards, and one that is slower than the best so far is not
        followed to its end.
        """
        found: list[Descent] = []
        for optimizer in sorted(choice, key=lambda one: abs(choice.index(one) - len(choice) // 2)):
            longest = int(min(self.most, *(run.epochs + _STAY - 1 for run in found), inf))
            found.append(replace(self, most=longest).descend(optimizer))
        return min(found, key=lambda run: (run.epochs, run.costs[-1]))


_LONGEST = 20_000
_TOGETHER = {"all at once": 0, "ten at a time": 10, "one at a time": 1, "the benign ones only": 0}


@claim(
    12,
    "Gradient descent needs fewer iterations when the inputs have mean 0 and variance 1, because the cost is round "
    "instead of elongated; and the test set must be normalized with the μ and σ of the training set.",
    "Logistic regression on one input, the mean radius of the breast cancer data, so that there are two parameters, w "
    "and b. From zeros, with the input as it is and normalized, each at the best of nine learning rates from 0.01 to "
    "100 with which J never rises: updates until J is at most 5 % above its minimum. Then, on all thirty inputs, the "
    "accuracy on a test half with the training half's μ and σ, and with the test set's own. It holds if the updates "
    "are halved for every seed, and if its own μ and σ cost more than a point of accuracy in whatever way the test set "
    "comes.",
)
def normalized_inputs(seeds: Sequence[int], method: str | None = "standard") -> Result:
    X, Y = datasets.breast_cancer()
    ways = {"as it is": None, "normalized": method}
    runs, stretch, own = (defaultdict[str, list[Any]](list) for _ in range(3))
    right, shown = [], []
    for seed in seeds:
        train, test = np.array_split(np.random.default_rng(seed).permutation(X.shape[1]), 2)
        x, y = X[:1, train], Y[:, train]  # one input, so two parameters: w and b
        bottom = Network([1, 1], init="zeros").normalize(x)
        bottom.train(x, y, LBFGS(), epochs=200).run()
        goal = 1.05 * bottom.cost(x, y)
        for way, how in ways.items():
            start = Network([1, 1], init="zeros").normalize(x, how)
            choice = [GradientDescent(rate) for rate in half_decades(-2, 2)]
            runs[way].append(Course(start, x, y, goal, _LONGEST, falling=True).quickest(choice))
            rows = np.vstack([start.check_inputs(x), np.ones(x.shape)])  # what w and b are multiplied by
            stretch[way].append(float(np.linalg.cond(rows @ rows.T)))
            if seed == seeds[0]:
                shown.append(_path(f"input {way}", start, x, y, runs[way][-1]))
        score, scores = _tested(X, Y, train, test)
        right.append(score)
        for group, found in scores.items():
            own[group].append(found)
    epochs = {way: [run.epochs for run in found] for way, found in runs.items()}
    # A run that did not get there counts as the longest allowed: the factor is a lower bound then.
    factors = [min(a, _LONGEST) / min(b, _LONGEST) for a, b in zip(*epochs.values(), strict=True)]
    lost = {group: [a - b for a, b in zip(right, found, strict=True)] for group, found in own.items()}
    harm = [group for group, points in lost.items() if min(points) > 0 and median(points) > 0.01]
    halved, whatever = min(factors) >= 2, len(harm) == len(lost)
    second = f"do harm only where it comes as: {', '.join(harm)}" if harm else "did no harm"
    first = ", ".join(
        f"{_shown(median(epochs[way]))} with the input {way} (α = {median(run.rate for run in found):g})"
        for way, found in runs.items()
    )
    summary = (
        f"The first half {'holds' if halved else 'does not hold'}. Updates until J is 5 % above its minimum: {first}. "
        + ("The second too." if whatever else f"The test set's own μ and σ {second}.")
        + f" Of {median(right):.1%} test accuracy they cost "
        + ", ".join(f"{100 * median(points):.1f} points ({group})" for group, points in lost.items())
        + "."
    )
    table = (
        *((f"updates, input {way}", *map(count, over_seeds(found))) for way, found in epochs.items()),
        ("times as many, at least", *over_seeds(factors)),
        *((f"condition number, input {way}", *over_seeds(found)) for way, found in stretch.items()),
        ("test accuracy, μ and σ of the training set", *over_seeds(right)),
        *((f"test accuracy, own μ and σ, {group}", *over_seeds(found)) for group, found in own.items()),
    )
    verdict = judge([True, whatever]) if halved else "does not hold"
    return Result(verdict, summary, ("measured", *OVER_SEEDS), table, drawing.picture(*shown))


def _shown(epochs: float) -> str:
    return f"more than {_LONGEST:,}" if epochs == inf else f"{epochs:,.0f}"


def _tested(X: Array, Y: Array, train: Array, test: Array) -> tuple[float, dict[str, float]]:
    """Test accuracy of logistic regression with the μ and σ of the training set, and with those of the tested."""
    net = Network([len(X), 1], init="zeros").normalize(X[:, train])
    net.train(X[:, train], Y[:, train], LBFGS(), epochs=200, every=200, l2=1.0).run()
    right, found = accuracy(net, X[:, test], Y[:, test]), {}
    for group, size in _TOGETHER.items():
        members = test[Y[0, test] == 1] if group == "the benign ones only" else test
        parts = np.array_split(members, -(-len(members) // size) if size else 1)
        correct = [len(part) * accuracy(net.normalize(X[:, part]), X[:, part], Y[:, part]) for part in parts]
        found[group] = sum(correct) / len(members)
    return right, found


def _path(title: str, start: Network, x: Array, y: Array, run: Descent) -> drawing.Part:
    """J over w and b, and the way that gradient descent goes from w = b = 0."""
    net, taken = deepcopy(start), int(min(run.epochs, len(run.costs)))
    points = [net.parameters.copy()]
    points += [net.parameters.copy() for _ in net.train(x, y, run.optimizer, epochs=taken)]
    path = np.array(points)  # (taken + 1, 2)
    low, high = path.min(axis=0), path.max(axis=0)
    w, b = np.linspace(low - 0.35 * (high - low), high + 0.35 * (high - low), 60).T
    J = np.empty((len(b), len(w)))
    for i, j in np.ndindex(J.shape):
        net.parameters = (w[j], b[i])
        J[i, j] = net.cost(x, y)
    return drawing.descent(f"{title}\n{taken:,} updates, α = {run.rate:g}", w, b, J, path)


_WATCHED = 20  # epochs after the goal


@claim(
    13,
    "Batch gradient descent takes too long for an update, stochastic gradient descent loses the speed of "
    "vectorization; mini-batches in between learn fastest.",
    "64 – 32 – 10 units on the digits, all examples at once, in batches of 64 and one by one, each at the best of "
    "seven learning rates from 0.01 to 10: updates and seconds until J of all examples is 0.2 or less, for five epochs "
    "on end. Seconds are epochs times the seconds of an epoch on one core, taken in turn. It holds if mini-batches "
    "take less than 90 % of the seconds of both others.",
)
def mini_batches(seeds: Sequence[int], sizes: Sequence[int | None] = (None, 64, 1)) -> Result:
    X, Y = (array.astype(np.float32) for array in datasets.digits())
    m, goal = X.shape[1], 0.2
    names = dict(zip(("batch", "mini-batches", "stochastic"), sizes, strict=True))
    updates = {name: -(-m // (size or m)) for name, size in names.items()}  # in an epoch
    runs, epoch, rises = (defaultdict[str, list[Any]](list) for _ in range(3))
    for seed in seeds:
        start = Network([64, 32, 10], output="softmax", seed=seed, dtype=np.float32)
        timed = []
        for name, size in names.items():
            course = Course(start, X, Y, goal, 120, size, seed)
            best = course.quickest([GradientDescent(rate) for rate in half_decades(-2, 1)])
            runs[name].append(best)
            timed.append(partial(_three_epochs, deepcopy(start), X, Y, best.optimizer, size))
            longer = replace(course, goal=0.0, most=len(best.costs) + _WATCHED).descend(best.optimizer)
            rises[name].append(float(np.mean(np.diff(longer.costs[-_WATCHED - 1 :]) > 0)))
        for name, seconds in zip(names, interleaved(timed, 5)[1], strict=True):
            epoch[name].append(seconds / 3)
    total = {name: [r.epochs * s for r, s in zip(runs[name], epoch[name], strict=True)] for name in names}
    batch, mini, single = (median(total[name]) for name in names)
    verdict = judge([mini < 0.9 * batch, mini < 0.9 * single])
    sooner = "batch, but not than stochastic" if mini < 0.9 * batch else "stochastic, but not than batch"
    told = {
        "holds": "get there soonest",
        "holds under a condition": f"get there sooner than {sooner} gradient descent, which on so small a network "
        "loses little",
        "does not hold": "do not get there sooner than the others",
    }
    reached = "; ".join(
        f"{name} {median(run.epochs for run in runs[name]) * updates[name]:,.0f} updates and "
        f"{1000 * median(total[name]):,.0f} ms (an epoch {1000 * median(epoch[name]):.2g} ms)"
        for name in names
    )
    later = ", ".join(f"{median(rises[name]):.0%} ({name})" for name in names)
    summary = (
        f"Mini-batches {told[verdict]}. From the first weights to J = {goal}, each at its best learning rate: "
        f"{reached}. In the {_WATCHED} epochs after that J rises in {later}."
    )
    table = {
        "learning rate": {name: [run.rate for run in found] for name, found in runs.items()},
        "updates": {name: [run.epochs * updates[name] for run in found] for name, found in runs.items()},
        "seconds": total,
        "seconds an epoch": epoch,
        "later epochs in which J rises": rises,
    }
    rows = tuple((f"{name}: {what}", *over_seeds(each[name])) for name in names for what, each in table.items())
    labels = {name: name if size is None else f"{name} ({size})" for name, size in names.items()}
    units = {"updates": updates, "seconds": {name: found[0] for name, found in epoch.items()}}
    shown = (
        drawing.lines({labels[n]: found[0].line(unit[n]) for n, found in runs.items()}, level=goal, xlabel=what)
        for what, unit in units.items()
    )
    look: dict[str, Any] = {"xscale": "log", "yscale": "log", "ylabel": "J of all examples, after each epoch"}
    return Result(verdict, summary, ("measured", *OVER_SEEDS), rows, drawing.picture(*shown, share=True, **look))


def _three_epochs(net: Network, X: Array, Y: Array, optimizer: Optimizer, size: int | None) -> None:
    net.train(X, Y, optimizer, epochs=3, every=3, batch_size=size, seed=0).run()


Methods = Mapping[str, Callable[[float], Optimizer]]
_PLAIN = "gradient descent"
_METHODS: Methods = {_PLAIN: GradientDescent, "momentum": Momentum, "RMSProp": RMSProp, "Adam": Adam}
_ADAPTIVE = (RMSProp, Adam)  # they divide by the size of the gradient: the same rates fit every problem


@dataclass(frozen=True)
class _Problem:
    """A training on which optimizers are compared: how many epochs until J of all examples is `goal`?"""

    name: str
    data: Callable[[], tuple[Array, Array]]
    network: dict[str, Any]
    goal: float
    most: int
    batch_size: int | None = None
    rates: tuple[int, int] = (-2, 2)  # exponents of gradient descent's and momentum's first and last learning rate


_PROBLEMS = (
    _Problem("flower, all at once", datasets.flower, {"sizes": [2, 5, 1], "hidden": "tanh"}, 0.3, 2000),
    _Problem("digits, batches of 64", datasets.digits, {"sizes": [64, 32, 10], "output": "softmax"}, 0.05, 60, 64),
    _Problem("iris, not normalized", datasets.iris, {"sizes": [4, 3], "output": "softmax"}, 0.1, 2000),
    _Problem("wine, not normalized", datasets.wine, {"sizes": [13, 3], "output": "softmax"}, 0.5, 2000, rates=(-6, -2)),
)


@claim(
    14,
    "Momentum, RMSProp and Adam almost always learn faster than plain gradient descent.",
    "Epochs until J of all examples is a goal or less for five epochs on end, on four problems, from the same weights, "
    "each method at the best of nine learning rates: 0.001 to 10 for RMSProp and Adam, 0.01 to 100 for gradient "
    "descent and momentum, 1e-6 to 0.01 for these where the inputs are large (wine). A descent that does not get there "
    "counts as the 2,000 epochs allowed (60 on the digits). It holds if each of the three needs fewer epochs on each "
    "problem, 1.1 times or more in the median of the seeds.",
)
def momentum_rmsprop_adam(seeds: Sequence[int], methods: Methods = _METHODS) -> Result:
    rows, factors, shown = [], dict[tuple[str, str], float](), []
    for p in _PROBLEMS:
        X, Y = p.data()
        courses = [Course(Network(**p.network, seed=seed), X, Y, p.goal, p.most, p.batch_size, seed) for seed in seeds]
        runs = {}
        for method, make in methods.items():
            choice = [make(rate) for rate in half_decades(*((-3, 1) if make in _ADAPTIVE else p.rates))]
            runs[method] = [course.quickest(choice) for course in courses]
        for method, found in runs.items():
            # A run that did not get there counts as the longest allowed.
            times = [min(a.epochs, p.most) / min(b.epochs, p.most) for a, b in zip(runs[_PLAIN], found, strict=True)]
            epochs = map(count, over_seeds([run.epochs for run in found]))
            rows.append((p.name, method, median(run.rate for run in found), *epochs, median(times)))
            if method != _PLAIN:
                factors[p.name, method] = median(times)
        shown.append(drawing.lines({method: f[0].line() for method, f in runs.items()}, level=p.goal, title=p.name))
    verdict = judge(factor >= 1.1 for factor in factors.values())
    gains = {
        p.name: [f"{method} {f:.2g}" for (name, method), f in factors.items() if name == p.name] for p in _PROBLEMS
    }
    summary = "At its best learning rate each needs, of the epochs of gradient descent, so many times fewer: " + (
        "; ".join(f"{name}: {', '.join(each)}" for name, each in gains.items())
    )
    behind = [f"{method} on {name}" for (name, method), factor in factors.items() if factor < 1.1]
    if verdict == "holds under a condition":
        summary += f". So it depends on the problem: no gain of a tenth for {'; '.join(behind)}"
    headers = ("problem", "method", "learning rate", *(f"epochs, {which}" for which in OVER_SEEDS), "times fewer")
    look: dict[str, Any] = {"xscale": "log", "yscale": "log", "xlabel": "epochs", "ylabel": "J of all examples"}
    return Result(verdict, summary + ".", headers, tuple(rows), drawing.picture(*shown, **look))
