"""Errors of scikit-learn's checks, completed: where in the table, what is there, and what to do about it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite, check_array, column_or_1d
from sklearn.utils.validation import validate_data

from chainrule._types import Array
from chainrule.checks import first_not_finite, refuse_masked
from chainrule.engines.stream import Streamed
from chainrule.estimators import ordinary
from chainrule.estimators._sklearn import get_feature_names

KINDS = "Labels are text, whole numbers or booleans, all of one kind; y.astype(str) makes text of anything."


@contextmanager
def explained(**given: Any) -> Iterator[None]:
    """Raise what is raised within with more in its message: scikit-learn's first line, then what it leaves open.

    given: what was passed, by its name: X (rows are examples), y, sample_weight and the like.
    """
    for name, values in given.items():
        refuse_masked(name, values)
        if isinstance(values, Streamed):
            raise ValueError(f"{name}: got {values!r}, wanted rows in memory; its tables() give them block by block")
        if not name.startswith(("y", "classes")):  # labels may be dates
            refuse_dates(name, values)
    try:
        # The sums by which scikit-learn looks for infinity may overflow without there being one.
        with np.errstate(over="ignore", invalid="ignore"):
            yield
    except (TypeError, ValueError) as error:
        first, _, rest = str(error).partition("\n")
        found = _completed(first, given)
        if found is None:
            raise
        first, more, drop_rest = found
        raise (ValueError if first.startswith("Input") else type(error))(
            "\n".join(filter(None, [first, more, "" if drop_rest else rest]))
        ) from None


def refuse_dates(name: str, values: Any) -> None:
    """ValueError for dates and times, which NumPy takes as numbers; where one is missing, as −9.2e18."""
    dtypes: Any = getattr(values, "dtypes", getattr(values, "dtype", None))
    for dtype in set(dtypes) if hasattr(dtypes, "__iter__") else {dtypes}:
        if re.search("date|time|duration", str(dtype), re.IGNORECASE):
            raise ValueError(f"{name}: got {dtype}, wanted numbers. Make numbers of dates first: days since the first")


def validate(estimator: Any, X: Any, y: Any, reset: bool, names: tuple[str, str] = ("X", "y")) -> tuple[Any, Any]:
    """X (m, n) and y (m,) or (m, outputs) through scikit-learn's checks, for a fit."""
    classes, known = isinstance(estimator, ClassifierMixin), vars(estimator)
    dtype = (np.float64, np.float32) if estimator.dtype is None else np.dtype(estimator.dtype)
    if (
        (ordinary.are_labels(y) if classes else ordinary.are_numbers(y))
        and (reset or "feature_names_in_" not in known)
        and ordinary.is_table(X, None if reset else known.get("n_features_in_"))
        and (estimator.dtype is None or X.dtype == dtype)
        and len(X) == len(y)
    ):
        if reset:
            known.pop("feature_names_in_", None)
            estimator.n_features_in_ = X.shape[1]
        return X, y
    with explained(**dict(zip(names, (X, y), strict=True))):
        X, y = validate_data(
            estimator,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=dtype,
            reset=reset,
            y_numeric=not classes,
        )
        if classes:
            if y.dtype == object and any(label is None for label in y.ravel()):
                raise ValueError("Input y contains NaN.")
        else:
            if y.dtype.kind not in "biuf":
                raise ValueError(f"y: got dtype {y.dtype}, wanted numbers. MLPClassifier learns labels.")
            assert_all_finite(y, input_name="y")  # where there was None among objects, there is NaN now
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    return (X.tocsr() if hasattr(X, "tocsr") else X), y


