"""Claims 1 to 8: what a unit, a hidden layer and its first weights can do."""

from collections.abc import Sequence
from functools import partial
from math import inf
from typing import Any

import numpy as np

from chainrule import datasets
from chainrule.claims.common import (
    COLORS,
    MARKERS,
    Claim,
    Result,
    accuracy,
    cell,
    count,
    draw_race,
    epochs_until,
    field,
    judge,
    race,
)
from chainrule.engines import kernel
from chainrule.network import Network
from chainrule.optimizers import LBFGS, Adam, GradientDescent
from chainrule.training.many import Each, train_many
from chainrule.working.trace import trace

# -- 1 and 2: the flower -----------------------------------------------------------------------------------------------


def needs_a_hidden_layer(seeds: Sequence[int], hidden: tuple[int, ...] = (4,)) -> Result:
    """Logistic regression beside a network with these hidden layers of tanh, on a flower for each seed."""
    data = [datasets.flower(seed=seed + 1) for seed in seeds]
    shapes = {"no hidden layer (logistic regression)": [2, 1], "one hidden layer of 4 tanh": [2, *hidden, 1]}
    nets = [Network(sizes, hidden="tanh", init="small", seed=s) for sizes in shapes.values() for s in seeds]
    X, Y = (Each([pair[i] for pair in data] * 2) for i in (0, 1))
    train_many(nets, X, Y, GradientDescent(1.2), epochs=10_000, every=10_000)
    scores = np.reshape([accuracy(*each) for each in zip(nets, X, Y, strict=True)], (2, -1))
    logistic, network = scores
    rows = tuple((name, s.mean(), s.min(), s.max()) for name, s in zip(shapes, scores, strict=True))

    def draw(figure: Any) -> None:
        for ax, net, s, title in zip(
            figure.subplots(1, 2), (nets[0], nets[len(seeds)]), scores, ("logistic regression", "one hidden layer"),
            strict=True,
        ):  # fmt: skip
            field(ax, net, *data[0], f"{title}: {s[0]:.1%} right")

    found = (logistic < 0.65) & (network >= 0.85)
    return Result(
        judge(found),
        f"Logistic regression gets {logistic.mean():.1%} of the flower right, at most {logistic.max():.1%}; with the "
        f"hidden layer it is {network.mean():.1%}, at least {network.min():.1%}. That is as claimed with "
        f"{found.sum()} of {len(found)} seeds.",
        ("network", "mean accuracy", "lowest", "highest"),
        rows,
        draw,
    )


SIZES = (1, 2, 3, 4, 5, 10, 20, 50)


def hidden_sizes(seeds: Sequence[int], sizes: Sequence[int] = SIZES) -> Result:
    """The flower with few to many tanh units: 400 examples as in the notes, and 60."""
    settings: dict[int, tuple[Any, int]] = {400: (GradientDescent(1.2), 5000), 60: (Adam(0.02), 5000)}
    tests = [datasets.flower(2000, seed + 1001) for seed in seeds]
    train, test = {}, {}
    for m, (optimizer, epochs) in settings.items():
        nets = [Network([2, n, 1], hidden="tanh", init="glorot", seed=s) for n in sizes for s in seeds]
        data = [datasets.flower(m, seed + 1) for seed in seeds] * len(sizes)
        X, Y = (Each([pair[i] for pair in data]) for i in (0, 1))
        train_many(nets, X, Y, optimizer, epochs=epochs, every=epochs)
        shape = len(sizes), len(seeds)
        train[m] = np.reshape([accuracy(*each) for each in zip(nets, X, Y, strict=True)], shape).mean(axis=1)
        unseen = [accuracy(net, *pair) for net, pair in zip(nets, tests * len(sizes), strict=True)]
        test[m] = np.reshape(unseen, shape).mean(axis=1)
    fits, overfits, parts = [], [], []
    for m in settings:
        best = int(test[m].argmax())
        fits.append(bool(train[m][-1] >= train[m].max() - 0.01 and train[m][-1] > train[m][0] + 0.05))
        overfits.append(bool(test[m][-1] < test[m][best] - 0.01))
        parts.append(
            f"With {m} examples, {sizes[-1]} units get {train[m][-1]:.1%} of the training set right (one unit "
            f"{train[m][0]:.1%}) and {test[m][-1]:.1%} of new examples; the best on those are {sizes[best]} units with "
            f"{test[m][best]:.1%}: {'overfitting' if overfits[-1] else 'no overfitting'}."
        )
    where = [str(m) for m, over in zip(settings, overfits, strict=True) if over]
    return Result(
        judge([*fits, *overfits]),
        f"It overfits with {' and with '.join(where) or 'neither number of'} examples"
        f"{' only' if len(where) == 1 else ''}. " + " ".join(parts),
        ("hidden units", *(f"{what}, m = {m}" for m in settings for what in ("training", "new"))),
        tuple((n, *(part[m][i] for m in settings for part in (train, test))) for i, n in enumerate(sizes)),
        lambda figure: _draw_sizes(figure, sizes, train, test),
    )


