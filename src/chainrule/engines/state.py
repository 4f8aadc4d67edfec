"""The state of a training: all that an engine advances, and the order in which it takes the examples."""

from collections.abc import Callable
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._types import Array
from chainrule.engines import draws, kernel
from chainrule.engines.hosts import Hosts
from chainrule.optimizers import Optimizer, Rule

if TYPE_CHECKING:
    from chainrule.network import Network

# Numbers in the orders that are drawn at once, 256 KB: memory that stays in the cache, and that Python gives out again.
# With 1 MB the first trainings of 100 × 1,504 and of 10 × 20,000 examples took 4 to 5 % longer.
_AHEAD = 1 << 15


class OptimizerState:
    """What an optimizer remembers from one mini-batch to the next: the one owner of these vectors.

    slots: as `Optimizer.init` gives them, vectors (p,) and, where updates are counted, their number. Engines replace
    them, or write into the vectors, which are copied here for that. batches: mini-batches so far, the counter of the
    dropout masks.
    """

    def __init__(self, optimizer: Optimizer, parameters: Array) -> None:
        self.slots: tuple[Any, ...] = ()
        self.batches = 0
        if type(optimizer).init is Rule.init:  # the same zeros; where they are many, in pages that cost nothing yet
            count, dtype = parameters.size, parameters.dtype
            self.slots = tuple(0 if name == "t" else kernel.zeros(count, dtype) for name in optimizer.remembers)
        else:
            self.load(optimizer.init(parameters), 0)

    def load(self, slots: tuple[Any, ...], batches: int) -> None:
        """Go on from these."""
        self.slots = tuple(kernel.aligned(slot) if isinstance(slot, np.ndarray) else slot for slot in slots)
        self.batches = batches


