"""Surroundings of lesions in a tissue map: distances to ventricles and cortex, contacts, and the side of the tentorium.

The map is ignored at lesion voxels, where the lesion map is more reliable (segmenters take dark lesions for grey matter
or fluid). For the same reason islands under 1 ml, such as rims of lesions, count neither as cortex nor as part of the
brain above or below the tentorium. Distances are between voxel centres in world mm, which accounts for thick slices.
Two voxels **touch** if they share a face, an edge or a corner.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.tissue import Tissue
from yucca_wm.imaging.images import Image, count_labels
from yucca_wm.imaging.reading import spelled
from yucca_wm.localize.measures.lesions import TIE_MM, Components

PERIVENTRICULAR_MM = 10.0
"""Voxels within this distance of a lateral ventricle are periventricular."""

ISLAND_ML = 1.0
"""Connected cortex has hundreds of ml; false cortex around lesions stays well below this."""

SUPRATENTORIAL = (Tissue.CEREBRAL_WHITE_MATTER, Tissue.CORTICAL_GREY_MATTER, Tissue.DEEP_GREY_MATTER)
INFRATENTORIAL = (Tissue.CEREBELLUM, Tissue.BRAINSTEM)


@dataclass(frozen=True)
class Surroundings:
    """Surroundings of each lesion voxel and each lesion in the tissue map.

    lesion : [voxels] number of the lesion that each voxel belongs to.
    ventricle_mm, cortex_mm : [voxels] distance to the nearest lateral ventricle, to the nearest cortical grey matter.
    infratentorial : [voxels] whether it is nearer to cerebellum or brainstem than to any tissue above the tentorium.
    touches_ventricle, touches_cortex : [voxels] whether the voxel itself touches.
    callosal : [voxels] whether it is in the corpus callosum.
    """

    lesion: NDArray[np.intp]
    ventricle_mm: NDArray[np.float64]
    cortex_mm: NDArray[np.float64]
    infratentorial: NDArray[np.bool_]
    touches_ventricle: NDArray[np.bool_]
    touches_cortex: NDArray[np.bool_]
    callosal: NDArray[np.bool_]

    def of_lesions(self, voxels: NDArray[np.bool_]) -> NDArray[np.intp]:
        """[lesions] number of each lesion's voxels among ``voxels`` (bool [voxels])."""
        return np.bincount(self.lesion[voxels], minlength=int(self.lesion.max(initial=-1)) + 1)

    def any_of(self, voxels: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """[lesions] whether any voxel of the lesion is among ``voxels`` (bool [voxels])."""
        return self.of_lesions(voxels) > 0

    @cached_property
    def sizes(self) -> NDArray[np.intp]:
        return self.of_lesions(np.ones(len(self.lesion), bool))

    @cached_property
    def near_ventricle(self) -> NDArray[np.bool_]:
        """[voxels] whether it is within PERIVENTRICULAR_MM of a lateral ventricle."""
        return self.ventricle_mm <= PERIVENTRICULAR_MM + TIE_MM

    @cached_property
    def lesions_at_ventricle(self) -> NDArray[np.bool_]:
        """[lesions] whether it touches a lateral ventricle."""
        return self.any_of(self.touches_ventricle)

    @cached_property
    def lesions_of_callosum(self) -> NDArray[np.bool_]:
        """[lesions] whether it lies mostly in the corpus callosum."""
        return 2 * self.of_lesions(self.callosal) > self.sizes

    @cached_property
    def lesions_periventricular(self) -> NDArray[np.bool_]:
        """[lesions] whether it is periventricular by the McDonald criteria."""
        return self.lesions_at_ventricle | self.lesions_of_callosum

    @cached_property
    def lesions_at_cortex(self) -> NDArray[np.bool_]:
        """[lesions] whether it touches cortical grey matter."""
        return self.any_of(self.touches_cortex)


def surroundings(components: Components, tissue: Image, callosal: NDArray[np.bool_]) -> Surroundings | None:
    """Distances and contacts of every lesion voxel; None as in `place_lesions`. callosal : bool [voxels]."""
    around = tissue.data.copy()
    around[tuple(components.voxels.T)] = 0

    def distance_mm(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        return _distance_mm(components.voxels, mask, tissue.affine)

    ventricles = around == Tissue.LATERAL_VENTRICLES
    cortex = _without_islands(around == Tissue.CORTICAL_GREY_MATTER, tissue.voxel_volume_mm3)
    if not (ventricles.any() and cortex.any()):
        return None
    above, below = (
        _without_islands(np.isin(around, labels), tissue.voxel_volume_mm3)
        for labels in (SUPRATENTORIAL, INFRATENTORIAL)
    )
    return Surroundings(
        lesion=components.lesion,
        ventricle_mm=distance_mm(ventricles),
        cortex_mm=distance_mm(cortex),
        infratentorial=distance_mm(below) + TIE_MM < distance_mm(above),
        touches_ventricle=_touches(components.voxels, ventricles),
        touches_cortex=_touches(components.voxels, cortex),
        callosal=callosal,
    )


def ventricle_distances(components: Components, ventricles: Image) -> NDArray[np.float64]:
    """Distance of each lesion voxel to the nearest voxel of a ventricle map, centre to centre.

    Parameters
    ----------
    components : Components
        Lesions.
    ventricles : Image
        Mask or label map [i, j, k] on the lesions' grid; every non-zero voxel is ventricle.

    Returns
    -------
    ndarray, float, shape (voxels,)
        Distance in mm.

    Raises
    ------
    InputError
        The map has no ventricle voxel.
    """
    from scipy.spatial import KDTree

    ventricle_voxels = np.argwhere(ventricles.data)
    if not len(ventricle_voxels):
        remedy = f"leave {spelled('--ventricles', 'ventricles')} out or mend the map"
        raise InputError(ventricles.name, "holds no ventricle voxel", remedy)
    to_world = ventricles.affine[:3, :3].T
    distance, _ = KDTree(ventricle_voxels @ to_world).query(components.voxels @ to_world)
    return np.asarray(distance)


def _without_islands(mask: NDArray[np.bool_], voxel_volume_mm3: float) -> NDArray[np.bool_]:
    """``mask`` [i, j, k] without components (26 neighbours) under ISLAND_ML."""
    import cc3d

    labels = cc3d.connected_components(mask.astype(np.uint8), connectivity=26)
    kept = count_labels(labels) * voxel_volume_mm3 >= 1000 * ISLAND_ML
    kept[0] = False
    return np.asarray(kept[labels])


def _distance_mm(voxels: NDArray[np.intp], mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """[voxels] distance (mm) to the nearest voxel of ``mask`` [i, j, k], centre to centre; infinite if it is empty."""
    from scipy.ndimage import binary_erosion
    from scipy.spatial import KDTree

    # a voxel whose neighbours are all in the mask is never the nearest one to a voxel outside
    surface = np.argwhere(mask & ~binary_erosion(mask, np.ones((3, 3, 3))))
    if not len(surface):
        return np.full(len(voxels), np.inf)
    to_world = affine[:3, :3].T
    distance, _ = KDTree(surface @ to_world).query(voxels @ to_world)
    return np.asarray(distance)


def _touches(voxels: NDArray[np.intp], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[voxels] whether any of the 26 neighbours of ``voxels`` [n, 3] is in ``mask`` [i, j, k]."""
    padded = np.pad(mask, 1)
    touching = np.zeros(len(voxels), bool)
    for step in product((0, 1, 2), repeat=3):
        touching |= padded[tuple((voxels + step).T)]
    return touching
