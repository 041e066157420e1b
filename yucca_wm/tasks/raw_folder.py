"""A raw task folder that knows which of its files it wrote: stale ones go, foreign ones are never touched."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import make_folder, remove_temporaries, write_json

MANIFEST = "yucca_wm.json"
"""Lists the files this package wrote into the folder."""

OURS = re.compile(r"(images|labels)T[rs]/[^/.][^/]*\.nii\.gz")
"""The only files a manifest can name: a damaged one cannot lead to a deletion elsewhere."""


@dataclass(frozen=True)
class RawFolder:
    """``$YUCCA_RAW_DATA/<task>``; ``files``: ours, relative to it -> sha256 (empty: claimed, not known to be whole)."""

    path: Path
    files: dict[str, str]

    @classmethod
    def open(cls, path: Path) -> RawFolder:
        """The folder as an earlier run left it, or a new one.

        Raises InputError when it holds files but no manifest of ours, or cannot be written.
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
        """Claim the ``planned`` files before writing them, so that a run that dies leaves nothing unaccounted for.

        Returns those that exist and are not ours (file -> what is wrong); they are not claimed.
        """
        planned = set(planned)
        foreign = {file for file in planned - self.files.keys() if (self.path / file).exists()}
        self._record(self.files | dict.fromkeys(planned - foreign - self.files.keys(), ""))
        for folder in sorted({(self.path / file).parent for file in planned - foreign}):
            make_folder(folder)
        self._remove_temporaries(planned | self.files.keys())
        return {file: f"{self.path / file} exists and was not made by yucca-wm; move it away" for file in foreign}

    def finish(self, written: Mapping[str, str]) -> tuple[list[str], list[str]]:
        """Remove what is ours but was not ``written`` this time, and record the rest.

        written : file -> sha256. Returns the files removed and those that now hold something else than before.
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
        """Remove what a killed run left half-written of ``files``."""
        stems: dict[Path, set[str]] = {}
        for file in files:
            stems.setdefault((self.path / file).parent, set()).add(Path(file).name.removesuffix(".nii.gz"))
        for folder, known in stems.items():
            remove_temporaries(folder, known)
