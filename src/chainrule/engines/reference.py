"""The engine "numpy": equations.py and optimizers.py in a loop, to be read, and to check the others against."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import equations, layout
from chainrule._types import Array
from chainrule.engines import blas, interrupts
from chainrule.engines.contract import Objective
from chainrule.engines.state import State

if TYPE_CHECKING:
    from chainrule.network import Network


def dropout_masks(state: State, examples: int) -> list[Any] | None:
    """D[l] (n[l], examples) for this step: 1 / keep where a unit stays, 0 where it is out, None without dropout.

    Unit i of the batch's example j in layer l takes 32-bit number j·n[l] + i of the Philox4x64-10 stream (Salmon et al.
    2011) with key (mask_key, 0) and counter (0, 0, l, step), as numpy.random.Philox counts; it stays if that is below
    keep · 2³².
    So a mask depends on its place only, not on the engine, the number of threads, or what was drawn before.
    """

    def words(counts: dict[int, int]) -> dict[int, Array]:
        key, step = [state.mask_key, 0], state.memory.batches
        streams = {l: np.random.Philox(key=key, counter=[0, 0, l, step]) for l in counts}
        return {l: streams[l].random_raw((n + 1) // 2).astype("<u8").view("<u4")[:n] for l, n in counts.items()}

    return masks(state.network.sizes, state.dropout, examples, state.network.dtype, words)


def masks(
    sizes: Sequence[int],
    dropout: Sequence[float],
    examples: int,
    dtype: np.dtype[Any],
    words: Callable[[dict[int, int]], dict[int, Any]],
) -> list[Any] | None:
    """The masks of `dropout_masks`; words: layer → a count, layer → the first so many numbers of its stream."""
    counts = {l: sizes[l] * examples for l, rate in enumerate(dropout, start=1) if rate}
    if not counts:
        return None
    D: list[Any] = [None] * len(sizes)
    for l, drawn in words(counts).items():
        keep = 1 - dropout[l - 1]
        stays = (drawn < np.uint64(keep * 2**32)).reshape(examples, sizes[l]).T
        D[l] = stays.astype(dtype) / dtype.type(keep)
    return D


def cost_and_gradient(
    network: Any, X: Any, Y: Any, weights: Any, l2: float, parameters: Any, D: list[Any] | None = None
) -> tuple[Any, Any]:
    """J at any flat vector of parameters (p,), and its gradient (p,), of a network's sizes, g, slope and loss.

    Every array brings its own functions, as in equations.py.
    """
    W, b = layout.unpack(network.sizes, parameters)
    J, dW, db = equations.cost_and_gradients(X, Y, W, b, network.g, network.slope, network.loss, l2, weights, D)
    return J, layout.pack(dW, db)


class Numpy:
    """The readable reference."""

    name = "numpy"

    def objective(self, network: "Network", X: Any, Y: Array, weights: Array | None, l2: float) -> Objective:
        """The function from any flat vector of parameters (p,) to J and its gradient (p,)."""

        @blas.one_thread()
        def cost_and_gradients(parameters: Array) -> tuple[float, Array]:
            J, gradient = cost_and_gradient(network, X, Y, weights, l2, parameters)
            return float(J), gradient

        return cost_and_gradients

    def run(self, state: State, epochs: int, costs: list[float] | None = None) -> list[float]:
        """Advance by whole epochs; `costs`, longer by the cost of each, before its updates."""
        costs = [] if costs is None else costs
        last, finite = state.epoch + epochs, True
        with _alone():
            while state.epoch < last and finite:
                Js = self._advance(state, None)
                finite = isfinite(Js[-1])
                costs.append(state.cost if finite else Js[-1])
        return costs

    def steps(self, state: State, batches: int, costs: list[float] | None = None) -> list[float]:
        """Advance by mini-batches of one epoch; `costs`, longer by J of each, before its update."""
        costs = [] if costs is None else costs
        with _alone():
            costs += self._advance(state, batches)
        return costs

    def lists(self, state: State, count: int, threads: int) -> int:
        """Each alone."""
        return count

    def run_many(self, states: Sequence[State], epochs: int, costs: Sequence[list[float]]) -> None:
        """One after the other."""
        for state, its_costs in zip(states, costs, strict=True):
            self.run(state, epochs, its_costs)

    def _advance(self, state: State, batches: int | None) -> list[float]:
        """Mini-batches, all that are left of the epoch if None: J of each.

        The last is not finite if what comes of them is not. Then the state is as it was before them.
        """
        network, optimizer, memory, m = state.network, state.optimizer, state.memory, state.Y.shape[1]
        if (rate := state.learning_rate(state.epoch)) != optimizer.learning_rate:
            optimizer = replace(optimizer, learning_rate=rate)
        parameters, slots, before, Js = network.parameters, memory.slots, memory.batches, []
        total, seen = (state.total, state.seen) if state.example else (0.0, 0.0)
        order = state.order_now()
        end = m if batches is None else min(m, state.example + batches * state.batch_size)
        finite = False
        try:
            for start in range(state.example, end, state.batch_size):
                interrupts.check()
                batch: Any = slice(start, min(start + state.batch_size, m))
                size = batch.stop - start
                if order is not None:
                    batch = order[batch]
                # Rows of the transpose: contiguous for C-ordered examples, and sparse arrays can do it too.
                X, Y = state.X.T[batch].T, state.Y.T[batch].T
                w = None if state.weights is None else state.weights[:, batch]
                if w is None or w.any():  # a batch of examples that do not count changes nothing
                    D = dropout_masks(state, size)
                    J, gradient = cost_and_gradient(network, X, Y, w, state.l2, parameters, D)
                    if state.clip_norm is not None:
                        gradient = clipped(gradient, state.clip_norm)
                    parameters, slots = optimizer.step(parameters, gradient, slots)
                    J = float(J)
                    total, seen = total + J * size, seen + size
                    Js.append(J)
                    if not isfinite(J):
                        return Js
                memory.batches += 1
            # With the slots: a square of the gradient overflows before it does, and no parameter would move again.
            vectors = (parameters, *(slot for slot in slots if isinstance(slot, np.ndarray)))
            finite = all(np.isfinite(vector).all() for vector in vectors)
        finally:  # also at an interrupt
            if not finite:
                memory.batches = before
        if not finite:
            return [*Js[:-1], inf]
        network.parameters[...] = parameters
        memory.slots = slots
        state.advanced(end, total, seen)
        return Js


@contextmanager
def _alone() -> Iterator[None]:
    # An overflow shows in the cost, which is checked; underflow to zero is harmless.
    with blas.one_thread(), np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
        yield


def clipped(gradient: Any, norm: float) -> Any:
    """g · min(1, norm / ‖g‖): the whole gradient, shortened to a length (Pascanu et al. 2013, algorithm 1).

    A gradient that is not finite stays that.
    """
    xp = gradient.__array_namespace__()
    exponent = xp.frexp(xp.abs(gradient).max())[1]
    # Its largest number is from 1/2 to 1: squares may leave the range of numbers where the gradient itself does not.
    scaled = xp.ldexp(gradient, -exponent)
    length = xp.maximum(xp.linalg.norm(scaled), 0.5)  # it is, but for zeros
    return xp.where(length <= xp.ldexp(norm, -exponent), gradient, scaled * (norm / length))
