"""Learning from a table: candidates race on held-out rows, and the winner is trained on all rows, several times."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from chainrule._types import Array
from chainrule.errors import DivergenceError, DivergenceWarning, TrainingInterrupted
from chainrule.tabular.plan import Plan
from chainrule.tabular.recipe import Arguments, make_pipeline, recipe

HELD_OUT = 0.15  # of the rows, on which the candidates are compared
Watch = Callable[[str], Sequence[Any]]  # what is trained next → scikit-learn's callbacks for it


@dataclass(frozen=True)
class HeldOut:
    """What networks that were not trained on some rows say of them.

    rows: (k,) indices into the rows. outputs: (k, K) probabilities before the temperature, or (k,) predictions in units
    of y.
    """

    rows: Array
    outputs: Array


@dataclass(frozen=True)
class Learned:
    """What came of learning.

    preparation: from the table to the inputs (m, n[0]) of the networks, None where they are the rows as they are.
    networks: fitted; the mean of what they say is the answer. leaderboard: an entry for each candidate, the best first.
    """

    preparation: Pipeline | None
    networks: list[Any]
    temperature: float
    leaderboard: list[dict[str, Any]]
    held_out: HeldOut | None


def learn(
    plan: Plan,
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    class_weight: Any = None,
    validation: tuple[Any, Any] | Array | None = None,
    seed: int = 0,
    arguments: Arguments | None = None,
    effort: str = "normal",
    time_limit: float | None = None,
    checkpoint: Mapping[str, Any] | None = None,
    watch: Watch | None = None,
) -> Learned:
    """Learn what a plan says from its rows: X a DataFrame or an array (m, n), y (m,) labels or numbers.

    sample_weight: (m,) of each row. class_weight: as in MLPClassifier. validation: (X, y) to compare the candidates on,
    instead of a part of the rows, or (k,) the indices of this part: the winner is trained on these rows, too.
    arguments: of the networks, instead of the recipe's. effort: "quick" is one network without a race, "normal" the
    default, "thorough" takes several times as long. time_limit: seconds. checkpoint: checkpoint, checkpoint_every and
    resume, as in MLPClassifier.fit. watch: asked for callbacks before each training.
    """
    m, given = len(y), dict(arguments or {})
    if class_weight is not None:
        given["class_weight"] = class_weight
    features, classes = plan.features or len(plan.used), len(plan.classes or ())
    base = recipe(plan.task, m, features, classes) | given
    candidates = (
        {"big": base}
        if effort == "quick"
        else {
            "big": base,
            "small": recipe(plan.task, min(m, 999), features, classes) | {"max_iter": base["max_iter"]} | given,
        }
    )

    def fitted(arguments: Mapping[str, Any], rows: Any, seed: int, stage: str) -> Pipeline:
        size: Any = arguments["batch_size"]
        size = size if "batch_size" in given or isinstance(size, str) else min(size, len(rows))
        pipeline = make_pipeline(plan, len(rows), seed, **{**arguments, "early_stopping": False, "batch_size": size})
        inputs = _take(X, rows)
        if len(pipeline) > 1:
            inputs = pipeline[:-1].fit_transform(inputs, y[rows])
        network = pipeline[-1]
        network.set_callbacks(*(watch(stage) if watch else ()))
        weights = None if sample_weight is None else sample_weight[rows]
        with warnings.catch_warnings(), threadpool_limits(1):
            for ending in (TrainingInterrupted, DivergenceWarning):
                warnings.simplefilter("error", ending)
            network.fit(inputs, y[rows], weights, **(checkpoint or {}) if stage.startswith("network") else {})
        network.set_callbacks()
        return pipeline

    everything, leaderboard, held_out, winner = np.arange(m), [], None, "big"
    if len(candidates) > 1:
        if isinstance(validation, tuple):
            train, rest, (X_val, y_val) = everything, None, validation
        else:
            if validation is None:
                train, rest = _split(plan, y, seed)
            else:
                train, rest = np.setdiff1d(everything, validation), validation
            X_val, y_val = _take(X, rest), y[rest]
        found: dict[str, tuple[float, Array]] = {}
        for name, candidate in candidates.items():
            short = {**candidate, "max_iter": max(1, min(25, candidate["max_iter"]))}
            try:
                pipeline = fitted(short, train, seed, f"candidate {name}")
            except (DivergenceError, DivergenceWarning):
                leaderboard.append({"name": name, "loss": float("inf")})
                continue
            outputs = answers(None, [pipeline], X_val)
            loss = float(
                mean_squared_error(y_val, outputs)
                if plan.task == "regression"
                else log_loss(y_val, outputs, labels=pipeline.classes_)
            )
            leaderboard.append({"name": name, "loss": loss})
            found[name] = loss, outputs
        leaderboard.sort(key=lambda entry: entry["loss"])
        if found:
            winner = leaderboard[0]["name"]
            if rest is not None:
                held_out = HeldOut(rest, found[winner][1])
    count = 1 if effort == "quick" else 2
    trained = [fitted(candidates[winner], everything, seed + i, f"network {i + 1} of {count}") for i in range(count)]
    preparation = trained[0][:-1] if len(trained[0]) > 1 else None
    return Learned(preparation, [pipeline[-1] for pipeline in trained], 1.0, leaderboard, held_out)


def answers(preparation: Any, models: Sequence[Any], X: Any) -> Array:
    """The mean of what models say of rows: probabilities (m, K) or predictions (m,), in float64."""
    inputs = X if preparation is None else preparation.transform(X)
    say = [model.predict_proba if hasattr(model, "classes_") else model.predict for model in models]
    mean = np.mean([np.asarray(answer(inputs), float) for answer in say], axis=0)
    return mean / mean.sum(axis=1, keepdims=True) if mean.ndim == 2 else mean  # float32 sums to 1 up to 1e-7


def _take(X: Any, rows: Any) -> Any:
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def _split(plan: Plan, y: Any, seed: int) -> tuple[Any, Any]:
    """Rows to train on and rows to compare on, with every class in both where it has two rows."""
    m, classes = len(y), len(plan.classes or (0,))
    held = min(max(round(HELD_OUT * m), classes), m - classes)
    stratify = None
    if plan.task != "regression" and np.unique(y, return_counts=True)[1].min() >= 2:
        stratify = y
    train, rest = train_test_split(np.arange(m), test_size=held, random_state=seed, stratify=stratify)
    return train, rest
