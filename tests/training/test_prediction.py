from __future__ import annotations

import pytest
import torch

from yucca_wm.core.errors import InputError
from yucca_wm.core.regions import regions
from yucca_wm.training.mirroring import mirrorings
from yucca_wm.training.prediction import predict_logits

N_REGIONS = len(regions()) + 1


def test_mirroring_exchanges_left_and_right() -> None:
    exchange = dict(enumerate(next(e for axes, e in mirrorings(N_REGIONS, 0, planar=False) if axes == (0,))))
    assert exchange[0] == 0
    for region in regions():
        partner = regions().by_index(exchange[region.index])
        assert partner.side != region.side
        assert partner.name[:-2] == region.name[:-2]


def test_mirrored_prediction_of_a_symmetric_network_is_the_plain_one() -> None:
    torch.manual_seed(0)
    left, right = 2, regions().mirrored()[2]

    class Symmetric(torch.nn.Module):
        """The side is taken from the position in the window: mirror image in, mirror image with exchanged sides out."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            place = torch.linspace(-3, 3, x.shape[2]).view(1, -1, 1, 1)
            logits = torch.zeros(x.shape[0], N_REGIONS, *x.shape[2:])
            logits[:, left], logits[:, right] = x[:, 0] - place, x[:, 0] + place
            return logits

    data = torch.randn(1, 1, 8, 6, 4)
    plain = predict_logits(Symmetric(), data, (8, 6, 4), N_REGIONS, (0, 1, 2))
    mirrored = predict_logits(Symmetric(), data, (8, 6, 4), N_REGIONS, (0, 1, 2), mirror=True)
    torch.testing.assert_close(mirrored, plain, rtol=0, atol=1e-5)
    wrong = predict_logits(Symmetric(), data, (8, 6, 4), N_REGIONS, (1, 0, 2), mirror=True)
    assert not torch.allclose(wrong, plain, atol=0.1)


@pytest.mark.parametrize(("classes", "mirrored"), [(3, True), (10, False), (N_REGIONS, True)])
def test_left_and_right_stay_where_sides_are_unknown(classes: int, mirrored: bool) -> None:
    for left_right in range(3):
        ways = mirrorings(classes, left_right, planar=False)
        assert any(left_right in axes for axes, _ in ways) == mirrored
        assert len(ways) == (7 if mirrored else 3)


def test_classes_of_other_names_are_not_exchanged_as_the_built_in_regions_are() -> None:
    """Of as many classes, and of so few that they would have no sides if no name said so."""
    own = {region.index: region.name for region in regions()}
    for names, classes, mirrored in (
        (own, N_REGIONS, True),
        (own | {18: "occipital_R"}, N_REGIONS, False),
        ({0: "background", 1: "lesion", 2: "stroke"}, 3, True),
        ({0: "background", 1: "Left-Lesion", 2: "Right-Lesion"}, 3, False),
        ({0: "background", 1: "wm_L", 2: "wm_R"}, 3, False),
    ):
        ways = mirrorings(classes, 0, planar=False, names=names)
        assert any(0 in axes for axes, _ in ways) == mirrored, names


def test_planes_are_mirrored_within_themselves() -> None:
    assert [axes for axes, _ in mirrorings(3, 2, planar=True)] == [(1,), (2,), (1, 2)]


def test_half_precision_where_memory_is_short() -> None:
    torch.manual_seed(0)
    network = torch.nn.Conv3d(1, 5, 3, padding=1).eval()
    with torch.no_grad():
        network.weight *= 5
        data = torch.randn(1, 1, 20, 20, 20)
        single = predict_logits(network, data, (8, 8, 8), 5, (0, 1, 2))
        half = predict_logits(network, data, (8, 8, 8), 5, (0, 1, 2), max_memory_gb=100e-6)
        with pytest.raises(InputError, match="max_memory_gb"):
            predict_logits(network, data, (8, 8, 8), 5, (0, 1, 2), max_memory_gb=50e-6)
    assert (single.dtype, half.dtype) == (torch.float32, torch.float16)
    apart = torch.softmax(single, 0) - torch.softmax(half.float(), 0)
    assert float(apart.abs().max()) < 0.003
    assert float((single.argmax(0) != half.argmax(0)).float().mean()) < 1e-3
