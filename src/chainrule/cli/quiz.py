"""chainrule quiz: questions, and for each an experiment that answers it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from chainrule.cli import complete, screen
from chainrule.cli.common import CommandError, Json
from chainrule.cli.output import console, print_json, show
from chainrule.cli.playing import Keys, is_ours, play
from chainrule.text import first_few, meant

if TYPE_CHECKING:
    from chainrule.quiz import Chapter, Outcome, Question

WIDEST = 88  # columns of a line that is easy to read


def quiz(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Chapters, questions, or files of your own (FILE.md); all of ours unless given.",
            autocompletion=complete.chapters,
        ),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Say which questions there are, and ask none.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Run the experiments, and say where one disagrees with its file.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a page with the answers folded.")] = False,
    run: Annotated[bool, typer.Option("--run", help="Run the programs in FILE.md without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Answer questions about networks; an experiment that runs then and there confirms or refutes each option.

    One key for each answer, a to e. Where there is no terminal, answers are read from standard input, a letter a line.
    """
    from chainrule.quiz import as_data, as_page

    if listed + check + markdown > 1 or (as_json and markdown):
        raise CommandError(
            "--list, --check and --markdown (which is no JSON) are different things; ask for one of them"
        )
    chapters = _chosen(names or [])
    if listed:
        if as_json:
            print_json({"questions": [as_data(question) for chapter in chapters for question in chapter.questions]})
        else:
            rows = [(chapter.name, question.name) for chapter in chapters for question in chapter.questions]
            console().print(screen.table(("chapter", "question"), rows))
        return
    say, keys = console(silent=as_json or markdown), Keys()
    say.width = min(say.width, WIDEST)
    _allow(say, keys, [chapter for chapter in chapters if not is_ours(chapter.path)], run)
    if not (check or markdown or as_json):
        play(say, keys, chapters)
        return
    found = [list(_measured(chapter)) for chapter in chapters]
    every = [each for chapter in found for each in chapter]
    problems = [outcome.against(question) for question, outcome in every]
    if as_json:
        print_json({"questions": [as_data(question, outcome) for question, outcome in every]})
    elif markdown and not any(problems):
        show(as_page(chapters, [[outcome for _, outcome in each] for each in found], whole=not names), end="")
    elif check:
        for (question, _), problem in zip(every, problems, strict=True):
            say.print(f"{question.name}: {problem or f'{question.right} holds'}")
    if any(problems) and (check or markdown):
        first = next(filter(None, problems))
        raise CommandError(
            f"{sum(map(bool, problems))} of {screen.counted(len(every), 'question')} cannot stand: {first}"
        )


def _chosen(names: Sequence[str]) -> "list[Chapter]":
    """The chapters, each with the questions that are asked for."""
    from chainrule.quiz import bundled, read

    known = bundled()
    if not names:
        return known
    ours: dict[str, tuple[Chapter, tuple[Question, ...]]]
    ours = {question.name: (chapter, (question,)) for chapter in known for question in chapter.questions}
    ours |= {chapter.name: (chapter, chapter.questions) for chapter in known}
    chosen: dict[Path, tuple[Chapter, dict[str, Question]]] = {}
    for name in names:
        if name.lower().endswith(".md"):
            chapter = _opened(Path(name), read)
            questions = chapter.questions
        elif name in ours:
            chapter, questions = ours[name]
        else:
            there = ", ".join(chapter.name for chapter in known)
            raise CommandError(
                f"unknown chapter or question {name!r}.{meant(name, ours)} Chapters: {there}; chainrule quiz --list "
                "names the questions. A file of your own ends in .md."
            )
        chosen.setdefault(chapter.path, (chapter, {}))[1].update({question.name: question for question in questions})
    return [replace(chapter, questions=tuple(questions.values())) for chapter, questions in chosen.values()]


def _opened(path: Path, read: "Callable[[Path], Chapter]") -> "Chapter":
    try:
        return read(path)
    except OSError as error:
        raise CommandError(f"{path}: {'no such file' if not path.exists() else error.strerror or error}") from None


def _allow(say: Console, keys: Keys, foreign: "Sequence[Chapter]", run: bool) -> None:
    """CommandError unless the programs of strangers may run."""
    if not foreign or run:
        return
    files = first_few(str(chapter.path) for chapter in foreign)
    count = screen.counted(sum(len(chapter.questions) for chapter in foreign), "program")
    what = f"{files}: holds {count} in Python, which can do on this machine whatever you can"
    if say.quiet or not keys.single:
        raise CommandError(f"{what}; read the file first, then say --run")
    say.print(f"{what}. Read the file first, unless you trust whoever wrote it.")
    if keys.ask(say, "Run it? y or n ", "yn") != "y":
        raise CommandError(f"{files}: was not run")


def _measured(chapter: "Chapter") -> "Iterator[tuple[Question, Outcome]]":
    from chainrule.quiz import Experiments

    with Experiments(chapter.questions) as experiments:
        for question in chapter.questions:
            yield question, experiments.outcome(question)
