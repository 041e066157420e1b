"""``predict --region-model atlas``: the atlas's regions in all that the networks call white matter or lesion."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from yucca_wm.atlas.maps import Atlas
from yucca_wm.core.errors import InputError
from yucca_wm.imaging.images import Image
from yucca_wm.imaging.reading import Headers, reading
from yucca_wm.models.segment import Networks, Segmentation
from yucca_wm.parcellate.white_matter import segmented
from yucca_wm.predict.__main__ import main
from yucca_wm.predict.case import Options
from yucca_wm.predict.choice import choose
from yucca_wm.predict.person import identities
from yucca_wm.predict.registered import fetched, registered_regions
from yucca_wm.predict.shipped import segment_person
from yucca_wm.scan import Frame
from yucca_wm.scan.cut import CONSEQUENCE

from .conftest import AtlasFiles, Scan, scan, turned

REMAINDER = 36


@pytest.fixture(scope="module")
def subject() -> Scan:
    return scan(turned((6, -4, 8), (1.08, 0.95, 1.05)), bend_mm=3.0)


@pytest.fixture(scope="module")
def network(subject: Scan) -> Image:
    """Every voxel of white matter is region 5, and 8 voxels in a corner, where the atlas has nothing, are remainder."""
    regions = np.where(subject.wm.data > 0, 5, 0).astype(np.uint8)
    regions[:2, :2, :2] = REMAINDER
    return subject.wm.with_data(regions)


def test_regions_are_the_atlases_whatever_the_network_says(atlas: Atlas, subject: Scan, network: Image) -> None:
    found = registered_regions(atlas, network)
    assert subject.dice(found.regions) > 0.9
    assert subject.dice(network.data) < 0.1
    assert found.about["transform"] == "deformable"
    assert any("agrees with the other region map on" in doubt for doubt in found.doubts)


def test_no_voxel_is_lost_or_added(atlas: Atlas, network: Image) -> None:
    """What the atlas does not reach keeps the network's label: the corner, 8 voxels, far from any white matter."""
    found = registered_regions(atlas, network)
    np.testing.assert_array_equal(found.regions > 0, network.data > 0)
    assert (found.regions[:2, :2, :2] == REMAINDER).all()
    assert found.about["voxels_of_the_network"] >= 8


def test_a_t1_for_white_matter_is_looked_at_as_in_predict(monkeypatch: pytest.MonkeyPatch) -> None:
    """``parcellate --wm auto``: air at 50 of 50 to 100, and white matter in the topmost plane."""
    data = np.full((40, 40, 40), 50, np.float32)
    data[8:32, 8:32, 8:] = 100
    tissue = (data > 50).astype(np.uint8)
    data += np.random.default_rng(0).uniform(0, 0.4, data.shape)  # a scan, no label map
    for axis in range(3):
        np.moveaxis(data, axis, 0)[:, 0, 0] = 60  # the head reaches further
    seen: list[Image] = []

    def segment(_: Networks, scans: dict[str, Image]) -> Segmentation:
        seen.append(scans["T1"])
        return Segmentation(0 * tissue, tissue, tissue, data, 1200.0)

    monkeypatch.setattr("yucca_wm.models.segment.segment", segment)
    with reading(Headers()) as notes:
        white_matter, _ = segmented(Image(data, np.diag([5.0, 5, 5, 1]), Path("t1.nii")))
    np.testing.assert_array_equal(white_matter.data, tissue)
    assert seen[0].data.min() == 0
    assert list(notes) == [
        "t1.nii: its values were shifted so that air is 0 (it was 50)",
        f"t1.nii: the brain is cut off at the top (144 of 144 cm2 in the last plane): {CONSEQUENCE}",
    ]


def test_a_person_gets_them_with_a_record(
    atlas: Atlas, subject: Scan, network: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = np.zeros(subject.wm.shape, np.uint8)
    found = Segmentation(none, network.data, subject.wm.data, none.astype(np.float32), 1200.0)
    monkeypatch.setattr("yucca_wm.models.segment.segment", lambda *_: found)
    networks = Networks(SimpleNamespace(locate=None, region_logits=None), tissue=lambda x: x)
    frame = Frame({"T1": subject.wm.with_data(np.ones(subject.wm.shape, np.float32))}, "T1", {}, [])
    plain = segment_person(frame, networks, ["regions"], like=None, confidence=False)
    assert plain.registration is None
    np.testing.assert_array_equal(plain.maps["regions"].data, network.data)
    found = segment_person(frame, networks, ["regions"], like=None, confidence=False, atlas=atlas)
    assert found.registration is not None
    assert found.registration["wm_dice"] > 0.8
    assert subject.dice(found.maps["regions"].data) > 0.9
    assert any(note.startswith("atlas: ") for note in found.notes)


def test_which_models_do_what() -> None:
    """The atlas needs tissue, so the package's models run beside a lesion model of one's own."""
    assert choose(None, "atlas").registered
    assert choose("own.zip", "atlas") == choose("own.zip", Path("atlas"))
    both = choose("own.zip", "atlas")
    assert (both.given, both.shipped, both.registered) == ({"lesions": "own.zip"}, True, True)
    assert not choose(None, None).registered
    assert choose("own.zip", None).shipped is False


def test_the_atlas_is_of_the_record(atlas_files: AtlasFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another atlas, another result: a run that is resumed does those again who had another one."""
    paths = (atlas_files.wm, atlas_files.labels)
    monkeypatch.setattr("yucca_wm.predict.registered.cached_atlas", lambda _: paths)
    known = identities({}, Options(shipped=True, registered=True))
    digests = fetched().digests
    assert {key: value for key, value in known.items() if key.startswith("atlas:")} == {
        "atlas:wm.nii.gz": digests["wm.nii.gz"], "atlas:labels.nii.gz": digests["labels.nii.gz"],
    }  # fmt: skip
    assert len(set(digests.values())) == 2
    assert not any(key.startswith("atlas:") for key in identities({}, Options(shipped=True)))


def test_without_an_atlas_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YUCCA_WM_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InputError, match="no atlas has been fetched"):
        fetched()
    scan_file = tmp_path / "anna_T1.nii.gz"
    scan_file.touch()
    arguments = ["--t1", str(scan_file), "--out-dir", str(tmp_path / "out"), "--region-model", "atlas"]
    with pytest.raises(InputError) as error:
        main(arguments)
    assert str(error.value).endswith(
        "run 'python -m yucca_wm.atlas fetch', or take the network's regions (--region-model shipped)"
    )
    assert not (tmp_path / "out").exists()
