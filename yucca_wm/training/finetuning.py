"""Initialise a network for another task (other channels, other classes) from a trained model.

Used by ``yucca_finetune -chk`` (`yucca_wm.bridge.fixes.finetuning`). Layers of equal shape are copied. In the first
convolution, a task's channel takes the weights that read the same modality: the smaller network then gives exactly
the output of the model for that scan alone, because an absent channel is 0 there. If slices or volumes are stored with
their axes in another order, kernels are transposed accordingly. In the last layer, a task's class takes the row of the
model's class of the same name, with exactly its logits. All other classes of the model are background to the task;
their joint logit, a log-sum-exp, is not a linear function of the features, so background's row is fitted to it on
patches of the task.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from yucca_wm.training.model import Model
from yucca_wm.training.networks import compact

T1_AND_FLAIR = ("T1", "FLAIR")

NEW_CLASS_ODDS = 0.01
"""Initial probability of a class that the model does not have, relative to background."""

FITTED_VOXELS = 100_000


@dataclass(frozen=True)
class Task:
    """channels : modality of each image (``T1``, ``FLAIR``; "" if it may be either, or is another).
    classes : name of each label from 0 on. axes : the plan's ``transpose_forward``."""

    channels: tuple[str, ...]
    classes: tuple[str, ...]
    axes: tuple[int, ...]


