"""The quiz: questions with options, and for each question an experiment that finds out which option holds.

::

    for chapter in bundled():
        for question in chapter.questions:
            outcome = run(question)
            print(as_data(question, outcome))
"""

from chainrule.quiz.reading import Chapter, Link, Option, Question, QuizError, bundled, read
from chainrule.quiz.running import Experiments, Outcome, run
from chainrule.quiz.shown import as_data, as_page

__all__ = [
    "Chapter",
    "Experiments",
    "Link",
    "Option",
    "Outcome",
    "Question",
    "QuizError",
    "as_data",
    "as_page",
    "bundled",
    "read",
    "run",
]
