"""The work of `train`: read, warn, fit, save, test, and say what came of it."""

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.cli import asked, fitting, large, rows, screen
from chainrule.cli.asked import Run
from chainrule.cli.judging import judge
from chainrule.cli.model import read_header
from chainrule.cli.output import after, complain, console, print_json
from chainrule.cli.result import Result, warning
from chainrule.cli.rows import Material, Part
from chainrule.files import model as modelfile
from chainrule.tabular import checkpoints
from chainrule.tabular.importance import Importances, permutation_importance

MISLEADING = ("giveaway", "repeated")  # findings without which the scores would be taken for more than they are
WIDEST = 500  # columns of which it is told which matter


def work(run: Run, as_json: bool) -> None:
    """All of it."""
    streamed = large.wanted(run)
    with large.advised(run, streamed):
        _work(run, large.read(run) if streamed else rows.read(run), as_json)


def _work(run: Run, material: Material, as_json: bool) -> None:
    page = asked.page(run)  # its folder, made sooner, could be taken for the data
    result = _in_folds(run, material) if run.testing.folds is not None else _once(run, material)
    with after(run.out):
        if not run.testing.folds:
            result = _tested(result)
        modelfile.save(result.fitted.model, run.out, result.about())
        _tell(result, page, as_json)


def _once(run: Run, material: Material) -> Result:
    """One training, saved."""
    part = material.part(0)
    _introduce(run, material, material.learned, len(part.test.y))
    fitted = fitting.fit(
        run, material.plan, part.train, part.validation, traced=run.report is not None, large=material.large
    )
    if material.large is not None:
        material = replace(material, plan=fitted.model.plan_)  # which has passed over all rows once more
    result = Result(run, material, material.findings, fitted, material.learned)
    modelfile.save(fitted.model, run.out, result.about())
    if run.checkpoint is not None:  # the model is on the disk
        for file in checkpoints.files(os.path.realpath(run.checkpoint)):
            file.unlink(missing_ok=True)
    return result


def _tested(result: Result) -> Result:
    """Its test; then, if wanted, another training on all rows."""
    run, material, model = result.run, result.material, result.fitted.model
    part = material.part(0)
    judgment = judge(material.plan, model, part, run.compare)
    result = replace(result, judgments=[judgment], importances=_importances(material, model, part))
    if not run.refit:
        return result
    everything = material.everything
    fitted = fitting.fit(run, material.plan, everything, material.validation(np.arange(len(everything.y))), "all rows")
    return replace(result, fitted=fitted, tested=result.fitted, rows=len(everything.y))


def _in_folds(run: Run, material: Material) -> Result:
    """A training and a test for each fold, then a training on all rows."""
    count = len(material.splits)
    _introduce(run, material, len(material.rows.y), 0)
    judgments, importances = [], None
    for k in range(count):
        part = material.part(k)
        one = fitting.fit(run, material.plan, part.train, part.validation, f"fold {k + 1} of {count}").model
        judgments.append(judge(material.plan, one, part, run.compare))
        if importances is None:
            importances = _importances(material, one, part)
    everything = np.arange(len(material.rows.y))
    fitted = fitting.fit(
        run, material.plan, material.rows, material.validation(everything), "all rows", traced=run.report is not None
    )
    return Result(run, material, material.findings, fitted, len(everything), judgments, importances)


def _importances(material: Material, model: Any, part: Part) -> Importances | None:
    """Which columns matter on the test rows. Of images, and of very wide tables, no single one does."""
    if material.plan.image_shape is not None or len(material.plan.used) > WIDEST or material.plan.features > WIDEST:
        return None
    return permutation_importance(model, part.test.X, part.test.y, sample_weight=part.test.weight)


def _introduce(run: Run, material: Material, train: int, test: int) -> None:
    """What was understood, which rows are for what, and what to know before the scores are believed."""
    say, testing = run.progress, run.testing
    screen.understood(say, material.plan, material.name)
    if testing.folds is not None:
        say.print(f"Rows: {train:,}, in {material.how}")
    else:
        where = f" ({material.how})" if material.how else ""
        say.print(f"Rows: {train:,} to train on, {test:,} to test on{where}")
    if material.unseen:
        say.print(f"Left out: {screen.counted(material.unseen)} of {testing.file} of classes that {run.data} has not")
    for note in material.notes:
        say.print(note if testing.file is None else f"{testing.file}: {note}")
    for finding in material.findings:
        say.print(f"Warning: {warning(finding, material.plan.target)}")


def _tell(result: Result, page: Path | None, as_json: bool) -> None:
    """Print, and write as a page if wanted, what came of the training."""
    run, plan = result.run, result.material.plan
    header = read_header(run.out)
    if page is not None:
        from chainrule.cli import report

        report.write(page, result, header["about"])
    if as_json:
        written = {} if page is None else {"report": str(page)}
        about = header.pop("about")
        about["columns"] = screen.told(about["columns"])
        print_json({"model": str(run.out), **written, **header, **about})
        return
    say = console()
    if run.progress.quiet:
        for finding in result.findings:
            if finding.kind in MISLEADING:
                complain("note", warning(finding, plan.target))
    screen.race(run.progress, result.race)
    if result.deviations:
        screen.folds(say, result.scores, result.deviations, result.title())
    else:
        screen.scores(say, result.scores, result.title(), result.intervals)
    if plan.classes is not None:
        screen.confusion(run.progress, result.fitted.model.classes_, *result.answers[:2])
    screen.importances(run.progress, result.importances)
    for line in [*result.verdict(), *result.closing()]:
        say.print(line)
    say.print(f"Saved {run.out} ({run.out.stat().st_size / 1000:,.0f} kB), {result.saved}.")
    if page is not None:
        say.print(f"Wrote {page}")
    run.progress.print()
    run.progress.print("Next:")
    model, predictions = shlex.quote(str(run.out)), shlex.quote(f"{run.out.stem}-predictions.csv")
    data = shlex.quote(run.data)
    commands = [f"predict {model} {data} --out {predictions}", f"explain {model} {data} --row 1", f"inspect {model}"]
    if plan.image_shape is not None:
        del commands[1]
    if run.data == "-":  # which is read by now
        del commands[:-1]
    for command in commands:
        run.progress.print(f"  {asked.program()} {command}", soft_wrap=True)
