"""The same people give the same tables, however their files are written and however the commands go through them.

What is expected comes from the arrays, before anything is written. tests/groups/test_invariance.py does the same for
odd names and cells of the tables alone.
"""

from __future__ import annotations

import contextlib
import csv
import io
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from yucca_wm.core.columns import number
from yucca_wm.core.regions import Region, RegionTable, Side
from yucca_wm.evaluate.__main__ import main as evaluate
from yucca_wm.evaluate.measures import lesion_measures, region_measures
from yucca_wm.groups.__main__ import main as groups
from yucca_wm.groups.loads import well_known
from yucca_wm.groups.statistics.association import associate
from yucca_wm.groups.statistics.clusters import cluster
from yucca_wm.localize.__main__ import main as localize

from .groups.test_invariance import written

SHAPE = (12, 14, 10)
TURN = 0.2
"""Of the grid about the head-foot axis, in radians."""

AFFINE = np.array(
    [
        [1.5 * np.cos(TURN), -2 * np.sin(TURN), 0, -9],
        [1.5 * np.sin(TURN), 2 * np.cos(TURN), 0, -14],
        [0, 0, 3, 20],
        [0, 0, 0, 1],
    ]
)
VOXEL_ML = 0.009
PEOPLE = [f"sub-{number}" for number in (1, 2, 9, 10, 11, 12, 20, 21, 100, 101, 102, 200)]
"""In natural order."""

NAMES = {3: "NA", 4: "left one", 7: "total load", 12: "é"}
INTEGERS, FLOATS = (np.uint8, np.int8, np.int16, np.uint16, np.int32, np.uint32), (np.float32, np.float64)
SCALES = ((1.0, 0.0), (0.5, 0.0), (2.0, -4.0), (0.25, 3.0))
UNITS = {0: 1.0, 1: 1e-3, 2: 1.0, 3: 1e3}
"""Code of xyzt_units (none, m, mm, µm) -> what a mm is in it."""


@dataclass(frozen=True)
class People:
    """Arrays of everybody, and the columns score, age and sex of their table."""

    lesions: list[np.ndarray]
    predicted: list[np.ndarray]
    regions: list[np.ndarray]
    drawn: list[np.ndarray]
    score: np.ndarray
    age: np.ndarray
    sex: np.ndarray


