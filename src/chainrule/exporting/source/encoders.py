"""What an encoder of categories makes of each of them: it is asked, so that nothing of it is known twice."""

import warnings
from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
from sklearn.preprocessing import OneHotEncoder

from chainrule._types import Array
from chainrule.exporting.graph import ExportError

WAY_OUT = "Export the network alone, for numbers that you prepare: --network-only, or export_source(pipeline[-1], …)"
_MOST_CELLS = 2**26  # of a table with all categories in each of its columns, which an encoder is asked about


def codes(block: Any) -> list[float]:
    """Which column of a sparse matrix is 1 in each row; -1 where none is."""
    rows = block.tocsr()
    code = np.full(rows.shape[0], -1.0)
    code[np.diff(rows.indptr) > 0] = rows.indices
    return code.tolist()  # type: ignore[no-any-return]


def answers(step: Any) -> tuple[Any, Any]:
    """What an encoder makes of a table whose i-th row has the i-th category in every column, and of unknown ones.

    None where it raises for those.
    """
    longest = max(map(len, step.categories_))
    if longest * len(step.categories_) > _MOST_CELLS:
        raise ExportError(f"{type(step).__name__} of {longest:,} categories in a column is too large. {WAY_OUT}")
    names = getattr(step, "feature_names_in_", range(len(step.categories_)))
    encoder = deepcopy(step).set_output(transform="default")
    if isinstance(step, OneHotEncoder):
        encoder.set_params(sparse_output=True)

    def asked(columns: list[Any]) -> Any:
        table = pd.DataFrame(dict(zip(names, columns, strict=True)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that there are unknown ones, which is known
            return encoder.transform(table if hasattr(step, "feature_names_in_") else table.to_numpy())

    known = asked([each[np.minimum(np.arange(longest), len(each) - 1)] for each in step.categories_])
    try:
        return known, asked([_another(each) for each in step.categories_])
    except ValueError:
        return known, None


def _another(known: Any) -> Array:
    """A column of one category that is none of these."""
    if any(isinstance(each, str) for each in known):
        return np.array(["".join(map(str, known)) + "?"], dtype=object)
    numbers = known.astype(float)
    return np.array([1.5 * np.nanmax(np.abs(numbers), initial=1.0) + 1])