def _completed(first: str, given: dict[str, Any]) -> tuple[str, str, bool] | None:
    """(scikit-learn's first line, what to add, whether to leave out its other lines); None if there is nothing."""
    X, y = (next((given[name] for name in given if name.startswith(letter)), None) for letter in "Xy")
    missing = first.startswith("'<' not supported") and bool(pd.isna(_flat(y)).any())
    if "contains NaN" in first or "contains infinity" in first or "NA is ambiguous" in first or missing:
        for name, values in given.items():
            if values is not None and (where := _where(name, values, np.float32 if "float32" in first else np.float64)):
                return (first if "contains" in first else "Input y contains NaN."), where, False
    if first.startswith("could not convert string"):
        return first, _text(X), False
    if first.startswith("Found input variables with inconsistent numbers of samples"):
        shape, targets = getattr(X, "shape", ()), _flat(y)
        if shape[1:] == (len(targets),):
            return first, "X: here each row is one example: give X.T.", True
        if shape[:1] == (len(targets),):
            return first, "y: wanted one label or number for each row of X: give y.ravel().", True
    if first.startswith("Unknown label type: ("):
        kinds = _types(y)
        hint = "MLPRegressor learns numbers. " if "float" in kinds else ""
        return f"Unknown label type: {kinds}", f"y: {hint}{KINDS}", True
    if first.startswith("'<' not supported"):
        kinds = _types(y)
        return first, f"y: got labels of different types ({kinds}), which have no order. {KINDS}", False
    if first.startswith("at least one array or dtype is required"):
        shape = getattr(X, "shape", ())
        return "Found array with 0 feature(s)", f"X: got a table of shape {shape}, without columns.", True
    return None


def _where(name: str, values: Any, dtype: Any) -> str:
    """Where NaN or infinity is first, and how often; "" if it is nowhere. dtype: in which precision."""
    numbers = _as_floats(values, dtype)
    if (found := first_not_finite(numbers.T)) is None:
        return ""
    column, row, count, rows = found
    value = "missing or NaN" if np.isnan(numbers[row, column]) else "infinite or too large"
    index = getattr(values, "index", None)
    label = f" ({index[row]!r} in its index)" if isinstance(index, pd.Index) and index[row] != row else ""
    names = get_feature_names(values) if hasattr(values, "columns") or hasattr(values, "column_names") else None
    place = f", column {column if names is None else repr(str(names[column]))}" if numbers.shape[1] > 1 else ""
    return (
        f"The first in {name} is in row {row}{label}{place}: {value}. There {'is' if count == 1 else 'are'} {count} in "
        f"{rows} of {numbers.shape[0]} rows. Rows{'' if names is not None else ' and columns'} are counted from 0."
    )


def _as_floats(values: Any, dtype: Any) -> Any:
    """Values (m, n) as a dense or sparse array of floats; of labels only whether they are missing."""
    try:
        with np.errstate(over="ignore"):
            numbers = check_array(
                values, accept_sparse=["csr", "csc"], dtype=dtype, ensure_all_finite=False, ensure_2d=False
            )
    except (TypeError, ValueError):
        numbers = np.where(pd.isna(np.asarray(values, object)), np.nan, 0.0)
    return numbers if numbers.ndim == 2 else numbers.reshape(len(numbers), -1)


def _text(X: Any) -> str:
    """Which column of X holds text first."""
    for j in range(np.shape(X)[1] if np.ndim(X) == 2 else 0):
        column = X.iloc[:, j] if hasattr(X, "iloc") else np.asarray(X, object)[:, j]
        wrong = np.asarray(pd.isna(pd.to_numeric(column, errors="coerce")) & ~pd.isna(column))
        if wrong.any():
            name = repr(str(X.columns[j])) if hasattr(X, "columns") else j
            return (
                f"The first in X is in row {wrong.argmax()}, column {name}. Rows are counted from 0. Turn text into "
                "numbers first, with sklearn.preprocessing.OneHotEncoder, say."
            )
    return ""


def _types(y: Any) -> str:
    return ", ".join(sorted({type(label).__name__ for label in _flat(y)}))


def _flat(y: Any) -> Array:
    return np.asarray(y, object).ravel()
