"""The page, as a person brings data to it: chosen, dropped, painted, typed."""

import gzip

import numpy as np
import pytest

import chainrule as cr
from chainrule.lab.data import arrays
from support.files import idx

TABLE = "age,city,joined,member\n" + "\n".join(
    f"{20 + 7 * i % 41},{('Graz', 'Linz', 'Wien')[i % 3]},2024-0{1 + i % 9}-1{i % 10},{('no', 'yes')[(i * i // 3) % 2]}"
    for i in range(60)
)


@pytest.fixture
def choosing(open_lab):
    """A function that opens the dialog of data on a page."""

    def opened(**options):
        page = open_lab(**options)
        page.get_by_role("button", name="data:").click()
        page.get_by_role("dialog", name="What is the network to learn from?").wait_for()
        return page

    return opened


def learn(page):
    """Take the data; what the run has then."""
    page.get_by_role("button", name="Learn from it").click()
    page.locator("dialog.data").wait_for(state="hidden")
    return page.at.lab.runs[1].design, page.at.lab.runs[1].examples


def test_a_ready_made_set_with_other_settings_and_inputs(choosing):
    page = choosing()
    page.get_by_role("button", name="xor").click()
    page.get_by_text("The four quadrants").wait_for()
    page.get_by_role("spinbutton", name="examples").fill("90")
    page.get_by_text("90 examples of 2 inputs").wait_for()
    page.get_by_role("checkbox", name="x₁x₂").check()
    page.get_by_role("slider", name="share held out").fill("0.5")
    page.get_by_text("90 examples of 2 inputs").wait_for()
    design, examples = learn(page)
    assert (examples.X.shape, examples.X_val.shape) == ((3, 45), (3, 45))
    assert examples.inputs == ("x1", "x2", "x1*x2")
    assert design.network(examples).sizes == [3, 8, 4, 1]
    page.get_by_role("button", name="data: xor").click()  # it shows what there is
    assert page.get_by_role("checkbox", name="x₁x₂").is_checked()
    assert page.get_by_role("spinbutton", name="examples").input_value() == "90"
    page.keyboard.press("Escape")


def test_every_ready_made_set_has_its_picture(choosing):
    page = choosing()
    drawn = "[...document.querySelectorAll('dialog.data .set')].every((card) => card.title) && "
    drawn += "[...document.querySelectorAll('dialog.data .set canvas')].every((canvas) => canvas.getContext('2d')"
    drawn += ".getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value))"
    page.wait_for_function(f"() => {drawn}")
    assert page.locator("dialog.data .set").count() == 14
    page.get_by_role("button", name="diabetes").click()
    page.get_by_text("442 examples of 10 inputs").wait_for()
    design, examples = learn(page)
    assert design.normalize == "standard"
    assert abs(examples.Y.mean()) < 1e-9


def test_the_arrays_of_a_program_can_be_come_back_to(choosing):
    X, Y = cr.datasets.moons(m=40)
    held = arrays("my moons", X, Y)
    page = choosing(design={"data": {"kind": "arrays", "key": "mine"}}, examples=held)
    page.at.lab.uploads["mine"] = held
    page.get_by_role("button", name="circles").click()
    page.get_by_text("200 examples of 2 inputs").wait_for()
    learn(page)
    page.get_by_role("button", name="data: circles").click()
    page.get_by_role("button", name="your arrays").click()
    page.get_by_text("my moons: 40 examples").wait_for()
    assert page.get_by_role("slider", name="share held out").input_value() == "0"
    assert np.array_equal(learn(page)[1].X, X)


