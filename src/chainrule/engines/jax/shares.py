"""How examples come to several devices: each has a part of them, and gives its share of every mini-batch."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from chainrule._types import Array
from chainrule.engines.hosts import DEVICES, taken
from chainrule.engines.jax.feed import Feed, Part, rooms
from chainrule.engines.jax.program import Examples, Share
from chainrule.engines.state import State


class Shares:
    """The examples of one state that are this process's, for its devices; what `Feed` is for one device.

    All devices have as many rows as the largest part and one more, of weight 0, with which shares are filled up.
    """

    def __init__(self, state: State) -> None:
        assert state.hosts is not None
        self.hosts, self.mesh = state.hosts, state.hosts.mesh
        self.feed, self.m, self.shared = Feed([state]), state.hosts.m, True
        self.parts = self.hosts.parts[self.hosts.own]
        self.starts = np.cumsum([0, *self.parts])[:-1]  # of each part among the examples of this process
        self.rows = rooms(max(self.hosts.parts), 1)
        self.fits = bool(self.hosts.gather(np.array([int(self.feed.fits)])).all())
        self._on_devices: Examples | None = None
        self._cut: tuple[tuple[int, int], tuple[Array, Array, int, Share]] | None = None

    def put(self, tree: Any, *axes: str | None) -> Any:
        """Arrays on the devices, cut along the axis of the devices; without one, the whole of them on each.

        Numbers of Python stay that: an array of float64 or int64 would make float64 of what is float32.
        """
        sharding = NamedSharding(self.mesh, PartitionSpec(*axes))

        def put(A: Any) -> Any:
            return jax.make_array_from_process_local_data(sharding, A) if isinstance(A, np.ndarray) else A

        return jax.tree.map(put, tree)

    def epoch(self, order: Array | None, start: int, b: int) -> Callable[[int, int], Part]:
        """The mini-batches of b examples of an epoch, as `Feed.epoch` gives them."""
        if self._cut is None or self._cut[0] != (start, b):
            self._cut = (start, b), self._cut_at(start, b)
        first, given, width, share = self._cut[1]
        which, count = self._which(order, first, given, width), len(given)
        if self.fits:
            numbers = np.where(which < self.feed.m, which - self.starts[:, None], self.rows)
            index = self.put(numbers.reshape(count, -1), None, DEVICES)
            return lambda first, last: Part(self._all(), index, 0, last, share)
        sent = self.feed.at_once(count, which[0].size)

        def part(first: int, last: int) -> Part:
            chunk = np.full((sent, *which.shape[1:]), self.feed.m)
            chunk[: len(which) - first] = which[first : first + sent]
            examples = self.put(self._examples(chunk.reshape(sent, -1)), None, DEVICES)
            return Part(examples, None, first, min(first + sent, last), share)

        return part

    def _cut_at(self, start: int, b: int) -> tuple[Array, Array, int, Share]:
        """How an epoch is cut: what each device of this process has given before each mini-batch, and gives to it.

        Both are (mini-batches, own devices); and the largest share of any device in any epoch of such mini-batches.
        """
        m, own = self.m, self.hosts.own
        steps = b * np.arange(rooms(m, b) + 1)
        ends = np.minimum(start + steps, m)
        done = taken(self.hosts.parts, ends)
        given = np.diff(done, axis=0)
        whole = np.diff(taken(self.hosts.parts, np.minimum(steps, m)), axis=0)
        begins = np.cumsum(given, axis=1) - given
        share = Share(self.put(begins[:, own], None, DEVICES), self.put(np.diff(ends)))
        return done[:-1, own], given[:, own], int(max(given.max(), whole.max())), share

    def _which(self, order: Array | None, first: Array, given: Array, width: int) -> Array:
        """Which examples of this process are in each share, (mini-batches, own devices, width); m where none is."""
        j, which = np.arange(width), np.full((*given.shape, width), self.feed.m)
        for d, (start, part) in enumerate(zip(self.starts, self.parts, strict=True)):
            own = np.arange(start, start + part)
            if order is not None:
                own = order[(order >= start) & (order < start + part)]
            there = j < given[:, d, None]
            which[:, d][there] = own[(first[:, d, None] + j)[there]]
        return which

    def _all(self) -> Examples:
        if self._on_devices is None:
            numbers = self.starts[:, None] + np.arange(self.rows + 1)  # (own devices, rows + 1)
            numbers[np.arange(self.rows + 1) >= np.array(self.parts)[:, None]] = self.feed.m
            self._on_devices = self.put(self._examples(numbers.reshape(-1)), DEVICES)
        return self._on_devices

    def _examples(self, which: Array) -> Examples:
        """These examples as rows; those that there are not have weight 0."""
        there, found = which < self.feed.m, []
        for A in self.feed.sources[0]:
            rows = A[which[there]]
            whole = np.zeros((*which.shape, *A.shape[1:]), A.dtype)
            whole[there] = rows.toarray() if hasattr(rows, "toarray") else rows
            found.append(whole)
        return Examples(*found)
