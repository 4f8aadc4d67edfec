"""From a chapter, a Markdown file, to its questions. Every error names the file and the line.

A chapter is a title (``# …``) and questions: ``## title``, the question, three to five options as ``- [ ] …``, of which
one is ``- [x] …``, the experiment as a block of Python, why, and a last line ``See: [words](link)``. A line ``Hint: …``
may stand after the options.
"""

import ast
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from chainrule.errors import ChainruleError

LETTERS = "abcde"
LARGEST = 2**20  # bytes of a file
LINK = re.compile(r"\[(?P<text>(?:[^\[\]]|\[[^\[\]]*\])+)\]\((?P<target>[^()\s]+)\)")

_OPTION = re.compile(r"[-*] \[([ xX])\] +(\S.*)")
_NEARLY_OPTION = re.compile(r"\s*[-*]\s*\[[ xX]{0,3}\](?!\()")


class QuizError(ChainruleError, ValueError):
    """A file is no chapter of a quiz; the message says where and why."""


class Link(NamedTuple):
    """What to read: the words, and a path or an address."""

    text: str
    target: str


@dataclass(frozen=True)
class Option:
    """One of the answers to choose from, as Markdown. right: whether the file marks it with an x."""

    letter: str
    text: str
    right: bool


@dataclass(frozen=True)
class Question:
    """A question with its experiment; texts are Markdown.

    Attributes
    ----------
    chapter, name : str
        What the command line calls its chapter and itself.
    title, text : str
        The heading, and the question.
    options : tuple of Option
        Three to five.
    hint : str
        Empty where there is none.
    code : str
        The experiment: a program that calls ``answer(letter, holds, found)`` for each option.
    why : str
        The explanation.
    see : tuple of Link
        What to read about it.
    path : Path
        The file.
    line, code_line : int
        Where the question and the code begin in it, from 1.
    """

    chapter: str
    name: str
    title: str
    text: str
    options: tuple[Option, ...]
    hint: str
    code: str
    why: str
    see: tuple[Link, ...]
    path: Path
    line: int
    code_line: int

    @property
    def right(self) -> str:
        """The letter of the option that the file marks with an x."""
        return next(option.letter for option in self.options if option.right)


@dataclass(frozen=True)
class Chapter:
    """A file of questions. name: what the command line calls it."""

    name: str
    title: str
    path: Path
    questions: tuple[Question, ...]


class _Piece(NamedTuple):
    """A heading, an option, a fenced block or a paragraph."""

    kind: str  # "#", "##", "option", "fence", "text"
    line: int
    text: str
    mark: str = ""  # of an option x or a blank, of a fenced block its language


