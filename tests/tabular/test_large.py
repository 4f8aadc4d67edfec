"""Tables that come in blocks: what is drawn of them, fits that are the same as in memory, and fits that cannot be."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.blocks import memory
from chainrule.engines.stream import Stream
from chainrule.errors import ReadingNote
from chainrule.tabular.large import learning, preparing
from chainrule.tabular.large import rows as drawn
from chainrule.tabular.large.learning import InBlocks, Prepared
from chainrule.tabular.large.statistics import Levels
from chainrule.tabular.large.table import LargeTable, with_all_rows
from chainrule.tabular.plan import make_plan

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
M = 3000
QUICK = {"effort": "quick", "max_iter": 4, "random_state": 0}


def made(m=M, seed=0):
    """Numbers with gaps, words, and two targets; the rows sorted by one of them."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "x": np.where(rng.random(m) < 0.1, np.nan, rng.normal(size=m)),
            "z": rng.normal(1e4, 5, m),
            "city": rng.choice(["Aix", "Bari", "Cork", "Delft", "Évora"], m),
            "count": rng.integers(1, 4, m),
        }
    )
    frame["score"] = frame.x.fillna(2) + (frame.city == "Cork") + (frame.z - 1e4) / 10
    frame["label"] = np.where(frame.score > 1, "high", "low")
    return frame.sort_values("label", ignore_index=True)


TABLE = made()
INPUTS = ["x", "z", "city"]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "table.parquet"
    parquet.write_table(pa.Table.from_pandas(TABLE), path, row_group_size=700)
    return path


def blocks(file, target, **options):
    return cr.Blocks(file, columns=[name for name in INPUTS if name != target], target=target, **options)


@pytest.fixture
def small(monkeypatch):
    """A sample of 500 rows."""
    monkeypatch.setattr(drawn, "MOST", 500)


# -- what is drawn -----------------------------------------------------------------------------------------------------


