"""What the two estimators share: scikit-learn's parameters, random draws, stopping rules and attributes."""

import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    is_classifier,
)
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from chainrule import engines, initializers, optimizers, schedules, training
from chainrule.activations import Activation
from chainrule.estimators.hooks import Hooks
from chainrule.names import unknown
from chainrule.network import Network
from chainrule.normalization import METHODS
from chainrule.optimizers import LBFGS

Array = np.ndarray[Any, np.dtype[Any]]

_OURS = {"logistic": "sigmoid"}  # scikit-learn's other name
_SCHEDULES: dict[str, Callable[[int], schedules.Schedule]] = {"cosine": schedules.Cosine, "coslog4": schedules.CosLog4}


@dataclass
class _Progress:
    """What one call of partial_fit leaves for the next, with the learning rate scikit-learn keeps there."""

    learning_rate: float
    slots: tuple[Any, ...]
    step: int = 0


class BaseMLP(ClassNamePrefixFeaturesOutMixin, TransformerMixin, CallbackSupportMixin, BaseEstimator):
    """What both estimators share. `network_` holds all parameters; coefs_ and intercepts_ are views on it."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [str, list, tuple, Activation],
        "solver": [str, *optimizers.Optimizer.__args__, LBFGS],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "init": [str, Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left"), list, tuple],
        "normalize": [StrOptions(set(METHODS)), None],
        "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
        "schedule": [StrOptions(set(_SCHEDULES)), callable, None],
        "scoring": [str, callable, None],
        "engine": [StrOptions({"auto", *engines.ENGINES})],
        "dtype": "no_validation",
    }

    # What the two estimators add: which outputs and loss, and how labels become targets and outputs labels.
    _output: Callable[[], str]
    _loss_name: Callable[[], str | None]
    _encode: Callable[..., Array]  # y, incremental → (m, n[L])
    _decode: Callable[[Array], Array]  # (m, n[L]) → y
    _targets: Callable[..., Array]  # (m, n[L]) → what the network learns, label smoothing or scaling included
    _weights: Callable[..., Array | None]
    _metric: Callable[..., float]  # A[L], Y, weights → accuracy or R²

    network_: Network
    coefs_: list[Array]
    intercepts_: list[Array]
    best_loss_: Any  # None where early stopping watches a score instead

    # -- the network and its two faces -------------------------------------------------------------------------------

    def _make_network(self, sizes: list[int], output: str, dtype: Any) -> Network:
        """A network of zeros with this estimator's activations and loss."""
        hidden = self.activation
        names = [hidden] * (len(sizes) - 2) if isinstance(hidden, (str, Activation)) else list(hidden)
        names = [_OURS.get(name, name) if isinstance(name, str) else name for name in names]
        return Network(
            sizes,
            hidden=names,
            output=_OURS.get(output, output),
            loss=self._loss_name(),
            init="zeros",
            dtype=dtype,
        )

    def _initialize(self, sizes: list[int], output: str, dtype: Any) -> None:
        network = self._make_network(sizes, output, dtype)
        rng = self._random_state
        if self.init == "sklearn":
            for l in range(1, network.L + 1):
                # scikit-learn's draws, in its order: coefficients, then intercepts, layer by layer, in float64.
                factor = 2.0 if self.activation in ("logistic", "sigmoid") else 6.0
                bound = np.sqrt(factor / (sizes[l - 1] + sizes[l]))
                network.W[l][...] = rng.uniform(-bound, bound, (sizes[l - 1], sizes[l])).T
                network.b[l][...] = rng.uniform(-bound, bound, sizes[l])[:, None]
        else:
            generator = np.random.default_rng(rng.randint(2**31))
            for l in range(1, network.L + 1):
                draw = initializers.get(self.init, network.g[l].name)
                network.W[l][...] = draw(generator, network.W[l].shape)
        self.network_ = network
        self._expose()
        self.n_layers_ = len(sizes)
        self.out_activation_ = output
        self.n_iter_ = 0
        self.t_ = 0
        self.history_: dict[str, list[float]] = {"cost": []}
        if not isinstance(self._solver(), LBFGS):
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self.best_loss_ = None if self.early_stopping else np.inf
            self.validation_scores_: list[float] | None = [] if self.early_stopping else None
            self.best_validation_score_ = -np.inf if self.early_stopping else None

    def _expose(self) -> None:
        self.coefs_ = [W.T for W in self.network_.W[1:]]
        self.intercepts_ = [b.reshape(-1) for b in self.network_.b[1:]]

    def _synced(self) -> Network:
        """The network, with whatever somebody has put into coefs_ and intercepts_ since."""
        if not hasattr(self, "network_"):
            sizes = [len(self.coefs_[0]), *(coef.shape[1] for coef in self.coefs_)]
            self.network_ = self._make_network(sizes, self.out_activation_, self.coefs_[0].dtype)
        network = self.network_
        owner = network.W[1].base
        if not all(part.base is owner for part in (*self.coefs_, *self.intercepts_)):
            for l in range(1, network.L + 1):
                network.W[l][...] = np.asarray(self.coefs_[l - 1]).T
                network.b[l][...] = np.reshape(self.intercepts_[l - 1], (-1, 1))
            self._expose()
        return network

    def __getstate__(self) -> dict[str, Any]:
        if hasattr(self, "coefs_"):
            self._synced()
        state: dict[str, Any] = super().__getstate__()
        # Views would be stored as second copies of the parameters.
        return {name: value for name, value in state.items() if name not in ("coefs_", "intercepts_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if hasattr(self, "network_"):
            self._expose()

    # -- fitting -----------------------------------------------------------------------------------------------------

    def _solver(self) -> Any:
        """The optimizer object that `solver` and the parameters that belong to it describe."""
        rate, momentum = self.learning_rate_init, self.momentum
        if not isinstance(self.solver, str):
            return self.solver
        if self.solver == "sgd" and self.nesterovs_momentum:
            return optimizers.Nesterov(rate, momentum)
        table: dict[str, Callable[[], Any]] = {
            "lbfgs": lambda: LBFGS(self.tol, max_evaluations=self.max_fun),
            "sgd": lambda: optimizers.HeavyBall(rate, momentum),
            "adam": lambda: optimizers.Adam(rate, self.beta_1, self.beta_2, self.epsilon, epsilon_hat=True),
            "adamw": lambda: optimizers.AdamW(rate, self.beta_1, self.beta_2, self.epsilon),
            "rmsprop": lambda: optimizers.RMSProp(rate, self.beta_2, self.epsilon),
            "momentum": lambda: optimizers.Momentum(rate, momentum),
            "heavy_ball": lambda: optimizers.HeavyBall(rate, momentum),
            "nesterov": lambda: optimizers.Nesterov(rate, momentum),
            "gradient_descent": lambda: optimizers.GradientDescent(rate),
        }
        if self.solver not in table:
            raise unknown("solver", self.solver, table)
        return table[self.solver]()

    def _check_solver(self) -> bool:
        if isinstance(self._solver(), LBFGS):
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        incremental: bool = False,
        X_val: Any = None,
        y_val: Any = None,
    ) -> Self:
        sizes = self.hidden_layer_sizes
        hidden = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if np.any(np.array(hidden) <= 0):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {hidden}.")
        if (X_val is None) != (y_val is None):
            raise ValueError("a validation set needs both X_val and y_val")
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        given = (X, y, sample_weight)  # as the caller knows them: what callbacks are shown
        first_pass = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)

        X, y = self._validate(X, y, reset=first_pass)
        targets = self._encode(y, incremental)  # (m, n[L])
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        sample_weight = self._weights(y, sample_weight, incremental)
        self.n_outputs_ = targets.shape[1]
        self._random_state = check_random_state(self.random_state)
        if first_pass:
            self._initialize([X.shape[1], *hidden, self.n_outputs_], self._output(), X.dtype)
        elif not hasattr(self, "history_"):  # coefs_ were put in by hand
            self.history_ = {"cost": []}
        network = self._synced()

        if X_val is not None:
            X_val, y_val = self._validate(X_val, y_val, reset=False)
            y_val = self._encode(y_val, incremental=True)
        if isinstance(solver := self._solver(), LBFGS):
            rejected = {"dropout": np.any(self.dropout), "clip_norm": self.clip_norm, "schedule": self.schedule}
            if wrong := [name for name, value in rejected.items() if value]:
                raise ValueError(f"solver 'lbfgs' takes the full batch and its own steps: leave out {', '.join(wrong)}")
            if first_pass:
                network.normalize(X.T, self.normalize)
            self._fit_lbfgs(solver, X, targets, sample_weight, X_val, y_val, given)
        else:
            self._fit_stochastic(solver, X, targets, sample_weight, X_val, y_val, incremental, first_pass, given)
        if not incremental:
            self._warn_if_constant(X, targets)
        return self

    def _fit_lbfgs(
        self, solver: LBFGS, X: Any, targets: Array, weights: Any, X_val: Any, y_val: Any, given: Any
    ) -> None:
        network, engine = self.network_, engines.get(self.engine)
        columns, Y, w = network.examples(X.T, self._targets(targets).T, weights)
        watched = None if X_val is None else network.examples(X_val.T, self._targets(y_val, smooth=False).T)
        hooks = Hooks(self, given)

        def evaluate(parameters: Array) -> tuple[float, Array]:
            theta = parameters.astype(network.dtype, copy=False)
            with np.errstate(over="ignore", invalid="ignore"):  # an overflow shows in the result, which is checked
                J, gradient = engine.cost_and_gradients(network, columns, Y, w, self.alpha, theta)
            return J, gradient.astype(np.float64, copy=False)

        def look(intermediate_result: Any) -> None:
            network.parameters[...] = intermediate_result.x
            self.n_iter_ += 1
            if self.verbose:
                print(f"Iteration {self.n_iter_}, loss = {intermediate_result.fun:.8f}")
            self._record(intermediate_result.fun, (columns, Y, w), watched)
            hooks.epoch_begins()  # SciPy tells of an iteration when it is over
            if hooks.epoch_ends():
                raise StopIteration

        self.n_iter_ = 0
        start = network.parameters.astype(np.float64)
        result = solver.minimize(evaluate, start, self.max_iter, look)
        if not np.isfinite(result.x).all():
            raise ValueError(_NON_FINITE)
        network.parameters[...] = result.x
        self.n_iter_ = min(result.nit, self.max_iter)
        self.loss_ = float(result.fun)
        hooks.fit_ends()
        if result.status not in (0, 99):  # 99: stopped by a callback
            warnings.warn(
                f"lbfgs failed to converge after {self.n_iter_} iteration(s) (status={result.status}): "
                f"{result.message}. Increase max_iter or max_fun, or scale the data (normalize='standard').",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _fit_stochastic(
        self,
        solver: optimizers.Optimizer,
        X: Any,
        targets: Array,
        weights: Any,
        X_val: Any,
        y_val: Any,
        incremental: bool,
        first_pass: bool,
        given: Any,
    ) -> None:
        network, engine, rng = self.network_, engines.get(self.engine), self._random_state
        progress = getattr(self, "_optimizer", None) if incremental else None
        if progress is None:
            progress = self._optimizer = _Progress(float(solver.learning_rate), solver.init(network.parameters))
        weights_val = None
        if self.early_stopping and X_val is None:
            X, X_val, targets, y_val, weights, weights_val = self._split(X, targets, weights)
        if first_pass:
            network.normalize(X.T, self.normalize)

        m = X.shape[0]
        if self.batch_size != "auto" and self.batch_size > m:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=4
            )
        batch_size = min(200, m) if self.batch_size == "auto" else min(self.batch_size, m)
        self.n_iter_ = 0  # here, because a schedule or the split may look at it

        index = np.arange(m)

        def order(epoch: int) -> Array:
            """As scikit-learn: the order of the last epoch, shuffled again."""
            nonlocal index
            shuffled = np.arange(m)
            rng.shuffle(shuffled)
            index = index[shuffled]
            return index

        follows = self.solver == "sgd" and self.learning_rate != "constant"
        state = training.prepare(
            network,
            X.T,
            self._targets(targets).T,
            solver,
            batch_size=batch_size,
            l2=self.alpha,
            dropout=list(self.dropout) if np.ndim(self.dropout) else float(self.dropout),
            weights=weights,
            shuffle=False,
            seed=rng.randint(2**31) if np.any(self.dropout) else 0,
            order=None,
            schedule=(lambda epoch: progress.learning_rate / solver.learning_rate) if follows else self._schedule(),
            clip_norm=self.clip_norm,
        )
        state.order = order if self.shuffle else None
        state.slots, state.step = progress.slots, progress.step
        if incremental:
            state.epoch = len(self.loss_curve_)
        watched = None
        if X_val is not None:
            watched = network.examples(X_val.T, self._targets(y_val, smooth=False).T, weights_val)
        score = self._scorer(X_val, y_val, weights_val)
        hooks = Hooks(self, given, silent=incremental)
        best = network.parameters.copy()

        try:
            for _ in range(1 if incremental else self.max_iter):
                hooks.epoch_begins()
                (cost,) = engine.run(state, 1)
                diverged = not np.isfinite(cost)
                self.n_iter_ += 1
                self.t_ += m
                self.loss_ = cost
                self.loss_curve_.append(cost)
                progress.slots, progress.step = state.slots, state.step
                if self.solver == "sgd" and self.learning_rate == "invscaling":
                    progress.learning_rate = float(self.learning_rate_init) / (self.t_ + 1) ** self.power_t
                if self.verbose:
                    print(f"Iteration {self.n_iter_}, loss = {cost:.8f}")
                self._record(cost, (state.X, state.Y, state.weights), watched)

                if self.early_stopping:
                    value = float("nan") if diverged else score()
                    self.validation_scores_.append(value)  # type: ignore[union-attr]
                    if self.verbose:
                        print(f"Validation score: {value:f}")
                    worse = value < self.best_validation_score_ + self.tol
                    if value > self.best_validation_score_:  # type: ignore[operator]
                        self.best_validation_score_, best = value, network.parameters.copy()
                else:
                    worse = cost > self.best_loss_ - self.tol
                    self.best_loss_ = min(cost, self.best_loss_) if not diverged else self.best_loss_
                self._no_improvement_count = self._no_improvement_count + 1 if worse else 0

                if diverged:
                    rate = progress.learning_rate
                    error = training.diverged(self.n_iter_ - 1, cost, rate)
                    if not self.early_stopping:
                        raise ValueError(f"{_NON_FINITE} ({error})")
                    warnings.warn(str(error), ConvergenceWarning, stacklevel=4)
                    break
                stop = self._no_improvement_count > self.n_iter_no_change and self._give_up()
                if hooks.epoch_ends() or stop:
                    break
            else:
                if not incremental and self.schedule is None:
                    warnings.warn(
                        f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization "
                        "hasn't converged yet.",
                        ConvergenceWarning,
                        stacklevel=4,
                    )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
        if self.early_stopping:
            network.parameters[...] = best
        hooks.fit_ends()

    def _split(self, X: Any, targets: Array, weights: Any) -> tuple[Any, ...]:
        arrays = [X, targets] if weights is None else [X, targets, weights]
        parts = train_test_split(
            *arrays,
            random_state=self._random_state,
            test_size=self.validation_fraction,
            stratify=targets if is_classifier(self) and self.n_outputs_ == 1 else None,
        )
        if parts[1].shape[0] < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        return tuple(parts) if weights is not None else (*parts, None, None)

    def _give_up(self) -> bool:
        """The stopping rule has fired: stop, or, with an adaptive rate, take smaller steps."""
        what = "Validation score" if self.early_stopping else "Training loss"
        message = f"{what} did not improve more than tol={self.tol:f} for {self.n_iter_no_change} consecutive epochs."
        progress = self._optimizer
        adaptive = self.solver == "sgd" and self.learning_rate == "adaptive"
        stop = not adaptive or progress.learning_rate <= 1e-6
        if not stop:
            progress.learning_rate /= 5.0
            self._no_improvement_count = 0
            message += f" Setting learning rate to {progress.learning_rate:f}"
        else:
            message += " Learning rate too small. Stopping." if adaptive else " Stopping."
        if self.verbose:
            print(message)
        return stop

    def _schedule(self) -> Callable[[int], float] | None:
        if isinstance(self.schedule, str):
            return _SCHEDULES[self.schedule](self.max_iter)
        return self.schedule  # type: ignore[no-any-return]

    def _record(self, cost: float, trained: Any, watched: Any) -> None:
        """One more entry for each curve of history_; metrics only beside a validation set, as they cost a pass."""
        entries = {"cost": float(cost)}
        if watched is not None:
            entries["metric"] = self._metric(training.evaluate(self.network_, trained)[1], *trained[1:])
            entries["validation_cost"], A = training.evaluate(self.network_, watched)
            entries["validation_metric"] = self._metric(A, *watched[1:])
        for name, value in entries.items():
            self.history_.setdefault(name, []).append(value)

    def _scorer(self, X_val: Any, y_val: Any, weights_val: Any) -> Callable[[], float]:
        """What early stopping watches: the metric scikit-learn takes, the validation cost, or any scorer."""
        if self.scoring is None:
            return lambda: self.history_["validation_metric"][-1]
        if self.scoring == "loss":
            return lambda: -self.history_["validation_cost"][-1]
        scorer = check_scoring(self, scoring=self.scoring)
        labels = None if y_val is None else self._decode(y_val)
        kwargs = {} if weights_val is None else {"sample_weight": weights_val}

        def score() -> float:
            with warnings.catch_warnings():
                # The scorer calls predict on an array, whatever frame the features came in.
                warnings.filterwarnings("ignore", message="X does not have valid feature names")
                return float(scorer(self, X_val, labels, **kwargs))

        return score

    def _warn_if_constant(self, X: Any, targets: Array) -> None:
        """Say so, and why, when the network gives every example the same answer (scikit-learn's issue 31235)."""
        rows = np.linspace(0, X.shape[0] - 1, min(X.shape[0], 1000)).astype(int)
        Y = self._targets(targets[rows], smooth=False)
        network = self.network_
        Z, A = network.layers(X[rows].T)
        spread = float(np.ptp(A[-1], axis=1).max())
        deviation = float(Y.std(axis=0).max())
        if deviation == 0 or not spread <= 0.05 * deviation:  # R² can be 0.05 at most
            return
        cause = f"training ended after {self.n_iter_} epochs, on the plateau where only the output biases have learned"
        advice = "relu or tanh, a higher learning_rate_init, a smaller tol or a larger n_iter_no_change"
        for l in range(1, network.L):
            slopes = np.abs(network.g[l].slope(Z[l]))
            name = network.g[l].spec
            if name == "relu" and not A[l].any():
                cause = f"all {network.sizes[l]} relu units of hidden layer {l} are dead: they give 0 for every example"
                advice = "a lower learning rate, activation='leaky_relu', or scaled inputs (normalize='standard')"
                break
            if name in ("sigmoid", "tanh") and np.mean(slopes < 1e-3) > 0.9:
                cause = f"hidden layer {l} is saturated: the slope of {name} is below 0.001 for nine in ten values of Z"
                advice = "scaled inputs (normalize='standard') or smaller initial weights (init)"
                break
        warnings.warn(
            f"{type(self).__name__} predicts the same for every example (the outputs differ by {spread:.2g} at most): "
            f"{cause}. Try: {advice}.",
            ConvergenceWarning,
            stacklevel=4,
        )

    # -- using -------------------------------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> Array:
        """A[L]ᵀ (m, n[L]) of rows that are still to be validated."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        return self._synced().forward(X.T).T

    def transform(self, X: Any, layer: int | None = None) -> Array:
        """A[l]ᵀ, shape (m, n[l]): what layer `layer` makes of the rows of X; by default the last hidden one.

        Layers are counted from 1; `n_layers_` − 1 is the output. Raises ValueError for a layer that is not there.
        """
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        network = self._synced()
        last = max(network.L - 1, 1)
        if layer is None:
            layer = last
        if not 1 <= layer <= network.L:
            raise ValueError(f"layer: got {layer!r}, wanted 1 to {network.L} (the output)")
        if layer != last and getattr(self, "_sklearn_output_config", {}).get("transform", "default") != "default":
            raise ValueError(
                f"layer {layer}: set_output names the units of layer {last}; use set_output(transform='default')"
            )
        A: Array = network.layers(X.T)[1][layer].T
        return A

    @property
    def _n_features_out(self) -> int:
        return self.network_.sizes[max(self.network_.L - 1, 1)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _validate(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        dtype = (np.float64, np.float32) if self.dtype is None else np.dtype(self.dtype)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=dtype,
            reset=reset,
            y_numeric=not is_classifier(self),
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return (X.tocsr() if hasattr(X, "tocsr") else X), y

    def _loss_grad_lbfgs(
        self, theta: Array, X: Any, y: Array, sample_weight: Any, *buffers: Any
    ) -> tuple[float, Array]:
        """scikit-learn's private cost function: first all coefs_, then all intercepts_, (J, gradient)."""
        network = deepcopy(self._synced())
        pieces = np.split(theta, np.cumsum([p.size for p in (*self.coefs_, *self.intercepts_)])[:-1])
        for l in range(1, network.L + 1):
            network.W[l][...] = pieces[l - 1].reshape(network.W[l].shape[::-1]).T
            network.b[l][...] = pieces[network.L + l - 1][:, None]
        J, dW, db = network.gradients(X.T, self._targets(y).T, self.alpha, sample_weight)
        return J, np.concatenate([*(d.T.ravel() for d in dW[1:]), *(d.ravel() for d in db[1:])])


_NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)
