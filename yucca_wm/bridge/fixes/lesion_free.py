"""A training case whose label is empty does not stop preprocessing.

Patches ``process`` (yucca/pipeline/planning/dataset_properties.py).
Symptom: intensities are taken over label > 0; without such a voxel the minimum of nothing fails, the error is
suppressed, and preprocessing dies later with "UnboundLocalError: ... 'mn'". Healthy subjects are normal in a cohort.
Cure: such a case's intensities are taken over its non-background voxels, as Yucca does for cases without a label.
A file that cannot be read is one clear error that names it.
"""

from __future__ import annotations

from typing import Any


def process(subject: list[str | None], background_pixel_value: int = 0) -> dict[str, Any]:
    """Replacement of Yucca's function of the same name; at module level so that worker processes can find it."""
    from yucca.functional.utils.loading import read_file_to_nifti_or_np
    from yucca.functional.utils.type_conversions import nifti_or_np_to_np
    from yucca.pipeline.planning import dataset_properties

    image, label = subject
    if label is not None and not (nifti_or_np_to_np(read_file_to_nifti_or_np(label)) > 0).any():
        label = None
    try:
        return dataset_properties.plain_process([image, label], background_pixel_value)
    except UnboundLocalError:
        raise SystemExit(f"error: {image}: cannot be read, or holds no voxel above {background_pixel_value}") from None


def apply(module: Any) -> bool:
    """Replace ``process`` by one that accepts cases with an empty label; False if replaced already."""
    if hasattr(module, "plain_process"):
        return False
    module.plain_process, module.process = module.process, process
    return True