def test_a_sample_is_uniform_and_the_same_however_the_table_is_cut():
    def sample(cuts, most):
        found = drawn.Sample(0, most)
        for a, b in zip([0, *cuts], [*cuts, M], strict=True):
            found.update(TABLE[a:b])
        return found.frame

    whole = sample([], 400)
    assert len(whole) == 400
    assert whole.index.is_monotonic_increasing
    pd.testing.assert_frame_equal(sample([1, 30, 31, 2000], 400), whole)
    pd.testing.assert_frame_equal(sample([900], M), TABLE)
    # Each row is as likely: how often each of ten parts of the table is drawn from, against the binomial's deviation.
    counts = np.zeros(10)
    for seed in range(50):
        kept = np.argsort(drawn.draws(np.arange(M), seed, drawn.SAMPLE))[:400]
        counts += np.bincount(kept * 10 // M, minlength=10)
    assert abs(counts - 2000).max() < 5 * np.sqrt(2000)


def test_words_beyond_those_that_are_counted_are_the_rarest():
    levels, rng = Levels(100, 1, numeric=False), np.random.default_rng(0)
    words = np.r_[np.repeat(["often", "seldom"], [5000, 500]), [f"once {k}" for k in range(5000)]]
    words = pd.Series(rng.permutation(words))
    for start in range(0, len(words), 3000):
        levels.update(words[start : start + 3000], np.zeros(len(words[start : start + 3000]), int))
    counts = dict(zip(levels.of, levels.rows(), strict=True))
    assert len(counts) <= 200
    assert counts["often"] == 5000
    assert counts["seldom"] == 500
    assert sum(counts.values()) + levels.dropped == len(words)


# -- fits --------------------------------------------------------------------------------------------------------------


def test_a_table_of_which_all_rows_are_the_sample_is_fitted_as_in_memory_to_the_last_bit(file):
    model = cr.TabularClassifier(**QUICK).fit(blocks(file, "label", weights="count"))
    same = cr.TabularClassifier(**QUICK).fit(TABLE[INPUTS], TABLE.label, TABLE["count"].to_numpy(float))
    assert np.array_equal(model.predict_proba(TABLE[INPUTS]), same.predict_proba(TABLE[INPUTS]))
    parts = list(model.predict_proba(blocks(file, "label")))
    assert [len(part) for part in parts] == [700, 700, 700, 700, 200]
    assert np.array_equal(np.concatenate(parts), same.predict_proba(TABLE[INPUTS]))
    assert model.score(blocks(file, "label")) == same.score(TABLE[INPUTS], TABLE.label)


@pytest.mark.parametrize(("target", "kind"), [("label", cr.TabularClassifier), ("score", cr.TabularRegressor)])
def test_a_larger_table_is_learned_as_well_as_in_memory(file, small, target, kind, tmp_path):
    model, inside = (kind(**{**QUICK, "max_iter": 15}) for _ in range(2))
    model.fit(blocks(file, target))
    inside.fit(TABLE[INPUTS], TABLE[target])
    new = made(seed=1)
    assert model.score(new[INPUTS], new[target]) > inside.score(new[INPUTS], new[target]) - 0.02
    assert model.plan_.rows == M
    assert model.columns_.missing["x"] == TABLE.x.isna().sum()
    assert "sample of 500 of the 3,000 rows" in " ".join(model.remarks_)
    assert model.importances_.rows <= 700  # held out of the network
    assert model.importances_.columns[0].column == "x"
    model.save(tmp_path / "m")
    assert np.array_equal(cr.load(tmp_path / "m").predict(new[INPUTS]), model.predict(new[INPUTS]))


def test_no_row_is_trained_on_twice_and_none_that_is_held_out(file, small):
    table = LargeTable(blocks(file, "score", weights="count"), seed=0)
    rows = InBlocks(table, with_all_rows(make_plan(table.sample), table), networks=2)
    for k in range(2):
        source = Prepared(rows, k)
        y = np.concatenate([source.labeled(i, np.float32, False)[1] for i in range(len(source.sizes))])
        assert len(y) == source.rows == sum(source.sizes)
        np.testing.assert_array_equal(np.sort(np.r_[y[:, 0], rows.held[k].y]), np.sort(TABLE.score))
    assert not {*rows.held[0].numbers} & {*rows.held[1].numbers}
    part = rows.part(1)
    np.testing.assert_array_equal(part.held.weights, TABLE["count"][rows.held[1].numbers])
    np.testing.assert_allclose(part.X_val, rows.preparation.transform(rows.held[1].X), rtol=1e-6)


class Stop:
    """Ctrl-C after so many epochs."""

    def __init__(self, epochs):
        self.left = epochs

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.left -= context.task_name == "epoch"
        if not self.left:
            raise KeyboardInterrupt

    def teardown(self, estimator, context):
        pass


def test_a_fit_goes_on_from_its_checkpoint_to_the_same_bits(file, small, tmp_path):
    def fit(*callbacks, **kept):
        model = cr.TabularRegressor(**QUICK).set_callbacks(*callbacks)
        return model.fit(blocks(file, "score"), **kept)

    whole = fit()
    with pytest.raises(KeyboardInterrupt):
        fit(Stop(2), checkpoint=tmp_path / "kept", checkpoint_every=1)
    assert (tmp_path / "kept").exists()
    again = fit(checkpoint=tmp_path / "kept", resume=True)
    assert np.array_equal(again.predict(TABLE), whole.predict(TABLE))


@pytest.mark.parametrize("piece", [None, 100])
def test_a_fit_goes_on_from_within_an_epoch_to_the_same_bits(file, small, tmp_path, monkeypatch, piece):
    def fit(**kept):
        return cr.TabularClassifier(**QUICK).fit(blocks(file, "label", window=2), **kept)

    whole = fit()
    if piece is not None:  # which does not change them either
        monkeypatch.setattr(learning, "ROWS", piece)
        monkeypatch.setattr(learning.Prepared, "_check_memory", lambda self, *_: setattr(self, "_piece", piece))
    advance, windows = Stream._advance, iter(range(1000))
    stop = 5 if piece is None else 17

    def interrupted(self, state, most):
        if next(windows) == stop:
            signal.raise_signal(signal.SIGINT)
        return advance(self, state, most)

    monkeypatch.setattr(Stream, "_advance", interrupted)
    with pytest.raises(KeyboardInterrupt) as stopped:
        fit(checkpoint=tmp_path / "kept")
    monkeypatch.setattr(Stream, "_advance", advance)
    assert re.search(r"after epoch \d and [\d,]+ examples of the next", "".join(stopped.value.__notes__))
    again = fit(checkpoint=tmp_path / "kept", resume=True)
    assert np.array_equal(again.predict_proba(TABLE), whole.predict_proba(TABLE))


def test_with_little_memory_a_window_is_prepared_in_pieces_and_the_model_is_the_same(file, small, monkeypatch):
    def fit():
        return cr.TabularRegressor(**QUICK).fit(blocks(file, "score", weights="count", window=3))

    whole, sizes, of_typed = fit(), [], preparing.Preparation.of_typed
    monkeypatch.setattr(learning, "ROWS", 64)
    monkeypatch.setattr(memory, "available", lambda: 100_000)
    monkeypatch.setattr(
        preparing.Preparation, "of_typed", lambda self, X, folds: sizes.append(len(X)) or of_typed(self, X, folds)
    )
    pieces = fit()
    assert np.array_equal(pieces.predict(TABLE), whole.predict(TABLE))
    assert pieces.networks_[0].loss_curve_ == whole.networks_[0].loss_curve_
    assert len(sizes) > 100
    assert max(sizes) <= 200


def test_where_not_even_a_piece_fits_the_block_is_named_with_what_to_do(file, small, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 1000)
    monkeypatch.setattr(memory, "_LITTLE", 2000)
    wanted = r"row group \d: its 700 rows are too many for the memory: .* left\. Give"
    with pytest.raises(ValueError, match=wanted):  # before the passes
        cr.TabularRegressor(**QUICK).fit(blocks(file, "score"))


def test_a_class_that_is_too_rare_for_the_sample_is_a_class(tmp_path, small):
    rare = made().assign(label=np.where(np.arange(M) % 500 == 7, "rare", TABLE.label))
    parquet.write_table(pa.Table.from_pandas(rare), tmp_path / "t.parquet", row_group_size=1000)
    model = cr.TabularClassifier(**QUICK, class_weight="balanced").fit(blocks(tmp_path / "t.parquet", "label"))
    assert model.plan_.classes == rare.label.value_counts().sort_index().to_dict()
    assert list(model.classes_) == ["high", "low", "rare"]


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (lambda file: cr.TabularClassifier().fit(cr.Blocks(file)), "got 0 columns to predict, wanted one"),
        (lambda file: cr.TabularClassifier().fit(cr.Blocks(file), "nobody"), "no column 'nobody'"),
        (lambda file: cr.TabularRegressor().fit(blocks(file, "city")), "the target"),
        (lambda file: cr.TabularRegressor().fit(blocks(file, "x")), "row group 0: the target 'x' is missing in"),
    ],
)
def test_what_cannot_be_learned_is_one_clear_error(file, small, fit, message):
    with pytest.raises(ValueError, match=message) as found:
        fit(file)
    assert len(str(found.value)) < 400


