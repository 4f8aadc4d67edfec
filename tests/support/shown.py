"""What a document shows of what was printed: the same words, and numbers up to their rounding on another processor."""

import contextlib
import io
import re

import pytest

# A block of Python, and the output below it where the page shows some.
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n^```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e[-+]?\d+)?")


def assert_as_shown(printed, shown):
    """The same words; numbers up to 2 % or their last decimal, because another processor rounds otherwise."""
    assert NUMBER.sub("#", printed).split() == NUMBER.sub("#", shown).split(), printed
    for got, wanted in zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True):
        decimals = len(wanted.partition(".")[2])
        last = 10.0**-decimals if decimals and "e" not in wanted else 1e-6  # an error of rounding may be any below
        assert float(got) == pytest.approx(float(wanted), rel=0.02, abs=1.01 * last), printed


def run_and_compare(text, namespace):
    """Run the blocks of a page, or of a part of one; each has to print what the page shows below it."""
    blocks = BLOCK.findall(text)
    assert len(blocks) == text.count("```python\n") > 0
    assert sum(shown != "" for _, shown in blocks) == text.count("```text\n")
    for code, shown in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "block", "exec"), namespace)
        if shown:
            assert_as_shown(printed.getvalue(), shown)
