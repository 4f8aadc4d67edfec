"""Parquet tables, read some rows at a time, so that what they open to is known before it fills the memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from chainrule.readers import arrow, thrift
from chainrule.readers.common import MIB, ReaderError, check_size, opening, regular, size_limit

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_MOST_ROWS = 65_536  # at a time
_MOST_PIECES = 250_000  # columns of all batches, beside one for each 64 bytes of the file: each takes some 10 µs
# The fields of the footer and of the header of a page by their ids. Source: parquet.thrift of Apache Parquet.
_SCHEMA, _GROUPS, _ENCRYPTION = 2, 4, 8
_LENGTH, _CHILDREN = 2, 5  # in an element of the schema
_COLUMNS = 1  # in a group of rows
_ELSEWHERE, _ABOUT = 1, 3  # in a column: the path of another file, and the following
_TYPE, _PACKED, _DATA, _DICTIONARY, _TEXT = 1, 7, 9, 11, 6  # bytes, where the pages start, and the type that is text
_UNPACKED, _PAGE = 2, 3  # in the header of a page: its bytes after and before they are unpacked


def read(path: Path) -> "pd.DataFrame":
    """The table in a file; a named index is a column of it. Columns of lists and the like are left out."""
    parts, opened, size = [], 0, regular(path)
    for batch in batches(path):
        parts.append(batch)
        opened += max(batch.nbytes, 8 * batch.num_rows * batch.num_columns)
        check_size(path, opened, size)
    if not parts:
        raise ReaderError(f"{path}: no examples, it has no rows")
    with opening(path, "Parquet"):
        import pyarrow as pa

        return arrow.frame(path, pa.Table.from_batches(parts))


def batches(path: Path, most: int = _MOST_ROWS, at_once: bool = True) -> "Iterator[pa.RecordBatch]":
    """The table some rows at a time. at_once: whether the memory must suffice for all of it."""
    size = regular(path)
    with opening(path, "Parquet"), open(path, "rb") as raw:
        from pyarrow import parquet

        raw.seek(max(0, size - 4))
        if raw.read() == b"PARE":
            raise _encrypted(path)
        about = parquet.read_metadata(raw)
        schema = arrow.plain(path, about.schema.to_arrow_schema(), about.num_rows)
        try:
            rows = max(1, min(most, size_limit(size) // _row(path, raw, size, at_once)))
        except ReaderError:
            raise
        except (AttributeError, LookupError, TypeError, ValueError):
            raise ReaderError(f"{path}: the footer of this Parquet file, or a page, is damaged") from None
        if about.num_rows / rows * len(schema) > _MOST_PIECES + size // 64:
            raise ReaderError(
                f"{path}: texts as long as its longest could stand in each of the {about.num_rows:,} rows, so that "
                f"{rows:,} fit into the memory at a time; save it in parts, or without the long texts"
            )
        yield from parquet.ParquetFile(raw, metadata=about).iter_batches(rows, columns=schema.names)


def _row(path: Path, raw: BinaryIO, size: int, at_once: bool) -> int:
    """Bytes that one row may come to: in a column of texts the largest page, which could be one text for all rows.

    Each page says what it unpacks to, whatever the file says of it elsewhere; the sum is limited by the file's size.
    The footer is read here once more, because pyarrow ends the process where the statistics of a column are odd.
    """
    raw.seek(size - 8)
    raw.seek(size - 8 - int.from_bytes(raw.read(4), "little"))
    footer, _ = thrift.struct(raw.read())
    if _ENCRYPTION in footer:
        raise _encrypted(path)
    leaves = [element for element in footer[_SCHEMA][1:] if not element.get(_CHILDREN)]
    widths, unpacked, packed = [max(8, leaf.get(_LENGTH, 0)) for leaf in leaves], 0, 0
    for group in footer[_GROUPS]:
        for j, chunk in enumerate(group[_COLUMNS]):
            about = chunk[_ABOUT]
            start = min(about[key] for key in (_DATA, _DICTIONARY) if about.get(key))
            if _ELSEWHERE in chunk or start < 0 or not 0 <= about[_PACKED] <= size - start:
                raise ReaderError(f"{path}: a column lies outside of the file; write it anew")
            packed += about[_PACKED]
            if packed > size:
                raise ReaderError(f"{path}: columns lie in the same place of the file; write it anew")
            for page in _pages(raw, start, start + about[_PACKED]):
                unpacked += page
                check_size(path, unpacked, size, at_once=at_once)
                if about[_TYPE] == _TEXT:
                    widths[j] = max(widths[j], page)
    return sum(widths)


def _encrypted(path: Path) -> ReaderError:
    return ReaderError(f"{path}: is encrypted; save it without encryption")


def _pages(raw: BinaryIO, at: int, end: int) -> Iterator[int]:
    """The unpacked size of every page from one place in the file to another; a header, then the packed data."""
    while at < end:
        for length in (1024, 16 * MIB):  # Arrow takes headers of up to 16 MiB
            raw.seek(at)
            try:
                header, used = thrift.struct(raw.read(length))
                break
            except IndexError:
                continue
        else:
            raise LookupError(at)
        unpacked, packed = header.get(_UNPACKED, -1), header.get(_PAGE, -1)
        if not (0 <= unpacked < 2**31 and 0 <= packed < 2**31):
            raise ValueError(f"a page at byte {at} declares {packed} bytes that unpack to {unpacked}")
        yield unpacked
        at += used + packed
