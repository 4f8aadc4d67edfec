"""Claims 9, 10, 11, 17 and 18: what depth and width do, and what they need."""

from collections.abc import Callable, Sequence
from functools import partial
from math import ceil, inf, log2
from typing import Any

import numpy as np

from chainrule import datasets
from chainrule.claims.common import COLORS, MARKERS, STYLES, Claim, Result, accuracy, count, draw_race, judge, race
from chainrule.network import Network
from chainrule.optimizers import Adam, GradientDescent, Optimizer
from chainrule.training.many import Each, train_many
from chainrule.working.trace import trace

# -- 9: ReLU -----------------------------------------------------------------------------------------------------------

DEPTHS = (1, 2, 4, 8)


def relu_in_depth(seeds: Sequence[int], favorite: str = "relu", others: Sequence[str] = ("tanh", "sigmoid")) -> Result:
    """Epochs until the cost is 0.1 on two problems, with 1 to 8 hidden layers; each activation at its best rate."""
    X, Y = datasets.digits()
    problems: dict[str, tuple[Any, int, str, int]] = {
        "digits": ((X[:, :500], Y[:, :500]), 32, "softmax", 40),
        "spirals": (datasets.spirals(300, 2, 0.1), 16, "sigmoid", 200),
    }
    rates, names = (0.03, 0.1, 0.3, 1.0), (favorite, *others)
    needed: dict[tuple[str, str], list[float]] = {(p, name): [] for p in problems for name in names}
    rows: list[tuple[Any, ...]] = []
    for p, ((X, Y), width, output, epochs) in problems.items():
        for depth in DEPTHS:
            sizes = [len(X), *[width] * depth, len(Y)]
            make, batch = partial(Network, sizes, output=output), X.shape[1] // 20
            found = race(make, X, Y, names, rates, seeds, 0.1, epochs=epochs, batch_size=batch)
            best = [min((float(np.median(found[name, rate])), rate) for rate in rates) for name in names]
            for name, (middle, _) in zip(names, best, strict=True):
                needed[p, name].append(middle)
            rows.append((p, depth, *(count(n) for n, _ in best), *(None if n == inf else rate for n, rate in best)))
    deep = [i for i, depth in enumerate(DEPTHS) if depth >= 4]
    wins = {(name, p): [needed[p, favorite][i] < needed[p, name][i] for i in deep] for name in others for p in problems}
    told = []
    for name in others:
        p_won = [p for p in problems if all(wins[name, p])]
        told.append(
            f"{favorite} is ahead of {name} with 4 and 8 hidden layers on {' and '.join(p_won) or 'neither problem'} ("
            + ", ".join(
                f"{p}: "
                + " and ".join(f"{count(needed[p, favorite][i])} against {count(needed[p, name][i])}" for i in deep)
                for p in problems
            )
            + " epochs)"
        )

    def draw(figure: Any) -> None:
        for ax, p in zip(figure.subplots(1, 2), problems, strict=True):
            draw_race(ax, DEPTHS, {name: needed[p, name] for name in names})
            ax.set(title=p, xlabel="hidden layers")
        figure.axes[0].set(ylabel="epochs to cost 0.1")
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right upper")

    return Result(
        judge(won for each in wins.values() for won in each),
        "; ".join(told) + ". Each at its best learning rate.",
        ("problem", "hidden layers", *(f"epochs, {name}" for name in names), *(f"best α, {name}" for name in names)),
        tuple(rows),
        draw,
    )


# -- 10: leaky ReLU ----------------------------------------------------------------------------------------------------


def dead(network: Network, X: Any) -> float:
    """The share of hidden units whose z is 0 or less for every example X (n[0], m)."""
    Z, _ = network.layers(X)
    return float(np.mean(np.concatenate([z.max(axis=1) for z in Z[1:-1]]) <= 0))


