"""The models that come with this package, and their networks."""

from __future__ import annotations

import contextlib
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yucca_wm.core.files import sha256

if TYPE_CHECKING:
    from yucca_wm.models.segment import Networks

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class Shipped:
    """One model.

    name : name in commands. finds : purpose, in one line. scans : number of input images.
    """

    name: str
    finds: str
    scans: int

    @property
    def path(self) -> Path:
        """The model file, in the format of `yucca_wm.export`."""
        return WEIGHTS / f"{self.name}.zip"

    def card(self) -> str:
        """The model card in Markdown: classes, grid, data and licences, measured scores."""
        with zipfile.ZipFile(self.path) as archive:
            return archive.read("README.md").decode()

    @property
    def identity(self) -> str:
        """SHA-256 of the file."""
        return sha256(self.path)


REGIONS = Shipped("regions", "the brain and the 34 regions, on T1 or FLAIR, with or without skull", 1)
TISSUE = Shipped("tissue", "lesions and tissue classes, on T1 and FLAIR or one of them", 2)
PAINTED = Shipped("tissue_painted", "the same, trained on painted scans alone; predict takes the mean of both", 2)
MODELS = {model.name: model for model in (REGIONS, TISSUE, PAINTED)}
ALIASES = {"lesions": "tissue"}
"""Other names of models, after their purpose."""


def shipped(name: str) -> Shipped | None:
    """The model with this name or purpose (``lesions``: the tissue model); None if there is none."""
    return MODELS.get(ALIASES.get(name, name))


def identities() -> dict[str, str]:
    """Files that maps depend on: name of a model or of a table of anatomical positions -> SHA-256."""
    positions = {path.stem: sha256(path) for path in sorted(WEIGHTS.glob("*.npz"))}
    return {name: model.identity for name, model in MODELS.items()} | positions


@cache
def networks(device: str = "auto") -> Networks:
    """The networks of `MODELS` on ``device`` (auto, cpu, cuda or mps), ready to predict; loaded once."""
    import torch

    from yucca_wm.core.hardware import bf16_is_fast, choose_device
    from yucca_wm.models.segment import Networks
    from yucca_wm.training.model import load_model

    found: dict[str, Any] = {}
    computed = set()
    for name, model in MODELS.items():
        loaded = load_model(model.path, model.scans)
        on = choose_device(device, str(loaded.config["model_dimensions"]))
        layout = torch.channels_last if loaded.config["model_dimensions"] == "2D" else torch.channels_last_3d
        network: Any = loaded.network(on).to(memory_format=layout)
        half = on.type == "cuda" or (on.type == "cpu" and bf16_is_fast())
        runner = _RegionRunner if model is REGIONS else _Runner
        found[name] = runner(network, on, layout, half)
        computed.add(f"{on.type}, {'bfloat16' if half else 'float32'}")
    return Networks(found[REGIONS.name], _Mean(found[TISSUE.name], found[PAINTED.name]), "; ".join(sorted(computed)))


class _Mean:
    """Mean of the networks' logits.

    It is better than either network on test scans: each finds lesions that the other misses, and errors of one alone
    are attenuated.
    """

    def __init__(self, *networks: Any) -> None:
        self.networks = networks

    def __call__(self, x: Any) -> Any:
        first, *others = (network(x) for network in self.networks)
        return sum(others, first) / len(self.networks)


class _Runner:
    """Run a network on tensors on the CPU, in the memory layout and precision that suit its device."""

    def __init__(self, network: Any, device: Any, layout: Any, half: bool) -> None:
        self.network, self.device, self.layout, self.half = network, device, layout, half

    def __call__(self, x: Any) -> Any:
        return self._run(self.network, x)

    def _run(self, part: Any, *given: Any) -> Any:
        import torch

        mixed: Any = torch.autocast(self.device.type, torch.bfloat16) if self.half else contextlib.nullcontext()
        with torch.inference_mode(), mixed:
            found = part(*(x.to(self.device).contiguous(memory_format=self.layout) for x in given))
        return tuple(x.float().cpu() for x in found) if isinstance(found, tuple) else found.float().cpu()


class _RegionRunner(_Runner):
    """The same for a network in two parts (`yucca_wm.models.brain.RegionNetwork`)."""

    def locate(self, x: Any) -> Any:
        return self._run(self.network.locate, x)

    def region_logits(self, outside: Any, coordinates: Any) -> Any:
        return self._run(self.network.region_logits, outside, coordinates)
