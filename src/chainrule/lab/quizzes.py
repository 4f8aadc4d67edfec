"""The quiz on the page: its questions, and their experiments, run while the page goes on."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from chainrule.quiz import Outcome, Question, as_data, bundled, run
from chainrule.text import unknown

SECONDS = 10.0  # for an experiment, which has a process of its own


class Quizzes:
    """Questions by name, and the outcomes of those experiments that were asked for; one runs at a time."""

    def __init__(self) -> None:
        self._chapters = bundled()
        self._questions = {each.name: each for chapter in self._chapters for each in chapter.questions}
        self._outcomes: dict[str, Future[Outcome]] = {}
        self._runner = ThreadPoolExecutor(1, "experiment")

    def chapters(self) -> list[dict[str, Any]]:
        """Which questions there are: chapters with a title and questions, each with name and title."""
        return [
            {"title": chapter.title, "questions": [{"name": q.name, "title": q.title} for q in chapter.questions]}
            for chapter in self._chapters
        ]

    def question(self, name: str, experiment: bool = False) -> dict[str, Any]:
        """A question as `chainrule.quiz.as_data` gives it.

        experiment: run its experiment. Then "running" says whether it still does: ask again. Once it is done, each
        option has "holds" and "found", and there is a "picture".
        """
        found = self._of(name)
        if not experiment:
            return as_data(found) | {"running": False}
        if name not in self._outcomes:
            self._outcomes[name] = self._runner.submit(run, found, SECONDS)
        outcome = self._outcomes[name]
        if not outcome.done():
            return as_data(found) | {"running": True}
        return as_data(found, outcome.result()) | {"running": False}

    def close(self) -> None:
        """Start no further experiment."""
        self._runner.shutdown(wait=False, cancel_futures=True)

    def _of(self, name: str) -> Question:
        if name not in self._questions:
            raise unknown("question", name, list(self._questions))
        return self._questions[name]
