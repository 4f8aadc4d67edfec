"""Objects of the listed types come back as they were; nothing else is stored, and nothing else is ever built."""

import contextlib
import copy
import json
import math
import os
import re
import signal
import sys
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.kernel_approximation import RBFSampler
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)

import chainrule as cr
from chainrule.errors import ModelFileError
from chainrule.files import budget, codec, container
from chainrule.files import model as modelfile
from chainrule.tabular import Column, Columns, DateParts, Plan
from chainrule.tabular.importance import Importance, Importances
from chainrule.tabular.intervals import fit_intervals
from support.contract import OPTIMIZERS, SCHEDULES
from support.hostile import BOMBS, NETWORK_STATES, SIZES, TREES, alone, model_file, parts, thing
from support.hostile_states import CRASHES, OBJECT_STATES, changed_at_random

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="limits memory")


@pytest.fixture
def trip(tmp_path):
    """A value that has been in a file."""

    def trip(value):
        arrays = {}
        tree = json.dumps(codec.encode(value, arrays), allow_nan=False)
        container.write(tmp_path / "f", {"model": tree}, arrays)
        box = container.read(tmp_path / "f")
        return codec.decode(container.parse(box.texts["model"]), box)

    return trip


def same(a, b):
    """Equal to the last bit, with types, orders of arrays and orders of dicts."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        if (a.dtype.newbyteorder("<"), a.shape) != (b.dtype, b.shape) or not b.flags.writeable:
            return False
        if a.flags.f_contiguous and not (b.flags.f_contiguous or 0 in a.strides):
            return False
        return all(map(same, a.ravel().tolist(), b.ravel().tolist()))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a), list(b)) and same(list(a.values()), list(b.values()))
    if isinstance(a, (float, np.floating, complex)):
        return repr(a) == repr(b)
    if type(a).__name__ in ("RandomState", "Generator"):
        return same(a.bytes(99), b.bytes(99))
    if hasattr(a, "__getstate__") and type(a).__module__.startswith(("sklearn", "chainrule")):
        return same(*({k: v for k, v in x.__getstate__().items() if k not in codec._LEFT_OUT} for x in (a, b)))
    return a is b or bool(a == b)


# -- values ------------------------------------------------------------------------------------------------------------

VALUES = {
    "numbers": [0, -1, 2**200, 0.1, -0.0, 5e-324, math.inf, -math.inf, math.nan, True, None],
    "a history": [0.1 * i for i in range(100)] + [math.nan, math.inf, -0.0],
    "counts": list(range(100)),
    "counts and numbers": [*range(50), 0.5, None],
    "truths": [True, False] * 50,
    "numbers too large for an array": [2**63] * 40,
    "texts": ["", "ä", "😀", "\0", "\ud800", "\x1b[2J", '"sha256":"' + "0" * 64 + '"', "a" * 10_000],
    "bytes": [b"", b"\0\xff" * 50],
    "tuples in lists": [(1, [2, (3,)]), ()],
    "sets": [{1, 2}, frozenset({"a"}), set()],
    "a value that is missing": [pd.NA],
    "slices": [slice(None), slice(1, None, -2)],
    "dicts": {
        "a": {},
        "b": {2: 2, None: 3, True: 4.5, (1, "x"): 5, b"k": 6, 0.5: 7},
        "$": "list",
        "ü\ud800": np.ones(2),
    },
    "a dict that looks like an object": {"$": "object", "type": "os.system", "state": {}},
    "NumPy's numbers": [
        np.float32(0.1),
        np.float64("nan"),
        np.int8(-3),
        np.uint64(2**64 - 1),
        np.bool_(True),
        np.float16(1),
    ],
    "dtypes": [
        *map(np.dtype, ("f4", "O", "?", "U7", "S3", "M8[s]", "i1", "f2", "u8")),
        np.float32,
        np.int64,
        float,
        int,
        bool,
        str,
        object,
        np.bool_,
    ],
    "functions": [np.log1p, np.sqrt, np.abs],
    "arrays of numbers": [
        np.zeros(3),
        np.float32([[1, math.nan]]),
        np.arange(6, dtype="i2").reshape(1, 2, 3),
        np.array(3.5),
    ],
    "arrays in column order": [
        np.arange(6.0).reshape(2, 3).T,
        np.asfortranarray(np.ones((2, 3, 4))),
        np.zeros((4, 2), order="F"),
    ],
    "arrays of the other byte order": [
        np.arange(5, dtype=">i4"),
        np.ones(2, ">f8"),
        np.array(["ab"], ">U2"),
        np.array([1], ">m8[s]"),
    ],
    "arrays with gaps": [
        np.arange(10)[::-2],
        np.arange(12.0).reshape(3, 4)[:, 1:3],
        np.broadcast_to(np.float64(2), (3, 2)),
    ],
    "arrays without elements": [
        np.zeros(0),
        np.zeros((0, 5)),
        np.zeros((5, 0)),
        np.zeros(0, "U3"),
        np.zeros(0, "S3"),
        np.zeros(0, object),
        np.zeros(0, "M8[s]"),
    ],
    "arrays of text": [np.array(["a", "ü😀", ""]), np.array([["a"], ["bb"]]), np.array("x"), np.array(["a"], "U50")],
    "arrays of text in column order": [
        np.array([["a", "b"], ["c", "d"]], order="F"),
        np.array([["a", 1], [None, 2]], object, order="F"),
    ],
    "arrays of bytes": [np.array([b"a", b"bcd"]), np.array(b"x")],
    "arrays of dates": [
        np.array(["2020-01-01", "NaT"], "M8[D]"),
        np.array([1, 2], "m8[ns]"),
        np.array(["1970"], "M8[7D]"),
    ],
    "arrays of complex numbers": [np.array([1 + 2j, math.nan]), np.complex64([[1j]])],
    "arrays of anything": [np.array([1, "a", None, b"b", 2.5, True, math.nan, (1, 2), np.float32(3)], object)],
    "read-only arrays": [np.frombuffer(b"12345678", np.float64)],
    "generators of random numbers": [
        np.random.RandomState(3),
        *(np.random.Generator(getattr(np.random, name)(3)) for name in codec._GENERATORS),
    ],
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_comes_back_to_the_last_bit(trip, name):
    assert same(copy.deepcopy(VALUES[name]), trip(copy.deepcopy(VALUES[name])))


def test_a_generator_goes_on_in_the_middle_of_its_numbers(trip):
    for name in codec._GENERATORS:
        random = np.random.Generator(getattr(np.random, name)(3))
        random.integers(10, size=7, dtype=np.int32)
        random.normal(size=3)
        assert same(random, trip(random))
    legacy = np.random.RandomState(3)
    legacy.normal(size=3)
    assert same(legacy, trip(legacy))


plain = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
)


@given(st.recursive(plain, lambda v: st.lists(v) | st.dictionaries(plain, v) | st.tuples(v, v), max_leaves=20))
def test_whatever_is_made_of_plain_values_comes_back(value):
    arrays = {}
    tree = container.parse(json.dumps(codec.encode(value, arrays), allow_nan=False))
    assert not arrays
    assert same(value, codec.decode(tree, container.Container({}, {}, np.zeros(0, np.uint8))))


WRAPPED = {
    "lists": lambda v: [v],
    "tuples": lambda v: (v,),
    "dicts": lambda v: {"a": v},
    "dicts of numbers": lambda v: {1: v},
    "sets": lambda v: frozenset([v]),
    "arrays": lambda v: np.fromiter([v], object, 1),
    "pipelines": lambda v: Pipeline([("a", v)]),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_what_is_as_deep_as_is_written_is_read(trip, name):
    value, deepest = "passthrough", None
    for _ in range(codec._DEEPEST + 1):
        value = WRAPPED[name](value)
        try:
            codec.encode(value, {})
        except codec.UnknownTypeError:
            break
        deepest = value
    back = trip(deepest)
    assert type(back) is type(deepest)
    assert name == "pipelines" or repr(back) == repr(deepest)  # to spell those takes minutes


NOT_STORED = {
    "a function": (os.getcwd, "the function getcwd"),
    "a function of Python": (lambda x: x, "the function <lambda>"),
    "a method": ([].append, "the function append"),
    "a type": (os.PathLike, "the function PathLike"),
    "a module": (os, "is module"),
    "a function of NumPy": (np.load, "the function load"),
    "an object": (object(), "is object"),
    "a path": (__import__("pathlib").Path("x"), "Path"),
    "a date": (pd.Timestamp(0), "is Timestamp"),
    "a frame": (pd.DataFrame(), "is DataFrame"),
    "a sparse array": (sparse.eye_array(3), "is dia_array"),
    "a record": (np.zeros(2, "i4,f8"), "is an array of"),
    "long doubles": (np.zeros(2, np.longdouble), "array of float128|is an array of"),
    "a matrix": (np.ma.zeros(3), "is MaskedArray"),
    "another transformer": (PolynomialFeatures(), "is PolynomialFeatures"),
    "a class of one's own": (
        type("MLPClassifier", (cr.MLPClassifier,), {"__module__": "chainrule.x"})(),
        "MLPClassifier",
    ),
    "itself": ((lambda a: a.append(a) or a)([]), "more than 60 deep"),
}


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="long doubles are doubles here")
@pytest.mark.parametrize("name", NOT_STORED)
def test_what_is_not_listed_is_not_stored_and_the_error_says_where_it_is(tmp_path, name):
    value, words = NOT_STORED[name]
    (tmp_path / "m").write_bytes(b"old")
    with pytest.raises(ModelFileError, match=words) as caught:
        modelfile.write(tmp_path / "m", {"steps": [{"inner": value}]})
    assert "steps.0.inner" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
    assert (tmp_path / "m").read_bytes() == b"old"


# -- types -------------------------------------------------------------------------------------------------------------

r = np.random.default_rng(0)
X = r.normal(size=(60, 3)) * [1, 10, 0.1] + [0, 5, 1]
HOLES = np.where(r.random(X.shape) < 0.2, np.nan, X)
WORDS = np.array([["a", "x"], ["b", "y"], ["a", "z"], ["ü", "x"]] * 5, object)
TEXTS = ["the cat sat on the mat", "the dog ate the cat", "a mat, a dog, a log"] * 3
TABLE = pd.DataFrame({"n": X[:, 0], "w": np.resize(["p", "q", "r"], 60)})
DATES = pd.DataFrame({"d": pd.to_datetime(["2024-01-01", None, "2025-06-30"])})
LABELS = np.array(["yes", "no", "maybe"] * 20)
LEARN = ("MLP", "Tabular", "Target")  # from a target
LITTLE = {"effort": "quick", "hidden_layer_sizes": (3,), "max_iter": 2, "batch_size": 20, "random_state": 0}
# type → transformers, each with what it is fitted to
FITTED = {
    "StandardScaler": [(StandardScaler(), X), (StandardScaler(with_std=False), X)],
    "MinMaxScaler": [({"clip": True}, X)],
    "MaxAbsScaler": [({}, X), ({}, sparse.csr_array(X))],
    "RobustScaler": [({}, X), ({"unit_variance": True}, X)],
    "PowerTransformer": [({}, X)],
    "QuantileTransformer": [({"n_quantiles": 20}, X), ({"n_quantiles": 20, "output_distribution": "normal"}, X)],
    "OneHotEncoder": [
        ({}, WORDS),
        ({"sparse_output": False, "drop": "if_binary"}, WORDS),
        ({"drop": "first"}, WORDS.astype(str)),
        ({"min_frequency": 6, "handle_unknown": "infrequent_if_exist"}, WORDS),
        ({"dtype": np.float32}, np.round(X)),
        ({"max_categories": 2, "drop": "first", "handle_unknown": "ignore"}, WORDS),
        ({}, np.round(HOLES)),
        ({"categories": [["ü", "a", "b"], ["z", "y", "x"]]}, WORDS),
        ({"categories": [["ü", "a", "b"]]}, WORDS[:, :1].astype(str)),
        ({}, np.array([["2020"], ["2021"]], "M8[Y]")),
        ({}, X > 0),
        ({"drop": ["a", "x"]}, WORDS),
        ({}, np.array([["a"], [None], [np.nan]], object)),
    ],
    "OrdinalEncoder": [
        ({}, WORDS),
        ({"handle_unknown": "use_encoded_value", "unknown_value": -1}, WORDS),
        ({}, np.round(HOLES)),
        ({"max_categories": 2, "handle_unknown": "use_encoded_value", "unknown_value": 99}, np.round(HOLES)),
        ({"min_frequency": 20}, np.array([["q"], ["r"], ["s"], [None]] * 30, dtype=object)),
    ],
    "LabelEncoder": [({}, LABELS)],
    "LabelBinarizer": [({}, LABELS), ({"neg_label": -1}, LABELS), ({}, np.arange(60) % 3), ({}, X > 0)],
    "FunctionTransformer": [({"func": np.log1p, "inverse_func": np.expm1}, np.abs(X)), ({}, X)],
    "PCA": [
        ({"n_components": 2, "whiten": True}, X),
        ({"n_components": 0.9}, X),
        ({"svd_solver": "randomized", "random_state": 0}, X),
    ],
    "SimpleImputer": [
        ({"strategy": "median", "add_indicator": True}, HOLES),
        ({"strategy": "constant", "fill_value": 7}, HOLES),
        ({"strategy": "most_frequent"}, WORDS),
    ],
    "MissingIndicator": [({}, HOLES), ({"features": "all", "sparse": True}, HOLES)],
    "VarianceThreshold": [({"threshold": 0.5}, X)],
    "CountVectorizer": [
        ({}, TEXTS),
        ({"ngram_range": (1, 2), "stop_words": "english", "max_features": 5}, TEXTS),
        ({"analyzer": "char", "ngram_range": (2, 4)}, TEXTS),
        ({"vocabulary": ["cat", "dog"]}, TEXTS),
        ({"stop_words": ["cat"], "binary": True, "dtype": np.float32}, TEXTS),
    ],
    "TfidfVectorizer": [
        ({}, TEXTS),
        ({"sublinear_tf": True, "norm": "l1", "token_pattern": r"(?u)\b\w+\b"}, TEXTS),
        ({"token_pattern": r"[a-z]+(?:'[a-z]+)?"}, TEXTS),
    ],
    "TfidfTransformer": [({}, sparse.csr_array(np.abs(np.round(X)))), ({"use_idf": False}, np.abs(np.round(X)))],
    "ColumnTransformer": [
        ({"transformers": [("n", StandardScaler(), ["n"]), ("w", OneHotEncoder(), ["w"])]}, TABLE),
        ({"transformers": [("n", "passthrough", [0])], "remainder": OneHotEncoder(sparse_output=False)}, TABLE),
        (
            {
                "transformers": [("n", "drop", slice(0, 1)), ("t", CountVectorizer(token_pattern=r"\w"), "w")],
                "verbose_feature_names_out": "{transformer_name}/{feature_name}",
                "n_jobs": -2,
            },
            TABLE,
        ),
    ],
    "Pipeline": [({"steps": [("s", StandardScaler()), ("p", PCA(2))]}, X), ({"steps": [("s", "passthrough")]}, X)],
    "Columns": [(Columns({"n": "number", "w": "category"}), TABLE)],
    "DateParts": [(DateParts(), DATES), (DateParts(cyclic=True), DATES)],
    "MLPClassifier": [({"hidden_layer_sizes": 3, "max_iter": 2, "solver": "sgd", "random_state": 0}, X)],
    "MLPRegressor": [({"hidden_layer_sizes": (3, 2), "max_iter": 2, "solver": "sgd", "random_state": 0}, X)],
    "PiecewiseLinear": [({}, X), ({"bins": 4}, np.round(X))],
    "TargetEncoder": [({"cv": 3}, WORDS[:, :1].repeat(3, axis=0)), ({"target_type": "binary", "cv": 2}, np.round(X))],
    "TargetStatistics": [({"cv": 3}, WORDS[:, :1].repeat(3, axis=0))],
    "TabularClassifier": [(LITTLE, X), (LITTLE, TABLE)],
    "TabularRegressor": [(LITTLE, X), (LITTLE | {"drop": ["n"]}, TABLE)],
}
OTHERS = {type(value).__name__: value for value in (*OPTIMIZERS, *SCHEDULES, cr.LBFGS())}
OTHERS["Column"] = Column("a", "date", "2020-01-01 to 2021-12-31", 3, "%Y-%m-%d")
OTHERS["Plan"] = Plan("classes", "y", 9, (OTHERS["Column"],), classes={1: 5, 2: 4}, rare={"x": 1})
OTHERS["Intervals"] = fit_intervals(np.arange(90.0), np.arange(90.0) ** 1.1)
OTHERS["Importance"] = Importance("a", 0.5, 0.25, 0.75)
OTHERS["Importances"] = Importances("log loss", 0.7, 90, (OTHERS["Importance"],))
OTHERS["KFold"] = KFold(5, shuffle=True, random_state=0)
OTHERS["make_column_selector"] = make_column_selector("(?i)^(?:age|.*_days?)$", dtype_include=["category", np.number])
OTHERS["Normalizer"] = cr.Network([3, 1]).normalize(X.T).normalizer


def listed(name):
    """The type of a stored name."""
    module, _, attribute = codec.PLACES[name].partition(":")
    return getattr(import_module(module), attribute)


def dense(made):
    return made.toarray() if sparse.issparse(made) else made


@pytest.mark.parametrize("name", [name for name in codec.PLACES if name != codec.NETWORK])
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:.*predicts nearly the same", "ignore:Found unknown")
def test_the_objects_of_every_listed_type_come_back_fitted(trip, name):
    kind = listed(name)
    if kind.__name__ in OTHERS:
        value = OTHERS[kind.__name__]
        back = trip(value)
        assert type(back) is kind
        assert same(vars(value), vars(back))
        return
    for made, rows in FITTED[kind.__name__]:
        made = kind(**made) if isinstance(made, dict) else made
        y = (np.arange(60) % 2) if kind.__name__.startswith(LEARN) else None
        made.fit(rows) if y is None else made.fit(rows, y)
        back = trip(made)
        assert type(back) is kind
        assert same(made, back)
        assert repr(back) == repr(made)
        do = "predict" if hasattr(made, "predict") else "transform"
        expected, found = dense(getattr(made, do)(rows)), dense(getattr(back, do)(rows))
        assert same(np.asarray(expected).copy(), np.asarray(found).copy())
        if kind.__name__ == "OneHotEncoder" and made.handle_unknown != "error":
            unknown = np.full_like(rows, "?")
            np.testing.assert_array_equal(dense(made.transform(unknown)), dense(back.transform(unknown)))


def test_the_names_of_the_types_in_files_stay_as_they_were():
    """Of version 0.1.0: files with these names are out there. New ones are added; none is changed or taken away."""
    names = {
        "chainrule": "MLPClassifier MLPRegressor",
        "chainrule.tabular": "Columns DateParts",
        "chainrule.normalization": "Normalizer",
        "chainrule.optimizers": "GradientDescent Momentum HeavyBall Nesterov RMSProp Adam AdamW LBFGS",
        "chainrule.schedules": "Constant InverseTime StepDecay InverseScaling Cosine CosLog4 WarmUp",
        "sklearn.pipeline": "Pipeline",
        "sklearn.compose": "ColumnTransformer",
        "sklearn.decomposition": "PCA",
        "sklearn.impute": "SimpleImputer MissingIndicator",
        "sklearn.feature_selection": "VarianceThreshold",
        "sklearn.preprocessing": "StandardScaler MinMaxScaler MaxAbsScaler RobustScaler PowerTransformer "
        "QuantileTransformer OneHotEncoder OrdinalEncoder LabelEncoder LabelBinarizer FunctionTransformer",
        "sklearn.feature_extraction.text": "CountVectorizer TfidfVectorizer TfidfTransformer",
    }
    assert {"Network", *(f"{module}.{name}" for module in names for name in names[module].split())} <= {*codec.PLACES}


@pytest.mark.parametrize("name", codec.PLACES)
def test_the_map_knows_the_place_of_every_type_and_its_name(name):
    assert isinstance(listed(name), type)
    assert codec.stored_name(listed(name)) == name


# -- what a hostile file asks for ------------------------------------------------------------------------------------


@pytest.fixture
def refused(tmp_path):
    """Load a file with this tree in it: the one line of the refusal."""

    def refused(tree, arrays=None, kind="Network"):
        model_file(tmp_path / "m", tree, arrays, kind)
        before = set(os.listdir())
        with pytest.raises(ModelFileError) as caught:
            cr.load(tmp_path / "m")
        message = str(caught.value)
        assert "\n" not in message
        assert all(c.isprintable() for c in message.removeprefix(str(tmp_path)))
        assert set(os.listdir()) == before
        return message

    return refused


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.eval",
        "builtins.object",
        "numpy.load",
        "numpy.fromfile",
        "numpy.memmap",
        "subprocess.Popen",
        "sklearn.preprocessing.PolynomialFeatures",
        "sklearn.svm.SVC",
        "sklearn.tree.DecisionTreeClassifier",
        "joblib.Memory",
        "chainrule.load",
        "chainrule.files.model.save",
        "chainrule.Network",
        "Network",
        "chainrule.activations.Activation",
        "pathlib.Path",
        "sklearn.preprocessing.",
        "StandardScaler",
        "sklearn.preprocessing._data.StandardScaler",
        "",
        "a\nb",
        "\x1b]0;x\x07",
    ],
)
def test_a_type_that_is_not_listed_is_refused(refused, name):
    assert re.search("refused, it asks for .* not among the types", refused(thing(name, command="touch x")))


@pytest.mark.parametrize(
    "name", ["os.system", "numpy.load", "eval", "type", "numpy.frombuffer", "numpy.ndarray", "numpy.memmap", [], {}, 1]
)
def test_a_function_cannot_be_named(refused, name):
    state = {"func": {"$": "named", "is": name}, "kw_args": None, "inv_kw_args": None}
    assert "damaged" in refused(thing("sklearn.preprocessing.FunctionTransformer", **state), kind="FunctionTransformer")


def test_a_pickle_in_a_file_is_bytes_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evil = b"cos\nsystem\n(S'touch canary'\ntR."
    fitted, arrays = parts(make_pipeline(StandardScaler()).fit(X))
    fitted["state"]["verbose"] = {"$": "bytes", "is": evil.hex()}
    model_file(tmp_path / "m", fitted, {**arrays, "pickle": np.frombuffer(evil, np.uint8)}, "Pipeline")
    assert cr.load(tmp_path / "m").verbose == evil
    assert not (tmp_path / "canary").exists()


KINDS = ["Network", "Pipeline", "MLPClassifier", "checkpoint", "int", "dict", "", "\x1b[31m"]


@pytest.mark.parametrize("name", TREES)
def test_a_tree_that_is_none_is_refused_whatever_the_file_says_it_is(refused, name):
    for kind in KINDS:
        if (kind, name) != ("int", "a number"):
            assert re.search("damaged|refused", refused(TREES[name], kind=kind))


def network():
    return parts(cr.Network([3, 4, 2], hidden="tanh", output="softmax", seed=0).normalize(X.T))


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_a_network_of_other_sizes_than_its_arrays_is_refused(refused, sizes):
    tree, arrays = network()
    tree["state"]["sizes"] = sizes
    assert re.search("damaged", refused(tree, arrays))


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, values in NETWORK_STATES.items() for v in values], ids=str)
def test_a_network_of_a_state_that_is_none_is_refused(refused, field, value):
    tree, arrays = network()
    tree["state"][field] = value
    assert re.search("damaged|refused", refused(tree, arrays))


def test_a_normalizer_of_another_shape_is_refused(refused):
    tree, arrays = network()
    for shape in ((4, 1), (3,), (1, 3), (3, 2), ()):
        changed = arrays | {"normalizer.center": np.ones(shape)}
        assert "normalizer: got shape" in refused(tree, changed)


def test_weights_in_another_order_or_of_another_precision_are_refused(refused):
    tree, arrays = network()
    assert "not one vector" in refused(tree, dict(sorted(arrays.items(), reverse=True)))
    assert "not one vector" in refused(tree, arrays | {"W[1]": arrays["W[1]"].astype("f4")})
    del arrays["b[2]"]
    assert "damaged" in refused(tree, arrays)


def test_a_file_that_says_network_but_holds_an_estimator_is_refused(refused):
    tree, arrays = parts(make_pipeline(StandardScaler()).fit(X))
    assert "it holds a Pipeline" in refused(tree, arrays, "Network")
    tree, arrays = network()
    assert "it holds a Network" in refused(tree, arrays, "Pipeline")


@pytest.fixture(scope="module")
def fitted():
    return parts(cr.MLPClassifier(3, max_iter=1, solver="sgd", normalize="standard", random_state=0).fit(X, LABELS))


fitted_filters = pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:.*predicts nearly the same")


@fitted_filters
@pytest.mark.parametrize(
    "state",
    [
        {"network_": 1},
        {"network_": None},
        {"network_": []},
        {"network_": "$scaler"},
        {"n_features_in_": 4},
        {"predict": 1},
        {"__class__": 1},
        {"_outputs": {"$": "named", "is": "str"}},
        {"__init__": 0},
        {"fit": None},
        {"coefs_": []},
        {"intercepts_": []},
        {"_optimizer": {}},
        {"_random_state": 1},
        {"_skl_callbacks": []},
        {"set_params": 1},
    ],
    ids=str,
)
def test_an_estimator_of_a_state_that_is_none_is_refused(refused, fitted, state):
    tree, arrays = copy.deepcopy(fitted)
    scaler = thing("sklearn.preprocessing.StandardScaler", with_mean=True)
    state = {key: scaler if value == "$scaler" else value for key, value in state.items()}
    tree["state"] |= state
    if state == {"network_": None}:
        tree["state"]["coefs_"] = []
    assert "damaged" in refused(tree, arrays, "MLPClassifier")


@fitted_filters
def test_an_array_is_given_out_once(refused, fitted):
    tree, arrays = copy.deepcopy(fitted)
    (name,) = [name for name in arrays if name.endswith("center")]
    tree["state"]["more"] = [{"$": "array", "at": name}] * 1000
    assert "damaged" in refused(tree, arrays, "MLPClassifier")


@pytest.mark.parametrize("name", OBJECT_STATES)
def test_a_state_with_which_compiled_code_would_leave_its_arrays_or_worse_is_refused(refused, name):
    tree, arrays = OBJECT_STATES[name]
    kind = tree.get("type", tree.get("$", "checkpoint")).rpartition(".")[2]
    assert re.search("damaged|newer", refused(tree, arrays, kind))


@LINUX
@pytest.mark.parametrize("name", CRASHES)
def test_without_the_checks_compiled_code_would_leave_its_arrays(tmp_path, name):
    tree, arrays = OBJECT_STATES[name]
    model_file(tmp_path / "m", tree, arrays, "x")
    code = f"""
