"""The quiz: chapters are read or refused with the line, experiments agree with what is marked, and misbehave alone."""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from chainrule.claims import CLAIMS
from chainrule.quiz import Experiments, Outcome, QuizError, as_data, as_page, bundled, read, run, running
from chainrule.quiz.reading import slug
from chainrule.quiz.shown import as_paragraphs, as_text
from support.links import anchors
from support.shown import assert_as_shown

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = bundled()
PAGE = ROOT / "docs" / "quiz.md"
POSIX = pytest.mark.skipif(os.name != "posix", reason="limits, groups of processes and signals are POSIX's")

CHAPTER = """# Sums

## Two and two

How much is 2 + 2?

- [ ] 3
- [x] 4
- [ ] 5

Hint: Count.

```python
for letter, number in zip("abc", (3, 4, 5)):
    answer(letter, 2 + 2 == number, f"2 + 2 = {2 + 2}")
```

Because it is.

See: [numbers](https://example.org)
"""


@pytest.fixture
def write(tmp_path):
    """Write a chapter: its path."""

    def write(text, name="sums.md"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def question(write):
    """A question with this experiment."""

    def question(code, text=CHAPTER):
        before, rest = text.split("```python\n")
        return read(write(f"{before}```python\n{code}\n```{rest.split('```')[1]}")).questions[0]

    return question


# -- the questions that come with chainrule ----------------------------------------------------------------------------


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_every_experiment_agrees_with_its_file_and_the_page_shows_what_it_found(chapter):
    with Experiments(chapter.questions) as experiments:
        outcomes = [experiments.outcome(question) for question in chapter.questions]
    for question, outcome in zip(chapter.questions, outcomes, strict=True):
        assert outcome.against(question) == ""
        assert re.search(r"\d", " ".join(found for _, found in outcome.options.values()))
        for marked in question.options:  # had another option the x, it would be found
            options = [replace(option, right=option is marked) for option in question.options]
            wrong = replace(question, options=tuple(options))
            assert (outcome.against(wrong) == "") == marked.right
    part = as_page([chapter], [outcomes], whole=True).partition("\n## ")[2]
    shown = re.search(rf"^## ({re.escape(chapter.title)}\n.*?)(?=^## |\Z)", page(), re.M | re.S)[1]
    bars = re.compile(r"^```text\n[^`]*[▁-█][^`]*^```\n", re.M)  # figures, rounded as another processor may not
    assert_as_shown(bars.sub("", part), bars.sub("", shown))


def page():
    return PAGE.read_text(encoding="utf-8")


def test_the_page_has_these_chapters():
    head = as_page(CHAPTERS, [[Outcome({})] * len(chapter.questions) for chapter in CHAPTERS], whole=True)
    assert page().partition("\n## ")[0] == head.partition("\n## ")[0]
    assert re.findall("^## (.*)", page(), re.M) == [chapter.title for chapter in CHAPTERS]


def test_names_are_apart_and_can_be_typed():
    names = [chapter.name for chapter in CHAPTERS]
    names += [question.name for chapter in CHAPTERS for question in chapter.questions]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)] == []


def test_the_right_option_is_not_always_at_the_same_place():
    places = [question.right for chapter in CHAPTERS for question in chapter.questions]
    assert len(places) >= 20
    assert max(map(places.count, "abcd")) <= 0.4 * len(places)
    assert min(map(places.count, "abcd")) >= 0.1 * len(places)


def test_every_link_leads_to_a_place():
    links = [link.target for chapter in CHAPTERS for question in chapter.questions for link in question.see]
    for target in links:
        path, _, anchor = target.partition("#")
        assert (ROOT / path).is_file(), target
        assert not anchor or anchor in anchors(ROOT / path), target
        if path == "docs/claims.md" and anchor:
            assert anchor.partition("-")[2] in CLAIMS


def test_every_chapter_of_the_tutorial_asks_for_chapters_that_exist():
    pages = sorted((ROOT / "docs" / "tutorial").glob("*.md"))
    asked = [re.findall(r"`chainrule quiz ([a-z -]+)`", path.read_text(encoding="utf-8")) for path in pages]
    assert [len(found) for found in asked] == [1] * 5
    assert sorted(" ".join(found[0] for found in asked).split()) == sorted(chapter.name for chapter in CHAPTERS)


