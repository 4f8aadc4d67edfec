"""What every reader shares: the Table, the error, and the checks before a file is opened."""

import bz2
import gzip
import lzma
import os
import stat
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import ChainruleError
from chainrule.text import one_line

if TYPE_CHECKING:
    import pandas as pd

MIB = 1 << 20
# A file may open to this many times its size and this much more: compressed tables and images stay far below,
# a bomb (gzip packs zeros 1,000 : 1, other packers more) does not.
TIMES, MORE = 64, 256 * MIB
PACKINGS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "Zstandard"}  # what to call them


class ReaderError(ChainruleError, ValueError):
    """A source cannot be read. One line, whatever names a file holds: what, where, got, wanted, what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message, 3000))


class NoRowsError(ReaderError):
    """A table has columns, and no rows."""


@dataclass(frozen=True, eq=False)
class Table:
    """What a source holds: one row per example, and the target where it is known.

    X is a DataFrame for tables; for images (pixels / 255) and arrays it is a C-ordered (m, n) float32 array.
    """

    name: str  # what to call it on screen
    X: "pd.DataFrame | NDArray[np.float32]"
    y: "pd.Series | NDArray[Any] | None"  # length m; missing targets stay missing
    target: str | None
    image_shape: tuple[int, int, int] | None = None  # (height, width, channels) when rows are images
    files: tuple[str, ...] | None = None  # of each row, as class/name.png (see shown_name), when rows are image files
    cells: "pd.DataFrame | None" = None  # all columns of a text as they are written there, where that was asked for


@dataclass(frozen=True)
class Options:
    """What the caller says of a table; see readers.read."""

    target: str | None = None
    header: bool | None = None
    sheet: str | None = None
    written: Collection[str] = ()
    cells: bool = False  # all cells of a text as they are written, and only empty ones missing


def shown_name(path: Path) -> str:
    r"""The name of a file or folder as text, which no name has to be: \xff for a byte that is no UTF-8."""
    return os.fsencode(path.name).decode(errors="backslashreplace")


@contextmanager
def opening(path: object, kind: str) -> Iterator[None]:
    """Whatever a library says about a damaged file, as one ReaderError."""
    try:
        yield
    except ReaderError:
        raise
    except ImportError:
        raise ReaderError(f'{path}: reading {kind} needs an extra: pip install "chainrule[data]"') from None
    except Exception as error:  # decoders raise nearly anything: SyntaxError, RuntimeError, zlib.error …
        message = (isinstance(error, OSError) and error.strerror) or one_line(error, 3000)
        if isinstance(error, MemoryError):
            raise ReaderError(
                f"{path}: the memory does not suffice to read it ({message}); read a part of it"
            ) from None
        raise ReaderError(f"{path}: not readable as {kind}: {message}") from None


def regular(path: Path) -> int:
    """The size in bytes of a regular file. Anything else (a pipe, a device) could block, or never end."""
    with opening(path, "a file"):
        status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise ReaderError(f"{path}: is a folder, wanted a file")
    if not stat.S_ISREG(status.st_mode):
        raise ReaderError(f"{path}: is a pipe, a socket or a device, wanted a regular file; save its content as one")
    return status.st_size


def size_limit(size: int, at_once: bool = True) -> int:
    """Bytes that a file of this size may open to: TIMES its size + MORE, at once at most half of the memory."""
    most = TIMES * size + MORE
    if not at_once:
        return most
    try:
        return min(most, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
    except (AttributeError, OSError, ValueError):  # not every system tells
        return most


def check_size(path: Path, opened: int, size: int, what: str = "it", at_once: bool = True) -> None:
    """Refuse what would open to more than a file of this size may. opened, size: bytes, in memory and on disk."""
    if opened > (limit := size_limit(size, at_once)):
        raise ReaderError(
            f"{path}: {what} opens to {opened / MIB:,.0f} MiB or more from {size / MIB:,.3f} MiB on disk, wanted "
            f"at most {limit / MIB:,.0f} MiB ({TIMES} times its size and {MORE // MIB} MiB, half of the memory); "
            "if you trust it, save it without compression or in parts"
        )


@dataclass(frozen=True)
class Source:
    """A file that has been read: what a reader of text or of one archive starts from."""

    path: Path  # what to call it in an error
    data: bytes  # unpacked
    size: int  # in bytes, packed


def content(path: Path) -> bytes:
    """The bytes of a file, unpacked where its name ends in .gz, .bz2, .xz or .zst."""
    return whole(path).data


def whole(path: Path) -> Source:
    """A file with its bytes, unpacked where its name ends in .gz, .bz2, .xz or .zst."""
    size = regular(path)
    check_size(path, size, size)
    packing = packed(path)
    pieces, length = [], 0
    with opening(path, PACKINGS.get(packing, "a file")), open(path, "rb", opener=_at_once) as raw:
        file = unpacked(raw, packing)
        # Files of /proc have a size of 0, whatever is in them.
        while piece := file.read(16 * MIB if packing else max(size + 1, MIB)):
            pieces.append(piece)
            length += len(piece)
            check_size(path, length, size)
        return Source(path, b"".join(pieces), size)


def packed(path: Path) -> str:
    """The ending of a name that says how the file is packed, or nothing."""
    return path.suffix.lower() if path.suffix.lower() in PACKINGS else ""


def standard_input() -> Source:
    """All that comes in by standard input, at most half of the memory."""
    path, pieces, length = Path("standard input"), [], 0
    with opening(path, "a file"):
        while piece := sys.stdin.buffer.read(MIB):
            pieces.append(piece)
            length += len(piece)
            check_size(path, length, length)
    return Source(path, b"".join(pieces), length)


def unpacked(raw: IO[bytes], packing: str) -> IO[bytes]:
    """What is in a file that is packed as its ending says; the file itself for any other ending."""
    match packing:
        case ".gz":
            return cast(IO[bytes], gzip.GzipFile(fileobj=raw))
        case ".bz2":
            return cast(IO[bytes], bz2.BZ2File(raw))
        case ".xz":
            return cast(IO[bytes], lzma.LZMAFile(raw))
        case ".zst":
            import pyarrow as pa

            return cast(IO[bytes], pa.CompressedInputStream(pa.PythonFile(raw), "zstd"))
    return raw


def _at_once(path: str, flags: int) -> int:
    """Open a file so that nothing waits for its data: they are all there, or it is no file of data."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def check_target(where: object, target: str | None, known: str | None) -> None:
    """Refuse the name of a target for a source that has none, or another."""
    if target not in (None, known):
        wanted = f"its target is called {known!r}" if known else "it comes without labels"
        raise ReaderError(f"{where}: no target {target!r}; {wanted}")
