"""Tables of several texts are what one text of all their rows is: labels, categories and what is kept of them."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import chainrule as cr
from chainrule.errors import ReadingNote
from chainrule.readers import ReaderError
from support.blocks import blocks_of


def written(path, *texts):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(texts))
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


HEADER = "x,version,flag,sign,gaps,y\n"
PARTS = [
    "1,1.10,TRUE,+1,,4.10\n2,1.1,FALSE,-2,,5.00\n",
    "3,n/k,maybe,?,7,none\n4,1.10,TRUE,+1,8,4.10\n",
    "5,1.50,1,1e3,,5.00\n6,,,,,4.10\n",
    "7,2.0,true,007,,5\n8,2.00,false,7,,5.\n",
]
TEXTS = {
    "version": ["1.10", "1.1", "n/k", "1.10", "1.50", None, "2.0", "2.00"],
    "flag": ["TRUE", "FALSE", "maybe", "TRUE", "1", None, "true", "false"],
    "sign": ["+1", "-2", "?", "+1", "1e3", None, "007", "7"],
    "y": ["4.10", "5.00", "none", "4.10", "5.00", "4.10", "5", "5."],
}


def texts(frame, columns=tuple(TEXTS)):
    return {name: [None if pd.isna(value) else value for value in frame[name]] for name in columns}


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0]])
@pytest.mark.parametrize("cached", [False, True])
def test_a_column_with_text_in_one_of_several_texts_is_as_written_in_all_as_in_one(tmp_path, order, cached):
    one = written(tmp_path / "one.csv", HEADER, *PARTS)
    files = [written(tmp_path / f"t/{i}.csv", HEADER, part) for i, part in enumerate(PARTS)]
    options = {"target": "y", "cache": tmp_path / "cache"} if cached else {"target": "y"}
    for _ in range(2):
        blocks = blocks_of([files[i] for i in order], **options)
        assert blocks.classes.tolist() == blocks_of(one, target="y").classes.tolist() == sorted(set(TEXTS["y"]))
        found = pd.concat(blocks.tables()).sort_values("x")
        assert texts(found) == texts(blocks_of(one).read(0)) == TEXTS
        np.testing.assert_array_equal(found["gaps"], [np.nan, np.nan, 7, 8] + 4 * [np.nan])
    assert texts(pd.concat(blocks_of(tmp_path / "t", **options).tables())) == TEXTS


def test_each_text_alone_is_what_it_was_also_while_all_are_read(tmp_path):
    first, second = written(tmp_path / "a.csv", "x,y\n1,4.10\n2,5.00\n"), written(tmp_path / "b.csv", "x,y\n3,none\n")
    before, _ = blocks_of(first, target="y"), blocks_of(second)
    with pytest.warns(ReadingNote, match=r"a.csv.*, with 'y' as text, which there is in .*b.csv$"):
        both = cr.Blocks([first, second], target="y")
    assert names(tmp_path)[:3] == ["a.csv", next(n for n in names(tmp_path) if "csv-" in n), "a.csv.parquet"]
    for _ in range(2):
        assert before.read(0)["y"].tolist() == blocks_of(first, target="y").read(0)["y"].tolist() == [4.1, 5.0]
        assert both.classes.tolist() == ["4.10", "5.00", "none"]
    first.write_text("x,y\n1,4.20\n2,5.00\n")  # converted again, both times
    assert blocks_of([first, second], target="y").classes.tolist() == ["4.20", "5.00", "none"]


def test_records_in_several_files_are_those_of_one(tmp_path):
    lines = ['{"a": 7, "b": true, "c": null}\n{"a": 7.5, "b": null}\n', '{"a": "n/k", "b": "maybe", "c": 3}\n']
    one = written(tmp_path / "one.jsonl", *lines)
    for i, part in enumerate(lines):
        written(tmp_path / f"t/{i}.jsonl", part)
    found, same = blocks_of(tmp_path / "t"), blocks_of(one).read(0)
    together = pd.concat(found.tables())
    assert texts(together, "ab") == texts(same, "ab") == {"a": ["7", "7.5", "n/k"], "b": ["True", None, "maybe"]}
    np.testing.assert_array_equal(together["c"].astype(float), [np.nan, np.nan, 3])


def test_text_that_comes_late_in_records_is_text_in_all(tmp_path, monkeypatch):
    monkeypatch.setattr("chainrule.readers.stream.WHOLE", 1 << 10)
    monkeypatch.setattr("chainrule.blocks.text.ROWS", 1000)
    path = written(tmp_path / "t.jsonl", '{"a": 1.5}\n' * 2000, '{"a": "n/k"}\n')
    assert blocks_of(path).read(2)["a"].tolist() == ["n/k"]
    assert set(blocks_of(path).read(0)["a"]) == {"1.5"}


def test_a_column_without_a_value_in_one_file_is_what_it_is_in_the_others(tmp_path):
    pq.write_table(pa.table({"a": pa.nulls(1, pa.string()), "y": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"a": [2.0], "y": [0]}), tmp_path / "b.parquet")
    for files in (["a.parquet", "b.parquet"], ["b.parquet", "a.parquet"]):
        blocks = cr.Blocks([tmp_path / name for name in files], target="y")
        assert pd.concat(blocks.tables())["a"].dropna().tolist() == [2.0]
        with pytest.raises(ReaderError, match=r"a.parquet.* column 'a' has no value in 1 rows"):
            cr.Network([1, 1]).train(blocks, cr.Adam(), epochs=1, batch_size=1).run()
    blank, word = written(tmp_path / "c.csv", "x,z\n1,\n"), written(tmp_path / "d.csv", "x,z\n2,a\n")
    assert pd.concat(blocks_of([blank, word]).tables())["z"].dropna().tolist() == ["a"]
    assert not [name for name in names(tmp_path) if name.startswith("c.csv-")]  # it has no number to write as text


def test_a_network_is_told_which_of_several_texts_has_text_among_numbers(tmp_path):
    files = [written(tmp_path / "a.csv", "x,y\n1,1\n2,0\n"), written(tmp_path / "b.csv", "x,y\n3,1\nn/k,0\n")]
    with pytest.raises(ReaderError, match=r"a.csv: column 'x' holds text, .*the first that is no number is in .*b.csv"):
        cr.Network([1, 1]).train(blocks_of(files, target="y"), cr.Adam(), epochs=1, batch_size=1)


def test_numbers_of_parquet_beside_text_are_text_as_numbers_are_written(tmp_path):
    pq.write_table(pa.table({"x": [1, 2], "y": [4.1, 5.0]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": [3, 4], "y": ["4.1", "none"]}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"x": [5], "y": pa.nulls(1, pa.float64())}), tmp_path / "c.parquet")
    found = pd.concat(cr.Blocks(tmp_path, target="y").tables())["y"]
    assert found[:4].tolist() == ["4.1", "5", "4.1", "none"]
    assert found[4:].isna().all()
