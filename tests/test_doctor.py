"""The doctor finds what is wrong and says what to do."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from pathlib import Path

import pytest

from yucca_wm import doctor
from yucca_wm.atlas.fetch import TYPE2, WHITE_MATTER
from yucca_wm.models import shipped


def problems(findings: object) -> list[doctor.Finding]:
    return [finding for finding in findings if finding.is_problem]  # type: ignore[attr-defined]


def test_all_is_well_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("RAW_DATA", "PREPROCESSED_DATA", "MODELS", "RESULTS"):
        monkeypatch.setenv(f"YUCCA_{name}", str(tmp_path / name))
    assert problems(doctor.findings()) == []


def test_a_disabled_hook_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YUCCA_WM_DISABLE", "1")
    assert "YUCCA_WM_DISABLE" in doctor.check_hook().remedy


def test_a_hook_that_is_not_live_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.meta_path", [])
    monkeypatch.setattr("yucca_wm.bridge.diagnose.startup_file", lambda: None)
    assert "yucca_wm.pth is not in site-packages" in doctor.check_hook().found


def test_a_folder_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("YUCCA_MODELS", str(tmp_path / "file" / "models"))
    (problem,) = problems(doctor.check_folders())
    assert problem.what == "YUCCA_MODELS"
    assert "YUCCA_MODELS" in problem.remedy


def test_a_shipped_model_that_is_gone_or_spoilt_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = list(doctor.check_models())
    names = ("regions", "tissue", "tissue_painted")
    assert [finding.what for finding in whole] == [f"model '{name}'" for name in names]
    for finding, model in zip(whole, shipped.MODELS.values(), strict=True):
        assert hashlib.sha256(model.path.read_bytes()).hexdigest() in finding.found
    content = bytearray(shipped.MODELS["tissue"].path.read_bytes())
    content[len(content) // 2] ^= 1  # one bit of the weights
    (tmp_path / "tissue.zip").write_bytes(content)
    monkeypatch.setattr(shipped, "WEIGHTS", tmp_path)
    gone, spoilt, gone_too = problems(doctor.check_models())
    assert "regions.zip: no such model" in gone.found
    assert "tissue_painted.zip: no such model" in gone_too.found
    assert "tissue.zip" in spoilt.found
    assert "--force-reinstall" in spoilt.remedy


def test_it_says_whether_the_atlas_has_been_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("YUCCA_WM_CACHE", str(tmp_path))
    missing = doctor.check_atlas()
    assert (missing.found, missing.remedy, missing.is_problem) == ("not fetched", "yucca-wm atlas fetch", False)
    assert missing.what.startswith("atlas, for predict --region-model atlas, ")
    for name in (WHITE_MATTER, TYPE2):
        (tmp_path / name).touch()
    assert doctor.check_atlas() == doctor.Finding(missing.what, f"fetched, in {tmp_path}")


def test_an_extra_that_is_not_installed_is_a_note_and_no_problem(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "nilearn" else plain(name))
    monkeypatch.setattr(doctor, "findings", doctor.check_extras)
    assert doctor.main([]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "--  extra 'report', for the HTML pages: not installed",
        "      -> pip install 'yucca-wm[report]'",
        "ok  extra 'groups', for yucca-wm groups, the statistics: installed",
        "ok  extra 'atlas', for yucca-wm atlas fetch: installed",
        "all is well; what is marked -- is optional",
    ]


def test_folders_that_are_not_set_stay_so_and_are_not_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("SOURCE", "RAW_DATA", "PREPROCESSED_DATA", "MODELS", "RESULTS"):
        monkeypatch.delenv(f"YUCCA_{name}", raising=False)
    list(doctor.check_fixes())
    found = {finding.what: finding.found for finding in doctor.check_folders()}
    assert len(found) == 5
    assert all(said.startswith("not set; Yucca's commands would use ") for said in found.values())
    assert not list(tmp_path.iterdir())


def test_a_torchvision_built_for_another_torch_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "2.7.0" if name == "torch" else plain(name))
    (problem,) = problems(doctor.check_versions())
    assert problem.what == "torchvision"
    assert "but torch is 2.7.0" in problem.found
    assert "pip install 'torch" in problem.remedy
