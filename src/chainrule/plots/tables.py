"""Pictures of what a model of a table says: of its columns, of one row, and of itself.

They take what chainrule.tabular has found: Reliability, Importances, Explanation, Effect.
"""

from collections.abc import Iterable, Mapping
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.plots import style
from chainrule.plots.style import BLUE, GREEN, ORANGE, axes, fitting, ink, legend, wide, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEW = 6  # values up to which each has a tick
MARGIN = 0.3  # of the span of the bars, for numbers beside them
BAR, ROOM = 0.28, 2.2  # inches: the height of a bar with its gap, and the width of the names beside it


def calibration(found: Any, *, ax: "Axes | None" = None) -> "Axes":
    """What a model said, and what was found: on the diagonal, 70 % means 70 of 100.

    Parameters
    ----------
    found : Reliability, or dict of these by label
        Of `chainrule.tabular.reliability`, with 95 % intervals of what was found.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    several = dict(found) if isinstance(found, Mapping) else {"": found}
    ax = axes(ax, 4.6, 4.2)
    ax.plot([0, 1], [0, 1], color=ink(), linewidth=0.8, alpha=0.5, linestyle="--")
    for k, (name, each) in enumerate(several.items()):
        said, share, low, high = np.array([[b.said, b.found, b.low, b.high] for b in each.bins]).reshape(-1, 4).T
        label = f"{words(name, 30) if str(name) else f'{each.rows:,} rows'}: off by {each.error:.1%} on average"
        drawn: dict[str, Any] = {**style.look(k), "label": label, "capsize": 2, "linewidth": 1, "markersize": 5}
        ax.errorbar(said, share, [share - low, high - share], **drawn)
    whats = {each.what for each in several.values()} - {""}
    of = f" of {words(min(whats), 30)}" if len(whats) == 1 else ""
    ax.set(ylabel="found: share of the rows", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    ax.set_xlabel(f"said: probability{of}", parse_math=False)
    _legend(ax)
    return ax


def importances(found: Any, *, most: int = 15, ax: "Axes | None" = None) -> "Axes":
    """How much worse a model answers without each column, with 95 % intervals.

    Parameters
    ----------
    found : Importances
        Of `chainrule.tabular.permutation_importance`.
    most : int, default 15
        Columns that are drawn, the most important ones.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    shown = found.columns[:most]
    rest = len(found.columns) - len(shown)
    names = [*fitting([each.column for each in shown], ROOM), *([f"… and {rest} more"] if rest else [])]
    ax = axes(ax, 4.2 + wide(names), 0.8 + BAR * len(names))
    increase, low, high = np.array([[each.increase, each.low, each.high] for each in shown]).T
    at = np.arange(len(shown))
    ax.barh(at, increase, height=0.7, color=BLUE)
    ax.errorbar(increase, at, xerr=[increase - low, high - increase], fmt="none", ecolor=ink(), elinewidth=1, capsize=2)
    ax.axvline(0, color=ink(), linewidth=0.8)
    ax.set_xlabel(f"increase of {found.loss} ({_number(found.base)}) without the column")
    _name_rows(ax, names)
    return ax


