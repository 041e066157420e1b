"""The options ``--lesion-labels``, ``--ignore-labels`` and ``--threshold``."""

from __future__ import annotations

import argparse

from yucca_wm.imaging.labels import OTHER_PATHOLOGY
from yucca_wm.imaging.lesion_maps import ALL, LesionLabels


def add_label_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--lesion-labels`` and ``--ignore-labels``."""
    parser.add_argument(
        "--lesion-labels", type=_label, nargs="+", metavar="N",
        help=f"labels that count as lesion (default: 1), or '{ALL}'",
    )  # fmt: skip
    parser.add_argument(
        "--ignore-labels", type=int, nargs="*", metavar="N",
        help=f"labels that may occur but do not count (default: {OTHER_PATHOLOGY}, other pathology; none with '{ALL}')",
    )  # fmt: skip


def add_threshold_option(parser: argparse.ArgumentParser, whose: str = "lesion maps") -> None:
    """Add ``--threshold``. whose : the maps that may hold probabilities."""
    parser.add_argument(
        "--threshold", type=float, metavar="P", help=f"{whose} hold probabilities; voxels with P or more are lesion"
    )


def label_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> LesionLabels:
    """Choice made with the options of `add_label_options`; wrong usage ends the program."""
    counted = options.lesion_labels or [1]
    if ALL in counted and len(counted) > 1:
        parser.error(f"--lesion-labels takes numbers, or '{ALL}' alone")
    if ALL not in counted and min(counted) < 1:
        parser.error("--lesion-labels takes whole numbers from 1")
    ignored = options.ignore_labels
    if ignored is None:
        ignored = [] if ALL in counted else [OTHER_PATHOLOGY]
    try:
        return LesionLabels(
            None if ALL in counted else tuple(counted), tuple(ignored), getattr(options, "threshold", None)
        )
    except ValueError as error:
        parser.error(f"--threshold: {error}")


def _label(text: str) -> int | str:
    return text if text == ALL else int(text)
