"""Checkpoints: a training in a file, from which it goes on as if it had never been interrupted, to the last bit.

The file is a model file (model.py); whatever happens while it is written, the old one or the new one is there.
"""

import hashlib
import logging
import os
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.checks import check_whole
from chainrule.engines import interrupts
from chainrule.engines.draws import rng_state
from chainrule.engines.stream import Windows
from chainrule.errors import CheckpointError, CheckpointWarning, ModelFileError, Saved
from chainrule.files import model as model_files
from chainrule.text import as_json, first_few, one_line

log = logging.getLogger("chainrule")

StateDict = Callable[[], dict[str, Any]]  # all that changes from epoch to epoch; "epoch" of "epochs" are done

_INITIAL = "initial parameters"
_ENGINE = "engine"  # a training may go on with another one
_RETIRED = {"schedule", "max_iter"}  # of version 0.1.0; a schedule is compared by what it gives, see `made_of`
_NUMBER = re.compile(r"(?<![\w.])\d+(\.\d*)?(e[-+]?\d+)?(?![\w.])")
SECONDS = 30.0  # between two writes, unless the user counts in epochs


@dataclass(frozen=True)
class Checkpoint:
    """The file that a training is kept in.

    It is written before the first epoch, then now and then, when the training is stopped (Ctrl-C, SIGTERM, the end of
    the loop around it), and when it ends. Whole epochs are kept; of Blocks, and with ``every=Batches(k)``, parts too.

    Parameters
    ----------
    path : str or path
        The file. It is replaced as a whole: the old one or the new one is there.
    every : int, optional
        Epochs between two writes; half a minute unless given.
    resume : bool, default False
        Go on from the file where it is there, as if there had been no interruption, to the last bit. Data, options,
        seed and initial parameters must be the same, and a schedule or an order of one's own must have given the same
        values so far; else the error says what differs. The engine may be another one, which rounds in another way.
        The network may also have the parameters that the file holds. Without `resume`, a file that is there already is
        an error.

    Raises
    ------
    ValueError
        `every` is not a whole number of 1 or more.
    """

    path: str | os.PathLike[str]
    every: int | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        name = os.fspath(self.path) if isinstance(self.path, (str, os.PathLike)) else None
        if not isinstance(name, str) or not name:
            raise ValueError(f"checkpoint: got {self.path!r}, wanted the name of a file")
        check_whole(checkpoint_every=self.every)

    @classmethod
    def of(cls, given: Any, every: int | None, resume: bool) -> "Checkpoint | None":
        """What the arguments checkpoint=, checkpoint_every= and resume= say together; None for no checkpoint."""
        if given is None and (resume or every is not None):
            raise ValueError("checkpoint: there is none to go on from, or to write; give checkpoint=FILE as well")
        if isinstance(given, cls):
            if resume or every is not None:
                raise ValueError("checkpoint: say `every` and `resume` in Checkpoint(…), or beside the path, not both")
            return given
        return None if given is None else cls(given, every, resume)


