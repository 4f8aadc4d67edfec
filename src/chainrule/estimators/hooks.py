"""scikit-learn 1.9's callbacks, as our fits tell them, and the wish of a search that they end."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from threading import Event
from typing import Any

from chainrule.estimators._sklearn import callback_context, has_callbacks, is_in_callback_tree

STOP: ContextVar[tuple[Event, ...]] = ContextVar("STOP", default=())  # fits that begin here end when one is set

_WITHIN: ContextVar[bool] = ContextVar("_WITHIN", default=False)


@contextmanager
def within() -> Iterator[None]:
    """Around fits that are a part of another one, which says itself what there is to say.

    They warn of nothing, and Ctrl-C, which else ends a fit with a warning and what it has, is raised again. No filter
    of warnings could do that: it is the process's, and other threads change it, too.
    """
    token = _WITHIN.set(True)
    try:
        yield
    finally:
        _WITHIN.reset(token)


def is_within() -> bool:
    """Whether this fit is a part of another one."""
    return _WITHIN.get()


class Hooks:
    """One task for the fit and one for each epoch, each with an estimator that could predict by then."""

    def __init__(self, estimator: Any, given: tuple[Any, Any, Any], silent: bool = False) -> None:
        X, y, sample_weight = given
        self.estimator = estimator
        self.shown = {"estimator": estimator, "X": X, "y": y}
        if sample_weight is not None:
            self.shown["metadata"] = {"sample_weight": sample_weight}
        self.fit: Any = None
        self.epoch: Any = None
        self.stop = STOP.get()
        self.left = estimator.max_iter if has_callbacks(estimator) else 0
        if not silent and is_in_callback_tree(estimator):
            self.fit = callback_context(estimator, estimator.max_iter)
            self.fit.call_on_fit_task_begin(**self.shown)

    @property
    def told(self) -> bool:
        """Whether a callback is told of the next epoch."""
        return self.fit is not None and self.left > 0

    def epoch_begins(self) -> None:
        """Open the task of the next epoch."""
        if self.told:
            self.left -= 1
            self.epoch = self.fit.subcontext(task_name="epoch")
            self.epoch.call_on_fit_task_begin(**self.shown)

    def epoch_ends(self) -> bool:
        """Close it; True if a callback, or a search that was given up, wants to stop here."""
        stop = any(event.is_set() for event in self.stop)
        epoch, self.epoch = self.epoch, None  # told once, also where it raises
        if epoch is not None:
            stop |= bool(epoch.call_on_fit_task_end(**self.shown, reconstruction_attributes=self._now))
        return stop

    def fit_ends(self) -> None:
        """Close the task of the fit, and before it that of an epoch that did not come to its end."""
        if self.fit is not None:
            self.epoch_ends()
            self.fit.call_on_fit_task_end(**self.shown, reconstruction_attributes=self._now)

    def _now(self) -> dict[str, Any]:
        network = deepcopy(self.estimator.network_)
        return {"network_": network, **self.estimator._faces(network)}
