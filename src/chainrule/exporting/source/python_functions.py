"""The functions of a file of Python that are the same for every model; of each file those that it uses."""

from chainrule.exporting.source import gaps
from chainrule.exporting.source.date_functions import PYTHON as DATES

# As NumPy has them, which raises nothing.
_APPLIED = {
    **{name: f"math.{name}(t) if t > 0 else -inf if t == 0 else nan" for name in ("log", "log2", "log10")},
    "log1p": "math.log1p(t) if t > -1 else -inf if t == -1 else nan",
    **{name: f"math.{name}(t) if t < 709.78 else inf if t > 0 else nan" for name in ("exp", "expm1")},
    "sqrt": "math.sqrt(t) if t >= 0 else nan",
    **{name: f"math.{name}(t) if abs(t) < inf else nan" for name in ("sin", "cos")},
    "tanh": "math.tanh(t)",
    "square": "t * t",
    "absolute": "abs(t)",
}
FUNCTIONS = {
    "identity": "def identity(Z):\n    return Z\n",
    "relu": "def relu(Z):\n    return [0.0 if z < 0 else z for z in Z]\n",
    "leaky_relu": "def leaky_relu(alpha):\n    return lambda Z: [z if z > 0 else alpha * z for z in Z]\n",
    "elu": "def elu(alpha):\n    return lambda Z: [z if z > 0 else alpha * math.expm1(z) for z in Z]\n",
    "selu": (
        "def selu(Z):\n"
        "    return [1.0507009873554805 * (z if z > 0 else 1.6732632423543772 * math.expm1(z)) for z in Z]\n"
    ),
    "tanh": "def tanh(Z):\n    return [math.tanh(z) for z in Z]\n",
    "sigma": "def sigma(z):\n    e = math.exp(-abs(z))\n    return 1 / (1 + e) if z >= 0 else e / (1 + e)\n",
    "sigmoid": "def sigmoid(Z):\n    return [sigma(z) for z in Z]\n",
    "soft": "def soft(z):\n    return max(0.0, z) + math.log1p(math.exp(-abs(z)))\n",
    "softplus": "def softplus(Z):\n    return [soft(z) for z in Z]\n",
    "gelu": "def gelu(Z):\n    return [z * math.erfc(-z / 2**0.5) / 2 for z in Z]\n",
    "silu": "def silu(Z):\n    return [z * sigma(z) for z in Z]\n",
    "mish": "def mish(Z):\n    return [z * math.tanh(soft(z)) for z in Z]\n",
    "softmax": """\
def softmax(Z):
    largest = max(Z)
    e = [math.exp(z - largest) for z in Z]
    total = sum(e)
    return [t / total for t in e]
""",
    "exp": "def exp(Z):\n    return [math.exp(z) if z < 709.78 else inf if z > 0 else z for z in Z]\n",
    "single": '''\
def single(A):
    """The numbers in float32, in which the network computes: what it cannot hold is infinite."""
    return list(array("f", A))
''',
    "finite": '''\
def finite(answers):
    """The answers, of which none may be infinite or NaN."""
    if not all(map(math.isfinite, answers)):
        raise ValueError("the numbers of the row are so large that the network overflows")
    return answers
''',
    "linear": '''\
def linear(W, scale, b, A):
    """W A + b; W (n, k) row by row, in int8 to be multiplied by the scale of the row."""
    k = len(A)
    Z = [sum(map(mul, W[i : i + k], A)) for i in range(0, len(W), k)]
    Z = Z if scale is None else [s * z for s, z in zip(scale, Z)]
    return [z + t for z, t in zip(Z, b)]
''',
    "given": '''\
def given(row, name):
    """The value of a column; None where it is missing."""
    if not hasattr(row, "keys"):
        raise ValueError(f"a row is {{column: value}}, not {row!r:.80}")
    if name not in row.keys():
        raise ValueError(f"no column {name!r} in the row")
    value = row[name]
    return None if not isinstance(value, str) and str(value) in GAPS else value


GAPS = ["None", "nan", "NaN", "NaT", "<NA>"]
''',
    "listed": '''\
def listed(row, count):
    """The values of a row by name: x0, x1 and so on."""
    values = [] if isinstance(row, (str, bytes, dict)) or not hasattr(row, "__iter__") else list(row)
    if len(values) != count:
        got = f"{len(values)} values" if values else f"{row!r:.80}"
        raise ValueError(f"a row is a list of {count} values, not {got}")
    return {f"x{i}": value for i, value in enumerate(values)}
''',
    "numeral": '''\
def numeral(value, name, what="number"):
    """The number that a value is."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name}: {value!r:.80} is no {what}") from None
''',
    "real": '''\
def real(row, name):
    """A number, or a text that is one to Python; nan where it is missing."""
    value = given(row, name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return nan
    value = numeral(value, name)
    if value in (inf, -inf):
        raise ValueError(f"{name}: is infinite, and the model takes no such row")
    return value
''',
    "is_mark": '''\
def is_mark(text, words):
    """Whether a text says that there is no value, or only what it is above or below."""
    letters = re.sub(r"[\\W_]+", "", text.casefold())
    if text in words or letters in MARKS or (text[:1] == "#" and letters in ERRORS):
        return True
    return bool(re.fullmatch(SIGNS, text) or re.fullmatch(BOUND, text))


'''
    + f"MARKS = {gaps.MARKS}\nERRORS = {gaps.ERRORS}\nSIGNS = {gaps.SIGNS}\nBOUND = {gaps.BOUND}\n",
    "number": '''\
def number(row, name, words, pattern, units):
    """A number, or a text that is one as the column has it: signs, digits with marks for thousands, units."""
    value = given(row, name)
    if isinstance(value, str):
        text = value.strip()
        if is_mark(text, words):
            return nan
        for plain, alike in ALIKE:
            text = re.sub(f"[{alike}]", plain, text)
        found = re.fullmatch(pattern, text, re.ASCII)
        signs = "".join(found[k] or "" for k in (1, 2, 4, 8)) if found and (found[5] or found[6]) else "?"
        if signs not in ("", "+", "-", "(") or (signs == "(") != bool(found[11]):
            raise ValueError(f"{name}: {value!r} is no number as the column has them")
        value = float(f"{re.sub('[^0-9]', '', found[5]) or 0}.{found[6] or 0}") * float(f"1{found[7] or ''}")
        value *= (-1 if signs in ("-", "(") else 1) * units.get(found[9], 1) * units.get(found[10], 1)
        value = inf if value != value else value  # 0e999
    value = nan if value is None else numeral(value, name)
    if abs(value) > 1e150:
        raise ValueError(f"{name}: {value} is too large")
    return value


'''
    + f"ALIKE = {gaps.ALIKE}\n",
    "marked": '''\
def marked(value, missing):
    """The number; NaN for those that stand for a missing value."""
    return nan if value in missing else value
''',
    "required": '''\
def required(value, name):
    """The number, which the model takes no other for."""
    if value != value:
        raise ValueError(f"{name}: is missing, and the model takes no row without it")
    return value
''',
    "boolean": '''\
def boolean(row, name, words):
    """1 or 0, from what can be either; NaN where it is missing."""
    value = given(row, name)
    text = "" if value is None else str(value).lower()
    if text in ("true", "1", "1.0", "yes"):
        return 1.0
    if text in ("false", "0", "0.0", "no"):
        return 0.0
    if is_mark(text.strip(), words):
        return nan
    raise ValueError(f"{name}: {value!r} is neither true nor false")
''',
    "date": '''\
def date(row, name, words, forms):
    """Seconds since 1970, of a date, datetime, time (without a zone: UTC), a text as the column has it, or they."""
    value = given(row, name)
    if isinstance(value, str):
        text = value.strip()
        if is_mark(text, words):
            return nan
        small = small_letters(text)
        for pattern, since in forms:
            found = re.fullmatch(pattern.replace("MONTH", MONTH).replace("WEEKDAY", WEEKDAY), small)
            if found:
                seconds = moment({field: t for field, t in found.groupdict().items() if t}, since)
                if seconds is None:
                    break
                return seconds
        raise ValueError(f"{name}: {value!r} is no date as the column has them, nor one like 2024-12-31")
    if isinstance(value, datetime.datetime):
        utc = datetime.timezone.utc
        value = value.replace(tzinfo=value.tzinfo or utc)
        return (value - datetime.datetime(1970, 1, 1, tzinfo=utc)).total_seconds()
    if isinstance(value, datetime.date):
        return 86400.0 * (value.toordinal() - 719163)
    if isinstance(value, datetime.time):
        return 3600.0 * value.hour + 60 * value.minute + value.second + value.microsecond / 1e6
    if type(value).__name__ == "datetime64":
        return int(value.astype("datetime64[us]").astype("int64")) / 1e6
    if type(value).__name__ in ("bool", "bool_"):
        raise ValueError(f"{name}: {value!r} is no date")
    return nan if value is None else numeral(value, name, "date")
''',
    **DATES,
    "presence": '''\
def presence(row, name):
    """1 where there is a value, else 0."""
    value = given(row, name)
    return 0.0 if value is None or (isinstance(value, str) and not value.strip()) else 1.0
''',
    "category": '''\
def category(row, name):
    """The text of a category; a whole number and the same with a point are one; "" where it is missing."""
    value = given(row, name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()
''',
    "key": '''\
def key(row, name):
    """What is compared with the categories, as it is; None where it is missing."""
    value = given(row, name)
    try:
        hash(value)
    except TypeError:
        raise ValueError(f"{name}: {value!r:.80} is no category: wanted a text or a number") from None
    if value in (inf, -inf):
        raise ValueError(f"{name}: is infinite, and the model takes no such row")
    return value
''',
    "exactly": '''\
def exactly(value, known, refused=None):
    """Where a value is among the known ones; as many as there are where it is none of them."""
    k = known.get(value, len(known))
    if refused and k == len(known):
        said = "is missing" if value is None else f"{value!r:.80} is unknown to the model"
        raise ValueError(f"{refused}: {said}, and the model takes no row with it")
    return k
''',
    "fold": '''\
def fold(text):
    """The text without capitals, and with single blanks."""
    return " ".join(text.casefold().split())
''',
    "known": '''\
def known(words, loose):
    """Which is which, and which is alike: the first `loose` words are known in other letters and blanks, too."""
    exact = {word: k for k, word in enumerate(words)}
    return exact, {fold(word): k for k, word in enumerate(words[:loose])}
''',
    "find": '''\
def find(text, known, refused=None):
    """Where a text is among the known words; as many as there are where it is none of them."""
    exact, alike = known
    k = exact.get(text, alike.get(fold(text), len(exact)))
    if refused and k == len(exact):
        raise ValueError(f"{refused}: {text!r} is unknown to the model, which takes no other")
    return k
''',
    "search": '''\
def search(value, numbers, refused=None):
    """Where a number is in a list; as many as there are where it is none of them."""
    for k, each in enumerate(numbers):
        if value == each or (value != value and each != each):
            return k
    if refused:
        raise ValueError(f"{refused}: {value} is unknown to the model, which takes no other")
    return len(numbers)
''',
    "prose": '''\
def prose(row, name, exact):
    """The text of a column; exact: nothing else is taken for one."""
    value = given(row, name)
    if exact and not isinstance(value, str):
        raise ValueError(f"{name}: {value!r:.80} is no text, and the model takes no other")
    return "" if value is None else str(value)
''',
    "bag": '''\
def bag(v, first, text, words, weights, norm, binary, least):
    """How often each word is in a text, times its weight, as a vector of length 1: v[first] and those behind it."""
    found = re.findall(r"[^\\W\\d_]\\w*" if least == 1 else r"\\b\\w\\w+\\b", text.lower())
    counts = [min(found.count(word), 1) if binary else found.count(word) for word in words]
    w = [count * weight for count, weight in zip(counts, weights)]
    length = sum(t * t for t in w) ** 0.5 if norm == "l2" else sum(map(abs, w)) if norm == "l1" else 1.0
    v[first : first + len(w)] = [t / (length or 1.0) for t in w]
''',
    "clip": '''\
def clip(t, low, high):
    """t between low and high; NaN stays."""
    return low if t < low else high if t > high else t
''',
    "far": '''\
def far(t, low, high):
    """Whether t is beyond low or high."""
    return 1.0 if t < low or t > high else 0.0
''',
    "calendar": '''\
def calendar(seconds):
    """Days since 1970, year, month, day, weekday (Monday = 0), hour, time, sine and cosine of year, week, day."""
    if seconds != seconds:
        return [nan] * 13
    days = seconds // 86400
    time, z = seconds - days * 86400, days + 719468
    era = z // 146097  # of 400 years, from a 1st of March (H. Hinnant, civil_from_days)
    doe = z - era * 146097
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    weekday = (days + 3) % 7
    parts = [seconds / 86400, yoe + era * 400 + (month <= 2), month, doy - (153 * mp + 2) // 5 + 1, weekday]
    parts += [time // 3600, time / 3600]
    for share in ((doy + time / 86400) / 366, weekday / 7, time / 86400):
        parts += [math.sin(2 * math.pi * share), math.cos(2 * math.pi * share)]
    return parts
''',
    "line": '''\
def line(each, v):
    """slope * t + offset of t = v - zero between low and high, from low on if there is one."""
    value, missing, low, high, zero, slope, offset = each
    t = clip(v[value] - zero, low, high)
    return missing if t != t else slope * (t - low if low > -inf else t) + offset
''',
    "plain": '''\
def plain(each, v):
    """slope * (v - zero) of a value v: standardized."""
    value, zero, slope = each
    return slope * (v[value] - zero)
''',
    "hot": '''\
def hot(each, v):
    """on where a value is the code, else off: one of several categories."""
    value, code, off, on = each
    return on if v[value] == code else off
''',
    **{f"apply_{name}": f"def apply_{name}(t):\n    return {code}\n" for name, code in _APPLIED.items()},
}
