"""Rows that come block by block, and what a network takes of them."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._types import Array
from chainrule.blocks import ahead, memory
from chainrule.blocks.windows import Targets, Windows, together
from chainrule.engines.stream import Rows, Streamed
from chainrule.readers.common import ReaderError
from chainrule.text import first_few

if TYPE_CHECKING:
    from chainrule.network import Network

# y (r,) or (r, k) and the weights (r,) of a block → Y (r, n[L]) and the weights (r,)
Encode = Callable[[Array, Array | None], tuple[Array, Array | None]]


class Source(Streamed):
    """Rows that come block by block: the base of `Blocks`, and of tables that are prepared block by block.

    sizes: the rows of each block; rows: all of them. features: the inputs of a row, names: what they are called, or
    None, dtype: their precision. outputs: the columns to predict, and numeric, whether they hold numbers. weighted:
    whether each row has a weight. window: how many blocks are mixed at a time, or None. What reads runs in threads.
    """

    sizes: Sequence[int]
    rows: int
    features: int
    names: Sequence[str] | None = None
    dtype: np.dtype[Any] = np.dtype(np.float64)
    outputs: int = 1
    numeric: bool = True
    weighted: bool = False
    window: int | None = None

    @property
    @abstractmethod
    def classes(self) -> Array:
        """The different labels of the target, in their order."""

    @property
    @abstractmethod
    def counts(self) -> Array:
        """How many rows there are of each class."""

    @abstractmethod
    def name(self, i: int) -> str:
        """What to call a block in an error."""

    @abstractmethod
    def labeled(self, i: int, dtype: np.dtype[Any], labels: bool) -> tuple[Array, Array, Array | None]:
        """X (r, n), y and the weights (r,) of a block, finite; y are labels (r,) or numbers (r, outputs)."""

    def numbers(self, i: int, dtype: np.dtype[Any]) -> Array:
        """The targets (r, outputs) of a block, which are numbers."""
        return self.labeled(i, dtype, False)[1]

    @abstractmethod
    def unlabeled(self, i: int, dtype: np.dtype[Any]) -> Array:
        """X (r, n) of a block."""

    @abstractmethod
    def fingerprint(self) -> str:
        """What tells these rows from others, without reading all of them."""

    @abstractmethod
    def check_numbers(self) -> None:
        """ReaderError for inputs that are known to be no numbers before any is read."""

    def inputs(self, network: "Network") -> Iterator[Array]:
        """X (n[0], r) of each block, checked but not normalized."""
        self._check(network)
        each = (partial(self.unlabeled, i, network.dtype) for i in range(len(self.sizes)))
        return (X.T for X in ahead.each(each))

    def examples(self, network: "Network") -> tuple[Windows, Targets, None]:
        """X, Y and weights for a training of a network, with numbers as they are, and one-hot columns of labels."""
        outputs = network.sizes[-1]
        softmax = network.g[-1].name == "softmax"
        if not self.outputs:
            raise ReaderError(f"{self!r}: there is nothing to learn; give Blocks(…, target=COLUMN)")
        if self.outputs == outputs and self.numeric:
            return self.windows(network, False, lambda y, w: (y, w), self.weighted)
        if self.outputs != 1 or not (softmax or outputs == 1):
            raise ReaderError(
                f"{self!r}: got {self.outputs} columns to predict, wanted {outputs}, one for each output of the network"
                f"{', or one of labels' if softmax else ''}"
            )
        known, wanted = self.classes, max(2, outputs)
        if known.dtype.kind in "iu" and known[0] >= 0 and known[-1] < wanted:
            known = np.arange(wanted)  # some of them may have no row here
        if len(known) != wanted:
            raise ReaderError(
                f"{self!r}: there are {len(known)} classes ({first_few(known, 5)}), wanted {wanted} for a network with "
                f"{outputs} output{'s' if outputs > 1 else ''}"
            )

        def one_hot(y: Array, w: Array | None) -> tuple[Array, Array | None]:
            found = places(known, y)
            return (found[:, None] if outputs == 1 else found[:, None] == np.arange(outputs)), w

        return self.windows(network, True, one_hot, self.weighted)

    def windows(
        self, network: "Network", labels: bool, encode: Encode, weighted: bool
    ) -> tuple[Windows, Targets, None]:
        """X, Y and weights for a training of a network, with targets and weights as `encode` makes them."""
        self._check(network)

        def block(i: int) -> Rows:
            X, y, w = self.labeled(i, network.dtype, labels)
            Y, w = encode(y, w)
            try:
                columns, targets, _ = network.check_examples(X.T, Y.T, known_finite=True)
            except ValueError as error:
                raise ReaderError(f"{self.name(i)}: {error}") from None
            return columns.T, targets.T, None if w is None else w[:, None].astype(network.dtype, copy=False)

        row = (network.sizes[0] + network.sizes[-1] + weighted) * network.dtype.itemsize
        count = together(self.sizes, row, self.window)
        self._check_memory(count, row)
        shape = network.sizes[0], self.rows
        X = Windows(self.sizes, shape, network.sizes[-1], network.dtype, block, count, weighted, self.fingerprint)
        return X, Targets((network.sizes[-1], self.rows)), None

    def _check(self, network: "Network") -> None:
        if self.features != network.sizes[0]:
            raise ReaderError(
                f"{self!r}: got {self.features} columns of inputs, wanted {network.sizes[0]}, those of the network"
            )
        self.check_numbers()

    def _check_memory(self, count: int, row: int) -> None:
        """ReaderError if three windows do not fit into the memory: at hand, left over of the one before, and read."""
        largest = sorted(range(len(self.sizes)), key=lambda i: self.sizes[i])[-count:]
        needed = 3 * row * sum(self.sizes[i] for i in largest)
        what = f"mixed with {len(largest) - 1} others, while {len(largest)} more are read, it takes"
        memory.check(self.name(largest[-1]), self.sizes[largest[-1]], needed, what)


def places(classes: Array, y: Array) -> Array:
    """The place of each label (r,) among the classes. ReaderError for one that is none of them."""
    found: Array = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    if (wrong := classes[found] != y).any():
        raise ReaderError(f"target: got {y[wrong][0]!r}, which is none of the classes ({first_few(classes, 5)})")
    return found
