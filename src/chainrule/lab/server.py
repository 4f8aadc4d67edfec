"""The lab as a page of a local server: one address, one socket, and the files of page/."""

import asyncio
import contextlib
import ipaddress
import mimetypes
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.lab.session import Lab

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette

PAGE = Path(__file__).parent / "page"
COOKIE = "chainrule-lab"
MOST_BYTES = 64 << 20  # of one message
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def application(lab: Lab, token: str, hosts: frozenset[str] = frozenset()) -> "Starlette":
    """The application that serves a lab to those who know the token.

    hosts: names by which it may be called, beside those of this machine's loopback.
    """
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import FileResponse, RedirectResponse, Response
    from starlette.routing import Route, WebSocketRoute
    from starlette.websockets import WebSocket, WebSocketDisconnect

    cookie = secrets.token_urlsafe(32)

    def known(headers: Mapping[str, str]) -> bool:
        return secrets.compare_digest(_cookie(headers.get("cookie", "")), cookie)

    async def page(request: Request) -> Response:
        if not called_by(request.headers.get("host", ""), hosts):
            return Response("the lab is not called by this name\n", 403, headers=HEADERS)
        if secrets.compare_digest(request.query_params.get("token", ""), token):
            answer: Response = RedirectResponse("/", 303, headers=HEADERS)
            answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", path="/")
            return answer
        if not known(request.headers):
            return Response("open the address that the terminal shows, with its token\n", 403, headers=HEADERS)
        name = request.path_params.get("name", "index.html")
        file = PAGE / name
        if "/" in name or name.startswith(".") or not file.is_file():
            return Response("not found\n", 404, headers=HEADERS)
        kind = "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0]
        return FileResponse(file, media_type=kind, headers=HEADERS)

    async def socket(websocket: WebSocket) -> None:
        headers = websocket.headers
        if not (
            called_by(headers.get("host", ""), hosts)
            and from_here(headers.get("origin", ""), headers.get("host", ""))
            and known(headers)
        ):
            await websocket.close(1008)
            return
        await websocket.accept()
        loop, outbox = asyncio.get_running_loop(), asyncio.Queue[bytes]()

        def send(frame: bytes) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(outbox.put_nowait, frame)

        async def write() -> None:
            while True:
                await websocket.send_bytes(await outbox.get())

        looking = lab.join(send)
        writer = asyncio.create_task(write())
        try:
            while True:
                lab.receive(looking, await websocket.receive_bytes())
        except (WebSocketDisconnect, RuntimeError, KeyError):
            pass
        finally:
            writer.cancel()
            lab.leave(looking)

    return Starlette(
        routes=[Route("/", page), WebSocketRoute("/socket", socket), Route("/{name}", page)],
    )


def called_by(host: str, hosts: frozenset[str]) -> bool:
    """Whether a Host header names this machine's loopback, or one of the hosts: else another site's name leads here."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    name = name.strip("[]").lower()
    if name == "localhost" or name in hosts:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def from_here(origin: str, host: str) -> bool:
    """Whether an Origin header is that of the page itself."""
    return origin in (f"http://{host}", f"https://{host}")


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def config(application: "Starlette", host: str = "127.0.0.1", port: int = 0) -> "uvicorn.Config":
    """How uvicorn is to serve the application."""
    import uvicorn

    return uvicorn.Config(
        application, host=host, port=port, log_level="warning", ws="websockets-sansio", ws_max_size=MOST_BYTES,
        ws_per_message_deflate=False, lifespan="off", server_header=False,
    )  # fmt: skip


def serve(lab: Lab, token: str, host: str = "127.0.0.1", port: int = 8765) -> None:
    """Serve until Ctrl-C."""
    import uvicorn

    uvicorn.Server(config(application(lab, token), host, port)).run()
