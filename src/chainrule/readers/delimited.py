"""Tables as text: where the table is and how it is delimited is found out first, then pandas reads it."""

import io
import re
import warnings
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from chainrule.errors import ReadingNote
from chainrule.readers import encoding, foreign, layout
from chainrule.readers.common import MIB, Options, ReaderError, Source, check_size, opening
from chainrule.readers.frames import BLANKS, MISSING, are_totals, check_names, finished, named

if TYPE_CHECKING:
    import pandas as pd

_BEGINNING = 16 * MIB  # characters, in which the header and the rows that tell the delimiter are looked for
SEPS = ",;\t|"
_THOUSANDS = r"[-+]?(?:[1-9]\d{0,2}(?:\.\d{3})*|0)"
_ZEROS = re.compile(rb"0\d+(\.\d*)?([eE][-+]?\d+)? *\"? *([\r\n,;\t|]|$)")


class Readable(Protocol):
    """What can be read some bytes at a time."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most so many."""


class Joined(io.RawIOBase):
    """Pieces of bytes, and at the end perhaps a file, one after the other, without a copy of them."""

    def __init__(self, *pieces: bytes | memoryview, file: Readable | None = None) -> None:
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


@dataclass(frozen=True)
class Text:
    """A text in UTF-8, and where in it the table is: see layout.Layout."""

    source: Source
    data: bytes
    found: layout.Layout
    begin: int  # bytes before the first row
    options: Options

    def rows(self, raw: io.RawIOBase, dtype: Mapping[int, Any] | None = None, **options: Any) -> Any:
        """What pandas makes of rows, the columns called by their numbers."""
        import pandas as pd

        names, target = self.found.names, named(self.options.target, self.found.names)
        kinds: Any = {i: str for i, name in enumerate(names) if name in self.options.written} | dict(dtype or {})
        missing: Any = {i: BLANKS if name == target else MISSING for i, name in enumerate(names)}
        return pd.read_csv(
            io.TextIOWrapper(io.BufferedReader(raw, MIB), "utf-8", newline=""),
            sep=self.found.sep,
            header=None,
            names=list(range(len(names))),
            dtype=str if self.options.cells else kinds,
            na_values=[""] if self.options.cells else missing,
            keep_default_na=False,
            skipinitialspace=True,
            low_memory=False,
            **options,
        )

    def frame(self, complete: bool = True) -> "pd.DataFrame":
        """The table. complete: whether the text ends here, perhaps with what is no row."""
        data, begin, path = memoryview(self.data), self.begin, self.source.path
        ending = (
            layout.ending(self.data, begin, self.found) if complete else layout.Ending(len(data), [], [], len(data))
        )

        def table(end: int, columns: Collection[int] | None = None, dtype: Any = None) -> "pd.DataFrame":
            # As many lines as in the file, so that errors count right.
            rows = Joined(b"\n" * self.found.lines, data[begin:end])
            return cast("pd.DataFrame", self.rows(rows, dtype, usecols=columns))

        with opening(path, "a table"), np.errstate(invalid="ignore"):  # of infinity, as of NaN
            frame, end = table(ending.end), ending.end
            if ending.totals and not are_totals(frame, ending.totals):
                frame, end = table(ending.totals_end), ending.totals_end
            if not self.options.cells:
                frame = _exact(frame, partial(table, end))
                frame = _as_written(frame, partial(table, end), self.data[begin:end], self.found.sep)
            totals = ending.totals if end < ending.totals_end else []
            for note in [*self.found.notes, *layout.said_below(totals, ending.remarks)]:
                warnings.warn(f"{path}: {note}", ReadingNote, stacklevel=5)
            return finished(frame, self.found.names)


def read(source: Source, seps: str, options: Options) -> Text:
    """Look at a text for its table. seps: the delimiters that it may have."""
    path, data = source.path, encoding.utf8(source)
    if foreign.is_page(data):
        raise ReaderError(f"{path}: {foreign.misnamed(path, data)}")
    # While it reads, pandas keeps some 32 bytes for each field beside the text itself.
    check_table = partial(check_size, path, size=source.size, what="as a table it")
    lines = data.count(b"\n") + data.count(b"\r")
    check_table(32 * lines + 2 * len(data))
    beginning = data[:_BEGINNING].decode(errors="ignore")
    if len(data) > _BEGINNING and not re.search(r"[\r\n]", beginning.lstrip()):
        raise ReaderError(f"{path}: its first {_BEGINNING:,} characters have no whole header line")
    found = layout.find(beginning, seps, options.header, options.target)
    check_table(32 * (lines + data.count(found.sep.encode())) + 2 * len(data))
    if not any(found.names):
        raise ReaderError(f"{path}: the file is empty, wanted a header line and rows")
    # pandas would silently take the surplus of the first row for an index, and shift every column by one.
    if len(found.first) > len(found.names):
        got = f"the first row has {len(found.first)} fields, the header has {len(found.names)}"
        raise ReaderError(f"{path}: {got}; name each column there, or leave the place of its name empty, as in a,,c")
    check_names(path, found.names)
    return Text(source, data, found, len(beginning[: found.begin].encode()), options)


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
