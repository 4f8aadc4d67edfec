"""TabularClassifier and TabularRegressor: scikit-learn estimators that take a whole table as it is."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from chainrule._types import Array
from chainrule.readers import Table
from chainrule.tabular.plan import Plan, make_plan
from chainrule.tabular.race import Watch, answers, learn
from chainrule.tabular.roles import Column


class BaseTabular(BaseEstimator):
    """What the two share: from the table to the plan, to the race, to the mean of some networks."""

    plan_: Plan
    preparation_: Any
    networks_: list[Any]
    classes_: Array
    temperature_: float
    _task: Literal["classes", "regression"]

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        checkpoint: "str | os.PathLike[str] | None" = None,
        checkpoint_every: int | None = None,
        resume: bool = False,
    ) -> Self:
        """Fit to the rows of a table."""
        table = as_table(X, y)
        said = {
            name: getattr(self, name) for name in ("drop", "keep", "number", "category", "date", "text", "day_first")
        }
        plan = make_plan(table, self._task, **said)
        rows, labels = plan.examples(table)
        validation = None if X_val is None else (as_table(X_val).X, np.asarray(y_val))
        settings = {"checkpoint": checkpoint, "checkpoint_every": checkpoint_every, "resume": resume}
        return self.fit_plan(plan, rows, labels, sample_weight, validation=validation, checkpoint=settings)

    def fit_plan(
        self,
        plan: Plan,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        validation: tuple[Any, Any] | Array | None = None,
        checkpoint: Mapping[str, Any] | None = None,
        watch: Watch | None = None,
    ) -> Self:
        """Fit to rows as a plan says, which was made of them or of more of their table: see `learn`."""
        chosen = ("hidden_layer_sizes", "activation", "learning_rate_init", "batch_size", "max_iter")
        arguments = {name: value for name in chosen if (value := getattr(self, name)) is not None}
        learned = learn(
            plan,
            X,
            y,
            sample_weight=sample_weight,
            class_weight=getattr(self, "class_weight", None),
            validation=validation,
            seed=self.random_state or 0,
            arguments=arguments,  # type: ignore[arg-type]
            effort=self.effort,
            time_limit=self.time_limit,
            checkpoint=checkpoint,
            watch=watch,
        )
        return self._take(plan, learned.preparation, learned.networks, learned.temperature, learned.leaderboard)

    def _take(
        self, plan: Plan, preparation: Any, networks: list[Any], temperature: float = 1.0, leaderboard: Any = ()
    ) -> Self:
        self.plan_, self.preparation_, self.networks_ = plan, preparation, networks
        self.leaderboard_ = list(leaderboard)
        self.n_features_in_ = plan.features or len(plan.columns)
        if plan.columns:
            self.feature_names_in_ = np.array([column.name for column in plan.columns], dtype=object)
        if plan.task != "regression":
            self.classes_, self.temperature_ = networks[0].classes_, temperature
        return self

    @property
    def columns_(self) -> list[dict[str, Any]]:
        """What was understood: name, role and note of each column."""
        return [{"name": c.name, "role": c.role, "note": c.note, "missing": c.missing} for c in self.plan_.columns]

    def _answers(self, X: Any) -> Array:
        """The mean of the networks: probabilities (m, K) or predictions (m,)."""
        check_is_fitted(self)
        return answers(self.preparation_, self.networks_, as_table(X).X)


class TabularClassifier(ClassifierMixin, BaseTabular):
    """Tells classes apart, from a table as it is: numbers, categories, dates, text, missing values."""

    _task = "classes"

    def __init__(
        self,
        *,
        effort: str = "normal",
        time_limit: float | None = None,
        number: Sequence[str] = (),
        category: Sequence[str] = (),
        date: Sequence[str] = (),
        text: Sequence[str] = (),
        drop: Sequence[str] = (),
        keep: Sequence[str] = (),
        day_first: bool | None = None,
        hidden_layer_sizes: Any = None,
        activation: Any = None,
        learning_rate_init: float | None = None,
        batch_size: int | None = None,
        max_iter: int | None = None,
        class_weight: Any = None,
        random_state: int | None = None,
    ) -> None:
        self.effort = effort
        self.time_limit = time_limit
        self.number = number
        self.category = category
        self.date = date
        self.text = text
        self.drop = drop
        self.keep = keep
        self.day_first = day_first
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.class_weight = class_weight
        self.random_state = random_state

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class (m, K): p^(1/T), normalized, of the mean p of the networks."""
        probabilities = self._answers(X)
        if self.temperature_ != 1:
            with np.errstate(divide="ignore"):
                logits = np.log(probabilities) / self.temperature_
            probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
            probabilities /= probabilities.sum(axis=1, keepdims=True)
        return probabilities

    def predict(self, X: Any) -> Array:
        """The likeliest class of each row."""
        return self.classes_[self._answers(X).argmax(axis=1)]  # type: ignore[no-any-return]


class TabularRegressor(RegressorMixin, BaseTabular):
    """Predicts a number, from a table as it is: numbers, categories, dates, text, missing values."""

    _task = "regression"

    def __init__(
        self,
        *,
        effort: str = "normal",
        time_limit: float | None = None,
        number: Sequence[str] = (),
        category: Sequence[str] = (),
        date: Sequence[str] = (),
        text: Sequence[str] = (),
        drop: Sequence[str] = (),
        keep: Sequence[str] = (),
        day_first: bool | None = None,
        hidden_layer_sizes: Any = None,
        activation: Any = None,
        learning_rate_init: float | None = None,
        batch_size: int | None = None,
        max_iter: int | None = None,
        random_state: int | None = None,
    ) -> None:
        self.effort = effort
        self.time_limit = time_limit
        self.number = number
        self.category = category
        self.date = date
        self.text = text
        self.drop = drop
        self.keep = keep
        self.day_first = day_first
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.random_state = random_state

    def predict(self, X: Any) -> Array:
        """The prediction of each row (m,)."""
        return self._answers(X)


def as_table(X: Any, y: Any = None) -> Table:
    """A DataFrame of any library, or an array, as a Table; y: its target."""
    frame = X.to_pandas() if hasattr(X, "to_pandas") else X
    if not isinstance(frame, pd.DataFrame):
        frame = np.asarray(frame)
        if frame.dtype.kind not in "biuf":
            frame = pd.DataFrame(frame, columns=[f"x{j + 1}" for j in range(frame.shape[1])])
    target = str(getattr(y, "name", None) or "y")
    return Table("X", frame, y, None if y is None else target)


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
