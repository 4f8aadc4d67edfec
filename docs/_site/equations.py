"""An equation in a docstring, as w = w − α g, is set as one on the site, in MathML, which browsers draw by themselves.

Docstrings have their equations as plain text, so that help() can be read. In the text of the reference a run of symbols
with a sign of equality is found and set; what has an ordinary word in it stays as it is.
"""

import re
from html import escape

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵀᶻⁿᵗ′", "0123456789+−⊤znt′", strict=True))
LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉ₜ", "0123456789t", strict=True))
ENDS = {"(": ")", "⌊": "⌋"}
WORDS = {"distribution", "else", "if", "normal", "over", "the", "units"}  # in a formula
NAMES = {"clip", "cos", "epoch", "epochs", "exp", "log", "max", "min", "sign", "sin", "tanh"}
NAMES |= {d + name for d in "d∂" for name in "AWZawzb"}

SCRIPTS = "".join([*RAISED, *LOWERED])
TOKEN = re.compile(
    rf"(?P<raised>[{''.join(RAISED)}]+)|\^(?P<power>−?(?:\|[^|]*\||[^\W_]+))|(?P<lowered>[{''.join(LOWERED)}]+)"
    r"|(?P<index>(?<=\S)\[[^\]\s]+\])|(?P<number>\d+(?:[.,]\d+)*)|(?P<half>½)|(?P<root>√)"
    rf"|(?P<name>(?:[α-ωΑ-Ω]|(?:(?![α-ωΑ-Ω½{SCRIPTS}])[^\W\d_])+)\u0302?)"
    r"|(?P<open>[(⌊])|(?P<close>[)⌋])|(?P<operator>\S)"
)
Tokens = list[tuple[str, str]]


def mathml(equation: str) -> str:
    """An equation as MathML: the layer above its letter, e⁻ᶻ raised, √(…) under a root, (1/m) as a fraction."""
    tokens = [(str(sign.lastgroup), sign[sign.lastgroup or 0]) for sign in TOKEN.finditer(equation)]
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML">{_row(_parts(tokens))}</math>'


def _row(parts: list[str]) -> str:
    return f"<mrow>{''.join(parts)}</mrow>"


def _parts(tokens: Tokens) -> list[str]:
    """The elements up to the end of the tokens, or of the parenthesis that they are in; the rest stays in tokens."""
    parts: list[str] = []
    while tokens:
        kind, text = tokens.pop(0)
        match kind:
            case "close":
                return parts
            case "open":
                of_a_function = bool(parts) and parts[-1].startswith("<mi")
                parts.append(_group(text, _parts(tokens), of_a_function))
            case "root" if tokens[0][0] == "open":
                tokens.pop(0)
                parts.append(f"<msqrt>{_row(_parts(tokens))}</msqrt>")
            case "root":
                parts.append(f"<msqrt>{_row(_parts([tokens.pop(0)]))}</msqrt>")
            case "raised" | "lowered" | "index" | "power" if parts:
                parts.append(_attached(parts.pop(), kind, text))
            case "number":
                parts.append(f"<mn>{text}</mn>")
            case "half":
                parts.append("<mfrac><mn>1</mn><mn>2</mn></mfrac>")
            case "name" if text in WORDS:
                parts.append(f"<mtext>&#xa0;{text}&#xa0;</mtext>")
            case "name" if len(text) == 1 or text.endswith("\u0302"):
                parts.append(f"<mi>{text}</mi>")
            case "name":
                parts.append(f'<mi mathvariant="normal">{text}</mi>')
            case _:
                parts.append(f"<mo>{escape(text)}</mo>")
    return parts


def _group(begin: str, inside: list[str], of_a_function: bool) -> str:
    """What stands in parentheses; (1/m) and (λ/2m) are fractions."""
    if not of_a_function and "<mo>/</mo>" in inside and sum("<mo>" in part for part in inside) == 1:
        place = inside.index("<mo>/</mo>")
        return f"<mfrac>{_row(inside[:place])}{_row(inside[place + 1 :])}</mfrac>"
    return _row([f"<mo>{begin}</mo>", *inside, f"<mo>{ENDS[begin]}</mo>"])


def _attached(base: str, kind: str, text: str) -> str:
    if kind == "power":
        return f"<msup>{base}{mathml(text).partition('>')[2].removesuffix('</math>')}</msup>"
    plain = text if kind == "index" else "".join((RAISED | LOWERED)[sign] for sign in text)
    tag = "msub" if kind == "lowered" else "msup"
    script = f"<mi>{plain}</mi>" if len(plain) == 1 and plain.isalpha() else f"<mtext>{plain}</mtext>"
    if tag == "msup" and base.endswith("</mtext></mrow></msup>"):  # W[l]ᵀ: both above the letter
        return f"{base.removesuffix('</mrow></msup>')}{script}</mrow></msup>"
    return f"<{tag}>{base}<mrow>{script}</mrow></{tag}>"


def _is_symbol(word: str) -> bool:
    names = re.findall(r"[A-Za-z_]{2,}", word)
    return all(name in NAMES for name in names) and not re.search(r"[\"'`@#%&…—]|\.\.", word)


def find(text: str) -> list[tuple[int, int]]:
    """Where in a text equations begin and end.

    An equation ends with the word before one that is no symbol, and before a comma or the like outside parentheses.
    """
    found: list[tuple[int, int]] = []
    start = end = -1
    for word in re.finditer(r"\S+|$", text):
        bare = word[0].rstrip(",.;:")
        if bare and _is_symbol(bare):
            start, end = word.start() if start < 0 else start, word.start() + len(bare)
            if bare == word[0] or text[start:end].count("(") > text[start:end].count(")"):
                continue
        if start >= 0:
            found += _trimmed(text, start, end)
        start = -1
    return found


def _trimmed(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The span without what belongs to the sentence around it: articles, and parentheses that do not match."""
    while text[start:end].startswith("(") and ")" not in text[start : end - 1]:
        start += 1
    while article := re.match(r"(?:a|A)\s+(?=\w)", text[start:end]):
        start += article.end()
    while end > start and (
        text[start:end].count(")") > text[start:end].count("(") or re.search(r"\s(a|A)$|[\s+−·/(=]$", text[start:end])
    ):
        end -= 1
    sides = re.split(r"\s[=≈]\s", text[start:end])
    return [(start, end)] if len(sides) > 1 and all(sides) else []


class Equations(SphinxPostTransform):
    """Sets the equations in the text of the reference; what is code stays code."""

    default_priority = 900

    def run(self) -> None:
        """Replace each by its MathML."""
        if "reference/" not in self.env.docname:
            return
        for place in list(self.document.findall(nodes.Text)):
            text, parent = place.astext(), place.parent
            if not isinstance(parent, nodes.paragraph | nodes.classifier | nodes.inline | nodes.emphasis):
                continue
            made: list[nodes.Node] = []
            last = 0
            for start, end in find(text):
                made += [nodes.Text(text[last:start]), nodes.raw("", mathml(text[start:end]), format="html")]
                last = end
            if made:
                parent.replace(place, [*made, nodes.Text(text[last:])])


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_post_transform(Equations)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
