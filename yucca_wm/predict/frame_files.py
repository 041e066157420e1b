"""The folder ``frame/``: transforms between a subject's scans, pictures to check them, scans not given as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from yucca_wm.core.files import make_folder
from yucca_wm.core.predictions import FRAME
from yucca_wm.imaging import images
from yucca_wm.imaging.images import Image, Source

if TYPE_CHECKING:
    from yucca_wm.scan import Frame


def frame_files(name: str, out: Path) -> list[Path]:
    """All files that `save_frame` may write for a subject."""
    endings = (".png", "_T1_to_FLAIR.tfm", "_T1.nii.gz", "_FLAIR.nii.gz")
    return [out / FRAME / f"{name}{ending}" for ending in endings]


def save_frame(name: str, scans: Mapping[str, Source], frame: Frame, out: Path, found: Image | None = None) -> None:
    """Save the alignment of the scans: transforms, a picture of one on the other, and scans that are not NIfTI files.

    found : the subject's tissue or region map in the frame's space; if it is on the picture's grid, the picture's grey
    levels are scaled to the brain.
    """
    folder = out / FRAME
    if frame.transforms:
        frame.save_transforms(make_folder(folder), name)
    if len(frame.images) > 1:
        from yucca_wm.report.pictures.alignment import draw_alignment

        reference, moved = (frame.images[m] for m in sorted(frame.images, key=lambda m: m != frame.reference))
        brain = found.data > 0 if found is not None and images.same_grid(found, reference) else None
        draw_alignment(reference, moved, make_folder(folder) / f"{name}.png", brain)
    for modality, path in scans.items():
        if not is_file(path):
            as_read = frame.own.get(modality, frame.images[modality])
            images.save(as_read, make_folder(folder) / f"{name}_{modality}.nii.gz")


def is_file(scan: Source) -> bool:
    """Whether ``scan`` is a file with one image, not a DICOM series and not in memory."""
    return isinstance(scan, Path) and not scan.is_dir()


def scan_shown(name: str, scans: Mapping[str, Source], out: Path, space: str) -> Path:
    """NIfTI file of the scan to show a subject's maps on: the one that defines their grid, if there is one."""
    order = [space.upper(), "FLAIR", "T1"]
    modality = next(m for m in (*order, *scans) if m in scans)
    path = scans[modality]
    return path if isinstance(path, Path) and is_file(path) else out / FRAME / f"{name}_{modality}.nii.gz"
