"""The windows of a table that is prepared block by block, in pieces that the memory holds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._types import Array
from chainrule.blocks import order
from chainrule.blocks.windows import Windows

if TYPE_CHECKING:
    from chainrule.tabular.large.learning import Block, Read

Rows = tuple[Array, Array, Array | None]  # X (r, n[0]), Y (r, n[L]) and weights (r, 1)
Taken = Callable[["Block"], Rows]


@dataclass(eq=False)
class Pieces(Windows):
    """The same examples in the same order as `Windows`, of which no more are prepared at a time than `piece`.

    read: a block before it is prepared, or as it was kept. taken: its rows as a network takes them.
    """

    read: "Callable[[int], Read | Block]" = None  # type: ignore[assignment]
    taken: Taken = None  # type: ignore[assignment]
    piece: int = 1

    @classmethod
    def of(cls, windows: Windows, **more: Any) -> "Pieces":
        """These windows, cut."""
        made = cls(
            **{name: getattr(windows, name) for name in Windows.__dataclass_fields__ if name != "_total"}, **more
        )
        vars(made).update(vars(windows))
        return made

    @property
    def at_once(self) -> int:  # type: ignore[override]
        """Examples of a piece, about."""
        return min(self.piece, super().at_once)

    def _calls(self, key: int | None, epoch: int, example: int, room: int) -> Iterator[Callable[[], Rows]]:
        for now, k, blocks, rows, skipped in self._from(key, epoch, example):
            window = _Window(self, blocks, order.places(key, now, k, rows))
            for first in range(skipped, rows, self.piece):
                yield partial(window.rows, first, min(first + self.piece, rows), room)


class _Window:
    """Some blocks and where each of their rows comes, (rows,). They are read once, with the first piece."""

    def __init__(self, windows: Pieces, blocks: Array, places: Array) -> None:
        self.windows, self.blocks, self.places = windows, blocks, places
        self._read: list[Read | Block] | None = None

    def rows(self, first: int, last: int, room: int) -> Rows:
        """Those at the places from first to last, with room in front."""
        given = self.windows
        read = [given.read(int(i)) for i in self.blocks] if self._read is None else self._read
        self._read = None if last == len(self.places) else read
        widths = [given.shape[0], given.outputs, int(given.weighted)]
        whole = [np.empty((room + last - first, n), given.dtype) if n else None for n in widths]
        start = 0
        for block in read:
            places = self.places[start : start + len(block.y)]
            start += len(places)
            wanted = (first <= places) & (places < last)
            if not wanted.any():
                continue
            to = places[wanted] - first + room
            for out, part in zip(whole, given.taken(block.prepared(wanted)), strict=True):
                if out is not None and part is not None:
                    out[to] = part
        X, Y, w = whole
        assert X is not None
        assert Y is not None
        return X, Y, w
