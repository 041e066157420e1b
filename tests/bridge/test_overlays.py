"""What plugins offer is found first, broken plugins are named, and unknown classes are answered with the known ones."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

from yucca_wm.bridge import overlays
from yucca_wm.bridge.fixes import lookup


@pytest.fixture(autouse=True)
def _forget_plugins() -> None:
    overlays.plugins.cache_clear()


def with_entry(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    entry = EntryPoint(name="theirs", value=module, group=overlays.GROUP)
    monkeypatch.setattr(overlays, "entry_points", lambda group: [entry] if group == overlays.GROUP else [])


def test_our_folders_hold_the_manager_and_the_six_tasks() -> None:
    (managers,), (tasks,) = overlays.MANAGERS, overlays.TASKS
    assert (Path(managers) / "YuccaManager_SkeletonLoss.py").is_file()
    assert len(list(Path(tasks).glob("Task00*_WM_*.py"))) == 6


def test_another_package_joins_through_the_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    class TheirNetwork:
        pass

    networks = ModuleType("their_networks")
    networks.TheirNetwork = TheirNetwork  # type: ignore[attr-defined]
    theirs = ModuleType("their_plugin")
    theirs.NETWORKS = ["their_networks"]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "their_networks", networks)
    monkeypatch.setitem(sys.modules, "their_plugin", theirs)
    with_entry(monkeypatch, "their_plugin")
    yucca_module = ModuleType("files_and_folders")
    yucca_module.recursive_find_python_class = lambda *_: None  # type: ignore[attr-defined]
    assert lookup.apply(yucca_module)
    found = yucca_module.recursive_find_python_class([], "TheirNetwork", "yucca.modules.networks")
    assert found is TheirNetwork


def test_a_plugin_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with_entry(monkeypatch, "a_package_that_is_not_there")
    with pytest.raises(ImportError, match="the Yucca plugin 'theirs'"):
        overlays.plugins()


def test_an_unknown_class_is_answered_with_the_known_ones() -> None:
    yucca_module = ModuleType("files_and_folders")

    def not_found(*_: object) -> None:
        raise AssertionError

    yucca_module.recursive_find_python_class = not_found  # type: ignore[attr-defined]
    lookup.apply(yucca_module)
    with pytest.raises(SystemExit, match=r"no loss called 'DiceCESkeletonRecal'. Did you mean DiceCESkeletonRecall\?"):
        yucca_module.recursive_find_python_class([], "DiceCESkeletonRecal", "yucca.modules.optimization.loss_functions")
