"""Files of the user's in or beside the output folder stay, and those of this package are never out of date."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import yucca_wm as yw
from yucca_wm.core.columns import Column
from yucca_wm.evaluate.__main__ import main as evaluate
from yucca_wm.groups.__main__ import main as groups
from yucca_wm.localize.__main__ import main
from yucca_wm.localize.measures import columns
from yucca_wm.localize.measures.load import LoadRow

SHAPE = (12, 10, 8)


def save(path: Path, data: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data.astype(np.uint8), np.diag([2.0, 2, 2, 1])), path)
    return path


def lesions(start: int, voxels: int = 4) -> np.ndarray:
    data = np.zeros(SHAPE)
    data[start, 2 : 2 + voxels, 3] = 1
    return data


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """People a and b: lesions of 4 and 3 voxels, apart from each other, and regions everywhere."""
    for name, data in (("a", lesions(2)), ("b", lesions(8, 3))):
        save(tmp_path / "les" / f"{name}.nii.gz", data)
        save(tmp_path / "reg" / f"{name}.nii.gz", np.full(SHAPE, 3))
    return tmp_path


def run(study: Path, *more: str, out: str = "out", les: str = "les", reg: str = "reg") -> int:
    return main(["--lesions", str(study / les), "--regions", str(study / reg), "--out-dir", str(study / out), *more])


def voxels(path: Path) -> int:
    return int((np.asanyarray(nib.load(path).dataobj) > 0).sum())


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as stream:
        return {row["subject"]: row for row in csv.DictReader(stream, delimiter="\t")}


def test_masks_of_people_who_are_gone_stay(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The masks lie where ``--maps`` would write: ``out/maps``; b's regions are then moved away."""
    shutil.move(study / "les", study / "out" / "maps")
    assert run(study, les="out/maps") == 0
    (study / "reg" / "b.nii.gz").unlink()
    assert run(study, les="out/maps") == 1
    assert "no longer in the tables" in capsys.readouterr().err
    assert voxels(study / "out" / "maps" / "b.nii.gz") == 3
    assert not (study / "out" / "parts" / "b.json").exists()


def test_maps_of_people_who_are_gone_go(study: Path) -> None:
    assert run(study, "--maps", "--bids") == 0
    for kind in ("les", "reg"):
        (study / kind / "b.nii.gz").unlink()
    assert run(study, "--maps", "--bids") == 0
    assert [path.name for path in (study / "out" / "maps").iterdir()] == ["a.nii.gz"]
    assert [path.name for path in (study / "out" / "bids").glob("sub-*")] == ["sub-a"]


def test_maps_are_of_the_tables_settings_though_not_asked_for_in_between(study: Path) -> None:
    """b's lesion has 24 mm3, under 30."""
    assert run(study, "--maps", "--bids") == 0
    assert run(study, "--min-size", "30") == 0
    assert not (study / "out" / "maps" / "b.nii.gz").exists()
    assert run(study, "--min-size", "30", "--maps", "--bids") == 0
    assert voxels(study / "out" / "maps" / "b.nii.gz") == 0
    (sidecar,) = (study / "out" / "bids").glob("sub-b/anat/*.json")
    assert '"LesionMinimumSizeMm3": 30.0' in sidecar.read_text()


