"""From a table to a plan and a pipeline: what each column is taken for, and that any table gets through."""

import datetime
import decimal
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from chainrule import readers, tabular
from chainrule.estimators import MLPClassifier, MLPRegressor
from chainrule.readers import Table
from chainrule.tabular import Columns, DateParts, TableError, make_pipeline, make_plan, recipe
from support.tables import shared

M = 120
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 2}


def table(target="y", **columns):
    frame = pd.DataFrame(columns)
    return Table("a table", frame.drop(columns=target), frame[target], target)


def halves(m=M):
    return ["no", "yes"] * (m // 2)


def column(values, **options):
    """What one column is taken for."""
    (found,) = make_plan(table(c=values, y=halves(len(values))), **options).columns
    return found


# -- the task ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "task", "classes"),
    [
        (["a", "b"] * 60, "binary", ["a", "b"]),
        ([True, False] * 60, "binary", [False, True]),
        ([0.0, 1.0] * 60, "binary", [0, 1]),
        ([-1.5, 2.5] * 60, "binary", ["-1.5", "2.5"]),
        (["a", "b", "c"] * 40, "classes", ["a", "b", "c"]),
        (pd.Categorical([3, 1, 2] * 40), "classes", ["1", "2", "3"]),
        ([0, 1, 2] * 40, "classes", [0, 1, 2]),
        ([0.0, 1.0, 2.0] * 40, "classes", [0, 1, 2]),
        ([*range(12)] * 10, "classes", [*range(12)]),
        ([*range(13)] * 9, "regression", None),  # fewer than ten rows for each
        ([*range(21)] * 20, "regression", None),  # more than twenty different
        (np.linspace(0, 1, M), "regression", None),
        ([0.5, 1.0, 1.5] * 40, "regression", None),
        ([decimal.Decimal(i) / 7 for i in range(M)], "regression", None),
        (pd.to_timedelta(np.arange(M), unit="h"), "regression", None),
    ],
)
def test_the_task_is_told_from_the_target(y, task, classes):
    plan = make_plan(table(x=np.linspace(0, 1, len(y)), y=y))
    assert plan.task == task
    assert (plan.classes if classes is None else list(plan.classes)) == classes
    X, labels = plan.examples(table(x=np.linspace(0, 1, len(y)), y=y))
    make_pipeline(plan, len(y), **SMALL).fit(X, labels)


def test_the_task_can_be_told():
    numbers = table(x=np.linspace(0, 1, M), y=[1, 2, 3] * 40)
    assert make_plan(numbers, "regression").task == "regression"
    assert make_plan(numbers).task == "classes"
    with pytest.raises(TableError, match=r"'y' is not a number in row 3 \('c'\): regression needs numbers"):
        make_plan(table(x=range(4), y=["1", "2", "c", "4"]), "regression")


def test_rows_without_a_target_and_classes_too_rare_are_left_out_and_counted():
    y = [None, "a", "b"] * 30 + ["rare"] * 3
    given = table(x=np.arange(93) + 0.5, y=y)
    plan = make_plan(given)
    assert (plan.task, plan.untargeted, plan.rare, plan.rows) == ("binary", 30, {"rare": 3}, 60)
    X, labels = plan.examples(given)
    assert len(X) == len(labels) == 60
    assert set(labels) == {"a", "b"}
    numbers = table(x=range(6), y=[1.5, None, 2, 3, 4, 5])
    assert make_plan(numbers).untargeted == 1
    np.testing.assert_array_equal(make_plan(numbers).examples(numbers)[1], [1.5, 2, 3, 4, 5])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a"] * M, "'y' is a in every row: there is nothing to learn"),
        ([2.5] * M, "'y' is 2.5 in every row"),
        ([None] * M, "is missing in every row"),
        ([f"t{i}" for i in range(M)], "120 different values in 120 rows; at least two classes with 4 rows each"),
        ([0.5, np.inf] + [0.25] * 118, None),
        ([*np.arange(118.0), np.inf, 1.5], "'y' is infinite in row 119"),
    ],
)
def test_a_target_that_cannot_be_learned(y, message):
    with pytest.raises(TableError, match=message):
        make_plan(table(x=np.arange(M) + 0.5, y=y))


def test_too_few_rows_and_no_target():
    with pytest.raises(TableError, match="3 rows with a target, at least 4 are needed"):
        make_plan(table(x=range(3), y=[0.5, 1, 2]))
    with pytest.raises(TableError, match="there is no target to learn"):
        make_plan(Table("t", pd.DataFrame({"x": [1, 2]}), None, None))


