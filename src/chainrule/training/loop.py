"""Training: mini-batches as a generator of Step records. Whoever watches (a printer, a plot) reads the steps."""

import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import engines, equations
from chainrule._types import Array
from chainrule.engines import blas, kernel
from chainrule.engines.contract import Engine
from chainrule.engines.state import EpochOrder, State
from chainrule.errors import DivergenceError
from chainrule.network import Network
from chainrule.optimizers import LBFGS, Optimizer
from chainrule.training import lbfgs

if TYPE_CHECKING:
    from chainrule.files.checkpoint import Checkpoint

Order = Callable[[int], Array]


@dataclass(frozen=True)
class Step:
    """One epoch as it was: `cost` is J over its examples, each before the update of its own batch, L2 included.

    `validation_cost` is J of the validation examples after the epoch, without L2. `engine` is the one that ran.
    """

    epoch: int
    cost: float
    validation_cost: float | None
    learning_rate: float | None
    engine: str


def train(
    network: Network,
    X: Any,
    Y: Any,
    optimizer: Optimizer | LBFGS,
    *,
    epochs: int,
    batch_size: int | None = None,
    every: int = 1,
    l2: float = 0.0,
    dropout: float | Sequence[float] = 0.0,
    weights: Any = None,
    shuffle: bool = True,
    seed: int | np.random.Generator | None = None,
    order: Order | None = None,
    validation: tuple[Any, Any] | None = None,
    patience: int | None = None,
    schedule: Callable[[int], float] | None = None,
    clip_norm: float | None = None,
    engine: str = "auto",
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
) -> Iterator[Step]:
    """Train; yield a Step for epochs 0, every, 2·every, … and the last (counted from 0).

    A generator: nothing runs before the first `next`.

    X (n[0], m), Y (n[L], m), weights (m,): examples are columns.
    batch_size: None is all m at once, in their order; k makes ⌈m/k⌉ updates an epoch, the last batch may be short; 1 is
    stochastic.
    l2: λ of (λ/2m) Σ‖W‖², with m the examples of the batch. dropout: the share of units left out, one number for all
    hidden layers or one for each. shuffle: a new order every epoch, from `seed`; `order`, a function epoch →
    permutation, replaces it.
    validation: (X, Y). patience: stop after so many epochs without a lower validation cost; however the training ends,
    the parameters with the lowest come back. schedule: epoch → factor of the learning rate. clip_norm: the longest
    gradient allowed.
    checkpoint: a file that the training is kept in, written every `checkpoint_every` epochs (None: every half minute),
    when it stops (Ctrl-C, SIGTERM, the end of the loop around it) and when it ends. resume: go on from that file where
    it is there, with the same options and data (`epochs` may be more): first come the steps that were made, then the
    others, and all is as if it had never been interrupted, to the last bit. Whole epochs are kept.

    Raises ValueError for options and data that do not fit, and DivergenceError when the cost is no longer finite;
    CheckpointError and ModelFileError (both are ValueErrors) for a checkpoint of another training, or that cannot be
    written. If only a later one cannot be, training goes on with a warning, and the error comes at the end.
    """
    _check(epochs=epochs, every=every, patience=patience, batch_size=batch_size)
    check_checkpoint(checkpoint, checkpoint_every, resume)
    if patience is not None and validation is None:
        raise ValueError("patience: there is nothing to watch; give validation=(X, Y) as well")
    chosen = engines.get(engine, network, optimizer)
    watched = None if validation is None else _validation(network, validation)
    course = _Course(epochs, every, patience, watched)
    steps: Iterator[Step]
    if isinstance(optimizer, LBFGS):
        given = {
            "batch_size": batch_size,
            "schedule": schedule,
            "clip_norm": clip_norm,
            "dropout": dropout or None,
            "order": order,
            "checkpoint": checkpoint,
        }
        if wrong := [name for name, value in given.items() if value is not None]:
            raise ValueError(f"LBFGS takes the full batch and chooses its own steps: leave out {', '.join(wrong)}")
        _check_l2(l2)
        advance = _lbfgs_epochs(network, network.examples(X, Y, weights), l2, optimizer, epochs, chosen)
        steps = _reported(course.run(network, advance, chosen.name))
    else:
        state = prepare(
            network, X, Y, optimizer, batch_size=batch_size, l2=l2, dropout=dropout, weights=weights, shuffle=shuffle,
            seed=seed, order=order, schedule=schedule, clip_norm=clip_norm,
        )  # fmt: skip
        kept = None if checkpoint is None else _keep(checkpoint, checkpoint_every, resume, state, course, chosen)
        # With patience every epoch is looked at; without, the engine runs on to the next one that is asked for.
        advance = _epochs(state, epochs, 1 if patience is not None else every, chosen, kept)
        run = course.run(network, advance, chosen.name)
        steps = _reported(run) if kept is None else _kept(course, state, run, kept)
    try:
        yield from steps
    finally:
        if course.best_parameters is not None:
            network.parameters[...] = course.best_parameters


