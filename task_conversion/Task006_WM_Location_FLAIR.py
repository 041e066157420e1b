"""White matter regions: the FLAIR images of the test subjects."""

from __future__ import annotations

from yucca.paths import get_raw_data_path

from yucca_wm.tasks.convert import convert_or_exit

TASK_NAME = "Task006_WM_Location_FLAIR"


def convert(path: str, subdir: str | None = None) -> None:
    """Write the cohort at ``path`` (or in its folder ``subdir``) to ``$YUCCA_RAW_DATA/Task006_WM_Location_FLAIR``."""
    convert_or_exit(TASK_NAME, path, subdir, get_raw_data_path())
