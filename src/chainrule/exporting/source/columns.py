"""How the values of a column are written, for the files of Python and JavaScript that read texts."""

import re

from chainrule.exporting.source.program import Column
from chainrule.tabular import Columns, numerals
from chainrule.tabular.forms import CENTURY, expressions


def described(step: Columns, name: str, role: str) -> Column:
    """How the values of a column are written, from what the training has seen of it."""
    text = (step.formats or {}).get(name, "")
    strays = tuple(getattr(step, "strays_", {}).get(name, ()))
    if role == "number":
        form = numerals.Format.of(text)
        note = ", ".join(filter(None, (numerals.described(form), f"in {form.shown}" if form.shown else "")))
        times, units = numerals.suffixes(form.unit)
        pattern, factors = numerals.pattern(form), times | units
        return Column(name, role, note, form.decimal, pattern, form.missing, strays, factors=factors)
    if role == "date":
        forms = [each for each in text.split("|") if each]
        return Column(name, role, forms=tuple(_date_forms(forms)), words=strays)
    if role == "category":
        levels = tuple(getattr(step, "levels_", {}).get(name, ()))
        return Column(name, role, spellings=dict(getattr(step, "spellings_", {}).get(name, {})), levels=levels)
    return Column(name, role, words=strays)


_ISO = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H%M")


def _date_forms(forms: list[str]) -> list[tuple[str, int]]:
    """What the model reads in these forms, and in 2024-12-31 with or without a time where it reads it as that."""
    since = next((int(form[-4:]) for form in forms if re.fullmatch(r"years since \d{4}", form)), CENTURY)
    written = [form.replace("%B", "%b") for form in forms if not form.startswith("years since ")]
    others = any(form.startswith("%Y-%d") for form in written) or (written and not re.search("%[Yy]", written[0]))
    read = [each for form in (*written, *(() if others else _ISO)) for each in expressions(form)]
    return [(pattern, since) for pattern in dict.fromkeys(read)]
