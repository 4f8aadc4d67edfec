"""chainrule: neural networks with the working shown.

``Network`` trains by the equations of the notes (columns are examples); ``MLPClassifier`` and ``MLPRegressor`` are
scikit-learn estimators (rows are examples). The public names are listed in ``__init__.pyi`` beside this file, where
type checkers and editors find them. Each is loaded on its first use, so that importing chainrule costs what importing
NumPy costs.
"""

import re
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from chainrule._version import __version__ as __version__


def _public_names() -> dict[str, str]:
    """Name → module it is imported from, as the stub says: lines ``from MODULE import NAME as NAME``."""
    with open(f"{__file__.removesuffix('.py').removesuffix('.pyc')}.pyi", encoding="utf-8") as stub:
        return {name: module for module, name in re.findall(r"^from (\S+) import (\w+) as \2$", stub.read(), re.M)}


_MODULE_OF = _public_names()
__all__ = list(_MODULE_OF)


class _Facade(ModuleType):
    """The package: the import of a room does not hide the public name that is spelled as it is, as `lab`."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not isinstance(value, ModuleType) or _MODULE_OF.get(name, __name__) == __name__:
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Facade


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        from chainrule.text import meant  # not for every import

        raise AttributeError(f"module 'chainrule' has no attribute {name!r}.{meant(name, _MODULE_OF)}")
    module = _MODULE_OF[name]
    return import_module(f"chainrule.{name}") if module == __name__ else getattr(import_module(module), name)


def __dir__() -> list[str]:
    return sorted({*_MODULE_OF, *(name for name in globals() if name.startswith("__"))})
