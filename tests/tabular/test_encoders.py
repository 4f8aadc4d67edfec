"""Numbers by their quantiles: the formula, what ties do to knots, and that it comes through files and ONNX."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.tabular.encoders import SIZE, PiecewiseLinear


def test_each_bin_is_a_ramp_from_one_knot_to_the_next():
    x = np.arange(13.0)[:, None]
    made = PiecewiseLinear(bins=3).fit(x)
    assert made.knots_[0].tolist() == [0, 4, 8, 12]
    Z = made.transform([[2.0], [-5.0], [99.0]])
    assert Z[:, 0].tolist() == [2, -5, 99]
    ramps = (Z[:, 1:] / SIZE + 1) / 2
    np.testing.assert_allclose(ramps, [[0.5, 0, 0], [0, 0, 0], [1, 1, 1]], atol=1e-15)
    assert list(made.get_feature_names_out(["a"])) == ["a", "a bin 1", "a bin 2", "a bin 3"]


@pytest.mark.parametrize(
    ("x", "knots"),
    [
        ([3.0] * 20, []),  # constant
        ([0.0, 1.0] * 10, []),  # what a line can say
        ([1.0, 2.0, 5.0] * 9 + [7.0], [1, 2, 5, 7]),  # few values: all of them
        ([0.0] * 95 + list(range(1, 31)), [0, 7, 15, 23, 30]),  # most quantiles are 0: those of the values
    ],
)
def test_of_values_that_are_often_there_one_knot_is_made(x, knots):
    made = PiecewiseLinear(bins=4).fit(np.array(x)[:, None])
    assert made.knots_[0].tolist() == knots
    assert made.transform(np.array(x)[:, None]).shape == (len(x), 1 + max(0, len(knots) - 1))


def test_a_file_with_knots_that_are_not_in_order_is_refused(tmp_path):
    made = PiecewiseLinear(3).fit(np.arange(20.0)[:, None])
    made.knots_[0][1] = 1e9
    with pytest.raises(ValueError, match="knots are not in order"):
        cr.save(made, tmp_path / "m")
