"""The command and the server as a person meets them: tabs, lost connections, ports, Ctrl-C."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager

import numpy as np
import pandas as pd
import pytest
from websockets.exceptions import InvalidState

from chainrule.lab import protocol, server
from chainrule.lab.design import Design
from chainrule.lab.door import Door
from chainrule.lab.session import Lab
from support.lab import FLOWER, Served, Talk, served, serving

ADDRESS = re.compile(r"The lab is at (http://(\S+):(\d+)/\?token=(\S+))")


# -- tabs and connections --------------------------------------------------------------------------------------------


def test_no_part_of_an_answer_waits_for_the_other_side_to_confirm_the_one_before():
    with server.listen() as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_the_page_names_its_modules_so_that_none_is_found_after_another(open_lab):
    page = open_lab()
    loaded = set(page.evaluate("performance.getEntriesByType('resource').map((each) => each.name)"))
    with urllib.request.urlopen(page.at.key) as answer:
        named = re.findall(r"<([\w.]+)>; rel=modulepreload", answer.headers["Link"])
    assert {page.url + name for name in named} == {name for name in loaded if name.endswith(".js")}


def test_a_change_in_one_tab_is_seen_in_the_other():
    with served() as at, Talk(at) as one, Talk(at) as other:
        other.ask("hello", version=protocol.VERSION)
        one.ask("go", step=7)
        one.ask("rename", name="mine")
        while other.hear()["lab"]["runs"][0]["name"] != "mine":
            pass
        seen = other.ask("look", stamp=None, views={"J": {"view": "curve"}})
        assert seen["at"]["1"]["step"] == 7
        assert len(seen["views"]["J"]["J"]) == 7


def test_a_look_waits_until_there_is_something_new_and_a_newer_one_takes_its_place():
    with served() as at, Talk(at) as one, Talk(at) as other:
        stamp = one.ask("look", stamp=None, views={})["stamp"]
        one.socket.send(protocol.pack({"id": "old", "do": "look", "stamp": stamp, "views": {}}))
        one.socket.send(protocol.pack({"id": "new", "do": "look", "stamp": stamp, "views": {}}))
        other.ask("go", step=3)
        message = one.hear()
        assert (message["id"], message["ok"]["at"]["1"]["step"]) == ("new", 3)


def test_a_server_ends_in_peace_while_a_page_is_leaving_it(monkeypatch):
    def leaving(self, *_):
        raise InvalidState("connection is closing")

    with ExitStack() as pages:
        with served() as at:
            pages.enter_context(Talk(at)).ask("hello", version=protocol.VERSION)
            monkeypatch.setattr("websockets.server.ServerProtocol.send_close", leaving)
            ended = time.monotonic()
        assert time.monotonic() - ended < 30  # and no error in the thread of the server, which would be one here


def test_a_page_that_is_reloaded_comes_back_to_the_same_place(open_lab):
    page = open_lab()
    page.at.lab.call(lambda: page.at.lab.go(step=25))
    page.locator(".where").filter(has_text="step 25 ·").wait_for()
    page.reload()
    page.locator(".where").filter(has_text="step 25 ·").wait_for()


def test_a_page_comes_back_when_the_server_does(open_lab):
    lab = Lab(Design.of(FLOWER))
    try:
        with serving(lab) as at:
            page = open_lab(at=at)
            lab.call(lambda: lab.go(step=12))
            page.locator(".where").filter(has_text="step 12 ·").wait_for()
        page.get_by_text("The lab does not answer.").wait_for()
        with serving(lab, at.port, "another-token"):
            page.get_by_text("The lab was started anew: open the address that the terminal shows.").wait_for()
        lab.call(lambda: lab.go(step=30))
        with serving(lab, at.port):  # the same token, so the cookie is still good
            page.locator(".where").filter(has_text="step 30 ·").wait_for()
            assert page.get_by_text(re.compile("does not answer|started anew")).count() == 0
            page.keyboard.press("ArrowRight")
            page.locator(".where").filter(has_text="step 31 ·").wait_for()
        page.errors[:] = [error for error in page.errors if not re.search("WebSocket|403|ERR_CONN", error)]
    finally:
        lab.close()


# -- the command -----------------------------------------------------------------------------------------------------


class Running:
    """A lab that the command line serves."""

    def __init__(self, process, line):
        self.process, self.line = process, line
        self.address, self.host, port, token = ADDRESS.search(line).groups()
        self.at = Served(None, Door(int(port), token))

    def end(self, number=signal.SIGINT):
        """The exit code, and what was said at the end."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