# -- the command line --------------------------------------------------------------------------------------------------


@pytest.fixture
def here(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("table.parquet").symlink_to(file)


def test_train_streams_by_size_and_says_so_and_the_model_is_like_others(here, small, run, ok, monkeypatch):
    from chainrule.cli import scored
    from chainrule.cli.large import memory

    with monkeypatch.context() as patch:
        patch.setattr(memory, "available", lambda: 100_000)
        options = "--target label --drop score,count --epochs 4 --effort quick --out m"
        code, out, err = run("train", "table.parquet", *options.split())
    assert code == 0, err
    said = " ".join(out.split())
    assert "it is read in blocks, as by --stream" in said
    assert "3,000 rows in 5 blocks, which are passed over twice" in said
    assert "understood from a sample of 500 of the" in said
    assert "missing values are estimated from it" in said
    gaps = re.search(r"\bx number (\d+) -", said)
    assert gaps, said
    assert 150 < int(gaps[1]) < 350  # of 3,000 rows 300, less those of the test
    assert "rows are kept apart to test on" in said
    assert "The models beside it have learned from 500 of the rows" in said
    about = json.loads(ok("inspect", "m", "--json"))["about"]
    assert about["rows"]["train"] + about["rows"]["test"] == M
    assert 450 < about["rows"]["test"] < 750
    assert about["test"]["this network"]["accuracy"] > 0.9
    answers = json.loads(ok("predict", "m", "table.parquet", "--json"))
    assert len(answers["predictions"]) == M
    Path("folder").mkdir()
    parquet.write_table(pa.Table.from_pandas(TABLE[:20]), "folder/one.parquet")
    parquet.write_table(pa.Table.from_pandas(TABLE[20:30]), "folder/two.parquet")
    assert json.loads(ok("predict", "m", "folder", "--json"))["predictions"] == answers["predictions"][:30]
    assert json.loads(ok("evaluate", "m", "folder/t*.parquet", "--json"))["rows"] == 10
    whole = json.loads(ok("evaluate", "m", "table.parquet", "--json"))
    assert whole["rows"] == M
    assert "sample" not in whole
    monkeypatch.setattr(scored, "NUMBERS", 1000)
    part = json.loads(ok("evaluate", "m", "table.parquet", "--json"))
    assert part["sample"] == 500
    assert part["rows"] == M
    low, high = part["intervals"]["accuracy"]
    assert low < whole["scores"]["accuracy"] < high


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--target label --folds 3", "--folds: not for a table that is read in blocks"),
        ("--target label --group city", "--group: not for"),
        ("", "which column is to be predicted? Say --target COLUMN, one of: x, z"),
        ("--target nobody", "no column 'nobody'"),
        ("--target label --weight city", "weight"),
    ],
)
def test_what_a_stream_cannot_do_is_said(here, run, options, message):
    code, _, err = run("train", "table.parquet", "--stream", *options.split())
    assert code == 2
    assert message in err