def people(rng: np.random.Generator) -> People:
    lesions, predicted, regions, drawn = [], [], [], []
    for _ in PEOPLE:
        x, y, z = (int(rng.integers(size // 3, 2 * size // 3)) for size in SHAPE)
        labels = np.zeros(SHAPE, np.uint8)
        labels[1:x, 1:y, 1:-1], labels[x:, :y, 1:-1], labels[:x, y:, 2:z] = 3, 4, 7
        labels[x:-1, y:-1, z:] = 12 * (rng.random() < 0.95)
        mask = ndimage.binary_dilation(rng.random(SHAPE) < rng.choice([0, 0.002, 0.01]))
        lesions.append(mask + 1 * (rng.random(SHAPE) < 0.01))  # with label 2, another pathology
        predicted.append(np.roll(mask, rng.integers(-1, 2), axis=rng.integers(3)).astype(int))
        regions.append(labels)
        drawn.append(np.roll(labels, 1, axis=rng.integers(3)))
    sex = rng.permutation(np.arange(len(PEOPLE)) % 2)
    return People(
        [np.minimum(mask, 2) for mask in lesions], predicted, regions, drawn,
        rng.normal(size=len(PEOPLE)).round(3), rng.uniform(40, 90, len(PEOPLE)).round(1), sex,
    )  # fmt: skip


def save(stem: Path, labels: np.ndarray, rng: np.random.Generator) -> Path:
    """A label map with its axes in any order, in any storage type and unit, scaled or not."""
    axes = np.column_stack([rng.permutation(3), rng.choice([-1, 1], 3)])
    turned = nib.Nifti1Image(labels.astype(np.int16), AFFINE).as_reoriented(axes)
    data, affine = np.asarray(turned.dataobj), turned.affine
    suffix = rng.choice([".nii", ".nii.gz", ".mgz"])
    path = stem.with_name(stem.name + suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".mgz":
        kind = rng.choice([np.uint8, np.int16, np.int32, np.float32])
        nib.save(nib.MGHImage(data.astype(kind), affine), path)
        return path
    slope, intercept = SCALES[rng.integers(len(SCALES))]
    stored = (data - intercept) / slope
    fitting = [kind for kind in INTEGERS if (stored.astype(kind) == stored).all()]
    kind = rng.choice([*fitting, *FLOATS])
    unit = int(rng.integers(4))
    affine = np.vstack([affine[:3] * UNITS[unit], affine[3:]])
    image = nib.Nifti1Image(stored.astype(kind), affine)
    image.header.set_data_dtype(kind)
    sform, qform = [(1, 1), (2, 0), (0, 1), (4, 4)][rng.integers(4)]
    image.set_sform(affine, sform)
    image.set_qform(affine, qform)
    image.header["xyzt_units"] = unit
    if (slope, intercept) != (1, 0) or rng.random() < 0.5:
        image.header.set_slope_inter(slope, intercept)
    nib.save(image, path)
    return path


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def close(cell: str, value: float | None, tolerance: float = 1e-5) -> bool:
    if value is None or np.isnan(value):
        return cell in ("", "n/a")
    return cell not in ("", "n/a") and abs(float(cell) - value) <= tolerance * max(1, abs(value))


def quiet(monkeypatch: pytest.MonkeyPatch, main: Any, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", ["command", *map(str, words)])
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.redirect_stderr(said):
        assert main() == 0, said.getvalue()


def check_loads(out: Path, who: People) -> np.ndarray:
    """Every number of the load table and of the census, from voxels; returns [people, regions] load in percent."""
    rows = {(row["subject"], row["name"]): row for row in table(out / "lesion_load.tsv")}
    assert list(dict.fromkeys(subject for subject, _ in rows)) == PEOPLE
    census = table(out / "lesions.tsv")
    loads = np.full((len(PEOPLE), len(NAMES)), np.nan)
    for person, name in enumerate(PEOPLE):
        mask, regions = who.lesions[person] == 1, who.regions[person]
        for place, (label, region) in enumerate(NAMES.items()):
            voxels, hit = int((regions == label).sum()), int((mask & (regions == label)).sum())
            if voxels:
                loads[person, place] = 100 * hit / voxels
            row = rows[name, region]
            assert (int(row["region_voxels"]), int(row["lesion_voxels"])) == (voxels, hit)
            assert close(row["load_percent"], loads[person, place])
            assert close(row["lesion_volume_ml"], hit * VOXEL_ML)
            assert close(row["ignored_volume_ml"], VOXEL_ML * ((who.lesions[person] == 2) & (regions == label)).sum())
        assert close(rows[name, "outside"]["lesion_volume_ml"], VOXEL_ML * int((mask & (regions == 0)).sum()))
        assert close(rows[name, "total"]["lesion_volume_ml"], VOXEL_ML * int(mask.sum()))
        numbers, n_lesions = ndimage.label(mask, np.ones((3, 3, 3)))
        own = [row for row in census if row["subject"] == name]
        assert len(own) == n_lesions == int(rows[name, "total"]["n_lesions"])
        centres = [
            AFFINE[:3, :3] @ np.argwhere(numbers == k).mean(axis=0) + AFFINE[:3, 3] for k in range(1, n_lesions + 1)
        ]
        for axis, column in enumerate(("centroid_x_mm", "centroid_y_mm", "centroid_z_mm")):
            found = sorted(float(row[column]) for row in own)
            np.testing.assert_allclose(found, sorted(centre[axis] for centre in centres), atol=2e-3)
        sizes = sorted(np.bincount(numbers.ravel())[1:].tolist())
        assert sorted(int(row["voxels"]) for row in own) == sizes
    return loads


def check_scores(out: Path, expected: Mapping[tuple[str, ...], Mapping[str, float | None]], by: Sequence[str]) -> None:
    """Of every case (and region), and the means of all cases, of which undefined values are no part."""
    rows = {tuple(row[name] for name in by): row for row in table(out / "cases.tsv")}
    assert rows.keys() == expected.keys()
    for key, measures in expected.items():
        for name, value in measures.items():
            assert close(rows[key][name], value), (key, name, rows[key][name], value)
    if by == ["subject"]:
        means = {row["measure"]: row for row in table(out / "summary.tsv")}
        for name in means:
            known = [value for measures in expected.values() if (value := measures[name]) is not None]
            assert int(means[name]["cases"]) == len(known)
            assert close(means[name]["mean"], np.mean(known) if known else None)


def check_effects(out: Path, who: People, loads: np.ndarray) -> None:
    covariates = np.column_stack([who.age, who.sex])
    effects = associate(
        np.sqrt(loads), list(NAMES.values()), who.score, covariates, binary=False, permutations=19, seed=0
    )
    rows = {row["region"]: row for row in table(out / "associations.tsv")}
    assert set(rows) == set(NAMES.values())
    for effect in effects:
        row = rows[effect.region]
        assert (int(row["n_subjects"]), row["note"]) == (effect.n_subjects, effect.note or "n/a")
        for column, value in (
            ("effect", effect.effect), ("ci_low", effect.low), ("ci_high", effect.high), ("p_model", effect.p_value),
            ("p_permutation", effect.p_permutation), ("q_fdr", effect.q_value),
        ):  # fmt: skip
            assert close(row[column], value, 1e-3), (effect, row)


small_cluster = partial(cluster, simulations=9, bootstraps=9)


def check_clusters(out: Path, loads: np.ndarray) -> None:
    """Groups are those of the loads as they are written, in six digits; their means are those of the voxels."""
    written = np.array([[float(number(load)) for load in person] for person in np.where(np.isnan(loads), -1, loads)])
    values, _ = well_known(np.sqrt(np.where(written < 0, np.nan, written)), list(NAMES.values()))
    expected = small_cluster(np.where(np.isnan(values), np.nanmedian(values, axis=0), values), k_max=2)
    members = table(out / "clusters.tsv")
    assert [row["subject"] for row in members] == PEOPLE
    for column, labels in (("cluster", expected.labels), ("best_division", expected.candidate)):
        assert [int(row[column]) for row in members] == labels.tolist()
    places = {name: place for place, name in enumerate(NAMES.values())}
    for row in table(out / "cluster_profiles.tsv"):
        own = loads[expected.labels == int(row["cluster"]), places[row["region"]]]
        known = own[~np.isnan(own)]
        assert (int(row["n_subjects"]), int(row["n_with_region"])) == (len(own), len(known))
        assert close(row["mean_load_percent"], known.mean() if len(known) else None)


def localized(
    patch: pytest.MonkeyPatch, here: Path, files: Mapping[str, Path], how: str, jobs: int, order: Any
) -> None:
    """All at once; people first, in two halves, then the group; or one file at a time into one folder."""
    places = ["--lesions", here / "lesions", "--regions", here / "regions"]
    rest = ["--names", here / "names.tsv", "--out-dir", here / "out", "--jobs", jobs]
    if how == "at once":
        quiet(patch, localize, *places, *rest)
    elif how == "by level":
        quiet(patch, localize, *places, *rest, "--participant-label", *(PEOPLE[place] for place in order[:5]))
        quiet(patch, localize, *places, *rest, "--level", "participant")
        quiet(patch, localize, *places, *rest, "--level", "group")
    else:
        for place in order:
            quiet(patch, localize, "--lesions", files[PEOPLE[place]], *places[2:], *rest)


def check_cohort(seed: int, how: str, jobs: int, compared: str, draw: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    who = people(rng)
    order = rng.permutation(len(PEOPLE))
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        here = Path(place)
        patch.setattr(
            "yucca_wm.localize.outputs.group.draw_heat_map", lambda *_: None
        )  # pictures take most of the time
        patch.setattr("yucca_wm.localize.outputs.group.save_figure", lambda *_: None)
        patch.setattr("yucca_wm.evaluate.cohort.write_page", lambda *_: [])
        patch.setattr("yucca_wm.groups.figures.draw_forest", lambda *_, **__: None)
        patch.setattr("yucca_wm.groups.associate_command.Pictures.add", lambda *_: None)
        for name in ("draw_profiles", "draw_embedding", "draw_dendrogram"):
            patch.setattr(f"yucca_wm.groups.figures.{name}", lambda *_, **__: None)
        patch.setattr("yucca_wm.groups.cluster_command.cluster", small_cluster)
        kinds = {"lesions": who.lesions, "regions": who.regions}
        kinds["pred"] = who.predicted if compared == "lesions" else who.drawn
        files = {
            k: {PEOPLE[one]: save(here / k / PEOPLE[one], own[one], rng) for one in order} for k, own in kinds.items()
        }
        written(here / "names.tsv", [["index", "name"], *([str(label), name] for label, name in NAMES.items())], draw)
        columns = zip(PEOPLE, map(str, who.score), map(str, who.age), np.where(who.sex, "M", "F"), strict=True)
        rows = [["participant_id", "score", "age", "sex"], *map(list, columns)]
        written(here / "participants.tsv", rows, draw)

        localized(patch, here, files["lesions"], how, jobs, order)
        loads = check_loads(here / "out", who)

        more = ["--names", here / "names.tsv"] if compared == "regions" else ["--lesions"]
        more += ["--out-dir", here / "scores", "--jobs", jobs]
        if how == "one by one":
            for one in order:
                pair = files["pred"][PEOPLE[one]], files[compared][PEOPLE[one]]
                quiet(patch, evaluate, "--pred", pair[0], "--gt", pair[1], *more)
        else:
            quiet(patch, evaluate, "--pred", here / "pred", "--gt", here / compared, *more)
        check_scores(here / "scores", *expected_scores(who, compared))

        words = ["associate", "--loads", here / "out", "--participants", here / "participants.tsv"]
        words += ["--outcome", "score", "--covariates", "age", "sex", "--permutations", 19]
        quiet(patch, groups, *words, "--out-dir", here / "effects")
        check_effects(here / "effects", who, loads)
        if how == "by level":
            words = ["cluster", "--loads", here / "out", "--out-dir", here / "clusters", "--k-max", 2]
            quiet(patch, groups, *words)
            check_clusters(here / "clusters", loads)


def expected_scores(who: People, compared: str) -> tuple[dict[tuple[str, ...], dict[str, float | None]], list[str]]:
    if compared == "lesions":
        names = ("dice", "hausdorff95_mm", "volume_difference_percent", "lesion_recall", "lesion_f1")
        pairs = zip(PEOPLE, who.predicted, who.lesions, strict=True)
        found = {(name,): lesion_measures(pred, true, AFFINE) for name, pred, true in pairs}
        scores = {key: {name: getattr(one, name) for name in names} for key, one in found.items()}
        for key, one in found.items():
            scores[key]["volume_error_ml"] = one.volume_pred_ml - one.volume_true_ml
        return scores, ["subject"]
    known = RegionTable([Region(label, name, name, Side.NONE, "", "#000000") for label, name in NAMES.items()])
    expected: dict[tuple[str, ...], dict[str, float | None]] = {}
    for name, pred, true in zip(PEOPLE, who.drawn, who.regions, strict=True):
        for one in region_measures(pred, true, AFFINE, known):
            expected[name, one.name] = {
                "dice": one.dice, "surface_dice": one.surface_dice, "volume_error_percent": one.volume_error_percent,
            }  # fmt: skip
    return expected, ["subject", "name"]


COHORTS = given(
    seed=st.integers(0, 2**32 - 1),
    how=st.sampled_from(["at once", "by level", "one by one"]),
    jobs=st.sampled_from([1, 2]),
    compared=st.sampled_from(["lesions", "regions"]),
    draw=st.data(),
)
RULES = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
"""No smaller example is looked for: one seed is as small as another."""


@settings(RULES, max_examples=20)
@COHORTS
def test_tables_do_not_depend_on_how_files_are_written_or_gone_through(
    seed: int, how: str, jobs: int, compared: str, draw: st.DataObject
) -> None:
    check_cohort(seed, how, jobs, compared, draw)


@pytest.mark.nightly
@settings(RULES, max_examples=300)
@COHORTS
def test_nor_in_300_cohorts(seed: int, how: str, jobs: int, compared: str, draw: st.DataObject) -> None:
    check_cohort(seed, how, jobs, compared, draw)
