"""Tables in Excel's files (.xlsx, .xlsm), read row by row, so that no cell far away makes a table large."""

import io
import warnings
import zipfile
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from chainrule.errors import ReadingNote
from chainrule.readers import archives, layout
from chainrule.readers.common import Options, ReaderError, Source, check_size, opening
from chainrule.readers.frames import are_totals, as_text, check_names, column, finished, named
from chainrule.text import did_you_mean, first_few

if TYPE_CHECKING:
    import pandas as pd

Row = list[Any]

_MOST_ROWS = 1 << 20  # of Excel
_MOST_CELLS = 2_000_000  # beside one for each two bytes of the file: each takes some 4 µs
_EACH = 40  # bytes that Python has for a cell beside its text
_ERRORS = ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#SPILL!", "#CALC!")


def read(source: Source, options: Options) -> "pd.DataFrame":
    """The table on a sheet: on the first that is shown and not empty, if none is asked for."""
    if source.data.startswith(b"\xd0\xcf\x11\xe0"):
        raise ReaderError(f"{source.path}: has a password or is an old .xls file; save it as .xlsx without a password")
    with opening(source.path, "Excel"):
        import openpyxl

        with zipfile.ZipFile(io.BytesIO(source.data)) as archive:
            archives.members(source.path, archive, source.size, "Excel")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is no cell, and is left out
            book = openpyxl.load_workbook(io.BytesIO(source.data), read_only=True, data_only=True, keep_links=False)
            budget = [_MOST_CELLS + source.size // 2]
            every = {each.title: each for each in book.worksheets}
            if options.sheet is not None:
                return _table(source, list(_rows(source, _named(source, every, options.sheet), budget)), options)
            shown = {title: each for title, each in every.items() if each.sheet_state == "visible"}
            full: dict[str, list[Row]] = {}
            for title, each in (shown or every).items():
                # Of the second and later ones it is enough to know that there is something on them.
                if rows := list(islice(_rows(source, each, budget), 1 if full else None)):
                    full[title] = rows
        if not full:
            raise ReaderError(f"{source.path}: its {len(every)} sheets are empty")
        title, *others = full
        if others:
            note = f"read is the sheet {title!r}, not {first_few(others, 5, quoted=True)}; say sheet= for another"
            warnings.warn(f"{source.path}: {note}", ReadingNote, stacklevel=4)
        return _table(source, full[title], options)


def _named(source: Source, sheets: dict[str, Any], name: str) -> Any:
    if name in sheets:
        return sheets[name]
    if name.isdecimal() and 0 < int(name) <= len(sheets):
        return list(sheets.values())[int(name) - 1]
    hint = did_you_mean(name, sheets)
    raise ReaderError(f"{source.path}: no sheet {name!r}.{hint} Sheets: {first_few(sheets, quoted=True)}")


def _rows(source: Source, sheet: Any, budget: list[int]) -> Iterator[Row]:
    """The rows of a sheet up to their last cell with something in it; no empty ones at the beginning or the end."""
    sheet.reset_dimensions()  # what a file says of them can be wrong
    empty, begun, opened = 0, False, 0
    for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
        budget[0] -= len(cells)
        if number > _MOST_ROWS or budget[0] < 0:
            raise ReaderError(
                f"{source.path}: more rows or cells than Excel writes into a file of this size; save the table as .csv"
            )
        row = [_value(cell) for cell in cells]
        while row and row[-1] is None:
            del row[-1]
        if not row:
            empty += begun
            continue
        opened += _EACH * len(row) + 64 * (1 + empty)
        check_size(source.path, opened, source.size, "its sheet")
        yield from ([] for _ in range(empty))
        yield row
        empty, begun = 0, True


def _value(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    cell = cell.strip()
    return None if not cell or cell in _ERRORS else cell


def _table(source: Source, rows: list[Row], options: Options) -> "pd.DataFrame":
    """Where on a sheet the table is, and its columns."""
    left = min((next(i for i, cell in enumerate(row) if cell is not None) for row in rows if row), default=0)
    rows = [row[left:] for row in rows]
    texts = [["" if cell is None else as_text(cell) for cell in row] for row in rows[: layout.LOOKED_AT]]
    found = layout.arranged(
        [layout.Row(cells, i, i) for i, cells in enumerate(texts, 1) if cells], options.header, options.target
    )
    body = rows[found.lines :]
    width = max(len(found.names), *map(len, body), 0)
    names = [*found.names, *[""] * (width - len(found.names))]
    check_names(source.path, names)
    check_size(source.path, 8 * len(body) * width, source.size, "its sheet")
    last = [["" if cell is None else as_text(cell) for cell in row] or [""] for row in body[1:][-layout.MOST_BELOW :]]
    remarks, totals = layout.below(last, width)
    body = [row for row in body[: len(body) - len(remarks)] if row]
    target = named(options.target, names)

    def frame(body: list[Row]) -> "pd.DataFrame":
        import pandas as pd

        cells = ([row[i] if i < len(row) else None for row in body] for i in range(width))
        return pd.DataFrame({i: column(values, names[i] == target) for i, values in enumerate(cells)})

    above = frame(body[:-1] if totals else body)
    if totals and not are_totals(above, totals):
        above, totals = frame(body), []
    for note in [*found.notes, *layout.said_below(totals, remarks)]:
        warnings.warn(f"{source.path}: {note}", ReadingNote, stacklevel=5)
    return finished(above, names)
