"""The augmentation of the paper, as parameters of Yucca's augmentation composer."""

from __future__ import annotations

from typing import Any

from yucca.modules.data.augmentation.augmentation_presets import generic


def paper_augmentation() -> dict[str, Any]:
    """A new dict: Yucca's ``generic`` preset with bias field and motion ghosting on, and never a mirror.

    Additive and multiplicative noise, rotation and elastic deformation are on in the preset. Mirroring stays off, in
    training and at test time: it would turn left regions into right ones. The patch is cut once by the dataset, so
    the second random cut of the preset, which brings in padded borders, is off.
    """
    return {
        **generic,
        "biasfield_p_per_sample": 0.33,
        "motion_ghosting_p_per_sample": 0.2,
        "mirror_p_per_sample": 0.0,
        "random_crop": False,
    }
