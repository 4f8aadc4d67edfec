"""What every claim is: a statement of the notes, an experiment that measures it, and a verdict.

And what the experiments share: races of many trainings, how good a network is, fair timing, how a number is shown.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median
from time import get_clock_info, perf_counter, thread_time
from typing import Any, Literal

import numpy as np

from chainrule._types import Array
from chainrule.errors import ChainruleError
from chainrule.network import Network
from chainrule.optimizers import GradientDescent
from chainrule.training.many import Each, train_many
from chainrule.training.steps import Step

SEEDS = (0, 1, 2, 3, 4)

Outcome = Literal["holds", "holds under a condition", "does not hold"]


class NotRunError(ChainruleError, LookupError):
    """A claim cannot be tested, because its data are not there. The message says "not run: …" and what to do."""


@dataclass(frozen=True)
class Result:
    """What an experiment found.

    Attributes
    ----------
    verdict : str
        ``"holds"``, ``"holds under a condition"`` or ``"does not hold"``.
    summary : str
        One or two sentences with the figures; with a condition, they say which.
    headers : tuple of str
        The columns of the table.
    rows : tuple of tuple
        The table of what was measured.
    draw : callable, optional
        Draws what was measured on the matplotlib Figure that it is given.
    """

    verdict: Outcome
    summary: str
    headers: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    draw: Callable[[Any], None] | None = None


Experiment = Callable[[Sequence[int]], Result]


@dataclass(frozen=True)
class Claim:
    """A claim of the notes, and the experiment that tests it.

    Attributes
    ----------
    number : int
        Its place among the claims, from 1.
    name : str
        Its name in the command line and in links.
    statement : str
        The claim, as the notes say it.
    measurement : str
        What is measured, and from which figure on the claim holds.
    run : callable
        Trains for each of the seeds it is given, measures, and returns the Result. Its verdict is worked out, never
        assumed. It raises NotRunError where its data are not there.
    """

    number: int
    name: str
    statement: str
    measurement: str
    run: Experiment


def claim(number: int, statement: str, measurement: str) -> Callable[[Experiment], Claim]:
    """Make of an experiment the claim that it tests; its name is that of the function, with hyphens."""
    return lambda run: Claim(number, run.__name__.replace("_", "-"), statement, measurement, run)


def judge(found: Iterable[bool]) -> Outcome:
    """All true: it holds; none: it does not; some: under a condition, which the summary has to name."""
    found = list(found)
    return "holds" if all(found) else "holds under a condition" if any(found) else "does not hold"


def accuracy(network: Network, X: Any, Y: Any) -> float:
    """The share of the examples X (n[0], m), Y (n[L], m) that are classified as Y says."""
    A = network.forward(X)
    right = (A > 0.5) == Y if len(Y) == 1 else A.argmax(axis=0) == Y.argmax(axis=0)
    return float(np.mean(right))


def measured(networks: Sequence[Network], X: Any, Y: Any, what: Callable[..., Any] = accuracy) -> Array:
    """what(network, X, Y) of each network, (networks,). X and Y are for all or, in an `Each`, one for each."""
    X, Y = (part if isinstance(part, Each) else [part] * len(networks) for part in (X, Y))
    return np.array([what(*each) for each in zip(networks, X, Y, strict=True)])


def mean_cost(runs: Sequence[Sequence[Step]]) -> tuple[Array, Array]:
    """The epochs of several trainings, counted from 1, and the mean of their costs, both (steps,)."""
    return np.array([step.epoch + 1 for step in runs[0]]), np.mean([[s.cost for s in steps] for steps in runs], axis=0)


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
    *,
    epochs: int,
    every: int = 1,
    batch_size: int | None = None,
) -> dict[tuple[str, float], list[float]]:
    """Epochs of gradient descent until the cost is below the target: (activation, α) → one number for each seed.

    make(hidden=…, seed=…) gives the network. One that diverges never arrives, and nobody is warned of it: some of the
    learning rates are too high on purpose.
    """
    runners = [(g, rate, seed) for g in hidden for rate in rates for seed in seeds]
    nets = [make(hidden=g, seed=seed) for g, _, seed in runners]
    log, silent = logging.getLogger("chainrule"), lambda record: False
    log.addFilter(silent)
    try:
        runs = train_many(
            nets, X, Y, Each(GradientDescent(rate) for _, rate, _ in runners), epochs=epochs, every=every,
            batch_size=batch_size, seed=Each(seed for *_, seed in runners),
        )  # fmt: skip
    finally:
        log.removeFilter(silent)
    found: dict[tuple[str, float], list[float]] = {}
    for (g, rate, _), steps in zip(runners, runs, strict=True):
        found.setdefault((g, rate), []).append(epochs_until(steps, target))
    return found


def interleaved(functions: Sequence[Callable[[], Any]], rounds: int) -> tuple[list[Any], list[float]]:
    """What each function gives, and its median seconds: its own processor time, on one core.

    They take turns, after a round that warms up, so that other work of the machine slows all of them alike.
    """
    from threadpoolctl import threadpool_limits

    # Some systems count the processor time of a thread in steps of 15 ms.
    clock = thread_time if get_clock_info("thread_time").resolution < 1e-6 else perf_counter
    seconds: list[list[float]] = [[] for _ in functions]
    with threadpool_limits(1):
        given = [function() for function in functions]
        for _ in range(rounds):
            for function, times in zip(functions, seconds, strict=True):
                start = clock()
                function()
                times.append(clock() - start)
    return given, [median(times) for times in seconds]


OVER_SEEDS = ("lowest", "median", "highest")


def over_seeds(values: Sequence[float]) -> tuple[float, float, float]:
    """The lowest, the median and the highest: one row of a table whose columns are OVER_SEEDS."""
    return min(values), median(values), max(values)


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
    return all(not isinstance(row[column], str) or row[column] == "never" for row in rows)
