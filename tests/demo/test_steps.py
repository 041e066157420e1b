"""Steps: in order, resumed, run again when a setting changes, and stopped with the reason."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from yucca_wm.demo.runner import Runner, Step, StepError

APPEND = "import sys, os; open(sys.argv[1], 'a').write(sys.argv[2] + os.environ.get('SUFFIX', '') + ' ')"


def step(name: str, diary: Path, *needs: str, text: str = "", makes: tuple[Path, ...] = ()) -> Step:
    return Step(name, name, (sys.executable, "-c", APPEND, str(diary), text or name), needs, makes)


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    return tmp_path / "diary.txt"


def test_steps_wait_for_what_they_need(tmp_path: Path, diary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chain = [step("a", diary), step("b", diary, "a"), step("c", diary, "b")]
    Runner(tmp_path / "out", {}).run(chain)
    assert diary.read_text() == "a b c "
    shown = capsys.readouterr().out
    assert chain[2].shown() in shown
    assert "[ 3/3]" in shown


def test_a_finished_step_is_not_repeated(tmp_path: Path, diary: Path) -> None:
    chain = [step("a", diary), step("b", diary, "a")]
    for _ in range(2):
        Runner(tmp_path / "out", {}).run(chain)
    assert diary.read_text() == "a b "


def test_a_changed_setting_runs_again_with_all_that_follows(tmp_path: Path, diary: Path) -> None:
    stale = tmp_path / "made"
    Runner(tmp_path / "out", {}).run([step("a", diary), step("b", diary, "a", makes=(stale,)), step("c", diary)])
    stale.mkdir()
    Runner(tmp_path / "out", {}).run(
        [step("a", diary, text="A"), step("b", diary, "a", makes=(stale,)), step("c", diary)]
    )
    assert sorted(diary.read_text().split()) == ["A", "a", "b", "b", "c"]
    assert not stale.exists()


def test_the_environment_is_a_setting(tmp_path: Path, diary: Path) -> None:
    for suffix in ("1", "2", "2"):
        Runner(tmp_path / "out", {"SUFFIX": suffix}).run([step("a", diary)])
    assert diary.read_text() == "a1 a2 "


def test_an_interrupted_step_keeps_what_it_made(tmp_path: Path, diary: Path) -> None:
    made = tmp_path / "made"
    fails_once = "import sys, pathlib; p = pathlib.Path(sys.argv[1]); sys.exit(0) if p.is_dir() else p.mkdir()"
    again = Step("a", "a", (sys.executable, "-c", f"{fails_once}; sys.exit(3)", str(made)), makes=(made,))
    with pytest.raises(StepError):
        Runner(tmp_path / "out", {}).run([again])
    Runner(tmp_path / "out", {}).run([again, step("b", diary, "a")])
    assert diary.read_text() == "b "


def test_a_failure_says_which_step_and_why_and_stops_the_rest(tmp_path: Path, diary: Path) -> None:
    bad = Step("bad", "bad", (sys.executable, "-c", "print('first'); raise SystemExit('the reason')"))
    long = Step("long", "long", (sys.executable, "-c", "import time; time.sleep(60)"))
    runner = Runner(tmp_path / "out", {})
    with pytest.raises(StepError, match="step 'bad' failed \\(exit 1\\)") as failure:
        runner.run([bad, long, step("after", diary, "bad")])
    assert "the reason" in str(failure.value)
    assert str(runner.log(bad)) in str(failure.value)
    assert not diary.exists()


def test_a_command_that_is_just_starting_is_stopped_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = Runner._start

    def interrupted(self: Runner, step: Step, key: str) -> subprocess.Popen[bytes]:
        started.append(start(self, step, key))
        os.kill(os.getpid(), signal.SIGTERM)
        return started[0]

    monkeypatch.setattr(Runner, "_start", interrupted)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stopped:
        Runner(tmp_path / "out", {}).run([Step("a", "a", (sys.executable, "-c", "import time; time.sleep(600)"))])
    assert stopped.value.code == 143
    assert started[0].poll() == -signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before