@dataclass(eq=False)
class State:
    """All that a training is: an engine advances it, and from a deep copy of it the training goes on."""

    network: "Network"
    X: Any  # (n[0], m), checked and normalized; dense or sparse
    Y: Array  # (n[L], m)
    weights: Array | None  # (1, m)
    optimizer: Optimizer
    memory: OptimizerState
    batch_size: int
    learning_rate: Callable[[int], float]  # epoch → learning rate
    order: Callable[[int], Array] | None = None  # epoch → permutation of the examples; None leaves them as they are
    l2: float = 0.0  # λ
    dropout: tuple[float, ...] = ()  # the share of units left out of each hidden layer; () for none
    clip_norm: float | None = None
    precision: str | None = None  # of products: "bf16", or the network's own
    mask_key: int = 0
    epoch: int = 0
    # Within the epoch: examples whose mini-batches are done, and Σ J m and Σ m over those that counted. When an epoch
    # is done there are 0 of the next, and the sums stay until it begins.
    example: int = 0
    total: float = 0.0
    seen: float = 0.0
    schedule: Callable[[int], float] | None = None  # epoch → factor of the learning rate
    shuffled: "EpochOrder | None" = None  # the order of epochs of several mini-batches, where it is drawn
    hosts: "Hosts | None" = None  # where it trains on several devices or processes: X, Y, weights are this one's
    _order: Array | None = None  # that `order` gave for this epoch

    @property
    def m(self) -> int:
        """How many examples an epoch has."""
        m: int = self.Y.shape[1] if self.hosts is None else self.hosts.m
        return m

    def rate_in_force(self, epoch: int) -> float:
        """The learning rate of an epoch, by what the state has now."""
        return self.learning_rate(epoch)

    def learning_rates(self, count: int) -> list[float]:
        """Those of the next epochs."""
        if self.schedule is None:  # thousands of epochs may take 2 µs each, a call of a function 0.05
            return [self.learning_rate(self.epoch)] * count
        return list(map(self.learning_rate, range(self.epoch, self.epoch + count)))

    @property
    def cost(self) -> float:
        """Σ J m / Σ m over the mini-batches so far of the epoch at hand, or over the last one that was done."""
        return self.total / self.seen if self.seen else nan

    def order_now(self) -> Array | None:
        """The order of the epoch at hand; asked for when it begins, as a function of the user's may draw it anew."""
        if self.order is None or isinstance(self.order, EpochOrder):
            return None if self.order is None else self.order(self.epoch)
        if self.example == 0 or self._order is None:
            self._order = self.order(self.epoch)
        return self._order

    def orders(self, most: int) -> Array | None:
        """The orders of the epochs to come, a row for each; fewer where they cannot be known, or were drawn before."""
        if self.order is None:
            return None
        if isinstance(self.order, EpochOrder):
            return self.order.orders(self.epoch, most)
        return np.ascontiguousarray(self.order_now(), np.int64)[None]

    def advanced(self, example: int, total: float, seen: float) -> None:
        """The mini-batches up to this example are done, perhaps the last of the epoch."""
        self.total, self.seen = total, seen
        self.epoch, self.example = (self.epoch + 1, 0) if example >= self.m else (self.epoch, example)

    def state_dict(self) -> dict[str, Any]:
        """What changes from epoch to epoch, but for the examples: from it, and the rest, the training goes on."""
        return {
            "network": self.network,
            "slots": self.memory.slots,
            "mask_key": self.mask_key,
            "epoch": self.epoch,
            "step": self.memory.batches,
            "place": [self.example, self.total, self.seen],
            "order": self.order.state_dict(self.epoch) if isinstance(self.order, EpochOrder) else None,
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave. ValueError if it is of another network."""
        saved = {"place": [0, 0.0, 0.0], **saved}  # not in files that hold whole epochs only
        saved = {name: saved[name] for name in self.state_dict()}  # a KeyError comes before anything has changed
        example, total, seen = saved["place"]
        self.network.parameters = saved["network"].parameters
        self.memory.load(saved["slots"], saved["step"])
        self.mask_key, self.epoch = saved["mask_key"], saved["epoch"]
        self.example, self.total, self.seen, self._order = int(example), float(total), float(seen), None
        if isinstance(self.order, EpochOrder):
            self.order.load_state_dict(saved["order"])


class EpochOrder:
    """A new order of the examples for each epoch, as `draws.draw` draws it; asked again, it gives the same.

    rng: a Generator or RandomState. m: examples. resumable: whether `state_dict` will be called.

    Orders are drawn ahead where many epochs are asked for. Of the random state that is nobody's business: those of
    epochs that do not come are undone by `rewind`.
    """

    def __init__(self, rng: Any, m: int, resumable: bool = False) -> None:
        self.rng, self.m, self.resumable = rng, m, resumable
        # Orders that are drawn at once; the kernel cannot draw from others' generators, nor could they be rewound.
        self.most = max(1, _AHEAD // m) if draws.bit_generator(rng) is not None else 1
        self.first = 0  # the epoch of the first of `rows`
        self.rows = np.empty((0, m), np.int64)  # the orders that were drawn last
        self.before: tuple[Array | None, dict[str, Any]] | None = None  # the order and the random state before them

    def __call__(self, epoch: int) -> Array:
        """The order of an epoch: a permutation of the examples, (m,)."""
        order: Array = self.orders(epoch, 1)[0]
        return order

    def orders(self, first: int, count: int) -> Array:
        """The orders of the epochs from the `first` on, (1 to count, m)."""
        if not self.first <= first < self.first + len(self.rows):
            self._draw(first, min(count, self.most), self.resumable)
        return self.rows[first - self.first :][:count]

    def _last(self) -> Array | None:
        return self.rows[-1] if len(self.rows) else None

    def _draw(self, first: int, count: int, remember: bool) -> None:
        last = self._last()
        self.before = (last, draws.rng_state(self.rng)) if remember or count > 1 else None
        self.first, self.rows = first, np.empty((count, self.m), np.int64)  # an interrupt from here on can be undone
        draws.draw(self.rng, last, self.rows)

    def rewind(self, epoch: int) -> None:
        """As if the order of `epoch` had been the last to be drawn."""
        done = epoch - self.first
        if self.before is not None and 0 <= done < len(self.rows) and len(self.rows) > 1:
            last, random = self.before
            draws.set_rng_state(self.rng, random)
            self.rows = self.rows[:0] if last is None else last[None]
            if done:
                self._draw(self.first, done, False)
            self._draw(epoch, 1, self.resumable)

    def forget(self, epoch: int) -> None:
        """As if the order of an epoch that has not begun had not been drawn, for somebody who looks ahead."""
        if self.before is not None and self.first == epoch:
            self.load_state_dict(self.state_dict(epoch))

    def state_dict(self, epoch: int) -> dict[str, Any]:
        """The last order and the random state, as they were before the order of `epoch` was drawn."""
        if not (self.before is not None and self.first == epoch and len(self.rows)):
            return {"order": self._last(), "random": draws.rng_state(self.rng)}
        order, random = self.before
        return {"order": order, "random": random}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Draw from here on."""
        order, self.first, self.before = saved["order"], -1, None
        if order is not None and not np.array_equal(np.sort(order), np.arange(self.m)):
            raise ValueError("the order of the examples is no permutation of them")
        self.rows = np.empty((0, self.m), np.int64) if order is None else np.array([order], np.int64)
        draws.set_rng_state(self.rng, saved["random"])
