"""Tables larger than the memory, some rows at a time."""

import codecs
import io
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from chainrule.readers import arrow, delimited, encoding, feather, parquet, records
from chainrule.readers.common import MIB, Options, ReaderError, Source, check_size, opening, regular
from chainrule.readers.frames import finished

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

WHOLE = 32 * MIB  # what is smaller is read at once
_FEWEST = 1000  # rows of a batch, if so many are wanted: each batch takes some 5 ms
_MOST = 8 * WHOLE  # bytes that a batch may take of a text


class _Recoded:
    """A text that comes in by and by, as UTF-8; a batch of it may not be without an end, nor all that is packed."""

    def __init__(
        self, source: Source, file: delimited.Readable, decoder: codecs.IncrementalDecoder, packed: bool
    ) -> None:
        self._source, self._file, self._decoder, self._packed = source, file, decoder, packed
        self._opened, self.batch = len(source.data), 0

    def read(self, size: int) -> bytes:
        """The next bytes, at most so many."""
        while True:
            data = self._file.read(max(1, size // 4))
            self._opened += len(data)
            self.batch += len(data)
            if self.batch > _MOST:
                raise ReaderError(f"{self._source.path}: a batch of its rows has more than {_MOST // MIB} MiB")
            if self._packed:
                check_size(self._source.path, self._opened, self._source.size, at_once=False)
            text = self._decoder.decode(data, not data)
            if text or not data:
                return text.encode()


class Twice:
    """A file that is read by two readers, one never far ahead of the other."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._ahead: list[deque[bytes]] = [deque(), deque()]

    def reader(self, which: int) -> "_Twin":
        """The first (0) or the second (1) reader."""
        return _Twin(self, which)

    def read(self, which: int, size: int) -> bytes:
        """What comes next for one of them."""
        if not self._ahead[which]:
            piece = self._file.read(size)
            for ahead in self._ahead:
                ahead.append(piece)
        piece = self._ahead[which].popleft()
        if len(piece) > size:
            self._ahead[which].appendleft(piece[size:])
        return piece[:size]


@dataclass(frozen=True)
class _Twin:
    file: Twice
    which: int

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most so many."""
        return self.file.read(self.which, size)


def beginning(path: Path, file: IO[bytes], size: int, packed: str) -> Source:
    """The first WHOLE bytes of a file, or all of it."""
    pieces, length = [], 0
    while length < WHOLE and (piece := file.read(WHOLE - length)):
        pieces.append(piece)
        length += len(piece)
        if packed:
            check_size(path, length, size, at_once=False)
    return Source(path, b"".join(pieces), size or length)


def of_text(
    source: Source, file: delimited.Readable, packed: bool, rows: int, seps: str, options: Options
) -> "Iterator[pd.DataFrame]":
    """The table in a text that begins with what the source holds, and goes on in a file.

    Its beginning tells what is text and what numbers, which are float64. A column of numbers that has something else in
    a batch is text there.
    """
    with opening(source.path, "a table"):
        decoder = codecs.getincrementaldecoder(encoding.codec(source, complete=False))()
        beginning = decoder.decode(source.data).encode()
        narrow = ReaderError(f"{source.path}: its first {WHOLE:,} bytes have no header and row that are whole")
        if not (lines := _whole_lines(beginning)).strip():
            raise narrow
        text = delimited.read(Source(source.path, lines, source.size), seps, options)
        sample = text.frame(complete=False)
        kinds, each = dict(sample.dtypes), min(rows, max(_FEWEST, WHOLE * len(sample) // max(1, len(beginning))))
        if sample.empty:
            raise narrow
        del sample
        names = [name or f"Unnamed: {i}" for i, name in enumerate(text.found.names)]
        texts = {i: str for i, name in enumerate(names) if name in kinds and kinds[name].kind not in "iufb"}
        rest = _Recoded(source, file, decoder, packed)
        raw = delimited.Joined(b"\n" * text.found.lines, beginning[text.begin :], file=rest)
        with text.rows(raw, texts, chunksize=each) as reader:
            for part in reader:
                rest.batch = 0
                yield _alike(finished(part, text.found.names), kinds)


def of_lines(
    source: Source, file: IO[bytes], packed: bool, rows: int, options: Options
) -> "Iterator[tuple[pd.DataFrame, pd.DataFrame]]":
    """The records in a text with one in each line, also as they are there; the columns are those of its beginning."""
    with opening(source.path, "JSON"):
        decoder = codecs.getincrementaldecoder(encoding.codec(source, complete=False))()
        beginning = decoder.decode(source.data).encode()
        rest = _Recoded(source, file, decoder, packed)
        raw = io.BufferedReader(delimited.Joined(beginning, file=rest), MIB)
        kinds: dict[str, Any] = {}
        lines, done = iter(lambda: raw.readline(2 * _MOST), b""), 0
        found = records.of_lines(source, lines)
        while first := next(found, None):
            part = records.frame(source, chain([first], islice(found, rows - 1)), options.target)
            rest.batch = 0
            kinds = kinds or dict(part.dtypes)
            part.index += done
            done += len(part)
            yield _alike(part, kinds), part


def of_parquet(path: Path, rows: int) -> "Iterator[tuple[pd.DataFrame, pd.DataFrame]]":
    """The table in a Parquet file; beside each batch, its values as they are there."""
    return _frames(path, parquet.batches(path, rows, at_once=False), rows)


def of_arrow(path: Path, rows: int) -> "Iterator[tuple[pd.DataFrame, pd.DataFrame]]":
    """The table in a file of Arrow, which stays on the disk; beside each batch, its values as they are there."""
    size = regular(path)
    with opening(path, "Arrow"):
        import pyarrow as pa

        with pa.memory_map(str(path)) as file:
            yield from _frames(path, feather.batches(path, file.read_buffer(), size, at_once=False), rows)


def _frames(
    path: Path, batches: "Iterator[pa.RecordBatch]", rows: int
) -> "Iterator[tuple[pd.DataFrame, pd.DataFrame]]":
    import pyarrow as pa

    kinds: dict[str, Any] = {}
    done = 0
    for batch in batches:
        for start in range(0, batch.num_rows, rows):
            with opening(path, "a table of Arrow"):
                table = pa.Table.from_batches([batch.slice(start, rows)])
                part = arrow.frame(path, table)
                part.index += done
                done += len(part)
                kinds = kinds or dict(part.dtypes)
                exact = arrow.exact(part, table)
                part = _alike(part, kinds)
            yield part, exact
    if not done:
        raise ReaderError(f"{path}: no examples, it has no rows")


def _whole_lines(text: bytes) -> bytes:
    """The text up to the last end of a line that is outside of quotes, as far as one can see."""
    end = len(text)
    mark = b"\n" if b"\n" in text else b"\r"
    for _ in range(1000):
        end = text.rfind(mark, 0, end)
        if end < 0:
            break
        if text.count(b'"', 0, end) % 2 == 0:
            return text[: end + 1]
    return text[: text.rfind(mark) + 1]


def _alike(part: "pd.DataFrame", kinds: dict[str, Any]) -> "pd.DataFrame":
    """A batch with the columns of the first, and all numbers as floats."""
    part = part.reindex(columns=list(kinds)).copy(deep=False)
    for name in part:
        if part[name].dtype.kind in "iu":
            part[name] = part[name].astype(float)
    return part
