"""Files that are read block by block: row groups of Parquet, record batches of Arrow, pieces of an array (.npy)."""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from chainrule.blocks.places import ARRAYS, ARROW, Place
from chainrule.readers import arrow
from chainrule.readers.common import ReaderError, opening

if TYPE_CHECKING:
    import pyarrow as pa

PIECE = 4 << 20  # bytes of a block of an array
_ADVICE = {
    "x": ": numpy.save(file, X.astype(float))",
    "y": ", or labels as text: numpy.save(file, y.astype(str))",
}
_FOOTERS = 32  # of Parquet files that are kept


class File(Protocol):
    """A file of blocks. sizes: the rows of each. schema: columns that have one value in each row. nested: others."""

    place: Place
    schema: "pa.Schema"
    nested: dict[str, str]  # with what they hold
    sizes: list[int]
    block: str  # what one is called
    kind: str  # of what

    def has_values(self, name: str) -> bool:
        """Whether a column has a value somewhere, or may have one."""
        ...

    def weight(self, i: int, names: Sequence[str]) -> int:
        """Bytes that these columns of a block take in memory."""
        ...

    def read(self, i: int, names: Sequence[str]) -> "pa.Table":
        """These columns of a block."""
        ...


def opened(place: Place) -> File:
    """The blocks of a file, by its ending."""
    if place.ending in ARRAYS:
        return Npy(place)
    return Arrow(place) if place.ending in ARROW else Parquet(place)


class Parquet:
    """Row groups. The footers of the last files are kept: those of thousands would not fit into the memory."""

    block, kind = "row group", "Parquet"
    _recent: ClassVar[deque["Parquet"]] = deque()

    def __init__(self, place: Place) -> None:
        self.place = place
        self._footer: Any = None
        with opening(place.file, "Parquet"), self._file() as file:
            about = file.metadata
            self.schema = arrow.plain(place.name, file.schema_arrow, about.num_rows)
            self.nested = _others(file.schema_arrow, self.schema)
            self.sizes = [about.row_group(i).num_rows for i in range(about.num_row_groups)]
            leaf = {about.schema.column(j).path: j for j in range(about.num_columns)}
            self._weights = [
                {name: about.row_group(i).column(leaf[name]).total_uncompressed_size for name in self.schema.names}
                for i in range(about.num_row_groups)
            ]

    def _file(self) -> Any:
        from pyarrow import parquet

        file = parquet.ParquetFile(self.place.open(), metadata=self._footer, pre_buffer=not self.place.is_local)
        if self._footer is None:
            self._footer = file.metadata
            self._recent.append(self)
            if len(self._recent) > _FOOTERS:
                self._recent.popleft()._footer = None
        return file

    def has_values(self, name: str) -> bool:
        """Whether a column has a value somewhere; of one of which the file does not say it, too."""
        with opening(self.place.file, "Parquet"), self._file() as file:
            about = file.metadata
            j = next(j for j in range(about.num_columns) if about.schema.column(j).path == name)
            for i, rows in enumerate(self.sizes):
                counts = about.row_group(i).column(j).statistics
                if counts is None or not counts.has_null_count or counts.null_count < rows:
                    return True
        return False

    def weight(self, i: int, names: Sequence[str]) -> int:
        """Bytes that these columns of a row group take, as the file says."""
        widths = {name: _width(self.schema.field(name).type) * self.sizes[i] for name in names}
        return sum(max(self._weights[i][name], widths[name]) for name in names)

    def read(self, i: int, names: Sequence[str]) -> "pa.Table":
        """These columns of a row group."""
        with opening(f"{self.place.file}, row group {i}", "Parquet"), self._file() as file:
            return file.read_row_group(i, columns=list(names), use_threads=False)


class Arrow:
    """Record batches of a file of Arrow."""

    block, kind = "record batch", "Arrow"

    def __init__(self, place: Place) -> None:
        self.place = place
        with opening(place.name, "Arrow"), place.open() as raw:
            if raw.read(6) != b"ARROW1":
                raise ReaderError(
                    f"{place.name}: is a stream of Arrow, whose blocks can only be read in their order; write it as a "
                    "file (pyarrow.ipc.new_file) or as Parquet"
                )
            reader = self._reader(raw, [])
            self._names = reader.schema.names
            self.schema = arrow.plain(place.name, reader.schema, 0)
            self.nested = _others(reader.schema, self.schema)
            first = self._reader(raw, self.schema.names[:1])  # the rows are counted by one column
            self.sizes = [first.get_batch(i).num_rows for i in range(first.num_record_batches)]

    def _reader(self, raw: Any, names: Sequence[str]) -> Any:
        import pyarrow as pa

        fields = [self._names.index(name) for name in names] if names else None
        return pa.ipc.open_file(raw, options=pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False))

    def has_values(self, name: str) -> bool:
        """It may have some."""
        return True

    def weight(self, i: int, names: Sequence[str]) -> int:
        """Bytes that these columns of a batch take, but for texts, of which it does not say."""
        return sum(self.sizes[i] * _width(self.schema.field(name).type) for name in names)

    def read(self, i: int, names: Sequence[str]) -> "pa.Table":
        """These columns of a batch."""
        import pyarrow as pa

        with opening(f"{self.place.name}, record batch {i}", "Arrow"), self.place.open() as raw:
            batch = self._reader(raw, names).get_batch(i)
            batch.validate(full=True)
            return pa.Table.from_batches([batch]).select(names)


