"""Which of several named arrays are the examples, the target and the names of the classes."""

import math
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.readers.common import ReaderError, Table, check_size, regular, shown_name
from chainrule.text import did_you_mean, first_few

# In .npz and .h5 files "train_set_x" is of the part "train" and means "x". The first part found is read.
_PARTS = ("", "train", "training", "test", "testing", "val", "valid", "validation")
_X_WORDS = ("x", "data", "features", "images", "inputs")
_Y_WORDS = ("y", "label", "labels", "target", "targets")
_CLASS_WORDS = ("classes", "class_names", "list_classes", "target_names")


def check_array(path: Path, key: str, shape: tuple[int, ...], dtype: np.dtype[Any], size: int) -> None:
    """Refuse an array by its declared shape and type, before any of it is read. size: bytes of the file."""
    if min(shape, default=0) < 0 or len(shape) > 32 or not dtype.itemsize:
        raise ReaderError(f"{path}: {key!r} declares {len(shape)} dimensions {shape} of {dtype}, which cannot be")
    count = math.prod(shape)  # in Python's integers, which do not overflow
    text = 128 if dtype.kind in "SO" else 0  # a Python object for each item
    check_size(path, count * (dtype.itemsize + text), size, f"{key!r} of shape {shape}")


def table(path: Path, keys: Sequence[str], load: Callable[[str], NDArray[Any]], target: str | None) -> Table:
    """Find the examples, the target and the names of the classes among arrays by what they are called."""
    split = {key: re.split(r"[\W_]+", key.lower()) for key in keys}
    parts = {key: next((part for part in _PARTS if part in split[key]), "") for key in keys}
    words = {key: "_".join(word for word in split[key] if word not in (*_PARTS, "set")) for key in keys}
    shown = f"Keys: {first_few(keys, quoted=True)}"

    given = target if target in keys else None
    xs = [key for key in keys if words[key] in _X_WORDS and key != given]
    part = parts[given] if given else min((parts[key] for key in xs), key=_PARTS.index, default="")
    xs = [key for key in xs if parts[key] == part]
    known = (*_X_WORDS, *_Y_WORDS, *_CLASS_WORDS)
    xs = xs or [key for key in keys if key != given and words[key] not in known]
    if len(xs) != 1:
        got = f"several arrays could be the examples ({first_few(xs, quoted=True)})" if xs else "no array of examples"
        raise ReaderError(f"{path}: {got}; call one 'X' and the target 'y'. {shown}")

    ys = [given] if given else [key for key in keys if words[key] in _Y_WORDS and parts[key] == parts[xs[0]]]
    if len(ys) > 1:
        raise ReaderError(
            f"{path}: several arrays could be the target ({first_few(ys, quoted=True)}); name one. {shown}"
        )
    if target is not None and target not in (given, *(words[key] for key in ys)):
        raise ReaderError(f"{path}: no array {target!r}.{did_you_mean(target, keys, 3)} {shown}")

    X, image_shape = _rows(path, xs[0], load(xs[0]))
    if not ys:
        return Table(shown_name(path), X, None, None, image_shape)
    y = _targets(path, ys[0], load(ys[0]), len(X))
    classes = next((_decoded(path, key, load(key)) for key in keys if words[key] in _CLASS_WORDS), np.empty(0, str))
    if classes.dtype.kind == "U" and y.dtype.kind in "iu" and 0 <= y.min() <= y.max() < classes.size:
        check_size(path, classes.itemsize * len(y), regular(path), "the target, by the names of the classes,")
        y = classes.ravel()[y]
    return Table(shown_name(path), X, y, words[ys[0]] if words[ys[0]] in _Y_WORDS else ys[0], image_shape)


def _rows(path: Path, key: str, X: NDArray[Any]) -> tuple[NDArray[np.float32], tuple[int, int, int] | None]:
    if X.dtype.kind not in "biuf":
        raise ReaderError(f"{path}: {key!r} holds {X.dtype}, wanted numbers")
    if X.size == 0 or X.ndim == 0:
        raise ReaderError(f"{path}: {key!r} holds no examples, got shape {X.shape}")
    if X.dtype == np.uint8 and (X.ndim == 3 or (X.ndim == 4 and X.shape[3] in (1, 3, 4))):
        return pixels(X)
    try:
        with np.errstate(over="raise"):
            return np.ascontiguousarray(X.reshape(len(X), -1), dtype=np.float32), None
    except FloatingPointError:
        raise ReaderError(f"{path}: {key!r} holds values beyond float32 (3.4e38); rescale it") from None


def pixels(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], tuple[int, int, int]]:
    """Images (m, h, w) or (m, h, w, c) as rows (m, h*w*c) from 0 to 1, and (h, w, c)."""
    height, width, channels = (*images.shape[1:], 1)[:3]
    return np.divide(images.reshape(len(images), -1), 255, dtype=np.float32), (height, width, channels)


def _targets(path: Path, key: str, y: NDArray[Any], m: int) -> NDArray[Any]:
    y = _decoded(path, key, y)
    for row, item in enumerate(y.ravel().tolist() if y.dtype.kind in "SO" else (), 1):
        with suppress(AttributeError):  # of what is neither bytes nor text
            try:
                item.decode()
            except UnicodeDecodeError:
                raise ReaderError(
                    f"{path}: {key!r} is no UTF-8 text in row {row} ({item[:20]!r}), wanted numbers or text"
                ) from None
    if y.dtype.kind not in "biufU":
        raise ReaderError(f"{path}: {key!r} holds {y.dtype}, wanted numbers or text")
    if y.ndim == 2 and y.shape[1] > 1 and len(y) == m and y.dtype.kind != "U":
        one_hot = np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all()
        y = y.argmax(axis=1) if one_hot else y
    if y.size != m or m not in y.shape:
        raise ReaderError(f"{path}: {key!r} has shape {y.shape}, wanted one value or one-hot row for each of {m}")
    return y.ravel().astype(y.dtype.newbyteorder("="))


def _decoded(path: Path, key: str, values: NDArray[Any]) -> NDArray[Any]:
    """Bytes as text, where they are UTF-8. Refused is text of code points that no text has."""
    if values.dtype.kind == "U" and values.size:
        codes = np.ascontiguousarray(values).view(values.dtype.byteorder + "u4").reshape(values.size, -1)
        if (wrong := (codes > sys.maxunicode) | ((codes >> 11) == 0xD800 >> 11)).any():
            i = int(np.argmax(wrong.any(axis=1)))
            code = codes[i, np.argmax(wrong[i])]
            raise ReaderError(f"{path}: {key!r} is no text in row {i + 1}: its code point {code:#x} is not Unicode's")
    items = values.ravel().tolist() if values.dtype.kind in "SO" else []
    if items and all(isinstance(item, bytes | str) for item in items):
        with suppress(UnicodeDecodeError):
            text = [item.decode() if isinstance(item, bytes) else item for item in items]
            longest = max(map(len, text))  # all are as wide as it
            check_size(path, 4 * longest * len(text), regular(path), repr(key))
            return np.array(text).reshape(values.shape)
    return values
