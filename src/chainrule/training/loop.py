"""The loop over epochs, the only one: `Network.train`, the estimators and `train_many` run on it.

A `Loop` takes a training from epoch to epoch, by an engine or by SciPy's L-BFGS. What belongs to a kind of training
comes as parts: a recorder (what is kept of an epoch, and who is told), a stop rule, and the writer of a checkpoint.
"""

import os
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from math import inf, isfinite, nan
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from chainrule._types import Array
from chainrule.engines import interrupts
from chainrule.engines.contract import Engine, Objective
from chainrule.engines.state import State
from chainrule.errors import DivergenceError
from chainrule.optimizers import LBFGS
from chainrule.training import lbfgs

if TYPE_CHECKING:
    from chainrule.files.checkpoint import CheckpointWriter
    from chainrule.network import Network

Examples = tuple[Any, Array, Array | None]  # X (n[0], m), Y (n[L], m), weights (1, m): checked
# Epochs in one call of an engine where nobody looks in between, at most: so many costs are kept until its end. Chosen;
# no measurement is recorded.
_EPOCHS_AHEAD = 1000


@dataclass(frozen=True)
class Step:
    """One epoch as it was.

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
    """

    epoch: int
    cost: float
    validation_cost: float | None
    learning_rate: float | None
    engine: str


class Best:
    """The lowest value so far, its epoch, and the parameters after that epoch where they are to be kept."""

    def __init__(self, value: float = inf, epoch: int = -1, parameters: Array | None = None) -> None:
        self.value, self.epoch, self.parameters = value, epoch, parameters

    def update(self, value: float, epoch: int, parameters: Array | None) -> bool:
        """Whether this value is lower; NaN never is. Then it is the best, with a copy of the parameters."""
        if not value < self.value:
            return False
        self.value, self.epoch = value, epoch
        self.parameters = None if parameters is None else parameters.copy()
        return True


class Recorder(Protocol):
    """What a kind of training keeps of its epochs, and whom it tells."""

    def epochs_until_report(self, first: int) -> int:
        """How many epochs, from the `first` on, may pass before the network is looked at, or somebody is told."""
        ...

    def begin(self) -> None:
        """So many epochs, or fewer, begin."""
        ...

    def record(self, first: int, costs: list[float], next_cost: float | None) -> list[float]:
        """Record epochs, from the `first` on; the value of each that the stop rule compares, if it is to see them.

        costs: J before the updates of each epoch. next_cost: J after the only one, where the solver knows it.
        """
        ...

    def end(self, stop: bool) -> bool:
        """They have ended well, and the rule says stop or not; True if training is to stop."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint is to hold of it."""
        ...

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        ...


class StopRule(Protocol):
    """When training has gone on for long enough."""

    best: Best

    def epochs_until_stop(self) -> int:
        """How many epochs will have been compared, at least, when it stops."""
        ...

    def stop(self, epoch: int, value: float) -> bool:
        """Compare the value of an epoch; True if training is to stop."""
        ...


