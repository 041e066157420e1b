"""Classify lesions by clinical location (place): infratentorial, periventricular, juxtacortical, deep.

A tissue map shows the surroundings. It is ignored at lesion voxels, where the lesion map is more reliable (segmenters
take dark lesions for grey matter or fluid). For the same reason islands under 1 ml, such as rims of lesions, count
neither as cortex nor as part of the brain above or below the tentorium. Distances are between voxel centres in world
mm, which accounts for thick slices. Two voxels **touch** if they share a face, an edge or a corner.

The place of a **lesion** is the first of these that holds:

1. infratentorial: for most of its voxels the nearest tissue other than fluid is cerebellum or brainstem;
2. periventricular, touching: it touches a lateral ventricle, or most of it lies in the corpus callosum, if the region
   table has one (McDonald 2017 and MAGNIMS: "periventricular", which includes lesions of the corpus callosum);
3. juxtacortical: it touches cortical grey matter (McDonald 2017 and MAGNIMS);
4. periventricular, near: part of it lies within 10 mm of a lateral ventricle (the rule of studies of ageing);
5. deep: the rest, deep grey matter included.

The place of a **voxel**, for volumes, depends on its own distances, as a confluent lesion may extend from the ventricle
to the cortex: infratentorial if the nearest tissue is; else periventricular within 10 mm of a lateral ventricle
(touching or near, like its lesion); else juxtacortical if its lesion touches cortex and is not one of the corpus
callosum, and the voxel itself is within 4 mm of cortex; else deep. So both periventricular volumes together follow the
10-mm rule, juxtacortical and deep together are what studies of ageing call deep, and all add up to the lesion volume
exactly.

Sources: Thompson et al., Lancet Neurol 17:162 (2018, McDonald 2017 criteria); Filippi et al., Lancet Neurol 15:292
(2016, MAGNIMS), and Brain 142:1858 (2019, for the corpus callosum); DeCarli et al., Stroke 36:50 (2005) and Griffanti
et al., NeuroImage 170:174 (2018) for 10 mm; Kim et al., Biol Psychiatry 64:273 (2008) for 4 mm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.regions import RegionTable
from yucca_wm.core.tissue import Tissue
from yucca_wm.imaging.images import Image, count_labels
from yucca_wm.imaging.reading import spelled
from yucca_wm.localize.measures.lesions import TIE_MM, Components

PERIVENTRICULAR_MM = 10.0
"""Voxels within this distance of a lateral ventricle are periventricular."""

JUXTACORTICAL_MM = 4.0
"""Voxels of a lesion that touches cortex are juxtacortical up to this distance from it."""

CALLOSUM = "callosum"
"""Regions with this in their names belong to the corpus callosum."""

ISLAND_ML = 1.0
"""Connected cortex has hundreds of ml; false cortex around lesions stays well below this."""

SUPRATENTORIAL = (Tissue.CEREBRAL_WHITE_MATTER, Tissue.CORTICAL_GREY_MATTER, Tissue.DEEP_GREY_MATTER)
INFRATENTORIAL = (Tissue.CEREBELLUM, Tissue.BRAINSTEM)

NO_PLACES = {"no_places": "the tissue map has no lateral ventricle or no cortex: no place is given"}
"""The flag of a subject whose tissue map does not show places."""

TOTAL = "total"
"""Name of the last row of ``places.tsv``."""

SORTED = (
    "A lesion is counted once, in the place of the whole lesion; its volume goes to the place of each of its voxels. "
    "So a place may have lesions and no volume, or the reverse."
)
"""Sentence below a table of places."""


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


Rule = Callable[[Surroundings], NDArray[np.bool_]]


@dataclass(frozen=True)
class Place:
    """One place. title : for display; color : ``#rrggbb``; lesions, voxels : rules for lesions and for voxels."""

    name: str
    title: str
    color: str
    lesions: Rule
    voxels: Rule


