"""What the command line shows: tables, the progress bar, and numbers in plain form."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from math import isnan
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from chainrule.cli.common import metric
from chainrule.text import first_few

if TYPE_CHECKING:
    from chainrule.tabular import Plan
    from chainrule.tabular.scores import ClassRow

MANY = 20  # columns, from which they are shown by role
LEAST = 0.01  # of what matters most: what matters less is not shown
CLASSES = 12  # up to which it is shown which is taken for which
WORD = 20  # letters of a word that is not broken to make room
MOST = 500  # lines, and columns, of a table; a model file of a stranger may have any number
LONGEST = 60  # characters of the name of a column
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
    """A table without frills; `right` are the columns to align to the right. What is too much for it ends in …"""
    made, cut = Table(box=box.SIMPLE_HEAD, pad_edge=False), len(headers) > MANY
    shown = [[*map(str, islice(row, MANY)), *["…"] * cut] for row in islice(rows, MOST + 1)]
    for i, header in enumerate([*headers[:MANY], *["…"] * cut]):
        words = " ".join([header, *(row[i] for row in shown if i < len(row))]).split()
        made.add_column(
            header, justify="right" if i in right else "left", overflow="fold",
            min_width=min(WORD, max(map(len, words), default=0)),
        )  # fmt: skip
    for row in shown[:MOST]:
        made.add_row(*row)
    if len(shown) > MOST:
        made.add_row("…")
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
    unit = f", in {plan.target_unit}" if plan.target_unit else ""
    what = f"a number{unit}" if plan.task == "regression" else f"{len(plan.classes or ())} classes"
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
    for line in plan.remarks:
        console.print(line)


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
        name = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
        shown.add_row(name, _ROLES.get(role, role), f"{missing:,}" if missing else "", column["note"], style=style)
    console.print(shown)


def told(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The columns for other programs: whether there is a value is a boolean to them."""
    return [{**column, "role": "boolean" if column["role"] == "presence" else column["role"]} for column in given]


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


def scores(
    console: Printer,
    given: Mapping[str, Mapping[str, float | None]],
    title: str,
    beside: Mapping[str, Sequence[float | None]] | None = None,
) -> None:
    """One line for each score, one column for each model. beside: of the first model the interval of each score."""
    models = list(islice(given, MANY))
    first = given[models[0]]
    headers, rows = ["", *models], []
    for name in islice(first, MOST):
        rows.append([name, *(number(given[model].get(name)) for model in models)])
    if beside:
        headers.insert(2, "95 % interval")
        for row in rows:
            row.insert(2, interval(*beside[row[0]]) if row[0] in beside else "")
    shown = table(headers, rows, right=range(1, len(headers)))
    shown.columns[0].no_wrap = True
    console.print(title, style="bold")
    console.print(shown)


def interval(low: float | None, high: float | None) -> str:
    """From one number to another, in one word unless one is below zero."""
    to = " to " if low is not None and low < 0 else "–"
    return f"{_short(low)}{to}{_short(high)}"


def _short(value: float | None) -> str:
    if value is None or isnan(value) or abs(value) >= 1000:
        return number(value)
    size = abs(value)
    return f"{value:.1f}" if size >= 10 else f"{value:.3f}" if size >= 1e-3 or size == 0 else f"{value:.2g}"


def folds(console: Printer, given: Mapping[str, Mapping[str, float | None]], deviations: Any, title: str) -> None:
    """One line for each score, one column for each model: the mean over the folds ± their standard deviation."""
    models, first = list(given), next(iter(given.values()))

    def cell(model: str, name: str) -> str:
        mean = given[model].get(name)
        return number(mean) if mean is None else f"{number(mean)} ± {number(deviations[model].get(name))}"

    rows = [[name, *(cell(model, name) for model in models)] for name in first]
    console.print(title, style="bold")
    console.print(table(["", *models], rows, right=range(1, len(models) + 1)))


def race(console: Printer, given: Sequence[Mapping[str, Any]]) -> None:
    """The candidates with their loss on the validation rows, the best first. Nothing where there was no race."""
    if len(given) > 1:
        timed = all(isinstance(entry.get("seconds"), (int, float)) for entry in given)
        headers = ["candidate", "validation loss", *["seconds"] * timed]
        rows = [
            [entry["name"], number(entry["loss"]), *([f"{entry['seconds']:.1f}"] if timed else [])] for entry in given
        ]
        console.print(table(headers, rows, right=(1, 2)))


def importances(console: Printer, given: Any, most: int = 5) -> None:
    """The columns that matter most: how much larger the loss is without what each says."""
    found = [] if given is None else [each for each in given.columns if each.low > 0]
    shown = [each for each in found if each.increase >= LEAST * found[0].increase][:most]
    if shown:
        rows = [(each.column, number(each.increase), interval(each.low, each.high)) for each in shown]
        console.print(table(("matters most", f"{given.loss} without it +", "95 % interval"), rows, right=(1, 2)))


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
    names = [name.replace("metric", metric).replace("_", " ") for name in given]
    rows = []
    for i in sorted({round(part * (count - 1) / 8) for part in range(9)}):
        epoch = 1 + round(i * (epochs - 1) / max(count - 1, 1))
        rows.append((epoch, *(number(values[i]) for values in given.values())))
    console.print(table(["epoch", *names], rows, right=range(len(given) + 1)))


