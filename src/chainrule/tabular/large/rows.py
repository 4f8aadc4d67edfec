"""Rows of a table of any size: what is drawn of them depends on the seed and on their number in the table only."""

from typing import Any

import numpy as np
import pandas as pd

from chainrule._types import Array

MOST, BYTES = 100_000, 1 << 28  # of a sample: its rows, and what they take in memory
FEWEST = 1000  # rows of a sample, however much they take
LABELS, CLASSES = 10_000, 200  # values of a target that are counted, and of which some rows are kept
KEPT = 10  # rows
SAMPLE, TEST, HELD_OUT, FOLD = range(4)  # what is drawn for: four sequences


def draws(numbers: Any, seed: int, purpose: int) -> Array:
    """A number from 0 to 2⁶⁴ − 1 for each row, by its number in the table: (m,).

    splitmix64, which is a function of the number of the row (Steele, Lea & Flood 2014, "Fast splittable pseudorandom
    number generators").
    """
    key = np.random.SeedSequence([seed, purpose]).generate_state(1, np.uint64)
    z = key + np.asarray(numbers, np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    drawn: Array = z ^ (z >> np.uint64(31))
    return drawn


def below(share: float, drawn: Array) -> Array:
    """Which rows (m,) are among so large a share of all."""
    chosen: Array = np.ones(len(drawn), bool) if share >= 1 else drawn < np.uint64(int(share * 2**64))
    return chosen


class Sample:
    """A uniform sample of the rows that pass by, all of them where they are not too many.

    It is those with the smallest numbers that are drawn for them, so that it is the same however the table is cut.

    Parameters
    ----------
    seed : int
    most : int
        Rows; fewer where these would take more than BYTES.
    """

    def __init__(self, seed: int, most: int = MOST) -> None:
        self.seed, self.most = seed, most
        self.seen = 0  # rows that were drawn from
        self._limit = np.uint64(2**64 - 1)  # of the numbers of rows that may be in it
        self._frames: list[pd.DataFrame] = []
        self._drawn: list[Array] = []

    def update(self, frame: pd.DataFrame) -> None:
        """Rows of the table, whose index is their number in it."""
        drawn = draws(frame.index, self.seed, SAMPLE)
        if not self.seen and len(frame):
            each = int(frame.memory_usage(deep=True).sum()) // len(frame) + 1
            self.most = min(self.most, max(FEWEST, BYTES // each))
        self.seen += len(frame)
        kept = drawn <= self._limit
        self._frames.append(frame[kept])
        self._drawn.append(drawn[kept])
        if sum(map(len, self._drawn)) > 2 * self.most:
            self._cut()

    def _cut(self) -> None:
        drawn, frame = np.concatenate(self._drawn), pd.concat(self._frames)
        if len(drawn) > self.most:
            kept = np.sort(np.argpartition(drawn, self.most - 1)[: self.most])
            drawn, frame = drawn[kept], frame.iloc[kept]
            self._limit = drawn.max()
        self._frames, self._drawn = [frame], [drawn]

    @property
    def frame(self) -> pd.DataFrame:
        """Its rows in the order of the table."""
        self._cut()
        return self._frames[0]


class Labels:
    """How often each value of a target has passed by, as long as there are no more than LABELS; and some rows of each.

    counts: value → rows; None where there are more.
    """

    def __init__(self) -> None:
        self.counts: dict[Any, int] | None = {}
        self._few: dict[Any, list[pd.DataFrame]] = {}

    def update(self, frame: pd.DataFrame, target: str) -> None:
        """Count the values of some rows, missing ones left out."""
        if self.counts is None:
            return
        found = frame[target].value_counts()
        for value, count in zip(found.index.tolist(), found.tolist(), strict=True):
            before = self.counts.get(value, 0)
            self.counts[value] = before + count
            if before < KEPT and len(self.counts) <= CLASSES:
                rows = frame[frame[target] == value].head(KEPT - before)
                self._few.setdefault(value, []).append(rows)
        if len(self.counts) > CLASSES:
            self._few = {}
        if len(self.counts) > LABELS:
            self.counts = None

    def missing(self, sample: pd.DataFrame, target: str, fewest: int) -> list[pd.DataFrame]:
        """Rows of the values of which a sample has fewer than so many, where there are no more than CLASSES values."""
        more = []
        for value, parts in self._few.items():
            rows = pd.concat(parts)
            there = int((sample[target] == value).sum())
            more.append(rows[~rows.index.isin(sample.index)].head(max(0, fewest - there)))
        return [rows for rows in more if len(rows)]
