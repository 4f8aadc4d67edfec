"""Units, currencies and multiples as people write them beside numbers: ``12 km``, ``$1.2M``, ``3 Mio. €``."""

import re
from functools import lru_cache

_words = str.split
CURRENCIES = {
    **dict.fromkeys(("$", "US$", "USD"), "$"), **dict.fromkeys(("€", "EUR", "euro"), "€"),
    **dict.fromkeys(("£", "GBP"), "£"), **dict.fromkeys(("¥", "JPY", "CN¥", "CNY", "RMB"), "¥"),
    **dict.fromkeys(("₹", "INR", "Rs", "Rs."), "₹"), **dict.fromkeys(("CHF", "Fr", "Fr."), "CHF"),
    **dict.fromkeys(("R$", "BRL"), "R$"), **dict.fromkeys(("zł", "PLN"), "zł"), **dict.fromkeys(("₽", "RUB"), "₽"),
    **dict.fromkeys(("₩", "KRW"), "₩"), **dict.fromkeys(("₺", "TRY", "TL"), "₺"), **dict.fromkeys(("kr", "kr."), "kr"),
    **{word: word for word in _words("A$ AU$ C$ CA$ NZ$ HK$ S$ AUD CAD NZD HKD SGD SEK NOK DKK CZK Kč HUF Ft MXN ZAR "
    "ILS ₪ ₫ ฿ ₴ ₦ ₱ THB VND PHP IDR Rp MYR RM TWD UAH NGN AED SAR COP ARS CLP BTC Ξ")},
}  # fmt: skip
TIMES = {
    **dict.fromkeys(("k", "K"), 1e3), **dict.fromkeys(("M", "MM"), 1e6), "Cr": 1e7,
    **dict.fromkeys(_words("thousand tsd tsd."), 1e3), **dict.fromkeys(_words("lakh lakhs lac"), 1e5),
    **dict.fromkeys(_words("mn mln mio mio. million millions"), 1e6), **dict.fromkeys(_words("crore crores"), 1e7),
    **dict.fromkeys(_words("bn billion billions mrd mrd."), 1e9), **dict.fromkeys(_words("tn trillion"), 1e12),
}  # fmt: skip
MULTIPLES = "k"  # the unit of a column with 19k and 1.2m, whose letters are no units
PERHAPS = {"m": 1e6, "b": 1e9, "B": 1e9, "t": 1e12, "T": 1e12}  # meters or millions, bytes or billions …
PREFIXES = {"": 1, "µ": 1e-6, "μ": 1e-6, "u": 1e-6, "m": 1e-3, "c": 1e-2, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
PREFIXES["T"] = 1e12
# What stands behind such a prefix; and what is so many of one of these.
SCALED = {name: name for name in _words("g m s B b W Wh Hz L A V J Pa cal")} | {"l": "L", "byte": "B", "bit": "b"}
SO_MANY: dict[str, tuple[float, str]] = {
    "lb": (453.59237, "g"), "oz": (28.349523125, "g"), "in": (0.0254, "m"), "inch": (0.0254, "m"), "ft": (0.3048, "m"),
    "yd": (0.9144, "m"), "mi": (1609.344, "m"), "mile": (1609.344, "m"), "sec": (1, "s"), "min": (60, "s"),
    "h": (3600, "s"), "hr": (3600, "s"), "hour": (3600, "s"), "d": (86400, "s"), "day": (86400, "s"),
    "week": (604800, "s"), "wk": (604800, "s"),
}  # fmt: skip
_UNITS = frozenset(
    _words(
        "% ‰ t ton tonne gal mph kmh km/h kph month mo year yr y °c °f ° cc hp bhp ps rpm kmpl m2 km2 ft2 sqft qm ha "
        "acre m3 px pcs star people person item"
    )
)


@lru_cache(maxsize=4096)
def suffix(after: str) -> tuple[float, str]:
    """What stands behind a number, as a factor and a unit: (1000, "€") of ``k €``."""
    after = after.translate({ord("²"): "2", ord("³"): "3"})
    times = TIMES.get(after) or (TIMES.get(after.casefold()) if len(after) > 1 else None)
    if times:
        return times, ""
    if after in CURRENCIES:
        return 1.0, CURRENCIES[after]
    for word, times in (TIMES | PERHAPS).items():
        start, rest = after[: len(word)], after[len(word) :].strip()
        if rest in CURRENCIES and word == (start.casefold() if len(word) > 2 else start):
            return times, CURRENCIES[rest]
    if scaled(after):
        return 1.0, after
    return 1.0, plain(after)


def plain(unit: str) -> str:
    """A unit that is none of those above as all of its spellings are taken: without capitals, dots and an s behind."""
    if len(unit) == 1:
        return unit
    small = unit.casefold().rstrip(".")
    return small[:-1] if len(small) > 3 and small.endswith("s") else small


def spellings(unit: str) -> str:
    """What `plain` makes that unit of, as a regular expression of Python and of JavaScript; "" where it is nothing."""
    ways = [_in_any_letters(word) for word in (unit, unit + "s") if len(word) > 1 and plain(word) == unit]
    ways += [_in_any_letters(unit) + r"\."] if plain(unit + ".") == unit else []
    return rf"(?![^()]{{20}})(?:{'|'.join(ways)})\.*" if ways else ""


def _in_any_letters(word: str) -> str:
    """What `casefold` makes that word of; and of a 2 or 3 as a power, which `suffix` makes of ² and ³."""
    found, i = "", 0
    while i < len(word):
        one = "".join(_letters().get(word[i], word[i]))
        one = {"2": "²", "3": "³"}.get(one, one)
        one = f"[{one}]" if len(one) > 1 else re.sub(r"[.^$*+?()\[\]{}|\\/]", r"\\\g<0>", one)
        if pair := _letters().get(word[i : i + 2]) if len(word[i : i + 2]) == 2 else None:  # ß of ss
            one, i = f"(?:{one}{_in_any_letters(word[i + 1])}|[{''.join(pair)}])", i + 1
        found, i = found + one, i + 1
    return found


@lru_cache(maxsize=1)
def _letters() -> dict[str, list[str]]:
    """What stands for a letter, or for two, where capitals do not matter."""
    found: dict[str, list[str]] = {}
    for letter in map(chr, range(0xD800)):
        found.setdefault(letter.casefold(), []).append(letter)
    return found


def scaled(unit: str) -> tuple[float, str] | None:
    """How many of which unit one is, like 1000 m of km; None for others."""
    if unit in SO_MANY:
        return SO_MANY[unit]
    for prefix, factor in PREFIXES.items():
        if unit.startswith(prefix) and (base := unit[len(prefix) :].removesuffix("s") or unit[len(prefix) :]) in SCALED:
            return factor, SCALED[base]
    return None


def is_unit(unit: str) -> bool:
    """Whether it is a unit wherever it stands; a letter behind some numbers, as in 14A, is none."""
    if len(unit) == 1 and unit.isalpha():
        return False
    return unit in _UNITS or unit in CURRENCIES.values() or scaled(unit) is not None