def leaky_relu(seeds: Sequence[int], remedy: str = "leaky_relu") -> Result:
    """Units that are dead from the start, and units that die while learning too fast; ReLU beside its remedy."""
    data = [datasets.moons(200, 0.2, seed) for seed in seeds]
    X, Y = (Each([pair[i] for pair in data]) for i in (0, 1))
    settings: dict[str, tuple[list[int], float, Optimizer, int]] = {
        "all dead, Adam": ([2, 16, 1], -6.0, Adam(0.01), 3000),
        "all dead, gradient descent": ([2, 16, 1], -6.0, GradientDescent(0.5), 3000),
        "50 times too fast": ([2, 16, 16, 1], 0.0, Adam(0.5), 500),
    }
    rows, curves, after = [], {}, {}
    for setting, (sizes, b, optimizer, epochs) in settings.items():
        for g in ("relu", remedy):
            nets = [Network(sizes, hidden=g, init="he", seed=seed) for seed in seeds]
            for net in nets:
                net.b[1] = b
            before = [dead(net, x) for net, x in zip(nets, X, strict=True)]
            start = [net.W[1].copy() for net in nets]
            runs = train_many(nets, X, Y, optimizer, epochs=epochs, every=10)
            after[setting, g] = np.array([dead(net, x) for net, x in zip(nets, X, strict=True)])
            moved = not all(np.array_equal(net.W[1], w) for net, w in zip(nets, start, strict=True))
            cost = curves[setting, g] = np.array([[step.cost for step in steps] for steps in runs])
            right = np.mean([accuracy(*each) for each in zip(nets, X, Y, strict=True)])
            rows.append(
                (f"{setting}: {g}", np.mean(before), after[setting, g].mean(), moved, cost[:, -1].mean(), right)
            )
    adam, descent, fast = settings
    stays = all((after[s, "relu"] == 1).all() for s in (adam, descent))
    back = [float(1 - after[s, remedy].mean()) for s in (adam, descent)]
    fewer = [float(after[fast, g].mean()) for g in ("relu", remedy)]
    found = [stays and share >= 0.5 for share in back] + [fewer[1] < fewer[0] - 0.05]

    def draw(figure: Any) -> None:
        left, right = figure.subplots(1, 2)
        for i, (g, color, marker, style) in enumerate(zip(("relu", remedy), COLORS[2:], MARKERS, STYLES, strict=False)):
            place = np.arange(len(settings)) + 0.2 * (2 * i - 1)
            left.barh(place, [after[s, g].mean() for s in settings], 0.36, color=color, label=g, hatch=("", "//")[i])
            cost = curves[adam, g].mean(axis=0)
            epoch = np.arange(len(cost)) * 10 + 1
            right.plot(epoch, cost, color=color, marker=marker, markevery=0.15, linestyle=style, label=g)
        left.set_yticks(
            range(len(settings)), [s.replace(", ", ",\n").replace("gradient ", "gradient\n") for s in settings]
        )
        left.invert_yaxis()
        left.set(xlabel="share of units that are dead after training")
        right.set(xscale="log", xlabel="epochs", ylabel="cost J, mean", title=adam, ylim=(0, None))
        right.legend()

    return Result(
        judge(found),
        f"Of the units that are dead at the start, {'no' if stays else 'some'} relu comes back, and W[1] "
        f"{'moves' if rows[0][3] else 'does not move by a bit'}; of {remedy} units {back[0]:.0%} come back with Adam, "
        f"which makes up for small gradients, and {back[1]:.0%} with gradient descent. With a learning rate that is "
        f"far too high {fewer[0]:.0%} of the relu units end dead and {fewer[1]:.0%} of the {remedy} units.",
        ("setting", "dead before", "dead after", "W[1] moved", "mean cost", "mean accuracy"),
        tuple(rows),
        draw,
    )


# -- 11: the scale of the first weights --------------------------------------------------------------------------------

