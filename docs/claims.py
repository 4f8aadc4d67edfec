"""Write docs/claims.md and its pictures: python docs/claims.py (minutes; needs matplotlib).

CHAINRULE_CATS is the folder of the cat pictures that the last claim needs.
"""

from pathlib import Path

from threadpoolctl import threadpool_limits

from chainrule.claims import CLAIMS
from chainrule.claims.common import SEEDS
from chainrule.claims.report import picture

page = Path(__file__).with_suffix(".md")
folder = page.with_suffix("")
folder.mkdir(exist_ok=True)
index, sections = [], []
for claim in CLAIMS.values():
    with threadpool_limits(1, user_api="blas"):
        result = claim.run(SEEDS)
    figure = picture(result)
    image = folder / f"{claim.name}.png"
    if figure is not None:
        figure.savefig(image, dpi=80, facecolor="white")
    print(claim.number, claim.name, result.verdict)
    index.append(f"| {claim.number} | [{claim.statement}](#{claim.number}-{claim.name}) | {result.verdict} |")
    sections += [
        f"## {claim.number}. {claim.name}",
        f"> {claim.statement}",
        f"**Measured:** {claim.measurement}",
        f"**Verdict: {result.verdict}.** {result.summary}",
        *([f"![{claim.statement}]({folder.name}/{image.name})"] if figure is not None else []),
    ]
head = [
    "# The notes' claims, tested",
    "What course notes say about neural networks, each as a small experiment with several seeds. "
    "The verdicts are worked out from the figures; `chainrule claims NAME` repeats an experiment and shows its table, "
    "`chainrule claims --report DIR` writes all of them with their pictures as a page. "
    f"This page is written by [claims.py](claims.py), with the seeds {', '.join(map(str, SEEDS))}.",
    "| | the notes say | verdict |\n| --- | --- | --- |\n" + "\n".join(index),
]
page.write_text("\n\n".join([*head, *sections]) + "\n", encoding="utf-8")