def _draw_sizes(figure: Any, sizes: Sequence[int], train: dict[int, Any], test: dict[int, Any]) -> None:
    for ax, m in zip(figure.subplots(1, 2, sharey=True), train, strict=True):
        ax.plot(sizes, train[m], marker=MARKERS[0], color=COLORS[0], label="training set")
        ax.plot(sizes, test[m], marker=MARKERS[1], color=COLORS[3], linestyle="--", label="new examples")
        ax.set(xscale="log", xlabel="hidden units", title=f"{m} examples", xticks=sizes, xticklabels=sizes)
        ax.minorticks_off()
        ax.legend()
    figure.axes[0].set(ylabel="accuracy")


# -- 3 and 4: linear hidden layers -------------------------------------------------------------------------------------


def collapsed(network: Network) -> tuple[Any, Any]:
    """W′ (n[L], n[0]) and b′ (n[L], 1) of the one linear map that linear hidden layers come to."""
    W, b = np.eye(network.sizes[0], dtype=network.dtype), np.zeros((network.sizes[0], 1), network.dtype)
    for l in range(1, network.L + 1):
        W, b = network.W[l] @ W, network.W[l] @ b + network.b[l]
    return W, b


def one_linear_map(seeds: Sequence[int], hidden: str = "identity") -> Result:
    """Z[L] of trained networks beside W′X + b′."""
    problems = {"flower": (datasets.flower(), [2, 4, 1], "sigmoid"), "iris": (datasets.iris(), [4, 6, 5, 3], "softmax")}
    rows, worst = [], []
    first: dict[str, Network] = {}
    for dtype in (np.float64, np.float32):
        for name, ((X, Y), sizes, output) in problems.items():
            nets = [Network(sizes, hidden=hidden, output=output, seed=s, dtype=dtype).normalize(X) for s in seeds]
            train_many(nets, X, Y, GradientDescent(0.3), epochs=300, every=300)
            first.setdefault(name, nets[0])
            apart = []
            for net in nets:
                Z, A = net.layers(X)
                W, b = collapsed(net)
                apart.append(np.abs(W @ A[0] + b - Z[-1]).max() / np.abs(Z[-1]).max() / np.finfo(dtype).eps)
            shape = " → ".join(map(str, sizes))
            rows.append((f"{name}, {shape}", np.dtype(dtype).name, max(apart) * np.finfo(dtype).eps, max(apart)))
            worst.append(max(apart))

    def draw(figure: Any) -> None:
        left, right = figure.subplots(1, 2)
        (X, Y), net = problems["flower"][0], first["flower"]
        X = net.check_inputs(X)
        field(left, _bare(net), X, Y, "the network, and W′x + b′ = 0 (dashed)")
        W, b = collapsed(net)
        x = np.array(left.get_xlim())
        left.plot(x, -(W[0, 0] * x + b[0, 0]) / W[0, 1], color="black", linestyle="--", linewidth=2.5)
        left.set(xlim=x, ylim=x)
        names = [f"{name.split(',')[0]}, {dtype}" for name, dtype, *_ in rows]
        right.barh(names, [max(w, 1e-3) for w in worst], color=COLORS[0])
        right.axvline(100, color=COLORS[3], linestyle="--", label="still rounding")
        right.set(xscale="log", xlabel="largest difference, in units of the last digit (ε)", title="Z[L] − (W′X + b′)")
        right.set_xlim(0.1, max(1e3, 10 * max(worst)))
        right.invert_yaxis()
        right.legend()

    return Result(
        judge(w <= 100 for w in worst),
        f"After training, Z[L] and W′X + b′ differ by at most {max(worst):.3g} ε of the largest |Z[L]| (ε: the "
        f"rounding of one operation): {'rounding' if max(worst) <= 100 else 'far more than rounding'}.",
        ("network", "precision", "largest relative difference", "the same in ε"),
        tuple(rows),
        draw,
    )


