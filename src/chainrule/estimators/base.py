"""What the two estimators share: scikit-learn's parameters, random draws, stopping rules and attributes."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import deepcopy
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
    is_classifier,
)
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import assert_all_finite, check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from chainrule import engines, optimizers
from chainrule._types import Array
from chainrule.activations import Activation
from chainrule.estimators.explain import explained
from chainrule.estimators.fitting import SCHEDULES, Fit, Rows
from chainrule.estimators.hooks import Hooks
from chainrule.network import Network
from chainrule.normalization import METHODS
from chainrule.optimizers import LBFGS
from chainrule.text import unknown
from chainrule.training import loop as training

if TYPE_CHECKING:
    from chainrule.working.diagnosis import Diagnosis

_OURS = {"logistic": "sigmoid"}  # scikit-learn's other name


class BaseMLP(ClassNamePrefixFeaturesOutMixin, TransformerMixin, CallbackSupportMixin, BaseEstimator, ABC):
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
        "schedule": [StrOptions(set(SCHEDULES)), callable, None],
        "scoring": [str, callable, None],
        "engine": [StrOptions({"auto", *engines.ENGINES})],
        "dtype": "no_validation",
    }

    network_: Network
    coefs_: list[Array]
    intercepts_: list[Array]
    best_loss_: Any  # None where early stopping watches a score instead

    def _set(self, arguments: dict[str, Any]) -> None:
        """Keep the arguments of __init__ as they are, as scikit-learn wants it."""
        for name, value in arguments.items():
            if name != "self":
                setattr(self, name, value)

    # -- the network and its two faces -------------------------------------------------------------------------------

    def _make_network(
        self, sizes: list[int], output: str, dtype: Any, init: Any = "zeros", seed: int | None = None
    ) -> Network:
        """A network with this estimator's activations and loss."""
        hidden = self.activation
        names = [hidden] * (len(sizes) - 2) if isinstance(hidden, (str, Activation)) else list(hidden)
        names = [_OURS.get(name, name) if isinstance(name, str) else name for name in names]
        return Network(
            sizes,
            hidden=names,
            output=_OURS.get(output, output),
            loss=self._loss_name(),
            init=init,
            seed=seed,
            dtype=dtype,
        )

    def _initialize(self, sizes: list[int], output: str, dtype: Any) -> None:
        rng = self._random_state
        if self.init != "sklearn":
            network = self._make_network(sizes, output, dtype, self.init, rng.randint(2**31))
        else:
            network = self._make_network(sizes, output, dtype)
            for l in range(1, network.L + 1):
                # scikit-learn's draws, in its order: coefficients, then intercepts, layer by layer, in float64.
                factor = 2.0 if self.activation in ("logistic", "sigmoid") else 6.0
                bound = np.sqrt(factor / (sizes[l - 1] + sizes[l]))
                network.W[l][...] = rng.uniform(-bound, bound, (sizes[l - 1], sizes[l])).T
                network.b[l][...] = rng.uniform(-bound, bound, sizes[l])[:, None]
        self.network_ = network
        self._expose()
        self.n_layers_ = len(sizes)
        self.out_activation_ = output
        self.t_ = 0
        self.history_: dict[str, list[float]] = {"cost": []}
        if not isinstance(self._solver(), LBFGS):
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self.best_loss_ = None if self.early_stopping else np.inf
            self.validation_scores_: list[float] | None = [] if self.early_stopping else None
            self.best_validation_score_ = -np.inf if self.early_stopping else None

    @staticmethod
    def _faces(network: Network) -> dict[str, list[Array]]:
        """The parameters of a network as scikit-learn has them: views."""
        return {"coefs_": [W.T for W in network.W[1:]], "intercepts_": [b.reshape(-1) for b in network.b[1:]]}

    def _expose(self) -> None:
        self.__dict__.update(self._faces(self.network_))

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
        # Views would be stored as second copies of the parameters; and the optimizer's moments, twice as large, only
        # serve who goes on in pieces.
        left_out = {"coefs_", "intercepts_"}
        if not getattr(state.get("_optimizer"), "pieces", False):
            left_out.add("_optimizer")
        return {name: value for name, value in state.items() if name not in left_out}

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

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        checkpoint: Any = None,
        checkpoint_every: int | None = None,
        resume: bool = False,
    ) -> Self:
        """Fit to X (m, n) and y (m,), or (m, outputs): numbers to predict, or 0 and 1 for each of several labels.

        X_val, y_val: a validation set of your own: recorded in `history_`, and watched if `early_stopping`.
        checkpoint: a file that the fit is kept in, written every `checkpoint_every` epochs (None: every half minute),
        when it is stopped (Ctrl-C, SIGTERM) and when it ends. resume: go on from that file where it is there, with the
        same parameters and data (max_iter may be more), as if there had been no interruption, to the last bit.
        """
        training.check_checkpoint(checkpoint, checkpoint_every, resume)
        keep = None if checkpoint is None else (checkpoint, checkpoint_every, resume)
        return self._fit(X, y, sample_weight, X_val=X_val, y_val=y_val, keep=keep)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        incremental: bool = False,
        X_val: Any = None,
        y_val: Any = None,
        keep: tuple[Any, int | None, bool] | None = None,
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
            with explained(sample_weight=sample_weight):
                sample_weight = _check_sample_weight(sample_weight, X)
        sample_weight = self._weights(y, sample_weight, incremental)
        self.n_outputs_ = targets.shape[1]
        self._random_state = check_random_state(self.random_state)
        if first_pass:
            self._initialize([X.shape[1], *hidden, self.n_outputs_], self._output(), X.dtype)
        elif not hasattr(self, "history_"):  # coefs_ were put in by hand
            self.history_ = {"cost": []}
        self._synced()

        held_out = None
        if X_val is not None:
            X_val, y_val = self._validate(X_val, y_val, reset=False, names=("X_val", "y_val"))
            held_out = Rows(X_val, self._encode(y_val, incremental=True))
        hooks = Hooks(self, given, silent=incremental)
        fit = Fit(self, Rows(X, targets, sample_weight), held_out, hooks, incremental, keep)
        fit.run(self._solver(), first_pass)
        return self

    # -- what the two estimators add ---------------------------------------------------------------------------------

    @abstractmethod
    def _output(self) -> str:
        """The name of the output activation, scikit-learn's."""

    @abstractmethod
    def _loss_name(self) -> str | None:
        """The loss of chainrule.losses; None for the one that belongs to the output."""

    @abstractmethod
    def _encode(self, y: Any, incremental: bool) -> Array:
        """Y (m,) or (m, outputs) → targets (m, n[L])."""

    @abstractmethod
    def _decode(self, outputs: Array) -> Array:
        """Outputs (m, n[L]) → what predict gives."""

    @abstractmethod
    def _targets(self, targets: Array, smooth: bool = True) -> Array:
        """Targets (m, n[L]) → what the network learns: smoothed labels, scaled numbers."""

    @abstractmethod
    def _weights(self, y: Any, sample_weight: Any, incremental: bool) -> Array | None:
        """The weight of each example, (m,)."""

    @abstractmethod
    def _metric(self, A: Array, Y: Array, weights: Array | None) -> float:
        """Accuracy or R² of A[L] against Y, both (n[L], m)."""

    # -- using -------------------------------------------------------------------------------------------------------

    def _inputs(self, X: Any) -> Any:
        """X (n, m), columns, of rows that are still to be validated."""
        known = self.__dict__
        if (
            type(X) is np.ndarray
            and X.dtype in (np.float64, np.float32)
            and X.ndim == 2
            and len(X) > 0
            and X.shape[1] == known.get("n_features_in_")
            and "coefs_" in known
            and "feature_names_in_" not in known
            and np.isfinite(X).all()
        ):
            return X.T  # what scikit-learn's checks, which take longer than a prediction, would let pass as it is
        check_is_fitted(self)
        with explained(X=X):
            return validate_data(self, X, accept_sparse=["csr", "csc"], reset=False).T

    def _outputs(self, X: Any) -> Array:
        """A[L]ᵀ (m, n[L]) of rows that are still to be validated."""
        columns = self._inputs(X)
        return self._synced().forward(columns).T

    def transform(self, X: Any, layer: int | None = None) -> Array:
        """A[l]ᵀ, shape (m, n[l]): what layer `layer` makes of the rows of X; by default the last hidden one.

        Layers are counted from 1; `n_layers_` − 1 is the output. Raises ValueError for a layer that is not there.
        """
        columns, network = self._inputs(X), self._synced()
        last = max(network.L - 1, 1)
        if layer is None:
            layer = last
        if not 1 <= layer <= network.L:
            raise ValueError(f"layer: got {layer!r}, wanted 1 to {network.L} (the output)")
        if layer != last and getattr(self, "_sklearn_output_config", {}).get("transform", "default") != "default":
            raise ValueError(
                f"layer {layer}: set_output names the units of layer {last}; use set_output(transform='default')"
            )
        A: Array = network.layers(columns)[1][layer].T
        return A

    def diagnose(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None
    ) -> "Diagnosis":
        """What is wrong with this training, measured on its rows X (m, n) and y: see `chainrule.diagnose`.

        X_val, y_val: rows that were not trained on, to tell overfitting. `history_` is read as well; the
        validation cost up to the epoch that early stopping has kept. Empty, and so false, if nothing is wrong.
        """
        from chainrule.working.diagnosis import diagnose  # estimators can be used without it

        check_is_fitted(self)
        if (X_val is None) != (y_val is None):
            raise ValueError("a validation set needs both X_val and y_val")

        def examples(X: Any, y: Any) -> tuple[Any, Any, Any]:
            X, y = self._validate(X, y, reset=False)
            return X.T, self._targets(self._encode(y, incremental=True), smooth=False).T, y

        history, scores = getattr(self, "history_", None), getattr(self, "validation_scores_", None)
        if history is not None and scores:
            kept = int(np.argmax(np.nan_to_num(scores, nan=-np.inf))) + 1
            history = {**history, "validation_cost": history["validation_cost"][:kept]}
        X, Y, y = examples(X, y)
        return diagnose(
            self._synced(),
            X,
            Y,
            steps=history,
            validation=None if X_val is None else examples(X_val, y_val)[:2],
            names=getattr(self, "feature_names_in_", None),
            l2=self.alpha,
            weights=self._weights(y, sample_weight, False),
        )

    @property
    def _n_features_out(self) -> int:
        return self.network_.sizes[max(self.network_.L - 1, 1)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _validate(self, X: Any, y: Any, reset: bool, names: tuple[str, str] = ("X", "y")) -> tuple[Any, Any]:
        dtype = (np.float64, np.float32) if self.dtype is None else np.dtype(self.dtype)
        with explained(**dict(zip(names, (X, y), strict=True))):
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
            if is_classifier(self):
                if y.dtype == object and any(label is None for label in y.ravel()):
                    raise ValueError("Input y contains NaN.")
            else:
                if y.dtype.kind not in "biuf":
                    raise ValueError(f"y: got dtype {y.dtype}, wanted numbers")
                assert_all_finite(y, input_name="y")  # where there was None among objects, there is NaN now
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
