"""Tables larger than the memory, block by block."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._types import Array
from chainrule.blocks import ahead, formats, memory, numbers, places, schemas
from chainrule.blocks import classes as labels_of
from chainrule.blocks.source import Source
from chainrule.checks import check_whole
from chainrule.readers import arrow
from chainrule.readers.common import ReaderError
from chainrule.text import did_you_mean, first_few

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Names = str | Sequence[str]


class Blocks(Source):
    """A table on the disk, or anywhere else, that is read block by block and so may be larger than the memory.

    `Network.train`, the estimators and their `predict` take it in place of X and y. A block is a row group of Parquet,
    a record batch of Arrow, or 4 MB of an array (.npy); text (.csv, .tsv, .jsonl …) is converted to Parquet once.

    Parameters
    ----------
    source : path, URL or list of them
        A file, a folder with all in it, or a glob, of one format and with the same columns. URLs (s3://, gs:// …) are
        opened by pyarrow, or by fsspec where it is installed.
    columns : list of str, optional
        The inputs; all but target and weights unless given.
    target : str or list of str, optional
        The column to predict, or several; for .npy the file of the targets, or a list of as many.
    weights : str, optional
        The column with the weight of each example.
    classes : list, optional
        All labels of the target, in the order of the outputs; those that are there, sorted, unless given. Needed where
        a network is measured on labels of which some may be missing (``classes=blocks.classes`` of its training).
    window : int, optional
        How many blocks are mixed at a time; as many as hold about 64 MB unless given, and at least 2.
    cache : path, optional
        The folder for what text is converted to; beside it unless given.

    Attributes
    ----------
    rows : int
        In all blocks.
    sizes : tuple of int
        The rows of each block.
    columns : tuple of str
        The inputs, in their order.
    targets : tuple of str
        The columns to predict.
    weights : str or None
        The column with the weight of each example.
    starts : tuple of int
        How many rows come before each block.

    Raises
    ------
    ReaderError
        For what cannot be read, columns that are not there, and formats that are not known.
    """

    def __init__(
        self,
        source: Any,
        *,
        columns: Sequence[str] | None = None,
        target: Names | None = None,
        weights: str | None = None,
        classes: Any = None,
        window: int | None = None,
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        _check_given(columns, target, weights)
        found = places.find(source)
        check_whole(window=window)
        is_text = found[0].ending in places.TEXTS
        files = schemas.of_texts(found, cache) if is_text else list(map(formats.opened, found))
        if found[0].ending in places.ARRAYS:
            files, target = _with_targets(files, target)
        self._files = [file for file in files if sum(file.sizes)] or files[:1]
        self.targets = () if target is None else (target,) if isinstance(target, str) else tuple(target)
        self.schema, self._read_as = schemas.together(self._files, self.targets)
        self.weights, self.window = weights, window
        others = {*self.targets, weights}
        self.columns = tuple(n for n in self.schema.names if n not in others) if columns is None else tuple(columns)
        self._check_names()
        # Blocks without a row are none.
        self._blocks = [(file, i) for file in self._files for i, rows in enumerate(file.sizes) if rows]
        self.sizes = tuple(file.sizes[i] for file, i in self._blocks)
        self.rows = sum(self.sizes)
        if not self.rows:
            raise ReaderError(f"{found[0].name}: no examples, it has no rows")
        if found[0].ending not in places.ARRAYS:
            self.names = self.columns
        if all(str(self.schema.field(name).type) == "float" for name in self.columns):
            self.dtype = np.dtype(np.float32)
        kinds = [self.schema.field(name).type for name in self.targets]
        self.numeric, self.outputs, self.weighted = all(map(numbers.is_number, kinds)), len(kinds), weights is not None
        self._names = (*self.columns, *self.targets, *filter(None, [weights]))
        self.starts = tuple(accumulate(self.sizes[:-1], initial=0))
        if classes is not None:
            if len(self.targets) != 1:
                raise ReaderError(f"classes: are of one target, got {first_few(self.targets) or 'none'}")
            self.given = labels_of.checked(classes)

    def _check_names(self) -> None:
        """ReaderError for a column that is not in each of the files, or stands in two places."""
        wanted = (*self.columns, *self.targets, *filter(None, [self.weights]))
        for file in self._files:
            for name in wanted:
                if name in file.nested:
                    raise ReaderError(
                        f"{file.place.name}: column {name!r} holds {file.nested[name]}, wanted one value in each row; "
                        "make columns of numbers of it, or leave it out"
                    )
                if name not in file.schema.names:
                    hint, known = did_you_mean(name, file.schema.names, 3), first_few(file.schema.names, quoted=True)
                    raise ReaderError(f"{file.place.name}: no column {name!r}.{hint} Columns: {known}")
        if twice := [name for i, name in enumerate(wanted) if name in wanted[:i]]:
            raise ReaderError(f"{self._files[0].place.name}: column {twice[0]!r} is asked for twice")
        if not self.columns:
            raise ReaderError(f"{self._files[0].place.name}: no columns are left to predict from")

    def name(self, i: int) -> str:
        """What to call a block in an error: its file, and which it is there."""
        file, k = self._blocks[i]
        return f"{file.place.name}, {file.block} {k}"

    def arrow(self, i: int, columns: Sequence[str]) -> "pa.Table":
        """These columns of a block as a table of Arrow."""
        file, k = self._blocks[i]
        memory.check(self.name(i), self.sizes[i], 2 * self.weight(i, columns), "to read them takes")
        with self.named(i):
            return schemas.cast(file.read(k, columns), self._read_as)

    def weight(self, i: int, columns: Sequence[str]) -> int:
        """Bytes that these columns of a block take in memory, about."""
        file, k = self._blocks[i]
        return file.weight(k, columns)

    def read(self, i: int, columns: Sequence[str] | None = None) -> "pd.DataFrame":
        """One block as a frame, whose index counts the rows of the whole table.

        Parameters
        ----------
        i : int
            Which, from 0 to len(sizes) − 1.
        columns : list of str, optional
            Inputs, targets and weights unless given; any columns of the files.

        Returns
        -------
        pandas.DataFrame
        """
        names = self._names if columns is None else columns
        with self.named(i):
            frame = arrow.frame(self.name(i), self.arrow(i, names))
        frame.index += self.starts[i]
        return frame

    def tables(self, columns: Sequence[str] | None = None) -> "Iterator[pd.DataFrame]":
        """All blocks in their order, as `read` gives them, one read ahead.

        Parameters
        ----------
        columns : list of str, optional
            As for `read`.

        Returns
        -------
        iterator of pandas.DataFrame
        """
        return ahead.each(partial(self.read, i, columns) for i in range(len(self.sizes)))

    @property
    def classes(self) -> Array:
        """The labels of the target: those that were given, or the different ones in their order, out of all rows.

        Returns
        -------
        array of shape (classes,)
        """
        return np.array(sorted(self._counts)) if self.given is None else self.given

    @property
    def counts(self) -> Array:
        """How many rows there are of each class.

        Returns
        -------
        array of shape (classes,)
        """
        return np.array([self._counts[label] for label in self.classes.tolist()])

    @cached_property
    def _counts(self) -> Counter[Any]:
        if len(self.targets) != 1:
            raise ReaderError(f"target: got {first_few(self.targets) or 'none'}, wanted one column of labels")
        found, (column,) = Counter[Any](), self.targets
        tables = ahead.each(partial(self.arrow, i, self.targets) for i in range(len(self.sizes)))
        for i, table in enumerate(tables):
            different, places = numbers.labels(self.name(i), self.starts[i], table.column(column), column)
            counts = np.bincount(places, minlength=len(different))
            found.update({label: n for label, n in zip(different.tolist(), counts.tolist(), strict=True) if n})
            if len(found) > numbers.MOST_CLASSES:
                raise ReaderError(
                    f"{self.name(i)}: the target {column!r} has more than {numbers.MOST_CLASSES:,} different values "
                    f"({first_few(found, 3)}), wanted classes"
                )
        return found

    # -- what Source asks --------------------------------------------------------------------------------------------

    @property
    def features(self) -> int:  # type: ignore[override]
        """The inputs of a row."""
        return len(self.columns)

    def labeled(self, i: int, dtype: np.dtype[Any], labels: bool) -> tuple[Array, Array, Array | None]:
        """X (r, n), y and the weights (r,) of a block; y are labels (r,) or numbers (r, outputs)."""
        name, start, table = self.name(i), self.starts[i], self.arrow(i, self._names)
        X, w = numbers.matrix(name, start, table, self.columns, dtype), None
        if labels:
            different, found = numbers.labels(name, start, table.column(self.targets[0]), self.targets[0])
            y = different[found]
        else:
            y = numbers.matrix(name, start, table, self.targets, dtype, numbers.TARGET)
        if self.weights is not None:
            w = numbers.weights(name, start, table, self.weights, dtype)
        return X, y, w

    def numbers(self, i: int, dtype: np.dtype[Any]) -> Array:
        """The targets (r, outputs) of a block, which are numbers."""
        return numbers.matrix(
            self.name(i), self.starts[i], self.arrow(i, self.targets), self.targets, dtype, numbers.TARGET
        )

    def unlabeled(self, i: int, dtype: np.dtype[Any]) -> Array:
        """X (r, n) of a block."""
        return numbers.matrix(self.name(i), self.starts[i], self.arrow(i, self.columns), self.columns, dtype)

    def check_numbers(self) -> None:
        """ReaderError for inputs that are text, dates and the like."""
        for file in self._files:
            empty = [name for name, kind in self._read_as.items() if numbers.is_number(kind)]  # though text by its type
            columns = [name for name in self.columns if name not in empty]
            numbers.check_schema(file.place.name, file.schema, columns)

    def fingerprint(self) -> str:
        """What tells these blocks from others: columns, sizes, and the size, the beginning and the end of each file."""
        about = hashlib.sha256()
        for file in self._files:
            with file.place.open() as raw:
                size = raw.size()
                about.update(f"{size}".encode() + raw.read(4096))
                raw.seek(max(0, size - (1 << 16)))
                about.update(raw.read())
        parts = {
            "rows": f"{self.rows:,}",
            "blocks": f"{len(self.sizes):,} (checksum {_checksum(self.sizes)})",
            "columns": f"{first_few(self.columns, 5)} (checksum {_checksum(self.columns)})",
            "target": first_few(self.targets) or "none",
            "weights": self.weights or "none",
            "window": "64 MB" if self.window is None else str(self.window),
            "files": f"{len(self._files):,} of {self._files[0].kind} (checksum {about.hexdigest()[:16]})",
        }
        if self.given is not None:
            parts["classes"] = f"{labels_of.shown(self.given)} (checksum {_checksum(self.given.tolist())})"
        return ", ".join(f"{name} {text}" for name, text in parts.items())

    def __repr__(self) -> str:
        others = len(self._files) - 1
        more = f" and {others:,} more" if others else ""
        return (
            f"<Blocks of {self._files[0].place.name}{more}: rows: {self.rows:,}, blocks: {len(self.sizes):,}, "
            f"inputs: {len(self.columns):,}, target: {first_few(self.targets) or 'none'}>"
        )


def _checksum(values: Any) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()[:8]


def _with_targets(files: Sequence[Any], target: Any) -> tuple[list[formats.File], Names | None]:
    """Arrays with those of their targets beside them, where `target` gives files; and the columns that these are."""
    given = [target] if isinstance(target, (str, os.PathLike)) else list(() if target is None else target)
    if not any(os.fspath(one).endswith(places.ARRAYS) for one in given):
        return list(files), target
    if len(given) != len(files):
        raise ReaderError(f"target: got {len(given)} files for {len(files)} of inputs, wanted one for each")
    targets = [formats.Npy(place, "y") for place in places.find(given)]
    pairs: list[formats.File] = [formats.Pair(X, Y) for X, Y in zip(files, targets, strict=True)]
    return pairs, targets[0].schema.names


def _check_given(columns: Any, target: Any, weights: Any) -> None:
    """ReaderError for names that are none."""
    if isinstance(columns, str):
        raise ReaderError(f"columns: got {columns!r}, wanted a list of names: [{columns!r}]")
    for name, given, wanted in (
        ("target", target, "the name of a column, a list of them, or for arrays the .npy file of the targets"),
        ("weights", weights, "the name of a column"),
    ):
        several = given if isinstance(given, (list, tuple)) and name == "target" else [given]
        if any(not isinstance(one, (str, os.PathLike, type(None))) for one in several):
            raise ReaderError(f"{name}: got {places.described(given)}, wanted {wanted}")
