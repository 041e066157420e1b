"""Dataset of samples painted during training, in the worker processes of the data loader."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler
from yucca.modules.data.data_modules.YuccaDataModule import YuccaDataModule

from yucca_wm.training.skeleton import tubed_skeleton
from yucca_wm.training.synthesis.heads import SCAN_SHARE, Head, load_head
from yucca_wm.training.synthesis.planes import paint_planes
from yucca_wm.training.synthesis.volumes import paint_volume
from yucca_wm.training.tubed_training import TUBE_KEY

Sample = dict[str, Any]

VALIDATION_SEED = 20_230_000
"""Seed of validation, which paints the same samples in every epoch of every run, so that losses can be compared."""


class PaintedDataset(Dataset[Sample]):
    """``seed`` and ``number`` determine sample ``number``: its head and the random numbers used to paint it.

    So a sample does not depend on the worker that paints it: any number of workers gives the same training. As many
    samples as there are heads show every head once, in an order drawn anew each time. Heads are read when the dataset
    is made: forked workers share that memory; spawned workers each read them once.

    Parameters
    ----------
    cases : sequence of str
        Paths of the heads' files without their suffix.
    patch_size : sequence of int
        Size of planes [x, y], in pixels of 1 mm, or of volumes [x, y, z], in voxels of 3 mm.
    seed : int
        Seed of all random draws.
    scan_share : float
        Share of samples from heads with scans of their own, if there are such heads.
    """

    def __init__(self, cases: Sequence[str], patch_size: Sequence[int], seed: int, scan_share: float = 0.0) -> None:
        self.cases, self.patch_size, self.seed, self.scan_share = list(cases), tuple(patch_size), seed, scan_share
        self.heads = self._load()
        self._scanned = [n for n, head in enumerate(self.heads) if head.scans]
        self._painted = [n for n, head in enumerate(self.heads) if not head.scans]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "heads": None}

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, number: int) -> Sample:
        """Paint one sample.

        Parameters
        ----------
        number : int
            Sample number, from 0.

        Returns
        -------
        dict of str to Any
            ``image`` float32 [channel, ...], ``label`` int32 [1, ...], and ``file_path``, the head's; of volumes
            ``coordinates`` float32 [3, ...] and ``tube`` int32 [1, ...] (a skeleton for each region), too.
        """
        self.heads = self.heads or self._load()
        which = self.head_of(number)
        random = np.random.default_rng([self.seed, number])
        paint = _plane if len(self.patch_size) == 2 else _volume
        return {"file_path": self.cases[which], **paint(self.heads[which], self.patch_size, random)}

    def head_of(self, number: int) -> int:
        """Index of the head from which sample ``number`` is painted."""
        kind = self._painted
        if self._scanned and (not kind or np.random.default_rng([self.seed, number, 2]).random() < self.scan_share):
            kind = self._scanned
        turn, place = divmod(number, len(kind))
        return kind[int(np.random.default_rng([self.seed, turn, 1]).permutation(len(kind))[place])]

    def _load(self) -> list[Head]:
        heads = [load_head(Path(f"{case}.npz")) for case in self.cases]
        for head in heads:  # computed once here instead of in every worker
            head.brain, head.core_values if len(self.patch_size) == 2 else head.affine_part
        return heads


def scan_share(folder: str | Path) -> float:
    """Share of samples from real scans, according to the plan in the folder of preprocessed heads."""
    plans = [json.loads(path.read_text(encoding="utf-8")) for path in Path(folder).glob("*_plans.json")]
    return float(plans[0]["dataset_properties"].get(SCAN_SHARE, 0.0)) if plans else 0.0


def _plane(head: Head, size: tuple[int, ...], random: np.random.Generator) -> Sample:
    (plane,) = paint_planes(head, (size[0], size[1]), random)
    return {"image": torch.from_numpy(plane.image), "label": _label(plane.label)}


def _volume(head: Head, size: tuple[int, ...], random: np.random.Generator) -> Sample:  # noqa: ARG001
    volume = paint_volume(head, random)
    label = _label(volume.label)
    image, coordinates = (np.ascontiguousarray(array) for array in (volume.image, volume.coordinates))
    return {
        "image": torch.from_numpy(image)[None],
        "label": label,
        TUBE_KEY: torch.from_numpy(tubed_skeleton(label[0].numpy(), "per_region"))[None],
        "coordinates": torch.from_numpy(coordinates),
    }


def _label(label: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(label.astype(np.int32))[None]


class SampleNumbers(Sampler[int]):
    """Sample numbers of the trainer's current epoch: no two epochs or devices share one."""

    def __init__(self, trainer: Any, per_epoch: int) -> None:
        self.trainer, self.per_epoch = trainer, per_epoch

    def __iter__(self) -> Iterator[int]:
        devices, own = self.trainer.world_size, self.trainer.global_rank
        first = self.trainer.current_epoch * self.per_epoch
        return iter(range(first * devices + own, (first + self.per_epoch) * devices + own, devices))

    def __len__(self) -> int:
        return self.per_epoch


class SynthesisDataModule(YuccaDataModule):
    """Yucca's data module with painted samples; validation always paints the held-out heads in the same way."""

    HELD_OUT_SAMPLES: ClassVar[int] = 64
    """Number of samples painted for a validation whose number of batches is not given."""

    def setup(self, stage: str) -> None:
        if stage != "fit":
            super().setup(stage)
            return
        share = scan_share(self.train_data_dir)
        for side in ("train", "val"):
            names = getattr(self.splits_config, side)(self.split_idx)
            cases = [str(Path(self.train_data_dir) / name) for name in names]
            seed = torch.initial_seed() if side == "train" else VALIDATION_SEED
            setattr(self, f"{side}_dataset", PaintedDataset(cases, self.patch_size, seed, share))

    def train_dataloader(self) -> DataLoader[Sample]:
        batches = self.trainer.limit_train_batches
        n_samples = batches * self.batch_size if isinstance(batches, int) else len(self.train_dataset)
        return self._loader(self.train_dataset, SampleNumbers(self.trainer, n_samples))

    def val_dataloader(self) -> DataLoader[Sample]:
        batches = self.trainer.limit_val_batches
        n_samples = batches * self.batch_size if isinstance(batches, int) else self.HELD_OUT_SAMPLES
        return self._loader(self.val_dataset, range(n_samples))

    def _loader(self, dataset: Dataset[Sample], numbers: Any) -> DataLoader[Sample]:
        return DataLoader(
            dataset,
            batch_size=self.batch_size,
            sampler=numbers,
            num_workers=self.num_workers,
            pin_memory=torch.cuda.is_available(),
        )
