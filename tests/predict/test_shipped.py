"""Maps in the space that was asked for, what an earlier run leaves, and the order of tissue classes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from yucca_wm.core.notes import About
from yucca_wm.core.tissue import Tissue
from yucca_wm.imaging.images import Image, load
from yucca_wm.models.conventions import TISSUES
from yucca_wm.models.segment import Networks, Segmentation
from yucca_wm.predict.account import same_scans
from yucca_wm.predict.case import Case, Options, other_outputs
from yucca_wm.predict.frame_files import FRAME, save_frame
from yucca_wm.predict.person import Predicted, write_predicted
from yucca_wm.predict.shipped import segment_person
from yucca_wm.scan import Frame
from yucca_wm.scan.cut import ELSEWHERE
from yucca_wm.scan.notes import EXCHANGED, ODD_ANATOMY


def test_scans_on_one_grid_that_were_moved_onto_each_other_are_no_one_space() -> None:
    """T1 moved by 2 mm to the right to lie on the FLAIR: on the T1, the FLAIR's voxel 5 is voxel 4 of 2 mm."""
    flair = Image(np.zeros((9, 3, 3), np.uint8), np.diag([2.0, 2, 2, 1]))
    t1 = Image(np.zeros((9, 3, 3), np.float32), flair.affine)
    moved = np.eye(4)
    moved[0, 3] = 2.0
    labels = flair.with_data(flair.data.copy())
    labels.data[5, 1, 1] = 7
    there = Frame({"T1": t1, "FLAIR": flair}, "FLAIR", {"T1": moved}, []).to_space(labels, t1)
    assert np.argwhere(there.data).tolist() == [[4, 1, 1]]
    same = Frame({"T1": t1, "FLAIR": flair}, "FLAIR", {}, []).to_space(labels, t1)
    assert np.argwhere(same.data).tolist() == [[5, 1, 1]]


def test_scans_that_are_exchanged_are_noted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """2 x 80 ml of white matter and cortex, as bright as each other on both scans, which is odd by itself. 34 regions
    of the same size on each side, and a margin all around, so that nothing else is."""
    shape = (22, 22, 36)
    inside = (slice(1, -1),) * 3
    tissue, regions = np.zeros((2, *shape), np.uint8)
    tissue[inside] = Tissue.CEREBRAL_WHITE_MATTER
    tissue[1:11, 1:-1, 1:-1] = Tissue.CORTICAL_GREY_MATTER
    regions[inside] = 1 + np.arange(34, dtype=np.uint8)
    none = np.zeros(shape, np.uint8)
    found = Segmentation(none, regions, tissue, none.astype(np.float32), 1200.0)
    monkeypatch.setattr("yucca_wm.models.segment.segment", lambda *_: found)
    image = Image(np.full(shape, 100, np.float32), np.diag([3.0, 3, 3, 1]))
    networks = Networks(SimpleNamespace(locate=None, region_logits=None), tissue=lambda x: x)
    for before, times in (([], 1), ([EXCHANGED.note()], 0)):
        frame = Frame({"T1": image, "FLAIR": image}, "FLAIR", {}, before)
        notes = segment_person(frame, networks, ["lesions"], like=None, confidence=False).notes
        assert len(notes) == times
        assert [note for note in notes if not note.startswith("T1 and FLAIR look like one contrast")] == []


def test_a_scan_that_was_no_file_is_kept_as_it_was_read(tmp_path: Path) -> None:
    """Not as it lies on the FLAIR: maps on the T1's own grid are shown on it."""
    flair = Image(np.ones((9, 9, 9), np.float32), np.eye(4))
    own = Image(np.arange(27, dtype=np.float32).reshape(3, 3, 3), np.diag([3.0, 3, 3, 1]))
    frame = Frame({"T1": flair.with_data(flair.data + 1), "FLAIR": flair}, "FLAIR", {"T1": np.eye(4)}, [], {"T1": own})
    save_frame("a", {"T1": own, "FLAIR": flair}, frame, tmp_path)
    for modality, given in (("T1", own), ("FLAIR", flair)):
        kept = load(tmp_path / FRAME / f"a_{modality}.nii.gz")
        np.testing.assert_array_equal(kept.data, given.data)
        np.testing.assert_allclose(kept.affine, given.affine)


