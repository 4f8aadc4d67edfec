"""Attacks on a lab that is served (the table in docs/lab-security.md names each test), and what comes of them."""

import http.client
import json
import re
import socket
import struct
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Error as PlaywrightError
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chainrule.lab import connections, protocol, server, take, uploads
from chainrule.lab.design import Design
from chainrule.lab.door import Door
from chainrule.lab.kept import bring_back
from chainrule.lab.session import Lab
from chainrule.lab.uploads import Uploads
from support.lab import FLOWER, Talk, served, settled

FORBIDDEN = 403


@pytest.fixture(scope="module")
def at():
    with served() as found:
        yield found


def get(at, path="/", method="GET", **headers):
    """Status, headers and content of what is answered, the path sent as it is; headers as Host, Cookie."""
    asking = http.client.HTTPConnection("127.0.0.1", at.port, timeout=20)
    try:
        asking.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            asking.putheader(name.replace("_", "-"), value)
        asking.endheaders()
        answer = asking.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        asking.close()


def raw(at, request):
    """All that comes back for these bytes."""
    with socket.create_connection(("127.0.0.1", at.port), 20) as connection:
        found = b""
        with suppress(OSError):  # it is put out before it has said all
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                found += part
        return found


def test_the_table_of_attacks_names_tests_that_are_here_and_all_of_them():
    table = (Path(__file__).parents[2] / "docs" / "lab-security.md").read_text(encoding="utf-8")
    here = {name for name in globals() if name.startswith("test_") and not name.startswith("test_the_table")}
    named = set(re.findall(r"`(test_\w+)`", table))
    assert named <= here
    assert here - named <= {
        "test_the_lab_answers_to_the_names_of_the_loopback",
        "test_a_lab_on_the_network_answers_to_its_names_and_to_addresses",
    }


# -- by which name ---------------------------------------------------------------------------------------------------

OURS = ["127.0.0.1:8765", "localhost:8765", "LOCALHOST:8765", "localhost.:8765", "[::1]:8765", "127.8.9.1:8765"]
OURS += ["[::ffff:127.0.0.1]:8765", "[0:0:0:0:0:0:0:1]:8765"]
STRANGE = [
    "evil.example:8765",
    "evil.example",
    "localhost",
    "127.0.0.1",
    "localhost:8766",
    "localhost.evil.example:8765",
]
STRANGE += ["127.0.0.1.evil.example:8765", "evil.example:80@127.0.0.1:8765", "127.0.0.1:8765@evil.example", "", ":8765"]
STRANGE += ["0.0.0.0:8765", "[::]:8765", "192.168.1.7:8765", "[fe80::1]:8765", "127.1:8765", "2130706433:8765"]
STRANGE += [
    "0x7f.0.0.1:8765",
    "localhost:8765.",
    "localhost:08765000",
    "127.0.0.1:8765 ",
    "127.0.0.1:8765,evil.example",
]
STRANGE += [
    "localhost\t:8765",
    "[::1:8765",
    "[127.0.0.1]:8765",
    "ⓛocalhost:8765",
    "localhost..:8765",
    "127.0.0.1:+8765",
]


@pytest.mark.parametrize("host", OURS)
def test_the_lab_answers_to_the_names_of_the_loopback(host):
    assert Door(8765).called([host])


@pytest.mark.parametrize("host", STRANGE)
def test_another_name_that_leads_here_is_refused(host):
    assert not Door(8765).called([host])
    assert not Door(8765).from_here([f"http://{host}"], [host])


def test_one_host_header_and_no_more():
    assert not Door(8765).called([])
    assert not Door(8765).called(["localhost:8765", "localhost:8765"])


def test_a_lab_on_the_network_answers_to_its_names_and_to_addresses():
    door = Door(80, hosts=["Box.lan."], anywhere=True)
    for host in ("box.lan", "BOX.LAN:80", "192.168.1.7", "[2001:db8::7]:80", "localhost"):
        assert door.called([host])
    for host in ("evil.example", "box.lan:8080", "0.0.0.0", "box.lan.evil.example"):
        assert not door.called([host])