@dataclass(frozen=True)
class Head:
    """The last layer of the model, if its classes are not the task's.

    layer : its name. weight : float [class, feature]. bias : float [class].
    rows : for each class of the task except background, the model's class it is made from, None for a new one.
    """

    layer: str
    weight: Tensor
    bias: Tensor
    rows: tuple[int | None, ...]

    @property
    def merged(self) -> list[int]:
        """Classes of the model that are background to the task."""
        return [k for k in range(len(self.bias)) if k not in self.rows]

    def with_background(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """The task's rows [class, feature] and biases [class], with the given ones for background."""
        new = bias + math.log(NEW_CLASS_ODDS)
        weights = [weight] + [weight if k is None else self.weight[k] for k in self.rows]
        biases = [bias] + [new if k is None else self.bias[k] for k in self.rows]
        return torch.stack(weights), torch.stack(biases)

    def first_background(self) -> tuple[Tensor, Tensor]:
        """Background's row before any patch has been seen: the mean of the classes it is made from."""
        return self.weight[self.merged].mean(0), self.bias[self.merged].mean()

    def fitted_background(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Background's row for which the task's classes are as probable as in the model, with all its other classes
        merged.

        features : float [voxel, feature], input of the layer.
        """
        x = features.double()
        logits = x @ self.weight.double().T + self.bias.double()
        kept = [k for k in self.rows if k is not None]
        others = torch.logsumexp(logits[:, kept], 1)
        wanted = torch.sigmoid(torch.logsumexp(logits[:, self.merged], 1) - others)
        start = self.first_background()
        row = torch.cat([start[0], start[1][None]]).double().requires_grad_()
        x = torch.cat([x, torch.ones_like(x[:, :1])], 1)
        optimizer = torch.optim.LBFGS([row], max_iter=300, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimizer.zero_grad()
            value = F.binary_cross_entropy_with_logits(x @ row - others, wanted)
            value.backward()
            return value

        with torch.enable_grad():
            optimizer.step(loss)
        found = row.detach().to(self.weight.dtype)
        return found[:-1], found[-1]


@dataclass(frozen=True)
class Start:
    """weights : for the network, by name; its other weights start from scratch. head : None if copied unchanged.

    notes : layers copied, adapted, and started from scratch, one line each.
    """

    weights: dict[str, Tensor]
    head: Head | None
    notes: list[str]


def start_from(model: Model, network: nn.Module, task: Task) -> Start:
    """Weights that a network takes from a trained model; none if not a single layer fits.

    Parameters
    ----------
    model : Model
        The trained model.
    network : nn.Module
        Network built for ``task``; it is not changed.
    task : Task
        Channels, classes and axes of the new task.

    Returns
    -------
    Start
        Weights by name, the last layer if it must be fitted, and notes on what was done.
    """
    own = network.state_dict()
    mixing, said = channel_mixing(model, task.channels)
    rows, turn = class_rows(model, task.classes), turned_axes(model, task.axes)
    head = _head(model, own, task, rows)
    given = {name: _turned(tensor, turn).to(own[name].dtype) for name, tensor in model.weights.items() if name in own}
    if head is not None:
        made = dict(zip(("weight", "bias"), head.with_background(*head.first_background()), strict=True))
        given |= {
            f"{head.layer}.{part}": value.reshape(own[f"{head.layer}.{part}"].shape) for part, value in made.items()
        }
    reads = [name for name in given if _reads_scans(own[name], given[name], model, task)] if mixing is not None else []
    given |= {name: torch.einsum("oi...,ti->ot...", given[name], mixing) for name in reads}
    weights = {name: tensor for name, tensor in given.items() if tensor.shape == own[name].shape}
    taken, afresh = taken_over(own, weights, model.path)
    notes = [taken]
    notes += [f"{name}: {said}" for name in reads if said]
    if turn is not None and turn != sorted(turn):
        notes.append(f"kernels are turned: axes are in the order {list(task.axes)} here")
    if head is not None:
        notes.append(f"{head.layer}: {_rows_in_words(model, task, head)}")
    return Start(weights, head, notes + afresh)


def taken_over(own: Collection[str], weights: Collection[str], source: object) -> tuple[str, list[str]]:
    """How many tensors of a network (``own``) are among the ``weights`` from ``source``, and, if some are not, a note
    on the layers that start from scratch."""
    fresh = sorted({name.rsplit(".", 1)[0] for name in set(own) - set(weights)})
    said = f"{len(weights)} of {len(own)} tensors start from {source}"
    return said, [f"these start afresh: {', '.join(fresh)}"] if fresh else []


def _head(model: Model, own: dict[str, Tensor], task: Task, rows: tuple[int | None, ...] | None) -> Head | None:
    """The model's last layer, if it is a 1 x 1 convolution, is in the network too, and its rows are not just copied."""
    if rows is None:
        return None
    for name in reversed(own):
        weight, layer = model.weights.get(name), name.removesuffix(".weight")
        if weight is None or weight.ndim < 3 or f"{layer}.bias" not in model.weights:
            continue
        shapes = own[name].shape == (len(task.classes), *weight.shape[1:]) and len(weight) == model.n_classes
        if not shapes or weight[0, 0].numel() != 1:
            return None
        bias = model.weights[f"{layer}.bias"]
        return Head(layer, weight.flatten(1).to(own[name].dtype), bias.to(own[name].dtype), rows)
    return None


def _turned(tensor: Tensor, turn: list[int] | None) -> Tensor:
    if turn is None or tensor.ndim != 2 + len(turn):
        return tensor
    return tensor.permute(0, 1, *(2 + axis for axis in turn))


def _reads_scans(wanted: Tensor, given: Tensor, model: Model, task: Task) -> bool:
    """Whether this is a convolution of the scans, with more than one scan in at least one of the two networks."""
    n_in, n_out = int(model.config["num_modalities"]), len(task.channels)
    if given.ndim < 4 or (n_in, n_out) == (1, 1):
        return False
    return (
        given.shape[:2] == (wanted.shape[0], n_in) and wanted.shape[1] == n_out and given.shape[2:] == wanted.shape[2:]
    )


def channel_mixing(model: Model, channels: Sequence[str]) -> tuple[Tensor | None, str]:
    """Weights of the model's channels for each image [task's channel, model's channel], and a description.

    None if it is not known which of several channels is which.
    """
    n_in, n_out = int(model.config["num_modalities"]), len(channels)
    if n_in == 1:
        words = f"the mean of {n_out} scans takes the place of the one that the model is shown" if n_out > 1 else ""
        return torch.full((n_out, 1), 1 / n_out), words
    if n_in != len(T1_AND_FLAIR) or model.config.get("manager_name") != "YuccaManager_Synthesis":
        return (torch.eye(n_in), "") if n_in == n_out else (None, "")
    mixing = torch.zeros(n_out, n_in)
    for k, modality in enumerate(T1_AND_FLAIR):
        places = [n for n, channel in enumerate(channels) if channel == modality]
        mixing[places, k] = 1 / max(1, len(places))
    if not any(channel in T1_AND_FLAIR for channel in channels):
        return torch.full((n_out, n_in), 1 / (n_in * n_out)), "the mean of what reads T1 and what reads FLAIR"
    said = [
        f"image {n} takes what reads {channel}" if channel in T1_AND_FLAIR else f"image {n} counts for nothing at first"
        for n, channel in enumerate(channels)
    ]
    return mixing, "; ".join(said)


def turned_axes(model: Model, axes: Sequence[int]) -> list[int] | None:
    """For each axis of a network's input in the task, the corresponding axis in the model; None if there is none.

    Only convolutional networks can be transposed; others are left as they are.
    """
    skipped = 3 - len(model.patch_size)
    here, there = [int(a) for a in axes][skipped:], model.transpose[skipped:]
    if sorted(here) != sorted(there) or model.config["model_name"] not in compact.NAMES:
        return None
    return [there.index(axis) for axis in here]


def class_rows(model: Model, classes: Sequence[str]) -> tuple[int | None, ...] | None:
    """Model's class from which each of the task's classes except background is made; None: all are copied unchanged."""
    names = {_plain(name): label for label, name in model.names.items()}
    lesion = next((label for name, label in names.items() if _is_lesion(name)), None)
    rows: list[int | None] = []
    for name in map(_plain, classes[1:]):
        row = names.get(name)
        rows.append(lesion if row is None and lesion not in rows and _is_lesion(name) else row)
    if len(classes) == 2 and rows == [None]:
        rows = [lesion]
    as_they_are = rows == list(range(1, model.n_classes)) or all(row is None for row in rows)
    return None if len(classes) == model.n_classes and as_they_are else tuple(rows)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", " ", str(name)).strip().lower()


def _is_lesion(name: str) -> bool:
    return re.search(r"\b(lesions?|wmhs?|hyperintensit(y|ies))\b", name) is not None


def _rows_in_words(model: Model, task: Task, head: Head) -> str:
    carried = [
        f"class {c} ({task.classes[c]}) "
        + (f"starts at {NEW_CLASS_ODDS:g} of background" if k is None else f"takes the row of {model.names[k]}")
        for c, k in enumerate(head.rows, 1)
    ]
    return "; ".join([*carried, f"background stands for the other {len(head.merged)} classes"])


def fit_background(network: nn.Module, head: Head, patches: Iterable[Tensor]) -> str:
    """Fit background's row of a network's last layer on patches of the task.

    Parameters
    ----------
    network : nn.Module
        Network with the weights of `start_from`; its last layer is changed.
    head : Head
        ``Start.head``.
    patches : iterable of Tensor, float, shape (channel, ...)
        Patches as input to the network.

    Returns
    -------
    str
        Number of voxels used, and how many keep their class.
    """
    layer: Any = network.get_submodule(head.layer)
    features = torch.cat([_features(network, layer, patch) for patch in patches])
    features = features[:: max(1, len(features) // FITTED_VOXELS)]
    weight, bias = head.with_background(*head.fitted_background(features))
    with torch.no_grad():
        layer.weight.copy_(weight.reshape(layer.weight.shape))
        layer.bias.copy_(bias)
    whole = features @ head.weight.T + head.bias
    back = torch.tensor([0, *(0 if k is None else k for k in head.rows)])
    new = back[(features @ weight.T + bias).argmax(1)]
    whole[:, head.merged[1:]] = -torch.inf
    whole[:, head.merged[0]] = torch.logsumexp(features @ head.weight[head.merged].T + head.bias[head.merged], 1)
    old = torch.where(torch.isin(whole.argmax(1), torch.tensor(head.merged)), 0, whole.argmax(1))
    return f"{head.layer}: background fitted on {len(features)} voxels: {(old == new).double().mean():.2%} as before"


def _features(network: nn.Module, layer: nn.Module, patch: Tensor) -> Tensor:
    """Input of ``layer`` for one patch, float [voxel, feature]."""
    seen: list[Tensor] = []
    keep: Callable[..., None] = lambda _, given: seen.append(given[0])  # noqa: E731
    hook = layer.register_forward_pre_hook(keep)
    try:
        with torch.no_grad():
            network(patch[None].float())
    finally:
        hook.remove()
    return seen[0][0].flatten(1).T.float()
