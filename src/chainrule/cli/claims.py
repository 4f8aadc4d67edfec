"""chainrule claims: what the notes say, measured."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from chainrule.cli import complete, screen
from chainrule.cli.common import CommandError, Json, report_file
from chainrule.cli.output import console, print_json
from chainrule.text import unknown

if TYPE_CHECKING:
    from chainrule.claims import Claim, Result


def claims(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Names or numbers of claims; all unless given.",
            autocompletion=complete.claims,
        ),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Say which claims there are, and run none.")] = False,
    seeds: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Trainings of each kind; 5 unless given.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write claims.html there, with a picture for each claim.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Test the claims of common course notes by experiments: which hold, and when."""
    from chainrule.claims import CLAIMS, SEEDS

    chosen, say = _chosen(names or list(CLAIMS), CLAIMS), console(silent=as_json)
    if listed:
        rows = [(claim.number, claim.name, claim.statement) for claim in chosen]
        say.print(screen.table(("", "name", "what the notes say"), rows, right=(0,)))
        if as_json:
            print_json({"claims": [_stated(claim) for claim in chosen]})
        return
    if report is not None:
        from chainrule.claims.report import NAME, write

        report_file(report, NAME)
    run_with = SEEDS if seeds is None else tuple(range(seeds))
    outcomes: list[tuple[Claim, Result | str]] = []
    seconds = []
    for i, claim in enumerate(chosen, 1):
        say.print(f"{claim.number}. {claim.statement}", style="bold")
        say.print(f"Measured: {claim.measurement}")
        began = time.perf_counter()
        with say.status(f"{claim.name}, {i} of {len(chosen)}") if say.is_terminal else nullcontext():
            outcomes.append((claim, _run(claim, run_with)))
        seconds.append(time.perf_counter() - began)
        _show(say, outcomes[-1][1])
    if all(isinstance(result, str) for _, result in outcomes):
        raise CommandError(" ".join(str(result) for _, result in outcomes))
    if len(outcomes) > 1:
        overview = [
            (claim.number, claim.name, "not run" if isinstance(outcome, str) else outcome.verdict, f"{took:.1f}")
            for (claim, outcome), took in zip(outcomes, seconds, strict=True)
        ]
        say.print(screen.table(("", "claim", "verdict", "seconds"), overview, right=(0, 3)))
    if report is not None:
        path = write(report, outcomes, run_with)
        say.print(f"Wrote {path}")
    if as_json:
        results = [_stated(claim) | _measured(result) for claim, result in outcomes]
        print_json({"seeds": run_with, "claims": results} | ({} if report is None else {"report": str(path)}))


def _run(claim: "Claim", seeds: Sequence[int]) -> "Result | str":
    """The result of the experiment, or why it could not be run."""
    from threadpoolctl import threadpool_limits

    from chainrule.claims import NotRunError

    try:
        # Several trainings run at a time; threads inside NumPy's products of small matrices only wait for one another.
        with threadpool_limits(1, user_api="blas"):
            return claim.run(seeds)
    except NotRunError as error:
        return str(error)


def _chosen(names: Sequence[str], known: "dict[str, Claim]") -> "list[Claim]":
    numbers = {str(claim.number): claim for claim in known.values()}
    chosen = {}
    for name in names:
        claim = known.get(name) or numbers.get(name)
        if claim is None:
            raise unknown("claim", name, known)
        chosen[claim.name] = claim
    return list(chosen.values())


def _show(say: Console, result: "Result | str") -> None:
    from chainrule.claims.common import cell, of_numbers

    if isinstance(result, str):
        say.print(result)
        say.line()
        return
    right = [i for i in range(len(result.headers)) if of_numbers(result.rows, i)]
    shown = screen.table(result.headers, (map(cell, row) for row in result.rows), right)
    if say.measure(shown).maximum >= say.width:
        for i in right:  # these are as narrow as their numbers and the words above them, so that the texts have room
            words = [*result.headers[i].split(), *(cell(row[i]) for row in result.rows)]
            shown.columns[i].max_width = max(map(len, words))
    say.print(shown)
    say.print(f"Verdict: {result.verdict}. {result.summary}")
    say.line()


def _stated(claim: "Claim") -> dict[str, Any]:
    return {name: getattr(claim, name) for name in ("number", "name", "statement", "measurement")}


def _measured(result: "Result | str") -> dict[str, Any]:
    if isinstance(result, str):
        return {"verdict": None, "summary": result}
    return {name: getattr(result, name) for name in ("verdict", "summary", "headers", "rows")}
