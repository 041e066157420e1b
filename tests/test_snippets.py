"""Python in the pages: it runs, and reads ids as they are written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas
import pytest

ROOT = Path(__file__).parents[1]
PAGES = {page.name: page.read_text(encoding="utf-8") for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]}
READS = re.compile(r"(?:pd|pandas)\.read_\w+\((?:[^()]|\([^()]*\))*\)")
"""A table that is read in a page: in a block of Python, or in the text."""

FOUND = [(name, found) for name, text in PAGES.items() for found in READS.findall(text)]
CHECKED_ELSEWHERE = {
    "README.md": "tests/test_site.py: the notebook uses all that it shows",
    "api.md": "tests/test_site.py",
    "sample-scan.md": "tests/test_site.py: it is run as a notebook",
    "plugins.md": "tests/bridge",
    "predict-and-ensemble.md": "tests/predict",
    "raw-scans.md": "tests/scan",
}
"""Pages whose Python needs a model or a package: where that is tested."""


def test_every_page_with_python_is_known() -> None:
    pages = {name for name, text in PAGES.items() if "```python" in text}
    assert pages == {"tutorial.md", "training.md", *CHECKED_ELSEWHERE}
    assert {name for name, _ in FOUND} == {"large-cohorts.md", "tutorial.md"}
    for name, text in PAGES.items():
        for snippet in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            compile(snippet, name, "exec")


def test_the_skull_is_removed_five_millimetres_outside_the_tissue_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slices of 4 mm: the next one stays, the one after it does not."""
    monkeypatch.chdir(tmp_path)
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGES["training.md"], re.DOTALL)
    affine = np.diag([2.0, 2.0, 4.0, 1.0])
    tissue = np.zeros((9, 9, 9), np.uint8)
    tissue[:, :, 4] = 1
    Path("OUT/tissue").mkdir(parents=True)
    nib.save(nib.Nifti1Image(np.full((9, 9, 9), 7, np.int16), affine), "FLAIR.nii.gz")
    nib.save(nib.Nifti1Image(tissue, affine), "OUT/tissue/sub-01.nii.gz")
    exec(compile(snippet, "training.md", "exec"), {})
    brain = nib.load("FLAIR_brain.nii.gz")
    assert brain.get_fdata()[4, 4].tolist() == [0, 0, 0, 7, 7, 7, 0, 0, 0]
    np.testing.assert_array_equal(brain.affine, affine)


def test_no_page_waits_for_a_number() -> None:
    """Neither ``@WORD@`` nor a line of ``LONG_NAME`` alone, as pages have them until something was measured."""
    waiting = re.compile(r"@[A-Z_]+@|^[A-Z]+_[A-Z_]+$", re.MULTILINE)
    assert {name: found for name, text in PAGES.items() if (found := waiting.findall(text))} == {}


@pytest.mark.parametrize(("page", "snippet"), FOUND, ids=[name for name, _ in FOUND])
def test_tables_are_read_with_ids_as_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str, snippet: str
) -> None:
    """Subject 001 is not 1, and a region called NA has a name."""
    monkeypatch.chdir(tmp_path)
    (file,) = re.findall(r'"([^"]*\.(?:tsv|jsonl))"', snippet)
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    if file.endswith(".tsv"):
        Path(file).write_text("subject\tname\tload_percent\n001\tNA\t1.5\n010\tinsula\tn/a\n")
    else:
        Path(file).write_text("".join(json.dumps({"subject": name, "seconds": 1.5}) + "\n" for name in ("001", "010")))
    table: Any = eval(snippet, {"pd": pandas, "pandas": pandas})
    assert list(table["subject"]) == ["001", "010"], page
    if "name" in table:
        assert list(table["name"]) == ["NA", "insula"]
        assert table["load_percent"].isna().tolist() == [False, True]
