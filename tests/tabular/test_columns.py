"""Reading at prediction: other spellings of the same are understood, and what is unlike the training is said."""

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.readers import Table
from chainrule.tabular import Columns, TableError, make_pipeline, make_plan

M = 120
r = np.random.default_rng(0)


def fitted(values, **options):
    """The transformer of a column that was understood."""
    frame = pd.DataFrame({"c": values, "x": r.normal(size=len(values))})
    plan = make_plan(Table("t", frame, np.array(["no", "yes"] * (len(values) // 2)), "y"), **options)
    roles = {column.name: column.role for column in plan.used if column.name == "c"}
    return Columns(roles, {"c": plan.columns[0].format}).fit(frame)


def read(columns, *values):
    return columns.transform(pd.DataFrame({"c": list(values)})).c.tolist()


def notes(columns, *values):
    return columns.notes(pd.DataFrame({"c": list(values)}))


NUMBERS = np.arange(M) * 10.5
DAYS = [f"{1 + i % 28:02}.{1 + i % 12:02}.2024" for i in range(M)]


@pytest.mark.parametrize(
    ("values", "texts", "expected"),
    [
        (NUMBERS, ["1,050.0", "1050", "$5", "12 km", "1e3"], [1050, 1050, 5, 12, 1000]),
        (NUMBERS, ["1.050,0", "10,5"], [1050, 10.5]),
        (NUMBERS, ["10,5"], [10.5]),
        ([f"{v:.1f} km" for v in NUMBERS], ["5", "300 m", "1,050 km"], [5, 0.3, 1050]),
        ([f"${v:,.2f}" for v in NUMBERS], ["5 USD", "1050"], [5, 1050]),
        ([f"{v:.2f}".replace(".", ",") for v in NUMBERS], ["1.050", "10,5"], [1050, 10.5]),
        (np.where(np.arange(M) % 10, NUMBERS, 99999), ["99999", "12"], [np.nan, 12]),
    ],
)
def test_numbers_in_another_spelling_are_understood(values, texts, expected):
    np.testing.assert_allclose(read(fitted(values), *texts), expected)


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%m/%d/%Y", "%d/%m/%Y", "%d %B %Y", "%b %d, %Y", "%d.%m.%Y"])
def test_dates_in_another_form_are_understood(form):
    dates = pd.to_datetime(DAYS, format="%d.%m.%Y")
    assert read(fitted(DAYS), *dates.strftime(form)) == dates.tolist()


def test_dates_that_leave_the_order_open_keep_that_of_the_training():
    assert read(fitted(DAYS), "03/04/2024") == [pd.Timestamp("2024-04-03")]
    american = [f"{1 + i % 12}/{1 + i % 28}/2024" for i in range(M)]
    assert read(fitted(american), "03.04.2024 ", "2024-03-04")[1:] == [pd.Timestamp("2024-03-04")]


@pytest.mark.parametrize(
    ("values", "texts", "message"),
    [
        (NUMBERS, ["abc", "def"], r"column 'c': none of its values is a number \('abc', 'def'\)"),
        (
            NUMBERS,
            ["45%"],
            r"none of its values is a number \('45%'\), as in training, where they have no %; write them",
        ),
        ([f"{v:.1f} kg" for v in NUMBERS], ["5 m"], "none of its values is a number"),
        (DAYS, ["red", "5.5.5"], r"none of its values is a date \('red', '5.5.5'\)"),
        ([True, False] * 60, ["maybe"], "none of its values is yes or no"),
    ],
)
def test_a_column_that_would_become_missing_as_a_whole_is_an_error_unless_allowed(values, texts, message):
    columns = fitted(values)
    with pytest.raises(TableError, match=message):
        read(columns, *texts)
    columns.allow_unreadable = True
    assert pd.isna(read(columns, *texts)).all()


@pytest.mark.parametrize("values", [NUMBERS, DAYS, [True, False] * 60, ["a", "b", "c"] * 40])
def test_empty_cells_and_marks_of_missing_values_are_no_error(values):
    columns = fitted(values)
    for cells in ([None], [None] * 5, [np.nan, None]):
        assert pd.isna(pd.Series(read(columns, *cells)).replace("", None)).all()
    assert notes(columns, None) == []  # one row
    assert notes(columns, None, None) == ["c: empty in all 2 rows"]
    if not isinstance(values[0], str) or values is DAYS:
        assert pd.isna(read(columns, "?", "n/a")).all()


def test_what_is_unlike_the_training_is_said():
    assert notes(fitted(NUMBERS), *NUMBERS) == []
    assert notes(fitted(NUMBERS), "5", "x", "y", "?", None) == ["c: 2 of 5 not numbers ('x', 'y')"]
    assert notes(fitted(NUMBERS), "-1000", "5000", "6000") == [
        "c: below the training range in 1 row",
        "c: above the training range in 2 rows",
    ]
    assert notes(fitted(DAYS), "1.2.2024", "soon") == ["c: 1 of 2 not dates ('soon')"]
    assert notes(fitted([True, False] * 60), "yes", "maybe") == ["c: 1 of 2 not yes or no ('maybe')"]
    assert notes(fitted(["a", "b", "c"] * 40), "a", "z", "y", "z") == ["c: 3 unseen (z, y)"]
    sentinel = fitted(np.where(np.arange(M) % 10, NUMBERS, 99999))
    assert notes(sentinel, 99999, 50) == notes(sentinel, "99999", "50") == []


def test_words_that_were_missing_in_training_are_no_news():
    columns = fitted([f"{v:.1f}" if i % 9 else "Varies with device" for i, v in enumerate(NUMBERS)])
    assert notes(columns, "5", "Varies with device", "<0.5") == []
    assert pd.isna(read(columns, "Varies with device")).all()
    assert notes(columns, "5", "varied") == ["c: 1 of 2 not numbers ('varied')"]


def test_another_spelling_of_a_category_is_that_category():
    columns = fitted(["male", "Male", "female", "male"] * 30)
    assert read(columns, "MALE", "Male", "male ", "Female", "other") == ["male", "male", "male", "female", "other"]
    assert notes(columns, "MALE", "other") == ["c: 1 unseen (other)"]
    letters = fitted(["a", "A", "b"] * 40)
    assert read(letters, "a", "A", "B") == ["a", "A", "B"]


def test_what_was_learned_is_saved_with_the_model_and_goes_to_onnx(tmp_path):
    frame = pd.DataFrame(
        {
            "n": np.where(np.arange(M) % 10, NUMBERS, -9999),
            "w": ["Male", "male", "female", "male"] * 30,
            "p": [f"${v:,.0f}" for v in NUMBERS],
        }
    )
    table = Table("t", frame, np.array(["no", "yes"] * 60), "y")
    plan = make_plan(table)
    assert plan.columns[0].format == ".|-9999"
    X, y = plan.examples(table)
    model = make_pipeline(plan, M, hidden_layer_sizes=(4,), max_iter=1).fit(X, y)
    cr.save(model, tmp_path / "m.chainrule")
    again = cr.load(tmp_path / "m.chainrule")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    new = X.assign(w="MALE", n="10,5")
    assert again[0].notes(new) == model[0].notes(new) == []
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    cr.export_onnx(model, tmp_path / "m.onnx")
    prices = model[0].transform(X)[["p"]].to_numpy()  # numbers go in as numbers
    inputs = {"n": frame[["n"]].to_numpy(float), "w": frame[["w"]].to_numpy(object), "p": prices}
    found = runtime.InferenceSession(tmp_path / "m.onnx").run(None, inputs)
    np.testing.assert_allclose(np.asarray(found[-1]), model.predict_proba(X), atol=1e-5)


def test_columns_of_a_file_of_before_know_nothing_of_ranges():
    old = Columns({"c": "number"}, {}).fit(pd.DataFrame({"c": NUMBERS}))
    for name in ("ranges_", "levels_", "spellings_"):
        delattr(old, name)
    assert notes(old, 1e6, "x") == ["c: 1 of 2 not numbers ('x')"]
    words = Columns({"c": "category"}).fit(pd.DataFrame({"c": ["a", "b"]}))
    for name in ("ranges_", "levels_", "spellings_"):
        delattr(words, name)
    assert read(words, "A") == ["A"]
    assert notes(words, "z") == []


def test_shares_in_a_column_of_percents_are_said():
    columns = fitted([f"{i % 90}%" for i in range(M)])
    said = ["c: no % in it, and nothing above 1; read as percent, 0.5 as 0.5 %"]
    assert notes(columns, "0.05", "0.5") == notes(columns, 0.05, 0.5) == said
    assert notes(columns, "0.5%", "1%") == notes(columns, 0.5, 12) == []
    assert notes(fitted(NUMBERS), 0.05) == []
