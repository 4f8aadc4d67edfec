"""chainrule train: from a table to a model, tested beside two baselines."""

import os
import shlex
import shutil
import sys
import tempfile
import time
import warnings
from dataclasses import asdict
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from chainrule.cli import report as pages
from chainrule.cli import screen
from chainrule.cli.common import CommandError, Data, Json, Stopped, console, notes, plain, print_json, report_file
from chainrule.cli.common import scores as score

if TYPE_CHECKING:
    from rich.console import Console

    from chainrule.readers import Table
    from chainrule.tabular import Plan


def train(
    context: typer.Context,
    data: Data,
    target: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column to predict.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to save the model; DATA.chainrule unless given.")
    ] = None,
    task: Annotated[
        Literal["classes", "regression"] | None, typer.Option(help="What to predict, if the guess is wrong.")
    ] = None,
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
    overrides = _overrides(hidden, activation, epochs, learning_rate, batch_size)
    out = _free(out or Path(Path(data).name.partition(".")[0] + ".chainrule"))
    size = _size(image_size)
    file = _file(checkpoint, checkpoint_every, resume, out)

    from chainrule import readers, tabular
    from chainrule.files import model as modelfile

    talk = console(silent=as_json or quiet)
    with notes():
        table = readers.read(data, target=target, image_size=size, gray=gray)
    # A folder made sooner could be taken for the data.
    page = None if report is None else report_file(report, pages.NAME)
    if table.y is None:
        raise CommandError(f"{data}: which column is to be predicted? {_choices(table)}")
    plan = tabular.make_plan(table, task, drop or (), keep or ())
    screen.understood(talk, plan, table.name)

    X_train, X_test, y_train, y_test = _split(*plan.examples(table), plan, test, seed)
    talk.print(f"Rows: {len(y_train):,} to train on, {len(y_test):,} held out for the test")
    pipeline = tabular.make_pipeline(plan, len(y_train), seed, **overrides)
    network, started = pipeline[-1], time.perf_counter()
    if len(pipeline) > 1:  # the network is fitted apart, to be shown first and watched
        X_train, X_test = pipeline[:-1].fit_transform(X_train, y_train), pipeline[:-1].transform(X_test)
    screen.layers(talk, X_train.shape[1], _layers(network, X_train.shape[1], plan))
    recorder = None if page is None else pages.Recorder(X_train, y_train, network.max_iter)
    again = f"{_program()} {shlex.join(context.obj)}"
    _fit(network, X_train, y_train, (X_test, y_test), None if talk.quiet else talk, recorder, file, again)
    seconds = time.perf_counter() - started
    models = {"this network": network, **_baselines(network, X_train, y_train)}
    predicted = {name: model.predict(X_test) for name, model in models.items()}
    scores = {name: score(model, X_test, y_test, predicted[name]) for name, model in models.items()}

    about = {
        "data": table.name,
        "task": plan.task,
        "target": plan.target,
        "rows": {"train": len(y_train), "test": len(y_test), "without_target": plan.untargeted},
        "columns": [asdict(column) for column in plan.columns],
        "classes": None if plan.classes is None else [[label, count] for label, count in plan.classes.items()],
        "features": plan.features or len(plan.used),
        "image_shape": plan.image_shape,
        "seed": seed,
        "seconds": round(seconds, 2),
        "epochs": network.n_iter_,
        "test": scores,
        "history": {name: [float(f"{v:.6g}") for v in values] for name, values in network.history_.items()},
    }
    modelfile.save(pipeline, out, plain(about))
    if checkpoint is not None:  # the model is on the disk
        checkpoint.unlink(missing_ok=True)
    closing = _closing(network, scores, seconds)
    if page is not None and recorder is not None:
        pages.write(page, plan, about, network, (X_test, y_test), recorder.traces, closing)
    if as_json:
        header = modelfile.read_about(out)
        written = {} if page is None else {"report": str(page)}
        print_json({"model": str(out), **written, **header.pop("about"), **header})
        return
    say = console()
    screen.scores(say, scores, f"Test on {screen.counted(len(y_test))} the network has not seen")
    if plan.classes is not None:
        screen.confusion(talk, network.classes_, y_test, predicted["this network"])
    for line in closing:
        say.print(line)
    say.print(f"Saved {out} ({out.stat().st_size / 1000:,.0f} kB), from the {len(y_train):,} training rows.")
    if page is not None:
        say.print(f"Wrote {page}")
    talk.print("\nNext:")
    model, result = shlex.quote(str(out)), shlex.quote(f"{out.stem}-predictions.csv")
    for command in (f"predict {model} {shlex.quote(data)} --out {result}", f"inspect {model}"):
        talk.print(f"  {_program()} {command}", soft_wrap=True)


