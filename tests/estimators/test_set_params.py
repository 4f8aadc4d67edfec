"""Parameters changed after a fit: predictions depend on the fit alone; what goes on follows them, or refuses."""

import pickle

import numpy as np
import pytest
import sklearn.neural_network as theirs
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor
from chainrule.engines import kernel

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
NUMBERS = np.abs(X[:, 0]) + 5
LABELS = np.where(X[:, 0] > 0, "yes", np.where(X[:, 1] > 0, "no", "perhaps"))
ADAPTIVE = {"solver": "sgd", "learning_rate": "adaptive"}
STOPPING = {"early_stopping": True}
EAGER = {"tol": 1e9, "n_iter_no_change": 3, "max_iter": 30}

# Each parameter: a base to which it makes a difference, and another value. The base's own value is the default.
FOLLOWED = {
    "activation": ({}, "tanh"),
    "solver": ({}, "rmsprop"),
    "alpha": ({}, 0.5),
    "batch_size": ({}, 7),
    "learning_rate": ({"solver": "sgd"}, "invscaling"),
    "learning_rate_init": ({}, 0.02),
    "power_t": ({"solver": "sgd", "learning_rate": "invscaling"}, 0.9),
    "max_iter": ({}, 9),
    "shuffle": ({}, False),
    "random_state": ({}, 1),
    "tol": ({**EAGER}, 0.0),
    "momentum": ({"solver": "sgd"}, 0.1),
    "nesterovs_momentum": ({"solver": "sgd"}, False),
    "early_stopping": ({}, True),
    "validation_fraction": ({**STOPPING, "learning_rate_init": 0.02}, 0.4),
    "beta_1": ({}, 0.5),
    "beta_2": ({}, 0.5),
    "epsilon": ({}, 0.1),
    "n_iter_no_change": ({**EAGER}, 7),
    "max_fun": ({"solver": "lbfgs", "max_iter": 5}, 1),
    "dropout": ({}, 0.5),
    "clip_norm": ({}, 1e-4),
    "schedule": ({}, "cosine"),
    "scoring": ({**STOPPING, **EAGER}, "loss"),
    "loss": ({}, "huber(0.01)"),
    "class_weight": ({}, {"yes": 9, "no": 1, "perhaps": 1}),
    "label_smoothing": ({}, 0.3),
}
NO_MATTER = {"verbose": 1, "warm_start": False, "engine": "numpy", "training_metric": True, "init": "he"}
SETTLED = {
    "hidden_layer_sizes": (4, 4),
    "normalize": "standard",
    "dtype": np.float32,
    "scale_target": True,
    "clip_target": True,
}
if kernel.BUILT and kernel.bf16_isa():
    FOLLOWED["precision"] = ({"dtype": np.float32, "hidden_layer_sizes": (64, 64), "batch_size": 64}, "bf16")
else:
    NO_MATTER["precision"] = "float64"
CHANGED = {name: value for name, (_, value) in FOLLOWED.items()} | NO_MATTER | SETTLED
# One call of partial_fit is one epoch, whatever these say.
ONLY_FIT = {"early_stopping", "validation_fraction", "max_iter", "tol", "n_iter_no_change", "max_fun", "scoring"}
OF_THE_FIRST_CALL = {"solver", "nesterovs_momentum"}  # what the optimizer remembers belongs to one kind of it


def table(kinds):
    both = [(make, name) for make in (MLPClassifier, MLPRegressor) for name in make().get_params() if name in kinds]
    return [pytest.param(make, name, id=f"{make.__name__}-{name}") for make, name in both]


def made(make, **parameters):
    return make(**{"hidden_layer_sizes": (6,), "random_state": 0, "max_iter": 3, "batch_size": 32} | parameters)


def y_of(make):
    return LABELS if make is MLPClassifier else NUMBERS


def first_piece(model, y):
    return model.partial_fit(X, y, **({"classes": np.unique(y)} if isinstance(model, MLPClassifier) else {}))


@pytest.fixture(autouse=True)
def _unfinished():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def test_the_table_has_every_parameter():
    names = {*MLPClassifier().get_params(), *MLPRegressor().get_params()}
    assert set(CHANGED) == names


@pytest.mark.parametrize(("make", "name"), table(CHANGED))
def test_predictions_depend_on_the_fit_alone(make, name, tmp_path):
    y = y_of(make)

    def answers(model):
        more = [model.predict_proba(X)] if make is MLPClassifier else []
        return [array.tobytes() for array in (*more, model.predict(X), model.transform(X), model.score(X, y) * X)]

    for start in [{}] if make is MLPClassifier else [{"scale_target": True}, {"loss": "poisson"}, {}]:
        for train in (lambda m: m.fit(X, y), lambda m: first_piece(m, y)):
            model = train(made(make, **start))
            before = answers(model)
            model.set_params(**{name: make().get_params()[name] if name in start else CHANGED[name]})
            assert answers(model) == before
            assert answers(pickle.loads(pickle.dumps(model))) == before
            cr.save(model, tmp_path / "m.chainrule")
            assert answers(cr.load(tmp_path / "m.chainrule")) == before


