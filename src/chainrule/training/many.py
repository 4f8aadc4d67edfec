"""Many trainings at once: seeds, learning rates, sizes, folds. A network to a core, here or on other machines."""

import logging
import os
from collections.abc import Iterable, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from chainrule.checks import check_whole
from chainrule.engines import hosts
from chainrule.engines.stream import Streamed
from chainrule.optimizers import LBFGS, Optimizer
from chainrule.schedules import Schedule
from chainrule.training import tasks
from chainrule.training import threads as local
from chainrule.training.steps import Step
from chainrule.training.train import Order

if TYPE_CHECKING:
    from chainrule.network import Network

log = logging.getLogger("chainrule")


T = TypeVar("T")
_OF_ALL = ("networks", "threads", "executor", "chunksize")  # what `Network.train` does not know


class Each(tuple[T, ...]):
    """Values for `train_many`, one for each network: ``seed=Each(range(200))``.

    Parameters
    ----------
    iterable : iterable
        As many values as there are networks.
    """


def train_many(
    networks: Iterable["Network"],
    X: Any,
    Y: Any = None,
    optimizer: Optimizer | LBFGS | Each[Optimizer | LBFGS] | None = None,
    *,
    epochs: int | Each[int],
    threads: int | None = None,
    executor: tasks.Executor | None = None,
    chunksize: int | None = None,
    batch_size: int | Each[int | None] | None = None,
    every: int | Each[int] = 1,
    l2: float | Each[float] = 0.0,
    dropout: float | Sequence[float] | Each[Any] = 0.0,
    weights: Any = None,
    shuffle: bool | Each[bool] = True,
    seed: int | np.random.Generator | Each[Any] | None = None,
    order: Order | Each[Order | None] | None = None,
    validation: tuple[Any, ...] | Each[Any] | None = None,
    patience: int | Each[int | None] | None = None,
    schedule: Schedule | Each[Schedule | None] | None = None,
    clip_norm: float | Each[float | None] | None = None,
    engine: str | Each[str] = "auto",
    precision: str | Each[str | None] | None = None,
    checkpoint: Any = None,
    checkpoint_every: int | Each[int | None] | None = None,
    resume: bool | Each[bool] = False,
) -> list[list[Step]]:
    """Train every network as `network.train` would, several at a time.

    The results are those of training each network alone, to the last bit; with engine="jax", up to rounding.

    Parameters
    ----------
    networks : iterable of Network
        Different ones: each is changed by its training.
    X, Y, optimizer, epochs, batch_size, every, l2, dropout, weights, shuffle, seed, order, validation, patience, \
schedule, clip_norm, engine, precision, checkpoint, checkpoint_every, resume
        As in `Network.train`: one value for all networks, or, in an `Each`, one for each.
    threads : int, optional
        How many are trained at a time; None is as many as OpenMP may use (the cores this process may use,
        OMP_NUM_THREADS, threadpoolctl). Fewer where the system refuses a thread. With an executor, how many in each of
        its tasks; 1 unless given.
    executor : Executor, optional
        Who trains them, in tasks, elsewhere: whatever has the method `map` of `concurrent.futures`, as its pools of
        processes, Dask's ``client.get_executor()``, or ``mpi4py.futures.MPIPoolExecutor()``. X and Y may be what it
        resolves for its tasks, such as Futures of Dask; of Blocks each task reads the files.
    chunksize : int, optional
        Networks in each task of the executor; unless given at most 16, and fewer for there to be 64 tasks.

    Returns
    -------
    list of lists of Step
        For each network its steps. A network that diverges keeps its last finite parameters and does not hold up the
        others; its last step has the cost inf (and the validation cost inf, where there is one).

    Raises
    ------
    ValueError
        For a network or a Generator that is given twice, and for an `Each` of another length than `networks`.
    TypeError
        For an executor without `map`, or whose `map` gives something else than results.
    Exception
        What `Network.train` raises, with a note that says for which network, or what the executor raises. Any error but
        divergence stops all, as Ctrl-C does: what waits is not begun, what runs ends with the epoch it has done; with
        an executor on other machines, with its task.
    """
    if isinstance(X, Streamed) and optimizer is None:
        Y, optimizer = None, Y
    arguments = {name: value for name, value in locals().items() if name not in _OF_ALL}
    networks = list(networks)
    check_whole(threads=threads, chunksize=chunksize)
    calls = _calls(networks, arguments)
    with hosts.alone():
        if executor is not None:
            runs = tasks.run(networks, calls, executor, threads or 1, chunksize)
        else:
            size = local.available_threads() if threads is None else int(threads)
            runs = local.run(networks, calls, size, range(len(networks)), len(networks))
    if diverged := [i for i, steps in enumerate(runs) if steps[-1].cost == inf]:
        log.warning("%d of %d networks diverged (their last cost is inf): %s", len(diverged), len(runs), diverged)
    return runs


def _calls(networks: list["Network"], arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """For each network the arguments of `train`. ValueError where two would share what each of them changes."""
    first: dict[int, int] = {}
    for i, network in enumerate(networks):
        if (j := first.setdefault(id(network), i)) != i:
            raise ValueError(
                f"networks: {j} and {i} are the same object, wanted different ones. A copy is copy.deepcopy(network)."
            )
    columns = {}
    for name, value in arguments.items():
        if isinstance(value, Each) and len(value) != len(networks):
            raise ValueError(f"{name}: got Each of {len(value)} values, wanted {len(networks)}, one for each network")
        columns[name] = value if isinstance(value, Each) else (value,) * len(networks)
    paths = [_place(getattr(given, "path", given)) for given in columns["checkpoint"] if given is not None]
    if len(set(paths)) != len(paths):
        raise ValueError(
            "checkpoint: one file cannot keep several trainings; give Each(paths), a file for each network"
        )
    generators = [id(seed) for seed in columns["seed"] if isinstance(seed, np.random.Generator)]
    if len(set(generators)) != len(generators):
        raise ValueError(
            "seed: one Generator for several networks would be drawn from in no certain order; give an int, or "
            "Each(generator.spawn(len(networks)))"
        )
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _place(path: str | os.PathLike[str]) -> tuple[int, int] | str:
    """What two names of one file have in common: the file that is there, or where it will be."""
    try:
        found = os.stat(path)
    except OSError:
        return os.path.realpath(path)
    return found.st_dev, found.st_ino