class Npy:
    """The rows of an array in a .npy file, some at a time; its columns are x1, x2, …."""

    block, kind = "piece", "array"

    def __init__(self, place: Place, letter: str = "x") -> None:
        import pyarrow as pa

        self.place, self.nested = place, dict[str, str]()
        with opening(place.name, "an array (.npy)"), place.open() as raw:
            version = np.lib.format.read_magic(raw)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, by_columns, self._dtype = header(raw)
            self._begin, size = raw.tell(), raw.size()
        kinds = "biufU" if letter == "y" else "biuf"  # labels may be text
        if self._dtype.kind not in kinds or (self._dtype.kind == "f" and self._dtype.itemsize > 8):
            raise ReaderError(
                f"{place.name}: got an array of {self._dtype}, wanted numbers of 64 bits or fewer{_ADVICE[letter]}"
            )
        if len(shape) not in (1, 2):
            raise ReaderError(f"{place.name}: got an array of shape {shape}, wanted (rows, columns)")
        if by_columns and len(shape) == 2 and min(shape) > 1:
            raise ReaderError(
                f"{place.name}: its array lies column by column, so that its rows cannot be read one after the other; "
                "save it with numpy.save(…, numpy.ascontiguousarray(X))"
            )
        rows, self._width = shape[0], int(np.prod(shape[1:]))
        self._row = self._dtype.itemsize * self._width
        if self._begin + rows * self._row > size:
            raise ReaderError(f"{place.name}: ends before its {rows:,} rows do; write it anew")
        each = max(1, PIECE // max(1, self._row))
        self.sizes = [min(each, rows - start) for start in range(0, rows, each)]
        self.starts = [each * i for i in range(len(self.sizes))]
        names = [letter] if len(shape) == 1 else [f"{letter}{j + 1}" for j in range(self._width)]
        self.schema = pa.schema([(name, pa.from_numpy_dtype(self._dtype.newbyteorder("="))) for name in names])

    def has_values(self, name: str) -> bool:
        """It has."""
        return True

    def weight(self, i: int, names: Sequence[str]) -> int:
        """Bytes of all columns: a row is read as a whole."""
        return self.sizes[i] * self._row

    def slice(self, start: int, count: int, names: Sequence[str]) -> dict[str, Any]:
        """These columns of some rows."""
        with opening(self.place.name, "an array (.npy)"), self.place.open() as raw:
            raw.seek(self._begin + start * self._row)
            rows = np.frombuffer(raw.read(count * self._row), self._dtype).reshape(count, self._width)
        rows = rows.astype(self._dtype.newbyteorder("="), copy=False)
        return {name: rows[:, self.schema.names.index(name)] for name in names}

    def read(self, i: int, names: Sequence[str]) -> "pa.Table":
        """These columns of a piece."""
        import pyarrow as pa

        return pa.table(self.slice(self.starts[i], self.sizes[i], names))


class Pair:
    """The rows of two arrays that belong together: the second has the columns y1, y2, …, or y."""

    block, kind = "piece", "array"

    def __init__(self, X: Npy, Y: Npy) -> None:
        import pyarrow as pa

        self.place, self.sizes, self._parts, self.nested = X.place, X.sizes, (X, Y), X.nested
        if sum(X.sizes) != sum(Y.sizes):
            raise ReaderError(
                f"{Y.place.name}: has {sum(Y.sizes):,} rows, wanted {sum(X.sizes):,}, as many as {X.place.name}"
            )
        self.schema = pa.unify_schemas([X.schema, Y.schema])

    def has_values(self, name: str) -> bool:
        """It has."""
        return True

    def weight(self, i: int, names: Sequence[str]) -> int:
        """Bytes of the rows of the first array."""
        return self._parts[0].weight(i, names)

    def read(self, i: int, names: Sequence[str]) -> "pa.Table":
        """These columns of a piece."""
        import pyarrow as pa

        columns: dict[str, Any] = {}
        for part in self._parts:
            some = [name for name in names if name in part.schema.names]
            columns |= part.slice(self._parts[0].starts[i], self.sizes[i], some)
        return pa.table({name: columns[name] for name in names})


def _others(every: "pa.Schema", plain: "pa.Schema") -> dict[str, str]:
    """The columns that are left out, with their types."""
    return {field.name: str(field.type) for field in every if field.name not in plain.names}


def _width(kind: "pa.DataType") -> int:
    """Bytes of a value of a type, as far as it says."""
    try:
        bits: int = kind.bit_width
    except ValueError:
        return 8
    return max(1, bits // 8)
