"""Hostile files of Excel, JSON, Arrow and archives: one clear error, in bounded memory and time."""

import bz2
import io
import json
import lzma
import zipfile
from contextlib import suppress

import numpy as np
import openpyxl
import pyarrow as pa
import pytest

from chainrule.readers import common, read, sheets
from support.files import MIB, refusal


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A small room, so that small bombs are too large for it."""
    monkeypatch.setattr(common, "TIMES", 16)
    monkeypatch.setattr(common, "MORE", 16 * MIB)


def test_packed_zeros_are_not_unpacked(write):
    text = b"a,b\n" + bytes(20 * MIB)
    packed = {"bz2": bz2.compress(text), "xz": lzma.compress(text), "zst": pa.compress(text, "zstd", asbytes=True)}
    for ending, data in packed.items():
        assert "opens to" in refusal(write(f"t.csv.{ending}", data))


@pytest.mark.parametrize("name", ["t.csv", "t.xlsx", "t.json"])
def test_a_bomb_in_an_archive_is_not_unpacked(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "t.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, bytes(40 * MIB))
    assert "it opens to 40 MiB or more" in refusal(tmp_path / "t.zip")


@pytest.mark.parametrize("lie", [10, 2**31])
def test_an_archive_that_lies_about_a_size_is_refused(tmp_path, lie):
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", b"a,b\n" + b"1,2\n" * 10_000)
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\1\2")
    data[entry + 24 : entry + 28] = lie.to_bytes(4, "little")
    path.write_bytes(data)
    assert "t.zip: " in refusal(path)


# Excel


@pytest.fixture
def workbook(tmp_path):
    """A workbook whose only sheet is what is given, in XML."""

    def workbook(sheet, **others):
        buffer = io.BytesIO()
        openpyxl.Workbook().save(buffer)
        path = tmp_path / "t.xlsx"
        with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                head = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
                given = head + sheet + b"</sheetData></worksheet>" if name.endswith("sheet1.xml") else old.read(name)
                new.writestr(name, others.get(name, given))
        return path

    return workbook


def row(number, *cells):
    text = "".join(f'<c r="{place}{number}"><v>{value}</v></c>' for place, value in cells)
    return f'<row r="{number}">{text}</row>'.encode()


def test_a_sheet_is_read_by_its_cells_and_not_by_what_it_says_of_its_size(workbook):
    path = workbook(row(1, ("A", 1.5), ("B", 2)) + row(2, ("A", 2.5), ("B", 3)))
    with pytest.warns(UserWarning, match="looks like data"):
        assert read(path).X.to_dict("list") == {"column1": [1.5, 2.5], "column2": [2, 3]}


@pytest.mark.timeout(60)
def test_a_cell_far_away_does_not_fill_the_memory(workbook):
    names = b'<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>'
    assert "opens to" in refusal(workbook(names + row(1_048_576, ("XFD", 1))))
    assert "more rows or cells than Excel writes" in refusal(workbook(names + row(10**12, ("A", 1))))


@pytest.mark.timeout(60)
def test_empty_rows_by_the_thousand_are_no_rows(workbook):
    names = b'<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>'
    empty = b"".join(b'<row r="%d"></row>' % number for number in range(3, 30_000))
    assert read(workbook(names + row(2, ("A", 7)) + empty)).X.to_dict("list") == {"a": [7]}


@pytest.mark.timeout(60)
def test_wide_rows_take_the_time_of_their_cells(workbook, monkeypatch):
    monkeypatch.setattr(sheets, "_MOST_CELLS", 200_000)
    rows = b"".join(row(number, ("XFD", 1)) for number in range(1, 2000))
    assert "more rows or cells than Excel writes" in refusal(workbook(rows))


def test_entities_within_entities_are_refused(workbook):
    entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">{entities}]>'
    text = bomb + '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>&a11;</t></si></sst>'
    path = workbook(row(1, ("A", 1)), **{"xl/workbook.xml": text})
    assert "not readable as Excel" in refusal(path)


def test_a_workbook_packed_too_well_is_refused(workbook):
    assert "it opens to" in refusal(workbook(b" " * 40 * MIB))


# JSON


@pytest.mark.parametrize(
    "text",
    [
        "[" * 4 * MIB,
        "[" + "[]," * 2 * MIB + "[]]",
        json.dumps([{f"c{i}": 1} for i in range(3000)]),
        json.dumps({f"c{i}": {str(i): 1} for i in range(3000)}),
    ],
    ids=["deep", "lists", "a column for each row", "a row for each column"],
)
@pytest.mark.timeout(60)
def test_json_that_becomes_too_large_is_refused(write, monkeypatch, text):
    monkeypatch.setattr(common, "MORE", MIB)
    message = refusal(write("t.json", text))
    assert "opens to" in message or "not readable as JSON" in message or "no table that is known" in message


def test_the_columns_of_records_are_counted(write, monkeypatch):
    monkeypatch.setattr("chainrule.readers.records.MOST_COLUMNS", 1000)
    assert "more than 1,000 different columns" in refusal(
        write("t.json", json.dumps([{f"c{i}": 1 for i in range(1001)}]))
    )


# Arrow


def written(path, table, **options):
    with (
        pa.OSFile(str(path), "wb") as file,
        pa.ipc.new_file(file, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer,
    ):
        writer.write_table(table)
    return path


@pytest.mark.parametrize("packing", ["zstd", "lz4"])
def test_packed_buffers_are_measured_before_they_are_unpacked(tmp_path, packing):
    path = written(tmp_path / "t.arrow", pa.table({"a": np.zeros(5 * MIB)}), compression=packing)
    assert "it opens to 40 MiB or more" in refusal(path)


def test_rows_that_take_no_room_in_the_file_are_counted(tmp_path):
    assert "opens to" in refusal(written(tmp_path / "t.arrow", pa.table({"a": pa.nulls(10 * MIB)})))


def test_a_text_for_many_rows_is_counted_for_each(tmp_path):
    long = pa.array(["b" * MIB], pa.string_view())
    buffers = long.buffers()
    views = pa.py_buffer(buffers[1].to_pybytes() * 100)
    column = pa.Array.from_buffers(pa.string_view(), 100, [None, views, *buffers[2:]])
    assert "its text opens to 100 MiB" in refusal(written(tmp_path / "t.arrow", pa.table({"a": column})))


@pytest.mark.parametrize("shift", range(0, 64, 8))
def test_an_arrow_file_with_damaged_lengths_is_refused_or_read(tmp_path, shift):
    path = written(tmp_path / "t.arrow", pa.table({"a": ["x", "yy"], "b": [1, 2]}), compression="zstd")
    data = path.read_bytes()
    for at in range(8 + shift, len(data) - 8, 64):
        path.write_bytes(data[:at] + b"\xff" * 8 + data[at + 8 :])
        with suppress(common.ReaderError):
            read(path)
