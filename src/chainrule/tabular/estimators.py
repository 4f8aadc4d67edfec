"""TabularClassifier and TabularRegressor: scikit-learn estimators that take a whole table as it is."""

import warnings
from collections.abc import Mapping
from functools import partial
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.pipeline import Pipeline

from chainrule._types import Array
from chainrule.blocks import Blocks
from chainrule.checks import helpful
from chainrule.estimators import MLPClassifier, MLPRegressor
from chainrule.estimators._sklearn import Interval, StrOptions
from chainrule.network import Network
from chainrule.tabular import given
from chainrule.tabular.base import BaseTabular
from chainrule.tabular.calibration import with_temperature
from chainrule.tabular.docs import with_parameters
from chainrule.tabular.intervals import Intervals
from chainrule.tabular.large.answers import by_block, scored
from chainrule.tabular.plan import Plan
from chainrule.tabular.race import HeldOut
from chainrule.tabular.roles import Column
from chainrule.tabular.scores import best_threshold, decide, index, rarer
from chainrule.tabular.values import each_label, exact_labels


@with_parameters(
    """
    class_weight : dict, "balanced" or None, default None
        {class: weight}; it multiplies sample_weight. "balanced" is rows / (classes · rows of the class).
    threshold : float, "auto" or None, default None
        Of two classes, the probability from which it is the rarer one; "auto" is the best for F1 on the rows that were
        held out. None is the likelier class.
    """
)
class TabularClassifier(ClassifierMixin, BaseTabular):
    """Tells classes apart, from a table as it is: numbers, categories, dates, text, missing values.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_ : array
        The labels (K,), in the order of the probabilities.
    temperature_ : float
        T, by which the logarithms of the probabilities are divided, so that they are as often right as they say.
    threshold_ : float or None
        The probability from which `predict` says the rarer of two classes; None where it is the likeliest.
    {attributes}
    """

    threshold_: float | None
    _task = "classes"
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseTabular._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "threshold": [Interval(Real, 0, 1, closed="neither"), StrOptions({"auto"}), None],
    }

    @partial(helpful, homes=False)
    def __init__(
        self,
        *,
        effort: str = "normal",
        time_limit: float | None = None,
        number: Any = (),
        category: Any = (),
        date: Any = (),
        text: Any = (),
        drop: Any = (),
        keep: Any = (),
        day_first: bool | None = None,
        hidden_layer_sizes: Any = None,
        activation: Any = None,
        learning_rate_init: float | None = None,
        batch_size: int | None = None,
        max_iter: int | None = None,
        engine: str | None = None,
        precision: str | None = None,
        class_weight: Any = None,
        threshold: Any = None,
        random_state: Any = None,
    ) -> None:
        self._set(locals())

    @by_block
    def predict_proba(self, X: Any) -> Array:
        """The probability of each class.

        Parameters
        ----------
        X : table as in fit
            The rows. Columns are found by their names; others are ignored. Of Blocks come the answers to one block
            after the other.

        Returns
        -------
        array of shape (m, K)
            In the order of `classes_`: p^(1/T), normalized, of the mean p of the networks.
        """
        return with_temperature(self._answers(X), self.temperature_)

    @by_block
    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of `predict_proba`.

        Parameters
        ----------
        X : table as in fit
            The rows.

        Returns
        -------
        array of shape (m, K)
            log(predict_proba(X)); −∞ for 0.
        """
        with np.errstate(divide="ignore"):  # log 0 = −∞ is the answer
            return np.log(self.predict_proba(X))

    @by_block
    def predict(self, X: Any) -> Array:
        """The likeliest class of each row, or what the threshold decides.

        Parameters
        ----------
        X : table as in fit
            The rows. Columns are found by their names; others are ignored. Of Blocks come the answers to one block
            after the other.

        Returns
        -------
        array of shape (m,)
            Labels.
        """
        threshold = getattr(self, "threshold_", None)  # which files of before have not
        if threshold is not None:
            return decide(self.classes_, self.predict_proba(X), threshold, self.positive_)
        best = self._answers(X).argmax(axis=1)
        return self.classes_[best]  # type: ignore[no-any-return]

    @property
    def positive_(self) -> Any:
        """Of two classes the one that precision, recall and the threshold are of: the rarer."""
        classes = self.plan_.classes or {}
        if len(classes) != 2:
            return None
        return each_label(self.classes_)[list(classes).index(rarer(classes))]  # of dates the plan has texts

    def _check_plan(self, plan: Plan) -> None:
        if self.threshold is not None and len(plan.classes or ()) != 2:
            raise ValueError(f"threshold: is between two classes, got {len(plan.classes or ())}; leave it out")

    def _settle(self, held_out: HeldOut | None, y: Array, sample_weight: Any) -> None:
        self.threshold_ = None
        if self.threshold is None:
            return
        if self.threshold != "auto":
            self.threshold_ = float(self.threshold)
        elif held_out is not None:
            true = y[held_out.rows] == self.positive_
            weights = None if sample_weight is None else np.asarray(sample_weight)[held_out.rows]
            said = with_temperature(held_out.outputs, self.temperature_)[:, index(self.classes_, self.positive_)]
            self.threshold_ = best_threshold(true, said, sample_weight=weights)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """The accuracy of `predict`.

        Parameters
        ----------
        X : table as in fit
            The rows.
        y : array-like of shape (m,), or str
            Their labels, or the name of their column in X; left out, the column that was learned.
        sample_weight : array-like of shape (m,), optional
            The weight of each row; of Blocks the name of their column, or unless given their own weights.

        Returns
        -------
        float
            The share of rows that are right.
        """
        if isinstance(X, Blocks):
            true, predicted, weights = scored(self, X, y, sample_weight, given.as_labels)
            return float(accuracy_score(true, predicted, sample_weight=weights))
        y, X = given.target_of(given.learned_target(X, self) if y is None else y, X)
        return float(super().score(X, given.as_labels(y), sample_weight))


@with_parameters()
class TabularRegressor(RegressorMixin, BaseTabular):
    """Predicts a number, from a table as it is: numbers, categories, dates, text, missing values.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    interval_ : chainrule.tabular.Intervals or None
        What is known of its errors, for `predict_interval`.
    {attributes}
    """

    _task = "regression"
    interval_: Intervals | None

    @partial(helpful, homes=False)
    def __init__(
        self,
        *,
        effort: str = "normal",
        time_limit: float | None = None,
        number: Any = (),
        category: Any = (),
        date: Any = (),
        text: Any = (),
        drop: Any = (),
        keep: Any = (),
        day_first: bool | None = None,
        hidden_layer_sizes: Any = None,
        activation: Any = None,
        learning_rate_init: float | None = None,
        batch_size: int | None = None,
        max_iter: int | None = None,
        engine: str | None = None,
        precision: str | None = None,
        random_state: Any = None,
    ) -> None:
        self._set(locals())

    @by_block
    def predict(self, X: Any) -> Array:
        """The prediction of each row.

        Parameters
        ----------
        X : table as in fit
            The rows. Columns are found by their names; others are ignored. Of Blocks come the answers to one block
            after the other.

        Returns
        -------
        array of shape (m,)
            Numbers, in the units of y.
        """
        return self._answers(X)

    @by_block
    def predict_interval(self, X: Any, level: float = 0.9) -> Array:
        """The interval around the prediction of each row that holds the true number as often as `level` says.

        Parameters
        ----------
        X : table as in fit
            The rows.
        level : float, default 0.9
            In how many of all cases, above 0 and below 1.

        Returns
        -------
        array of shape (m, 2)
            The lower and the upper end, in the units of y.

        Raises
        ------
        ValueError
            Where too few rows were held out in the fit for this level.
        """
        predicted, known = self.predict(X), getattr(self, "interval_", None)
        if known is None:
            raise ValueError("predict_interval: no rows were held out in the fit of this model; fit it again")
        return known(predicted, level)  # type: ignore[no-any-return]

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """R² of `predict`.

        Parameters
        ----------
        X : table as in fit
            The rows.
        y : array-like of shape (m,), or str
            Their numbers, or the name of their column in X; left out, the column that was learned.
        sample_weight : array-like of shape (m,), optional
            The weight of each row; of Blocks the name of their column, or unless given their own weights.

        Returns
        -------
        float
            The coefficient of determination, 1 − Σ(y − ŷ)² / Σ(y − ȳ)².
        """
        if isinstance(X, Blocks):
            true, predicted, weights = scored(self, X, y, sample_weight, given.as_numbers)
            return float(r2_score(true, predicted, sample_weight=weights))
        y, X = given.target_of(given.learned_target(X, self) if y is None else y, X)
        return float(super().score(X, given.as_numbers(y), sample_weight))


def from_pipeline(pipeline: Pipeline, about: Mapping[str, Any]) -> "TabularClassifier | TabularRegressor":
    """A model that `chainrule train` has saved as a pipeline, before there were these estimators, as one of them.

    about: what was saved beside it.
    """
    network = pipeline[-1]
    columns = tuple(
        Column(str(c["name"]), c["role"], c["note"], c["missing"], c.get("format", "")) for c in about["columns"] or ()
    )
    shape, rows = about["image_shape"], about["rows"]
    plan = Plan(
        about["task"],
        about["target"],
        rows["train"] + rows["test"],
        columns,
        features=0 if columns else about["features"],
        image_shape=None if shape is None else tuple(shape),
        classes=None if about["classes"] is None else dict(about["classes"]),
        untargeted=rows.get("without_target", 0),
    )
    kind = TabularRegressor if about["classes"] is None else TabularClassifier
    model = kind(random_state=network.random_state)
    return model._take(plan, pipeline[:-1] if len(pipeline) > 1 else None, [network])


def from_network(
    network: Network, plan: Plan, preparation: Pipeline | None, target_scale: tuple[float, float] = (0.0, 1.0)
) -> "TabularClassifier | TabularRegressor":
    """A model of one network that was trained elsewhere, on what fitted steps make of the rows of a plan.

    target_scale: the network answers (y − its first) / its second number. Its classes are those of the plan, sorted.
    """
    arguments: dict[str, Any] = {
        "hidden_layer_sizes": network.sizes[1:-1],
        "activation": [g.spec for g in network.g[1:-1]],
        "max_iter": 1,
        "random_state": 0,
    }
    classes = None if plan.classes is None else exact_labels(list(plan.classes))
    rows = np.zeros((2 if classes is None else len(classes), network.sizes[0]), network.dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the fit is for all that is not the network
        if classes is None:
            numbers = MLPRegressor(**arguments, scale_target=False).fit(rows, [0.0, 1.0])
            numbers.target_mean_, numbers.target_scale_ = np.array(target_scale[:1]), np.array(target_scale[1:])
            inside: MLPClassifier | MLPRegressor = numbers
        else:
            inside = MLPClassifier(**arguments).fit(rows, classes)
    inside.network_ = network
    inside._expose()
    kind = TabularRegressor if classes is None else TabularClassifier
    return kind(random_state=0)._take(plan, preparation, [inside])
