"""The data on the page: the plane with its field, painting, a curve, pictures, rows."""

import numpy as np
import pytest

from support.lab import settled

SIDE = 340


@pytest.fixture
def plane(open_lab):
    """A function that opens a lab and waits until its data is drawn."""

    def opened(design=None, **options):
        page = open_lab({"hidden": [4], "activations": ["tanh"], **(design or {})}, **options)
        settled(
            page,
            "document.querySelector('canvas.field').cost > 0 || document.querySelector('.pages .where').innerText",
        )
        return page

    return opened


def data(name, **given):
    return {"data": {"kind": "bundled", "name": name, **given}}


def place(page, x1: float, x2: float) -> dict[str, float]:
    """Where a point of the plane is on its canvas."""
    return page.evaluate("([a, b]) => document.querySelector('canvas.field').place(a, b)", [x1, x2])


def color(page, at) -> list[int]:
    return page.evaluate(
        "({x, y}) => { const c = document.querySelector('canvas.field'), r = c.width / c.clientWidth;"
        " return [...c.getContext('2d').getImageData(x * r, y * r, 1, 1).data].slice(0, 3); }",
        at,
    )


def test_the_field_has_the_color_of_the_output_and_the_card_its_value(plane):
    page = plane()
    page.get_by_label("held-out examples").uncheck()
    page.evaluate("lab.tell('go', {step: 60})")
    settled(page, "lab.here.step === 60")
    net = page.at.lab.runs[1].network
    corners = np.array([[-4.6, -4.6, 4.6, 4.6, 4.6], [-4.6, 4.6, -4.6, 4.6, 0.4]])
    page.wait_for_timeout(100)
    for (x1, x2), answer in zip(corners.T, net.forward(corners)[0], strict=True):
        red, _, blue = color(page, place(page, x1, x2))
        assert (red > blue) == (answer < 0.5) or abs(answer - 0.5) < 0.02, (x1, x2, answer)
    page.locator("canvas.field").hover(position=place(page, 4.6, -4.6))
    card = page.locator(".data .card")
    shown = float(card.locator("dd").nth(2).inner_text().replace("−", "-"))
    assert abs(shown - float(net.forward([[4.6], [-4.6]])[0, 0])) < 0.05
    page.get_by_label("which side only").check()
    edge = [color(page, place(page, x1, 4.7)) for x1 in np.linspace(-4.6, 4.6, 9)]
    assert all(abs(red - blue) > 60 for red, _, blue in edge)  # nowhere white


def test_a_point_is_chosen_by_pointer_and_keyboard(plane):
    page = plane()
    X = page.at.lab.runs[1].examples.X
    far = int(np.argmax((X**2).sum(axis=0)))
    page.locator("canvas.field").click(position=place(page, *X[:, far].tolist()))
    assert page.evaluate("lab.selection.example") == {"part": "train", "index": far}
    assert page.evaluate("lab.selection.tab") == "walk"
    page.evaluate("lab.select({example: null})")
    page.locator("canvas.field").focus()
    page.keyboard.press("Shift+ArrowRight")
    page.locator(".panel.plane [aria-live]").filter(has_text="x1").or_(
        page.locator(".panel.plane [aria-live]").filter(has_text="example")
    ).wait_for(state="attached")
    page.keyboard.press("Enter")
    assert page.evaluate("lab.selection.example") is not None
    assert page.evaluate("lab.here.step") == 0


def test_painted_points_become_data_that_trains(plane):
    page = plane(width=400)
    lab, field = page.at.lab, page.locator("canvas.field")
    page.get_by_role("button", name="clear").click()
    page.get_by_text("Empty: choose a class and paint").wait_for()
    painted = {0: [(-3, -3), (-2, -3), (-3, -2)], 1: [(3, 3), (2, 3), (3, 2)]}
    for k, points in painted.items():
        page.locator(".brush").nth(k).click()
        page.locator(".brush").nth(k).click()  # once more, and it still paints
        for x1, x2 in points:
            before = lab.runs[1].revision
            field.click(position=place(page, x1, x2))
            settled(page, f"lab.run.revision > {before}")
    spec = lab.runs[1].design.data
    assert spec["kind"] == "points"
    assert [point[2] for point in spec["points"]] == [0, 0, 0, 1, 1, 1]
    assert np.allclose(np.array(spec["points"])[:, :2], painted[0] + painted[1], atol=0.05)
    assert np.abs(spec["range"]).min() > 4  # the plane stays where it was
    page.locator(".painting").get_by_text("undo").click()
    settled(page, "lab.run.data.spec.points.length === 5")
    field.focus()
    page.get_by_role("button", name="new class").click()
    field.focus()
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Enter")  # the third class, by keyboard
    settled(page, "lab.run.data.classes.length === 3 && lab.run.sizes.at(-1) === 3")
    assert page.locator(".brush").all_inner_texts() == ["0", "1", "2", "new class"]
    page.get_by_role("button", name="stop").click()
    assert page.evaluate("lab.selection.paint") is None
    page.evaluate("lab.tell('go', {step: 300})")
    settled(page, "lab.here.step === 300")
    X, Y = lab.runs[1].part("train")
    assert (lab.runs[1].network.forward(X).argmax(axis=0) == Y.argmax(axis=0)).all()


def test_a_curve_over_one_input_and_a_plane_of_a_regression(plane):
    page = plane(data("sine"), dark=True)
    page.evaluate("lab.tell('go', {step: 5})")
    settled(page, "lab.shown['plane.field'].A.shape.length === 2")
    page.locator("canvas.field").hover(position={"x": 60, "y": 20})
    page.locator(".data .card").filter(has_text="ŷ").wait_for()
    assert page.locator(".painting").is_hidden()


def test_pictures_of_digits_and_the_wrong_ones(plane):
    page = plane(data("digits"))
    lab = page.at.lab
    tiles = page.locator(".gallery button")
    assert tiles.count() == 60
    X, Y = lab.runs[1].part("train")
    wrong = np.flatnonzero(lab.runs[1].network.forward(X).argmax(axis=0) != Y.argmax(axis=0))
    page.get_by_label("wrong only").check()
    settled(page, f"lab.shown['plane.rows'].of === {len(wrong)}")
    tiles.first.filter(has_text="≠").wait_for()
    tiles.nth(3).click()
    assert page.evaluate("lab.selection.example.index") == wrong[3]
    page.get_by_role("button", name="the examples after").click()
    settled(page, f"lab.shown['plane.rows'].index.data[0] === {wrong[60]}")


def test_rows_of_a_table_and_answers_against_targets(plane):
    page = plane(data("iris"))
    rows = page.locator(".sheet tbody tr")
    assert rows.count() == 12
    page.get_by_role("button", name="the examples after").click()
    rows.first.get_by_role("button", name="example 12", exact=True).click()
    assert page.evaluate("lab.selection.example") == {"part": "train", "index": 12}
    page = plane(data("diabetes"))
    page.locator(".legend").filter(has_text="on the dashed line, the network is right").wait_for()
    page.get_by_text("The examples as a table").click()
    rows.nth(11).wait_for()
    assert "ŷ" in page.locator(".sheet thead").inner_text()
