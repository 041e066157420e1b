"""The networks that come with this package: lesions and tissue are what two of them say on average."""

from __future__ import annotations

import pytest
import torch

from yucca_wm.models.__main__ import main
from yucca_wm.models.shipped import MODELS, PAINTED, TISSUE, networks
from yucca_wm.training.model import load_model


def test_lesions_are_found_by_the_mean_of_two_networks() -> None:
    """Before the softmax: half of the sum of what either says, of which no two are alike."""
    x = torch.randn(1, 2, 64, 48, generator=torch.Generator().manual_seed(0))
    alone = []
    with torch.no_grad():
        for model in (TISSUE, PAINTED):
            alone.append(load_model(model.path, model.scans).network(torch.device("cpu"))(x).float())
    together = networks("cpu").tissue(x)
    spread = (alone[0] - alone[1]).abs().mean()
    assert spread > 0.5, "two networks, not one twice"
    assert (together - (alone[0] + alone[1]) / 2).abs().mean() < 0.02 * spread + 0.05, "but for bfloat16"


def test_each_says_what_it_was_trained_on() -> None:
    cards = {name: " ".join(model.card().split()) for name, model in MODELS.items()}
    for name in ("regions", "tissue"):
        assert "NiChart" in cards[name]
        assert "SBIA licence" in cards[name]
    assert "No scan, nothing non-commercial" in cards["tissue_painted"]


def test_the_command_knows_every_name_that_fine_tuning_knows(capsys: pytest.CaptureFixture[str]) -> None:
    for name, model in {**MODELS, "lesions": MODELS["tissue"]}.items():
        assert main([name]) == 0
        assert capsys.readouterr().out.strip() == model.card().strip()
    with pytest.raises(SystemExit) as stopped:
        main(["lesion"])
    assert stopped.value.code == 2
    assert "there are: regions, tissue, tissue_painted, lesions" in capsys.readouterr().err
