"""One thread for the products of NumPy and SciPy, so that their bits do not depend on how many there could be.

BLAS splits a product among threads, and where it splits decides in which order sums are rounded. The kernel has threads
of its own, whose number changes no bit, and needs none of this.
"""

import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

# The limit of most libraries belongs to the process, that of an OpenMP one to a thread. So whoever comes first sets it,
# and whoever leaves last sets it back: by owner, the identifier of a thread or None for the process.
_lock = threading.RLock()
_inside: Counter[int | None] = Counter()  # blocks that are open
_before: dict[tuple[int | None, Any], int] = {}  # (owner, library) → the number of threads it had


@contextmanager
def one_thread() -> Iterator[None]:
    """Within the block, and as a decorator within the function, BLAS has one thread."""
    yield from _block(1)


def threads() -> int:
    """How many threads BLAS has: 1 within a block of `one_thread`, else what the machine or somebody's limit gives."""
    return max((library.num_threads or 1 for library in _libraries(_solvers())), default=1)


@contextmanager
def as_before() -> Iterator[None]:
    """The way out of a block of `one_thread`, for a call of somebody else's code in it."""
    yield from _block(-1)


def _block(by: int) -> Iterator[None]:
    """Count by 1 or −1 within the block. Ctrl-C may come anywhere in here: what was counted is counted back."""
    counted: list[int | None] = []
    libraries, back = _libraries(_solvers()), False
    try:
        with _lock:
            for owner in (None, threading.get_ident()):
                _inside[owner] += by
                counted.append(owner)  # a signal is handled when this call is over, not before
            _limit(libraries)
        yield
    finally:
        try:
            back = _count_back(counted, by, libraries)
        finally:
            if not back:
                _count_back(counted, by, libraries)


def _count_back(counted: list[int | None], by: int, libraries: list[Any]) -> bool:
    with _lock:
        while counted:
            _inside[counted[-1]] -= by
            counted.pop()
        _limit(libraries)
    return True


def _limit(libraries: list[Any]) -> None:
    """Give the libraries one thread or, where their owner is not inside, as many as before."""
    me = threading.get_ident()
    for library in {*libraries, *(library for _, library in _before)}:
        alone = library.internal_api == "openblas" and library.threading_layer == "openmp"
        owner = me if alone else None
        if _inside[owner] > 0:
            if (threads := library.num_threads) is not None and threads > 1:
                _before.setdefault((owner, library), threads)
                _set(library, 1)
        elif (owner, library) in _before:
            _set(library, _before[owner, library])
            _before.pop((owner, library), None)
    for owner in (None, me):
        if _inside[owner] <= 0:  # below 0 after a fork inside, which has forgotten the block
            del _inside[owner]


def _set(library: Any, threads: int) -> None:
    # threadpoolctl's own set_num_threads does nothing in threads other than the first that has called it.
    getattr(library, "_real_set_num_threads", library.set_num_threads)(threads)


def _solvers() -> bool:
    return hasattr(sys.modules.get("scipy.optimize"), "minimize")


@cache
def _libraries(scipy: bool) -> list[Any]:
    """The BLAS libraries that are loaded; SciPy brings its own, with its solvers."""
    from threadpoolctl import ThreadpoolController  # scikit-learn needs it too

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


def _forked() -> None:
    """In a forked process: the threads that were inside, or held the lock, are not there."""
    global _lock
    _lock = threading.RLock()
    _inside.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
