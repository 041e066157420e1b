"""What pages show of a person's visits."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.imaging.images import Image
from yucca_wm.localize.__main__ import main as localize
from yucca_wm.localize.heatmap import MAX_NAMED_ROWS
from yucca_wm.localize.measures.visits import Lesions, VisitRow
from yucca_wm.registration.itk import save_affine
from yucca_wm.report.__main__ import main
from yucca_wm.report.folder import files_of
from yucca_wm.report.pictures.visits import FAINTEST_ML, draw_differences, planes_through
from yucca_wm.report.visits import MOST, changed, laid_on


@pytest.fixture(scope="module")
def study(localized: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of two visits of a person: nothing, then the lesion of "left"; and of another person."""
    folder = tmp_path_factory.mktemp("study")
    for what in ("lesions", "regions"):
        (folder / what).mkdir()
        for old, new in (("empty", "anna_visit1"), ("left", "anna_visit2"), ("a<b>", "bert")):
            shutil.copy(localized / what / f"{old}.nii.gz", folder / what / f"{new}.nii.gz")
    maps = ["--lesions", str(folder / "lesions"), "--regions", str(folder / "regions")]
    assert localize([*maps, "--out-dir", str(folder / "results"), "--jobs", "1"]) == 0
    return folder / "results"


@pytest.fixture(scope="module")
def pages(study: Path, localized: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the study, with the scans of both visits."""
    folder = tmp_path_factory.mktemp("pages")
    scans = folder / "scans"
    scans.mkdir()
    for old, new in (("left", "anna_visit2"), ("empty", "anna_visit1")):
        shutil.copy(localized / "flair" / f"{old}.nii.gz", scans / f"{new}.nii.gz")
    assert main(["--results", str(study), "--out-dir", str(folder / "out"), "--images", str(scans)]) == 0
    return folder / "out"


def words_of(page: Path) -> str:
    text = html.unescape(re.sub("<[^>]*>", " ", re.sub('"data:[^"]*"', "", page.read_text(encoding="utf-8"))))
    return re.sub(r"\s+", " ", text)


def test_the_later_visit_has_the_difference_and_the_cohort_a_row_and_a_picture(pages: Path) -> None:
    """The lesion has 3 x 20 x 3 voxels of 16 mm3: 2.88 ml, all of it new."""
    cohort = words_of(pages / "index.html")
    assert "anna_visit2 +2.880 ml, 1 new lesion since anna_visit1. " in cohort
    assert "anna_visit2 anna_visit1 0.000 2.880 +2.880 0 1 1 (2.880 ml) 0 (0.000 ml) " in cohort
    assert (pages / "figures" / "visits.png").stat().st_size > 5_000
    later, earlier = (words_of(pages / "subjects" / f"anna_visit{n}.html") for n in (2, 1))
    assert "Since the visit before: anna_visit1" in later
    new = "1 new lesion, with none nearby at the visit before (+2.880 ml)"
    assert f"The difference of +2.880 ml: {new}; no lesion gone; all else +0.000 ml. The" in later
    assert "New lesions" in later
    assert "total 0.000 2.880 +2.880 0 1" in later
    assert "visit before" not in earlier
    assert "visit before" not in words_of(pages / "subjects" / "bert.html")


def test_both_visits_are_shown_with_new_lesions_outlined(pages: Path) -> None:
    pictures = {path.name for path in (pages / "figures" / "subjects" / "visits").iterdir()}
    assert pictures == {"anna_visit2.png", "anna_visit2.svg"}
    page = (pages / "subjects" / "anna_visit2.html").read_text(encoding="utf-8")
    assert "until its regions lie on those of this visit" in page
    assert "new lesions" in page, "a layer of the viewer"
    assert "figures/subjects/: visits/anna_visit2.png, visits/anna_visit2.svg" in page
    listed = {f"figures/subjects/visits/{name}" for name in pictures}
    assert listed <= set(files_of(["anna_visit2"])), "a later report removes them"


def test_the_earlier_scan_is_moved_to_where_this_head_lies(tmp_path: Path) -> None:
    """A bright voxel, 6 mm to the right at the visit before; by hand: x' = x - 6."""
    data = np.zeros((12, 10, 6), np.float32)
    data[5, 4, 3] = 100
    grid = np.diag([2.0, 2, 2, 1])
    earlier = tmp_path / "scan.nii.gz"
    nib.save(nib.Nifti1Image(data, nib.affines.from_matvec(np.diag([2.0, 2, 2]), [6, 0, 0])), earlier)
    save_affine(nib.affines.from_matvec(np.eye(3), [6, 0, 0]), tmp_path / "t.tfm")
    laid = laid_on(earlier, tmp_path / "t.tfm", Image(np.zeros_like(data), grid))
    np.testing.assert_allclose(laid.data, data, atol=1e-3)


def test_without_names_the_visits_have_numbers(study: Path, tmp_path: Path) -> None:
    assert main(["--results", str(study), "--out-dir", str(tmp_path), "--anonymise"]) == 0
    for page in tmp_path.rglob("*"):
        if page.suffix in (".html", ".svg", ".json"):
            assert "anna" not in page.read_text(encoding="utf-8")
    assert re.search(r"subject-00\d subject-00\d 0\.000 2\.880 \+2\.880", words_of(tmp_path / "index.html"))


def test_a_report_of_single_visits_has_neither_table_nor_picture(localized: Path, study: Path, tmp_path: Path) -> None:
    assert main(["--results", str(study), "--out-dir", str(tmp_path), "--cohort-only"]) == 0
    assert main(["--results", str(localized / "results"), "--out-dir", str(tmp_path), "--cohort-only"]) == 0
    assert "visit before" not in words_of(tmp_path / "index.html")
    assert not (tmp_path / "figures" / "visits.png").exists(), "that of the earlier report"


def row(name: str, before: float, now: float, lesions: tuple[int, int] = (0, 0)) -> VisitRow:
    of = Lesions(before, lesions[0]), Lesions(now, lesions[1])
    return VisitRow("before", 1, name, "left", "lobar", *of, None, None, None, ())


def test_the_rows_shown_add_up_to_the_total() -> None:
    places = [row(f"r{n}", 1.0, 1.0 + (-1) ** n * n / 10, (n, 1)) for n in range(15)]
    total = row("total", 15.0, sum(place.now.volume_ml for place in places), (105, 15))
    shown = changed([*places, total])
    assert [of.name for of in shown] == [*(f"r{n}" for n in range(14, 4, -1)), "all others (5)", "total"]
    assert len(shown) == MOST + 2
    for each in (lambda of: of.before.volume_ml, lambda of: of.difference_ml, lambda of: of.before.number):
        assert sum(map(each, shown[:-1])) == pytest.approx(each(total))


def test_places_without_a_difference_share_a_row() -> None:
    shown = changed([row("a", 1, 1), row("b", 2, 2.5), row("total", 3, 3.5)])
    assert [(of.name, of.difference_ml) for of in shown] == [("b", 0.5), ("all others (1)", 0), ("total", 0.5)]


def test_every_new_lesion_is_in_a_plane_as_far_as_there_are_planes() -> None:
    """Lesion 2 lies in the plane of lesion 1; of eight more in planes of their own, five fit."""
    new = np.zeros((20, 20, 20), np.uint16)
    new[2:6, 2:6, 3:6] = 1
    new[2:8, 2:8, 4] = 1
    new[12, 12, 4] = 2
    for number in range(3, 11):
        new[15, 15, 2 * number - 1] = number
    assert planes_through(new) == ([4, 5, 7, 9, 11, 13], [8, 9, 10])
    assert planes_through(new * 0) == ([], [])


@pytest.mark.parametrize("most_ml", [0.01, 4.0])
def test_more_is_red_less_is_blue_and_a_noise_is_faint(most_ml: float) -> None:
    figure = draw_differences(["v"], ["more", "less", "same"], np.array([[most_ml, -most_ml, 0.0]]))
    mesh = figure.axes[0].collections[0]
    more, less, same = mesh.to_rgba(np.array([most_ml, -most_ml, 0.0]))[:, :3]
    assert more[0] > more[2]
    assert less[2] > less[0]
    assert same.min() > 0.9
    assert (more[1] > 0.5) == (most_ml < FAINTEST_ML)


def test_of_many_visits_the_largest_differences_are_shown_and_names_are_as_they_are() -> None:
    differences = np.zeros((500, 3))
    differences[77, 1] = -3.0
    names = [f"$v{number}$" for number in range(500)]
    axes = draw_differences(names, ["a", "b", "c"], differences).axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) == MAX_NAMED_ROWS
    assert "$v77$" in labels
    assert not any(label.get_parse_math() for label in axes.get_yticklabels())
    assert f"({MAX_NAMED_ROWS} of 500 visits, those with the largest differences)" in axes.get_title()
