"""chainrule evaluate and inspect: how good a saved model is, and what it is."""

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from chainrule.cli import screen
from chainrule.cli.common import AllowMissing, CommandError, Header, Json, Model, Sheet, Tables, Threshold, metric
from chainrule.cli.model import Trained, are_curves, at_work, is_about, read_header
from chainrule.cli.output import console, print_json
from chainrule.cli.reading import AsTrained, load
from chainrule.errors import ChainruleError
from chainrule.text import first_few

if TYPE_CHECKING:
    from chainrule._types import Array
    from chainrule.tabular.bootstrap import Score
    from chainrule.tabular.importance import Importances
    from chainrule.tabular.scores import ClassRow

LEVEL = 0.9  # of the intervals that are tried


def evaluate(
    model: Model,
    data: Tables,
    weight: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="How much each row counts, a number of 0 or more.")
    ] = None,
    threshold: Threshold = None,
    allow_missing: AllowMissing = False,
    header: Header = None,
    sheet: Sheet = None,
    as_json: Json = False,
) -> None:
    """Compare the predictions for DATA with its target: all scores, each with its 95 % interval."""
    from chainrule.cli.scored import names_of, scored

    trained = load(model, data, header=header, sheet=sheet)
    about, target, classes = trained.about, trained.target, trained.classes
    threshold = trained.threshold(threshold)
    read = AsTrained(trained, data, allow_missing)
    with at_work(model):
        found = scored(trained, data, read, weight)
        y, outputs, weights, unknown = found.y, found.outputs, found.weights, found.unknown
        predicted = trained.decided(outputs, threshold)
    others = list(unknown)
    if classes is not None:
        predicted = names_of(predicted)
    scores = _scores(trained, y, outputs, predicted, weights, others)
    coverage = _coverage(trained, y, outputs)
    read.tell()
    by_class = _by_class(classes, y, predicted, weights, others)
    if as_json:
        counts = None if classes is None else screen.cells(names_of(classes), y, predicted, others)
        stated = {"model": str(model), "data": found.name, "target": target, "rows": found.rows}
        stated["scores"] = {name: score.value for name, score in scores.items()}
        stated["intervals"] = {name: [score.low, score.high] for name, score in scores.items()}
        if len(y) < found.rows:
            stated["sample"] = len(y)
        more = {
            "notes": read.notes,
            "without_target": found.untargeted,
            "unknown": others,
            "classes": classes,
            "confusion": counts,
        }
        if coverage is not None:
            more["coverage"] = coverage
        if classes is not None:
            more |= {"positive": trained.positive, "threshold": threshold, "by_class": list(map(asdict, by_class))}
        print_json(stated | more)
        return
    say = console()
    rows = screen.counted(found.rows)
    if len(y) < found.rows:
        rows = f"{len(y):,} rows, drawn from {found.rows:,}"
    values = {"this model": {name: score.value for name, score in scores.items()}}
    intervals = {name: [score.low, score.high] for name, score in scores.items()}
    screen.scores(say, values, f"{model} on {rows} of {found.name}", intervals)
    if coverage is not None:
        say.print(
            f"Of its {LEVEL:.0%} intervals, {coverage['found']:.0%} hold the true number; "
            f"they are {screen.number(coverage['width'])} wide on average."
        )
    if found.untargeted:
        say.print(f"Left out: {screen.counted(found.untargeted)} without {target}")
    if unknown:
        say.print(
            f"Classes the model has never seen, counted as wrong in {screen.counted(sum(unknown.values()))}: "
            f"{first_few(unknown, 10)}. The log loss, which they would make infinite, is without them."
        )
    if trained.positive is not None:
        since = "" if threshold is None else f", which is predicted from a probability of {threshold:g} on"
        say.print(f"Precision, recall, F1 and PR AUC are of {target} = {trained.positive}{since}.")
    if classes is not None:
        screen.by_class(say, by_class)
        screen.confusion(say, names_of(classes), y, predicted, others)
    if found.name == about["data"]:
        say.print(
            f"The model has learned from {about['rows']['train']:,} rows of {found.name}; if these are among them, "
            "the scores say little. How it does on rows it has not seen: chainrule inspect"
        )


def _coverage(trained: Trained, y: "Array", predicted: "Array") -> dict[str, float] | None:
    """How many of the intervals hold the true number; None where the model knows none of that level."""
    try:
        trained.check_intervals(LEVEL)
    except CommandError:
        return None
    low, high = trained.intervals(predicted, LEVEL).T
    return {"level": LEVEL, "found": float(((y >= low) & (y <= high)).mean()), "width": float((high - low).mean())}


