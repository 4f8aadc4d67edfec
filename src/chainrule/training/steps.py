"""What `Network.train` gives: a training that waits to be run, and the steps that it makes."""

import warnings
import weakref
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields
from inspect import GEN_CLOSED, GEN_RUNNING, getgeneratorstate
from math import isfinite
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Self

from chainrule._types import Array
from chainrule.checks import check_whole, helpful
from chainrule.engines import interrupts, native
from chainrule.engines.hosts import Hosts
from chainrule.engines.state import State
from chainrule.optimizers import LBFGS, Optimizer, check_optimizer
from chainrule.training.loop import Examples, Loop, size
from chainrule.training.options import Options
from chainrule.training.shown import Steps

if TYPE_CHECKING:
    from chainrule.network import Network


# Epochs in one call of an engine where nobody looks in between, at most: so many costs are kept until its end. Chosen;
# no measurement is recorded.
_EPOCHS_AHEAD = 1000


@dataclass(frozen=True)
class Batches:
    """For `every`: report after so many mini-batches of each epoch, and at its end.

    Parameters
    ----------
    count : int
        Mini-batches from one report to the next.

    Raises
    ------
    ValueError
        It is not a whole number of 1 or more.
    """

    count: int

    def __post_init__(self) -> None:
        if self.count is None:
            raise ValueError("count: got None, wanted a whole number of 1 or more")
        check_whole(count=self.count)


@dataclass(frozen=True)
class Step:
    """One epoch as it was, or the part of one that was done when it was reported.

    Attributes
    ----------
    epoch : int
        Counted from 0.
    cost : float
        Σ J m / Σ m over its batches of m examples, each J before its own update, with L2 (λ/2m of the batch) and
        dropout. J of the parameters before the epoch where there is one batch and no dropout. With weights J divides by
        those of its batch, but the batches count by their examples, as in scikit-learn's loss_curve_; one in which all
        weights are 0 is left out.
    validation_cost : float or None
        J of the validation examples after the epoch, without L2.
    learning_rate : float or None
        None where the solver chose its own steps.
    engine : str
        The engine that ran.
    batch : int or None
        With ``every=Batches(k)``: mini-batches of the epoch that were done. All of them at its end.
    costs : tuple of float
        With ``every=Batches(k)``: J of each mini-batch since the last report, before its update.
    """

    epoch: int
    cost: float
    validation_cost: float | None
    learning_rate: float | None
    engine: str
    batch: int | None = None
    costs: tuple[float, ...] = ()