def test_the_example_of_the_documents_is_shown_as_it_is():
    example = (ROOT / "docs" / "quiz" / "averages.md").read_text(encoding="utf-8")
    shown = "".join(f"    {line}\n" if line else "\n" for line in example.splitlines())
    assert shown in (ROOT / "docs" / "quiz-own.md").read_text(encoding="utf-8")
    only = read(ROOT / "docs" / "quiz" / "averages.md").questions[0]
    assert run(only).against(only) == ""


# -- reading -----------------------------------------------------------------------------------------------------------


def test_a_chapter_is_read(write):
    chapter = read(write(CHAPTER.replace("\n", "\r\n"), "03-Simple sums.md"))
    (question,) = chapter.questions
    assert (chapter.name, chapter.title) == ("simple-sums", "Sums")
    assert (question.name, question.title, question.text) == ("two-and-two", "Two and two", "How much is 2 + 2?")
    assert [(o.letter, o.text, o.right) for o in question.options] == [
        ("a", "3", False),
        ("b", "4", True),
        ("c", "5", False),
    ]
    assert (question.right, question.hint, question.why) == ("b", "Count.", "Because it is.")
    assert question.code.count("\n") == 2
    assert (question.line, question.code_line) == (3, 14)
    assert question.see == (("numbers", "https://example.org"),)


