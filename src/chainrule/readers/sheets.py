"""Tables in Excel's files (.xlsx, .xlsm), read row by row, so that no cell far away makes a table large."""

import io
import warnings
import zipfile
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from chainrule.errors import ReadingNote
from chainrule.readers import archives, foreign, layout, workbook
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
    """The table on a sheet; see `_chosen` for which, if none is asked for."""
    if source.data.startswith(b"\xd0\xcf\x11\xe0"):
        raise ReaderError(f"{source.path}: has a password or is an old .xls file; save it as .xlsx without a password")
    with opening(source.path, "Excel"):
        import openpyxl

        if what := _no_workbook(source):
            raise ReaderError(f"{source.path}: not readable as Excel: {what}")
        with zipfile.ZipFile(io.BytesIO(source.data)) as archive:
            archives.members(source.path, archive, source.size, "Excel")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is no cell, and is left out
            book = openpyxl.load_workbook(io.BytesIO(source.data), read_only=True, data_only=True, keep_links=False)
            reader = _Reader(source, options, workbook.percents(book))
            every = {each.title: each for each in book.worksheets}
            title, notes = _chosen(reader, every)
            below = workbook.Below(workbook.merged(every[title]))
            rows = list(reader.rows(every[title], below))
        for note in notes:
            warnings.warn(f"{source.path}: {note}", ReadingNote, stacklevel=4)
        return _table(source, rows, options, below)


def _no_workbook(source: Source) -> str:
    """What else a file is, and what to do: empty where it may be a workbook, or is nothing that is known."""
    if not source.data or source.data.startswith(b"PK"):
        return ""
    text = "" if b"\0" in source.data else f"it is text; call it {source.path.stem}.csv"
    return foreign.misnamed(source.path, source.data) or text


def _chosen(reader: "_Reader", every: dict[str, Any]) -> tuple[str, list[str]]:
    """The sheet to read, and what is to be said of that.

    If none is asked for, it is the one that has the target, or else the first with more than a title or remarks.
    """
    source, target = reader.source, reader.options.target
    if reader.options.sheet is not None:
        return _named(source, every, reader.options.sheet), []
    shown = {title: each for title, each in every.items() if each.sheet_state == "visible"} or every
    begun = {title: [*islice(reader.rows(each), layout.LOOKED_AT)] for title, each in shown.items()}
    full = {title: rows for title, rows in begun.items() if rows}
    if not full:
        raise ReaderError(f"{source.path}: its {len(every)} sheets are empty")
    tables = [title for title, rows in full.items() if len(rows) > 1 and max(map(len, rows)) > 1]
    title, why = (tables or [*full])[0], ""
    if target is not None and len(full) > 1 and not reader.has(full[title], target):
        having = [other for other, rows in full.items() if reader.has(rows, target)]
        if len(having) > 1:
            which = f"{first_few(having, 5, quoted=True)}; say which (--sheet {having[0]!r}, sheet=)"
            raise ReaderError(f"{source.path}: the column {target!r} is on several sheets: {which}")
        if having:
            title, why = having[0], f", which has the column {target!r}"
    others = [other for other in full if other != title]
    note = f"read is the sheet {title!r}{why}, not {first_few(others, 5, quoted=True)}"
    return title, [f"{note}; say --sheet {others[0]!r} (sheet=) for another"] if others else []


def _named(source: Source, sheets: dict[str, Any], name: str) -> str:
    if name in sheets:
        return name
    if name.isdecimal() and 0 < int(name) <= len(sheets):
        return list(sheets)[int(name) - 1]
    hint = did_you_mean(name, sheets)
    raise ReaderError(f"{source.path}: no sheet {name!r}.{hint} Sheets: {first_few(sheets, quoted=True)}")


class _Reader:
    """Reads rows of sheets, as long as there are not more cells than a file of that size has."""

    def __init__(self, source: Source, options: Options, percents: set[int]) -> None:
        self.source, self.options = source, options
        self._percents, self._left = percents, _MOST_CELLS + source.size // 2

    def rows(self, sheet: Any, below: workbook.Below | None = None) -> Iterator[Row]:
        """The rows up to their last cell with something in it; no empty ones at the beginning or the end.

        below: has the values of merged cells for the rows below their first.
        """
        sheet.reset_dimensions()  # what a file says of them can be wrong
        empty, begun, opened, path = 0, False, 0, self.source.path
        for number, cells in enumerate(sheet.iter_rows(values_only=not self._percents), 1):
            self._take(len(cells), number)
            row = [_value(cell) for cell in (workbook.shown(cells, self._percents) if self._percents else cells)]
            while row and row[-1] is None:
                del row[-1]
            if not row:
                empty += begun
                continue
            if below is not None:
                self._take(below.fill(number, row), number)
            opened += _EACH * len(row) + 64 * (1 + empty)
            check_size(path, opened, self.source.size, "its sheet")
            yield from ([] for _ in range(empty))
            yield row
            empty, begun = 0, True

    def _take(self, cells: int, number: int) -> None:
        self._left -= cells
        if number > _MOST_ROWS or self._left < 0:
            raise ReaderError(
                f"{self.source.path}: more rows or cells than Excel writes into a file of this size; save the table "
                "as .csv"
            )

    def has(self, rows: list[Row], target: str) -> bool:
        """Whether a sheet that begins with these rows has a column of that name."""
        names = _layout(rows, self.options)[1].names
        return named(target, names) in names


def _value(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    cell = cell.strip()
    return None if not cell or cell in _ERRORS else cell


def _layout(rows: list[Row], options: Options) -> tuple[int, layout.Layout]:
    """The first column with something in it, and where on a sheet the table is."""
    left = min((next(i for i, cell in enumerate(row) if cell is not None) for row in rows if row), default=0)
    texts = [["" if cell is None else as_text(cell) for cell in row[left:]] for row in rows[: layout.LOOKED_AT]]
    some = [layout.Row(cells, i, i) for i, cells in enumerate(texts, 1) if cells]
    return left, layout.arranged(some, options.header, options.target)


def _table(source: Source, rows: list[Row], options: Options, below: workbook.Below) -> "pd.DataFrame":
    """Where on a sheet the table is, and its columns."""
    left, found = _layout(rows, options)
    rows = [row[left:] for row in rows]
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
    merged = [names[i - left] or f"Unnamed: {i - left}" for i in below.filled(found.lines)]
    said = [f"of merged cells, each row has the value ({first_few(merged, 5)})"] if merged else []
    for note in [*found.notes, *said, *layout.said_below(totals, remarks)]:
        warnings.warn(f"{source.path}: {note}", ReadingNote, stacklevel=5)
    return finished(above, names)
