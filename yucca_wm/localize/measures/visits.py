"""Differences between the visits of a person, from the rows that each visit has in the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from yucca_wm.cohort.ids import sharers
from yucca_wm.cohort.visits import bare_person, in_order_of_time, successive_visits
from yucca_wm.core.errors import some_of
from yucca_wm.localize.measures.changes import Alone, Change, unlike
from yucca_wm.localize.measures.flags import OTHER_SCANS, OTHER_VOXELS, found_on_t1, voxels_differ
from yucca_wm.localize.measures.positions import Positions

Row = Mapping[str, str]


class Lesions(NamedTuple):
    """Lesions in one place: their volume there, and the number of those with their largest part there."""

    volume_ml: float
    number: int


@dataclass(frozen=True)
class VisitRow:
    """A row of ``visits.tsv``: a region, outside or total at two visits.

    previous_visit : name of the visit before. region_id, name, side, group : as in ``lesion_load.tsv``. before, now :
    lesions of either visit. new, gone : those of them without one at the other visit; None if that is not known.
    apart_mm : how well the visits lie on each other; None if they do not. flags : see `doubts`.
    """

    previous_visit: str
    region_id: int
    name: str
    side: str
    group: str
    before: Lesions
    now: Lesions
    new: Lesions | None
    gone: Lesions | None
    apart_mm: float | None
    flags: Sequence[str]

    @property
    def difference_ml(self) -> float:
        """Volume now minus volume before."""
        return self.now.volume_ml - self.before.volume_ml

    @classmethod
    def of_table(cls, row: Row) -> VisitRow:
        """From a row of ``visits.tsv``, ``n/a`` read as empty."""

        def lesions(kind: str) -> Lesions:
            return Lesions(float(row[f"{kind}lesion_volume_ml"]), int(row[f"n_{kind}lesions"]))

        known = row["regions_apart_mm"]
        return cls(
            row["previous_visit"],
            int(row["region_id"]),
            row["name"],
            row["side"],
            row["group"],
            before=lesions("previous_"),
            now=lesions(""),
            new=lesions("new_") if known else None,
            gone=lesions("gone_") if known else None,
            apart_mm=float(known) if known else None,
            flags=row["flags"].split(";") if row["flags"] else [],
        )


@dataclass(frozen=True)
class NewLesion:
    """A row of ``new_lesions.tsv``: a lesion of a visit without one at the visit before.

    row : its row of ``lesions.tsv``. nearest_mm : distance to the nearest lesion of the visit before; infinite without
    any.
    """

    row: Row
    nearest_mm: float


def visits_before(flags: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Visit -> the person's visit before it, for all subjects (name -> flags). Where others were scanned with a FLAIR,
    a visit with a T1 alone is passed over: there, few lesions show."""
    return successive_visits(flags, found_on_t1(flags))


OTHER_METHOD, SAME_REGIONS, REGIONS_DIFFER = "other_method", "same_regions", "regions_differ"
OF_VISITS = {
    SAME_REGIONS: "both visits have the same region map: right only if their scans were laid on each other before",
    REGIONS_DIFFER: "a region differs in volume by more than a fifth: is it cut off at one visit?",
    OTHER_METHOD: "lesions or regions made in another way than at the other visit (another model or tool, or edited)",
}
"""Flag of a visit and the one before, in ``visits.tsv`` alone -> short meaning."""


NOT_KNOWN = "which lesions are new is not known: the two visits do not share enough regions that fit on each other"
"""Said where `VisitRow.new` is None."""


def region_doubts(before: Positions, now: Positions) -> list[str]:
    """SAME_REGIONS and REGIONS_DIFFER, where they hold."""
    same = np.array_equal(before.region_mm, now.region_mm, equal_nan=True)
    return [*[SAME_REGIONS] * same, *[REGIONS_DIFFER] * bool(unlike(before, now).any())]


