"""The modules of the page, without a browser: their syntax, what they import, and their types where tsc is there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from chainrule.lab.server import PAGE

MODULES = sorted(PAGE.glob("*.js"))
PARSE = """
const { SourceTextModule } = require("node:vm");
const { readFileSync } = require("node:fs");
for (const file of process.argv.slice(1)) {
  try { new SourceTextModule(readFileSync(file, "utf8"), { identifier: file }); }
  catch (error) { console.log(error.stack.split("\\n").slice(0, 4).join("\\n")); }
}
"""
# What makes code or elements of text: the policy of the page forbids it, and so does this.
FORBIDDEN = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc")
IMPORTS = re.compile(
    r"""(?:^|\s)(?:import|export)\b[^;'"]*?from\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']""", re.MULTILINE
)


def test_every_module_can_be_parsed(tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node: the browser alone parses the modules")
    broken = tmp_path / "broken.js"
    broken.write_text("import { a from './b.js';")
    found = [
        subprocess.run(
            [node, "--experimental-vm-modules", "--no-warnings", "-e", PARSE, *map(str, files)],
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout
        for files in (MODULES, [broken])
    ]  # fmt: skip
    assert found[0] == ""
    assert "SyntaxError" in found[1]


def test_types_of_the_page():
    tsc = shutil.which("tsc")
    if tsc is None:
        pytest.skip("no tsc: npm install --global typescript, to check the JSDoc types of the page")
    options = [
        "--noEmit",
        "--allowJs",
        "--checkJs",
        "--skipDefaultLibCheck",
        "--target",
        "es2023",
        "--module",
        "esnext",
    ]
    options += ["--lib", "es2023,dom,dom.iterable"]
    given = Path(__file__).parents[1] / "support" / "page.d.ts"
    done = subprocess.run([tsc, *options, str(given), *map(str, MODULES)], capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_is_short_plain_and_imports_what_is_there(module):
    text = module.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    assert FORBIDDEN.findall(text) == []
    for names in IMPORTS.findall(text):
        (name,) = filter(None, names)
        assert name.startswith("./")
        assert (PAGE / name).is_file()


def test_every_module_is_reached_from_the_page_or_the_widget():
    reached, waiting = set(), {"start.js", "widget.js"} & {path.name for path in MODULES}
    assert "start.js" in waiting
    while waiting:
        name = waiting.pop()
        reached.add(name)
        found = IMPORTS.findall((PAGE / name).read_text(encoding="utf-8"))
        waiting |= {next(filter(None, names)).removeprefix("./") for names in found} - reached
    assert reached == {path.name for path in MODULES}


def test_the_page_itself_has_no_script_and_no_style_in_it():
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", html) == []
    assert set(re.findall(r'(?:src|href)="([^"]+)"', html)) <= {path.name for path in PAGE.iterdir()}
