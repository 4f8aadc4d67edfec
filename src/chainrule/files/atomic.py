"""One way to write a file: whole and on the disk, or not there."""

import glob
import hashlib
import os
import re
import stat
import sys
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

File = str | os.PathLike[str]

_ABANDONED = 24 * 3600  # seconds since it has last grown, after which a file beside is taken for one of a dead writer


@contextmanager
def replacing(path: File) -> Iterator[BinaryIO]:
    """A new file, which takes the place of `path` when the block has come to its end and all is on the disk.

    Until then it has another name, beside `path`; whatever goes wrong, an exception of a signal included, it goes and
    `path` is as it was. It gets the mode and, where the system allows it, the owner of the file that it replaces; a new
    file gets what the umask leaves. A link stays a link; a pipe or a device is written to as it is. An error of the
    system is an OSError that names `path`.
    """
    place = Path(os.path.realpath(path))
    writer = f"{_host()}-{os.getpid()}-{threading.get_ident()}-{os.urandom(4).hex()}"
    beside = os.path.join(place.parent, f".{place.name[:40]}.{writer}.part")  # 255 bytes at most
    try:
        old = _status(path)
        if old is not None and not stat.S_ISREG(old.st_mode):
            with open(path, "wb") as file:
                yield file
            return
        if old is not None:  # a file that is protected is not replaced, though its folder would allow it
            with open(path, "r+b"):
                pass
        mode = 0o666 if old is None else 0o600
        with open(beside, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            if old is not None:
                _take_over(file.fileno(), old)
            _clean(place, os.fstat(file.fileno()).st_mtime)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, place)
        _sync_folder(place.parent)
    except OSError as error:
        if error.errno is None or error.filename not in (None, beside):  # of another file
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None
    finally:
        # Handlers of signals run where a call returns. No call comes before this one: a second signal leaves nothing.
        try:  # noqa: SIM105
            os.unlink(beside)
        except OSError:
            pass


def _status(path: File) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _sync_folder(folder: Path) -> None:
    """A name is on the disk when its folder is."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _take_over(file: int, old: os.stat_result) -> None:
    """Give a new file the owner, the group and the mode of an old one, as far as the system allows."""
    if sys.platform == "win32":
        return
    mode = stat.S_IMODE(old.st_mode)
    try:
        os.fchown(file, old.st_uid, old.st_gid)
    except OSError:
        try:
            os.fchown(file, -1, old.st_gid)
        except OSError:  # what its group was allowed is not for another group
            mode = mode & ~stat.S_IRWXG | (mode & stat.S_IRWXO) << 3
    with suppress(OSError):  # of a file system without modes
        os.fchmod(file, mode)


# Files beside. A lock would tell a living writer from a dead one, but not everywhere: where a shared folder is mounted
# without locks, every lock is granted. So a writer is asked for by its number only where numbers mean the same, and
# elsewhere its file is left to grow old.


def _clean(place: Path, now: float) -> None:
    """Remove what writers that were killed have left beside a file. now: by the clock of the file system."""
    names, host = re.compile(r".*\.(?:([0-9a-f]{8})-)?([0-9]{1,9})-([0-9]{1,20})-[0-9a-f]+\.part", re.DOTALL), _host()
    for left in place.parent.glob(f".{glob.escape(place.name[:40])}.*.part"):
        if writer := names.fullmatch(left.name):
            with suppress(OSError):  # another has removed it, or only another may
                dead = writer[1] == host and not _alive(int(writer[2]), int(writer[3]))
                if dead or now - left.lstat().st_mtime > _ABANDONED:
                    left.unlink()


def _host() -> str:
    """Where the number of a process means the same: this system since its start and, in a container, this one."""
    known = [os.uname().nodename if os.name == "posix" else os.environ.get("COMPUTERNAME", "")]
    with suppress(OSError):  # Linux
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text())
    with suppress(OSError):
        known.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\n".join(known).encode(errors="replace")).hexdigest()[:8]


def _alive(process: int, thread: int) -> bool:
    """Whether a writer of this host may still be there."""
    if process == os.getpid():
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


def same_file(one: File, other: File) -> bool:
    """Whether two names are of one file, be it there or not, by whatever links and folders they lead to it."""
    there = [os.path.exists(file) for file in (one, other)]
    if any(there):
        return all(there) and os.path.samefile(one, other)
    places = [Path(os.path.realpath(file)) for file in (one, other)]
    # There are file systems to which these names are the same. That two files are meant is unlikely.
    names = {unicodedata.normalize("NFC", place.name).casefold() for place in places}
    return len(names) == 1 and (places[0].parent == places[1].parent or same_file(places[0].parent, places[1].parent))
