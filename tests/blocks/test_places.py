"""Which files a folder or a glob stands for: each file once, and what texts were converted to not at all."""

import gzip
import os

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import chainrule as cr
from chainrule.blocks import places
from chainrule.readers import ReaderError
from support.blocks import blocks_of, csv


def linked(path, to):
    try:
        os.symlink(to, path)
    except OSError as error:  # on Windows not everybody may
        pytest.skip(str(error))


def parquet(path, first):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"x": [first, first + 1, first + 2], "y": [0, 1, 0]}), path)


def found(source):
    return pd.concat(cr.Blocks(source).tables())["x"].tolist()


def test_a_file_comes_once_whatever_links_lead_to_it(tmp_path, monkeypatch):
    for i in (1, 2):
        parquet(tmp_path / f"t/2024-0{i}/p.parquet", 10 * i)
    linked(tmp_path / "t/2024-00", "2024-02")  # before the folder itself
    linked(tmp_path / "t/again.parquet", "2024-01/p.parquet")
    monkeypatch.chdir(tmp_path)
    rows = [10, 11, 12, 20, 21, 22]
    for source in ("t", "t/", "./t", tmp_path / "t", "t/*/*.parquet", "t/2024*/p.parquet", f"file://{tmp_path}/t"):
        assert found(source) == rows, source
    assert found("t/*00/*.parquet") == found("t/2024-00") == [20, 21, 22]
    assert found("t/*.parquet") == [10, 11, 12]
    assert [place.path for place in places.find("t")] == ["t/2024-01/p.parquet", "t/2024-02/p.parquet"]
    monkeypatch.chdir(tmp_path / "t")
    assert found(".") == found("*/*.parquet") == rows
    assert found(["2024-01", "2024-01"]) == 2 * rows[:3]  # as it was asked for


@pytest.mark.timeout(60)
def test_links_that_lead_around_in_circles_are_followed_once(tmp_path):
    parquet(tmp_path / "t/a/p.parquet", 1)
    parquet(tmp_path / "elsewhere/q.parquet", 4)
    for i in range(4):
        linked(tmp_path / f"t/me{i}", ".")
        linked(tmp_path / f"t/a/up{i}", "..")
    linked(tmp_path / "t/more", tmp_path / "elsewhere")
    linked(tmp_path / "elsewhere/back", tmp_path / "t")
    linked(tmp_path / "t/itself.parquet", "itself.parquet")
    linked(tmp_path / "t/gone.parquet", "nothing.parquet")
    assert found(tmp_path / "t") == [1, 2, 3, 4, 5, 6]
    assert found(f"{tmp_path}/t/*/*.parquet") == [1, 2, 3, 4, 5, 6]
    assert places.holds_table(tmp_path / "t")


def test_a_link_to_a_hidden_file_or_folder_is_the_table(tmp_path):
    parquet(tmp_path / "t/..2024/p.parquet", 1)
    linked(tmp_path / "t/..data", "..2024")
    linked(tmp_path / "t/p.parquet", "..data/p.parquet")
    assert found(tmp_path / "t") == [1, 2, 3]
    parquet(tmp_path / "u/_versions/7/p.parquet", 4)
    linked(tmp_path / "u/latest", "_versions/7")
    assert found(tmp_path / "u") == [4, 5, 6]


def test_what_texts_were_converted_to_is_no_part_of_a_folder_or_glob_also_where_the_text_is_gone(tmp_path):
    one, two = csv(tmp_path / "t/1.csv"), csv(tmp_path / "t/2.csv.gz")
    two.write_bytes(gzip.compress(two.read_bytes()))
    csv(tmp_path / "t/README.txt", "About it.")
    assert blocks_of(tmp_path / "t").rows == 4
    blocks_of(one, cache=tmp_path / "t")
    two.unlink()
    assert blocks_of(tmp_path / "t").rows == cr.Blocks(f"{tmp_path}/t/*").rows == 2
    pq.write_table(pa.table({"x": [1], "y": [1]}), tmp_path / "u.parquet")
    (tmp_path / "t/mine.parquet").write_bytes((tmp_path / "u.parquet").read_bytes())
    assert cr.Blocks(f"{tmp_path}/t/*.parquet").rows == 1
    one.unlink()
    assert cr.Blocks(tmp_path / "t").rows == 1
    (tmp_path / "t/mine.parquet").unlink()
    for source in (tmp_path / "t", f"{tmp_path}/t/*", f"{tmp_path}/t/*.parquet"):
        with pytest.raises(ReaderError, match=r"converted to \(1.csv-\w+.parquet, 1.csv.parquet, 2.csv.gz.parquet\)"):
            cr.Blocks(source)
    (tmp_path / "t/2.csv.gz.parquet").rename(tmp_path / "t/mine.parquet")
    assert cr.Blocks(tmp_path / "t").rows == 2  # under a name of its own it is a table


@pytest.mark.parametrize("name", ["1.csv", "1.jsonl", "1.csv.gz", "1.tsv.xz"])
@pytest.mark.parametrize("cached", [False, True])
def test_a_glob_that_asks_for_what_texts_were_converted_to_gets_it(tmp_path, name, cached):
    frame = pd.DataFrame({"x": [1, 2], "y": [1, 0]})
    path, cache = tmp_path / name, tmp_path / "cache" if cached else None
    if "json" in name:
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False, sep="\t" if "tsv" in name else ",")
    blocks_of(path, cache=cache)
    path.unlink()
    with pytest.raises(ReaderError, match="holds only what texts were converted to") as error:
        cr.Blocks(cache or tmp_path)
    glob = str(error.value).rpartition(" as ")[2]
    assert cr.Blocks(f"{cache or tmp_path}/{glob}").rows == 2


def test_a_file_of_ones_own_that_is_called_like_a_conversion_is_a_table(tmp_path):
    pq.write_table(pa.table({"x": [1], "y": [1]}), tmp_path / "sales.csv.parquet")
    assert cr.Blocks(tmp_path).rows == 1


def test_what_stands_in_a_list_beside_its_text_is_not_taken_twice(tmp_path):
    files = [csv(tmp_path / "a.csv", "x,y\n1,1\n"), csv(tmp_path / "b.csv", "x,y\nn/k,0\n")]
    blocks_of(files)
    assert len(list(tmp_path.iterdir())) == 5  # a.csv with x as text, too
    assert blocks_of(sorted(tmp_path.iterdir())).rows == 2
