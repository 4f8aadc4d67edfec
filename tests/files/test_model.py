"""Model files: what is saved comes back, and what is not a model is refused in one line, with no code run."""

import copy
import hashlib
import io
import json
import os
import pickle
import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_iris
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

import chainrule as cr
from chainrule.activations import Activation
from chainrule.errors import ModelFileError, ModelVersionWarning
from chainrule.files import container
from chainrule.files import model as modelfile
from chainrule.readers import Table
from chainrule.tabular import make_pipeline as make_plan_pipeline
from chainrule.tabular import make_plan
from support.contract import CASES
from support.hostile import ABOUT_TEXTS, ABOUTS, alone
from support.tables import people

safe_open = pytest.importorskip("safetensors").safe_open
load_file = pytest.importorskip("safetensors.numpy").load_file
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer", "ignore:.*predicts nearly the same", "ignore:lbfgs failed to converge"
)
X, y = load_iris(return_X_y=True)


def trained(**options):
    return cr.MLPClassifier((6, 5), max_iter=3, random_state=0, schedule="cosine", **options).fit(X, y)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "iris.chainrule"
    cr.save(trained(), path, {"target": "species"})
    return path


# -- networks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("hidden", "pair", "depth"), [c for c in CASES if c[2] in (0, 2)])
def test_every_network_comes_back_and_the_library_of_the_format_reads_its_parameters(
    tmp_path, hidden, pair, depth, dtype
):
    loss, output = pair
    net = cr.Network(
        [3, 5, 4, 2][: depth + 1] + [2] * (depth == 0), hidden=hidden, output=output, loss=loss, dtype=dtype, seed=0
    )
    cr.save(net, tmp_path / "net")
    back, arrays = cr.load(tmp_path / "net"), load_file(tmp_path / "net")
    assert repr(back) == repr(net)
    assert back.parameters.tobytes() == net.parameters.tobytes()
    assert arrays.keys() == {f"{name}[{l}]" for name in "Wb" for l in range(1, net.L + 1)}
    for l in range(1, net.L + 1):
        for ours, theirs in ((net.W[l], arrays[f"W[{l}]"]), (net.b[l], arrays[f"b[{l}]"])):
            assert theirs.dtype == net.dtype
            np.testing.assert_array_equal(ours, theirs, strict=True)


