"""Extremes as cases: each row of the tables works, on both engines, or gives its clear error.

Beside each row stands what scikit-learn's own networks do with it: where their error is clear, ours begins with it.
"""

import platform
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn import neural_network as theirs
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import chainrule as cr
from chainrule.engines import ENGINES
from chainrule.training.train import prepare

pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")

rng = np.random.default_rng(0)
X = np.round(8 * rng.standard_normal((60, 3))) / 8  # eighths: the same numbers in every precision
LABELS = np.where(X[:, 0] > 0, "yes", "no")
NUMBERS = 2 * X[:, 0] + 1
FRAME = pd.DataFrame(X, columns=["größe", "幅", "a b"])
AT_7 = np.arange(60) == 7
WIDE = rng.standard_normal((20, 100_000))
WIDE[:, 0] = 5 * X[:20, 0]


@dataclass
class Case:
    """X (m, n), y of each kind (None: not for that estimator), and what is expected.

    ours: "works"; or words of an error; "warns: …" for words of a warning while it works. theirs: what scikit-learn
    does: "works", "fails" (with another error), "same words" (its first line is the beginning of ours), or "either",
    where one of its networks overflows and the other does not.
    """

    X: Any = field(default_factory=lambda: X)
    labels: Any = None
    numbers: Any = None
    ours: str = "works"
    theirs: str = "works"
    options: dict[str, Any] = field(default_factory=dict)
    weights: Any = None
    exact: Any = None  # the fit has the bits that this X has
    least: float = 0.85  # the accuracy, or R², on the rows themselves


def both(X, ours="works", theirs="works", **rest):
    m = X.shape[0] if hasattr(X, "shape") else len(X)
    return Case(X, LABELS[:m], NUMBERS[:m], ours, theirs, **rest)


def bad(value, where=(7, 1)):
    broken = X.copy()
    broken[where] = value
    return broken


def strided(A):
    wide = np.full((2 * len(A), 3 * A.shape[1]), np.nan)
    wide[::2, ::3] = A
    return wide[::2, ::3]


def read_only(A):
    A = A.copy()
    A.flags.writeable = False
    return A


NORMAL, ROBUST = {"normalize": "standard"}, {"normalize": "robust"}
NAN = r"^Input X contains NaN\.\nThe first in X is in row 7, column {}: missing or NaN\. There is 1 in 1 of 60 rows\."
SAME = "warns: predicts nearly the same for every example"

