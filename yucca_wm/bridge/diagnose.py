"""State of the start-up hook in this process, for ``python -m yucca_wm.doctor``."""

from __future__ import annotations

import ast
import importlib
import inspect
import sysconfig
import warnings
from pathlib import Path

from yucca_wm.bridge.fixes import FIXES, status

PAGE_HEAD = """# What is patched in Yucca 2.3.7

Each entry is one small module in `yucca_wm/bridge/fixes/`, applied in memory when the Yucca module it concerns is
imported; Yucca's files stay as they are. A fix looks for the defect itself, so that in a Yucca without it nothing
changes, and a test fails on plain Yucca and passes with the fix. `YUCCA_WM_DISABLE=1` turns all of them off.
This page is printed by `python -m yucca_wm.doctor --fixes`.
"""


def startup_file() -> Path | None:
    """The .pth file in site-packages that starts the hook; None if it does not exist."""
    file = Path(sysconfig.get_path("purelib")) / "yucca_wm.pth"
    return file if file.is_file() else None


def import_everything() -> dict[str, str]:
    """Import every Yucca module that has a fix; returns fix -> "applied", "not needed" or the error."""
    outcomes: dict[str, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for fix, module in FIXES.items():
            try:
                importlib.import_module(module)
                outcomes[fix] = status.get(fix, "not applied: the hook is off")
            except Exception as error:  # noqa: BLE001  (whatever it is, the report goes on)
                outcomes[fix] = f"{module} cannot be imported ({type(error).__name__}: {error})"
    return outcomes


def fixes_page() -> str:
    """The list of patched defects of Yucca as a Markdown page (docs/yucca.md), made from the fixes' own docstrings."""
    sections = [PAGE_HEAD]
    for fix, module in FIXES.items():
        source = Path(__file__).parent / "fixes" / f"{fix}.py"
        title, *rest = (ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or fix).split("\n\n")
        body = "\n\n".join(rest).replace("\nSymptom:", "\n\n*Symptom:*").replace("\nCure:", "\n\n*Cure:*")
        where = f"`{fix}`, when `{module}` is imported."
        sections.append(f"## {title.rstrip('.')}\n\n{where}\n\n{body}\n".replace("``", "`"))
    return "\n".join(sections)


def found_manager(name: str) -> str:
    """File of the manager class that ``yucca_train -man NAME`` would use, or the reason why there is none."""
    try:
        import yucca
        from yucca.functional.utils.files_and_folders import recursive_find_python_class

        folder = [str(Path(yucca.__path__[0]) / "pipeline" / "managers")]
        return inspect.getfile(recursive_find_python_class(folder, name, "yucca.pipeline.managers"))
    except (Exception, SystemExit) as error:  # noqa: BLE001
        return f"cannot be loaded ({error})"
