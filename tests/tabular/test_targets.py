"""What is to be learned: classes as they are written, numbers in spite of a stray word, and what is left out."""

import numpy as np
import pandas as pd
import pytest

from chainrule.readers import Table
from chainrule.tabular import TableError, make_plan

M = 300
r = np.random.default_rng(0)
X = r.normal(size=M)
AMOUNTS = np.round(50 + 10 * X).astype(int)


def table(y, name="y"):
    return Table("a table", pd.DataFrame({"x": X[: len(y)]}), pd.Series(list(y), dtype=object, name=name), name)


def plan(y, task=None, name="y"):
    return make_plan(table(y, name), task)


def with_one(word, values):
    values = [str(value) for value in values]
    values[7] = word
    return values


# -- numbers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["POA", "<20", "degC", "unknown", "?", "-", "#DIV/0!", "n/a", "None", "see below"])
@pytest.mark.parametrize("values", [AMOUNTS, AMOUNTS + 0.25, X], ids=["whole", "quarters", "all different"])
def test_a_stray_word_among_numbers_is_left_out_and_said(word, values):
    given = table(with_one(word, values))
    found = make_plan(given)
    assert (found.task, found.untargeted, found.rows) == ("regression", 1, M - 1)
    assert f"y: {word} in 1 row, left out" in found.remarks
    rows, y = found.examples(given)
    np.testing.assert_allclose(y, np.delete(np.asarray(values, float), 7))
    np.testing.assert_array_equal(rows.x, np.delete(X, 7))


def test_marks_may_be_in_any_share_of_a_target_of_numbers():
    found = plan([value if i % 3 == 0 else "unknown" for i, value in enumerate(map(str, X))])
    assert (found.task, found.untargeted) == ("regression", 200)


@pytest.mark.parametrize(
    ("write", "form"),
    [
        (lambda v: f"${v * 100:,}", ".$"),
        (lambda v: f"{v}%", ".%"),
        (lambda v: f"{v / 4:.2f}".replace(".", ","), ","),
        (lambda v: f"{v} km", ".km"),
        (lambda v: f"{v * 100:,}", ""),
        (lambda v: f"${v // 10 * 1000:,}", ".$"),  # a few different ones are amounts, too
    ],
)
def test_written_amounts_are_regression(write, form):
    y = [write(value) for value in AMOUNTS]
    found = plan(y)
    assert (found.task, found.target_format, found.rows) == ("regression", form, M)
    values, known = found.read(y[:5])
    assert known.all()
    np.testing.assert_allclose(values, make_plan(table(y)).examples(table(y))[1][:5])


def test_a_target_of_half_words_is_no_regression():
    with pytest.raises(TableError, match=r"'y' is not a number in row 2 \('word'\): regression needs numbers"):
        plan(["1.5", "word", "2.5", "3.5"] * 20, "regression")


# -- classes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "labels",
    [
        ("007", "07", "7"),
        ("01", "02", "10"),
        ("1.0", "01", "1"),
        ("1152921504606846977", "1152921504606846978", "1152921504606846980"),
        ("a", "A", "b"),
        ("+", "-", "±"),
        ("<50", "50-60", ">60"),
        ("None", "NA", "N/A"),
        ("unknown", "missing", "none"),
        ("1", "2", "other"),
        ("A1", "B2", "C3"),
    ],
)
def test_labels_are_classes_as_they_are_written(labels):
    y = [labels[i % 3] for i in range(M)]
    found = plan(y)
    assert sorted(map(str, found.classes)) == sorted(labels)
    assert (found.untargeted, sum(found.classes.values())) == (0, M)


@pytest.mark.parametrize("word", ["None", "NA", "N/A", "unknown", "none"])
def test_a_word_for_nothing_is_a_class_among_words(word):
    found = plan(["Apnea", "Insomnia", word] * 100)
    assert found.classes == {"Apnea": 100, "Insomnia": 100, word: 100}
    (remark,) = found.remarks
    assert remark.startswith(f"y: {word} is a class like the others; if it stands for a missing value")


