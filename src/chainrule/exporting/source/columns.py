"""How the values of a column are written, for the files of Python and JavaScript that read texts."""

import re

from chainrule.exporting.source.program import Column
from chainrule.tabular import Columns, numerals
from chainrule.tabular.forms import CENTURY


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


def _escaped(text: str) -> str:
    """For a regular expression of Python and of JavaScript."""
    return re.sub(r"[.^$*+?()\[\]{}|\\/]", r"\\\g<0>", text)


_ISO = r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,9})?))?Z?)?"
_WIDTHS = {"Y": r"(\d{4})", "y": r"(\d{2})", **dict.fromkeys("dmH", r"(\d{1,2})"), **dict.fromkeys("MS", r"(\d{2})")}


def _date_forms(forms: list[str]) -> list[tuple[str, str, int]]:
    """The forms that are made of digits, and 2024-12-31 with or without a time where the model reads it as that."""
    since = next((int(form[-4:]) for form in forms if re.fullmatch(r"years since \d{4}", form)), CENTURY)
    written = [form for form in forms if not form.startswith("years since ")]
    found = []
    for form in written:
        fields = re.findall("%(.)", form)
        if fields and set(fields) <= {*_WIDTHS} and len(set(fields)) == len(fields):
            found.append((_date_form(re.split("%.", form), fields), "".join(fields), since))
    others = any(form.startswith("%Y-%d") for form in forms) or (written and not re.search("%[Yy]", written[0]))
    return found if others else [*found, (_ISO, "YmdHMS", since)]


def _date_form(literals: list[str], fields: list[str]) -> str:
    """Of fields with literals around them; digits beside digits have all of their places."""
    pattern = _escaped(literals[0])
    for code, before, after in zip(fields, literals, literals[1:], strict=False):
        width = _WIDTHS[code]
        if code in "dmH" and ((not before and code != fields[0]) or (not after and code != fields[-1])):
            width = r"(\d{2})"
        if "d" not in fields and "Y" in fields:  # a month or a year of our time
            width = r"([12]\d{3})" if code == "Y" else r"(\d{2})" if code == "m" and fields[0] == "Y" else width
        pattern += width + _escaped(after)
    return pattern