@pytest.mark.parametrize("normalize", [None, "standard", "robust"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_comes_back_as_it_was(tmp_path, rng, normalize, dtype):
    net = cr.Network(
        [4, 3, 5, 2], hidden=["leaky_relu(0.2)", "mish"], output="identity", loss="huber(1.35)", seed=1, dtype=dtype
    )
    examples = rng.normal(size=(4, 9)).astype(dtype)
    net.normalize(examples, normalize)
    cr.save(net, tmp_path / "net")
    for back in (cr.load(tmp_path / "net"), pickle.loads(pickle.dumps(net))):
        assert repr(back) == repr(net)
        np.testing.assert_array_equal(back.forward(examples), net.forward(examples), strict=True)
        back.W[1][...] = 0  # still views on one vector, and not on the vector of the first
        assert not back.parameters[:12].any()
        assert net.parameters[:12].any()


def test_parameters_that_are_no_numbers_come_back_to_the_last_bit(tmp_path):
    net = cr.Network([2, 1])
    net.parameters = np.array([np.nan, -0.0, np.inf])
    cr.save(net, tmp_path / "net")
    assert cr.load(tmp_path / "net").parameters.tobytes() == net.parameters.tobytes()


def test_a_network_with_an_activation_of_its_own_is_pickled_but_not_stored(tmp_path):
    net = cr.Network([2, 3, 1], hidden=Activation("cube", np.abs, np.sign, "|z|", "sign z"), seed=0)
    assert pickle.loads(pickle.dumps(net)).g[1].name == "cube"
    with pytest.raises(ModelFileError, match=r"cannot be stored without code: hidden\.0 is Activation"):
        cr.save(net, tmp_path / "net")
    assert not list(tmp_path.iterdir())


@LINUX
def test_a_large_network_stays_in_its_file_until_it_is_used(tmp_path):
    net = cr.Network([5000, 5000, 1], seed=0, init="zeros")
    net.parameters[::1000] = 1
    cr.save(net, tmp_path / "net")
    assert (tmp_path / "net").stat().st_size > 200e6
    code = """
import os, sys, numpy as np, chainrule as cr
from chainrule.files import codec, container, guards, model

def private():
    lines = [line.split() for line in open("/proc/self/smaps_rollup")]
    return sum(int(line[1]) << 10 for line in lines if line[0] == "Private_Dirty:")

sizes = os.path.getsize(sys.argv[1])
before = private()
net = cr.load(sys.argv[1])
after = private()
array, seen = net.W[1], []
while isinstance(array, np.ndarray):
    array = array.base
    seen.append(type(array).__name__)
net.W[1][0, 0] = 7
print(after - before, net.parameters.nbytes, seen[-1], private() - after, net.forward(np.ones((5000, 1)))[0, 0] >= 0)
"""
    command = [sys.executable, "-c", code, tmp_path / "net"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    private, size, base, written, computed = done.stdout.split()
    assert int(private) < 0.01 * int(size)
    assert base == "mmap"
    assert int(written) < 1e6  # a page of it, not the whole
    assert computed == "True"


def test_a_network_in_a_file_is_trained_and_saved_over_the_file_that_does_not_change_otherwise(tmp_path, rng):
    path = tmp_path / "net"
    net = cr.Network([400, 400, 1], seed=0, output="identity")
    cr.save(net, path)
    before = path.read_bytes()
    assert len(before) > container._MAPPED
    back = cr.load(path)
    examples, Y = rng.normal(size=(400, 8)), rng.normal(size=(1, 8))
    for one in (net, back):
        list(one.train(examples, Y, cr.Adam(0.01), epochs=3))
    assert back.parameters.tobytes() == net.parameters.tobytes()
    assert path.read_bytes() == before
    cr.save(back, path)
    assert back.parameters.tobytes() == net.parameters.tobytes()  # it lives on in the file that has no name any more
    assert cr.load(path).parameters.tobytes() == net.parameters.tobytes()


def test_saving_while_another_thread_trains_gives_a_file_that_is_whole(tmp_path, rng):
    net = cr.Network([300, 300, 1], seed=0, output="identity")
    examples, Y, stop = rng.normal(size=(300, 8)), rng.normal(size=(1, 8)), threading.Event()

    def train():
        while not stop.is_set():
            list(net.train(examples, Y, cr.GradientDescent(1e-4), epochs=5))

    thread = threading.Thread(target=train)
    thread.start()
    try:
        for _ in range(5):
            cr.save(net, tmp_path / "net")
            assert np.isfinite(cr.load(tmp_path / "net").parameters).all()
    finally:
        stop.set()
        thread.join()


# -- estimators --------------------------------------------------------------------------------------------------------

SOLVERS = [
    "adam",
    "sgd",
    "lbfgs",
    "adamw",
    "rmsprop",
    "momentum",
    "heavy_ball",
    "nesterov",
    "gradient_descent",
    cr.AdamW(0.01),
    cr.Momentum(0.1, 0.8),
    cr.LBFGS(max_evaluations=5),
]
SEEDS = {"none": None, "int": 3, "NumPy's int": np.int64(3), "RandomState": np.random.RandomState(3)}
SCHEDULES = [None, "cosine", "coslog4", cr.schedules.WarmUp(2, cr.schedules.Cosine(3))]


def spelled(model):
    """The parameters of a model, and of those in it."""
    return re.sub(" at 0x[0-9A-F]+", "", repr(model.get_params()))


def returns(model, path, rows=X):
    """A model that comes back from a file as it was; the one that came back."""
    cr.save(model, path)
    back = cr.load(path)
    assert type(back) is type(model)
    assert spelled(back) == spelled(model)
    for name in ("predict", "predict_proba"):
        if hasattr(model, name):
            found, expected = getattr(back, name)(rows), getattr(model, name)(rows)
            assert (found.dtype, found.shape, found.tolist()) == (expected.dtype, expected.shape, expected.tolist())
    return back


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_an_estimator_of_any_solver_comes_back_as_it_was(tmp_path, solver):
    model = cr.MLPRegressor(hidden_layer_sizes=4, solver=solver, max_iter=3, random_state=0, normalize="robust").fit(
        X, y
    )
    back = returns(model, tmp_path / "m")
    assert repr(back.history_) == repr(model.history_)
    assert np.shares_memory(back.coefs_[0], back.network_.parameters)
    assert vars(back).keys() == vars(model).keys() - {"_optimizer", "_random_state"}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_an_estimator_of_any_seed_and_schedule_comes_back_as_it_was(tmp_path, seed, schedule):
    back = returns(trained().set_params(random_state=SEEDS[seed], schedule=schedule).fit(X, y), tmp_path / "m")
    assert type(back.random_state) is type(SEEDS[seed])


def test_an_estimator_that_stopped_early_comes_back(tmp_path):
    model = cr.MLPClassifier(5, early_stopping=True, n_iter_no_change=2, max_iter=300, tol=0.5, random_state=0).fit(
        X, y
    )
    back = returns(model, tmp_path / "m")
    assert back.validation_scores_ == model.validation_scores_
    assert back.best_validation_score_ == model.best_validation_score_


def test_an_estimator_that_came_back_goes_on_with_a_fresh_optimizer(tmp_path):
    back = returns(trained(), tmp_path / "m")
    back.partial_fit(X, y)
    assert back.n_iter_ == 1  # of this call
    assert len(back.history_["cost"]) == 4


LABELS = {
    "texts": np.array(["ä", "b", "c"]),
    "texts as objects": np.array(["ä", "b", "c"], object),
    "truths": np.array([True, False, True]),
    "small numbers": np.array([-3, 0, 7], "int8"),
    "numbers with points": np.array([1.0, 2.0, 3.0]),
    "one class": np.array([4, 4, 4]),
    "two classes": np.array(["no", "yes", "no"]),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_of_any_kind_come_back(tmp_path, name):
    model = cr.MLPClassifier(3, solver="lbfgs", max_iter=200, random_state=0)
    model.fit(X, LABELS[name][y])
    back = returns(model, tmp_path / "m")
    assert back.classes_.dtype == model.classes_.dtype
    assert back.classes_.tolist() == model.classes_.tolist()


def test_several_labels_and_several_numbers_come_back(tmp_path):
    returns(trained().fit(X, np.column_stack([y == 0, y > 0])), tmp_path / "m")
    returns(
        cr.MLPRegressor(hidden_layer_sizes=3, max_iter=9, solver="sgd", random_state=0, scale_target=True).fit(
            X, X[:, :2]
        ),
        tmp_path / "m",
    )


def test_an_estimator_is_in_memory_of_its_own(tmp_path):
    model = cr.MLPClassifier((600, 400), max_iter=1, random_state=0).fit(X, y)
    back = returns(model, tmp_path / "m")
    before = back.network_.parameters.copy()
    with open(tmp_path / "m", "r+b") as file:  # as nobody should, but some do
        file.seek(os.path.getsize(tmp_path / "m") - 2**20)
        file.write(b"\xff" * 2**20)
    np.testing.assert_array_equal(back.network_.parameters, before)


def test_an_estimator_that_has_not_been_fitted_comes_back(tmp_path):
    returns_unfitted = cr.MLPRegressor(hidden_layer_sizes=7, solver=cr.Adam(0.02))
    cr.save(returns_unfitted, tmp_path / "m")
    assert repr(cr.load(tmp_path / "m")) == repr(returns_unfitted)


# -- pipelines ---------------------------------------------------------------------------------------------------------


def test_a_pipeline_comes_back_with_text_labels(tmp_path):
    labels = np.array(["setosa", "versicolor", "virginica"])[y]
    returns(make_pipeline(StandardScaler(), trained()).fit(X, labels), tmp_path / "m")


@pytest.mark.parametrize("include", [[object, "string", "category"], None])
def test_a_pipeline_whose_columns_are_selected_by_their_types_comes_back_and_learns_again(tmp_path, include):
    table = pd.DataFrame({"city": np.resize(["Oslo", "Rome", pd.NA], 60), "age": np.arange(60.0)})
    words = make_pipeline(SimpleImputer(missing_values=pd.NA, strategy="most_frequent"), OneHotEncoder())
    chosen = make_column_selector(None if include else "^city$", dtype_include=include)
    prepared = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include=np.number)), (words, chosen)
    )
    model = make_pipeline(prepared, cr.MLPClassifier(max_iter=3, random_state=0)).fit(table, table["age"] > 30)
    cr.save(model, tmp_path / "model")
    back = cr.load(tmp_path / "model")
    assert (back.predict_proba(table) == model.predict_proba(table)).all()
    again = back.fit(table, table["age"] > 30).predict_proba(table)
    assert (again == model.predict_proba(table)).all()


@pytest.mark.parametrize("target", ["buys", "spends"])
def test_the_pipelines_of_the_command_line_come_back(tmp_path, target):
    frame = people(200)
    words = np.array(["the red cat", "a blue dog sat", "the green bird"])
    frame["said"] = [" ".join(words[[i % 3, (i // 3) % 3, (i * 7) % 3]]) + f" x{i}" for i in range(200)]
    frame["maybe"] = np.where(np.arange(200) % 3, None, "given")
    table = Table("people", frame.drop(columns=["buys", "spends"]), frame[target].to_numpy(), target)
    plan = make_plan(table)
    assert {column.role for column in plan.columns} == {"number", "category", "boolean", "date", "text", "presence"}
    pipeline = make_plan_pipeline(plan, 200, hidden_layer_sizes=8, max_iter=3)
    pipeline.fit(*plan.examples(table))
    back = returns(pipeline, tmp_path / "m", table.X)
    back[:-1].transform(table.X)
    assert back[:-1].transform(table.X).tobytes() == pipeline[:-1].transform(table.X).tobytes()
    strange = table.X.assign(city="Quito", said="zzz", member=None, since="2030-12-31")
    assert back.predict(strange).tolist() == pipeline.predict(strange).tolist()


def test_a_model_with_a_function_in_it_is_not_stored(tmp_path):
    model = make_pipeline(FunctionTransformer(os.path.join), StandardScaler())
    with pytest.raises(ModelFileError, match=r"steps\.0\.1\.func is the function join"):
        cr.save(model, tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_a_model_of_another_kind_than_the_one_that_is_wanted_is_refused(saved):
    assert isinstance(cr.load(saved, cr.MLPClassifier), cr.MLPClassifier)
    with pytest.raises(ModelFileError, match=r"iris\.chainrule: got a MLPClassifier, wanted Network"):
        cr.load(saved, cr.Network)


@pytest.mark.parametrize("value", [3, {"a": 1}, [], None, np.zeros(3), "x", cr.Network])
def test_what_is_no_model_is_not_stored(tmp_path, value):
    with pytest.raises(ModelFileError):
        cr.save(value, tmp_path / "m")
    assert not list(tmp_path.iterdir())


# -- what a file says of itself ----------------------------------------------------------------------------------------


def test_read_about_tells_what_is_there_without_building_it(saved, monkeypatch):
    monkeypatch.setattr(modelfile.codec, "decode", None)
    about = modelfile.read_about(saved)
    assert about["chainrule"] == cr.__version__
    assert about["kind"] == "MLPClassifier"
    assert [(layer["units"], layer["activation"]) for layer in about["layers"]] == [
        (6, "relu"),
        (5, "relu"),
        (3, "softmax"),
    ]
    assert about["parameters"] == sum(layer["parameters"] for layer in about["layers"]) == 5 * 6 + 7 * 5 + 6 * 3
    assert about["about"] == {"target": "species"}
    assert about["classes"] == [0, 1, 2]
    assert about["training"]["seed"] == 0
    assert len(about["training"]["history"]["cost"]) == about["training"]["epochs"] == 3


def test_the_file_is_about_as_large_as_the_parameters_and_the_model_is_left_alone(tmp_path):
    model = cr.MLPClassifier((300, 300), max_iter=1, schedule="cosine", dtype="float32").fit(X, y)
    cr.save(model, tmp_path / "m")
    assert (tmp_path / "m").stat().st_size < 1.1 * model.network_.parameters.nbytes
    assert hasattr(model, "_optimizer")  # it can still go on training
    assert cr.load(tmp_path / "m").predict(X).shape == y.shape


def test_the_arrays_of_an_estimator_are_named_by_their_places(saved):
    with safe_open(saved, "np") as file:
        assert {"network_.W[1]", "network_.b[3]", "classes_"} <= set(file.keys())
        assert json.loads(file.metadata()["about"])["kind"] == "MLPClassifier"


def test_words_that_are_no_json_are_an_error_of_the_caller(tmp_path):
    for words in ({"when": object()}, {"when": float("nan")}, {"when": {1, 2}}):
        with pytest.raises((TypeError, ValueError), match=r"about: .* (does|do) not fit in JSON"):
            cr.save(trained(), tmp_path / "m", words)
    assert not list(tmp_path.iterdir())


CONTROL = "\x1b[2J\x1b]0;owned\x07\r\x9b31m\u202e\u200b\ud800"


def test_inspect_shows_no_control_characters(tmp_path, run):
    names = [f"a{CONTROL}".replace("\ud800", ""), "b", "c", "d"]
    model = make_pipeline(StandardScaler(), trained()).fit(
        pd.DataFrame(X, columns=names), np.array(["x", CONTROL, "z"], object)[y]
    )
    cr.save(model, tmp_path / "m", {"note": CONTROL})
    code, out, err = run("inspect", tmp_path / "m")
    assert (code, err) == (0, "")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u200b\ud800-\udfff]", out)


@pytest.mark.parametrize("header", ABOUT_TEXTS, ids=lambda h: h[:20])
def test_a_file_that_does_not_say_what_it_is_is_refused(tmp_path, header):
    container.write(tmp_path / "m", {"about": header, "model": "1"}, {})
    for read in (cr.load, modelfile.read_about):
        with pytest.raises(ModelFileError, match="damaged") as caught:
            read(tmp_path / "m")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("about", ABOUTS, ids=lambda a: repr(a)[:30])
def test_inspect_of_any_header_is_a_page_or_one_line(tmp_path, run, about):
    valid = modelfile._describe(cr.Network([3, 2]), {}) | {"chainrule": "1", "numpy": "2", "scikit-learn": "1"}
    container.write(tmp_path / "m", {"about": json.dumps(valid | about), "model": "1"}, {})
    code, out, err = run("inspect", tmp_path / "m")
    assert (code == 0 and out and not err) or (code == 2 and len(err.splitlines()) == 1)
    assert len(out) < 200_000
    assert run("inspect", tmp_path / "m", "--json")[0] == 0


# -- files that are none -----------------------------------------------------------------------------------------------


@pytest.fixture
def smallest(tmp_path):
    cr.save(cr.Network([2, 1], seed=0), tmp_path / "net")
    return tmp_path / "net"


def test_no_truncation_and_no_flipped_bit_gets_past(smallest):
    whole = smallest.read_bytes()

    def refused(content):
        smallest.write_bytes(content)
        with pytest.raises(ModelFileError, match=r"cut short|not a chainrule model|damaged|upgrade") as caught:
            cr.load(smallest)
        assert "\n" not in str(caught.value)

    for length in range(len(whole)):
        refused(whole[:length])
    for place in range(len(whole)):
        refused(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])


@pytest.mark.parametrize("read", [cr.load, modelfile.read_about])
def test_what_is_not_a_model_is_said_in_one_line(saved, tmp_path, read):
    def message(path):
        with pytest.raises(ModelFileError) as caught:
            read(path)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert message(tmp_path / "nothing").endswith("nothing: no such file")
    assert "is a folder" in message(tmp_path)
    (tmp_path / "text").write_text("a,b\n1,2\n")
    assert message(tmp_path / "text").endswith("not a chainrule model")
    (tmp_path / "empty").touch()
    assert message(tmp_path / "empty").endswith("not a chainrule model")
    np.savez(tmp_path / "arrays.npz", X=X)
    assert "not a chainrule model (a zip archive" in message(tmp_path / "arrays.npz")
    (tmp_path / "pickle").write_bytes(pickle.dumps(trained()))
    assert message(tmp_path / "pickle").endswith("not a chainrule model")
    joblib.dump(trained(), tmp_path / "joblib")
    assert message(tmp_path / "joblib").endswith("not a chainrule model")


def test_a_model_that_does_not_fit_into_memory_is_not_called_damaged(saved, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr(modelfile.codec, "decode", full)
    with pytest.raises(ModelFileError, match="not enough memory"):
        cr.load(saved)


def test_a_file_is_replaced_whole_or_not_at_all(saved, monkeypatch):
    before = saved.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelFileError, match="cannot be written: No space left on device"):
        cr.save(trained(), saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_loading_runs_nothing_and_opens_nothing_but_the_file(tmp_path):
    cr.save(make_pipeline(StandardScaler(), trained()), tmp_path / "m")
    code = """
cr.load(sys.argv[1])  # the modules are imported
opened = []
def watch(event, arguments):
    alone = ("open", "exec", "compile", "import", "pickle.find_class")
    if event in alone or event.startswith(("os.", "subprocess.", "socket.", "shutil.")):
        opened.append((event, arguments[0] if arguments else None))
sys.addaudithook(watch)
cr.load(sys.argv[1])
print(opened)
"""
    done = alone(code, tmp_path / "m")
    assert done.stdout == f"[('open', {str(tmp_path / 'm')!r})]\n", done.stderr


# -- pickles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dump", ["pickle", "joblib"])
def test_a_pickle_is_as_large_as_the_parameters_unless_training_must_go_on(dump):
    def dumped(model):
        file = io.BytesIO()
        joblib.dump(model, file) if dump == "joblib" else pickle.dump(model, file)
        file.seek(0)
        return file

    model = cr.MLPClassifier((300, 300), max_iter=2, random_state=0).fit(X, y)
    file = dumped(model)
    assert len(file.getvalue()) < 1.1 * model.network_.parameters.nbytes
    back = joblib.load(file) if dump == "joblib" else pickle.load(file)
    np.testing.assert_array_equal(back.predict_proba(X), model.predict_proba(X))
    model.partial_fit(X, y)
    file = dumped(model)
    back = joblib.load(file) if dump == "joblib" else pickle.load(file)
    for one in (model, back):
        one.partial_fit(X, y)
    assert back.network_.parameters.tobytes() == model.network_.parameters.tobytes()


# -- files of earlier versions -----------------------------------------------------------------------------------------

DATA = Path(__file__).parents[1] / "data"
OLD = sorted(DATA.glob("*/*.chainrule"))


@pytest.mark.parametrize("path", OLD, ids=lambda path: f"{path.parent.name}-{path.stem}")
@pytest.mark.filterwarnings("ignore:.*train it again")
def test_the_files_of_every_released_version_predict_what_they_did(path):
    model = cr.load(path)
    network = model if isinstance(model, cr.Network) else getattr(model, "network_", None) or model[-1].network_
    with np.load(path.with_suffix(".npz")) as expected:
        assert hashlib.sha256(network.parameters.tobytes()).hexdigest() == expected["parameters"]
        rows = expected["X"] if "X" in expected else pd.read_csv(path.parent / "people.csv")
        close = {
            "rtol": 1e-5 if network.dtype == np.float32 else 1e-12,
            "atol": 1e-7 if network.dtype == np.float32 else 1e-14,
        }
        if network is model:  # other instruction sets round otherwise
            np.testing.assert_allclose(model.forward(rows), expected["outputs"], **close)
            return
        if hasattr(model, "predict_proba"):
            np.testing.assert_allclose(model.predict_proba(rows), expected["probabilities"], **close)
            np.testing.assert_array_equal(model.predict(rows), expected["predictions"])
        else:
            np.testing.assert_allclose(model.predict(rows), expected["predictions"], **close)


def test_this_version_has_its_files():
    names = {"network", "checkpoint", "classifier", "regressor", "pipeline", "buys", "spends"}
    assert {path.stem for path in OLD if path.parent.name == cr.__version__} == names
    assert all(path.stat().st_size < 200_000 for path in DATA.glob("*/*"))


@pytest.mark.parametrize("path", OLD, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_inspect_shows_the_files_of_every_released_version(path, run):
    code, out, err = run("inspect", path)
    assert (code, err) == (0, "")
    assert f"written with chainrule {path.parent.name}" in " ".join(out.split())


HEAVY = {"sklearn", "pandas", "chainrule.estimators", "chainrule.tabular", "chainrule.readers"}
ESTIMATORS = {"sklearn", "pandas", "chainrule.estimators"}  # scikit-learn imports pandas


def test_to_load_and_to_save_imports_nothing_that_the_model_does_not_need(tmp_path):
    needed = {"network": set(), "checkpoint": set(), "buys": HEAVY, "spends": HEAVY}
    paths = sorted(OLD, key=lambda path: len(needed.get(path.stem, ESTIMATORS)))  # in one process, the lightest first
    program = f"""
import os, sys
import chainrule as cr
for path in sys.argv[2:]:
    cr.save(cr.load(path), os.path.join(sys.argv[1], "-".join(path.split(os.sep)[-2:])))
    print(*({HEAVY!r} & sys.modules.keys()))
"""
    command = [sys.executable, "-W", "ignore", "-c", program, tmp_path, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    for path, imported in zip(paths, done.stdout.splitlines(), strict=True):
        assert set(imported.split()) <= needed.get(path.stem, ESTIMATORS), path.stem
        assert type(cr.load(tmp_path / "-".join(path.parts[-2:]))) is type(cr.load(path))


def test_another_scikit_learn_than_the_one_that_wrote_the_preprocessing_is_told_once(tmp_path, monkeypatch):
    model = make_pipeline(StandardScaler(), StandardScaler(), trained()).fit(X, y)
    monkeypatch.setattr("sklearn.base.__version__", "1.7.2")  # what scikit-learn writes into its objects
    monkeypatch.setattr(modelfile, "version", lambda name: "1.7.2")
    cr.save(model, tmp_path / "m")
    monkeypatch.undo()
    with pytest.warns(
        ModelVersionWarning, match=r"m: its preprocessing was written with scikit-learn 1\.7\.2, this is 1"
    ) as told:
        back = cr.load(tmp_path / "m")
    assert len(told) == 1
    np.testing.assert_array_equal(back.predict(X), model.predict(X))


def test_a_loss_of_one_s_own_is_copied_with_the_network_and_not_stored():
    row = cr.losses.LOSSES["half_squared_error", "identity"]
    own = replace(row, function=lambda Z, Y: tuple(2 * part for part in row(Z, Y)))
    net = cr.Network([2, 3, 1], output="identity", loss=own, seed=0)
    X, Y = np.ones((2, 4)), np.zeros((1, 4))
    assert (
        copy.deepcopy(net).cost(X, Y)
        == net.cost(X, Y)
        == 2 * cr.Network([2, 3, 1], output="identity", seed=0).cost(X, Y)
    )
    with pytest.raises(ModelFileError, match="cannot be stored without code"):
        cr.save(net, "never")
    with pytest.raises(TypeError, match=r"loss: got .*wanted a name such as"):
        cr.Network([2, 1], loss=own)
