"""Training: mini-batches as a generator of Step records. Whoever watches (a printer, a plot) reads the steps."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from numbers import Integral
from typing import Any

import numpy as np

from chainrule import engines, equations, native
from chainrule.engines import State
from chainrule.network import Network
from chainrule.optimizers import LBFGS, Optimizer

Array = np.ndarray[Any, np.dtype[Any]]
Order = Callable[[int], Array]


class DivergenceError(ArithmeticError):
    """The cost became NaN or infinite, in this epoch. The network keeps its last finite parameters."""

    epoch: int
    learning_rate: float | None


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

    Raises ValueError for options and data that do not fit, and DivergenceError when the cost is no longer finite.
    """
    _check(epochs=epochs, every=every, patience=patience, batch_size=batch_size)
    if patience is not None and validation is None:
        raise ValueError("patience: there is nothing to watch; give validation=(X, Y) as well")
    chosen = engines.get(engine, network, optimizer)
    watched = None if validation is None else network.examples(*validation)
    if isinstance(optimizer, LBFGS):
        given = {
            "batch_size": batch_size,
            "schedule": schedule,
            "clip_norm": clip_norm,
            "dropout": dropout or None,
            "order": order,
        }
        if wrong := [name for name, value in given.items() if value is not None]:
            raise ValueError(f"LBFGS takes the full batch and chooses its own steps: leave out {', '.join(wrong)}")
        _check_l2(l2)
        advance = _lbfgs_epochs(network, network.examples(X, Y, weights), l2, optimizer, epochs, chosen)
    else:
        state = prepare(
            network, X, Y, optimizer, batch_size=batch_size, l2=l2, dropout=dropout, weights=weights, shuffle=shuffle,
            seed=seed, order=order, schedule=schedule, clip_norm=clip_norm,
        )  # fmt: skip
        # With patience every epoch is looked at; without, the engine runs on to the next one that is asked for.
        advance = _epochs(state, epochs, 1 if patience is not None else every, chosen)

    best, best_parameters, best_epoch = np.inf, network.parameters.copy(), -1
    pending: Step | None = None
    try:
        for epoch, cost, rate in advance:
            looked = patience is not None or epoch % every == 0 or epoch == epochs - 1
            validation_cost = evaluate(network, watched)[0] if watched is not None and looked else None
            step = Step(epoch, cost, validation_cost, rate, chosen.name)
            if patience is not None and validation_cost is not None:
                if validation_cost < best:
                    best, best_parameters, best_epoch = validation_cost, network.parameters.copy(), epoch
                elif epoch - best_epoch >= patience:
                    yield step
                    return
            pending = None if epoch % every == 0 else step
            if pending is None or epoch == epochs - 1:
                yield step
                pending = None
        if pending is not None:  # a solver that came to its end between two reports
            yield pending
    finally:
        if patience is not None and best_epoch >= 0:
            network.parameters[...] = best_parameters


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
        order = lambda epoch: rng.permutation(m)  # noqa: E731
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


def _epochs(state: State, epochs: int, every: int, engine: engines.Engine) -> Iterator[tuple[int, float, float | None]]:
    while state.epoch < epochs:
        first = state.epoch
        # Up to and including the next epoch to report: 0, every, 2·every, …, the last.
        costs = engine.run(state, min(-first % every + 1, epochs - first))
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
    engine: engines.Engine,
) -> Iterator[tuple[int, float, float | None]]:
    """SciPy's solver calls back; a generator is called. So the solver runs in a thread and waits at each iteration."""
    cost_and_gradients = objective(network, examples, l2, engine)
    results: queue.Queue[Any] = queue.Queue()
    go_on, stopped = threading.Semaphore(0), threading.Event()
    costs: list[float] = []

    def evaluate(parameters: Array) -> tuple[float, Array]:
        J, gradient = cost_and_gradients(parameters)
        costs.append(J)
        return J, gradient

    def pause(intermediate_result: Any) -> None:
        results.put((intermediate_result.x.copy(), float(intermediate_result.fun)))
        go_on.acquire()
        if stopped.is_set():
            raise StopIteration

    def solve() -> None:
        try:
            optimizer.minimize(evaluate, network.parameters.astype(np.float64), epochs, pause)
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
    network: Network, examples: tuple[Any, Array, Array | None], l2: float, engine: engines.Engine
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
        return compiled.evaluate(network.parameters, native.data(X, Y, w), out), out
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow shows in the cost
        Z, A = equations.forward(X, network.W, network.b, network.g)
        return float(equations.cost(Z, Y, network.W, network.loss, 0.0, w)[0]), A[-1]


def _checked_order(order: Order, m: int, epoch: int) -> Array:
    permutation = np.asarray(order(epoch))
    if not np.array_equal(np.sort(permutation, axis=None), np.arange(m)):
        raise ValueError(
            f"order({epoch}): wanted a permutation of 0 … {m - 1}, each once; got shape {permutation.shape}, "
            f"{len(np.unique(permutation))} different values"
        )
    return permutation


def _check(**counts: int | None) -> None:
    for name, value in counts.items():
        if value is not None and (not isinstance(value, Integral) or value < 1):
            raise ValueError(f"{name}: got {value!r}, wanted a whole number of 1 or more")


def _check_l2(l2: float) -> None:
    if not 0 <= l2 < np.inf:
        raise ValueError(f"l2: got {l2!r}, wanted a number of 0 or more")
