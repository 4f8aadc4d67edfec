"""MLPClassifier: softmax, sigmoid and multi-label outputs behind scikit-learn's interface."""

from contextlib import nullcontext
from functools import partial
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels

from chainrule._types import Array
from chainrule.checks import helpful
from chainrule.engines.stream import Streamed
from chainrule.estimators import given, ordinary
from chainrule.estimators._sklearn import Interval, StrOptions, check_partial_fit_first_call, fit_context
from chainrule.estimators.base import BaseMLP
from chainrule.estimators.docs import with_parameters
from chainrule.estimators.explain import explained
from chainrule.estimators.rows import accuracy, answers
from chainrule.network import Network


@with_parameters(metric="accuracy")
class MLPClassifier(ClassifierMixin, BaseMLP):
    """A neural network that tells classes apart, a drop-in for scikit-learn's.

    Two classes have one sigmoid output, several a softmax, multi-label targets (m, labels) a sigmoid each; the cost is
    the cross-entropy. Rows are examples.

    Parameters
    ----------
    {parameters}
    class_weight : dict, "balanced" or None, default None
        {class: weight}; it multiplies sample_weight. "balanced" is examples / (classes · examples of the class).
    label_smoothing : float, default 0
        ε in [0, 1): targets become (1 − ε) y + ε / classes. An example counts by the weight of its own class,
        w[y] Σ[k] target[k] (−log ŷ[k]) / Σ w[y], in all of these terms. PyTorch's CrossEntropyLoss(weight) has
        w[y] (1 − ε) (−log ŷ[y]) + (ε / classes) Σ[k] w[k] (−log ŷ[k]) over the same Σ w[y]; without class weights the
        two are the same.

    Attributes
    ----------
    classes_ : array
        The labels, in the order of the outputs.
    {attributes}

    References
    ----------
    Label smoothing: Szegedy et al. 2016, section 7.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseMLP._parameter_constraints,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }

    @partial(helpful, homes=False)
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
        precision: str | None = None,
        dtype: Any = None,
        training_metric: bool = False,
        class_weight: Any = None,
        label_smoothing: float = 0.0,
    ) -> None:
        self._set(locals())

    @classmethod
    def from_network(cls, network: Network, classes: Any = None) -> Self:
        """A fitted classifier of a network that was trained otherwise.

        Parameters
        ----------
        network : Network
            With the output softmax, or sigmoid, and the cross-entropy for its loss. It is copied.
        classes : array-like of shape (classes,), optional
            The label of each output, in their order; of one sigmoid output the label of 0 and that of 1. 0, 1, …
            unless given. Several sigmoid outputs, each for a label of its own, have none.

        Returns
        -------
        MLPClassifier
            With the parameters that such a network is made with (layers, activation, normalize, dtype), and the
            defaults of all others: `set_params` changes them before `partial_fit`, or `fit` with warm_start=True, goes
            on from here. `classes_` is sorted, as scikit-learn wants it, and the outputs of `network_` with it.

        Raises
        ------
        ValueError
            For an output or a loss that a classifier has not, and for classes that are not one for each output.
        """
        return given.classifier(cls, network, classes)  # type: ignore[no-any-return]

    @available_if(lambda self: self._check_solver())
    @fit_context
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """One epoch over these rows, from where the last call left off.

        Parameters
        ----------
        X : array-like of shape (m, n)
            The rows.
        y : array-like of shape (m,)
            Their labels.
        sample_weight : array-like of shape (m,), optional
            The weight of each row.
        classes : array-like, optional
            All labels there will ever be; needed in the first call.

        Returns
        -------
        self
            The estimator.

        Notes
        -----
        With normalize='standard' the mean and deviation are those of all rows so far, as if they had been measured
        at once. The parameters belong to the standardized numbers and stay as they are when these move: answers to
        earlier rows move along, much after a first piece of a few rows, hardly after many. What the optimizer remembers
        goes on, too, so `solver` must stay of one kind; other arguments may change between two calls as for
        `warm_start`.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' cannot be told from a part of the data: give partial_fit a dict "
                "{class: weight}, or weigh the rows with sample_weight"
            )
        with explained(y=y, classes=classes):
            if check_partial_fit_first_call(self, classes):
                multilabel = type_of_target(y).startswith("multilabel")
                self._label_binarizer = LabelBinarizer().fit(y if multilabel else classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Array:
        """The class of each row.

        Parameters
        ----------
        X : array-like of shape (m, n), or Blocks
            The rows.

        Returns
        -------
        array of shape (m,) or (m, labels)
            Labels; 0 and 1 for each of several. Of Blocks an iterator over those of each, in their order.
        """
        if isinstance(X, Streamed):
            return answers(self, X, self._decode)  # type: ignore[return-value]
        return self._decode(self._outputs(X))

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class.

        Parameters
        ----------
        X : array-like of shape (m, n), or Blocks
            The rows.

        Returns
        -------
        array of shape (m, classes)
            In the order of `classes_`; of each label where there are several for a row. Of Blocks an iterator.
        """
        if isinstance(X, Streamed):
            return answers(self, X, self._probabilities)  # type: ignore[return-value]
        return self._probabilities(self._outputs(X))

    def _probabilities(self, A: Array) -> Array:
        if self.n_outputs_ > 1:
            return A
        both = np.empty((len(A), 2), A.dtype)
        both[:, 0], both[:, 1] = 1 - A[:, 0], A[:, 0]
        return both

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of `predict_proba`.

        Parameters
        ----------
        X : array-like of shape (m, n), or Blocks
            The rows.

        Returns
        -------
        array of shape (m, classes)
            log(predict_proba(X)); −∞ for 0.
        """

        def logarithm(P: Array) -> Array:
            with np.errstate(divide="ignore"):  # log 0 = −∞ is the answer
                return np.log(P)

        P = self.predict_proba(X)
        return map(logarithm, P) if isinstance(X, Streamed) else logarithm(P)  # type: ignore[return-value]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The accuracy of `predict`.

        Parameters
        ----------
        X : array-like of shape (m, n), or Blocks
            The rows.
        y : array-like of shape (m,) or (m, labels)
            What is true. Blocks have their own.
        sample_weight : array-like of shape (m,), optional
            The weight of each row.

        Returns
        -------
        float
            The share of rows that are right, in all of their labels.
        """
        if isinstance(X, Streamed):
            return accuracy(self, X)
        with explained(y=y, sample_weight=sample_weight):
            return float(super().score(X, y, sample_weight))

    # -- what BaseMLP asks -------------------------------------------------------------------------------------------

    def _output(self) -> str:
        return "softmax" if self._label_binarizer.y_type_ == "multiclass" else "logistic"

    def _loss_name(self) -> None:
        return None

    def _settled(self) -> dict[str, tuple[Any, Any]]:
        return {}

    def _measure_targets(self, targets: Array, first_pass: bool) -> None:
        pass

    def _encode(self, y: Any, incremental: bool) -> Array:
        classes = ordinary.classes_of(y) if ordinary.are_labels(y) else None
        with nullcontext() if classes is not None else explained(y=y):
            return self._coded(y, classes, incremental)

    def _coded(self, y: Any, classes: Array | None, incremental: bool) -> Array:
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._label_binarizer = LabelBinarizer().fit(y) if classes is None else ordinary.binarizer_of(classes)
            self.classes_ = self._label_binarizer.classes_
        else:
            classes = unique_labels(y) if classes is None else classes
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
