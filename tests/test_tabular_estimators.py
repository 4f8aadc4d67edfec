"""TabularClassifier and TabularRegressor: a table as it is, from fit to file."""

import copy
import datetime
import decimal
import pickle
import runpy
from unittest import SkipTest

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.callback import ScoringMonitor
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline as chain
from sklearn.utils.estimator_checks import parametrize_with_checks

import chainrule as cr
from chainrule.errors import ModelFileError
from chainrule.files import model as modelfile
from chainrule.readers import Table
from chainrule.tabular import TableError, estimators, make_pipeline, make_plan
from support.tables import people

LITTLE = {"hidden_layer_sizes": (4,), "max_iter": 2, "batch_size": 10}
RACE = {**LITTLE, "random_state": 0}
QUICK = {**RACE, "effort": "quick"}
ESTIMATORS = {"buys": cr.TabularClassifier, "spends": cr.TabularRegressor}
M = 40
TABLE = pd.DataFrame(
    {
        "age": np.arange(M) % 9 + 0.5,
        "city": np.resize(["Rome", "Oslo", None], M),
        "since": pd.date_range("2020-01-01", periods=M),
        "member": np.resize([True, False], M),
    }
)
LABELS = np.resize(["no", "yes"], M)
ROLES = ["number", "category", "date", "boolean"]


def split(target):
    frame = people(60)
    return frame.drop(columns=["buys", "spends"]), frame[target]


