"""Tables as text: where the table is and how it is delimited is found out first, then pandas reads it."""

import io
import re
import warnings
from collections.abc import Collection
from contextlib import suppress
from functools import partial
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import ReadingNote
from chainrule.readers import encoding, layout
from chainrule.readers.common import MIB, ReaderError, Source, check_size, opening
from chainrule.readers.frames import BLANKS, MISSING, are_totals, check_names, finished, named

if TYPE_CHECKING:
    import pandas as pd

_BEGINNING = 16 * MIB  # characters, in which the header and the rows that tell the delimiter are looked for
SEPS = ",;\t|"
_THOUSANDS = r"[-+]?(?:[1-9]\d{0,2}(?:\.\d{3})*|0)"
_ZEROS = re.compile(rb"0\d+(\.\d*)?([eE][-+]?\d+)? *\"? *([\r\n,;\t|]|$)")


class Joined(io.RawIOBase):
    """Pieces of bytes, and at the end perhaps a file, one after the other, without a copy of them."""

    def __init__(self, *pieces: bytes | memoryview, file: IO[bytes] | None = None) -> None:
        self._pieces, self._file = [memoryview(piece) for piece in pieces if len(piece)], file

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with what comes next."""
        if not self._pieces:
            piece = memoryview(self._file.read(len(buffer)) if self._file else b"")
        else:
            piece = self._pieces[0][: len(buffer)]
            self._pieces[0] = self._pieces[0][len(piece) :]
            if not len(self._pieces[0]):
                del self._pieces[0]
        buffer[: len(piece)] = piece
        return len(piece)


def read(
    source: Source, seps: str, header: bool | None = None, target: str | None = None, written: Collection[str] = ()
) -> "pd.DataFrame":
    """The table in a text. seps: the delimiters that it may have.

    target: the column in which only empty cells are missing. written: columns that are text even where all is numbers.
    """
    data = encoding.utf8(source)
    # While it reads, pandas keeps some 32 bytes for each field beside the text itself.
    check_table = partial(check_size, source.path, size=source.size, what="as a table it")
    lines = data.count(b"\n") + data.count(b"\r")
    check_table(32 * lines + 2 * len(data))
    beginning = data[:_BEGINNING].decode(errors="ignore")
    found = head(source, beginning, seps, header, target)
    check_table(32 * (lines + data.count(found.sep.encode())) + 2 * len(data))
    begin = len(beginning[: found.begin].encode())
    ending = layout.ending(data, begin, found)

    def table(end: int, columns: Collection[int] | None = None, dtype: Any = None) -> "pd.DataFrame":
        rows = Joined(b"\n" * found.lines, memoryview(data)[begin:end])
        return rows_of(rows, found, target, written, usecols=columns, dtype=dtype)

    with opening(source.path, "a table"), np.errstate(invalid="ignore"):  # of infinity, as of NaN
        frame, end = table(ending.end), ending.end
        if ending.totals and not are_totals(frame, ending.totals):
            frame, end = table(ending.totals_end), ending.totals_end
        frame = _exact(frame, partial(table, end))
        frame = _as_written(frame, partial(table, end), data[begin:end], found.sep)
        totals = ending.totals if end < ending.totals_end else []
        for note in [*found.notes, *layout.said_below(totals, ending.remarks)]:
            warnings.warn(f"{source.path}: {note}", ReadingNote, stacklevel=4)
        return finished(frame, found.names)


def head(source: Source, beginning: str, seps: str, header: bool | None, target: str | None) -> layout.Layout:
    """Where the table begins that a text begins with; what cannot be a table is refused."""
    if len(beginning) >= _BEGINNING - 4 and not re.search(r"[\r\n]", beginning.lstrip()):
        raise ReaderError(f"{source.path}: its first {_BEGINNING:,} characters have no whole header line")
    found = layout.find(beginning, seps, header, target)
    if not any(found.names):
        raise ReaderError(f"{source.path}: the file is empty, wanted a header line and rows")
    # pandas would silently take the surplus of the first row for an index, and shift every column by one.
    if len(found.first) > len(found.names):
        raise ReaderError(
            f"{source.path}: the first row has {len(found.first)} fields, the header has {len(found.names)}"
        )
    check_names(source.path, found.names)
    return found


def rows_of(
    raw: io.RawIOBase, found: layout.Layout, target: str | None, written: Collection[str], dtype: Any, **options: Any
) -> Any:
    """What pandas makes of rows, the columns called by their numbers."""
    import pandas as pd

    text = io.TextIOWrapper(io.BufferedReader(raw, MIB), "utf-8", newline="")
    target, numbers = named(target, found.names), range(len(found.names))
    return pd.read_csv(
        text,
        sep=found.sep,
        header=None,
        names=list(numbers),
        dtype={i: str for i in numbers if found.names[i] in written} if dtype is None else dtype,
        na_values={i: BLANKS if found.names[i] == target else MISSING for i in numbers},
        keep_default_na=False,
        skipinitialspace=True,
        low_memory=False,
        **options,
    )


def _exact(frame: "pd.DataFrame", table: Any) -> "pd.DataFrame":
    """Whole numbers beyond 2⁵³ as they are.

    With a missing value among them, pandas reads whole numbers as floats, beyond 2⁵³ as other numbers, and beyond 2⁶³
    as text, which is "" where one is missing.
    """
    floats, others = frame.select_dtypes("float64"), frame.select_dtypes(exclude=["number", "bool"])
    for i in [*floats.columns[(floats.abs() >= 2**53).any()], *others.columns[(others == "").any()]]:
        frame[i] = frame[i].mask(frame[i] == "")
        for dtype in ("Int64", "UInt64"):
            with suppress(OverflowError, TypeError, ValueError):
                frame[i] = table([i], {i: dtype})[i]
                break
    return frame


def _as_written(frame: "pd.DataFrame", table: Any, data: bytes, sep: str) -> "pd.DataFrame":
    """Columns that are no numbers, though pandas took them for numbers, as text.

    007 and 07 are different codes. And where other columns have decimal commas, 1.234 may be a thousand and more.
    """
    numbers = frame.select_dtypes("number")
    floats = numbers.select_dtypes("float64")
    points = [i for i in floats if _could_be_thousands(floats[i])]
    commas = bool(points) and _decimal_commas(frame)
    suspects = [*numbers] if _leading_zeros(data, sep) else points if commas or sep == ";" else []
    texts = table(suspects, dict.fromkeys(suspects, str)) if suspects else {}
    thousands = [i for i in points if i in texts and texts[i].dropna().str.fullmatch(_THOUSANDS).all()]
    if not commas and (sep != ";" or any((floats[i] % 1 > 0).any() for i in floats if i not in thousands)):
        thousands = []
    for i in suspects:
        if i in thousands or texts[i].str.match(r"[-+]?0\d", na=False).any():
            frame[i] = texts[i]
    return frame


def _leading_zeros(data: bytes, sep: str) -> bool:
    """Whether some cell seems to be a number that begins with a zero and another digit."""
    if _ZEROS.match(data):
        return True
    text = np.frombuffer(data, np.uint8)
    for start in range(0, len(text), MIB // 4):
        piece = text[start : start + MIB // 4 + 1]
        begins = (piece[:-1] < ord("-")) | (piece[:-1] == ord(sep))  # also behind blanks and quotes
        at = np.flatnonzero((piece[1:] == ord("0")) & begins) + start + 1
        second, third, sixth = (text.take(at + i, mode="clip") for i in (1, 2, 5))
        digit = (second >= ord("0")) & (second <= ord("9"))
        # Not at each of the dates and times of day, of which there are many.
        date = np.isin(third, [*b"/:-"]) | ((third == ord(".")) & (sixth == ord(".")))
        if any(_ZEROS.match(data, i) for i in at[digit & ~date].tolist()):
            return True
    return False


def _could_be_thousands(numbers: "pd.Series[Any]") -> bool:
    """Whether the numbers could be written like 1.234 and 12.345 and 0, and some have a point."""
    values = np.abs(numbers.to_numpy()[np.isfinite(numbers.to_numpy())])
    thousandths = values * 1000
    whole = np.abs(thousandths - np.round(thousandths)) <= 1e-9 * np.maximum(thousandths, 1)
    return bool(((values >= 1) | (values == 0)).all() and whole.all() and (values % 1 > 0).any())


def _decimal_commas(frame: "pd.DataFrame") -> bool:
    """Whether a column of text has decimal commas that are no marks of thousands."""
    for i in frame.select_dtypes(exclude=["number", "bool"]):
        given = frame[i].dropna().astype(str)
        if given.iloc[:: max(1, len(given) // 1000)].str.fullmatch(r"[-+]?\d[\d.]*,(?:\d\d?|\d{4,})").any():
            return True
    return False
