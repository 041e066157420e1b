"""Localization and groups do not load torch, nor Yucca, which brings it along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from yucca_wm.demo.make_study import write_study

CODE = """
import sys
from yucca_wm.groups.__main__ import main as groups
from yucca_wm.localize.__main__ import main as localize
assert localize("--lesions lesions --regions regions --out_dir results --maps --bids".split()) == 0
assert groups("cluster --loads results --k-max 2 --out_dir groups".split()) == 0
associate = "associate --loads results --participants participants.tsv --outcome diagnosis --permutations 9"
assert groups([*associate.split(), "--out_dir", "disease"]) == 0
print(*({"torch", "torchvision", "lightning", "yucca"} & sys.modules.keys()))
"""


def test_localize_and_groups_load_no_torch(tmp_path: Path) -> None:
    write_study(tmp_path, 12)
    done = subprocess.run([sys.executable, "-c", CODE], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == ""
