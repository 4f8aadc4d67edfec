"""The lab: runs that train, and pages that look at them. No web in it.

One thread owns everything: it trains in short slices, and between two of them does what pages ask for.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._version import __version__
from chainrule.datasets import NAMES
from chainrule.lab import learning, protocol, take, views
from chainrule.lab.data import load, understand
from chainrule.lab.design import GIVEN, OPTIONS, Design, Examples, check_parameters, choices, fitted, suited
from chainrule.lab.pages import Page, Pages, Send, Views, sentence
from chainrule.lab.run import AT_EASE, MEASURING, Run
from chainrule.lab.uploads import Uploads
from chainrule.lab.worker import Worker
from chainrule.network import Network

if TYPE_CHECKING:
    from chainrule.lab.quizzes import Quizzes

SLICE = 0.008  # seconds of training between two looks at what pages ask for; chosen: half of a picture of 60 a second
LONGEST = 0.06  # … where no look is due any sooner: engines take a while to begin
MOST_RUNS = 6  # side by side; chosen
AT_ONCE = 0.2  # seconds of training that a page waits for; what takes longer goes on as a play


class Lab:
    """Runs, one of them active, that play together. network: a notebook's, which a run trains itself where it can."""

    def __init__(self, design: Design, examples: Examples | None = None, network: Network | None = None) -> None:
        self.network = network
        self.uploads = Uploads()
        self.runs: dict[int, Run] = {}
        self._last = 0
        self.active = self._add(design, examples).id
        self.playing = False
        self.speed: float | None = None  # steps a second; None for as many as there can be
        self.lesson: dict[str, Any] | None = None
        self.quizzes: Quizzes | None = None  # made when a page asks a question
        self._pages = Pages({name: partial(act, self) for name, act in COMMANDS.items()}, self._look, self._stamp)
        self._told = self._options()  # that pages know of
        self._pace = SLICE  # seconds that a step of all runs takes
        self._began = (0.0, 0)  # when the play began, and the steps since then
        self._worker = Worker(self._between, self._rest)

    # -- pages -------------------------------------------------------------------------------------------------------

    def join(self, send: Send) -> Page:
        """A page begins to look; `send`, called from the lab's thread, takes frames to it."""
        page = Page(send)
        self._worker.put(lambda: self._pages.all.append(page))
        return page

    def leave(self, page: Page) -> None:
        """It looks no longer."""
        self._worker.put(lambda: self._pages.leave(page))

    def receive(self, page: Page, frame: bytes, heard: Callable[[], None] | None = None) -> None:
        """Do what the page asks for in this frame, and answer; then `heard` is called, from the lab's thread."""

        def job() -> None:
            try:
                self._pages.answer(page, frame)
            finally:
                if heard is not None:
                    heard()

        self._worker.put(job)

    def call(self, work: Callable[[], Any]) -> Any:
        """What `work` gives, done in the lab's thread."""
        return self._worker.call(work)

    def close(self) -> None:
        """End the thread, remove what was uploaded, and begin no experiment."""
        self._worker.close()
        self.uploads.close()
        if self.quizzes is not None:
            self.quizzes.close()

    def push(self) -> None:
        """Tell every page what runs there are, and how they stand."""
        self._told = self._options()
        self._pages.push({"push": "lab", "lab": self.about()})

    # -- the thread --------------------------------------------------------------------------------------------------

    def _between(self, free: bool) -> None:
        """Between two jobs, or where there is none: train a little, show what is new."""
        try:
            if self.playing and free:
                self._train()
            if self._options() != self._told:  # a play, or a step back, came across a change
                self.push()
        finally:
            self._pages.show(sparing=self.playing)

    def _options(self) -> list[Any]:
        return [run.line.options for run in self.runs.values()]

    def _rest(self) -> float | None:
        """How long the thread may wait for the next job: not at all while it plays."""
        if not self.playing:
            return None
        if self.speed is None or self._lagging():
            return 0.0
        began, steps = self._began
        return min(0.05, max(0.0, began + (steps + 1) / self.speed - time.perf_counter()))

    def _lagging(self) -> list[Run]:
        """Runs that are behind others: they go first, as fast as they can, so that all play together."""
        going = [run for run in self.runs.values() if not run.done]
        front = max((run.line.step for run in going), default=0)
        return [run for run in going if run.line.step < front]

    def _train(self) -> None:
        now, (began, done) = time.perf_counter(), self._began
        steps = max(1, min(10_000, int(min(max(self._pages.due() - now, SLICE), LONGEST) / self._pace)))
        lagging, going = self._lagging(), [run for run in self.runs.values() if not run.done]
        if lagging:
            front, going = max(run.line.step for run in going), lagging
            steps = min(steps, front - max(run.line.step for run in lagging))
        elif self.speed is not None:
            steps = min(steps, int((now - began) * self.speed) - done)
            if steps < 1:
                return
        steps = min(steps, 1 + min((run.line.step for run in going), default=0) // 8)  # the beginning is seen, too
        for run in going:
            self._to(run, int(min(run.line.step + steps, run.goal)))
        self._pace = max((time.perf_counter() - now) / steps, 1e-7)
        self._began = (began, done + steps) if not lagging else (time.perf_counter(), 0)
        for run in going:
            run.measure_on_the_way(MEASURING if self.speed is None else AT_EASE)
        if all(run.done for run in self.runs.values()):
            self.pause()

    def _to(self, run: Run, step: int) -> None:
        try:
            run.go(step)
        except Exception as error:  # a bug, or too little memory: a play without an end would come back to it at once
            run.stopped = f"training failed: {sentence(error)}"

    def _stamp(self) -> list[Any]:
        return [run.stamp for run in self.runs.values()]

    def _look(self, wanted: Views) -> dict[str, Any]:
        found = {}
        for name, given in wanted.items():
            rest = {key: value for key, value in given.items() if key not in ("view", "run")}
            try:
                found[name] = views.look(self.run(given.get("run")), given["view"], rest)
            except Exception as error:  # of one view; the others are shown
                found[name] = {"error": sentence(error)}
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
        return {"lab": self.about(), "choices": choices(self.network is not None), "datasets": list(NAMES)}

    def change_design(self, change: Mapping[str, Any], run: int | None = None) -> None:
        """Begin a run anew, with some of its design otherwise, or the same."""
        before = self.run(run)
        design = fitted(before.design, change)
        examples = before.examples
        if design.data != before.design.data:
            examples = load(design.data, self.uploads)
            design = suited(design, examples, change)
        self._replace(before, design, examples)

    def _replace(self, before: Run, design: Design, examples: Examples) -> None:
        after = self._made(before.id, before.name, design, examples)
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

    def edit(self, letter: str, l: int, i: int, value: float, j: int = 0, run: int | None = None) -> None:
        """Set W[l][i, j] or b[l][i] by hand, and go on from here."""
        self.pause()
        self.run(run).edit(letter, int(l), int(i), int(j), value)
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
        goals = {}
        for each in self.runs.values() if run is None else [self.run(run)]:
            if step is not None:
                goals[each.id] = int(step)
            elif unit == "epoch" and by > 0:
                goals[each.id] = each.epoch_end(int(by))
            elif unit == "epoch":
                goals[each.id] = each.line.step - max(1, each.per_epoch) * -int(by)
            else:
                goals[each.id] = each.line.step + int(by)
        self.pause()
        self._set_out(goals)
        return self.run(run).at()

    def _set_out(self, goals: dict[int, int], patience: float | None = None) -> None:
        """Take runs to steps: into the past at once; into the future for AT_ONCE, or a patience, and on as a play."""
        until = time.perf_counter() + (AT_ONCE if patience is None else patience)
        play = {run: run.goal for run in self.runs.values()}
        for run in play:
            run.goal = goals.get(run.id, run.line.step)
            if run.id in goals:
                run.go(int(min(run.goal, run.line.end)))
        playing, self.playing, speed, self.speed = self.playing, False, self.speed, None
        while not all(run.done for run in play) and time.perf_counter() < until:
            self._train()
        if playing:  # on, as before; what lags goes first
            self.playing, self.speed, self._began = True, speed, (time.perf_counter(), 0)
            for run, goal in play.items():
                run.goal = goal
        elif not all(run.done for run in play):
            self.playing = True
            self.push()
        else:
            self.speed = speed

    def add(self, change: Mapping[str, Any], name: str | None = None, run: int | None = None) -> int:
        """A run beside this one, with some of its design otherwise, at the same step."""
        before = self.run(run)
        if len(self.runs) >= MOST_RUNS:
            raise ValueError(f"there are {MOST_RUNS} runs side by side: take one away first")
        design = fitted(before.design, change)
        examples = before.examples if design.data == before.design.data else None
        made = self._add(design, examples, name)
        if not {*change} & {"data", "hidden", *OPTIONS}:
            made.line.changes = list(before.line.changes)
        self.active = made.id
        self.push()
        self._set_out({made.id: before.line.step})
        return made.id

    def _add(self, design: Design, examples: Examples | None, name: str | None = None) -> Run:
        if examples is None:
            examples = load(design.data, self.uploads)
        made = self._made(self._last + 1, str(name or f"run {self._last + 1}")[:60], design, examples)
        self._last = made.id
        self.runs[made.id] = made
        return made

    def _made(self, id: int, name: str, design: Design, examples: Examples) -> Run:
        """A run that trains the notebook's network itself, unless another does, or it has another form by now."""
        if design.init == GIVEN and not design.fits(examples):
            design = design.but(init="auto")
        others = [run.network.parameters.size for run in self.runs.values() if run.id != id]
        check_parameters([*others, design.parameters(examples)])
        taken = any(run.network is self.network for run in self.runs.values() if run.id != id)
        return Run(id, name, design, examples, None if taken else self.network)

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

    def put(
        self,
        runs: list[Run],
        active: int,
        speed: float | None,
        steps: Iterable[int] = (),
        patience: float | None = None,
    ) -> None:
        """Let these be all runs there are, one of them active, and let them go to these steps."""
        protocol.pack([run.about() for run in runs])  # what no page could be told of is an error before all is changed
        self.playing, self.speed, self.lesson = False, speed, None
        self.runs.clear()
        for run in runs:
            self._last = run.id = self._last + 1
            self.runs[run.id] = run
        self.active = runs[active].id
        self.push()
        self._set_out(dict(zip(self.runs, steps, strict=False)), patience)

    def activate(self, run: int) -> None:
        """Let the page show this one."""
        self.active = self.run(run).id
        self.push()

    def understand(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """What a source of data holds and how it would be read, without taking it."""
        return understand(spec, self.uploads)

    def upload(self, name: str, bytes: Any, upload: str | None = None, more: bool = False) -> dict[str, str]:
        """Keep a file that a page brings along; see `Uploads.take`."""
        needed = [run.design.data.get("upload") for run in self.runs.values()]
        return {"upload": self.uploads.take(name, bytes, upload, bool(more), needed)}

    def rename(self, name: str, run: int | None = None) -> None:
        """Call a run otherwise."""
        self.run(run).name = str(name)[:60]
        self.push()


COMMANDS: dict[str, Callable[..., Any]] = {
    "hello": Lab.hello,
    "design": Lab.change_design,
    "options": Lab.change_options,
    "edit": Lab.edit,
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
    "upload": Lab.upload,
    **learning.COMMANDS,
}
