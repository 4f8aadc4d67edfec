"""Tables read block by block: every format and place, and what is wrong with them, named."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import chainrule as cr
from chainrule.blocks import memory, places
from chainrule.errors import ReadingNote
from chainrule.readers import ReaderError, batches, read
from chainrule.tabular.values import TableError
from support.blocks import blocks_of, csv

M = 1000


def table(m=M):
    rng = np.random.default_rng(0)
    columns = {"a": rng.normal(size=m), "b": rng.integers(0, 9, m), "c": rng.choice(["x", "y z"], m)}
    return pd.DataFrame({**columns, "y": rng.integers(0, 2, m)})


FRAME = table()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The same table in every format."""
    path, whole = tmp_path_factory.mktemp("blocks"), pa.Table.from_pandas(FRAME)
    pq.write_table(whole, path / "t.parquet", row_group_size=128)
    (path / "parts").mkdir()
    for i in range(4):
        pq.write_table(whole.slice(i * 250, 250), path / f"parts/{i}.parquet", row_group_size=100)
    (path / "parts/_SUCCESS").touch()
    for name, options in (("t.arrow", None), ("t.feather", pa.ipc.IpcWriteOptions(compression="lz4"))):
        with pa.OSFile(str(path / name), "wb") as file, pa.ipc.new_file(file, whole.schema, options=options) as writer:
            writer.write_table(whole, max_chunksize=150)
    FRAME.to_csv(path / "t.csv", index=False)
    FRAME.to_csv(path / "t.csv.gz", index=False)
    np.save(path / "X.npy", np.ascontiguousarray(FRAME[["a", "b"]].to_numpy()))
    np.save(path / "Y.npy", FRAME["y"].to_numpy())
    return path


def together(blocks):
    frames = list(blocks.tables())
    assert tuple(map(len, frames)) == blocks.sizes
    found = pd.concat(frames)
    assert (found.index == np.arange(blocks.rows)).all()
    return found


@pytest.mark.parametrize(
    "source", ["t.parquet", "parts", "parts/*.parquet", "file://parts", "t.arrow", "t.feather", "t.csv", "t.csv.gz"]
)
def test_every_format_gives_the_table(folder, source, tmp_path):
    source = f"file://{folder}/{source[7:]}" if source.startswith("file://") else f"{folder}/{source}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReadingNote)
        blocks = cr.Blocks(source, target="y", cache=tmp_path if ".csv" in source else None)
    assert blocks.columns == ("a", "b", "c")
    pd.testing.assert_frame_equal(together(blocks), FRAME, check_dtype=False, check_index_type=False)
    assert list(blocks.read(0, ["c"])["c"]) == list(FRAME["c"][: blocks.sizes[0]])
    np.testing.assert_array_equal(blocks.classes, [0, 1])


@pytest.mark.parametrize("names", [None, [None, "day"]])
def test_an_index_of_pandas_without_a_name_is_no_column(tmp_path, names):
    index = pd.MultiIndex.from_arrays([range(9, 3, -1), range(6)], names=names) if names else range(9, 3, -1)
    frame = pd.DataFrame({"a": np.arange(6.0), "y": [0, 1] * 3}, index=index).sample(frac=1, random_state=0)
    frame.to_parquet(tmp_path / "t.parquet")
    named = ("day",) if names else ()
    assert cr.Blocks(tmp_path / "t.parquet", target="y").columns == ("a", *named)
    assert sorted(read(tmp_path / "t.parquet", target="y").X) == ["a", *named]
    assert [sorted(part.X) for part in batches(tmp_path / "t.parquet", target="y", rows=4)] == [["a", *named]] * 2
    pd.DataFrame(index=[3, 1]).to_parquet(tmp_path / "none.parquet")
    with pytest.raises(ReaderError, match="no examples, got 2 rows of 0 columns"):
        cr.Blocks(tmp_path / "none.parquet")


def test_a_list_of_files_keeps_its_order_and_urls_are_opened_through_fsspec(folder):
    files = [folder / "parts/2.parquet", folder / "parts/0.parquet"]
    assert (together(cr.Blocks(files))["a"].to_numpy() == pd.concat([FRAME[500:750], FRAME[:250]])["a"]).all()
    again = pickle.loads(pickle.dumps(cr.Blocks(files)))  # by the names of its files
    assert (together(again)["a"].to_numpy()[250:] == FRAME["a"][:250]).all()
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").put(str(folder / "parts"), "/there", recursive=True)
    assert (together(cr.Blocks("memory://there/?.parquet"))["a"].to_numpy() == FRAME["a"]).all()


