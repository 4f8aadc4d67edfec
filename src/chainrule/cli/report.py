"""The report of `chainrule train --report`: one HTML page with its pictures inside, for light and for dark screens."""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from chainrule import plots
from chainrule._version import __version__
from chainrule.cli import screen
from chainrule.cli.common import metric
from chainrule.cli.model import Trained, targets
from chainrule.plots import page as pages
from chainrule.plots import style
from chainrule.plots.page import Html
from chainrule.tabular.calibration import of_class
from chainrule.tabular.effects import effect
from chainrule.tabular.scores import rarer
from chainrule.working.trace import trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from chainrule.cli.result import Result
    from chainrule.tabular import Plan

Traces = dict[int, dict[str, list[Any]]]  # epoch → "A" and "dZ" → by layer

INTERVALS = 100  # that are drawn
EFFECTS = 4  # columns of which the effect is drawn
ROWS, TIMES = 200, 16  # of the training that are traced, and how often


class Recorder:
    """A scikit-learn callback: A and dZ of some of the training rows, before the first epoch and after some of them."""

    def __init__(self) -> None:
        self.traces: Traces = {}
        self.estimator: Any = None
        self.wanted: set[int] = set()

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing to prepare."""

    def on_fit_task_begin(self, estimator: Any, context: Any, *, X: Any, y: Any) -> None:
        """Before the first epoch. X: (m, n[0]), y: (m,), as the network is given them."""
        if context.task_name == "epoch" and not self.traces:
            self.estimator, self.X, self.y = estimator, X[:ROWS], y[:ROWS]
            self.wanted = {round(estimator.max_iter * part / TIMES) for part in range(TIMES + 1)}
            self._record(estimator, 0)

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """After an epoch."""
        done = len(estimator.history_["cost"])
        if context.task_name == "epoch" and done in self.wanted:
            self._record(estimator, done)

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing to put away."""

    def _record(self, estimator: Any, epoch: int) -> None:
        whole = trace(estimator.network_, self.X.T, targets(estimator, self.y))
        # The weights of all these epochs would fill the memory, and the inputs are the same each time.
        self.traces[epoch] = {"A": [None, *whole.A[1:]], "dZ": whole.dZ}


@dataclass(frozen=True)
class Answered:
    """A model that has answered already: what the pictures of answers ask."""

    classes_: Any
    answers: Any

    def predict_proba(self, X: Any) -> Any:
        """The probabilities (m, K) that it gave."""
        return self.answers


@dataclass
class Page:
    """What is shown, as HTML; it stands in for the screen's Console."""

    parts: list[Html] = field(default_factory=list)
    pictures: int = 0

    def print(self, shown: str | Table, /, *, style: str = "") -> None:
        """A line, or a table."""
        self.parts.append(_table(shown) if isinstance(shown, Table) else pages.element("p", shown, style))

    def heading(self, text: str) -> None:
        """The title of a section."""
        self.parts.append(pages.element("h2", text))

    def picture(self, caption: str, draw: Callable[..., Any], *drawn: Any, **named: Any) -> None:
        """What draw(*drawn, ax=…) draws, with a caption."""
        self.pictures += 1
        name = f"picture{self.pictures}"
        svg = style.svg(lambda figure: draw(*drawn, **named, ax=figure.add_subplot()), None, caption, name)
        self.parts.append(pages.figure(svg, caption))


def write(file: Path, result: "Result", about: Mapping[str, Any]) -> None:
    """Write what came of a training. about: what is saved with the model, and how its training went."""
    page, plan = Page(), result.material.plan
    page.heading("Test")
    _scores(page, result)
    _test(page, result)
    if result.importances is not None:
        page.heading("What matters")
        _matters(page, result)
    page.heading("Data")
    screen.understood(page, plan, about["data"])
    page.print(f"{screen.counted(about['rows']['train'])} to train on, {result.test_rows:,} to test on")
    if len(result.race) > 1:
        page.heading("Race")
        page.print("The candidates were trained on a part of the training rows and compared on the others of them.")
        screen.race(page, result.race)
    page.heading("Network")
    trained = Trained(result.fitted.model, dict(about))
    first = result.fitted.model.networks_[0]
    named = plan.columns or plan.image_shape is not None
    _network(page, first, plan, trained.input_names(None, first.n_features_in_) if named else [])
    page.heading("Training")
    _training(page, result, first)
    page.heading("To get the same again")
    page.parts.append(pages.element("pre", result.run.command))
    _versions(page, first, about["seed"])
    pages.write(file, pages.whole("train", f"{about['data']}: {about['target']}", page.parts))


