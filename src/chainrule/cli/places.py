"""Tables of several files, and on other machines, which are read in blocks by all commands."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chainrule.readers import Table


def in_blocks(data: str) -> bool:
    """Whether DATA can only be read in blocks: a folder with a table in several files, a glob of files, a URL."""
    path = Path(data)
    if "://" in data or (any(sign in data for sign in "*?[") and not path.exists()):
        return True
    if not path.is_dir():
        return False
    from chainrule.blocks.places import holds_table

    return holds_table(path)


def tables(data: str, target: str | None) -> "Iterator[Table]":
    """Its blocks as tables. target: the column that is to be y."""
    from chainrule.blocks import Blocks
    from chainrule.readers.frames import split

    for frame in Blocks(data).tables():
        yield split(data, frame, target)