def _bare(network: Network) -> Network:
    """The same network for inputs that are normalized already."""
    bare = Network(network.sizes, hidden=network.g[1:-1], output=network.g[-1], init="zeros", dtype=network.dtype)
    bare.parameters = network.parameters
    return bare


def linear_hidden_is_logistic(seeds: Sequence[int], hidden: str = "identity") -> Result:
    """Logistic regression and networks with linear hidden layers, each trained to the end of L-BFGS on moons."""
    data = [datasets.moons(300, 0.3, seed) for seed in seeds]
    shapes = ([2, 1], [2, 4, 1], [2, 4, 3, 1])
    X, Y = (Each([pair[i] for pair in data] * len(shapes)) for i in (0, 1))
    nets = [Network(sizes, hidden=hidden, init="xavier", seed=s) for sizes in shapes for s in seeds]
    train_many(nets, X, Y, LBFGS(tolerance=1e-9), epochs=300, every=300)
    costs = np.reshape([net.cost(x, y) for net, x, y in zip(nets, X, Y, strict=True)], (len(shapes), -1))
    P = [net.forward(x) for net, x in zip(nets, X, strict=True)]
    k = len(seeds)
    apart = np.reshape([np.abs(p - P[i % k]).max() for i, p in enumerate(P)], costs.shape)
    right = np.reshape([accuracy(*each) for each in zip(nets, X, Y, strict=True)], costs.shape)
    names = [" → ".join(map(str, sizes)) + (" (logistic regression)" if len(sizes) == 2 else "") for sizes in shapes]
    gap = (np.abs(costs - costs[0]) / costs[0])[1:].max()

    def draw(figure: Any) -> None:
        for ax, i, name in zip(figure.subplots(1, 2), (0, k), ("logistic regression", "2 → 4 → 1"), strict=True):
            field(ax, nets[i], *data[0], f"{name}: J = {costs[i // k, 0]:.6f}")

    return Result(
        judge([gap < 1e-4 and apart.max() < 0.01]),
        f"At the end of training the costs differ by {gap:.1e} of themselves and no probability by more than "
        f"{apart.max():.1e}: {'the same predictions' if apart.max() < 0.01 else 'other predictions'}.",
        ("network", "mean cost", "largest difference of cost", "largest difference of a probability", "mean accuracy"),
        tuple(
            (name, c.mean(), np.abs(c - costs[0]).max(), a.max(), r.mean())
            for name, c, a, r in zip(names, costs, apart, right, strict=True)
        ),
        draw,
    )


# -- 5, 6 and 7: the first weights -------------------------------------------------------------------------------------


