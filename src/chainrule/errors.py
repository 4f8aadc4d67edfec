"""What can go wrong, as classes: nobody decides by the words of a message."""


class ChainruleError(Exception):
    """The base of every error of chainrule. Each is also one of Python's: a ValueError, an ArithmeticError, …."""


class DivergenceError(ChainruleError, ArithmeticError):
    """The cost became NaN or infinite in this epoch. The network keeps its last finite parameters."""

    epoch: int
    learning_rate: float | None


class CheckpointError(ChainruleError, ValueError):
    """One clear line about a checkpoint that training cannot go on from."""


class ModelFileError(ChainruleError, ValueError):
    """One clear line about a file that cannot be written, or is no model, or not one for this version."""


class UserNote(UserWarning):
    """A warning that people should read, wherever it comes up: the command line prints it as a note."""


class DivergenceWarning(UserNote):
    """The cost became NaN or infinite; training ended early and keeps what it had."""


class ConstantPredictionWarning(UserNote):
    """A trained network gives nearly the same answer for every example."""


class CheckpointWarning(UserNote, RuntimeWarning):
    """A checkpoint could not be written; training goes on."""


class TrainingInterrupted(UserNote):
    """A training was ended by Ctrl-C and keeps what it had."""
