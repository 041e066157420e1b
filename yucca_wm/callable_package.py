"""Make a subpackage callable: ``yucca_wm.localize(...)`` is a function, ``yucca_wm.localize.case`` a module.

Each step has one name for the command (``python -m yucca_wm.localize``), the subpackage and the function of the Python
API. Importing any module of a subpackage binds the subpackage to that name, so the subpackage itself has to be
callable. Light: imports nothing of the step until it is called.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any


class CallablePackage(ModuleType):
    """Subpackage ``yucca_wm.STEP`` that calls ``yucca_wm.STEP.api.STEP``, with its signature and docstring."""

    @property
    def function(self) -> Callable[..., Any]:
        """The function that is called."""
        name = self.__name__.rpartition(".")[2]
        called: Callable[..., Any] = getattr(import_module(f"{self.__name__}.api"), name)
        return called

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.function(*arguments, **options)

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        """The function's docstring, after its signature, which ``help`` does not show for a module."""
        signature = inspect.signature(self.function)
        names = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
        call = self.function.__name__
        bare = signature.replace(parameters=names, return_annotation=inspect.Signature.empty)
        shown = textwrap.fill(f"{call}{bare}", 100, subsequent_indent=" " * (len(call) + 1))
        return f"{shown}\n\n{inspect.getdoc(self.function) or ''}"

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.function)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        """Pickle by name, like a function."""
        return import_module, (self.__name__,)


def make_callable(name: str) -> None:
    """Make the subpackage ``name``, which is being imported, a `CallablePackage`."""
    sys.modules[name].__class__ = CallablePackage
