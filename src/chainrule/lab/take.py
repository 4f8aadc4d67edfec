"""What one takes along from the lab: a model, a program, and the lab itself as a file or link that brings it back."""

import json
import tempfile
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule._version import __version__
from chainrule.checks import check_number
from chainrule.lab.code import program, stem
from chainrule.lab.data import load
from chainrule.lab.design import Design, Examples, check_parameters, options, options_json
from chainrule.lab.protocol import check_text
from chainrule.lab.run import Run

if TYPE_CHECKING:
    from chainrule.lab.session import Lab

VERSION = 1  # of the lab as JSON
LINK = 8000  # letters of a link at most: what browsers, mail programs and chats let pass
MOST_BYTES = 8 << 20  # of a lab file
MOST_CHANGES = 10_000  # of the options, in one run
MOST_STEPS = 1 << 40


def take(lab: "Lab", what: str, run: int | None = None) -> tuple[str, bytes]:
    """A name for a file, and what is in it: "model", "onnx" or "code" of a run, "lab" or "link" of all of them.

    A model of a table takes the table as it is: `chainrule predict` opens it, as `chainrule.load` does.
    """
    ways: dict[str, Callable[[], tuple[str, bytes]]] = {
        "model": lambda: _model(lab.run(run)),
        "onnx": lambda: _onnx(lab.run(run)),
        "code": lambda: _code(lab.run(run)),
        "lab": lambda: ("lab.json", json.dumps(as_json(lab), indent=1, ensure_ascii=False).encode()),
        "link": lambda: ("link", link(as_json(lab)).encode()),
    }
    if what not in ways:
        raise ValueError(f"take: got {what!r}, wanted one of {', '.join(ways)}")
    return ways[what]()


def restore(lab: "Lab", given: str, reads: Collection[str] = ()) -> dict[str, Any]:
    """Let a lab be what `take` gave as a file or a link. "said": what is still on its way, empty if all is there.

    Nothing changes where it cannot be. The time line has the same changes, and the network comes to the same bits.
    Somebody else may have written it: where it names files of this machine that are neither data of the lab nor among
    `reads`, to which a person has agreed, "reads" says which, and nothing is done.
    """
    return bring_back(lab, given, reads)


def bring_back(lab: "Lab", given: str, reads: Collection[str], patience: float | None = None) -> dict[str, Any]:
    """As `restore`. patience: seconds that the steps of the runs may take before it answers."""
    content = parsed(given)
    known = {Path(path).resolve() for path in (*_paths(run.design.data for run in lab.runs.values()), *reads)}
    if unknown := [path for path in _paths(data_of(content)) if Path(path).resolve() not in known]:
        return {"said": "", "reads": list(dict.fromkeys(unknown))}
    runs, steps = _runs(content, lab.uploads)
    active, speed = _whole("active", content.get("active"), len(runs) - 1), content.get("speed")
    lesson = None if content.get("lesson") is None else _lesson_of(content["lesson"], runs)
    lab.put(runs, active, None if speed is None else _positive("speed", speed), steps, patience)
    if lesson is not None:
        lab.lesson = {**lesson[0], "ids": [run.id for run in lesson[1]]}
        lab.push()
    going = [f"{run.name} is on its way to step {run.goal:,}" for run in runs if not run.done]
    return {"said": ", ".join(going), "reads": []}


