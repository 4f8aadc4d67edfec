"""Tables, arrays and pictures of files as examples: read and understood as by `chainrule train`."""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from chainrule import datasets, readers, tabular
from chainrule._types import Array
from chainrule.errors import ChainruleError, UserNote
from chainrule.lab.design import Examples
from chainrule.lab.given import MOST_BYTES, MOST_ROWS, Given, scaled
from chainrule.lab.spread import histogram
from chainrule.readers import Table
from chainrule.readers.frames import as_text
from chainrule.tabular import Plan, TableError
from chainrule.tabular.findings import giveaways
from chainrule.tabular.opened import taken
from chainrule.text import first_few

MOST_COLUMNS = 2000  # of a table; chosen
PICTURES = 24  # that are shown before they are taken
PARTS = 30  # of the range of a target
SAMPLES = 3  # values of a column that are shown
# Of each encoding the unfitted steps for a plan and so many rows, and the code of them.
ENCODINGS: dict[str, tuple[Callable[[Plan, int], Any], str]] = {
    "plain": (tabular.plain_inputs, "tabular.plain_inputs(plan, len(train))"),
    "recipe": (
        lambda plan, rows: tabular.make_pipeline(plan, rows)[:-1],
        "tabular.make_pipeline(plan, len(train))[:-1]",
    ),
}
_TARGET = re.compile(
    r"(^|[\W_])(target|label|class|y|outcome|response|survived|species|diagnosis|churn(ed)?|default(ed)?|returned|result|"
    r"quality|price|value|score|rating|income|sales)$",
    re.I,
)


def load(given: Given, uploads: Mapping[str, Any]) -> Examples:
    """The examples of a file or a folder of pictures.

    "target" is the column to learn, "task" "classes" or "regression"; "drop", "keep", "number", "category", "date",
    "text" and "day_first" are those of `make_plan`, "header" and "sheet" those of `readers.read`. "encoding": "plain"
    inputs, or those of the "recipe" of `chainrule train`. "m": at most so many rows, drawn by chance.
    """
    with _notes(given, uploads) as remarks:
        table, source = _read(given, uploads)
        if table.y is None:
            raise TableError(_no_target(table))
        plan, said = _plan(given, table)
        rows, y = plan.examples(table)
        made = _taken(given, table, plan, rows, y, [*source, said])
    made = replace(made, remarks=(*remarks, *made.remarks))
    return scaled(made) if given.flag("scale_target") is not False else made


def _taken(given: Given, table: Table, plan: Plan, rows: Any, y: Array, source: list[str]) -> Examples:
    """As many of the rows as a page can hold, a part of them held out, their columns worked on."""
    train, val, X, X_val, preparation, code = _inputs(given, plan, rows, y)
    # Where a preparation encodes a training row by the targets of others, and a new row, as the model does, by all.
    crossed = preparation is not None and not np.array_equal(preparation.transform(taken(rows, train)).T, X)
    Y, line = _targets(plan, y)
    remarks = _remarks(plan)
    if (count := len(train) + len(val)) < len(y):
        remarks.append(f"{count:,} of {len(y):,} rows, drawn by chance")
    if crossed:
        remarks.append(
            "while training, and on this page, a training row is encoded by the targets of other rows (the inputs "
            "“by target”); the model that is taken along encodes each by those of all rows, and may answer otherwise"
        )
    remarks += [found.text for found in giveaways(plan, rows, y)]
    made = Examples(
        table.name, X, Y[:, train], X_val, Y[:, val], plan.task, tuple(tabular.input_names(plan, preparation)),
        plan.target, tuple(map(str, plan.classes or ())), plan.image_shape, *_cells(table, rows, train, val),
        tuple(remarks), tuple(described(plan, table)), (*source, *code, line, "Y, Y_val = Y[:, train], Y[:, val]"),
        table=(plan, preparation), crossed=crossed,
    )  # fmt: skip
    return _in_own_units(made, preparation)


