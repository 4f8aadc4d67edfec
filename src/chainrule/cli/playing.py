"""The quiz, played: one key for each answer, then what the experiment found, why, and what to read."""

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chainrule.cli import screen
from chainrule.cli.common import Stopped
from chainrule.text import in_line, without_controls

if TYPE_CHECKING:
    from chainrule.quiz import Chapter, Link, Outcome, Question

ROOT = Path(__file__).resolve().parents[3]  # of the project, where docs/ is, if this file is in its source
MOST = 10  # places to read that the score names
_CLAIM = re.compile(r"docs/claims\.md#\d+-([a-z0-9-]+)")


class Keys:
    """What is pressed: single keys in a terminal, else the lines of standard input. single: whether it is keys."""

    def __init__(self) -> None:
        self.single = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
        self._ahead = ""  # pressed before they were asked for

    def ask(self, say: Console, prompt: str, wanted: str) -> str:
        """One of the wanted keys; q where there are no more. Empty for another key."""
        say.print(prompt, end="")
        key = self._next()
        say.print(key if key.isprintable() else "")
        if key.isdecimal() and "a" in wanted and "1" <= key <= "9":
            key = chr(ord("a") + int(key) - 1)
        return key if len(key) == 1 and key in wanted else ""

    def pause(self, say: Console, prompt: str) -> bool:
        """Whether to go on; where there are no keys, at once."""
        if not self.single:
            say.line()
            return True
        say.print(prompt, end="", style="dim")
        going = self._next() != "q"
        say.line(2)
        return going

    def _next(self) -> str:
        """What was pressed, in lower case; q at the end of the input."""
        if not self.single:
            lines: Iterable[str] = sys.stdin or ()
            return next((line.strip().lower() for line in lines if line.strip()), "q")
        if not self._ahead:
            try:
                self._ahead = typer.getchar()
            except EOFError:
                return "q"
            if self._ahead.startswith("\x1b"):  # an arrow, or another key that is no letter
                key, self._ahead = self._ahead, ""
                return key
        key, self._ahead = self._ahead[0], self._ahead[1:]
        return key.lower()


class Score:
    """The answers so far."""

    def __init__(self) -> None:
        self.answers: list[tuple[Chapter, Question, bool]] = []

    def __str__(self) -> str:
        if not self.answers:
            return "no answers"
        return f"{sum(right for *_, right in self.answers)} of {screen.counted(len(self.answers), 'answer')} right"

    def show(self, say: Console) -> None:
        """By chapter, and what to read next: from the questions that were answered wrong."""
        chapters = {chapter.path: chapter.title for chapter, *_ in self.answers}
        if len(chapters) > 1:
            shown = screen.table(("chapter", "right", "of"), right=(1, 2))
            for path, title in chapters.items():
                rights = [right for chapter, _, right in self.answers if chapter.path == path]
                shown.add_row(title, str(sum(rights)), str(len(rights)))
            say.print(shown)
        say.print(f"Score: {self}", style="bold")
        wrong = [question for _, question, right in self.answers if not right]
        if wrong:
            say.print("To read next:")
            _links(say, wrong, MOST)
            again = [question.name if is_ours(question.path) else str(question.path) for question in wrong]
            say.print(f"Once more: chainrule quiz {' '.join(dict.fromkeys(again))}", soft_wrap=True)  # to be copied


def play(say: Console, keys: Keys, chapters: "Sequence[Chapter]") -> None:
    """Ask all questions of the chapters, or as many as the learner likes; the score at the end."""
    score = Score()
    try:
        if _asked(say, keys, chapters, score):
            say.print("That was the last question.")
    except (KeyboardInterrupt, Stopped) as stop:
        raise Stopped(getattr(stop, "code", 130), f"stopped: {score}") from None
    score.show(say)


