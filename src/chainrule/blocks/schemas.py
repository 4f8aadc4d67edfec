"""The columns of several files as those of one table: where one of them holds text, it is text in all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainrule.blocks.formats import File
from chainrule.blocks.numbers import is_number
from chainrule.readers.common import ReaderError

if TYPE_CHECKING:
    import pyarrow as pa


def together(files: Sequence[File], targets: Sequence[str]) -> tuple["pa.Schema", dict[str, "pa.DataType"]]:
    """The schema of all files, and of columns that are of another kind in some of them what they are read as.

    Numbers beside text become text, as in one file of text. ReaderError for targets of other kinds that do not go
    together.
    """
    import pyarrow as pa

    first, found = files[0].schema, dict[str, dict[str, str]]()  # column → kind → the first file that has it
    for file in files:
        if file is not files[0] and file.schema.equals(first):
            continue
        for field in file.schema:
            if (kind := _kind(field.type)) is not None:
                found.setdefault(field.name, {}).setdefault(kind, file.place.name)
    read_as = {name: pa.string() for name, kinds in found.items() if kinds.keys() == {"numbers", "text"}}
    for name in targets:
        kinds = found.get(name, {})
        if len(kinds) > 1 and name not in read_as:
            (one, here), (other, there) = list(kinds.items())[:2]
            raise ReaderError(
                f"target: {name!r} holds {one} in {here}, and {other} in {there}, wanted labels of one kind: write "
                "them alike in all files"
            )
    for name, kind in read_as.items():
        if (i := first.get_field_index(name)) >= 0:
            first = first.set(i, first.field(i).with_type(kind))
    return first, read_as


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
