"""The engine "jax"."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import jax
import numpy as np

from chainrule._types import Array
from chainrule.engines import interrupts
from chainrule.engines.contract import Objective
from chainrule.engines.jax import program, together
from chainrule.engines.jax.dispatch import Dispatch, advanced, bring_back
from chainrule.engines.jax.feed import Feed
from chainrule.engines.jax.program import Design, Place, Recipe
from chainrule.engines.jax.shares import Shares
from chainrule.engines.state import EpochOrder, State

if TYPE_CHECKING:
    from chainrule.network import Network


class Jax:
    """Mini-batches of an epoch in one compiled call; epochs are dispatched without waiting for the one before."""

    name = "jax"

    def __init__(self) -> None:
        self._feeds: WeakKeyDictionary[State, Feed | Shares] = WeakKeyDictionary()

    def objective(self, network: "Network", X: Any, Y: Array, weights: Array | None, l2: float) -> Objective:
        """The function from any flat vector of parameters (p,) to J and its gradient (p,)."""
        design = Design.of(network)
        with arithmetic():
            examples = jax.device_put((X.toarray() if hasattr(X, "toarray") else X, Y, weights))

        def cost_and_gradients(parameters: Array) -> tuple[float, Array]:
            with arithmetic(), program.traced():
                J, gradient = program.cost_and_gradient(design, *examples, l2, parameters)
            return float(J), np.array(gradient)

        return cost_and_gradients

    def run(self, state: State, epochs: int, costs: list[float] | None = None) -> list[float]:
        """Advance by whole epochs; `costs`, longer by the cost of each, before its updates."""
        costs = [] if costs is None else costs
        last, finite = state.epoch + epochs, True

        def tell(Js: list[float]) -> None:
            nonlocal finite
            finite = isfinite(Js[-1])
            costs.append(state.cost if finite else Js[-1])

        with self._on_device(state) as device:
            while state.epoch < last and finite:
                _advance(state, device, last - state.epoch, None, tell)
        return costs

    def steps(self, state: State, batches: int, costs: list[float] | None = None) -> list[float]:
        """Advance by mini-batches of one epoch; `costs`, longer by J of each, before its update."""
        costs = [] if costs is None else costs
        with self._on_device(state) as device:
            _advance(state, device, 1, batches, costs.extend)
        return costs

    @contextmanager
    def _on_device(self, state: State) -> Iterator[Dispatch]:
        """A training on the device; at the end the network and the memory have what is whole of it."""
        with arithmetic(state.precision), interrupts.Deferral():
            place, before = Place(state.network.parameters, state.memory.slots), state.memory.batches
            feed = self._feed([state])
            device = Dispatch(Recipe.of(state, feed.mesh), state.precision, place, feed, None)
            try:
                with _connected(state):
                    yield device
            finally:
                if state.memory.batches != before:
                    bring_back(state, jax.device_get(device.place))

    def lists(self, state: State, count: int, threads: int) -> int:
        """As few as have room on the device."""
        return together.lists(state, count)

    def run_many(self, states: Sequence[State], epochs: int, costs: Sequence[list[float]]) -> None:
        """Advance all by whole epochs: those of one recipe as one program that has an axis more."""
        for group in together.groups(states):
            some, its_costs = [states[i] for i in group], [costs[i] for i in group]
            with arithmetic(some[0].precision), interrupts.Deferral(), np.errstate(over="ignore"):
                if len(some) > 1 and (feed := self._feed(some)).fits:
                    together.Group(some, feed, its_costs).run(epochs)
                    continue
            for state, its in zip(some, its_costs, strict=True):
                self.run(state, epochs, its)

    def _feed(self, states: Sequence[State]) -> Feed | Shares:
        """The examples of these; those that all have are kept for as long as the first of them."""
        if (feed := self._feeds.get(states[0])) is None:
            feed = Feed(states[:1]) if states[0].hosts is None else Shares(states[0])
            self._feeds[states[0]] = feed
        return feed if all(state.X is states[0].X and state.Y is states[0].Y for state in states) else Feed(states)


def _advance(
    state: State, device: Dispatch, epochs: int, batches: int | None, tell: Callable[[list[float]], None]
) -> None:
    """Epochs, or mini-batches of one, as many as are dispatched at once.

    tell: who is told of each epoch, J of its mini-batches, when the state has advanced. The last J is not finite where
    what comes of the epoch is not; then there are no more.
    """
    interrupts.check()
    b, start = state.batch_size, state.example
    left = -(-(state.m - start) // b)
    if batches is not None or start:
        epochs, left = 1, min(left, batches or left)
    try:
        count = min(epochs, device.at_once(b, left))
        orders = state.orders(count)
        for k, rate in enumerate(state.learning_rates(count if orders is None else len(orders))):
            step = state.memory.batches + k * left
            order = None if orders is None else orders[k]
            device.epoch(order, start, b, left, step=step, mask_key=state.mask_key, rate=rate)
    finally:  # also where a signal waits: the epochs that are done
        for result in device.results():
            tell(advanced(state, *result))
            if not result.finite:
                break
        if isinstance(state.order, EpochOrder):
            state.order.rewind(state.epoch)


@contextmanager
def _connected(state: State) -> Iterator[None]:
    """Where other processes cannot be reached any more, a state becomes what it was before the call."""
    before = state.epoch, state.example, state.total, state.seen, state.memory.batches
    with nullcontext() if state.hosts is None else state.hosts.connected():
        try:
            yield
        except jax.errors.JaxRuntimeError:
            state.epoch, state.example, state.total, state.seen, state.memory.batches = before
            raise


@contextmanager
def arithmetic(precision: str | None = None) -> Iterator[None]:
    """Numbers of 64 bits where there are any, and products of the precision that is asked for."""
    products = "BF16_BF16_F32" if precision == "bf16" else "highest"  # or else a GPU rounds the factors of float32
    with (
        jax.enable_x64(True),
        jax.default_matmul_precision(products),
        jax.numpy_dtype_promotion("standard"),  # as the user may have set the others
        jax.numpy_rank_promotion("allow"),
        jax.transfer_guard("allow"),
        jax.disable_jit(False),
    ):
        yield


@cache
def bf16_obstacle() -> str | None:
    """Why there are no products in bf16; None if there are. Where JAX has none it takes others, and does not say so."""
    with arithmetic("bf16"):
        product = jax.jit(jax.numpy.matmul)(np.full((16, 16), 1 + 2**-10, np.float32), np.eye(16, dtype=np.float32))
    return None if product[0, 0] == 1 else f"JAX has none for the {jax.local_devices()[0].device_kind}"
