"""A raw task folder that knows which of its files it wrote: stale ones go, foreign ones are never touched."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from yucca_wm.errors import InputError
from yucca_wm.files import make_folder, write_json

MANIFEST = "yucca_wm.json"
"""Lists the files this package wrote into the folder."""

OURS = re.compile(r"(images|labels)T[rs]/[^/.][^/]*\.nii\.gz")
"""The only files a manifest can name: a damaged one cannot lead to a deletion elsewhere."""


@dataclass(frozen=True)
class RawFolder:
    """``$YUCCA_RAW_DATA/<task>``; ``files`` are ours, relative to it."""

    path: Path
    files: frozenset[str]

    @classmethod
    def open(cls, path: Path) -> RawFolder:
        """The folder as an earlier run left it, or a new one.

        Raises InputError when it holds files but no manifest of ours, or cannot be written.
        """
        manifest = path / MANIFEST
        if manifest.is_file():
            try:
                listed = json.loads(manifest.read_text(encoding="utf-8"))["files"]
                files = frozenset(file for file in listed if OURS.fullmatch(file))
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise InputError(manifest, f"is damaged ({error})", "move the task's folder away") from error
            make_folder(path)
            return cls(path, files)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(path, "was not made by yucca-wm", "move it away, or set YUCCA_RAW_DATA to another folder")
        return cls(make_folder(path), frozenset())

    def begin(self, planned: Iterable[str]) -> dict[str, str]:
        """Claim the ``planned`` files before writing them, so that a run that dies leaves nothing unaccounted for.

        Returns those that exist and are not ours (file -> what is wrong); they are not claimed.
        """
        planned = set(planned)
        foreign = {file for file in planned - self.files if (self.path / file).exists()}
        self._record(self.files | (planned - foreign))
        for file in sorted(planned - foreign):
            make_folder((self.path / file).parent)
        self._remove_temporaries(self.files | planned)
        return {file: f"{self.path / file} exists and was not made by yucca-wm; move it away" for file in foreign}

    def finish(self, written: Iterable[str]) -> list[str]:
        """Remove what is ours but was not ``written`` this time and record the rest; returns what was removed."""
        kept = set(written)
        listed = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))["files"]
        stale = sorted(set(listed) - kept)
        removed = [file for file in stale if (self.path / file).is_file()]
        for file in stale:
            (self.path / file).unlink(missing_ok=True)
        self._record(kept)
        return removed

    def _record(self, files: Iterable[str]) -> None:
        content = {"about": "Files that yucca-wm wrote here and may replace or remove.", "files": sorted(files)}
        write_json(self.path / MANIFEST, content)

    def _remove_temporaries(self, files: Iterable[str]) -> None:
        """Remove what a killed run left half-written: ``.<case>-????????.nii.gz``."""
        stems = {re.escape(Path(file).name.removesuffix(".nii.gz")) for file in files}
        half_written = re.compile(rf"\.({'|'.join(stems)})-\w{{8}}\.nii\.gz") if stems else None
        for folder in {(self.path / file).parent for file in files}:
            for path in folder.glob(".*.nii.gz"):
                if half_written is not None and half_written.fullmatch(path.name):
                    path.unlink(missing_ok=True)
