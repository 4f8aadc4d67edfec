"""The lab: runs that train, and pages that look at them. No web in it.

One thread owns everything: it trains in short slices, and between two of them does what pages ask for.
"""

import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from math import inf
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from chainrule._version import __version__
from chainrule.datasets import NAMES
from chainrule.errors import ChainruleError
from chainrule.lab import protocol, take, views
from chainrule.lab.data import load, understand
from chainrule.lab.design import Design, Examples, choices
from chainrule.lab.run import Run

SLICE = 0.008  # seconds of training between two looks at what pages ask for; chosen: half of a picture of 60 a second
CHEAP = 0.004  # seconds: a look that takes no longer is answered at once
SHARE = 0.08  # of the time, at most, for looks that take longer
MOST_RUNS = 6  # side by side; chosen

Send = Callable[[bytes], None]


class Page:
    """One that looks: a tab of a browser, or a cell of a notebook."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.look: dict[str, Any] | None = None  # the one that waits
        self.again = 0.0  # when the next may be answered, while it plays


class Lab:
    """Runs, one of them active, that play together."""

    def __init__(self, design: Design, examples: Examples | None = None) -> None:
        self.uploads: dict[str, Any] = {}
        self.runs: dict[int, Run] = {}
        self._last = 0
        self.active = self._add(design, examples).id
        self.playing = False
        self.speed: float | None = None  # steps a second; None for as many as there can be
        self.lesson: dict[str, Any] | None = None
        self.pages: list[Page] = []
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._steps = 1  # in a slice, as many as take SLICE
        self._began = (0.0, 0)  # when the play began, and the steps since then
        self._thread = threading.Thread(target=self._work, name="lab", daemon=True)
        self._thread.start()

    # -- pages -------------------------------------------------------------------------------------------------------

    def join(self, send: Send) -> Page:
        """A page begins to look; `send`, called from the lab's thread, takes frames to it."""
        page = Page(send)
        self._jobs.put(lambda: self.pages.append(page))
        return page

    def leave(self, page: Page) -> None:
        """It looks no longer."""
        self._jobs.put(lambda: self.pages.remove(page))

    def receive(self, page: Page, frame: bytes) -> None:
        """Do what the page asks for in this frame, and answer."""
        self._jobs.put(lambda: self._answer(page, frame))

    def call(self, work: Callable[[], Any]) -> Any:
        """What `work` gives, done in the lab's thread."""
        done: SimpleQueue[Any] = SimpleQueue()

        def job() -> None:
            try:
                done.put((work(), None))
            except Exception as error:
                done.put((None, error))

        self._jobs.put(job)
        result, error = done.get()
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        """End the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _answer(self, page: Page, frame: bytes) -> None:
        number = None
        try:
            message = protocol.unpack(frame)
            if not isinstance(message, dict) or message.get("do") not in COMMANDS:
                raise ValueError(f"there is no command {message.get('do') if isinstance(message, dict) else message!r}")
            number, name = message.pop("id", None), message.pop("do")
            if name == "look":
                page.look = {"id": number, "stamp": message.get("stamp"), "views": message.get("views") or {}}
                return
            answer = {"id": number, "ok": COMMANDS[name](self, **message)}
        except (ValueError, TypeError, LookupError, ArithmeticError, OSError, MemoryError, ChainruleError) as error:
            answer = {"id": number, "error": _sentence(error)}
        self._send(page, answer)

    def _send(self, page: Page, message: Any) -> None:
        page.send(protocol.pack(message))

    def push(self) -> None:
        """Tell every page what runs there are, and how they stand."""
        frame = protocol.pack({"push": "lab", "lab": self.about()})
        for page in self.pages:
            page.send(frame)

    # -- the thread --------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=self._pause())
            except Empty:
                job = _nothing
            if job is None:
                return
            try:
                job()
                if self.playing and self._jobs.empty():
                    self._train()
                self._show()
            except Exception:  # a bug of ours; the runs are whole, for they change between two jobs only
                traceback.print_exc(file=sys.stderr)

    def _pause(self) -> float | None:
        """How long the thread may wait for the next job: not at all while it plays."""
        if not self.playing:
            return None
        if self.speed is None:
            return 0.0
        began, steps = self._began
        return min(0.05, max(0.0, began + (steps + 1) / self.speed - time.perf_counter()))

    def _train(self) -> None:
        began, done = self._began
        steps = self._steps
        if self.speed is not None:
            steps = min(steps, int((time.perf_counter() - began) * self.speed) - done)
            if steps < 1:
                return
        start = time.perf_counter()
        for run in self.runs.values():
            if not run.done:
                run.go(int(min(run.line.step + steps, run.goal)))
        taken = time.perf_counter() - start
        self._began = began, done + steps
        if taken > 2 * SLICE or taken < SLICE / 2:
            self._steps = max(1, min(10_000, int(steps * SLICE / max(taken, 1e-6))))
        if all(run.done for run in self.runs.values()):
            self.pause()

    def _show(self) -> None:
        """Answer the looks that wait and have something new to see."""
        for page in self.pages:
            if page.look is None or page.look["stamp"] == self._stamp():
                continue
            now = time.perf_counter()
            if self.playing and now < page.again:
                continue
            look, page.look = page.look, None
            answer: dict[str, Any] = {"id": look["id"]}
            try:
                answer["ok"] = self._look(look["views"])
            except (ValueError, TypeError, LookupError, ArithmeticError, MemoryError, ChainruleError) as error:
                answer["error"] = _sentence(error)
            self._send(page, answer)
            cost = time.perf_counter() - now
            page.again = now + cost + (cost / SHARE if cost > CHEAP else 0.0)

    def _stamp(self) -> list[Any]:
        return [run.stamp for run in self.runs.values()]

    def _look(self, wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        found = {}
        for name, given in wanted.items():
            rest = {key: value for key, value in given.items() if key not in ("view", "run")}
            try:
                found[name] = views.look(self.run(given.get("run")), given["view"], rest)
            except (ValueError, TypeError, LookupError) as error:  # of one view; the others are shown
                found[name] = {"error": _sentence(error)}
        return {"stamp": self._stamp(), "at": {str(run.id): run.at() for run in self.runs.values()}, "views": found}

    # -- what pages ask for ------------------------------------------------------------------------------------------

    def run(self, id: int | None = None) -> Run:
        """The run of this number; the active one unless given."""
        found = self.runs.get(self.active if id is None else int(id))
        if found is None:
            raise ValueError(f"there is no run {id}")
        return found

    def about(self) -> dict[str, Any]:
        """What runs there are, and how they stand."""
        return {
            "version": __version__,
            "protocol": protocol.VERSION,
            "runs": [run.about() for run in self.runs.values()],
            "active": self.active,
            "playing": self.playing,
            "speed": self.speed,
            "lesson": self.lesson,
        }

    def hello(self, version: int) -> dict[str, Any]:
        """The first thing that a page says."""
        if version != protocol.VERSION:
            raise ValueError(f"the page speaks version {version} of the protocol, the lab {protocol.VERSION}: reload")
        return {"lab": self.about(), "choices": choices(), "datasets": list(NAMES)}

    def change_design(self, change: Mapping[str, Any], run: int | None = None) -> None:
        """Begin a run anew, with some of its design otherwise; None for `change` begins the same again."""
        before = self.run(run)
        design = fitted(before.design, change)
        examples = before.examples if design.data == before.design.data else load(design.data, self.uploads)
        self._replace(before, design, examples)

    def _replace(self, before: Run, design: Design, examples: Examples) -> None:
        after = Run(before.id, before.name, design, examples)
        after.revision = before.revision + 1
        self.runs[before.id] = after
        self.push()

    def change_options(self, change: Mapping[str, Any], run: int | None = None) -> None:
        """Go on with other options from this step on; before the first step that is another design."""
        changed = self.run(run)
        if changed.line.step == 0:
            self.change_design(change, run)
        else:
            changed.change(change)
            self.push()

    def play(self, speed: float | None = None, until: int | None = None) -> None:
        """Train on, all runs together, by so many steps a second or as many as there can be, perhaps to a step."""
        if speed is not None and not 0 < float(speed) < 1e9:
            raise ValueError(f"speed: got {speed}, wanted steps a second, above 0")
        self.playing, self.speed = True, None if speed is None else float(speed)
        self._began = time.perf_counter(), 0
        for run in self.runs.values():
            run.goal = inf if until is None else int(until)
        self.push()

    def again(self) -> dict[str, Any]:
        """Begin every run anew from its seed and play to where it was: its step, and the digest to compare with."""
        before = {str(run.id): views.look(run, "digest", {}) for run in self.runs.values()}
        for run in self.runs.values():
            run.again()
        self.play()
        for run in self.runs.values():
            run.goal = before[str(run.id)]["step"]
        return before

    def see(self, view: str, run: int | None = None, **given: Any) -> dict[str, Any]:
        """A view at once, outside of looks."""
        return views.look(self.run(run), view, given)

    def pause(self) -> None:
        """Train no further."""
        if self.playing:
            self.playing = False
            self.push()

    def go(self, step: int | None = None, by: int = 1, unit: str = "step", run: int | None = None) -> dict[str, Any]:
        """Go to a step, or by so many steps or epochs, forwards or (by below 0) backwards; all runs unless given.

        Gives the place on the time line of the run that is shown.
        """
        self.pause()
        for each in self.runs.values() if run is None else [self.run(run)]:
            if step is not None:
                each.go(int(step))
            elif unit == "epoch" and by > 0:
                each.go(each.epoch_end(int(by)))
            elif unit == "epoch":
                each.go(each.line.step - max(1, each.per_epoch) * -int(by))
            else:
                each.go(each.line.step + int(by))
        return self.run(run).at()

    def add(self, change: Mapping[str, Any], name: str | None = None, run: int | None = None) -> int:
        """A run beside this one, with some of its design otherwise, at the same step."""
        before = self.run(run)
        if len(self.runs) >= MOST_RUNS:
            raise ValueError(f"there are {MOST_RUNS} runs side by side: take one away first")
        design = fitted(before.design, change)
        examples = before.examples if design.data == before.design.data else None
        made = self._add(design, examples, name)
        made.go(before.line.step)
        self.active = made.id
        self.push()
        return made.id

    def _add(self, design: Design, examples: Examples | None, name: str | None = None) -> Run:
        self._last += 1
        if examples is None:
            examples = load(design.data, self.uploads)
        made = Run(self._last, name or f"run {self._last}", design, examples)
        self.runs[made.id] = made
        return made

    def remove(self, run: int) -> None:
        """Take a run away; the last one stays."""
        gone = self.run(run)
        if len(self.runs) == 1:
            raise ValueError("there is one run only: it stays")
        del self.runs[gone.id]
        if self.active == gone.id:
            self.active = next(iter(self.runs))
        self.push()

    def take(self, what: str, run: int | None = None) -> dict[str, Any]:
        """A file to take along: its name, and what is in it."""
        name, content = take.take(self, what, run)
        return {"name": name, "bytes": np.frombuffer(content, np.uint8)}

    def put(self, runs: list[Run], active: int, speed: float | None) -> None:
        """Let these be all runs there are, one of them active."""
        self.playing, self.speed, self.lesson = False, speed, None
        self.runs.clear()
        for run in runs:
            self._last = run.id = self._last + 1
            self.runs[run.id] = run
        self.active = runs[active].id
        self.push()

    def activate(self, run: int) -> None:
        """Let the page show this one."""
        self.active = self.run(run).id
        self.push()

    def understand(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """What a source of data holds and how it would be read, without taking it."""
        return understand(spec, self.uploads)

    def rename(self, name: str, run: int | None = None) -> None:
        """Call a run otherwise."""
        self.run(run).name = str(name)[:60]
        self.push()


def fitted(design: Design, change: Mapping[str, Any]) -> Design:
    """The design with a change; activations and shares of dropout are as many as there are hidden layers."""
    change = dict(change)
    hidden = list(change.get("hidden", design.hidden))
    if "activations" not in change:
        last = design.activations[-1:] or ("tanh",)
        change["activations"] = (list(design.activations) + list(last) * len(hidden))[: len(hidden)]
    if "dropout" not in change and design.dropout:
        change["dropout"] = (list(design.dropout) + [0.0] * len(hidden))[: len(hidden)]
    return design.but(**change)


def _sentence(error: BaseException) -> str:
    """What an error says, as one sentence."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return text or type(error).__name__


def _nothing() -> None:
    pass


COMMANDS: dict[str, Callable[..., Any]] = {
    "hello": Lab.hello,
    "look": Lab._look,
    "design": Lab.change_design,
    "options": Lab.change_options,
    "play": Lab.play,
    "pause": Lab.pause,
    "again": Lab.again,
    "see": Lab.see,
    "go": Lab.go,
    "add": Lab.add,
    "remove": Lab.remove,
    "take": Lab.take,
    "restore": take.restore,
    "activate": Lab.activate,
    "rename": Lab.rename,
    "understand": Lab.understand,
}
