"""What a model says of columns: their inputs, importances, contributions and effects, beside what is known exactly."""

import datetime

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor
from chainrule.tabular import TableError, importance
from chainrule.tabular.effects import effect
from chainrule.tabular.estimators import TabularClassifier, TabularRegressor
from chainrule.tabular.explanation import Contribution, explain
from chainrule.tabular.importance import permutation_importance
from chainrule.tabular.opened import Opened, input_columns, opened

M = 240
PLAIN = {"max_iter": 30, "learning_rate_init": 0.05, "schedule": "cosine", "random_state": 0}
QUICK = {"max_iter": 4, "hidden_layer_sizes": (12,), "random_state": 0}


@pytest.fixture(scope="module")
def frame():
    """A column of every kind, with names that begin alike and categories that look like names."""
    rng = np.random.default_rng(0)
    days = [datetime.date(2020, 1, 1) + datetime.timedelta(int(d)) for d in rng.integers(0, 900, M)]
    words = np.array("the quick brown fox jumps over some lazy dogs while nobody looks at them".split())  # noqa: SIM905
    return pd.DataFrame(
        {
            "a": np.where(rng.uniform(size=M) < 0.2, np.nan, rng.normal(size=M)),
            "a_b": rng.choice(["c", "d", "b_c"], M),
            "missingindicator_a": rng.normal(size=M),
            "a b": rng.choice(["b_c", "x"], M),
            "when": [day.isoformat() for day in days],
            "yes": rng.choice(["true", "false"], M),
            "b, c": np.where(rng.uniform(size=M) < 0.3, None, [f"{i}x{i * i}" for i in range(M)]),
            "words": [" ".join(rng.choice(words, 7)) for _ in range(M)],
        }
    )


@pytest.fixture(scope="module")
def target(frame):
    rng = np.random.default_rng(1)
    signal = frame["a"].fillna(2) + 2 * (frame["a_b"] == "c") + 0.5 * rng.normal(size=M)
    return np.array(["no", "maybe", "yes"])[np.digitize(signal, [0.3, 1.5])]


@pytest.fixture(scope="module")
def classifier(frame, target):
    model = TabularClassifier(**QUICK).fit(frame, target)
    model.temperature_ = 1.7
    return model


@pytest.fixture(scope="module")
def regressor(frame):
    return TabularRegressor(effort="quick", **QUICK | {"max_iter": 120}).fit(
        frame, 100 + 10 * frame["missingindicator_a"] + 5 * (frame["a_b"] == "d")
    )


def linear(X, y, make=MLPRegressor, **options):
    return make(hidden_layer_sizes=(), **PLAIN | options).fit(X, y)


# -- the inputs of a column --------------------------------------------------------------------------------------------


def test_each_input_has_the_column_that_changes_it_and_no_other_changes_it(frame, classifier):
    inside = opened(classifier)
    inputs, rng = inside.prepare(frame), np.random.default_rng(0)
    assert set(inside.columns) == set(frame.columns)
    for name in frame.columns:
        other = frame.copy()
        other[name] = frame[name].to_numpy()[rng.permutation(M)]
        changed = (inside.prepare(other) != inputs).any(axis=0)
        assert changed.any()
        assert {inside.columns[i] for i in np.flatnonzero(changed)} == {name}


def test_inputs_of_an_array_are_called_by_number_and_a_scaler_keeps_them():
    X = np.random.default_rng(0).normal(size=(30, 3))
    pipeline = make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(), **PLAIN)).fit(X, X[:, 0])
    assert input_columns(pipeline[:-1]) == ["0", "1", "2"]
    assert opened(pipeline).columns == opened(linear(X, X[:, 0])).columns == ["0", "1", "2"]


def test_what_is_made_of_several_columns_has_the_names_of_all():
    from sklearn.decomposition import PCA

    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 2)), columns=["u", "v"])
    assert input_columns(make_pipeline(StandardScaler(), PCA(1)).fit(frame)) == ["u, v"]


def test_the_networks_with_the_temperature_are_the_model(frame, classifier, regressor):
    for model in (classifier, regressor):
        inside = opened(model)
        answer = model.predict(frame) if inside.classes is None else model.predict_proba(frame)
        np.testing.assert_allclose(inside.answer(inside.prepare(frame)), answer, rtol=1e-6)
    assert opened(inside) is inside


