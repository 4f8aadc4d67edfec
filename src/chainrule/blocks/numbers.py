"""From columns of a block to numbers and classes; what is no number is named with its place."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._types import Array
from chainrule.blocks.text import FIRST_TEXT
from chainrule.checks import first_not_finite
from chainrule.readers.common import ReaderError

if TYPE_CHECKING:
    import pyarrow as pa

MOST_CLASSES = 10_000
_AT_ONCE = 1024  # rows that are turned at once, so that they stay in the cache
TARGET = "It is the target: a regression learns numbers, MLPClassifier and TabularClassifier learn classes"
_ADVICE = "TabularClassifier and TabularRegressor take tables as they are"


def check_schema(name: str, schema: "pa.Schema", columns: Sequence[str], advice: str = "") -> None:
    """ReaderError for a column that does not hold numbers. advice: what to do, of other columns than inputs."""
    for column in columns:
        field = schema.field(column)
        if not is_number(field.type):
            first = (field.metadata or {}).get(FIRST_TEXT, b"").decode()
            where = f"; the first that is no number is in {first}" if first else ""
            raise ReaderError(
                f"{name}: column {column!r} holds {'text' if _is_text(field.type) else field.type}, wanted numbers"
                f"{where}. {advice or f'Leave it out (columns=[…]) or make numbers of it; {_ADVICE}'}"
            )


def is_number(kind: "pa.DataType") -> bool:
    """Whether values of a type of Arrow are numbers; booleans are 0 and 1."""
    from pyarrow import types

    return any(is_a(kind) for is_a in (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal))


def _is_text(kind: "pa.DataType") -> bool:
    return "string" in str(kind)


def matrix(
    name: str, start: int, table: "pa.Table", columns: Sequence[str], dtype: np.dtype[Any], advice: str = ""
) -> Array:
    """These columns of a block as rows (r, n). name, start: its name, and how many rows of the table are before it.

    ReaderError for what is missing, NaN or infinite, with the row and the column.
    """
    check_schema(name, table.schema, columns, advice)
    values = []
    for column in columns:
        cells = table.column(column)
        if cells.null_count:
            row = int(np.argmax(cells.is_null().to_numpy()))
            raise ReaderError(
                f"{name}: column {column!r} has no value in {cells.null_count:,} rows; the first is row "
                f"{start + row:,} of all, counted from 0. Fill or drop them first; {_ADVICE}, with gaps"
            )
        if str(cells.type).startswith("decimal"):
            cells = cells.cast("float64")
        values.append(cells.to_numpy())
    rows = np.empty((table.num_rows, len(columns)), dtype)
    with np.errstate(over="ignore"):  # what becomes infinite is seen below
        for first in range(0, len(rows), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            for j, numbers in enumerate(values):
                rows[some, j] = numbers[some]
    if (where := first_not_finite(rows.T)) is not None:
        j, i, count, _ = where
        limit = f"; {dtype} ends at {np.finfo(dtype).max:.2g}" if np.isfinite(values[j][i]) else ""
        raise ReaderError(
            f"{name}: got NaN or infinity in {count:,} places, wanted finite numbers{limit}. The first is "
            f"{values[j][i]} in column {columns[j]!r}, row {start + i:,} of all, counted from 0"
        )
    return rows


def weights(name: str, start: int, table: "pa.Table", column: str, dtype: np.dtype[Any]) -> Array:
    """The weights of a block, (r,). ReaderError for one below 0."""
    found = matrix(name, start, table, [column], dtype)[:, 0]
    if (found < 0).any():
        row = int((found < 0).argmax())
        raise ReaderError(
            f"{name}: the weight in {column!r}, row {start + row:,} of all, is {found[row]}, wanted 0 or more"
        )
    return found


def labels(name: str, start: int, cells: "pa.ChunkedArray", column: str) -> tuple[Array, Array]:
    """The different labels of a column of a block, and of each row the place of its own among them."""
    import pyarrow as pa

    if cells.null_count:
        row = int(np.argmax(cells.is_null().to_numpy()))
        raise ReaderError(
            f"{name}: the target {column!r} has no value in {cells.null_count:,} rows; the first is row "
            f"{start + row:,} of all, counted from 0. Drop these rows first"
        )
    if not pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_encode()
    cells = cells.unify_dictionaries().combine_chunks()
    cells = cells.chunk(0) if isinstance(cells, pa.ChunkedArray) else cells
    different = cells.dictionary.to_pylist()
    if numbers := [label for label in different if isinstance(label, float) and not label.is_integer()]:
        raise ReaderError(
            f"{name}: the target {column!r} holds numbers such as {numbers[0]}, wanted classes: text, whole numbers "
            "or booleans. A network with output='identity', and MLPRegressor, learn numbers"
        )
    return np.array(different), cells.indices.to_numpy()
