"""The start-up hook: loaded at every Python start through ``yucca_wm.pth``, so it does next to nothing.

It puts one finder on ``sys.meta_path``. Only when a Yucca module is imported does the finder load the table of fixes
(`yucca_wm.bridge.fixes`) and, right after that module has been executed and before other code takes names from it,
apply the fixes for it. ``YUCCA_WM_DISABLE=1`` leaves Yucca unpatched.
"""

from __future__ import annotations

import os
import sys

DISABLE_VARIABLE = "YUCCA_WM_DISABLE"


class YuccaFinder:
    """Finder of Yucca modules by the usual import system that then has their fixes applied after execution."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name != "yucca" and not name.startswith("yucca."):
            return None
        from yucca_wm.bridge.fixes import FIXES, apply_fixes

        if name not in FIXES.values():
            return None
        for finder in sys.meta_path:
            if finder is cls or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                break
        else:
            return None
        if spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module):  # type: ignore[no-untyped-def]
                execute(module)
                apply_fixes(module)

            spec.loader.exec_module = exec_module
        return spec


def install() -> None:
    """Put the finder in place, once; does nothing if YUCCA_WM_DISABLE is set to anything but 0."""
    if os.environ.get(DISABLE_VARIABLE, "0") in ("", "0") and YuccaFinder not in sys.meta_path:
        sys.meta_path.insert(0, YuccaFinder)


install()
