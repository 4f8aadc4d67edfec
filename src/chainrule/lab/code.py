"""A run of the lab as a program: the same data, network, options and changes, to the last bit."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from chainrule._version import __version__
from chainrule.lab.design import GIVEN, TASKS, Design, Examples, alike
from chainrule.optimizers import Optimizer
from chainrule.training.options import Options

_WIDTH = 80  # of a line; what is longer gets a line for each argument

Changes = Sequence[tuple[int, Options]]
Edits = Sequence[Sequence[Any]]


class Place(NamedTuple):
    """Where a step is: epochs that are done, and examples of the one at hand whose mini-batches are done."""

    epoch: int
    example: int


def program(
    design: Design, examples: Examples, changes: Changes, step: int, engine: str = "auto", edits: Edits = ()
) -> str:
    """A program in Python that trains the network of a run up to a step, to the last bit, and prints its cost.

    changes: from which step on there were which options; before them, and without them, those of the design. edits:
    what was set by hand, as `Run.edits` gives it.
    """
    m = examples.Y.shape[1]
    given = {at: _tidy(each) for at, each in changes}  # of two at one step the later one counts
    first = given.pop(0, design.options(m))
    by_hand: dict[int, list[str]] = {}  # step → what is set
    for at, letter, l, i, j, value in edits:
        by_hand.setdefault(at, []).append(f"(net.{letter}[{l}], ({i}, {j}), {value!r})")
    later, now = [], first  # from which step on there is something else
    for at in sorted({*given, *by_hand} - {0}):
        if (at < step and given.get(at, now) != now) or (at <= step and at in by_hand):
            now = given.get(at, now) if at < step else now
            later.append((at, now))
    imports = [line for line in examples.code if line.startswith(("import ", "from "))]
    lines = [line for line in examples.code if line not in imports]
    parts = [
        f'"""{plain(examples.name)}: a network of the lab of chainrule {__version__}, the same to the last bit."""\n',
        "import numpy as np\n\n" if any("np." in line for line in lines) else "",
        "import chainrule as cr\n",
        *(f"{line}\n" for line in imports),
        "\n# The data: each column of X (n[0], m) is an example, that of Y (n[L], m) its target.\n",
        *(f"{line}\n" for line in lines),
        *_network(design, examples),
        *(f"net.{letter}[{l}][{i}, {j}] = {value!r}  # by hand\n" for at, letter, l, i, j, value in edits if at == 0),
        *_training(design, first, later, by_hand, step, m, engine),
        "\n# What has come of it: J = (1/m) Σ 𝓛(ŷ, y).\n",
        'print("J of the training examples:", net.cost(X, Y))\n',
        'print("J of the validation examples:", net.cost(X_val, Y_val))\n' if examples.Y_val.shape[1] else "",
        f'# cr.save(net, "{stem(examples.name)}.chainrule")  # keeps the network; cr.load brings it back\n',
    ]
    return "".join(parts)


def plain(name: str) -> str:
    """A name of somebody's without what would end a text in a program."""
    return "".join(c if c.isprintable() and c not in "\"'\\" else " " for c in name).strip() or "data"


def stem(name: str) -> str:
    """A name for a file, of the name of data."""
    safe = "".join(c if c.isalnum() or c in "-_" else " " for c in Path(name).stem)
    return "-".join(safe.split())[:60] or "network"


def _tidy(options: Options) -> Options:
    """Without shares of dropout that leave nothing out."""
    return options if any(options.dropout) else replace(options, dropout=())


def _network(design: Design, examples: Examples) -> list[str]:
    """The lines that make the network."""
    sizes = [len(examples.X), *design.hidden, len(examples.Y)]
    shapes = ", ".join(f"W[{l}] {after, before}" for l, (before, after) in enumerate(pairwise(sizes), start=1))
    output = design.output or TASKS[examples.task]
    named = (
        ("hidden", _one_or_list(design.activations) if design.hidden else None),
        ("output", None if output == "sigmoid" else _literal(output)),
        ("loss", None if design.loss is None else _literal(design.loss)),
        ("init", None if design.init == "auto" else _literal("zeros" if design.init == GIVEN else design.init)),
        ("seed", None if design.init == GIVEN else repr(design.seed)),
        ("dtype", None if design.dtype == "float64" else _literal(design.dtype)),
    )
    arguments = [str(sizes), *(f"{name}={text}" for name, text in named if text is not None)]
    made = _call("net = cr.Network", arguments)
    lines = [
        f"\n# The network: {shapes}.\n",
        *(_from_given(design, examples, made) if design.init == GIVEN else [made]),
    ]
    if design.init_scale != 1:
        lines.append(f"net.parameters *= {design.init_scale!r}  # the initial weights\n")
    if design.normalize is not None and design.init != GIVEN:
        lines.append(f"net.normalize(X{_method(design)})  # from now on it normalizes its inputs, by these examples\n")
    return lines


def _from_given(design: Design, examples: Examples, made: str) -> Iterable[str]:
    """The lines of a network that begins as the one that the lab was opened with."""
    start, net = design.start(examples), design.network(examples)
    yield "# net: the one that the lab was opened with, with the parameters that it had then\n"
    if start is None or alike(start, net):
        return
    yield f"given = net\n{made}net.parameters = given.parameters\n"
    same = net.normalizer is start.normalizer
    yield "net.normalizer = given.normalizer\n" if same else f"net.normalize(X{_method(design)})\n"


def _method(design: Design) -> str:
    """How inputs are normalized, as the second argument of `Network.normalize`."""
    return "" if design.normalize == "standard" else f", {_literal(design.normalize)}"


