"""Reading ahead: the next piece is read in a thread while the one at hand is used."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from chainrule.engines import interrupts

T = TypeVar("T")
_LOOK = 0.1  # seconds between two looks at signals while a piece is waited for


class Ahead(Generic[T]):
    """What a function gives, which is called at once in a thread of its own; the thread ends with the call."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._found: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._call, name="chainrule reads ahead")
        self._thread.start()

    def _call(self) -> None:
        try:
            self._found.append(self._function())
        except BaseException as error:
            self._error = error

    def result(self) -> T:
        """What it has given, or raised. Signals that wait end the waiting."""
        while self._thread.is_alive():
            self._thread.join(_LOOK)
            interrupts.check()
        if self._error is not None:
            raise self._error
        return self._found[0]


def each(function: Callable[[Any], T], arguments: Sequence[Any]) -> Iterator[T]:
    """function(argument) for each argument, one ahead."""
    following: Ahead[T] | None = None
    for i, argument in enumerate(arguments):
        found = function(argument) if following is None else following.result()
        following = Ahead(lambda j=i + 1: function(arguments[j])) if i + 1 < len(arguments) else None  # type: ignore[misc]
        yield found
