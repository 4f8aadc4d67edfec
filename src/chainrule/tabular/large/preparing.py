"""The fitted preparation of a plan: made on a sample of the rows, then brought to what is known of all of them."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from chainrule._types import Array
from chainrule.tabular.encoders import FEWEST, TargetStatistics
from chainrule.tabular.large.statistics import FOLDS, Levels, Statistics
from chainrule.tabular.marks import spellings
from chainrule.tabular.plan import Plan
from chainrule.tabular.recipe import preparation


@dataclass(frozen=True, eq=False)
class Preparation:
    """From rows to inputs.

    pipeline: fitted, for rows that were not learned from. folds: for those that are, the statistics of the target out
    of which a fold was left: an encoder for each fold; empty where there are none.
    """

    pipeline: Pipeline
    folds: list[TargetStatistics]

    def inputs(self, X: pd.DataFrame, folds: Array) -> Array:
        """The inputs (m, n[0]) of rows that are learned from, in float32. folds: (m,) that of each row."""
        return self.pipeline[-1].transform(self.uncentered(X, folds)).astype(np.float32)  # type: ignore[no-any-return]

    def uncentered(self, X: pd.DataFrame, folds: Array) -> Array:
        """The inputs before the last step, in float64."""
        inputs = self.pipeline[1]
        typed = self.pipeline[0].transform(X)
        made = np.asarray(inputs.transform(typed))
        if self.folds:
            chained, names = next((step, given) for name, step, given in inputs.transformers_ if name == "statistics")
            where = inputs.output_indices_["statistics"]
            for fold, encoder in enumerate(self.folds):
                if (rows := np.flatnonzero(folds == fold)).size:
                    made[rows, where] = chained[-1].transform(encoder.transform(typed[names].iloc[rows]))
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
    pipeline = Pipeline(preparation(plan, len(X), seed, two_valued))
    pipeline.named_steps["columns"].allow_unreadable = True
    pipeline.fit(X, y)
    columns, inputs, centered = (step for _, step in pipeline.steps)
    columns.ranges_ = {name: known.ranges.get(name, found) for name, found in columns.ranges_.items()}
    columns.levels_ = {name: [word for word in words if word] for name, (words, _, _) in merged.items()}
    columns.spellings_ = {name: same for name, (_, _, same) in merged.items()}
    typed = columns.transform(X)
    whole = {name: step for name, step in preparation(plan, known.rows, seed, two_valued)}["inputs"]
    wanted = {name: step for name, step, _ in whole.transformers}
    encoders: list[TargetStatistics] = []
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
                encoders = _statistics(step, known, [merged[each] for each in given], list(given))
            case "date":
                vars(step[1]).update(vars(known.dates))
                if len(step) > 2:
                    step[2].fit(step[:2].transform(typed[given]))
            case str() if name.startswith("text "):
                _words(step, wanted[name], known, given)
    _count_outputs(inputs, typed)
    made = Preparation(pipeline, encoders)
    centered.fit(made.uncentered(X, folds))
    return made


def _numbers(step: Pipeline, known: Statistics, names: Sequence[str], sample: Array) -> None:
    gaps = np.flatnonzero([known.missing[name] for name in names])
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


def _statistics(step: Pipeline, known: Statistics, columns: Sequence[Merged], names: list[str]) -> list[Any]:
    """The encoder of the target's statistics, and its scaler; an encoder for each fold, of the others."""
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
    made = []
    for fold in range(FOLDS):
        other = deepcopy(encoder)
        _, other.encodings_ = _encodings(known, every, [sums.sum(axis=1) - sums[:, fold] for sums in every])
        made.append(other)
    rows = [sums[:, :, 0] if classes is None else sums.sum(axis=2) for sums in every]  # (words, FOLDS)
    each = len(encoder.encodings_) // len(columns)
    mean, variance = [], []
    for k in range(len(encoder.encodings_)):
        values = np.column_stack([other.encodings_[k] for other in made])  # (words, FOLDS)
        weights = rows[k // each] / rows[k // each].sum()
        mean.append((weights * values).sum())
        variance.append((weights * (values - mean[-1]) ** 2).sum())
    scaler.mean_, scaler.var_ = np.array(mean), np.array(variance)
    spread = np.sqrt(scaler.var_)
    scaler.scale_ = np.where(spread > 10 * np.finfo(float).eps * abs(scaler.mean_), spread, 1.0)
    scaler.n_features_in_, scaler.n_samples_seen_ = len(mean), known.rows
    return made


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
            values = [(q, share[k], n * q * (1 - q), share[k] * (1 - share[k])) for k, q in zip(several, p, strict=True)]
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


def _count_outputs(inputs: Any, typed: pd.DataFrame) -> None:
    """Which of its outputs each part makes: of a column that has missing values in few rows only there is one more."""
    start = 0
    for name, step, given in inputs.transformers_:
        if isinstance(step, str) or not len(given):  # remainder
            continue
        width = step.transform(typed[given].iloc[:1]).shape[1]
        inputs.output_indices_[name] = slice(start, start + width)
        start += width