@pytest.mark.parametrize(("make", "name"), table(FOLLOWED))
def test_a_warm_fit_follows_the_parameters(make, name):
    y, (base, value) = y_of(make), FOLLOWED[name]

    def fit(**changed):
        model = made(make, warm_start=True, **base).fit(X, y)
        return model.set_params(**changed).fit(X, y)

    same, other = fit(), fit(**{name: value})
    assert not np.array_equal(same.network_.parameters, other.network_.parameters)


@pytest.mark.parametrize(("make", "name"), table(FOLLOWED.keys() - ONLY_FIT))
def test_partial_fit_follows_the_parameters_too(make, name):
    y, (base, value) = y_of(make), FOLLOWED[name]

    def go(**changed):
        model = first_piece(made(make, **base), y).partial_fit(X, y).set_params(**changed)
        for _ in range(3):
            model.partial_fit(X, y)
        return model

    if name in OF_THE_FIRST_CALL:
        with pytest.raises(ValueError, match=r"solver: the last call was made with .* warm_start=True"):
            go(**{name: value})
    else:
        assert not np.array_equal(go().network_.parameters, go(**{name: value}).network_.parameters)


@pytest.mark.parametrize(("make", "name"), table(NO_MATTER))
def test_what_makes_no_difference_makes_none(make, name):
    y, value = y_of(make), NO_MATTER[name]
    warm = [made(make, warm_start=True).fit(X, y).set_params(**changed) for changed in ({}, {name: value})]
    pieces = [first_piece(made(make), y).set_params(**changed) for changed in ({}, {name: value})]
    for a, b in (pieces, warm):
        if (a, b) == tuple(warm) and name == "warm_start":
            continue
        for model in (a, b):
            model.fit(X, y) if model in warm else model.partial_fit(X, y)
        np.testing.assert_allclose(a.network_.parameters, b.network_.parameters, 1e-9)


@pytest.mark.parametrize(("make", "name"), table(SETTLED))
def test_what_a_network_is_made_with_cannot_change_while_it_trains(make, name):
    y, value = y_of(make), SETTLED[name]
    for model, go_on in (
        (made(make, warm_start=True).fit(X, y), lambda m: m.fit(X, y)),
        (first_piece(made(make), y), lambda m: m.partial_fit(X, y)),
        (pickle.loads(pickle.dumps(made(make, warm_start=True).fit(X, y))), lambda m: m.fit(X, y)),
    ):
        before = model.predict(X)
        kept = model.get_params()[name]
        with pytest.raises(ValueError, match=rf"^{name}: the network was made with .* Set it back.*begin anew"):
            go_on(model.set_params(**{name: value}))
        assert (model.predict(X) == before).all()
        go_on(model.set_params(**{name: kept}))
        go_on(clone(model).set_params(**{name: value}).fit(X, y))
        anew = model.set_params(warm_start=False, **{name: value}).fit(X, y)
        assert (anew.predict(X) == clone(model).fit(X, y).predict(X)).all(), "nothing of the first fit is left"


@pytest.mark.parametrize("was", ["standard", "robust"])
def test_normalize_cannot_be_switched_off_or_over(was):
    model = made(MLPRegressor, warm_start=True, normalize=was).fit(X, NUMBERS)
    for now in {None, "standard", "robust"} - {was}:
        with pytest.raises(ValueError, match=f"normalize: the network was made with '{was}', now it is {now!r}"):
            model.set_params(normalize=now).fit(X, NUMBERS)


def test_a_loss_of_another_output_cannot_follow():
    model = made(MLPRegressor, warm_start=True).fit(X, NUMBERS).set_params(loss="poisson")
    with pytest.raises(ValueError, match="loss: the network was made with 'half_squared_error', now it is 'poisson'"):
        model.fit(X, NUMBERS)
    model.set_params(loss="absolute_error").fit(X, NUMBERS)
    assert model.network_.loss.name == "absolute"


def test_scale_target_belongs_to_the_fit():
    model = made(MLPRegressor, scale_target=True, max_iter=20).fit(X, NUMBERS)
    before = model.predict(X)
    assert (model.set_params(scale_target=False).predict(X) == before).all()
    model.fit(X, NUMBERS)
    assert not hasattr(model, "target_scale_")
    assert (model.set_params(scale_target=True).predict(X) == model.network_.forward(X.T).ravel()).all()


