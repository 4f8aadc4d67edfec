"""Questions and what was found, for those who show them: as plain data, as Markdown, as plain text."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from chainrule.quiz.reading import LINK, Chapter, Question, slug
from chainrule.quiz.running import Outcome

_INLINE = re.compile(
    rf"\\(?P<escaped>[^\w\s])|(?P<ticks>`+)(?P<code>.+?)(?P=ticks)|(?P<link>{LINK.pattern})|\*\*(?P<bold>\S.*?)\*\*"
    r"|(?<![\w*])\*(?P<italic>[^\s*](?:[^*]*[^\s*])?)\*(?![\w*])"
)

_CODE_OR_LINK = re.compile(rf"(?P<ticks>`+).+?(?P=ticks)|{LINK.pattern}")

HEAD = """\
# Quiz

{} questions in {} chapters, each answered by an experiment: answer first, then unfold what it found about every option,
and why. In a terminal `chainrule quiz` asks them, one key for an answer, and counts. You can add
[questions of your own](docs/quiz-own.md). This page is written by `chainrule quiz --markdown`, from
[these files](src/chainrule/quiz/chapters)."""


def as_data(question: Question, outcome: Outcome | None = None) -> dict[str, Any]:
    """A question as plain data (texts are Markdown), with what the experiment found where there is an outcome.

    Then each option has ``holds`` and ``found``, and the question ``picture``, and ``problem``: None where experiment
    and file agree.
    """
    data: dict[str, Any] = {key: getattr(question, key) for key in ("chapter", "name", "title", "text")}
    data["options"] = [{"letter": o.letter, "text": o.text, "right": o.right} for o in question.options]
    data |= {"hint": question.hint or None, "experiment": question.code, "why": question.why}
    data["see"] = [{"text": link.text, "target": link.target} for link in question.see]
    if outcome is not None:
        for option in data["options"]:
            option["holds"], option["found"] = outcome.options.get(option["letter"], (None, None))
        data |= {"picture": outcome.picture or None, "problem": outcome.against(question) or None}
    return data


def as_page(chapters: Sequence[Chapter], outcomes: Sequence[Sequence[Outcome]], *, whole: bool = False) -> str:
    """Chapters as a page of Markdown: each question, and below it, folded, what the experiment found and why.

    whole: as docs/quiz.md has it, which is written by ``chainrule quiz --markdown``.
    """
    parts = []
    if whole:
        titles = " · ".join(f"[{chapter.title}](#{slug(chapter.title)})" for chapter in chapters)
        parts = [HEAD.format(sum(len(chapter.questions) for chapter in chapters), len(chapters)), titles]
    for chapter, found in zip(chapters, outcomes, strict=True):
        parts.append(f"## {chapter.title}" if whole else f"# {chapter.title}")
        for question, outcome in zip(chapter.questions, found, strict=True):
            parts += _as_markdown(question, outcome, "###" if whole else "##")
    page = "\n\n".join(parts) + "\n"
    return _CODE_OR_LINK.sub(_from_docs, page) if whole else page


def _as_markdown(question: Question, outcome: Outcome, level: str) -> Iterator[str]:
    yield f"{level} {question.title}"
    yield question.text
    yield "\n".join(f"- **{option.letter}** {option.text}" for option in question.options)
    if question.hint:
        yield f"<details><summary>Hint</summary>\n\n{question.hint}\n\n</details>"
    yield f"<details><summary>Answer</summary>\n\n**{question.right}** holds. The experiment found:"
    rows = [
        f"| {o} | {'**yes**' if holds else 'no'} | {_cell(found)} |" for o, (holds, found) in outcome.options.items()
    ]
    yield "\n".join(["| | | |", "| --- | --- | --- |", *rows])
    if picture := new_picture(question, outcome):
        yield f"```text\n{picture}\n```"
    yield question.why
    yield "See: " + " · ".join(f"[{link.text}]({link.target})" for link in question.see) + "\n\n</details>"


def _from_docs(match: re.Match[str]) -> str:
    """A link from the project's root as one from docs/."""
    target = match["target"]
    if target is None or "://" in target or target.startswith("#"):
        return match[0]
    target = target.removeprefix("docs/") if target.startswith("docs/") else f"../{target}"
    return f"[{match['text']}]({target})"


def new_picture(question: Question, outcome: Outcome) -> str:
    """The picture of the experiment; empty where the question has shown the same."""
    seen = "\n".join(map(str.rstrip, question.text.split("\n")))
    return "" if outcome.picture in seen else outcome.picture


def as_paragraphs(text: str) -> list[tuple[str, bool]]:
    """Markdown as plain paragraphs, for a terminal; with each whether its lines are to stay as they are."""
    found: list[tuple[str, bool]] = []
    for block in re.split(r"^((?:```|~~~)[^\n]*\n.*?^(?:```|~~~)[ \t]*$)", text, flags=re.MULTILINE | re.DOTALL):
        if block.startswith(("```", "~~~")):
            found.append(("\n".join(block.split("\n")[1:-1]), True))
            continue
        for paragraph in re.split(r"\n\s*\n|\n(?=- )", block.strip("\n")):
            if paragraph.strip():
                found.append((as_text(" ".join(paragraph.split())), False))
    return found


def as_text(markdown: str) -> str:
    """A line of Markdown without its marks."""

    def plain(match: re.Match[str]) -> str:
        if match["link"]:
            return as_text(match["text"])
        return match["escaped"] or match["code"] or as_text(match["bold"] or match["italic"])

    return _INLINE.sub(plain, markdown)


def _cell(text: str) -> str:
    """Plain text in a cell of a table of Markdown."""
    return re.sub(r"([\\`*_<>|~]|\](?=\())", r"\\\1", text)