@dataclass
class _Course:
    """What a training remembers of its epochs beside the state of the engine."""

    epochs: int
    every: int
    patience: int | None
    watched: tuple[Any, Array, Array | None] | None
    best: float = np.inf
    best_epoch: int = -1
    best_parameters: Array | None = None
    steps: list[Step] = field(default_factory=list)  # those that were made, where they are kept
    ended: bool = False

    def run(
        self, network: Network, advance: Iterator[tuple[int, float, float | None]], engine: str
    ) -> Iterator[Step | None]:
        """The steps to be reported, and None after epochs of which nobody wants to know."""
        pending: Step | None = None
        for epoch, cost, rate in advance:
            last = epoch == self.epochs - 1
            looked = self.patience is not None or epoch % self.every == 0 or last
            watched = self.watched if looked else None
            step = Step(epoch, cost, None if watched is None else evaluate(network, watched)[0], rate, engine)
            self.ended = last or not self._improved(step, network.parameters)
            pending = None if epoch % self.every == 0 or self.ended else step
            yield step if pending is None else None
            if self.ended:
                return
        if pending is not None:  # a solver that came to its end between two reports
            yield pending

    def _improved(self, step: Step, parameters: Array) -> bool:
        """Remember the best epoch; False when patience is at its end."""
        if self.patience is None or step.validation_cost is None:
            return True
        if step.validation_cost < self.best:
            self.best, self.best_parameters, self.best_epoch = step.validation_cost, parameters.copy(), step.epoch
        return step.epoch - self.best_epoch < self.patience


def _keep(path: Any, every: int | None, resume: bool, state: State, course: _Course, engine: Engine) -> "Checkpoint":
    """The checkpoint of a training; if there is one already, state and course are as it has them."""
    from chainrule.files import checkpoint as checkpoints  # model files are not loaded where nothing is kept

    watched = course.watched
    kept = checkpoints.Checkpoint(
        path,
        every,
        resume,
        {
            "network": state.network,
            "optimizer": state.optimizer,
            "batch_size": state.batch_size,
            "l2": state.l2,
            "dropout": state.dropout,
            "schedule": checkpoints.named(state.schedule),
            "clip_norm": state.clip_norm,
            "shuffle": state.order is not None,
            "every": course.every,
            "patience": course.patience,
            "engine": engine.name,
            "data": checkpoints.digest(state.X, state.Y, state.weights),
            "validation": None if watched is None else checkpoints.digest(*watched),
        },
    )
    if (found := kept.found) is not None:
        with kept.restoring():
            state.restore(found)
            rows = zip(*found["steps"], strict=True)
            course.steps = [Step(epoch, cost, validation, rate, engine.name) for epoch, cost, validation, rate in rows]
            course.best, course.best_epoch, course.best_parameters = found["best"]
        worn_out = course.patience is not None and state.epoch - 1 - course.best_epoch >= course.patience
        course.ended = worn_out or state.epoch >= course.epochs
    return kept


def _reported(run: Iterator[Step | None]) -> Iterator[Step]:
    yield from (step for step in run if step is not None)


def _kept(course: _Course, state: State, run: Iterator[Step | None], kept: "Checkpoint") -> Iterator[Step]:
    """The steps of a training that is kept in a file."""

    def content() -> dict[str, Any]:
        columns = zip(*((s.epoch, s.cost, s.validation_cost, s.learning_rate) for s in course.steps), strict=True)
        return state.content() | {
            "epochs": course.epochs,
            "steps": [list(column) for column in columns] or [[], [], [], []],
            "best": (course.best, course.best_epoch, course.best_parameters),
        }

    yield from course.steps
    if course.ended:
        return
    kept.keep(state.epoch, content)  # at once: better now than after a night that the folder cannot be written to
    try:
        while not course.ended:
            with kept.whole(content):
                step = next(run)
                if step is not None:
                    course.steps.append(step)
                if not course.ended:
                    kept.keep(state.epoch, content)
            if step is not None:
                if course.ended:
                    kept.end(content)
                yield step
    except GeneratorExit:
        if not course.ended:
            kept.save(content)
        raise