def _inputs(given: Given, plan: Plan, rows: Any, y: Array) -> tuple[Array, Array, Array, Array, Any, list[str]]:
    """Which rows to train on and which are held out, X and X_val of them, the steps that make them, and the code."""
    step = given.one_of("encoding", "plain", tuple(ENCODINGS))
    total, width = len(y), plan.features or len(plan.used)
    most = min(total, given.whole("m", MOST_ROWS, 2, 10**9), MOST_ROWS, max(2, MOST_BYTES // (8 * width)))
    while True:
        order = np.random.default_rng(given.split_seed).permutation(total)[:most]
        held = given.held_out(most)
        val, train = order[:held], order[held:]
        if plan.image_shape is not None:
            preparation, X = None, rows[train].astype(float).T
            break
        preparation = ENCODINGS[step][0](plan, len(train))
        X = preparation.fit_transform(taken(rows, train), y[train]).astype(float).T
        if (fits := MOST_BYTES // (8 * len(X))) >= most:
            break
        most = max(2, fits)
    code = [
        "rows, y = plan.examples(table)",
        f"order = np.random.default_rng({given.split_seed}).permutation({total}){f'[:{most}]' if most < total else ''}",
        f"val, train = order[:{held}], order[{held}:]  # held out, and trained on",
    ]
    some = "rows.iloc[{}]" if plan.columns else "rows[{}]"
    making, made = "{}", taken(rows, val)
    if preparation is not None:
        code.append(f"preparation = {ENCODINGS[step][1]}")
        code.append(f"X = preparation.fit_transform({some.format('train')}, y[train]).astype(float).T")
        making = "preparation.transform({})"
        made = preparation.transform(made) if held else None
    else:
        code.append(f"X = {some.format('train')}.astype(float).T")
    X_val = made.astype(float).T if held else X[:, :0]
    code.append(f"X_val = {making.format(some.format('val'))}.astype(float).T" if held else "X_val = X[:, :0]")
    return train, val, X, X_val, preparation, code


def _in_own_units(made: Examples, preparation: Any) -> Examples:
    """One or two numbers lie on a line or a plane in units of their own, though the network gets them standardized."""
    if len(made.X) > 2 or preparation is None:
        return made
    inputs = preparation.named_steps["inputs"]
    if isinstance(inputs, ColumnTransformer):
        step = inputs.named_transformers_.get("number")
        inputs = step[-1] if isinstance(step, Pipeline) else None
    if not isinstance(inputs, StandardScaler) or inputs.mean_.size != len(made.X):
        return made
    center, scale = inputs.mean_[:, None], inputs.scale_[:, None]
    return replace(
        made, points=made.X * scale + center, points_val=made.X_val * scale + center,
        features=lambda points: (points - center) / scale,
    )  # fmt: skip


def _targets(plan: Plan, y: Array) -> tuple[Array, str]:
    """Y of all rows, and the line that makes it."""
    if plan.classes is None:
        return y[None].astype(float), "Y = y[None].astype(float)"
    classes, labels = [*plan.classes], "np.searchsorted([*plan.classes], y)"
    if len(classes) == 2:
        return np.searchsorted(classes, y)[None].astype(float), f"Y = {labels}[None].astype(float)"
    Y = datasets.one_hot(np.searchsorted(classes, y), len(classes))
    return Y, f"Y = cr.datasets.one_hot({labels}, len(plan.classes))"


# -- reading -----------------------------------------------------------------------------------------------------------


def _read(given: Given, uploads: Mapping[str, Any], **more: Any) -> tuple[Table, list[str]]:
    """The table, and the lines of code that read it."""
    path, name = _place(given, uploads)
    options: dict[str, Any] = {key: given.get(key) for key in ("target", "sheet") if given.get(key) is not None}
    if (header := given.flag("header")) is not None:
        options["header"] = header
    if given.get("kind") == "images":
        options |= {"image_size": _size(given), "gray": given.flag("gray") is not False}
    options |= more
    said = "".join(f", {key}={value!r}" for key, value in options.items())
    try:
        table = readers.read(path, **options)
    except ChainruleError as error:
        raise type(error)(str(error).replace(str(path), name)) from None
    if table.image_shape is None and table.X.shape[1] > MOST_COLUMNS:
        raise TableError(
            f"{name}: {table.X.shape[1]:,} columns are more than the {MOST_COLUMNS:,} that a page can show"
        )
    return table, ["from chainrule import readers, tabular", f"table = readers.read({name!r}{said})"]


def _place(given: Given, uploads: Mapping[str, Any]) -> tuple[Path | str, str]:
    """Where the source is, and what to call it."""
    path, upload = given.get("path"), given.get("upload")
    if (path is None) == (upload is None):
        raise ValueError("data of a file: wanted either its path or an upload")
    if upload is not None:
        found = uploads.get(str(upload))
        if not isinstance(found, Path) or not found.exists():
            raise ValueError(f"upload {upload!r}: it is not here any more; give the file once again")
        return found, found.name
    if not isinstance(path, str) or path in ("", readers.STANDARD_INPUT):
        raise ValueError(f"path: got {path!r}, wanted the path of a file or a folder")
    return path, path


def _size(given: Given) -> tuple[int, int]:
    size = given.get("size", (32, 32))
    if not isinstance(size, list | tuple) or len(size) != 2 or not all(n in range(1, 257) for n in size):
        raise ValueError(f"size: got {size!r}, wanted [height, width], each from 1 to 256 pixels")
    return int(size[0]), int(size[1])


def _plan(given: Given, table: Table) -> tuple[Plan, str]:
    """The plan, and the line of code that makes it."""
    task = given.get("task")
    options: dict[str, Any] = {}
    if task is not None:
        word = given.one_of("task", "", ("classes", "regression", "binary"))
        options["task"] = "classes" if word == "binary" else word
    options |= {
        key: names for key in ("drop", "keep", "number", "category", "date", "text") if (names := given.names(key))
    }
    if (day_first := given.flag("day_first")) is not None:
        options["day_first"] = day_first
    said = "".join(f", {key}={value!r}" for key, value in options.items())
    return tabular.make_plan(table, **options), f"plan = tabular.make_plan(table{said})"


def _no_target(table: Table) -> str:
    if re.search(r"[-.]idx3-ubyte(\.gz)?$", table.name):
        return (
            f"{table.name}: there are no labels with these images; give both files together, or have them in one folder"
        )
    names = getattr(table.X, "columns", ())
    if len(names):
        return f"{table.name}: which column is to be learned? Its columns: {first_few(names, 30)}"
    return (
        f"{table.name}: nothing says what is to be learned; put pictures into one folder for each class, or add an "
        "array named y"
    )


@contextmanager
def _notes(given: Given, uploads: Mapping[str, Any]) -> Iterator[list[str]]:
    """What readers have to say of a source, by its own name; other warnings go on their way."""
    path, name = _place(given, uploads)
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserNote)
        yield said
        said += [str(each.message).replace(str(path), name) for each in caught if issubclass(each.category, UserNote)]
    for each in caught:
        if not issubclass(each.category, UserNote):
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


# -- shown -------------------------------------------------------------------------------------------------------------


def understand(given: Given, uploads: Mapping[str, Any]) -> dict[str, Any]:
    """What a source holds and how it would be read, as JSON; where no target is said, by the likeliest one."""
    with _notes(given, uploads) as remarks:
        table, _ = _read(given, uploads)
        targets: list[str] = []
        if isinstance(table.X, pd.DataFrame):
            whole = table.X if table.y is None else table.X.assign(**{str(table.target): table.y})
            targets = likely_targets(whole)
        try:
            if table.y is not None:
                plan, _ = _plan(given, table)
            else:
                table, plan = _guessed(given, uploads, table, targets)
        except TableError as error:
            if not isinstance(table.X, pd.DataFrame):
                raise
            return _undecided(table, targets, str(error), remarks)
    return {
        "name": table.name,
        "task": plan.task,
        "rows": plan.rows,
        "inputs": [column.name for column in plan.used],
        "features": plan.features or len(plan.used),
        "target": plan.target,
        "targets": targets,
        "classes": [{"name": str(label), "rows": rows} for label, rows in (plan.classes or {}).items()],
        "columns": described(plan, table),
        "image": plan.image_shape,
        "preview": None if plan.image_shape is None else _pictures(table, plan),
        "spread": None if plan.classes is not None else _spread(table, plan),
        "remarks": [*remarks, *_remarks(plan)],
    }


def _undecided(table: Table, targets: list[str], wrong: str, remarks: list[str]) -> dict[str, Any]:
    """What a person needs for another choice, where this one cannot be, and "wrong", why."""
    frame: Any = table.X
    columns = [
        {
            "name": str(name),
            "role": "",
            "note": "",
            "missing": int(frame[name].isna().sum()),
            "samples": _samples(values),
        }
        for name, values in frame.items()
    ]
    return {
        "name": table.name, "task": None, "rows": len(frame), "inputs": [], "features": 0, "target": table.target,
        "targets": targets, "classes": [], "columns": columns, "image": None, "preview": None, "spread": None,
        "remarks": remarks, "wrong": wrong,
    }  # fmt: skip


def _pictures(table: Table, plan: Plan) -> dict[str, Any]:
    """Some pictures, from the first to the last, as columns, and which class each is."""
    rows, y = plan.examples(table)
    some = np.unique(np.linspace(0, len(y) - 1, PICTURES).astype(int))
    labels = np.searchsorted([*plan.classes], y[some]) if plan.classes is not None else y[some]
    return {"x": rows[some].T, "y": labels.astype(np.float32)}


def _spread(table: Table, plan: Plan) -> dict[str, Any]:
    """How the numbers of a target are spread: how many there are in each part of their range."""
    _, y = plan.examples(table)
    counts, edges = histogram(y, PARTS)
    return {"low": float(edges[0]), "high": float(edges[-1]), "counts": counts}


def _guessed(given: Given, uploads: Mapping[str, Any], table: Table, targets: list[str]) -> tuple[Table, Plan]:
    """The table with the first of some targets that can be learned."""
    likely = [name for name in targets if name not in given.names("drop")][:5]
    if not likely:
        raise TableError(_no_target(table))
    wrong = ""
    for name in likely:
        try:
            found, _ = _read(given, uploads, target=name)
            return found, _plan(given, found)[0]
        except TableError as error:
            wrong = wrong or f"{name!r} is likely, and cannot be learned: {error}"
    raise TableError(f"{table.name}: choose which column is to be learned, and what is left out; {wrong}")


def likely_targets(frame: pd.DataFrame) -> list[str]:
    """The columns that a person may want to learn, the likeliest first: by what they are called, hold, and where."""
    scores: dict[str, tuple[int, int]] = {}
    few = frame.head(10_000)
    for i, name in enumerate(map(str, frame.columns)):
        known = few[name].dropna()
        different = known.nunique()
        numbers = pd.api.types.is_numeric_dtype(known)
        if different < 2 or (not numbers and different > max(20, len(known) / 10)):
            continue
        likely = 4 * bool(_TARGET.search(name)) + 2 * (i == len(frame.columns) - 1) + 2 * (different <= 20)
        scores[name] = likely + (different == 2) + bool(numbers), i  # of equals the last one, as most tables have it
    return sorted(scores, key=lambda name: scores[name], reverse=True)


def described(plan: Plan, table: Table) -> list[dict[str, Any]]:
    """What each column is taken for: name, role, note, rows where it is missing, and some of its values."""
    frame: Any = table.X

    return [
        {"name": c.name, "role": c.role, "note": c.note, "missing": c.missing, "samples": _samples(frame[c.name])}
        for c in plan.columns
    ]


def _samples(values: Any) -> list[str]:
    return list(dict.fromkeys(map(_cell, values.head(1000).dropna())))[:SAMPLES]


def _cells(table: Table, rows: Any, train: Array, val: Array) -> tuple[tuple[str, ...], Any]:
    """The columns of a table and what gives their cells, as `Examples` has them."""
    if not isinstance(rows, pd.DataFrame):
        return (), None
    y, parts = pd.Series(table.y), {"train": train, "validation": val}

    def cells(part: str, index: Array) -> list[list[str]]:
        some = rows.iloc[parts[part][index]]
        each = zip(some.index, some.itertuples(index=False, name=None), y.loc[some.index], strict=True)
        return [[str(row + 1), *map(_cell, values), _cell(target)] for row, values, target in each]

    return ("row", *map(str, rows.columns), str(table.target)), cells


def _cell(value: Any) -> str:
    """A value as the table has it; empty where it is missing."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = as_text(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _remarks(plan: Plan) -> list[str]:
    """What there is to say of a plan, with advice for a page in place of options of the command line."""
    found = []
    for remark in plan.remarks:
        remark = re.sub(r"say --(number|category) ('[^']*'|\S+)", r"make it a \1", remark)
        remark = re.sub(r"say --task (\w+)", r"choose \1 as the task", remark)
        found.append(remark.replace("say --dates day-first or month-first", "say whether the day comes first"))
    if plan.untargeted:
        found.append(f"{plan.untargeted:,} rows without {plan.target} are left out")
    if plan.rare:
        names = first_few(plan.rare, 5, quoted=True)
        found.append(f"too few rows to learn from, left out: {plan.target} {names}")
    return found
