"""Why does my network not learn? Measured quantities, each against a threshold that has a reason.

A check looks at one thing and says what it measured, or why it could not. All faults are told. Faults cause one
another, dead units make the predictions constant: so the one that may have caused the most of the others comes first.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.network import Network
from chainrule.working.diagnosis import curves, data, signals
from chainrule.working.diagnosis.measure import Measured, measure
from chainrule.working.diagnosis.report import Diagnosis, Finding, NotMeasuredError
from chainrule.working.trace import check_network

__all__ = ["Diagnosis", "Finding", "diagnose"]

MOST = 2000  # examples that are looked at
LEARNED = 0.9  # a network that has removed this share of the cost of the best constant answer has learned


@dataclass(frozen=True)
class Check:
    """One row of the table.

    measure: gives what it finds, without the name, or raises NotMeasuredError. explains: the faults that this one may
    cause. hinders: it keeps a network from learning, so it is no fault of one that has learned.
    """

    measure: Callable[[Measured], Iterator[Finding]]
    explains: frozenset[str] = frozenset()
    hinders: bool = False


# What a network looks like that does not learn, or learns slowly, whatever the cause.
_STUCK = frozenset({"constant predictions", "no better than a constant", "underfitting"})
_SLOW = _STUCK | {"learning rate too low", "linear hidden layers"}
_UNITS = frozenset({"saturated units", "dead ReLU units", "vanishing gradients"})

CHECKS: dict[str, Check] = {
    "inputs not normalized": Check(
        data.inputs, _SLOW | _UNITS | {"exploding gradients", "learning rate too high"}, hinders=True
    ),
    "targets not scaled": Check(data.targets, _SLOW | _UNITS | {"learning rate too high"}, hinders=True),
    "inputs do not tell the target": Check(data.uninformative, _SLOW | {"overfitting"}),
    "class imbalance": Check(data.classes, _STUCK),
    "duplicated columns": Check(data.duplicates),
    "leaking columns": Check(data.leaks),
    "L2 too strong": Check(signals.decay, _SLOW | _UNITS | {"symmetric hidden units"}, hinders=True),
    "dropout too strong": Check(signals.dropout, _SLOW | _UNITS, hinders=True),
    "symmetric hidden units": Check(signals.symmetric, _SLOW | _UNITS, hinders=True),
    "exploding gradients": Check(
        signals.exploding, _SLOW | {"saturated units", "dead ReLU units", "learning rate too high"}, hinders=True
    ),
    "learning rate too high": Check(curves.too_high, _SLOW | _UNITS, hinders=True),
    "saturated units": Check(signals.saturated, _SLOW | {"vanishing gradients"}, hinders=True),
    "dead ReLU units": Check(signals.dead, _SLOW | {"vanishing gradients"}, hinders=True),
    "vanishing gradients": Check(signals.vanishing, _SLOW, hinders=True),
    "learning rate too low": Check(curves.too_low, _STUCK | {"linear hidden layers"}, hinders=True),
    "linear hidden layers": Check(signals.linear, _STUCK, hinders=True),
    "constant predictions": Check(signals.constant, frozenset({"no better than a constant", "underfitting"})),
    "no better than a constant": Check(curves.baseline, frozenset({"underfitting"})),
    "overfitting": Check(curves.overfitting),
    "underfitting": Check(curves.underfitting),
}


def diagnose(
    network: Network,
    X: Any,
    Y: Any,
    *,
    steps: Any = None,
    validation: tuple[Any, Any] | None = None,
    names: Sequence[str] | None = None,
    l2: float = 0.0,
    dropout: float | Sequence[float] = 0.0,
    batch_size: int | None = None,
    weights: Any = None,
    most: int = MOST,
    seed: int = 0,
) -> Diagnosis:
    """Measure what may keep a network from learning, each quantity against a threshold that has a reason.

    Parameters
    ----------
    network : Network, left as it is
    X : array_like or sparse array of shape (n[0], m), the examples it was trained on
    Y : array_like of shape (n[L], m), their targets
    steps : list of Step, or dict, optional
        The records of its training, or a history: "cost", perhaps "validation_cost" and "learning_rate", a list each.
    validation : (X, Y), optional
        Examples that were not trained on. Needed after a training with patience: its steps go on beyond the epoch whose
        parameters came back.
    names : sequence of str, optional, what to call the n[0] columns of the data
    l2, dropout, batch_size : optional
        As in training: nobody can tell from a network that λ was too strong, or the dropout.
    weights : array_like of shape (m,) or (1, m), optional, the example weights, as in training
    most : int
        Of more training examples, that many are drawn; of more than 2,000 columns, 2,000.
    seed : int, by which they are drawn

    Returns
    -------
    Diagnosis
        The findings, a sequence, the likeliest cause first: empty, and so false, if nothing is wrong.

    Raises
    ------
    ValueError
        For examples that do not fit the network.
    """
    check_network("diagnose", network)
    faults: list[Finding] = []
    passed: list[Finding] = []
    unchecked = {}
    with np.errstate(all="ignore"):  # a network that has diverged is diagnosed, too
        measured = measure(network, X, Y, steps, validation, names, l2, weights, most, seed, dropout, batch_size)
        for name, check in CHECKS.items():
            harmless = check.hinders and measured.learned >= LEARNED
            try:
                for finding in check.measure(measured):
                    finding = replace(finding, name=name)
                    (faults if finding.beyond and not harmless else passed).append(finding)
            except NotMeasuredError as why:
                unchecked[name] = str(why)
    found = dict.fromkeys(fault.name for fault in faults)
    explains = {name: tuple(effect for effect in found if effect in CHECKS[name].explains) for name in found}
    causes = {name: tuple(cause for cause in found if name in explains[cause]) for name in found}
    likeliest = sorted(faults, key=lambda fault: (bool(causes[fault.name]), -len(explains[fault.name])))
    return Diagnosis(
        network=repr(network),
        findings=tuple(replace(f, explains=explains[f.name], explained_by=causes[f.name]) for f in likeliest),
        passed=tuple(passed),
        unchecked=unchecked,
        examples=measured.examples,
        columns=(len(measured.columns), network.sizes[0]),
        seed=seed,
        learned=measured.learned,
    )
