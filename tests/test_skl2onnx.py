"""skl2onnx and our models: its answers are those of the model, whatever is registered, and whatever a network has."""

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor
from chainrule.exporting import ExportError

skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="nothing here runs an ONNX file")

QUICK = {"hidden_layer_sizes": (7,), "max_iter": 5, "n_iter_no_change": np.inf, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer. Maximum iterations")
X, y = load_iris(return_X_y=True)
X32 = X.astype(np.float32)


def answers(model, given=X32, **options):
    """What ONNX Runtime says, by the names of the outputs, to a model that skl2onnx has converted."""
    converted = skl2onnx.to_onnx(model, given[:1], **options)
    run = onnxruntime.InferenceSession(converted.SerializeToString(), providers=["CPUExecutionProvider"])
    if isinstance(given, pd.DataFrame):
        given = {name: given[[name]].to_numpy(object if given[name].dtype.kind == "O" else None) for name in given}
    return dict(
        zip(
            [o.name for o in run.get_outputs()],
            run.run(None, given if isinstance(given, dict) else {"X": given}),
            strict=True,
        )
    )


def same_classes(model, given=X32, bound=2e-6, **options):
    found = answers(model, given, options={"zipmap": False}, **options)
    np.testing.assert_array_equal(found["label"], model.predict(given))
    expected = model.predict_proba(given)
    np.testing.assert_allclose(found["probabilities"], expected, atol=bound)
    assert found["probabilities"].dtype == (np.float64 if getattr(given, "dtype", None) == np.float64 else np.float32)


@pytest.fixture
def unregistered(monkeypatch):
    """skl2onnx as it is before our module is imported and before anybody registers anything."""
    from skl2onnx import _parse, _supported_operators

    for known in (_supported_operators.sklearn_operator_name_map, _parse.sklearn_parsers_map):
        for kind in (MLPClassifier, MLPRegressor, cr.TabularClassifier, cr.TabularRegressor):
            monkeypatch.setitem(known, kind, None)  # so that what is registered meanwhile is forgotten
            monkeypatch.delitem(known, kind)


def register_the_obvious():
    """What one finds to do: their converter of scikit-learn's network, for ours, which has the same attributes."""
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )
    from skl2onnx.operator_converters import multilayer_perceptron as theirs

    options = {"zipmap": [True, False, "columns"], "output_class_labels": [False, True], "nocl": [True, False]}
    skl2onnx.update_registered_converter(
        MLPClassifier,
        "Mine",
        calculate_linear_classifier_output_shapes,
        theirs.convert_sklearn_mlp_classifier,
        options=options,
    )
    skl2onnx.update_registered_converter(
        MLPRegressor, "MineToo", calculate_linear_regressor_output_shapes, theirs.convert_sklearn_mlp_regressor
    )


@pytest.mark.parametrize("obvious", [False, True])
def test_a_network_is_converted_right_whatever_is_registered(unregistered, obvious):
    if obvious:
        register_the_obvious()
    model = MLPClassifier(**QUICK, normalize="standard", dropout=0.2).fit(X32, np.array(["a", "b", "c"])[y])
    same_classes(model)
    maps = answers(model)  # the default of skl2onnx
    assert list(maps) == ["output_label", "output_probability"]
    np.testing.assert_allclose(pd.DataFrame(maps["output_probability"]), model.predict_proba(X32), atol=2e-6)
    columns = answers(model, options={"zipmap": "columns"})
    assert list(columns) == ["output_label", "sa", "sb", "sc"]
    numbers = MLPRegressor(**QUICK, normalize="robust", scale_target=True, clip_target=True).fit(
        X32, X[:, 2] * 1e4 + 1e6
    )
    found = answers(numbers)["variable"]
    assert (found.shape, found.dtype) == ((150, 1), np.float32)
    np.testing.assert_allclose(found.ravel(), numbers.predict(X32), rtol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"activation": "gelu", "normalize": "robust"}, {"activation": "mish", "dropout": 0.5},
        {"activation": ["tanh", "leaky_relu(0.1)"], "normalize": "standard"},
        {"activation": "selu", "dtype": np.float64}, {"activation": "logistic"},
    ],
    ids=str,
)  # fmt: skip
def test_every_activation_and_kind_of_label(options):
    sizes = (5, 4) if isinstance(options["activation"], list) else (5,)
    for labels in (y, y > 0, y * 1.0, np.array(["é", "ß"])[y % 2], np.eye(3, dtype=int)[y], np.zeros_like(y)):
        model = MLPClassifier(**QUICK | options | {"hidden_layer_sizes": sizes}).fit(X, labels)
        same_classes(model, X, bound=1e-6 if "gelu" in str(options) else 1e-7)
        same_classes(model, X32)
    same_classes(MLPClassifier(**QUICK).fit(X.astype(int), y), X.astype(np.int64))
    several = MLPRegressor("poisson", **QUICK).fit(X, np.round(X[:, :2]))
    np.testing.assert_allclose(answers(several, X)["variable"], several.predict(X), rtol=1e-6)


