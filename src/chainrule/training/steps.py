"""What `Network.train` gives: a training that waits to be run, step by step."""

import warnings
import weakref
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Self

from chainrule.engines import interrupts
from chainrule.engines.state import State
from chainrule.training.loop import Loop, Step, StepRecorder

if TYPE_CHECKING:
    from chainrule.network import Network


class Training(Iterator[Step]):
    """A training that waits to be run: iterate over its steps, or call `run`.

    Each step is one epoch that was asked for by `every`; between two steps the network is whole and can be used. It
    trains on the examples and the seed as they were when it was made. Leaving the loop (``break``) ends it: the network
    stays as it is, or, with patience, gets its best parameters back, and a checkpoint is written. A training that is
    kept in a variable ends with `close`, with the variable, or with the program.

    Parameters
    ----------
    steps : generator of Step
        What trains.
    network : Network
        What is trained.
    epochs : int
        How long.
    kept : bool
        Whether it has a checkpoint: then signals wait until the step at hand is whole.
    recorder : StepRecorder
        What makes the steps.
    parts : (Loop, State), optional
        What an engine advances, where it is one that may be advanced together with others.
    """

    _started = True  # of one whose __init__ did not come to its end

    def __init__(
        self,
        steps: Generator[Step],
        network: "Network",
        epochs: int,
        kept: bool,
        recorder: StepRecorder,
        parts: tuple[Loop, State] | None = None,
    ) -> None:
        self._steps, self._kept, self._recorder, self._parts = steps, kept, recorder, parts
        if kept:  # also when the program ends, while there still is a program to write a checkpoint with
            weakref.finalize(self, _leave, steps)
        self._network, self._normalizer = network, network.normalizer
        self._description = f"{network!r}, {epochs:,} epoch{'s' if epochs > 1 else ''}"
        self._started = False

    def __next__(self) -> Step:
        if not self._started:
            if self._network.normalizer is not self._normalizer:
                raise ValueError("the network was normalized after net.train(…) took its examples; normalize it before")
            self._started = True
        if not self._kept:
            return next(self._steps)
        with interrupts.Deferral():
            return next(self._steps)

    def run(self) -> list[Step]:
        """Train to the end.

        Returns
        -------
        list of Step
            The steps that were not taken yet: all of them, unless the training was iterated over before.
        """
        with interrupts.Deferral() if self._kept else nullcontext():
            return list(self.ahead())

    def ahead(self) -> Self:
        """Itself, for one who does not look at the network between two steps: their epochs may be done before.

        Returns
        -------
        Training
        """
        self._recorder.ahead = True
        return self

    def _of_many(self) -> tuple[Loop, State, StepRecorder]:
        """What an engine advances, for one that runs it in place of this."""
        assert self._parts is not None
        return *self._parts, self.ahead()._recorder

    def close(self) -> None:
        """End the training here."""
        self._started = True
        _leave(self._steps)

    def __repr__(self) -> str:
        how = "started" if self._started else "not started: iterate over it, or call .run()"
        return f"<Training of {self._description}, {how}>"

    def __del__(self) -> None:
        if not self._started:
            warnings.warn(
                f"the training of {self._description} was never started: iterate over net.train(…), or call "
                "net.train(…).run()",
                RuntimeWarning,
                stacklevel=2,
                source=self,
            )


def _leave(steps: Generator[Step]) -> None:
    """End a training that waits between two of its steps."""
    if not getattr(steps, "gi_running", False):  # in another thread, when the program ends
        with interrupts.Deferral():
            steps.close()
