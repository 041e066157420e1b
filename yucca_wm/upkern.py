"""``python -m yucca_wm.upkern SMALL.ckpt --to MedNeXt_L_k5``: start a large-kernel MedNeXt from a small-kernel one.

UpKern (Roy et al., MICCAI 2023): a network trained with 3 x 3 x 3 kernels becomes the start of the same network with
5 x 5 x 5 kernels. The depth-wise kernels are interpolated to the new size; all other weights are copied.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from yucca_wm import cli
from yucca_wm.core.errors import InputError
from yucca_wm.training.registry import ALIASES, NETWORKS

TARGETS = sorted(name for name, network in NETWORKS.items() if network.kernel == 5)


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = cli.Parser("yucca-wm upkern", description="".join(__doc__.splitlines(True)[2:]))
    parser.add_argument(
        "checkpoint", metavar="FILE", help="checkpoint of a MedNeXt with kernel 3, as yucca_train writes it"
    )
    parser.add_argument("--to", required=True, choices=[*TARGETS, "MedNeXt"], help="the network to start")
    parser.add_argument(
        "--out", metavar="FILE", help="file to write (default: beside the checkpoint, with the network's name)"
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    args = build_parser().parse_args(argv)
    source, target = Path(args.checkpoint), ALIASES.get(args.to, args.to)
    out = Path(args.out) if args.out else source.with_name(f"{source.stem}_{target}.ckpt")
    n_kernels = convert(source, target, out)
    print(f"{out}: {n_kernels} kernels interpolated")
    print(f"go on with: yucca_finetune -t TASK -m {args.to} -chk {out}")
    return cli.EXIT_OK


def convert(source: Path, target: str, out: Path) -> int:
    """Write the checkpoint ``out`` for network ``target`` from ``source``; returns how many kernels were interpolated.

    Raises InputError if ``source`` is not a checkpoint of a MedNeXt of the same size with kernel 3.
    """
    import torch

    from yucca_wm.core.files import atomic_path

    checkpoint = read_checkpoint(source)
    config = checkpoint["hyper_parameters"]["config"]
    name = ALIASES.get(config["model_name"], config["model_name"])
    expected = target.replace("_k5", "_k3")
    if name != expected:
        raise InputError(source, f"holds {name}", f"{target} starts from {expected}")
    weights = {key: upsampled(value) for key, value in checkpoint["state_dict"].items()}
    n_kernels = sum(weights[key] is not value for key, value in checkpoint["state_dict"].items())
    config = {**config, "model_name": target}
    started = {
        "state_dict": weights,
        "hyper_parameters": {**checkpoint["hyper_parameters"], "config": config},
        "pytorch-lightning_version": checkpoint.get("pytorch-lightning_version", ""),
    }
    with atomic_path(out) as temporary:
        torch.save(started, temporary)
    return n_kernels


def upsampled(weight: Any) -> Any:
    """A depth-wise kernel [C, 1, 3, 3(, 3)] interpolated linearly to 5 voxels a side; any other tensor as it is."""
    import torch.nn.functional as F

    if weight.ndim not in (4, 5) or weight.shape[1] != 1 or set(weight.shape[2:]) != {3}:
        return weight
    return F.interpolate(weight, size=(5,) * (weight.ndim - 2), mode="bilinear" if weight.ndim == 4 else "trilinear")


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of Yucca without running code in it; raises InputError if it is not one."""
    import pickle

    import torch

    if not path.is_file():
        raise InputError(path, "is not a file", "give a checkpoint that yucca_train wrote")
    try:
        torch.serialization.add_safe_globals([int])
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return checkpoint if checkpoint["hyper_parameters"]["config"]["model_name"] else {}
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError) as error:
        raise InputError(path, "is not a checkpoint of Yucca", "give a file from a checkpoints folder") from error


if __name__ == "__main__":
    cli.run(main)
