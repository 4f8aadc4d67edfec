"""Reading ahead: the next piece is read in a thread while the one at hand is used."""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from chainrule.engines import interrupts
from chainrule.readers.common import ReaderError

T = TypeVar("T")
_LOOK = 0.1  # seconds between two looks at signals while a piece is waited for


class Ahead(Generic[T]):
    """What a function gives, which is called at once in a thread of its own; the thread ends with the call."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._found: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._call, name="chainrule reads ahead")
        try:
            self._thread.start()
        except RuntimeError as error:
            raise ReaderError(f"no thread can be started that reads ahead ({error}); give it more memory") from None

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
        return self._found.pop()


def each(calls: Iterable[Callable[[], T]]) -> Iterator[T]:
    """What functions give, one after the other, each called while what the one before it gave is used."""
    following: Ahead[T] | None = None
    for call in calls:
        found = None if following is None else [following.result()]
        following = Ahead(call)
        if found is not None:
            yield found.pop()
    if following is not None:
        yield following.result()
