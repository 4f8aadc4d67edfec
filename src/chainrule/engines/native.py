"""The engine "native": whole epochs, or mini-batches of one, in one call of the compiled kernel."""

from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from chainrule import optimizers
from chainrule._types import Array
from chainrule.engines import interrupts, kernel
from chainrule.engines.contract import Objective
from chainrule.engines.state import EpochOrder, State

if TYPE_CHECKING:
    from chainrule.network import Network

# The constants of the kernel's rule of the same name (or of `rule`): β₁ (or μ), β₂, ε, for each class of optimizers.
_CONSTANTS: dict[type, Callable[[Any], dict[str, Any]]] = {
    optimizers.GradientDescent: lambda o: {},
    optimizers.Momentum: lambda o: {"beta1": o.beta},
    optimizers.HeavyBall: lambda o: {"beta1": o.momentum},
    optimizers.Nesterov: lambda o: {"beta1": o.momentum},
    optimizers.RMSProp: lambda o: {"beta2": o.beta, "epsilon": o.epsilon},
    optimizers.Adam: lambda o: {name: getattr(o, name) for name in ("beta1", "beta2", "epsilon", "epsilon_hat")},
    optimizers.AdamW: lambda o: {
        "rule": "Adam",
        "weight_decay": o.weight_decay,
        **_CONSTANTS[optimizers.Adam](o),
    },
}
_UNUSED = {"beta1": 0.0, "beta2": 0.0, "epsilon": 1.0, "weight_decay": 0.0, "epsilon_hat": False}
_MOST_EPOCHS = 100_000  # in one call of the kernel: their learning rates are listed before


def knows(optimizer: Any) -> bool:
    """Whether the kernel has the rule of an optimizer. A class that is derived from one of ours may step otherwise."""
    kind = type(optimizer)
    return kind in _CONSTANTS and _CONSTANTS[kind](optimizer).get("rule", kind.__name__) in kernel.known("rules")


class _Job(NamedTuple):
    """What the kernel has of a state: its network, its examples, the constants of its steps, which are of `options`."""

    trainer: Any
    data: Any
    hyper: Any
    spare: list[Array]  # as the vectors among the slots of the optimizer, which the kernel lets change places with them
    options: tuple[Any, ...]


class Native:
    """The compiled kernel: whole epochs of forward, backward and update in one call."""

    name = "native"

    def __init__(self) -> None:
        self._jobs: WeakKeyDictionary[State, _Job] = WeakKeyDictionary()

    def objective(self, network: "Network", X: Any, Y: Array, weights: Array | None, l2: float) -> Objective:
        """The function from any flat vector of parameters (p,) to J and its gradient (p,)."""
        trainer = kernel.trainer(network.sizes, network.g[1:], network.loss, network.dtype)
        data = kernel.data(X, Y, weights)

        def cost_and_gradients(parameters: Array) -> tuple[float, Array]:
            gradient = np.empty_like(parameters)
            return trainer.cost_and_gradients(parameters, data, l2, gradient), gradient

        return cost_and_gradients

    def run(self, state: State, epochs: int, costs: list[float] | None = None) -> list[float]:
        """Advance by whole epochs; `costs`, longer by the cost of each, before its updates."""
        costs = [] if costs is None else costs
        last = state.epoch + epochs
        while state.epoch < last:
            before = len(costs)
            self._call(state, min(last - state.epoch, _most(state)), 0, costs)
            if len(costs) > before and not isfinite(costs[-1]):
                break
        return costs

    def steps(self, state: State, batches: int, costs: list[float] | None = None) -> list[float]:
        """Advance by mini-batches of one epoch; `costs`, longer by J of each, before its update."""
        costs = [] if costs is None else costs
        self._call(state, 1, batches, costs)
        return costs

    def _call(self, state: State, epochs: int, batches: int, costs: list[float]) -> None:
        """One call of the kernel: epochs, or mini-batches of one where `batches` is not 0."""
        job, memory = self._jobs.get(state), state.memory
        if job is None or job.options != _options(state):
            job = self._jobs[state] = _prepared(state, job)
        vectors = [slot for slot in memory.slots if isinstance(slot, np.ndarray)]
        counts_updates = len(memory.slots) > len(vectors)
        deferral = interrupts.deferral()
        interrupts.check()
        rates = [state.learning_rate(state.epoch + i) for i in range(epochs)]
        counts = np.array([memory.slots[-1] if counts_updates else 0, memory.batches, 0, 0], np.int64)
        place = np.array([state.example, state.total, state.seen], np.float64)
        try:
            orders = _orders(state, epochs)
            rates = rates if orders is None else rates[: len(orders)]
            if deferral is not None:
                deferral.giving_up = True
            job.trainer.run(
                job.data, job.hyper, rates, orders, state.network.parameters, vectors, job.spare, counts, batches,
                place, costs,
            )  # fmt: skip
        finally:  # an interrupt leaves the epochs that are done
            if deferral is not None:
                deferral.giving_up = False
            updates, memory.batches, swapped, done = counts.tolist()
            if swapped:
                vectors, job.spare[:] = job.spare[:], vectors
            memory.slots = (*vectors, updates) if counts_updates else tuple(vectors)
            state.epoch += done
            state.example, (state.total, state.seen) = int(place[0]), place[1:].tolist()
            if isinstance(state.order, EpochOrder):
                state.order.rewind(state.epoch)


def _most(state: State) -> int:
    """How many epochs may go in one call of the kernel: one where a function of the user's gives their orders."""
    if state.order is None:
        return _MOST_EPOCHS
    return state.order.most if isinstance(state.order, EpochOrder) else 1


def _orders(state: State, most: int) -> Array | None:
    """The orders of the epochs to come, a row for each; of fewer if those were drawn before."""
    if state.order is None:
        return None
    if isinstance(state.order, EpochOrder):
        return state.order.orders(state.epoch, most)
    return np.ascontiguousarray(state.order_now(), np.int64)[None]


def _options(state: State) -> tuple[Any, ...]:
    return state.optimizer, state.l2, state.clip_norm, state.dropout, state.batch_size, state.mask_key


def _prepared(state: State, before: _Job | None) -> _Job:
    """The job of a state; of one whose options have changed, with the network and the examples that the kernel has."""
    network, optimizer = state.network, state.optimizer
    constants = {"rule": type(optimizer).__name__, **_UNUSED, **_CONSTANTS[type(optimizer)](optimizer)}
    hyper = kernel.module().Hyper(
        **constants,
        l2=state.l2,
        clip_norm=state.clip_norm or 0.0,
        dropout=list(state.dropout),
        batch_size=state.batch_size,
        mask_key=state.mask_key,
    )
    spare = [kernel.zeros(slot.size, slot.dtype) for slot in state.memory.slots if isinstance(slot, np.ndarray)]
    if before is not None:
        return _Job(before.trainer, before.data, hyper, spare, _options(state))
    trainer = kernel.trainer(network.sizes, network.g[1:], network.loss, network.dtype, state.precision)
    return _Job(trainer, kernel.data(state.X, state.Y, state.weights), hyper, spare, _options(state))
