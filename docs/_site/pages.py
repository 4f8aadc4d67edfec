"""Pages and parts of pages that are made of what is elsewhere, and links as the site has them.

Made are: the pages of SECURITY.md and its like, a part of the README, the tables of the code, the options of the
command line. Links are those of the repository. On the site one to a script of the gallery leads to its page, one to
another file of the repository to the file itself, and one to a folder is its name only.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from docutils import nodes
from equations import mathml
from sphinx.application import Sphinx
from typer.main import get_command

from chainrule import activations, initializers, losses, optimizers
from chainrule.cli import app as command_line

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
MADE = DOCS / "generated"
PROJECT = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")

LINK = re.compile(r"(?<!\!)\[(?P<text>[^\]\[]*(?:\[[^\]]*\][^\]\[]*)*)\]\((?P<path>[^)#\s:]+)(?P<anchor>#[^)\s]*)?\)")


def linked(text: str, source: Path, page: Path) -> str:
    """The text of a page with its links as the site has them: from the file that it is to the page that it becomes."""

    def link(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(source.parent / match["path"]))
        if target.parent == ROOT and target.name in PROJECT:
            target = MADE / "project" / target.name
        elif target == ROOT / "README.md":
            target = DOCS / "start.md"
        elif target == DOCS / "gallery":
            target = MADE / "gallery" / "index.rst"
        elif target.parent == DOCS / "gallery" and target.suffix == ".py":
            target = MADE / "gallery" / f"{target.stem}.rst"
        elif target.is_dir() or target.parent == DOCS / "quiz":
            return match["text"]
        elif not target.exists():
            return match[0]
        return f"[{match['text']}]({os.path.relpath(target, page.parent)}{match['anchor'] or ''})"

    return LINK.sub(link, text)


def table(*rows: tuple[str, ...]) -> str:
    """A table in Markdown; the first row is its head."""
    head, *others = ("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows)
    return "\n".join([head, "|" + " --- |" * len(rows[0]), *others, ""])


def formula(text: str) -> str:
    """A formula of a table of the code, where there is one."""
    return "" if text == "—" else mathml(text)


def tables() -> Iterator[tuple[str, str]]:
    """Name of the file → its text, for each table of the code."""
    of_activations = [
        (f"`{row.spec}`", formula(row.formula), formula(row.slope_formula), f"`{row.init}`")
        for row in activations.ACTIVATIONS.values()
    ]
    yield "activations", table(("name", "g(z)", "g′(z)", "`auto` takes"), *of_activations)
    of_losses = [
        (f"`{row.spec}`", f"`{row.output}`", formula(row.formula), formula(row.dZ)) for row in losses.LOSSES.values()
    ]
    yield "losses", table(("name", "output", "𝓛(a, y)", "dZ[L]"), *of_losses)
    rules = [rule for rule in vars(optimizers).values() if getattr(rule, "equations", ())]
    steps = [(f"`{rule.__name__}`", "<br>".join(map(formula, rule.equations))) for rule in rules]
    yield "optimizers", table(("optimizer", "a step"), *steps)
    yield "initializers", ", ".join(f"`{name}`" for name in initializers.INITIALIZERS) + "\n"


def commands() -> str:
    """Every command with its arguments and options, as it explains itself."""
    parts = []
    for name, command in get_command(command_line).commands.items():
        rows = [(typed(each), told(each)) for each in command.params]
        parts += [f"## chainrule {name}", *map(plain, command.help.split("\n\n")), table(("", ""), *rows)]
    return "\n\n".join(parts)


def typed(parameter: Any) -> str:
    """An argument or option as it is typed."""
    kind = parameter.type_descriptor.annotation
    metavar = parameter.metavar or ("|".join(get_args(kind)) if get_origin(kind) is Literal else "")
    if parameter.param_type_name == "argument":
        return f"`{metavar or parameter.name.upper()}`"
    return ", ".join(f"`{f'{name} {metavar}'.strip()}`" for name in [*parameter.opts, *parameter.secondary_opts])


def told(parameter: Any) -> str:
    """What it does, and what it is unless given."""
    default = parameter.default
    return plain(parameter.help) + (f" Default: `{default}`." if type(default) in (str, int, float) else "")


def plain(text: str | None) -> str:
    """A help text on one line, with nothing that Markdown would take for a mark."""
    return re.sub(r"([*_<\[])", r"\\\1", " ".join((text or "").split()))


def doors() -> str:
    """The part of the README that shows what each door looks like."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    part = text[text.index("## Sixty seconds") : text.index("## Where to go next")]
    return linked(part, readme, DOCS / "start.md")


def write(path: Path, text: str) -> None:
    """Write a file unless it has this text, so that Sphinx does not take it for changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def make(*_: Any) -> None:
    """Write all that is made."""
    for name in PROJECT:
        page = MADE / "project" / name
        write(page, linked((ROOT / name).read_text(encoding="utf-8"), ROOT / name, page))
    for name, text in tables():
        write(MADE / "tables" / f"{name}.txt", text)
    write(MADE / "tables" / "commands.txt", commands())
    write(MADE / "tables" / "doors.txt", doors())


def read(app: Sphinx, docname: str, content: list[str]) -> None:
    """Give Sphinx the links of a page as the site has them, and no patterns of a toctree that find nothing."""
    path = DOCS / f"{docname}.md"
    if path.exists() and MADE not in path.parents:
        text = linked(content[0], path, path)
        content[0] = re.sub(
            r"^[\w/-]+\*\n", lambda name: name[0] if [*path.parent.glob(name[0].strip())] else "", text, flags=re.M
        )


def spelled(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Keep |z| and coef_ in a docstring from being marks of reStructuredText; what stands in backticks is left."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith(".. "):
            parts = re.split(r"(`+[^`]*`+)", line)
            parts[::2] = [
                re.sub(r"\|(?=\S)|(?<=\w)_(?!\w)", r"\\\g<0>", re.sub(r"\\([|_])", r"\1", p)) for p in parts[::2]
            ]
            lines[i] = "".join(parts)


def wide(app: Sphinx, tree: nodes.document) -> None:
    """Leave the contents of a page out where two programs stand side by side."""
    if app.env.docname.startswith("coming-from/"):
        app.env.metadata[app.env.docname]["html_theme.sidebar_secondary.remove"] = "true"


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("config-inited", make)
    app.connect("source-read", read)
    app.connect("doctree-read", wide)
    app.connect("autodoc-process-docstring", spelled, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