def zero_weights(seeds: Sequence[int], init: str | float = "zeros") -> Result:
    """Hidden units from these first weights, compared bit for bit during training; and zero beside random biases."""
    X, Y = datasets.flower()
    cases = [
        (f"{init} weights" if init != "zeros" else "zero weights", g, init, 0.0) for g in ("tanh", "sigmoid", "relu")
    ]
    cases += [("random weights, zero biases", "tanh", 1.0, 0.0), ("random weights, random biases", "tanh", 1.0, 1.0)]
    engines = ["numpy", *(["native"] if kernel.BUILT else [])]
    # Every engine where bits are compared, one where accuracies are.
    keys = [(c, e, seed) for c in cases for e in (engines if c[2] == init else engines[-1:]) for seed in seeds]
    nets = []
    for (_, g, start, biases), _, seed in keys:
        net = Network([2, 4, 1], hidden=g, init=start, seed=seed)
        net.b[1] = biases * np.random.default_rng(seed).standard_normal((4, 1))
        nets.append(net)
    spread = np.zeros(len(nets))
    costs: list[list[float]] = [[] for _ in nets]
    for stretch in range(10):  # looked at ten times: once apart, units do not meet again to the last bit
        order = Each(100 * seed + stretch for _, _, seed in keys)
        runs = train_many(
            nets, X, Y, GradientDescent(1.0), epochs=30, every=10, batch_size=100, seed=order,
            engine=Each(engine for _, engine, _ in keys),
        )  # fmt: skip
        for i, (net, steps) in enumerate(zip(nets, runs, strict=True)):
            spread[i] = max(spread[i], np.abs(net.W[1] - net.W[1][0]).max(), np.ptp(net.W[2]), np.ptp(net.b[1]))
            costs[i] += [step.cost for step in steps]
    scores = np.array([accuracy(net, X, Y) for net in nets])
    moved = np.array([np.abs(net.W[1]).max() for net in nets])
    rows, different = [], []
    for case in cases:
        name, g, start, _ = case
        mine = [i for i, key in enumerate(keys) if key[0] == case]
        rows.append((f"{name}, {g}", spread[mine].max(), moved[mine].mean(), scores[mine].mean()))
        if start == init:
            different += [f"{g} on {keys[i][1]}" for i in mine if spread[i] > 0]
    harm = float(rows[-1][-1] - rows[-2][-1])
    identical, harmless = not different, bool(harm < 0.02 and rows[-2][1] > 0)

    def draw(figure: Any) -> None:
        left, right = figure.subplots(1, 2)
        shown = [(cases[1], "zero weights, sigmoid"), (cases[3], "random weights, zero biases")]
        first = [nets[keys.index((case, engines[-1], seeds[0]))] for case, _ in shown]
        W = np.hstack([net.W[1] / np.abs(net.W[1]).max() for net in first])
        left.imshow(W, cmap="RdBu_r", vmin=-1, vmax=1)
        for (i, j), w in np.ndenumerate(np.hstack([net.W[1] for net in first])):
            left.text(j, i, f"{w:.2f}", ha="center", va="center", color="black" if abs(W[i, j]) < 0.7 else "white")
        left.axvline(1.5, color="black", linewidth=2)
        left.set(title="W[1] after 300 epochs, a row for a unit", yticks=range(4), ylabel="hidden unit")
        left.set_xticks([0.5, 2.5], ["from zero\n(sigmoid)", "from random\n(tanh)"])
        for case, color, marker, style in zip(cases, COLORS, MARKERS, ("-", "--", ":", "-", "--"), strict=False):
            cost = np.mean([costs[i] for i, key in enumerate(keys) if key[0] == case], axis=0)
            label = f"{case[0]}, {case[1]}" if case[2] == init else case[0]
            epoch = np.linspace(0, 300, len(cost))
            right.plot(epoch, cost, color=color, linestyle=style, marker=marker, markevery=8, label=label)
        right.set(xlabel="epoch", ylabel="cost J", title="mean cost")
        right.legend(fontsize="small")

    parts = [
        f"From {cases[0][0]} the hidden units stay equal to the last bit over 300 epochs, on {' and '.join(engines)}."
        if identical
        else f"From {cases[0][0]} the hidden units come apart ({', '.join(dict.fromkeys(different))}).",
        f"Zero biases under random weights reach {rows[-2][-1]:.1%}, random biases {rows[-1][-1]:.1%}: "
        f"{'no harm' if harmless else 'they do harm'}.",
    ]
    if still := [g for case in cases[:3] for g in [case[1]] if not moved[[key[0] == case for key in keys]].any()]:
        parts.append(f"With {' and '.join(still)} W[1] does not move at all: its gradient is 0.")
    return Result(
        judge([identical, harmless]),
        " ".join(parts),
        ("start", "largest difference between units", "largest |w| of W[1], mean", "mean accuracy"),
        tuple(rows),
        draw,
    )


