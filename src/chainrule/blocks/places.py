"""Where the files of a table are: paths, folders, globs and URLs, in the file systems of pyarrow."""

import os
import re
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
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
_MADE = re.compile(r"(.+?)(-[0-9a-f]{8})?\.parquet", re.IGNORECASE)  # of a text: see text.py
MADE_OF = b"chainrule"  # in the metadata of such a file
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
    with suppress(OSError):
        for path, _, _ in _below(os.fspath(folder), ()):
            ending = ending_of(path)
            if ending in IMAGES:
                return False
            found = found or (ending != ".txt" and ending in (*PARQUET, *ARROW, *TEXTS))
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
    texts = {place.path for place in places if place.ending in TEXTS}
    places = [place for place in places if _text_of(place.path) not in texts]
    for one, other in pairwise(places):
        if _format(one) != _format(other):
            raise ReaderError(f"{other.name}: is not of the format of {one.name}; give files of one format")
    return places


def _of_a_table(places: list[Place], name: str, asked: Sequence[str]) -> list[Place]:
    """Those of the files of a folder or glob that are data: not what texts were converted to, nor a README.txt.

    The former are no part of it where the text is gone, either, unless the glob says so. ReaderError for nothing else.
    """
    last = asked[-1].lower() if asked else ""
    told = last.endswith(PARQUET) and any(ending in last for ending in TEXTS)
    texts = {place.path for place in places if place.ending in TEXTS}
    made = [] if told else [place for place in places if _is_made(place, texts)]
    places = [place for place in places if place not in made]
    data = [place for place in places if place.ending != ".txt"]
    if made and not data and any(ending_of(_text_of(place.path)) != ".txt" for place in made):
        path = min((place.path for place in made), key=lambda path: len(path) - len(_text_of(path)))
        text, names = _text_of(path), first_few((place.path.rpartition("/")[2] for place in made), 3)
        ending = text[text.lower().rindex(ending_of(text)) :]
        glob = f"*{ending}{re.sub('[0-9a-f]{8}', '?' * 8, path[len(text) :])}"
        raise ReaderError(
            f"{name}: holds only what texts were converted to ({names}): give the texts, or, if they are gone, a "
            f"glob that asks for these files, as {glob}"
        )
    return data or places


def _is_made(place: Place, texts: Collection[str]) -> bool:
    """Whether a file is what a text was converted to: one of these texts, or, as the file says, one that is gone."""
    text = _text_of(place.path)
    if not text or text in texts:
        return bool(text)
    from pyarrow import parquet

    with opening(place.name, "Parquet"), place.open() as raw:
        return MADE_OF in (parquet.read_schema(raw).metadata or {})


def _text_of(path: str) -> str:
    """The text that was converted to a file, by its name; or nothing."""
    made = _MADE.fullmatch(path)
    return made[1] if made is not None and ending_of(made[1]) in TEXTS else ""


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
        base, asked = path, list[str]()
        if info.type == arrow_fs.FileType.NotFound:
            if not any(sign in path for sign in "*?["):
                raise ReaderError(f"{name}: no such file or folder")
            parts = path.split("/")
            first = next(i for i, part in enumerate(parts) if any(sign in part for sign in "*?["))
            base, asked = "/".join(parts[:first]) or ("/" if path.startswith("/") else ""), parts[first:]
        inside = _local(fs, base, asked) if fs.type_name == "local" else _elsewhere(fs, base, asked)
    places = [Place(fs, i.path, prefix + i.path, _stamp(i)) for i in sorted(inside, key=lambda i: i.path)]
    data = _of_a_table([place for place in places if place.ending in known], name, asked)
    if not data:
        found = f"; there are {first_few((i.base_name for i in inside), 3)}" if inside else ""
        raise ReaderError(f"{name}: no files that are {FORMATS}{found}")
    yield from data


def _elsewhere(fs: Any, base: str, asked: Sequence[str]) -> list[Any]:
    """The files of a table in a folder, or of a glob below it."""
    from pyarrow import fs as arrow_fs

    found = fs.get_file_info(arrow_fs.FileSelector(base or ".", recursive=True, allow_not_found=True))
    files = [info for info in found if info.type == arrow_fs.FileType.File]
    start = base.rstrip("/") + "/"
    return [i for i in files if _is_part(i.path.removeprefix("./").removeprefix(start).split("/"), asked)]


def _local(fs: Any, base: str, asked: Sequence[str]) -> list[Any]:
    """The same on this machine: each file once, by the path without a link to it if there is one."""
    from pyarrow import fs as arrow_fs

    start, once = "" if base in ("", ".") else base.rstrip("/") + "/", dict[str, str]()
    for _, path, real in sorted((is_link, path, real) for path, real, is_link in _below(base, asked)):
        once.setdefault(real, start + path)
    return [info for info in fs.get_file_info(list(once.values())) if info.type == arrow_fs.FileType.File]


def _below(base: str, asked: Sequence[str]) -> Iterator[tuple[str, str, bool]]:
    """The files of a table in a folder, or of a glob below it: the path there, the real one, and whether these differ.

    Of a folder each one in it comes once, and links last, so that none leads around in a circle.
    """
    seen, top = set[str](), os.path.realpath(base or ".")
    folders, links = deque[tuple[str, ...]]([()] if os.path.isdir(top) else ()), deque[tuple[str, ...]]()
    while folders or links:
        parts = folders.popleft() if folders else links.popleft()
        real = os.path.realpath(os.path.join(top, *parts))
        if real in seen and not asked:
            continue
        seen.add(real)
        with os.scandir(real) as inside:
            for entry in inside:
                here = (*parts, entry.name)
                if os.path.isdir(entry) if entry.is_symlink() else entry.is_dir():
                    if _is_part(here, asked, whole=False):
                        (links if entry.is_symlink() else folders).append(here)
                elif _is_part(here, asked):
                    found = os.path.realpath(entry) if entry.is_symlink() else os.path.join(real, entry.name)
                    yield "/".join(here), found, found != os.path.join(top, *here)


def _is_part(parts: Sequence[str], asked: Sequence[str], whole: bool = True) -> bool:
    """Whether a path below a folder is of a table, or of a glob; no sign of that stands for a slash.

    No part of it begins as no file of a table does, unless the glob says so. whole: else it may lead to such a file.
    """
    if asked and (len(parts) > len(asked) or (whole and len(parts) < len(asked))):
        return False
    hidden = any(part[:1] in _HIDDEN and not (asked and asked[i][:1] == part[:1]) for i, part in enumerate(parts))
    return not hidden and all(map(fnmatchcase, parts, asked))


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
