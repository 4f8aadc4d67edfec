"""Whether the first row of a table is its header, and what below it is no data yet."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise, zip_longest

Cells = Sequence[str]

_MISSING = {"", "?", "-", "--", ".", "na", "n/a", "#n/a", "nan", "null", "none", "\\n", "missing", "unknown"}
_NUMBER = re.compile(
    r"[-+(]?\s?[$€£¥]?\s?[-+]?(\d[\d.,' \u00a0\u202f]*|[.,]\d+)(e[-+]?\d+)?\s?[%€$£¥)]?", re.IGNORECASE
)
_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}\W?.*|\d{1,2}:\d\d(:\d\d.*)?( ?[ap]m)?", re.IGNORECASE)
_YEARS = range(1800, 2101)
_KEY = re.compile(
    r"(^|[\W_])(id|key|uuid|index|name|number|num|no|nr|code|ref|serial|email|e-mail|customer|kunde|nummer|client|"
    r"patient|person|user|case|sample|item|product)\W*$|[a-z](ID|Id|Nr|No|Name|Key|Code)$|(nummer|name|number|code)$",
    re.IGNORECASE,
)


def is_number(cell: str) -> bool:
    """Whether a cell is a number as people write it."""
    return _NUMBER.fullmatch(cell) is not None


def has_header(first: Cells, rows: Sequence[Cells], target: str | None = None) -> bool:
    """Whether a first row names the columns, judged by the rows below. target: what must be a name, if any is."""
    if target in first and not (target and is_number(target)):
        return True
    alike: list[str] = []  # cells that are numbers or dates above numbers or dates
    words = found = 0  # cells of columns of words that come again and again, and which of them are such words
    columns = zip_longest(*rows, fillvalue="") if rows else [()] * len(first)
    for cell, column in zip(first, columns, strict=False):
        below = Counter(column)
        kind = _kind_of(column) or (_kind(cell) if not rows else None)
        if cell.lower() in _MISSING:
            continue
        if kind in ("number", "date"):
            if _kind(cell) != kind:
                return True
            alike.append(cell)
        elif len(below) <= len(column) / 2:
            words += 1
            found += cell in below
    if alike:
        return _counting(alike, rows) or found < words / 2
    # Words over words: names are not among the words that they stand for.
    return not (found >= max(2, words / 2) or (found and Counter(first).most_common(1)[0][1] > 1))


def words_over_numbers(first: Cells, rows: Sequence[Cells]) -> bool:
    """Whether a row consists of different words, one of them over numbers or dates."""
    named = [cell for cell in first if cell]
    over = (_kind_of(column) for cell, column in zip(first, zip_longest(*rows, fillvalue=""), strict=False) if cell)
    wordy = all(_kind(cell) == "word" for cell in named) and len(set(named)) == len(named)
    return bool(named) and wordy and any(kind in ("number", "date") for kind in over)


def of_two(above: Cells, rows: Sequence[Cells], target: str | None = None) -> list[str] | None:
    """The names of the columns where a header has two rows: groups, once for all their columns, and names below them.

    A name of the second row that comes again has its group in front of it. A column without one is called as it is in
    the first row. None where the first row names all columns, and where the second could be data or units.
    """
    width = max(len(above), *(len(row) for row in rows[:1]), 0)
    groups, names = ([*cells, *[""] * (width - len(cells))] for cells in (above, rows[0] if rows else ()))
    again = len(set(filter(None, groups))) < sum(map(bool, groups))
    if len(rows) < 2 or not (again or not all(groups[1:])) or (target in groups and target not in names):
        return None
    columns = [*zip(names, zip_longest(*rows[1:], fillvalue=""), strict=False)]
    if any(name and (_kind(name) != "word" or name in column) for name, column in columns):
        return None
    over = sum(bool(name) and _kind_of(column) in ("number", "date") for name, column in columns)
    merged = any(name and name == group for name, group in zip(names, groups, strict=True))
    if not (target and target in names) and over < (1 if again or merged else 2):
        return None
    counts, group = Counter(names), ""
    for i, name in enumerate(names):
        group = groups[i] or group
        names[i] = (f"{group} {name}" if counts[name] > 1 else name) if name else groups[i]
    return names if all(names[1:]) and len(set(names)) == len(names) else None


def below(names: Cells, rows: Sequence[Cells]) -> int:
    """How many rows below a header are units, rulers or questions: words over columns of numbers."""
    for count in (2, 1):
        if len(rows) < count + 3:
            continue
        columns = [*zip(names, zip_longest(*rows, fillvalue=""), strict=False)]
        over = [column[:count] for _, column in columns if _kind_of(column[count:]) in ("number", "date")]
        said = [cells for cells in over if all(cell.lower() not in _MISSING - {"-", "--"} for cell in cells)]
        wordy = all(_kind(cell) == "word" or cell.lower() in _MISSING for cells in over for cell in cells)
        ruler = all(re.fullmatch(r"[-=+:\s]+", cell) for row in rows[:count] for cell in row)
        again = any(cell in column[count:] for _, column in columns for cell in column[:count] if cell)
        merged = count == 1 and any(cell and cell == name for cell, name in zip(rows[0], names, strict=False))
        if (
            ruler
            or (wordy and not again and merged)
            or (wordy and not again and len(said) >= 2 and len(said) >= len(over) / 2)
        ):
            return count
    return 0


def nameless(names: Cells, rows: Sequence[Cells], quoted: bool) -> str | None:
    """Which column has no name where each row of a text has a field more than the header: "first", "last" or None.

    R writes the names of rows in front, all different, and all words in quotes unless it is told not to. But a column
    that was added behind may have no name, too. quoted: whether the header and all rows begin with a quote.
    """
    first, second = ([row[i] for row in rows] for i in (0, 1))
    if len(rows) < 2 or len(set(first)) < len(first):
        return None
    counted = first == [str(i + 1) for i in range(len(rows))]
    if not counted and any(map(is_number, first)):
        return None
    if counted and quoted:  # numbers in quotes are names of R's
        return "first"
    again = len(set(second)) < len(second)
    if _KEY.search(names[0]) and (again or not (counted or quoted)):  # keys do not come again
        return "last" if again and not counted and not quoted else None
    numbers = all(_kind(cell) in ("number", "missing") for row in rows for cell in row[1:])
    return "first" if counted or quoted or numbers else None


def _kind(cell: str) -> str:
    """missing, number, date or word."""
    if cell.lower() in _MISSING:
        return "missing"
    return "number" if is_number(cell) else "date" if _DATE.fullmatch(cell) else "word"


def _kind_of(column: Cells) -> str | None:
    """The kind of nearly all given cells of a column, None where none is given."""
    kinds = Counter(map(_kind, column))
    del kinds["missing"]
    if not kinds:
        return None
    kind, count = kinds.most_common(1)[0]
    return kind if count >= 0.8 * kinds.total() else "word"


def _counting(names: Sequence[str], rows: Sequence[Cells]) -> bool:
    """Whether numbers are names: years, or numbers that go up in even steps, as 0, 1, 2 … do, or many that go up."""
    try:
        numbers = [float(name) for name in names]
    except ValueError:  # 1,234 or dates: they name nothing, but for dates over dates
        return False
    steps = [after - before for before, after in pairwise(numbers)]
    if all(number in _YEARS for number in numbers) and len(set(numbers)) == len(numbers):
        inside = sum(cell.isdecimal() and int(cell) in _YEARS for row in rows for cell in row)
        return inside < sum(map(len, rows)) / (2 * max(1, len(rows[0]) if rows else 1))
    even = len(steps) >= 2 and steps[0] != 0 and all(abs(step - steps[0]) <= 1e-9 * abs(steps[0]) for step in steps)
    return even or (len(steps) >= 6 and all(step > 0 for step in steps))
