"""The lab as a widget of Jupyter: the page in a cell, and the frames of protocol.py as messages of its comm."""

import asyncio
import contextlib
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from IPython import get_ipython

from chainrule.lab.code import program
from chainrule.lab.pages import Page
from chainrule.lab.protocol import pack
from chainrule.lab.run import Run
from chainrule.lab.session import Lab
from chainrule.network import Network

PAGE = Path(__file__).parent / "page"
MOST_VIEWS = 8  # that are answered: those of a notebook that was loaded again do not say that they are gone; chosen

_open: "weakref.WeakSet[LabWidget]" = weakref.WeakSet()  # those of this kernel


class LabWidget(anywidget.AnyWidget):
    """A lab in a notebook; `chainrule.lab` makes it.

    Parameters
    ----------
    made : Lab, which trains
    given : Network, optional, the notebook's, that it trains
    """

    _esm = (PAGE / "widget.js").read_text(encoding="utf-8")
    _modules = traitlets.Dict().tag(sync=True)
    _style = traitlets.Unicode().tag(sync=True)

    def __init__(self, made: Lab, given: Network | None = None) -> None:
        super().__init__(
            _modules={path.name: path.read_text(encoding="utf-8") for path in PAGE.glob("*.js")},
            _style=(PAGE / "style.css").read_text(encoding="utf-8"),
        )
        self._lab, self.given, self.cell = made, given, _cell()
        self._views: dict[str, Page] = {}
        self._loop = kernel_loop()
        _open.add(self)
        weakref.finalize(self, made.close)  # at the latest when Python ends
        self.on_msg(self._hear)

    # -- what a cell asks for ----------------------------------------------------------------------------------------

    @property
    def network(self) -> Network:
        """The network on the page, with the parameters of the step that it shows."""
        return self.run.network

    @property
    def run(self) -> Run:
        """The training on the page: its `design`, its `examples`, and its time line `line`."""
        return self._lab.run()

    @property
    def start(self) -> Network | None:
        """A copy of the network that the lab was opened with, as it was then."""
        return deepcopy(self.run.examples.network)

    def code(self) -> str:
        """Python that trains the network as the page did, to the last bit.

        Returns
        -------
        str
            The program.
        """

        def written() -> str:
            run = self.run
            return program(run.design, run.examples, run.line.changes, run.line.step)

        return str(self._lab.call(written))

    def go(self, step: int) -> None:
        """Go to a step, forwards or backwards, as the page does.

        Parameters
        ----------
        step : int
            The mini-batches that are done there.
        """
        self.pause()
        self._lab.call(lambda: self._lab.go(step))
        try:
            while self._lab.playing:  # a long way is one that the page can watch
                time.sleep(0.01)
        except KeyboardInterrupt:
            self.pause()
            raise

    def pause(self) -> None:
        """Train no further, until somebody plays on."""
        self._lab.call(self._lab.pause)

    def close(self) -> None:
        """End the lab. The network keeps its parameters."""
        _open.discard(self)
        super().close()
        if hasattr(self, "_lab"):  # else it was never whole
            self._lab.close()

    # -- messages ----------------------------------------------------------------------------------------------------

    def _hear(self, widget: Any, content: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """A message of a view: a frame, or that it is gone."""
        view = str(content.get("view"))
        if content.get("gone"):
            self._leave(view)
            return
        if view not in self._views:
            self._views[view] = self._lab.join(self._sender(view))
            if len(self._views) > MOST_VIEWS:
                self._leave(next(iter(self._views)))
        for frame in buffers:
            self._lab.receive(self._views[view], bytes(frame))

    def _leave(self, view: str) -> None:
        page = self._views.pop(view, None)
        if page is not None:
            if not self._views:  # nobody sees it any more, or could stop it
                self._lab.receive(page, pack({"do": "pause"}))
            self._lab.leave(page)

    def _sender(self, view: str) -> Callable[[bytes], None]:
        """What the lab's thread gives the frames of a view to: the thread of the kernel sends them."""

        def send(frame: bytes) -> None:
            if self._loop is None:
                self.send({"view": view}, [frame])
            else:
                with contextlib.suppress(RuntimeError):  # the loop has ended
                    self._loop.call_soon_threadsafe(self.send, {"view": view}, [frame])

        return send

    # -- where nothing runs ------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        if not hasattr(self, "_lab"):
            return "LabWidget()"
        about = self.run
        return f"<chainrule lab: {about.network!r} on {about.m:,} examples of {about.examples.name}>"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget, and what a notebook shows of it where no kernel runs."""
        bundle = super()._repr_mimebundle_(**options)
        if bundle is not None:
            bundle[0]["text/html"] = f"<p><em>{escape(repr(self))}: run this cell to open it.</em></p>"
        return bundle


def make_way(network: Network | None) -> None:
    """Close the labs that train this network, and those that this cell made when it ran before."""
    here = _cell()
    for other in list(_open):
        before = here is not None and other.cell is not None and other.cell[0] == here[0] and other.cell != here
        if before or (network is not None and other.given is network):
            other.close()


def _cell() -> tuple[str, int] | None:
    """Which cell runs, and which of its runs that is; None where no notebook tells."""
    shell = get_ipython()
    asked: Any = shell.get_parent() if hasattr(shell, "get_parent") else {}
    name = asked.get("metadata", {}).get("cellId")
    return (str(name), shell.execution_count) if name else None


def kernel_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that a notebook's kernel runs cells in; None elsewhere."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
