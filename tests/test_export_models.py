"""ONNX files of scikit-learn's wrappers and transformers around our networks, and of every type and form of answer."""

import re
import runpy
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import RBFSampler
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import FixedThresholdClassifier, KFold, TunedThresholdClassifierCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    LabelBinarizer,
    LabelEncoder,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor
from chainrule.exporting import ExportError, graph, steps
from chainrule.exporting.steps import apply, matrix
from chainrule.files import codec
from support.runtime import exported, same_classes, same_numbers, session

onnx = pytest.importorskip("onnx", reason="ONNX files need the extra chainrule[export]")
pytest.importorskip("onnxruntime", reason="nothing here runs an ONNX file")

QUICK = {"hidden_layer_sizes": (7,), "max_iter": 3, "n_iter_no_change": np.inf, "random_state": 0}
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{said}")
    for said in (
        "Stochastic Optimizer. Maximum iterations",
        "MLP.* predicts nearly the same",  # of networks that have hardly been trained
        "Bins whose width",
        "Number of distinct clusters",
    )
]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# -- transformers ------------------------------------------------------------------------------------------------------


def prepared(step, X, dtype=graph.DOUBLE, opset=graph.OPSET):
    """What ONNX Runtime makes of X by the operators of a fitted step alone."""
    made = graph.Graph(opset)
    x = made.input("X", dtype, X.shape[1])
    value = matrix(apply(step, x))
    made.output("prepared", value, step.transform(X[:1]).shape[1])
    onnx.save(made.model({}), "part.onnx")
    return session("part.onnx").run(None, {"X": X.astype(dtype)})[0]


NUMBERS = load_breast_cancer().data[:, :6]
TIES = np.column_stack([np.round(NUMBERS[:, 0]), NUMBERS[:, 1] > 20, np.arange(len(NUMBERS)) % 3]).astype(float)


@pytest.mark.parametrize(
    "step",
    [
        PolynomialFeatures(), PolynomialFeatures(3, interaction_only=True),
        PolynomialFeatures((2, 3), include_bias=False),
        Normalizer(), Normalizer("l1"), Normalizer("max"),
        PowerTransformer(), PowerTransformer("box-cox"), PowerTransformer(standardize=False),
        QuantileTransformer(n_quantiles=50), QuantileTransformer(n_quantiles=200, output_distribution="normal"),
        KBinsDiscretizer(encode="ordinal", quantile_method="averaged_inverted_cdf"),
        KBinsDiscretizer(7, encode="onehot-dense", strategy="uniform"), KBinsDiscretizer(3, strategy="kmeans"),
        SplineTransformer(), SplineTransformer(7, 2, knots="quantile", extrapolation="linear", include_bias=False),
        SplineTransformer(4, extrapolation="continue"), SplineTransformer(3, 1, extrapolation="continue"),
        SplineTransformer(6, extrapolation="periodic"),
        FeatureUnion([("s", StandardScaler()), ("p", PolynomialFeatures(2)), ("same", "passthrough"), ("no", "drop")],
                     transformer_weights={"p": 1e-3}),
    ],
    ids=lambda step: re.sub(r"\s+", " ", repr(step)),
)  # fmt: skip
def test_transformers_make_the_same_to_the_last_digits(step):
    for X in (NUMBERS + 1, TIES + 1):
        step.fit(X[:400])
        new = np.vstack([X, X[:9] * 3])
        expected = step.transform(new)
        expected = expected.toarray() if hasattr(expected, "toarray") else expected
        for opset in (graph.OPSET, 18):  # in which the axes of ReduceMax became an input
            np.testing.assert_allclose(prepared(step, new, opset=opset), expected, rtol=1e-9, atol=1e-9)


