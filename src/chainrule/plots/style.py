"""What the pictures share: matplotlib when it is there, words that fit, colors that read on light and on dark pages."""

import html
import io
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure
    from matplotlib.text import Text

# The contrast of each is 3 or more to white as well as to black. The first two are told apart with any color vision;
# where more are needed, marks or words go with them.
BLUE, ORANGE = "#0072b2", "#d55e00"
PURPLE, GREEN = "#a64fc4", "#228b3c"  # below and above zero
COLORS = (BLUE, ORANGE, "#009e73", "#cc79a7", "#b08900", "#808080", "#3d9be0", PURPLE, "#a06a50", "#6b8e00")
ENTRIES, COLUMN = 32, 16  # of a legend beside the picture at most, and of one of its columns
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "<", ">", "p", "*")
INK = "#7f7f80"  # what `svg` draws text and lines in; on a page it becomes the color of its text


RESIZED = "takes the size that its picture needs"  # the label of such a Figure
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def pyplot() -> Any:
    """matplotlib.pyplot, or an ImportError that says how to get it."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError('pictures need matplotlib: pip install "chainrule[plots]"') from error
    return pyplot


def svg(draw: Callable[["Figure"], Any], size: tuple[float, float] | None, label: str, name: str, **look: Any) -> str:
    """What `draw` draws on a Figure, as SVG for inside a page, right on light and on dark.

    It has no background, and its text and lines have the color of the text around it. size: width and height in
    inches; None for what the picture needs. label: what it shows, in words. name keeps its ids apart from those of
    other pictures. look: more of matplotlib's rcParams.
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
        figure = Figure(figsize=size, layout="constrained")
        figure.set_label("" if size else RESIZED)
        draw(figure)
        figure.savefig(out, format="svg", metadata={"Date": None})
        width = figure.get_figwidth()
    found = out.getvalue()
    found = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", found[found.index("<svg") :], flags=re.DOTALL)
    found = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", found.replace(INK, "currentColor"))
    # On a narrow page a picture shrinks until its letters are small, and from there on it is scrolled.
    least = f'style="min-width: {0.6 * width:.3g}in"'
    return found.replace("<svg", f'<svg role="img" aria-label="{html.escape(label)}" {least}', 1)


def axes(ax: "Axes | None", width: float, height: float) -> "Axes":
    """`ax`, or a new one in a figure of width × height inches."""
    made: Axes = pyplot().subplots(figsize=(width, height), layout="constrained")[1] if ax is None else ax
    if made.figure.get_label() == RESIZED:
        made.figure.figure.set_size_inches(width, height)
    return made


def ink() -> str:
    """The color that text has now: black on light pages, white with a style for dark ones."""
    from matplotlib import rcParams

    return str(rcParams["text.color"])


def words(value: object, most: int = 20) -> str:
    """A name from the data as a label: one line, and none that matplotlib would leave out of a legend.

    Of more than `most` letters the middle is left out: names often begin alike. No letters at all are in quotes.
    """
    text, end = " ".join(str(value).split()) or repr(str(value)), most // 3
    text = text if len(text) <= most else f"{text[: most - 1 - end]}…{text[-end:]}"
    return f" {text}" if text.startswith("_") else text


def wide(labels: Iterable[str], scale: float = 1.0) -> float:
    """How many inches the widest of some labels takes; scale: of its letters."""
    pyplot()
    from matplotlib import rcParams
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font, most = get_font(findfont(FontProperties())), 0.0
    font.set_size(rcParams["font.size"] * scale, 72)
    for label in labels:
        font.set_text(label)
        most = max(most, font.get_width_height()[0] / 64 / 72)
    return most


def fitting(names: Iterable[object], inches: float) -> list[str]:
    """Names as labels, all cut so far that the widest takes no more than this."""
    names, most = list(names), 20
    while most > 6 and wide(words(name, most) for name in names) > inches:
        most -= 1
    return [words(name, most) for name in names]


def beside(labels: Sequence[str]) -> float:
    """About how many inches a legend beside the Axes takes for these labels."""
    return (1 + (min(len(labels), ENTRIES) > COLUMN)) * (wide(labels) + 0.6)


def unit(ax: "Axes") -> Array:
    """How many pixels one unit has across and up, (2,), now that all words have their room."""
    for _ in range(2):  # after the first, matplotlib's layout is some pixels off
        ax.figure.figure.draw_without_rendering()
    found: Array = abs(np.diff(ax.transData.transform([(0, 0), (1, 1)]), axis=0)[0])
    return found


def extent(texts: Iterable["Text"]) -> Array:
    """The pixels of the widest and of the tallest of some texts, (2,)."""
    boxes = [text.get_window_extent() for text in texts]
    most: Array = np.array([(1, 1), *((box.width, box.height) for box in boxes)]).max(axis=0)
    return most


def squeeze(texts: Sequence["Text"], space: Any) -> None:
    """Smaller letters for texts that have so many pixels across and up; none where they would be tiny."""
    smaller = 0.9 * min(space / extent(texts))
    for text in texts:
        text.set(visible=smaller > 0.5, fontsize=text.get_fontsize() * min(smaller, 1))


def numbered(letter: str, i: int) -> str:
    """A symbol with a number below: ``x₁₂``."""
    return letter + str(i).translate(_SUBSCRIPTS)


def look(k: int) -> dict[str, Any]:
    """The color and the mark of the k-th of several things, counted from 0."""
    return {"color": COLORS[k % len(COLORS)], "marker": MARKERS[k % len(MARKERS)]}


def legend(ax: "Axes", beside: bool) -> None:
    """A legend in the Axes or to the right of them, of the first names where there are many.

    No mathematics in its words: they may be names with a $.
    """
    from matplotlib.lines import Line2D

    handles, labels = ax.get_legend_handles_labels()
    if len(labels) > ENTRIES:
        more = f"… and {len(labels) - ENTRIES + 1} more"
        handles, labels = [*handles[: ENTRIES - 1], Line2D([], [], linestyle="")], [*labels[: ENTRIES - 1], more]
    out: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "borderaxespad": 0, "frameon": False}
    made: Any = ax.legend(handles, labels, ncols=1 + (len(labels) > COLUMN), **(out if beside else {}))
    for text in made.get_texts():
        text.set_parse_math(False)
    for handle in made.legend_handles:
        if hasattr(handle, "set_sizes"):  # points, however small they are in the picture
            handle.set_sizes([30])


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
