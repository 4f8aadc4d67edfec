"""Image files, and folders of them with one sub-folder per class."""

import io
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from itertools import chain
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

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

IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
# Of Pillow's many formats these only, whatever the name of a file says: PostScript, say, it would hand to a program.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_PER_BYTE, _MORE = 2048, 1 << 28  # pixels to decode, again in each scan of a JPEG: so many for a byte, and so many more
_LARGE = 16 * MIB  # pixels, from which images are decoded one at a time, so that they do not fill the memory together
_large = Lock()


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
    """The images of a folder, or of its sub-folders, whose names are then the labels."""
    with opening(path, "a folder"):
        classes = {shown_name(p): _image_files(p) for p in _visible(path) if p.is_dir()}
        loose = _image_files(path)
    if loose and not any(classes.values()):
        check_target(path, target, None)
        return table(shown_name(path.resolve()), loose, size, gray)
    if loose:
        raise ReaderError(f"{path}: images both in it and in its sub-folders, move {loose[0].name}")
    if not any(classes.values()):
        raise ReaderError(f"{path}: no images ({' '.join(IMAGES)}) in this folder or its sub-folders")
    if empty := [c for c, files in classes.items() if not files]:
        raise ReaderError(
            f"{path}: no images in the class folder {first_few(empty, quoted=True)}; add some, or remove it"
        )
    check_target(path, target, "label")
    y = np.repeat(list(classes), [len(files) for files in classes.values()])
    files = list(chain.from_iterable(classes.values()))
    names = tuple(f"{shown_name(file.parent)}/{shown_name(file)}" for file in files)
    return replace(table(shown_name(path.resolve()), files, size, gray), y=y, target="label", files=names)


def _visible(path: Path) -> list[Path]:
    return sorted((p for p in path.iterdir() if p.name[0] != "."), key=lambda p: p.name)


def _image_files(path: Path) -> list[Path]:
    with opening(path, "a folder"):
        return [p for p in _visible(path) if p.suffix.lower() in IMAGES and p.is_file()]


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

        def image(file: Path) -> NDArray[np.uint8]:
            return _image(file, size, gray, work)

        with ThreadPoolExecutor() as pool:  # Pillow decodes without the interpreter lock
            try:
                images = pool.map(image, files)
            except RuntimeError:  # the system refuses a thread
                images = map(image, files)
            stack = np.stack(list(images))
    X, image_shape = pixels(stack)
    return Table(name, X, None, None, image_shape, tuple(map(shown_name, files)))


def _image(file: Path, size: tuple[int, int], gray: bool, work: _Work) -> NDArray[np.uint8]:
    with opening(file, "an image"):
        from PIL import Image, ImageOps, UnidentifiedImageError

        # From memory, where Pillow cannot be made to ask for more bytes than there are.
        try:
            data = content(file)
            opened = Image.open(io.BytesIO(data), formats=_FORMATS)
        except UnidentifiedImageError:
            raise ReaderError(f"{file}: not readable as an image: is none of {', '.join(_FORMATS)}") from None
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
                if image.mode in ("I", "F"):
                    raise ReaderError(f"{file}: 32-bit pixels have no agreed range; save it with 8 or 16 bits")
                if image.mode.startswith("I;16"):  # convert would clip at 255 instead of scaling
                    image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
                if image.has_transparency_data:  # convert would show the colors of pixels that are fully transparent
                    image = image.convert("RGBA")
                    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
                image = image.convert("L" if gray else "RGB").resize(size[::-1])
                return np.asarray(image, dtype=np.uint8)
