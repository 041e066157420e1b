"""One person with the models that come with this package: scans as they come, to lesions, regions and tissue."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import make_folder
from yucca_wm.core.modality import FEW_ON_T1
from yucca_wm.core.stages import stage
from yucca_wm.imaging import images
from yucca_wm.imaging.images import Image, Source
from yucca_wm.imaging.reading import spelled
from yucca_wm.predict.registered import Registered, registered_regions

if TYPE_CHECKING:
    import torch

    from yucca_wm.atlas.maps import Atlas
    from yucca_wm.models.brain import RegionNetwork
    from yucca_wm.models.segment import Networks, Segmentation
    from yucca_wm.scan import Frame

Found = TypeVar("Found")
LESIONS, REGIONS, TISSUE = "lesions", "regions", "tissue"
CONFIDENCE = "lesions_probability"
FRAME = "frame"
"""Folder of the transforms between a person's scans, and of the pictures that show whether they are right."""


def outputs(name: str, out: Path, what: Sequence[str], *, confidence: bool) -> list[Path]:
    """The files of the maps that `segment_person` makes."""
    return [out / kind / f"{name}.nii.gz" for kind in (*what, *[CONFIDENCE] * confidence)]


@dataclass(frozen=True)
class Segmented:
    """maps : by kind. notes : what was not sure, in words. registration : how well the atlas fits, if it was used."""

    maps: dict[str, Image]
    notes: list[str]
    registration: dict[str, Any] | None = None


def segment_person(
    frame: Frame,
    networks: Networks,
    what: Sequence[str],
    *,
    like: Image | None,
    confidence: bool,
    atlas: Atlas | None = None,
) -> Segmented:
    """Segment the scans of ``frame``; the maps of ``what`` on its grid, or carried to that of ``like``.

    like : another scan of the person, which the frame has moved.
    atlas : whose regions are carried over by registration; None: regions are the network's.

    Raises InputError when no whole brain is found.
    """
    from yucca_wm.scan.contrast import EXCHANGED, unlikely_contrasts

    found, cuts = _segmented(networks, frame)
    reference = frame.images[frame.reference]
    registered = None if atlas is None else _registered(atlas, reference, found.regions)
    if registered is not None:
        found = replace(found, regions=registered.regions)
    maps: dict[str, Any] = {LESIONS: found.lesions, REGIONS: found.regions, TISSUE: found.tissue}
    wanted = {kind: carried(reference.with_data(maps[kind]), frame, like) for kind in what}
    if confidence:
        wanted[CONFIDENCE] = carried(reference.with_data(found.lesion_probability), frame, like)
    seen = found.tissue, found.lesions, found.looks_like
    notes = [] if EXCHANGED in frame.notes else unlikely_contrasts(frame.images, *seen)
    notes += cuts
    if LESIONS in what and list(frame.images) == ["T1"]:
        notes.append(FEW_ON_T1)
    notes += doubts(found, reference)
    if registered is None:
        return Segmented(wanted, notes)
    return Segmented(wanted, [*notes, *registered.doubts], registered.about)


def _segmented(networks: Networks, frame: Frame) -> tuple[Segmentation, list[str]]:
    """What is found on the grid of ``frame``, and a note for each side on which the brain is cut.

    Regions of a cut brain are wrong far from the cut, too. So where the reference ends within the brain and another
    scan does not, both are seen on a grid that holds all of it, and what is found is cut to the reference's.
    """
    from yucca_wm.models.segment import segment
    from yucca_wm.scan.cut import CUT_OFF, ELSEWHERE, cut_off

    found = segment(_announced(networks), frame.images)
    cuts = cut_off(frame.images, found.tissue)
    if not any(cut.startswith(CUT_OFF) for cut in cuts):
        return found, cuts
    scans, window = frame.beyond()
    if scans is frame.images:
        return found, cuts
    stage("the brain is cut off: finding it again on all that another scan shows")
    whole = segment(networks, scans)
    if any(cut.startswith(CUT_OFF) for cut in cut_off(scans, whole.tissue)):
        return found, cuts
    found = whole.within(window)
    others = " and ".join(modality for modality in scans if modality != frame.reference)
    return found, cut_off(frame.images, found.tissue, ELSEWHERE.format(others=others))


def _registered(atlas: Atlas, reference: Image, regions: NDArray[np.uint8]) -> Registered:
    """Raises InputError that names the scan, and what can be had of it all the same."""
    try:
        return registered_regions(atlas, reference.with_data(regions))
    except InputError as error:
        network = spelled("--region-model atlas", 'region_model="atlas"')
        problem = f"cannot have the atlas registered to it: its white matter {error.problem}"
        raise InputError(reference.name, problem, f"{error.remedy}; without {network} lesions are found") from error


