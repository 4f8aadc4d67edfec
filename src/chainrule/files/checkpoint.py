"""Checkpoints: a training in a file, from which it goes on as if it had never been interrupted, to the last bit.

The file is a model file (see modelfile.py); whatever happens while it is written, the old one or the new one is there.
"""

import hashlib
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.engines import interrupts
from chainrule.errors import CheckpointError, ModelFileError
from chainrule.files import model as modelfile
from chainrule.text import one_line

Content = Callable[[], dict[str, Any]]  # all that changes from epoch to epoch; "epoch" of "epochs" are done

SECONDS = 30.0  # between two writes, unless the user counts in epochs


class Checkpoint:
    """The file of one training: what was found in it, when it is written, and what is said when training stops.

    path: the file. every: epochs between two writes; None writes every half minute. resume: go on from the file if it
    is there; otherwise it must not be there. same: what must be as it was, by name, for the bits to be the same.

    `found` is what the file held, None where a new training begins. Raises CheckpointError, ModelFileError.
    """

    def __init__(self, path: str | os.PathLike[str], every: int | None, resume: bool, same: dict[str, Any]) -> None:
        self.path = os.fspath(path)
        self.every = every
        self.same = {name: value if isinstance(value, str) else repr(value) for name, value in same.items()}
        self.found: dict[str, Any] | None = None
        self.failure: ModelFileError | None = None  # of the last write
        self._written = -1  # the epoch that the file is of
        self._next, self._pace, self._looked = 0.0, 0.0, (0, time.monotonic())
        if os.path.exists(self.path):
            self._find(resume)

    def _find(self, resume: bool) -> None:
        header, found = modelfile.read(self.path)
        if header["kind"] != modelfile.CHECKPOINT:
            raise CheckpointError(f"checkpoint: {self.path} is a {header['kind']}; choose another name")
        with self.restoring():
            epoch, epochs, there = int(found["epoch"]), int(found["epochs"]), dict(found["same"])
        if not resume:
            raise CheckpointError(
                f"checkpoint: {self.path} is there already, of a training after epoch {epoch} of {epochs}; go on with "
                "resume=True, or remove it to begin anew"
            )
        differ = [name for name in {**there, **self.same} if there.get(name) != self.same.get(name)]
        if differ:
            what = "; ".join(
                f"{name}: there {there.get(name, 'absent')}, here {self.same.get(name, 'absent')}" for name in differ
            )
            raise CheckpointError(f"checkpoint: {self.path} is of another training ({what})")
        self.found, self._written = found, epoch
        self._looked, self._next = (epoch, time.monotonic()), time.monotonic() + SECONDS

    @contextmanager
    def restoring(self) -> Iterator[None]:
        """Where a training becomes what was found: what does not fit is a CheckpointError."""
        try:
            yield
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(f"checkpoint: {self.path} does not hold this training: {one_line(error)}") from error

    def epochs(self, first: int) -> int:
        """How many epochs, from the `first` on, an engine may run before `keep` is to be asked."""
        if self.every is not None:
            return self.every - first % self.every
        return max(1, int(1.0 / self._pace)) if self._pace else 1  # about a second

    def keep(self, epoch: int, content: Content) -> None:
        """After an epoch (they count from 1 here): write the file if it is time.

        Where that fails training goes on, with a warning, and the next time it is tried again; but the first time it is
        an error, before hours are spent.
        """
        now, (before, then) = time.monotonic(), self._looked
        if epoch > before:
            self._pace, self._looked = (now - then) / (epoch - before), (epoch, now)
        if self._written < 0 or (now >= self._next if self.every is None else epoch % self.every == 0):
            self._write(content())

    def end(self, content: Content) -> None:
        """The training has come to its end: this must be in the file. Raises ModelFileError."""
        self._write(content())
        if self.failure is not None:
            raise self.failure

    def save(self, content: Content) -> str:
        """Write the file because training stops here; what to tell people."""
        tree = content()
        epoch = tree["epoch"]
        if epoch != self._written:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it is said in the next lines
                self._write(tree)
        if self.failure is None:
            return f"training stopped after epoch {epoch}; {self.path} holds it, resume=True goes on from there"
        kept = f"it holds epoch {self._written}" if self._written >= 0 else "there is none"
        return f"training stopped after epoch {epoch}; the checkpoint could not be written ({self.failure}); {kept}"

    def _write(self, tree: dict[str, Any]) -> None:
        started, epoch = time.monotonic(), tree["epoch"]
        try:
            modelfile.write(self.path, tree | {"same": self.same})
        except ModelFileError as error:
            if self._written < 0:
                raise
            self.failure = error
            warnings.warn(
                f"the checkpoint of epoch {epoch} could not be written, training goes on; that of epoch "
                f"{self._written} is still there. {error}",
                RuntimeWarning,
                stacklevel=2,
            )
        else:
            self.failure, self._written = None, epoch
        # Not more than a twentieth of the time goes into writing.
        self._next = time.monotonic() + max(SECONDS, 20 * (time.monotonic() - started))

    @contextmanager
    def whole(self, content: Content) -> Iterator[None]:
        """Where training is between two whole states: Ctrl-C and SIGTERM wait, then the file is written."""
        with interrupts.postponed() as caught:
            yield
        if caught:
            interrupts.deliver(self.save(content))


def digest(*arrays: Any) -> str:
    """A short checksum of arrays, dense or sparse, or None."""
    found = hashlib.sha256()
    for array in arrays:
        parts = [array.data, array.indices, array.indptr] if hasattr(array, "indptr") else [array]
        for part in parts:
            if part is None:
                found.update(b"none")
            elif part.dtype.kind == "O":
                found.update(repr(part.tolist()).encode())
            else:
                found.update(f"{part.dtype.str}{part.shape}".encode())
                found.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
    return found.hexdigest()[:16]


def named(value: Any) -> Any:
    """A function by its name, which says the same in the next process; all else as it is."""
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return value
