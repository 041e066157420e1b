"""Segment one subject with the models of this package: from raw scans to lesions, regions and tissue."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.notes import About, Note
from yucca_wm.core.predictions import PROBABILITY
from yucca_wm.core.stages import stage
from yucca_wm.imaging import images
from yucca_wm.imaging.images import Image
from yucca_wm.imaging.reading import spelled
from yucca_wm.predict.choice import LESIONS, REGIONS, TISSUE
from yucca_wm.predict.registered import Registered, registered_regions

if TYPE_CHECKING:
    import torch

    from yucca_wm.atlas.maps import Atlas
    from yucca_wm.models.brain import RegionNetwork
    from yucca_wm.models.segment import Networks, Segmentation
    from yucca_wm.scan import Frame

MOST_MISFIT_MM = 3.0
"""48 raw scans have 1.5 to 2.5 mm; ten of them turned upside down or back to front have 3.3 to 19 mm."""

MAX_ASYMMETRY = 0.25
"""Difference between left and right white matter, over their mean, above which a scan may be cut or badly segmented."""

Found = TypeVar("Found")


@dataclass(frozen=True)
class Segmented:
    """maps : kind -> map. notes : what is uncertain. registration : quality of the atlas's fit, if used."""

    maps: dict[str, Image]
    notes: list[Note]
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
    """Segment the scans of ``frame``.

    Parameters
    ----------
    frame : Frame
        Scans on one grid.
    networks : Networks
        Networks of this package.
    what : sequence of str
        Maps to return: `LESIONS`, `REGIONS`, `TISSUE`.
    like : Image or None
        Another scan of the subject, moved by the frame, whose grid the maps are brought to; None: the frame's grid.
    confidence : bool
        Also return the lesion probability, as `PROBABILITY`.
    atlas : Atlas, optional
        Atlas that gives the regions, by registration; None: the network's regions.

    Returns
    -------
    Segmented
        Maps [i, j, k], notes, and the quality of the atlas's fit.

    Raises
    ------
    InputError
        No whole brain is found, or the atlas cannot be registered to it.
    """
    from yucca_wm.scan.contrast import unlikely_contrasts
    from yucca_wm.scan.cut import is_cut_off
    from yucca_wm.scan.notes import EXCHANGED, ODD_ANATOMY, ONLY_T1

    found, cuts = _segmented(networks, frame)
    reference = frame.images[frame.reference]
    registered = None if atlas is None else _registered(atlas, reference, found.regions)
    if registered is not None:
        found = replace(found, regions=registered.regions)
    maps: dict[str, Any] = {LESIONS: found.lesions, REGIONS: found.regions, TISSUE: found.tissue}
    wanted = {kind: frame.to_space(reference.with_data(maps[kind]), like) for kind in what}
    if confidence:
        wanted[PROBABILITY] = frame.to_space(reference.with_data(found.lesion_probability), like)
    seen = found.tissue, found.lesions, found.looks_like
    notes = [] if EXCHANGED.note() in frame.notes else unlikely_contrasts(frame.images, *seen)
    notes += cuts if like is None else _cuts_there(cuts, frame, found, like)
    if LESIONS in what and list(frame.images) == ["T1"]:
        notes.append(ONLY_T1.note())
    notes += doubts(found, reference)
    if MOST_MISFIT_MM < found.misfit_mm < math.inf and not is_cut_off(cuts):
        notes.append(ODD_ANATOMY.note(mm=found.misfit_mm))
    if registered is None:
        return Segmented(wanted, notes)
    return Segmented(wanted, [*notes, *registered.doubts], registered.about)


