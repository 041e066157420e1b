"""``yucca_finetune -chk``: the models of this package by name, and what the command says where it cannot start."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from yucca_wm.bridge.fixes.finetuning import exported_model, modality_of, run_finetuning
from yucca_wm.models.shipped import MODELS
from yucca_wm.training.networks.compact import CompactUNet

ALL = "yucca_wm:lesions, yucca_wm:regions, yucca_wm:tissue, yucca_wm:tissue_painted"


class Dataset:
    """Patches of a task with two cases."""

    all_cases = ("/data/A_FLAIR", "/data/B_FLAIR")

    def __len__(self) -> int:
        return 2

    def __getitem__(self, number: int) -> dict[str, Any]:
        return {"image": torch.randn(1, 48, 48, generator=torch.Generator().manual_seed(number))}


class Manager:
    """What fine-tuning uses of Yucca's: the network is built when the trainer sets it up."""

    def __init__(self, checkpoint: str | None, **settings: Any) -> None:
        self.ckpt_path, self.continue_from_most_recent = checkpoint, True
        self.model_name, self.model_dimensions = "UNet", "3D"
        self.plan_config = SimpleNamespace(
            plans={
                "dataset_properties": {"modalities": {"0": "T1 or FLAIR MRI"}},
                "transpose_forward": [2, 1, 0],
                "target_spacing": [2.0, 2.0, 2.0],
            },
            labels={"0": "background", "1": "white matter lesion"},
        )
        self.data_module = SimpleNamespace(train_dataset=Dataset())
        self.trainer = SimpleNamespace(fit=lambda model, datamodule: model.setup("fit"))  # noqa: ARG005
        self.finish = lambda: None
        self.__dict__ |= settings

    def initialize(self, stage: str) -> None:  # noqa: ARG002
        module = SimpleNamespace(model=None)

        def setup(stage: str) -> None:  # noqa: ARG001
            module.model = CompactUNet(1, 2).eval()

        module.setup = setup
        self.model_module = module


def test_a_shipped_model_brings_its_network_and_is_adapted(caplog: pytest.LogCaptureFixture) -> None:
    manager = Manager("yucca_wm:lesions")
    run_finetuning(manager)
    assert (manager.model_name, manager.model_dimensions) == ("CompactUNet", "2D")
    assert manager.ckpt_path is None
    assert not manager.continue_from_most_recent  # a new version: nothing is written over
    model = exported_model("yucca_wm:tissue")
    found = manager.model_module.model.state_dict()
    flair = model.weights["trunk.down.0.0.weight"][:, 1:].float().transpose(2, 3)  # every case is called FLAIR
    torch.testing.assert_close(found["trunk.down.0.0.weight"], flair)
    torch.testing.assert_close(found["classes.weight"][1], model.weights["classes.weight"][8].float())
    said = "\n".join(caplog.messages)
    assert "64 of 64 tensors start from" in said
    assert "image 0 takes what reads FLAIR" in said
    assert "class 1 (white matter lesion) takes the row of lesion" in said
    assert "classes: background fitted on" in said
    assert "voxel size is 2 x 2 x 2 mm; the model was trained at 1 x 1 x 1 mm: preprocess with -pl" in said


def test_an_exported_file_is_taken_by_its_path() -> None:
    model = exported_model(str(MODELS["regions"].path))
    assert model.config["model_name"] == "CoordinateUNet"


def test_checkpoints_are_not_read_as_exported_models() -> None:
    assert exported_model("somewhere/best.ckpt") is None


@pytest.mark.parametrize(
    ("manager", "message"),
    [
        (Manager("yucca_wm:lesion"), f"error: no model is called yucca_wm:lesion; there are {ALL}"),
        (Manager(None), f"error: nothing to start from: give -chk, the path of a checkpoint or {ALL}"),
        (Manager("absent.ckpt"), f"error: absent.ckpt: no such checkpoint; one of this package's models is {ALL}"),
        (Manager("absent.zip"), "error: absent.zip: no such model"),
        (
            Manager("yucca_wm:tissue", model_name="MultiResUNet"),
            f"error: {MODELS['tissue'].path} is a CompactUNet, not a MultiResUNet: leave out -m",
        ),
        (
            Manager("yucca_wm:regions", model_dimensions="2D"),
            f"error: {MODELS['regions'].path} works in 3D: leave out -d",
        ),
    ],
)
def test_what_cannot_be_started_from_is_said_in_one_line(
    manager: Manager, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as raised:
        run_finetuning(manager)
    assert raised.value.code == message


@pytest.mark.parametrize(
    ("channel", "cases", "modality"),
    [
        ("FLAIR MRI", [], "FLAIR"),
        ("T1w", ["A_FLAIR"], "T1"),
        ("T1 or FLAIR MRI", ["A_FLAIR", "B_FLAIR"], "FLAIR"),
        ("T1 or FLAIR MRI", ["A_FLAIR", "A_T1"], ""),
        ("MRI", [], ""),
        ("T2", ["A", "B"], ""),
    ],
)
def test_modality_by_hand(channel: str, cases: list[str], modality: str) -> None:
    assert modality_of(channel, cases) == modality
