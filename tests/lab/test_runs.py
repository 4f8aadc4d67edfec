"""Runs beside each other: made, named, told apart, compared, and taken away."""

from test_time import at, parameters, to

import chainrule as cr
from support.lab import settled


def test_two_runs_of_the_same_seed_differ_by_their_activation_only(open_lab):
    page = open_lab()
    to(page, 40)
    page.get_by_text("+ compare").click()
    page.get_by_role("button", name="same seed, with relu").click()
    page.get_by_role("heading", name="tanh against relu; same seed, same data").wait_for()
    at(page, 40)
    one, two = page.at.lab.runs.values()
    assert one.design.but(activations=["relu", "relu"]) == two.design
    assert (one.line.step, two.line.step) == (40, 40)
    X, Y = one.examples.X, one.examples.Y
    for run, hidden in ((one, "tanh"), (two, "relu")):
        net = cr.Network([2, 8, 4, 1], hidden=hidden, output="sigmoid", seed=1)
        net.train(X, Y, cr.Adam(0.01), epochs=40, seed=1).run()
        assert (net.parameters == parameters(page, run.id)).all()
    page.get_by_role("button", name="one step: the next mini-batch").click()
    at(page, 41)
    assert (one.line.step, two.line.step) == (41, 41)
    cards = page.get_by_role("article")
    assert cards.count() == 2
    score = float(((one.network.forward(X) > 0.5) == Y).mean())
    cards.first.get_by_text(f"{score:.3g}").wait_for()
    assert page.get_by_role("img", name="what relu answers over its inputs").is_visible()


def test_a_copy_has_the_changes_of_options_too(open_lab):
    page = open_lab()
    to(page, 10)
    page.get_by_label("learning rate", exact=True).fill("0.3")
    page.keyboard.press("Enter")
    page.get_by_text("from step 10 on").wait_for()
    to(page, 30)
    page.get_by_text("+ compare").click()
    page.get_by_role("button", name="a copy of this run").click()
    page.get_by_role("heading", name="the same design; same seed, same data").wait_for()
    at(page, 30)
    assert (parameters(page, 1) == parameters(page, 2)).all()


def test_by_keyboard_only_add_rename_choose_and_remove(open_lab):
    page = open_lab()
    page.get_by_text("+ compare").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="with another seed: 2").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="seed 2", exact=True).first.wait_for()
    tab = page.locator("nav.runs").get_by_role("button", name="seed 2", exact=True)
    tab.focus()
    page.keyboard.press("F2")
    page.keyboard.type("the other")
    page.keyboard.press("Enter")
    page.locator("nav.runs").get_by_role("button", name="the other", exact=True).wait_for()
    first = page.locator("nav.runs").get_by_role("button", name="run 1", exact=True)
    first.focus()
    page.keyboard.press("Enter")
    settled(page, "lab.lab.active === 1")
    page.get_by_role("button", name="remove the other").focus()
    page.keyboard.press("Enter")
    settled(page, "lab.lab.runs.length === 1")
    assert page.get_by_role("region", name="comparison").is_hidden()


def test_a_double_click_renames_and_escape_leaves_it(open_lab):
    page = open_lab()
    tab = page.locator("nav.runs").get_by_role("button", name="run 1")
    tab.dblclick()
    page.get_by_label("name of the run").fill("never")
    page.keyboard.press("Escape")
    tab.dblclick()
    page.get_by_label("name of the run").fill("mine")
    page.keyboard.press("Enter")
    settled(page, "lab.run.name === 'mine'")
    assert page.at.lab.runs[1].name == "mine"
