"""Diagnosis, lessons, homework and the quiz, as a person does them on the page."""

import re

import pytest

from chainrule.lab.lessons import LESSONS

TAB = {"diagnosis": re.compile("Diagnosis"), "lessons": "Lessons"}


@pytest.fixture
def learn(open_lab):
    """A page on its tab of lessons, or of another kind of them."""

    def opened(kind="Lessons", **given):
        page = open_lab(**given)
        page.get_by_role("tab", name=TAB["lessons"]).click()
        page.get_by_role("group", name="what to learn with").get_by_role("button", name=kind).click()
        return page

    return opened


def violations(page, where):
    """What axe finds in a part of the page that is serious."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, where, {"runOnly": ["wcag2a", "wcag2aa"]}).response["violations"]
    return [each["id"] for each in found if each["impact"] in ("serious", "critical")]


def test_a_finding_appears_and_what_it_advises_is_tried_beside_the_run(open_lab):
    page = open_lab({"init": "zeros"})
    lab = page.at.lab
    page.get_by_role("tab", name=re.compile(r"Diagnosis \(\d+\)")).click()
    card = page.locator(".finding[data-name='symmetric hidden units']")
    card.get_by_text("layer 1: share of units that are equal to another").wait_for()
    page.get_by_role("group", name="layers with findings").get_by_text("layer 2: symmetric hidden units").wait_for()
    assert violations(page, "#panel-findings") == []
    assert violations(page, ".layer-marks") == []
    page.get_by_role("button", name="to the end of the epoch").click()
    page.locator(".summary-line").filter(has_text="at step 1,").wait_for()
    card.get_by_role("button", name="Try it beside this run").click()
    page.get_by_text("stands beside run 1").wait_for()
    run, beside = lab.runs.values()
    assert (run.design.init, beside.design.init) == ("zeros", "auto")
    assert beside.line.step == 1
    card.wait_for(state="detached")
    lab.call(lambda: lab.activate(run.id))
    card.get_by_role("button", name="Do it to this run").click()
    card.wait_for(state="detached")
    page.locator(".where").filter(has_text="step 1 ·").wait_for()
    assert lab.runs[run.id].design.init == "auto"


def test_an_effect_sends_to_its_cause(open_lab):
    page = open_lab(
        {"data": {"kind": "bundled", "name": "flower"}, "init_scale": 1000, "hidden": [8], "activations": ["tanh"]}
    )
    lab = page.at.lab
    page.get_by_role("tab", name="Diagnosis").click()
    run = next(iter(lab.runs.values()))
    lab.call(lambda: run.go(300))
    page.evaluate("lab.refresh()")
    first = page.locator(".finding").first
    page.locator(".summary-line").filter(has_text="at step 300").wait_for()
    first.get_by_role("heading", name="saturated units").wait_for()
    first.get_by_text("Random first weights").wait_for()
    effect = page.locator(".finding.effect[data-name='no better than a constant']")
    effect.get_by_text("The change for “saturated units” above is to mend this, too.").wait_for()


def test_what_was_checked_without_a_fault_can_be_unfolded(open_lab):
    page = open_lab()
    page.get_by_role("tab", name="Diagnosis").click()
    page.locator(".summary-line").filter(has_text="Nothing found").wait_for()
    page.get_by_text(re.compile("Checked, no fault")).click()
    page.get_by_text("share of units that are equal to another").wait_for()


def test_a_lesson_from_its_question_to_its_verdict(learn):
    page = learn()
    assert page.locator("[data-lesson]").count() == len(LESSONS)
    page.get_by_role("button", name="Either, but not both").click()
    page.get_by_role("heading", name="Either, but not both").wait_for()
    page.get_by_label("It alternates between two lines").check()
    page.get_by_role("button", name="Play to step 800").click()
    page.get_by_role("tabpanel", name="Lessons").get_by_role("button", name="Pause").wait_for()
    page.at.lab.call(lambda: page.at.lab.play(None, 800))  # the lesson takes its eight seconds
    page.get_by_text("It holds here.").wait_for()
    page.get_by_text(re.compile(r"with four units 9\d%")).wait_for()
    page.get_by_text("Not quite. It is: An answer near ½ almost everywhere.").wait_for()
    page.get_by_label("An answer near ½ almost everywhere").check()
    page.get_by_text("Your answer was right.").wait_for()
    assert [run.line.step for run in page.at.lab.runs.values()] == [800, 800]
    page.get_by_role("group", name="runs", exact=True).get_by_role("button", name="four hidden units").click()
    page.locator(".summary").filter(has_text="2-4-1").wait_for()
    page.get_by_role("group", name="runs", exact=True).get_by_role("button", name="no hidden layer").click()
    page.locator(".summary").filter(has_text="2-1 ").wait_for()
    page.get_by_role("button", name="the network, four hidden units").click()
    page.locator(".summary").filter(has_text="2-4-1").wait_for()
    page.get_by_role("button", name="all lessons").click()
    page.get_by_role("button", name="A line through a flower").wait_for()
    assert page.at.lab.lesson is None


def test_a_lesson_shows_where_to_look_and_is_there_after_a_reload(learn):
    page = learn()
    page.get_by_role("button", name="Weights × 1000").click()
    page.get_by_role("button", name="g[1]′(Z[1])").click()
    assert page.get_by_role("tab", name="Equations").get_attribute("aria-selected") == "true"
    page.locator(".letter:focus[data-letter=slope][data-layer='1']").wait_for()
    page.reload()
    page.get_by_role("tab", name="Lessons").click()
    page.get_by_role("heading", name="Weights × 1000", exact=True).wait_for()


def test_an_equation_is_edited_until_it_is_right(learn):
    page = learn("Homework")
    check = page.get_by_role("button", name="Check the equations")
    check.click()
    page.get_by_text("The first wrong one on the way back is dW[2].").wait_for()
    page.get_by_text("What it looks like, and how it should be").click()
    page.get_by_text("Y − A instead of A − Y").wait_for()
    line = page.get_by_label("line 1")
    line.fill("dZ[2] = A[2].T - Y")
    check.click()
    page.get_by_text("this comes out as (4, 4), but dZ[2] is (1, 4)").wait_for()
    line.fill("dZ[2] = A[2] - Y")
    line.press("Enter")
    page.get_by_text("Every number is right.").wait_for()
    page.get_by_text("All other lines start from this one").wait_for()
    page.get_by_text("(3, 4)").first.wait_for()


def test_results_are_pasted(learn):
    page = learn("Homework", design={"batch_size": 5})
    page.get_by_label("homework").select_option("run")
    page.get_by_text("5 examples").wait_for()
    run = next(iter(page.at.lab.runs.values()))
    seen = run.working()
    text = "\n".join(
        f"dW{l} = {seen.dW[l].tolist()}\ndb{l} = {seen.db[l].tolist()}" for l in range(1, run.network.L + 1)
    )
    page.get_by_label("your results").fill(text)
    page.get_by_role("button", name="Check the results").click()
    page.get_by_text("Every number is right.").wait_for()
    page.get_by_label("your results").fill(f"dW1 = {(5 * seen.dW[1]).tolist()}")
    page.get_by_role("button", name="Check the results").click()
    page.get_by_text("the factor 1/m is missing").wait_for()
    page.get_by_label("your results").fill("nothing")
    page.get_by_role("button", name="Check the results").click()
    page.get_by_text("no dW1, db1, … in it").wait_for()


def test_a_question_is_answered_and_its_experiment_runs(learn):
    page = learn("Quiz")
    page.get_by_role("radio").first.check()
    page.get_by_role("button", name="Answer", exact=True).click()
    page.get_by_text("✗ Not a: c holds.").wait_for()
    page.get_by_role("cell", name="✓ holds").wait_for(timeout=60_000)
    page.get_by_text("0 of 1 right").wait_for()
    page.get_by_role("button", name="Next question").click()
    page.get_by_role("heading", name="A subscript").wait_for()


def test_what_there_is_to_learn_with_is_accessible(learn):
    page = learn()
    there = {"Homework": ".homework-line", "Quiz": ".option", "Lessons": "[data-lesson]"}
    for name, inside in there.items():
        page.get_by_role("group", name="what to learn with").get_by_role("button", name=name).click()
        page.locator(inside).first.wait_for()
        assert violations(page, "#panel-lessons") == []
