"""What the command line shows: tables, the progress bar, and numbers in plain form."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from math import isnan
from typing import TYPE_CHECKING, Any, Protocol

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from chainrule.cli.common import metric
from chainrule.text import first_few

if TYPE_CHECKING:
    from chainrule.tabular import Plan
    from chainrule.tabular.scores import ClassRow, Score

MANY = 20  # columns, from which they are shown by role
MOST = 500  # lines, and columns, of a table; a model file of a stranger may have any number
_ROLES = {
    "number": "number",
    "boolean": "yes or no",
    "category": "category",
    "text": "text",
    "date": "date",
    "presence": "given or not",
    "left out": "left out",
}


class Printer(Protocol):
    """What tables and lines are shown on: a Console, or the page of a report."""

    def print(self, shown: str | Table, /, *, style: str = "") -> None:
        """Show a line or a table."""


def table(headers: Sequence[str], rows: Iterable[Iterable[object]] = (), right: Collection[int] = ()) -> Table:
    """A table without frills; `right` are the columns to align to the right."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i, header in enumerate(headers[:MANY]):
        made.add_column(header, justify="right" if i in right else "left", overflow="fold")
    for k, row in enumerate(rows):
        if k == MOST:
            made.add_row("…")
            break
        made.add_row(*map(str, islice(row, MANY)))
    return made


def number(value: float | None) -> str:
    """A number as people write it: 49,812 and 0.8312; a dash where there is none."""
    if value is None or isnan(value):
        return "—"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" if 0 < abs(value) < 1e-4 else f"{value:.4f}"


