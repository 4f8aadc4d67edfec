"""The engine "native": whole epochs in one call of the compiled kernel."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from chainrule import optimizers
from chainrule._types import Array
from chainrule.engines import interrupts, kernel
from chainrule.engines.contract import Objective
from chainrule.engines.reference import scheduled
from chainrule.engines.state import State

if TYPE_CHECKING:
    from chainrule.network import Network


@dataclass
class _Job:
    """What the kernel keeps of a state between two calls of run."""

    trainer: Any
    data: Any
    hyper: Any
    slots: tuple[Any, ...]


# The kernel's rule and its constants β₁, β₂ (or μ), ε, for each optimizer; of a class with other steps there is none.
RULES: dict[type, Callable[[Any], dict[str, Any]]] = {
    optimizers.GradientDescent: lambda o: {},
    optimizers.Momentum: lambda o: {"beta1": o.beta},
    optimizers.HeavyBall: lambda o: {"beta1": o.momentum},
    optimizers.Nesterov: lambda o: {"beta1": o.momentum},
    optimizers.RMSProp: lambda o: {"beta2": o.beta, "epsilon": o.epsilon},
    optimizers.Adam: lambda o: {name: getattr(o, name) for name in ("beta1", "beta2", "epsilon", "epsilon_hat")},
    optimizers.AdamW: lambda o: {
        "rule": "Adam",
        "weight_decay": o.weight_decay,
        **RULES[optimizers.Adam](o),
    },
}
_NONE = {"beta1": 0.0, "beta2": 0.0, "epsilon": 1.0, "weight_decay": 0.0, "epsilon_hat": False}


_MOST = 100_000  # epochs in one call of the kernel, whose rates are listed before


class Native:
    """The compiled kernel: whole epochs of forward, backward and update in one call."""

    name = "native"

    def __init__(self) -> None:
        self._jobs: WeakKeyDictionary[State, _Job] = WeakKeyDictionary()

    def objective(self, network: "Network", X: Any, Y: Array, weights: Array | None, l2: float) -> Objective:
        """The function from any flat vector of parameters to J and its gradient, as flat."""
        kernel_of = kernel.trainer(network.sizes, network.g[1:], network.loss, network.dtype)
        examples = kernel.data(X, Y, weights)

        def cost_and_gradients(parameters: Array) -> tuple[float, Array]:
            gradient = np.empty_like(parameters)
            return kernel_of.cost_and_gradients(parameters, examples, l2, gradient), gradient

        return cost_and_gradients

    def run(self, state: State, epochs: int) -> list[float]:
        """Advance by whole epochs; the cost of each, before its updates."""
        job = self._job(state)
        vectors = [slot for slot in job.slots if isinstance(slot, np.ndarray)]
        costs: list[float] = []
        while len(costs) < epochs:
            interrupts.check()
            # With an order the kernel comes back after each epoch to ask for the next one.
            order = None if state.order is None else np.ascontiguousarray(state.order(state.epoch), np.int64)
            some = min(epochs - len(costs), _MOST) if order is None else 1
            rates = [float(scheduled(state, state.epoch + i).learning_rate) for i in range(some)]
            counts = np.array([job.slots[-1] if len(job.slots) > len(vectors) else 0, state.step, 0], np.int64)
            found: list[float] = []
            interrupts.giving_up = True
            try:
                found = job.trainer.run(job.data, job.hyper, rates, order, state.network.parameters, vectors, counts)
            finally:  # an interrupt leaves the epochs that are done
                interrupts.giving_up = False
                done = int(counts[2])
                if found and not np.isfinite(found[-1]):
                    done -= 1
                if len(job.slots) > len(vectors):
                    job.slots = (*vectors, int(counts[0]))
                state.slots, state.step, state.epoch = job.slots, int(counts[1]), state.epoch + done
            costs += found
            if done < some:
                break
        return costs

    def _job(self, state: State) -> _Job:
        job = self._jobs.get(state)
        if job is None or job.slots is not state.slots:
            network, optimizer = state.network, state.optimizer
            constants = {"rule": type(optimizer).__name__, **_NONE, **RULES[type(optimizer)](optimizer)}
            hyper = kernel.module().Hyper(
                **constants,
                l2=state.l2,
                clip_norm=state.clip_norm or 0.0,
                dropout=list(state.dropout),
                batch_size=state.batch_size,
                mask_key=state.mask_key,
            )
            slots = tuple(_own(slot) if isinstance(slot, np.ndarray) else slot for slot in state.slots)
            job = _Job(
                kernel.trainer(network.sizes, network.g[1:], network.loss, network.dtype)
                if job is None
                else job.trainer,
                kernel.data(state.X, state.Y, state.weights) if job is None else job.data,
                hyper,
                slots,
            )
            self._jobs[state] = job
            state.slots = slots
        return job


def _own(slot: Array) -> Array:
    """A copy, for the kernel writes into it."""
    copy = kernel.zeros(slot.size, slot.dtype)
    copy[...] = slot
    return copy
