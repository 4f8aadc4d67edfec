"""The page, as a person uses it: take it along, and bring it back."""

import json
import re
from xml.etree import ElementTree

import numpy as np

import chainrule as cr
from support.lab import settled

SVG = "{http://www.w3.org/2000/svg}"


def opened(page):
    page.keyboard.press("ArrowRight")
    page.locator(".where").filter(has_text="step 1 ·").wait_for()
    page.get_by_role("button", name="Take along").click()
    return page.get_by_role("dialog", name="Take it along")


def saved(page, press):
    with page.expect_download() as waiting:
        press()
    return waiting.value


def test_the_model_is_saved_as_it_is(open_lab, tmp_path):
    page = open_lab()
    dialog = opened(page)
    file = saved(page, dialog.get_by_role("button", name="Save as .chainrule").click)
    assert file.suggested_filename == "flower.chainrule"
    file.save_as(tmp_path / "m")
    wanted = page.at.lab.run().network.parameters
    np.testing.assert_array_equal(cr.load(tmp_path / "m", cr.Network).parameters, wanted)


def test_the_program_is_shown_with_its_colors_and_copied(open_lab):
    page = open_lab()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    dialog = opened(page)
    dialog.get_by_role("button", name="Show it").click()
    program = dialog.locator("pre")
    program.filter(has_text="net.train(").wait_for()
    assert program.evaluate("node => document.activeElement === node")
    assert "import" in program.locator(".py-keyword").all_text_contents()
    assert any(text.startswith("# The network") for text in program.locator(".py-comment").all_text_contents())
    dialog.get_by_role("button", name="Copy", exact=True).click()
    dialog.get_by_role("status").filter(has_text="Copied the program").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == program.text_content()
    assert saved(page, dialog.get_by_role("button", name="Save as a file").click).suggested_filename == "flower.py"


def test_a_link_brings_the_lab_back(open_lab):
    page = open_lab({"seed": 7, "batch_size": 64})
    dialog = opened(page)
    dialog.get_by_role("button", name="Copy a link").click()
    address = dialog.get_by_label("link")
    address.wait_for()
    link = address.input_value()
    assert link.startswith(page.at.address + "#lab=1.")
    other = open_lab({"seed": 1})
    tab = other.context.new_page()
    tab.goto(other.at.address + link[link.index("#") :])
    other.locator(".where").filter(has_text="step 1 ·").wait_for()  # every page of the lab shows it
    np.testing.assert_array_equal(other.at.lab.run().network.parameters, page.at.lab.run().network.parameters)
    assert "#" not in tab.url
    other.keyboard.press("ArrowRight")
    other.goto(other.at.address + link[link.index("#") :])  # where the page is open already
    other.locator(".where").filter(has_text="step 1 ·").wait_for()


def test_a_lab_file_brings_the_lab_back_and_a_wrong_one_says_so(open_lab, tmp_path):
    page = open_lab({"seed": 7})
    dialog = opened(page)
    file = saved(page, dialog.get_by_role("button", name="Save a lab file").click)
    file.save_as(tmp_path / "lab.json")
    wanted = page.at.lab.run().network.parameters.copy()
    (tmp_path / "wrong.json").write_text("{}")
    dialog.get_by_label("lab file").set_input_files(tmp_path / "wrong.json")
    dialog.get_by_role("status").filter(has_text="it is none of chainrule lab").wait_for()
    page.evaluate("lab.ask('go', { step: 0 })")
    dialog.get_by_label("lab file").set_input_files(tmp_path / "lab.json")
    page.locator(".said p").filter(has_text="The lab is back.").wait_for()
    assert not dialog.is_visible()
    np.testing.assert_array_equal(page.at.lab.run().network.parameters, wanted)

    table, content = tmp_path / "mine.csv", json.loads((tmp_path / "lab.json").read_text())
    table.write_text("a,b\n" + "".join(f"{i},{i % 2}\n" for i in range(20)))
    content["runs"][0]["design"]["data"] = {"kind": "file", "path": str(table), "target": "b"}
    (tmp_path / "of-a-file.json").write_text(json.dumps(content))
    asked = []
    for answer, says in (("dismiss", "The lab stays as it was."), ("accept", "The lab is back.")):
        page.once("dialog", lambda ask, answer=answer: (asked.append(ask.message), getattr(ask, answer)()))
        page.get_by_label("lab file").set_input_files(tmp_path / "of-a-file.json")
        page.locator(".said p").filter(has_text=says).last.wait_for()
    assert str(table) in asked[0]
    settled(page, "lab.run.data.name === 'mine.csv'")


def test_every_panel_is_a_picture_of_what_is_in_it(open_lab, tmp_path):
    page = open_lab()
    dialog = opened(page)
    found = {}
    for row in dialog.locator(".pictures li").all():
        file = saved(page, row.get_by_role("button", name=re.compile("as SVG")).click)
        file.save_as(tmp_path / file.suggested_filename)
        drawn = ElementTree.parse(tmp_path / file.suggested_filename).getroot()
        assert drawn.tag == f"{SVG}svg"
        words = " ".join(word.text for word in drawn.iter(f"{SVG}text") if word.text)
        found[file.suggested_filename] = words, len(list(drawn.iter(f"{SVG}image")))
        file = saved(page, row.get_by_role("button", name=re.compile("as PNG")).click)
        file.save_as(tmp_path / "picture.png")
        assert (tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"
    assert found["flower-data.svg"][1] > 0  # a canvas
    assert "forward" in found["flower-equations.svg"][0]
    assert "confusion matrix" in found["flower-curves.svg"][0]
    assert "tanh" in found["flower-network.svg"][0]
