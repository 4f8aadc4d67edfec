"""What the layout of dates leaves open, decided by all cells: the order of day, month and year, and the century."""

import re
from collections.abc import Sequence

import numpy as np

from chainrule._types import Array
from chainrule.tabular.forms import CENTURY, Reading


def order_of(form: str) -> tuple[str, str]:
    """The order of the date's fields of a form, and the mark between them: "dmy" and "." of %d.%m.%Y."""
    fields = re.findall(r"%([dmbYyqV])([^%]*)", form)
    return "".join(name.lower() for name, _ in fields), fields[0][1] if fields else ""


def orders(
    groups: Sequence[dict[Reading, Array]], before: Sequence[str], day_first: bool | None
) -> tuple[dict[str, str], bool]:
    """Mark → the order of the fields between such marks, where layouts allow several; and whether that is a guess.

    It is the order that reads the most cells, but the one of training, or the person's, if it reads almost as many.
    Where several read the same cells: as between other marks, else as usual.
    """
    found: dict[str, dict[str, list[Array]]] = {}
    for ways in groups:
        for way, made in ways.items() if len(ways) > 1 else ():
            found.setdefault(way.mark, {}).setdefault(way.order, []).append(made)
    known = {mark: order for order, mark in map(order_of, reversed(before))}
    told = {True: "dmy", False: "mdy", None: ""}[day_first]
    decided: dict[str, str] = {}
    undecided = {}
    for mark, made_of in sorted(found.items()):
        read = {order: sum(int((~np.isnat(made)).sum()) for made in made_of[order]) for order in sorted(made_of)}
        most = max(read.values())
        best = [order for order in read if read[order] == most]
        if "ymd" in best and len(best) > 1:
            best = _by_spread(best, np.concatenate(made_of["ymd"]))
        wanted = [order for order in (known.get(mark, ""), told) if read.get(order, -1) >= 0.9 * most]
        if wanted or len(best) == 1:
            decided[mark] = (wanted or best)[0]
        else:
            undecided[mark] = best
    alike, ambiguous = [*known.values(), *decided.values()], False
    for mark, best in undecided.items():
        usual = ["bd" if mark in ("", " ") else "by", "dmy" if mark.startswith(".") else "mdy"]
        decided[mark] = next(order for order in (*alike, *usual, *best) if order in best)
        ambiguous |= "dmy" in best and decided[mark] not in alike
    return decided, ambiguous


def _by_spread(best: list[str], made: Array) -> list[str]:
    """Whether the first or the last of three numbers of two digits is the year: days take more values than years."""
    days = made[~np.isnat(made)].astype("M8[D]")
    years, days_of_month = days.astype("M8[Y]"), days - days.astype("M8[M]")
    year_first = len(np.unique(days_of_month)) > len(np.unique(years))
    return ["ymd"] if year_first else [order for order in best if order != "ymd"]


def century(made: Array) -> int:
    """The first of the hundred years that two digits stand for, of dates that were read as in POSIX.

    Years of birth from 35 to 17 are 1935 to 2017, though 35 alone would be 2035: the shortest time that they can span.
    """
    years = np.unique(made[~np.isnat(made)].astype("M8[Y]").astype(int) + 1970)
    digits = np.unique(years % 100)
    if len(digits) < 2:
        return CENTURY
    gaps = np.diff(digits, append=digits[0] + 100)  # to the next
    first = int(digits[(np.argmax(gaps) + 1) % len(digits)])
    return 1900 + first if 100 - gaps.max() < np.ptp(years) else CENTURY
