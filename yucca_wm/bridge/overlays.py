"""Classes and folders that this package offers to Yucca, and the entry point for other packages to offer theirs.

A package registers an entry point in the group ``yucca.plugins`` that points to a module such as this one. It may
define any of these lists:

- ``MANAGERS``, ``TASKS``: folders of modules that join ``yucca.pipeline.managers`` and
  ``yucca.pipeline.task_conversion``;
- ``NETWORKS``, ``LOSSES``, ``PLANNERS``, ``PREPROCESSORS``: names of packages or modules that hold such classes.

Yucca looks a class up by its name; classes from plugins are found before Yucca's own.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

GROUP = "yucca.plugins"


def _folder(name: str) -> str:
    """A folder that mirrors one of Yucca's: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parents[1]
    packed = package / "_overlay" / name
    return str(packed if packed.is_dir() else package.parent / name)


MANAGERS = [_folder("managers")]
TASKS = [_folder("task_conversion")]
NETWORKS = ["yucca_wm.training.networks"]
LOSSES = ["yucca_wm.training.losses.skeleton_recall", "yucca_wm.training.synthesis.learning.losses"]
PLANNERS = ["yucca_wm.training.planners"]


@cache
def plugins() -> tuple[ModuleType, ...]:
    """The registered plugin modules: this package's first, the others by name.

    An import error inside a plugin is raised with the plugin's name: skipping it silently could mean that another
    class of the same name is used in its place.
    """
    import yucca_wm.bridge.overlays as ours

    found: dict[str, ModuleType] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            plugin = entry.load()
        except Exception as error:
            raise ImportError(f"the Yucca plugin '{entry.name}' ({entry.value}) cannot be imported: {error}") from error
        if plugin is not ours:
            found[entry.value] = plugin
    return (ours, *found.values())


def offered(what: str) -> list[str]:
    """Entries that plugins list under ``what`` (for instance "MANAGERS"), in order."""
    return [item for plugin in plugins() for item in getattr(plugin, what, [])]
