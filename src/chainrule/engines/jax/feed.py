"""How examples come to the device: all at once where they fit into its memory, else some mini-batches ahead."""

from collections.abc import Callable
from math import inf
from typing import Any, NamedTuple

import jax
import numpy as np

from chainrule._types import Array
from chainrule.engines.jax.program import Examples
from chainrule.engines.state import State

_SHARE = 0.5  # of the device's free memory that examples may take
_SENT = 1 << 26  # bytes that are sent at once where they do not fit


class Part(NamedTuple):
    """Mini-batches up to `last` of an epoch, as `program.advance` takes them."""

    examples: Examples
    order: Any
    offset: int
    last: int


class Feed:
    """The examples of one state."""

    def __init__(self, state: State) -> None:
        sparse = hasattr(state.X, "tocsr")
        self.m = state.Y.shape[1]
        self.X, self.Y = state.X.T.tocsr() if sparse else state.X.T, state.Y.T  # rows
        self.weights = np.ones(self.m, state.Y.dtype) if state.weights is None else state.weights[0]
        self.fits = not sparse and state.X.nbytes + state.Y.nbytes <= _SHARE * free_memory()
        self._rows: Examples | None = None  # all of them on the device, by number
        self._batches: tuple[tuple[int, int], Examples] | None = None  # in mini-batches of a size, from an example on

    def epoch(self, order: Array | None, start: int, b: int) -> Callable[[int, int], Part]:
        """The mini-batches of b examples of an epoch, in an order or in their own; number 0 begins at `start`.

        A function: from a mini-batch to another one, or fewer → the part that is on the device.
        """
        count = -(-self.m // b)
        if not self.fits:
            which = np.arange(self.m) if order is None else order
            sent = max(1, min(count, _SENT // (b * self.X.shape[1] * self.Y.itemsize)))

            def part(first: int, last: int) -> Part:
                chunk = which[start + first * b : start + (first + sent) * b]
                return Part(self._sent(chunk, sent, b), None, first, min(first + sent, last))

            return part
        if order is None:
            examples, index = self._in_batches(start, b, count), None
        else:
            examples, index = self._all(), np.full(count * b, self.m)
            index[: self.m - start] = order[start:]
            index = jax.device_put(index.reshape(count, b))
        return lambda first, last: Part(examples, index, 0, last)

    def _all(self) -> Examples:
        if self._rows is None:
            self._rows = jax.device_put(self._padded(slice(None), self.m + 1))
        return self._rows

    def _in_batches(self, start: int, b: int, count: int) -> Examples:
        if self._batches is None or self._batches[0] != (start, b):
            self._batches = (start, b), self._sent(slice(start, None), count, b)
        return self._batches[1]

    def _sent(self, which: Any, count: int, b: int) -> Examples:
        """Examples in `count` mini-batches, on the device."""
        rows = self._padded(which, count * b)
        sent: Examples = jax.device_put(Examples(*(A.reshape(count, b, *A.shape[1:]) for A in rows)))
        return sent

    def _padded(self, which: Any, count: int) -> Examples:
        """These examples, as so many rows; those that there are not have weight 0."""
        X = self.X[which]
        parts = X.toarray() if hasattr(X, "toarray") else X, self.Y[which], self.weights[which]
        padded = [np.zeros((count, *A.shape[1:]), self.Y.dtype) for A in parts]
        for whole, A in zip(padded, parts, strict=True):
            whole[: len(A)] = A
        return Examples(*padded)


def free_memory() -> float:
    """Bytes on the device that are not in use; infinite where it does not say so, as a CPU."""
    stats = jax.devices()[0].memory_stats()
    return stats["bytes_limit"] - stats["bytes_in_use"] if stats else inf
