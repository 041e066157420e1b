"""Classes that plugins offer are found, before Yucca's own.

Patches ``recursive_find_python_class`` (yucca/functional/utils/files_and_folders.py).
Symptom: it walks Yucca's own folders only, so no other package can offer a manager, network or loss; and Yucca's own,
broken ``YuccaManager_SkeletonLoss`` would be the one found.
Cure: what the overlays offer is searched first; errors inside it surface as they are. An unknown name gets an error
that lists the names there are.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterator
from functools import wraps
from types import ModuleType
from typing import Any

from yucca_wm.bridge.overlays import offered

KINDS = {
    "yucca.pipeline.managers": ("manager", "MANAGERS"),
    "yucca.modules.networks": ("network", "NETWORKS"),
    "yucca.modules.optimization.loss_functions": ("loss", "LOSSES"),
    "yucca.pipeline.planning": ("planner", "PLANNERS"),
    "yucca.pipeline.preprocessing": ("preprocessor", "PREPROCESSORS"),
}
"""Package in which Yucca looks -> kind of class, and the list of a plugin that offers it."""


def plugin_modules(current_module: str) -> Iterator[ModuleType]:
    """Import, one by one, the plugin modules to search for a class that Yucca looks for in ``current_module``."""
    _, offer = KINDS[current_module]
    for item in offered(offer):
        if offer == "MANAGERS":  # a folder that has been added to Yucca's package
            names = sorted(name for _, name, is_package in pkgutil.iter_modules([item]) if not is_package)
            yield from (importlib.import_module(f"{current_module}.{name}") for name in names)
            continue
        module = importlib.import_module(item)
        yield module
        for _, name, is_package in pkgutil.iter_modules(getattr(module, "__path__", [])):
            if not is_package:
                yield importlib.import_module(f"{item}.{name}")


def apply(module: Any) -> bool:
    """Patch ``recursive_find_python_class`` to search plugins first."""
    plain = module.recursive_find_python_class

    @wraps(plain)
    def recursive_find_python_class(folder: list[str], class_name: str, current_module: str) -> type:
        if current_module not in KINDS:
            return plain(folder, class_name, current_module)
        for candidate in plugin_modules(current_module):
            found = getattr(candidate, class_name, None)
            if isinstance(found, type) or callable(found):
                return found
        try:
            return plain(folder, class_name, current_module)
        except AssertionError:
            raise SystemExit(_unknown(class_name, current_module)) from None

    module.recursive_find_python_class = recursive_find_python_class
    return True


def known_names(current_module: str) -> list[str]:
    """Names of the classes defined by plugins and in the Yucca modules imported by a failed search."""
    import sys

    prefix = current_module + "."
    modules = [*plugin_modules(current_module), *(m for n, m in sys.modules.items() if n.startswith(prefix))]
    return sorted(
        {
            name
            for module in modules
            for name, value in vars(module).items()
            if isinstance(value, type) and value.__module__ == module.__name__ and not name.startswith("_")
        }
    )


def _unknown(class_name: str, current_module: str) -> str:
    kind, _ = KINDS[current_module]
    names = known_names(current_module)
    near = difflib.get_close_matches(class_name, names, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"error: there is no {kind} called '{class_name}'.{hint} Known: {', '.join(names)}"
