"""Claims 19 to 22, about outputs: softmax and the sigmoid, one-vs-all, the shapes of the quiz, cats."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np

from chainrule import datasets, readers
from chainrule._types import Array
from chainrule.claims.common import COLORS, MARKERS, Claim, Outcome, Result, accuracy, judge
from chainrule.claims.descent import LINES, OVER_SEEDS, over_seeds
from chainrule.network import Network
from chainrule.optimizers import LBFGS, GradientDescent
from chainrule.training.many import Each, train_many
from chainrule.working.trace import trace

# -- 19: softmax with two classes --------------------------------------------------------------------------------------

_UPDATES = 200
_NETWORKS = {"logistic regression": [30], "one hidden layer": [30, 8]}


def two_classes(seeds: Sequence[int], share: float = 0.5) -> Result:
    """One sigmoid and softmax over two, trained side by side, softmax with this share of α in its output layer."""
    X, Y = datasets.breast_cancer()
    both = np.vstack([1 - Y, Y])  # (2, m): one-hot
    start: list[float] = []
    apart: dict[tuple[str, float], list[float]] = {(name, s): [] for name in _NETWORKS for s in (share, 1.0)}
    curves: dict[tuple[str, float], Array] = {}
    for seed in seeds:
        for name, s in apart:
            single, pair = (net.normalize(X) for net in _corresponding(_NETWORKS[name], seed))
            difference = abs(_way(single, X, Y, 1.0) - _way(pair, X, both, s)).max(axis=1)  # (_UPDATES + 1,)
            start.append(float(difference[0]))
            apart[name, s].append(float(difference.max()))
            curves.setdefault((name, s), difference)
    same = max(start) <= 1e-14
    together = max(max(apart[name, share]) for name in _NETWORKS)
    verdict = judge([True, together <= 1e-10]) if same else "does not hold"
    summary = (
        f"With w = w₁ − w₀ and b = b₁ − b₀ softmax and the sigmoid give the same ŷ, to {max(start):.0e}. Over "
        f"{_UPDATES} updates they come {together:.0e} apart if the output layer of softmax, of which both rows move, "
        f"has {share:g} times the learning rate; at the same rate "
        f"{max(max(apart[name, 1.0]) for name in _NETWORKS):.1g}."
    )
    if verdict == "holds under a condition":
        summary += " So they are the same function, but the trainings differ."
    rates = {s: f"{s:g} α in the output layer of softmax" for s in (share, 1.0)}
    rows = [("before training", *over_seeds(start))]
    rows += [(f"{name}, {rates[s]}", *over_seeds(values)) for (name, s), values in apart.items()]

    def draw(figure: Any) -> None:
        figure.set_size_inches(8, 4.4)
        ax = figure.subplots()
        for ((name, s), difference), color, line in zip(curves.items(), COLORS, LINES, strict=False):
            ax.semilogy(np.maximum(difference, 1e-17), color=color, linestyle=line, label=f"{name}, {rates[s]}")
        ax.set(xlabel="updates", ylabel="largest difference of ŷ", ylim=(1e-17, 10))
        figure.legend(loc="outside upper center", ncols=2, fontsize=8)

    return Result(verdict, summary, ("largest difference of ŷ", *OVER_SEEDS), tuple(rows), draw)


def _corresponding(sizes: Sequence[int], seed: int) -> tuple[Network, Network]:
    """A network with one sigmoid, and one with softmax over two that is the same function: w = w₁ − w₀, b = b₁ − b₀."""
    rng = np.random.default_rng(seed)
    pair = Network([*sizes, 2], hidden="tanh", output="softmax", seed=rng)
    pair.b[pair.L] = rng.standard_normal((2, 1))
    single = Network([*sizes, 1], hidden="tanh", init="zeros")
    for l in range(1, pair.L):
        single.W[l], single.b[l] = pair.W[l], pair.b[l]
    single.W[pair.L], single.b[pair.L] = (np.diff(part[pair.L], axis=0) for part in (pair.W, pair.b))
    return single, pair


def _way(net: Network, X: Array, Y: Array, share: float, rate: float = 0.5) -> Array:
    """ŷ of the last class before, and after each update, of gradient descent: (updates + 1, m)."""
    layers = [None, *(rate * (share if l == net.L else 1.0) for l in range(1, net.L + 1))]
    found = [net.forward(X)[-1]]
    for _ in range(_UPDATES):
        _, dW, db = net.gradients(X, Y)
        for l in range(1, net.L + 1):
            net.W[l] = net.W[l] - layers[l] * dW[l]
            net.b[l] = net.b[l] - layers[l] * db[l]
        found.append(net.forward(X)[-1])
    return np.array(found)


# -- 20: one-vs-all ----------------------------------------------------------------------------------------------------


def in_a_row(m: int = 500) -> tuple[Array, Array]:
    """Five round clouds in a row, X (2, m), Y (5, m): no line parts one of the middle three from all others."""
    rng = np.random.default_rng(0)
    labels = np.arange(m) % 5
    X = np.vstack([3.0 * (labels - 2), np.zeros(m)]) + 0.6 * rng.standard_normal((2, m))
    return X, np.eye(5)[:, labels]


_ROW = "clouds in a row"
_DATA = {"iris": datasets.iris, "wine": datasets.wine, "digits": datasets.digits, _ROW: in_a_row}


def one_vs_all(seeds: Sequence[int], names: Sequence[str] = tuple(_DATA)) -> Result:
    """A logistic regression for each class against softmax, on halves of these data sets."""
    ways = {"one-vs-all": "sigmoid", "softmax": "softmax"}
    scores: dict[tuple[str, str], list[float]] = {(name, way): [] for name in names for way in ways}
    sums: dict[tuple[str, str], list[float]] = {case: [] for case in scores}
    gained: dict[str, list[float]] = {name: [] for name in names}
    nets: dict[tuple[str, str], Network] = {}
    for name, way in scores:
        X, Y = _DATA[name]()
        for seed in seeds:
            train, test = np.array_split(np.random.default_rng(seed).permutation(X.shape[1]), 2)
            # K sigmoids side by side are K logistic regressions: none of them knows of the others.
            net = Network([len(X), len(Y)], output=ways[way], init="zeros").normalize(X[:, train])
            for _ in net.train(X[:, train], Y[:, train], LBFGS(), epochs=500, every=500, l2=1.0):
                pass
            A = net.forward(X[:, test])  # (K, m)
            scores[name, way].append(accuracy(net, X[:, test], Y[:, test]))
            sums[name, way].append(float(abs(A.sum(axis=0) - 1).mean()))
            if way == "one-vs-all":
                found = np.mean((A > 0.5) & (Y[:, test] == 1), axis=1) / np.mean(Y[:, test], axis=1)
                gained[name].append(float(found.min()))
            nets.setdefault((name, way), net)
    behind = {
        name: median(s - o for s, o in zip(scores[name, "softmax"], scores[name, "one-vs-all"], strict=True))
        for name in names
    }
    verdict = judge(points <= 0.02 for points in behind.values())
    worse = [f"{name} ({median(gained[name]):.0%})" for name in names if behind[name] > 0.02]
    better = [f"{name} ({median(gained[name]):.0%})" for name in names if behind[name] <= 0.02]
    told = {
        "holds": "One-vs-all keeps up with softmax everywhere.",
        "holds under a condition": f"One-vs-all keeps up with softmax on {', '.join(better)}, not on "
        f"{', '.join(worse)}: in brackets how many of its worst class the regression for that class finds (ŷ > 0.5). "
        "The condition is that a line can tell each class from all others.",
        "does not hold": "One-vs-all falls behind softmax everywhere.",
    }
    summary = f"{told[verdict]} Test accuracy of one-vs-all and softmax: " + ", ".join(
        f"{median(scores[name, 'one-vs-all']):.1%} and {median(scores[name, 'softmax']):.1%} ({name})" for name in names
    )
    off = mean(median(sums[name, "one-vs-all"]) for name in names)
    summary += f". The outputs of one-vs-all are no distribution: their sum is off 1 by {off:.2f} on average."
    rows = [
        (name, way, *over_seeds(values), median(gained[name]) if way == "one-vs-all" else None, median(sums[name, way]))
        for (name, way), values in scores.items()
    ]

    def draw(figure: Any) -> None:
        figure.set_size_inches(10, 2.7)
        X, Y = _DATA[_ROW]()
        x = [np.linspace(1.1 * row.min(), 1.1 * row.max(), 300) for row in X]
        grid = np.stack(np.meshgrid(*x))  # (2, 300, 300)
        for ax, way in zip(figure.subplots(1, 2, sharey=True), ways, strict=True):
            net = nets[_ROW, way]
            winner = net.forward(grid.reshape(2, -1)).argmax(axis=0).reshape(grid.shape[1:])
            ax.contourf(*grid, winner, levels=np.arange(len(Y) + 1) - 0.5, colors=COLORS[: len(Y)], alpha=0.3)
            for k, (color, marker) in enumerate(zip(COLORS[: len(Y)], MARKERS, strict=False)):
                ax.scatter(*X[:, Y[k] == 1], s=12, color=color, marker=marker, label=f"class {k + 1}")
            ax.set(title=f"{way}: {accuracy(net, X, Y):.1%} right", xlabel="x₁", aspect="equal")
        figure.axes[0].set_ylabel("x₂")
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(Y))

    headers = (
        "data",
        "way",
        *(f"test accuracy, {which}" for which in OVER_SEEDS),
        "found of the worst class, ŷ > 0.5",
        "mean |Σ ŷ − 1|",
    )
    return Result(verdict, summary, headers, tuple(rows), draw if _ROW in names else None)


# -- 21: the shapes of the quiz ----------------------------------------------------------------------------------------


def shapes(seeds: Sequence[int], sizes: Sequence[int] = (2, 4, 1)) -> Result:
    """The shapes of a traced pass through a network of these sizes, against those of the quiz."""
    rows: list[tuple[int, str, str, str]] = []
    wrong: list[str] = []
    for m in (1, 5, 400):
        X, Y = (array[:, :m] for array in datasets.flower())
        quiz = {
            "W[1]": (4, 2),
            "b[1]": (4, 1),
            "W[2]": (1, 4),
            "b[2]": (1, 1),
            "Z[1]": (4, m),
            "A[1]": (4, m),
            "sum of dZ[1] with keepdims": (4, 1),
        }
        for seed in seeds:
            seen = trace(Network(sizes, hidden="tanh", seed=seed), X, Y)
            kept, flat = seen["dZ"][1].sum(axis=1, keepdims=True), seen["dZ"][1].sum(axis=1)
            found = {name: seen[name[0]][int(name[2])].shape for name in quiz if name[1] == "["}
            found["sum of dZ[1] with keepdims"] = kept.shape
            spoiled = seen["b"][1] - 0.1 / m * flat
            wrong += [
                f"{name} is {found[name]} and not {wanted}" for name, wanted in quiz.items() if found[name] != wanted
            ]
            if seed == seeds[0]:
                rows += [(m, name, str(wanted), str(found[name])) for name, wanted in quiz.items()]
                rows += [(m, "sum of dZ[1] without keepdims", "—", str(flat.shape))]
                rows += [(m, "b[1] − α/m times that", "—", str(spoiled.shape))]
            if m == 5:
                drawn = {"X": X.shape, **found, "Z[2]": seen["Z"][2].shape}
    verdict: Outcome = "does not hold" if wrong else "holds"
    summary = (
        "; ".join(dict.fromkeys(wrong)) if wrong else "All shapes are those of the quiz, for 1, 5 and 400 examples"
    )
    summary += (
        f". Without keepdims the sum is {flat.shape}, and NumPy does not object when it is taken from b[1]: what "
        f"comes out is {spoiled.shape}."
    )

    def draw(figure: Any) -> None:
        figure.set_size_inches(8.5, 4.4)
        _boxes(figure.subplots(), drawn)

    return Result(verdict, summary, ("m", "what", "the quiz", "measured"), tuple(rows), draw)


def _boxes(ax: Any, drawn: dict[str, tuple[int, ...]]) -> None:
    """Z[l] = W[l] A[l-1] + b[l] as boxes to scale, a line for each layer; data in one color, parameters in another."""
    right = 0.0
    for l, (given, y) in enumerate((("X", 0.0), ("A[1]", -9.0)), start=1):
        x = 0.0
        for sign, name in (("=", f"Z[{l}]"), ("", f"W[{l}]"), ("+", given), ("", f"b[{l}]")):
            rows, columns = drawn[name]
            color = COLORS[1] if name[0] in "Wb" else COLORS[0]
            edges = [x, x + columns], [y - rows / 2, y + rows / 2]
            ax.fill_between(edges[0], edges[1][0], edges[1][1], color=color, linewidth=0)
            ax.hlines(np.arange(1, rows) + edges[1][0], *edges[0], color="white", linewidth=1)
            ax.vlines(np.arange(1, columns) + x, *edges[1], color="white", linewidth=1)
            shape = f"({rows}, {'m' if name[0] in 'XAZ' else columns})"
            ax.text(x + columns / 2, edges[1][1] + 0.4, name, ha="center", va="bottom")
            ax.text(x + columns / 2, edges[1][0] - 0.4, shape, ha="center", va="top")
            x += columns + 1.5
            ax.text(x + 0.1, y, sign, ha="center", va="center", fontsize=14)
            x += 1.5
        right = max(right, x)
    m = drawn["X"][1]
    ax.set(xlim=(-1, right), ylim=(-13, 4.5), aspect="equal", title=f"the shapes of the quiz, drawn for m = {m}")
    ax.axis("off")


# -- 22: cats ----------------------------------------------------------------------------------------------------------

FOLDER = "CHAINRULE_CATS"  # the environment variable that names the folder of the pictures
_FILES = ("train_catvnoncat.h5", "test_catvnoncat.h5")
_OWN, _OTHER = "the notes' split", "other splits"


@dataclass(frozen=True)
class _Kind:
    """A network with the first weights and the training that the notes give it."""

    hidden: tuple[int, ...]
    init: str
    rate: float
    epochs: int


_KINDS = {
    "logistic regression": _Kind((), "zeros", 0.005, 2000),
    "one hidden layer": _Kind((7,), "small", 0.0075, 2500),
    "four layers": _Kind((20, 7, 5), "xavier", 0.0075, 2500),
}


def cats(seeds: Sequence[int]) -> Result:
    """The three networks of the notes on the notes' split of the pictures, then on a split for each seed.

    Raises LookupError where the pictures are not there.
    """
    (X, Y), m, shape = _pictures()
    own = np.arange(X.shape[1])
    others = [np.random.default_rng(seed).permutation(X.shape[1]) for seed in seeds]
    nets = _trained(X[:, :m], Y[:, :m], seeds)
    found = {(_OWN, name): [_scores(net, X, Y, own, m) for net in some] for name, some in nets.items()}
    for seed, order in zip(seeds, others, strict=True):
        for name, some in _trained(X[:, order[:m]], Y[:, order[:m]], [seed]).items():
            found.setdefault((_OTHER, name), []).append(_scores(some[0], X, Y, order, m))
    test = {case: [right for _, right in scores] for case, scores in found.items()}
    steps = list(zip(_KINDS, list(_KINDS)[1:], strict=False))
    gains = {step: [b - a for a, b in zip(*(test[_OTHER, k] for k in step), strict=True)] for step in steps}
    # A gain counts if it is twice its standard error; a single split has none.
    sure = {step: len(gain) > 1 and mean(gain) > 2 * stdev(gain) / len(gain) ** 0.5 for step, gain in gains.items()}
    behind = [f"{b} than {a}" for a, b in steps if mean(test[_OWN, b]) <= mean(test[_OWN, a])]
    doubtful = [f"{b} than {a}" for a, b in steps if not sure[a, b]]
    verdict = "does not hold" if behind else judge([True, not doubtful])
    summary = (
        f"Not better on the notes' split: {', '.join(behind)}. " if behind else "On the notes' split each is better. "
    )
    summary += f"Not surely better on other splits: {', '.join(doubtful)}. " if doubtful else "On other splits, too. "
    always = max(Y[:, m:].mean(), 1 - Y[:, m:].mean())
    summary += f"Test accuracy on the notes' split and on {len(seeds)} others: " + ", ".join(
        f"{name} {mean(test[_OWN, name]):.1%} and {mean(test[_OTHER, name]):.1%}" for name in _KINDS
    )
    summary += (
        f". One test picture is {1 / (len(own) - m):.1%}, and the same answer for every one of the notes' test "
        f"pictures gets {always:.0%}."
    )
    rows = [
        (*case, mean(fit for fit, _ in scores), mean(test[case]), min(test[case]), max(test[case]))
        for case, scores in found.items()
    ]

    def draw(figure: Any) -> None:
        _misclassified(figure, nets["four layers"][0], X[:, m:], Y[:, m:], shape)

    headers = ("split", "network", "training accuracy", "test accuracy, mean", "lowest", "highest")
    return Result(verdict, summary, headers, tuple(rows), draw)


def _pictures() -> tuple[tuple[Array, Array], int, tuple[int, ...]]:
    """X (n, m + k), Y (1, m + k) of m training and k test pictures; m; and the shape of a picture."""
    folder = os.environ.get(FOLDER)
    wanted = f"Set {FOLDER} to the folder that has {' and '.join(_FILES)}."
    if not folder:
        raise LookupError(f"not run: the pictures of cats do not come with chainrule. {wanted}")
    tables = []
    for name in _FILES:
        path = Path(folder) / name
        if not path.is_file():
            raise LookupError(f"not run: {path} is not there. {wanted}")
        try:
            tables.append(readers.read(path))
        except readers.ReaderError as error:
            raise LookupError(f"not run: {error}") from None
    X = np.vstack([np.asarray(table.X, np.float64) for table in tables]).T
    labels = np.concatenate([np.asarray(table.y) for table in tables])
    Y = labels == "cat" if labels.dtype.kind == "U" else labels > 0
    shape = tables[0].image_shape
    if shape is None:
        raise LookupError(f"not run: {_FILES[0]} holds no pictures. {wanted}")
    return (X, Y[None].astype(np.float64)), len(tables[0].X), shape


def _trained(X: Array, Y: Array, seeds: Sequence[int]) -> dict[str, list[Network]]:
    """The networks of the notes on the training pictures X (n, m), Y (1, m), a network of each kind for each seed.

    X = Q R with orthonormal columns of Q (n, k), and gradient descent moves W[1] by multiples of dZ[1] Xᵀ only. So
    W[1] Q on R goes the same way as W[1] on X, up to rounding, with 209 inputs instead of 12,288.
    """
    Q, R = np.linalg.qr(X)
    kinds = [kind for kind in _KINDS.values() for _ in seeds]
    nets = [Network([len(X), *kind.hidden, 1], init=kind.init, seed=seed) for kind in _KINDS.values() for seed in seeds]
    inner = [Network([len(R), *kind.hidden, 1], init="zeros") for kind in kinds]
    for net, small in zip(nets, inner, strict=True):
        small.W[1] = net.W[1] @ Q
        for l in range(2, net.L + 1):
            small.W[l] = net.W[l]
    starts = [small.W[1].copy() for small in inner]
    epochs = Each(kind.epochs for kind in kinds)
    train_many(inner, R, Y, Each(GradientDescent(kind.rate) for kind in kinds), epochs=epochs, every=epochs)
    for net, small, start in zip(nets, inner, starts, strict=True):
        net.W[1] = net.W[1] + (small.W[1] - start) @ Q.T
        for l in range(1, net.L + 1):
            net.W[l] = net.W[l] if l == 1 else small.W[l]
            net.b[l] = small.b[l]
    return {name: nets[i * len(seeds) : (i + 1) * len(seeds)] for i, name in enumerate(_KINDS)}


def _scores(net: Network, X: Array, Y: Array, order: Array, m: int) -> tuple[float, float]:
    """Training and test accuracy, where the first m of an order are the training set."""
    first, rest = order[:m], order[m:]
    return accuracy(net, X[:, first], Y[:, first]), accuracy(net, X[:, rest], Y[:, rest])


def _misclassified(figure: Any, net: Network, X: Array, Y: Array, shape: tuple[int, ...]) -> None:
    """The pictures, 15 at most, that the network takes for what they are not, the surest mistakes first."""
    P = net.forward(X)[0]
    wrong = np.flatnonzero((P > 0.5) != (Y[0] > 0.5))
    wrong = wrong[np.argsort(-abs(P[wrong] - 0.5), kind="stable")]
    figure.set_size_inches(9, 6)
    figure.suptitle(f"four layers: {len(wrong)} of {len(P)} test pictures misclassified, the surest mistakes first")
    axes = figure.subplots(3, 5).ravel()
    for ax in axes:
        ax.axis("off")
    for ax, i in zip(axes, wrong, strict=False):
        ax.imshow(X[:, i].reshape(shape).squeeze(), cmap="gray", vmin=0, vmax=1)
        ax.set_title(f"{'a cat' if Y[0, i] else 'no cat'}, ŷ = {P[i]:.2f}", fontsize=9)


CLAIMS = (
    Claim(
        19,
        "two-class-softmax",
        "Softmax with two classes is logistic regression.",
        "The breast cancer data, normalized, with no hidden layer and with one of 8 tanh units; softmax from random "
        "weights, the sigmoid from their difference: the largest difference of ŷ before training, and over 200 "
        "updates of gradient descent with α = 0.5 for the sigmoid and for all hidden layers, half of it for the "
        "output layer of softmax. It holds if the first is 1e-14 or less and the second 1e-10 or less.",
        two_classes,
    ),
    Claim(
        20,
        "one-vs-all",
        "Several classes can be told apart by a logistic regression for each class against all others, where the "
        "largest output wins, as by softmax.",
        "Both trained to the minimum (L-BFGS, λ = 1) on one half of each data set and tested on the other: iris, wine, "
        "digits, and five clouds in a row, of which no line parts a middle one from the rest. It holds if one-vs-all "
        "is at most two points of test accuracy behind on each of them.",
        one_vs_all,
    ),
    Claim(
        21,
        "quiz-shapes",
        "With two inputs, four hidden units and one output W[1] is (4, 2), b[1] (4, 1), W[2] (1, 4), b[2] (1, 1), "
        "Z[1] and A[1] are (4, m), and a sum over the examples with keepdims is (4, 1).",
        "The shapes in the trace of a pass through such a network, for 1, 5 and 400 examples. It holds if all are "
        "those.",
        shapes,
    ),
    Claim(
        22,
        "cats",
        "On pictures of cats one hidden layer is better than logistic regression, and four layers are better still.",
        "The networks of the notes with their learning rates and numbers of updates: 12288 – 1 (0.005, 2000), 12288 "
        "– 7 – 1 and 12288 – 20 – 7 – 5 – 1 (0.0075, 2500), ReLU. Test accuracy on the notes' 50 test pictures, "
        "first weights by seed, and on a random 50 of all 259 pictures for each seed. It holds if each step is "
        "better on average in the first, and by more than two standard errors in the second.",
        cats,
    ),
)
