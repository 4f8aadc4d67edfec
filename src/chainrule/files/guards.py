"""States of objects that must not come out of a file, type by type.

With them compiled code would read or write beyond its arrays, or the object would later run code, open files, start
processes or compute without end. They are refused when a file is read, and, so that what is written can be read, when
it is written. All values here are of types that codec.py lists, where no two have the same class name: so the name
tells the class, and no module must be imported for it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

_MOST_PROCESSES = 64
_MOST_FEATURES = 10**7
_LONGEST_NGRAM = 20


def check(made: Any, state: Mapping[str, Any]) -> None:
    """Check an object of a listed type, with the state that it has or was given: ValueError or another error if bad."""
    features = state.get("n_features_in_", 0)
    if not (isinstance(features, (int, np.integer)) and 0 <= features <= _MOST_FEATURES):  # each may be given a name
        raise ValueError(f"n_features_in_ is not 0 to {_MOST_FEATURES:,}")
    if check_type := _CHECKS.get(type(made).__name__):
        check_type(made, state)


def _check_estimator(made: Any, state: Mapping[str, Any]) -> None:
    network = state.get("network_")
    if {"coefs_", "intercepts_"} & state.keys() or (network is not None and type(network).__name__ != "Network"):
        raise ValueError("its parameters are not those of a network")
    if network is not None and made.n_features_in_ != network.sizes[0]:
        raise ValueError(f"its network has {network.sizes[0]} inputs for {made.n_features_in_} features")


def _check_pipeline(made: Any, state: Mapping[str, Any]) -> None:
    if made.memory is not None:  # joblib unpickles the files there
        raise ValueError("its memory is a folder of pickles; set_params(memory=None)")


def _check_column_transformer(made: Any, state: Mapping[str, Any]) -> None:
    names, jobs = made.verbose_feature_names_out, made.n_jobs
    if type(names) is not bool and not re.fullmatch(r"([^{}]|\{(transformer|feature)_name\})*", names):
        raise ValueError("verbose_feature_names_out has fields beside {transformer_name} and {feature_name}")
    if jobs is not None and not (type(jobs) is int and -1 <= jobs <= _MOST_PROCESSES):
        raise ValueError(f"n_jobs is not -1 to {_MOST_PROCESSES}")


def _check_function_transformer(made: Any, state: Mapping[str, Any]) -> None:
    if made.kw_args or made.inv_kw_args:  # where= of a NumPy function shows memory that was never written
        raise ValueError("its function has arguments beside X")


def _check_label_binarizer(made: Any, state: Mapping[str, Any]) -> None:
    """Labels are found by bisection, and what it gives becomes an index of a sparse array, which nobody checks."""
    if hasattr(made, "classes_") and not (made.classes_[:-1] < made.classes_[1:]).all():
        raise ValueError("its classes are not in order")


def _check_vectorizer(made: Any, state: Mapping[str, Any]) -> None:
    """The numbers of the words become indices of a sparse array; and splitting a text must come to an end."""
    words = state.get("vocabulary_", {})
    if type(words) is not dict or sorted(words.values()) != list(range(len(words))):
        raise ValueError("its vocabulary does not number its words from 0 on")
    if made.input != "content":
        raise ValueError("it reads files, not texts (input)")
    low, high = made.ngram_range
    if not 1 <= low <= high <= _LONGEST_NGRAM:
        raise ValueError(f"ngram_range is beyond 1 to {_LONGEST_NGRAM}")
    pattern = made.token_pattern
    if pattern is None:
        return
    repetitions = re.findall(r"[*+{]", re.sub(r"\\.", "", pattern))
    if len(pattern) > 200 or len(repetitions) > 2 or re.search(r"\)[*+{]|\(\?[^u:]", pattern):
        raise ValueError("token_pattern repeats groups, or more than two parts: it may never end on some texts")


def _check_one_hot_encoder(made: Any, state: Mapping[str, Any]) -> None:
    """The numbers of its columns become indices of a sparse array, which nobody checks."""
    if not hasattr(made, "categories_"):
        return
    lengths, dropped = list(map(len, made.categories_)), made._drop_idx_after_grouping
    groups, mappings = [None] * len(lengths), [None] * len(lengths)
    if made._infrequent_enabled:
        groups, mappings = made._infrequent_indices, made._default_to_infrequent_mappings
    for categories in made.categories_:  # numbers are found by bisection, texts and objects in a dict
        ordered = categories[:-1] if categories.dtype.kind in "fc" and np.isnan(categories[-1:]).any() else categories
        if categories.ndim != 1 or (categories.dtype.kind in "biufc" and not (ordered[:-1] < ordered[1:]).all()):
            raise ValueError("the categories of an encoder are not in order")
    for n, group, mapping in zip(lengths, groups, mappings, strict=True):
        if group is None and mapping is None:
            continue
        left = n - group.size + 1
        fits = 0 <= group.min() <= group.max() < n and mapping.shape == (n,) and 0 <= mapping.min() <= mapping.max()
        if not (fits and mapping.max() < left and {group.dtype.kind, mapping.dtype.kind} <= {"i"}):
            raise ValueError("the infrequent categories of an encoder are not among its categories")
    outs = made._compute_n_features_outs()
    drops = [None] * len(lengths) if dropped is None else dropped.tolist()
    fits = all(drop is None or 0 <= drop <= out for drop, out in zip(drops, outs, strict=True))
    if not fits or made._n_features_outs != outs:
        raise ValueError("the columns of an encoder are not those of its categories")


_CHECKS: dict[str, Callable[[Any, Mapping[str, Any]], None]] = {
    "MLPClassifier": _check_estimator,
    "MLPRegressor": _check_estimator,
    "Pipeline": _check_pipeline,
    "ColumnTransformer": _check_column_transformer,
    "FunctionTransformer": _check_function_transformer,
    "LabelBinarizer": _check_label_binarizer,
    "CountVectorizer": _check_vectorizer,
    "TfidfVectorizer": _check_vectorizer,
    "OneHotEncoder": _check_one_hot_encoder,
}
