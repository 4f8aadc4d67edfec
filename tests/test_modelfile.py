"""Model files: what is saved comes back, and what is not a model is refused in one line, with no code run."""

import json
import os
import pickle
import zipfile
from importlib import import_module

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skops import io as skops

import chainrule as cr
from chainrule import modelfile
from chainrule.activations import Activation
from chainrule.modelfile import ModelFileError

X, y = load_iris(return_X_y=True)


def trained(**options):
    return cr.MLPClassifier((6, 5), max_iter=3, random_state=0, schedule="cosine", **options).fit(X, y)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "iris.chainrule"
    cr.save(trained(), path, {"target": "species"})
    return path


@pytest.mark.parametrize(
    "options",
    [
        {"hidden": ["leaky_relu(0.2)", "mish"], "output": "identity", "loss": "huber(1.35)"},
        {"hidden": "gelu", "output": "softmax", "dtype": np.float32},
        {"hidden": "elu(0.3)", "output": "exp"},
    ],
)
@pytest.mark.parametrize("normalize", [None, "standard", "robust"])
def test_a_network_comes_back_as_it_was(tmp_path, rng, options, normalize):
    net = cr.Network([4, 3, 5, 2], seed=1, **options)
    examples = rng.normal(size=(4, 9)).astype(net.dtype)
    net.normalize(examples, normalize)
    cr.save(net, tmp_path / "net")
    for back in (cr.load(tmp_path / "net"), pickle.loads(pickle.dumps(net))):
        assert repr(back) == repr(net)
        np.testing.assert_array_equal(back.parameters, net.parameters)
        np.testing.assert_array_equal(back.forward(examples), net.forward(examples))
        back.W[1][...] = 0  # still views on one vector, and not on the vector of the first
        assert not back.parameters[:12].any()
        assert net.parameters[:12].any()


def test_a_network_with_an_activation_of_its_own_is_pickled_but_not_stored(tmp_path):
    net = cr.Network([2, 3, 1], hidden=Activation("cube", np.abs, np.sign, "|z|", "sign z"), seed=0)
    assert pickle.loads(pickle.dumps(net)).g[1].name == "cube"
    with pytest.raises(ModelFileError, match="cannot be stored without code"):
        cr.save(net, tmp_path / "net")


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs", cr.AdamW(0.01), cr.Momentum(0.1, 0.8)])
@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_an_estimator_comes_back_as_it_was(tmp_path, solver):
    schedule = None if solver == "lbfgs" else cr.schedules.WarmUp(2, cr.schedules.Cosine(3))
    options = {"solver": solver, "max_iter": 3, "random_state": 0, "schedule": schedule, "normalize": "robust"}
    model = cr.MLPRegressor(hidden_layer_sizes=4, **options).fit(X, y)
    cr.save(model, tmp_path / "m")
    back = cr.load(tmp_path / "m")
    np.testing.assert_array_equal(back.predict(X), model.predict(X))
    assert back.get_params() == model.get_params()
    assert back.history_ == model.history_
    assert np.shares_memory(back.coefs_[0], back.network_.parameters)


def test_a_pipeline_comes_back_with_text_labels(tmp_path):
    labels = np.array(["setosa", "versicolor", "virginica"])[y]
    model = make_pipeline(StandardScaler(), trained()).fit(X, labels)
    cr.save(model, tmp_path / "m")
    back = cr.load(tmp_path / "m")
    np.testing.assert_array_equal(back.predict(X), model.predict(X))
    np.testing.assert_array_equal(back.predict_proba(X), model.predict_proba(X))


def test_the_file_is_about_as_large_as_the_parameters_and_the_model_is_left_alone(tmp_path):
    model = cr.MLPClassifier((300, 300), max_iter=1, schedule="cosine", dtype="float32").fit(X, y)
    cr.save(model, tmp_path / "m")
    assert (tmp_path / "m").stat().st_size < 1.1 * model.network_.parameters.nbytes
    assert hasattr(model, "_optimizer")  # it can still go on training
    assert cr.load(tmp_path / "m").predict(X).shape == y.shape


