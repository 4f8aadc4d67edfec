"""chainrule export to C, JavaScript or Python."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.cli import screen
from chainrule.cli.common import CommandError, apart, writable
from chainrule.cli.model import Trained, at_work
from chainrule.cli.output import after, console, print_json
from chainrule.cli.reading import AsTrained

if TYPE_CHECKING:
    from chainrule.exporting.source import Written

ENDINGS = (".c", ".js", ".mjs", ".py")


def write(model: Path, out: Path, network_only: bool, int8: bool, check: str | None, as_json: bool) -> None:
    """Write MODEL as source, and say what a row is and what the file takes."""
    if check is not None and not int8:
        raise CommandError("--check: measures the loss by --int8, which was not asked for")
    if check is not None and network_only:
        raise CommandError("--check: DATA has columns, and --network-only leaves their preparation out; leave one out")
    from chainrule import exporting
    from chainrule.exporting import source
    from chainrule.files import model as modelfile

    apart(out, "FILE", {"is the model": model, "holds the data": check})
    writable(out, kind="a file that chainrule export has written", is_ours=source.is_source)
    _, trained = modelfile.load_with_about(model)
    examples: tuple[Any, Any] | None = None
    if check is not None:
        known = Trained.load(model)
        read = AsTrained(known, check)
        read.foresee(known.target)
        found = known.examples(known.table(check), read)
        examples = found.X, found.y
        read.tell()
    with at_work(model):
        written = source.export_source(
            exporting.network_alone(trained) if network_only else trained, out, int8=int8, check=examples
        )
    with after(out):
        if as_json:
            print_json({"model": str(model), "out": str(out), **asdict(written)})
        else:
            _say(out, written, int8)


def _say(out: Path, written: "Written", int8: bool) -> None:
    say = console()
    bits = "int8" if int8 else "float32"
    say.print(f"Wrote {out} ({out.stat().st_size / 1000:,.0f} kB of {written.language}), weights in {bits}")
    rows = [("parameters", f"{written.parameters:,}"), ("multiply-adds for a row", f"{written.multiply_adds:,}")]
    if written.constants is not None:
        rows.append(("bytes of constants", f"{written.constants:,}"))
        rows.append(("bytes of memory", f"{written.memory:,}"))
    say.print(screen.table(("it takes", ""), rows))
    if written.columns:
        say.print(screen.table(("a row has", ""), list(written.columns.items())))
    if int8:
        lost = "not measured; --check DATA measures it" if written.loss is None else str(written.loss)
        say.print(f"Loss by int8: {lost}")
