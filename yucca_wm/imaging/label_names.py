"""Names of the labels of a label map, in an extension of its NIfTI header: they stay with the file wherever it goes.

The extension is a comment (code 6 of the standard) with JSON. nibabel and FSL keep it; programs that do not know it
skip it, and ITK (SimpleITK, ITK-SNAP, 3D Slicer) drops it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nibabel.nifti1 import Nifti1Extension, Nifti1Header

COMMENT = 6
"""Code of a comment (nifti1.h)."""

KEY = "yucca_wm_label_names"


def stated_names(header: Any) -> dict[int, str]:
    """Label -> name, as a NIfTI header states; empty if it does not, for other headers, and without one (None)."""
    for extension in getattr(header, "extensions", ()):
        if (names := _read(extension)) is not None:
            return names
    return {}


def state_names(header: Nifti1Header, names: Mapping[int, str]) -> None:
    """State the names (label -> name) in ``header`` in place of those that it stated; without names, none."""
    header.extensions[:] = [extension for extension in header.extensions if _read(extension) is None]
    if names:
        content = json.dumps({KEY: {str(label): name for label, name in names.items()}}, ensure_ascii=False)
        header.extensions.append(Nifti1Extension(COMMENT, content.encode()))


def _read(extension: Any) -> dict[int, str] | None:
    """The names in an extension; None for those of other programs."""
    if extension.get_code() != COMMENT:
        return None
    try:
        content = json.loads(extension.get_content())
        return {int(label): str(name) for label, name in content[KEY].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
