"""What is in a fitted model, for every form of export: its steps, the columns they take, its networks.

What an encoder makes of each category is asked of the encoder itself, so that nothing of it is known twice.
"""

import warnings
from copy import deepcopy
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder
from sklearn.utils.validation import check_is_fitted

from chainrule._types import Array
from chainrule.estimators import MLPClassifier, MLPRegressor
from chainrule.exporting.graph import WAY_OUT, ExportError
from chainrule.tabular.estimators import TabularClassifier, TabularRegressor

OURS = (MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor)
_WANTED = (
    "wanted a Network, an MLPClassifier or MLPRegressor of chainrule, a TabularClassifier or TabularRegressor, or one "
    "of them in a pipeline, a search, a CalibratedClassifierCV, a TransformedTargetRegressor or a classifier with a "
    "threshold"
)
WITH_THRESHOLD = (FixedThresholdClassifier, TunedThresholdClassifierCV)
NONE_LEFT = (
    "None is a category behind a SimpleImputer that fills in NaN, and in a row both are missing: fit the imputer with "
    "missing_values=None"
)
_MOST_CELLS = 2**26  # of a table with all categories in each of its columns, which an encoder is asked about


class Kind(NamedTuple):
    """What a step expects in a column: numbers, categories that are text, or text, and the pattern of its words."""

    name: Literal["number", "category", "text"]
    pattern: str = ""


NUMBER, CATEGORY = Kind("number"), Kind("category")


def kinds(step: Any, count: int) -> list[Kind]:
    """What a fitted step expects in each of its columns."""
    wanted = [NUMBER] * count
    if isinstance(step, Pipeline):
        parts = [part for _, part in step.steps if part not in (None, "passthrough")]
        return kinds(parts[0], count) if parts else wanted
    if isinstance(step, ColumnTransformer):
        for _, part, numbers in parts_used(step):
            for k, kind in zip(numbers, kinds(part, len(numbers)), strict=True):
                wanted[k] = kind if wanted[k] == NUMBER else wanted[k]
    if isinstance(step, FeatureUnion):
        of_parts = [kinds(part, count) for _, part in step.transformer_list if part not in ("drop", "passthrough")]
        return [next((kind for kind in each if kind != NUMBER), NUMBER) for each in zip(*of_parts, strict=True)]
    if isinstance(step, CountVectorizer):
        return [Kind("text", str(step.token_pattern))] * count
    if isinstance(step, (OneHotEncoder, OrdinalEncoder, TargetEncoder)):
        return [CATEGORY if any(isinstance(value, str) for value in known) else NUMBER for known in step.categories_]
    if isinstance(step, SimpleImputer):
        return [CATEGORY if isinstance(value, str) else NUMBER for value in step.statistics_]
    return wanted


def parts_used(step: ColumnTransformer) -> list[tuple[str, Any, list[int]]]:
    """The transformers that are used: name, transformer, and the numbers of its columns."""
    numbers = {name: list(indices) for name, indices in step._transformer_to_input_indices.items()}
    return [(name, part, numbers[name]) for name, part, _ in step.transformers_ if part != "drop" and numbers[name]]


def kept_of(step: SimpleImputer) -> Array:
    """Which of its columns a fitted imputer keeps. ExportError where it fills in None, which a row cannot say."""
    if any(value is None for value in step.statistics_.tolist()):
        raise ExportError("SimpleImputer fills in None, of which there is most: fit it with missing_values=None")
    return np.asarray(~pd.isna(step.statistics_) | step.keep_empty_features)


class Encoded(NamedTuple):
    """What an encoder makes of a column: (categories, columns), and of an unknown category (columns,).

    None where it raises for one. Of a OneHotEncoder instead the one column that is 1, from 0, as (categories, 1) and
    (1,), and −1 where none is.
    """

    known: Array
    unknown: Array | None


