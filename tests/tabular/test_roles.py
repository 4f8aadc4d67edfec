"""What each column is taken for, by the look of all its rows; what a person says goes above it."""

import numpy as np
import pandas as pd
import pytest

from chainrule.readers import Table
from chainrule.tabular import TableError, make_plan

M = 300
r = np.random.default_rng(0)
X = r.normal(size=M)
PRICES = [f"${value:,.2f}" for value in r.gamma(3, 4000, M)]


def plan(values, name="c", **options):
    frame = pd.DataFrame({name: values, "x": X[: len(values)]})
    return make_plan(Table("a table", frame, np.array(["no", "yes"] * (len(values) // 2)), "y"), **options)


def column(values, name="c", **options):
    return plan(values, name, **options).columns[0]


def some(mark, share=0.2, values=X):
    """Numbers as text, with a mark in every so many rows."""
    return [mark if i % round(1 / share) == 0 else f"{value:.2f}" for i, value in enumerate(values)]


# -- missing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mark",
    [
        *("?", "??", "-", "--", "–", ".", "..", "*", "na", "n.a.", "N/A", "n/a", "NONE", "None", "null", "NULL", "nil"),
        *("nan", "NaN", "<NA>", "missing", "Missing", "unknown", "not available", "Not Available", "#DIV/0!", "#N/A"),
        *("#VALUE!", "#REF!", "(null)", r"\N", "<0.1", "> 100", "≤0.5", "k.A.", "no data", "undefined", "#NAME?"),
    ],
)
@pytest.mark.parametrize("share", [0.02, 0.5])
def test_a_number_column_stays_one_with_any_share_of_any_mark_of_missing_values(mark, share):
    found = column(some(mark, share))
    rows = M * share
    assert (found.role, found.missing) == ("number", rows)
    assert found.note.endswith(f"; {mark} in {rows:.0f} rows, taken as missing")


def test_marks_of_dates_are_missing_too():
    found = column(["?" if i % 3 else f"{1 + i % 28}.03.2024" for i in range(M)])
    assert (found.role, found.missing) == ("date", 200)
    assert "? in 200 rows, taken as missing" in found.note


@pytest.mark.parametrize("word", ["None", "unknown", "NA", "?", "missing"])
def test_marks_are_words_among_words(word):
    found = column(["red", "green", word] * 100)
    assert (found.role, found.missing) == ("category", 0)
    assert word in found.note


def test_several_marks_are_all_named():
    values = [("?", "n.a.", f"{value:.2f}")[i % 3] for i, value in enumerate(X)]
    assert "? in 100, n.a. in 100 rows, taken as missing" in column(values).note
    assert column(["?", "-", "n/a"] * 100).note == "no values, only ?, -, n/a"


# -- numbers as they are written ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "form", "note"),
    [
        (PRICES, ".$", "$; currency"),
        ([f"{value:.1%}" for value in r.random(M)], ".%", " %"),
        ([f"{value:.1f} km" for value in X], ".km", " km"),
        ([f"{value:.3f}".replace(".", ",") for value in X], ",", "decimal comma"),
        (
            ["Varies with device" if i % 8 == 0 else f"{value:.2f}M" for i, value in enumerate(X)],
            "",
            "38 not numbers (V",
        ),
        ([f"{abs(value):.2f} {'lb' if i % 3 else 'kg'}" for i, value in enumerate(X)], ".lb", "100 in kg, converted"),
    ],
)
def test_numbers_are_numbers_however_they_are_written(values, form, note):
    found = column(values)
    assert (found.role, found.format) == ("number", form)
    assert note in found.note


def test_units_that_cannot_be_compared_are_said():
    found = plan([f"{value:.1f} {'°F' if i % 3 == 0 else '°C'}" for i, value in enumerate(X)])
    assert (found.columns[0].role, found.columns[0].missing) == ("number", 100)
    assert found.remarks == ("c: 100 rows in °f cannot be compared with °c, and were taken as missing",)


def test_a_comma_that_nothing_explains_is_said():
    values = [f"{value:,.0f}" for value in r.integers(1000, 9999, M)]
    frame = pd.DataFrame({"c": values, "k": np.arange(M) % 7})
    y = np.array(["no", "yes"] * 150)
    found = make_plan(Table("t", frame, y, "y"))
    assert len(found.remarks) == 1
    assert "nothing in the table tells whether its mark is for thousands or for decimals" in found.remarks[0]
    found = make_plan(Table("t", frame.assign(k=X), y, "y"))  # numbers with points
    assert (found.remarks, found.columns[0].note[-19:]) == ((), "comma for thousands")
    german = frame.assign(k=[f"{value:.2f}".replace(".", ",") for value in X])
    assert make_plan(Table("t", german, y, "y")).columns[0].note.endswith("to 9.992; decimal comma")


@pytest.mark.parametrize(
    "values",
    [
        ["01234", "02139", "90210"] * 100,
        ["18-24", "25-34", "65+"] * 100,
        ["1/2", "1/4", "3/4"] * 100,
        ["1st", "2nd", "3rd"] * 100,
        ["5A", "6B", "7A"] * 100,
        ["<0", "0<=X<200", ">=200"] * 100,
    ],
)
def test_codes_and_ranges_are_categories(values):
    assert column(values).role == "category"


# -- counters, codes, sentinels ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values", "role"),
    [
        ("Year", np.arange(1800, 1800 + M), "number"),
        ("y", np.arange(1800, 1800 + M), "number"),  # of years, by their look
        ("month", np.arange(1, M + 1), "number"),
        ("n", np.arange(1, M + 1), "left out"),
        ("EmployeeNumber", r.choice(2100, M, replace=False), "left out"),
        ("CLIENTNUM", 7 * 10**8 + r.choice(10**6, M, replace=False), "left out"),
        ("phone", 10**9 + r.choice(10**8, M, replace=False), "left out"),
        ("invoice_no", r.choice(10**6, M, replace=False), "left out"),
        ("contract", 5 * 10**7 + r.choice(10**7, M, replace=False), "left out"),  # by its spread
        ("stamp", 1_500_000_000 + r.choice(10**8, M, replace=False), "number"),  # seconds
        ("income", r.choice(10**6, M, replace=False), "number"),
        ("casino", r.choice(10**6, M, replace=False), "number"),
        ("EmployeeNumber", r.integers(1, 40, M), "number"),  # not different in every row
    ],
)
def test_counters_are_left_out_and_years_and_measurements_are_not(name, values, role):
    assert column(values, name).role == role


@pytest.mark.parametrize(
    ("values", "mark", "sure"),
    [
        (np.where(np.arange(M) % 10, X * 5 + 20, -999), -999, True),
        (np.where(np.arange(M) % 10, X * 5 + 20, 9999), 9999, True),
        (np.where(np.arange(M) % 10, np.arange(M) % 27, 999), 999, True),
        (np.where(np.arange(M) % 10, X * 10 + 20, -200), -200, True),
        (np.where(np.arange(M) % 10, np.arange(M) % 97 * 10 + 600, -200), -200, False),
        (np.where(np.arange(M) % 10, np.arange(M) % 27, 55300), 55300, False),  # a weight, say
    ],
)
def test_numbers_that_stand_for_missing_values_are_remarked_on(values, mark, sure):
    found = plan(values)
    (remark,) = found.remarks
    assert remark.startswith(f"c: {mark} in 30 rows is far from all other numbers")
    assert found.columns[0].missing == (30 if sure else 0)
    assert found.columns[0].format == (f".|{mark}" if sure else "")
    as_said = plan(values, number=["c"])
    assert (as_said.remarks, as_said.columns[0].missing) == ((), 0)


@pytest.mark.parametrize(
    "values",
    [
        np.where(np.arange(M) % 10, np.arange(M) * 7 + 100, 0),  # no gain
        np.append(X[:-1], 1e6),  # once
        np.arange(M) % 7,
        r.gamma(0.2, 1000, M).round(),
        np.minimum(r.gamma(2, 20, M), 99).round(),
    ],
)
def test_zeros_single_outliers_and_long_tails_are_no_marks(values):
    found = plan(values)
    assert (found.remarks, found.columns[0].missing) == ((), 0)


def test_a_column_that_would_be_numbers_but_for_some_is_not_left_out_without_a_word():
    values = [f"{50 + x:.1f}{'*' if i % 6 == 0 else ''}" for i, x in enumerate(10 * r.normal(size=M))]
    found = plan(values)
    assert found.columns[0].role == "left out"
    (remark,) = found.remarks
    assert remark.startswith("c: 50 of 300 values are no numbers (")
    assert remark.endswith("if it is a number, say --number c, and they are missing")
    assert plan(values, number=["c"]).columns[0].missing == 50
    assert plan([f"{i}-{i % 7}-x" for i in range(M)]).remarks == ()  # identifiers


def test_codes_as_whole_numbers_are_numbers_with_a_remark():
    codes = r.choice([101, 205, 317, 409, 550, 612, 777], M)
    for name, values in (("dept_code", codes), ("d", codes), ("store_id", r.integers(1, 40, M))):
        found = plan(values, name)
        assert found.columns[0].role == "number"
        assert f"--category {name}" in found.remarks[0]
        assert plan(values, name, category=[name]).remarks == ()
    assert plan(r.integers(18, 80, M), "age").remarks == ()


def test_spellings_of_a_category_are_one_and_single_letters_are_not():
    found = column(["Male", "male", "female", "male "] * 75)
    assert found.note == "2 different: male, female; Male: other spellings"
    assert column(["a", "A", "b", "B"] * 75).note.startswith("4 different")
    assert column(["AA", "Aa", "aa"] * 100).note.startswith("3 different")


# -- what a person says ------------------------------------------------------------------------------------------------


def test_what_a_person_says_goes_above_the_look():
    assert column([1, 2, 3] * 100, category=["c"]).role == "category"
    assert column(range(M), number=["c"]).role == "number"
    assert column(["01234", "12345", "23456"] * 100, number="c").role == "number"  # a name alone, too
    assert column([20240101 + i % 28 for i in range(M)], number=["c"]).role == "number"
    assert column([f"word {i}" for i in range(M)], text=["c"]).role == "text"
    assert column(["red", "green", "blue"] * 100, text=["c"]).role == "text"
    assert column([f"{1 + i % 12}/{1 + i % 12}/2024" for i in range(M)], date=["c"], day_first=True).role == "date"
    assert column([1, 2, 3] * 100, drop=["c"]).note == "as you asked"
    assert column(pd.Categorical([7, 8, 9] * 100), number=["c"]).role == "number"
    assert column([True, False] * 150, category=["c"]).role == "category"


def test_dates_that_leave_the_order_open_are_said_unless_it_is_told():
    values = [f"{1 + i % 12}/{1 + i // 12 % 12}/2024" for i in range(M)]
    (remark,) = plan(values).remarks
    assert "no date tells whether the day or the month comes first" in remark
    for day_first, form in ((True, "%d/%m/%Y"), (False, "%m/%d/%Y")):
        told = plan(values, day_first=day_first)
        assert (told.remarks, told.columns[0].format) == ((), form)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"number": ["c"], "category": ["c"]}, "'c' was said both a number and a category: say one"),
        ({"drop": ["c"], "keep": ["c"]}, "'c' was said both to drop and to keep"),
        ({"date": ["C"]}, "no column 'C'. Did you mean 'c'"),
        ({"number": ["c"]}, r"'c' was said to be a number, but 200 of its 300 values are none: 'red', 'green'"),
        ({"date": ["c"]}, r"'c' was said to be a date, but its values are none: 'red', 'green', '5'"),
        ({"text": ["y"]}, "the target 'y' was said text: wanted a number or a category"),
        ({"number": ["y"], "task": "classes"}, "the target 'y' was said a number, and the task classes: say one"),
    ],
)
def test_what_cannot_be_is_one_clear_error(options, message):
    with pytest.raises(TableError, match=message):
        plan(["red", "green", "5"] * 100, **options)


