"""The ordinary fit, which goes a shorter way than through scikit-learn's checks: the same results, and fewer calls."""

import pickle
import warnings
from typing import ClassVar

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import _param_validation, check_random_state, validation

from chainrule import MLPClassifier, MLPRegressor
from chainrule.estimators import _sklearn, ordinary

RNG = np.random.default_rng(0)
X = RNG.standard_normal((12, 3)).astype(np.float32)
K = np.arange(12) % 3
NAMES = np.array(["ant", "bee", "a longer one"])


def outcome(make, X, y, **more):
    """All that a fit leaves, or the error that it raises, in words that can be compared."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = make(hidden_layer_sizes=(4,), max_iter=2, batch_size=5, random_state=3)
        try:
            for name, value in more.items():
                getattr(model, name)(*value)
            model.fit(X, y)
            answers = [
                model.predict(X),
                model.predict(X[:1]),
                *([model.predict_proba(X)] if make is not MLPRegressor else []),
            ]
        except Exception as error:
            return type(error), str(error)
    state = {name: value for name, value in vars(model).items() if name not in ("network_", "coefs_", "intercepts_")}
    said = [(one.category, str(one.message)) for one in caught]
    return [a.tobytes() for a in answers], model.network_.parameters.tobytes(), pickle.dumps(state), said


def changed(A, i, value):
    A = A.copy()
    A[i] = value
    return A


TABLES = [
    X, X.astype(float), np.asfortranarray(X), X[::2], X.astype(int), X.astype(object), X.tolist(), X.astype(np.float16),
    X.astype(">f8"), X[:0], X[:, :0], X[0], X[None], changed(X, (4, 1), np.nan), changed(X, (4, 1), np.inf),
    changed(X, (4, 1), 1e30), np.ma.masked_array(X, X > 2), X.astype("datetime64[D]"), X * 1j, None,
]  # fmt: skip
LABELS = [
    K, K > 0, K.astype(np.int8), K.astype(np.uint64), K.astype(">i4"), K.astype(float), K + 0.5, NAMES[K],
    NAMES[(K > 0) * 1], NAMES[K].astype("U40"), NAMES[K].astype("S"),
    NAMES[K].astype(object), np.ones(12, int), np.full(12, "x"),
    K[:, None], np.eye(3, dtype=int)[K], np.arange(12), changed(K.astype(float), 2, np.nan), K[:5], K[:0], K.tolist(),
    changed(NAMES[K].astype(object), 2, None), changed(NAMES[K].astype(object), 2, 7), K.astype("datetime64[D]"),
    np.ma.masked_array(K, K > 1), None,
]  # fmt: skip
NUMBERS = [*LABELS, X[:, 0], X[:, :2], changed(X[:, 0], 1, np.inf), X[:, 0] * 1j, X[:, 0].astype(np.float16)]


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_the_short_way_of_a_fit_gives_what_the_long_way_gives(kind, monkeypatch):
    targets = LABELS if kind is MLPClassifier else NUMBERS
    cases = [(A, targets[0]) for A in TABLES] + [(X, y) for y in targets]
    short = [outcome(kind, *case) for case in cases]
    monkeypatch.setattr(ordinary, "is_table", lambda *_: False)
    monkeypatch.setattr(ordinary, "are_labels", lambda y: False)
    monkeypatch.setattr(ordinary, "are_numbers", lambda y: False)
    monkeypatch.setattr(ordinary, "random_state", check_random_state)
    monkeypatch.setattr(_sklearn, "_PLAIN", {})
    for case, found in zip(cases, short, strict=True):
        assert found == outcome(kind, *case), case


@pytest.mark.parametrize("y", [y for y in LABELS if ordinary.are_labels(y)], ids=lambda y: f"{y.dtype}-{len(set(y))}")
def test_the_classes_and_the_binarizer_are_scikit_learns(y):
    classes, wanted = ordinary.classes_of(y), LabelBinarizer().fit(y)
    found = ordinary.binarizer_of(classes)
    assert classes.dtype == wanted.classes_.dtype
    assert classes.tolist() == wanted.classes_.tolist()
    assert pickle.dumps(vars(found)) == pickle.dumps({name: vars(wanted)[name] for name in vars(found)})
    assert vars(found).keys() == vars(wanted).keys()


@pytest.mark.parametrize("seed", [0, 1, 12345, 2**32 - 1])
def test_the_random_state_of_a_seed_is_scikit_learns(seed):
    found, wanted = ordinary.random_state(seed), check_random_state(seed)
    assert pickle.dumps(found) == pickle.dumps(wanted)
    assert (found.randint(2**31, size=999) == wanted.randint(2**31, size=999)).all()
    assert (found.standard_normal(9) == wanted.standard_normal(9)).all()


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "one"])
def test_a_seed_that_is_none_is_refused_as_by_scikit_learn(seed):
    with pytest.raises(ValueError) as wanted:
        check_random_state(seed)
    with pytest.raises(ValueError) as found:
        ordinary.random_state(seed)
    assert str(found.value) == str(wanted.value)
    assert ordinary.random_state(None) is check_random_state(None)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("kind", "y"), [(MLPClassifier, K), (MLPClassifier, NAMES[K]), (MLPRegressor, X[:, 0])])
def test_an_ordinary_fit_checks_each_array_once_and_each_parameter_when_it_is_new(kind, y, monkeypatch):
    calls = []

    def counted(module, name):
        original = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *args, **named: (calls.append((name, args)), original(*args, **named))[1]
        )

    _sklearn._validate_once.cache_clear()
    model = kind(hidden_layer_sizes=[4], max_iter=2, alpha=0.25).fit(X, y)
    counted(validation, "check_array")
    counted(_sklearn, "validate_parameter_constraints")
    counted(ordinary, "_is_finite")
    model.fit(X, y)
    names = [name for name, _ in calls]
    assert names.count("check_array") == 0
    assert names.count("_is_finite") == (2 if kind is MLPRegressor else 1)
    assert [list(args[1]) for name, args in calls if name.startswith("validate")] == [["hidden_layer_sizes"]]
    calls.clear()
    clone(model).set_params(alpha=0.125, hidden_layer_sizes=[4]).fit(X, y)
    assert [list(args[1]) for name, args in calls if name.startswith("validate")] == [["alpha"], ["hidden_layer_sizes"]]


def test_a_parameter_that_is_refused_is_refused_again_and_a_number_of_another_type_is_looked_at():
    model = MLPClassifier((4,), max_iter=1)
    for name, good, bad in (
        ("alpha", 0.5, -0.5),
        ("shuffle", True, 1.0),
        ("max_iter", 1, True and 1.0),
        ("tol", 1, "1"),
    ):
        model.set_params(**{name: good})._validate_params()
        for _ in range(2):
            with pytest.raises(
                _param_validation.InvalidParameterError, match=f"The '{name}' parameter of MLPClassifier"
            ):
                model.set_params(**{name: bad})._validate_params()
        model.set_params(**{name: good})._validate_params()


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_the_defaults_which_are_not_validated_are_valid(kind):
    defaults = kind().get_params()
    assert defaults.keys() == _sklearn._defaults(kind).keys()
    for name, value in defaults.items():
        _sklearn._validate(kind, name, value)


def test_a_wrong_default_of_a_class_of_the_users_own_is_refused():
    class Own(MLPClassifier):
        def __init__(self, alpha=-1.0):
            super().__init__(alpha=alpha)

    with pytest.raises(_param_validation.InvalidParameterError, match="The 'alpha' parameter of Own"):
        Own().fit(X, K)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_in_whatever_form_get_the_same_answers_and_errors(kind, dtype):
    table = X.astype(dtype)
    model = kind(hidden_layer_sizes=(4,), max_iter=2, random_state=0).fit(
        table, K if kind is MLPClassifier else table[:, 0]
    )
    wide, fixed = np.zeros((12, 6), dtype), table.copy()
    wide[:, ::2], fixed.flags.writeable = table, False
    forms = [table, np.asfortranarray(table), wide[:, ::2], fixed, table.tolist()]
    answers = model._outputs(table)
    for form in forms:
        assert model._outputs(form).tobytes() == answers.tobytes()
    for form in (table[3:4], np.asfortranarray(table)[3:4], fixed[3:4]):
        assert model._outputs(form).tobytes() == model._outputs(table[3:4].tolist()).tobytes()
    for value in (np.nan, np.inf, -np.inf):
        wrong = table.copy()
        wrong[5, 1] = value
        said = []
        for form in (wrong, np.asfortranarray(wrong)):
            with pytest.raises(ValueError, match="Input X contains") as error:
                model.predict(form)
            said.append(str(error.value))
        assert said[0] == said[1]
        assert "in row 5, column 1" in said[0]
    largest = np.full((1, 3), np.finfo(dtype).max)  # whose squares are infinite
    assert model._outputs(largest).shape == (1, answers.shape[1])


def test_a_class_of_the_users_own_has_its_own_parameters():
    class Own(MLPClassifier):
        _parameter_constraints: ClassVar = {**MLPClassifier._parameter_constraints, "extra": [str]}

        def __init__(self, extra="x", alpha=0.5):
            super().__init__(alpha=alpha)
            self.extra = extra

    assert list(Own().get_params()) == ["alpha", "extra"]
    assert "extra" not in MLPClassifier().get_params()
    Own()._validate_params()
    with pytest.raises(_param_validation.InvalidParameterError, match="The 'extra' parameter of Own"):
        Own(extra=3)._validate_params()
    names = MLPClassifier._get_param_names()
    names.clear()  # a list of the caller's own
    assert "alpha" in MLPClassifier._get_param_names()