def test_arrays_come_in_pieces_with_their_targets_beside_them(folder, monkeypatch):
    monkeypatch.setattr("chainrule.blocks.formats.PIECE", 16 * 300)
    blocks = cr.Blocks(folder / "X.npy", target=str(folder / "Y.npy"))
    assert blocks.sizes == (300, 300, 300, 100)
    assert (blocks.columns, blocks.targets) == (("x1", "x2"), ("y",))
    assert (together(blocks).to_numpy() == FRAME[["a", "b", "y"]].to_numpy()).all()


def test_text_is_converted_once_and_again_when_it_has_changed(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,y\n1,0\n2,1\n")
    with pytest.warns(ReadingNote, match=r"converted once to .*t.csv.parquet, from which it is read from now on"):
        assert cr.Blocks(path).rows == 2
    assert cr.Blocks(path).rows == cr.Blocks(tmp_path).rows == 2  # without a warning
    path.write_text("a,y\n1,0\n2,1\n3,1\n")
    with pytest.warns(ReadingNote, match="converted"):
        assert cr.Blocks(path).rows == 3


def test_a_column_of_numbers_in_which_text_comes_up_late_is_text_and_its_row_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("chainrule.readers.stream.WHOLE", 1 << 10)
    path = tmp_path / "t.csv"
    path.write_text("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(5000)) + "n/k,1\n" + "7,0\n" * 9)
    with pytest.warns(ReadingNote, match="converted"):
        blocks = cr.Blocks(path, target="y")
    assert list(blocks.read(len(blocks.sizes) - 1)["a"][-3:]) == ["7", "7", "7"]
    with pytest.raises(ReaderError, match=r"'a' holds text, wanted numbers; the first .* row 5,001: 'n/k'"):
        cr.Network([1, 1]).train(blocks, cr.Adam(), epochs=1, batch_size=10)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda t: t.set_column(0, "a", pa.array([None if i == 777 else 1.0 for i in range(M)])),
            "'a' has no value.*777",
        ),
        (
            lambda t: t.set_column(0, "a", pa.array(np.where(np.arange(M) == 777, np.inf, 1))),
            "inf in column 'a', row 777",
        ),
        (lambda t: t.set_column(3, "y", pa.array([None] * M, pa.int64())), "'y' has no value in 128 rows"),
    ],
)
def test_what_is_no_number_is_named_with_its_place(tmp_path, change, says):
    path = tmp_path / "t.parquet"
    pq.write_table(change(pa.Table.from_pandas(FRAME)), path, row_group_size=128)
    blocks = cr.Blocks(path, columns=["a", "b"], target="y")
    with pytest.raises(ReaderError, match=f"t.parquet, row group [0-9]: .*{says}"):
        cr.Network([2, 1]).train(blocks, cr.Adam(), epochs=1, batch_size=10).run()


def test_names_that_are_not_there_files_that_are_not_and_odd_ones(folder, tmp_path):
    with pytest.raises(ReaderError, match=r"no column 'B'. Did you mean 'b'"):
        cr.Blocks(folder / "t.parquet", columns=["a", "B"])
    pq.write_table(pa.Table.from_pandas(FRAME[["a"]]), tmp_path / "short.parquet")
    with pytest.raises(ReaderError, match=r"short.parquet: no column 'b'"):
        cr.Blocks([folder / "t.parquet", tmp_path / "short.parquet"])
    for source, says in [
        ("nothing.parquet", "no such file"),
        (folder / "*.xyz", "no files that are .parquet"),
        (folder, "is not of the format of"),
        (7, "wanted a path"),
        ("odd://x/t.parquet", "neither pyarrow nor fsspec can open odd://"),
    ]:
        with pytest.raises(ReaderError, match=says):
            cr.Blocks(source)
    np.save(tmp_path / "F.npy", np.asfortranarray(np.ones((5, 2))))
    with pytest.raises(ReaderError, match=r"column by column.*ascontiguousarray"):
        cr.Blocks(tmp_path / "F.npy")
    np.save(tmp_path / "few.npy", np.zeros(5))
    with pytest.raises(ReaderError, match=r"few.npy: has 5 rows, wanted 1,000"):
        cr.Blocks(folder / "X.npy", target=str(tmp_path / "few.npy"))
    pq.write_table(pa.table({"a": pa.array([], pa.float64())}), tmp_path / "empty.parquet")
    with pytest.raises(ReaderError, match="no examples"):
        cr.Blocks(tmp_path / "empty.parquet")


