"""Tables in Excel, JSON, Arrow and archives, and by standard input."""

import bz2
import datetime as dt
import gzip
import io
import json
import lzma
import sys
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather

from chainrule.errors import ReadingNote
from chainrule.readers import read
from support.files import refusal

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, np.nan, 1e300], "c": ["x", "y", None], "d": [True, False, True]})


def cells(column):
    return [None if pd.isna(value) else value for value in column]


@pytest.fixture
def excel(tmp_path):
    """A workbook of sheets, each a list of rows."""

    def excel(sheets, name="t.xlsx"):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
        book.save(tmp_path / name)
        return tmp_path / name

    return excel


# The same table in every format


def test_the_same_table_comes_out_of_every_format(tmp_path, write):
    lines = FRAME.to_json(orient="records", lines=True)
    text = FRAME.to_csv(index=False).encode()
    paths = [
        *(write(f"t.{ending}", FRAME.to_json(orient=form)) for ending, form in (("json", "records"),)),
        *(write(f"{form}.json", FRAME.to_json(orient=form)) for form in ("columns", "index", "split", "table")),
        write("lists.json", json.dumps({name: cells(FRAME[name]) for name in FRAME})),
        write("wrapped.json", json.dumps({"ok": True, "rows": json.loads(FRAME.to_json(orient="records"))})),
        *(write(f"t.{ending}", lines) for ending in ("jsonl", "ndjson")),
        write("lines.json", lines),
        write("t.json.gz", gzip.compress(lines.encode())),
        write("t.csv.bz2", bz2.compress(text)),
        write("t.csv.xz", lzma.compress(text)),
        write("t.csv.zst", pa.compress(text, "zstd", asbytes=True)),
    ]
    FRAME.to_excel(tmp_path / "t.xlsx", index=False)
    FRAME.to_feather(tmp_path / "t.feather")
    FRAME.to_feather(tmp_path / "plain.feather", compression="uncompressed")
    with pa.OSFile(str(tmp_path / "t.arrow"), "wb") as file, pa.ipc.new_stream(file, pa.table(FRAME).schema) as stream:
        stream.write_table(pa.table(FRAME))
    with zipfile.ZipFile(tmp_path / "t.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._t.csv", b"junk")
        archive.writestr("readme.txt", b"about")
        archive.writestr("folder/t.csv", text)
    paths += [tmp_path / name for name in ("t.xlsx", "t.feather", "plain.feather", "t.arrow", "t.zip")]
    for path in paths:
        table = read(path, target="c")
        X = table.X.drop(columns="index", errors="ignore")
        assert list(X.columns) == ["a", "b", "d"], path
        assert X.dtypes.map(str).tolist() == ["int64", "float64", "bool"], path
        assert cells(X["b"]) == [0.5, None, 1e300], path
        assert (cells(table.y), table.name) == (["x", "y", None], path.name)


@pytest.mark.parametrize("name", ["t.csv.bz2", "t.csv.xz", "t.csv.zst", "t.jsonl.xz"])
@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"BZh9junk", b"\xfd7zXZ\0junk", b"\x28\xb5\x2f\xfdjunk"])
def test_what_cannot_be_unpacked_is_refused(write, name, content):
    assert f"{name}: " in refusal(write(name, content))


# JSON


def test_records_within_records_become_columns_and_lists_are_left_out(write):
    rows = [{"a": 1, "at": {"lat": 1.5, "lon": 2}, "tags": ["u"]}, {"a": 2, "at": {"lat": 2.5}, "tags": []}, {"b": "x"}]
    with pytest.warns(ReadingNote, match="columns that hold lists are left out: tags"):
        table = read(write("t.json", json.dumps(rows)))
    assert list(table.X.columns) == ["a", "at.lat", "at.lon", "b"]
    assert [cells(table.X[name]) for name in table.X] == [
        [1, 2, None],
        [1.5, 2.5, None],
        [2, None, None],
        [None, None, "x"],
    ]


def test_one_record_is_one_row(write):
    assert read(write("t.json", '{"a": 1, "b": "x"}')).X.to_dict("list") == {"a": [1], "b": ["x"]}
    assert read(write("t.jsonl", '{"a": 1, "b": "x"}')).X.to_dict("list") == {"a": [1], "b": ["x"]}


