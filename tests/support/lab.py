"""A lab that is served, and a page without a browser that talks to it."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from websockets.sync.client import connect

from chainrule.lab import protocol, server
from chainrule.lab.design import Design
from chainrule.lab.door import Door
from chainrule.lab.session import Lab

FLOWER = {"data": {"kind": "bundled", "name": "flower"}, "hidden": [8, 4], "activations": ["tanh", "tanh"], "seed": 1}


MINUS = str.maketrans("−", "-")


def numbers(text: str) -> list[float]:
    """The numbers in a text of the page."""
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", text.translate(MINUS).replace(",", ""))]


@dataclass
class Served:
    """A lab, and where it is served."""

    lab: Lab | None
    door: Door

    @property
    def port(self) -> int:
        return self.door.port

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def key(self) -> str:
        """The address that lets a browser in."""
        return f"{self.address}?token={self.door.token}"

    @property
    def cookie(self) -> str:
        """What the token is exchanged for."""
        return "=".join(self.door.cookie)


@contextmanager
def served(design: Any = None, port: int = 0, **options: Any) -> Iterator[Served]:
    """A lab of this design (JSON), served on a port of its own until the end."""
    lab = Lab(Design.of({**FLOWER, **(design or {})}), **options)
    try:
        with serving(lab, port) as found:
            yield found
    finally:
        lab.close()


@contextmanager
def serving(lab: Lab, port: int = 0, token: str = "the-token") -> Iterator[Served]:
    """A lab that is there, served until the end."""
    listening = server.listen(port=port)
    door = Door(listening.getsockname()[1], token)
    with server.serving(lab, door, listening):
        yield Served(lab, door)


class Talk:
    """A page without a browser: it asks and hears; `pushes` are what it was told unasked."""

    def __init__(self, at: Served, *, cookie: str | None = None, host: str | None = None, **options: Any) -> None:
        options = {"compression": None, "max_size": None, "proxy": None, "open_timeout": 30, **options}
        options.setdefault("origin", at.address[:-1])
        options.setdefault("additional_headers", {"Cookie": at.cookie if cookie is None else cookie})
        reached = socket.create_connection(("127.0.0.1", at.port), 30)  # whatever the host
        try:
            self.socket = connect(f"ws://{host or at.address[7:-1]}/socket", sock=reached, **options).__enter__()
        except BaseException:
            reached.close()
            raise
        self.pushes: list[Any] = []
        self._number = 0

    def __enter__(self) -> "Talk":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def hear(self, seconds: float = 30.0) -> Any:
        """The next message."""
        return protocol.unpack(self.socket.recv(seconds))

    def ask(self, do: str, **given: Any) -> Any:
        """The answer to a command; a ValueError with the sentence where it cannot be done."""
        self._number += 1
        self.socket.send(protocol.pack({"id": self._number, "do": do, **given}))
        while "push" in (message := self.hear()) or message["id"] not in (self._number, None):
            self.pushes.append(message)
        if "error" in message:
            raise ValueError(message["error"])
        return message["ok"]


def settled(page, script: str, *, timeout: float = 30.0) -> None:
    """Wait until a JavaScript expression is true on the page (``lab`` is its store), and that is drawn."""
    end = time.monotonic() + timeout  # not wait_for_function: the page allows no eval
    while not page.evaluate(script):
        assert time.monotonic() < end, f"after {timeout} seconds it is still not true that {script}"
        page.wait_for_timeout(20)
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
