"""Scores: scikit-learn's values, intervals that hold what they promise, and thresholds that are the best there are."""

import datetime
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from chainrule.tabular.scores import (
    Score,
    best_threshold,
    class_scores,
    class_table,
    decide,
    indices,
    number_scores,
    rarer,
)


def answered(rng, m, K, share=None):
    """Labels and probabilities that know something of them, with many equal ones."""
    y = rng.choice(K, m, p=share)
    p = rng.dirichlet(np.ones(K), m) + 0.4 * np.eye(K)[y]
    p = np.round(p, 1) + 0.01
    return y, p / p.sum(axis=1, keepdims=True)


def theirs(classes, y, p, w=None):
    """The same scores by scikit-learn."""
    best, binary = classes[p.argmax(axis=1)], len(classes) == 2
    average = {"average": "binary", "pos_label": classes[1]} if binary else {"average": "macro"}
    area = p[:, 1] if binary else p
    hot = (y[:, None] == classes).astype(int)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        y, best, sample_weight=w, zero_division=0, **average
    )
    return {
        "accuracy": metrics.accuracy_score(y, best, sample_weight=w),
        "balanced accuracy": metrics.balanced_accuracy_score(y, best, sample_weight=w),
        "ROC AUC": metrics.roc_auc_score(hot[:, 1] if binary else hot, area, sample_weight=w),
        "F1": f1,
        "precision": precision,
        "recall": recall,
        "PR AUC": metrics.average_precision_score(hot[:, 1] if binary else hot, area, sample_weight=w),
        "log loss": metrics.log_loss(y, p, sample_weight=w, labels=classes),
        "Brier": metrics.brier_score_loss(y, p, sample_weight=w, labels=classes),
    }


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("K", [2, 4])
def test_rows_of_classes_that_are_not_known_count_as_scikit_learn_counts_them(K, weighted, rng):
    classes, others = np.array(["a", "b", "c", "d"])[:K], ["x", "y"]
    k, p = answered(rng, 600, K)
    y = np.where(np.arange(600) % 3 == 1, np.resize(["x", "x", "y"], 600), classes[k])
    w = rng.integers(1, 4, 600).astype(float) if weighted else np.ones(600)
    found = {name: score.value for name, score in class_scores(classes, y, p, sample_weight=w, others=others).items()}
    best, known, hot = classes[p.argmax(axis=1)], np.isin(y, classes), (y[:, None] == classes).astype(int)
    labels, average = ([classes[1]], "micro") if K == 2 else (None, "macro")
    few = {"sample_weight": w, "labels": labels, "average": average, "zero_division": 0}
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(y, best, **few)
    each, area = (hot[:, 1], p[:, 1]) if K == 2 else (hot, p)
    off = (area - each) ** 2
    assert found == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(y, best, sample_weight=w),
            "balanced accuracy": metrics.recall_score(
                y, best, sample_weight=w, labels=np.unique(y), average="macro", zero_division=0
            ),
            "ROC AUC": metrics.roc_auc_score(each, area, sample_weight=w),
            "F1": f1,
            "precision": precision,
            "recall": recall,
            "PR AUC": metrics.average_precision_score(each, area, sample_weight=w),
            "log loss": metrics.log_loss(y[known], p[known], sample_weight=w[known], labels=classes),
            "Brier": np.average(off if K == 2 else off.sum(axis=1), weights=w),
        }
    )
    table = class_table(classes, y, best, w, others)
    theirs = metrics.precision_recall_fscore_support(y, best, sample_weight=w, labels=classes, zero_division=0)
    assert [row.label for row in table] == classes.tolist()
    np.testing.assert_allclose([(row.precision, row.recall, row.f1) for row in table], np.transpose(theirs[:3]))
    assert [row.rows for row in table] == [(y == label).sum() for label in classes]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("K", [2, 4])
@pytest.mark.parametrize("m", [30, 500])
def test_the_scores_of_classes_are_those_of_scikit_learn(m, K, weighted, rng):
    classes = np.array(["a", "b", "c", "d"])[:K]
    k, p = answered(rng, m, K)
    w = rng.integers(0, 3, m).astype(float) if weighted else None
    found = class_scores(classes, classes[k], p, sample_weight=w)
    assert {name: score.value for name, score in found.items()} == pytest.approx(theirs(classes, classes[k], p, w))
    assert all(score.low < score.value < score.high for score in found.values())


