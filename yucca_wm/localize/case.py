"""One subject: two maps in, its tables out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core import images
from yucca_wm.core.errors import InputError
from yucca_wm.core.grids import on_grid
from yucca_wm.core.images import Image, Source, name_of
from yucca_wm.core.regions import RegionTable
from yucca_wm.core.tissue import tissues
from yucca_wm.localize.flags import disagreement, ignored_flag, quality_flags, registration_flag
from yucca_wm.localize.inputs import Companions, Maps, Modality
from yucca_wm.localize.lesions import Components, Settings, assign_outside, counted_lesions, intersect
from yucca_wm.localize.load import LesionRow, LoadRow, ModalityRow, census, load_rows, modality_rows, with_ignored
from yucca_wm.localize.places import NO_PLACES, PlaceRow, place_lesions

if TYPE_CHECKING:
    from yucca_wm.localize.expected import SoftRow


TWO_MAPS = "give the lesions on one side and the regions on the other"


@dataclass(frozen=True)
class CaseResult:
    """What was measured in one subject.

    load : a row for each region, outside and total.
    lesions : a row for each lesion.
    flags : name -> what a reader should know before trusting the numbers.
    soft : expected volumes, a row for each region, outside and total; empty without softmaxes.
    modalities : volumes by modality, rows as in ``load``; empty without maps of one modality.
    places : a row for each place and their total; empty without a tissue map that tells places.
    removed_voxels, removed_lesions : below the minimum size, not in any table.
    """

    subject: str
    voxel_volume_mm3: float
    load: list[LoadRow]
    lesions: list[LesionRow]
    removed_voxels: int
    removed_lesions: int
    flags: dict[str, str] = field(default_factory=dict)
    soft: list[SoftRow] = field(default_factory=list)
    modalities: list[ModalityRow] = field(default_factory=list)
    places: list[PlaceRow] = field(default_factory=list)

    @property
    def total(self) -> LoadRow:
        return self.load[-1]

    @property
    def outside(self) -> LoadRow:
        return self.load[-2]


def localize_files(pair: Maps, table: RegionTable, settings: Settings) -> CaseResult:
    """Read one subject's maps, as far as they are not in memory, and localize its lesions.

    Raises InputError for unreadable files, labels that are not in the table (regions) or not in the settings
    (lesions), and grids that differ.
    """
    lesions, regions, ventricles = load_pair(pair, table, settings)
    tissue = load_tissue(pair.companions, lesions, settings)
    if lesions.data.any() and np.array_equal(lesions.data, regions.data):
        problem = f"holds the same voxels as the region map {name_of(pair.regions)}"
        raise InputError(name_of(pair.lesions), problem, TWO_MAPS)
    result = localize(pair.subject, lesions, regions, table, settings, ventricles, tissue)
    flags = result.flags | registration_flag(pair.regions)
    soft = _soft_rows(pair.companions, lesions, table, settings)
    rows: list[ModalityRow] = []
    if tissue is not None and not result.places:
        flags |= NO_PLACES
    if pair.companions.modalities is not None:
        modalities = pair.companions.modalities
        alone = {modality.name: _modality_load(modality, regions, table, settings) for modality in modalities}
        rows = modality_rows(result.load, alone)
        flags |= disagreement(result.load, alone) if alone else {}
    return replace(result, flags=flags, soft=soft, modalities=rows)


def load_tissue(companions: Companions, lesions: Image, settings: Settings) -> Image | None:
    """The tissue map, if there is one, on the lesions' grid.

    Raises InputError for labels that are no tissue, and another grid.
    """
    if companions.tissue is None:
        return None
    return on_grid(images.load_labels(companions.tissue, {0, *tissues().indices}), lesions, resample=settings.resample)


def _soft_rows(companions: Companions, lesions: Image, table: RegionTable, settings: Settings) -> list[SoftRow]:
    if companions.lesion_softmax is None or companions.region_softmax is None:
        return []
    from yucca_wm.localize.expected import Softmax, lesion_voxels, soft_rows

    softmax = Softmax(companions.lesion_softmax)
    if not settings.resample:
        on_grid(softmax.outline, lesions)
    voxels = lesion_voxels(softmax, settings.labels.among(softmax.classes))
    return soft_rows(voxels, Softmax(companions.region_softmax), table, resample=settings.resample)


def _modality_load(modality: Modality, regions: Image, table: RegionTable, settings: Settings) -> list[LoadRow]:
    """Load of the lesions of one modality in its own regions, or else in the ensemble's."""
    labels = settings.labels
    lesions = _load_map(modality.lesions, labels.load, labels.known)
    if modality.regions is not None:
        known = {0, *table.indices}
        regions = _load_map(modality.regions, partial(images.load_labels, allowed=known), known)
    on_lesions = on_grid(regions, lesions, resample=settings.resample)
    return localize(modality.name, lesions, on_lesions, table, replace(settings, assign_outside_mm=0)).load


