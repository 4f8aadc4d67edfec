"""From a table of Arrow to a DataFrame: whole numbers stay exact, and errors name the column."""

import re
import warnings
from typing import TYPE_CHECKING

from chainrule.errors import ReadingNote
from chainrule.readers.common import ReaderError, opening
from chainrule.readers.frames import check_names
from chainrule.text import first_few

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_INDEX = re.compile(r"__index_level_\d+__")  # how pandas calls an index without a name


def plain(path: object, schema: "pa.Schema", rows: int) -> "pa.Schema":
    """The columns with one value in each row. Lists and the like are left out, with a note; pandas' index without."""
    import pyarrow as pa

    check_names(path, schema.names)
    is_index = _INDEX.fullmatch if b"pandas" in (schema.metadata or {}) else lambda _: None
    schema = pa.schema([field for field in schema if not is_index(field.name)], schema.metadata)
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
    frame = frame.reset_index([i for i, name in enumerate(frame.index.names) if name is None], drop=True)
    frame = frame.reset_index(drop=frame.index.names == [None])
    frame.columns = [str(column) for column in frame.columns]
    check_names(path, frame.columns)
    # With a missing value among them, whole numbers have become floats: beyond 2⁵³, other numbers.
    for name, column in columns:
        if _has_become_float(column) and name in frame and (frame[name].abs() >= 2**53).any():
            frame[name] = _whole(column)
    return frame


def exact(frame: "pd.DataFrame", table: "pa.Table") -> "pd.DataFrame":
    """A `frame` of the table whose whole numbers are whole where some are missing, too."""
    columns = zip(table.schema.names, table.columns, strict=True)
    whole = {name: _whole(column) for name, column in columns if _has_become_float(column)}
    return frame.assign(**whole) if whole else frame


def _has_become_float(column: "pa.ChunkedArray") -> bool:
    import pyarrow as pa

    return bool(column.null_count and pa.types.is_integer(column.type))


def _whole(column: "pa.ChunkedArray") -> "pd.api.extensions.ExtensionArray":
    """A column of whole numbers of which some are missing."""
    import pandas as pd
    import pyarrow as pa

    kind, dtype = (pa.uint64(), pd.UInt64Dtype()) if column.type == pa.uint64() else (pa.int64(), pd.Int64Dtype())
    return column.cast(kind).to_pandas(types_mapper={kind: dtype}.get).array


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
