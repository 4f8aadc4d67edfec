"""The pipeline of a plan: scikit-learn's transformers for the columns, then the network with the default recipe."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import DTypeLike
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.pipeline import make_pipeline as chain
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from chainrule.activations import Activation
from chainrule.estimators import MLPClassifier, MLPRegressor
from chainrule.optimizers import LBFGS, Optimizer
from chainrule.schedules import Schedule
from chainrule.tabular.calendar import PARTS, DateParts
from chainrule.tabular.encoders import PiecewiseLinear, TargetStatistics
from chainrule.tabular.plan import Plan, Task
from chainrule.tabular.roles import WORD, often, text_step
from chainrule.tabular.transformers import Columns


class Arguments(TypedDict, total=False):
    """Arguments of the estimators. Of the last five, two belong to MLPClassifier only, and three to MLPRegressor."""

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
    precision: str | None
    dtype: DTypeLike
    class_weight: Mapping[Any, float] | str | None
    label_smoothing: float
    scale_target: bool
    clip_target: bool
    loss: str


BINS, FEWEST_BINS = 12, 6  # of each number
WIDE, WIDEST = 256, 4096  # inputs that come of bins: with more numbers there are fewer bins of each, then none


def make_pipeline(plan: Plan, rows: int, seed: int | None = 0, **overrides: Unpack[Arguments]) -> Pipeline:
    """The unfitted pipeline of a plan: the work on the columns, then one network, the first of the recipe.

    rows: how many it will be trained on. overrides: arguments of the estimator that replace those of the recipe.
    """
    first, *_ = recipe(plan.task, rows, plan.features or len(plan.used), plan.image_shape is None).values()
    make: Callable[..., Any] = MLPRegressor if plan.task == "regression" else MLPClassifier
    return Pipeline([*preparation(plan, rows, seed), ("network", make(random_state=seed, **(first | overrides)))])


def preparation(plan: Plan, rows: int, seed: int | None = 0, two_valued: Collection[str] = ()) -> list[tuple[str, Any]]:
    """The unfitted steps before the network: from a table or an array to inputs; none for pixels.

    rows: how many they will be fitted to. seed: of the folds out of which the target statistics are taken. two_valued:
    categories of which statistics would say what one-hot says.
    """
    if plan.image_shape is not None:
        return []

    def filled(strategy: str) -> SimpleImputer:
        return SimpleImputer(strategy=strategy, add_indicator=True, keep_empty_features=True)

    def named(*roles: str) -> list[str]:
        return [column.name for column in plan.used if column.role in roles]

    def numbers(count: int) -> list[Any]:
        # Standardized in float64 first: float32 would keep four digits of a time in seconds.
        bins = min(BINS, max(FEWEST_BINS, WIDE // count))
        return [filled("median"), StandardScaler(), *([PiecewiseLinear(bins)] if bins * count <= WIDEST else [])]

    if not plan.columns:
        return [("numbers", chain(*numbers(plan.features))), ("centered", StandardScaler(with_std=False))]
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=max(3, rows // 1000),
        max_categories=128,
        sparse_output=False,
        dtype=np.float32,
    )
    kind = {"regression": "continuous", "binary": "binary", "classes": "multiclass"}[plan.task]
    out_of = KFold(min(5, rows), shuffle=True, random_state=seed)  # not stratified: that warns of small classes
    statistics = chain(TargetStatistics(target_type=kind, cv=out_of), StandardScaler())
    number, dates = named("number"), named("date")
    steps = [
        ("number", chain(*numbers(len(number) or 1)), number),
        ("boolean", filled("most_frequent"), named("boolean")),
        ("presence", "passthrough", named("presence")),
        ("category", one_hot, named("category")),
        ("statistics", statistics, [name for name in named("category") if name not in two_valued]),
        ("date", chain(DateParts(cyclic=True), *numbers(len(PARTS) * len(dates) or 1)[1:]), dates),
        *(
            (text_step(name), TfidfVectorizer(max_features=256, min_df=often(rows), token_pattern=WORD), name)
            for name in named("text")
        ),
    ]
    steps = [step for step in steps if len(step[2])]
    roles = {column.name: column.role for column in plan.used}
    formats = {column.name: column.format for column in plan.used if column.format}
    return [
        ("columns", Columns(roles, formats)),
        ("inputs", ColumnTransformer(steps, sparse_threshold=0)),
        ("centered", StandardScaler(with_std=False)),  # 0 is the typical row
    ]


def recipe(task: Task, rows: int, features: int, prepared: bool = True) -> dict[str, Arguments]:
    """The candidates: name → the arguments of the estimator when the user gives none. The first is as good as any.

    rows, features: of the training part, before the columns are worked on. prepared: whether the inputs are as
    `preparation` makes them, and not pixels.

    After RealMLP-TD-S (Holzmüller, Grinsztajn & Steinwart 2024, table A.1): β₂ = 0.95, the coslog4 schedule, scaled
    targets, their learning rate. What differs (relu, the encoding of numbers, dropout, L2, the layers, no smoothed
    labels) did better with the early stopping and the means of race.py on the tables of benchmarks/recipe.py, on which
    it was tuned.
    """
    shared: Arguments = {
        "activation": "relu",
        "init": "auto",
        "solver": "adam",
        "batch_size": min(64 if rows < 1000 else 128 if rows < 10_000 else 256, rows),
        "beta_2": 0.95,
        "schedule": "coslog4",
        "max_iter": int(np.clip(1_500_000 // rows, 10, 100)),  # a large table learns as much in fewer passes
        "normalize": None if prepared else "standard",
        "n_iter_no_change": np.inf,
        "dtype": np.float32,
    }
    if task == "regression":
        shared |= {"scale_target": True, "clip_target": True}
    # Their learning rate is for weights in units of 1/√fan-in: many inputs want smaller steps.
    rate = 1 / max(256, features) ** 0.5
    deep: Arguments = {"hidden_layer_sizes": (128, 128, 128), "alpha": 0.1, "dropout": 0.05}
    wide: Arguments = {"hidden_layer_sizes": (512,), "alpha": 0.2, "dropout": 0.5}
    return {
        "deep": {**shared, **deep, "learning_rate_init": 0.04 * rate},
        "wide": {**shared, **wide, "learning_rate_init": 0.08 * rate},
    }
