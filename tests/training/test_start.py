"""A shipped model as the start of another network: what must be equal is equal."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from yucca_wm.models.shipped import MODELS
from yucca_wm.training.finetuning import Head, Task, channel_mixing, class_rows, fit_background, start_from
from yucca_wm.training.model import Model, load_model
from yucca_wm.training.networks.compact import CompactUNet, CoordinateUNet

LESION = 8
PLANES = (2, 0, 1)
"""Axes of the slices that the tissue model was trained on."""


@pytest.fixture(scope="module")
def tissue() -> Model:
    return load_model(MODELS["tissue"].path, scans=None)


def started(model: Model, network: nn.Module, task: Task) -> Any:
    start = start_from(model, network, task)
    network.load_state_dict(start.weights, strict=False)
    return start


@torch.no_grad()
@pytest.mark.parametrize(("channel", "given"), [("T1", 0), ("FLAIR", 1)])
def test_one_scan_gives_the_lesion_logits_that_it_gives_the_whole_model_alone(
    tissue: Model, channel: str, given: int
) -> None:
    scan = torch.randn(1, 1, 48, 64, generator=torch.Generator().manual_seed(1))
    both = torch.zeros(1, 2, 48, 64)
    both[:, given] = scan[:, 0]
    network = CompactUNet(1, 2).eval()
    start = started(tissue, network, Task((channel,), ("background", "lesion"), PLANES))
    assert start.weights.keys() == network.state_dict().keys()
    torch.testing.assert_close(network(scan)[:, 1], tissue.network()(both)[:, LESION])


@torch.no_grad()
def test_channels_in_another_order_take_their_own_part(tissue: Model) -> None:
    scans = torch.randn(1, 2, 32, 48, generator=torch.Generator().manual_seed(2))
    network = CompactUNet(2, 2).eval()
    started(tissue, network, Task(("FLAIR", "T1"), ("background", "lesion"), PLANES))
    found = network(scans.flip(1))[:, 1]
    torch.testing.assert_close(found, tissue.network()(scans)[:, LESION], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_turned_planes_give_turned_logits(tissue: Model) -> None:
    """Yucca's axial plans store slices with back-front first; the model was trained with left-right first."""
    scans = torch.randn(1, 2, 32, 48, generator=torch.Generator().manual_seed(3))
    network = CompactUNet(2, 2).eval()
    started(tissue, network, Task(("T1", "FLAIR"), ("background", "lesion"), (2, 1, 0)))
    found = network(scans.transpose(2, 3))[:, 1].transpose(1, 2)
    torch.testing.assert_close(found, tissue.network()(scans)[:, LESION], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_region_model_is_carried_whole_and_turned() -> None:
    model = load_model(MODELS["regions"].path, scans=None)
    names = tuple(model.config["labels"].values())
    scan = torch.randn(1, 1, 32, 48, 32, generator=torch.Generator().manual_seed(4))
    network = CoordinateUNet(1, 37).eval()
    start = started(model, network, Task(("",), names, (2, 1, 0)))
    assert start.head is None
    found = network(scan.permute(0, 1, 4, 3, 2)).permute(0, 1, 4, 3, 2)
    torch.testing.assert_close(found, model.network()(scan), atol=1e-3, rtol=1e-3)


def test_channels_by_hand(tissue: Model) -> None:
    def mixing(*channels: str) -> list[list[float]]:
        found = channel_mixing(tissue, channels)[0]
        assert found is not None
        return found.tolist()

    assert mixing("FLAIR") == [[0, 1]]
    assert mixing("T1") == [[1, 0]]
    assert mixing("") == [[0.5, 0.5]]
    assert mixing("T1", "FLAIR", "") == [[1, 0], [0, 1], [0, 0]]
    assert mixing("FLAIR", "FLAIR") == [[0, 0.5], [0, 0.5]]


def test_classes_by_hand(tissue: Model) -> None:
    names = tuple(tissue.config["labels"].values())
    assert class_rows(tissue, names) is None
    assert class_rows(tissue, ("background", "white matter lesion", "other pathology")) == (8, None)
    assert class_rows(tissue, ("background", "WMH")) == (8,)
    assert class_rows(tissue, ("background", "foreground")) == (8,)
    assert class_rows(tissue, ("background", "brainstem", "Cerebral white matter")) == (7, 1)
    assert class_rows(tissue, (*names[:7], names[8], names[7])) == (1, 2, 3, 4, 5, 6, 8, 7)


def test_a_new_class_is_a_hundredth_of_background(tissue: Model) -> None:
    network = CompactUNet(1, 3).eval()
    start = started(tissue, network, Task(("FLAIR",), ("background", "white matter lesion", "other pathology"), PLANES))
    with torch.no_grad():
        logits = network(torch.randn(1, 1, 32, 32))
    torch.testing.assert_close(logits[:, 0] - logits[:, 2], torch.full((1, 32, 32), math.log(100)), atol=1e-4, rtol=0)
    assert any("other pathology) starts at 0.01 of background" in note for note in start.notes)


def test_background_is_fitted_exactly_where_that_can_be() -> None:
    """Two classes with logits x and x + ln 3 make one of logit x + ln 4: a linear function after all."""
    weight = torch.tensor([[1.0, 2.0], [1.0, 2.0], [0.5, -1.0]])
    head = Head("last", weight, torch.tensor([0.0, math.log(3), 0.25]), (2,))
    features = torch.randn(500, 2, generator=torch.Generator().manual_seed(5))
    row, bias = head.fitted_background(features)
    assert row.tolist() == pytest.approx([1, 2], abs=1e-3)
    assert float(bias) == pytest.approx(math.log(4), abs=1e-3)


def test_fitted_background_is_better_than_the_mean_of_classes(tissue: Model) -> None:
    """Most voxels that the whole model calls lesion, and no others, are lesion before the first step."""
    random = torch.Generator().manual_seed(6)
    patches = [torch.nn.functional.avg_pool2d(4 * torch.randn(1, 66, 66, generator=random), 3, 1) for _ in range(4)]
    network = CompactUNet(1, 2).eval()
    start = started(tissue, network, Task(("FLAIR",), ("background", "lesion"), PLANES))
    with torch.no_grad():
        shown = torch.stack(patches)
        probability = tissue.network()(torch.cat([torch.zeros_like(shown), shown], 1)).softmax(1)[:, LESION]
        before = (network(shown).softmax(1)[:, 1] - probability).abs().mean()
        said = fit_background(network, start.head, patches)
        after = (network(shown).softmax(1)[:, 1] - probability).abs().mean()
    assert after < before / 2
    assert said.startswith("classes: background fitted on 16384 voxels")


def test_a_network_that_shares_nothing_takes_nothing(tissue: Model) -> None:
    start = start_from(tissue, nn.Linear(3, 2), Task(("FLAIR",), ("background", "lesion"), PLANES))
    assert start.weights == {}


def test_a_model_of_several_unknown_scans_is_not_guessed_at(tissue: Model, tmp_path: Path) -> None:
    other = Model(tmp_path, {**tissue.config, "manager_name": "YuccaManager"}, tissue.plans, {}, tissue.weights, "")
    start = start_from(other, CompactUNet(1, 9), Task(("FLAIR",), tuple(tissue.config["labels"].values()), PLANES))
    assert "trunk.down.0.0.weight" not in start.weights
    assert start.notes[-1] == "these start afresh: trunk.down.0.0"
