"""The pipeline of a plan: scikit-learn's transformers for the columns, then the network with the default recipe."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import DTypeLike
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.pipeline import make_pipeline as chain
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from chainrule.activations import Activation
from chainrule.estimators import MLPClassifier, MLPRegressor
from chainrule.optimizers import LBFGS, Optimizer
from chainrule.schedules import Schedule
from chainrule.tabular.calendar import DateParts
from chainrule.tabular.plan import Plan, Task
from chainrule.tabular.roles import WORD, often
from chainrule.tabular.transformers import Columns


class Arguments(TypedDict, total=False):
    """Arguments of the estimators. Of the last four, two belong to MLPClassifier only, and two to MLPRegressor."""

    hidden_layer_sizes: int | Sequence[int]
    activation: str | Activation | Sequence[str | Activation]
    init: str | float
    solver: str | Optimizer | LBFGS
    learning_rate: str
    learning_rate_init: float
    power_t: float
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    schedule: str | Schedule | None
    alpha: float
    dropout: float | Sequence[float]
    clip_norm: float | None
    normalize: str | None
    batch_size: int | str
    max_iter: int
    max_fun: int
    shuffle: bool
    tol: float
    n_iter_no_change: float
    early_stopping: bool
    validation_fraction: float
    scoring: str | Callable[..., float] | None
    training_metric: bool
    verbose: bool | int
    warm_start: bool
    engine: str
    dtype: DTypeLike
    class_weight: Mapping[Any, float] | str | None
    label_smoothing: float
    scale_target: bool
    loss: str


def make_pipeline(plan: Plan, rows: int, seed: int | None = 0, **overrides: Unpack[Arguments]) -> Pipeline:
    """The unfitted pipeline of a plan: the work on the columns, then the network.

    rows: how many it will be trained on. overrides: arguments of the estimator that replace those of the recipe.
    """
    arguments = recipe(plan.task, rows, plan.features or len(plan.used), len(plan.classes or ())) | overrides
    make: Callable[..., Any] = MLPRegressor if plan.task == "regression" else MLPClassifier
    return Pipeline([*_preparation(plan, rows), ("network", make(random_state=seed, **arguments))])


def _preparation(plan: Plan, rows: int) -> list[tuple[str, Any]]:
    if plan.image_shape is not None:
        return []
    if not plan.columns:
        return [("missing", SimpleImputer(strategy="median", keep_empty_features=True))]

    def named(*roles: str) -> list[str]:
        return [column.name for column in plan.used if column.role in roles]

    def filled(strategy: str) -> SimpleImputer:
        return SimpleImputer(strategy=strategy, add_indicator=True, keep_empty_features=True)

    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=max(3, rows // 1000),
        max_categories=128,
        sparse_output=False,
        dtype=np.float32,
    )
    # Numbers are standardized in float64 first: float32 would keep four digits of a time in seconds.
    steps = [
        ("number", chain(filled("median"), StandardScaler()), named("number")),
        ("boolean", filled("most_frequent"), named("boolean")),
        ("presence", "passthrough", named("presence")),
        ("category", one_hot, named("category")),
        ("date", chain(DateParts(cyclic=True), StandardScaler()), named("date")),
        *(
            (f"text {name}", TfidfVectorizer(max_features=256, min_df=often(rows), token_pattern=WORD), name)
            for name in named("text")
        ),
    ]
    steps = [step for step in steps if len(step[2])]
    roles = {column.name: column.role for column in plan.used}
    formats = {column.name: column.format for column in plan.used if column.format}
    return [("columns", Columns(roles, formats)), ("inputs", ColumnTransformer(steps, sparse_threshold=0))]


def recipe(task: Task, rows: int, features: int, classes: int = 0) -> Arguments:
    """The arguments of the estimator when the user gives none.

    After RealMLP-TD-S (Holzmüller, Grinsztajn & Steinwart 2024, table A.1): β₂ = 0.95, the coslog4 schedule, smoothed
    labels, scaled targets, their learning rate, and on large tables the parameters of the best epoch on a held-out
    part. What differs (relu, mean-and-deviation scaling, dropout, L2, the layers; under 1,000 rows one wide layer and
    no held-out part) did better for a plain network on the tables of benchmarks/recipe.py, on which it was tuned.

    rows, features: of the training part, before the columns are worked on.
    """
    small = rows < 1000 and features < 1000
    arguments: Arguments = {
        "hidden_layer_sizes": (512,) if small else (128, 128, 128),
        "activation": "relu",
        "init": "auto",
        "solver": "adam",
        "alpha": 0.2 if small else 0.1,
        "dropout": 0.5 if small else 0.05,
        "batch_size": min(64 if small else 128 if rows < 10_000 else 256, rows),
        # Theirs is for weights in units of 1/√fan-in: many inputs want smaller steps.
        "learning_rate_init": (0.08 if small else 0.04) / max(256, features) ** 0.5,
        "beta_2": 0.95,
        "schedule": "coslog4",
        "max_iter": int(np.clip(1_500_000 // rows, 10, 100)),  # a large table learns as much in fewer passes
        "normalize": "standard",
        "early_stopping": rows >= 2000 and rows // 10 >= classes,
        "validation_fraction": 0.1,
        "n_iter_no_change": np.inf,
        "dtype": np.float32,
    }
    if task == "regression":
        return {**arguments, "scale_target": True}
    return {**arguments, "label_smoothing": 0.1}
