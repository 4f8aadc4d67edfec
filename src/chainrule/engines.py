"""Engines: who does the arithmetic. One contract, two functions, and the record of which one ran.

* ``cost_and_gradients(network, X, Y, …) → (J, gradient)``: what the checks see.
* ``run(state, epochs) → the cost of each epoch``: advance a training by whole epochs without coming back in between.
  The network's
  parameters change only at the end of an epoch whose cost and parameters are finite; an engine stops after one that is
  not, and the cost it returns for it is not finite either.

``"numpy"`` is the reference: equations.py and optimizers.py in a loop. Every other engine is checked against it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from chainrule import equations
from chainrule.names import unknown
from chainrule.network import Network
from chainrule.optimizers import Optimizer

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass
class State:
    """All that a training is: an engine advances it, and from a copy of it the training goes on."""

    network: Network
    X: Any  # (n[0], m), checked and normalized; dense or sparse
    Y: Array  # (n[L], m)
    weights: Array | None  # (1, m)
    optimizer: Optimizer
    slots: tuple[Any, ...]  # what the optimizer remembers
    batch_size: int
    order: Callable[[int], Array] | None = None  # epoch → permutation of the examples; None leaves them as they are
    schedule: Callable[[int], float] | None = None  # epoch → factor of the learning rate
    l2: float = 0.0
    dropout: tuple[float, ...] = ()  # the rate of each hidden layer; () for none
    clip_norm: float | None = None
    mask_key: int = 0
    epoch: int = 0
    step: int = 0


class Engine(Protocol):
    """The contract."""

    name: str

    def cost_and_gradients(
        self, network: Network, X: Any, Y: Array, weights: Array | None, l2: float, parameters: Array
    ) -> tuple[float, Array]:
        """J at any flat vector of parameters, and its gradient, as flat."""
        ...

    def run(self, state: State, epochs: int) -> list[float]:
        """Advance by whole epochs; the cost of each, before its updates."""
        ...


def dropout_masks(state: State, examples: int) -> list[Any] | None:
    """D[l] (n[l], examples) for this step: 1 / keep where a unit stays, 0 where it is out, None without dropout.

    Unit i of the batch's example j in layer l takes 32-bit number j·n[l] + i of the Philox4x64-10 stream (Salmon et al.
    2011) with key (mask_key, 0) and counter (0, 0, l, step), as numpy.random.Philox counts; it stays if that is below
    keep · 2³².
    So a mask depends on its place only, not on the engine, the number of threads, or what was drawn before.
    """
    if not any(state.dropout):
        return None
    D: list[Any] = [None] * (state.network.L + 1)
    for l, rate in enumerate(state.dropout, start=1):
        if rate:
            n, keep = state.network.sizes[l], 1 - rate
            stream = np.random.Philox(key=[state.mask_key, 0], counter=[0, 0, l, state.step])
            words = stream.random_raw((n * examples + 1) // 2).astype("<u8").view("<u4")[: n * examples]
            stays = (words < np.uint64(keep * 2**32)).reshape(examples, n).T
            D[l] = stays.astype(state.network.dtype) / state.network.dtype.type(keep)
    return D


class Numpy:
    """The readable reference."""

    name = "numpy"

    def cost_and_gradients(
        self,
        network: Network,
        X: Any,
        Y: Array,
        weights: Array | None,
        l2: float,
        parameters: Array,
        D: list[Any] | None = None,
    ) -> tuple[float, Array]:
        """J at any flat vector of parameters, and its gradient, as flat."""
        W, b = network.unpack(parameters)
        Z, A = equations.forward(X, W, b, network.g, D)
        J, dZ, m = equations.cost(Z, Y, W, network.loss, l2, weights)
        return float(J), network.pack(*equations.backward(dZ, Z, A, W, network.slope, m, l2, D))

    def run(self, state: State, epochs: int) -> list[float]:
        """Advance by whole epochs; the cost of each, before its updates."""
        costs: list[float] = []
        # An overflow shows in the cost, which is checked; underflow to zero is harmless.
        with np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
            while len(costs) < epochs:
                cost, parameters, slots = self._epoch(state)
                finite = np.isfinite(cost) and np.isfinite(parameters).all()
                costs.append(cost if finite or not np.isfinite(cost) else float("inf"))
                if not finite:
                    break
                state.network.parameters[...] = parameters
                state.slots = slots
                state.epoch += 1
        return costs

    def _epoch(self, state: State) -> tuple[float, Array, tuple[Any, ...]]:
        network, m, total, seen = state.network, state.Y.shape[1], 0.0, 0
        parameters, slots, optimizer = network.parameters, state.slots, state.optimizer
        if state.schedule is not None:
            optimizer = replace(optimizer, learning_rate=optimizer.learning_rate * state.schedule(state.epoch))
        order = None if state.order is None else state.order(state.epoch)
        for start in range(0, m, state.batch_size):
            batch: Any = slice(start, min(start + state.batch_size, m))
            size = batch.stop - start
            if order is not None:
                batch = order[batch]
            # Rows of the transpose: contiguous for C-ordered examples, and sparse arrays can do it too.
            X, Y = state.X.T[batch].T, state.Y.T[batch].T
            w = None if state.weights is None else state.weights[:, batch]
            if w is None or w.any():  # a batch of examples that do not count changes nothing
                J, gradient = self.cost_and_gradients(
                    network, X, Y, w, state.l2, parameters, dropout_masks(state, size)
                )
                if state.clip_norm is not None:
                    gradient = clipped(gradient, state.clip_norm)
                parameters, slots = optimizer.step(parameters, gradient, slots)
                total, seen = total + J * size, seen + size
            state.step += 1
        return total / seen, parameters, slots


def clipped(gradient: Array, norm: float) -> Array:
    """g · min(1, norm / ‖g‖): the whole gradient, shortened to a length (Pascanu et al. 2013, algorithm 1)."""
    length = float(np.linalg.norm(gradient))
    return gradient if length <= norm else gradient * float(norm / length)


ENGINES: dict[str, Engine] = {"numpy": Numpy()}


def get(name: str) -> Engine:
    """The engine of a name; ``"auto"`` takes the fastest there is. ValueError for an unknown one."""
    if name == "auto":
        return ENGINES["numpy"]
    if name not in ENGINES:
        raise unknown("engine", name, ["auto", *ENGINES])
    return ENGINES[name]
