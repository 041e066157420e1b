"""The managers, and the settings of a run that Yucca gets wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import yucca
from yucca.functional.utils.files_and_folders import recursive_find_python_class

from yucca_wm.bridge.fixes import precision
from yucca_wm.training.registry import NETWORKS
from yucca_wm.training.tubed_training import RegionTubeDataset, TubeDataset, TubeLightningModule


def find(name: str, where: str = "pipeline.managers") -> Any:
    folder = f"{yucca.__path__[0]}/{where.replace('.', '/')}"
    return recursive_find_python_class([folder], name, f"yucca.{where}")


@pytest.mark.parametrize(
    ("name", "loss", "dataset"),
    [
        ("YuccaManager_SkeletonLoss", "DiceCESkeletonRecall", TubeDataset),
        ("YuccaManager_RegionSkeletonLoss", "DiceCESkeletonRecall", RegionTubeDataset),
        ("YuccaManager_NoSkeletonLoss", "DiceCE", TubeDataset),
    ],
)
def test_what_a_manager_trains_with(name: str, loss: str, dataset: type) -> None:
    manager = find(name)(task="Task001_X", loss=None)
    assert manager.name == name
    assert manager.loss == loss
    assert manager.lightning_module is TubeLightningModule
    assert manager.train_dataset_class is dataset
    assert manager.augmentation_params["mirror_p_per_sample"] == 0
    assert find(name)(task="Task001_X", loss="CE").loss == "CE"


@pytest.mark.parametrize("name", ["DiceCE", "DiceCESkeletonRecall", "DC_SkelREC_and_CE_loss"])
def test_losses_are_ours(name: str) -> None:
    assert find(name, "modules.optimization.loss_functions").__module__ == "yucca_wm.training.losses.skeleton_recall"


def test_an_unknown_loss_is_answered_with_the_known_ones() -> None:
    with pytest.raises(SystemExit, match="DiceCESkeletonRecall"):
        find("DiceCESkeletonRecal", "modules.optimization.loss_functions")


def test_a_second_manager_leaves_the_first_alone() -> None:
    one = find("YuccaManager")(learning_rate=0.5)
    find("YuccaManager")(learning_rate=0.1)
    assert one.optim_kwargs["lr"] == 0.5


@pytest.mark.parametrize("name", ["MedNeXt_S_k3", "AnythingAtAll"])
def test_yucca_train_takes_every_network_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from yucca.pipeline.run import run_training

    taken: dict[str, Any] = {}

    class Manager:
        def __init__(self, **settings: Any) -> None:
            taken.update(settings)

        def run_training(self) -> None:
            pass

    monkeypatch.setattr(run_training, "get_task_from_task_id", lambda task, **_: task)
    monkeypatch.setattr(run_training, "recursive_find_python_class", lambda **_: Manager)
    monkeypatch.setattr("sys.argv", ["yucca_train", "-t", "Task001_X", "-m", name])
    run_training.main()
    assert taken["model_name"] == name


@pytest.mark.skipif(torch.cuda.is_available(), reason="about machines without CUDA")
@pytest.mark.parametrize(("dimensions", "batch"), [("2D", 8), ("3D", 2)])
def test_batch_without_a_gpu_is_small(dimensions: str, batch: int) -> None:
    from yucca.modules.networks.utils.model_memory_estimation import find_optimal_tensor_dims

    found, patch = find_optimal_tensor_dims(
        dimensionality=dimensions,
        num_classes=37,
        modalities=1,
        model_name="MultiResUNet",
        max_patch_size=[48, 48, 48],
        max_memory_usage_in_gb=12,
    )
    assert found == batch
    assert all(32 <= n <= 48 for n in patch)


@pytest.mark.skipif(torch.cuda.is_available(), reason="about machines without CUDA")
def test_half_precision_without_a_gpu_is_refused() -> None:
    with pytest.raises(SystemExit, match="--precision 16 needs a GPU"):
        find("YuccaManager")(precision="16")


@pytest.mark.parametrize(("capability", "has_it"), [(None, False), ((7, 5), False), ((8, 0), True), ((12, 0), True)])
def test_bfloat16_is_what_gpus_since_ampere_compute_in(
    capability: tuple[int, int] | None, has_it: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: capability is not None)
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda: capability)
    assert precision.has_bf16() == has_it


@pytest.mark.parametrize(
    ("has_it", "arguments", "chosen"),
    [
        (False, [], "32-true"),
        (True, [], "bf16-mixed"),
        (False, ["--precision", "bf16-mixed"], "bf16-mixed"),
        (False, ["--precision=bf16-mixed"], "bf16-mixed"),
    ],
)
def test_bfloat16_is_the_default_where_the_gpu_has_it(
    has_it: bool, arguments: list[str], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "has_bf16", lambda: has_it)
    monkeypatch.setattr("sys.argv", ["yucca_train", *arguments])
    assert find("YuccaManager")().precision == chosen


def test_deep_supervision_of_a_network_without_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = find("YuccaManager")(deep_supervision=True, model_name="Linear")
    flat = replace(NETWORKS["UNetR"], name="Flat", deep_supervision=False)
    monkeypatch.setitem(NETWORKS, "Flat", flat)
    others = "leave out -ds, or choose UNet, UNetR, MultiResUNet or a MedNeXt"
    with pytest.raises(SystemExit, match=f"Linear has no outputs for deep supervision: {others}"):
        manager.find_classes_recursively(model=torch.nn.Linear, loss="DiceCE", preprocessor="YuccaPreprocessor")
