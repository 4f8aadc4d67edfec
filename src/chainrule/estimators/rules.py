"""scikit-learn's conventions for the loop: its learning rates, its stopping rule, and what it keeps of an epoch."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite, nan
from typing import Any

from sklearn.metrics import check_scoring

from chainrule.engines.state import OptimizerState
from chainrule.estimators.hooks import Hooks
from chainrule.estimators.rows import Rows
from chainrule.estimators.solvers import schedule
from chainrule.schedules import knows_ahead
from chainrule.training.loop import Best, Examples


@dataclass
class Progress:
    """What one call of partial_fit leaves for the next: the optimizer, its learning rate, and what it remembers."""

    learning_rate: float
    memory: OptimizerState
    pieces: bool = False  # whether there will be more calls
    optimizer: Any = None  # of the last call

    def rate(self, epoch: int) -> float:
        """The learning rate of every epoch, until a rule changes it."""
        return self.learning_rate


def follows(estimator: Any, mode: str) -> bool:
    """Whether the learning rate is 'invscaling' or 'adaptive', which are for solver='sgd'."""
    return bool(estimator.solver == "sgd" and estimator.learning_rate == mode)


class NoImprovement:
    """Stop, or take smaller steps, when `n_iter_no_change` epochs in a row were not better than the best by `tol`.

    What is compared is the lower the better: the training cost, or minus the score of the rows that are held out. With
    early stopping the parameters of the best epoch are kept.
    """

    def __init__(self, estimator: Any, progress: Progress) -> None:
        self.estimator = estimator
        self.progress = progress
        if estimator.early_stopping:
            self.best = Best(-estimator.best_validation_score_, parameters=estimator.network_.parameters.copy())
        else:  # best_loss_ is None after a fit that watched a score
            self.best = Best(inf if estimator.best_loss_ is None else estimator.best_loss_)

    def epochs_until_stop(self) -> int:
        """As many as are left, if all are worse; one with early stopping, which may keep the parameters of any."""
        est = self.estimator
        return 1 if est.early_stopping else max(1, est.n_iter_no_change + 1 - est._no_improvement_count)

    def stop(self, epoch: int, value: float) -> bool:
        """Whether this epoch was one too many."""
        est = self.estimator
        worse = value > self.best.value - est.tol
        est._no_improvement_count = est._no_improvement_count + 1 if worse else 0
        if est.early_stopping:
            self.best.update(value, epoch, est.network_.parameters)
            est.best_validation_score_ = -self.best.value
        elif self.best.update(value, epoch, None):
            est.best_loss_ = value
        return bool(est._no_improvement_count > est.n_iter_no_change) and self._give_up()

    def _give_up(self) -> bool:
        est, progress = self.estimator, self.progress
        what = "Validation score" if est.early_stopping else "Training loss"
        message = f"{what} did not improve more than tol={est.tol:f} for {est.n_iter_no_change} consecutive epochs."
        stop = True
        if not follows(est, "adaptive"):
            message += " Stopping."
        elif progress.learning_rate <= 1e-6:
            message += " Learning rate too small. Stopping."
        else:
            stop = False
            progress.learning_rate /= 5.0
            est._no_improvement_count = 0
            message += f" Setting learning rate to {progress.learning_rate:f}"
        if est.verbose:
            print(message)
        return stop


class FitRecorder:
    """What a fit finds out becomes attributes of the estimator, epoch by epoch; callbacks are told.

    trained, watched: the examples that the network learns from, and those held out, as it has them. score: what early
    stopping watches, None for the training cost. progress: None for L-BFGS, which has no learning rate. began: the
    random state at the beginning of the fit.
    """

    # What a fit changes from epoch to epoch.
    _ATTRIBUTES = (
        "n_iter_", "t_", "loss_", "loss_curve_", "history_", "best_loss_", "validation_scores_",
        "best_validation_score_", "_no_improvement_count",
    )  # fmt: skip

    def __init__(
        self,
        estimator: Any,
        hooks: Hooks,
        trained: Examples,
        watched: Examples | None,
        score: Callable[[], float] | None = None,
        progress: Progress | None = None,
        began: dict[str, Any] | None = None,
    ) -> None:
        self.estimator = estimator
        self.hooks = hooks
        self.trained, self.watched = trained, watched
        self.score = score
        self.progress = progress
        self.began = began

    def epochs_until_report(self, first: int) -> int:
        """One where something is done after each epoch; else as many as there are, which are recorded in the end."""
        est = self.estimator
        watched = est.verbose or self.watched is not None or self.hooks.told
        changing = follows(est, "invscaling") or not knows_ahead(schedule(est))
        return 1 if watched or changing or self.progress is None else sys.maxsize

    def begin(self) -> None:
        """Open the task of the epoch, if a callback is told of it."""
        self.hooks.epoch_begins()

    def record(self, first: int, costs: list[float], next_cost: float | None) -> list[float]:
        """n_iter_, loss_curve_, history_ …; returns what the rule compares, the lower the better."""
        est = self.estimator
        losses = costs if next_cost is None else [next_cost]  # scikit-learn reports L-BFGS after its iteration
        loss = losses[-1]
        est.n_iter_ += len(losses)
        if self.progress is not None:
            est.t_ += len(losses) * self.trained[1].shape[1]
            est.loss_ = loss
            est.loss_curve_ += losses
            if follows(est, "invscaling"):
                self.progress.learning_rate = float(est.learning_rate_init) / (est.t_ + 1) ** est.power_t
        if est.verbose:
            print(f"Iteration {est.n_iter_}, loss = {loss:.8f}")
        est.history_.setdefault("cost", []).extend(losses)
        if self.watched is not None:
            if est.training_metric:
                self._append("metric", est._metric(est.network_.evaluate(*self.trained)[1], *self.trained[1:]))
            validation_cost, A = est.network_.evaluate(*self.watched)
            self._append("validation_cost", validation_cost)
            self._append("validation_metric", est._metric(A, *self.watched[1:]))
        if self.score is None:
            return losses
        score = self.score() if isfinite(costs[-1]) else nan
        est.validation_scores_.append(score)
        if est.verbose:
            print(f"Validation score: {score:f}")
        return [-score]

    def _append(self, name: str, value: float) -> None:
        self.estimator.history_.setdefault(name, []).append(value)

    def end(self, stop: bool) -> bool:
        """Close that task; a callback, or a search that was given up, may want to stop here."""
        return self.hooks.epoch_ends() or stop

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint is to hold of it."""
        est = self.estimator
        return {
            "estimator": {name: getattr(est, name) for name in self._ATTRIBUTES if hasattr(est, name)},
            "rate": self.progress and self.progress.learning_rate,
            "began": self.began,
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        est, attributes = self.estimator, saved["estimator"]
        est.__dict__.update((name, attributes[name]) for name in self._ATTRIBUTES if name in attributes)
        if not est.training_metric:  # which version 0.1.0 always recorded
            est.history_.pop("metric", None)
        est.network_.normalizer = saved["network"].normalizer
        if self.progress is not None:
            self.progress.learning_rate = saved["rate"]


def scorer(estimator: Any, rows: Rows) -> Callable[[], float]:
    """What early stopping watches on these rows: the metric scikit-learn takes, the validation cost, or any scorer."""
    est = estimator
    if est.scoring is None:
        return lambda: float(est.history_["validation_metric"][-1])
    if est.scoring == "loss":
        return lambda: -float(est.history_["validation_cost"][-1])
    score_of = check_scoring(est, scoring=est.scoring)
    labels = est._decode(rows.targets)
    weights = {} if rows.weights is None else {"sample_weight": rows.weights}

    def score() -> float:
        # The scorer calls predict on an array, whatever frame the features came in: no names, no warning.
        names = est.__dict__.pop("feature_names_in_", None)
        try:
            return float(score_of(est, rows.X, labels, **weights))
        finally:
            if names is not None:
                est.feature_names_in_ = names

    return score
