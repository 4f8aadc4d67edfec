"""Many trainings as tasks of an executor: in other processes, on other machines."""

import os
import tempfile
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from chainrule._types import Array
from chainrule.engines.draws import rng_state, set_rng_state
from chainrule.training import threads, together
from chainrule.training.steps import Step

if TYPE_CHECKING:
    from chainrule.network import Network

_MOST = 16  # networks in a task: as many as the lanes of the processor's vectors, or twice as many
_TASKS = 64  # for some to be left when the first workers are through with theirs


class Executor(Protocol):
    """What trains networks elsewhere."""

    def map(self, function: Any, /, *iterables: Any) -> Iterable[Any]:
        """The results of calls of the function, in order, as of `concurrent.futures`."""
        ...


class _Task(NamedTuple):
    """Some of the networks: which of how many they are, and for each the arguments of `train` but what all share."""

    networks: list["Network"]
    calls: list[dict[str, Any]]
    numbers: list[int]
    total: int
    threads: int
    flag: str


class _Done(NamedTuple):
    """What comes back: of each network its parameters, its steps, and the state of the Generator it has drawn from."""

    parameters: list[Array]
    runs: list[list[Step]]
    states: list[Any]


def run(
    networks: Sequence["Network"],
    calls: Sequence[dict[str, Any]],
    executor: Executor,
    threads: int,
    chunksize: int | None,
) -> list[list[Step]]:
    """As `threads.run` trains them, but in tasks: those of one design next to one another."""
    if not callable(getattr(executor, "map", None)):
        raise TypeError(
            f"executor: got {executor!r}, wanted one with the method map of concurrent.futures, such as "
            "concurrent.futures.ProcessPoolExecutor() or, with Dask, client.get_executor()"
        )
    if any(each.__module__.endswith("multiprocessing.pool") for each in type(executor).__mro__):
        raise TypeError(
            f"executor: got a {type(executor).__name__} of multiprocessing, whose map takes one iterable only, wanted "
            "concurrent.futures.ProcessPoolExecutor(processes)"
        )
    if not networks:
        return []
    size = chunksize or max(1, min(_MOST, len(networks) // _TASKS))
    order = [i for group in together.alike(networks, calls) for i in group]
    chunks = [order[k : k + size] for k in range(0, len(order), size)]
    # One object for all goes as an argument of its own: executors resolve references to their data there only.
    shared = [name for name in ("X", "Y") if all(call[name] is calls[0][name] for call in calls)]
    rest = [{name: value for name, value in call.items() if name not in shared} for call in calls]
    runs: list[list[Step]] = [[] for _ in networks]
    with tempfile.NamedTemporaryFile(prefix="chainrule-") as flag:
        tasks = [
            _Task([networks[i] for i in chunk], [rest[i] for i in chunk], chunk, len(networks), threads, flag.name)
            for chunk in chunks
        ]
        X, Y = ([calls[0][name] if name in shared else None] * len(tasks) for name in ("X", "Y"))
        results = executor.map(_train, tasks, X, Y)
        try:
            for chunk, done in zip(chunks, results, strict=True):
                if not isinstance(done, _Done):
                    raise TypeError(
                        f"executor: map of {type(executor).__name__} gave {type(done).__name__}, wanted the results; "
                        "with Dask give client.get_executor()"
                    )
                for i, vector, steps, state in zip(chunk, *done, strict=True):
                    networks[i].parameters[...] = vector
                    runs[i] = steps
                    if state is not None:
                        set_rng_state(calls[i]["seed"], state)
        finally:
            getattr(results, "close", lambda: None)()  # an iterator of concurrent.futures cancels what waits
    return runs


def _train(task: _Task, X: Any, Y: Any) -> _Done | None:
    """What a worker does. None where nobody waits for it any more."""
    calls = [{"X": X, "Y": Y, **call} for call in task.calls]
    try:
        runs = threads.run(
            task.networks, calls, task.threads, task.numbers, task.total, lambda: _is_given_up(task.flag)
        )
    except threads.GivenUp:
        return None
    seeds = [call["seed"] for call in calls]
    states = [rng_state(seed) if isinstance(seed, np.random.Generator) else None for seed in seeds]
    return _Done([network.parameters for network in task.networks], runs, states)


_seen: set[str] = set()


def _is_given_up(flag: str) -> bool:
    """Whether a file that was there is gone: nobody waits for the task any more.

    `map` has no other way to end tasks that run. On other machines the file never was, and they go on to their end.
    """
    if os.path.exists(flag):
        _seen.add(flag)
        return False
    return flag in _seen
