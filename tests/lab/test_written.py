"""The page, as a person uses it: equations, and arrays whole."""

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.lab import views
from chainrule.lab.design import RULES, Design, options
from chainrule.lab.run import Run
from chainrule.lab.written import equations
from support.lab import numbers, settled


def traced(page):
    """Every array of the run that the page shows, by cr.trace."""
    run = page.at.lab.runs[1]
    return cr.trace(run.network, run.examples.X, run.examples.Y, l2=run.line.options.l2)


def test_letters_light_up_and_open_by_mouse_and_keyboard(open_lab):
    page = open_lab()
    page.locator(".equation .shapes").first.filter(has_text="(8, 2) (2, 320) + (8, 1) → (8, 320)").wait_for()
    page.locator('.letter[data-letter="W"][data-layer="1"]').first.hover()
    assert page.evaluate("lab.selection.hover") == {"letter": "W", "layer": 1}
    assert "lit" in page.locator('.letter[data-letter="W"][data-layer="1"]').first.get_attribute("class")
    page.locator(".of").filter(has_text="W[1]: weights of layer 1").wait_for()

    first = page.locator(".equations .letter").first
    first.focus()  # Z[1]; then W[1], A[0], b[1] by arrow keys
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("lab.selection.hover") == {"letter": "b", "layer": 1}
    page.keyboard.press("ArrowDown")
    assert page.evaluate("lab.selection.hover") == {"letter": "A", "layer": 1}
    page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog")
    sheet.get_by_text("activations of layer 1").wait_for()
    settled(page, "document.querySelector('.inspect tbody td')?.textContent")
    A = traced(page).A[1]
    shown = [numbers(text) for text in sheet.locator("tbody tr").nth(2).locator("td").all_text_contents()[:5]]
    np.testing.assert_allclose(np.ravel(shown), A[2, :5], rtol=1e-3)
    page.keyboard.press("Escape")
    sheet.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.dataset.letter") == "A"
    assert page.evaluate("lab.here.step") == 0  # arrow keys between letters are no steps in time


def test_an_array_is_seen_whole_live_and_follows_the_example(open_lab):
    page = open_lab()
    page.evaluate("lab.select({ inspect: { letter: 'dZ', layer: 1 } })")
    sheet = page.get_by_role("dialog")
    sheet.get_by_label("follow the chosen example").check()
    page.evaluate("lab.select({ example: { part: 'train', index: 200 } })")
    head = sheet.locator("th.chosen")
    head.filter(has_text="ex. 200").wait_for()
    dZ = traced(page).dZ[1]
    shown = np.ravel([numbers(text) for text in sheet.locator("td.chosen").all_text_contents()])
    np.testing.assert_allclose(shown, dZ[: len(shown), 200], rtol=1e-3)
    assert len(shown) == 8
    page.evaluate("lab.tell('go', { step: 5 })")
    settled(page, "lab.here.step === 5")
    low, mean, high = (numbers(sheet.locator(".sizes dd").nth(k).text_content())[0] for k in (1, 2, 3))
    dZ = traced(page).dZ[1]
    np.testing.assert_allclose([low, mean, high], [dZ.min(), dZ.mean(), dZ.max()], rtol=1e-3)
    sheet.get_by_label("layer").select_option("2")
    sheet.get_by_text("derivative of J·m by Z of layer 2").wait_for()


def test_numbers_in_the_equations_are_those_of_a_trace(open_lab):
    page = open_lab({"l2": 0.5, "optimizer": {"name": "GradientDescent", "learning_rate": 0.5}})
    page.get_by_role("button", name="numbers", exact=True).click()
    page.locator(".controls").get_by_label("layer").select_option("2")
    row = page.locator('[data-target="dW2"]')
    row.locator(".matrix").nth(3).wait_for()
    t = traced(page)
    for k, A in enumerate([t.dW[2], t.dZ[2], t.A[1].T, t.W[2]]):  # dW[2] = (1/m) dZ[2] A[1]ᵀ + (λ/m) W[2]
        shown = np.array(numbers(" ".join(row.locator(".matrix").nth(k).locator("mn").all_text_contents())))
        corner = A[: 4 if A.shape[0] <= 4 else 3, : 4 if A.shape[1] <= 4 else 3]
        np.testing.assert_allclose(shown.reshape(corner.shape), corner, rtol=1e-2)
    assert "(4, 320) (320, 8) + (4, 8) → (4, 8)" in row.text_content()
    low, high, norm = numbers(row.locator(".size").text_content())
    np.testing.assert_allclose([low, high, norm], [t.dW[2].min(), t.dW[2].max(), np.linalg.norm(t.dW[2])], rtol=1e-2)
    assert abs(numbers(page.locator('[data-target="J3"] .size').text_content())[0] - t.J) < 1e-5
    shown = " ".join(page.locator('[data-target="J3"] .filled mn').all_text_contents())  # 1/m · … + λ/2m · … = J
    squares = sum((W**2).sum() for W in t.W[1:])
    wanted = [1, 320, 320 * t.J - 0.25 * squares, 0.5, 640, squares, t.J]
    np.testing.assert_allclose(numbers(shown), wanted, rtol=1e-5)
    page.get_by_role("button", name="general").click()
    page.locator('[data-target="dZ3"] .shapes').filter(has_text="(n[L], m) − (n[L], m) → (n[L], m)").wait_for()