SCHEMES: tuple[tuple[str | float, str], ...] = (
    ("he", "relu"), ("xavier", "tanh"), ("xavier", "relu"), (0.01, "relu"), (0.01, "tanh"), (1.0, "relu"), (1.0, "tanh")
)  # fmt: skip


def first_weights_in_depth(seeds: Sequence[int], schemes: Sequence[tuple[str | float, str]] = SCHEMES) -> Result:
    """Variance of A[l] and dZ[l] over 50 hidden layers of 100 units, before any training.

    The first two schemes are the claimed ones; the third is Xavier's where He's belongs.
    """
    hidden, width, m = 50, 100, 100
    forward, backward = {}, {}
    for init, g in schemes:
        A, dZ = [], []
        for seed in seeds:
            rng = np.random.default_rng([seed, 1])  # not the numbers of the weights
            X, Y = rng.standard_normal((width, m)), (rng.random((1, m)) < 0.5) * 1.0
            found = trace(Network([width] * (hidden + 1) + [1], hidden=g, init=init, seed=seed), X, Y)
            A.append([found.A[l].var() for l in range(1, hidden + 1)])
            dZ.append([found.dZ[l].var() for l in range(1, hidden + 1)])
        forward[init, g], backward[init, g] = np.array(A), np.array(dZ)
    ratios = {
        key: (forward[key][:, -1] / forward[key][:, 0], backward[key][:, 0] / backward[key][:, -1]) for key in forward
    }
    keeps = {key: all(bool((abs(np.log10(r)) <= 3).all()) for r in pair) for key, pair in ratios.items()}
    names = {key: f"{key[0] if isinstance(key[0], str) else f'{key[0]:g} N(0, 1)'}, {key[1]}" for key in forward}
    typical = {key: tuple(float(np.exp(np.mean(np.log(r)))) for r in pair) for key, pair in ratios.items()}
    claimed, rest = list(forward)[:2], list(forward)[3:]
    told = {
        kept: "; ".join(
            f"{names[key]} (× {typical[key][0]:.2g} forward, × {typical[key][1]:.2g} back)"
            for key in forward
            if keeps[key] is kept
        )
        for kept in (True, False)
    }

    def draw(figure: Any) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        for ax, found, title in ((left, forward, "activations A[l]"), (right, backward, "gradients dZ[l]")):
            for i, key in enumerate(forward):
                color, marker = COLORS[i % len(COLORS)], MARKERS[i % len(MARKERS)]
                variance = np.exp(np.log(found[key]).mean(axis=0))
                style = "-" if i < 2 else "--"
                ax.plot(range(1, hidden + 1), variance, color=color, linestyle=style, marker=marker, markevery=(i, 9),
                        label=names[key])  # fmt: skip
            ax.set(yscale="log", ylim=(1e-30, 1e30), xlabel="layer l", title=title)
        left.set(ylabel="variance")
        figure.legend(*left.get_legend_handles_labels(), loc="outside right upper", fontsize="small")

    return Result(
        judge([*(keeps[key] for key in claimed), *(not keeps[key] for key in rest)]),
        f"Over {hidden} layers the variance is kept within a factor of 1,000 by {told[True] or 'none'}; it is not by "
        f"{told[False] or 'none'}.",
        ("first weights", "var A[50] / var A[1]", "var dZ[1] / var dZ[50]", "kept within a factor of 1,000"),
        tuple((names[key], *typical[key], keeps[key]) for key in forward),
        draw,
    )


# -- 17: parity --------------------------------------------------------------------------------------------------------


def by_zigzag(n: int) -> Network:
    """One hidden layer of n ReLU: s − 2 max(0, s − 1) + 2 max(0, s − 2) − … is the parity; s is the sum of the bits."""
    net = Network([n, n, 1], output="identity", init="zeros")
    net.W[1] = 1.0
    net.b[1] = -np.arange(n).reshape(-1, 1)
    net.W[2] = np.array([[1.0, *(2.0 * (-1) ** k for k in range(1, n))]])
    return net


