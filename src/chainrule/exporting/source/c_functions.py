"""The functions of a file of C that are the same for every model; of each file those that it uses.

NAME_ stands for the name of the model, MACRO_ for the same in capitals. Sizes are of type size_t, for an int has 16
bits on small processors.
"""

LAYERS = {
    "layer": """\
/* z = W a + b; W (n, k), row by row */
static void NAME_layer(size_t n, size_t k, const MACRO_FLASH float *W, const MACRO_FLASH float *b, const float *a,
                       float *z) {
    size_t i, j;
    for (i = 0; i < n; i++) {
        float sum = b[i];
        for (j = 0; j < k; j++) sum += *W++ * a[j];
        z[i] = sum;
    }
}
""",
    "layer8": """\
/* z = s * (W a) + b, or (s W) a + b where W a overflows; W (n, k) in int8, row by row, and s its scale for each row */
static void NAME_layer8(size_t n, size_t k, const MACRO_FLASH int8_t *W, const MACRO_FLASH float *s,
                        const MACRO_FLASH float *b, const float *a, float *z) {
    size_t i, j;
    for (i = 0; i < n; i++, W += k) {
        float sum = 0;
        for (j = 0; j < k; j++) sum += (float)W[j] * a[j];
        z[i] = s[i] * sum + b[i];
        if (isfinite(z[i])) continue;
        z[i] = b[i];
        for (j = 0; j < k; j++) z[i] += s[i] * (float)W[j] * a[j];
    }
}
""",
}

NEAR = "z[i] < -200 ? 0 : "  # of activations that would make NaN of minus infinity
_ONE_BY_ONE = {
    "relu": ("max(0, z)", "z[i] < 0 ? 0 : z[i]", False),
    "leaky_relu": ("z if z > 0 else alpha z", "z[i] > 0 ? z[i] : alpha * z[i]", True),
    "elu": ("z if z > 0 else alpha (e^z - 1)", "z[i] > 0 ? z[i] : alpha * expm1f(z[i])", True),
    "selu": (
        "lambda z if z > 0 else lambda alpha (e^z - 1)",
        "1.0507009873554805f * (z[i] > 0 ? z[i] : 1.6732632423543772f * expm1f(z[i]))",
        False,
    ),
    "tanh": ("(e^z - e^-z) / (e^z + e^-z)", "tanhf(z[i])", False),
    "sigmoid": ("1 / (1 + e^-z)", "z[i] < 0 ? expf(z[i]) / (1 + expf(z[i])) : 1 / (1 + expf(-z[i]))", False),
    "softplus": ("log(1 + e^z)", "(z[i] > 0 ? z[i] : 0) + log1pf(expf(-fabsf(z[i])))", False),
    "gelu": ("z times the normal distribution", f"{NEAR}0.5f * z[i] * erfcf(-0.70710678f * z[i])", False),
    "silu": ("z / (1 + e^-z)", f"{NEAR}z[i] / (1 + expf(-z[i]))", False),
    "mish": (
        "z tanh(log(1 + e^z))",
        f"{NEAR}z[i] * tanhf((z[i] > 0 ? z[i] : 0) + log1pf(expf(-fabsf(z[i]))))",
        False,
    ),
    "exp": ("e^z", "expf(z[i])", False),
}

ACTIVATIONS = {
    name: f"""\
/* {name}: {formula} */
static void NAME_{name}(size_t n, float *z{", float alpha" if alpha else ""}) {{
    size_t i;
    for (i = 0; i < n; i++) z[i] = {code};
}}
"""
    for name, (formula, code, alpha) in _ONE_BY_ONE.items()
} | {
    "softmax": """\
/* softmax: e^z / sum of e^z; the largest z is taken off, so that nothing overflows */
static void NAME_softmax(size_t n, float *z) {
    size_t i;
    float largest = z[0], sum = 0;
    for (i = 1; i < n; i++) largest = z[i] > largest ? z[i] : largest;
    for (i = 0; i < n; i++) sum += z[i] = expf(z[i] - largest);
    for (i = 0; i < n; i++) z[i] /= sum;
}
""",
}

