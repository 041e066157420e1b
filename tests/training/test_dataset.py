"""The tube that a sample carries is that of the label the network sees, at every scale."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from yucca_wm.training.skeleton import tubed_skeleton
from yucca_wm.training.tubed_training import TUBE_KEY, RegionTubeDataset, TubeDataset, paper_augmentation


@pytest.fixture
def case(tmp_path: Path) -> str:
    """A preprocessed case as Yucca stores it: [image, label] in one array, and where the foreground is."""
    rng = np.random.default_rng(0)
    label = np.zeros((24, 40, 36), np.float32)
    label[6:18, 8:30, 6:12] = 1
    label[6:18, 8:30, 12:16] = 2
    np.save(tmp_path / "case.npy", np.stack([rng.normal(size=label.shape).astype(np.float32), label]))
    foreground = [tuple(map(int, voxel)) for voxel in np.argwhere(label > 0)[::50]]
    (tmp_path / "case.pkl").write_bytes(pickle.dumps({"foreground_locations": foreground}))
    return str(tmp_path / "case")


def dataset(kind: type[TubeDataset], case: str, patch: tuple[int, ...], stage: str, deep: bool) -> TubeDataset:
    from yucca.modules.data.augmentation.YuccaAugmentationComposer import YuccaAugmentationComposer

    parameters = {**paper_augmentation(), "rotation_p_per_sample": 1.0, "elastic_deform_p_per_sample": 1.0}
    augmenter = YuccaAugmentationComposer(
        patch_size=patch, deep_supervision=deep, is_2D=len(patch) == 2, parameter_dict=parameters
    )
    train = stage == "train"
    made: TubeDataset = kind(
        [case],
        patch_size=augmenter.pre_aug_patch_size if train else patch,
        composed_transforms=augmenter.train_transforms if train else augmenter.val_transforms,
        p_oversample_foreground=1.0,
    )
    return made


@pytest.mark.parametrize("patch", [(32, 32), (16, 32, 32)])
@pytest.mark.parametrize(("stage", "deep"), [("train", False), ("train", True), ("val", True)])
@pytest.mark.parametrize("kind", [TubeDataset, RegionTubeDataset])
def test_tube_is_that_of_the_augmented_label(
    case: str, patch: tuple[int, ...], stage: str, deep: bool, kind: type[TubeDataset]
) -> None:
    np.random.seed(0)  # noqa: NPY002  (what Yucca's transforms draw from)
    sample = dataset(kind, case, patch, stage, deep)[0]
    labels, tubes = sample["label"], sample[TUBE_KEY]
    assert isinstance(labels, list) == (deep and stage == "train")
    pairs = list(zip(labels, tubes, strict=True)) if isinstance(labels, list) else [(labels, tubes)]
    assert pairs[0][1].any()
    for label, tube in pairs:
        assert label.shape == tube.shape
        np.testing.assert_array_equal(tube[0].numpy(), tubed_skeleton(label[0].numpy(), kind.tube_mode))


def first(sample: dict[str, Any]) -> torch.Tensor:
    tube: torch.Tensor = sample[TUBE_KEY]
    return tube


def test_workers_of_either_kind_get_it(case: str) -> None:
    """Started by fork they inherit the dataset, started by spawn they unpickle it."""
    np.random.seed(0)  # noqa: NPY002  (what Yucca's transforms draw from)
    samples = dataset(TubeDataset, case, (16, 32, 32), "val", False)
    again = pickle.loads(pickle.dumps(samples))
    assert first(again[0]).any()
    loader = torch.utils.data.DataLoader(samples, num_workers=1, multiprocessing_context="fork")
    assert first(next(iter(loader))).shape == (1, 1, 16, 32, 32)


def test_what_the_augmentation_changes() -> None:
    from yucca.modules.data.augmentation.augmentation_presets import generic

    before = dict(generic)
    parameters = paper_augmentation()
    parameters["biasfield_p_per_sample"] = 1.0
    assert generic == before, "Yucca's preset belongs to all managers"
    fresh = paper_augmentation()
    on = ("additive_noise", "multiplicative_noise", "biasfield", "rotation", "elastic_deform", "motion_ghosting")
    assert all(fresh[f"{name}_p_per_sample"] > 0 for name in on)
    assert fresh["mirror_p_per_sample"] == 0