def test_text_without_a_common_word_is_an_error():
    with pytest.raises(TableError, match="'c' was said to be text, but no word of it is in 3 rows or more"):
        plan([f"w{i}" for i in range(M)], text=["c"])


def test_the_target_can_be_said_like_a_column():
    y = [*range(6)] * 50
    assert make_plan(Table("t", pd.DataFrame({"x": X}), y, "y"), number=["y"]).task == "regression"
    assert make_plan(Table("t", pd.DataFrame({"x": X}), X.round(), "y"), category=["y"]).task == "classes"


def test_arrays_have_no_columns_to_speak_of():
    with pytest.raises(TableError, match="its columns have no names; nothing can be said of 'c'"):
        make_plan(Table("an array", X[:, None].astype(np.float32), np.arange(M) % 2, "y"), number=["c"])


# -- types -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "role", "missing"),
    [
        (["", "  ", "x"] * 100, "presence", 200),
        (["", "1.5", "2.5"] * 100, "number", 100),
        ([1, "1", 2.5, "n/a", None, "3"] * 50, "number", 100),
        (["👍", "👎", "?"] * 100, "category", 0),
        (np.tile(np.array([0.5, 1.5, 2.5], np.float16), 100), "number", 0),
        (pd.array(["$1", "$2", None] * 100, dtype="string"), "number", 100),
        (pd.Categorical(["1", "2", "x"] * 100), "category", 0),
        ([{"a": 1}, {"b": 2}] * 150, "category", 0),
    ],
)
def test_columns_of_any_type(values, role, missing):
    found = column(values)
    assert (found.role, found.missing) == (role, missing)


