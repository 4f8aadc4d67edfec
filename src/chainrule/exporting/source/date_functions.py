"""The functions of files of Python and JavaScript that read dates as people write them, and the names they know."""

import json

from chainrule.exporting.source.spelling import wrapped
from chainrule.tabular.forms import MONTH, WEEKDAYS, ZONES


def _entries(known: dict[str, int]) -> str:
    """The same in both languages."""
    return f"{{\n{wrapped([f'{json.dumps(name)}: {number}' for name, number in known.items()])},\n}}"


_MONTHS, _ZONES, _WEEKDAY = _entries(MONTH), _entries(ZONES), json.dumps(WEEKDAYS)
PYTHON = {
    "moment": '''\
def moment(part, since):
    """Seconds since 1970, of the parts of a date or time as they are written; None where there is no such moment."""
    n = {field: int(re.sub("[^0-9]", "", t) or 0) for field, t in part.items()}
    year = since + (n["y"] - since) % 100 if "y" in n else n.get("Y", 1972 if "d" in n else 1970)
    month = MONTHS[part["b"].rstrip(".")] if "b" in n else 3 * n["q"] - 2 if "q" in n else n.get("m", 1)
    try:
        days = datetime.date(year, month, n.get("d", 1)).toordinal() - 719163
    except ValueError:
        return None
    if not (1000 <= year < 3000 or "d" in n):
        return None
    if "w" in n:  # week 1 is that of the 4th of January, from Monday on
        week, weekday = n["w"], n.get("u", 1)
        if not (1 <= week <= 53 and 1 <= weekday <= 7):
            return None
        days += 7 * week - 5 + weekday - (days + 6) % 7
    hour, minute, second, half = n.get("H", 0), n.get("M", 0), n.get("S", 0), part.get("p", "")[:1]
    if half and hour > (12 if half == "a" else 23):
        return None
    if half and hour < 13:
        hour = hour % 12 + 12 * (half == "p")
    if hour * 60 + minute > 1440 or minute > 59 or second > 60:
        return None
    name, sign, hours, minutes = re.fullmatch("([a-z]*)([-+]?)([0-9]{0,2}):?([0-9]*)", part.get("z", "")).groups()
    ahead = 60 * int(hours or 0) + int(minutes or 0)
    ahead = 60 * ZONES.get(name, 0) + (-ahead if sign == "-" else ahead)
    return 86400.0 * days + 60 * (60 * hour + minute - ahead) + second + int(part.get("f", "0").ljust(6, "0")[:6]) / 1e6


'''
    f'MONTHS = {_MONTHS}\nMONTH = "|".join(sorted(MONTHS, key=len, reverse=True))\n'
    f"WEEKDAY = {_WEEKDAY}\nZONES = {_ZONES}\n",
    "small_letters": '''\
def small_letters(text):
    """The text as names of months are compared: in lower case, without accents, with single blanks, plain dashes."""
    plain = unicodedata.normalize("NFKD", text.lower().translate({0x2212: "-", 0x2013: "-", 0x2019: "'"}))
    plain = " ".join("".join(t for t in plain if not unicodedata.combining(t)).split())
    same = len(re.findall("[0-9]", plain)) == len(re.findall("[0-9]", text))  # \u00b2 is none
    return unicodedata.normalize("NFC", plain) if same else text
''',
}
JAVASCRIPT = {
    "moment": """\
// Seconds since 1970, of the parts of a date or time as they are written; null where there is no such moment.
function moment(parts, since) {
  const part = Object.fromEntries(parts);
  const n = Object.fromEntries(parts.map(([field, t]) => [field, Number(t.replace(/[^0-9]/g, ""))]));
  const short = since + ((((n.y - since) % 100) + 100) % 100);
  const year = "y" in n ? short : n.Y ?? ("d" in n ? 1972 : 1970);
  const month = "b" in n ? MONTHS[part.b.replace(/\\.$/, "")] : "q" in n ? 3 * n.q - 2 : n.m ?? 1;
  const first = new Date(0), day = n.d ?? 1;
  first.setUTCFullYear(year, month - 1, day);
  if (year < 1 || first.getUTCMonth() !== month - 1 || first.getUTCDate() !== day) return null;
  if (!("d" in n) && (year < 1000 || year >= 3000)) return null;
  let days = first.getTime() / 86400000;
  if ("w" in n) {
    const week = n.w, weekday = n.u ?? 1; // week 1 is that of the 4th of January, from Monday on
    if (week < 1 || week > 53 || weekday < 1 || weekday > 7) return null;
    days += 7 * week - 5 + weekday - ((((days + 6) % 7) + 7) % 7);
  }
  let hour = n.H ?? 0;
  const minute = n.M ?? 0, second = n.S ?? 0, half = (part.p ?? "")[0];
  if (half && hour > (half === "a" ? 12 : 23)) return null;
  if (half && hour < 13) hour = (hour % 12) + (half === "p" ? 12 : 0);
  if (hour * 60 + minute > 1440 || minute > 59 || second > 60) return null;
  const [, name, sign, hours, minutes] = /^([a-z]*)([-+]?)([0-9]{0,2}):?([0-9]*)$/.exec(part.z ?? "");
  const ahead = (sign === "-" ? -1 : 1) * (60 * Number(hours) + Number(minutes));
  const fraction = Number((part.f ?? "").padEnd(6, "0").slice(0, 6)) / 1e6;
  return 86400 * days + 60 * (60 * hour + minute - ahead - 60 * (ZONES[name] ?? 0)) + second + fraction;
}
"""
    f"const MONTHS = {_MONTHS};\n"
    'const MONTH = Object.keys(MONTHS).sort((a, b) => b.length - a.length).join("|");\n'
    f"const WEEKDAY = {_WEEKDAY};\nconst ZONES = {_ZONES};\n",
    "small_letters": """\
// The text as names of months are compared: in lower case, without accents, with single blanks and plain dashes.
function small_letters(text) {
  const dashes = text.toLowerCase().replace(/[\\u2212\\u2013]/g, "-").replace(/\\u2019/g, "'");
  const letters = dashes.normalize("NFKD").replace(/\\p{Mn}/gu, "");
  const plain = strip(letters).split(new RegExp(BLANK)).join(" ");
  const digits = (each) => each.replace(/[^0-9]/g, "").length; // \u00b2 is none
  return digits(plain) === digits(text) ? plain.normalize("NFC") : text;
}
""",
}