def test_rows_of_values_have_their_names_in_the_first_or_none(write):
    assert read(write("t.json", '[["a", "b"], [1, "x"], [2, "y"]]')).X.to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    assert list(read(write("t.json", "[[1, 2], [3, 4]]")).X.columns) == ["column1", "column2"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2**53 + 1, None, 1], [2**53 + 1, None, 1]),
        ([2**64 - 1, 1], [2**64 - 1, 1]),
        ([2**64 - 1, None], [2**64 - 1, None]),
        ([1, None], [1.0, None]),
        ([1, "7", "?"], ["1", "7", "?"]),
        ([1.5, "x", None], ["1.5", "x", None]),
        (["007", "7"], ["007", "7"]),
        ([" x ", ""], ["x", None]),
        (["NA", "x"], ["NA", "x"]),
        ([True, None], [True, None]),
        ([None, None], [None, None]),
        ([float("nan"), 1], [None, 1]),
    ],
)
def test_values_of_json_stay_what_they_are(write, values, expected):
    path = write("t.json", json.dumps([{"x": 0, "y": value} for value in values]))
    assert cells(read(path, target="y").y) == expected
    assert cells(read(path, target="x").X["y"]) == [None if value == "NA" else value for value in expected]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not readable as JSON"),
        ("[]", "no table that is known in JSON, wanted a list of records"),
        ("7", "no table that is known"),
        ('{"a": 1, "b": [1]}', "no table that is known"),
        ('{"columns": ["a", "b"], "data": [[1, 2], [3]]}', "row 2 has 1 values, wanted a list of 2"),
        ('[{"a": 1}, 2]', "no table that is known"),
        ('[{"a": [1]}]', "every column holds lists"),
        ('[{"a.b": 1, "a": {"b": 2}}]', "record 1 has 'a.b' twice"),
        ('{"a": 1}\n{"a": }\n', "line 2 is no JSON: Expecting value"),
        ('{"a": 1}\n[2]\n', "line 2 is no record"),
        ("[" * 100_000, "not readable as JSON"),
        ('[{"a": ' + "9" * 5000 + "}]", "not readable as JSON: Exceeds the limit"),
    ],
)
def test_json_that_is_no_table_is_refused(write, content, words):
    assert words in refusal(write("t.json", content))


# Excel


def test_a_sheet_is_read_as_a_text_would_be(excel):
    rows = [
        ["Report of May"],
        [],
        [None, "name", "born", "x", "code", "n"],
        [None, "Ann", dt.datetime(1990, 5, 1), 1.5, "007", 1],
        [None, " Bob ", dt.datetime(9999, 12, 31), "#DIV/0!", "07", 2],
        [None, "Cy", None, None, "", 4],
        [None, "Total", None, 1.5, None, 7],
        [],
        [None, "Source: the ministry"],
    ]
    rows = [["Report of May"], [], *(row[1:] for row in rows[2:])]
    with pytest.warns(ReadingNote) as noted:
        table = read(excel({"A": [[None, *row] for row in rows]}), target="code")
    assert list(table.X.columns) == ["name", "born", "x", "n"]
    assert table.X["name"].tolist() == ["Ann", "Bob", "Cy"]
    assert [str(born)[:10] for born in table.X["born"]] == ["1990-05-01", "9999-12-31", "NaT"]
    assert cells(table.X["x"]) == [1.5, None, None]
    assert cells(table.y) == ["007", "07", None]
    said = " ".join(str(each.message) for each in noted)
    assert "above the table is left out (Report of May)" in said
    assert "below the rows is left out (Total 1.5 7, Source: the ministry)" in said


def test_a_sheet_without_a_header_is_noticed(excel):
    path = excel({"A": [[1.5, 2, "x"], [2.5, 3, "y"], [2.5, 4, "x"]]})
    with pytest.warns(ReadingNote, match="looks like data"):
        assert list(read(path).X.columns) == ["column1", "column2", "column3"]
    assert list(read(path, header=True).X.columns) == ["1.5", "2", "x"]
    assert read(excel({"A": [["country", 2019, 2020], ["A", 1, 2], ["B", 3, 4]]})).X.columns.tolist()[1:] == [
        "2019",
        "2020",
    ]


def test_a_column_of_a_sheet_without_a_heading_does_not_move_the_names(excel):
    rows = [["id", "age", "bought"], ["K-1", 18, "yes", "called"], ["K-2", 20, "no", "mailed"], ["K-3", 30, "no", "?"]]
    table = read(excel({"A": rows}), target="bought")
    assert list(table.X.columns) == ["id", "age", "Unnamed: 3"]
    assert (table.X["age"].tolist(), table.y.tolist()) == ([18, 20, 30], ["yes", "no", "no"])


@pytest.mark.parametrize("groups", [["Person", None, "Money", "Result"], ["Person", None, "Result", None]])
def test_names_below_merged_cells_of_a_sheet_are_the_names(excel, groups):
    rows = [["id", "age", "income", "bought"], ["K-1", 18, 100, "yes"], ["K-2", 20, 200, "no"], ["K-3", 30, 300, "no"]]
    with pytest.warns(ReadingNote, match="the names are id, age, income, bought"):
        table = read(excel({"A": [groups, *rows]}), target="bought")
    assert table.X.to_dict("list") == {"id": ["K-1", "K-2", "K-3"], "age": [18, 20, 30], "income": [100, 200, 300]}
    assert table.y.tolist() == ["yes", "no", "no"]


