"""What the preparation of a table needs to know of all its rows, gathered some of them at a time."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import StandardScaler

from chainrule._types import Array
from chainrule.tabular.calendar import DateParts, seconds
from chainrule.tabular.plan import Plan
from chainrule.tabular.roles import WORD, often
from chainrule.tabular.transformers import Columns

FOLDS = 5  # out of which the statistics of the target are taken
WORDS = 50_000  # different ones of a column that are counted, beyond which the rarest are dropped now and then
NUMBERS = 8_000_000  # that all counts of words by classes may take
FEWEST = 200  # words that are counted in any case


class Levels:
    """Rows, and sums of the target, of each word of a column: exact where there are no more than `most` words.

    Of more, the rarest are dropped now and then, and counted anew where they come again.

    sums: (words, FOLDS, width); of K classes the rows of each, of numbers (numeric) Σ1, Σ(y − c) and Σ(y − c)², about a
    c near their mean.
    """

    def __init__(self, most: int, width: int, numeric: bool) -> None:
        self.most, self.numeric = most, numeric
        self.of: dict[str, int] = {}  # word → its row in `sums`
        self.sums = np.zeros((64, FOLDS, width))
        self.dropped = 0  # rows of words that were dropped

    def update(self, words: "pd.Series[Any]", cells: Array, values: Array | None = None) -> None:
        """Count some rows. cells: (m,) fold · width + class, or fold · 3 of numbers, with values (m, 3) of each."""
        for start in range(0, len(words), self.most):
            some = slice(start, start + self.most)
            self._add(words.iloc[some], cells[some], None if values is None else values[some])
            if len(self.of) > 2 * self.most:
                self._drop()

    def _add(self, words: "pd.Series[Any]", cells: Array, values: Array | None) -> None:
        codes, unique = pd.factorize(words)
        rows = np.array([self.of.setdefault(word, len(self.of)) for word in unique], int)
        while len(self.of) > len(self.sums):
            self.sums = np.concatenate([self.sums, np.zeros_like(self.sums)])
        flat = self.sums.reshape(-1)
        at, which, counts = np.unique(
            rows[codes] * (flat.size // len(self.sums)) + cells, return_inverse=True, return_counts=True
        )
        if values is None:
            flat[at] += counts
        else:
            for k in range(values.shape[1]):
                flat[at + k] += np.bincount(which, values[:, k])

    def rows(self) -> Array:
        """How many rows each word has, in the order of `of`."""
        sums = self.sums[: len(self.of)]
        counted: Array = (sums[:, :, 0] if self.numeric else sums.sum(axis=2)).sum(axis=1)
        return counted

    def _drop(self) -> None:
        counts = self.rows()
        kept = np.sort(np.argsort(-counts, kind="stable")[: self.most])
        self.dropped += int(counts.sum() - counts[kept].sum())
        words = list(self.of)
        self.of = {words[k]: i for i, k in enumerate(kept)}
        self.sums = self.sums[kept]


class Statistics:
    """Sums over the rows that are learned from, by the plan that was made of a sample of them.

    Parameters
    ----------
    plan : Plan
    sample : DataFrame
        Of the rows; of it come the medians that missing numbers are filled with, what differs in dates, and the words
        of texts that may be common.
    classes : array (K,), optional
        The labels in order; None for a regression.
    center : float
        Of a regression, near the mean of the target.

    Attributes
    ----------
    rows : int
        How many.
    scaler, dates, target : StandardScaler
        Mean and variance: of the numbers, filled, and of whether each is missing; of the parts of the dates; of the
        target of a regression. Each block is added by Chan's formula (`partial_fit`).
    missing, ranges, levels : dict
        By column: rows without a value; the least and the largest number, or date in seconds; the words.
    """

    def __init__(self, plan: Plan, sample: pd.DataFrame, classes: Array | None = None, center: float = 0.0) -> None:
        self.plan, self.classes, self.center = plan, classes, center
        roles = {column.name: column.role for column in plan.used}
        self.formats = {column.name: column.format for column in plan.used if column.format}
        self.of_role = {role: [name for name, other in roles.items() if other == role] for role in set(roles.values())}
        # Words as they are written: which are spellings of others is told when all are counted.
        as_written = {name: "text" if role == "category" else role for name, role in roles.items()}
        self.columns = Columns(as_written, self.formats)
        self.columns.allow_unreadable = True  # in a block; the sample has shown that the column can be read
        typed = self.columns.transform(sample)
        self.rows = 0
        self.missing = dict.fromkeys(roles, 0)
        self.ranges: dict[str, tuple[float, float]] = {}
        self.scaler, self.dates, self.target = StandardScaler(), StandardScaler(), StandardScaler()
        self.low, self.high = np.inf, -np.inf  # of the target
        numbers = self.floats(typed, "number")
        self.medians = np.array([np.median(x[~np.isnan(x)]) if not np.isnan(x).all() else 0.0 for x in numbers.T])
        self.true = np.zeros(len(self.of_role.get("boolean", ())))  # rows
        self.parts = DateParts(cyclic=True)
        if "date" in self.of_role:
            self.parts.fit(typed[self.of_role["date"]])
        categories = self.of_role.get("category", [])
        width = 3 if classes is None else len(classes)
        most = int(np.clip(NUMBERS // (2 * FOLDS * width * max(1, len(categories))), FEWEST, WORDS))
        self.levels = {name: Levels(most, width, classes is None) for name in categories}
        self.texts = {name: Texts(typed[name]) for name in self.of_role.get("text", ())}

    def floats(self, typed: pd.DataFrame, role: str) -> Array:
        """The columns of a role, as Columns gives them, in float64."""
        numbers: Array = typed[self.of_role.get(role, [])].to_numpy(float)
        return numbers

    def update(self, X: pd.DataFrame, y: Array, folds: Array) -> None:
        """Some rows more. y: (m,) numbers, or places among the classes; folds: (m,) that of each row."""
        if not len(X):
            return
        self.rows += len(X)
        typed = self.columns.transform(X)
        self._count_missing(typed)
        if names := self.of_role.get("number"):
            numbers = self.floats(typed, "number")
            self._widen(names, numbers)
            missing = np.isnan(numbers)
            self.scaler.partial_fit(np.column_stack([np.where(missing, self.medians, numbers), missing]))
        if "boolean" in self.of_role:
            self.true += np.nansum(self.floats(typed, "boolean"), axis=0)
        if names := self.of_role.get("date"):
            self._widen(names, np.column_stack([seconds(typed[name]) for name in names]))
            self.dates.partial_fit(self.parts.transform(typed[names]))
        values, width = None, 3
        if self.classes is None:
            self.target.partial_fit(y[:, None])
            self.low, self.high = min(self.low, float(y.min())), max(self.high, float(y.max()))
            off = y - self.center
            values, cells = np.column_stack([np.ones(len(y)), off, off**2]), folds * width
        else:
            cells = folds * len(self.classes) + y
        for name, levels in self.levels.items():
            levels.update(typed[name], cells, values)
        for name, texts in self.texts.items():
            texts.update(typed[name])

    def _count_missing(self, typed: pd.DataFrame) -> None:
        for role, names in self.of_role.items():
            for name in names:
                values = typed[name]
                gaps = (values == "") if role in ("category", "text") else values == 0 if role == "presence" else None
                self.missing[name] += int((values.isna() if gaps is None else gaps).sum())

    def _widen(self, names: list[str], numbers: Array) -> None:
        low, high = np.fmin.reduce(numbers), np.fmax.reduce(numbers)  # (n,) without NaN, where there is anything else
        for name, least, most in zip(names, low.tolist(), high.tolist(), strict=True):
            if least == least:
                before = self.ranges.get(name, (least, most))
                self.ranges[name] = min(before[0], least), max(before[1], most)


class Texts:
    """In how many rows each word of a column of texts is, and how often: of the words that may be common enough.

    These are in half as many rows of the sample as they must be in all: a word that is common in all rows, and not
    there, is one of very many.
    """

    def __init__(self, sample: "pd.Series[Any]") -> None:
        least = max(1, often(len(sample)) // 2)
        counter = CountVectorizer(token_pattern=WORD, min_df=least).fit(sample)
        self.words = counter.get_feature_names_out()
        self.counter = CountVectorizer(token_pattern=WORD, vocabulary=self.words)
        self.rows, self.times = np.zeros(len(self.words), int), np.zeros(len(self.words), int)

    def update(self, values: "pd.Series[Any]") -> None:
        """Some rows more."""
        counts = self.counter.transform(values)  # (m, words), sparse
        self.rows += counts.getnnz(axis=0)
        self.times += np.asarray(counts.sum(axis=0)).ravel()

    def common(self, least: int, most: int) -> tuple[Array, Array]:
        """The words that are in so many rows, of more than `most` the most frequent; and in how many rows each is."""
        kept = np.flatnonzero(self.rows >= least)
        if len(kept) > most:
            kept = np.sort(kept[(-self.times[kept]).argsort()[:most]])
        return self.words[kept], self.rows[kept]
