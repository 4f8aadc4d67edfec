"""From the recomputed updates to what is said of them."""

from typing import Any

import numpy as np

from chainrule.optimizers import Rule
from chainrule.working.gradients import equation_of
from chainrule.working.trace import written_cost
from chainrule.working.trainings import beginning, used
from chainrule.working.trainings.beginning import Start
from chainrule.working.trainings.calls import Call
from chainrule.working.trainings.costs import Costs
from chainrule.working.trainings.layout import Layout
from chainrule.working.trainings.named import Named
from chainrule.working.trainings.replay import Replay, Training
from chainrule.working.trainings.report import Part, TrainingCheck, Wrong
from chainrule.working.trainings.returned import Returned, tensors
from chainrule.working.trainings.rules import written

_SHARED = (
    "the parameters are one and the same array each time, which goes on changing: put copies into the list "
    "(copy.deepcopy(parameters), W.copy())"
)


def judged(
    training: Training,
    lies: Layout,
    returned: Returned,
    start: Start,
    call: Call,
    options: dict[str, Any],
    optimizer: Rule | None,
    batch_size: int | None,
) -> TrainingCheck:
    """Everything that is wrong, the earliest first, and what is to be noted."""
    wrong, notes = list[Wrong](), list(start.notes)
    if not training.theta or not np.isfinite(training.theta[0]).all():
        replay = Replay(training)
        return TrainingCheck(
            _said(training, lies, replay, options, optimizer), (), 0, (_broken(training, start, lies),), tuple(notes)
        )
    if (same := beginning.alike(training.net, training.theta[0])) is not None:
        name, text = same
        wrong.append(Wrong(0, name, f"{name} begins with small random numbers.", "its units are alike", (text,)))
    replay = Replay(training)
    costs = Costs(returned.costs, replay, len(start.parameters) - 1 + start.first - 1)
    shared = _shared(returned, replay, costs)
    if shared is not None:
        return TrainingCheck(_said(training, lies, replay, options, optimizer), (), 0, (shared,), ())
    k = replay.first_wrong
    used_up = used.Used(training, replay, batch_size)
    if k is not None:
        wrong.append(_wrong_update(training, replay, k, call, used_up))
        every = len(replay.updates[k].wrong) == len(training.names) and np.isfinite(training.theta[k + 1]).all()
        if optimizer is None and start.first > 1 and k == 0 and every and not wrong[-1].looks_like:
            raise ValueError(
                "f: the updates are not those of gradient descent. Those of an optimizer that remembers, such as "
                "momentum or Adam, can be checked only with the parameters before the first update: put a copy of them "
                "in front; or say optimizer=chainrule.GradientDescent(…), if that is meant"
            )
    if costs.first_wrong is not None and not (wrong and wrong[-1].update <= costs.update and not costs.looks_like):
        wrong.append(_wrong_cost(training, costs))
    if (shape := _shape(training, start, lies)) is not None:
        wrong.append(shape)
    if start.early and call.updates == len(returned.parameters):
        wrong.append(_early(returned, training))
    elif start.early:
        notes.append(
            "the list of parameters begins with those before the first update, and has no more than there are costs: "
            "if it is filled before each update instead of after it, the last update is missing"
        )
    if k is None:
        wrong += used_up.wrong
        notes += used_up.notes
        if not wrong and (never := _rate_never_used(training, call, start)) is not None:
            wrong.append(never)
        if (rates := _rates(replay)) is not None:
            notes.append(rates)
    elif not _is_sure(options, optimizer) and not wrong[0].looks_like:
        notes.append("what nobody said is guessed: say hidden=, output=, loss=, optimizer= if it is something else")
    if costs.unchecked is not None:
        notes.append(f"the costs are not checked: {costs.unchecked}")
    elif costs.of:
        notes.append(f"the costs are {costs.of}")
    if len(returned.parameters) > call.most + 1:
        notes.append(f"only the first {call.most:,} updates are checked (most=)")
    parts = _parts(training, replay, costs)
    wrong.sort(key=lambda one: one.update)
    said = _said(training, lies, replay, options, optimizer)
    return TrainingCheck(said, parts, len(replay.updates), tuple(wrong), tuple(notes))


def _is_sure(options: dict[str, Any], optimizer: Rule | None) -> bool:
    return optimizer is not None and all(value is not None for value in options.values())


