"""Tables in JSON: a list of records, columns, columns beside rows, or one record in each line."""

import io
import json
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from chainrule.errors import ReadingNote
from chainrule.readers import encoding
from chainrule.readers.common import ReaderError, Source, check_size, opening
from chainrule.readers.frames import MOST_COLUMNS, column, named
from chainrule.text import first_few

if TYPE_CHECKING:
    import pandas as pd

_EACH = 48  # bytes that Python has for a value beside its text, at least
_FORMS = "a list of records, columns of values, columns and data, or a record in each line"


def read(source: Source, lines: bool, target: str | None) -> "pd.DataFrame":
    """The table in a JSON file. lines: whether each line is a record of its own."""
    data = encoding.utf8(source)
    values = sum(map(data.count, (b",", b"[", b"{", b"\n")))
    check_size(source.path, _EACH * values + 2 * len(data), source.size, "as values it")
    with opening(source.path, "JSON"):
        if lines or _each_line(data):
            return frame(source, of_lines(source, io.BytesIO(data)), target)
        return frame(source, _records(source, json.loads(data)), target)


def of_lines(source: Source, file: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The records of a file with one in each line."""
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise ReaderError(f"{source.path}: line {number} is no JSON: {error}") from None
        if not isinstance(record, dict):
            raise ReaderError(f'{source.path}: line {number} is no record, wanted {{"column": value, …}} in each line')
        yield record


def frame(source: Source, records: Iterable[dict[str, Any]], target: str | None) -> "pd.DataFrame":
    """A row for each record. What is in records within records becomes a column as outer.inner; lists are left out."""
    import pandas as pd

    columns: dict[str, list[Any]] = {}
    lists: dict[str, None] = {}
    rows = 0
    for record in records:
        rows += 1
        for name, value in _flat(record):
            if isinstance(value, list):
                lists[name] = None
                continue
            values = columns.get(name)
            if values is None:
                if len(columns) == MOST_COLUMNS:
                    raise ReaderError(f"{source.path}: more than {MOST_COLUMNS:,} different columns in its records")
                values = columns[name] = []
                check_size(source.path, 8 * rows * len(columns), source.size, "as a table it")
            values.extend([None] * (rows - 1 - len(values)))
            if len(values) == rows:
                raise ReaderError(f"{source.path}: record {rows} has {name!r} twice")
            values.append(value)
    check_size(source.path, 8 * rows * len(columns), source.size, "as a table it")
    for name in lists:
        columns.pop(name, None)
    if lists and not columns:
        raise ReaderError(f"{source.path}: every column holds lists, wanted one value in each row")
    if lists:
        note = f"columns that hold lists are left out: {first_few(lists, 5)}"
        warnings.warn(f"{source.path}: {note}", ReadingNote, stacklevel=4)
    target = named(target, columns)
    whole = {name: column(values + [None] * (rows - len(values)), name == target) for name, values in columns.items()}
    return pd.DataFrame(whole, index=range(rows))


def _flat(record: dict[str, Any], outer: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{outer}{name}.")
        else:
            yield outer + name, value


def _each_line(data: bytes) -> bool:
    """Whether the first line is a record, and another line follows."""
    first, _, more = data.strip().partition(b"\n")
    if not more.strip() or not first.startswith(b"{"):
        return False
    try:
        return isinstance(json.loads(first), dict)
    except ValueError:
        return False


def _records(source: Source, value: Any) -> Any:
    """The records in a value, whichever of the usual forms it has."""
    if isinstance(value, dict):
        names, data = value.get("columns"), value.get("data")
        if isinstance(names, list) and isinstance(data, list):
            return _rows(source, list(map(str, names)), data)
        parts = list(value.values())
        if parts and all(isinstance(part, list) for part in parts) and not any(_are(dict, part) for part in parts):
            return _of_columns(source, {name: dict(enumerate(part)) for name, part in value.items()})
        if parts and all(isinstance(part, dict) for part in parts):
            # pandas writes columns of rows, or rows of columns; it is rows that are counted.
            counted = all(name.isdecimal() for name in value) and not all(name.isdecimal() for name in parts[0])
            return parts if counted else _of_columns(source, value)
        tables = [name for name, part in value.items() if _are(dict, part)]
        if len(tables) == 1:
            return value[tables[0]]  # beside it stands what is about the table
        if not any(isinstance(part, list | dict) for part in parts) and parts:
            return [value]
    elif _are(dict, value):
        return value
    elif _are(list, value) and all(isinstance(name, str) for name in value[0]):
        return _rows(source, value[0], value[1:])
    elif _are(list, value):
        return _rows(source, [f"column{i + 1}" for i in range(len(value[0]))], value)
    raise ReaderError(f"{source.path}: no table that is known in JSON, wanted {_FORMS}")


def _are(kind: type, values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(value, kind) for value in values)


def _rows(source: Source, names: list[str], rows: list[Any]) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list) or len(row) != len(names):
            got = f"{len(row)} values" if isinstance(row, list) else type(row).__name__
            raise ReaderError(f"{source.path}: row {number} has {got}, wanted a list of {len(names)}")
        yield dict(zip(names, row, strict=True))


def _of_columns(source: Source, columns: dict[str, dict[Any, Any]]) -> Iterator[dict[str, Any]]:
    rows: dict[Any, None] = {}
    for values in columns.values():
        rows.update(dict.fromkeys(values))
    check_size(source.path, 8 * len(rows) * len(columns), source.size, "as a table it")
    for row in rows:
        yield {name: values.get(row) for name, values in columns.items()}
