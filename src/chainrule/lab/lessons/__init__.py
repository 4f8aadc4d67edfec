"""The notes' claims as lessons to play: two runs side by side, what to look at, and a verdict that is measured."""

from typing import Any

from chainrule.lab.lessons import descent, fitting, outputs, units, weights
from chainrule.lab.lessons.common import SECONDS, Lesson, Question
from chainrule.lab.run import Run
from chainrule.text import as_json, unknown

__all__ = ["LESSONS", "Lesson", "Question", "chapters", "lesson", "verdict"]

CHAPTERS: dict[str, tuple[Lesson, ...]] = {
    "What hidden layers are for": (
        units.flower_needs_a_hidden_layer, units.xor, units.linear_hidden_layers, units.hidden_sizes,
        units.line_with_kinks, units.spirals_and_depth,
    ),
    "The first weights": (
        weights.zero_weights, weights.logistic_from_zero, weights.weights_times_1000, weights.he_against_small,
    ),
    "Activations": (units.tanh_against_sigmoid, units.relu_in_depth, units.dead_units),
    "The way down": (
        descent.learning_rate_too_high, descent.learning_rate_too_low, descent.normalized_inputs,
        descent.mini_batches, descent.momentum, descent.adam_on_raw_inputs,
    ),
    "What comes out": (outputs.two_classes,),
    "What was not trained on": (fitting.overfitting, fitting.l2, fitting.dropout),
}  # fmt: skip
LESSONS = {each.name: each for some in CHAPTERS.values() for each in some}


def chapters() -> list[dict[str, Any]]:
    """Which lessons there are: chapters with a title and lessons, each with name, title and statement."""
    return [
        {
            "title": title,
            "lessons": [{"name": each.name, "title": each.title, "statement": each.statement} for each in some],
        }
        for title, some in CHAPTERS.items()
    ]


def lesson(name: str) -> dict[str, Any]:
    """A lesson as JSON: its texts, two "runs" with name and design, "steps", "speed" (steps a second), "look"."""
    found = _of(name)
    made = {key: getattr(found, key) for key in ("name", "title", "statement", "text", "steps", "look", "claim")}
    made["runs"] = [{"name": each, "design": design.json()} for each, design in found.runs.items()]
    made["speed"] = max(1, round(found.steps / SECONDS))
    made["question"] = {"text": found.question.text, "options": found.question.options, "right": found.question.right}
    made["chapter"] = next(title for title, some in CHAPTERS.items() if found in some)
    return dict(as_json(made))


def verdict(name: str, a: Run, b: Run) -> dict[str, Any]:
    """What two runs of a lesson have shown: whether its statement "holds", and a "sentence" with what was measured.

    "done": whether both have come to the end of the lesson, or can go no further; before, nothing is said.
    """
    found = _of(name)
    done = all(run.line.step >= found.steps or run.stopped for run in (a, b))
    if not done:
        return {"done": False, "holds": None, "sentence": f"play to step {found.steps:,} first"}
    holds, sentence = found.verdict(a, b)
    return {"done": True, "holds": bool(holds), "sentence": sentence}


def _of(name: str) -> Lesson:
    if name not in LESSONS:
        raise unknown("lesson", name, list(LESSONS))
    return LESSONS[name]