def _scores(page: Page, result: "Result") -> None:
    if result.deviations:
        screen.folds(page, result.scores, result.deviations, result.title())
    else:
        screen.scores(page, result.scores, result.title(), result.intervals)
    for line in result.verdict():
        page.print(line)
    for line in result.advice():
        page.print(f"Warning: {line}", style="verdict")


def _network(page: Page, estimator: Any, plan: "Plan", names: Sequence[str]) -> None:
    net = estimator.network_
    screen.layers(page, net.describe())
    caption = (
        "The trained network. The wider a line, the larger the weight, and the fuller a circle, the larger the bias; "
        "green is above zero, purple below. Of large layers a few units are drawn."
    )
    outputs = [plan.target] if plan.classes is None else None
    page.picture(caption, plots.network, estimator, inputs=names or None, outputs=outputs)
    if plan.image_shape is not None:
        shown = "Green is above zero, purple below." if plan.image_shape[2] == 1 else "Middle gray is zero."
        caption = f"The weights of the first layer, an image for each unit: what it looks for. {shown}"
        page.picture(caption, plots.first_layer, net, plan.image_shape)
    for spec in dict.fromkeys(g.spec for g in net.g[1:-1]):
        page.picture(f"The activation {spec} with its slope.", plots.activation, spec)


def _training(page: Page, result: "Result", estimator: Any) -> None:
    for line in result.closing():
        page.print(line)
    several = len(result.fitted.model.networks_)
    of = f" of the first of {several} networks" if several > 1 else ""
    caption = (
        f"The cost of each epoch{of}. A training cost may be above the validation cost: it has the L2 term, and is "
        "measured while the epoch goes on, with dropout and smoothed labels if there are any."
    )
    page.picture(caption, plots.cost_curves, estimator.history_, first=1)
    screen.history(page, estimator.history_, metric(hasattr(estimator, "classes_")), estimator.n_iter_)
    traces = result.fitted.traces
    if not traces:
        return
    rows = traces[0]["A"][-1].shape[1]
    for what, words in (("A", "activations A"), ("dZ", "derivatives dZ of the cost by the linear parts Z")):
        caption = (
            f"How the {words} of each layer are spread, for {screen.counted(rows)} of the training, without dropout, "
            f"from before the first epoch to after epoch {max(traces)}."
        )
        page.picture(caption, plots.histograms, traces, what)


def _test(page: Page, result: "Result") -> None:
    plan, model, (y, predicted, probabilities) = result.material.plan, result.judged, result.answers
    if plan.classes is not None:
        caption = (
            "The confusion matrix of the test rows: rows are what is true, columns what was predicted; blue is right, "
            "orange is wrong, stronger where it is more of the row."
        )
        said = predicted[:, None] == model.classes_
        page.picture(caption, plots.confusion, Answered(model.classes_, said.astype(float)), y, y)
    else:
        caption = "Prediction against truth for the test rows; on the line they are equal."
        if result.coverage is not None:
            caption += " The gray lines are the intervals that should hold nine of ten."
        ends = None if result.coverage is None else np.concatenate([each.ends for each in result.judgments])
        page.picture(caption, _against, plan.target, predicted, y, ends)
    test = result.judgments[0].test
    if probabilities is not None and plan.classes is not None:
        which = rarer(plan.classes) if len(plan.classes) == 2 else None
        found = of_class(model.classes_, y, probabilities, which)
        if len(found.bins) > 1:
            caption = (
                "Calibration: of the test rows of which the model says 70 %, 70 in 100 should be so. The closer "
                "to the diagonal, the more its probabilities mean what they say."
            )
            page.picture(caption, plots.calibration, found)
    if _is_plane(plan, test.X):
        caption = "What the model answers over its two columns, and the test rows as points."
        columns = [column.name for column in plan.columns if column.role == "number"]
        X = test.X[columns] if columns else test.X
        page.picture(caption, plots.decision_boundary, model, X, test.y)
    if plan.image_shape is not None and plan.classes is not None:
        caption = (
            "Test images that the model gets wrong, the surest mistake first: what is true → what it says, and how "
            "surely."
        )
        given = np.concatenate([judgment.test.X for judgment in result.judgments])
        page.picture(caption, plots.misclassified, Answered(model.classes_, probabilities), given, y, plan.image_shape)