SIZES = {
    "1 row": both(X[:1], least=-np.inf),
    "2 rows": both(X[6:8], least=-np.inf),
    "1 feature": both(X[:, :1]),
    "1 unit": both(X, options={"hidden_layer_sizes": (1,)}, least=0.6),
    "no hidden layer": both(X, options={"hidden_layer_sizes": ()}),
    "1,000 layers": both(X, SAME, options={"hidden_layer_sizes": (2,) * 1000, "max_iter": 2}, least=-np.inf),
    "100,000 features": both(
        WIDE, options={"hidden_layer_sizes": (4,), "max_iter": 25, "learning_rate_init": 3e-5}, least=0.6
    ),
    "no rows": both(X[:0], r"^Found array with 0 sample\(s\)", "same words"),
    "no columns": both(X[:, :0], r"^Found array with 0 feature\(s\)", "same words"),
    "a frame without rows": both(FRAME[:0], r"^Found array with 0 sample\(s\)", "same words"),
    "a frame without columns": both(FRAME[[]], r"^Found array with 0 feature\(s\)\nX: got a table of shape", "fails"),
    "a frame of nothing": both(pd.DataFrame(), r"^Found array with 0 feature\(s\)\nX: got .* \(0, 0\)", "fails"),
}
SCALES = {
    "constant features": both(np.ones((60, 3)), SAME, least=-np.inf),
    "constant features, normalized": both(np.ones((60, 3)), SAME, options=NORMAL, least=-np.inf),
    "one constant feature": both(np.c_[X, np.full(60, 1e6)], options=NORMAL),
    "duplicate rows": Case(*(np.repeat(A[:30], 2, axis=0) for A in (X, LABELS, NUMBERS))),
    **{
        f"X times {scale:g}, {options['normalize']}": both(
            X * scale, theirs="either" if scale == 1e300 else "works", options=options
        )
        for scale in (1e150, 1e-150, 1e300, 1e-300)
        for options in (NORMAL, ROBUST)
    },
    "float32 X times 1e30": both((X * 1e30).astype("f"), options=NORMAL),
    "float32 X times 1e-30": both((X * 1e-30).astype("f"), options=NORMAL),
    "X times 1e160 as it is": Case(
        X * 1e160, None, NUMBERS, "epoch 0: the cost is inf; .*scale the inputs", "same words"
    ),
    "X times 1e-150 as it is": both(X * 1e-150, SAME, least=-np.inf),
    "labels of which all are equal": Case(X, np.repeat("all", 60), None, least=1),
    "numbers of which all are equal": Case(X, None, np.ones(60), least=-np.inf),
    **{
        f"targets times {scale:g}": Case(X, None, NUMBERS * scale, options={"scale_target": True})
        for scale in (1e150, 1e-150, 1e300, 1e-300)
    },
}
FORMS = {
    "read-only": read_only(X),
    "with gaps": strided(X),
    "backwards": np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "columns first": np.asfortranarray(X),
    "big-endian": X.astype(">f8"),
    "float16": X.astype("f2"),
    "long double": X.astype("g"),
    "objects": X.astype(object),
    "lists": X.tolist(),
    "a frame": FRAME,
    "a frame of nullable numbers": FRAME.astype("Float64"),
    "a frame of Arrow numbers": FRAME.astype("float64[pyarrow]"),
    "a polars frame": pl.DataFrame(X, schema=["größe", "幅", "a b"]),
    "an Arrow table": pa.table({name: FRAME[name].to_numpy() for name in FRAME}),
}
INPUTS = {
    **{name: both(form, exact=X) for name, form in FORMS.items()},
    "whole numbers": both((8 * X).astype(np.int64), exact=8 * X),
    "small numbers": both((8 * X).astype(np.int8), exact=8 * X),
    "booleans": both(X > 0, exact=(X > 0) * 1.0, least=0.4),
    "sparse, by rows": both(sp.csr_array(X)),
    "sparse, by columns": both(sp.csc_array(X)),
    "sparse, by coordinates": both(sp.coo_array(X)),
    "complex numbers": both(X + 0j, "^Complex data not supported", "same words"),
    "words": both(
        FRAME.assign(t="x"), "^could not convert string to float: 'x'\nThe first in X is in row 0, column 't'",
        "same words"
    ),
    "NaN": both(bad(np.nan), NAN.format(1), "same words"),
    "NaN in float32": both(bad(np.nan).astype("f"), NAN.format(1), "same words"),
    "NaN in a sparse array": both(sp.csr_array(bad(np.nan)), NAN.format(1), "same words"),
    "NaN in a frame": both(FRAME.mask(bad(np.nan) != X), NAN.format("'幅'"), "same words"),
    "missing in a nullable frame": both(
        FRAME.astype("Float64").mask(bad(np.nan) != X), NAN.format("'幅'"), "same words"
    ),
    "missing in a frame of Arrow numbers": both(
        FRAME.astype("float64[pyarrow]").mask(bad(np.nan) != X), NAN.format("'幅'"), "same words"
    ),
    "missing in a polars frame": both(
        pl.DataFrame({"a": X[:, 0], "幅": [None if at else 1.0 for at in AT_7]}), NAN.format("'幅'"), "same words"
    ),
    "None among objects": both(np.where(bad(np.nan) == X, X, None), NAN.format(1), "same words"),
    "NaN in a frame with an index": both(
        FRAME.mask(bad(np.nan) != X).set_axis([f"r{i}" for i in range(60)]),
        r"^Input X contains NaN\.\nThe first in X is in row 7 \('r7' in its index\), column '幅'", "same words"
    ),
    "infinity": both(
        bad(-np.inf), r"^Input X contains infinity.*\nThe first in X is in row 7, column 1: infinite", "same words"
    ),
    "too large for float32": both(
        bad(1e300), r"^Input X contains infinity or a value too large for dtype\('float32'\)\.\n"
        "The first in X is in row 7, column 1: infinite or too large", "either", options={"dtype": "float32"}
    ),
}  # fmt: skip
TEXT = pd.Series(LABELS)
AS_TEXT = r".*Labels are text, whole numbers or booleans, all of one kind; y\.astype\(str\) makes text of anything"
MISSING = r"^Input (y )?contains NaN\.?\nThe first in y is in row 7: missing or NaN\. There is 1 in 1 of 60 rows"


