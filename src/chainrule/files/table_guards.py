"""The guards of what tables need: columns, plans, and the estimators that hold a preparation and several networks."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.files.container import require
from chainrule.files.predicates import LONGEST_FORMAT, check_numbers, check_order, real, whole

_MOST_NETWORKS = 100  # whose answers are averaged
_SHARPEST = 1e-3, 1e3  # the temperatures of probabilities


def check_tabular(made: Any, state: Mapping[str, Any]) -> None:
    """A model of a table: what was understood, the preparation and the networks are of one and the same table."""
    if "networks_" not in state:
        return
    plan, preparation, networks = made.plan_, made.preparation_, made.networks_
    classifies = type(made).__name__ == "TabularClassifier"
    require(type(plan).__name__ == "Plan", "plan_ is no plan")
    require((plan.task == "regression") != classifies, f"its plan is of {plan.task!r:.100}")
    kind = "MLPClassifier" if classifies else "MLPRegressor"
    fits = type(networks) is list and 1 <= len(networks) <= _MOST_NETWORKS
    require(fits, f"networks_ is no list of 1 to {_MOST_NETWORKS} networks")
    require(all(type(network).__name__ == kind and hasattr(network, "network_") for network in networks), f"no {kind}")
    sizes = {(network.n_features_in_, network.n_outputs_) for network in networks}
    require(len(sizes) == 1, "its networks have different inputs or outputs")
    require(preparation is None or type(preparation).__name__ == "Pipeline", "preparation_ is no pipeline")
    given = networks[0] if preparation is None else preparation
    require(preparation is not None or not plan.columns, "it has columns, and no preparation of them")
    if preparation is not None and type(preparation[0]).__name__ == "Columns":
        used = [column.name for column in plan.columns if column.role != "left out"]
        require(list(preparation[0].roles) == used, "its preparation is not of the columns that it has understood")
    require(plan.columns or plan.features == given.n_features_in_, "its preparation is not of its numbers")
    require(made.n_features_in_ == (len(plan.columns) or plan.features), "its inputs are not its columns")
    if classifies:
        classes = made.classes_
        check_order(classes)
        fits = all(np.array_equal(network.classes_, classes) for network in networks)
        require(fits and len(classes) > 0, "its networks do not tell its classes apart")
        threshold = state.get("threshold_")
        require(threshold is None or (len(classes) == 2 and real(threshold)), f"a threshold of {threshold!r:.100}")
        warmth = made.temperature_
        require(real(warmth) and _SHARPEST[0] <= warmth <= _SHARPEST[1], f"a temperature of {warmth!r:.100}")
    else:
        require(all(network.n_outputs_ == 1 for network in networks), "its networks predict several numbers")
    _check_look_back(made, state)
    entries = made._leaderboard
    require(type(entries) is list and len(entries) <= _MOST_NETWORKS, "its leaderboard is no short list")
    fits = all(
        type(entry) is dict
        and all(isinstance(key, str) and (real(item) or isinstance(item, str)) for key, item in entry.items())
        for entry in entries
    )
    require(fits, "its leaderboard holds more than texts and numbers")


def _check_look_back(made: Any, state: Mapping[str, Any]) -> None:
    """What held-out rows have told of a model; models of before have none of it."""
    if "typical_" in state:
        check_numbers(state, "typical_", made.networks_[0].n_features_in_)
        require(np.isfinite(made.typical_).all(), "a typical row has no numbers")
    for name, kind in (("interval_", "Intervals"), ("importances_", "Importances")):
        require(type(state.get(name)).__name__ in (kind, "NoneType"), f"{name} is no {kind}")


def check_importances(made: Any, state: Mapping[str, Any]) -> None:
    """How much columns matter."""
    require(isinstance(made.loss, str) and real(made.base) and whole(made.rows), "the loss of importances is none")
    columns = made.columns
    fits = type(columns) is tuple and all(type(each).__name__ == "Importance" for each in columns)
    require(fits, "importances are not of columns")


def check_importance(made: Any, state: Mapping[str, Any]) -> None:
    """How much one column matters."""
    fits = isinstance(made.column, str) and all(map(real, (made.increase, made.low, made.high)))
    require(fits, "an importance is no number of a column")


def check_plan(made: Any, state: Mapping[str, Any]) -> None:
    """What was to be learned, and from what."""
    require(made.task in ("binary", "classes", "regression") and isinstance(made.target, str), "no task, or no target")
    columns = made.columns
    require(type(columns) is tuple and all(type(each).__name__ == "Column" for each in columns), "columns are none")
    require(len({column.name for column in columns}) == len(columns), "two columns have one name")
    require(all(whole(n) and n >= 0 for n in (made.rows, made.features, made.untargeted)), "a count is none")
    shape = made.image_shape
    fits = shape is None or (type(shape) is tuple and len(shape) == 3 and all(whole(n) and n > 0 for n in shape))
    require(fits, "image_shape is no height, width and channels")
    for counts in (made.classes, made.rare):
        fits = counts is None or (type(counts) is dict and all(whole(n) and n >= 0 for n in counts.values()))
        require(fits, "the rows of the classes are no counts")
    merged, remarks = made.merged, made.remarks
    require(isinstance(made.target_format, str) and len(made.target_format) <= LONGEST_FORMAT, "a format is too long")
    require(merged is None or _are_texts(merged), "merged classes are no texts")
    require(type(remarks) is tuple and all(isinstance(line, str) for line in remarks), "remarks are no texts")


def check_column(made: Any, state: Mapping[str, Any]) -> None:
    """What was understood of one column."""
    texts = (made.name, made.role, made.note, made.format)
    require(all(isinstance(text, str) for text in texts), "what is said of a column is no text")
    require(whole(made.missing) and made.missing >= 0, "how often a column is missing is no count")
    require(len(made.format) <= LONGEST_FORMAT, "a format is too long")


def check_columns(made: Any, state: Mapping[str, Any]) -> None:
    """The transformer that brings columns to the types of their roles."""
    formats = made.formats or {}
    texts = [*made.roles, *made.roles.values(), *formats, *formats.values()]
    require(all(isinstance(text, str) for text in texts), "the roles and formats of columns are not texts")
    require(all(len(form) <= LONGEST_FORMAT for form in formats.values()), "a format is too long")
    if "levels_" in state:  # files of before have none
        spellings, levels, ranges = made.spellings_, made.levels_, made.ranges_
        require(all(type(known) is dict for known in (spellings, levels, ranges)), "what columns hold is no dict")
        require(all(_are_texts(same) for same in spellings.values()), "the spellings of categories are no texts")
        strays = state.get("strays_", {})
        require(type(strays) is dict, "what columns hold is no dict")
        lists = [*levels.values(), *strays.values()]
        fits = all(type(words) is list and all(isinstance(word, str) for word in words) for words in lists)
        require(fits, "categories are no texts")
        fits = all(type(ends) is tuple and len(ends) == 2 and all(map(real, ends)) for ends in ranges.values())
        require(fits, "the ends of a range are no numbers")


def _are_texts(words: Any) -> bool:
    """Whether this is a dict from text to text."""
    return type(words) is dict and all(isinstance(word, str) for pair in words.items() for word in pair)


def check_intervals(made: Any, state: Mapping[str, Any]) -> None:
    """The errors of a regression: numbers in order, in units of sizes above 0."""
    for name in ("at", "scale", "errors"):
        values = state[name]
        fits = isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype == float and len(values) > 0
        require(fits and np.isfinite(values).all(), f"{name} of intervals is no list of numbers")
    require(len(made.at) == len(made.scale) and (made.scale > 0).all(), "intervals have no sizes of errors")
    require(all((np.diff(part) >= 0).all() for part in (made.at, made.errors)), "intervals are not in order")
    require(real(made.least) and made.least <= 0, "what intervals are not below is no number")


def check_date_parts(made: Any, state: Mapping[str, Any]) -> None:
    """The transformer of dates: the parts of each column, and the numbers of each part."""
    if not made.cyclic or "n_features_in_" not in state:
        return
    n, parts = made.n_features_in_, made.parts_
    fits = type(parts) is list and len(parts) == n and all(type(some) is list for some in parts)
    require(fits and all(isinstance(name, str) for some in parts for name in some), "parts_ are not texts")
    check_numbers(state, "limits_", n, 2)
    check_numbers(state, "ranges_", sum(map(len, parts)), 3)
