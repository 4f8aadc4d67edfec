"""Rows that come block by block, and what a network takes of them."""

import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._types import Array
from chainrule.blocks import ahead, classes, memory
from chainrule.blocks.windows import Targets, Windows, together
from chainrule.engines.stream import Rows, Streamed
from chainrule.readers.common import ReaderError
from chainrule.text import first_few

if TYPE_CHECKING:
    from chainrule.network import Network

_TWO_LABELS = re.compile(r"values from (\S+) to (\S+);.*(Of two labels make 0 and 1.*)")

# y (r,) or (r, k) and the weights (r,) of a block → Y (r, n[L]) and the weights (r,)
Encode = Callable[[Array, Array | None], tuple[Array, Array | None]]


class Source(Streamed):
    """Rows that come block by block: the base of `Blocks`, and of tables that are prepared block by block.

    sizes: the rows of each block; rows: all of them. features: the inputs of a row, names: what they are called, or
    None, dtype: their precision. outputs: the columns to predict, and numeric, whether they hold numbers. weighted:
    whether each row has a weight. given: the classes that the user says, in the order of the outputs, or None. window:
    how many blocks are mixed at a time, or None. What reads runs in threads.
    """

    sizes: Sequence[int]
    rows: int
    features: int
    names: Sequence[str] | None = None
    dtype: np.dtype[Any] = np.dtype(np.float64)
    outputs: int = 1
    numeric: bool = True
    weighted: bool = False
    given: Array | None = None
    _taught: Array | None = None  # the classes of the last training on these rows
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

    def named(self, i: int) -> AbstractContextManager[None]:
        """Around what is done with a block: an error that names it where the memory does not suffice.

        Parameters
        ----------
        i : int
            Which block.

        Returns
        -------
        context manager
            A MemoryError within it becomes a TooLargeError.
        """
        return memory.named(self.name(i), self.sizes[i])

    def inputs(self, network: "Network") -> Iterator[Array]:
        """X (n[0], r) of each block, checked but not normalized."""
        self._check(network)

        def block(i: int) -> Array:
            with self.named(i):
                return self.unlabeled(i, network.dtype)

        return (X.T for X in ahead.each(partial(block, i) for i in range(len(self.sizes))))

    def examples(self, network: "Network") -> tuple[Windows, Targets, None]:
        """X, Y and weights to measure a network on: of labels one-hot columns, if it is clear which output is which.

        After a training on these very rows it is what it was there.

        Parameters
        ----------
        network : Network
            What is to be measured.

        Returns
        -------
        X, Y and weights

        Raises
        ------
        ReaderError
            It is not clear which output is for which label.
        """
        labels = self._labels(network)
        if labels is not None and self.given is None:
            if self._taught is not None and len(self._taught) == classes.count(network):
                return self._coded(network, self._taught)
            wanted = classes.count(network)
            if len(labels) <= wanted and not classes.are_places(labels, wanted):
                raise ReaderError(
                    f"{self!r}: its labels are {classes.shown(labels)}, and a network does not know which of its "
                    "outputs is for which. Say it in the order of the outputs: Blocks(…, classes=[…]), or classes="
                    f"blocks.classes of those it was trained on. Only the labels 0 … {wanted - 1}, all there, are clear"
                )
        return self._coded(network, labels)

    def learned(self, network: "Network", tell: Callable[[Any], list[Any]] | None) -> tuple[Windows, Targets, None]:
        """X, Y and weights to train a network on, with numbers as they are, and one-hot columns of labels.

        Parameters
        ----------
        network : Network
            What is to be trained.
        tell : function, optional
            Where several processes train together, from what this one says to what each of them says.

        Returns
        -------
        X, Y and weights

        Raises
        ------
        ReaderError
            Too few targets, or other columns or labels than in another process.
        """
        labels = self._labels(network)
        names = None if self.names is None else list(self.names)
        if tell is not None:
            given = None if self.given is None else classes.as_json(self.given)
            own = None if labels is None else classes.as_json(labels)
            told = tell({"columns": names, "targets": self.outputs, "classes given": given, "labels": own})
            labels = classes.together(told, labels)
        if labels is not None and self.given is None:
            labels = self._taught = classes.of_outputs(labels, network)
        return self._coded(network, labels)

    def watched(self, network: "Network", trained: Any) -> tuple[Windows, Targets, None]:
        """X, Y and weights to watch a training on: with its columns and its classes.

        Parameters
        ----------
        network : Network
            What is trained.
        trained : Windows
            X of the training.

        Returns
        -------
        X, Y and weights

        Raises
        ------
        ReaderError
            Other columns, or labels that the training has not.
        """
        names: Sequence[str] | None = getattr(trained, "names", None)
        if names is not None and self.names is not None and list(names) != list(self.names):
            raise ReaderError(
                f"validation: {self!r}: got the columns {first_few(self.names)}, wanted those of the training in "
                f"their order: Blocks(…, columns={list(names)})"
            )
        known = getattr(trained, "classes", None)
        if known is None:
            return self.examples(network)
        if self.outputs != 1:
            raise ReaderError(f"validation: {self!r}: got {self.outputs} targets, wanted the one column of labels")
        if unknown := [label for label in self.classes.tolist() if label not in known.tolist()]:
            raise ReaderError(
                f"validation: {self!r}: has labels that the training has not: {classes.shown(unknown)}; "
                f"its classes are {classes.shown(known)}. Leave such rows out, or train with "
                "Blocks(…, classes=[…]), all labels there will ever be"
            )
        return self._coded(network, known)

    def _labels(self, network: "Network") -> Array | None:
        """The labels that are there, or that were given; None where the targets are numbers, one for each output."""
        outputs = network.sizes[-1]
        softmax = network.g[-1].name == "softmax"
        if not self.outputs:
            raise ReaderError(f"{self!r}: there is nothing to learn; give Blocks(…, target=COLUMN)")
        if self.outputs == outputs and self.numeric and self.given is None:
            return None
        if self.outputs != 1 or not (softmax or outputs == 1):
            raise ReaderError(
                f"{self!r}: got {self.outputs} columns to predict, wanted {outputs}, one for each output of the network"
                f"{', or one of labels' if softmax else ''}"
            )
        return self.classes

    def _coded(self, network: "Network", known: Array | None) -> tuple[Windows, Targets, None]:
        """X, Y and weights, with a one-hot column for each label of these classes, which are those of the outputs."""
        if known is None:
            return self.windows(network, False, lambda y, w: (y, w), self.weighted)
        classes.check_count(repr(self), known, network)
        outputs = network.sizes[-1]

        def one_hot(y: Array, w: Array | None) -> tuple[Array, Array | None]:
            found = classes.places(known, y)
            return (found[:, None] if outputs == 1 else found[:, None] == np.arange(outputs)), w

        X, Y, _ = self.windows(network, True, one_hot, self.weighted)
        X.classes = known
        return X, Y, None

    def windows(
        self, network: "Network", labels: bool, encode: Encode, weighted: bool
    ) -> tuple[Windows, Targets, None]:
        """X, Y and weights for a training of a network, with targets and weights as `encode` makes them."""
        self._check(network)

        def block(i: int) -> Rows:
            with self.named(i):
                X, y, w = self.labeled(i, network.dtype, labels)
                try:
                    Y, w = encode(y, w)
                    columns, targets, _ = network.check_examples(X.T, Y.T, known_finite=True)
                except ValueError as error:
                    raise ReaderError(f"{self.name(i)}: {self._advised(str(error))}") from None
                return columns.T, targets.T, None if w is None else w[:, None].astype(network.dtype, copy=False)

        row = (network.sizes[0] + network.sizes[-1] + weighted) * network.dtype.itemsize
        count = together(self.sizes, row, self.window)
        self._check_memory(count, row)
        shape = network.sizes[0], self.rows
        X = Windows(self.sizes, shape, network.sizes[-1], network.dtype, block, count, weighted, self.fingerprint)
        X.names, X.within = self.names, self.named
        return X, Targets((network.sizes[-1], self.rows)), None

    def _advised(self, message: str) -> str:
        """What is wrong with targets, with what can be done about it in files."""
        values = _TWO_LABELS.search(message)
        if values is None or self.outputs != 1:
            return message
        two = f"{values[1]}, {values[2]}"
        return f"{message[: values.start(3)]}Of two labels say which is 0 and which is 1: Blocks(…, classes=[{two}])"

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
        several = f"{len(largest)} such blocks" if len(largest) > 1 else "one block"
        what = f"a window of {several}, while the next one is read, takes"
        memory.check(self.name(largest[-1]), self.sizes[largest[-1]], needed, what, len(largest))
