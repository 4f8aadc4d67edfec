"""Text, whole numbers and names come out of a file as they went in, or an error says where they cannot."""

import base64
import codecs
import datetime
import json
import os

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from chainrule.errors import TextEncodingWarning
from chainrule.readers import read
from support.files import refusal

LARGE = 2**53 + 1  # as a float it is 2⁵³

# The encodings of text

TEXT = "größe,b\nñ,1\n"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_every_byte_order_mark_is_known(write, mark, encoding):
    table = read(write("t.csv", mark + TEXT.encode(encoding)))
    assert table.X.to_dict("list") == {"größe": ["ñ"], "b": [1]}


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_without_a_mark_the_zeros_tell_the_encoding_and_a_note_says_so(write, encoding):
    with pytest.warns(TextEncodingWarning, match=f"not UTF-8, read as {encoding.upper()}"):
        table = read(write("t.csv", TEXT.encode(encoding)))
    assert table.X.to_dict("list") == {"größe": ["ñ"], "b": [1]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (codecs.BOM_UTF32_LE + "a,b\n".encode("utf-32-le")[:-1], "binary data or an unknown encoding"),
        (codecs.BOM_UTF32_LE + b"\0\0\x11\0" * 9, "binary data or an unknown encoding"),
        (b"a\0\1\0b\0\n\0", "binary data or an unknown encoding"),
        (b"a\0b\0\0\xd8", "binary data or an unknown encoding"),
        (b"+/v8-a,b\n1,2\n", "begins with the mark of UTF-7; save it as UTF-8"),
        ("name,size\nSmith,12\n".encode("cp500"), "looks like EBCDIC; save it as UTF-8"),
    ],
)
def test_what_is_no_text_of_ours_is_said(write, content, words):
    assert words in refusal(write("t.csv", content))


@pytest.mark.parametrize("code", [0x110000, 0xFFFFFFFF, 0xD800, 0xDFFF])
@pytest.mark.parametrize("key", ["y", "class_names"])
@pytest.mark.parametrize("order", "<>")
def test_code_points_that_no_text_has_are_named_with_their_array_and_row(savez, code, key, order):
    text = np.array(["ab", "cd", "ef"], f"{order}U2")
    text.view(f"{order}u4")[3] = code
    path = savez(**{"X": np.ones((3, 2)), "y": [0, 1, 2], key: text})
    assert f"{key!r} is no text in row 2: its code point {code:#x} is not Unicode's" in refusal(path)


def test_bytes_that_are_no_text_are_named_with_their_array_and_row(savez, save_h5):
    words = r"'y' is no UTF-8 text in row 2 (b'\xff'), wanted numbers or text"
    assert words in refusal(savez(X=np.ones((3, 2)), y=[b"a", b"\xff", b"b"]))
    assert words in refusal(save_h5(X=np.ones((3, 2)), y=np.array([b"a", b"\xff", b"b"])))
    assert words in refusal(save_h5(X=np.ones((3, 2)), y=np.array([b"a", b"\xff", b"b"], h5py.string_dtype())))


# Parquet's types


def table_of(path, values, target="c", **options):
    parquet.write_table(pa.table({"x": np.arange(float(len(values))), "c": values}), path / "t.parquet", **options)
    return path / "t.parquet"


def test_bytes_in_a_target_are_text_or_named(tmp_path):
    y = read(table_of(tmp_path, pa.array([b"p", None, "ñ".encode()])), target="c").y
    assert [None if pd.isna(value) else value for value in y] == ["p", None, "ñ"]
    for values in (pa.array([b"p", b"\xff"]), pa.array([b"p", b"\xff"], pa.binary(1))):
        path = table_of(tmp_path, values)
        assert r"column 'c' holds bytes that are no UTF-8 text in row 2 (b'\xff')" in refusal(path, target="c")
        assert read(path, target="x").X["c"].tolist() == [b"p", b"\xff"]


def test_a_text_column_that_is_no_text_is_named(tmp_path):
    damaged = pa.Array.from_buffers(pa.string(), 3, pa.array([b"p", b"q", b"\xff"]).buffers())
    assert "column 'c' is no UTF-8 text in row 3; write it anew" in refusal(table_of(tmp_path, damaged))


def test_a_column_that_pandas_cannot_hold_is_named(tmp_path):
    zone = pa.array([1, 2], pa.timestamp("us", tz="Nowhere/There"))
    assert "not readable as column 'c' of timestamp[us, tz=Nowhere/There]" in refusal(table_of(tmp_path, zone))


@pytest.mark.parametrize("day", [datetime.date(1, 1, 1), datetime.date(9999, 12, 31)])
def test_dates_of_every_year_are_dates(tmp_path, day):
    dates = read(table_of(tmp_path, pa.array([day, None, datetime.date(2024, 1, 31)]))).X["c"]
    assert [str(date)[:10] for date in dates] == [str(day), "NaT", "2024-01-31"]