def _training(
    design: Design, first: Options, later: Changes, by_hand: Mapping[int, list[str]], step: int, m: int, engine: str
) -> Iterable[str]:
    """The lines that train it."""
    if step == 0:
        yield "\n# It is not trained yet.\n"
        return
    places = list(_places(first, later, step, m))
    end = places[-1]
    arguments = ["X", "Y", _optimizer(first.optimizer), f"epochs={end.epoch + (end.example > 0)}"]
    start = Options(first.optimizer, m)
    arguments += [f"{name}={text}" for name, text in _changed(start, first, m).items()]
    arguments.append(f"seed={design.seed!r}")
    if engine != "auto":
        arguments.append(f"engine={_literal(engine)}")
    batches = -(-m // first.batch_size)
    yield f"\n# The training: {step:,} step{'s' * (step > 1)}{'' if later else f', {_batches(batches)} an epoch'}.\n"
    if any(each.batch_size < m or each.dropout for each in (first, *dict(later).values())):
        yield "# The seed is for the order of the examples in each epoch, and for dropout.\n"
    if not later and not end.example:
        yield _call("net.train", arguments, ".run()")
    elif not later:
        done = -(-end.example // first.batch_size)
        arguments.append(f"every=cr.Batches({done})")
        yield _call("training = net.train", arguments)
        yield "for step in training:\n"
        yield f"    if step.epoch == {end.epoch}:  # of this one, counted from 0, only {_batches(done)}\n"
        yield "        break\n"
    else:
        yield from _changing(arguments, first, later, by_hand, places, step, m)


def _changing(
    arguments: list[str],
    first: Options,
    later: Changes,
    by_hand: Mapping[int, list[str]],
    places: list[Place],
    step: int,
    m: int,
) -> Iterable[str]:
    """The lines of a training whose options change."""
    by_epochs = not any(place.example for place in places)
    what = "epochs" if by_epochs else "mini-batches"
    at = [place.epoch for place in places] if by_epochs else [*(at for at, _ in later), step]
    changes, edits = {}, {}
    for done, before, (at_step, after) in zip(at, [first, *(each for _, each in later)], later, strict=False):
        if changed := _changed(before, after, m):
            changes[done] = "{" + ", ".join(f'"{name}": {text}' for name, text in changed.items()) + "}"
        if at_step in by_hand:
            edits[done] = f"[{', '.join(by_hand[at_step])}]"
    yield from _table("changes", f"{what} that are done: what changes then", changes)
    yield from _table("edits", f"{what} that are done: which numbers are then set by hand", edits)
    yield _call("training = net.train", arguments if by_epochs else [*arguments, "every=cr.Batches(1)"])
    yield "for done, step in enumerate(training, start=1):\n"
    if changes:
        yield "    training.change(**changes.get(done, {}))\n"
    if edits:
        yield "    for array, place, value in edits.get(done, []):\n        array[place] = value\n"
    if places[-1].example:
        yield f"    if done == {step}:\n        break\n"


def _table(name: str, words: str, rows: Mapping[int, str]) -> Iterable[str]:
    """The lines of a dict, none if it is empty."""
    if rows:
        yield f"{name} = {{  # {words}\n"
        yield from (f"    {done}: {text},\n" for done, text in rows.items())
        yield "}\n"


def _places(first: Options, later: Changes, step: int, m: int) -> Iterable[Place]:
    """Where each change is, and the last step."""
    epoch, example = 0, 0
    for (at, options), (end, _) in pairwise([(0, first), *later, (step, first)]):
        count, size = end - at, options.batch_size
        left = -(-(m - example) // size)  # mini-batches of the epoch at hand
        if count < left:
            example += count * size
        else:
            epochs, batches = divmod(count - left, -(-m // size))
            epoch, example = epoch + 1 + epochs, batches * size
        yield Place(epoch, example)


def _changed(before: Options, after: Options, m: int) -> dict[str, str]:
    """What is otherwise, as the arguments of a program have it."""
    texts = {}
    for field in fields(Options):
        value = getattr(after, field.name)
        if value == getattr(before, field.name):
            continue
        if isinstance(value, Optimizer):
            texts[field.name] = _optimizer(value)
        elif field.name == "dropout":
            texts[field.name] = _one_or_list(value or (0.0,))
        else:
            texts[field.name] = repr(None if field.name == "batch_size" and value >= m else value)
    return texts


def _optimizer(rule: Optimizer) -> str:
    """The optimizer as a program makes it, without what it has anyway."""
    others = [
        f"{field.name}={getattr(rule, field.name)!r}"
        for field in fields(rule)
        if field.name != "learning_rate" and (field.default is MISSING or getattr(rule, field.name) != field.default)
    ]
    return f"cr.{type(rule).__name__}({', '.join([repr(rule.learning_rate), *others])})"


def _one_or_list(values: Sequence[Any]) -> str:
    """One value where all are the same, else a list."""
    return _literal(values[0]) if len(set(values)) == 1 else f"[{', '.join(map(_literal, values))}]"


def _literal(value: Any) -> str:
    """A text or a number as Python has it."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _batches(count: int) -> str:
    return f"{count:,} mini-batch{'es' * (count > 1)}"


def _call(function: str, arguments: Sequence[str], then: str = "") -> str:
    """A call, in one line if it fits."""
    line = f"{function}({', '.join(arguments)}){then}\n"
    if len(line) <= _WIDTH + 1:
        return line
    return "".join([f"{function}(\n", *(f"    {argument},\n" for argument in arguments), f"){then}\n"])
