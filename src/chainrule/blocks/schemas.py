"""The columns of several files as those of one table: where one of them holds text, it is text in all."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from chainrule.blocks import text
from chainrule.blocks.formats import File, Parquet
from chainrule.blocks.numbers import is_number
from chainrule.blocks.places import Place
from chainrule.readers.common import ReaderError

if TYPE_CHECKING:
    import pyarrow as pa

Types = dict[str, "pa.DataType"]


def of_texts(places: Sequence[Place], cache: str | os.PathLike[str] | None) -> list[File]:
    """The files that texts are converted to, with a column as it is written in all where it is text in one of them.

    What was read as a number in one file and as text in another would be text in both, were they one: 4.10, not 4.1.
    """
    pairs = text.all_converted(places, cache)
    files: list[File] = [Parquet(made) for _, made in pairs]
    mixed = {name: kinds["text"] for name, kinds in _mixed(files).items() if "text" in kinds and len(kinds) > 1}
    for i, (place, _) in enumerate(pairs):
        files[i] = _again(place, files[i], mixed, cache)
    return files


def _again(place: Place, file: File, mixed: Mapping[str, File], cache: str | os.PathLike[str] | None) -> File:
    """The file of a text; another one where columns are not text, of which some other file has text."""
    names = [name for name, kind in _kinds(file, mixed) if kind != "text" and file.has_values(name)]
    if not names:
        return file
    whole = [name for name in names if _is_whole_with_gaps(file, name)]
    return Parquet(text.converted(place, cache, {name: _where(mixed[name], name) for name in names}, whole))


def _is_whole_with_gaps(file: File, name: str) -> bool:
    """Whether all numbers of a column are whole, and some are missing: pandas writes 7 as 7.0 then."""
    from pyarrow import compute, types

    if not types.is_floating(file.schema.field(name).type):
        return False
    missing = 0
    for i in range(len(file.sizes)):
        numbers = file.read(i, [name]).column(0)
        if not compute.all(compute.equal(compute.round(numbers), numbers)).as_py():
            return False
        missing += numbers.null_count
    return missing > 0


def together(files: Sequence[File], targets: Sequence[str]) -> tuple["pa.Schema", Types]:
    """The schema of all files, and of columns that are of another kind in some of them what they are read as.

    Numbers beside text become text. A column without a value is of the kind that it has elsewhere. ReaderError for
    targets of other kinds that do not go together.
    """
    import pyarrow as pa

    first, read_as = files[0].schema, Types()
    for name, kinds in _mixed(files).items():
        if kinds.keys() == {"numbers", "text"}:
            read_as[name] = pa.string()
        elif len(kinds) == 1:
            read_as[name] = next(file.schema.field(name).type for file in kinds.values())
        elif name in targets:
            (one, here), (other, there) = list(kinds.items())[:2]
            raise ReaderError(
                f"target: {name!r} holds {one} in {here.place.name}, and {other} in {there.place.name}, wanted labels "
                "of one kind: write them alike in all files"
            )
    for name, kind in read_as.items():
        if (i := first.get_field_index(name)) >= 0:
            first = first.set(i, first.field(i).with_type(kind))
    return first, read_as


def cast(table: "pa.Table", read_as: Types) -> "pa.Table":
    """A table with the columns that are of another kind in other files as these are."""
    import pyarrow as pa

    for name, wanted in read_as.items():
        if (i := table.schema.get_field_index(name)) >= 0 and _kind(table.schema.field(i).type) != _kind(wanted):
            cells = table.column(i)
            empty = cells.null_count == len(cells)
            cells = pa.chunked_array([pa.nulls(len(cells), wanted)]) if empty else cells.cast(wanted)
            table = table.set_column(i, name, cells)
    return table


def _mixed(files: Sequence[File]) -> dict[str, dict[str, File]]:
    """The columns that are of several kinds by their types, with the kinds of their values: the first file of each."""
    found = dict[str, dict[str, File]]()
    for file in files:
        if file is files[0] or not file.schema.equals(files[0].schema):
            for name, kind in _kinds(file, file.schema.names):
                found.setdefault(name, {}).setdefault(kind, file)
    mixed = {name: dict[str, File]() for name, kinds in found.items() if len(kinds) > 1}
    for file in files if mixed else ():
        for name, kind in _kinds(file, mixed):
            if kind not in mixed[name] and file.has_values(name):
                mixed[name][kind] = file
    return {name: kinds or found[name] for name, kinds in mixed.items()}


def _kinds(file: File, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Columns of a file with what they hold, but for those whose type says that there is no value."""
    for name in names:
        if (i := file.schema.get_field_index(name)) >= 0 and (kind := _kind(file.schema.field(i).type)) is not None:
            yield name, kind


def _kind(kind: "pa.DataType") -> str | None:
    """What a type of Arrow holds; None where there is no value, which goes with everything."""
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_null(kind):
        return None
    if types.is_boolean(kind):
        return "truth values"
    return "numbers" if is_number(kind) else "text" if "string" in str(kind) else str(kind)


def _where(file: File, name: str) -> str:
    """Where a column of a file is text."""
    first = (file.schema.field(name).metadata or {}).get(text.FIRST_TEXT, b"").decode()
    return f"{file.place.name}, {first}" if first else file.place.name
