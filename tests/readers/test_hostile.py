"""Files from strangers: what is refused, in one line, in how much memory."""

import gzip
import os
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from chainrule.readers import ReaderError, common, read
from support import files
from support.files import IMAGES, MIB, idx, npy, png, refusal, zigzag

# Hostile files. The room of a file is made small for these tests, so that small bombs are too large for it.


@pytest.fixture
def bounded(monkeypatch):
    """Refuse in a room of 16 times the size and 16 MiB: the message, after a look at the memory."""
    monkeypatch.setattr(common, "TIMES", 16)
    monkeypatch.setattr(common, "MORE", 16 * MIB)

    def peak():
        """MiB that this process had in memory at most, since it was last reset."""
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

    def bounded(path, **options):
        read("iris")  # what is imported late
        before = None
        with suppress(OSError):  # where Linux does not tell
            Path("/proc/self/clear_refs").write_text("5")
            before = peak()
        message = refusal(path, **options)
        assert before is None or peak() - before < 100
        assert len(message) < 3100
        return message

    return bounded


@pytest.fixture
def zipped(tmp_path):
    def zipped(*members, method=zipfile.ZIP_DEFLATED):
        path = tmp_path / "t.npz"
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as archive:
            warnings.simplefilter("ignore")  # of members of the same name
            for name, content in members:
                archive.writestr(name, content)
        return path

    return zipped


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv.gz", gzip.compress(b"a,b\n" + bytes(40 * MIB)), "it opens to 32 MiB or more from 0.039 MiB on disk"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n" + b"," * MIB), "as a table it opens to"),
        ("t-images-idx3-ubyte.gz", gzip.compress(idx(IMAGES)[:4] + bytes(40 * MIB)), "wanted at most 17 MiB (16 times"),
        ("t.csv", ",".join(f"c{i}" for i in range(250_001)) + "\n1\n", "250,001 columns, wanted at most 250,000"),
        ("t-images-idx3-ubyte", bytes((0, 0, 8, 3)) + b"\xff" * 12, "wanted 79228162458924105385300197375 for shape"),
        ("t.npz", b"PK\5\6" + bytes(18), "no array of examples"),
        ("t.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EOF\n", "is none of BMP, GIF, JPEG, PNG"),
    ],
    ids=["gzip", "fields", "idx-gzip", "columns", "idx-sizes", "zip-empty", "postscript"],
)
def test_files_that_open_to_too_much_are_refused(bounded, write, name, content, words):
    message = bounded(write(name, content))
    assert f"{name}: " in message
    assert words in message


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([("X.npy", npy("<f8", (10**6, 10**6)))], "'X' of shape (1000000, 1000000) opens to 7,629,395 MiB or more"),
        ([("X.npy", npy("<f8", (2**32, 2**32)))], "'X' of shape (4294967296, 4294967296) opens to 140,737,488,355,328"),
        ([("X.npy", npy("<f8", (-1, 4), bytes(32)))], "'X' declares 2 dimensions (-1, 4) of float64, which cannot be"),
        ([("X.npy", npy("<f8", (1,) * 40, bytes(8)))], "'X' declares 40 dimensions"),
        ([("X.npy", npy("<f8", (2, 2), bytes(31)))], "'X' has 31 bytes of data, wanted 32 for float64 of shape (2, 2)"),
        ([("X.npy", npy("<f8", (2,), bytes(16))), ("y.npy", npy("|S0", (10**12,)))], "'y' declares 1 dimensions"),
        ([("X.npy", npy("|u1", (40, MIB), bytes(40 * MIB)))], "it opens to 40 MiB or more from 0.039 MiB on disk"),
        (
            [("X.npy", npy("|u1", (MIB,), bytes(MIB))), ("y.npy", npy("|S1", (MIB,), b"a" * MIB))],
            "'y' of shape (1048576,)",
        ),
        ([("X.npy", npy("|O", (1,), b"cos\nsystem\n(S'exit 1'\ntR."))], "'X' holds Python objects, which nothing safe"),
        ([("X.npy", npy("<f8", (1,), bytes(8))[:6] + b"\x09\0" + bytes(9))], "'X' is in version (9, 0) of the .npy"),
        ([("X.npy", b"\x93NUMPY\1\0\x20\x4e" + b"(" * 20000)], "not readable as .npz: Header info length (20000)"),
        ([("../X.npy", npy("<f8", (1,), bytes(8)))], "a member called '../X.npy', a path to elsewhere"),
        ([("/etc/X.npy", npy("<f8", (1,), bytes(8)))], "a member called '/etc/X.npy', a path to elsewhere"),
        ([("a\\..\\X.npy", npy("<f8", (1,), bytes(8)))], "a path to elsewhere"),
        ([("C:/X.npy", npy("<f8", (1,), bytes(8)))], "a member called 'C:/X.npy', a path to elsewhere"),
        ([("X.npy", npy("<f8", (1,), bytes(8)))] * 2, "several members called 'X.npy'"),
        ([("X\n\x1b[2J.npy", b"")], "not readable as .npz"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_hostile_archives_are_refused(bounded, zipped, members, words):
    assert words in bounded(zipped(*members))


def test_packed_or_encrypted_members_of_other_kinds_are_refused(bounded, zipped, write):
    member = ("X.npy", npy("<f8", (1,), bytes(8)))
    assert "packed in a way that numpy.savez does not use" in bounded(zipped(member, method=zipfile.ZIP_LZMA))
    data = bytearray(zipped(member).read_bytes())
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    assert "'X.npy' in the archive is encrypted" in bounded(write("e.npz", bytes(data)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (files.fill, "'X' of shape (1000000, 1000000) opens to 3,814,697 MiB or more from 0.001 MiB on disk"),
        (files.many_chunks, "'X' has 1 of the 262,144 chunks that it declares"),
        (files.external_link, "'group/X' is a link to another file, wanted the data in this one"),
        (files.external_storage, "'X' keeps its data in another file"),
        (files.virtual, "'X' keeps its data in another file"),
        (files.odd_filter, "'X' is packed by filters [6], wanted at most ['gzip', 'shuffle', 'fletcher32', 'lzf']"),
        (files.chunk_bomb, "a chunk of 'X' is damaged or opens to more than its 64 bytes"),
        (files.empty_chunk, "a chunk of 'X' has 3 bytes, which cannot be"),
        (files.nested, "groups deeper than 32"),
        (files.many_names, "or more than 10,000 names in them"),
        (files.long_label, "'y' opens to 400 MiB or more"),
        (files.packed_text_bomb, "a chunk of 'y' is damaged or opens to more than its 32 bytes"),
        (files.references, "'y' holds object, wanted numbers or text"),
    ],
)
def test_hostile_hdf5_is_refused(bounded, tmp_path, make, words):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        make(file)
    assert words in bounded(tmp_path / "t.h5")


@pytest.mark.parametrize("options", [{}, {"shuffle": True, "fletcher32": True}])
def test_large_packed_chunks_that_are_in_order_are_read(tmp_path, monkeypatch, options):
    monkeypatch.setattr(common, "MORE", 2 * MIB)  # so that each is looked at
    X = np.random.default_rng(0).integers(256, size=(4, 1 << 20), dtype=np.uint8)
    X[1], X[2] = 7, np.arange(1 << 20) // 4096
    with h5py.File(tmp_path / "t.h5", "w") as file:
        data = file.create_dataset("X", data=X, chunks=(1, 1 << 20), compression="gzip", **options)
        data.id.write_direct_chunk((3, 0), X[3].tobytes(), filter_mask=7)  # as HDF5 does where packing does not pay
    np.testing.assert_array_equal(read(tmp_path / "t.h5").X, X)


def test_a_heap_of_texts_that_hdf5_would_walk_without_end_is_refused(bounded, save_h5):
    path = save_h5(X=np.ones((2, 1)), y=["a", "b"])
    data = bytearray(path.read_bytes())
    free = data.index(b"GCOL") + 16 + 2 * 24  # behind two texts of 1 byte, each with 16 before and filled up to 8
    assert data[free : free + 8] == bytes(8)
    data[free + 8 : free + 16] = bytes(8)
    path.write_bytes(data)
    assert "the place of its texts is damaged" in bounded(path)


def test_circles_and_second_names_in_hdf5_do_no_harm(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        group = file.create_group("group")
        group["up"], group["self"], group["loop"] = file["/"], group, h5py.SoftLink("/group/loop")
        file["X"] = np.ones((2, 3))
        file["data"] = h5py.SoftLink("/X")
    assert read(tmp_path / "t.h5").X.shape == (2, 3)


ZEROS = {"a": np.zeros(5 * MIB, "i8")}
TEXT = {"a": pa.DictionaryArray.from_arrays(np.zeros(100, "i4"), ["b" * MIB]), "b": np.arange(100)}


@pytest.mark.parametrize(
    ("columns", "options"),
    [
        (ZEROS, {"use_dictionary": False, "compression": "zstd"}),
        (ZEROS, {}),
        (TEXT, {"store_schema": False}),
        (
            {"a": ["c" * MIB + str(i) for i in range(40)]},
            {"column_encoding": "DELTA_BYTE_ARRAY", "use_dictionary": False},
        ),
        ({"a": pa.nulls(10 * MIB)}, {}),
    ],
    ids=["zstd", "runs", "one-text-for-many-rows", "prefixes", "nothing-at-all"],
)
def test_parquet_that_opens_to_too_much_is_refused(bounded, tmp_path, columns, options):
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet", **options)
    message = bounded(tmp_path / "t.parquet")
    assert "opens to" in message
    assert "wanted at most 1" in message


def test_parquet_whose_footer_belittles_its_pages_is_refused(bounded, tmp_path):
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table(ZEROS), path, use_dictionary=False, compression="zstd", row_group_size=10 * MIB)
    about, data = parquet.read_metadata(path), path.read_bytes()
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    footer = data[start:]
    for number in (about.row_group(0).column(0).total_uncompressed_size, 5 * MIB):
        assert zigzag(number) in footer
        footer = footer.replace(zigzag(number), zigzag(1, len(zigzag(number))))
    path.write_bytes(data[:start] + footer)
    assert parquet.read_metadata(path).num_rows == 1
    assert "it opens to" in bounded(path)


def test_hostile_columns_of_parquet_are_refused(bounded, tmp_path):
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": [[1, 2], [3]]}), path)
    assert "column 'a' holds list<element: int64>, wanted one value in each row" in bounded(path)
    parquet.write_table(pa.table({"a": ["x", "y"]}), path)
    data = path.read_bytes()
    refused = 0
    for i in range(4, len(data) - 8):  # one of these makes pyarrow end the process, if asked about the column
        if data[i : i + 2] == b"\x25\x02":
            path.write_bytes(data[:i] + b"\x25\x00" + data[i + 2 :])
            with suppress(ReaderError):
                refused += 1
                read(path)
                refused -= 1
    assert refused


@pytest.mark.parametrize("size", [(10_000, 9_000), (30_000, 30_000), (2**31 - 1, 1), (2**31 - 1, 2**31 - 1)])
def test_images_of_too_many_pixels_are_refused(bounded, write, size):
    assert "could be decompression bomb" in bounded(write("t.png", png(*size, bytes(MIB))))
    assert "could be decompression bomb" in bounded(write("pets/cat/t.png", png(*size, b"")).parents[1])


def test_an_image_that_declares_more_data_than_it_has_takes_no_memory_for_it(bounded, write):
    assert "not readable as an image" in bounded(write("t.png", png(9, 9, b"", length=2**31 - 1)))


@pytest.mark.parametrize("name", ["t.gif", "t.png", "t.tif", "t.webp"])
def test_moving_pictures_are_refused_rather_than_cut_to_one(bounded, tmp_path, name):
    pictures = [Image.new("L", (4, 4), shade) for shade in (0, 99, 255)]
    pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:])
    assert f"{name}: holds several pictures, wanted one" in bounded(tmp_path / name)