@pytest.mark.parametrize("mark", ["?", "--", "NaN", "<NA>", "#N/A", "null"])
def test_a_mark_that_is_no_word_is_no_class_among_words(mark):
    y = ["Apnea", "Insomnia", mark] * 100
    found = plan(y)
    assert (list(found.classes), found.untargeted) == (["Apnea", "Insomnia"], 100)
    assert found.remarks == (f"y: {mark} in 100 rows, left out",)
    assert found.examples(table(y))[1].tolist() == ["Apnea", "Insomnia"] * 100


@pytest.mark.parametrize("gap", [None, float("nan"), "?", "NA", "None", "unknown"])
@pytest.mark.parametrize("values", [(True, False), ("True", "False"), ("TRUE", "FALSE"), (1, 0), ("1", "0")])
def test_gaps_in_a_true_or_false_target_are_left_out(values, gap):
    if isinstance(gap, str):
        values = tuple(map(str, values))  # as they come from a file
    y = [*values] * 100 + [gap]
    found = plan(y[-M:] if len(y) > M else y)
    assert (found.task, found.untargeted, len(found.classes)) == ("binary", 1, 2)
    assert set(map(str, found.classes)) == set(map(str, values))


def test_spellings_of_one_class_are_merged_and_said():
    y = ["yes", "Yes", " yes", "no", "NO", "no"] * 50
    found = plan(y)
    assert found.classes == {"no": 150, "yes": 150}
    assert found.remarks == ("y: NO, no are one class, no", "y: Yes, yes are one class, yes")
    assert set(found.examples(table(y))[1]) == {"yes", "no"}
    values, known = found.read(["YES", "no ", "NO", "maybe", None, "?"])
    assert values[:4].tolist() == ["yes", "no", "no", "maybe"]
    assert known.tolist() == [True, True, True, True, False, False]


@pytest.mark.parametrize("labels", [("yes", "Yes"), ("a", "A"), ("AA", "Aa", "aa")])
def test_spellings_that_are_all_there_is_are_classes(labels):
    assert sorted(plan([labels[i % len(labels)] for i in range(M)]).classes) == sorted(labels)


# -- both are plausible ------------------------------------------------------------------------------------------------


def test_counts_with_a_tail_are_amounts_and_the_other_reading_is_suggested():
    counts = np.random.default_rng(1).poisson(np.exp(0.6 * r.normal(size=2000) + 0.5))
    frame = pd.DataFrame({"x": r.normal(size=2000)})
    found = make_plan(Table("t", frame, counts, "visits"))
    assert (found.task, found.untargeted, found.rows) == ("regression", 0, 2000)
    assert "different whole numbers, learned as amounts" in found.remarks[0]
    assert "--task classes" in found.remarks[0]
    assert make_plan(Table("t", frame, counts, "visits"), "regression").remarks == ()


@pytest.mark.parametrize(("name", "remarks"), [("rating", 1), ("y", 0)])
def test_whole_numbers_as_classes_by_name(name, remarks):
    found = plan(np.arange(M) % 11, name=name)
    assert (found.task, len(found.remarks)) == ("classes", remarks)
    assert not remarks or "--task regression" in found.remarks[0]


def test_whole_numbers_with_a_hill_may_be_amounts():
    y = np.clip(np.round(5 + 1.2 * X), 2, 8).astype(int)
    found = make_plan(table(y))
    assert found.task == "classes"
    assert found.remarks == (
        "y: 7 different whole numbers, learned as classes; if they are amounts, say --task regression",
    )


def test_a_mark_as_a_number_is_remarked_on():
    found = plan(np.where(np.arange(M) % 10, X * 5 + 20, -999))
    assert found.remarks[0].startswith("y: -999 in 30 rows is far from all other numbers")


