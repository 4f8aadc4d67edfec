"""From a file, a folder of images or the name of a bundled data set to one Table. Errors are one clear line.

Nothing is downloaded, nothing is unpickled, nothing outside the source is opened, and the memory and the work that a
source takes are limited (see common.size_limit). pandas, openpyxl, pyarrow, h5py and Pillow are imported where they are
needed.
"""

import errno
import os
import re
import stat
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from chainrule import datasets
from chainrule.readers import (
    archives,
    delimited,
    feather,
    foreign,
    hdf5,
    idx,
    images,
    npz,
    parquet,
    records,
    sheets,
    stream,
)
from chainrule.readers.common import (
    PACKINGS,
    Options,
    ReaderError,
    Source,
    Table,
    check_target,
    opening,
    packed,
    regular,
    shown_name,
    standard_input,
    unpacked,
    whole,
)
from chainrule.readers.frames import split
from chainrule.readers.images import IMAGES
from chainrule.text import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMATS", "IMAGES", "ReaderError", "Table", "batches", "read"]

FORMATS = (
    ".csv .tsv .txt .json .jsonl (also .gz .bz2 .xz .zst, or alone in a .zip), .xlsx, .parquet, .feather .arrow, .npz, "
    ".h5 .hdf5, *-images-idx3-ubyte (also .gz), an image, or a folder of images with one sub-folder per class"
)
STANDARD_INPUT = "-"
_DELIMITERS = {".csv": delimited.SEPS, ".txt": delimited.SEPS, ".tsv": "\t", ".tab": "\t"}
_JSON = (".json", ".jsonl", ".ndjson")
_SHEETS, _ARROW = (".xlsx", ".xlsm"), (".feather", ".arrow")

# Bundled sets whose columns have names: what scikit-learn calls "target" is, in words.
_FRAMES = {"breast_cancer": "diagnosis", "diabetes": "progression", "iris": "species", "wine": "cultivar"}
_REGRESSION = ("quadratic", "sine")


def read(
    source: str | os.PathLike[str],
    *,
    target: str | None = None,
    image_size: tuple[int, int] = (64, 64),
    gray: bool = False,
    labels: str | os.PathLike[str] | None = None,
    header: bool | None = None,
    sheet: str | None = None,
    written: Collection[str] = (),
) -> Table:
    r"""Read any supported source; a path that exists wins over a bundled data set of that name.

    source: a path (its extension tells the format, see FORMATS) or a name from chainrule.datasets.NAMES; "-" is
        standard input, a table in JSON or as text.
    target: the column of a table to predict (without it y is None), or the key of the target among arrays.
        Sources that know their own target accept its name too.
    image_size, gray: (height, width) and color that image files are brought to; other sources keep theirs.
    labels: the label file of IDX images, where it is not beside them under the usual name.
    header: whether the first row of a text names the columns; None looks, and notes where it does not: then they are
        column1, column2 …, and the number of a column will do for a target. Also noted is what stands above, between
        and below the rows, and is no row.
    sheet: the name or the number of a sheet of Excel; None takes, of those shown, that with the target, or the first
        that is more than remarks.
    written: columns of a text to have as text even where all is numbers.

    Cells of a text come as written, without blanks around them, but for columns of plain numbers and of true and false.
    A number with a leading zero is no plain one, nor 1.234 beside decimal commas. Empty cells and \N are missing; so
    are, but not in the target, the usual words for it (NA, null …).
    In .npz and .h5 files the target is called by its bare word: train_set_y and test_set_y are both "y".
    Text is UTF-8, or UTF-16 or UTF-32 with a byte order mark, or else, with a warning, one of these two without a
    mark, or Windows-1252. Whole numbers stay exact. Names of files and folders that are no UTF-8 have \xff for a byte.
    Image files come in the order of their names; in a folder, hidden files and other files are ignored.
    Raises ReaderError, for hostile files in bounded memory: a source may open to 64 times its size and 256 MiB.
    """
    path, options = Path(source), Options(target, header, sheet, written)
    plain = path.name.lower().removesuffix(packing := packed(path))
    suffix = Path(plain).suffix
    is_idx = re.search(r"[-.]idx3-ubyte$", plain)
    if labels is not None and not is_idx:
        raise ReaderError(f"{source}: labels goes with IDX images (*-images-idx3-ubyte) only")
    if min(image_size) < 1:
        raise ReaderError(f"image_size = {image_size}, wanted (height, width) of at least 1 pixel each")
    if sheet is not None and suffix not in _SHEETS:
        raise ReaderError(f"{source}: sheet goes with Excel (.xlsx) only")
    if source == STANDARD_INPUT:
        given = standard_input()
        name = "t.json" if given.data.lstrip()[:1] in (b"{", b"[") else "t.csv"
        return split(given.path, _frame(given, name, options), target)
    if not _exists(source):
        if str(source) in datasets.NAMES:
            return _bundled(str(source), target)
        raise ReaderError(_not_found(source))
    if path.is_dir():
        return images.folder(path, target, image_size, gray)
    regular(path)
    if is_idx:
        return idx.read(path, target, labels)
    if suffix in (*_DELIMITERS, *_JSON) or (not packing and suffix in (*_SHEETS, *_ARROW, ".zip")):
        return split(path, _frame(whole(path), plain, options), target)
    match path.suffix.lower():
        case ".parquet":
            return split(path, parquet.read(path), target)
        case ".npz":
            return npz.read(path, target)
        case ".h5" | ".hdf5":
            return hdf5.read(path, target)
        case image if image in IMAGES:
            check_target(path, target, None)
            return images.table(shown_name(path), [path], image_size, gray)
    raise ReaderError(f"{path}: unknown format{foreign.unknown(path) or f', wanted {FORMATS}'}")


