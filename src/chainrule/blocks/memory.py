"""How much memory there is."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from chainrule.readers.common import ReaderError

SMALL = 10_000  # rows of a block, of which smaller ones would hardly help
_BLOCK, _FEWEST = 65_536, 1000  # rows of a block that are advised, at most and at least
_ROOM = 0.8  # of what is left, which is advised to be used
MORE = "Give it more memory, or take fewer columns"
_MB = 1e6
_LITTLE = 1 << 24  # bytes that there always are: to ask takes longer than to read a small block
_GROUP = Path("/sys/fs/cgroup")


def available() -> int:
    """Bytes that this process may still take: by the system, by its limits (rlimit), by those of its container."""
    most = [1 << 62]
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        most.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1]))
    with suppress(OSError, ValueError):
        limit = int((_GROUP / "memory.max").read_text(encoding="ascii"))
        most.append(limit - int((_GROUP / "memory.current").read_text(encoding="ascii")))
    with suppress(ImportError, OSError, ValueError):
        import resource

        pages = list(map(int, Path("/proc/self/statm").read_text(encoding="ascii").split()))
        for limit, used in ((resource.RLIMIT_AS, pages[0]), (resource.RLIMIT_DATA, pages[5])):
            if (soft := resource.getrlimit(limit)[0]) != resource.RLIM_INFINITY:
                most.append(soft - used * os.sysconf("SC_PAGE_SIZE"))
    if len(most) == 1:  # no Linux
        with suppress(AttributeError, OSError, ValueError):
            most.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
    return max(0, min(most))


def released() -> int:
    """What is available when Arrow has given back what it keeps of what was freed."""
    if (arrow := sys.modules.get("pyarrow")) is not None:
        arrow.default_memory_pool().release_unused()
    return available()


class TooLargeError(ReaderError):
    """The memory did not suffice for a block. What can be done is said."""


@contextmanager
def named(name: str, rows: int) -> Iterator[None]:
    """Around what is done with a block: TooLargeError that names it, where the memory does not suffice."""
    try:
        yield
    except (MemoryError, ReaderError) as error:
        cause = error if isinstance(error, MemoryError) else error.__context__
        if isinstance(error, TooLargeError) or not isinstance(cause, MemoryError):
            raise
        told = f" ({cause})" if str(cause) else ""
        advice = _smaller(rows, 0.5) if rows > SMALL else MORE
        raise TooLargeError(f"{name}: its {rows:,} rows are too many for the memory{told}. {advice}") from None


def _smaller(rows: int, share: float) -> str:
    """What to do where the memory holds this share of blocks of so many rows."""
    most = min(_BLOCK, int(_ROOM * share * rows))
    if most < _FEWEST:
        return MORE
    unit = 10 ** (len(str(most)) - 1)
    return (
        f"Write the table in smaller blocks, pyarrow.parquet.write_table(table, file, row_group_size="
        f"{most if most == _BLOCK else most // unit * unit}), or give it more memory"
    )


def _fewer(count: int, rows: int, share: float) -> str:
    """What to do where the memory holds this share of a window of so many blocks, of so many rows each."""
    fitting = int(_ROOM * share * count)
    if fitting < 2:
        return _smaller(rows, share * count / 2)
    return f"Mix fewer blocks at a time, Blocks(…, window={fitting}), or give it more memory"


def check(name: str, rows: int, needed: int, what: str, window: int = 1, advice: str = "") -> None:
    """ReaderError that names a block, if the memory that is left does not suffice for what needs so many bytes.

    window: how many such blocks need them. advice: what to do, unless smaller blocks or fewer of them help.
    """
    # Blocks are read into what Arrow keeps of those before: it is asked for that only where memory is short.
    if needed > _LITTLE and needed > available() and needed > (left := released()):
        raise ReaderError(
            f"{name}: its {rows:,} rows are too many for the memory: {what} {needed / _MB:,.0f} MB, and "
            f"{left / _MB:,.0f} MB are left. {advice or _fewer(window, rows, left / needed)}"
        )
