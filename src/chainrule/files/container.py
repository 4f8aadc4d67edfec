"""One file of texts and arrays, in the safetensors format: written whole or not at all, and checked when it is read.

The length of the header (8 bytes, little-endian), the header in JSON, then the arrays in C order, one after another.
The header has an entry for each array (dtype, shape, where it begins and ends) and, under ``__metadata__``, the texts.
One of these, "sha256", is the checksum of all bytes of the file, computed with zeros in its own place.
Source: the safetensors format, github.com/huggingface/safetensors. Its library reads these files; it is not used here
because it copies the arrays, and stores them in an order of its own.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
_CODES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "F16": "<f2",
    "U32": "<u4", "I32": "<i4", "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8",
}  # fmt: skip
DTYPES = {name: np.dtype(code) for name, code in _CODES.items()}  # by their names in the format
_LARGEST_HEADER = 8 * 2**20  # bytes: JSON takes up to 50 times as much when it is read
LARGEST_TEXT = 2**28  # bytes of all arrays of text: in memory, each text is as long as the longest
_LARGEST_EMPTY = 2**20  # product of the other sizes of an array with a size of 0: the length of the file is no limit
_DEEPEST = 200  # values within values
_MAPPED = 2**20  # bytes from which on a file is mapped, which takes one of the system's open files
_CHUNK = 2**20  # bytes that are written at once


@dataclass
class Container:
    """The texts and the arrays of a file. Arrays are writable views on `data`; writing never changes the file."""

    texts: dict[str, str]
    entries: dict[str, tuple[np.dtype[Any], tuple[int, ...], int]]  # name → dtype, shape, first byte
    data: Array  # the bytes of all arrays, in memory or still in the file
    text_left: int = LARGEST_TEXT

    def array(self, name: str) -> Array:
        """One array, C-ordered. Each can be taken once: KeyError for a name that is not there, or no longer."""
        dtype, shape, first = self.entries.pop(name)
        raw = self.data[first : first + prod(shape) * dtype.itemsize]
        if dtype.kind == "b":  # NumPy and compilers rely on this
            require((raw <= 1).all(), f"{name}: a boolean is neither 0 nor 1")
        return raw.view(dtype).reshape(shape)

    def unmapped(self) -> "Container":
        """The same texts and arrays in memory of their own, which later changes of the file do not reach."""
        data = kernel.empty(self.data.size, self.data.dtype)
        data[...] = self.data
        return replace(self, data=data)

    def text(self, items: list[Any], dtype: np.dtype[Any]) -> Array:
        """An array (n,) of n texts, which come from the header. ValueError if all such arrays become too large."""
        self.text_left -= dtype.itemsize * len(items)
        require(self.text_left >= 0, f"its arrays of text take more than {LARGEST_TEXT:,} bytes")
        return np.fromiter(items, dtype, len(items))

    def flat(self, names: list[str], dtype: np.dtype[Any]) -> Array:
        """Several arrays that lie one after another, as one vector (a view). ValueError if they do not."""
        dtypes, shapes, firsts = zip(*(self.entries.pop(name) for name in names), strict=True)
        ends = [first + prod(shape) * dtype.itemsize for shape, first in zip(shapes, firsts, strict=True)]
        one_vector = {*dtypes} == {dtype} and [*firsts[1:]] == ends[:-1]
        require(one_vector, f"{names[0]} … {names[-1]} are not one vector of {dtype.name}")
        return self.data[firsts[0] : ends[-1]].view(dtype)


def write(path: File, texts: Mapping[str, str], arrays: Mapping[str, Array]) -> None:
    """Write a file, which replaces one of that name when it is complete and on the disk, and not before.

    Arrays are sorted by the size of their elements, the largest first, and are otherwise in the given order: so each
    begins at a multiple of that size, and the first at a multiple of 64. Raises ModelFileError.
    """
    entries: dict[str, Any] = {"__metadata__": {"chainrule_format": str(FORMAT), **texts, "sha256": "0" * 64}}
    ordered = dict(sorted(arrays.items(), key=lambda item: -item[1].itemsize))
    names, end = {dtype: name for name, dtype in DTYPES.items()}, 0
    for name, array in ordered.items():
        first, end = end, end + array.nbytes
        dtype = names[array.dtype.newbyteorder("<")]
        entries[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [first, end]}
    header = json.dumps(entries, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
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
                    # A copy: the checksum is of what is written, even while another thread trains the network.
                    chunk = raw[start : start + _CHUNK].tobytes()
                    checksum.update(chunk)
                    file.write(chunk)
            file.seek(0)
            file.write(header.replace(b'"sha256":"' + b"0" * 64, b'"sha256":"' + checksum.hexdigest().encode(), 1))
    except OSError as error:
        raise ModelFileError(f"{os.fspath(path)}: cannot be written: {error.strerror or error}") from None


def read(path: File) -> Container:
    """Read a file that `write` of this or an earlier version has written. Large files are mapped, not copied.

    Every byte is checked. The memory for it is bounded by the length of the file, and a fixed amount for the header.
    Raises ModelFileError.
    """
    with reading(path):
        container = _parse(_read_bytes(path))
    return container


@contextmanager
def reading(path: File) -> Iterator[None]:
    """Whatever goes wrong while a file is read becomes a ModelFileError: one line that names the file."""
    name = os.fspath(path)
    try:
        yield
    except ModelFileError:
        raise
    except RefusedError as error:
        raise ModelFileError(f"{name}: {error}") from None
    except FileNotFoundError:
        raise ModelFileError(f"{name}: no such file") from None
    except OSError as error:
        raise ModelFileError(f"{name}: cannot be read: {error.strerror or error}") from None
    except MemoryError as error:
        raise ModelFileError(f"{name}: there is not enough memory to read it") from error
    except Exception as error:  # of any class: scikit-learn's stumble over the states of a damaged file
        raise ModelFileError(f"{name}: the model file is damaged: {one_line(error)}") from error


class RefusedError(Exception):
    """Why a file is refused that need not be damaged."""


def _read_bytes(path: File) -> Array:
    """All bytes of a file, in memory or mapped so that writing to them does not change the file."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for its other end
        raise RefusedError("cannot be read: not a file" if not os.path.isdir(path) else "cannot be read: is a folder")
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size >= _MAPPED:
            return np.memmap(file, np.uint8, "c").view(np.ndarray)
        data = kernel.empty(size, np.dtype(np.uint8))
        return data[: file.readinto(data)]  # type: ignore[arg-type]


