"""The options of a training that may change while it goes on, from one mini-batch to the next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from math import inf
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.checks import check_l2, check_number, check_whole
from chainrule.engines.state import OptimizerState, State
from chainrule.optimizers import Optimizer


@dataclass(frozen=True)
class Options:
    """What may change while a network trains, from one mini-batch to the next.

    optimizer: with its learning rate; one of another class begins anew. batch_size: at most m. l2: λ. dropout: a share
    for each hidden layer, or () for none. clip_norm: the longest gradient, or None.
    """

    optimizer: Optimizer
    batch_size: int
    l2: float = 0.0
    dropout: tuple[float, ...] = ()
    clip_norm: float | None = None

    @classmethod
    def of(cls, state: State) -> "Options":
        """Those that a state has."""
        return cls(**{field.name: getattr(state, field.name) for field in fields(cls)})

    @classmethod
    def checked(
        cls,
        optimizer: Optimizer,
        batch_size: int | None,
        l2: float,
        dropout: float | Sequence[float],
        clip_norm: float | None,
        *,
        hidden: int,
        m: int,
    ) -> "Options":
        """Those that are given to `train`, for m examples and so many hidden layers. ValueError for what is wrong."""
        check_whole(batch_size=batch_size)
        if clip_norm is not None:
            clip_norm = check_number("clip_norm", clip_norm, "a number above 0, or None", lambda norm: norm > 0)
        shares = np.ravel(dropout).tolist() * (hidden if np.ndim(dropout) == 0 else 1)
        if len(shares) != hidden or not all(isinstance(share, (int, float)) and 0 <= share < 1 for share in shares):
            raise ValueError(
                f"dropout: got {dropout!r}, wanted a share from 0 up to 1 (not included), one or {hidden} of them"
            )
        return cls(optimizer, min(batch_size or m, m), check_l2(l2), tuple(map(float, shares)), clip_norm)

    def put_into(self, state: State, order: Callable[[int], Array] | None) -> None:
        """Let a state have these from the next mini-batch on, and from the next epoch on this order of the examples.

        The order of an epoch that has begun stays.
        """
        if type(state.optimizer) is not type(self.optimizer):
            slots = OptimizerState(self.optimizer, state.network.parameters).slots
            state.memory.load(slots, state.memory.batches)
        for field in fields(self):
            setattr(state, field.name, getattr(self, field.name))
        state.learning_rate = partial(learning_rate, self.optimizer, state.schedule)
        if state.example == 0:
            if order is None and state.shuffled is not None:
                state.shuffled.forget(state.epoch)
            state.order = order


def learning_rate(optimizer: Optimizer, schedule: Callable[[int], Any] | None, epoch: int) -> float:
    """α · schedule(epoch): the learning rate of an epoch. ValueError if it is below 0."""
    if schedule is None:
        return optimizer.learning_rate
    rate = float(optimizer.learning_rate * schedule(epoch))
    if not 0 <= rate < inf:
        raise ValueError(f"schedule({epoch}): learning_rate: got {rate!r}, wanted a number of 0 or more")
    return rate