@pytest.mark.parametrize("weighted", [False, True])
def test_the_scores_of_numbers_are_those_of_scikit_learn(weighted, rng):
    y = 1e6 + rng.normal(size=200)
    e = rng.normal(size=200)
    w = rng.uniform(size=200) if weighted else None
    found = number_scores(y, y + e / 2, sample_weight=w)
    assert {name: score.value for name, score in found.items()} == pytest.approx(
        {
            "R²": metrics.r2_score(y, y + e / 2, sample_weight=w),
            "RMSE": metrics.root_mean_squared_error(y, y + e / 2, sample_weight=w),
            "MAE": metrics.mean_absolute_error(y, y + e / 2, sample_weight=w),
        },
        rel=1e-6,
    )
    assert all(score.low < score.value < score.high for score in found.values())


def test_of_two_classes_the_positive_one_may_be_the_first(rng):
    k, p = answered(rng, 200, 2, [0.2, 0.8])
    p = p @ [[0.99, 0.01], [0.03, 0.97]]  # no row at a half, where the first class would be decided for
    found = class_scores(["yes", "no"], np.array(["yes", "no"])[k], p, positive="yes")
    turned = class_scores(["no", "yes"], np.array(["yes", "no"])[k], p[:, ::-1])
    assert {n: s.value for n, s in found.items()} == pytest.approx({n: s.value for n, s in turned.items()})


def test_where_a_class_is_rare_the_scores_that_see_it_come_first(rng):
    even = class_scores([0, 1], *answered(rng, 300, 2))
    rare = class_scores([0, 1], *answered(rng, 300, 2, [0.9, 0.1]))
    assert next(iter(even)) == "accuracy"
    assert list(rare)[:4] == ["F1", "recall", "precision", "PR AUC"]
    assert list(rare)[-1] == "accuracy"


def test_decisions_other_than_the_likeliest_class_are_scored(rng):
    y, p = answered(rng, 200, 2)
    chosen = decide([0, 1], p, 0.2)
    found = class_scores([0, 1], y, p, chosen)
    assert found["recall"].value == pytest.approx(metrics.recall_score(y, chosen))
    assert found["recall"].value > class_scores([0, 1], y, p)["recall"].value
    assert found["ROC AUC"] == class_scores([0, 1], y, p)["ROC AUC"]


