"""``dataset.json``: what Yucca must know of a raw task, and where it comes from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yucca_wm.cohort.subject import Subject
from yucca_wm.tasks.definition import Target, Task

CHALLENGE_SITES = frozenset({"Utrecht", "Singapore", "Amsterdam"})
"""Folders of the WMH segmentation challenge."""


@dataclass(frozen=True)
class Source:
    """Where a cohort comes from and under which licence its data may be used."""

    name: str
    licence: str
    reference: str


CHALLENGE = Source("WMH segmentation challenge", "CC BY-NC 4.0", "https://doi.org/10.34894/AECRSD")

REFERENCES = {
    Target.LESIONS: "lesion masks as the cohort provides them",
    Target.REGIONS: (
        "region labels of the JHU-MNI-SS white matter atlas (Oishi et al., NeuroImage 2009), merged as in "
        "Machnio et al., NLDL 2025"
    ),
}


def find_source(root: Path, subjects: Sequence[Subject]) -> Source:
    """The cohort's ``dataset_description.json`` (BIDS) if it has one, else recognised by its folders."""
    folder = root if root.is_dir() else root.parent
    try:
        described = json.loads((folder / "dataset_description.json").read_text(encoding="utf-8"))
        return Source(
            str(described.get("Name") or folder.name),
            str(described.get("License") or "not stated by the cohort"),
            str(described.get("DatasetDOI") or next(iter(described.get("ReferencesAndLinks") or []), "")),
        )
    except (OSError, ValueError, AttributeError, TypeError):
        pass
    paths = [path for subject in subjects for path in (subject.t1, subject.flair) if path is not None]
    if any(CHALLENGE_SITES & set(path.relative_to(root).parts) for path in paths if path.is_relative_to(root)):
        return CHALLENGE
    return Source(folder.name, "not stated by the cohort", "")


def content(task: Task, files: Sequence[str], split: dict[str, Any], source: Source) -> dict[str, Any]:
    """The file's content in Yucca's format, and under ``split`` who is trained on and who is kept for testing.

    files : what the task holds, relative to its folder.
    """
    training = sorted(_case(file) for file in files if file.startswith("imagesTr/"))
    test = sorted({_case(file) for file in files if file.startswith(("imagesTs/", "labelsTs/"))})
    images = " or ".join(task.modalities)
    return {
        "name": task.name,
        "description": f"{images} images of {source.name}; {REFERENCES[task.target]}",
        "tensorImageSize": "4D",
        "reference": source.reference,
        "licence": source.licence,
        "release": "1.0",
        "image_extension": "nii.gz",
        "modality": {"0": f"{images} MRI"},
        "labels": {str(label): name for label, name in task.target.classes.items()},
        "label_hierarchy": {},
        "regions": {},
        "tasks": [],
        "numTraining": len(training),
        "numTest": len(test),
        "training": [{"image": case, "label": case} for case in training],
        "test": test,
        "split": split,
    }


def _case(file: str) -> str:
    name = Path(file).name.removesuffix(".nii.gz")
    return name.removesuffix("_000") if file.startswith("images") else name