def test_what_may_be_left_out_or_added(write):
    text = CHAPTER.replace("Hint: Count.\n\n", "").replace("# Sums\n", "# Sums\n\nFor the first week.\n")
    text = text.replace("2 + 2?", "2 + 2?\n\n```py\n# no heading\n```\n\nThink.").replace(
        "- [x] 4", "- [X] 4,\n  as always"
    )
    text = text.replace("it is.", "it is.\n\n- a [ ] list\n- [linked](x.md)\n\n```text\nSee: no\n```\n\nSo.")
    (question,) = read(write("\ufeff" + text)).questions
    assert question.hint == ""
    assert question.text == "How much is 2 + 2?\n\n```py\n# no heading\n```\n\nThink."
    assert question.options[1].text == "4, as always"
    assert question.why.endswith("- [linked](x.md)\n\n```text\nSee: no\n```\n\nSo.")


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("# Sums\n", "", 2, "wanted the title of the chapter"),
        ("# Sums\n", "# Sums\n\n- [ ] 3\n", 3, "wanted the title of a question, '## …', before this"),
        ("How much is 2 + 2?\n\n", "", 5, "'Two and two': wanted the question itself"),
        ("- [ ] 3\n", "", 7, "has 2 options, wanted 3 to 5"),
        ("- [ ] 3\n", "- [ ] 3\n" * 4, 7, "has 6 options, wanted 3 to 5"),
        ("- [ ] 3\n", "- [ ] 5\n", 7, "two options are the same"),
        ("- [x] 4", "- [ ] 4", 7, "0 options are marked with [x], wanted one"),
        ("- [ ] 3", "- [x] 3", 7, "2 options are marked with [x], wanted one"),
        ("- [ ] 3", "-[ ] 3", 7, "wanted an option as '- [ ] …' or '- [x] …', got '-[ ] 3'"),
        ("- [ ] 3", "- [] 3", 7, "wanted an option"),
        ("- [ ] 3", "- [ ]", 7, "wanted an option"),
        ("```python\n", "```py\n", 13, "wanted the experiment here, a block of python"),
        ("- [ ] 3", "```python\n1\n```\n- [ ] 3", 7, "the experiment stands below the options"),
        ("```\n\nBecause", "\n\nBecause", 13, "this block has no end: wanted a line ```"),
        ("2 + 2 == number", "2 + 2 == ", 15, "is not Python: invalid syntax"),
        ("2 + 2 == number", "True", 15, "holds is to be worked out"),
        ("2 + 2 == number, f", "holds=False, found=f", 15, "holds is to be worked out"),
        ("    answer(", "    print(", 13, "does not call answer(letter, holds, found)"),
        ("Because it is.\n\n", "", 18, "wanted the explanation below the experiment"),
        ("See: [numbers](https://example.org)\n", "", 3, "wanted a last line 'See: [words](link)'"),
        ("See: [numbers](https://example.org)\n", "See: numbers\n", 20, "wanted a last line 'See: [words](link)'"),
        ("Because it is.\n", "Because it is.\nSee: this\n", 21, ""),
        ("https://example.org)\n", "https://example.org)\n\nMore.\n", 22, "'See: …' is its last line"),
        ("See:", "### More\n\nSee:", 20, "wanted the title of a question, '## …', got '### More'"),
        ("See:", "# More\n\nSee:", 20, "wanted the title of a question, '## …', got '# More'"),
        ("## Two and two", "## …", 3, "the question '…' needs a title with letters or digits"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(old, new, line, message, write):
    assert CHAPTER.count(old) == 1
    path = write(CHAPTER.replace(old, new))
    if not message:  # it is in the explanation
        assert read(path).questions[0].why == "Because it is.\nSee: this"
        return
    with pytest.raises(QuizError) as wrong:
        read(path)
    assert str(wrong.value).startswith(f"{path}, line {line}: ")
    assert message in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_no_chapter_at_all(write, tmp_path):
    for text, message in (("", "line 1: wanted the title"), ("# Sums\n", "has no question")):
        with pytest.raises(QuizError, match=message):
            read(write(text))
    with pytest.raises(QuizError, match="line 22: the question of line 3 has the same name, two-and-two"):
        read(write(CHAPTER + "\n" + CHAPTER.partition("\n\n")[2]))
    path = tmp_path / "latin.md"
    path.write_bytes(CHAPTER.encode().replace(b"it is", b"it is \xe4"))
    with pytest.raises(QuizError, match="line 18: is not UTF-8; save the file in UTF-8"):
        read(path)
    path.write_bytes(b"# " + b"x" * 2**20)
    with pytest.raises(QuizError, match="has more than 1,048,576 bytes"):
        read(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes with a name")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "chapter.md")
    with pytest.raises(QuizError, match="is no file to be read as a whole"):
        read(tmp_path / "chapter.md")


def test_names_of_titles():
    assert [slug(title) for title in ("The shape of W[1]", "He's factor", "σ(10) ≈ 0?")] == [
        "the-shape-of-w-1",
        "hes-factor",
        "σ-10-0",
    ]


# -- running -----------------------------------------------------------------------------------------------------------

ANSWERS = 'for letter in "abc": answer(letter, letter == chr(98), "as it is")'


@pytest.mark.parametrize(
    ("code", "line", "message"),
    [
        ("1 / 0\n" + ANSWERS, 14, "ZeroDivisionError: division by zero"),
        ("def f():\n    raise KeyError\nf()\n" + ANSWERS, 15, "KeyError"),
        ("import json\njson.loads('{')\n" + ANSWERS, 15, "JSONDecodeError: Expecting property name"),
        ("raise SystemExit\n" + ANSWERS, 14, "SystemExit"),
        ("class E(Exception):\n    def __str__(self): return 1 / 0\nraise E\n" + ANSWERS, 16, "E"),
        ('answer("a", 1 > 2, "no")', 14, "the experiment has no answer for option b, c"),
        (ANSWERS + '\nanswer("b", 1 > 0, "again")', 15, "answer: option b has an answer already"),
        ('answer("e", 1 > 0, "yes")', 14, "answer: got the option 'e', wanted one of a, b, c"),
        ('answer("ab", 1 > 0, "yes")', 14, "answer: got the option 'ab', wanted one of a, b, c"),
        ('answer("a", 1 - 1, "no")', 14, "answer: holds of option a is of type int, wanted a bool"),
        ('answer("a", 1 > 0, "")', 14, "answer: wanted found of option a as one line of up to 400 characters"),
        ('answer("a", 1 > 0, "x" * 401)', 14, "answer: wanted found of option a as one line"),
        ('answer("a", 1 > 0, "x\\ny")', 14, "answer: wanted found of option a as one line"),
        ('answer("a", 1 > 0, 7)', 14, "answer: wanted found of option a as one line"),
        (ANSWERS + '\nshow("a")\nshow("b")', 16, "show: there is a picture already"),
        (ANSWERS + '\nshow("a" * 73)', 15, "show: wanted a picture of up to 30 lines of up to 72 characters"),
        (ANSWERS + '\nshow("a\\n" * 31)', 15, "show: wanted a picture of up to 30 lines"),
        (ANSWERS + '\nshow("\\x1b[2J")', 15, "show: wanted a picture of up to 30 lines"),
        ("input()\n" + ANSWERS, 14, "EOFError"),
    ],
)
def test_an_experiment_that_fails_is_named_with_its_line(code, line, message, question):
    asked = question(code)
    outcome = run(asked)
    assert outcome.options == {}
    assert outcome.error.startswith(f"{asked.path}, line {line}: {message}")
    assert outcome.against(asked) == outcome.error


@pytest.mark.parametrize(
    ("holds", "says"),
    [("letter == 'a'", "says a"), ("letter > 'z'", "says that no option holds"), ("letter > 'a'", "says b and c")],
)
def test_a_wrong_mark_is_found(holds, says, question):
    asked = question(f'import numpy as np\nfor letter in "abc": answer(letter, np.bool_({holds}), "x")')
    assert run(asked).against(asked) == f"{asked.path}, line 3: the file marks b, the experiment {says}"


def test_a_picture_is_kept_and_what_is_printed_is_not(question):
    asked = question(f'print("x" * 10**6)\nimport os\nos.write(1, b"no")\n{ANSWERS}\nshow("\\n ▁▃\\n▁▃█  \\n")')
    outcome = run(asked)
    assert (outcome.picture, outcome.error) == (" ▁▃\n▁▃█", "")


def many(*codes):
    """A chapter with a question for each of these experiments."""
    parts = [CHAPTER.partition("\n\n")[2].replace("Two and two", f"Question {i}") for i in range(len(codes))]
    texts = [
        re.sub("```python\n.*?```", lambda _, c=c: f"```python\n{c}\n```", p, flags=re.S)
        for p, c in zip(parts, codes, strict=True)
    ]
    return "# Many\n\n" + "\n".join(texts)


@POSIX
def test_one_that_hangs_dies_or_is_greedy_harms_no_other(write, tmp_path):
    chapter = read(
        write(
            many(
                ANSWERS,
                f"import time\nwhile 1 < 2:\n    time.sleep(0.01)\n{ANSWERS}",
                f"import os\nos._exit(3)\n{ANSWERS}",
                f"import os\nos.kill(os.getpid(), 11)\n{ANSWERS}",
                f"x = bytearray(2**30)\n{ANSWERS}",
                f"import faulthandler, time\nfaulthandler.cancel_dump_traceback_later()\n{ANSWERS}",
                f'import os\nwith open("big", "wb") as file: file.write(bytes(2**21))\n{ANSWERS}',
                f"letter = 1\n{ANSWERS}",
                ANSWERS,
            )
        )
    )
    began = time.monotonic()
    with Experiments(chapter.questions, seconds=1.0, memory=2**29) as experiments:
        outcomes = [experiments.outcome(question) for question in chapter.questions]
    problems = [outcome.against(question) for question, outcome in zip(chapter.questions, outcomes, strict=True)]
    lines = [question.code_line for question in chapter.questions]
    path = chapter.path
    assert problems[1].startswith((f"{path}, line {lines[1] + 1}: ", f"{path}, line {lines[1] + 2}: "))
    assert problems[1].endswith("the experiment takes longer than 1 seconds")
    assert problems[2] == f"{path}, line {lines[2]}: the experiment ended its process (exit code 3)"
    assert problems[3] == f"{path}, line {lines[3]}: the experiment ended its process (signal 11)"
    assert problems[4] == f"{path}, line {lines[4]}: MemoryError"
    assert "File too large" in problems[6]
    assert [problems[i] for i in (0, 5, 7, 8)] == [""] * 4
    assert time.monotonic() - began < 30


def test_one_that_switches_its_own_limit_off_is_ended_all_the_same(question, monkeypatch):
    monkeypatch.setattr(running, "STARTING", 0.5)
    asked = question(
        f"import faulthandler, time\nfaulthandler.cancel_dump_traceback_later()\ntime.sleep(60)\n{ANSWERS}"
    )
    assert run(asked, seconds=0.5).error.endswith("line 14: the experiment takes longer than 0.5 seconds")


@POSIX
def test_nothing_is_left_when_it_is_closed_or_its_parent_is_killed(write, tmp_path):
    code = (
        "import os, subprocess, time\n"
        'child = subprocess.Popen(["sleep", "60"])\n'
        'open("pids", "w").write(f"{os.getpid()} {child.pid}")\n'
        f"time.sleep(60)\n{ANSWERS}"
    )
    path = write(many(code, ANSWERS))
    chapter = read(path)
    with Experiments(chapter.questions):
        pids = written(tmp_path / "pids")
    assert gone(pids)
    (tmp_path / "pids").unlink()
    program = (
        "import sys, time, pathlib; from chainrule.quiz import Experiments, read\n"
        "kept = Experiments(read(pathlib.Path(sys.argv[1])).questions); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(path)])
    pids = written(tmp_path / "pids")
    parent.kill()
    parent.wait()
    assert gone(pids)


def written(path):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if path.exists() and len(pids := path.read_text().split()) == 2:
            return list(map(int, pids))
        time.sleep(0.02)
    raise AssertionError("the experiment has not begun")


def gone(pids):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.02)
    return False


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def test_a_file_beside_the_chapter_can_be_read_and_does_not_stand_for_a_module(write, tmp_path, question):
    write("raise RuntimeError", "json.py")
    write("1,2\n", "table.csv")
    asked = question(f'import json\nassert open("table.csv").read() == "1,2\\n"\n{ANSWERS}')
    assert run(asked).error == ""


def test_the_outcomes_can_be_asked_for_in_any_order_and_more_than_once(write):
    chapter = read(write(many(ANSWERS, "1 / 0\n" + ANSWERS, ANSWERS)))
    with Experiments(chapter.questions) as experiments:
        for i in (2, 0, 1, 2):
            assert (experiments.outcome(chapter.questions[i]).error == "") == (i != 1)


# -- as data, as Markdown, as text -------------------------------------------------------------------------------------


def test_a_question_as_data(write):
    (question,) = read(write(CHAPTER)).questions
    data = as_data(question)
    assert json.loads(json.dumps(data)) == data
    assert data["options"][1] == {"letter": "b", "text": "4", "right": True}
    assert "problem" not in data
    with_outcome = as_data(question, run(question))
    assert with_outcome["options"][0] == {
        "letter": "a",
        "text": "3",
        "right": False,
        "holds": False,
        "found": "2 + 2 = 4",
    }
    assert (with_outcome["picture"], with_outcome["problem"]) == (None, None)
    failed = as_data(question, Outcome({}, error="sums.md, line 7: no"))
    assert (failed["options"][0]["holds"], failed["problem"]) == (None, "sums.md, line 7: no")


def test_a_page_of_ones_own(write):
    chapter = read(write(CHAPTER))
    found = {"a": (False, "a_b * c|d"), "b": (True, "yes"), "c": (False, "no")}
    text = as_page([chapter], [[Outcome(found, "▁█")]])
    assert text.startswith("# Sums\n\n## Two and two\n\nHow much is 2 + 2?\n\n- **a** 3\n- **b** 4\n")
    assert r"| a | no | a\_b \* c\|d |" in text
    assert "```text\n▁█\n```" in text
    seen = replace(chapter.questions[0], text="What is this?\n\n```text\n▁█  \n```")
    text = as_page([replace(chapter, questions=(seen,))], [[Outcome(found, "▁█")]])
    assert text.count("▁█") == 1
    assert "See: [numbers](https://example.org)\n\n</details>\n" in text


def test_links_of_ours_are_those_of_a_page_in_docs(write):
    text = CHAPTER.replace(
        "[numbers](https://example.org)", "[n](docs/notation.md#x), [W[2]](README.md), [u](https://e.org)"
    )
    text = text.replace("Because", "`a[2](12)` [t](docs/a.md)")
    chapter = read(write(text))
    part = as_page([chapter], [[Outcome({})]], whole=True)
    assert "See: [n](notation.md#x) · [W[2]](../README.md) · [u](https://e.org)" in part
    assert "`a[2](12)` [t](a.md) it is." in part


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("`a[2](12)` is **one** *column*", "a[2](12) is one column"),
        (r"g[1]\(Z[1]) and 2 * 3 * 4 and a*b", "g[1](Z[1]) and 2 * 3 * 4 and a*b"),
        ("[W[2] without `T`](docs/x.md), so", "W[2] without T, so"),
        ("``a `b` c`` dW_1, W_2", "a `b` c dW_1, W_2"),
    ],
)
def test_markdown_in_a_terminal(markdown, text):
    assert as_text(markdown) == text


def test_paragraphs_in_a_terminal():
    text = "One\ntwo.\n\n```text\n*  as\n  it is\n```\n\n- a\n- b\n  c"
    assert as_paragraphs(text) == [("One two.", False), ("*  as\n  it is", True), ("- a", False), ("- b c", False)]
