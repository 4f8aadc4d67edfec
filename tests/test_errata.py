"""The errata: each check finds its mistake in the wrong version only, and prints what the page says one sees."""

import contextlib
import io
import operator
import re
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt

import chainrule as cr

DOCS = Path(__file__).resolve().parents[1] / "docs"
INDEX = DOCS / "errata.md"
GROUPS = [DOCS / "errata" / f"{name}.md" for name in ("equations", "code", "numpy", "numbers", "words")]
PARTS = ["Seen as", "Wrong", "Right", "Why", "Check"]
BOTH_WAYS = re.compile(r"^assert check\(wrong\)( and check\(\w+\))* and not check\(right\)$", re.MULTILINE)
NUMBER = re.compile(r"\d+(?:\.\d+)?")
ON_PAPER = {
    "The 2 in He's weights found by trial",
    "The sigmoid of 10 taken for 0",
    "The slope of ReLU at 0",
    "Linear regression said for gradient descent",
    "The input counted as a layer",
    "Only data, no code",
}


def errata():
    """(page, heading) → the text below the heading."""
    found = {}
    for page in GROUPS:
        for part in re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            heading, _, text = part.partition("\n")
            found[page, heading] = text
    return found


ERRATA = errata()


def anchor(heading):
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


ANCHORS = {f"errata/{page.name}#{anchor(heading)}": (page, heading) for page, heading in ERRATA}


def seen(text):
    """What one sees of a mistake, word by word: what stands in code in the first part."""
    return re.findall(r"`([^`]+)`", " ".join(text.split("**Wrong:**")[0].split()))


def assert_printed(wanted, printed):
    """The same words; numbers up to 2 %, because another processor rounds otherwise."""
    words = NUMBER.split(wanted)
    for got in re.findall(NUMBER.pattern.join(map(re.escape, words)), printed):
        pairs = zip(NUMBER.findall(got), NUMBER.findall(wanted), strict=True)
        if all(float(a) == pytest.approx(float(b), rel=0.02) for a, b in pairs):
            return
    raise AssertionError(f"{wanted!r} is not in what the check prints:\n{printed}")


@pytest.mark.parametrize(("page", "heading"), ERRATA, ids=[f"{page.stem}-{heading}" for page, heading in ERRATA])
def test_a_check_finds_its_mistake_in_the_wrong_version_only_and_prints_what_one_sees(page, heading):
    text = ERRATA[page, heading]
    assert re.findall(r"^\*\*(.+?):\*\*", text, re.MULTILINE) == PARTS
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert BOTH_WAYS.search(block)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), np.errstate(all="warn", under="ignore"):  # as NumPy is when it starts
        exec(compile(block, heading, "exec"), {"__name__": "erratum"})
    for wanted in seen(text):
        assert_printed(wanted, printed.getvalue())


def test_what_is_seen_leads_to_an_erratum_in_which_it_is_seen():
    rows = re.findall(r"^\| (.+) \| (.+) \|$", INDEX.read_text(encoding="utf-8"), re.MULTILINE)
    found = set()
    for what, links in rows[2:]:
        targets = [ANCHORS[link] for link in re.findall(r"\]\((errata/[^)]+)\)", links)]
        assert targets, what
        found.update(targets)
        for words in re.findall(r"`([^`]+)`", what):
            assert [target for target in targets if not any(words in one for one in seen(ERRATA[target]))] == [], words
    assert {heading for _, heading in set(ERRATA) - found} == ON_PAPER


def test_the_list_has_all_of_them_in_order():
    listed = re.findall(r"^- \[(.+)\]\((.+)\)$", INDEX.read_text(encoding="utf-8"), re.MULTILINE)
    assert [(title.replace("\\", ""), link) for title, link in listed] == [
        (heading, link) for link, (_, heading) in ANCHORS.items()
    ]
    assert len(listed) == 44
    assert "Forty-four mistakes" in INDEX.read_text(encoding="utf-8")


SLIPS = {
    "True written true": lambda net, X, Y: np.sum(X, keepdims=true),  # noqa: F821
    "A shape in np.zeros without its parentheses": lambda net, X, Y: np.zeros(4, 1),
    "Weights assigned into empty lists": lambda net, X, Y: operator.setitem([], 1, X),
    "A key of the cache that was never made": lambda net, X, Y: {"A1": X}["A0"],
}


@pytest.mark.parametrize("heading", SLIPS)
def test_an_error_that_has_one_cause_leads_to_its_erratum(heading):
    (page,) = [page for page, other in ERRATA if other == heading]
    note = f"(erratum: docs/errata/{page.name}, {heading})"
    X, Y = cr.datasets.moons(10)
    with pytest.raises(Exception) as raised:
        cr.check_gradients(cr.Network([2, 1], seed=0), X, Y, SLIPS[heading])
    assert note in raised.value.__notes__
    with pytest.raises(type(raised.value)) as raised:
        cr.check_training(lambda X, Y: SLIPS[heading](None, X, Y), X, Y)
    assert note in raised.value.__notes__


@pytest.mark.parametrize(
    "error",
    [NameError("name 'A2' is not defined"), KeyError("A1"), IndexError("list index out of range"), ValueError("no")],
)
def test_an_error_that_may_have_any_cause_leads_nowhere(error):
    def gradient(net, X, Y):
        raise error

    X, Y = cr.datasets.moons(10)
    with pytest.raises(type(error)) as raised:
        cr.check_gradients(cr.Network([2, 1], seed=0), X, Y, gradient)
    assert len(raised.value.__notes__) == 1


@pytest.mark.parametrize("page", [INDEX, *GROUPS], ids=lambda page: page.stem)
def test_every_link_leads_to_a_heading(page):
    lines = MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8"))
    links = [part.attrs["href"] for line in lines for part in line.children or [] if "href" in part.attrs]
    assert links
    for link in links:  # a g[l](Z[l]) in prose would be a link
        name, _, wanted = link.partition("#")
        text = (page.parent / name).read_text(encoding="utf-8")
        headings = re.findall(
            r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
        )
        assert not wanted or wanted in map(anchor, headings), link