def batches(
    source: str | os.PathLike[str],
    *,
    rows: int = 65_536,
    target: str | None = None,
    image_size: tuple[int, int] = (64, 64),
    gray: bool = False,
    labels: str | os.PathLike[str] | None = None,
    header: bool | None = None,
    sheet: str | None = None,
    written: Collection[str] = (),
    cells: bool = False,
) -> Iterator[Table]:
    """What `read` reads as Tables of at most so many rows, which together are that table.

    Text, JSON lines, Parquet and Arrow, packed or by standard input, may be larger than the memory: from 32 MiB on, the
    beginning of a text tells which columns there are and which are text, numbers are float64, and what stands below the
    rows is not looked for. cells: with the cells as they are written.
    """
    path, options = Path(source), Options(target, header, sheet, written, cells)
    plain = path.name.lower().removesuffix(packing := packed(path))
    suffix = Path(plain).suffix
    if source == STANDARD_INPUT:
        yield from _streamed(Path("standard input"), "", sys.stdin.buffer, 0, "", rows, options)
    elif path.is_file() and suffix == ".parquet" and not packing:
        yield from _beside(path, stream.of_parquet(path, rows), options)
    elif path.is_file() and suffix in _ARROW and not packing:
        yield from _beside(path, stream.of_arrow(path, rows), options)
    elif path.is_file() and suffix in (*_DELIMITERS, *_JSON[1:]) and sheet is None:
        size = regular(path)
        with opening(path, PACKINGS.get(packing, "a file")), open(path, "rb") as raw:
            yield from _streamed(path, plain, unpacked(raw, packing), size, packing, rows, options)
    else:
        table = read(
            source,
            target=target,
            image_size=image_size,
            gray=gray,
            labels=labels,
            header=header,
            sheet=sheet,
            written=written,
        )
        yield from _sliced(table, rows)