# -- the columns -------------------------------------------------------------------------------------------------------

SENTENCES = [f"the quick brown fox number {'one' if i % 2 else 'two'} jumps over it" + " again" * i for i in range(M)]


@pytest.mark.parametrize(
    ("values", "role", "note"),
    [
        (np.linspace(-2, 5, M), "number", "-2 to 5"),
        ([1, 2, 3] * 40, "number", "1 to 3"),
        ([f"{i}.5" if i % 30 else "?" for i in range(M)], "number", "? in 4 rows, taken as missing"),
        ([decimal.Decimal(i % 9) / 4 for i in range(M)], "number", "0 to 2"),
        (pd.to_timedelta(np.arange(M) * 1.5, unit="s"), "number", "0 to 178.5"),
        (pd.array([None, 1, 2, 3] * 30, dtype="Int64"), "number", "1 to 3"),
        ([True, False] * 60, "boolean", "true in 50%"),
        ([True, False, None] * 40, "boolean", "true in 50%"),
        (["a", "b", "c"] * 40, "category", "3 different: a, b, c"),
        (pd.Categorical(["a", "b", None] * 40), "category", "2 different: a, b"),
        (pd.Categorical([7, 8, 9] * 40), "category", "3 different: 7, 8, 9"),
        ([1, "a", None] * 40, "category", "2 different: 1, a"),
        ([[1], [2], [3]] * 40, "category", "3 different"),
        (SENTENCES, "text", "words on average"),
        (pd.date_range("2024-01-01", periods=M), "date", "2024-01-01 to 2024-04-29"),
        (pd.date_range("2024-01-01", periods=M, tz="Asia/Tokyo"), "date", "2024-01-01 to 2024-04-29"),
        ([f"2024-{1 + i % 12:02}-03" for i in range(M)], "date", "2024-01-03 to 2024-12-03"),
        ([f"{1 + i % 28}/{1 + i % 12}/2024" for i in range(M)], "date", "read as day/month/year"),
        ([f"{1 + i % 12}/{1 + i % 28}/2024" for i in range(M)], "date", "read as month/day/year"),
        ([f"{1 + i % 28}.{1 + i % 12}.2024 12:30" for i in range(M)], "date", "read as day.month.year"),
        (["x", None] * 60, "presence", "always x"),
        ([f"C{i}" if i % 3 else None for i in range(M)], "presence", "80 different values: only whether it is given"),
        ([None] * M, "left out", "no values"),
        ([3] * M, "left out", "always 3"),
        (["Bonn", "Ulm", "Aix"] + [None] * (M - 3), "left out", "given in 3 of 120 rows only"),
        (range(1, M + 1), "left out", "counts the rows, like an identifier"),
        (np.random.default_rng(0).permutation(M) + 1000, "left out", "counts the rows"),
        ([f"u-{i}" for i in range(M)], "left out", "120 different values, like an identifier"),
        ([f"Person, Mr. Number {i}" for i in range(M)], "left out", "like an identifier"),
    ],
)
def test_what_a_column_is_taken_for(values, role, note):
    others = {"x": np.arange(M) % 7, "y": halves()}
    given = table(c=values, **others)
    plan = make_plan(given)
    found = plan.columns[0]
    assert (found.role, note in found.note) == (role, True), found
    X, y = plan.examples(given)
    model = make_pipeline(plan, M, **SMALL).fit(X, y)
    Z = model[:-1].transform(X)
    assert np.isfinite(Z).all()
    assert (Z.shape[1] > 7) == (role != "left out")  # x alone makes 1 and 6 bins
    model.predict(X.assign(c=None))  # all missing when it is used


def test_a_named_identifier_is_one_even_with_gaps_but_a_measurement_is_not():
    values = np.arange(M) * 7
    names = {"user_id": "left out", "userId": "left out", "ID": "left out", "paid": "number", "grid": "number"}
    for name, role in names.items():
        plan = make_plan(table(**{name: values, "x": np.arange(M) % 3, "y": halves()}))
        assert plan.columns[0].role == role, name


