"""The lab in a notebook: the widget with a kernel's messages imitated, and its page in a browser."""

import base64
import re
import subprocess
import sys
from copy import deepcopy
from queue import Empty, SimpleQueue

import comm
import numpy as np
import pytest
from comm.base_comm import BaseComm

import chainrule as cr
from chainrule.lab import protocol
from chainrule.lab.widget import PAGE

X, Y = cr.datasets.flower(60, seed=3)
HOST = """<!doctype html><title>a notebook</title>
<body data-jp-theme-light="true"><input id="cell" aria-label="cell"><main></main></body>"""
MODEL = """async ([id, esm, state]) => {
  const told = { "msg:custom": [], "comm:close": [], comm_live_update: [] };
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  let sent, dead = false;
  const text = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  const model = {
    get: (name) => state[name],
    on: (event, act) => told[event].push(act),
    off: (event, act) => { told[event] = told[event].filter((other) => other !== act); },
    send: (content, _, buffers) => {
      if (dead) throw new Error("Cannot send");
      sent = toKernel(id, content, buffers.map((frame) => text(new Uint8Array(frame))));
    },
  };
  const el = document.querySelector("main").appendChild(document.createElement("div"));
  el.id = id;
  const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
  const end = await (await import(url)).default.render({ model, el });
  const ask = async () => {
    for (const [content, frames] of await fromKernel(id)) {
      for (const act of told["msg:custom"]) act(content, frames.map((frame) => new DataView(bytes(frame).buffer)));
    }
    setTimeout(ask, 10);
  };
  ask();
  (globalThis.cells ??= {})[id] = {
    end: async () => { end(); await sent; },
    restarted: () => { dead = true; told.comm_live_update.forEach((act) => act()); },
  };
}"""


class Kernel:
    """What passes between widgets and the page of their notebook; `comms` by the ids of the widgets."""

    def __init__(self):
        self.comms = {}

    def create(self, **options):
        made = Comm(**options)
        self.comms[made.comm_id] = made
        return made


class Comm(BaseComm):
    def __init__(self, **options):
        self.sent = SimpleQueue()
        super().__init__(**options)

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        if msg_type == "comm_msg" and data["method"] == "custom":
            self.sent.put((data["content"], [bytes(frame) for frame in buffers]))

    def hear(self, content, *frames):
        """A message of the page."""
        message = {"content": {"data": {"method": "custom", "content": content}}, "buffers": list(frames)}
        self.handle_msg(message)

    def ask(self, do, view="v", **given):
        """What the lab answers to a command."""
        self.hear({"view": view}, protocol.pack({"id": do, "do": do, **given}))
        while True:
            content, [frame] = self.sent.get(timeout=10)
            answer = protocol.unpack(frame)
            if content == {"view": view} and answer.get("id") == do:
                return answer.get("ok", answer.get("error"))


@pytest.fixture
def kernel(monkeypatch):
    found = Kernel()
    monkeypatch.setattr(comm, "create_comm", found.create)
    monkeypatch.setattr(
        sys.modules["chainrule.lab.widget"], "kernel_loop", lambda: None
    )  # a browser of other tests may run one
    return found


@pytest.fixture
def opened(kernel):
    """A function that opens a lab as a cell does, and closes it in the end."""
    made = []

    def opens(*given, **options):
        made.append(cr.lab(*given, **options))
        return made[-1], kernel.comms[made[-1].model_id]

    yield opens
    for widget in made:
        widget.close()


def network(**options):
    return cr.Network([2, 5, 3, 1], hidden="tanh", seed=5, **options)


def trained(net, steps, batch_size=16, **options):
    """The network after so many mini-batches of `net.train`."""
    net = deepcopy(net)
    options = {"seed": 7, **options}
    training = net.train(X, Y, cr.Adam(0.03), epochs=steps, batch_size=batch_size, every=cr.Batches(1), **options)
    for _, _ in zip(range(steps), training, strict=False):
        pass
    return net.parameters


# -- the Python side ---------------------------------------------------------------------------------------------------


