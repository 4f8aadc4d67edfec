"""One fit: the parts of the loop for an estimator, and what scikit-learn's users are warned of."""

import warnings
from contextlib import nullcontext
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from chainrule import engines, equations
from chainrule.engines import interrupts
from chainrule.engines.draws import rng_state, set_rng_state
from chainrule.engines.state import EpochOrder, OptimizerState, State
from chainrule.engines.stream import Stream
from chainrule.errors import ConstantPredictionWarning, DivergenceError, DivergenceWarning, TrainingInterrupted
from chainrule.estimators.hooks import Hooks, is_within
from chainrule.estimators.rows import BlockRows, Rows
from chainrule.estimators.rules import FitRecorder, NoImprovement, Progress, follows, scorer
from chainrule.estimators.solvers import schedule
from chainrule.files.checkpoint import Checkpoint, CheckpointWriter, digest, made_of, seeded
from chainrule.optimizers import LBFGS
from chainrule.training.loop import Examples, Loop
from chainrule.training.train import prepare


class FitDivergenceWarning(DivergenceWarning, ConvergenceWarning):
    """The cost of a fit became NaN or infinite; with early stopping the best parameters so far are kept."""


class FitConstantWarning(ConstantPredictionWarning, ConvergenceWarning):
    """A fitted network gives nearly the same answer for every example."""


_NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)


def follow_parameters(estimator: Any, hidden: list[Any], outputs: int) -> None:
    """Let the network go on with parameters that were changed since it was trained. ValueError where it cannot.

    hidden: the hidden layer sizes; outputs: the columns of the targets.
    """
    est, network = estimator, estimator._synced()
    normalizer, dtype = network.normalizer, network.dtype
    settled = {
        "hidden_layer_sizes": (network.sizes[1:-1], hidden),
        "dtype": (dtype, dtype if est.dtype is None else np.dtype(est.dtype)),
        "normalize": (normalizer and ("robust" if normalizer.clip else "standard"), est.normalize),
        **est._settled(),
    }
    for name, (was, now) in settled.items():
        if was != now:
            raise ValueError(
                f"{name}: the network was made with {was!r}, now it is {now!r}, which cannot change while training "
                "goes on (warm_start, partial_fit). Set it back, or fit with warm_start=False to begin anew"
            )
    if outputs != network.sizes[-1]:
        raise ValueError(
            f"y: got {outputs} columns, wanted {network.sizes[-1]}, as many as in the fit that this one goes on from"
        )
    functions = est._make_network([2] * len(network.sizes), est.out_activation_, dtype)
    if functions.loss != network.loss:
        est.best_loss_ = None  # it was another number
    network.g, network.loss = functions.g, functions.loss


