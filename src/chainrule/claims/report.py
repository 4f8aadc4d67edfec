"""The claims as one self-contained HTML page: statement, measurement, picture, table and verdict of each.

Pictures are inline SVG without a background. Their ink is the color of the page's text, so they are right on a light
and on a dark page.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chainrule._version import __version__
from chainrule.claims.common import Claim, Result, cell, of_numbers
from chainrule.plots import page as pages
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
    return None if result.draw is None else style.svg(result.draw, SIZE, result.summary, name, **_LOOK)


Outcomes = Sequence[tuple[Claim, Result | str]]  # or why a claim was not run


def write(folder: Path, outcomes: Outcomes, seeds: Sequence[int]) -> Path:
    """Write claims.html, with a picture for each claim, into the folder, which is made if need be; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.write_text(page(outcomes, seeds), encoding="utf-8")
    return path


def page(outcomes: Outcomes, seeds: Sequence[int]) -> str:
    """The whole page as HTML."""
    count = f"{len(seeds)} seeds" if len(seeds) > 1 else "one seed"
    made = f"run with {count}. Made by chainrule {__version__} with the command <code>chainrule claims --report</code>."
    rows = [
        (claim.number, _link(claim), "not run" if isinstance(result, str) else result.verdict)
        for claim, result in outcomes
    ]
    parts = [
        pages.element("p", pages.Html(f"Each claim is an experiment with a stated measurement, {made}")),
        pages.element("nav", _table(("", "claim", "verdict"), rows)),
        *(_section(claim, result) for claim, result in outcomes),
    ]
    return pages.whole("claims", "The notes’ claims, tested", parts)


def _link(claim: Claim) -> pages.Html:
    return pages.Html(f'<a href="#{claim.name}">{pages.escaped(claim.statement)}</a>')


def _section(claim: Claim, result: Result | str) -> pages.Html:
    parts = [
        pages.element("h2", f"{claim.number}. {claim.statement}"),
        pages.element("p", pages.Html(f"<b>Measured:</b> {pages.escaped(claim.measurement)}")),
    ]
    if isinstance(result, str):
        parts.append(pages.element("p", result, "verdict"))
    else:
        verdict = pages.Html(f"<b>Verdict: {result.verdict}.</b> {pages.escaped(result.summary)}")
        drawn = svg(claim.name, result)
        parts += [
            pages.element("p", verdict, "verdict"),
            *([pages.figure(drawn)] if drawn else []),
            _table(result.headers, result.rows),
        ]
    return pages.Html("\n".join([f'<section id="{claim.name}">', *parts, "</section>"]))


def _table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> pages.Html:
    """A table of values as people read them; columns of numbers are aligned to the right."""
    right = [i for i in range(len(headers)) if of_numbers(rows, i)]
    shown = [("", [value if isinstance(value, pages.Html) else cell(value) for value in row]) for row in rows]
    return pages.table(headers, shown, right)
