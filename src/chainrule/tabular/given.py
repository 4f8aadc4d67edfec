"""What people give from Python: a table of any library, or an array, and a target of any kind."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from sklearn.utils import assert_all_finite, check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from chainrule._types import Array
from chainrule.checks import refuse_masked
from chainrule.estimators.explain import KINDS, explained
from chainrule.tabular.plan import Plan
from chainrule.tabular.values import TableError, check_columns, numbers
from chainrule.text import first_few

Rows: TypeAlias = pd.DataFrame | Array


def as_rows(X: Any, name: str = "X") -> tuple[Rows, bool]:
    """A table as a DataFrame whose columns have texts for names, or as an array of numbers (m, n).

    And whether its columns came with names; those of arrays that hold more than numbers are x0, x1, … here.
    """
    frame = _frame(X)
    if frame is None:
        array = _array(X, name)
        if array.dtype.kind in "biuf":
            return array, False
        # Lists as they are: in an array of numbers and texts all would be texts.
        frame = pd.DataFrame(X if isinstance(X, (list, tuple)) else array).infer_objects()
        if all(dtype.kind in "biuf" for dtype in frame.dtypes):
            return frame.to_numpy(), False
        return named(frame), False
    if not len(frame) or not len(frame.columns):
        what = "sample(s)" if len(frame.columns) else "feature(s)"
        raise ValueError(f"{name}: Found array with 0 {what} (shape={frame.shape}) while a minimum of 1 is required.")
    frame = frame.set_axis([str(column) for column in frame.columns], axis=1)
    if twice := [column for column, count in Counter(frame.columns).items() if count > 1]:
        raise TableError(f"{name}: several columns are called {first_few(twice, quoted=True)}; rename all but one")
    return frame, True


def named(rows: Rows) -> pd.DataFrame:
    """Rows whose columns have no names, with names."""
    return pd.DataFrame(rows).set_axis([f"x{j}" for j in range(rows.shape[1])], axis=1)


def _frame(X: Any) -> pd.DataFrame | None:
    """The DataFrame of a table of any library, of a dict of columns, or of a list of records; None for others."""
    if isinstance(X, pd.DataFrame):
        return X
    if hasattr(X, "collect_schema") and hasattr(X, "collect"):  # of polars
        raise TypeError("X: got a LazyFrame, wanted its rows: X.collect()")
    if hasattr(X, "__arrow_c_stream__") and hasattr(X, "columns"):  # polars, Arrow, DuckDB
        return _from_arrow(X)
    if hasattr(X, "to_pandas"):
        frame = X.to_pandas()
        return frame if isinstance(frame, pd.DataFrame) else None
    if hasattr(X, "tocsr"):  # of which one kind is a dict
        return None
    if isinstance(X, dict) and X and all(pd.api.types.is_scalar(value) for value in X.values()):
        return pd.DataFrame([X])  # one row
    records = isinstance(X, list) and len(X) > 0 and all(isinstance(row, dict) for row in X)
    if isinstance(X, dict) or records or (isinstance(X, np.ndarray) and X.dtype.names):
        return pd.DataFrame(X)
    return None


def _from_arrow(X: Any) -> pd.DataFrame:
    try:
        import pyarrow as pa
    except ImportError:
        raise ImportError(f'a {type(X).__module__} table needs an extra: pip install "chainrule[data]"') from None
    from chainrule.readers import arrow

    return arrow.frame(Path("X"), pa.table(X))


def _array(X: Any, name: str) -> Array:
    """An array (m, n) of anything."""
    refuse_masked(name, X)
    array: Array = check_array(X, dtype=None, ensure_all_finite=False, input_name=name)
    return array


def positions(words: Any, name: str, rows: Rows) -> tuple[str, ...]:
    """The names of the columns that a person lists: names, one name, or their numbers."""
    listed: list[Any] = [words] if isinstance(words, (str, int, np.integer)) else list(() if words is None else words)
    names = [*(named(rows[:0]) if isinstance(rows, np.ndarray) else rows).columns]
    found = []
    for word in listed:
        if not isinstance(word, (int, np.integer)) or isinstance(word, bool) or str(word) in names:
            found.append(str(word))
        elif -len(names) <= word < len(names):
            found.append(names[word])
        else:
            raise TableError(f"{name}: got {word}, there are the columns 0 to {len(names) - 1}")
    check_columns(found, pd.DataFrame(columns=names))
    return tuple(found)


def target_of(y: Any, X: Any, estimator: str = "") -> tuple[Any, Any]:
    """The target, and the table without it: where it is the name of a column of the table, that column."""
    if y is None:
        how = " Name the column that is to be learned: fit(X, NAME)." if hasattr(X, "columns") else ""
        raise ValueError(f"This {estimator} estimator requires y to be passed, but the target y is None.{how}")
    if not isinstance(y, str):
        return y, X
    frame = _frame(X)
    if frame is None:
        what = "the columns of an array have no names"
        if isinstance(X, str):
            what = f"X: got {X!r}, wanted a table; read it first, as by pandas.read_csv({X!r})"
        raise TableError(f"y: got {y!r}, the name of a column; {what}")
    check_columns((y,), frame)
    return frame[y], frame.drop(columns=y)


def learned_target(X: Any, model: Any) -> str:
    """The column of a table that a model has learned, where no target was said."""
    check_is_fitted(model)
    frame, plan = _frame(X), model.plan_
    if frame is not None and plan.target in frame and plan.target not in [column.name for column in plan.columns]:
        return str(plan.target)
    raise ValueError("y: got None, wanted what is true of the rows of X, or the name of the column of X that says it")


def target_name(y: Any) -> str:
    """What to call a target."""
    name = getattr(y, "name", None)
    columns = [*getattr(y, "columns", ())]
    if name is None and len(columns) == 1:
        name = columns[0]
    return "y" if name is None else str(name)


def as_labels(y: Any) -> Array:
    """Labels (m,), none of them missing, of the types that NumPy has for them: whole numbers stay exact.

    Texts stay as they are written; without a visible sign they are missing. Times with a zone become those of UTC.
    """
    with explained(y=y):
        values = _column(y)
        if isinstance(values, pd.Series):
            if isinstance(values.dtype, pd.CategoricalDtype):
                values = values.astype(values.cat.categories.dtype)
            known = values.dropna()
            _check_known(len(known) == len(values))
            if isinstance(known.dtype, pd.DatetimeTZDtype):
                known = known.dt.tz_convert(None)
            values = known.to_numpy()
        if values.dtype.kind == "M":
            _check_known(not np.isnat(values).any())
        if values.dtype == object:
            kind = pd.api.types.infer_dtype(values, skipna=False)
            _check_known(not pd.isna(values).any())
            if kind == "boolean":
                values = values.astype(bool)
            elif kind == "integer":
                values = pd.Series(values.tolist()).to_numpy()  # int64 or uint64, or objects where they are beyond
            elif kind in ("date", "datetime"):
                values = pd.to_datetime(pd.Series(values), utc=True).dt.tz_convert(None).to_numpy()
            elif kind != "string":
                kinds = sorted({type(label).__name__ for label in values})
                raise ValueError(f"Unknown label type: {', '.join(kinds)}. {KINDS}")
            if kind == "integer" and values.dtype == object:
                raise ValueError(f"y: whole numbers beyond 2^64. {KINDS}")
        check_classification_targets(values)
        if values.dtype.kind in "OU" and (blank := [i for i, label in enumerate(values) if not label.strip()]):
            raise ValueError(
                f"y: got {str(values[blank[0]])!r} in row {blank[0]}, counted from 0, and so in {len(blank)} of "
                f"{len(values)} rows: a missing label. Leave these rows out, or give them a label"
            )
    found: Array = values
    return found


def as_numbers(y: Any) -> Array:
    """Numbers (m,), none of them missing."""
    with explained(y=y):
        values = _column(y)
        if values.dtype.kind == "M":
            raise ValueError(
                f"y: got {values.dtype}, wanted numbers. Make numbers of dates first: days since the first"
            )
        if values.dtype.kind in "biuf":
            floats: Array = np.asarray(values, float)
            assert_all_finite(floats, input_name="y")
        floats = numbers(values, target_name(y))
        _check_known(not np.isnan(floats).any())
    return floats


def counted(labels: Array) -> dict[Any, int]:
    """How many rows each label has, in order; of dates what they are written as."""
    different, counts = np.unique(labels, return_counts=True)
    known = different.tolist() if different.dtype.kind != "M" else map(str, different)
    return dict(zip(known, counts.tolist(), strict=True))


def strange(labels: Array, known: Iterable[Any]) -> list[Any]:
    """Those labels that are not among the known ones, which are written as `counted` does; in order."""
    if labels.dtype.kind == "M":  # of any unit
        return [*map(str, np.setdiff1d(labels, np.array(list(known), "M8")))]
    return sorted({*labels.tolist()} - {*known})


READ: dict[str, Callable[[Any], Array]] = {"classes": as_labels, "regression": as_numbers}


def _column(y: Any) -> Any:
    """One value for each row, as an array or a Series."""
    if hasattr(y, "__arrow_c_stream__") and not isinstance(y, (pd.Series, pd.DataFrame)):  # of polars or Arrow
        y = y.to_pandas() if hasattr(y, "to_pandas") else _from_arrow(y)
    if isinstance(y, pd.DataFrame) and y.shape[1] == 1:
        y = y.iloc[:, 0]
    if isinstance(y, (pd.Index, pd.api.extensions.ExtensionArray)):
        y = pd.Series(y)
    if isinstance(y, pd.Series):
        return y.reset_index(drop=True)
    if isinstance(y, (list, tuple)) and not any(isinstance(item, (list, tuple, np.ndarray)) for item in y):
        return pd.Series(y, dtype=None if len(y) else object)
    refuse_masked("y", y)
    return column_or_1d(y, warn=True)


def _check_known(known: bool) -> None:
    if not known:
        raise ValueError("Input y contains NaN.")


def check_lengths(rows: Rows, target: Array) -> None:
    """ValueError unless there is a target for each row."""
    if len(rows) != len(target):
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: {[len(rows), len(target)]}. "
            "y: wanted one for each row of X"
        )


def as_known(rows: Rows, plan: Plan, by_name: bool, who: str) -> Rows:
    """Rows as a plan knows them: columns by their names, or by their numbers.

    by_name: whether these rows and those of the plan came with names. who: the estimator, for the error.
    """
    if by_name:
        check_columns([column.name for column in plan.used], pd.DataFrame(rows))
        return rows
    names = [column.name for column in plan.columns]
    if rows.shape[1] != (width := len(names) or plan.features):
        raise ValueError(f"X has {rows.shape[1]} features, but {who} is expecting {width} features as input.")
    if names:
        return pd.DataFrame(rows).set_axis(names, axis=1)
    with explained(X=rows):
        return np.asarray(rows, None if isinstance(rows, np.ndarray) else float)
