"""Schedules: the factor of the learning rate in each epoch, epoch → factor, counted from 0.

Any function with this signature will do; these are the usual ones. They are frozen dataclasses, so they print and
compare.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from math import cos, log2, pi

Schedule = Callable[[int], float]


@dataclass(frozen=True)
class _Checked:
    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "epochs" and not value >= 1:
                raise ValueError(f"{type(self).__name__}.epochs: got {value!r}, wanted 1 or more")
            if isinstance(value, (int, float)) and not value >= 0:
                raise ValueError(f"{type(self).__name__}.{field.name}: got {value!r}, wanted 0 or more")


@dataclass(frozen=True)
class Constant(_Checked):
    """1."""

    def __call__(self, epoch: int) -> float:
        """The factor in this epoch."""
        return 1.0


@dataclass(frozen=True)
class InverseTime(_Checked):
    """1 / (1 + decay · epoch): the notes' learning rate decay."""

    decay: float

    def __call__(self, epoch: int) -> float:
        """The factor in this epoch."""
        return 1 / (1 + self.decay * epoch)


@dataclass(frozen=True)
class StepDecay(_Checked):
    """factor^⌊epoch / epochs⌋: times `factor` after every `epochs` epochs."""

    epochs: int
    factor: float = 0.5

    def __call__(self, epoch: int) -> float:
        """The factor in this epoch."""
        return self.factor ** (epoch // self.epochs)


@dataclass(frozen=True)
class InverseScaling(_Checked):
    """1 / (epoch + 1)^power."""

    power: float = 0.5

    def __call__(self, epoch: int) -> float:
        """The factor in this epoch."""
        return float((epoch + 1) ** -self.power)


@dataclass(frozen=True)
class Cosine(_Checked):
    """floor + (1 − floor) ½(1 + cos(π t)), t = epoch / epochs: from 1 to `floor` (Loshchilov & Hutter 2017, eq. 5)."""

    epochs: int
    floor: float = 0.0

    def __call__(self, epoch: int) -> float:
        """The factor in this epoch; it stays at `floor` after `epochs`."""
        return self.floor + (1 - self.floor) * (1 + cos(pi * min(epoch / self.epochs, 1))) / 2


@dataclass(frozen=True)
class CosLog4(_Checked):
    """½(1 − cos(2π log₂(1 + 15 t))), t = epoch / epochs: four cycles (Holzmüller et al. 2024, section 3)."""

    epochs: int

    def __call__(self, epoch: int) -> float:
        """The factor in this epoch."""
        return (1 - cos(2 * pi * log2(1 + 15 * min(epoch / self.epochs, 1)))) / 2


@dataclass(frozen=True)
class WarmUp(_Checked):
    """(epoch + 1) / (epochs + 1) in the first `epochs` epochs, then the schedule `then`, counted from there."""

    epochs: int
    then: Schedule = Constant()

    def __call__(self, epoch: int) -> float:
        """The factor in this epoch."""
        return (epoch + 1) / (self.epochs + 1) if epoch < self.epochs else self.then(epoch - self.epochs)
