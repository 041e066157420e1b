"""Plans for heads that are painted while a network trains (``YuccaManager_Synthesis``).

A head is passed on unchanged: its labels must be neither resampled nor normalised, and the network's input is made
during training. So ``yucca_preprocess`` links each head's file into the plan's folder, and the plan describes the
painted samples.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, ClassVar

from yucca.functional.planning import make_plans_file
from yucca.pipeline.planning.YuccaPlanner import YuccaPlanner

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import atomic_path, write_json
from yucca_wm.core.regions import regions
from yucca_wm.models.conventions import SPACING_MM, TISSUES
from yucca_wm.training.synthesis.heads import SCAN_SHARE, load_head
from yucca_wm.training.synthesis.learning.settings import SETTINGS
from yucca_wm.training.synthesis.task import heads_of, scan_share_of


class HeadsPlanner(YuccaPlanner):
    """Common part of both plans."""

    dimensions: ClassVar[str]
    modalities: ClassVar[dict[str, str]]
    labels: ClassVar[dict[str, str]]
    spacing_mm: ClassVar[float]
    order: ClassVar[list[int]]
    """Axes of the network's input, in terms of the head's axes (right, front, top)."""

    def plan(self) -> None:
        self.set_paths()
        self._heads()
        size = [1, *SETTINGS[self.dimensions].patch_size][-3:]
        plans: dict[str, Any] = make_plans_file(
            allow_missing_modalities=False,
            crop_to_nonzero=False,
            classes=list(self.labels),
            norm_op=["volume_wise_znorm"] * len(self.modalities),
            modalities=list(self.modalities),
            plans_name=self.name,
            preprocessor="YuccaPreprocessor",
            dataset_properties={
                "image_extension": "nii.gz",
                "classes": list(self.labels),
                "labels": self.labels,
                "modalities": self.modalities,
                "regions": None,
                "intensities": [],
                SCAN_SHARE: scan_share_of(Path(self.in_dir)),
            },
            keep_aspect_ratio_when_using_target_size=False,
            target_spacing=[self.spacing_mm] * 3,
            transpose_forward=self.order,
            transpose_backward=[self.order.index(axis) for axis in range(3)],
            suggested_dimensionality=self.dimensions,
        )
        self.plans = plans | {f"new_{kind}_size": size for kind in ("mean", "min", "max")}
        write_json(self.plans_path, self.plans)

    def preprocess(self) -> None:
        folder, heads = Path(self.plans_folder), self._heads()
        before = {path.stem for path in folder.glob("*.npz")}
        for stale in before - set(heads):
            (folder / f"{stale}.npz").unlink()
        if before and before != set(heads):  # Yucca would train on the heads of the old split only
            (Path(self.target_dir) / "splits.pkl").unlink(missing_ok=True)
        for name, path in heads.items():
            try:
                load_head(path)
            except InputError as error:
                raise SystemExit(f"error: {error}") from None
            target = folder / f"{name}.npz"
            target.unlink(missing_ok=True)
            try:
                os.link(path, target)
            except OSError:  # another file system, or one without links
                with atomic_path(target) as temporary:
                    shutil.copyfile(path, temporary)
        print(f"{folder}: {len(heads)} heads")

    def _heads(self) -> dict[str, Path]:
        try:
            return heads_of(Path(self.in_dir))
        except InputError as error:
            raise SystemExit(f"error: {error}") from None


class YuccaPlanner_Planes(HeadsPlanner):
    """Axial planes of T1 and FLAIR at 1 mm; targets are tissue classes and lesions."""

    dimensions = "2D"
    modalities: ClassVar[dict[str, str]] = {"0": "T1", "1": "FLAIR"}
    labels: ClassVar[dict[str, str]] = {str(label): name for name, label in TISSUES.items()}
    spacing_mm = 1.0
    order: ClassVar[list[int]] = [2, 0, 1]


class YuccaPlanner_Volumes(HeadsPlanner):
    """Whole heads in any one contrast at 3 mm; targets are the regions of the brain."""

    dimensions = "3D"
    modalities: ClassVar[dict[str, str]] = {"0": "T1 or FLAIR"}
    labels: ClassVar[dict[str, str]] = {"0": "background"} | {str(region.index): region.name for region in regions()}
    spacing_mm = SPACING_MM
    order: ClassVar[list[int]] = [0, 1, 2]
