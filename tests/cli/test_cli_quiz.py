"""chainrule quiz: by single keys, by lines, as JSON, as a page; and what is not asked, not run and not accepted."""

import io
import json
import os
import re
import select
import signal
import sys
import time
from pathlib import Path

import pytest

import chainrule as cr
from chainrule.quiz import bundled

DOCS = Path(__file__).resolve().parents[2] / "docs"
# Of an installed wheel, which has no documents, the place is named as in the sources.
NOTATION = DOCS / "notation.md" if Path(cr.__file__).parents[2] == DOCS.parent else Path("docs/notation.md")
OWN = """# Sums

## Two and two

How much is `2 + 2`?

- [ ] 3
- [x] 4
- [ ] 5

Hint: Count.

```python
for letter, number in zip("abc", (3, 4, 5)):
    answer(letter, 2 + 2 == number, f"2 + 2 = {2 + 2}")
show("▁█")
```

Because it is.

See: [numbers](numbers.txt#page), [elsewhere](nowhere.md)

## Two and three

How much is 2 + 3?

- [ ] 4
- [ ] 6
- [x] 5

```python
for letter, number in zip("abc", (4, 6, 5)):
    answer(letter, 2 + 3 == number, f"2 + 3 = {2 + 3}")
```

Because it is, too.

See: [numbers](numbers.txt#page)
"""


@pytest.fixture
def own(tmp_path):
    """A chapter of one's own in the folder where the commands run."""
    (tmp_path / "numbers.txt").write_text("1 2 3\n")
    (tmp_path / "own.md").write_text(OWN, encoding="utf-8")
    return tmp_path / "own.md"


@pytest.fixture
def typed(monkeypatch):
    """Standard input, with these lines."""

    def typed(*lines):
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))

    return typed


def test_answers_by_lines(own, typed, ok):
    typed("?", "7", "", " B ", "1")
    out = ok("quiz", "own.md", "--run")
    assert out.startswith("Sums, 1 of 2\nTwo and two\n\nHow much is 2 + 2?\n\n  a  3")
    assert out.count("Your answer (a to c; ? for a hint; q ends): ") == 3
    assert "Count.\n" in out
    assert "Wanted one of the letters a, b, c; ? for a hint; q ends.\n" in out
    first, second = out.split("Sums, 2 of 2\n")
    assert "\nRight.\n" in first
    assert re.search(r"^   a  no   2 \+ 2 = 4 *\n>  b  yes  2 \+ 2 = 4 *\n   c  no   2 \+ 2 = 4", first, re.M)
    assert "\n  ▁█\n\nBecause it is.\n\nTo read:\n  numbers: numbers.txt#page\n  elsewhere: nowhere.md\n" in first
    assert "\nNot so: c holds.\n" in second
    assert ">  a  no " in second
    assert second.endswith(
        "That was the last question.\nScore: 1 of 2 answers right\nTo read next:\n  numbers: numbers.txt#page\n"
        "Once more: chainrule quiz own.md\n"
    )


@pytest.mark.parametrize("lines", [("q",), ()])
def test_q_and_the_end_of_the_input_end_it(lines, typed, ok):
    typed(*lines)
    assert ok("quiz").endswith("Score: no answers\n")
    typed("a", *lines)
    out = ok("quiz", "shapes")
    assert out.endswith(
        f"Score: 0 of 1 answer right\nTo read next:\n  notation: {NOTATION}\n"
        "  claim 21, shapes: chainrule claims quiz-shapes\nOnce more: chainrule quiz the-shape-of-w-1\n"
    )


def test_the_score_names_each_place_once_and_the_most_needed_first(typed, ok, monkeypatch):
    monkeypatch.setattr("chainrule.cli.playing.MOST", 2)
    typed(*"bbabaa")
    out = ok("quiz", "notation")
    assert "Score: 0 of 6 answers right\n" in out
    first, second, more, _ = out.split("To read next:\n")[1].splitlines()
    assert first == f"  notation: {NOTATION}"
    assert second.startswith("  tutorial 2, all examples at once: ")
    assert more == "  and 6 more, each below its question"