def labels(y, ours="works", theirs="works", **rest):
    return Case(X, y, None, ours, theirs, **rest)


OUTPUTS = {
    "bytes": labels(LABELS.astype("S"), "^Support for labels represented as bytes is not supported", "same words"),
    "booleans": labels(X[:, 0] > 0),
    "booleans as objects": labels((X[:, 0] > 0).astype(object), f"^Unknown label type: bool{AS_TEXT}", "fails"),
    "intervals": labels(pd.cut(X[:, 0], [-9, 0, 9]), f"^Unknown label type: Interval{AS_TEXT}", "fails"),
    "timestamps": labels(list(TEXT.map({"yes": pd.Timestamp(0), "no": pd.Timestamp(1)})),
                         f"^Unknown label type: Timestamp{AS_TEXT}", "fails"),
    "dates": labels(np.where(X[:, 0] > 0, "2020", "2021").astype("M8[Y]")),
    "mixed types": labels(np.where(X[:, 0] > 0, np.array(1, object), "b"),
                          f"^'<' not supported.*different types .int, str.{AS_TEXT}", "same words"),
    "continuous numbers": labels(X[:, 0], f"^Unknown label type: float.*MLPRegressor learns numbers{AS_TEXT}", "fails"),
    "None": labels(np.where(AT_7, None, LABELS), MISSING, "fails"),
    "NaN among text": labels(np.where(AT_7, np.nan, LABELS.astype(object)), MISSING, "same words"),
    "NaN among numbers": labels(np.where(AT_7, np.nan, X[:, 0] > 0), MISSING, "same words"),
    "missing in nullable text": labels(TEXT.astype("string").mask(AT_7), MISSING, "fails"),
    "missing in nullable numbers": labels((TEXT == "yes").astype("Int64").mask(AT_7), MISSING, "same words"),
    "missing in a polars column": labels(pl.Series([None if at else y for at, y in zip(AT_7, LABELS, strict=True)]),
                                         MISSING, "fails"),
    "nullable numbers": labels((TEXT == "yes").astype("Int64")),
    "nullable booleans": labels((TEXT == "yes").astype("boolean")),
    "categories": labels(TEXT.map({"yes": "ß", "no": "是"}).astype("category")),
    "Arrow text": labels(TEXT.astype("string[pyarrow]")),
    "a polars column": labels(pl.Series(LABELS)),
    "big-endian": labels((X[:, 0] > 0).astype(">i4")),
    "64 bits": labels((X[:, 0] > 0) * 2**62),
    "a list": labels(LABELS.tolist()),
    "a column": labels(LABELS[:, None], "warns: column-vector"),
    "numbers in a column": Case(X, None, NUMBERS[:, None], "warns: column-vector"),
    "whole numbers": Case(X, None, (8 * NUMBERS).astype(int), options={"scale_target": True}),
    "numbers as objects": Case(X, None, NUMBERS.astype(object)),
    "numbers, big-endian": Case(X, None, NUMBERS.astype(">f8")),
    "numbers, float16": Case(X, None, NUMBERS.astype("f2")),
    "numbers as text": Case(X, None, NUMBERS.astype(str), "^y: got dtype <U32, wanted numbers", "fails"),
    "dates as numbers": Case(X, None, NUMBERS.astype("i8").view("M8[s]"), r"^y: got dtype datetime64\[s\]", "fails"),
    "numbers with NaN": Case(X, None, np.where(AT_7, np.nan, NUMBERS), MISSING, "same words"),
    "numbers with None": Case(X, None, np.where(AT_7, None, NUMBERS), MISSING, "fails"),
    "numbers, nullable, missing": Case(X, None, pd.Series(NUMBERS, dtype="Float64").mask(AT_7), MISSING, "same words"),
    "two outputs with infinity": Case(
        X, None, np.c_[NUMBERS, np.where(AT_7, np.inf, 1)],
        r"^Input y contains infinity.*\nThe first in y is in row 7, column 1", "same words"
    ),
}  # fmt: skip