def test_scores_that_the_rows_do_not_define_are_absent_without_a_warning(rng):
    p = np.tile([0.8, 0.2], (10, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = class_scores(["a", "b"], ["a"] * 10, p)  # one class, never decided for the other
        assert set(one) == {"accuracy", "balanced accuracy", "log loss", "Brier"}
        assert set(class_scores(["a", "b"], ["a"] * 9 + ["b"], p)) >= {"recall", "ROC AUC"}
        assert set(class_scores(list("abc"), ["a"] * 10, np.tile([0.8, 0.1, 0.1], (10, 1)))) >= {"accuracy", "F1"}
        assert class_scores(["a", "b"], [], np.empty((0, 2))) == {}
        assert class_scores(["a", "b"], ["a"], p[:1])["accuracy"].value == 1
        assert set(number_scores([3.0] * 5, [3.0, 3, 3, 3, 4])) == {"RMSE", "MAE"}
        assert set(number_scores([1.0], [2.0])) == {"RMSE", "MAE"}
        assert number_scores([], []) == {}


def test_the_area_of_classes_of_which_one_is_missing_is_that_of_the_others(rng):
    y, p = answered(rng, 200, 3, [0.5, 0.5, 0])
    found = class_scores(["a", "b", "c"], np.array(["a", "b", "c"])[y], p)
    wanted = np.mean([metrics.roc_auc_score(y == k, p[:, k]) for k in (0, 1)])
    assert found["ROC AUC"].value == pytest.approx(wanted)


def test_all_right_is_not_sure_to_be_right_always():
    y = np.arange(20) % 2
    found = class_scores([0, 1], y, np.eye(2)[y])
    for name in ("accuracy", "balanced accuracy", "ROC AUC", "F1", "precision", "recall", "PR AUC"):
        assert found[name].value == found[name].high == 1
        assert 0.7 < found[name].low < 0.95, name


def test_a_constant_knows_nothing_for_sure(rng):
    found = class_scores([0, 1], rng.integers(0, 2, 50), np.full((50, 2), 0.5))
    assert found["ROC AUC"] == Score(0.5, 0.5, 0.5)


@pytest.mark.parametrize("share", [0.5, 0.15])
def test_the_intervals_hold_the_score_of_very_many_rows_19_times_of_20(share, rng):
    def rows(m):
        y = (rng.uniform(size=m) < share).astype(int)
        p = 1 / (1 + np.exp(1 - 2 * y - 1.5 * rng.normal(size=m)))
        return y, np.stack([1 - p, p], axis=1)

    true = {name: score.value for name, score in class_scores([0, 1], *rows(200_000)).items()}
    runs, missed = 60, dict.fromkeys(true, 0)
    for seed in range(runs):
        for name, score in class_scores([0, 1], *rows(150), seed=seed).items():
            missed[name] += not score.low <= true[name] <= score.high
    assert max(missed.values()) <= 0.15 * runs, missed
    assert sum(missed.values()) >= 0.01 * runs * len(true)  # not all too wide


def test_the_intervals_of_numbers_hold_as_often(rng):
    def rows(m):
        x = rng.normal(size=m)
        return x + rng.normal(size=m), x

    true = {name: score.value for name, score in number_scores(*rows(200_000)).items()}
    runs, missed = 100, dict.fromkeys(true, 0)
    for seed in range(runs):
        for name, score in number_scores(*rows(40), seed=seed).items():
            missed[name] += not score.low <= true[name] <= score.high
    assert 1 <= min(missed.values()) <= max(missed.values()) <= 14, missed


def test_rows_of_weight_zero_are_not_there_and_the_scale_of_weights_does_not_count(rng):
    y, p = answered(rng, 100, 3)
    w = np.repeat([1.0, 0.0], 50)
    assert class_scores([0, 1, 2], y, p, sample_weight=w) == class_scores([0, 1, 2], y[:50], p[:50])
    few, many = class_scores([0, 1, 2], y, p), class_scores([0, 1, 2], y, p, sample_weight=np.full(100, 7.0))
    for name in few:
        np.testing.assert_allclose([*vars(few[name]).values()], [*vars(many[name]).values()])


def test_the_same_seed_is_the_same_interval_and_a_generator_is_one(rng):
    y, p = answered(rng, 100, 2)
    assert class_scores([0, 1], y, p) == class_scores([0, 1], y, p)
    assert class_scores([0, 1], y, p, seed=1) == class_scores([0, 1], y, p, seed=np.random.default_rng(1))
    assert class_scores([0, 1], y, p, seed=1) != class_scores([0, 1], y, p, seed=2)


def test_a_hundred_thousand_rows_take_a_moment(rng):
    y, p = answered(rng, 100_000, 3)
    began = time.process_time()
    found = class_scores([0, 1, 2], y, p)
    assert time.process_time() - began < 5
    assert 0.001 < found["log loss"].high - found["log loss"].low < 0.01
    e = rng.normal(size=100_000)
    rmse = number_scores(e, np.zeros(100_000))["RMSE"]
    assert rmse.high - rmse.low == pytest.approx(2 * 1.96 / np.sqrt(200_000), rel=0.2)


@pytest.mark.parametrize("wrong", [np.ones(3), -np.ones(4), np.full(4, np.nan)])
def test_weights_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match="sample_weight: wanted 4 numbers of 0 or more"):
        number_scores([1, 2, 3, 4], [1, 2, 3, 5], sample_weight=wrong)


def test_labels_and_probabilities_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="'c' is not one of the classes: a, b"):
        indices(["a", "b"], ["a", "c"])
    with pytest.raises(ValueError, match=r"probabilities: got shape \(2, 3\), wanted \(2, 2\)"):
        class_scores(["a", "b"], ["a", "b"], np.ones((2, 3)) / 3)


DAYS = np.array(["2024-01-01", "2024-01-02"])


