"""White matter regions: the T1 images of the test subjects."""

from __future__ import annotations

from yucca.paths import get_raw_data_path

from yucca_wm.tasks.convert import convert_or_exit

TASK_NAME = "Task005_WM_Location_T1"


def convert(path: str, subdir: str | None = None) -> None:
    """Write the cohort at ``path`` (or in its folder ``subdir``) to ``$YUCCA_RAW_DATA/Task005_WM_Location_T1``."""
    convert_or_exit(TASK_NAME, path, subdir, get_raw_data_path())
