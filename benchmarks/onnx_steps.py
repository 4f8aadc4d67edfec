"""Could skl2onnx's converters replace ours? Each step by both, run by ONNX Runtime, beside scikit-learn itself.

    python benchmarks/onnx_steps.py

prints the largest difference (relative above 1) from what scikit-learn makes of the same rows, or why there is none:
ours, and skl2onnx's with inputs in float64 and in float32. docs/onnx.md says what follows.
"""

import logging
import re
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import skl2onnx
from rich.console import Console
from rich.table import Table
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from chainrule.exporting import graph, steps

NETWORK = SimpleNamespace(dtype=np.dtype(np.float64), sizes=[0])  # what would come next
X = load_breast_cancer().data + 1.0
GAPS = np.where(np.arange(X.size).reshape(X.shape) % 41 == 0, np.nan, X)
TIMES = X + np.array([1.7e9] + [0.0] * 29)  # seconds since 1970
TIES = np.round(X[:, :4] / 3)
WORDS = np.array([["Rome", "u"], ["Oslo", "v"], ["Lima", "u"], ["Rome", "w"]] * 10, dtype=object)
UNKNOWN = np.array([["Atlantis", "u"], ["Rome", "q"]] * 20, dtype=object)
GAPS_IN_WORDS = np.where(np.arange(80).reshape(40, 2) % 11 == 0, np.nan, WORDS)
CODES, CODES_AND_GAPS = np.tile([[0.5], [1e9 + 0.5], [7.25]], (20, 1)), np.tile([[0.5], [np.nan], [7.25]], (20, 1))
NOTES = np.array(["red apple", "green pear pear", "", "blue plum", "Apple plum-red naïve"] * 8, dtype=object)
MIXED = pd.DataFrame({"a": X[:40, 0], "b": X[:40, 1], "city": WORDS[:, 0]})
MIXED_GAPS = pd.DataFrame(
    {"a": GAPS[:40, 0], "b": X[:40, 1], "city": np.where(np.arange(40) % 7 == 0, None, WORDS[:, 0])}
)


def by_columns(number: Any, word: Any) -> ColumnTransformer:
    return ColumnTransformer(
        [("number", number, ["a", "b"]), ("word", word, ["city"])], transformer_weights={"word": 2}
    )


CASES: list[tuple[str, Any, Any, Any]] = [  # step, rows to fit, rows to transform
    *((f"{step!r}", step, X, X) for step in (
        StandardScaler(), MinMaxScaler(clip=True), MaxAbsScaler(), RobustScaler(), PCA(5, whiten=True),
        VarianceThreshold(0.1), FunctionTransformer(np.log1p), Normalizer(), Normalizer("max"), PolynomialFeatures(),
        PowerTransformer(), PowerTransformer("box-cox"), QuantileTransformer(n_quantiles=100),
        QuantileTransformer(n_quantiles=100, output_distribution="normal"), KBinsDiscretizer(encode="ordinal"),
        KBinsDiscretizer(), FeatureUnion([("scaled", StandardScaler()), ("turned", PCA(2))]),
    )),
    ("StandardScaler() of times", StandardScaler(), TIMES, TIMES),
    *((f"{step!r} of NaN", step, GAPS, GAPS) for step in (
        StandardScaler(), RobustScaler(), PowerTransformer(), QuantileTransformer(n_quantiles=100),
        SimpleImputer(), SimpleImputer(add_indicator=True), MissingIndicator(),
    )),
    ("QuantileTransformer() of ties", QuantileTransformer(n_quantiles=100), TIES, TIES),
    *((f"{step!r} of text", step, WORDS, WORDS) for step in (
        OneHotEncoder(), OneHotEncoder(drop="first"), OneHotEncoder(min_frequency=12), OrdinalEncoder(),
    )),
    ("OneHotEncoder() of unknown text", OneHotEncoder(handle_unknown="ignore"), WORDS, UNKNOWN),
    ("OneHotEncoder() of missing text", OneHotEncoder(), GAPS_IN_WORDS, GAPS_IN_WORDS),
    ("OneHotEncoder() of numbers", OneHotEncoder(), CODES, CODES),
    ("OneHotEncoder() of numbers and NaN", OneHotEncoder(), CODES_AND_GAPS, CODES_AND_GAPS),
    ("TargetEncoder() of unknown text", TargetEncoder(random_state=0), WORDS, UNKNOWN),
    ("TargetEncoder() for three classes", TargetEncoder(random_state=0), WORDS, WORDS),
    ("ColumnTransformer()", by_columns(StandardScaler(), OneHotEncoder()), MIXED, MIXED),
    ("ColumnTransformer() of gaps", by_columns(
        make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()),
        make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()),
    ), MIXED_GAPS, MIXED_GAPS),
    *((f"{step!r}", step, NOTES, NOTES) for step in (CountVectorizer(), TfidfVectorizer())),
]  # fmt: skip


def filled(values: Any) -> Any:
    """Text as ONNX has it: "" is missing."""
    return np.where(pd.isna(values), "", values).astype(object)


def feeds(rows: Any, number: type) -> dict[str, Any]:
    """The rows as inputs of a graph: a matrix, or columns by their names."""
    if isinstance(rows, pd.DataFrame):
        return {name: next(iter(feeds(rows[[name]].to_numpy(), number).values())) for name in rows}
    if rows.ndim == 1:
        rows = rows[:, None]
    return {"X": filled(rows) if rows.dtype == object else rows.astype(number)}


def run(model: Any, given: dict[str, Any]) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, given)[0]


def ours(step: Any, rows: Any) -> Any:
    given = feeds(rows, np.float64)
    if hasattr(step, "token_pattern"):
        words = [re.findall(step.token_pattern, text.lower()) for text in rows]
        longest = max(map(len, words))
        given = {"X": np.array([row + [""] * (longest - len(row)) for row in words], dtype=object)}
    made = graph.Graph()
    value = steps.matrix(steps.apply(step, steps.inputs(made, [step], NETWORK)))
    made.output("prepared", value, step.transform(rows[:1]).shape[1])
    return run(made.model({}), given)


def theirs(step: Any, rows: Any, number: type) -> Any:
    given, tensor = feeds(rows, number), DoubleTensorType if number is np.float64 else FloatTensorType
    types = [(n, (StringTensorType if x.dtype == object else tensor)([None, x.shape[1]])) for n, x in given.items()]
    return run(skl2onnx.to_onnx(step, initial_types=types), given)


def difference(how: Callable[..., Any], step: Any, rows: Any, *number: type) -> str:
    expected = step.transform(rows)
    expected = np.asarray(expected.toarray() if hasattr(expected, "toarray") else expected, float)
    try:
        found = np.asarray(how(step, rows, *number), float)
    except Exception as error:
        return f"refused: {type(error).__name__}"
    if found.shape != expected.shape:
        return f"wrong: {found.shape[1]} columns of {expected.shape[1]}"
    if (np.isnan(found) != np.isnan(expected)).any():
        return "wrong: NaN elsewhere"
    return f"{np.nanmax(np.abs(found - expected) / np.maximum(1, np.abs(expected))):.0e}"


def main() -> None:
    logging.disable()
    warnings.simplefilter("ignore")
    table = Table("step", "ours", f"skl2onnx {skl2onnx.__version__}, float64", "float32")
    for name, step, known, rows in CASES:
        classes = np.arange(len(known)) % (3 if "three" in name else 2)
        step.fit(known, classes)
        how = (ours, ()), (theirs, (np.float64,)), (theirs, (np.float32,))
        table.add_row(name, *(difference(function, step, rows, *number) for function, number in how))
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
