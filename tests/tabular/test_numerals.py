"""Numbers as people write them: what a column of texts is read as, and in which form."""

import numpy as np
import pandas as pd
import pytest

from chainrule.tabular import numerals
from chainrule.tabular.numerals import Format

nan = float("nan")


def counts(*texts):
    return pd.Series(1, index=list(texts))


def recognized(*texts, decimal=""):
    return numerals.recognize(counts(*texts), lambda: decimal)


@pytest.mark.parametrize(
    ("texts", "values", "form"),
    [
        (("1,234.56", "12.5"), (1234.56, 12.5), ""),
        (("1.234,56", "2"), (1234.56, 2), ","),
        (("1 234,5", "1\u202f234,5", "1\u00a0234,5", "1\u2009234,5"), (1234.5,) * 4, ","),
        (("1'234.50", "1’234.50"), (1234.5,) * 2, ""),
        (("1,23,456", "12,34,567.5", "12"), (123456, 1234567.5, 12), ""),  # as in India
        (("1,234,567", "12"), (1234567, 12), ""),
        (("1.234.567", "12"), (1234567, 12), ","),
        (("$1,200", "$900", "-$5", "$-5", "$ 7"), (1200, 900, -5, -5, 7), ".$"),
        (("1.234,50 €", "€12", "12 EUR", "EUR 3"), (1234.5, 12, 12, 3), ",€"),
        (("US$5", "5 USD", "$5"), (5, 5, 5), ".$"),
        (("Rs. 1,200", "₹300", "INR 5"), (1200, 300, 5), ".₹"),
        (("CHF 1'200.50", "1200.-"), (1200.5, 1200), ".CHF"),
        (("45%", "3.5 %"), (45, 3.5), ".%"),
        (("12 km", "3km", "5"), (12, 3, 5), ".km"),
        (("12 km", "300 m", "4 km"), (12, 0.3, 4), ".km"),
        (("5.3 GB", "512 MB", "1 TB", "4 GB"), (5.3, 0.512, 1000, 4), ".GB"),
        (("80 kg", "70 kg", "10 lb"), (80, 70, 4.5359237), ".kg"),
        (("2 h", "30 min", "1 h"), (2, 0.5, 1), ".h"),
        (("36 months", "1 month"), (36, 1), ".month"),
        (("12 m²", "13 m2"), (12, 13), ".m2"),
        (("1.2M", "19k", "5"), (1.2e6, 19e3, 5), ""),
        (("$1.2M", "$300K", "$2 billion"), (1.2e6, 3e5, 2e9), ".$"),
        (("3 Mio €", "2M €", "5 k€"), (3e6, 2e6, 5e3), ".€"),
        (("1.5 million", "3 Crore", "2 Lakh"), (1.5e6, 3e7, 2e5), ""),
        (("5m", "3k"), (5e6, 3e3), ".k"),
        (("5b", "3m", "7"), (5e9, 3e6, 7), ".k"),
        (("5m", "3m"), (5, 3), ".m"),
        (("(1,200)", "3", "$(4.50)", "($5)"), (-1200, 3, -4.5, -5), ".$"),
        (("−5", "–5", "+3", "1.234,5-"), (-5, -5, 3, -1234.5), ","),
        (("1.2e5", "3E-2", "1e+3"), (1.2e5, 0.03, 1e3), ""),
        (("1,2E+05", "3"), (1.2e5, 3), ","),
        (("10,000+", "500+", "0"), (10000, 500, 0), ""),
        (("4.1/5", "3/5"), (4.1, 3), "./5"),
        (("'123", "٣٤", ".5", "5."), (123, 34, 0.5, 5), ""),
    ],
)
def test_numbers_are_read_as_people_write_them(texts, values, form):
    found = recognized(*texts)
    np.testing.assert_allclose(found.values, values)
    assert str(found.format) == form
    assert found.convincing
    np.testing.assert_allclose(numerals.parse(counts(*texts), form), values)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "12.03.2020",
            "2020 03 15",
            "12:30",
            "555-1234",
            "+1 555 123 4567",
            "10-20",
            "1_000",
            "0x10",
            "(5",
            "5)",
            "--5",
        ),
        *("-(5)", "1,000,00", "1,2,3", "1.2.3", "$5€", "", "km", "3 4", "12a3", "5 or 6", "１.5x7", "0,123,456"),
    ],
)
def test_what_is_no_number_is_none(text):
    assert np.isnan(recognized(text, "1.5").values[0])


def test_texts_without_end_are_refused_in_no_time():
    for text in ("1" * 10**5 + "x", "1 " * 10**5, "1,111" * 10**5, "-" * 10**5, "1" + "a" * 10**5, "(" * 10**5):
        assert not np.isfinite(recognized(text).values[0])


def test_the_decimal_mark_is_decided_by_all_rows():
    assert recognized("1,234", "5,678", "1,5").values.tolist() == [1.234, 5.678, 1.5]
    assert recognized("1,234", "5,678", "1.5").values.tolist() == [1234, 5678, 1.5]
    assert recognized("0,123", "1,234").values.tolist() == [0.123, 1.234]
    assert recognized("1.234", "12,5").values.tolist() == [1234, 12.5]
    many = pd.Series([1, 9], index=["1,5", "2.5"])  # text → rows
    np.testing.assert_array_equal(numerals.recognize(many).values, [nan, 2.5])


