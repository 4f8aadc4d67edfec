"""MLPClassifier: softmax, sigmoid and multi-label outputs behind scikit-learn's interface."""

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels

from chainrule._types import Array
from chainrule.estimators.base import BaseMLP
from chainrule.estimators.explain import explained


class MLPClassifier(ClassifierMixin, BaseMLP):
    """A neural network that tells classes apart, a drop-in for scikit-learn's.

    Two classes have one sigmoid output, several a softmax, multi-label targets (m, labels) a sigmoid each; the cost is
    the cross-entropy.

    hidden_layer_sizes: units of each hidden layer; ``()`` is logistic or softmax regression.
    activation: of the hidden layers: 'identity', 'logistic' (or 'sigmoid'), 'tanh', 'relu', and also 'leaky_relu',
    'elu', 'selu', 'softplus', 'gelu', 'silu', 'mish', 'leaky_relu(0.2)' with a constant, or a list with one for each
    hidden layer.
    solver: 'adam', 'sgd', 'lbfgs', and also 'adamw', 'rmsprop', 'momentum', 'nesterov', 'heavy_ball',
    'gradient_descent', or an optimizer such as ``chainrule.Adam(0.01)``, which then brings its own constants.
    alpha: λ of the L2 term (λ/2m) Σ‖W‖², m the examples of the batch.
    batch_size, learning_rate, learning_rate_init, power_t, max_iter, shuffle, random_state, tol, verbose, warm_start,
    momentum, nesterovs_momentum, early_stopping, validation_fraction, beta_1, beta_2, epsilon, n_iter_no_change,
    max_fun: as in scikit-learn.

    Beyond scikit-learn:

    init: 'sklearn' for its uniform weights and biases, any initializer of chainrule.Network ('auto', 'he', …), or a
    scale.
    dropout: the share of hidden units left out in each step, one number or one for each hidden layer.
    normalize: 'standard' (mean and deviation) or 'robust' (median and quartiles, smoothly clipped), measured in the
    first fit and applied to every later X.
    clip_norm: the longest gradient allowed. schedule: factor of the learning rate over max_iter epochs: 'cosine',
    'coslog4', or a function epoch → factor.
    scoring: what early stopping watches: None is the accuracy, 'loss' the validation cost, or any scikit-learn scorer.
    engine: who computes: 'auto' or 'numpy'. dtype: float32 or float64; None keeps that of X.
    class_weight: None, 'balanced' or {class: weight}; multiplies sample_weight.
    label_smoothing: ε in [0, 1): targets become (1 − ε) y + ε / classes (Szegedy et al. 2016, section 7).

    Attributes beyond scikit-learn's: `network_`, the chainrule.Network that holds all parameters (coefs_ and
    intercepts_ are views on it); `engine_`, the engine that ran; `history_`, a dict of lists with one entry an epoch:
    'cost', and where there is a validation set 'metric', 'validation_cost' and 'validation_metric' (the metric is
    the accuracy).
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
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
        dtype: Any = None,
        class_weight: Any = None,
        label_smoothing: float = 0.0,
    ) -> None:
        self._set(locals())

    @available_if(lambda self: self._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """One epoch over X (m, n) and y (m,), from where the last call left off.

        classes: all labels there will ever be; needed in the first call.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' cannot be told from a part of the data: give partial_fit a dict "
                "{class: weight}, or weigh the rows with sample_weight"
            )
        with explained(y=y, classes=classes):
            if _check_partial_fit_first_call(self, classes):
                multilabel = type_of_target(y).startswith("multilabel")
                self._label_binarizer = LabelBinarizer().fit(y if multilabel else classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Array:
        """The class of each row of X, (m,), or 0 and 1 for each label, (m, labels)."""
        return self._decode(self._outputs(X))

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, (m, classes), in the order of `classes_`; of each label if multi-label."""
        A = self._outputs(X)
        return np.hstack([1 - A, A]) if self.n_outputs_ == 1 else A

    def predict_log_proba(self, X: Any) -> Array:
        """log(predict_proba(X))."""
        with np.errstate(divide="ignore"):  # log 0 = −∞ is the answer
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy of `predict` on X (m, n) against y (m,) or (m, labels)."""
        with explained(y=y, sample_weight=sample_weight):
            return float(super().score(X, y, sample_weight))

    # -- what BaseMLP asks -------------------------------------------------------------------------------------------

    def _output(self) -> str:
        return "softmax" if self._label_binarizer.y_type_ == "multiclass" else "logistic"

    def _loss_name(self) -> None:
        return None

    def _encode(self, y: Any, incremental: bool) -> Array:
        with explained(y=y):
            return self._coded(y, incremental)

    def _coded(self, y: Any, incremental: bool) -> Array:
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            classes = unique_labels(y)
            if self.warm_start and not incremental:
                if set(classes) != set(self.classes_):
                    raise ValueError(
                        "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                        f"Previously got {self.classes_}, `y` has {classes}"
                    )
            elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
                raise ValueError(
                    f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
                )
        if y.ndim == 1 and self._one_of_several():
            return y[:, None] == (self.classes_[1:] if len(self.classes_) == 2 else self.classes_)  # type: ignore[no-any-return]
        targets = self._label_binarizer.transform(y)
        if hasattr(targets, "toarray"):
            targets = targets.toarray()
        return targets.astype(bool)  # type: ignore[no-any-return]

    def _one_of_several(self) -> bool:
        """Labels that are none of scikit-learn's special cases, which its binarizer knows: multi-label, one class."""
        return len(self.classes_) > 1 and self._label_binarizer.y_type_ in ("binary", "multiclass")

    def _decode(self, outputs: Array) -> Array:
        if self._one_of_several():
            best = outputs.argmax(axis=1) if self.n_outputs_ > 1 else (outputs.ravel() > 0.5).astype(np.intp)
            return self.classes_[best]  # type: ignore[no-any-return]
        if self.n_outputs_ == 1:
            outputs = outputs.ravel()
        labels: Array = self._label_binarizer.inverse_transform(outputs)
        return labels

    def _targets(self, targets: Array, smooth: bool = True) -> Array:
        if not smooth or not self.label_smoothing:
            return targets
        classes = self.n_outputs_ if self._output() == "softmax" else 2
        smoothed: Array = (1 - self.label_smoothing) * targets + self.label_smoothing / classes
        return smoothed

    def _weights(self, y: Any, sample_weight: Any, incremental: bool) -> Array | None:
        if self.class_weight is None:
            return sample_weight  # type: ignore[no-any-return]
        weights: Array = compute_sample_weight(self.class_weight, y)
        return weights if sample_weight is None else weights * sample_weight

    def _metric(self, A: Array, Y: Array, weights: Array | None) -> float:
        """The share of examples with all outputs on the right side."""
        if not np.isfinite(A).all():
            return float("nan")
        if self._output() == "softmax":
            right = A.argmax(axis=0) == Y.argmax(axis=0)
        else:
            right = ((A > 0.5) == (Y > 0.5)).all(axis=0)
        return float(np.average(right, weights=None if weights is None else weights.ravel()))
