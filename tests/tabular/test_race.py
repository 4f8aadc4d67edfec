"""Learning from a table: which rows are held out, what is said of them, and what time, weights and threads change."""

import time

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from chainrule.errors import DivergenceError
from chainrule.readers import Table
from chainrule.tabular import make_plan
from chainrule.tabular.parts import folds
from chainrule.tabular.race import answers, learn

M = 90
LITTLE = {"hidden_layer_sizes": (4,), "max_iter": 4, "batch_size": 20}
X = pd.DataFrame(
    {"a": np.linspace(0, 1, M) ** 2, "b": np.arange(M) * 7 % 11, "c": np.array(["x", "y", "z"])[np.arange(M) % 3]}
)
LABELS = np.where(X["a"] + (X["c"] == "x") > 0.6, "yes", "no")
NUMBERS = 3 * X["a"].to_numpy() + X["b"]


def learned(y=LABELS, X=X, **options):
    plan = make_plan(Table("made", X, y, "y"), "regression" if y.dtype.kind == "f" else "classes")
    return learn(plan, X, y, **{"seed": 0, "arguments": LITTLE, "effort": "normal", **options})


def said(found, X=X):
    return answers(found.preparation, found.networks, X)


@pytest.mark.parametrize("count", [2, 7])
def test_folds_share_out_each_class_and_leave_none_without_rows(count):
    y = np.repeat(["a", "b", "c", "d"], [40, 13, 2, 1])
    made = folds(y, count, 0, classes=True)
    assert made[y == "d"].tolist() == [-1]
    for label in "abc":
        sizes = np.bincount(made[y == label], minlength=count)
        assert np.ptp(sizes) <= 1
        assert (sizes < (y == label).sum()).all()
    assert (folds(y, count, 0, True) == made).all()
    assert (folds(y, count, 1, True) != made).any()


@pytest.mark.parametrize("y", [LABELS, NUMBERS], ids=["classes", "numbers"])
def test_what_is_said_of_held_out_rows_comes_from_networks_that_were_not_trained_on_them(y):
    found = learned(y)
    rows = found.held_out.rows
    assert len(set(rows)) == len(rows) == len(found.held_out.outputs)
    assert 45 < len(rows) < 60  # four sevenths
    assert len(found.networks) == 4
    # Other answers for these rows do not change what was said of them; but how often it was looked at does, so there
    # is one epoch here.
    short = {**LITTLE, "max_iter": 1}
    before = learned(y, arguments=short, validation=rows, effort="quick", X=X[["a", "b"]])
    other = y.copy()
    other[rows] = y[rows][::-1]
    after = learned(other, arguments=short, validation=rows, effort="quick", X=X[["a", "b"]])
    assert (before.held_out.rows == rows).all()
    if y is NUMBERS:
        assert (before.held_out.outputs == after.held_out.outputs).all()


@pytest.mark.parametrize("effort", ["quick", "normal", 2])
def test_the_answer_is_the_mean_of_as_many_networks_as_the_effort_says(effort):
    found = learned(effort=effort)
    assert len(found.networks) == {"quick": 1, "normal": 4}.get(effort, effort)
    inputs = found.preparation.transform(X)
    mean = np.mean([network.predict_proba(inputs) for network in found.networks], axis=0)
    np.testing.assert_allclose(said(found), mean, atol=1e-6)
    assert found.leaderboard[0]["loss"] > 0


def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads():
    first = said(learned())
    with threadpool_limits(1):
        alone = said(learned())
    watched = said(learned(watch=lambda stage: []))  # one after the other
    assert (first == alone).all()
    assert (first == watched).all()
    assert (first != said(learned(seed=1))).any()


def test_predictions_stay_in_the_range_of_the_targets():
    far = X.assign(a=1e6, b=-1e6)
    found = said(learned(NUMBERS), far)
    assert (NUMBERS.min() <= found).all()
    assert (found <= NUMBERS.max()).all()


def test_weights_and_class_weights_are_followed():
    plain = said(learned())[:, 1].mean()
    yes = (LABELS == "yes").astype(float)
    assert said(learned(class_weight={"yes": 50.0, "no": 1.0}))[:, 1].mean() > plain
    assert said(learned(sample_weight=1 + 49 * yes))[:, 1].mean() > plain
    both = said(learned(sample_weight=1 + 49 * yes))
    assert (both == said(learned(class_weight={"yes": 50.0, "no": 1.0}))).all()


def test_a_validation_set_of_ones_own_stops_networks_that_are_trained_on_all_rows():
    found = learned(validation=(X[:20], LABELS[:20]))
    assert found.held_out is None
    assert len(found.networks) == 4
    assert (said(found) != said(learned(validation=(X[20:50], LABELS[20:50])))).any()


def test_a_time_limit_means_fewer_networks_and_epochs_but_always_a_model():
    began = time.monotonic()
    found = learned(time_limit=1e-3, arguments={**LITTLE, "max_iter": 10_000})
    assert time.monotonic() - began < 2
    assert len(found.networks) == 1
    assert np.isfinite(said(found)).all()
    assert len(learned(time_limit=1000.0).networks) == 4


def test_a_learning_rate_that_is_far_too_high_is_an_error_that_names_it():
    with pytest.raises(DivergenceError) as caught:
        learned(NUMBERS, arguments={**LITTLE, "learning_rate_init": 1e30})
    assert caught.value.learning_rate == 1e30


def test_each_network_has_a_checkpoint_of_its_own(tmp_path):
    path = tmp_path / "ck"
    settings = {"checkpoint": path, "checkpoint_every": 1, "resume": True}
    first = said(learned(checkpoint=settings))
    assert {each.name for each in tmp_path.iterdir()} == {"ck", "ck.2", "ck.3", "ck.4"}
    assert (said(learned(checkpoint=settings)) == first).all()  # all are taken as they are
    assert (said(learned()) == first).all()


@pytest.mark.parametrize("m", [4, 5, 8, 9])
def test_a_handful_of_rows_is_enough(m):
    some = np.r_[: m // 2, M - (m - m // 2) : M]
    for y in [NUMBERS[some], np.array(["no", "yes"])[np.arange(m) % 2]][: 1 + (m >= 8)]:
        found = learned(y, X.iloc[some].reset_index(drop=True))
        assert np.isfinite(said(found)).all()


def test_a_category_with_many_levels_keeps_its_signal():
    rng = np.random.default_rng(0)
    level = rng.integers(0, 300, 3000)
    y = rng.normal(size=300)[level] + 0.1 * rng.normal(size=3000)
    frame = pd.DataFrame({"shop": [f"shop {k}" for k in level], "noise": rng.normal(size=3000)})
    found = learned(y[:2500], frame[:2500], effort="quick", arguments={"hidden_layer_sizes": (16,), "max_iter": 15})
    left = y[2500:] - said(found, frame[2500:])
    assert 1 - np.var(left) / np.var(y[2500:]) > 0.85


def test_candidates_race_where_there_are_many_networks():
    found = learned(effort=8, arguments={"max_iter": 1})
    assert len(found.networks) == 8
    losses = [entry["loss"] for entry in found.leaderboard]
    assert {entry["name"] for entry in found.leaderboard} == {"deep", "wide"}
    assert losses == sorted(losses)
    layers = {"deep": (128, 128, 128), "wide": (512,)}[found.leaderboard[0]["name"]]
    assert all(network.hidden_layer_sizes == layers for network in found.networks)
    assert [entry["name"] for entry in learned().leaderboard] == ["deep"]
