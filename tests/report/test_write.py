"""The pages hold what the tables hold, stand alone, and work in a browser."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from yucca_wm.errors import InputError, MissingExtraError
from yucca_wm.report.__main__ import main
from yucca_wm.report.results import read_results

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
    assert sorted(path.suffix for path in report.rglob("*") if path.is_file()) == [".html"] * 4
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


def test_every_region_and_every_lesion_is_there(report, localized):
    results = read_results(localized / "results")
    text = (report / "subjects" / "left.html").read_text(encoding="utf-8")
    body = text[text.index('id="load"') :]
    for row in results.load["left"]:
        assert f"<td>{row['name']}</td>" in body
        assert f"<td>{row['lesion_volume_ml'][:-3]}</td>" in body
    assert body.count("<tr") == 2 + 38 + len(results.lesions["left"])
    assert "no lesion was found" in (report / "subjects" / "empty.html").read_text(encoding="utf-8")
    assert "no lesion: 1 of 3 subjects (empty)" in (report / "index.html").read_text(encoding="utf-8")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
@pytest.mark.parametrize("page", ["index.html", "subjects/left.html"])
def test_pages_work_in_a_browser(report, tmp_path, page):
    """Headless and without network: pictures load, the first column sorts, nothing is logged as an error."""
    text = (report / page).read_text(encoding="utf-8")
    probe = """<script>window.addEventListener("load", () => {
      const table = document.querySelector("table"), column = table.rows[0].cells.length > 8 ? 5 : 1;
      table.rows[0].cells[column].click(); table.rows[0].cells[column].click();
      const rows = [...table.tBodies[0].rows].filter(r => !r.classList.contains("sum"));
      const cells = rows.map(r => Number(r.cells[column].textContent));
      const down = cells.every((x, i) => i == 0 || cells[i - 1] >= x);
      const images = [...document.images].every(i => i.complete && i.naturalWidth > 100);
      document.title = `sorted ${down} images ${images} ${document.images.length}`; });
      window.addEventListener("error", e => document.body.setAttribute("data-error", e.message));</script>"""
    probed = tmp_path / "page.html"
    probed.write_text(text.replace("<head>", "<head>" + probe, 1), encoding="utf-8")
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}", probed.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    title = re.search(r"<title>(.*?)</title>", dom)
    assert title is not None
    assert title[1].startswith("sorted true images true")
    assert int(title[1].split()[-1]) >= 2
    assert "<body data-error" not in dom


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


def test_a_missing_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"yucca-wm\[report\]"):
        main(["--results", str(tmp_path), "--out_dir", str(tmp_path)])
