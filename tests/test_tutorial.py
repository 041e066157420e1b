"""The tutorial runs as it is written, and the page on results names everything that they hold."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import pytest

from yucca_wm.localize import tables
from yucca_wm.localize.measures import flags

DOCS = Path(__file__).parents[1] / "docs"
CHEAP = {
    "demo.make_study": ["--subjects", "30"],
    "report": ["--cohort-only"],
    "groups cluster": ["--k-max", "2"],
    "groups associate": ["--permutations", "1000"],
}
"""What is added to a command so that it takes less time here."""


def blocks(language: str) -> list[str]:
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.pictures
def test_the_tutorial_runs_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = "".join(blocks("bash")).replace("\\\n", " ").splitlines()
    assert len(commands) == 6
    for command in commands:
        python, m, module, *arguments = shlex.split(command)
        assert (python, m) == ("python", "-m")
        name = module.removeprefix("yucca_wm.")
        key = f"{name} {arguments[0]}" if name == "groups" else name
        package = module if "." in name else f"{module}.__main__"
        assert importlib.import_module(package).main([*arguments, *CHEAP.get(key, [])]) == 0, command
    (notebook,) = blocks("python")
    monkeypatch.setenv("MPLBACKEND", "agg")
    exec(compile(notebook, "tutorial.md", "exec"), {})
    study = Path("study")
    shown = ["results/heat_map.png", "results/template/lesion_frequency.nii.gz", "report/index.html", "load.png"]
    for file in [*shown, "report/figures/lesion_frequency.png", "groups/index.html", "disease/forest.png"]:
        assert (study / file).stat().st_size > 1000, file
    said = capsys.readouterr().out.splitlines()[-2]
    assert re.search("regions at a false discovery rate of 5 %: .*middle_frontal_L", said), said


def test_every_flag_is_explained() -> None:
    text = (DOCS / "read-your-results.md").read_text(encoding="utf-8")
    for name in [*flags.TITLES, tables.SOFT, tables.MODALITIES]:
        assert f"`{name}`" in text, name