def test_the_first_version_left_the_scale_of_an_earlier_fit():
    model = made(MLPRegressor).fit(X, NUMBERS)
    state = model.__getstate__()
    del state["_target_moments"]
    old = MLPRegressor()
    old.__setstate__({**state, "target_mean_": np.array([9.0]), "target_scale_": np.array([2.0])})
    assert (old.predict(X) == model.predict(X)).all()


@pytest.mark.parametrize("go_on", ["warm_start", "partial_fit"])
def test_activation_follows_as_in_scikit_learn(go_on):
    def go(make):
        model = make(hidden_layer_sizes=(6,), max_iter=20, random_state=0, warm_start=go_on == "warm_start", tol=0)
        train = (lambda m: m.fit(X, NUMBERS)) if go_on == "warm_start" else (lambda m: m.partial_fit(X, NUMBERS))
        return train(train(model).set_params(activation="tanh"))

    np.testing.assert_allclose(go(MLPRegressor).predict(X), go(theirs.MLPRegressor).predict(X), 1e-9)


def test_the_number_of_outputs_cannot_change():
    both = np.column_stack([NUMBERS, X[:, 1]])
    model = made(MLPRegressor).partial_fit(X, NUMBERS)
    with pytest.raises(ValueError, match="y: got 2 columns, wanted 1"):
        model.partial_fit(X, both)
    assert model.predict(X).shape == (120,)


@pytest.mark.parametrize("solvers", [("lbfgs", "adam", "sgd"), ("adam", "lbfgs", "adam"), ("sgd", "sgd", "lbfgs")])
@pytest.mark.parametrize("stopping", [(False, True, False), (True, False, True), (True, True, True)])
@pytest.mark.parametrize("make", [MLPClassifier, MLPRegressor])
def test_solver_and_early_stopping_may_change_between_warm_fits(make, solvers, stopping):
    model, y = made(make, warm_start=True), y_of(make)
    for solver, early in zip(solvers, stopping, strict=True):
        model.set_params(solver=solver, early_stopping=early).fit(X, y)
        if solver != "lbfgs":
            assert (model.validation_scores_ is None) == (not early)
            assert (model.best_loss_ is None) == early
        model.diagnose(X, y)
    assert len(model.history_["cost"]) == 9 or "lbfgs" in solvers


def test_another_scoring_does_not_undo_a_warm_fit():
    """The best accuracy so far, 0.9, is no bound for minus the cost, which is below 0."""
    model = made(MLPClassifier, warm_start=True, early_stopping=True, max_iter=30, learning_rate_init=0.01)
    model.fit(X, LABELS)
    for scoring in ("loss", "neg_log_loss", lambda estimator, X, y: -float(np.mean(estimator.predict(X) != y))):
        before = model.network_.parameters.copy()
        model.set_params(scoring=scoring).fit(X, LABELS)
        assert not np.array_equal(model.network_.parameters, before)
        assert model.best_validation_score_ <= 0


def test_another_loss_has_another_best():
    model = made(MLPRegressor, warm_start=True, max_iter=100, learning_rate_init=0.02).fit(X, NUMBERS)
    model.set_params(loss="absolute_error", n_iter_no_change=5).fit(X, NUMBERS)
    assert model.n_iter_ > 10, "the best absolute error is not compared with a squared one"


@pytest.mark.parametrize("fail", ["lbfgs", "weights", "targets"])
def test_a_fit_that_failed_before_it_trained_begins_anew(fail):
    model = made(MLPRegressor, warm_start=True, normalize="standard", solver="adam", loss="poisson")
    options = {"lbfgs": {"solver": "lbfgs", "dropout": 0.5}}.get(fail, {})
    weights = np.zeros(120) if fail == "weights" else None
    with pytest.raises(ValueError, match=r"lbfgs|weights|Y"):
        model.set_params(**options).fit(X + 9, -NUMBERS if fail == "targets" else NUMBERS, sample_weight=weights)
    model.set_params(solver="adam", dropout=0.0, hidden_layer_sizes=(5,)).fit(X, NUMBERS)
    assert (model.predict(X) == clone(model).fit(X, NUMBERS).predict(X)).all()


def test_the_rate_of_adaptive_begins_again_where_it_is_changed():
    def go(**changed):
        model = made(MLPRegressor, **ADAPTIVE, n_iter_no_change=1, tol=1e9).partial_fit(X, NUMBERS)
        for _ in range(4):
            model.partial_fit(X, NUMBERS)
        assert model._optimizer.learning_rate < 1e-3
        return model.set_params(**changed).partial_fit(X, NUMBERS)

    assert go()._optimizer.learning_rate < 1e-3
    assert go(learning_rate_init=0.01)._optimizer.learning_rate == pytest.approx(0.01)
