"""Patch and batch size are found from shapes, with the class count in the sum, and stay small without a GPU.

Patches ``estimate_memory_training`` and ``find_optimal_tensor_dims`` (yucca/modules/networks/utils/
model_memory_estimation.py).
Symptom: on a CPU the memory is taken as 0 and the batch doubles, by real forward passes, up to 512 (2D); on a GPU the
loss is left out, so that 37 classes run out of memory.
Cure: activations kept for the backward pass are counted on shapes alone, and logits, softmax and gradient are added.
Without a GPU the batch is Yucca's starting batch unless ``--batch_size`` says otherwise.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from functools import wraps
from typing import Any

CPU_BATCH = {"2D": 8, "3D": 2}
LOSS_COPIES = 3
"""Number of 32-bit arrays of the size of the logits: logits, softmax (which becomes the gradient), and one spare."""


def apply(module: Any) -> bool:
    """Patch ``find_optimal_tensor_dims`` and ``estimate_memory_training`` to count memory from shapes."""
    plain = module.find_optimal_tensor_dims

    @wraps(plain)
    def find_optimal_tensor_dims(*args: Any, **kwargs: Any) -> tuple[int, tuple[int, ...]]:
        dimensions = kwargs.get("dimensionality") or args[0]
        if module.get_available_device() != "cuda" and not kwargs.get("fixed_batch_size"):
            kwargs["fixed_batch_size"] = CPU_BATCH[dimensions]
            logging.info(f"No GPU: batch size {CPU_BATCH[dimensions]}; --batch_size sets another")
        batch_size, patch_size = plain(*args, **kwargs)
        return batch_size, tuple(int(n) for n in patch_size)

    module.find_optimal_tensor_dims = find_optimal_tensor_dims
    module.estimate_memory_training = estimate_memory_gb
    return True


def estimate_memory_gb(
    model: Any,
    model_input: Any,
    optimizer_type: Any = None,  # noqa: ARG001
    use_amp: bool = True,
    device: Any = None,  # noqa: ARG001
) -> float:
    """Peak memory (GB) of a training step, from shapes: weights, gradients, optimizer state, activations, loss.

    ``model`` is moved to torch's "meta" device, where nothing is computed. The optimizer is assumed to keep two values
    per weight, as Adam does; ``optimizer_type`` and ``device`` are accepted for compatibility with Yucca.
    """
    import torch

    model.to("meta")
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    checkpointed = getattr(model, "outside_block_checkpointing", False)
    kept: dict[Any, dict[int, int]] = defaultdict(dict)  # block that is recomputed in the backward pass, or None
    current: list[Any] = [None]
    inputs = 0

    def keep(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        kept[current[0]][storage._cdata] = storage.nbytes()
        return tensor

    def enter(block: Any, given: Any) -> None:
        nonlocal inputs
        inputs += given[0].numel() * given[0].element_size()
        current[0] = block

    def leave(*_: Any) -> None:
        current[0] = None

    hooks = []
    if checkpointed:
        blocks = [module for module in model.modules() if hasattr(module, "do_res")]
        hooks = [block.register_forward_pre_hook(enter) for block in blocks]
        hooks += [block.register_forward_hook(leave) for block in blocks]
        model.outside_block_checkpointing = False
    try:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            logits = model(torch.empty(model_input.shape, device="meta"))
    finally:
        for hook in hooks:
            hook.remove()
        if checkpointed:
            model.outside_block_checkpointing = True
    own = {p.untyped_storage()._cdata for p in model.parameters()}
    sizes = {block: sum(n for key, n in parts.items() if key not in own) for block, parts in kept.items()}
    activations = sizes.pop(None, 0) + inputs + max(sizes.values(), default=0)
    logits = logits[0] if isinstance(logits, (list, tuple)) else logits
    loss = LOSS_COPIES * logits.numel() * 4
    return float((4 * weights + activations * (0.5 if use_amp else 1) + loss) * 1e-9)
