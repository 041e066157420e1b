"""Read the records that `yucca_wm.predict` and `yucca_wm.parcellate` keep about the maps they made."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from yucca_wm.cohort.ids import with_others
from yucca_wm.cohort.region_record import parcellation_of, read_region_record, record_of_map
from yucca_wm.core.errors import some_of
from yucca_wm.core.files import case_name
from yucca_wm.core.modality import MODALITIES
from yucca_wm.core.notes import About, Note
from yucca_wm.core.predictions import (
    PREDICTIONS,
    PROBABILITY,
    By,
    PredictionRecord,
    prediction_record,
    read_predictions,
)
from yucca_wm.imaging.images import Source

RAISED_BY_NOTES = [str(about) for about in About if about not in (About.DONE, About.DOUBT, About.ABSENT_REGIONS)]
"""Flags that notes of `yucca_wm.predict` raise. Which regions are absent is seen in the region map itself."""

ON_T1 = "lesions were searched for on a T1 alone, where few show: do not compare them with those found on FLAIR"
"""Sentence for the flag ``without_flair``; the note itself asks for the FLAIR."""


def registration_flag(regions: Source) -> dict[str, str]:
    """``poor_registration`` if the record of `yucca_wm.parcellate` beside a region map's file states doubts."""
    found = parcellation_of(regions).doubts
    return {str(About.POOR_REGISTRATION): "; ".join(found)} if found else {}


ON_LESIONS = (About.WITHOUT_FLAIR, About.PARTLY_ONE_SCAN)
"""What notes are about that concern only the lesions found, not the regions."""


def notes_of(of_lesions: PredictionRecord, of_regions: PredictionRecord) -> list[Note]:
    """Notes of `yucca_wm.predict` on a subject whose maps have these records."""
    regions = (note for note in of_regions.notes if note.about not in ON_LESIONS)
    return list(dict.fromkeys([*of_lesions.notes, *regions]))


def scans_flags(lesions: Source, regions: Source) -> dict[str, str]:
    """The flags that notes of `yucca_wm.predict` raise on the subject of these maps, of which it may have made one."""
    said: dict[str, list[str]] = {}
    for note in notes_of(record_of_map(lesions), record_of_map(regions)):
        if note.about in RAISED_BY_NOTES:
            said.setdefault(str(note.about), []).append(ON_T1 if note.about is About.WITHOUT_FLAIR else note)
    return {flag: "; ".join(said[flag]) for flag in RAISED_BY_NOTES if flag in said}


def by_network(lesions: Source) -> bool:
    """Whether the models of this package found these lesions."""
    return record_of_map(lesions).lesions_by == By.NETWORK


def recorded_by_predict(lesions: Path, regions: Path) -> dict[str, Any]:
    """What `yucca_wm.predict` recorded about these maps that a subject's flags depend on; empty without a record."""
    if prediction_record(lesions) == prediction_record(regions) == PredictionRecord():
        return {}
    return {"flags": scans_flags(lesions, regions), "by_network": by_network(lesions)}


def same_scans(lesions: Mapping[str, Path]) -> dict[str, str]:
    """Subject -> sentence, for subjects whose lesion maps (subject -> file) `yucca_wm.predict` made from a scan also
    given for another subject: one person under two names, or a table row copied down."""
    made = {name: prediction_record(path).scan_voxels for name, path in lesions.items()}
    given = ((scan, name) for name, scans in made.items() for scan in scans.items())
    said: dict[str, list[str]] = {}
    for (modality, _), name, others in with_others(given):
        said.setdefault(name, []).append(f"the {modality} is that of {some_of(others)}, voxel for voxel")
    return {name: "; ".join(sentences) for name, sentences in said.items()}


def other_scans(lesions: Mapping[str, Path]) -> dict[str, str]:
    """Subject -> sentence, for subjects whose lesion maps (subject -> file) `yucca_wm.predict` made from other scans
    than most subjects' (on a tie, from fewer). Subjects with only a T1 have their own flag; maps of other tools are
    ignored."""
    made = {name: prediction_record(path) for name, path in lesions.items()}
    on_t1 = {name for name, own in made.items() if any(note.about is About.WITHOUT_FLAIR for note in own.notes)}
    counted = {name: own.lesions_on for name, own in made.items() if name not in on_t1}
    used = {name: " and ".join(m for m in MODALITIES if m in scans) for name, scans in counted.items() if scans}
    subjects = Counter(used.values())
    usual = max(subjects, key=lambda scans: (subjects[scans], len(scans)), default="")
    whose = "most" if all(n < subjects[usual] for scans, n in subjects.items() if scans != usual) else "as many other"
    return {
        name: f"lesions were searched for on {_alone(scans)}, in {whose} subjects on {_alone(usual)}"
        for name, scans in used.items()
        if scans != usual
    }


