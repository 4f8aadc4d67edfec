"""What can go wrong, as classes: nobody decides by the words of a message."""

from typing import NamedTuple


class ChainruleError(Exception):
    """The base of every error of chainrule. Each is also one of Python's: a ValueError, an ArithmeticError …."""


class DivergenceError(ChainruleError, ArithmeticError, ValueError):
    """The cost became NaN or infinite. The network keeps its last finite parameters.

    Attributes
    ----------
    epoch : int
        The epoch, counted from 0.
    learning_rate : float or None
        Its learning rate; None where the solver chooses its own steps.
    """

    def __init__(self, message: str, epoch: int = -1, learning_rate: float | None = None) -> None:
        super().__init__(message)
        self.epoch, self.learning_rate = epoch, learning_rate


class CheckpointError(ChainruleError, ValueError):
    """Training cannot go on from this checkpoint."""


class ModelFileError(ChainruleError, ValueError):
    """A file cannot be written, or is no model, or not one for this version."""


class UserNote(UserWarning):
    """A warning that people should read wherever it comes up: the command line prints it as a note."""


class DivergenceWarning(UserNote):
    """The cost became NaN or infinite; training ended early, and what it had is kept.

    Attributes
    ----------
    epoch : int
        The epoch, counted from 0.
    learning_rate : float or None
        Its learning rate.
    """

    def __init__(self, message: str, epoch: int = -1, learning_rate: float | None = None) -> None:
        super().__init__(message)
        self.epoch, self.learning_rate = epoch, learning_rate


class ConstantPredictionWarning(UserNote):
    """A trained network gives nearly the same answer for every example."""


class CheckpointWarning(UserNote, RuntimeWarning):
    """A checkpoint could not be written; training goes on."""


class ModelVersionWarning(UserNote):
    """A model file was written with another version of scikit-learn; its predictions may differ."""


class ReadingNote(UserNote):
    """How a source was understood where it leaves that open: a table without a header, with remarks, of many sheets."""


class TextEncodingWarning(UserNote):
    """A text file is not UTF-8, and was read in another encoding."""


class Saved(NamedTuple):
    """What became of the checkpoint of a training that was stopped: what to say, and whether it holds all of it."""

    message: str
    written: bool


class TrainingInterrupted(UserNote):
    """Ctrl-C ended a training, which keeps what it had.

    Attributes
    ----------
    saved : Saved or None
        What became of its checkpoint; None where there is none.
    """

    def __init__(self, message: str, saved: Saved | None = None) -> None:
        super().__init__(message)
        self.saved = saved
