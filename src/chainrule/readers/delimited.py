"""Tables as text: encoding, delimiter and decimal mark are detected here, then pandas reads the table."""

import codecs
import csv
import io
import re
import warnings
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from chainrule.errors import TextEncodingWarning
from chainrule.readers.common import ReaderError, check_size, content, opening
from chainrule.readers.frames import check_names

if TYPE_CHECKING:
    import pandas as pd


def read(path: Path, sep: str | None) -> "pd.DataFrame":
    """The table in a text file; sep: its delimiter, or None to look for it among , ; tab |."""
    import pandas as pd

    data, encoding = _text(path)
    buffer = io.TextIOWrapper(io.BytesIO(data), encoding, newline="")
    first = {sep: _first_rows(buffer, sep) for sep in ([sep] if sep else ",;\t|")}
    sep = max(first, key=lambda sep: _fit(first[sep]))
    # While it reads, pandas keeps some 32 bytes for each field beside the text itself.
    fields = sum(map(data.count, (sep.encode(), b"\n", b"\r")))
    check_size(path, 32 * fields + 2 * len(data), path.stat().st_size, "as a table it")
    header, *rows = first[sep]
    names = [name.strip() for name in header]
    if not any(names):
        raise ReaderError(f"{path}: the file is empty, wanted a header line and rows")
    # pandas would silently take the surplus of the first row for an index, and shift every column by one.
    if rows and len(rows[0]) > len(names):
        raise ReaderError(f"{path}: the first row has {len(rows[0])} fields, the header has {len(names)}")
    check_names(path, filter(None, names))
    cells = list(chain.from_iterable(rows)) if sep == ";" else []
    points = any(re.fullmatch(r"-?\d+\.\d+", cell) for cell in cells)
    commas = any(re.fullmatch(r"-?\d+,\d+", cell) for cell in cells)
    buffer.seek(0)
    with opening(path, "a table"):
        frame = pd.read_csv(
            buffer,
            sep=sep,
            decimal="," if commas and not points else ".",
            skipinitialspace=True,
            na_values=[" " * n for n in range(1, 9)],  # quoted blanks; skipinitialspace empties bare ones
            low_memory=False,
        )
        # Our names, because pandas renames the second "a" to "a.1", and its names for the columns without one.
        frame.columns = [ours or theirs for ours, theirs in zip(names, frame.columns, strict=True)]
        return frame


def _first_rows(buffer: TextIO, sep: str) -> list[list[str]]:
    buffer.seek(0)
    rows: list[list[str]] = []
    with suppress(csv.Error):  # a field beyond csv's limit; pandas, which has none, has the last word
        rows.extend(islice(filter(None, csv.reader(buffer, delimiter=sep, skipinitialspace=True)), 50))
    return rows or [[]]


def _fit(rows: list[list[str]]) -> tuple[bool, float, int]:
    """How well a delimiter fits: it splits the header, and the rows alike, and into many."""
    width = len(rows[0])
    return width > 1, sum(len(row) == width for row in rows) / len(rows), width


def _text(path: Path) -> tuple[bytes, str]:
    """The bytes of a text, and the encoding in which they are one."""
    data = content(path)
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = "utf-16" if utf16 else "utf-8-sig"
    if not utf16 and b"\0" in data:
        raise ReaderError(f"{path}: binary data (byte 0 at position {data.index(0)}), wanted a table as text")
    try:
        data.decode(encoding)
        return data, encoding
    except UnicodeDecodeError:
        if utf16 or re.search(rb"[\x01-\x08\x0e-\x1f\x81\x8d\x8f\x90\x9d]", data):  # not in Windows-1252 text
            raise ReaderError(f"{path}: binary data or an unknown encoding, wanted a table") from None
    advice = "save it as UTF-8 if it looks wrong"
    warnings.warn(f"{path}: not UTF-8, read as Windows-1252; {advice}", TextEncodingWarning, stacklevel=4)
    return data, "cp1252"
