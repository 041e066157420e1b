"""The overlay's managers join ``yucca.pipeline.managers``.

Concerns yucca/pipeline/managers/__init__.py: Yucca has no plugin folder. The overlay folders are appended to the
package's ``__path__``, so that ``yucca.pipeline.managers.<file>`` can be imported, pickled and named in checkpoints.
"""

from __future__ import annotations

from typing import Any

from yucca_wm.bridge.overlays import offered


def apply(module: Any) -> bool:
    """Append the overlay folders to the package's ``__path__``; False if all are there."""
    new = [folder for folder in offered("MANAGERS") if folder not in module.__path__]
    module.__path__.extend(new)
    return bool(new)
