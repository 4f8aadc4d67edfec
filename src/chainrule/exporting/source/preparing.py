"""From fitted steps to values and lines: what scikit-learn's transformers make of the columns, worked out once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isfinite, nan
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from chainrule._types import Array
from chainrule.exporting.fitted import NONE_LEFT, Encoded, encoded, kept_of, kinds, parts_used
from chainrule.exporting.graph import WAY_OUT, ExportError
from chainrule.exporting.source.columns import described
from chainrule.exporting.source.program import Applied, Bag, Column, Far, Given, Hot, Line, Looked, Part, Value, Weight
from chainrule.tabular import Columns, DateParts
from chainrule.tabular.calendar import SIX
from chainrule.tabular.encoders import SIZE, PiecewiseLinear, TargetStatistics
from chainrule.tabular.roles import WORD
from chainrule.text import called, first_few

_FUNCTIONS = ("log", "log1p", "exp", "expm1", "sqrt", "square", "absolute", "sin", "cos", "tanh", "log2", "log10")

_WORDS = {  # by the fewest characters of one
    1: "a word begins with a letter: of 3pack it is pack",
    2: "a word is two and more letters, digits and _ in a row",
}


@dataclass(frozen=True)
class Word:
    """The text of a column on its way to a step that understands it; `missing` is filled in where there is none."""

    column: int
    missing: str | None = None


@dataclass(frozen=True, eq=False)
class Mix:
    """weights · inputs + bias."""

    inputs: tuple[Line | Hot, ...]
    weights: Array
    bias: float

    def shifted(self, by: float) -> "Mix":
        """x + by."""
        return replace(self, bias=self.bias + by)

    def scaled(self, by: float) -> "Mix":
        """x · by."""
        return replace(self, weights=self.weights * by, bias=self.bias * by)


Feature = Any  # Line | Hot | Mix | Word
Features = list[Feature]


class Preparation:
    """The steps before the networks, followed one by one: `columns`, `values` and `bags` grow on the way."""

    def __init__(self) -> None:
        self.columns: list[Column] = []
        self.values: list[Value] = []
        self.bags: list[Bag] = []

    def begin(self, steps: list[Any], count: int, names: list[str]) -> Features | dict[str, Features]:
        """What goes into the first step: columns by name, or numbers."""
        first = next(iter(steps), None)
        if isinstance(first, Columns):
            return {name: [self._column(described(first, name, role))] for name, role in first.roles.items()}
        wanted = [kind.name for kind in kinds(first, count)]
        if isinstance(first, ColumnTransformer) and names:
            used = sorted({k for _, _, numbers in parts_used(first) for k in numbers})
            return {names[k]: [self._column(Column(names[k], wanted[k], exact=True))] for k in used}
        if wanted == ["text"] and not hasattr(first, "n_features_in_"):  # of a list of texts, which is no table
            return {"text": [self._column(Column("text", "text", exact=True))]}
        if "text" in wanted:
            raise ExportError("text among the columns of an array: fit the pipeline to a DataFrame, whose have names")
        called = names or [f"x{i}" for i in range(count)]
        return [self._column(Column(name, kind, exact=True)) for name, kind in zip(called, wanted, strict=True)]

    def apply(self, step: Any, given: Features | dict[str, Features]) -> Features | dict[str, Features]:
        """What a fitted step returns. ExportError names one that cannot be written."""
        if step is None or step == "passthrough" or isinstance(step, Columns):
            return given
        if isinstance(step, Pipeline):
            for _, part in step.steps:
                given = self.apply(part, given)
            return given
        if isinstance(step, ColumnTransformer):
            return self._column_transformer(step, given)
        for kind, function in _STEPS.items():
            if isinstance(step, kind) if kind is SelectorMixin else type(step) is kind:
                return function(self, step, together(given))
        raise ExportError(f"{type(step).__name__} cannot be written as a formula here. {WAY_OUT}")

    def value(self, value: Value) -> int:
        """The number of a value, which is new or there already."""
        if value not in self.values:
            self.values.append(value)
        return self.values.index(value)

    def check(self, features: Features) -> None:
        """Refuse a line whose numbers float64 cannot hold: 1 / a deviation below about 1e-308."""
        for each in features:
            if isinstance(each, Line) and not (isfinite(each.slope) and isfinite(each.offset) and isfinite(each.zero)):
                value = self.values[each.value]
                name = self.columns[value.column].name if isinstance(value, Given) else f"x[{each.value}]"
                raise ExportError(
                    f"{name}: its numbers are so near to each other that 1 / their deviation is beyond float64: "
                    f"multiply them by a number before they are learned from. {WAY_OUT}"
                )

    def _column(self, column: Column) -> Feature:
        self.columns.append(column)
        k = len(self.columns) - 1
        return Word(k) if column.kind in ("category", "text") else Line(self.value(Given(k)))

    def _looked_up(self, step: Any, each: Feature, known: Any, of: Encoded, j: int, what: str) -> int:
        """The number of a value that a table has for each known category of a column: the j-th of the encoder."""
        if isinstance(each, Word):
            column = each.column
        else:
            value = self.values[each.value] if isinstance(each, Line) and each == Line(each.value) else None
            if not isinstance(value, Given) or value.mark is not None:
                raise ExportError(f"{type(step).__name__} behind another step. {WAY_OUT}")
            column = value.column
        keys = _keys(known, self.columns[column])
        entries = dict(zip(keys, of.known[:, j].tolist(), strict=True))
        unknown = None if of.unknown is None else float(of.unknown[j])
        if isinstance(each, Word):
            if each.missing is not None:
                if None in entries:
                    raise ExportError(f"{self.columns[column].name}: {NONE_LEFT}. {WAY_OUT}")
                entries[None] = entries.get(each.missing, nan if unknown is None else unknown)
            same = self.columns[column].spellings.items()
            entries |= {word: entries[usual] for word, usual in same if usual in entries}
        self.values.append(Looked(column, entries, unknown, what))
        return len(self.values) - 1

    def _column_transformer(self, step: ColumnTransformer, given: Features | dict[str, Features]) -> Features:
        names = getattr(step, "feature_names_in_", None)
        made: Features = []
        for name, part, numbers in parts_used(step):
            if isinstance(given, dict):
                assert names is not None
                some: Features | dict[str, Features] = {names[k]: given[names[k]] for k in numbers}
            else:
                some = [given[k] for k in numbers]
            try:
                found = together(self.apply(part, some))
            except ExportError as error:
                which = ", ".join(str(k if names is None else names[k]) for k in numbers)
                raise ExportError(f"columns {which}: {error}") from None
            weight = (step.transformer_weights or {}).get(name, 1.0)
            made += found if weight == 1 else [each.scaled(weight) for each in found]
        return made


def _keys(known: Any, column: Column) -> list[Any]:
    """The categories of a column as a file has them: text, None where it is missing, or numbers of float64."""
    if known.dtype.kind in "mM" or not all(isinstance(each, (str, Real, np.bool)) or pd.isna(each) for each in known):
        raise ExportError(f"{column.name}: its categories are neither text nor numbers. {WAY_OUT}")
    none = None if column.kind == "category" else nan
    keys = [none if pd.isna(each) else str(each) if isinstance(each, str) else float(each) for each in known]
    if keys.count(none) > 1:
        raise ExportError(f"{column.name}: None and NaN are two categories, and in a row both are missing. {WAY_OUT}")
    if len(set(keys)) < len(keys):
        twice = first_few([str(each) for each, key in zip(known, keys, strict=True) if keys.count(key) > 1], 3)
        raise ExportError(f"{column.name}: its categories {twice} are one number in float64. {WAY_OUT}")
    return keys


def together(given: Features | dict[str, Features]) -> Features:
    """The columns side by side."""
    return given if isinstance(given, list) else [each for some in given.values() for each in some]


# -- transformers ------------------------------------------------------------------------------------------------------


def _imputer(self: Preparation, step: SimpleImputer, given: Features) -> Features:
    kept = kept_of(step)
    indicator = step.indicator_
    flags = [] if indicator is None else _flags(self, indicator, [given[k] for k in indicator.features_])
    made = []
    for each, number in zip(given, step.statistics_, strict=True):
        if isinstance(each, Word):
            if not pd.isna(step.missing_values):
                raise ExportError(f"SimpleImputer(missing_values={step.missing_values!r}) of text. {WAY_OUT}")
            filled = self.columns[each.column].exact and not pd.isna(number)  # Columns leave "", which is no NaN
            if filled and each.missing not in (None, str(number)):
                raise ExportError(f"SimpleImputer of text behind another that fills in something else. {WAY_OUT}")
            made.append(replace(each, missing=str(number)) if filled else each)
        else:
            made.append(_marked(self, step, each).filled(0.0 if pd.isna(number) else float(number)))
    return [*(each for each, there in zip(made, kept, strict=True) if there), *flags]


def _indicator(self: Preparation, step: MissingIndicator, given: Features) -> Features:
    return _flags(self, step, [given[k] for k in step.features_])


def _flags(self: Preparation, step: MissingIndicator, given: Features) -> Features:
    if any(isinstance(each, Word) for each in given):
        raise ExportError(f"MissingIndicator of text. {WAY_OUT}")
    return [_marked(self, step, each).flag() for each in given]


def _marked(self: Preparation, step: Any, each: Feature) -> Feature:
    """The feature with what the step calls missing as what it is: NaN."""
    mark = step.missing_values
    if pd.isna(mark):
        return _no_mix(step, each)
    value = self.values[each.value] if isinstance(each, Line) and each == Line(each.value) else None
    if not isinstance(value, Given):
        raise ExportError(f"{type(step).__name__}(missing_values={mark!r}) behind another step. {WAY_OUT}")
    return Line(self.value(replace(value, mark=float(mark))))  # it keeps its number elsewhere


def _standard(self: Preparation, step: StandardScaler, given: Features) -> Features:
    made = given
    if step.with_mean:
        made = [each.shifted(-mean) for each, mean in zip(made, step.mean_.tolist(), strict=True)]
    if step.with_std:
        made = [each.scaled(1 / scale) for each, scale in zip(made, step.scale_.tolist(), strict=True)]
    return made


def _min_max(self: Preparation, step: MinMaxScaler, given: Features) -> Features:
    made = [
        each.scaled(float(scale)).shifted(float(low))
        for each, scale, low in zip(given, step.scale_, step.min_, strict=True)
    ]
    return [_no_mix(step, each).clipped(*map(float, step.feature_range)) for each in made] if step.clip else made


def _max_abs(self: Preparation, step: MaxAbsScaler, given: Features) -> Features:
    made = [each.scaled(1 / float(scale)) for each, scale in zip(given, step.scale_, strict=True)]
    return [_no_mix(step, each).clipped(-1.0, 1.0) for each in made] if getattr(step, "clip", False) else made


def _robust(self: Preparation, step: RobustScaler, given: Features) -> Features:
    made = given
    if step.with_centering:
        made = [each.shifted(-float(center)) for each, center in zip(made, step.center_, strict=True)]
    if step.with_scaling:
        made = [each.scaled(1 / float(scale)) for each, scale in zip(made, step.scale_, strict=True)]
    return made


def _no_mix(step: Any, each: Feature) -> Feature:
    if isinstance(each, Mix):
        raise ExportError(f"{type(step).__name__} behind PCA. {WAY_OUT}")
    return each


def _pca(self: Preparation, step: PCA, given: Features) -> Features:
    inputs = tuple(_no_mix(step, each) for each in given)
    deviations = np.sqrt(step.explained_variance_) if step.whiten else np.ones(len(step.components_))
    rows = step.components_ / deviations[:, None]
    return [Mix(inputs, row, -float(row @ step.mean_)) for row in rows]


def _selected(self: Preparation, step: Any, given: Features) -> Features:
    return [given[k] for k in step.get_support(indices=True)]


def _function(self: Preparation, step: FunctionTransformer, given: Features) -> Features:
    if step.func is None:
        return given
    name = getattr(step.func, "__name__", "…")
    if step.kw_args or name not in _FUNCTIONS or step.func is not getattr(np, name):
        raise ExportError(f"FunctionTransformer({name}): not one of NumPy's {', '.join(_FUNCTIONS)}. {WAY_OUT}")
    if not all(isinstance(each, Line) for each in given):
        raise ExportError(f"FunctionTransformer({name}) behind another step than scalers. {WAY_OUT}")
    return [Line(self.value(Applied(name, each))) for each in given]


def _piecewise_linear(self: Preparation, step: PiecewiseLinear, given: Features) -> Features:
    made = [_no_mix(step, each) for each in given]
    for each, knots in zip(given, step.knots_, strict=True):
        for first, last in zip(knots[:-1].tolist(), knots[1:].tolist(), strict=True):
            ramp = each.shifted(-first).scaled(1 / (last - first)).clipped(0.0, 1.0)
            made.append(ramp.scaled(2 * SIZE).shifted(-SIZE))
    return made


def _dates(self: Preparation, step: DateParts, given: Features) -> Features:
    made: Features = []
    for k, each in enumerate(given):
        value = self.values[each.value]
        assert isinstance(value, Given)
        if not step.cyclic:
            made += [Line(self.value(Part(value.column, name, -np.inf, np.inf))) for name in SIX]
            continue
        low, high = step.limits_[k].tolist()
        for name in step.parts_[k]:
            first, last, mean = step.ranges_[len(made)].tolist()
            if name == "missing":
                made.append(each.flag())
            elif name == "far":
                made.append(Line(self.value(Far(value.column, low, high)), missing=0.0))
            else:
                part = self.value(Part(value.column, name, low, high))
                made.append(Line(part).clipped(first, last).filled(mean))
    return made


def _tfidf(self: Preparation, step: TfidfVectorizer, given: Features) -> Features:
    plain = TfidfVectorizer()
    own = ["analyzer", "ngram_range", "lowercase", "strip_accents", "preprocessor", "tokenizer", "sublinear_tf"]
    changed = [name for name in own if getattr(step, name) != getattr(plain, name)]
    if step.token_pattern not in (WORD, plain.token_pattern):
        changed.append("token_pattern")
    if changed:
        raise ExportError(f"{called(step, changed)} cannot be written as a formula here. {WAY_OUT}")
    (each,) = given
    least = 1 if step.token_pattern == WORD else 2
    column = self.columns[each.column]
    self.columns[each.column] = replace(column, kind="text", note=_WORDS[least])
    words = sorted(step.vocabulary_, key=step.vocabulary_.__getitem__)
    weights = step.idf_ if step.use_idf else np.ones(len(words))
    self.bags.append(Bag(each.column, tuple(words), tuple(weights.tolist()), step.norm, step.binary, least))
    first = len(self.values)
    self.values += [Weight(len(self.bags) - 1, j) for j in range(len(words))]
    return [Line(first + j) for j in range(len(words))]


def _one_hot(self: Preparation, step: OneHotEncoder, given: Features) -> Features:
    """The code of each category, and the columns of which it is one."""
    made: Features = []
    for each, known, width, of in zip(given, step.categories_, step._n_features_outs, encoded(step), strict=True):
        code = self._looked_up(step, each, known, of, 0, "code")
        made += [Hot(code, j) for j in range(width)]
    return made


def _coded(self: Preparation, step: OrdinalEncoder | TargetEncoder, given: Features) -> Features:
    """Tables of the numbers of each category."""
    what = "number of the category" if isinstance(step, OrdinalEncoder) else "statistics of the target"
    made: Features = []
    for each, known, of in zip(given, step.categories_, encoded(step), strict=True):
        made += [Line(self._looked_up(step, each, known, of, j, what)) for j in range(of.known.shape[1])]
    return made


_STEPS: dict[type, Callable[[Preparation, Any, Features], Features]] = {
    SimpleImputer: _imputer,
    MissingIndicator: _indicator,
    StandardScaler: _standard,
    MinMaxScaler: _min_max,
    MaxAbsScaler: _max_abs,
    RobustScaler: _robust,
    FunctionTransformer: _function,
    PCA: _pca,
    SelectorMixin: _selected,
    OneHotEncoder: _one_hot,
    OrdinalEncoder: _coded,
    TargetEncoder: _coded,
    TargetStatistics: _coded,
    DateParts: _dates,
    TfidfVectorizer: _tfidf,
    PiecewiseLinear: _piecewise_linear,
}