def encoded(step: Any) -> list[Encoded]:
    """What a fitted encoder makes of the categories of each of its columns, as it says itself."""
    of_known, of_unknown = _answers(step)
    count = len(step.categories_)
    if isinstance(step, OneHotEncoder):
        widths = list(step._n_features_outs)
    else:
        widths = [len(getattr(step, "encodings_", step.categories_)) // count] * count
    made, start = [], 0
    for known, width in zip(step.categories_, widths, strict=True):
        block, start = slice(start, start + width), start + width
        parts = of_known[: len(known), block], None if of_unknown is None else of_unknown[:, block]
        if isinstance(step, OneHotEncoder):
            codes, other = (None if part is None else _codes(part) for part in parts)
            assert codes is not None
            made.append(Encoded(codes[:, None], other))
        else:
            numbers, other = (None if part is None else np.asarray(part, np.float64) for part in parts)
            assert numbers is not None
            made.append(Encoded(numbers, None if other is None else other[0]))
    return made


def _codes(block: Any) -> Array:
    """Which column of a sparse matrix is 1 in each row; −1 where none is."""
    rows = block.tocsr()
    code = np.full(rows.shape[0], -1.0)
    code[np.diff(rows.indptr) > 0] = rows.indices
    return code


def _answers(step: Any) -> tuple[Any, Any]:
    """What an encoder makes of a table whose i-th row has the i-th category in every column, and of unknown ones.

    None where it raises for those.
    """
    longest = max(map(len, step.categories_))
    if longest * len(step.categories_) > _MOST_CELLS:
        raise ExportError(
            f"{type(step).__name__} of {len(step.categories_):,} columns, one with {longest:,} categories, is too "
            f"large. {WAY_OUT}"
        )
    names = getattr(step, "feature_names_in_", range(len(step.categories_)))
    encoder = deepcopy(step).set_output(transform="default")
    if isinstance(step, OneHotEncoder):
        encoder.set_params(sparse_output=True)

    def asked(columns: list[Any]) -> Any:
        # As objects: in a column of str None would become NaN, which can be another category.
        table = pd.DataFrame(
            {name: pd.Series(each, dtype=each.dtype) for name, each in zip(names, columns, strict=True)}
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that there are unknown ones, which is known
            return encoder.transform(table if hasattr(step, "feature_names_in_") else table.to_numpy())

    known = asked([each[np.minimum(np.arange(longest), len(each) - 1)] for each in step.categories_])
    try:
        return known, asked([_another(each) for each in step.categories_])
    except ValueError:
        return known, None


def _another(known: Any) -> Array:
    """A column of one category that is none of these."""
    if any(isinstance(each, str) for each in known):
        return np.array(["".join(map(str, known)) + "?"], dtype=object)
    numbers = known.astype(float)
    dtype = object if known.dtype == object else float  # as the known ones, with which an encoder compares it
    return np.array([1.5 * np.nanmax(np.abs(numbers), initial=1.0) + 1], dtype=dtype)


# -- the parts of a model ----------------------------------------------------------------------------------------------


def parts_of(model: Any) -> tuple[list[Any], Any]:
    """The steps that a model applies first, and the estimator of chainrule behind them.

    Of several that are asked the same, those of the first.
    """
    if (inside := within(model)) is not None:
        return parts_of(inside)
    if isinstance(model, Pipeline):
        before, last = parts_of(model.steps[-1][1])
        return [*(part for _, step in model.steps[:-1] for part in _flat(step)), *before], last
    if isinstance(model, TransformedTargetRegressor):
        check_is_fitted(model)
        return parts_of(model.regressor_)
    if isinstance(model, CalibratedClassifierCV):
        check_is_fitted(model)
        return parts_of(model.calibrated_classifiers_[0].estimator)
    if isinstance(model, WITH_THRESHOLD):
        return parts_of(getattr(model, "estimator_", model.estimator))
    if not isinstance(model, OURS):
        raise ExportError(f"{type(model).__name__}: {_WANTED}")
    check_is_fitted(model)
    return preparation_of(model), model


def networks_of(model: Any) -> list[Any]:
    """The estimators of one network each, of which a model is the mean."""
    return model.networks_ if isinstance(model, (TabularClassifier, TabularRegressor)) else [model]


def within(model: Any) -> Any:
    """What answers in the place of a model: the best of a search, what is frozen."""
    return model.estimator if isinstance(model, FrozenEstimator) else getattr(model, "best_estimator_", None)


def _flat(step: Any) -> list[Any]:
    """What a step of a pipeline does at predict, one after the other."""
    if isinstance(step, Pipeline):
        return [part for _, inside in step.steps for part in _flat(inside)]
    return [step] if prepares(step) else []


def prepares(step: Any) -> bool:
    """Whether a step is there at predict; the samplers of imbalanced-learn change the training set only."""
    sampler = hasattr(step, "fit_resample") and not hasattr(step, "transform")
    return not sampler and step is not None and step != "passthrough"


def preparation_of(model: Any) -> list[Any]:
    """What an estimator of tables does to them first."""
    return [step for _, step in getattr(getattr(model, "preparation_", None), "steps", ())]
