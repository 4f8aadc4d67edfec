"""Tables as text (.csv, .tsv, .jsonl …): converted once to Parquet, from which they are read ever after."""

import hashlib
import json
import os
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule import readers
from chainrule.blocks.places import MADE_OF, Place, find
from chainrule.errors import ReadingNote
from chainrule.files import atomic
from chainrule.readers.common import NoRowsError, ReaderError, opening
from chainrule.readers.frames import as_text
from chainrule.text import first_few

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

ROWS = 65_536  # of a row group, at most
FIRST_TEXT = b"first text"  # in the metadata of a column: where among numbers text stands first


def all_converted(places: Sequence[Place], cache: str | os.PathLike[str] | None) -> list[tuple[Place, Place]]:
    """Texts, each with its Parquet file; those without a row are left out, unless all are."""
    found, empty = [], None
    for place in places:
        try:
            found.append((place, converted(place, cache)))
        except NoRowsError as error:
            empty = error
    if not found and empty is not None:
        raise empty
    return found


def converted(
    place: Place,
    cache: str | os.PathLike[str] | None,
    written: Mapping[str, str] | None = None,
    whole: Collection[str] = (),
) -> Place:
    """The Parquet file of a text, written now if it is not there, or if the text has changed since.

    written: columns to have as they are written though all of them is numbers, and for each where it is text: in
    another file of the same table. With them it is another file, so that the text alone is read as before. whole: those
    of them that are whole numbers, though with a point: 7 for 7.0.
    """
    if not place.is_local:
        raise ReaderError(f"{place.name}: is text that is not on this machine; copy it here, or write it as Parquet")
    path, texts = Path(place.path), dict(written or {})
    made, stamp = _made(path, cache, texts), json.dumps([*place.stamp, *sorted(texts)]).encode()
    if made.exists():
        from pyarrow import parquet

        with opening(made, "Parquet"):
            before = (parquet.read_schema(made).metadata or {}).get(MADE_OF)
        if before is None:
            raise ReaderError(f"{made}: is in the place of what {path} is converted to; move it, or give cache=FOLDER")
        if before == stamp:
            return replace(find(made)[0], name=place.name)
    while (wrong := _convert(path, made, stamp, texts, whole)) is not None:
        texts |= wrong
    note = f"{path}: converted once to {made}, from which it is read from now on"
    if written:
        note += f", with {first_few(written, 5, quoted=True)} as text, which there is in {next(iter(written.values()))}"
    warnings.warn(note, ReadingNote, stacklevel=5)
    return replace(find(made)[0], name=place.name)


def _made(path: Path, cache: str | os.PathLike[str] | None, texts: Collection[str]) -> Path:
    """Where a text is converted to."""
    about = sorted(texts)
    if cache is not None:
        try:
            os.makedirs(cache, exist_ok=True)
        except FileExistsError:
            raise ReaderError(f"cache: {os.fspath(cache)} is a file, wanted a folder") from None
        about = [str(path.resolve()), *about]
    if not about:
        return Path(f"{path}.parquet")
    folder = path.parent if cache is None else Path(cache)
    return folder / f"{path.name}-{hashlib.sha256(chr(0).join(about).encode()).hexdigest()[:8]}.parquet"


def _convert(
    path: Path, made: Path, stamp: bytes, written: dict[str, str], whole: Collection[str]
) -> dict[str, str] | None:
    """Write the Parquet file; or a column that is no column of numbers, as it seemed to be, and where this shows.

    written: such columns, which are read as text. whole: see `converted`.
    """
    from pyarrow import parquet

    done, schema = 0, None
    writer: Any = None
    try:
        with atomic.replacing(made) as raw:
            try:
                for table in readers.batches(path, rows=ROWS, written=list(written)):
                    frame: Any = table.X
                    for name in whole:
                        frame[name] = frame[name].str.replace(r"^([+-]?\d+)\.0+$", r"\1", regex=True)
                    if schema is None:
                        schema = _schema(frame, stamp, written)
                        writer = parquet.ParquetWriter(raw, schema)
                    writer.write_table(_table(frame, schema, done))
                    done += len(frame)
            finally:
                if writer is not None:
                    writer.close()
    except _TextError as text:
        return {text.column: text.where}
    except OSError as error:
        raise NotConvertedError(path, made, error.strerror or str(error)) from None
    return None


class NotConvertedError(ReaderError):
    """What text is converted to cannot be written. reason: what the system says."""

    def __init__(self, path: Path, made: Path, reason: str) -> None:
        super().__init__(
            f"{path}: cannot be converted to {made}: {reason}; give cache=FOLDER, one that can be written to"
        )
        self.reason = reason


class _TextError(Exception):
    """A column of numbers has text in it."""

    def __init__(self, column: str, where: str) -> None:
        super().__init__()
        self.column, self.where = column, where


def _table(frame: "pd.DataFrame", schema: "pa.Schema", done: int) -> "pa.Table":
    """Some rows in these types. _TextError for text among numbers."""
    import pyarrow as pa

    columns = []
    for field in schema:
        column = frame[field.name]
        try:
            columns.append(pa.Array.from_pandas(column, type=field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            if not pa.types.is_large_string(field.type):
                raise _TextError(field.name, _first_text(column, done)) from None
            texts = column.map(_written, "ignore").astype(object)  # numbers of JSON, which are not written as text
            columns.append(pa.Array.from_pandas(texts, type=field.type))
    return pa.table(columns, schema=schema)


def _schema(frame: "pd.DataFrame", stamp: bytes, written: dict[str, str]) -> "pa.Schema":
    """The types of the columns; one without a value may have text later."""
    import pyarrow as pa

    fields = []
    for field in pa.Schema.from_pandas(frame, preserve_index=False):
        is_text = pa.types.is_null(field.type) or field.name in written
        kind = pa.large_string() if is_text else field.type
        about = {FIRST_TEXT: written[field.name].encode()} if field.name in written else None
        fields.append(pa.field(field.name, kind, metadata=about))
    return pa.schema(fields, {MADE_OF: stamp})


def _written(value: Any) -> str:
    return value if isinstance(value, str) else as_text(value)


def _first_text(column: "pd.Series[Any]", done: int) -> str:
    import pandas as pd

    wrong = (pd.to_numeric(column, errors="coerce").isna() & column.notna()).to_numpy()
    row = int(wrong.argmax())
    return f"row {done + row + 1:,}: {str(column.iloc[row])[:40]!r}"
