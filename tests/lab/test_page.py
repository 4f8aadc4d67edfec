"""The page, as a person uses it: time."""


def step(page):
    return page.evaluate("lab.here.step")


def test_play_pause_steps_and_back(open_lab):
    page = open_lab()
    page.get_by_role("button", name="one step: the next mini-batch").click()
    page.locator(".where").filter(has_text="step 1 ·").wait_for()
    page.keyboard.press("ArrowRight")
    page.locator(".where").filter(has_text="step 2 ·").wait_for()
    page.keyboard.press("ArrowLeft")
    page.locator(".where").filter(has_text="step 1 ·").wait_for()
    page.get_by_role("button", name="play").click()
    page.locator(".where.number").filter(has_not_text="step 1 ·").wait_for()
    page.get_by_role("button", name="pause").click()
    page.get_by_role("button", name="play").wait_for()
    page.wait_for_timeout(200)
    assert step(page) == page.at.lab.runs[1].line.step > 1
