"""Flags: what to know before trusting a subject's numbers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np

from yucca_wm.cohort.ids import sharers, with_others
from yucca_wm.cohort.visits import bare_person
from yucca_wm.core.errors import by_axis, count, some_of
from yucca_wm.core.modality import MODALITIES
from yucca_wm.core.notes import About
from yucca_wm.core.regions import RegionTable, Side
from yucca_wm.imaging.grids import share_voxels
from yucca_wm.imaging.images import Image
from yucca_wm.localize.measures.lesions import Settings
from yucca_wm.localize.measures.load import LoadRow
from yucca_wm.localize.measures.positions import Centres

HIGH_LOAD_PERCENT = 5.0
"""Lesions that fill more of the white-matter regions than this are rare: check the segmentation."""

HIGH_OUTSIDE_PERCENT = 20.0
"""A larger share of lesion volume outside every region suggests holes in the WM mask or a poor registration."""

ENSEMBLE = "ensemble"

MODALITIES_APART = 0.5
"""T1 and FLAIR disagree when their volumes differ, summed over all regions, by more than this share of both together
(the Bray-Curtis dissimilarity: 0 equal, 1 no region in common; 0.5 is also one three times the other) ..."""

MODALITIES_APART_ML = 1.0
"""... and by more than this, as small lesions differ easily."""

BEYOND_PERCENT = 1.0
"""At most this share of the regions may lie outside the lesion map's field of view, whose edge cuts voxels."""

SIDE_MARGIN_MM = 5.0
"""Sides are swapped if voxels of left regions are on average further than this to the right of right regions'. In the
pairs of regions of 34 people, the left region lay at least 11 mm to the left."""

SMALL_LOAD_ML, DRAWN_ML, SPECK_ML = 2.0, 1.3, 0.02
"""A load below the first, found by the models of this package, is small: of the second, drawn by a rater, little more
than a third was found in the same place (docs/what-to-expect.md). A lesion below the third is a speck."""

SMALL_LOAD = "small_load"
BY_HEADERS = "by_headers"
SAME_LESIONS = "same_lesions"
SAME_SCAN = "same_scan"
OTHER_SCANS = "other_scans"
OTHER_VOXELS = "other_voxels"

VISITS_APART = 1.1
"""Ratio of voxel sizes along an axis from which two visits count as scanned differently."""


TITLES: dict[str, str] = {
    "no_lesion": "no lesion",
    "high_load": f"lesions over {HIGH_LOAD_PERCENT:g} % of the white matter",
    SMALL_LOAD: f"a small load (under {SMALL_LOAD_ML:g} ml), of which much may be false",
    "high_outside": f"over {HIGH_OUTSIDE_PERCENT:g} % of the lesion volume outside every region",
    About.ABSENT_REGIONS: "regions without a voxel",
    "lesions_cut": f"over {BEYOND_PERCENT:g} % of the regions lie beyond the lesion map: lesions there are not known",
    BY_HEADERS: "lesions and regions lie on different grids: valid only if the underlying scans were registered",
    "ignored_labels": "lesion-map voxels whose label does not count",
    SAME_LESIONS: "the lesion map of another subject, byte for byte",
    SAME_SCAN: "a scan of another subject, voxel for voxel",
    "modality_disagreement": f"{' and '.join(MODALITIES)} disagree on where lesions are",
    About.WITHOUT_FLAIR: "lesions found on a T1 alone, where few show: not comparable with those found on FLAIR",
    OTHER_SCANS: "lesions found on other scans than in most subjects: not comparable with theirs",
    OTHER_VOXELS: "voxels of another size than at another visit of the person: their volumes cannot be compared as "
    "they are",
    About.CUT_OFF: "the scans end within the brain: volumes are wrong, and so are regions unless another scan "
    "shows the whole brain",
    About.PARTLY_ONE_SCAN: "one scan ends within the brain: beyond its end, lesions were searched for on the "
    "other alone",
    About.BLANK_SLICES: "slices within the head without any signal: lesions there are not visible",
    About.DOUBTFUL_SCANS: "scans that may be the wrong ones (exchanged, another contrast or person, a wrong header)",
    About.WEAK_FIT: "T1 and FLAIR match only weakly",
    About.ODD_ANATOMY: "the brain is unlike others: upside down or back to front by its header, or changed by disease",
    About.POOR_REGISTRATION: "the registration behind the region map is in doubt",
    "no_places": "no lateral ventricle or no cortex in the tissue map: lesions have no place",
    "sides_swapped": "left regions to the right of right ones (header and labels disagree)",
}
"""Flag name -> short meaning."""


