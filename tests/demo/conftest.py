"""One small anatomy for all tests of the demo."""

from __future__ import annotations

import pytest

from yucca_wm.demo.anatomy import Anatomy, icbm152


@pytest.fixture(scope="session")
def brain() -> Anatomy:
    """The ICBM152 average at 2 mm, with the stand-in parcellation."""
    anatomy = icbm152(2)
    anatomy.prepare()
    return anatomy