def doubts(
    flags: tuple[Collection[str], Collection[str]],
    spacings_mm: tuple[Iterable[float], Iterable[float]],
    *,
    one_way: bool,
) -> list[str]:
    """What may explain a difference between two visits: their flags, except that of a high load, and those that compare
    them with visits that are not these two; and OTHER_METHOD.

    flags : of either visit. spacings_mm : their voxel sizes. one_way : whether their maps were made in the same way, as
    far as that is known.
    """
    of_others = ("high_load", OTHER_VOXELS, OTHER_SCANS)
    found = dict.fromkeys(flag for own in flags for flag in own if flag not in of_others)
    if voxels_differ(spacings_mm):
        found[OTHER_VOXELS] = None
    if (OTHER_SCANS in flags[0]) != (OTHER_SCANS in flags[1]):
        found[OTHER_SCANS] = None
    if not one_way:
        found[OTHER_METHOD] = None
    return list(found)


def visit_notes(flags: Mapping[str, Collection[str]]) -> list[str]:
    """Lines on visits that are compared with no other, and on those whose order is that of the alphabet. flags :
    subject -> its flags."""
    before = visits_before(flags)
    compared = {*before, *before.values()}
    people = sharers((bare_person(name), name) for name in flags).values()
    lines = []
    if alone := [name for visits in people for name in visits if name not in compared]:
        why = "lesions were found on a T1 alone, or it is another run of a visit"
        lines.append(f"compared with no other visit of the person: {some_of(alone)} ({why})")
    if unknown := [name for name in flags if name in compared and not in_order_of_time(name)]:
        said = f"names do not say when these visits were: {some_of(unknown)}"
        lines.append(f"{said}; they are in the order of the alphabet: rename them if that is not the order of time")
    return lines


def visit_rows(
    previous_visit: str,
    loads: tuple[Sequence[Row], Sequence[Row]],
    lesions: tuple[Sequence[Row], Sequence[Row]],
    changed: Change | None,
    flags: Sequence[str],
) -> list[VisitRow]:
    """The rows of a visit.

    loads, lesions : rows of ``lesion_load.tsv`` (of the same regions in the same order) and of ``lesions.tsv``, before
    and now. changed : which lesions are new or gone; None if that is not known.
    """
    old, now = loads
    gone: Sequence[Lesions | None] = [None] * len(now)
    new, apart_mm = gone, None
    if changed is not None:
        gone, new = _by_place(changed.gone, lesions[0], old), _by_place(changed.new, lesions[1], now)
        apart_mm = changed.apart_mm
    return [
        VisitRow(
            previous_visit,
            int(row["region_id"]),
            row["name"],
            row["side"],
            row["group"],
            before=_lesions_in(old[at]),
            now=_lesions_in(row),
            new=new[at],
            gone=gone[at],
            apart_mm=apart_mm,
            flags=flags,
        )
        for at, row in enumerate(now)
    ]


def new_lesions(changed: Change | None, lesions: Sequence[Row]) -> list[NewLesion]:
    """The new lesions of a visit, largest first. lesions : its rows of ``lesions.tsv``."""
    if changed is None:
        return []
    found = zip(changed.new.lesions.tolist(), changed.new.nearest_mm.tolist(), strict=True)
    return [NewLesion(lesions[number - 1], nearest) for number, nearest in found]


def _lesions_in(row: Row) -> Lesions:
    return Lesions(float(row["lesion_volume_ml"]), int(row["n_lesions"]))


def _by_place(alone: Alone, lesions: Sequence[Row], places: Sequence[Row]) -> list[Lesions]:
    """What ``alone`` makes of each place, and in total. lesions : rows of ``lesions.tsv``, in its order."""
    main = Counter(lesions[number - 1]["main_region_id"] for number in alone.lesions.tolist())
    numbers = [main[row["region_id"]] for row in places[:-1]]
    volumes_ml = alone.volume_ml.tolist()
    return [*map(Lesions, volumes_ml, numbers), Lesions(sum(volumes_ml), len(alone.lesions))]
