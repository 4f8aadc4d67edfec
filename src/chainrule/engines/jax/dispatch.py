"""What is dispatched to the device: epochs, one after the other, without waiting for the one before."""

import logging
from math import inf, isfinite
from time import monotonic
from typing import Any, NamedTuple

import jax
import numpy as np

from chainrule._types import Array
from chainrule.engines import interrupts
from chainrule.engines.jax import program
from chainrule.engines.jax.feed import Feed, Part, rooms
from chainrule.engines.jax.program import Epoch, Place, Recipe
from chainrule.engines.jax.shares import Shares
from chainrule.engines.state import State

log = logging.getLogger("chainrule")

_LOOK = 0.2  # seconds of work that are dispatched before somebody waits for it, and looks whether to go on
_ahead: dict[Any, int] = {}  # a kind of training → how many of its mini-batches take that long
_compiled: set[Any] = set()  # what the log was told of


class Result(NamedTuple):
    """Of an epoch, or a part of one: whether what came of it is finite, J of its mini-batches, and which count."""

    finite: Any
    Js: Array
    counted: Array


class Dispatch:
    """A training on the device, or several that advance together, for one call of the engine.

    place: where it stands. several: how many there are; None for one, whose arrays have no axis for that.
    """

    def __init__(
        self, recipe: Recipe, precision: str | None, place: Place, feed: Feed | Shares, several: int | None
    ) -> None:
        self.recipe, self.precision, self.feed, self.several = recipe, precision, feed, several
        self.place: Place = feed.put(place)
        self._results: list[Any] = []
        self._finite: Any = True if several is None else np.ones(several, bool)
        self._advance, self._settle = program.of(several is not None, feed.shared)
        self._kind: Any = None
        self._batches, self._since = 0, monotonic()

    def at_once(self, b: int, batches: int) -> int:
        """How many epochs of so many mini-batches of b examples are to be dispatched before `results` is called."""
        self._kind = self.recipe, self.precision, b, self.several
        return max(1, _ahead.get(self._kind, 1) // batches)

    def epoch(
        self, order: Array | None, start: int, b: int, batches: int, *, step: int, mask_key: Any, rate: Any
    ) -> None:
        """So many mini-batches of b examples in this order, from an example on; `step` is the number of the first.

        If what comes of them, or of those before, is not finite, the training stays where it is.
        """
        done, part_of = 0, self.feed.epoch(order, start, b)
        epoch = program.begin(self.place, rooms(self.feed.m, b), self.several)
        while done < batches:
            part = part_of(done, min(done + _ahead.get(self._kind, 1), batches))
            if done:  # and while that part was gathered the device was at the last one
                jax.block_until_ready(epoch)
                self._look()
                interrupts.check()
            epoch = self._call(epoch, part, done, step, mask_key, rate)
            self._batches += part.last - done
            done = part.last
        self.place, self._finite = self._settle(self.place, epoch.place, epoch.Js, self._finite)
        self._results.append(Result(self._finite, epoch.Js[..., :batches], epoch.counted[..., :batches]))

    def results(self) -> list[Result]:
        """Those of the epochs that were dispatched, when they are done."""
        found: list[Result] = jax.device_get(self._results)
        self._results = []
        self._look()
        return found

    def _call(self, epoch: Epoch, part: Part, first: int, step: int, mask_key: Any, rate: Any) -> Epoch:
        """A part of an epoch; the log is told how long it takes to compile."""
        shapes = jax.tree.map(lambda A: A.shape, (epoch.Js, part.examples.X))
        known, started = (self._kind, *shapes) in _compiled, monotonic()
        with program.traced():
            after: Epoch = self._advance(
                self.recipe, epoch, part.examples, part.order, part.share,
                first, part.last, part.offset, step, mask_key, rate,
            )  # fmt: skip
        if not known:
            _compiled.add((self._kind, *shapes))
            self._since = monotonic()
            where, seconds = jax.local_devices()[0].device_kind, self._since - started
            log.info("engine 'jax': compiled for the %s in %.1f s", where, seconds)
        return after

    def _look(self) -> None:
        """The device has come to the end of what was dispatched: how much may be next?"""
        now, done = monotonic(), self._batches
        if done:
            _ahead[self._kind] = max(1, min(int(done * _LOOK / max(now - self._since, 1e-9)), 2 * done))
        self._batches, self._since = 0, now


def advanced(state: State, finite: Any, Js: Array, counted: Array) -> list[float]:
    """Advance a state by mini-batches, if what comes of them is finite: J of those that count.

    If it is not, the last J is not either.
    """
    found: list[float] = Js[counted].tolist()
    if not finite:
        bad = next((i for i, J in enumerate(found) if not isfinite(J)), None)
        return [*found[:-1], inf] if bad is None else found[: bad + 1]
    first, b = state.example, state.batch_size
    end = min(state.m, first + len(Js) * b)
    sizes = np.diff(np.arange(first, end, b), append=end)[counted]
    total, seen = (state.total, state.seen) if first else (0.0, 0.0)
    total = np.cumsum([total, *np.multiply(sizes, found)])[-1]  # one after the other, in however many parts they come
    state.memory.batches += len(Js)
    state.advanced(end, float(total), seen + float(sizes.sum()))
    return found


def bring_back(state: State, place: Place) -> None:
    """Let the network and the memory of a state, which has advanced, have what was on the device."""
    state.network.parameters[...] = place.parameters
    state.memory.load(tuple(A if A.ndim else A.item() for A in place.slots), state.memory.batches)
