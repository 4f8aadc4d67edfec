"""chainrule export: a saved model for other programs, as an ONNX file or as source that needs nothing else."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from chainrule.cli import screen, source
from chainrule.cli.common import CommandError, Json, Model, apart, writable
from chainrule.cli.model import at_work, is_about
from chainrule.cli.output import after, console, print_json


def export(
    model: Model,
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write: .onnx, .c, .js, .mjs or .py.")],
    network_only: Annotated[
        bool, typer.Option("--network-only", help="Without the preparation of the columns: the inputs are its numbers.")
    ] = False,
    opset: Annotated[
        int, typer.Option(metavar="N", help="The version of ONNX's operators; old runtimes read 13.")
    ] = 13,
    input_type: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TYPE",
            help="What numbers go in as: float32, float64, int64 or bool, or COLUMN=TYPE for one column (may be "
            "repeated); unless given float64, or without a preparation the type of the network.",
        ),
    ] = None,
    zipmap: Annotated[
        Literal["maps", "columns"] | None,
        typer.Option(help="Probabilities as a map for each row, or an output for each class, instead of a matrix."),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="In source code: weights in 8 bits, a quarter of the size; see --check.")
    ] = False,
    check: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="Rows with their target, on which the loss by --int8 is measured."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write MODEL with the preparation of its columns, as ONNX, or as C, JavaScript or Python that needs nothing else.

    The ending of FILE says which. What goes in and comes out is said.
    """
    if out.suffix.lower() in source.ENDINGS:
        if opset != 13 or input_type or zipmap:
            raise CommandError(f"--opset, --input-type and --zipmap: are of ONNX, and {out} is source; leave them out")
        source.write(model, out, network_only, int8, check, as_json)
        return
    if out.suffix.lower() != ".onnx":
        raise CommandError(f"{out}: wanted a name that ends in .onnx, .c, .js, .mjs or .py")
    if int8 or check is not None:
        raise CommandError(f"--int8 and --check: are for source, and {out} is ONNX; name a .c, .js, .mjs or .py file")
    from chainrule import exporting
    from chainrule.files import model as modelfile

    try:
        apart(out, "FILE", {"is the model": model})
        writable(out, kind="an ONNX file", is_ours=exporting.is_onnx)
        header, trained = modelfile.load_with_about(model)
        about = header.get("about")
        if network_only:
            trained = exporting.network_alone(trained)
        with at_work(model):
            written = exporting.export_onnx(
                trained,
                out,
                opset=opset,
                input_type=_types(input_type or []),
                zipmap=zipmap or False,
                about=about if is_about(about) else {},
            )
    except ImportError as error:
        raise CommandError(str(error)) from None
    with after(out):
        if as_json:
            ports = {name: [asdict(port) for port in getattr(written, name)] for name in ("inputs", "outputs")}
            print_json({"model": str(model), "out": str(out), "opset": opset} | ports | written.metadata)
            return
        say = console()
        say.print(f"Wrote {out} ({out.stat().st_size / 1000:,.0f} kB), ONNX opset {opset}")
        for title, side in (("input", written.inputs), ("output", written.outputs)):
            rows = [(port.name, port.type, " × ".join(map(str, port.shape)), port.meaning) for port in side]
            say.print(screen.table((title, "type", "shape", ""), rows))


def _types(given: list[str]) -> str | dict[str, str] | None:
    """The values of --input-type: one type of all numbers, or types of columns."""
    if len(given) < 2 and "=" not in "".join(given):
        return given[0] if given else None
    if wrong := [word for word in given if "=" not in word]:
        raise CommandError(f"--input-type {wrong[0]}: wanted COLUMN=TYPE, as --input-type is given more than once")
    return {name: kind for name, _, kind in (word.rpartition("=") for word in given)}
