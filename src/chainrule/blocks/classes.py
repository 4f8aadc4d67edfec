"""Labels, and which output of a network is for which of them."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._types import Array
from chainrule.readers.common import ReaderError
from chainrule.text import first_few

if TYPE_CHECKING:
    from chainrule.network import Network

_NUMBERS = "biuf"  # kinds of dtypes


def shown(labels: Iterable[Any], most: int = 5) -> str:
    """The first labels, as one writes them in Python."""
    return first_few(map(repr, labels.tolist() if isinstance(labels, np.ndarray) else labels), most)


def count(network: "Network") -> int:
    """How many classes a network tells apart: two by a single output."""
    return max(2, network.sizes[-1])


def are_places(labels: Array, wanted: int) -> bool:
    """Whether labels are 0 … wanted − 1, each of them, so that they can be no others."""
    return len(labels) == wanted and labels.dtype.kind in _NUMBERS and sorted(labels.tolist()) == list(range(wanted))


def of_outputs(labels: Array, network: "Network") -> Array:
    """The classes of a training by the labels that are there: whole numbers below their count are places."""
    wanted = count(network)
    if labels.dtype.kind in _NUMBERS and labels[0] >= 0 and labels[-1] < wanted:
        return np.arange(wanted)  # some of them may have no row here
    return labels


def check_count(name: str, known: Array, network: "Network") -> None:
    """ReaderError if there is not a class for each output."""
    if len(known) != count(network):
        outputs = network.sizes[-1]
        raise ReaderError(
            f"{name}: there are {len(known)} classes ({first_few(known, 5)}), wanted {count(network)} for a network "
            f"with {outputs} output{'s' if outputs > 1 else ''}"
        )


def checked(given: Any) -> Array:
    """The classes that a user says, as an array. ReaderError for what cannot be some."""
    if isinstance(given, (str, bytes)) or not (hasattr(given, "__iter__") or hasattr(given, "__array__")):
        raise ReaderError(f"classes: got {given!r}, wanted a list of labels, in the order of the outputs")
    labels = given.tolist() if isinstance(given, np.ndarray) else list(given)
    kinds = {"text" if isinstance(label, str) else "others" for label in labels}
    if len(labels) < 2 or len(set(labels)) < len(labels) or len(kinds) > 1:
        raise ReaderError(
            f"classes: got {shown(labels)}, wanted two labels or more, all text or all numbers, each once"
        )
    return np.array(labels)


def places(known: Array, y: Array) -> Array:
    """The place of each label (r,) among the classes. ReaderError for one that is none of them."""
    if (known.dtype.kind in _NUMBERS) != (y.dtype.kind in _NUMBERS):
        wrong, found = np.ones(len(y), bool), np.zeros(len(y), np.intp)
    else:
        order = np.argsort(known, kind="stable")
        found = order[np.minimum(np.searchsorted(known, y, sorter=order), len(known) - 1)]
        wrong = known[found] != y
    if wrong.any():
        raise ReaderError(f"target: got {shown(y[wrong][:1])}, which is none of the classes ({shown(known)})")
    return found


def as_json(labels: Array) -> list[Any]:
    """Labels for other processes; of dates and the like how they are written."""
    return [label if isinstance(label, (str, bool, int, float)) else repr(label) for label in labels.tolist()]


def together(told: Sequence[dict[str, Any]], own: Array | None) -> Array | None:
    """The labels of all processes. ReaderError, in each of them, where columns, targets or classes do not fit.

    told: what each of them says, see `Source.learned`. own: the labels of this one.
    """
    for name in ("columns", "targets", "classes given"):
        for process, one in enumerate(told):
            if one[name] != told[0][name]:
                _differ(name, process, one[name], told[0][name])
    labels = [one["labels"] for one in told]
    for process, some in enumerate(labels):
        if _kind(some) != _kind(labels[0]):
            _differ("labels", process, some, labels[0])
    if own is None or told[0]["classes given"] is not None or all(some == labels[0] for some in labels):
        return own
    if own.dtype.kind not in f"{_NUMBERS}U":
        _differ("labels", *next((p, some, labels[0]) for p, some in enumerate(labels) if some != labels[0]))
    return np.array(sorted({label for some in labels for label in some}))


def _kind(labels: list[Any] | None) -> str:
    """What labels are: of several kinds in two processes, they are not those of one column."""
    if labels is None:
        return "numbers"
    kinds = {type(label) for label in labels}
    return "text" if str in kinds else "truth values" if kinds == {bool} else "whole numbers"


_ADVICE = {
    "columns": "A network knows no names: give Blocks(…, columns=[…]) in each",
    "targets": "Give the same target in each",
    "classes given": "Give the same classes=[…] in each, in the same order",
    "labels": "Let the target be of one kind in all files, or give Blocks(…, classes=[…]) in each",
}


def _differ(name: str, process: int, there: Any, here: Any) -> None:
    def said(each: Any) -> str:
        kind = f" ({_kind(each)})" if name == "labels" else ""
        return (shown(each, 10) if isinstance(each, list) else str(each)) + kind

    raise ReaderError(
        f"training in several processes: the {name} of process {process} are {said(there)}, those of process 0 are "
        f"{said(here)}. {_ADVICE[name]}"
    )
