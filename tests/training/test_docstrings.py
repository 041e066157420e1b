"""What people call from training says what it takes and gives, in numpydoc, with shapes."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from yucca_wm.training import finetuning, losses, skeleton
from yucca_wm.training.networks import any_size, compact, mednext, unet
from yucca_wm.training.registry import NETWORKS
from yucca_wm.training.synthesis import planes, prepare, task, volumes
from yucca_wm.training.synthesis.learning import dataset
from yucca_wm.training.synthesis.learning import losses as painted

from .test_networks import find

FUNCTIONS = [
    losses.tubed, losses.DiceCESkeletonRecall.forward, skeleton.tubed_skeleton, any_size.padded_size,
    any_size.AnySize.forward, painted.LesionTissueLoss.forward, painted.BrainRegionLoss.forward,
    painted.BrainRegionSkeletonLoss.forward,
    painted.coordinate_error, planes.paint_planes, volumes.paint_volume, volumes.normalised, prepare.load_masks,
    prepare.prepare_head, task.prepare_task, task.heads_of, dataset.PaintedDataset.__getitem__,
    finetuning.start_from, finetuning.fit_background,
]  # fmt: skip
CLASSES = [losses.DiceCESkeletonRecall, losses.DiceCE, dataset.PaintedDataset, compact.CompactUNet]
CLASSES += [compact.CoordinateUNet, unet.UNetR, mednext.MedNeXt_S_k3, mednext.MedNeXt_L_k5]


def named(thing: Any) -> list[str]:
    """Names in the section Parameters."""
    text = inspect.getdoc(thing) or ""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+$|\Z)", text, re.MULTILINE | re.DOTALL)
    assert section is not None, thing
    return [name for names in re.findall(r"^(\w[\w, ]*)(?: : \S.*)?\n {4}\S", section[1], re.MULTILINE)
            for name in names.split(", ")]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__qualname__)
def test_functions_name_all_that_they_take_and_what_they_give(function: Any) -> None:
    assert named(function) == [name for name in inspect.signature(function).parameters if name != "self"]
    assert re.search(r"^Returns\n-+\n\S", inspect.getdoc(function) or "", re.MULTILINE)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_classes_name_all_that_they_take(kind: Any) -> None:
    assert set(named(kind)) == set(inspect.signature(kind).parameters)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_say_where_they_come_from_and_how_large_they_are(name: str) -> None:
    kind = find(name)
    text = inspect.getdoc(kind) or ""
    assert re.search(r"^References\n-+\n\S", text, re.MULTILINE)
    assert f"{NETWORKS[name].parameters_m} million parameters" in text