guards._CHECKS.clear()
codec._check_generator = lambda state: state
box = container.read(sys.argv[1])
v = codec.decode(container.parse(box.texts["model"]), box)
{CRASHES[name]}
"""
    done = alone(code, tmp_path / "m")
    by_numpy = re.search("ValueError: .*(position|_pos) must be", done.stderr)  # it looks for itself, from 2.5 on
    by_sanitizer = "AddressSanitizer" in done.stderr
    assert done.returncode == -signal.SIGSEGV or by_sanitizer or by_numpy, done.stderr


@pytest.mark.parametrize("name", ["a folder of pickles", "a vectorizer that reads files", "names of a format"])
def test_what_would_not_be_read_is_not_written_either(tmp_path, name):
    made = {
        "a folder of pickles": Pipeline([("s", StandardScaler())], memory="cache"),
        "a vectorizer that reads files": CountVectorizer(input="filename"),
        "names of a format": ColumnTransformer([], verbose_feature_names_out="{feature_name!r}"),
    }[name]
    with pytest.raises(ModelFileError, match="could not be read"):
        cr.save(made, tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_many_keys_that_may_hash_alike_are_not_written_either(trip):
    for keys in ({k * (2**61 - 1) for k in range(2000)}, {(k,) for k in range(2000)}):
        for value in (keys, dict.fromkeys(keys)):
            with pytest.raises(codec.UnsafeStateError, match="keys that are neither text nor numbers"):
                codec.encode(value, {})
    numbers = {np.int64(k): 0.5 for k in range(2000)}
    assert trip(numbers) == numbers


@LINUX
@pytest.mark.parametrize("name", BOMBS)
def test_little_files_that_would_become_large_are_refused_in_bounded_memory_and_time(tmp_path, name):
    tree, arrays = BOMBS[name]()
    model_file(tmp_path / "m", tree, arrays, "Pipeline")
    code = """