def _load_map(path: Source, read: Callable[[Source], Image], allowed: set[int] | None) -> Image:
    """What ``read`` makes of a file or an image in memory, or the likeliest labels of a softmax file (``.npz``).

    allowed : labels of a softmax file; None: any.

    Raises InputError as ``read``, and for labels of a softmax file that are not allowed.
    """
    if isinstance(path, Image) or path.suffix != ".npz":
        return read(path)
    from yucca_wm.ensemble.folders import open_probabilities
    from yucca_wm.ensemble.merge import merge

    merged = merge([open_probabilities(path)])
    found = set(np.unique(merged.labels).tolist())
    if allowed is not None and (unknown := sorted(found - allowed)):
        raise InputError(path, f"gives labels that are not in the table: {', '.join(map(str, unknown[:5]))}")
    return Image(merged.labels, merged.grid.affine, path)


def load_pair(pair: Maps, table: RegionTable, settings: Settings) -> tuple[Image, Image, Image | None]:
    """Lesions, regions and ventricles (if any) of one subject, all on the lesions' grid."""
    lesions = settings.labels.load(pair.lesions)
    regions = on_grid(images.load_labels(pair.regions, {0, *table.indices}), lesions, resample=settings.resample)
    ventricles = None
    if pair.ventricles is not None:
        ventricles = on_grid(images.load_labels(pair.ventricles), lesions, resample=settings.resample)
    return lesions, regions, ventricles


def localize(
    subject: str,
    lesions: Image,
    regions: Image,
    table: RegionTable,
    settings: Settings | None = None,
    ventricles: Image | None = None,
    tissue: Image | None = None,
) -> CaseResult:
    """Localize the lesions of one subject; all images are label maps on one grid.

    ventricles : what distances are measured to (default: the lateral ventricles of ``tissue``).
    """
    settings = settings or Settings()
    images.check_same_grid(lesions, regions)
    volume_mm3 = lesions.voxel_volume_mm3
    components = counted_lesions(lesions, settings)
    counts = intersect(components, regions.data, table.indices)
    assigned = None
    if settings.assign_outside_mm > 0:
        assigned = assign_outside(components, counts, regions.data, lesions.affine, settings.assign_outside_mm)
    rows = with_ignored(load_rows(counts, table, volume_mm3, assigned), lesions, regions, settings)
    placed = None if tissue is None else place_lesions(components, tissue)
    distance_mm = None if placed is None else placed.surroundings.ventricle_mm
    if ventricles is not None:
        distance_mm = _distance_mm(components, ventricles)
    return CaseResult(
        subject=subject,
        voxel_volume_mm3=volume_mm3,
        load=rows,
        lesions=census(components, counts, table, lesions.affine, distance_mm, placed),
        removed_voxels=components.removed_voxels,
        removed_lesions=components.removed_lesions,
        flags=quality_flags(rows, table, regions) | ignored_flag(rows[-1], settings),
        places=[] if placed is None else placed.rows(volume_mm3),
    )


def _distance_mm(components: Components, ventricles: Image) -> NDArray[np.float64]:
    """[voxels] distance of each lesion voxel to the nearest ventricle voxel, centre to centre."""
    from scipy.spatial import KDTree

    ventricle_voxels = np.argwhere(ventricles.data)
    if not len(ventricle_voxels):
        raise InputError(ventricles.name, "holds no ventricle voxel", "leave --ventricles out or mend the map")
    to_world = ventricles.affine[:3, :3].T
    distance, _ = KDTree(ventricle_voxels @ to_world).query(components.voxels @ to_world)
    return np.asarray(distance)
