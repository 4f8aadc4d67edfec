"""What came of a training: what is saved beside the model, and what is said of it."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix

from chainrule.cli import screen
from chainrule.cli.asked import Run
from chainrule.cli.fitting import Fitted
from chainrule.cli.judging import LEVEL, THIS, TREES, Judgment, clearly_better, no_better, together
from chainrule.cli.rows import Material
from chainrule.tabular.findings import Finding
from chainrule.text import as_json

if TYPE_CHECKING:
    from chainrule._types import Array

ADVICE = {
    "giveaway": "unless it is known before {target} is, leave it out with --drop {column}",
    "repeated": "the scores will be too good to be true, unless such rows come again",
    "time": "to test on the latest, as a forecast would be, say --time {column}",
    "imbalance": "to let it count as much as the others, say --class-weight balanced",
}


@dataclass(frozen=True)
class Result:
    """What came of a training.

    fitted: the model that is saved. tested: the one that was tested, where another was trained on all rows after it.
    rows: how many the saved model was trained on. judgments: of the test, or of each fold; none before it.
    """

    run: Run
    material: Material
    findings: Sequence[Finding]
    fitted: Fitted
    rows: int
    judgments: Sequence[Judgment] = ()
    importances: Any = None
    tested: Fitted | None = None

    @cached_property
    def scores(self) -> dict[str, dict[str, float | None]]:
        """By model and score; of several folds the mean."""
        if not self.judgments:
            return {}
        return self.judgments[0].values if len(self.judgments) == 1 else together(self.judgments).means

    @cached_property
    def deviations(self) -> dict[str, dict[str, float | None]]:
        """Of the scores over the folds, where there are some."""
        return together(self.judgments).deviations if len(self.judgments) > 1 else {}

    @cached_property
    def intervals(self) -> dict[str, list[float]]:
        """The 95 % interval of each score of this network, where there is one test."""
        return self.judgments[0].intervals if len(self.judgments) == 1 else {}

    @property
    def _of_folds(self) -> dict[str, list[float]]:
        """Where the mean over the folds is, for each score of this network: two standard errors to either side."""
        found = {}
        for name, deviation in self.deviations.get(THIS, {}).items():
            mean = self.scores[THIS][name]
            if mean is not None and deviation is not None:
                error = 2 * deviation / len(self.judgments) ** 0.5
                found[name] = [mean - error, mean + error]
        return found

    @property
    def seconds(self) -> dict[str, float]:
        """How long the models took that this network is compared with; of several folds one of them."""
        return dict(self.judgments[0].seconds) if self.judgments else {}

    @property
    def test_rows(self) -> int:
        """How many rows it was tested on."""
        return sum(len(judgment.test.y) for judgment in self.judgments)

    @cached_property
    def answers(self) -> "tuple[Array, Array, Any]":
        """What is true of the test rows, what was predicted, and the probabilities."""
        first = self.judgments[0].probabilities
        return (
            np.concatenate([judgment.test.y for judgment in self.judgments]),
            np.concatenate([judgment.predicted for judgment in self.judgments]),
            None if first is None else np.concatenate([judgment.probabilities for judgment in self.judgments]),
        )

    @cached_property
    def coverage(self) -> dict[str, float] | None:
        """Of the intervals of a regression: what they promise, the share of test rows that they hold, their width."""
        ends = [judgment.ends for judgment in self.judgments]
        if not ends or any(each is None for each in ends):
            return None
        (low, high), y = np.concatenate(ends).T, self.answers[0]
        held = float(np.mean((low <= y) & (y <= high)))
        return {"promised": LEVEL, "found": held, "width": float(np.mean(high - low))}

    @property
    def confusion(self) -> "Array | None":
        """Rows are what is true, columns what was predicted."""
        if self.material.plan.classes is None or not self.judgments:
            return None
        return np.asarray(confusion_matrix(*self.answers[:2], labels=self.fitted.model.classes_))

    @property
    def race(self) -> list[dict[str, Any]]:
        """The candidates, the best first."""
        return list(pd.DataFrame(self.fitted.model.leaderboard_).to_dict("records"))

    def title(self) -> str:
        """What the scores are of."""
        testing, where = self.run.testing, self.material.how
        weighted = f", weighted by {testing.weight}" if testing.weight is not None else ""
        if self.deviations:
            return f"Test on all rows, in {where}{weighted}: mean ± standard deviation"
        of = f": {where}" if where else ""
        return f"Test on {screen.counted(self.test_rows)} the network has not seen{of}{weighted}"

    def about(self) -> dict[str, Any]:
        """What is saved beside the model, for JSON."""
        plan, testing = self.material.plan, self.run.testing
        confusion = self.confusion
        threshold = getattr(self.fitted.model, "threshold_", None)
        return dict(
            as_json(
                {
                    "data": self.material.name,
                    "task": plan.task,
                    "target": plan.target,
                    "rows": {"train": self.rows, "test": self.test_rows, "without_target": plan.untargeted},
                    "columns": [asdict(column) for column in plan.columns],
                    "classes": None if plan.classes is None else list(plan.classes.items()),
                    "features": plan.features or len(plan.used),
                    "image_shape": plan.image_shape,
                    "seconds": round(self.fitted.seconds, 2),
                    "test": self.scores,
                    "seconds_of_others": self.seconds,
                    "intervals": self.intervals,
                    "deviations": self.deviations,
                    "folds": testing.folds,
                    "split": self.material.how or "by chance",
                    "weight": testing.weight,
                    "refit": self.run.refit,
                    "threshold": threshold,
                    "positive": getattr(self.fitted.model, "positive_", None),
                    "confusion": confusion,
                    "coverage": self.coverage,
                    "importances": None if self.importances is None else asdict(self.importances),
                    "notes": list(self.material.notes),
                    "warnings": [asdict(finding) for finding in self.findings],
                    "remarks": list(plan.remarks),
                    "race": self.race,
                }
            )
        )

    @property
    def judged(self) -> Any:
        """The model that was tested; of several folds, the one that is saved."""
        return (self.tested or self.fitted).model

    def closing(self) -> list[str]:
        """How the training went."""
        networks = self.fitted.model.networks_
        epochs = [network.n_iter_ for network in networks]
        each = screen.counted(max(epochs), "epoch")
        if min(epochs) < max(epochs):  # each ends when it has learned enough
            each = f"{min(epochs)} to {each}"
        what = each if len(networks) == 1 else f"{len(networks)} networks, {each} each,"
        race = self.race
        raced = f" after a race of {len(race)} candidates" if len(race) > 1 else ""
        return [f"Trained {what} in {self.fitted.seconds:.1f} s{raced}."]

    def verdict(self) -> list[str]:
        """What the scores do not say of themselves: how sure the answers are, and whether the training was worth it."""
        lines, model = [], self.judged
        if (positive := getattr(model, "positive_", None)) is not None:
            at = getattr(model, "threshold_", None)
            since = "" if at is None else f", predicted from a probability of {at:.4g} on"
            lines.append(f"Precision, recall, F1 and PR AUC are of {self.material.plan.target} = {positive}{since}.")
        if (held := self.coverage) is not None:
            lines.append(
                f"Its intervals for {held['promised']:.0%} hold {held['found']:.1%} of the test rows, "
                f"and are {screen.number(held['width'])} wide on average."
            )
        if self.material.large is not None:
            lines.append(f"The models beside it have learned from {len(self.material.rows.y):,} of the rows.")
        if TREES in self.seconds:
            lines.append(f"The boosted trees took {self.seconds[TREES]:.1f} s.")
        sure = self.intervals or self._of_folds
        if no_better(self.material.plan, self.scores, sure):
            constant = list(self.scores)[2]
            return [*lines, f"It is no better than {constant}. What keeps it from learning: chainrule diagnose."]
        first, second = (next(iter(values.values())) for values in list(self.scores.values())[:2])
        whole = "max_iter" not in self.run.estimator  # a training cut short says nothing of the layers
        deep = whole and self.fitted.model.networks_[0].hidden_layer_sizes
        better = clearly_better(self.scores, sure)
        if deep and better and first is not None and second is not None and first <= second:
            lines.append("The hidden layers do not help on these data: --hidden none is as good, and simpler.")
        return lines

    def advice(self) -> list[str]:
        """A line for each finding: what was found, and what to do."""
        return [warning(finding, self.material.plan.target) for finding in self.findings]

    @property
    def saved(self) -> str:
        """What the saved model was trained on."""
        if self.deviations:
            return f"trained on all {self.rows:,} rows; the scores are those of {len(self.judgments)} others like it"
        if self.tested is not None:
            tested = f"{self.rows - self.test_rows:,} of them" if not self.material.tested else "the others"
            return f"trained on all {self.rows:,} rows; the scores are those of one like it, trained on {tested}"
        return f"from the {self.rows:,} training rows"


def warning(finding: Finding, target: str) -> str:
    """What was found, and what to do."""
    advice = ADVICE.get(finding.kind, "").format(target=target, column=shlex.quote(str(finding.column)))
    return f"{finding.text}: {advice}" if advice else finding.text
