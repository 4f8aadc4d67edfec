"""Claim 17: how many hidden units the parity (XOR) of n bits needs, in one layer and in many."""

from collections.abc import Callable, Sequence
from math import ceil, inf, log2

import numpy as np

from chainrule import datasets
from chainrule.claims import drawing
from chainrule.claims.common import Result, accuracy, claim, judge, measured
from chainrule.network import Network
from chainrule.optimizers import Adam
from chainrule.training.many import train_many


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
    signals, layers = np.eye(n), []  # a row for a signal: how much of each unit of the layer before it takes
    while len(signals) > 1:
        pairs, alone = len(signals) // 2, len(signals) % 2  # an odd one out passes through a unit of its own
        sums = signals[0 : 2 * pairs : 2] + signals[1 : 2 * pairs : 2]
        W = np.vstack([np.repeat(sums, 2, axis=0), signals[len(signals) - alone :]])
        layers.append((W, np.array([[0.0], [-1.0]] * pairs + [[0.0]] * alone)))
        signals = np.zeros((pairs + alone, len(W)))
        for i in range(pairs):
            signals[i, 2 * i : 2 * i + 2] = 1.0, -2.0
        signals[pairs:, 2 * pairs :] = 1.0
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


BITS = (2, 3, 4, 6, 8, 10)
NAMES: dict[Callable[[int], Network], str] = {
    by_patterns: "one layer, a unit for each odd pattern",
    by_zigzag: "one layer, zigzag of the sum",
    by_tree: "deep, XOR in pairs",
    by_folding: "deep, folding the sum",
}


@claim(
    17,
    "For the parity (XOR) of n bits one hidden layer needs exponentially many units, a deep network few.",
    "Hidden units of networks set by hand that are right on all 2ⁿ patterns, n up to 10; and the fewest tanh units "
    "with which training succeeds with half of the seeds. It holds if no network with one hidden layer has fewer than "
    "2ⁿ⁻¹ units, and a deep one has fewer.",
)
def parity_deep_or_wide(
    seeds: Sequence[int],
    shallow: Sequence[Callable[[int], Network]] = (by_patterns, by_zigzag),
    deep: Sequence[Callable[[int], Network]] = (by_tree, by_folding),
) -> Result:
    units = {build: [_units(build(n)) for n in BITS] for build in (*shallow, *deep)}
    wide, narrow = (
        [min((u for u in column if u), default=inf) for column in zip(*(units[build] for build in builds), strict=True)]
        for builds in (shallow, deep)
    )
    exponential = all(w >= 2 ** (n - 1) for w, n in zip(wide, BITS, strict=True))
    fewer = narrow[-1] < wide[-1]
    columns = {NAMES[build]: found for build, found in units.items()}
    for name in ("shallow", "deep"):
        columns[f"trained, {name}"] = [_smallest(n, name == "deep", seeds) if n <= 6 else None for n in BITS]
    n = BITS[-1]
    if exponential:
        told = f"Every network with one hidden layer here has at least 2ⁿ⁻¹ units ({2 ** (n - 1)} for {n} bits)"
    else:
        told = (
            f"One hidden layer needs 2ⁿ⁻¹ units ({2 ** (n - 1)} for {n} bits) only if each may recognize one pattern, "
            f"as a gate does: {wide[-1]} ReLU that look at the sum of the bits are enough"
        )
    shown = {name: (BITS, [np.nan if u is None else u for u in found]) for name, found in columns.items()}
    lines = drawing.lines(shown, ticks=BITS, title="units for the parity of n bits")
    return Result(
        judge([exponential, fewer]),
        f"{told}. A deep network is right on all {2**n:,} patterns with {narrow[-1]} units"
        + (", still fewer." if fewer else ", which are not fewer."),
        ("bits n", *columns),
        tuple((n, *found) for n, *found in zip(BITS, *columns.values(), strict=True)),
        drawing.picture(lines, xlabel="bits n", ylabel="hidden units", yscale="log"),
    )


def _units(net: Network) -> int | None:
    """How many hidden units a network has; None if it is wrong on any pattern."""
    return sum(net.sizes[1:-1]) if accuracy(net, *datasets.parity(net.sizes[0])) == 1 else None


def _smallest(n: int, deep: bool, seeds: Sequence[int]) -> int | None:
    """The fewest hidden tanh units with which training gets every pattern of n bits right, with half of the seeds."""
    X, Y = datasets.parity(n)
    layers = max(2, ceil(log2(n))) if deep else 1
    widths = (2, 3, 4, 5, 6, 8) if deep else (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32)
    nets = [Network([n, *[w] * layers, 1], hidden="tanh", seed=seed) for w in widths for seed in seeds]
    train_many(nets, 2 * X - 1, Y, Adam(0.02), epochs=2000, every=2000)
    solved = (measured(nets, 2 * X - 1, Y) == 1).reshape(len(widths), -1).mean(axis=1)
    return next((w * layers for w, share in zip(widths, solved, strict=True) if share >= 0.5), None)
