"""What the names of T1 and FLAIR say: of two people or visits, each called like the other, or an unsuitable image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from yucca_wm.cohort.bids_files import contrast_agent, no_magnitude
from yucca_wm.cohort.ids import bare, person_of_scan
from yucca_wm.cohort.visits import bare_person, is_session, person
from yucca_wm.core.files import case_name
from yucca_wm.core.modality import Modality
from yucca_wm.core.notes import Note
from yucca_wm.scan.notes import AFTER_AGENT, CALLED_OTHERWISE, NO_MAGNITUDE, TWO_PEOPLE, TWO_VISITS

WORDS: dict[str, set[str]] = {Modality.T1: {"t1", "t1w", "mprage"}, Modality.FLAIR: {"flair", "t2flair"}}
"""Words in file names that say which modality a scan is."""


def name_notes(files: Mapping[str, Path]) -> Iterator[Note]:
    """Notes on what file and folder names say about the scans of one subject.

    files : modality -> file (or DICOM folder), without scans that are not files.
    """
    for modality, file in files.items():
        words = set(re.split(r"[\W_]+", case_name(file).lower()))
        said = [other for other, known in WORDS.items() if words & known]
        if said and modality not in said:
            yield CALLED_OTHERWISE.note(name=modality, file=file.name)
        if contrast_agent(file):
            yield AFTER_AGENT.note(name=modality, file=file.name)
        if no_magnitude(file):
            yield NO_MAGNITUDE.note(name=modality, file=file.name)
    names = {modality.lower(): _plain(person_of_scan(file) or "") for modality, file in files.items()}
    people, visits = set(map(bare_person, names.values())), set(map(bare, names.values()))
    if len(people) > 1 and all(name.startswith("sub-") for name in names.values()):
        yield TWO_PEOPLE.note(**{modality: person(name) for modality, name in names.items()})
    elif len(people) == 1 and len(visits) > 1 and all(map(is_session, names.values())):
        yield TWO_VISITS.note(**names)


def _plain(name: str) -> str:
    """``name`` without the entity ``run``, as a T1 of run 1 and a FLAIR of run 2 are of one visit, and without the
    modality in it (``anna_T1_visit1``)."""
    words = "|".join(sorted(set().union(*WORDS.values())))
    return re.sub(rf"_run-[^_]+|[_-]({words})(?=[_-])", "", name, flags=re.IGNORECASE)
