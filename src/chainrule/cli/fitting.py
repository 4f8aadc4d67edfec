"""The training of `train`: one estimator, watched, kept in a checkpoint, and stopped by Ctrl-C."""

import time
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from chainrule.cli import screen
from chainrule.cli.asked import Run
from chainrule.cli.common import CommandError, Stopped
from chainrule.errors import DivergenceError, DivergenceWarning, Saved, TrainingInterrupted

if TYPE_CHECKING:
    from chainrule._types import Array
    from chainrule.cli.report import Traces
    from chainrule.cli.rows import Rows
    from chainrule.tabular import Plan
    from chainrule.tabular.large.table import LargeTable


class Fitted(NamedTuple):
    """A trained model, and how this went."""

    model: Any
    seconds: float
    traces: "Traces"  # of its first network, for the report


def fit(
    run: Run,
    plan: "Plan",
    rows: "Rows",
    validation: "Array | None",
    what: str = "",
    traced: bool = False,
    large: "LargeTable | None" = None,
) -> Fitted:
    """Train on some rows. what: which of several trainings it is. traced: for the report. large: has other rows."""
    from chainrule.tabular.estimators import TabularClassifier, TabularRegressor

    make: Any = TabularRegressor if plan.task == "regression" else TabularClassifier
    model, stages, recorders = make(**_parameters(run, plan)), screen.Stages(run.progress, what), list[Any]()

    def watch(stage: str) -> Sequence[Any]:
        watchers: list[Any] = [stages(stage)]
        if traced and large is None:  # whose rows nobody has in memory
            from chainrule.cli.report import Recorder

            recorders.append(Recorder())
            watchers.append(recorders[-1])
        return watchers

    checkpoint = {"checkpoint": run.checkpoint, "checkpoint_every": run.every, "resume": run.resume}
    started = time.perf_counter()
    with warnings.catch_warnings():
        # An estimator warns of these and keeps what it has; here a model that was not trained to the end is not saved.
        for ending in (TrainingInterrupted, DivergenceWarning):
            warnings.simplefilter("error", ending)
        try:
            how = {
                "watch": None if run.progress.quiet and not traced and run.checkpoint is None else watch,
                "checkpoint": None if run.checkpoint is None else checkpoint,
            }
            if large is None:
                model.fit_plan(plan, rows.X, rows.y, rows.weight, validation=validation, **how)
            else:
                model.fit_large(plan, large, **how)
        except (Stopped, TrainingInterrupted, KeyboardInterrupt) as stop:
            code = stop.code if isinstance(stop, Stopped) else 130
            raise _stopped(run, stages, code, getattr(stop, "saved", None)) from None
        except (DivergenceError, DivergenceWarning) as error:
            used = run.estimator.get("learning_rate_init", error.learning_rate)
            rate = "" if used is None else f" (it was {used:g})"
            raise CommandError(
                f"in epoch {error.epoch + 1} the cost is no longer a finite number: lower --learning-rate{rate}"
            ) from None
        finally:
            stages.close()
    seconds = time.perf_counter() - started
    traces = [recorder.traces for recorder in recorders if recorder.estimator is model.networks_[0]]
    return Fitted(model, seconds, traces[0] if traces else {})


def _parameters(run: Run, plan: "Plan") -> dict[str, Any]:
    """Those of the estimator of a plan. CommandError for one that only the other has."""
    of_classes = ("class_weight", "threshold")
    given = [name for name in of_classes if name in run.estimator]
    if given and plan.classes is None:
        raise CommandError(f"--{given[0].replace('_', '-')}: it is for classes, and {plan.target} is a number")
    if "threshold" in given and len(plan.classes or ()) > 2:
        raise CommandError(f"--threshold: it is for two classes, and {plan.target} has {len(plan.classes or ())}")
    return dict(run.estimator)


def _stopped(run: Run, stages: screen.Stages, code: int, saved: Saved | None) -> Stopped:
    """The exit code, and what to say, where training was stopped."""
    if run.checkpoint is None:
        return Stopped(code, "stopped: nothing was saved (--checkpoint FILE keeps a training)")
    if saved is not None and not saved.written:
        return Stopped(code, saved.message)
    return Stopped(code, f"stopped {stages.done}; go on with:\n  {run.again}")
