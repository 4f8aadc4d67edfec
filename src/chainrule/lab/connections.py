"""Connections to the server of a lab, for there to be always room for a page, and for all of them to come to an end."""

from asyncio import TimerHandle, Transport
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

PATIENCE = 10.0  # seconds for a whole request: line and headers; chosen
MOST = 256  # connections that are no socket of a page; chosen


def room() -> int:
    """How many of them there may be, as far as the files go that this process may open: a quarter of these."""
    try:
        import resource
    except ImportError:  # Windows, whose limit is far above
        return MOST
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST if files == resource.RLIM_INFINITY else max(8, min(MOST, files // 4))


class Timely(H11Protocol):
    """A connection that ends when it does not bring a whole request in time.

    Where there are too many, the one ends that has waited longest: a request that comes at once is answered. `waiting`
    has those of a server that ask for nothing at the moment, the oldest first.
    """

    waiting: dict["Timely", TimerHandle]
    most: int

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """It is there."""
        super().connection_made(transport)
        self._wait()
        others = [one for one in self.connections if isinstance(one, Timely)]
        if len(others) > self.most:
            oldest = next(iter(self.waiting))
            oldest._wait_no_longer()  # at once: it is gone a little later
            oldest.transport.abort()

    def data_received(self, data: bytes) -> None:
        """A part of a request, or one, or several."""
        super().data_received(data)
        if self.transport.get_protocol() is not self or (self.cycle is not None and not self.cycle.response_complete):
            self._wait_no_longer()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._wait()
        super().on_response_complete()  # which may begin it
        if not self.cycle.response_complete:
            self._wait_no_longer()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._wait_no_longer()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._wait_no_longer()
        self.waiting[self] = self.loop.call_later(PATIENCE, self.transport.abort)

    def _wait_no_longer(self) -> None:
        if (timer := self.waiting.pop(self, None)) is not None:
            timer.cancel()


class Ending(WebSocketsSansIOProtocol):
    """The socket of a page: the server may end while the page ends it, too."""

    def shutdown(self) -> None:
        """The server ends."""
        try:
            super().shutdown()
        except InvalidState:  # the page is about to go: nothing may be sent to it any more
            self.transport.close()


def protocols() -> dict[str, Any]:
    """Options of a server for connections of its own. It takes so few at once that their files are closed in time."""
    most = room()
    return {"http": type("Timely", (Timely,), {"waiting": {}, "most": most}), "ws": Ending, "backlog": most // 4}