def test_a_folder_of_texts_is_one_table_and_with_images_it_is_none(tmp_path, run, ok, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("year=2024").mkdir()
    Path("year=2024/readme.txt").write_text("no table")
    code, _, err = run("train", "year=2024", "--target", "label")
    assert code == 2
    assert "no images" in err
    Path("year=2024/readme.txt").unlink()
    TABLE[:1500].to_csv("year=2024/one.csv", index=False)
    TABLE[1500:].to_csv("year=2024/two.csv.gz", index=False)
    options = "--target label --keep x,z --effort quick --epochs 2 --out m"
    code, out, err = run("train", "year=2024", *options.split())
    assert code == 0, err
    assert "3,000 rows in 2 blocks" in " ".join(out.split())
    assert "converted once to" in " ".join((out + err).split())
    assert len(json.loads(ok("predict", "m", "year=2024", "--json"))["predictions"]) == M
    Path("year=2024/deeper").mkdir()
    Path("year=2024/deeper/picture.png").write_bytes(b"")
    code, _, err = run("train", "year=2024", "--target", "label")
    assert code == 2
    assert "picture.png" in err


@pytest.mark.parametrize(("target", "kind"), [("label", cr.TabularClassifier), ("score", cr.TabularRegressor)])
def test_scores_of_blocks_are_by_their_weights(file, target, kind):
    model = kind(**QUICK).fit(blocks(file, target))
    weights = TABLE["count"].to_numpy(float)
    plain, weighted = (model.score(TABLE[INPUTS], TABLE[target], w) for w in (None, weights))
    assert weighted != pytest.approx(plain, rel=1e-9)
    assert model.score(blocks(file, target)) == pytest.approx(plain, rel=1e-12)
    for given, more in (
        (blocks(file, target, weights="count"), {}),
        (blocks(file, target), {"sample_weight": "count"}),
    ):
        assert model.score(given, **more) == pytest.approx(weighted, rel=1e-12)
    for name, wrong in ("y", {"y": TABLE[target]}), ("sample_weight", {"sample_weight": weights}):
        with pytest.raises(
            ValueError, match=rf"{name}: got \w+, wanted the name of a column: Blocks have their values"
        ):
            kind(**QUICK).fit(blocks(file, target), **wrong)


def test_codes_have_one_spelling_whatever_their_files_hold(tmp_path):
    codes = np.arange(600) % 5
    gaps = pd.Series(codes[:300], dtype=float).mask(np.arange(300) % 7 == 0)
    words = pd.Series(codes[300:]).map(lambda code: f"B{code}" if code > 2 else str(code))
    for name, column in (("a", gaps), ("b", words)):
        y = np.where(codes[:300] > 2, "high", "low")
        pd.DataFrame({"code": column, "x": np.arange(300) % 9, "y": y}).to_csv(tmp_path / f"{name}.csv", index=False)
    with pytest.warns(ReadingNote):
        found = cr.Blocks(tmp_path, target="y")
    model = cr.TabularClassifier(**QUICK).fit(found)
    assert model.columns_.role["code"] == "category"
    assert model.columns_.note["code"].startswith("7 different: ")
    assert ".0" not in model.columns_.note["code"]


# -- memory ------------------------------------------------------------------------------------------------------------

PASSES = """
import resource, sys
import numpy as np
import chainrule as cr
from chainrule.tabular.large.learning import InBlocks, Prepared
from chainrule.tabular.large.table import LargeTable, with_all_rows
from chainrule.tabular.plan import make_plan

def passes(path):
    table = LargeTable(cr.Blocks(path, target="y"), seed=0, most=2000)
    rows = InBlocks(table, with_all_rows(make_plan(table.sample), table), networks=1)
    rows._room = 0
    source = Prepared(rows, 0)
    for i in range(3):
        source.labeled(i, np.float32, False)
    return rows.count

passes(sys.argv[2])  # of few rows: all that is loaded is there
used = int(open("/proc/self/statm").read().split()[5]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_DATA, (used + int(sys.argv[3]),) * 2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(passes(sys.argv[1]), 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of Linux")
def test_a_table_some_times_larger_than_the_limit_of_the_memory_is_passed_over_within_it(tmp_path):
    m, limit = 2_250_000, 48 << 20
    rng = np.random.default_rng(0)
    # A hundred different numbers in each column: small on the disk.
    few = {f"x{k}": pa.array(rng.normal(size=100)[rng.integers(0, 100, 15_000)]) for k in range(8)}
    group = pa.table({**few, "y": pa.array(rng.normal(size=15_000))})
    for name, groups in (("small.parquet", 3), ("large.parquet", m // 15_000)):
        with parquet.ParquetWriter(tmp_path / name, group.schema) as writer:
            for _ in range(groups):
                writer.write_table(group)
    files = str(tmp_path / "large.parquet"), str(tmp_path / "small.parquet")
    done = subprocess.run(
        # A thread's stack counts as data, as large as it may grow: how many threads Arrow starts is a matter of time.
        ["sh", "-c", 'ulimit -s 1024; exec "$@"', "sh", sys.executable, "-c", PASSES, *files, str(limit)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows, grown = map(int, done.stdout.split())
    assert rows == m
    assert m * 9 * 8 > 3 * limit
    assert grown < limit
