"""A bar that shows how far a training is: in a terminal and in a notebook."""

import atexit
import html
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from chainrule.training.shown import Steps
from chainrule.training.steps import Step, Training

_SECONDS = 0.1  # between two looks of a person


class ShownTraining(Iterator[Step]):
    """A training that shows a bar while it runs: iterate over it, or call `run`; all else is the training's.

    Parameters
    ----------
    training : Training
        What is shown.
    """

    def __init__(self, training: Training) -> None:
        self.training, self._steps = training, _shown(training)

    def __next__(self) -> Step:
        return next(self._steps)

    def run(self) -> list[Step]:
        """Train to the end.

        Returns
        -------
        list of Step
            The steps that were not taken yet. In a notebook it is shown as a curve.
        """
        return Steps(self)

    def close(self) -> None:
        """End the training here."""
        self._steps.close()
        self.training.close()

    def __getattr__(self, name: str) -> Any:
        if name == "training":  # not there yet
            raise AttributeError(name)
        return getattr(self.training, name)

    def __repr__(self) -> str:
        return repr(self.training)


def progress(training: Training) -> ShownTraining:
    """Show a bar while a training runs: how many epochs are done, the costs, and how long it will take.

    In a notebook it needs nothing but the page; in a terminal it is drawn on standard error. Where nobody looks, as in
    a log file, nothing is shown. The training is the same, to the last bit.

    Parameters
    ----------
    training : Training
        What ``net.train(…)`` gives.

    Returns
    -------
    ShownTraining
        The training, as it is to be run: an iterator of its steps, with `run`, and all else that it has.

    Raises
    ------
    TypeError
        It is no training.

    Examples
    --------
    ``for step in cr.progress(net.train(X, Y, cr.Adam(), epochs=500)): …``, or ``cr.progress(…).run()``.
    """
    if not isinstance(training, Training):
        raise TypeError(
            f"training: got {type(training).__name__}, wanted what net.train(…) gives: cr.progress(net.train(…)). "
            "Estimators show a bar with set_callbacks(sklearn.callback.ProgressBar())"
        )
    return ShownTraining(training)


def _shown(training: Training) -> Generator[Step]:
    bar: _Page | _Terminal = _Page(training.epochs) if _in_notebook() else _Terminal(training.epochs)
    step, due = None, 0.0
    with bar:
        try:
            for step in training:
                if (now := time.monotonic()) >= due:
                    bar.show(training.done(step), step)
                    due = now + _SECONDS
                yield step
        finally:
            if step is not None:
                bar.show(training.done(step), step)


def _in_notebook() -> bool:
    """Whether what is displayed goes to a page: IPython runs as a kernel."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None


def _told(epochs: int, step: Step) -> str:
    validation = "" if step.validation_cost is None else f"  validation cost {step.validation_cost:.4g}"
    return f"epoch {step.epoch + 1:,}/{epochs:,}  cost {step.cost:.4g}{validation}"


class _Page(AbstractContextManager["_Page"]):
    """An element of the page, written again and again; its colors are the page's."""

    def __init__(self, epochs: int) -> None:
        self.epochs, self.began = epochs, time.monotonic()
        self.handle: Any = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """What was shown last stays."""

    def show(self, done: float, step: Step) -> None:
        """So many epochs are done."""
        from IPython.display import display

        seconds = time.monotonic() - self.began
        left = f", {seconds / done * (self.epochs - done):.0f} s left" if done < self.epochs else ""
        told = html.escape(f"{_told(self.epochs, step)}  {seconds:.0f} s{left}")
        bar = f'<progress value="{done:.6g}" max="{self.epochs}" aria-label="training"></progress>'
        shown = {"text/html": f'<div style="white-space:pre-wrap">{bar}  {told}</div>', "text/plain": told}
        if self.handle is None:
            self.handle = display(shown, raw=True, display_id=True)
        else:
            self.handle.update(shown, raw=True)


class _Terminal(AbstractContextManager["_Terminal"]):
    """A bar of rich's on standard error, where that is a terminal."""

    def __init__(self, epochs: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        console = Console(stderr=True, markup=False, highlight=False)
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self.epochs = epochs
        self.bars = Progress(*columns, console=console, disable=not console.is_terminal)
        self.bar = self.bars.add_task("", total=epochs)

    def __enter__(self) -> "_Terminal":
        self.bars.start()
        atexit.register(self.bars.stop)  # of a program that ends while it still holds the training
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        atexit.unregister(self.bars.stop)
        self.bars.stop()

    def show(self, done: float, step: Step) -> None:
        """So many epochs are done."""
        self.bars.update(self.bar, completed=done, description=_told(self.epochs, step))