def test_who_has_the_cookie_gets_nothing_under_another_name(at):
    assert get(at, Cookie=at.cookie)[0] == 200
    for host in (f"evil.example:{at.port}", "127.0.0.1:1", f"0.0.0.0:{at.port}"):
        status, _, content = get(at, Host=host, Cookie=at.cookie, X_Forwarded_Host=f"127.0.0.1:{at.port}")
        assert (status, b"html" in content) == (FORBIDDEN, False)
        status, headers, _ = get(at, f"/?token={at.door.token}", Host=host)
        assert (status, "set-cookie" in headers) == (FORBIDDEN, False)
        with pytest.raises(InvalidStatus, match=str(FORBIDDEN)):
            Talk(at, host=host)


# -- from which page -------------------------------------------------------------------------------------------------


def test_a_socket_opens_for_the_own_page_alone(at):
    own = f"http://127.0.0.1:{at.port}"
    hosts = [f"127.0.0.1:{at.port}"]
    assert at.door.from_here([own], hosts)
    origins = ["null", "", "http://evil.example", f"https://127.0.0.1:{at.port}", f"http://127.0.0.1:{at.port + 1}"]
    origins += [
        "http://127.0.0.1",
        f"{own}.evil.example",
        f"{own}@evil.example",
        f"http://localhost:{at.port}",
        f"{own}/",
    ]
    origins += [f"{own} http://evil.example", f"http://127.0.0.2:{at.port}", f"file://127.0.0.1:{at.port}", own[7:]]
    for origin in origins:
        assert not at.door.from_here([origin], hosts)
        with pytest.raises(InvalidStatus, match=str(FORBIDDEN)):
            Talk(at, origin=origin)
    assert not at.door.from_here([], hosts)
    with pytest.raises(InvalidStatus, match=str(FORBIDDEN)):
        Talk(at, origin=None)
    assert not at.door.from_here([own, own], hosts)
    assert not at.door.from_here([own], [])


def test_a_socket_needs_the_cookie(at):
    for cookie in (
        "",
        "chainrule-lab=1",
        f"chainrule-lab-{at.port}=wrong",
        f"chainrule-lab-{at.port + 1}={at.door.cookie[1]}",
    ):
        with pytest.raises(InvalidStatus, match=str(FORBIDDEN)):
            Talk(at, cookie=cookie)


