"""ONNX files, run by ONNX Runtime: the same labels, and probabilities that agree to 1e-5, from the raw values."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.kernel_approximation import RBFSampler
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor, exporting, readers, tabular
from chainrule.activations import Activation
from chainrule.cli import main
from chainrule.exporting import ExportError, graph
from chainrule.exporting.steps import apply, matrix
from chainrule.tabular import dates
from support.contract import DEPTHS, HIDDEN, rng_of
from support.runtime import exported, same_classes, same_numbers, session
from support.tables import people as everyone
from support.tables import shared

onnx = pytest.importorskip("onnx", reason="ONNX files need the extra chainrule[export]")
pytest.importorskip("onnxruntime", reason="nothing here runs an ONNX file")

OUTPUTS = ("softmax", "sigmoid", "identity", "exp", "relu", "tanh")
BOUND = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


def columns_of(frame, pipeline, path="model.onnx"):
    """The values of a table as the ONNX file wants them, from what `train` knows about its columns."""
    roles, formats, inputs = pipeline[0].roles, pipeline[0].formats or {}, {}
    for name, role in roles.items():
        values = frame[name].reset_index(drop=True)
        if role == "text":
            words = [re.findall(r"[^\W\d_]\w*", str(text).lower()) for text in values.where(values.notna(), "")]
            longest = max(1, *map(len, words))
            inputs[name] = np.array([row + [""] * (longest - len(row)) for row in words], dtype=object)
        elif role in ("category", "presence"):
            text = [str(value).strip() if there else "" for value, there in zip(values, values.notna(), strict=True)]
            inputs[name] = np.array(text, dtype=object)[:, None]
        elif role == "date":
            found = dates.parse(values, formats.get(name, ""))
            inputs[name] = ((found - pd.Timestamp(0)) / pd.Timedelta(seconds=1)).to_numpy(float)[:, None]
        elif role == "boolean":
            inputs[name] = np.array([{"True": 1.0, "False": 0.0}.get(str(v), np.nan) for v in values])[:, None]
        else:
            inputs[name] = values.to_numpy(float, na_value=np.nan)[:, None]
    return inputs


# -- networks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_network_computes_the_same_with_every_activation_output_and_normalizer(hidden, dtype):
    for k, output in enumerate(OUTPUTS):
        rng = rng_of(hidden, output)
        net = cr.Network(DEPTHS[1 + k % 3], hidden=hidden, output=output, init=1.0, seed=k, dtype=dtype)
        net.b[1] = rng.standard_normal(net.b[1].shape)
        X = (3 * rng.standard_normal((net.sizes[0], 60)) + 1).astype(dtype)
        net.normalize(X, (None, "standard", "robust")[k % 3])
        found = exported(net, np.ascontiguousarray(X.T))["Y"]
        expected = net.forward(X).T
        assert found.dtype == dtype
        bound = 1e-5 if dtype == np.float32 or hidden == "gelu" else 1e-12  # ONNX Runtime has erf in float32 only
        assert (np.abs(found - expected) / (1 + np.abs(expected))).max() <= bound


@pytest.mark.parametrize("m", [1, 2, 1000])
def test_any_number_of_rows_goes_in(m):
    net = cr.Network([3, 4, 2], output="softmax", seed=0)
    X = np.random.default_rng(m).standard_normal((m, 3))
    np.testing.assert_allclose(exported(net, X)["Y"], net.forward(X.T).T, atol=1e-12)


def test_a_network_without_hidden_layer_and_with_one_output():
    net = cr.Network([2, 1], init=2.0, seed=1)
    X = np.array([[1e3, -1e3], [-1e3, 1e3], [0, 0]])
    np.testing.assert_allclose(exported(net, X)["Y"], net.forward(X.T).T, atol=1e-12)


def test_exporting_leaves_the_network_as_it_is():
    net = cr.Network([2, 3, 1], seed=0)
    before = net.parameters.copy()
    cr.export_onnx(net, "model.onnx")
    np.testing.assert_array_equal(net.parameters, before)


def test_an_activation_of_your_own_is_traced():
    own = Activation("swish2", lambda Z: Z / (1 + np.exp(-2 * Z)), lambda Z: Z, "", "")
    net = cr.Network([3, 5, 2], hidden=own, output="identity", seed=0)
    X = np.random.default_rng(0).standard_normal((20, 3))
    np.testing.assert_allclose(exported(net, X)["Y"], net.forward(X.T).T, atol=1e-12)


@pytest.mark.parametrize("function", [lambda Z: 0.1 * np.tanh(Z) / 3 * 0.7, lambda Z: np.tanh(Z) * [0.1]])
def test_a_constant_factor_before_a_product_stays_float64(function):
    net = cr.Network([3, 5, 2], hidden=Activation("own", function, function, "", ""), output="identity", seed=0)
    X = np.random.default_rng(0).standard_normal((20, 3))
    np.testing.assert_allclose(exported(net, X)["Y"], net.forward(X.T).T, rtol=1e-12)
    for n, step in ((3, FunctionTransformer(lambda X: X / 255)), (1, StandardScaler())):
        net = MLPRegressor.from_network(cr.Network([n, 4, 1], hidden="tanh", output="identity", init=1.0, seed=0))
        same_numbers(make_pipeline(step.fit(100 * X[:, :n]), net), 100 * X[:, :n], bound=1e-12)


@pytest.mark.parametrize(
    "function",
    [
        lambda Z: np.sort(Z, axis=0),
        lambda Z: np.arctan(Z),
        lambda Z: np.asarray(Z) * 2,
        lambda Z: Z if Z.sum() > 0 else -Z,
        lambda Z: Z if Z > 0 else -Z,
        lambda Z: Z[:1] + Z,
        lambda Z: 1.0,
    ],
)
def test_an_activation_that_is_no_formula_is_refused(function):
    net = cr.Network([3, 5, 2], hidden=Activation("odd", function, lambda Z: Z, "", ""), seed=0)
    with pytest.raises(ExportError, match="activation 'odd': not a formula of ONNX's operators"):
        cr.export_onnx(net, "model.onnx")
    assert not Path("model.onnx").exists()


def test_one_that_has_the_name_of_another_is_not_taken_for_it():
    net = cr.Network([3, 5, 2], hidden=Activation("relu", lambda Z: -2 * Z, lambda Z: Z, "", ""), seed=0)
    X = np.random.default_rng(0).standard_normal((20, 3))
    np.testing.assert_allclose(exported(net, X)["Y"], net.forward(X.T).T, atol=1e-12)


# -- estimators --------------------------------------------------------------------------------------------------------

QUICK = {"hidden_layer_sizes": (7,), "max_iter": 3, "n_iter_no_change": np.inf, "random_state": 0}


@pytest.fixture(autouse=True)
def few_epochs_are_enough():
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Stochastic Optimizer: Maximum iterations")
        yield


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "labels",
    [
        ["no", "yes"], ["setosa", "größer", "日本"], [False, True], [0, 1], [-3, 10, 2**40], [1.0, 2.0, 4.0], [7],
        np.array(["a", "b"], dtype=object), np.array([1, 2], dtype=np.uint8),
    ],
    ids=str,
)  # fmt: skip
def test_labels_come_out_as_they_went_in(labels, dtype):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((90, 4)).astype(dtype)
    y = np.asarray(labels)[(X[:, 0] * 10).astype(int) % len(labels)]
    same_classes(MLPClassifier(**QUICK, normalize="standard").fit(X, y), X, bound=BOUND[X.dtype])


def test_labels_without_a_type_in_onnx_are_refused():
    model = MLPClassifier(**QUICK).fit(np.eye(4), np.array([1, 2**63 + 1, 1, 2**63 + 1], dtype=np.uint64))
    with pytest.raises(ExportError, match=r"classes such as .*: ONNX has text, whole numbers"):
        cr.export_onnx(model, "model.onnx")


def test_multi_label():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 5))
    y = (X[:, :3] + 0.3 * rng.standard_normal((80, 3)) > 0).astype(int)
    model = MLPClassifier(**QUICK).fit(X, y)
    assert same_classes(model, X, bound=1e-12) <= 1e-12
    assert exported(model, X)["label"].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", ["squared_error", "poisson", "huber"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_regressors(loss, outputs, dtype):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 5)).astype(dtype)
    Y = np.floor(np.exp(X[:, :outputs] + 2))
    scale = loss != "poisson"
    Y = Y * 1e4 + 1e6 if scale else Y
    model = MLPRegressor(loss, **QUICK, scale_target=scale).fit(X, Y[:, 0] if outputs == 1 else Y)
    assert exported(model, X)["prediction"].dtype == (np.float64 if scale else dtype)  # in the units of the target
    same_numbers(model, X, bound=2e-5 if dtype == np.float32 else 1e-11)


def test_weights_put_in_by_hand_are_exported():
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier(**QUICK).fit(X, y)
    model.coefs_[0] = model.coefs_[0] * 2
    same_classes(model, X, bound=1e-12)


def test_columns_of_a_matrix_are_named():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = make_pipeline(StandardScaler(), MLPClassifier(**QUICK)).fit(X, y)
    same_classes(model, X, X.to_numpy(), bound=1e-12)
    written = cr.export_onnx(model, "model.onnx")
    assert json.loads(written.metadata["columns"]) == list(X.columns)
    assert written.inputs[0].meaning == ", ".join(X.columns)


def test_the_best_of_a_search():
    X, y = load_iris(return_X_y=True)
    search = cr.GridSearchCV(MLPClassifier(**QUICK), {"alpha": [1e-4, 1.0]}, cv=2).fit(X, y)
    same_classes(search, X, bound=1e-12)


# -- tables, by the recipe of `train` ----------------------------------------------------------------------------------


def trained(table, **overrides):
    plan = tabular.make_plan(table)
    X, y = plan.examples(table)
    rows = min(len(y), 2000)
    settings = {"max_iter": 4, "early_stopping": False, **overrides}
    model = tabular.make_pipeline(plan, rows, 0, **settings).fit(X[:rows], y[:rows])
    return model, X, (columns_of(X, model) if plan.columns else X)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits"])
def test_bundled_tables(name, record_property):
    record_property("difference", same_classes(*trained(readers.read(name))))


def test_a_bundled_table_with_a_number_to_predict():
    same_numbers(*trained(readers.read("diabetes")))


@pytest.mark.parametrize(
    ("file", "target"),
    [
        ("titanic.csv", "Survived"),
        ("football.csv", "team"),
        ("t10k-images-idx3-ubyte.gz", None),
        ("test_catvnoncat.h5", None),
    ],
)
def test_shared_tables_and_images(file, target, record_property):
    small = {"hidden_layer_sizes": (16,)} if target is None else {}
    record_property("difference", same_classes(*trained(readers.read(shared(file), target=target), **small)))


def test_a_shared_table_with_a_number_to_predict():
    same_numbers(*trained(readers.read(shared("housing.csv"), target="median_house_value")))


def everything(m=300, seed=0):
    """A table with all roles, missing values in each, rare categories, names in other scripts."""
    r = np.random.default_rng(seed)
    words = ["große", "Straße", "apple", "pear", "kiwi", "plum", "naïve", "tree", "red", "blue", "ÉTÉ", "x1"]
    city = r.choice(["Rome", "Oslo", "Ürümqi", "東京", "rare 1", "rare 2"], m, p=[0.3, 0.3, 0.2, 0.19, 0.006, 0.004])
    frame = pd.DataFrame(
        {
            "längd": r.normal(size=m) * 1e3 + 1.7e9,
            "étage": r.integers(0, 50, m) * 1.5,
            "member": pd.Series(r.choice([True, False], m), dtype=object),
            "city": city,
            "日付": pd.to_datetime(r.integers(-3 * 10**9, 4 * 10**9, m), unit="s"),
            "day": [f"{day:02}.{month:02}.1999" for day, month in r.integers(1, 13, (m, 2))],
            "note": [", ".join(r.choice(words, 7)) + "! 3x Ab_c1" for _ in range(m)],
            "code": [f"k{i}" for i in range(m)],
        }
    )  # fmt: skip
    y = np.where((frame["längd"] > 1.7e9) ^ (city == "Oslo"), "ja", "nein")
    for k, name in enumerate(frame):
        frame.loc[k::11, name] = None
    return readers.Table("everything", frame, pd.Series(y), "answer")


def test_columns_of_every_role_with_missing_values():
    model, X, inputs = trained(everything(), hidden_layer_sizes=(16,))
    assert set(model[0].roles.values()) == {"number", "boolean", "category", "date", "text", "presence"}
    assert same_classes(model, X, inputs) <= 1e-5


def test_what_is_prepared_is_the_same_to_the_last_digits():
    # The network sees float32, in which an error of a time in seconds would drown: so what it is given is compared.
    model, X, inputs = trained(everything())
    expected = model[:-1].transform(X)
    made = graph.Graph()
    given = exporting.steps.inputs(made, [model[0], model[1]], model[-1].network_)
    for step in model[:-1]:
        given = apply(step, given)
    made.output("prepared", matrix(given), expected.shape[1])
    found = session_of(made).run(None, inputs)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert not np.isclose(expected.std(axis=0), 0).all()


def session_of(made):
    onnx.save(made.model({}), "part.onnx")
    return session("part.onnx")


def test_what_was_never_seen_is_borne():
    model, X, _ = trained(everything(), hidden_layer_sizes=(16,))
    new = X.head(3).assign(city=["Atlantis", None, " Oslo "], code=[None, "new", "k1"], note=["", None, "qqq 123 _"])
    new = new.assign(member=[None, True, False], étage=[np.nan, -1e5, 1e5], day=["31.12.1960", None, "no date"])
    same_classes(model, new, columns_of(new, model), bound=1e-4)  # terms of 1e5 cancel, in float32
    nothing = X.head(2).assign(**dict.fromkeys(X.columns))
    same_classes(model, nothing, columns_of(nothing, model))


def test_categories_of_a_table_are_found_in_the_usual_ways_to_write_them():
    model, X, _ = trained(everything(), hidden_layer_sizes=(16,))
    cities = ["oslo", " Oslo", "OSLO ", " OSLO ", "ROME", "Atlantis", ""]
    new = X.head(len(cities)).assign(city=cities)
    expected = model.predict_proba(new)
    np.testing.assert_array_equal(expected[:4], model.predict_proba(new[:4].assign(city="Oslo")))
    same_classes(model, new, columns_of(new, model))


def test_a_boolean_that_is_neither_is_missing():
    model, X, inputs = trained(everything(), hidden_layer_sizes=(16,))
    strange = inputs | {"member": np.full((len(X), 1), 0.5)}
    same_classes(model, X.assign(member=None), strange)


@pytest.mark.parametrize("cyclic", [False, True])
@pytest.mark.parametrize("dates", [pd.date_range("1677-10-01", "2262-04-01", freq="97h"), pd.DatetimeIndex([None])])
def test_dates_are_taken_apart_as_pandas_does_it(dates, cyclic):
    frame = pd.DataFrame({"date": dates})
    step = tabular.DateParts(cyclic).fit(frame)
    days = ["NaT", "9999-12-31T23:59", "0001-01-01", "2024-02-29T12:34:56"]
    new = pd.DataFrame({"date": np.array(days, "M8[us]")})
    for some in (frame, new):
        made = graph.Graph()
        x = made.input("date", graph.DOUBLE)
        made.output("parts", apply(step, {"date": x}), len(step.get_feature_names_out()))
        seconds = ((some["date"] - pd.Timestamp(0).as_unit("us")) / pd.Timedelta(seconds=1)).to_numpy(float)
        found = session_of(made).run(None, {"date": seconds[:, None]})[0]
        np.testing.assert_allclose(found, step.transform(some), rtol=1e-15, atol=1e-12 * cyclic)


def test_columns_may_have_the_names_of_outputs_and_of_what_is_inside():
    values = np.random.default_rng(0).standard_normal((60, 6))
    names = ["a", "b", "c", "d", "e", "f"]
    for _ in range(2):
        frame = pd.DataFrame(values, columns=names)
        model, X, inputs = trained(readers.Table("t", frame, np.where(values[:, 0] > 0, "x", "y"), "answer"))
        found = list(exported(model, inputs).values())
        np.testing.assert_array_equal(found[0], model.predict(X))
        np.testing.assert_allclose(found[1], model.predict_proba(X), atol=1e-5)
        inside = onnx.load("model.onnx").graph
        names = ["label", "probabilities", *(node.output[0] for node in inside.node[:3]), inside.initializer[0].name]
    assert [port.name for port in session().get_outputs()] == ["label_", "probabilities_"]


# -- pipelines of your own ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step",
    [
        StandardScaler(), StandardScaler(with_mean=False), StandardScaler(with_std=False), MinMaxScaler((-1, 2)),
        MinMaxScaler(clip=True), MaxAbsScaler(), RobustScaler(), RobustScaler(with_centering=False),
        FunctionTransformer(), FunctionTransformer(np.log1p), FunctionTransformer(np.square), "passthrough",
        FunctionTransformer(lambda X, a: a * np.sqrt(X), kw_args={"a": 3.0}),
        SimpleImputer(), PCA(5), PCA(5, whiten=True), VarianceThreshold(0.1),
    ],
    ids=lambda step: re.sub(" at 0x[0-9a-f]+", "", repr(step)),
)  # fmt: skip
@pytest.mark.parametrize("dtype", [None, np.float32])
def test_scalers(step, dtype):
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(step, MLPClassifier(**QUICK, normalize="standard", dtype=dtype)).fit(X, y)
    outside = np.vstack([X, X[:3] * 3])
    bound = 1e-5 if dtype else 1e-9
    same_classes(model, outside, outside.astype(np.float32) if dtype and step == "passthrough" else None, bound=bound)


@pytest.mark.parametrize(
    "imputer",
    [
        SimpleImputer(), SimpleImputer(strategy="median", add_indicator=True), SimpleImputer(keep_empty_features=True),
        SimpleImputer(strategy="constant", fill_value=-1.0),
        SimpleImputer(missing_values=0.0, strategy="most_frequent"),
        MissingIndicator(), MissingIndicator(features="all", missing_values=0.0),
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
def test_imputers(imputer):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 4))
    if imputer.missing_values != 0:
        X[:, 2] = np.nan
    X[::5, 1] = imputer.missing_values
    model = make_pipeline(imputer, MLPRegressor(**QUICK)).fit(X, rng.standard_normal(80))
    same_numbers(model, X, bound=1e-11)


CITIES = np.array([["Rome"], ["Oslo"], ["Lima"], ["Rome"], ["Oslo"], ["Rome"], ["Bern"], ["Lima"]] * 5, dtype=object)


@pytest.mark.parametrize(
    "options",
    [
        {}, {"handle_unknown": "ignore"}, {"drop": "first"}, {"drop": "if_binary"}, {"max_categories": 2},
        {"min_frequency": 8, "handle_unknown": "infrequent_if_exist"},
        {"min_frequency": 8, "handle_unknown": "ignore", "drop": "first"},
        {"max_categories": 3, "handle_unknown": "infrequent_if_exist", "drop": np.array(["Rome", "u"], dtype=object)},
        {"sparse_output": False},
    ],
    ids=str,
)  # fmt: skip
def test_one_hot_encoders_of_text(options):
    X = np.hstack([CITIES, np.roll(CITIES == "Rome", 1).astype(int).astype(object)])
    X[:, 1] = ["u" if value else "v" for value in X[:, 1]]
    y = np.arange(len(X)) % 3
    model = make_pipeline(OneHotEncoder(**options), MLPClassifier(**QUICK)).fit(X, y)
    same_classes(model, X, bound=1e-12)
    if "handle_unknown" in options:
        strange = np.array([["Atlantis", "u"], ["", "w"], ["Oslo", ""]], dtype=object)
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn says which are unknown
            same_classes(model, strange, bound=1e-12)


def test_an_unknown_category_raises_where_it_does_in_scikit_learn():
    model = make_pipeline(OneHotEncoder(), MLPClassifier(**QUICK)).fit(CITIES, np.arange(40) % 2)
    strange = np.array([["Atlantis"]], dtype=object)
    with pytest.raises(ValueError, match="unknown categories"):
        model.predict(strange)
    with pytest.raises(Exception, match="out of data bounds"):
        exported(model, strange)


@pytest.mark.parametrize("values", [[1, 2, 5], [0.5, 1e9 + 0.5, np.nan], [-(2**40), 7, 8]], ids=str)
def test_one_hot_encoders_of_numbers(values):
    X = np.tile(values, 20)[:, None].astype(float)
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), MLPClassifier(**QUICK))
    model.fit(X, np.arange(60) % 3)
    same_classes(model, np.vstack([X, [[99.0]]]), bound=1e-12)


def test_one_hot_encoders_of_what_is_missing_and_rare():
    X = np.array([["a"], ["a"], ["b"], [np.nan], ["c"], ["a"], ["b"], ["b"]] * 5, dtype=object)
    encoder = OneHotEncoder(min_frequency=6, handle_unknown="infrequent_if_exist")
    model = make_pipeline(encoder, MLPClassifier(**QUICK)).fit(X, np.arange(40) % 3)
    assert len(encoder.infrequent_categories_[0]) == 2
    given = np.where(pd.isna(X), "", X)
    same_classes(model, X, given, bound=1e-12)
    np.testing.assert_array_equal(exported(model, np.array([["new"]], dtype=object))["label"], model.predict([["new"]]))


def test_one_hot_encoders_of_many_categories():
    X = np.array([[f"user {k}", f"{k % 7}"] for k in range(20_000)], dtype=object)
    model = make_pipeline(OneHotEncoder(), MLPClassifier(**QUICK | {"hidden_layer_sizes": ()}))
    model.fit(X, (np.arange(len(X)) % 7 > 3).astype(int))  # a dense table of every category would take 3.2 GB
    same_classes(model, X[::100], bound=1e-12)


def people(m=60):
    r = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"age": r.normal(40, 9, m), "height": r.normal(170, 9, m), "city": CITIES[r.integers(0, 8, m), 0]}
    )
    frame["other"] = frame["city"].str[:1]
    frame["unused"] = "x"
    frame.loc[::7, "age"] = None
    frame.loc[3::9, "city"] = None
    return frame, np.where(frame["height"] + r.normal(0, 5, m) > 170, "tall", "small")


def of_frame(frame, *names):
    text = {n: frame[n].isna().any() or not pd.api.types.is_numeric_dtype(frame[n]) for n in names}
    text["age"] = False
    return {
        n: (frame[n].astype(object).where(frame[n].notna(), "") if text.get(n) else frame[n]).to_numpy(
            object if text.get(n) else float
        )[:, None]
        for n in names
    }


def test_a_column_transformer_has_an_input_for_each_column_it_uses():
    frame, y = people()
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    parts = [("n", numbers, ["age"]), ("w", words, ["city"]), ("o", OneHotEncoder(), ["other"])]
    transformer = ColumnTransformer(parts, transformer_weights={"n": 0.5}, remainder="drop")
    frame["other"] = frame["other"].fillna("?")
    model = make_pipeline(transformer, MLPClassifier(**QUICK)).fit(frame, y)
    same_classes(model, frame, of_frame(frame, "age", "city", "other"), bound=1e-12)


def test_a_part_of_a_column_transformer_that_makes_no_columns_is_left_out():
    frame = pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) % 7})
    parts = [("a", StandardScaler(), ["a", "b"]), ("gone", MissingIndicator(), ["a", "b"])]
    model = make_pipeline(ColumnTransformer(parts), MLPRegressor(**QUICK)).fit(frame, np.arange(40.0))
    same_numbers(model, frame, of_frame(frame, "a", "b"), bound=1e-10)


def test_a_column_transformer_with_a_remainder_and_without_names():
    X, y = load_diabetes(return_X_y=True)
    transformer = ColumnTransformer(
        [("a", MinMaxScaler(), slice(2, 5)), ("b", "drop", [0]), ("c", "passthrough", [7])], remainder=StandardScaler()
    )
    model = make_pipeline(transformer, MLPRegressor(**QUICK, scale_target=True)).fit(X, y)
    same_numbers(model, X, bound=1e-10)


def test_words_are_counted_as_the_vectorizer_does_it():
    notes = ["red apple", "green pear pear", "", "blue plum", "Apple plum red", "naïve naïve naïve x"] * 8
    frame = pd.DataFrame({"note": notes, "height": np.arange(48.0)})
    for options in (
        {},
        {"norm": "l1"},
        {"norm": None, "use_idf": False},
        {"norm": None, "use_idf": False, "binary": True},
        {"token_pattern": r"\w+", "stop_words": ["red"]},
    ):
        vectorizer = TfidfVectorizer(**options)
        transformer = ColumnTransformer([("t", vectorizer, "note"), ("n", StandardScaler(), ["height"])])
        model = make_pipeline(transformer, MLPClassifier(**QUICK)).fit(frame, np.arange(48) % 2)
        words = [re.findall(vectorizer.token_pattern, text.lower()) for text in notes]
        filled = np.array([row + [""] * (4 - len(row)) for row in words], dtype=object)
        same_classes(model, frame, {"note": filled, "height": frame[["height"]].to_numpy()}, bound=1e-12)
    assert cr.export_onnx(model, "model.onnx").inputs[0].shape == ("batch", "words of note")
    transformer.set_params(t__ngram_range=(1, 2))
    model.fit(frame, np.arange(48) % 2)
    with pytest.raises(ExportError, match=r"columns note: TfidfVectorizer\(ngram_range=\(1, 2\)\) has no counter"):
        cr.export_onnx(model, "model.onnx")


def test_what_onnx_does_not_take_is_an_error_in_one_line_of_ours():
    made = graph.Graph()
    x = made.input("x", graph.DOUBLE)
    made.output("y", made.op("Gemm", x), 1)
    with pytest.raises(ExportError, match="onnx does not take it"):
        made.model({})
    with pytest.raises(ExportError, match="a column has no name"):
        made.input("", graph.DOUBLE)


# -- what cannot be exported -------------------------------------------------------------------------------------------

NETWORK = MLPClassifier(**QUICK)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (make_pipeline(RBFSampler(), NETWORK), "RBFSampler has no .* --network-only"),
        (make_pipeline(FunctionTransformer(np.sort), NETWORK), r"FunctionTransformer\(sort\): not a formula"),
        (make_pipeline(ColumnTransformer([("p", RBFSampler(), [1, 3])]), NETWORK), "columns 1, 3: RBF"),
        (TheirClassifier(max_iter=1), "MLPClassifier: wanted a Network, an MLPClassifier or MLPRegressor of chainrule"),
        (make_pipeline(StandardScaler(), StandardScaler()), "StandardScaler: wanted a Network, an MLPClassifier"),
    ],
    ids=["step", "code", "columns", "theirs", "no network"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_what_has_no_counterpart_is_named(model, said):
    X, y = load_iris(return_X_y=True)
    model.fit(X, y)
    with pytest.raises(ExportError, match=said) as raised:
        cr.export_onnx(model, "model.onnx")
    assert "\n" not in str(raised.value)
    assert not Path("model.onnx").exists()


def test_what_is_not_fitted_or_no_model_is_refused():
    with pytest.raises(NotFittedError, match="not fitted"):
        cr.export_onnx(MLPClassifier(), "model.onnx")
    with pytest.raises(ExportError, match="str: wanted a Network"):
        cr.export_onnx("model", "model.onnx")


def test_text_and_numbers_in_one_array_need_names():
    X = np.array([["a", 1.0], ["b", 2.0]] * 10, dtype=object)
    transformer = ColumnTransformer([("w", OneHotEncoder(), [0]), ("n", StandardScaler(), [1])])
    model = make_pipeline(transformer, MLPClassifier(**QUICK)).fit(X, np.arange(20) % 2)
    with pytest.raises(ExportError, match="fit the pipeline to a DataFrame"):
        cr.export_onnx(model, "model.onnx")


def test_more_than_a_file_holds_is_refused(monkeypatch):
    monkeypatch.setattr(graph, "_LARGEST", 100)
    with pytest.raises(ExportError, match=r"the constants take \d+ bytes, an ONNX file holds at most 100"):
        cr.export_onnx(cr.Network([5, 9, 1], seed=0), "model.onnx")


def test_without_onnx_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'pip install "chainrule\[export\]"'):
        cr.export_onnx(cr.Network([2, 1], seed=0), "model.onnx")


# -- the file ----------------------------------------------------------------------------------------------------------


def test_the_file_says_what_it_is_and_needs_nothing_new():
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier(**QUICK).fit(X, np.array(["a", "b", "ü"])[y])
    written = cr.export_onnx(model, "model.onnx", about={"target": "species", "image_shape": [2, 2, 1]})
    proto = onnx.load("model.onnx")
    onnx.checker.check_model(proto, full_check=True)
    assert (proto.producer_name, proto.producer_version) == ("chainrule", cr.__version__)
    assert {p.key: p.value for p in proto.metadata_props} == written.metadata
    assert written.metadata == {"target": "species", "task": "classes", "classes": '["a", "b", "ü"]'}
    assert {(o.domain, o.version) for o in proto.opset_import} == {("", 13), ("ai.onnx.ml", 2)}
    assert proto.ir_version == 7
    assert {node.domain for node in proto.graph.node} <= {"", "ai.onnx.ml"}
    # Before 1.18, ONNX Runtime has no kernels for these in float64, or makes one of them that it has not.
    assert not {node.op_type for node in proto.graph.node} & {"Gemm", "ReduceL1", "ReduceL2"}
    assert proto.graph.input[0].doc_string == "pixels from 0 to 1, 2 × 2 × 1"
    assert [port.meaning for port in written.outputs] == ["species", "of a, b, ü"]


def test_a_file_is_replaced_whole_or_not_at_all(monkeypatch):
    cr.export_onnx(cr.Network([2, 1], seed=0), "model.onnx")
    before = Path("model.onnx").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(exporting.os, "fsync", full)
        with pytest.raises(ExportError, match=r"model\.onnx: cannot be written: No space left on device"):
            cr.export_onnx(cr.Network([2, 1], seed=1), "model.onnx")
    assert Path("model.onnx").read_bytes() == before
    assert [path.name for path in Path().iterdir()] == ["model.onnx"]
    cr.export_onnx(cr.Network([2, 1], seed=1), "model.onnx")
    assert Path("model.onnx").read_bytes() != before
    with pytest.raises(ExportError, match=r"nowhere/m\.onnx: cannot be written: No such file"):
        cr.export_onnx(cr.Network([2, 1], seed=1), "nowhere/m.onnx")


def test_the_same_model_gives_the_same_bytes():
    for name in ("a.onnx", "b.onnx"):
        cr.export_onnx(cr.Network([3, 4, 2], hidden="mish", seed=0), name)
    assert Path("a.onnx").read_bytes() == Path("b.onnx").read_bytes()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"a,b\n1,2\n", bytes(range(256)), b"\x08\x07"])
def test_what_is_no_onnx_file_is_told_from_one(data):
    Path("x.onnx").write_bytes(data)
    assert not exporting.is_onnx("x.onnx")
    cr.export_onnx(cr.Network([2, 1], seed=0), "x.onnx")
    assert exporting.is_onnx("x.onnx")


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def table():
    frame, y = people()
    frame.drop(columns="unused").assign(size=y).to_csv("people.csv", index=False)
    return "people.csv"


@pytest.fixture(scope="module")
def of_people(tmp_path_factory):
    """The bytes of a model of the table that the command line has trained."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("trained"))
        frame, y = people()
        frame.drop(columns="unused").assign(size=y).to_csv("people.csv", index=False)
        with pytest.raises(SystemExit) as done:
            main(["train", "people.csv", "--target", "size", "--hidden", "8", "--epochs", "3"])
        assert not done.value.code
        return Path("people.chainrule").read_bytes()