def test_the_gradient_is_the_slope_of_the_answer(frame, classifier, regressor):
    for model in (classifier, regressor):
        inside = opened(model)
        for each in inside.networks:  # in float64, so that differences can tell
            state = each.network_.__getstate__() | {"dtype": "float64"}
            state["parameters"] = state["parameters"].astype(float)
            each.network_ = type(each.network_).from_state(state, state["parameters"])
        inputs = inside.prepare(frame)[:5].astype(float)
        for k in [None] if inside.classes is None else range(3):
            found = inside.gradient(inputs, k)
            for i in range(0, inputs.shape[1], 4):
                step = 1e-6 * np.eye(inputs.shape[1])[i]
                wanted = (inside.answer_of(inputs + step, k) - inside.answer_of(inputs - step, k)) / 2e-6
                np.testing.assert_allclose(found[:, i], wanted, rtol=1e-3, atol=1e-5)


# -- importance --------------------------------------------------------------------------------------------------------


def test_permuting_the_inputs_of_a_column_is_permuting_the_column(frame, target, classifier):
    found = permutation_importance(classifier, frame, target, repeats=1, seed=3)
    rng, base = np.random.default_rng(3), log_loss(target, classifier.predict_proba(frame))
    assert found.base == pytest.approx(base)
    for name in opened(classifier).blocks():  # in the order in which the permutations are drawn
        other = frame.copy()
        other[name] = frame[name].to_numpy()[rng.permutation(M)]
        wanted = log_loss(target, classifier.predict_proba(other)) - base
        (each,) = [each for each in found.columns if each.column == name]
        assert each.increase == pytest.approx(wanted, abs=1e-6), name


def test_the_columns_that_made_the_target_come_first_with_intervals_above_0(frame, regressor):
    y = 100 + 10 * frame["missingindicator_a"] + 5 * (frame["a_b"] == "d")
    found = permutation_importance(regressor, frame, y)
    assert (found.loss, found.rows) == ("RMSE", M)
    assert [each.column for each in found.columns[:2]] == ["missingindicator_a", "a_b"]
    assert all(0 < each.low < each.increase < each.high for each in found.columns[:2])
    assert found.base == pytest.approx(np.sqrt(((regressor.predict(frame) - y) ** 2).mean()))


def test_of_a_linear_model_the_mean_square_grows_by_twice_the_variance_of_the_part(rng):
    X = rng.normal(size=(4000, 3))
    model = linear(X, 3 * X[:, 0] + X[:, 1])
    coefficients = model.coefs_[0].ravel()
    found = permutation_importance(model, X, model.predict(X) + rng.normal(size=4000))
    for each in found.columns:
        wanted = 1 + 2 * coefficients[int(each.column)] ** 2
        assert (found.base + each.increase) ** 2 == pytest.approx(wanted, rel=0.1)
        assert each.low <= np.sqrt(wanted) - 1 <= each.high or abs(each.increase) < 0.01


def test_a_column_that_is_the_same_in_every_row_has_no_importance_and_weightless_rows_do_not_count(rng):
    X = np.column_stack([rng.normal(size=60), np.ones(60)])
    model = linear(X, X[:, 0])
    found = permutation_importance(model, X, X[:, 0])
    assert vars(found.columns[-1]) == {"column": "1", "increase": 0, "low": 0, "high": 0}
    w = np.repeat([1.0, 0.0], 30)
    half = permutation_importance(model, X[:30], X[:30, 0])
    assert permutation_importance(model, X, X[:, 0], sample_weight=w) == half


def test_a_wide_table_is_looked_at_in_fewer_rows(rng, monkeypatch):
    monkeypatch.setattr(importance, "WORK", 20_000)
    X = rng.normal(size=(500, 40))
    found = permutation_importance(linear(X[:50], X[:50, 0]), X, X[:, 0], repeats=2)
    assert found.rows == 250
    assert len(found.columns) == 40


def test_of_very_many_columns_those_are_measured_along_which_the_answer_is_steep(rng):
    X = rng.normal(size=(300, 250))
    for make, y in ((MLPRegressor, X[:, 7] - X[:, 200]), (MLPClassifier, (X[:, 7] > X[:, 200]) + 1 * (X[:, 7] > 1))):
        found = permutation_importance(linear(X, y, make), X, y, repeats=1)
        assert len(found.columns) == 100
        assert {each.column for each in found.columns[:2]} == {"7", "200"}


