"""Names accepted by ``-m``, ``--loss``, ``-man`` and ``-pl``, with their sources: read by commands, tests and docs.

Imports nothing, so that a command's ``--help`` can list them quickly.
"""

from __future__ import annotations

from dataclasses import dataclass

MEMORY_GB = (8, 12, 24, 80)
"""GPU memory for which the plans below give a batch size."""


@dataclass(frozen=True)
class Network:
    """A network and the plan it was designed for.

    ``patch`` and ``batch`` are for 3D, 37 classes and mixed precision: ``batch[i]`` samples of ``patch`` voxels can be
    trained in ``MEMORY_GB[i]`` minus Yucca's reserve of 2.5 GB (64 at most; 0 if not even one can). Yucca finds its own
    from ``--max_vram``; ``--patch_size`` and ``--batch_size`` set them.
    """

    name: str
    source: str
    parameters_m: float
    """Million parameters in 3D, one input channel, 37 classes."""
    planner: str
    patch: tuple[int, int, int]
    batch: tuple[int, int, int, int]
    kernel: int = 3


_UNET, _MULTIRES = "Ronneberger et al., MICCAI 2015", "Ibtehaz & Rahman, Neural Networks 2020"
_UNETR, _MEDNEXT = "Hatamizadeh et al., WACV 2022", "Roy et al., MICCAI 2023"
_FLAIR, _1MM = "YuccaPlanner_FLAIR", "YuccaPlanner_1mm"

NETWORKS: dict[str, Network] = {
    network.name: network
    for network in (
        Network("UNet", _UNET, 90.3, _FLAIR, (32, 128, 128), (3, 6, 17, 64)),
        Network("UNetR", _UNETR, 92.4, _FLAIR, (32, 128, 128), (7, 15, 38, 64)),
        Network("MultiResUNet", _MULTIRES, 18.6, _FLAIR, (32, 128, 128), (2, 4, 9, 35)),
        Network("MedNeXt_S_k3", _MEDNEXT, 5.6, _1MM, (128, 128, 128), (1, 2, 5, 21), 3),
        Network("MedNeXt_S_k5", _MEDNEXT, 5.9, _1MM, (128, 128, 128), (1, 2, 5, 21), 5),
        Network("MedNeXt_B_k3", _MEDNEXT, 10.5, _1MM, (128, 128, 128), (1, 2, 5, 21), 3),
        Network("MedNeXt_B_k5", _MEDNEXT, 11.0, _1MM, (128, 128, 128), (1, 2, 5, 21), 5),
        Network("MedNeXt_M_k3", _MEDNEXT, 17.6, _1MM, (128, 128, 128), (1, 2, 5, 19), 3),
        Network("MedNeXt_M_k5", _MEDNEXT, 18.3, _1MM, (128, 128, 128), (1, 2, 5, 19), 5),
        Network("MedNeXt_L_k3", _MEDNEXT, 61.8, _1MM, (128, 128, 128), (0, 1, 4, 16), 3),
        Network("MedNeXt_L_k5", _MEDNEXT, 63.0, _1MM, (128, 128, 128), (0, 1, 4, 16), 5),
    )
}

ALIASES = {"MedNeXt": "MedNeXt_L_k5", "mednext_s3": "MedNeXt_S_k3", "mednext_m3": "MedNeXt_M_k3"}
"""Yucca's names for some networks."""
