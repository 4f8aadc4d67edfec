"""From a file, a folder of images or the name of a bundled data set to one Table. Errors are one clear line.

Nothing is downloaded and nothing is unpickled. pandas, h5py and Pillow are imported when a source needs them.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import gzip
import io
import math
import os
import re
import struct
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule import datasets

if TYPE_CHECKING:
    import pandas as pd

FORMATS = (
    ".csv .tsv .txt (also .gz), .parquet, .npz, .h5 .hdf5, *-images-idx3-ubyte (also .gz), an image, "
    "or a folder of images with one sub-folder per class"
)
IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

# Bundled sets whose columns have names: what scikit-learn calls "target" is, in words.
_FRAMES = {"breast_cancer": "diagnosis", "diabetes": "progression", "iris": "species", "wine": "cultivar"}
_REGRESSION = ("quadratic", "sine")

# In .npz and .h5 files "train_set_x" is of the part "train" and means "x". The first part found is read.
_PARTS = ("", "train", "training", "test", "testing", "val", "valid", "validation")
_X_WORDS = ("x", "data", "features", "images", "inputs")
_Y_WORDS = ("y", "label", "labels", "target", "targets")
_CLASS_WORDS = ("classes", "class_names", "list_classes", "target_names")


class ReaderError(ValueError):
    """One clear line: what, where, got, wanted, what to do."""


@dataclass(frozen=True, eq=False)
class Table:
    """What a source holds: one row per example, and the target where it is known.

    X is a DataFrame for tables; for images (pixels / 255) and arrays it is a C-ordered (m, n) float32 array.
    """

    name: str  # what to call it on screen
    X: pd.DataFrame | NDArray[np.float32]
    y: pd.Series | NDArray[Any] | None  # length m; missing targets stay missing
    target: str | None
    image_shape: tuple[int, int, int] | None = None  # (height, width, channels) when rows are images
    files: tuple[str, ...] | None = None  # the file of each row, as class/name.png, when rows are image files


def read(
    source: str | os.PathLike[str],
    *,
    target: str | None = None,
    image_size: tuple[int, int] = (64, 64),
    gray: bool = False,
    labels: str | os.PathLike[str] | None = None,
) -> Table:
    """Read any supported source; a path that exists wins over a bundled data set of that name.

    source: a path (its extension tells the format, see FORMATS) or a name from chainrule.datasets.NAMES.
    target: the column of a table to predict (without it y is None), or the key of the target among arrays.
        Sources that know their own target accept its name too.
    image_size, gray: (height, width) and color that image files are brought to; other sources keep theirs.
    labels: the label file of IDX images, where it is not beside them under the usual name.

    In .npz and .h5 files the target is called by its bare word: train_set_y and test_set_y are both "y".
    Text is UTF-8, UTF-16 with a byte order mark, or else Windows-1252, with a warning.
    Image files come in the order of their names; in a folder, hidden files and other files are ignored.
    Raises ReaderError.
    """
    path = Path(source)
    plain = path.name.lower().removesuffix(".gz")
    suffix = Path(plain).suffix
    idx = re.search(r"[-.]idx3-ubyte$", plain)
    if labels is not None and not idx:
        raise ReaderError(f"{source}: labels goes with IDX images (*-images-idx3-ubyte) only")
    if min(image_size) < 1:
        raise ReaderError(f"image_size = {image_size}, wanted (height, width) of at least 1 pixel each")
    if not os.path.exists(source):  # unlike Path.exists, False for "" and for impossible names
        if str(source) in datasets.NAMES:
            return _bundled(str(source), target)
        folder = path.parent
        beside = os.listdir(folder) if os.path.isdir(folder) and os.access(folder, os.R_OK) else []
        hint = _close(path.name, [*datasets.NAMES, *beside])
        bundled = ", ".join(datasets.NAMES)
        raise ReaderError(f"{str(source)!r}: no such file, and not a bundled data set ({bundled}){hint}")
    if path.is_dir():
        return _folder(path, target, image_size, gray)
    if idx:
        return _idx(path, target, labels)
    if suffix in (".csv", ".tsv", ".txt"):
        return _split(path, _delimited(path, "\t" if suffix == ".tsv" else None), target)
    match path.suffix.lower():
        case ".parquet":
            return _split(path, _parquet(path), target)
        case ".npz":
            return _npz(path, target)
        case ".h5" | ".hdf5":
            return _h5(path, target)
        case image if image in IMAGES:
            _check_target(path, target, None)
            return _images(path.name, [path], image_size, gray)
    raise ReaderError(f"{path}: unknown format, wanted {FORMATS}")


def _bundled(name: str, target: str | None) -> Table:
    import pandas as pd

    if known := _FRAMES.get(name):
        import sklearn.datasets

        bunch = getattr(sklearn.datasets, f"load_{name}")(as_frame=True)
        classes = bunch.get("target_names")
        y = bunch.target if classes is None else np.asarray(classes)[bunch.target]
        return _split(name, bunch.data.assign(**{known: y}), target or known)

    X, Y = datasets.NAMES[name]()
    labels = Y[0] if name in _REGRESSION else Y[0].astype(np.int64) if len(Y) == 1 else Y.argmax(axis=0)
    if name == "digits":
        _check_target(name, target, "digit")
        return Table(name, X.T.astype(np.float32), labels, "digit", (8, 8, 1))
    known = "y" if name in _REGRESSION else "class"
    frame = pd.DataFrame(X.T, columns=[f"x{i + 1}" for i in range(len(X))]).assign(**{known: labels})
    return _split(name, frame, target or known)


def _split(where: str | Path, frame: pd.DataFrame, target: str | None) -> Table:
    """A whole frame as a Table: the column `target` is y, the rest is X."""
    name = Path(where).name
    if twice := [column for column, n in Counter(frame.columns).items() if n > 1]:
        raise ReaderError(f"{where}: several columns are called {_listed(twice)}; rename all but one")
    if not len(frame) or not len(frame.columns):
        raise ReaderError(f"{where}: no examples, got {len(frame)} rows of {len(frame.columns)} columns")
    if target is None:
        return Table(name, frame, None, None)
    if target not in frame.columns:
        hint = _close(target, frame.columns)
        raise ReaderError(f"{where}: no column {target!r}{hint} Columns: {_listed(frame.columns)}")
    if len(frame.columns) == 1:
        raise ReaderError(f"{where}: {target!r} is the only column, nothing is left to predict it from")
    return Table(name, frame.drop(columns=target), frame[target], target)


def _delimited(path: Path, sep: str | None) -> pd.DataFrame:
    import pandas as pd

    buffer = io.StringIO(_text(path), newline="")
    first = {sep: _first_rows(buffer, sep) for sep in ([sep] if sep else ",;\t|")}
    sep = max(first, key=lambda sep: _fit(first[sep]))
    header, *rows = first[sep]
    names = [name.strip() for name in header]
    if not any(names):
        raise ReaderError(f"{path}: the file is empty, wanted a header line and rows")
    # pandas would silently take the surplus of the first row for an index, and shift every column by one.
    if rows and len(rows[0]) > len(names):
        raise ReaderError(f"{path}: the first row has {len(rows[0])} fields, the header has {len(names)}")
    cells = list(chain.from_iterable(rows)) if sep == ";" else []
    points = any(re.fullmatch(r"-?\d+\.\d+", cell) for cell in cells)
    commas = any(re.fullmatch(r"-?\d+,\d+", cell) for cell in cells)
    buffer.seek(0)
    with _opening(path, "a table"):
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


def _first_rows(buffer: io.StringIO, sep: str) -> list[list[str]]:
    buffer.seek(0)
    rows: list[list[str]] = []
    with suppress(csv.Error):  # a field beyond csv's limit; pandas, which has none, has the last word
        rows.extend(islice(filter(None, csv.reader(buffer, delimiter=sep, skipinitialspace=True)), 50))
    return rows or [[]]


def _fit(rows: list[list[str]]) -> tuple[bool, float, int]:
    """How well a delimiter fits: it splits the header, and the rows alike, and into many."""
    width = len(rows[0])
    return width > 1, sum(len(row) == width for row in rows) / len(rows), width


def _text(path: Path) -> str:
    data = _bytes(path)
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not utf16 and b"\0" in data:
        raise ReaderError(f"{path}: binary data (byte 0 at position {data.index(0)}), wanted a table as text")
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        if utf16 or re.search(rb"[\x01-\x08\x0e-\x1f\x81\x8d\x8f\x90\x9d]", data):  # not in Windows-1252 text
            raise ReaderError(f"{path}: binary data or an unknown encoding, wanted a table") from None
    warnings.warn(f"{path}: not UTF-8, read as Windows-1252; save it as UTF-8 if it looks wrong", stacklevel=4)
    return data.decode("cp1252")


def _bytes(path: Path) -> bytes:
    zipped = path.suffix.lower() == ".gz"
    with _opening(path, "gzip" if zipped else "a file"):
        return gzip.decompress(path.read_bytes()) if zipped else path.read_bytes()


def _parquet(path: Path) -> pd.DataFrame:
    with _opening(path, "Parquet"):
        import pandas as pd
        import pyarrow  # noqa: F401  its absence, said in our words rather than pandas'

        frame = pd.read_parquet(path, engine="pyarrow")
        frame = frame.reset_index(drop=all(name is None for name in frame.index.names))
        frame.columns = [str(column) for column in frame.columns]
        return frame


def _npz(path: Path, target: str | None) -> Table:
    if not zipfile.is_zipfile(path):
        raise ReaderError(f"{path}: not an .npz archive; numpy.savez writes them")
    with _opening(path, ".npz"), np.load(path, allow_pickle=False) as archive:
        return _arrays(path, archive.files, lambda key: np.asarray(archive[key]), target)


def _h5(path: Path, target: str | None) -> Table:
    with _opening(path, "HDF5"):
        import h5py

        with h5py.File(path, "r") as file:
            keys: list[str] = []
            file.visititems(lambda key, node: keys.append(key) if isinstance(node, h5py.Dataset) else None)
            return _arrays(path, keys, lambda key: np.asarray(file[key][()]), target)


def _arrays(path: Path, keys: Sequence[str], load: Callable[[str], NDArray[Any]], target: str | None) -> Table:
    """Find the examples, the target and the names of the classes among arrays by what they are called."""
    split = {key: re.split(r"[\W_]+", key.lower()) for key in keys}
    parts = {key: next((part for part in _PARTS if part in split[key]), "") for key in keys}
    words = {key: "_".join(word for word in split[key] if word not in (*_PARTS, "set")) for key in keys}
    listed = f"Keys: {_listed(keys)}"

    given = target if target in keys else None
    xs = [key for key in keys if words[key] in _X_WORDS and key != given]
    part = parts[given] if given else min((parts[key] for key in xs), key=_PARTS.index, default="")
    xs = [key for key in xs if parts[key] == part]
    known = (*_X_WORDS, *_Y_WORDS, *_CLASS_WORDS)
    xs = xs or [key for key in keys if key != given and words[key] not in known]
    if len(xs) != 1:
        got = f"several arrays could be the examples ({_listed(xs)})" if xs else "no array of examples"
        raise ReaderError(f"{path}: {got}; call one 'X' and the target 'y'. {listed}")

    ys = [given] if given else [key for key in keys if words[key] in _Y_WORDS and parts[key] == parts[xs[0]]]
    if len(ys) > 1:
        raise ReaderError(f"{path}: several arrays could be the target ({_listed(ys)}); name one. {listed}")
    if target is not None and target not in (given, *(words[key] for key in ys)):
        raise ReaderError(f"{path}: no array {target!r}{_close(target, keys)} {listed}")

    X, image_shape = _rows(path, xs[0], load(xs[0]))
    if not ys:
        return Table(path.name, X, None, None, image_shape)
    y = _targets(path, ys[0], load(ys[0]), len(X))
    classes = next((_decoded(load(key)) for key in keys if words[key] in _CLASS_WORDS), np.empty(0, str))
    if classes.dtype.kind == "U" and y.dtype.kind in "iu" and 0 <= y.min() <= y.max() < classes.size:
        y = classes.ravel()[y]
    return Table(path.name, X, y, words[ys[0]] if words[ys[0]] in _Y_WORDS else ys[0], image_shape)


def _rows(path: Path, key: str, X: NDArray[Any]) -> tuple[NDArray[np.float32], tuple[int, int, int] | None]:
    if X.dtype.kind not in "biuf":
        raise ReaderError(f"{path}: {key!r} holds {X.dtype}, wanted numbers")
    if X.size == 0 or X.ndim == 0:
        raise ReaderError(f"{path}: {key!r} holds no examples, got shape {X.shape}")
    if X.dtype == np.uint8 and (X.ndim == 3 or (X.ndim == 4 and X.shape[3] in (1, 3, 4))):
        return _pixels(X)
    try:
        with np.errstate(over="raise"):
            return np.ascontiguousarray(X.reshape(len(X), -1), dtype=np.float32), None
    except FloatingPointError:
        raise ReaderError(f"{path}: {key!r} holds values beyond float32 (3.4e38); rescale it") from None


def _pixels(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], tuple[int, int, int]]:
    """Images (m, h, w) or (m, h, w, c) as rows (m, h*w*c) from 0 to 1, and (h, w, c)."""
    height, width, channels = (*images.shape[1:], 1)[:3]
    return np.divide(images.reshape(len(images), -1), 255, dtype=np.float32), (height, width, channels)


def _targets(path: Path, key: str, y: NDArray[Any], m: int) -> NDArray[Any]:
    y = _decoded(y)
    if y.dtype.kind not in "biufU":
        raise ReaderError(f"{path}: {key!r} holds {y.dtype}, wanted numbers or text")
    if y.ndim == 2 and y.shape[1] > 1 and len(y) == m and y.dtype.kind != "U":
        one_hot = np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all()
        y = y.argmax(axis=1) if one_hot else y
    if y.size != m or m not in y.shape:
        raise ReaderError(f"{path}: {key!r} has shape {y.shape}, wanted one value or one-hot row for each of {m}")
    return y.ravel().astype(y.dtype.newbyteorder("="))


def _decoded(values: NDArray[Any]) -> NDArray[Any]:
    """Bytes as text, where they are UTF-8."""
    items = values.ravel().tolist() if values.dtype.kind in "SO" else []
    if items and all(isinstance(item, bytes | str) for item in items):
        with suppress(UnicodeDecodeError):
            text = [item.decode() if isinstance(item, bytes) else item for item in items]
            return np.array(text).reshape(values.shape)
    return values


def _idx(path: Path, target: str | None, labels: str | os.PathLike[str] | None) -> Table:
    X, image_shape = _pixels(_idx_array(path, 3))
    stem = path.name.replace("images", "labels").replace("idx3-ubyte", "idx1-ubyte").removesuffix(".gz")
    beside = [p for p in (path.with_name(stem), path.with_name(f"{stem}.gz")) if p.is_file() and p != path]
    file = Path(labels) if labels is not None else next(iter(beside), None)
    _check_target(path, target, "label" if file else None)
    if file is None:
        return Table(path.name, X, None, None, image_shape)
    y = _idx_array(file, 1).astype(np.int64)
    if len(y) != len(X):
        raise ReaderError(f"{file}: {len(y)} labels for the {len(X)} images of {path.name}")
    return Table(path.name, X, y, "label", image_shape)


def _idx_array(path: Path, ndim: int) -> NDArray[np.uint8]:
    """Magic number 00 00 08 ndim (08: unsigned bytes), the sizes as big-endian uint32, the bytes.

    Source: "The IDX file format", yann.lecun.com/exdb/mnist.
    """
    data = _bytes(path)
    magic, start = bytes((0, 0, 8, ndim)), 4 + 4 * ndim
    if data[:4] != magic or len(data) < start:
        raise ReaderError(f"{path}: starts with {data[:4].hex()!r}, wanted IDX's {magic.hex()!r} and sizes")
    shape = struct.unpack_from(f">{ndim}I", data, 4)
    got, wanted = len(data) - start, math.prod(shape)
    if got != wanted or not wanted:
        raise ReaderError(f"{path}: truncated or damaged, {got} bytes of data, wanted {wanted} for shape {shape}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _folder(path: Path, target: str | None, size: tuple[int, int], gray: bool) -> Table:
    classes = {p.name: _image_files(p) for p in _visible(path) if p.is_dir()}
    loose = _image_files(path)
    if loose and not any(classes.values()):
        _check_target(path, target, None)
        return _images(path.resolve().name, loose, size, gray)
    if loose:
        raise ReaderError(f"{path}: images both in it and in its sub-folders, move {loose[0].name}")
    if not any(classes.values()):
        raise ReaderError(f"{path}: no images ({' '.join(IMAGES)}) in this folder or its sub-folders")
    if empty := [c for c, files in classes.items() if not files]:
        raise ReaderError(f"{path}: no images in the class folder {_listed(empty)}; add some, or remove it")
    _check_target(path, target, "label")
    y = np.repeat(list(classes), [len(files) for files in classes.values()])
    files = list(chain.from_iterable(classes.values()))
    names = tuple(f"{file.parent.name}/{file.name}" for file in files)
    return replace(_images(path.resolve().name, files, size, gray), y=y, target="label", files=names)


def _visible(folder: Path) -> list[Path]:
    with _opening(folder, "a folder"):
        return sorted((p for p in folder.iterdir() if p.name[0] != "."), key=lambda p: p.name)


def _image_files(folder: Path) -> list[Path]:
    return [p for p in _visible(folder) if p.suffix.lower() in IMAGES and p.is_file()]


def _images(name: str, files: Sequence[Path], size: tuple[int, int], gray: bool) -> Table:
    with ThreadPoolExecutor() as pool:  # Pillow decodes without the interpreter lock
        pixels = np.stack(list(pool.map(lambda file: _image(file, size, gray), files)))
    X, image_shape = _pixels(pixels)
    return Table(name, X, None, None, image_shape, tuple(file.name for file in files))


def _image(file: Path, size: tuple[int, int], gray: bool) -> NDArray[np.uint8]:
    with _opening(file, "an image"):
        from PIL import Image, ImageOps

        with Image.open(file) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.mode in ("I", "F"):
                raise ReaderError(f"{file}: 32-bit pixels have no agreed range; save it with 8 or 16 bits")
            if image.mode.startswith("I;16"):  # convert would clip at 255 instead of scaling
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            if image.has_transparency_data:  # convert would show whatever color hides under full transparency
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            image = image.convert("L" if gray else "RGB").resize(size[::-1])
            return np.asarray(image, dtype=np.uint8)


def _check_target(where: object, target: str | None, known: str | None) -> None:
    if target not in (None, known):
        wanted = f"its target is called {known!r}" if known else "it comes without labels"
        raise ReaderError(f"{where}: no target {target!r}; {wanted}")


@contextmanager
def _opening(path: Path, kind: str) -> Iterator[None]:
    """Whatever a library says about a damaged file, as one ReaderError."""
    try:
        yield
    except ReaderError:
        raise
    except ImportError:
        raise ReaderError(f'{path}: reading {kind} needs an extra: pip install "chainrule[data]"') from None
    except Exception as error:  # decoders raise nearly anything: SyntaxError, RuntimeError, zlib.error …
        message = " ".join(str(error).split()) or type(error).__name__
        raise ReaderError(f"{path}: not readable as {kind}: {message}") from None


def _close(name: str, names: Iterable[str]) -> str:
    lower = {str(n).lower(): str(n) for n in names}
    close = [repr(lower[n]) for n in difflib.get_close_matches(name.lower(), lower)]
    return f"; did you mean {' or '.join(close)}?" if close else "."


def _listed(names: Iterable[object], most: int = 20) -> str:
    shown = [repr(str(name)) for name in names]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")