def contributions(found: Any, *, most: int = 10, answer: str = "prediction", ax: "Axes | None" = None) -> "Axes":
    """What takes the prediction of one row from that of typical rows, step by step: blue raises it, orange lowers it.

    Parameters
    ----------
    found : Explanation
        Of `chainrule.tabular.explain`.
    most : int, default 10
        Columns that have a step of their own, those that move most; the others are one step together.
    answer : str, default "prediction"
        What the model predicts, on the axis; of classes it is the probability.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    shown = list(found.contributions)
    cut = most if len(shown) > most + 1 else len(shown)
    steps = [each.change for each in shown[:cut]]
    names = _cells(shown[:cut], ROOM)
    if cut < len(shown):
        steps.append(sum(each.change for each in shown[cut:]))
        names.append(f"{len(shown) - cut} other columns")
    names = ["typical rows" if found.compared != 1 else "the other row", *names, "this row"]
    ax = axes(ax, 4.2 + wide(names), 0.8 + BAR * len(names))
    ends = found.typical + np.cumsum([0.0, *steps])
    span = np.ptp(ends) or abs(found.prediction) or 1.0
    ax.set_xlim(ends.min() - 0.05 * span, ends.max() + MARGIN * span)
    written = [(found.typical, _number(found.typical))]
    for i, change in enumerate(steps, 1):
        ax.barh(i, change, left=ends[i - 1], height=0.7, color=BLUE if change > 0 else ORANGE)
        written.append((max(ends[i - 1 : i + 1]), f"{'+' if change > 0 else '−'}{_number(abs(change))}"))
    written.append((found.prediction, _number(found.prediction)))
    ax.vlines(ends, range(len(ends)), range(1, len(names)), color=ink(), linewidth=0.6, alpha=0.6)
    ax.plot([found.typical, found.prediction], [0, len(names) - 1], color=ink(), marker="D", markersize=5, linestyle="")
    at: dict[str, Any] = {"xytext": (5, 0), "textcoords": "offset points", "va": "center"}
    texts = [ax.annotate(text, (x, i), **at) for i, (x, text) in enumerate(written)]
    ax.set_xlabel(_answer(found, answer), parse_math=False)
    _name_rows(ax, names)
    style.squeeze(texts, style.unit(ax) * (0.9 * MARGIN * span, 0.95))
    return ax


def effect(found: Any, *, answer: str = "prediction", ax: "Axes | None" = None) -> "Axes":
    """How the answer changes with one column: the mean over the rows, and some single rows.

    The dashed line, where there is one, asks only rows near to the value: where the two differ, believe it. Between two
    of the marks at the bottom there are as many rows.

    Parameters
    ----------
    found : Effect
        Of `chainrule.tabular.effect`.
    answer : str, default "prediction"
        What the model predicts, on the axis; of classes it is the probability.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
    """
    style.pyplot()
    answer = _answer(found, answer)
    faint: dict[str, Any] = {"color": ink(), "alpha": 0.3}
    if found.likely is None:
        names = fitting(
            [f"{words(value)} ({share:.0%})" for value, share in zip(found.values, found.share, strict=True)], ROOM
        )
        means, rows = list(found.mean), found.rows
        if found.missing is not None:
            names, means = [*names, "missing"], [*means, found.missing]
        ax = axes(ax, 4.2 + wide(names), 0.8 + BAR * max(len(names), 2))
        for row in rows:
            ax.plot(row, np.arange(len(row)), linestyle="", marker="|", markersize=6, **faint)
        ax.plot(means, np.arange(len(means)), linestyle="", marker="o", color=BLUE)
        ax.set_xlabel(answer, parse_math=False)
        ax.set_ylabel(words(found.column, 30), parse_math=False)
        _name_rows(ax, names)
        return ax
    ax = axes(ax, 5.5, 4)
    for i, row in enumerate(found.rows):
        ax.plot(found.values, row, linewidth=0.6, label="single rows" if i == 0 else None, **faint)
    mark = "o" if len(found.values) < 3 else ""
    ax.plot(found.values, found.mean, color=BLUE, linewidth=2, marker=mark, label="mean of all rows")
    ax.plot(found.values, found.likely, color=ORANGE, linewidth=2, linestyle="--", label="of rows near the value")
    if found.missing is not None:
        ax.axhline(found.missing, color=GREEN, linestyle=":", linewidth=1.5, label="if it is missing")
    ax.plot(found.values, np.zeros(len(found.values)), "|", color=ink(), alpha=0.6, transform=ax.get_xaxis_transform())
    ax.set_xlabel(words(found.column, 40), parse_math=False)
    ax.set_ylabel(answer, parse_math=False)
    if np.asarray(found.values).dtype.kind == "M":
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator(minticks=3, maxticks=6)  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    elif len(found.values) <= FEW:
        ax.set_xticks(found.values)
    _legend(ax)
    return ax


def _legend(ax: "Axes") -> None:
    legend(ax, beside=False)
    drawn: Any = ax.get_legend()
    style.squeeze(drawn.get_texts(), (ax.get_window_extent().width - 0.6 * ax.figure.dpi, inf))


def _answer(found: Any, answer: str) -> str:
    return words(answer, 30) if found.of is None else f"probability of {words(found.of, 30)}"


def _cells(parts: Iterable[Any], inches: float) -> list[str]:
    """Columns with their values as labels, all cut so far that the widest takes no more than this, each part alone."""
    split = [(each.column, each.cell.removeprefix(each.column)) for each in parts]
    for most in range(20, 5, -1):
        names = [f"{words(column, most)} {words(value, most)}" for column, value in split]
        if wide(names) <= inches:
            break
    return names


def _name_rows(ax: "Axes", names: list[str]) -> None:
    """Names beside the rows, the first on top; smaller letters where they would lie over one another."""
    ax.yaxis.set_ticks(range(len(names)), names, parse_math=False)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.locator_params(axis="x", nbins=4)
    labels: Any = ax.get_yticklabels()
    height, room = style.extent(labels)[1], style.unit(ax)[1]
    if height > room:
        ax.tick_params(axis="y", labelsize=max(0.9 * labels[0].get_fontsize() * room / height, 1.0))
    style.squeeze([ax.xaxis.label], (1.1 * ax.get_window_extent().width, inf))


def _number(value: float) -> str:
    text = f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3g}"
    return text.replace("-", "−")
