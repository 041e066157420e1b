"""The console script: help, version, wrong usage, completion; how much a command says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from yucca_wm import __version__
from yucca_wm.__main__ import command
from yucca_wm.cli import Parser, exit_code, report_failures
from yucca_wm.cli.steps import STEPS
from yucca_wm.core import verbosity
from yucca_wm.core.errors import InputError
from yucca_wm.jobs.cases import run_cases


def test_help_lists_the_steps_on_a_scans_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert command([]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ") and line.split()[0] in STEPS]
    assert listed == list(STEPS)
    way = ["atlas", "check", "predict", "parcellate", "ensemble", "localize", "evaluate", "report", "groups"]
    assert [step for step in listed if step in way] == way


@pytest.mark.parametrize(
    ("failed", "total", "last"),
    [
        ("a", 1, "error: a: is bad"),
        ("ab", 2, "all 2 cases failed"),
        ("a", 3, "1 of 3 cases failed; the others are done"),
    ],
)
def test_others_are_spoken_of_only_where_there_are_some(
    failed: str, total: int, last: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report_failures(dict.fromkeys(failed, "is bad"), total) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[: len(failed)] == [f"error: {name}: is bad" for name in failed]
    assert lines[-1] == last


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["--version"]) == 0
    assert capsys.readouterr().out == f"yucca-wm {__version__}\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["predct"], "there is no step 'predct'; did you mean 'predict'?\n"),
        (["x"], "there is no step 'x'; see yucca-wm --help\n"),
        (["--print-completion", "sh"], "bash"),
    ],
)
def test_wrong_usage(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(words) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("predict --flare x", "yucca-wm predict: error: unrecognized arguments: --flare: did you mean --flair?; see"),
        ("predict --flare=x --out-dir o", "unrecognized arguments: --flare: did you mean --flair?"),
        ("predict -flair x --out-dir o", "unrecognized arguments: -flair: did you mean --flair?"),
        ("predict -x y --out-dir o", "unrecognized arguments: -x; see yucca-wm predict --help"),
        ("predict -out-dir o --t1 a", "unrecognized arguments: -out-dir: did you mean --out-dir?"),
        ("predict a.nii.gz", "unrecognized arguments: a.nii.gz: scans are named by --t1 FILE and --flair FILE; see"),
        (
            "predict -o out a.nii.gz b.nii.gz",
            "arguments: a.nii.gz b.nii.gz: scans are named by --t1 FILE and --flair FILE",
        ),
        ("localize a.nii.gz -o out", "unrecognized arguments: a.nii.gz; see yucca-wm localize --help"),
        ("localize --out-dirs o", "unrecognized arguments: --out-dirs: did you mean --out-dir?"),
        (
            "groups associate --outcom x",
            "groups associate: error: unrecognized arguments: --outcom: did you mean --outcome?",
        ),
        (
            "groups cluster --outcome x",
            "groups cluster: error: unrecognized arguments: --outcome; see yucca-wm groups cluster --help",
        ),
        ("check x --zzzzzz", "unrecognized arguments: --zzzzzz; see yucca-wm check --help"),
        ("check", "yucca-wm check: error: give one cohort; see yucca-wm check --help"),
    ],
)
def test_wrong_flags_are_one_line_with_the_one_meant(words: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        command(words.split())
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


def test_negative_numbers_and_what_follows_two_dashes_are_no_flags() -> None:
    parser = Parser("x")
    parser.add_argument("--shift", type=float)
    parser.add_argument("file", nargs="?")
    assert parser.parse_args(["--shift", "-3.5"]).shift == -3.5
    assert parser.parse_args(["--", "--file"]).file == "--file"


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_have_a_script_too(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["--print-completion", shell]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in (*STEPS, "participant-label"))


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("loc", ["localize"]),
        ("localize --lay", ["--layout"]),
        ("localize --layout b", ["bids"]),
        ("groups associate --out", ["--out-dir", "--outcome"]),
    ],
)
def test_bash_completes_steps_and_flags(tmp_path: Path, typed: str, offered: list[str]) -> None:
    script = tmp_path / "completion.bash"
    made = subprocess.run(
        [sys.executable, "-m", "yucca_wm", "--print-completion", "bash"], capture_output=True, text=True, check=True
    )
    script.write_text(made.stdout)
    ask = f"source {script}; COMP_WORDS=(yucca-wm {typed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _shtab_yucca_wm"
    done = subprocess.run(
        ["bash", "-c", f'{ask}; printf "%s\\n" "${{COMPREPLY[@]}}"'], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == offered


def double(number: int) -> int:
    if number == 2:
        raise InputError("two", "is even", "take another")
    return 2 * number


def example(*words: str) -> int:
    """A command that does three cases, of which one fails."""
    Parser("yucca-wm example").parse_args(words)
    outcome = run_cases(double, {"one": 1, "two": 2, "three": 3}, label="doubled")
    print(f"{len(outcome.results)} done")
    print("note: odd numbers", file=sys.stderr)
    raise InputError("table.tsv", "is empty")


def test_quiet_leaves_notes_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(lambda: example("--quiet")) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "note: odd numbers\nerror: table.tsv: is empty\n"
    assert exit_code(lambda: example()) == 1  # and the next command is not quiet
    said = capsys.readouterr()
    assert said.out == "2 done\n"
    assert "doubled" in said.err
    assert "Traceback" not in said.err
    assert "doubled: one" not in said.err


def test_verbose_names_what_is_done_and_where_an_error_arose(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(lambda: example("--verbose")) == 1
    said = capsys.readouterr()
    assert "doubled: one" in said.err
    assert "doubled: three" in said.err
    assert "doubled: two" not in said.err
    assert said.err.count("Traceback") == 2  # of the case, and of the command
    assert said.out == "2 done\n"
    assert not verbosity.is_verbose()


def test_quiet_before_a_subcommand_counts() -> None:
    parser = Parser("x")
    parser.add_subparsers(dest="what").add_parser("inner")
    assert parser.parse_args(["--verbose", "inner"]).verbose
    assert parser.parse_args(["inner", "--verbose"]).verbose


def test_all_parsers_together_load_nothing_heavy() -> None:
    """Completion builds them all."""
    heavy = ("torch", "numpy", "scipy", "matplotlib", "nibabel", "SimpleITK", "pandas", "yucca", "nilearn", "sklearn")
    code = (
        "import sys; from yucca_wm.cli.steps import STEPS, parser_of; n = len([parser_of(step) for step in STEPS]); "
        f"print(n, *[name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(STEPS))]
