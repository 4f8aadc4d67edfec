"""A self-contained HTML page, for light and for dark screens. Its pictures are inline SVG (see style.svg).

All text is escaped, but what is already `Html`.
"""

import html
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from chainrule.files.atomic import replacing

_STYLE = """
:root { color-scheme: light dark; --line: #80808060; color: #1a1a1a; background: #ffffff }
@media (prefers-color-scheme: dark) { :root { color: #e8e8e8; background: #16181c } }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif;
  overflow-wrap: break-word }
h2 { margin-top: 2.5rem }
a { color: inherit }
.scroll { overflow-x: auto; margin: 1rem 0 }
table { border-collapse: collapse }
th, td { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line);
  max-width: min(24rem, 45vw); unicode-bidi: plaintext }
td:not(.right, .short) { min-width: 6rem }
td.right, td.short { white-space: nowrap; max-width: none }
td:last-child { max-width: 40rem }
.right { text-align: right; font-variant-numeric: tabular-nums }
.bold { font-weight: bold }
.dim { opacity: .65 }
.verdict { padding: .6rem 1rem; background: #80808018; border-left: .3rem solid currentColor }
figure { margin: 1.5rem 0 }
figure .scroll { margin: 0 }
figcaption { font-size: .9rem; opacity: .85 }
pre { white-space: pre-wrap; padding: .6rem 1rem; background: #80808018 }
svg { max-width: 100%; height: auto; overflow: visible }
"""
SHORT = 12  # letters of a cell that stay on one line, such as 512 × 64
_MARK = '<meta name="generator" content="chainrule '


class Html(str):
    """Text that is HTML already."""


def escaped(text: object) -> str:
    """Text as HTML."""
    return text if isinstance(text, Html) else html.escape(str(text))


def element(tag: str, text: object, style: str = "") -> Html:
    """One element; style: its class."""
    attribute = f' class="{html.escape(style)}"' if style else ""
    return Html(f"<{tag}{attribute}>{escaped(text)}</{tag}>")


def figure(svg: str, caption: str = "") -> Html:
    """A picture with what it shows in words below it."""
    below = element("figcaption", caption) if caption else ""
    return Html(f"<figure>{_scrolled(svg)}{below}</figure>")


def table(headers: Sequence[object], rows: Iterable[tuple[str, Iterable[object]]], right: Collection[int]) -> Html:
    """A table; rows: (style, cells) of each; right: the columns to align to the right. No line for empty headers."""

    def line(tag: str, cells: Iterable[object], style: str = "") -> Html:
        parts = [
            element(tag, cell, "right" if i in right else "short" if len(str(cell)) <= SHORT else "")
            for i, cell in enumerate(cells)
        ]
        return element("tr", Html("".join(parts)), style)

    lines = [line("th", headers)] if any(headers) else []
    return _scrolled(element("table", Html("\n".join([*lines, *(line("td", cells, style) for style, cells in rows)]))))


def _scrolled(wide: str) -> Html:
    """What may be wider than the page, to be scrolled there, with the keyboard too."""
    return Html(f'<div class="scroll" tabindex="0">{wide}</div>')


def whole(command: str, title: str, parts: Iterable[Html]) -> str:
    """The page of a command: its title, then the parts."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{_MARK}{command}">
<meta name="viewport" content="width=device-width, initial-scale=1">
{element("title", title)}
<style>{_STYLE}</style>
</head>
<body>
{element("h1", title)}
{chr(10).join(parts)}
</body>
</html>
"""


def write(file: Path, page: str) -> None:
    """Write a page, which is there as a whole or not at all. OSError with the name of the file."""
    try:
        with replacing(file) as opened:
            opened.write(page.encode("utf-8", "replace"))
    except OSError as error:
        raise OSError(f"{file}: cannot be written: {error.strerror or error}") from None


def is_page(file: Path) -> bool:
    """Whether a file is a page of chainrule, so that another may replace it."""
    return file.is_file() and _MARK in file.read_text(encoding="utf-8", errors="replace")[:1000]