def cells(classes: Any, y: Any, predicted: Any, others: Sequence[str] = ()) -> Any:
    """How many rows of each class, and below them of others that were not there to be predicted, were predicted how."""
    from sklearn.metrics import confusion_matrix

    labels = [*classes.tolist(), *others] if others else classes
    return confusion_matrix(y, predicted, labels=labels)[:, : len(classes)]


def confusion(console: Printer, classes: Any, y: Any, predicted: Any, others: Sequence[str] = ()) -> None:
    """Rows are what is true, columns what was predicted; nothing where there are too many classes to show."""
    if len(classes) > CLASSES:
        return
    labels, counts = classes.tolist(), cells(classes, y, predicted, others).tolist()
    true = [*labels, *others]
    if len(true) > CLASSES:
        counts = [*counts[: len(labels)], [sum(column) for column in zip(*counts[len(labels) :], strict=True)]]
        true = [*labels, f"{len(others)} others"]
    rows = [
        (label, *(f"{count:,}" if count else "·" for count in row)) for label, row in zip(true, counts, strict=True)
    ]
    console.print(table(["true \\ predicted", *map(str, labels)], rows, right=range(1, len(labels) + 1)))


class Stages:
    """The stages of a training: the candidates of the race, then the networks, some of them at the same time.

    what: which of several trainings it is, before the name of each stage. In a terminal each stage has a bar, else a
    line at its end, and the first network one now and then; before that its layers are shown.
    """

    def __init__(self, console: Console, what: str = "") -> None:
        self.console, self.what = console, what
        self.latest: Stage | None = None  # that has begun
        self.lock = Lock()
        self.bars: Progress | None = None
        self.first: Stage | None = None  # of the networks

    def __call__(self, stage: str) -> "Stage":
        """The callback of a stage."""
        made = Stage(self, f"{self.what}, {stage}" if self.what else stage)
        if made.final and self.first is None:
            self.first = made
        return made

    @property
    def done(self) -> str:
        """How far it has come, in words."""
        if self.latest is None:
            return "before the first epoch"
        estimator, name = self.latest.estimator, self.latest.name
        of = f" of {name}" if name else ""
        return f"after epoch {len(estimator.history_['cost'])} of {estimator.max_iter}{of}"

    def close(self) -> None:
        """Leave the bars as they are."""
        if self.bars is not None:
            self.bars.stop()
            self.bars = None

    def begun(self, stage: "Stage") -> int | None:
        """The number of the bar of a stage that begins, where there are bars."""
        with self.lock:
            self.latest = stage
            if self.console.quiet:
                return None
            if stage is self.first:
                layers(self.console, stage.estimator.network_.describe())
            if not self.console.is_terminal:
                return None
            if self.bars is None:
                self.bars = Progress(
                    TextColumn("Training {task.description}"),
                    BarColumn(bar_width=None),
                    MofNCompleteColumn(),
                    TextColumn("{task.fields[state]}"),
                    TimeRemainingColumn(compact=True, elapsed_when_finished=True),
                    console=self.console,
                )
                self.bars.start()
            return self.bars.add_task(stage.name, total=stage.estimator.max_iter, state="")


class Stage:
    """A scikit-learn callback of one training."""

    def __init__(self, stages: Stages, name: str) -> None:
        self.stages, self.name = stages, name
        self.estimator: Any = None
        self._bar: Any = None
        self._said = 0  # epochs

    @property
    def final(self) -> bool:
        """Whether it is one of the networks that are kept."""
        return "candidate" not in self.name

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing to prepare."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """The network as it is made, then an empty bar."""
        if context.task_name != "epoch":
            self.estimator = estimator
            self._bar = self.stages.begun(self)

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """One more epoch, or the end of all, which may come before the last."""
        costs = estimator.history_["cost"]
        if not costs:  # it was interrupted in the first epoch
            return
        done, last, state = len(costs), estimator.max_iter, f"cost {costs[-1]:.4f}"
        ended, bars = context.task_name != "epoch", self.stages.bars
        if "validation_metric" in estimator.history_:
            validation = estimator.history_["validation_metric"][-1]
            state += f"  validation {metric(hasattr(estimator, 'classes_'))} {validation:.4f}"
        if bars is not None and self._bar is not None:
            bars.update(self._bar, completed=done, total=done if ended else last, state=state)
        elif done > self._said and (ended or (self.stages.first is self and done % max(1, last // 5) == 0)):
            self._said = done
            self.stages.console.print(f"{self.name}: epoch {done}/{last}  {state}".removeprefix(": "))

    def teardown(self, estimator: Any, context: Any) -> None:
        """Leave the bar as it is."""
