"""chainrule explain: what moves a prediction, which columns matter to a model, and how its answer changes with them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from chainrule.cli import places, screen
from chainrule.cli.common import (
    AllowMissing,
    CommandError,
    Header,
    Json,
    Model,
    Sheet,
    Tables,
    apart,
    existing,
    picture_file,
    save_picture,
)
from chainrule.cli.model import Trained, at_work, cell, cells
from chainrule.cli.output import console, print_json
from chainrule.cli.reading import AsTrained, load
from chainrule.text import first_few

if TYPE_CHECKING:
    from chainrule.tabular.effects import Effect
    from chainrule.tabular.explanation import Explanation
    from chainrule.tabular.importance import Importances

CURVES = 5  # of the most important columns, unless columns are asked for
POINTS = 10  # of a curve, that are printed


@dataclass(frozen=True)
class Asked:
    """What was asked for: of which model and rows, of which class, and in which form."""

    model: Path
    read: AsTrained
    of: str | None
    picture: Path | None
    as_json: bool


def explain(
    model: Model,
    data: Tables,
    row: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="The row whose prediction is explained, counted from 1.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="How the answer changes with this column (may be repeated)."),
    ] = None,
    of: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help="The class whose probability is explained.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="Rows to compare the row with, instead of what is typical in the training."),
    ] = None,
    picture: Annotated[Path | None, typer.Option(metavar="FILE", help="A .png or .svg file to draw it in.")] = None,
    allow_missing: AllowMissing = False,
    header: Header = None,
    sheet: Sheet = None,
    as_json: Json = False,
) -> None:
    """What moves the prediction of one row; without --row, what matters in all, and how the answer changes with it."""
    if row is not None and column:
        raise CommandError("--column: is about all rows; ask for it without --row")
    if row is None and against is not None:
        raise CommandError("--against: is about one row; say which with --row N")
    if picture is not None:
        if len(column or ()) > 1:
            raise CommandError("--picture: is of one column; draw one for each")
        apart(picture_file(picture), "--picture", {"is the model": model, "is the data": existing(data)})
    trained = load(model, data, header=header, sheet=sheet)
    if trained.about["image_shape"]:
        raise CommandError(
            f"{model}: looks at pixels, and one pixel alone says nothing; the working of a row: chainrule trace"
        )
    asked = Asked(model, AsTrained(trained, data, allow_missing), of, picture, as_json)
    if row is not None:
        _one(asked, row, against)
    else:
        _all(asked, column or [])


# -- one row -----------------------------------------------------------------------------------------------------------


def _one(asked: Asked, row: int, against: str | None) -> None:
    from chainrule.tabular import explanation

    read, trained, picture = asked.read, asked.read.trained, asked.picture
    read.foresee()
    table, place, rows = places.near(trained, read.data, row)
    one = trained.row(table, place)
    X = read(table.X)[place - 1 : place]
    others = None if against is None else AsTrained(trained, against, read.allow_missing)(trained.table(against).X)
    with at_work(asked.model):
        found = explanation.explain(trained.model, X, background=others, of=asked.of)
        answer = cell(trained.model.predict(X)[0])
    written = cells(one)  # not as the model reads them
    parts = tuple(replace(each, value=written.get(each.column, each.value)) for each in found.contributions)
    found = replace(found, contributions=parts)
    if picture is not None:
        from chainrule.plots import tables

        save_picture(picture, lambda: tables.contributions(found, answer=trained.target))
    read.tell()
    true = None if one.y is None else cell(next(iter(one.y)))
    if asked.as_json:
        stated = {"model": str(asked.model), "data": table.name, "row": row, "target": trained.target, "true": true}
        changes = [asdict(each) | {"value": cell(each.value)} for each in found.contributions]
        more = {"class": found.of, "value": found.prediction, "typical": found.typical, "compared": found.compared}
        drawn = {} if picture is None else {"picture": str(picture)}
        print_json(stated | {"prediction": answer} | more | {"contributions": changes} | drawn)
        return
    say = console()
    say.print(f"Row {row:,} of {rows:,} of {table.name}")
    known = "" if true is None else f" (in {table.name}: {true})"
    say.print(f"Prediction: {trained.target} = {_short(answer)}{known}", style="bold")
    _show(say, trained.target, found)
    if picture is not None:
        say.print(f"Wrote {picture}")


def _show(say: Console, target: str, found: "Explanation") -> None:
    what = target if found.of is None else f"The probability of {target} = {found.of}"
    usual = f"in {screen.counted(found.compared)} on average" if found.compared else "in a typical row of the training"
    say.print(f"{what} is {_short(found.prediction)} here, and {_short(found.typical)} {usual}.")
    if sentence := _in_words(found):
        say.print(sentence)
    parts, total = found.contributions, found.prediction - found.typical
    rows = [(each.column, _value(each.value), _signed(each.change, found)) for each in parts[: screen.MANY]]
    shown = screen.table(("column", "value", "moves it by"), rows, right=(2,))
    if len(parts) > screen.MANY:
        rest = sum(each.change for each in parts[screen.MANY :])
        shown.add_row(f"{len(parts) - screen.MANY:,} more", "", _signed(rest, found))
    shown.add_section()
    shown.add_row("together", "", _signed(total, found))
    say.print(shown)


def _in_words(found: "Explanation") -> str:
    """The columns that move it most, up and down."""
    most = max((abs(each.change) for each in found.contributions), default=0)
    told = [each for each in found.contributions if abs(each.change) >= 0.1 * most > 0]
    sides = {
        side: [f"{each.column} ({_value(each.value, 30)})" for each in told if (each.change > 0) == up][:3]
        for side, up in (("higher", True), ("lower", False))
    }
    said = "; ".join(f"{side} because of {first_few(names)}" for side, names in sides.items() if names)
    return f"It is {said}." if said else ""


# -- all rows ----------------------------------------------------------------------------------------------------------


def _all(asked: Asked, columns: Sequence[str]) -> None:
    from chainrule.tabular.effects import effect
    from chainrule.tabular.importance import permutation_importance

    read, trained, picture = asked.read, asked.read.trained, asked.picture
    table = trained.table(read.data)
    if len(table.X) < 2 and not columns:
        raise CommandError(f"{table.name}: what matters, several rows tell; for what moves this one: --row 1")
    X, importances = read(table.X), None
    with at_work(asked.model):
        if table.y is not None:
            examples = trained.examples(table, lambda _: X)
            importances = permutation_importance(trained.model, examples.X, examples.y)
        chosen = columns or _important(trained, importances)
        effects = [effect(trained.model, X, name, of=asked.of) for name in chosen]
    if picture is not None:
        if not columns and importances is None:
            raise CommandError(f"--picture: {table.name} has no {trained.target}; say --column COLUMN")
        from chainrule.plots import tables

        def draw() -> Any:
            return tables.effect(effects[0], answer=trained.target) if columns else tables.importances(importances)

        save_picture(picture, draw)
    read.tell()
    if asked.as_json:
        stated = {"model": str(asked.model), "data": table.name, "rows": len(X), "target": trained.target}
        measured = None if importances is None else asdict(importances)
        drawn = {} if picture is None else {"picture": str(picture)}
        print_json(stated | {"importances": measured, "effects": [_stated(each) for each in effects]} | drawn)
        return
    say = console()
    if importances is not None and not columns:
        _show_importances(say, trained, importances, effects, table.name)
    for each in effects if columns or importances is None else ():
        _show_effect(say, trained.target, each)
    if picture is not None:
        say.print(f"Wrote {picture}")


def _important(trained: Trained, importances: "Importances | None") -> list[str]:
    """The columns whose curves are shown when none was asked for."""
    if importances is not None:
        return [each.column for each in importances.columns if each.increase > 0][:CURVES]
    return [column["name"] for column in trained.about["columns"] or () if column["role"] != "left out"][:CURVES]


def _show_importances(
    say: Console, trained: Trained, found: "Importances", effects: "Sequence[Effect]", name: str
) -> None:
    say.print(f"What matters to {trained.target}, in {screen.counted(found.rows)} of {name}", style="bold")
    curves = {each.column: each for each in effects}
    rows = [
        (
            each.column,
            screen.number(each.increase),
            screen.interval(each.low, each.high),
            _ends(curves[each.column]) if each.column in curves else "",
        )
        for each in found.columns[: screen.MANY]
    ]
    of = "" if not effects or effects[0].of is None else f"probability of {effects[0].of}"
    say.print(screen.table(("column", "importance", "95 % interval", of or trained.target), rows, right=(1,)))
    say.print(
        f"Importance: how much the {found.loss}, {screen.number(found.base)}, grows without what the column says. "
        "The curve of one: --column NAME"
    )
    if name == trained.about["data"] and trained.about["rows"]["test"]:
        say.print(
            f"The model has learned from {trained.about['rows']['train']:,} rows of {name}: what it only remembers of "
            "them looks important, too. On rows it had not seen: chainrule inspect"
        )


def _ends(found: "Effect") -> str:
    """Between what an answer changes with a column."""
    low, high = int(found.mean.argmin()), int(found.mean.argmax())
    return (
        f"{_short(found.mean[low])} at {_value(found.values[low], 20)}, "
        f"{_short(found.mean[high])} at {_value(found.values[high], 20)}"
    )


def _show_effect(say: Console, target: str, found: "Effect") -> None:
    what = target if found.of is None else f"the probability of {target} = {found.of}"
    say.print(f"How {what} changes with {found.column}, the other columns as they are", style="bold")
    count = len(found.values)
    chosen = sorted({round(i * (count - 1) / (POINTS - 1)) for i in range(POINTS)})
    if found.likely is None:  # categories
        rows = [(_value(found.values[i]), _short(found.mean[i]), f"{found.share[i]:.0%}") for i in range(count)]
        headers = (found.column, "on average", "of the rows")
    else:
        rows = [(_value(found.values[i]), _short(found.mean[i]), _short(found.likely[i])) for i in chosen]
        headers = (found.column, "on average", "from rows near it")
    if found.missing is not None:
        rows.append(("missing", _short(found.missing), ""))
    say.print(screen.table(headers, rows, right=(1, 2)))


def _stated(found: "Effect") -> dict[str, Any]:
    curves = {"values": [cell(value) for value in found.values], "share": found.share, "mean": found.mean}
    return {"column": found.column, "class": found.of, **curves, "likely": found.likely, "missing": found.missing}


# -- in words ----------------------------------------------------------------------------------------------------------


def _short(value: Any) -> str:
    return screen.number(value) if isinstance(value, float) else str(value)


def _value(value: Any, most: int = 60) -> str:
    """A cell in few words."""
    given = cell(value)
    text = "missing" if given in (None, "") else f"{given:.6g}" if isinstance(given, float) else str(given)
    text = " ".join(text.removesuffix("T00:00:00").removesuffix(" 00:00:00").split()).removesuffix(
        "T00:00:00.000000000"
    )
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _signed(change: float, found: "Explanation") -> str:
    """A change, to a thousandth of what is explained."""
    import numpy as np

    size = max(abs(found.prediction), abs(found.typical), *(abs(each.change) for each in found.contributions))
    digits = 3 if found.of is not None or not size else int(np.clip(3 - np.floor(np.log10(size)), 0, 12))
    return f"{'−' if change < 0 else '+'}{abs(change):,.{digits}f}"
