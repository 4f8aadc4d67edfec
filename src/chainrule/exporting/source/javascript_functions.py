"""The functions of a file of JavaScript that are the same for every model; of each file those that it uses."""

from chainrule.exporting.source import gaps
from chainrule.exporting.source.date_functions import JAVASCRIPT as DATES

_ONE_BY_ONE = {
    "relu": "max(0, z)",
    "selu": "1.0507009873554805 * (z > 0 ? z : 1.6732632423543772 * Math.expm1(z))",
    "tanh": "Math.tanh(z)",
    "sigmoid": "sigma(z)",
    "softplus": "soft(z)",
    "gelu": "z * (1 + erf(z / Math.SQRT2)) / 2",
    "silu": "z * sigma(z)",
    "mish": "z * Math.tanh(soft(z))",
    "exp": "Math.exp(z)",
}
_APPLIED = {
    **{
        name: f"Math.{name}(t)"
        for name in ["log", "log1p", "exp", "expm1", "sqrt", "sin", "cos", "tanh", "log2", "log10"]
    },
    "square": "t * t",
    "absolute": "Math.abs(t)",
}

FUNCTIONS = {
    "identity": "const identity = (Z) => Z;\n",
    "sigma": """\
function sigma(z) {
  const e = Math.exp(-Math.abs(z));
  return z >= 0 ? 1 / (1 + e) : e / (1 + e);
}
""",
    "soft": "const soft = (z) => Math.max(0, z) + Math.log1p(Math.exp(-Math.abs(z)));\n",
    "erf": """\
// The error function by its series of positive terms, 2/√π e^(-z²) Σ 2^k z^(2k+1) / (1·3·…·(2k+1)).
function erf(z) {
  if (Math.abs(z) > 6) return Math.sign(z);
  let term = z, sum = z;
  for (let k = 1; Math.abs(term) > 1e-17 * Math.abs(sum); k++) sum += term *= (2 * z * z) / (2 * k + 1);
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * sum;
}
""",
    **{
        name: f"const {name} = (Z) => Z.map((z) => {code.replace('max(', 'Math.max(')});\n"
        for name, code in _ONE_BY_ONE.items()
    },
    "leaky_relu": "const leaky_relu = (alpha) => (Z) => Z.map((z) => (z > 0 ? z : alpha * z));\n",
    "elu": "const elu = (alpha) => (Z) => Z.map((z) => (z > 0 ? z : alpha * Math.expm1(z)));\n",
    "softmax": """\
function softmax(Z) {
  const largest = Z.reduce((s, z) => Math.max(s, z));
  const e = Z.map((z) => Math.exp(z - largest));
  const total = e.reduce((s, t) => s + t);
  return e.map((t) => t / total);
}
""",
    "single": """\
// The numbers in float32, in which the network computes: what it cannot hold is infinite.
const single = (A) => A.map((t) => Math.fround(t));
""",
    "finite": """\
// The answers, of which none may be infinite or NaN.
function finite(answers) {
  if (answers.every(Number.isFinite)) return answers;
  throw new RangeError("the numbers of the row are so large that the network overflows");
}
""",
    "linear": """\
// W A + b; W (n, k) row by row, in int8 to be multiplied by the scale of the row.
function linear(W, scale, b, A) {
  const k = A.length;
  return Array.from(b, (bias, i) => {
    let sum = 0;
    for (let j = 0; j < k; j++) sum += W[i * k + j] * A[j];
    return (scale === null ? sum : scale[i] * sum) + bias;
  });
}
""",
    "given": """\
// The value of a column; null where it is missing.
function given(row, name) {
  if (typeof row !== "object" || row === null || Array.isArray(row)) {
    throw new TypeError(`a row is {column: value}, not ${shown(row)}`);
  }
  const there = Object.prototype.hasOwnProperty.call(row, name);
  if (!there) throw new TypeError(`no column ${JSON.stringify(name)} in the row`);
  const value = row[name];
  return value === undefined || value !== value ? null : value;
}
""",
    "shown": """\
// A value in a message.
function shown(value) {
  const text = typeof value === "bigint" ? String(value) : JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
""",
    "strip": """\
// The text without the blanks at its ends, of which Python has others than trim.
const BLANK = "[\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const IS_BLANK = new RegExp(BLANK);
function strip(text) {
  let first = 0, last = text.length;
  while (first < last && IS_BLANK.test(text[first])) first++;
  while (first < last && IS_BLANK.test(text[last - 1])) last--;
  return text.slice(first, last);
}
""",
    "listed": """\
// The values of a row by name: x0, x1 and so on.
function listed(row, count) {
  const list = Array.isArray(row) || ArrayBuffer.isView(row);
  if (!list || row.length !== count) {
    throw new TypeError(`a row is a list of ${count} values, not ${list ? `${row.length} values` : shown(row)}`);
  }
  return Object.fromEntries(Array.from(row, (value, i) => [`x${i}`, value]));
}
""",
    "numeral": """\
// The number that a value is.
function numeral(value, name, what = "number") {
  if (["number", "bigint", "boolean"].includes(typeof value)) return Number(value);
  throw new TypeError(`${name}: ${shown(value)} is no ${what}`);
}
""",
    "real": """\
// A number, or a text that is one; NaN where it is missing.
function real(row, name) {
  let value = given(row, name);
  const text = typeof value === "string" ? strip(value) : null;
  if (value === null || text === "") return NaN;
  if (text !== null && /^[-+]?([0-9]+\\.?[0-9]*|\\.[0-9]+)(e[-+]?[0-9]+)?$/i.test(text)) value = Number(text);
  if (text !== null && /^[-+]?nan$/i.test(text)) return NaN;
  value = numeral(value, name);
  if (Math.abs(value) === Infinity) throw new RangeError(`${name}: is infinite, and the model takes no such row`);
  return value;
}
""",
    "is_mark": """\
// Whether a text says that there is no value, or only what it is above or below.
function is_mark(text, words) {
  const letters = text.toUpperCase().toLowerCase().replace(/[^\\p{L}\\p{N}]+/gu, "");
  if (words.includes(text) || MARKS.includes(letters) || (text[0] === "#" && ERRORS.includes(letters))) return true;
  return !text.includes("\\ufeff") && new RegExp(`^(?:${SIGNS}|${BOUND})$`).test(text); // which is no blank in Python
}
"""
    + f"const MARKS = {gaps.MARKS};\nconst ERRORS = {gaps.ERRORS};\n"
    f"const SIGNS = {gaps.SIGNS};\nconst BOUND = {gaps.BOUND};\n",
    "number": """\
// A number, or a text that is one as the column has it: signs, digits with marks for thousands, units.
function number(row, name, words, pattern, units) {
  let value = given(row, name);
  if (typeof value === "string") {
    let text = strip(value);
    if (is_mark(text, words)) return NaN;
    for (const [plain, alike] of ALIKE) text = text.replace(new RegExp(`[${alike}]`, "g"), plain);
    const found = new RegExp(`^(?:${pattern})$`).exec(text);
    const signs = found && (found[5] || found[6]) ? [1, 2, 4, 8].map((k) => found[k] ?? "").join("") : "?";
    if (!["", "+", "-", "("].includes(signs) || (signs === "(") !== Boolean(found[11])) {
      throw new TypeError(`${name}: ${shown(value)} is no number as the column has them`);
    }
    value = Number(`${found[5].replace(/[^0-9]/g, "") || 0}.${found[6] || 0}`) * Number(`1${found[7] ?? ""}`);
    value *= (signs === "-" || signs === "(" ? -1 : 1) * (units[found[9]] ?? 1) * (units[found[10]] ?? 1);
    if (Number.isNaN(value)) value = Infinity; // 0e999
  }
  value = value === null ? NaN : numeral(value, name);
  if (Math.abs(value) > 1e150) throw new RangeError(`${name}: ${value} is too large`);
  return value;
}
"""
    + f"const ALIKE = {gaps.ALIKE};\n",
    "marked": """\
// The number; NaN for those that stand for a missing value.
const marked = (value, missing) => (missing.includes(value) ? NaN : value);
""",
    "required": """\
// The number, which the model takes no other for.
function required(value, name) {
  if (Number.isNaN(value)) throw new TypeError(`${name}: is missing, and the model takes no row without it`);
  return value;
}
""",
    "boolean": """\
// 1 or 0, from what can be either; NaN where it is missing.
function boolean(row, name, words) {
  const value = given(row, name);
  const text = value === null ? "" : typeof value === "object" ? "object" : String(value).toLowerCase();
  if (["true", "1", "1.0", "yes"].includes(text)) return 1;
  if (["false", "0", "0.0", "no"].includes(text)) return 0;
  if (is_mark(strip(text), words)) return NaN;
  throw new TypeError(`${name}: ${shown(value)} is neither true nor false`);
}
""",
    "date": """\
// Seconds since 1970, of a Date (its time in UTC), a text as the column has it, or they.
function date(row, name, words, forms) {
  const value = given(row, name);
  if (Object.prototype.toString.call(value) === "[object Date]" && !Number.isNaN(value.getTime())) {
    return value.getTime() / 1000;
  }
  if (typeof value === "boolean") throw new TypeError(`${name}: ${value} is no date`);
  if (typeof value !== "string") return value === null ? NaN : numeral(value, name, "date");
  const text = strip(value);
  if (is_mark(text, words)) return NaN;
  const small = small_letters(text);
  for (const [pattern, since] of forms) {
    const whole = pattern.replace("MONTH", MONTH).replace("WEEKDAY", WEEKDAY);
    const found = new RegExp(`^(?:${whole})$`).exec(small);
    const seconds = found && moment(Object.entries(found.groups ?? {}).filter(([, t]) => t), since);
    if (seconds !== null) return seconds;
    if (found) break;
  }
  throw new TypeError(`${name}: ${shown(value)} is no date as the column has them, nor one like 2024-12-31`);
}
""",
    **DATES,
    "presence": """\
// 1 where there is a value, else 0.
function presence(row, name) {
  const value = given(row, name);
  return value === null || (typeof value === "string" && !strip(value)) ? 0 : 1;
}
""",
    "category": """\
// The text of a category; "" where it is missing.
function category(row, name) {
  const value = given(row, name);
  if (value === null) return "";
  if (typeof value === "object") throw new TypeError(`${name}: ${shown(value)} is no category`);
  if (typeof value === "number") return written(value);
  return value === true ? "True" : value === false ? "False" : strip(String(value));
}
""",
    "written": """\
// A number as Python writes it.
function written(value) {
  if (Number.isInteger(value)) return String(BigInt(value));
  return (Math.abs(value) < 1e-4 ? value.toExponential() : String(value)).replace(/e-([0-9])$/, "e-0$1");
}
""",
    "key": """\
// What is compared with the categories, as it is; null where it is missing.
function key(row, name) {
  const value = given(row, name);
  if (value === null || typeof value === "string") return value;
  const number = numeral(value, name, "category");
  if (Math.abs(number) === Infinity) throw new RangeError(`${name}: is infinite, and the model takes no such row`);
  return number;
}
""",
    "exactly": """\
// Where a value is among the known ones; as many as there are where it is none of them.
function exactly(value, known, refused = null) {
  const k = known.get(value) ?? known.size;
  if (refused !== null && k === known.size) {
    const said = value === null ? "is missing" : `${shown(value)} is unknown to the model`;
    throw new TypeError(`${refused}: ${said}, and the model takes no row with it`);
  }
  return k;
}
""",
    "fold": """\
// The text without capitals, and with single blanks.
const fold = (text) => {
  const parts = text.toLowerCase().split("\u0131"); // which is no i to Python
  const small = parts.map((part) => part.toUpperCase().toLowerCase()).join("\u0131");
  return strip(small).split(new RegExp(BLANK)).join(" ");
};
""",
    "known": """\
// Which is which, and which is alike: the first `loose` words are known in other letters and blanks, too.
const known = (words, loose) => [
  new Map(words.map((word, k) => [word, k])),
  new Map(words.slice(0, loose).map((word, k) => [fold(word), k])),
];
""",
    "find": """\
// Where a text is among the known words; as many as there are where it is none of them.
function find(text, [exact, alike], refused = null) {
  const k = exact.get(text) ?? alike.get(fold(text)) ?? exact.size;
  if (refused !== null && k === exact.size) {
    throw new TypeError(`${refused}: ${shown(text)} is unknown to the model, which takes no other`);
  }
  return k;
}
""",
    "search": """\
// Where a number is in a list; as many as there are where it is none of them.
function search(value, numbers, refused = null) {
  const k = numbers.findIndex((each) => value === each || (Number.isNaN(value) && Number.isNaN(each)));
  if (k >= 0) return k;
  if (refused !== null) throw new TypeError(`${refused}: ${value} is unknown to the model, which takes no other`);
  return numbers.length;
}
""",
    "prose": """\
// The text of a column; exact: nothing else is taken for one.
function prose(row, name, exact) {
  const value = given(row, name);
  if (exact && typeof value !== "string") {
    throw new TypeError(`${name}: ${shown(value)} is no text, and the model takes no other`);
  }
  return String(value ?? "");
}
""",
    "bag": """\
// How often each word is in a text, times its weight, as a vector of length 1: v[first] and those behind it.
function bag(v, first, text, words, weights, norm, binary, least) {
  const found = text.toLowerCase().match(/[\\p{L}\\p{N}_]+/gu) ?? [];
  const cut = found.map((t) => (least === 1 ? t.replace(/^[\\p{Nd}_]+/u, "") : t));
  const parts = cut.filter((t) => [...t].length >= least);
  const counts = new Map();
  for (const t of parts) counts.set(t, binary ? 1 : (counts.get(t) ?? 0) + 1);
  const w = words.map((word, j) => (counts.get(word) ?? 0) * weights[j]);
  const sum = (power) => w.reduce((s, t) => s + Math.abs(t) ** power, 0);
  const length = norm === "l2" ? Math.sqrt(sum(2)) : norm === "l1" ? sum(1) : 1;
  w.forEach((t, j) => (v[first + j] = t / (length || 1)));
}
""",
    "clip": """\
// t between low and high; NaN stays.
const clip = (t, low, high) => (t < low ? low : t > high ? high : t);
""",
    "far": """\
// Whether t is beyond low or high.
const far = (t, low, high) => (t < low || t > high ? 1 : 0);
""",
    "calendar": """\
// Days since 1970, year, month, day, weekday from 0 = Monday, hour, time, and sine and cosine of year, week, day.
function calendar(seconds) {
  const floor = Math.floor;
  const days = floor(seconds / 86400), time = seconds - days * 86400, z = days + 719468;
  const era = floor(z / 146097); // of 400 years, from a 1st of March (H. Hinnant, civil_from_days)
  const doe = z - era * 146097;
  const yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524) - floor(doe / 146096)) / 365);
  const doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100));
  const mp = floor((5 * doy + 2) / 153), month = mp < 10 ? mp + 3 : mp - 9;
  const weekday = days + 3 - floor((days + 3) / 7) * 7;
  const parts = [seconds / 86400, yoe + era * 400 + (month <= 2 ? 1 : 0), month, doy - floor((153 * mp + 2) / 5) + 1];
  parts.push(weekday, floor(time / 3600), time / 3600);
  for (const share of [(doy + time / 86400) / 366, weekday / 7, time / 86400]) {
    parts.push(Math.sin(2 * Math.PI * share), Math.cos(2 * Math.PI * share));
  }
  return parts;
}
""",
    "line": """\
// slope * t + offset of t = v - zero between low and high, from low on if there is one.
function line([value, missing, low, high, zero, slope, offset], v) {
  const t = clip(v[value] - zero, low, high);
  return Number.isNaN(t) ? missing : slope * (low > -Infinity ? t - low : t) + offset;
}
""",
    "plain": """\
// slope * (v - zero) of a value v: standardized.
const plain = ([value, zero, slope], v) => slope * (v[value] - zero);
""",
    "hot": """\
// on where a value is the code, else off: one of several categories.
const hot = ([value, code, off, on], v) => (v[value] === code ? on : off);
""",
    **{f"apply_{name}": f"const apply_{name} = (t) => {code};\n" for name, code in _APPLIED.items()},
}
