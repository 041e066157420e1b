"""The pages hold what the tables hold, stand alone, and work in a browser."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from operator import itemgetter
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from yucca_wm.core.errors import InputError, MissingExtraError
from yucca_wm.localize.__main__ import main as localize_main
from yucca_wm.localize.measures.places import SORTED
from yucca_wm.report import subject_page
from yucca_wm.report.__main__ import main
from yucca_wm.report.notes import SMALL
from yucca_wm.report.results import read_results
from yucca_wm.report.scans import OTHER_GRID

from ..results_page import unnamed
from .conftest import as_of_predict

ROOT = Path(__file__).parents[2]
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)


@pytest.fixture(scope="session")
def report(localized: Path) -> Path:
    arguments = ["--results", str(localized / "results"), "--images", str(localized / "flair")]
    atlas = str(localized / "regions" / "left.nii.gz")
    assert main([*arguments, "--atlas", atlas, "--out_dir", str(localized / "report")]) == 0
    return localized / "report"


def test_pages_stand_alone(report):
    pages = sorted(report.rglob("*.html"))
    assert [page.name for page in pages] == ["index.html", "a<b>.html", "empty.html", "left.html"]
    figures = {str(path.relative_to(report / "figures")) for path in (report / "figures").rglob("*.*")}
    cohort = ("heat_map", "left_right", "atlas_load", "lesion_frequency")
    stems = [*cohort, *(f"subjects/{name}" for name in ("a<b>", "empty", "left"))]
    assert figures == {stem + suffix for stem in stems for suffix in (".png", ".svg")}
    assert unnamed(report, ["a<b>", "empty", "left"], inside="report/") == []
    for page in pages:
        text = html.unescape(page.read_text(encoding="utf-8"))
        addresses = re.findall(
            r"""<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=["']?((?:https?:)?//[^"' >]+)""", text
        )
        assert addresses == []
        assert "url(http" not in text


def test_names_are_escaped(report):
    text = (report / "index.html").read_text(encoding="utf-8")
    assert "a&lt;b&gt;" in text
    assert "<b>" not in text


@pytest.mark.parametrize("name", ["x#y", "50%", "what?", "a&b"])
def test_a_link_leads_to_the_page_whatever_its_subject_is_called(placed, tmp_path, capsys, monkeypatch, name):
    """A browser cuts an address at # and ?, and reads %41 as A."""
    monkeypatch.setattr("yucca_wm.report.write.subject_page", lambda *_, **_kw: ("page", ""))
    for kind in ("lesions", "regions"):
        (tmp_path / kind).mkdir()
        for subject in (name, "other"):
            shutil.copy(placed / kind / "s.nii.gz", tmp_path / kind / f"{subject}.nii.gz")
    arguments = [f"--{kind}={tmp_path / kind}" for kind in ("lesions", "regions")]
    assert localize_main([*arguments, "--names", str(placed / "names.tsv"), "--out_dir", str(tmp_path / "out")]) == 0
    assert main(["--results", str(tmp_path / "out"), "--out_dir", str(tmp_path / "pages"), "--jobs", "1"]) == 0
    index = (tmp_path / "pages/index.html").read_text(encoding="utf-8")
    (link,) = set(re.findall(r'href="(subjects/[^"]*)"', index)) - {"subjects/other.html"}
    address = urlsplit(html.unescape(link))
    assert (address.query, address.fragment) == ("", "")
    assert (tmp_path / "pages" / unquote(address.path)).read_text() == "page"
    capsys.readouterr()


def test_every_region_and_every_lesion_is_there(report, localized):
    results = read_results(localized / "results")
    text = (report / "subjects" / "left.html").read_text(encoding="utf-8")
    body = text[text.index('id="load"') :]
    for row in results.load["left"]:
        assert f"<td>{row['name']}</td>" in body
        assert f"<td>{float(row['lesion_volume_ml']):.3f}</td>" in body
    assert body.count("<tr") == 2 + 38 + len(results.lesions["left"]) + 2  # and the volumes in template space
    assert "no lesion was found" in (report / "subjects" / "empty.html").read_text(encoding="utf-8")
    assert "no lesion: 1 of 3 subjects (empty)" in (report / "index.html").read_text(encoding="utf-8")


