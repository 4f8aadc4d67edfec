"""What stands in a cell comes out as it was written, wherever it is not plainly a number."""

import gzip

import numpy as np
import pandas as pd
import pytest

from chainrule.readers import delimited, read


def cells(column):
    return [None if pd.isna(value) else value for value in column]


@pytest.mark.parametrize(
    "labels",
    [
        ("007", "07", "7"),
        ("01", "02", "10"),
        ("None", "NA", "N/A"),
        ("null", "NULL", "nan"),
        ("<NA>", "#N/A", "n/a"),
        ("1,5", "2,5", "3"),
        ("NA", "5.50", "1e3"),
        ("1.234", "?", "-"),
    ],
)
@pytest.mark.parametrize("sep", ";\t|")
def test_the_target_comes_as_written(write, labels, sep):
    lines = "".join(f"{i}{sep}{label}\n" for i, label in enumerate((*labels, "", labels[0])))
    assert cells(read(write("t.csv", f"x{sep}y\n{lines}"), target="y").y) == [*labels, None, labels[0]]


def test_whole_numbers_of_many_digits_differ_in_a_target(write):
    labels = [1152921504606846977, 1152921504606846978, 1152921504606846980]
    assert read(write("t.csv", "x,y\n" + "".join(f"0,{n}\n" for n in labels)), target="y").y.tolist() == labels


def test_a_target_of_plain_numbers_is_one_of_numbers(write):
    assert read(write("t.csv", "x,y\n0,1\n0,2\n"), target="y").y.dtype == np.int64
    assert read(write("t.csv", "x,y\n0,1.5\n0,\n"), target="y").y.dtype == np.float64
    assert read(write("t.csv", "x,y\n0,true\n0,false\n"), target="y").y.dtype == bool
    assert cells(read(write("t.csv", "x,y\n0,True\n0,\n0,False\n"), target="y").y) == [True, None, False]


@pytest.mark.parametrize("blank", ["", "  ", '""', '"  "', "\\N"])
def test_only_empty_cells_of_a_target_are_missing(write, blank):
    assert cells(read(write("t.csv", f"x,y\n0,a\n0,{blank}\n0,NA\n"), target="y").y) == ["a", None, "NA"]


def test_words_for_a_missing_value_are_missing_in_the_other_columns(write):
    column = read(write("t.csv", "x,y\nNA,a\n\\N,b\n1.5,c\nnull,d\n"), target="y").X["x"]
    assert cells(column) == [None, None, 1.5, None]


@pytest.mark.parametrize("code", ["01234", '"01234"', " 01234", "01234 ", "00"])
@pytest.mark.parametrize(("before", "after"), [("", ",1"), ("1,", ""), ("1,", ",1")])
def test_numbers_with_leading_zeros_stay_text(write, code, before, after):
    names = f"{'a,' if before else ''}code{',b' if after else ''}"
    lines = f"{before}98765{after}\n" * 3 + f"{before}{code}{after}\n"
    assert read(write("t.csv", f"{names}\n{lines}")).X["code"].tolist() == ["98765"] * 3 + [code.strip(' "')]


def test_leading_zeros_are_found_wherever_they_are(write, monkeypatch):
    monkeypatch.setattr(delimited, "MIB", 64)  # the piece that is looked at at a time
    for row in range(0, 60, 7):
        lines = [f"{i + 10},{i / 7:.3f}" for i in range(60)]
        lines[row] = "0" + lines[row]
        assert read(write("t.csv", "code,x\n" + "\n".join(lines))).X["code"][row] == f"0{row + 10}"


def test_dates_and_times_with_zeros_do_not_make_text_of_numbers(write):
    table = read(
        write("t.csv", "a,b,c,d,x\n" + "01/02/2020,01.02.2020,08:30,2020-01-02 03:04,0.5\n02/02/2020,,,,1\n" * 9)
    )
    assert table.X["x"].dtype == np.float64


def test_what_the_caller_wants_as_written_is_text(write):
    table = read(write("t.csv", "a,b,y\n1.50,1,x\n2,NA,x\n"), target="y", written=["a", "b", "nowhere"])
    assert cells(table.X["a"]) == ["1.50", "2"]
    assert cells(table.X["b"]) == ["1", None]


def test_text_has_no_blanks_around_it(write):
    table = read(write("t.csv", 'a,y\n x ,1\n" y  ",2\nz z\t,3\n'))
    assert table.X["a"].tolist() == ["x", "y", "z z"]


# Decimal commas: each column says for itself how it is written; what could be either stays text.


def test_a_point_among_decimal_commas_may_be_a_mark_of_thousands(write):
    table = read(write("t.csv", "a;b;version\n1,5;1.234;2.1\n-2,25;12.345;2.0\n3;999;1.9\n"))
    assert table.X["b"].tolist() == ["1.234", "12.345", "999"]
    assert table.X["version"].tolist() == [2.1, 2.0, 1.9], "which nothing but a point can be"


def test_a_point_is_a_point_where_no_column_has_a_decimal_comma(write):
    assert read(write("t.csv", "a;b\n1.5;1.234\n2.5;12.345\n")).X["b"].tolist() == [1.234, 12.345]
    assert read(write("t.csv", 'a,b\n"1,234",1.234\n2,12.345\n')).X["b"].tolist() == [1.234, 12.345]
    assert read(write("t.csv", "a;b\nx;0.234\ny;12.345\n")).X["b"].tolist() == [0.234, 12.345]


def test_only_thousands_behind_semicolons_are_in_doubt(write):
    assert read(write("t.csv", "a;b\nx;1.234\ny;12.345\n")).X["b"].tolist() == ["1.234", "12.345"]
    assert read(write("t.csv", "a,b\nx,1.234\ny,12.345\n")).X["b"].tolist() == [1.234, 12.345]


def test_a_single_column_with_decimal_commas_is_one_column(write):
    assert read(write("t.csv", "a\n1,5\n2,5\n3\n")).X["a"].tolist() == ["1,5", "2,5", "3"]


def test_quoted_decimal_commas_and_packed_files(write):
    text = b'a,b\n"1,5",x\n"2,75",y\n'
    assert read(write("t.csv.gz", gzip.compress(text))).X["a"].tolist() == ["1,5", "2,75"]
