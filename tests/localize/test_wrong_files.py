"""Files and folders that were given in a wrong place: they are named, and finished results stay."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import yucca_wm as yw
from yucca_wm.core.regions import regions as region_table
from yucca_wm.jobs.options import RunOptions
from yucca_wm.jobs.run_record import RECORD
from yucca_wm.localize.__main__ import main
from yucca_wm.localize.cohort import localize_into
from yucca_wm.localize.inputs.pairs import folder_inputs
from yucca_wm.localize.measures.lesions import Settings

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
SHAPE = (24, 24, 8)


def save(path: Path, data: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, AFFINE), path)
    return path


def regions() -> np.ndarray:
    """Labels 1 to 36, blocks of 4 x 4 x 8 voxels."""
    i, j, _ = np.indices(SHAPE) // 4
    return (1 + 6 * i + j).astype(np.uint8)


def lesions(voxels: int = 10) -> np.ndarray:
    data = np.zeros(SHAPE, np.uint8)
    data[tuple(np.argwhere(regions() == 1)[:voxels].T)] = 1
    return data


def maps(root: Path, *names: str) -> None:
    for number, name in enumerate(names, start=1):
        save(root / "lesions" / f"{name}.nii.gz", lesions(10 * number))
        save(root / "regions" / f"{name}.nii.gz", regions())


def run(root: Path, *more: object, lesions: str = "lesions", regions: str = "regions") -> int:
    places = ("--lesions", root / lesions, "--regions", root / regions, "--out-dir", root / "out")
    return main([*map(str, (*places, *more)), "--jobs", "1"])


def contents(out: Path) -> dict[str, bytes]:
    """Every file but the record, to which failures are added."""
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file() and "record" not in p.name}


@pytest.mark.parametrize("labels", [(), ("--lesion-labels", "all"), ("--lesion-labels", *map(str, range(1, 37)))])
def test_exchanged_maps_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], labels: tuple[str, ...]) -> None:
    maps(tmp_path, "a")
    assert run(tmp_path, *labels, lesions="regions/a.nii.gz", regions="lesions/a.nii.gz") == 1
    said = capsys.readouterr().err
    assert "regions/a.nii.gz: is given as the lesion map and holds labels of regions (1, 2, 3, 4, 5, ...)" in said
    assert "are lesions and regions exchanged?" in said
    assert "--lesion-labels" not in said


@pytest.mark.parametrize("mask", [255, 0])
def test_exchanged_maps_are_named_whatever_the_mask(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mask: int
) -> None:
    maps(tmp_path, "a")
    save(tmp_path / "lesions/a.nii.gz", lesions() * np.uint8(mask))
    assert run(tmp_path, "--lesion-labels", "all", lesions="regions", regions="lesions") == 1
    assert "are lesions and regions exchanged?" in capsys.readouterr().err


@pytest.mark.parametrize("labels", [(), ("--lesion-labels", "all")])
def test_a_scan_is_no_lesion_map(tmp_path: Path, capsys: pytest.CaptureFixture[str], labels: tuple[str, ...]) -> None:
    maps(tmp_path, "a")
    scan = np.random.default_rng(0).integers(1, 500, SHAPE).astype(np.int16)
    save(tmp_path / "lesions/a.nii.gz", scan)
    assert run(tmp_path, *labels) == 1
    said = capsys.readouterr().err
    assert "lesions/a.nii.gz: is a scan, or holds probabilities" in said
    assert "--lesion-labels" not in said


def test_a_label_for_each_of_many_lesions_is_no_scan_and_no_region_map(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """36 lesions of 2 x 2 x 4 voxels of 8 mm3, one in each region; then 60 of which 24 touch another."""
    maps(tmp_path, "a")
    i, j, k = np.indices(SHAPE)
    inner = (i % 4 < 2) & (j % 4 < 2) & (k < 4)
    save(tmp_path / "lesions/a.nii.gz", regions() * inner.astype(np.uint8))
    found = yw.localize(tmp_path / "lesions/a.nii.gz", tmp_path / "regions/a.nii.gz", lesion_labels="all")
    assert found.result.total.lesion_voxels == 36 * 16
    assert found.result.total.n_lesions == 36
    beside = (i % 4 == 2) & (j % 4 < 2) & (k < 4) & (i < 16)
    two = np.where(beside, regions() + 36, regions() * inner.astype(np.uint8)).astype(np.uint8)
    save(tmp_path / "lesions/a.nii.gz", two)
    assert run(tmp_path, "--lesion-labels", "all") == 0
    capsys.readouterr()


def test_python_is_told_the_argument_and_the_command_the_flag(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maps(tmp_path, "a")
    save(tmp_path / "lesions/a.nii.gz", 5 * lesions())
    with pytest.raises(yw.InputError) as error:
        yw.localize(tmp_path / "lesions/a.nii.gz", tmp_path / "regions/a.nii.gz")
    assert error.value.remedy == "name them with lesion_labels= (all: every label) or ignored_labels="
    assert run(tmp_path) == 1
    assert "name them with --lesion-labels (all: every label) or --ignore-labels" in capsys.readouterr().err


@pytest.mark.parametrize("options", [(), ("--maps", "--force")])
def test_a_run_in_which_nobody_succeeds_leaves_finished_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    """Somebody else's folder; the same people, exchanged; and then the right ones again."""
    maps(tmp_path, "ben", "carla")
    assert run(tmp_path, "--maps") == 0
    before = contents(tmp_path / "out")
    assert {"lesion_load.tsv", "heat_map.png", "parts/ben.json", "maps/carla.nii.gz"} <= before.keys()
    save(tmp_path / "others/anna.nii.gz", lesions(5))
    for wrong in ({"lesions": "others"}, {"lesions": "regions", "regions": "lesions"}):
        capsys.readouterr()
        assert run(tmp_path, *options, **wrong) == 1
        said = capsys.readouterr()
        assert "out is unchanged" in said.err
        assert "error: carla: " in said.err
        assert "removed" not in said.err
        assert said.out == ""
        assert contents(tmp_path / "out") == before
    assert run(tmp_path, "--maps", "--verbose") == 0
    assert "localize: ben" not in capsys.readouterr().err  # not done again
    assert contents(tmp_path / "out") == before