PROBE = """<script>
window.addEventListener("error", e => document.body.setAttribute("data-error", e.message));
window.addEventListener("load", () => setTimeout(() => {
  const table = document.querySelector("table"), column = table.rows[0].cells.length > 8 ? 5 : 1;
  table.rows[0].cells[column].click(); table.rows[0].cells[column].click();
  const rows = [...table.tBodies[0].rows].filter(r => !r.classList.contains("sum"));
  const cells = rows.map(r => Number(r.cells[column].textContent));
  const down = cells.every((x, i) => i == 0 || cells[i - 1] >= x);
  const images = [...document.images].every(i => i.complete && i.naturalWidth > 100);
  const frame = document.getElementById("viewer"), canvas = frame && frame.contentDocument.querySelector("canvas");
  const colours = canvas ? new Set(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data) : [];
  document.title = `sorted ${down} images ${images} ${document.images.length} viewer ${colours.size > 20}`;
}, 1500));</script>"""
"""Sorts a column twice, and asks whether pictures are loaded and the slice viewer has drawn something."""


def browse(page: Path, profile: Path, *more: str) -> str:
    """Headless Chromium without network on a page; what it prints."""
    command = [str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=8000"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={profile}", *more, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
@pytest.mark.parametrize(
    ("page", "says"),
    [
        ("index.html", "sorted true images true 4 viewer false"),
        ("subjects/left.html", "sorted true images true 1 viewer true"),
    ],
)
def test_pages_work_in_a_browser(report, tmp_path, page, says):
    """Pictures load, columns sort, the slice viewer draws, nothing is logged as an error."""
    probed = tmp_path / "page.html"
    text = (report / page).read_text(encoding="utf-8")
    probed.write_text(text.replace("<head>", "<head>" + PROBE, 1), encoding="utf-8")
    dom = browse(probed, tmp_path / "profile", "--dump-dom")
    title = re.search(r"<title>(.*?)</title>", dom)
    assert title is not None
    assert title[1] == says
    assert "<body data-error" not in dom


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_a_screenshot_shows_the_page(report, tmp_path):
    """The page is painted: white with dark text at the top, and many colours where the pictures are."""
    shot = tmp_path / "shot.png"
    browse(report / "index.html", tmp_path / "profile", f"--screenshot={shot}", "--window-size=1200,3200")
    pixels = np.asarray(Image.open(shot).convert("RGB"))
    assert pixels.shape == (3200, 1200, 3)
    assert (pixels[:100] == 255).all(axis=2).mean() > 0.8
    assert (pixels[:100] < 80).all(axis=2).any()
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 200


def test_a_folder_that_is_not_a_localization(tmp_path):
    with pytest.raises(InputError, match="is not a folder of"):
        main(["--results", str(tmp_path), "--out_dir", str(tmp_path / "out")])


def test_maps_that_are_gone_leave_the_tables(localized, tmp_path, capsys):
    copy = tmp_path / "results"
    shutil.copytree(localized / "results", copy)
    summary = (copy / "localize.json").read_text().replace(str(localized / "lesions"), str(tmp_path / "gone"))
    (copy / "localize.json").write_text(summary)
    assert main(["--results", str(copy), "--out_dir", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out" / "subjects" / "left.html").read_text(encoding="utf-8")
    assert "no picture of the lesions" in text
    assert 'id="load"' in text
    capsys.readouterr()


def test_pictures_of_an_earlier_report_are_removed(localized, tmp_path, capsys):
    arguments = ["--results", str(localized / "results"), "--out_dir", str(tmp_path), "--cohort-only"]
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/atlas_load.png").write_bytes(b"of another cohort")
    beyond = tmp_path.with_name(f"{tmp_path.name}.png")
    beyond.write_bytes(b"of nobody")
    kept = tmp_path / "scans/a.png"
    kept.parent.mkdir()
    kept.write_bytes(b"of somebody else")
    listed = ["figures/atlas_load.png", f"../{beyond.name}", str(beyond), "scans/a.png", "scans"]
    listed += ["figures/../scans/a.png"]
    (tmp_path / "report.json").write_text(json.dumps({"program": "another", "files": listed}))
    assert main(arguments) == 0
    assert (tmp_path / "figures/atlas_load.png").exists(), "the list is another program's"
    (tmp_path / "report.json").write_text(json.dumps({"program": "yucca_wm.report", "files": listed}))
    assert main(arguments) == 0
    assert beyond.exists()
    assert kept.exists()
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == {"heat_map", "left_right", "lesion_frequency"}
    capsys.readouterr()


def test_maps_that_are_others_than_the_tables_say_are_not_shown(localized, tmp_path, capsys):
    """The lesion map of one person was exchanged since: as many voxels, in other regions."""
    shutil.copytree(localized, tmp_path / "cohort")
    for file in (tmp_path / "cohort/results").glob("*.json"):
        file.write_text(file.read_text().replace(str(localized), str(tmp_path / "cohort")))
    path = tmp_path / "cohort/lesions/left.nii.gz"
    image = nib.load(path)
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[::-1], image.affine), path)
    assert main(["--results", str(tmp_path / "cohort/results"), "--out_dir", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    changed = f"{path}: is not the map that the tables were made from, or its region map has changed"
    assert f"error: left: no picture: {changed}" in said
    assert "no picture of the lesions" in (tmp_path / "out/subjects/left.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("original", ["stays", "changed", "gone"])
def test_results_that_were_copied_or_moved_are_shown_with_their_own_maps(localized, tmp_path, capsys, original):
    """With their maps, as those of predict; the map of one person in the copy was exchanged since."""
    there = as_of_predict(localized, "results", tmp_path / "there")
    here = shutil.copytree(there, tmp_path / "here")
    for root, changed in ((here, True), (there, original == "changed")):
        path = root / "lesions/left.nii.gz"
        image = nib.load(path)
        if changed:
            nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[::-1], image.affine), path)
    if original == "gone":
        shutil.rmtree(there)
    words = ["--images", str(localized / "flair"), "--out_dir", str(tmp_path / "out")]
    assert main(["--results", str(here), *words]) == 1
    said = capsys.readouterr().err
    assert f"error: left: no picture: {here}/lesions/left.nii.gz: is not the map that the tables were made from" in said
    assert "a<b>: no picture" not in said
    if original == "stays":
        assert main(["--results", str(there), *words]) == 0


def test_a_missing_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"yucca-wm\[report\]"):
        main(["--results", str(tmp_path), "--out_dir", str(tmp_path)])


@pytest.fixture(scope="session")
def placed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One subject as predict leaves it: another region table without colours, tissue, notes, a picture, a scan."""
    root = tmp_path_factory.mktemp("placed")
    affine = np.diag([2.0, 2.0, 4.0, 1.0])
    tissue = np.ones((30, 30, 12), np.uint8)
    tissue[:5], tissue[25:] = 4, 2
    labels = np.where(np.arange(30)[:, None, None] < 15, 70, 90) * np.ones_like(tissue)
    lesions = np.zeros_like(tissue)
    lesions[5:9, 10:14, 5], lesions[18, 10, 5] = 1, 1
    scan = labels * np.random.default_rng(0).uniform(1.4, 1.6, labels.shape)
    for kind, data in (("lesions", lesions), ("regions", labels), ("tissue", tissue), ("scans", scan)):
        (root / kind).mkdir()
        name = "s_FLAIR_000.nii.gz" if kind == "scans" else "s.nii.gz"
        nib.save(nib.Nifti1Image(data.astype(np.float32 if kind == "scans" else np.uint8), affine), root / kind / name)
    (root / "names.tsv").write_text("index\tname\n70\tfirst_L\n90\tsecond_R\n")
    made = {"scans": {"T1": {"file": "elsewhere/s_T1.nii"}}, "lesions_by": "network", "regions_by": "atlas"}
    note = {"cases": {"s": {**made, "notes": ["T1 lies 9 mm off <i>"]}, "other": {}}}
    (root / "predict.json").write_text(json.dumps(note))
    arguments = [f"--{kind}={root / kind}" for kind in ("lesions", "regions", "tissue")]
    assert localize_main([*arguments, "--names", str(root / "names.tsv"), "--out_dir", str(root / "out")]) == 0
    (root / "out" / "frame").mkdir()
    Image.fromarray(np.zeros((20, 300, 3), np.uint8)).save(root / "out" / "frame" / "s.png")
    shutil.copy(root / "predict.json", root / "out")
    return root


def test_results_carry_what_their_page_needs(placed, tmp_path, capsys):
    """No --names: names and colours come with the results; the scan is found by its name."""
    arguments = ["--results", str(placed / "out"), "--images", str(placed / "scans"), "--out_dir", str(tmp_path)]
    assert main(arguments) == 0
    assert "no scan" not in capsys.readouterr().err
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "T1 lies 9 mm off &lt;i&gt;" in page
    assert "a load of under 2 ml is uncertain" in page  # of .256 and .016 ml
    order = ("s: 0.272 ml in 2 lesions</h1>", "T1 lies 9 mm off", SMALL, 'id="viewer"', 'id="affected"', 'id="load"')
    assert [page.count(text) for text in order] == [1] * 6
    assert sorted(map(page.index, order)) == [page.index(text) for text in order]
    assert "(here 1 of 2 are under 0.02 ml)" in page
    facts = re.sub("<[^>]*>", " ", page[page.index("<h2>Made from</h2>") :]).split()
    assert " ".join(facts).startswith("Made from T1 elsewhere/s_T1.nii lesion map")
    assert "regions by atlas" in " ".join(facts)
    assert "Cyan lesions" not in page  # none is outside
    assert 'id="alignment"' in page
    assert "Do T1 and FLAIR match?" in page
    captions = re.findall("<figcaption>(.*?)</figcaption>", page)
    assert len(captions) == 2
    assert captions[1].startswith("Edges of the T1 on the FLAIR. ")  # which need not have been moved
    assert all("The subject&#39;s left is on the left." in caption for caption in captions)
    assert SORTED in page[page.index('id="places"') :]
    assert "s_FLAIR_000.nii.gz" in page
    assert "no picture" not in page
    viewer = html.unescape(re.search(r'srcdoc="([^"]*)"', page)[1])
    shown = json.loads(html.unescape(re.search(r"const layers = (.*);", viewer)[1]))
    assert [layer["title"] for layer in shown] == ["lesions by region", "lesions by place", "regions", "tissue"]
    assert [name for *_, name in shown[2]["names"]] == ["first_L", "second_R"]
    assert all(max(rgb) - min(rgb) > 60 for layer in (shown[0], shown[2]) for *rgb, _ in layer["names"])  # not grey
    assert shown[2]["names"][0][:3] != shown[2]["names"][1][:3]
    table = page[page.index('id="places"') :].split("</table>")[0]
    rows = re.findall(r"<td>([^<]*)</td><td>([\d.]*)</td><td>(\d+)</td>", table)
    # voxels of 16 mm3; those of 5..8 lie at 2..8 mm from the ventricle (centre of voxel 4), that of 18 at 28 mm
    assert [row for row in rows if row[1] != "0.000"] == [
        ("periventricular, touching a lateral ventricle or callosal", "0.256", "1"),
        ("deep (the rest)", "0.016", "1"),
        ("total", "0.272", "2"),
    ]


def test_the_page_has_the_figures_of_the_documentation_on_small_lesions() -> None:
    said = (ROOT / "docs" / "what-to-expect.md").read_text(encoding="utf-8").replace("\n  ", " ")
    assert "Of the lesions of 100 mm³ and more, 28 of 30 were found" in said
    assert "of the smaller ones, 17 of 30" in said
    assert (
        "17 of 30 under 0.1 ml were found, and 28 of 30 larger ones (documentation: What to expect on your scans)"
        in SMALL
    )


def test_of_lesions_of_ones_own_nothing_is_said_that_was_measured_on_others(report) -> None:
    assert all(SMALL not in page.read_text(encoding="utf-8") for page in report.rglob("*.html"))


def test_regions_with_lesions_stand_first_and_all_of_them_are_folded(placed, tmp_path):
    """Of voxels of 16 mm3, 16 in one region of 15 * 30 * 12 and 1 in the other, as large: .256 and .016 ml."""
    assert main(["--results", str(placed / "out"), "--out_dir", str(tmp_path)]) == 0
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    shown = page[page.index('id="affected"') :].split("</table>")[0]
    assert re.findall(r"<td>([^<]*)</td>" * 4, shown) == [
        ("first L", "0.256", "0.30", "1"),
        ("second R", "0.016", "0.02", "1"),
        ("total", "0.272", "0.16", "2"),  # and nothing outside
    ]
    assert "<th>lesion volume (ml)</th><th>load (% of the region)</th><th>lesions</th>" in shown
    assert "all 2 regions contain lesion voxels" in page
    folded = page[page.index("<details>") : page.index("</details>")]
    assert 'id="load"' in folded
    assert page.index('id="affected"') < page.index("<figure>") < page.index("<details>")


def test_of_one_person_there_is_one_page_and_no_mean(localized, placed, tmp_path):
    """In a folder that held a cohort's pages: none of them stays. With --cohort-only there are means, of one."""
    assert main(["--results", str(localized / "results"), "--out_dir", str(tmp_path)]) == 0
    arguments = ["--results", str(placed / "out"), "--images", str(placed / "scans"), "--out_dir", str(tmp_path)]
    assert main(arguments) == 0
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"index.html", "report.json", "figures/subjects/s.png", "figures/subjects/s.svg"}
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<h1>s: 0.272 ml in 2 lesions</h1>" in page
    assert 'id="viewer"' in page
    assert "Cohort</a>" not in page
    assert "Mean" not in page
    assert main([*arguments, "--cohort-only"]) == 0
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Means are of 1 of 1 subject" in page
    assert SMALL in page
    assert "Lesion volume by place (ml)" in page


