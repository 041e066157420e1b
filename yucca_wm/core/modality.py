"""Scan modalities of a cohort. A new one needs only an entry in `Modality`: every layout, the tasks and
`localize` then know it; the models of this package, and `predict`, use T1 and FLAIR only.

Light, so that a command's ``--help`` can list the modalities quickly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum


class Modality(StrEnum):
    """A scan modality that a model may take as input; the value is part of the names of training cases.

    bids : suffix of its files in BIDS.
    """

    T1 = "T1", "T1w"
    FLAIR = "FLAIR", "FLAIR"

    bids: str

    def __new__(cls, value: str, bids: str = "") -> Modality:
        member = str.__new__(cls, value)
        member._value_ = value
        member.bids = bids
        return member

    @property
    def column(self) -> str:
        """Its name in tables and options."""
        return self.value.lower()


MODALITIES = tuple(modality.value for modality in Modality)


def lacking(modalities: Iterable[Modality]) -> str:
    """That a subject has no scan of these modalities."""
    return f"has no {' and no '.join(modalities)}"


def used_alone(modalities: Iterable[Modality]) -> str:
    """That a subject's scans of these modalities are used without the others."""
    return f"its {' and '.join(modalities)} is used alone"


def named_in(text: str) -> tuple[str, ...]:
    """The modalities that a text names as words (``T1 or FLAIR MRI``, ``T1w``, ``anna_FLAIR``)."""
    words = set(re.findall(r"[A-Za-z0-9]+", text))
    return tuple(modality.value for modality in Modality if words & {modality.value, f"{modality.value}w"})