def by_patterns(n: int) -> Network:
    """One hidden layer of 2ⁿ⁻¹ ReLU, each of which is on for one pattern of odd sum: an AND of all bits."""
    X, Y = datasets.parity(n)
    odd = X[:, Y[0] == 1].T  # (2ⁿ⁻¹, n)
    net = Network([n, len(odd), 1], output="identity", init="zeros")
    net.W[1] = 2 * odd - 1
    net.b[1] = 1 - odd.sum(axis=1, keepdims=True)
    net.W[2] = 1.0
    return net


def by_tree(n: int) -> Network:
    """⌈log₂ n⌉ layers of XOR in pairs: a XOR b = max(0, a + b) − 2 max(0, a + b − 1), so 2 units for each pair."""
    signals, layers = np.eye(n), []  # each row says how a signal is made of the units before
    while len(signals) > 1:
        rows, biases, after = [], [], []
        for a in range(0, len(signals) - 1, 2):
            rows += [signals[a] + signals[a + 1]] * 2
            biases += [0.0, -1.0]
            after.append({len(rows) - 2: 1.0, len(rows) - 1: -2.0})
        if len(signals) % 2:
            rows.append(signals[-1])
            biases.append(0.0)
            after.append({len(rows) - 1: 1.0})
        layers.append((np.array(rows), np.array(biases).reshape(-1, 1)))
        signals = np.zeros((len(after), len(rows)))
        for i, terms in enumerate(after):
            for unit, factor in terms.items():
                signals[i, unit] = factor
    net = Network([n, *(len(b) for _, b in layers), 1], output="identity", init="zeros")
    for l, (W, b) in enumerate([*layers, (signals, np.zeros((1, 1)))], 1):
        net.W[l], net.b[l] = W, b
    return net


def by_folding(n: int) -> Network:
    """⌈log₂ n⌉ layers of 2 ReLU: t ← t − 2 max(0, t − c/2) folds the sum of the bits at half its range c."""
    depth = ceil(log2(n))
    net = Network([n, *[2] * depth, 1], output="identity", init="zeros")
    for l in range(1, depth + 1):
        net.W[l] = 1.0 if l == 1 else np.array([[1.0, -2.0]] * 2)
        net.b[l] = np.array([[0.0], [-(2.0 ** (depth - l))]])
    net.W[depth + 1] = np.array([[1.0, -2.0]])
    return net


