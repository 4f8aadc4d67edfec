"""The engine "native": whole epochs, or mini-batches of one, in one call of the compiled kernel."""

from collections.abc import Callable, Sequence
from math import isfinite
from operator import is_
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
# The part of the lanes that must be filled for them to be faster than one network after the other: on a Sapphire Rapids
# server full ones are 1.4 to 2.6 times as fast.
_FILLED = 0.7
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
    moderate: list[Array]  # those vectors, where the kernel knows that their numbers are
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
        vectors = _vectors(state)
        counts_updates = len(memory.slots) > len(vectors)
        deferral = interrupts.deferral()
        interrupts.check()
        rates = state.learning_rates(epochs)
        updates = memory.slots[-1] if counts_updates else 0
        done = state.epoch, state.example, state.total, state.seen
        moderate = bool(job.moderate) and all(map(is_, vectors, job.moderate))
        place = kernel.module().Place(updates, memory.batches, *done, moderate)
        try:
            orders = state.orders(epochs)
            rates = rates if orders is None else rates[: len(orders)]
            if deferral is not None:
                deferral.giving_up = True
            job.trainer.run(
                job.data, job.hyper, rates, orders, state.network.parameters, vectors, job.spare, batches, place, costs
            )
        finally:  # an interrupt leaves the epochs that are done
            if deferral is not None:
                deferral.giving_up = False
            if place.swapped:
                vectors, job.spare[:] = job.spare[:], vectors
            job.moderate[:] = vectors if place.moderate else []
            memory.slots = (*vectors, place.updates) if counts_updates else tuple(vectors)
            memory.batches, state.epoch, state.example = place.batches, place.epochs, place.example
            state.total, state.seen = place.total, place.seen
            if isinstance(state.order, EpochOrder):
                state.order.rewind(state.epoch)

    def lists(self, state: State, count: int, threads: int) -> int:
        """Of tiny networks as many to a list as a vector of the processor has numbers, if most of them are used."""
        if state.precision == "bf16" or state.weights is not None or hasattr(state.X, "tocsc"):
            return count
        lanes = max(1, _trainer(state).lanes(kernel.data(state.X, state.Y, None), state.batch_size))
        lists = -(-count // lanes)
        lists = -(-lists // threads) * threads  # as many for each thread
        return lists if lanes > 1 and count >= _FILLED * lanes * lists else count

    def run_many(self, states: Sequence[State], epochs: int, costs: Sequence[list[float]]) -> None:
        """Advance all by whole epochs, a network in each lane of the processor's vectors."""
        trainer, data = _trainer(states[0]), kernel.data(states[0].X, states[0].Y, None)
        batches = -(-states[0].Y.shape[1] // states[0].batch_size)  # of an epoch
        runs = [(state, _hyper(state), its_costs) for state, its_costs in zip(states, costs, strict=True)]
        last = states[0].epoch + epochs
        while runs and runs[0][0].epoch < last:
            interrupts.check()
            left, hypers, left_costs = zip(*runs, strict=True)
            first = left[0].epoch
            most = min(last - first, *map(_most, left))
            done: list[list[float]] = [[] for _ in left]
            try:
                orders = [state.orders(most) for state in left]
                most = min([most, *(len(rows) for rows in orders if rows is not None)])
                trainer.run_many(
                    data,
                    hypers,
                    [state.learning_rates(most) for state in left],
                    [None if rows is None else rows[:most] for rows in orders],
                    [state.network.parameters for state in left],
                    [_vectors(state) for state in left],
                    first * batches,
                    done,
                )
            finally:  # an interrupt leaves the epochs that are done
                for state, its_done, its_costs in zip(left, done, left_costs, strict=True):
                    its_costs += its_done
                    state.epoch += sum(map(isfinite, its_done))
                    memory = state.memory
                    memory.batches = state.epoch * batches
                    memory.slots = (*_vectors(state), memory.batches)[: len(memory.slots)]
                    if isinstance(state.order, EpochOrder):
                        state.order.rewind(state.epoch)
            runs = [run for run in runs if isfinite(run[2][-1])]


def _vectors(state: State) -> list[Array]:
    """The slots of the optimizer that are vectors: all but the number of updates."""
    return [slot for slot in state.memory.slots if isinstance(slot, np.ndarray)]


def _most(state: State) -> int:
    """How many epochs may go in one call of the kernel: one where a function of the user's gives their orders."""
    if state.order is None:
        return _MOST_EPOCHS
    return state.order.most if isinstance(state.order, EpochOrder) else 1


def _options(state: State) -> tuple[Any, ...]:
    return state.optimizer, state.l2, state.clip_norm, state.dropout, state.batch_size, state.mask_key


def _prepared(state: State, before: _Job | None) -> _Job:
    """The job of a state; of one whose options have changed, with the network and the examples that the kernel has."""
    spare = [kernel.empty(slot.size, slot.dtype) for slot in _vectors(state)]
    if before is None:
        trainer, data = _trainer(state), kernel.data(state.X, state.Y, state.weights)
    else:
        trainer, data = before.trainer, before.data
    moderate = [] if state.memory.batches else _vectors(state)  # zeros, at first
    return _Job(trainer, data, _hyper(state), spare, moderate, _options(state))


def _trainer(state: State) -> Any:
    network = state.network
    return kernel.trainer(network.sizes, network.g[1:], network.loss, network.dtype, state.precision)


def _hyper(state: State) -> Any:
    optimizer = state.optimizer
    constants = {"rule": type(optimizer).__name__, **_UNUSED, **_CONSTANTS[type(optimizer)](optimizer)}
    return kernel.module().Hyper(
        **constants,
        l2=state.l2,
        clip_norm=state.clip_norm or 0.0,
        dropout=list(state.dropout),
        batch_size=state.batch_size,
        mask_key=state.mask_key,
    )
