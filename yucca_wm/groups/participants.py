"""Participants: a BIDS-style table, read, checked, and matched by name to the subjects with loads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yucca_wm.cohort.ids import bare, looks_like
from yucca_wm.cohort.visits import ANOTHER_SESSION, bare_person, further_sessions, is_session, person
from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.tsv import composed, has_value, read_columns, table_name
from yucca_wm.groups.statistics.variables import Column

if TYPE_CHECKING:
    from yucca_wm.core.tsv import TableInput

IDS = ("participant_id", "subject")
"""Columns of subject names: BIDS's, or else that of a cohort's table of paths."""

SESSION = "session_id"
"""BIDS column with the session of the participant to which a row refers."""

RENAME = f"rename the column that holds the names of lesion_load.tsv's subjects to {IDS[0]}"

MAX_COMPARED = 100_000
"""Maximum number of pairs of names compared for similarity: about a second."""


@dataclass(frozen=True)
class Participants:
    """ids : [n] as written; lines : [n] line numbers in the file; cells : column -> [n], ``""`` for missing values."""

    path: Path
    ids: list[str]
    lines: list[int]
    cells: dict[str, list[str]]

    def take(self, rows: Sequence[int]) -> Participants:
        """The participants in ``rows``, in that order."""
        cells = {name: [own[row] for row in rows] for name, own in self.cells.items()}
        return Participants(self.path, [self.ids[row] for row in rows], [self.lines[row] for row in rows], cells)

    def column(self, name: str, categorical: Collection[str] = ()) -> Column:
        """One column, in the form read by `yucca_wm.groups.statistics.variables`."""
        return Column(self.path, name, self.cells[name], self.lines, name in categorical)


def read_participants(
    path: TableInput, columns: Sequence[str], missing: Collection[str] = (), *, by_session: bool = False
) -> tuple[Participants, dict[str, str]]:
    """Read the ids (`IDS`) and ``columns`` of a table; cells of `NO_VALUE` and ``missing`` count as missing.

    by_session : subjects are sessions (``sub-01_ses-2``): a row refers to the one in its `SESSION` column, if any.

    Returns the table, and the participants excluded because they occur twice. Raises InputError if a column is
    absent, a line has no id, or all participants occur twice.
    """
    header = read_columns(path, ()).header
    whose = next((name for name in IDS if name in header), None)
    if whose is None:
        if len(header) == 1:
            read_columns(path, IDS[:1])  # raises: it may not be separated into columns
        lacks = [IDS[0], *(name for name in columns if name not in header)]
        named = [f"in the table, rename {near} to {name}" for name, near in other_case(IDS, header).items()][:1]
        raise _lacks(path, lacks, header, [*(named or [RENAME]), *ask_for(columns, header)])
    if near := ask_for(columns, header):
        raise _lacks(path, [name for name in columns if name not in header], header, near)
    sessions = (SESSION,) if by_session and SESSION in header else ()
    read = read_columns(path, tuple(dict.fromkeys((whose, *sessions, *columns))))
    ids = [composed(cell) for cell in read.cells[whose]]
    if "" in ids:
        raise InputError(read.path, f"line {read.lines[ids.index('')]} names no participant", f"fill in {whose}")
    for name in sessions:
        ids = [_of_session(whole, composed(cell)) for whole, cell in zip(ids, read.cells[name], strict=True)]
    none = set(map(composed, missing))
    cells = {
        name: [cell if has_value(cell := composed(raw)) and cell not in none else "" for raw in read.cells[name]]
        for name in columns
    }
    seen: dict[str, int] = {}
    for name in ids:
        seen[name] = seen.get(name, 0) + 1
    once = [row for row, name in enumerate(ids) if seen[name] == 1]
    reason = f"{read.path}: participant occurs twice; keep one row"
    twice = {name: reason for name, times in seen.items() if times > 1}
    if twice and not once:
        raise InputError(read.path, f"every participant occurs twice ({_some(list(twice))})", "keep one row of each")
    return Participants(read.path, ids, read.lines, cells).take(once), twice


def _of_session(participant: str, session: str) -> str:
    if not has_value(session) or "_ses-" in participant:
        return participant
    return f"{participant}_ses-{session.removeprefix('ses-')}"


def other_case(names: Iterable[str], header: Iterable[str]) -> dict[str, str]:
    """Those of ``names`` that ``header`` has only in another case -> their spelling in it."""
    has = {name.casefold(): name for name in header}
    return {name: has[name.casefold()] for name in names if name not in has.values() and name.casefold() in has}


def ask_for(columns: Iterable[str], header: Iterable[str]) -> list[str]:
    """Remedy for columns requested in another case than the table has them."""
    return [f"ask for {has}, as the table spells it, not {name}" for name, has in other_case(columns, header).items()]


def _lacks(path: TableInput, columns: Sequence[str], header: Sequence[str], remedies: Sequence[str]) -> InputError:
    has = some_of(filter(None, header), 30) or "nothing"
    problem = f"lacks the column{'s' * (len(columns) > 1)} {', '.join(columns)}"
    return InputError(table_name(path), problem, "; ".join([f"it has {has}", *remedies]))


@dataclass(frozen=True)
class Match:
    """rows : (position of a subject, row of its participant) for those in both tables with every value; unmatched :
    subjects without a partner in the other table (a mistake); left_out : subjects with a missing value, and further
    sessions (not a mistake); both with the reason."""

    rows: list[tuple[int, int]]
    unmatched: dict[str, str]
    left_out: dict[str, str]


def match_participants(subjects: Sequence[str], participants: Participants, avoid: Collection[str] = ()) -> Match:
    """Match each subject to the participant of exactly its name; else of its name with or without ``sub-``; else of the
    part before ``_ses-`` or ``_run-``, first exactly, then with or without ``sub-``. ``1``, ``01`` and ``001`` are
    different subjects. Of a person's sessions one counts: the one that has a row of its own, or else the first that is
    not in ``avoid``, or else the first.

    Raises InputError if no subject is in both tables.
    """
    written = {name: row for row, name in enumerate(participants.ids)}
    bared = {bare(name): row for name, row in reversed(written.items())}
    partner: dict[int, int] = {}
    taken: dict[int, str] = {}
    doubled: dict[str, str] = {}
    for exact in (True, False):
        for position, subject in sorted(enumerate(subjects), key=lambda item: not exact and item[1] in avoid):
            row = written.get(composed(subject)) if exact else _near(composed(subject), written, bared)
            if row is None or position in partner:
                continue
            if row in taken:
                doubled[subject] = f"participant {participants.ids[row]} is there already, with {taken[row]}"
            else:
                partner[position] = row
                taken[row] = subject
    free = [name for row, name in enumerate(participants.ids) if row not in taken]
    alone = [name for position, name in enumerate(subjects) if position not in partner and name not in doubled]
    if not partner:
        raise InputError(
            participants.path,
            "none of its participants has loads",
            f"make the names match: the table has {_some(participants.ids)}, the loads are those of {_some(subjects)}",
        )
    there = {bare_person(subjects[position]) for position in partner}
    further = {name for name in (*alone, *doubled) if is_session(name) and bare_person(name) in there}
    alone = [name for name in alone if name not in further]
    few = len(alone) * len(free) <= MAX_COMPARED
    unmatched = {name: "is not in the participants table" + (looks_like(name, free) if few else "") for name in alone}
    unmatched |= {name: reason for name, reason in doubled.items() if name not in further}
    unmatched |= {name: "has no lesion load" + (looks_like(name, alone) if few else "") for name in free}
    left_out = {name: ANOTHER_SESSION for name in subjects if name in further}
    rows = []
    for position, row in sorted(partner.items()):
        if lacking := [name for name, cells in participants.cells.items() if not cells[row]]:
            left_out[subjects[position]] = f"has no value for {', '.join(lacking)}"
        else:
            rows.append((position, row))
    left_out |= (again := further_sessions([subjects[position] for position, _ in rows], avoid))
    return Match([(position, row) for position, row in rows if subjects[position] not in again], unmatched, left_out)


def _near(subject: str, written: Mapping[str, int], bared: Mapping[str, int]) -> int | None:
    return bared.get(bare(subject), written.get(person(subject), bared.get(bare_person(subject))))


def _some(names: Sequence[str]) -> str:
    return some_of(names, 3) or "nobody"
