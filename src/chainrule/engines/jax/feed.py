"""How examples come to the device: all at once where they fit into its memory, else some mini-batches ahead."""

from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Any, NamedTuple

import jax
import numpy as np

from chainrule._types import Array
from chainrule.engines.jax.program import Examples, Share
from chainrule.engines.state import State

SHARE = 0.5  # of the device's free memory that examples may take
_SENT = 1 << 26  # bytes that are sent at once where they do not fit


class Part(NamedTuple):
    """Mini-batches up to `last` of an epoch, as `program.advance` takes them."""

    examples: Examples
    order: Any
    offset: int
    last: int
    share: Share | None = None


class Feed:
    """The examples of one training; or of several, which may have the same.

    Where several have their own, the arrays have an axis more, the first.
    """

    mesh = None
    put = staticmethod(jax.device_put)

    def __init__(self, states: Sequence[State]) -> None:
        first = states[0]
        self.m = first.Y.shape[1]
        self.shared = all(state.X is first.X and state.Y is first.Y for state in states)
        self.sources = [_rows(state) for state in (states[:1] if self.shared else states)]
        self._bytes = sum((X.shape[1] + Y.shape[1] + 1) * Y.itemsize for X, Y, _ in self.sources)  # of an example
        sparse = hasattr(self.sources[0].X, "tocsr")
        self.fits = not sparse and self.m * self._bytes <= SHARE * free_memory()
        self._all: Examples | None = None  # on the device, by number
        self._batches: tuple[tuple[int, int], Examples] | None = None  # there in mini-batches of b, from an example on

    def epoch(self, order: Array | None, start: int, b: int) -> Callable[[int, int], Part]:
        """The mini-batches of b examples of an epoch, in an order or in their own; number 0 begins at `start`.

        A function: from a mini-batch to another one, or fewer → the part that is on the device.
        """
        count = rooms(self.m, b)
        if not self.fits:
            which = np.arange(self.m) if order is None else order
            sent = self.at_once(count, b)

            def part(first: int, last: int) -> Part:
                chunk = which[start + first * b : start + (first + sent) * b]
                return Part(self._in_batches(chunk, sent, b), None, first, min(first + sent, last))

            return part
        if order is None:
            if self._batches is None or self._batches[0] != (start, b):
                self._batches = (start, b), self._in_batches(slice(start, None), count, b)
            examples, index = self._batches[1], None
        else:
            if self._all is None:
                self._all = self._put(_some(rows, slice(None), self.m + 1) for rows in self.sources)
            lead = order.shape[:-1]
            index = np.full((*lead, count * b), self.m)
            index[..., : self.m - start] = order[..., start:]
            examples, index = self._all, jax.device_put(index.reshape(*lead, count, b))
        return lambda first, last: Part(examples, index, 0, last)

    def at_once(self, count: int, b: int) -> int:
        """How many of `count` mini-batches of b examples are sent at once, where they do not fit."""
        return max(1, min(count, int(_SENT // (b * self._bytes))))

    def _in_batches(self, which: Any, count: int, b: int) -> Examples:
        """Examples in `count` mini-batches, on the device."""
        every = (_some(rows, which, count * b) for rows in self.sources)
        return self._put(Examples(*(A.reshape(count, b, *A.shape[1:]) for A in some)) for some in every)

    def _put(self, every: Iterable[Examples]) -> Examples:
        stacked = [np.stack(arrays) for arrays in zip(*every, strict=True)]
        put: Examples = self.put(Examples(*(A[0] if self.shared else A for A in stacked)))
        return put


def _rows(state: State) -> Examples:
    X = state.X.T.tocsr() if hasattr(state.X, "tocsr") else state.X.T
    w = np.ones(state.Y.shape[1], state.Y.dtype) if state.weights is None else state.weights[0]
    return Examples(X, state.Y.T, w)


def _some(rows: Examples, which: Any, count: int) -> Examples:
    """These examples, as so many rows; those that there are not have weight 0."""
    X, Y, w = (A[which] for A in rows)
    parts = X.toarray() if hasattr(X, "toarray") else X, Y, w
    padded = [np.zeros((count, *A.shape[1:]), Y.dtype) for A in parts]
    for whole, A in zip(padded, parts, strict=True):
        whole[: len(A)] = A
    return Examples(*padded)


def rooms(m: int, b: int) -> int:
    """Room for the mini-batches of an epoch, some more than there are, so that nearly equal ones share a program."""
    count = -(-m // b)
    step = 1 << max(0, count.bit_length() - 4)
    return -(-count // step) * step


def free_memory() -> float:
    """Bytes on the device that are not in use; infinite where it does not say so, as a CPU."""
    stats = jax.local_devices()[0].memory_stats()
    return stats["bytes_limit"] - stats["bytes_in_use"] if stats else inf
