"""scikit-learn's searches on threads: our fits leave the interpreter to one another, so no processes need to start.

Where the caller has chosen processes or a cluster for joblib, they run there.
"""

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from contextvars import copy_context
from functools import partial
from threading import Event
from typing import Any, Self, TypeVar

from joblib import Parallel, delayed, parallel_config
from joblib.parallel import FallbackToBackend, SequentialBackend, ThreadingBackend, get_active_backend
from sklearn import config_context, model_selection

from chainrule.engines.stream import Streamed
from chainrule.estimators._sklearn import FuncWrapper
from chainrule.estimators.docs import filled
from chainrule.estimators.hooks import STOP
from chainrule.training.threads import GivenUp, available_threads, begin_thread, give_up_when, possible_threads

T = TypeVar("T")


class _Threads(ThreadingBackend):
    """joblib's threads, each with the caller's OpenMP limit, and without a change of the process's warning filters.

    scikit-learn wraps each task to bring the caller's configuration and warning filters along, as a new process needs
    it. Threads have the filters already, and setting them from several at once loses them. When the search is given up,
    by an error or Ctrl-C, our fits end at once, or with their epoch, and no thread is left.
    """

    def __init__(self, limit: int, **options: Any) -> None:
        super().__init__(**options)
        self.limit = limit
        self.context = copy_context()

    def configure(self, *args: Any, **options: Any) -> Any:
        self.stop = Event()
        handlers = 3  # threads of the pool's own, which does not say what happens where it cannot have all
        self._n_jobs = possible_threads(super().configure(*args, **options) + handlers) - handlers
        if self._n_jobs <= 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        return self._n_jobs

    def terminate(self) -> None:
        self.stop.set()
        pool = self._pool
        super().terminate()
        if pool is not None:
            pool.join()

    def submit(self, func: Any, callback: Any = None) -> Any:
        func.items = [(partial(self.context.copy().run, self._call, f), *rest) for f, *rest in func.items]
        return super().submit(func, callback)

    def _call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        events = (*STOP.get(), self.stop)
        STOP.set(events)
        begin_thread(self.limit, give_up_when(lambda: any(event.is_set() for event in events)))
        try:
            if not isinstance(function, FuncWrapper):
                return function(*args, **kwargs)
            with config_context(**function.config):
                return function.function(*args, **kwargs)
        except GivenUp:  # joblib's threads know errors only
            raise CancelledError from None


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """What functions that fit our estimators return, several at a time, as in a search."""
    limit = available_threads()
    with parallel_config(backend=_Threads(limit), n_jobs=limit), warnings.catch_warnings():
        return list(Parallel(batch_size=1)(delayed(call)() for call in calls))


_PARAMETERS = """
scoring : str, callable, list, tuple or dict, optional
    What is compared: scikit-learn's names of scorers, functions (estimator, X, y) → number, or several. The estimator's
    own score unless given.
n_jobs : int, optional
    Fits at a time; one for each core unless given.
refit : bool, str or callable, default True
    Whether to fit the best candidate to all rows in the end; with several scorers the name of the one that decides.
cv : int, cross-validation generator or iterable, optional
    The splits: a number of folds (5 unless given), an object of scikit-learn's, or pairs of indices.
verbose : int, default 0
    How much is printed on the way.
pre_dispatch : int or str, default "2*n_jobs"
    Fits that are prepared at a time.
error_score : "raise" or float, default nan
    The score of a fit that fails; or raise its error.
return_train_score : bool, default False
    Whether to score on the training rows too.
"""


class _OnThreads:
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit and score every candidate on every split, and the best one on all rows.

        Parameters
        ----------
        X : array-like or sparse array of shape (m, n)
            The examples, as rows.
        y : array-like of shape (m,) or (m, outputs), optional
            Their targets.
        **params : dict
            Options of the estimator's `fit`; those with a value for each row are split as the rows are.

        Returns
        -------
        self
            With `best_estimator_`, `best_params_` and `cv_results_`.
        """
        if isinstance(X, Streamed):
            raise ValueError(
                f"{type(self).__name__}: got {X!r}, wanted rows in memory, which can be split. Search on some of them, "
                "as blocks.read(0), and fit the best parameters to the Blocks"
            )
        chosen, _ = get_active_backend(prefer="threads")  # by a parallel_config around this; else threads
        if not isinstance(chosen, (ThreadingBackend, SequentialBackend)):
            return super().fit(X, y, **params)  # type: ignore[misc, no-any-return]
        limit = available_threads()
        # scikit-learn's checks change the filters for a moment and put back what they found: two threads at once may
        # leave a change behind. It ends here.
        with parallel_config(backend=_Threads(limit), n_jobs=limit), warnings.catch_warnings():
            return super().fit(X, y, **params)  # type: ignore[misc, no-any-return]


@filled(parameters=_PARAMETERS)
class GridSearchCV(_OnThreads, model_selection.GridSearchCV):
    """scikit-learn's GridSearchCV on threads instead of processes, or where joblib's `parallel_config` says.

    Made for `MLPClassifier` and `MLPRegressor`, alone or in a pipeline, whose fits run at the same time; the fits of
    many other estimators wait for one another.

    Parameters
    ----------
    estimator : estimator
        What is fitted, with other parameters each time.
    param_grid : dict or list of dict
        Name of a parameter → values to try, in all combinations; or several such grids.
    {parameters}
    """


@filled(parameters=_PARAMETERS)
class RandomizedSearchCV(_OnThreads, model_selection.RandomizedSearchCV):
    """scikit-learn's RandomizedSearchCV on threads instead of processes, or where joblib's `parallel_config` says.

    Made for the same estimators as `GridSearchCV`.

    Parameters
    ----------
    estimator : estimator
        What is fitted, with other parameters each time.
    param_distributions : dict or list of dict
        Name of a parameter → values to try, or a distribution with a method `rvs` (scipy.stats has many).
    n_iter : int, default 10
        Candidates to draw.
    random_state : int, RandomState or None, optional
        Where the draws come from.
    {parameters}
    """
