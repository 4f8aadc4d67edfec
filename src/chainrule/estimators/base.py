"""What the two estimators share: scikit-learn's parameters, random draws, stopping rules and attributes."""

import os
from abc import ABC, abstractmethod
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from chainrule import engines, optimizers
from chainrule._types import Array
from chainrule.activations import Activation
from chainrule.engines.stream import Streamed
from chainrule.estimators import ordinary
from chainrule.estimators._sklearn import (
    BaseEstimator,
    Interval,
    Options,
    StrOptions,
    fit_context,
    names_its_output,
)  # fmt: skip
from chainrule.estimators.explain import explained, validate
from chainrule.estimators.fitting import Fit, follow_parameters
from chainrule.estimators.hooks import Hooks
from chainrule.estimators.rows import Rows
from chainrule.estimators.skl2onnx import ForSkl2onnx
from chainrule.estimators.solvers import SCHEDULES, draw_parameters, solver
from chainrule.files.checkpoint import Checkpoint
from chainrule.network import Network
from chainrule.normalization import METHODS
from chainrule.optimizers import LBFGS

if TYPE_CHECKING:
    from chainrule.working.diagnosis import Diagnosis

_OURS = {"logistic": "sigmoid"}  # scikit-learn's other name


class BaseMLP(ClassNamePrefixFeaturesOutMixin, TransformerMixin, CallbackSupportMixin, ForSkl2onnx, BaseEstimator, ABC):
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
        "engine": [StrOptions(set(engines.NAMES))],
        "precision": [StrOptions(set(engines.PRECISIONS)), None],
        "dtype": "no_validation",
        "training_metric": ["boolean"],
    }

    network_: Network
    coefs_: list[Array]
    intercepts_: list[Array]
    best_loss_: Any  # None where early stopping watches a score instead

    def _set(self, arguments: dict[str, Any]) -> None:
        """Keep the arguments of __init__ (its locals) as they are, as scikit-learn wants it."""
        self.__dict__.update((name, value) for name, value in arguments.items() if name not in ("self", "__class__"))

    def _make_network(
        self, sizes: list[int], output: str, dtype: Any, init: Any = "zeros", seed: int | None = None
    ) -> Network:
        """A network with this estimator's activations and loss."""
        hidden = self.activation
        names = [hidden] * (len(sizes) - 2) if isinstance(hidden, (str, Activation)) else list(hidden)
        names = [_OURS.get(name, name) if isinstance(name, str) else name for name in names]
        output = _OURS.get(output, output)
        return Network(sizes, hidden=names, output=output, loss=self._loss_name(), init=init, seed=seed, dtype=dtype)

    def _initialize(self, sizes: list[int], output: str, dtype: Any) -> None:
        rng = self._random_state
        if self.init != "sklearn":
            network = self._make_network(sizes, output, dtype, self.init, rng.randint(2**31))
        else:
            network = self._make_network(sizes, output, dtype)
            draw_parameters(network, 2.0 if self.activation in ("logistic", "sigmoid") else 6.0, rng)
        self.network_ = network
        self._expose()
        self.n_layers_ = len(sizes)
        self.out_activation_ = output
        self.t_ = 0
        self.history_: dict[str, list[float]] = {"cost": []}
        for name in ("loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_", "_optimizer"):
            self.__dict__.pop(name, None)

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
        for part in (*self.coefs_, *self.intercepts_):
            if part.base is not owner:
                for l in range(1, network.L + 1):
                    network.W[l][...] = np.asarray(self.coefs_[l - 1]).T
                    network.b[l][...] = np.reshape(self.intercepts_[l - 1], (-1, 1))
                self._expose()
                break
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
        # An estimator that was stored by an earlier version has the defaults of parameters that came later.
        super().__setstate__({**state, **type(self)().get_params(deep=False), **state})  # in the order of the state
        if hasattr(self, "network_"):
            self._expose()

    def _check_solver(self) -> bool:
        if isinstance(solver(self), LBFGS):
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True

    @fit_context
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        checkpoint: "str | os.PathLike[str] | Checkpoint | None" = None,
        checkpoint_every: int | None = None,
        resume: bool = False,
    ) -> Self:
        """Fit to the rows of X and their targets.

        Parameters
        ----------
        X : array-like or sparse array of shape (m, n), or Blocks
            The examples, as rows.
        y : array-like of shape (m,) or (m, outputs)
            Labels or numbers to predict, or 0 and 1 for each of several labels. Blocks have their own.
        sample_weight : array-like of shape (m,), optional
            The weight of each row.
        X_val, y_val : array-like, optional
            A validation set of your own: recorded in `history_`, and watched if `early_stopping`.
        checkpoint : path or chainrule.Checkpoint, optional
            A file that the fit is kept in: written now and then, when it is stopped (Ctrl-C, SIGTERM) and when it ends.
        checkpoint_every : int, optional
            Epochs between two writes; half a minute unless given.
        resume : bool, default False
            Go on from that file where it is there, with the same parameters and data (max_iter may be more), as if
            there had been no interruption, to the last bit.

        Returns
        -------
        self
            The fitted estimator.
        """
        settings = Checkpoint.of(checkpoint, checkpoint_every, resume)
        return self._fit(X, y, sample_weight, X_val=X_val, y_val=y_val, checkpoint=settings)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        incremental: bool = False,
        X_val: Any = None,
        y_val: Any = None,
        checkpoint: Checkpoint | None = None,
    ) -> Self:
        sizes = self.hidden_layer_sizes
        hidden = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if np.any(np.array(hidden) <= 0):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {hidden}.")
        if isinstance(X_val, Streamed):
            raise ValueError(f"X_val: got {X_val!r}, wanted rows in memory; its read(0) gives some")
        if (X_val is None) != (y_val is None):
            raise ValueError("a validation set needs both X_val and y_val")
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        given = (X, y, sample_weight)  # as the caller knows them: what callbacks are shown
        first_pass = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        # Initialized by a call that raised an error, and not trained: begin anew.
        first_pass |= getattr(self, "history_", None) == {"cost": []}

        rows = Rows.checked(self, X, y, sample_weight, incremental, first_pass)
        features, outputs = rows.sizes
        if not first_pass:
            follow_parameters(self, hidden, outputs)
        self.n_outputs_ = outputs
        self._random_state = ordinary.random_state(self.random_state)
        if first_pass:
            self._initialize([features, *hidden, outputs], self._output(), rows.dtype)
        elif not hasattr(self, "history_"):  # coefs_ were put in by hand
            self.history_ = {}

        held_out = None
        if X_val is not None:
            X_val, y_val = validate(self, X_val, y_val, False, ("X_val", "y_val"))
            held_out = Rows(X_val, self._encode(y_val, incremental=True))
        hooks = Hooks(self, given, silent=incremental)
        Fit(self, solver(self), rows, held_out, hooks, incremental, checkpoint).run(first_pass)
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
    def _settled(self) -> dict[str, tuple[Any, Any]]:
        """Parameters of its own that cannot change while training goes on: as they were in the first fit, and now."""

    @abstractmethod
    def _measure_targets(self, targets: Array, first_pass: bool) -> None:
        """Learn what targets (m, n[L]) are scaled by, in the first pass or from one more piece."""

    @abstractmethod
    def _targets(self, targets: Array, smooth: bool = True) -> Array:
        """Targets (m, n[L]) → what the network learns: smoothed labels, scaled numbers."""

    @abstractmethod
    def _weights(self, y: Any, sample_weight: Any, incremental: bool) -> Array | None:
        """The weight of each example, (m,)."""

    @abstractmethod
    def _metric(self, A: Array, Y: Array, weights: Array | None) -> float:
        """Accuracy or R² of A[L] against Y, both (n[L], m)."""

    def _inputs(self, X: Any) -> Any:
        """X (n, m), columns, of rows that are still to be validated."""
        known = self.__dict__
        if "coefs_" in known and "feature_names_in_" not in known and ordinary.is_table(X, known.get("n_features_in_")):
            return X.T
        check_is_fitted(self)
        with explained(X=X):
            return validate_data(self, X, accept_sparse=["csr", "csc"], reset=False).T

    def _outputs(self, X: Any) -> Array:
        """A[L]ᵀ (m, n[L]) of rows that are still to be validated."""
        known, A = self.__dict__, None
        if "coefs_" in known and "feature_names_in_" not in known:
            A = ordinary.outputs_of(self._synced(), X)
        if A is None:
            columns = self._inputs(X)
            A = self._synced().forward(columns).T
        return A

    def transform(self, X: Any, layer: int | None = None) -> Array:
        """What a layer makes of the rows: A[l]ᵀ.

        Parameters
        ----------
        X : array-like of shape (m, n)
            The rows.
        layer : int, optional
            Counted from 1; `n_layers_` − 1 is the output. The last hidden one unless given.

        Returns
        -------
        array of shape (m, n[l])
            The activations.

        Raises
        ------
        ValueError
            For a layer that is not there.
        """
        columns, network = self._inputs(X), self._synced()
        last = max(network.L - 1, 1)
        if layer is None:
            layer = last
        if not 1 <= layer <= network.L:
            raise ValueError(f"layer: got {layer!r}, wanted 1 to {network.L} (the output)")
        if layer != last and names_its_output(self):
            raise ValueError(
                f"layer {layer}: set_output names the units of layer {last}; use set_output(transform='default')"
            )
        A: Array = network.layers(columns)[1][layer].T
        return A

    def diagnose(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None
    ) -> "Diagnosis":
        """What is wrong with this training, measured: see `chainrule.diagnose`.

        `history_` is read as well; the validation cost up to the epoch that early stopping has kept.

        Parameters
        ----------
        X : array-like of shape (m, n), the rows it was trained on
        y : array-like of shape (m,) or (m, outputs), their targets
        sample_weight : array-like of shape (m,), optional, the weight of each row
        X_val, y_val : array-like, optional, rows that were not trained on, to tell overfitting

        Returns
        -------
        Diagnosis
            Empty, and so false, if nothing is wrong.
        """
        from chainrule.working.diagnosis import diagnose  # estimators can be used without it

        check_is_fitted(self)
        if (X_val is None) != (y_val is None):
            raise ValueError("a validation set needs both X_val and y_val")

        def examples(X: Any, y: Any) -> tuple[Any, Any, Any]:
            X, y = validate(self, X, y, False)
            return X.T, self._targets(self._encode(y, incremental=True), smooth=False).T, y

        rate = getattr(solver(self), "learning_rate", np.nan)  # L-BFGS has none, and takes all examples at once
        batch_size = None if np.isnan(rate) else {"auto": 200}.get(self.batch_size, self.batch_size)
        history = {"learning_rate": [rate], "cost": [], **getattr(self, "history_", {})}
        if scores := getattr(self, "validation_scores_", None):
            kept = int(np.argmax(np.nan_to_num(scores, nan=-np.inf))) + 1
            history["validation_cost"] = history["validation_cost"][:kept]
        X, Y, y = examples(X, y)
        return diagnose(
            self._synced(),
            X,
            Y,
            steps=history,
            validation=None if X_val is None else examples(X_val, y_val)[:2],
            names=getattr(self, "feature_names_in_", None),
            l2=self.alpha,
            dropout=self.dropout,
            batch_size=batch_size,
            weights=self._weights(y, sample_weight, False),
        )

    @property
    def _n_features_out(self) -> int:
        return self.network_.sizes[max(self.network_.L - 1, 1)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