def test_a_table_is_dropped_understood_changed_and_learned(choosing):
    page = choosing()
    page.get_by_role("tab", name="Your table").click()
    file = {"name": "people.csv", "mimeType": "text/csv", "buffer": TABLE.encode()}
    page.get_by_label("Drop a table here").set_input_files(file)
    page.get_by_text("60 examples of 3 columns; to learn: member, 2 classes").wait_for()
    assert page.get_by_role("row", name="joined").get_by_role("cell").nth(1).inner_text().startswith("2024-01-10")
    page.get_by_label("age: taken as").select_option("category")
    page.get_by_role("row", name="age").filter(has_text="41 different").wait_for()
    page.get_by_label("city: taken as").select_option("number")
    page.get_by_role("alert").filter(has_text="column 'city' was said to be a number").wait_for()
    assert page.get_by_role("button", name="Learn from it").is_disabled()
    page.get_by_label("city: taken as").select_option("drop")
    page.get_by_role("row", name="city").filter(has_text="dropped").or_(page.locator("tr.out")).first.wait_for()
    page.get_by_text("60 examples of 2 columns").wait_for()
    design, examples = learn(page)
    assert design.data["category"] == ["age"]
    assert design.data["drop"] == ["city"]
    assert examples.target == "member"
    assert examples.columns == ("row", "age", "city", "joined", "member")
    page.get_by_role("button", name="data: people.csv").click()
    assert page.get_by_label("age: taken as").input_value() == "category"


def test_another_column_is_learned(choosing):
    page = choosing(width=400)
    page.get_by_role("tab", name="Your table").click()
    file = {"name": "people.csv", "mimeType": "text/csv", "buffer": TABLE.encode()}
    page.get_by_label("Drop a table here").set_input_files(file)
    page.get_by_label("the column to learn").select_option("age")
    page.get_by_text("to learn: age, 20 to 60").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_text("how it is read").click()
    page.get_by_label("the first row").select_option("false")
    page.get_by_text("to learn: column4").wait_for()
    page.get_by_label("the first row").select_option("")
    page.get_by_label("the column to learn").select_option("age")
    page.get_by_label("dates", exact=True).select_option("true")
    page.get_by_text("to learn: age, 20 to 60").wait_for()
    design, examples = learn(page)
    assert (examples.task, examples.target, design.data["day_first"]) == ("regression", "age", True)
    assert examples.crossed is False
    page.get_by_role("button", name="data: people.csv").click()
    page.get_by_role("tab", name="Your table").click()
    rows = "".join(f"{'inf' if i == 7 else i},{i % 5},{'inf' if i == 3 else 2 * i}\n" for i in range(20))
    page.get_by_label("Drop a table here").set_input_files(
        {"name": "odd.csv", "mimeType": "text/csv", "buffer": f"a,b,y\n{rows}".encode()}
    )
    page.get_by_text("choose which column is to be learned").wait_for()
    assert page.get_by_role("button", name="Learn from it").is_disabled()
    page.get_by_label("the column to learn").select_option("b")
    page.get_by_text("column 'a' is infinite in row 8").wait_for()
    page.get_by_label("a: taken as").select_option("drop")
    page.get_by_text("column 'y' is infinite in row 4").wait_for()
    page.get_by_label("y: taken as").select_option("drop")
    page.get_by_text("no column to learn from").wait_for()


def test_a_file_that_is_dropped_on_the_page_opens_the_dialog(open_lab):
    page = open_lab()
    page.evaluate(
        """(text) => {
          const given = new DataTransfer();
          given.items.add(new File([text], "people.csv"));
          const drop = new DragEvent("drop", { dataTransfer: given, bubbles: true, cancelable: true });
          document.querySelector("main").dispatchEvent(drop);
        }""",
        TABLE,
    )
    page.get_by_text("60 examples of 3 columns; to learn: member").wait_for()


def test_images_and_labels_of_idx_are_chosen_together(choosing):
    page = choosing()
    page.get_by_role("tab", name="Your table").click()
    pixels = np.random.default_rng(0).integers(0, 256, (10, 4, 3), dtype=np.uint8)
    files = [("t-labels-idx1-ubyte", idx(np.arange(10, dtype=np.uint8) % 2)), ("t-images-idx3-ubyte", idx(pixels))]
    packed = [
        {"name": f"{name}.gz", "mimeType": "application/gzip", "buffer": gzip.compress(content)}
        for name, content in files
    ]
    chosen = page.get_by_label("Drop a table here")
    chosen.set_input_files(packed[1])
    page.get_by_role("alert").filter(has_text="there are no labels with these images").wait_for()
    chosen.set_input_files(packed)
    page.get_by_text("10 examples of 12 inputs; to learn: label, 2 classes").wait_for()
    _, examples = learn(page)
    assert (examples.name, examples.image, examples.classes) == ("t-images-idx3-ubyte.gz", (4, 3, 1), ("0", "1"))