class CheckpointWriter:
    """Writes the checkpoint of one training, and says what was in the file before.

    same: what must be as it was for the bits to be the same, by name. done: what functions of the user's own have made
    of the first so many epochs, by name. initial: the parameters that training begins with; None if they may be others.
    epochs: how many are asked for. writes: False where another process writes the file. `saved` is what the file held;
    None where a new training begins. Raises CheckpointError and ModelFileError.
    """

    def __init__(
        self,
        settings: Checkpoint,
        same: dict[str, Any],
        done: Callable[[int], dict[str, str]],
        initial: Array | None,
        epochs: int,
        writes: bool = True,
    ) -> None:
        self.writes = writes
        self.path = os.fspath(settings.path)
        self.every = settings.every
        self.same = {name: words(value) for name, value in same.items()}
        self.done = done
        if initial is not None:
            self.same[_INITIAL] = digest(initial)
        self.epochs = epochs
        self.saved: dict[str, Any] | None = None
        self.failure: ModelFileError | None = None  # of the last write
        self._written = self._step = -1  # the epoch that the file is of, and the mini-batch
        self._seconds = 0.0  # an epoch takes
        self._measured = 0, time.monotonic()  # at this epoch
        self._due = 0.0
        if os.path.exists(self.path):
            self._read(settings.resume)

    def _read(self, resume: bool) -> None:
        header, saved = model_files.read(self.path)
        if header["kind"] != model_files.CHECKPOINT:
            raise CheckpointError(f"checkpoint: {self.path} is a {header['kind']}; choose another name")
        with self.restoring():
            epoch, epochs, there = int(saved["epoch"]), int(saved["epochs"]), dict(saved["same"])
            within = bool(saved.get("place", [0])[0])
        if not resume:
            raise CheckpointError(
                f"checkpoint: {self.path} is there already, of a training after epoch {epoch} of {epochs}; go on with "
                "resume=True, or remove it to begin anew"
            )
        if initial := self.same.get(_INITIAL):
            with self.restoring():
                best = saved["best"] if isinstance(saved["best"], (tuple, list)) else [saved["best"]]
                held = [saved["network"].parameters, *(part for part in best if isinstance(part, np.ndarray))]
            if initial in map(digest, held):  # taken from the file, or from the training that was stopped
                self.same[_INITIAL] = there.get(_INITIAL, initial)
        here = self.same | self.done(epoch)
        # What was not known to the version that wrote the file is not compared, nor is what is no longer.
        free = {_ENGINE, *(_RETIRED - here.keys())}
        left = {name: text for name, text in there.items() if name not in free}
        differ = [name for name, text in left.items() if _plain(text) != _plain(here.get(name, ""))]
        if differ:
            what = "; ".join(f"{name}: there {there[name]}, here {here.get(name, 'absent')}" for name in differ)
            advice = ""
            if any(" in the state " in here.get(name, "") for name in differ):
                advice += ". A generator that was drawn from is another seed: give one in the state it had"
            if _INITIAL in differ:
                advice += ". Make the network as it was made then, or take the one in the file"
            raise CheckpointError(f"checkpoint: {self.path} is of another training ({what}){advice}")
        if (least := epoch + within) > self.epochs:
            raise CheckpointError(
                f"checkpoint: {self.path} holds {epoch} epochs{' and a part of one' if within else ''}, and "
                f"{self.epochs} are asked for; ask for {least} or more, or choose another name"
            )
        if (before := there.get(_ENGINE)) not in (None, here.get(_ENGINE)):
            log.info("%s: written by the engine '%s'; from here on '%s' computes, which rounds in another way",
                     self.path, before, here.get(_ENGINE))  # fmt: skip
        self.saved, self._written, self._step = saved, epoch, int(saved["step"])
        self._measured, self._due = (epoch, time.monotonic()), time.monotonic() + SECONDS

    @contextmanager
    def restoring(self) -> Iterator[None]:
        """Where a training takes over what was saved: what does not fit is a CheckpointError."""
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(f"checkpoint: {self.path} does not hold this training: {one_line(error)}") from error

    def epochs_until_due(self, first: int) -> int:
        """How many epochs, from the `first` on, an engine may run before `write_if_due` is to be called."""
        if self.every is not None:
            return self.every - first % self.every
        return max(1, int(1.0 / self._seconds)) if self._seconds else 1  # about a second

    def write_if_due(self, epoch: int, state_dict: StateDict) -> None:
        """Write the file if it is time, after so many epochs.

        Where that fails training goes on, with a warning, and the next time it is tried again. But the first write,
        before the first epoch, must succeed: a folder that cannot be written to is to be known before hours are spent.
        """
        now, (before, then) = time.monotonic(), self._measured
        if epoch > before:
            self._seconds, self._measured = (now - then) / (epoch - before), (epoch, now)
        if self._written < 0 or (
            now >= self._due if self.every is None else epoch % self.every == 0 < epoch - self._written
        ):
            self._write(state_dict())

    def write_last(self, state_dict: StateDict) -> None:
        """Write the file, because training has come to its end. Raises ModelFileError."""
        self._write(state_dict())
        if self.failure is not None:
            raise self.failure

    def write_now(self, state_dict: StateDict) -> Saved:
        """Write the file because training stops here; what to tell people."""
        tree = state_dict()
        epoch = tree["epoch"]
        if tree["step"] != self._step:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CheckpointWarning)  # it is said in the next lines
                self._write(tree)
        example = tree["place"][0]
        part = f" and {example:,} examples of the next" if example else ""
        stopped = f"training stopped after epoch {epoch}{part}; "
        if not self.writes:
            return Saved(f"{stopped}{self.path} is written by process 0", True)
        if self.failure is None:
            return Saved(f"{stopped}{self.path} holds it, resume=True goes on from there", True)
        there = f"it holds epoch {self._written}" if self._written >= 0 else "there is none"
        return Saved(f"{stopped}the checkpoint could not be written ({self.failure}); {there}", False)

    def _write(self, tree: dict[str, Any]) -> None:
        if self.writes and self._written < 0 and os.path.exists(self.path):
            raise CheckpointError(f"checkpoint: {self.path} has come to be there since this training was made")
        started, epoch = time.monotonic(), tree["epoch"]
        try:
            if self.writes:
                model_files.write(self.path, tree | {"same": self.same | self.done(epoch)})
        except ModelFileError as error:
            if self._written < 0:
                raise
            self.failure = error
            warnings.warn(
                f"the checkpoint of epoch {epoch} could not be written, training goes on; that of epoch "
                f"{self._written} is still there. {error}",
                CheckpointWarning,
                stacklevel=2,
            )
        else:
            self.failure, self._written, self._step = None, epoch, tree["step"]
        # Not more than a twentieth of the time goes into writing.
        self._due = time.monotonic() + max(SECONDS, 20 * (time.monotonic() - started))

    def answer_signals(self, state_dict: StateDict) -> None:
        """Where the training is whole: if signals wait, write the file, then let their handlers end the training."""
        deferral = interrupts.deferral()
        if deferral is not None and deferral.waiting:
            deferral.deliver(self.write_now(state_dict))

    def write_on_leaving(self, state_dict: StateDict, error: BaseException) -> None:
        """Write the file, because `error` ends the training; it says so."""
        if hasattr(error, "saved"):  # a signal's, see above
            return
        saved = self.write_now(state_dict)
        if not isinstance(error, GeneratorExit):
            interrupts.note(error, saved)
        elif not saved.written:
            warnings.warn(saved.message, CheckpointWarning, stacklevel=2)


