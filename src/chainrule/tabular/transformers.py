"""Two transformers that scikit-learn lacks: one brings a table to the types of the training, one dates to numbers."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from chainrule._types import Array
from chainrule.checks import plain
from chainrule.tabular.values import check_columns, check_range, to_booleans, to_dates, to_floats


class Columns(TransformerMixin, BaseEstimator):
    """A table with its columns picked by name and brought to the types of their roles.

    roles: name → role, as in `Column`. formats: name → format of dates that come as text.
    Tables read from different files agree after it: a column of numbers that is text in one file, say, or codes that
    happen to be all digits. Raises TableError for a column that is not there, and for infinity.
    """

    def __init__(self, roles: dict[str, str], formats: dict[str, str] | None = None) -> None:
        self.roles = roles
        self.formats = formats

    def fit(self, X: Any, y: Any = None) -> "Columns":
        """Nothing to learn."""
        self.feature_names_in_ = np.array(list(self.roles), dtype=object)
        self.n_features_in_ = len(self.roles)
        return self

    def transform(self, X: Any) -> pd.DataFrame:
        """The DataFrame of the columns: float64, text ("" where it is missing) or datetime64."""
        frame = X.to_pandas() if hasattr(X, "to_pandas") else X
        if not isinstance(frame, pd.DataFrame):
            names = list(self.roles) if np.shape(X)[1:] == (len(self.roles),) else None
            frame = pd.DataFrame(plain("X", X), columns=names)
        check_columns(self.roles, frame)
        return pd.DataFrame({name: self._typed(frame[name], role) for name, role in self.roles.items()})

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """The names of the columns."""
        return self.feature_names_in_

    def _typed(self, values: "pd.Series[Any]", role: str) -> Any:
        values = values.reset_index(drop=True)
        if role == "number":
            floats = to_floats(values)
            check_range(values, floats)
            return floats
        if role == "boolean":
            return to_booleans(values)
        if role == "presence":
            return values.notna().to_numpy(float)
        if role == "date":
            return to_dates(values, (self.formats or {}).get(str(values.name), ""))
        # A whole number and the same number with a point are the same category: 3 becomes 3.0 beside a missing value.
        text = values.astype(object).map(
            lambda v: str(int(v)) if isinstance(v, float) and v.is_integer() else str(v).strip()
        )
        return text.where(values.notna(), "").astype(object)


_PARTS = ("days", "year", "month", "day", "weekday", "hour")


class DateParts(TransformerMixin, BaseEstimator):
    """Dates as numbers: days since 1970, year, month, day, day of the week, hour; NaN where one is missing."""

    def fit(self, X: Any, y: Any = None) -> "DateParts":
        """Nothing to learn."""
        self.n_features_in_ = np.shape(X)[1]
        self.feature_names_in_ = np.asarray(X.columns, object)
        return self

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """The name of the column, and which part of its dates."""
        names = self.feature_names_in_ if input_features is None else input_features
        return np.array([f"{name} {part}" for name in names for part in _PARTS], object)

    def transform(self, X: pd.DataFrame) -> Array:
        """(m, n) dates as (m, 6 n) numbers."""
        parts: list[Any] = []
        for name in X.columns:
            d = X[name].dt
            days = (X[name] - pd.Timestamp(0).as_unit("s")) / pd.Timedelta(days=1)
            parts += [days, d.year, d.month, d.day, d.day_of_week, d.hour]
        return np.column_stack([part.to_numpy(float) for part in parts])