def quality_flags(rows: list[LoadRow], table: RegionTable, centres: Centres) -> dict[str, str]:
    """Flag name -> one sentence; empty if there is nothing to report."""
    flags: dict[str, str] = {}
    total, outside = rows[-1], rows[-2]
    white_matter = set(table.measured.indices)
    in_wm = [row for row in rows if row.region_id in white_matter]
    absent = [row.name for row in in_wm if not row.region_voxels]
    if not total.lesion_voxels:
        flags["no_lesion"] = "no lesion was found"
    if (load := total.load_percent or 0) > HIGH_LOAD_PERCENT:
        flags["high_load"] = f"lesions fill {load:.1f} % of the white-matter regions (over {HIGH_LOAD_PERCENT:g} %)"
    if (outside.share_percent or 0) > HIGH_OUTSIDE_PERCENT:
        flags["high_outside"] = (
            f"{outside.share_percent:.1f} % of the lesion volume lies in no region (over {HIGH_OUTSIDE_PERCENT:g} %)"
        )
    if absent:
        shown = some_of(absent)
        flags[str(About.ABSENT_REGIONS)] = (
            f"{len(absent)} of {len(in_wm)} regions have no voxel in this subject: {shown}"
        )
    if said := _sides_swapped(table, centres):
        flags["sides_swapped"] = said
    return flags


def small_load(total: LoadRow, lesions_ml: Sequence[float]) -> dict[str, str]:
    """``small_load`` for lesions that the models of this package found. lesions_ml : volume of every lesion."""
    if not 0 < total.lesion_volume_ml < SMALL_LOAD_ML:
        return {}
    specks = sum(volume_ml < SPECK_ML for volume_ml in lesions_ml)
    said = f"a load of under {SMALL_LOAD_ML:g} ml is uncertain: on a test scan where a rater drew {DRAWN_ML} ml, "
    said += f"{DRAWN_ML} ml were found, but only about a third of it in the same place; look at each lesion "
    return {SMALL_LOAD: f"{said}(here {specks} of {len(lesions_ml)} are under {SPECK_ML} ml)"}


def beyond_flag(regions: Image, seen: tuple[slice, slice, slice], table: RegionTable) -> dict[str, str]:
    """``lesions_cut`` if regions extend beyond the lesion map. seen : window of ``regions`` that it covers."""
    if tuple(side.stop - side.start for side in seen) == regions.shape:
        return {}
    kinds = table.measured.indices
    total, within = (int(np.isin(labels, kinds).sum()) for labels in (regions.data, regions.data[seen]))
    percent = 100 * (total - within) / total if total else 0.0
    if percent <= BEYOND_PERCENT:
        return {}
    said = f"{percent:.1f} % of the regions lie beyond the field of view of the lesion map: lesions there are not known"
    return {"lesions_cut": said}


def grids_flag(lesions: Image, regions: Image) -> dict[str, str]:
    """``by_headers`` if the voxels of two maps are not on one grid (either may be a cropped part of it)."""
    if share_voxels(lesions, regions):
        return {}
    said = "lesions and regions lie on different grids and were aligned by their headers"
    return {BY_HEADERS: f"{said}: valid only if the underlying scans were registered"}


def same_lesions(digests: Mapping[str, str]) -> dict[str, str]:
    """Subject -> sentence, for subjects whose lesion maps (subject -> checksum, of maps with lesions) equal another
    subject's: a copied file, or a table row copied down."""
    held = ((digest, subject) for subject, digest in digests.items())
    return {
        subject: f"the lesion map is that of {some_of(others)}, byte for byte"
        for _, subject, others in with_others(held)
    }


def ignored_flag(total: LoadRow, settings: Settings) -> dict[str, str]:
    if not total.ignored_volume_ml:
        return {}
    labels = " and ".join(map(str, settings.ignored_labels))
    said = f"{total.ignored_volume_ml:.3g} ml have label {labels} and do not count (lesions: "
    return {"ignored_labels": f"{said}{total.lesion_volume_ml:.3g} ml)"}


def voxels_differ(spacings_mm: Iterable[Iterable[float]]) -> bool:
    """Whether scans count as scanned differently, by their voxel sizes along axes in any order."""
    return any(max(sizes) > VISITS_APART * min(sizes) for sizes in zip(*map(sorted, spacings_mm), strict=True))


