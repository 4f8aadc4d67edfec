"""Dates as numbers that a network can learn from: year, month and day, and where in the year, week and day they are."""

from collections.abc import Mapping
from math import pi
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from chainrule._types import Array

SIX = ("days", "year", "month", "day", "weekday", "hour")
_NUMBERS = ("days", "year", "month", "day", "weekday", "time")
_WAVES = tuple(f"{wave} of {cycle}" for cycle in ("year", "week", "day") for wave in ("sin", "cos"))
PARTS = (*_NUMBERS, *_WAVES, "far", "missing")  # of DateParts(cyclic=True)
_DAY = 86_400  # seconds


def calendar(given: Any) -> dict[str, Any]:
    """The numbers of moments, given in seconds since 1970: arrays, or values of an ONNX graph.

    Source: H. Hinnant, "chrono-compatible low-level date algorithms", civil_from_days: 400 years from a 1st of March
    are an era of 146,097 days.
    """
    days = np.floor(given / _DAY)
    time = given - days * _DAY  # of the day
    z = days + 719468  # since 0000-03-01
    era = np.floor(z / 146097)
    doe = z - era * 146097  # day of the era
    yoe = np.floor((doe - np.floor(doe / 1460) + np.floor(doe / 36524) - np.floor(doe / 146096)) / 365)
    doy = doe - (365 * yoe + np.floor(yoe / 4) - np.floor(yoe / 100))  # day of the year that begins in March
    mp = np.floor((5 * doy + 2) / 153)
    month = np.where(mp < 10, mp + 3, mp - 9)
    weekday = days + 3 - np.floor((days + 3) / 7) * 7
    return {
        "days": given / _DAY,
        "year": yoe + era * 400 + (month <= 2).astype(np.float64),
        "month": month,
        "day": doy - np.floor((153 * mp + 2) / 5) + 1,
        "weekday": weekday,
        "hour": np.floor(time / 3600),
        "time": time / 3600,
        "of year": (doy + time / _DAY) / 366,
        "of week": weekday / 7,
        "of day": time / _DAY,
    }


def _part(name: str, numbers: Mapping[str, Any]) -> Any:
    """One of the parts, of what `calendar` gives."""
    if name in numbers:
        return numbers[name]
    angle = numbers[name[4:]] * (2 * pi)
    return np.sin(angle) if name.startswith("sin") else np.cos(angle)


class DateParts(TransformerMixin, BaseEstimator):
    """Dates as numbers: days since 1970, year, month, day, day of the week, hour; NaN where one is missing.

    cyclic: what a network needs, of what differs in training: the time instead of the hour, and where in the year, the
    week and the day it is, as sine and cosine, in which a Sunday is beside a Monday. Dates beyond the training's range
    by more than half of it count as this limit. Dates like 9999-12-31, far from all others, do not widen it, and have
    a mark. The mean stands for what is missing, with a mark if there was some in training.
    """

    cyclic = False  # in files that were written before it was there

    def __init__(self, cyclic: bool = False) -> None:
        self.cyclic = cyclic

    def fit(self, X: Any, y: Any = None) -> "DateParts":
        """Learn which parts differ, and their ranges; without `cyclic` nothing."""
        self.n_features_in_ = np.shape(X)[1]
        self.feature_names_in_ = np.asarray(X.columns, object)
        if self.cyclic:
            learned = [_learned(seconds(X[name])) for name in X.columns]
            self.parts_ = [[*found] for _, found in learned]
            self.limits_ = np.array([limits for limits, _ in learned]).reshape(-1, 2)  # (n, 2) seconds
            ranges = [each for _, found in learned for each in found.values()]
            self.ranges_ = np.array(ranges).reshape(-1, 3)  # (parts, 3): lowest, highest, mean
        return self

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """The name of the column, and which part of its dates."""
        names = self.feature_names_in_ if input_features is None else input_features
        parts = self.parts_ if self.cyclic else [SIX] * len(names)
        return np.array([f"{name} {part}" for name, some in zip(names, parts, strict=True) for part in some], object)

    def transform(self, X: pd.DataFrame) -> Array:
        """(m, n) dates as (m, 6 n) numbers; with `cyclic`, as many as differ in training."""
        return np.column_stack(self.columns([seconds(X[name]) for name in X.columns]))

    def columns(self, moments: list[Any]) -> list[Any]:
        """The parts of n columns of seconds since 1970: arrays (m,), or values of an ONNX graph."""
        if not self.cyclic:
            return [numbers[name] for numbers in map(calendar, moments) for name in SIX]
        made: list[Any] = []
        for given, some, (low, high) in zip(moments, self.parts_, self.limits_.tolist(), strict=True):
            numbers = calendar(np.minimum(np.maximum(given, low), high))
            for name in some:
                lowest, highest, mean = self.ranges_[len(made)].tolist()
                if name == "missing":
                    made.append(np.isnan(given).astype(np.float64))
                elif name == "far":
                    made.append((given < low).astype(np.float64) + (given > high).astype(np.float64))
                else:
                    value = np.minimum(np.maximum(_part(name, numbers), lowest), highest)
                    made.append(np.where(np.isnan(given), mean, value))
        return made


def seconds(dates: "pd.Series[Any]") -> Array:
    """Since 1970, NaN where the date is missing."""
    moments = dates.to_numpy("M8[us]")
    return np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / 1e6)


def _learned(given: Array) -> tuple[tuple[float, float], dict[str, tuple[float, float, float]]]:
    """The limits of a column of dates, and the parts that differ in it: name → lowest, highest, mean."""
    known = given[~np.isnan(given)]
    if not len(known):
        return (0.0, 0.0), {"days": (0.0, 0.0, 0.0)}
    first, last = usual(np.unique(known))
    low, high = first - (last - first) / 2, last + (last - first) / 2
    near = known[(known >= low) & (known <= high)]
    numbers = calendar(near)
    found = {}
    for name in (*_NUMBERS, *_WAVES):
        values = _part(name, numbers)
        # Of less than half a cycle the waves say no more than the numbers, and much where nothing was learned.
        short = name in _WAVES and np.ptp(numbers[name[4:]]) < 0.5
        # The first day of a month is any day of the week.
        by_chance = "week" in name and not np.ptp(numbers["day"])
        if np.ptp(values) > 0 and not short and not by_chance:
            found[name] = (values.min(), values.max(), values.mean())
    beyond = calendar(np.array([low, high]))
    for name in ("days", "year"):  # which go beyond the training's
        if name in found:
            found[name] = (*beyond[name], found[name][2])
    found = found or {"days": (numbers["days"][0],) * 3}
    for name, there in (("far", len(near) < len(known)), ("missing", len(known) < len(given))):
        if there:
            found[name] = (0.0, 1.0, 0.0)
    return (low, high), found


def usual(different: Array) -> tuple[Any, Any]:
    """The first and last of moments in order, but for a few that are far from all others.

    9999-12-31 stands for no end, and 1900-01-01 often for none known. They are at most three on each side, further
    away than ten times the range of the others, which are ten or more, and than ten years.
    """
    n = len(different)
    years = np.timedelta64(3650, "D") if different.dtype.kind == "M" else 3650 * _DAY
    for count in range(min(6, n - 10), 0, -1):
        for before in range(max(0, count - 3), min(3, count) + 1):
            some = different[before : n - count + before]
            least = max(10 * (some[-1] - some[0]), years)
            after = count - before
            if (not before or some[0] - different[before - 1] > least) and (
                not after or different[n - after] - some[-1] > least
            ):
                return some[0], some[-1]
    return different[0], different[-1]
