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

from chainrule.engines import interrupts

# The limit of most libraries belongs to the process, that of an OpenMP one to a thread. So whoever comes first sets it,
# and whoever leaves last sets it back: by owner, the identifier of a thread or None for the process.
_lock = threading.RLock()
_inside: Counter[int | None] = Counter()  # blocks that are open
_before: dict[tuple[int | None, Any], int] = {}  # (owner, library) → the number of threads it had


@contextmanager
def one_thread() -> Iterator[None]:
    """Within the block, and as a decorator within the function, BLAS has one thread."""
    inside = False
    try:
        with interrupts.Deferral():  # a signal in between would leave BLAS with one thread
            _close()
            inside = True
        yield
    finally:
        if inside:
            with interrupts.Deferral():
                _open()


@contextmanager
def as_before() -> Iterator[None]:
    """The way out of a block of `one_thread`, for a call of somebody else's code in it."""
    outside = False
    try:
        with interrupts.Deferral():
            _open()
            outside = True
        yield
    finally:
        if outside:
            with interrupts.Deferral():
                _close()


def _close() -> None:
    me, libraries = threading.get_ident(), _libraries(hasattr(sys.modules.get("scipy.optimize"), "minimize"))
    with _lock:
        _inside.update((None, me))
        for library in libraries:
            threads = library.num_threads
            if threads is not None and threads > 1:
                alone = library.internal_api == "openblas" and library.threading_layer == "openmp"
                _before.setdefault((me if alone else None, library), threads)
                _set(library, 1)


def _open() -> None:
    with _lock:
        for owner in (None, threading.get_ident()):
            _inside[owner] -= 1
            if _inside[owner] <= 0:  # below 0 after a fork inside, which has forgotten the block
                del _inside[owner]
                for key in [key for key in _before if key[0] == owner]:
                    _set(key[1], _before.pop(key))


def _set(library: Any, threads: int) -> None:
    # threadpoolctl's own set_num_threads does nothing in threads other than the first that has called it.
    getattr(library, "_real_set_num_threads", library.set_num_threads)(threads)


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