def test_splines_beyond_their_knots_and_where_a_number_is_missing():
    X = np.linspace(0, 1, 30)[:, None]
    new = np.vstack([X, [[-0.1], [1.1], [np.nan]]])
    step = SplineTransformer(4, extrapolation="error").fit(X)
    made = prepared(step, new)
    np.testing.assert_allclose(made[:30], step.transform(X), atol=1e-12)
    assert np.isnan(made[30:]).all(), "where scikit-learn raises"
    steps = [SplineTransformer(4, 0).fit(X)]
    if hasattr(step, "handle_missing"):
        steps.append(SplineTransformer(4, handle_missing="zeros").fit(new))
        np.testing.assert_allclose(prepared(steps[1], new), steps[1].transform(new), atol=1e-12)
    line = SplineTransformer(3, 1, extrapolation="linear").fit(X)
    for step, x in ((steps[0], X), (line, new[:-1])):
        np.testing.assert_allclose(prepared(step, x), step.transform(x), atol=1e-12)
    with pytest.raises(ExportError, match="take 'continue'"):
        prepared(line.fit(np.hstack([X, X])), np.hstack([X, X]))


@pytest.mark.parametrize(
    "options",
    [
        {"encoded_missing_value": -2}, {"min_frequency": 15, "encoded_missing_value": -1},
        {"handle_unknown": "use_encoded_value", "unknown_value": -1, "encoded_missing_value": 9, "max_categories": 3},
    ],
    ids=str,
)  # fmt: skip
def test_ordinal_encoders_of_text_and_numbers(options):
    words = pd.DataFrame(
        {"city": ["Rome", "Oslo", "Lima", "Rome", None, "Bern"] * 10, "n": [1.0, 2, 3.5, None, 1, 1] * 10}
    )
    y = np.arange(60) % 3
    model = make_pipeline(ColumnTransformer([("o", OrdinalEncoder(**options), ["city", "n"])]), MLPClassifier(**QUICK))
    model.fit(words, y)
    new = [["Atlantis", 1.0], ["Oslo", 99], [None, None]] if "unknown_value" in options else [["Oslo", 1.0]]
    for table in (words, pd.DataFrame(new, columns=["city", "n"])):
        city = table["city"].astype(object).where(table["city"].notna(), "").to_numpy(object)
        same_classes(model, table, {"city": city[:, None], "n": table[["n"]].to_numpy(float)}, bound=1e-12)


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(), OneHotEncoder(handle_unknown="ignore"), TargetEncoder(),
        OneHotEncoder(min_frequency=2, handle_unknown="infrequent_if_exist"), OrdinalEncoder(encoded_missing_value=-1),
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("missing", [None, np.nan], ids=repr)
def test_a_missing_value_that_is_a_category_of_objects(encoder, missing):
    words = np.array([missing, "a", "b"], object)[np.random.default_rng(0).integers(0, 3, 90)]
    table = pd.DataFrame({"word": pd.Series(words, dtype=object)})
    y = table["word"].isna().to_numpy()
    learner = MLPClassifier((4,), solver="lbfgs", max_iter=50, random_state=0)
    model = make_pipeline(ColumnTransformer([("e", encoder, ["word"])]), learner).fit(table, y)
    given = np.where(y, "", words)[:, None]
    same_classes(model, table, {"word": given})
    cr.export_source(model, "model.py")
    answer = runpy.run_path("model.py")["probabilities"]
    for word in (None, "a"):
        row = table["word"].isna() if word is None else table["word"] == word
        np.testing.assert_allclose(answer({"word": word}), model.predict_proba(table[row][:1])[0], atol=1e-6)


@pytest.mark.parametrize("normal", ["uniform", "normal"])
def test_what_is_missing_stays_missing_and_what_is_beyond_is_cut_off(normal):
    X = NUMBERS[:, :3].copy()
    X[::7, 1] = np.nan
    new = np.vstack([X, np.full((1, 3), -1e9), np.full((1, 3), 1e9), X.min(axis=0) + 1e-9])
    for step in (QuantileTransformer(n_quantiles=99, output_distribution=normal), PowerTransformer()):
        step.fit(X)
        rows = new if isinstance(step, QuantileTransformer) else X
        np.testing.assert_allclose(prepared(step, rows), step.transform(rows), rtol=1e-8, atol=1e-8)


def test_powers_whose_formula_is_a_logarithm():
    X = NUMBERS[:50, :3] - 15
    step = PowerTransformer(standardize=False).fit(X)
    step.lambdas_ = np.array([0.0, 2.0, 0.7])
    np.testing.assert_allclose(prepared(step, X), step.transform(X), rtol=1e-12)
    step = PowerTransformer("box-cox", standardize=False).fit(X + 40)
    step.lambdas_ = np.array([0.0, 1.0, -2.0])
    np.testing.assert_allclose(prepared(step, X + 40), step.transform(X + 40), rtol=1e-12)


