"""The pipeline of a plan: scikit-learn's transformers for the columns, then the network with the default recipe."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.pipeline import make_pipeline as chain
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from chainrule.estimators import MLPClassifier, MLPRegressor
from chainrule.tabular.plan import WORD, Plan, Task, often
from chainrule.tabular.transformers import Columns, DateParts


def make_pipeline(plan: Plan, rows: int, seed: int | None = 0, **overrides: Any) -> Pipeline:
    """The unfitted pipeline of a plan: the work on the columns, then the network.

    rows: how many it will be trained on. overrides: arguments of the estimator that replace those of the recipe.
    """
    regression = plan.task == "regression"
    arguments = recipe(plan.task, rows, plan.features or len(plan.used), len(plan.classes or ()))
    if plan.image_shape is not None:
        arguments["normalize"] = "standard"
    make: Callable[..., Any] = MLPRegressor if regression else MLPClassifier
    network = make(random_state=seed, **{**arguments, **overrides})
    return Pipeline([*_preparation(plan, rows), ("network", network)])


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
        ("date", chain(DateParts(), filled("median"), StandardScaler()), named("date")),
        *(
            (f"text {name}", TfidfVectorizer(max_features=256, min_df=often(rows), token_pattern=WORD), name)
            for name in named("text")
        ),
    ]
    steps = [step for step in steps if len(step[2])]
    roles = {column.name: column.role for column in plan.used}
    formats = {column.name: column.format for column in plan.used if column.format}
    return [("columns", Columns(roles, formats)), ("inputs", ColumnTransformer(steps, sparse_threshold=0))]


def recipe(task: Task, rows: int, features: int, classes: int = 0) -> dict[str, Any]:
    """The arguments of the estimator when the user gives none.

    After RealMLP-TD-S (Holzmüller, Grinsztajn & Steinwart 2024, table A.1), as far as a plain network can: robust
    scaling with the smooth clip, three hidden layers, β₂ = 0.95, the coslog4 schedule, smoothed labels, scaled targets,
    and the parameters of the best epoch on a held-out part.

    rows, features: of the training part, before the columns are worked on.
    """
    batch = int(np.clip(rows // 16, min(16, rows), 256))
    # About a minute: a step of 256 rows takes some 7 ms, an epoch rows / 256 of them.
    epochs = int(np.clip(2_000_000 // rows, 16, 256))
    arguments: dict[str, Any] = {
        "hidden_layer_sizes": (256, 256, 256),
        "activation": "mish" if task == "regression" else "selu",
        "init": "auto",
        "solver": "adam",
        "alpha": 0.0,
        "batch_size": batch,
        # Theirs is for weights in units of 1/√fan-in.
        "learning_rate_init": (0.07 if task == "regression" else 0.04) / max(256, features) ** 0.5,
        "beta_2": 0.95,
        "schedule": "coslog4",
        "max_iter": epochs,
        "normalize": "robust",
        # Nothing to choose by where a fifth of the rows is less than one of each class.
        "early_stopping": rows // 5 >= max(classes, 10),
        "validation_fraction": 0.2,
        "n_iter_no_change": np.inf,
        "dtype": np.float32,
    }
    return arguments | ({"scale_target": True} if task == "regression" else {"label_smoothing": 0.1})