def logistic_from_zero(seeds: Sequence[int], hidden: tuple[int, ...] = ()) -> Result:
    """Epochs of gradient descent from zero and from random weights to within 1% of the lowest cost."""
    data = [datasets.moons(300, 0.3, seed) for seed in seeds]
    X, Y = (Each([pair[i] for pair in data]) for i in (0, 1))
    best = [Network([2, *hidden, 1], hidden="tanh", seed=seed) for seed in seeds]
    train_many(best, X, Y, LBFGS(tolerance=1e-9), epochs=300, every=300)
    lowest = [net.cost(*pair) for net, pair in zip(best, data, strict=True)]
    starts: dict[str, tuple[tuple[int, ...], str | float]] = {
        "zero weights": (hidden, "zeros"),
        "0.01 N(0, 1)": (hidden, 0.01),
        "N(0, 1)": (hidden, 1.0),
        "zero, with a hidden layer": ((4,), "zeros"),
    }
    rows, curves, needed = [], {}, {}
    for name, (layers, init) in starts.items():
        nets = [Network([2, *layers, 1], hidden="tanh", init=init, seed=seed) for seed in seeds]
        gradients = [np.linalg.norm(net.gradients(*pair)[1][1]) for net, pair in zip(nets, data, strict=True)]
        runs = train_many(nets, X, Y, GradientDescent(1.0), epochs=3000)
        needed[name] = [epochs_until(steps, 1.01 * J) for steps, J in zip(runs, lowest, strict=True)]
        curves[name] = np.mean([[s.cost for s in steps] for steps in runs], axis=0)
        scores = [accuracy(net, *pair) for net, pair in zip(nets, data, strict=True)]
        rows.append((name, np.mean(gradients), count(np.median(needed[name])), curves[name][-1], np.mean(scores)))
    zero, small, large, _ = (float(np.median(n)) for n in needed.values())
    learns, as_fast = max(needed["zero weights"]) < inf, zero <= 2 * min(small, large) < inf
    return Result(
        judge([learns, as_fast]),
        f"From zero weights the cost is within 1% of the lowest after {count(zero)} epochs, from small random weights "
        f"after {count(small)}, from N(0, 1) after {count(large)}. The gradient at zero is {rows[0][1]:.2g}: "
        + ("a single unit has no other to stay equal to." if learns else "the training does not get there."),
        ("start", "‖dW[1]‖ at the start", "epochs to 1% of the lowest cost", "mean cost at the end", "mean accuracy"),
        tuple(rows),
        lambda figure: _draw_curves(figure, curves, float(np.mean(lowest))),
    )


def _draw_curves(figure: Any, curves: dict[str, Any], lowest: float) -> None:
    ax = figure.subplots()
    for (name, cost), color, marker, style in zip(
        curves.items(), COLORS, MARKERS, ("-", "--", "-.", ":"), strict=False
    ):
        epochs = np.arange(len(cost)) + 1
        ax.plot(epochs, cost, color=color, linestyle=style, marker=marker, markevery=0.1, label=name)
    ax.axhline(lowest, color="gray", linewidth=1, label="the lowest cost (L-BFGS)")
    ax.set(xlabel="epochs of gradient descent", ylabel="cost J, mean", xscale="log")
    ax.legend()


def large_weights(seeds: Sequence[int], factors: Sequence[float] = (0.01, 1.0, 10.0, 100.0, 1000.0)) -> Result:
    """Saturation at the start, and the training after it, of tanh networks with weights factor · N(0, 1)."""
    X, Y = datasets.flower()
    epochs = 3000
    keys = [(factor, seed) for factor in factors for seed in seeds]
    nets = [Network([2, 10, 1], hidden="tanh", init=factor, seed=seed) for factor, seed in keys]
    first = [trace(net, X, Y) for net in nets]
    flat = np.array([np.mean(t.slope[1] < 0.01) for t in first])
    runs = train_many(nets, X, Y, GradientDescent(0.5), epochs=epochs, every=10)
    moved = np.array(
        [np.linalg.norm(n.W[1] - t.W[1]) / np.linalg.norm(t.W[1]) for n, t in zip(nets, first, strict=True)]
    )
    curves = np.array([[step.cost for step in steps] for steps in runs])
    scores = np.array([accuracy(net, X, Y) for net in nets])
    each = {factor: [i for i, key in enumerate(keys) if key[0] == factor] for factor in factors}
    rows = tuple(
        (f, flat[i].mean(), moved[i].mean(), curves[i, 0].mean(), curves[i, -1].mean(), scores[i].mean())
        for f, i in each.items()
    )
    small, large = each[factors[0]], each[factors[-1]]
    saturated = bool(flat[large].min() > 0.9 and flat[small].max() < 0.1)
    slow = bool((curves[large, -1] > curves[small, -1]).all() and scores[large].mean() < scores[small].mean())

    def draw(figure: Any) -> None:
        left, right = figure.subplots(1, 2)
        for (f, i), color, marker in zip(each.items(), COLORS, MARKERS, strict=False):
            epoch = np.arange(curves.shape[1]) * 10 + 1
            right.plot(
                epoch, curves[i].mean(axis=0), color=color, marker=marker, markevery=0.12, label=f"{f:g} N(0, 1)"
            )
        right.set(xscale="log", yscale="log", xlabel="epochs", ylabel="cost J, mean", title="training")
        figure.legend(*right.get_legend_handles_labels(), title="first weights", loc="outside right upper")
        z = np.linspace(-4, 4, 200)
        left.plot(z, np.tanh(z), color=COLORS[0], label="tanh z")
        left.plot(z, 1 - np.tanh(z) ** 2, color=COLORS[3], linestyle="--", label="its slope")
        twin = "\n".join(f"{f:g} N(0, 1): {flat[i].mean():.0%}" for f, i in each.items())
        left.text(
            0.98,
            0.05,
            f"slope below 0.01\nat the start:\n{twin}",
            transform=left.transAxes,
            ha="right",
            fontsize="small",
        )
        left.set(xlabel="z", title="where tanh is flat")
        left.legend(loc="upper left")

    return Result(
        judge([saturated, slow]),
        f"With weights of {factors[-1]:g} N(0, 1), {flat[large].mean():.1%} of the tanh slopes are below 0.01 at the "
        f"start ({flat[small].mean():.1%} with {factors[0]:g}). After {epochs:,} epochs W[1] has moved by "
        f"{moved[large].mean():.2%} of itself and {scores[large].mean():.1%} of the examples are right, against "
        f"{scores[small].mean():.1%}.",
        ("first weights × N(0, 1)", "share of slopes < 0.01", "‖W[1] − start‖ / ‖start‖", "cost at the start",
         "cost at the end", "mean accuracy"),
        rows,
        draw,
    )  # fmt: skip


