"""Claims 8 to 10: which hidden activation learns faster, and which units die."""

from collections.abc import Sequence
from functools import partial
from math import inf
from typing import Any

import numpy as np

from chainrule import datasets
from chainrule.claims import drawing
from chainrule.claims.common import Result, cell, claim, count, judge, mean_cost, measured, race
from chainrule.network import Network
from chainrule.optimizers import Adam, GradientDescent, Optimizer
from chainrule.training.many import Each, train_many

DEPTHS = (1, 2, 4, 8)


@claim(
    8,
    "In hidden layers tanh learns faster than sigmoid.",
    "Median number of epochs until the cost reaches a target on four problems, with the same first weights. It holds "
    "if tanh needs fewer at each learning rate from 0.1 to 3 at which either arrives, and with the best rate for each.",
)
def tanh_faster_than_sigmoid(seeds: Sequence[int], faster: str = "tanh", slower: str = "sigmoid") -> Result:
    X, Y = datasets.digits()
    some = X[:, :500], Y[:, :500]
    problems: dict[str, tuple[Any, list[int], float]] = {
        "flower, 2 → 8 → 1": (datasets.flower(), [2, 8, 1], 0.35),
        "moons, 2 → 8 → 1": (datasets.moons(), [2, 8, 1], 0.2),
        "digits, 64 → 32 → 10": (some, [64, 32, 10], 0.1),
        "digits, 64 → 32 → 32 → 10": (some, [64, 32, 32, 10], 0.1),
    }
    rates = (0.1, 0.3, 1.0, 3.0)
    rows: list[tuple[Any, ...]] = []
    raced: dict[str, dict[str, list[float]]] = {}  # the epochs of both at each rate
    best, at_same, against = [], [], []
    for name, ((X, Y), sizes, target) in problems.items():
        make = partial(Network, sizes, output="softmax" if sizes[-1] > 1 else "sigmoid", init="glorot")
        epochs, every, size = (5000, 10, None) if sizes[-1] == 1 else (60, 1, 50)
        pair = (slower, faster)
        found = race(make, X, Y, pair, rates, seeds, target, epochs=epochs, every=every, batch_size=size)
        raced[name] = {g: [float(np.median(found[g, rate])) for rate in rates] for g in (faster, slower)}
        best.append((min(raced[name][slower]), min(raced[name][faster])))
        for rate, s, t in zip(rates, raced[name][slower], raced[name][faster], strict=True):
            rows.append((name, rate, count(s), count(t), _ratio(s, t)))
            if min(s, t) < inf:
                at_same.append(t < s)
                against += [f"{name}, α = {rate:g}: {count(t)} against {count(s)}"] * (not t < s)
        rows.append((name, "best of each", *map(count, best[-1]), _ratio(*best[-1])))
    at_best = [t < s for s, t in best]
    return Result(
        judge([*at_same, *at_best]),
        f"Each at its best rate, {faster} needs fewer epochs than {slower} on {sum(at_best)} of "
        f"{len(problems)} problems ("
        + ", ".join(f"{cell(count(t))} against {cell(count(s))}" for s, t in best)
        + "). At the same rate it does, "
        + (f"except with {'; '.join(against)}." if against else "at every rate at which either arrives."),
        ("problem", "learning rate", f"epochs, {slower}", f"epochs, {faster}", "ratio"),
        tuple(rows),
        _races(rates, raced, xlabel="learning rate α", ylabel="epochs to the target"),
    )


def _ratio(slow: float, fast: float) -> float | None:
    return slow / fast if slow < inf and 0 < fast < inf else None


def _races(x: Sequence[float], raced: dict[str, dict[str, list[float]]], **look: Any) -> drawing.Picture:
    return drawing.picture(*(drawing.race(x, epochs, title) for title, epochs in raced.items()), **look)


