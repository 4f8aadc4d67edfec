"""Arrays in an .npz archive, as numpy.savez writes it. Nothing is unpickled."""

import math
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from chainrule.readers import archives, arrays
from chainrule.readers.common import MIB, ReaderError, Table, opening, regular

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read(path: Path, target: str | None) -> Table:
    """The examples and the target among the arrays of an archive."""
    size = regular(path)
    with opening(path, "a file"):
        if not zipfile.is_zipfile(path):
            raise ReaderError(f"{path}: not an .npz archive; numpy.savez writes them")
    with opening(path, ".npz"), zipfile.ZipFile(path) as archive:
        members = _members(path, archive, size)
        return arrays.table(path, list(members), lambda key: _array(path, archive, key, members[key], size), target)


def _members(path: Path, archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The arrays by their keys."""
    found: dict[str, zipfile.ZipInfo] = {}
    for name, info in archives.members(path, archive, size, "numpy.savez").items():
        if (key := name.removesuffix(".npy")) in found:
            raise ReaderError(f"{path}: the archive has several members called {key!r}; write it anew")
        found[key] = info
    return found


def _array(path: Path, archive: zipfile.ZipFile, key: str, info: zipfile.ZipInfo, size: int) -> NDArray[Any]:
    with archive.open(info) as file:
        version = npy.read_magic(file)
        if version not in _HEADERS:
            raise ReaderError(f"{path}: {key!r} is in version {version} of the .npy format, wanted {list(_HEADERS)}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            shape, fortran, dtype = _HEADERS[version](file)
        if dtype.hasobject:
            raise ReaderError(
                f"{path}: {key!r} holds Python objects, which nothing safe can read; save numbers or text"
            )
        arrays.check_array(path, key, shape, dtype, size)
        got, wanted = info.file_size - file.tell(), math.prod(shape) * dtype.itemsize
        if got != wanted:
            raise ReaderError(f"{path}: {key!r} has {got} bytes of data, wanted {wanted} for {dtype} of shape {shape}")
        data = np.empty(wanted, np.uint8)
        for start in range(0, wanted, MIB):
            piece = data[start : start + MIB]
            piece[:] = np.frombuffer(file.read(len(piece)), np.uint8)
        return data.view(dtype).reshape(shape, order="F" if fortran else "C")
