"""The kinds of scan that a cohort may have. To add one, enter it in `Modality`: every layout and command then knows it.

Imports nothing, so that a command's ``--help`` can list them.
"""

from __future__ import annotations

from enum import StrEnum


class Modality(StrEnum):
    """An image a model may be given; the value stands in training cases' names.

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
        """What it is called in tables and options."""
        return self.value.lower()


MODALITIES = tuple(modality.value for modality in Modality)

FEW_ON_T1 = "few lesions show on a T1: give the FLAIR too, if there is one"
"""What is noted of a person whose lesions the shipped model looked for without FLAIR."""
