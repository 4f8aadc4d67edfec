"""A training that can go to any of its steps, forwards and backwards.

Training is deterministic, so its past need not be kept: now and then there is a snapshot of the state, and what lies
between two of them is computed again, to the same bits.
"""

from array import array
from bisect import bisect_right
from collections.abc import Mapping
from copy import deepcopy
from math import isfinite

import numpy as np

from chainrule.engines.contract import Engine
from chainrule.engines.state import State
from chainrule.training.options import Options

_APART = 64  # steps between two snapshots at first; chosen, no measurement is recorded
_BYTES = 64 << 20  # of all snapshots: beyond it every other one is dropped, and they lie twice as far apart


class Timeline:
    """A training from its beginning to the furthest step that it has come to, and the state at one of them.

    A step is a mini-batch; `step` counts those that are done. The state is advanced, and set back, in place. Where
    options change in the past, the future is another one, and what was there is forgotten.

    state: where it begins, as `prepare` makes it, resumable. memory: bytes of all snapshots.
    """

    def __init__(self, state: State, engine: Engine, memory: int = _BYTES) -> None:
        self.state, self.engine, self.memory = state, engine, memory
        self.changes = [(0, Options.of(state))]  # from which step on which options
        self.edits: dict[int, dict[int, float]] = {}  # at which step which parameters are set to what, by a person
        self.costs = array("d")  # J of each mini-batch, before its update
        self._apart = _APART
        self._snapshots = [_Snapshot(state)]
        self._held = self._snapshots[0].bytes

    @property
    def step(self) -> int:
        """Mini-batches that are done."""
        return self.state.memory.batches

    @property
    def end(self) -> int:
        """The furthest step that is known."""
        return len(self.costs)

    @property
    def options(self) -> Options:
        """Those that the next step is made with."""
        return [options for at, options in self.changes if at <= self.step][-1]

    def begin(self, changes: Mapping[int, Options], edits: Mapping[int, Mapping[int, float]]) -> None:
        """Expect these changes, the options of step 0 among them, and edits, before the first step is made."""
        self.changes = sorted(changes.items(), key=lambda change: change[0])
        self.edits = {at: dict(edited) for at, edited in edits.items()}
        self._edit()

    def change(self, options: Options) -> None:
        """Go on with other options. The future is forgotten."""
        self._forget()
        self.changes = [(at, before) for at, before in self.changes if at < self.step] + [(self.step, options)]

    def edit(self, place: int, value: float) -> None:
        """Go on with another value at a place of the vector of parameters. The future is forgotten."""
        self._forget()
        self.edits.setdefault(self.step, {})[place] = value
        self._edit()

    def _edit(self) -> None:
        """Set what was set at this step."""
        for place, value in self.edits.get(self.step, {}).items():
            self.state.network.parameters[place] = value

    def _forget(self) -> None:
        step = self.step
        self.changes = [(at, options) for at, options in self.changes if at <= step]
        self.edits = {at: set_then for at, set_then in self.edits.items() if at <= step}
        self._keep([snapshot for snapshot in self._snapshots if snapshot.step <= step])
        del self.costs[step:]

    def go(self, step: int) -> None:
        """Go to a step, in the past or in the future; FloatingPointError where one comes to what is not finite.

        Then the state is the last finite one.
        """
        nearest = self._snapshots[bisect_right(self._snapshots, step, key=lambda snapshot: snapshot.step) - 1]
        if not nearest.step <= self.step <= step:
            nearest.restore(self.state)
            self._edit()
        while self.step < step:
            self._advance(step)
            self._edit()

    def _advance(self, last: int) -> None:
        """Towards a step, but no further than to the next snapshot, change, or end of an epoch."""
        step, due, state = self.step, self._snapshots[-1].step + self._apart, self.state
        options = self.options
        options.put_into(state, state.shuffled if options.batch_size < state.Y.shape[1] else None)
        stops = [last, *(at for at in (*dict(self.changes), *self.edits, due) if at > step)]
        whole = state.example == 0 and state.batch_size >= state.Y.shape[1]  # then an epoch is a step
        Js = (self.engine.run if whole else self.engine.steps)(state, min(stops) - step)
        self.costs.extend(Js[self.end - step : self.step - step])
        if not isfinite(Js[-1]):
            raise FloatingPointError(f"step {self.step + 1}: the cost is {Js[-1]}")
        if self.step == due:
            self._snapshots.append(_Snapshot(state))
            self._held += self._snapshots[-1].bytes
            while len(self._snapshots) > 1 and self._held > self.memory:
                self._keep(self._snapshots[::2])
                self._apart *= 2

    def _keep(self, snapshots: list["_Snapshot"]) -> None:
        self._snapshots, self._held = snapshots, sum(snapshot.bytes for snapshot in snapshots)


class _Snapshot:
    """A copy of all that a state is at one step."""

    def __init__(self, state: State) -> None:
        self.options, self.shuffles = Options.of(state), state.order is not None
        self.parameters = state.network.parameters.copy()
        self.slots = deepcopy(state.memory.slots)
        self.step, self.epoch = state.memory.batches, state.epoch
        self.place = state.example, state.total, state.seen
        self.order = {} if state.shuffled is None else deepcopy(state.shuffled.state_dict(state.epoch))
        vectors = (self.parameters, *self.slots, *self.order.values())
        self.bytes = 3000 + sum(vector.nbytes for vector in vectors if isinstance(vector, np.ndarray))

    def restore(self, state: State) -> None:
        self.options.put_into(state, None)
        state.network.parameters[...] = self.parameters
        state.memory.load(deepcopy(self.slots), self.step)
        state.epoch, (state.example, state.total, state.seen) = self.epoch, self.place
        if state.shuffled is not None:
            state.shuffled.load_state_dict(self.order)
        state.order = state.shuffled if self.shuffles else None
