"""Models that are changed at random, and used where they are still taken: every command, and what their kind can do.

Seeds, changes and the use are those of a row of fuzz.TARGETS. Only what a small file asks of memory and time counts,
and whether the process lives; an error of any class may come.
"""

import contextlib
import io
import json
import math
import os
import tempfile
import warnings
import zlib
from functools import cache
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

import chainrule as cr
from chainrule.exporting import export_onnx
from chainrule.files import container
from chainrule.files import model as modelfile
from chainrule.working.trace import trace
from support.hostile import file
from support.hostile_states import TEXTS, changed_at_random
from support.tables import people

X = np.random.default_rng(0).normal(size=(9, 3))
HOLES = np.where(X > 1, np.nan, X)
WORDS = pd.DataFrame({"a": list("uvuvuvuvu"), "b": list("xyzxyzxyz"), "n": np.arange(9.0)})
Y = np.resize(["no", "yes"], 9)
LITTLE = {"hidden_layer_sizes": (2,), "solver": "sgd", "max_iter": 1, "random_state": 0}
# What the commands are given: a table, and pictures.
PEOPLE, PICTURE = "people.csv", "one.png"

STEPS = {
    "scaled": ([StandardScaler(), MinMaxScaler(clip=True), MaxAbsScaler(), RobustScaler()], X),
    "turned": ([PowerTransformer(), QuantileTransformer(n_quantiles=5), PCA(2, whiten=True)], X),
    "filled": ([SimpleImputer(add_indicator=True), VarianceThreshold(), FunctionTransformer(np.square)], HOLES),
    "missing": ([MissingIndicator(features="all"), StandardScaler()], HOLES),
    "coded": (
        [OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=4, sparse_output=False)],
        WORDS[["a", "b"]],
    ),
    "dropped": ([OneHotEncoder(drop="first", handle_unknown="ignore")], np.round(X)),
    "times": ([OneHotEncoder(handle_unknown="ignore")], pd.DataFrame({"t": pd.to_timedelta([1, 2, 3] * 3, "s")})),
    "ordered": ([OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)], WORDS),
    "chosen": (
        [
            make_column_transformer(
                (make_pipeline(SimpleImputer(), StandardScaler()), ["n"]), (OneHotEncoder(), ["a"]), remainder="drop"
            )
        ],
        WORDS,
    ),
    "passed": ([make_column_transformer((make_pipeline(StandardScaler()), slice(0, 2)), remainder="passthrough")], X),
    "read": ([TfidfVectorizer()], TEXTS),
    "counted": ([CountVectorizer(ngram_range=(1, 2), token_pattern=r"[a-z]+")], TEXTS),
}


@cache
def seeds() -> dict[str, bytes]:
    """Valid models by their names: those that `train` saves, and of every type that a file may hold."""
    from PIL import Image

    from chainrule.cli import app

    files = {}
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        table = people(60).assign(said=[f"the {k % 5} red cats sat on {k % 7} mats today" for k in range(60)])
        table.to_csv(folder / PEOPLE, index=False)
        for k, color in enumerate(["no", "yes"] * 6):
            (folder / "pictures" / color).mkdir(parents=True, exist_ok=True)
            pixels = np.full((8, 8, 3), 20 * k, np.uint8)
            Image.fromarray(pixels).save(folder / "pictures" / color / f"{k}.png")
        quick = ["--hidden", "2", "--epochs", "1", "--out"]
        for target in ("buys", "spends"):
            silent(app, "train", folder / PEOPLE, "--target", target, *quick, folder / target)
        silent(app, "train", folder / "pictures", "--image-size", "8x8", *quick, folder / "pictures.chainrule")
        for name in ("buys", "spends", "pictures.chainrule"):
            files[name.removesuffix(".chainrule")] = (folder / name).read_bytes()
        models = {"network": cr.Network([3, 4, 2], output="softmax", seed=0).normalize(X.T)}
        models["regressor"] = cr.MLPRegressor(scale_target=True, normalize="robust", **LITTLE).fit(X, X[:, :2])
        models["labels"] = cr.MLPClassifier(label_smoothing=0.1, **LITTLE).fit(X, (X > 0).astype(int))
        for key, (steps, rows) in STEPS.items():
            models[key] = make_pipeline(*steps, cr.MLPClassifier(class_weight={"no": 2.0, "yes": 1.0}, **LITTLE)).fit(
                rows, Y
            )
        little = {"hidden_layer_sizes": (2,), "max_iter": 1, "batch_size": 10, "random_state": 0}
        models["told"] = cr.TabularClassifier(**little).fit(table.drop(columns="spends"), "buys")
        models["amounts"] = cr.TabularRegressor(**little).fit(table.drop(columns="buys"), "spends")
        models["numbers"] = cr.TabularClassifier(effort="quick", **little).fit(X[:8].repeat(3, axis=0), list("ab") * 12)
        for key, model in models.items():
            cr.save(model, folder / "m")
            files[key] = (folder / "m").read_bytes()
    return {f"{key}.chainrule": data for key, data in files.items()}