class Fit:
    """Trains `estimator.network_` on rows; everything it finds out becomes an attribute of the estimator.

    held_out: rows of the user's own to watch. incremental: one epoch, for partial_fit. checkpoint: where the fit is
    kept.
    """

    def __init__(
        self,
        estimator: Any,
        solver: Any,
        rows: Rows | BlockRows,
        held_out: Rows | None,
        hooks: Hooks,
        incremental: bool,
        checkpoint: Checkpoint | None,
    ) -> None:
        self.estimator = estimator
        self.solver = solver
        self.network = estimator.network_
        self.engine = engines.get(estimator.engine, self.network, solver, estimator.precision)
        if isinstance(rows, BlockRows):
            self.engine = Stream(self.engine)
        self.rows = rows
        self.held_out = held_out
        self.hooks = hooks
        self.incremental = incremental
        self.checkpoint = checkpoint

    def run(self, first_pass: bool) -> None:
        """By the solver's kind: its own steps over all rows, or epochs of mini-batches."""
        est, everything = self.estimator, self.rows
        est.n_iter_ = 0
        est.engine_ = self.engine.name
        by_solver = isinstance(self.solver, LBFGS)
        writer, began = None, None
        if by_solver:
            rejected = {
                "dropout": np.any(est.dropout),
                "clip_norm": est.clip_norm,
                "schedule": est.schedule,
                "checkpoint": self.checkpoint,
            }
            if wrong := [name for name, value in rejected.items() if value]:
                raise ValueError(f"solver 'lbfgs' takes the full batch and its own steps: leave out {', '.join(wrong)}")
        else:
            if self.checkpoint is not None:
                writer, began = self._open(self.checkpoint)
            if est.early_stopping and self.held_out is None:
                self._hold_out()
        progress = None if by_solver else self._progress()
        trained = self._measured(everything, first_pass)
        watched = None if self.held_out is None else self._examples(self.held_out, smooth=False)
        if progress is None:
            self._run_solver(trained, watched)
        else:
            self._run_epochs(trained, watched, progress, writer, began)
        self.hooks.fit_ends()
        if not (self.incremental or is_within()):
            self._warn_if_constant()

    def _measured(self, everything: Rows | BlockRows, first_pass: bool) -> Examples:
        """The examples to train on, scaled by what is known of them now; if they are refused, they were not there."""
        est, network = self.estimator, self.network
        if self.incremental and est.normalize == "robust":
            raise ValueError(
                "normalize='robust': the quartiles of all rows cannot be told from pieces. Use normalize='standard', "
                "or fit with warm_start=True, which keeps those of the first fit"
            )
        before, attributes = network.normalizer, vars(est).copy()
        try:
            if first_pass or self.incremental:
                everything.measure_targets(est, first_pass)
            counted = before is not None and before.moments is not None  # not by version 0.1.0
            if first_pass or (self.incremental and counted):
                network.normalize(self.rows.columns, est.normalize, update=not first_pass)
            return self._examples(self.rows)
        except ValueError:
            network.normalizer = before
            vars(est).update(attributes)
            raise

    def _examples(self, rows: Rows | BlockRows, smooth: bool = True) -> Examples:
        """As the network has them."""
        return rows.examples(self.network, lambda targets: self.estimator._targets(targets, smooth))

    def _hold_out(self) -> None:
        """scikit-learn's split for early stopping: stratified where there is a single output."""
        est, rows = self.estimator, self.rows
        if isinstance(rows, BlockRows):
            raise ValueError("early_stopping: no rows of Blocks are held out; give X_val and y_val, rows in memory")
        parts = train_test_split(
            *([rows.X, rows.targets] if rows.weights is None else [rows.X, rows.targets, rows.weights]),
            random_state=est._random_state,
            test_size=est.validation_fraction,
            stratify=rows.targets if is_classifier(est) and est.n_outputs_ == 1 else None,
        )
        self.rows, self.held_out = trained, held_out = Rows(*parts[::2]), Rows(*parts[1::2])
        if held_out.m < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        for part, what in ((held_out, "held out for early stopping"), (trained, "left to train on")):
            if part.weights is not None and not part.weights.any():
                raise ValueError(
                    f"early_stopping: all {len(part.weights)} rows {what} have weight 0 (sample_weight, class_weight), "
                    "so nothing can be measured on them. Leave out rows of weight 0, give X_val and y_val, or another "
                    "random_state or validation_fraction"
                )

    def _run_solver(self, trained: Examples, watched: Examples | None) -> None:
        est, network = self.estimator, self.network
        loop = Loop(network, est.max_iter, FitRecorder(est, self.hooks, trained, watched))
        result = loop.run_solver(self.solver, self.engine.objective(network, *trained, est.alpha))
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

    def _run_epochs(
        self,
        trained: Examples,
        watched: Examples | None,
        progress: Progress,
        writer: CheckpointWriter | None,
        began: dict[str, Any] | None,
    ) -> None:
        est, network = self.estimator, self.network
        self._watch()
        state = self._state(trained, progress)
        score = scorer(est, self.held_out) if est.early_stopping and self.held_out is not None else None
        recorder = FitRecorder(est, self.hooks, trained, watched, score, progress, began)
        rule = NoImprovement(est, progress)
        loop = Loop(network, state.epoch + 1 if self.incremental else est.max_iter, recorder, rule, state.learning_rate)
        loop.epoch = state.epoch
        if writer is not None and (saved := writer.saved) is not None:
            with writer.restoring():
                if isinstance(saved["best"], np.ndarray):  # as version 0.1.0 wrote it: the value is an attribute
                    kept, watched_score = saved["estimator"], est.early_stopping
                    value = -kept["best_validation_score_"] if watched_score else kept["best_loss_"]
                    saved["best"] = value, -1, saved["best"] if watched_score else None
                loop.load_state_dict(saved, state)
        with nullcontext() if writer is None else interrupts.Deferral():
            try:
                for _ in loop.run_epochs(self.engine, state, writer):
                    pass
                # A schedule plans for max_iter epochs.
                if not (loop.stopped or self.incremental) and est.schedule is None:
                    _warn(
                        f"Stochastic Optimizer: Maximum iterations ({est.max_iter}) reached and the optimization "
                        "hasn't converged yet."
                    )
            except DivergenceError as error:
                if not est.early_stopping:
                    message = f"{_NON_FINITE} ({error})"
                    raise DivergenceError(message, error.epoch, error.learning_rate) from None
                _warn(FitDivergenceWarning(str(error), error.epoch, error.learning_rate))
            except KeyboardInterrupt as interrupt:
                if is_within():
                    raise
                message = " ".join(["Training interrupted by user.", *getattr(interrupt, "__notes__", [])])
                _warn(TrainingInterrupted(message, getattr(interrupt, "saved", None)))
            if est.early_stopping:
                network.parameters[...] = rule.best.parameters

    def _progress(self) -> Progress:
        """Where the optimizer stands: at its start, or where the last call of partial_fit has left it."""
        est, solver = self.estimator, self.solver
        kept: Progress | None = getattr(est, "_optimizer", None) if self.incremental else None
        if kept is None:
            kept = Progress(float(solver.learning_rate), OptimizerState(solver, self.network.parameters))
        elif (before := kept.optimizer) is not None:
            if type(before) is not type(solver):
                raise ValueError(
                    f"solver: the last call was made with {type(before).__name__}, and what that remembers means "
                    f"nothing to {type(solver).__name__}. Set it back, or go on with fit and warm_start=True, which "
                    "keeps the parameters and starts a new optimizer"
                )
            if follows(est, "invscaling"):
                kept.learning_rate = float(est.learning_rate_init) / (est.t_ + 1) ** est.power_t
            elif before.learning_rate != solver.learning_rate:
                kept.learning_rate = float(solver.learning_rate)
        kept.pieces, kept.optimizer = self.incremental, solver
        est._optimizer = kept
        return kept

    def _watch(self) -> None:
        """The attributes of the stopping rule: new, or as the last fit has left them if it watched the same."""
        est, known = self.estimator, vars(self.estimator)
        if "loss_curve_" not in known:
            est.loss_curve_, est._no_improvement_count = [], 0
        if not est.early_stopping:
            est.best_loss_ = np.inf if known.get("best_loss_") is None else est.best_loss_
            est.validation_scores_ = est.best_validation_score_ = None
            return
        scoring = est.scoring
        if callable(scoring):
            scoring = getattr(scoring, "__qualname__", repr(scoring))
        if known.get("validation_scores_") is None or known.get("_watched", scoring) != scoring:
            est.validation_scores_, est.best_validation_score_ = [], -np.inf
        est.best_loss_, est._watched = None, scoring

    def _open(self, settings: Checkpoint) -> tuple[CheckpointWriter, dict[str, Any]]:
        """The writer of the checkpoint, and the random state from which this fit draws, or began to draw."""
        est, rng = self.estimator, self.estimator._random_state
        seed, rows, others = est.random_state, self.rows, self.held_out
        # More epochs may be asked for; what a schedule makes of them is compared by what it gives.
        free = {"verbose", "warm_start", "max_iter", "schedule", "random_state"}
        parameters = est.get_params(deep=False).items()
        same = {name: value for name, value in parameters if name not in free} | {
            "random_state": seeded(seed),
            "engine": self.engine.name,
            "precision": est.precision or self.network.dtype.name,
            "network": self.network,
            "data": rows.digest(),
            "classes": digest(getattr(est, "classes_", None)),
            "validation": None if others is None else digest(*[a for a in vars(others).values() if a is not None]),
        }
        if isinstance(est.schedule, str):
            same["max_iter"] = est.max_iter  # over which it is stretched
        initial = None if seed is None and not est.warm_start else self.network.parameters
        writer = CheckpointWriter(settings, same, made_of(schedule(est)), initial, est.max_iter)
        if writer.saved is None:
            return writer, rng_state(rng)
        if est.random_state is None:  # a generator of its own, not the one that everyone draws from
            est._random_state = rng = np.random.RandomState()
        with writer.restoring():
            set_rng_state(rng, writer.saved["began"])
        return writer, writer.saved["began"]

    def _state(self, trained: Examples, progress: Progress) -> State:
        est, m, rng = self.estimator, self.rows.m, self.estimator._random_state
        if est.batch_size != "auto" and est.batch_size > m:
            _warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", UserWarning)
        in_blocks = isinstance(self.rows, BlockRows)
        draws = in_blocks or bool(est.dropout and np.any(est.dropout))  # of masks; other orders come from `rng`
        state = prepare(
            self.network,
            trained,
            self.solver,
            batch_size=min(200 if est.batch_size == "auto" else est.batch_size, m),
            l2=est.alpha,
            dropout=list(est.dropout) if np.ndim(est.dropout) else float(est.dropout),
            shuffle=in_blocks and est.shuffle,
            seed=rng.randint(2**31) if draws else None,
            schedule=schedule(est),
            clip_norm=est.clip_norm,
            precision=est.precision,
            memory=progress.memory,
            draws=draws,
        )
        state.epoch = len(est.loss_curve_) if self.incremental else 0
        if follows(est, "invscaling") or follows(est, "adaptive"):
            state.learning_rate = progress.rate
        if est.shuffle and not in_blocks:
            state.order = EpochOrder(rng, m, resumable=self.checkpoint is not None)
        return state

    def _warn_if_constant(self) -> None:
        """Say so, and why, when the network gives every example the same answer (scikit-learn's issue 31235)."""
        est, network, some = self.estimator, self.network, self.rows.some()
        Y, X = est._targets(some.targets, smooth=False), some.columns
        A = network.forward(X)
        spread = float((A.max(axis=1) - A.min(axis=1)).max())
        if not spread <= 0.025 * (float(Y.max()) - float(Y.min())):  # a deviation is at most half the range
            return
        deviation = float(Y.std(axis=0).max())
        if deviation == 0 or not spread <= 0.05 * deviation:  # R² can be 0.05 at most
            return
        # Not network.layers: its one thread for BLAS, 20 ms for the first time, is for the last bits.
        Z, A = equations.forward(network.check_inputs(X), network.W, network.b, network.g)
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
            f"at most): {cause}. Try: {advice}.",
            FitConstantWarning,
        )


def _warn(message: str | Warning, category: type[Warning] = ConvergenceWarning) -> None:
    if not is_within():
        warnings.warn(message, category, stacklevel=8)  # the line that called fit
