"""``yucca_train --devices N`` trains on several GPUs, through Lightning.

Patches ``main`` (yucca/pipeline/run/run_training.py) and ``YuccaManager.initialize``, where ``devices=1`` is written.
Symptom: a machine with four GPUs trains on one.
Cure: the flag is taken and handed to Lightning's Trainer, which starts the same command once for each device (or finds
that Slurm did). All work in the version folder of the first, each on patches of its own; gradients and losses are
averaged.
"""

from __future__ import annotations

import argparse
import os
from functools import partialmethod
from types import SimpleNamespace
from typing import Any


def apply(module: Any) -> bool:
    """Patch ``main`` to parse ``--devices`` and train on that many GPUs; False if it does already."""
    if "devices" in module.main.__code__.co_names:
        return False
    module.argparse = SimpleNamespace(ArgumentParser=Parser)
    return True


class Parser(argparse.ArgumentParser):
    """Yucca's parser of yucca_train with one more flag."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_argument(
            "--devices",
            type=int,
            default=1,
            metavar="N",
            help="GPUs to train on (without a GPU: processes). Default: 1",
        )

    def parse_args(self, *args: Any, **kwargs: Any) -> Any:
        options = super().parse_args(*args, **kwargs)
        if options.devices < 1:
            self.error("--devices: a number from 1 is needed")
        if options.devices > 1:
            train_on(options.devices)
            options.new_version = options.new_version and rank() == 0  # the other processes use its folder
        return options


def rank() -> int:
    """Number of this process among those that train together; 0 is the first."""
    return int(os.environ.get("LOCAL_RANK") or os.environ.get("SLURM_PROCID") or 0)


def train_on(devices: int) -> None:
    """Run every training of this process on ``devices`` GPUs. Ends the command in one line if there are too few."""
    import lightning as L
    import torch
    import yucca.pipeline.managers.YuccaManager as module

    if torch.cuda.is_available() and torch.cuda.device_count() < devices:
        raise SystemExit(f"error: --devices {devices}: this machine has {torch.cuda.device_count()} GPUs")

    def trainer(**settings: Any) -> L.Trainer:
        if rank():
            L.seed_everything(torch.initial_seed() + rank(), workers=True)  # other patches than in the first process
        # Yucca's sampler is endless, and each process draws its own patches: nothing to distribute
        return L.Trainer(**settings | {"devices": devices, "strategy": "ddp", "use_distributed_sampler": False})

    module.L = SimpleNamespace(Trainer=trainer)
    L.LightningModule.log = partialmethod(L.LightningModule.log, sync_dist=True)  # type: ignore[assignment,method-assign]
