"""The loop over epochs, the only one: `Network.train`, the estimators and `train_many` run on it.

A `Loop` takes a training from epoch to epoch, by an engine or by SciPy's L-BFGS. What belongs to a kind of training
comes as parts: a recorder (what is kept of an epoch, and who is told), a stop rule, and the writer of a checkpoint.
"""

import os
from collections.abc import Callable, Generator
from functools import partial
from math import inf, isfinite, nan
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from chainrule._types import Array
from chainrule.engines import interrupts
from chainrule.engines.contract import Engine, Objective
from chainrule.engines.state import State
from chainrule.engines.stream import Stream, Windows
from chainrule.errors import DivergenceError
from chainrule.optimizers import LBFGS
from chainrule.training import lbfgs

if TYPE_CHECKING:
    from chainrule.files.checkpoint import CheckpointWriter
    from chainrule.network import Network

Examples = tuple[Any, Array, Array | None]  # X (n[0], m), Y (n[L], m), weights (1, m): checked


def size(examples: Examples) -> float:
    """The number of examples, or the sum of their weights: that by which J divides."""
    X, Y, w = examples
    if isinstance(X, Windows):
        return X.total
    return float(Y.shape[1] if w is None else w.sum(dtype=float))


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


class Loop:
    """From epoch to epoch until `epochs` are done or a part says stop.

    learning_rate: epoch → learning rate, for the error that names it. batches: where somebody is to be told within an
    epoch, after how many mini-batches, and who, with J of each; at the end of the epoch it is recorded after that.
    `epoch` is the number of epochs that are done.
    """

    def __init__(
        self,
        network: "Network",
        epochs: int,
        recorder: Recorder,
        rule: StopRule | None = None,
        learning_rate: Callable[[int], float] | None = None,
        batches: tuple[int, Callable[[State, list[float]], None]] | None = None,
    ) -> None:
        self.network = network
        self.epochs = epochs
        self.recorder = recorder
        self.rule = rule
        self.learning_rate = learning_rate
        self.batches = batches
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
        if isinstance(engine, Stream):
            engine.pause = lambda: writer.write_if_due(state.epoch, state_dict)
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
        except ConnectionError as error:  # to the processes that train together with this one
            if self._whole and os.getpid() == process:
                writer.write_on_leaving(state_dict, error)
            raise
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
        """Up to the next epoch, or mini-batch, at which somebody is told, or may stop, or to the next write."""
        self.recorder.begin()
        done = False
        while not done:  # a signal that waited may let training go on
            if self.batches is None:
                done = self._advance_epochs(engine, state, writer)
            else:
                done = self._advance_batches(engine, state, writer, *self.batches)

    def _advance_epochs(self, engine: Engine, state: State, writer: "CheckpointWriter | None") -> bool:
        """Whether anything was done."""
        first, costs = state.epoch, list[float]()
        count = self.epochs_until_told(first)
        if writer is not None:  # within an epoch of a stream it is written, too, when all before it is recorded
            count = 1 if isinstance(engine, Stream) else min(count, writer.epochs_until_due(first))
        try:
            engine.run(state, count, costs)
        except BaseException as error:
            if costs := costs[: state.epoch - first]:
                self.end_epochs(first, costs)
            self._answer(error, state, writer)
        else:
            self.end_epochs(first, costs)
        return bool(costs)

    def _advance_batches(
        self,
        engine: Engine,
        state: State,
        writer: "CheckpointWriter | None",
        count: int,
        tell: Callable[[State, list[float]], None],
    ) -> bool:
        """Whether anything was done."""
        first, Js = state.epoch, list[float]()
        try:
            engine.steps(state, count, Js)
        except BaseException as error:
            self._answer(error, state, writer)
            return False
        if Js and not isfinite(Js[-1]):
            self.end_epochs(first, Js[-1:])
        tell(state, Js)
        if state.epoch > first:
            self.end_epochs(first, [state.cost])
        return True

    def _answer(self, error: BaseException, state: State, writer: "CheckpointWriter | None") -> None:
        """What has ended an engine: an error, or a signal that waits."""
        if not isinstance(error, interrupts.SignalWaits):
            raise error
        if writer is None:
            interrupts.deliver(None)
        else:
            writer.answer_signals(partial(self.state_dict, state))

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