def test_a_pipeline_of_many_of_them():
    X, y = load_breast_cancer(return_X_y=True)
    X[::9, 3] = np.nan
    union = FeatureUnion([("power", make_pipeline(SimpleImputer(), PowerTransformer())), ("same", SimpleImputer())])
    prepare = Pipeline([("inside", Pipeline([("union", union)])), ("nothing", "passthrough")])
    # First, not last: at a value that repeats it jumps, and the last digits of what comes before would decide.
    scaler = QuantileTransformer(n_quantiles=99, output_distribution="normal")
    model = make_pipeline(scaler, prepare, MLPClassifier(**QUICK))
    same_classes(model.fit(X, y), X, bound=1e-9)


def test_every_step_that_a_model_file_can_hold_can_be_exported():
    places = [place.split(":") for name, place in codec.PLACES.items() if name.startswith("sklearn.")]
    kinds = {getattr(import_module(module), name) for module, name in places}
    others = {KFold, LabelEncoder, LabelBinarizer, Pipeline, ColumnTransformer}  # no steps, or made of others
    assert kinds - others <= {*steps._STEPS, *steps._ENCODERS}


# -- text --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [
        [TfidfVectorizer()], [CountVectorizer(binary=True)], [CountVectorizer(), TfidfTransformer(norm="l1")],
        [FeatureUnion([("a", TfidfVectorizer()), ("b", CountVectorizer(max_features=3))])],
    ],
    ids=repr,
)  # fmt: skip
def test_a_pipeline_that_begins_with_text_takes_its_words(first):
    notes = ["red apple", "green pear pear", "", "blue plum", "Apple plum red", "new words only"] * 8
    model = make_pipeline(*first, MLPClassifier(**QUICK)).fit(notes[:40], np.arange(40) % 2)
    words = [re.findall(r"(?u)\b\w\w+\b", note.lower()) for note in notes]
    filled = np.array([row + [""] * (3 - len(row)) for row in words], dtype=object)
    same_classes(model, notes, filled, bound=1e-12)
    (port,) = cr.export_onnx(model, "model.onnx").inputs
    assert (port.name, port.shape) == ("X", ("batch", "words of X"))
    assert port.meaning == 'all (?u)\\b\\w\\w+\\b in lower case, filled up with ""'


def test_text_that_onnx_cannot_count_is_refused():
    model = make_pipeline(TfidfVectorizer(sublinear_tf=True), MLPClassifier(**QUICK)).fit(
        ["a b", "ab cd"] * 5, [0, 1] * 5
    )
    with pytest.raises(ExportError, match=r"TfidfVectorizer\(sublinear_tf=True\) has no counterpart"):
        cr.export_onnx(model, "model.onnx")


# -- wrappers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
@pytest.mark.parametrize(
    "labels", [["a", "b"], ["c", "a", "b"]]
)  # of 1, 2, 3 scikit-learn's temperature reads beyond an array
def test_calibrated_classifiers(method, labels):
    X, y = load_iris(return_X_y=True)
    y = np.array(labels)[y % len(labels)]
    inside = make_pipeline(StandardScaler(), MLPClassifier(**QUICK))
    for ensemble in (True, False):
        model = CalibratedClassifierCV(inside, method=method, cv=3, ensemble=ensemble).fit(X, y)
        # An isotonic regression is steep: it magnifies the last digits of what it is given.
        same_classes(model, X, bound=1e-6 if method == "isotonic" else 1e-11)
    frozen = FrozenEstimator(cr.GridSearchCV(inside, {"mlpclassifier__alpha": [1e-4, 1]}, cv=2).fit(X, y))
    model = CalibratedClassifierCV(frozen, method=method).fit(X, y)
    same_classes(model, X, bound=1e-6 if method == "isotonic" else 1e-11)