def test_the_network_of_the_notebook_is_trained_as_net_train_would_and_goes_back_with_the_page(opened):
    net = network()
    start = net.parameters.copy()
    widget, page = opened(net, X, Y, optimizer=cr.Adam(0.03), batch_size=16, dropout=0.2, l2=0.1, seed=7)
    assert page.ask("hello", version=protocol.VERSION)["lab"]["runs"][0]["data"]["name"] == "notebook"
    page.ask("go", step=30)
    assert widget.network is net
    assert np.array_equal(net.parameters, trained(widget.start, 30, dropout=0.2, l2=0.1))
    page.ask("go", step=11)
    assert np.array_equal(net.parameters, trained(widget.start, 11, dropout=0.2, l2=0.1))
    widget.go(0)
    assert np.array_equal(net.parameters, start)


@pytest.mark.parametrize(
    ("made", "change", "own"),
    [
        (network, {}, True),
        (network, {"init": "he", "seed": 3}, True),
        (network, {"activations": ["relu", "tanh"]}, False),
        (network, {"hidden": [4]}, False),
        (lambda: network().normalize(X), {}, True),
        (lambda: network().normalize(X), {"activations": ["relu", "tanh"]}, False),
        (lambda: network().normalize(X, "robust"), {"normalize": "standard"}, False),
        (lambda: network(dtype=np.float32), {"init_scale": 2.0}, True),
        (lambda: cr.Network([2, 3, 1], hidden="relu", output="identity", loss="huber(0.5)", seed=0), {}, True),
    ],
)
def test_the_code_trains_the_same_bits_whatever_was_changed_and_the_network_itself_as_long_as_it_can(
    made, change, own, opened
):
    net = made()
    widget, page = opened(net, X, Y, batch_size=16)
    page.ask("design", change=change)
    page.ask("go", step=9)
    page.ask("options", change={"l2": 0.1})
    page.ask("go", step=14)
    space = {"net": widget.start, "X": X, "Y": Y}
    exec(widget.code(), space)
    assert np.array_equal(space["net"].parameters, widget.network.parameters)
    assert (widget.network is net) is own
    page.ask("design", change={"data": {"kind": "bundled", "name": "moons"}})  # from now on a network of its own
    assert widget.run.design.init in ("given", "auto", "he")


def test_a_run_beside_begins_from_the_same_parameters_in_a_network_of_its_own(opened):
    net = network()
    widget, page = opened(net, X, Y)
    page.ask("add", change={"activations": ["relu", "relu"]})
    first, second = widget._lab.runs.values()
    assert first.network is net
    assert second.network is not net
    assert np.array_equal(first.network.parameters, second.network.parameters)


def test_data_without_a_network_and_sets_by_name(opened):
    widget, page = opened(X, Y, names=["left", "up"], classes=["red", "blue"], validation=(X[:, :9], Y[:, :9]))
    data = page.ask("hello", version=protocol.VERSION)["lab"]["runs"][0]["data"]
    assert (data["inputs"], data["classes"], data["m"], data["m_val"]) == (["left", "up"], ["red", "blue"], 60, 9)
    assert widget.network.normalizer is not None
    assert opened("moons")[0].run.examples.name == "moons"
    assert opened()[0].run.examples.name == "flower"


def test_arrays_that_a_cell_writes_into_stay_as_they_were(opened):
    mine = X.copy(order="K")
    widget, _ = opened(network(), mine, Y)
    mine[...] = 0
    assert np.array_equal(widget.run.examples.X, X)


def test_what_a_cell_does_to_the_parameters_is_where_the_next_step_begins(opened):
    net = network()
    widget, page = opened(net, X, Y, optimizer=cr.GradientDescent(0.5))
    widget.go(5)
    kept = net.parameters.copy()
    net.parameters *= 2
    _, dW, db = net.gradients(X, Y)
    expected = net.parameters - 0.5 * net.pack(dW, db)
    page.ask("go", by=1)
    np.testing.assert_allclose(net.parameters, expected, rtol=1e-12)
    page.ask("go", by=-1)
    assert np.array_equal(net.parameters, kept)