def test_hidden_files_and_folders_are_no_part_of_a_folder_or_glob_unless_it_says_so(tmp_path, monkeypatch):
    for name in ("a.csv", "k=1/b.csv", ".ipynb_checkpoints/a-checkpoint.csv", "k=1/_temporary/0/part.csv", "_b.csv"):
        csv(tmp_path / "t" / name)
    csv(tmp_path / "_all/.hidden/c.csv")
    monkeypatch.chdir(tmp_path)
    for source, rows in [
        ("t", 4), ("t/", 4), ("./t", 4), ("./t/*.csv", 2), ("t/*/*.csv", 2), ("_all/.hidden", 2), (tmp_path / "t", 4),
        ("t/.*/*.csv", 2), ("t/_*.csv", 2), (f"{tmp_path}/t/*", 2),
    ]:  # fmt: skip
        assert blocks_of(source, cache=tmp_path / "cache").rows == rows, source
    assert places.holds_table(tmp_path / "t")
    csv(tmp_path / "u/.ipynb_checkpoints/a-checkpoint.csv")
    assert not places.holds_table(tmp_path / "u")
    with pytest.raises(ReaderError, match="no files that are"):
        cr.Blocks("u")


def test_txt_is_a_table_where_all_files_are_or_by_its_name(tmp_path, folder):
    notes = csv(tmp_path / "parts/notes.txt", "x\ty\n1\t2\n")
    (tmp_path / "parts/0.parquet").write_bytes((folder / "parts/0.parquet").read_bytes())
    assert cr.Blocks(tmp_path / "parts").rows == 250
    assert blocks_of(notes).rows == 1
    csv(tmp_path / "texts/1.txt", "x\ty\n1\t2\n")
    for _ in range(2):
        assert blocks_of(tmp_path / "texts").rows == 1


def test_labels_of_two_kinds_in_two_files_are_text_as_in_one(tmp_path):
    paths = [csv(tmp_path / "a.csv", "x,y\n1,1\n2,2\n"), csv(tmp_path / "b.csv", "x,y\n1,1\n2,A\n")]
    for source in (paths, paths[::-1]):
        blocks = blocks_of(source, target="y")
        assert blocks.classes.tolist() == ["1", "2", "A"]
        assert sorted(pd.concat(blocks.tables())["y"]) == ["1", "1", "2", "A"]
        assert not blocks.numeric
    paths[1] = csv(tmp_path / "c.csv", "x,y\n1,True\n2,False\n")
    with pytest.raises(ReaderError, match=r"'y' holds numbers in .*a.csv, and truth values in .*c.csv, wanted labels"):
        blocks_of(paths, target="y")
    assert blocks_of(paths, columns=["y"]).rows == 4  # 0 and 1 as inputs


def test_a_file_of_text_without_rows_is_passed_and_one_without_names_is_named(tmp_path):
    full, empty, bare = csv(tmp_path / "a.csv"), csv(tmp_path / "b.csv", "x,y\n"), csv(tmp_path / "c.csv", "1,2\n3,4\n")
    assert blocks_of([empty, full, empty]).rows == 2
    with pytest.raises(ReaderError, match=r"b.csv: no examples, got 0 rows of 2 columns"):
        cr.Blocks(empty)
    with pytest.raises(ReaderError, match=r"c.csv: no column 'x'. Columns: 'column1', 'column2'"):
        blocks_of([full, bare])


