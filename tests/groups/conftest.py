"""A cohort's lesion_load.tsv with planted groups and a participants table that goes with them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from yucca_wm.core.regions import regions

PLANTED = (4, 5, 6, 12, 13, 14, 21, 22, 23, 29, 30, 31)
"""Regions with five times the load in the second group."""


def planted_loads(seed: int = 1, sizes: tuple[int, int] = (30, 24)) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """[subjects, 36] load in percent, and [subjects] group."""
    rng = np.random.default_rng(seed)
    group = np.repeat([0, 1], sizes)
    load = np.exp(0.1 * rng.normal(size=(len(group), 1)) + 0.5 * rng.normal(size=(len(group), 36)))
    load[np.ix_(group == 1, np.array(PLANTED) - 1)] *= 5
    return load, group


@pytest.fixture(autouse=True)
def one_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cross-validation once instead of five times."""
    monkeypatch.setattr("yucca_wm.groups.statistics.logistic.REPEATS", 1)


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Folder with lesion_load.tsv (54 subjects) and participants.tsv (diagnosis, age, sex, site, score)."""
    load, group = planted_loads()
    with (tmp_path / "lesion_load.tsv").open("w", newline="") as stream:
        table = csv.writer(stream, delimiter="\t")
        table.writerow(["subject", "region_id", "name", "side", "group", "lesion_volume_ml", "load_percent"])
        for number, row in enumerate(load):
            subject = f"sub-{number:02d}"
            for region, value in zip(regions(), row, strict=True):
                table.writerow([subject, region.index, region.name, region.side, region.group, value / 10, value])
            table.writerow([subject, 0, "outside", "none", "outside", 0, ""])
            table.writerow([subject, -1, "total", "none", "total", row.sum() / 10, row[:34].mean()])
    rng = np.random.default_rng(0)
    lines = ["participant_id\tdiagnosis\tage\tsex\tsite\tscore"]
    for number, value in enumerate(group):
        diagnosis = "patient" if value != (rng.random() < 0.1) else "control"
        lines.append(
            f"sub-{number:02d}\t{diagnosis}\t{60 + 8 * rng.normal():.0f}\t{'MF'[number % 2]}\tA\t{rng.normal():.3f}"
        )
    (tmp_path / "participants.tsv").write_text("\n".join(lines) + "\n")
    return tmp_path
