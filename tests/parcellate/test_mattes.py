"""Mutual information lands where least squares does."""

from __future__ import annotations

import pytest

from yucca_wm.atlas.maps import Atlas
from yucca_wm.parcellate.case import label
from yucca_wm.parcellate.settings import Metric, Settings
from yucca_wm.parcellate.white_matter import WhiteMatter
from yucca_wm.registration import mattes

from .conftest import scan, turned


def test_mattes_finds_the_same_pose(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mattes, "SPACING_MM", 3.0)
    monkeypatch.setattr(mattes, "SHRINK", (2,))
    monkeypatch.setattr(mattes, "SMOOTH_MM", (3.0,))
    subject = scan(turned((8, -6, 7), (1.05, 0.95, 1.0)), (3, 3, 4))
    wm = WhiteMatter(subject.wm, "mask")
    ours, theirs = label(atlas, wm, Settings()), label(atlas, wm, Settings(metric=Metric.MATTES))
    assert subject.dice(theirs.regions) > subject.dice(ours.regions) - 0.03
    assert not (ours.warp.matrix == theirs.warp.matrix).all()
