"""What the first wrong update looks like: the mistakes that give its very numbers, and those of the next updates."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.working.differences import Compared
from chainrule.working.explained import Explanation
from chainrule.working.mistakes import Mistakes
from chainrule.working.trace import frozen
from chainrule.working.trainings import rules
from chainrule.working.trainings.replay import Replay, Update

_MORE = 3  # updates from the first wrong one on that a mistake has to explain
_FACTOR = re.compile(r"it is -?[\d.e+-]+ times what it should be$")  # which says no more than a rate does
_HUGE = 1e6
_NUMBERS = 3  # of fewer, any may be so many times what it should be
_SURE = 1e-3  # how much nearer to a mistake's numbers than to the right ones
_BETWEEN = (2, 3, 4, 5, 10, 20, 25, 50, 100, 200, 500, 1000)  # how many updates people leave out between two
_MOST_BETWEEN = 2_000


class Named:
    """The first wrong update, at place k, and what explains it."""

    def __init__(self, replay: Replay, k: int, first_of_epoch: Any) -> None:
        self.training, self.k, self.first_of_epoch = replay.training, k, first_of_epoch
        self.update, self.theta = replay.updates[k], self.training.theta
        self.updates = replay.updates[: k + _MORE]
        if not np.isfinite(self.theta[len(self.updates)]).all():  # that may have come in any way
            self.updates = self.updates[: max(k + 1, len(self.updates) - 1)]
        self.broken = not np.isfinite(self.theta[k + 1]).all()
        self.wrong = [name for name in self.training.names if any(name in one.wrong for one in self.updates)]
        self.first = self.update.wrong[0]
        self.m = self.training.Y.shape[1]
        self.batch = self._size(self.update)

    def looks_like(self) -> tuple[str, ...]:
        """The first kind of mistake that explains the update."""
        with np.errstate(all="ignore"):
            return (
                self._unchanged()
                or self._too_long()
                or self._best(self._rules())
                or self._best(self._sources())
                or self._best((text, self._replayed(rule)) for text, rule in rules.others(self.training.rule))
                or self._gradients()
                or self._best(self._left_out())
                or self._overflow()
                or self._measured()
            )

    def _size(self, update: Update) -> int:
        return self.m if update.examples is None else len(update.examples)

    # -- comparing ---------------------------------------------------------------------------------------------------

    def _is_as(self, j: int, name: str, mistaken: Array) -> bool:
        """Whether a tensor after update j is what a mistake gives."""
        at, training, update = self.training.names[name], self.training, self.updates[j]
        before, got, pred = self.theta[j][at], self.theta[j + 1][at], mistaken[at]
        finite = np.isfinite(got)
        if not (finite == np.isfinite(pred)).all():
            return False
        before, got, pred, wanted = before[finite], got[finite], pred[finite], update.wanted[at][finite]
        if name not in update.wrong:
            return training.agrees(before, got, pred)
        floor = 16 * training.precision * float(np.linalg.norm(before) + np.linalg.norm(got))
        return bool(np.linalg.norm(got - pred) <= _SURE * np.linalg.norm(got - wanted) + floor)

    def _score(self, mistaken: Sequence[Array]) -> tuple[int, list[str]]:
        """How many wrong tensors a mistake explains, the first among them, and which right ones it would spoil."""
        rows = range(len(mistaken))
        if not all(self._is_as(j, self.first, mistaken[j]) for j in rows):
            return 0, []
        wrong = sum(all(self._is_as(j, name, mistaken[j]) for j in rows) for name in self.wrong)
        right = [name for name in self.training.names if name not in self.wrong]
        return wrong, [name for name in right if not all(self._is_as(j, name, mistaken[j]) for j in rows)]

    def _best(self, mistakes: Any) -> tuple[str, ...]:
        """The mistakes that explain most of the wrong tensors."""
        found: dict[str, tuple[int, int]] = {}
        for text, mistaken in mistakes:
            score, spoiled = self._score(mistaken)
            if score and not (spoiled and self.broken):
                text += self._only(spoiled)
                found[text] = max(found.get(text, (0, 0)), (score, -len(spoiled)))
        return tuple(text for text, score in found.items() if score == max(found.values()))[:2]

    def _only(self, spoiled: list[str]) -> str:
        """Where a mistake is, that others do not have."""
        return f" (in {', '.join(self.wrong)}; right in {', '.join(spoiled)})" if spoiled else ""

    def _replayed(self, rule: rules.Update, G: Sequence[Array] | None = None) -> list[Array]:
        """What an update makes of the gradients, of others if given, one after the other."""
        mistaken, state = [], None
        for j, update in enumerate(self.updates):
            after, state = rule(self.theta[j], update.g if G is None else G[j], state, j + 1)
            mistaken.append(after)
        return mistaken

    # -- kinds of mistakes -------------------------------------------------------------------------------------------

    def _unchanged(self) -> tuple[str, ...]:
        """Tensors that stay as they are, however many updates there are."""
        if self.k == 1 and len(self.theta) > 2 and all((one == self.theta[1]).all() for one in self.theta[2:]):
            return (
                "after the first update nothing changes any more: each one begins with the first parameters again, "
                "which are made inside the loop, or its result is dropped",
            )
        moves = {
            name: any((one[at] != self.theta[0][at]).any() for one in self.theta)
            for name, at in self.training.names.items()
        }
        still = [name for name in self.wrong if not moves[name]]
        if self.first not in still and set(still) != set(self.wrong):
            return ()
        L = self.training.net.L
        if not any(moves.values()):
            return ("the parameters never change: nothing is updated, or the result of the update is dropped",)
        if all(name[0] == "b" for name in still):
            return (f"the biases are never updated: {', '.join(sorted(still))}",)
        layers = sorted({int(name[2:-1]) for name in still})
        if layers == list(range(1, L)) and all(moves[name] for name in (f"W[{L}]", f"b[{L}]")):
            return (f"only the last layer is trained, without {', '.join(sorted(still))}",)
        return (f"never updated: {', '.join(sorted(still))}",)

    def _too_long(self) -> tuple[str, ...]:
        """Updates that are a known factor longer than they should be."""
        found = []
        for text, factor in rules.factors(self.training.rule, self.m, self.batch):
            mistaken = [
                before + factor * (update.wanted - before)
                for before, update in zip(self.theta, self.updates, strict=False)
            ]
            score, spoiled = self._score(mistaken)
            plain = "rate" in text or "sign" in text or not spoiled
            if score == len(self.wrong) and plain and abs(factor - 1) > 1e-9:
                found.append(text + self._only(spoiled))
        return tuple(dict.fromkeys(found))[:2]

    def _rules(self) -> Iterator[tuple[str, list[Array]]]:
        training = self.training
        for text, update in rules.mistakes(training.rule, training.layer, self.first_of_epoch):
            yield text, self._replayed(update)

    def _sources(self) -> Iterator[tuple[str, list[Array]]]:
        """Gradients of other parameters, other examples, other layers."""
        training, updates, theta = self.training, self.updates, self.theta
        rule, G = rules.of(training.rule), [update.g for update in self.updates]

        text = "the gradients are those of the first update again: they are computed once, before the loop"
        yield text, self._replayed(rule, G[:1] * len(G))
        stale = [
            training.gradient(theta[max(j - 1, 0)], *training.of(one.examples))[1] for j, one in enumerate(updates)
        ]
        yield (
            "the gradients are those of the parameters one update ago: forward and backward come too early",
            self._replayed(rule, stale),
        )
        yield (
            "the gradients are added up from update to update: they are never set to 0",
            self._replayed(rule, list(np.cumsum(G, axis=0))),
        )
        sums: list[Array] = []
        for j, g in enumerate(G):
            sums.append(g if not sums or self.first_of_epoch(j + 1) else sums[-1] + g)
        yield (
            "the gradients are added up from batch to batch: they are set to 0 only once in each epoch",
            self._replayed(rule, sums),
        )
        yield from self._of_batches(rule)
        yield from self._of_layers(rule, G)

    def _of_batches(self, rule: rules.Update) -> Iterator[tuple[str, list[Array]]]:
        training, updates, theta, batches = self.training, self.updates, self.theta, self.training.batches
        if self.update.place is None:
            return

        def replayed(examples: Any, targets: Any = None, l2: float | None = None) -> list[Array]:
            """With the examples, and the targets, that are given for each update."""
            G = []
            for j, update in enumerate(updates):
                some = training.of(examples(j), None if targets is None else targets(update.place))
                share = None if l2 is None else l2 * self._size(update) / self.m
                G.append(training.gradient(theta[j], *some, share)[1])
            return self._replayed(rule, G)

        text = "X and Y of a batch are not of the same examples: they are shuffled apart"
        yield text, replayed(lambda j: updates[j].examples, targets=batches.targets)
        yield "the gradient is that of the batch before", replayed(lambda j: updates[max(j - 1, 0)].examples)
        yield "the gradient is that of the first batch, in each update", replayed(lambda j: updates[0].examples)
        if training.l2:
            text = f"the term of L2 is divided by {self.m}, the size of the whole set, instead of that of the batch"
            yield text, replayed(lambda j: updates[j].examples, l2=training.l2)
        for size, what in ((self.m, "the whole set"), (self._size(updates[0]), "the first batch")):
            text = f"it is divided by {size}, the size of {what}, instead of that of the batch"
            G = [one.g * self._size(one) / size for one in updates]
            yield text, self._replayed(rule, G)

    def _of_layers(self, rule: rules.Update, G: list[Array]) -> Iterator[tuple[str, list[Array]]]:
        """Gradients and updates of other layers."""
        names, L = self.training.names, self.training.net.L
        if L == 1:
            return

        def moved(arrays: Sequence[Array], of: Any) -> list[Array]:
            """Each tensor from that of layer of(l), where there is one of the same shape."""
            found = []
            for array in arrays:
                other = array.copy()
                for name, at in names.items():
                    source = f"{name[0]}[{of(int(name[2:-1]))}]"
                    if source in names and self._shape(source) == self._shape(name):
                        other[at] = array[names[source]]
                found.append(other)
            return found

        text = "the gradients are in the reverse order: appended from the back, layer L first, and read from the front"
        yield text, self._replayed(rule, moved(G, lambda l: L + 1 - l))
        for step, which in ((1, "after"), (-1, "before")):
            text = f"the layers are shifted: each layer is updated with the gradient of the layer {which} it"
            yield text, self._replayed(rule, moved(G, lambda l, step=step: l + step))
        right = [update.wanted for update in self.updates]
        for step, which in ((-1, "l + 1"), (1, "l − 1")):
            yield (
                f"the layers are shifted: the update of layer l is written into layer {which}",
                moved(right, lambda l, step=step: l + step),
            )
        text = "the layers are shifted: the update of layer l is written into layer l + 1"
        chained = []
        for before, update in zip(self.theta, self.updates, strict=False):
            other = before.copy()
            for name in sorted(names, key=lambda name: int(name[2:-1])):
                source = f"{name[0]}[{int(name[2:-1]) - 1}]"
                if source in names and self._shape(source) == self._shape(name):
                    other[names[name]] = (other + update.wanted - before)[names[source]]
            chained.append(other)
        yield text, chained

    def _shape(self, name: str) -> tuple[int, ...]:
        net, l = self.training.net, int(name[2:-1])
        shape: tuple[int, ...] = (net.W if name[0] == "W" else net.b)[l].shape
        return shape

    def _gradients(self) -> tuple[str, ...]:
        """The mistakes of a backward pass that `check_gradients` knows."""
        return self._of_implied() if rules.is_linear(self.training.rule) else self._best(self._step_by_step())

    def _mistakes(self, j: int) -> Mistakes:
        training, net = self.training, frozen(self.training.net, np.float64)
        net.parameters = self.theta[j]
        return Mistakes(net, *training.of(self.updates[j].examples), training.l2, None)

    def _of_implied(self) -> tuple[str, ...]:
        """Of the gradient that the update tells: (W before − W after) / α, where the rule is no more than that."""
        training, before, after = self.training, self.theta[self.k], self.theta[self.k + 1]
        if not np.isfinite(after).all():
            return ()
        base, _ = training.rule.step(before, np.zeros_like(before), self.update.state)
        length = training.rule.step(before, np.ones_like(before), self.update.state)[0] - base
        implied = (after - base) / length
        noise = 16 * training.precision * (abs(before) + abs(after)) / abs(length)
        compared = []
        for name, at in training.names.items():
            shape = self._shape(name)
            one = Compared(
                f"d{name}",
                implied[at].reshape(shape),
                shape,
                np.arange(at.size),
                self.update.g[at],
                noise[at],
                training.tolerance,
            )
            if name not in self.update.wrong:
                one.problem = None
            elif not one.problem:
                one.problem = "not the derivative of the cost"
            compared.append(one)
        found = Explanation(compared, self._mistakes(self.k)).looks_like()[:2]
        if not found or len(self.update.wrong) < len(training.names):
            return found
        measured = self._measured()
        return measured if _FACTOR.match(found[0]) and measured else (found + measured)[:2]

    def _step_by_step(self) -> Iterator[tuple[str, list[Array]]]:
        """The same where the rule divides the gradient by its own size: what each mistake makes of several updates."""
        rule, later = rules.of(self.training.rule), range(self.k, len(self.updates))
        each = [self._mistakes(j) for j in later]
        kinds = (Mistakes.of_one_line, Mistakes.of_dZ, Mistakes.of_start)
        for kind in kinds:
            for same in zip(*(kind(mistakes) for mistakes in each), strict=False):
                G = [update.g for update in self.updates[: self.k]]
                for j, (_, tensors) in zip(later, same, strict=True):
                    g = self.updates[j].g.copy()
                    for name, at in self.training.names.items():
                        wrong = tensors.get(f"d{name}")
                        if wrong is not None and wrong.size == at.size:
                            g[at] = wrong.ravel()
                    G.append(g)
                if any((G[j] != self.updates[j].g).any() for j in later):
                    yield same[0][0], self._replayed(rule, G)

    def _left_out(self) -> Iterator[tuple[str, list[Array]]]:
        """Several updates between one and the next that was kept; after the first there may be one (i % 100 == 0)."""
        training, rule, k = self.training, rules.of(self.training.rule), self.k
        if k > 1 or not np.isfinite(self.theta[k + 1]).all():
            return
        parts, count_of = training.batches.parts, len(self.theta) - 1
        ways = [((len(parts) - k) // (count_of - k), parts)] if parts else []
        for count, some in [*ways, *((count, []) for count in _BETWEEN)]:
            if count < 2 or count * min(len(self.updates), 2) > _MOST_BETWEEN:
                continue
            mistaken, state, t = [], None, 0
            for j, before in enumerate(self.theta[: min(len(self.updates), k + 2)]):
                w = before
                for _ in range(count if j >= k else 1):
                    part = some[t] if t < len(some) else None
                    w, state = rule(w, training.gradient(w, *training.of(part))[1], state, t + 1)
                    t += 1
                mistaken.append(w)
            yield (
                f"there are {count} updates between one and the next: return the parameters after each update",
                mistaken,
            )

    def _overflow(self) -> tuple[str, ...]:
        """Where NaN and infinity come from."""
        if np.isfinite(self.theta[self.k + 1]).all():
            return ()
        mistakes = self._mistakes(self.k)
        A, Z = mistakes.A[-1], mistakes.Z
        if "log" in self.training.net.loss.formula and ((A == 0) | (A == 1)).any():
            return ("Y/A − (1 − Y)/(1 − A) is 0/0 where A is 0 or 1 to the last digit: dZ[L] = A[L] − Y never is",)
        largest = float(abs(self.theta[self.k]).max())
        if largest > _HUGE:
            return (f"the training diverges: before the update, the parameters are as large as {largest:.0e} already",)
        if any(abs(z).max() > 700 for z in Z[1:]):
            return ("exp(z) overflows above z = 709: take np.tanh, and 1 / (1 + exp(−z)) for the sigmoid",)
        return ()

    def _measured(self) -> tuple[str, ...]:
        """A length that has no meaning known here."""
        at = self.training.names[self.first]
        step, right = (self.theta[self.k + 1] - self.theta[self.k])[at], (self.update.wanted - self.theta[self.k])[at]
        if not right.any() or not np.isfinite(step).all():
            return ()
        factor = float(step @ right / (right @ right))
        # A rule that remembers goes on as if all steps had been right.
        kept = self.updates if not (self.k and rules.remembers(self.training.rule)) else self.updates[: self.k + 1]
        if at.size * (len(kept) - self.k) < _NUMBERS:
            return ()
        mistaken = [
            one.wanted if j < self.k else self.theta[j] + factor * (one.wanted - self.theta[j])
            for j, one in enumerate(kept)
        ]
        score, spoiled = self._score(mistaken)
        if not score:
            return ()
        rate = self.training.rule.learning_rate * factor
        return (f"the step is {factor:.6g} times what it should be, as with α = {rate:.6g}{self._only(spoiled)}",)