def _closing(network: Any, scores: dict[str, dict[str, float]], seconds: float) -> list[str]:
    """How the training went, and whether it was worth it."""
    watched = getattr(network, "validation_scores_", None)
    best = f", best at epoch {watched.index(network.best_validation_score_) + 1}" if watched else ""
    lines = [f"Trained {network.n_iter_} epochs in {seconds:.1f} s{best}."]
    first, second, *_ = (next(iter(values.values())) for values in scores.values())
    if first <= second and network.hidden_layer_sizes:
        lines.append("The hidden layers do not help on these data: --hidden none is as good, and simpler.")
    return lines


def _program() -> str:
    """How to start the command line from this shell, which may not have the virtual environment on its path."""
    if shutil.which("chainrule"):
        return "chainrule"
    return f"{shlex.quote(min(os.path.relpath(sys.executable), sys.executable, key=len))} -m chainrule"


def _overrides(
    hidden: str | None,
    activation: str | None,
    epochs: int | None,
    learning_rate: float | None,
    batch_size: int | None,
) -> dict[str, Any]:
    given: dict[str, Any] = {"max_iter": epochs, "learning_rate_init": learning_rate, "batch_size": batch_size}
    if learning_rate is not None and not 0 < learning_rate < float("inf"):
        raise CommandError(f"--learning-rate {learning_rate:g}: wanted a number above 0")
    if hidden is not None:
        words = [] if hidden.strip().lower() in ("none", "0") else hidden.split(",")
        if not all(word.strip().isdecimal() and int(word) > 0 for word in words):
            raise CommandError(f"--hidden {hidden}: wanted the units of each layer, as in 64,32, or none")
        given["hidden_layer_sizes"] = tuple(int(word) for word in words)
    if activation is not None:
        from chainrule import activations

        if activations.get(activation).name in activations.OUTPUT_ONLY:
            raise CommandError(f"--activation {activation}: it can only be the output's")
        given["activation"] = activation
    return {name: value for name, value in given.items() if value is not None}


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.lower().partition("x")
    width = width or height
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise CommandError(f"--image-size {text}: wanted pixels, as in 64 or 48x64 (height x width)")
    return int(height), int(width)


def _free(out: Path) -> Path:
    """Where the model may go: known before hours of training, not after."""
    from chainrule.files import model as modelfile

    if out.is_dir():
        raise CommandError(f"{out}: is a folder; name a file with --out")
    if out.exists():
        try:
            modelfile.read_about(out)
        except ValueError:
            raise CommandError(f"{out}: exists and is not a chainrule model; choose another name with --out") from None
    if not out.parent.is_dir():
        raise CommandError(f"{out.parent}: no such folder")
    try:
        with tempfile.TemporaryFile(dir=out.parent):
            return out
    except OSError as error:
        raise CommandError(
            f"{out.parent}: cannot be written to ({error.strerror}); choose another with --out"
        ) from None


def _file(checkpoint: Path | None, every: int | None, resume: bool, out: Path) -> dict[str, Any]:
    """The arguments of fit."""
    if checkpoint is None:
        if resume or every is not None:
            raise CommandError(
                f"{'--resume' if resume else '--checkpoint-every'}: of which file? Say --checkpoint FILE"
            )
        return {}
    if checkpoint.absolute() == out.absolute():
        raise CommandError(f"{checkpoint}: the model goes there; choose another name with --checkpoint")
    return {"checkpoint": checkpoint, "checkpoint_every": every, "resume": resume}


def _choices(table: "Table") -> str:
    names = [str(name) for name in getattr(table.X, "columns", ())]
    if not names:
        return "It has no labels: put images into one folder for each class, or add an array named y."
    return f"Say --target COLUMN, one of: {', '.join(names[:30])}{', …' if len(names) > 30 else ''}"