def test_what_no_reader_can_read_is_told(choosing):
    page = choosing()
    page.get_by_role("tab", name="Your table").click()
    page.get_by_label("Drop a table here").set_input_files({"name": "x.csv", "mimeType": "text/csv", "buffer": b""})
    page.get_by_role("alert").filter(has_text="x.csv").wait_for()
    assert page.get_by_role("button", name="Learn from it").is_disabled()


def test_a_folder_of_pictures(choosing, tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    for k, name in enumerate(("cat", "dog")):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(5):
            picture = Image.fromarray(rng.integers(0, 255, (9, 9, 3), dtype=np.uint8) // (k + 1))
            picture.save(tmp_path / "pets" / name / f"{i}.png")
    page = choosing()
    page.get_by_role("tab", name="Pictures").click()
    page.get_by_label("Drop a folder here").set_input_files(tmp_path / "pets")
    page.get_by_text("10 examples of 1,024 inputs; to learn: label, 2 classes").wait_for()
    page.get_by_label("size", exact=True).select_option("8")
    page.get_by_role("checkbox", name="without color").uncheck()
    page.get_by_text("10 examples of 192 inputs").wait_for()
    _, examples = learn(page)
    assert (examples.name, examples.image, examples.classes) == ("pets", (8, 8, 3), ("cat", "dog"))


def test_a_formula_is_seen_while_it_is_typed(choosing):
    page = choosing()
    page.get_by_role("tab", name="Formula").click()
    field = page.get_by_label("y = a formula")
    field.fill("x1^2 + x2^2 <")
    page.get_by_role("alert").filter(has_text="not understood").wait_for()
    field.fill("x1^2 + x2^2 < 2")
    page.get_by_text("200 examples of 2 inputs; to learn: x1^2 + x2^2 < 2, 2 classes").wait_for()
    page.get_by_role("button", name="floor(2*x)").click()
    page.get_by_text("200 examples of 1 input; to learn: y, numbers").wait_for()
    page.get_by_role("checkbox", name="x³").check()
    field.press("Enter")  # learns from it
    page.locator("dialog.data").wait_for(state="hidden")
    design, examples = page.at.lab.runs[1].design, page.at.lab.runs[1].examples
    assert design.data["formula"] == "floor(2*x)"
    assert examples.inputs == ("x", "x**3")


def test_a_sheet_to_paint_on(choosing):
    page = choosing()
    page.get_by_role("tab", name="Paint").click()
    page.get_by_label("classes", exact=True).select_option("3")
    page.get_by_text("3 examples of 2 inputs").wait_for()
    _, examples = learn(page)
    assert examples.Y.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    page.wait_for_function("lab.selection.paint === 0")
    page.get_by_role("button", name="data: painted points").click()
    assert page.get_by_role("slider", name="share held out").input_value() == "0"
    page.get_by_role("button", name="an empty sheet").wait_for()


def test_the_dialog_by_keyboard_in_the_dark_and_for_those_who_do_not_see(choosing):
    from axe_playwright_python.sync_playwright import Axe

    page = choosing(dark=True)
    page.get_by_role("tab", name="Ready-made").focus()
    page.keyboard.press("ArrowLeft")
    assert page.get_by_role("tab", name="Formula").get_attribute("aria-selected") == "true"
    for tab in ("Formula", "Pictures", "Ready-made"):
        page.get_by_role("tab", name=tab).click()
        serious = [
            (each["id"], [node["html"] for node in each["nodes"]])
            for each in Axe().run(page, "dialog.data").response["violations"]
            if each["impact"] in ("serious", "critical")
        ]
        assert serious == [], tab
