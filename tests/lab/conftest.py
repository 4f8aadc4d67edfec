"""A lab that is served, and a real browser that looks at it."""

import os
import shutil
from typing import Any

import pytest

from chainrule.lab import session
from support.lab import served

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def browser_path() -> str:
    found = os.environ.get("CHAINRULE_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium: install your system's (Debian: apt install chromium), or set CHAINRULE_BROWSER")
    return found


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A lab that answers when it is at the step that it is to go to, however slow the machine is."""
    monkeypatch.setattr(session, "AT_ONCE", 30.0)


@pytest.fixture(scope="session")
def browser():
    """Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    path = browser_path()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def shelf(browser):
    """Pages that no test uses, by whether they let scripts of a test in: a new one costs more than all else."""
    return {}


@pytest.fixture
def open_lab(browser, shelf):
    """A function that opens the page of a lab of this design; it fails a test in which the page has an error."""
    errors: list[str] = []
    ends: list[Any] = []
    hears = {
        "pageerror": lambda error: errors.append(str(error)),
        "console": lambda line: errors.append(line.text) if line.type == "error" else None,
    }

    def opened(design=None, *, width=1280, height=860, dark=False, at=None, bypass_csp=False, **options):
        if at is None:
            context = served(design, **options)
            at = context.__enter__()
            ends.append(lambda: context.__exit__(None, None, None))
        page = shelf.pop(bypass_csp, None)
        if page is None:
            page = browser.new_context(accept_downloads=True, bypass_csp=bypass_csp).new_page()
        ends.append(lambda: put_back(shelf, bypass_csp, page, hears))
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
        page.set_default_timeout(30_000)
        for event, hear in hears.items():
            page.on(event, hear)
        page.goto(at.key)
        page.locator(".summary").filter(has_text="parameters").wait_for(state="attached")
        page.at = at
        page.errors = errors
        return page

    yield opened
    for end in reversed(ends):
        end()
    assert not errors


def put_back(shelf, bypass_csp, page, hears):
    """Make a page as if it were new, and keep it for the next test; where that cannot be, or there is one, close it."""
    if bypass_csp in shelf or page.is_closed():
        page.context.close()
        return
    for event, hear in hears.items():
        page.remove_listener(event, hear)
    for other in page.context.pages:
        if other is not page:
            other.close()
    page.goto("about:blank")
    page.mouse.move(0, 0)
    page.context.clear_cookies()
    page.context.clear_permissions()
    shelf[bypass_csp] = page