# -- contributions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("background", [True, False])
def test_contributions_add_up_to_the_difference_of_the_predictions(frame, classifier, regressor, background):
    others = frame[:80] if background else None
    for model, column in ((classifier, 1), (regressor, None)):
        for row in (0, 100):
            of = None if column is None else "no"
            found = explain(model, frame, row, others, of=of)
            changes = [each.change for each in found.contributions]
            assert sum(changes) == pytest.approx(found.prediction - found.typical)
            assert [abs(c) for c in changes] == sorted((abs(c) for c in changes), reverse=True)
            whole = model.predict(frame) if column is None else model.predict_proba(frame)[:, column + 1]
            if column is not None:
                whole = model.predict_proba(frame)[:, list(opened(model).classes).index("no")]
            assert found.prediction == pytest.approx(whole[row])
            if background:
                assert found.typical == pytest.approx(whole[:80].mean())
            assert found.compared == (80 if background else 0)


def test_of_a_linear_model_they_are_coefficient_times_distance_from_the_mean(rng):
    X = pd.DataFrame(rng.normal(size=(200, 3)) + 5, columns=list("uvw"))
    model = linear(X, 3 * X["u"] - X["v"], normalize="standard", scale_target=True)
    slopes = [model.predict(X[:1] + step)[0] - model.predict(X[:1])[0] for step in np.eye(3)]
    for background in (None, X):
        found = explain(model, X, 7, background, rows=200)
        for each in found.contributions:
            i = list("uvw").index(each.column)
            wanted = slopes[i] * (X.iloc[7, i] - X.iloc[:, i].mean())
            assert each.change == pytest.approx(wanted, rel=1e-4, abs=1e-6)
            assert each.value == X.iloc[7, i]


def test_of_a_logistic_model_of_one_column_it_is_the_whole_difference(rng):
    X = rng.normal(size=(200, 1))
    model = linear(X, X[:, 0] > 0, MLPClassifier)
    found = explain(model, X, 3, X[:50])
    assert found.of in (False, True)
    assert found.contributions[0].change == pytest.approx(found.prediction - found.typical)
    assert explain(model, X, 3, of=True).prediction == pytest.approx(1 - explain(model, X, 3, of=False).prediction)


def test_a_column_with_the_value_of_all_others_moves_nothing(frame, regressor):
    others = frame.assign(a_b="c")
    found = explain(regressor, frame.assign(a_b="c"), 0, others)
    assert {each.column: each.change for each in found.contributions}["a_b"] == 0
    whole = explain(regressor, others, 0, others[:1])
    assert {each.change for each in whole.contributions} == {0}
    assert whole.prediction == whole.typical


def test_a_contribution_is_a_sentence():
    assert str(Contribution("Sex", "male", -0.31)) == "Sex = male lowers it by 0.31"
    assert str(Contribution("Age", 22.0, 0.05)) == "Age = 22 raises it by 0.05"
    assert str(Contribution("Age", np.nan, 0.05)) == "Age is missing raises it by 0.05"
    assert str(Contribution("Name", "x" * 99, 1.0)) == f"Name = {'x' * 29}… raises it by 1"


def test_a_class_that_is_none_is_refused(frame, classifier, regressor):
    with pytest.raises(ValueError, match="'perhaps' is not a class of this model; known: maybe, no, yes"):
        explain(classifier, frame, of="perhaps")


# -- effects -----------------------------------------------------------------------------------------------------------


def test_the_effect_is_the_mean_answer_with_the_value_put_into_every_row(frame, classifier):
    for name in frame.columns:
        found = effect(classifier, frame, name, of="yes", points=5)
        if name in ("when", "b, c"):  # values of the model's own: dates, and whether there is one
            continue
        for value, mean in list(zip(found.values, found.mean, strict=True))[:3]:
            whole = classifier.predict_proba(frame.assign(**{name: value}))
            assert mean == pytest.approx(whole[:, 2].mean(), rel=1e-5), name
        assert found.rows.shape == (20, len(found.values))
        assert found.of == "yes"