def test_only_files_of_an_earlier_report_go(localized, placed, tmp_path):
    """A paper's own figures, and a page, lie where those of a report would."""
    own = [tmp_path / name for name in ("figures/fig1.png", "figures/subjects/face.svg", "subjects/notes.html")]
    for path in own:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"my own")
    assert main(["--results", str(localized / "results"), "--out_dir", str(tmp_path)]) == 0
    made = {path for path in tmp_path.rglob("*") if path.is_file()} - {*own}
    listed = json.loads((tmp_path / "report.json").read_text())["files"]
    assert made <= {tmp_path / name for name in (*listed, "index.html", "report.json")}
    assert len(made) > 10
    assert main(["--results", str(placed / "out"), "--out_dir", str(tmp_path)]) == 0
    left = {str(path.relative_to(tmp_path)) for path in made if path.exists()}
    assert left == {"index.html", "report.json"}
    assert all(path.read_bytes() == b"my own" for path in own)


def test_bars_add_up_to_the_total(localized, tmp_path, monkeypatch):
    """Remainders and what lies outside are bars too."""
    drawn = {}
    real = subject_page.draw_subject

    def draw_subject(*given, **more):
        drawn[more["title"]] = given[3]
        return real(*given, **more)

    monkeypatch.setattr(subject_page, "draw_subject", draw_subject)
    assert main(["--results", str(localized / "results"), "--out_dir", str(tmp_path), "--jobs", "1"]) == 0
    for name, rows in read_results(localized / "results").load.items():
        assert [bar.name for bar in drawn[name]] == [row["name"] for row in rows if row["name"] != "total"]
        total = float(rows[-1]["lesion_volume_ml"])
        assert sum(bar.volume_ml for bar in drawn[name]) == pytest.approx(total, abs=1e-4)
        outside = float(rows[-2]["lesion_volume_ml"])
        assert [bar.volume_ml for bar in drawn[name] if not bar.is_region] == [outside]
    assert total > 0
    assert outside > 0


