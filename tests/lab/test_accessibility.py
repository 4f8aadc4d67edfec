"""Axe finds nothing serious on the page, light and dark, wide and narrow, in the states that a person meets."""

import pytest

from support.lab import settled

SERIOUS = ("moderate", "serious", "critical")


def serious(page):
    """What axe finds: the rule, and where."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['target']} {node['failureSummary']}"
        for rule in found
        if rule["impact"] in SERIOUS
        for node in rule["nodes"][:3]
    ]


def trained(page):
    page.at.lab.call(lambda: page.at.lab.go(step=30))
    settled(page, "lab.here.step === 30")


@pytest.mark.parametrize(("dark", "width"), [(False, 1280), (True, 400)])
def test_nothing_serious_in_any_tab(open_lab, dark, width):
    page = open_lab(dark=dark, width=width, bypass_csp=True)
    trained(page)
    tabs = page.get_by_role("tab")
    assert tabs.count() >= 4
    found = {}
    for tab in tabs.all():
        tab.click()
        page.wait_for_timeout(100)
        found[tab.inner_text()] = serious(page)
    assert {name: what for name, what in found.items() if what} == {}


def test_axe_sees_what_is_wrong(open_lab):
    page = open_lab(bypass_csp=True)
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert any(line.startswith("button-name (critical)") for line in serious(page))


def test_all_that_can_be_done_is_reached_by_the_tab_key(open_lab):
    page = open_lab()
    trained(page)  # what can be done at a step stays the same from here on
    wanted = page.evaluate("""() => {
      const shown = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.tabIndex >= 0;
      const all = [...document.querySelectorAll("button, select, input, textarea, a[href], summary")].filter(shown);
      all.forEach((one, i) => { one.dataset.number = i; });
      return all.length;
    }""")
    reached = set()
    for _ in range(3 * wanted + 20):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement?.dataset.number"))
        if len(reached - {None}) == wanted:
            break
    missing = page.evaluate(
        """(reached) => [...document.querySelectorAll("[data-number]")]
      .filter((one) => !reached.includes(one.dataset.number)).map((one) => one.outerHTML.slice(0, 100))""",
        sorted(reached - {None}),
    )
    assert missing == []
