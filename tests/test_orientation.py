"""A subject copied into another orientation, with its header, gets the same table: left stays left."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import pytest

from yucca_wm.atlas.maps import load_atlas
from yucca_wm.demo import anatomy, standin
from yucca_wm.demo.phantom import COARSE_SITES, Phantom, simulate
from yucca_wm.demo.write_cohort import write_atlas
from yucca_wm.imaging.images import load_labels, save
from yucca_wm.localize.case import localize
from yucca_wm.localize.measures.lesions import Settings as LocalizeSettings
from yucca_wm.parcellate import case
from yucca_wm.parcellate.settings import Settings
from yucca_wm.parcellate.white_matter import white_matter

EVERY_LESION = LocalizeSettings(min_size_mm3=0)


@pytest.fixture(scope="module")
def brain() -> anatomy.Anatomy:
    return anatomy.icbm152(2)


@pytest.fixture(scope="module")
def subject(brain: anatomy.Anatomy) -> Phantom:
    return simulate(brain, COARSE_SITES[1], seed=5)


def reoriented(path: Path, axes: str, to: Path) -> Path:
    image = nib.load(path)
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(image.affine), nib.orientations.axcodes2ornt(axes)
    )
    nib.save(image.as_reoriented(turn), to)
    return to


@pytest.mark.parametrize("axes", ["RAS", "LAS", "LPS", "PIR", "SRA"])
def test_registration_and_table_do_not_depend_on_the_orientation(
    brain: anatomy.Anatomy, subject: Phantom, axes: str, tmp_path: Path
) -> None:
    write_atlas(brain, standin.table(), tmp_path / "atlas")
    atlas = load_atlas(tmp_path / "atlas" / "wm.nii.gz", tmp_path / "atlas" / "regions.nii.gz")
    tables = []
    for folder, code in (("as_is", None), ("turned", axes)):
        (tmp_path / folder).mkdir()
        files = {}
        for name, image in (("wm", subject.wm), ("lesions", subject.lesions)):
            files[name] = save(image, tmp_path / folder / f"{name}.nii.gz")
            if code is not None:
                files[name] = reoriented(files[name], code, tmp_path / folder / f"{name}_{code}.nii.gz")
        found = white_matter(files["wm"], Settings())
        regions = found.mask.with_data(case.label(atlas, found, Settings()).regions)
        result = localize("1", load_labels(files["lesions"]), regions, standin.table(), EVERY_LESION)
        tables.append({row.name: row for row in result.load})
    as_is, turned = tables
    assert list(as_is) == list(turned)
    assert as_is["total"].lesion_voxels == turned["total"].lesion_voxels > 20
    assert sum(r.lesion_voxels > 0 for r in as_is.values()) > 10
    for name, row in as_is.items():
        assert turned[name].lesion_voxels == row.lesion_voxels, name
        assert (turned[name].region_voxels or 0) == pytest.approx(row.region_voxels or 0, abs=2), name


def test_a_lesion_in_world_left_is_in_a_left_region(brain: anatomy.Anatomy, subject: Phantom, tmp_path: Path) -> None:
    write_atlas(brain, standin.table(), tmp_path / "atlas")
    atlas = load_atlas(tmp_path / "atlas" / "wm.nii.gz", tmp_path / "atlas" / "regions.nii.gz")
    wm = save(subject.wm, tmp_path / "wm.nii.gz")
    for axes in ("RAS", "LPS"):
        found = white_matter(reoriented(wm, axes, tmp_path / f"{axes}.nii.gz"), Settings())
        regions = found.mask.with_data(case.label(atlas, found, Settings()).regions)
        world_x = nib.affines.apply_affine(regions.affine, [*zip(*regions.data.nonzero(), strict=True)])[:, 0]
        far_left = world_x < world_x.mean() - 15
        sides = {standin.table().by_index(int(label)).side for label in regions.data[regions.data > 0][far_left]}
        assert sides == {"left"}
