"""One way to write a file: whole and on the disk, or not there."""

import glob
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import BinaryIO

File = str | os.PathLike[str]

_NUMBERS = count()


@contextmanager
def replacing(path: File) -> Iterator[BinaryIO]:
    """A new file, which takes the place of `path` when the block has come to its end and all is on the disk."""
    place = Path(os.path.realpath(path))
    # The last number is for a signal that comes while a file is written, and makes its handler write it, too.
    beside = place.with_name(f".{place.name}.{os.getpid()}-{threading.get_ident()}-{next(_NUMBERS)}.part")
    _clean(place)
    try:
        with open(beside, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, place)
    finally:
        beside.unlink(missing_ok=True)
    if os.name == "posix":  # the name is on the disk, too, when its folder is
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _clean(place: Path) -> None:
    """Remove what writers that were killed have left beside a file."""
    for left in place.parent.glob(f".{glob.escape(place.name)}.*.part"):
        writer = re.fullmatch(r".*\.([0-9]{1,9})-([0-9]{1,20})-[0-9]+\.part", left.name)
        if writer and not _writing(int(writer[1]), int(writer[2])):
            left.unlink(missing_ok=True)


def _writing(process: int, thread: int) -> bool:
    """Whether a writer may still be there."""
    if process == os.getpid():  # in a container, all have the same
        return thread in sys._current_frames()
    if os.name != "posix":  # where to ask whether a process is there is to end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
