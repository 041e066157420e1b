"""The fused loss equals the terms written out plainly, in value and gradient."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from yucca_wm.training.losses import DiceCE, DiceCESkeletonRecall, region_loss, tubed

Weights = tuple[float, float, float]


def plain(
    logits: Tensor,
    label: Tensor,
    tube: Tensor,
    weights: Weights = (1, 1, 1),
    ignore: int | None = None,
    batch: bool = False,
) -> Tensor:
    """The three terms as they stand in the papers, with dense one-hot arrays."""
    n_classes = logits.shape[1]
    valid = torch.ones_like(label, dtype=torch.bool) if ignore is None else label != ignore
    label, tube = label.where(valid, 0), tube.where(valid, 0)
    one_hot = F.one_hot(label[:, 0].long(), n_classes).movedim(-1, 1) * valid
    on_tube = (F.one_hot(tube[:, 0].long(), n_classes).movedim(-1, 1) * valid)[:, 1:]
    axes = ([0] if batch else []) + list(range(2, logits.ndim))
    p = torch.softmax(logits, 1) * valid
    nll = F.cross_entropy(logits, label[:, 0].long(), reduction="none")
    ce = (nll * valid[:, 0]).sum() / valid.sum()
    dice = (2 * (p * one_hot).sum(axes) + 1) / (p.sum(axes) + one_hot.sum(axes) + 1)
    recall = ((p[:, 1:] * on_tube).sum(axes) + 1) / (on_tube.sum(axes) + 1)
    return weights[0] * ce - weights[1] * dice.mean() - weights[2] * recall.mean()


def example(kind: str, n_classes: int = 7, shape: tuple[int, ...] = (9, 11, 13)) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(3)
    logits = torch.randn(2, n_classes, *shape, dtype=torch.float64)
    label = torch.randint(0, n_classes, (2, 1, *shape), dtype=torch.int32)
    if kind == "extreme":
        logits = torch.where(torch.rand(logits.shape) < 0.5, 80.0, -80.0).double()
    elif kind == "absent":
        label = torch.where(label > 2, 0, label)
    elif kind == "background":
        label = torch.zeros_like(label)
    tube = label * (torch.rand(label.shape) < 0.2)
    return logits, label, tube


def compare(
    logits: Tensor, loss: Tensor, x: Tensor, reference: Tensor, value_rtol: float, gradient_rtol: float
) -> None:
    loss.backward()
    reference.backward()
    assert logits.grad is not None
    assert x.grad is not None
    assert abs(loss.item() - reference.item()) <= value_rtol * max(1.0, abs(reference.item()))
    error = (logits.grad.double() - x.grad).norm() / x.grad.norm()
    assert error <= gradient_rtol


@pytest.mark.parametrize("kind", ["random", "extreme", "absent", "background"])
@pytest.mark.parametrize(("dtype", "value", "gradient"), [(torch.float64, 1e-10, 1e-10), (torch.float32, 1e-6, 1e-5)])
@pytest.mark.parametrize("shape", [(9, 11, 13), (64, 41)])
def test_value_and_gradient(
    kind: str, dtype: torch.dtype, value: float, gradient: float, shape: tuple[int, ...]
) -> None:
    logits, label, tube = example(kind, shape=shape)
    x = logits.clone().requires_grad_()
    y = logits.to(dtype).requires_grad_()
    compare(y, DiceCESkeletonRecall()(y, label, tube), x, plain(x, label, tube), value, gradient)


@pytest.mark.parametrize("weights", [(1, 1, 0), (0, 1, 1), (0.5, 0, 2.0)])
@pytest.mark.parametrize("ignore", [None, 5])
@pytest.mark.parametrize("batch", [False, True])
def test_weights_ignore_label_and_batch_dice(weights: Weights, ignore: int | None, batch: bool) -> None:
    logits, label, tube = example("random")
    x, y = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss = DiceCESkeletonRecall(*weights, ignore_label=ignore, batch_dice=batch)(y, label, tube)
    compare(y, loss, x, plain(x, label, tube, weights, ignore, batch), 1e-12, 1e-12)
    if ignore is not None:
        assert y.grad is not None
        assert (y.grad.movedim(1, -1)[label[:, 0] == ignore] == 0).all()


def test_many_blocks_give_what_one_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, label, tube = example("random", shape=(20, 21, 22))
    gradients = []
    for block_bytes in (1, 1 << 30):
        monkeypatch.setattr("yucca_wm.training.losses.region_loss_torch.BLOCK_BYTES", block_bytes)
        x = logits.clone().requires_grad_()
        DiceCESkeletonRecall()(x, label, tube).backward()
        gradients.append(x.grad)
    torch.testing.assert_close(*gradients, rtol=1e-13, atol=1e-18)


def test_recall_has_a_gradient_on_the_tube_only() -> None:
    logits, label, tube = example("random")
    logits.requires_grad_()
    DiceCESkeletonRecall(0, 0, 1)(logits, label, tube).backward()
    assert logits.grad is not None
    size = logits.grad.abs().sum(1, keepdim=True)
    assert (size[tube > 0] > 0).all()
    assert (size[tube == 0] == 0).all()


def test_yuccas_own_recall_has_none() -> None:
    """The canary: when this fails, Yucca's skeleton works and our dataset is no longer needed."""
    from yucca.functional.transforms.skeleton import skeleton
    from yucca.modules.optimization.loss_functions.Skeleton_recall_loss import SoftSkeletonRecallLoss

    label = np.zeros((16, 16, 16), np.int16)
    label[4:12, 6:9, 6:9] = 1
    tube = torch.from_numpy(skeleton(label))[None, None]
    logits = torch.randn(1, 2, 16, 16, 16, requires_grad=True)
    SoftSkeletonRecallLoss(apply_softmax=False)(logits.softmax(1), tube).backward()
    assert logits.grad is not None
    assert not logits.grad.any()


