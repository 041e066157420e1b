"""``yucca_ensemble`` on folders with everything that can be wrong with a file in them."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.ensemble import store
from yucca_wm.ensemble.__main__ import main
from yucca_wm.imaging import images

Make = Callable[..., Any]


class Bomb:
    """Unpickling this creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_bad_files_are_named_nothing_is_executed_and_the_other_cases_are_done(
    tmp_path: Path, softmax_folder: Make, probabilities: Make, grid: Make, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    cases = ("bomb", "classes", "cut", "flipped", "good", "moved", "pickle", "shape", "text", "z_good")
    t1 = softmax_folder("t1", **{case: number for number, case in enumerate(cases)})
    bad = softmax_folder("flair", good=20, z_good=21)
    whole = (t1 / "good.npz").read_bytes()
    (bad / "cut.npz").write_bytes(whole[: len(whole) // 2])
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 4
    (bad / "flipped.npz").write_bytes(flipped)
    (bad / "text.npz").write_text("not a softmax file")
    store.write_array(bad / "classes.npz", probabilities(1, classes=6), grid())
    store.write_array(bad / "shape.npz", probabilities(1, shape=(14, 12, 7)), grid((14, 12, 7)))
    affine = np.array(grid().affine)
    affine[0, 3] += 3
    store.write_array(bad / "moved.npz", probabilities(1), grid(affine=affine))
    traces = tmp_path / "executed"
    pickle.loads(pickle.dumps(Bomb(traces)))
    assert traces.exists(), "the bomb does not work, so this test proves nothing"
    traces.unlink()
    properties = np.array(Bomb(traces), dtype=object)
    np.savez_compressed(bad / "bomb.npz", data=probabilities(1), properties=properties)
    (bad / "pickle.npz").write_bytes(pickle.dumps(Bomb(traces)))

    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["yucca_ensemble", "--in_dirs", str(t1), str(bad), "--out_dir", str(out)])
    assert main() == 1
    assert not traces.exists()
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    expected = {
        "bomb": "refused", "classes": "6 classes", "cut": "damaged", "flipped": "damaged", "moved": "affines differ",
        "pickle": "damaged", "shape": "14", "text": "damaged",
    }  # fmt: skip
    for (case, problem), line in zip(expected.items(), said, strict=True):
        assert line.startswith(f"error: {case}: "), line
        assert problem in line, line
        assert f"{case}.npz" in line, line
    assert [path.name for path in sorted(out.glob("*.nii.gz"))] == ["good.nii.gz", "z_good.nii.gz"]
    assert len(np.unique(images.load(out / "z_good.nii.gz").data)) > 1


def test_what_is_not_replaced_is_said_in_the_commands_words(tmp_path: Path, softmax_folder: Make) -> None:
    folders = [str(softmax_folder(name, a=number)) for number, name in enumerate(("t1", "flair"))]
    own = tmp_path / "out" / "a.nii.gz"
    own.parent.mkdir()
    own.write_bytes(b"mine")
    with pytest.raises(
        InputError, match=r"not written by yucca-wm ensemble; choose another --out-dir, or .* with --force"
    ):
        main(["--in_dirs", *folders, "--out_dir", str(own.parent)])
    assert own.read_bytes() == b"mine"