def test_the_score_by_chapter(typed, ok):
    typed("2", "c")
    out = ok("quiz", "the-shape-of-w-1", "what-all-zero-does", "the-shape-of-w-1")
    assert out.count("Right.") == 2
    assert re.search(r"chapter +right +of *\n.*\n +Shapes +1 +1 *\n +Initialization +1 +1 ", out)
    assert out.endswith("Score: 2 of 2 answers right\n")


def test_on_a_narrow_screen_every_line_fits(typed, ok, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    typed("c", "d")
    texts = ok("quiz", "initialization").split("To read:")
    assert max(len(line.rstrip()) for line in texts[1].splitlines()[4:] if not set(line) & set("█/")) <= 40


def test_a_question_that_cannot_stand_does_not_count(own, typed, run, ok):
    text = OWN.replace("- [ ] 3\n- [x] 4", "- [x] 3\n- [ ] 4").replace("2 + 3 == number", "1 / 0")
    own.write_text(text, encoding="utf-8")
    marked = "own.md, line 3: the file marks a, the experiment says b"
    failed = "own.md, line 33: ZeroDivisionError: division by zero"
    typed("a", "c")
    out = ok("quiz", "own.md", "--run")
    for problem in (marked, failed):
        assert f"This question cannot stand, and does not count: {problem}" in " ".join(out.split())
    assert out.endswith("Score: no answers\n")
    code, out, err = run("quiz", "own.md", "--check", "--run")
    assert (code, " ".join(out.split())) == (2, f"two-and-two: {marked} two-and-three: {failed}")
    assert err == f"error: 2 of 2 questions cannot stand: {marked}\n"
    assert run("quiz", "own.md", "--markdown", "--run") == (2, "", err)
    given = json.loads(ok("quiz", "own.md", "--json", "--run"))["questions"]
    assert [question["problem"] for question in given] == [marked, failed]


def test_a_file_of_ones_own_is_not_run_unasked(own, typed, run, tmp_path):
    own.write_text(OWN.replace("for letter", 'open("was-run", "w")\nfor letter'), encoding="utf-8")
    typed("y", "b")
    for options in ([], ["--json"], ["--check"], ["--markdown"]):
        code, out, err = run("quiz", "own.md", "shapes", *options)
        assert (code, out) == (2, "")
        assert err == (
            "error: own.md: holds 2 programs in Python, which can do on this machine whatever you can; read the file "
            "first, then say --run\n"
        )
    assert "two-and-three" in run("quiz", "own.md", "--list")[1]
    assert json.loads(run("quiz", "own.md", "--list", "--json")[1])["questions"][1]["name"] == "two-and-three"
    assert not (tmp_path / "was-run").exists()
    assert run("quiz", "own.md", "--check", "--run") == (0, "two-and-two: b holds\ntwo-and-three: c holds\n", "")
    assert (tmp_path / "was-run").exists()


def test_as_json_with_what_the_experiments_found(ok):
    given = json.loads(ok("quiz", "the-shape-of-w-1", "activations", "--json"))["questions"]
    assert [question["chapter"] for question in given] == ["shapes"] + ["activations"] * (len(given) - 1)
    assert [option["holds"] for option in given[0]["options"]] == [option["right"] for option in given[0]["options"]]
    assert "answer(" in given[0]["experiment"]
    assert all(question["problem"] is None for question in given)


def test_the_list_has_every_question(ok):
    given = json.loads(ok("quiz", "--list", "--json"))["questions"]
    assert [question["name"] for question in given] == [q.name for chapter in bundled() for q in chapter.questions]
    assert all("holds" not in option for question in given for option in question["options"])
    out = ok("quiz", "--list", "shapes")
    assert re.search(r"^ +shapes +the-shape-of-w-1 *$", out, re.M)
    assert "notation" not in out


def test_a_page_of_some_chapters(own, ok):
    out = ok("quiz", "shapes", "own.md", "--markdown", "--run")
    assert out.startswith("# Shapes\n\n## The shape of W[1]\n")
    assert "\n# Sums\n\n## Two and two\n" in out
    assert "| b | **yes** | 2 + 2 = 4 |" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shape"], "unknown chapter or question 'shape'. Did you mean 'shapes'? Chapters: notation, shapes, "),
        (["nothing.md"], "nothing.md: no such file"),
        (["."], "unknown chapter or question '.'."),
        (["folder.md"], "folder.md: Is a directory"),
        (["broken.md", "--list"], "broken.md, line 1: wanted the title of the chapter, '# …', at the beginning"),
        (["--list", "--check"], "--list, --check and --markdown (which is no JSON) are different things"),
        (["--markdown", "--json"], "--list, --check and --markdown (which is no JSON) are different things"),
        (["--wrong"], "No such option: --wrong"),
    ],
)
def test_what_is_not_accepted_is_one_line(arguments, message, run, tmp_path):
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "broken.md").write_text("Sums\n")
    code, out, err = run("quiz", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: {message}")


def test_controls_of_a_strangers_file_do_not_reach_the_terminal(own, typed, ok):
    text = OWN.replace("Because it is.", "Because\x1b[2J it is.").replace("- [ ] 3", "- [ ] 3\x1b[1m")
    own.write_text(text, encoding="utf-8")
    typed("b")
    assert "\x1b" not in ok("quiz", "own.md", "--run")


# -- in a terminal -----------------------------------------------------------------------------------------------------


class Terminal:
    """The command in a terminal of its own: what is on the screen after each key."""

    def __init__(self, *arguments):
        import pty

        self.pid, self.end = pty.fork()
        if self.pid == 0:
            os.environ.update(COLUMNS="60", TERM="xterm", NO_COLOR="1")
            os.execv(sys.executable, [sys.executable, "-m", "chainrule", "quiz", *arguments])
        self.text = ""

    def until(self, words):
        """What is shown up to these words, which must come."""
        deadline = time.monotonic() + 60
        while words not in self.text:
            assert time.monotonic() < deadline, self.text
            if select.select([self.end], [], [], 0.1)[0]:
                try:
                    shown = os.read(self.end, 65536).decode().replace("\r", "")
                    self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
                except OSError:
                    assert words in self.text, self.text
        shown, _, self.text = self.text.partition(words)
        return shown

    def press(self, key):
        import termios

        deadline = time.monotonic() + 60
        while termios.tcgetattr(self.end)[3] & termios.ICANON:  # what is typed before it waits for a key is dropped
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.write(self.end, key.encode())

    def code(self):
        ended, self.pid = os.waitpid(self.pid, 0), None
        return os.waitstatus_to_exitcode(ended[1])


@pytest.fixture
def started():
    """Start the command in a terminal."""
    if os.name != "posix":
        pytest.skip("there are no such terminals here")
    made = []

    def start(*arguments):
        made.append(Terminal(*arguments))
        return made[-1]

    yield start
    for each in made:
        if each.pid is not None:
            os.kill(each.pid, signal.SIGKILL)
            each.code()
        os.close(each.end)


def test_single_keys_in_a_terminal(own, started):
    at = started("own.md")
    asked = at.until("Run it? y or n ")
    assert "whatever you can" in asked
    assert "Read the file first" in asked
    at.press("y")
    at.until("q ends): ")
    for key in ("x", "\x1b[A"):
        at.press(key)
        at.until("Wanted one of the letters a, b, c")
        at.until("q ends): ")
    at.press("?")
    at.until("Count.")
    at.until("q ends): ")
    at.press("b")
    at.until("Right.")
    at.until("any key: next question, q: end ")
    at.press(" ")
    assert "Sums, 2 of 2" in at.until("q ends): ")
    at.press("3")
    at.until("Right.")
    assert "any key" not in at.until("Score: 2 of 2 answers right")
    assert at.code() == 0


@pytest.mark.parametrize(("stop", "code"), [("\x03", 130), ("\x04", 0), (signal.SIGTERM, 143)])
def test_ctrl_c_ctrl_d_and_sigterm_end_with_the_score(stop, code, own, started):
    at = started("own.md", "--run")
    at.until("q ends): ")
    at.press("c")
    at.until("any key: next question, q: end ")
    at.press("\n")
    at.until("q ends): ")
    if isinstance(stop, str):
        at.press(stop)
    else:
        os.kill(at.pid, stop)
    at.until("Score: 0 of 1 answer right" if code == 0 else "stopped: 0 of 1 answer right")
    assert at.code() == code


def test_no_is_an_answer(own, started):
    at = started("own.md")
    at.until("Run it? y or n ")
    at.press("n")
    at.until("error: own.md: was not run")
    assert at.code() == 2