@pytest.mark.parametrize("in_frame", [True, False])
def test_the_pictures_grey_levels_are_those_of_the_brain_where_it_is(
    in_frame: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T1 and FLAIR share a grid, and the T1 was moved: a map on the T1 as it was does not lie on the FLAIR."""
    drawn = []
    monkeypatch.setattr("yucca_wm.report.pictures.alignment.draw_alignment", lambda *given: drawn.append(given[-1]))
    image = Image(np.ones((9, 9, 9), np.float32), np.eye(4))
    frame = Frame({"T1": image, "FLAIR": image}, "FLAIR", {"T1": np.eye(4)}, [])
    tissue = image.with_data((np.indices((9, 9, 9))[0] > 4).astype(np.uint8))
    write_predicted(Predicted(Case("a", {}), {"tissue": tissue}, frame, {}, in_frame), tmp_path)
    (brain,) = drawn
    assert brain is None if not in_frame else (brain == (tissue.data > 0)).all()


@pytest.mark.parametrize("space", ["flair", "t1"])
def test_a_t1_that_ends_within_the_brain_cuts_the_maps_on_its_own_grid(
    space: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A brain of 3 mm voxels in 36 planes, of which the T1 has 20; on the FLAIR's grid the maps are whole."""
    shape = (22, 22, 40)
    tissue, regions = np.zeros((2, *shape), np.uint8)
    tissue[1:-1, 1:-1, 2:38] = Tissue.CEREBRAL_WHITE_MATTER
    regions[1:-1, 1:-1, 2:38] = 1 + np.arange(36, dtype=np.uint8) % 34
    none = np.zeros(shape, np.uint8)
    found = Segmentation(none, regions, tissue, none.astype(np.float32), 1200.0)
    monkeypatch.setattr("yucca_wm.models.segment.segment", lambda *_: found)
    monkeypatch.setattr("yucca_wm.scan.contrast.unlikely_contrasts", lambda *_: [])
    flair = Image(np.full(shape, 100, np.float32), np.diag([3.0, 3, 3, 1]))
    t1 = Image(np.full((22, 22, 20), 100, np.float32), flair.affine)
    shown = np.zeros(shape, np.float32)
    shown[..., :20] = 100
    frame = Frame({"T1": flair.with_data(shown), "FLAIR": flair}, "FLAIR", {}, [], {"T1": t1})
    networks = Networks(SimpleNamespace(locate=None, region_logits=None), tissue=lambda x: x)
    like = t1 if space == "t1" else None
    made = segment_person(frame, networks, ["lesions", "regions"], like=like, confidence=False)
    ends = [note for note in made.notes if "in the last plane" in note]
    cm2 = 20 * 20 * 9 / 100
    where = f"top ({cm2:.0f} of {cm2:.0f} cm2 in the last plane)"
    expected = f"the brain is cut off at the {where}: {ELSEWHERE.format(others='FLAIR')}"
    if space == "flair":
        beyond = "beyond its end, lesions were searched for on the FLAIR alone: 0.00 ml found"
        expected = f"T1: ends within the brain at the {where}; {beyond}"
    assert ends == [expected]


@pytest.mark.parametrize(("misfit_of_whole_mm", "again"), [(2.0, True), (4.0, False)])
def test_an_odd_brain_is_looked_for_again_on_all_that_another_scan_shows(
    misfit_of_whole_mm: float, again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A FLAIR of 20 planes within a T1 of 40, whose brain looks odd, not cut; unless the whole is odd, too."""

    def segment(_: object, scans: dict[str, Image]) -> Segmentation:
        shape = scans["FLAIR"].shape
        labels = np.full(shape, 1 + (shape[2] > 20), np.uint8)
        labels[:, :, -1] = labels[:, :, 0] = 0
        misfit_mm = misfit_of_whole_mm if shape[2] > 20 else 4.1
        return Segmentation(0 * labels, labels, labels, labels.astype(np.float32), 1200.0, "", misfit_mm)

    monkeypatch.setattr("yucca_wm.models.segment.segment", segment)
    monkeypatch.setattr("yucca_wm.scan.contrast.unlikely_contrasts", lambda *_: [])
    monkeypatch.setattr("yucca_wm.scan.cut.cut_off", lambda *_: [])
    flair = Image(np.full((20, 20, 20), 100, np.float32), np.diag([3.0, 3, 3, 1]))
    t1 = Image(np.full((20, 20, 40), 100, np.float32), flair.affine)
    frame = Frame({"T1": flair, "FLAIR": flair}, "FLAIR", {}, [], {"T1": t1})
    networks = Networks(SimpleNamespace(locate=None, region_logits=None), tissue=lambda x: x)
    found = segment_person(frame, networks, ["lesions", "regions"], like=None, confidence=False)
    assert found.maps["regions"].shape == flair.shape
    assert found.maps["regions"].data.max() == (2 if again else 1)
    assert any(note.about is About.ODD_ANATOMY for note in found.notes) != again


@pytest.mark.parametrize(("misfit_mm", "noted"), [(2.5, False), (3.3, True), (np.inf, False)])
def test_a_head_that_is_unlike_others_is_noted(misfit_mm: float, noted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    none = np.zeros((4, 4, 4), np.uint8)
    found = Segmentation(none, none, none, none.astype(np.float32), 1200.0, "FLAIR", misfit_mm)
    monkeypatch.setattr("yucca_wm.models.segment.segment", lambda *_: found)
    monkeypatch.setattr("yucca_wm.scan.contrast.unlikely_contrasts", lambda *_: [])
    frame = Frame({"FLAIR": Image(np.ones((4, 4, 4), np.float32), np.eye(4))}, "FLAIR", {}, [])
    networks = Networks(SimpleNamespace(locate=None, region_logits=None), tissue=lambda x: x)
    notes = segment_person(frame, networks, ["lesions"], like=None, confidence=False).notes
    assert [note for note in notes if note.about is About.ODD_ANATOMY] == [ODD_ANATOMY.note(mm=misfit_mm)] * noted


def test_nothing_of_an_earlier_run_passes_for_this_ones(tmp_path: Path) -> None:
    stale = [
        tmp_path / FRAME / "a.png",
        tmp_path / FRAME / "a_T1_to_FLAIR.tfm",
        tmp_path / "lesions_probability/a.nii.gz",
    ]
    others = [tmp_path / FRAME / "a_b.png", tmp_path / "tissue/a.nii.gz"]
    found = other_outputs(Case("a", {"FLAIR": tmp_path}), {}, tmp_path, Options(shipped=True))
    assert set(stale) <= set(found)
    assert not set(others) & set(found)


def test_the_network_and_the_table_count_tissues_alike() -> None:
    assert {"background": 0, "lesion": 8}.items() <= TISSUES.items()
    for name, label in TISSUES.items():
        if name not in ("background", "lesion"):
            assert Tissue(label).name.lower().split("_")[0] == name.split("_")[0]


def test_scans_that_several_people_have_are_said() -> None:
    made = {
        name: {"scans": {"T1": {"voxels_sha256": t1}} | ({"FLAIR": {"voxels_sha256": flair}} if flair else {})}
        for name, t1, flair in (("a", "1", "2"), ("b", "1", "3"), ("c", "4", None), ("d", "5", None))
    }
    assert same_scans(made) == ["a, b have the same T1, voxel for voxel"]
