"""What pages bring along: files and folders, in a private temporary folder, until the lab ends."""

import os
import re
import shutil
import tempfile
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

try:
    import fcntl
except ImportError:  # Windows: folders of processes that were killed stay there
    fcntl = None  # type: ignore[assignment]

PREFIX = "chainrule-uploads-"  # of folders that are locked as long as their process lives
MOST_BYTES = 512 << 20  # of all uploads that runs need
MOST_FILES = 20_000  # of one folder
DEEPEST, LONGEST = 8, 80  # folders within one another; letters of a name
_OF_WINDOWS = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass
class _Kept:
    bytes: int = 0
    files: int = 0


class Uploads(dict[str, Any]):
    """Of each id the path of a file or a folder; and what programs put here under ids of their own."""

    def __init__(self) -> None:
        super().__init__()
        self._folder: Path | None = None
        self._lock = -1
        _sweep()
        self._kept: dict[str, _Kept] = {}
        self._last = 0

    def take(self, name: Any, content: Any, id: Any = None, more: bool = False, needed: Collection[Any] = ()) -> str:
        """Keep a file; its id, or that of the folder that it is in.

        name: as "pets/cat/1.png"; all of one folder have the first name in common, and the `id` that its first file was
        given. A file that is given the `id` of another one lies beside it, as labels beside images. more: it goes to
        the end of a file that is there. needed: ids that stay where there is no more room. ValueError where it cannot
        be.
        """
        if not isinstance(content, np.ndarray) or content.dtype != np.uint8:
            raise ValueError("upload: wanted the bytes of a file")
        if id is not None and (not isinstance(id, str) or id not in self._kept):
            raise ValueError(f"upload {id!r:.60}: it is not here any more; give it once again")
        parts = _parts(name)
        shown = "/".join(parts)
        self._make_room(content.size, {id, *needed})
        try:
            if id is None:
                id = self._begin(parts[0])
            whole, kept = self[id], self._kept[id]
            beside = len(parts) == 1 and whole.is_file()
            if not beside and (whole.name != parts[0] or (kept.files and whole.is_dir() != (len(parts) > 1))):
                raise ValueError(f"upload {id}: {shown} does not belong to {whole.name}")
            if kept.files >= MOST_FILES:
                raise ValueError(f"upload {whole.name}: it has more than {MOST_FILES:,} files")
            path = whole.parent.joinpath(*parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("r+b" if more else "xb") as file:
                file.seek(0, 2)
                file.write(content.tobytes())
        except FileExistsError:
            raise ValueError(f"upload: {shown} is there already") from None
        except OSError as error:
            raise ValueError(f"upload: {shown} cannot be kept: {error.strerror or error}") from None
        kept.files += not more
        kept.bytes += content.size
        return str(id)

    def close(self) -> None:
        """Remove all files."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            if self._lock >= 0:
                os.close(self._lock)
        self._folder, self._lock = None, -1
        self._kept.clear()
        self.clear()

    def _begin(self, first: str) -> str:
        if self._folder is None:
            self._folder, self._lock = _private()
        self._last += 1
        id = f"u{self._last}"
        (self._folder / id).mkdir()
        self[id], self._kept[id] = self._folder / id / first, _Kept()
        return id

    def _make_room(self, size: int, needed: Collection[Any]) -> None:
        """Remove the oldest uploads that nobody needs, as far as there is too little room for more."""
        for id in list(self._kept):
            if self._total() + size > MOST_BYTES and id not in needed:
                shutil.rmtree(self.pop(id).parent, ignore_errors=True)
                del self._kept[id]
        if self._total() + size > MOST_BYTES:
            raise ValueError(
                f"upload: all files together take more than {MOST_BYTES >> 20} MiB; name yours on the command line "
                "instead: chainrule lab FILE"
            )

    def _total(self) -> int:
        return sum(kept.bytes for kept in self._kept.values())


def _private() -> tuple[Path, int]:
    """A folder for this user alone, and the lock that says that its process lives; −1 where there are no locks."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        if fcntl is None:
            return folder, -1
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():  # another process may have been faster, and taken it for a stale one
            return folder, lock
        os.close(lock)


def _sweep() -> None:
    """Remove the folders of this user whose processes were killed: nobody holds their locks any more."""
    if fcntl is None:
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # of another user, locked, no folder, or gone meanwhile
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_uid == os.getuid():
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _parts(name: Any) -> list[str]:
    """The folders and the name of a file, as any system takes them. ValueError for what leads elsewhere."""
    parts = name.replace("\\", "/").split("/") if isinstance(name, str) else []
    if not 0 < len(parts) <= DEEPEST or any(part.strip(" .") == "" for part in parts):
        raise ValueError(f"upload: got {name!r:.60}, wanted a name as 'pets/cat/1.png', {DEEPEST} parts at most")
    return [_plain(part) for part in parts]


def _plain(part: str) -> str:
    part = re.sub(r'[\x00-\x1f\x7f-\x9f\ud800-\udfff<>:"|?*]', "_", part).strip(" ").rstrip(". ")
    stem, dot, ending = part.rpartition(".")
    if len(part) > LONGEST:
        part = f"{stem[: LONGEST - len(ending) - 1]}.{ending}" if dot and len(ending) < 20 else part[:LONGEST]
    return f"_{part}" if _OF_WINDOWS.fullmatch(part) else part
