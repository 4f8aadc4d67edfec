"""Time, as a person uses it: any step by slider, keys and field, phases, and the very same run again."""

import numpy as np

from support.lab import settled


def parameters(page, run=1):
    return page.at.lab.call(lambda: page.at.lab.runs[run].network.parameters.copy())


def at(page, step):
    settled(page, f"lab.here.step === {step} && !lab.lab.playing")


def to(page, step):
    page.get_by_label("go to step").fill(str(step))
    page.keyboard.press("Enter")
    at(page, step)


def slide(page, step):
    page.get_by_role("slider", name="step", exact=True).fill(str(step))
    at(page, step)


def test_the_slider_leads_to_the_same_bits_also_across_changes_of_options(open_lab):
    page = open_lab({"batch_size": 64})
    to(page, 20)
    page.get_by_label("learning rate", exact=True).fill("0.1")
    page.keyboard.press("Enter")
    page.get_by_text("from step 20 on").first.wait_for()
    to(page, 45)
    page.get_by_label("optimizer", exact=True).select_option("Momentum")
    settled(page, "lab.run.changes.length === 2")
    to(page, 150)
    run = page.at.lab.runs[1]
    assert [step for step, _ in run.about()["changes"]] == [20, 45]
    steps = [int(step) for step in np.random.default_rng(0).integers(0, 151, 5)]
    there = {}
    for step in (*steps, *reversed(steps)):
        slide(page, step)
        found = parameters(page)
        assert (found == there.setdefault(step, found)).all()
        rate, name = (0.01, "Adam") if step < 20 else (0.1, "Adam") if step < 45 else (0.1, "Momentum")
        assert (run.line.options.optimizer.learning_rate, type(run.line.options.optimizer).__name__) == (rate, name)
        settled(page, f"lab.run.options.optimizer.learning_rate === {rate}")
        assert page.get_by_label("learning rate", exact=True).input_value() == str(rate)
    assert len({found.tobytes() for found in there.values()}) == len(set(steps))

    first, second = page.get_by_role("group", name="changes on the way").get_by_role("button").all()
    assert first.get_attribute("title") == "from step 20 on: learning rate 0.01 → 0.1"
    assert second.get_attribute("title") == "from step 45 on: optimizer Adam → Momentum"
    first.click()
    at(page, 20)


def test_the_same_run_again_from_its_seed(open_lab):
    page = open_lab({"batch_size": 100, "dropout": [0.2, 0.0], "hidden": [6, 5]})
    to(page, 7)
    page.get_by_label("learning rate", exact=True).fill("0.05")
    page.keyboard.press("Enter")
    page.get_by_text("from step 7 on").wait_for()
    to(page, 90)
    before = parameters(page)
    page.keyboard.press("Escape")
    page.locator("main").click(position={"x": 2, "y": 2})
    page.keyboard.press("r")
    page.get_by_text("step 90 again, begun anew from seed 1").wait_for()
    said = page.get_by_role("status").filter(has_text="again").inner_text()
    assert f"all {before.size} parameters are the same to the last bit" in said
    assert (parameters(page) == before).all()

    page.at.lab.call(
        lambda: page.at.lab.runs[1].network.parameters.__iadd__(1e-9)
    )  # were it otherwise, it would say so
    page.get_by_role("button", name="run again").click()
    page.get_by_text("has other parameters than before").wait_for()


def test_phases_go_once_around_a_step(open_lab):
    page = open_lab({"hidden": [3], "activations": ["tanh"]})
    to(page, 5)
    seen = []
    for name in ("forward", "cost", "backward", "update", "forward"):
        page.get_by_role("button", name="one phase").click()
        settled(page, f"lab.selection.phase === '{name}' && lab.selection.hover === null")
        seen.append(page.evaluate("lab.selection.done.map(({letter, layer}) => letter + layer).join(' ')"))
        at(page, 6 if name in ("update", "forward") and len(seen) > 3 else 5)
    assert seen[0] == "Z1 A1 Z2 A2" == seen[4]
    assert seen[2] == "Z1 A1 Z2 A2 J2 dZ2 dW2 db2 dA1 dZ1 dW1 db1"
    assert seen[3].endswith("W1 b1 W2 b2")
    page.get_by_role("button", name="one step back").click()
    at(page, 5)
    assert page.evaluate("lab.selection.phase") is None


def test_keys_speeds_and_what_is_no_step(open_lab):
    page = open_lab({"batch_size": 80})
    for key, step in [("ArrowRight", 1), ("e", 4), ("ArrowRight", 5), ("ArrowLeft", 4), ("Home", 0)]:
        page.keyboard.press(key)
        at(page, step)
    page.get_by_label("speed").select_option("5")
    page.get_by_label("speed").blur()
    page.keyboard.press(" ")
    page.get_by_role("button", name="pause").wait_for()
    page.wait_for_timeout(900)
    page.keyboard.press(" ")
    page.get_by_role("button", name="play", exact=True).wait_for()
    assert 2 <= page.at.lab.runs[1].line.step <= 7
    page.get_by_label("go to step").fill("-3")
    page.keyboard.press("Enter")
    page.get_by_text("step: got -3, wanted a whole number of 0 or more").wait_for()
    assert page.get_by_label("go to step").input_value() == "-3"
