"""The costs of a training: of which parameters and which examples each one is, and what a wrong one looks like."""

from collections.abc import Callable, Iterator, Sequence
from math import ceil
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.working import costs
from chainrule.working.mistakes import Mistakes
from chainrule.working.trace import frozen
from chainrule.working.trainings.batches import same
from chainrule.working.trainings.replay import Replay

_ABOUT_0 = 1e-7  # how far a cost may be off where a is that near to 0 or 1: log(a + 1e-8), clip(a, 1e-7, …)
_SAMPLE = 6
Of = Callable[[int], float | None]  # the place of a cost → what it should be


class Costs:
    """The costs as they were given, against those of every update.

    first_wrong: the place of the first wrong one, or None. wanted: what it should be. looks_like: why it is not.
    of: which costs they are, in words, where they are not those of the examples and the parameters of their update.
    unchecked: why there is nothing to compare with, or None.
    """

    def __init__(self, given: Sequence[Array], replay: Replay) -> None:
        self.given, self.replay, self.training = given, replay, replay.training
        self.m = self.training.Y.shape[1]
        self.first_wrong: int | None = None
        self.wanted, self.of, self.update = float("nan"), "", 0
        self.looks_like: tuple[str, ...] = ()
        self.unchecked: str | None = None
        self.error = 0.0
        if not given:
            self.unchecked = "there are none"
        elif not replay.updates:
            self.unchecked = "there are no updates"
        else:
            self._check()

    def _check(self) -> None:
        count, total = len(self.given), len(self.training.theta) - 1 + self.training.first - 1
        self.total = total
        if count > total + 1:
            self.unchecked = f"there are {count} for {total} updates"
            return
        right = list(self._right(count, total))
        if not right:
            self.unchecked = f"there are {count} for {total} updates"
            return
        best, of, update_of = max(right, key=lambda one: self._matches(one[1], self._sample()))
        sample = self._sample()
        matches = self._matches(of, sample)
        if matches < max(1, len(sample) / 2):
            self.update = update_of(0) + 1
            self.looks_like = self._mistaken(count, total)
            best, of, update_of = right[0]
        for i in range(count):
            wanted = of(i)
            if wanted is None:
                continue
            got = float(self.given[i].item()) if self.given[i].size == 1 else float("nan")
            if not self._close(i, wanted, of):
                self.first_wrong, self.wanted, self.update = i, wanted, update_of(i) + 1
                if not self.looks_like:
                    self.looks_like = self._explained(i, update_of)
                return
            self.error = max(self.error, abs(got - wanted) / max(abs(got) + abs(wanted), _ABOUT_0))
        self.of = best

    # -- which costs they may be -------------------------------------------------------------------------------------

    def _row(self, u: int) -> int | None:
        """The place of update u, counted from 0, among those that were recomputed."""
        j = u - (self.training.first - 1)
        return j if 0 <= j < len(self.replay.updates) else None

    def _before(self, u: int, whole: bool) -> float | None:
        if (j := self._row(u)) is None:
            return None
        update = self.replay.updates[j]
        examples = None if whole else update.examples
        known = examples is update.examples and not self.training.about_0
        return update.J if known else self.training.cost(self.training.theta[j], examples)

    def _after(self, u: int, whole: bool) -> float | None:
        j = u - (self.training.first - 1)
        if not -1 <= j < len(self.training.theta) - 1:
            return None
        examples = None if whole or j < 0 else self.replay.updates[j].examples
        return self.training.cost(self.training.theta[j + 1], examples)

    def _right(self, count: int, total: int) -> Iterator[tuple[str, Of, Callable[[int], int]]]:
        """Costs that a right training may give: what they are, each of them, and the update it belongs to."""
        whole = "of the whole set"
        kinds: list[tuple[str, Callable[[int, bool], float | None], bool]] = [
            ("", self._before, False),
            (f"{whole}, before its update", self._before, True),
            ("after its update", self._after, False),
            (f"{whole}, after its update", self._after, True),
        ]
        if count == total + 1:
            yield "of the parameters before the first update, and after each", lambda i: self._after(i - 1, True), lambda i: max(i - 1, 0)
            return
        if count == total:
            for text, of, all_of_them in kinds:
                yield text, (lambda i, of=of, w=all_of_them: of(i, w)), lambda i: i
            return
        for every in dict.fromkeys((total // count, ceil(total / count), *range(2, total + 1))):
            if every < 2 or ceil(total / every) != count and total // every != count:
                continue
            for at, place in ((0, "first"), (every - 1, "last")):
                for text, of, all_of_them in kinds:
                    words = f"of the {place} of each {every} updates{', ' if text else ''}{text}"
                    yield words, (lambda i, of=of, w=all_of_them, at=at, n=every: of(min(i * n + at, total - 1), w)), (
                        lambda i, n=every, at=at: min(i * n + at, total - 1)
                    )
        starts = self._epochs(count)
        if starts is not None:
            for words, mean in (("the mean over the batches of each epoch", False), ("the mean over each epoch", True)):
                yield words, (lambda i, mean=mean: self._mean(starts, i, by_size=mean)), lambda i: starts[i]

    def _epochs(self, count: int) -> list[int] | None:
        """Where each epoch begins, and where the last one ends, if there is a cost for each."""
        starts = epochs([update.examples for update in self.replay.updates])
        return [*starts, len(self.replay.updates)] if len(starts) == count and self.training.first == 1 else None

    def _mean(self, starts: Sequence[int], i: int, by_size: bool) -> float:
        some = self.replay.updates[starts[i] : starts[i + 1]]
        sizes = [self.m if one.examples is None else len(one.examples) for one in some]
        return float(np.average([one.J for one in some], weights=sizes if by_size else None))

    # -- comparing ---------------------------------------------------------------------------------------------------

    def _sample(self) -> list[int]:
        """The first costs, and one further on."""
        count = len(self.given)
        return list(dict.fromkeys([*range(min(_SAMPLE, count)), count // 2]))

    def _matches(self, of: Of, sample: Sequence[int]) -> int:
        wanted = [of(i) for i in sample]
        return sum(one is not None and self._close(i, one, of) for i, one in zip(sample, wanted, strict=True))

    def _close(self, i: int, wanted: float, of: Of | None = None) -> bool:
        if self.given[i].size != 1:
            return False
        got = float(self.given[i].item())
        if not np.isfinite(got):
            return bool(got == wanted) or not np.isfinite(wanted)
        tolerance = self.training.tolerance
        if abs(got - wanted) <= tolerance * (abs(got) + abs(wanted)) + 1e-12:
            return True
        if not self.training.net.loss.name.endswith("cross_entropy") or of is None:
            return False
        if abs(got - wanted) <= _ABOUT_0:
            return True
        if abs(got - wanted) > 0.05 * abs(wanted) + _ABOUT_0:
            return False
        kept, self.training.about_0 = self.training.about_0, _ABOUT_0
        try:
            low = of(i)
        finally:
            self.training.about_0 = kept
        return low is not None and min(low, wanted) - tolerance * abs(wanted) <= got <= max(low, wanted) + tolerance * abs(wanted)

    # -- what a wrong one looks like ---------------------------------------------------------------------------------

    def _mistaken(self, count: int, total: int) -> tuple[str, ...]:
        """Costs of other examples than those that they should be of."""
        updates, training = self.replay.updates, self.training
        mistakes: list[tuple[str, Of]] = []

        def of_update(value: Callable[[int], float | None]) -> Of:
            def of(i: int) -> float | None:
                j = self._row(i)
                return None if j is None else value(j)

            return of

        def size(j: int) -> int:
            examples = updates[j].examples
            return self.m if examples is None else len(examples)

        def cost(j: int, k: int) -> float | None:
            return training.cost(training.theta[j], updates[k].examples) if 0 <= k < len(updates) else None

        if count == total:
            whole = f"it is divided by {self.m}, the size of the whole set, instead of that of the batch"
            mistakes = [
                (whole, of_update(lambda j: updates[j].J * size(j) / self.m)),
                ("it is of the batch before, not of the one that the update is made with", of_update(lambda j: cost(j, j - 1))),
                ("it is of the next batch, not of the one that the update is made with", of_update(lambda j: cost(j, j + 1))),
                ("it is of the next batch, after the update", of_update(lambda j: cost(j + 1, j + 1))),
                ("it is of the first batch, in each update", of_update(lambda j: cost(j, 0))),
                ("it is one update late: of the parameters before the update before", of_update(lambda j: training.cost(training.theta[max(j - 1, 0)], updates[max(j - 1, 0)].examples))),
                ("it is that of the parameters before the first update, each time", of_update(lambda j: training.cost(training.theta[0], updates[j].examples))),
            ]  # fmt: skip
            others: list[Array] = []
            for part in training.batches.parts:
                if len(others) < 8 and not any(same(part, other) for other in others):
                    others.append(part)
            for part in others:
                text = f"it is of {len(part)} other examples than those that the updates are made with"
                mistakes.append((text, of_update(lambda j, part=part: training.cost(training.theta[j], part))))
                mistakes.append((text, of_update(lambda j, part=part: training.cost(training.theta[j + 1], part))))
        elif (starts := self._epochs(count)) is not None:
            n = [starts[i + 1] - starts[i] for i in range(count)]
            mistakes = [
                ("it is the sum over the batches of the epoch, not the mean", lambda i: n[i] * self._mean(starts, i, False)),
                (f"the sum of the means of the batches is divided by m = {self.m}: each is a mean already",
                 lambda i: n[i] * self._mean(starts, i, False) / self.m),
            ]  # fmt: skip
        sample = self._sample()
        least = max(1, len(sample) - 1)
        return tuple(text for text, of in mistakes if self._matches(of, sample) >= least)[:1]

    def _explained(self, i: int, update_of: Callable[[int], int]) -> tuple[str, ...]:
        """The mistakes of a cost that `check_gradients` knows, if they explain the next one as well."""
        found: tuple[str, ...] | None = None
        for place in dict.fromkeys((i, min(i + 1, len(self.given) - 1))):
            j = self._row(update_of(place))
            if j is None:
                continue
            net = frozen(self.training.net, np.float64)
            net.parameters = self.training.theta[j]
            examples = self.replay.updates[j].examples
            mistakes = Mistakes(net, *self.training.of(examples), self.training.l2, None)
            texts = costs.explained(self.given[place], mistakes)
            found = texts if found is None else tuple(text for text in found if text in texts)
        return (found or ())[:2]


def epochs(batches: Sequence[Any]) -> list[int]:
    """The places where an epoch begins: where an example comes again."""
    starts, seen = [0], set[int]()
    for k, batch in enumerate(batches):
        if batch is None:
            return list(range(len(batches)))
        some = set(map(int, batch))
        if some & seen:
            starts.append(k)
            seen = set()
        seen |= some
    return starts
