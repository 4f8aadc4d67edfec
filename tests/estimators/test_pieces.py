"""partial_fit with normalize= and scale_target=: the statistics of all rows so far, however they are cut."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.preprocessing import StandardScaler

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor
from chainrule.normalization import Normalizer, all_moments, moments

RNG = np.random.default_rng(0)
X = RNG.normal(size=(240, 4)) * [1, 100, 1e-3, 7] + [0, 5, 1e8, -3]
Y = X[:, 0] - X[:, 3] / 7
LABELS = (Y > 0).astype(int)
CUTS = {
    "one row first": [1, 2, 10, 120],
    "two halves": [120],
    "row by row": range(1, 240),
    "one row last": [239],
    "all at once": [],
}


def classifier(**parameters):
    parameters = {"normalize": "standard", "random_state": 0, "learning_rate_init": 0.01} | parameters
    return MLPClassifier((6,), **parameters)


def regressor(**parameters):
    return MLPRegressor(hidden_layer_sizes=(6,), random_state=0, scale_target=True, **parameters)


def in_pieces(model, X, y, cuts, weights=None, **first):
    for rows in np.split(np.arange(len(X)), cuts):
        options = {} if weights is None else {"sample_weight": weights[rows]}
        model.partial_fit(X[rows], y[rows], **options, **first)
    return model


def same(model, X, rtol=1e-10):
    """The normalizer is that of all rows, up to rounding of its numbers and of their differences from the mean."""
    found = model.network_.normalizer
    expected = Normalizer.measure(np.asarray(X.T, model.network_.dtype))
    np.testing.assert_allclose(found.scale, expected.scale, rtol=rtol)
    np.testing.assert_allclose(found.center, expected.center, rtol=0, atol=rtol * np.abs(X).max())


@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_statistics_are_those_of_all_rows_however_they_are_cut(cuts, dtype):
    data = X.astype(dtype)
    weights = RNG.random(len(X)) + 0.1  # they weigh the losses, not the statistics, as in fit
    model = in_pieces(classifier(), data, LABELS, cuts, weights, classes=[0, 1])
    same(model, data, 1e-6 if dtype == np.float64 else 1e-5)
    model = in_pieces(regressor(), data, Y, cuts)
    np.testing.assert_allclose(model.target_mean_, [Y.mean()], rtol=1e-9)
    np.testing.assert_allclose(model.target_scale_, [Y.std()], rtol=1e-9)


@pytest.mark.parametrize("first", [1, 2, 3])
def test_a_small_first_piece_costs_nothing(first):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 3))
    y = (X[:, 0] > 0).astype(int)
    model = in_pieces(classifier(), X, y, [first, *range(first + 10, 2000, 10)], classes=[0, 1])
    assert model.score(X, y) > 0.97
    numbers = in_pieces(
        regressor(learning_rate_init=0.01), X, 1e4 + 300 * X[:, 0], [first, *range(first + 10, 2000, 10)]
    )
    assert numbers.score(X, 1e4 + 300 * X[:, 0]) > 0.9


def test_a_column_that_is_constant_at_first_comes_alive():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 3))
    X[:100, 0] = 0.1
    y = (X[:, 0] > 0.1).astype(int)
    model = in_pieces(classifier(), X, y, range(50, 4000, 50), classes=[0, 1])
    assert model.network_.normalizer.scale[0] == pytest.approx(1 / X[:, 0].std())
    assert model.score(X[100:], y[100:]) > 0.95
    model = classifier(schedule="cosine").fit(X[:100], rng.integers(0, 2, 100)).set_params(schedule=None)
    assert model.network_.normalizer.scale[0] == 0
    assert in_pieces(model, X[100:], y[100:], range(50, 3900, 50)).score(X[100:], y[100:]) > 0.95
    same(model, X, 1e-9)


def test_pieces_equal_a_running_scaler_in_front():
    ours, scaler, plain = classifier(), StandardScaler(), classifier(normalize=None)
    for rows in np.split(np.arange(240), range(20, 240, 20)):
        ours.partial_fit(X[rows], LABELS[rows], classes=[0, 1])
        scaled = scaler.partial_fit(X[rows]).transform(X[rows])
        plain.partial_fit(scaled, LABELS[rows], classes=[0, 1])
    np.testing.assert_allclose(ours.predict_proba(X), plain.predict_proba(scaler.transform(X)), rtol=1e-5)


def test_the_same_rows_again_are_the_same_statistics_to_the_last_bit():
    fitted = regressor(shuffle=False, max_iter=3, n_iter_no_change=9, normalize="standard")
    with pytest.warns(match="Maximum iterations"):
        fitted.fit(X, Y)
    pieces = regressor(shuffle=False, normalize="standard")
    for _ in range(3):
        pieces.partial_fit(X, Y)
    assert (pieces.predict(X) == fitted.predict(X)).all()
    assert (pieces.target_scale_ == fitted.target_scale_).all()


@pytest.mark.parametrize("numbers", [[1e300, -1e300, 5e299], [1e-300, 3e-300, 2e-300], [1e8, 1e8 + 1e-6, 1e8 + 3e-6]])
def test_merged_moments_of_extreme_numbers_are_those_of_all(numbers):
    row = np.array([numbers])
    count, mean, deviation = all_moments(all_moments(None, moments(row[:, :1])), moments(row[:, 1:]))
    expected = moments(row)
    assert count == 3
    np.testing.assert_allclose(mean, expected[1], 1e-14)
    np.testing.assert_allclose(deviation, expected[2], 1e-2 if abs(numbers[0]) == 1e8 else 1e-14)


def test_a_refused_piece_was_not_there(tmp_path):
    model = in_pieces(regressor(normalize="standard", dtype=np.float32), X[:50], Y[:50], [])
    before = model.predict(X), model.target_scale_.copy(), model.network_.normalizer
    with pytest.raises(ValueError, match="weights"):
        model.partial_fit(X[50:60], Y[50:60] * 1e6, sample_weight=np.zeros(10))
    assert model.network_.normalizer is before[2]
    assert (model.predict(X) == before[0]).all()
    assert (model.target_scale_ == before[1]).all()
    assert model._target_moments[0] == 50
    fresh = classifier()
    with pytest.raises(ValueError, match="weights"):
        fresh.partial_fit(X[:20] + 1e6, LABELS[:20], classes=[0, 1], sample_weight=np.zeros(20))
    same(in_pieces(fresh, X, LABELS, [100]), X, 1e-6)


def test_what_is_stored_between_pieces_goes_on_as_if_it_had_not_been(tmp_path):
    def go_on(model):
        return in_pieces(model, X[50:], Y[50:], [50])

    def begin():
        return in_pieces(regressor(normalize="standard"), X[:50], Y[:50], [1])

    whole = go_on(begin())
    pickled = go_on(pickle.loads(pickle.dumps(begin())))
    assert (pickled.predict(X) == whole.predict(X)).all()
    cr.save(begin(), tmp_path / "m.chainrule")
    loaded = go_on(cr.load(tmp_path / "m.chainrule"))  # without the moments of Adam, but with all statistics
    for a, b in zip(loaded.network_.normalizer.moments, whole.network_.normalizer.moments, strict=True):
        assert np.array_equal(a, b)
    assert (loaded.target_scale_ == whole.target_scale_).all()


def test_an_estimator_of_a_version_that_did_not_count_keeps_its_statistics():
    model = regressor(normalize="standard").partial_fit(X[:50], Y[:50])
    state = model.__getstate__()
    del state["_target_moments"]
    normalizer = state["network_"].normalizer
    state["network_"].normalizer = Normalizer(normalizer.center, normalizer.scale)
    old = regressor()
    old.__setstate__(state)
    scale = old.target_scale_.copy()
    old.partial_fit(X[50:], Y[50:])
    assert (old.network_.normalizer.scale == normalizer.scale).all()
    assert (old.target_scale_ == scale).all()


def test_what_cannot_be_told_from_pieces_is_an_error():
    for model in (classifier(normalize="robust"), classifier(normalize="robust", schedule="cosine").fit(X, LABELS)):
        with pytest.raises(ValueError, match=r"normalize='robust'.*pieces.*standard.*warm_start"):
            model.partial_fit(X, LABELS, classes=[0, 1])
    with pytest.raises(ValueError, match="dense array"):
        classifier().partial_fit(sp.csr_array(X), LABELS, classes=[0, 1])
    net = cr.Network([4, 1]).normalize(X.T, "robust")
    for method in ("standard", "robust", None):
        with pytest.raises(ValueError, match="update"):
            net.normalize(X.T, method, update=True)
    assert net.normalizer.clip


def test_a_network_is_normalized_piece_by_piece():
    net = cr.Network([4, 1])
    for rows in np.split(X, [1, 50]):
        net.normalize(rows.T, update=True)
    whole = cr.Network([4, 1]).normalize(X.T)
    np.testing.assert_allclose(net.check_inputs(X.T), whole.check_inputs(X.T), atol=1e-4)
    assert net.normalize(X[:9].T).normalizer.moments[0] == 9, "without update it begins anew"
