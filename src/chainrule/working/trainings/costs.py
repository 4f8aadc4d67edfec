"""The costs of a training: of which parameters and which examples each one is, and what a wrong one looks like."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import ceil
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.working import costs
from chainrule.working.mistakes import Mistakes
from chainrule.working.trace import frozen
from chainrule.working.trainings.batches import same
from chainrule.working.trainings.replay import ABOUT_0, Replay

_SAMPLE = 6
_OTHERS = 8  # parts of the examples that a cost may be of
Of = Callable[[int], float | None]  # the place of a cost → what it should be


@dataclass(frozen=True)
class Kind:
    """What all costs may be, in words, empty for the usual ones; cost i, and the update that it belongs to, from 0."""

    text: str
    of: Of
    update: Callable[[int], int]


class Costs:
    """The costs as they were given, against those of every update.

    first_wrong: the place of the first wrong one, or None. wanted: what it should be. looks_like: why it is not.
    checked, wrong: how many were compared, and how many of these are wrong.
    of: which costs they are, in words, where they are not those of the examples and the parameters of their update.
    unchecked: why there is nothing to compare with, or None.
    """

    def __init__(self, given: Sequence[Array], replay: Replay, total: int) -> None:
        self.given, self.replay, self.training = given, replay, replay.training
        self.m, self.total = self.training.Y.shape[1], total  # updates, those that were not checked among them
        self.first_wrong: int | None = None
        self.checked = self.wrong = 0
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
        count, total = len(self.given), self.total
        if count > total + 1:
            self.unchecked = f"there are {count} for {total} updates"
            return
        right, sample = list(self._right(count, total)), self._sample()
        if not right:
            self.unchecked = f"there are {count} for {total} updates"
            return
        best = max(right, key=lambda kind: self._matches(kind.of, sample))
        if self._matches(best.of, sample) < max(1, len(sample) / 2):
            best = right[0]
            self.looks_like = self._mistaken(count, total)
            if count < total and not self.looks_like:
                self.unchecked = f"there are {count} for {total} updates, and it does not show which belong together"
                return
        for i in range(count):
            wanted = best.of(i)
            if wanted is None:
                continue
            self.checked += 1
            if not self._close(i, wanted, best.of):
                if not self.wrong:
                    self.first_wrong, self.wanted, self.update = i, wanted, best.update(i) + 1
                    self.looks_like = self.looks_like or self._explained(i, best.update)
                self.wrong += 1
                continue
            got = float(self.given[i].item())
            self.error = max(self.error, abs(got - wanted) / max(abs(got) + abs(wanted), ABOUT_0))
        self.of = "" if self.wrong else best.text

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
        known = examples is update.examples and not self.training.rounded
        return update.J if known else self.training.cost(self.training.theta[j], examples)

    def _after(self, u: int, whole: bool) -> float | None:
        j = u - (self.training.first - 1)
        if not -1 <= j < len(self.training.theta) - 1:
            return None
        examples = None if whole or j < 0 else self.replay.updates[j].examples
        return self.training.cost(self.training.theta[j + 1], examples)

    def _right(self, count: int, total: int) -> Iterator[Kind]:
        """Costs that a right training may give, the usual ones first."""
        kinds: list[tuple[str, Callable[[int, bool], float | None], bool]] = [
            ("", self._before, False),
            ("of the whole set, before its update", self._before, True),
            ("those after each update", self._after, False),
            ("of the whole set, after each update", self._after, True),
        ]
        if count == total + 1:
            text = "of the parameters before the first update, and after each"
            yield Kind(text, partial(self._in_front, self._before, False), partial(self._place, 1, 0))
            yield Kind(text, partial(self._in_front, self._after, True), partial(self._place, 1, 0))
            return
        if count == total:
            for text, of, whole in kinds:
                yield Kind(text, partial(self._value, of, whole, 1, 0), partial(self._place, 1, 0))
            return
        for every in dict.fromkeys((total // count, ceil(total / count), *range(2, total + 1))):
            if every < 2 or (ceil(total / every) != count and total // every != count):
                continue
            for at, place in ((0, "first"), (every - 1, "last")):
                for text, of, whole in kinds:
                    words = f"of the {place} of each {every} updates{', ' if text else ''}{text}"
                    yield Kind(words, partial(self._value, of, whole, every, at), partial(self._place, every, at))
        if len(places := self._places()) == count:
            some = ", ".join(str(place + self.training.first) for place in places[:3])
            yield Kind(f"of the updates {some}, …", partial(self._at, places), partial(self._of, places))
        if self._epochs(count) is not None:
            for by_size in (False, True):
                text = f"the mean over {'the batches of ' if not by_size else ''}each epoch"
                yield Kind(text, partial(self._mean, by_size), self._begin)

    def _places(self) -> list[int]:
        """The places of the updates that have the costs, one after the other; -1 for that which cannot be checked."""
        places, updates = [-1] * (self.training.first > 1), enumerate(self.replay.updates)
        for i in range(len(places), len(self.given)):
            place = next((j for j, update in updates if self._close(i, update.J)), None)
            if place is None:
                break
            places.append(place)
        return places

    def _at(self, places: Sequence[int], i: int) -> float | None:
        return None if places[i] < 0 else self.replay.updates[places[i]].J

    def _of(self, places: Sequence[int], i: int) -> int:
        return places[i] + self.training.first - 1

    def _value(self, of: Callable[[int, bool], float | None], whole: bool, every: int, at: int, i: int) -> float | None:
        return of(self._place(every, at, i), whole)

    def _in_front(self, of: Callable[[int, bool], float | None], after: bool, i: int) -> float | None:
        """The cost of the parameters at place i, those before the first update in front."""
        return of(i - after, after) if i < self.total or after else None

    def _place(self, every: int, at: int, i: int) -> int:
        return min(i * every + at, self.total - 1)

    def _begin(self, i: int) -> int:
        return (self._epochs(len(self.given)) or [0])[i]

    def _epochs(self, count: int) -> list[int] | None:
        """Where each epoch begins, and where the last one ends, if there is a cost for each."""
        starts = epochs([update.examples for update in self.replay.updates])
        return [*starts, len(self.replay.updates)] if len(starts) == count and self.training.first == 1 else None

    def _mean(self, by_size: bool, i: int) -> float:
        starts = self._epochs(len(self.given)) or []
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
        if abs(got - wanted) <= ABOUT_0:
            return True
        if abs(got - wanted) > 0.1 * abs(wanted):
            return False
        between = []
        for self.training.rounded in (-1, 1, 0):
            between.append(of(i) or 0.0)
        return min(between) - tolerance * abs(wanted) <= got <= max(between) + tolerance * abs(wanted)

    # -- what a wrong one looks like ---------------------------------------------------------------------------------

    def _mistaken(self, count: int, total: int) -> tuple[str, ...]:
        """Costs of other examples, or other parameters, than those that they should be of."""
        mistakes = list(self._of_others()) if count == total else []
        if count < total and (starts := self._epochs(count)) is not None:
            n, m = [after - before for before, after in pairwise(starts)], self.m
            of_m = f"the sum of the means of the batches is divided by m = {m}: each is a mean already"
            mistakes = [
                ("it is the sum over the batches of the epoch, not the mean", lambda i: n[i] * self._mean(False, i)),
                (of_m, lambda i: n[i] * self._mean(False, i) / m),
            ]
        sample = self._sample()
        least = max(1, len(sample) - 1)
        return tuple(text for text, of in mistakes if self._matches(of, sample) >= least)[:1]

    def _of_others(self) -> Iterator[tuple[str, Of]]:
        """What stands in the place of the cost of an update, in words, and what each cost is then."""
        updates, training, m = self.replay.updates, self.training, self.m

        def of_row(value: Callable[[int], float | None]) -> Of:
            def of(i: int) -> float | None:
                return None if (j := self._row(i)) is None else value(j)

            return of

        def cost(at: int, batch: int) -> float | None:
            if not 0 <= batch < len(updates):
                return None
            return training.cost(training.theta[max(at, 0)], updates[batch].examples)

        def share(j: int) -> float:
            examples = updates[j].examples
            return float(updates[j].J * (m if examples is None else len(examples)) / m)

        instead = ", not of the one that the update is made with"
        yield f"it is divided by {m}, the size of the whole set, instead of that of the batch", of_row(share)
        yield f"it is of the batch before{instead}", of_row(lambda j: cost(j, j - 1))
        yield f"it is of the batch before{instead}", of_row(lambda j: cost(j - 1, max(j - 1, 0)))
        yield f"it is of the next batch{instead}", of_row(lambda j: cost(j, j + 1))
        yield f"it is of the next batch{instead}", of_row(lambda j: cost(j + 1, j + 1))
        yield "it is of the first batch, in each update", of_row(lambda j: cost(j, 0))
        yield "it is that of the parameters before the first update, each time", of_row(lambda j: cost(0, j))
        others: list[Array] = []
        for part in training.batches.parts:
            if len(others) < _OTHERS and not any(same(part, other) for other in others):
                others.append(part)
        for part in others:
            text = f"it is of {len(part)} other examples than those that the updates are made with"
            for later in (0, 1):
                yield text, of_row(partial(self._of_part, part, later))

    def _of_part(self, part: Array, later: int, j: int) -> float:
        return self.training.cost(self.training.theta[j + later], part)

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
