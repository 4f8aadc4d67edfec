"""The page, as a person uses it: one example, term by term, forwards and backwards."""

import numpy as np
import pytest

import chainrule as cr
from support.lab import numbers, settled

BINARY = {"l2": 0.1}
SMALL = {"hidden": [5], "activations": ["mish"], "optimizer": {"name": "GradientDescent", "learning_rate": 0.1}}
CLASSES = {
    "data": {"kind": "bundled", "name": "digits"}, "hidden": [6, 5], "activations": ["leaky_relu(0.1)", "sigmoid"],
    "batch_size": 32,
}  # fmt: skip
REGRESSION = {"data": {"kind": "bundled", "name": "sine"}, "hidden": [5], "activations": ["tanh"], "output": "tanh"}
REGRESSION["normalize"] = "standard"


def opened(open_lab, design, **options):
    page = open_lab(design, **options)
    page.evaluate("lab.tell('go', { step: 7 })")
    settled(page, "lab.here.step === 7")
    page.get_by_role("tab", name="One example").click()
    page.locator(".steps .current").wait_for()
    return page


def traced(page, index, part="train"):
    """The arrays of one example, by cr.trace: of one column, J is its 𝓛."""
    run = page.at.lab.runs[1]
    X, Y = run.part(part)
    return cr.trace(run.network, X[:, [index]], Y[:, [index]])


def last_column(table, part):
    return [numbers(text)[0] for text in table.locator(f"{part} tr > :last-child").all_text_contents()]


def add_up(table):
    """The last column of a table adds up to its last line, as it is shown; that line."""
    *terms, total = last_column(table, "tbody") + last_column(table, "tfoot")
    texts = table.locator("tbody td:last-child, tfoot td").all_text_contents()
    decimals = min(len(text.partition(".")[2]) for text in texts) if not any("e" in text for text in texts) else 12
    assert abs(sum(terms) - total) <= (len(terms) + 1) * 0.5 * 10**-decimals + 1e-9
    return total


