"""Kinds of arrays at every door: each gives the answer of the plain array of its numbers, or an error that says why."""

import tempfile
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp

import chainrule as cr
from chainrule import plots
from chainrule.estimators import MLPClassifier, MLPRegressor

RNG = np.random.default_rng(0)
X = RNG.integers(-9, 9, size=(4, 12)).astype(float)
Y = (X[:1] > 0) * 1.0
W = RNG.integers(1, 4, size=12).astype(float)


class WithUnit(np.ndarray):
    """Computes otherwise: what it holds is taken, what it does is not."""

    def __mul__(self, other):
        raise AssertionError


def _memmap(A):
    with tempfile.TemporaryFile() as file:
        A.tofile(file)
        return np.memmap(file, A.dtype, "r", shape=A.shape)


def _strided(A):
    wide = np.zeros(tuple(2 * size for size in A.shape))
    every_other = tuple(slice(None, None, 2) for _ in A.shape)
    wide[every_other] = A
    return wide[every_other]


def _frame(A):
    return pd.DataFrame(A) if A.ndim == 2 else pd.Series(A)


def _read_only(A):
    A = A.copy()
    A.flags.writeable = False
    return A


def _each(make):
    return lambda A: np.vectorize(lambda number: make(float(number)), otypes=[object])(A)


SAME = {
    "masked, nothing hidden": np.ma.array,
    "matrix": lambda A: np.matrix(A) if A.ndim == 2 else A,
    "memmap": _memmap,
    "bigendian": lambda A: A.astype(">f8"),
    "strided": _strided,
    "backwards": lambda A: A[::-1].copy()[::-1],
    "Fortran order": np.asfortranarray,
    "read-only": _read_only,
    "float16": lambda A: A.astype(np.float16),
    "longdouble": lambda A: A.astype(np.longdouble),
    "int8": lambda A: A.astype(np.int8),
    "objects": lambda A: A.astype(object),
    "fractions": _each(Fraction),
    "decimals": _each(Decimal),
    "list": lambda A: A.tolist(),
    "frame": _frame,
    "Int64": lambda A: _frame(A).astype("Int64"),
    "Float64": lambda A: _frame(A).astype("Float64"),
    "polars": lambda A: pl.DataFrame(A) if A.ndim == 2 else pl.Series(A),
    "subclass": lambda A: A.view(WithUnit),
}


def _hiding(A):
    A = np.ma.array(A.copy(), mask=np.zeros(A.shape, bool))
    A[(0,) * A.ndim] = 1e6
    A[(0,) * A.ndim] = np.ma.masked
    return A


def _missing(A):
    frame = _frame(A).astype("Int64")
    frame.iloc[(0,) * A.ndim] = pd.NA
    return frame


REFUSED = {
    "masked": (_hiding, r"masked array that hides 1 of \d+ numbers, wanted all. Fill them in with \w+.filled"),
    "complex": (lambda A: A + 1j, "complex|Complex"),
    "dates": (lambda A: A.astype("M8[s]"), "datetime64.* wanted numbers"),
    "times": (lambda A: A.astype("m8[s]"), "timedelta64.* wanted numbers"),
    "text": (lambda A: np.where(A > 0, "a", "b"), "number|float|numeric"),
    "NA": (_missing, "fill in what is missing|nan|NaN"),
    "ragged": (lambda A: [[1.0, 2.0], [1.0]], "inhomogeneous|inconsistent|legacy"),
}


def network():
    return cr.Network([4, 3, 1], seed=0)


def trained(X, Y, w, optimizer=None, **options):
    net = network()
    steps = list(net.train(X, Y, optimizer or cr.Adam(), epochs=2, weights=w, **options))
    return [*(step.cost for step in steps), *net.parameters]


ONE, TWO, THREE = (0,), (0, 1), (0, 1, 2)  # which of X, Y and the weights a door takes
CORE = {
    "forward": (ONE, lambda X, Y, w: network().forward(X)),
    "layers": (ONE, lambda X, Y, w: network().layers(X)[1][1]),
    "cost": (THREE, lambda X, Y, w: network().cost(X, Y, weights=w)),
    "gradients": (THREE, lambda X, Y, w: network().gradients(X, Y, weights=w)[1][1]),
    "normalize": (ONE, lambda A, Y, w: network().normalize(A).forward(X)),
    "robust": (ONE, lambda A, Y, w: network().normalize(A, "robust").forward(X)),
    "native": (THREE, lambda X, Y, w: trained(X, Y, w, batch_size=5, seed=0, engine="auto")),
    "numpy": (THREE, lambda X, Y, w: trained(X, Y, w, batch_size=5, seed=0, engine="numpy")),
    "lbfgs": (THREE, lambda X, Y, w: trained(X, Y, w, cr.LBFGS())),
    "validation": (
        THREE,
        lambda A, B, w: [s.validation_cost for s in network().train(X, Y, cr.Adam(), epochs=1, validation=(A, B, w))],
    ),
    "trace": (THREE, lambda X, Y, w: cr.trace(network(), X, Y, weights=w).dW[1]),
    "check_gradients": (THREE, lambda X, Y, w: bool(cr.check_gradients(network(), X, Y, weights=w))),
    "diagnose": (TWO, lambda X, Y, w: len(cr.diagnose(network(), X, Y))),
    "train_many": (TWO, lambda X, Y, w: cr.train_many([network()], X, Y, cr.Adam(), epochs=2)[0][-1].cost),
    "plots": (TWO, lambda X, Y, w: plots.answers.classified(network(), X, Y, "")[2]),
}


