"""The network as a diagram: what it shows, how units and lines are chosen and light up."""

import pytest

from support.lab import settled


@pytest.fixture
def diagram(open_lab):
    """A function that opens a lab and waits for its diagram."""

    def opened(design=None, **options):
        page = open_lab({"hidden": [3, 2], "activations": ["tanh", "relu"], **(design or {})}, **options)
        page.locator("canvas.units").scroll_into_view_if_needed()  # what nobody sees is not drawn
        settled(page, "document.querySelector('canvas.units').cost > 0")
        return page

    return opened


def color(page, x: float, y: float) -> list[int]:
    """The color of the units' canvas at a place: red, green, blue and opacity."""
    return page.evaluate(
        "([x, y]) => { const c = document.querySelector('canvas.units'), r = c.width / c.clientWidth;"
        " return [...c.getContext('2d').getImageData(x * r, y * r, 1, 1).data]; }",
        [x, y],
    )


def places(page):
    """The units that are drawn, "l,i": where they are in CSS pixels."""
    return page.evaluate("document.querySelector('canvas.units').places()")


def test_on_a_narrow_desk_a_table_with_named_inputs_has_its_network_and_its_columns_in_sight(diagram):
    page = diagram({"data": {"kind": "bundled", "name": "breast_cancer"}, "hidden": [16, 8]}, width=1200)
    hidden = "(name) => { const e = document.querySelector(name); return e.scrollWidth - e.clientWidth; }"
    assert page.evaluate(hidden, ".diagram .whole") == 0
    answer, target = page.locator(".sheet thead th").all()[1:3]
    for head in (answer, target):
        assert head.bounding_box()["x"] + head.bounding_box()["width"] < page.locator(".diagram").bounding_box()["x"]


def test_units_and_lines_by_pointer(diagram):
    page = diagram()
    net, units, card = page.at.lab.runs[1].network, page.locator("canvas.units"), page.locator(".diagram .card")
    unit = places(page)["1,2"]
    units.hover(position={"x": unit["x"], "y": unit["y"]})
    card.filter(has_text="strongest from").wait_for()
    assert "unit 2 of layer 1" in card.inner_text()
    strongest = abs(net.W[1][2]).argmax()
    assert f"x{strongest + 1}, w = {net.W[1][2, strongest]:.3g}".replace("-", "−") in card.inner_text()
    page.locator(".peek").filter(has_text="a of unit 2 of layer 1").wait_for()
    a = page.evaluate("lab.shown['plane.field'].a.data[0]")  # at the lower left corner of the plane
    corner = [[low] for low, _ in page.evaluate("lab.shown['plane.field'].range")]
    assert abs(a - net.layers(corner)[1][1][2, 0]) < 1e-6
    units.click(position={"x": unit["x"], "y": unit["y"]})
    assert page.evaluate("[lab.selection.unit, lab.selection.layer]") == [[1, 2], 1]

    start, end = places(page)["1,0"], places(page)["2,1"]
    left, right = start["x"] + start["side"] / 2, end["x"] - end["side"] / 2
    share = 0.25**2 * (3 - 2 * 0.25)  # of the way up, a quarter of the way across
    y = start["y"] + share * (end["y"] - start["y"])
    units.hover(position={"x": left + 0.25 * (right - left), "y": y})
    card.filter(has_text="W[2][1, 0]").wait_for()
    w = net.W[2][1, 0]
    assert f"{w:.4g}".replace("-", "−") == card.locator("dd").first.inner_text()

    page.evaluate("lab.select({example: {part: 'train', index: 3}})")
    units.hover(position={"x": unit["x"], "y": unit["y"]})
    a = net.layers(page.at.lab.runs[1].examples.X[:, 3:4])[1][1][2, 0]
    card.filter(has_text=f"{a:.4g}".replace("-", "−")).wait_for()


def test_keys_go_from_unit_to_unit_and_the_layer_is_a_table(diagram):
    page = diagram()
    page.locator("canvas.units").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    said = page.locator(".panel.network [aria-live]")
    said.filter(has_text="of layer 2: b =").filter(has_text="strongest from").wait_for(state="attached")
    page.keyboard.press("Enter")
    assert page.evaluate("lab.selection.unit[0]") == 2
    assert page.evaluate("lab.here.step") == 0  # elsewhere the arrow keys are steps
    page.keyboard.press("Escape")
    assert page.evaluate("lab.selection.unit") is None

    page.get_by_text("The chosen layer as a table").click()
    rows = page.locator(".panel.network .scroll tbody tr")
    rows.nth(1).wait_for()
    assert rows.count() == 2
    assert "g′ next to 0" in page.locator(".panel.network .scroll thead").inner_text()
    rows.nth(1).get_by_role("button").click()
    assert page.evaluate("lab.selection.unit") == [2, 1]


def test_arrays_light_up_phases_and_gradients(diagram):
    page = diagram()
    unit = places(page)["2,0"]
    edge = unit["x"] - unit["side"] / 2 - 2, unit["y"] + 6
    assert color(page, *edge)[3] < 40
    page.evaluate("lab.select({hover: {letter: 'A', layer: 2}})")
    red, _, blue, opacity = color(page, *edge)
    assert min(red, opacity) > 150 > blue - 50  # the glow is yellow
    page.evaluate("lab.select({hover: null, phase: 'forward', done: []})")
    assert color(page, unit["x"], unit["y"])[3] < 255  # not computed yet
    page.evaluate("lab.select({done: [{letter: 'Z', layer: 2}]})")
    assert color(page, unit["x"], unit["y"])[3] == 255

    key = page.locator(".diagram + .under .legend")
    key.filter(has_text="W > 0").filter(has_not_text="dW").wait_for()
    page.get_by_role("button", name="show dW").click()
    key.filter(has_text="dW > 0").wait_for()
    page.get_by_role("button", name="show dW").click()
    key.filter(has_not_text="dW").wait_for()
    page.evaluate("lab.select({phase: 'backward', done: [{letter: 'dW', layer: 3}]})")
    key.filter(has_text="dW > 0").wait_for()


def test_of_large_layers_it_shows_the_first_units_and_all_weights_as_a_picture(diagram):
    page = diagram({"data": {"kind": "bundled", "name": "digits"}, "hidden": [40, 18], "activations": ["relu", "relu"]})
    drawn = [key.split(",")[0] for key in places(page)]
    assert [drawn.count(layer) for layer in "0123"] == [0, 12, 12, 10]  # the input is a picture
    assert page.evaluate("lab.shown['diagram.W'].blocks.map((b) => b?.shape)") == [[40, 64], [18, 40], [10, 18]]


def test_deep_networks_scroll_in_a_narrow_window_in_the_dark(diagram):
    page = diagram({"hidden": [2] * 12, "activations": ["tanh"] * 12}, width=400, dark=True)
    page.locator("canvas.units").focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    settled(page, "document.querySelector('.diagram .whole').scrollLeft > 100")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_it_is_drawn_quickly(diagram):
    page = diagram({"hidden": [16, 8], "activations": ["tanh", "tanh"]})
    page.evaluate("lab.tell('play', {speed: null})")
    settled(page, "lab.frames > 20")
    page.evaluate("lab.tell('pause')")
    assert page.evaluate("document.querySelector('canvas.units').cost") < 30  # milliseconds; alone on a machine 3
