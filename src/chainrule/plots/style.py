"""What the pictures share: matplotlib when it is there, words that fit, colors that read on light and on dark pages."""

import html
import io
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

# The contrast of each is 3 or more to white as well as to black. The first two are told apart with any color vision;
# where more are needed, marks or words go with them.
BLUE, ORANGE = "#0072b2", "#d55e00"
PURPLE, GREEN = "#a64fc4", "#228b3c"  # below and above zero
COLORS = (BLUE, ORANGE, "#009e73", "#cc79a7", "#b08900", "#808080", "#3d9be0", PURPLE, "#a06a50", "#6b8e00")
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "<", ">", "p", "*")
INK = "#7f7f80"  # what `svg` draws text and lines in; on a page it becomes the color of its text


_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def pyplot() -> Any:
    """matplotlib.pyplot, or an ImportError that says how to get it."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError('pictures need matplotlib: pip install "chainrule[plots]"') from error
    return pyplot


def svg(draw: Callable[["Figure"], Any], width: float, height: float, label: str, name: str, **look: Any) -> str:
    """What `draw` draws on a Figure of width × height inches, as SVG for inside a page, right on light and on dark.

    It has no background, and its text and lines have the color of the text around it. label: what it shows, in words.
    name keeps its ids apart from those of other pictures. look: more of matplotlib's rcParams.
    """
    pyplot()
    import matplotlib
    from matplotlib.figure import Figure

    inked = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    own: dict[Any, Any] = {
        **dict.fromkeys(inked, INK), "axes.facecolor": "none", "figure.facecolor": "none", "font.size": 9.0,
        "svg.fonttype": "none", "svg.hashsalt": name, **look,
    }  # fmt: skip
    out = io.StringIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the browser has more letters than matplotlib
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(own)
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        figure.savefig(out, format="svg", metadata={"Date": None})
    found = out.getvalue()
    found = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", found[found.index("<svg") :], flags=re.DOTALL)
    found = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", found.replace(INK, "currentColor"))
    return found.replace("<svg", f'<svg role="img" aria-label="{html.escape(label)}"', 1)


def axes(ax: "Axes | None", width: float, height: float) -> "Axes":
    """`ax`, or a new one in a figure of width × height inches."""
    made: Axes = pyplot().subplots(figsize=(width, height), layout="constrained")[1] if ax is None else ax
    return made


def ink() -> str:
    """The color that text has now: black on light pages, white with a style for dark ones."""
    from matplotlib import rcParams

    return str(rcParams["text.color"])


def words(value: object, most: int = 20) -> str:
    """A name from the data as a label: one line, not too long, and none that matplotlib would leave out of a legend."""
    text = " ".join(str(value).split())
    text = text if len(text) <= most else text[: most - 1] + "…"
    return f" {text}" if text.startswith("_") else text


def numbered(letter: str, i: int) -> str:
    """A symbol with a number below: ``x₁₂``."""
    return letter + str(i).translate(_SUBSCRIPTS)


def look(k: int) -> dict[str, Any]:
    """The color and the mark of the k-th of several things, counted from 0."""
    return {"color": COLORS[k % len(COLORS)], "marker": MARKERS[k % len(MARKERS)]}


def legend_beside(ax: "Axes", entries: int, **options: Any) -> None:
    """A legend to the right of the Axes, where it covers nothing. Names with a $ stay names."""
    made: Any = ax.legend(
        loc="upper left",
        bbox_to_anchor=(1.01, 1),
        borderaxespad=0,
        frameon=False,
        ncols=1 + (entries - 1) // 16,
        **options,
    )
    plainly(made)
    for handle in made.legend_handles:
        if hasattr(handle, "set_sizes"):  # points, however small they are in the picture
            handle.set_sizes([30])


def plainly(legend: Any) -> None:
    """No mathematics in the words of a legend: they may be names with a $."""
    for text in legend.get_texts():
        text.set_parse_math(False)


def diverging(low: str, high: str, strength: float = 1.0) -> "ListedColormap":
    """From `low` through nothing at all, which is whatever the page is, to `high`."""
    from matplotlib.colors import ListedColormap

    below, above = (np.array(fading(color, strength).colors) for color in (low, high))
    return ListedColormap(np.vstack([below[:0:-1], above]))


def fading(color: str, strength: float = 1.0) -> "ListedColormap":
    """From nothing to `color`."""
    from matplotlib.colors import ListedColormap, to_rgb

    t = strength * np.linspace(0, 1, 129)[:, None]
    return ListedColormap(np.hstack([np.broadcast_to(to_rgb(color), (129, 3)), t]))