PREPARING = {
    "clip": """\
/* t between low and high; NAN where it is missing */
static double NAME_clip(double t, double low, double high) { return t < low ? low : t > high ? high : t; }
""",
    "square": "static double NAME_square(double t) { return t * t; }\n",
    "line": """\
/* slope * t + offset of t = v - zero between low and high, from low on if there is one; `missing` where v is NAN */
typedef struct { uint16_t value; double missing, low, high, zero, slope, offset; } NAME_line;
static double NAME_on_line(const MACRO_FLASH NAME_line *line, double v) {
    const double t = NAME_clip(v - line->zero, line->low, line->high);
    if (isnan(v)) return line->missing;
    return line->slope * (line->low > -INFINITY ? t - line->low : t) + line->offset;
}
""",
    "plain": """\
/* slope * (v - zero) of a value v: standardized */
typedef struct { uint16_t value; double zero, slope; } NAME_plain;
""",
    "hot": """\
/* on where a value is the code, else off: one of several categories */
typedef struct { uint16_t value; int16_t code; float off, on; } NAME_hot;
""",
    "find_number": """\
/* where a number is in a list of n; n where it is none of them */
static size_t NAME_find_number(double v, const MACRO_FLASH double *known, size_t n) {
    size_t k;
    for (k = 0; k < n; k++)
        if (v == known[k] || (isnan(v) && isnan(known[k]))) break;
    return k;
}
""",
    "find": """\
static int NAME_blank(char c) { return c == ' ' || (c >= '\\t' && c <= '\\r') || (c >= 28 && c < 32); }
static char NAME_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }
/* whether two texts are the same but for blanks at their ends; loose: and for blanks within and the case of A to Z */
static int NAME_same(const char *s, const char *t, int loose) {
    while (NAME_blank(*s)) s++;
    while (NAME_blank(*t)) t++;
    for (;;) {
        const char *u = s, *w = t;
        while (NAME_blank(*u)) u++;
        while (NAME_blank(*w)) w++;
        if (!*u || !*w) return *u == *w;
        if (loose) {
            if ((u > s) != (w > t) || NAME_lower(*u) != NAME_lower(*w)) return 0;
            s = u + 1, t = w + 1;
        } else if (*s++ != *t++) return 0;
    }
}
/* where a text is in a list of n; n where it is none of them. The first `loose` of them may be written alike. */
static size_t NAME_find(const char *text, const char *const *known, size_t n, size_t loose) {
    size_t k;
    if (!text) text = "";
    for (k = 0; k < n; k++)
        if (NAME_same(text, known[k], 0)) return k;
    for (k = 0; k < loose; k++)
        if (NAME_same(text, known[k], 1)) return k;
    return n;
}
""",
    "exactly": """\
/* where a text, or NULL, is in a list of n, to the last blank; n where it is none of them */
static size_t NAME_exactly(const char *text, const char *const *known, size_t n) {
    size_t k;
    for (k = 0; k < n; k++)
        if (text && known[k] ? strcmp(text, known[k]) == 0 : text == known[k]) break;
    return k;
}
""",
    "bag": """\
/* how often each of n words is in a list of words that ends with NULL, times its weight; norm: 0 none, 1 or 2 */
static void NAME_bag(const char *const *given, const char *const *known, const MACRO_FLASH double *weights, size_t n,
                     int binary, int norm, double *v) {
    size_t k;
    double length = 0;
    for (k = 0; k < n; k++) v[k] = 0;
    for (; given && *given; given++)
        for (k = 0; k < n; k++)
            if (strcmp(*given, known[k]) == 0) v[k] = binary ? 1 : v[k] + 1;
    for (k = 0; k < n; k++) {
        v[k] *= weights[k];
        length += norm == 2 ? v[k] * v[k] : fabs(v[k]);
    }
    length = norm == 2 ? sqrt(length) : length;
    for (k = 0; norm && length > 0 && k < n; k++) v[k] /= length;
}
""",
    "calendar": """\
/* days since 1970, year, month, day, weekday from 0 = Monday, hour, time in hours, and where in the year, week and day
 * it is, as sine and cosine (H. Hinnant, civil_from_days: eras of 400 years begin on a 1st of March) */
static void NAME_calendar(double seconds, double *p) {
    const double days = floor(seconds / 86400), time = seconds - days * 86400, z = days + 719468;
    const double era = floor(z / 146097), doe = z - era * 146097;
    const double yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524) - floor(doe / 146096)) / 365);
    const double doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100)), mp = floor((5 * doy + 2) / 153);
    const double turn = 6.283185307179586;
    p[0] = seconds / 86400;
    p[2] = mp < 10 ? mp + 3 : mp - 9;
    p[1] = yoe + era * 400 + (p[2] <= 2 ? 1 : 0);
    p[3] = doy - floor((153 * mp + 2) / 5) + 1;
    p[4] = days + 3 - floor((days + 3) / 7) * 7;
    p[5] = floor(time / 3600);
    p[6] = time / 3600;
    p[7] = sin(turn * (doy + time / 86400) / 366), p[8] = cos(turn * (doy + time / 86400) / 366);
    p[9] = sin(turn * p[4] / 7), p[10] = cos(turn * p[4] / 7);
    p[11] = sin(turn * time / 86400), p[12] = cos(turn * time / 86400);
}
""",
}

DATE = """\
double NAME_date(int year, int month, int day) {
    const double y = year - (month <= 2), m = month > 2 ? month - 3 : month + 9, era = floor(y / 400);
    const double yoe = y - era * 400, doy = floor((153 * m + 2) / 5) + day - 1;
    return 86400 * (era * 146097 + yoe * 365 + floor(yoe / 4) - floor(yoe / 100) + doy - 719468);
}
"""

FUNCTIONS = LAYERS | ACTIVATIONS | PREPARING
