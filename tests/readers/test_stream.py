"""Tables some rows at a time: the same table in pieces, in a memory that does not grow with the file."""

import bz2
import gzip
import io
import itertools
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from chainrule.errors import ReadingNote
from chainrule.readers import ReaderError, batches, read, stream
from support.files import MIB

ROWS = 5000


@pytest.fixture
def small(monkeypatch):
    """Nothing but the first 4 KiB of a file is read at once."""
    monkeypatch.setattr(stream, "WHOLE", 4096)
    monkeypatch.setattr(stream, "_MOST", 4 * MIB)


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    n = np.arange(ROWS)
    return pd.DataFrame(
        {
            "whole": n % 1000,
            "point": rng.normal(size=ROWS).round(4),
            "gaps": np.where(n % 7 == 3, np.nan, n / 8),
            "word": np.where(n % 5 == 0, "größe, or\nnot", "b"),
            "code": [f"{i:05d}" for i in n],
            "late": pd.Series(np.where(n < 4000, 1.5, np.nan)),
            "y": np.where(n % 2, "u", "v"),
        }
    )


def whole(parts):
    parts = list(parts)
    assert len(parts) > 3
    for part in parts[1:]:
        assert part.X.dtypes.equals(parts[0].X.dtypes)
        assert (part.name, part.target) == (parts[0].name, parts[0].target)
    return pd.concat([part.X for part in parts]), pd.concat([part.y for part in parts]), parts


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("t.csv", bytes),
        ("t.csv.gz", gzip.compress),
        ("t.csv.bz2", bz2.compress),
        ("t.csv.zst", lambda data: pa.compress(data, "zstd", asbytes=True)),
        ("t.jsonl", None),
        ("t.parquet", None),
        ("t.feather", None),
        ("-", bytes),
        ("-", None),
    ],
)
def test_the_pieces_of_a_table_are_the_table(write, tmp_path, monkeypatch, frame, name, pack):
    text = frame.to_csv(index=False).encode() if pack else frame.to_json(orient="records", lines=True).encode()
    path = tmp_path / name
    if name == "t.parquet":
        frame.to_parquet(path, row_group_size=700)
    elif name == "t.feather":
        feather.write_feather(pa.table(frame), path, chunksize=700)
    elif name == "-":
        path = name
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    else:
        write(name, pack(text) if pack else text)
    X, y, parts = whole(batches(path, rows=300, target="y"))
    assert max(len(part.X) for part in parts) <= 300
    assert X.index.tolist() == list(range(ROWS))
    assert X["point"].tolist() == frame["point"].tolist()
    assert X["code"].tolist() == frame["code"].tolist()
    assert X["word"].tolist() == frame["word"].tolist()
    assert y.tolist() == frame["y"].tolist()
    np.testing.assert_array_equal(X["gaps"], frame["gaps"])
    np.testing.assert_array_equal(X["late"], frame["late"])


def test_what_is_small_is_what_read_reads(write, frame):
    path = write("t.csv", "Title\n\n" + frame.to_csv(index=False) + "\n(5000 rows)\n")
    with pytest.warns(ReadingNote, match="the table|the rows"):
        once, (X, y, _) = read(path, target="y"), whole(batches(path, target="y", rows=999))
    pd.testing.assert_frame_equal(X, once.X)
    pd.testing.assert_series_equal(y, once.y)


def test_other_sources_come_in_pieces_too(draw, tmp_path):
    for i in range(5):
        draw(f"pets/{'cat' if i % 2 else 'dog'}/{i}.png")
    parts = list(batches(tmp_path / "pets", rows=2, image_size=(2, 2), gray=True))
    assert [len(part.X) for part in parts] == [2, 2, 1]
    assert parts[2].files == ("dog/4.png",)
    assert sum(len(part.y) for part in batches("iris", rows=40)) == 150


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "cp1252", "utf-8-sig"])
@pytest.mark.filterwarnings("ignore:.*Windows-1252")
def test_every_encoding_is_streamed(write, frame, encoding):
    path = write(
        "t.csv",
        "Über uns\n\n".encode(encoding)
        + frame.to_csv(index=False).encode(encoding)[
            2 * (encoding == "utf-16") + 4 * (encoding == "utf-32") + 3 * (encoding == "utf-8-sig") :
        ],
    )
    with pytest.warns(ReadingNote, match="above the table"):
        X, _, _ = whole(batches(path, target="y", rows=999))
    assert X["word"].tolist() == frame["word"].tolist()
    assert X["code"].tolist() == frame["code"].tolist()


