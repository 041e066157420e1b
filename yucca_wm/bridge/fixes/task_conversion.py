"""The overlay's task conversions join ``yucca.pipeline.task_conversion``.

Concerns yucca/pipeline/run/run_task_conversion.py: ``yucca_convert_task -t NAME`` imports
``yucca.pipeline.task_conversion.NAME`` and nothing else. The overlay folders are appended to the package's
``__path__``; Yucca's own files are found first, so none of them can be replaced by accident.
"""

from __future__ import annotations

from typing import Any

from yucca_wm.bridge.overlays import offered


def apply(module: Any) -> bool:
    """Append the overlay folders to the ``__path__`` of the task conversions; False if all are there."""
    new = [folder for folder in offered("TASKS") if folder not in module.__path__]
    module.__path__.extend(new)
    return bool(new)