def weights(w, ours="works", theirs="works", **rest):
    return both(X, ours, theirs, weights=w, **rest)


WEIGHTS = {
    "one of them": weights(np.eye(60)[3], least=-np.inf),
    "huge": weights(np.full(60, 1e300)),
    "tiny": weights(np.full(60, 1e-300), options={"alpha": 0.0}),
    "all scales": weights(np.where(AT_7, 1e-200, 1e100)),
    "one number": weights(2.0),
    "all 0": weights(np.zeros(60), "^Sample weights must contain at least one non-zero number", "same words"),
    "negative": weights(np.where(AT_7, -1.0, 1.0), r"weights: wanted 60 .* 0 or more.*; weights\[7\] = -1.0"),
    "too few": weights(np.ones(3), r"sample_weight.shape == \(3,\)", "same words"),
    "NaN": weights(np.where(AT_7, np.nan, 1.0),
                   r"^Input sample_weight contains NaN\.\nThe first in sample_weight is in row 7", "same words"),
    "a sum that overflows": weights(
        np.full(60, 1e308), "weights: their sum is inf, which float64 cannot divide by", "fails"
    ),
    "a sum below the normal numbers": weights(np.full(60, 1e-310), "weights: their sum is 6e-309, which float64"),
}  # fmt: skip
CASES = {
    f"{part}: {name}": case
    for part, table in (
        ("sizes", SIZES), ("scales", SCALES), ("X", INPUTS), ("y", OUTPUTS), ("weights", WEIGHTS),
    )
    for name, case in table.items()
}  # fmt: skip


def fitted(make, case, y, **changed):
    options = {"hidden_layer_sizes": (6,), "max_iter": 40, "learning_rate_init": 0.05, "random_state": 0}
    model = make(**{**options, **case.options, **changed})
    return model.fit(case.X, y) if case.weights is None else model.fit(case.X, y, case.weights)


def size(A):
    return A.shape[0] if hasattr(A, "shape") else len(A)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("name", CASES)
def test_an_extreme_works_or_says_what_is_wrong(name):
    case = CASES[name]
    for make, y in ((cr.MLPClassifier, case.labels), (cr.MLPRegressor, case.numbers)):
        if y is None:
            continue
        found = []
        for engine in ENGINES:
            if case.ours != "works" and not case.ours.startswith("warns"):
                with pytest.raises((ValueError, TypeError), match=f"(?s){case.ours}"):
                    fitted(make, case, y, engine=engine)
                continue
            if case.ours.startswith("warns"):
                with pytest.warns(match=case.ours.removeprefix("warns: ")):
                    model = fitted(make, case, y, engine=engine)
            else:
                model = fitted(make, case, y, engine=engine)
            predicted = model.predict(case.X)
            assert model.engine_ == engine
            assert predicted.shape == (size(y),)
            assert np.isfinite(model.network_.parameters).all()
            if case.least > -np.inf:
                target = np.asarray(y).ravel() if make is cr.MLPClassifier else np.asarray(y, float).ravel()
                right = np.mean(predicted == target)
                if make is cr.MLPRegressor:  # R² of numbers whose squares may have no room
                    residual = (predicted - target) / np.abs(target).max()
                    right = 1 - np.var(residual) / np.var(target / np.abs(target).max())
                assert right >= case.least
            if case.exact is not None:
                same = fitted(make, Case(case.exact, options=case.options), y, engine=engine)
                np.testing.assert_array_equal(model.network_.parameters, same.network_.parameters)
                np.testing.assert_array_equal(model.predict(case.X), predicted)
            found.append(predicted)
        if len(found) == 2 and make is cr.MLPClassifier:
            assert np.mean(found[0] == found[1]) > 0.95  # the engines learn the same


