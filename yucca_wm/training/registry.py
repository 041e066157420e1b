"""The networks whose plans are known: read by commands, tests and docs.

Imports nothing, so that a command's ``--help`` can list them quickly.
"""

from __future__ import annotations

from dataclasses import dataclass

MEMORY_GB = (8, 12, 24, 80)
"""GPU memory for which the plans below give a batch size."""


@dataclass(frozen=True)
class Network:
    """A network, its size, and the patches that it was designed for.

    ``patch`` and ``batch`` are for 3D, 37 classes and mixed precision: ``batch[i]`` samples of ``patch`` voxels can be
    trained in ``MEMORY_GB[i]`` minus Yucca's reserve of 2.5 GB (64 at most; 0 if not even one can). Yucca finds its own
    from ``--max_vram``; ``--patch_size`` and ``--batch_size`` set them.
    """

    name: str
    parameters_m: float
    """Million parameters in 3D, one input channel, 37 classes."""
    patch: tuple[int, int, int]
    batch: tuple[int, int, int, int]
    kernel: int = 3
    deep_supervision: bool = True
    """Whether it has outputs for ``-ds``."""


NETWORKS: dict[str, Network] = {
    network.name: network
    for network in (
        Network("UNet", 90.3, (32, 128, 128), (3, 6, 17, 64)),
        Network("UNetR", 92.4, (32, 128, 128), (7, 15, 38, 64)),
        Network("MultiResUNet", 18.6, (32, 128, 128), (2, 4, 9, 35)),
        Network("MedNeXt_S_k3", 5.6, (128, 128, 128), (1, 2, 5, 21), 3),
        Network("MedNeXt_S_k5", 5.9, (128, 128, 128), (1, 2, 5, 21), 5),
        Network("MedNeXt_B_k3", 10.5, (128, 128, 128), (1, 2, 5, 21), 3),
        Network("MedNeXt_B_k5", 11.0, (128, 128, 128), (1, 2, 5, 21), 5),
        Network("MedNeXt_M_k3", 17.6, (128, 128, 128), (1, 2, 5, 19), 3),
        Network("MedNeXt_M_k5", 18.3, (128, 128, 128), (1, 2, 5, 19), 5),
        Network("MedNeXt_L_k3", 61.8, (128, 128, 128), (0, 1, 4, 16), 3),
        Network("MedNeXt_L_k5", 63.0, (128, 128, 128), (0, 1, 4, 16), 5),
    )
}

ALIASES = {"MedNeXt": "MedNeXt_L_k5", "mednext_s3": "MedNeXt_S_k3", "mednext_m3": "MedNeXt_M_k3"}
"""Yucca's names for some networks."""
