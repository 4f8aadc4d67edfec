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

log = logging.getLogger("chainrule")
_caught: list[int] = []  # signals that wait; only the main thread gets any
giving_up = False  # whether the kernel is in a call that it can give up


def check() -> None:
    """KeyboardInterrupt if a signal waits: for engines, where they can give up what they have begun."""
    if _caught and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


def _asked() -> None:
    """What the kernel asks now and then, in all of its calls."""
    if giving_up:
        check()


@contextmanager
def postponed() -> Iterator[list[int]]:
    """Signals that come now are in this list, and their handlers have not been called; see `deliver`.

    Where this is not the main thread, or someone ignores the signals, nothing is changed.
    """
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        if kernel.BUILT:
            kernel.module().ask(_asked)
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, lambda number, frame: _caught.append(number))
    failed = True
    try:
        yield _caught
        failed = False
    except KeyboardInterrupt:
        if not _caught:
            raise
        failed = False
    finally:
        for caught, handler in before.items():
            signal.signal(caught, handler)
        if failed and _caught:
            deliver("it came together with an error")


def deliver(told: str) -> None:
    """Let the handler of the signal that has waited do what it would have done: end the program, or raise.

    told: what people should know; a note of what is raised, or a line of the log where the program ends at once.
    """
    number = _caught[0]
    _caught.clear()
    if signal.getsignal(number) is signal.SIG_DFL:
        log.warning(told)
    try:
        signal.raise_signal(number)
        raise KeyboardInterrupt  # its handler came back, but the training has ended
    except BaseException as error:
        error.add_note(told)
        raise
