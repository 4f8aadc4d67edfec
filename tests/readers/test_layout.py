"""Tables as programs export them: with or without a header, with lines above, among and below the rows."""

import warnings

import pytest

from chainrule.errors import ReadingNote
from chainrule.readers import read
from support.files import refusal


def noted(source, **options):
    """The table, and what was noted about it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ReadingNote)
        table = read(source, **options)
    return table, " | ".join(str(each.message) for each in caught)


# No header


DATA = {
    "numbers": "0.126,-0.132,0.64,1\n0.105,-0.536,0.362,1\n1.304,0.947,-0.704,0\n",
    "numbers and words": "5.1,3.5,setosa\n4.9,3.0,setosa\n6,3,virginica\n6,2,virginica\n",
    "the same in each row": "4,4,1,4,2,1\n" * 9,
    "words": "vhigh,2,small\nlow,2,big\nvhigh,4,small\nlow,4,big\n" * 3,
    "letters": "p,x,s\ne,y,s\np,x,k\ne,y,k\n" * 3,
    "a mark for missing": "2,?,505.1\n1,38.5,66.2\n1,39.2,88.7\n",
    "dates": "2020-01-01,1.5\n2020-01-02,2.5\n2020-01-03,2.5\n",
    "blanks": "39, State-gov, 77516\n50, Private, 83311\n38, State-gov, 21564\n12, Private, 1\n",
    "years in the rows": "1990,5.5\n1991,7.5\n1992,6.5\n",
    "money": "$5,12%\n$7,13%\n$8,15%\n",
    "whole numbers": "10,20,50\n13,5,3\n7,22,9\n",
    "one row": "5.1,3.5,1.4,0.2\n",
}


@pytest.mark.parametrize("name", DATA)
def test_a_table_without_a_header_is_noticed_and_said(write, name):
    table, note = noted(write("t.csv", DATA[name]))
    assert len(table.X) == DATA[name].count("\n")
    assert list(table.X.columns[:2]) == ["column1", "column2"]
    assert "the first row looks like data" in note
    assert f"column1 to column{table.X.shape[1]}; if it is a header, say so" in note


HEADERS = {
    "years": "country,2019,2020\nA,5,6\nB,7,8\n",
    "nothing but years": "2019,2020,2021\n5,6,7\n7,8,9\n",
    "counted from 0": "0,1,2\n5.5,6,7\n7,8,9\n",
    "counted from 1": "1,2,3,4\n5.5,6,7,1\n7,8,9,1\n",
    "wavelengths": "sample,400.5,401,401.5\na,1,2,3\nb,3,2,1\n",
    "days": "place,2020-01-01,2020-01-02\nA,5,6\nB,7,8\n",
    "words over numbers": "a,b\n1,2\n3,4\n",
    "words over words": "sex,smoker\nm,yes\nf,no\nm,no\nf,yes\n",
    "a name that is missing": ",a\n0,5\n1,6\n",
    "names that are words for missing values": "na,x\n1,2\n3,4\n",
    "different words": "name,city\nAnn,Rome\nBob,Oslo\n",
    "a name that is a label, too": "m,smoker\nm,yes\nf,no\nm,no\nf,yes\n",
    "numbers beside a name": "region,10,20,60\nN,1,2,3\nS,2,3,4\nN,3,4,5\nS,1,1,1\n",
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_is_a_header(write, name):
    table, note = noted(write("t.csv", HEADERS[name]))
    assert len(table.X) == HEADERS[name].count("\n") - 1
    assert list(table.X.columns)[-1] == HEADERS[name].splitlines()[0].split(",")[-1]
    assert note == ""


def test_the_word_of_the_caller_goes_above_every_guess(write):
    path = write("t.csv", "1,2\n1,5\n3,4\n")
    table, note = noted(path, header=True)
    assert (table.X.to_dict("list"), note) == ({"1": [1, 3], "2": [5, 4]}, "")
    table, note = noted(write("u.csv", "a,b\nc,d\n"), header=False)
    assert (table.X.to_dict("list"), note) == ({"column1": ["a", "c"], "column2": ["b", "d"]}, "")


def test_without_a_header_the_target_has_a_number_or_its_new_name(write):
    path = write("t.csv", DATA["numbers"])
    for target in ("4", "column4"):
        table, _ = noted(path, target=target)
        assert (table.target, table.y.tolist()) == ("column4", [1, 1, 0])
    with pytest.warns(ReadingNote):
        assert "no column '5'" in refusal(path, target="5")


def test_a_target_that_is_in_the_first_row_makes_it_a_header(write):
    text = "yes,no\nyes,no\nno,yes\nno,yes\nno,no\n"
    assert list(noted(write("t.csv", text))[0].X.columns) == ["column1", "column2"]
    table, note = noted(write("t.csv", text), target="no")
    assert (table.target, len(table.y), note) == ("no", 4, "")


# Above the table


@pytest.mark.parametrize(
    ("above", "said"),
    [
        ("Monthly report\n", "Monthly report"),
        ("Monthly report, generated 2024-05-01\n\n", "Monthly report generated 2024-05-01"),
        ("Report,,\n,,\n", "Report"),
        ("Station,Berlin\n\n", "Station Berlin"),
        ("Report\nof May\n\n\n", "Report, of May"),
        ("\n\n", ""),
        ("# made by X, in May, at noon\n# more\n", ""),
        ("#\n", ""),
        ("sep=,\n", ""),
    ],
)
def test_what_stands_above_a_table_is_left_out_and_said(write, above, said):
    table, note = noted(write("t.csv", above + "name,x,y\nAnn,1,2\nBob,3,4\n"))
    assert table.X.to_dict("list") == {"name": ["Ann", "Bob"], "x": [1, 3], "y": [2, 4]}
    assert note.partition("left out ")[2] == (f"({said})" if said else "")


def test_a_header_behind_a_number_sign_is_a_header(write):
    assert list(noted(write("t.csv", "# a,b\n1,2\n3,4\n"))[0].X.columns) == ["a", "b"]
    assert list(noted(write("t.csv", "#id,b\n1,2\n3,4\n"))[0].X.columns) == ["#id", "b"]


def test_excel_says_its_delimiter_in_the_first_line(write):
    assert read(write("t.csv", "sep=;\na;b\n1,5;2\n")).X.to_dict("list") == {"a": ["1,5"], "b": [2]}


# A header of two rows

TWO_ROWS = {
    "merged groups": ("Person,,Money,\nid,age,income,spent", ["id", "age", "income", "spent"]),
    "groups that come again": ("Person,Person,Money,Money\nid,age,income,spent", ["id", "age", "income", "spent"]),
    "the last group is merged": ("Person,,Result,\nid,age,income,spent", ["id", "age", "income", "spent"]),
    "names that come again": (",,2023,2024\nid,age,income,income", ["id", "age", "2023 income", "2024 income"]),
    "names in the first row": ("id,Money,,spent\n,age,income,", ["id", "age", "income", "spent"]),
    "a title": ("Report of May\n\nPerson,,Money,\nid,age,income,spent", ["id", "age", "income", "spent"]),
    "units, too": ("Person,,Money,\nid,age,income,spent\n,years,EUR,EUR", ["id", "age", "income", "spent"]),
}


@pytest.mark.parametrize("name", TWO_ROWS)
def test_a_header_of_two_rows_has_its_names_in_the_second(write, name):
    header, names = TWO_ROWS[name]
    table, note = noted(write("t.csv", f"{header}\nK-1,18,1090,5\nK-2,20,2090,6\nK-3,20,3090,7\nK-4,50,10,8\n"))
    assert table.X.to_dict("list") == dict(
        zip(names, [["K-1", "K-2", "K-3", "K-4"], [18, 20, 20, 50], [1090, 2090, 3090, 10], [5, 6, 7, 8]], strict=True)
    )
    assert "the header has two rows (" in note
    assert f"; the names are {', '.join(names)}" in note


def test_a_target_is_found_in_the_second_row_of_a_header(write):
    table, _ = noted(
        write("t.csv", "Person,,Result\nname,sex,bought\nAnn,f,yes\nBob,m,no\nCy,m,yes\n"), target="bought"
    )
    assert (table.X["sex"].tolist(), table.y.tolist()) == (["f", "m", "m"], ["yes", "no", "yes"])


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("name,,x,y\nAnn,a,1,2\nBob,b,3,4\nCy,c,5,6\n", None),  # a column without a name
        ("name,,city\nAnn,likes,Rome\nBob,hates,Oslo\nCy,likes,Rome\n", None),
        ("name,,city\nbad,worse,x\nAnn,a,1\nBob,b,3\nCy,c,5\n", None),  # a row of words that may be data
        ("name,,x,y\nbad,a,b,c\nAnn,a,1,2\nBob,b,3,4\nCy,c,5,6\n", "y"),  # the target is in the first row
    ],
)
def test_a_header_with_a_gap_is_one_row(write, text, target):
    table, note = noted(write("t.csv", text), target=target)
    assert list(table.X.columns)[:2] == ["name", "Unnamed: 1"]
    assert "two rows" not in note


# Between the header and the rows


def test_a_row_of_units_is_left_out_and_said(write):
    table, note = noted(write("t.csv", "time,temp,name\ns,°C,\n1,20.5,x\n2,21,y\n3,22,z\n4,20,z\n"))
    assert table.X["temp"].tolist() == [20.5, 21, 22, 20]
    assert "below the header, s °C is left out" in note


def test_a_ruler_below_the_header_is_left_out(write):
    table, _ = noted(write("t.txt", "name|x\n-----|---\nAnn|1\nBob|2\nCarl|3\n"))
    assert table.X["x"].tolist() == [1, 2, 3]


def test_a_row_of_words_that_come_again_is_a_row(write):
    table, note = noted(write("t.csv", "a,b\nx,y\n1,2\n3,4\n5,6\nx,y\n7,8\n7,8\n7,8\n7,8\n7,8\n7,8\n"))
    assert (len(table.X), note) == (11, "")


# Below the rows


@pytest.mark.parametrize("word", ["Total", "TOTAL:", "Sum", "Grand total", "Summe", "Gesamt"])
def test_a_row_of_totals_is_left_out_and_said(write, word):
    table, note = noted(write("t.csv", f"region,x,y\nN,1,2.5\nS,3,4\n{word},4,6.5\n"), target="y")
    assert table.X.to_dict("list") == {"region": ["N", "S"], "x": [1, 3]}
    assert table.y.tolist() == [2.5, 4]
    assert f"below the rows is left out ({word} 4 6.5)" in note


def test_a_total_that_is_none_is_a_row(write):
    table, note = noted(write("t.csv", "brand,x\nShell,10\nBP,12\nTotal,7\n"))
    assert (table.X["brand"].tolist(), note) == (["Shell", "BP", "Total"], "")


@pytest.mark.parametrize(
    ("remark", "said"),
    [
        ("\nSource: the ministry\n", "Source: the ministry"),
        ("(2 rows affected)\n", "(2 rows affected)"),
        ("\n\n(2 rows)\n\n", "(2 rows)"),
        ("Total,4,6\n\nSource: X\n", "Total 4 6, Source: X"),
        ("# end of file\n", "# end of file"),
        (",,\n,,\n,,\n", ""),
        (",,\nNote,,\n,,\n", "Note"),
    ],
)
def test_what_stands_below_the_rows_is_left_out_and_said(write, remark, said):
    table, note = noted(write("t.csv", "name,x,y\nAnn,1,2\nBob,3,4\n" + remark))
    assert table.X.to_dict("list") == {"name": ["Ann", "Bob"], "x": [1, 3], "y": [2, 4]}
    assert note.partition("left out ")[2] == (f"({said})" if said else "")


@pytest.mark.parametrize("text", ["a,b\n1,2\n3,\n", "a\n1\nx y\n", 'a,b\n1,"x\ny z"\n', "a,b\n1,2\nx,\n"])
def test_a_last_row_with_gaps_is_a_row(write, text):
    table, note = noted(write("t.csv", text))
    assert (len(table.X), note) == (len(text.replace("\ny", "").splitlines()) - 1, "")


# What programs write


def test_row_names_of_r_are_a_column(write):
    table, note = noted(write("t.csv", '"mpg","cyl"\n"Mazda RX4",21,6\n"Datsun 710",22.8,4\n'))
    assert list(table.X.columns) == ["row", "mpg", "cyl"]
    assert "one name less" in note
    assert list(noted(write("u.csv", "mpg cyl\n1 21 6\n2 22 4\n".replace(" ", ",")))[0].X.columns) == [
        "row",
        "mpg",
        "cyl",
    ]
    assert list(read(write("v.csv", '"","mpg"\n"1",21\n"2",22\n')).X.columns) == ["Unnamed: 0", "mpg"]


@pytest.mark.parametrize(
    "text",
    ['"id","x"\n"1","K-1",yes\n"2","K-1",no\n', "S1,S2\nG1,1,2.5\nG2,2,4\n", "id,x\n1,K-1,yes\n2,K-2,no\n"],
)
def test_row_names_of_r_are_told_by_quotes_by_counting_and_by_numbers(write, text):
    table, note = noted(write("t.csv", text))
    assert table.X.columns[0] == "row"
    assert "as R writes it; the first column is 'row'" in note


def test_a_column_without_a_name_behind_a_column_of_keys_does_not_move_the_names(write):
    table, note = noted(
        write("t.csv", "id,age,bought\nK-1,18,yes,called\nK-2,18,no,mailed\nK-3,20,no,x\n"), target="bought"
    )
    assert table.X.to_dict("list") == {
        "id": ["K-1", "K-2", "K-3"], "age": [18, 18, 20], "Unnamed: 3": ["called", "mailed", "x"]
    }  # fmt: skip
    assert table.y.tolist() == ["yes", "no", "no"]
    assert "the last column has no name in the header, and is called 'Unnamed: 3'" in note


@pytest.mark.parametrize(
    "text",
    ["shop,age\nK-1,18,yes\nK-2,18,no\n", "id,age\nK-1,18,yes\nK-2,19,no\n", "id,age\n1,18,yes\n2,18,no\n"],
)
def test_which_column_has_no_name_is_not_guessed(write, text):
    assert "the first row has 3 fields, the header has 2; name each column there" in refusal(write("t.csv", text))


@pytest.mark.parametrize("text", ["a,b,\n1,2,\n3,4,\n", "a,b\n1,2,\n3,4,\n", "a,b,,\n1,2,,\n3,4,,\n"])
def test_delimiters_at_the_end_of_each_row_make_no_columns(write, text):
    assert read(write("t.csv", text)).X.to_dict("list") == {"a": [1, 3], "b": [2, 4]}


def test_the_line_of_an_error_is_the_line_of_the_file(write):
    assert "Expected 2 fields in line 6, saw 3" in refusal(write("t.csv", "Title\n\na,b\n1,2\n1,2\n3,4,5\n"))