def test_an_atlas_for_the_page_of_one_person_is_refused(placed, tmp_path):
    with pytest.raises(InputError, match=r"atlas\.nii\.gz: is for the mean loads of a cohort; .* one person"):
        main(["--results", str(placed / "out"), "--out_dir", str(tmp_path), "--atlas", "atlas.nii.gz"])


def test_a_page_without_names_and_notes(placed, tmp_path):
    arguments = ["--results", str(placed / "out"), "--anonymise", "--out_dir", str(tmp_path)]
    assert main(arguments) == 0
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "9 mm off" not in text  # s, the person's name, is in it
    assert str(placed) not in text
    assert 'id="places"' in text
    assert 'id="alignment"' in text


def test_who_has_no_scan_is_named_and_a_folder_that_fits_nobody_is_an_error(localized, placed, tmp_path, capsys):
    scans = tmp_path / "scans"
    scans.mkdir()
    shutil.copy(localized / "flair" / "left.nii.gz", scans / "left_FLAIR.nii.gz")
    arguments = ["--results", str(localized / "results"), "--images", str(scans), "--out_dir", str(tmp_path / "out")]
    assert main(arguments) == 0
    assert "note: no scan of 2 of 3 subjects: a<b>, empty" in capsys.readouterr().err
    assert "no scan was given" in (tmp_path / "out" / "subjects" / "empty.html").read_text(encoding="utf-8")
    assert "no scan was given" not in (tmp_path / "out" / "subjects" / "left.html").read_text(encoding="utf-8")
    before = sorted(path.name for path in (tmp_path / "out").rglob("*"))
    with pytest.raises(InputError, match="holds no scan of any subject"):
        main([*arguments[:3], str(placed / "scans"), *arguments[4:]])
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == before