def test_read_about_tells_what_is_there_without_building_it(saved):
    about = modelfile.read_about(saved)
    assert about["format"] == modelfile.FORMAT
    assert about["chainrule"] == cr.__version__
    assert about["kind"] == "MLPClassifier"
    assert [(layer["units"], layer["activation"]) for layer in about["layers"]] == [
        (6, "relu"), (5, "relu"), (3, "softmax"),
    ]  # fmt: skip
    assert about["parameters"] == sum(layer["parameters"] for layer in about["layers"]) == 5 * 6 + 7 * 5 + 6 * 3
    assert about["about"] == {"target": "species"}


def test_every_trusted_type_is_there():
    for name in modelfile.TRUSTED:
        module, _, kind = name.rpartition(".")
        assert isinstance(getattr(import_module(module), kind), type)


def test_a_model_with_a_function_in_it_is_not_stored(tmp_path):
    model = make_pipeline(FunctionTransformer(os.path.join), StandardScaler())
    with pytest.raises(ModelFileError, match=r"holds posixpath.join|holds ntpath.join"):
        cr.save(model, tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_a_file_that_asks_for_a_function_is_refused(saved):
    with zipfile.ZipFile(saved) as archive:
        about = archive.read(modelfile.ABOUT)
    saved.write_bytes(skops.dumps(FunctionTransformer(os.system)))
    with zipfile.ZipFile(saved, "a") as archive:
        archive.writestr(modelfile.ABOUT, about)
    with pytest.raises(ModelFileError, match="refused, it asks for"):
        cr.load(saved)


def rewritten(path, **changes):
    """The file with other words about itself."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[modelfile.ABOUT] = json.dumps(json.loads(members[modelfile.ABOUT]) | changes).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def test_a_newer_format_says_to_upgrade(saved):
    rewritten(saved, format=modelfile.FORMAT + 1, chainrule="9.9")
    message = f"was written by chainrule 9.9 with format {modelfile.FORMAT + 1}.*upgrade chainrule"
    with pytest.raises(ModelFileError, match=message):
        cr.load(saved)


@pytest.mark.parametrize("read", [cr.load, modelfile.read_about])
def test_what_is_not_a_model_is_said_in_one_line(saved, tmp_path, read):
    def message(path):
        with pytest.raises(ModelFileError) as caught:
            read(path)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert message(tmp_path / "nothing").endswith("nothing: no such file")
    assert "cannot be read" in message(tmp_path)
    (tmp_path / "text").write_text("a,b\n1,2\n")
    assert message(tmp_path / "text").endswith("not a chainrule model")
    (tmp_path / "empty").touch()
    assert message(tmp_path / "empty").endswith("not a chainrule model")
    np.savez(tmp_path / "arrays.npz", X=X)
    assert "a zip archive without chainrule.json" in message(tmp_path / "arrays.npz")
    rewritten(saved, format="one")
    assert "names no format" in message(saved)


def test_no_truncation_and_no_flipped_byte_gets_past(saved):
    whole = saved.read_bytes()
    for length in np.linspace(0, len(whole) - 1, 60).astype(int):
        saved.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match=r"cut short|not a chainrule model|damaged"):
            cr.load(saved)
    expected = trained().predict_proba(X)
    for place in np.linspace(0, len(whole) - 1, 200).astype(int):
        saved.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            back = cr.load(saved)
        except ModelFileError:
            continue
        np.testing.assert_array_equal(back.predict_proba(X), expected)  # a byte that carries nothing, such as a date


def test_a_file_is_replaced_whole_or_not_at_all(saved, monkeypatch):
    before = saved.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelFileError, match="cannot be written: No space left on device"):
        cr.save(trained(), saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_folder_that_is_not_there_and_words_that_are_no_json(tmp_path):
    with pytest.raises(ModelFileError, match="cannot be written: No such file or directory"):
        cr.save(trained(), tmp_path / "nowhere" / "m")
    with pytest.raises(TypeError, match="does not fit in JSON"):
        cr.save(trained(), tmp_path / "m", {"when": object()})
