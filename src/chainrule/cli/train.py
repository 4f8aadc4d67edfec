"""chainrule train: from a table to a model, tested beside two baselines."""

import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from chainrule.cli import asked, complete
from chainrule.cli.asked import Reading, Run, Testing
from chainrule.cli.common import Json, Sheet, Tables
from chainrule.cli.output import console

Columns = list[str] | None
Task = Literal["classes", "regression"] | None


def _columns(help: str) -> Any:
    return typer.Option(metavar="COLUMN", help=f"{help} (may be repeated).")


def train(
    context: typer.Context,
    data: Tables,
    target: Annotated[str | None, typer.Option(metavar="COLUMN", help="The column to predict.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to save the model; DATA.chainrule unless given.")
    ] = None,
    task: Annotated[Task, typer.Option(help="Classes or numbers; what the target looks like unless given.")] = None,
    number: Annotated[Columns, _columns("A column to read as numbers")] = None,
    category: Annotated[Columns, _columns("A column to read as categories")] = None,
    date: Annotated[Columns, _columns("A column to read as dates")] = None,
    text: Annotated[Columns, _columns("A column to read as text, by its words")] = None,
    drop: Annotated[Columns, _columns("A column to leave out")] = None,
    keep: Annotated[Columns, _columns("A column to use although it looks like an identifier")] = None,
    dates: Annotated[
        Literal["day-first", "month-first"] | None,
        typer.Option(help="How to read dates such as 03/04/2024; as the column tells unless given."),
    ] = None,
    header: Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header",
            help="Whether the first row holds the names of the columns; as it looks unless given.",
        ),
    ] = None,
    sheet: Sheet = None,
    image_size: Annotated[
        str | None, typer.Option(metavar="N or HxW", help="Pixels that images are resized to; 64 unless given.")
    ] = None,
    gray: Annotated[bool, typer.Option("--gray", help="Read images without color.")] = False,
    test: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="The share of the rows to test on, from 0.01 to 0.9; 0.2 unless given."),
    ] = None,
    test_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="A table to test on, instead of a share of DATA.")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Rows with one value here are all for training or all for the test."),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Train on the past, test on the latest rows, by this column."),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            min=2, max=100, metavar="K", help="Cross-validation: test on every row, in K trainings; one unless given."
        ),
    ] = None,
    refit: Annotated[bool, typer.Option("--refit", help="After the test, train on all rows.")] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="Train boosted trees on the same rows, too, to compare with.")
    ] = False,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream",
            help="Read DATA in blocks, as is done anyway with more than half of the memory, and with a folder of "
            "tables. Text is converted once, beside it: DATA.parquet.",
        ),
    ] = False,
    weight: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="How much each row counts; all the same unless given.")
    ] = None,
    class_weight: Annotated[
        Literal["balanced"] | None,
        typer.Option(help="Let rare classes count as much as common ones; each row counts the same unless given."),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="X or auto",
            help="The probability from which the rarer of two classes is answered; the likelier one unless given.",
        ),
    ] = None,
    effort: Annotated[
        Literal["quick", "normal", "thorough"],
        typer.Option(help="How long to look: one network, the mean of four, or of twelve after a race."),
    ] = "normal",
    time_limit: Annotated[
        float | None,
        typer.Option(min=0.1, metavar="SECONDS", help="The most that one training may take; no limit unless given."),
    ] = None,
    hidden: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,…",
            help="Units of each hidden layer, or none for no hidden layer; unless given 128,128,128, or 512 if the "
            "race of thorough finds that better.",
        ),
    ] = None,
    activation: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What the hidden layers compute: relu, tanh, selu, mish …; relu unless given.",
            autocompletion=complete.activations,
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Passes over the data; unless given 100, of more than 15,000 rows down to 10."
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="The size of the steps; unless given 0.0025, or 0.005 with the 512 units of a race, and less of more "
            "than 256 columns.",
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Rows for each step; unless given 64, of 1,000 rows on 128, of 10,000 on 256."
        ),
    ] = None,
    engine: Annotated[
        Literal["auto", "native", "numpy", "jax"] | None,
        typer.Option(
            help="Who computes; auto unless given: native, or numpy where that is not there. jax, an extra, is for a "
            "GPU."
        ),
    ] = None,
    precision: Annotated[
        Literal["float32", "bf16"] | None,
        typer.Option(
            help="What products are computed in; float32 unless given. bf16 is faster for wide layers, where the "
            "processor has it."
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="The same seed gives the same model.")
    ] = 0,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder for a page with pictures, report.html.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A file to keep the training in while it runs; gone when it is saved."),
    ] = None,
    checkpoint_every: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Epochs between two writes; every half minute unless given.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint where it is there.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the result.")] = False,
    as_json: Json = False,
) -> None:
    """Train networks on DATA, test them on rows they have not seen, and save them as one model."""
    size = None if image_size is None else asked.size(image_size)
    given = {"header": header, "sheet": sheet, "image_size": size, "gray": gray or None}
    reading = {name: value for name, value in given.items() if value is not None}
    words = {"number": number, "category": category, "date": date, "text": text, "drop": drop, "keep": keep}
    estimator = asked.estimator(
        hidden, activation, learning_rate, max_iter=epochs, batch_size=batch_size, random_state=seed, effort=effort,
        time_limit=time_limit, class_weight=class_weight, threshold=asked.threshold(threshold),
        engine=asked.engine(engine), precision=precision,
    )  # fmt: skip
    command = f"{asked.program()} {shlex.join(context.obj)}"
    run = Run(
        data=data,
        out=out or Path(("stdin" if data == "-" else Path(data).name.partition(".")[0]) + ".chainrule"),
        report=report,
        checkpoint=checkpoint,
        every=checkpoint_every,
        resume=resume,
        reading=Reading(target, reading),
        task=task,
        words={name: given or () for name, given in words.items()},
        day_first=None if dates is None else dates == "day-first",
        testing=Testing(asked.share(test), test_file, group, time, folds, weight),
        estimator=estimator,
        refit=refit,
        compare=compare,
        stream=stream,
        progress=console(silent=as_json or quiet, forgiving=True),
        command=command,
        again=command + " --resume" * (not resume),
    )
    asked.check(run)
    from chainrule.cli import training

    training.work(run, as_json)
