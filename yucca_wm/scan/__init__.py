"""Check a subject's raw scans and bring them to one grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yucca_wm.scan.check import check_scans as check_scans
    from yucca_wm.scan.frame import Frame as Frame
    from yucca_wm.scan.frame import bring_to_one_frame as bring_to_one_frame
    from yucca_wm.scan.frame import carry_labels as carry_labels

HOMES = {"check_scans": "check", "Frame": "frame", "bring_to_one_frame": "frame", "carry_labels": "frame"}
"""Public name -> module, imported on first access because they need SimpleITK."""


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
