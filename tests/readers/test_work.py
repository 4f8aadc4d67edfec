"""Small files that would take hours: how much work a file may ask for is known before it is done."""

import gzip
import io
import os
import struct
import zlib

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from chainrule.readers import common, delimited, images, layout, read
from chainrule.readers import parquet as parquet_reader
from support.files import MIB, refusal

# Text


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_blank_lines_are_counted_before_any_is_looked_at(write, monkeypatch, end):
    monkeypatch.setattr(common, "MORE", 16 * MIB)
    monkeypatch.setattr(layout.csv, "reader", lambda *_, **__: pytest.fail("looked at"))
    path = write("t.csv.gz", gzip.compress(b"a,b\n1,2\n" + end * MIB))
    assert "as a table it opens to" in refusal(path)


def test_the_delimiter_is_looked_for_in_the_beginning_only(write, monkeypatch):
    monkeypatch.setattr(delimited, "_BEGINNING", 100)
    assert read(write("t.csv", "a;b\n" + "1;2\n" * 1000)).X.shape == (1000, 2)
    assert "its first 100 characters have no whole header line" in refusal(write("t.csv", f"{'a,' * 100}b\n1\n"))
    assert read(write("t.csv", '"' + "a" * 90 + '",b\n"' + "1" * 90 + '",2\n')).X.shape == (1, 2)


@pytest.mark.timeout(20)
def test_columns_without_a_name_are_counted_too(write):
    assert "1,000,001 columns, wanted at most 250,000" in refusal(write("t.csv", "a" + ',""' * 10**6 + "\n1\n"))


def test_empty_fields_and_empty_members_of_gzip_by_the_hundred_thousand_are_read(write):
    assert read(write("t.csv", 'a,b\n"",1\n' + '"",""\n' * 10**5)).X.shape == (100_001, 2)
    assert read(write("t.csv.gz", gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"") * 10**5)).X.shape == (1, 2)


# What the system makes up


def test_a_file_without_a_size_is_read_in_large_pieces(write, monkeypatch):
    path, sizes = write("t.csv", "a,b\n" + "1,2\n" * MIB), []

    class Watched(io.FileIO):
        def read(self, size):
            sizes.append(size)
            return super().read(size)

    monkeypatch.setattr(common, "open", Watched, raising=False)
    monkeypatch.setattr(common, "regular", lambda path: 0)  # as in /proc
    assert common.content(path) == path.read_bytes()
    assert len(sizes) < 10


def test_a_file_larger_than_the_memory_is_refused_before_it_is_read(write, monkeypatch):
    monkeypatch.setattr(common, "regular", lambda path: 2**47)  # as of /proc/kcore
    with pytest.raises(common.ReaderError, match="half of the memory"):
        common.content(write("t.csv", "a,b\n1,2\n"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.timeout(20)
def test_a_file_that_becomes_a_pipe_is_not_waited_for(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "t.csv")
    monkeypatch.setattr(common, "regular", lambda path: 0)
    assert common.content(tmp_path / "t.csv") == b""


# Images


def scanned(scans, size=(64, 64)):
    """A JPEG whose last scan comes many times."""
    buffer = io.BytesIO()
    Image.new("L", size).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * scans + b"\xff\xd9"


def test_each_scan_of_a_picture_counts(write, monkeypatch):
    monkeypatch.setattr(images, "_MORE", MIB)
    assert read(write("t.jpg", scanned(20))).X.shape == (1, 12288)
    words = "pixels to decode, in all scans, wanted at most 2,048 for each byte of the source and 1,048,576 more"
    assert words in refusal(write("t.jpg", scanned(300, (1000, 1000))))
    assert words in refusal(write("pets/cat/t.jpg", scanned(300, (1000, 1000))).parents[1])


def test_the_mark_of_a_scan_counts_in_a_jpeg_only(draw, monkeypatch):
    monkeypatch.setattr(images, "_MORE", 0)
    peach = np.broadcast_to(np.array([255, 218, 185], np.uint8), (200, 200, 3))
    assert read(draw("t.bmp", peach), image_size=(1, 1), gray=True).X.shape == (1, 1)


def test_the_pictures_of_a_folder_count_together(draw, monkeypatch, tmp_path):
    for i in range(4):
        draw(f"pets/cat/{i}.png", size=(1000, 1000), mode="1", color=1)
    size = sum(file.stat().st_size for file in (tmp_path / "pets" / "cat").iterdir())
    monkeypatch.setattr(images, "_MORE", 4 * 10**6 - 2048 * size)
    assert len(read(tmp_path / "pets").X) == 4
    monkeypatch.setattr(images, "_MORE", 4 * 10**6 - 2048 * size - 1)
    assert "1,000,000 pixels to decode" in refusal(tmp_path / "pets")


# HDF5


def test_chunks_of_hdf5_in_one_place_are_refused(tmp_path):
    path, stored = tmp_path / "t.h5", zlib.compress(np.random.default_rng(0).bytes(100_000))
    with h5py.File(path, "w", libver="earliest") as file:
        data = file.create_dataset("X", (10, 100_000), "u1", chunks=(1, 100_000), compression="gzip")
        for i in range(10):
            data.id.write_direct_chunk((i, 0), stored if i == 0 else b"x" * (100 + i))
        places = [data.id.get_chunk_info(i) for i in range(10)]
    raw = path.read_bytes()
    for place in places[1:]:  # in the tree: size, mask of filters, offsets of rows, columns and bytes, address
        middle = struct.pack("<IQQQ", 0, *place.chunk_offset, 0)
        old, new = (
            struct.pack("<I", each.size) + middle + struct.pack("<Q", each.byte_offset) for each in (place, places[0])
        )
        assert raw.count(old) == 1
        raw = raw.replace(old, new)
    path.write_bytes(raw)
    assert "chunks of 'X' lie in the same place of the file" in refusal(path)


@pytest.mark.timeout(20)
def test_heaps_of_hdf5_within_one_another_are_not_walked_through_each(save_h5):
    heap = b"GCOL\1\0\0\0" + struct.pack("<Q", 2**40)
    text = b"\1\0\0\0\0\0\0\0" + struct.pack("<Q", 16)  # its 16 bytes are the beginning of the next heap
    path = save_h5(X=np.ones((2, 1)), y=["a", "b"], other=np.frombuffer((heap + text) * 30_000, np.uint8))
    assert "the place of its texts is damaged" in refusal(path)


# Parquet


def test_columns_of_parquet_in_one_place_are_refused(tmp_path):
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": np.random.default_rng(0).normal(size=1000)}), path)
    about, more, data = parquet.read_metadata(path), parquet.read_metadata(path), path.read_bytes()
    for _ in range(5):
        about.append_row_groups(more)
    about.write_metadata_file(tmp_path / "footer")
    end = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    path.write_bytes(data[:end] + (tmp_path / "footer").read_bytes()[4:])
    assert "columns lie in the same place of the file" in refusal(path)


def test_parquet_that_would_be_read_row_by_row_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(common, "MORE", 16 * MIB)
    monkeypatch.setattr(parquet_reader, "_MOST_PIECES", 1000)
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": ["b" * 4 * MIB] + ["c"] * 9999, "b": 1.0}).to_parquet(path, compression="zstd")
    assert "texts as long as its longest could stand in each of the 10,000 rows" in refusal(path)
