"""Real scans among the painted ones: on the label map's grid, with its lesions, as often as was asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.imaging.images import Image
from yucca_wm.models.conventions import ABSENT, TISSUES
from yucca_wm.parcellate.outputs import Outputs
from yucca_wm.registration import itk
from yucca_wm.training.synthesis.__main__ import main
from yucca_wm.training.synthesis.heads import Head, load_head, save_head
from yucca_wm.training.synthesis.learning.dataset import PaintedDataset, scan_share
from yucca_wm.training.synthesis.planes import paint_planes
from yucca_wm.training.synthesis.prepare import prepare_head, scans_on
from yucca_wm.training.synthesis.scans import core_values
from yucca_wm.training.synthesis.structures import CEREBRAL_WM
from yucca_wm.training.synthesis.volumes import paint_volume

from .conftest import AFFINE, MIDDLE, SHAPE, TO_ATLAS, label_map, region_map

BOX = np.s_[20:26, 34:46, 26:36]
"""In white matter, on the left."""


def intensities(kind: str) -> NDArray[np.float32]:
    """A scan of the head of `label_map`: white matter 200, with a scalp; the lesion in `BOX` is bright on FLAIR."""
    labels = label_map()
    of = {"T1": (200, 120, 60, 40, 300), "FLAIR": (200, 230, 50, 40, 600)}[kind]
    groups = ((2, 41), (3, 42, 16), (4, 43), (24, 514), (516,))
    image = np.select([np.isin(labels, group) for group in groups], of, 0).astype(np.float32)
    image[BOX] = 150 if kind == "T1" else 400
    texture = np.random.default_rng(len(kind)).normal(1, 0.03, SHAPE).astype(np.float32)
    return image * texture


def larger(array: NDArray[Any]) -> NDArray[Any]:
    """Three times as large, as heads are."""
    return array.repeat(3, 0).repeat(3, 1).repeat(3, 2)


@pytest.fixture
def person(tmp_path: Path) -> Path:
    """Label maps of two heads. "one" has a lesion (77) in `BOX`, a T1 and a FLAIR on voxels of 3 mm (``scans.tsv``)."""
    for folder in ("labels", "regions"):
        (tmp_path / folder).mkdir()
    labels = label_map()
    brain = np.isin(labels, (2, 41, 3, 42, 4, 43, 16))
    hurt = labels.copy()
    hurt[BOX] = 77
    for name, data in (("one", hurt), ("two", labels)):
        nib.save(nib.Nifti1Image(larger(data), AFFINE), tmp_path / "labels" / f"{name}.nii.gz")
        nib.save(nib.Nifti1Image(larger(region_map(brain)), AFFINE), tmp_path / "regions" / f"{name}_unmasked.nii.gz")
        itk.save_affine(TO_ATLAS, tmp_path / "regions" / f"{name}_affine.tfm")
    coarse = AFFINE @ np.diag([3.0, 3, 3, 1])
    coarse[:3, 3] += 1
    for kind in ("T1", "FLAIR"):
        nib.save(nib.Nifti1Image(intensities(kind), coarse), tmp_path / f"{kind}.nii.gz")
    paths = "\t".join(str(tmp_path / f"{kind}.nii.gz") for kind in ("T1", "FLAIR"))
    (tmp_path / "scans.tsv").write_text(f"subject\tt1\tflair\none\t{paths}\n")
    return tmp_path


@pytest.fixture
def scanned(head: Head) -> Head:
    own = np.zeros(SHAPE, bool)
    own[BOX] = True
    return replace(
        head, scans={kind: (intensities(kind) / 200).astype(np.float16) for kind in ("T1", "FLAIR")}, own_lesions=own
    )


def test_scans_lie_on_the_label_map_in_units_of_white_matter(person: Path) -> None:
    scans = {kind: person / f"{kind}.nii.gz" for kind in ("T1", "FLAIR")}
    found = prepare_head(person / "labels" / "one.nii.gz", Outputs(person / "regions" / "one.nii.gz"), scans=scans)
    assert found.own_lesions is not None
    assert found.own_lesions.sum() == 6 * 12 * 10 * 27
    white = found.structures == CEREBRAL_WM
    assert white[found.own_lesions].all(), "a lesion is white matter, too"
    sound = white & ~found.own_lesions
    assert float(np.median(found.scans["FLAIR"][white])) == pytest.approx(1, abs=0.01)
    assert float(np.median(found.scans["FLAIR"][sound])) == pytest.approx(1, abs=0.05)
    inner = found.scans["FLAIR"][found.own_lesions]
    assert float(np.median(inner)) == pytest.approx(2, abs=0.05), "400 in white matter of 200"
    assert float(np.median(found.scans["T1"][found.own_lesions])) == pytest.approx(0.75, abs=0.03)
    path = save_head(found, person / "head.npz")
    again = load_head(path)
    assert again.scans.keys() == {"T1", "FLAIR"}
    np.testing.assert_array_equal(again.scans["T1"], found.scans["T1"])
    np.testing.assert_array_equal(again.own_lesions, found.own_lesions)


def test_a_scan_of_another_place_is_refused(person: Path, head: Head) -> None:
    image = nib.load(person / "FLAIR.nii.gz")
    moved = image.affine.copy()
    moved[:3, 3] += 80
    nib.save(nib.Nifti1Image(image.get_fdata(), moved), person / "far.nii.gz")
    white = larger(head.structures == CEREBRAL_WM)
    with pytest.raises(InputError, match=r"far\.nii\.gz: does not show the white matter of the label map"):
        scans_on(Image(white, AFFINE), white, {"FLAIR": person / "far.nii.gz"})


def test_planes_are_of_the_scan_with_its_own_lesions(scanned: Head) -> None:
    """Nothing is painted: what is called lesion is bright on FLAIR, and darker than white matter on T1."""
    n_lesions = 0
    for seed in range(60):
        (plane,) = paint_planes(scanned, (64, 80), np.random.default_rng(seed))
        lesion, white = (plane.label == TISSUES[name] for name in ("lesion", "cerebral_white_matter"))
        t1, flair = plane.image
        for channel, brighter in ((t1, False), (flair, True)):
            if (channel == ABSENT).all() or lesion.sum() < 20 or white.sum() < 50:
                continue
            n_lesions += 1
            assert (np.median(channel[lesion]) > np.median(channel[white])) == brighter
        assert np.isfinite(plane.image).all()
    assert n_lesions > 15
    unhurt = replace(scanned, own_lesions=np.zeros(SHAPE, bool))
    labels = [paint_planes(unhurt, (64, 80), np.random.default_rng(seed))[0].label for seed in range(20)]
    assert all((label != TISSUES["lesion"]).all() for label in labels)


def test_a_scan_that_ends_in_a_plane_is_left_out_there(scanned: Head) -> None:
    cut = scanned.scans["FLAIR"].copy()
    cut[:MIDDLE] = 0
    half = replace(scanned, scans={**scanned.scans, "FLAIR": cut})
    for seed in range(30):
        (plane,) = paint_planes(half, (64, 80), np.random.default_rng(seed))
        if (plane.label > 0).sum() > 200:
            assert (plane.image[1] == ABSENT).all()
            assert (plane.image[0] != ABSENT).any()


def test_what_a_scan_is_scaled_by_is_the_brain(head: Head) -> None:
    """White matter 1, grey matter 2, else 9: without fluid around the brain only these two (and ventricles) count."""
    scan = np.full(SHAPE, 9, np.float16)
    scan[head.structures == CEREBRAL_WM] = 1
    labels = label_map()
    scan[np.isin(labels, (3, 42, 16))] = 2
    scan[np.isin(labels, (4, 43))] = 0.5
    tight, *wide = core_values(head.structures, scan)
    assert set(np.unique(tight)) <= {0.5, 1, 2}
    n_white, n_grey = (np.isin(labels, group).sum() for group in ((2, 41), (3, 42, 16)))
    assert (tight == 2).sum() / (tight == 1).sum() == pytest.approx(n_grey / n_white, rel=0.05)
    assert all((values == 9).any() for values in wide), "fluid around the brain"


def test_nothing_is_found_where_a_scan_ends(scanned: Head) -> None:
    above = np.indices(SHAPE)[2] > 30
    low = {kind: np.where(above, np.float16(0), scan) for kind, scan in scanned.scans.items()}
    for seed in range(4):
        whole, cut = (
            paint_volume(replace(scanned, scans=scans), np.random.default_rng(seed)) for scans in (scanned.scans, low)
        )
        assert 0.3 < (cut.label > 0).sum() / (whole.label > 0).sum() < 0.75
        assert set(np.unique(whole.label)) <= {0, *range(1, 7), *range(18, 24)}


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_scans_are_shown_as_often_as_asked_for(head: Head, scanned: Head, tmp_path: Path, share: float) -> None:
    cases = []
    for name, kind in (("a", head), ("b", scanned), ("c", head), ("d", scanned)):
        cases.append(str(save_head(kind, tmp_path / f"{name}.npz").with_suffix("")))
    dataset = PaintedDataset(cases, (64, 64), seed=3, scan_share=share)
    drawn = np.array([dataset.head_of(number) for number in range(2000)])
    assert np.isin(drawn, (1, 3)).mean() == pytest.approx(share, abs=0.03)
    for pair in ((0, 2), (1, 3)):
        counts = [(drawn == n).sum() for n in pair]
        assert max(counts) - min(counts) < 0.1 * sum(counts) + 1, "people take turns"
    only = PaintedDataset([cases[1]], (64, 64), seed=3, scan_share=0.0)
    assert only.head_of(7) == 0, "there is nothing else"


def test_the_command_takes_scans(person: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["--labels", str(person / "labels"), "--regions", str(person / "regions"), "--out-dir", str(person / "task")]
    (person / "scans.tsv").write_text(f"subject\tflair\none\t{person / 'FLAIR.nii.gz'}\n")
    line += ["--scans", str(person / "scans.tsv"), "--scan-share", "0.4", "--jobs", "1"]
    assert main(line) == 0
    assert "scans: FLAIR" in capsys.readouterr().out
    listed = json.loads((person / "task" / "dataset.json").read_text())
    assert listed["scan_share"] == 0.4
    assert listed["heads"]["one"]["scans"] == ["FLAIR"]
    assert listed["heads"]["two"]["scans"] == []
    assert load_head(person / "task" / "heads" / "one.npz").scans
    assert not load_head(person / "task" / "heads" / "two.npz").scans


@pytest.mark.parametrize(
    ("table", "share", "message"),
    [
        ("subject\tflair\nthree\tFLAIR.nii.gz\n", "0.3", "has scans of three, of whom there is no label map"),
        ("subject\tlesions\none\tFLAIR.nii.gz\n", "0.3", "has neither T1 nor FLAIR of one"),
        ("subject\tflair\none\tFLAIR.nii.gz\n", "0", r"--scan-share: is 0; give a share above 0, at most 1"),
    ],
)
def test_scans_that_cannot_be_used_are_named(person: Path, table: str, share: str, message: str) -> None:
    (person / "scans.tsv").write_text(table)
    line = ["--labels", str(person / "labels"), "--regions", str(person / "regions"), "--out-dir", str(person / "task")]
    with pytest.raises(InputError, match=message):
        main([*line, "--scans", str(person / "scans.tsv"), "--scan-share", share])


def test_a_share_without_scans_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--labels", "labels", "--regions", "regions", "--scan-share", "0.4"])
    assert ended.value.code == 2
    assert "--scan-share goes with --scans" in capsys.readouterr().err


def test_the_share_is_read_from_the_plan(tmp_path: Path) -> None:
    assert scan_share(tmp_path) == 0
    (tmp_path / "YuccaPlanner_Planes_plans.json").write_text('{"dataset_properties": {"scan_share": 0.2}}')
    assert scan_share(tmp_path) == 0.2
    (tmp_path / "YuccaPlanner_Planes_plans.json").write_text('{"dataset_properties": {}}')
    assert scan_share(tmp_path) == 0, "a plan of before"
