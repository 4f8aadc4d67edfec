"""Broken and hostile files by the hundred thousand (make fuzz).

    PYTHONPATH=tests python -m support.fuzz --inputs 200000 [--target NAME] [--seed N]

A target is a row of TARGETS: valid small files, the call that reads one, and the error that it may raise. An input is a
valid file, changed. The call may return or raise that error, in one line; any other exception, a warning, output on the
screen, a crash, more than SECONDS of work or the end of the memory is a finding. Inputs run in worker processes, which
are replaced when they die, so that a run goes on after a crash of a C library. Ctrl-C ends it with its report. Input i
of a target depends on the seed and i alone: --only i repeats it here.
"""

import argparse
import bz2
import contextlib
import faulthandler
import gzip
import hashlib
import io
import json
import lzma
import multiprocessing
import os
import re
import resource
import shutil
import signal
import struct
import sys
import tempfile
import threading
import time
import traceback
import warnings
import zipfile
import zlib
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np

SECONDS = 10  # of processor time for one input
MEMORY = 4 << 30  # bytes that a worker may ask for beyond what it has at its start
PORTION = 250  # inputs between two reports of a worker
MOST_SAVED = 10  # inputs of one kind of finding


@dataclass(frozen=True)
class Target:
    """What is read, and how it is broken."""

    seeds: Callable[[], dict[str, bytes]]  # valid files by name; a name may have folders
    call: Callable[[Path], object]
    refusal: type[Exception]
    unpack: Callable[[bytes], list[bytes]] | None = None  # the parts within a valid file, to be changed one by one …
    pack: Callable[[list[bytes]], bytes] | None = None  # … and put together again, with the sums that make it valid
    fix: Callable[[bytes], bytes] | None = None  # correct the sums in a changed file, where they can still be found
    change: Callable[[np.random.Generator, bytes], bytes] | None = None  # instead of all these
    memory: int = MEMORY
    may_warn: str = ""  # a part of the only warning that is in order
    talks: bool = False  # whether a C library beneath may print (libtiff does, about every broken file)


# Changes. Each takes a generator, the bytes and those of another valid file.

EXTREMES = (0, 1, -1, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1)
WORDS = (
    *(b"-1", b"0", b"2147483648", b"9223372036854775807", b"18446744073709551616", b"9" * 400, b"1e999", b"-1e-999"),
    *(b"nan", b"true", b"null", b"None", b"[" * 500, b"{" * 500, b'{"a":' * 300, b'"', b"'", b",", b";", b"\n", b"\r"),
    *(b"\t", b"\0", b"\\", b"../../x", b"/etc/passwd", b"|O", b"<f8", b"<U99999999", b"|V0", b"\xef\xbb\xbf"),
    *(b"\xff\xfe", b"\xc3\x28"),
)


def _place(rng, data):
    return int(rng.integers(len(data) + 1))


def _run(rng, data):
    start = _place(rng, data)
    return start, start + int(rng.choice((1, 2, 4, 8, 16, 64, 512)))


def truncated(rng, data, other):
    return data[: _place(rng, data)]


