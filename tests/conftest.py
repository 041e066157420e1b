"""Fixtures that several test files use."""

from __future__ import annotations

import locale
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from yucca_wm.jobs.options import RunOptions

START_LOCALE = locale.setlocale(locale.LC_ALL)

LONGEST = (
    "demo/test_chain.py",
    "test_lint.py",
    "cohort/test_cluster.py",
    "models/test_sample.py",
    "test_invariance.py",
    "test_site.py",
)
"""Files that take longest: they run first, so that no worker is left alone with one of them in the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not str(item.path).endswith(LONGEST))


@pytest.fixture(autouse=True)
def _figures_without_words(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures saved in this process have no words, whose layout takes longer than many a test; except with the marker
    ``pictures``, and in processes of their own."""
    if "pictures" in request.keywords:
        return
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    in_full = Figure.savefig

    def savefig(self: Figure, *words: Any, **how: Any) -> None:
        self.set_layout_engine("none")
        with monkeypatch.context() as saving:
            for part in (Text, Axis):  # all of them, not those found: looking for them makes every tick
                saving.setattr(part, "get_visible", lambda _: False)
            in_full(self, *words, **how)

    monkeypatch.setattr(Figure, "savefig", savefig)


@pytest.fixture(autouse=True)
def _one_job_unless_asked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests themselves run on all processors: a command in this process starts worker processes only where
    ``--jobs`` says so; except with the marker ``processes``."""
    if "processes" not in request.keywords:
        monkeypatch.setattr(RunOptions, "workers", lambda self: 1 if self.jobs is None else WORKERS(self))


WORKERS = RunOptions.workers

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
