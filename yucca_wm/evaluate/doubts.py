"""What to know before trusting scores: files that occur twice, and subjects whose values mean something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from yucca_wm.cohort.ids import sharers
from yucca_wm.cohort.visits import further_sessions
from yucca_wm.core.errors import count, some_of
from yucca_wm.core.notes import About
from yucca_wm.core.predictions import By, prediction_record
from yucca_wm.evaluate.case import BY_HEADERS, IN_TRAINING, PREDICTION_BEYOND_ML, TRUTH_BEYOND_ML
from yucca_wm.evaluate.tables import Row, Rows
from yucca_wm.imaging.kinds import MOST_LESIONS_ML
from yucca_wm.jobs.run_record import FileState
from yucca_wm.scan.notes import EDITED

HARDLY = 0.05
"""A mean Dice below this is that of maps of two people, or in two spaces."""

BEYOND = {
    PREDICTION_BEYOND_ML: "part of the prediction lies beyond the field of view of the truth, and is not compared",
    TRUTH_BEYOND_ML: "part of the truth lies beyond the field of view of the prediction, and counts as missed",
}
"""What a volume beyond the other map's field of view means."""


def doubts(results: Mapping[str, Rows]) -> Iterator[str]:
    """One line for each doubt, with the subjects that it applies to. results : subject -> its rows."""
    first = {name: rows[0] for name, rows in results.items()}
    moved = [name for name, row in first.items() if row.get(BY_HEADERS)]
    if moved:
        said = "prediction and truth lie on different grids, and were aligned by their headers"
        yield f"{said}: valid only if the underlying scans were registered ({_who(moved, results)})"
    if trained := [name for name, row in first.items() if row.get(IN_TRAINING)]:
        yield f"of the training set, which a model trained on this cohort has seen: {_who(trained, results)}"
    for key, said in BEYOND.items():
        if beyond := [name for name, row in first.items() if row.get(key)]:
            most_ml = max(first[name][key] for name in beyond)
            yield f"{said}: up to {most_ml:.2f} ml ({_who(beyond, results)})"
    if large := [name for name, row in first.items() if _largest_ml(row) > MOST_LESIONS_ML]:
        yield f"over {MOST_LESIONS_ML:g} ml of lesions: is one map a brain mask? ({_who(large, results)})"
    if apart := [name for name, rows in results.items() if _hardly_overlap(rows)]:
        said = f"prediction and truth hardly overlap (Dice under {HARDLY:g})"
        yield f"{said}: check that they are of one person and in one space ({_who(apart, results)})"
    if cut := [name for name, row in first.items() if row.get("volume_left_out_ml")]:
        yield f"part of the truth has an ignored label and counts in neither map ({_who(cut, results)})"
    if none := [name for name, row in first.items() if "lesions_true" in row and not row["lesions_true"]]:
        yield f"the truth has no lesion: recall is 1 and Dice 0 if any is predicted ({_who(none, results)})"
    if empty := [name for name, row in first.items() if row.get("lesions_true") and not row.get("lesions_pred")]:
        yield f"the prediction has no lesion: means of hausdorff95_mm are without it ({_who(empty, results)})"
    if again := further_sessions(results.keys()):
        yield f"sessions of one person count as one in means, among them {some_of(again)}"


def _who(names: list[str], results: Mapping[str, Rows]) -> str:
    return f"{len(names)} of {count(len(results), 'subject')}: {some_of(names)}"


def _largest_ml(row: Row) -> float:
    """The larger lesion volume of a row; 0 for regions."""
    return max(row["volume_pred_ml"], row["volume_true_ml"]) if "lesions_true" in row else 0.0


def _hardly_overlap(rows: Rows) -> bool:
    """Whether maps that both show at least 1 ml share next to nothing."""
    volumes_ml = [sum(row[which] for row in rows) for which in ("volume_pred_ml", "volume_true_ml")]
    dice = [row["dice"] for row in rows if row["dice"] is not None]
    return min(volumes_ml) >= 1 and sum(dice) < HARDLY * len(dice)


def of_predict(read: Mapping[str, Mapping[str, FileState]], results: Mapping[str, Rows]) -> Iterator[str]:
    """A line each on the subjects whose maps were edited after `yucca_wm.predict` had made them, and of whose scans it
    noted a doubt, if the predictions are its maps."""
    paths = {name: Path(read[name]["prediction"].path) for name in results if name in read}
    records = {name: prediction_record(path) for name, path in paths.items()}
    made_by = {
        name: of.regions_by if paths[name].parent.name == "regions" else of.lesions_by for name, of in records.items()
    }
    if edited := [name for name, by in made_by.items() if by == By.EDITED]:
        yield f"predictions were edited after predict had made them, and are not its own ({_who(edited, results)})"
    about_maps = {EDITED.note(what=what) for what in ("lesion", "region")}
    doubted = {name: [note for note in of.notes if note.about is not About.DONE] for name, of in records.items()}
    if noted := [name for name, notes in doubted.items() if not about_maps.issuperset(notes)]:
        yield f"predict noted doubts about the scans, which are in its predict.json ({_who(noted, results)})"


def is_changed(files: Mapping[str, FileState]) -> bool:
    """Whether a file is gone, or is not what was compared."""
    return any(not Path(of.path).is_file() or FileState.of(of.path, of).sha256 != of.sha256 for of in files.values())


def changed(names: list[str], results: Mapping[str, Rows]) -> Iterator[str]:
    """A line on the subjects ``names``, whose maps have changed since they were compared."""
    if names:
        yield f"maps have changed since they were compared, and are not shown ({_who(names, results)})"


def copies(read: Mapping[str, Mapping[str, FileState]], results: Mapping[str, Rows]) -> Iterator[str]:
    """One line for each prediction that is its own truth, byte for byte, and for each prediction or truth shared by
    several cases: files copied or chosen by mistake. Maps without lesions may be identical and are left out.

    read : subject -> its files.
    """
    known = {name: read[name] for name, rows in results.items() if name in read and not _empty(rows)}
    for name, files in known.items():
        if files["prediction"].sha256 == files["truth"].sha256:
            yield f"{name}: prediction and truth are the same, byte for byte"
    given = (((what, known[name][what].sha256), name) for what in ("prediction", "truth") for name in known)
    for (what, _), names in sharers(given).items():
        yield f"{some_of(names)} have the same {what}, byte for byte"


def _empty(rows: Rows) -> bool:
    return any(all(row[volume] == 0 for row in rows) for volume in ("volume_pred_ml", "volume_true_ml"))
