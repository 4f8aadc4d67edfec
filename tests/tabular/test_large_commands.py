"""Tables in blocks on the command line: how much memory they take, folders of texts, and where these are converted."""

import errno
import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from chainrule.cli import large
from chainrule.files import atomic
from chainrule.readers.common import opening
from chainrule.tabular.large import rows as drawn

pytest.importorskip("pyarrow")
M = 3000
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame({"x": RNG.normal(size=M), "z": RNG.normal(1e4, 5, M), "city": RNG.choice(["Aix", "Bari"], M)})
TABLE["label"] = np.where(TABLE.x + (TABLE.city == "Bari") > 1, "high", "low")
OPTIONS = ["--target", "label", "--epochs", "2", "--effort", "quick", "--out", "m"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    TABLE.to_parquet("table.parquet")


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_what_a_fit_takes_in_memory_is_told_with_its_preparation(tmp_path, suffix, monkeypatch):
    rng = np.random.default_rng(0)
    words = rng.choice([f"a longer word {k}" for k in range(40)], (4000, 2))
    table = pd.DataFrame({f"x{k}": rng.normal(size=4000) for k in range(8)} | {"a": words[:, 0], "b": words[:, 1]})
    path = tmp_path / f"t.{suffix}"
    table.to_parquet(path) if suffix == "parquet" else table.to_csv(path, index=False)
    asked = SimpleNamespace(data=str(path), reading=SimpleNamespace(options={}))
    inputs = 8 * 13 + 2 * 40
    assert 20 * 4000 * inputs < large._taken(asked, 1000) < 50 * 4000 * inputs
    assert large._taken(asked, 1 << 40) == 0


@pytest.mark.parametrize(
    ("error", "options", "message"),
    [
        (MemoryError("Unable to allocate 18.3 MiB"), "", "table.parquet: the memory does not suffice .*18.3.*--stream"),
        (MemoryError(), "--stream", r"give it more memory, or leave columns out \(--drop\)$"),  # its groups are small
        (None, "", "not suffice to read it .*--stream"),
    ],
)
def test_where_the_memory_does_not_suffice_it_is_said_what_to_do(here, run, monkeypatch, error, options, message):
    from chainrule.cli import rows

    def short(*_):
        if error is not None:
            raise error
        with opening("table.parquet", "Parquet"):
            raise MemoryError

    monkeypatch.setattr(rows, "of_table", short)
    code, _, err = run("train", "table.parquet", "--target", "label", *options.split())
    assert code == 2
    assert re.search(message, err)


def test_a_fresh_folder_of_texts_is_predicted_evaluated_and_explained(here, run, ok, monkeypatch):
    ok("train", "table.parquet", *OPTIONS)
    Path("csvs").mkdir()
    TABLE[:1600].to_csv("csvs/a.csv", index=False)
    TABLE[1600:].to_csv("csvs/b.csv", index=False)
    TABLE.to_csv("one.csv", index=False)
    code, _, err = run("predict", "m", "csvs", "--out", "p.csv")
    assert code == 0, err
    assert err.count("converted once to") == 2
    for command in ("predict m", "evaluate m", "explain m", "explain m --row 1700", "trace m --row 1700", "diagnose m"):
        first, *options = command.split()
        found = json.loads(ok(first, "m", "csvs", *options[1:], "--json"))
        same = json.loads(ok(first, "m", "one.csv", *options[1:], "--json"))
        for each in (found, same):
            each.pop("data")
        assert found == same
    code, _, err = run("explain", "m", "csvs", "--row", "3001")
    assert code == 2
    assert "csvs has 3,000 rows" in err
    monkeypatch.setattr(drawn.Sample.__init__, "__defaults__", (1000,))
    _, out, err = run("explain", "m", "csvs/*.csv", "--json")
    assert "a sample of 1,000 of its 3,000 rows" in err
    assert json.loads(out)["rows"] == 1000


def test_where_the_data_cannot_be_written_beside_texts_are_converted_in_the_users_cache(tmp_path, run, ok, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    TABLE[:1600].to_csv("data/a.csv", index=False)
    TABLE[1600:].to_csv("data/b.csv", index=False)
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    replacing, full = atomic.replacing, {tmp_path / "data"}

    def refused(path, *given):
        if Path(path).absolute().parent in full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return replacing(path, *given)

    monkeypatch.setattr(atomic, "replacing", refused)
    code, _, err = run("train", "data", *OPTIONS)
    assert code == 0, err
    assert str(tmp_path / "cache") in err
    assert len(json.loads(ok("predict", "m", "data", "--json"))["predictions"]) == M
    assert sorted(path.name for path in Path("data").iterdir()) == ["a.csv", "b.csv"]
    assert len(list(Path("cache").iterdir())) == 2
    full.add(tmp_path / "elsewhere")
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "elsewhere"))
    code, _, err = run("train", "data", *OPTIONS)
    assert code == 2
    assert "can be written neither beside it (No space left on device) nor in" in err
    assert "CHAINRULE_CACHE=FOLDER" in err


def test_columns_are_kept_as_they_are_written_in_a_folder_as_in_one_text(tmp_path, monkeypatch, run, ok):
    monkeypatch.chdir(tmp_path)
    codes = pd.DataFrame(
        {"code": np.resize(["1.10", "1.1", "007", "2.50"], M), "flag": np.resize(["TRUE", "FALSE"], M)}
    )
    table = pd.concat([codes, TABLE.assign(label=np.where(TABLE.label == "low", "4.10", "5.00"))], axis=1)
    table.loc[M - 1 :, ["label", "flag"]] = "n/k"
    Path("csvs").mkdir()
    for i, rows in enumerate((slice(0, 1600), slice(1600, 1610), slice(1610, M))):
        table[rows].to_csv(f"csvs/{i}.csv", index=False)
    table.to_csv("one.csv", index=False)
    assert run("train", "csvs", *OPTIONS, "--stream", "--drop", "code", "--drop", "flag")[0] == 0
    for options in (["--keep", "code", "--keep", "flag"], ["--keep-all"]):
        for data in ("csvs", "one.csv"):
            ok("predict", "m", data, *options, "--out", f"{Path(data).stem}-out.csv")
        assert Path("csvs-out.csv").read_text() == Path("one-out.csv").read_text()
    kept = pd.read_csv("csvs-out.csv", dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(kept[["code", "flag", "label"]], table[["code", "flag", "label"]].astype(str))
    assert set(kept["prediction"]) <= {"4.10", "5.00"}


def test_a_date_is_warned_of_where_the_rows_to_test_on_are_drawn_out_of_blocks(here, ok):
    days = pd.date_range("2024-01-01", periods=M, freq="h").strftime("%Y-%m-%d %H:%M")
    TABLE.assign(day=days).to_parquet("days.parquet")
    drawn = json.loads(ok("train", "days.parquet", *OPTIONS, "--stream", "--json"))
    assert [found["column"] for found in drawn["warnings"] if found["kind"] == "time"] == ["day"]
    TABLE[:500].assign(day=days[:500]).to_parquet("test.parquet")
    given = ok("train", "days.parquet", *OPTIONS, "--stream", "--test-file", "test.parquet")
    assert "both sides" not in given
