"""Estimates of room follow from the volumes, and a shortage is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from yucca_wm.check.cohort import Report
from yucca_wm.check.findings import Facts, Level
from yucca_wm.check.resources import VARIABLES, Need, available_memory, disk_bytes, needs, shortages
from yucca_wm.cohort.subject import Split, Subject

CHALLENGE = Facts(shape=(240, 240, 48), size_bytes={"t1": 6_000_000, "flair": 5_000_000, "wm": 100_000})


@pytest.fixture
def report() -> Report:
    """Sixty subjects to train on and 110 to test, as in the WMH challenge, all on its most frequent grid."""
    splits = {f"s{n}": Split.TRAIN if n < 60 else Split.TEST for n in range(170)}
    return Report(tuple(map(Subject, splits)), splits, dict.fromkeys(splits, CHALLENGE), ())


def test_disk(report: Report) -> None:
    found = disk_bytes(report)
    assert found["raw tasks"] == 170 * 2 * 11_000_000  # both images of everyone, for lesions and for regions
    assert found["preprocessed data"] == 60 * 2 * 2 * 2 * 240 * 240 * 48 * 4  # targets, modalities, image and label
    regions_mib = found["softmax files"] / 110 / 2 * 37 / 40 / 2**20
    assert 25 < regions_mib < 31  # measured for one region prediction


def test_where_and_how_much_there_is(report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("YUCCA_RAW_DATA", str(tmp_path / "not" / "yet"))
    found = list(needs(report))
    assert [need.folder for need in found] == [tmp_path, Path.cwd(), Path.cwd(), None]
    assert all(need.available > 0 for need in found)
    assert 0 < available_memory() < 2**45


def test_a_shortage_is_a_warning(tmp_path: Path) -> None:
    enough, short = Need("raw tasks", 5, 6, tmp_path), Need("softmax files", 3 * 2**30, 2**20, tmp_path)
    (problem,) = shortages(iter([enough, short]))
    assert problem.level is Level.WARNING
    assert problem.problem == f"too little room: softmax files need up to 3.0 GiB in {tmp_path} (1 MiB free)"
