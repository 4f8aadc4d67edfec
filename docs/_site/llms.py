"""llms.txt: a short map of the site for language models, with each page as the text that it is made of."""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def first_sentence(document: nodes.document) -> str:
    """What a page says first."""
    text = next((p.astext() for p in document.findall(nodes.paragraph)), "")
    return " ".join(text.split()).partition(". ")[0].rstrip(".:")


def below(env: BuildEnvironment, name: str) -> list[str]:
    """The pages in the toctrees of a page, and in theirs."""
    return [page for child in env.toctree_includes.get(name, []) for page in (child, *below(env, child))]


def written(env: BuildEnvironment) -> str:
    """The map: a heading for each section, a line for each page."""

    def line(page: str) -> str:
        return f"- [{env.titles[page].astext()}]({source(env, page)}): {first_sentence(env.get_doctree(page))}"

    lines = ["# chainrule", "", f"> {first_sentence(env.get_doctree('index'))}."]
    for section in env.toctree_includes["index"]:
        lines += ["", f"## {env.titles[section].astext()}", "", line(section), *map(line, below(env, section))]
    return "\n".join([*lines, ""])


def source(env: BuildEnvironment, page: str) -> str:
    """Where the text of a page is on the site."""
    return f"_sources/{page}{Path(env.doc2path(page)).suffix}.txt"


def write(app: Sphinx, error: Exception | None) -> None:
    """Put the map beside the pages."""
    if error is None and app.builder.format == "html":
        (Path(app.outdir) / "llms.txt").write_text(written(app.env), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