def answers(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def classifier(X=TABLE, y=LABELS, *weights, **options):
    return cr.TabularClassifier(**QUICK | options).fit(X, y, *weights)


def regressor(X=TABLE, y=TABLE["age"] * 2, *weights, **options):
    return cr.TabularRegressor(**QUICK | options).fit(X, y, *weights)


# -- scikit-learn's checks ---------------------------------------------------------------------------------------------


def expected_failures(estimator):
    return {"check_sample_weight_equivalence_on_dense_data": "mini-batches and dropout are drawn by rows"}


@parametrize_with_checks(
    [kind(effort="quick", max_iter=20) for kind in ESTIMATORS.values()], expected_failed_checks=expected_failures
)
@pytest.mark.filterwarnings("ignore:.*predicts nearly the same", "ignore:Got `batch_size`", "ignore:.*unique classes")
def test_scikit_learns_checks_pass(estimator, check):
    try:
        check(estimator)
        skipped = ""
    except SkipTest as reason:
        skipped = str(reason)
    assert not skipped or "SCIPY_ARRAY_API is not set" in skipped


def test_what_it_says_about_itself():
    for kind in ESTIMATORS.values():
        model = kind(effort="quick")
        assert repr(model) == f"{kind.__name__}(effort='quick')"
        tags = model.__sklearn_tags__().input_tags
        assert (tags.allow_nan, tags.string, tags.categorical, tags.sparse) == (True, True, True, False)
        for use in ("columns_", "leaderboard_", "n_iter_"):
            with pytest.raises((NotFittedError, AttributeError)):
                getattr(model, use)
        with pytest.raises(NotFittedError):
            model.predict(TABLE)
        with pytest.raises(NotFittedError):
            model.save("m")
    assert is_classifier(cr.TabularClassifier())
    assert is_regressor(cr.TabularRegressor())


# -- the table ---------------------------------------------------------------------------------------------------------

TABLES = {
    "pandas": TABLE,
    "polars": pl.from_pandas(TABLE),
    "Arrow": pa.Table.from_pandas(TABLE),
    "a batch of Arrow": pa.RecordBatch.from_pandas(TABLE),
    "columns": {name: list(TABLE[name]) for name in TABLE},
    "records": TABLE.to_dict("records"),
    "objects": TABLE.to_numpy(),
    "lists": TABLE.to_numpy().tolist(),
    "nullable": TABLE.convert_dtypes(),
    "pyarrow": TABLE.convert_dtypes(dtype_backend="pyarrow"),
    "numbered": TABLE.set_axis(range(4), axis=1),
    "names of all kinds": TABLE.set_axis([0, "a", 1.5, ("b", 1)], axis=1),
    "another index": TABLE.set_index(np.arange(M)[::-1]),
    "two levels": pd.concat({"x": TABLE}, axis=1),
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_is_read_alike_in_every_form_that_it_comes_in(kind):
    given = TABLES[kind]
    model = classifier(given)
    assert list(model.columns_["role"]) == ROLES
    assert (model.predict_proba(given) == classifier().predict_proba(TABLE)).all()
    assert model.n_features_in_ == 4
    assert hasattr(model, "feature_names_in_") == (kind not in ("objects", "lists"))


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i1", "u8", "?"])
def test_arrays_of_numbers_are_inputs_as_they_are(dtype):
    X = (np.arange(2 * M).reshape(M, 2) % 7 % 3).astype(dtype)
    model = classifier(X)
    assert (model.predict_proba(X) == model.predict_proba(X.tolist())).all()
    assert (model.predict_proba(X) == model.predict_proba(pd.DataFrame(X))).all()
    assert model.n_features_in_ == 2
    assert len(model.columns_) == 0


def test_a_missing_number_of_an_array_is_filled_in():
    X = np.where(np.eye(M, 3) == 1, np.nan, np.arange(3 * M).reshape(M, 3) % 7)
    assert np.isfinite(regressor(X).predict(X)).all()


def test_the_columns_of_new_rows_are_found_by_name_and_others_are_ignored():
    model = classifier()
    expected = model.predict_proba(TABLE)
    for X in (TABLE[TABLE.columns[::-1]], TABLE.assign(more="x"), pl.from_pandas(TABLE)[:, ::-1], TABLE.to_numpy()):
        assert (model.predict_proba(X) == expected).all()
    assert model.predict({"age": 3, "city": "Rome", "since": "2020-01-05", "member": True}).shape == (1,)
    assert model.predict([{"age": 3, "city": None, "since": None, "member": None}]).shape == (1,)


def test_columns_that_were_left_out_need_not_come_again():
    model = classifier(TABLE.assign(empty=None), drop=["age"])
    assert len(model.columns_) == 5
    assert (model.predict(TABLE.drop(columns="age")) == model.predict(TABLE.assign(empty=1))).all()


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (
            TABLE.drop(columns=["age", "city"]),
            "no column 'age' .and 1 more.. Columns: since, member; missing: age, city",
        ),
        (TABLE.rename(columns={"age": "Age"}), "no column 'age'. Did you mean 'Age'?"),
        (TABLE.to_numpy()[:, :3], "X has 3 features, but TabularClassifier is expecting 4 features as input"),
        (TABLE.iloc[:0], "0 sample"),
        (TABLE["age"], "2-dimensional container"),
        (sparse.eye_array(4).tocsr(), "Sparse data was passed for X"),
        (sparse.eye_array(4).todok(), "Sparse data was passed for X"),
        (pd.concat([TABLE, TABLE["age"]], axis=1), "several columns are called 'age'"),
        (pl.from_pandas(TABLE).lazy(), "X: got a LazyFrame, wanted its rows"),
        (np.ma.masked_array(np.ones((2, 4)), np.eye(2, 4)), "masked array that hides 2"),
        ("people.csv", "Expected 2D array"),
        (None, "Expected 2D array"),
    ],
)
def test_rows_that_cannot_be_answered_are_one_clear_error(X, message):
    with pytest.raises((ValueError, TypeError), match=message):
        classifier().predict(X)


# -- the target --------------------------------------------------------------------------------------------------------