def test_targets_of_arrays_may_be_text_and_other_arrays_are_refused_with_what_to_do(folder, tmp_path):
    np.save(tmp_path / "s.npy", np.array(["no", "ja"] * (M // 2)))
    blocks = cr.Blocks(folder / "X.npy", target=tmp_path / "s.npy")
    assert blocks.classes.tolist() == ["ja", "no"]
    assert blocks.read(0)["y"].tolist() == ["no", "ja"] * (M // 2)
    np.save(tmp_path / "o.npy", np.array(["no", "ja"] * (M // 2), object))
    with pytest.raises(ReaderError, match=r"o.npy: got an array of object, .*numpy.save\(file, y.astype\(str\)\)"):
        cr.Blocks(folder / "X.npy", target=tmp_path / "o.npy")
    with pytest.raises(ReaderError, match=r"s.npy: got an array of <U2, wanted numbers .*X.astype\(float\)"):
        cr.Blocks(tmp_path / "s.npy")
    if np.dtype(np.longdouble).itemsize > 8:
        np.save(tmp_path / "l.npy", np.ones((3, 2), np.longdouble))
        with pytest.raises(ReaderError, match=r"l.npy: got an array of float128, wanted numbers of 64 bits or fewer"):
            cr.Blocks(tmp_path / "l.npy")


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        (np.ones((3, 4)), {}, r"source: got ndarray of shape \(3, 4\), wanted a path.*in memory goes to a training"),
        (FRAME, {}, r"source: got DataFrame of shape \(1000, 4\), wanted a path"),
        ("t.parquet", {"target": np.ones(M)}, r"target: got ndarray of shape \(1000,\), wanted the name of a column"),
        ("t.parquet", {"target": ["y", 3]}, r"target: got \['y', 3\], wanted the name of a column"),
        ("t.parquet", {"weights": np.ones(M)}, r"weights: got ndarray of shape \(1000,\), wanted the name"),
        ("t.csv", {"cache": "t.csv"}, r"cache: .*t.csv is a file, wanted a folder"),
    ],
)
def test_what_is_given_in_a_wrong_way_is_named_in_a_few_words(folder, source, options, says):
    source = folder / source if isinstance(source, str) else source
    if "cache" in options:
        options = {"cache": folder / options["cache"]}
    with pytest.raises(ReaderError, match=says) as error:
        cr.Blocks(source, **options)
    assert len(str(error.value)) < 300


def test_a_table_without_a_column_to_learn_from_is_named(tmp_path):
    path = csv(tmp_path / "t.csv", "x,y\n" + "1,0\n1,1\n" * 20)
    with pytest.raises(TableError, match=r"t.csv: no column to learn from \(x: "):
        cr.TabularClassifier(effort="quick").fit(blocks_of(path, target="y"))


def test_a_damaged_row_group_is_named(folder, tmp_path):
    data, path = bytearray((folder / "t.parquet").read_bytes()), tmp_path / "t.parquet"
    place = pq.ParquetFile(folder / "t.parquet").metadata.row_group(2).column(0).data_page_offset
    data[place : place + 40] = bytes([255] * 40)
    path.write_bytes(data)
    with pytest.raises(ReaderError, match=r"t.parquet, row group 2: not readable as Parquet"):
        list(cr.Blocks(path).tables())


def test_a_file_that_changes_while_it_is_read_and_one_that_is_damaged(folder, tmp_path):
    path = tmp_path / "t.parquet"
    data = (folder / "t.parquet").read_bytes()
    path.write_bytes(data)
    blocks = cr.Blocks(path, columns=["a"], target="y")
    path.write_bytes(data + b" ")
    with pytest.raises(ReaderError, match=r"t.parquet: has changed since its rows were counted"):
        cr.Network([1, 1]).train(blocks, cr.Adam(), epochs=1, batch_size=10).run()
    path.write_bytes(data[:100] + bytes(5000) + data[5100:])
    with pytest.raises(ReaderError, match=r"t.parquet(, row group 0)?: not readable as Parquet"):
        list(cr.Blocks(path).tables())


def test_row_groups_that_are_too_large_for_the_memory_are_named(folder, monkeypatch):
    blocks = cr.Blocks(folder / "t.parquet", columns=["a"], target="y")
    assert memory.available() > 1 << 20
    monkeypatch.setattr(memory, "_LITTLE", 0)
    monkeypatch.setattr(memory, "available", lambda: 3000)
    with pytest.raises(ReaderError, match=r"row group [0-9]: its 128 rows are too many for the memory.*Give it more"):
        cr.Network([1, 1]).train(blocks, cr.Adam(), epochs=1, batch_size=10)
    with pytest.raises(ReaderError, match="to read them takes 0 MB, and 0 MB are left"):
        blocks.read(0)


def test_what_is_advised_where_the_memory_is_short_helps(tmp_path, monkeypatch):
    m = 60_000
    whole = pa.table({"a": np.arange(m) / m, "y": np.arange(m) % 2})
    free = [1 << 40]
    monkeypatch.setattr(memory, "_LITTLE", 0)
    monkeypatch.setattr(memory, "available", lambda: free[0])

    def refused(size, window, left):
        pq.write_table(whole, tmp_path / "t.parquet", row_group_size=size)
        blocks = cr.Blocks(tmp_path / "t.parquet", target="y", window=window)
        free[0] = left
        with pytest.raises(ReaderError, match="too many for the memory: a window of") as error:
            cr.Network([1, 1]).train(blocks, cr.Adam(), epochs=1, batch_size=10)
        free[0] = 1 << 40
        return str(error.value)

    def fits(size, window, left):
        pq.write_table(whole, tmp_path / "t.parquet", row_group_size=size)
        blocks = cr.Blocks(tmp_path / "t.parquet", target="y", window=window)
        free[0] = left
        assert len(cr.Network([1, 1]).train(blocks, cr.Adam(), epochs=1, batch_size=1000).run()) == 1
        free[0] = 1 << 40

    row = 3 * 2 * 8  # bytes of three windows
    said = refused(1000, None, 20_000 * row)
    assert "a window of 60 such blocks" in said
    assert said.endswith("Mix fewer blocks at a time, Blocks(…, window=16), or give it more memory")
    fits(1000, 16, 20_000 * row)
    said = refused(20_000, 2, 20_000 * row)
    assert said.endswith("write_table(table, file, row_group_size=8000), or give it more memory")
    fits(8000, 2, 20_000 * row)
    assert refused(1000, 2, 1000 * row).endswith("Give it more memory, or take fewer columns")


@pytest.mark.parametrize("rows", [300_000, 5000])
def test_a_block_that_the_memory_does_not_hold_is_named_wherever_that_shows(tmp_path, rows, monkeypatch):
    pq.write_table(pa.table({"a": np.zeros(rows), "y": np.zeros(rows)}), tmp_path / "t.parquet", row_group_size=rows)
    blocks, net = cr.Blocks(tmp_path / "t.parquet", target="y"), cr.Network([1, 1])
    advice = "row_group_size=65536" if rows > 10_000 else "Give it more memory"
    says = rf"t.parquet, row group 0: its {rows:,} rows are too many for the memory \(no room\).*{advice}"

    def short(*_, **__):
        raise MemoryError("no room")

    calls = [
        ("chainrule.blocks.formats.Parquet.read", lambda: blocks.read(0)),
        ("chainrule.blocks.numbers.matrix", lambda: net.cost(blocks)),
        ("chainrule.blocks.numbers.matrix", lambda: list(net.forward(blocks))),
        ("chainrule.network.Normalizer.measure", lambda: net.normalize(blocks)),
        ("chainrule.network.Network.compiled", lambda: list(net.forward(blocks))),
        ("chainrule.network.Network.compiled", lambda: net.cost(blocks)),
    ]
    for where, call in calls:
        with monkeypatch.context() as patch:
            patch.setattr(where, short)
            with pytest.raises(ReaderError, match=says):
                call()


@pytest.mark.parametrize("options", [{"target": "y"}, {"columns": ["y"]}, {"columns": ["a"], "weights": "y"}])
def test_a_column_of_lists_that_is_asked_for_is_named_with_what_it_holds(tmp_path, options):
    pq.write_table(pa.table({"a": [1.0, 2.0], "y": [[1.0], [2.0]]}), tmp_path / "t.parquet")
    with (
        pytest.warns(ReadingNote, match="left out"),
        pytest.raises(ReaderError, match=r"column 'y' holds list<.*one value"),
    ):
        cr.Blocks(tmp_path / "t.parquet", **options)


def test_a_target_of_text_is_no_column_to_leave_out(folder):
    blocks = cr.Blocks(folder / "t.parquet", columns=["a", "b"], target="c")
    with pytest.raises(ReaderError, match=r"column 'c' holds text, wanted numbers. It is the target") as error:
        cr.MLPRegressor(max_iter=1).fit(blocks)
    assert "Leave it out" not in str(error.value)
