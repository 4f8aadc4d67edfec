"""Why does my network not learn? Measured quantities, each against a threshold that has a reason.

A check looks at one thing and says what it measured, or why it could not. Faults cause one another: dead units make the
predictions constant. So what another finding explains is not reported on its own, but with the one that explains it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.network import Network
from chainrule.working.diagnosis import curves, data, signals
from chainrule.working.diagnosis.measure import Measured, measure
from chainrule.working.diagnosis.report import Diagnosis, Finding, Result

__all__ = ["Diagnosis", "Finding", "diagnose"]

MOST = 2000  # examples that are looked at
LEARNED = 0.9  # with less than a tenth of the cost of a constant answer left, nothing stands in the way


@dataclass(frozen=True)
class Check:
    """One row of the table. hinders: it stands in the way of learning, so it is no fault once that is done."""

    measure: Callable[[str, Measured], Result]
    explains: frozenset[str] = frozenset()
    hinders: bool = False


# What a learning that is stuck looks like, whatever it is that stops it.
_STUCK = frozenset({"constant predictions", "underfitting"})
_SLOW = _STUCK | {"learning rate too low", "linear hidden layers"}
_UNITS = frozenset({"saturated units", "dead ReLU units", "vanishing gradients"})

CHECKS: dict[str, Check] = {
    "inputs not normalized": Check(
        data.inputs, _SLOW | _UNITS | {"exploding gradients", "learning rate too high"}, hinders=True
    ),
    "targets not scaled": Check(data.targets, _SLOW | _UNITS | {"learning rate too high"}, hinders=True),
    "class imbalance": Check(data.classes, _STUCK),
    "duplicated columns": Check(data.duplicates),
    "leaking columns": Check(data.leaks),
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
    "constant predictions": Check(signals.constant, frozenset({"underfitting"})),
    # Learning by heart can go on for long: that the cost still falls is then no reason to go on.
    "overfitting": Check(curves.overfitting, frozenset({"learning rate too low"})),
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
    weights: Any = None,
    most: int = MOST,
    seed: int = 0,
) -> Diagnosis:
    """What is wrong with this network on its training examples X (n[0], m), Y (n[L], m): a `Diagnosis`.

    steps: the Step records of its training, or a history such as {"cost": […], "validation_cost": […]}. validation:
    (X, Y) that were not trained on. names: of the columns of the data, n[0] of them. l2 (λ) and weights (m,) as in
    training. Of more than `most` training examples, and of more than 2,000 columns, that many are drawn by seed.

    Give validation after training with patience: the steps go on beyond the epoch whose parameters came back. Dropout
    takes no part. Raises ValueError for what `Network.check_examples` refuses.
    """
    with np.errstate(all="ignore"):  # a network that has diverged is to be diagnosed, too
        measured = measure(network, X, Y, steps, validation, names, l2, weights, most, seed)
        results = {name: check.measure(name, measured) for name, check in CHECKS.items()}
    learned = measured.learned
    faults: dict[str, list[Finding]] = {}
    passed, unchecked = [], {}
    for name, result in results.items():
        if isinstance(result, str):
            unchecked[name] = result
            continue
        harmless = CHECKS[name].hinders and learned >= LEARNED
        for finding in result:
            if finding.beyond and not harmless:
                faults.setdefault(name, []).append(finding)
            else:
                passed.append(finding)
    explained = {name: [effect for effect in faults if effect in CHECKS[name].explains] for name in faults}
    effects = {effect for found in explained.values() for effect in found}
    return Diagnosis(
        findings=tuple(
            replace(finding, explains=tuple(explained[name]))
            for name, found in faults.items()
            if name not in effects
            for finding in found
        ),
        explained=tuple(finding for name in faults if name in effects for finding in faults[name]),
        passed=tuple(passed),
        unchecked=unchecked,
        network=repr(network),
        examples=measured.examples,
        columns=(len(measured.columns), network.sizes[0]),
        seed=seed,
        learned=learned,
    )