BIG = 2**53 + 1
DAYS = [datetime.datetime(2020, 1, 1), datetime.datetime(2021, 1, 1)]
TARGETS = {
    "text": (LABELS, ["no", "yes"]),
    "objects": (LABELS.astype(object), ["no", "yes"]),
    "a list": (list(LABELS), ["no", "yes"]),
    "a tuple": (tuple(LABELS), ["no", "yes"]),
    "a Series of any index": (pd.Series(LABELS, index=range(900, 900 + M)), ["no", "yes"]),
    "categories": (pd.Categorical(LABELS), ["no", "yes"]),
    "categories of numbers": (pd.Series(np.resize([3, 1], M)).astype("category"), [1, 3]),
    "string": (pd.Series(LABELS, dtype="string"), ["no", "yes"]),
    "polars": (pl.Series(LABELS), ["no", "yes"]),
    "polars' categories": (pl.Series(LABELS, dtype=pl.Categorical), ["no", "yes"]),
    "Arrow": (pa.array(list(LABELS)), ["no", "yes"]),
    "chunks of Arrow": (pa.chunked_array([list(LABELS)]), ["no", "yes"]),
    "a dictionary of Arrow": (pa.array(list(LABELS)).dictionary_encode(), ["no", "yes"]),
    "one column": (pd.DataFrame({"t": LABELS}), ["no", "yes"]),
    "one column of polars": (pl.DataFrame({"t": LABELS}), ["no", "yes"]),
    "booleans": (LABELS == "yes", [False, True]),
    "a list of booleans": ([False, True] * (M // 2), [False, True]),
    "nullable booleans": (pd.Series(LABELS == "yes", dtype="boolean"), [False, True]),
    "nullable numbers": (pd.Series(np.resize([1, 2, 3, 4], M), dtype="Int64"), [1, 2, 3, 4]),
    "whole floats": (np.resize([-1.0, 1.0], M), [-1.0, 1.0]),
    "large": (np.resize([BIG, BIG + 1], M), [BIG, BIG + 1]),
    "a list of large": ([BIG, BIG + 1] * (M // 2), [BIG, BIG + 1]),
    "beyond int64": ([2**63 + 1, 2**63 + 2] * (M // 2), [2**63 + 1, 2**63 + 2]),
    "large and nullable": (pd.Series([BIG, BIG + 1] * (M // 2), dtype="Int64"), [BIG, BIG + 1]),
    "leading zeros": (["007", "07"] * (M // 2), ["007", "07"]),
    "words for nothing": (["None", "NA"] * (M // 2), ["NA", "None"]),
    "dates": (np.resize(np.array(["2020-01-01", "2021-01-01"], "M8[us]"), M), None),
    "a list of dates": ([datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)] * (M // 2), DAYS),
    "times with a zone": (
        pd.Series(pd.to_datetime(["2020-01-01 01:00", "2021-01-01 01:00"] * (M // 2)).tz_localize("Europe/Berlin")),
        DAYS,
    ),
    "a bare array of booleans": (pd.array(LABELS == "yes", dtype="boolean"), [False, True]),
    "a bare array of numbers": (pd.array([BIG, BIG + 1] * (M // 2), dtype="Int64"), [BIG, BIG + 1]),
    "blanks around": (["a", "a "] * (M // 2), ["a", "a "]),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_labels_of_every_kind_come_back_as_they_are(kind, tmp_path):
    y, classes = TARGETS[kind]
    model = classifier(y=y)
    assert classes is None or model.classes_.tolist() == classes
    assert set(model.predict(TABLE).tolist()) <= set(model.classes_.tolist())
    assert 0 <= model.score(TABLE, y) <= 1
    model.save(tmp_path / "m")
    back = cr.load(tmp_path / "m")
    assert (back.predict(TABLE) == model.predict(TABLE)).all()
    assert back.classes_.dtype == model.classes_.dtype


NUMBERS = {
    "whole": np.arange(M),
    "float32": np.arange(M, dtype="f4"),
    "nullable": pd.Series(np.arange(M), dtype="Float64"),
    "text": list(map(str, range(M))),
    "decimals": [decimal.Decimal(i) for i in range(M)],
    "polars": pl.Series(np.arange(M)),
    "Arrow": pa.array(range(M)),
    "times": pd.to_timedelta(np.arange(M), unit="s"),
    "categories": pd.Categorical(np.arange(M)),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_of_every_kind_are_learned(kind):
    y, expected = NUMBERS[kind], regressor(y=np.arange(M) * 1.0)
    model = regressor(y=y)
    assert (model.predict(TABLE) == expected.predict(TABLE)).all()
    assert model.predict(TABLE).dtype == np.float64
    assert model.score(TABLE, y) == expected.score(TABLE, y)


def test_no_row_is_left_out_however_rare_its_class():
    model = classifier(y=["a"] * 20 + ["b"] * 19 + ["c"])
    assert model.plan_.classes == {"a": 20, "b": 19, "c": 1}
    assert model.predict_proba(TABLE).shape == (M, 3)
    assert classifier(y=["a"] * 39 + ["b"]).predict_proba(TABLE).shape == (M, 2)


def test_a_target_that_is_the_same_in_every_row_is_learned_by_the_regressor():
    assert np.isfinite(regressor(y=np.full(M, 3.0)).predict(TABLE)).all()


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([None, *LABELS[1:]], "Input y contains NaN.\nThe first in y is in row 0"),
        ([np.nan, *[1.0, 2.0] * 19, 1.0], "Input y contains NaN"),
        (pd.Series([pd.NA, *LABELS[1:]], dtype="string"), "Input y contains NaN"),
        (np.array(["NaT", *["2020-01-01", "2021-01-01"] * 19, "2021-01-01"], "M8[D]"), "Input y contains NaN"),
        (["a", " ", *LABELS[2:]], "y: got ' ' in row 1, .* 1 of 40 rows: a missing label"),
        (np.array(["", *LABELS[1:]]), "y: got '' in row 0, .*: a missing label"),
        (None, "requires y to be passed, but the target y is None"),
        (["a"] * M, "got one class, 'a', in every row"),
        (LABELS[:5], "inconsistent numbers of samples: \\[40, 5\\]. y: wanted one for each row of X"),
        (["a", 1] * (M // 2), "Unknown label type: int, str. Labels are text"),
        ([True, 2] * (M // 2), "Unknown label type: bool, int"),
        (pd.cut(np.arange(M), 2), "Unknown label type: Interval"),
        ([2**64, 2**65] * (M // 2), "whole numbers beyond 2\\^64"),
        (np.resize([0.5, 1.5, 2.0], M), "Unknown label type: continuous"),
        (np.eye(M, 2), "y should be a 1d array"),
        ("citi", "no column 'citi'. Did you mean 'city'?"),
    ],
)
def test_a_target_that_cannot_be_classes_is_one_clear_error(y, message):
    with pytest.raises((ValueError, TypeError), match=message):
        classifier(y=y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([None, *range(1, M)], "Input y contains NaN.\nThe first in y is in row 0"),
        ([np.inf, *range(1, M)], "Input y contains infinity"),
        ([1e38, *range(1, M)], "the target 'y' is too large in row 1"),
        (LABELS, "the target 'y' is not a number in row 1 \\('no'\\)"),
        (TABLE["since"], "y: got datetime64.*, wanted numbers"),
    ],
)
def test_a_target_that_cannot_be_numbers_is_one_clear_error(y, message):
    with pytest.raises(ValueError, match=message):
        regressor(y=y)


def test_the_target_may_be_a_column_of_the_table():
    table = TABLE.assign(buys=LABELS)
    model = classifier(table, "buys")
    assert (model.predict_proba(table) == classifier().predict_proba(TABLE)).all()
    assert model.plan_.target == "buys"
    assert model.score(table, "buys") == model.score(TABLE, LABELS)
    with pytest.raises(TableError, match="y: got 'buys', the name of a column; the columns of an array have no names"):
        classifier(TABLE.to_numpy(), "buys")
    with pytest.warns(DataConversionWarning):
        classifier(y=LABELS[:, None])


def test_without_a_target_that_of_the_fit_is_scored_and_a_fit_asks_for_its_name():
    table = TABLE.assign(buys=LABELS)
    model = classifier(table, "buys")
    assert model.score(table) == model.score(table, "buys")
    with pytest.raises(ValueError, match="y: got None, wanted what is true of the rows"):
        model.score(TABLE)
    with pytest.raises(ValueError, match=r"requires y to be passed, but the target y is None\. Name the column"):
        classifier(table, None)
    with pytest.raises(TableError, match=r"read it first, as by pandas.read_csv\('people.csv'\)"):
        classifier("people.csv", "buys")
    with pytest.raises(NotFittedError):
        cr.TabularClassifier().score(table)
    named = TABLE.assign(y=np.arange(M))
    assert classifier(named, LABELS).plan_.target == "y"
    with pytest.raises(ValueError, match="y: got None"):
        classifier(named, LABELS).score(named)  # whose column y is an input


def test_a_number_so_far_off_that_the_networks_overflow_is_one_clear_error():
    far = TABLE.head(3).assign(age=[1.0, 1e60, 2.0])
    with pytest.raises(TableError, match=r"column 'age' is 1e\+60, too far from what was learned .* in row 2"):
        classifier(y=np.resize(["a", "b", "c"], M)).predict_proba(far)


def test_a_column_of_text_may_be_called_anything():
    r = np.random.default_rng(0)
    words = ["red", "fine", "lamp", "old", "new", "blue", "the", "a"]
    table = pd.DataFrame({"a__b": [f"{' '.join(r.choice(words, 9))} n{i}" for i in range(M)]})
    model = classifier(table)
    assert model.columns_["role"]["a__b"] == "text"
    assert model.predict(table).shape == (M,)


# -- what is asked for -------------------------------------------------------------------------------------------------


def test_columns_are_dropped_by_name_or_by_number():
    for drop in ("age", ["age"], 0, [-4], np.array(["age"])):
        assert list(classifier(drop=drop).columns_["role"]) == ["left out", *ROLES[1:]]
    numbers = np.arange(2 * M).reshape(M, 2) % 5
    model = classifier(numbers, drop=[1])
    assert list(model.columns_.index) == ["x0", "x1"]
    assert (model.predict(numbers) == model.predict(numbers * [1, 7])).all()


def test_what_a_person_says_of_a_column_goes_above_every_guess():
    table = pd.DataFrame({"code": np.arange(M) % 5, "when": ["03/04/2024", "05/06/2024"] * (M // 2)})
    assert list(classifier(table).columns_["role"]) == ["number", "date"]
    assert list(classifier(table, category=["code", "when"]).columns_["role"]) == ["category", "category"]
    assert list(classifier(table, category=0).columns_["role"]) == ["category", "date"]
    assert list(classifier(table.to_numpy(), category=[0]).columns_["role"]) == ["category", "date"]
    assert any("when" in line for line in classifier(table).remarks_)
    april = classifier(table, day_first=True)
    assert "2024-04-03" in april.columns_.loc["when", "note"]
    assert not april.remarks_


def test_two_rows_are_enough():
    assert classifier(TABLE[:2], ["a", "b"], batch_size=2).predict(TABLE).shape == (M,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"number": "age", "category": "age"}, "column 'age' was said both a number and a category"),
        ({"drop": "age", "keep": "age"}, "both to drop and to keep"),
        ({"effort": "fast"}, "'effort' parameter of TabularClassifier must be a str among"),
        ({"time_limit": 0}, "'time_limit' parameter"),
        ({"drop": "agee"}, "no column 'agee'. Did you mean 'age'?"),
        ({"drop": 4}, "drop: got 4, there are the columns 0 to 3"),
        ({"drop": list(TABLE)}, "no column to learn from"),
        ({"random_state": "now"}, "'random_state' parameter"),
        ({"class_weight": {"maybe": 2}}, "are not in class_weight"),
        ({"max_iter": 0}, "'max_iter' parameter"),
        ({"activation": "relo"}, "unknown activation 'relo'. Did you mean 'relu'?"),
    ],
)
def test_arguments_that_make_no_sense_are_one_clear_error(options, message):
    with pytest.raises(ValueError, match=message):
        classifier(**options)


WORDS = "cat_features category, categorical_features category, presets effort, seed random_state, epochs max_iter, "
WORDS += "timeout time_limit, num_features number, ignored_features drop, hidden hidden_layer_sizes"


@pytest.mark.parametrize(("word", "ours"), [pair.split() for pair in WORDS.split(", ")])
def test_the_words_of_other_libraries_are_known(word, ours):
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{word}'. Did you mean '{ours}'?"):
        cr.TabularRegressor(**{word: 1})


def test_weights_and_the_weights_of_classes_count():
    plain = classifier(max_iter=20).predict_proba(TABLE)[:, 0]
    weighted = classifier(TABLE, LABELS, np.where(LABELS == "no", 3.0, 1.0), max_iter=20).predict_proba(TABLE)[:, 0]
    by_class = classifier(class_weight={"no": 3}, max_iter=20).predict_proba(TABLE)[:, 0]
    assert plain.mean() + 0.02 < weighted.mean()
    np.testing.assert_allclose(weighted, by_class, rtol=1e-5)
    balanced = classifier(y=["a"] * 30 + ["b"] * 10, class_weight="balanced", max_iter=20).predict_proba(TABLE)[:, 1]
    assert balanced.mean() > 0.3
    for wrong in (np.full(M, np.nan), -np.ones(M), np.ones(3), np.zeros(M)):
        with pytest.raises(ValueError, match="weight"):
            classifier(TABLE, LABELS, wrong)


def test_candidates_are_compared_on_a_validation_set_of_ones_own():
    model = cr.TabularClassifier(**RACE).fit(TABLE, LABELS, X_val=TABLE[:9], y_val=LABELS[:9])
    other = cr.TabularClassifier(**RACE).fit(TABLE, LABELS, X_val=TABLE[9:20], y_val=LABELS[9:20])
    assert set(model.leaderboard_["loss"]) != set(other.leaderboard_["loss"])
    for X_val, y_val, message in (
        (TABLE, None, "needs both X_val and y_val"),
        (TABLE.drop(columns="age"), LABELS, "no column 'age'"),
        (TABLE, ["maybe"] * M, "y_val: got 'maybe', which is not among the labels of y"),
    ):
        with pytest.raises(ValueError, match=message):
            classifier().fit(TABLE, LABELS, X_val=X_val, y_val=y_val)


def test_the_same_seed_gives_the_same_bits():
    first, again = (classifier(effort="normal", random_state=3) for _ in range(2))
    assert (first.predict_proba(TABLE) == again.predict_proba(TABLE)).all()
    for seed in (4, np.random.RandomState(4), None):
        assert (classifier(random_state=seed).predict_proba(TABLE) != first.predict_proba(TABLE)).any()
    one, two = (classifier(random_state=np.random.RandomState(5)) for _ in range(2))
    assert (one.predict_proba(TABLE) == two.predict_proba(TABLE)).all()


def test_callbacks_are_told_of_every_training():
    class Watcher:
        def setup(self, estimator, context):
            told.append("setup")

        def on_fit_task_begin(self, estimator, context):
            told.append(context.task_name)

        def on_fit_task_end(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            told.append("teardown")

    told = []
    model = cr.TabularClassifier(**RACE).set_callbacks(Watcher(), ScoringMonitor(scoring="accuracy"))
    model.fit(TABLE, LABELS)
    trainings = told.count("setup")
    assert trainings >= len(model.networks_)
    assert (told.count("teardown"), told.count("fit"), told.count("epoch")) == (trainings, trainings, 2 * trainings)
    assert all(not hasattr(network, "_skl_callbacks") for network in model.networks_)


def test_what_was_understood_is_a_table():
    model = classifier()
    assert list(model.columns_.columns) == ["role", "note", "missing"]
    assert model.columns_.loc["city", "missing"] == 13
    race = cr.TabularClassifier(**RACE).fit(TABLE, LABELS)
    assert {"name", "loss"} <= set(race.leaderboard_)
    assert (np.diff(race.leaderboard_["loss"]) >= 0).all()


# -- with the rest of scikit-learn -------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ESTIMATORS)
def test_copies_of_every_kind_say_the_same(target, tmp_path):
    X, y = split(target)
    model = ESTIMATORS[target](**QUICK).fit(X, y)
    expected = answers(model, X)
    joblib.dump(model, tmp_path / "joblib")
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), joblib.load(tmp_path / "joblib")):
        assert (answers(other, X) == expected).all()
    assert (answers(clone(model).fit(X, y), X) == expected).all()


def test_it_works_where_scikit_learn_takes_an_estimator():
    search = GridSearchCV(cr.TabularClassifier(**RACE), {"effort": ["quick", "normal"]}, cv=2).fit(TABLE, LABELS)
    assert search.best_params_["effort"] in ("quick", "normal")
    assert len(cross_val_score(cr.TabularRegressor(**QUICK), TABLE, TABLE["age"], cv=2)) == 2
    pipeline = chain("passthrough", cr.TabularClassifier(**QUICK)).fit(TABLE, LABELS)
    assert (pipeline.predict(TABLE) == classifier().predict(TABLE)).all()


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ESTIMATORS)
def test_a_saved_model_says_the_same_and_its_file_tells_what_it_is(target, tmp_path):
    X, y = split(target)
    model = ESTIMATORS[target](**RACE).fit(X, y)
    cr.save(model, tmp_path / "m", {"who": "me"})
    again = cr.load(tmp_path / "m", ESTIMATORS[target])
    assert (answers(again, X) == answers(model, X)).all()
    assert again.columns_.equals(model.columns_)
    assert again.get_params() == model.get_params()
    header = modelfile.read_about(tmp_path / "m")
    assert header["kind"] == type(model).__name__
    assert [column["name"] for column in header["columns"]] == list(X.columns)
    assert set(header["columns"][0]) == {"name", "role", "note", "missing"}
    assert header["classes"] == (["no", "yes"] if target == "buys" else None)
    assert (header["target"], header["networks"], header["training"]["seed"]) == (target, 4, 0)
    assert header["leaderboard"] == model.leaderboard_.to_dict("records")
    assert header["preprocessing"][0]["does"] == "Columns"
    assert len(header["layers"]) == 2


@pytest.mark.parametrize("target", [*ESTIMATORS, None])
def test_a_pipeline_that_train_saved_becomes_a_fitted_estimator(target, tmp_path):
    X, y = split(target) if target else (np.arange(120.0).reshape(60, 2) % 7, np.arange(60) % 2)
    table = Table("people", X, y, target or "y")
    plan = make_plan(table)
    pipeline = make_pipeline(plan, 60, **LITTLE)
    pipeline.fit(*plan.examples(table))
    about = {
        "task": plan.task,
        "target": plan.target,
        "rows": {"train": 50, "test": 10},
        "columns": [vars(column) for column in plan.columns],
        "classes": None if plan.classes is None else list(plan.classes.items()),
        "features": plan.features or len(plan.used),
        "image_shape": None,
    }
    model = estimators.from_pipeline(pipeline, about)
    assert type(model) is ESTIMATORS.get(target, cr.TabularClassifier)
    assert (model.predict(X) == pipeline.predict(X)).all()
    cr.save(model, tmp_path / "m")
    assert (answers(cr.load(tmp_path / "m"), X) == answers(model, X)).all()


def test_a_preparation_that_does_not_fit_its_networks_is_refused(tmp_path):
    model = classifier()
    model.preparation_ = model.preparation_[:1]
    with pytest.raises(ModelFileError, match=r"a MLPClassifier of \d+ columns is given 4"):
        model.save(tmp_path / "m")


def test_a_model_that_is_not_fitted_yet_is_kept_with_what_it_was_told(tmp_path):
    cr.save(cr.TabularClassifier(**QUICK, category=["city"]), tmp_path / "m")
    model = cr.load(tmp_path / "m")
    assert (model.fit(TABLE, LABELS).predict(TABLE) == classifier().predict(TABLE)).all()


@pytest.mark.parametrize("rare", ["no", "yes"])
def test_a_threshold_decides_for_the_rarer_class(rare, tmp_path):
    X, _ = split("buys")
    other = {"no": "yes", "yes": "no"}[rare]
    y = np.where(np.arange(len(X)) % 4 == 0, rare, other)
    model = cr.TabularClassifier(threshold=0.3, **RACE).fit(X, y)
    k = list(model.classes_).index(rare)
    assert model.positive_ == rare
    expected = np.where(model.predict_proba(X)[:, k] >= 0.3, rare, other)
    assert (model.predict(X) == expected).all()
    cr.save(model, tmp_path / "m")
    assert (cr.load(tmp_path / "m").predict(X) == expected).all()


@pytest.mark.parametrize("labels", ["M8[D]", "M8[us]", "M8[ns]", [7, 2**63 + 5], [-1, 2**62 + 1]], ids=str)
@pytest.mark.parametrize("threshold", [0.3, "auto"])
def test_a_threshold_is_between_dates_and_between_numbers_of_any_size(labels, threshold, tmp_path):
    X, _ = split("buys")
    common, rare = np.array(["2024-01-01", "2024-01-02"]).astype(labels) if isinstance(labels, str) else labels
    y = [rare if i % 4 == 0 else common for i in range(len(X))]
    y = np.array(y, dtype=labels) if isinstance(labels, str) else y
    model = cr.TabularClassifier(threshold=threshold, **RACE).fit(X, y)
    assert model.positive_ == model.classes_[1] == rare
    above = model.predict_proba(X)[:, 1] >= model.threshold_
    assert model.predict(X).tolist() == model.classes_[above.astype(int)].tolist()
    assert model.predict(X).dtype == model.classes_.dtype
    assert model.score(X, y) == np.mean(above == (np.arange(len(X)) % 4 == 0))
    cr.save(model, tmp_path / "m")
    assert cr.load(tmp_path / "m").predict(X).tolist() == model.predict(X).tolist()
    cr.export_source(model, tmp_path / "m.py")
    row = X.astype(object).where(X.notna(), None).to_dict("records")[0]
    said = runpy.run_path(str(tmp_path / "m.py"))["predict"](row)
    assert said == (str(model.predict(X)[0]) if isinstance(labels, str) else model.predict(X)[0])
    model.fit(X, y, X_val=X[:50], y_val=y[:50])
    if isinstance(labels, str):
        with pytest.raises(ValueError, match=r"y_val: got '2024-02-01.*', which is not among the labels of y"):
            model.fit(X, y, X_val=X[:2], y_val=np.array(["2024-02-01", "2024-01-01"], "M8[s]"))


def test_the_threshold_is_found_on_rows_that_were_held_out():
    X, _ = split("buys")
    y = np.where(np.arange(len(X)) % 5 == 0, "rare", "common")
    model = cr.TabularClassifier(threshold="auto", **RACE).fit(X, y)
    assert 0 < model.threshold_ < 1
    assert cr.TabularClassifier(**RACE).fit(X, y).threshold_ is None
    with pytest.raises(ValueError, match="threshold: is between two classes, got 3"):
        cr.TabularClassifier(threshold="auto", **RACE).fit(X, np.arange(len(X)) % 3)