class StepRecorder:
    """Makes a `Step` of each epoch that is looked at; `reported` are those of the last epochs that are to be reported.

    steps: those that were reported so far, if keep_steps (for a checkpoint). Every epoch is looked at where a rule is
    watching; else those to be reported. learning_rate: epoch → learning rate; None where the solver chooses its steps.
    ahead: whether epochs may be reported after others, for nobody looks at the network in between. asked: whether a
    function of the user's gives the learning rate of each epoch, when it begins; it may look at anything.
    """

    def __init__(
        self,
        network: "Network",
        epochs: int,
        every: int | Batches,
        watching: bool,
        watched: Examples | None,
        engine: str,
        keep_steps: bool,
    ) -> None:
        self.network = network
        self.epochs, self.watching = epochs, watching
        self.every = 1 if isinstance(every, Batches) else every
        self.watched = watched
        self.engine = engine
        self.keep_steps = keep_steps
        self.learning_rate: Callable[[int], float] | None = None
        self.steps: list[Step] = []
        self.ahead = self.asked = False
        self.last: Step | None = None
        self.reported: list[Step] = []
        self._due = False  # whether the last step is one that `every` asks for
        self._part: tuple[int | None, tuple[float, ...]] = None, ()  # `batch` and `costs` of the next step
        self.hosts: Hosts | None = None  # where several processes train, each watching examples of its own
        self._counted = 0, 0  # examples and mini-batches of the epoch at hand before another batch size

    def epochs_until_report(self, first: int) -> int:
        """Up to and including 0, every, 2·every, …; one where something is to be done after every epoch."""
        if self.watching or self.asked:
            return 1
        report = -first % self.every + 1
        return max(report, _EPOCHS_AHEAD) if self.ahead and self.watched is None else report

    def begin(self) -> None:
        """Nothing to do."""

    def record(self, first: int, costs: list[float], next_cost: float | None) -> list[float]:
        """Make the steps that are due, and the last; its validation cost is what the rule compares."""
        epoch, cost = first + len(costs) - 1, costs[-1]
        due = range(-first % self.every, len(costs) - 1, self.every)
        self.reported = [self._step(first + i, costs[i], None) for i in due]
        self._due = self._is_due(epoch)
        validation_cost = None
        if self.watched is not None and (self.watching or self._due) and isfinite(cost):
            validation_cost = self._validate(self.watched)
        self.last = self._step(epoch, cost, validation_cost)
        return [] if validation_cost is None else [validation_cost]

    def record_batches(self, state: State, Js: list[float]) -> None:
        """Make the step of a part of an epoch; that of the last part is made by `record`. Js: J of each mini-batch."""
        example, batch = self._counted
        batch += -(-((state.example or state.m) - example) // state.batch_size)
        self._part = batch, tuple(Js)
        if not state.example:
            self._counted = 0, 0
        else:
            validation_cost = None if self.watched is None else self._validate(self.watched)
            self.last = self._step(state.epoch, state.cost, validation_cost)
            self.reported = [self.last]
            if self.keep_steps:
                self.steps += self.reported

    def _validate(self, watched: Examples) -> float:
        if self.hosts is None:
            return self.network.evaluate(*watched)[0]
        own = size(watched)
        return self.hosts.mean(self.network.evaluate(*watched)[0] if own else 0.0, own)

    def change_batch_size(self, state: State) -> None:
        """From here on the mini-batches of the epoch at hand are counted by another size."""
        self._counted = state.example, (self._part[0] or 0) if state.example else 0

    def _step(self, epoch: int, cost: float, validation_cost: float | None) -> Step:
        rate = None if self.learning_rate is None else self.learning_rate(epoch)
        step = object.__new__(Step)  # in 0.3 µs; by its own __init__, as it is frozen, it takes 0.7
        values = step.__dict__
        values["epoch"], values["cost"], values["validation_cost"] = epoch, cost, validation_cost
        values["learning_rate"], values["engine"] = rate, self.engine
        values["batch"], values["costs"] = self._part
        return step

    def _is_due(self, epoch: int) -> bool:
        return epoch % self.every == 0 or epoch == self.epochs - 1

    def end(self, stop: bool) -> bool:
        """Report the last step, too, if it is due, or the training's last."""
        if self.last is not None and (stop or self._due):
            self.reported.append(self.last)
        if self.keep_steps:
            self.steps += self.reported
        return stop

    def state_dict(self) -> dict[str, Any]:
        """The steps, column by column."""
        rows = [(s.epoch, s.cost, s.validation_cost, s.learning_rate, s.batch, list(s.costs)) for s in self.steps]
        return {"steps": [list(column) for column in zip(*rows, strict=True)] or [[]] * 6}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave. The last step of what was to be a shorter training may not be due here."""
        steps = [
            Step(epoch, J, V, rate, self.engine, *(part and (part[0], tuple(part[1]))))
            for epoch, J, V, rate, *part in zip(*saved["steps"], strict=True)  # no parts in older files
        ]
        self.steps = [step for step in steps if saved.get("ended") or self._is_due(step.epoch)]


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
        self._change: tuple[Options, Callable[[int], Array] | None] | None = None  # and the order of the examples
        if kept:  # also when the program ends, while there still is a program to write a checkpoint with
            weakref.finalize(self, _leave, steps, freed=True)
        self.epochs, self._network, self._normalizer = epochs, network, network.normalizer
        self._description = f"{network!r}, {epochs:,} epoch{'s' if epochs > 1 else ''}"
        self._started = False

    def __next__(self) -> Step:
        if not self._started:
            if self._network.normalizer is not self._normalizer:
                raise ValueError("the network was normalized after net.train(…) took its examples; normalize it before")
            self._started = True
        if self._change is not None:
            self._put(*self._change)
        if not self._kept:
            return next(self._steps)
        with interrupts.Deferral():
            return next(self._steps)

    def run(self) -> list[Step]:
        """Train to the end.

        Returns
        -------
        list of Step
            The steps that were not taken yet: all of them, unless the training was iterated over before. In a notebook
            it is shown as a curve.
        """
        with interrupts.Deferral() if self._kept else nullcontext():
            return Steps(self.ahead())

    @helpful
    def change(
        self,
        *,
        optimizer: Optimizer | EllipsisType = ...,
        batch_size: int | EllipsisType | None = ...,
        l2: float | EllipsisType = ...,
        dropout: float | Sequence[float] | EllipsisType = ...,
        clip_norm: float | EllipsisType | None = ...,
    ) -> None:
        """Go on with other options from the next mini-batch on, between two steps of a loop over the training.

        Parameters
        ----------
        optimizer : Adam, GradientDescent, …, optional
            With its learning rate, which a schedule goes on to multiply. One of the same class goes on with what it
            remembers; one of another class begins anew.
        batch_size : int or None, optional
            None takes all examples in one update, in their order. Within an epoch its order stays: the examples that
            are left are taken in batches of this size.
        l2, dropout, clip_norm : optional
            As in `Network.train`. What is not given stays as it is.

        Raises
        ------
        ValueError
            For what does not fit, and for a training that cannot change: by LBFGS, with a checkpoint, after `ahead`,
            while it computes, or when it is over.
        """
        given = {name: value for name, value in locals().items() if name != "self" and value is not ...}
        state = self._changeable()
        options, order = self._change or (Options.of(state), state.order)
        if optimizer is not ...:
            check_optimizer(optimizer)
            if isinstance(optimizer, LBFGS):
                raise ValueError("optimizer: LBFGS chooses its own steps. Begin another training with it")
            if self._recorder.engine == "native" and not native.knows(optimizer):
                raise ValueError(
                    f"optimizer: this training runs on the engine 'native', which has no {type(optimizer).__name__}. "
                    "Begin it with engine='numpy'"
                )
        if batch_size is not ... and state.shuffled is not None:
            order = None if batch_size is None else state.shuffled
        known = {field.name: getattr(options, field.name) for field in fields(options)}
        m, hidden = state.m, self._network.L - 1
        self._change = Options.checked(**{**known, **given}, m=m, hidden=hidden), order

    def _changeable(self) -> State:
        """The state of a training whose options may change here. ValueError says why they may not."""
        why = None
        if self._parts is None:
            why = "LBFGS chooses its own steps, over all examples. Begin another training"
        elif self._kept:
            why = "its checkpoint would not know of it. Begin another training, of the same network"
        elif (now := getgeneratorstate(self._steps)) == GEN_CLOSED:
            why = "it is over. Begin another one: it goes on from the network as it is"
        elif now == GEN_RUNNING or self._recorder.ahead:
            why = "it may be epochs further by now. Change it in a loop over its steps: for step in training"
        if self._parts is None or why is not None:
            raise ValueError(f"the training of {self._description} cannot change: {why}")
        return self._parts[1]

    def _put(self, options: Options, order: Callable[[int], Array] | None) -> None:
        assert self._parts is not None
        state = self._parts[1]
        if options.batch_size != state.batch_size:
            self._recorder.change_batch_size(state)
        options.put_into(state, order)

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

    def done(self, step: Step) -> float:
        """How many epochs were done when a step was reported, in part with ``every=Batches(k)``.

        Parameters
        ----------
        step : Step

        Returns
        -------
        float
        """
        if step.batch is None or self._parts is None:
            return step.epoch + 1
        state = self._parts[1]
        return step.epoch + min(1.0, step.batch * state.batch_size / state.m)

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


def _leave(steps: Generator[Step], freed: bool = False) -> None:
    """End a training that waits between two of its steps."""
    if not getattr(steps, "gi_running", False):  # in another thread, when the program ends
        with interrupts.Deferral(freed):
            steps.close()
