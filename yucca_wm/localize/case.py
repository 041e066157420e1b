"""Localize one subject step by step: read the maps; find, place and count lesions; write the results.

Each step is a function of another module that returns data; this module calls them in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from yucca_wm.core.regions import RegionTable
from yucca_wm.imaging import images
from yucca_wm.imaging.images import Image
from yucca_wm.localize.inputs.pairs import Maps, Pair
from yucca_wm.localize.inputs.reading import LabelMaps, load_modality, read_maps
from yucca_wm.localize.inputs.records import by_network, registration_flag, scans_flags
from yucca_wm.localize.maps import Derivative, labelled_lesions
from yucca_wm.localize.measures.flags import (
    beyond_flag,
    disagreement,
    grids_flag,
    ignored_flag,
    quality_flags,
    small_load,
)
from yucca_wm.localize.measures.lesions import Settings, assign_outside, counted_lesions, intersect
from yucca_wm.localize.measures.load import CaseResult, census, census_order, load_rows, modality_rows, with_ignored
from yucca_wm.localize.measures.places import NO_PLACES, place_lesions, unknown_places
from yucca_wm.localize.measures.positions import positions_of, region_centres
from yucca_wm.localize.measures.surroundings import ventricle_distances
from yucca_wm.localize.outputs.parts import Parts, part_of
from yucca_wm.localize.tables import Table


def localize_case(
    pair: Pair,
    table: RegionTable,
    settings: Settings,
    tables: Sequence[Table],
    parts: Parts,
    maps_dir: Path | None = None,
    derivative: Derivative | None = None,
) -> dict[str, str]:
    """Localize one subject's lesions and write its part of the outputs; returns its flags.

    tables : tables to write rows for. maps_dir, derivative : destinations of the lesions labelled by region; None: not
    written.
    """
    maps = read_maps(pair, table, settings)
    result = localize_maps(pair, maps, table, settings)
    lines = {entry.name: entry.lines(result) for entry in tables}
    if maps_dir is not None or derivative is not None:
        labelled = maps.cut(labelled_lesions(maps.lesions, maps.regions, table, settings))
        if maps_dir is not None:
            images.save(labelled, maps_dir / f"{pair.subject}.nii.gz")
        if derivative is not None:
            derivative.write_subject(pair, labelled, settings)
    parts.write(pair.subject, part_of(result, pair, table, lines))
    return result.flags


def localize_maps(given: Maps, maps: LabelMaps, table: RegionTable, settings: Settings) -> CaseResult:
    """Localize one subject's lesions, and evaluate the companions of its maps; nothing is written.

    given : sources of the maps, and their companions. maps : the maps, from `read_maps`.
    """
    result = localize(given.subject, maps.lesions, maps.regions, table, settings, maps.ventricles, maps.tissue)
    flags = result.flags | beyond_flag(maps.regions, maps.own, table) | grids_flag(maps.lesions, maps.region_map)
    companions = given.companions
    flags |= scans_flags(given.lesions, given.regions)
    flags |= registration_flag(given.regions)
    if by_network(given.lesions):
        flags |= small_load(result.total, [lesion.volume_ml for lesion in result.lesions])
    if companions.lesion_softmax is not None and companions.region_softmax is not None:
        from yucca_wm.localize.measures.expected import expected_rows

        softmaxes = companions.lesion_softmax, companions.region_softmax
        result = replace(result, soft=expected_rows(*softmaxes, maps.lesions, table, settings))
    if result.places and not result.shows_places:
        flags |= NO_PLACES
    if companions.modalities is not None:
        alone = {}
        for modality in companions.modalities:
            own = load_modality(modality, maps.region_map, table, settings)
            unassigned = replace(settings, assign_outside_mm=0)
            alone[modality.name] = localize(modality.name, *own, table, unassigned).load
        result = replace(result, modalities=modality_rows(result.load, alone))
        flags |= disagreement(result.load, alone) if alone else {}
    return replace(result, flags=flags)


def localize(
    subject: str,
    lesions: Image,
    regions: Image,
    table: RegionTable,
    settings: Settings | None = None,
    ventricles: Image | None = None,
    tissue: Image | None = None,
) -> CaseResult:
    """Localize the lesions of one subject; all images are label maps [i, j, k] on one grid.

    Parameters
    ----------
    subject : str
        Name of the subject.
    lesions, regions : Image
        Lesion map, and region map with labels of ``table``.
    table : RegionTable
        The regions.
    settings : Settings, optional
        Default: those of `Settings`.
    ventricles : Image, optional
        Map that distances are measured to. Default: the lateral ventricles of ``tissue``.
    tissue : Image, optional
        Tissue map, which gives the places of lesions.

    Returns
    -------
    CaseResult
        Loads, lesions, places and flags.

    Raises
    ------
    InputError
        Grids of lesions and regions differ, or the ventricle map is empty.
    """
    settings = settings or Settings()
    images.check_same_grid(lesions, regions)
    volume_mm3 = lesions.voxel_volume_mm3
    components = counted_lesions(lesions, settings)
    counts = intersect(components, regions.data, table.indices)
    assigned = None
    if settings.assign_outside_mm > 0:
        assigned = assign_outside(components, counts, regions.data, lesions.affine, settings.assign_outside_mm)
    placed = None if tissue is None else place_lesions(components, tissue, regions.data, table)
    places = []
    if tissue is not None:
        places = unknown_places(components, volume_mm3) if placed is None else placed.rows(volume_mm3)
    distance_mm = None if placed is None else placed.surroundings.ventricle_mm
    if ventricles is not None:
        distance_mm = ventricle_distances(components, ventricles)
    order = census_order(components, counts, lesions.affine)
    load = with_ignored(load_rows(counts, table, volume_mm3, assigned), lesions, regions, settings)
    lesion_rows = census(components, counts, order, table, lesions.affine, distance_mm, placed)
    centres = region_centres(regions, table)
    positions = positions_of(components, counts, order, centres, regions, table)
    return CaseResult(
        subject=subject,
        voxel_volume_mm3=volume_mm3,
        spacing_mm=tuple(lesions.spacing_mm.tolist()),
        load=load,
        lesions=lesion_rows,
        removed_voxels=components.removed_voxels,
        removed_lesions=components.removed_lesions,
        positions=positions,
        flags=quality_flags(load, table, centres) | ignored_flag(load[-1], settings),
        places=places,
    )