def _asked(say: Console, keys: Keys, chapters: "Sequence[Chapter]", score: Score) -> bool:
    """Whether all questions were asked."""
    from chainrule.quiz import Experiments

    last = chapters[-1].questions[-1]
    for chapter in chapters:
        with Experiments(chapter.questions) as experiments:
            for number, question in enumerate(chapter.questions, 1):
                say.print(f"{chapter.title}, {number} of {len(chapter.questions)}", style="dim")
                _question(say, question)
                letter = _answer(say, keys, question)
                if letter == "q":
                    return False
                with say.status("measuring") if say.is_terminal else nullcontext():
                    outcome = experiments.outcome(question)
                if problem := outcome.against(question):
                    say.print(f"This question cannot stand, and does not count: {problem}")
                else:
                    score.answers.append((chapter, question, letter == question.right))
                    right = letter == question.right
                    words = "Right." if right else f"Not so: {question.right} holds."
                    say.print(words, style="bold green" if right else "bold red")
                    say.line()
                    _found(say, question, outcome, letter)
                if question is not last and not keys.pause(say, "any key: next question, q: end "):
                    return False
    return True


def _question(say: Console, question: "Question") -> None:
    from chainrule.quiz.shown import as_text

    say.print(as_text(question.title), style="bold")
    say.line()
    _paragraphs(say, question.text)
    shown = Table.grid(padding=(0, 2, 0, 0))
    for option in question.options:
        shown.add_row("", Text(option.letter, "bold"), _words(as_text(option.text)))
    say.print(shown)
    say.line()


def _answer(say: Console, keys: Keys, question: "Question") -> str:
    """The letter of an option, or q."""
    letters = "".join(option.letter for option in question.options)
    while True:
        hint = "; ? for a hint" if question.hint else ""
        key = keys.ask(say, f"Your answer ({letters[0]} to {letters[-1]}{hint}; q ends): ", letters + "?q")
        if key == "?" and question.hint:
            _paragraphs(say, question.hint)
        elif key and key != "?":
            return key
        else:
            say.print(f"Wanted one of the letters {', '.join(letters)}{hint}; q ends.")


def _found(say: Console, question: "Question", outcome: "Outcome", letter: str) -> None:
    """What the experiment found about each option, the picture, why, and what to read."""
    from chainrule.quiz.shown import new_picture

    shown = Table.grid(padding=(0, 2, 0, 0))
    for option, (holds, found) in outcome.options.items():
        mark = Text("yes", "bold green") if holds else Text("no")
        shown.add_row(">" if option == letter else "", Text(option, "bold"), mark, _words(found))
    say.print(shown)
    say.line()
    if picture := new_picture(question, outcome):
        _as_it_is(say, picture)
    _paragraphs(say, question.why)
    say.print("To read:")
    _links(say, [question])


def _links(say: Console, questions: "Iterable[Question]", most: int | None = None) -> None:
    """What the questions say to read, each place once, the places that most of them name first."""
    from chainrule.quiz.shown import as_text

    texts, times = dict[str, str](), Counter[str]()
    for question in questions:
        for link in question.see:
            where = _where(link, question)
            texts.setdefault(where, as_text(link.text))
            times[where] += 1
    for where, _ in times.most_common(most):
        say.print(f"  {texts[where]}: {where}", soft_wrap=True)
    if most is not None and len(times) > most:
        say.print(f"  and {len(times) - most} more, each below its question")


def _where(link: "Link", question: "Question") -> str:
    """What to open or to call."""
    ours = is_ours(question.path)
    if ours and (claim := _CLAIM.fullmatch(link.target)):
        return f"chainrule claims {claim[1]}"
    path, hash_, anchor = link.target.partition("#")
    full = Path(os.path.normpath((ROOT if ours else question.path.parent) / path))
    if "://" in link.target or not path or not full.exists():
        return link.target
    here = Path.cwd()
    return f"{full.relative_to(here) if full.is_relative_to(here) else full}{hash_}{anchor}"


def is_ours(path: Path) -> bool:
    """Whether a chapter came with chainrule."""
    from chainrule import quiz

    return path.is_relative_to(Path(quiz.__file__).parent)


def _paragraphs(say: Console, markdown: str) -> None:
    from chainrule.quiz.shown import as_paragraphs

    for text, verbatim in as_paragraphs(markdown):
        if verbatim:
            _as_it_is(say, text)
            continue
        say.print(text)
        say.line()


def _as_it_is(say: Console, text: str) -> None:
    """Lines that are not wrapped."""
    say.print(Text("\n".join(f"  {line}" for line in without_controls(text).split("\n"))), soft_wrap=True)
    say.line()


def _words(text: str) -> Text:
    return Text(in_line(text))