def counted(count: int, what: str = "row") -> str:
    """1 row, 2 rows."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def understood(console: Printer, plan: "Plan", name: str) -> None:
    """What was read, and how each part of it is used."""
    if plan.image_shape is not None:
        height, width, channels = plan.image_shape
        content = f"images of {height} × {width} pixels, {'gray' if channels == 1 else 'color'}"
    else:
        content = counted(len(plan.columns), "column") if plan.columns else f"{plan.features} numbers in each"
    what = "a number" if plan.task == "regression" else f"{len(plan.classes or ())} classes"
    console.print(f"{name}: {counted(plan.rows)}, {content}")
    console.print(f"To predict: {plan.target} ({what})")
    if plan.untargeted:
        console.print(f"Left out: {counted(plan.untargeted)} without {plan.target}")
    if plan.rare:
        rows = counted(sum(plan.rare.values()))
        console.print(f"Left out: {rows} of classes with too few rows to learn: {first_few(plan.rare, 5)}")
    if plan.columns:
        columns(console, [asdict(column) for column in plan.columns])
    if plan.classes is not None:
        classes(console, list(plan.classes.items()))
    for remark in plan.remarks[:MANY]:
        console.print(remark)
    if len(plan.remarks) > MANY:
        console.print(f"… and {len(plan.remarks) - MANY:,} more remarks like these")


def columns(console: Printer, given: Sequence[Mapping[str, Any]]) -> None:
    """One line for each column, or for each role where there are many."""
    if len(given) > MANY:
        names = {role: [column["name"] for column in given if column["role"] == role] for role in _ROLES}
        rows = [(_ROLES[role], len(some), first_few(some, 8)) for role, some in names.items() if some]
        console.print(table(("used as", "columns", ""), rows, right=(1,)))
        return
    shown = table(("column", "used as", "missing", "what is in it"), right=(2,))
    for column in given:
        name, role, missing = str(column["name"]), column["role"], column["missing"]
        style = "dim" if role == "left out" else None
        shown.add_row(name, _ROLES.get(role, role), f"{missing:,}" if missing else "", column["note"], style=style)
    console.print(shown)


def classes(console: Printer, counts: Sequence[tuple[Any, int]]) -> None:
    """The classes with their rows, in one line or a few."""
    total = sum(count for _, count in counts) or 1
    console.print("Classes: " + first_few(f"{label} {count:,} ({count / total:.0%})" for label, count in counts))


def layers(console: Printer, described: Mapping[str, Any]) -> None:
    """The network that `describe` describes as a table: each layer has units, activation, W, b, parameters."""
    given = described["layers"]
    rows = [("input", f"{described['inputs']:,}", "", "", "", "")]
    for l, layer in enumerate(given, 1):
        W, b = ("{} × {}".format(*layer[key]) for key in ("W", "b"))
        name = "output" if l == len(given) else str(l)
        rows.append((name, f"{layer['units']:,}", layer["activation"], W, b, f"{layer['parameters']:,}"))
    shown = table(("layer", "units", "activation", "W", "b", "parameters"), rows, right=(1, 5))
    if len(given) > 1:
        shown.add_section()
        shown.add_row("total", "", "", "", "", f"{sum(layer['parameters'] for layer in given):,}")
    console.print(shown)


def scores(console: Printer, given: Mapping[str, Mapping[str, float | None]], title: str) -> None:
    """One line for each model, one column for each score."""
    names = list(next(iter(given.values())))[: MANY - 1]
    shown = table(["", *names], right=range(1, len(names) + 1))
    console.print(title, style="bold")
    for i, (model, values) in enumerate(islice(given.items(), MOST)):
        shown.add_row(model, *(number(values[name]) for name in names), style="bold" if i == 0 else None)
    console.print(shown)


def scored(console: Printer, given: "Mapping[str, Score]", title: str) -> None:
    """One line for each score, with its 95 % interval."""
    shown = table(("", "", "95 % interval"), right=(1,))
    console.print(title, style="bold")
    for name, score in given.items():
        shown.add_row(name, number(score.value), f"{number(score.low)} to {number(score.high)}")
    console.print(shown)


def by_class(console: Printer, given: "Sequence[ClassRow]") -> None:
    """One line for each class."""
    rows = [(row.label, *map(number, (row.precision, row.recall, row.f1)), f"{row.rows:,}") for row in given]
    console.print(table(("class", "precision", "recall", "F1", "rows"), rows, right=(1, 2, 3, 4)))


def preprocessing(console: Printer, given: Sequence[Mapping[str, Any]]) -> None:
    """What is done before the network, step by step."""
    rows = []
    for step in given:
        columns = step.get("columns", "")
        rows.append((step["step"], step["does"], columns if isinstance(columns, str) else first_few(columns, 8)))
    console.print(table(("step", "does", "columns"), rows))


def history(console: Printer, given: Mapping[str, Sequence[float | None]], metric: str, epochs: int) -> None:
    """How the training went, at some of its epochs. Long curves have been thinned: their values lie evenly over all."""
    count = len(given["cost"])
    names = [name.replace("metric", metric).replace("validation", "held-out").replace("_", " ") for name in given]
    rows = []
    for i in sorted({round(part * (count - 1) / 8) for part in range(9)}):
        epoch = 1 + round(i * (epochs - 1) / max(count - 1, 1))
        rows.append((epoch, *(number(values[i]) for values in given.values())))
    console.print(table(["epoch", *names], rows, right=range(len(given) + 1)))


def confusion(console: Printer, classes: Any, y: Any, predicted: Any) -> None:
    """Rows are what is true, columns what was predicted; nothing where there are too many classes to show."""
    from sklearn.metrics import confusion_matrix

    if len(classes) > 12:
        return
    labels, counts = classes.tolist(), confusion_matrix(y, predicted, labels=classes).tolist()
    rows = [
        (label, *(f"{count:,}" if count else "·" for count in row)) for label, row in zip(labels, counts, strict=True)
    ]
    console.print(table(["true \\ predicted", *map(str, labels)], rows, right=range(1, len(labels) + 1)))


@dataclass
class Watcher:
    """A scikit-learn callback: shows the network, then a progress bar in a terminal, else every tenth of the epochs."""

    console: Console
    bar: Progress | None = None

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing to prepare."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """The network as it is made, then an empty bar."""
        if context.task_name == "epoch":
            return
        layers(self.console, estimator.network_.describe())
        if self.console.is_terminal:
            self.bar = Progress(
                TextColumn("Training"),
                BarColumn(bar_width=None),
                MofNCompleteColumn(),
                TextColumn("{task.fields[state]}"),
                TimeRemainingColumn(compact=True, elapsed_when_finished=True),
                console=self.console,
            )
            self.bar.add_task("", total=estimator.max_iter, state="")
            self.bar.start()

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """One more epoch, or the end of all."""
        from sklearn.base import is_classifier

        costs = estimator.history_["cost"]
        if context.task_name != "epoch" or not costs:  # none: it was interrupted in the first epoch
            return
        done, state = len(costs), f"cost {costs[-1]:.4f}"
        if "validation_metric" in estimator.history_:
            state += f"  held-out {metric(is_classifier(estimator))} {estimator.history_['validation_metric'][-1]:.4f}"
        if self.bar is not None:
            self.bar.update(self.bar.task_ids[0], completed=done, state=state)
        elif done % max(1, estimator.max_iter // 10) == 0:
            self.console.print(f"epoch {done}/{estimator.max_iter}  {state}")

    def teardown(self, estimator: Any, context: Any) -> None:
        """Leave the bar as it is."""
        if self.bar is not None:
            self.bar.stop()