def test_drop_and_keep():
    given = table(key=range(M), x=np.arange(M) % 5, y=halves())
    roles = lambda **options: [c.role for c in make_plan(given, **options).columns]  # noqa: E731
    assert roles() == ["left out", "number"]
    assert roles(keep=["key"]) == ["number", "number"]
    assert roles(drop=["x"]) == ["number", "left out"]  # rather an identifier than nothing
    with pytest.raises(TableError, match=r"no column 'k'\. Columns: key, x"):
        make_plan(given, keep=["k"])
    with pytest.raises(TableError, match="no column to learn from"):
        make_plan(given, drop=["key", "x"])
    with pytest.raises(TableError, match=r"no column to learn from \(c: no values"):
        make_plan(table(c=[None] * M, y=halves()))
    assert column([f"u{i}" for i in range(M)], keep=["c"]).role == "category"


def test_infinity_is_refused_with_its_column_and_row():
    with pytest.raises(TableError, match="column 'c' is infinite in row 4: correct it, or leave it empty"):
        column([1, 2, 3, np.inf] + [5] * 116)
    given = table(c=np.linspace(0, 1, M), y=halves())
    plan = make_plan(given)
    model = make_pipeline(plan, M, **SMALL).fit(*plan.examples(given))
    with pytest.raises(TableError, match="column 'c' is infinite in row 2"):
        model.predict(pd.DataFrame({"c": [1, -np.inf]}))


# -- the pipeline ------------------------------------------------------------------------------------------------------


@pytest.fixture
def model():
    given = table(
        n=np.linspace(0, 1, M), b=[True, None, False] * 40, c=pd.Categorical(["1", "2", None] * 40),
        d=[f"2024-0{1 + i % 9}-01" for i in range(M)], y=halves(),
    )  # fmt: skip
    plan = make_plan(given)
    X, y = plan.examples(given)
    return make_pipeline(plan, M, **SMALL).fit(X, y), X


def test_columns_are_found_by_name_in_any_order_with_others_between(model):
    pipeline, X = model
    expected = pipeline.predict_proba(X)
    shuffled = X[["d", "c", "n", "b"]].assign(y="yes", more=3).set_index(np.arange(M)[::-1])
    np.testing.assert_array_equal(pipeline.predict_proba(shuffled), expected)
    with pytest.raises(TableError, match=r"no column 'b' \(and 1 more\)\. Columns: n, d"):
        pipeline.predict(X[["n", "d"]])


def test_columns_mean_the_same_whatever_type_a_file_gives_them(model):
    pipeline, X = model
    expected = pipeline.predict_proba(X)
    other = X.assign(
        n=X.n.map(repr),
        b=X.b.map({True: "true", False: "False"}),
        c=pd.to_numeric(X.c.astype(object)),
        d=pd.to_datetime(X.d),
    )
    assert other.c.dtype == float  # codes that happen to be numbers, with a point since one is missing
    np.testing.assert_allclose(pipeline.predict_proba(other), expected, rtol=1e-6)
    polars = pytest.importorskip("polars")
    np.testing.assert_allclose(pipeline.predict_proba(polars.from_pandas(X)), expected, rtol=1e-6)
    np.testing.assert_allclose(pipeline.predict_proba(X.to_numpy()), expected, rtol=1e-6)


def test_unknown_categories_and_missing_values_are_fine(model):
    pipeline, X = model
    assert np.isfinite(pipeline.predict_proba(X.assign(c="never seen"))).all()
    assert np.isfinite(pipeline.predict_proba(X.assign(n=None, b=None, c=None, d=None))).all()


def test_large_numbers_keep_their_digits():
    seconds = 1.7e9 + np.arange(M) * 10.0  # float32 has steps of 128 here
    given = table(c=seconds, y=halves())
    plan = make_plan(given)
    X, y = plan.examples(given)
    Z = make_pipeline(plan, M, **SMALL).fit(X, y)[:-1].transform(X)
    assert len(np.unique(Z[:, 0].astype(np.float32))) == M


def test_the_transformers_clone_and_pickle(model):
    pipeline, X = model
    again = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(again.predict(X), pipeline.predict(X))
    assert clone(pipeline).get_params()["columns__roles"] == {
        "n": "number",
        "b": "boolean",
        "c": "category",
        "d": "date",
    }
    columns = Columns({"a": "number"}).fit(pd.DataFrame({"a": [1]}))
    assert list(columns.get_feature_names_out()) == ["a"]


def test_date_parts():
    dates = pd.DataFrame({"d": pd.to_datetime(["1970-01-02 12:00", None, "2024-02-29 00:00"])})
    np.testing.assert_array_equal(
        DateParts().fit_transform(dates),
        [[1.5, 1970, 1, 2, 4, 12], [np.nan] * 6, [19782, 2024, 2, 29, 3, 0]],  # a Friday; a Thursday
    )


