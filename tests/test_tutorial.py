"""The tutorial: every block runs, in order, and prints and draws what the page shows."""

import re
from pathlib import Path

import matplotlib
import pytest
from markdown_it import MarkdownIt

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from support.shown import run_and_compare

DOCS = Path(__file__).resolve().parents[1] / "docs"
CHAPTERS = sorted((DOCS / "tutorial").glob("*.md"))


def named(pages):
    return [pytest.param(page, id=page.stem) for page in pages]


@pytest.fixture
def page_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    plt.close("all")


@pytest.mark.parametrize("page", named(CHAPTERS))
def test_a_chapter_prints_and_draws_what_it_shows_and_its_solution_passes_where_the_start_fails(page, page_directory):
    text = page.read_text(encoding="utf-8")
    start, solution = text.split("<details><summary>Solution</summary>\n")
    assert "\n## Exercise\n" in start
    namespace = {"__name__": page.stem}
    run_and_compare(start, namespace)
    check = namespace["check"]
    assert check.first_wrong is not None
    run_and_compare(solution, namespace)
    assert namespace["check"] is not check
    assert namespace["check"].first_wrong is None

    pictures = re.findall(r"^!\[.+\]\((.+\.png)\)$", text, re.MULTILINE)
    assert pictures
    assert sorted(pictures) == sorted(picture.name for picture in page_directory.iterdir())


@pytest.mark.parametrize("page", named(CHAPTERS))
def test_every_link_and_picture_leads_to_a_file(page):
    lines = MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8"))
    links = [part.attrs.get("href", part.attrs.get("src")) for line in lines for part in line.children or []]
    links = [link for link in links if link]
    assert links
    assert [link for link in links if not (page.parent / link).exists()] == []  # a g[l](Z[l]) in prose would be a link


def test_every_claim_that_the_tutorial_asks_for_exists():
    from chainrule.claims import CLAIMS

    text = "".join(page.read_text(encoding="utf-8") for page in CHAPTERS)
    names = re.findall(r"^\$ chainrule claims (\S+)", text, re.MULTILINE)
    assert names
    assert [name for name in names if name not in CLAIMS] == []
