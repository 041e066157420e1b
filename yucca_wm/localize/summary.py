"""``localize.json``: where the results of a folder come from, and what to know about each subject."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yucca_wm import __version__
from yucca_wm.core.errors import InputError
from yucca_wm.localize.measures.lesions import Settings

MANIFEST = "localize.json"
MAPS = ("lesions", "regions", "tissue")
"""Entries of a subject that are paths of its maps."""


def summary(failures: Mapping[str, str], settings: Settings, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Content of ``localize.json`` except subjects: program, inputs, settings, failures."""
    return {
        "program": "yucca_wm.localize",
        "version": __version__,
        "inputs": inputs,
        "settings": asdict(settings),
        "units": {"volume": "ml", "length": "mm", "coordinates": "world, RAS+ (x grows to the subject's right)"},
        "subjects": {},
        "failures": failures,
    }


@dataclass(frozen=True)
class Summary:
    """Content of a ``localize.json``, as it was read."""

    content: dict[str, Any]

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Summary | None:
        """That of a folder of results; None if there is none. Raises InputError for a file that is not of localize."""
        path = Path(folder) / MANIFEST
        try:
            found = cls(json.loads(path.read_text(encoding="utf-8")))
            _ = found.flags, found.failures  # a damaged file fails here
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(path, f"is not of yucca_wm.localize ({error})", "localize again") from error
        return found

    @classmethod
    def of_earlier_run(cls, folder: str | os.PathLike[str]) -> Summary:
        """As `read`; without subjects and failures if there is none, or a damaged one."""
        try:
            found = cls.read(folder)
        except InputError:
            found = None
        return found or cls({"subjects": {}, "failures": {}})

    def with_maps_in(self, folder: str | os.PathLike[str]) -> Summary:
        """The same, with the paths of maps as they are now in ``folder``, from which it was read: see `_beside`."""
        subjects = {
            name: {
                **about,
                **{what: _beside(Path(folder), about[what]) for what in MAPS if isinstance(about.get(what), str)},
            }
            for name, about in self.subjects.items()
        }
        return Summary({**self.content, "subjects": subjects})

    @property
    def subjects(self) -> dict[str, dict[str, Any]]:
        """Subject -> its entry."""
        return {str(name): dict(about) for name, about in self.content["subjects"].items()}

    @property
    def failures(self) -> dict[str, str]:
        """Subject that could not be localized -> reason."""
        return {str(name): str(reason) for name, reason in self.content["failures"].items()}

    @property
    def flags(self) -> dict[str, list[str]]:
        """Subject -> names of its flags."""
        return {name: list(about["flags"]) for name, about in self.subjects.items()}

    @property
    def settings(self) -> Settings:
        """The settings of the tables."""
        return Settings.stated(self.content["settings"])


def _beside(folder: Path, stated: str) -> str:
    """Path of a map that is stated in ``localize.json`` of ``folder``: its copy there, if results that lay beside their
    maps (as those of `yucca_wm.predict`) were copied or moved; else as stated."""
    there = Path(stated)
    if there.parent.parent == folder.absolute():
        return stated
    here = folder / there.parent.name / there.name
    came_along = not there.is_file() or (there.parent.parent / MANIFEST).is_file()
    return str(here.absolute()) if came_along and here.is_file() else stated
