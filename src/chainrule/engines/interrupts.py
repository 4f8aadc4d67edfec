"""Ctrl-C and SIGTERM during a training that is kept in a file: they wait until what is in memory is whole.

An engine that is in the middle of an epoch is the exception. It gives the epoch up, as if it had not begun.
"""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chainrule.engines import kernel
from chainrule.errors import Saved

log = logging.getLogger("chainrule")

_waiting: list[int] = []  # signals that came and are deferred; only the main thread gets any


class _KernelCall(threading.local):
    """Whether this thread is in a call of the kernel that is given up when a signal waits."""

    def __init__(self) -> None:
        self.active = False


kernel_call = _KernelCall()


def check() -> None:
    """KeyboardInterrupt if a signal waits: for engines, where they can give up what they have begun."""
    if _waiting and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


def _poll() -> None:
    """What the kernel calls now and then, in all of its calls."""
    if kernel_call.active:
        check()


@contextmanager
def deferring() -> Iterator[list[int]]:
    """Signals that come within the block are in the list it gives, and their handlers have not run; see `deliver`.

    Where this is not the main thread, or someone ignores the signals, nothing is changed.
    """
    handlers: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        if kernel.BUILT:
            kernel.module().ask(_poll)
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                handlers[number] = signal.signal(number, lambda number, frame: _waiting.append(number))
    failed = True
    try:
        yield _waiting
        failed = False
    except KeyboardInterrupt:
        if not _waiting:
            raise
        failed = False
    finally:
        for caught, handler in handlers.items():
            signal.signal(caught, handler)
        if failed and _waiting:
            deliver(Saved("training stopped; an error came together with the signal", False))


def deliver(saved: Saved) -> None:
    """Let the handler of the signal that has waited do what it would have done: end the program, or raise.

    What is raised has `saved` as an attribute, and its message as a note; where the program ends at once, the message
    is a line of the log.
    """
    number = _waiting[0]
    _waiting.clear()
    if signal.getsignal(number) is signal.SIG_DFL:
        log.warning(saved.message)
    try:
        signal.raise_signal(number)
        raise KeyboardInterrupt  # its handler came back, but the training has ended
    except BaseException as error:
        error.add_note(saved.message)
        error.saved = saved  # type: ignore[attr-defined]
        raise
