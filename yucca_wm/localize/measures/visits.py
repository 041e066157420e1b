"""Differences between the visits of a person, from the rows that each visit has in ``lesion_load.tsv``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from yucca_wm.cohort.visits import successive_visits
from yucca_wm.localize.measures.flags import NO_DOUBT, found_on_t1


@dataclass(frozen=True)
class VisitRow:
    """A row of ``visits.tsv``: a region, outside or total at two visits.

    region_id, name, side, group : as in ``lesion_load.tsv``. previous_visit : name of the visit before. volumes_ml,
    n_lesions : lesion volume and number of lesions, before and now. flags : see `doubts`.
    """

    previous_visit: str
    region_id: int
    name: str
    side: str
    group: str
    volumes_ml: tuple[float, float]
    n_lesions: tuple[int, int]
    flags: Sequence[str]

    @property
    def difference_ml(self) -> float:
        """Volume now minus volume before."""
        before, now = self.volumes_ml
        return now - before


def visits_before(flags: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Visit -> the person's visit before it, for all subjects (name -> flags). Where others were scanned with a FLAIR,
    a visit with a T1 alone is passed over: there, few lesions show."""
    return successive_visits(flags, found_on_t1(flags))


def doubts(flags: Mapping[str, Collection[str]], *visits: str) -> list[str]:
    """Flags of any of the ``visits`` that cast doubt on their numbers. flags : subject -> its flags."""
    return list(dict.fromkeys(flag for visit in visits for flag in flags[visit] if flag not in NO_DOUBT))


def visit_rows(
    previous_visit: str, before: Sequence[Mapping[str, str]], now: Sequence[Mapping[str, str]], flags: Sequence[str]
) -> list[VisitRow]:
    """The rows of a visit. before, now : rows of ``lesion_load.tsv`` of both visits, of the same regions in the same
    order."""
    return [
        VisitRow(
            previous_visit,
            int(row["region_id"]),
            row["name"],
            row["side"],
            row["group"],
            volumes_ml=(float(old["lesion_volume_ml"]), float(row["lesion_volume_ml"])),
            n_lesions=(int(old["n_lesions"]), int(row["n_lesions"])),
            flags=flags,
        )
        for old, row in zip(before, now, strict=True)
    ]