def test_one_file_that_fails_leaves_the_person_who_was_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maps(tmp_path, "ben", "carla")
    assert run(tmp_path) == 0
    before = contents(tmp_path / "out")
    assert run(tmp_path, "--force", lesions="regions/ben.nii.gz", regions="lesions/ben.nii.gz") == 1
    assert contents(tmp_path / "out") == before
    capsys.readouterr()


def test_where_one_succeeds_the_others_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maps(tmp_path, "ben", "carla")
    assert run(tmp_path) == 0
    save(tmp_path / "regions/ben.nii.gz", regions() + np.uint8(100))
    assert run(tmp_path) == 1
    rows = (tmp_path / "out/lesion_load.tsv").read_text().splitlines()[1:]
    assert {row.split("\t")[0] for row in rows} == {"carla"}
    assert not (tmp_path / "out/parts/ben.json").exists()
    capsys.readouterr()


@pytest.mark.parametrize("options", [(), ("--maps",), ("--level", "group")])
def test_where_nobody_succeeds_in_a_new_folder_there_are_no_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    """Both people have a region map of other labels: the record alone says that they were tried."""
    maps(tmp_path, "ben", "carla")
    for name in ("ben", "carla"):
        save(tmp_path / "regions" / f"{name}.nii.gz", regions() + np.uint8(100))
    assert run(tmp_path, *options) == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} <= {RECORD}
    said = capsys.readouterr()
    assert said.out == f"no subject could be localized: no tables in {tmp_path / 'out'}\n"
    assert "error: carla: " in said.err
    maps(tmp_path, "ben", "carla")
    assert run(tmp_path) == 0
    assert len((tmp_path / "out/lesion_load_wide.tsv").read_text().splitlines()) == 3
    capsys.readouterr()


def test_one_person_whose_files_cannot_be_used_stays_in_the_account(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files that are given one by one: the first fails, so there are no tables, but who failed, and why; then one is
    added, and fails no more."""
    maps(tmp_path, "ben", "carla")
    save(tmp_path / "regions" / "ben.nii.gz", regions() + np.uint8(100))
    assert run(tmp_path, lesions="lesions/ben.nii.gz", regions="regions/ben.nii.gz") == 1
    said = capsys.readouterr()
    account = tmp_path / "out/localize.json"
    assert said.out == f"no subject could be localized: see {account}\n"
    assert "error: ben: " in said.err
    assert json.loads(account.read_text())["failures"].keys() == {"ben"}
    assert run(tmp_path, lesions="lesions/carla.nii.gz", regions="regions/carla.nii.gz") == 0
    assert json.loads(account.read_text())["failures"].keys() == {"ben"}
    maps(tmp_path, "ben")
    assert run(tmp_path, lesions="lesions/ben.nii.gz", regions="regions/ben.nii.gz") == 0
    summary = json.loads(account.read_text())
    assert summary["subjects"].keys() == {"ben", "carla"}
    assert not summary["failures"]
    capsys.readouterr()


def test_tables_of_maps_that_are_there_no_more_go_with_the_last_person(tmp_path: Path) -> None:
    """`predict` makes the tables anew after it has written the maps: none is left where no map can be read."""
    maps(tmp_path, "ben")
    assert run(tmp_path) == 0
    out = tmp_path / "out"
    (tmp_path / "lesions/ben.nii.gz").write_bytes(b"broken")
    inputs = folder_inputs(tmp_path / "lesions", tmp_path / "regions")
    flags, failures = localize_into(out, inputs, region_table(), Settings(), options=RunOptions(jobs=1), renew=True)
    assert (flags, failures.keys()) == ({}, {"ben"})
    assert {path.name for path in out.iterdir()} == {RECORD, "regions.tsv"}
