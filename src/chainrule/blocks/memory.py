"""How much memory there is."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from chainrule.readers.common import ReaderError

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


def check(name: str, rows: int, needed: int, what: str) -> None:
    """ReaderError that names a block, if the memory that is left does not suffice for what needs so many bytes."""
    # Blocks are read into what Arrow keeps of those before: it is asked for that only where memory is short.
    if needed > _LITTLE and needed > available() and needed > (left := released()):
        raise ReaderError(
            f"{name}: its {rows:,} rows are too many for the memory: {what} {needed / _MB:,.0f} MB, and "
            f"{left / _MB:,.0f} MB are left. Write the table in smaller blocks: "
            "pyarrow.parquet.write_table(table, file, row_group_size=65536)"
        )
