"""How sure a regression is: intervals that hold the true number as often as they promise, from held-out rows."""

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from chainrule._types import Array

PART, PARTS = 30, 10  # rows in each part of the scale at least, and parts at most
MOST = 5000  # errors that are kept


@dataclass(frozen=True, eq=False)
class Intervals:
    """What was learned of the errors of a regression.

    at, scale: (b,) predictions, ascending, and the mean size of an error there; between them it is interpolated.
    errors: (k,) y − prediction in units of the scale, ascending. least: what no number was below, 0 or −∞.
    """

    at: Array
    scale: Array
    errors: Array
    least: float

    def __call__(self, predicted: Any, level: float = 0.9) -> Array:
        """The interval of each prediction.

        Parameters
        ----------
        predicted : array of shape (m,)
        level : float, default 0.9
            In how many cases it shall hold the true number, above 0 and below 1.

        Returns
        -------
        array of shape (m, 2)
            The lower and the upper end, in the units of y.

        Raises
        ------
        ValueError
            For a level that there were too few rows for.
        """
        if not 0 < level < 1:
            raise ValueError(f"level: got {level!r}, wanted a number above 0 and below 1, such as 0.9")
        p, k = np.asarray(predicted, dtype=float), len(self.errors)
        scale = np.interp(p, self.at, self.scale)
        each = ceil((k + 1) * (1 + level) / 2 - 1e-9)  # half of what is missed on either side
        if each <= k:
            low, high = self.errors[k - each], self.errors[each - 1]
        else:
            both = ceil((k + 1) * level - 1e-9)
            if both > k:
                raise ValueError(
                    f"an interval of {level:.0%} needs {ceil(level / (1 - level) - 1e-9)} held-out rows or more, "
                    f"there were {k}: ask for a lower level"
                )
            high = np.sort(abs(self.errors))[both - 1]
            low = -high
        ends = np.stack([p + low * scale, p + high * scale], axis=1)
        # A prediction that nearly all numbers were above, or below, is an end itself: an interval holds its prediction.
        ends[:, 0], ends[:, 1] = np.minimum(ends[:, 0], p), np.maximum(ends[:, 1], p)
        held: Array = np.maximum(ends, np.minimum(self.least, p)[:, None])
        return held


def fit_intervals(predicted: Any, y: Any) -> Intervals | None:
    """Learn the intervals of predictions from rows that were not trained on.

    Parameters
    ----------
    predicted, y : arrays of shape (k,)
        Of held-out rows.

    Returns
    -------
    Intervals or None
        None without a row.

    Notes
    -----
    Split conformal prediction with locally weighted errors: the errors of the held-out rows, in units of the mean error
    of rows with about the same prediction, are sorted; of new rows from the same source the error is as likely to lie
    between any two of them, so that the ⌈(k + 1)(1 − α/2)⌉-th from either end bounds 1 − α of all cases. The share is
    that of all rows together; of some kinds of rows it may be lower.
    Sources: Vovk, Gammerman & Shafer 2005; Lei, G'Sell, Rinaldo, Tibshirani & Wasserman 2018, section 5.2.
    """
    p, y = np.asarray(predicted, dtype=float), np.asarray(y, dtype=float)
    if not len(p):
        return None
    sizes = abs(y - p)
    parts = np.array_split(np.argsort(p, kind="stable"), max(1, min(PARTS, len(p) // PART)))
    at, scale = (np.array([values[part].mean() for part in parts]) for values in (p, sizes))
    scale = np.maximum(scale, 0.1 * sizes.mean())
    if not scale.all():  # no error at all
        scale = np.ones_like(scale)
    errors = np.sort((y - p) / np.interp(p, at, scale))
    if len(errors) > MOST:
        errors = errors[np.linspace(0, len(errors) - 1, MOST).round().astype(int)]
    return Intervals(at, scale, errors, 0.0 if y.min() >= 0 else -np.inf)
