"""The state of a training: all that an engine advances, and the order in which it takes the examples."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._types import Array
from chainrule.engines import kernel
from chainrule.optimizers import Optimizer

if TYPE_CHECKING:
    from chainrule.network import Network


class OptimizerState:
    """What an optimizer remembers from one mini-batch to the next: the one owner of these vectors.

    slots: as `Optimizer.init` gives them, vectors (p,) and, where updates are counted, their number. Engines replace
    them, or write into the vectors, which are copied here for that. batches: mini-batches so far, the counter of the
    dropout masks.
    """

    def __init__(self, slots: tuple[Any, ...]) -> None:
        self.slots: tuple[Any, ...] = ()
        self.batches = 0
        self.load(slots, 0)

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
    mask_key: int = 0
    epoch: int = 0

    def state_dict(self) -> dict[str, Any]:
        """What changes from epoch to epoch, but for the examples: from it, and the rest, the training goes on."""
        return {
            "network": self.network,
            "slots": self.memory.slots,
            "mask_key": self.mask_key,
            "epoch": self.epoch,
            "step": self.memory.batches,
            "order": self.order.state_dict(self.epoch) if isinstance(self.order, EpochOrder) else None,
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave. ValueError if it is of another network."""
        saved = {name: saved[name] for name in self.state_dict()}  # a KeyError comes before anything has changed
        self.network.parameters = saved["network"].parameters
        self.memory.load(saved["slots"], saved["step"])
        self.mask_key, self.epoch = saved["mask_key"], saved["epoch"]
        if isinstance(self.order, EpochOrder):
            self.order.load_state_dict(saved["order"])


class EpochOrder:
    """A new order of the examples for each epoch; asked again for the same epoch, it gives the same.

    Parameters: rng, a Generator or RandomState; draw, the order of the last epoch (None at first) → that of the next,
    with random numbers from rng; resumable, whether `state_dict` will be called (to remember the random state before
    each draw costs more than many an epoch).
    """

    def __init__(self, rng: Any, draw: Callable[[Array | None], Array], resumable: bool = False) -> None:
        self.rng, self.draw, self.resumable = rng, draw, resumable
        self.order: Array | None = None
        self.epoch = -1
        self.before: dict[str, Any] | None = None  # the state before the order of `epoch` was drawn

    def __call__(self, epoch: int) -> Array:
        """The order of an epoch: a permutation of the examples, (m,)."""
        if epoch != self.epoch or self.order is None:
            self.before = self._now() if self.resumable else None
            self.order, self.epoch = self.draw(self.order), epoch
        return self.order

    def _now(self) -> dict[str, Any]:
        return {"order": self.order, "random": rng_state(self.rng)}

    def state_dict(self, epoch: int) -> dict[str, Any]:
        """The last order and the random state, as they were before the order of `epoch` was drawn."""
        return self.before if epoch == self.epoch and self.before is not None else self._now()

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Draw from here on."""
        self.order, self.epoch, self.before = saved["order"], -1, None
        set_rng_state(self.rng, saved["random"])


def rng_state(rng: Any) -> dict[str, Any]:
    """The state of a Generator or RandomState."""
    old = isinstance(rng, np.random.RandomState)
    state: dict[str, Any] = rng.get_state(legacy=False) if old else rng.bit_generator.state
    return state


def set_rng_state(rng: Any, state: dict[str, Any]) -> None:
    """Put a Generator or RandomState into a state of `rng_state`. TypeError for what is no such state."""
    if not isinstance(state, dict):  # NumPy takes tuples, too, and trusts the positions in them
        raise TypeError("the state of a random generator is no dict")
    if isinstance(rng, np.random.RandomState):
        rng.set_state(state)
    else:
        rng.bit_generator.state = state