LAYERS = """<script>
window.addEventListener("load", () => setTimeout(() => {
  const page = document.getElementById("viewer").contentDocument, canvas = page.querySelector("canvas");
  const seen = [], look = () => canvas.toDataURL();
  const said = page.getElementById("said").textContent, buttons = [...page.querySelectorAll("input[name=layer]")];
  const next = () => {
    seen.push(look());
    const button = buttons[seen.length];
    if (button) { button.click(); setTimeout(next, 300); }
    else document.title = `${buttons.length} layers, ${new Set(seen).size} pictures, ${said}`;
  };
  next();
}, 1500));</script>"""
"""Chooses every layer in turn and asks how many different pictures there were, and what is said of the first place."""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_layers_can_be_switched_in_a_browser(placed, tmp_path):
    arguments = ["--results", str(placed / "out"), "--images", str(placed / "scans"), "--out_dir", str(tmp_path)]
    assert main(arguments) == 0
    page = tmp_path / "index.html"
    page.write_text(page.read_text(encoding="utf-8").replace("<head>", "<head>" + LAYERS, 1), encoding="utf-8")
    title = re.search(r"<title>(.*?)</title>", browse(page, tmp_path / "profile", "--dump-dom"))
    place = "lesion: periventricular, touching a lateral ventricle or callosal"
    said = f"{place} · region: first L"  # and no tissue: below a lesion the map may show fluid
    assert html.unescape(title[1]) == f"5 layers, 5 pictures, {said}"


