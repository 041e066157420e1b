"""Read the records that `yucca_wm.predict` and `yucca_wm.parcellate` keep about the maps they made."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from yucca_wm.cohort.ids import with_others
from yucca_wm.core.errors import some_of
from yucca_wm.core.files import case_name
from yucca_wm.core.modality import FEW_ON_T1, MODALITIES
from yucca_wm.imaging.images import Image, Source
from yucca_wm.localize.measures.flags import (
    BLANK_SLICES,
    CUT_OFF,
    DOUBTFUL_SCANS,
    ODD_ANATOMY,
    PARTLY_ONE_SCAN,
    POOR_REGISTRATION,
    WEAK_FIT,
    WITHOUT_FLAIR,
)
from yucca_wm.parcellate.outputs import registration_record
from yucca_wm.scan.cut import CUT_OFF as CUT_NOTE
from yucca_wm.scan.cut import ONE_ENDS
from yucca_wm.scan.notes import HARDLY, IN_OTHER_HEADS, NOTHING_SHOWN, is_unsure

ATLAS_DOUBT = "atlas: "
"""Beginning of notes of `yucca_wm.predict` that doubt the registration of the atlas."""

OF_NOTES: dict[str, Callable[[str], bool]] = {
    CUT_OFF: lambda note: note.startswith(CUT_NOTE),
    PARTLY_ONE_SCAN: lambda note: ONE_ENDS in note,
    BLANK_SLICES: lambda note: NOTHING_SHOWN in note,
    ODD_ANATOMY: lambda note: IN_OTHER_HEADS in note,
    DOUBTFUL_SCANS: is_unsure,
    WEAK_FIT: lambda note: HARDLY in note,
    POOR_REGISTRATION: lambda note: note.startswith(ATLAS_DOUBT),
    WITHOUT_FLAIR: lambda note: note == FEW_ON_T1,
}
"""Flag -> whether a note of `yucca_wm.predict` raises it."""

ON_T1 = "lesions were looked for on a T1 alone, where few show: do not compare them with those found on FLAIR"
"""Sentence for the flag ``without_flair``; the note itself asks for the FLAIR."""

PREDICTIONS = "predict.json"
"""Record of `yucca_wm.predict`, beside its folders of maps."""


class By(StrEnum):
    """Source of lesions or regions, as in that record."""

    NETWORK = "network"
    ATLAS = "atlas"
    OWN = "own model"


def registration_flag(regions: Source) -> dict[str, str]:
    """``poor_registration`` if the record of `yucca_wm.parcellate` beside a region map's file states doubts."""
    if isinstance(regions, Image):
        return {}
    try:
        found = json.loads(registration_record(regions).read_text(encoding="utf-8"))["doubts"]
    except (OSError, ValueError, KeyError, TypeError):  # no record, or one from another tool
        return {}
    return {POOR_REGISTRATION: "; ".join(map(str, found))} if found else {}


def scans_flags(lesions: Source, noted: Sequence[str] = ()) -> dict[str, str]:
    """The flags (`OF_NOTES`) from the notes of `yucca_wm.predict` on the subject of this lesion map.

    noted : notes on a map in memory; for a file they are in the record beside the lesion map's folder.
    """
    notes = noted if isinstance(lesions, Image) else _predicted(lesions)["notes"]
    flags = {flag: "; ".join(filter(says_so, notes)) for flag, says_so in OF_NOTES.items()}
    flags = {flag: said for flag, said in flags.items() if said}
    return {**flags, WITHOUT_FLAIR: ON_T1} if WITHOUT_FLAIR in flags else flags


def by_network(lesions: Source, *, stated: bool = False) -> bool:
    """Whether the models of this package found these lesions. stated : the answer for a map in memory."""
    return stated if isinstance(lesions, Image) else _predicted(lesions)["by"] == By.NETWORK


def same_scans(lesions: Mapping[str, Path]) -> dict[str, str]:
    """Subject -> sentence, for subjects whose lesion maps (subject -> file) `yucca_wm.predict` made from a scan also
    given for another subject: one person under two names, or a table row copied down."""
    made = {name: _predicted(path)["scans"] for name, path in lesions.items()}
    given = (((m, digest), name) for name, scans in made.items() for m, digest in scans.items() if digest)
    said: dict[str, list[str]] = {}
    for (modality, _), name, others in with_others(given):
        said.setdefault(name, []).append(f"the {modality} is that of {some_of(others)}, byte for byte")
    return {name: "; ".join(sentences) for name, sentences in said.items()}


def other_scans(lesions: Mapping[str, Path]) -> dict[str, str]:
    """Subject -> sentence, for subjects whose lesion maps (subject -> file) `yucca_wm.predict` made from other scans
    than most subjects' (on a tie, from fewer). Subjects with only a T1 have their own flag; maps of other tools are
    ignored."""
    made = {name: _predicted(path) for name, path in lesions.items()}
    counted = {name: own["scans"] for name, own in made.items() if FEW_ON_T1 not in own["notes"]}
    used = {name: " and ".join(m for m in MODALITIES if m in scans) for name, scans in counted.items() if scans}
    subjects = Counter(used.values())
    usual = max(subjects, key=lambda scans: (subjects[scans], len(scans)), default="")
    whose = "most" if all(n < subjects[usual] for scans, n in subjects.items() if scans != usual) else "as many other"
    return {
        name: f"lesions were looked for on {_alone(scans)}, in {whose} subjects on {_alone(usual)}"
        for name, scans in used.items()
        if scans != usual
    }


def _alone(scans: str) -> str:
    return scans if " and " in scans else f"{scans} alone"


def _predicted(lesions: Path) -> dict[str, Any]:
    """``scans`` (modality -> checksum), ``notes`` and source of lesions (``by``) of the subject with this lesion map,
    from the record of `yucca_wm.predict`; empty without one, as for other tools' maps."""
    account = lesions.parent.parent / PREDICTIONS
    try:
        made = _people(account, account.stat().st_mtime_ns)[case_name(lesions)]
        scans = {modality: scan.get("sha256") for modality, scan in made["scans"].items()}
        return {"scans": scans, "notes": list(made["notes"]), "by": made.get("lesions_by")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {"scans": {}, "notes": [], "by": None}


@lru_cache(maxsize=4)
def _people(account: Path, _changed_ns: int) -> dict[str, Any]:
    """Name -> case in a record, read once for all subjects."""
    return dict(json.loads(account.read_text(encoding="utf-8"))["cases"])


def mixed_settings(regions: Mapping[str, Path]) -> list[str]:
    """A line if `yucca_wm.parcellate` made the region maps (subject -> file) with different settings, as after a run
    for part of a cohort: their loads cannot be compared. Maps without a record come from another tool."""
    made: dict[str, list[str]] = {}
    for subject, path in regions.items():
        try:
            settings = json.loads(registration_record(path).read_text(encoding="utf-8"))["settings"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        made.setdefault(json.dumps(settings, sort_keys=True), []).append(subject)
    if len(made) < 2:
        return []
    usual, *others = (json.loads(key) for key in sorted(made, key=lambda key: -len(made[key])))
    names = sorted({name for other in others for name in usual.keys() | other if usual.get(name) != other.get(name)})
    whose = [subject for subjects in sorted(made.values(), key=len)[:-1] for subject in subjects]
    shown = some_of(whose)
    return [f"region maps of {shown} were made with another {', '.join(names)} than the others'; parcellate all alike"]
