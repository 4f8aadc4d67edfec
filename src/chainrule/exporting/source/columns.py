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
        pattern = _numeral(form.decimal, numerals.written_units(form.unit))
        return Column(name, role, note, form.decimal, pattern, form.missing, strays)
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


def _numeral(decimal: str, units: list[str]) -> str:
    """Of sign, whole, fraction and exponent of a number with these units before or behind it."""
    unit = f"(?:{'|'.join(map(_escaped, units))})?" if units else ""
    other = "." if decimal == "," else ","
    whole = rf"(\d{{1,3}}(?:[{other}'\s]\d{{3}})+|\d*)"
    return rf"{unit}\s*([-+]?)\s*{unit}\s*{whole}(?:{_escaped(decimal)}(\d*))?([eE][-+]?\d+)?\s*{unit}"


_ISO = r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d*)?))?)?Z?"
_FIELDS = {"Y": r"(\d{4})", "y": r"(\d{2})", **dict.fromkeys("dmHMS", r"(\d{1,2})")}


def _date_forms(forms: list[str]) -> list[tuple[str, str, int]]:
    """The forms that are made of digits, and 2024-12-31 with or without a time, unless a form has the day there."""
    since = next((int(form[-4:]) for form in forms if re.fullmatch(r"years since \d{4}", form)), CENTURY)
    found = []
    for form in forms:
        fields = re.findall("%(.)", form)
        if fields and set(fields) <= {*_FIELDS} and len(set(fields)) == len(fields):
            literals = re.split("%.", form)
            pattern = "".join(
                _escaped(literal) + _FIELDS.get(code, "") for literal, code in zip(literals, [*fields, ""], strict=True)
            )
            found.append((pattern, "".join(fields), since))
    return found if any(form.startswith("%Y-%d") for form in forms) else [*found, (_ISO, "YmdHMS", since)]