def _parse(data: Array) -> Container:
    """The container of a file with these bytes, after every check."""
    if bytes(data[:4]) == b"PK\x03\x04":
        raise RefusedError("not a chainrule model (a zip archive; versions before the first release wrote those)")
    length = int.from_bytes(data[:8].tobytes(), "little")
    if len(data) < 9 or bytes(data[8:9]) != b"{":
        raise RefusedError("not a chainrule model")
    if length > _LARGEST_HEADER:
        raise RefusedError(f"the model file is damaged: a header of {length:,} bytes")
    if len(data) < 8 + length:
        raise RefusedError("the model file is cut short")
    header = data[8 : 8 + length].tobytes()
    entries = parse(header.decode())
    texts = entries.pop("__metadata__", None)
    if not isinstance(texts, dict) or "chainrule_format" not in texts:
        raise RefusedError("not a chainrule model (a safetensors file of something else)")
    require(all(isinstance(text, str) for text in texts.values()), "its metadata has values that are not text")
    version = texts.pop("chainrule_format")
    if not (version.isascii() and version.isdecimal() and int(version) <= FORMAT):
        raise RefusedError(
            f"was written by a newer chainrule, with format {version[:20]!a}; this one ({__version__}) reads up to "
            f"{FORMAT}: upgrade chainrule"
        )
    # The kernel reads numbers at multiples of their size.
    require((8 + length) % 64 == 0, "its arrays do not begin at a multiple of 64 bytes")
    _check_sum(data, header, texts.pop("sha256"))
    arrays = {name: _parse_entry(entry) for name, entry in entries.items()}
    spans = [(0, 0), *sorted((first, end) for _, _, first, end in arrays.values())]
    gapless = all(before[1] == after[0] for before, after in pairwise(spans))
    require(gapless and len(data) - 8 - length == spans[-1][1], "its arrays do not fill it, one after another")
    return Container(texts, {name: entry[:3] for name, entry in arrays.items()}, data[8 + length :])


def parse(text: str) -> Any:
    """The value of a JSON text. ValueError for names that occur twice, for NaN and infinity, and for deep nesting."""
    value = json.loads(text, object_pairs_hook=_dict_of_pairs, parse_constant=_refuse_constant)
    _check_depth([value], _DEEPEST)
    return value


def _check_depth(value: Any, left: int) -> None:
    require(left, "values within values, too deep")
    for part in value.values() if isinstance(value, dict) else value:
        if isinstance(part, (dict, list)):
            _check_depth(part, left - 1)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _dict_of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    require(len(value) == len(pairs), "a name occurs twice")
    return value


def _check_sum(data: Array, header: bytes, checksum: str) -> None:
    written = f'"sha256":"{checksum}"'.encode()
    require(len(checksum) == 64 and header.count(written) == 1, "its checksum is not where it belongs")
    computed = hashlib.sha256(data[:8].tobytes())
    computed.update(header.replace(written, b'"sha256":"' + b"0" * 64 + b'"'))
    computed.update(data[8 + len(header) :].data)
    require(computed.hexdigest() == checksum, "its checksum is not that of its bytes")


def _parse_entry(entry: dict[str, Any]) -> tuple[np.dtype[Any], tuple[int, ...], int, int]:
    """dtype, shape, first byte and the one after the last."""
    dtype, shape, (first, end) = DTYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
    check_shape(shape)
    require(type(first) is type(end) is int and 0 <= first <= end, "an array does not begin before it ends")
    fits = first % dtype.itemsize == 0 and end - first == prod(shape) * dtype.itemsize
    require(fits, "an array is not as long as its shape says")
    return dtype, tuple(shape), first, end


def check_shape(shape: Any) -> None:
    """ValueError if this is not the shape of an array that a file may hold."""
    sizes = isinstance(shape, list) and len(shape) <= 32 and all(type(n) is int and 0 <= n < 2**48 for n in shape)
    require(sizes, "the shape of an array is not a list of sizes")
    empty = 0 in shape and prod(n or 1 for n in shape) > _LARGEST_EMPTY
    require(not empty, "the shape of an array without elements is too large")


def require(fine: object, problem: str) -> None:
    """ValueError with the problem unless all is fine."""
    if not fine:
        raise ValueError(problem)
