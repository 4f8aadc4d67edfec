"""The fitted preparation of a plan: made on a sample of the rows, then brought to what is known of all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from chainrule._types import Array
from chainrule.tabular.encoders import FEWEST
from chainrule.tabular.large.statistics import FOLDS, Levels, Statistics
from chainrule.tabular.marks import spellings
from chainrule.tabular.plan import Plan
from chainrule.tabular.recipe import preparation

ROWS = 4096  # that are prepared at a time, in arrays that stay in the cache
FEW = 2000  # rows that the steps are fitted to, before they get what is known of all


@dataclass(frozen=True, eq=False)
class Lookup:
    """What becomes of the words of a column in rows that are learned from: scikit-learn's encoders are slow with words.

    one_hot: (words + 1,) the input that is 1, −1 for none. statistics: (FOLDS, words + 1, k), scaled; None without. The
    last is of words that were not counted.
    """

    words: "pd.Index[Any]"
    one_hot: Array
    statistics: Array | None


@dataclass(frozen=True, eq=False)
class Preparation:
    """From rows to inputs.

    pipeline: fitted, for rows that were not learned from. lookups: by column, for those that are, of whose targets the
    statistics of their category must know nothing: they are those of the other folds.
    """

    pipeline: Pipeline
    lookups: dict[str, Lookup]

    @property
    def features(self) -> int:
        """n[0]."""
        return _width(self.pipeline[1])

    def inputs(self, X: pd.DataFrame, folds: Array) -> Array:
        """The inputs (m, n[0]) of rows that are learned from, in float32. folds: (m,) that of each row."""
        return self.of_typed(self.typed(X), folds)

    def typed(self, X: pd.DataFrame) -> pd.DataFrame:
        """The columns as they were read: what `of_typed` takes, also some rows of it."""
        typed: pd.DataFrame = self.pipeline[0].transform(X)
        return typed

    def of_typed(self, typed: pd.DataFrame, folds: Array) -> Array:
        """The inputs of rows that have been read, those of each row whatever rows are beside it."""
        made = self._uncentered(typed, folds)
        made -= self.pipeline[2].mean_.astype(np.float32)
        return made

    def of_others(self, X: pd.DataFrame) -> Array:
        """The inputs (m, n[0]) of rows that are not learned from, in float32."""
        made = np.empty((len(X), self.features), np.float32)
        for first in range(0, len(X), ROWS):
            some = slice(first, first + ROWS)
            made[some] = self.pipeline.transform(X.iloc[some])
        return made

    def uncentered(self, X: pd.DataFrame, folds: Array) -> Array:
        """The inputs before the last step."""
        return self._uncentered(self.typed(X), folds)

    def _uncentered(self, typed: pd.DataFrame, folds: Array) -> Array:
        inputs, every = self.pipeline[1], np.arange(len(typed))
        made = np.zeros((len(typed), self.features), np.float32)
        codes = {name: lookup.words.get_indexer(typed[name]) for name, lookup in self.lookups.items()}
        for name, step, given in inputs.transformers_:
            where = inputs.output_indices_[name]
            if name == "category":
                for column in given:
                    one = self.lookups[column].one_hot[codes[column]]
                    made[every[one >= 0], where.start + one[one >= 0]] = 1
            elif name == "statistics":
                each = (where.stop - where.start) // len(given)
                for j, column in enumerate(given):
                    start = where.start + j * each
                    made[:, start : start + each] = self.lookups[column].statistics[folds, codes[column]]  # type: ignore[index]
            elif where.stop > where.start:
                for first in range(0, len(typed), ROWS):
                    some = slice(first, first + ROWS)
                    part = typed[given].iloc[some]
                    part = part if isinstance(step, str) else step.transform(part)
                    made[some, where] = part.toarray() if hasattr(part, "toarray") else part
        return made


class Merged(NamedTuple):
    """The words of a column in order, their sums (words, FOLDS, width), and which are spellings of others."""

    words: list[str]
    sums: Array
    spellings: dict[str, str]


def prepared(plan: Plan, known: Statistics, X: pd.DataFrame, y: Array, folds: Array, seed: int) -> Preparation:
    """Fit the preparation of a plan.

    Exact, over all rows: mean and variance of numbers and parts of dates, which columns have missing values, the most
    frequent of two values, categories with their spellings, the statistics of the target, the rows that a word is in,
    ranges. Of the sample: medians, the knots of the piecewise linear encoding, what differs in dates, and the means
    that bring the inputs to 0 at the typical row.

    known: of all rows. X, y: the sample, (m,) labels or numbers. folds: (m,) those of its rows.
    """
    merged = {name: _merged(levels) for name, levels in known.levels.items()}
    two_valued = {name for name, (words, _, _) in merged.items() if len(words) <= 2}
    pipeline = Pipeline(preparation(plan, known.rows, seed, two_valued))
    columns, inputs, centered = (step for _, step in pipeline.steps)
    columns.allow_unreadable = True
    columns.fit(X)
    columns.ranges_ = {name: known.ranges.get(name, found) for name, found in columns.ranges_.items()}
    columns.levels_ = {name: [word for word in words if word] for name, (words, _, _) in merged.items()}
    columns.spellings_ = {name: same for name, (_, _, same) in merged.items()}
    typed = columns.transform(X)
    wanted = {name: clone(step) for name, step, _ in inputs.transformers}
    for name, step, _ in inputs.transformers:  # of few rows
        if name.startswith("text "):
            step.set_params(min_df=1)
    inputs.fit(typed[:FEW], y[:FEW])
    statistics: dict[str, Array] = {}
    for name, step, given in inputs.transformers_:
        match name:
            case "number":
                _numbers(step, known, given, typed[given].to_numpy(float))
            case "boolean":
                gaps = np.array([known.missing[each] for each in given])
                step.statistics_ = (2 * known.true > known.rows - gaps).astype(float)
                step.indicator_.features_ = np.flatnonzero(gaps)
            case "category":
                _one_hot(step, wanted[name], [merged[each] for each in given], list(given), known.classes is None)
            case "statistics":
                statistics = _statistics(step, known, [merged[each] for each in given], list(given))
            case "date":
                vars(step[0]).update(vars(known.parts))
                vars(step[1]).update(vars(known.dates))
                if len(step) > 2:
                    step[2].fit(step[:2].transform(typed[given]))
            case str() if name.startswith("text "):
                _words(step, wanted[name], known, given)
    _count_outputs(inputs, typed)
    made = Preparation(pipeline, _lookups(inputs, merged, statistics))
    for first in range(0, len(X), ROWS):
        some = slice(first, first + ROWS)
        centered.partial_fit(made.uncentered(X.iloc[some], folds[some]).astype(float))
    return made


def _numbers(step: Pipeline, known: Statistics, names: Sequence[str], sample: Array) -> None:
    gaps = np.flatnonzero([known.missing[name] for name in names])
    step[0].statistics_ = known.medians
    step[0].indicator_.features_ = gaps
    kept = np.r_[np.arange(len(names)), len(names) + gaps]
    for attribute in ("mean_", "var_", "scale_"):
        setattr(step[1], attribute, getattr(known.scaler, attribute)[kept])
    step[1].n_features_in_, step[1].n_samples_seen_ = len(kept), known.scaler.n_samples_seen_
    if len(step) > 2:
        step[2].fit(step[:2].transform(pd.DataFrame(sample, columns=list(names))))


def _merged(levels: Levels) -> Merged:
    same = spellings(dict(zip(levels.of, levels.rows().tolist(), strict=True)))
    same = {word: other for word, other in same.items() if word}
    sums = dict(zip(levels.of, levels.sums, strict=False))
    for word, other in same.items():
        sums[other] = sums[other] + sums.pop(word)
    words = sorted(sums)
    return Merged(words, np.array([sums[word] for word in words]), same)


def _one_hot(step: Any, wanted: Any, columns: Sequence[Merged], names: list[str], numeric: bool) -> None:
    """As if it had been fitted to all rows: on a few, in which the words are as frequent by rank."""
    few = []
    for words, sums, _ in columns:
        counts = (sums[:, :, 0] if numeric else sums.sum(axis=2)).sum(axis=1)
        frequent = counts >= wanted.min_frequency
        _, rank = np.unique(counts[frequent], return_inverse=True)
        times = np.ones(len(words), int)
        times[frequent] = 2 + np.maximum(0, rank - rank.max(initial=0) + wanted.max_categories)
        few.append(np.repeat(np.array(words, object), times))
    longest = max(map(len, few))
    # A word that is the most frequent may be more so.
    frame = {
        name: np.r_[some, np.full(longest - len(some), pd.Series(some).mode()[0], object)]
        for name, some in zip(names, few, strict=True)
    }
    step.set_params(min_frequency=2).fit(pd.DataFrame(frame))
    step.set_params(min_frequency=wanted.min_frequency)


def _lookups(inputs: Any, merged: Mapping[str, Merged], statistics: Mapping[str, Array]) -> dict[str, Lookup]:
    if "category" not in inputs.named_transformers_:
        return {}
    encoder, names = inputs.named_transformers_["category"], list(merged)
    longest = max(len(merged[name].words) for name in names) + 1
    # The first word of each column, the second …, and at last none that is known, as the encoder has them.
    frame = pd.DataFrame({name: np.resize(np.array(merged[name].words, object), longest) for name in names})
    frame.iloc[-1] = "\0"
    widths = [
        len(known) - (0 if rare is None else len(rare) - 1)
        for known, rare in zip(encoder.categories_, encoder.infrequent_categories_, strict=True)
    ]
    places = {name: np.full(longest, -1) for name in names}
    for first in range(0, longest, ROWS):
        some = slice(first, first + ROWS)
        ones = np.asarray(encoder.transform(frame[some]))
        for name, stop, width in zip(names, np.cumsum(widths), widths, strict=True):
            mine = ones[:, stop - width : stop]
            places[name][some] = np.where(mine.any(axis=1), stop - width + mine.argmax(axis=1), -1)
    found = {}
    for name in names:
        words = merged[name].words
        one_hot = np.r_[places[name][: len(words)], places[name][-1]]
        found[name] = Lookup(pd.Index(words, dtype=object), one_hot, statistics.get(name))
    return found


def _statistics(step: Pipeline, known: Statistics, columns: Sequence[Merged], names: list[str]) -> dict[str, Array]:
    """Bring the encoder of the target's statistics, and its scaler, to all rows.

    By column those out of the other folds, scaled: (FOLDS, words + 1, k).
    """
    encoder, scaler = step[0], step[1]
    classes = known.classes
    size = max(len(words) for words, _, _ in columns)
    y = np.arange(size, dtype=float)
    if classes is not None:
        size = max(size, len(classes))
        y = classes[np.arange(size) % len(classes)]
    frame = {name: np.resize(np.array(words, object), size) for name, (words, _, _) in zip(names, columns, strict=True)}
    encoder.fit(pd.DataFrame(frame), y)
    every = [sums for _, sums, _ in columns]
    encoder.target_mean_, encoder.encodings_ = _encodings(known, every, [sums.sum(axis=1) for sums in every])
    of_folds = [_encodings(known, every, [sums.sum(axis=1) - sums[:, k] for sums in every])[1] for k in range(FOLDS)]
    rows = [sums[:, :, 0] if classes is None else sums.sum(axis=2) for sums in every]  # (words, FOLDS)
    each = len(encoder.encodings_) // len(columns)
    encoded, mean, variance = [], np.zeros(each * len(columns)), np.zeros(each * len(columns))
    for k in range(len(mean)):
        values = np.array([made[k] for made in of_folds])  # (FOLDS, words)
        weights = rows[k // each].T / rows[k // each].sum()
        mean[k] = (weights * values).sum()
        variance[k] = (weights * (values - mean[k]) ** 2).sum()
        encoded.append(np.column_stack([values, np.full(FOLDS, np.atleast_1d(encoder.target_mean_)[k % each])]))
    spread = np.sqrt(variance)
    scaler.mean_, scaler.var_ = mean, variance
    scaler.scale_ = np.where(spread > 10 * np.finfo(float).eps * abs(mean), spread, 1.0)
    scaler.n_features_in_, scaler.n_samples_seen_ = len(mean), known.rows
    scaled = [(values - mean[k]) / scaler.scale_[k] for k, values in enumerate(encoded)]
    return {name: np.stack(scaled[j * each : (j + 1) * each], axis=2) for j, name in enumerate(names)}


def _encodings(known: Statistics, every: Sequence[Array], sums: Sequence[Array]) -> tuple[Any, list[Array]]:
    """The mean of the target, and the encodings (words,) of each column and class: as TargetStatistics has them.

    every: (words, FOLDS, width) of each column. sums: (words, width) over some of the folds.
    """
    made = []
    for whole, part in zip(every, sums, strict=True):
        counted = whole.sum(axis=1)
        if known.classes is None:
            rare, n = counted[:, 0] < FEWEST, part[:, 0]
            total = part.sum(axis=0)
            mean, overall = _share(part[:, 1], n), total[1] / total[0]
            off = part[:, 2] - n * mean**2  # Σ (y − mean)²
            values = [(known.center + mean, known.center + overall, off, total[2] / total[0] - overall**2)]
            means = known.center + counted[:, 1].sum() / counted[:, 0].sum()
        else:
            rare, n = counted.sum(axis=1) < FEWEST, part.sum(axis=1)
            several = range(1, 2) if len(known.classes) == 2 else range(len(known.classes))
            share = part.sum(axis=0) / part.sum()
            p = [_share(part[:, k], n) for k in several]
            values = [
                (q, share[k], n * q * (1 - q), share[k] * (1 - share[k])) for k, q in zip(several, p, strict=True)
            ]
            means = counted.sum(axis=0) / counted.sum()
            means = means[1] if len(known.classes) == 2 else means
        for j, (mean, overall, off, variance) in enumerate(values):
            # Micci-Barreca 2001; scikit-learn's smooth="auto".
            weight = _share(variance * n, variance * n + _share(off, n))
            encoded = np.where(weight > 0, weight * mean + (1 - weight) * overall, overall)
            made.append(np.where(rare, np.atleast_1d(means)[j], encoded))
    return means, made


def _share(part: Array, whole: Array) -> Array:
    shares: Array = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    return shares


def _words(step: Any, wanted: Any, known: Statistics, name: str) -> None:
    words, rows = known.texts[name].common(wanted.min_df, wanted.max_features)
    step.set_params(min_df=1).fit([" ".join(words)])
    step.idf_ = np.log((1 + known.rows) / (1 + rows)) + 1
    step.set_params(min_df=wanted.min_df)


def _width(inputs: Any) -> int:
    return max(part.stop for part in inputs.output_indices_.values())  # type: ignore[no-any-return]


def _count_outputs(inputs: Any, typed: pd.DataFrame) -> None:
    """Which of its outputs each part makes: of a column that has missing values in few rows only there is one more."""
    start = 0
    for name, step, given in inputs.transformers_:
        if isinstance(step, str) or not len(given):  # remainder
            continue
        width = step.transform(typed[given].iloc[:1]).shape[1]
        inputs.output_indices_[name] = slice(start, start + width)
        start += width
