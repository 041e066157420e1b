"""The documentation builds without a network, every public name is in it, and its notebook runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import yucca_wm

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "sample-scan.md"
NO_NETWORK = {f"{scheme}_PROXY": "http://127.0.0.1:9" for scheme in ("HTTP", "HTTPS", "ALL")}
"""A proxy that refuses at once."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages. ``--strict``: a link or an anchor that leads nowhere, or a page that the menu lacks, fails."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | NO_NETWORK, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_readme_is_the_start_page(site: Path) -> None:
    start = (site / "index.html").read_text(encoding="utf-8")
    assert "Where in the brain are the white-matter lesions?" in start
    for target in ("images/sample.png", "raw-scans.html", "LICENSE", "CHANGELOG.html"):
        assert f'"{target}"' in start
        assert (site / target).is_file()


def test_every_public_name_has_an_entry(site: Path) -> None:
    entries = set(re.findall(r'<h\d id="yucca_wm\.([\w.]+)"', (site / "api.html").read_text(encoding="utf-8")))
    assert {"training.skeleton.tubed_skeleton", "training.synthesis.volumes.paint_volume"} <= entries
    last = {entry.rpartition(".")[2] for entry in entries}
    assert {name for name in getattr(yucca_wm, "__all__", ()) if name not in last} == set()


LOADED = (r"""<(?:script|img|iframe)\s[^>]*src=["']?https?:""", r"""<link\s[^>]*stylesheet[^>]*href=["']?https?:""")


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not [pattern for pattern in LOADED if re.search(pattern, text)], page.name


def names_used(page: Path) -> set[str]:
    """What a page's Python takes from the package and from its results: ``yw.predict``, ``scan.loads`` and so on."""
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return set(re.findall(r"\b(?:yw|scan|found)\.\w+", "".join(blocks)))


def test_the_notebook_uses_what_the_readme_shows() -> None:
    shown = names_used(ROOT / "README.md")
    assert {"yw.predict", "yw.localize", "scan.loads", "found.lesions", "found.places"} <= shown
    assert shown <= names_used(NOTEBOOK)


LEFT_IS_LEFT = """
from yucca_wm.imaging.images import load
from yucca_wm.imaging.grids import to_ras

shown, as_in_reports = axes[-1].images[0].get_array(), to_ras(load("FLAIR.nii.gz")).data
assert (shown == as_in_reports[:, :, max(by_load[-3:])].T).all()
assert [(text.get_text(), text.get_position()[0] < 0.5) for text in axes[-1].texts] == [("L", True), ("R", False)]
assert scan.notes == []  # as the page says
assert list(found.places["place"]) == list(scan.localization.places["place"])  # six, with their total
assert found.places["n_lesions"].iloc[-1] == found.places["n_lesions"].iloc[:-1].sum() == len(found.lesions)
"""
"""Run after the notebook: its slices are those of every other picture."""


def test_the_notebook_runs_as_it_is_written(tmp_path: Path) -> None:
    import jupytext
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell

    notebook: Any = jupytext.read(NOTEBOOK)
    assert sum(cell.cell_type == "code" for cell in notebook.cells) >= 8
    notebook.cells.append(new_code_cell(LEFT_IS_LEFT))
    client = NotebookClient(notebook, timeout=1500, kernel_name="python3", resources={"metadata": {"path": tmp_path}})
    client.execute()
    table = next(cell for cell in notebook.cells if "nlargest" in cell.source).outputs[0].data["text/html"]
    assert table.count("<tr") == 6  # a head and five regions
    assert (tmp_path / "slices.png").stat().st_size > 10_000
    for file in ("lesions", "regions", "tissue"):
        assert list((tmp_path / "out" / file).glob("*.nii.gz")), file
    assert (tmp_path / "out" / "lesion_load.tsv").is_file()
