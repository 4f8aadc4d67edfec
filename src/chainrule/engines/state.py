"""The state of a training: all that an engine advances, and the order in which it takes the examples."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._types import Array
from chainrule.optimizers import Optimizer

if TYPE_CHECKING:
    from chainrule.network import Network


@dataclass(eq=False)
class State:
    """All that a training is: an engine advances it, and from a deep copy of it the training goes on."""

    network: "Network"
    X: Any  # (n[0], m), checked and normalized; dense or sparse
    Y: Array  # (n[L], m)
    weights: Array | None  # (1, m)
    optimizer: Optimizer
    slots: tuple[Any, ...]  # what the optimizer remembers; an engine may write into it
    batch_size: int
    order: Callable[[int], Array] | None = None  # epoch → permutation of the examples; None leaves them as they are
    schedule: Callable[[int], float] | None = None  # epoch → factor of the learning rate
    l2: float = 0.0
    dropout: tuple[float, ...] = ()  # the rate of each hidden layer; () for none
    clip_norm: float | None = None
    mask_key: int = 0
    epoch: int = 0
    step: int = 0

    def content(self) -> dict[str, Any]:
        """What changes from epoch to epoch, but for the examples: from it, and the rest, the training goes on."""
        return {
            "network": self.network,
            "slots": self.slots,
            "mask_key": self.mask_key,
            "epoch": self.epoch,
            "step": self.step,
            "order": self.order.content(self.epoch) if isinstance(self.order, EpochOrder) else None,
        }

    def restore(self, content: dict[str, Any]) -> None:
        """Be as `content` has it. ValueError if it is of another network."""
        self.network.parameters = content["network"].parameters
        self.slots, self.mask_key = content["slots"], content["mask_key"]
        self.epoch, self.step = content["epoch"], content["step"]
        if isinstance(self.order, EpochOrder):
            self.order.restore(content["order"])


class EpochOrder:
    """A new order of the examples for each epoch, drawn once: who asks again for the same epoch gets the same.

    random: a Generator or RandomState. draw: the last order (None at first) → the next, with numbers from `random`.
    """

    def __init__(self, random: Any, draw: Callable[[Array | None], Array]) -> None:
        self.random, self.draw = random, draw
        self.order: Array | None = None
        self.epoch = -1
        self.before: dict[str, Any] = {}
        self.kept = False  # who asks for the content asks again; where nobody does, it costs more than many an epoch

    def __call__(self, epoch: int) -> Array:
        """The order of an epoch: a permutation of the examples."""
        if epoch != self.epoch or self.order is None:
            self.before = self.content(epoch) if self.kept else {}
            self.order, self.epoch = self.draw(self.order), epoch
        return self.order

    def content(self, epoch: int) -> dict[str, Any]:
        """The last order, and where `random` stands, before that of `epoch` is drawn."""
        self.kept = True
        if epoch == self.epoch:
            return self.before
        return {"order": self.order, "random": numbers(self.random)}

    def restore(self, content: dict[str, Any]) -> None:
        """Draw from here on."""
        self.kept = True
        self.order, self.epoch = content["order"], -1
        set_numbers(self.random, content["random"])


def numbers(random: Any) -> dict[str, Any]:
    """Where a Generator or RandomState stands."""
    old = isinstance(random, np.random.RandomState)
    state: dict[str, Any] = random.get_state(legacy=False) if old else random.bit_generator.state
    return state


def set_numbers(random: Any, state: dict[str, Any]) -> None:
    """Put a Generator or RandomState where `numbers` has found one. TypeError for what is no such state."""
    if not isinstance(state, dict):  # NumPy takes tuples, too, and trusts the places in them
        raise TypeError("the state of a random generator is no dict")
    if isinstance(random, np.random.RandomState):
        random.set_state(state)
    else:
        random.bit_generator.state = state