def parity(
    seeds: Sequence[int],
    shallow: Sequence[Callable[[int], Network]] = (by_patterns, by_zigzag),
    deep: Sequence[Callable[[int], Network]] = (by_tree, by_folding),
) -> Result:
    """Hidden units for the parity of n bits: networks set by hand, checked on all 2ⁿ patterns, and trained ones."""
    bits = (2, 3, 4, 6, 8, 10)
    units: dict[str, list[int | None]] = {}
    for build in (*shallow, *deep):
        units[build.__name__] = []
        for n in bits:
            net = build(n)
            right = accuracy(net, *datasets.parity(n)) == 1
            units[build.__name__].append(sum(net.sizes[1:-1]) if right else None)
    learned = {
        name: [_smallest(n, name == "deep", seeds) if n <= 6 else None for n in bits] for name in ("shallow", "deep")
    }
    wide, narrow = (
        [min((u for u in (units[build.__name__][i] for build in builds) if u), default=inf) for i in range(len(bits))]
        for builds in (shallow, deep)
    )
    exponential = all(w >= 2 ** (n - 1) for w, n in zip(wide, bits, strict=True))
    fewer = narrow[-1] < wide[-1]
    names = {"by_patterns": "one layer, a unit for each odd pattern", "by_zigzag": "one layer, zigzag of the sum",
             "by_tree": "deep, XOR in pairs", "by_folding": "deep, folding the sum"}  # fmt: skip
    columns = {
        **{names[name]: u for name, u in units.items()},
        **{f"trained, {name}": u for name, u in learned.items()},
    }

    def draw(figure: Any) -> None:
        ax = figure.subplots()
        for i, (name, u) in enumerate(columns.items()):
            known = [(n, k) for n, k in zip(bits, u, strict=True) if k]
            if known:
                style = ":" if name.startswith("trained") else "-" if name.startswith("one") else "--"
                ax.plot(
                    *zip(*known, strict=True), color=COLORS[i % 6], marker=MARKERS[i % 6], linestyle=style, label=name
                )
        ax.set(
            yscale="log", xlabel="bits n", ylabel="hidden units", title="units for the parity of n bits", xticks=bits
        )
        ax.set_yscale("log", base=2)
        figure.legend(loc="outside right upper", fontsize="small")

    n = bits[-1]
    if exponential:
        told = f"Every network with one hidden layer here has at least 2ⁿ⁻¹ units ({2 ** (n - 1)} for {n} bits)"
    else:
        told = (
            f"One hidden layer needs 2ⁿ⁻¹ units ({2 ** (n - 1)} for {n} bits) only if each may recognize one pattern, "
            f"as a gate does: {wide[-1]} ReLU that look at the sum of the bits are enough"
        )
    return Result(
        judge([exponential, fewer]),
        f"{told}. A deep network is right on all {2**n:,} patterns with {narrow[-1]} units"
        + (", still fewer." if fewer else ", which are not fewer."),
        ("bits n", *columns),
        tuple((n, *(u[i] for u in columns.values())) for i, n in enumerate(bits)),
        draw,
    )


def _smallest(n: int, deep: bool, seeds: Sequence[int]) -> int | None:
    """The fewest hidden tanh units with which training gets every pattern of n bits right, with half of the seeds."""
    X, Y = datasets.parity(n)
    layers = max(2, ceil(log2(n))) if deep else 1
    widths = (2, 3, 4, 5, 6, 8) if deep else (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32)
    nets = [Network([n, *[w] * layers, 1], hidden="tanh", seed=seed) for w in widths for seed in seeds]
    train_many(nets, 2 * X - 1, Y, Adam(0.02), epochs=2000, every=2000)
    solved = np.reshape([accuracy(net, 2 * X - 1, Y) == 1 for net in nets], (len(widths), -1)).mean(axis=1)
    return next((w * layers for w, share in zip(widths, solved, strict=True) if share >= 0.5), None)


# -- 18: size ----------------------------------------------------------------------------------------------------------

WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128)


