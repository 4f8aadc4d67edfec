"""The claims as one self-contained HTML page: statement, measurement, picture, table and verdict of each.

Pictures are inline SVG without a background. Their ink is the color of the page's text, so they are right on a light
and on a dark page.
"""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chainrule.claims.common import Claim, Result, cell, of_numbers
from chainrule.plots import style

NAME = "claims.html"
_LOOK: dict[str, Any] = {
    "legend.framealpha": 0.0,
    "legend.edgecolor": "none",
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
}

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="chainrule claims">
<meta name="color-scheme" content="light dark">
<title>The notes' claims, tested</title>
<style>
:root {{ color-scheme: light dark; --line: #c8c8c8; --soft: #f2f2f2; color: #1a1a1a; background: #fff }}
@media (prefers-color-scheme: dark) {{
  :root {{ --line: #4a4a4a; --soft: #26282b; color: #e6e6e6; background: #17191c }}
}}
body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif }}
h2 {{ margin: 3rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: 1.2rem }}
a {{ color: inherit }}
.table {{ overflow-x: auto }}
table {{ border-collapse: collapse; font-size: .9rem; margin: 1rem 0 }}
th, td {{ padding: .25rem .8rem; text-align: left; border-bottom: 1px solid var(--line); vertical-align: bottom }}
td.number, th.number {{ text-align: right; font-variant-numeric: tabular-nums }}
figure {{ margin: 1rem 0 }}
figure svg {{ max-width: 100%; height: auto }}
.verdict {{ padding: .6rem 1rem; background: var(--soft); border-left: .3rem solid currentColor }}
</style>
</head>
<body>
<h1>The notes’ claims, tested</h1>
<p>Each claim is an experiment with a stated measurement, run with {seeds}. Made by chainrule {version} with the command
<code>chainrule claims --report</code>.</p>
<nav>{contents}</nav>
{sections}
</body>
</html>
"""


SIZE = (9.0, 3.8)  # inches


def picture(result: Result) -> Any:
    """The picture of a result as a matplotlib Figure, or None where it has none."""
    if result.draw is None:
        return None
    style.pyplot()
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    result.draw(figure)
    return figure


def svg(name: str, result: Result) -> str | None:
    """The picture as SVG for inside a page, in the color of the text around it; `name` keeps its ids apart."""
    return None if result.draw is None else style.svg(result.draw, *SIZE, result.summary, name, **_LOOK)


Found = Sequence[tuple[Claim, Result | str]]  # or why a claim was not run


def write(folder: Path, found: Found, seeds: Sequence[int]) -> Path:
    """Write claims.html, with a picture for each claim, into the folder, which is made if need be; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.write_text(page(found, seeds), encoding="utf-8")
    return path


def page(found: Found, seeds: Sequence[int]) -> str:
    """The whole page as HTML."""
    from chainrule._version import __version__

    contents = _table(
        ("", "claim", "verdict"),
        [
            (claim.number, (claim.name, claim.statement), "not run" if isinstance(result, str) else result.verdict)
            for claim, result in found
        ],
    )
    count = f"{len(seeds)} seeds" if len(seeds) > 1 else "one seed"
    sections = "\n".join(_section(claim, result) for claim, result in found)
    return _PAGE.format(seeds=count, version=__version__, contents=contents, sections=sections)


def _section(claim: Claim, result: Result | str) -> str:
    parts = [
        f'<section id="{claim.name}">',
        f"<h2>{claim.number}. {html.escape(claim.statement)}</h2>",
        f"<p><b>Measured:</b> {html.escape(claim.measurement)}</p>",
    ]
    if isinstance(result, str):
        parts.append(f'<p class="verdict">{html.escape(result)}</p>')
    else:
        drawn = svg(claim.name, result)
        parts += [
            f'<p class="verdict"><b>Verdict: {result.verdict}.</b> {html.escape(result.summary)}</p>',
            f"<figure>{drawn}</figure>" if drawn else "",
            _table(result.headers, result.rows),
        ]
    return "\n".join([*parts, "</section>"])


def _table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table; columns of numbers are aligned to the right, and a pair (name, text) is a link on the page."""
    right = [of_numbers(rows, i) for i in range(len(headers))]

    def line(tag: str, values: Sequence[Any]) -> str:
        cells = []
        for value, is_number in zip(values, right, strict=True):
            if isinstance(value, tuple):
                shown = f'<a href="#{value[0]}">{html.escape(value[1])}</a>'
            else:
                shown = html.escape(cell(value))
            cells.append(f"<{tag} class='number'>{shown}</{tag}>" if is_number else f"<{tag}>{shown}</{tag}>")
        return f"<tr>{''.join(cells)}</tr>"

    body = "\n".join([line("th", headers), *(line("td", row) for row in rows)])
    return f'<div class="table"><table>\n{body}\n</table></div>'
