"""chainrule train: from a table to a model, tested beside two baselines."""

import os
import shlex
import shutil
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer
from rich.console import Console

from chainrule.cli import screen
from chainrule.cli.common import CommandError, Data, Json, Stopped, apart, report_file, writable
from chainrule.cli.model import Trained, read_header
from chainrule.cli.model import scores as score
from chainrule.cli.output import after, console, print_json
from chainrule.errors import DivergenceError, DivergenceWarning, ModelFileError, Saved, TrainingInterrupted
from chainrule.text import as_json as to_json
from chainrule.text import first_few

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from chainrule.cli.report import Traces
    from chainrule.readers import Table
    from chainrule.tabular import Plan

REPORT = "report.html"
Task = Literal["classes", "regression"] | None
Scores = Mapping[str, Mapping[str, float]]  # of the network, and of the baselines


@dataclass(frozen=True)
class Run:
    """What was asked for, beside how the table is to be read and understood."""

    data: str
    out: Path
    report: Path | None
    checkpoint: Path | None
    every: int | None
    resume: bool
    arguments: dict[str, Any]  # of the estimator, instead of the recipe's
    seed: int
    test: float  # the share of the rows to hold out
    progress: Console  # for all but the result
    again: str  # the command that goes on from the checkpoint


class Rows(NamedTuple):
    """The rows to train on, and those held out for the test: of the table, or as the network takes them."""

    X: Any
    y: Any
    X_test: Any
    y_test: Any


class Fitted(NamedTuple):
    """A pipeline that has been trained, and how this went."""

    pipeline: "Pipeline"
    rows: Rows  # as the network takes them
    seconds: float
    traces: "Traces"  # for the report


def train(
    context: typer.Context,
    data: Data,
    target: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column to predict.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to save the model; DATA.chainrule unless given.")
    ] = None,
    task: Annotated[Task, typer.Option(help="What to predict, if the guess is wrong.")] = None,
    drop: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="Not to use (may be repeated).")] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="To use although it looks like an identifier (may be repeated)."),
    ] = None,
    hidden: Annotated[
        str | None, typer.Option(metavar="N,N,…", help="Units of each hidden layer; none for no hidden layer.")
    ] = None,
    activation: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the hidden layers: relu, tanh, selu, mish …")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, metavar="N", help="Passes over the data.")] = None,
    learning_rate: Annotated[float | None, typer.Option(metavar="X", help="The size of the steps.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, metavar="N", help="Rows for each step.")] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="The same seed gives the same model.")
    ] = 0,
    test: Annotated[
        float, typer.Option(min=0.01, max=0.9, metavar="SHARE", help="The part of the rows to hold out.")
    ] = 0.2,
    image_size: Annotated[str, typer.Option(metavar="N or HxW", help="Pixels that images are resized to.")] = "64",
    gray: Annotated[bool, typer.Option("--gray", help="Images without color.")] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder for a page with pictures, report.html.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="To keep the training in while it runs; gone when it is saved.")
    ] = None,
    checkpoint_every: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Epochs between two writes; every half minute unless given.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint where it is there.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the result.")] = False,
    as_json: Json = False,
) -> None:
    """Train a network on DATA, test it on rows it has not seen, and save it."""
    from chainrule.files import model as modelfile

    run = Run(
        data=data,
        out=out or Path(Path(data).name.partition(".")[0] + ".chainrule"),
        report=report,
        checkpoint=checkpoint,
        every=checkpoint_every,
        resume=resume,
        arguments=_arguments(hidden, activation, learning_rate, max_iter=epochs, batch_size=batch_size),
        seed=seed,
        test=test,
        progress=console(silent=as_json or quiet, forgiving=True),
        again=f"{_program()} {shlex.join([*context.obj, *['--resume'] * (not resume)])}",
    )
    _check_files(run)
    table = _read(run, target, _size(image_size), gray)
    plan, rows = _plan(run, table, task, drop or (), keep or ())
    fitted = _fit(run, plan, rows)
    about = _about(plan, table.name, fitted)
    modelfile.save(fitted.pipeline, run.out, about)
    if run.checkpoint is not None:  # the model is on the disk
        Path(os.path.realpath(run.checkpoint)).unlink(missing_ok=True)
    with after(run.out):
        scores, predicted = _judge(fitted)
        modelfile.save(fitted.pipeline, run.out, about | to_json({"test": scores}))
        _tell(run, plan, fitted, scores, predicted, as_json)


