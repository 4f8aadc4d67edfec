"""How good a trained model is: its scores on the test rows, beside those of what it must be better than."""

import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from chainrule.tabular.bootstrap import Score
from chainrule.tabular.parts import prepared
from chainrule.tabular.scores import class_scores, number_scores, rarer

if TYPE_CHECKING:
    from chainrule.cli.rows import Part, Rows
    from chainrule.tabular import Plan

LEVEL = 0.9  # of the intervals of a regression
THIS, LINEAR, TREES = "this network", "no hidden layer", "boosted trees"


@dataclass(frozen=True)
class Judgment:
    """What came of the test of a model.

    scores: by model and score, this network's first. predicted, probabilities: its answers for the test rows (m,) and
    (m, K). seconds: that the training of the others took.
    """

    scores: Mapping[str, Mapping[str, Score]]
    test: "Rows"
    predicted: Any
    probabilities: Any
    seconds: Mapping[str, float]
    ends: Any = None  # (m, 2) of its intervals, of a regression

    @property
    def values(self) -> dict[str, dict[str, float | None]]:
        """The scores of each model, the same of each; None where one has no such score."""
        names = list(self.scores[THIS])
        return {
            model: {name: some[name].value if name in some else None for name in names}
            for model, some in self.scores.items()
        }

    @property
    def intervals(self) -> dict[str, list[float]]:
        """The 95 % interval of each score of this network."""
        return {name: [score.low, score.high] for name, score in self.scores[THIS].items()}


def judge(plan: "Plan", model: Any, part: "Part", compare: bool) -> Judgment:
    """The scores on the test rows of a model, of itself without hidden layers, and of no look at the inputs at all.

    compare: with boosted trees, too, on the same rows and the same inputs.
    """
    others, seconds = _others(model, part, compare)
    X, _, weight = part.test
    inputs = X if model.preparation_ is None else prepared(model.preparation_, X)
    scores, answers = {}, {}
    for name, other in {THIS: model, **others}.items():
        given = X if other is model else inputs
        predicted = other.predict(given)
        probabilities = other.predict_proba(given) if hasattr(other, "classes_") else None
        answers[name] = predicted, probabilities
        scores[name] = score(plan, model, part.test.y, predicted, probabilities, weight)
    return Judgment(scores, part.test, *answers[THIS], seconds, _ends(model, X))


def score(plan: "Plan", model: Any, y: Any, predicted: Any, probabilities: Any, weight: Any = None) -> dict[str, Score]:
    """The scores of answers for rows of which y is true."""
    if plan.classes is None:
        return number_scores(y, predicted, sample_weight=weight)
    positive = rarer(plan.classes) if len(plan.classes) == 2 else None
    return class_scores(model.classes_, y, probabilities, predicted, positive=positive, sample_weight=weight)


def _ends(model: Any, X: Any) -> Any:
    """The intervals of its predictions for rows, if it has any."""
    if hasattr(model, "predict_interval"):
        with suppress(ValueError):  # of too few rows
            return model.predict_interval(X, LEVEL)
    return None


def _others(model: Any, part: "Part", compare: bool) -> tuple[dict[str, Any], dict[str, float]]:
    X, y, weight = part.train
    classifies, network = hasattr(model, "classes_"), model.networks_[0]
    linear = clone(network).set_params(
        hidden_layer_sizes=(),
        solver="lbfgs",
        schedule=None,
        max_iter=200,
        early_stopping=False,
        alpha=1.0,
        dropout=0.0,
        engine="auto",
        precision=None,
    )  # alpha: as much as scikit-learn's LogisticRegression and Ridge shrink
    blind: Any = DummyClassifier() if classifies else DummyRegressor()
    given = {LINEAR: linear, "always the largest class" if classifies else "always the mean": blind}
    if compare:
        make: Any = HistGradientBoostingClassifier if classifies else HistGradientBoostingRegressor
        given[TREES] = make(random_state=network.random_state)
        if classifies and model.class_weight is not None:
            given[TREES].set_params(class_weight=model.class_weight)
    inputs, seconds = X if model.preparation_ is None else prepared(model.preparation_, X), {}
    with warnings.catch_warnings(), threadpool_limits(1):  # more are slower on small tables, and beside other work
        warnings.simplefilter("ignore")
        for name, other in given.items():
            started = time.perf_counter()
            other.fit(inputs, y, sample_weight=weight)
            seconds[name] = round(time.perf_counter() - started, 2)
    return given, seconds


@dataclass(frozen=True)
class Folded:
    """The tests of the folds together: the mean and the standard deviation of each score of each model."""

    means: dict[str, dict[str, float | None]]
    deviations: dict[str, dict[str, float | None]]


def together(judgments: Sequence[Judgment]) -> Folded:
    """Of the scores that every fold has."""
    every = [judgment.values for judgment in judgments]
    means: dict[str, dict[str, float | None]] = {}
    deviations: dict[str, dict[str, float | None]] = {}
    for model in every[0]:
        means[model], deviations[model] = {}, {}
        for name in every[0][THIS]:
            given = np.array([one[model].get(name, np.nan) for one in every], dtype=float)
            there = bool(np.isfinite(given).all())
            means[model][name] = float(given.mean()) if there else None
            deviations[model][name] = float(given.std(ddof=1)) if there else None
    return Folded(means, deviations)


def no_better(plan: "Plan", scores: Mapping[str, Mapping[str, Any]], interval: Mapping[str, Sequence[float]]) -> bool:
    """Whether a model tells no more than always the same answer does.

    Of a rare class, always the other is hard to beat in accuracy; a model that ranks it right does tell something.
    """
    this, constant = scores[THIS], list(scores.values())[2]
    if plan.classes is None:
        return bool((this.get("R²") or 0) <= max(0, constant.get("R²") or 0))
    if this["accuracy"] > constant["accuracy"]:
        return False
    area = interval.get("ROC AUC")
    return area is None or area[0] <= 0.5


def clearly_better(scores: Mapping[str, Mapping[str, Any]], interval: Mapping[str, Sequence[float]]) -> bool:
    """Whether the first score of a model is above that of a constant, as far as the test rows can tell."""
    constant, name = list(scores.values())[2], next(iter(scores[THIS]))
    return name in interval and interval[name][0] > (constant.get(name) or 0)
