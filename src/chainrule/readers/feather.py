"""Tables in Arrow's own files (.feather, .arrow), message by message, each checked before it is unpacked."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.readers import arrow
from chainrule.readers.common import ReaderError, Source, check_size, opening

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# The fields of a message by their places. Source: Message.fbs of Apache Arrow.
_KIND, _HEADER = 1, 2
_DICTIONARY, _BATCH = 2, 3  # kinds of messages
_DATA = 1  # of a dictionary: a batch
_LENGTH, _BUFFERS, _PACKING = 0, 2, 3  # of a batch


def read(source: Source) -> "pd.DataFrame":
    """The table in a file of Arrow, in its file or its stream format. Columns of lists and the like are left out."""
    with opening(source.path, "Arrow"):
        import pyarrow as pa

        rows, parts = 0, []
        for batch in batches(source.path, pa.py_buffer(source.data), source.size):
            rows += batch.num_rows
            parts.append(batch)
            check_size(source.path, 8 * rows * batch.num_columns, source.size)
        if not parts:
            raise ReaderError(f"{source.path}: no examples, it has no rows")
        return arrow.frame(source.path, pa.Table.from_batches(parts))


def batches(path: Path, data: Any, size: int, at_once: bool = True) -> "Iterator[pa.RecordBatch]":
    """The batches in a buffer of Arrow. at_once: whether the memory must suffice for all of it."""
    with opening(path, "Arrow"):
        import pyarrow as pa

        # A file is a stream behind a mark of 8 bytes; its footer, which could point anywhere, is not needed.
        stream = data[8:] if data[:6].to_pybytes() == b"ARROW1" else data
        opened = 0
        for message in pa.ipc.MessageReader.open_stream(stream):
            if message.type in ("record batch", "dictionary"):
                try:
                    unpacked = sum(_sizes(message.metadata.to_pybytes(), message.body))
                except (IndexError, struct.error):
                    raise ReaderError(f"{path}: a message of this Arrow file is damaged; write it anew") from None
                opened += unpacked
                check_size(path, unpacked, size)
                check_size(path, opened, size, at_once=at_once)
        with pa.ipc.open_stream(stream) as reader:
            schema = arrow.plain(path, reader.schema, 0)
            for batch in reader:
                batch = batch.select(schema.names)
                batch.validate(full=True)
                check_size(path, 8 * batch.num_rows * batch.num_columns, size)
                check_size(path, sum(map(_text, batch.columns)), size, "its text")
                yield batch


def _text(column: "pa.Array") -> int:
    """Bytes of the text of a column whose rows may stand for the same text of the file."""
    import pyarrow as pa

    if column.type not in (pa.string_view(), pa.binary_view()):
        return 0
    # For each row 16 bytes, the first four of which are its length.
    lengths = np.frombuffer(column.buffers()[1], np.int32)[::4][column.offset : column.offset + len(column)]
    return int(lengths[column.is_valid().to_numpy(zero_copy_only=False)].sum(dtype=np.int64))


def _sizes(message: bytes, body: Any) -> Iterator[int]:
    """The bytes of each buffer of a message: of a packed one those that it says it unpacks to."""
    root = _offset(message, 0)
    kind, header = _field(message, root, _KIND), _table(message, root, _HEADER)
    if kind and message[kind] == _DICTIONARY:
        header = _table(message, header, _DATA)
    packed = _field(message, header, _PACKING)
    at = _field(message, header, _BUFFERS)
    if not at:
        return
    at = _offset(message, at)
    (count,) = struct.unpack_from("<I", message, at)
    for i in range(count):
        start, length = struct.unpack_from("<qq", message, at + 4 + 16 * i)
        if start < 0 or length < 0 or start + length > len(body):
            raise IndexError(start)
        (size,) = struct.unpack_from("<q", body, start) if packed and length else (length,)
        yield max(size, length)


def _offset(data: bytes, at: int) -> int:
    """Where the thing is whose distance stands here."""
    return int(at + struct.unpack_from("<I", data, at)[0])


def _field(data: bytes, table: int, number: int) -> int:
    """Where the field of a table is; 0 where it has none. Source: "FlatBuffer Internals" of its documentation."""
    directory = table - struct.unpack_from("<i", data, table)[0]
    (length,) = struct.unpack_from("<H", data, directory)
    if 4 + 2 * number >= length:
        return 0
    (place,) = struct.unpack_from("<H", data, directory + 4 + 2 * number)
    return table + place if place else 0


def _table(data: bytes, table: int, number: int) -> int:
    at = _field(data, table, number)
    if not at:
        raise IndexError(number)
    return _offset(data, at)
