"""How dates and times are written: which readings the layout of a cell allows, and the moments that they give.

The layout is the cell with 0 for each digit: all cells of one layout have their year, month and day at the same places.
A reading has a form, in the codes of strptime (`%d/%m/%Y %H:%M`; %b is a month's name, short or in full), and says
which digits belong to which field.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from chainrule._types import Array

LONGEST = 80  # characters of a cell that can be a date
NONE = np.datetime64("NaT", "us")
DAY = 86_400_000_000  # microseconds
CENTURY = 1969  # to 2068, as in POSIX


def normalized(layout: str) -> str:
    """In lower case, without accents, with single blanks and plain dashes."""
    letters = unicodedata.normalize("NFKD", layout.lower().translate({0x2212: "-", 0x2013: "-", 0x2019: "'"}))
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(unicodedata.normalize("NFC", plain).split())


# In English, German, the Romance and Scandinavian languages, Dutch, Polish, Russian and Turkish.
_MONTHS = (
    "january jan januar janner janvier janv enero ene gennaio gen janeiro januari stycznia sty января янв ocak",
    "february feb februar fevrier fevr fev febrero febbraio fevereiro februari lutego lut февраля фев subat",
    "march mar marz maerz mrz mars marzo marco maart mrt marts marca марта мар mart",
    "april apr avril avr abril abr aprile kwietnia kwi апреля апр nisan",
    "may mai mayo maggio mag maio mei maj maja мая май mayis mayıs",
    "june jun juni juin junio giugno giu junho czerwca cze июня июн haziran",
    "july jul juli juillet juil julio luglio lug julho lipca lip июля июл temmuz",
    "august aug aout agosto ago augustus augusti sierpnia sie августа авг agustos",
    "september sep sept septembre septiembre setiembre settembre set setembro wrzesnia wrz сентября сент сен eylul",
    "october oct oktober okt octobre octubre ottobre ott outubro out pazdziernika paz октября окт ekim",
    "november nov novembre noviembre novembro listopada lis ноября ноя kasim kasım",
    "december dec dezember dez decembre diciembre dic dicembre dezembro desember des "
    "grudnia gru декабря дек aralik aralık",
)
# Short ones of two letters are German.
_WEEKDAYS = (
    "monday mon tuesday tues tue wednesday wed thursday thurs thur thu friday fri saturday sat sunday sun "
    "montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag mo di mi do fr sa so "
    "lundi mardi mercredi jeudi vendredi samedi dimanche lunes martes miercoles jueves viernes sabado domingo "
    "lunedi martedi mercoledi giovedi venerdi domenica maandag dinsdag woensdag donderdag vrijdag zaterdag zondag"
)
MONTH = {name: number for number, names in enumerate(_MONTHS, 1) for name in normalized(names).split()}
ZONES = {  # hours from UTC, of RFC 2822 and the two of central Europe
    **{"z": 0, "utc": 0, "gmt": 0, "ut": 0, "cet": 1, "cest": 2},
    **{"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7},
}
_CODES = {"w": "%V", "q": "Q%q", "o": "", "x": "", "c": ""}  # of fields that are not called as in strptime


@dataclass(frozen=True, eq=False)
class Reading:
    """One way to read the cells of a layout.

    order: of the fields of the date, as "dmy"; several readings of a layout differ in it. mark: what stands between
    them. fields: name → the digits that belong to it, or its value where a word says it. weak: few cells of this form
    are no evidence of dates.
    """

    form: str
    order: str
    mark: str
    fields: dict[str, slice | int]
    weak: bool = False


def _names(words: str) -> str:
    return "|".join(sorted(set(words.split()), key=lambda word: (-len(word), word)))


WEEKDAYS = _names(_WEEKDAYS)
_END = r"(?![^\W\d_])"  # of a word
_B = rf"(?P<b>(?:{_names(' '.join(MONTH))}){_END}\.?)"
_WEEKDAY = rf"\(?(?P<a>{WEEKDAYS}){_END}\.?\)?"
_A = rf"(?:{_WEEKDAY},? ?)?"  # which may stand before a date
_D = r"(?P<d>00?)(?P<o>st|nd|rd|th|er|\.(?= ))?"
_BESIDE = r"(?: of | de | del |[-/., ]*)"  # a month's name
_YEAR = r"(?:(?P<Y>0000)|'?(?P<y>00))"
_BEHIND = r"(?:(?P<H>00)(?P<M>00)(?P<S>00)?)?"
_WITHIN, _BEFORE, _REST = r"(?P<t>00?:00(?::00)?(?: [-+a-z0]{1,8})?)", r"(?P<t>00?:.*?)", r"(?P<t>.*)"  # times
# The order of a date's fields → its pattern. Weak ones follow.
_DATES = (
    ("ymd", r"(?P<Y>0000)(?P<s>[-/._ ]|\. )(?P<m>00?)(?P=s)(?P<d>00?)\.?"),
    ("ymd", r"(?P<Y>0000) ?[年년] ?(?P<m>00?) ?[月월] ?(?P<d>00?) ?[日일]"),
    ("ymd", rf"(?P<Y>0000)(?P<m>00)(?P<d>00){_BEHIND}"),
    ("dmy", rf"(?P<d>00?)(?P<s>[-/.]|\. )(?P<m>00?)(?P=s){_YEAR}"),
    ("mdy", rf"(?P<m>00?)(?P<s>[-/.]|\. )(?P<d>00?)(?P=s){_YEAR}"),
    ("dmy", r"(?P<d>00?)(?P<s> )(?P<m>00?) (?P<Y>0000)"),
    ("mdy", r"(?P<m>00?)(?P<s> )(?P<d>00?) (?P<Y>0000)"),
    ("ymd", r"(?P<y>00)(?P<s>[-/.])(?P<m>00?)(?P=s)(?P<d>00?)"),
    ("dby", rf"{_D}{_BESIDE}{_B}{_BESIDE}{_YEAR}"),
    ("bdy", rf"{_B}{_BESIDE}{_D}(?:,? |[-/.,]){_YEAR}"),
    ("ybd", rf"(?P<Y>0000){_BESIDE}{_B}{_BESIDE}(?P<d>00?)"),
    ("bdy", rf"{_B} (?P<d>00?) {_WITHIN} (?P<Y>0000)"),
    ("ym", r"(?P<Y>0000)(?P<s>[-/._ ])(?P<m>00)"),
    ("ym", r"(?P<Y>0000) ?[年년] ?(?P<m>00?) ?[月월]"),
    ("my", r"(?P<m>00?)(?P<s>[-/. ])(?P<Y>0000)"),
    ("by", rf"{_B}{_BESIDE}(?P<Y>0000)"),
    ("yb", rf"(?P<Y>0000){_BESIDE}{_B}"),
    ("yq", r"(?P<Y>0000)[-/ ]?(?P<q>q0)"),
    ("qy", r"(?P<q>q0)[-/ ,]*(?P<Y>0000)"),
    ("qy", r"(?P<q>0 ?q)[-/ ,]*(?P<Y>0000)"),
    ("yw", r"(?P<Y>0000)-?w(?P<w>00)(?:-?(?P<u>0))?"),
)
_WEAK_DATES = (
    ("by", rf"{_B}(?P<s>[-/ ]?)'?(?P<y>00)"),
    ("bd", rf"{_B}(?P<s>[-/ ]?){_D}"),
    ("db", rf"{_D}[-/. ]*{_B}"),
    ("ym", r"(?P<Y>0000)(?P<m>00)"),
    ("y", r"(?P<Y>0000)"),
)
_SECONDS = r"(?::(?P<S>00)(?:[.,](?P<f>0{1,9}))?)?"
_HALF = r"(?P<p>[ap]\.? ?m\.?)"
# Times that can stand alone, those that follow a date, and those that follow T or a date without marks.
_CLOCKS = (
    rf"(?P<H>00?):(?P<M>00){_SECONDS}(?: ?{_HALF}|(?P<x> ?(?:uhr|h|hrs)))?",
    rf"(?P<H>00?) ?{_HALF}",
    r"(?P<H>00?) ?h ?(?P<M>00)(?: ?m(?:in)?)?(?: ?(?P<S>00) ?s)?",
)
_AFTER = (*_CLOCKS, r"(?P<H>00)\.(?P<M>00)(?:\.(?P<S>00)(?:\.(?P<f>0{1,9}))?)?")
_COMPACT = r"(?P<H>00)(?:(?P<M>00)(?:(?P<S>00)(?:[.,](?P<f>0{1,9}))?)?)?"
_CLOSE = "(?:t|[ _-]?)"
_BETWEEN = r"(?:t|,? (?:at |um |@ )?| - |[:_,-])"
_ZONE = rf" ?(?P<z>(?:{_names(' '.join(ZONES))})?(?:[-+]00(?::?00)?)?)(?P<c> utc| ?[\[(][^()\[\]]*[\])])?"


@cache
def _patterns() -> tuple[list[tuple[str, bool, re.Pattern[str]]], list[re.Pattern[str]], list[re.Pattern[str]]]:
    """Of dates, of what follows a date, and of times before or within one."""
    dates = []
    for weak, listed in ((False, _DATES), (True, _WEAK_DATES)):
        for order, date in listed:
            if "(?P<t>" in date:
                dates.append((order, weak, re.compile(_A + date)))
                continue
            dates.append((order, weak, re.compile(rf"{_A}{date}(?!0){_REST}")))
            if not weak:
                dates.append((order, weak, re.compile(rf"{_BEFORE}[ ,]+{_A}{date}")))
    after = [rf",? ?{_WEEKDAY}", *(_BETWEEN + clock + _ZONE for clock in _AFTER), _CLOSE + _COMPACT + _ZONE]
    within = [clock + _ZONE for clock in _CLOCKS]
    return dates, [re.compile(each) for each in after], [re.compile(each) for each in within]


@lru_cache(4096)
def readings(layout: str) -> tuple[Reading, ...]:
    """The ways to read the cells of a layout, which begins and ends without a blank; none if they are no dates."""
    text = normalized(layout)
    if text.count("0") != layout.count("0") or len(layout) > LONGEST:
        return ()
    found: dict[str, Reading] = {}
    for way in _all(text):
        reading = _reading(text, *way)
        found.setdefault(reading.form, reading)
    return tuple(found.values())


# A reading's order, mark, matches of the date and of the time, and whether it is weak.
_Way = tuple[str, str, list[re.Match[str]], bool]


def _all(text: str) -> Iterator[_Way]:
    dates, after, within = _patterns()
    for alone in _CLOCKS:
        if match := re.fullmatch(alone, text):
            yield "", "", [match], False
    for order, weak, date in dates:
        match = date.fullmatch(text)
        if match is None:
            continue
        mark = match["s"] or "" if "s" in match.re.groupindex else ""
        start, stop = match.span("t")
        if start == stop:
            yield order, mark, [match], weak
        elif not weak:
            for clock in after if stop == len(text) else within:
                time = clock.fullmatch(text, start, stop)
                if time and (clock is not after[-1] or text[start] == "t" or text.startswith("00000000")):
                    yield order, mark, [match, time], False
                    break


def _reading(text: str, order: str, mark: str, matches: list[re.Match[str]], weak: bool) -> Reading:
    spans = sorted(
        (*match.span(name), name)
        for match in matches
        for name, there in match.groupdict().items()
        if there and name not in "st"
    )
    fields: dict[str, slice | int] = {}
    form, last = "", 0
    half = any(name == "p" for *_, name in spans)
    for start, stop, name in spans:
        code = "%I" if name == "H" and half else _CODES.get(name, f"%{name}")
        form += text[last:start].replace("%", "%%") + code
        last = stop
        word, digits = text[start:stop], slice(text.count("0", 0, start), text.count("0", 0, stop))
        if name == "b":
            fields["m"] = MONTH[word.rstrip(".")]
        elif name == "p":
            fields["p"] = "ap".index(word[0])
        elif name == "z":
            fields |= _zone(word, digits)
        elif name not in "aocx":
            fields[name] = digits
    form = re.sub(r"(?<=\d)\s*t(?=%)|t(?=%[HI])", "T", form + text[last:])
    return Reading(form, order, mark, fields, weak)


_SAMPLES = {"Y": "0000", "b": "jan", "f": "000", "p": "am", "z": "+0000", "u": "0", "a": "monday"}


def expressions(form: str) -> list[str]:
    """What is read in a form, as regular expressions of Python over `normalized` text, with a group for each field.

    MONTH and WEEKDAY stand for their names. Empty for what is no form.
    """
    found = []
    for quarter in dict.fromkeys(form.replace("Q%q", each) for each in ("q0", "0q")):
        text = normalized(re.sub("%(.)", lambda code: _SAMPLES.get(code[1], "00"), quarter))
        for _, mark, matches, _ in (way for way in _all(text) if _reading(text, *way).form == form):
            found.append(_expression(mark, [match.re.pattern for match in matches], "%a" in form))
    return found


def _expression(mark: str, patterns: list[str], weekday: bool) -> str:
    date, time = patterns[0], "".join(patterns[1:])
    time = time if _BEHIND in date else time.replace(_CLOSE, "t")
    for place in (_REST, _BEFORE, _WITHIN):
        date = date.replace(place, time)
    date = date.replace(_BEHIND, "") if time else date
    date = date if weekday else date.replace(_A, "")
    date = re.sub(r"\(\?P<s>[^()]*\)|\(\?P=s\)", lambda _: re.escape(mark), date)
    date = re.sub(r"\(\?P<[aocx]>", "(?:", date.replace(_names(" ".join(MONTH)), "MONTH"))
    return date.replace(WEEKDAYS, "WEEKDAY").replace("0", "[0-9]")


def _zone(word: str, digits: slice) -> dict[str, slice | int]:
    """The offset from UTC: its name's hours, the sign, and the digits of hours and minutes."""
    name, sign, rest = re.fullmatch(r"([a-z]*)([-+]?)(.*)", word).groups()  # type: ignore[union-attr]
    fields: dict[str, slice | int] = {"name": ZONES.get(name, 0)}
    if sign:
        hours = slice(digits.start, digits.start + 2)
        fields |= {"sign": -1 if sign == "-" else 1, "hours": hours}
        if len(rest) > 2:
            fields["minutes"] = slice(hours.stop, digits.stop)
    return fields


