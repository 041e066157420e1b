"""Fixtures that several test files use."""

from __future__ import annotations

import locale
from collections.abc import Iterator
from pathlib import Path

import pytest

START_LOCALE = locale.setlocale(locale.LC_ALL)

LONGEST = (
    "demo/test_chain.py",
    "cohort/test_cluster.py",
    "models/test_sample.py",
    "test_invariance.py",
    "test_site.py",
)
"""Files that take longest: they run first, so that no worker is left alone with one of them in the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not str(item.path).endswith(LONGEST))


SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real atlas and the region label maps of real subjects; the test is skipped where they are absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("real atlas and label maps are not beside this checkout")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def _locale_as_before() -> Iterator[None]:
    """SimpleITK leaves the process in locale C when it writes DICOM slices: text of a later subprocess is not read."""
    locale.setlocale(locale.LC_ALL, START_LOCALE)  # module fixtures write such slices too
    yield
    locale.setlocale(locale.LC_ALL, START_LOCALE)


@pytest.fixture(autouse=True)
def _no_verbosity_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command keeps how much it says in the environment, for its workers: not for the next test."""
    monkeypatch.setenv("YUCCA_WM_VERBOSITY", "")