def _check_files(run: Run) -> None:
    """CommandError where the model could not be saved, or the checkpoint not be used: now, not after hours."""
    others: dict[str, str | Path | None] = {"is the data": run.data if os.path.exists(run.data) else None}
    if run.report is not None:
        others |= {"the report goes there": run.report / REPORT}
        others |= {f"is in the way of the report, in {folder}": folder for folder in (run.report, *run.report.parents)}
    writable(run.out, "--out", "a chainrule model", _is_model)
    apart(run.out, "--out", others)
    if run.checkpoint is None:
        if run.resume or run.every is not None:
            option = "--resume" if run.resume else "--checkpoint-every"
            raise CommandError(f"{option}: of which file? Say --checkpoint FILE")
        return
    apart(run.checkpoint, "--checkpoint", others | {"the model goes there": run.out})
    if run.checkpoint.exists() and not run.resume and "epoch" in (header := read_header(run.checkpoint)):
        done = f"of a training after epoch {header['epoch']} of {header['epochs']}"
        raise CommandError(
            f"checkpoint: {run.checkpoint} is there already, {done}; go on with --resume, or remove it to begin anew"
        )


def _is_model(file: Path) -> bool:
    try:
        read_header(file)
    except ModelFileError:
        return False
    return True


def _read(run: Run, target: str | None, image_size: tuple[int, int], gray: bool) -> "Table":
    from chainrule import readers

    table = readers.read(run.data, target=target, image_size=image_size, gray=gray)
    if run.report is not None:
        report_file(run.report, REPORT)  # its folder, made sooner, could be taken for the data
    if table.y is None:
        names = getattr(table.X, "columns", ())
        advice = "It has no labels: put images into one folder for each class, or add an array named y."
        if len(names):
            advice = f"Say --target COLUMN, one of: {first_few(names, 30)}"
        raise CommandError(f"{run.data}: which column is to be predicted? {advice}")
    return table


def _arguments(hidden: str | None, activation: str | None, rate: float | None, **others: int | None) -> dict[str, Any]:
    """The arguments of the estimator that were given as options; others: those that need no check."""
    if rate is not None and not 0 < rate < float("inf"):
        raise CommandError(f"--learning-rate {rate:g}: wanted a number above 0")
    layers = None
    if hidden is not None:
        words = [] if hidden.strip().lower() in ("none", "0") else hidden.split(",")
        if not all(word.strip().isdecimal() and int(word) > 0 for word in words):
            raise CommandError(f"--hidden {hidden}: wanted the units of each layer, as in 64,32, or none")
        layers = tuple(int(word) for word in words)
    if activation is not None:
        from chainrule import activations

        if activations.get(activation).name in activations.OUTPUT_ONLY:
            raise CommandError(f"--activation {activation}: it can only be the output's")
    given = {"learning_rate_init": rate, "hidden_layer_sizes": layers, "activation": activation, **others}
    # The metric of the training rows is for the table of the history.
    return {"training_metric": True} | {name: value for name, value in given.items() if value is not None}


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.lower().partition("x")
    width = width or height
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise CommandError(f"--image-size {text}: wanted pixels, as in 64 or 48x64 (height x width)")
    return int(height), int(width)


def _program() -> str:
    """How to start the command line from this shell, which may not have the virtual environment on its path."""
    if shutil.which("chainrule"):
        return "chainrule"
    return f"{shlex.quote(min(os.path.relpath(sys.executable), sys.executable, key=len))} -m chainrule"


