"""What would do nothing is refused: options of a cohort for one subject, of one subject for a cohort, and of subjects
at the group level."""

from __future__ import annotations

import importlib
import sys

import pytest

ONE = ("--wm", "wm.nii.gz", "--out", "out")
COHORT = ("--cohort", "cohort")
GROUP = ("--level", "group")

WRONG = [
    ("parcellate", (*ONE, "--out-dir", "x"), "either --out or --out-dir"),
    ("parcellate", (*ONE, "--layout", "bids"), "--layout goes with --cohort"),
    ("parcellate", (*ONE, "--jobs", "2"), "--jobs goes with --cohort"),
    ("parcellate", (*ONE, "--scheduler", "tcp://x:1"), "--scheduler goes with --cohort"),
    ("parcellate", (*ONE, "--slurm"), "--slurm goes with --cohort"),
    ("parcellate", (*ONE, "--force"), "--force goes with --cohort"),
    ("parcellate", (*ONE, "--participant-label", "1"), "--participant-label goes with --cohort"),
    ("parcellate", (*ONE, "--level", "both"), "--level goes with --cohort"),
    ("parcellate", (*COHORT, "--t1", "t1.nii.gz"), "--t1 is for one subject"),
    ("parcellate", (*COHORT, "--out", "x"), "--out goes with --wm"),
    ("parcellate", (*COHORT, *GROUP, "--force"), "--level group"),
    ("parcellate", (*COHORT, *GROUP, "--slurm"), "--level group"),
    ("predict", ("--input", "cohort", "--name", "x", "--out-dir", "o"), "--name is for one person"),
]


@pytest.mark.parametrize(("command", "words", "says"), WRONG, ids=[f"{c} {' '.join(w[2:])}" for c, w, _ in WRONG])
def test_an_option_that_would_do_nothing_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, words: tuple[str, ...], says: str
) -> None:
    monkeypatch.setattr(sys, "argv", [command, *words])
    with pytest.raises(SystemExit) as stop:
        importlib.import_module(f"yucca_wm.{command}.__main__").main()
    assert stop.value.code == 2
    assert says in capsys.readouterr().err