@pytest.mark.parametrize("more", [[], ["--min-size", "1"]])
def test_an_own_file_is_not_taken_for_a_map(study: Path, more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Put there after a run without maps, for a subject on record and for one that is new."""
    save(study / "first" / "a.nii.gz", lesions(2))
    assert run(study, les="first") == 1  # b has no lesion map
    own = [save(study / "out" / "maps" / f"{name}.nii.gz", lesions(5, 6)) for name in ("a", "b")]
    with pytest.raises(yw.InputError, match="exists already and was not written by yucca-wm localize"):
        run(study, "--maps", *more)
    assert [voxels(path) for path in own] == [6, 6]
    assert run(study, "--maps", "--force", *more) == 0
    assert [voxels(path) for path in own] == [4, 3]
    capsys.readouterr()


@pytest.fixture
def two_folders(tmp_path: Path) -> Path:
    """Files of one name in a folder for each person, as many studies have them."""
    for name, data in (("anna", lesions(2)), ("bert", lesions(8, 3))):
        save(tmp_path / name / "wmh.nii.gz", data)
        save(tmp_path / name / "mask_v1.nii.gz", data)
        save(tmp_path / name / "regions.nii.gz", np.full(SHAPE, 3))
    return tmp_path


def test_relative_paths_from_each_persons_folder(two_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """7 voxels have a lesion in one of two people each; with bert's twice it would be 3 in both."""
    template = save(two_folders / "template.nii.gz", np.ones(SHAPE))
    for name in ("anna", "bert"):
        monkeypatch.chdir(two_folders / name)
        words = ["--lesions", "wmh.nii.gz", "--regions", "regions.nii.gz", "--out-dir", "../out"]
        assert main([*words, "--to-template", str(template), "--transforms", "none"]) == 0
    frequency = np.asanyarray(nib.load(two_folders / "out" / "template" / "lesion_frequency.nii.gz").dataobj)
    assert (frequency.max(), int((frequency > 0).sum())) == (0.5, 7)
    carried = rows(two_folders / "out" / "template" / "template.tsv")
    assert {name: float(row["lesion_volume_ml"]) for name, row in carried.items()} == {"anna": 0.032, "bert": 0.024}


@pytest.mark.parametrize("command", ["localize", "evaluate"])
def test_a_second_file_of_one_name_and_relative_path_is_refused(
    two_folders: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = {
        "localize": ["--lesions", "mask_v1.nii.gz", "--regions", "regions.nii.gz", "--out-dir", "../out"],
        "evaluate": ["--pred", "mask_v1.nii.gz", "--gt", "wmh.nii.gz", "--kind", "lesions", "--out-dir", "../out"],
    }[command]
    call = {"localize": main, "evaluate": evaluate}[command]
    monkeypatch.chdir(two_folders / "anna")
    save(Path("wmh.nii.gz"), lesions(3))
    assert call(words) == 0
    monkeypatch.chdir(two_folders / "bert")
    save(Path("wmh.nii.gz"), lesions(4))
    with pytest.raises(yw.InputError, match=r"is called mask_v1, as .*/anna/mask_v1\.nii\.gz was"):
        call(words)


def test_tables_of_the_user_are_neither_replaced_nor_removed(study: Path) -> None:
    out = study / "out"
    out.mkdir()
    (out / "lesions.tsv").write_text("my own\n")
    with pytest.raises(yw.InputError, match=r"lesions\.tsv: exists already and was not written by yucca-wm"):
        run(study)
    (out / "cases.tsv").write_text("my own\n")
    with pytest.raises(yw.InputError, match=r"cases\.tsv: exists already and was not written by yucca-wm"):
        evaluate(["--pred", str(study / "les"), "--gt", str(study / "reg"), "--kind", "lesions", "--out-dir", str(out)])
    assert (out / "lesions.tsv").read_text() == (out / "cases.tsv").read_text() == "my own\n"
    assert run(study, "--force") == 0
    assert len(rows(out / "lesions.tsv")) == 2


def test_a_table_that_is_read_is_not_replaced(study: Path) -> None:
    names = study / "out" / "regions.tsv"
    names.parent.mkdir()
    names.write_text("index\tname\tnote\n1\twhite_matter\tmine\n")
    with pytest.raises(yw.InputError, match=r"regions\.tsv: is read by this run"):
        run(study, "--names", str(names))
    table = study / "associations.tsv"
    table.write_text("participant_id\tage\n")
    with pytest.raises(yw.InputError, match=r"associations\.tsv: is read by this run"):
        groups(["associate", "--loads", "x", "--participants", str(table), "--outcome", "age", "--out-dir", str(study)])
    assert "mine" in names.read_text()


def test_nobody_is_added_to_what_was_saved_from_python(study: Path) -> None:
    a, b = ([str(study / kind / f"{name}.nii.gz") for kind in ("les", "reg")] for name in "ab")
    yw.localize(*a).save(study / "out")
    with pytest.raises(yw.InputError, match="holds results of a, saved from Python"):
        main(["--lesions", b[0], "--regions", b[1], "--out-dir", str(study / "out")])
    assert list(rows(study / "out" / "lesion_load_wide.tsv")) == ["a"]
    save(Path(a[0]), lesions(2, 5))
    assert main(["--lesions", a[0], "--regions", a[1], "--out-dir", str(study / "out")]) == 0  # the same person again
    assert rows(study / "out" / "lesion_load.tsv")["a"]["lesion_volume_ml"] == "0.040000"


def test_rows_whose_maps_have_changed_are_named_when_another_is_added(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def add(name: str) -> str:
        pair = [str(study / kind / f"{name}.nii.gz") for kind in ("les", "reg")]
        assert main(["--lesions", pair[0], "--regions", pair[1], "--out-dir", str(study / "out")]) == 0
        return capsys.readouterr().err

    add("a")
    assert "changed since" not in add("b")
    save(study / "les" / "a.nii.gz", lesions(2, 5))
    assert "note: a: its maps have changed since; localize it again" in add("b")


def test_parts_of_a_table_with_other_columns_are_made_again(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a new column, a person whose maps are as they were had the old fields under the new header."""
    assert run(study) == 0
    new = Column[LoadRow]("twice_ml", lambda row: 2 * row.lesion_volume_ml, "twice the volume", "mL")
    monkeypatch.setattr(columns, "LOAD", (new, *columns.LOAD))
    save(study / "les" / "b.nii.gz", lesions(6, 2))
    assert run(study) == 0
    table = rows(study / "out" / "lesion_load.tsv")  # the last row of each person: the total
    for name, voxels_in in (("a", 4), ("b", 2)):
        assert float(table[name]["twice_ml"]) == pytest.approx(2 * voxels_in * 0.008)
        assert float(table[name]["lesion_volume_ml"]) == pytest.approx(voxels_in * 0.008)


def test_a_single_map_is_named_as_asked(two_folders: Path) -> None:
    """Two people's files of one name, added one after the other; without a name the second is refused."""
    for name, voxels_in in (("anna", 4), ("bert", 3)):
        words = ["--lesions", two_folders / name / "mask_v1.nii.gz", "--regions", two_folders / name / "regions.nii.gz"]
        assert main([*map(str, words), "--out-dir", str(two_folders / "out"), "--name", name]) == 0
        found = rows(two_folders / "out" / "lesion_load.tsv")
        assert float(found[name]["lesion_volume_ml"]) == pytest.approx(voxels_in * 0.008)
        words = ["--pred", two_folders / name / "mask_v1.nii.gz", "--gt", two_folders / "anna" / "wmh.nii.gz"]
        assert evaluate([*map(str, words), "--out-dir", str(two_folders / "scores"), "--name", name, "--lesions"]) == 0
    assert list(found) == ["anna", "bert"]
    assert {name: row["dice"] for name, row in rows(two_folders / "scores" / "cases.tsv").items()} == {
        "anna": "1", "bert": "0"
    }  # fmt: skip


@pytest.mark.parametrize("name", ["", "a/b", ".."])
def test_a_name_that_cannot_be_a_file_is_wrong_usage(study: Path, name: str) -> None:
    words = ["--lesions", study / "les" / "a.nii.gz", "--regions", study / "reg" / "a.nii.gz", "--out-dir", study / "o"]
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, words), "--name", name])
    assert stopped.value.code == 2