def moments(reading: Reading, digits: Array, century: int = CENTURY) -> Array:
    """The moments of cells with these digits (k, n); NaT where there is no such day or time.

    century: the first of the hundred years that two digits stand for.
    """

    def number(name: str, otherwise: int = 0) -> Array:
        place = reading.fields.get(name, otherwise)
        if isinstance(place, int):
            return np.full(len(digits), place, np.int64)
        powers = 10 ** np.arange(place.stop - place.start)[::-1]
        return np.asarray(digits[:, place].astype(np.int64) @ powers)

    year, month, day = number("Y", 1970 if not reading.order else 1972), number("m", 1), number("d", 1)
    if "y" in reading.fields:
        year = century + (number("y") - century) % 100
    if "q" in reading.fields:
        month = 3 * number("q") - 2
    good = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    if "d" not in reading.fields and reading.order:
        good &= (year >= 1000) & (year < 3000)
    first = (year - 1970).astype("M8[Y]").astype("M8[M]") + (np.clip(month, 1, 12) - 1).astype("m8[M]")
    days = first.astype("M8[D]")
    good &= day <= ((first + np.timedelta64(1, "M")).astype("M8[D]") - days).astype(int)
    days = days.astype(np.int64) + day - 1
    if "w" in reading.fields:  # week 1 is that of the 4th of January, from Monday on
        week, weekday = number("w"), number("u", 1)
        days += 3
        days += 7 * (week - 1) + weekday - 1 - (days + 3) % 7
        good &= (week >= 1) & (week <= 53) & (weekday >= 1) & (weekday <= 7)
    hour, minute, second = number("H"), number("M"), number("S")
    if "p" in reading.fields:
        good &= hour <= 12 if reading.fields["p"] == 0 else hour < 24
        hour = np.where(hour < 13, hour % 12 + 12 * number("p"), hour)
    good &= (hour * 60 + minute <= 1440) & (minute < 60) & (second <= 60)
    fraction = reading.fields.get("f")
    parts = number("f") * 10**6 // 10 ** (fraction.stop - fraction.start) if isinstance(fraction, slice) else 0
    offset = number("name") * 60 + number("sign") * (number("hours") * 60 + number("minutes"))
    made = days * DAY + ((hour * 60 + minute - offset) * 60 + second) * 10**6 + parts
    return np.where(good, made.astype("M8[us]"), NONE)
