"""Where the links of a document lead, and the places in it that links can lead to."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

READER = MarkdownIt("commonmark").enable("table")


def tokens(document: Path) -> Iterator[Token]:
    """All tokens of a document, those within lines, too."""
    for token in READER.parse(document.read_text(encoding="utf-8")):
        yield from (token, *(token.children or ()))


def links(document: Path) -> Iterator[tuple[Path, str]]:
    """Links and pictures within the repository: the path, and the anchor, empty if there is none."""
    for token in tokens(document):
        target = str(token.attrs.get("href") or token.attrs.get("src") or "")
        if target and not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield ((document.parent / path).resolve() if path else document), anchor


@cache
def anchors(document: Path) -> set[str]:
    """The anchors of its headings, as GitHub and the site make them."""
    found: dict[str, int] = {}
    parsed = READER.parse(document.read_text(encoding="utf-8"))
    for before, token in pairwise(parsed):
        if before.type == "heading_open":
            text = "".join(part.content for part in token.children or () if part.type in ("text", "code_inline"))
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            found[slug] = found.get(slug, 0) + 1
    return {slug if k == 0 else f"{slug}-{k}" for slug, count in found.items() for k in range(count)}