def size(seeds: Sequence[int], noise: float = 0.4, l2: float = 0.0) -> Result:
    """Training and test error of one hidden layer with more and more units, on 100 points of two moons that overlap."""
    pairs = [(datasets.moons(100, noise, seed), datasets.moons(2000, noise, seed + 1000)) for seed in seeds] * len(
        WIDTHS
    )
    nets = [Network([2, w, 1], hidden="tanh", init="glorot", seed=seed) for w in WIDTHS for seed in seeds]
    X, Y = (Each([train[i] for train, _ in pairs]) for i in (0, 1))
    train_many(nets, X, Y, Adam(0.02), epochs=4000, every=4000, l2=l2)

    def measured(what: Callable[[Network, Any, Any], float], part: int) -> Any:
        values = [what(net, *pair[part]) for net, pair in zip(nets, pairs, strict=True)]
        return np.reshape(values, (len(WIDTHS), -1)).mean(axis=1)

    train, test = 1 - measured(accuracy, 0), 1 - measured(accuracy, 1)
    cost, test_cost = measured(Network.cost, 0), measured(Network.cost, 1)
    fits = bool(cost[-1] < 0.5 * cost[0] and train[-1] <= train.min() + 0.005)
    best = int(test.argmin())
    overfits = bool(test[-1] >= test[best] + 0.02)
    cheapest = int(test_cost.argmin())

    def draw(figure: Any) -> None:
        left, right = figure.subplots(1, 2)
        for ax, values, label in (
            (left, (train, test), "share of wrong answers"),
            (right, (cost, test_cost), "cost J"),
        ):
            for v, name, color, marker, style in zip(values, ("training set", "new examples"), (COLORS[0], COLORS[3]),
                                                     MARKERS, STYLES, strict=False):  # fmt: skip
                ax.plot(WIDTHS, v, color=color, marker=marker, linestyle=style, label=name)
            ax.set(xscale="log", xlabel="hidden units", ylabel=label, xticks=WIDTHS, xticklabels=WIDTHS)
            ax.minorticks_off()
            ax.legend()
        right.set(yscale="log")

    return Result(
        judge([fits, overfits]),
        f"The training error falls from {train[0]:.1%} (1 unit) to {train[-1]:.1%} ({WIDTHS[-1]} units). On new "
        f"examples it is lowest with {WIDTHS[best]} units, {test[best]:.1%}, and {test[-1]:.1%} with {WIDTHS[-1]}; "
        f"the cost there grows from {test_cost[cheapest]:.3g} to {test_cost[-1]:.3g}: "
        + ("overfitting" if overfits else "less than 2 points more, no overfitting to speak of")
        + f". The test error is highest with {WIDTHS[int(test.argmax())]} units, {test.max():.1%}.",
        ("hidden units", "parameters", "training error", "test error", "training cost", "test cost"),
        tuple((w, 4 * w + 1, *values) for w, *values in zip(WIDTHS, train, test, cost, test_cost, strict=True)),
        draw,
    )


CLAIMS = (
    Claim(
        9,
        "relu-faster-in-depth",
        "In deeper networks ReLU learns faster than tanh and sigmoid.",
        "Median number of epochs until the cost is 0.1, on 500 digits and on two spirals, each activation at the "
        "best of four learning rates, from the first weights that suit it (He or Glorot). It holds if ReLU needs "
        "fewer than both with 4 and with 8 hidden layers, on both problems.",
        relu_in_depth,
    ),
    Claim(
        10,
        "leaky-relu-against-dead-units",
        "Leaky ReLU helps against dead units, which are 0 for every example and get no gradient.",
        "Share of dead units before and after training on two moons: all of them dead at the start (b[1] = −6), and "
        "a learning rate far too high. It holds if no ReLU unit comes back and half of the leaky ones do, with Adam "
        "and with gradient descent, and if at least 5 points fewer leaky units die at the high rate.",
        leaky_relu,
    ),
    Claim(
        11,
        "he-and-xavier-in-depth",
        "He's weights (for ReLU) and Xavier's (for tanh) keep activations and gradients from vanishing or exploding; "
        "0.01 and 1.0 do not.",
        "Variance of A[l] and of dZ[l] over 50 hidden layers of 100 units, by a trace before training. It holds if "
        "with He and Xavier it changes by less than a factor of 1,000 with every seed, forward and back, and with "
        "0.01 and 1.0 by more.",
        first_weights_in_depth,
    ),
    Claim(
        17,
        "parity-deep-or-wide",
        "For the parity (XOR) of n bits one hidden layer needs exponentially many units, a deep network few.",
        "Hidden units of networks set by hand that are right on all 2ⁿ patterns, n up to 10; and the fewest tanh "
        "units with which training succeeds with half of the seeds. It holds if no network with one hidden layer has "
        "fewer than 2ⁿ⁻¹ units, and a deep one has fewer.",
        parity,
    ),
    Claim(
        18,
        "more-parameters-overfit",
        "More parameters fit the training set better, and overfit.",
        "Share of wrong answers on 100 points of two overlapping moons and on 2,000 new ones, with 1 to 128 tanh "
        "units. It holds if the largest network has the lowest training error, and at least 2 points more test error "
        "than the best size.",
        size,
    ),
)