def test_classes_of_which_some_are_rare_are_no_counts():
    # As many as there are in the data of the space shuttle.
    y = np.repeat(np.arange(1, 11), [3900, 4, 15, 770, 280, 1, 1, 40, 90, 8])
    found = make_plan(Table("t", pd.DataFrame({"x": r.normal(size=len(y))}), y, "class"))
    assert (found.task, found.rare, found.remarks) == ("classes", {6: 1, 7: 1}, ())


def test_grades_with_signs_behind_are_classes_and_this_is_said():
    y = [("1", "2", "3", "2-", "3-", "2+")[i % 6] for i in range(M)]
    found = plan(y)
    assert sorted(found.classes) == ["1", "2", "2+", "2-", "3", "3-"]
    assert found.remarks == ("y: 2-, 3-, 2+ were taken as steps between the other classes, not as signs",)
    assert plan(y, "regression").remarks[0] == "y: 2-, 3-, 2+ were taken as signs of numbers"


def test_a_mark_beside_one_amount_is_no_class():
    with pytest.raises(TableError, match=r"'y' is 1\.234,5 € in every row: there is nothing to learn"):
        plan(["1.234,5 €", "n/a"] * 100)


@pytest.mark.parametrize(
    ("write", "advice"),
    [
        (lambda i: f"{1 + i % 28:02}.{1 + i % 12:02}.{1900 + i % 100}", "it is a date: make it a number, as the days"),
        (lambda i: pd.Timestamp("2020-01-01") + pd.Timedelta(days=i), "it is a date: make it a number, as the days"),
        (lambda i: f"the guest of room {i} was content", "it is free text: make it a number, or a few classes"),
    ],
)
def test_a_target_of_dates_or_sentences_is_refused_with_what_to_do(write, advice):
    y = [write(i) for i in range(M)]
    with pytest.raises(TableError, match=f"at least two classes with 4 rows each are needed; {advice}"):
        plan(y)
    with pytest.raises(TableError, match=f"'y' holds no numbers: {advice}"):
        plan(y, "regression")


def test_the_unit_of_a_target_is_known_and_what_was_converted_is_said():
    found = plan([f"{i} kg" if i % 2 else f"{i * 1000} g" for i in range(1, M + 1)])
    assert found.target_unit == "kg"
    assert found.remarks == ("y: read as 1 to 300 (kg, 150 rows in g, converted)",)
    assert plan(AMOUNTS).target_unit == plan(["yes", "no"] * 100).target_unit == ""


# -- what is hardly meant ----------------------------------------------------------------------------------------------


def test_many_dates_are_no_classes_and_two_of_them_are():
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(M) ** 2 // M, unit="D")
    for written in (days.strftime("%d.%m.%Y"), days):
        with pytest.raises(TableError, match="it is a date: make it a number, as the days since the first of them"):
            plan(written)
    assert plan(np.where(X > 0, "2024-01-01", "2024-07-01")).classes.keys() == {"2024-01-01", "2024-07-01"}
    assert plan(days.strftime("%d.%m.%Y"), task="classes").task == "classes"


def test_a_target_most_of_whose_rows_are_left_out_is_remarked_on():
    values = [f"name {i}" for i in range(200)] + ["yes", "no"] * 50
    (said,) = [remark for remark in plan(values).remarks if "left out" in remark]
    assert said.startswith("y: 200 of 300 rows are of classes with fewer than 4 rows, as name 0, name 1, ")
    assert said.endswith("and left out; is it what is to be predicted?")
    assert not [remark for remark in plan(values[120:]).remarks if "left out" in remark]


def test_amounts_in_another_currency_are_left_out_and_said():
    found = plan([f"${v}" if i % 4 else f"€{v}" for i, v in enumerate(AMOUNTS)])
    assert found.untargeted == 75
    assert "y: 75 rows in € cannot be compared with $, and were left out" in found.remarks