@pytest.mark.parametrize("name", CASES)
def test_what_scikit_learn_does_is_what_the_table_says(name):
    case = CASES[name]
    known = ("hidden_layer_sizes", "max_iter", "alpha")
    plain = Case(case.X, options={k: v for k, v in case.options.items() if k in known}, weights=case.weights)
    for ours, make, y in (
        (cr.MLPClassifier, theirs.MLPClassifier, case.labels),
        (cr.MLPRegressor, theirs.MLPRegressor, case.numbers),
    ):
        if y is None or case.theirs == "either":
            continue
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if case.theirs == "works":
                fitted(make, plain, y, max_iter=1)
                continue
            with pytest.raises((ValueError, TypeError)) as error:
                fitted(make, plain, y, max_iter=1)
            if case.ours == "works":
                continue
            with pytest.raises((ValueError, TypeError)) as own:
                fitted(ours, case, y)
        first = str(error.value).partition("\n")[0].replace(make.__name__, ours.__name__)
        assert (str(own.value).startswith(first)) == (case.theirs == "same words"), (first, str(own.value))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:The number of unique classes")
def test_a_memory_mapped_table_is_learned_as_it_lies(tmp_path):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    for make, y in ((cr.MLPClassifier, LABELS), (cr.MLPRegressor, NUMBERS)):
        model, same = fitted(make, Case(mapped), y), fitted(make, Case(X), y)
        np.testing.assert_array_equal(model.network_.parameters, same.network_.parameters)
        np.testing.assert_array_equal(model.predict(mapped), same.predict(X))


def test_10_000_classes():
    classes = np.arange(10_000)
    model = cr.MLPClassifier((4,), random_state=0, learning_rate_init=0.1, dtype="float32")
    for _ in range(60):
        model.partial_fit(X[:8], 1000 * np.arange(8), classes=classes)
    probabilities = model.predict_proba(X[:8])
    assert probabilities.shape == (8, 10_000)
    np.testing.assert_allclose(probabilities.sum(axis=1, dtype=float), 1, rtol=1e-5)
    assert np.mean(model.predict(X[:8]) == 1000 * np.arange(8)) >= 0.5


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform", "score", "partial_fit", "diagnose"])
def test_what_a_fitted_model_is_given_is_named_too(method):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = fitted(cr.MLPClassifier, Case(FRAME), LABELS)
    extra = (LABELS,) if method in ("score", "partial_fit", "diagnose") else ()
    with pytest.raises(ValueError, match=NAN.format("'幅'")):
        getattr(model, method)(FRAME.mask(bad(np.nan) != X), *extra)
    if extra:
        with pytest.raises(ValueError, match=r"(?s)contains NaN.*The first in y is in row 7: missing or NaN"):
            getattr(model, method)(FRAME, np.where(AT_7, np.nan, LABELS.astype(object)))


def test_a_validation_set_is_named():
    for X_val, y_val, message in (
        (bad(np.nan), LABELS, "The first in X_val is in row 7, column 1"),
        (X, np.where(AT_7, None, LABELS), "The first in y_val is in row 7"),
    ):
        with pytest.raises(ValueError, match=f"(?s)^Input . contains NaN.*{message}"):
            cr.MLPClassifier().fit(X, LABELS, X_val=X_val, y_val=y_val)


# -- the core: columns are examples ------------------------------------------------------------------------------------

ONE_HOT = np.eye(2)[:, (X[:, 0] > 0).astype(int)]


def core(sizes, columns, Y, engine, epochs=200, scaled=True, **options):
    net = cr.Network(sizes, hidden="tanh", output="softmax", seed=0)
    if scaled:
        net.normalize(columns)
    steps = list(net.train(columns, Y, cr.Adam(0.05), epochs=epochs, engine=engine, **options))
    assert np.isfinite(net.parameters).all()
    assert steps[-1].engine == engine
    return net, float(np.mean(net.forward(columns).argmax(axis=0) == np.asarray(Y).argmax(axis=0)))