# -- 8: tanh and sigmoid -----------------------------------------------------------------------------------------------


def tanh_or_sigmoid(seeds: Sequence[int], faster: str = "tanh", slower: str = "sigmoid") -> Result:
    """Epochs to a cost, at the same learning rate and each at its best."""
    X, Y = datasets.digits()
    some = X[:, :500], Y[:, :500]
    problems: dict[str, tuple[Any, list[int], float, dict[str, Any]]] = {
        "flower, 2 → 8 → 1": (datasets.flower(), [2, 8, 1], 0.35, {"epochs": 5000, "every": 10}),
        "moons, 2 → 8 → 1": (datasets.moons(), [2, 8, 1], 0.2, {"epochs": 5000, "every": 10}),
        "digits, 64 → 32 → 10": (some, [64, 32, 10], 0.1, {"epochs": 60, "batch_size": 50}),
        "digits, 64 → 32 → 32 → 10": (some, [64, 32, 32, 10], 0.1, {"epochs": 60, "batch_size": 50}),
    }
    rates = (0.1, 0.3, 1.0, 3.0)
    rows: list[tuple[Any, ...]] = []
    raced: dict[str, list[tuple[float, float]]] = {}  # the epochs of the slower and of the faster, for each rate
    best: dict[str, tuple[float, float]] = {}
    for name, (data, sizes, target, options) in problems.items():
        make = partial(Network, sizes, output="softmax" if sizes[-1] > 1 else "sigmoid", init="glorot")
        found = race(make, data[0], data[1], (slower, faster), rates, seeds, target, **options)
        middle = {key: float(np.median(epochs)) for key, epochs in found.items()}
        pairs = raced[name] = [(middle[slower, rate], middle[faster, rate]) for rate in rates]
        best[name] = min(s for s, _ in pairs), min(t for _, t in pairs)
        rows += [(name, rate, count(s), count(t), _ratio(s, t)) for rate, (s, t) in zip(rates, pairs, strict=True)]
        rows.append((name, "best of each", *map(count, best[name]), _ratio(*best[name])))
    at_same = [t < s for pairs in raced.values() for s, t in pairs if min(s, t) < inf]
    at_best = [t < s for s, t in best.values()]
    against = [
        f"{name}, α = {rate:g}: {count(t)} against {count(s)}"
        for name, pairs in raced.items()
        for rate, (s, t) in zip(rates, pairs, strict=True)
        if min(s, t) < inf and not t < s
    ]

    def draw(figure: Any) -> None:
        shown = [ax for row in figure.subplots(2, 2) for ax in row]
        for ax, (name, pairs) in zip(shown, raced.items(), strict=True):
            draw_race(ax, rates, {faster: [t for _, t in pairs], slower: [s for s, _ in pairs]})
            ax.set(title=name)
        figure.set_size_inches(9, 5.6)
        figure.legend(*shown[0].get_legend_handles_labels(), loc="outside right upper")
        for ax in shown[::2]:
            ax.set(ylabel="epochs to the target")
        for ax in shown[2:]:
            ax.set(xlabel="learning rate α")

    return Result(
        judge([*at_same, *at_best]),
        f"Each at its best rate, {faster} needs fewer epochs than {slower} on {sum(at_best)} of "
        f"{len(problems)} problems ("
        + ", ".join(f"{cell(count(t))} against {cell(count(s))}" for s, t in best.values())
        + "). At the same rate it does, "
        + (f"except with {'; '.join(against)}." if against else "at every rate at which either arrives."),
        ("problem", "learning rate", f"epochs, {slower}", f"epochs, {faster}", "ratio"),
        tuple(rows),
        draw,
    )


