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
        if ruler or (wordy and not again and len(said) >= 2 and len(said) >= len(over) / 2):
            return count
    return 0


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
