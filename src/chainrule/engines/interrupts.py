"""Signals that end a program, during a training that is kept in a file: they wait until what is in memory is whole.

While a `Deferral` is open its list holds the signals that came. Engines look at it where they can give up what they
have begun, an epoch, as if it had not been; then the loop writes the file, and the handlers have their turn.
"""

import atexit
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from chainrule.engines import kernel
from chainrule.errors import Saved

log = logging.getLogger("chainrule")

# SIGINT is the last whose handler comes back at the end: the one that is sure to raise.
_NAMES = ("SIGHUP", "SIGBREAK", "SIGTERM", "SIGINT")  # the terminal is closed; Ctrl-Break; `kill`; Ctrl-C
SIGNALS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


class SignalWaits(BaseException):
    """Ends what an engine does, because a signal waits."""


class _Thread(threading.local):
    """What belongs to a thread: the deferral that is open (all signals come to the main thread), and its question."""

    deferral: "Deferral | None" = None
    question: Callable[[], None] | None = None


_here = _Thread()
_awaited: set["Deferral"] = set()  # what other threads are at, which the end of the program waits for
_ends_in: threading.Thread | None = None  # where the program ends
_LONGEST_WAIT = 60.0  # seconds
_DEPTH = 2 * len(SIGNALS)  # so many handlers may raise one after the other, and nothing of a deferral is left


class Deferral:
    """Around what takes a training from one whole state to the next: signals that come within it wait.

    At its end, or where `deliver` is called, their handlers do what they would have done. Within another one, and for
    signals that are ignored, nothing is changed. Outside of the main thread, where no signal comes, the end of the
    program waits. Nothing of it is left after its end.

    Parameters
    ----------
    freed : bool, optional
        Within a finalizer, in which what a handler raises would be lost: the signals come again a moment later.
    """

    def __init__(self, freed: bool = False) -> None:
        self.waiting: dict[int, None] = {}  # signals that came, in their order, each once
        self.handlers: dict[int, Any] = {}  # as they were before
        self.giving_up = False  # whether what the kernel does now is given up when a signal comes
        self._closing, self._back, self._freed = False, False, freed

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            _awaited.add(self)
            return self
        if _here.deferral is not None:
            return self
        if kernel.BUILT:
            kernel.module().ask(_poll)
        self._take()
        return self

    def _take(self, depth: int = _DEPTH) -> None:
        """Put this in the place of the handlers, or, where one of them raises meanwhile, of none.

        A signal that came before its turn may raise between any two instructions, in what mends it too: each level of
        the recursion mends what one more of them has left undone.
        """
        try:
            if depth:
                self._take(depth - 1)
                return
            _here.deferral = self
            for number in SIGNALS:
                if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None):
                    self.handlers[number] = handler
                    signal.signal(number, self)
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if _here.deferral is self or self._closing:
            self.waiting[number] = None
        else:  # signals by the dozen have kept its handler from coming back
            self._handle(number)

    def __exit__(self, kind: Any, error: BaseException | None, trace: TracebackType | None) -> None:
        if _here.deferral is not self:
            _awaited.discard(self)
            return
        self._closing, _here.deferral = True, None
        try:
            self._put_back()
        finally:  # the handler of a signal that came just now may have raised
            self._closing = False
            self.deliver(None)

    def _put_back(self, depth: int = _DEPTH) -> None:
        """Put the handlers back in their places; where one of them raises meanwhile, the others too, as in `_take`."""
        try:
            if depth:
                self._put_back(depth - 1)
        finally:
            if not self._back:
                for number, handler in self.handlers.items():
                    if signal.getsignal(number) is self:  # a handler may have put another in its place
                        signal.signal(number, handler)
                self._back = True

    def deliver(self, saved: Saved | None) -> None:
        """Let the handlers of the signals that wait do what they would have done: end the program, raise, or neither.

        What is raised has `saved` as an attribute, and its message as a note; where the program ends at once, the
        message is a line of the log.
        """
        while self.waiting:
            number = next(iter(self.waiting))
            del self.waiting[number]
            if saved is not None and self.handlers[number] is signal.SIG_DFL:
                log.warning(saved.message)
            try:
                self._handle(number)
            except BaseException as error:
                if saved is not None:
                    note(error, saved)
                raise

    def _handle(self, number: int) -> None:
        handler = self.handlers[number]
        if callable(handler) and self._freed and threading.main_thread().is_alive():  # the program does not end
            threading.Timer(0.01, _send, (number,)).start()
        elif callable(handler):
            handler(number, sys._getframe(1))
        else:  # SIG_DFL
            signal.signal(number, handler)
            signal.raise_signal(number)


def _send(number: int) -> None:
    """Send a signal to this program, as from without: it ends a call of the system that waits."""
    if os.name == "posix":
        os.kill(os.getpid(), number)
    else:
        signal.raise_signal(number)


def note(error: BaseException, saved: Saved) -> None:
    """Let an error that ends a training say what became of its checkpoint."""
    if not hasattr(error, "saved"):
        error.saved = saved  # type: ignore[attr-defined]
        error.add_note(saved.message)


def deferral() -> Deferral | None:
    """The one that is open in this thread."""
    return _here.deferral


def deliver(saved: Saved | None) -> None:
    """`Deferral.deliver` of the one that is open in this thread, if there is one."""
    if _here.deferral is not None:
        _here.deferral.deliver(saved)


def ask(question: Callable[[], None]) -> None:
    """Let the engines call `question` in this thread, now and then; what it raises ends what they do."""
    _here.question = question
    if kernel.BUILT:
        kernel.module().ask(question)


def check() -> None:
    """SignalWaits, or what the question of this thread raises: for engines, where they can give up what they do.

    SystemExit where the program ends in another thread.
    """
    if _ends_in is not None and threading.current_thread() is not _ends_in:
        raise SystemExit
    if _here.deferral is not None and _here.deferral.waiting:
        raise SignalWaits
    if _here.question is not None:
        _here.question()


def _poll() -> None:
    """What the kernel calls in the main thread, in all of its calls."""
    if _here.deferral is not None and _here.deferral.giving_up:
        check()


def _end() -> None:
    """Before the interpreter ends: engines end what they do in other threads, and what is whole by then is written."""
    global _ends_in
    _ends_in = threading.current_thread()
    if kernel.BUILT:
        kernel.module().end_calls()
    until = time.monotonic() + _LONGEST_WAIT
    while _awaited and time.monotonic() < until:
        time.sleep(0.005)


atexit.register(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_awaited.clear)
