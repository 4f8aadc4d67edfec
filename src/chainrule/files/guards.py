"""States of objects that must not come out of a file, type by type; budget.py has what a whole model may ask for.

With them compiled code would read or write beyond its arrays, or the object would later run code, open files, start
processes, compute without end or make large arrays of small ones. They are refused when a file is read, and, so that
what is written can be read, when it is written. All values here are of types that codec.py lists, where no two have the
same class name: so the name tells the class, and no module must be imported for it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.files.container import require
from chainrule.files.predicates import (
    LONGEST_FORMAT,
    check_dtypes,
    check_numbers,
    check_order,
    real,
    whole,
)
from chainrule.files.table_guards import (
    check_column,
    check_columns,
    check_date_parts,
    check_importance,
    check_importances,
    check_intervals,
    check_plan,
    check_tabular,
)

_MOST_PROCESSES = 64
_MOST_FEATURES = 10**7
_LONGEST_NGRAM = 20

# Parameters that are more than one value. Any other is one: an array of shape (1000, 1, 1) makes 1000 of each number
# that it is compared with or added to.
_SEVERAL = {
    *("steps", "transformers", "transformer_weights", "transform_input", "roles", "formats", "categories", "drop"),
    *("vocabulary", "stop_words", "ngram_range", "feature_range", "quantile_range", "kw_args", "inv_kw_args"),
    *("hidden_layer_sizes", "activation", "dropout", "class_weight"),
    *("number", "category", "date", "text", "keep"),
}
# Arrays (n,) of numbers, one for each of the n columns.
_ONE_A_COLUMN = {
    "StandardScaler": "mean_ var_ scale_",
    "MinMaxScaler": "min_ scale_ data_min_ data_max_ data_range_",
    "MaxAbsScaler": "max_abs_ scale_",
    "RobustScaler": "center_ scale_",
    "PowerTransformer": "lambdas_",
    "VarianceThreshold": "variances_",
    "TfidfTransformer": "idf_",
    "PCA": "mean_",
}
# Patterns of words that come to an end. After a part that takes any number of letters nothing may fail: else it is
# tried again with each smaller number of them, from each letter of a long word. So what follows may be left out (* or
# ?). Where a word ends (\b) may follow where one begins, because nothing begins within a word then.
_ESCAPE = r"\\(?:[wWdDsSnrtfv]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[^\w])"
_LETTER = rf"(?:{_ESCAPE}|\[\^?(?:{_ESCAPE}|[^\\\[\]])+\]|[^\\.^$*+?{{}}()|\[\]]|\.)"
_FEW = rf"(?:{_LETTER}(?:\{{\d\}}|\?)?)*"
_MANY = rf"(?:{_LETTER}(?:[*+]|\{{\d{{0,2}},\d{{0,4}}\}}))?"
_MORE = rf"(?:{_LETTER}[*?]|\(\?:{_FEW}{_MANY}\)[*?])*"
_BEFORE = rf"(?:\\b|\^|\(\?<[=!]{_LETTER}\))*"
_HYPHENS = r"\\b\\w+\(\?:(?:[-'’]|\[[-'’]+\])\\w\+\)[*?]\\b".replace(r"\\w+\(", r"(?:\\w)*\\w\+\(")
_BRANCH = rf"(?:{_BEFORE}{_FEW}{_MANY}{_MORE}|{_BEFORE}\\b{_FEW}{_MANY}\\b|{_HYPHENS})"
_GROUP = rf"\((?:\?:)?{_FEW}{_MANY}\)"
_PATTERN = re.compile(rf"(?:\(\?[aiu]+\))?(?:{_BRANCH}(?:\|{_BRANCH})*|(?:\\b)?{_GROUP}|\\b{_GROUP}\\b)")
# What a pattern that is looked for in short words must not have: groups that are repeated or that look around, what a
# group has found, and more than three parts that may be of several lengths.
_BACKTRACKING = re.compile(r"\)[*+?{]|\(\?(?!:|i\))|\\[1-9]|(?:(?<!\()[*+?{].*){4}", re.DOTALL)


def check(made: Any, state: Mapping[str, Any]) -> None:
    """Check an object of a listed type, with the state that it has or was given: ValueError or another error if bad."""
    kind, features = type(made).__name__, state.get("n_features_in_", 0)
    # Each may be given a name.
    require(whole(features) and 0 <= features <= _MOST_FEATURES, f"n_features_in_ is not 0 to {_MOST_FEATURES:,}")
    names = state.get("feature_names_in_")
    if names is not None:
        texts = names.shape == (features,) and all(isinstance(name, str) for name in names)
        require(texts, "feature_names_in_ is not a name for each column")
    for parameter in getattr(made, "_get_param_names", tuple)():
        several = isinstance(state.get(parameter), (np.ndarray, list, tuple, set, frozenset, dict, slice))
        require(parameter in _SEVERAL or not several, f"{parameter} is more than one value")
    for attribute in _ONE_A_COLUMN.get(kind, "").split():
        if state.get(attribute) is not None:
            check_numbers(state, attribute, features)
    if check_type := _CHECKS.get(kind):
        check_type(made, state)


def _check_estimator(made: Any, state: Mapping[str, Any]) -> None:
    network: Any = state.get("network_")
    require(not {"coefs_", "intercepts_"} & state.keys(), "its parameters are not those of a network")
    weights = state.get("class_weight")
    for each in weights if isinstance(weights, list) else [weights]:  # one for each output
        require(not isinstance(each, dict) or all(map(real, each.values())), "class_weight: a weight is no number")
    if "network_" not in state:
        return
    require(type(network).__name__ == "Network", "its parameters are not those of a network")
    inputs, outputs = network.sizes[0], network.sizes[-1]
    require(made.n_features_in_ == inputs, f"its network has {inputs} inputs for {made.n_features_in_} features")
    require(made.n_outputs_ == outputs, f"its network has {outputs} outputs, not {made.n_outputs_}")
    if type(made).__name__ == "MLPClassifier":
        classes, binarizer = made.classes_, made._label_binarizer
        check_order(classes)
        fits = len(classes) == outputs or (outputs == 1 and len(classes) == 2)
        require(
            type(binarizer).__name__ == "LabelBinarizer" and fits, f"{len(classes)} classes are not {outputs} outputs"
        )
        require(np.array_equal(binarizer.classes_, classes), "its classes are not those that it learned from")
    for name in ("target_mean_", "target_scale_", "target_low_", "target_high_"):
        if name in state:
            check_numbers(state, name, outputs)


def _check_pipeline(made: Any, state: Mapping[str, Any]) -> None:
    # joblib unpickles the files there
    require(made.memory is None, "its memory is a folder of pickles; set_params(memory=None)")
    require(all(len(step) == 2 and isinstance(step[0], str) for step in made.steps), "a step has no name")


def _check_column_transformer(made: Any, state: Mapping[str, Any]) -> None:
    names, jobs, weights = made.verbose_feature_names_out, made.n_jobs, made.transformer_weights
    fields = type(names) is bool or re.fullmatch(
        r"([^{}]|\{(transformer|feature)_name\})*", names[: LONGEST_FORMAT + 1]
    )
    require(fields, "verbose_feature_names_out has fields beside {transformer_name} and {feature_name}")
    require(type(names) is bool or len(names) <= LONGEST_FORMAT, "verbose_feature_names_out is too long")
    fine = jobs is None or (type(jobs) is int and abs(jobs) <= _MOST_PROCESSES)
    require(fine, f"n_jobs is beyond {_MOST_PROCESSES}")
    require(not weights or all(map(real, weights.values())), "transformer_weights: a weight is no number")
    if "transformers_" not in state:
        return
    n, indices = made.n_features_in_, made._transformer_to_input_indices
    for name, _, columns in made.transformers_:
        given = list(indices[name])
        inside = len(given) == _count(made, columns) and all(whole(k) and 0 <= k < n for k in given)
        require(isinstance(name, str) and inside, "the columns of a transformer are not among its columns")


def _check_selector(made: Any, state: Mapping[str, Any]) -> None:
    """Its pattern is looked for in the names of columns, when the model is fitted again."""
    require(state.keys() == {"pattern", "dtype_include", "dtype_exclude"}, "a selector has other attributes")
    pattern = made.pattern
    plain = pattern is None or (isinstance(pattern, str) and len(pattern) <= 200 and not _BACKTRACKING.search(pattern))
    require(
        plain,
        "pattern may take very long on some names; repeat no group, and other parts by *, + or ? three times at most",
    )


def _count(made: Any, columns: Any) -> int:
    """How many columns a transformer of a ColumnTransformer is given."""
    if isinstance(columns, slice):
        start, stop = columns.start, columns.stop
        if isinstance(start, str) or isinstance(stop, str):  # names, of which the last is in
            names = made.feature_names_in_.tolist()
            start = None if start is None else names.index(start)
            stop = None if stop is None else names.index(stop) + 1
        return len(range(made.n_features_in_)[start : stop : columns.step])
    if isinstance(columns, (str, int, np.integer)):
        return 1
    listed = columns.tolist() if isinstance(columns, np.ndarray) else list(columns)
    return sum(listed) if listed and all(type(each) is bool for each in listed) else len(listed)


def _check_function_transformer(made: Any, state: Mapping[str, Any]) -> None:
    # where= of a NumPy function shows memory that was never written
    require(not (made.kw_args or made.inv_kw_args), "its function has arguments beside X")


def _check_label_binarizer(made: Any, state: Mapping[str, Any]) -> None:
    """Labels are found by bisection, and what it gives becomes an index of a sparse array, which nobody checks."""
    require(whole(made.neg_label) and whole(made.pos_label), "neg_label or pos_label is no whole number")
    if hasattr(made, "classes_"):
        check_order(made.classes_)
        if made.classes_.dtype.kind in "OUS":  # these, too
            require((made.classes_[:-1] < made.classes_[1:]).all(), "its classes are not in order")


def _check_vectorizer(made: Any, state: Mapping[str, Any]) -> None:
    """The numbers of the words become indices of a sparse array; and splitting a text must come to an end."""
    words = state.get("vocabulary_", {})
    counts = type(words) is dict and sorted(words.values()) == list(range(len(words)))
    require(counts, "its vocabulary does not number its words from 0 on")
    require(made.input == "content", "it reads files, not texts (input)")
    low, high = made.ngram_range
    require(1 <= low <= high <= _LONGEST_NGRAM, f"ngram_range is beyond 1 to {_LONGEST_NGRAM}")
    check_dtypes(state, "dtype")
    weights = state.get("_tfidf")
    if weights is not None:
        fits = type(weights).__name__ == "TfidfTransformer" and vars(weights).get("n_features_in_") in (
            None,
            len(words),
        )
        require(fits, "the weights of its words are not as many as the words")
    pattern = made.token_pattern
    if pattern is not None and len(pattern) <= 200:
        # Of parts that may be there or not (?), each doubles the ways to read a text.
        optional = re.findall(r"(?<!\()\?", re.sub(r"\\.", "", pattern, flags=re.DOTALL))
        plain = bool(_PATTERN.fullmatch(pattern)) and len(optional) <= 3
    else:
        plain = pattern is None
    require(
        plain,
        r"token_pattern may take very long on some texts; such that do not are single letters and [classes], the last "
        r"with * or +, in \b or not, as (?u)\b\w\w+\b, and alternatives of these (|)",
    )


def _check_encoder(made: Any, state: Mapping[str, Any]) -> None:
    """What an encoder looks for, and the numbers of its categories."""
    check_dtypes(state, "dtype")
    if "categories_" not in state:
        return
    require(len(made.categories_) == made.n_features_in_, "an encoder has not categories for each column")
    for categories in made.categories_:
        check_order(categories)
    if not made._infrequent_enabled:
        return
    for categories, group, mapping in zip(
        made.categories_, made._infrequent_indices, made._default_to_infrequent_mappings, strict=True
    ):
        if group is None and mapping is None:
            continue
        n = len(categories)
        if mapping.shape == (n - 1,) and categories[-1] != categories[-1]:  # NaN, which an OrdinalEncoder leaves out
            n -= 1
        left = n - group.size + 1
        fits = 0 <= group.min() <= group.max() < n and mapping.shape == (n,) and 0 <= mapping.min() <= mapping.max()
        indices = mapping.max() < left and {group.dtype.kind, mapping.dtype.kind} <= {"i"}
        require(fits and indices, "the infrequent categories of an encoder are not among its categories")


def _check_one_hot_encoder(made: Any, state: Mapping[str, Any]) -> None:
    """The numbers of its columns become indices of a sparse array, which nobody checks."""
    _check_encoder(made, state)
    if "categories_" not in state:
        return
    outs, dropped = made._compute_n_features_outs(), made._drop_idx_after_grouping
    drops = [None] * len(outs) if dropped is None else dropped.tolist()
    fits = all(drop is None or (whole(drop) and 0 <= drop <= out) for drop, out in zip(drops, outs, strict=True))
    counted = type(made._n_features_outs) is list and all(map(whole, made._n_features_outs))
    require(
        fits and counted and made._n_features_outs == outs, "the columns of an encoder are not those of its categories"
    )


def _check_folds(made: Any, state: Mapping[str, Any]) -> None:
    require(whole(made.n_splits) and type(made.shuffle) is bool, "the number of folds is no number")


def _check_target_encoder(made: Any, state: Mapping[str, Any]) -> None:
    """The numbers of its categories, a list for each column, or for each class of each column."""
    if "categories_" not in state:
        return
    known, lists, classes = made.categories_, made.encodings_, made.classes_
    targets = len(classes) if made.target_type_ == "multiclass" else 1
    require(len(known) == made.n_features_in_, "an encoder has not categories for each column")
    require(len(lists) == targets * len(known), "an encoder has not numbers for each column")
    for i, numbers in enumerate(lists):
        check_order(known[i // targets])
        fits = isinstance(numbers, np.ndarray) and numbers.shape == known[i // targets].shape
        require(fits and numbers.dtype.kind == "f", "an encoder has not a number for each category")
    require(np.shape(made.target_mean_) == ((targets,) if targets > 1 else ()), "target_mean_ is not a mean")


def _check_piecewise_linear(made: Any, state: Mapping[str, Any]) -> None:
    """Knots in order: between two of them is a bin."""
    if "knots_" not in state:
        return
    knots = made.knots_
    require(type(knots) is list and len(knots) == made.n_features_in_, "knots_ is not a list for each column")
    for each in knots:
        fits = isinstance(each, np.ndarray) and each.ndim == 1 and each.dtype == np.float64
        require(fits and np.isfinite(each).all() and (np.diff(each) > 0).all(), "its knots are not in order")


def _check_imputer(made: Any, state: Mapping[str, Any]) -> None:
    check_dtypes(state, "_fit_dtype", "_fill_dtype", kinds="biufO")
    if "statistics_" in state:
        fills, indicator = made.statistics_, state.get("indicator_")
        one_each = fills.shape == (made.n_features_in_,) and fills.dtype.kind in "biufO"
        require(
            one_each and all(fill is None or np.isscalar(fill) for fill in fills.tolist()),
            "statistics_ is not a value for each column",
        )
        if indicator is not None:
            fits = type(indicator).__name__ == "MissingIndicator" and indicator._n_features == made.n_features_in_
            require(fits, "its indicator is of other columns")


def _check_indicator(made: Any, state: Mapping[str, Any]) -> None:
    if "features_" in state:
        features, n = made.features_, made._n_features
        fits = whole(n) and features.ndim == 1 and features.dtype.kind == "i" and state.get("n_features_in_", n) == n
        inside = fits and (features >= 0).all() and (features < n).all() and len(np.unique(features)) == len(features)
        require(inside, "its features are not among its columns")


def _check_quantiles(made: Any, state: Mapping[str, Any]) -> None:
    if "quantiles_" in state:
        count = len(made.references_)
        check_numbers(state, "references_", count)
        check_numbers(state, "quantiles_", count, made.n_features_in_)


def _check_power(made: Any, state: Mapping[str, Any]) -> None:
    scaler = state.get("_scaler")
    if scaler is not None:
        fits = type(scaler).__name__ == "StandardScaler" and scaler.n_features_in_ == made.n_features_in_
        require(fits, "its scaler is of other columns")


def _check_pca(made: Any, state: Mapping[str, Any]) -> None:
    if "components_" in state:
        count = len(made.components_)
        check_numbers(state, "components_", count, made.n_features_in_)
        check_numbers(state, "explained_variance_", count)


_CHECKS: dict[str, Callable[[Any, Mapping[str, Any]], None]] = {
    "MLPClassifier": _check_estimator,
    "MLPRegressor": _check_estimator,
    "Pipeline": _check_pipeline,
    "ColumnTransformer": _check_column_transformer,
    "make_column_selector": _check_selector,
    "FunctionTransformer": _check_function_transformer,
    "LabelBinarizer": _check_label_binarizer,
    "CountVectorizer": _check_vectorizer,
    "TfidfVectorizer": _check_vectorizer,
    "OneHotEncoder": _check_one_hot_encoder,
    "OrdinalEncoder": _check_encoder,
    "KFold": _check_folds,
    "TargetEncoder": _check_target_encoder,
    "TargetStatistics": _check_target_encoder,
    "PiecewiseLinear": _check_piecewise_linear,
    "SimpleImputer": _check_imputer,
    "MissingIndicator": _check_indicator,
    "QuantileTransformer": _check_quantiles,
    "PowerTransformer": _check_power,
    "PCA": _check_pca,
    "Columns": check_columns,
    "DateParts": check_date_parts,
    "Plan": check_plan,
    "Column": check_column,
    "Intervals": check_intervals,
    "Importances": check_importances,
    "Importance": check_importance,
    "TabularClassifier": check_tabular,
    "TabularRegressor": check_tabular,
}
