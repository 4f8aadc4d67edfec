"""Claims 12 to 16, about the way down: normalized inputs, batches, optimizers, vectorization, the cache."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from statistics import median
from time import get_clock_info, perf_counter, thread_time
from typing import Any

import numpy as np

from chainrule import datasets, engines, equations
from chainrule._types import Array
from chainrule.claims.common import COLORS, Claim, Outcome, Result, accuracy, count, judge
from chainrule.errors import DivergenceError
from chainrule.network import Network
from chainrule.optimizers import LBFGS, Adam, GradientDescent, Momentum, Optimizer, RMSProp

Rates = tuple[float, ...]

LINES = ("-", "--", "-.", ":")
OVER_SEEDS = ("lowest", "median", "highest")
_STAY = 5  # epochs for which a goal has to be kept: a jump across it is not enough


def over_seeds(values: Sequence[float]) -> tuple[float, float, float]:
    """The lowest, the median and the highest: one row of a table whose columns are OVER_SEEDS."""
    return min(values), median(values), max(values)


def half_decades(first: int, last: int) -> Rates:
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


def descend(
    network: Network,
    X: Array,
    Y: Array,
    optimizer: Optimizer,
    goal: float,
    most: int,
    *,
    falling: bool = False,
    **options: Any,
) -> Descent:
    """Train until J of all examples X (n[0], m), Y (n[L], m) is `goal` or less for _STAY epochs on end, or for `most`.

    falling: a descent in which J rises has failed at once. options are those of `train`.
    """
    costs: list[float] = []
    with suppress(DivergenceError):
        for step in network.train(X, Y, optimizer, epochs=most, validation=(X, Y), **options):
            costs.append(inf if step.validation_cost is None else step.validation_cost)
            if falling and costs[-1] > costs[-2:][0]:
                return Descent(optimizer, [inf], goal)
            if len(costs) >= _STAY and max(costs[-_STAY:]) <= goal:
                break
    return Descent(optimizer, costs or [inf], goal)


def quickest(
    start: Network, X: Array, Y: Array, choice: Sequence[Optimizer], goal: float, most: int, **options: Any
) -> Descent:
    """The descent of fewest epochs among a choice of optimizers, all from the same start.

    Where none gets there, the one that comes closest. They are tried from the middle of the choice outwards, for one
    that is slower than the best so far is not followed to its end.
    """
    found: list[Descent] = []
    for optimizer in sorted(choice, key=lambda one: abs(choice.index(one) - len(choice) // 2)):
        longest = int(min(most, *(run.epochs + _STAY - 1 for run in found), inf))
        found.append(descend(deepcopy(start), X, Y, optimizer, goal, longest, **options))
    return min(found, key=lambda run: (run.epochs, run.costs[-1]))


def interleaved(functions: Sequence[Callable[[], Any]], rounds: int) -> tuple[list[Any], list[float]]:
    """What each function gives, and its median seconds: its own processor time, on one core.

    They are taken in turn, after a round that warms up, so that what else the machine does counts little.
    """
    from threadpoolctl import threadpool_limits

    # On some systems the processor time of a thread is told in steps of 15 ms.
    clock = thread_time if get_clock_info("thread_time").resolution < 1e-6 else perf_counter
    seconds: list[list[float]] = [[] for _ in functions]
    with threadpool_limits(1):
        given = [function() for function in functions]
        for _ in range(rounds):
            for function, times in zip(functions, seconds, strict=True):
                start = clock()
                function()
                times.append(clock() - start)
    return given, [median(times) for times in seconds]


# -- 12: normalized inputs ---------------------------------------------------------------------------------------------

_LONGEST = 20_000
_TOGETHER = {"all at once": 0, "ten at a time": 10, "one at a time": 1, "the benign ones only": 0}


def normalized_inputs(seeds: Sequence[int], method: str | None = "standard") -> Result:
    """Updates with inputs as they are and normalized by the method, then tests with the μ and σ of this set or that."""
    X, Y = datasets.breast_cancer()
    ways = {"as it is": None, "normalized": method}
    runs: dict[str, list[Descent]] = {way: [] for way in ways}
    stretch: dict[str, list[float]] = {way: [] for way in ways}
    pictures: list[tuple[str, Network, Array, Array, Descent]] = []
    right: list[float] = []
    own: dict[str, list[float]] = {group: [] for group in _TOGETHER}
    for seed in seeds:
        train, test = np.array_split(np.random.default_rng(seed).permutation(X.shape[1]), 2)
        x, y = X[:1, train], Y[:, train]  # one input, so two parameters: w and b
        bottom = Network([1, 1], init="zeros").normalize(x)
        for _ in bottom.train(x, y, LBFGS(), epochs=200):
            pass
        goal = 1.05 * bottom.cost(x, y)
        for way, how in ways.items():
            start = Network([1, 1], init="zeros").normalize(x, how)
            choice = [GradientDescent(rate) for rate in half_decades(-2, 2)]
            runs[way].append(quickest(start, x, y, choice, goal, _LONGEST, falling=True))
            rows = np.vstack([start.check_inputs(x), np.ones(x.shape)])  # what w and b are multiplied by
            stretch[way].append(float(np.linalg.cond(rows @ rows.T)))
            if seed == seeds[0]:
                pictures.append((way, start, x, y, runs[way][-1]))
        accuracies = _tested(X, Y, train, test)
        right.append(accuracies[0])
        for group, found in accuracies[1].items():
            own[group].append(found)
    epochs = {way: [run.epochs for run in found] for way, found in runs.items()}
    # A run that did not get there counts as the longest allowed: the factor is a lower bound then.
    factors = [min(a, _LONGEST) / min(b, _LONGEST) for a, b in zip(*epochs.values(), strict=True)]
    lost = {group: [a - b for a, b in zip(right, found, strict=True)] for group, found in own.items()}
    harm = [group for group, points in lost.items() if min(points) > 0 and median(points) > 0.01]
    verdict = "does not hold" if min(factors) < 2 else judge([True, len(harm) == len(lost)])
    second = (
        f"The test set's own μ and σ do harm only where it comes as: {', '.join(harm)}."
        if harm
        else "The test set's own μ and σ did no harm."
    )
    summary = (
        ("The first half does not hold." if min(factors) < 2 else "The first half holds.")
        + f" Updates until J is 5 % above its minimum: {_shown(median(epochs['as it is']), _LONGEST)} with the input "
        f"as it is (α = {median(run.rate for run in runs['as it is']):g}), "
        f"{_shown(median(epochs['normalized']), _LONGEST)} with the input normalized (α = "
        f"{median(run.rate for run in runs['normalized']):g}). "
        f"{second if len(harm) < len(lost) else 'The second too.'} Of {median(right):.1%} test accuracy they cost "
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

    def draw(figure: Any) -> None:
        figure.set_size_inches(9.5, 4.4)
        for ax, picture in zip(figure.subplots(1, 2), pictures, strict=True):
            _contours(figure, ax, *picture)

    return Result(verdict, summary, ("measured", *OVER_SEEDS), table, draw)


def _tested(X: Array, Y: Array, train: Array, test: Array) -> tuple[float, dict[str, float]]:
    """Test accuracy of logistic regression with the μ and σ of the training set, and with those of the tested."""
    net = Network([len(X), 1], init="zeros").normalize(X[:, train])
    for _ in net.train(X[:, train], Y[:, train], LBFGS(), epochs=200, every=200, l2=1.0):
        pass
    right, found = accuracy(net, X[:, test], Y[:, test]), {}
    for group, size in _TOGETHER.items():
        members = test[Y[0, test] == 1] if group == "the benign ones only" else test
        parts = np.array_split(members, -(-len(members) // size) if size else 1)
        correct = [len(part) * accuracy(net.normalize(X[:, part]), X[:, part], Y[:, part]) for part in parts]
        found[group] = sum(correct) / len(members)
    return right, found


def _contours(figure: Any, ax: Any, way: str, start: Network, x: Array, y: Array, run: Descent) -> None:
    """J over w and b, and the path that gradient descent takes from w = b = 0."""
    net, taken = deepcopy(start), int(min(run.epochs, len(run.costs)))
    points = [net.parameters.copy()]
    points += [net.parameters.copy() for _ in net.train(x, y, run.optimizer, epochs=taken)]
    path = np.array(points)  # (epochs + 1, 2)
    low, high = path.min(axis=0), path.max(axis=0)
    margin = 0.35 * (high - low)
    w, b = (np.linspace(low[i] - margin[i], high[i] + margin[i], 60) for i in range(2))
    J = np.empty((len(b), len(w)))
    for i, j in np.ndindex(J.shape):
        net.parameters = (w[j], b[i])
        J[i, j] = net.cost(x, y)
    levels = np.geomspace(J.min(), J.max(), 16)
    filled = ax.contourf(w, b, J, levels=levels, cmap="cividis", norm="log")
    ax.contour(w, b, J, levels=levels, colors="white", linewidths=0.4)
    some = path[:: -(-len(path) // 500)]  # a vector picture of ten thousand points would weigh more than it shows
    ax.plot(*some.T, ".-", color="white", linewidth=1.2, markersize=4)
    ax.plot(*path[-1], "*", color=COLORS[3], markersize=14, markeredgecolor="white")
    ax.set(xlabel="w", ylabel="b", title=f"input {way}\n{taken:,} updates, α = {run.rate:g}")
    figure.colorbar(filled, ax=ax, label="J", ticks=levels[::3], format="%.2g").minorticks_off()


def _shown(epochs: float, most: int) -> str:
    return f"more than {most:,}" if epochs == inf else f"{epochs:,.0f}"


# -- 13: batch, mini-batch, stochastic ---------------------------------------------------------------------------------

_WATCHED = 20  # epochs after the goal


def batches(seeds: Sequence[int], sizes: Sequence[int | None] = (None, 64, 1)) -> Result:
    """Batch, mini-batch and stochastic gradient descent on the digits, with these sizes; None is all at once."""
    X, Y = (array.astype(np.float32) for array in datasets.digits())
    m, goal = X.shape[1], 0.2
    names = dict(zip(("batch", "mini-batches", "stochastic"), sizes, strict=True))
    updates = {name: -(-m // (size or m)) for name, size in names.items()}  # in an epoch
    runs: dict[str, list[Descent]] = {name: [] for name in names}
    epoch: dict[str, list[float]] = {name: [] for name in names}
    rises: dict[str, list[float]] = {name: [] for name in names}
    for seed in seeds:
        start = Network([64, 32, 10], output="softmax", seed=seed, dtype=np.float32)
        timed = []
        for name, size in names.items():
            choice = [GradientDescent(rate) for rate in half_decades(-2, 1)]
            best = quickest(start, X, Y, choice, goal, 120, batch_size=size, seed=seed)
            runs[name].append(best)
            timed.append(_three_epochs(start, X, Y, best.optimizer, size))
            more = len(best.costs) + _WATCHED
            longer = descend(deepcopy(start), X, Y, best.optimizer, 0.0, more, batch_size=size, seed=seed)
            rises[name].append(float(np.mean(np.diff(longer.costs[-_WATCHED - 1 :]) > 0)))
        for name, seconds in zip(names, interleaved(timed, 5)[1], strict=True):
            epoch[name].append(seconds / 3)
    total = {name: [r.epochs * s for r, s in zip(runs[name], epoch[name], strict=True)] for name in names}
    batch, mini, single = (median(total[name]) for name in names)
    verdict = judge([mini < 0.9 * batch, mini < 0.9 * single])
    told = {
        "holds": "Mini-batches get there soonest.",
        "holds under a condition": "Mini-batches get there sooner than "
        + ("batch, but not than stochastic" if mini < 0.9 * batch else "stochastic, but not than batch")
        + " gradient descent, which on so small a network loses little.",
        "does not hold": "Mini-batches do not get there sooner than the others.",
    }
    summary = f"{told[verdict]} From the first weights to J = {goal}, each at its best learning rate: " + "; ".join(
        f"{name} {median(run.epochs for run in runs[name]) * updates[name]:,.0f} updates and "
        f"{1000 * median(total[name]):,.0f} ms (an epoch {1000 * median(epoch[name]):.2g} ms)"
        for name in names
    )
    summary += f". In the {_WATCHED} epochs after that J rises in " + ", ".join(
        f"{median(rises[name]):.0%} ({name})" for name in names
    )
    rows = [
        (f"{name}: {what}", *over_seeds(values))
        for name in names
        for what, values in (
            ("learning rate", [run.rate for run in runs[name]]),
            ("updates", [run.epochs * updates[name] for run in runs[name]]),
            ("seconds", total[name]),
            ("seconds an epoch", epoch[name]),
            ("later epochs in which J rises", rises[name]),
        )
    ]

    def draw(figure: Any) -> None:
        figure.set_size_inches(9.5, 4)
        axes = figure.subplots(1, 2, sharey=True)
        for (name, size), color, line in zip(names.items(), COLORS, LINES, strict=False):
            costs = runs[name][0].costs
            done = np.arange(1, len(costs) + 1)
            label = name if size is None else f"{name} ({size})"
            for ax, unit in zip(axes, (updates[name], epoch[name][0]), strict=True):
                ax.loglog(done * unit, costs, color=color, linestyle=line, marker="o", markersize=3, label=label)
        for ax, label in zip(axes, ("updates", "seconds"), strict=True):
            ax.axhline(goal, color="gray", linewidth=0.8)
            ax.set_xlabel(label)
        axes[0].set_ylabel("J of all examples, after each epoch")
        axes[0].legend()

    return Result(verdict, summary + ".", ("measured", *OVER_SEEDS), tuple(rows), draw)


def _three_epochs(start: Network, X: Array, Y: Array, optimizer: Optimizer, size: int | None) -> Callable[[], Any]:
    """Three epochs of training of a copy, to be timed more than once."""
    net = deepcopy(start)
    return lambda: list(net.train(X, Y, optimizer, epochs=3, every=3, batch_size=size, seed=0))


# -- 14: momentum, RMSProp, Adam ---------------------------------------------------------------------------------------

Methods = Mapping[str, Callable[[float], Optimizer]]
_PLAIN = "gradient descent"
_METHODS: Methods = {
    _PLAIN: GradientDescent,
    "momentum": Momentum,
    "RMSProp": RMSProp,
    "Adam": Adam,
}


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
_ADAPTIVE = (RMSProp, Adam)  # they divide by the size of the gradient: the same rates fit every problem


def optimizers(seeds: Sequence[int], methods: Methods = _METHODS) -> Result:
    """Each method at the best of its learning rates on four problems; the first of them is what it is measured by."""
    found = {
        (problem.name, method): [
            quickest(
                Network(**problem.network, seed=seed), *problem.data(),
                [make(rate) for rate in half_decades(*((-3, 1) if make in _ADAPTIVE else problem.rates))], problem.goal,
                problem.most, batch_size=problem.batch_size, seed=seed,
            )
            for seed in seeds
        ]
        for problem in _PROBLEMS for method, make in methods.items()
    }  # fmt: skip
    rows, factors = [], {}
    for problem in _PROBLEMS:
        for method in methods:
            runs = found[problem.name, method]
            # A run that did not get there counts as the longest allowed.
            times = [
                min(plain.epochs, problem.most) / min(run.epochs, problem.most)
                for plain, run in zip(found[problem.name, _PLAIN], runs, strict=True)
            ]
            epochs = map(count, over_seeds([run.epochs for run in runs]))
            rows.append((problem.name, method, median(run.rate for run in runs), *epochs, median(times)))
            if method != _PLAIN:
                factors[problem.name, method] = median(times)
    verdict = judge(factor >= 1.1 for factor in factors.values())
    summary = (
        "At its best learning rate each needs, of the epochs of gradient descent, so many times fewer: "
        + "; ".join(
            f"{problem.name}: "
            + ", ".join(f"{method} {factor:.2g}" for (name, method), factor in factors.items() if name == problem.name)
            for problem in _PROBLEMS
        )
    )
    behind = [f"{method} on {name}" for (name, method), factor in factors.items() if factor < 1.1]
    if verdict == "holds under a condition":
        summary += f". So it depends on the problem: no gain of a tenth for {'; '.join(behind)}"

    def draw(figure: Any) -> None:
        figure.set_size_inches(9.5, 7)
        for ax, problem in zip(figure.subplots(2, 2).ravel(), _PROBLEMS, strict=False):
            for method, color, line in zip(methods, COLORS, LINES, strict=False):
                costs = found[problem.name, method][0].costs
                ax.loglog(range(1, len(costs) + 1), costs, color=color, linestyle=line, label=method)
            ax.axhline(problem.goal, color="gray", linewidth=0.8)
            ax.set(title=problem.name, xlabel="epochs", ylabel="J of all examples")
        lines = figure.axes[0].get_legend_handles_labels()
        figure.legend(*lines, loc="outside lower center", ncols=len(methods))

    headers = ("problem", "method", "learning rate", *(f"epochs, {which}" for which in OVER_SEEDS), "times fewer")
    return Result(verdict, summary + ".", headers, tuple(rows), draw)


# -- 15: vectorization -------------------------------------------------------------------------------------------------

Gradient = Callable[[Network, Array, Array], Array]
_NETWORKS = {
    "logistic regression": [64, 1],
    "one hidden layer of 32": [64, 32, 1],
    "two hidden layers of 128": [128, 128, 128, 1],
}
_EXAMPLES = (1, 10, 100, 1000)


def gradient(net: Network, X: Array, Y: Array) -> Array:
    """The gradient of J as a flat vector, by the equations, all columns in one pass."""
    return engines.ENGINES["numpy"].objective(net, X, Y, None, 0.0)(net.parameters)[1]


def by_columns(net: Network, X: Array, Y: Array) -> Array:
    """The same by a loop: the mean of the gradients of single columns."""
    total = np.zeros_like(net.parameters)
    for i in range(X.shape[1]):
        total += gradient(net, X[:, i : i + 1], Y[:, i : i + 1])
    mean: Array = total / X.shape[1]
    return mean


def vectorization(seeds: Sequence[int], whole: Gradient = gradient) -> Result:
    """`whole` against a loop over the columns: are they the same, and how much longer does the loop take?"""
    cases = [(name, m) for name in _NETWORKS for m in _EXAMPLES]
    times: dict[tuple[str, int], list[tuple[float, float]]] = {case: [] for case in cases}
    apart = 0.0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        for name, m in cases:
            net = Network(_NETWORKS[name], hidden="tanh", seed=seed)
            X, Y = rng.standard_normal((net.sizes[0], m)), (rng.random((1, m)) < 0.5) * 1.0
            functions = [lambda f=f, net=net, X=X, Y=Y: f(net, X, Y) for f in (whole, by_columns)]
            (got, wanted), (fast, slow) = interleaved(functions, max(2, 20 // m))
            apart = max(apart, float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted)))
            times[name, m].append((fast, slow))
    ratios = {case: [slow / fast for fast, slow in found] for case, found in times.items()}
    most = _EXAMPLES[-1]
    last = {name: median(ratios[name, most]) for name in _NETWORKS}
    verdict = "does not hold" if apart > 1e-10 else judge(ratio >= 10 for ratio in last.values())
    summary = f"With {most:,} examples the loop over the columns takes " + ", ".join(
        f"{ratio:.3g} times as long ({name})" for name, ratio in last.items()
    )
    summary += f"; with one example {median(ratios['logistic regression', 1]):.2g} times. " + (
        f"Both give the same gradient, up to rounding ({apart:.0e})." if apart <= 1e-10 else "The gradients differ."
    )
    if verdict == "holds under a condition":
        slow_ones = [name for name, ratio in last.items() if ratio < 10]
        summary += f" It is ten times only where the work for one example is small: not for {', '.join(slow_ones)}."
    rows = [
        (
            name,
            m,
            *(1000 * median(column) for column in zip(*times[name, m], strict=True)),
            *over_seeds(ratios[name, m]),
        )
        for name, m in cases
    ]

    def draw(figure: Any) -> None:
        figure.set_size_inches(7, 4.2)
        ax = figure.subplots()
        lines = {name: [ratios[name, m] for m in _EXAMPLES] for name in _NETWORKS}
        _bands(ax, _EXAMPLES, lines)
        ax.set(xscale="log", yscale="log", xlabel="examples m", ylabel="seconds of the loop / seconds of the whole")
        ax.legend()

    headers = ("network", "examples", "whole, ms", "loop, ms", *(f"ratio, {which}" for which in OVER_SEEDS))
    return Result(verdict, summary, headers, tuple(rows), draw)


def _bands(ax: Any, x: Sequence[int], lines: Mapping[str, Sequence[Sequence[float]]]) -> None:
    """A line of medians for each name, in a band from the lowest to the highest, and a thin one at 1."""
    for (name, values), color, line in zip(lines.items(), COLORS, LINES, strict=False):
        low, middle, high = zip(*map(over_seeds, values), strict=True)
        ax.plot(x, middle, color=color, linestyle=line, marker="o", label=name)
        ax.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
    ax.axhline(1, color="gray", linewidth=0.8)


# -- 16: the cache -----------------------------------------------------------------------------------------------------

_WITHOUT = ("one more forward pass", "each layer again from X")


def cache(seeds: Sequence[int], depths: Sequence[int] = (1, 2, 4, 8, 16)) -> Result:
    """Forward and backward with the cache and without, through these numbers of layers."""
    n, m = 64, 500
    ratios: dict[str, dict[int, list[float]]] = {way: {L: [] for L in depths} for way in _WITHOUT}
    megabytes, apart = {}, 0.0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        for L in depths:
            net = Network([n] * L + [1], seed=seed)
            X, Y = rng.standard_normal((n, m)), (rng.random((1, m)) < 0.5) * 1.0
            passes = [_pass(net, X, Y, way) for way in ("cache", *_WITHOUT)]
            (wanted, *got), (kept, *others) = interleaved(passes, max(3, 32 // L))
            apart = max(apart, *(float(abs(other - wanted).max()) for other in got))
            for way, seconds in zip(_WITHOUT, others, strict=True):
                ratios[way][L].append(seconds / kept)
            Z, A = net.layers(X)
            megabytes[L] = sum(array.nbytes for array in (*Z[1:], *A[1:])) / 1e6
    once, each = ratios.values()
    saves = [L for L in depths if median(each[L]) >= 1.1]
    verdict: Outcome = "does not hold" if apart else judge(L in saves for L in depths)
    last = max(depths)
    summary = (
        f"Without the cache, forward and backward through {last} layers take {median(each[last]):.2f} times as long if "
        f"each layer is worked out again from X, {median(once[last]):.2f} times with one more forward pass; the cache "
        f"holds {megabytes[last]:.1f} MB. "
    ) + (f"The gradients differ by {apart:.0e}." if apart else "The gradients are the same to the last bit.")
    if verdict == "holds under a condition":
        summary += f" Nothing is saved at L = {', '.join(str(L) for L in depths if L not in saves)}" + (
            ", where the way back needs X only: the condition is a hidden layer." if saves == list(depths[1:]) else "."
        )
    rows = [(L, megabytes[L], *over_seeds(each[L]), *over_seeds(once[L])) for L in depths]

    def draw(figure: Any) -> None:
        figure.set_size_inches(7, 4.2)
        ax = figure.subplots()
        _bands(ax, depths, {way: list(found.values()) for way, found in ratios.items()})
        ax.text(max(depths), 1, "with the cache", color="dimgray", ha="right", va="top")
        ax.set(xscale="log", xlabel="layers L", ylabel="seconds, in those of the pass with the cache")
        ax.set_xticks(depths, [str(L) for L in depths])
        ax.minorticks_off()
        ax.legend()

    headers = ("layers", "cache, MB", *(f"{way}, {which}" for way in _WITHOUT[::-1] for which in OVER_SEEDS))
    return Result(verdict, summary, headers, tuple(rows), draw)


class _Again:
    """Z[l] or A[l] without a list of them: it is worked out when it is asked for."""

    def __init__(self, layer: Callable[[int], tuple[Any, Any]], which: int) -> None:
        self.layer, self.which = layer, which

    def __getitem__(self, l: int) -> Any:
        return self.layer(l)[self.which]


def _pass(net: Network, X: Array, Y: Array, way: str) -> Callable[[], Array]:
    """Forward, cost and backward to the flat gradient, with the cache or in one of the ways without it."""
    W, b, g = net.W, net.b, net.g

    @lru_cache(maxsize=1)  # the way back looks at A[l-1] and Z[l-1] one after the other
    def layer(l: int) -> tuple[Any, Any]:
        Z, A = equations.forward(X, W[: l + 1], b, g)
        return Z[l], A[l]

    def run() -> Array:
        Z: Any
        A: Any
        Z, A = equations.forward(X, W, b, g)
        _, dZ, m = equations.cost(Z, Y, W, net.loss, 0.0, None)
        if way == "one more forward pass":
            Z, A = equations.forward(X, W, b, g)
        elif way == "each layer again from X":
            Z, A = _Again(layer, 0), _Again(layer, 1)
        return net.pack(*equations.backward(dZ, Z, A, W, net.slope, m, 0.0))

    return run


CLAIMS = (
    Claim(
        12,
        "normalized-inputs",
        "Gradient descent needs fewer iterations when the inputs have mean 0 and variance 1, because the cost is round "
        "instead of elongated; and the test set must be normalized with the μ and σ of the training set.",
        "Logistic regression on one input, the mean radius of the breast cancer data, so that there are two "
        "parameters, w and b. From zeros, with the input as it is and normalized, each at the best of nine learning "
        "rates from 0.01 to 100 with which J never rises: updates until J is at most 5 % above its minimum. Then, on "
        "all thirty inputs, the accuracy on a test half with the training half's μ and σ, and with the test set's "
        "own. It holds if the updates are halved for every seed, and if its own μ and σ cost more than a point of "
        "accuracy in whatever way the test set comes.",
        normalized_inputs,
    ),
    Claim(
        13,
        "mini-batches",
        "Batch gradient descent takes too long for an update, stochastic gradient descent loses the speed of "
        "vectorization; mini-batches in between learn fastest.",
        "64 – 32 – 10 units on the digits, all examples at once, in batches of 64 and one by one, each at the best "
        "of seven learning rates from 0.01 to 10: updates and seconds until J of all examples is 0.2 or less, for "
        "five epochs on end. Seconds are epochs times the seconds of an epoch on one core, taken in turn. It holds if "
        "mini-batches take less than 90 % of the seconds of both others.",
        batches,
    ),
    Claim(
        14,
        "momentum-rmsprop-adam",
        "Momentum, RMSProp and Adam almost always learn faster than plain gradient descent.",
        "Epochs until J of all examples is a goal or less for five epochs on end, on four problems, from the same "
        "weights, each method at the best of nine learning rates: 0.001 to 10 for RMSProp and Adam, 0.01 to 100 for "
        "gradient descent and momentum, 1e-6 to 0.01 for these where the inputs are large (wine). A descent that does "
        "not get there counts as the 2,000 epochs allowed (60 on the digits). It holds if each of the three needs "
        "fewer epochs on each problem, 1.1 times or more in the median of the seeds.",
        optimizers,
    ),
    Claim(
        15,
        "vectorization",
        "A vectorized pass over all examples is much faster than a loop over the examples.",
        "Forward and backward in NumPy on the whole matrix against the same, column by column: whether they agree, "
        "then the seconds on one core, taken in turn. It holds if the loop takes ten times as long or more with "
        "1,000 examples.",
        vectorization,
    ),
    Claim(
        16,
        "cache",
        "Keeping Z and A of the forward pass in a cache saves work in the backward pass.",
        "Forward and backward through L layers of 64 units, the last of one, with 500 examples: with the cache; with "
        "one more forward pass for the way back; with each layer worked out again from X when the way back asks for "
        "it. Whether the gradients agree, then the seconds on one core, taken in turn. It holds if the last of the "
        "three takes 1.1 times as long or more at every depth.",
        cache,
    ),
)
