"""Many trainings at once: seeds, learning rates, sizes, folds. A network to a core, on threads of this process."""

import logging
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from contextvars import copy_context
from math import inf
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from chainrule import engines
from chainrule.checks import check_whole
from chainrule.engines import interrupts, kernel
from chainrule.errors import DivergenceError
from chainrule.optimizers import LBFGS, Optimizer
from chainrule.schedules import Schedule
from chainrule.training import together
from chainrule.training.steps import Step, Training
from chainrule.training.train import Order

if TYPE_CHECKING:
    from chainrule.network import Network

log = logging.getLogger("chainrule")


T = TypeVar("T")


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
    Y: Any,
    optimizer: Optimizer | LBFGS | Each[Optimizer | LBFGS],
    *,
    epochs: int | Each[int],
    threads: int | None = None,
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

    The results are those of training each network alone, to the last bit.

    Parameters
    ----------
    networks : iterable of Network
        Different ones: each is changed by its training.
    X, Y, optimizer, epochs, batch_size, every, l2, dropout, weights, shuffle, seed, order, validation, patience, \
schedule, clip_norm, engine, precision, checkpoint, checkpoint_every, resume
        As in `Network.train`: one value for all networks, or, in an `Each`, one for each.
    threads : int, optional
        How many are trained at a time; None is as many as OpenMP may use (the cores this process may use,
        OMP_NUM_THREADS, threadpoolctl). Fewer where the system refuses a thread.

    Returns
    -------
    list of lists of Step
        For each network its steps. A network that diverges keeps its last finite parameters and does not hold up the
        others; its last step has the cost inf (and the validation cost inf, where there is one).

    Raises
    ------
    ValueError
        For a network or a Generator that is given twice, and for an `Each` of another length than `networks`.
    Exception
        What `Network.train` raises, with a note that says for which network. Any error but divergence stops all, as
        Ctrl-C does: what waits is not begun, what runs ends with the epoch it has done.
    """
    arguments = {name: value for name, value in locals().items() if name not in ("networks", "threads")}
    networks = list(networks)
    check_whole(threads=threads)
    calls = _calls(networks, arguments)
    size = available_threads() if threads is None else int(threads)
    stop = threading.Event()

    def last_step(i: int, error: DivergenceError) -> Step:
        engine = engines.get(calls[i]["engine"], networks[i], calls[i]["optimizer"]).name
        validation_cost = None if calls[i]["validation"] is None else inf
        return Step(error.epoch, inf, validation_cost, error.learning_rate, engine)

    def one(i: int) -> list[Step]:
        steps: list[Step] = []
        try:
            with closing(networks[i].train(**calls[i])) as training:
                for step in training.ahead():
                    steps.append(step)
                    if stop.is_set():
                        break
        except DivergenceError as error:
            steps.append(last_step(i, error))
        except GivenUp:
            pass  # nobody waits for these steps
        except BaseException as error:
            error.add_note(f"in the training of network {i} of {len(networks)}, counted from 0")
            raise
        return steps

    def several(block: list[int]) -> list[list[Step]]:
        if len(block) == 1:
            return [one(block[0])]
        trainings: list[Training] = []
        which = ""
        try:
            for i in block:
                which = f"network {i}"
                trainings.append(networks[i].train(**calls[i]))
            which = f"networks {block}"
            runs = together.run(trainings, stop.is_set)
        except GivenUp:
            return [[] for _ in block]
        except BaseException as error:
            error.add_note(f"in the training of {which} of {len(networks)}, counted from 0")
            raise
        finally:
            for training in trainings:
                training.close()
        return [
            steps if error is None else [*steps, last_step(i, error)]
            for i, (steps, error) in zip(block, runs, strict=True)
        ]

    left: SimpleQueue[list[int]] = SimpleQueue()  # each thread takes the next ones
    for block in together.blocks(networks, calls, size):
        left.put(block)
    results: dict[int, list[Step]] = {}
    errors: dict[int, BaseException] = {}
    ended: SimpleQueue[None] = SimpleQueue()

    def work() -> None:
        while not stop.is_set():
            try:
                block = left.get_nowait()
            except Empty:
                break
            try:
                results.update(zip(block, copy_context().run(several, block), strict=True))
            except BaseException as error:
                errors[block[0]] = error
                stop.set()

    def begin() -> None:
        try:
            begin_thread(size, give_up_when(stop.is_set))
            if kernel.BUILT:
                kernel.module().take_turns()
            work()
        except BaseException as error:
            errors[len(networks)] = error
            stop.set()
        finally:
            ended.put(None)

    # Daemons: one that waits for them is waited for by the interpreter itself, where it should.
    started: list[threading.Thread] = []
    try:
        with interrupts.Deferral():
            started = start(
                threading.Thread(target=copy_context().run, args=(begin,), name=f"chainrule_{k}", daemon=True)
                for k in range(min(size, len(networks)))
            )
        if not started:
            work()
        for _ in started:
            ended.get()  # a thread that is joined counts as ended after Ctrl-C, in some versions of Python
    finally:
        with interrupts.Deferral():  # a second Ctrl-C would leave threads behind that train on
            stop.set()
            for thread in started:
                thread.join()
    if errors:
        raise errors[min(errors)]
    runs = [results[i] for i in range(len(networks))]
    if diverged := [i for i, steps in enumerate(runs) if steps[-1].cost == inf]:
        log.warning("%d of %d networks diverged (their last cost is inf): %s", len(diverged), len(runs), diverged)
    return runs


def start(threads: Iterable[threading.Thread]) -> list[threading.Thread]:
    """Start threads, as many as the system gives, which refuses more at a limit of processes or memory."""
    started: list[threading.Thread] = []
    with suppress(RuntimeError, MemoryError):
        for thread in threads:
            thread.start()
            started.append(thread)
    return started


def possible_threads(wanted: int) -> int:
    """How many threads the system gives, up to a number."""
    known = threading.Event()
    started = start(threading.Thread(target=known.wait, daemon=True) for _ in range(wanted))
    known.set()
    for thread in started:
        thread.join()
    return len(started)


def available_threads() -> int:
    """How many threads the kernel may use; without the kernel, the number of cores this process may use."""
    if kernel.BUILT:
        return int(kernel.module().available_threads())
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class GivenUp(BaseException):
    """Ends a computation in a thread whose results nobody waits for any more."""


def give_up_when(given_up: Callable[[], bool]) -> Callable[[], None]:
    """A question for `begin_thread`."""

    def question() -> None:
        if given_up():
            raise GivenUp

    return question


def begin_thread(threads: int, question: Callable[[], None]) -> None:
    """At the start of a thread: OpenMP's limit, which belongs to a thread, and what the engines ask there.

    Each kernel call takes its share of the limit: the limit / the calls that run. What the question raises ends a call.
    """
    interrupts.ask(question)
    if available_threads() != threads:
        from threadpoolctl import threadpool_limits

        threadpool_limits(threads, user_api="openmp")


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