def _alone(scans: str) -> str:
    return scans if " and " in scans else f"{scans} alone"


def before_rules(lesions: Iterable[Path]) -> list[str]:
    """A line if these are the probability maps of `yucca_wm.predict`, cut at a threshold."""
    raw = [path for path in lesions if path.parent.name == PROBABILITY and (path.parent.parent / PREDICTIONS).is_file()]
    if not raw:
        return []
    where = f"{raw[0].parent} holds probabilities before the rules that remove false lesions"
    return [f"{where}: even at 0.5 there are more lesions than in {raw[0].parent.with_name('lesions')}"]


def without_record(lesions: Mapping[str, Path], regions: Mapping[str, Path]) -> list[str]:
    """A line if nothing is recorded about lesion maps (subject -> file), as about copies or those of other tools, while
    `yucca_wm.predict` found lesions, too, when it made their region maps."""
    unknown = [
        name
        for name, path in lesions.items()
        if prediction_record(path) == PredictionRecord() and prediction_record(regions[name]).lesions_by is not None
    ]
    if not unknown:
        return []
    own = regions[unknown[0]].parent.with_name("lesions")
    said = f"predict recorded nothing about these lesion maps ({some_of(unknown)}), only about those in {own}"
    return [f"{said}: that lesions were found on a T1 alone, or on a scan of somebody else, raises no flag"]


def of_earlier_runs(lesions: Mapping[str, Path]) -> list[str]:
    """A line if `yucca_wm.predict` has made some of the lesion maps (subject -> file), but they are not in the results
    of its last run: people who have left the cohort."""
    left = []
    for name, path in lesions.items():
        last = read_predictions(path.parent.parent / PREDICTIONS).subjects
        if last and case_name(path) not in last and prediction_record(path) != PredictionRecord():
            left.append(name)
    return [f"in these tables, but not in the last run of predict: {some_of(left)}"] if left else []


def mixed_settings(lesions: Mapping[str, Path], regions: Mapping[str, Path]) -> list[str]:
    """A line each if lesion or region maps (subject -> file) were made in different ways, as after a run for part of a
    cohort: their loads cannot be compared. Maps without a record come from another tool; of edited ones nothing is
    said."""
    of_lesions = {name: _by(prediction_record(path).lesions_by) for name, path in lesions.items()}
    of_regions = {
        name: {**_region_settings(path), **_by(prediction_record(path).regions_by)} for name, path in regions.items()
    }
    return [*_mixed("lesion", of_lesions), *_mixed("region", of_regions)]


def ways_of(lesions: Mapping[str, Path], regions: Mapping[str, Path]) -> dict[str, str]:
    """Subject -> how its lesion and region maps (subject -> file) were made, edited by hand or not, as far as that is
    recorded; the same text for the same way."""
    return {
        name: json.dumps(
            [
                prediction_record(path).lesions_by,
                prediction_record(regions[name]).regions_by,
                _region_settings(regions[name]),
            ],
            sort_keys=True,
        )
        for name, path in lesions.items()
    }


def _region_settings(path: Path) -> dict[str, Any]:
    own = read_region_record(path)
    return {**own.settings, **({"names": own.names} if own.names else {})}


def _by(source: str | None) -> dict[str, str]:
    return {} if source in (None, By.EDITED) else {"model": str(source)}


def _mixed(kind: str, ways: Mapping[str, Mapping[str, Any]]) -> list[str]:
    made: dict[str, list[str]] = {}
    for subject, way in ways.items():
        if way:
            made.setdefault(json.dumps(way, sort_keys=True), []).append(subject)
    if len(made) < 2:
        return []
    usual, *others = (json.loads(key) for key in sorted(made, key=lambda key: -len(made[key])))
    names = sorted({name for other in others for name in usual.keys() | other if usual.get(name) != other.get(name)})
    shown = some_of([subject for subjects in sorted(made.values(), key=len)[:-1] for subject in subjects])
    said = f"{kind} maps of {shown} were made with another {', '.join(names)} than the others'"
    return [f"{said}: use the same settings for all"]
