"""White matter lesions: the T1 images of the test subjects."""

from __future__ import annotations

from yucca.paths import get_raw_data_path

from yucca_wm.tasks.convert import convert_or_exit

TASK_NAME = "Task002_WM_Lesion_T1"


def convert(path: str, subdir: str | None = None) -> None:
    """Write the cohort at ``path`` (or in its folder ``subdir``) to ``$YUCCA_RAW_DATA/Task002_WM_Lesion_T1``."""
    convert_or_exit(TASK_NAME, path, subdir, get_raw_data_path())
