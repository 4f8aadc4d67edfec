"""The examples of a network out of blocks: what an engine trains on, window by window, read ahead."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from chainrule._types import Array
from chainrule.blocks import ahead, order
from chainrule.engines import stream
from chainrule.engines.stream import Rows

WINDOW = 64 << 20  # bytes of the blocks that are mixed at a time


class Targets(NamedTuple):
    """Y of a training whose examples are read by and by: its shape."""

    shape: tuple[int, int]  # (n[L], m)


@dataclass(eq=False)
class Windows(stream.Windows):
    """X of a training whose examples are read by and by; see `engines.stream`.

    sizes: the rows of each block. block: reads one, as a network takes it; called in threads. together: the blocks of
    a window. weighted: whether examples have weights. about: what tells these examples from others. within: around what
    is done with a block.
    """

    sizes: Sequence[int]
    shape: tuple[int, int]  # (n[0], m)
    outputs: int
    dtype: np.dtype[Any]
    block: Callable[[int], Rows]
    together: int
    weighted: bool
    about: Callable[[], str]
    within: Callable[[int], AbstractContextManager[None]] = lambda _: nullcontext()
    shuffle: bool = True
    _total: float | None = None

    @property
    def at_once(self) -> int:  # type: ignore[override]
        """Examples of a window, about."""
        return min(self.shape[1], self.together * self.shape[1] // len(self.sizes))

    @property
    def total(self) -> float:
        """The number of examples, or the sum of their weights."""
        if self._total is None:
            weights = (w.sum(dtype=float) for _, _, w in self.blocks() if w is not None)
            self._total = float(sum(weights)) if self.weighted else float(self.shape[1])
        return self._total

    def fingerprint(self) -> str:
        """What tells these examples from others."""
        return self.about()

    def blocks(self) -> Iterator[Rows]:
        """All examples once, in the order of the files."""
        return ahead.each(partial(self.block, i) for i in range(len(self.sizes)))

    def named(self, i: int) -> AbstractContextManager[None]:
        """Around what is done with the examples of one of the blocks: errors that name it."""
        return self.within(i)

    def windows(self, key: int | None, epoch: int, example: int, room: int) -> Iterator[Rows]:
        """The examples from this one of this epoch on, without an end, and one window ahead.

        room: rows in front of each window that are free.
        """
        return ahead.each(self._calls(key, epoch, example, room))

    def _calls(self, key: int | None, epoch: int, example: int, room: int) -> Iterator[Callable[[], Rows]]:
        for now, k, blocks, _, skipped in self._from(key, epoch, example):
            yield partial(self._window, key, now, k, blocks, skipped, room)

    def _from(self, key: int | None, epoch: int, example: int) -> Iterator[tuple[int, int, Array, int, int]]:
        """The windows from an example of an epoch on: epoch, number, blocks, rows, and how many of these are over."""
        for now in count(epoch):
            start = 0
            for k, blocks in enumerate(order.windows(key, now, len(self.sizes), self.together)):
                rows = sum(self.sizes[i] for i in blocks)
                if start + rows > example:
                    yield now, k, blocks, rows, max(0, example - start)
                start += rows
            example = 0

    def _window(self, key: int | None, epoch: int, k: int, blocks: Array, skipped: int, room: int) -> Rows:
        """The rows of a window, mixed, but for the first; with room in front."""
        rows = sum(self.sizes[i] for i in blocks)
        places = order.places(key, epoch, k, rows) + (room - skipped)
        counts = [self.shape[0], self.outputs, int(self.weighted)]
        whole = [np.empty((room + rows - skipped, n), self.dtype) if n else None for n in counts]
        start = 0
        for i in blocks:
            some = places[start : start + self.sizes[i]]
            start += self.sizes[i]
            wanted: Any = slice(None) if skipped == 0 else some >= room
            for out, part in zip(whole, self.block(int(i)), strict=True):
                if out is not None and part is not None:
                    out[some[wanted]] = part[wanted]
        X, Y, w = whole
        assert X is not None
        assert Y is not None
        return X, Y, w


def together(sizes: Sequence[int], row: int, window: int | None) -> int:
    """How many blocks are mixed at a time, of rows of so many bytes."""
    if window is not None:
        return window
    mean = sum(sizes) / len(sizes) * row
    return max(2, int(WINDOW / mean))
