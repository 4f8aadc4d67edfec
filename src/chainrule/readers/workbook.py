"""What the cells of a workbook show beside their values: percents, and one value for several rows."""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

Merged = dict[int, list[tuple[int, int]]]  # of the first row: columns, each with its last row; all counted from 0 and 1

_CHUNK, _LONGEST = 1 << 20, 200  # bytes
_MOST = 500_000  # merged cells that are looked at
_MERGE = re.compile(
    rb"<(?:\w+:)?mergeCell\s[^<>]*?ref\s*=\s*[\"']\$?([A-Z]{1,3})\$?(\d{1,7}):\$?[A-Z]{1,3}\$?(\d{1,7})[\"']"
)
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.')  # in a format: what is shown as it is, blanks, and what fills a cell


def percents(book: Any) -> set[int]:
    """The styles of a workbook in which a number is shown as so many hundredths."""
    from openpyxl.styles.numbers import BUILTIN_FORMATS, BUILTIN_FORMATS_MAX_SIZE

    own: list[str] = book._number_formats

    def form(number: int) -> str:
        if number < BUILTIN_FORMATS_MAX_SIZE:
            return str(BUILTIN_FORMATS.get(number, ""))
        at = number - BUILTIN_FORMATS_MAX_SIZE
        return own[at] if at < len(own) else ""

    return {i for i, style in enumerate(book._cell_styles) if "%" in _LITERAL.sub("", form(style.numFmtId))}


def shown(cells: Iterable[Any], percents: set[int]) -> Iterator[Any]:
    """The values of cells, as text where they are percents: "33%" of 0.33."""
    for cell in cells:
        value = cell.value
        if isinstance(value, int | float) and not isinstance(value, bool) and cell._style_id in percents:
            # As decimals, so that 0.07 is 7 and not a little more.
            value = repr(float(Decimal(repr(value)) * 100)).removesuffix(".0") + "%"
        yield value


def merged(sheet: Any) -> Merged:
    """Which cells of a sheet are one from a row down to another; of several columns in one the first."""
    found: Merged = {}
    rest, seen = b"", 0
    with sheet._get_source() as file:
        while seen < _MOST and (piece := file.read(_CHUNK)):
            text = rest + piece
            at = 0
            for match in _MERGE.finditer(text):
                column, first, last = match[1], int(match[2]), int(match[3])
                at, seen = match.end(), seen + 1
                if last > first:
                    found.setdefault(first, []).append((_number(column), last))
            rest = text[max(at, len(text) - _LONGEST) :]
    return found


def _number(letters: bytes) -> int:
    """The number of a column from 0: A is 0, AA is 26."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number - 1


class Below:
    """The values of merged cells in the rows below their first, which have none of their own there."""

    def __init__(self, merged: Merged) -> None:
        self._merged = merged
        self._open: dict[int, tuple[int, Any]] = {}  # column → last row, value
        self._last: dict[int, int] = {}  # column → the last row that was filled
        self._begin = 0  # the first row that is not empty

    def fill(self, number: int, row: list[Any]) -> int:
        """Fill a row that is not empty, and say with how many cells; the number is that in the sheet, from 1."""
        self._begin = self._begin or number
        self._open = {column: each for column, each in self._open.items() if each[0] >= number}
        longest = len(row)
        for column, (_, value) in self._open.items():
            row.extend([None] * (column + 1 - len(row)))
            if row[column] is None:
                row[column], self._last[column] = value, number
        for column, last in self._merged.get(number, ()):
            if column < len(row) and row[column] is not None:
                self._open[column] = last, row[column]
        return len(self._open) + len(row) - longest

    def filled(self, begin: int) -> list[int]:
        """The columns that were filled in a row of the table; it begins so many rows below the first."""
        return sorted(column for column, last in self._last.items() if last - self._begin >= begin)
