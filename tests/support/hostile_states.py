"""States of objects as an enemy would write them, and changes of valid files at random."""

import copy
import json
import math
import warnings
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    LabelBinarizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

import chainrule as cr
from chainrule.files import codec, guards
from chainrule.tabular import Column, Columns, DateParts, Importance, Importances, Intervals

X = np.random.default_rng(0).normal(size=(60, 3)) + 5
DAYS = pd.DataFrame({"d": ["2024-01-31", "2024-02-01"]})
TEXTS = ["the cat sat on the mat", "the dog ate the cat", "a mat, a dog, a log"] * 3


def changed(made, **state):
    """The parts of a transformer with another state."""
    for name, value in state.items():
        setattr(made, name, value)
    arrays = {}
    check, guards.check = guards.check, lambda *_: None
    try:
        tree = json.loads(json.dumps(codec.encode(made, arrays)))
    finally:
        guards.check = check
    return tree, arrays


def changed_object(made, **state):
    for name, value in state.items():
        setattr(made, name, np.array(value))
    return made


def encoder(**state):
    return changed(OneHotEncoder(sparse_output=False).fit(np.arange(4.0)[:, None]), **state)


def dates(**state):
    days = pd.DataFrame({"d": pd.date_range("2024-01-01", periods=400)})
    return changed(DateParts(cyclic=True).fit(days), **state)


def counter(**state):
    return changed(CountVectorizer().fit(TEXTS), **state)


def mapped(group, mapping, outs, n=4):
    return encoder(
        _infrequent_enabled=True,
        _infrequent_indices=[group],
        _default_to_infrequent_mappings=[mapping],
        _n_features_outs=outs,
        categories_=[np.arange(float(n))],
        handle_unknown="infrequent_if_exist",
    )


def chosen(**state):
    return changed(ColumnTransformer([("n", "passthrough", [0])]).fit(X), **state)


