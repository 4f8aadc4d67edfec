"""Arrays that note which examples a training takes of them: the batches, in whatever order they are drawn.

What is noted is where to look, never a proof: each update is recomputed with the examples that may be meant.
"""

from typing import Any

import numpy as np

from chainrule._types import Array

_MOST = 200_000  # parts that are noted; a training takes no more than a few for each update


class Watched(np.ndarray):
    """An array that knows the example of each of its numbers; what is computed with it is a plain array again."""

    __array_priority__ = -1.0
    examples: Array | None = None  # of the same shape
    taken: list[Array]

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        if array is self:
            return self
        return array[()] if return_scalar else np.asarray(array)

    def __getitem__(self, key: Any) -> Any:
        return self._part(super().__getitem__(key), lambda examples: examples[key])

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def take(self, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
        """The part that NumPy's take gives."""
        return self._part(super().take(indices, axis, out, mode), lambda examples: examples.take(indices, axis))

    def _part(self, part: Any, of: Any) -> Any:
        if self.examples is None or not isinstance(part, Watched):
            return part
        examples = of(self.examples)
        if part.size and len(self.taken) < _MOST:
            self.taken.append(_along(examples))
        return _known(part, examples, self.taken)


def _noting(name: str, moves: bool) -> Any:
    """The method of an array that keeps every number; moves: whether it puts them into another shape."""

    def method(self: Watched, *args: Any, **named: Any) -> Any:
        other = getattr(np.ndarray, name)(self, *args, **named)
        if self.examples is None:
            return other
        examples = getattr(self.examples, name)(*args, **named) if moves else self.examples
        return _known(other, examples, self.taken)

    return method


for _name in ("transpose", "swapaxes", "reshape", "ravel", "flatten", "squeeze", "copy", "astype"):
    setattr(Watched, _name, _noting(_name, moves=_name not in ("copy", "astype")))
Watched.T = property(lambda self: self.transpose())  # type: ignore[assignment]


def _known(array: Any, examples: Array, taken: list[Array]) -> Any:
    if isinstance(array, Watched):
        array.examples, array.taken = examples, taken
    return array


def _along(examples: Array) -> Array:
    """The examples of a part, in their order along the axis on which they lie."""
    if examples.ndim != 2:
        return examples.ravel() if examples.size == 1 or examples.ravel()[0] != examples.ravel()[-1] else examples[:1]
    row, column = examples[0], examples[:, 0]
    return column if len(column) > 1 and (row == row[0]).all() and column[0] != column[-1] else row


def watched(A: Array, axis: int) -> Watched:
    """A copy of A, whose examples lie along this axis, that notes in `taken` what is taken of it."""
    array = A.copy().view(Watched)
    shape = [1] * A.ndim
    shape[axis] = A.shape[axis]
    array.examples = np.broadcast_to(np.arange(A.shape[axis]).reshape(shape), A.shape)
    array.taken = []
    return array