def _split(X: Any, y: Any, plan: "Plan", test: float, seed: int) -> list[Any]:
    from sklearn.model_selection import train_test_split

    fewest = len(plan.classes or (0,))  # each class is in both parts
    size = min(max(ceil(test * len(y)), fewest), len(y) - fewest)
    parts = train_test_split(X, y, test_size=size, random_state=seed, stratify=None if plan.task == "regression" else y)
    return list(parts)


def _layers(estimator: Any, inputs: int, plan: "Plan") -> list[dict[str, Any]]:
    """The layers there will be, as `inspect` shows them afterwards."""
    from chainrule.layout import describe_layers

    outputs = len(plan.classes or ()) if plan.task == "classes" else 1
    last = {"binary": "sigmoid", "classes": "softmax", "regression": "identity"}[plan.task]
    sizes = [inputs, *estimator.hidden_layer_sizes, outputs]
    return describe_layers(sizes, [estimator.activation] * (len(sizes) - 2) + [last])


def _fit(
    network: Any,
    X: Any,
    y: Any,
    test: tuple[Any, Any],
    watched_on: "Console | None",
    recorder: pages.Recorder | None,
    file: dict[str, Any],
    again: str,
) -> None:
    from threadpoolctl import threadpool_limits

    from chainrule.errors import CheckpointError

    # A network that holds out no rows of its own is watched on those of the test; nothing is chosen by them.
    watched = {} if network.early_stopping else {"X_val": test[0], "y_val": test[1]}
    watchers: list[Any] = [] if recorder is None else [recorder]
    if watched_on is not None:
        metric = "accuracy" if hasattr(network, "predict_proba") else "R²"
        watchers.append(screen.Watcher(watched_on, network.max_iter, f"held-out {metric}"))
    network.set_callbacks(*watchers)
    # Two threads on layers this narrow take as long as one, and far longer where something else is running.
    with notes(), warnings.catch_warnings(), threadpool_limits(1):
        # The estimator may warn of these two and keep what it has; a model not trained to the end is not saved.
        warnings.filterwarnings("error", message="Training interrupted|epoch .*: the cost is")
        try:
            network.fit(X, y, **watched, **file)
        except Stopped as stopped:
            raise _stopped(stopped.code, network, " ".join(getattr(stopped, "__notes__", [])), file, again) from None
        except CheckpointError as error:
            raise CommandError(str(error).replace("resume=True", "--resume")) from None
        except (UserWarning, ValueError) as error:
            if "interrupted" in str(error):
                raise _stopped(130, network, str(error), file, again) from None
            if ": the cost is" not in str(error):
                raise
            raise CommandError(
                f"in epoch {network.n_iter_} the cost is no longer a finite number: "
                f"lower --learning-rate (it was {network.learning_rate_init:g})"
            ) from None
    network.set_callbacks()


def _stopped(code: int, network: Any, told: str, file: dict[str, Any], again: str) -> Stopped:
    """What to say where training was stopped, and the exit code."""
    if not file:
        return Stopped(code, "stopped: nothing was saved (--checkpoint FILE keeps a training)")
    if "could not be written" in told:
        return Stopped(code, told)
    again += "" if file["resume"] else " --resume"
    return Stopped(code, f"stopped after epoch {network.n_iter_} of {network.max_iter}; go on with:\n  {again}")


def _baselines(network: Any, X: Any, y: Any) -> dict[str, Any]:
    """What a network must be better than: itself without hidden layers, and no look at the inputs at all."""
    from sklearn.base import clone, is_classifier
    from sklearn.dummy import DummyClassifier, DummyRegressor

    linear = clone(network).set_params(
        hidden_layer_sizes=(), solver="lbfgs", schedule=None, max_iter=200, early_stopping=False, alpha=1.0, dropout=0.0
    )  # alpha: as much as scikit-learn's LogisticRegression and Ridge shrink
    blind = ("always the largest class", DummyClassifier()) if is_classifier(network) else None
    name, dummy = blind or ("always the mean", DummyRegressor())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {"no hidden layer": linear.fit(X, y), name: dummy.fit(X, y)}
