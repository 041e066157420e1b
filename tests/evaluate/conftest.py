from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def tables_only(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take most of the time: only modules and tests named in ``DRAWN`` have them."""
    drawn = getattr(request.module, "DRAWN", ())
    if drawn != "all" and request.node.originalname not in drawn:
        monkeypatch.setattr("yucca_wm.evaluate.cohort.write_page", _without_pictures)


def _without_pictures(path: Path, *_: object) -> list[str]:
    path.write_text("a page")
    return []