@pytest.fixture
def saved(table, of_people):
    Path("people.chainrule").write_bytes(of_people)
    return "people.chainrule"


def test_export_says_what_goes_in_and_what_comes_out(saved, ok):
    out = ok("export", saved, "people.onnx")
    for words in ("Wrote people.onnx", "opset 13", "city", "string", "batch × 1", "NaN = missing", '"" = missing',
                  "probabilities", "batch × 2", "of small, tall", "size"):  # fmt: skip
        assert words in out
    assert max(map(len, out.splitlines())) <= 80
    told = json.loads(ok("export", saved, "people.onnx", "--json"))
    assert [port["name"] for port in told["inputs"]] == ["age", "height", "city", "other"]
    assert told["inputs"][2] == {"name": "city", "type": "string", "shape": ["batch", 1], "meaning": '"" = missing'}
    assert (told["target"], told["task"], told["opset"], told["out"]) == ("size", "binary", 13, "people.onnx")


def test_onnx_and_predict_agree_on_the_raw_values(saved, table, ok):
    ok("export", saved, "people.onnx")
    expected = pd.read_csv(pd.io.common.StringIO(ok("predict", saved, table)))
    frame = pd.read_csv(table)
    label, probabilities = session("people.onnx").run(None, of_frame(frame, "age", "height", "city", "other"))
    np.testing.assert_array_equal(label, expected["prediction"])
    np.testing.assert_allclose(probabilities, expected.iloc[:, 1:], atol=1e-5)


