"""Heads through Yucca's own commands: preprocessed, trained on, taken up again, and exported."""

from __future__ import annotations

import csv
import json
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from yucca_wm.export.__main__ import main as export
from yucca_wm.models.conventions import TISSUES
from yucca_wm.training.model import load_model
from yucca_wm.training.synthesis.heads import Head, save_head

TASK = "Task007_WM_Synthesis"
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.chain]


@pytest.fixture
def data(head: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Yucca's folders, with a raw task of four heads (two of them without masks)."""
    for name in ("raw_data", "preprocessed_data", "models", "results"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(f"YUCCA_{name.upper()}", str(tmp_path / name))
    monkeypatch.setenv("YUCCA_SEED", "0")
    monkeypatch.setenv("WANDB_MODE", "disabled")
    heads = tmp_path / "raw_data" / TASK / "heads"
    heads.mkdir(parents=True)
    for number in range(4):
        save_head(replace(head, n_masks=2 * (number % 2)), heads / f"h{number}.npz")
    listed = {"heads": {f"h{number}": {} for number in range(4)}}
    (tmp_path / "raw_data" / TASK / "dataset.json").write_text(json.dumps(listed))
    return tmp_path


def command(monkeypatch: pytest.MonkeyPatch, module: str, line: str) -> None:
    import importlib

    monkeypatch.setattr(sys, "argv", line.split())
    importlib.import_module(f"yucca.pipeline.run.{module}").main()


TRAIN = (
    f"yucca_train -t {TASK} -man YuccaManager_Synthesis --split_data_method simple_train_val_split "
    "--split_data_param 0.25 --train_batches_per_step 2 --val_batches_per_step 1 --num_workers 0 --disable_logging "
)


def test_planes_are_trained_on_and_exported(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(monkeypatch, "run_preprocessing", f"yucca_preprocess -t {TASK} -pl YuccaPlanner_Planes")
    folder = data / "preprocessed_data" / TASK / "YuccaPlanner_Planes"
    raw = data / "raw_data" / TASK / "heads"
    assert (folder / "h2.npz").read_bytes() == (raw / "h2.npz").read_bytes(), "labels are handed on as they are"
    line = TRAIN + "-d 2D -m CompactUNet --patch_size 64 64 --batch_size 2 --epochs "
    command(monkeypatch, "run_training", line + "1")
    version = next((data / "models").rglob("version_0"))
    assert version.parts[-4:-1] == ("YuccaManager_Synthesis__YuccaPlanner_Planes", "default", version.parts[-2])
    first = torch.load(version / "checkpoints" / "last.ckpt", weights_only=False)
    command(monkeypatch, "run_training", line + "2")
    with (version / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["0", "1"], "it went on"
    assert {"val_loss", "train_loss", "val_dice_1"} <= rows[0].keys()
    last = torch.load(version / "checkpoints" / "last.ckpt", weights_only=False)
    assert last["global_step"] == 4
    name = "classes.weight"
    assert not torch.equal(last["state_dict"][f"model.{name}"], last["state_dict"][f"learner.{name}"])
    assert not torch.equal(last["state_dict"][f"model.{name}"], first["state_dict"][f"model.{name}"])

    checkpoint = version / "checkpoints" / "last.ckpt"
    monkeypatch.setattr(sys, "argv", ["export", str(checkpoint), str(data / "tissue.zip"), "--half"])
    assert export() == 0
    model = load_model(data / "tissue.zip", 2)
    assert model.weights[name].dtype == torch.float16
    torch.testing.assert_close(model.weights[name], last["state_dict"][f"model.{name}"].half())
    assert not any(key.startswith("learner") for key in model.weights)
    assert model.config["labels"] == {str(label): tissue for tissue, label in TISSUES.items()}
    assert model.training == {"epochs": 2, "steps": 4}
    with torch.no_grad():
        assert model.network()(torch.randn(1, 2, 48, 64)).shape == (1, 9, 48, 64)
    with zipfile.ZipFile(data / "tissue.zip") as archive:
        card = archive.read("README.md").decode()
    assert "2 MR images on one grid, reoriented to RAS, resampled" in " ".join(card.split())
    assert "yucca_wm/models/weights" in card


def test_volumes_are_trained_on_with_their_coordinates(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from yucca_wm.training.synthesis.learning import lightning_module

    plain, errors = lightning_module.coordinate_error, []

    def coordinate_error(places: torch.Tensor, truth: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        errors.append(plain(places, truth, label))
        return errors[-1]

    monkeypatch.setattr(lightning_module, "coordinate_error", coordinate_error)
    command(monkeypatch, "run_preprocessing", f"yucca_preprocess -t {TASK} -pl YuccaPlanner_Volumes")
    command(monkeypatch, "run_training", TRAIN + "-d 3D -m CoordinateUNet --batch_size 1 --epochs 1")
    assert len(errors) == 2, "in every training step"
    assert all(error.requires_grad and 0 < float(error) < 20 for error in errors)
    version = next((data / "models").rglob("version_0"))
    model = load_model(version)
    assert model.n_classes == 37
    assert model.patch_size == (64, 80, 64)
    assert model.config["labels"]["36"]
    assert not np.isnan(load_model(version).weights["coordinates.weight"].numpy()).any()


def test_other_heads_are_split_anew(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = f"yucca_preprocess -t {TASK} -pl YuccaPlanner_Planes"
    task, raw = data / "preprocessed_data" / TASK, data / "raw_data" / TASK
    command(monkeypatch, "run_preprocessing", line)
    (task / "splits.pkl").write_bytes(b"as it was")
    command(monkeypatch, "run_preprocessing", line)
    assert (task / "splits.pkl").read_bytes() == b"as it was"
    (raw / "dataset.json").write_text(json.dumps({"heads": {"h0": {}, "h1": {}, "h2": {}}}))
    command(monkeypatch, "run_preprocessing", line)
    assert sorted(path.name for path in (task / "YuccaPlanner_Planes").glob("*.npz")) == ["h0.npz", "h1.npz", "h2.npz"]
    assert not (task / "splits.pkl").exists()


def test_what_is_wrong_with_a_task_is_one_line(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = data / "raw_data" / TASK
    (raw / "heads" / "h3.npz").write_bytes(b"not a head")
    with pytest.raises(SystemExit, match=r"h3.npz: is not a prepared head"):
        command(monkeypatch, "run_preprocessing", f"yucca_preprocess -t {TASK} -pl YuccaPlanner_Planes")
    (raw / "heads" / "h3.npz").unlink()
    with pytest.raises(SystemExit, match=r"h3.npz: is not there"):
        command(monkeypatch, "run_preprocessing", f"yucca_preprocess -t {TASK} -pl YuccaPlanner_Planes")
    (raw / "dataset.json").unlink()
    with pytest.raises(SystemExit, match="is not a task of heads"):
        command(monkeypatch, "run_preprocessing", f"yucca_preprocess -t {TASK} -pl YuccaPlanner_Planes")
