"""Several trainings at a time: those of one recipe are one program, whose arrays have an axis more."""

from collections.abc import Hashable, Sequence
from math import isfinite
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.engines import interrupts
from chainrule.engines.jax import feed
from chainrule.engines.jax.dispatch import Dispatch, advanced, bring_back
from chainrule.engines.jax.feed import Feed
from chainrule.engines.jax.program import Place, Recipe
from chainrule.engines.jax.shares import Shares
from chainrule.engines.state import EpochOrder, State

_COPIES = 4  # of parameters and slots at a time: before an epoch, and in it, and what is on its way


def lists(state: State, count: int) -> int:
    """In how many lists to give so many trainings like this one, for their arrays to have room."""
    if state.weights is not None or hasattr(state.X, "tocsr"):
        return count
    place = state.network.parameters.size * (1 + len(state.memory.slots))
    layers = sum(state.network.sizes) * state.batch_size
    order = 0 if state.order is None else 3 * state.Y.shape[1]
    size = (_COPIES * (place + layers) + order) * 8
    return -(-count // max(1, int(min(count, feed.SHARE * feed.free_memory() / size))))


def groups(states: Sequence[State]) -> list[list[int]]:
    """Trainings by their numbers, in lists of one recipe and one shape of the examples."""
    found: dict[Hashable, list[int]] = {}
    for i, state in enumerate(states):
        found.setdefault((Recipe.of(state), state.X.shape, state.batch_size), []).append(i)
    return list(found.values())


class Group:
    """Trainings of one recipe, which have come equally far; the cost of each epoch goes to one of `costs`."""

    def __init__(self, states: Sequence[State], feed: Feed | Shares, costs: Sequence[list[float]]) -> None:
        self.states, self.costs = states, costs
        self.going = list(range(len(states)))  # that are finite
        place = jax.tree.map(_stacked, *(Place(state.network.parameters, state.memory.slots) for state in states))
        self.device = Dispatch(Recipe.of(states[0]), states[0].precision, place, feed, len(states))
        self.keys = np.array([state.mask_key for state in states], np.uint64)

    def run(self, epochs: int) -> None:
        """Advance by whole epochs."""
        last = self.states[0].epoch + epochs
        try:
            while self.going and (left := last - self.states[self.going[0]].epoch):
                interrupts.check()
                self._advance(left)
        finally:
            place = jax.device_get(self.device.place)
            for i, state in enumerate(self.states):
                bring_back(state, jax.tree.map(lambda A, i=i: A[i], place))

    def _advance(self, epochs: int) -> None:
        """As many epochs as are dispatched at once."""
        states = [self.states[i] for i in self.going]
        first, m = states[0], states[0].Y.shape[1]
        b, batches, before = first.batch_size, -(-m // first.batch_size), first.memory.batches
        try:
            count = min(epochs, self.device.at_once(b, batches))
            orders = [state.orders(count) for state in states]
            count = min([count, *(len(rows) for rows in orders if rows is not None)])
            rates = [state.learning_rates(count) for state in states]
            for k in range(count):
                rate, order = np.zeros(len(self.states), first.network.dtype), None
                rate[self.going] = [its[k] for its in rates]
                if first.order is not None:
                    order = np.zeros((len(self.states), m), int)
                    order[self.going] = [rows[k] for rows in orders if rows is not None]
                step = before + k * batches
                self.device.epoch(order, 0, b, batches, step=step, mask_key=self.keys, rate=rate)
        finally:
            for result in self.device.results():
                for i in self.going:
                    Js = advanced(self.states[i], *(A[i] for A in result))
                    self.costs[i].append(self.states[i].cost if isfinite(Js[-1]) else Js[-1])
                self.going = [i for i in self.going if result.finite[i]]
            for state in states:
                if isinstance(state.order, EpochOrder):
                    state.order.rewind(state.epoch)


def _stacked(*values: Any) -> Any:
    """Vectors as one array; of numbers, which are the same in all, as many."""
    return np.stack(values) if isinstance(values[0], np.ndarray) else jnp.full(len(values), values[0])