def test_export_of_the_network_alone(saved, ok):
    ok("export", saved, "network.onnx", "--network-only")
    model, table = cr.load(saved), pd.read_csv("people.csv")
    prepared = model.preparation_.transform(table)
    label, probabilities = session("network.onnx").run(None, {"X": prepared.astype(np.float32)})
    np.testing.assert_array_equal(label, model.predict(table))
    np.testing.assert_allclose(probabilities, model.predict_proba(table), atol=1e-5)


def test_export_of_what_python_has_saved(ok):
    net = cr.Network([3, 4, 2], output="softmax", seed=0)
    cr.save(net, "net.chainrule")
    assert "batch × 3" in ok("export", "net.chainrule", "net.onnx")
    X = np.ones((2, 3))
    np.testing.assert_allclose(session("net.onnx").run(None, {"X": X})[0], net.forward(X.T).T, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("people.chainrule", "people.pb"), "people.pb: wanted a name that ends in .onnx, .c, .js, .mjs or .py"),
        (("people.chainrule", "people.chainrule"), "people.chainrule: wanted a name that ends in .onnx, .c"),
        (("people.chainrule", "other.onnx"), "other.onnx: exists and is not an ONNX file"),
        (("people.chainrule", "folder.onnx"), "folder.onnx: is a folder"),
        (("people.chainrule", "nowhere/a.onnx"), "nowhere: no such folder"),
        (("people.csv", "a.onnx"), "people.csv: not a chainrule model"),
        (("nothing.chainrule", "a.onnx"), "nothing.chainrule: no such file"),
        (
            ("strange.chainrule", "a.onnx"),
            "CountVectorizer(ngram_range=(1, 2)) has no counterpart in ONNX here",
        ),
    ],
)
def test_mistakes_are_one_line(saved, run, arguments, said):
    Path("other.onnx").write_text("age,city\n")
    Path("folder.onnx").mkdir()
    if arguments[0] == "strange.chainrule":
        model = make_pipeline(CountVectorizer(ngram_range=(1, 2)), MLPClassifier(**QUICK))
        cr.save(model.fit(["ab cd", "cd ef gh", "ij"] * 9, [0, 1, 2] * 9), "strange.chainrule")
    code, out, err = run("export", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert said in err
    assert err.count("\n") == 1
    assert Path("other.onnx").read_text() == "age,city\n"
    assert not Path("a.onnx").exists()


def test_the_command_without_onnx_is_one_line(saved, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    code, _, err = run("export", saved, "a.onnx")
    assert (code, err) == (2, 'error: ONNX files need an extra: pip install "chainrule[export]"\n')


@pytest.mark.parametrize("scaled", [True, False])
def test_an_export_depends_on_the_fit_alone(scaled):
    X, y = load_diabetes(return_X_y=True)
    model = (
        MLPRegressor(**QUICK, scale_target=scaled).fit(X, y / 77).set_params(scale_target=not scaled, activation="tanh")
    )
    np.testing.assert_allclose(exported(model, X)["prediction"][:, 0], model.predict(X), 1e-9)


# -- estimators of tables ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [["no", "yes"], [1, 2, 3], [False, True]])
@pytest.mark.parametrize("temperature", [1.0, 1.7])
def test_the_mean_of_several_classifiers_of_a_table(classes, temperature):
    table = everyone(60).drop(columns=["buys", "spends"])
    little = {"hidden_layer_sizes": (4,), "max_iter": 5, "batch_size": 10, "random_state": 0}
    model = cr.TabularClassifier(**little).fit(table, pd.Series(np.resize(classes, 60), name="which"))
    model.temperature_ = temperature
    assert len(model.networks_) > 1
    same_classes(model, table, columns_of(table, model.preparation_))
    about = session().get_modelmeta().custom_metadata_map
    assert (about["target"], json.loads(about["classes"])) == ("which", classes)
    if len(classes) == 2:
        model.threshold_ = float(np.median(model.predict_proba(table)[:, 1])) + 1e-4
        same_classes(model, table, columns_of(table, model.preparation_))
    assert about["task"] == ("binary" if len(classes) == 2 else "classes")


@pytest.mark.parametrize("effort", ["quick", "normal"])
def test_the_mean_of_several_regressors_of_a_table(effort):
    table = everyone(60).drop(columns="buys")
    little = {"hidden_layer_sizes": (4,), "max_iter": 5, "batch_size": 10, "random_state": 0}
    model = cr.TabularRegressor(effort=effort, **little).fit(table, "spends")
    same_numbers(model, table, columns_of(table, model.preparation_))


def test_an_estimator_of_an_array_of_numbers():
    X, y = load_iris(return_X_y=True)
    model = cr.TabularClassifier(hidden_layer_sizes=(4,), max_iter=5, random_state=0).fit(X, y)
    same_classes(model, X)
    same_classes(make_pipeline(StandardScaler(), model).fit(X, y), X)
