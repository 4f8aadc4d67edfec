"""What is to be learned: classes or numbers, told from the target, and what of it is left out."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from chainrule._types import Array
from chainrule.tabular import dates, numerals
from chainrule.tabular.marks import is_mark, is_no_class, sentinel, spellings, taken
from chainrule.tabular.values import TableError, labels, numbers, numeric, to_floats
from chainrule.text import first_few

FEWEST = 4  # rows a class needs: two to train on, one to validate, one to test
_OF_DATES = "it is a date: make it a number, as the days since the first of them"
_AMOUNT = re.compile(r"(rating|score|stars?|count|number|num|quality|grade|level|rank|age|points?|visits?|size)$", re.I)


@dataclass(frozen=True)
class Target:
    """What there is to learn.

    known: the rows (m,) that have one. classes: label → rows, those with fewer than FEWEST rows in `rare`; None
    for numbers. format: how numbers are written. merged: label → the one that it is another spelling of.
    """

    known: Array
    classes: Mapping[Any, int] | None
    rare: Mapping[Any, int] | None
    format: str
    merged: Mapping[str, str]
    remarks: tuple[str, ...]


def read(
    y: Any, name: str, classes: Mapping[Any, int] | None, form: str = "", merged: Mapping[str, str] | None = None
) -> tuple[Array, Array]:
    """The labels or numbers (m,) of a target that was understood before, and which rows (m,) have one.

    A class that was not seen is a label like others; another spelling of one that was seen is that one.
    """
    if classes is None:
        values = numbers(y, name, form)
        return values, ~np.isnan(values)
    known, values = np.asarray(pd.notna(y)), labels(y)
    if values.dtype.kind == "U":
        seen = {str(label): 1 for label in classes}
        other = dict(merged or {})
        new = [word for word in np.unique(values[known]).tolist() if word not in seen and word not in other]
        other |= {word: label for word, label in spellings(seen | dict.fromkeys(new, 0)).items() if label in seen}
        known = known & ~np.isin(values, [word for word in new if word not in other and is_no_class(word)])
        values = np.array([other.get(word, word) for word in values.tolist()], dtype=str)
    return values, known


def understand(y: Any, name: str, task: Literal["classes", "regression"] | None, decimal: Callable[[], str]) -> Target:
    """Look at a target, and decide what it is.

    task: what a person has said. decimal: gives the decimal mark of the table.

    Raises TableError where there is nothing to learn.
    """
    y = pd.Series(y).reset_index(drop=True)
    known = y.notna().to_numpy()
    if not known.any():
        raise TableError(f"the target {name!r} is missing in every row")
    found = _Judge(y, known, name, task, decimal)
    return found.regression() if found.is_number else found.classification()


class _Judge:
    def __init__(
        self, y: "pd.Series[Any]", known: Array, name: str, task: str | None, decimal: Callable[[], str]
    ) -> None:
        self.y, self.known, self.name, self.task = y, known, name, task
        self.remarks: list[str] = []
        self.texts: numerals.Texts | None = None
        self.numerals: numerals.Numerals | None = None
        given = y[known]
        if numeric(given):
            self.is_number = task == "regression" or (
                task is None and given.nunique() != 2 and not self._few(to_floats(given))
            )
            return
        self.is_number = task == "regression"
        if pd.api.types.infer_dtype(given, skipna=True) == "boolean":
            return
        self.texts = numerals.Texts.of_column(given)
        found = numerals.recognize(self.texts.counts, decimal)
        if found.grades:
            signs = "signs of numbers" if self.is_number else "steps between the other classes, not as signs"
            self.remarks.append(f"{name}: {first_few(found.grades, 3)} were taken as {signs}")
        if found.convincing and np.isfinite(found.values).any():
            self.numerals = found
            self.is_number = self.is_number or (task is None and self._amounts(found, self.texts.counts))

    def _amounts(self, found: numerals.Numerals, counts: "pd.Series[int]") -> bool:
        """Whether numbers as text are amounts."""
        good = np.isfinite(found.values)
        different = len(np.unique(found.values[good]))
        if found.format.unit or not pd.to_numeric(counts.index[good], errors="coerce").notna().all():
            return different > 2  # nobody writes 1,200 € for a name
        if found.others and different <= 20:
            return False
        return different > 2 and not self._few(np.repeat(found.values[good], counts.to_numpy()[good]))

    def _few(self, values: Array) -> bool:
        """Whether numbers are so few, and whole, that they name classes."""
        different, counts = np.unique(values, return_counts=True)
        whole = np.isfinite(different).all() and (different == np.round(different)).all()
        if not whole or len(different) > min(20, len(values) / 10):
            return False
        # Names of classes are as frequent as they happen to be; counts make a hill with a tail.
        return not (len(different) > 8 and counts.min() < FEWEST and _is_hill(different, counts))

    # -- numbers -------------------------------------------------------------------------------------------------------

    def regression(self) -> Target:
        if self.texts is not None and self.numerals is None and (advice := self._advice()):
            raise TableError(f"the target {self.name!r} holds no numbers: {advice}")
        form = str(self.numerals.format) if self.numerals else ""
        values = numbers(self.y, self.name, form)
        good = values[~np.isnan(values)]
        if len(good) < FEWEST:
            raise TableError(
                f"the target {self.name!r} has {len(good)} rows with a target, at least {FEWEST} are needed"
            )
        if np.ptp(good) == 0:
            raise TableError(f"the target {self.name!r} is {good[0]:g} in every row: there is nothing to learn")
        if self.numerals is not None:
            if form:
                converted = [
                    f"{rows:,} rows in {unit}, converted" for unit, rows in self.numerals.converted.items() if unit
                ]
                written = (self.numerals.format.shown, numerals.described(self.numerals.format), *converted)
                how = ", ".join(filter(None, written))
                self.remarks.append(f"{self.name}: read as {good.min():.10g} to {good.max():.10g} ({how})")
            if self.numerals.ambiguous:
                self.remarks.append(
                    f"{self.name}: nothing in the table tells whether its marks are for thousands or for decimals; it "
                    f"was read as {good.min():.10g} to {good.max():.10g}"
                )
            if left := self.numerals.marks | self.numerals.others:
                self.remarks.append(f"{self.name}: {taken(left, 'left out')}")
            for unit, rows in self.numerals.units.items():
                self.remarks.append(
                    f"{self.name}: {rows:,} rows in {unit} cannot be compared with {self.numerals.format.shown}, and "
                    "were left out"
                )
        different = np.unique(good)
        if self.task is None and len(different) <= 20 and (different == np.round(different)).all():
            self.remarks.append(
                f"{self.name}: {len(different)} different whole numbers, learned as amounts; "
                "if they are names of classes, say --task classes"
            )
        if (found := sentinel(good)) is not None:
            self.remarks.append(
                f"{self.name}: {found[0]:.15g} in {found[1]:,} rows is far from all other numbers; if it stands for a "
                "missing value, leave these cells empty"
            )
        return Target(~np.isnan(values), None, None, form, {}, tuple(self.remarks))

    # -- classes -------------------------------------------------------------------------------------------------------

    def classification(self) -> Target:
        known = self.known & ~self._gaps()
        if not known.any():
            raise TableError(f"the target {self.name!r} is missing in every row")
        values, counts = np.unique(labels(self.y[known]), return_counts=True)
        rows = dict(zip(values.tolist(), counts.tolist(), strict=True))
        merged = self._merged(rows)
        for variant, label in merged.items():
            rows[label] += rows.pop(variant)
        if len(rows) == 1:
            raise TableError(f"the target {self.name!r} is {values[0]!s} in every row: there is nothing to learn")
        classes = {label: count for label, count in rows.items() if count >= FEWEST}
        if len(classes) < 2:
            advice = self._advice()
            raise TableError(
                f"the target {self.name!r} has {len(rows)} different values in {int(known.sum())} rows; "
                f"at least two classes with {FEWEST} rows each are needed" + (f"; {advice}" if advice else "")
            )
        rare = {label: count for label, count in rows.items() if count < FEWEST}
        if self.task is None and (len(rows) > 20 or _is_most(rare, rows)) and self._is_date():
            raise TableError(f"the target {self.name!r} has {len(rows)} different values: {_OF_DATES}")
        if _is_most(rare, rows):
            self.remarks.append(
                f"{self.name}: {sum(rare.values()):,} of {sum(rows.values()):,} rows are of classes with fewer than "
                f"{FEWEST} rows, as {first_few(rare, 3)}, and left out; is it what is to be predicted?"
            )
        for label in classes:
            if isinstance(label, str) and is_mark(label) and any(map(str.isalnum, label)):
                self.remarks.append(
                    f"{self.name}: {label} is a class like the others; if it stands for a missing value, leave these "
                    "cells empty"
                )
        self._remark_on_numbers(rows)
        return Target(known, classes, rare, "", merged, tuple(self.remarks))

    def _gaps(self) -> Array:
        """The rows (m,) whose text stands for a missing value."""
        gaps = np.zeros(len(self.y), bool)
        if self.texts is None:
            return gaps
        counts = self.texts.counts
        truths = {text.casefold() for text in counts.index if not is_mark(text)} <= {"true", "false"}
        is_gap = is_mark if self.numerals is not None or truths else is_no_class
        of_gaps = np.array([is_gap(text) for text in counts.index], bool)
        words = sum(any(map(str.isalnum, text)) for text in counts.index[~of_gaps])
        written = self.numerals is not None and self.numerals.format.unit != ""  # "5 €" and "n/a" are no two classes
        if of_gaps.any() and (words >= 2 or written):  # "+" and "-" are classes
            self.remarks.append(f"{self.name}: {taken(counts[of_gaps].to_dict(), 'left out')}")
            gaps[np.flatnonzero(self.known)] = of_gaps[self.texts.of]
        return gaps

    def _is_date(self) -> bool:
        return dates.recognize(self.y[self.known]) is not None

    def _advice(self) -> str:
        """What to do with dates and sentences, which nothing here can predict."""
        if self._is_date():
            return _OF_DATES
        if self.y[self.known].astype(str).str.split().map(len).mean() >= 3:
            return "it is free text: make it a number, or a few classes"
        return ""

    def _merged(self, rows: Mapping[Any, int]) -> dict[str, str]:
        """Labels that are other spellings of others, unless no two classes would be left."""
        merged = spellings({label: count for label, count in rows.items() if isinstance(label, str)})
        if len(rows) - len(merged) < 2:
            return {}
        for label in dict.fromkeys(merged.values()):
            same = [*(variant for variant, other in merged.items() if other == label), label]
            self.remarks.append(f"{self.name}: {first_few(sorted(same))} are one class, {label}")
        return merged

    def _remark_on_numbers(self, rows: Mapping[Any, int]) -> None:
        if self.task is not None or len(rows) < 5 or not all(isinstance(label, int) for label in rows):
            return
        values = np.array(sorted(rows))
        if _AMOUNT.search(self.name) or _is_hill(values, np.array([rows[label] for label in sorted(rows)])):
            self.remarks.append(
                f"{self.name}: {len(rows)} different whole numbers, learned as classes; "
                "if they are amounts, say --task regression"
            )


def _is_most(some: Mapping[Any, int], rows: Mapping[Any, int]) -> bool:
    """Whether more than half of the rows are in some of the classes."""
    return sum(some.values()) > sum(rows.values()) / 2


def _is_hill(values: Array, counts: Array) -> bool:
    """Whether whole numbers get more frequent up to one of them, and rarer from there on, but for chance."""
    span = int(values[-1] - values[0]) + 1
    if span > 2 * len(values) or counts.max() < 2 * counts.min():
        return False
    every = np.zeros(span)
    every[(values - values[0]).astype(int)] = counts
    top, noise = int(every.argmax()), 3 * np.sqrt(every + 1)
    rises, falls = np.diff(every) > -noise[:-1], np.diff(every) < noise[:-1]
    return bool(rises[:top].all() and falls[top:].all())
