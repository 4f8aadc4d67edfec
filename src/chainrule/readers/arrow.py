"""From a table of Arrow to a DataFrame: whole numbers stay exact, and errors name the column."""

import warnings
from typing import TYPE_CHECKING

from chainrule.errors import ReadingNote
from chainrule.readers.common import ReaderError, opening
from chainrule.readers.frames import check_names
from chainrule.text import first_few

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def plain(path: object, schema: "pa.Schema", rows: int) -> "pa.Schema":
    """The columns with one value in each row. Lists and the like are left out, with a note."""
    import pyarrow as pa

    check_names(path, schema.names)
    if not schema.names:
        raise ReaderError(f"{path}: no examples, got {rows} rows of 0 columns")
    nested = [field for field in schema if pa.types.is_nested(field.type)]
    if len(nested) == len(schema):
        raise ReaderError(f"{path}: column {nested[0].name!r} holds {nested[0].type}, wanted one value in each row")
    if nested:
        left_out = first_few((f"{field.name}: {field.type}" for field in nested), 5)
        note = f"columns with more than one value in each row are left out ({left_out})"
        warnings.warn(f"{path}: {note}", ReadingNote, stacklevel=4)
    return pa.schema([field for field in schema if field not in nested], schema.metadata)


def frame(path: object, table: "pa.Table") -> "pd.DataFrame":
    """The table for pandas; a named index is a column of it."""
    import pandas as pd
    import pyarrow as pa

    columns = list(zip(table.schema.names, table.columns, strict=True))
    for name, column in columns:
        _check_text(path, name, column)
    # Dates as objects of Python would end with the year 9999, in an error without a column.
    try:
        frame = table.to_pandas(date_as_object=False)
    except Exception:  # which does not name the column
        for name, column in columns:
            with opening(path, f"column {name!r} of {column.type}"):
                column.to_pandas()
        raise
    frame = frame.reset_index(drop=all(name is None for name in frame.index.names))
    frame.columns = [str(column) for column in frame.columns]
    check_names(path, frame.columns)
    exact = {pa.int64(): pd.Int64Dtype(), pa.uint64(): pd.UInt64Dtype()}
    # With a missing value among them, whole numbers have become floats: beyond 2⁵³, other numbers.
    for name, column in columns:
        if column.type in exact and column.null_count and name in frame and (frame[name].abs() >= 2**53).any():
            frame[name] = column.to_pandas(types_mapper=exact.get)
    return frame


def _check_text(path: object, name: str, column: "pa.ChunkedArray") -> None:
    """Refuse text that is no UTF-8, with its row."""
    import pyarrow as pa

    try:
        column.validate(full=True)
    except pa.ArrowInvalid as error:
        row = 1
        for item in column:
            try:
                item.as_py()
            except UnicodeDecodeError:
                raise ReaderError(f"{path}: column {name!r} is no UTF-8 text in row {row}; write it anew") from None
            row += 1
        raise ReaderError(f"{path}: column {name!r} is damaged: {error}") from None
