"""The network by clicking: layers, units, activations, what it begins with, and options that change while it runs."""

from test_time import at, to

from support.lab import settled


def design(page, run=1):
    return page.at.lab.runs[run].design


def layers(page, hidden):
    settled(page, f"lab.run.design.hidden.join('-') === '{hidden}'")


def test_layers_units_and_activations(open_lab):
    page = open_lab()
    page.evaluate("lab.designs = 0; lab.on('lab', () => { lab.designs += 1; })")
    box = page.get_by_role("button", name="one unit more in layer 1").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()  # held, it repeats, and the lab is asked once
    settled(page, "Number(document.querySelector('[aria-label=\"units of layer 1\"]').value) >= 12")
    page.mouse.up()
    settled(page, "lab.run.design.hidden[0] >= 12")
    assert page.evaluate("lab.designs") == 1
    page.get_by_role("button", name="one unit more in layer 2").click()
    page.get_by_role("button", name="one unit more in layer 2").click()
    settled(page, "lab.run.design.hidden[1] === 6")
    page.get_by_label("units of layer 1").fill("12")
    page.keyboard.press("Enter")
    layers(page, "12-6")
    page.get_by_role("button", name="add a layer after layer 1").click()
    layers(page, "12-12-6")
    page.get_by_label("activation of layer 2").select_option("relu")
    settled(page, "lab.run.g[1] === 'relu'")
    page.get_by_role("button", name="remove layer 1").click()
    layers(page, "12-6")
    assert design(page).activations == ("relu", "tanh")
    assert page.at.lab.runs[1].network.sizes == [2, 12, 6, 1]
    page.get_by_role("button", name="remove layer 2").click()
    page.get_by_role("button", name="remove layer 1").click()
    layers(page, "")
    page.get_by_role("button", name="add a layer after the input").click()
    layers(page, "4")
    page.get_by_label("output and loss").select_option(label="identity, huber")
    settled(page, "lab.run.loss === 'huber(1.0)'")


def test_what_it_begins_with_and_that_a_run_begins_anew_is_said_once(open_lab):
    page = open_lab()
    to(page, 3)
    page.locator(".begin > summary").click()
    page.get_by_label("initial weights", exact=True).select_option("small")
    page.get_by_text("the run began anew, at step 0").wait_for()
    at(page, 0)
    page.get_by_label("initial weights times").fill("2")
    page.keyboard.press("Enter")
    page.locator(".panel.network").get_by_label("normalize the inputs").select_option("standard")
    page.locator(".panel.network").get_by_label("numbers").select_option("float32")
    settled(page, "lab.run.design.dtype === 'float32'")
    page.get_by_role("button", name="another seed").click()
    settled(page, "lab.run.design.seed !== 1")
    made = design(page)
    assert (made.init, made.init_scale, made.normalize) == ("small", 2, "standard")
    assert page.locator(".panel.network").get_by_label("seed", exact=True).input_value() == str(made.seed)
    assert page.get_by_text("the run began anew").count() == 1


def test_options_change_while_it_runs_and_say_since_when(open_lab):
    page = open_lab({"activations": ["leaky_relu(0.1)", "tanh"]})
    shown = page.get_by_label("activation of layer 1").locator("option:checked")
    assert shown.inner_text() == "leaky relu(0.1)"  # which is none of those that are offered
    to(page, 11)
    page.get_by_label("learning rate, as a slider").fill("-1")
    page.get_by_text("from step 11 on").wait_for()
    to(page, 13)
    page.get_by_label("batch size, as a slider").fill("5")
    settled(page, "lab.run.options.batch_size === 32")
    page.get_by_text("more: no L2").click()
    page.get_by_label("λ of the L2 term").fill("0.5")
    page.keyboard.press("Enter")
    page.get_by_label("dropout after layer 2").fill("0.25")
    page.keyboard.press("Enter")
    page.get_by_label("longest gradient").fill("1")
    page.keyboard.press("Enter")
    page.get_by_role("textbox", name="β₁").fill("0.8")
    page.keyboard.press("Enter")
    settled(page, "lab.run.options.optimizer.beta1 === 0.8")
    options = page.at.lab.runs[1].line.options
    assert (options.optimizer.learning_rate, options.batch_size, options.l2) == (0.1, 32, 0.5)
    assert (options.dropout, options.clip_norm) == ((0.0, 0.25), 1.0)
    assert page.at.lab.runs[1].line.step == 13  # nothing began anew
    page.get_by_label("batch size, as a slider").fill("9")
    settled(page, "lab.run.options.batch_size === null")
    assert page.get_by_label("batch size", exact=True).input_value() == "all"


def test_the_sentence_of_the_lab_stands_at_the_field(open_lab):
    page = open_lab()
    panel = page.locator(".panel.network")
    panel.locator(".begin > summary").click()
    for label, typed, says in [
        ("learning rate", "-1", "learning_rate: got -1"),
        ("learning rate", "fast", "learning_rate: got 'fast'"),
        ("batch size", "0", "batch_size: got 0"),
        ("seed", "-5", "seed: got"),
        ("units of layer 1", "many", "layer 1: got many"),
        ("units of layer 1", "0", "layer 1: got 0, wanted a whole number of units from 1 to 4,096"),
        ("units of layer 1", "1e9", "layer 1: got 1000000000"),
    ]:
        field = panel.get_by_label(label, exact=True)
        field.fill(typed)
        page.keyboard.press("Enter")
        panel.locator(".wrong").filter(has_text=says).wait_for()
        assert field.input_value() == typed
        assert field.get_attribute("aria-invalid") == "true"
    assert page.at.lab.runs[1].design.hidden == (8, 4)
    panel.get_by_label("learning rate", exact=True).fill("0.2")
    page.keyboard.press("Enter")
    settled(page, "lab.run.options.optimizer.learning_rate === 0.2")
    assert panel.locator(".wrong").filter(has_text="learning_rate").is_hidden()