def test_a_photo_with_a_preview_in_it_is_its_first_picture(tmp_path):
    Image.new("L", (8, 8), 255).save(
        tmp_path / "t.jpg", "MPO", save_all=True, append_images=[Image.new("L", (4, 4), 0)]
    )
    assert read(tmp_path / "t.jpg", image_size=(1, 1), gray=True).X.tolist() == [[1]]


def test_too_many_or_too_large_images_are_refused_before_any_is_read(draw):
    assert "1 images of 1000000 x 1000000 pixels take 14,305,115 MiB" in refusal(
        draw("t.png"), image_size=(10**6, 10**6)
    )


PIPES = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")


@PIPES
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.npz", "t.h5", "t.parquet", "t.png", "t-images-idx3-ubyte"])
def test_pipes_and_devices_are_refused_and_not_waited_for(bounded, tmp_path, name):
    os.mkfifo(tmp_path / name)
    words = f"{name}: is a pipe, a socket or a device, wanted a regular file"
    assert words in bounded(tmp_path / name)
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/zero")
    assert words in bounded(tmp_path / name)


@PIPES
def test_pipes_among_the_images_or_labels_are_not_waited_for(draw, write, tmp_path):
    draw("pets/cat/1.png")
    os.mkfifo(tmp_path / "pets" / "cat" / "2.png")
    os.mkfifo(tmp_path / "labels")
    assert len(read(tmp_path / "pets").X) == 1
    assert "labels: is a pipe" in refusal(write("t-images-idx3-ubyte", idx(IMAGES)), labels=tmp_path / "labels")


