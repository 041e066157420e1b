"""Every fix cures a symptom that plain Yucca shows; a symptom that Yucca no longer shows is reported (canary)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from yucca_wm.bridge.diagnose import fixes_page
from yucca_wm.bridge.fixes import FIXES

ROOT = Path(__file__).parents[2]
PROBES = Path(__file__).with_name("probes.py")
PROBED = re.findall(r"@symptom\ndef (\w+)", PROBES.read_text(encoding="utf-8"))


def symptoms(tmp_path: Path, disable: str) -> dict[str, bool]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("YUCCA", "WANDB"))}
    environment |= {"HOME": str(tmp_path), "YUCCA_WM_DISABLE": disable, "CUDA_VISIBLE_DEVICES": ""}
    environment |= {"HTTPS_PROXY": "http://127.0.0.1:9"}  # importing weave contacts its makers; refuse at once
    run = subprocess.run([sys.executable, PROBES], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    return symptoms(tmp_path_factory.mktemp("plain"), disable="1")


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    return symptoms(tmp_path_factory.mktemp("hooked"), disable="0")


@pytest.mark.parametrize("fix", PROBED)
def test_plain_yucca_shows_the_symptom(plain: dict[str, bool], fix: str) -> None:
    assert plain[fix], f"this Yucca has mended what fix '{fix}' is for: the fix can go"


@pytest.mark.parametrize("fix", PROBED)
def test_fix_cures_the_symptom(hooked: dict[str, bool], fix: str) -> None:
    assert not hooked[fix]


def test_every_fix_is_tested() -> None:
    assert set(FIXES) == set(PROBED)


def test_the_page_on_fixes_is_up_to_date() -> None:
    page = (ROOT / "docs" / "yucca.md").read_text(encoding="utf-8")
    assert page == fixes_page(), "python -m yucca_wm.doctor --fixes > docs/yucca.md"
