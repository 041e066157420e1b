"""Settings of YuccaManager_Synthesis in 2D and 3D, and combinations that it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from yucca_wm.models.conventions import SIZE

PLANE_SIZE = (160, 208)
"""Pixels of 1 mm, left-right and back-front."""

GRADIENT_CLIP = 3.0


@dataclass(frozen=True)
class Settings:
    """Defaults of a manager. The planner determines the targets; the loss matches it."""

    planner: str
    loss: str
    patch_size: tuple[int, ...]


SETTINGS = {
    "2D": Settings("YuccaPlanner_Planes", "LesionTissueLoss", PLANE_SIZE),
    "3D": Settings("YuccaPlanner_Volumes", "BrainRegionSkeletonLoss", SIZE),
}


def settings_of(
    dimensions: str, planner: str, patch_size: Sequence[int | str] | None, deep_supervision: bool
) -> Settings:
    """Settings for ``dimensions``, with the requested patch size.

    Ends the command in one line if the planner is for other dimensions, the patch has a size that is not painted
    (volumes have one size; sides of planes are multiples of 16), or deep supervision is requested.
    """
    chosen = SETTINGS[dimensions]
    if planner not in ("YuccaPlanner", chosen.planner):
        raise SystemExit(f"error: -d {dimensions} of YuccaManager_Synthesis goes with -pl {chosen.planner}")
    if deep_supervision:
        raise SystemExit("error: YuccaManager_Synthesis trains without deep supervision: leave out -ds")
    if patch_size is None:
        return chosen
    size = tuple(int(n) for n in patch_size if str(n).isdigit())
    planar = dimensions == "2D"
    if (not planar and size != SIZE) or (planar and (len(size) != 2 or any(n % 16 or n < 32 for n in size))):
        wanted = "two multiples of 16, from 32 on" if planar else " ".join(map(str, SIZE))
        raise SystemExit(f"error: --patch_size {' '.join(map(str, patch_size))}: give {wanted}")
    return Settings(chosen.planner, chosen.loss, size)
