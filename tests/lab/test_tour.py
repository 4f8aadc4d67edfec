"""The tour of docs/lab.md, step by step; with CHAINRULE_TOUR=1 it takes the pictures of the page anew.

CHAINRULE_TOUR=1 .venv/bin/pytest -n 0 tests/lab/test_tour.py
"""

import io
import os
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
TAKE = bool(os.environ.get("CHAINRULE_TOUR"))
WIDE = {"width": 1366, "height": 900}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def tour(open_lab, tmp_path):
    """A page and a function that takes its picture, of an element of it or of the window."""
    folder = DOCS / "lab" if TAKE else tmp_path

    def begin(design=None, **options):
        page = open_lab(design, **WIDE, **options)

        def take(name, of=None):
            page.wait_for_timeout(400)
            path = folder / f"{name}.png"
            (of or page).screenshot(path=path)
            assert path.stat().st_size > 5_000

        return page, take

    return begin


def whole(test):
    """A step that is taken when the pictures are."""
    test.__test__ = TAKE
    return test


def go(page, step):
    field = page.get_by_placeholder("step")
    field.fill(str(step))
    field.press("Enter")
    page.locator(".where").filter(has_text=f"step {step:,} ·").wait_for()


def tab(page, name):
    page.get_by_role("tab", name=re.compile(name)).click()


def test_the_first_look_an_array_whole_and_one_example(tour):
    page, take = tour({"hidden": [8, 4]})
    go(page, 1500)
    take("first")
    page.locator("#panel-equations").get_by_role("button", name=re.compile(r"^dW\[1\]")).first.click()
    page.locator("dialog.inspect").wait_for()
    take("array")
    page.keyboard.press("Escape")
    tab(page, "One example")
    page.get_by_role("button", name="an example that the network gets wrong").click()
    for _ in range(10):
        page.get_by_role("button", name="the next step").click()
    take("walk", page.locator(".panel.work"))


@whole
def test_options_that_change_on_the_way(tour):
    page, take = tour(
        {"hidden": [8], "activations": ["tanh"], "optimizer": {"name": "GradientDescent", "learning_rate": 0.1}}
    )
    go(page, 400)
    rate = page.get_by_label("learning rate", exact=True)
    rate.fill("1.2")
    rate.press("Enter")
    go(page, 900)
    take("change")
    assert [step for step, _ in page.at.lab.run().line.changes] == [0, 400]


@whole
def test_a_table_as_it_was_understood(tour):
    page, take = tour({"data": {"kind": "bundled", "name": "wine"}})
    go(page, 100)
    page.get_by_role("button", name=re.compile("^data")).click()
    page.get_by_role("dialog").wait_for()
    page.wait_for_timeout(600)
    take("data")


@whole
def test_saturated_units_found_and_mended_beside_it(tour):
    page, take = tour({"hidden": [8], "activations": ["tanh"], "init_scale": 100, "init": "auto"})
    go(page, 300)
    tab(page, "Diagnosis")
    page.get_by_role("button", name="Try it beside this run").first.click()
    page.locator(".panel.compare").wait_for()
    go(page, 1000)
    page.get_by_role("navigation", name="runs").get_by_role("button", name="run 1", exact=True).click()
    page.locator(".finding[data-name='no better than a constant']").wait_for()
    take("diagnosis")
    before, after = (run.measure()["train"][1] for run in page.at.lab.runs.values())
    assert after > before


@whole
def test_a_lesson_with_its_verdict(tour):
    page, take = tour()
    tab(page, "Lessons")
    page.get_by_role("button", name=re.compile("Four units that are one")).click()
    page.get_by_label("All four the same").check()
    page.get_by_role("button", name=re.compile("^Play to step")).click()
    page.get_by_text("It holds here.").wait_for(timeout=60_000)
    take("lesson")


@whole
def test_the_film_of_the_readme(tour):
    from PIL import Image

    page, _ = tour({"hidden": [8, 4], "optimizer": {"name": "Adam", "learning_rate": 0.02}})
    frames = []
    for step in [
        0,
        5,
        10,
        20,
        30,
        40,
        60,
        80,
        100,
        130,
        160,
        200,
        250,
        300,
        400,
        500,
        650,
        800,
        1000,
        1300,
        1600,
        2000,
    ]:
        go(page, step)
        page.wait_for_timeout(150)
        shot = Image.open(io.BytesIO(page.screenshot(clip={"x": 0, "y": 0, **WIDE})))
        frames.append(shot.convert("RGB").resize((911, 600), Image.Resampling.LANCZOS))
        if not TAKE and len(frames) == 3:
            break
    assert len({frame.tobytes() for frame in frames}) == len(frames)
    if TAKE:
        frames[0].save(
            DOCS / "lab" / "film.webp", save_all=True, append_images=frames[1:], duration=[350] * 21 + [2500], loop=0,
            quality=70, method=6,
        )  # fmt: skip


def test_every_picture_of_the_page_is_one_of_the_tour():
    named = set(re.findall(r"\(lab/(\w+)\.png\)", (DOCS / "lab.md").read_text(encoding="utf-8")))
    taken = set(re.findall(r'take\("(\w+)"', Path(__file__).read_text(encoding="utf-8")))
    assert named == taken
    assert all((DOCS / "lab" / f"{name}.png").is_file() for name in named)
