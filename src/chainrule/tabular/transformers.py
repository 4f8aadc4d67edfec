"""The transformer that brings a table to the types of the training, and says what is unlike it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from chainrule._types import Array
from chainrule.checks import plain
from chainrule.tabular import dates
from chainrule.tabular.calendar import seconds
from chainrule.tabular.marks import is_mark, spellings
from chainrule.tabular.numerals import Format, is_bound
from chainrule.tabular.unlike import SHOWN, Unlike
from chainrule.tabular.values import (
    TableError,
    check_columns,
    check_range,
    read_numbers,
    to_booleans,
    to_floats,
    without_blanks,
)

FEW = 20  # words among numbers or dates that are remembered
CLOSE = 0.1  # of the range in training: what lies no farther beyond it is not worth a word


class Columns(TransformerMixin, BaseEstimator):
    """A table with its columns picked by name and brought to the types of their roles.

    roles: name → role, as in `Column`. formats: name → how the numbers or the dates of a column are written.
    Tables read from different files agree after it: a column of numbers that is text in one file, say, or codes that
    happen to be all digits, or dates in another form. Raises TableError for a column that is not there, for infinity,
    and for a column of which no value can be read; `allow_unreadable` = True takes these as missing.
    """

    allow_unreadable = False  # a file of before does not hold it

    def __init__(self, roles: dict[str, str], formats: dict[str, str] | None = None) -> None:
        self.roles = roles
        self.formats = formats

    def fit(self, X: Any, y: Any = None) -> "Columns":
        """Learn what `notes` compares with: ranges of numbers and dates, categories with their spellings,
        and the words among numbers.
        """
        self.feature_names_in_ = np.array(list(self.roles), dtype=object)
        self.n_features_in_ = len(self.roles)
        self.ranges_: dict[str, tuple[float, float]] = {}
        self.levels_: dict[str, list[str]] = {}
        self.spellings_: dict[str, dict[str, str]] = {}
        self.strays_: dict[str, list[str]] = {}
        frame = self._frame(X)
        for name, role in self.roles.items():
            if role in ("number", "date"):
                read, unread = self._read(frame[name], role)
                words = pd.unique(frame[name][unread])
                if 0 < len(words) <= FEW and all(isinstance(word, str) for word in words):
                    self.strays_[name] = [word.strip() for word in words]
                floats = _floats(read)
                if not np.isnan(floats).all():
                    self.ranges_[name] = (float(np.nanmin(floats)), float(np.nanmax(floats)))
            elif role == "category":
                counts = _words(frame[name]).value_counts()
                self.spellings_[name] = spellings(counts.drop("", errors="ignore").to_dict())
                self.levels_[name] = sorted({*counts.index} - {""} - {*self.spellings_[name]})
        return self

    def transform(self, X: Any) -> pd.DataFrame:
        """The DataFrame of the columns: float64, text ("" where it is missing) or datetime64."""
        frame = self._frame(X)
        return pd.DataFrame({name: self._typed(frame[name], role) for name, role in self.roles.items()})

    def compare(self, X: Any) -> list[Unlike]:
        """What is unlike the training in each column of a table."""
        frame = self._frame(X)
        return [self._unlike(role, frame[name].reset_index(drop=True)) for name, role in self.roles.items()]

    def notes(self, X: Any) -> list[str]:
        """What is unlike the training, in words: what cannot be read, is unseen, or is out of range."""
        return [note for each in self.compare(X) for note in each.notes]

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """The names of the columns."""
        return self.feature_names_in_

    def _frame(self, X: Any) -> pd.DataFrame:
        frame = X.to_pandas() if hasattr(X, "to_pandas") else X
        if not isinstance(frame, pd.DataFrame):
            names = list(self.roles) if np.shape(X)[1:] == (len(self.roles),) else None
            frame = pd.DataFrame(plain("X", X), columns=names)
        check_columns(self.roles, frame)
        return frame

    def _read(self, values: "pd.Series[Any]", role: str) -> tuple[Any, Array]:
        """The values of a column as its role has them, and which (m,) are given but cannot be read."""
        form = (self.formats or {}).get(str(values.name), "")
        if role == "number":
            read = read_numbers(values, form)
            check_range(values, read)
        elif role == "date":
            read = dates.read(values, form).dates
        else:
            read = to_booleans(values)
        unread = np.asarray(pd.isna(read)) & values.notna().to_numpy()
        if unread.any():
            different = pd.unique(values[unread])
            known = {*getattr(self, "strays_", {}).get(str(values.name), ())}
            words = [v for v in different if not isinstance(v, str) or not _is_missing(v.strip(), known)]
            unread &= values.isin(words).to_numpy()
            if role == "number" and unread.any():  # -999 was read, as missing
                unread &= ~np.isin(to_floats(values), Format.of(form).missing)
        return read, unread

    def _typed(self, values: "pd.Series[Any]", role: str) -> Any:
        values = values.reset_index(drop=True)
        if role == "presence":
            return without_blanks(values).notna().to_numpy(float)
        if role in ("number", "date", "boolean"):
            read, unread = self._read(values, role)
            if not self.allow_unreadable and unread.any() and np.asarray(pd.isna(read)).all():
                raise TableError(self._unlike(role, values).told)
            return read
        text = _words(values)
        return self._spelled(str(values.name), text) if role == "category" else text

    def _spelled(self, name: str, text: "pd.Series[Any]") -> "pd.Series[Any]":
        """Words as they were most often written in training."""
        if not hasattr(self, "levels_"):  # of a file of before
            return text
        same, known = self.spellings_.get(name, {}), set(self.levels_.get(name, ()))
        new = set(text.unique()) - known - {*same, ""}
        if new:
            rows = dict.fromkeys(known, 1) | dict.fromkeys(new, 0)
            same = same | {word: other for word, other in spellings(rows).items() if word in new and other in known}
        return text.map(lambda word: same.get(word, word)).astype(object) if same else text

    def _unlike(self, role: str, values: "pd.Series[Any]") -> Unlike:
        name = str(values.name)
        found = Unlike(name, role, len(values), int(without_blanks(values).notna().sum()))
        if not found.given:
            return found
        if role in ("number", "date", "boolean"):
            read, unread = self._read(values, role)
            words = tuple(map(str, pd.unique(values[unread])[: SHOWN + 1]))
            given = int(unread.sum()) + int(pd.notna(read).sum())  # marks of missing values are none
            found = replace(found, given=given, unreadable=int(unread.sum()), words=words)
            if role == "date":
                found = replace(found, remarks=tuple(dates.unlike(values, (self.formats or {}).get(name, ""))))
            if role != "boolean" and name in getattr(self, "ranges_", {}):
                floats, (low, high) = _floats(read), _around(*self.ranges_[name])
                with np.errstate(invalid="ignore"):
                    if role == "number" and high > 1 and self._shares(values, floats):
                        found = replace(
                            found, remarks=("no % in it, and nothing above 1; read as percent, 0.5 as 0.5 %",)
                        )
                    found = replace(found, below=int((floats < low).sum()), above=int((floats > high).sum()))
        elif role == "category" and name in getattr(self, "levels_", {}):
            text = self._typed(values, role)
            new = text[(text != "") & ~text.isin(self.levels_[name])]
            found = replace(found, unseen=len(new), words=tuple(new.unique()[: SHOWN + 1]))
        return found

    def _shares(self, values: "pd.Series[Any]", floats: Array) -> bool:
        """Whether these may be shares of 1 in a column that was in percent in training."""
        if Format.of((self.formats or {}).get(str(values.name), "")).unit != "%" or not (np.abs(floats) <= 1).any():
            return False
        return not (np.abs(floats) > 1).any() and not any("%" in str(value) for value in values)


def _is_missing(word: str, known: set[str]) -> bool:
    """Whether a word stands for a missing value: by its look, or in training."""
    return word in known or is_mark(word) or is_bound(word)


def _floats(read: Any) -> Array:
    """Numbers as they are, dates as seconds since 1970."""
    return seconds(read) if isinstance(read, pd.Series) and read.dtype.kind == "M" else np.asarray(read, float)


def _around(low: float, high: float) -> tuple[float, float]:
    """A range with a margin; where no number was below zero, the first that is is worth a word."""
    margin = CLOSE * (high - low)
    return (max(low - margin, 0.0) if low >= 0 else low - margin), high + margin


def _words(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """The values as text, "" where one is missing.

    A whole number and the same number with a point are the same category: 3 becomes 3.0 beside a missing value.
    """
    if isinstance(values.dtype, pd.StringDtype):  # each different word once
        of, words = pd.factorize(values)
        return pd.Series(np.array([*(word.strip() for word in words), ""], object)[of], values.index, dtype=object)
    text = values.astype(object).map(
        lambda v: str(int(v)) if isinstance(v, float) and v.is_integer() else str(v).strip()
    )
    return text.where(values.notna(), "").astype(object)