def silent(app, *arguments) -> None:
    """Run a command; what it prints is thrown away."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        app(list(map(str, arguments)), standalone_mode=False, obj=[])


ODD = [0, 1, -1, 3, 64, 2**20, 2**31, 2**62, -(2**63), 1e300, 0.5, math.nan, "", "x", "a" * 5000, None, True, [], {}]
ODD += [(1, 2), [0] * 3000, [[0]] * 50, {"a": 1}, slice(None), slice(0, 10**9), b"x", np.dtype("U9999"), np.dtype("f4")]
ODD += [
    np.ones((300, 1, 1)),
    np.ones((300, 300)),
    np.zeros(3),
    np.ones((0, 9)),
    np.zeros(3000, int),
    np.array(["a"], "U99999"),
]
ODD += [
    np.array([3, 1, 2], "m8[s]"),
    np.array([1j, 2, 1]),
    np.array([2, None, "a"], object),
    np.log,
    float,
    "passthrough",
]
ODD += ["drop", r"\w?" * 49, "(a+)+b", "{feature_name}" * 9, "%Y %Y", "word", "char", "pandas", "category", "date"]
ODD += [StandardScaler(), Pipeline([("s", "passthrough")]), Pipeline([("s", Pipeline([("s", StandardScaler())]))])]


def changed(rng: np.random.Generator, data: bytes) -> bytes:
    """A model file with one to three changes of its tree, its arrays or what it says about itself, and right sums."""
    box = container._parse(np.frombuffer(data, np.uint8))
    arrays = {name: box.array(name).copy() for name in list(box.entries)}
    tree, about = json.loads(box.texts["model"]), json.loads(box.texts["about"])
    if rng.random() < 0.15:
        plain = [odd for odd in ODD if type(odd) in (int, str, bool, list, dict, type(None))]
        about, _ = changed_at_random(rng, about, {}, plain)
    if rng.random() < 0.9:
        tree, arrays = changed_at_random(rng, tree, arrays, ODD)
    return packed({"about": json.dumps(about), "model": json.dumps(tree)}, arrays)


def packed(texts: dict[str, str], arrays: dict[str, np.ndarray]) -> bytes:
    names = {dtype: name for name, dtype in container.DTYPES.items()}
    rows, content = {}, b""
    for name, array in sorted(arrays.items(), key=lambda item: -item[1].itemsize):
        raw = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        offsets = [len(content), len(content) + len(raw)]
        rows[name] = {
            "dtype": names[array.dtype.newbyteorder("<")],
            "shape": list(array.shape),
            "data_offsets": offsets,
        }
        content += raw
    return file(rows, content, texts)


def use(path: Path) -> None:
    """Load a model and use it in three of the ways in which people do. Any error may come, but for memory."""
    model = cr.load(path)
    modelfile.read_about(path)
    ways, chosen = _ways(model, path), zlib.crc32(path.read_bytes())
    with warnings.catch_warnings(), np.errstate(all="ignore"), joblib.parallel_config(backend="sequential"):
        warnings.simplefilter("ignore")
        for k in range(3):
            try:
                ways[(chosen + k * (1 + chosen // 99 % len(ways))) % len(ways)]()
            except MemoryError as error:
                raise AssertionError("memory") from error
            except Exception:
                continue


def _ways(model, path):
    """All that can be done with a model."""
    from chainrule.cli import app

    rows, y = STEPS.get(path.stem, (None, X))[1], Y
    ways = [lambda: silent(app, "inspect", path), lambda: export_onnx(model, os.devnull)]
    if isinstance(model, cr.Network):
        ways += [lambda: model.forward(np.zeros((model.sizes[0], 3))), lambda: trace(model, np.zeros((3, 1)))]
        ways += [lambda: str(model), lambda: cr.diagnose(model, X.T, np.ones((2, 9)))]
    elif path.stem in ("buys", "spends", "pictures"):
        given = _data(PICTURE if path.stem == "pictures" else PEOPLE)
        ways += [lambda: silent(app, "predict", path, given), lambda: silent(app, "trace", path, given)]
        if path.stem != "pictures":
            ways += [lambda: silent(app, "evaluate", path, given), lambda: silent(app, "diagnose", path, given)]
    elif path.stem in ("regressor", "labels"):
        y = X[:, :2] if path.stem == "regressor" else X > 0
        ways += [lambda: model.predict(X), lambda: model.score(X, y), lambda: model.diagnose(X, y)]
        ways += [lambda: model.transform(X), lambda: repr(model)]
    elif path.stem in ("told", "amounts", "numbers"):
        rows = X if path.stem == "numbers" else people(20).assign(said="the red cats sat")
        y = {"told": "buys", "amounts": "spends", "numbers": list("ab") * 4 + ["a"]}[path.stem]
        ways += [lambda: model.predict(rows), lambda: model.predict_proba(rows), lambda: model.score(rows, y)]
        ways += [lambda: model.columns_, lambda: model.leaderboard_, lambda: repr(model), lambda: model.remarks_]
        ways += [
            lambda: silent(app, "predict", path, _data(PEOPLE)),
            lambda: silent(app, "explain", path, _data(PEOPLE)),
        ]
    else:
        ways += [lambda: model.predict(rows), lambda: model.predict_proba(rows), lambda: model.score(rows, y)]
        ways += [lambda: model[:-1].transform(rows), lambda: model[:-1].get_feature_names_out()]
        ways += [lambda: model[-1].diagnose(model[:-1].transform(rows), y)]
        if isinstance(rows, np.ndarray):  # whole numbers, which encoders look for in another way
            ways += [lambda: model.predict(np.round(rows).astype(int))]
        if isinstance(rows, pd.DataFrame):
            ways += [lambda: model.predict(np.arange(9 * rows.shape[1]).reshape(9, -1))]
    return ways


@cache
def _data(name: str) -> Path:
    """A file for the commands, which stays as long as the process."""
    from PIL import Image

    folder = tempfile.TemporaryDirectory()
    _KEPT.append(folder)
    path = Path(folder.name) / name
    if name == PICTURE:
        Image.fromarray(np.zeros((1, 1, 3), np.uint8)).save(path)
    else:
        people(20).assign(said="the red cats sat").to_csv(path, index=False)
    return path


_KEPT: list[tempfile.TemporaryDirectory] = []
