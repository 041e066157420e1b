"""``yucca_finetune`` starts from the weights it is given.

Mends ``YuccaManager.run_finetuning`` (yucca/pipeline/managers/YuccaManager.py), which loads them before the network
is built.
Symptom: "Succesfully transferred weights for 0/0 layers", and training starts from random weights.
Cure: they are loaded when the network has been built; what does not fit (another number of classes) is named, and a
checkpoint of which nothing fits is refused.
"""

from __future__ import annotations

import logging
from typing import Any


def apply(module: Any) -> bool:
    if "setup" in module.YuccaManager.run_finetuning.__code__.co_names:
        return False
    module.YuccaManager.run_finetuning = run_finetuning
    return True


def run_finetuning(self: Any) -> None:
    import torch

    self.initialize(stage="fit")
    path = self.ckpt_config.ckpt_path
    if path is None:
        raise SystemExit("error: no checkpoint to start from: give its path with -chk")
    weights = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    build = self.model_module.setup

    def setup(stage: str) -> None:
        build(stage)
        transfer(self.model_module.model, weights, path)

    self.model_module.setup = setup
    self.trainer.fit(model=self.model_module, datamodule=self.data_module)
    self.finish()


def transfer(network: Any, weights: dict[str, Any], path: str) -> None:
    """Copy from ``weights`` all that ``network`` has in the same shape; exits with one line when that is nothing."""
    import torch

    own = network.state_dict()
    given = {name.removeprefix("model."): value for name, value in weights.items()}
    fitting = {name: value for name, value in given.items() if name in own and own[name].shape == value.shape}
    if not fitting:
        raise SystemExit(f"error: {path}: not one layer fits {type(network).__name__}: give the network with -m")
    torch.nn.Module.load_state_dict(network, fitting, strict=False)
    new = sorted({name.rsplit(".", 1)[0] for name in own} - {name.rsplit(".", 1)[0] for name in fitting})
    logging.warning(f"{len(fitting)} of {len(own)} tensors start from {path}")
    if new:
        logging.warning(f"these start afresh: {', '.join(new)}")
