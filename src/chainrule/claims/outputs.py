"""Claims 19 to 21, about outputs: softmax and the sigmoid, one-vs-all, the shapes of the quiz."""

from collections.abc import Sequence
from statistics import mean, median
from types import SimpleNamespace

import numpy as np

from chainrule import datasets
from chainrule._types import Array
from chainrule.claims import drawing
from chainrule.claims.common import OVER_SEEDS, Outcome, Result, accuracy, claim, judge, over_seeds
from chainrule.network import Network
from chainrule.optimizers import LBFGS
from chainrule.working.trace import trace

_UPDATES = 200
_NETWORKS = {"logistic regression": [30], "one hidden layer": [30, 8]}


@claim(
    19,
    "Softmax with two classes is logistic regression.",
    "The breast cancer data, normalized, with no hidden layer and with one of 8 tanh units; softmax from random "
    "weights, the sigmoid from their difference: the largest difference of ŷ before training, and over 200 updates of "
    "gradient descent with α = 0.5 for the sigmoid and for all hidden layers, half of it for the output layer of "
    "softmax. It holds if the first is 1e-14 or less and the second 1e-10 or less.",
)
def two_class_softmax(seeds: Sequence[int], share: float = 0.5) -> Result:
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
    same, together = max(start) <= 1e-14, max(max(apart[name, share]) for name in _NETWORKS)
    verdict = judge([True, together <= 1e-10]) if same else "does not hold"
    summary = (
        f"With w = w₁ − w₀ and b = b₁ − b₀ softmax and the sigmoid give the same ŷ, to {max(start):.0e}. Over "
        f"{_UPDATES} updates they come {together:.0e} apart if the output layer of softmax, of which both rows move, "
        f"has {share:g} times the learning rate; at the same rate "
        f"{max(max(apart[name, 1.0]) for name in _NETWORKS):.1g}."
    )
    if verdict == "holds under a condition":
        summary += " So they are the same function, but the trainings differ."
    labels = {(name, s): f"{name}, {s:g} α in the output layer of softmax" for name, s in apart}
    rows = (("before training", *over_seeds(start)), *((labels[case], *over_seeds(apart[case])) for case in apart))
    lines = {labels[case]: (np.arange(_UPDATES + 1), np.maximum(curves[case], 1e-17)) for case in apart}
    what = "largest difference of ŷ"
    draw = drawing.picture(drawing.lines(lines, xlabel="updates", ylabel=what, yscale="log", ylim=(1e-17, 10)))
    return Result(verdict, summary, (what, *OVER_SEEDS), rows, draw)


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


def in_a_row(m: int = 500) -> tuple[Array, Array]:
    """Five round clouds in a row, X (2, m), Y (5, m): no line parts one of the middle three from all others."""
    rng = np.random.default_rng(0)
    labels = np.arange(m) % 5
    X = np.vstack([3.0 * (labels - 2), np.zeros(m)]) + 0.6 * rng.standard_normal((2, m))
    return X, datasets.one_hot(labels, 5)


_ROW = "clouds in a row"
_DATA = {"iris": datasets.iris, "wine": datasets.wine, "digits": datasets.digits, _ROW: in_a_row}


