"""Disk space and memory needed by the whole training chain, compared with what is available."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from yucca_wm.check.cohort import Report
from yucca_wm.check.findings import COHORT, Level, Problem
from yucca_wm.cohort.subject import Split
from yucca_wm.core.modality import Modality
from yucca_wm.core.regions import regions

REGION_CLASSES = 1 + len(regions())
LESION_CLASSES = 3
TARGETS = 2

SOFTMAX_BYTES = 0.31
"""Bytes per voxel and class of a softmax file (`yucca_wm.ensemble.codec`; up to 30 MiB for 240x240x48x37)."""

INFERENCE_COPIES = 2
"""Number of float32 arrays (voxels x classes) that inference holds at once: the logits as predicted, and on the scan's
own grid."""

VARIABLES = {
    "raw tasks": "YUCCA_RAW_DATA",
    "preprocessed data": "YUCCA_PREPROCESSED_DATA",
    "softmax files": "YUCCA_RESULTS",
}
"""Output -> environment variable with its folder."""


@dataclass(frozen=True)
class Need:
    """``bytes`` needed at ``folder`` (None: in memory) for ``what``, out of ``available``."""

    what: str
    bytes: int
    available: int
    folder: Path | None = None

    def __str__(self) -> str:
        place = f"in {self.folder}" if self.folder is not None else "of memory"
        return f"{self.what} need up to {_amount(self.bytes)} {place} ({_amount(self.available)} free)"


def disk_bytes(report: Report) -> dict[str, int]:
    """Upper estimates for both targets (lesions and regions), with preprocessed volumes at their own voxel size."""
    raw = preprocessed = softmax = 0
    for name, facts in report.facts.items():
        images = [column for modality in Modality if (column := modality.column) in facts.size_bytes]
        raw += TARGETS * sum(facts.size_bytes[column] for column in images)
        if report.splits.get(name) is Split.TEST:
            softmax += int(len(images) * facts.voxels * (REGION_CLASSES + LESION_CLASSES) * SOFTMAX_BYTES)
        else:
            preprocessed += TARGETS * len(images) * facts.voxels * 2 * 4  # image and label as float32
    return dict(zip(VARIABLES, (raw, preprocessed, softmax), strict=True))


def needs(report: Report) -> Iterator[Need]:
    """Disk for raw tasks, preprocessed data and softmax files, in the YUCCA_* folders (else here); memory to
    predict."""
    for what, size in disk_bytes(report).items():
        folder = _existing(Path(os.environ.get(VARIABLES[what]) or "."))
        yield Need(what, size, shutil.disk_usage(folder).free, folder)
    largest = max((facts.voxels for facts in report.facts.values()), default=0)
    yield Need("predictions of regions", largest * REGION_CLASSES * 4 * INFERENCE_COPIES, available_memory())


def shortages(found: Iterator[Need]) -> Iterator[Problem]:
    for need in found:
        if need.bytes > need.available:
            yield Problem(Level.WARNING, COHORT, str(need.folder or ""), f"too little room: {need}")


def available_memory() -> int:
    """Bytes that this process may still take: free memory, or the rest of a container's limit if that is less."""
    free = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    meminfo, limit, used = (
        Path("/proc/meminfo"),
        Path("/sys/fs/cgroup/memory.max"),
        Path("/sys/fs/cgroup/memory.current"),
    )
    if meminfo.is_file():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        free.append(int(lines["MemAvailable"].split()[0]) * 1024)
    if limit.is_file() and (text := limit.read_text().strip()).isdigit():
        free.append(int(text) - int(used.read_text()))
    return min(free)


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.is_dir())


def _amount(size: float) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{max(size / 2**20, 0):.0f} MiB"
