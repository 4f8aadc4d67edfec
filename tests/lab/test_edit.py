"""Weights and biases that a person sets: the time line, the code and the lab file know of them."""

import json
import re

import numpy as np
import pytest

from chainrule.lab import session, take, views
from chainrule.lab.code import program
from chainrule.lab.data import load
from chainrule.lab.design import Design
from chainrule.lab.run import Run
from chainrule.lab.session import Lab
from support.lab import settled

DESIGN = Design.of(
    {"data": {"kind": "bundled", "name": "flower", "m": 60}, "hidden": [3], "activations": ["tanh"], "batch_size": 20}
)


def run():
    return Run(1, "run", DESIGN, load(DESIGN.data))


def trained_by(text):
    names = {}
    exec(compile(text, "program", "exec"), names)
    return names["net"]


def test_a_number_set_by_hand_stands_and_the_past_has_the_old_one():
    made = run()
    made.go(10)
    before = made.network.parameters.copy()
    made.edit("W", 1, 2, 0, 4.5)
    made.edit("b", 2, 0, 0, -1.0)
    assert (made.network.W[1][2, 0], made.network.b[2][0, 0]) == (4.5, -1.0)
    assert made.edits() == [[10, "W", 1, 2, 0, 4.5], [10, "b", 2, 0, 0, -1.0]]
    made.go(200)
    far = made.network.parameters.copy()
    made.go(9)
    made.line.go(10)
    assert made.network.W[1][2, 0] == 4.5  # at this step it is what it was set to
    made.go(200)
    np.testing.assert_array_equal(made.network.parameters, far)
    made.go(3)
    made.edit("W", 2, 0, 1, 0.25)  # the later ones are of a future that is forgotten
    assert made.edits() == [[3, "W", 2, 0, 1, 0.25]]
    assert not np.array_equal(before, far)


@pytest.mark.parametrize("seed", range(12))
def test_the_program_and_the_lab_file_come_to_the_same_bits(seed, monkeypatch):
    monkeypatch.setattr(session, "AT_ONCE", 60.0)
    rng, lab = np.random.default_rng(seed), Lab(DESIGN)
    try:
        made = lab.run()
        for _ in range(int(rng.integers(1, 4))):
            made.go(made.line.step + int(rng.choice([0, 1, 3, 8])))
            letter, l = str(rng.choice(["W", "b"])), int(rng.integers(1, 3))
            rows, columns = (made.network.W if letter == "W" else made.network.b)[l].shape
            made.edit(letter, l, int(rng.integers(rows)), int(rng.integers(columns)), float(rng.normal()))
            if rng.random() < 0.4:
                made.change({"l2": float(rng.random()), "batch_size": int(rng.choice([7, 20, 48]))})
        made.go(made.line.step + int(rng.choice([0, 2, 6])))
        text = program(made.design, made.examples, made.line.changes, made.line.step, edits=made.edits())
        np.testing.assert_array_equal(trained_by(text).parameters, made.network.parameters, err_msg=text)
        bits, content = made.network.parameters.copy(), json.dumps(take.as_json(lab))
        lab.call(lambda: take.restore(lab, content))
        np.testing.assert_array_equal(lab.run().network.parameters, bits)
        lab.run().again()
        lab.run().go(json.loads(content)["runs"][0]["step"])
        np.testing.assert_array_equal(lab.run().network.parameters, bits)
    finally:
        lab.close()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("A", 1, 0, 0, 1.0), "wanted W or b"),
        (("W", 3, 0, 0, 1.0), "of a layer from 1 to 2"),
        (("W", 1, 3, 0, 1.0), r"W\[1\] \(3, 2\) has no number at \(3, 0\)"),
        (("b", 1, 0, 1, 1.0), r"has no number at \(0, 1\)"),
        (("W", 1, 0, 0, float("nan")), "value: got nan, wanted a finite number"),
        (("W", 1, 0, 0, "x"), "value: got 'x', wanted a finite number"),
    ],
)
def test_what_cannot_be_set_says_why(given, message):
    made = run()
    with pytest.raises(ValueError, match=message):
        made.edit(*given)
    assert made.edits() == []


def test_a_weight_is_set_by_hand_on_the_page(open_lab, monkeypatch):
    page = open_lab({"hidden": [3], "activations": ["tanh"]})
    page.locator("#panel-equations").get_by_role("button", name=re.compile(r"^W\[1\]")).first.click()
    sheet = page.locator("dialog.inspect")
    sheet.get_by_role("grid", name="numbers").locator("tbody tr").nth(2).locator("td").nth(1).click()
    value = sheet.get_by_label("value")
    assert float(value.input_value()) == page.at.lab.run().network.W[1][2, 1]
    value.fill("x")
    sheet.get_by_role("button", name="Set").click()
    sheet.get_by_text("x is no number").wait_for()
    value.fill("-2,5")
    value.press("Enter")
    page.get_by_text("W[1] of unit 2, x2: −2.5, from step 0 on.").wait_for()
    assert page.at.lab.run().edits() == [[0, "W", 1, 2, 1, -2.5]]
    assert page.at.lab.run().network.W[1][2, 1] == -2.5

    def broken(run, **given):
        raise ValueError("it cannot be shown")

    monkeypatch.setitem(views.VIEWS, "array", broken)  # a view's error is on the page, and not an empty sheet
    page.evaluate("lab.refresh()")
    sheet.locator(".words").get_by_text("it cannot be shown").wait_for()
    page.locator("p.error").get_by_text("it cannot be shown").wait_for(state="attached")


def test_a_click_on_a_line_of_the_diagram_leads_to_its_weight_and_the_time_line_has_what_was_set(open_lab):
    page = open_lab({"hidden": [3], "activations": ["tanh"]})
    page.evaluate("lab.tell('go', {step: 3})")
    settled(page, "lab.here.step === 3 && document.querySelector('canvas.units').cost > 0")
    start, end = page.evaluate("(({'0,1': a, '1,2': b}) => [a, b])(document.querySelector('canvas.units').places())")
    x = start["x"] + start["side"] / 2 + 0.8 * (end["x"] - end["side"] / 2 - start["x"] - start["side"] / 2)
    y = start["y"] + 0.8**2 * (3 - 2 * 0.8) * (end["y"] - start["y"])
    page.locator("canvas.units").click(position={"x": x, "y": y})
    sheet = page.locator("dialog.inspect")
    picked = sheet.locator("td.picked")
    w = page.at.lab.run().network.W[1][2, 1]
    picked.filter(has_text=f"{abs(w):.4g}").wait_for()
    assert float(sheet.get_by_label("value").input_value()) == w
    page.keyboard.type("0\n")  # it has the focus, and its text is chosen
    page.get_by_text("W[1] of unit 2, x2: 0, from step 3 on.").wait_for()
    tick = page.get_by_role("group", name="changes on the way").get_by_role("button")
    assert tick.get_attribute("title") == "from step 3 on: W[1][2, 1] = 0 by hand"
