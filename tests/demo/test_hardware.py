"""bfloat16 is chosen only where the CPU says that it has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from yucca_wm.core import hardware
from yucca_wm.demo import chain


@pytest.mark.parametrize(("flags", "fast"), [("fpu avx512_bf16 sse", True), ("fpu avx512f", False), ("amx_bf16", True)])
def test_flags_decide(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: str, fast: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(hardware, "CPU_INFO", tmp_path / "cpuinfo")
    assert hardware.bf16_is_fast() is fast
    assert ("--precision" in chain.FULL.regions.flags()) is fast
    assert "--precision" not in chain.QUICK.regions.flags()


def test_unknown_means_no(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hardware, "CPU_INFO", tmp_path / "nothing")
    assert not hardware.bf16_is_fast()
