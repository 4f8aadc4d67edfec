"""What using a model takes, worked out from the states of its parts before any of them computes.

Each part is in order by itself (guards.py), but a small file can chain parts that double the columns, or nest
pipelines, of which scikit-learn asks every level three times for the level below.
"""

from dataclasses import dataclass
from typing import Any

from chainrule.files.container import require

_MOST_CALLS = 300_000  # of one part by another, for one prediction; they take a few seconds
_ROW, _ROW_OF_A_BYTE = 2**20, 16  # bytes for one row at all steps: so many, and so many for each byte of the file
_NAMES = 2**28  # bytes of the names of the columns of one step


@dataclass
class _Use:
    """What has been added up."""

    calls: int = 0
    row: int = 0  # bytes
    widest: int = 0  # columns
    longest: int = 0  # characters of a name


def check(model: Any, size: int) -> None:
    """ValueError if a model takes more than one in a file of this size, in bytes, may: calls, or memory for a row."""
    use = _Use()
    _columns(model, None, use, 1)
    require(use.calls <= _MOST_CALLS, f"its parts call each other more than {_MOST_CALLS:,} times for a prediction")
    most = _ROW + _ROW_OF_A_BYTE * size
    require(use.row <= most, f"one row takes {use.row:,} bytes on its way, a model of this size at most {most:,}")
    require(use.widest * use.longest <= _NAMES, f"{use.widest:,} columns have names of {use.longest:,} characters")


def _columns(part: Any, given: int | None, use: _Use, calls: int) -> int | None:
    """How many columns a part makes of the given ones; None where it cannot be known (it is not fitted, say)."""
    use.calls += calls
    if part in ("passthrough", None):
        return given
    if part == "drop":
        return 0
    n, kind = getattr(part, "n_features_in_", None), type(part).__name__
    if kind.startswith("Tabular"):  # n counts the columns that it leaves out, too
        return _tabular(part, use, calls)
    if kind == "Pipeline":  # n is that of its first step
        for name, step in part.steps:
            use.longest = max(use.longest, len(name))
            given = _columns(step, given, use, 3 * calls)
        return given
    if kind != "FunctionTransformer" and None not in (n, given):  # which takes any number
        require(n == given, f"a {kind} of {n} columns is given {given}")
    given = n if given is None else given
    made = _made(part, kind, given, use, calls)
    use.widest = max(use.widest, made or 0)
    use.longest = max([use.longest, *map(len, getattr(part, "feature_names_in_", ()))])
    use.row += 8 * ((given or 0) + (made or 0))
    for known in (
        *getattr(part, "categories_", ()),
        *([part.classes_] if getattr(part, "classes_", None) is not None else []),
    ):
        use.row += known.itemsize if known.dtype.kind in "US" else 0  # values become as long
    return made


def _tabular(model: Any, use: _Use, calls: int) -> int | None:
    """A model of a table, whose networks are all given what its preparation makes."""
    if "networks_" not in model.__dict__:
        return None
    given = None if model.preparation_ is None else _columns(model.preparation_, None, use, calls)
    for column in model.plan_.columns:
        use.longest = max(use.longest, len(column.name))
    answers = [_columns(network, given, use, calls) for network in model.networks_]
    return answers[0]


def _made(part: Any, kind: str, given: int | None, use: _Use, calls: int) -> int | None:
    state = getattr(part, "__dict__", {})
    match kind:
        case "ColumnTransformer" if "transformers_" in state:
            total = 0
            for name, step, _ in part.transformers_:
                use.longest = max(use.longest, len(name))
                if count := len(part._transformer_to_input_indices[name]):
                    total += _columns(step, count, use, calls) or 0
            for place in part.output_indices_.values():
                require(0 <= place.start <= place.stop <= total, "a place is not among its columns")
            return total
        case "OneHotEncoder" if "categories_" in state:
            return int(sum(part._n_features_outs))
        case "TargetEncoder" | "TargetStatistics" if "categories_" in state:
            return len(part.encodings_)
        case "PiecewiseLinear" if "knots_" in state:
            return len(part.knots_) + sum(max(0, len(knots) - 1) for knots in part.knots_)
        case "SimpleImputer" if "statistics_" in state:
            kept = part.statistics_ == part.statistics_  # not NaN
            added = _made(part.indicator_, "MissingIndicator", given, use, calls) if part.add_indicator else 0
            return (len(kept) if part.keep_empty_features else int(kept.sum())) + (added or 0)
        case "MissingIndicator" if part.features == "missing-only" and "features_" in state:
            return len(part.features_)
        case "VarianceThreshold" if "variances_" in state:
            return int((part.variances_ > part.threshold).sum())
        case "PCA" if "components_" in state:
            return len(part.components_)
        case "CountVectorizer" | "TfidfVectorizer":
            return len(state.get("vocabulary_", part.vocabulary) or ())
        case "DateParts":
            if part.cyclic:
                return sum(map(len, part.parts_)) if "parts_" in state else None
            return None if given is None else 6 * given
        case "MLPClassifier" | "MLPRegressor" if "network_" in state:
            return int(part._n_features_out)
    return given