def test_of_several_sheets_the_first_that_has_something_is_read_and_the_others_said(excel):
    path = excel({"notes": [], "A": [["x", "y"], [1, 2]], "B": [["z"], [3]], "empty": []})
    with pytest.warns(ReadingNote, match=r"read is the sheet 'A', not 'B'; say --sheet 'B' \(sheet=\) for another"):
        assert read(path).X.to_dict("list") == {"x": [1], "y": [2]}
    for sheet in ("B", "3"):
        assert read(path, sheet=sheet).X.to_dict("list") == {"z": [3]}
    assert refusal(path, sheet="b").endswith("no sheet 'b'. Did you mean 'B'? Sheets: 'notes', 'A', 'B', 'empty'")
    assert "no examples" in refusal(path, sheet="empty") or "is empty" in refusal(path, sheet="empty")


def test_a_sheet_of_remarks_is_no_table_beside_one(excel):
    path = excel({"Read me": [["Sales of May"], ["Ask Ann"]], "A": [["x", "y"], [1, 2], [3, 4]]})
    with pytest.warns(ReadingNote, match=r"read is the sheet 'A', not 'Read me'; say --sheet 'Read me'"):
        assert read(path).X.to_dict("list") == {"x": [1, 3], "y": [2, 4]}


def test_the_sheet_that_has_the_target_is_read(excel):
    people, sales = [["name", "age"], ["Ann", 20], ["Bob", 30]], [["x", "sold\nat all"], [1, 2], [3, 4]]
    path = excel({"people": people, "sales": sales, "empty": []})
    with pytest.warns(ReadingNote, match="read is the sheet 'sales', which has the column 'sold at all', not 'people'"):
        assert read(path, target="sold at all").y.tolist() == [2, 4]
    with pytest.warns(ReadingNote, match="read is the sheet 'people', not 'sales'"):
        assert read(path, target="age").y.tolist() == [20, 30]
    with pytest.warns(ReadingNote, match="read is the sheet 'people', not 'sales'"):
        assert "no column 'z'. Columns: 'name', 'age'" in refusal(path, target="z")
    path = excel({"people": people, "May": sales, "June": sales})
    assert "'sold at all' is on several sheets: 'May', 'June'; say which (--sheet 'May'" in refusal(
        path, target="sold at all"
    )


def test_what_is_left_out_of_a_sheet_that_was_asked_for_is_said(excel):
    path = excel({"A": [["Report"], [], ["name", "x"], ["Ann", 1], ["Bob", 2], ["Total", 3]], "B": [["z"], [1]]})
    with pytest.warns(ReadingNote) as noted:
        assert read(path, sheet="A").X.to_dict("list") == {"name": ["Ann", "Bob"], "x": [1, 2]}
    said = [str(each.message).partition(": ")[2] for each in noted]
    assert said == [
        "what stands above the table is left out (Report)",
        "what stands below the rows is left out (Total 3)",
    ]


@pytest.mark.parametrize("form", ["0%", "0.00%", "0%;[Red]-0%", '0.0\\ "p"%'])
def test_percents_of_a_sheet_are_what_they_show(tmp_path, form):
    book = openpyxl.Workbook()
    values = [0.33, 1, 0.07, -0.125, None, 0, 1e-9, 1e300]
    for row in (["x", "share"], *([i, value] for i, value in enumerate(values))):
        book.active.append(row)
    for row in range(2, len(values) + 2):
        book.active.cell(row, 2).number_format = form
    book.save(tmp_path / "t.xlsx")
    table = read(tmp_path / "t.xlsx")
    assert table.X["x"].tolist() == [*range(len(values))]
    assert cells(table.X["share"]) == ["33%", "100%", "7%", "-12.5%", None, "0%", "1e-07%", "1e+302%"]


@pytest.mark.parametrize("form", ["General", "0.00", '0"%"', "0\\%", "0_%"])
def test_a_percent_sign_that_is_but_shown_changes_no_number(tmp_path, form):
    book = openpyxl.Workbook()
    for row in (["x", "y"], [0.33, 1], [0.5, 2]):
        book.active.append(row)
        book.active.cell(book.active.max_row, 1).number_format = form
    book.save(tmp_path / "t.xlsx")
    assert read(tmp_path / "t.xlsx").X["x"].tolist() == [0.33, 0.5]