@pytest.mark.usefixtures("small")
def test_a_column_of_numbers_with_a_late_word_is_text_in_that_batch(write):
    path = write("t.csv", "a,b\n" + "1,2\n" * 3000 + "x,2\n" + "1,2\n" * 3000)
    kinds = [part.X["a"].dtype.kind for part in batches(path, rows=1000)]
    assert kinds.count("f") == len(kinds) - 1


@pytest.mark.usefixtures("small")
def test_records_with_other_columns_have_those_of_the_first(write):
    lines = '{"a": 1, "b": "x"}\n' * 500 + '{"a": 2, "c": 3}\n' * 500
    X = pd.concat([part.X for part in batches(write("t.jsonl", lines), rows=300)])
    assert list(X.columns) == ["a", "b"]
    assert X["b"].notna().sum() == 500


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.csv", "a,b\n" + "1,2\n" * 3000 + "1,2,3\n", "Expected 2 fields in line 3002, saw 3"),
        ("t.csv", "a,b\n" + "1,2\n" * 3000 + '"' + "1,2\n" * 2 * MIB, "a batch of its rows has more than 4 MiB"),
        ("t.csv", b"a,b\n" + b"1,2\n" * 3000 + b"\xff,2\n", "not readable as a table"),
        ("t.csv", "a" * 9000, "have no header and row that are whole"),
        ("t.csv", "a,b\n" + "1,2\n" * 3000, "no column 'y'"),
        ("t.jsonl", '{"a": 1}\n' * 3000 + "{\n", "line 3001 is no JSON"),
        ("t.jsonl", '{"a": 1}\n' * 3000 + '{"a": "' + "x" * 6 * MIB, "a batch of its rows has more than 4 MiB"),
    ],
)
def test_what_goes_wrong_later_is_said_then(write, name, text, words):
    parts = batches(write(name, text), rows=500, target="y" if "no column" in words else None)
    with pytest.raises(ReaderError) as caught:
        list(parts)
    assert words in str(caught.value)


@pytest.mark.usefixtures("small")
def test_a_bomb_ends_after_as_much_as_any_file_may_open_to(write, monkeypatch):
    monkeypatch.setattr("chainrule.readers.common.MORE", MIB)
    path = write("t.csv.bz2", bz2.compress(b"a,b\n" + b"1,2\n" * (MIB // 2)))
    with pytest.raises(ReaderError, match="opens to 1 MiB or more"):
        list(batches(path, rows=1000))


def test_parquet_may_be_larger_than_the_memory(tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    table = pa.table({"a": np.random.default_rng(0).normal(size=200_000)})
    parquet.write_table(table, path, row_group_size=10_000, compression="none", use_dictionary=False)
    monkeypatch.setattr("chainrule.readers.common.os.sysconf", lambda name: 1 if "SIZE" in name else MIB)
    with pytest.raises(ReaderError, match="half of the memory"):
        read(path)
    assert sum(len(part.X) for part in batches(path, rows=20_000)) == 200_000


def test_an_endless_input_is_read_as_far_as_one_wants(monkeypatch):
    class Endless(io.RawIOBase):
        def read(self, size=-1):
            return b"1,2\n" * (size // 4)

    monkeypatch.setattr(stream, "WHOLE", MIB)
    monkeypatch.setattr(sys, "stdin", type("", (), {"buffer": Endless()}))
    with pytest.warns(ReadingNote, match="looks like data"):
        parts = list(itertools.islice(batches("-", rows=1000), 100))
    assert sum(len(part.X) for part in parts) == 100_000