def flipped(rng, data, other):
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        if changed:
            changed[int(rng.integers(len(changed)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def overwritten(rng, data, other):
    start, stop = _run(rng, data)
    fill = (
        rng.bytes(stop - start) if rng.random() < 0.5 else bytes([int(rng.choice((0, 255, 32, 65)))]) * (stop - start)
    )
    return data[:start] + fill + data[stop:]


def cut_out(rng, data, other):
    start, stop = _run(rng, data)
    return data[:start] + data[stop:]


def repeated(rng, data, other):
    start, stop = _run(rng, data)
    return data[:stop] + data[start:stop] * int(rng.choice((1, 2, 10, 100))) + data[stop:]


def moved(rng, data, other):
    (start, stop), at = _run(rng, data), _place(rng, data)
    return data[:at] + data[start:stop] + data[at + stop - start :]


def spliced(rng, data, other):
    return data[: _place(rng, data)] + other[_place(rng, other) :]


def extreme(rng, data, other):
    """A number anywhere, of any width, in either order of bytes, becomes an extreme one."""
    width, start = int(rng.choice((1, 2, 4, 8))), _place(rng, data)
    value = int(EXTREMES[rng.integers(len(EXTREMES))]) % (1 << 8 * width)
    return data[:start] + value.to_bytes(width, ("little", "big")[rng.integers(2)]) + data[start + width :]


def nudged(rng, data, other):
    """One byte, which may be a length, a count or a type, a little higher or lower."""
    changed, start = bytearray(data), int(rng.integers(len(data))) if data else 0
    if data:
        changed[start] = (changed[start] + int(rng.choice((-8, -2, -1, 1, 2, 8)))) % 256
    return bytes(changed)


def worded(rng, data, other):
    """A word that means something to a parser, in place of a run of digits or letters or anywhere."""
    word, start = WORDS[rng.integers(len(WORDS))], _place(rng, data)
    stop = start
    while stop < len(data) and stop < start + 30 and data[stop : stop + 1].isalnum():
        stop += 1
    return data[:start] + word + data[stop:]


def inflated(rng, data, other):
    """A run of bytes as often as a small file has room for, packed or not: work that grows faster than the file."""
    start, stop = _run(rng, data)
    return data[:stop] + data[start:stop] * (int(rng.choice((10**3, 10**4, 10**6))) // (stop - start)) + data[stop:]


CHANGES = (
    truncated,
    flipped,
    flipped,
    overwritten,
    cut_out,
    repeated,
    inflated,
    moved,
    spliced,
    extreme,
    extreme,
    nudged,
    worded,
)


def changed(target: Target, rng: np.random.Generator) -> tuple[str, bytes]:
    """The name and the bytes of one input."""
    seeds = valid(target)
    names = sorted(seeds)
    name, other = (names[rng.integers(len(names))] for _ in range(2))
    if target.change:
        return name, target.change(rng, seeds[name])

    def change(data: bytes, other: bytes) -> bytes:
        for _ in range(int(rng.choice((1, 1, 2, 4)))):
            data = CHANGES[rng.integers(len(CHANGES))](rng, data, other)
        return data

    if target.unpack and target.pack and rng.random() < 0.6:
        parts, others = target.unpack(seeds[name]), target.unpack(seeds[other])
        i = int(rng.integers(len(parts)))
        parts[i] = change(parts[i], others[i % len(others)])
        if rng.random() < 0.1:
            parts += parts
        return name, target.pack(parts)
    data = change(seeds[name], seeds[other])
    return name, target.fix(data) if target.fix and rng.random() < 0.7 else data


@cache
def valid(target: Target) -> dict[str, bytes]:
    return target.seeds()


# What the readers read


def text_files() -> dict[str, bytes]:
    numbers = "a,b,c\n1,2.5,x\n2,,y\n-3,1e5,z z\n"
    dates = 'id;when;"what, so"\n1;2024-01-31;"a ""quoted"" word"\n2;;\'x\'\n3;2024-02-30;line\n'
    return {
        "t.csv": numbers.encode(),
        "u.csv": ("\ufeff" + dates).encode(),
        "w.csv": "größe,b\n1,5 €\n".encode("cp1252"),
        "s.txt": numbers.replace(",", "|").encode("utf-16"),
        "d.txt": b"a;b\r\n1,5;x\r\n-2,25;y\r\n",
        "t.tsv": numbers.replace(",", "\t").encode(),
        "i.csv": b"a,b\n9007199254740993,18446744073709551615\n,\n",
        "u32.csv": numbers.encode("utf-32"),
    }


def parquet_files() -> dict[str, bytes]:
    import pandas as pd

    frame = pd.DataFrame(
        {
            "a": [1, 2, 3],
            "b": [0.5, None, 1e300],
            "c": ["x", None, "yy"],
            "d": pd.to_datetime(["2024-01-01", None, "1999-12-31"]),
            "g": pd.array([2**53 + 1, None, 1], "Int64"),
            "h": [b"x", None, b"\xff"],
            "e": [True, False, True],
            "f": pd.Categorical(["u", "v", "u"]),
        }
    )
    files = {}
    for name, options in {
        "plain.parquet": {"compression": None, "use_dictionary": False},
        "snappy.parquet": {"compression": "snappy"},
        "zstd.parquet": {"compression": "zstd", "data_page_version": "2.0", "write_statistics": False},
        "gzip.parquet": {"compression": "gzip", "store_schema": False},
        "delta.parquet": {
            "use_dictionary": False,
            "column_encoding": {"a": "DELTA_BINARY_PACKED", "c": "DELTA_BYTE_ARRAY"},
        },
    }.items():
        buffer = io.BytesIO()
        frame.rename_axis("id" if name == "zstd.parquet" else None).to_parquet(buffer, **options)
        files[name] = buffer.getvalue()
    return files


def arrays() -> list[dict[str, np.ndarray]]:
    return [
        {"X": np.arange(12.0).reshape(4, 3), "y": np.array([0, 1, 1, 0])},
        {"x_train": np.arange(24, dtype=np.uint8).reshape(2, 3, 4), "y_train": np.array([b"a", b"b"])},
        {"data": np.asfortranarray(np.ones((2, 2), ">f4")), "labels": np.array(["u", "v"])},
        {"images": np.zeros((2, 2), bool), "y": np.array([[0], [1]]), "classes": np.array([b"no", b"yes"])},
    ]


def npz_files() -> dict[str, bytes]:
    files = {}
    for i, each in enumerate(arrays()):
        buffer = io.BytesIO()
        (np.savez_compressed if i % 2 else np.savez)(buffer, **each)
        files[f"{i}.npz"] = buffer.getvalue()
    return files


def unzipped(data: bytes) -> list[bytes]:
    """Name, content, name, content …"""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [part for name in archive.namelist() for part in (name.encode(), archive.read(name))]


def zipped(parts: list[bytes]) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # of members of the same name, which are meant
        for name, content in zip(parts[::2], parts[1::2], strict=True):
            # As an entry of its own, which does not hold the time of now.
            entry = zipfile.ZipInfo(name.decode("latin-1").replace("\0", "?")[:30_000] or "?")
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def hdf5_files() -> dict[str, bytes]:
    import h5py

    files = {}
    for i, each in enumerate(arrays()):
        for libver in ("earliest", "latest"):
            buffer = io.BytesIO()
            with h5py.File(buffer, "w", libver=libver) as file:
                for key, value in each.items():
                    options = (
                        {"chunks": True, "compression": "gzip", "shuffle": True, "fletcher32": True} if i == 1 else {}
                    )
                    options = (
                        {"chunks": True, "maxshape": (None,) * value.ndim, "compression": "lzf"} if i == 3 else options
                    )
                    value = value.astype(object) if value.dtype.kind == "U" else value
                    file.create_dataset(f"train/{key}" if i == 2 else key, data=value, **options)
                if i == 0:
                    file["alias"], file["also"] = h5py.SoftLink("/X"), h5py.ExternalLink("elsewhere.h5", "/X")
                    del file["also"]
            files[f"{i}{libver}.h5"] = buffer.getvalue()
    return files


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def idx_files() -> dict[str, bytes]:
    return {
        "t-images-idx3-ubyte": idx(np.arange(24, dtype=np.uint8).reshape(2, 3, 4)),
        "u-images-idx3-ubyte": idx(np.ones((3, 1, 1), np.uint8)),
    }


def label_files() -> dict[str, bytes]:
    return {
        "t-labels-idx1-ubyte": idx(np.array([7, 2], np.uint8)),
        "u-labels-idx1-ubyte": idx(np.array([255, 0], np.uint8)),
    }


def image_files() -> dict[str, bytes]:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(256, size=(6, 5, 4), dtype=np.uint8)
    modes = {
        **{"L.png": "L", "RGBA.png": "RGBA", "P.png": "P", "1.png": "1", "I16.png": "I;16", "RGB.bmp": "RGB"},
        **{"P.bmp": "P", "P.gif": "P", "L.jpg": "L", "RGB.jpeg": "RGB", "CMYK.jpg": "CMYK", "RGB.ppm": "RGB"},
        **{"L.pgm": "L", "RGB.tif": "RGB", "1.tif": "1", "RGB.webp": "RGB", "RGBA.webp": "RGBA"},
    }
    files = {}
    for name, mode in modes.items():
        image = (
            Image.fromarray(pixels).convert("L").convert(mode)
            if mode == "I;16"
            else Image.fromarray(pixels).convert(mode)
        )
        exif = Image.Exif()
        exif[0x0112] = 6
        packed = {"1.tif": {"compression": "group4"}, "RGB.tif": {"compression": "tiff_lzw"}}.get(name, {})
        buffer = io.BytesIO()
        form = Image.registered_extensions()[Path(name).suffix]
        image.save(buffer, form, **({"exif": exif} if name in ("L.png", "RGB.jpeg", "RGB.webp") else packed))
        files[name] = buffer.getvalue()
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., :3]).save(buffer, "JPEG", progressive=True)
    files["scans.jpg"] = buffer.getvalue()
    buffer = io.BytesIO()
    frames = [Image.fromarray(pixels[..., i]) for i in range(3)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return {**files, "moving.gif": buffer.getvalue()}


def fix_png(data: bytes) -> bytes:
    """The sums of a PNG's chunks made right, as far as its chunks can be followed; other formats have none."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    fixed, at = bytearray(data), 8
    while at + 12 <= len(fixed):
        end = at + 8 + int.from_bytes(fixed[at : at + 4], "big")
        if end + 4 > len(fixed):
            break
        fixed[end : end + 4] = zlib.crc32(fixed[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(fixed)


def sheet_files() -> dict[str, bytes]:
    import datetime

    import openpyxl

    files = {}
    for name, rows in {
        "a.xlsx": [["a", "b", "c"], [1, 2.5, "x"], [2, None, "007"], [-3, 1e5, "z z"]],
        "b.xlsx": [["Title"], [], [None, "id", "when"], [None, 1, datetime.datetime(2024, 1, 31)], [None, 2, True]],
        "c.xlsx": [[0.5, "x"], [1.5, "y"], ["Total", 7]],
    }.items():
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        if name == "a.xlsx":
            book.create_sheet("other").append(["#DIV/0!", 1])
        buffer = io.BytesIO()
        book.save(buffer)
        # The same bytes at any time.
        parts = [
            re.sub(rb"20\d\d-\d\d-\d\dT[\d:]+Z", b"2024-01-01T00:00:00Z", part) for part in unzipped(buffer.getvalue())
        ]
        files[name] = zipped(parts)
    return files


def json_files() -> dict[str, bytes]:
    records = [{"a": 1, "b": {"c": None, "d": "x"}, "e": [1]}, {"a": 2.5, "b": {"d": "NA"}}, {"f": True}]
    columns = {"a": {"0": 1, "1": 2}, "b": {"0": "x", "1": None}}
    lists = {"a": [1, 2**60, None], "b": ["x", "y", "007"]}
    rows = {"columns": ["a", "b"], "index": [0, 1], "data": [[1, "x"], [2.5, None]]}
    lines = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    return {
        **{
            f"{i}.json": json.dumps(each).encode()
            for i, each in enumerate((records, columns, lists, rows, rows["data"]))
        },
        **{
            "lines.jsonl": lines,
            "lines.json": lines,
            "one.json": b'{"a": 1}',
            "w.json": json.dumps(records).encode("utf-16"),
        },
    }


def arrow_files() -> dict[str, bytes]:
    import pandas as pd
    import pyarrow as pa

    table = pa.table(
        {
            "a": [1, 2, None],
            "b": pa.array(["x", None, "y" * 20]),
            "c": pa.array(["x", None, "y" * 20], pa.string_view()),
            "d": pa.array(["u", "v", "u"]).dictionary_encode(),
            "e": pa.array(pd.to_datetime(["2024-01-01", None, "1999-12-31"])),
            "f": [True, None, False],
            "g": [[1], [], None],
            "h": pa.array([b"x", None, b"\xff"]),
        }
    )
    files = {}
    for name, packing, new in (
        ("plain.arrow", None, pa.ipc.new_file),
        ("lz4.feather", "lz4", pa.ipc.new_file),
        ("zstd.arrow", "zstd", pa.ipc.new_stream),
    ):
        sink = io.BytesIO()
        with new(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=packing)) as writer:
            writer.write_table(table, max_chunksize=2)
        files[name] = sink.getvalue()
    return files


def packed_files() -> dict[str, bytes]:
    import pyarrow as pa

    text = text_files()["t.csv"]
    files = {"t.csv.bz2": bz2.compress(text), "t.csv.xz": lzma.compress(text)}
    return {**files, "t.csv.zst": pa.compress(text, "zstd", asbytes=True)}


def archive_files() -> dict[str, bytes]:
    files = {name: data for name, data in text_files().items() if name != "t.tsv"}
    return {f"{name}.zip": zipped([name.encode(), data]) for name, data in {**files, **json_files()}.items()}


def gzipped(files: Callable[[], dict[str, bytes]]) -> dict[str, object]:
    """The same files under .gz: seeds, unpack and pack."""
    return {
        "seeds": lambda: {f"{name}.gz": gzip.compress(data, mtime=0) for name, data in files().items()},
        "unpack": lambda data: [gzip.decompress(data)],
        "pack": lambda parts: b"".join(gzip.compress(part, 1, mtime=0) for part in parts),
    }


def read(path: Path, **options: object) -> None:
    """Read a file, and see that what comes is a Table in order."""
    from chainrule import readers

    table = readers.read(path, **options)
    assert isinstance(table, readers.Table)
    assert len(table.X) > 0
    assert table.y is None or len(table.y) == len(table.X)
    if isinstance(table.X, np.ndarray):
        assert table.X.dtype == np.float32
        assert table.X.ndim == 2
        assert table.X.flags.c_contiguous
        assert table.image_shape is None or np.prod(table.image_shape) == table.X.shape[1]
    else:
        assert all(isinstance(column, str) for column in table.X.columns)
        assert table.X.columns.is_unique


def read_by_and_by(path: Path) -> None:
    """Read a file some rows at a time, and see that all parts have the same columns."""
    from chainrule import readers
    from chainrule.readers import stream

    with mock.patch.object(stream, "WHOLE", 256):
        parts = list(readers.batches(path, rows=1000))
    assert parts
    assert all(list(part.X.columns) == list(parts[0].X.columns) for part in parts)
    assert all(0 < len(part.X) <= 1000 for part in parts)


def read_labels(path: Path) -> None:
    images = path.with_name("t-images-idx3-ubyte")
    images.write_bytes(idx_files()[images.name])
    read(images, labels=path)


# Model files: the length of the header, the header in JSON, the arrays


def model_files() -> dict[str, bytes]:
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    import chainrule as cr

    X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": ["u", "v", "u", "v"]})
    sorted_out = make_column_transformer((StandardScaler(), ["a"]), (OneHotEncoder(), ["b"]))
    y, little = ["no", "yes", "no", "yes"], {"hidden_layer_sizes": (2,), "max_iter": 1, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a training as short as this
        models = {
            "network": cr.Network([2, 3, 1], hidden="tanh", seed=0),
            "classifier": cr.MLPClassifier(**little).fit(X[["a"]], y),
            "pipeline": make_pipeline(sorted_out, cr.MLPRegressor(**little)).fit(X, X["a"]),
        }
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, model in models.items():
            path = Path(folder) / name
            cr.save(model, path)
            files[f"{name}.chainrule"] = path.read_bytes()
    return files


def opened_model(data: bytes) -> list[bytes]:
    """The arrays, their table, then names and texts in turn."""
    length = int.from_bytes(data[:8], "little")
    rows = json.loads(data[8 : 8 + length])
    texts = rows.pop("__metadata__")
    return [data[8 + length :], json.dumps(rows).encode(), *(part.encode() for item in texts.items() for part in item)]


def closed_model(parts: list[bytes]) -> bytes:
    arrays, rows, *texts = parts
    pairs = zip(texts[::2], texts[1::2], strict=False)
    plain = {key.decode(errors="replace"): text.decode(errors="replace") for key, text in pairs}
    about = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    header = b'{"__metadata__":' + about.encode() + b"," + rows.strip()[1:]
    header += b" " * (-(8 + len(header)) % 64)
    return fix_model(len(header).to_bytes(8, "little") + header + arrays)


def fix_model(data: bytes) -> bytes:
    """The checksum made right, where there is one: SHA-256 of all bytes with zeros in its own place."""
    found = re.search(rb'"sha256":"([^"]{64})"', data)
    if not found:
        return data
    before, after = data[: found.start(1)], data[found.end(1) :]
    return before + hashlib.sha256(before + b"0" * len(found[1]) + after).hexdigest()[: len(found[1])].encode() + after


def load(path: Path) -> None:
    """Load a model. If that works, then to predict with it may go wrong, but not crash."""
    import chainrule as cr

    model = cr.load(path)
    with contextlib.suppress(Exception), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if isinstance(model, cr.Network):
            model.forward(np.zeros((model.sizes[0], 3)))
        else:
            model.predict(np.zeros((3, model.n_features_in_)))


def _targets() -> dict[str, Target]:
    from chainrule.files.model import ModelFileError, read_about
    from chainrule.readers import ReaderError
    from support import using

    small = {"image_size": (8, 8)}
    encoding = "not UTF-8, read as"
    models = {"seeds": model_files, "unpack": opened_model, "pack": closed_model, "fix": fix_model}
    loads = {"refusal": ModelFileError, "may_warn": "train it again"}
    return {
        "text": Target(text_files, read, ReaderError, may_warn=encoding),
        "text.gz": Target(call=read, refusal=ReaderError, may_warn=encoding, **gzipped(text_files)),
        "parquet": Target(parquet_files, read, ReaderError),
        "json": Target(json_files, read, ReaderError, may_warn=encoding),
        "sheet": Target(sheet_files, read, ReaderError, unzipped, zipped),
        "arrow": Target(arrow_files, read, ReaderError),
        "packed": Target(packed_files, read, ReaderError, may_warn=encoding),
        "zip": Target(archive_files, read, ReaderError, unzipped, zipped, may_warn=encoding),
        "stream": Target(
            lambda: {
                **text_files(),
                **parquet_files(),
                **arrow_files(),
                **packed_files(),
                "long.csv": b"a,b,c\n" + b"1,2.5,x\n2,,y\n-3,1e5,'z z'\n" * 20,
                "t.jsonl": json_files()["lines.jsonl"] * 9,
            },
            read_by_and_by,
            ReaderError,
            may_warn=encoding,
        ),
        "npz": Target(npz_files, read, ReaderError, unzipped, zipped),
        "hdf5": Target(hdf5_files, read, ReaderError),
        "idx": Target(idx_files, read, ReaderError),
        "idx.gz": Target(call=read, refusal=ReaderError, **gzipped(idx_files)),
        "labels": Target(label_files, read_labels, ReaderError),
        "image": Target(image_files, lambda path: read(path, **small), ReaderError, fix=fix_png, talks=True),
        "folder": Target(
            lambda: {f"set/class/{name}": data for name, data in image_files().items()},
            lambda path: read(path.parent.parent, gray=True, **small),
            ReaderError,
            fix=fix_png,
            talks=True,
        ),
        "load": Target(call=load, **models, **loads),
        "inspect": Target(call=read_about, refusal=ModelFileError, **models),
        "use": Target(seeds=using.seeds, call=using.use, change=using.changed, memory=1 << 29, talks=True, **loads),
    }


TARGETS = _targets()


# Running


@dataclass
class Findings:
    """What became of the inputs of one target."""

    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    slowest: float = 0.0  # seconds
    found: list[tuple[int, str, str]] = field(default_factory=list)  # input, kind, what was said


def source(name: str, seed: int, i: int) -> tuple[str, bytes]:
    """Input i of a target."""
    return changed(TARGETS[name], np.random.default_rng([seed, zlib.crc32(name.encode()), i]))


def attempt(name: str, path: Path) -> tuple[str, str]:
    """Read one file: ("accepted" or "refused" or the kind of a finding, what was said)."""
    target = TARGETS[name]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            target.call(path)
            outcome = "accepted", ""
        except target.refusal as error:
            inner, outcome = error, ("refused", str(error))
            while inner := inner.__context__:
                if isinstance(inner, MemoryError):
                    outcome = "memory", str(error)
            if "\n" in str(error) or len(str(error)) > 4000:
                outcome = "not one line", str(error)[:4000]
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            outcome = (
                f"{type(error).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}",
                traceback.format_exc(),
            )
    from chainrule.errors import ReadingNote

    warned = [str(each.message) for each in caught if not issubclass(each.category, ReadingNote)]
    if said := [message for message in warned if not target.may_warn or target.may_warn not in message]:
        return "warning", "\n".join(said)
    return outcome


def work(
    pipe: "multiprocessing.connection.Connection", now: "multiprocessing.sharedctypes.Synchronized", folder: Path
) -> None:
    """A worker: takes (target, seed, inputs), gives Findings."""
    screen = os.open(folder / "screen", os.O_CREAT | os.O_RDWR | os.O_APPEND)
    os.dup2(screen, 1)
    os.dup2(screen, 2)
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in TARGETS:  # whatever is imported late, and the memory for it
        with contextlib.suppress(Exception):
            valid(TARGETS[name])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while portion := pipe.recv():
        name, seed, start, stop = portion
        result = Findings()
        with contextlib.suppress(OSError, ValueError):
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + TARGETS[name].memory, -1))
        for i in range(start, stop):
            now.value = i
            file, data = source(name, seed, i)
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            before, started = os.fstat(screen).st_size, time.perf_counter()
            signal.setitimer(signal.ITIMER_PROF, SECONDS)  # ends the process, even within a C library
            signal.setitimer(signal.ITIMER_REAL, 20 * SECONDS)
            kind, said = attempt(name, path)
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            result.slowest = max(result.slowest, time.perf_counter() - started)
            sys.stderr.flush()
            if (after := os.fstat(screen).st_size) > before and not TARGETS[name].talks:
                kind, said = "output", os.pread(screen, min(after - before, 4000), before).decode(errors="replace")
            result.inputs += 1
            result.accepted += kind == "accepted"
            result.refused += kind == "refused"
            if kind not in ("accepted", "refused"):
                result.found.append((i, kind, said))
            path.unlink()
        pipe.send(result)


def run(names: list[str], inputs: int, seed: int = 0, workers: int = 2, first: int = 0) -> dict[str, Findings]:
    """So many inputs, shared by the targets, from the number `first` on."""
    each = -(-inputs // len(names))
    total = {name: Findings() for name in names}
    todo = deque(
        (name, at, min(at + PORTION, first + each)) for at in range(first, first + each, PORTION) for name in names
    )
    lock, forks = threading.Lock(), multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["support.using"])  # a worker that replaces a dead one is there at once

    def serve(folder: Path) -> None:
        process = pipe = None
        now = forks.Value("q", 0, lock=False)
        while True:
            with lock:
                if not todo:
                    break
                name, start, stop = todo.popleft()
            if process is None:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                pipe, end = forks.Pipe()
                process = forks.Process(target=work, args=(end, now, folder), daemon=True)
                process.start()
                end.close()
            try:
                pipe.send((name, seed, start, stop))
                result = pipe.recv()
            except (EOFError, OSError):  # it died
                process.join()
                i, code = now.value, process.exitcode
                kind = {-signal.SIGPROF: "too slow", -signal.SIGALRM: "stuck"}.get(code, f"crash, exit code {code}")
                said = (folder / "screen").read_text(errors="replace")[-4000:]
                # The portion is done again without its last input; the results of the first part were lost with it.
                result = Findings(inputs=1, slowest=SECONDS, found=[(i, kind, said)])
                process = None
                with lock:
                    todo.extendleft(part for part in ((name, i + 1, stop), (name, start, i)) if part[1] < part[2])
            with lock:
                whole = total[name]
                whole.inputs += result.inputs
                whole.accepted += result.accepted
                whole.refused += result.refused
                whole.slowest = max(whole.slowest, result.slowest)
                whole.found += result.found
        if process is not None:
            pipe.send(None)
            process.join()

    with tempfile.TemporaryDirectory() as folder:
        threads = [threading.Thread(target=serve, args=(Path(folder) / str(k),)) for k in range(workers)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            todo.clear()  # what is under way is finished
            for thread in threads:
                thread.join()
    return total


def report(total: dict[str, Findings], seed: int, folder: Path) -> int:
    """Print the table and the findings, save their inputs, and give the number of findings."""
    print(f"{'target':10s} {'inputs':>8s} {'accepted':>9s} {'refused':>8s} {'findings':>9s} {'slowest':>9s}")
    for name, result in [*total.items(), ("all", Findings())]:
        many = list(total.values()) if name == "all" else [result]
        counts = [sum(getattr(one, key) for one in many) for key in ("inputs", "accepted", "refused")]
        found, slowest = sum(len(one.found) for one in many), max(one.slowest for one in many)
        print(f"{name:10s} {counts[0]:8,d} {counts[1]:9,d} {counts[2]:8,d} {found:9,d} {slowest:7.2f} s")
    for name, result in total.items():
        kinds = Counter(kind for _, kind, _ in result.found)
        for kind, count in kinds.most_common():
            print(f"\n{name}: {kind}, {count} times")
            for i, _, said in [one for one in sorted(result.found) if one[1] == kind][:MOST_SAVED]:
                file, data = source(name, seed, i)
                path = folder / f"{name}-{seed}-{i}" / Path(file).name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                (path.parent / "said.txt").write_text(f"{kind}\n{said}\n", errors="replace")
                last = (said.strip().splitlines() or [""])[-1][:200]
                print(f"  --target {name} --seed {seed} --only {i}: {path}: {last}")
    return sum(len(result.found) for result in total.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=200_000, help="of all targets together")
    parser.add_argument(
        "--target", action="append", choices=sorted(TARGETS), help="may be given several times; default: all"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first input of each target")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--save", type=Path, default=Path("fuzz-findings"), help="a folder for the inputs of findings")
    parser.add_argument("--only", type=int, help="one input, read in this process")
    given = parser.parse_args()
    names = given.target or list(TARGETS)
    if given.only is not None:
        with tempfile.TemporaryDirectory() as folder:
            file, data = source(names[0], given.seed, given.only)
            path = Path(folder) / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            print(file, f"{len(data)} bytes", *attempt(names[0], path), sep="\n")
        return 0
    return 1 if report(run(names, given.inputs, given.seed, given.workers, given.first), given.seed, given.save) else 0


if __name__ == "__main__":
    sys.exit(main())