def test_a_calibrated_classifier_of_a_table_with_unknown_and_missing_categories():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.normal(40, 9, 90), "city": rng.choice(["Oslo", "Rome", "Bern"], 90)})
    y = np.where(table["age"] > 40, "old", "young")
    table.loc[::8, "age"], table.loc[::9, "city"] = None, None
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    parts = [("n", make_pipeline(SimpleImputer(), QuantileTransformer(n_quantiles=9)), ["age"]), ("w", words, ["city"])]
    model = CalibratedClassifierCV(make_pipeline(ColumnTransformer(parts), MLPClassifier(**QUICK)), cv=2).fit(table, y)
    new = pd.concat([table, pd.DataFrame({"age": [1e9, None], "city": ["Atlantis", None]})])
    given = {
        "age": new[["age"]].to_numpy(float),
        "city": new["city"].astype(object).where(new["city"].notna(), "").to_numpy(object)[:, None],
    }
    same_classes(model, new, given, bound=1e-11)
    several = CalibratedClassifierCV(cr.TabularClassifier(hidden_layer_sizes=(4,), max_iter=2, random_state=0), cv=2)
    same_classes(several.fit(table, y), new, given)


def test_classifiers_with_a_threshold():
    X, y = load_breast_cancer(return_X_y=True)
    y = np.where(y, "healthy", "ill")
    inside = make_pipeline(StandardScaler(), MLPClassifier(**QUICK))
    f1 = make_scorer(f1_score, pos_label="ill")
    for model in (
        FixedThresholdClassifier(inside, threshold=0.3, pos_label="healthy"),
        FixedThresholdClassifier(inside, threshold=0.3, pos_label="ill"),
        FixedThresholdClassifier(inside),
        TunedThresholdClassifierCV(inside, cv=2, scoring=f1),
        TunedThresholdClassifierCV(inside, cv=2),
    ):
        same_classes(model.fit(X, y), X, bound=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"transformer": StandardScaler()}, {"transformer": MinMaxScaler((-1, 2))}, {"transformer": MaxAbsScaler()},
        {"transformer": RobustScaler()}, {"func": np.log1p, "inverse_func": np.expm1}, {},
        {"transformer": FunctionTransformer(np.sqrt, inverse_func=np.square)},
        {"transformer": PowerTransformer()}, {"transformer": PowerTransformer("box-cox")},
        {"transformer": QuantileTransformer(n_quantiles=99)},
        {"transformer": make_pipeline(FunctionTransformer(np.log, inverse_func=np.exp), StandardScaler())},
    ],
    ids=str,
)  # fmt: skip
def test_regressors_whose_target_is_transformed(options):
    X, y = load_diabetes(return_X_y=True)
    model = TransformedTargetRegressor(make_pipeline(MinMaxScaler(), MLPRegressor(**QUICK)), **options).fit(X, y)
    same_numbers(model, X, bound=1e-9)
    if "func" not in options and not isinstance(options.get("transformer"), Pipeline):
        model.fit(X, np.column_stack([y, y[::-1]]))
        same_numbers(model, X, bound=1e-9)


def test_a_target_that_is_brought_to_a_normal_distribution():
    X, y = load_diabetes(return_X_y=True)
    scaler = QuantileTransformer(n_quantiles=99, output_distribution="normal")
    model = TransformedTargetRegressor(
        MLPRegressor(hidden_layer_sizes=(20,), max_iter=60, random_state=0), transformer=scaler
    ).fit(X, y)
    assert model.predict(X).std() > 10
    same_numbers(model, X * 20, bound=1e-8)


def test_what_has_no_inverse_here_is_named():
    X, y = load_diabetes(return_X_y=True)
    wrapped = TransformedTargetRegressor(MLPRegressor(**QUICK), func=np.arcsinh, inverse_func=np.sinh).fit(X, y)
    with pytest.raises(ExportError, match=r"FunctionTransformer\(sinh\): not a formula of ONNX's operators"):
        cr.export_onnx(wrapped, "model.onnx")


def test_the_samplers_of_imbalanced_learn_are_for_training_only():
    pipeline = pytest.importorskip("imblearn.pipeline", reason="imbalanced-learn is not installed")
    from imblearn.over_sampling import SMOTE, RandomOverSampler
    from imblearn.under_sampling import RandomUnderSampler

    X, y = load_iris(return_X_y=True)
    X, y = X[:120], y[:120]
    for sampler in (RandomOverSampler(random_state=0), RandomUnderSampler(random_state=0), SMOTE(random_state=0)):
        model = pipeline.make_pipeline(StandardScaler(), sampler, MLPClassifier(**QUICK)).fit(X, y)
        same_classes(model, X, bound=1e-12)