def test_phases_show_what_is_done_at_work_and_to_come(open_lab):
    page = open_lab()
    page.get_by_role("button", name="all", exact=True).click()
    page.keyboard.press("p")
    settled(page, "lab.selection.done.length === 6 && lab.selection.hover === null")
    assert page.locator(".equation.come").count() == page.locator(".equation").count() - 6
    page.keyboard.press("p")  # the cost
    page.locator('[data-target="J3"].now').wait_for()
    page.keyboard.press("p")  # backward
    settled(page, "lab.selection.done.at(-1).letter === 'db' && lab.selection.done.at(-1).layer === 1")
    assert {line.get_attribute("data-target")[0] for line in page.locator(".equation.come").all()} == {"W", "b"}


def test_terms_stand_in_the_equations_while_they_are_in_force():
    net = cr.Network([2, 4, 3, 1], hidden="relu", seed=0)
    given = {"optimizer": {"name": "Adam", "learning_rate": 0.1}, "l2": 2.0, "dropout": [0.5, 0.0], "clip_norm": 1.0}
    found = equations(net, options(given, 2, 10))
    assert found["forward"][0][1] == "A[1] = g[1](Z[1]) ∗ D[1]"
    assert found["forward"][1][1] == "A[2] = g[2](Z[2])"
    assert found["backward"][0][0] == "dA[1] = W[2]ᵀ dZ[2] ∗ D[1]"
    assert found["backward"][2][0] is None
    assert found["backward"][2][1:3] == ["dZ[3] = A[3] − Y", "dW[3] = (1/m) dZ[3] A[2]ᵀ + (λ/m) W[3]"]
    assert found["cost"].endswith("(λ/2m) Σ ‖W‖²")
    assert found["update"][0] == "g = g min(1, c / ‖∇J‖)"
    assert found["constants"] == {"α": 0.1, "β₁": 0.9, "β₂": 0.999, "ε": 1e-8, "c": 1.0}
    plain = equations(net, options({**given, "l2": 0.0, "dropout": [], "clip_norm": None}, 2, 10))
    assert "D[" not in str(plain)
    assert "λ" not in str(plain)
    assert len(plain["update"]) == 5


@pytest.mark.parametrize("name", RULES)
def test_the_written_lines_of_an_optimizer_are_what_it_does(name):
    rule = RULES[name](0.1)
    constants = equations(cr.Network([1, 1], seed=0), options({"optimizer": {"name": name, "learning_rate": 0.1}}, 0))
    values = {"w": np.array([1.0, -2.0]), "v": np.zeros(2), "s": np.zeros(2), **constants["constants"]}
    w, state = values["w"], rule.init(values["w"])
    for t, g in enumerate([np.array([0.3, -0.1]), np.array([-0.2, 0.4])], 1):
        values.update(g=g, t=t)
        for line in rule.equations:
            left, right = line.split(" = ")
            values[left] = eval(python(right), {"sqrt": np.sqrt}, {plain(k): v for k, v in values.items()})
        w, state = rule.step(w, g, state)
        np.testing.assert_allclose(values["w"], w, rtol=1e-9)


def plain(letter):
    """A name that Python knows: v̂ is v_hat, β₁ is β1."""
    return letter.replace("v̂", "v_hat").replace("ŝ", "s_hat").replace("₁", "1").replace("₂", "2")


def python(formula):
    """A formula of the notes as Python: products get their sign."""
    text = plain(formula).replace("²", "**2").replace("ᵗ", "**t").replace("−", "-")
    text = re.sub(r"√(\w+)", r"sqrt(\1)", text)
    return re.sub(r"(?<=[\w)]) (?=[\w(])", " * ", text)


def test_letters_and_arrays_say_what_they_show():
    run = Run(1, "run", *designed({"hidden": [5], "activations": ["tanh"], "batch_size": 50}))
    found = views.look(run, "letters", {"corner": 4})
    assert found["m"] == found["of"] == 50
    assert found["Z"][0] is None
    assert found["dA"][2] is None
    assert found["D"][1] is None
    assert found["dZ"][1]["shape"] == [5, 50]
    assert found["dZ"][1]["corner"].shape == (4, 4)
    assert found["dZ"][1]["counts"].sum() == 250
    seen = run.working()
    t = cr.trace(run.network, run.examples.X[:, seen.rows], run.examples.Y[:, seen.rows])
    np.testing.assert_allclose(found["dW"][1]["corner"], t.dW[1][:4], rtol=1e-12)
    assert views.look(run, "array", {"letter": "D", "l": 1}) == {"letter": "D", "l": 1, "shape": None}


def designed(given):
    from chainrule.lab.data import load

    design = Design.of({"data": {"kind": "bundled", "name": "flower"}, **given})
    return design, load(design.data)