def test_arrays_and_images():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(M, 6)).astype(np.float32)
    X[3, 2] = np.nan
    plan = make_plan(Table("arrays", X, np.arange(M) % 3, "y"))
    assert (plan.task, plan.features, plan.columns) == ("classes", 6, ())
    model = make_pipeline(plan, M, **SMALL).fit(*plan.examples(Table("arrays", X, np.arange(M) % 3, "y")))
    assert model.predict(X).shape == (M,)
    images = Table("images", np.abs(np.nan_to_num(X)), np.arange(M) % 2, "label", (2, 3, 1))
    model = make_pipeline(make_plan(images), M)
    assert [name for name, _ in model.steps] == ["network"]
    assert model[-1].normalize == "standard"


def test_the_recipe_names_arguments_of_the_estimators_and_can_be_overridden():
    for task in ("binary", "classes", "regression"):
        plan = make_plan(table(x=np.linspace(0, 1, M), y=np.linspace(0, 1, M) if task == "regression" else halves()))
        network = make_pipeline(plan, M, 7, alpha=0.5)[-1]
        assert network.alpha == 0.5
        assert network.random_state == 7
        for arguments in recipe(task, 1000, 10).values():
            assert arguments["hidden_layer_sizes"]
            assert ("scale_target" in arguments) == (task == "regression")
            assert recipe(task, 10**6, 10)["deep"]["max_iter"] < arguments["max_iter"]  # as long for large tables


def test_every_argument_of_the_estimators_can_replace_that_of_the_recipe_and_no_other():
    known = {*MLPClassifier().get_params(), *MLPRegressor().get_params()} - {"random_state"}  # it is the seed
    assert known == tabular.Arguments.__annotations__.keys()


# -- real tables -------------------------------------------------------------------------------------------------------


def test_titanic():
    plan = make_plan(readers.read(shared("titanic.csv"), target="Survived"))
    assert plan.task == "binary"
    assert {column.name: column.role for column in plan.columns} == {
        "PassengerId": "left out", "Pclass": "number", "Name": "left out", "Sex": "category", "Age": "number",
        "SibSp": "number", "Parch": "number", "Ticket": "left out", "Fare": "number", "Cabin": "presence",
        "Embarked": "category",
    }  # fmt: skip
    assert {c.name: c.missing for c in plan.columns if c.missing} == {"Age": 177, "Cabin": 687, "Embarked": 2}


def test_housing():
    plan = make_plan(readers.read(shared("housing.csv"), target="median_house_value"))
    assert plan.task == "regression"
    assert [column.role for column in plan.columns] == ["number"] * 8 + ["category"]


@pytest.mark.parametrize("name", sorted(readers.datasets.NAMES))
def test_bundled_sets(name):
    given = readers.read(name)
    plan = make_plan(given)
    assert (plan.task == "regression") == (name in ("diabetes", "quadratic", "sine"))
    assert tabular.make_pipeline(plan, plan.rows)


# -- exact, and in range -----------------------------------------------------------------------------------------------

LARGE = 2**53 + 1  # as a float it is 2⁵³
HUGE = pytest.param(10**400, id="400 digits")


@pytest.mark.parametrize(
    "values",
    [
        [LARGE, LARGE + 1],
        [-LARGE, 1],
        [2**64 - 1, 2**64 - 2],
        [2**64 - 1, 1],
        pytest.param([2**64 - 1, -1], id="too many for an integer of NumPy"),
        pytest.param([10**400, 10**400 + 1], id="400 digits"),
    ],
)
@pytest.mark.parametrize("kind", ["plain", "object", "nullable", "decimal", "category"])
def test_labels_come_out_as_they_went_in(values, kind):
    if kind == "nullable" and not -(2**63) <= min(values) <= max(values) < 2**64:
        pytest.skip("too large")
    y = pd.Series(values * 30, dtype=object)
    if kind == "plain":
        y = pd.Series(values * 30)
    elif kind == "nullable":
        y[0] = None
        try:
            y = y.astype("Int64" if max(values) < 2**63 else "UInt64")
        except (TypeError, OverflowError, ValueError):
            pytest.skip("not of one type")
    elif kind == "decimal":
        y = y.map(decimal.Decimal)
    elif kind == "category":
        y = y.astype("category")
    plan = make_plan(table(x=np.linspace(0, 1, 60), y=y))
    assert sorted(map(str, plan.classes)) == sorted(map(str, values))
    X, known = plan.examples(table(x=np.linspace(0, 1, 60), y=y))
    model = make_pipeline(plan, len(known), **SMALL).fit(X, known)
    assert {str(label) for label in model.classes_} == set(map(str, values))
    assert {str(label) for label in model.predict(X)} <= set(map(str, values))