def _plan(run: Run, table: "Table", task: Task, drop: Sequence[str], keep: Sequence[str]) -> tuple["Plan", Rows]:
    from sklearn.model_selection import train_test_split

    from chainrule import tabular

    plan = tabular.make_plan(table, task, drop, keep)
    screen.understood(run.progress, plan, table.name)
    X, y = plan.examples(table)
    fewest = len(plan.classes or (0,))  # each class is in both parts
    size = min(max(ceil(run.test * len(y)), fewest), len(y) - fewest)
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=size, random_state=run.seed, stratify=None if plan.task == "regression" else y
    )
    run.progress.print(f"Rows: {len(y):,} to train on, {len(y_test):,} held out for the test")
    return plan, Rows(X, y, X_test, y_test)


def _fit(run: Run, plan: "Plan", rows: Rows) -> Fitted:
    from chainrule import tabular

    started = time.perf_counter()
    pipeline = tabular.make_pipeline(plan, len(rows.y), run.seed, **run.arguments)
    # The network is watched on the held-out rows, which must have gone through the fitted steps before it by then.
    # pipeline.fit would not take them there; so these steps are fitted first, then the network.
    if len(pipeline) > 1:
        before = pipeline[:-1]
        rows = rows._replace(X=before.fit_transform(rows.X, rows.y), X_test=before.transform(rows.X_test))
    network = pipeline[-1]
    watchers: list[Any] = [] if run.progress.quiet else [screen.Watcher(run.progress)]
    traces: Traces = {}
    if run.report is not None:
        from chainrule.cli import report

        watchers.append(report.Recorder(rows.X, rows.y, network.max_iter, traces))
    network.set_callbacks(*watchers)
    _train(run, network, rows)
    network.set_callbacks()
    return Fitted(pipeline, rows, time.perf_counter() - started, traces)


def _train(run: Run, network: Any, rows: Rows) -> None:
    from threadpoolctl import threadpool_limits

    # A network that holds out no rows of its own is watched on those of the test; nothing is chosen by them.
    watched = {} if network.early_stopping else {"X_val": rows.X_test, "y_val": rows.y_test}
    checkpoint = {"checkpoint": run.checkpoint, "checkpoint_every": run.every, "resume": run.resume}
    # Two threads on layers this narrow take as long as one, and far longer where something else is running.
    with warnings.catch_warnings(), threadpool_limits(1):
        # An estimator warns of these and keeps what it has; here a model that was not trained to the end is not saved.
        for ending in (TrainingInterrupted, DivergenceWarning):
            warnings.simplefilter("error", ending)
        try:
            network.fit(rows.X, rows.y, **watched, **checkpoint)
        except (Stopped, TrainingInterrupted, KeyboardInterrupt) as stop:
            code = stop.code if isinstance(stop, Stopped) else 130
            raise _stopped(run, network, code, getattr(stop, "saved", None)) from None
        except (DivergenceError, DivergenceWarning) as error:
            raise CommandError(
                f"in epoch {error.epoch + 1} the cost is no longer a finite number: "
                f"lower --learning-rate (it was {network.learning_rate_init:g})"
            ) from None


def _stopped(run: Run, network: Any, code: int, saved: Saved | None) -> Stopped:
    """The exit code, and what to say, where training was stopped."""
    if run.checkpoint is None:
        return Stopped(code, "stopped: nothing was saved (--checkpoint FILE keeps a training)")
    if saved is not None and not saved.written:
        return Stopped(code, saved.message)
    done = f"stopped after epoch {getattr(network, 'n_iter_', 0)} of {network.max_iter}"
    return Stopped(code, f"{done}; go on with:\n  {run.again}")


