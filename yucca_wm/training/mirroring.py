"""Mirror images for test-time augmentation, and the classes that become each other in them."""

from __future__ import annotations

from collections.abc import Mapping

from yucca_wm.core.regions import SIDE_WORD, regions

MAX_UNSIDED_CLASSES = 3
"""Label sets this small (lesions) have no left and right, unless names say so; a larger one that is not the region
table may have them."""


def mirrorings(
    n_classes: int, left_right: int, *, planar: bool, names: Mapping[int, str] | None = None
) -> list[tuple[tuple[int, ...], list[int]]]:
    """Ways to mirror a volume for test-time augmentation: the axes, and for each class the one it becomes.

    Mirroring along the left-right axis exchanges the classes of the two sides; if a label set may have sides that
    are not known here, that axis is not mirrored. A 2D network is mirrored within its plane only.

    names : names of the classes; without them, as many classes as the built-in table has are taken to be its regions.
    """
    axes = [axis for axis in range(3) if not (planar and axis == 0)]
    same = list(range(n_classes))
    exchange = _exchange(n_classes, names or {})
    ways: list[tuple[tuple[int, ...], list[int]]] = []
    for subset in range(1, 2 ** len(axes)):
        chosen = tuple(axis for number, axis in enumerate(axes) if subset >> number & 1)
        if left_right not in chosen:
            ways.append((chosen, same))
        elif exchange is not None:
            ways.append((chosen, exchange))
    return ways


def _exchange(n_classes: int, names: Mapping[int, str]) -> list[int] | None:
    """For each class, the one it becomes when left and right are exchanged; None if that is not known."""
    table = regions()
    if n_classes == len(table) + 1 and all(names.get(region.index, region.name) == region.name for region in table):
        mirrored = table.mirrored()
        return [0, *(mirrored[label] for label in range(1, n_classes))]
    sided = any(SIDE_WORD.search(name) for name in names.values())
    return list(range(n_classes)) if n_classes <= MAX_UNSIDED_CLASSES and not sided else None
