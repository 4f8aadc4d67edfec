"""What every claim is: a statement of the notes, an experiment that measures it, and a verdict.

And what the experiments share: how good a network is, how long it took, how a number is shown, how a field is drawn.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

import numpy as np

from chainrule.network import Network
from chainrule.optimizers import GradientDescent
from chainrule.training.loop import Step
from chainrule.training.many import Each, train_many

SEEDS = (0, 1, 2, 3, 4)

# Okabe & Ito 2008: told apart by every kind of color vision, and on white as well as on black.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#8C8C8C")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLES = ("-", "--", "-.", ":")

Outcome = Literal["holds", "holds under a condition", "does not hold"]


@dataclass(frozen=True)
class Result:
    """What an experiment found. rows is the table of what was measured, headers its columns."""

    verdict: Outcome
    summary: str  # one or two sentences with the figures; with a condition, it says which
    headers: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    draw: Callable[[Any], None] | None = None  # draws into a matplotlib Figure, when asked


@dataclass(frozen=True)
class Claim:
    """A claim of the notes. run(seeds) trains for each seed and measures; verdicts are worked out, never assumed."""

    number: int
    name: str
    statement: str  # as the notes say it
    measurement: str  # what is measured, and from which figure on the claim holds
    run: Callable[[Sequence[int]], Result]  # raises LookupError, "not run: …", where its data are not there


def judge(found: Iterable[bool]) -> Outcome:
    """All true: it holds; none: it does not; some: under a condition, which the summary has to name."""
    found = list(found)
    return "holds" if all(found) else "holds under a condition" if any(found) else "does not hold"


def accuracy(network: Network, X: Any, Y: Any) -> float:
    """The share of the examples X (n[0], m), Y (n[L], m) that are classified as Y says."""
    A = network.forward(X)
    right = (A > 0.5) == Y if len(Y) == 1 else A.argmax(axis=0) == Y.argmax(axis=0)
    return float(np.mean(right))


def epochs_until(steps: Sequence[Step], target: float) -> float:
    """The epochs of training after which the cost was below the target; infinite if it never was."""
    return next((float(step.epoch) for step in steps if step.cost < target), inf)


def race(
    make: Callable[..., Network],
    X: Any,
    Y: Any,
    hidden: Sequence[str],
    rates: Sequence[float],
    seeds: Sequence[int],
    target: float,
    **options: Any,
) -> dict[tuple[str, float], list[float]]:
    """Epochs of gradient descent until the cost is below the target: (activation, α) → one number for each seed.

    make(hidden=…, seed=…) gives the network; options are those of `train_many`. A network that diverges never arrives.
    """
    keys = [(g, rate) for g in hidden for rate in rates for _ in seeds]
    every = [seed for _ in hidden for _ in rates for seed in seeds]
    nets = [make(hidden=g, seed=seed) for (g, _), seed in zip(keys, every, strict=True)]
    with _divergence_expected():
        runs = train_many(nets, X, Y, Each(GradientDescent(rate) for _, rate in keys), seed=Each(every), **options)
    found: dict[tuple[str, float], list[float]] = {}
    for key, steps in zip(keys, runs, strict=True):
        found.setdefault(key, []).append(epochs_until(steps, target))
    return found


@contextmanager
def _divergence_expected() -> Iterator[None]:
    """Some of the learning rates of a race are too high on purpose: nobody needs to be warned."""
    log = logging.getLogger("chainrule")
    log.addFilter(_nothing)
    try:
        yield
    finally:
        log.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False


def count(epochs: float) -> int | str:
    """A number of epochs as the tables have it."""
    return "never" if epochs == inf else round(epochs)


def cell(value: Any) -> str:
    """A value of a table as people read it: 4 digits of a number, words for the rest."""
    if value is None:
        return "—"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    if isinstance(value, (float, np.floating)):
        value = float(value)
        return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.4g}"
    return str(value)


def of_numbers(rows: Sequence[Sequence[Any]], column: int) -> bool:
    """Whether a column of a table has numbers, of which some may be missing: it is aligned to the right."""
    return all(not isinstance(row[column], (str, tuple)) or row[column] == "never" for row in rows)


def draw_race(ax: Any, x: Sequence[float], epochs: dict[str, Sequence[float]]) -> None:
    """Draw epochs against x, a line for each name, axes logarithmic; what never arrives lies on a line above."""
    known = [n for each in epochs.values() for n in each if n < inf]
    low, high = min(known, default=1.0) / 1.5, max(known, default=1.0) * 1.5
    for (name, each), color, marker, style in zip(epochs.items(), COLORS, MARKERS, STYLES, strict=False):
        ax.plot(x, [n if n < inf else np.nan for n in each], color=color, marker=marker, linestyle=style, label=name)
        never = [at for at, n in zip(x, each, strict=True) if n == inf]
        ax.plot(
            never, [2 * high] * len(never), color=color, marker=marker, linestyle="", fillstyle="none", markersize=8
        )
    some_never = any(n == inf for each in epochs.values() for n in each)
    if some_never:
        ax.axhline(2 * high, color="gray", linewidth=0.8, linestyle=":", zorder=0)
        ax.text(0.5, 2.2 * high, "never", transform=ax.get_yaxis_transform(), color="gray")
    ax.set(xscale="log", yscale="log", xlim=(x[0] / 1.3, x[-1] * 1.3), ylim=(low, high * (4 if some_never else 1)))
    ticks = [step * 10**k for k in range(7) for step in (1, 2, 5) if low <= step * 10**k <= high]
    ax.set_xticks(x, [f"{at:g}" for at in x])
    ax.set_yticks(ticks, [f"{at:,}" for at in ticks])
    ax.minorticks_off()


def field(ax: Any, network: Network, X: Any, Y: Any, title: str) -> None:
    """Draw Ŷ of a network with 2 inputs and 1 output over the plane, where it is 0.5, and the examples."""
    low, high = X.min(axis=1, keepdims=True), X.max(axis=1, keepdims=True)
    x, y = (low + high) / 2 + 0.55 * (high - low).max() * np.linspace(-1, 1, 150)  # a square around the examples
    grid = np.stack(np.meshgrid(x, y))  # (2, 150, 150)
    P = network.forward(grid.reshape(2, -1)).reshape(grid.shape[1:])
    # vmin and vmax leave the strong ends of the colors to the examples.
    ax.contourf(*grid, P, levels=np.linspace(0, 1, 11), cmap="RdBu_r", vmin=-0.5, vmax=1.5)
    if P.min() < 0.5 < P.max():
        ax.contour(*grid, P, levels=[0.5], colors="black", linewidths=1)
    for k, (color, marker) in enumerate(zip(("#2166ac", "#b2182b"), "o^", strict=True)):
        ax.scatter(*X[:, Y[0] == k], c=color, marker=marker, s=11, edgecolors="black", linewidths=0.3)
    ax.set(title=title, xticks=[], yticks=[], aspect="equal")