def test_merged_cells_have_their_value_in_all_rows(excel):
    rows = [["city", "age", "income"], ["Bonn", 1, 10], [None, 2, None], [None, 3, 12], ["Ulm", 4, 13], [None, 5, 14]]
    path = excel({"A": [["Report"], [None, *rows[0]], *([None, *row] for row in rows[1:])]})
    book = openpyxl.load_workbook(path)
    for merged in ("A1:D1", "B3:B5", "B6:B7", "D3:D4"):
        book["A"].merge_cells(merged)
    book.save(path)
    with pytest.warns(ReadingNote) as noted:
        table = read(path)
    assert table.X.to_dict("list") == {
        "city": ["Bonn", "Bonn", "Bonn", "Ulm", "Ulm"],
        "age": [1, 2, 3, 4, 5],
        "income": [10, 10, 12, 13, 14],
    }
    assert "of merged cells, each row has the value (city, income)" in str(noted[-1].message)


def test_headings_that_are_merged_with_the_row_below_are_names(excel):
    rows = [["id", "Money", None, "bought"], [None, "income", "spent", None], ["K-1", 1, 2, "yes"], ["K-2", 3, 4, "no"]]
    path = excel({"A": [*rows, ["K-3", 5, 6, "no"]]})
    book = openpyxl.load_workbook(path)
    for merged in ("A1:A2", "B1:C1", "D1:D2"):
        book["A"].merge_cells(merged)
    book.save(path)
    with pytest.warns(ReadingNote) as noted:
        table = read(path, target="bought")
    assert table.X.to_dict("list") == {"id": ["K-1", "K-2", "K-3"], "income": [1, 3, 5], "spent": [2, 4, 6]}
    assert table.y.tolist() == ["yes", "no", "no"]
    assert not any("of merged cells" in str(each.message) for each in noted)


def test_hidden_sheets_are_not_read(excel):
    path = excel({"A": [["x"], [1]], "B": [["y"], [2]]})
    book = openpyxl.load_workbook(path)
    book["A"].sheet_state = "hidden"
    book.active = 1
    book.save(path)
    assert list(read(path).X.columns) == ["y"]


def test_sheet_is_for_excel_only(write):
    assert "sheet goes with Excel (.xlsx) only" in refusal(write("t.csv", "a\n1\n"), sheet="A")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not readable as Excel"),
        (b"junk", "not readable as Excel"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "has a password or is an old .xls file"),
        (b"PK\5\6" + bytes(18), "not readable as Excel"),
    ],
)
def test_what_is_no_workbook_is_refused(write, content, words):
    assert words in refusal(write("t.xlsx", content))


def test_a_workbook_of_empty_sheets_is_refused(excel):
    assert "its 2 sheets are empty" in refusal(excel({"A": [], "B": []}))


# Arrow


def test_types_of_arrow_that_pandas_has_not_are_read_all_the_same(tmp_path):
    text = ["a", None, "b" * 100]
    table = pa.table({"v": pa.array(text, pa.string_view()), "n": pa.array([2**53 + 1, None, 1]), "l": [[1], [2], [3]]})
    feather.write_feather(table, tmp_path / "t.feather")
    with pytest.warns(ReadingNote, match=r"left out \(l: list<element: int64>\)|left out \(l: list<item: int64>\)"):
        read_back = read(tmp_path / "t.feather").X
    assert cells(read_back["v"]) == text
    assert cells(read_back["n"]) == [2**53 + 1, None, 1]


@pytest.mark.parametrize("content", [b"", b"ARROW1\0\0", b"ARROW1\0\0junkjunkjunk", b"FEA1" + bytes(40)])
def test_what_is_no_arrow_is_refused(write, content):
    assert "t.feather: " in refusal(write("t.feather", content))


# Archives


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "no table () in the archive, wanted one (.csv"),
        (["a.csv", "b.csv"], "2 tables (a.csv, b.csv) in the archive, wanted one (.csv"),
        (["a.png"], "no table (a.png) in the archive"),
        (["../a.csv"], "a path to elsewhere"),
        (["a.zip"], "no table (a.zip)"),
    ],
)
def test_an_archive_without_one_table_is_refused(tmp_path, names, words):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        for name in names:
            archive.writestr(name, "a,b\n1,2\n")
    assert words in refusal(tmp_path / "t.zip")


# Standard input


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,x\n2,y\n",
        b"a\tb\n1\tx\n2\ty\n",
        b'[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]',
        b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n',
    ],
)
def test_standard_input_is_text_or_json(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    table = read("-", target="b")
    assert (table.name, table.X["a"].tolist(), table.y.tolist()) == ("standard input", [1, 2], ["x", "y"])


def test_standard_input_that_is_no_table_is_refused(monkeypatch):
    for content, words in ((b"", "the file is empty"), (b"\0\1\2\3\4", "binary data")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert f"standard input: {words}" in refusal("-")


def test_an_absent_extra_is_named_for_every_format(write, monkeypatch):
    for module, name in (("openpyxl", "t.xlsx"), ("pyarrow", "t.feather"), ("pyarrow", "t.csv.zst")):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            assert 'pip install "chainrule[data]"' in refusal(write(name, b"junk"))
