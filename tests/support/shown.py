"""What a document shows of what was printed: the same words, and numbers up to their rounding on another processor."""

import re

import pytest

NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[-+]?\d+)?")


def assert_as_shown(printed, shown):
    """The same words; numbers up to 2 % or their last decimal, because another processor rounds otherwise."""
    assert NUMBER.sub("#", printed).split() == NUMBER.sub("#", shown).split(), printed
    for got, wanted in zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True):
        decimals = len(wanted.partition(".")[2])
        last = 10.0**-decimals if decimals and "e" not in wanted else 1e-6  # an error of rounding may be any below
        assert float(got) == pytest.approx(float(wanted), rel=0.02, abs=1.01 * last), printed