def test_within_the_models_of_scikit_learn():
    import chainrule.exporting.skl2onnx  # noqa: F401 - which registers them

    inside = MLPClassifier(**QUICK, normalize="standard")
    same_classes(make_pipeline(StandardScaler(), inside).fit(X32, y))
    same_classes(GridSearchCV(inside, {"alpha": [1e-4, 1]}, cv=2).fit(X32, y))
    same_classes(CalibratedClassifierCV(inside, cv=2).fit(X32, y))
    voting = VotingClassifier([("a", inside), ("b", LogisticRegression())], voting="soft", flatten_transform=False)
    same_classes(voting.fit(X32, y))
    with pytest.raises(NotImplementedError, match="flatten_transform"):  # skl2onnx's own, as the page says
        skl2onnx.to_onnx(voting.set_params(flatten_transform=True), X32[:1])
    table = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "word": np.array(["x", "y", "z"])[y]})
    parts = [("n", StandardScaler(), ["a", "b"]), ("w", OneHotEncoder(handle_unknown="ignore"), ["word"])]
    model = make_pipeline(ColumnTransformer(parts), inside).fit(table, y)
    found = answers(model, table, options={"zipmap": False})
    np.testing.assert_array_equal(found["label"], model.predict(table))


def test_models_of_tables():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.normal(40, 9, 90), "member": rng.random(90) > 0.5})
    table["city"] = pd.Series(rng.choice(["Oslo", "Rome", "Bern"], 90), dtype=object)
    label = pd.Series(np.where(table["age"] > 40, "old", "young"))
    quick = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
    model = cr.TabularClassifier(**quick, threshold=0.4).fit(table, label)
    found = answers(model, table, options={"zipmap": False})
    np.testing.assert_array_equal(found["label"], model.predict(table))
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(table), atol=1e-5)
    numbers = cr.TabularRegressor(**quick).fit(table, table["age"] * 3)
    np.testing.assert_allclose(answers(numbers, table)["variable"].ravel(), numbers.predict(table), rtol=1e-5)
    with pytest.raises(ExportError, match="no input 'city' among age, member: give to_onnx the table"):
        skl2onnx.to_onnx(model, table[["age", "member"]])
    with pytest.raises(ExportError, match=r"city: wanted string, got Int64TensorType.*; use chainrule\.export_onnx"):
        skl2onnx.to_onnx(model, table.assign(city=1))
    model = cr.TabularClassifier(**quick, text=["city"]).fit(table, label)
    with pytest.raises(ExportError, match=r"city: ONNX cannot split text into words; use chainrule\.export_onnx"):
        skl2onnx.to_onnx(model, table)


def test_what_has_no_meaning_here_is_refused(unregistered):
    model = MLPClassifier(**QUICK).fit(X32, y)
    with pytest.raises(ExportError, match="target_opset: got 11, wanted 13 or more"):
        skl2onnx.to_onnx(model, X32[:1], target_opset=11)
    register_the_obvious()
    with pytest.raises(ExportError, match="nocl: has no meaning here"):
        skl2onnx.to_onnx(model, X32[:1], options={"nocl": True, "zipmap": False})
