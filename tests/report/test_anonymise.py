"""Pages without names: not in their text, their pictures' names, or the paths they show."""

from __future__ import annotations

import html
import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np

from yucca_wm.localize.atlas_space import FREQUENCY
from yucca_wm.report.__main__ import main
from yucca_wm.report.anonymise import anonymised
from yucca_wm.report.results import read_results


def test_no_name_and_no_path_is_left(localized: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(localized / "results", results)
    summary = json.loads((results / "localize.json").read_text())
    summary["failures"] = {"Jane_Doe": f"{localized}/lesions/Jane_Doe.nii.gz: is damaged"}
    flags = next(iter(summary["subjects"].values()))["flags"]
    flags["same_lesions"] = "the lesion map is that of Jane_Doe, byte for byte"
    flags["poor_registration"] = f"see {localized}"
    (results / "localize.json").write_text(json.dumps(summary))
    frequency = results / "template"
    frequency.mkdir(exist_ok=True)
    nib.save(nib.Nifti1Image(np.ones((8, 8, 8), np.float32), np.eye(4)), frequency / FREQUENCY)
    failed = {"Jane_Doe": f"{localized}/Jane_Doe.tfm: no such file"}
    about = {"template": str(frequency / FREQUENCY), "n_subjects": 2, "failures": failed}
    (frequency / "template.json").write_text(json.dumps(about))
    arguments = ["--results", str(results), "--images", str(localized / "flair"), "--out_dir", str(tmp_path / "pages")]
    assert main(arguments) == 0
    assert main([*arguments, "--anonymise"]) == 0, "into the same folder, whose pages and pictures have names"
    files = [path for path in (tmp_path / "pages").rglob("*") if path.is_file()]
    stems = {path.stem for path in files if path.parent.name == "subjects"}
    assert stems <= {"subject-001", "subject-002", "subject-003", "subject-004"}
    assert len(stems) == 3
    for path in files:
        if path.suffix in (".html", ".svg", ".json"):
            text = html.unescape(path.read_text(encoding="utf-8"))
            for secret in ("a<b>", "Jane_Doe", str(localized), str(tmp_path)):
                assert secret not in text, f"{secret} in {path.name}"
    assert "not in the frequency map: 1 subject" in (tmp_path / "pages/index.html").read_text(encoding="utf-8")
    page = "".join(
        path.read_text(encoding="utf-8") for path in files if path.parent.name == "subjects" and path.suffix == ".html"
    )
    assert "the lesion map of another subject, byte for byte" in page
    assert "the registration behind the region map is in doubt" in page


def test_numbers_are_the_same_in_every_table_and_lead_back(localized: Path) -> None:
    results = read_results(localized / "results")
    hidden, names = anonymised(results)
    assert sorted(names.values()) == sorted(results.subjects)
    for number, name in names.items():
        assert [row["load_percent"] for row in hidden.load[number]] == [
            row["load_percent"] for row in results.load[name]
        ]
        assert {row["subject"] for row in hidden.load[number]} == {number}
        assert hidden.summary["subjects"][number] == results.summary["subjects"][name]
        assert len(hidden.lesions.get(number, [])) == len(results.lesions.get(name, []))
    assert list(hidden.load) == sorted(hidden.load)