def test_dates_are_dates_in_order_and_categories_come_by_how_common_they_are(frame, classifier):
    when = effect(classifier, frame, "when", points=6)
    assert when.values.dtype.kind == "M"
    assert (when.values[1:] > when.values[:-1]).all()
    assert when.values[0] == pd.to_datetime(frame["when"]).min()
    words = effect(classifier, frame, "a_b")
    counts = frame["a_b"].value_counts(normalize=True)
    assert list(words.values) == list(counts.index)
    np.testing.assert_allclose(words.share, counts)
    assert words.likely is None
    assert words.missing is None


def test_missing_values_have_a_mean_of_their_own(frame, classifier):
    found = effect(classifier, frame, "a", of="no")
    whole = classifier.predict_proba(frame.assign(a=np.nan))[:, list(classifier.classes_).index("no")].mean()
    assert found.missing == pytest.approx(whole, rel=1e-5)
    assert found.share.sum() == pytest.approx(frame["a"].notna().mean())
    assert not np.isnan(found.values).any()


def test_of_a_linear_model_all_curves_are_straight_and_accumulated_effects_are_the_same(rng):
    X = rng.normal(size=(300, 2))
    model = linear(X, X[:, 0] - X[:, 1])
    found = effect(model, X, 0, points=9)
    slope = model.coefs_[0][0, 0]
    for curve in (found.mean, found.likely, *found.rows):
        np.testing.assert_allclose(np.diff(curve) / np.diff(found.values), slope, rtol=1e-6)
    at = np.interp(X[:, 0].mean(), found.values, found.mean)
    assert at == pytest.approx(model.predict(X).mean())


def test_accumulated_effects_do_not_ask_for_rows_that_cannot_be(rng):
    class Product:
        def predict(self, X):
            return X[:, 0] * X[:, 1]

    # x and z are nearly equal. With x = 1 in every row the mean of x z is that of z, which is 0. But of the rows with x
    # near to 1 the slope is z, which is 1: the effect is ½ x².
    x = rng.uniform(-1, 1, 500)
    X = np.column_stack([x, x + 0.001 * rng.normal(size=500)])
    found = effect(Opened(None, [Product()], 1.0, None, ["0", "1"]), X, 0)
    np.testing.assert_allclose(found.mean, found.values * X[:, 1].mean())
    np.testing.assert_allclose(np.diff(found.likely), np.diff(found.values**2 / 2), atol=0.01)


def test_columns_that_are_not_there_or_not_used_are_refused(frame, classifier):
    with pytest.raises(TableError, match="no column 'aa'"):
        effect(classifier, frame, "aa")
    X = np.zeros((5, 2)) + np.arange(5)[:, None]
    with pytest.raises(TableError, match="no column 7; there are 2"):
        effect(linear(X, X[:, 0]), X, 7)
    with pytest.raises(TableError, match="'a' has no values"):
        effect(classifier, frame.assign(a=np.nan), "a")


def test_an_effect_on_many_rows_is_that_of_some(frame, regressor):
    found = effect(regressor, pd.concat([frame] * 5, ignore_index=True), "missingindicator_a")
    assert len(found.values) == 20
    assert found.mean[-1] > found.mean[0]


# -- what a fit keeps of it --------------------------------------------------------------------------------------------


def test_a_fit_keeps_importances_of_held_out_rows_and_a_typical_row(frame, target, classifier, regressor, tmp_path):
    for model in (classifier, regressor):
        found = model.importances_
        assert {each.column for each in found.columns} == set(frame.columns)
        assert dict(zip(frame.columns, model.feature_importances_, strict=True)) == {
            each.column: each.increase for each in found.columns
        }
        whole, k = explain(model, frame), None
        if whole.of is not None:
            k = list(model.classes_).index(whole.of)
        assert whole.typical == pytest.approx(opened(model).answer_of(model.typical_[None], k)[0])
        cr.save(model, tmp_path / "model")
        again = cr.load(tmp_path / "model")
        assert again.importances_ == found
        np.testing.assert_array_equal(again.typical_, model.typical_)


def test_columns_that_are_left_out_have_no_importance(frame, target):
    model = TabularClassifier(effort="quick", drop=["a"], **QUICK).fit(frame, target)
    assert len(model.feature_importances_) == len(frame.columns)
    assert model.feature_importances_[0] == 0


