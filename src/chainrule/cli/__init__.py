"""The command line: train, predict, evaluate, explain, inspect, trace, diagnose, claims, quiz, lab, export.

Errors are one line, exit code 2.
"""

import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer

from chainrule._version import __version__
from chainrule.cli.claims import claims
from chainrule.cli.common import Stopped, spare
from chainrule.cli.explain import explain
from chainrule.cli.export import export
from chainrule.cli.lab import lab
from chainrule.cli.output import OutputError, complain, notes, show, streams
from chainrule.cli.predictions import predict
from chainrule.cli.quiz import quiz
from chainrule.cli.train import train
from chainrule.cli.use import evaluate, inspect
from chainrule.cli.working import diagnose, trace

_ENDINGS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]

app = typer.Typer(pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]})
for _command in (train, predict, evaluate, explain, inspect, trace, diagnose, claims, quiz, lab, export):
    app.command()(_command)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    """Train a fully-connected neural network on your data, and use it."""
    if version:
        show(f"chainrule {__version__}")
    elif context.invoked_subcommand is None:
        show(context.get_help())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    0; 2 after an error (one line); 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP, and 141 where the reader of
    what is printed has gone before it was all.
    """
    spare()
    before = {number: signal.getsignal(number) for number in _ENDINGS}
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}  # nohup
    for number in before:
        signal.signal(number, _terminated)
    try:
        with streams(), notes():
            code = _run(list(sys.argv[1:] if arguments is None else arguments))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    """The exit code of a command, after its error was printed."""
    try:
        code = app(args=arguments, prog_name="chainrule", standalone_mode=False, obj=arguments)
        if code == 130:
            raise Stopped(code)
        sys.stdout.flush()
    except Stopped as stopped:
        show(stopped, sys.stderr)
        return stopped.code
    except OutputError as error:
        if error.gone:
            return 141
        complain("error", error)
    except (ValueError, ArithmeticError, OSError, MemoryError) as error:
        complain("error", str(error) or "not enough memory")
    except Exception as error:
        if not hasattr(error, "format_message"):  # then it is not typer's, about an option, but a bug of ours
            sys.excepthook = _show_bug
            raise
        complain("error", error.format_message())
    else:
        return code or 0
    return 2


def _show_bug(*error: Any) -> None:
    with streams():
        show("".join(traceback.format_exception(*error)), sys.stderr)


def _terminated(number: int, frame: object) -> NoReturn:
    raise Stopped(128 + number)