def test_an_atlas_that_cannot_be_read_leaves_the_earlier_report(localized, tmp_path):
    earlier = [tmp_path / "index.html", tmp_path / "subjects" / "left.html", tmp_path / "figures" / "heat_map.png"]
    for path in earlier:
        path.parent.mkdir(exist_ok=True)
        path.write_text("earlier")
    atlas = tmp_path / "atlas.nii.gz"
    with pytest.raises(InputError, match=r"atlas\.nii\.gz: no such file"):
        main(["--results", str(localized / "results"), "--out_dir", str(tmp_path), "--atlas", str(atlas)])
    assert [path.read_text() for path in earlier] == ["earlier"] * 3


def test_a_page_that_is_not_ours_stays(placed, tmp_path):
    page = tmp_path / "index.html"
    page.write_text("mine")
    with pytest.raises(InputError, match=r"index\.html: exists already and was not written by yucca-wm"):
        main(["--results", str(placed / "out"), "--out_dir", str(tmp_path)])
    assert page.read_text() == "mine"


def test_visits_on_other_voxels_and_who_is_not_in_the_means_are_said_first(tmp_path, capsys):
    """Slices of 2 and 3 mm: the second visit is left out of the means, and both volumes depend on the slices, although
    voxels are of nearly one volume (2 and 1.92 mm3)."""
    for name, plane, mm in (("001_visit1", 1.0, 2.0), ("001_visit2", 0.8, 3.0), ("002", 1.0, 2.0)):
        lesions, regions = np.zeros((12, 12, 12), np.uint8), np.full((12, 12, 12), 3, np.uint8)
        lesions[2:4, 2:4, 2:4] = 1
        for what, data in (("lesions", lesions), ("regions", regions)):
            (tmp_path / what).mkdir(exist_ok=True)
            nib.save(nib.Nifti1Image(data, np.diag([plane, plane, mm, 1])), tmp_path / what / f"{name}.nii.gz")
    words = ["--lesions", tmp_path / "lesions", "--regions", tmp_path / "regions", "--out-dir", tmp_path / "out"]
    assert localize_main([*map(str, words)]) == 0
    assert main(["--results", str(tmp_path / "out"), "--out-dir", str(tmp_path / "pages"), "--cohort-only"]) == 0
    text = html.unescape((tmp_path / "pages/index.html").read_text())
    head = text[: text.index("<h2>Subjects")]
    assert "; 1 of 3 left out: 001_visit2" in head
    assert "of another size than at another visit of the person" in head
    assert "2 of 3 subjects (001_visit1, 001_visit2)" in head
    subjects = json.loads((tmp_path / "out/localize.json").read_text())["subjects"]
    sizes = "001_visit1 1 x 1 x 2, 001_visit2 0.8 x 0.8 x 3"
    said = f"voxels differ in size between visits (in mm: {sizes}): do not compare volumes as they are"
    assert [about["flags"].get("other_voxels") for about in subjects.values()] == [said, said, None]
    assert "another visit of the person" in capsys.readouterr().err


