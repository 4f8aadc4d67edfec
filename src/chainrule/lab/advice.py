"""What `chainrule.diagnose` finds in a run, and for each finding a change of the design that does what it advises."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf, isfinite, log10
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from chainrule.engines import blas
from chainrule.lab.design import Design, Examples, as_json, options_json
from chainrule.lab.run import Run
from chainrule.lab.timeline import Timeline
from chainrule.text import as_json as plain
from chainrule.training.options import Options
from chainrule.working.diagnosis import Finding, diagnose

MOST, WIDE_MOST, MANY = 500, 200, 100  # examples that are looked at, and that of more than so many inputs; chosen
WIDE = 64  # units from which on a layer can do without half of them
MOST_UNITS = 256  # to which a layer is doubled
# Of a lower learning rate: how far down it is looked for, examples that it is tried on, steps, and products of numbers
# that these may take; chosen.
TENTHS, TRIED, LEAST_STEPS, MOST_STEPS, WORK = 5, 2000, 20, 200, 300_000_000
FEW = 100  # examples that the steps of such a trial are judged by
TOO_HIGH = "learning rate too high"
_TRIED: "WeakKeyDictionary[Run, dict[Any, float]]" = WeakKeyDictionary()  # a page asks again and again


@dataclass(frozen=True)
class Remedy:
    """A change of a design, as `Design.but` takes it, and in a sentence what it does."""

    change: Mapping[str, Any]
    does: str


@dataclass(frozen=True)
class Case:
    """A finding, and the run that has it. others: the names of all findings."""

    finding: Finding
    run: Run
    others: tuple[str, ...]

    @property
    def design(self) -> Design:
        """Of the run."""
        return self.run.design

    @property
    def options(self) -> Options:
        """Of the run, as they are now."""
        return self.run.line.options

    @property
    def examples(self) -> Examples:
        """Of the run."""
        return self.run.examples

    def rate(self, after: float, does: str) -> Remedy:
        """Another learning rate."""
        given = {**as_json(self.options.optimizer), "learning_rate": after}
        before = self.options.optimizer.learning_rate
        return Remedy({"optimizer": given}, f"α = {after:g} instead of {before:g}: {does}.")

    def activations(self, taken: Mapping[str, str] | str) -> list[str]:
        """Those of the hidden layers, some or all of them otherwise."""
        of = self.design.activations
        return [taken] * len(of) if isinstance(taken, str) else [taken.get(name, name) for name in of]


@blas.one_thread()
def advise(run: Run, most: int | None = None) -> dict[str, Any]:
    """The findings of a run at its step, the likeliest cause first.

    A page asks again and again while it plays: unless `most` says how many, only some of the examples are looked at.

    Returns
    -------
    dict
        "findings", each with all that a `Finding` has, its "text" (what was measured) and "title", and "change" with
        what it "does" (None where no change of the design can do what is advised); "passed" and "unchecked", a text for
        the name of each other check; "learned", the share of the cost of the best constant answer that is gone;
        "examples", how many were looked at, and of how many.
    """
    options, examples = run.line.options, run.examples
    most = most or (WIDE_MOST if len(examples.X) > MANY else MOST)
    validation = (examples.X_val[:, :most], examples.Y_val[:, :most]) if examples.Y_val.shape[1] else None
    steps = history(run.line, run.diverged)
    found = diagnose(
        run.network, examples.X, examples.Y, steps=steps if steps["cost"] else None, validation=validation,
        names=examples.inputs, l2=options.l2, dropout=options.dropout or 0.0, batch_size=options.batch_size, most=most,
    )  # fmt: skip
    every = {finding.name: finding for finding in reversed(found.findings)}
    shown = []
    for finding in found:
        remedy = _remedy(finding, every, Case(finding, run, tuple(every)))
        shown.append(
            plain({**finding.to_dict(), "title": finding.title, "text": finding.measured})
            | {"change": dict(remedy.change) if remedy else None, "does": remedy.does if remedy else None}
        )
    passed: dict[str, list[str]] = {}
    for finding in found.passed:
        passed.setdefault(finding.name, []).append(finding.measured)
    learned = found.learned if isfinite(found.learned) else None
    return {"findings": shown, "passed": passed, "unchecked": found.unchecked, "learned": learned,
            "examples": list(found.examples)}  # fmt: skip


def history(line: Timeline, stopped: bool = False) -> dict[str, list[float]]:
    """The mean cost of each whole epoch up to here, and its learning rate, as `diagnose` takes them.

    stopped: whether the next cost is not finite, by the learning rate.
    """
    m, costs = line.state.Y.shape[1], np.array(line.costs[: line.step])
    ends = [*(at for at, _ in line.changes[1:]), line.step]
    means, rates = list[float](), list[float]()
    for (start, options), end in zip(line.changes, ends, strict=True):
        steps = -(-m // options.batch_size)
        epochs = max(0, min(end, line.step) - start) // steps
        means += costs[start : start + epochs * steps].reshape(epochs, steps).mean(axis=1).tolist()
        rates += [options.optimizer.learning_rate] * epochs
    if stopped:
        means.append(inf)
        rates.append(line.options.optimizer.learning_rate)
    return {"cost": means, "learning_rate": rates}


def _remedy(finding: Finding, every: Mapping[str, Finding], case: Case) -> Remedy | None:
    """Of the finding itself; of one that only says that nothing is learned, that of what it may come from."""
    if finding.name in _STUCK:
        for cause in finding.explained_by:
            of_cause = Case(every[cause], case.run, case.others)
            if cause not in _STUCK and (remedy := REMEDIES[cause](of_cause)):
                return remedy
    return REMEDIES[finding.name](case)


# -- what is advised ---------------------------------------------------------------------------------------------------


def _nothing(case: Case) -> Remedy | None:
    """It concerns the data."""


def _dropped(case: Case) -> Remedy | None:
    """Leave out the columns of a table that are named: of two that are equal the second."""
    data, columns = case.design.data, [str(column["name"]) for column in case.examples.plan]
    named = re.findall(r"'([^']+)'", case.finding.where)
    if case.finding.name == "duplicated columns":
        named = named[1::2]
    gone = [name for name in named if name in columns]
    if data.get("kind") != "file" or not gone:
        return None
    told = f"The column{'s' * (len(gone) > 1)} {' and '.join(gone)} stay{'s' * (len(gone) == 1)} out."
    return Remedy({"data": {**data, "drop": [*(data.get("drop") or ()), *gone]}}, told)


def _normalized(case: Case) -> Remedy | None:
    if case.design.normalize == "standard":
        return None
    return Remedy({"normalize": "standard"}, "Every input gets mean 0 and deviation 1, by μ and σ of the training set.")


def _random(case: Case) -> Remedy | None:
    if case.design.init == "auto" and case.design.init_scale == 1:
        return None
    return Remedy(
        {"init": "auto", "init_scale": 1.0},
        "Random first weights that suit each layer: He for relu and its like, Glorot for tanh and sigmoid.",
    )


def _apart(case: Case) -> Remedy | None:
    """Random first weights; where they are, it is L2 that pulls units together."""
    l2 = case.options.l2
    less = Remedy({"l2": 0.0}, f"λ = 0 instead of {l2:g}: L2 pulls the units together.") if l2 else None
    return _random(case) or less


def _usual_output(case: Case) -> Remedy | None:
    if case.design.output is None and case.design.loss is None:
        return None
    return Remedy({"output": None, "loss": None}, "Output and loss of the task, whose dZ[L] is A[L] − Y: no g′ in it.")


def _reachable(case: Case) -> Remedy | None:
    if case.finding.layer is not None:
        return Remedy({"output": "identity", "loss": None}, "A linear output, which reaches every target.")
    if case.design.data.get("scale_target") or len(case.examples.Y) > 1:
        return None
    scaled = {**case.design.data, "scale_target": True}
    return Remedy({"data": scaled}, "The targets get mean 0 and deviation 1, by those of the training set.")


def _less_l2(case: Case) -> Remedy | None:
    wanted = case.options.l2 * 0.1 / case.finding.value if case.finding.value else 0.0
    l2 = 0.0 if wanted < 1e-12 else _down(wanted)
    return Remedy({"l2": l2}, f"λ = {l2:g} instead of {case.options.l2:g}: a tenth of what the best unit gains.")


def _down(value: float) -> float:
    """The number of one digit below it."""
    unit = 10.0 ** np.floor(log10(value))
    return float(f"{value // unit * unit:.1g}")


def _less_dropout(case: Case) -> Remedy | None:
    limits = [0.5 if n >= WIDE else 0.1 for n in case.design.hidden]
    shares = [round(min(p / 2, most), 3) for p, most in zip(case.options.dropout, limits, strict=True)]
    shares = [p if p >= 0.05 else 0.0 for p in shares]
    return Remedy({"dropout": shares}, f"Dropout of {', '.join(f'{p:g}' for p in shares)}, by layer.")


def _smaller_gradients(case: Case) -> Remedy | None:
    if remedy := _random(case):
        return remedy
    if case.options.clip_norm is not None:
        return None
    return Remedy({"clip_norm": 1.0}, "A gradient longer than 1 is shortened to 1.")


def _slower(case: Case) -> Remedy | None:
    """Of a third, a tenth, … of the rate the one that learns most from the beginning in some steps: they are made."""
    before, steps = case.options.optimizer.learning_rate, _affordable(case)
    rates = [float(f"{before * share:.1g}") for k in range(TENTHS) for share in (10.0**-k / 3, 10.0 ** -(k + 1))]
    ends = [_tried(case.run, rate, steps) for rate in rates]
    best = rates[int(np.argmin(ends))] if isfinite(min(ends)) else rates[1]
    return case.rate(best, f"of {len(rates)} lower ones that were tried, J is lowest with it after {steps} steps")


def _affordable(case: Case) -> int:
    """How many steps: of a large network fewer."""
    sizes = [len(case.examples.X), *case.design.hidden, len(case.examples.Y)]
    weights = sum(n * before for before, n in pairwise(sizes))
    return int(np.clip(WORK // (weights * min(case.options.batch_size, TRIED)), LEAST_STEPS, MOST_STEPS))


def _tried(run: Run, rate: float, steps: int) -> float:
    """J at the end of so many steps from the beginning with another learning rate; ∞ where it is too high, too."""
    examples, options = run.examples, run.line.options
    known = _TRIED.setdefault(run, {})
    if (options, rate) not in known:
        if run.m > TRIED:
            examples = replace(examples, X=examples.X[:, :TRIED], Y=examples.Y[:, :TRIED])
        given = options_json(replace(options, optimizer=replace(options.optimizer, learning_rate=rate)), run.m)
        trial = Run(0, "", run.design.but(**given), examples)
        trial.go(steps)
        costs = history(trial.line)
        found = diagnose(trial.network, examples.X, examples.Y, steps=costs if costs["cost"] else None, most=FEW)
        wrong = trial.stopped or any(finding.name == TOO_HIGH for finding in found)
        known[options, rate] = inf if wrong else float(np.mean(trial.line.costs[-max(1, steps // 10) :]))
    return known[options, rate]


def _faster(case: Case) -> Remedy | None:
    return case.rate(float(f"{10 * case.options.optimizer.learning_rate:.2g}"), "ten times the learning rate")


def _unsaturated(case: Case) -> Remedy | None:
    if case.finding.layer == len(case.design.hidden) + 1:
        return _random(case) or _usual_output(case)
    relu = Remedy({"activations": case.activations("relu")}, "relu in the hidden layers, flat on one side only.")
    return _random(case) or (_normalized(case) if "inputs not normalized" in case.others else None) or relu


def _leaky(case: Case) -> Remedy | None:
    if "relu" not in case.design.activations:
        return _usual_output(case)
    leaky = case.activations({"relu": "leaky_relu"})
    return Remedy({"activations": leaky}, "leaky_relu in the place of relu: its slope is never 0.")


def _steeper(case: Case) -> Remedy | None:
    remedy, activations = _random(case), case.activations({"sigmoid": "relu"})
    if activations != list(case.design.activations):
        init = dict(remedy.change) if remedy else {}
        return Remedy(
            {"activations": activations, **init}, "relu in the place of sigmoid: its slope is 1, not ¼ or less."
        )
    if remedy:
        return remedy
    two = {"hidden": list(case.design.hidden[:2]), "activations": list(case.design.activations[:2])}
    return (
        Remedy(two, "Two hidden layers only: less of a way for the gradient.") if len(case.design.hidden) > 2 else None
    )


def _bent(case: Case) -> Remedy | None:
    if "identity" not in case.design.activations:
        return _random(case) or _normalized(case)
    tanh = case.activations({"identity": "tanh"})
    return Remedy(
        {"activations": tanh}, "tanh in the place of identity, so that the layers are more than one linear map."
    )


def _restrained(case: Case) -> Remedy | None:
    """Stronger L2, by the size of a mini-batch."""
    before = case.options.l2
    batch = min(case.options.batch_size, case.examples.Y.shape[1])
    l2 = float(f"{max(10 * before, 0.01 * batch):.1g}")
    return Remedy({"l2": l2}, f"λ = {l2:g} instead of {before:g}: weights pay for their size.")


def _larger(case: Case) -> Remedy | None:
    hidden, activations = list(case.design.hidden), list(case.design.activations)
    if not hidden:
        return Remedy({"hidden": [8], "activations": ["tanh"]}, "A hidden layer of 8 tanh units.")
    wider = [min(max(2 * n, 8), max(n, MOST_UNITS)) for n in hidden]
    if wider == hidden:
        return None
    return Remedy({"hidden": wider, "activations": activations}, f"More hidden units: {', '.join(map(str, wider))}.")


def _hopeful(case: Case) -> Remedy | None:
    return _larger(case) if "underfitting" in case.others else None


# Findings that say that nothing is learned, and not why.
_STUCK = ("constant predictions", "no better than a constant", "underfitting")

REMEDIES: dict[str, Callable[[Case], Remedy | None]] = {
    "inputs not normalized": _normalized,
    "targets not scaled": _reachable,
    "inputs do not tell the target": _nothing,
    "class imbalance": _nothing,
    "duplicated columns": _dropped,
    "leaking columns": _dropped,
    "L2 too strong": _less_l2,
    "dropout too strong": _less_dropout,
    "symmetric hidden units": _apart,
    "exploding gradients": _smaller_gradients,
    TOO_HIGH: _slower,
    "saturated units": _unsaturated,
    "dead ReLU units": _leaky,
    "vanishing gradients": _steeper,
    "learning rate too low": _faster,
    "linear hidden layers": _bent,
    "constant predictions": _hopeful,
    "no better than a constant": _hopeful,
    "overfitting": _restrained,
    "underfitting": _larger,
}
