"""What the files of Python and of JavaScript know of texts without a value, as literals that are the same in both."""

import json
from typing import Any

from chainrule.exporting.source.spelling import wrapped
from chainrule.tabular import marks, numerals


def _literal(value: Any) -> str:
    return json.dumps(value).replace("<", "\\u003c")


def _texts(texts: Any) -> str:
    return f"[\n{wrapped([_literal(text) for text in sorted(texts)])},\n]"


MARKS, ERRORS = _texts(marks.WORDS), _texts(marks.ERRORS)
SIGNS, BOUND = _literal(rf"{marks.SIGNS.pattern}|\\N"), _literal(numerals.BOUND.pattern)
ALIKE = _literal([*numerals.ALIKE.items()])