def test_decimals_of_arrow_are_numbers():
    pa = pytest.importorskip("pyarrow")
    values = pd.array([1, 2, None] * 100, dtype=pd.ArrowDtype(pa.decimal128(5, 2)))
    assert (column(values).role, column(values).missing) == ("number", 100)


def test_grades_with_signs_behind_are_categories_and_this_is_said():
    found = plan([("1", "2", "3", "2-", "3-", "2+")[i % 6] for i in range(M)])
    assert found.columns[0].role == "category"
    assert found.remarks[0].startswith("c: 2-, 3-, 2+ were taken as steps between the others, not as signs")
    assert column(["2-", "3"] * 150, number=["c"]).note == "-2 to 3"


def test_shares_among_percents_are_said():
    found = plan([("10%", "0.1", "20%", "0.35")[i % 4] for i in range(M)])
    assert found.columns[0].note == "0.1 to 20 %; 150 without %, taken as %"
    assert found.remarks[0].startswith("c: 150 rows without % were read as percent like the others, 0.1 as 0.1 %")
    assert not plan([("10%", "12", "20%", "0.5")[i % 4] for i in range(M)]).remarks


def test_two_numbers_in_a_cell_are_said():
    found = plan([f"{100 + i}/{60 + i % 30}" for i in range(M)])
    assert found.columns[0].role == "left out"
    assert found.remarks == ("c: two numbers in each cell, as 100/60; make two columns of them",)


def test_dates_of_two_orders_are_said():
    days = [f"{a:02}/{b:02}/2024" for i in range(M) for a, b in [(1 + i % 28, 1 + i % 12)[:: 1 if i % 2 else -1]]]
    (remark,) = plan(days).remarks
    assert remark.startswith("c: dates, but some have the day first (")
    assert not plan(["a/b", "12/13"] * 150).remarks


def test_two_letter_codes_with_gaps_are_said_to_have_lost_namibia():
    codes = [("DE", "FR", "US", "JP", "BR", None)[i % 6] for i in range(M)]
    (remark,) = plan(codes).remarks
    assert remark.startswith("c: 50 rows are empty or NA, and were taken as missing")
    assert not plan([f"{code}x" if code else None for code in codes]).remarks
