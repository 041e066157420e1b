"""A raw task's folder: case names that Yucca reads as intended, ``dataset.json``, and the list of files written here.

Outdated files listed there are deleted; other files are never touched.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yucca_wm.cohort.subject import Subject
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import make_folder, remove_temporaries, write_json
from yucca_wm.tasks.definition import Target, Task

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")

CHANNEL = re.compile(r"(?=_\d{3}.)")
"""Where Yucca takes the case name to end in the name of an image file."""


def image_file(case: str) -> str:
    """File name of a case's only channel."""
    return f"{case}_000.nii.gz"


def name_problems(cases: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Find subjects whose case names collide or would be misread.

    cases : subject -> the names of its training cases (test cases are found by their whole name).
    Returns subject -> what is wrong and what to do.
    """
    problems: dict[str, str] = {}
    lower = Counter(subject.lower() for subject in cases)
    owner = {case: subject for subject, names in cases.items() for case in names}
    taken = _taken_by(owner)
    for subject, names in cases.items():
        if not SAFE_NAME.fullmatch(subject):
            problems[subject] = (
                "its name holds more than letters, digits, '_' and '-', so that it cannot be trained on; give it "
                "another name in the table of paths (a cohort that is a folder can be listed in one)"
            )
        elif lower[subject.lower()] > 1:
            problems[subject] = "another subject's name differs in upper and lower case only; rename one"
        elif others := sorted({other for case in names for other in taken.get(case, ())}):
            problems[subject] = (
                f"Yucca would also take the images of {', '.join(others)} for it, as the name occurs in theirs; "
                "rename it (names of one length or with a common start, such as sub-, are safe)"
            )
    return problems


def _taken_by(owner: Mapping[str, str]) -> dict[str, set[str]]:
    """Case -> other cases whose image file Yucca would take for this one's."""
    taken: dict[str, set[str]] = {}
    for case in owner:
        file = image_file(case)
        for end in (match.start() for match in CHANNEL.finditer(file)):
            for start in range(end):
                other = file[start:end]
                if other in owner and other != case:
                    taken.setdefault(other, set()).add(case)
    return taken


CHALLENGE_SITES = frozenset({"Utrecht", "Singapore", "Amsterdam"})
"""Site folders of the WMH segmentation challenge."""


@dataclass(frozen=True)
class Source:
    """Origin of a cohort and the licence of its data."""

    name: str
    licence: str
    reference: str


CHALLENGE = Source("WMH segmentation challenge", "CC BY-NC 4.0", "https://doi.org/10.34894/AECRSD")

OF_ATLAS = (
    "region labels of the JHU-MNI-SS white matter atlas (Oishi et al., NeuroImage 2009), merged as in "
    "Machnio et al., NLDL 2025"
)


def find_source(root: Path, subjects: Sequence[Subject]) -> Source:
    """Source from the cohort's ``dataset_description.json`` (BIDS) if it has one, else recognised by its folders."""
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
    paths = [path for subject in subjects for path in subject.scans.values()]
    if any(CHALLENGE_SITES & set(path.relative_to(root).parts) for path in paths if path.is_relative_to(root)):
        return CHALLENGE
    return Source(folder.name, "not stated by the cohort", "")


def dataset_json(
    task: Task, files: Sequence[str], split: dict[str, Any], source: Source, names: Mapping[int, str]
) -> dict[str, Any]:
    """Content of ``dataset.json`` in Yucca's format, with the training and test subjects under ``split``.

    files : files of the task, relative to its folder. names : label -> name, of labels that are called otherwise than
    in the task.
    """
    training = sorted(_case(file) for file in files if file.startswith("imagesTr/"))
    test = sorted({_case(file) for file in files if file.startswith(("imagesTs/", "labelsTs/"))})
    present = [m for m in task.modalities if any(case.endswith(f"_{m}") for case in training)]
    images = " or ".join(present or task.modalities)
    classes = task.target.classes | dict(names)
    of_atlas = task.target is Target.REGIONS and classes == task.target.classes
    maps = OF_ATLAS if of_atlas else f"{task.target.noun}s as the cohort provides them"
    return {
        "name": task.name,
        "description": f"{images} images of {source.name}; {maps}",
        "tensorImageSize": "4D",
        "reference": source.reference,
        "licence": source.licence,
        "release": "1.0",
        "image_extension": "nii.gz",
        "modality": {"0": f"{images} MRI"},
        "labels": {str(label): name for label, name in classes.items()},
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


MANIFEST = "yucca_wm.json"
"""File that lists the files this package wrote into the folder."""

OURS = re.compile(r"(images|labels)T[rs]/[^/.][^/]*\.nii\.gz")
"""The only files that a manifest can name, so that a damaged one cannot cause a deletion elsewhere."""


@dataclass(frozen=True)
class RawFolder:
    """``$YUCCA_RAW_DATA/<task>``; ``files``: ours, relative to it -> sha256 (empty: claimed, perhaps incomplete)."""

    path: Path
    files: dict[str, str]

    @classmethod
    def open(cls, path: Path) -> RawFolder:
        """The folder as an earlier run left it, or a new one.

        Raises InputError if it holds files but no manifest of this package, or cannot be written.
        """
        manifest = path / MANIFEST
        if manifest.is_file():
            try:
                listed = json.loads(manifest.read_text(encoding="utf-8"))["files"].items()
                files = {file: str(sha256) for file, sha256 in listed if OURS.fullmatch(file)}
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise InputError(manifest, f"is damaged ({error})", "move the task's folder away") from error
            return cls(make_folder(path), files)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(path, "was not made by yucca-wm", "move it away, or set YUCCA_RAW_DATA to another folder")
        return cls(make_folder(path), {})

    def begin(self, planned: Iterable[str]) -> dict[str, str]:
        """Claim the ``planned`` files before writing them, so that a run that dies leaves no file unaccounted for.

        Returns those that exist but were not written here (file -> what is wrong); they are not claimed.
        """
        planned = set(planned)
        foreign = {file for file in planned - self.files.keys() if (self.path / file).exists()}
        self._record(self.files | dict.fromkeys(planned - foreign - self.files.keys(), ""))
        for folder in sorted({(self.path / file).parent for file in planned - foreign}):
            make_folder(folder)
        self._remove_temporaries(planned | self.files.keys())
        return {file: f"{self.path / file} exists and was not made by yucca-wm; move it away" for file in foreign}

    def finish(self, written: Mapping[str, str]) -> tuple[list[str], list[str]]:
        """Remove files of earlier runs that were not ``written`` this time, and record the rest.

        written : file -> sha256. Returns the removed files and those whose content has changed.
        """
        listed = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))["files"]
        stale = sorted(set(listed) - written.keys())
        removed = [file for file in stale if (self.path / file).is_file()]
        for file in stale:
            (self.path / file).unlink(missing_ok=True)
        self._record(written)
        return removed, sorted(file for file in written if self.files.get(file, written[file]) != written[file])

    def _record(self, files: Mapping[str, str]) -> None:
        about = "Files that yucca-wm wrote here and may replace or remove, with their sha256."
        write_json(self.path / MANIFEST, {"about": about, "files": dict(sorted(files.items()))})

    def _remove_temporaries(self, files: Iterable[str]) -> None:
        """Remove what a killed run left half-written among ``files``."""
        stems: dict[Path, set[str]] = {}
        for file in files:
            stems.setdefault((self.path / file).parent, set()).add(Path(file).name.removesuffix(".nii.gz"))
        for folder, known in stems.items():
            remove_temporaries(folder, known)