def estimator(kind, **state):
    made = kind(hidden_layer_sizes=(2,), solver="sgd", max_iter=1, random_state=0, **state.pop("options", {}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a training as short as this
        return changed(made.fit(X, np.arange(60) % 2), **state)


TABLE = pd.DataFrame({"n": np.arange(20) % 7 + 0.5, "w": np.resize(["p", "q", "r"], 20)})


@cache
def told(kind):
    made = kind(effort="quick", hidden_layer_sizes=(2,), max_iter=1, batch_size=5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a training as short as this
        return made.fit(TABLE, np.arange(20) % 2)


def table(kind=cr.TabularClassifier, change=None, **state):
    """An estimator of a table; change: what to do to it."""
    made = copy.deepcopy(told(kind))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return changed(made, **state, **(change(made) if change else {}))


def planned(**state):
    """A plan of something else."""
    return table(change=lambda made: {"plan_": replace(made.plan_, **state)})


def random_state(**state):
    tree = {"$": "RandomState", "state": np.random.RandomState(0).get_state(legacy=False)}
    tree["state"]["state"] |= state
    arrays = {"k": tree["state"]["state"].pop("key")}
    tree["state"]["state"]["key"] = {"$": "array", "at": "k"}
    return tree, arrays


def generator(name, top=None, **state):
    made = getattr(np.random, name)(0).state
    made["state"] |= state
    arrays = {}
    return {"$": "Generator", "state": codec.encode(made | (top or {}), arrays)}, arrays


# With these compiled code would leave its arrays, or worse: (tree, arrays).
OBJECT_STATES = {
    "an encoder of more categories than columns": encoder(_n_features_outs=[2]),
    "an encoder of no columns": encoder(_n_features_outs=[]),
    "an encoder of columns below zero": encoder(_n_features_outs=[-1]),
    "an encoder of categories out of order": encoder(categories_=[np.float64([5, 1, 2, 3])]),
    "an encoder of categories with gaps of NaN": encoder(categories_=[np.float64([5, np.nan, 2, np.nan])]),
    "an encoder of categories in a matrix": encoder(categories_=[np.ones((4, 2))]),
    "an encoder of categories without end": encoder(categories_=[np.zeros((2**21, 0))], _n_features_outs=[2**21]),
    "an encoder of less dropped": encoder(_drop_idx_after_grouping=np.array([9], object), _n_features_outs=[3]),
    "an encoder of -1 dropped": encoder(_drop_idx_after_grouping=np.array([-1], object), _n_features_outs=[3]),
    "an encoder with groups beyond its columns": mapped(np.array([3]), np.array([2**40, 1, 2, 3]), [4]),
    "an encoder with groups below zero": mapped(np.array([3]), np.array([-(2**40), 1, 2, 3]), [4]),
    "an encoder with groups of floats": mapped(np.array([3.0]), np.array([0, 1, 2, 1e12]), [4]),
    "an encoder with too short a mapping": mapped(np.array([3]), np.array([0]), [4]),
    "an encoder with a group that is not there": mapped(np.array([7]), np.array([0, 1, 2, 3]), [4]),
    "a vocabulary beyond its words": counter(vocabulary_={"cat": 0, "dog": 2**30}),
    "a vocabulary below zero": counter(vocabulary_={"cat": -1, "dog": 0}),
    "a vocabulary that counts twice": counter(vocabulary_={"cat": 0, "dog": 0}),
    "a vocabulary that is none": counter(vocabulary_=[["cat", 0]]),
    "a vectorizer that reads files": counter(input="filename"),
    "a vectorizer that reads open files": counter(input="file"),
    "a pattern of groups in groups": counter(token_pattern=r"((a+)+)+b"),
    "a pattern of many repetitions": counter(token_pattern=r"\w*\w*\w*\w*\w*!"),
    "a pattern that counts": counter(token_pattern=r"(\w{1,9}){1,99}"),
    "a pattern that looks ahead": counter(token_pattern=r"(?=(a*))b"),
    "a pattern that is long": counter(token_pattern="a" * 10_000),
    "a pattern that is none": counter(token_pattern=7),
    "grams without end": counter(ngram_range=(1, 10**9)),
    "grams that are none": counter(ngram_range=None),
    "an encoder of times out of order": encoder(categories_=[np.array([3, 1, 2], "m8[s]")], _n_features_outs=[3]),
    "an encoder of dates out of order": encoder(categories_=[np.array([3, 1, 2], "M8[s]")], _n_features_outs=[3]),
    "an encoder of times with a gap": encoder(categories_=[np.array([1, "NaT", 2], "m8[s]")], _n_features_outs=[3]),
    "an encoder of complex numbers": encoder(categories_=[np.array([1, 2, 3 + 1j])], _n_features_outs=[3]),
    "an encoder of complex NaN": encoder(categories_=[np.array([5, 1, complex(0, math.nan)])], _n_features_outs=[3]),
    "an encoder of booleans out of order": encoder(categories_=[np.array([True, False])], _n_features_outs=[2]),
    "an encoder of categories that hash alike": encoder(
        categories_=[np.array([k * (2**61 - 1) for k in range(3000)], object)], _n_features_outs=[3000]
    ),
    "an encoder of columns with a point": encoder(_n_features_outs=[4.0]),
    "an encoder of other columns": encoder(n_features_in_=2),
    "an encoder that does not say its columns": encoder(n_features_in_=None),
    "an encoder of long texts": encoder(dtype=np.dtype("U9999")),
    "numbers as long texts": changed(OrdinalEncoder().fit(X), dtype=np.dtype("U9999")),
    "numbers as long bytes": changed(OrdinalEncoder().fit(X), dtype=np.dtype("S9999")),
    "ordinal categories out of order": changed(OrdinalEncoder().fit(X[:4]), categories_=[np.float64([3, 1, 2])] * 3),
    "ordinals of many values each": changed(OrdinalEncoder().fit(X), unknown_value=np.ones((1000, 1, 1))),
    "words as long texts": counter(dtype=np.dtype("U9999")),
    "a pattern of parts that may be there": counter(token_pattern=r"\w?" * 49 + "#"),
    "a pattern of backslashes that may be there": counter(token_pattern=r"\\?" * 20 + "#"),
    "a pattern that fails after many letters": counter(token_pattern=r"\w+#"),
    "a pattern that fails in its middle": counter(token_pattern=r"\w*\w*!"),
    "a pattern that fails at the end of a word": counter(token_pattern=r"[a-z]+\b"),
    "a pattern that fails after a choice": counter(token_pattern=r"(a+|b)\b"),
    "a pattern of a repeated choice": counter(token_pattern=r"(?:a|aa)+"),
    "weights of fewer words": changed(
        TfidfVectorizer().fit(TEXTS), vocabulary_={word: k for k, word in enumerate("abcdefghijkl")}
    ),
    "weights of something else": changed(TfidfVectorizer().fit(TEXTS), _tfidf=StandardScaler().fit(X)),
    "a mean of a thousand shapes": changed(StandardScaler().fit(X), mean_=np.ones((1000, 1, 1))),
    "a mean of one column": changed(StandardScaler().fit(X), mean_=np.ones(1)),
    "a mean of texts": changed(StandardScaler().fit(X), mean_=np.array(["1", "2", "3"])),
    "a scaler that does not say its columns": changed(StandardScaler().fit(X), n_features_in_=None),
    "a scale of a thousand shapes": changed(RobustScaler().fit(X), scale_=np.ones((1000, 1, 3))),
    "a range of a thousand shapes": changed(MinMaxScaler().fit(X), min_=np.ones((1000, 1, 1))),
    "powers of more columns": changed(PowerTransformer().fit(X), lambdas_=np.ones(1000)),
    "powers with another scaler": changed(PowerTransformer().fit(X), _scaler=PCA().fit(X)),
    "quantiles of fewer columns": changed(QuantileTransformer(n_quantiles=9).fit(X), quantiles_=np.ones((9, 2))),
    "components of more columns": changed(PCA().fit(X), components_=np.ones((3, 3, 3))),
    "variances of a thousand shapes": changed(PCA(whiten=True).fit(X), explained_variance_=np.ones((1000, 1, 1))),
    "fills of long texts": changed(SimpleImputer(strategy="most_frequent").fit(X), _fill_dtype=np.dtype("U9999")),
    "fills of fewer columns": changed(SimpleImputer().fit(X), statistics_=np.ones(2)),
    "a thousand missing values": changed(SimpleImputer().fit(X), missing_values=np.ones((1000, 1, 1))),
    "a thousand missing values as a list": changed(SimpleImputer().fit(X), missing_values=[[[1]]] * 1000),
    "an indicator of other columns": (
        lambda made: changed(made, indicator_=changed_object(made.indicator_, features_=[7]))
    )(SimpleImputer(add_indicator=True).fit(np.where(X > 5, X, math.nan))),
    "an indicator of one column many times": (
        lambda made: changed(made, indicator_=changed_object(made.indicator_, features_=[0] * 3))
    )(SimpleImputer(add_indicator=True).fit(np.where(X > 5, X, math.nan))),
    "weights of a thousand shapes": chosen(transformer_weights={"n": np.ones((1000, 1, 1))}),
    "columns that are not there": chosen(_transformer_to_input_indices={"n": [3]}),
    "one column many times": chosen(_transformer_to_input_indices={"n": [0] * 1000}),
    "columns that nobody lists": chosen(transformers_=[("n", "passthrough", slice(None))], n_features_in_=10**6),
    "columns that nobody counts": chosen(n_features_in_=None),
    "names of a longer format": chosen(verbose_feature_names_out="{feature_name}" * 100),
    "a format of dates without end": changed(Columns({"d": "date"}, {"d": "%Y" + " " * 10_000}).fit(DAYS)),
    "roles that are numbers": changed(Columns({"d": 1}).fit(DAYS)),
    "a category that is a list": changed(Columns({"d": "category"}).fit(DAYS), levels_={"d": [["a"] * 1000]}),
    "a spelling that is a number": changed(Columns({"d": "category"}).fit(DAYS), spellings_={"d": {"a": 1}}),
    "a stray word that is a number": changed(Columns({"d": "number"}).fit(DAYS), strays_={"d": [1.5]}),
    "a range of texts": changed(Columns({"d": "category"}).fit(DAYS), ranges_={"d": ("a", "b")}),
    "parts of dates of another column": dates(parts_=[["days"], ["year"]]),
    "parts of dates that are numbers": dates(parts_=[[1]]),
    "limits of dates of a thousand shapes": dates(limits_=np.ones((1000, 1, 2))),
    "means of parts that are not there": dates(ranges_=np.ones((1, 3))),
    "names of one column more": changed(StandardScaler().fit(X), feature_names_in_=np.array(list("abcd"), object)),
    "steps of letters": changed(Pipeline([("s", StandardScaler().fit(X))]), steps=["abc"]),
    "a target of a thousand shapes": estimator(
        cr.MLPRegressor, options={"scale_target": True}, target_scale_=np.ones((1000, 1, 1))
    ),
    "a mean target of a thousand shapes": estimator(
        cr.MLPRegressor, options={"scale_target": True}, target_mean_=np.ones((1000, 1, 1))
    ),
    "smoothing of a thousand shapes": estimator(cr.MLPClassifier, label_smoothing=np.ones((1000, 1, 1))),
    "class weights of a thousand shapes": estimator(cr.MLPClassifier, class_weight={0: [1.0] * 1000, 1: 1.0}),
    "classes in rows": estimator(cr.MLPClassifier, classes_=np.ones((2, 1000))),
    "more classes than outputs": estimator(cr.MLPClassifier, classes_=np.arange(9)),
    "labels of other classes": estimator(cr.MLPClassifier, _label_binarizer=LabelBinarizer().fit([0, 1, 2])),
    "outputs that are not there": estimator(cr.MLPClassifier, n_outputs_=2),
    "a temperature of 0": table(temperature_=0.0),
    "a temperature below 0": table(temperature_=-1.0),
    "a temperature that is none": table(temperature_=math.nan),
    "a temperature without end": table(temperature_=math.inf),
    "a temperature for each class": table(temperature_=np.ones(2)),
    "a temperature in words": table(temperature_="1"),
    "no networks": table(networks_=[]),
    "a thousand networks": table(change=lambda made: {"networks_": made.networks_ * 1000}),
    "networks in a tuple": table(change=lambda made: {"networks_": (*made.networks_,)}),
    "networks that predict numbers": table(
        change=lambda made: {"networks_": [cr.MLPRegressor(hidden_layer_sizes=(2,), max_iter=1).fit(X, X[:, 0])]}
    ),
    "networks of other inputs": table(
        change=lambda made: {
            "networks_": [*made.networks_, cr.MLPClassifier((2,), max_iter=1).fit(X[:, :1], np.arange(60) % 2)]
        }
    ),
    "networks of other classes": table(
        change=lambda made: {
            "networks_": [cr.MLPClassifier((2,), max_iter=1).fit(made.preparation_.transform(TABLE), np.arange(20) % 3)]
        }
    ),
    "a network that has learned nothing": table(networks_=[cr.MLPClassifier()]),
    "networks that are texts": table(networks_=["network"]),
    "a preparation that is a network": table(change=lambda made: {"preparation_": made.networks_[0]}),
    "no preparation of the columns": table(preparation_=None),
    "a preparation of other columns": table(
        change=lambda made: {"preparation_": Pipeline([("columns", Columns({"n": "number"}).fit(TABLE))])}
    ),
    "classes of other networks": table(classes_=np.array([0, 2])),
    "classes of a table in rows": table(classes_=np.zeros((2, 2))),
    "columns that a table does not have": table(n_features_in_=3),
    "a plan that is a text": table(plan_="plan"),
    "a plan of a regression": planned(task="regression"),
    "a plan of a riddle": planned(task="riddle"),
    "a plan of no columns": planned(columns=()),
    "a plan of columns in a list": planned(columns=[]),
    "a plan of a column twice": table(
        change=lambda made: {"plan_": replace(made.plan_, columns=made.plan_.columns[:1] * 2)}
    ),
    "a plan of rows below zero": planned(rows=-1),
    "a plan of rows with a point": planned(rows=0.5),
    "a plan of a picture without size": planned(image_shape=(0, 8, 3)),
    "a plan of a flat picture": planned(image_shape=(8, 8)),
    "a plan of half a row of a class": planned(classes={0: 0.5, 1: 1}),
    "a plan of classes in a list": planned(classes=[0, 1]),
    "a plan of a number for a target": planned(target=1),
    "a column of a number for a name": planned(columns=(Column(1, "number", ""),)),
    "a column of a long format": planned(columns=(Column("a", "date", "", 0, "%Y" * 1000),)),
    "a column missing half a time": planned(columns=(Column("a", "date", "", 0.5),)),
    "a leaderboard without end": table(_leaderboard=[{"name": "a"}] * 10_000),
    "a leaderboard of lists": table(_leaderboard=[{"name": ["a"] * 1000}]),
    "a leaderboard that is a text": table(_leaderboard="big"),
    "a typical row of other inputs": table(typical_=np.ones(2)),
    "a typical row without numbers": table(change=lambda made: {"typical_": made.typical_ * math.nan}),
    "a typical row in words": table(change=lambda made: {"typical_": made.typical_.astype(str)}),
    "importances in a dict": table(importances_={"n": 1.0}),
    "importances of texts": table(importances_=Importances("log loss", 0.7, 20, ("n", "w"))),
    "importances in a list": table(importances_=Importances("log loss", 0.7, 20, [])),
    "importances of half a row": table(importances_=Importances("log loss", 0.7, 0.5, ())),
    "an importance that is a text": table(
        importances_=Importances("log loss", 0.7, 20, (Importance("n", "much", 0.0, 1.0),))
    ),
    "intervals that are importances": table(cr.TabularRegressor, interval_=Importances("RMSE", 0.7, 20, ())),
    "intervals out of order": table(
        cr.TabularRegressor, interval_=Intervals(np.zeros(1), np.ones(1), np.array([1.0, 0.0]), 0.0)
    ),
    "a regression of several numbers": table(
        cr.TabularRegressor,
        lambda made: {
            "networks_": [
                cr.MLPRegressor(hidden_layer_sizes=(2,), max_iter=1).fit(
                    made.preparation_.transform(TABLE), np.ones((20, 2))
                )
            ]
        },
    ),
    "labels with a point": changed(LabelBinarizer().fit([1, 2, 3]), neg_label=0.5),
    "labels in rows": changed(LabelBinarizer().fit([1, 2, 3]), classes_=np.arange(6).reshape(3, 2)),
    "labels of complex numbers": changed(LabelBinarizer().fit([1, 2, 3]), classes_=np.array([1, 2, 3 + 1j])),
    "labels out of order": changed(LabelBinarizer().fit([1, 2, 3]), classes_=np.array([5, 1, 2])),
    "labels of NaN": changed(LabelBinarizer().fit([1, 2, 3]), classes_=np.array([5, math.nan, 2], object)),
    "a folder of pickles": changed(make_pipeline(StandardScaler()).fit(X), memory="cache"),
    "features without end": changed(StandardScaler().fit(X), n_features_in_=2**40),
    "features that are none": changed(StandardScaler().fit(X), n_features_in_=[3]),
    "a thousand processes": changed(ColumnTransformer([("n", "passthrough", [0])]).fit(X), n_jobs=1000),
    "a process for each": changed(ColumnTransformer([("n", "passthrough", [0])]).fit(X), n_jobs=-(10**9)),
    "names of a format": changed(
        ColumnTransformer([("n", "passthrough", [0])]).fit(X), verbose_feature_names_out="{feature_name.__class__}"
    ),
    "names of a long format": changed(
        ColumnTransformer([("n", "passthrough", [0])]).fit(X), verbose_feature_names_out="{feature_name:>9999999999}"
    ),
    "a selector by groups in groups": changed(make_column_selector(), pattern=r"^(a+)+b"),
    "a selector by what looks ahead": changed(make_column_selector(), pattern=r"(?=a)a"),
    "a selector by what was found": changed(make_column_selector(), pattern=r"(a)\1"),
    "a selector by many repetitions": changed(make_column_selector(), pattern=r"\w*\w*\w*\w*!"),
    "a selector by parts that may be there": changed(make_column_selector(), pattern="a?" * 30 + "a" * 30),
    "a selector by a long pattern": changed(make_column_selector(), pattern="a" * 1000),
    "a selector by a number": changed(make_column_selector(), pattern=7),
    "a selector that is called otherwise": changed(make_column_selector(), name="a"),
    "a function with arguments": changed(FunctionTransformer(np.log).fit(X), kw_args={"where": False}),
    "a version that speaks to the terminal": changed(StandardScaler().fit(X)),
    "a place beyond the table": random_state(pos=625),
    "a place far beyond the table": random_state(pos=10**9),
    "a place below the table": random_state(pos=-1),
    "a place with a point": random_state(pos=1.5),
    "a place that is true": random_state(pos=True),
    "a table that is short": (lambda t: (t[0], {"k": np.zeros(3, np.uint32)}))(random_state()),
    "a generator beyond its table": generator("MT19937", pos=10**9),
    "a generator below its buffer": generator("Philox", {"buffer_pos": -(10**8)}),
    "a generator beyond its buffer": generator("Philox", {"buffer_pos": 5}),
    "a place beyond the table of a checkpoint's generator": (lambda t: (t[0]["state"], t[1]))(random_state(pos=10**9)),
    "a state that is a tuple": (
        {"$": "RandomState", "state": {"$": "tuple", "of": ["MT19937", {"$": "array", "at": "k"}, 10**9]}},
        {"k": np.zeros(624, np.uint32)},
    ),
    "a generator that is not listed": generator("PCG64", {"bit_generator": "SeedSequence"}),
    "a generator of another kind": generator("PCG64", {"bit_generator": "Philox"}),
    "a state of 1000 bits": generator("PCG64", state=2**1000),
}
OBJECT_STATES["a version that speaks to the terminal"][0]["state"]["_sklearn_version"] = "\x1b]0;x\x07"

# What crashes with states from above where the checks are switched off; `v` is the value.
CRASHES = {
    "a place far beyond the table": "v.randint(9)",
    "a generator beyond its table": "v.integers(9)",
    "a generator below its buffer": "v.integers(9)",
    "a vocabulary beyond its words": "v.transform(['the dog']).toarray()",
    "an encoder with groups beyond its columns": "v.transform(np.zeros((3, 1)))",
}


def nodes(tree):
    """Every place in a tree: (dict or list, key)."""
    for key in tree if isinstance(tree, dict) else range(len(tree)):
        yield tree, key
        if isinstance(tree[key], (dict, list)):
            yield from nodes(tree[key])


def changed_at_random(rng, tree, arrays, odd):
    """The parts of a file with one to three changes: values are replaced or taken out, arrays changed."""
    tree, arrays = copy.deepcopy(tree), dict(arrays)
    for _ in range(rng.integers(1, 4)):
        places = list(nodes(tree))
        (where, key), (there, other) = (places[i] for i in rng.integers(len(places), size=2))
        match rng.integers(4 if arrays else 3):
            case 0:
                where[key] = codec.encode(odd[rng.integers(len(odd))], arrays)
            case 1:
                where[key] = copy.deepcopy(there[other])
            case 2:
                del where[key]
            case 3:
                name = rng.choice(sorted(arrays))
                a, flat = arrays[name], arrays[name].reshape(-1)
                forms = [flat[: rng.integers(a.size + 1)], flat[::-1].copy(), a.T.copy(), np.resize(a, (3, 2, 0))]
                forms += [a.astype(dtype) for dtype in ("f4", "i8", "u1", "?")]
                forms += [np.full_like(a, value) for value in (0, 1, 2**6)] + [flat * 0 + 2.0**40, flat * 0 - 2.0**40]
                arrays[name] = forms[rng.integers(len(forms))]
    return tree, arrays
