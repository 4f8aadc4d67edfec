"""numpydoc's checks of the public docstrings, for `make lint`.

    python tests/support/docstrings.py

Looked at are the names of chainrule.__all__, what its modules offer, and the public methods and properties of classes.
Which checks, and what is left out, is in pyproject.toml, [tool.numpydoc_validation]. The exit code is 1 if one fails.
"""

import inspect
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from numpydoc.docscrape import get_doc_object
from numpydoc.validate import Validator, validate

import chainrule

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["numpydoc_validation"]


def is_ours(thing: Any) -> bool:
    """Whether a function, class or property is defined in this package."""
    thing = thing.fget if isinstance(thing, property) else thing
    return str(getattr(thing, "__module__", "")).startswith("chainrule.")


def is_documented(thing: Any) -> bool:
    """Whether it is of a kind that has a docstring of its own."""
    return inspect.isclass(thing) or inspect.isroutine(thing) or isinstance(thing, property)


def offered(module: Any) -> list[str]:
    """The public functions and classes of a module: its __all__, or what is defined in it."""
    names = getattr(module, "__all__", None) or [
        name for name, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__
    ]
    return [name for name in names if name[0] != "_" and is_documented(getattr(module, name))]


def public_names() -> Iterator[tuple[str, Any]]:
    """Everything with a public docstring, as (full name, thing)."""
    left_out = re.compile("|".join(OPTIONS["exclude"]))
    yield from ((name, thing) for name, thing in everything() if not left_out.search(name))


def everything() -> Iterator[tuple[str, Any]]:
    """What is offered, as (full name, thing)."""
    for name in chainrule.__all__:
        thing = getattr(chainrule, name)
        if name.startswith("_"):
            continue
        yield from below(f"chainrule.{name}", thing)
        if inspect.ismodule(thing):
            for inside in offered(thing):
                yield from below(f"chainrule.{name}.{inside}", getattr(thing, inside))


def below(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    """A thing, and the methods and properties of a class that come from this package."""
    yield name, thing
    for member in dir(thing) if inspect.isclass(thing) else ():
        if not member.startswith("_") and member not in getattr(thing, "__dataclass_fields__", ()):
            value = inspect.getattr_static(thing, member)
            value = value if isinstance(value, property) else getattr(thing, member)
            if is_ours(value) and is_documented(value):
                yield f"{name}.{member}", value


class Docstring(Validator):
    """What numpydoc sees of a docstring, with the customs of this package.

    The fields of a dataclass may be documented as its attributes; the arguments of an exception need not be. A method
    may have the docstring of its base class. A type alone may describe a parameter.
    """

    def __init__(self, obj_name: str, thing: Any) -> None:
        super().__init__(get_doc_object(thing, config={"show_class_members": False}))
        self.raw_doc = self.clean_doc
        owner, _, name = obj_name.rpartition(".")
        owner = self._load_obj(owner)
        self.is_method = inspect.isclass(owner) and inspect.isfunction(inspect.getattr_static(owner, name))

    @property
    def source_file_def_line(self) -> int | None:
        return 1 if self.is_mod else super().source_file_def_line  # it looks for a def or class in every module

    @property
    def doc_all_parameters(self) -> dict[str, Any]:
        documented = dict(super().doc_all_parameters)
        if is_dataclass(self.obj):
            fields = self._doc_parameters(["Attributes"])
            documented |= {name: value for name, value in fields.items() if name in self.signature_parameters}
        return {name: (kind, words or [kind]) for name, (kind, words) in documented.items()}

    @property
    def signature_parameters(self) -> tuple[str, ...]:
        if inspect.isclass(self.obj) and issubclass(self.obj, BaseException):
            return ()
        parameters = super().signature_parameters
        itself = next(iter(inspect.signature(self.obj).parameters), None) if self.is_method else None
        return parameters[parameters[:1] == (itself,) :]  # a method may call it by another name than self


def findings(name: str, thing: Any) -> Iterator[tuple[str, str]]:
    """What is wrong with one docstring, as (place, message)."""
    result = validate(name, Docstring, thing=thing)
    for code, message in result["errors"]:
        if code in OPTIONS["checks"]:
            yield f"{result['file']}:{result['file_line']}", f"{code} {message}"


def main() -> int:
    """Print each finding; one in a method that two classes share is printed once."""
    found = {finding: name for name, thing in public_names() for finding in findings(name, thing)}
    for (place, message), name in found.items():
        print(f"{place.removeprefix(f'{ROOT}/')}: {name}: {message}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
