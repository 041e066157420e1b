"""Which softmax files go with which label map: named by folder, or found where the commands of this package and Yucca's
leave them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yucca_wm.core.errors import InputError

SUFFIX = ".npz"
MANIFEST = "ensemble.json"


@dataclass(frozen=True)
class SoftmaxFiles:
    """The softmax files of one image and their weights in the mean."""

    files: tuple[Path, ...]
    weights: tuple[float, ...]

    @classmethod
    def equal(cls, *files: Path) -> SoftmaxFiles:
        """Files that weigh alike."""
        return cls(files, (1.0,) * len(files))


@dataclass(frozen=True)
class Softmaxes:
    """Where to look.

    folders : of softmax files named after their case.
    merged : what ``ensemble.json`` says, by case.
    """

    where: str
    folders: tuple[Path, ...] = ()
    merged: dict[str, SoftmaxFiles] = field(default_factory=dict)

    def of(self, *names: str) -> SoftmaxFiles:
        """The files of a case that may be called any of ``names``; raises InputError when there are none."""
        for name in names:
            if name in self.merged:
                return self.merged[name]
            files = tuple(folder / f"{name}{SUFFIX}" for folder in self.folders)
            if there := tuple(path for path in files if path.is_file()):
                return SoftmaxFiles.equal(*there)
        raise InputError(names[0], f"has no softmax file in {self.where}", "predict it with --save_softmax")


def given_softmaxes(folders: Sequence[str | os.PathLike[str]]) -> Softmaxes:
    """The softmax files of these folders; those of one name are averaged. Raises InputError when one is not there."""
    paths = tuple(Path(folder) for folder in folders)
    for path in paths:
        if not path.is_dir():
            raise InputError(path, "is not a folder", "give the folder of the softmax files (.npz)")
    return Softmaxes(", ".join(map(str, paths)), paths)


def softmaxes_beside(label_maps: str | os.PathLike[str], option: str) -> Softmaxes:
    """The softmax files that a folder of label maps was made from.

    Looked for in this order: the files that its ``ensemble.json`` names (``yucca_ensemble``); the folders in
    ``<folder>_softmax`` (``yucca_wm.predict --keep-softmax``); the folder itself (``yucca_inference --save_softmax``).

    Raises InputError when there are none, and when they were not merged by their mean; both name ``option``.
    """
    folder = Path(label_maps)
    folder = folder.parent if folder.is_file() else folder
    remedy = f"name their folders with {option}"
    if (folder / MANIFEST).is_file():
        return Softmaxes(str(folder / MANIFEST), merged=_merged(folder / MANIFEST, remedy))
    kept = folder.with_name(f"{folder.name}_softmax")
    folders = tuple(sorted(path for path in kept.glob("*") if path.is_dir())) if kept.is_dir() else (folder,)
    if not any(path.suffix == SUFFIX for place in folders for path in place.iterdir()):
        raise InputError(folder, "has no softmax files (.npz) beside it", remedy)
    return Softmaxes(", ".join(map(str, folders)), folders)


def _merged(manifest: Path, remedy: str) -> dict[str, SoftmaxFiles]:
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        method = content["method"]
        members = {name: made["members"] for name, made in content["cases"].items()}
        found = {
            name: SoftmaxFiles(
                tuple(Path(member["file"]) for member in entries),
                tuple(float(member.get("weight", 1)) for member in entries),
            )
            for name, entries in members.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(manifest, f"is damaged ({error})", remedy) from error
    if method != "mean":
        raise InputError(manifest, f"says that they were merged by the {method} mean, not the arithmetic one", remedy)
    return found