def prepare(
    network: Network,
    X: Any,
    Y: Any,
    optimizer: Optimizer,
    *,
    batch_size: int | None = None,
    l2: float = 0.0,
    dropout: float | Sequence[float] = 0.0,
    weights: Any = None,
    shuffle: bool = True,
    seed: int | np.random.Generator | None = None,
    order: Order | None = None,
    schedule: Callable[[int], float] | None = None,
    clip_norm: float | None = None,
) -> State:
    """The checked state from which an engine trains; the options are those of `train`."""
    if not hasattr(optimizer, "step"):
        raise TypeError(f"optimizer: got {optimizer!r}, wanted one such as chainrule.Adam(0.001)")
    _check(batch_size=batch_size)
    _check_l2(l2)
    if clip_norm is not None and not clip_norm > 0:
        raise ValueError(f"clip_norm: got {clip_norm!r}, wanted a number above 0, or None")
    hidden = network.L - 1
    rates = tuple(float(r) for r in dropout) if isinstance(dropout, Sequence) else (float(dropout),) * hidden
    if len(rates) != hidden or not all(0 <= r < 1 for r in rates):
        raise ValueError(
            f"dropout: got {dropout!r}, wanted a share from 0 up to 1 (not included), one or {hidden} of them"
        )
    X, Y, w = network.examples(X, Y, weights)
    m = Y.shape[1]
    rng = np.random.default_rng(seed)
    mask_key = int(rng.integers(2**63))
    if order is not None:
        order = partial(_checked_order, order, m)
    elif shuffle and batch_size is not None:
        order = EpochOrder(rng, lambda before: rng.permutation(m))
    return State(
        network, X, Y, w, optimizer, optimizer.init(network.parameters), min(batch_size or m, m), order, schedule,
        float(l2), rates, clip_norm, mask_key,
    )  # fmt: skip


def diverged(epoch: int, cost: float, rate: float | None) -> DivergenceError:
    """The error for an epoch whose cost or parameters are no longer finite."""
    why = "the cost overflowed before it could fall" if epoch == 0 else "the steps went too far"
    advice = "scale the inputs and targets (net.normalize(X)), or clip the gradient (clip_norm=1.0)"
    if rate is not None:
        advice = f"lower the learning rate (it was {rate:g}), {advice}"
    error = DivergenceError(
        f"epoch {epoch}: the cost is {cost}; {why}. The network keeps its last finite parameters. "
        f"Likely remedies: {advice}."
    )
    error.epoch, error.learning_rate = epoch, rate
    return error


def _epochs(
    state: State, epochs: int, every: int, engine: Engine, kept: "Checkpoint | None" = None
) -> Iterator[tuple[int, float, float | None]]:
    while state.epoch < epochs:
        first = state.epoch
        # Up to and including the next epoch to report: 0, every, 2·every, …, the last.
        wanted = min(-first % every + 1, epochs - first)
        costs = engine.run(state, wanted if kept is None else min(wanted, kept.epochs(first)))
        for epoch, cost in enumerate(costs, first):
            rate = state.optimizer.learning_rate * (state.schedule(epoch) if state.schedule else 1.0)
            if not isfinite(cost):
                raise diverged(epoch, cost, rate)
        yield epoch, cost, rate


