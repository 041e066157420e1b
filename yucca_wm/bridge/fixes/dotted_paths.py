"""Folders may have a dot in their name.

Patches ``read_file_to_nifti_or_np`` (yucca/functional/utils/loading.py).
Symptom: the file's type is taken to be all that follows the first dot of the whole path, so that below a folder such as
``study.v2`` every image is refused: "File type invalid".
Cure: NIfTI files are known by the end of their name.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from yucca_wm.core.files import NIFTI_SUFFIXES


def apply(module: Any) -> bool:
    """Patch ``read_file_to_nifti_or_np`` to recognise NIfTI files by the end of their name."""
    plain = module.read_file_to_nifti_or_np

    @wraps(plain)
    def read_file_to_nifti_or_np(imagepath: str, *args: Any, **kwargs: Any) -> Any:
        if str(imagepath).lower().endswith(NIFTI_SUFFIXES):
            return module.nib.load(imagepath)
        return plain(imagepath, *args, **kwargs)

    module.read_file_to_nifti_or_np = read_file_to_nifti_or_np
    return True