class Patience:
    """Stop after so many epochs without a lower value; keep the parameters of the epoch with the lowest."""

    def __init__(self, patience: int, parameters: Array) -> None:
        self.patience = patience
        self.parameters = parameters  # the network's vector
        self.best = Best()

    def epochs_until_stop(self) -> int:
        """One: the parameters of each epoch may be the best."""
        return 1

    def stop(self, epoch: int, value: float) -> bool:
        """Remember the best epoch; True when patience is at its end."""
        self.best.update(value, epoch, self.parameters)
        return epoch - self.best.epoch >= self.patience


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
        every: int,
        watching: bool,
        watched: Examples | None,
        engine: str,
        keep_steps: bool,
    ) -> None:
        self.network = network
        self.epochs, self.every, self.watching = epochs, every, watching
        self.watched = watched
        self.engine = engine
        self.keep_steps = keep_steps
        self.learning_rate: Callable[[int], float] | None = None
        self.steps: list[Step] = []
        self.ahead = self.asked = False
        self.last: Step | None = None
        self.reported: list[Step] = []
        self._due = False  # whether the last step is one that `every` asks for

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
            validation_cost = self.network.evaluate(*self.watched)[0]
        self.last = self._step(epoch, cost, validation_cost)
        return [] if validation_cost is None else [validation_cost]

    def _step(self, epoch: int, cost: float, validation_cost: float | None) -> Step:
        rate = None if self.learning_rate is None else self.learning_rate(epoch)
        step = object.__new__(Step)  # in 0.3 µs; by its own __init__, as it is frozen, it takes 0.7
        values = step.__dict__
        values["epoch"], values["cost"], values["validation_cost"] = epoch, cost, validation_cost
        values["learning_rate"], values["engine"] = rate, self.engine
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
        columns = zip(*((s.epoch, s.cost, s.validation_cost, s.learning_rate) for s in self.steps), strict=True)
        return {"steps": [list(column) for column in columns] or [[], [], [], []]}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave. The last step of what was to be a shorter training may not be due here."""
        steps = [Step(e, J, V, rate, self.engine) for e, J, V, rate in zip(*saved["steps"], strict=True)]
        self.steps = [step for step in steps if saved.get("ended") or self._is_due(step.epoch)]


class Loop:
    """From epoch to epoch until `epochs` are done or a part says stop.

    learning_rate: epoch → learning rate, for the error that names it. `epoch` is the number of epochs that are done.
    """

    def __init__(
        self,
        network: "Network",
        epochs: int,
        recorder: Recorder,
        rule: StopRule | None = None,
        learning_rate: Callable[[int], float] | None = None,
    ) -> None:
        self.network = network
        self.epochs = epochs
        self.recorder = recorder
        self.rule = rule
        self.learning_rate = learning_rate
        self.epoch = 0
        self.stopped = False  # by the rule, or by somebody who was told
        self._whole = True  # whether all that was computed is recorded

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to do."""
        return self.epoch >= self.epochs or self.stopped

    def end_epochs(self, first: int, costs: list[float], next_cost: float | None = None) -> None:
        """What happens at the end of epochs, whoever has computed them. Raises DivergenceError."""
        self._whole, stop, done = False, False, first + len(costs) - (not isfinite(costs[-1]))
        values = self.recorder.record(first, costs, next_cost)
        if self.rule is not None:
            for epoch, value in zip(range(first, done), values, strict=False):
                stop = self.rule.stop(epoch, value)
        self.epoch = done
        if not isfinite(costs[-1]):
            raise diverged(self.network, done, costs[-1], self.learning_rate and self.learning_rate(done))
        self._whole = True
        self.stopped = self.recorder.end(stop)

    def state_dict(self, state: State) -> dict[str, Any]:
        """What a checkpoint holds: from it, and the same arguments and data, the training goes on."""
        best = None if self.rule is None else self.rule.best
        return {
            **state.state_dict(),
            "epochs": self.epochs,
            "ended": self.stopped,
            "best": best and (best.value, best.epoch, best.parameters),
            **self.recorder.state_dict(),
        }

    def load_state_dict(self, saved: dict[str, Any], state: State) -> None:
        """Take over what a checkpoint holds. KeyError, ValueError … for what is not of this training."""
        best = None if self.rule is None else Best(*saved["best"])
        state.load_state_dict(saved)
        self.recorder.load_state_dict(saved)
        self.epoch, self.stopped = state.epoch, saved.get("ended", False)  # not in files of version 0.1.0
        if self.rule is not None and best is not None:
            self.rule.best = best

    def run_epochs(self, engine: Engine, state: State, writer: "CheckpointWriter | None" = None) -> Generator[None]:
        """Epochs of mini-batches; gives control back after each that was recorded."""
        if writer is None:
            while not self.ended:
                self._advance(engine, state, None)
                yield
            return
        state_dict, process = partial(self.state_dict, state), os.getpid()
        try:
            if not self.ended:
                writer.write_if_due(state.epoch, state_dict)
            while not self.ended:
                self._advance(engine, state, writer)
                if self.ended:
                    writer.write_last(state_dict)
                else:
                    writer.write_if_due(state.epoch, state_dict)
                writer.answer_signals(state_dict)
                yield
        except Exception:
            raise
        except BaseException as error:  # an interrupt; GeneratorExit: the loop around it was left
            # A process that was forked from this one ends with a copy of all this.
            if self._whole and not self.ended and os.getpid() == process:
                writer.write_on_leaving(state_dict, error)
            raise

    def epochs_until_told(self, first: int) -> int:
        """How many epochs, from the `first` on, there are up to the next one at which somebody is told, or may stop."""
        count = min(self.recorder.epochs_until_report(first), self.epochs - first)
        return count if self.rule is None else min(count, self.rule.epochs_until_stop())

    def _advance(self, engine: Engine, state: State, writer: "CheckpointWriter | None") -> None:
        """Up to the next epoch at which somebody is told, or may stop, or to the next write."""
        self.recorder.begin()
        costs: list[float] = []
        while not costs:
            first = state.epoch
            count = self.epochs_until_told(first)
            if writer is not None:
                count = min(count, writer.epochs_until_due(first))
            try:
                engine.run(state, count, costs)
            except BaseException as error:
                if costs := costs[: state.epoch - first]:
                    self.end_epochs(first, costs)
                if not isinstance(error, interrupts.SignalWaits):
                    raise
                if writer is None:
                    interrupts.deliver(None)
                else:
                    writer.answer_signals(partial(self.state_dict, state))
            else:
                self.end_epochs(first, costs)

    def run_solver(self, optimizer: LBFGS, objective: Objective, tell: Callable[[], None] | None = None) -> Any:
        """Iterations of L-BFGS on objective, parameters (p,) → (J, gradient); SciPy's OptimizeResult.

        tell: called after each iteration that was recorded; it may raise StopIteration.
        """
        dtype, cost, first = self.network.dtype, nan, True  # cost: J before the iteration at hand

        def in_float64(parameters: Array) -> tuple[float, Array]:
            nonlocal cost, first
            with np.errstate(over="ignore", invalid="ignore"):  # an overflow shows in the result, which is checked
                J, gradient = objective(parameters.astype(dtype, copy=False))
            cost, first = J if first else cost, False
            return J, gradient.astype(np.float64, copy=False)

        def end_iteration(intermediate_result: Any) -> None:
            nonlocal cost
            before, after = cost, float(intermediate_result.fun)
            if not (isfinite(before) and isfinite(after) and np.isfinite(intermediate_result.x).all()):
                raise diverged(self.network, self.epoch, after, None)
            self.network.parameters[...] = intermediate_result.x
            self.recorder.begin()  # SciPy tells of an iteration when it is over
            self.end_epochs(self.epoch, [before], after)
            cost = after
            if tell is not None:
                tell()
            if self.stopped:
                raise StopIteration

        start = self.network.parameters.astype(np.float64)
        return lbfgs.minimize(optimizer, in_float64, start, self.epochs, end_iteration)


def diverged(network: "Network", epoch: int, cost: float, learning_rate: float | None) -> DivergenceError:
    """The error for an epoch whose cost or parameters are no longer finite."""
    if not np.isfinite(network.parameters).all():
        message = f"epoch {epoch}: the cost is {cost}, for the network's parameters were not finite before it"
        return DivergenceError(message, epoch, learning_rate)
    why = "the cost overflowed before it could fall" if epoch == 0 else "the steps went too far"
    advice = "scale the inputs and targets (net.normalize(X)), or clip the gradient (clip_norm=1.0)"
    if learning_rate is not None:
        advice = f"lower the learning rate (it was {learning_rate:g}), {advice}"
    return DivergenceError(
        f"epoch {epoch}: the cost is {cost}; {why}. The network keeps its last finite parameters. "
        f"Likely remedies: {advice}.",
        epoch,
        learning_rate,
    )
