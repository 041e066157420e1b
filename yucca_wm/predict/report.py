"""Write the pages that show where the lesions of the predicted subjects are."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from yucca_wm.core.regions import RegionTable
from yucca_wm.predict.case import Case
from yucca_wm.predict.frame_files import scan_shown

PAGES = "report"


def write_pages(
    cases: Sequence[Case], out: Path, table: RegionTable, space: str = "flair"
) -> tuple[Path | None, dict[str, str]]:
    """Write ``report/`` from the tables that localize wrote to ``out``, with lesions shown on the scan of ``space``.

    Returns the page to open first (None if packages are missing), and case -> reason for pages that failed.
    """
    if any(importlib.util.find_spec(module) is None for module in ("jinja2", "nilearn")):
        return None, {}
    from yucca_wm.report.write import write_report

    scans = {case.name: scan_shown(case.name, case.scans, out, space) for case in cases if case.scans}
    return write_report(out, out / PAGES, table, backgrounds=scans)