def _streamed(
    path: Path, name: str, file: IO[bytes], size: int, packing: str, rows: int, options: Options
) -> Iterator[Table]:
    """A text or records by and by; what is small at once, as `read` reads it."""
    beginning = stream.beginning(path, file, size, packing)
    if not name:
        name = "t.json" if beginning.data.lstrip()[:1] in (b"{", b"[") else "t.csv"
    cells, options = options.cells, replace(options, cells=False)
    is_json, written = name.endswith(_JSON), replace(options, cells=cells)
    if len(beginning.data) < stream.WHOLE:
        table = split(path, _frame(beginning, name, options), options.target)
        if cells and not is_json:
            table = replace(table, cells=_frame(beginning, name, written))
        yield from _sliced(table, rows)
    elif is_json:
        yield from _beside(path, stream.of_lines(beginning, file, bool(packing), rows, options), written)
    else:
        both, seps = stream.Twice(file), _DELIMITERS[Path(name).suffix]
        parts = stream.of_text(beginning, both.reader(0) if cells else file, bool(packing), rows, seps, options)
        pairs: Iterable[tuple[pd.DataFrame, pd.DataFrame]] = ((part, part) for part in parts)
        if cells:
            texts = stream.of_text(beginning, both.reader(1), bool(packing), rows, seps, written)
            pairs = zip(parts, texts, strict=True)
        yield from _beside(path, pairs, written)


def _beside(path: Path, parts: "Iterable[tuple[pd.DataFrame, pd.DataFrame]]", options: Options) -> Iterator[Table]:
    """Batches of a table, with the cells of each where they are asked for."""
    for part, cells in parts:
        table = split(path, part, options.target)
        yield replace(table, cells=cells) if options.cells else table


def _sliced(table: Table, rows: int) -> Iterator[Table]:
    for start in range(0, len(table.X), rows):
        some = slice(start, start + rows)
        yield replace(
            table,
            X=table.X[some],
            y=None if table.y is None else table.y[some],
            cells=None if table.cells is None else table.cells[some],
            files=table.files and table.files[some],
        )


def _frame(source: Source, name: str, options: Options) -> "pd.DataFrame":
    """The table in a file that has been read, by its name."""
    suffix = Path(name.lower()).suffix
    if suffix == ".zip":
        source, name = archives.table(source, (*_DELIMITERS, *_JSON, *_SHEETS, *_ARROW))
        return _frame(source, name, options)
    if suffix in _SHEETS:
        return sheets.read(source, options)
    if suffix in _JSON:
        return records.read(source, suffix != ".json", options.target)
    if suffix in _ARROW:
        return feather.read(source)
    return delimited.read(source, _DELIMITERS[suffix], options).frame()


def _exists(source: str | os.PathLike[str]) -> bool:
    """Whether there is something at this path, be it a name that no file can have; an error where one cannot see."""
    try:
        return stat.S_IFMT(os.stat(source).st_mode) > 0
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return False
        raise ReaderError(f"{source}: cannot be opened: {error.strerror}") from None


def _not_found(source: str | os.PathLike[str]) -> str:
    path, beside = Path(source), []
    with suppress(OSError, ValueError):
        if path.is_symlink():
            return f"{source}: is a link to {os.readlink(path)!r}, which is not there"
        beside = os.listdir(path.parent)
    hint = did_you_mean(path.name, [*datasets.NAMES, *beside], 3)
    return f"{str(source)!r}: no such file, and not a bundled data set ({', '.join(datasets.NAMES)}).{hint}"


def _bundled(name: str, target: str | None) -> Table:
    import pandas as pd

    if known := _FRAMES.get(name):
        import sklearn.datasets

        bunch = getattr(sklearn.datasets, f"load_{name}")(as_frame=True)
        classes = bunch.get("target_names")
        y = bunch.target if classes is None else np.asarray(classes)[bunch.target]
        return split(name, bunch.data.assign(**{known: y}), target or known)

    X, Y = datasets.NAMES[name]()
    labels = Y[0] if name in _REGRESSION else Y[0].astype(np.int64) if len(Y) == 1 else Y.argmax(axis=0)
    if name == "digits":
        check_target(name, target, "digit")
        return Table(name, X.T.astype(np.float32), labels, "digit", (8, 8, 1))
    known = "y" if name in _REGRESSION else "class"
    frame = pd.DataFrame(X.T, columns=[f"x{i + 1}" for i in range(len(X))]).assign(**{known: labels})
    return split(name, frame, target or known)
