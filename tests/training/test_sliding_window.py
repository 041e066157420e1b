from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.inferers import sliding_window_inference

from yucca_wm.training import sliding_window as module
from yucca_wm.training.sliding_window import robust_sliding_window, sliding_window, window_starts, window_weights


class Constant(torch.nn.Module):
    """Says the same three logits everywhere."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = torch.tensor([2.0, -1.0, 0.5]).view(1, 3, *[1] * (x.ndim - 2))
        return logits.expand(x.shape[0], 3, *x.shape[2:]).contiguous()


@pytest.mark.parametrize("window", [(8, 8, 8), (8, 6, 11), (7, 9), (6, 20)])
@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75])
def test_a_constant_network_gives_a_constant_softmax(window: tuple[int, ...], overlap: float) -> None:
    logits = sliding_window(Constant(), torch.zeros(1, 1, 13, 17, 21), window, overlap)
    expected = torch.tensor([2.0, -1.0, 0.5]).view(3, 1, 1, 1).expand_as(logits)
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_the_number_of_windows_at_once_does_not_matter(batch: int) -> None:
    torch.manual_seed(0)
    network = torch.nn.Conv3d(1, 4, 3, padding=1).eval()
    data = torch.randn(1, 1, 11, 12, 13)
    with torch.no_grad():
        one, many = (sliding_window(network, data, (6, 8, 8), batch=number) for number in (1, batch))
    torch.testing.assert_close(one, many, rtol=0, atol=1e-6)


def test_equals_monais_gaussian_inferer() -> None:
    """Compared in the middle of the windows: MONAI raises the weights of corners to a thousandth."""
    torch.manual_seed(0)
    network = torch.nn.Conv3d(1, 3, 5, padding=2).eval()
    data = torch.randn(1, 1, 16, 8, 8)  # windows of 8 at 0, 4 and 8 in both
    with torch.no_grad():
        ours = sliding_window(network, data, (8, 8, 8), 0.5)
        monai = sliding_window_inference(data, (8, 8, 8), 1, network, overlap=0.5, mode="gaussian")
    middle = (slice(None), slice(None), slice(3, 5), slice(3, 5))
    np.testing.assert_allclose(ours[middle].numpy(), monai[0][middle].numpy(), atol=1e-5)  # type: ignore[index]


def test_planes_are_predicted_one_by_one() -> None:
    torch.manual_seed(0)
    network = torch.nn.Conv2d(1, 3, 3, padding=1).eval()
    data = torch.randn(1, 1, 5, 12, 10)
    with torch.no_grad():
        volume = sliding_window(network, data, (8, 8))
        plane = sliding_window(network, data[:, :, 3], (8, 8))
    torch.testing.assert_close(volume[:, 3], plane)


def test_windows_cover_and_weights_sum_to_one() -> None:
    for length, window, overlap in ((10, 4, 0.5), (10, 10, 0.5), (11, 3, 0.9), (7, 1, 0.5)):
        starts = window_starts(length, window, overlap)
        assert starts[0] == 0
        assert starts[-1] == length - window
        total = torch.zeros(length)
        for start, weights in zip(starts, window_weights(length, window, starts), strict=True):
            assert (weights > 0).all()
            total[start : start + window] += weights
        torch.testing.assert_close(total, torch.ones(length))


def test_window_larger_than_the_volume() -> None:
    with pytest.raises(ValueError, match="pad the volume"):
        sliding_window(Constant(), torch.zeros(1, 1, 4, 4, 4), (8, 4, 4))


@pytest.mark.parametrize("succeeds_at", [1, 2, 3])
def test_out_of_gpu_memory_tries_again_with_less_and_says_so(
    succeeds_at: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[dict[str, object]] = []
    real = sliding_window

    def short_of_memory(*arguments: object, **keywords: object) -> torch.Tensor:
        calls.append(keywords)
        if len(calls) <= succeeds_at:
            raise torch.OutOfMemoryError
        return real(*arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "sliding_window", short_of_memory)
    network = torch.nn.Conv3d(1, 2, 1).eval()
    with torch.no_grad():
        logits = robust_sliding_window(network, torch.zeros(1, 1, 6, 6, 6), (4, 4, 4))
    assert logits.shape == (2, 6, 6, 6)
    said = capsys.readouterr().err
    assert said.count("ran out of memory") == succeeds_at
    assert ("on the CPU" in said) == (succeeds_at == 3)
