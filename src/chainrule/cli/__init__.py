"""The command line: train, predict, evaluate, inspect, trace, diagnose, claims, export.

Errors are one line, exit code 2.
"""

import signal
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from chainrule._version import __version__
from chainrule.cli.claims import claims
from chainrule.cli.common import Stopped, complain
from chainrule.cli.export import export
from chainrule.cli.train import train
from chainrule.cli.use import evaluate, inspect, predict
from chainrule.cli.working import diagnose, trace
from chainrule.text import without_controls

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
for _command in (train, predict, evaluate, inspect, trace, diagnose, claims, export):
    app.command()(_command)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    """Train a fully-connected neural network on your data, and use it."""
    if version:
        print(f"chainrule {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0, 2 after an error (one line), 130 after Ctrl-C, 143 after SIGTERM."""
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        code = app(
            args=arguments,
            prog_name="chainrule",
            standalone_mode=False,
            obj=list(sys.argv[1:] if arguments is None else arguments),
        )
        if code == 130:
            raise Stopped(code)
    except Stopped as stopped:
        print(without_controls(str(stopped)), file=sys.stderr)
        code = stopped.code
    except (ValueError, ArithmeticError, OSError, MemoryError) as error:
        complain("error", str(error) or "not enough memory")
        code = 2
    except Exception as error:
        if not hasattr(error, "format_message"):  # then it is not typer's, about an option, but a bug of ours
            raise
        complain("error", error.format_message())
        code = 2
    finally:
        signal.signal(signal.SIGTERM, before)
    sys.exit(code)


def _terminated(number: int, frame: object) -> NoReturn:
    raise Stopped(128 + number)
