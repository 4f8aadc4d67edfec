"""Where the files of a table are: paths, folders, globs and URLs, in the file systems of pyarrow."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any

from chainrule.readers import IMAGES
from chainrule.readers.common import PACKINGS, ReaderError, opening
from chainrule.text import first_few

PARQUET, ARROW, ARRAYS = (".parquet", ".pq"), (".arrow", ".feather", ".ipc"), (".npy",)
TEXTS = (".csv", ".tsv", ".tab", ".txt", ".jsonl", ".ndjson")
_HIDDEN = ("", ".", "_")  # the first sign of names that are no part of a table: _SUCCESS, .ipynb_checkpoints
_MADE = re.compile(r"(.+?)(-[0-9a-f]{8})?\.parquet")  # of a text: see text.py
FORMATS = ".parquet, .arrow, .feather, .npy, .csv, .tsv, .txt or .jsonl (text also .gz .bz2 .xz .zst)"


@dataclass(frozen=True)
class Place:
    """A file. name: what to call it in an error. stamp: its size and the time of its last change, when it was found."""

    fs: Any
    path: str
    name: str
    stamp: tuple[Any, ...]

    @property
    def ending(self) -> str:
        """By which its format is known: ".csv" for x.csv.gz."""
        return ending_of(self.path)

    @property
    def file(self) -> str:
        """What to call the file itself, where the name is that of a text that it was made of."""
        return self.path if self.is_local else self.name

    @property
    def is_local(self) -> bool:
        """Whether the path is one of this machine."""
        return bool(self.fs.type_name == "local")

    def open(self) -> Any:
        """The file, to be read from any place. ReaderError if it is not the one that was found any more."""
        with opening(self.name, "a file"):
            file = self.fs.open_input_file(self.path)
            now = _stamp(self.fs.get_file_info(self.path))
        if now != self.stamp:
            file.close()
            raise ReaderError(f"{self.name}: has changed since its rows were counted; make the Blocks anew")
        return file


def ending_of(path: str) -> str:
    """By which the format of a file is known: ".csv" for x.csv.gz."""
    stem, ending = os.path.splitext(path.lower())
    return os.path.splitext(stem)[1] if ending in PACKINGS else ending


def holds_table(folder: str | os.PathLike[str]) -> bool:
    """Whether the files of a folder, at any depth, are those of a table, and none is an image."""
    found = False
    for _, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name[:1] not in _HIDDEN]
        endings = {ending_of(name) for name in names if name[:1] not in _HIDDEN}
        if endings & set(IMAGES):
            return False
        found = found or bool(endings & {*PARQUET, *ARROW, *TEXTS} - {".txt"})
    return found


def _stamp(info: Any) -> tuple[Any, ...]:
    return info.size, info.mtime_ns


def described(given: Any) -> str:
    """What a user has given, in a few words."""
    shape = getattr(given, "shape", None)
    return repr(given)[:200] if shape is None else f"{type(given).__name__} of shape {tuple(shape)}"


def find(source: Any) -> list[Place]:
    """The files of a source, all of one format: in the order of the list, those of a folder or glob by their names."""
    given = [source] if isinstance(source, (str, os.PathLike)) else source
    if not isinstance(given, (list, tuple)) or not given:
        raise ReaderError(
            f"source: got {described(source)}, wanted a path, a folder, a glob, a URL, or a list of these"
            f"{'; what is in memory goes to a training as it is' if hasattr(source, 'shape') else ''}"
        )
    places = [place for one in given for place in _found(one)]
    made = {f"{place.path}.parquet" for place in places if place.ending in TEXTS}
    places = [place for place in places if place.path not in made]
    for one, other in pairwise(places):
        if _format(one) != _format(other):
            raise ReaderError(f"{other.name}: is not of the format of {one.name}; give files of one format")
    return places


def _of_a_table(places: list[Place]) -> list[Place]:
    """Those of the files of a folder that are data: not what texts beside them were converted to, nor a README.txt."""
    for is_plain in (False, True):  # .csv and the like, then .txt
        if any(place.ending in TEXTS and (place.ending == ".txt") is is_plain for place in places):
            places = [place for place in places if not _is_made_of(place, is_plain)]
    data = [place for place in places if place.ending != ".txt"]
    return data or places


def _is_made_of(place: Place, is_plain: bool) -> bool:
    """Whether a file is what a text was converted to, by its name. is_plain: of a .txt, else of another text."""
    made = _MADE.fullmatch(place.path.rpartition("/")[2].lower())
    ending = "" if made is None else ending_of(made[1])
    return ending in TEXTS and (ending == ".txt") is is_plain


def _format(place: Place) -> int:
    return [place.ending in endings for endings in (PARQUET, ARROW, ARRAYS, TEXTS)].index(True)


def _found(source: Any) -> Iterator[Place]:
    """The files that one path, folder, glob or URL stands for."""
    if not isinstance(source, (str, os.PathLike)):
        raise ReaderError(f"source: got {source!r} in the list, wanted a path or a URL")
    name = os.fspath(source)
    fs, path, prefix = _file_system(name)
    from pyarrow import fs as arrow_fs

    known = (*PARQUET, *ARROW, *ARRAYS, *TEXTS)
    with opening(name, "a file"):
        info = fs.get_file_info(path)
        if info.type == arrow_fs.FileType.File:
            place = Place(fs, path, name, _stamp(info))
            if place.ending not in known:
                raise ReaderError(f"{name}: unknown format, wanted {FORMATS}")
            yield place
            return
        base = path
        if info.type == arrow_fs.FileType.NotFound:
            if not any(sign in path for sign in "*?["):
                raise ReaderError(f"{name}: no such file or folder")
            parts = path.split("/")
            base = "/".join(parts[: next(i for i, part in enumerate(parts) if any(sign in part for sign in "*?["))])
        inside = fs.get_file_info(arrow_fs.FileSelector(base or ".", recursive=True, allow_not_found=True))
    inside = sorted((i for i in inside if i.type == arrow_fs.FileType.File), key=lambda i: i.path)
    pattern = "" if base == path else path
    if pattern:
        inside = [i for i in inside if _matches(i.path.removeprefix("./"), pattern)]
    shown = [i for i in inside if not _is_hidden(i.path.removeprefix("./"), base, pattern)]
    places = [Place(fs, i.path, prefix + i.path, _stamp(i)) for i in shown]
    places = _of_a_table([place for place in places if place.ending in known])
    if not places:
        found = f"; there are {first_few((i.base_name for i in inside), 3)}" if inside else ""
        raise ReaderError(f"{name}: no files that are {FORMATS}{found}")
    yield from places


def _is_hidden(path: str, base: str, pattern: str) -> bool:
    """Whether a part of a path below the base begins as no file of a table does, unless the glob says so."""
    asked = pattern.split("/") if pattern else []
    start = len(base.rstrip("/").split("/")) if base not in ("", ".") else 0
    parts = list(enumerate(path.split("/")))[start:]
    return any(part[:1] in _HIDDEN and (i >= len(asked) or asked[i][:1] != part[:1]) for i, part in parts)


def _matches(path: str, pattern: str) -> bool:
    """Whether a path is one of a glob; no sign stands for a slash."""
    parts, patterns = path.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


def _file_system(source: str) -> tuple[Any, str, str]:
    """The file system of a path or URL, the path in it, and what to put before such a path to name it."""
    with opening(source, "Parquet, Arrow and more"):
        from pyarrow import fs
    if "://" not in source:
        path = os.path.expanduser(source).replace(os.sep, "/")
        return fs.LocalFileSystem(), path.removeprefix("./") or ".", ""
    scheme = source.partition("://")[0]
    try:
        return *fs.FileSystem.from_uri(source), f"{scheme}://"
    except (ImportError, OSError) as error:
        raise ReaderError(f"{source}: {error}") from None
    except ValueError:  # a scheme that pyarrow does not know; fsspec does, perhaps
        pass
    try:
        import fsspec

        other, path = fsspec.core.url_to_fs(source)
    except (ImportError, ValueError) as error:
        raise ReaderError(
            f"{source}: neither pyarrow nor fsspec can open {scheme}:// here ({error}); install fsspec and the package "
            "that it has for this kind of URL, or copy the files to a disk"
        ) from None
    return fs.PyFileSystem(fs.FSSpecHandler(other)), path, f"{scheme}://"