def test_views_have_their_own_answers_and_the_last_that_goes_stops_the_play(opened):
    widget, page = opened(network(), X, Y)
    for view in ("a", "b"):
        assert page.ask("hello", view, version=protocol.VERSION)["lab"]["playing"] is False
    page.ask("play", "a")
    page.hear({"view": "a", "gone": True})
    widget._lab.call(lambda: None)
    assert widget._lab.playing
    page.hear({"view": "b", "gone": True})
    widget._lab.call(lambda: None)
    assert not widget._lab.playing
    assert widget.run.line.step > 0


def test_a_network_has_one_lab_and_a_cell_that_runs_again_ends_those_that_it_made(opened, monkeypatch):
    net = network()
    first, _ = opened(net, X, Y)
    second, _ = opened(net, X, Y)
    assert first.comm is None
    assert second.comm is not None
    assert "2, 5, 3, 1" in repr(first)
    assert first.code().startswith('"""')  # what it has done can still be asked for

    class Shell:
        execution_count = 1

        def get_parent(self):
            return {"metadata": {"cellId": "c"}}

    monkeypatch.setattr("IPython.get_ipython", Shell)
    monkeypatch.setattr(sys.modules["chainrule.lab.widget"], "get_ipython", Shell)
    one, two = opened("flower")[0], opened("moons")[0]
    assert one.comm is not None
    Shell.execution_count = 2
    opened("flower")
    assert (one.comm, two.comm) == (None, None)
    assert second.comm is not None


def test_a_closed_lab_has_no_thread_and_python_ends_while_one_plays(opened):
    widget, _ = opened(network(), X, Y)
    thread = widget._lab._worker._thread
    widget.close()
    widget.close()
    assert not thread.is_alive()
    program = "import chainrule as cr; w = cr.lab('flower'); w._lab.call(w._lab.play); w._lab.call(lambda: None)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("given", "options", "error"),
    [
        ((X, Y, Y), {}, "network: got ndarray, wanted a chainrule.Network"),
        ((network(), X), {}, "wants both X and Y"),
        (("flower", X, Y), {}, "the name of a data set, and X or Y"),
        (("flowers",), {}, "flower"),
        ((network(), X.T, Y), {}, "X and Y: got shapes"),
        ((network(), X[:1], Y), {}, "X: got shape"),
        ((network(), X, Y), {"names": ["a"]}, "got 1"),
        ((network(), X, Y), {"optimizer": cr.LBFGS()}, "wanted one that goes step by step: GradientDescent"),
        ((network(), X, Y), {"optimizer": "adam"}, "optimizer: got 'adam'"),
        ((network(), X, Y), {"dropout": [0.1]}, "dropout"),
        ((network(), X, Y), {"dropout": 1.5}, "dropout"),
        ((network(), X, Y), {"epochs": 3}, "unexpected keyword argument 'epochs'"),
        ((cr.MLPClassifier(), X, Y), {}, "network: got MLPClassifier, wanted a chainrule.Network"),
    ],
)
def test_what_does_not_fit_is_said(given, options, error, kernel):
    with pytest.raises((ValueError, TypeError), match=re.escape(error)):
        cr.lab(*given, **options)
    assert kernel.comms == {}


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "chainrule.lab.widget")
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(ImportError, match=re.escape('pip install "chainrule[lab]"')):
        cr.lab("flower")


def test_the_name_is_the_function_though_a_room_is_called_as_it_is():
    import chainrule.lab.session  # noqa: F401

    assert cr.lab.__name__ == "lab"
    assert cr.lab.__module__ == "chainrule.lab.notebook"


def test_where_no_kernel_runs_there_is_a_text(opened):
    widget, _ = opened(network(), X, Y)
    bundle, _ = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/plain"] == repr(widget)
    assert "&lt;chainrule lab: Network([2, 5, 3, 1]" in bundle["text/html"]
    assert "60 examples" in bundle["text/html"]


# -- the page ----------------------------------------------------------------------------------------------------------


