"""One HTML page of all quality-control pictures of a cohort, the least certain first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yucca_wm.core.files import write_text
from yucca_wm.jobs.cases import Outcome

TEMPLATE = Path(__file__).parent / "page.html"


def write_page(outcome: Outcome[dict[str, Any]], path: Path) -> Path:
    """Write the page beside the subjects' folders: failures, subjects in doubt, the others; each lowest Dice first.

    Needs the pictures at ``<subject>/<subject>_regions.png``.
    """
    from jinja2 import Environment

    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        TEMPLATE.read_text(encoding="utf-8")
    )
    worst_first = sorted(outcome.results.items(), key=lambda item: (not item[1]["doubts"], item[1]["wm_dice"]))
    return write_text(path, template.render(results=worst_first, failures=outcome.failures))