@pytest.mark.parametrize("unit", ["D", "s", "us", "ns"])
def test_a_date_is_found_whatever_it_is_given_as(unit):
    classes = DAYS.astype(f"M8[{unit}]")
    day = datetime.datetime(2024, 1, 2)
    for given in (classes[1], DAYS[1], day, pd.Timestamp(day), np.datetime64(day, "ns"), np.datetime64(day, "s")):
        assert indices(classes, [given, given]).tolist() == [1, 1]
    assert indices(classes, classes[[1, 0, 1]]).tolist() == [1, 0, 1]
    for other in ("2024-01-02T01:00", np.datetime64("2024-01-03"), "tomorrow"):
        with pytest.raises(ValueError, match="is not one of the classes"):
            indices(classes, [other])
    assert [row.label for row in class_table(classes, classes, classes)] == [*classes]


def test_whole_numbers_are_labels_to_the_last_digit():
    large = 2**63 + 5
    for classes in ([7, large], np.array([7, large], np.uint64), [-7, large]):
        assert indices(classes, [large, classes[0], large]).tolist() == [1, 0, 1]
        with pytest.raises(ValueError, match=f"y: {large + 1} is not one of the classes: .*, {large}$"):
            indices(classes, [large + 1])
        assert decide(classes, np.array([[0.6, 0.4], [0.9, 0.1]]), 0.3, large).tolist() == [large, classes[0]]
    assert decide([0.5, 1], np.array([[0.6, 0.4]]), 0.3, 1).tolist() == [1.0]


def test_the_table_of_the_classes_is_that_of_scikit_learn(rng):
    y, p = answered(rng, 200, 3)
    best = p.argmax(axis=1)
    report = metrics.classification_report(y, best, output_dict=True)
    for row in class_table([0, 1, 2, 3], y, best)[:3]:
        wanted = report[str(row.label)]
        assert (row.precision, row.recall, row.f1) == pytest.approx(
            (wanted["precision"], wanted["recall"], wanted["f1-score"])
        )
        assert row.rows == wanted["support"]
    absent = class_table([0, 1, 2, 3], y, best)[3]
    assert np.isnan([absent.precision, absent.recall, absent.f1]).all()
    assert absent.rows == 0


# -- thresholds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["F1", "accuracy", "balanced accuracy"])
def test_no_threshold_is_better_than_the_best(metric, rng):
    measure = {"F1": "f1", "accuracy": "accuracy", "balanced accuracy": "balanced_accuracy"}[metric]
    score = getattr(metrics, f"{measure}_score")
    y, p = answered(rng, 120, 2, [0.8, 0.2])
    w = rng.uniform(size=120)
    best = best_threshold(y == 1, p[:, 1], metric, w)
    reached = score(y, p[:, 1] >= best, sample_weight=w)
    for other in np.linspace(0, 1.01, 60):
        assert reached >= score(y, p[:, 1] >= other, sample_weight=w) - 1e-12


def test_a_threshold_is_between_what_was_seen_and_the_nearest_to_a_half():
    p = np.array([0.1, 0.2, 0.6, 0.9])
    assert best_threshold([False, False, True, True], p) == pytest.approx(0.4)
    assert best_threshold([False] * 4, p) == 0.5
    assert best_threshold([True] * 4, p) == 0.5
    certain = best_threshold([False, False, True], np.array([1.0, 1.0, 1.0]), "accuracy")
    assert certain > 1  # better never than always


def test_a_decision_takes_the_positive_class_from_the_threshold_on():
    p = np.array([[0.7, 0.3], [0.6, 0.4]])
    assert decide(["no", "yes"], p, 0.4).tolist() == ["no", "yes"]
    assert decide(["no", "yes"], p, 0.65, positive="no").tolist() == ["no", "yes"]
    assert decide([False, True], p, 0.3).dtype == bool
    with pytest.raises(ValueError, match="between two classes; got 3"):
        decide(["a", "b", "c"], np.ones((1, 3)) / 3, 0.5)
    with pytest.raises(ValueError, match="metric"):
        best_threshold([True, False], [0.1, 0.2], "f2")


def test_the_positive_class_is_the_rarer_if_it_is_clearly_so():
    assert rarer({"bad": 30, "good": 70}) == "bad"
    assert rarer({"a": 45, "b": 55}) == "b"
    assert rarer({0: 900, 1: 100}) == 1