def test_of_an_array_the_importances_are_in_the_order_of_its_columns(rng):
    X = rng.normal(size=(200, 3))
    model = TabularRegressor(**QUICK | {"max_iter": 40}).fit(X, 3 * X[:, 2])
    assert model.feature_importances_.argmax() == 2


def test_a_regressor_tells_how_sure_it_is(frame, tmp_path):
    y = 100 + 10 * frame["missingindicator_a"] + np.random.default_rng(0).normal(size=M)
    model = TabularRegressor(**QUICK).fit(frame, y)
    ends = model.predict_interval(frame)
    assert ends.shape == (M, 2)
    assert 0.8 <= np.mean((ends[:, 0] <= y) & (y <= ends[:, 1])) <= 1
    assert (np.diff(model.predict_interval(frame, 0.5)) <= np.diff(ends)).all()
    cr.save(model, tmp_path / "model")
    np.testing.assert_array_equal(cr.load(tmp_path / "model").predict_interval(frame), ends)


def test_no_interval_is_made_of_rows_that_all_networks_were_trained_on(frame):
    model = TabularRegressor(**QUICK).fit(frame, frame["missingindicator_a"])
    model._look_back(frame, frame["missingindicator_a"].to_numpy(), None, None, None)
    with pytest.raises(ValueError, match="predict_interval: no rows were held out"):
        model.predict_interval(frame)


def test_a_validation_set_of_ones_own_is_what_the_fit_looks_back_at(frame, target):
    model = TabularRegressor(**QUICK)
    y = frame["missingindicator_a"]
    model.fit(frame[:160], y[:160], X_val=frame[160:], y_val=y[160:])
    assert len(model.interval_.errors) == M - 160
    assert model.importances_.rows == M - 160


# -- what people give --------------------------------------------------------------------------------------------------


def test_tables_of_other_libraries_and_other_orders_of_columns_are_the_same(frame, target, classifier):
    pl = pytest.importorskip("polars")
    turned = frame[frame.columns[::-1]]
    for other in (pl.DataFrame(frame), turned):
        assert explain(classifier, other, 3, other) == explain(classifier, frame, 3, frame)
        assert permutation_importance(classifier, other, target) == permutation_importance(classifier, frame, target)
        np.testing.assert_array_equal(effect(classifier, other, "a").mean, effect(classifier, frame, "a").mean)


def test_yes_and_no_and_whether_there_is_a_value_are_words(frame, classifier):
    assert set(effect(classifier, frame, "yes").values) == {"true", "false"}
    given = effect(classifier, frame, "b, c")
    assert dict(zip(given.values, given.share, strict=True)) == pytest.approx(
        {"given": frame["b, c"].notna().mean(), "missing": frame["b, c"].isna().mean()}
    )
    assert given.missing is None


def test_rows_that_are_not_there_are_one_clear_error(frame, target, classifier):
    with pytest.raises(ValueError, match="row: got 240, wanted 0 to 239"):
        explain(classifier, frame, M)
    with pytest.raises(ValueError, match="y: got 239, wanted one for each of 240 rows"):
        permutation_importance(classifier, frame, target[1:])
    with pytest.raises(TableError, match="no column 'a'"):
        explain(classifier, frame.drop(columns="a"))


def test_rows_with_nothing_in_them_are_explained(frame, classifier):
    empty = frame.copy()
    empty.iloc[0] = None
    found = explain(classifier, empty, 0, frame)
    assert all(np.isfinite(each.change) for each in found.contributions)
    assert all("is missing" in each.cell for each in found.contributions)


def test_of_a_large_table_some_rows_are_looked_at(frame, classifier, monkeypatch):
    prepared = []
    monkeypatch.setattr(type(classifier.preparation_), "transform", counted(prepared, type(classifier.preparation_)))
    large = pd.concat([frame] * 120, ignore_index=True)
    effect(classifier, large, "a")
    permutation_importance(classifier, large, np.resize(np.array(["no", "yes"]), len(large)))
    explain(classifier, large, 7, large)
    assert max(prepared) < 10_000


def counted(sizes, kind):
    transform = kind.transform

    def wrapped(self, X):
        sizes.append(len(X))
        return transform(self, X)

    return wrapped