class OnlyFloat32(TorchDispatchMode):
    """Stands for a device without float64, as Apple's GPUs are."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else [result]:
            assert not (isinstance(tensor, Tensor) and tensor.dtype == torch.float64), func
        return result


@pytest.mark.parametrize(("ignore", "batch"), [(None, False), (5, True)])
def test_a_device_without_float64(monkeypatch: pytest.MonkeyPatch, ignore: int | None, batch: bool) -> None:
    for module in ("region_loss", "region_loss_torch"):
        monkeypatch.setattr(f"yucca_wm.training.losses.{module}.wide", lambda _: torch.float32)
    region_loss._factor_and_share.cache_clear()
    logits, label, tube = example("random")
    x, y = logits.clone().requires_grad_(), logits.float().requires_grad_()
    with OnlyFloat32():
        loss = DiceCESkeletonRecall(ignore_label=ignore, batch_dice=batch)(y, label, tube)
        loss.backward()
    region_loss._factor_and_share.cache_clear()
    plain(x, label, tube, ignore=ignore, batch=batch).backward()
    assert (y.grad.double() - x.grad).norm() <= 1e-5 * x.grad.norm()


def test_a_graph_can_be_walked_twice() -> None:
    logits, label, tube = example("random")
    logits.requires_grad_()
    loss = DiceCESkeletonRecall()(logits, label, tube)
    (first,) = torch.autograd.grad(loss, logits, retain_graph=True)
    (second,) = torch.autograd.grad(3 * loss, logits)
    torch.testing.assert_close(3 * first, second, rtol=1e-12, atol=1e-18)


def test_half_precision_logits_get_a_gradient_of_their_type() -> None:
    logits, label, tube = example("random")
    x = logits.to(torch.bfloat16).requires_grad_()
    exact = x.detach().double().requires_grad_()
    loss = DiceCESkeletonRecall()(x, label, tube)
    assert loss.dtype == torch.float32
    compare(x, loss, exact, plain(exact, label, tube), 1e-6, 1e-2)
    assert x.grad is not None
    assert x.grad.dtype == torch.bfloat16


def test_ce_dice_is_yuccas() -> None:
    from yucca.modules.optimization.loss_functions.nnUNet_losses import DiceCE as YuccaDiceCE

    logits, label, tube = example("random")
    x, y = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    reference = YuccaDiceCE(soft_dice_kwargs={"apply_softmax": True})(x, label)
    compare(y, DiceCE()(y, tubed(label, tube)), x, reference, 1e-7, 1e-7)


def test_the_tube_comes_with_the_label() -> None:
    logits, label, tube = example("random")
    together = tubed(label, tube)
    assert DiceCESkeletonRecall()(logits, together) == DiceCESkeletonRecall()(logits, label, tube)
    assert type(together.squeeze()) is Tensor
    assert type(together + 1) is Tensor


def test_what_cannot_be_right_is_refused() -> None:
    logits, label, tube = example("random")
    with pytest.raises(ValueError, match="needs the tube"):
        DiceCESkeletonRecall()(logits, label)
    with pytest.raises(ValueError, match="does not fit"):
        DiceCESkeletonRecall()(logits, label[:, :, :4], tube)
    with pytest.raises(ValueError, match=r"0\.\.7.*classes 0\.\.6"):
        DiceCE()(logits, label.index_fill(2, torch.tensor([0]), 7))
    with pytest.raises(ValueError, match="same shape"):
        tubed(label, tube[..., :-1])


def check_kernels() -> None:
    """The GPU kernels against the plain loss; run by Triton's interpreter, which must be chosen before its import."""
    cases: list[tuple[str, int, Weights, int | None, bool]] = [
        ("random", 7, (1, 1, 1), None, False),
        ("extreme", 7, (1, 1, 1), None, False),
        ("absent", 37, (0.5, 2, 0), None, True),
        ("background", 2, (1, 1, 1), None, False),
        ("random", 7, (1, 1, 1), 5, False),
        ("random", 3, (0.5, 1, 2), 1, True),
    ]
    for kind, n_classes, weights, ignore, batch in cases:
        logits, label, tube = example(kind, n_classes, shape=(7, 9, 5))
        assert ignore is None or (label == ignore).any()
        x, y = logits.clone().requires_grad_(), logits.float().requires_grad_()
        loss = DiceCESkeletonRecall(*weights, ignore_label=ignore, batch_dice=batch)(y, label, tube)
        compare(y, loss, x, plain(x, label, tube, weights, ignore, batch), 1e-6, 1e-5)
    logits, label, tube = example("random", shape=(7, 9, 5))
    assert "yucca_wm.training.losses.region_loss_triton" in sys.modules
    without_class = label.index_fill(2, torch.tensor([0]), 7)
    assert torch.isnan(DiceCESkeletonRecall()(logits.float(), without_class, tube)), "it must not be overlooked"