def test_links_to_nowhere_and_in_circles_are_said(tmp_path):
    (tmp_path / "gone.csv").symlink_to("nowhere")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    assert "gone.csv: is a link to 'nowhere', which is not there" in refusal(tmp_path / "gone.csv")
    assert "loop.csv: cannot be opened: Too many levels of symbolic links" in refusal(tmp_path / "loop.csv")


def test_a_folder_that_contains_itself_is_read_once(draw, tmp_path):
    draw("pets/cat/1.png")
    (tmp_path / "pets" / "cat" / "again").symlink_to(tmp_path / "pets")
    assert read(tmp_path / "pets").y.tolist() == ["cat"]


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.npz", "t.h5", "t.parquet", "t.png", "t-images-idx3-ubyte"])
def test_a_file_that_vanishes_is_said(write, monkeypatch, name):
    monkeypatch.setattr("chainrule.readers.regular", lambda path: path.unlink())
    assert f"{name}: not readable as a file: No such file or directory" in refusal(write(name, b"junk"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_said(write):
    path = write("t.csv", "a\n1\n")
    path.chmod(0)
    assert "t.csv: not readable as a file: Permission denied" in refusal(path)


def test_names_from_a_file_cannot_write_on_the_screen(write):
    message = refusal(write("t.csv", "a\x1b[2J\u202e,b\n1,2\n"), target="a")
    assert r"'a\x1b[2J\u202e'" in message
    assert refusal(write("t.csv", f"{'a' * 100_000},b\n1,2\n"), target="a").count("a") < 200
