"""Two runs at once, a folder that cannot be written, a disk that is full: clear, at once, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.cli import run
from yucca_wm.jobs.run_record import RECORD
from yucca_wm.localize.__main__ import main as localize
from yucca_wm.parcellate.__main__ import main as parcellate
from yucca_wm.tasks.convert import convert_or_exit

SHAPE, AFFINE = (20, 24, 18), np.diag([8.0, 8, 8, 1])
SUBJECTS = ("a", "b", "c")


def save(path: Path, data: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, AFFINE), path)


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Three subjects, for localize, parcellate and conversion."""
    rng = np.random.default_rng(0)
    place = (np.indices(SHAPE).transpose(1, 2, 3, 0) - np.array(SHAPE) / 2 + 0.5) / np.array(SHAPE)
    x, y, z = np.moveaxis(place, -1, 0)
    wm = ((x**2 + y**2 + z**2 < 0.16) & ~((np.abs(x) < 0.08) & (z < 0)) & ~((y > 0.2) & (z > 0.1))).astype(np.uint8)
    regions = (wm * (np.indices(SHAPE)[1] * 17 // SHAPE[1] + np.where(x < 0, 1, 18))).astype(np.uint8)
    save(tmp_path / "wm.nii.gz", wm)
    save(tmp_path / "regions.nii.gz", regions)
    for name in SUBJECTS:
        subject = tmp_path / "cohort" / "training" / name
        lesions = ((rng.random(SHAPE) < 0.05) & (wm > 0)).astype(np.uint8)
        save(subject / "pre" / "wm.nii.gz", wm)
        save(subject / "pre" / "T1.nii.gz", rng.integers(1, 900, SHAPE).astype(np.int16))
        save(subject / "wmh.nii.gz", lesions)
        save(tmp_path / "lesions" / f"{name}.nii.gz", lesions)
        save(tmp_path / "regions" / f"{name}.nii.gz", regions)
    return tmp_path


def localize_words(inputs: Path, out: Path) -> list[str]:
    files = ["--lesions", str(inputs / "lesions"), "--regions", str(inputs / "regions")]
    return [*files, "--out-dir", str(out), "--maps", "--jobs", "1"]


def parcellate_words(inputs: Path, out: Path) -> list[str]:
    atlas = ["--atlas-wm", str(inputs / "wm.nii.gz"), "--atlas-labels", str(inputs / "regions.nii.gz")]
    return [*atlas, "--cohort", str(inputs / "cohort"), "--out-dir", str(out), "--no-picture", "--jobs", "1"]


def code_of(command: Callable[[], object]) -> int:
    """The exit code that a command would end with."""
    try:
        run(command)  # type: ignore[arg-type]
    except SystemExit as stop:
        return int(stop.code or 0)
    raise AssertionError("a command ends with an exit code")


COMMANDS: dict[str, Callable[[Path, Path], int]] = {
    "localize": lambda inputs, out: code_of(lambda: localize(localize_words(inputs, out))),
    "parcellate": lambda inputs, out: code_of(lambda: parcellate(parcellate_words(inputs, out))),
    "convert": lambda inputs, out: code_of(
        lambda: convert_or_exit("Task001_WM_Lesion", str(inputs / "cohort"), None, str(out))
    ),
}


def maps(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.nii.gz"))}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of 2 MB; skipped where one cannot be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], capture_output=True).returncode:
        pytest.skip("no right to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte on ``disk``."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(1024))
        except OSError:
            return filler


@pytest.mark.parametrize("name", COMMANDS)
def test_full_disk(name: str, inputs: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A disk full from the start, then one that fills up under the second subject, then room."""
    out = small_disk / "out"
    out.mkdir()
    filler = fill(small_disk)
    assert COMMANDS[name](inputs, out) == 1
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert "No space left on device" in err
    filler.unlink()
    assert COMMANDS[name](inputs, out) == 0
    expected = maps(out)
    assert len(expected) >= len(SUBJECTS)
    filler = fill(small_disk)
    wm = inputs / "cohort" / "training" / "a" / "pre" / "wm.nii.gz"
    for path in (wm, inputs / "lesions" / "a.nii.gz", wm.with_name("T1.nii.gz")):
        save(path, np.roll(np.asarray(nib.load(path).dataobj), 1))
    capsys.readouterr()
    assert COMMANDS[name](inputs, out) == 1
    assert "No space left on device" in capsys.readouterr().err
    now = maps(out)
    others = {file: content for file, content in expected.items() if not Path(file).name.startswith(("a_", "a."))}
    assert others
    assert {file: now.get(file) for file in others} == others
    filler.unlink()
    assert COMMANDS[name](inputs, out) == 0
    assert set(maps(out)) == set(expected)
    assert not [path for path in out.rglob("*") if ".tmp-" in path.name or path.name.endswith(".lock")]


@pytest.mark.parametrize("name", COMMANDS)
def test_read_only_folder(name: str, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    assert COMMANDS[name](inputs, out) == 0
    expected = maps(out)
    mount = ["mount", "--bind", "-o", "ro", out, out]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a folder read-only")
    subprocess.run(["mount", "-o", "remount,bind,ro", out], check=True)
    try:
        capsys.readouterr()
        assert COMMANDS[name](inputs, out) == 1
        err = capsys.readouterr().err
        assert "Traceback" not in err
        assert err.count("error: ") == 1
        assert "Read-only file system" in err
        assert maps(out) == expected
    finally:
        subprocess.run(["umount", "-l", out], check=True)


SLOW = """
import runpy, sys, time
import yucca_wm.imaging.images
load = yucca_wm.imaging.images.load_labels
def slowly(*arguments):
    print("loading", flush=True)
    time.sleep(600)
yucca_wm.imaging.images.load_labels = slowly
sys.argv = ["yucca_wm.localize", *sys.argv[1:]]
runpy.run_module("yucca_wm.localize", run_name="__main__")
"""


def test_the_second_run_is_refused_and_goes_on_after_the_first_was_killed(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = localize_words(inputs, out)
    with subprocess.Popen([sys.executable, "-c", SLOW, *words], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "loading\n"
        started = time.monotonic()
        assert code_of(lambda: localize(words)) == 1
        assert code_of(lambda: localize([*words, "--participant-label", "a"])) == 1
        refused_s = time.monotonic() - started
        err = capsys.readouterr().err
        assert err.count("another run is writing here; wait until it has ended") == 2
        assert not (out / "lesion_load.tsv").exists()
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    assert code_of(lambda: localize(words)) == 0
    assert (out / "lesion_load.tsv").exists()
    assert not list(out.glob(".*"))
    print(f"refused within {refused_s / 2:.2f} s")


def test_a_foreign_file_in_the_place_of_the_record_is_left_alone(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / RECORD).mkdir(parents=True)
    assert code_of(lambda: localize(localize_words(inputs, out))) == 1