@pytest.mark.parametrize("maps_on", ["FLAIR", "T1"])
def test_maps_are_shown_on_the_scan_that_they_were_predicted_from(maps_on, placed, tmp_path):
    """The record names it, whatever it is called; by its name the raw T1 would be shown, which was moved."""
    results, scans = tmp_path / "out", tmp_path / "my scans" / "s"
    as_of_predict(placed, "out", results)
    scans.mkdir(parents=True)
    right = nib.load(placed / "scans" / "s_FLAIR_000.nii.gz")
    moved = right.affine @ nib.affines.from_matvec(np.eye(3), [3.4, 0, 0])
    elsewhere = nib.Nifti1Image(right.get_fdata(dtype=np.float32), moved)
    files = {"FLAIR": scans / "FLAIR rotated grid.nii.gz", "T1": scans / "T1.nii.gz"}
    for modality, file in files.items():
        nib.save(right if modality == maps_on else elsewhere, file)
    record = json.loads((results / "predict.json").read_text())
    record["cases"]["s"]["scans"] = {modality: {"file": str(file)} for modality, file in files.items()}
    (results / "predict.json").write_text(json.dumps(record))
    arguments = ["--results", str(results), "--images", str(tmp_path / "my scans"), "--out_dir", str(tmp_path / "page")]
    assert main(arguments) == 0
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    shown = re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", page[page.index("<h2>Made from</h2>") :]))
    assert f"shown on {files[maps_on]}" in shown
    assert OTHER_GRID not in page
    files[maps_on].unlink()  # what is left has another place in the world
    assert main(arguments) == 0
    assert OTHER_GRID in (tmp_path / "page" / "index.html").read_text(encoding="utf-8")