def _ratio(slow: float, fast: float) -> float | None:
    return slow / fast if slow < inf and 0 < fast < inf else None


CLAIMS = (
    Claim(
        1,
        "flower-needs-a-hidden-layer",
        "Logistic regression cannot separate the flower; one hidden layer can.",
        "Share of the 400 points classified right after 10,000 epochs of gradient descent (α = 1.2), a flower for "
        "each seed. It holds if logistic regression stays below 65% and the network with 4 tanh units reaches 85%, "
        "with every seed.",
        needs_a_hidden_layer,
    ),
    Claim(
        2,
        "hidden-sizes",
        "The more hidden units, the better the flower is fitted, until the network overfits.",
        "Accuracy on the training set and on 2,000 new points with 1 to 50 tanh units, 5,000 epochs; mean over the "
        "seeds. It holds if, with 400 and with 60 training points, 50 units fit the training set as well as any and "
        "do at least one point worse than the best size on new points.",
        hidden_sizes,
    ),
    Claim(
        3,
        "linear-layers-are-one-map",
        "With linear hidden activations the network is one linear map: W′ = W[2] W[1], b′ = W[2] b[1] + b[2].",
        "Largest difference between Z[L] of trained networks and W′X + b′, relative to the largest |Z[L]|. It holds "
        "if that is at most 100 roundings (ε), in float64 and in float32.",
        one_linear_map,
    ),
    Claim(
        4,
        "linear-hidden-is-logistic",
        "A network with linear hidden layers and a sigmoid output is no more than logistic regression.",
        "Each is trained by L-BFGS to its end on 300 points of two moons that overlap. It holds if the costs agree "
        "within 1/10,000 and all probabilities within 0.01, with every seed.",
        linear_hidden_is_logistic,
    ),
    Claim(
        5,
        "zero-weights-stay-identical",
        "With zero weights all units of a hidden layer stay identical for ever; zero biases do no harm.",
        "Largest difference between the weights and biases of two hidden units, looked at 10 times in 300 epochs of "
        "mini-batches, on every engine. It holds if it is exactly 0, and if zero biases under random weights cost "
        "less than 2 points of accuracy.",
        zero_weights,
    ),
    Claim(
        6,
        "logistic-learns-from-zero",
        "Logistic regression, which has no hidden layer, learns from zero weights.",
        "Epochs of gradient descent (α = 1) until the cost is within 1% of the lowest there is (found by L-BFGS), on "
        "two moons. It holds if zero weights arrive with every seed, in at most twice the epochs of random ones.",
        logistic_from_zero,
    ),
    Claim(
        7,
        "large-weights-saturate",
        "With weights × 1000 tanh is saturated, and learning is slow.",
        "Share of tanh slopes below 0.01 at the start; accuracy on the flower after 3,000 epochs with 10 units. It "
        "holds if over 90% are flat with 1000 N(0, 1) and under 10% with 0.01 N(0, 1), and the cost stays higher "
        "with every seed.",
        large_weights,
    ),
    Claim(
        8,
        "tanh-faster-than-sigmoid",
        "In hidden layers tanh learns faster than sigmoid.",
        "Median number of epochs until the cost reaches a target on four problems, with the same first weights. It "
        "holds if tanh needs fewer at each learning rate from 0.1 to 3 at which either arrives, and with the best "
        "rate for each.",
        tanh_or_sigmoid,
    ),
)
