"""Texts that are made for a test, and Blocks of them."""

import warnings
from pathlib import Path
from typing import Any

import chainrule as cr
from chainrule.errors import ReadingNote


def csv(path: Path, text: str = "x,y\n1,1\n2,0\n") -> Path:
    """Write a text where it is to be, folders and all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def blocks_of(source: Any, **options: Any) -> cr.Blocks:
    """Blocks, without the notes on what was converted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReadingNote)
        return cr.Blocks(source, **options)
