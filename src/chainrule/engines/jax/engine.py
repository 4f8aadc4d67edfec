"""The engine "jax": what is dispatched to the device, and what comes back of it."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from math import inf, isfinite
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import jax
import numpy as np

from chainrule._types import Array
from chainrule.engines import interrupts
from chainrule.engines.contract import Objective
from chainrule.engines.jax import program
from chainrule.engines.jax.feed import Feed, Part
from chainrule.engines.jax.program import Design, Epoch, Place, Recipe
from chainrule.engines.state import EpochOrder, State

if TYPE_CHECKING:
    from chainrule.network import Network

log = logging.getLogger("chainrule")

_LOOK = 0.2  # seconds of work that are dispatched before the engine waits for it, and looks whether to go on
_compiled: set[Any] = set()  # what the log was told of


class _Job(NamedTuple):
    """What is kept of a state from one call to the next: its examples, and how many mini-batches take `_LOOK`."""

    feed: Feed
    ahead: int


class Jax:
    """Mini-batches of an epoch in one compiled call; epochs are dispatched without waiting for the one before."""

    name = "jax"

    def __init__(self) -> None:
        self._jobs: WeakKeyDictionary[State, _Job] = WeakKeyDictionary()

    def objective(self, network: "Network", X: Any, Y: Array, weights: Array | None, l2: float) -> Objective:
        """The function from any flat vector of parameters (p,) to J and its gradient (p,)."""
        design = Design.of(network)
        with _arithmetic(None):
            examples = jax.device_put((X.toarray() if hasattr(X, "toarray") else X, Y, weights))

        def cost_and_gradients(parameters: Array) -> tuple[float, Array]:
            with _arithmetic(None):
                J, gradient = program.cost_and_gradient(design, *examples, l2, parameters)
            return float(J), np.array(gradient)

        return cost_and_gradients

    def run(self, state: State, epochs: int, costs: list[float] | None = None) -> list[float]:
        """Advance by whole epochs; `costs`, longer by the cost of each, before its updates."""
        costs = [] if costs is None else costs
        last, finite = state.epoch + epochs, True

        def tell(Js: list[float]) -> None:
            costs.append(state.cost if isfinite(Js[-1]) else Js[-1])

        with self._on_device(state) as run:
            while state.epoch < last and finite:
                finite = run.advance(last - state.epoch, None, tell)
        return costs

    def steps(self, state: State, batches: int, costs: list[float] | None = None) -> list[float]:
        """Advance by mini-batches of one epoch; `costs`, longer by J of each, before its update."""
        costs = [] if costs is None else costs
        with self._on_device(state) as run:
            run.advance(1, batches, costs.extend)
        return costs

    def lanes(self, state: State) -> int:
        """One."""
        return 1

    def run_many(self, states: Sequence[State], epochs: int, costs: Sequence[list[float]]) -> None:
        """One after the other."""
        for state, its_costs in zip(states, costs, strict=True):
            self.run(state, epochs, its_costs)

    @contextmanager
    def _on_device(self, state: State) -> Iterator["_Run"]:
        """A state while it is on the device; what is whole of it comes back at the end."""
        with _arithmetic(state.precision), interrupts.Deferral():
            run = _Run(state, self._jobs.get(state) or _Job(Feed(state), 1))
            try:
                yield run
            finally:
                self._jobs[state] = run.job
                run.bring_back()


class _Run:
    """A state while it is on the device, for one call of the engine."""

    def __init__(self, state: State, job: _Job) -> None:
        self.state, self.job = state, job
        self.recipe = Recipe.of(state)
        self.place = jax.device_put(Place(state.network.parameters, state.memory.slots))
        self._before = state.memory.batches
        self._dispatched, self._since = 0, monotonic()

    def advance(self, epochs: int, batches: int | None, tell: Callable[[list[float]], None]) -> bool:
        """Epochs, or mini-batches of one, as many as are dispatched at once; whether they were finite.

        tell: is told of each epoch, J of its mini-batches, when the state has advanced. The last J is not finite where
        what comes of the epoch is not, and the state is as it was before it.
        """
        state, finite = self.state, True
        interrupts.check()
        left = -(-(state.Y.shape[1] - state.example) // state.batch_size)
        if batches is not None or state.example:
            epochs, left = 1, min(left, batches or left)
        epochs = min(epochs, max(1, self.job.ahead // left))
        pending: list[Any] = []
        try:
            orders = state.orders(epochs)
            for k, rate in enumerate(state.learning_rates(epochs if orders is None else len(orders))):
                order, step = None if orders is None else orders[k], state.memory.batches + k * left
                epoch = self._epoch(order, left, step, rate)
                self.place, so_far = program.settle(
                    self.place, epoch.place, epoch.Js, pending[-1][0] if pending else True
                )
                pending.append((so_far, epoch.Js, epoch.counted))
        finally:  # also where a signal waits: the epochs that are done
            for so_far, Js, counted in jax.device_get(pending):
                if finite:
                    finite = bool(so_far)
                    tell(self._advanced(Js[:left], counted[:left], finite))
            if isinstance(state.order, EpochOrder):
                state.order.rewind(state.epoch)
        self._look()
        return finite

    def bring_back(self) -> None:
        """Parameters and slots are NumPy's again."""
        state, memory = self.state, self.state.memory
        if memory.batches != self._before:
            state.network.parameters[...], slots = jax.device_get(self.place)
            memory.load(tuple(A if A.ndim else A.item() for A in slots), memory.batches)

    def _epoch(self, order: Array | None, batches: int, step: int, rate: float) -> Epoch:
        """So many mini-batches from here, number 0 being number `step` of the training."""
        state, done = self.state, 0
        part_of = self.job.feed.epoch(order, state.example, state.batch_size)
        epoch = program.begin(self.place, -(-state.Y.shape[1] // state.batch_size))
        while done < batches:
            part = part_of(done, min(done + self.job.ahead, batches))  # gathered while the device is at the last one
            if done:
                jax.block_until_ready(epoch)  # type: ignore[no-untyped-call]
                self._look()
                interrupts.check()
            epoch = self._call(epoch, part, done, step, rate)
            self._dispatched += part.last - done
            done = part.last
        return epoch

    def _call(self, epoch: Epoch, part: Part, first: int, step: int, rate: float) -> Epoch:
        """`program.advance`; the log is told how long it took to compile."""
        state, started = self.state, monotonic()
        program_of = self.recipe, state.precision, epoch.Js.shape, part.examples.X.shape
        known = program_of in _compiled
        epoch = program.advance(
            self.recipe, epoch, part.examples, part.order, first, part.last, part.offset, step, state.mask_key, rate
        )
        if not known:
            _compiled.add(program_of)
            where = jax.devices()[0].device_kind
            log.info("engine 'jax': compiled for the %s in %.1f s", where, monotonic() - started)
            self._since = monotonic()
        return epoch

    def _look(self) -> None:
        """The device has come to its end: how many mini-batches may be dispatched next?"""
        now, done = monotonic(), self._dispatched
        fitting = int(done * _LOOK / max(now - self._since, 1e-9))
        self.job = self.job._replace(ahead=max(1, min(fitting, 2 * done)))
        self._dispatched, self._since = 0, now

    def _advanced(self, Js: Array, counted: Array, finite: bool) -> list[float]:
        """Advance the state by mini-batches, if they are finite; J of those that count."""
        state = self.state
        b, m = state.batch_size, state.Y.shape[1]
        found: list[float] = Js[counted].tolist()
        if not finite:
            bad = next((i for i, J in enumerate(found) if not isfinite(J)), None)
            return [*found[:-1], inf] if bad is None else found[: bad + 1]
        end = min(m, state.example + len(Js) * b)
        sizes = np.diff(np.arange(state.example, end, b), append=end)[counted]
        before = (state.total, state.seen) if state.example else (0.0, 0.0)
        # One after the other, as in steps of any number.
        total = np.cumsum([before[0], *(sizes * Js[counted].astype(np.float64))])[-1]
        state.memory.batches += len(Js)
        state.advanced(end, float(total), before[1] + float(sizes.sum()))
        return found


@contextmanager
def _arithmetic(precision: str | None) -> Iterator[None]:
    """Numbers of 64 bits where there are any, and products of the precision that is asked for."""
    products = "BF16_BF16_F32" if precision == "bf16" else "highest"  # which float32 is on a GPU only if it is told so
    with jax.enable_x64(True), jax.default_matmul_precision(products):
        yield


@cache
def bf16_obstacle() -> str | None:
    """Why there are no products in bf16; None if there are. Where JAX has none it takes others, and does not say so."""
    with _arithmetic("bf16"):
        product = np.full((16, 16), 1 + 2**-10, np.float32) @ jax.numpy.eye(16, dtype=np.float32)
    return None if product[0, 0] == 1 else f"JAX has none for the {jax.devices()[0].device_kind}"
