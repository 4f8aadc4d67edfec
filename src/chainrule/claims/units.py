"""Claims 1 to 4 and 18: what hidden layers can represent that a line cannot, and when they overfit."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import datasets
from chainrule._types import Array
from chainrule.claims import drawing
from chainrule.claims.common import Result, accuracy, claim, judge, measured
from chainrule.network import Network
from chainrule.optimizers import LBFGS, Adam, GradientDescent, Optimizer
from chainrule.training.many import Each, train_many

SIZES = (1, 2, 3, 4, 5, 10, 20, 50)
WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128)
Pairs = Sequence[tuple[Array, Array]]  # X (n[0], m), Y (n[L], m) for each seed


@claim(
    1,
    "Logistic regression cannot separate the flower; one hidden layer can.",
    "Share of the 400 points classified right after 10,000 epochs of gradient descent (α = 1.2), a flower for each "
    "seed. It holds if logistic regression stays below 65% and the network with 4 tanh units reaches 85%, with every "
    "seed.",
)
def flower_needs_a_hidden_layer(seeds: Sequence[int], hidden: tuple[int, ...] = (4,)) -> Result:
    data = [datasets.flower(seed=seed + 1) for seed in seeds] * 2
    X, Y = map(Each, zip(*data, strict=True))
    nets = [Network(sizes, hidden="tanh", init="small", seed=s) for sizes in ([2, 1], [2, *hidden, 1]) for s in seeds]
    train_many(nets, X, Y, GradientDescent(1.2), epochs=10_000, every=10_000)
    logistic, network = scores = measured(nets, X, Y).reshape(2, -1)
    found = (logistic < 0.65) & (network >= 0.85)
    names = ("no hidden layer (logistic regression)", "one hidden layer of 4 tanh")
    titles = [
        f"{name}: {s[0]:.1%} right" for name, s in zip(("logistic regression", "one hidden layer"), scores, strict=True)
    ]
    return Result(
        judge(found),
        f"Logistic regression gets {logistic.mean():.1%} of the flower right, at most {logistic.max():.1%}; with the "
        f"hidden layer it is {network.mean():.1%}, at least {network.min():.1%}. That is as claimed with "
        f"{found.sum()} of {len(found)} seeds.",
        ("network", "mean accuracy", "lowest", "highest"),
        tuple((name, s.mean(), s.min(), s.max()) for name, s in zip(names, scores, strict=True)),
        _planes(titles, nets[:: len(seeds)], *data[0]),
    )


def _planes(titles: Sequence[str], networks: Sequence[Network], X: Array, Y: Array) -> drawing.Picture:
    return drawing.picture(*(drawing.plane(title, net, X, Y) for title, net in zip(titles, networks, strict=True)))


@claim(
    2,
    "The more hidden units, the better the flower is fitted, until the network overfits.",
    "Accuracy on the training set and on 2,000 new points with 1 to 50 tanh units, 5,000 epochs; mean over the seeds. "
    "It holds if, with 400 and with 60 training points, 50 units fit the training set as well as any and do at least "
    "one point worse than the best size on new points.",
)
def hidden_sizes(seeds: Sequence[int], sizes: Sequence[int] = SIZES) -> Result:
    settings: dict[int, Optimizer] = {400: GradientDescent(1.2), 60: Adam(0.02)}
    unseen = [datasets.flower(2000, seed + 1001) for seed in seeds]
    train, test = {}, {}
    fits, overfits, parts = [], [], []
    for m, optimizer in settings.items():
        known = [datasets.flower(m, seed + 1) for seed in seeds]
        train[m], test[m], *_ = _by_width(sizes, seeds, known, unseen, optimizer, 5000)
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
        drawing.picture(
            *(_both(sizes, train[m], test[m], title=f"{m} examples", ylabel="accuracy") for m in settings), share=True
        ),
    )


@claim(
    18,
    "More parameters fit the training set better, and overfit.",
    "Share of wrong answers on 100 points of two overlapping moons and on 2,000 new ones, with 1 to 128 tanh units. It "
    "holds if the largest network has the lowest training error, and at least 2 points more test error than the best "
    "size.",
)
def more_parameters_overfit(seeds: Sequence[int], noise: float = 0.4) -> Result:
    known, new = ([datasets.moons(m, noise, seed + more) for seed in seeds] for m, more in ((100, 0), (2000, 1000)))
    right, test_right, cost, test_cost = _by_width(WIDTHS, seeds, known, new, Adam(0.02), 4000)
    train, test = 1 - right, 1 - test_right
    fits = bool(cost[-1] < 0.5 * cost[0] and train[-1] <= train.min() + 0.005)
    best = int(test.argmin())
    overfits = bool(test[-1] >= test[best] + 0.02)
    return Result(
        judge([fits, overfits]),
        f"The training error falls from {train[0]:.1%} (1 unit) to {train[-1]:.1%} ({WIDTHS[-1]} units). On new "
        f"examples it is lowest with {WIDTHS[best]} units, {test[best]:.1%}, and {test[-1]:.1%} with {WIDTHS[-1]}; "
        f"the cost there grows from {test_cost.min():.3g} to {test_cost[-1]:.3g}: "
        + ("overfitting" if overfits else "less than 2 points more, no overfitting to speak of")
        + f". The test error is highest with {WIDTHS[int(test.argmax())]} units, {test.max():.1%}.",
        ("hidden units", "parameters", "training error", "test error", "training cost", "test cost"),
        tuple((w, 4 * w + 1, *values) for w, *values in zip(WIDTHS, train, test, cost, test_cost, strict=True)),
        drawing.picture(
            _both(WIDTHS, train, test, ylabel="share of wrong answers"),
            _both(WIDTHS, cost, test_cost, ylabel="cost J", yscale="log"),
        ),
    )


def _by_width(
    widths: Sequence[int], seeds: Sequence[int], train: Pairs, test: Pairs, optimizer: Optimizer, epochs: int
) -> list[Array]:
    """Networks with one hidden layer of so many tanh units, trained on the training set of each seed.

    Accuracy on the training sets and on the test sets, then J on both: each is the mean over the seeds, (widths,).
    """
    nets = [Network([2, n, 1], hidden="tanh", init="glorot", seed=seed) for n in widths for seed in seeds]
    known, new = ([Each(part * len(widths)) for part in zip(*pairs, strict=True)] for pairs in (train, test))
    train_many(nets, known[0], known[1], optimizer, epochs=epochs, every=epochs)
    every = [measured(nets, X, Y, what) for what in (accuracy, Network.cost) for X, Y in (known, new)]
    return [values.reshape(len(widths), -1).mean(axis=1) for values in every]


def _both(widths: Sequence[int], train: Array, test: Array, **look: Any) -> drawing.Part:
    named = {"training set": (widths, train), "new examples": (widths, test)}
    return drawing.lines(named, ticks=widths, xscale="log", xlabel="hidden units", **look)


@claim(
    3,
    "With linear hidden activations the network is one linear map: W′ = W[2] W[1], b′ = W[2] b[1] + b[2].",
    "Largest difference between Z[L] of trained networks and W′X + b′, relative to the largest |Z[L]|. It holds if "
    "that is at most 100 roundings (ε), in float64 and in float32.",
)
def linear_layers_are_one_map(seeds: Sequence[int], hidden: str = "identity") -> Result:
    problems = {"flower": (datasets.flower(), [2, 4, 1], "sigmoid"), "iris": (datasets.iris(), [4, 6, 5, 3], "softmax")}
    rows, apart = [], {}
    first: dict[str, Network] = {}
    for dtype in ("float64", "float32"):
        for name, ((X, Y), sizes, output) in problems.items():
            nets = [Network(sizes, hidden=hidden, output=output, seed=s, dtype=dtype).normalize(X) for s in seeds]
            train_many(nets, X, Y, GradientDescent(0.3), epochs=300, every=300)
            first.setdefault(name, nets[0])
            worst = apart[f"{name}, {dtype}"] = max(_apart(net, X) for net in nets)
            rows.append((f"{name}, {' → '.join(map(str, sizes))}", dtype, worst * np.finfo(dtype).eps, worst))
    most, (X, Y) = max(apart.values()), problems["flower"][0]
    return Result(
        judge(value <= 100 for value in apart.values()),
        f"After training, Z[L] and W′X + b′ differ by at most {most:.3g} ε of the largest |Z[L]| (ε: the "
        f"rounding of one operation): {'rounding' if most <= 100 else 'far more than rounding'}.",
        ("network", "precision", "largest relative difference", "the same in ε"),
        tuple(rows),
        drawing.picture(
            drawing.linear(first["flower"], X, Y, *collapsed(first["flower"])),
            drawing.bars(
                list(apart), {"": [max(value, 1e-3) for value in apart.values()]}, limit=100, xscale="log",
                xlim=(0.1, max(1e3, 10 * most)), title="Z[L] − (W′X + b′)",
                xlabel="largest difference, in units of the last digit (ε)\ndashed: still rounding",
            ),
        ),
    )  # fmt: skip


def collapsed(network: Network) -> tuple[Array, Array]:
    """W′ (n[L], n[0]) and b′ (n[L], 1) of the one linear map that linear hidden layers come to."""
    W, b = np.eye(network.sizes[0], dtype=network.dtype), np.zeros((network.sizes[0], 1), network.dtype)
    for l in range(1, network.L + 1):
        W, b = network.W[l] @ W, network.W[l] @ b + network.b[l]
    return W, b


def _apart(network: Network, X: Array) -> Any:
    """The largest difference between Z[L] and W′X + b′, relative to the largest |Z[L]|, in ε of the precision."""
    Z, A = network.layers(X)
    W, b = collapsed(network)
    return np.abs(W @ A[0] + b - Z[-1]).max() / np.abs(Z[-1]).max() / np.finfo(network.dtype).eps


@claim(
    4,
    "A network with linear hidden layers and a sigmoid output is no more than logistic regression.",
    "Each is trained by L-BFGS to its end on 300 points of two moons that overlap. It holds if the costs agree within "
    "1/10,000 and all probabilities within 0.01, with every seed.",
)
def linear_hidden_is_logistic(seeds: Sequence[int], hidden: str = "identity") -> Result:
    shapes = ([2, 1], [2, 4, 1], [2, 4, 3, 1])
    data = [datasets.moons(300, 0.3, seed) for seed in seeds] * len(shapes)
    X, Y = map(Each, zip(*data, strict=True))
    nets = [Network(sizes, hidden=hidden, init="xavier", seed=s) for sizes in shapes for s in seeds]
    train_many(nets, X, Y, LBFGS(tolerance=1e-9), epochs=300, every=300)
    costs, right = (measured(nets, X, Y, what).reshape(len(shapes), -1) for what in (Network.cost, accuracy))
    P = np.reshape([net.forward(x) for net, x in zip(nets, X, strict=True)], (*costs.shape, -1))
    apart = np.abs(P - P[0]).max(axis=2)
    gap = (np.abs(costs - costs[0]) / costs[0])[1:].max()
    names = [" → ".join(map(str, sizes)) + (" (logistic regression)" if len(sizes) == 2 else "") for sizes in shapes]
    titles = [
        f"{name}: J = {J:.6f}" for name, J in zip(("logistic regression", "2 → 4 → 1"), costs[:2, 0], strict=True)
    ]
    return Result(
        judge([gap < 1e-4 and apart.max() < 0.01]),
        f"At the end of training the costs differ by {gap:.1e} of themselves and no probability by more than "
        f"{apart.max():.1e}: {'the same predictions' if apart.max() < 0.01 else 'other predictions'}.",
        ("network", "mean cost", "largest difference of cost", "largest difference of a probability", "mean accuracy"),
        tuple(
            (name, c.mean(), np.abs(c - costs[0]).max(), a.max(), r.mean())
            for name, c, a, r in zip(names, costs, apart, right, strict=True)
        ),
        _planes(titles, nets[: 2 * len(seeds) : len(seeds)], *data[0]),
    )