# -- types, opsets and forms of the answer -----------------------------------------------------------------------------


def newest():
    """The newest opset that both onnx and ONNX Runtime know."""
    for opset in range(onnx.defs.onnx_opset_version(), graph.OPSET, -1):
        cr.export_onnx(cr.Network([2, 1], seed=0), "probe.onnx", opset=opset)
        try:
            session("probe.onnx")
        except Exception:  # it is too new for this runtime
            continue
        return opset
    return graph.OPSET


def test_every_opset_computes_the_same():
    X, y = load_iris(return_X_y=True)
    notes = ["ab cd", "cd ef ef", "gh"] * 50
    table = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "city": np.array(["Rome", "Oslo"])[y % 2], "note": notes})
    quantiles = QuantileTransformer(n_quantiles=20, output_distribution="normal")
    parts = [
        ("n", make_pipeline(PolynomialFeatures(2), Normalizer("max"), quantiles), ["a", "b"]),
        ("w", OneHotEncoder(handle_unknown="ignore"), ["city"]),
        ("t", TfidfVectorizer(), "note"),
    ]
    model = CalibratedClassifierCV(
        make_pipeline(ColumnTransformer(parts), MLPClassifier(**QUICK, activation="mish")), cv=2
    )
    model.fit(table, y)
    given = {name: table[[name]].to_numpy(object if name == "city" else None) for name in ("a", "b", "city")}
    given["note"] = np.array([[*note.split(), "", ""][:3] for note in notes], object)
    last = newest()
    assert last >= 21
    for opset in range(graph.OPSET, last + 1):
        same_classes(model, table, given, bound=1e-9, opset=opset)
        assert {o.version for o in onnx.load("model.onnx").opset_import if not o.domain} == {opset}


def test_numbers_go_in_as_the_type_that_was_chosen():
    X, y = load_iris(return_X_y=True)
    X = np.floor(X * 3)
    model = make_pipeline(StandardScaler(), MLPClassifier(**QUICK)).fit(X, y)
    for kind in ("float32", "float64", "int64"):
        same_classes(model, X, X.astype(kind), bound=1e-12, input_type=kind)
    assert cr.export_onnx(model, "model.onnx", input_type="int64").inputs[0].type == "int64"
    flags = X > 5
    model = MLPClassifier(**QUICK, dtype=np.float32).fit(flags, y)
    same_classes(model, flags, flags, bound=1e-6, input_type="bool")
    net = cr.Network([4, 3, 1], seed=0)
    np.testing.assert_allclose(
        exported(net, X.astype(np.int64), input_type="int64")["Y"], net.forward(X.T).T, atol=1e-12
    )


def table_of_all_roles():
    rng = np.random.default_rng(0)
    days = pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 80), unit="D")
    table = pd.DataFrame({"age": rng.integers(20, 60, 80) * 1.0, "member": rng.random(80) > 0.5, "day": days})
    table["city"] = rng.choice(["Oslo", "Rome"], 80)
    model = cr.TabularClassifier(hidden_layer_sizes=(4,), max_iter=3, random_state=0)
    return model.fit(table, pd.Series(np.where(table["age"] > 40, "old", "young"))), table


def test_types_of_columns_one_for_all_but_dates_or_by_their_names():
    model, table = table_of_all_roles()
    seconds = (table["day"] - pd.Timestamp(0)) // pd.Timedelta(seconds=1)
    given = {name: table[[name]].to_numpy() for name in ("age", "member")}
    given |= {"day": seconds.to_numpy()[:, None], "city": table[["city"]].to_numpy(object)}

    def types(**options):
        return {port.name: port.type for port in cr.export_onnx(model, "model.onnx", **options).inputs}

    assert types(input_type="float32") == {"age": "float", "member": "float", "day": "double", "city": "string"}
    chosen = {"age": "int64", "member": "bool", "day": "int64"}
    assert types(input_type=chosen) == {"age": "int64", "member": "bool", "day": "int64", "city": "string"}
    meanings = {port.name: port.meaning for port in cr.export_onnx(model, "model.onnx", input_type=chosen).inputs}
    assert meanings == {"age": "", "member": "1 or 0", "day": "seconds since 1970-01-01", "city": '"" = missing'}
    same_classes(model, table, {**given, "age": given["age"].astype(np.int64)}, input_type=chosen)
    with pytest.raises(ExportError, match="unknown column of input_type 'Age'"):
        cr.export_onnx(model, "model.onnx", input_type={"Age": "int64"})
    with pytest.raises(ExportError, match=r"input_type: city is text, got int64; leave it out"):
        cr.export_onnx(model, "model.onnx", input_type={"city": "int64"})


