"""The clean cohort that faults are planted in copies of."""

from __future__ import annotations

from pathlib import Path

import pytest

from .cohort_files import SUBJECTS, Files


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cohort")
    for number in range(SUBJECTS):
        Files(root, number).write()
    return root
