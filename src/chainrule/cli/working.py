"""chainrule trace and diagnose: the working of a saved model, and what is wrong with it."""

import re
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from chainrule.cli import places, screen
from chainrule.cli.common import CommandError, Header, Json, Model, Sheet, Tables
from chainrule.cli.model import at_work, cell, cells, targets
from chainrule.cli.output import console, print_json, show
from chainrule.cli.reading import AsTrained, load
from chainrule.text import in_line

if TYPE_CHECKING:
    from chainrule.readers import Table
    from chainrule.working.trace import Trace

INPUTS = 40  # inputs, up to which each has a line


def trace(
    model: Model,
    data: Tables,
    row: Annotated[int, typer.Option(min=1, metavar="N", help="Which row of DATA, counted from 1.")] = 1,
    unit: Annotated[
        str | None,
        typer.Option(metavar="L:I", help="Only the sum of one unit, term by term: unit I, from 0, of layer L, from 1."),
    ] = None,
    header: Header = None,
    sheet: Sheet = None,
    as_json: Json = False,
) -> None:
    """Show the working of one row: its inputs, Z, A, and the way back where DATA has its target.

    Without L2 and dropout, which belong to a step of training.
    """
    import numpy as np

    from chainrule.working.trace import trace as traced

    which = None if unit is None else _unit(unit)
    trained = load(model, data, header=header, sheet=sheet)
    table, place, count = places.near(trained, data, row)
    one = trained.row(table, place)
    read, why = AsTrained(trained, data), f"there is no {trained.target}"
    rows = read(table.X)[place - 1 : place]
    with at_work(model):
        prepared = trained.prepared(rows)
        names = trained.input_names(one.X, prepared.shape[1])
        answer = trained.model.predict(rows)[0]
        likely = None if trained.classes is None else trained.model.predict_proba(rows).max()
    networks = trained.model.networks_
    estimator, y = networks[0], None
    if one.y is not None and cell(next(iter(one.y))) is not None:
        try:
            y = trained.examples(one, lambda _: rows).y
        except CommandError as error:
            why = str(error)
    working = traced(estimator.network_, prepared.T, None if y is None else targets(estimator, y))
    try:
        unit_sum = None if which is None else replace(working.unit(*which), names=names)
    except IndexError as error:
        raise CommandError(f"--unit {unit}: {error}") from None
    if as_json:
        result: dict[str, Any] = {"model": str(model), "data": table.name, "row": row, "prediction": answer}
        result |= {"network": 1, "networks": len(networks)}
        result["target"] = None if y is None else y[0]
        result["columns"] = cells(one)
        result["inputs"] = {"names": names, "prepared": prepared[0]}
        if unit_sum is not None:
            result["unit"] = {field.name: getattr(unit_sum, field.name) for field in fields(unit_sum)}
        print_json(result | {"trace": working.to_dict()})
        return
    say = console()
    file = f", {table.files[place - 1]}" if table.files and table.files != (table.name,) else ""
    say.print(f"Row {row:,} of {count:,} of {table.name}{file}{_which(networks)}")
    _columns(say, one, trained.about)
    _inputs(say, names, prepared[0], working)
    if unit_sum is not None:
        show(replace(unit_sum, names=[in_line(name) for name in names]))
        return
    if y is None:
        say.print(f"Forward only: {why}")
    else:
        shown = np.array2string(working["Y"][:, 0], precision=4, separator=", ", threshold=20)
        say.print(f"Target: {trained.target} = {y[0]}, for the network Y = {shown}ᵀ{_smoothed(estimator)}")
    show(working)
    say.line()
    mean = f", the mean of {len(networks)} networks" if len(networks) > 1 else ""
    probability = "" if likely is None else f" (probability {likely:.4f})"
    say.print(f"Prediction: {trained.target} = {answer}{probability}{mean}")


def diagnose(
    model: Model,
    data: Tables,
    header: Header = None,
    sheet: Sheet = None,
    as_json: Json = False,
) -> None:
    """Look for what keeps a model from learning, measured on DATA; each finding says what to do."""
    import numpy as np
    import pandas as pd

    trained = load(model, data, header=header, sheet=sheet)
    table = trained.table(data) if places.in_pieces(data) else trained.read(data, trained.target)
    read = AsTrained(trained, data)
    X, y, *_ = trained.examples(table, read)
    with at_work(model):
        prepared, estimator = trained.prepared(X), trained.model.networks_[0]
        # The network was fitted to an array; with these names, findings can name the columns.
        names = trained.input_names(X, prepared.shape[1])
        estimator.feature_names_in_ = np.array(names, dtype=object)
        diagnosis = estimator.diagnose(pd.DataFrame(prepared, columns=names), y)
    if as_json:
        print_json({"model": str(model), "data": table.name, "rows": len(y), **diagnosis.to_dict()})
        return
    console().print(f"{model} on {screen.counted(len(y))} of {table.name}{_which(trained.model.networks_)}")
    show(diagnosis)


def _which(networks: Sequence[Any]) -> str:
    """Which of several networks is shown."""
    return f": network 1 of {len(networks)}" if len(networks) > 1 else ""


def _unit(text: str) -> tuple[int, int]:
    if not (given := re.fullmatch(r"(\d+):(\d+)", text)):
        raise CommandError(f"--unit {text}: wanted a layer, from 1, and a unit, from 0, as in 2:0")
    return int(given[1]), int(given[2])


def _columns(say: Console, one: "Table", about: dict[str, Any]) -> None:
    """The values of the row, and how each is used."""
    roles = {str(column["name"]): column["role"] for column in about["columns"] or ()}
    values = cells(one)
    rows = [(name, "missing" if value is None else value, roles.get(name, "")) for name, value in values.items()]
    if len(rows) > INPUTS:
        say.print(f"{len(rows):,} columns, the first {screen.MANY}:")
        rows = rows[: screen.MANY]
    if rows:
        say.print(screen.table(("column", "value", "used as"), rows))


def _inputs(say: Console, names: list[str], prepared: Any, working: "Trace") -> None:
    """What the preparation gives, and what the network makes of it."""
    seen = working["A"][0][:, 0]
    if len(names) > INPUTS:
        say.print(f"{len(names):,} inputs, A[0]: {sum(seen != 0):,} are not 0")
        return
    parts = {"prepared": prepared}
    if working.network.normalizer is not None:
        parts["normalized, A[0]"] = seen
    rows = zip(names, *([f"{x:.5g}" for x in part] for part in parts.values()), strict=True)
    say.print(screen.table(["input", *parts], rows, right=(1, 2)))


def _smoothed(estimator: Any) -> str:
    if getattr(estimator, "label_smoothing", 0):
        return f" (labels smoothed by {estimator.label_smoothing:g}, as in training)"
    return " (scaled, as in training)" if hasattr(estimator, "target_scale_") else ""