def test_modules_can_be_loaded_one_after_the_other_and_leave_the_document_alone():
    texts = {path.name: path.read_text(encoding="utf-8") for path in PAGE.glob("*.js")}
    code = {name: re.sub(r"/\*.*?\*/|^\s*//.*?$", "", text, flags=re.S | re.M) for name, text in texts.items()}
    needs = {name: re.findall(r'\bfrom "\./([\w-]+\.js)"', text) for name, text in code.items()}
    loaded = set()
    while more := {name for name in needs if name not in loaded and loaded.issuperset(needs[name])}:
        loaded |= more
    assert loaded == set(texts)
    alone = r"""import\(|\bfetch\(|import\.meta|localStorage|(document|window|globalThis)\.addEventListener
        |document\.(getElementById|querySelector)"""
    for name in set(texts) - {"start.js", "link.js", "widget.js"}:
        assert not re.search(alone, code[name], re.VERBOSE), name


@pytest.fixture
def notebook(browser, kernel):
    """A page that shows widgets as JupyterLab does; it fails a test in which it has an error."""
    errors = []
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.set_default_timeout(15_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)

    def to_kernel(id, content, frames):
        kernel.comms[id].hear(content, *map(base64.b64decode, frames))

    def from_kernel(id):
        found = []
        while True:
            try:
                content, frames = kernel.comms[id].sent.get_nowait()
            except Empty:
                return found
            found.append([content, [base64.b64encode(frame).decode() for frame in frames]])

    page.expose_function("toKernel", to_kernel)
    page.expose_function("fromKernel", from_kernel)
    page.route("**/*", lambda route: route.fulfill(body=HOST, content_type="text/html"))
    page.goto("http://notebook.test/")

    def show(widget):
        state = {name: getattr(widget, name) for name in ("_modules", "_style")}
        page.evaluate(MODEL, [widget.model_id, widget._esm, state])
        cell = page.locator(f'[id="{widget.model_id}"]')
        cell.locator(".summary").filter(has_text="parameters").wait_for()
        return cell

    page.show = show
    yield page
    page.close()
    assert errors == []


def at_step(cell, step):
    cell.locator(".where").filter(has_text=f"step {step} ·").wait_for()


def test_the_page_in_a_cell_trains_the_network_of_the_notebook(notebook, opened):
    net = network()
    widget, _ = opened(net, X, Y, optimizer=cr.Adam(0.03), batch_size=16, seed=7)
    cell = notebook.show(widget)
    cell.get_by_role("button", name="one step: the next mini-batch").click()
    at_step(cell, 1)
    assert np.array_equal(net.parameters, trained(widget.start, 1))
    cell.get_by_role("button", name="play", exact=True).click()
    cell.get_by_role("button", name="pause", exact=True).click()
    cell.get_by_role("button", name="play", exact=True).wait_for()
    step = widget.run.line.step
    assert step > 1
    assert np.array_equal(net.parameters, trained(widget.start, step))
    cell.get_by_role("button", name="one step back").click()
    at_step(cell, f"{step - 1:,}")
    assert np.array_equal(net.parameters, trained(widget.start, step - 1))


def test_two_cells_do_not_meddle_with_each_other_nor_with_the_notebook(notebook, opened):
    body = notebook.evaluate("getComputedStyle(document.body).cssText")
    first, second = opened(network(), X, Y)[0], opened("moons")[0]
    one, two = notebook.show(first), notebook.show(second)
    notebook.get_by_label("cell", exact=True).focus()
    notebook.keyboard.press("ArrowRight")
    one.get_by_role("tab").first.focus()
    one.locator(".time .where").click()  # what is no button takes the keys, too
    notebook.keyboard.press("ArrowRight")
    at_step(one, 1)
    assert (first.run.line.step, second.run.line.step) == (1, 0)
    assert notebook.evaluate("getComputedStyle(document.body).cssText") == body
    assert one.locator(".lab").get_attribute("data-theme") == "light"
    notebook.evaluate("document.body.dataset.jpThemeLight = 'false'")
    two.locator('.lab[data-theme="dark"]').wait_for()
    notebook.evaluate("id => cells[id].end()", first.model_id)
    assert one.locator(".lab").count() == 0
    first._lab.call(lambda: None)
    assert first._lab._pages.all == []
    notebook.evaluate("id => cells[id].restarted()", second.model_id)
    two.get_by_text("Run the cell again").wait_for()
    two.get_by_role("button", name="one step: the next mini-batch").click()
    notebook.evaluate("id => cells[id].end()", second.model_id)