CORE = {
    "1 example": ([3, 4, 2], X[:1].T, ONE_HOT[:, :1]),
    "1 input": ([1, 4, 2], X[:, :1].T, ONE_HOT),
    "1 unit": ([3, 1, 2], X.T, ONE_HOT),
    "no hidden layer": ([3, 2], X.T, ONE_HOT),
    "100,000 inputs": ([100_000, 3, 2], WIDE.T, ONE_HOT[:, :20]),
    "duplicates": ([3, 4, 2], np.repeat(X[:30], 2, axis=0).T, np.repeat(ONE_HOT[:, :30], 2, axis=1)),
    **{f"X times {s:g}": ([3, 4, 2], s * X.T, ONE_HOT) for s in (1e150, 1e-150, 1e300, 1e-300)},
    **{
        name: ([3, 4, 2], FORMS[name], ONE_HOT)
        for name in ("read-only", "with gaps", "backwards", "big-endian", "float16", "long double", "objects", "lists")
    },
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", CORE)
def test_an_extreme_network_learns(name, engine):
    sizes, columns, Y = CORE[name]
    columns = np.asarray(columns).T if name in FORMS else columns
    assert core(sizes, columns, Y, engine, 20 if sizes[0] > 1000 else 200)[1] >= 0.95
    if name in FORMS:
        np.testing.assert_array_equal(
            *(core(sizes, A, Y, engine, 5, scaled=False)[0].parameters for A in (columns, X.T))
        )


@pytest.mark.parametrize("engine", ENGINES)
def test_a_network_of_1_000_layers_and_one_of_10_000_outputs(engine):
    deep = cr.Network([3, *[3] * 999, 2], hidden="selu", output="softmax", init="lecun", seed=0)
    costs = [step.cost for step in deep.train(X.T, ONE_HOT, cr.Adam(1e-4), epochs=3, engine=engine)]
    assert deep.L == 1000
    assert np.isfinite(costs).all()
    assert np.isfinite(deep.forward(X.T)).all()
    wide = cr.Network([3, 4, 10_000], output="softmax", seed=0)
    Y = np.zeros((10_000, 8))
    Y[1000 * np.arange(8), np.arange(8)] = 1
    costs = [step.cost for step in wide.train(X[:8].T, Y, cr.Adam(0.1), epochs=40, engine=engine)]
    assert costs[0] == pytest.approx(np.log(10_000), rel=0.1)
    assert costs[-1] < 2


PLACE = r"feature 1 of example 7, both counted from 0; there is 1 in 1 of the examples"
REFUSED = {
    "NaN": (lambda: (bad(np.nan).T, ONE_HOT), rf"^X: got NaN or infinity.*Fill or drop.*X\[1, 7\] = nan, {PLACE}"),
    "infinity": (lambda: (bad(np.inf).T, ONE_HOT), rf"^X: got NaN or infinity.*X\[1, 7\] = inf, {PLACE}"),
    "NaN, sparse": (lambda: (sp.csr_array(bad(np.nan).T), ONE_HOT), rf"^X: got NaN.*X\[1, 7\] = nan, {PLACE}"),
    "infinity, by columns": (lambda: (sp.csc_array(bad(np.inf).T), ONE_HOT), rf"^X: got NaN.*X\[1, 7\] = inf, {PLACE}"),
    "several": (
        lambda: (np.where(X.T > 1, np.nan, X.T), ONE_HOT),
        f"there are {(X > 1).sum()} in {(X > 1).any(axis=1).sum()} of the examples",
    ),
    "None": (lambda: (np.where(bad(np.nan).T == X.T, X.T, None), ONE_HOT), rf"^X: got NaN.*X\[1, 7\] = None, {PLACE}"),
    "an object": (lambda: (np.where(X.T > 1, [{}], X.T), ONE_HOT), "^X: got objects of which one is no"),
    "Y": (lambda: (X.T, np.where(AT_7, np.nan, ONE_HOT)), r"^Y: got NaN.*Y\[0, 7\] = nan, output 0 of example 7"),
    "text": (lambda: (X.T.astype(str), ONE_HOT), "^X: got <U32, wanted numbers"),
    "dates": (lambda: (X.T.astype("i8").view("M8[s]"), ONE_HOT), r"^X: got datetime64\[s\], wanted numbers"),
    "complex numbers": (lambda: (X.T + 0j, ONE_HOT), "^X: got complex128, wanted numbers"),
    "complex Y": (lambda: (X.T, ONE_HOT + 0j), "^Y: got complex128, wanted numbers"),
    "no examples": (lambda: (X[:0].T, ONE_HOT[:, :0]), r"^X: got no examples \(0 columns\)"),
    "weights with NaN": (
        lambda: (X.T, ONE_HOT, np.where(AT_7, np.nan, 1)),
        r"^weights: wanted 60 finite numbers.*weights\[7\] = nan",
    ),
    "weights, objects": (lambda: (X.T, ONE_HOT, ["a"] * 60), "^weights: got <U1, wanted numbers"),
    "weights that overflow": (lambda: (X.T, ONE_HOT, np.full(60, 1e308)), "^weights: their sum is inf"),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", REFUSED)
def test_what_a_network_refuses_it_places(name, engine):
    make, message = REFUSED[name]
    columns, Y, *weights = make()
    net = cr.Network([3, 4, 2], output="softmax", seed=0)
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=f"(?s){message}"):
        next(net.train(columns, Y, cr.Adam(), epochs=1, engine=engine, weights=weights[0] if weights else None))
    np.testing.assert_array_equal(net.parameters, before)


def test_a_number_too_large_for_the_precision_is_shown_as_it_was_given():
    net = cr.Network([3, 2], output="softmax", dtype=np.float32)
    with pytest.raises(ValueError, match=r"X\[1, 7\] = 1e\+300, feature 1 .*") as error:
        net.cost(bad(1e300).T, ONE_HOT)
    assert "Smaller numbers are needed: float32 ends at 3.4e+38" in str(error.value)
    with pytest.raises(ValueError, match=r"normalization: got NaN or infinity in X\. .*X\[1, 7\] = nan, feature 1 of"):
        net.normalize(bad(np.nan).T)


# -- overflow ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch_size", [None, 7])
def test_an_overflow_in_training_keeps_the_parameters_and_the_model_predicts(engine, dtype, batch_size):
    net = cr.Network([3, 8, 1], hidden="relu", output="identity", seed=0, dtype=dtype)
    kept = net.parameters.copy()
    options = {"epochs": 1000, "engine": engine, "batch_size": batch_size, "seed": 0}
    training = net.train(X.T, NUMBERS[None], cr.GradientDescent(30.0), **options)

    def go_on():
        nonlocal kept
        for step in training:
            kept = net.parameters.copy()
            assert np.isfinite(step.cost)

    with pytest.raises(cr.DivergenceError, match=r"epoch \d+: the cost is (inf|nan).*keeps its last finite") as error:
        go_on()
    assert error.value.epoch < 1000
    np.testing.assert_array_equal(net.parameters, kept)
    assert np.isfinite(kept).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_an_estimator_that_diverges_keeps_finite_parameters(engine):
    model = cr.MLPRegressor("squared_error", (8,), solver="sgd", learning_rate_init=30.0, random_state=0, engine=engine)
    with pytest.raises(ValueError, match=r"^Solver produced non-finite parameter weights.*epoch \d+"):
        model.fit(X, NUMBERS)
    assert np.isfinite(model.network_.parameters).all()
    with np.errstate(all="ignore"):
        assert model.predict(X).shape == (60,)


# -- numbers below the normal ones -------------------------------------------------------------------------------------


@pytest.mark.skipif("native" not in ENGINES, reason="the compiled kernel is not installed")
@pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64", "aarch64", "arm64"),
    reason="of other processors nothing is asked",
)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_below_the_normal_ones_are_zeros_in_the_kernel_and_nowhere_else(dtype, threads):
    # Arithmetic with them takes up to a hundred times as long (benchmarks/kernels.py shows that it does not here).
    below = float(np.finfo(dtype).tiny) / 1000
    net = cr.Network([300, 300, 4], hidden="tanh", output="identity", seed=0, dtype=dtype)
    state = prepare(net, net.check_examples(np.zeros((300, 1000)), np.ones((4, 1000))), cr.Adam(1e-3))
    state.memory.slots = (*(np.full_like(slot, below) for slot in state.memory.slots[:2]), 0)
    with threadpool_limits(threads):
        ENGINES["native"].run(state, 1)
    for slot in state.memory.slots[:2]:  # dW[1] = 0, so their numbers are β · below
        assert (slot[: net.W[1].size] == 0).all()
        assert (slot != 0).any()
    assert dtype(below) * dtype(1) > 0
