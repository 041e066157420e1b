"""Notes on a subject's files while a cohort is read: which of several is taken, and which other files are there when a
scan is not found."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import IMAGE_SUFFIXES, UNREAD, natural_key
from yucca_wm.core.modality import Modality
from yucca_wm.imaging.reading import note


def images(files: Iterable[Path]) -> list[Path]:
    """Those that are images by their suffix, in natural order."""
    found = [path for path in files if path.name.lower().endswith(IMAGE_SUFFIXES) and not path.name.startswith(".")]
    return sorted(found, key=lambda path: natural_key(path.name))


def unread(folder: Path) -> list[Path]:
    """Images in formats that are not read, and folders (of DICOM slices, say), in a folder of scans."""
    there = sorted(folder.glob("*"), key=lambda path: natural_key(path.name))
    return [path for path in there if path.name[0] != "." and (path.name.lower().endswith(UNREAD) or path.is_dir())]


def note_unread(name: str, folder: Path) -> None:
    """Note what is `unread` in a subject's folder of scans."""
    if others := unread(folder):
        known = ", ".join(IMAGE_SUFFIXES)
        note(f"{name}: not read, as only {known} are: {', '.join(path.name for path in others)}")


def note_choice(name: str, what: str, taken: Path, candidates: Sequence[Path], root: Path) -> None:
    """Note which of several files was taken, and which were not."""
    others = sorted((str(path.relative_to(root)) for path in candidates if path != taken), key=natural_key)
    if others:
        note(f"{name}: {what}: {taken.relative_to(root)} is taken, not {', '.join(others)}")


def note_instead(name: str, scans: Container[str], others: Iterable[Path], wanted: Mapping[Modality, str]) -> None:
    """Note files that look like a scan that this subject lacks but are named differently.

    others : images not taken as scans. wanted : required file name of each modality.
    """
    for modality in Modality:
        near = [path.name for path in others if modality.casefold() in path.name.replace(name, "").casefold()]
        if modality not in scans and near:
            note(f"{name}: has no {modality}, unless it is {', '.join(near)} (call it {wanted[modality]})")


def no_scan(folder: Path, others: Iterable[Path], wanted: Mapping[Modality, str]) -> InputError:
    """Error for a subject without a scan in ``folder``: no images, or only ``others``, which are named differently."""
    there = ", ".join(path.name for path in others)
    problem = f"has no {' and no '.join(Modality)}" + (f", but only {there}" if there else "")
    return InputError(folder, problem, f"call scans {' and '.join(wanted.values())}, or remove the subject")
