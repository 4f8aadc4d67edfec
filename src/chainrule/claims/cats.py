"""Claim 22: the pictures of cats, which do not come with chainrule."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean, stdev

import numpy as np

from chainrule import readers
from chainrule._types import Array
from chainrule.claims import drawing
from chainrule.claims.common import NotRunError, Result, accuracy, claim, judge
from chainrule.network import Network
from chainrule.optimizers import GradientDescent
from chainrule.training.many import Each, train_many

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


@claim(
    22,
    "On pictures of cats one hidden layer is better than logistic regression, and four layers are better still.",
    "The networks of the notes with their learning rates and numbers of updates: 12288 – 1 (0.005, 2000), 12288 – 7 – "
    "1 and 12288 – 20 – 7 – 5 – 1 (0.0075, 2500), ReLU. Test accuracy on the notes' 50 test pictures, first weights by "
    "seed, and on a random 50 of all 259 pictures for each seed. It holds if each step is better on average in the "
    "first, and by more than two standard errors in the second.",
)
def cats(seeds: Sequence[int]) -> Result:
    (X, Y), m, shape = _pictures()
    own = np.arange(X.shape[1])
    others = [np.random.default_rng(seed).permutation(X.shape[1]) for seed in seeds]
    nets = _trained(X[:, :m], Y[:, :m], seeds)
    found = {(_OWN, name): [_scores(net, X, Y, own, m) for net in some] for name, some in nets.items()}
    for seed, order in zip(seeds, others, strict=True):
        for name, some in _trained(X[:, order[:m]], Y[:, order[:m]], [seed]).items():
            found.setdefault((_OTHER, name), []).append(_scores(some[0], X, Y, order, m))
    test = {case: [right for _, right in scores] for case, scores in found.items()}
    steps = list(pairwise(_KINDS))
    gains = {step: [b - a for a, b in zip(*(test[_OTHER, k] for k in step), strict=True)] for step in steps}
    # A gain counts if it is twice its standard error; a single split has none.
    sure = {step: len(gain) > 1 and mean(gain) > 2 * stdev(gain) / len(gain) ** 0.5 for step, gain in gains.items()}
    behind = [f"{b} than {a}" for a, b in steps if mean(test[_OWN, b]) <= mean(test[_OWN, a])]
    doubtful = [f"{b} than {a}" for a, b in steps if not sure[a, b]]
    verdict = "does not hold" if behind else judge([True, not doubtful])
    parts = [
        f"Not better on the notes' split: {', '.join(behind)}." if behind else "On the notes' split each is better.",
        f"Not surely better on other splits: {', '.join(doubtful)}." if doubtful else "On other splits, too.",
        f"Test accuracy on the notes' split and on {len(seeds)} others: "
        + ", ".join(f"{name} {mean(test[_OWN, name]):.1%} and {mean(test[_OTHER, name]):.1%}" for name in _KINDS),
    ]
    always = max(Y[:, m:].mean(), 1 - Y[:, m:].mean())
    summary = (
        f"{' '.join(parts)}. One test picture is {1 / (len(own) - m):.1%}, and the same answer for every one of the "
        f"notes' test pictures gets {always:.0%}."
    )
    rows = [
        (*case, mean(fit for fit, _ in scores), mean(test[case]), min(test[case]), max(test[case]))
        for case, scores in found.items()
    ]
    headers = ("split", "network", "training accuracy", "test accuracy, mean", "lowest", "highest")
    shown = drawing.mistakes("four layers, 1 is a cat", nets["four layers"][0], X[:, m:], Y[:, m:], shape)
    return Result(verdict, summary, headers, tuple(rows), drawing.picture(shown))


def _pictures() -> tuple[tuple[Array, Array], int, tuple[int, ...]]:
    """X (n, m + k), Y (1, m + k) of m training and k test pictures; m; and the shape of a picture.

    Raises NotRunError where the pictures are not there.
    """
    folder = os.environ.get(FOLDER)
    wanted = f"Set {FOLDER} to the folder that has {' and '.join(_FILES)}."
    if not folder:
        raise NotRunError(f"not run: the pictures of cats do not come with chainrule. {wanted}")
    tables = []
    for name in _FILES:
        path = Path(folder) / name
        if not path.is_file():
            raise NotRunError(f"not run: {path} is not there. {wanted}")
        try:
            tables.append(readers.read(path))
        except readers.ReaderError as error:
            raise NotRunError(f"not run: {error}") from None
    X = np.vstack([np.asarray(table.X, np.float64) for table in tables]).T
    labels = np.concatenate([np.asarray(table.y) for table in tables])
    Y = labels == "cat" if labels.dtype.kind == "U" else labels > 0
    shape = tables[0].image_shape
    if shape is None:
        raise NotRunError(f"not run: {_FILES[0]} holds no pictures. {wanted}")
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
