"""From a file, a folder of images or the name of a bundled data set to one Table. Errors are one clear line.

Nothing is downloaded, nothing is unpickled, nothing outside the source is opened, and the memory and the work that a
source takes are limited (see common.size_limit). pandas, pyarrow, h5py and Pillow are imported where they are needed.
"""

import errno
import os
import re
import stat
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import numpy as np

from chainrule import datasets
from chainrule.readers import delimited, hdf5, idx, images, npz, parquet
from chainrule.readers.common import ReaderError, Table, check_target, regular, shown_name, whole
from chainrule.readers.frames import split
from chainrule.readers.images import IMAGES
from chainrule.text import did_you_mean

__all__ = ["FORMATS", "IMAGES", "ReaderError", "Table", "read"]

FORMATS = (
    ".csv .tsv .txt (also .gz), .parquet, .npz, .h5 .hdf5, *-images-idx3-ubyte (also .gz), an image, "
    "or a folder of images with one sub-folder per class"
)

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
    written: Collection[str] = (),
) -> Table:
    r"""Read any supported source; a path that exists wins over a bundled data set of that name.

    source: a path (its extension tells the format, see FORMATS) or a name from chainrule.datasets.NAMES.
    target: the column of a table to predict (without it y is None), or the key of the target among arrays.
        Sources that know their own target accept its name too.
    image_size, gray: (height, width) and color that image files are brought to; other sources keep theirs.
    labels: the label file of IDX images, where it is not beside them under the usual name.
    header: whether the first row of a text names the columns; None looks, and notes where it does not: then they are
        column1, column2 …, and the number of a column will do for a target. Also noted is what stands above, between
        and below the rows, and is no row.
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
    path = Path(source)
    plain = path.name.lower().removesuffix(".gz")
    suffix = Path(plain).suffix
    is_idx = re.search(r"[-.]idx3-ubyte$", plain)
    if labels is not None and not is_idx:
        raise ReaderError(f"{source}: labels goes with IDX images (*-images-idx3-ubyte) only")
    if min(image_size) < 1:
        raise ReaderError(f"image_size = {image_size}, wanted (height, width) of at least 1 pixel each")
    if not _exists(source):
        if str(source) in datasets.NAMES:
            return _bundled(str(source), target)
        raise ReaderError(_not_found(source))
    if path.is_dir():
        return images.folder(path, target, image_size, gray)
    regular(path)
    if is_idx:
        return idx.read(path, target, labels)
    if suffix in (".csv", ".tsv", ".txt"):
        seps = "\t" if suffix == ".tsv" else delimited.SEPS
        return split(path, delimited.read(whole(path), seps, header, target, written), target)
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
    raise ReaderError(f"{path}: unknown format, wanted {FORMATS}")


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
