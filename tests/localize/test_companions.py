from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.core.notes import Note, recorded
from yucca_wm.core.regions import regions
from yucca_wm.imaging.images import Image
from yucca_wm.imaging.reading import Headers, reading
from yucca_wm.localize.case import localize_maps
from yucca_wm.localize.inputs.companions import CompanionPaths
from yucca_wm.localize.inputs.pairs import Companions, Maps, Modality, Pair, pair_cases
from yucca_wm.localize.inputs.reading import read_maps
from yucca_wm.localize.inputs.records import scans_flags
from yucca_wm.localize.measures.lesions import Settings
from yucca_wm.localize.measures.load import CaseResult
from yucca_wm.scan.notes import A_T2, ABSENT, ATLAS, BLANK, EXCHANGED, MOVED, ODD_ANATOMY, WEAK, WRONG_HEADER


def folder(path: Path, *names: str) -> Path:
    path.mkdir()
    for name in names:
        (path / f"{name}.nii.gz").touch()
    return path


@pytest.mark.parametrize(
    ("flair", "expected"),
    [
        (("sub-1_before", "sub-1_after"), {"sub-1_before": "sub-1_before", "sub-1_after": "sub-1_after"}),
        (("sub-1_before",), {"sub-1_before": "sub-1_before"}),  # never given to the other visit
        (("s2_lesions",), {"s2": "s2_lesions"}),
    ],
)
def test_a_map_of_one_modality_is_of_the_subject_of_its_name(
    tmp_path: Path, flair: tuple[str, ...], expected: dict[str, str]
) -> None:
    names = ("sub-1_before", "sub-1_after", "s2")
    lesions, regions = folder(tmp_path / "l", *names), folder(tmp_path / "r", *names)
    places = CompanionPaths(modality_lesions={"FLAIR": folder(tmp_path / "flair", *flair)})
    pairs, failures = places.attach(pair_cases(lesions, regions)[0], lesions, regions)
    assert not failures
    found = {
        subject: modality.lesions.name.removesuffix(".nii.gz")
        for subject, pair in pairs.items()
        for modality in pair.companions.modalities or ()
    }
    assert found == expected


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("what", ["modality_lesions", "lesion_softmax", "region_softmax"])
def test_nothing_agrees_with_itself_or_counts_twice(tmp_path: Path, what: str, link: bool) -> None:
    lesions, regions = folder(tmp_path / "l", "s"), folder(tmp_path / "r", "s")
    one = other = folder(tmp_path / "one", "s")
    if link:
        other = tmp_path / "other"
        other.symlink_to(one)
    given = {"T1": one, "FLAIR": other} if what == "modality_lesions" else (one, other)
    places = CompanionPaths(soft=what != "modality_lesions", **{what: given})  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"other: is .*one, which is given already" if link else "one: is given twice"):
        places.attach(pair_cases(lesions, regions)[0], lesions, regions)


@pytest.mark.parametrize(
    ("note", "flag"),
    [
        (EXCHANGED.note(), "doubtful_scans"),
        (A_T2.note(name="T1", wet=2.5), "doubtful_scans"),
        (WEAK.note(reference="FLAIR", peak=1.25, least=1.2).on("T1"), "weak_fit"),
        (ATLAS.note(doubt="the registration is off"), "poor_registration"),
        (BLANK.note(n=1, total=44).on("FLAIR"), "blank_slices"),
        (ODD_ANATOMY.note(mm=4.8), "odd_anatomy"),
        (WRONG_HEADER.note(moved="moved", reference="FLAIR").on("T1"), "doubtful_scans"),
        (MOVED.note(reference="FLAIR", moved_mm=1.2, turn_deg=0.5).on("T1"), None),
        (ABSENT.note(n=1, total=34, names="parietal_L"), None),  # the region map itself shows it
        (Note("sform and qform differ"), None),
    ],
)
def test_what_predict_doubted_is_a_flag(tmp_path: Path, note: Note, flag: str | None) -> None:
    (tmp_path / "lesions").mkdir()
    account = {"cases": {"a": {"scans": {"T1": {}, "FLAIR": {}}, **recorded([note])}}}
    (tmp_path / "predict.json").write_text(json.dumps(account))
    expected = {flag: note} if flag else {}
    assert scans_flags(tmp_path / "lesions" / "a.nii.gz", tmp_path / "elsewhere" / "regions" / "a.nii.gz") == expected
    plain = Image(np.zeros((2, 2, 2), np.uint8), np.eye(4))
    made = replace(plain, record=recorded([note]))
    assert scans_flags(made, plain) == scans_flags(plain, made) == expected


def test_tissue_maps_of_nobody_are_a_note(tmp_path: Path) -> None:
    pairs = {"a": Pair("a", tmp_path / "lesions/a.nii.gz", tmp_path / "regions/a.nii.gz")}
    (tmp_path / "tissue").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "tissue" / f"{name}.nii.gz").touch()
    with reading(Headers()) as notes:
        attached, failures = CompanionPaths(tissue=tmp_path / "tissue").attach(pairs, tmp_path, tmp_path)
    assert (list(attached), failures) == (["a"], {})
    assert list(notes) == [f"{tmp_path / 'tissue'}: 2 tissue maps match no subject, and are not used"]


def test_regions_are_brought_to_a_modalitys_lesions_at_once() -> None:
    """Regions of 1 mm: parietal_L to voxel 2, parietal_R from 3 on; T1's lesion on the same grid, in voxel 1. The
    ensemble's grid is of 6 mm, where one voxel, in parietal_R, would hold both."""
    table = regions()
    left, right = (next(r.index for r in table if r.name == f"parietal_{side}") for side in "LR")
    labels = np.full((12, 1, 1), right, np.uint8)
    labels[:3] = left
    t1, ensemble = np.zeros((12, 1, 1), np.uint8), np.ones((2, 1, 1), np.uint8)
    t1[1] = 1
    coarse = np.array([[6.0, 0, 0, 2.5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    companions = Companions(modalities=(Modality("T1", Image(t1, np.eye(4)), None),))
    maps = Maps("a", Image(ensemble, coarse), Image(labels, np.eye(4)), companions=companions)
    result = localize_maps(
        maps,
        read_maps(maps, table, Settings(min_size_mm3=0, resample=True)),
        table,
        Settings(min_size_mm3=0, resample=True),
    )
    of_t1 = {row.region_id: row.volumes_ml[1] for row in result.modalities if row.volumes_ml[1]}
    assert of_t1 == {left: pytest.approx(0.001), table_total(result): pytest.approx(0.001)}


def table_total(result: CaseResult) -> int:
    return result.modalities[-1].region_id
