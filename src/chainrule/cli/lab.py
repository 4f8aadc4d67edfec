"""chainrule lab: a page where a network trains in the open."""

import ipaddress
import os
import shlex
import socket
import sys
import threading
import webbrowser
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.cli import complete
from chainrule.cli.common import CommandError, Header, Sheet, Stopped
from chainrule.cli.output import complain, show

if TYPE_CHECKING:
    from chainrule.lab.kept import Kept
    from chainrule.lab.session import Lab

PORT, OTHERS = 8765, 100  # the first that is tried, and how many behind it


def lab(
    data: Annotated[
        str,
        typer.Argument(
            metavar="[DATA]",
            help="A bundled data set, a file, a folder of images, or a lab (*.lab.json).",
            autocompletion=complete.data,
        ),
    ] = "flower",
    target: Annotated[str | None, typer.Option(metavar="COLUMN", help="What is to be learned of a table.")] = None,
    header: Header = None,
    sheet: Sheet = None,
    hidden: Annotated[
        str | None,
        typer.Option(metavar="UNITS", help="Units of each hidden layer, or 0 for no hidden layer; 8,4 unless given."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="The seed of the initial weights and of the order of examples; 1 unless given."),
    ] = None,
    browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where it is served; the next free one if taken.")] = PORT,
    host: Annotated[str, typer.Option(help="The address of this machine that it is served at.")] = "127.0.0.1",
    token: Annotated[str | None, typer.Option(help="What lets a browser in; a new one unless given.")] = None,
) -> None:
    """Watch a network train on a page in the browser, with every number and equation: on your data, in any step."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401
    except ImportError:
        raise CommandError('the lab needs an extra: pip install "chainrule[lab]"') from None
    from chainrule.lab.door import Door
    from chainrule.lab.server import listen, serving

    with ExitStack() as ends:
        made, kept = _lab(data, {"target": target, "header": header, "sheet": sheet}, hidden, seed)
        ends.callback(made.close)
        try:
            listening = listen(host, port, OTHERS)
        except OSError as error:
            raise CommandError(f"--host {host} --port {port}: {error.strerror or error}") from None
        ends.callback(listening.close)
        local, at = _is_local(host), listening.getsockname()[1]
        names = () if local else (host, socket.gethostname(), socket.getfqdn())
        try:
            door = Door(at, token, names, anywhere=not local)
        except ValueError as error:
            raise CommandError(f"--token: {error}") from None
        if not local and token is None:
            complain(
                "warning",
                f"--host {host}: whoever reaches this machine and sees the address below, which travels unencrypted, "
                "can use the lab and read your files with it; --token says that you know",
            )
        address = f"http://{_shown(host)}:{at}/?token="
        taken = f"Port {port} is taken. " if at != port else ""
        try:
            thread = ends.enter_context(serving(made, door, listening))
            show(f"{taken}The lab is at {address}{door.token} (Ctrl-C ends and saves it)")
            sys.stdout.flush()
            if browser:
                threading.Thread(target=_open, args=(address + door.once(),), daemon=True).start()
            while thread.is_alive():
                thread.join(1.0)
        except KeyboardInterrupt:
            raise Stopped(130, _saved(kept)) from None
        except Stopped as stopped:
            raise Stopped(stopped.code, _saved(kept)) from None
        raise CommandError(f"the server has ended by itself; {_saved(kept)}")


def _lab(data: str, given: Mapping[str, Any], hidden: str | None, seed: int | None) -> "tuple[Lab, Kept]":
    """The lab of these arguments, and what will keep it. given: what is said of the data, None where nothing is."""
    from chainrule.lab.data import load
    from chainrule.lab.design import Design, fitted, suited
    from chainrule.lab.kept import ENDING, Kept, bring_back
    from chainrule.lab.session import Lab

    file, said = Path(data), {name: value for name, value in given.items() if value is not None}
    if data.endswith(ENDING):
        if said or (hidden, seed) != (None, None):
            raise CommandError(f"{data}: a lab that is saved has its own network and data; leave the options away")
        made = Lab(Design({"kind": "bundled", "name": "flower"}))
        try:
            note = bring_back(made, file, _agreed)
        except BaseException:
            made.close()
            raise
        if note:
            complain("note", note)
        return made, Kept(made, file)
    change: dict[str, Any] = {} if seed is None else {"seed": seed}
    if hidden is not None:
        change["hidden"] = _units(hidden)
    design = fitted(Design(_source(data, said)), change)
    examples = load(design.data)
    made = Lab(suited(design, examples), examples)
    return made, Kept(made)


def _agreed(paths: list[Path]) -> bool:
    """Whether a person wants a lab, which somebody else may have written, to read these files."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise ValueError(f"it is of data outside of its folder, {_several(paths)}: start it in a terminal, which asks")
    return typer.confirm(f"This lab reads {_several(paths)}, outside of its folder. Read it?")


def _several(paths: list[Path]) -> str:
    return " and ".join(map(str, paths))


def _source(data: str, said: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the lab is to load."""
    from chainrule.datasets import NAMES
    from chainrule.text import did_you_mean

    if os.path.isdir(data):
        return {"kind": "images", "path": data, **said}
    if os.path.exists(data):
        return {"kind": "file", "path": data, **said}
    if data in NAMES:
        return {"kind": "bundled", "name": data, **said}
    hint = did_you_mean(data, NAMES, 3)
    raise CommandError(f"{data!r}: no such file, and not a bundled data set ({', '.join(NAMES)}).{hint}")


def _units(text: str) -> list[int]:
    """The units of each hidden layer."""
    try:
        units = [int(each) for each in text.split(",")]
    except ValueError:
        units = [-1]
    if units == [0]:
        return []
    if min(units) < 1:
        raise CommandError(f"--hidden: got {text!r}, wanted the units of each hidden layer, as 16,8, or 0 for none")
    return units


def _is_local(host: str) -> bool:
    """Whether only this machine reaches what is served there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _shown(host: str) -> str:
    """The host as it stands in an address."""
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def _open(address: str) -> None:
    """Open the browser that a person has named, or one that has a window: one in the terminal would hide its text."""
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return
    if type(found) is not webbrowser.GenericBrowser or "BROWSER" in os.environ:
        found.open(address)


def _saved(kept: "Kept") -> str:
    """Save the lab, and what to say about that. Signals wait."""
    from chainrule.engines.interrupts import Deferral

    with Deferral():
        problem = ""
        for folder in (Path.cwd(), Path.home()):
            try:
                file = kept.write(folder)
            except OSError as error:
                problem = problem or f"the lab could not be saved: {error}"
                continue
            if file is None:
                return "stopped: the lab is as it was, and nothing had to be saved"
            shown = file.name if folder == Path.cwd() and kept.file is None else str(file)
            return f"stopped: the lab is saved; go on with: chainrule lab {shlex.quote(shown)}"
        return f"stopped: {problem}"
