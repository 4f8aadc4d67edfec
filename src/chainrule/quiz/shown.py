"""Questions and what was found, for those who show them: as plain data, as Markdown, as plain text."""

import re
from collections.abc import Sequence
from typing import Any

from chainrule.quiz.reading import LINK, Chapter, Question
from chainrule.quiz.running import Outcome

_INLINE = re.compile(
    rf"\\(?P<escaped>[^\w\s])|(?P<ticks>`+)(?P<code>.+?)(?P=ticks)|(?P<link>{LINK.pattern})|\*\*(?P<bold>\S.*?)\*\*"
    r"|(?<![\w*])\*(?P<italic>[^\s*](?:[^*]*[^\s*])?)\*(?![\w*])"
)


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


def as_markdown(chapter: Chapter, outcomes: Sequence[Outcome]) -> str:
    """A chapter as a part of a page: each question, and its answer folded below it."""
    parts = [f"## {chapter.title}"]
    for question, outcome in zip(chapter.questions, outcomes, strict=True):
        parts += [f"### {question.title}", question.text]
        parts += ["\n".join(f"- **{option.letter}** {option.text}" for option in question.options)]
        if question.hint:
            parts.append(f"<details><summary>Hint</summary>\n\n{question.hint}\n\n</details>")
        answer = [f"**{question.right}** holds. What the experiment found:"]
        rows = ["| | | |", "| --- | --- | --- |"]
        for letter, (holds, found) in outcome.options.items():
            rows.append(f"| {letter} | {'**yes**' if holds else 'no'} | {_cell(found)} |")
        answer.append("\n".join(rows))
        if outcome.picture:
            answer.append(f"```text\n{outcome.picture}\n```")
        links = " · ".join(f"[{link.text}]({link.target})" for link in question.see)
        answer += [question.why, f"See: {links}"]
        parts.append("\n\n".join(["<details><summary>Answer</summary>", *answer, "</details>"]))
    return "\n\n".join(parts) + "\n"


def as_paragraphs(text: str) -> list[tuple[str, bool]]:
    """Markdown as plain paragraphs, for a terminal; with each whether its lines are to stay as they are."""
    found: list[tuple[str, bool]] = []
    for block in re.split(r"^((?:```|~~~)[^\n]*\n.*?^(?:```|~~~)\s*$)", text, flags=re.MULTILINE | re.DOTALL):
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
            return as_text(LINK.fullmatch(match["link"])[1])  # type: ignore[index]
        return match["escaped"] or match["code"] or as_text(match["bold"] or match["italic"])

    return _INLINE.sub(plain, markdown)


def _cell(text: str) -> str:
    """Plain text in a cell of a table of Markdown."""
    return re.sub(r"([\\`*_<>|~]|\](?=\())", r"\\\1", text)
