"""How long the lab takes to its first picture, from the command on, import included.

    python benchmarks/lab.py [--repeats 5] [--data flower titanic.csv:Survived …]

A browser that is open already goes to the address as soon as it is printed. "served": the page answers. "asked": its
modules are there and it has asked for what it shows. "drawn": the first picture is on the screen. Needs Chromium and
the packages of the tests (extra `dev`).
"""

import argparse
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

from playwright.sync_api import sync_playwright
from timing import headline, machine, report_noise, table

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
DRAWN = """() => new Promise((drawn) => {
  const look = () => requestAnimationFrame(globalThis.lab?.frames > 0 ? drawn : look);
  look();
})"""


def once(browser, data):
    """Seconds from the command to each of the stages."""
    name, _, target = data.partition(":")
    command = [sys.executable, "-m", "chainrule", "lab", name, "--no-open", *(["--target", target] if target else [])]
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    page = context.new_page()
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as lab:
        try:
            address = re.search(r"http://\S+", lab.stdout.readline())[0]
            printed = time.perf_counter() - began
            page.goto(address, wait_until="commit")
            served = time.perf_counter() - began
            page.wait_for_load_state("load")
            asked = time.perf_counter() - began
            page.evaluate(DRAWN)
            drawn = time.perf_counter() - began
        finally:
            lab.send_signal(signal.SIGINT)
            lab.wait(30)
    context.close()
    return {"printed": printed, "served": served, "asked": asked, "drawn": drawn}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--data", nargs="+", default=["flower", "digits"])
    asked = parser.parse_args()
    info = machine()
    print(headline(info))
    path = next(filter(None, map(shutil.which, BROWSERS)))
    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for data in asked.data:
            times = [once(browser, data) for _ in range(asked.repeats)]
            rows.append([data, *(f"{statistics.median(each[stage] for each in times):.2f}" for stage in times[0])])
        browser.close()
    table([["seconds to", *times[0]], *rows])
    report_noise(info, {})


if __name__ == "__main__":
    main()