def other_voxels(subjects: Iterable[str], spacing_mm: Callable[[str], Iterable[float]]) -> dict[str, str]:
    """Subject -> sentence, for visits of a person whose voxels differ in size: volumes differ for that reason alone.

    spacing_mm : gives the voxel size of a subject, along axes in any order.
    """
    said: dict[str, str] = {}
    for names in sharers((bare_person(name), name) for name in subjects).values():
        visits = {name: list(spacing_mm(name)) for name in sorted(names)}
        if voxels_differ(visits.values()):
            sizes = ", ".join(f"{name} {by_axis(sorted(of))}" for name, of in visits.items())
            sentence = f"voxels differ in size between visits (in mm: {sizes}): do not compare volumes as they are"
            said |= dict.fromkeys(names, sentence)
    return said


def disagreement(ensemble: Sequence[LoadRow], others: Mapping[str, Sequence[LoadRow]]) -> dict[str, str]:
    """``modality_disagreement`` if two modalities (or the only one and the ensemble) differ greatly."""
    loads = {**others} if len(others) > 1 else {**others, ENSEMBLE: ensemble}
    volumes_ml = {
        name: [row.lesion_volume_ml for row in loads[name][:-1]] for name in (*MODALITIES, ENSEMBLE) if name in loads
    }
    flags = (_modality_flag(pair, (volumes_ml[pair[0]], volumes_ml[pair[1]])) for pair in combinations(volumes_ml, 2))
    return next(filter(None, flags), {})


def _modality_flag(names: tuple[str, str], volumes_ml: tuple[Sequence[float], Sequence[float]]) -> dict[str, str]:
    """``modality_disagreement`` if two loads (ml in every region and outside) differ in total or in location."""
    if not modalities_apart(volumes_ml):
        return {}
    differ_ml = sum(abs(a - b) for a, b in zip(*volumes_ml, strict=True))
    totals = [sum(volumes) for volumes in volumes_ml]
    said = " and ".join(f"{name} {total:.1f} ml" for name, total in zip(names, totals, strict=True))
    share = 100 * differ_ml / sum(totals)
    return {
        "modality_disagreement": f"{said}: summed over regions, they differ by {share:.0f} % of both together "
        f"(over {100 * MODALITIES_APART:g} %)"
    }


def modalities_apart(volumes_ml: Sequence[Sequence[float]]) -> bool:
    """Whether two loads (ml in every region) differ greatly in total or in location."""
    differ_ml = sum(abs(a - b) for a, b in zip(*volumes_ml, strict=True))
    return differ_ml > max(MODALITIES_APART_ML, MODALITIES_APART * sum(map(sum, volumes_ml)))


def found_on_t1(flags: Mapping[str, Collection[str]]) -> set[str]:
    """Subjects whose lesions were found on a T1 alone: no visit to take where the person has another. flags : subject
    -> its flags."""
    return {name for name, of in flags.items() if About.WITHOUT_FLAIR in of}


def flag_lines(flags: Mapping[str, Iterable[str]]) -> list[str]:
    """One line for each flag that occurs in a cohort (subject -> its flags), with the first subjects that have it."""
    subjects: dict[str, list[str]] = {}
    for subject, names in flags.items():
        for flag in names:
            subjects.setdefault(flag, []).append(subject)
    return [
        f"{len(names)} of {count(len(flags), 'subject')} ({some_of(names)}): {TITLES.get(flag, flag)}"
        for flag, names in subjects.items()
    ]


def _sides_swapped(table: RegionTable, centres: Centres) -> str:
    """A sentence if regions called left lie to the right of those called right, all together or pair by pair; else
    empty."""
    number, centres_mm = centres.voxels, centres.mm

    def apart_mm(left: Sequence[int], right: Sequence[int]) -> float:
        of_left, of_right = (np.average(centres_mm[side, 0], weights=number[side]) for side in (left, right))
        return float(of_left - of_right)

    left, right = (
        [region.index for region in table if region.side is side and number[region.index]]
        for side in (Side.LEFT, Side.RIGHT)
    )
    if left and right and (apart := apart_mm(left, right)) > SIDE_MARGIN_MM:
        said = f"regions called left lie {apart:.0f} mm to the right of those called right"
        return f"{said}: the header of the region map and its labels disagree"
    other = table.mirrored()
    pairs = [(label, other[label]) for label in left if other[label] in right]
    if not (swapped := [(one, two) for one, two in pairs if apart_mm([one], [two]) > SIDE_MARGIN_MM]):
        return ""
    one, two = (table.by_index(label).name for label in swapped[0])
    more = f" (and so in {len(swapped) - 1} more of {len(pairs)} pairs)" if len(swapped) > 1 else ""
    return f"{one} lies to the right of {two}{more}: are their names exchanged?"