def _lbfgs_epochs(
    network: Network,
    examples: tuple[Any, Array, Array | None],
    l2: float,
    optimizer: LBFGS,
    epochs: int,
    engine: Engine,
) -> Iterator[tuple[int, float, float | None]]:
    """SciPy's solver calls back; a generator is called. So the solver runs in a thread and waits at each iteration."""
    cost_and_gradients = objective(network, examples, l2, engine)
    results: queue.Queue[Any] = queue.Queue()
    go_on, stopped = threading.Semaphore(0), threading.Event()
    costs: list[float] = []

    def go_on_or_end() -> None:
        if stopped.is_set():
            raise StopIteration

    def evaluate(parameters: Array) -> tuple[float, Array]:
        go_on_or_end()
        J, gradient = cost_and_gradients(parameters)
        costs.append(J)
        return J, gradient

    def pause(intermediate_result: Any) -> None:
        results.put((intermediate_result.x.copy(), float(intermediate_result.fun)))
        go_on.acquire()
        go_on_or_end()

    def solve() -> None:
        if kernel.BUILT:
            kernel.module().ask(go_on_or_end)
        try:
            lbfgs.minimize(optimizer, evaluate, network.parameters.astype(np.float64), epochs, pause)
            results.put(None)
        except BaseException as error:  # it belongs to the caller, not to this thread
            results.put(error)

    thread = threading.Thread(target=solve, daemon=True)
    thread.start()
    epoch, before = 0, None
    try:
        while (result := results.get()) is not None:
            if isinstance(result, BaseException):
                raise result
            before = costs[0] if before is None else before
            parameters, after = result
            if not (isfinite(before) and isfinite(after) and np.isfinite(parameters).all()):
                raise diverged(epoch, after, None)
            network.parameters[...] = parameters
            yield epoch, before, None
            epoch, before = epoch + 1, after
            go_on.release()
        if epoch == 0:  # at a minimum, or nowhere to go, from the start
            if not isfinite(costs[0]):
                raise diverged(0, costs[0], None)
            yield 0, costs[0], None
    finally:
        stopped.set()
        go_on.release()
        thread.join()


def objective(
    network: Network, examples: tuple[Any, Array, Array | None], l2: float, engine: Engine
) -> Callable[[Array], tuple[float, Array]]:
    """What SciPy minimizes: float64 parameters (p,) → J and its gradient (p,), computed in the network's precision."""
    X, Y, w = examples
    compute = engine.objective(network, X, Y, w, l2)

    def cost_and_gradients(parameters: Array) -> tuple[float, Array]:
        with np.errstate(over="ignore", invalid="ignore"):  # an overflow shows in the result, which is checked
            J, gradient = compute(parameters.astype(network.dtype, copy=False))
        return J, gradient.astype(np.float64, copy=False)

    return cost_and_gradients


def evaluate(network: Network, examples: tuple[Any, Array, Array | None]) -> tuple[float, Array]:
    """J without L2, and A[L] (n[L], m), of examples that were checked by `network.examples`."""
    X, Y, w = examples
    if (compiled := network.compiled()) is not None:
        out = np.empty(Y.shape, network.dtype)
        return compiled.evaluate(network.parameters, kernel.data(X, Y, w), out), out
    with blas.one_thread(), np.errstate(over="ignore", invalid="ignore"):  # an overflow shows in the cost
        Z, A = equations.forward(X, network.W, network.b, network.g)
        return float(equations.cost(Z, Y, network.W, network.loss, 0.0, w)[0]), A[-1]


def _validation(network: Network, given: tuple[Any, ...]) -> tuple[Any, Array, Array | None]:
    try:
        return network.examples(*given)
    except ValueError as error:
        raise ValueError(f"validation: {error}") from None


def _checked_order(order: Order, m: int, epoch: int) -> Array:
    permutation = np.asarray(order(epoch))
    if not np.array_equal(np.sort(permutation, axis=None), np.arange(m)):
        raise ValueError(
            f"order({epoch}): wanted a permutation of 0 … {m - 1}, each once; got shape {permutation.shape}, "
            f"{len(np.unique(permutation))} different values"
        )
    return permutation


def check_checkpoint(checkpoint: Any, every: int | None, resume: bool) -> None:
    """ValueError if these arguments do not go together."""
    _check(checkpoint_every=every)
    if checkpoint is None and (resume or every is not None):
        raise ValueError("checkpoint: there is none to go on from, or to write; give checkpoint=FILE as well")


def _check(**counts: int | None) -> None:
    for name, value in counts.items():
        if value is not None and (not isinstance(value, Integral) or value < 1):
            raise ValueError(f"{name}: got {value!r}, wanted a whole number of 1 or more")


def _check_l2(l2: float) -> None:
    if not 0 <= l2 < np.inf:
        raise ValueError(f"l2: got {l2!r}, wanted a number of 0 or more")
