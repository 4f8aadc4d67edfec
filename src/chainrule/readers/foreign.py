"""Files of formats that are not read, or under the name of another: what they are, and what to save them as."""

import io
import re
from contextlib import suppress
from pathlib import Path

from chainrule.readers.common import PACKINGS

_LOOKED_AT = 1 << 14  # bytes at the beginning and at the end of a file of an unknown format
_SHEET = "save it as .xlsx or .csv in a spreadsheet program"
_COPY = "copy its table into a spreadsheet, and save that as .xlsx or .csv"
_SAVED = {
    **dict.fromkeys((".xls", ".xlsb", ".xlt", ".ods", ".fods", ".numbers", ".gsheet"), _SHEET),
    **dict.fromkeys((".html", ".htm", ".xml", ".pdf", ".doc", ".docx", ".odt", ".rtf"), _COPY),
    ".dta": "save it as .csv in Stata (export delimited) or Python (pandas.read_stata)",
    **dict.fromkeys((".sav", ".zsav", ".por"), "save it as .csv or .xlsx in SPSS or Python (pandas.read_spss)"),
    **dict.fromkeys((".sas7bdat", ".xpt"), "save it as .csv in SAS (proc export) or Python (pandas.read_sas)"),
    **dict.fromkeys((".rds", ".rda", ".rdata"), "save it as .csv in R (write.csv, row.names = FALSE)"),
    ".mat": "save its arrays X and y as .npz in Python (scipy.io.loadmat, numpy.savez)",
    ".npy": "save arrays X and y in one .npz (numpy.savez)",
    **dict.fromkeys(
        (".pkl", ".pickle", ".joblib"), "save it as .csv or .parquet in Python; a pickle could run anything"
    ),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3", ".mdb", ".accdb"), "export one of its tables as .csv"),
    **dict.fromkeys((".orc", ".avro", ".lance"), "save it as .parquet"),
    ".arff": "save it as .csv",
}
# How files begin, what they are, and the ending of their names; without one, what to save them as.
_BEGINNINGS = (
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook, or one with a password", ""),
    (b"PAR1", "Parquet", ".parquet"),
    (b"ARROW1", "Arrow", ".arrow"),
    (b"FEA1", "Feather", ".feather"),
    (b"\x89HDF\r\n", "HDF5", ".h5"),
    (b"\x1f\x8b", "packed with gzip", ".gz"),
    (b"BZh", "packed with bzip2", ".bz2"),
    (b"\xfd7zXZ", "packed with xz", ".xz"),
    (b"\x28\xb5\x2f\xfd", "packed with Zstandard", ".zst"),
    (b"%PDF-", "a PDF", ".pdf"),
    (b"\x93NUMPY", "an array of NumPy", ".npy"),
    (b"SQLite format 3", "a database of SQLite", ".sqlite"),
)
_PAGE = re.compile(rb"(\xef\xbb\xbf)?\s*(<!doctype html|<html|<table|<head)", re.IGNORECASE)


def is_page(data: bytes) -> bool:
    """Whether it is a page of the web, as is what stands in the place of a file that one must log in for."""
    return _PAGE.match(data[:_LOOKED_AT]) is not None


def misnamed(path: Path, data: bytes) -> str:
    """What binary data are by their beginning, and what to do: empty where that is not known."""
    if data.startswith(b"PK\3\4"):
        return _archive(path, data)
    for beginning, what, ending in _BEGINNINGS:
        if data.startswith(beginning):
            return f"it is {what}; {_todo(path, ending)}"
    return f"it is a page of the web; {_COPY}" if is_page(data) else ""


def unknown(path: Path) -> str:
    """What to do with a file whose name has an unknown ending, behind a semicolon; empty where nobody knows."""
    data = b""
    with suppress(OSError), open(path, "rb") as file:
        data = file.read(_LOOKED_AT)
        file.seek(-min(_LOOKED_AT, file.seek(0, io.SEEK_END)), io.SEEK_END)
        data += file.read()
    advice = misnamed(path, data) or _SAVED.get(path.suffix.lower(), "")
    return advice and f"; {advice}"


def _archive(path: Path, data: bytes) -> str:
    """What a zip file is by the names in it, which stand at its end, or at the beginning."""
    if b"xl/workbook.xml" in data:
        return f"it is an Excel workbook; {_todo(path, '.xlsx')}"
    if b"xl/workbook.bin" in data or b"opendocument.spreadsheet" in data[:200]:
        return f"it is a workbook, but no .xlsx; {_SHEET}"
    if b".npy" in data:
        return f"it is arrays of NumPy; {_todo(path, '.npz')}"
    return f"it is a zip file; {_todo(path, '.zip')}"


def _todo(path: Path, ending: str) -> str:
    if advice := _SAVED.get(ending or ".xls"):
        return advice
    if path == Path("standard input"):
        return f"give the file itself, as NAME{ending}"
    if path.suffix.lower() == ending:  # packed, and what is in it is not told by the name
        return f"call it {path.stem}.csv{ending} if that is a table as text"
    return f"call it {(path.name if ending in PACKINGS else path.stem) + ending}"
