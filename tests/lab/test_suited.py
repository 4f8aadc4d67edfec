"""A design suits the data that it is given: by itself, unless a person has said otherwise."""

import pytest

from chainrule.lab.data import load
from chainrule.lab.design import Design, suited
from chainrule.lab.session import Lab

FLOWER = Design.of({"data": {"kind": "bundled", "name": "flower"}})


@pytest.mark.parametrize(
    ("name", "normalize", "batch_size"),
    [("flower", None, None), ("wine", "standard", None), ("digits", None, 64), ("diabetes", "standard", None)],
)
def test_wide_inputs_are_normalized_and_many_examples_come_in_mini_batches(name, normalize, batch_size):
    data = {"kind": "bundled", "name": name}
    found = suited(FLOWER.but(data=data), load(data))
    assert (found.normalize, found.batch_size) == (normalize, batch_size)


def test_other_data_bring_what_suits_them_and_what_was_said_stays():
    lab = Lab(FLOWER)
    try:
        lab.call(lambda: lab.change_design({"data": {"kind": "bundled", "name": "wine"}}))
        assert lab.run().design.normalize == "standard"
        lab.call(lambda: lab.change_design({"hidden": [3]}))
        assert lab.run().design.normalize == "standard"
        lab.call(lambda: lab.change_design({"data": {"kind": "bundled", "name": "iris"}, "normalize": None}))
        assert lab.run().design.normalize is None
        lab.call(lambda: lab.change_design({"data": {"kind": "bundled", "name": "flower"}}))
        assert lab.run().design.normalize is None
    finally:
        lab.close()