def digest(*arrays: Any) -> str:
    """A short checksum of arrays, dense or sparse, or None; of examples that are read by and by, their fingerprint."""
    checksum = hashlib.sha256()
    if isinstance(arrays[0], Windows):
        return arrays[0].fingerprint()
    for array in arrays:
        parts = [array]
        if hasattr(array, "indptr"):
            parts = [array.data, array.indices, array.indptr]
            checksum.update(f"{array.format}{array.shape}".encode())
        for part in parts:
            if part is None:
                checksum.update(b"none")
            elif part.dtype.kind == "O":
                checksum.update(repr(part.tolist()).encode())
            else:
                checksum.update(f"{part.dtype.str}{part.shape}".encode())
                checksum.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
    return checksum.hexdigest()[:16]


def made_of(
    schedule: Callable[[int], float] | None, order: Callable[[int], Any] | None = None
) -> Callable[[int], dict[str, str]]:
    """What these functions have given for so many first epochs, by name: what a training is compared by.

    Of a schedule that is factors to 6 digits, of up to 1,000 of the epochs, and 1 where there is none; of an order the
    last permutation. ValueError for an order that is no function of the epoch alone.
    """

    def order_of(epoch: int) -> str:
        return digest(np.asarray(order(epoch), np.int64)) if order else ""

    def made(epochs: int) -> dict[str, str]:
        some = range(0, epochs, -(-epochs // 1000) or 1)
        factors = [f"{schedule(epoch) if schedule else 1:.6g}" for epoch in some]
        text = f"{first_few(factors, 4)} (checksum {_short(factors)})"
        own_order = {"order of the last epoch": order_of(epochs - 1)} if order and epochs else {}
        return {"factors of the schedule": text, **own_order}

    if order_of(0) != order_of(0):
        raise ValueError(
            "order: two calls for epoch 0 gave two orders; a training that is kept in a checkpoint needs a function of "
            "the epoch alone, such as lambda epoch: numpy.random.default_rng(epoch).permutation(m)"
        )
    return made


def _plain(text: str) -> str:
    """With every number as a float: 1 is 1.0."""
    return _NUMBER.sub(lambda number: repr(float(number[0])), text)


def _short(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def seeded(seed: Any) -> str:
    """A seed, or the state of a generator, in words."""
    if isinstance(seed, (np.random.Generator, np.random.BitGenerator, np.random.RandomState)):
        rng = seed if isinstance(seed, np.random.RandomState) else np.random.default_rng(seed)
        return f"{type(seed).__name__} in the state {_short(as_json(rng_state(rng)))}"
    return words(int(seed) if isinstance(seed, np.integer) else seed)


def words(value: Any) -> str:
    """What says the same in every process: a function by its name, an object by its class and attributes."""
    if isinstance(value, str):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    text = repr(value)
    if text == object.__repr__(value):
        text = f"{type(value).__qualname__}({getattr(value, '__dict__', '')})"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)