def _judge(fitted: Fitted) -> tuple[Scores, Any]:
    """The scores, on the held-out rows, of the network and of what it must be better than; and what it says of them.

    These are itself without hidden layers, and no look at the inputs at all.
    """
    from sklearn.base import clone, is_classifier
    from sklearn.dummy import DummyClassifier, DummyRegressor

    network, rows = fitted.pipeline[-1], fitted.rows
    linear = clone(network).set_params(
        hidden_layer_sizes=(), solver="lbfgs", schedule=None, max_iter=200, early_stopping=False, alpha=1.0, dropout=0.0
    )  # alpha: as much as scikit-learn's LogisticRegression and Ridge shrink
    blind, name = DummyRegressor(), "always the mean"
    if is_classifier(network):
        blind, name = DummyClassifier(), "always the largest class"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = {
            "this network": network,
            "no hidden layer": linear.fit(rows.X, rows.y),
            name: blind.fit(rows.X, rows.y),
        }
    predicted = {name: model.predict(rows.X_test) for name, model in models.items()}
    scores = {name: score(model, rows.X_test, rows.y_test, predicted[name]) for name, model in models.items()}
    return scores, predicted["this network"]


def _about(plan: "Plan", name: str, fitted: Fitted) -> Any:
    """What is saved beside the model."""
    return to_json(
        {
            "data": name,
            "task": plan.task,
            "target": plan.target,
            "rows": {"train": len(fitted.rows.y), "test": len(fitted.rows.y_test), "without_target": plan.untargeted},
            "columns": [asdict(column) for column in plan.columns],
            "classes": None if plan.classes is None else list(plan.classes.items()),
            "features": plan.features or len(plan.used),
            "image_shape": plan.image_shape,
            "seconds": round(fitted.seconds, 2),
            "test": {},
        }
    )


def _tell(run: Run, plan: "Plan", fitted: Fitted, scores: Scores, predicted: Any, as_json: bool) -> None:
    """Print, and write as a page if wanted, what came of the training."""
    network, rows = fitted.pipeline[-1], fitted.rows
    header = read_header(run.out)
    closing, page = _closing(network, scores, fitted.seconds), None
    if run.report is not None:
        from chainrule.cli import report
        from chainrule.tabular.estimators import from_pipeline

        page = run.report / REPORT
        trained = Trained(from_pipeline(fitted.pipeline, header["about"]), header["about"])
        named = plan.columns or plan.image_shape is not None
        names = trained.input_names(None, network.n_features_in_) if named else []
        report.write(page, plan, trained.about, network, rows[2:], fitted.traces, closing, names)
    if as_json:
        written = {} if page is None else {"report": str(page)}
        print_json({"model": str(run.out), **written, **header.pop("about"), **header})
        return
    say = console()
    screen.scores(say, scores, f"Test on {screen.counted(len(rows.y_test))} the network has not seen")
    if plan.classes is not None:
        screen.confusion(run.progress, network.classes_, rows.y_test, predicted)
    for line in closing:
        say.print(line)
    say.print(f"Saved {run.out} ({run.out.stat().st_size / 1000:,.0f} kB), from the {len(rows.y):,} training rows.")
    if page is not None:
        say.print(f"Wrote {page}")
    run.progress.print()
    run.progress.print("Next:")
    model, result = shlex.quote(str(run.out)), shlex.quote(f"{run.out.stem}-predictions.csv")
    for command in (f"predict {model} {shlex.quote(run.data)} --out {result}", f"inspect {model}"):
        run.progress.print(f"  {_program()} {command}", soft_wrap=True)


def _closing(network: Any, scores: Scores, seconds: float) -> list[str]:
    """How the training went, and whether it was worth it."""
    watched = getattr(network, "validation_scores_", None)
    best = f", best at epoch {watched.index(network.best_validation_score_) + 1}" if watched else ""
    lines = [f"Trained {screen.counted(network.n_iter_, 'epoch')} in {seconds:.1f} s{best}."]
    first, second, third = (next(iter(values.values())) for values in scores.values())
    if first <= third:
        lines.append(f"It is no better than {list(scores)[2]}. What keeps it from learning: chainrule diagnose.")
    elif first <= second and network.hidden_layer_sizes:
        lines.append("The hidden layers do not help on these data: --hidden none is as good, and simpler.")
    return lines
