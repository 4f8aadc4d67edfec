"""One fit: scikit-learn's loop over epochs around an engine, its stopping rules, and what it records."""

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split

from chainrule import engines, schedules
from chainrule._types import Array
from chainrule.engines import state as states
from chainrule.engines.state import State
from chainrule.estimators.hooks import Hooks
from chainrule.optimizers import LBFGS, Optimizer
from chainrule.training import lbfgs
from chainrule.training import loop as training

if TYPE_CHECKING:
    from chainrule.files.checkpoint import Checkpoint

SCHEDULES: dict[str, Callable[[int], schedules.Schedule]] = {"cosine": schedules.Cosine, "coslog4": schedules.CosLog4}
# What a fit changes of an estimator from epoch to epoch.
_REMEMBERED = (
    "n_iter_", "t_", "loss_", "loss_curve_", "history_", "best_loss_", "validation_scores_", "best_validation_score_",
    "_no_improvement_count",
)  # fmt: skip
_NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)


@dataclass
class Rows:
    """Validated examples, one a row: X (m, n), targets (m, n[L]) not yet smoothed or scaled, weights (m,)."""

    X: Any
    targets: Array
    weights: Array | None = None


@dataclass
class Progress:
    """What one call of partial_fit leaves for the next, with the learning rate scikit-learn keeps there."""

    learning_rate: float
    slots: tuple[Any, ...]
    step: int = 0
    pieces: bool = False  # whether there will be more of them


