"""Every broken file as an atlas: refused in one line, and nothing is left in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from yucca_wm.atlas.__main__ import main as atlas
from yucca_wm.core.errors import InputError

from .corpus import KINDS, Kind, Verdict

pytestmark = pytest.mark.hostile

BROKEN = [kind for kind in KINDS if kind.verdict is Verdict.REFUSED]


@pytest.mark.parametrize("kind", BROKEN, ids=[kind.name for kind in BROKEN])
def test_a_broken_atlas(kind: Kind, folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / f"broken{kind.suffix}"
    kind.write(folder / "regions.nii.gz", broken)
    places = {"refine": tmp_path / "refined" / "labels.nii.gz", "show": tmp_path / "shown" / "atlas.png"}
    for command, out in places.items():
        with pytest.raises(InputError) as refusal:
            atlas([command, "--labels", str(broken), "--out", str(out)])
        assert "\n" not in str(refusal.value)
        assert not list(out.parent.iterdir())
    with pytest.raises(InputError):
        atlas(
            ["refine", "--labels", str(folder / "regions.nii.gz"), "--wm", str(broken), "--out", str(places["refine"])]
        )
    assert not list(places["refine"].parent.iterdir())
