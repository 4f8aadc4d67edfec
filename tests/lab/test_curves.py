"""Curves: read by pointer and keys, led by a click, with changes of options, tables, and answers."""

import numpy as np
from test_time import at, parameters, to

from support.lab import settled


def plot(page, name):
    return page.get_by_role("slider", name=name)


def test_a_curve_is_read_and_leads_to_its_steps(open_lab):
    page = open_lab({"batch_size": 64}, height=1500)
    to(page, 100)
    there = parameters(page)
    curve = plot(page, "J of each mini-batch")
    readout = page.locator(".plot").first.locator(".readout")
    readout.filter(has_text="step 100: J").wait_for()
    costs = page.at.lab.runs[1].line.costs
    box = curve.bounding_box()
    curve.hover(position={"x": 46 + (box["width"] - 46 - 10) / 2, "y": 60})
    readout.filter(has_text="step 50: J").wait_for()
    assert float(readout.inner_text().split("J ")[1]) == float(f"{costs[49]:.4g}")
    curve.click(position={"x": 46 + (box["width"] - 46 - 10) / 4, "y": 60})
    at(page, 25)
    page.mouse.move(0, 0)
    curve.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "Enter"):
        page.keyboard.press(key)
    at(page, 26)
    assert curve.get_attribute("aria-valuetext").startswith("step 26: J ")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    at(page, 100)
    assert (parameters(page) == there).all()


def test_numbers_tables_scales_smoothing_and_changes(open_lab):
    page = open_lab(height=1500)
    to(page, 40)
    run = page.at.lab.runs[1]
    X, Y = run.part("validation")
    J, A = page.at.lab.call(lambda: (run.network.cost(X, Y), run.network.forward(X)))
    page.locator(".readout").filter(has_text=f"validation {J:.4g}").wait_for()
    page.locator(".readout").filter(has_text=f"validation {((A > 0.5) == Y).mean():.4g}").wait_for()
    page.get_by_label("learning rate", exact=True).fill("0.5")
    page.keyboard.press("Enter")
    page.get_by_text("from step 40 on").wait_for()
    to(page, 80)
    settled(page, "lab.shown['marks:1'].steps.data.at(-1) === 80")
    norms = page.get_by_role("figure").filter(has_text="‖dW[l]‖")
    norms.get_by_role("button", name="table").click()
    rows = norms.get_by_role("row").all_inner_texts()
    assert rows[0].split("\t") == ["step", "dW[1]", "dW[2]", "dW[3]"]
    assert rows[-1].startswith("80")
    seen = page.at.lab.call(lambda: page.at.lab.runs[1].working(256))
    assert float(rows[-1].split("\t")[1]) == float(f"{np.linalg.norm(seen.dW[1]):.4g}")

    J = plot(page, "J of each mini-batch")
    plain, bound = J.screenshot(), J.bounding_box()
    page.get_by_label("smoothing").select_option("0.95")
    assert J.screenshot() != plain
    figure = page.get_by_role("figure").filter(has_text="J of each mini-batch")
    figure.get_by_role("button", name="log").click()
    assert figure.get_by_role("button", name="log").get_attribute("aria-pressed") == "true"
    J.hover(position={"x": 46 + (bound["width"] - 56) / 2, "y": 60})
    figure.get_by_text("learning rate 0.01 → 0.5").wait_for()


def test_a_cell_of_the_confusion_matrix_chooses_its_examples_one_after_the_other(open_lab):
    page = open_lab(height=1500)
    to(page, 30)
    run = page.at.lab.runs[1]
    A, Y = page.at.lab.call(lambda: run.answers("train"))
    wrong = np.flatnonzero((Y[0] == 1) & (A[0] <= 0.5))
    cell = page.get_by_role("button", name=f"{len(wrong)} of class 1 taken for 0")
    for index in (wrong[0], wrong[1]):
        cell.click()
        settled(page, f"lab.selection.example?.index === {index} && lab.selection.tab === 'walk'")
    page.get_by_label("answers for").select_option("validation")
    A, Y = page.at.lab.call(lambda: run.answers("validation"))
    right = int(((A > 0.5) == Y).sum())
    page.get_by_text(f"{right} of {Y.shape[1]} right").wait_for()


def test_answers_of_a_regression(open_lab):
    page = open_lab({"data": {"kind": "bundled", "name": "sine"}}, height=1500)
    to(page, 20)
    figure = page.get_by_role("figure").filter(has_text="ŷ against y")
    figure.get_by_role("button", name="table").click()
    A, Y = page.at.lab.call(lambda: page.at.lab.runs[1].answers("train", 400))
    worst = int(abs(A - Y).argmax())
    figure.get_by_role("button", name=str(worst), exact=True).click()
    settled(page, f"lab.selection.example?.index === {worst}")
    plot(page, "R²").wait_for()


def test_while_it_plays_fast_what_is_not_asked_for_anew_stays(open_lab):
    page = open_lab(height=1500)
    page.keyboard.press("ArrowRight")
    at(page, 1)
    page.keyboard.press(" ")
    settled(page, "lab.fast && lab.shown['curve:1'] && lab.shown['marks:1']")
    missing = page.evaluate(
        """() => new Promise((done) => {
          let missing = 0, frames = 0;
          lab.on("frame", () => {
            missing += !(lab.shown["curve:1"] && lab.shown["marks:1"]);
            if (++frames === 20) done(missing);
          });
        })"""
    )
    page.keyboard.press(" ")
    assert missing == 0
