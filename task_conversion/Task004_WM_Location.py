"""White matter regions: the training cases (T1 and FLAIR) and the test labels."""

from __future__ import annotations

from yucca.paths import get_raw_data_path

from yucca_wm.tasks.convert import convert_or_exit

TASK_NAME = "Task004_WM_Location"


def convert(path: str, subdir: str | None = None) -> None:
    """Write the cohort at ``path`` (or in its folder ``subdir``) to ``$YUCCA_RAW_DATA/Task004_WM_Location``."""
    convert_or_exit(TASK_NAME, path, subdir, get_raw_data_path())
