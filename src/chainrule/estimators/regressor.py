"""MLPRegressor: numbers and counts behind scikit-learn's interface."""

from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if

from chainrule._types import Array
from chainrule.checks import helpful
from chainrule.engines.stream import Streamed
from chainrule.estimators import given
from chainrule.estimators._sklearn import fit_context
from chainrule.estimators.base import BaseMLP
from chainrule.estimators.docs import with_parameters
from chainrule.estimators.explain import explained, refuse_dates
from chainrule.estimators.rows import answers, r2
from chainrule.network import Network
from chainrule.normalization import Moments, all_moments, moments
from chainrule.text import parse_spec, unknown

_LOSSES = {
    "squared_error": "half_squared_error",
    "absolute_error": "absolute",
    "absolute": "absolute",
    "huber": "huber",
    "poisson": "poisson",
}


@with_parameters(metric="R²")
class MLPRegressor(RegressorMixin, BaseMLP):
    """A neural network that predicts numbers, a drop-in for scikit-learn's. Rows are examples.

    Parameters
    ----------
    loss : str, default "squared_error"
        "squared_error" (½ (ŷ − y)²), "poisson" (half the deviance, log link), and also "absolute_error" and "huber", or
        "huber(1.35)" with its δ. The loss of an example is the **sum** over its outputs.
    {parameters}
    scale_target : bool, default False
        Standardize y inside: its mean and deviation are measured in the first fit (and by `partial_fit`, which goes on
        measuring), predictions come back in its units and in float64, `loss_` is in the scaled ones.
    clip_target : bool, default False
        Keep predictions between the least and the greatest target of the fit.

    Attributes
    ----------
    {attributes}
    target_mean_, target_scale_ : arrays of shape (outputs,)
        What y is scaled by, if it was fitted with `scale_target`.
    target_low_, target_high_ : arrays of shape (outputs,)
        The least and the greatest target, if it was fitted with `clip_target`.

    Notes
    -----
    scikit-learn reports the mean over the K outputs for the squared error but steps along the gradient of the sum,
    which is K times the gradient of what it reports; here both are the sum, so `loss_` is K times scikit-learn's.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "loss": [str],
        **BaseMLP._parameter_constraints,
        "scale_target": ["boolean"],
        "clip_target": ["boolean"],
    }

    @partial(helpful, homes=False)
    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        init: str | float = "sklearn",
        dropout: Any = 0.0,
        normalize: str | None = None,
        clip_norm: float | None = None,
        schedule: Any = None,
        scoring: Any = None,
        engine: str = "auto",
        precision: str | None = None,
        dtype: Any = None,
        training_metric: bool = False,
        scale_target: bool = False,
        clip_target: bool = False,
    ) -> None:
        self._set(locals())

    @classmethod
    def from_network(cls, network: Network) -> Self:
        """A fitted regressor of a network that was trained otherwise.

        Parameters
        ----------
        network : Network
            With the output identity, or exp and the Poisson loss. It is copied.

        Returns
        -------
        MLPRegressor
            With the parameters that such a network is made with (loss, layers, activation, normalize, dtype), and the
            defaults of all others: `set_params` changes them before `partial_fit`, or `fit` with warm_start=True, goes
            on from here.

        Raises
        ------
        ValueError
            For an output or a loss that a regressor has not.
        """
        return given.regressor(cls, network)  # type: ignore[no-any-return]

    @available_if(lambda self: self._check_solver())
    @fit_context
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch over these rows, from where the last call left off.

        Parameters
        ----------
        X : array-like of shape (m, n)
            The rows.
        y : array-like of shape (m,) or (m, outputs)
            Their targets.
        sample_weight : array-like of shape (m,), optional
            The weight of each row.

        Returns
        -------
        self
            The estimator.

        Notes
        -----
        With normalize='standard' or scale_target the mean and deviation are those of all rows so far, as if they had
        been measured at once. The parameters belong to the standardized numbers and stay as they are when these move:
        answers to earlier rows move along, much after a first piece of a few rows, hardly after many. What the
        optimizer remembers goes on, too, so `solver` must stay of one kind; other arguments may change between two
        calls as for `warm_start`.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Array:
        """The prediction for each row.

        Parameters
        ----------
        X : array-like of shape (m, n), or Blocks
            The rows.

        Returns
        -------
        array of shape (m,) or (m, outputs)
            Numbers in the units of y. Of Blocks an iterator over those of each, in their order.
        """
        if isinstance(X, Streamed):
            return answers(self, X, self._decode)  # type: ignore[return-value]
        return self._decode(self._outputs(X))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """R² of `predict`.

        Parameters
        ----------
        X : array-like of shape (m, n), or Blocks
            The rows.
        y : array-like of shape (m,) or (m, outputs)
            What is true. Blocks have their own.
        sample_weight : array-like of shape (m,), optional
            The weight of each row.

        Returns
        -------
        float
            1 is perfect, 0 as good as the mean.
        """
        if isinstance(X, Streamed):
            return r2(self, X)
        refuse_dates("y", y)
        with explained(y=y, sample_weight=sample_weight):
            return float(super().score(X, y, sample_weight))

    # -- what BaseMLP asks -------------------------------------------------------------------------------------------

    def _output(self) -> str:
        return "exp" if parse_spec(self.loss)[0] == "poisson" else "identity"

    def _loss_name(self) -> str:
        name, delta = parse_spec(self.loss)
        if name not in _LOSSES:
            raise unknown("loss", name, _LOSSES)
        return _LOSSES[name] if delta is None else f"{_LOSSES[name]}({delta})"

    def _settled(self) -> dict[str, tuple[Any, Any]]:
        was = self.network_.loss.spec
        now = was if self._output() == self.out_activation_ else self._loss_name()  # of the same output any will do
        clipped = hasattr(self, "target_low_")
        return {
            "loss": (was, now),
            "scale_target": (self._scaled(), self.scale_target),
            "clip_target": (clipped, self.clip_target),
        }

    def _scaled(self) -> bool:
        return hasattr(self, "target_scale_")

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_target_moments" not in state and not self.scale_target:  # version 0.1.0 left those of an earlier fit
            self._forget_targets()

    def _forget_targets(self) -> None:
        for name in ("target_mean_", "target_scale_"):
            self.__dict__.pop(name, None)
        self._target_moments: Moments | None = None

    def _measure_targets(self, targets: Array, first_pass: bool) -> None:
        self._measure_range(targets, first_pass)
        if first_pass:
            self._forget_targets()
        elif not (self._scaled() and getattr(self, "_target_moments", None)):  # of version 0.1.0, which did not count
            return
        if self.scale_target:
            self._target_moments = all_moments(self._target_moments, moments(targets.T.astype(np.float64, copy=False)))
            _, self.target_mean_, spread = self._target_moments
            self.target_scale_ = np.where(spread > 0, spread, 1.0)

    def _measure_range(self, targets: Array, first_pass: bool) -> None:
        low, high = targets.min(axis=0), targets.max(axis=0)
        if first_pass:
            self.__dict__.pop("target_low_", None)
            self.__dict__.pop("target_high_", None)
        elif hasattr(self, "target_low_"):
            before = vars(self)
            low, high = np.minimum(low, before["target_low_"]), np.maximum(high, before["target_high_"])
        if self.clip_target if first_pass else hasattr(self, "target_low_"):
            self.target_low_, self.target_high_ = low.astype(float), high.astype(float)

    def _encode(self, y: Any, incremental: bool) -> Array:
        if self.scale_target and self._output() == "exp":
            raise ValueError("scale_target: the Poisson loss needs counts as they are")
        return y.reshape(len(y), -1)  # type: ignore[no-any-return]

    def _decode(self, outputs: Array) -> Array:
        if self._scaled():
            outputs = self.target_mean_ + self.target_scale_ * outputs  # in float64: all digits of 1e8 + 0.5
        if hasattr(self, "target_low_"):
            outputs = np.clip(outputs, self.target_low_, self.target_high_).astype(outputs.dtype, copy=False)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def _targets(self, targets: Array, smooth: bool = True) -> Array:
        return (targets - self.target_mean_) / self.target_scale_ if self._scaled() else targets

    def _weights(self, y: Any, sample_weight: Any, incremental: bool) -> Array | None:
        return sample_weight  # type: ignore[no-any-return]

    def _metric(self, A: Array, Y: Array, weights: Array | None) -> float:
        """R²; scaling the target does not change it."""
        if not np.isfinite(A).all():
            return float("nan")
        with np.errstate(over="ignore", invalid="ignore"):  # of a training that is about to diverge
            return float(r2_score(Y.T, A.T, sample_weight=None if weights is None else weights.ravel()))