def _said(training: Training, lies: Layout, replay: Replay, options: dict[str, Any], optimizer: Rule | None) -> str:
    """What was checked, and what of it was inferred."""
    net, rule, m = training.net, training.rule, training.Y.shape[1]
    sizes = {m if one.examples is None else len(one.examples) for one in replay.updates}
    batch = f"all {m}" if sizes <= {m} else f"batches of {max(sizes)} of {m}"
    names = [name for name, value in options.items() if value is None and (name != "hidden" or net.L > 1)]
    if optimizer is None:
        names.append("optimizer" if training.rate_known else "optimizer and learning rate")
    guessed = f"\n(inferred: {', '.join(names)})" if names else ""
    l2 = f", λ = {training.l2:g}" if training.l2 else ""
    turned = "; W[l] is shown as (n[l], n[l-1]), yours is its transpose" if lies.transposed else ""
    return f"{net!r}\n{rule!r}{l2}, {batch} examples in each update{turned}{guessed}"


def _parts(training: Training, replay: Replay, costs: Costs) -> tuple[Part, ...]:
    """Each tensor, and the cost, in all updates."""
    parts = []
    for name, at in training.names.items():
        errors, first, count = [0.0], None, 0
        for k, update in enumerate(replay.updates):
            if name in update.wrong:
                count, first = count + 1, k + training.first if first is None else first
                continue
            got, wanted = (after[at] - training.theta[k][at] for after in (training.theta[k + 1], update.wanted))
            lengths = float(np.linalg.norm(got) + np.linalg.norm(wanted))
            errors.append(float(np.linalg.norm(got - wanted)) / lengths if lengths else 0.0)
        parts.append(Part(name, len(replay.updates), count, first, max(errors)))
    if costs.unchecked is None:
        wrong = costs.first_wrong is not None
        parts.append(Part("cost", costs.checked, costs.wrong, costs.update if wrong else None, costs.error))
    return tuple(parts)


def _equation(training: Training, name: str) -> str:
    gradient = equation_of(training.net, f"d{name}", training.l2, None)
    return f"It should be {written(training.rule, name)}, where {gradient}."


def _wrong_update(training: Training, replay: Replay, k: int, call: Call, used_up: used.Used) -> Wrong:
    update, after = replay.updates[k], training.theta[k + 1]
    name = update.wrong[0]
    at = training.names[name]
    finite = bool(np.isfinite(after[at]).all())
    never = _same_with_another_rate(training, call) if training.rate_known else False
    looks_like = Named(replay, k, used_up.first_of_epoch).looks_like()
    if never and (looks_like and ("rate" in looks_like[0] or "times what" in looks_like[0])):
        looks_like = (
            f"the learning rate is never used: {call.rate_name} can be anything, and the parameters are the same",
        )
    off = np.argsort(-np.nan_to_num(abs(after[at] - update.wanted[at]), nan=np.inf), kind="stable")[:3]
    l = int(name[2:-1])
    shape = (training.net.W if name[0] == "W" else training.net.b)[l].shape
    worst = tuple(
        (tuple(map(int, np.unravel_index(i, shape))), float(after[at][i]), float(update.wanted[at][i])) for i in off
    )
    problem = "not what its gradient makes of it" if finite else "NaN or infinite"
    return Wrong(k + training.first, name, _equation(training, name), problem, looks_like, worst)


def _wrong_cost(training: Training, costs: Costs) -> Wrong:
    i = costs.first_wrong
    assert i is not None
    one = costs.given[i]
    equation = f"It should be {written_cost(training.l2, None)}, with 𝓛 = {training.net.loss.formula}."
    problem = "not the cost" if one.size == 1 else f"shape {one.shape}, wanted one number"
    if one.size == 1 and not np.isfinite(one.item()):
        problem = "NaN or infinite"
    worst = (((), float(one.item()), costs.wanted),) if one.size == 1 else ()
    return Wrong(costs.update, "cost", equation, problem, costs.looks_like, worst)


def _shared(returned: Returned, replay: Replay, costs: Costs) -> Wrong | None:
    """Parameters that are one array each time; not if they stay as they are, and the costs with them."""
    training, same = replay.training, returned.same
    if not same:
        return None
    moving = [name for name in same if training.theta[-1][training.names[name]].any()]
    k = replay.first_wrong
    if not moving or k is None or (costs.unchecked is None and costs.first_wrong is None):
        return None
    name = f"{', '.join(sorted(same, key=lambda one: (one[2:], one[0])))}"
    return Wrong(
        1, name, "Wanted are the parameters as they were after each update.", "one array for all updates", (_SHARED,)
    )