def data_of(content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What is said of the data of each run, of a lab as JSON that may be anything."""
    runs = content.get("runs")
    for run in runs if isinstance(runs, list) else ():
        design = run.get("design") if isinstance(run, dict) else None
        data = design.get("data") if isinstance(design, dict) else None
        if isinstance(data, dict):
            yield data


def _paths(data: Iterable[Mapping[str, Any]]) -> list[str]:
    return [each["path"] for each in data if isinstance(each.get("path"), str)]


# -- of a run ----------------------------------------------------------------------------------------------------------


def trained(run: Run) -> Any:
    """The model of a run as it is at this step: of a table with the preparation of its columns, else the network."""
    network, examples = deepcopy(run.network), run.examples
    if examples.table is None:
        return network
    from chainrule.tabular.estimators import from_network

    plan, preparation = examples.table
    return from_network(network, plan, preparation, examples.target_scale)


def _model(run: Run) -> tuple[str, bytes]:
    from chainrule.files.model import save

    return f"{stem(run.examples.name)}.chainrule", _written(lambda path: save(trained(run), path))


def _onnx(run: Run) -> tuple[str, bytes]:
    from chainrule.exporting import export_onnx

    about = {"target": run.examples.target}
    try:
        return f"{stem(run.examples.name)}.onnx", _written(lambda path: export_onnx(trained(run), path, about=about))
    except ImportError as error:
        raise ValueError(str(error)) from None


def _code(run: Run) -> tuple[str, bytes]:
    text = program(run.design, run.examples, run.line.changes, run.line.step, edits=run.edits())
    return f"{stem(run.examples.name)}.py", text.encode()


def _written(write: Callable[[Path], Any]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        path = Path(folder) / "taken"
        write(path)
        return path.read_bytes()


# -- of the lab --------------------------------------------------------------------------------------------------------


def as_json(lab: "Lab") -> dict[str, Any]:
    """All that a lab is, but for the numbers that follow from it; of a table only where it is."""
    return {
        "format": "chainrule lab",
        "version": VERSION,
        "chainrule": __version__,
        "runs": [
            {
                "name": run.name,
                "design": run.design.json(),
                "changes": [[at, options_json(each, run.m)] for at, each in run.line.changes],
                "edits": [[at, list(edited.items())] for at, edited in run.line.edits.items()],
                "step": run.line.step,
            }
            for run in lab.runs.values()
        ],
        "active": list(lab.runs).index(lab.active),
        "speed": lab.speed,
        "lesson": _lesson(lab),
    }


def _lesson(lab: "Lab") -> dict[str, Any] | None:
    """The lesson at hand, and which of the runs are its two; None where one of them was taken away."""
    if lab.lesson is None or not all(run in lab.runs for run in lab.lesson["ids"]):
        return None
    places = list(lab.runs)
    return {"name": lab.lesson["name"], "runs": [places.index(run) for run in lab.lesson["ids"]]}


def link(content: Mapping[str, Any]) -> str:
    """The lab as letters for an address. ValueError if they are too many."""
    packed = zlib.compress(json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode(), 9)
    letters = f"{VERSION}.{urlsafe_b64encode(packed).decode().rstrip('=')}"
    if len(letters) > LINK:
        raise ValueError(
            f"link: this lab takes {len(letters):,} letters, and addresses of more than {LINK:,} are cut off on their "
            "way. Take it along as a lab file"
        )
    return letters


def parsed(given: str) -> Mapping[str, Any]:
    """The content of a lab file or a link. ValueError for what is none."""
    if not isinstance(given, str):
        raise ValueError(f"lab file or link: got {given!r:.60}, wanted its text")
    text = given.strip()
    if len(text) > MOST_BYTES:
        raise ValueError(f"lab file: got {len(text):,} letters, wanted {MOST_BYTES:,} at most")
    try:
        if not text.startswith("{"):
            _, _, letters = text.partition(".")
            packing = zlib.decompressobj()
            content = packing.decompress(urlsafe_b64decode(letters + "=" * (-len(letters) % 4)), MOST_BYTES)
            if not packing.eof:
                raise ValueError("it is cut off, or too long")
            text = content.decode()
        found = json.loads(text, parse_constant=_no_number)
        check_text("its text", found)
    except (ValueError, zlib.error, NoBase64, RecursionError) as error:
        raise ValueError(f"lab file or link: it cannot be read: {error}") from None
    if not isinstance(found, dict) or found.get("format") != "chainrule lab":
        raise ValueError("lab file or link: it is none of chainrule lab")
    if found.get("version") != VERSION:
        raise ValueError(
            f"lab file or link: it is of version {found.get('version')!r}, this chainrule ({__version__}) knows "
            f"{VERSION}; it was written by chainrule {found.get('chainrule')!r}"
        )
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _runs(content: Mapping[str, Any], uploads: Mapping[str, Any]) -> tuple[list[Run], list[int]]:
    """The runs at their beginnings, and the steps that they are to go to. ValueError says what is wrong where."""
    from chainrule.lab.session import MOST_RUNS

    given = content.get("runs")
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_RUNS:
        raise ValueError(f"lab file: runs: wanted a list of 1 to {MOST_RUNS}")
    runs, steps = list[Run](), list[int]()
    made, loaded = list[tuple[Design, Examples]](), list[tuple[Mapping[str, Any], Examples]]()
    for i, one in enumerate(given):
        with _place(i):
            made.append(_made(one, uploads, loaded))
    check_parameters([design.parameters(examples) for design, examples in made])  # before any of them takes memory
    for i, (one, each) in enumerate(zip(given, made, strict=True)):
        with _place(i):
            runs.append(_run(i, one, *each))
            steps.append(_whole("step", one.get("step"), MOST_STEPS))
    return runs, steps


@contextmanager
def _place(i: int) -> Iterator[None]:
    """Errors say of which run they are."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"lab file: run {i + 1}: {error}") from None


def _lesson_of(given: Any, runs: list[Run]) -> tuple[dict[str, Any], list[Run]]:
    """What a lesson is, and its two runs."""
    from chainrule.lab import lessons

    places = given.get("runs") if isinstance(given, dict) else None
    if not isinstance(places, list) or len(places) != 2:
        raise ValueError(f"lesson: got {given!r:.60}, wanted its name, and which are its two runs")
    return lessons.lesson(str(given.get("name"))), [runs[_whole("lesson", place, len(runs) - 1)] for place in places]


def _made(one: Any, uploads: Mapping[str, Any], loaded: list[tuple[Any, Examples]]) -> tuple[Design, Examples]:
    """Of what a run is made. loaded: data that runs before it have."""
    if not isinstance(one, dict):
        raise ValueError(f"got {one!r:.60}, wanted an object")
    if not isinstance(one.get("design"), dict):
        raise ValueError(f"design: got {one.get('design')!r:.60}, wanted an object")
    design = Design.of(one["design"])
    examples = next((known for data, known in loaded if data == design.data), None)
    if examples is None:
        examples = load(design.data, uploads)
        loaded.append((design.data, examples))
    return design, examples


def _run(i: int, one: Mapping[str, Any], design: Design, examples: Examples) -> Run:
    """A run at its beginning, with the changes that it is to come to."""
    run = Run(i + 1, str(one.get("name"))[:60], design, examples)
    changes, hidden = _pairs("changes", one.get("changes", []), "[step, options]"), len(design.hidden)
    made = {_whole("changes", at, MOST_STEPS): options(each, hidden, run.m) for at, each in changes}
    run.line.begin({0: run.line.options, **made}, _edits(one.get("edits", []), run.network.parameters.size))
    return run


def _edits(given: Any, size: int) -> dict[int, dict[int, float]]:
    """What was set by hand, at which step: place in the vector of `size` parameters → value."""
    found, count = dict[int, dict[int, float]](), 0
    for at, edited in _pairs("edits", given, "[step, [[place, value], …]]"):
        numbers = _pairs("edits", edited, "[place, value]")
        found[_whole("edits", at, MOST_STEPS)] = {
            _whole("edits", place, size - 1): check_number("edits", value, "a finite number", isfinite)
            for place, value in numbers
        }
        count += len(numbers)
    if count > MOST_CHANGES:
        raise ValueError(f"edits: got {count:,} numbers, wanted {MOST_CHANGES:,} at most")
    return found


def _pairs(name: str, given: Any, each: str) -> list[Any]:
    """A list of lists of two. each: what these are."""
    if not isinstance(given, list):
        raise ValueError(f"{name}: got {given!r:.60}, wanted a list of {each}")
    if len(given) > MOST_CHANGES:
        raise ValueError(f"{name}: got {len(given):,}, wanted {MOST_CHANGES:,} at most")
    for one in given:
        if not isinstance(one, list) or len(one) != 2:
            raise ValueError(f"{name}: got {one!r:.60}, wanted {each}")
    return given


def _whole(name: str, value: Any, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(f"{name}: got {value!r:.60}, wanted a whole number from 0 to {most:,}")
    return value


def _positive(name: str, value: Any) -> float:
    if not isinstance(value, (int, float)) or not 0 < value < 1e9:
        raise ValueError(f"{name}: got {value!r:.60}, wanted a number above 0")
    return float(value)
