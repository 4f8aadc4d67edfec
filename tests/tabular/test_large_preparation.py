"""The preparation of a table that comes in blocks, beside the one that is fitted to the whole table at once."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from chainrule.readers import Table
from chainrule.tabular.encoders import TargetStatistics
from chainrule.tabular.large import rows as drawn
from chainrule.tabular.large.preparing import prepared
from chainrule.tabular.large.statistics import FOLDS, Statistics
from chainrule.tabular.plan import make_plan
from chainrule.tabular.recipe import preparation

M = 4000


def table(m=M, seed=0):
    """Every role, missing values in each, spellings, words that are rare, and a number far from zero."""
    rng = np.random.default_rng(seed)
    size = rng.normal(1e6, 3, m)
    city = rng.choice([f"city {k}" for k in range(300)], m, p=np.arange(1, 301) / 45150)
    frame = pd.DataFrame(
        {
            "size": np.where(rng.random(m) < 0.1, np.nan, size),
            "price": [f"€{x:,.2f}" for x in rng.lognormal(5, 1, m)],
            "whole": rng.normal(size=m),
            "yes": rng.choice([True, False, None], m, p=[0.5, 0.4, 0.1]),
            "city": np.where(rng.random(m) < 0.002, "CITY 250", city),
            "sex": rng.choice(["f", "m"], m),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 900, m), "D"),
            "said": [
                " ".join(rng.choice([f"w{k}" for k in range(60)], 8, p=np.arange(1, 61) / 1830)) for _ in range(m)
            ],
            "rarely": np.where(rng.random(m) < 0.95, None, rng.choice(["a note", "another", "none of it"], m)),
        }
    )
    score = (
        frame.whole
        + (frame.sex == "f")
        + city.astype("U8").view("U1").reshape(m, -1)[:, 5].astype("U1").view(np.uint32) / 60
    ).to_numpy()
    return frame, score


FRAME, SCORE = table()
TARGETS = {
    "regression": SCORE,
    "binary": np.where(np.median(SCORE) < SCORE, "high", "low"),
    "classes": np.array(["a", "b", "c"])[np.digitize(SCORE, np.quantile(SCORE, [0.3, 0.6]))],
}


def gathered(task, cuts, sample=slice(None)):
    """The plan, the statistics of all rows in some blocks, and the preparation."""
    frame, y = FRAME, TARGETS[task]
    some = frame.iloc[sample]
    plan = make_plan(Table("t", some, pd.Series(y[sample]), "y"))
    classes = None if task == "regression" else np.unique(y)
    codes = y if classes is None else np.searchsorted(classes, y)
    folds = (drawn.draws(np.arange(M), 0, drawn.FOLD) % np.uint64(FOLDS)).astype(int)
    known = Statistics(plan, some, classes, center=float(np.mean(codes[sample])))
    for a, b in zip([0, *cuts], [*cuts, M], strict=True):
        known.update(frame[a:b], codes[a:b], folds[a:b])
    return SimpleNamespace(
        plan=plan, known=known, folds=folds, made=prepared(plan, known, some, y[sample], folds[sample], 0)
    )


@pytest.mark.parametrize("task", TARGETS)
def test_where_all_rows_are_the_sample_the_preparation_is_that_of_a_fit_in_memory(task):
    y, found = TARGETS[task], gathered(task, [1, 1500, 1501, 3300])
    whole = Pipeline(preparation(found.plan, M, 0, {"sex"})).fit(FRAME, y)
    columns, inputs, _ = (step for _, step in whole.steps)
    ours, our_inputs, _ = (step for _, step in found.made.pipeline.steps)
    assert ours.levels_ == columns.levels_
    assert ours.spellings_ == columns.spellings_ == {"city": {"CITY 250": "city 250"}, "sex": {}, "rarely": {}}
    for name, limits in columns.ranges_.items():
        assert ours.ranges_[name] == limits
    assert our_inputs.output_indices_ == inputs.output_indices_
    # All but what depends on the folds: how the statistics of the target are scaled, and the means at the end.
    part = inputs.output_indices_["statistics"]
    theirs, ours = (np.delete(each[:-1].transform(FRAME), np.r_[part], 1) for each in (whole, found.made.pipeline))
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)
    (encoder, _), (ours, _) = (
        next(step for name, step, _ in each.transformers_ if name == "statistics") for each in (inputs, our_inputs)
    )
    np.testing.assert_allclose(np.concatenate(ours.encodings_), np.concatenate(encoder.encodings_), rtol=1e-9)
    # Out of the same folds, as scikit-learn takes them.
    cv = [(np.flatnonzero(found.folds != fold), np.flatnonzero(found.folds == fold)) for fold in range(FOLDS)]
    encoder = TargetStatistics(target_type=encoder.target_type, cv=cv)
    wanted = encoder.fit_transform(columns.transform(FRAME)[["city", "rarely"]], y)
    mine = found.made.uncentered(FRAME, found.folds)
    np.testing.assert_allclose(mine[:, part], (wanted - wanted.mean(axis=0)) / wanted.std(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.delete(mine, np.r_[part], 1), theirs, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.made.inputs(FRAME, found.folds).mean(axis=0), 0, atol=1e-6)