def test_tables_that_a_spreadsheet_sorted_give_the_same_page_and_others_are_refused(localized, tmp_path):
    """Rows by load instead of by region: the last of a subject is no longer its total."""
    pages = []
    for sorted_ in (False, True):
        results = tmp_path / f"results{sorted_:d}"
        shutil.copytree(localized / "results", results)
        for name, column in (("lesion_load.tsv", "lesion_volume_ml"), ("lesions.tsv", "volume_ml")):
            head, *lines = (results / name).read_text(encoding="utf-8").splitlines()
            if sorted_:
                cells = [line.split("\t") for line in lines]
                lines = ["\t".join(row) for row in sorted(cells, key=itemgetter(head.split("\t").index(column)))]
            (results / name).write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
        assert main(["--results", str(results), "--out_dir", str(tmp_path / "page"), "--cohort-only"]) == 0
        page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
        pages.append(page.replace(str(results), "results"))
    assert pages[0] == pages[1]
    path = results / "lesion_load.tsv"
    whole = path.read_text(encoding="utf-8")
    for changed, problem in (
        (whole[: whole.rindex("\n", 0, -1) + 1], "rows of .* are missing"),
        (whole.replace("\nempty\t", "\n0empty\t"), "has other subjects than localize.json: 0empty, empty"),
    ):
        path.write_text(changed, encoding="utf-8")
        with pytest.raises(InputError, match=problem):
            read_results(results)


def test_what_predict_recorded_follows_the_maps(placed, tmp_path):
    """Its lesions localized elsewhere keep its notes; lesions of one's own, localized beside its record, have none."""
    elsewhere = read_results(placed / "out")
    assert elsewhere.notes["s"] == ["T1 lies 9 mm off <i>"]
    (placed / "out" / "predict.json").rename(tmp_path / "predict.json")
    assert read_results(placed / "out").notes["s"] == ["T1 lies 9 mm off <i>"], "the maps' own record"
    (tmp_path / "predict.json").rename(placed / "out" / "predict.json")
    results, own = tmp_path / "results", tmp_path / "drawn" / "lesions"
    own.mkdir(parents=True)
    shutil.copy(placed / "lesions" / "s.nii.gz", own)
    arguments = ["--lesions", str(own), "--regions", str(placed / "regions"), "--names", str(placed / "names.tsv")]
    assert localize_main([*arguments, "--out_dir", str(results)]) == 0
    shutil.copy(placed / "predict.json", results)
    drawn = read_results(results)
    assert drawn.regions_by == {}
    moved = tmp_path / "moved"
    shutil.copytree(placed, moved)
    content = (moved / "out" / "localize.json").read_text().replace(str(placed), str(tmp_path / "gone"))
    (moved / "out" / "localize.json").write_text(content)
    assert read_results(moved / "out").notes["s"] == ["T1 lies 9 mm off <i>"], "results that were moved"
