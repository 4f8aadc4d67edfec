"""The network as a diagram: what it shows, how units and lines are chosen and light up."""

import pytest

from conftest import settled

SMALL = {"hidden": [3, 2], "activations": ["tanh", "relu"]}


@pytest.fixture
def diagram(open_lab):
    """A function that opens a lab and waits for its diagram."""

    def opened(design=None, **options):
        page = open_lab({**SMALL, **(design or {})}, **options)
        settled(page, "document.querySelector('canvas.units').cost > 0")
        return page

    return opened


def bright(page, canvas: str, x: float, y: float) -> list[int]:
    """The color of a canvas at a place, in CSS pixels."""
    return page.evaluate(
        "([name, x, y]) => { const c = document.querySelector(name); const r = c.width / c.clientWidth;"
        " return [...c.getContext('2d').getImageData(x * r, y * r, 1, 1).data]; }",
        [canvas, x, y],
    )


def places(page):
    """The units that are drawn, "l,i": where they are in CSS pixels."""
    return page.evaluate("document.querySelector('canvas.units').places()")


def test_a_unit_is_chosen_by_pointer_and_the_card_has_its_numbers(diagram):
    page = diagram()
    unit = places(page)["1,2"]
    units = page.locator("canvas.units")
    units.hover(position={"x": unit["x"], "y": unit["y"]})
    card = page.locator(".diagram .card")
    card.filter(has_text="strongest from").wait_for()
    net = page.at.lab.runs[1].network
    assert "unit 2 of layer 1" in card.inner_text()
    assert f"{net.b[1][2, 0]:.4g}".replace("-", "−") in card.inner_text() or net.b[1][2, 0] == 0
    units.click(position={"x": unit["x"], "y": unit["y"]})
    assert page.evaluate("lab.selection.unit") == [1, 2]
    assert page.evaluate("lab.selection.layer") == 1


def test_a_line_shows_its_weight(diagram):
    page = diagram()
    start, end = places(page)["1,0"], places(page)["2,1"]
    left, right = start["x"] + start["side"] / 2, end["x"] - end["side"] / 2
    share = 0.25**2 * (3 - 2 * 0.25)  # of the way up, a quarter of the way across
    y = start["y"] + share * (end["y"] - start["y"])
    page.locator("canvas.units").hover(position={"x": left + 0.25 * (right - left), "y": y})
    card = page.locator(".diagram .card")
    card.filter(has_text="W[2][1, 0]").wait_for()
    w = page.at.lab.runs[1].network.W[2][1, 0]
    assert f"{abs(w):.4g}" in card.inner_text()
    assert ("−" in card.locator("dd").first.inner_text()) == (w < 0)


def test_keys_go_from_unit_to_unit_and_not_in_time(diagram):
    page = diagram()
    page.locator("canvas.units").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    said = page.locator(".panel.network [aria-live]")
    said.filter(has_text="of layer 2").wait_for()
    said.filter(has_text="strongest from").wait_for()
    page.keyboard.press("Enter")
    assert page.evaluate("lab.selection.unit")[0] == 2
    assert page.evaluate("lab.here.step") == 0
    page.keyboard.press("Escape")
    assert page.evaluate("lab.selection.unit") is None


def test_arrays_light_up_and_a_phase_shows_what_is_not_computed(diagram):
    page = diagram()
    unit = places(page)["2,0"]
    edge = unit["x"] - unit["side"] / 2 - 2, unit["y"] + 6
    assert bright(page, "canvas.units", *edge)[3] < 40
    page.evaluate("lab.select({hover: {letter: 'A', layer: 2}})")
    red, green, blue, alpha = bright(page, "canvas.units", *edge)
    assert alpha > 150 and red > 200 and blue < 200  # the glow
    page.evaluate("lab.select({hover: null, phase: 'forward', done: []})")
    assert bright(page, "canvas.units", unit["x"], unit["y"])[3] < 255
    page.evaluate("lab.select({done: [{letter: 'Z', layer: 2}]})")
    assert bright(page, "canvas.units", unit["x"], unit["y"])[3] == 255


def test_lines_are_gradients_when_asked(diagram):
    page = diagram()
    page.get_by_role("button", name="show dW").click()
    page.locator(".diagram + .under .legend").filter(has_text="dW > 0").wait_for()
    page.get_by_role("button", name="show dW").click()
    page.locator(".diagram + .under .legend").filter(has_text="W > 0").filter(has_not_text="dW").wait_for()


def test_the_chosen_layer_as_a_table(diagram):
    page = diagram()
    page.evaluate("lab.select({layer: 2})")
    page.get_by_text("The chosen layer as a table").click()
    rows = page.locator(".panel.network .scroll tbody tr")
    rows.nth(1).wait_for()
    assert rows.count() == 2
    assert "g′ next to 0" in page.locator(".panel.network .scroll thead").inner_text()
    rows.nth(1).get_by_role("button").click()
    assert page.evaluate("lab.selection.unit") == [2, 1]


def test_an_example_puts_its_values_beside_the_units(diagram):
    page = diagram()
    page.evaluate("lab.select({example: {part: 'train', index: 3}})")
    settled(page, "lab.shown['diagram.example']?.A?.length === 4")
    unit = places(page)["1,1"]
    page.locator("canvas.units").hover(position={"x": unit["x"], "y": unit["y"]})
    page.locator(".diagram .card").filter(has_text="a, chosen example").wait_for()


def test_large_layers_say_how_many_there_are_and_deep_networks_scroll(diagram):
    page = diagram({"data": {"kind": "bundled", "name": "digits"}, "hidden": [40, 18], "activations": ["relu", "relu"]})
    assert sorted({key[0] for key in places(page)}) == ["1", "2", "3"]
    assert len(places(page)) == 12 + 12 + 10
    blocks = page.evaluate("lab.shown['diagram.W'].blocks.map((b) => b?.shape)")
    assert blocks == [[40, 64], [18, 40], [10, 18]]
    page = diagram({"hidden": [2] * 12, "activations": ["tanh"] * 12}, width=400, dark=True)
    assert page.evaluate(
        "(() => { const w = document.querySelector('.whole'); return w.scrollWidth > w.clientWidth; })()"
    )
    page.locator("canvas.units").focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    settled(page, "document.querySelector('.whole').scrollLeft > 100")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_it_is_drawn_quickly(diagram):
    page = diagram({"hidden": [16, 8], "activations": ["tanh", "tanh"]})
    page.keyboard.press("e")
    page.evaluate("lab.tell('play', {speed: null})")
    page.wait_for_timeout(700)
    page.evaluate("lab.tell('pause')")
    assert page.evaluate("document.querySelector('canvas.units').cost") < 30  # milliseconds; alone on a machine below 6
