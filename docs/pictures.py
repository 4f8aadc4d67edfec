"""Draw the pictures of docs/tutorial/ by running its chapters: python docs/pictures.py (needs matplotlib)."""

import contextlib
import os
import re
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

os.chdir(Path(__file__).with_name("tutorial"))  # where the chapters' savefig(…) puts them
for chapter in sorted(Path().glob("*.md")):
    text, namespace = chapter.read_text(encoding="utf-8"), {"__name__": chapter.stem}
    with contextlib.redirect_stdout(None):
        for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            exec(compile(block, chapter.name, "exec"), namespace)
    plt.close("all")
    print(*re.findall(r"\((.+\.png)\)", text), sep="\n")
