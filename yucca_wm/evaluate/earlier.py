"""Earlier results in an output folder of evaluate, to which a pair of files is added."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from yucca_wm.jobs.earlier import Earlier
from yucca_wm.jobs.step import Step

MANIFEST = "evaluation.json"
FIGURES = "figures"
"""Folder of the pictures of single subjects."""


def read_earlier(step: Step) -> Earlier:
    """Read ``evaluation.json`` and the run record in the step's folder; empty where they do not exist."""
    content = _content(step.folder)
    names = dict.fromkeys(str(row["subject"]) for row in content.get("cases", ()))
    return Earlier.read(step, names, content.get("failed", {})) if content else Earlier(step, {}, {})


def scans_earlier(folder: Path) -> dict[str, Path]:
    """Scans that an earlier page in ``folder`` showed maps on."""
    return {name: Path(scan) for name, scan in _content(folder).get("scans", {}).items()}


def drawn_earlier(folder: Path) -> list[str]:
    """Pictures of single subjects that an earlier page in ``folder`` has, relative to it."""
    return [name for name in _content(folder).get("figures", ()) if Path(name).parent == Path(FIGURES)]


def _content(folder: Path) -> dict[str, Any]:
    """Content of ``evaluation.json``; empty if there is none, or it is not one of this package."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return dict(content) if {"cases", "failed"} <= content.keys() else {}
    except (OSError, ValueError, AttributeError):
        return {}
