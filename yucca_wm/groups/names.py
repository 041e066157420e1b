"""How a page calls subjects and places: as they are, or by number."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yucca_wm.report.anonymise import numbered
from yucca_wm.report.flagged import summary_file

if TYPE_CHECKING:
    from yucca_wm.core.tsv import TableInput


@dataclass(frozen=True)
class Names:
    """numbers : subject -> what a page shows in its place; None: names and paths are shown."""

    numbers: Mapping[str, str] | None = None

    def of(self, subject: str) -> str:
        """A subject that has loads."""
        return subject if self.numbers is None else self.numbers[subject]

    def place(self, path: object) -> str:
        """A path."""
        return str(path) if self.numbers is None else "not shown"

    def notes(self, reasons: Mapping[str, str]) -> list[str]:
        """Who is left out and why; reasons may hold names."""
        if self.numbers is None:
            return [f"{name}: {reason}" for name, reason in reasons.items()]
        many = "1 name is" if len(reasons) == 1 else f"{len(reasons)} names are"
        return [f"{many} left out; who, and why, is in the .json file beside this page"] if reasons else []


def numbered_names(load_path: TableInput, subjects: Collection[str]) -> Names:
    """The numbers that ``yucca_wm.report --anonymise`` gives to the subjects of the same localization."""
    file = summary_file(load_path)
    try:
        failures = list(json.loads(file.read_text(encoding="utf-8"))["failures"]) if file is not None else []
    except (OSError, ValueError, KeyError, TypeError):  # loads that come from elsewhere
        failures = []
    return Names(numbered({*subjects, *failures}))
