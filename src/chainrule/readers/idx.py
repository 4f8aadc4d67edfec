"""IDX: the images and labels of MNIST and its like, also gzipped."""

import math
import os
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chainrule.readers.arrays import pixels
from chainrule.readers.common import ReaderError, Table, check_target, content, shown_name


def read(path: Path, target: str | None, labels: str | os.PathLike[str] | None) -> Table:
    """The images, with the labels of a file given or found beside them."""
    X, image_shape = pixels(_array(path, 3))
    stem = path.name.replace("images", "labels").replace("idx3-ubyte", "idx1-ubyte").removesuffix(".gz")
    beside = [p for p in (path.with_name(stem), path.with_name(f"{stem}.gz")) if p.is_file() and p != path]
    file = Path(labels) if labels is not None else next(iter(beside), None)
    check_target(path, target, "label" if file else None)
    if file is None:
        return Table(shown_name(path), X, None, None, image_shape)
    y = _array(file, 1).astype(np.int64)
    if len(y) != len(X):
        raise ReaderError(f"{file}: {len(y)} labels for the {len(X)} images of {path.name}")
    return Table(shown_name(path), X, y, "label", image_shape)


def _array(path: Path, ndim: int) -> NDArray[np.uint8]:
    """Magic number 00 00 08 ndim (08: unsigned bytes), the sizes as big-endian uint32, the bytes.

    Source: "The IDX file format", yann.lecun.com/exdb/mnist.
    """
    data = content(path)
    magic, start = bytes((0, 0, 8, ndim)), 4 + 4 * ndim
    if data[:4] != magic or len(data) < start:
        raise ReaderError(f"{path}: starts with {data[:4].hex()!r}, wanted IDX's {magic.hex()!r} and sizes")
    shape = struct.unpack_from(f">{ndim}I", data, 4)
    got, wanted = len(data) - start, math.prod(shape)
    if got != wanted or not wanted:
        raise ReaderError(f"{path}: truncated or damaged, {got} bytes of data, wanted {wanted} for shape {shape}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