def rows(make, what):
    """A door of an estimator: it takes rows."""

    def call(A, y, w):
        model = make(hidden_layer_sizes=(3,), max_iter=3, random_state=0, batch_size=5)
        if what == "X_val":
            return model.fit(X.T, Y[0], X_val=A, y_val=y).history_["validation_cost"]
        if what == "partial_fit":
            first = {"classes": [0, 1]} if make is MLPClassifier else {}
            return model.partial_fit(A, y, sample_weight=w, **first).network_.parameters
        if what == "fit":
            return model.fit(A, y, sample_weight=w).network_.parameters
        model.fit(X.T, Y[0])
        return model.score(A, y, sample_weight=w) if what == "score" else getattr(model, what)(A)

    return call


DOORS = {"fit": THREE, "partial_fit": THREE, "X_val": TWO, "score": THREE, "predict": ONE, "transform": ONE}
ROWS = {
    f"{make.__name__}.{what}": (takes, rows(make, what))
    for make in (MLPClassifier, MLPRegressor)
    for what, takes in DOORS.items()
}
NO_LABELS = {"objects", "fractions", "decimals"}  # scikit-learn wants one of its types of labels


@pytest.fixture(autouse=True)
def _unfinished():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("kind", SAME)
@pytest.mark.parametrize("door", CORE)
def test_the_core_takes_the_numbers_of_any_array(door, kind):
    takes, call = CORE[door]
    expected = call(X, Y, W)
    for place in takes:
        given = [X, Y, W]
        given[place] = SAME[kind](given[place])
        np.testing.assert_allclose(np.asarray(call(*given)), np.asarray(expected), 1e-9)


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("door", CORE)
def test_the_core_says_what_is_no_array_of_numbers(door, kind):
    takes, call = CORE[door]
    make, message = REFUSED[kind]
    for place in takes:
        given = [X, Y, W]
        given[place] = make(given[place])
        if kind == "NA" and place == 0 and door in ("forward", "layers"):
            message = "missing"
        with pytest.raises((ValueError, TypeError), match=message):
            call(*given)


@pytest.mark.parametrize("kind", SAME)
@pytest.mark.parametrize("door", ROWS)
def test_estimators_take_the_numbers_of_any_array(door, kind):
    takes, call = ROWS[door]
    expected = call(X.T, Y[0], W)
    for place in takes:
        given = [X.T.copy(), Y[0].copy(), W]
        given[place] = SAME[kind](given[place])
        if kind == "matrix" and place == 0:
            with pytest.raises(TypeError, match=r"np.matrix is not supported"):  # as scikit-learn says
                call(*given)
        elif not (kind in NO_LABELS and place == 1 and "Classifier" in door):
            np.testing.assert_allclose(np.asarray(call(*given)), np.asarray(expected), 1e-9)


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("door", ROWS)
def test_estimators_say_what_is_no_array_of_numbers(door, kind):
    takes, call = ROWS[door]
    make, message = REFUSED[kind]
    for place in takes:
        if place == 1 and "Classifier" in door and kind in ("dates", "times", "text"):
            continue  # labels
        given = [X.T.copy(), Y[0].copy(), W]
        given[place] = make(given[place])
        with pytest.raises((ValueError, TypeError), match=message):
            call(*given)


def test_a_missing_date_is_no_number():
    """NumPy makes −9.2e18 of it."""
    dates = X.T.astype("M8[s]")
    dates[0, 0] = np.datetime64("NaT")
    for frame in (dates, pd.DataFrame(dates), pl.DataFrame(dates.astype("M8[us]"))):
        with pytest.raises(ValueError, match=r"X: got .*, wanted numbers. Make numbers of dates first"):
            MLPRegressor().fit(frame, Y[0])


def test_sparse_targets_and_weights_are_told_to_be_dense():
    for given in ((X, sp.csr_array(Y)), (X, Y, 0.0, sp.csr_array(W[None]))):
        with pytest.raises(ValueError, match=r"got a sparse csr_array, wanted a dense array: \w+.toarray\(\)"):
            network().cost(*given)


def test_masks_do_not_slip_into_parameters_and_labels():
    net = network()
    for assign in (
        lambda: net.W.__setitem__(1, _hiding(np.asarray(net.W[1]))),
        lambda: setattr(net, "parameters", _hiding(net.parameters)),
        lambda: cr.one_hot(np.ma.array([0, 1, 9], mask=[0, 0, 1])),
    ):
        with pytest.raises(ValueError, match="masked array that hides 1"):
            assign()
