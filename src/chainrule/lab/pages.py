"""The pages that look at a lab: frames that come from them, answers, and looks that wait for something new."""

import sys
import time
import traceback
from collections.abc import Callable, Mapping
from functools import cache, partial
from inspect import signature
from math import inf
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from chainrule.errors import ChainruleError
from chainrule.lab import protocol
from chainrule.text import meant

CHEAP = 0.004  # seconds: a look that takes no longer is answered at once
SHARE = 0.02  # of the time, at most, for what looks take beyond it; the browser takes several times as much

# What arguments of commands and views are annotated with, as JSON has it.
_WORDS = {
    int: "a whole number", float: "a number", str: "text", bool: "true or false", Mapping: "an object",
    tuple: "a list", NoneType: "null",
}  # fmt: skip
_KINDS: dict[str, Callable[[Any], bool]] = {
    "a whole number": lambda value: _is_number(value) and abs(value) < inf and value == value // 1,
    "a number": lambda value: _is_number(value),
    "text": lambda value: isinstance(value, str),
    "true or false": lambda value: isinstance(value, bool),
    "an object": lambda value: isinstance(value, dict),
    "a list": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}
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

    commands: what they may ask for, by name, with the lab; what one gives is its answer. look: what there is to see in
    views. stamp: differs where that is something else.
    """

    def __init__(
        self,
        commands: Mapping[str, partial[Any]],
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
            protocol.check_text("message", message)
            check_arguments(name, self._commands[name].func, message)
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


def check_arguments(name: str, act: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """ValueError for an argument, behind the first, that a function lacks, does not have, or wants otherwise."""
    known, others = _known(act)
    for key, value in given.items():
        if key in known:
            wanted = known[key][0]
            if wanted and not any(_KINDS[kind](value) for kind in wanted):
                raise ValueError(f"{name}: {key}: got {value!r:.60}, wanted {' or '.join(wanted)}")
        elif not others:
            raise ValueError(f"{name}: there is no {key!r}.{meant(key, known)}")
    if lacking := [key for key, (_, needed) in known.items() if needed and key not in given]:
        raise ValueError(f"{name}: wanted {' and '.join(lacking)}, too")


@cache
def _known(act: Callable[..., Any]) -> tuple[dict[str, tuple[tuple[str, ...], bool]], bool]:
    """The arguments of a function but the first: of which kinds they may be, if known, and whether each is needed.

    And whether there may be others.
    """
    found, others = {}, False
    for each in [*signature(act).parameters.values()][1:]:
        if each.kind is each.VAR_KEYWORD:
            others = True
            continue
        union = isinstance(each.annotation, UnionType)
        kinds = [get_origin(kind) or kind for kind in (get_args(each.annotation) if union else (each.annotation,))]
        words = tuple(_WORDS[kind] for kind in kinds) if all(kind in _WORDS for kind in kinds) else ()
        found[each.name] = words, each.default is each.empty
    return found, others


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


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(stamp: Any, now: list[Any]) -> bool:
    try:
        return bool(stamp == now)
    except Exception:  # arrays
        return False
