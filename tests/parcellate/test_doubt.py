"""A registration is doubted for how it fits: on stderr, in the summary, in the record."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import yucca_wm as yw
from yucca_wm.atlas.maps import Atlas, load_atlas
from yucca_wm.imaging.images import Image, load_labels, save
from yucca_wm.localize.inputs.records import registration_flag
from yucca_wm.parcellate.__main__ import main
from yucca_wm.parcellate.case import label
from yucca_wm.parcellate.quality import PARTS, Fit, doubts, warn_of_doubts
from yucca_wm.parcellate.settings import Settings
from yucca_wm.parcellate.white_matter import WhiteMatter

from .conftest import AtlasFiles, Scan, scan, turned, world

GOOD = Fit(dict.fromkeys(PARTS, 0.9), starts=7, agreeing=7)


def with_part(value: float) -> Fit:
    return Fit({**GOOD.parts, "lower back left": value}, 7, 7)


@pytest.mark.parametrize(
    ("matrix", "fit", "said"),
    [
        (turned((60, 0, 40), (1, 1, 1)), GOOD, []),
        (np.eye(4), with_part(0.81), []),
        (np.eye(4), with_part(0.79), ["0.79 lower back left"]),
        (np.eye(4), Fit(GOOD.parts, 7, 1), []),
        (np.diag([1.3, 1.3, 1.3, 1]), GOOD, ["volume ratio 2.20"]),
        (np.diag([1.0, 1, 1.7, 1]), GOOD, ["anisotropy 1.70"]),
        (np.eye(4), Fit(GOOD.parts, t1_contrast=0.86), []),
        (np.eye(4), Fit(GOOD.parts, t1_contrast=0.77), ["is it this person's"]),
        (np.eye(4), Fit(GOOD.parts, wm_in_tissue_dice=0.66), ["overlaps the tissue map's by 0.66"]),
        (np.eye(4), Fit(GOOD.parts, network_agreement=0.4), ["on 40 % of the voxels"]),
    ],
)
def test_what_is_doubted(matrix: np.ndarray, fit: Fit, said: list[str]) -> None:
    found = doubts(matrix, fit)
    assert len(found) == len(said)
    assert all(words in doubt for words, doubt in zip(said, found, strict=True))


def test_every_doubt_is_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    records: dict[str, dict[str, list[str]]] = {"a": {"doubts": []}, "b": {"doubts": ["one", "two"]}}
    assert warn_of_doubts(records) == ["b"]
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"warning: b: registration in doubt: {doubt}" for doubt in ("one", "two")]


def test_a_head_bent_by_38_degrees_is_labelled_and_not_doubted(atlas: Atlas) -> None:
    subject = scan(turned((38, 0, 0), (1.05, 1, 1)))
    result = label(atlas, WhiteMatter(subject.wm, "mask"), Settings())
    assert subject.dice(result.regions) > 0.9
    assert doubts(result.warp.matrix, result.fit) == []
    assert result.fit.starts == 7


def with_cerebellum(subject: Scan, to_atlas: np.ndarray) -> Image:
    """A ball below and behind is left in the white matter."""
    points = world(subject.wm.shape, subject.wm.affine)
    x, y, z = np.tensordot(to_atlas[:3, :3], points, 1) + to_atlas[:3, 3][:, None, None, None]
    ball = (x / 45) ** 2 + ((y + 45) / 28) ** 2 + ((z + 60) / 24) ** 2 < 1
    return subject.wm.with_data((ball | (subject.wm.data > 0)).astype(np.uint8))


def test_a_doubt_is_in_the_record_on_stderr_and_in_the_summary(
    atlas_files: AtlasFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pose = turned((6, 5, -8), (1.05, 1, 0.95))
    wm = save(with_cerebellum(scan(pose, (3, 3, 4)), pose), tmp_path / "wm.nii.gz")
    atlas = ["--atlas-wm", str(atlas_files.wm), "--atlas-labels", str(atlas_files.labels)]
    out = tmp_path / "s_regions.nii.gz"
    assert main([*atlas, "--wm", str(wm), "--out", str(out), "--no-picture"]) == 0
    said = capsys.readouterr()
    assert f"warning: {out}: registration in doubt: white matter fits the atlas's poorly" in said.err
    assert "registration in doubt: look at the picture" in said.out
    record = json.loads((tmp_path / "s_regions.json").read_text())
    assert "lower back" in record["doubts"][0]
    assert min(record["fit"]["parts"].values()) < 0.8
    assert registration_flag(out) == {"poor_registration": "; ".join(record["doubts"])}  # localize carries it on
    made = yw.parcellate(wm=wm, atlas_wm=atlas_files.wm, atlas_labels=atlas_files.labels)
    lesions = nib.Nifti1Image((np.asanyarray(made.regions.dataobj) == 1).astype(np.uint8), made.regions.affine)
    for regions in (out, made.regions, made.unmasked):
        assert yw.localize(lesions, regions).flags["poor_registration"] == "; ".join(record["doubts"])
    table = tmp_path / "table.tsv"
    table.write_text("subject\twm\nbad\twm.nii.gz\n")
    main([*atlas, "--cohort", str(table), "--out-dir", str(tmp_path / "out"), "--no-picture", "--jobs", "1"])
    said = capsys.readouterr()
    assert "warning: bad: registration in doubt: white matter" in said.err
    assert "registration in doubt in 1 of 1, look at their pictures: bad" in said.out


@pytest.mark.shared_data
def test_a_real_pitched_head_is_not_doubted_and_with_its_cerebellum_it_is(shared_data: Path) -> None:
    folder = shared_data / "atlas"
    jhu = load_atlas(folder / "36_labels_merged_only_WM.nii.gz", folder / "36_labels_merged.nii.gz")
    labels = load_labels(shared_data / "real" / "nichart" / "Subj1" / "DLMUSE.nii.gz")
    said = {}
    for kind, chosen in (("cerebral", range(81, 96)), ("all", (*range(81, 96), 35, 38, 39, 40, 41, 71, 72, 73))):
        wm = labels.with_data(np.isin(labels.data, tuple(chosen)).astype(np.uint8))
        result = label(jhu, WhiteMatter(wm, "mask"), Settings())
        said[kind] = doubts(result.warp.matrix, result.fit)
    assert said["cerebral"] == []
    assert "fits the atlas's poorly" in said["all"][0]
