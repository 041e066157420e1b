"""The softmax does not depend on how many windows overlap.

Patches ``YuccaNet._sliding_window_predict3D`` and ``_sliding_window_predict2D``
(yucca/modules/networks/networks/YuccaNet.py).
Symptom: the logits of overlapping windows are summed and never divided: with half overlap a voxel counts 1 to 8 times,
so that the saved softmax, and with it every ensemble, is too sure wherever windows overlap: what is 0.73 in a corner
becomes 0.9997 in the centre.
Cure: windows are weighted by a Gaussian, and the weights over a voxel add up to one.
"""

from __future__ import annotations

from typing import Any


def apply(module: Any) -> bool:
    """Patch ``YuccaNet``'s sliding windows to weight overlaps; False if a constant network already stays constant."""
    import torch

    network = module.YuccaNet

    class Constant(network):  # type: ignore[misc, valid-type]
        num_classes = 1

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.ones_like(x)

    with torch.no_grad():
        said = Constant()._sliding_window_predict2D(torch.zeros(1, 1, 2, 3), (2, 2), 0.5)
    if torch.allclose(said, torch.ones_like(said)):
        return False

    def predict(self: Any, data: torch.Tensor, patch_size: Any, overlap: float) -> torch.Tensor:
        from yucca_wm.training.sliding_window import robust_sliding_window

        return robust_sliding_window(self, data, patch_size, overlap)[None]

    network._sliding_window_predict3D = predict
    network._sliding_window_predict2D = predict
    return True
