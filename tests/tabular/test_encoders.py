"""Numbers by their quantiles: the formula, what ties do to knots, and that it comes through files and ONNX."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold
from sklearn.preprocessing import TargetEncoder

import chainrule as cr
from chainrule.tabular.encoders import SIZE, PiecewiseLinear, TargetStatistics


def test_each_bin_is_a_ramp_from_one_knot_to_the_next():
    x = np.arange(13.0)[:, None]
    made = PiecewiseLinear(bins=3).fit(x)
    assert made.knots_[0].tolist() == [0, 4, 8, 12]
    Z = made.transform([[2.0], [-5.0], [99.0]])
    assert Z[:, 0].tolist() == [2, -5, 99]
    ramps = (Z[:, 1:] / SIZE + 1) / 2
    np.testing.assert_allclose(ramps, [[0.5, 0, 0], [0, 0, 0], [1, 1, 1]], atol=1e-15)
    assert list(made.get_feature_names_out(["a"])) == ["a", "a bin 1", "a bin 2", "a bin 3"]


@pytest.mark.parametrize(
    ("x", "knots"),
    [
        ([3.0] * 20, []),  # constant
        ([0.0, 1.0] * 10, []),  # what a line can say
        ([1.0, 2.0, 5.0] * 9 + [7.0], [1, 2, 5, 7]),  # few values: all of them
        ([0.0] * 95 + list(range(1, 31)), [0, 7, 15, 23, 30]),  # most quantiles are 0: those of the values
    ],
)
def test_of_values_that_are_often_there_one_knot_is_made(x, knots):
    made = PiecewiseLinear(bins=4).fit(np.array(x)[:, None])
    assert made.knots_[0].tolist() == knots
    assert made.transform(np.array(x)[:, None]).shape == (len(x), 1 + max(0, len(knots) - 1))


def test_a_file_with_knots_that_are_not_in_order_is_refused(tmp_path):
    made = PiecewiseLinear(3).fit(np.arange(20.0)[:, None])
    made.knots_[0][1] = 1e9
    with pytest.raises(ValueError, match="knots are not in order"):
        cr.save(made, tmp_path / "m")


@pytest.mark.parametrize("classes", [2, 3, 0])
def test_target_statistics_and_bins_are_the_same_in_onnx_and_in_a_file(classes, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    rng, m = np.random.default_rng(0), 90
    X = pd.DataFrame({"a": rng.normal(size=m) ** 3, "n": rng.integers(0, 5, m), "c": rng.choice(list("uvwxyz"), m)})
    y = np.char.add("k", (np.arange(m) % classes).astype(str)) if classes else X["a"].to_numpy() + (X["c"] == "u")
    make = cr.TabularClassifier if classes else cr.TabularRegressor
    model = make(hidden_layer_sizes=(5,), max_iter=2, random_state=0, category="c").fit(X, y)
    inside = [type(step).__name__ for _, step, _ in model.preparation_["inputs"].transformers_]
    assert inside == ["Pipeline", "OneHotEncoder", "Pipeline"]
    X.loc[:2, "c"] = ["never seen", None, "u"]
    expected = model.predict_proba(X) if classes else model.predict(X)
    cr.save(model, tmp_path / "m.chainrule")
    again = cr.load(tmp_path / "m.chainrule")
    assert ((again.predict_proba(X) if classes else again.predict(X)) == expected).all()
    cr.export_onnx(model, tmp_path / "m.onnx")
    given = {name: X[[name]].to_numpy(float) for name in ("a", "n")} | {"c": X[["c"]].fillna("").to_numpy(object)}
    found = onnxruntime.InferenceSession(tmp_path / "m.onnx").run(None, given)[-1]
    np.testing.assert_allclose(found if classes else found.ravel(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("attribute", ["encodings_", "categories_"])
def test_a_file_with_target_statistics_of_other_categories_is_refused(attribute, tmp_path):
    X, y = np.array([["a"], ["b"], ["c"]] * 9, object), np.arange(27.0)
    made = TargetEncoder().fit(X, y)
    getattr(made, attribute)[0] = getattr(made, attribute)[0][:-1]
    with pytest.raises(ValueError, match="an encoder has not"):
        cr.save(made, tmp_path / "m")


@pytest.mark.parametrize("y", [np.arange(60.0), np.arange(60) % 2, np.array(["u", "v", "w"] * 20)])
def test_categories_of_one_or_two_rows_say_nothing_of_the_target(y):
    X = np.array([["often", "also often"][i % 2] if i < 20 else f"id {i // 2 if i < 40 else i}" for i in range(60)])[
        :, None
    ]
    rare = np.arange(60) >= 20
    made = TargetStatistics(cv=KFold(5, shuffle=True, random_state=0))
    learned, asked = made.fit_transform(X, y), made.transform(X)
    mean = np.broadcast_to(made.target_mean_, (40, learned.shape[1]))
    np.testing.assert_array_equal(learned[rare], mean)
    np.testing.assert_array_equal(asked[rare], mean)
    plain = TargetEncoder(cv=KFold(5, shuffle=True, random_state=0))
    np.testing.assert_array_equal(learned[~rare], plain.fit_transform(X, y)[~rare])
    np.testing.assert_array_equal(asked[~rare], plain.transform(X)[~rare])
    np.testing.assert_array_equal(TargetStatistics().fit(X, y).transform(X), asked)


@pytest.mark.parametrize("alone", [True, False])
def test_a_name_of_each_row_that_is_kept_does_not_turn_the_answers_round(alone):
    r = np.random.default_rng(0)
    X = pd.DataFrame({"name": [f"K{i:05d}x" for i in r.permutation(200)], "x": r.normal(size=200)})
    y = np.where((X["x"] > -0.6) | alone & (np.arange(200) % 9 > 0), "yes", "no")
    model = cr.TabularClassifier(effort="quick", random_state=0, keep="name", max_iter=15, hidden_layer_sizes=16)
    model.fit(X[["name"]] if alone else X, y)
    assert model.score(X[["name"]] if alone else X, y) >= ((y == "yes").mean() if alone else 0.9)