@pytest.mark.parametrize("plaintext_footer", [False, True])
def test_an_encrypted_file_is_called_so(tmp_path, plaintext_footer):
    encryption = pytest.importorskip("pyarrow.parquet.encryption")

    class Keys(encryption.KmsClient):
        def wrap_key(self, key, name):
            return base64.b64encode(key)

    given = encryption.EncryptionConfiguration("f", column_keys={"k": ["c"]}, plaintext_footer=plaintext_footer)
    properties = encryption.CryptoFactory(lambda _: Keys()).file_encryption_properties(
        encryption.KmsConnectionConfig(), given
    )
    path = table_of(tmp_path, [1, 2], encryption_properties=properties)
    assert refusal(path).endswith("t.parquet: is encrypted; save it without encryption")


# Whole numbers


@pytest.mark.parametrize(
    "values",
    [
        [LARGE, LARGE + 1, None],
        [-LARGE, None, LARGE],
        [2**63 - 1, 2**63 - 2, None],
        [2**64 - 1, 2**64 - 2],
        [2**64 - 1, None, 2**64 - 2],
        [2**64 - 1, None, -1],
        [2**64, 2**64 + 1, None],
        [LARGE, LARGE + 1, 1],
    ],
)
def test_whole_numbers_of_a_text_are_never_rounded(write, values):
    lines = "".join(f"{'' if value is None else value},1.5\n" for value in values)
    y = read(write("t.csv", f"c,x\n{lines}"), target="c").y
    assert [None if pd.isna(value) else int(value) for value in y] == values


def test_a_number_that_is_too_large_for_a_whole_one_stays_a_float(write):
    assert read(write("t.csv", "c,x\n1e300,1\n,2\n1.5,3\n")).X["c"].dropna().tolist() == [1e300, 1.5]


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64()])
@pytest.mark.parametrize("encoded", [False, True])
def test_whole_numbers_of_parquet_are_never_rounded(tmp_path, kind, encoded):
    values = [LARGE, None, LARGE + 1, 1]
    column = pa.array(values, kind)
    y = read(table_of(tmp_path, column.dictionary_encode() if encoded else column), target="c").y
    assert [None if pd.isna(value) else int(value) for value in y] == values
    small = read(table_of(tmp_path, pa.array([1, None, 2])), target="c").y
    assert small.dtype == np.float64


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_whole_numbers_of_arrays_are_never_rounded(savez, save_h5, dtype):
    y = np.array([LARGE, LARGE + 1, 1], dtype)
    for path in (savez(X=np.ones((3, 1)), y=y), save_h5(X=np.ones((3, 1)), y=y)):
        assert read(path).y.tolist() == y.tolist()


# Names


@pytest.fixture
def pets(tmp_path):
    rng = np.random.default_rng(0)
    for label in (b"caf\xe9", b"dog"):
        try:
            os.makedirs(os.path.join(os.fsencode(tmp_path), b"p\xff", label))
        except OSError:
            pytest.skip("names are UTF-8 here")
        for i in range(8):
            picture = Image.fromarray(rng.integers(200, size=(4, 4, 3), dtype=np.uint8))
            picture.save(tmp_path / os.fsdecode(b"p\xff") / os.fsdecode(label) / os.fsdecode(b"\xfe%d.png" % i))
    return tmp_path / os.fsdecode(b"p\xff")


def test_names_that_are_no_utf8_are_shown_by_their_bytes(pets):
    table = read(pets)
    assert table.name == r"p\xff"
    assert table.files[0] == r"caf\xe9/\xfe0.png"
    assert set(table.y) == {r"caf\xe9", "dog"}
    assert read(pets / "dog").files[1] == r"\xfe1.png"


def test_pictures_whose_names_are_no_utf8_train_and_are_predicted(pets, tmp_path, monkeypatch, capsys):
    from chainrule.cli import main

    def run(*words):
        with pytest.raises(SystemExit) as ended:
            main([*map(str, words)])
        assert not ended.value.code
        return capsys.readouterr().out

    monkeypatch.chdir(tmp_path)
    run("train", pets, "--image-size", "4", "--epochs", "1", "--out", "m.chainrule")
    answers = json.loads(run("predict", "m.chainrule", pets, "--json"))["predictions"]
    assert answers[0]["file"] == r"caf\xe9/\xfe0.png"
    for name, reader in (("p.csv", pd.read_csv), ("p.parquet", pd.read_parquet), ("p.json", pd.read_json)):
        run("predict", "m.chainrule", pets, "--out", name)
        assert reader(tmp_path / name)["file"].tolist() == [answer["file"] for answer in answers]
