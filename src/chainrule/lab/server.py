"""The lab as a page of a local server: one address, one socket, and the files of page/."""

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.lab.door import Door
from chainrule.lab.session import Lab

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.websockets import WebSocket

PAGE = Path(__file__).parent / "page"
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
MOST_BYTES = 64 << 20  # of one message
MOST_ASKED = 8  # messages of a page that wait for the lab; chosen
MOST_WAITING = 256, 256 << 20  # frames, and bytes, that wait for a page to read them; chosen
MOST_PAGES = 100
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def application(lab: Lab, door: Door) -> "Starlette":
    """The application that serves a lab to those whom the door lets in."""
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.responses import Response
    from starlette.routing import Route, WebSocketRoute
    from starlette.websockets import WebSocketDisconnect

    # Their names are known from now on, so that no name that is asked for becomes a path.
    there = (file for file in PAGE.iterdir() if file.is_file() and not file.is_symlink())
    files = {file.name: file for file in there if file.suffix in KINDS and not file.name.startswith(".")}
    files["favicon.ico"] = files["icon.svg"]
    modules = (name for name in files if name.endswith(".js") and name != "widget.js")  # which notebooks begin with
    ahead = ", ".join(f"<{name}>; rel=modulepreload" for name in modules)  # not found one after the other
    pages: set[WebSocket] = set()

    def text(content: str, status: int) -> Response:
        return Response(f"{content}\n", status, HEADERS, "text/plain")

    async def page(request: "Request") -> Response:
        if not door.called(request.headers.getlist("host")):
            return text(f"the lab is at port {door.port} of this machine, and not called by this name and port", 403)
        opened = "token" in request.query_params and door.opens(request.query_params["token"])
        if not opened and not door.knows(request.headers.getlist("cookie")):
            return text("open the address that the terminal shows, with its token", 403)
        file = files.get(request.path_params["name"] or "index.html")
        if file is None:
            return text("not found", 404)
        headers = HEADERS | {"Link": ahead} if file.suffix == ".html" else HEADERS
        answer = Response(file.read_bytes(), 200, headers, KINDS[file.suffix])
        if opened:  # no redirect: one that began on another site would go on without the cookie, which is strict
            answer.set_cookie(*door.cookie, httponly=True, samesite="strict", path="/")
        return answer

    async def connect(websocket: "WebSocket") -> None:
        headers = websocket.headers
        if (
            not door.from_here(headers.getlist("origin"), headers.getlist("host"))
            or not door.knows(headers.getlist("cookie"))
            or len(pages) >= MOST_PAGES
        ):
            await websocket.close()
            return
        await websocket.accept()
        pages.add(websocket)
        try:
            await _talk(lab, websocket)
        finally:
            pages.discard(websocket)
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):  # it has gone, or does not read that either
            await asyncio.wait_for(websocket.close(1013), 1)

    async def refused(request: "Request", error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return text("not found" if status == 404 else "not possible", status)

    return Starlette(
        routes=[WebSocketRoute("/socket", connect), Route("/{name:path}", page)],
        exception_handlers={HTTPException: refused, 500: refused},
    )


class _Outbox:
    """Frames that wait for a page to read them; `full` where it reads too slowly. Of one event loop, but for `send`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._new = asyncio.Event()
        self.full = asyncio.Event()

    def send(self, frame: bytes) -> None:
        """Put a frame in, from any thread."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._put, frame)

    def _put(self, frame: bytes) -> None:
        frames, size = MOST_WAITING
        if self._frames and (len(self._frames) >= frames or self._bytes + len(frame) > size):
            self.full.set()
        if not self.full.is_set():
            self._frames.append(frame)
            self._bytes += len(frame)
            self._new.set()

    async def next(self) -> bytes:
        """The oldest frame, as soon as there is one."""
        while not self._frames:
            self._new.clear()
            await self._new.wait()
        frame = self._frames.popleft()
        self._bytes -= len(frame)
        return frame


async def _talk(lab: Lab, websocket: "WebSocket") -> None:
    """Take frames from a page to the lab and back, until either goes, or the page does not read what it is sent."""
    from starlette.websockets import WebSocketDisconnect

    loop, outbox, room = asyncio.get_running_loop(), _Outbox(), asyncio.Semaphore(MOST_ASKED)
    looking = lab.join(outbox.send)

    def heard() -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(room.release)

    async def read() -> None:
        while True:
            message = await websocket.receive()
            if message["type"] != "websocket.receive":
                return
            await room.acquire()
            lab.receive(looking, message.get("bytes") or (message.get("text") or "").encode(), heard)

    async def write() -> None:
        while True:
            await websocket.send_bytes(await outbox.next())

    tasks = [loop.create_task(work) for work in (read(), write(), outbox.full.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        lab.leave(looking)
        for task in tasks:
            task.cancel()
        for error in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(error, Exception) and not isinstance(error, WebSocketDisconnect | RuntimeError):
                raise error


def listen(host: str = "127.0.0.1", port: int = 0, others: int = 0) -> socket.socket:
    """A socket that listens at a port, or at the first free one of so many others behind it. OSError if none is."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port, min(port + others, 65535) + 1):
        try:
            listening = socket.create_server((host, candidate), family=family)
        except OSError:
            if candidate == min(port + others, 65535):
                raise
        else:
            # Those that are accepted inherit it; asyncio sets it only where the socket was made with TCP's number.
            # Without it the second part of an answer waits 40 ms for the other side to confirm the first.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return listening
    raise AssertionError


@contextmanager
def serving(lab: Lab, door: Door, listening: socket.socket) -> Iterator[threading.Thread]:
    """Serve a lab at a socket that listens, from a thread of its own, until the end."""
    import uvicorn

    from chainrule.lab.connections import protocols

    config = uvicorn.Config(
        application(lab, door), **protocols(), loop="asyncio", lifespan="off",
        ws_max_size=MOST_BYTES, ws_per_message_deflate=False, timeout_graceful_shutdown=1,
        log_config=None, log_level="error", access_log=False, server_header=False, proxy_headers=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: server.run([listening]), name="lab server", daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
