"""Several trainings at a time, on threads of this process: each thread takes the next ones."""

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from contextvars import copy_context
from math import inf
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from chainrule import engines
from chainrule.engines import interrupts, kernel
from chainrule.errors import DivergenceError
from chainrule.training import together
from chainrule.training.steps import Step, Training

if TYPE_CHECKING:
    from chainrule.network import Network


def run(
    networks: Sequence["Network"],
    calls: Sequence[dict[str, Any]],
    size: int,
    numbers: Sequence[int],
    total: int,
    given_up: Callable[[], bool] = lambda: False,
) -> list[list[Step]]:
    """Train networks, each by the arguments of its call of `train`: the steps of each.

    size: how many at a time. numbers, total: which of how many networks they are, for errors. given_up: whether nobody
    waits for the results any more; then GivenUp is raised.
    """
    stop = threading.Event()

    def note(error: BaseException, which: str) -> None:
        error.add_note(f"in the training of {which} of {total}, counted from 0")

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
            note(error, f"network {numbers[i]}")
            raise
        return steps

    def several(block: list[int]) -> list[list[Step]]:
        if len(block) == 1:
            return [one(block[0])]
        trainings: list[Training] = []
        which = ""
        try:
            for i in block:
                which = f"network {numbers[i]}"
                trainings.append(networks[i].train(**calls[i]))
            which = f"networks {[numbers[i] for i in block]}"
            runs = together.run(trainings, stop.is_set)
        except GivenUp:
            return [[] for _ in block]
        except BaseException as error:
            note(error, which)
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
            begin_thread(size, give_up_when(lambda: stop.is_set() or given_up()))
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
    if given_up():
        raise GivenUp
    return [results[i] for i in range(len(networks))]


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
