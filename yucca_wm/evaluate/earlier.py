"""Earlier results in an output folder of evaluate, to which a pair of files is added."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from pathlib import Path

from yucca_wm.core.errors import some_of
from yucca_wm.jobs.earlier import Earlier
from yucca_wm.jobs.step import Step

MANIFEST = "evaluation.json"
FIGURES = "figures"
"""Folder of the pictures of single subjects."""


def read_earlier(step: Step) -> Earlier:
    """Read ``evaluation.json`` and the run record in the step's folder; empty where they do not exist."""
    try:
        content = json.loads((step.folder / MANIFEST).read_text(encoding="utf-8"))
        names = dict.fromkeys(str(row["subject"]) for row in content["cases"])
        failures = {str(name): str(reason) for name, reason in content["failed"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Earlier(step, {}, {})
    return Earlier.read(step, names, failures)


def name_removed(earlier: Earlier, cases: Collection[str]) -> None:
    """Print on stderr which earlier cases are no longer among ``cases``."""
    if gone := [name for name in earlier.entries if name not in cases]:
        named = some_of(gone)
        print(f"note: no longer in the tables of {earlier.step.folder}: {named}", file=sys.stderr)


def scans_earlier(folder: Path) -> dict[str, Path]:
    """Scans that an earlier page in ``folder`` showed maps on."""
    try:
        scans = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["scans"]
        return {str(name): Path(scan) for name, scan in scans.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def drawn_earlier(folder: Path) -> list[str]:
    """Pictures of single subjects that an earlier page in ``folder`` has, relative to it."""
    try:
        names = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["figures"]
        return [str(name) for name in names if Path(name).parent == Path(FIGURES)]
    except (OSError, ValueError, KeyError, TypeError):
        return []
