"""Where in a text the table is: its delimiter, the header or none, and what stands above and below the rows."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from chainrule.readers import header as headers
from chainrule.text import first_few, one_blank

LOOKED_AT = 200  # rows
_MOST_LINES = 100_000  # in which these are looked for
MOST_BELOW, _TAIL = 20, 1 << 16  # lines and bytes below the table that are looked at
_QUOTED = re.compile(r'\s*"')
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_TOTALS = re.compile(
    r"((grand|sub)\W?)?total(s|es|e|i)?( g[eé]n[eé]ral)?|totaal|sums?|summen?|gesamt(summe)?|insgesamt|"
    r"somme|suma|somma|razem",
    re.IGNORECASE,
)


class Row(NamedTuple):
    """One of the first rows: its cells, the characters and lines of the text up to its end, whether it begins with a
    quote.
    """

    cells: list[str]
    end: int
    lines: int
    quoted: bool = False


@dataclass(frozen=True)
class Layout:
    """sep: the delimiter. names: of the columns, "" where one has none. begin: characters before the first row of data.

    lines: how many these are. first: the first row of data. notes: what was not plainly so, in words.
    """

    sep: str
    names: list[str]
    begin: int
    lines: int
    first: list[str]
    notes: list[str]


def find(beginning: str, seps: str, header: bool | None = None, target: str | None = None) -> Layout:
    """Where the table begins. seps: the delimiters that it may have. header: None looks whether it has one.

    target: a column that must have that name, if there is a header.
    """
    if told := re.match(r'"?sep=(.)"?[\r\n]+', beginning):  # Excel's own
        seps = told[1]
    found = {}
    for sep in seps:
        rows = list(_rows(beginning, sep))[1 if told else 0 :]
        start = _start(rows, header)
        found[sep] = rows, start, _fit(rows, start)
    sep = max(found, key=lambda sep: found[sep][2])
    return arranged(found[sep][0], header, target, sep)


def arranged(rows: Sequence[Row], header: bool | None, target: str | None, sep: str = "") -> Layout:
    """Where the table begins of which these are the first rows, without blank ones."""
    start = _start(rows, header)
    above, rows = rows[:start], rows[start:]
    notes = []
    if above and not all(row.cells[0].startswith("#") for row in above):
        said = first_few(filter(None, (_shown(row.cells) for row in above)), 3)
        notes.append(f"what stands above the table is left out ({said})")
    if not rows:
        return Layout(sep, [], 0, 0, [], notes)
    cells = [row.cells for row in rows]
    names, target = [*map(one_blank, cells[0])], target and one_blank(target)
    has = headers.has_header(names, cells[1:], target) if header is None else header
    if not has:
        named = [f"column{i + 1}" for i in range(max(map(len, cells)) if len(cells) < 3 else _width(rows))]
        if header is None:
            notes.append(
                f"the first row looks like data ({first_few(names, 4)}), so that the columns are called {named[0]} "
                f"to {named[-1]}; if it is a header, say so (header=True, --header)"
            )
        last = above[-1] if above else Row([], 0, 0)
        return Layout(sep, named, last.end, last.lines, names, notes)
    names, more = _named([re.sub(r"^#\s+", "", names[0]), *names[1:]], above, rows, target, notes)
    below = more + headers.below(names, cells[1 + more :])
    if below > more:
        said = first_few(map(_shown, cells[1 + more : 1 + below]), 2)
        notes.append(f"below the header, {said} is left out: it is no data")
    if sep:
        names = _extended(names, rows[0], rows[1 + below :], notes)
    first = cells[1 + below] if len(cells) > 1 + below else []
    return Layout(sep, names, rows[below].end, rows[below].lines, first, notes)


def _rows(text: str, sep: str) -> Iterator[Row]:
    """The first rows that are not blank."""
    begin = end = lines = 0

    def counted() -> Iterator[str]:
        nonlocal end, lines
        for line in islice(_LINE.finditer(text), _MOST_LINES):
            end, lines = line.end(), lines + 1
            yield line[0]

    with suppress(csv.Error):  # a field beyond csv's limit; pandas, which has none, has the last word
        reader = csv.reader(counted(), delimiter=sep, skipinitialspace=True)
        for cells in islice((cells for cells in reader if len(cells) > 1 or any(map(str.strip, cells))), LOOKED_AT):
            yield Row([cell.strip() for cell in cells], end, lines, bool(_QUOTED.match(text, begin)))
            begin = end


def _width(rows: Sequence[Row]) -> int:
    """The most common number of fields; of equals the larger."""
    widths = Counter(len(row.cells) for row in rows)
    return max(widths, key=lambda width: (widths[width], width), default=0)


def _fit(rows: Sequence[Row], start: int) -> tuple[bool, float, int]:
    """How well a delimiter fits: it splits the header, and the rows alike, and into many."""
    width = len(rows[start].cells) if rows else 0
    return width > 1, sum(len(row.cells) == width for row in rows) / max(1, len(rows)), width


def _start(rows: Sequence[Row], header: bool | None) -> int:
    """Which row is the first of the table: a title, remarks and blank lines may stand above it."""
    width, start = _width(rows), 0
    while start < len(rows) and _above(rows[start], width):
        start += 1
    for i in range(start + 1, min(start + 10, len(rows))):  # a title with as many commas as the table
        if rows[i].lines - rows[i - 1].lines > 1 and _begins(rows[i:]):
            start = i
    if start == len(rows):
        return 0
    cells = [row.cells for row in rows[start:]]
    if start and len(rows[start - 1].cells) == width and rows[start - 1].cells[0].startswith("#"):
        # A header as numpy.savetxt writes it, if there is no other.
        start -= not headers.words_over_numbers(cells[0], cells[1:])
    remarks = all(row.cells[0].startswith("#") for row in rows[:start])
    # In the one column "a", "1,5", "2,5" a comma is no delimiter: only a header has something above it.
    if start and not remarks and not _begins(rows[start:]):
        apart = rows[start].lines - rows[start - 1].lines > 1
        return start if apart and all(rows[start].cells) and header is not False else 0
    return start


def _begins(rows: Sequence[Row]) -> bool:
    """Whether a table surely begins with the first of these rows: with a header, of one row or of two."""
    cells = [row.cells for row in rows]
    return headers.words_over_numbers(cells[0], cells[1:]) or headers.of_two(cells[0], cells[1:]) is not None


def _above(row: Row, width: int) -> bool:
    """Whether a row is too narrow for a table of this width, or has but a title in it."""
    filled = sum(map(bool, row.cells))
    if row.cells[0].startswith("#"):
        return True
    if width > 1 and len(row.cells) <= max(1, width // 2):
        return True
    return width > 2 and filled <= max(1, width // 3) and all(row.cells[:filled])


def _named(
    names: list[str], above: Sequence[Row], rows: Sequence[Row], target: str | None, notes: list[str]
) -> tuple[list[str], int]:
    """The names in a header, and how many more rows of the table have them."""
    cells = [[*map(one_blank, row.cells)] for row in rows[:2]] + [row.cells for row in rows[2:]]
    if both := headers.of_two(names, cells[1:], target):
        notes.append(
            f"the header has two rows ({_shown(names)}; {_shown(cells[1])}); the names are {first_few(both, 5)}"
        )
        return both, 1
    # A row of groups with few cells is one of those above the table.
    if above and len(set(filter(None, names))) < sum(map(bool, names)) and above[-1].lines + 1 == rows[0].lines:
        return headers.of_two(above[-1].cells, cells, target) or names, 0
    return names, 0


def _extended(names: list[str], header: Row, rows: Sequence[Row], notes: list[str]) -> list[str]:
    """The names in a text, and one more where every row has a field more than the header.

    In a workbook a name that is not there is an empty cell, and no name is in the place of another.
    """
    width = len(names) + 1
    if not rows or any(len(row.cells) != width for row in rows):
        return names
    if not any(row.cells[-1] for row in rows):
        return [*names, ""]  # the rows end in a delimiter
    quoted = all(row.quoted for row in (header, *rows))
    match headers.nameless(names, [row.cells for row in rows], quoted):
        case "first":
            notes.append(
                "the header has one name less than the rows have fields, as R writes it; the first column is 'row'"
            )
            return ["row", *names]
        case "last":
            notes.append(f"the last column has no name in the header, and is called 'Unnamed: {len(names)}'")
            return [*names, ""]
    return names


def _shown(cells: Sequence[str]) -> str:
    return " ".join(cell for cell in cells if cell)


class Ending(NamedTuple):
    """Where the rows of data end, in bytes, and what stands below them: remarks, and before them the cells of what
    may be a row of totals, with its own end.
    """

    end: int
    remarks: list[str]
    totals: list[str]
    totals_end: int


def ending(data: bytes, begin: int, layout: Layout) -> Ending:
    """Where the rows end that begin at a byte: below them may be empty rows, remarks and a row of totals."""
    # As Excel writes them, empty rows have delimiters.
    full = len(data.rstrip(b"\r\n " + layout.sep.encode()))
    end = next((found.end() for found in re.compile(rb"\r\n|\r|\n").finditer(data, full)), len(data))
    lines = data[max(begin, end - _TAIL) : end].splitlines(keepends=True)[-MOST_BELOW:]
    remarks, totals = below([None if b'"' in line else _cells(line, layout.sep) for line in lines], len(layout.names))
    end -= sum(map(len, lines[len(lines) - len(remarks) :]))
    last = len(lines[-1 - len(remarks)]) if totals else 0
    return Ending(end - last, [remark for remark in remarks if remark], totals, end)


def below(rows: Sequence[list[str] | None], width: int) -> tuple[list[str], list[str]]:
    """The remarks, or "" for an empty row, in which some rows end, and the cells of a row of totals before them.

    rows: the last of a table of so many columns; None for one that is surely no remark.
    """
    remarks: list[str] = []
    last: list[str] | None = None
    for before, last in zip(rows[-2::-1], rows[:0:-1], strict=True):
        if last is None:
            return remarks[::-1], []
        alone = len(last) == 1 and (" " in last[0] or last[0][:1] in ("#", "(", "-"))
        remark = width > 1 and last[0] and not any(last[1:]) and not headers.is_number(last[0])
        if any(last) and not (remark and (alone or not any(before or ["x"]))):
            break
        remarks.append(last[0])
    filled = [cell for cell in last or [] if cell]
    totals = last and len(filled) > 1 and len(last) <= width and _TOTALS.fullmatch(filled[0].rstrip(": "))
    return remarks[::-1], (last or []) if totals else []


def said_below(totals: Sequence[str], remarks: Sequence[str]) -> list[str]:
    """The note on what stands below the rows, if there is something."""
    said = [*([_shown(totals)] if totals else []), *filter(None, remarks)]
    return [f"what stands below the rows is left out ({first_few(said, 3)})"] if said else []


def _cells(line: bytes, sep: str) -> list[str]:
    with suppress(csv.Error):
        reader = csv.reader([line.decode(errors="replace").strip("\r\n")], delimiter=sep, skipinitialspace=True)
        return [cell.strip() for cell in next(reader, [])] or [""]
    return [""]
