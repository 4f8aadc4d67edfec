"""Write docs/claims.md and its pictures: python docs/claims.py (minutes; needs matplotlib).

CHAINRULE_CATS is the folder of the cat pictures that the last claim needs; without it, its section stays as it is.
"""

import re
from pathlib import Path

from threadpoolctl import threadpool_limits

from chainrule.claims import CLAIMS, SEEDS, NotRunError
from chainrule.claims.report import picture

page = Path(__file__).with_suffix(".md")
folder = page.with_suffix("")
folder.mkdir(exist_ok=True)
index, sections = [], []
for claim in CLAIMS.values():
    title, image = f"## {claim.number}. {claim.name}", folder / f"{claim.name}.png"
    try:
        with threadpool_limits(1, user_api="blas"):
            result = claim.run(SEEDS)
    except NotRunError as error:
        print(claim.number, claim.name, error)
        section = re.search(rf"^{re.escape(title)}\n.*?(?=\n\n## |\Z)", page.read_text(encoding="utf-8"), re.M | re.S)[
            0
        ]
        verdict = re.search(r"\*\*Verdict: (.*?)\.\*\*", section)[1]
        sections.append(section.rstrip())
    else:
        verdict = result.verdict
        print(claim.number, claim.name, verdict)
        sections += [
            title,
            f"> {claim.statement}",
            f"**Measured:** {claim.measurement}",
            f"**Verdict: {verdict}.** {result.summary}",
        ]
        if (figure := picture(result)) is not None:
            figure.savefig(image, dpi=80, facecolor="white")
            sections.append(f"![{claim.statement}]({folder.name}/{image.name})")
    index.append(f"| {claim.number} | [{claim.statement}](#{claim.number}-{claim.name}) | {verdict} |")
head = [
    "# The notes' claims, tested",
    "What course notes say about neural networks, each as a small experiment with several seeds. "
    "The verdicts are worked out from the figures; `chainrule claims NAME` repeats an experiment and shows its table, "
    "`chainrule claims --report DIR` writes all of them with their pictures as a page. "
    f"This page is written by [claims.py](claims.py), with the seeds {', '.join(map(str, SEEDS))}.",
    "| | the notes say | verdict |\n| --- | --- | --- |\n" + "\n".join(index),
]
page.write_text("\n\n".join([*head, *sections]) + "\n", encoding="utf-8")