@contextmanager
def site(content):
    """Another site of this machine, on a port of its own: what is at which path."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            found = content.get(self.path)
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write((found or "").encode())

        def log_message(self, *_):
            pass

    other = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=partial(other.serve_forever, 0.05))
    thread.start()
    try:
        yield other.server_address[1]
    finally:
        other.shutdown()
        other.server_close()
        thread.join()


ATTACK = """<!doctype html><title>evil</title><iframe id="frame" src="{lab}"></iframe><script type="module">
const tried = {{}};
const wait = (make) => new Promise((resolve) => {{ setTimeout(() => resolve("nothing"), 5000); make(resolve); }});
tried.socket = await wait((done) => {{
  const socket = new WebSocket("{lab}socket".replace("http", "ws"));
  socket.onopen = () => done("open");
  socket.onerror = () => done("refused");
}});
tried.fetch = await fetch("{lab}", {{ credentials: "include" }}).then((answer) => answer.text(), () => "refused");
tried.script = await wait((done) => {{
  const how = {{ src: "{lab}main.js", type: "module", crossOrigin: "use-credentials" }};
  const script = Object.assign(document.createElement("script"), how);
  script.onload = () => done("loaded");
  script.onerror = () => done("refused");
  document.head.append(script);
}});
tried.plain = await wait((done) => {{
  const script = Object.assign(document.createElement("script"), {{ src: "{lab}draw.js" }});
  script.onload = () => done("loaded");
  script.onerror = () => done("refused");
  document.head.append(script);
}});
const other = open("{lab}");
await new Promise((resolve) => setTimeout(resolve, 300));
try {{ tried.window = other.lab ? "reached" : "refused"; }} catch {{ tried.window = "refused"; }}
document.title = JSON.stringify(tried);
</script>"""


def test_a_page_of_another_port_reaches_nothing_in_a_real_browser(at, browser):
    # The same host: its cookies go along with all that this page asks for, SameSite=Strict or not.
    looking = browser.new_context()
    with site({"/": ATTACK.format(lab=at.address)}) as port:
        page = looking.new_page()
        page.goto(at.key)
        page.locator(".summary").filter(has_text="parameters").wait_for()
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_function("document.title.startsWith('{')")
        tried = page.evaluate("JSON.parse(document.title)")
        assert set(tried.values()) == {"refused"}
        (frame,) = page.frames[1:]
        assert frame.locator("#lab").count() == 0
    looking.close()


def test_the_address_works_from_another_site_and_a_link_of_that_site_does_not(at, browser):
    looking = browser.new_context()
    with site({"/": f'<a id="in" href="{at.key}">in</a><a id="link" href="{at.address}#link">link</a>'}) as port:
        page = looking.new_page()
        page.goto(f"http://localhost:{port}/")  # not the site of 127.0.0.1
        page.locator("#in").click()
        page.locator(".summary").filter(has_text="parameters").wait_for()
        assert page.url == at.address  # the token does not stay where it is seen, or sent along
        assert page.evaluate("document.cookie") == ""  # no script reads it
        page.goto(f"http://localhost:{port}/")
        with page.expect_navigation() as answer:
            page.locator("#link").click()
        assert answer.value.status == FORBIDDEN
    looking.close()


# -- with which key --------------------------------------------------------------------------------------------------


def test_without_the_token_nobody_comes_in(at):
    for path in (
        "/",
        "/index.html",
        "/main.js",
        "/?token=",
        "/?token=wrong",
        "/?token=%C3%A9%F0%9F%94%91",
        "/?token=the-token%00",
    ):
        status, headers, content = get(at, path)
        assert (status, "set-cookie" in headers) == (FORBIDDEN, False)
        assert b"<" not in content
    assert get(at, Cookie="chainrule-lab=x; é=\xff;;=;")[0] == FORBIDDEN


def test_the_token_is_exchanged_for_a_cookie_that_scripts_and_sites_do_not_get(at):
    status, headers, _ = get(at, f"/?token={at.door.token}")
    assert status == 200
    name, *attributes = headers["set-cookie"].split("; ")
    assert name == at.cookie
    assert {attribute.lower() for attribute in attributes} == {"httponly", "path=/", "samesite=strict"}
    assert at.door.token not in name
    assert get(at, Cookie=f'theme="dark; a=b=c; broken; {at.cookie}')[0] == 200  # what others have left is no harm


def test_a_token_for_one_use_is_used_once():
    door = Door(8765)
    once = door.once()
    assert [door.opens(token) for token in (once, once, "", door.once()[:-1], door.token, door.token)] == [
        *(True, False, False, False, True, True)
    ]


def test_tokens_are_long_and_those_of_people_are_not_too_short():
    assert len({Door(1).token for _ in range(20)}) == 20
    assert min(len(Door(1).token) for _ in range(20)) >= 40
    for token in ("", "short", "with a blank in it", "längst-genug-aber", "a" * 201):
        with pytest.raises(ValueError, match="token: wanted 8 to 200"):
            Door(1, token)


def test_keys_are_compared_in_a_time_that_tells_nothing(at, monkeypatch):
    compared = []
    monkeypatch.setattr("secrets.compare_digest", lambda a, b: compared.append(a) or False)
    assert not at.door.opens("guess")
    assert not at.door.knows([f"{at.door.cookie[0]}=guess"])
    assert compared == [b"guess", b"guess"]


# -- what is served --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/../server.py", "/page/../server.py", "/..%2fserver.py", "/%2e%2e/server.py", "/%2e%2e%2fserver.py",
        "/..\\server.py", "/..%5cserver.py", "/.git/config", "/.", "/..", "/./", "/main.js/", "/main.js%00.html",
        "/%00", "/etc/passwd", "//etc/passwd", "/%ff", "/main.js/..%2findex.html", "/server.py", "/__init__.py",
        "/socket", "/docs", "/openapi.json",
    ],
)  # fmt: skip
def test_nothing_but_the_files_of_the_page_is_served(at, path):
    status, headers, content = get(at, path, Cookie=at.cookie)
    assert (status, content) == (404, b"not found\n")
    assert headers["x-content-type-options"] == "nosniff"


def test_links_hidden_files_and_other_kinds_in_the_folder_are_not_served(tmp_path, monkeypatch):
    secret = tmp_path / "secret.js"
    secret.write_text("secret")
    page = tmp_path / "page"
    page.mkdir()
    (page / "link.js").symlink_to(secret)
    (page / "folder.js").mkdir()
    for name in ("index.html", "icon.svg", ".hidden.js", "notes.txt", "a.py"):
        (page / name).write_text(name)
    monkeypatch.setattr(server, "PAGE", page)
    with served() as at:
        assert get(at, "/index.html", Cookie=at.cookie)[2] == b"index.html"
        for name in ("link.js", "folder.js", ".hidden.js", "notes.txt", "a.py"):
            assert get(at, f"/{name}", Cookie=at.cookie)[0] == 404


def test_every_answer_forbids_frames_sniffing_referrers_and_foreign_scripts(at):
    cookie = at.cookie
    answers = [get(at), get(at, Cookie=cookie), get(at, "/main.js", Cookie=cookie), get(at, "/nothing", Cookie=cookie)]
    answers += [
        get(at, f"/?token={at.door.token}"),
        get(at, Host="evil.example"),
        get(at, method="POST", Cookie=cookie),
    ]
    for _, headers, _ in answers:
        policy = headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == headers["cross-origin-opener-policy"] == "same-origin"
        assert not [name for name in headers if name.startswith("access-control")]
        assert "server" not in headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "X"])
def test_the_page_is_only_read(at, method):
    assert get(at, method=method, Cookie=at.cookie, Origin="http://evil.example")[0] in (404, 405)


def test_names_in_data_are_text_on_the_page(open_lab):
    page = open_lab()
    name = '<img src=x onerror="window.bad=1"><script>window.bad=1</script>'
    page.at.lab.call(lambda: page.at.lab.rename(name))
    settled(page, "lab.run.name.startsWith('<img')")
    page.wait_for_timeout(100)
    assert page.evaluate("[window.bad, document.querySelectorAll('img[src=x], #lab script').length]") == [None, 0]


def test_a_script_that_gets_into_the_page_is_not_run(open_lab):
    page = open_lab()
    ways = (
        "document.body.append(Object.assign(document.createElement('script'), { src: 'data:,window.bad=1' }))",
        "document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.bad=1' }))",
        "document.body.innerHTML = '<img src=x onerror=window.bad=1>'",
        "document.body.setAttribute('onclick', 'window.bad=1')",
        "setTimeout('window.bad=1')",
    )
    for way in ways:
        with suppress(PlaywrightError):
            page.evaluate(f"() => {{ {way} }}")
    page.locator("h1").click()
    page.wait_for_timeout(100)
    assert page.evaluate("window.bad") is None
    assert page.errors
    page.errors.clear()


# -- too much, and not as it should be -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_",
    [
        b"", b"\x00\xff\x00", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_request_gets_nothing(at, request_, capfd):
    answer = raw(at, request_)
    assert b"<" not in answer
    assert b" 200 " not in answer
    assert get(at, Cookie=at.cookie)[0] == 200
    assert capfd.readouterr().err == ""


def test_a_message_that_is_too_long_closes_its_socket_and_nothing_else(at):
    with Talk(at) as other, Talk(at) as talk:
        # The head of a frame that declares one byte too many; what it declares is never sent.
        talk.socket.socket.sendall(b"\x82\xff" + struct.pack(">Q", server.MOST_BYTES + 1) + b"mask")
        with pytest.raises(ConnectionClosed) as closed:
            talk.hear()
        assert closed.value.rcvd.code == 1009
        assert other.ask("hello", version=protocol.VERSION)


def test_nothing_is_unpacked_that_was_packed(at):
    with Talk(at, compression="deflate") as talk:
        assert talk.socket.response.headers.get("Sec-WebSocket-Extensions") is None


FRAMES = [
    b"", b"\x00", b"\x00\x00\x00\x00", b"\x02\x00\x00\x00{}", b"\xff\xff\xff\xff{}", b"\x02\x00\x00\x00[]",
    b"\x04\x00\x00\x00null", b"\x06\x00\x00\x00\xff\xfe\xfd{{{", b"\x40\x0d\x03\x00" + b"[" * 200_000,
    b"\x08\x00\x00\x00" + b'{"do":1}' + b"\x00" * 10_000,
    *map(protocol.pack, (
        {"do": 7}, {"do": ["look"]}, {"do": "__init__"}, {"do": "close"}, [[[]]], {"do": "go", "self": 1},
        {"do": "rename", "name": {"$": ["f8", [10**9, 10**9], 0, 8]}}, {"do": "rename", "name": "n", "more": 1},
        {"do": "look", "stamp": np.ones(3), "views": {"a": {"view": ["x"]}}}, {"do": "look", "views": [1]},
    )),
]  # fmt: skip


def test_frames_that_are_none_are_answered_with_an_error(at):
    with Talk(at) as talk:
        for frame in FRAMES:
            talk.socket.send(frame)
            message = talk.hear()
            assert "error" in message or "a" in message["ok"]["views"]
        talk.socket.send("text")
        assert "error" in talk.hear()
        assert talk.ask("hello", version=protocol.VERSION)["lab"]["runs"]


def test_text_that_takes_much_more_memory_than_room_is_refused(at, monkeypatch):
    monkeypatch.setattr(protocol, "MOST_TEXT", 1000)
    with Talk(at) as talk, pytest.raises(ValueError, match="bytes of text, wanted at most 1,000"):
        talk.ask("rename", name="n" * 2000)


def test_a_page_that_does_not_read_is_put_out_and_the_others_go_on(at, monkeypatch):
    monkeypatch.setattr(server, "MOST_WAITING", (8, 256 << 20))
    with Talk(at) as other, Talk(at, max_queue=1, close_timeout=0.1) as deaf:
        for _ in range(60):  # 640 kB each; the system and the sockets hold some of it
            deaf.socket.send(protocol.pack({"do": "see", "view": "plane", "side": 400}))
        until = time.monotonic() + 20
        while len(at.lab._pages.all) > 1 and time.monotonic() < until:
            time.sleep(0.02)
        assert len(at.lab._pages.all) == 1
        assert other.ask("hello", version=protocol.VERSION)


def test_there_are_only_so_many_pages(monkeypatch):
    monkeypatch.setattr(server, "MOST_PAGES", 2)
    with served() as at, Talk(at), Talk(at), pytest.raises(InvalidStatus, match=str(FORBIDDEN)):
        Talk(at)


def test_connections_that_ask_for_nothing_end_and_leave_room_for_pages(monkeypatch):
    monkeypatch.setattr(connections, "MOST", 20)
    monkeypatch.setattr(connections, "PATIENCE", 0.5)
    with served() as at, ExitStack() as ends:
        for k in range(100):
            opened = ends.enter_context(socket.create_connection(("127.0.0.1", at.port), 20))
            with suppress(OSError):  # it may be gone already
                opened.sendall(b"GET / HTTP/1.1\r\nHost" if k % 2 else b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert get(at, Cookie=at.cookie)[0] == 200
        began = time.monotonic()
        while opened.recv(65536):  # the last one, too, is put out in the end
            assert time.monotonic() - began < 30
        with Talk(at) as page:
            time.sleep(0.7)  # but not a page, however long it is silent
            assert page.ask("hello", version=protocol.VERSION)


# -- what is brought along -------------------------------------------------------------------------------------------


@pytest.fixture
def kept():
    made = Uploads()
    yield made
    made.close()


BYTES = np.frombuffer(b"a,b\n1,2\n", np.uint8)


@pytest.mark.parametrize(
    "name",
    ["", "/", "..", "../x.csv", "a/../../x.csv", "/etc/passwd", "a//b", "a/./b", "\\\\host\\share", "...", " ", "a/ /b",
     "/".join("abcdefghi"), 7, None],
)  # fmt: skip
def test_an_upload_stays_in_its_folder(kept, name):
    with pytest.raises(ValueError, match="upload: got"):
        kept.take(name, BYTES)
    assert kept == {}


def test_names_of_uploads_are_such_as_any_system_takes(kept):
    names = {
        "C:\\x.csv": "C_/x.csv", "a\x00b\x1b[2J\n.csv": "a_b_[2J_.csv", "con.csv": "_con.csv",
        "x" * 300 + ".csv": "x" * 76 + ".csv",
        "trailing. . ": "trailing", "~": "~", "ünïcode 数.csv": "ünïcode 数.csv", "-rf": "-rf", "<b>": "_b_",
    }  # fmt: skip
    for given, wanted in names.items():
        id = kept.take(given, BYTES)
        place = kept[id].parent
        (file,) = (path for path in place.rglob("*") if path.is_file())
        assert file.relative_to(place).as_posix() == wanted
        assert file.read_bytes() == BYTES.tobytes()


def test_a_folder_is_kept_as_it_was_and_nobody_else_reads_it(kept):
    id = kept.take("pets/cat/1.png", BYTES)
    assert kept.take("pets/dog/1.png", BYTES, id) == id
    assert kept.take("pets/dog/1.png", BYTES, id, more=True) == id
    assert sorted(path.relative_to(kept[id]).as_posix() for path in kept[id].rglob("*.png")) == [
        "cat/1.png",
        "dog/1.png",
    ]
    assert (kept[id] / "dog" / "1.png").read_bytes() == BYTES.tobytes() * 2
    assert kept[id].parents[1].stat().st_mode & 0o077 == 0
    for name, wrong in (
        ("pets/cat/1.png", "is there already"),
        ("others/1.png", "does not belong"),
        ("pets", "does not belong"),
    ):
        with pytest.raises(ValueError, match=wrong):
            kept.take(name, BYTES, id)
    for name, other in (("pets/x", "u9"), ("pets/x", 1), ("pets/x", ["u1"])):
        with pytest.raises(ValueError, match="not here any more"):
            kept.take(name, BYTES, other)
    with pytest.raises(ValueError, match="is there already"):
        kept.take("pets/cat/1.png/below", BYTES, id)
    with pytest.raises(ValueError, match="cannot be kept"):
        kept.take("pets/nothing", BYTES, id, more=True)
    images = kept.take("images", BYTES)
    assert kept.take("labels", BYTES, images) == images  # a file may lie beside another
    assert (kept[images].parent / "labels").read_bytes() == BYTES.tobytes()
    folder = kept[id].parents[1]
    kept.close()
    assert not folder.exists()


def test_uploads_have_a_limit_and_the_oldest_that_nobody_needs_make_room(kept, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_BYTES", 20)
    first, second = kept.take("1.csv", BYTES), kept.take("2.csv", BYTES)
    third = kept.take("3.csv", BYTES, needed=[first])
    assert set(kept) == {first, third}
    with pytest.raises(ValueError, match="all files together take more than"):
        kept.take("4.csv", BYTES, needed=[first, third])
    assert second not in kept
    monkeypatch.setattr(uploads, "MOST_FILES", 1)
    with pytest.raises(ValueError, match="has more than 1 files"):
        kept.take("3.csv", BYTES[:1], third)


def test_a_lab_of_somebody_else_reads_no_file_that_nobody_agreed_to(tmp_path):
    for name in ("inside/x.csv", "outside.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a,b\n" + "".join(f"{i},{i % 2}\n" for i in range(20)))
    lab = Lab(Design.of(FLOWER))
    content = take.as_json(lab)

    def of(path):
        content["runs"][0]["design"]["data"] = {"kind": "file", "path": str(path), "target": "b"}
        return json.dumps(content)

    try:
        before, path = lab.run(), tmp_path / "outside.csv"
        assert lab.call(lambda: take.restore(lab, of(path)))["reads"] == [str(path)]
        assert lab.call(lambda: take.restore(lab, of(path), [str(tmp_path)]))["reads"] == [str(path)]
        assert lab.run() is before
        file = tmp_path / "inside" / "x.lab.json"
        for named in ("../outside.csv", path):
            file.write_text(of(named))
            with pytest.raises(ValueError, match=r"of data in .*outside\.csv, which is not in its folder"):
                bring_back(lab, file, lambda asked: asked != [path])
            assert lab.run() is before
        file.write_text(of("x.csv"))
        bring_back(lab, file, lambda asked: False)
        assert lab.run().examples.name == "x.csv"
        assert lab.call(lambda: take.restore(lab, of(path), [str(path)]))["reads"] == []
        assert lab.run().examples.name == "outside.csv"
        assert lab.call(lambda: take.restore(lab, of(path)))["reads"] == []  # which it has already
    finally:
        lab.close()


def test_uploads_of_a_lab_that_was_killed_go_when_the_next_one_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    alive = Uploads()
    alive.take("a.csv", np.zeros(3, np.uint8))
    (tmp_path / f"{uploads.PREFIX}killed" / "u1").mkdir(parents=True)
    (tmp_path / f"{uploads.PREFIX}file").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / f"{uploads.PREFIX}link").symlink_to(tmp_path / "other")
    Uploads()
    left = {path.name.removeprefix(uploads.PREFIX) for path in tmp_path.iterdir()}
    assert left == {alive["u1"].parent.parent.name.removeprefix(uploads.PREFIX), "file", "link", "other"}
    alive.close()


def test_an_upload_goes_with_the_lab():
    with served() as at, Talk(at) as talk:
        id = talk.ask("upload", name="x.csv", bytes=BYTES)["upload"]
        path = at.lab.uploads[id]
        assert path.read_bytes() == BYTES.tobytes()
        for wrong in ({"bytes": "text"}, {"bytes": np.ones(3)}, {"bytes": None}, {"name": 3, "bytes": BYTES}):
            with pytest.raises(ValueError, match="upload"):
                talk.ask("upload", **{"name": "y.csv", **wrong})
    assert not path.exists()
