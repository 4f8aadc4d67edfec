"""What a page asks for to learn with: diagnosis, lessons, homework, the quiz. Each is a command of the session.

What they need is imported when it is asked for: the first picture does not wait for it.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chainrule.lab.data import load
from chainrule.lab.run import Run

if TYPE_CHECKING:
    from chainrule.lab.quizzes import Quizzes
    from chainrule.lab.session import Lab


def diagnose(lab: "Lab", run: int | None = None) -> dict[str, Any]:
    """The findings of a run, and what would help; see `advice.advise`."""
    from chainrule.lab.advice import advise

    found = lab.run(run)
    return {"step": found.line.step, **advise(found)}


def play_lesson(lab: "Lab", name: str) -> dict[str, Any]:
    """Let the two runs of a lesson be all that there are; see `lessons.lesson`."""
    from chainrule.lab import lessons

    about = lessons.lesson(name)
    made: list[Run] = []
    for each, design in lessons.LESSONS[name].runs.items():
        same = next((run.examples for run in made if run.design.data == design.data), None)
        made.append(Run(0, each, design, same or load(design.data, lab.uploads)))
    lab.put(made, 0, about["speed"])
    lab.lesson = {**about, "ids": [run.id for run in made]}
    lab.push()
    return about


def chapters(lab: "Lab") -> list[dict[str, Any]]:
    """Which lessons there are; see `lessons.chapters`."""
    from chainrule.lab import lessons

    return lessons.chapters()


def end_lesson(lab: "Lab") -> None:
    """Keep the runs, and go on without the lesson."""
    lab.lesson = None
    lab.push()


def verdict(lab: "Lab") -> dict[str, Any]:
    """What the two runs of the lesson at hand have shown; see `lessons.verdict`.

    "changed": the names of those that are no longer as the lesson made them, so that it is about something else.
    """
    from chainrule.lab import lessons

    if lab.lesson is None:
        raise ValueError("there is no lesson at hand: begin one")
    ids, name = lab.lesson["ids"], lab.lesson["name"]
    if missing := [i for i in ids if i not in lab.runs]:
        raise ValueError(f"run {missing[0]} of the lesson was taken away: begin the lesson again")
    a, b = (lab.runs[i] for i in ids)
    changed = [run.name for run, each in zip((a, b), lab.lesson["runs"], strict=True) if _changed(run, each["design"])]
    try:
        return lessons.verdict(name, a, b) | {"changed": changed}
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        if not changed:
            raise
        raise ValueError(f"{' and '.join(changed)} can no longer be compared as the lesson does: {error}") from error


def _changed(run: Run, design: Mapping[str, Any]) -> bool:
    """Whether a run is no longer what the lesson made."""
    return len(run.line.changes) > 1 or run.design != run.design.of(design)


def homework(lab: "Lab", run: int | None = None, small: bool = False) -> dict[str, Any]:
    """Lines to edit and code to begin with, for a run's next mini-batch or the small network; and the exercises."""
    from chainrule.lab import exercises
    from chainrule.lab import homework as work

    network, X, Y = exercises.small() if small else _batch(lab, run)
    l2 = 0.0 if small else lab.run(run).line.options.l2
    return {**work.exercise(network, X, Y, l2), "exercises": work.exercises()}


def check(lab: "Lab", given: Mapping[str, Any], run: int | None = None) -> dict[str, Any]:
    """What is to be said of homework; see `homework.check`."""
    from chainrule.lab import homework as work

    if "exercise" in given:
        return work.check(given)
    network, X, Y = _batch(lab, run)
    return work.check(given, network, X, Y, lab.run(run).line.options.l2)


def _batch(lab: "Lab", run: int | None) -> tuple[Any, Any, Any]:
    """The network of a run, and its next mini-batch; without dropout."""
    from chainrule.lab.working import next_rows

    found = lab.run(run)
    rows = next_rows(found.line)
    return found.network, found.examples.X[:, rows], found.examples.Y[:, rows]


def questions(lab: "Lab") -> list[dict[str, Any]]:
    """The chapters of the quiz, and their questions."""
    return _quizzes(lab).chapters()


def question(lab: "Lab", name: str, experiment: bool = False) -> dict[str, Any]:
    """A question, perhaps with its experiment, which goes on while this answers; see `Quizzes.question`."""
    return _quizzes(lab).question(name, experiment)


def _quizzes(lab: "Lab") -> "Quizzes":
    from chainrule.lab.quizzes import Quizzes

    if lab.quizzes is None:
        lab.quizzes = Quizzes()
    return lab.quizzes


COMMANDS: dict[str, Callable[..., Any]] = {
    "diagnose": diagnose,
    "lessons": chapters,
    "lesson": play_lesson,
    "end_lesson": end_lesson,
    "verdict": verdict,
    "homework": homework,
    "check": check,
    "questions": questions,
    "question": question,
}
