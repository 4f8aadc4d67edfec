"""One file of texts and arrays, in the safetensors format: written whole or not at all, and checked when it is read.

The length of the header (8 bytes, little-endian), the header in JSON, then the arrays in C order, one after another.
The header has a row for each array (dtype, shape, where it begins and ends) and, under ``__metadata__``, the texts.
One of these, "sha256", is the checksum of all bytes of the file, taken with zeros in its own place.
Source: the safetensors format, github.com/huggingface/safetensors. Its library reads these files; it is not used here
because its arrays are copies, in an order of its own.
"""

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule._version import __version__
from chainrule.engines import kernel
from chainrule.errors import ModelFileError
from chainrule.files.atomic import File, replacing
from chainrule.text import one_line

FORMAT = 2  # 1 was a zip archive, before the first release
_NAMES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "F16": "<f2",
    "U32": "<u4", "I32": "<i4", "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8",
}  # fmt: skip
_DTYPES = {name: np.dtype(code) for name, code in _NAMES.items()}
_LARGEST_HEADER = 8 * 2**20  # bytes: JSON takes up to 50 times as much when it is read
LARGEST_TEXT = 2**28  # bytes of all arrays of text: they have blanks that are not in the file
_LARGEST_NOTHING = 2**20  # rows times columns of an array without elements: no byte of the file pays for them
_DEEPEST = 200
_MAPPED = 2**20  # from this size on an array is worth one of the system's open files
_CHUNK = 2**20


class Container:
    """The texts and the arrays of a file. Arrays are views on one buffer, which is theirs: they can be written into."""

    def __init__(
        self,
        texts: dict[str, str],
        rows: dict[str, tuple[np.dtype[Any], tuple[int, ...], int]],
        data: Array,
        mapped: bool,
    ):
        self.texts = texts
        self._rows = rows  # name → dtype, shape, first byte
        self._data = data
        self._mapped = mapped
        self._left = LARGEST_TEXT

    def array(self, name: str) -> Array:
        """One array, C-ordered; each is given out once. KeyError for a name that is not there, or not any more."""
        dtype, shape, first = self._rows.pop(name)
        raw = self._data[first : first + prod(shape) * dtype.itemsize]
        if dtype.kind == "b" and (raw > 1).any():  # NumPy and its compilers rely on it
            raise ValueError(f"{name}: a boolean is neither 0 nor 1")
        return raw.view(dtype).reshape(shape)

    def unmapped(self) -> "Container":
        """The same in memory of its own, on which it has no effect if someone writes into the file."""
        if self._mapped:
            data = kernel.zeros(self._data.size, self._data.dtype)
            data[...] = self._data
            self._data, self._mapped = data, False
        return self

    def text(self, items: list[Any], dtype: np.dtype[Any]) -> Array:
        """An array of text, (n,), that is not among those of the file. ValueError when all together grow too large."""
        self._left -= dtype.itemsize * len(items)
        if self._left < 0:
            raise ValueError(f"its arrays of text take more than {LARGEST_TEXT:,} bytes")
        return np.fromiter(items, dtype, len(items))

    def flat(self, names: list[str], dtype: Any) -> Array:
        """Several arrays that lie one behind the other, as one vector (a view). ValueError if they do not."""
        rows = [self._rows.pop(name) for name in names]
        ends = [first + prod(shape) * dtype.itemsize for dtype, shape, first in rows]
        if any(row[0] != dtype for row in rows) or any(end != row[2] for end, row in zip(ends, rows[1:], strict=False)):
            raise ValueError(f"{names[0]} … {names[-1]} are not one vector of {np.dtype(dtype).name}")
        return self._data[rows[0][2] : ends[-1]].view(dtype)


def write(path: File, texts: Mapping[str, str], arrays: Mapping[str, Array]) -> None:
    """Write a file, which replaces one of that name when it is complete and on the disk, and not before.

    Arrays of larger numbers come first, else in their order, so that each begins at a multiple of its numbers' size,
    and the first at a multiple of 64. Raises ModelFileError.
    """
    rows: dict[str, Any] = {"__metadata__": {"chainrule_format": str(FORMAT), **texts, "sha256": "0" * 64}}
    ordered = dict(sorted(arrays.items(), key=lambda item: -item[1].itemsize))
    names, end = {dtype: name for name, dtype in _DTYPES.items()}, 0
    for name, array in ordered.items():
        first, end = end, end + array.nbytes
        little = array.dtype.newbyteorder("<")
        rows[name] = {"dtype": names[little], "shape": list(array.shape), "data_offsets": [first, end]}
    header = json.dumps(rows, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    header += b" " * (-(8 + len(header)) % 64)
    if len(header) > _LARGEST_HEADER:
        raise ModelFileError(
            f"{os.fspath(path)}: cannot be written: what describes the model takes {len(header):,} bytes, "
            f"at most {_LARGEST_HEADER:,} are read; are there too many categories, words or names?"
        )
    header = len(header).to_bytes(8, "little") + header
    try:
        with replacing(path) as file:
            checksum = hashlib.sha256(header)
            file.write(header)
            for array in ordered.values():
                raw = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1).view(np.uint8)
                for start in range(0, raw.size, _CHUNK):
                    # Copied: what is summed up is what is written, even while someone trains the network.
                    piece = raw[start : start + _CHUNK].tobytes()
                    checksum.update(piece)
                    file.write(piece)
            file.seek(0)
            file.write(header.replace(b'"sha256":"' + b"0" * 64, b'"sha256":"' + checksum.hexdigest().encode(), 1))
    except OSError as error:
        raise ModelFileError(f"{os.fspath(path)}: cannot be written: {error.strerror or error}") from None