try:
    cr.load(sys.argv[1])
except container.ModelFileError as error:
    print("refused")
"""
    done = alone(code, tmp_path / "m", memory=700 << 20)
    assert done.stdout == "refused\n", done.stderr[-500:]


PATTERNS = [
    *(
        CountVectorizer().token_pattern,
        r"(?u)\b\w+\b",
        r"\w",
        r"\w+",
        r"[^\W\d_]\w*",
        r"[a-z]+(?:'[a-z]+)?",
        r"\S+",
        r"[^\s,]+",
    ),
    *(r"(?u)\b[a-zA-Z]{2,}\b", r"\b[^\d\W]+\b", r"\b(\w+)\b", r"(\w\w+)", r"\w+|\$[\d\.]+|\S+", r"(?u)\b\w\w+\b|!|\?"),
    *(r"\d+\w*", r"[A-Za-z]+\d*", r"^\w+", r"(?:\w+)", r"\b(?:\w+)\b", r"(?<!\w)\w+", r"(?u)(?<![@])\b\w\w+\b", r"\n"),
    *(r"\w+(?:-\w+)*", r"[a-z0-9]+(?:[-'][a-z0-9]+)*", r"\b\w+(?:'\w+)?\b", r"\b\w+(?:[-']\w+)*\b", r"a+b*", r"\w+\S*"),
    *(r"[\u4e00-\u9fff]+", r"\w+[!?]?", r"[a-z]+'?[a-z]*", r"\w+|\d+", r"\w+(?:\w+)*\w*"),
    *(r"-?\d+", r"#?\w+", r"\d{4}", r"\w{3,12}", r".", r"colou?r"),
]


@LINUX
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_that_is_taken_comes_to_an_end(pattern):
    made = CountVectorizer(token_pattern=pattern, vocabulary={"a": 0})
    codec.encode(made, {})
    for letters in ("a", "a1", "1", "a'", "'", "-", "\\", " ", ",", "é", "ab, "):
        made.transform([letters * 100_000, letters * 100_000 + "#"])  # each letter times each would take minutes


# -- what using a model takes ------------------------------------------------------------------------------------------


def little():
    return make_pipeline(StandardScaler(), cr.MLPClassifier(2, max_iter=1, solver="sgd", random_state=0)).fit(
        X, X[:, 0] > 0
    )


def wide():
    made = StandardScaler(with_mean=False, with_std=False).fit(X)
    made.n_features_in_ = 10**6
    return make_pipeline(made)


def labeled():
    made = little()[-1].fit(X, np.resize(["no", "yes"], 60))
    made.classes_ = made._label_binarizer.classes_ = made.classes_.astype("U300000")
    return made


def nested(depth):
    made = StandardScaler().fit(X)
    for _ in range(depth):
        made = Pipeline([("p", made)])
    return made


def named(length):
    made = OneHotEncoder(sparse_output=False).fit(pd.DataFrame({"x" * length: np.arange(100_000)}))
    return make_pipeline(made)


GREEDY = {
    "a million columns that have no numbers": (wide, "one row takes"),
    "pipelines in pipelines": (lambda: nested(12), "call each other"),
    "many pipelines in pipelines": (lambda: Pipeline([(str(k), nested(6)) for k in range(400)]), "call each other"),
    "long classes": (labeled, "one row takes"),
    "long categories": (
        lambda: make_pipeline(OneHotEncoder().fit(np.array([["a"], ["b"]], "U300000"))),
        "one row takes",
    ),
    "long names": (lambda: named(10_000), "have names of"),
}


@pytest.mark.parametrize("name", GREEDY)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:.*predicts nearly the same")
def test_a_small_model_that_would_take_much_is_refused_in_both_directions(tmp_path, monkeypatch, name):
    make, words = GREEDY[name]
    made = make()
    with pytest.raises(ModelFileError, match=f"refused: .*{words}"):
        cr.save(made, tmp_path / "m")
    assert not list(tmp_path.iterdir())
    with monkeypatch.context() as without:
        without.setattr(budget, "check", lambda *_: None)
        cr.save(made, tmp_path / "m")
    with pytest.raises(ModelFileError, match=f"refused: .*{words}"):
        cr.load(tmp_path / "m")


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:.*predicts nearly the same")
def test_what_is_in_proportion_is_taken(tmp_path):
    zeros = np.zeros((2, 300_000))
    network = cr.MLPRegressor(hidden_layer_sizes=(), max_iter=1, solver="sgd", dtype="float32")
    of_each = [(str(k), make_pipeline(StandardScaler(), StandardScaler()), [k % 3]) for k in range(300)]
    for made in (
        nested(5),
        make_pipeline(StandardScaler(), PCA(2)).fit(r.normal(size=(4, 50_000))),
        make_pipeline(StandardScaler(), network).fit(zeros, zeros[:, 0]),
        ColumnTransformer(of_each).fit(X),
    ):
        cr.save(make_pipeline(made), tmp_path / "m")
        cr.load(tmp_path / "m")


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:.*predicts nearly the same")
def test_steps_whose_columns_do_not_agree_are_refused(tmp_path):
    first, last = little()
    steps = [("first", make_pipeline(first, PCA(2)).fit(X)), ("last", last)]
    with pytest.raises(ModelFileError, match="refused: a MLPClassifier of 3 columns is given 2"):
        cr.save(Pipeline(steps), tmp_path / "m")
    places = ColumnTransformer([("n", "passthrough", [0])]).fit(X)
    places.output_indices_["n"] = slice(0, 10**9)
    with pytest.raises(ModelFileError, match="a place is not among its columns"):
        cr.save(places, tmp_path / "m")


@pytest.mark.parametrize("name", [name for name in FITTED if not name.startswith(("Label", "Tabular"))])
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:.*predicts nearly the same", "ignore:Found unknown")
def test_the_columns_that_a_part_will_make_are_known_beforehand(name):
    kind = listed(next(stored for stored in codec.PLACES if stored.endswith(f".{name}")))
    for made, rows in FITTED[name]:
        made = kind(**made) if isinstance(made, dict) else clone(made)
        made.fit(rows, np.arange(60) % 2) if name.startswith(LEARN) else made.fit(rows)
        assert (
            budget._columns(made, rows.shape[1] if hasattr(rows, "shape") else 1, budget._Use(), 1)
            == made.transform(rows).shape[1]
        )


def test_the_transformers_that_are_not_worth_their_risk_are_not_listed(tmp_path):
    with pytest.raises(ModelFileError, match="RBFSampler"):
        cr.save(make_pipeline(RBFSampler().fit(X)), tmp_path / "m")
    for made in (OrdinalEncoder().fit(WORDS), TfidfVectorizer().fit(TEXTS)):
        cr.save(make_pipeline(made), tmp_path / "m")


# -- changed at random ---------------------------------------------------------------------------------------------

ODD = [0, 1, -1, 2**31, 2**63 - 1, -(2**63), 2**64, 1e300, 0.5, "", "x", "nan", None, True, [], {}, [0], [None], [[0]]]
ODD += [VALUES[name] for name in ("slices", "dtypes", "functions", "arrays of anything", "arrays of text", "sets")]
ODD += [math.nan, math.inf, (1, 2), b"x", StandardScaler(), Pipeline([("s", "passthrough")])]


@pytest.mark.parametrize("name", FITTED)
@pytest.mark.filterwarnings("ignore")
def test_models_that_are_changed_at_random_are_refused_or_used_without_harm(tmp_path, name):
    rng, refused = np.random.default_rng(0), []
    kind = listed(next(stored for stored in codec.PLACES if stored.endswith(f".{name}")))
    for made, rows in FITTED[name]:
        made = kind(**made) if isinstance(made, dict) else made
        made.fit(rows, np.arange(60) % 2) if name.startswith(LEARN) else made.fit(rows)
        whole = parts(made)
        for _ in range(25):
            with np.errstate(all="ignore"):
                model_file(tmp_path / "m", *changed_at_random(rng, *whole, ODD), name)
                try:
                    back = cr.load(tmp_path / "m")
                except ModelFileError as error:
                    refused.append(str(error))
                    continue
                for do in ("transform", "predict", "predict_proba"):
                    with contextlib.suppress(Exception):  # any error, but not the end of the process
                        getattr(back, do)(rows)
    assert refused
    assert not any("\n" in message for message in refused)