class Fit:
    """Trains `estimator.network_` on rows; everything it finds out becomes an attribute of the estimator."""

    def __init__(
        self,
        estimator: Any,
        rows: Rows,
        held_out: Rows | None,
        hooks: Hooks,
        incremental: bool,
        keep: tuple[Any, int | None, bool] | None,
    ) -> None:
        self.estimator = estimator
        self.network = estimator.network_
        self.rows = rows
        self.held_out = held_out
        self.hooks = hooks
        self.incremental = incremental
        self.keep = keep  # checkpoint, checkpoint_every, resume
        self.kept: Checkpoint | None = None
        self.ended = False  # by a rule or a callback, before max_iter
        estimator.n_iter_ = 0

    def run(self, solver: Any, first_pass: bool) -> None:
        """By the solver's kind: its own steps over all rows, or epochs of mini-batches."""
        est, lbfgs = self.estimator, isinstance(solver, LBFGS)
        self.engine = engines.get(est.engine, self.network, solver)
        est.engine_ = self.engine.name
        if lbfgs:
            rejected = {
                "dropout": np.any(est.dropout),
                "clip_norm": est.clip_norm,
                "schedule": est.schedule,
                "checkpoint": self.keep,
            }
            if wrong := [name for name, value in rejected.items() if value]:
                raise ValueError(f"solver 'lbfgs' takes the full batch and its own steps: leave out {', '.join(wrong)}")
        else:
            if self.keep is not None:
                self._open(*self.keep)
            if est.early_stopping and self.held_out is None:
                self._hold_out()
        if first_pass:
            self.network.normalize(self.rows.X.T, est.normalize)
        self.watched = None if self.held_out is None else self._examples(self.held_out, smooth=False)
        if lbfgs:
            self._run_lbfgs(solver)
        else:
            self._run_epochs(solver)
        self.hooks.fit_ends()
        if not self.incremental:
            self._warn_if_constant()

    def _examples(self, rows: Rows, smooth: bool = True) -> tuple[Any, Array, Array | None]:
        """As the network has them: columns, checked."""
        targets = self.estimator._targets(rows.targets, smooth)
        examples: tuple[Any, Array, Array | None] = self.network.examples(rows.X.T, targets.T, rows.weights)
        return examples

    def _hold_out(self) -> None:
        """scikit-learn's split for early stopping: stratified where there is a single output."""
        est, rows = self.estimator, self.rows
        parts = train_test_split(
            *([rows.X, rows.targets] if rows.weights is None else [rows.X, rows.targets, rows.weights]),
            random_state=est._random_state,
            test_size=est.validation_fraction,
            stratify=rows.targets if is_classifier(est) and est.n_outputs_ == 1 else None,
        )
        self.rows, self.held_out = Rows(*parts[::2]), Rows(*parts[1::2])
        if self.held_out.X.shape[0] < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )

    # -- LBFGS -------------------------------------------------------------------------------------------------------

    def _run_lbfgs(self, solver: LBFGS) -> None:
        est, network = self.estimator, self.network
        examples = self._examples(self.rows)
        cost_and_gradients = training.objective(network, examples, est.alpha, self.engine)

        def look(intermediate_result: Any) -> None:
            network.parameters[...] = intermediate_result.x
            self._record(intermediate_result.fun, examples)
            self.hooks.epoch_begins()  # SciPy tells of an iteration when it is over
            if self.hooks.epoch_ends():
                raise StopIteration

        result = lbfgs.minimize(solver, cost_and_gradients, network.parameters.astype(np.float64), est.max_iter, look)
        if not np.isfinite(result.x).all():
            raise ValueError(_NON_FINITE)
        network.parameters[...] = result.x
        est.n_iter_ = min(result.nit, est.max_iter)
        est.loss_ = float(result.fun)
        if result.status not in (0, 99):  # 99: stopped by a callback
            _warn(
                f"lbfgs failed to converge after {est.n_iter_} iteration(s) (status={result.status}): "
                f"{result.message}. Increase max_iter or max_fun, or scale the data (normalize='standard')."
            )

    # -- epochs of mini-batches --------------------------------------------------------------------------------------

    def _run_epochs(self, solver: Optimizer) -> None:
        est, network = self.estimator, self.network
        if not (self.incremental and hasattr(est, "_optimizer")):
            est._optimizer = Progress(float(solver.learning_rate), solver.init(network.parameters))
        self.progress: Progress = est._optimizer
        self.progress.pieces = self.incremental
        state = self._state(solver)
        self.score = self._scorer()
        self.best = network.parameters.copy()
        if self.kept is not None:
            self._begin(self.kept, state)
        try:
            for _ in range(est.n_iter_, 1 if self.incremental else est.max_iter):
                if self.ended:
                    break
                with nullcontext() if self.kept is None else self.kept.whole(lambda: self._content(state)):
                    self._epoch(state)
            else:
                # A schedule plans for max_iter epochs.
                if not self.ended and not self.incremental and est.schedule is None:
                    _warn(
                        f"Stochastic Optimizer: Maximum iterations ({est.max_iter}) reached and the optimization "
                        "hasn't converged yet."
                    )
            if self.kept is not None:
                self.kept.end(lambda: self._content(state))
        except KeyboardInterrupt as interrupt:
            _warn(" ".join(["Training interrupted by user.", *getattr(interrupt, "__notes__", [])]), UserWarning)
        if est.early_stopping:
            network.parameters[...] = self.best

    def _epoch(self, state: State) -> None:
        est = self.estimator
        self.hooks.epoch_begins()
        (cost,) = self.engine.run(state, 1)
        est.t_ += self.rows.X.shape[0]
        est.loss_ = cost
        est.loss_curve_.append(cost)
        self._record(cost, (state.X, state.Y, state.weights))
        self.progress.slots, self.progress.step = state.slots, state.step
        if self._follows("invscaling"):
            self.progress.learning_rate = float(est.learning_rate_init) / (est.t_ + 1) ** est.power_t
        self._compare(cost)
        if not np.isfinite(cost):
            self._diverged(cost)
            self.ended = True
            return
        stop = est._no_improvement_count > est.n_iter_no_change and self._give_up()
        self.ended = self.hooks.epoch_ends() or stop
        if self.kept is not None and not self.ended:
            self.kept.keep(state.epoch, lambda: self._content(state))

    # -- checkpoints -------------------------------------------------------------------------------------------------

    def _open(self, path: Any, every: int | None, resume: bool) -> None:
        """Look into the checkpoint; if there is one, random numbers are drawn from where its fit began to draw them."""
        from chainrule.files import checkpoint as checkpoints

        est, random = self.estimator, self.estimator._random_state
        free = {"verbose", "warm_start"}
        if est.schedule is None:
            free.add("max_iter")  # more epochs may be asked for, where they change nothing about the first ones
        if not isinstance(est.random_state, int):
            free.add("random_state")
        parameters = est.get_params(deep=False).items()
        same = {name: checkpoints.named(value) for name, value in parameters if name not in free}
        rows, others = self.rows, self.held_out
        same |= {
            "engine": self.engine.name,
            "network": self.network,
            "data": checkpoints.digest(rows.X, rows.targets, rows.weights),
            "classes": checkpoints.digest(getattr(est, "classes_", None)),
            "validation": None if others is None else checkpoints.digest(others.X, others.targets),
        }
        self.kept = checkpoints.Checkpoint(path, every, resume, same)
        self.began = states.numbers(random)
        if (found := self.kept.found) is not None:
            if est.random_state is None:  # and not the numbers that everyone draws from
                est._random_state = random = np.random.RandomState()
            with self.kept.restoring():
                self.began = found["began"]
                states.set_numbers(random, self.began)

    def _begin(self, kept: "Checkpoint", state: State) -> None:
        """Be where the checkpoint is; or write it, for now is better than after a night to see that it cannot be."""
        est = self.estimator
        if (found := kept.found) is None:
            kept.keep(0, lambda: self._content(state))
            return
        with kept.restoring():
            state.restore(found)
            self.network.normalizer = found["network"].normalizer
            est.__dict__.update((name, found["estimator"][name]) for name in _REMEMBERED if name in found["estimator"])
            self.best, self.ended = found["best"], found["ended"]
        self.progress.learning_rate, self.progress.slots, self.progress.step = found["rate"], state.slots, state.step

    def _content(self, state: State) -> dict[str, Any]:
        """What a checkpoint holds."""
        est = self.estimator
        return state.content() | {
            "epochs": est.max_iter,
            "estimator": {name: getattr(est, name) for name in _REMEMBERED if hasattr(est, name)},
            "best": self.best,
            "ended": self.ended,
            "rate": self.progress.learning_rate,
            "began": self.began,
        }

    def _state(self, solver: Optimizer) -> State:
        est, m = self.estimator, self.rows.X.shape[0]
        rng = est._random_state
        if est.batch_size != "auto" and est.batch_size > m:
            _warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", UserWarning)
        schedule = SCHEDULES[est.schedule](est.max_iter) if isinstance(est.schedule, str) else est.schedule
        if self._follows("invscaling") or self._follows("adaptive"):
            schedule = lambda epoch: self.progress.learning_rate / solver.learning_rate  # noqa: E731
        state = training.prepare(
            self.network,
            self.rows.X.T,
            est._targets(self.rows.targets).T,
            solver,
            batch_size=min(200 if est.batch_size == "auto" else est.batch_size, m),
            l2=est.alpha,
            dropout=list(est.dropout) if np.ndim(est.dropout) else float(est.dropout),
            weights=self.rows.weights,
            shuffle=False,
            seed=rng.randint(2**31) if np.any(est.dropout) else 0,
            schedule=schedule,
            clip_norm=est.clip_norm,
        )
        state.slots, state.step = self.progress.slots, self.progress.step
        state.epoch = len(est.loss_curve_) if self.incremental else 0
        if est.shuffle:

            def draw(before: Array | None) -> Array:
                """As scikit-learn: the order of the last epoch, shuffled again."""
                shuffled = np.arange(m)
                rng.shuffle(shuffled)
                return shuffled if before is None else before[shuffled]

            state.order = states.EpochOrder(rng, draw)
        return state

    def _follows(self, mode: str) -> bool:
        return bool(self.estimator.solver == "sgd" and self.estimator.learning_rate == mode)

    def _compare(self, cost: float) -> None:
        """Is this epoch better than the best so far, by more than tol? By the score if there is early stopping."""
        est = self.estimator
        if est.early_stopping:
            score = self.score() if np.isfinite(cost) else float("nan")
            est.validation_scores_.append(score)
            if est.verbose:
                print(f"Validation score: {score:f}")
            worse = score < est.best_validation_score_ + est.tol
            if score > est.best_validation_score_:
                est.best_validation_score_, self.best = score, self.network.parameters.copy()
        else:
            best = np.inf if est.best_loss_ is None else est.best_loss_  # after a fit that watched its score
            worse = cost > best - est.tol
            if cost < best:
                est.best_loss_ = cost
        est._no_improvement_count = est._no_improvement_count + 1 if worse else 0

    def _scorer(self) -> Callable[[], float]:
        """What early stopping watches: the metric scikit-learn takes, the validation cost, or any scorer."""
        est, rows = self.estimator, self.held_out
        if est.scoring is None:
            return lambda: float(est.history_["validation_metric"][-1])
        if est.scoring == "loss":
            return lambda: -float(est.history_["validation_cost"][-1])
        scorer = check_scoring(est, scoring=est.scoring)
        if rows is None:
            return lambda: float("nan")  # nobody asks
        labels = est._decode(rows.targets)
        weights = {} if rows.weights is None else {"sample_weight": rows.weights}

        def score() -> float:
            # The scorer calls predict on an array, whatever frame the features came in: no names, no warning.
            names = est.__dict__.pop("feature_names_in_", None)
            try:
                return float(scorer(est, rows.X, labels, **weights))
            finally:
                if names is not None:
                    est.feature_names_in_ = names

        return score

    def _give_up(self) -> bool:
        """The stopping rule has fired: stop, or, with an adaptive rate, take smaller steps."""
        est = self.estimator
        what = "Validation score" if est.early_stopping else "Training loss"
        message = f"{what} did not improve more than tol={est.tol:f} for {est.n_iter_no_change} consecutive epochs."
        stop = True
        if not self._follows("adaptive"):
            message += " Stopping."
        elif self.progress.learning_rate <= 1e-6:
            message += " Learning rate too small. Stopping."
        else:
            stop = False
            self.progress.learning_rate /= 5.0
            est._no_improvement_count = 0
            message += f" Setting learning rate to {self.progress.learning_rate:f}"
        if est.verbose:
            print(message)
        return stop

    def _diverged(self, cost: float) -> None:
        error = training.diverged(self.estimator.n_iter_ - 1, cost, self.progress.learning_rate)
        if not self.estimator.early_stopping:
            raise ValueError(f"{_NON_FINITE} ({error})")
        _warn(str(error))

    # -- what is recorded, and said ----------------------------------------------------------------------------------

    def _record(self, cost: float, trained: tuple[Any, Array, Array | None]) -> None:
        """One more epoch in n_iter_ and history_; metrics cost a pass, so only where rows are held out."""
        est = self.estimator
        est.n_iter_ += 1
        if est.verbose:
            print(f"Iteration {est.n_iter_}, loss = {cost:.8f}")
        entries = {"cost": float(cost)}
        if self.watched is not None:
            entries["metric"] = est._metric(training.evaluate(self.network, trained)[1], *trained[1:])
            entries["validation_cost"], A = training.evaluate(self.network, self.watched)
            entries["validation_metric"] = est._metric(A, *self.watched[1:])
        for name, value in entries.items():
            est.history_.setdefault(name, []).append(value)

    def _warn_if_constant(self) -> None:
        """Say so, and why, when the network gives every example the same answer (scikit-learn's issue 31235)."""
        est, network, m = self.estimator, self.network, self.rows.X.shape[0]
        some = np.linspace(0, m - 1, min(m, 1000)).astype(int)
        Y = est._targets(self.rows.targets[some], smooth=False)
        X = self.rows.X[some].T
        spread = float(np.ptp(network.forward(X), axis=1).max())
        deviation = float(Y.std(axis=0).max())
        if deviation == 0 or not spread <= 0.05 * deviation:  # R² can be 0.05 at most
            return
        Z, A = network.layers(X)
        cause = f"training ended after {est.n_iter_} epochs, on the plateau where only the output biases have learned"
        advice = "relu or tanh, a higher learning_rate_init, a smaller tol or a larger n_iter_no_change"
        for l in range(1, network.L):
            name = network.g[l].name
            if name == "relu" and not A[l].any():
                cause = f"all {network.sizes[l]} relu units of hidden layer {l} are dead: they give 0 for every example"
                advice = "a lower learning rate, activation='leaky_relu', or scaled inputs (normalize='standard')"
                break
            if name in ("sigmoid", "tanh") and np.mean(np.abs(network.g[l].slope(Z[l])) < 1e-3) > 0.9:
                cause = f"hidden layer {l} is saturated: the slope of {name} is below 0.001 for nine in ten values of Z"
                advice = "scaled inputs (normalize='standard') or smaller initial weights (init)"
                break
        _warn(
            f"{type(est).__name__} predicts nearly the same for every example (the outputs differ by {spread:.2g} "
            f"at most): {cause}. Try: {advice}."
        )


def _warn(message: str, category: type[Warning] = ConvergenceWarning) -> None:
    warnings.warn(message, category, stacklevel=7)  # the line that called fit
