"""How a training goes through its examples: batch by batch, epoch by epoch."""

from itertools import pairwise

import numpy as np

from chainrule.working.trainings.batches import same
from chainrule.working.trainings.costs import epochs
from chainrule.working.trainings.replay import Replay, Training
from chainrule.working.trainings.report import Wrong


class Used:
    """Which examples the updates are made with. wrong: what is a mistake; notes: what is unusual."""

    def __init__(self, training: Training, replay: Replay, batch_size: int | None) -> None:
        self.m, self.first = training.Y.shape[1], training.first
        self.batches = [update.examples for update in replay.updates]
        self.starts = set(epochs(self.batches)) if any(one is not None for one in self.batches) else {0}
        self.wrong: list[Wrong] = []
        self.notes: list[str] = []
        if not self.batches:
            return
        if all(one is None for one in self.batches):
            if batch_size is not None and batch_size < self.m:
                text = f"the batches are not used: each update is made with all {self.m} examples"
                self._is_wrong(f"not of {batch_size} examples", text, 0)
            return
        sizes = {self.m if one is None else len(one) for one in self.batches}
        usual = batch_size if batch_size is not None and batch_size in sizes else max(sizes)
        first = self.batches[0]
        others = [part for part in training.batches.parts if not same(part, first)]
        if len(self.batches) > 1 and all(same(first, one) for one in self.batches):
            if any(len(part) == usual for part in others) or 2 * usual <= self.m:
                text = f"the same {usual} examples in each update: one batch, again and again"
                self._is_wrong("the same in each update", text, 1)
            else:
                self.notes.append(f"each update is made with the same {usual} of the {self.m} examples")
            return
        if batch_size is not None and usual != batch_size:
            text = f"the batches have {usual} examples instead of {batch_size}"
            self._is_wrong(f"not of {batch_size} examples", text, 0)
        self._left_out(usual)

    def first_of_epoch(self, t: int) -> bool:
        """Whether update t, counted from 1, is the first of an epoch."""
        return t - 1 in self.starts

    def _left_out(self, usual: int) -> None:
        """Examples that are in no batch of a whole epoch."""
        starts = sorted(self.starts)
        if len(starts) < 2:
            return
        whole = [
            np.concatenate([np.arange(self.m) if one is None else one for one in self.batches[a:b]])
            for a, b in pairwise(starts)
        ]
        missed = [np.setdiff1d(np.arange(self.m), one) for one in whole]
        if len({len(one) for one in missed}) > 1 or not len(missed[0]):
            return  # drawn at random, or complete
        never = missed[0]
        for one in missed[1:]:
            never = np.intersect1d(never, one)
        left = len(missed[0])
        if left == self.m % usual and (len(never) < left or never[0] == self.m - left):
            text = f"the last, short batch is left out: {left} of the {self.m} examples in each epoch"
            same_ones = len(never) == left
            self.notes.append(text + (", always the same" if same_ones else ""))
        elif len(never):
            some = ", ".join(map(str, never[:4])) + (", …" if len(never) > 4 else "")
            text = f"{len(never)} of the {self.m} examples are in no batch: {some}, counted from 0"
            self._is_wrong("not all examples are used", text, 0)

    def _is_wrong(self, problem: str, text: str, at: int) -> None:
        self.wrong.append(
            Wrong(at + self.first, "batches", "Wanted is each example once in each epoch.", problem, (text,))
        )