def test_what_a_column_leaves_open_is_decided_by_the_table_and_else_told():
    alone = recognized("1,234", "5,678")
    assert (alone.values.tolist(), alone.ambiguous) == ([1234, 5678], True)
    for decimal, values in ((".", [1234, 5678]), (",", [1.234, 5.678])):
        found = recognized("1,234", "5,678", decimal=decimal)
        assert (found.values.tolist(), found.ambiguous, found.open) == (values, False, True)
    assert recognized("1.234", "5.678", decimal=",").values.tolist() == [1234, 5678]
    # A mark from 1000 on and none below is for thousands.
    assert not recognized("1,234", "56").ambiguous
    assert not recognized("12", "56").open


@pytest.mark.parametrize(
    ("texts", "convincing"),
    [
        (["1.5"] * 1 + [f"x{i}" for i in range(5)], False),
        ([f"{i}.5" for i in range(9)] + ["word"], True),
        ([f"{i}.5" for i in range(8)] + ["one", "two"], False),
        ([f"{i}.5" for i in range(30)] + ["Varies with device"], True),
        (["01234", "12345", "98765"], False),  # zip codes
        (["007", "07", "7"], False),
        ([*map(str, range(1, 99)), "05"], True),
        (["14", "15A", "16B", "17"], False),
        ([f"{i}A" for i in range(9)] + [f"{i}B" for i in range(9)], False),  # seats
        ([f"{i} Main St" for i in range(9)] + [f"{i} Oak Ave" for i in range(9)], False),
        ([f"{i} °C" for i in range(9)] + [f"{i} °F" for i in range(5)], True),
        (["1st", "2nd", "3rd"], False),
        (["2/2", "2/2", "1/2", "2/2", "1/2"], False),
        ([*map(str, range(100, 140)), "207b"], True),
        (["120/80", "130/85", "110/70"], False),
        (["<50", ">50_1"], False),
        (["<0", "0<=X<200", "no checking", ">=200"], False),
    ],
)
def test_a_column_is_of_numbers_where_a_person_would_say_so(texts, convincing):
    assert recognized(*texts).convincing == convincing


def test_a_letter_behind_a_number_is_no_billion():
    found = recognized(*map(str, range(100, 140)), "207b", "207a")
    assert np.isnan(found.values[-2:]).all()
    assert found.others == {"207b": 1, "207a": 1}


def test_marks_words_and_other_units_are_told_apart():
    found = recognized(*[f"{i} kg" for i in range(30)], "?", "n.a.", "<0.1", "#DIV/0!", "about 5", "12 °C")
    assert found.marks == {"?": 1, "n.a.": 1, "<0.1": 1, "#DIV/0!": 1}
    assert found.others == {"about 5": 1}
    assert found.units == {"°c": 1}


def test_another_spelling_is_read_by_the_format_of_before_and_another_unit_is_not():
    read = lambda form, *texts: numerals.parse(counts(*texts), form).tolist()  # noqa: E731
    np.testing.assert_array_equal(read("", "1,050.0", "$5", "12 km", "45%"), [1050, 5, 12, nan])
    np.testing.assert_array_equal(read("", "1.050,0", "1,5"), [1050, 1.5])  # from another country
    np.testing.assert_array_equal(read(",", "1.050", "1,5"), [1050, 1.5])
    np.testing.assert_array_equal(read(",", "1.050"), [1050])
    np.testing.assert_array_equal(read(".kg", "5", "500 g", "5 m"), [5, 0.5, nan])
    np.testing.assert_array_equal(read(".$", "5 USD", "€5"), [5, nan])
    np.testing.assert_array_equal(read(".|-999", "5", "-999", "-999.0"), [5, nan, nan])


@pytest.mark.parametrize("form", [Format(), Format(","), Format(".", "km/h", (-999.0, 1e20)), Format(",", "", (-0.5,))])
def test_a_format_comes_back_from_its_text(form):
    assert Format.of(str(form)) == form


@pytest.mark.parametrize("text", ["%d.%m.%Y", "ISO8601", "|", "||nan|1e999|x", "x" * 200, "\0"])
def test_any_text_is_a_format_that_does_no_harm(text):
    assert all(np.isfinite(Format.of(text).missing))
    assert numerals.parse(counts("1.5", "x"), text).shape == (2,)


@pytest.mark.parametrize(
    ("texts", "grades"),
    [
        (("1", "2", "3", "2-", "3-", "2+"), ("2-", "3-", "2+")),
        (("1", "1+", "2", "2+", "?"), ("1+", "2+")),
        (("1", "2", "3", "4", "5+"), ()),  # 5 and more
        (("0", "1+", "2+", "3+"), ()),
        (("120", "35-", "7-"), ()),  # as accounts write them
        (("3,50", "2-"), ()),
        (("3 €", "2- €"), ()),
        (("-3", "2-"), ()),
    ],
)
def test_a_sign_behind_a_small_number_is_a_step_between_grades(texts, grades):
    found = recognized(*texts)
    assert (found.grades, found.convincing) == (grades, not grades)
