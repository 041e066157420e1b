"""Trained models: loaded from a version folder, exported, loaded again, and never executed."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from yucca_wm.core.errors import InputError
from yucca_wm.export.__main__ import main
from yucca_wm.training.model import checked, export_model, load_model


def test_an_exported_model_is_the_same_model(region_model: Path, tmp_path: Path) -> None:
    original = load_model(region_model)
    exported = export_model(original, tmp_path / "m.zip", licence="CC0", card="a card")
    loaded = load_model(exported)
    assert (loaded.identity, loaded.plans, loaded.config) == (original.identity, original.plans, original.config)
    assert loaded.n_classes == 37
    data = torch.randn(1, 1, 16, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(loaded.network()(data), original.network()(data), rtol=0, atol=0)
    again = export_model(load_model(region_model), tmp_path / "n.zip", licence="CC0", card="a card")
    assert exported.read_bytes() == again.read_bytes()


def test_command_writes_card_licence_and_classes(
    lesion_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["export", str(lesion_model), str(tmp_path / "m.zip"), "--licence", "CC-BY-4.0"])
    assert main() == 0
    with zipfile.ZipFile(tmp_path / "m.zip") as archive:
        card = archive.read("README.md").decode()
        assert "CC-BY-4.0" in archive.read("LICENSE").decode()
        description = json.loads(archive.read("model.json"))
    assert "TinyUNet, 2D" in card
    assert "| 2 | label 2 |" in card
    assert description["training"] == {"epochs": 4, "steps": 40}
    assert str(lesion_model.parent) not in json.dumps(description)


@pytest.mark.parametrize(
    ("channel", "modalities", "said"),
    [
        ("FLAIR MRI", ("FLAIR",), "Input: one FLAIR, "),
        ("T1w", ("T1",), "Input: one T1, "),
        ("T1 or FLAIR MRI", ("T1", "FLAIR"), "Input: one T1 or FLAIR, "),
        ("T2", (), "Input: one MR image, "),
    ],
)
def test_a_model_knows_what_scans_it_was_trained_on(
    channel: str, modalities: tuple[str, ...], said: str, tmp_path: Path, version_folder: Callable[..., Path]
) -> None:
    folder = version_folder(tmp_path / "version_0", 3, "2D", 1, channel=channel)
    assert main([str(folder), str(tmp_path / "m.zip")]) == 0
    for path in (folder, tmp_path / "m.zip"):
        assert load_model(path).modalities == modalities
    with zipfile.ZipFile(tmp_path / "m.zip") as archive:
        assert said in archive.read("README.md").decode()


class Bomb:
    """Unpickling this would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    traces = tmp_path / "executed"
    torch.save({"hyper_parameters": Bomb(traces)}, tmp_path / "bad.ckpt")
    torch.load(tmp_path / "bad.ckpt", weights_only=False)
    assert traces.exists(), "the bomb does not work, so this test proves nothing"
    traces.unlink()
    with pytest.raises(InputError, match="checkpoint"):
        load_model(tmp_path / "bad.ckpt")
    assert not traces.exists()


def test_reading_a_checkpoint_leaves_others_readable(tmp_path: Path, version_folder: Callable[..., Path]) -> None:
    """Lightning, going on with a training in the same process, reads a checkpoint of its own after ours."""
    torch.save({"label_dtype": int}, tmp_path / "last.ckpt")
    torch.serialization.add_safe_globals([int])
    load_model(version_folder(tmp_path / "model", 3, "2D", 1))
    assert torch.load(tmp_path / "last.ckpt", weights_only=True) == {"label_dtype": int}


@pytest.mark.parametrize("damage", ["cut", "weights", "version", "name", "empty"])
def test_a_damaged_export_is_refused(region_model: Path, tmp_path: Path, damage: str) -> None:
    path = export_model(load_model(region_model), tmp_path / "m.zip", licence="CC0", card="")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        if damage == "weights":
            members["weights.safetensors"] = members["weights.safetensors"][:-4] + b"\0\0\0\1"
        elif damage == "version":
            members["model.json"] = members["model.json"].replace(b'"version": 1', b'"version": 9')
        else:
            members["model.json"] = members["model.json"].replace(b'"TinyUNet"', b'"NoSuchNet"')
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    with pytest.raises(InputError, match=r"m\.zip"):
        load_model(path).network()


def test_folders_and_models_of_another_kind(tmp_path: Path, version_folder: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"checkpoints/best\.ckpt"):
        load_model(tmp_path)
    with pytest.raises(InputError, match="no such model"):
        load_model(tmp_path / "absent.zip")
    two = version_folder(tmp_path / "two", 3, "2D", 1, num_modalities=2)
    with pytest.raises(InputError, match="2 images at once"):
        load_model(two)
    sigmoid = version_folder(tmp_path / "sigmoid", 3, "2D", 1, use_label_regions=True)
    with pytest.raises(InputError, match="one label per voxel"):
        load_model(sigmoid)


def test_a_model_with_another_plan_is_another_model(region_model: Path) -> None:
    """Its maps are made again."""
    model = load_model(region_model)
    others = [
        (model.config, {**model.plans, "target_spacing": [2.0, 2.0, 2.0]}),
        ({**model.config, "patch_size": [8, 8, 8]}, model.plans),
    ]
    found = [checked(model.path, config, plans, model.training, model.weights) for config, plans in others]
    assert len({model.identity, *(other.identity for other in found)}) == 3
    assert checked(model.path, model.config, model.plans, {}, model.weights).identity == model.identity