def test_labels_that_are_too_large_for_a_whole_float_stay_apart():
    assert list(make_plan(table(x=np.linspace(0, 1, 60), y=[1e300, 2e300] * 30)).classes) == ["1e+300", "2e+300"]
    assert set(tabular.labels(pd.Series([LARGE, LARGE - 1, 1.5], dtype=object))) == {str(LARGE), str(LARGE - 1), "1.5"}


def test_a_rare_label_beyond_int64_does_not_make_floats_of_the_others():
    y = [LARGE] * 30 + [LARGE - 1] * 30 + [2**64 - 1]
    given = table(x=np.linspace(0, 1, 61), y=y)
    _, labels = make_plan(given, "classes").examples(given)
    assert labels.tolist() == y[:60]


def test_a_true_or_false_target_may_have_gaps():
    y = [True, None, False] * 20
    plan = make_plan(given := table(x=np.linspace(0, 1, 60), y=y))
    assert (list(plan.classes), plan.untargeted) == ([False, True], 20)
    assert plan.examples(given)[1].tolist() == [True, False] * 20


@pytest.mark.parametrize("value", [1e300, -1e38, HUGE])
def test_a_target_beyond_what_a_network_can_give_is_found_before_training(value):
    y = [value if i == 6 else i / 7 for i in range(M)]
    with pytest.raises(TableError, match=r"'y' is (too large|infinite) in row 7 \('"):
        make_plan(table(x=np.arange(M) + 0.5, y=pd.Series(y, dtype=object)))


def test_targets_and_columns_that_a_network_can_just_hold_are_learned():
    y = np.linspace(-1e37, 1e37, M)
    plan = make_plan(given := table(x=np.linspace(1, 2, M) * 1e149, y=y))
    X, numbers = plan.examples(given)
    predicted = make_pipeline(plan, M, **SMALL).fit(X, numbers).predict(X)
    assert np.isfinite(predicted).all()


@pytest.mark.parametrize("value", [1e300, -2e150, HUGE])
def test_a_column_too_large_to_be_standardized_is_named_with_its_row(value):
    with pytest.raises(TableError, match=r"column 'c' is (-?\S+, beyond 1e\+150,|infinite) in row 4"):
        column(pd.Series([1.5, 2, 3, value] + [5] * 116, dtype=object))
    model = Columns({"c": "number"})
    with pytest.raises(TableError, match="in row 2"):
        model.fit_transform(pd.DataFrame({"c": pd.Series([1, value], dtype=object)}))


@pytest.mark.parametrize("day", ["0001-01-01", "1600-05-01", "2999-12-31", "9999-12-31"])
@pytest.mark.parametrize("kind", ["text", "date", "datetime64[s]", "datetime64[us]"])
def test_dates_of_the_years_1_to_9999_are_learned(day, kind):
    days = [day if i % 4 == 0 else f"2024-01-{1 + i % 28:02}" for i in range(M)]
    if kind == "date":
        days = [datetime.date.fromisoformat(each) for each in days]
    elif kind != "text":
        days = np.array(days, kind)
    plan = make_plan(given := table(d=days, x=np.linspace(0, 1, M), y=halves()))
    assert plan.columns[0].role == "date"
    X, y = plan.examples(given)
    model = make_pipeline(plan, M, **SMALL).fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()
    parts = DateParts().fit_transform(pd.DataFrame({"d": np.array([day], "datetime64[us]")}))
    assert parts[0, 0] == (np.datetime64(day) - np.datetime64("1970-01-01")).astype(int)


@pytest.mark.parametrize(("days", "year"), [(5_000_000, 15659), (-5_000_000, -11720)])
def test_a_date_of_another_year_is_named_with_its_column_and_row(days, year):
    dates = np.array([days if i == 3 else i for i in range(M)]).astype("datetime64[D]").astype("datetime64[s]")
    message = f"column 'd' has a date in the year {year} in row 4, wanted 1 to 9999"
    with pytest.raises(TableError, match=message):
        make_plan(table(d=dates, x=np.linspace(0, 1, M), y=halves()))
    with pytest.raises(TableError, match=message):
        Columns({"d": "date"}).fit_transform(pd.DataFrame({"d": dates}))