def _shape(training: Training, start: Start, lies: Layout) -> Wrong | None:
    """The first tensor whose shape does not stay as it was."""
    k = len(training.theta)
    if k >= len(start.parameters) or (k and not np.isfinite(training.theta[-1]).all()):
        return None
    W, b = start.parameters[k]
    if lies.vector(W, b) is not None:
        return None  # no more than that are checked
    shapes = {name: lies.wanted(name) for name, _ in tensors(W, b)}
    wrong = [(name, array.shape) for name, array in tensors(W, b) if not _fits(name, array.shape, shapes[name])]
    name, got = wrong[0]
    l, m = int(name[2:-1]), training.Y.shape[1]
    n = lies.sizes[l]
    looks_like: tuple[str, ...] = ()
    if name[0] == "b" and got in ((n, m), (m, n)) and m > 1:
        looks_like = (
            f"the sum over the examples is missing: db[{l}] has the shape of dZ[{l}], and b[{l}] takes it on",
        )
    elif name[0] == "b" and got == (n, n) and n > 1:
        looks_like = (
            f"a column and a vector make a square: db[{l}] or b[{l}] is ({n},) instead of ({n}, 1); keepdims=True",
        )
    elif name[0] == "b" and 1 in got:
        looks_like = (f"db[{l}] is a number or a row: it is the sum over the examples only, axis=1, keepdims=True",)
    elif any(got == shape for other, shape in shapes.items() if other[0] == name[0] and other != name):
        other = next(other for other, shape in shapes.items() if other[0] == name[0] and other != name and got == shape)
        looks_like = (f"the layers are shifted: the update of {other} is written into {name}",)
    problem = f"its shape is {got}, wanted {shapes[name]}"
    return Wrong(
        k - 1 + training.first if k else _first(training, start), name, _equation(training, name), problem, looks_like
    )


def _fits(name: str, got: tuple[int, ...], wanted: tuple[int, int]) -> bool:
    return got == wanted or ((len(got) < 2 or name[0] == "b") and int(np.prod(got)) == int(np.prod(wanted)))


def _broken(training: Training, start: Start, lies: Layout) -> Wrong:
    """Parameters that are of no use from the first ones on: of another shape, or not finite."""
    if (shape := _shape(training, start, lies)) is not None:
        return shape
    places = training.names.items()
    name = next(name for name, at in places if not np.isfinite(training.theta[0][at]).all())
    return Wrong(_first(training, start), name, _equation(training, name), "NaN or infinite")


def _first(training: Training, start: Start) -> int:
    """The update that made the first parameters of the list: 0 if they are those before the first."""
    return 1 if start.called else training.first - 1


def _early(returned: Returned, training: Training) -> Wrong:
    text = "the parameters are put into the list before the update instead of after it: the last update is lost"
    count = len(returned.parameters)
    return Wrong(count, "parameters", "Wanted are the parameters after each update.", "they are missing", (text,))


def _same_with_another_rate(training: Training, call: Call) -> bool:
    """Whether another learning rate makes no difference."""
    rate = training.rule.learning_rate
    one, other = call.again(rate), call.again(rate / 2)
    if one is None or other is None:
        return False
    return all(
        np.array_equal(a, b)
        for mine, its in zip(one.parameters[:4], other.parameters[:4], strict=False)
        for half, its_half in zip(mine, its, strict=True)
        for a, b in zip(half, its_half, strict=True)
    )


def _rate_never_used(training: Training, call: Call, start: Start) -> Wrong | None:
    """A training that is right with its own rate, and the same with another."""
    moves = len(training.theta) > 1 and (training.theta[-1] != training.theta[0]).any()
    if not training.rate_known or not moves or not _same_with_another_rate(training, call):
        return None
    rate, L = training.rule.learning_rate, training.net.L
    text = f"the learning rate is never used: with {call.rate_name}={rate / 2:g} the parameters are the same"
    return Wrong(
        start.first, f"W[{L}]", _equation(training, f"W[{L}]"), f"the same with another {call.rate_name}", (text,)
    )


def _rates(replay: Replay) -> str | None:
    """A learning rate that changes."""
    scales = [update.scale for update in replay.updates]
    if max(scales, default=1.0) - min(scales, default=1.0) <= 1e-4:
        return None
    α = replay.training.rule.learning_rate
    return f"the learning rate is not the same in all updates: from {α * scales[0]:.6g} to {α * scales[-1]:.6g}"
