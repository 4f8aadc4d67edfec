"""The pages that look at a lab: frames that come from them, answers, and looks that wait for something new."""

import sys
import time
import traceback
from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from chainrule.errors import ChainruleError
from chainrule.lab import protocol

CHEAP = 0.004  # seconds: a look that takes no longer is answered at once
SHARE = 0.02  # of the time, at most, for what looks take beyond it; the browser takes several times as much

_FORESEEN = (ValueError, TypeError, LookupError, ArithmeticError, OSError, MemoryError, ImportError, ChainruleError)
Send = Callable[[bytes], None]
Views = Mapping[str, Mapping[str, Any]]


class Page:
    """One that looks: a tab of a browser, or a cell of a notebook."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.look: dict[str, Any] | None = None  # the one that waits
        self.again = 0.0  # when the next may be answered, while it plays


class Pages:
    """All pages of a lab.

    commands: what they may ask for, by name; what one gives is its answer. look: what there is to see in views. stamp:
    differs where that is something else.
    """

    def __init__(
        self,
        commands: Mapping[str, Callable[..., Any]],
        look: Callable[[Views], Any],
        stamp: Callable[[], list[Any]],
    ) -> None:
        self.all: list[Page] = []
        self._commands, self._look, self._stamp = commands, look, stamp

    def answer(self, page: Page, frame: bytes) -> None:
        """Do what a page asks for in a frame, and answer it, whatever is in it; a look waits."""
        number = None
        try:
            message = protocol.unpack(frame)
            name = message.pop("do", None) if isinstance(message, dict) else message
            if not isinstance(name, str) or name not in ("look", *self._commands):
                raise ValueError(f"there is no command {name!r:.60}")
            number = message.pop("id", None)
            if name == "look":
                page.look = {"id": number, "stamp": message.get("stamp"), "views": _views(message.get("views"))}
                return
            answer = protocol.pack({"id": number, "ok": self._commands[name](**message)})
        except Exception as error:
            answer = protocol.pack({"id": number, "error": sentence(error)})
        self._send(page, answer)

    def show(self, sparing: bool) -> None:
        """Answer the looks that wait and have something new to see. sparing: dear ones only now and then."""
        for page in list(self.all):
            now, spent = time.perf_counter(), time.thread_time()
            if page.look is None or _same(page.look["stamp"], self._stamp()) or (sparing and now < page.again):
                continue
            look, page.look = page.look, None
            try:
                answer = protocol.pack({"id": look["id"], "ok": self._look(look["views"])})
            except Exception as error:
                answer = protocol.pack({"id": look["id"], "error": sentence(error)})
            self._send(page, answer)
            spent = time.thread_time() - spent  # not what others took of the machine meanwhile
            page.again = time.perf_counter() + max(0.0, spent - CHEAP) / SHARE

    def due(self) -> float:
        """When the next look may be answered, by `time.perf_counter`."""
        return min((0.0 if page.look is None else page.again for page in self.all), default=inf)

    def push(self, message: Any) -> None:
        """Tell something to every page, unasked."""
        frame = protocol.pack(message)
        for page in list(self.all):
            self._send(page, frame)

    def leave(self, page: Page) -> None:
        """It looks no longer."""
        if page in self.all:
            self.all.remove(page)

    def _send(self, page: Page, frame: bytes) -> None:
        try:
            page.send(frame)
        except Exception:  # its link is broken; the others are still there
            traceback.print_exc(file=sys.stderr)
            self.leave(page)


def sentence(error: Exception) -> str:
    """What an error says, as one sentence. One that nobody foresaw is printed, too."""
    if not isinstance(error, _FORESEEN):
        traceback.print_exception(error, file=sys.stderr)
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return text or type(error).__name__


def _views(given: Any) -> Views:
    """The views that a look asks for, by names. ValueError for what are none."""
    given = {} if given is None else given
    if not isinstance(given, dict) or not all(isinstance(view, dict) for view in given.values()):
        raise ValueError("look: wanted views, by names of your own")
    return given


def _same(stamp: Any, now: list[Any]) -> bool:
    try:
        return bool(stamp == now)
    except Exception:  # arrays
        return False