def _segmented(networks: Networks, frame: Frame) -> tuple[Segmentation, list[Note]]:
    """Segmentation on the grid of ``frame``, and a note for each side on which the brain is cut.

    Regions of a cut brain are also wrong far from the cut. So if the reference ends within the brain and another scan
    does not, both are segmented on a grid that covers the whole brain, and the result is cropped to the reference's.
    """
    from yucca_wm.models.segment import segment
    from yucca_wm.scan.cut import ELSEWHERE, cut_off, is_cut_off

    found = segment(_announced(networks), frame.images)
    cuts = cut_off(frame.images, found.tissue, found.lesions)
    is_cut = is_cut_off(cuts)
    if not is_cut and found.misfit_mm <= MOST_MISFIT_MM:
        return found, cuts
    scans, window = frame.beyond()
    if scans is frame.images:
        return found, cuts
    stage("the brain seems to be cut off: finding it again on all that another scan shows")
    whole = segment(networks, scans)
    if is_cut_off(cut_off(scans, whole.tissue, whole.lesions)):
        return found, cuts
    if not is_cut and whole.misfit_mm > MOST_MISFIT_MM:  # odd for another reason
        return found, cuts
    found = whole.within(window)
    others = " and ".join(modality for modality in scans if modality != frame.reference)
    return found, cut_off(frame.images, found.tissue, found.lesions, ELSEWHERE.format(others=others))


def _cuts_there(cuts: list[Note], frame: Frame, found: Segmentation, like: Image) -> list[Note]:
    """``cuts`` of the frame, and those of the maps on the grid of ``like``, whose field of view may be smaller."""
    from yucca_wm.scan.cut import CONSEQUENCE, ELSEWHERE, cut_off, is_cut_off

    (other,) = (modality for modality in frame.images if modality != frame.reference)
    consequence = CONSEQUENCE if is_cut_off(cuts) else ELSEWHERE.format(others=frame.reference)
    reference = frame.images[frame.reference]
    tissue = frame.to_space(reference.with_data(found.tissue), like).data
    none = np.zeros_like(tissue)  # what was found beyond a scan's end is only said where another goes on
    there = cut_off({other: like}, tissue, none, consequence)
    of_other = [cut for cut in cuts if cut.about is About.PARTLY_ONE_SCAN and cut.startswith(f"{other}: ")]
    return [cut for cut in cuts if not (there and cut in of_other)] + there


def _registered(atlas: Atlas, reference: Image, regions: NDArray[np.uint8]) -> Registered:
    """`registered_regions`, with an InputError that names the scan and says what still works."""
    try:
        return registered_regions(atlas, reference.with_data(regions))
    except InputError as error:
        network = spelled("--region-model atlas", 'region_model="atlas"')
        problem = f"cannot be used to register the atlas: its white matter {error.problem}"
        raise InputError(reference.name, problem, f"{error.remedy}; lesions can be found without {network}") from error


def _announced(networks: Networks) -> Networks:
    """The same networks; each reports its stage when first used."""
    from yucca_wm.models.segment import Networks

    return Networks(
        _SayingRegions(networks.regions),
        _saying("finding tissue and lesions", networks.tissue),
    )


class _SayingRegions:
    """A `RegionNetwork` that reports its stage when first used."""

    def __init__(self, network: RegionNetwork) -> None:
        self._network = network
        self._locate = _saying("finding the brain and its regions", lambda x: network.locate(x))

    def locate(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self._locate(x)

    def region_logits(self, outside: torch.Tensor, coordinates: torch.Tensor) -> torch.Tensor:
        return self._network.region_logits(outside, coordinates)


def _saying(what: str, network: Callable[[torch.Tensor], Found]) -> Callable[[torch.Tensor], Found]:
    unsaid = [what]

    def announced(batch: torch.Tensor) -> Found:
        while unsaid:
            stage(unsaid.pop())
        return network(batch)

    return announced


def doubts(found: Segmentation, reference: Image) -> list[Note]:
    """What to check before trusting the maps."""
    from yucca_wm.core.regions import regions
    from yucca_wm.scan.notes import ABSENT, UNEVEN

    counts = images.count_labels(found.regions, max(regions().indices))
    absent = [region.name for region in regions().white_matter if not counts[region.index]]
    said = []
    if absent:
        said.append(ABSENT.note(n=len(absent), total=len(regions().white_matter), names=", ".join(absent)))
    left, right = (_volume_ml(found, reference, side) for side in ("left", "right"))
    if abs(left - right) > MAX_ASYMMETRY * (left + right) / 2:
        said.append(UNEVEN.note(left=left, right=right))
    return said


def _volume_ml(found: Segmentation, reference: Image, side: str) -> float:
    from yucca_wm.core.regions import regions

    labels = [region.index for region in regions().white_matter if region.side == side]
    return float(np.isin(found.regions, labels).sum()) * reference.voxel_volume_ml
