"""The steps of a pipeline before its network: the columns of a table, and scikit-learn's transformers, as operators.

A step is given one matrix (batch, n), or the columns of a table by name, each (batch, 1).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import Normalizer, OneHotEncoder, OrdinalEncoder, TargetEncoder

from chainrule.exporting.fitted import (
    CATEGORY,
    NONE_LEFT,
    Encoded,
    Kind,
    encoded,
    kept_of,
    kinds,
    parts_used,
)
from chainrule.exporting.graph import DOUBLE, ML, TEXT, WAY_OUT, ExportError, Graph, Symbol, Value
from chainrule.exporting.numeric import TRANSFORMS
from chainrule.tabular import Columns, DateParts
from chainrule.tabular.encoders import SIZE, PiecewiseLinear, TargetStatistics
from chainrule.tabular.numerals import Format
from chainrule.tabular.roles import WORD
from chainrule.text import called, first_few

Given = Value | dict[str, Value]
_NUMBER, _TEXT = "NaN = missing", '"" = missing'
_FORMS = (str, str.lower, str.upper, str.title, str.capitalize)
_NUMBERS = ("number", "boolean", "date")  # roles of columns that are numbers here


def inputs(graph: Graph, steps: list[Any], network: Any, what: str = "") -> Given:
    """The inputs of a pipeline: one for each column of a table, else one matrix X.

    Numbers are float64, because float32 would keep four digits of a time in seconds; a matrix for a network alone, or
    for an imputer that was fitted in float32, is in their precision. what: the meaning of the matrix.
    """
    first = next(iter(steps), None)
    if isinstance(first, Columns):
        return {name: _column(graph, name, role) for name, role in first.roles.items()}
    if first is None:
        return graph.input("X", network.dtype, network.sizes[0], what)
    count = getattr(first, "n_features_in_", 1)  # what begins with words does not say
    wanted = [_type_of(kind) for kind in kinds(first, count)]
    if isinstance(first, ColumnTransformer) and hasattr(first, "feature_names_in_"):
        used = sorted({k for _, _, numbers in parts_used(first) for k in numbers})
        return {first.feature_names_in_[k]: _input(graph, first.feature_names_in_[k], wanted[k]) for k in used}
    if isinstance(wanted[0], str) and not hasattr(first, "n_features_in_"):
        return _input(graph, "X", wanted[0])
    if len(set(wanted)) > 1 or isinstance(wanted[0], str):
        raise ExportError("text and numbers in one array: fit the pipeline to a DataFrame, whose columns have names")
    narrow = isinstance(first, SimpleImputer) and first.statistics_.dtype == network.dtype
    missing = _TEXT if wanted[0] == TEXT else _NUMBER if isinstance(first, SimpleImputer) else ""
    return graph.input("X", network.dtype if narrow else wanted[0], count, what, missing)


def apply(step: Any, given: Given) -> Given:
    """What a fitted step returns for its input. Raises ExportError, which names a step that has no operators."""
    if step is None or step == "passthrough":
        return given
    if isinstance(step, Pipeline):
        for _, part in step.steps:
            given = apply(part, given)
        return given
    if isinstance(step, Columns):
        assert isinstance(given, dict)
        for name, role in step.roles.items():
            if name not in given or given[name].dtype != (DOUBLE if role in _NUMBERS else TEXT):
                raise ExportError(f"column {name}: the parts of the model do not read it as the same, text or numbers")
        return {name: _typed(step, name, given[name]) for name in step.roles}
    if isinstance(step, ColumnTransformer):
        return _column_transformer(step, given)
    if isinstance(step, FeatureUnion):
        parts = [part for part in step.transformer_list if part[1] != "drop"]
        return _side_by_side(step, [(name, matrix(apply(part, given))) for name, part in parts])
    if type(step) in _ENCODERS:
        return _ENCODERS[type(step)](step, _columns(given, step.n_features_in_))
    if type(step) not in _STEPS:
        raise _unsupported(type(step).__name__)
    return _STEPS[type(step)](step, matrix(given))


def _side_by_side(step: ColumnTransformer | FeatureUnion, made: list[tuple[str, Value]]) -> Value:
    """What its parts have made, by their names, each times its weight."""
    if any(part.dtype == TEXT for _, part in made):
        if len(made) == 1:
            return made[0][1]
        raise _unsupported(f"{type(step).__name__} that gives text beside other columns, which it does not encode,")
    weights = step.transformer_weights or {}
    weighted = [part * weights[name] if name in weights else part for name, part in made]
    return np.concatenate([part.astype(DOUBLE) for part in weighted], axis=1)


def _unsupported(what: str) -> ExportError:
    return ExportError(f"{what} has no counterpart in ONNX here. {WAY_OUT}")


def matrix(given: Given) -> Value:
    """The columns side by side, (batch, n)."""
    if isinstance(given, Symbol):
        return given
    if len({x.dtype for x in given.values()}) > 1:
        raise ExportError(
            "one step for text and numbers at once, of which ONNX makes no matrix: give each kind its own"
        )
    return np.concatenate(list(given.values()), axis=1)


def _columns(given: Given, count: int) -> list[Value]:
    """The columns one by one, each (batch, 1)."""
    if isinstance(given, dict):
        return list(given.values())
    return [given[:, [k]] for k in range(count)] if count > 1 else [given]


# -- columns of a table ------------------------------------------------------------------------------------------------


def _column(graph: Graph, name: str, role: str) -> Value:
    """The input for a column of that role."""
    if role in ("boolean", "date"):
        meaning = "1 or 0" if role == "boolean" else "seconds since 1970-01-01"
        return graph.input(name, DOUBLE, 1, meaning, _NUMBER, exact=role == "date")
    return _input(graph, name, DOUBLE if role == "number" else WORD if role == "text" else TEXT, _NUMBER)


def _input(graph: Graph, name: str, wanted: np.dtype[Any] | str, number: str = "") -> Value:
    """The input for a column of numbers, text, or words that match a pattern."""
    if isinstance(wanted, str):
        return graph.input(name, TEXT, f"words of {name}", f'all {wanted} in lower case, filled up with ""')
    return graph.input(name, wanted, missing=_TEXT if wanted == TEXT else number)


def _type_of(kind: Kind) -> np.dtype[Any] | str:
    """Of the input for a column: of numbers, of text, or the pattern of its words."""
    return kind.pattern or (TEXT if kind == CATEGORY else DOUBLE)


def _typed(step: Columns, name: str, x: Value) -> Value:
    role = step.roles[name]
    if role == "boolean":
        return np.where((x == 0) | (x == 1), x, np.nan)
    if role == "presence":
        return _index(x, [""]).astype(DOUBLE)  # 0 for "", 1 for all else
    if role == "number":
        for mark in Format.of((step.formats or {}).get(name, "")).missing:
            x = np.where(x == mark, np.nan, x)
    return _spelled(step, name, x) if role == "category" and name in getattr(step, "levels_", {}) else x


def _spelled(step: Columns, name: str, x: Value) -> Value:
    """The category of each text. ONNX cannot cut blanks off, or fold letters: the usual forms of each are looked up.

    Which category they are says the step itself.
    """
    levels, alike = step.levels_[name], step.spellings_.get(name, {})
    words = {form(word) for word in (*levels, *alike) for form in _FORMS}
    forms = sorted(f"{first}{word}{last}" for word in words for first in ("", " ") for last in ("", " "))
    known = step._typed(pd.Series(forms, name=name, dtype=object), "category")
    same = {form: word for form, word in zip(forms, known, strict=True) if word in {*levels}} | {"": ""}
    other = "?"
    while other in same:
        other += "?"
    code: dict[str, Any] = {"keys_strings": [*same], "values_strings": [*same.values()], "default_string": other}
    return x.graph.op("LabelEncoder", x, dtype=TEXT, domain=ML, **code)


def _column_transformer(step: ColumnTransformer, given: Given) -> Value:
    names = getattr(step, "feature_names_in_", None)
    made = []
    for name, part, numbers in parts_used(step):
        columns = step.output_indices_[name]
        if columns.start == columns.stop:
            continue
        if isinstance(given, dict):
            assert names is not None
            some: Given = {names[k]: given[names[k]] for k in numbers}
        else:
            some = given[:, numbers]
        try:
            result = matrix(apply(part, some))
        except ExportError as error:
            which = ", ".join(str(k if names is None else names[k]) for k in numbers)
            raise ExportError(f"columns {which}: {error}") from None
        made.append((name, result))
    return _side_by_side(step, made)


# -- transformers ------------------------------------------------------------------------------------------------------


def _imputer(step: SimpleImputer, x: Value) -> Value:
    kept = np.flatnonzero(kept_of(step))
    if x.dtype == TEXT:
        if not pd.isna(step.missing_values):
            raise _unsupported(f"SimpleImputer(missing_values={step.missing_values!r}) of text")
        missing = _index(x, [""]) == 0
        fill = np.array(["" if pd.isna(value) else value for value in step.statistics_], dtype=object)
        if x.fills and x.fills != (*fill,):
            raise _unsupported("SimpleImputer of text behind another that fills in something else")
        made = x.graph.op("Where", missing, fill, x, dtype=TEXT)
    else:
        missing = _missing(step, x)
        fill = step.statistics_.astype(x.dtype)
        made = np.where(missing, fill, x)
    made = replace(made, fills=(*fill,)) if pd.isna(step.missing_values) else made
    made = made[:, kept] if len(kept) < len(step.statistics_) else made
    if step.indicator_ is None or not len(step.indicator_.features_):
        return made
    if x.dtype == TEXT:
        raise _unsupported("SimpleImputer(add_indicator=True) of text")
    return np.concatenate([made, _indicator(step.indicator_, x)], axis=1)


def _missing(step: SimpleImputer | MissingIndicator, x: Value) -> Value:
    return np.isnan(x) if pd.isna(step.missing_values) else x == step.missing_values


def _indicator(step: MissingIndicator, x: Value) -> Value:
    if x.dtype == TEXT:
        raise _unsupported("MissingIndicator of text")
    return _missing(step, x)[:, step.features_].astype(x.dtype)


def _one_hot(step: OneHotEncoder, columns: list[Value]) -> Value:
    """One column for each category, or for several that are infrequent."""
    made = []
    for x, known, width, each in zip(columns, step.categories_, step._n_features_outs, encoded(step), strict=True):
        if width:
            made.append((_looked_up(x, known, each, 0, np.int64) == np.arange(width)).astype(DOUBLE))
    return np.concatenate(made, axis=1)


def _coded(step: OrdinalEncoder | TargetEncoder, columns: list[Value]) -> Value:
    """A number for each category, or one for each class of several."""
    made = []
    for x, known, each in zip(columns, step.categories_, encoded(step), strict=True):
        made += [_looked_up(x, known, each, j) for j in range(each.known.shape[1])]
    return np.concatenate(made, axis=1)


def _looked_up(x: Value, known: Any, each: Encoded, j: int, dtype: Any = np.float64) -> Value:
    """The j-th number that an encoder makes of each category x (batch, 1).

    Where it would raise for an unknown one, ONNX Runtime does, too: the index is beyond the end.
    """
    table = each.known[:, j] if each.unknown is None else np.append(each.known[:, j], each.unknown[j])
    return x.graph.op("Gather", table.astype(dtype), _number_of(x, known), dtype=np.dtype(dtype))


def _number_of(x: Value, known: Any) -> Value:
    """Which of the known categories x (batch, 1) is, from 0; as many as there are where it is none of them."""
    if x.fills and pd.isna(known).any():
        raise ExportError(f"{NONE_LEFT}. {WAY_OUT}")
    if x.dtype == TEXT:
        words = ["" if pd.isna(value) else str(value) for value in known]
        if len(set(words)) < len(words):
            raise ExportError('"" and a missing value are two categories: in ONNX both are ""')
        if "" in words and x.fills and x.fills != ("",):
            raise ExportError('"" is a category, and a SimpleImputer fills in what is missing: in ONNX both are ""')
        return _index(x, words)
    if texts := [value for value in known if isinstance(value, str)]:
        raise ExportError(f"the categories {first_few(texts, 3)} are text behind a step that takes numbers. {WAY_OUT}")
    values = known.astype(np.float64)
    if len(np.unique(values)) < len(values):  # NaN is one
        twice = first_few(known[np.isin(values, values[pd.Series(values).duplicated()])], 3)
        raise ExportError(f"the categories {twice} are one number in float64, in which ONNX compares them. {WAY_OUT}")
    same = x == values  # (batch, categories)
    if np.isnan(values).any():
        same = same | (np.isnan(x) & np.isnan(values))
    below = np.arange(len(values))[:, None] - len(values)
    number = x.graph.op("MatMul", same.astype(DOUBLE), below.astype(np.float64)) + len(values)
    return number.astype(np.int64)


def _index(x: Value, words: list[str]) -> Value:
    """Where a text is in a list, from 0; as many as there are where it is none of them. int64."""
    count = len(words)
    code: dict[str, Any] = {"keys_strings": words, "values_int64s": range(count), "default_int64": count}
    return x.graph.op("LabelEncoder", x, dtype=np.dtype(np.int64), domain=ML, **code)


def _piecewise_linear(step: PiecewiseLinear, x: Value) -> Value:
    made = [x]
    for k, knots in enumerate(step.knots_):
        if len(knots):
            share = (x[:, [k]] - knots[:-1]) / np.diff(knots)
            made.append(SIZE * (2 * np.minimum(np.maximum(share, 0.0), 1.0) - 1))
    return np.concatenate(made, axis=1)


def _dates(step: DateParts, x: Value) -> Value:
    return np.concatenate(step.columns([x[:, [k]] for k in range(step.n_features_in_)]), axis=1)


def _words(step: CountVectorizer, x: Value) -> Value:
    """How often each known word is in rows of words (batch, words), or its weight.

    ONNX has no operator that splits text at a pattern: the words are the input.
    """
    plain = type(step)()
    own = ["analyzer", "ngram_range", "lowercase", "strip_accents", "preprocessor", "tokenizer"]
    if changed := [name for name in own if getattr(step, name) != getattr(plain, name)]:
        raise _unsupported(called(step, changed))
    words = sorted(step.vocabulary_, key=step.vocabulary_.__getitem__)
    gram: dict[str, Any] = {"min_gram_length": 1, "max_gram_length": 1, "max_skip_count": 0, "ngram_counts": [0]}
    pool: dict[str, Any] = {"ngram_indexes": range(len(words)), "pool_strings": words}
    counts = x.graph.op("TfIdfVectorizer", x, dtype=np.dtype(np.float32), mode="TF", **gram, **pool).astype(DOUBLE)
    counts = np.minimum(counts, 1) if step.binary else counts
    return _tfidf(step, counts) if isinstance(step, TfidfVectorizer) else counts


def _tfidf(step: TfidfTransformer | TfidfVectorizer, counts: Value) -> Value:
    """Counts (batch, words), times idf, normalized."""
    if step.sublinear_tf:
        raise _unsupported(called(step, ["sublinear_tf"]))
    weights = counts * step.idf_ if step.use_idf else counts
    return weights if step.norm is None else TRANSFORMS[Normalizer](step, weights)


_ENCODERS: dict[type, Callable[[Any, list[Value]], Value]] = {
    OneHotEncoder: _one_hot,
    OrdinalEncoder: _coded,
    TargetEncoder: _coded,
    TargetStatistics: _coded,
}
_STEPS: dict[type, Callable[[Any, Value], Value]] = TRANSFORMS | {
    SimpleImputer: _imputer,
    MissingIndicator: _indicator,
    DateParts: _dates,
    CountVectorizer: _words,
    TfidfVectorizer: _words,
    TfidfTransformer: _tfidf,
    PiecewiseLinear: _piecewise_linear,
}
