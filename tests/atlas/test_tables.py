"""Viewers get the right name and colour for every label."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from yucca_wm.atlas.__main__ import main
from yucca_wm.atlas.viewers import bids_dseg, freesurfer_lut, itk_snap, write_tables
from yucca_wm.core.errors import InputError
from yucca_wm.core.regions import read_table, regions
from yucca_wm.imaging.images import Image, save


def test_the_bids_table_reads_back(tmp_path: Path) -> None:
    path = write_tables(regions(), tmp_path)[0]
    for ours, again in zip(regions(), read_table(path), strict=True):
        assert (ours.index, ours.name, ours.color, ours.full_name, ours.side, ours.group) == (
            again.index, again.name, again.color, again.full_name, again.side, again.group,
        )  # fmt: skip
    assert bids_dseg(regions()).splitlines()[1].startswith("0\tbackground\t")


def test_itk_snap_and_freesurfer_colours() -> None:
    snap = re.findall(r'^ *(\d+) +(\d+) +(\d+) +(\d+) +1 +1 +1 +"(\S+)"$', itk_snap(regions()), re.MULTILINE)
    surfer = re.findall(r"^(\d+) (\S+) (\d+) (\d+) (\d+) 0$", freesurfer_lut(regions()), re.MULTILINE)
    assert len(snap) == 36
    assert len(surfer) == 37
    for region, in_snap, in_surfer in zip(regions(), snap, surfer[1:], strict=True):
        assert (int(in_snap[0]), in_snap[4], *map(int, in_snap[1:4])) == (region.index, region.name, *region.rgb)
        assert (int(in_surfer[0]), in_surfer[1], *map(int, in_surfer[2:])) == (region.index, region.name, *region.rgb)


@pytest.mark.filterwarnings("ignore")  # nilearn's own
def test_show_draws_labels_and_refuses_unknown_ones(tmp_path: Path) -> None:
    import numpy as np

    pytest.importorskip("nilearn")
    data = np.zeros((20, 20, 20), np.uint8)
    data[4:9, 5:15, 5:15], data[11:16, 5:15, 5:15] = 20, 3
    labels = save(Image(data, np.diag([-4.0, 4, 4, 1])), tmp_path / "labels.nii.gz")
    main(["show", "--labels", str(labels), "--out", str(tmp_path / "atlas.png")])
    assert (tmp_path / "atlas.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="no picture format"):
        main(["show", "--labels", str(labels), "--out", str(tmp_path / "atlas.xyz")])
    data[0, 0, 0] = 99
    save(Image(data, np.eye(4)), labels)
    with pytest.raises(InputError, match="not in the table: 99"):
        main(["show", "--labels", str(labels), "--out", str(tmp_path / "atlas.png")])
