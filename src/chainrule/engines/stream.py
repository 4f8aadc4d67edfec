"""An engine around another for examples that are read by and by: it trains on one window of them after the other."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from chainrule._types import Array
from chainrule.engines import interrupts
from chainrule.engines.contract import Engine, Objective
from chainrule.engines.state import State

if TYPE_CHECKING:
    from chainrule.network import Network

T = TypeVar("T")
_WINDOW = 64 << 20
Rows = tuple[Array, Array, Array | None]  # X (r, n[0]), Y (r, n[L]) and weights (r, 1) of r examples


class Windows(ABC):
    """X of a state whose examples are read by and by; Y knows its shape only."""

    shape: tuple[int, int]  # (n[0], m)
    weighted: bool
    shuffle: bool
    at_once: int  # examples of a window, about
    names: Sequence[str] | None = None  # of the inputs
    classes: Array | None = None  # the label of each output; None where the targets are numbers

    @property
    @abstractmethod
    def total(self) -> float:
        """The number of examples m, or the sum of their weights."""

    @abstractmethod
    def windows(self, key: int | None, epoch: int, example: int, room: int) -> Iterator[Rows]:
        """The examples from this one of this epoch on, by the orders of a key, without an end.

        key: None leaves the order of the files. room: rows in front of each window that are free.
        """

    @abstractmethod
    def blocks(self) -> Iterator[Rows]:
        """All examples once, in the order of the files."""

    def named(self, i: int) -> AbstractContextManager[None]:
        """Around what is done with the examples of one of the blocks: errors that name it."""
        return nullcontext()

    @abstractmethod
    def fingerprint(self) -> str:
        """What tells these examples from others."""


class Streamed(ABC):
    """The base of what examples are read from by and by: `chainrule.Blocks`, and tables on their way through steps."""

    rows: int
    weighted: bool

    @abstractmethod
    def examples(self, network: "Network") -> tuple[Windows, Any, None]:
        """X, Y and weights to measure a network on, of which nobody says which output is which label."""

    @abstractmethod
    def learned(self, network: "Network", tell: Callable[[Any], list[Any]] | None) -> tuple[Windows, Any, None]:
        """X, Y and weights to train on, by the labels that are there.

        tell: where several processes train together, from what this one says to what each of them says.
        """

    @abstractmethod
    def watched(self, network: "Network", trained: Any) -> tuple[Windows, Any, None]:
        """X, Y and weights to watch a training on, whose own X is given: columns and labels are to be the same."""

    @abstractmethod
    def inputs(self, network: "Network") -> Iterator[Array]:
        """X (n[0], r) of each block, checked but not normalized."""

    def named(self, i: int) -> AbstractContextManager[None]:
        """Around what is done with a block: errors that name it."""
        return nullcontext()


def mapped(source: Streamed, network: "Network", function: Callable[[Array], T]) -> Iterator[T]:
    """What a function gives for X (n[0], r) of each block."""
    for i, X in enumerate(source.inputs(network)):
        with source.named(i):
            answer = function(X)
        yield answer


def check_alone(Y: Any, weights: Any) -> None:
    """ValueError for targets or weights beside what has its own."""
    if Y is not None or weights is not None:
        raise ValueError("Y and weights: Blocks have them: Blocks(…, target=COLUMN, weights=COLUMN)")


def mean(X: Windows, function: Callable[[Array, Array, Array | None, float], Any]) -> Any:
    """The mean of what a function gives for each block, by the number of its examples or the sum of their weights.

    function: X (n[0], r), Y (n[L], r), weights (1, r) or None, and that number.
    """
    value, total = 0.0, 0.0
    for i, (rows, targets, w) in enumerate(X.blocks()):
        interrupts.check()
        if size := len(rows) if w is None else float(w.sum(dtype=float)):
            with X.named(i):
                value = value + size * function(rows.T, targets.T, None if w is None else w.T, size)
            total += size
    if not total:
        raise ValueError(f"weights: wanted some above 0; those of all {X.shape[1]:,} examples are 0")
    return value / total


def cost_and_gradient(X: Windows, l2: float, function: Callable[..., tuple[float, Array]]) -> tuple[float, Array]:
    """J of all examples and its gradient (p,). function: X, Y, weights and λ of some → their J and gradient (p,)."""

    def of_block(some: Array, Y: Array, w: Array | None, size: float) -> Array:
        J, gradient = function(some, Y, w, l2 and l2 * size / X.total)  # λ/2m and λ/m with the m of all
        return np.append(gradient.astype(np.float64), J)

    both = mean(X, of_block)
    return float(both[-1]), both[:-1]


class Stream:
    """Trains on windows of examples by another engine: to the bit what that gives for all of them in this order.

    A window is a state of its own, with the same network and memory, cut to whole mini-batches; what is left over comes
    before the next one. The network changes at the end of a window, not of an epoch as in other engines: there an
    interrupt, or a cost that is not finite, leaves it. pause: what is called there, for the state is whole.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.name = engine.name
        self.pause: Callable[[], None] | None = None
        self._readers: WeakKeyDictionary[State, _Reader] = WeakKeyDictionary()

    def objective(self, network: "Network", X: Windows, Y: Any, weights: Any, l2: float) -> Objective:
        """The function from any flat vector of parameters (p,) to J and its gradient (p,)."""

        def of_all(parameters: Array) -> tuple[float, Array]:
            def of_some(X: Any, Y: Array, w: Array | None, l2: float) -> tuple[float, Array]:
                return self.engine.objective(network, X, Y, w, l2)(parameters)

            J, gradient = cost_and_gradient(X, l2, of_some)
            return J, gradient.astype(parameters.dtype)

        return of_all

    def run(self, state: State, epochs: int, costs: list[float] | None = None) -> list[float]:
        """Advance by whole epochs; `costs`, longer by the cost of each, before its updates."""
        costs = [] if costs is None else costs
        last = state.epoch + epochs
        while state.epoch < last:
            Js = self._advance(state, None)
            if Js and not isfinite(Js[-1]):
                costs.append(Js[-1])
                break
            if state.example == 0:
                costs.append(state.cost)
            elif self.pause is not None:
                self.pause()
        return costs

    def steps(self, state: State, batches: int, costs: list[float] | None = None) -> list[float]:
        """Advance by mini-batches of one epoch; `costs`, longer by J of each, before its update."""
        costs = [] if costs is None else costs
        costs += self._advance(state, batches)
        return costs

    def _advance(self, state: State, most: int | None) -> list[float]:
        """The mini-batches of one window, or the next so many in any number of them: J of each.

        If the last is not finite the state is as it was before them.
        """
        interrupts.check()
        size, hosts = state.batch_size, state.hosts
        if most is None and self.engine.name == "jax":  # which compiles a program for each number of examples
            most = max(1, state.X.at_once // size) if hosts is None else _batches(state, len(hosts.rows))
        if hosts is None:
            own = size * (most or 1)
        else:
            count = min(size * (most or 1), state.m - state.example)
            hosts = hosts.window(state.example, count)
            own = hosts.rows[hosts.process]
        reader = self._reader(state, max(0, own - 1))
        try:
            X, Y, w = reader.take(size, most) if hosts is None else reader.next_rows(own)
        except BaseException:  # it cannot go on from there
            del self._readers[state]
            raise
        if hosts is None:
            count = X.shape[1]
        # A single mini-batch without an order would be a full batch, which the kernel rearranges: other bits.
        order = None if count > size or hosts else lambda epoch: np.arange(count)
        small = replace(
            state, X=X, Y=Y, weights=w, order=order, batch_size=min(size, count), example=0, total=0.0, seen=0.0,
            hosts=hosts,
        )  # fmt: skip
        Js = self.engine.steps(small, -(-count // size))
        if Js and not isfinite(Js[-1]):
            return Js
        total, seen = (state.total, state.seen) if state.example else (0.0, 0.0)
        if state.example + count >= state.m and not seen + small.seen:
            raise ValueError(f"weights: wanted some above 0; those of all {state.m:,} examples are 0")
        last = int(small.seen) - size * (len(Js) - 1)  # examples of the last of them; the others are not short
        for i, J in enumerate(Js):
            total += J * (last if i == len(Js) - 1 else size)
        state.advanced(state.example + count, total, seen + small.seen)
        reader.drop(X.shape[1])
        return Js

    def _reader(self, state: State, room: int) -> "_Reader":
        """What reads on from the place of a state; room: the most examples that may be left over from a window."""
        example = state.example if state.hosts is None else state.hosts.given(state.example)
        place = state.mask_key if state.X.shuffle else None, *_place(state.epoch, example, state.X.shape[1])
        reader = self._readers.get(state)
        if reader is None or reader.place != place:
            reader = self._readers[state] = _Reader(state.X, place, room)
        return reader

    def lists(self, state: State, count: int, threads: int) -> int:
        """Each alone."""
        return count

    def run_many(self, states: Sequence[State], epochs: int, costs: Sequence[list[float]]) -> None:
        """One after the other."""
        for state, its_costs in zip(states, costs, strict=True):
            self.run(state, epochs, its_costs)


def _place(epoch: int, example: int, m: int) -> tuple[int, int]:
    return (epoch, example) if example < m else (epoch + 1, 0)


def _batches(state: State, processes: int) -> int:
    """How many mini-batches are a window where several processes train: the same in each, of about `_WINDOW` bytes."""
    row = (sum(state.X.shape[:1]) + state.network.sizes[-1] + 1) * state.network.dtype.itemsize
    return max(1, _WINDOW * processes // int(state.batch_size * row))


class _Reader:
    """The examples from a place on: (key, epoch, example)."""

    def __init__(self, X: Windows, place: tuple[int | None, int, int], room: int) -> None:
        self.place, self._m, self._room = place, X.shape[1], room
        self._windows = X.windows(*place, room)
        self._rows: list[Array | None] = [None] * 3  # X, Y and weights that were read and not dropped
        self._count = 0  # of them

    def take(self, size: int, most: int | None) -> tuple[Array, Array, Array | None]:
        """X (n[0], k), Y (n[L], k) and weights (1, k): as many whole mini-batches as there are, or so many if given.

        Fewer, and a short one, at the end of the epoch only.
        """
        left = self._m - self.place[2]
        while self._count < min(size * (most or 1), left):
            self._add(next(self._windows))
        count = left if self._count == left else self._count // size * size
        if most is not None:
            count = min(count, size * most)
        return self.next_rows(count)

    def next_rows(self, count: int) -> tuple[Array, Array, Array | None]:
        """X (n[0], count), Y (n[L], count) and weights (1, count) of as many as are asked for."""
        while self._count < max(1, count):
            self._add(next(self._windows))
        X, Y, w = (None if rows is None else rows[:count].T for rows in self._rows)
        return X, Y, w  # type: ignore[return-value]

    def _add(self, window: Rows) -> None:
        """What is left over goes in front of the next window, where there is room for it."""
        count, room, together = self._count, self._room, list[Array | None]()
        for new, old in zip(window, self._rows, strict=True):
            if new is None or old is None:
                together.append(None if new is None else new[room:])
            elif count > room:  # of an earlier, larger size of the mini-batches, or of several at a time
                together.append(np.concatenate([old, new[room:]]))
            else:
                new[room - count : room] = old
                together.append(new[room - count :])
        self._rows = together
        self._count += len(window[0]) - room

    def drop(self, count: int) -> None:
        """So many are done."""
        key, epoch, example = self.place
        self.place = key, *_place(epoch, example + count, self._m)
        self._rows = [None if rows is None else rows[count:] for rows in self._rows]
        self._count -= count
