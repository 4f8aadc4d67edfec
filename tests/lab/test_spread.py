"""Histograms of the lab, of numbers of any size."""

import numpy as np
import pytest

from chainrule.lab import spread, views
from chainrule.lab.data import load
from chainrule.lab.design import Design
from chainrule.lab.run import Run
from support.lab import FLOWER

LARGEST = np.finfo(float).max


@pytest.mark.parametrize(
    ("values", "counts", "ends"),
    [
        ([1e30], [0, 0, 1, 0], None),
        ([0.0, 1.0, 1e30], [2, 0, 0, 1], (0, 1e30)),
        ([-LARGEST, LARGEST], [1, 0, 0, 1], (-LARGEST, LARGEST)),
        ([LARGEST], [0, 0, 1, 0], None),
        ([1, 2, 4, 5, np.nan, np.inf], [1, 1, 0, 2], (1, 5)),
        ([], [0, 0, 0, 0], (0, 1)),
    ],
)
def test_numbers_of_any_size_have_a_histogram(values, counts, ends):
    found, edges = spread.histogram(np.array(values, float), 4)
    assert found.tolist() == counts
    assert np.isfinite(edges).all()
    assert ends is None or (edges[0], edges[-1]) == ends


def test_a_bias_that_explodes_can_be_looked_at_with_all_others():
    run = Run(1, "", Design.of(FLOWER), load(FLOWER["data"]))
    for value in (1e30, LARGEST):
        run.edit("b", 2, 0, 0, value)
        with np.errstate(all="ignore"):
            assert views.look(run, "array", {"letter": "b", "l": 2})["counts"].sum() == 4
            for view in ("letters", "units", "parameters", "layer"):
                views.look(run, view, {"l": 2} if view == "layer" else {})