def test_gpu_kernels_agree() -> None:
    pytest.importorskip("triton")
    script = f"import runpy; runpy.run_path({__file__!r})['check_kernels']()"
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gpu_and_cpu_agree(dtype: torch.dtype) -> None:
    logits, label, tube = example("random", n_classes=37, shape=(32, 20, 17))
    x = logits.to(dtype).requires_grad_()
    y = logits.to(dtype).cuda().requires_grad_()
    on_cpu, on_gpu = DiceCESkeletonRecall()(x, label, tube), DiceCESkeletonRecall()(y, label.cuda(), tube.cuda())
    on_cpu.backward()
    on_gpu.backward()
    torch.testing.assert_close(on_gpu.cpu(), on_cpu, rtol=1e-6, atol=1e-6)
    assert x.grad is not None
    assert y.grad is not None
    torch.testing.assert_close(y.grad.cpu(), x.grad, rtol=1e-2 if dtype == torch.bfloat16 else 1e-4, atol=1e-9)


class TwoProcesses:
    """Stands for torch.distributed, with two threads for two processes."""

    def __init__(self) -> None:
        self.barrier, self.given = threading.Barrier(2), dict[int, Tensor]()

    def is_available(self) -> bool:
        return True

    is_initialized = is_available

    def get_world_size(self) -> int:
        return 2

    def all_reduce(self, tensor: Tensor) -> None:
        self.given[threading.get_ident()] = tensor.clone()
        self.barrier.wait()
        total = torch.stack(list(self.given.values())).sum(0)
        self.barrier.wait()
        tensor.copy_(total)


@pytest.mark.parametrize(("batch_dice", "ignore"), [(False, None), (True, None), (False, 5), (True, 5)])
def test_two_processes_train_like_one(monkeypatch: pytest.MonkeyPatch, batch_dice: bool, ignore: int | None) -> None:
    """Each process has one sample; their averaged gradients are those of one process with both samples."""
    monkeypatch.setattr("yucca_wm.training.losses.region_loss.dist", TwoProcesses())
    logits, label, tube = example("random", shape=(6, 5, 4))
    label[0, 0, :2] = 5 if ignore else label[0, 0, :2]  # unequal numbers of voxels that count

    def gradient(rank: int) -> Tensor:
        x = logits[rank : rank + 1].clone().requires_grad_()
        loss = DiceCESkeletonRecall(batch_dice=batch_dice, ignore_label=ignore)
        loss(x, label[rank : rank + 1], tube[rank : rank + 1]).backward()
        assert x.grad is not None
        return x.grad

    with ThreadPoolExecutor(2) as pool:
        together = torch.cat(list(pool.map(gradient, (0, 1)))) / 2
    x = logits.clone().requires_grad_()
    plain(x, label, tube, ignore=ignore, batch=batch_dice).backward()
    torch.testing.assert_close(together, x.grad, rtol=1e-10, atol=1e-14)
