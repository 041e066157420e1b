"""Localize white-matter lesions in the brain: segmentation, region labels and lesion load.

    import yucca_wm as yw

    scan = yw.predict(t1="T1.nii.gz", flair="FLAIR.nii.gz")            # shipped models, or lesion_model=, region_model=
    scan.lesions, scan.regions, scan.tissue                            # nibabel images
    scan.loads                                                         # pandas.DataFrame, one row per region
    found = yw.localize(lesions, regions, names=None, tissue=None, connectivity=26, min_size_mm3=3.0)
    found.loads, found.lesions, found.places, found.flags              # DataFrames, dict; places: with a tissue map
    found.plot()                                                       # matplotlib figure
    change = yw.compare_visits(before, now)                            # two of found or scan: .regions .new_lesions
    labels = yw.parcellate(wm="wm.nii.gz")                             # or t1=...; .regions .transform .quality
    scores = yw.evaluate(prediction, truth, kind="lesions")            # DataFrame
    effects = yw.associate(loads, participants, outcome="diagnosis", covariates=["age", "sex"])
    groups = yw.cluster(loads)

Images are paths, nibabel images, SimpleITK images, or arrays [i, j, k] with ``affine=``; tables are paths or data
frames. Results hold their data, and ``save(folder)`` writes the files of the command of the same name. `InputError`
says what is wrong with a file, an image or a table.

Importing this package does not load torch, nibabel or pandas: the names in `__all__` are imported on first access, from
the module in `HOMES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yucca_wm.core.errors import InputError as InputError
    from yucca_wm.core.errors import MissingExtraError as MissingExtraError
    from yucca_wm.core.errors import YuccaWMError as YuccaWMError
    from yucca_wm.evaluate.api import evaluate as evaluate
    from yucca_wm.groups.api import Association as Association
    from yucca_wm.groups.api import Clustering as Clustering
    from yucca_wm.groups.api import associate as associate
    from yucca_wm.groups.api import cluster as cluster
    from yucca_wm.localize.api import Localization as Localization
    from yucca_wm.localize.api import localize as localize
    from yucca_wm.localize.followup import FollowUp as FollowUp
    from yucca_wm.localize.followup import compare_visits as compare_visits
    from yucca_wm.parcellate.api import Parcellation as Parcellation
    from yucca_wm.parcellate.api import parcellate as parcellate
    from yucca_wm.predict.api import Prediction as Prediction
    from yucca_wm.predict.api import predict as predict
    from yucca_wm.registration.warp import Warp as Warp

__version__ = "0.1.0"

__all__ = [
    "Association",
    "Clustering",
    "FollowUp",
    "InputError",
    "Localization",
    "MissingExtraError",
    "Parcellation",
    "Prediction",
    "Warp",
    "YuccaWMError",
    "associate",
    "cluster",
    "compare_visits",
    "evaluate",
    "localize",
    "parcellate",
    "predict",
]

HOMES = {
    "Association": "groups.api",
    "Clustering": "groups.api",
    "FollowUp": "localize.followup",
    "InputError": "core.errors",
    "Localization": "localize.api",
    "MissingExtraError": "core.errors",
    "Parcellation": "parcellate.api",
    "Prediction": "predict.api",
    "Warp": "registration.warp",
    "YuccaWMError": "core.errors",
    "associate": "groups.api",
    "cluster": "groups.api",
    "compare_visits": "localize.followup",
}
"""Public name -> module."""

ROOMS = ("predict", "localize", "parcellate", "evaluate")
"""Subpackages that can be called as the function of their name (`yucca_wm.callable_package`)."""


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in ROOMS:
        return import_module(f"{__name__}.{name}")
    if name in HOMES:
        return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
