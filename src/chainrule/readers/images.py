"""Image files, and folders of them with one sub-folder per class."""

import io
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import ReadingNote
from chainrule.readers.arrays import pixels
from chainrule.readers.common import (
    MIB,
    ReaderError,
    Table,
    check_target,
    content,
    opening,
    regular,
    shown_name,
    size_limit,
)
from chainrule.text import first_few

IMAGES = (
    *(".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff"),
    ".webp",
)
# Of Pillow's many formats these only, whatever the name of a file says: PostScript, say, it would hand to a program.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_PER_BYTE, _MORE = 2048, 1 << 28  # pixels to decode, again in each scan of a JPEG: so many for a byte, and so many more
_LARGE = 16 * MIB  # pixels, from which images are decoded one at a time, so that they do not fill the memory together
_large = Lock()
_PARTS = {"train", "training", "test", "testing", "val", "valid", "validation"}
_SYSTEM = ("desktop.ini", "thumbs.db")  # files of no concern to anybody
_BITS = (12, 14, 16)  # of cameras, in pixels of 16 bits


# The pixels of an image, and where they have 16 bits its highest value, else 0.
_Image = tuple[NDArray[Any], int]


class _Work:
    """The pixels that may still be decoded of some files, a few bytes of which could ask for hours of it."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.left = _PER_BYTE * sum(map(regular, files)) + _MORE
        self.lock = Lock()

    def spend(self, file: Path, pixels: int) -> None:
        with self.lock:
            self.left -= pixels
        if self.left < 0:
            raise ReaderError(
                f"{file}: {pixels:,} pixels to decode, in all scans, wanted at most {_PER_BYTE:,} for each byte of the "
                f"source and {_MORE:,} more; save it anew, as a JPEG that is not progressive or as a PNG"
            )


def folder(path: Path, target: str | None, size: tuple[int, int], gray: bool) -> Table:
    """The images of a folder, or of its sub-folders, whose names are then the labels.

    Images in folders deeper down have the label of the outermost one, as in torchvision's ImageFolder.
    """
    name = shown_name(path.resolve())
    with opening(path, "a folder"):
        path = _unwrapped(path)
        ignored: list[Path] = []
        inner = [folder for folder in _visible(path) if folder.is_dir()]
        classes = {shown_name(folder): _image_files(folder, True, ignored) for folder in inner}
        if (
            len(inner) > 1
            and classes.keys() <= _PARTS
            and any(p.is_dir() for folder in inner for p in _visible(folder))
        ):
            first, other, *_ = sorted(inner, key=lambda folder: not shown_name(folder).startswith("train"))
            raise ReaderError(
                f"{path}: its folders are parts ({', '.join(classes)}) of data; read {first}, and the other for the "
                f"test (--test-file {other})"
            )
        loose = _image_files(path, False, ignored)
    if loose and any(classes.values()):
        raise ReaderError(f"{path}: images both in it and in its sub-folders, move {loose[0].name}")
    if not loose and not any(classes.values()):
        raise ReaderError(f"{path}: no images ({' '.join(IMAGES)}) in this folder or its sub-folders{_said(ignored)}")
    if not loose and (empty := [c for c, files in classes.items() if not files]):
        raise ReaderError(
            f"{path}: no images in the class folder {first_few(empty, quoted=True)}{_said(ignored)}; add some, or "
            "remove it"
        )
    check_target(path, target, None if loose else "label")
    if ignored:
        warnings.warn(f"{path}: not read:{_said(ignored)[1:]}", ReadingNote, stacklevel=3)
    if loose:
        return table(name, loose, size, gray)
    deeper = {"/".join(map(_shown, file.relative_to(path).parts[:-1])) for file in chain(*classes.values())}
    if deeper := deeper - classes.keys():
        kinds = Counter(file.suffix.lower() for file in chain(*classes.values()))
        counted = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
        note = (
            f"images in deeper folders ({first_few(sorted(deeper), 3)}) have the label of the outermost one; {counted}"
        )
        warnings.warn(f"{path}: {note}", ReadingNote, stacklevel=3)
    y = np.repeat(list(classes), [len(files) for files in classes.values()])
    files = list(chain.from_iterable(classes.values()))
    names = tuple("/".join(map(_shown, file.relative_to(path).parts)) for file in files)
    return replace(table(name, files, size, gray), y=y, target="label", files=names)


def _shown(part: str) -> str:
    return shown_name(Path(part))


def _unwrapped(path: Path) -> Path:
    """The folder with the classes in it, which archives often have in one more folder."""
    while len(inside := _visible(path)) == 1 and inside[0].is_dir() and not inside[0].is_symlink():
        deeper = _visible(inside[0])
        if not any(each.is_dir() for each in deeper) or any(_is_image(each) for each in deeper):
            break
        path = inside[0]
    return path


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGES and path.is_file()


def _visible(path: Path) -> list[Path]:
    return sorted((p for p in path.iterdir() if p.name[0] != "."), key=lambda p: p.name)


def _image_files(path: Path, deep: bool, ignored: list[Path]) -> list[Path]:
    """The images of a folder, in the order of their names; what is none of ours is added to the ignored.

    deep: also those in the folders within it, but not where a link leads to, which could be a circle.
    """
    files = []
    for each in _visible(path):
        if each.is_dir():
            if deep and not each.is_symlink():
                files += _image_files(each, True, ignored)
        elif _is_image(each):
            files.append(each)
        elif each.is_file() and each.name.lower() not in _SYSTEM:
            ignored.append(each)
    return files


def _said(ignored: Sequence[Path]) -> str:
    """`; 3 files of other kinds: .heic, .txt`, or nothing."""
    if not ignored:
        return ""
    kinds = sorted({file.suffix.lower() or shown_name(file) for file in ignored})
    return f"; {len(ignored)} file{'s' * (len(ignored) > 1)} of other kinds: {first_few(kinds, 5)}"


def table(name: str, files: Sequence[Path], size: tuple[int, int], gray: bool) -> Table:
    """One row for each file, brought to one size."""
    height, width = size
    needed = 5 * len(files) * height * width * (1 if gray else 3)  # bytes, as uint8 and as float32
    if needed > (most := size_limit(needed)):
        raise ReaderError(
            f"{name}: {len(files):,} images of {height} x {width} pixels take {needed / MIB:,.0f} MiB, wanted at most "
            f"{most / MIB:,.0f} MiB, half of the memory; choose a smaller image_size"
        )
    with opening(Path(name), "an image"), warnings.catch_warnings():
        from PIL import Image

        warnings.simplefilter("ignore")  # of odd metadata, in photos that are fine
        warnings.simplefilter("error", Image.DecompressionBombWarning)

        work = _Work(files)

        def image(file: Path) -> _Image:
            return _image(file, size, gray, work)

        with ThreadPoolExecutor() as pool:  # Pillow decodes without the interpreter lock
            try:
                images = pool.map(image, files)
            except RuntimeError:  # the system refuses a thread
                images = map(image, files)
            read = list(images)
    stack = np.stack(_of_8_bits(name, read))
    X, image_shape = pixels(stack)
    return Table(name, X, None, None, image_shape, tuple(map(shown_name, files)))


def _of_8_bits(name: str, images: Sequence[_Image]) -> list[NDArray[np.uint8]]:
    """The images with 16-bit pixels scaled by the range that all of them have together, to 8 bits."""
    highest = max((top for _, top in images), default=0)
    bits = next(bits for bits in _BITS if highest < 1 << bits)
    if highest > 0 and bits < 16:
        note = f"16-bit pixels of at most {highest:,} are read as pixels of {bits} bits"
        warnings.warn(f"{name}: {note}", ReadingNote, stacklevel=4)
    scale = 255 / ((1 << bits) - 1)
    return [np.rint(pixels * scale).astype(np.uint8) if top else pixels.astype(np.uint8) for pixels, top in images]


def _image(file: Path, size: tuple[int, int], gray: bool, work: _Work) -> _Image:
    with opening(file, "an image"):
        from PIL import Image, ImageOps, UnidentifiedImageError

        # From memory, where Pillow cannot be made to ask for more bytes than there are.
        try:
            data = content(file)
            opened = Image.open(io.BytesIO(data), formats=_FORMATS)
        except UnidentifiedImageError:
            raise ReaderError(
                f"{file}: not readable as an image: is none of {', '.join(_FORMATS)}; take it away, or save it anew"
            ) from None
        with opened:
            # A photo of several pictures in one (MPO: a preview, a depth map) has its main one first.
            if getattr(opened, "is_animated", False) and opened.format != "MPO":
                raise ReaderError(f"{file}: holds several pictures, wanted one; save the one that is meant")
            # By chance, the mark of a scan is in one of 65,536 places of other data: too rare to matter.
            kind = f"{opened.format} {opened.info.get('compression')}".lower()
            scans = data.count(b"\xff\xda") if "jpeg" in kind or "mpo" in kind else 1
            work.spend(file, opened.width * opened.height * max(1, scans))
            with _large if opened.width * opened.height > _LARGE else nullcontext():
                image = ImageOps.exif_transpose(opened)
                if image.mode == "I" and opened.format == "PPM":  # Pillow brings those of 9 to 16 bits to 16
                    image = Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
                if image.mode in ("I", "F"):
                    raise ReaderError(f"{file}: 32-bit pixels have no agreed range; save it with 8 or 16 bits")
                if image.mode.startswith("I;16"):  # convert would clip at 255 instead of scaling
                    values = np.asarray(image, dtype=np.float32)
                    resized = np.asarray(Image.fromarray(values).resize(size[::-1])).clip(0, values.max())
                    deep = np.rint(resized).astype(np.uint16)
                    return deep if gray else np.repeat(deep[..., None], 3, axis=2), int(values.max())
                if image.has_transparency_data:  # convert would show the colors of pixels that are fully transparent
                    image = image.convert("RGBA")
                    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
                image = image.convert("L" if gray else "RGB").resize(size[::-1])
                return np.asarray(image, dtype=np.uint8), 0
