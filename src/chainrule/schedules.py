"""Schedules: the factor of the learning rate in each epoch, counted from 0.

A schedule is a function epoch → factor; any other will do as well. These are the usual ones, as frozen dataclasses.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, log, pi, sin

from chainrule.checks import Checked, bounded, helpful

Schedule = Callable[[int], float]


@dataclass(frozen=True)
class Constant(Checked):
    """The factor 1: the learning rate stays as it is."""

    def __call__(self, epoch: int) -> float:
        """The factor in this epoch."""
        return 1.0


@dataclass(frozen=True)
class InverseTime(Checked):
    """The learning rate decay of the notes: 1 / (1 + decay · epoch).

    Parameters
    ----------
    decay : float
        0 or more; at 1, the rate is half of what it was after one epoch, a third after two.
    """

    decay: float

    def __call__(self, epoch: int) -> float:
        """The factor in this epoch."""
        return 1 / (1 + self.decay * epoch)


@dataclass(frozen=True)
class StepDecay(Checked):
    """A lower rate after every so many epochs: factor^⌊epoch / epochs⌋.

    Parameters
    ----------
    epochs : int, how many epochs have the same rate, 1 or more
    factor : float, what the rate is then multiplied by, 0 or more
    """

    epochs: int = bounded(least=1)
    factor: float = 0.5

    def __call__(self, epoch: int) -> float:
        """The factor in this epoch."""
        return self.factor ** (epoch // self.epochs)


@dataclass(frozen=True)
class InverseScaling(Checked):
    """1 / (epoch + 1)^power, as in scikit-learn.

    Parameters
    ----------
    power : float, 0 or more
    """

    power: float = 0.5

    def __call__(self, epoch: int) -> float:
        """The factor in this epoch."""
        return float((epoch + 1) ** -self.power)


@dataclass(frozen=True)
class Cosine(Checked):
    """Half a period of the cosine: floor + (1 − floor) ½(1 + cos(π t)), t = epoch / epochs.

    From 1 to `floor`, where it stays after `epochs` (Loshchilov & Hutter 2017, equation 5).

    Parameters
    ----------
    epochs : int, how many epochs it takes, 1 or more
    floor : float, the last factor, 0 or more
    """

    epochs: int = bounded(least=1)
    floor: float = 0.0

    def __call__(self, epoch: int) -> float:
        """The factor in this epoch."""
        return self.floor + (1 - self.floor) * (1 + cos(pi * min(epoch / self.epochs, 1))) / 2


@dataclass(frozen=True)
class CosLog4(Checked):
    """Four cycles of a cosine, each twice as long as the last: ½(1 − cos(2π log₂(1 + 15 t))), t = epoch / epochs.

    That is 0 at the start and end of each cycle and 1 in its middle (Holzmüller et al. 2024, section 3, where each
    update has its t). The factor of an epoch is its mean from the start to the end of the epoch: no epoch stands still.

    Parameters
    ----------
    epochs : int, how many epochs the four take, 1 or more
    """

    epochs: int = bounded(least=1)

    def __call__(self, epoch: int) -> float:
        """The factor in this epoch."""
        if epoch >= self.epochs:
            return 0.0
        cosine = self._integral((epoch + 1) / self.epochs) - self._integral(epoch / self.epochs)
        return max(0.0, (1 - self.epochs * cosine) / 2)

    @staticmethod
    def _integral(t: float) -> float:
        """∫ cos(s ln x) dt = x (cos(s ln x) + s sin(s ln x)) / (15 (1 + s²)), where x = 1 + 15 t, s = 2π / ln 2."""
        x, s = 1 + 15 * t, 2 * pi / log(2)
        return x * (cos(s * log(x)) + s * sin(s * log(x))) / (15 * (1 + s * s))


@dataclass(frozen=True)
class WarmUp(Checked):
    """A rate that rises at first: (epoch + 1) / (epochs + 1), then another schedule.

    Parameters
    ----------
    epochs : int, how many epochs it rises, 1 or more
    then : callable
        The schedule that follows; its epochs count from there.
    """

    epochs: int = bounded(least=1)
    then: Schedule = Constant()

    def __call__(self, epoch: int) -> float:
        """The factor in this epoch."""
        return (epoch + 1) / (self.epochs + 1) if epoch < self.epochs else self.then(epoch - self.epochs)


_OURS = (Constant, InverseTime, StepDecay, InverseScaling, Cosine, CosLog4, WarmUp)
for _one in _OURS:
    setattr(_one, "__init__", helpful(vars(_one)["__init__"], homes=False))  # noqa: B010 - to a type checker it stays the dataclass's


def knows_ahead(schedule: Schedule | None) -> bool:
    """Whether its factors depend on the epoch alone, so that it may be asked before an epoch begins.

    Parameters
    ----------
    schedule : callable or None
        A schedule, or None for none.

    Returns
    -------
    bool
        True for those of this module; a function of somebody else's may look at the network, or at a clock.
    """
    if isinstance(schedule, WarmUp):
        return type(schedule) is WarmUp and knows_ahead(schedule.then)
    return schedule is None or type(schedule) in _OURS
