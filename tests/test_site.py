"""The site, without building it: its pages are complete, its links lead somewhere, and what it shows is true."""

import fnmatch
import re
import runpy
from pathlib import Path

import matplotlib
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt

import chainrule
from support import docstrings
from support.links import anchors, links
from support.shown import run_and_compare

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if not {"generated", "quiz"} & {*path.parts})
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *PAGES]


@pytest.fixture
def site(monkeypatch):
    """The parts of the site in docs/_site can be imported."""
    monkeypatch.syspath_prepend(DOCS / "_site")


def test_every_public_name_has_a_page_in_the_reference():
    pages = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md"))
    listed = re.findall(r"^   ((?:\w+\.)?\w+)$", pages, re.MULTILINE)
    public = {name.removeprefix("chainrule."): thing for name, thing in docstrings.public_names()}
    roots = {name: thing for name, thing in public.items() if "." not in name}
    of_modules = {
        name
        for name, thing in public.items()
        if name.count(".") == 1 and name.partition(".")[0] in vars(chainrule) and name.partition(".")[0].islower()
        if not any(thing is root for root in roots.values())
    }
    modules = {name for name, thing in roots.items() if type(thing).__name__ == "module"}
    assert sorted(set(roots) - modules | of_modules) == sorted(listed)


def entries(page):
    """What the toctrees of a page name: paths without an ending, and whether the page has to say more of them."""
    for block in re.findall(r"^```\{toctree\}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line and not line.startswith(":"):
                yield (page.parent / line).relative_to(DOCS).as_posix(), ":hidden:" in block


def test_every_page_is_in_one_toctree_and_where_that_is_hidden_described_beside_it():
    for path in set(PAGES) - {DOCS / "index.md"}:
        name = path.relative_to(DOCS).with_suffix("").as_posix()
        found = [(page, hidden) for page in PAGES for entry, hidden in entries(page) if fnmatch.fnmatch(name, entry)]
        assert len(found) == 1, f"docs/{name}.md: in the toctrees of {found}, wanted in that of one page"
        page, hidden = found[0]
        if hidden and page != DOCS / "index.md":  # whose sections the head of every page names
            assert path in dict(links(page)), f"docs/{name}.md: {page.name} has no line for it"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_to_a_place(document):
    wrong = []
    for path, anchor in links(document):
        if not path.exists() or not path.is_relative_to(ROOT):
            wrong.append(str(path))
        elif anchor and path.suffix == ".md" and anchor not in anchors(path):
            wrong.append(f"{path.name}#{anchor}")
    assert wrong == []


def test_the_picture_of_the_rooms_is_that_of_their_imports():
    drawn = runpy.run_path(str(DOCS / "architecture.py"))
    assert (DOCS / "architecture.svg").read_text(encoding="utf-8") == drawn["picture"](), "run docs/architecture.py"
    assert set().union(*map(str.split, drawn["KIND"].values())) <= set().union(*drawn["ORDER"])


COMING_FROM = [path for path in PAGES if path.parent.name == "coming-from" and path.stem != "index"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Keras's own
@pytest.mark.parametrize("page", COMING_FROM, ids=lambda path: path.stem)
def test_both_codes_come_to_the_numbers_that_are_shown(page, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    if needed := {"pytorch": "torch", "keras": "keras"}.get(page.stem):
        pytest.importorskip(needed)
    monkeypatch.chdir(tmp_path)
    run_and_compare(page.read_text(encoding="utf-8"), {"__name__": page.stem})


@pytest.mark.parametrize("name", ["flower", "own_loss", "streaming"])
def test_examples_of_the_gallery_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        runpy.run_path(str(DOCS / "gallery" / f"plot_{name}.py"))
        assert plt.get_fignums()
    finally:
        plt.close("all")


def test_equations_are_found_in_text_and_set_in_mathml(site):
    from equations import find, mathml

    text = "A network: Z[l] = W[l] A[l-1] + b[l], for l = 1 … L. A loss (J = w²/2) is a number, X = a table, y = x."
    assert [text[start:end] for start, end in find(text)] == [
        "Z[l] = W[l] A[l-1] + b[l]",
        "l = 1",
        "J = w²/2",
        "y = x",
    ]
    inside = [
        mathml(text).split("<mrow>", 1)[1].rsplit("</mrow>", 1)[0] for text in ("e⁻ᶻ", "(1/m) ŷ", "√(s + ε)", "W[2]ᵀ")
    ]
    assert inside == [
        "<msup><mi>e</mi><mrow><mtext>−z</mtext></mrow></msup>",
        "<mfrac><mrow><mn>1</mn></mrow><mrow><mi>m</mi></mrow></mfrac><mi>ŷ</mi>",
        "<msqrt><mrow><mi>s</mi><mo>+</mo><mi>ε</mi></mrow></msqrt>",
        "<msup><mi>W</mi><mrow><mtext>[2]</mtext><mtext>⊤</mtext></mrow></msup>",
    ]


def test_links_to_what_is_not_a_page_are_those_of_the_site(site):
    from pages import linked

    page = DOCS / "tutorial" / "x.md"
    text = "[a](../../SECURITY.md#x) [`b`](../../src/chainrule/equations.py) [c](../../native) [d](https://e.org)"
    assert linked(text, page, page) == (
        "[a](../generated/project/SECURITY.md#x) [`b`](../../src/chainrule/equations.py) c [d](https://e.org)"
    )


def test_the_words_of_the_search_lead_to_pages_that_are_there(site):
    from found import SILENT, WORDS

    public = {f"generated/reference/{name}" for name, _ in docstrings.public_names()}
    gallery = {f"generated/gallery/{path.stem}" for path in (DOCS / "gallery").glob("*.py")}
    ours = {path.relative_to(DOCS).with_suffix("").as_posix() for path in PAGES}
    named = {page for pages in WORDS.values() for page in pages}
    assert named - public - gallery - ours == set()
    assert not named & set(SILENT)


@pytest.mark.parametrize(
    ("page", "head"),
    [("reference/functions", "```{index} ! "), ("generated/gallery/plot_regularization", ".. index:: ! ")],
)
def test_the_words_of_a_page_are_main_entries_of_the_index_above_its_title(site, page, head):
    from found import read, words

    class App:
        class env:  # noqa: N801
            doc2path = staticmethod(lambda name: name + (".md" if head.startswith("`") else ".rst"))

    content = ["# Title\n"]
    read(App, page, content)
    assert content[0].startswith(head + ", ! ".join(words(page)))
    assert content[0].endswith("\n\n# Title\n")
    assert words(page)


def test_sections_that_are_listed_in_a_table_are_not_listed_once_more():
    for name in ("guides", "project"):
        text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
        assert text.count("```{toctree}") == text.count("```{toctree}\n:hidden:"), name


FIRST = [ROOT / "README.md", *COMING_FROM, *(DOCS / f"{name}.md" for name in ("convert", "jax", "onnx", "tables"))]


@pytest.mark.parametrize("page", FIRST, ids=lambda path: path.stem)
def test_code_of_the_first_pages_is_as_narrow_as_its_place(page):
    text = page.read_text(encoding="utf-8")
    for part in re.split(r"(?=^<div class=\"beside\">)|(?<=^</div>\n</div>\n)", text, flags=re.MULTILINE):
        most = 60 if part.startswith("<div") else 88
        for code in re.findall(r"^```(?:python|py|console|sh)\n(.*?)^```", part, re.MULTILINE | re.DOTALL):
            assert [line for line in code.splitlines() if len(line) > most] == []