@pytest.mark.parametrize("labels", [["no", "yes"], [3, 1, 2], [False, True]], ids=str)
def test_probabilities_as_maps_and_as_columns(labels):
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier(**QUICK).fit(X, np.array(labels)[y % len(labels)])
    expected = model.predict_proba(X)
    found = exported(model, X, zipmap=True)
    assert list(found) == ["output_label", "output_probability"]
    np.testing.assert_array_equal(found["output_label"], model.predict(X))
    assert list(found["output_probability"][0]) == model.classes_.tolist()
    np.testing.assert_allclose([list(row.values()) for row in found["output_probability"]], expected, atol=1e-6)
    assert exported(model, X, zipmap="maps")["output_probability"] == found["output_probability"]
    found = exported(model, X, zipmap="columns")
    names = {"no": "sno", "yes": "syes", False: "i0", True: "i1", 2: "i2", 3: "i3"}
    assert list(found) == ["output_label", *(names[label] for label in model.classes_.tolist())]
    np.testing.assert_allclose(np.column_stack(list(found.values())[1:]), expected, atol=1e-12)


def test_options_that_there_are_not_are_refused():
    net = cr.Network([2, 1], seed=0)
    X, y = load_iris(return_X_y=True)
    several = MLPClassifier(**QUICK).fit(X, np.eye(3, dtype=int)[y])
    for model, options, said in (
        (net, {"opset": 12}, r"opset: got 12, wanted 13 to \d+, the newest of the installed onnx"),
        (net, {"opset": 99}, "opset: got 99, wanted 13 to"),
        (net, {"opset": "17"}, "opset: got '17', wanted 13 to"),
        (net, {"input_type": "double"}, "unknown input_type 'double'"),
        (net, {"input_type": {"X": "int8"}}, "unknown input_type 'int8'.* Known: float32, float64, int64, bool"),
        (net, {"zipmap": "rows"}, "zipmap: got 'rows', wanted False, True or 'maps', or 'columns'"),
        (net, {"zipmap": True}, "zipmap: is for the classes of a classifier, got a Network"),
        (MLPRegressor(**QUICK).fit(X, y), {"zipmap": True}, "zipmap: .* this model predicts numbers"),
        (several, {"zipmap": "columns"}, "zipmap: .* several labels for a row"),
        (
            make_pipeline(RBFSampler(), MLPClassifier(**QUICK)).fit(X, y),
            {},
            "RBFSampler has no counterpart",
        ),
    ):
        with pytest.raises(ExportError, match=said):
            cr.export_onnx(model, "model.onnx", **options)


def test_the_command_has_these_options(ok, run):
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier(**QUICK).fit(X, np.array(["a", "b", "c"])[y])
    cr.save(model, "iris.chainrule")
    out = ok("export", "iris.chainrule", "iris.onnx", "--opset", "17", "--input-type", "float32", "--zipmap", "columns")
    assert "ONNX opset 17" in out
    assert [(i.name, i.type) for i in session("iris.onnx").get_inputs()] == [("X", "tensor(float)")]
    assert [o.name for o in session("iris.onnx").get_outputs()] == ["output_label", "sa", "sb", "sc"]
    ok("export", "iris.chainrule", "iris.onnx", "--input-type", "X=int64", "--zipmap", "maps")
    assert session("iris.onnx").get_inputs()[0].type == "tensor(int64)"
    for words, said in (
        (["--opset", "7"], "error: opset: got 7, wanted 13 to"),
        (["--input-type", "int64", "--input-type", "X=bool"], "error: --input-type int64: wanted COLUMN=TYPE"),
        (["--input-type", "Y=bool"], "error: unknown column of input_type 'Y'"),
    ):
        code, _, err = run("export", "iris.chainrule", "iris.onnx", *words)
        assert code == 2
        assert err.startswith(said)
