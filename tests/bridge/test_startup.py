"""The hook is installed once, is off when asked, never takes Yucca down, and is there in DataLoader workers."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from yucca_wm.bridge import fixes, startup


def run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


COUNT = "import sys; print(sum(getattr(f, '__name__', '') == 'YuccaFinder' for f in sys.meta_path))"


def test_live_at_start_and_installed_once() -> None:
    assert run("import yucca_wm.bridge.startup as s; s.install(); " + COUNT) == "1"


def test_off_when_disabled() -> None:
    assert run(COUNT, YUCCA_WM_DISABLE="1") == "0"


def test_start_up_loads_nothing_else() -> None:
    ours = run("import sys; print(sorted(m for m in sys.modules if m.startswith(('yucca', 'torch', 'numpy'))))")
    assert ours == "['yucca_wm', 'yucca_wm.bridge', 'yucca_wm.bridge.startup']"


def test_other_modules_are_left_alone() -> None:
    assert startup.YuccaFinder.find_spec("numpy") is None
    assert startup.YuccaFinder.find_spec("yucca_wm.core.regions") is None


def test_a_broken_fix_warns_once_and_leaves_yucca_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    import yucca.functional.utils.dict as module

    monkeypatch.setitem(fixes.FIXES, "not_there", module.__name__)
    with pytest.warns(RuntimeWarning, match="fix 'not_there'"):
        fixes.apply_fixes(module)
    assert fixes.status.pop("not_there").startswith("failed: ModuleNotFoundError")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_see_the_overlay(method: str) -> None:
    code = (
        "import multiprocessing as m, importlib.util as u\n"
        "if __name__ == '__main__':\n"
        f"    with m.get_context('{method}').Pool(1) as pool:\n"
        "        print(pool.apply(u.find_spec, ('yucca.pipeline.task_conversion.Task001_WM_Lesion',)) is not None)\n"
    )
    assert run(code).splitlines()[-1] == "True"
