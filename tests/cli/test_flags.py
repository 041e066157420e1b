"""Every command takes the shared flags that it honours, all with one meaning, and refuses the others."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from yucca_wm.cli.flags import FLAGS
from yucca_wm.cli.steps import STEPS, parser_of
from yucca_wm.jobs.options import Level

RUN = {"--jobs", "--scheduler", "--slurm", "--force"}
LEVELS = {"--participant-label", "--level"}
WHOM = {"--cohort", "--layout"}
PAGES = {"--exclude-flagged", "--anonymise"}

ONE_MAP = {"--name", "--out-dir", "--names", "--resample", "--header"}
COMMANDS: dict[str, tuple[str, set[str]]] = {
    "doctor": ("", set()),
    "atlas fetch": ("", {"--out-dir"}),
    "atlas refine": ("--out o.nii.gz", {"--names"}),
    "atlas show": ("--out o.png", {"--names"}),
    "check": ("", {*WHOM, "--jobs", "--header"}),
    "predict": ("--out-dir o", {*WHOM, *RUN, *LEVELS, "--name", "--out-dir", "--names", "--header"}),
    "parcellate": ("", {*WHOM, *RUN, *LEVELS, "--out-dir", "--names", "--header"}),
    "ensemble": ("--in_dirs a b --out-dir o", {*RUN, "--out-dir", "--resample"}),
    "localize": ("--out-dir o", {*WHOM, *RUN, *LEVELS, *ONE_MAP}),
    "evaluate": (
        "--pred p --gt g --out-dir o",
        {*WHOM, *RUN, *ONE_MAP},
    ),
    "report": ("--results r --out-dir o", {"--out-dir", "--names", "--jobs", *PAGES, "--header"}),
    "groups cluster": ("--loads l --out-dir o", {"--out-dir", *PAGES}),
    "groups associate": ("--loads l --participants p --outcome x --out-dir o", {"--out-dir", *PAGES}),
    "models": ("", set()),
    "synthesis": ("--labels l --regions r", {*RUN, "--out-dir"}),
    "upkern": ("c.ckpt --to MedNeXt_S_k5", set()),
    "export": ("m o.zip", set()),
    "demo": ("", {"--out-dir"}),
}
"""Command -> words without which it does not parse, and the shared flags that it honours."""

EARLIER = {"atlas fetch": "--to", "synthesis": "--out", "demo": "--out"}
"""What the output folder was called in one command only."""

VALUES: dict[str, tuple[list[str], Any]] = {
    "--out-dir": (["d"], Path("d")),
    "--cohort": (["c"], Path("c")),
    "--layout": (["bids"], "bids"),
    "--name": (["007"], "007"),
    "--names": (["n.tsv"], Path("n.tsv")),
    "--jobs": (["3"], 3),
    "--scheduler": (["tcp://h:1"], "tcp://h:1"),
    "--slurm": (["queue=a", "cores=2"], ["queue=a", "cores=2"]),
    "--force": ([], True),
    "--participant-label": (["01", "02"], ["01", "02"]),
    "--level": (["group"], Level.GROUP),
    "--header": (["qform"], "qform"),
    "--resample": ([], True),
    "--exclude-flagged": (["a", "b"], ["a", "b"]),
    "--anonymise": ([], True),
}
"""Flag -> words after it, and what they mean."""

DEFAULTS = {"--force": False, "--resample": False, "--anonymise": False, "--participant-label": []}
"""All others: None, which stands for what the help says."""


def inner(command: str) -> argparse.ArgumentParser:
    """The parser that has the flags of ``command``."""
    step, *word = command.split()
    parser = parser_of(step)
    if not word:
        return parser
    (choices,) = (action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    found: argparse.ArgumentParser = choices[word[0]]
    return found


def parse(command: str, *words: str) -> argparse.Namespace:
    needed = COMMANDS[command][0].split()
    options: argparse.Namespace = inner(command).parse_args([*needed, *words])
    return options


def test_no_command_and_no_flag_is_forgotten() -> None:
    assert {command.split()[0] for command in COMMANDS} == set(STEPS)
    assert VALUES.keys() == FLAGS.keys()
    for command, (_, honoured) in COMMANDS.items():
        shown = {word for action in inner(command)._actions for word in action.option_strings}
        assert shown & FLAGS.keys() == honoured, command


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_shared_flag_has_one_meaning_or_is_refused(
    command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flag = FLAGS[name]
    words, value = VALUES[name]
    if name not in COMMANDS[command][1]:
        for spelling in flag.spellings:
            if not (command == "demo" and spelling == "--out"):
                with pytest.raises(SystemExit) as stop:
                    parse(command, spelling, *words)
                assert stop.value.code == 2
                assert f"unrecognized arguments: {spelling}" in capsys.readouterr().err
        return
    dest = name[2:].replace("-", "_")
    (action,) = (action for action in inner(command)._actions if name in action.option_strings)
    assert action.default == DEFAULTS.get(name)
    assert action.help is not None
    shown = inner(command).format_help()
    earlier = [EARLIER[command]] if name == "--out-dir" and command in EARLIER else []
    assert not flag.short or f" {flag.short} " in shown
    for spelling in (*flag.spellings, *filter(None, [flag.short])):
        assert getattr(parse(command, spelling, *words), dest) == value
    for spelling in (*flag.spellings, *earlier):
        assert getattr(parse(command, spelling, *words), dest) == value
        assert spelling == name or f"{spelling} " not in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_usage_names_the_command_and_every_flag_is_explained(command: str) -> None:
    parser = inner(command)
    assert parser.format_usage().startswith(f"usage: yucca-wm {command} ")
    assert [action.dest for action in parser._actions if not action.help] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_flag_is_not_taken_for_another_that_begins_alike(command: str) -> None:
    for flag in (word for action in inner(command)._actions for word in action.option_strings):
        if flag.startswith("--") and (short := flag[:-1]) not in inner(command)._option_string_actions:
            with pytest.raises(SystemExit):
                parse(command, short)


@pytest.mark.parametrize(
    ("command", "words", "says"),
    [
        ("ensemble", ["--scheduler", "tcp://h:1", "--slurm"], "--scheduler is for a cluster"),
        ("evaluate", ["--scheduler", "tcp://h:1", "--jobs", "2"], "--jobs does nothing with --scheduler"),
        ("predict", ["--jobs", "2"], "--jobs goes with --slurm"),
        ("predict", ["--t1", "a", "--layout", "bids"], "--layout goes with --cohort"),
        ("predict", ["--flair", "a", "--space", "t1"], "--space t1 needs --t1"),
        ("predict", ["--flair", "a", "--mirror"], "--mirror is for models of your own"),
        ("predict", ["--flair", "a", "--max_memory_gb", "2"], "--max-memory-gb is for models of your own"),
        (
            "parcellate",
            ["--wm", "auto", "--t1", "t", "--out", "o", "--wm-labels", "1"],
            "--wm-labels is for a label map",
        ),
        ("report", ["--cohort-only", "--jobs", "2"], "--jobs is for pages of subjects"),
        ("localize", ["--cohort", "c", "--level", "group", "--slurm"], "--level group"),
        ("check", [], "give one cohort"),
        ("check", ["a", "--cohort", "b"], "give one cohort"),
    ],
)
def test_flags_that_would_do_nothing_together_are_refused(
    command: str, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from yucca_wm.cli.steps import main_of

    with pytest.raises(SystemExit) as stop:
        main_of(command)([*COMMANDS[command][0].split(), *words])
    assert stop.value.code == 2
    assert says in capsys.readouterr().err
