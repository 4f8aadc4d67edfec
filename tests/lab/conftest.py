"""A lab that is served, and a real browser that looks at it."""

import os
import shutil
from typing import Any

import pytest

from support.lab import served, settled

__all__ = ["settled"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def browser_path() -> str:
    found = os.environ.get("CHAINRULE_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium: install your system's (Debian: apt install chromium), or set CHAINRULE_BROWSER")
    return found


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


@pytest.fixture
def open_lab(browser):
    """A function that opens the page of a lab of this design; it fails a test in which the page has an error."""
    errors: list[str] = []
    ends: list[Any] = []

    def opened(design=None, *, width=1280, height=860, dark=False, at=None, bypass_csp=False, **options):
        if at is None:
            context = served(design, **options)
            at = context.__enter__()
            ends.append(lambda: context.__exit__(None, None, None))
        looking = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light",
            reduced_motion="reduce", accept_downloads=True, bypass_csp=bypass_csp,
        )  # fmt: skip
        ends.append(looking.close)
        page = looking.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        page.goto(at.key)
        page.locator(".summary").filter(has_text="parameters").wait_for()
        page.at = at
        page.errors = errors
        return page

    yield opened
    for end in reversed(ends):
        end()
    assert not errors
