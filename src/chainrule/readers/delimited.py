"""Tables as text: encoding, delimiter and decimal mark are detected here, then pandas reads the table."""

import codecs
import csv
import io
import re
import warnings
from contextlib import suppress
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chainrule.errors import TextEncodingWarning
from chainrule.readers.common import MIB, ReaderError, check_size, content, opening
from chainrule.readers.frames import check_names

if TYPE_CHECKING:
    import pandas as pd

_BEGINNING = 16 * MIB  # characters, in which the header and the rows that tell the delimiter are looked for
# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = {
    **{codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16"},
    **{codecs.BOM_UTF16_BE: "utf-16", codecs.BOM_UTF8: "utf-8-sig"},
}
# Without a mark: which of the first four bytes are 0, in a text that begins with characters of ASCII or Latin-1.
_ZEROS = {"-0-0": "utf-16-le", "0-0-": "utf-16-be", "-000": "utf-32-le", "000-": "utf-32-be"}
_CONTROLS = re.compile(r"[\0-\x08\x0e-\x1f\x7f]")
# What tables in EBCDIC are made of: ends of lines, space, punctuation, letters, digits.
_EBCDIC = re.compile(rb"[\x0d\x15\x25\x40\x4b\x4e\x5b-\x5e\x60\x61\x6b-\x6f\x7a-\x7f\x81-\xa9\xc1-\xe9\xf0-\xf9]")


def read(path: Path, sep: str | None) -> "pd.DataFrame":
    """The table in a text file; sep: its delimiter, or None to look for it among , ; tab |."""
    import pandas as pd

    data, encoding = _text(path)
    # While it reads, pandas keeps some 32 bytes for each field beside the text itself.
    check_table = partial(check_size, path, size=path.stat().st_size, what="as a table it")
    lines = data.count(b"\n") + data.count(b"\r")
    check_table(32 * lines + 2 * len(data))
    buffer = io.TextIOWrapper(io.BytesIO(data), encoding, newline="")
    beginning = buffer.read(_BEGINNING)
    if len(beginning) == _BEGINNING and not re.search(r"[\r\n]", beginning.lstrip()):
        raise ReaderError(f"{path}: its first {_BEGINNING:,} characters have no whole header line")
    first = {sep: _first_rows(beginning, sep) for sep in ([sep] if sep else ",;\t|")}
    sep = max(first, key=lambda sep: _fit(first[sep]))
    check_table(32 * (lines + data.count(sep.encode())) + 2 * len(data))
    header, *rows = first[sep]
    names = [name.strip() for name in header]
    if not any(names):
        raise ReaderError(f"{path}: the file is empty, wanted a header line and rows")
    # pandas would silently take the surplus of the first row for an index, and shift every column by one.
    if rows and len(rows[0]) > len(names):
        raise ReaderError(f"{path}: the first row has {len(rows[0])} fields, the header has {len(names)}")
    check_names(path, names)
    cells = list(chain.from_iterable(rows)) if sep == ";" else []
    points = any(re.fullmatch(r"-?\d+\.\d+", cell) for cell in cells)
    commas = any(re.fullmatch(r"-?\d+,\d+", cell) for cell in cells)

    def table(**options: object) -> "pd.DataFrame":
        buffer.seek(0)
        return pd.read_csv(
            buffer,
            sep=sep,
            decimal="," if commas and not points else ".",
            skipinitialspace=True,
            na_values=[" " * n for n in range(1, 9)],  # quoted blanks; skipinitialspace empties bare ones
            low_memory=False,
            **options,
        )

    with opening(path, "a table"):
        frame = table()
        # With a missing value among them, pandas reads whole numbers as floats, beyond 2⁵³ as other numbers, and beyond
        # 2⁶³ as text, which is "" where one is missing.
        floats, others = frame.select_dtypes("float64"), frame.select_dtypes(exclude=["number", "bool"])
        for name in [*floats.columns[(floats.abs() >= 2**53).any()], *others.columns[(others == "").any()]]:
            frame[name] = frame[name].mask(frame[name] == "")
            for dtype in ("Int64", "UInt64"):
                with suppress(OverflowError, TypeError, ValueError), np.errstate(invalid="ignore"):
                    frame[name] = table(usecols=[name], dtype={name: dtype})[name]
                    break
        # Our names, because pandas renames the second "a" to "a.1", and its names for the columns without one.
        frame.columns = [ours or theirs for ours, theirs in zip(names, frame.columns, strict=True)]
        return frame


def _first_rows(beginning: str, sep: str) -> list[list[str]]:
    rows: list[list[str]] = []
    with suppress(csv.Error):  # a field beyond csv's limit; pandas, which has none, has the last word
        lines = io.StringIO(beginning, newline="")
        rows.extend(islice(filter(None, csv.reader(lines, delimiter=sep, skipinitialspace=True)), 50))
    return rows or [[]]


def _fit(rows: list[list[str]]) -> tuple[bool, float, int]:
    """How well a delimiter fits: it splits the header, and the rows alike, and into many."""
    width = len(rows[0])
    return width > 1, sum(len(row) == width for row in rows) / len(rows), width


def _text(path: Path) -> tuple[bytes, str]:
    """The bytes of a text, and the encoding in which they are one."""
    data = content(path)
    marked = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "")
    guessed = "" if marked else _ZEROS.get("".join("-" if byte else "0" for byte in data[:4]), "")
    if not marked and not guessed and b"\0" in data:
        raise ReaderError(f"{path}: binary data (byte 0 at position {data.index(0)}), wanted a table as text")
    encoding, advice = marked or guessed or "utf-8", "save it as UTF-8 if it looks wrong"
    with suppress(UnicodeDecodeError):
        text = data.decode(encoding)
        if data.startswith(b"+/v"):
            raise ReaderError(f"{path}: begins with the mark of UTF-7; save it as UTF-8")
        if not guessed:
            return data, encoding
        if not _CONTROLS.search(text):
            warnings.warn(f"{path}: not UTF-8, read as {guessed.upper()}; {advice}", TextEncodingWarning, stacklevel=4)
            return data, encoding
    if len(_EBCDIC.findall(data[:1000])) > 0.95 * len(data[:1000]):
        raise ReaderError(f"{path}: looks like EBCDIC; save it as UTF-8")
    if marked or guessed or re.search(rb"[\x01-\x08\x0e-\x1f\x81\x8d\x8f\x90\x9d]", data):  # not in Windows-1252 text
        raise ReaderError(f"{path}: binary data or an unknown encoding, wanted a table in UTF-8, UTF-16 or UTF-32")
    warnings.warn(f"{path}: not UTF-8, read as Windows-1252; {advice}", TextEncodingWarning, stacklevel=4)
    return data, "cp1252"