def _matters(page: Page, result: "Result") -> None:
    """Which columns matter, and how the answer changes with those that matter most."""
    found, plan = result.importances, result.material.plan
    caption = (
        f"How much larger the {found.loss} is on {screen.counted(found.rows)} of the test when the values of a column "
        "are mixed among the rows, with 95 % intervals. Of two columns that say the same, neither may look important."
    )
    page.picture(caption, plots.importances, found)
    screen.importances(page, found)
    if not plan.columns:
        return
    for each in [each for each in found.columns if each.low > 0][:EFFECTS]:
        changes = effect(result.judged, result.material.rows.X, each.column)
        of = f"the probability of {plan.target} = {changes.of}" if changes.of is not None else plan.target
        caption = (
            f"How {of} changes with {each.column}, as the model has it, where the other columns stay as they are. "
            "Gray are single rows."
        )
        page.picture(caption, plots.effect, changes, answer=plan.target)


def _is_plane(plan: "Plan", X: Any) -> bool:
    """Whether an example is a point: two numbers, none missing, and no other column."""
    if not plan.columns:
        return plan.features == 2 and plan.image_shape is None
    used = plan.used
    return len(used) == 2 and all(column.role == "number" and not column.missing for column in used)


def _against(target: str, predicted: Any, y: Any, between: Any, ax: "Axes") -> None:
    ax = style.axes(ax, 5, 4)
    ax.ticklabel_format(scilimits=(-3, 5))
    ax.locator_params(nbins=6)
    ends = [min(y.min(), predicted.min()), max(y.max(), predicted.max())]
    ax.plot(ends, ends, color=style.INK, linewidth=1, linestyle="--")
    ax.scatter(predicted, y, s=10, color=style.BLUE, alpha=0.8, linewidths=0, rasterized=len(y) > 2000)
    if between is not None:
        some = np.argsort(predicted)[:: max(1, len(y) // INTERVALS)]
        low, high = between[some].T
        ax.vlines(predicted[some], low, high, color=style.INK, alpha=0.25, linewidth=0.8, zorder=0)
    ax.set_xlabel(f"predicted {style.words(target, 30)}", parse_math=False)
    ax.set_ylabel(f"true {style.words(target, 30)}", parse_math=False)


def _versions(page: Page, estimator: Any, seed: int) -> None:
    import matplotlib
    import numpy
    import sklearn

    versions = {
        "seed": seed,
        "network": " ".join(repr(estimator).split()),
        "engine": f"{estimator.engine_}, {estimator.precision or estimator.network_.dtype.name}",
        "chainrule": __version__,
        "Python": platform.python_version(),
        "NumPy": numpy.__version__,
        "scikit-learn": sklearn.__version__,
        "matplotlib": matplotlib.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
    }
    page.print(screen.table(("", ""), versions.items()))


def _table(shown: Table) -> Html:
    """A table of rich's as one of HTML."""
    cells = zip(*(column.cells for column in shown.columns), strict=True)
    rows = [(str(row.style or ""), line) for row, line in zip(shown.rows, cells, strict=True)]
    right = [i for i, column in enumerate(shown.columns) if column.justify == "right"]
    return pages.table([str(column.header) for column in shown.columns], rows, right)
