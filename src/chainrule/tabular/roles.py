"""What each column of a table is taken for: a number, a date, a category … and why."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from chainrule._types import Array
from chainrule.tabular import dates, numerals
from chainrule.tabular.marks import is_mark, sentinel, spellings, taken
from chainrule.tabular.values import TableError, check_range, numeric, to_floats, without_blanks
from chainrule.text import first_few

WORD = r"[^\W\d_]\w*"  # begins with a letter
_IDENTIFIER = re.compile(
    r"(^|[\W_]|[a-z](?=[A-Z]))((id|ID|Id|index|key|uuid|guid|serial|phone|telephone|mobile|fax|imei|iban|vin|isbn|ean|upc|ssn)$|"
    r"(?i:number|num|no|nr|nbr|code|ref)$)|(?i:(number|num|phone|tel|telephone)$)"
)
_TIME = re.compile(r"(^|[\W_])(year|jahr|yr|month|week|day|date|time|hour|minute|second|period|quarter|age)s?$", re.I)
_CODES = re.compile(
    r"(code|zip|zipcode|postcode|plz|type|kind|category|class|region|district|dept|department|store|branch|cluster|group|"
    r"zone|sector|id)$",
    re.I,
)
_TWO_NUMBERS = re.compile(r"\d[\d.,]*\s?(?:[/x×|;]|to)\s?\d[\d.,]*")
_DAY_OR_MONTH = re.compile(r"(\d\d?)([/.-])(\d\d?)\2(?:\d\d){1,2}\b")
_COUNTRY = re.compile(r"[A-Z]{2}")
_COMPACT = (19000101, 21001231)  # dates as whole numbers


@dataclass(frozen=True)
class Column:
    """How one column is used, and why.

    role: ``"number"``, ``"boolean"``, ``"category"``, ``"text"``, ``"date"``, ``"presence"`` (only whether there is a
    value) or ``"left out"``. missing: rows without a value that could be read. format: how the numbers or the dates of
    the column are written, see numerals.py and dates.py.
    """

    name: str
    role: str
    note: str
    missing: int = 0
    format: str = ""


def column(
    values: "pd.Series[Any]",
    word: str = "",
    keep: bool = False,
    decimal: Callable[[], str] = str,
    day_first: bool | None = None,
    others: Callable[[], bool | None] = lambda: None,
) -> tuple[Column, list[str]]:
    """What a column is taken for, and remarks on what a person may see differently.

    word: the role that a person has given it. keep: not to be left out as an identifier. decimal: gives the decimal
    mark of the table, for columns that do not show theirs; others says in the same way whether its dates begin with
    the day.
    """
    if word == "drop":
        return Column(str(values.name), "left out", "as you asked"), []
    return _Judge(str(values.name), values, word, keep, decimal, day_first, others).column()


class _Judge:
    """One column, looked at from all sides."""

    def __init__(
        self,
        name: str,
        values: "pd.Series[Any]",
        word: str,
        keep: bool,
        decimal: Callable[[], str],
        day_first: bool | None,
        others: Callable[[], bool | None],
    ) -> None:
        self.name, self.values, self.word, self.keep = name, values, word, keep
        self.decimal, self.day_first, self.others = decimal, day_first, others
        self.known = without_blanks(values).dropna()
        self.missing = len(values) - len(self.known)
        self.remarks: list[str] = []
        self.written: numerals.Numerals | None = None  # numbers among its texts

    def column(self) -> tuple[Column, list[str]]:
        return self._column(), self.remarks

    def made(self, role: str, note: str, more: int = 0, form: str = "") -> Column:
        return Column(self.name, role, note, self.missing + more, form)

    def _column(self) -> Column:
        known = self.known
        if not len(known):
            return self.made("left out", "no values")
        kind = pd.api.types.infer_dtype(known, skipna=True)
        if kind == "categorical":
            known = self.known = known.astype(known.cat.categories.dtype)
        elif kind in ("datetime64", "datetime", "date", "time") and self.word in ("", "date"):
            return self._said_dates()
        numbers = numeric(known)
        if not numbers and kind not in ("boolean", "string"):
            known = self.known = known.map(_as_text)  # lists, bytes, a mixture: some cannot be counted otherwise
        different = known.nunique()
        if different == 1 and self.word != "text":
            note = f"always {_short(known.iloc[0])}"
            return self.made("presence" if self.missing else "left out", note)
        if self.word == "date":
            return self._said_dates()
        if kind == "boolean" and self.word in ("", "number"):
            return self.made("boolean", f"true in {known.eq(True).mean():.0%}")
        if numbers and self.word in ("", "number") and (kind != "categorical" or self.word):
            if not self.word and (dated := self._compact()):
                return dated
            floats = to_floats(known)
            check_range(known, floats)
            return self._number(floats)
        return self._text(numerals.Texts.of_column(known), kind == "categorical" or numbers)

    def _text(self, texts: numerals.Texts, is_category: bool) -> Column:
        counts = texts.counts
        if self.word == "number":
            return self._numerals(texts, self._checked(numerals.recognize(texts.counts, self.decimal)))
        if not self.word and not is_category:
            if all(map(is_mark, counts.index[:20])) and all(map(is_mark, counts.index)):
                return self.made("left out", f"no values, only {first_few(counts.index, 3)}", int(counts.sum()))
            written = self.written = numerals.recognize(texts.counts, self.decimal)
            if written.convincing and len(np.unique(written.values[~np.isnan(written.values)])) > 1:
                return self._numerals(texts, written)
            if written.grades:
                self.remarks.append(
                    f"{self.name}: {first_few(written.grades, 3)} were taken as steps between the others, not as "
                    f"signs, and all as categories; if they are numbers, say --number {_quoted(self.name)}"
                )
            elif found := self._dates():
                return found
        return self._words(counts.sort_values(ascending=False, kind="stable"))

    # -- numbers -------------------------------------------------------------------------------------------------------

    def _checked(self, written: numerals.Numerals) -> numerals.Numerals:
        """What a person calls numbers must be numbers in half of the rows."""
        rows = int(self.known.size) - sum(written.marks.values())
        wrong = sum(written.others.values())
        if not rows or wrong > rows / 2:
            raise TableError(
                f"column {self.name!r} was said to be a number, but {wrong or self.known.size:,} of its "
                f"{self.known.size:,} values are none: {first_few(written.others or written.marks, 3, quoted=True)}"
            )
        return written

    def _numerals(self, texts: numerals.Texts, written: numerals.Numerals) -> Column:
        floats = written.values[texts.of]
        check_range(self.known, floats)
        form = written.format
        told = [numerals.described(form)] if numerals.described(form) else []
        if written.marks:
            told.append(taken(written.marks))
        if written.others:
            bad = sum(written.others.values())
            told.append(f"{bad:,} not numbers ({first_few(written.others, 3)}), taken as missing")
        told += [f"{rows:,} in {unit}, converted" for unit, rows in written.converted.items()]
        for unit, rows in written.units.items():
            told.append(f"{rows:,} in {unit}, taken as missing")
            self.remarks.append(
                f"{self.name}: {rows:,} rows in {unit} cannot be compared with {form.shown}, and were taken as missing"
            )
        if form.unit == "%":
            bare = np.array(["%" not in text for text in texts.counts.index], bool) & ~np.isnan(written.values)
            if bare.any():
                rows = int(texts.counts[bare].sum())
                told.append(f"{rows:,} without %, taken as %")
                if np.abs(written.values[bare]).max() <= 1 < np.abs(written.values[~bare]).max(initial=0):
                    text = texts.counts.index[bare][0]
                    self.remarks.append(
                        f"{self.name}: {rows:,} rows without % were read as percent like the others, {text} as "
                        f"{text} %; if they are shares of 1, write them in percent"
                    )
        if written.open:
            mark, name = (".", "point") if form.decimal == "," else (",", "comma")
            example = next((text for text in texts.counts.index if re.search(rf"\d\{mark}\d{{3}}(?!\d)", text)), None)
            if example is not None:
                told.append(f"{name} for thousands")
            if written.ambiguous:
                example = example or next(text for text in texts.counts.index if re.search(r"\d[.,]\d{3}(?!\d)", text))
                value = written.values[texts.counts.index.get_loc(example)]
                self.remarks.append(
                    f"{self.name}: {example} was read as {value:.10g}; nothing in the table tells whether its mark is "
                    "for thousands or for decimals"
                )
        return self._number(floats, form, told)

    def _number(self, floats: Array, form: numerals.Format | None = None, told: Iterable[str] = ()) -> Column:
        form, told = form or numerals.Format(), list(told)
        good = floats[~np.isnan(floats)]
        if not self.keep and not self.word and not self.missing and self._counts(floats, good):
            return self.made("left out", "counts the rows, like an identifier")
        if (found := sentinel(good)) is not None:
            mark, rows, sure = found
            if sure and not self.word:
                form = numerals.Format(form.decimal, form.unit, (mark,))
                good, floats = good[good != mark], np.where(floats == mark, np.nan, floats)
                told.insert(0, f"{mark:.15g} in {rows:,} rows, taken as missing")
                self.remarks.append(
                    f"{self.name}: {mark:.15g} in {rows:,} rows is far from all other numbers, and was taken as "
                    f"missing; if it is a number, say --number {_quoted(self.name)}"
                )
            elif not self.word:
                self.remarks.append(
                    f"{self.name}: {mark:.15g} in {rows:,} rows is far from all other numbers; if it stands for a "
                    "missing value, leave these cells empty"
                )
        if not self.word and _could_be_codes(self.name, good):
            self.remarks.append(
                f"{self.name}: {len(np.unique(good))} different whole numbers, used as amounts; if they are names of "
                f"something, say --category {_quoted(self.name)}"
            )
        unit = f" {form.shown}" if form.shown else ""
        note = "; ".join([f"{good.min():.6g} to {good.max():.6g}{unit}", *told])
        return self.made("number", note, int(np.isnan(floats).sum()), str(form))

    def _counts(self, floats: Array, good: Array) -> bool:
        """Whether these are no measurements but numbers of the rows, or of the people in them."""
        if len(good) != len(floats) or len(good) < 10 or not (good == np.round(good)).all():
            return False
        if len(np.unique(good)) != len(good):
            return False
        if _TIME.search(self.name) or (good.min() >= 1600 and good.max() <= 2100 and not _IDENTIFIER.search(self.name)):
            return False  # years
        span = np.ptp(good) + 1
        if span <= 1.1 * len(good) or _IDENTIFIER.search(self.name) or self.name.startswith("Unnamed"):
            return True
        low, high = good.min(), good.max()
        times = any(0.9e9 * k <= low and high <= 2.2e9 * k for k in (1, 1e3, 1e6, 1e9))  # since 1970
        return bool(len(good) >= 50 and low >= 1e7 and len(f"{low:.0f}") == len(f"{high:.0f}") and not times)

    # -- dates, words --------------------------------------------------------------------------------------------------

    def _compact(self) -> Column | None:
        """Dates that are written as whole numbers, like 20240131."""
        floats = to_floats(self.known)
        within = _COMPACT[0] <= floats.min() and floats.max() <= _COMPACT[1]
        return self._dates() if within and pd.api.types.is_numeric_dtype(self.known) else None

    def _said_dates(self) -> Column:
        found = self._dates(asked=True)
        if found is None or found.missing > self.missing + len(self.known) / 2:
            what = first_few(self.known.astype(str).unique()[:3], quoted=True)
            raise TableError(f"column {self.name!r} was said to be a date, but its values are none: {what}")
        return found

    def _dates(self, asked: bool = False) -> Column | None:
        values = self.known
        found = dates.recognize(values, self.day_first, asked)
        if found is None:
            return None
        note = found.note
        if found.ambiguous and self.day_first is None and (first := self.others()) is not None:
            found = dates.recognize(values, first, asked) or found
            note = f"{found.note}; {'day' if first else 'month'} first, as in the other dates"
        elif found.ambiguous and self.day_first is None:
            self.remarks.append(
                f"{self.name}: no date tells whether the day or the month comes first ({found.note}); "
                "if it is the other way, say --dates day-first or month-first"
            )
        if isinstance(values.dtype, pd.DatetimeTZDtype):  # as they are written there, not in UTC
            note = f"{values.min():%Y-%m-%d} to {values.max():%Y-%m-%d}"
        return self.made("date", note, found.unread, found.format)

    def _words(self, counts: "pd.Series[int]") -> Column:
        rows = int(counts.sum())
        if not self.word:
            self._remark_on_words(counts)
        if self.word == "category" or (self.word != "text" and (self.keep or counts[counts >= 3].sum() >= 0.3 * rows)):
            same = spellings(counts.to_dict())
            names = [name for name in counts.index if name not in same]
            shown = ", ".join(map(_short, names[:3])) + (", …" if len(names) > 3 else "")
            more = f"; {first_few(same, 3)}: other spellings" if same else ""
            return self.made("category", f"{len(names):,} different: {shown}{more}")
        words = self.known.iloc[:10_000].astype(str).str.lower().str.findall(WORD)
        rows_of = words.map(set).explode().value_counts()  # word → rows it is in
        common = rows_of[rows_of >= often(len(words))]
        length = words.map(len).mean()
        if self.word == "text" and not len(common):
            raise TableError(
                f"column {self.name!r} was said to be text, but no word of it is in {often(len(words))} rows or more"
            )
        if self.word == "text" or (length >= 5 and common.sum() >= len(words)):
            return self.made("text", f"{length:.0f} words on average, {len(common)} of them common")
        if self.written is not None and 0 < sum(self.written.others.values()) < rows / 2:
            bad = self.written.others
            self.remarks.append(
                f"{self.name}: {sum(bad.values()):,} of {rows:,} values are no numbers ({first_few(bad, 3)}), so that "
                f"what it says is not used; if it is a number, say --number {_quoted(self.name)}, and they are missing"
            )
        if min(self.missing, rows) >= 0.05 * (self.missing + rows):
            return self.made("presence", f"{len(counts):,} different values: only whether it is given")
        if rows < self.missing:
            return self.made("left out", f"given in {rows:,} of {rows + self.missing:,} rows only")
        return self.made("left out", f"{len(counts):,} different values, like an identifier")

    def _remark_on_words(self, counts: "pd.Series[int]") -> None:
        """What a person would see in words that are used whole, or not at all."""
        words, few = [str(word).strip() for word in counts.index], 0.1 * len(counts)
        if self.missing and len(words) >= 5 and all(map(_COUNTRY.fullmatch, words)):
            self.remarks.append(
                f"{self.name}: {self.missing:,} rows are empty or NA, and were taken as missing; if NA is a code like "
                "the others, write it in another way"
            )
        if len(words) <= 20:
            return
        if sum(map(bool, map(_TWO_NUMBERS.fullmatch, words))) >= len(words) - few:
            self.remarks.append(f"{self.name}: two numbers in each cell, as {words[0]}; make two columns of them")
        days = [found for found in map(_DAY_OR_MONTH.match, words) if found]
        first = next((found.string for found in days if int(found[1]) > 12 >= int(found[3])), None)
        second = next((found.string for found in days if int(found[3]) > 12 >= int(found[1])), None)
        if first and second and len(days) >= len(words) - few:
            self.remarks.append(
                f"{self.name}: dates, but some have the day first ({first}), and others the month ({second}), so none "
                "was read as one; write all in one order, as 2024-12-31"
            )


def _could_be_codes(name: str, good: Array) -> bool:
    """Whether whole numbers may be names of departments or regions: by what they are called, or by their gaps."""
    if len(good) < 50 or _TIME.search(name) or not (good[:1000] == np.round(good[:1000])).all() or good.min() < 0:
        return False
    values = np.unique(good)
    if not 5 <= len(values) <= min(1000, len(good) / 5) or not (values == np.round(values)).all():
        return False
    irregular = values[0] >= 100 and len(f"{values[0]:.0f}") == len(f"{values[-1]:.0f}") and len(values) <= 20
    irregular = irregular and len(values) < 0.3 * (np.ptp(values) + 1) and len(np.unique(np.diff(values))) > 3
    return bool(_CODES.search(name) or (irregular and len(good) >= 20 * len(values)))


def text_step(column: str) -> str:
    """What the step for a column of text is called; scikit-learn allows no "__" in such a name."""
    return f"text {column.replace('_', ' _') if '__' in column else column}"


def often(rows: int) -> int:
    """In how many rows a word must be to count."""
    return max(3, rows // 100)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 20 else text[:19] + "…"


def _as_text(value: Any) -> str:
    """A value of a mixture: 3.0, as the whole number 3 becomes beside a missing value, is 3 as where it is text."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _quoted(name: str) -> str:
    return f"'{name}'" if re.search(r"[^\w.-]", name) else name
