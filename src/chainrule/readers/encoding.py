"""The bytes of a text file as UTF-8, whatever they were."""

import codecs
import re
import warnings
from contextlib import suppress

from chainrule.errors import TextEncodingWarning
from chainrule.readers import foreign
from chainrule.readers.common import ReaderError, Source

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
_ADVICE = "save it as UTF-8 if it looks wrong"


def utf8(source: Source) -> bytes:
    """The text of a source in UTF-8, without a byte order mark."""
    name = codec(source)
    if name in ("utf-8", "utf-8-sig"):
        return source.data.removeprefix(codecs.BOM_UTF8)
    return source.data.decode(name).encode()


def codec(source: Source, complete: bool = True) -> str:
    """The encoding of a text, in the words of Python. complete: whether the text is more than the beginning of one."""
    data, encoding = source.data, _told(source)
    with suppress(UnicodeDecodeError):
        text = codecs.getincrementaldecoder(encoding)().decode(data, complete)
        if encoding in ("utf-8", *_MARKS.values()):
            return encoding
        if not _CONTROLS.search(text):
            _warn(source, encoding.upper())
            return encoding
    if len(_EBCDIC.findall(data[:1000])) > 0.95 * len(data[:1000]):
        raise ReaderError(f"{source.path}: looks like EBCDIC; save it as UTF-8")
    # Bytes that no text in Windows-1252 has.
    if encoding != "utf-8" or re.search(rb"[\x01-\x08\x0e-\x1f\x81\x8d\x8f\x90\x9d]", data):
        found = foreign.misnamed(source.path, data)
        wanted = f"; {found}" if found else ", wanted a table in UTF-8, UTF-16 or UTF-32"
        raise ReaderError(f"{source.path}: binary data or an unknown encoding{wanted}")
    _warn(source, "Windows-1252")
    return "cp1252"


def _told(source: Source) -> str:
    """The encoding that the first bytes tell, by a mark or by zeros; utf-8 if by neither."""
    data = source.data
    marked = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "")
    guessed = "" if marked else _ZEROS.get("".join("-" if byte else "0" for byte in data[:4]), "")
    if not marked and not guessed and b"\0" in data:
        where = f"byte 0 at position {data.index(0)}"
        found = foreign.misnamed(source.path, data)
        raise ReaderError(
            f"{source.path}: binary data ({where}){f'; {found}' if found else ', wanted a table as text'}"
        )
    if data.startswith(b"+/v"):
        raise ReaderError(f"{source.path}: begins with the mark of UTF-7; save it as UTF-8")
    return marked or guessed or "utf-8"


def _warn(source: Source, encoding: str) -> None:
    warnings.warn(f"{source.path}: not UTF-8, read as {encoding}; {_ADVICE}", TextEncodingWarning, stacklevel=5)