@claim(
    20,
    "Several classes can be told apart by a logistic regression for each class against all others, where the largest "
    "output wins, as by softmax.",
    "Both trained to the minimum (L-BFGS, λ = 1) on one half of each data set and tested on the other: iris, wine, "
    "digits, and five clouds in a row, of which no line parts a middle one from the rest. It holds if one-vs-all is at "
    "most two points of test accuracy behind on each of them.",
)
def one_vs_all(seeds: Sequence[int], names: Sequence[str] = tuple(_DATA)) -> Result:
    ways = {"one-vs-all": "sigmoid", "softmax": "softmax"}
    scores: dict[tuple[str, str], list[float]] = {(name, way): [] for name in names for way in ways}
    sums, gained = {case: list[float]() for case in scores}, {name: list[float]() for name in names}
    nets: dict[tuple[str, str], Network] = {}
    for name, way in scores:
        X, Y = _DATA[name]()
        for seed in seeds:
            train, test = np.array_split(np.random.default_rng(seed).permutation(X.shape[1]), 2)
            # K sigmoids side by side are K logistic regressions: none of them knows of the others.
            net = Network([len(X), len(Y)], output=ways[way], init="zeros").normalize(X[:, train])
            net.train(X[:, train], Y[:, train], LBFGS(), epochs=500, every=500, l2=1.0).run()
            A = net.forward(X[:, test])  # (K, m)
            scores[name, way].append(accuracy(net, X[:, test], Y[:, test]))
            sums[name, way].append(float(abs(A.sum(axis=0) - 1).mean()))
            if way == "one-vs-all":
                found = np.mean((A > 0.5) & (Y[:, test] == 1), axis=1) / np.mean(Y[:, test], axis=1)
                gained[name].append(float(found.min()))
            nets.setdefault((name, way), net)
    pairs = {name: zip(scores[name, "softmax"], scores[name, "one-vs-all"], strict=True) for name in names}
    level = {name: median(s - o for s, o in each) <= 0.02 for name, each in pairs.items()}
    verdict = judge(level.values())
    better, worse = (
        ", ".join(f"{name} ({median(gained[name]):.0%})" for name in names if level[name] is so) for so in (True, False)
    )
    told = {
        "holds": "One-vs-all keeps up with softmax everywhere.",
        "holds under a condition": f"One-vs-all keeps up with softmax on {better}, not on {worse}: in brackets how "
        "many of its worst class the regression for that class finds (ŷ > 0.5). The condition is that a line can tell "
        "each class from all others.",
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
    headers = ("data", "way", *(f"test accuracy, {which}" for which in OVER_SEEDS), "found of the worst class, ŷ > 0.5")
    draw = drawing.picture(*(_winners(way, nets[_ROW, way]) for way in ways)) if _ROW in names else None
    return Result(verdict, summary, (*headers, "mean |Σ ŷ − 1|"), tuple(rows), draw)


def _winners(way: str, net: Network) -> drawing.Part:
    """Which of the clouds in a row the largest output stands for, over the plane."""
    X, Y = in_a_row()
    model = SimpleNamespace(classes_=np.arange(len(Y)) + 1, predict_proba=lambda rows: net.forward(rows.T).T)
    return drawing.plane(f"{way}: {accuracy(net, X, Y):.1%} right", model, X.T, Y.argmax(axis=0) + 1)


@claim(
    21,
    "With two inputs, four hidden units and one output W[1] is (4, 2), b[1] (4, 1), W[2] (1, 4), b[2] (1, 1), Z[1] and "
    "A[1] are (4, m), and a sum over the examples with keepdims is (4, 1).",
    "The shapes in the trace of a pass through such a network, for 1, 5 and 400 examples. It holds if all are those.",
)
def quiz_shapes(seeds: Sequence[int], sizes: Sequence[int] = (2, 4, 1)) -> Result:
    rows: list[tuple[int, str, str, str]] = []
    wrong: list[str] = []
    total = "sum of dZ[1] with keepdims"
    quiz: dict[str, tuple[int, ...]] = {"W[1]": (4, 2), "b[1]": (4, 1), "W[2]": (1, 4), "b[2]": (1, 1)}
    for m in (1, 5, 400):
        X, Y = (array[:, :m] for array in datasets.flower())
        quiz |= {"Z[1]": (4, m), "A[1]": (4, m), total: (4, 1)}
        for seed in seeds:
            seen = trace(Network(sizes, hidden="tanh", seed=seed), X, Y)
            found = {name: seen[name[0]][int(name[2])].shape for name in quiz if name != total}
            found[total], flat = seen.dZ[1].sum(axis=1, keepdims=True).shape, seen.dZ[1].sum(axis=1)
            spoiled = seen.b[1] - 0.1 / m * flat
            wrong += [f"{name} is {found[name]} and not {quiz[name]}" for name in quiz if found[name] != quiz[name]]
            if seed == seeds[0]:
                rows += [(m, name, str(wanted), str(found[name])) for name, wanted in quiz.items()]
                rows += [(m, "sum of dZ[1] without keepdims", "—", str(flat.shape))]
                rows += [(m, "b[1] − α/m times that", "—", str(spoiled.shape))]
            if m == 5:
                drawn = {"X": X.shape, **found, "Z[2]": seen.Z[2].shape}
    verdict: Outcome = "does not hold" if wrong else "holds"
    right = "All shapes are those of the quiz, for 1, 5 and 400 examples"
    summary = (
        f"{'; '.join(dict.fromkeys(wrong)) or right}. Without keepdims the sum is {flat.shape}, and NumPy does not "
        f"object when it is taken from b[1]: what comes out is {spoiled.shape}."
    )
    draw = drawing.picture(drawing.boxes(drawn, title="the shapes of the quiz, drawn for m = 5"))
    return Result(verdict, summary, ("m", "what", "the quiz", "measured"), tuple(rows), draw)
