"""Classify lesions by clinical location (place): infratentorial, periventricular, juxtacortical, deep.

A tissue map shows the surroundings (`yucca_wm.localize.measures.surroundings`: what is near, and what touches).

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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.regions import TOTAL, RegionTable
from yucca_wm.imaging.images import Image
from yucca_wm.localize.measures.lesions import TIE_MM, Components
from yucca_wm.localize.measures.surroundings import PERIVENTRICULAR_MM, Surroundings, surroundings

JUXTACORTICAL_MM = 4.0
"""Voxels of a lesion that touches cortex are juxtacortical up to this distance from it."""

CALLOSUM = "callosum"
"""Regions with this in their names belong to the corpus callosum."""

NO_PLACES = {"no_places": "the tissue map has no lateral ventricle or no cortex: no place is given"}
"""The flag of a subject whose tissue map does not show places."""

SORTED = (
    "A lesion is counted once, in the place of the whole lesion; its volume goes to the place of each of its voxels. "
    "So a place may have lesions and no volume, or the reverse."
)
"""Sentence below a table of places."""


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
    """One row of ``places.tsv``; ``share_percent`` in percent of the lesion volume, None if there is no lesion.

    All numbers of a place are None if the tissue map shows no places."""

    place: str
    lesion_voxels: int | None
    lesion_volume_ml: float | None
    share_percent: float | None
    n_lesions: int | None


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


def unknown_places(components: Components, voxel_volume_mm3: float) -> list[PlaceRow]:
    """The rows of a subject whose tissue map shows no places: only their total is known."""
    n = len(components.voxels)
    total = PlaceRow(TOTAL, n, n * voxel_volume_mm3 / 1000, 100.0 if n else None, components.count)
    return [*(PlaceRow(place.name, None, None, None, None) for place in PLACES), total]


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


def _first(holds: Sequence[NDArray[np.bool_]]) -> NDArray[np.intp]:
    """Index of the first rule that holds, for each lesion or voxel. holds : rule by rule, bool [n]."""
    return np.asarray(np.argmax(np.stack(holds), axis=0), dtype=np.intp)