PLACES = (
    Place(
        "infratentorial", "infratentorial (cerebellum, brainstem)", "#CC79A7",
        lambda s: 2 * s.of_lesions(s.infratentorial) > s.sizes,
        lambda s: s.infratentorial,
    ),
    Place(
        "periventricular_touching", "periventricular, touching a lateral ventricle or callosal", "#D55E00",
        lambda s: s.lesions_periventricular,
        lambda s: s.near_ventricle & s.lesions_periventricular[s.lesion],
    ),
    Place(
        "juxtacortical", "juxtacortical (touching the cortex)", "#009E73",
        lambda s: s.lesions_at_cortex,
        lambda s: ~s.near_ventricle & (s.lesions_at_cortex & ~s.lesions_of_callosum)[s.lesion]
        & ((s.cortex_mm <= JUXTACORTICAL_MM + TIE_MM) | s.touches_cortex),
    ),
    Place(
        "periventricular_near", f"periventricular, within {PERIVENTRICULAR_MM:g} mm, not touching", "#E69F00",
        lambda s: s.any_of(s.near_ventricle),
        lambda s: s.near_ventricle,
    ),
    Place(
        "deep", "deep (the rest)", "#56B4E9",
        lambda s: np.ones(len(s.sizes), bool),
        lambda s: np.ones(len(s.lesion), bool),
    ),
)  # fmt: skip
"""In order: a lesion, or a voxel, belongs to the first place whose rule holds; the last rule always holds."""


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """One row of ``places.tsv``; ``share_percent`` in percent of the lesion volume, None if there is no lesion."""

    place: str
    lesion_voxels: int
    lesion_volume_ml: float
    share_percent: float | None
    n_lesions: int


@dataclass(frozen=True)
class Placed:
    """The lesions of a subject by place.

    of_lesion, of_voxel : [lesions], [voxels] index in PLACES.
    surroundings : basis of the classification.
    """

    of_lesion: NDArray[np.intp]
    of_voxel: NDArray[np.intp]
    surroundings: Surroundings

    def rows(self, voxel_volume_mm3: float) -> list[PlaceRow]:
        """A row for each of PLACES, then their total."""
        voxels = np.bincount(self.of_voxel, minlength=len(PLACES)).tolist()
        lesions = np.bincount(self.of_lesion, minlength=len(PLACES)).tolist()
        names = [place.name for place in PLACES]
        total = sum(voxels)
        return [
            PlaceRow(name, n, n * voxel_volume_mm3 / 1000, 100 * n / total if total else None, count)
            for name, n, count in zip([*names, TOTAL], [*voxels, total], [*lesions, sum(lesions)], strict=True)
        ]


def place_lesions(
    components: Components, tissue: Image, regions: NDArray[np.integer[Any]], table: RegionTable
) -> Placed | None:
    """Assign a place to every lesion and every lesion voxel.

    Parameters
    ----------
    components : Components
        Lesions.
    tissue : Image
        Label map [i, j, k] (`yucca_wm.core.tissue.Tissue`) on the lesions' grid.
    regions : ndarray, int, shape (i, j, k)
        Label map of ``table`` on that grid, which shows the corpus callosum.
    table : RegionTable
        The regions.

    Returns
    -------
    Placed or None
        None if the tissue map has no lateral ventricle or no cortex outside the lesions.
    """
    callosum = [region.index for region in table if CALLOSUM in region.name.casefold()]
    around = surroundings(components, tissue, np.isin(regions[tuple(components.voxels.T)], callosum))
    if around is None:
        return None
    return Placed(_first([p.lesions(around) for p in PLACES]), _first([p.voxels(around) for p in PLACES]), around)


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


def _first(holds: Sequence[NDArray[np.bool_]]) -> NDArray[np.intp]:
    """Index of the first rule that holds, for each lesion or voxel. holds : rule by rule, bool [n]."""
    return np.asarray(np.argmax(np.stack(holds), axis=0), dtype=np.intp)


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
