"""What a fitted model says of a table in blocks."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd

from chainrule._types import Array
from chainrule.blocks import Blocks
from chainrule.tabular.splits import weights_of
from chainrule.tabular.values import TableError

_F = TypeVar("_F", bound=Callable[..., Any])


def by_block(method: _F) -> _F:
    """A method of a fitted model that takes a table; of Blocks it gives the answers to one block after the other."""

    @wraps(method)
    def answered(model: Any, X: Any, *arguments: Any, **named: Any) -> Any:
        if not isinstance(X, Blocks):
            return method(model, X, *arguments, **named)
        there = set(X.schema.names)
        names = [column.name for column in model.plan_.used if column.name in there] or list(X.columns)
        return (method(model, frame, *arguments, **named) for frame in X.tables(names))

    return cast(_F, answered)


def scored(
    model: Any, blocks: Blocks, target: str | None, sample_weight: Any, read: Callable[[Any], Array]
) -> tuple[Array, Array, Any]:
    """What is true of the rows of blocks, what a model predicts, and their weights, (m,) each; None where all are 1.

    sample_weight: (m,), or the name of a column; that of the blocks unless given. read: from a target to its values.
    """
    name = target or (blocks.targets[0] if blocks.targets else None)
    if name is None:
        raise TableError(f"{blocks.name(0)}: there is nothing to compare with; give Blocks(…, target=COLUMN)")
    weight = blocks.weights if sample_weight is None else sample_weight
    names = [name, weight] if isinstance(weight, str) else [name]
    found = pd.concat(list(blocks.tables(names)))
    weights = weights_of(found, weight) if isinstance(weight, str) else weight
    return read(found[name]), np.concatenate([*model.predict(blocks)]), weights
