"""The folder ``frame/``: transforms between a person's scans, pictures to check them by, scans that were no files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from yucca_wm.core.files import make_folder
from yucca_wm.imaging import images
from yucca_wm.imaging.images import Image, Source

if TYPE_CHECKING:
    from yucca_wm.scan import Frame

FRAME = "frame"


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
            as_read = frame.own.get(modality, frame.images[modality])
            images.save(as_read, make_folder(folder) / f"{name}_{modality}.nii.gz")


def is_file(scan: Source) -> bool:
    """Whether it is a file of one image: no DICOM series, and not in memory."""
    return isinstance(scan, Path) and not scan.is_dir()


def scan_shown(name: str, scans: Mapping[str, Source], out: Path, space: str) -> Path:
    """The scan to show a person's maps on, as a NIfTI file: the one on whose grid they lie, if it is there."""
    order = [space.upper(), "FLAIR", "T1"]
    modality = next(m for m in (*order, *scans) if m in scans)
    path = scans[modality]
    return path if isinstance(path, Path) and is_file(path) else out / FRAME / f"{name}_{modality}.nii.gz"