def read(path: File) -> Container:
    """Read a file that `write` has written, of this or an earlier version; large ones are mapped, not copied.

    Every byte is checked. No more memory is taken than the file is long, and some for its header. Raises
    ModelFileError.
    """
    where = os.fspath(path)
    try:
        data = _bytes(path)
        return _opened(data)
    except _RefusedError as error:
        raise ModelFileError(f"{where}: {error}") from None
    except FileNotFoundError:
        raise ModelFileError(f"{where}: no such file") from None
    except OSError as error:
        raise ModelFileError(f"{where}: cannot be read: {error.strerror or error}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:  # what is not as it should be
        raise ModelFileError(f"{where}: the model file is damaged: {one_line(error)}") from None


class _RefusedError(Exception):
    """Why a file is not taken."""


def _bytes(path: File) -> Array:
    """All bytes of a file, that can be written over without a change to the file."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for its other end
        raise _RefusedError("cannot be read: not a file" if not os.path.isdir(path) else "cannot be read: is a folder")
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size >= _MAPPED:
            return np.memmap(file, np.uint8, "c").view(np.ndarray)
        data = kernel.zeros(size, np.dtype(np.uint8))
        return data[: file.readinto(data)]  # type: ignore[arg-type]


def _opened(data: Array) -> Container:
    if bytes(data[:4]) == b"PK\x03\x04":
        raise _RefusedError("not a chainrule model (a zip archive; versions before the first release wrote those)")
    length = int.from_bytes(data[:8].tobytes(), "little")
    if len(data) < 9 or bytes(data[8:9]) != b"{":
        raise _RefusedError("not a chainrule model")
    if length > _LARGEST_HEADER:
        raise _RefusedError(f"the model file is damaged: a header of {length:,} bytes")
    if len(data) < 8 + length:
        raise _RefusedError("the model file is cut short")
    header = data[8 : 8 + length].tobytes()
    rows = parse(header.decode())
    texts = rows.pop("__metadata__", None)
    if not isinstance(texts, dict) or "chainrule_format" not in texts:
        raise _RefusedError("not a chainrule model (a safetensors file of something else)")
    if not all(isinstance(text, str) for text in texts.values()):
        raise ValueError("its texts are none")
    version = texts.pop("chainrule_format")
    if not (version.isascii() and version.isdecimal() and int(version) <= FORMAT):
        raise _RefusedError(
            f"was written by a newer chainrule, with format {version[:20]!a}; this one ({__version__}) reads up to "
            f"{FORMAT}: upgrade chainrule"
        )
    if (8 + length) % 64:  # the kernel reads whole numbers
        raise ValueError("its arrays do not begin at a multiple of 64 bytes")
    _verify(data, header, texts.pop("sha256"))
    places = {name: _row(row) for name, row in rows.items()}
    whole = sorted((first, end) for _, _, first, end in places.values())
    ends = [end for _, end in whole] or [0]
    if len(data) - 8 - length != ends[-1] or any(before[1] != after[0] for before, after in pairwise([(0, 0), *whole])):
        raise ValueError("its arrays do not fill it, one after another")
    rest = data[8 + length :]
    return Container(texts, {name: place[:3] for name, place in places.items()}, rest, len(data) >= _MAPPED)


def parse(text: str) -> Any:
    """The value of a JSON text. ValueError for names that are there twice, NaN and values in values in values …."""
    value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    _check_depth([value], _DEEPEST)
    return value


def _check_depth(value: Any, left: int) -> None:
    if left == 0:
        raise ValueError("values in values, too deep")
    for part in value.values() if isinstance(value, dict) else value:
        if isinstance(part, (dict, list)):
            _check_depth(part, left - 1)


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _verify(data: Array, header: bytes, checksum: str) -> None:
    written = f'"sha256":"{checksum}"'.encode()
    if len(checksum) != 64 or header.count(written) != 1:
        raise ValueError("its checksum is not where it belongs")
    found = hashlib.sha256(data[:8].tobytes())
    found.update(header.replace(written, b'"sha256":"' + b"0" * 64 + b'"'))
    found.update(data[8 + len(header) :].data)
    if found.hexdigest() != checksum:
        raise ValueError("its checksum is not that of its bytes")


def _row(row: dict[str, Any]) -> tuple[np.dtype[Any], tuple[int, ...], int, int]:
    dtype, shape, (first, end) = _DTYPES[row["dtype"]], row["shape"], row["data_offsets"]
    check_shape(shape)
    if not (type(first) is type(end) is int and 0 <= first <= end):
        raise ValueError("an array does not begin before it ends")
    if first % dtype.itemsize or end - first != prod(shape) * dtype.itemsize:
        raise ValueError("an array is not as long as its shape says")
    return dtype, tuple(shape), first, end


def check_shape(shape: Any) -> None:
    """ValueError if this is not the shape of an array."""
    if not isinstance(shape, list) or len(shape) > 32 or not all(type(n) is int and 0 <= n < 2**48 for n in shape):
        raise ValueError("the shape of an array is none")
    if 0 in shape and prod(n or 1 for n in shape) > _LARGEST_NOTHING:
        raise ValueError("an array without elements is too long")