@claim(
    9,
    "In deeper networks ReLU learns faster than tanh and sigmoid.",
    "Median number of epochs until the cost is 0.1, on 500 digits and on two spirals, each activation at the best of "
    "four learning rates, from the first weights that suit it (He or Glorot). It holds if ReLU needs fewer than both "
    "with 4 and with 8 hidden layers, on both problems.",
)
def relu_faster_in_depth(
    seeds: Sequence[int], favorite: str = "relu", others: Sequence[str] = ("tanh", "sigmoid")
) -> Result:
    X, Y = datasets.digits()
    problems: dict[str, tuple[Any, int, str, int]] = {
        "digits": ((X[:, :500], Y[:, :500]), 32, "softmax", 40),
        "spirals": (datasets.spirals(300, 2, 0.1), 16, "sigmoid", 200),
    }
    rates, names = (0.03, 0.1, 0.3, 1.0), (favorite, *others)
    needed: dict[str, dict[str, list[float]]] = {p: {name: [] for name in names} for p in problems}
    rows: list[tuple[Any, ...]] = []
    for p, ((X, Y), width, output, epochs) in problems.items():
        for depth in DEPTHS:
            make, batch = partial(Network, [len(X), *[width] * depth, len(Y)], output=output), X.shape[1] // 20
            found = race(make, X, Y, names, rates, seeds, 0.1, epochs=epochs, batch_size=batch)
            best = [min((float(np.median(found[name, rate])), rate) for rate in rates) for name in names]
            for name, (middle, _) in zip(names, best, strict=True):
                needed[p][name].append(middle)
            rows.append((p, depth, *(count(n) for n, _ in best), *(None if n == inf else rate for n, rate in best)))
    wins, told = [], []
    for name in others:
        # The last two depths, 4 and 8.
        pairs = {p: list(zip(found[favorite], found[name], strict=True))[-2:] for p, found in needed.items()}
        won = {p: [a < b for a, b in each] for p, each in pairs.items()}
        wins += [each for found in won.values() for each in found]
        texts = [f"{p}: {' and '.join(f'{count(a)} against {count(b)}' for a, b in each)}" for p, each in pairs.items()]
        told.append(
            f"{favorite} is ahead of {name} with 4 and 8 hidden layers on "
            f"{' and '.join(p for p in problems if all(won[p])) or 'neither problem'} ({', '.join(texts)} epochs)"
        )
    return Result(
        judge(wins),
        "; ".join(told) + ". Each at its best learning rate.",
        ("problem", "hidden layers", *(f"epochs, {name}" for name in names), *(f"best α, {name}" for name in names)),
        tuple(rows),
        _races(DEPTHS, needed, xlabel="hidden layers", ylabel="epochs to cost 0.1"),
    )


def dead(network: Network, X: Any, _: Any = None) -> float:
    """The share of hidden units whose z is 0 or less for every example X (n[0], m)."""
    Z, _ = network.layers(X)
    return float(np.mean(np.concatenate([z.max(axis=1) for z in Z[1:-1]]) <= 0))


@claim(
    10,
    "Leaky ReLU helps against dead units, which are 0 for every example and get no gradient.",
    "Share of dead units before and after training on two moons: all of them dead at the start (b[1] = −6), and a "
    "learning rate far too high. It holds if no ReLU unit comes back and half of the leaky ones do, with Adam and with "
    "gradient descent, and if at least 5 points fewer leaky units die at the high rate.",
)
def leaky_relu_against_dead_units(seeds: Sequence[int], remedy: str = "leaky_relu") -> Result:
    X, Y = map(Each, zip(*(datasets.moons(200, 0.2, seed) for seed in seeds), strict=True))
    settings: dict[str, tuple[list[int], float, Optimizer, int]] = {
        "all dead, Adam": ([2, 16, 1], -6.0, Adam(0.01), 3000),
        "all dead, gradient descent": ([2, 16, 1], -6.0, GradientDescent(0.5), 3000),
        "50 times too fast": ([2, 16, 16, 1], 0.0, Adam(0.5), 500),
    }
    pair, rows, curves, after = ("relu", remedy), [], {}, {}
    for setting, (sizes, b, optimizer, epochs) in settings.items():
        for g in pair:
            nets = [Network(sizes, hidden=g, init="he", seed=seed) for seed in seeds]
            for net in nets:
                net.b[1] = b
            before, start = measured(nets, X, Y, dead).mean(), [net.W[1].copy() for net in nets]
            curves[setting, g] = mean_cost(train_many(nets, X, Y, optimizer, epochs=epochs, every=10))
            after[setting, g] = measured(nets, X, Y, dead)
            moved = not all(np.array_equal(net.W[1], w) for net, w in zip(nets, start, strict=True))
            end = after[setting, g].mean(), moved, curves[setting, g][1][-1], measured(nets, X, Y).mean()
            rows.append((f"{setting}: {g}", before, *end))
    adam, descent, fast = settings
    stays = all((after[s, "relu"] == 1).all() for s in (adam, descent))
    back = [float(1 - after[s, remedy].mean()) for s in (adam, descent)]
    fewer = [float(after[fast, g].mean()) for g in pair]
    costs = {g: curves[adam, g] for g in pair}
    names = [setting.replace(", ", ",\n").replace("gradient ", "gradient\n") for setting in settings]
    shares = {g: [after[setting, g].mean() for setting in settings] for g in pair}
    return Result(
        judge([stays and share >= 0.5 for share in back] + [fewer[1] < fewer[0] - 0.05]),
        f"Of the units that are dead at the start, {'no' if stays else 'some'} relu comes back, and W[1] "
        f"{'moves' if rows[0][3] else 'does not move by a bit'}; of {remedy} units {back[0]:.0%} come back with Adam, "
        f"which makes up for small gradients, and {back[1]:.0%} with gradient descent. With a learning rate that is "
        f"far too high {fewer[0]:.0%} of the relu units end dead and {fewer[1]:.0%} of the {remedy} units.",
        ("setting", "dead before", "dead after", "W[1] moved", "mean cost", "mean accuracy"),
        tuple(rows),
        drawing.picture(
            drawing.bars(names, shares, xlabel="share of units that are dead after training"),
            drawing.lines(costs, xscale="log", xlabel="epochs", ylabel="cost J, mean", title=adam, ylim=(0, None)),
        ),
    )
