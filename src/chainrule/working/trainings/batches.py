"""Which examples an update may be made with: those that the training has taken of X, one part after the other."""

from collections.abc import Iterator, Sequence
from copy import copy

import numpy as np

from chainrule._types import Array

_AHEAD = 12  # how many parts may have been taken for something else between two updates


class Batches:
    """The parts of X and Y that were taken, in order. An update with all examples has None.

    X, Y: the examples of each part, of the set of m.
    """

    def __init__(self, m: int, X: Sequence[Array], Y: Sequence[Array], size: int | None, updates: int) -> None:
        self.m = m
        of_X, of_Y = _parts(m, X, updates), _parts(m, Y, updates)
        self.tracked = bool(of_X or of_Y)
        if not self.tracked and size is not None and size < m:
            starts = range(0, m, size)
            epoch = [np.arange(start, min(start + size, m)) for start in starts]
            of_X = epoch * (updates // len(epoch) + 2)
        self.parts = of_X or of_Y
        together = len(of_X) == len(of_Y)
        self.of_Y = of_Y if together else self.parts
        self.one_each = len(self.parts) == updates  # then each update was made with the next
        self.at = 0  # the part that comes next
        self.last: tuple[int | None, Array | None] = (None, None)

    def again(self) -> "Batches":
        """The same, from the first update on."""
        other = copy(self)
        other.at, other.last = 0, (None, None)
        return other

    def likely(self, u: int) -> Iterator[tuple[int | None, Array | None]]:
        """What update u, counted from 0, may be made with, likeliest first: the place among the parts, the part."""
        if self.one_each and u < len(self.parts):
            self.at = u
        near = [(i, self.parts[i]) for i in range(self.at, min(self.at + _AHEAD, len(self.parts)))]
        first = [self.last] if self.last[0] is None and not self.one_each else near[:1]
        yield from first
        for one in (self.last, *near, (None, None)):
            if not any(one[0] == other[0] for other in first):
                yield one

    def was(self, place: int | None, examples: Array | None) -> None:
        """The last update was made with these."""
        self.last = place, examples
        if place is not None:
            self.at = place + 1 if self.one_each else max(self.at, place + 1)

    def targets(self, place: int | None) -> Array | None:
        """The examples whose targets were taken with a part, if they are others."""
        if place is None or same(self.of_Y[place], self.parts[place], in_order=True):
            return None
        return self.of_Y[place] if len(self.of_Y[place]) == len(self.parts[place]) else None


def same(one: Array | None, other: Array | None, in_order: bool = False) -> bool:
    """Whether both are the same examples."""
    if one is None or other is None:
        return one is other
    if len(one) != len(other):
        return False
    return bool((one == other).all() if in_order else (np.sort(one) == np.sort(other)).all())


def _parts(m: int, taken: Sequence[Array], updates: int) -> list[Array]:
    """The parts that are not all examples; of others than one for each update those that differ from the one before."""
    parts = [part for part in taken if len(part) < m or len(np.unique(part)) < m]
    if len(parts) == updates:
        return parts
    found: list[Array] = []
    for part in parts:
        if not found or not same(found[-1], part, in_order=True):
            found.append(part)
    return found