def read(path: Path) -> Chapter:
    """The chapter in a file. Raises QuizError where it is none, OSError where it cannot be read."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise QuizError(f"{path}: is no file to be read as a whole (a pipe or a device); save the chapter in a file")
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise QuizError(f"{path}: has more than {LARGEST:,} bytes, too many for a chapter of a quiz")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _wrong(path, data[: error.start].count(b"\n") + 1, "is not UTF-8; save the file in UTF-8") from None
    pieces = list(_pieces(path, text.replace("\r\n", "\n").split("\n")))
    if not pieces or pieces[0].kind != "#":
        raise _wrong(path, pieces[0].line if pieces else 1, "wanted the title of the chapter, '# …', at the beginning")
    starts = [i for i, piece in enumerate(pieces) if piece.kind == "##"]
    for piece in pieces[1 : starts[0] if starts else None]:
        if piece.kind != "text":
            raise _wrong(path, piece.line, "wanted the title of a question, '## …', before this")
    if not starts:
        raise QuizError(f"{path}: has no question; each begins with its title, '## …'")
    name = slug(re.sub(r"^\d+-", "", path.stem))
    questions: dict[str, Question] = {}
    for start, end in zip(starts, [*starts[1:], len(pieces)], strict=True):
        made = _question(path, name, pieces[start:end])
        if made.name in questions:
            first = questions[made.name].line
            raise _wrong(path, made.line, f"the question of line {first} has the same name, {made.name}")
        questions[made.name] = made
    return Chapter(name, pieces[0].text, path, tuple(questions.values()))


def bundled() -> list[Chapter]:
    """The chapters that come with chainrule, in their order."""
    return [read(path) for path in sorted((Path(__file__).parent / "chapters").glob("*.md"))]


def slug(title: str) -> str:
    """A title as a name: the-shape-of-w-1."""
    plain = unicodedata.normalize("NFKC", title).lower().replace("'", "").replace("’", "")
    return re.sub(r"[\W_]+", "-", plain).strip("-")


def _wrong(path: Path, line: int, message: str) -> QuizError:
    return QuizError(f"{path}, line {line}: {message}")


def _pieces(path: Path, lines: list[str]) -> Iterator[_Piece]:
    i = 0
    while i < len(lines):
        line, number = lines[i], i + 1
        i += 1
        if not line.strip():
            continue
        if fence := re.match(r"(```+|~~~+)\s*(\w*)", line):
            block = []
            while i < len(lines) and not re.fullmatch(re.escape(fence[1]) + r"\s*", lines[i]):
                block.append(lines[i])
                i += 1
            if i == len(lines):
                raise _wrong(path, number, f"this block has no end: wanted a line {fence[1]}")
            i += 1
            yield _Piece("fence", number, "\n".join(block) + "\n", fence[2])
        elif heading := re.match(r"(#+)\s+(\S.*?)\s*$", line):
            if len(heading[1]) > 2 or (heading[1] == "#" and number > 1 and any(map(str.strip, lines[: number - 1]))):
                raise _wrong(path, number, f"wanted the title of a question, '## …', got {line.strip()!r}")
            yield _Piece(heading[1], number, heading[2])
        elif option := _OPTION.match(line):
            words = [option[2]]
            while i < len(lines) and re.match(r"\s+\S", lines[i]) and not _NEARLY_OPTION.match(lines[i]):
                words.append(lines[i].strip())
                i += 1
            yield _Piece("option", number, " ".join(words).rstrip(), option[1].lower())
        elif _NEARLY_OPTION.match(line):
            raise _wrong(path, number, f"wanted an option as '- [ ] …' or '- [x] …', got {line.strip()!r}")
        else:
            words = [line]
            while i < len(lines) and lines[i].strip() and not _begins(lines[i]):
                words.append(lines[i])
                i += 1
            yield _Piece("text", number, "\n".join(word.rstrip() for word in words))


def _begins(line: str) -> bool:
    """Whether a line begins something else than a paragraph."""
    return bool(re.match(r"```|~~~|#+\s", line) or _NEARLY_OPTION.match(line))


def _question(path: Path, chapter: str, pieces: list[_Piece]) -> Question:
    """The question of these pieces, of which the first is its title."""
    heading, rest = pieces[0], pieces[1:]
    what = f"the question {heading.text!r}"
    name = slug(heading.text)
    if not name:
        raise _wrong(path, heading.line, f"{what} needs a title with letters or digits")

    def take(kinds: str, but: str = "") -> list[_Piece]:
        taken = []
        while rest and rest[0].kind in kinds.split() and rest[0].mark != "python":
            if but and rest[0].kind == "text" and rest[0].text.startswith(but):
                break
            taken.append(rest.pop(0))
        return taken

    def after(message: str) -> QuizError:
        return _wrong(path, rest[0].line if rest else heading.line, f"{what}: {message}")

    text = take("text fence")
    if not text:
        raise after("wanted the question itself below its title")
    if rest and rest[0].kind == "fence":
        raise after("the experiment stands below the options; write code to look at as a block of py")
    options = take("option")
    if not 3 <= len(options) <= len(LETTERS):
        rest[:0] = options
        raise after(f"has {len(options)} options, wanted 3 to {len(LETTERS)}, each as '- [ ] …'")
    marked = [option for option in options if option.mark == "x"]
    if len(marked) != 1:
        raise _wrong(path, options[0].line, f"{what}: {len(marked)} options are marked with [x], wanted one")
    if len({option.text for option in options}) < len(options):
        raise _wrong(path, options[0].line, f"{what}: two options are the same")
    hint = ""
    if rest and rest[0].kind == "text" and rest[0].text.startswith("Hint:"):
        hint = rest.pop(0).text.removeprefix("Hint:").strip()
    if not (rest and rest[0].kind == "fence" and rest[0].mark == "python"):
        raise after("wanted the experiment here, a block of python, after the options")
    code = rest.pop(0)
    _check(path, code)
    why = take("text fence", but="See:")
    if not why:
        raise after("wanted the explanation below the experiment")
    see = tuple(Link(*found) for found in LINK.findall(rest[0].text)) if rest else ()
    if not see:
        raise after("wanted a last line 'See: [words](link)', after an empty one, that says what to read")
    if len(rest) > 1:
        raise _wrong(path, rest[1].line, f"{what}: 'See: …' is its last line, wanted the next question, '## …'")
    return Question(
        chapter, name, heading.text, _joined(text),
        tuple(Option(letter, o.text, o.mark == "x") for letter, o in zip(LETTERS, options, strict=False)),
        hint, code.text, _joined(why), see, path, heading.line, code.line + 1,
    )  # fmt: skip


def _joined(pieces: list[_Piece]) -> str:
    return "\n\n".join(f"```{p.mark}\n{p.text}```" if p.kind == "fence" else p.text for p in pieces)


def _check(path: Path, code: _Piece) -> None:
    """QuizError where the experiment is no Python, never answers, or answers without having looked."""
    try:
        tree = ast.parse(code.text)
    except (SyntaxError, ValueError) as error:
        at = getattr(error, "lineno", None) or 1
        raise _wrong(path, code.line + at, f"is not Python: {getattr(error, 'msg', error)}") from None
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "answer"
    ]
    if not calls:
        raise _wrong(path, code.line, "the experiment does not call answer(letter, holds, found)")
    for call in calls:
        given = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "holds")]
        if any(isinstance(value, ast.Constant) for value in given):
            raise _wrong(path, code.line + call.lineno, "holds is to be worked out by the experiment, not written")