@contextmanager
def command(folder, *arguments, **environment):
    """Run ``chainrule lab`` in a folder, on a port of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "chainrule", "lab", *map(str, arguments)],
        cwd=folder, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        line = process.stdout.readline()
        assert line, process.communicate(timeout=60)[1]
        yield Running(process, line)
    finally:
        process.kill()
        process.communicate()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def digest(talk):
    return talk.ask("see", view="digest")


def go(talk, step):
    """Go to a step; a lab in a process of its own goes on while it has answered, where that takes long."""
    talk.ask("go", step=step)
    while digest(talk)["step"] != step:
        time.sleep(0.01)


def test_ctrl_c_saves_it_and_the_lab_that_is_saved_comes_to_the_same_bits(tmp_path):
    (tmp_path / "flower.lab.json").write_text("somebody's")
    with command(tmp_path, "--no-open", "--hidden", "5,3", "--seed", 4, "--port", free_port()) as running:
        with Talk(running.at) as talk:
            go(talk, 20)
            talk.ask("options", change={"batch_size": 32, "dropout": [0.2, 0.0]})
            go(talk, 37)
            talk.ask("rename", name="mine")
            before = digest(talk)
            assert talk.ask("hello", version=1)["lab"]["runs"][0]["sizes"] == [2, 5, 3, 1]
        saved = "stopped: the lab is saved; go on with: chainrule lab flower-2.lab.json\n"
        assert running.end() == (130, saved)
    assert (tmp_path / "flower.lab.json").read_text() == "somebody's"
    assert len(list(tmp_path.iterdir())) == 2
    content = (tmp_path / "flower-2.lab.json").read_bytes()
    with command(tmp_path, "flower-2.lab.json", "--no-open", "--port", free_port()) as running:
        with Talk(running.at) as talk:
            about = talk.ask("hello", version=1)["lab"]
            assert [run["name"] for run in about["runs"]] == ["mine"]
            assert digest(talk) == before
        unchanged = "stopped: the lab is as it was, and nothing had to be saved\n"
        assert running.end(signal.SIGTERM) == (143, unchanged)
    assert (tmp_path / "flower-2.lab.json").read_bytes() == content


def test_a_lab_with_data_of_its_own_is_saved_with_them_and_goes_back_to_its_file(tmp_path, monkeypatch):
    rows = "".join(f"{i},{i % 7},{'yes' if i % 3 else 'no'}\n" for i in range(60))
    table = np.frombuffer(f"a,b,bought\n{rows}".encode(), np.uint8)
    with command(tmp_path, "--no-open", "--port", free_port()) as running:
        with Talk(running.at) as talk:
            upload = talk.ask("upload", name="shop.csv", bytes=table)["upload"]
            talk.ask("design", change={"data": {"kind": "file", "upload": upload, "target": "bought"}, "hidden": [3]})
            go(talk, 11)
            before = digest(talk)
        assert running.end()[1] == "stopped: the lab is saved; go on with: chainrule lab shop.lab.json\n"
    data = json.loads((tmp_path / "shop.lab.json").read_bytes())["runs"][0]["design"]["data"]
    assert data == {"kind": "file", "target": "bought", "path": f"shop.lab-data/{upload}/shop.csv"}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with command(elsewhere, "../shop.lab.json", "--no-open", "--port", free_port()) as running:
        with Talk(running.at) as talk:
            assert digest(talk) == before
            go(talk, 12)
        assert running.end()[1] == "stopped: the lab is saved; go on with: chainrule lab ../shop.lab.json\n"
    again = json.loads((tmp_path / "shop.lab.json").read_bytes())["runs"][0]
    assert (again["step"], again["design"]["data"]) == (12, data)


def test_a_lab_for_others_takes_the_next_port_and_is_saved_when_its_terminal_is_closed(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        others = ("--host", "0.0.0.0", "--token", "a-good-one", "--no-open", "--port", port)
        with command(tmp_path, "moons", *others) as running:
            assert running.line.startswith(f"Port {port} is taken. The lab is at http://{socket.gethostname()}:")
            assert running.at.port > port
            assert running.at.door.token == "a-good-one"
            with Talk(running.at) as talk:
                assert talk.ask("hello", version=1)["lab"]["runs"][0]["data"]["name"] == "moons"
                talk.ask("play")
                while not talk.ask("look", stamp=None, views={})["at"]["1"]["step"]:
                    time.sleep(0.01)
            code, said = running.end(signal.SIGHUP)
            assert code == 129
            assert "warning" not in said
    (run,) = json.loads((tmp_path / "moons.lab.json").read_bytes())["runs"]
    assert run["step"] > 0


def test_the_browser_that_is_opened_gets_a_token_for_one_use(tmp_path):
    seen, opener = tmp_path / "seen", tmp_path / "opener.py"
    opener.write_text(f"import os, sys\nopen('part', 'w').write(sys.argv[1])\nos.rename('part', {str(seen)!r})\n")
    with command(tmp_path, "--port", free_port(), BROWSER=f"{sys.executable} {opener} %s") as running:
        until = time.monotonic() + 60
        while not seen.exists() and time.monotonic() < until:
            time.sleep(0.02)
        address = seen.read_text()
        assert address.startswith(running.address.partition("?")[0] + "?token=")
        assert running.at.door.token not in address
        with urllib.request.urlopen(address) as answer:
            assert "set-cookie" in {name.lower() for name in answer.headers}
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(address)


def test_a_host_that_others_reach_warns_unless_there_is_a_token(tmp_path):
    with command(tmp_path, "--host", "0.0.0.0", "--no-open", "--port", free_port()) as running:
        assert running.host == socket.gethostname()
        assert "warning: --host 0.0.0.0: whoever reaches this machine" in running.end()[1]


def test_the_sheet_of_a_workbook_is_the_one_that_is_said_or_has_the_target(tmp_path):
    rows = {"age": [*range(20, 60)], "bought": ["yes", "no"] * 20}
    with pd.ExcelWriter(tmp_path / "book.xlsx") as book:
        pd.DataFrame({"Read me": []}).to_excel(book, sheet_name="info", index=False)
        pd.DataFrame(rows).to_excel(book, sheet_name="May", index=False)
        pd.DataFrame({**rows, "sold": [7 * i % 13 for i in range(40)]}).to_excel(book, sheet_name="June", index=False)
    for target, sheet, inputs in (("bought", "May", 1), ("bought", "June", 2), ("sold", None, 3)):
        said = ["--target", target, *(["--sheet", sheet] if sheet else [])]
        with command(tmp_path, "book.xlsx", *said, "--hidden", 3, "--no-open", "--port", free_port()) as running:
            with Talk(running.at) as talk:
                assert talk.ask("hello", version=1)["lab"]["runs"][0]["sizes"][0] == inputs
            running.end()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["flowers"], "'flowers': no such file, and not a bundled data set (flower, "),
        (["--hidden", "4,x"], "--hidden: got '4,x', wanted the units of each hidden layer, as 16,8, or 0 for none"),
        (["--hidden", "0,3"], "--hidden: got '0,3'"),
        (["--token", "short"], "--token: token: wanted 8 to 200 letters"),
        (["--host", "192.0.2.1"], "--host 192.0.2.1 --port 8765: "),
        (["moons", "--target", "y"], "data of kind 'bundled': there is no 'target'"),
        (["nothing.lab.json"], "nothing.lab.json"),
        (["own.lab.json"], "own.lab.json: lab file or link: it cannot be read"),
        (["own.lab.json", "--seed", "1"], "own.lab.json: a lab that is saved has its own network and data"),
        (["own.csv", "--target", "c"], "c"),
        (["own.csv", "--target", "b", "--no-header"], "no column 'b'. Columns: 'column1', 'column2'"),
        (["own.csv", "--target", "b", "--sheet", "A"], "sheet goes with Excel (.xlsx) only"),
    ],
)
def test_what_cannot_be_is_one_line(run, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.lab.json").write_text('{"a": ')
    (tmp_path / "own.csv").write_text("a,b\n1,2\n3,4\n")
    code, out, err = run("lab", "--no-open", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("package", ["starlette", "uvicorn", "websockets"])
def test_a_missing_extra_is_named(run, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    assert run("lab", "--no-open") == (2, "", 'error: the lab needs an extra: pip install "chainrule[lab]"\n')


def test_the_lab_of_the_flower_loads_neither_pandas_nor_scikit_learn():
    code = (
        "import sys\nfrom chainrule.cli.lab import _lab\nimport chainrule.lab.server\n"
        "lab, kept = _lab('flower', {}, '16,8', 3)\nlab.call(lambda: lab.go(step=5))\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules} & {'pandas', 'sklearn', 'scipy', 'matplotlib'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "\n"
