"""Claims 15 and 16: what a pass through the network costs, in a loop over the examples and without a cache."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from statistics import median
from typing import Any

import numpy as np

from chainrule import equations
from chainrule._types import Array
from chainrule.claims import drawing
from chainrule.claims.common import OVER_SEEDS, Outcome, Result, claim, interleaved, judge, over_seeds
from chainrule.network import Network

Gradient = Callable[[Network, Array, Array], Array]


def _examples(n: int, m: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Random X (n, m), Y (1, m)."""
    return rng.standard_normal((n, m)), (rng.random((1, m)) < 0.5) * 1.0


_NETWORKS = {
    "logistic regression": [64, 1],
    "one hidden layer of 32": [64, 32, 1],
    "two hidden layers of 128": [128, 128, 128, 1],
}
_EXAMPLES = (1, 10, 100, 1000)


def gradient(net: Network, X: Array, Y: Array) -> Array:
    """The gradient of J as a flat vector, by the equations, all columns in one pass."""
    _, dW, db = equations.cost_and_gradients(X, Y, net.W, net.b, net.g, net.slope, net.loss)
    return net.pack(dW, db)


def by_columns(net: Network, X: Array, Y: Array) -> Array:
    """The same by a loop: the mean of the gradients of single columns."""
    total = np.zeros_like(net.parameters)
    for i in range(X.shape[1]):
        total += gradient(net, X[:, i : i + 1], Y[:, i : i + 1])
    mean: Array = total / X.shape[1]
    return mean


@claim(
    15,
    "A vectorized pass over all examples is much faster than a loop over the examples.",
    "Forward and backward in NumPy on the whole matrix against the same, column by column: whether they agree, then "
    "the seconds on one core, taken in turn. It holds if the loop takes ten times as long or more with 1,000 examples.",
)
def vectorization(seeds: Sequence[int], whole: Gradient = gradient) -> Result:
    times: dict[tuple[str, int], list[list[float]]] = {(name, m): [] for name in _NETWORKS for m in _EXAMPLES}
    apart = 0.0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        for (name, m), found in times.items():
            net = Network(_NETWORKS[name], hidden="tanh", seed=seed)
            data = _examples(net.sizes[0], m, rng)
            functions = [partial(f, net, *data) for f in (whole, by_columns)]
            (got, wanted), seconds = interleaved(functions, max(2, 20 // m))
            apart = max(apart, float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted)))
            found.append(seconds)
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
        (*case, *(1000 * median(column) for column in zip(*found, strict=True)), *over_seeds(ratios[case]))
        for case, found in times.items()
    ]
    headers = ("network", "examples", "whole, ms", "loop, ms", *(f"ratio, {which}" for which in OVER_SEEDS))
    look = {"xlabel": "examples m", "ylabel": "seconds of the loop / seconds of the whole", "yscale": "log"}
    draw = _ratios(_EXAMPLES, {name: [ratios[name, m] for m in _EXAMPLES] for name in _NETWORKS}, **look)
    return Result(verdict, summary, headers, tuple(rows), draw)


_WITHOUT = ("one more forward pass", "each layer again from X")


@claim(
    16,
    "Keeping Z and A of the forward pass in a cache saves work in the backward pass.",
    "Forward and backward through L layers of 64 units, the last of one, with 500 examples: with the cache; with one "
    "more forward pass for the way back; with each layer worked out again from X when the way back asks for it. "
    "Whether the gradients agree, then the seconds on one core, taken in turn. It holds if the last of the three takes "
    "1.1 times as long or more at every depth.",
)
def cache(seeds: Sequence[int], depths: Sequence[int] = (1, 2, 4, 8, 16)) -> Result:
    n, m = 64, 500
    ratios: dict[str, dict[int, list[float]]] = {way: {L: [] for L in depths} for way in _WITHOUT}
    megabytes, apart = {}, 0.0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        for L in depths:
            net = Network([n] * L + [1], seed=seed)
            X, Y = _examples(n, m, rng)
            passes = [_pass(net, X, Y, way) for way in ("cache", *_WITHOUT)]
            (wanted, *got), (with_cache, *others) = interleaved(passes, max(3, 32 // L))
            apart = max(apart, *(float(abs(other - wanted).max()) for other in got))
            for way, seconds in zip(_WITHOUT, others, strict=True):
                ratios[way][L].append(seconds / with_cache)
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
    headers = ("layers", "cache, MB", *(f"{way}, {which}" for way in _WITHOUT[::-1] for which in OVER_SEEDS))
    lines = {way: list(found.values()) for way, found in ratios.items()}
    draw = _ratios(depths, lines, xlabel="layers L", ylabel="seconds, in those of the pass with the cache")
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


def _ratios(x: Sequence[int], found: dict[str, list[list[float]]], **look: Any) -> drawing.Picture:
    """Ratios at each x, one for each seed: their median, in a band from the lowest to the highest, and a line at 1."""
    bands = {name: (x, np.array([over_seeds(each) for each in every]).T) for name, every in found.items()}
    return drawing.picture(drawing.lines(bands, level=1, ticks=x, xscale="log", **look))
