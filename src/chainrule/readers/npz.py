"""Arrays in an .npz archive, as numpy.savez writes it. Nothing is unpickled."""

import math
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from chainrule.readers import arrays
from chainrule.readers.common import MIB, ReaderError, Table, check_size, opening, regular
from chainrule.text import first_few

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


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
    """The arrays by their keys. What numpy.savez would not write is refused."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename
        key, shown = name.removesuffix(".npy"), first_few([name], quoted=True)
        parts = name.replace("\\", "/").split("/")
        if name[:1] in "/\\" or ":" in parts[0] or ".." in parts:
            raise ReaderError(f"{path}: the archive has a member called {shown}, a path to elsewhere; not opened")
        if key in members:
            raise ReaderError(f"{path}: the archive has several members called {shown}; write it anew")
        if info.flag_bits & 1:
            raise ReaderError(f"{path}: {shown} in the archive is encrypted; write it anew with numpy.savez")
        if info.compress_type not in _METHODS:
            raise ReaderError(f"{path}: {shown} is packed in a way that numpy.savez does not use; write it anew")
        members[key] = info
    check_size(path, sum(info.file_size for info in members.values()), size)
    return members


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