def close(got, wanted):
    np.testing.assert_allclose(got, wanted, rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("design", [SMALL, CLASSES, REGRESSION], ids=["sigmoid", "softmax", "regression"])
def test_every_step_of_an_example_is_what_the_network_computes(open_lab, design):
    page = opened(open_lab, design)
    page.get_by_label("example", exact=True).fill("11")
    page.keyboard.press("Enter")
    settled(page, "lab.shown.example?.index === 11")
    t, net = traced(page, 11), page.at.lab.runs[1].network
    current = page.locator(".steps .current")
    kinds = ["x", *(kind + str(l) for l in range(1, net.L + 1) for kind in "za"), "loss"]
    kinds += [kind + str(l) for l in range(net.L, 0, -1) for kind in ("da", "dz", "dw") if kind != "da" or l < net.L]
    assert page.locator(".steps > li").count() == len(kinds)
    for k, kind in enumerate(kinds):
        assert page.locator(".steps > li").nth(k).get_attribute("aria-current") == "step"
        i, l = 0, int(kind[-1]) if kind[-1].isdigit() else net.L
        if l > 0 and kind not in ("x", "loss") and net.sizes[l] > 2:
            i = 2
            current.locator(".chips button").nth(i).click()
        if kind not in ("x", "loss"):
            settled(page, f"String(lab.shown.example.unit) === '{l},{i}'")
        current.locator(".written > *").first.wait_for()
        column = {"z": t.Z, "a": t.A, "da": t.dA, "dz": t.dZ}.get(kind.rstrip("0123456789"))
        if column is not None:
            close(numbers(current.locator("output").text_content())[-1], column[l][i, 0])
        CHECKS[kind.rstrip("0123456789")](current, t, net, l, i)
        page.keyboard.press("n")
    assert page.get_by_role("button", name="the next step").is_disabled()
    page.keyboard.press("b")
    assert page.locator(".steps > li").nth(len(kinds) - 2).get_attribute("aria-current") == "step"


def inputs(current, t, net, l, i):
    if net.sizes[0] < 60:
        close(last_column(current, "tbody"), t.A[0][:, 0])
    else:
        assert current.get_by_role("img", name="8 × 8 pixels").is_visible()


def linear(current, t, net, l, i):
    table = current.locator("table.terms")
    close(add_up(table), t.Z[l][i, 0])
    products = t.W[l][i] * t.A[l - 1][:, 0]
    order = np.arange(len(products)) if len(products) <= 16 else np.argsort(-abs(products), kind="stable")[:12]
    close(last_column(table, "tbody"), products[order])
    row = [numbers(cell)[0] for cell in table.locator("tbody tr").first.locator("td").all_text_contents()]
    close(row[:2], [t.W[l][i, order[0]], t.A[l - 1][order[0], 0]])
    assert (table.get_by_text("smaller terms together").count() == 1) == (len(products) > 16)


def activation(current, t, net, l, i):
    close(numbers(current.locator(".line").last.text_content())[-1], t.A[l][i, 0])
    if net.g[l].name == "softmax":
        table = current.locator("table.terms")
        close(last_column(table, "tbody"), t.A[l][:, 0])
        close(last_column(table, "tfoot")[-1], np.exp(t.Z[l]).sum())


def loss(current, t, net, l, i):
    close(numbers(current.locator("output").text_content())[-1], t.J)
    if net.sizes[-1] > 1:
        close(add_up(current.locator("table.terms")), t.J)
    else:
        close(numbers(current.locator(".line").last.text_content())[-1], t.J)


def back(current, t, net, l, i):
    table = current.locator("table.terms")
    close(add_up(table), t.dA[l][i, 0])
    close(last_column(table, "tbody"), t.W[l + 1][:, i] * t.dZ[l + 1][:, 0])


def error(current, t, net, l, i):
    close(numbers(current.locator(".line").last.text_content())[-1], t.dZ[l][i, 0])
    slope = current.locator(".line").filter(has_text="g′(z)")
    if l < net.L or "g[L]" in net.loss.dZ:
        close(numbers(slope.last.text_content())[-1], net.g[l].slope(t.Z[l])[i, 0])
    else:
        assert slope.count() == 0


def share(current, t, net, l, i):
    table = current.locator("table.terms")
    order = np.arange(net.sizes[l - 1])
    if len(order) > 16:
        order = np.argsort(-abs(t.A[l - 1][:, 0]), kind="stable")[:12]
    close(last_column(table, "tbody"), t.dW[l][i, order])
    close(last_column(table, "tfoot")[-1], t.db[l][i, 0])


CHECKS = {"x": inputs, "z": linear, "a": activation, "loss": loss, "da": back, "dz": error, "dw": share}


def test_an_example_is_chosen_and_judged(open_lab):
    page = opened(open_lab, BINARY)
    run = page.at.lab.runs[1]
    page.get_by_role("button", name="that the network gets wrong").click()
    page.locator(".verdict.wrong").filter(has_text="✗ Wrong.").wait_for()
    index = page.evaluate("lab.selection.example.index")
    A, Y = run.network.forward(run.examples.X)[0], run.examples.Y[0]
    wrong = np.flatnonzero((A > 0.5) != (Y > 0.5))
    assert index == wrong[np.argmax(abs(A - Y)[wrong])]  # the one with the largest loss
    page.get_by_role("button", name="the next example").click()
    settled(page, f"lab.shown.example?.index === {index + 1}")
    assert page.get_by_label("example", exact=True).input_value() == str(index + 1)
    page.locator(".verdict").filter(has_text=f"ŷ = {A[index + 1]:.4g}"[:6]).wait_for()
    page.get_by_label("of", exact=True).select_option("validation")
    settled(page, "lab.shown.example?.part === 'validation'")


def test_a_unit_is_chosen_anywhere(open_lab):
    page = opened(open_lab, BINARY)
    page.keyboard.press("n")
    page.evaluate("lab.select({ unit: [2, 3] })")  # as a click in the diagram does
    page.locator('.steps li.current button[aria-pressed="true"]').filter(has_text="unit 3").wait_for()
    assert page.locator(".steps > li").nth(3).get_attribute("aria-current") == "step"
    settled(page, "String(lab.shown.example.unit) === '2,3'")
    close(add_up(page.locator(".current table.terms")), traced(page, 0).Z[2][3, 0])
    assert page.evaluate("lab.here.step") == 7


def test_what_is_shown_follows_training(open_lab):
    page = opened(open_lab, BINARY, width=390, dark=True)
    page.locator(".steps > li").nth(7).locator("button").first.click()
    page.evaluate("lab.tell('go', { step: 40 })")
    settled(page, "lab.here.step === 40")
    loss(page.locator(".steps .current"), traced(page, 0), page.at.lab.runs[1].network, 3, 0)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