def _announced(networks: Networks) -> Networks:
    """The same, each saying what it finds when it is first used."""
    from yucca_wm.models.segment import Networks

    return Networks(
        _SayingRegions(networks.regions),
        _saying("finding tissue and lesions", networks.tissue),
    )


class _SayingRegions:
    """A `RegionNetwork` that says what it finds when it is first used."""

    def __init__(self, network: RegionNetwork) -> None:
        self._network = network
        self._seen = _saying("finding the brain and its regions", lambda x: network.seen(x))

    def seen(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self._seen(x)

    def classes_at(self, outside: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        return self._network.classes_at(outside, places)


def _saying(what: str, network: Callable[[torch.Tensor], Found]) -> Callable[[torch.Tensor], Found]:
    unsaid = [what]

    def announced(batch: torch.Tensor) -> Found:
        while unsaid:
            stage(unsaid.pop())
        return network(batch)

    return announced


def frame_files(name: str, out: Path) -> list[Path]:
    """All that `save_frame` may leave of a person."""
    endings = (".png", "_T1_to_FLAIR.tfm", "_T1.nii.gz", "_FLAIR.nii.gz")
    return [out / FRAME / f"{name}{ending}" for ending in endings]


def save_frame(name: str, scans: Mapping[str, Source], frame: Frame, out: Path, found: Image | None = None) -> None:
    """Keep how the scans were laid on each other: transforms, a picture of one on the other, and those scans that are
    no NIfTI files.

    found : the person's tissue or region map; the greys of the picture are those of the brain, where it lies on the
    picture's grid.
    """
    folder = out / FRAME
    if frame.transforms:
        frame.save_transforms(make_folder(folder), name)
    if len(frame.images) > 1:
        from yucca_wm.report.overlays import draw_alignment

        reference, moved = (frame.images[m] for m in sorted(frame.images, key=lambda m: m != frame.reference))
        brain = found.data > 0 if found is not None and images.same_grid(found, reference) else None
        draw_alignment(reference, moved, make_folder(folder) / f"{name}.png", brain)
    for modality, path in scans.items():
        if not is_file(path):
            images.save(frame.images[modality], make_folder(folder) / f"{name}_{modality}.nii.gz")


def is_file(scan: Source) -> bool:
    """Whether it is a file of one image: no DICOM series, and not in memory."""
    return isinstance(scan, Path) and not scan.is_dir()


def scan_shown(name: str, scans: Mapping[str, Source], out: Path, space: str) -> Path:
    """The scan to show a person's maps on, as a NIfTI file: the one on whose grid they lie, if it is there."""
    order = [space.upper(), "FLAIR", "T1"]
    modality = next(m for m in (*order, *scans) if m in scans)
    path = scans[modality]
    return path if isinstance(path, Path) and is_file(path) else out / FRAME / f"{name}_{modality}.nii.gz"


def carried(labels: Image, frame: Frame, like: Image | None) -> Image:
    """A map in the space that was asked for: carried once, by nearest neighbour, if it is not the frame's."""
    if like is None or (not frame.transforms and images.same_grid(labels, like)):
        return labels  # scans that were moved may share a grid and yet not lie on each other
    from yucca_wm.scan import carry_labels

    moved = next(iter(frame.transforms.values()), np.eye(4))
    back: NDArray[np.float64] = np.asarray(np.linalg.inv(moved), dtype=np.float64)
    return carry_labels(labels, back, like)


def doubts(found: Segmentation, reference: Image) -> list[str]:
    """What a person should look at before believing the maps."""
    from yucca_wm.core.regions import regions

    counts = images.count_labels(found.regions, max(regions().indices))
    absent = [region.name for region in regions().white_matter if not counts[region.index]]
    said = []
    if absent:
        said.append(f"{len(absent)} of {len(regions().white_matter)} regions were not found: {', '.join(absent)}")
    left, right = (_volume_ml(found, reference, side) for side in ("left", "right"))
    if abs(left - right) > MAX_ASYMMETRY * (left + right) / 2:
        said.append(f"white matter of {left:.0f} ml on the left and {right:.0f} ml on the right")
    return said


MAX_ASYMMETRY = 0.25
"""Difference of the two sides' white matter, over their mean, from which a scan may be cut or badly segmented."""


def _volume_ml(found: Segmentation, reference: Image, side: str) -> float:
    from yucca_wm.core.regions import regions

    labels = [region.index for region in regions().white_matter if region.side == side]
    return float(np.isin(found.regions, labels).sum()) * reference.voxel_volume_mm3 / 1000