def _scores(
    trained: Trained, y: "Array", outputs: "Array", predicted: "Array", weights: "Array | None", others: list[str]
) -> "dict[str, Score]":
    """All scores. others: classes that the model has never seen."""
    from chainrule.cli.scored import names_of
    from chainrule.tabular.scores import class_scores, number_scores

    if trained.classes is None:
        return number_scores(y, outputs, sample_weight=weights)
    names, positive = names_of(trained.classes), None if trained.positive is None else str(trained.positive)
    return class_scores(names, y, outputs, predicted, positive=positive, sample_weight=weights, others=others)


def _by_class(
    classes: "Array | None", y: "Array", predicted: "Array", weights: "Array | None", others: list[str]
) -> "list[ClassRow]":
    """How each class does, if there are some."""
    from chainrule.cli.scored import names_of
    from chainrule.tabular.scores import class_table

    if classes is None:
        return []
    rows = class_table(names_of(classes), y, predicted, weights, others)
    return [replace(row, label=label) for row, label in zip(rows, classes.tolist(), strict=True)]


def inspect(model: Model, as_json: Json = False) -> None:
    """Show what a model file holds, without building the model."""
    header = read_header(model)
    if as_json:
        print_json({"model": str(model), **header})
    else:
        try:
            _show(console(), str(model), header)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            if isinstance(error, ChainruleError):
                raise
            raise CommandError(f"{model}: what it says about itself cannot be shown: {type(error).__name__}") from None


def _show(say: Console, model: str, header: dict[str, Any]) -> None:
    about = header["about"]
    ours = is_about(about)
    if header["kind"] == "checkpoint":
        say.print(f"A training as it was after epoch {header['epoch']} of {header['epochs']}")
    versions = ", ".join(f"{name} {header[name]}" for name in ("chainrule", "numpy", "scikit-learn"))
    say.print(f"{model}: {header['kind']}, written with {versions}")
    if ours:
        _show_training(say, about)
    else:
        if "target" in header:
            say.print(f"Predicts {header['target']} ({header['task']})")
        if header.get("classes"):
            say.print(f"Classes: {first_few(header['classes'])}")
        if header.get("columns"):
            if "target" in header:
                screen.columns(say, header["columns"])
            else:
                say.print(f"Columns: {first_few(header['columns'])}")
        if about:
            say.print(f"About: {json.dumps(about, ensure_ascii=False)}")
    screen.race(say, header.get("leaderboard") or [])
    if header.get("preprocessing"):
        screen.preprocessing(say, header["preprocessing"])
    if "layers" in header:
        if header.get("networks", 1) > 1:
            say.print(f"{header['networks']} networks, whose mean is the answer; the first:")
        screen.layers(say, header)
        inputs = header["normalize"] or "as they are"
        say.print(f"Loss {header['loss']}, inputs {inputs}, {header['dtype']}")
    compared_by = metric(header.get("classes") or (ours and about["classes"]))
    training = about if ours else header.get("training", {})
    if training.get("epochs") and not ours:
        seed = "" if training["seed"] is None else f", seed {training['seed']}"
        say.print(f"Trained {screen.counted(training['epochs'], 'epoch')}{seed}")
    if are_curves(training.get("history")):
        screen.history(say, training["history"], compared_by, training["epochs"])


def _show_training(say: Console, about: dict[str, Any]) -> None:
    """What `train` has written about a model: what it was made from, how good it is, and what matters to it."""
    rows = about["rows"]
    say.print(
        f"Trained on {screen.counted(rows['train'])} of {about['data']}, tested on {rows['test']:,}; "
        f"seed {about.get('seed')}"
    )
    say.print(f"Predicts {about['target']} ({about['task']})")
    if about["classes"]:
        screen.classes(say, about["classes"])
    if about["image_shape"]:
        say.print("From images of {} × {} pixels, channels: {}".format(*about["image_shape"]))
    if about["columns"]:
        screen.columns(say, about["columns"])
    for line in about.get("remarks") or ():
        say.print(line)
    for finding in about.get("warnings") or ():
        say.print(f"Warning: {finding['text']}")
    if about["test"]:
        how = f", {about['split']}" if about.get("split") not in (None, "by chance") else ""
        if about.get("deviations"):
            screen.folds(say, about["test"], about["deviations"], f"Test on all rows{how}: mean ± standard deviation")
        else:
            title = f"Test on rows the network had not seen{how}"
            screen.scores(say, about["test"], title, about.get("intervals"))
    if about.get("threshold") is not None:
        say.print(f"{about['positive']} is predicted from a probability of {about['threshold']:.4g} on")
    if about.get("importances"):
        screen.importances(say, _importances(about["importances"]))


def _importances(stated: dict[str, Any]) -> "Importances":
    """What JSON says of importances, as they were."""
    from chainrule.tabular.importance import Importance, Importances

    return Importances(**stated | {"columns": tuple(Importance(**each) for each in stated["columns"])})
