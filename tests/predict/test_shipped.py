"""Maps in the space that was asked for, what an earlier run leaves, and the order of tissue classes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from yucca_wm.core.tissue import Tissue
from yucca_wm.imaging.images import Image
from yucca_wm.models.conventions import TISSUES
from yucca_wm.models.segment import Networks, Segmentation
from yucca_wm.predict.account import same_scans
from yucca_wm.predict.case import Case, Options, other_outputs
from yucca_wm.predict.frame_files import FRAME
from yucca_wm.predict.shipped import segment_person
from yucca_wm.scan import Frame
from yucca_wm.scan.contrast import EXCHANGED


def test_scans_on_one_grid_that_were_moved_onto_each_other_are_no_one_space() -> None:
    """T1 moved by 2 mm to the right to lie on the FLAIR: on the T1, the FLAIR's voxel 5 is voxel 4 of 2 mm."""
    flair = Image(np.zeros((9, 3, 3), np.uint8), np.diag([2.0, 2, 2, 1]))
    t1 = Image(np.zeros((9, 3, 3), np.float32), flair.affine)
    moved = np.eye(4)
    moved[0, 3] = 2.0
    labels = flair.with_data(flair.data.copy())
    labels.data[5, 1, 1] = 7
    there = Frame({"T1": t1, "FLAIR": flair}, "FLAIR", {"T1": moved}, []).carried(labels, t1)
    assert np.argwhere(there.data).tolist() == [[4, 1, 1]]
    same = Frame({"T1": t1, "FLAIR": flair}, "FLAIR", {}, []).carried(labels, t1)
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
    networks = Networks(SimpleNamespace(seen=None, classes_at=None), tissue=lambda x: x)
    for before, times in (([], 1), ([EXCHANGED], 0)):
        frame = Frame({"T1": image, "FLAIR": image}, "FLAIR", {}, before)
        notes = segment_person(frame, networks, ["lesions"], like=None, confidence=False).notes
        assert len(notes) == times
        assert [note for note in notes if not note.startswith("T1 and FLAIR look like one contrast")] == []


def test_nothing_of_an_earlier_run_passes_for_this_ones(tmp_path: Path) -> None:
    stale = [
        tmp_path / FRAME / "a.png",
        tmp_path / FRAME / "a_T1_to_FLAIR.tfm",
        tmp_path / "lesions_probability/a.nii.gz",
    ]
    others = [tmp_path / FRAME / "a_b.png", tmp_path / "tissue/a.nii.gz"]
    found = other_outputs(Case("a", {"FLAIR": tmp_path}), [], tmp_path, Options(shipped=True))
    assert set(stale) <= set(found)
    assert not set(others) & set(found)


def test_the_network_and_the_table_count_tissues_alike() -> None:
    assert {"background": 0, "lesion": 8}.items() <= TISSUES.items()
    for name, label in TISSUES.items():
        if name not in ("background", "lesion"):
            assert Tissue(label).name.lower().split("_")[0] == name.split("_")[0]


def test_scans_that_several_people_have_are_said() -> None:
    made = {
        name: {"scans": {"T1": {"sha256": t1}, "FLAIR": {"sha256": flair}}}
        for name, t1, flair in (("a", "1", "2"), ("b", "1", "3"), ("c", "4", None), ("d", "5", None))
    }
    assert same_scans(made) == ["a, b have the same T1, byte for byte"]
