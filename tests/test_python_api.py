"""The public names of `yucca_wm`: light to import, documented to the last parameter, and what they say they are."""

from __future__ import annotations

import dataclasses
import inspect
import os
import pickle
import pydoc
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import yucca_wm as yw

ROOT = Path(__file__).parents[1]
SECTION = re.compile(r"^(\w+)\n-{3,}$", re.MULTILINE)
FUNCTIONS = [name for name in yw.__all__ if name[0].islower()]
CLASSES = [name for name in yw.__all__ if name[0].isupper()]


def test_importing_takes_a_tenth_of_a_second_and_no_package() -> None:
    """Without site-packages: nothing but Python itself is needed."""
    code = (
        "import sys, time; before = time.process_time(); import yucca_wm; took = time.process_time() - before\n"
        "print(took, *({'torch', 'nibabel', 'pandas', 'numpy', 'yucca_wm.imaging.images'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-S", "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert len(printed) == 1, printed
    assert float(printed[0]) < 0.1


def test_every_name_is_there_and_none_else() -> None:
    assert len(FUNCTIONS) == 7
    assert len(CLASSES) == 10
    assert set(yw.__all__) <= set(dir(yw))
    for name in FUNCTIONS:
        assert callable(getattr(yw, name))
    for name in CLASSES:
        assert inspect.isclass(getattr(yw, name))
    with pytest.raises(AttributeError, match="no attribute 'segment'"):
        yw.segment  # noqa: B018


def sections(thing: Any) -> dict[str, str]:
    """Numpydoc sections of a docstring; the summary has no name."""
    parts = SECTION.split(inspect.getdoc(thing) or "")
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def entries(text: str) -> list[str]:
    """Names that a section describes, each with its type and an indented text."""
    found = re.findall(r"^(\w[\w, ]*) : \S.*\n {4}\S", text, re.MULTILINE)
    return [name for names in found for name in names.split(", ")]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_say_what_they_take_give_and_raise(name: str) -> None:
    function = getattr(yw, name)
    said = sections(function)
    assert said[""].strip()
    assert said.keys() >= {"Parameters", "Returns", "Raises"}
    assert entries(said["Parameters"]) == list(inspect.signature(function).parameters)
    assert "InputError" in said["Raises"]


@pytest.mark.parametrize("name", CLASSES)
def test_classes_say_what_they_hold(name: str) -> None:
    kind = getattr(yw, name)
    said = sections(kind)
    assert said[""].strip()
    if dataclasses.is_dataclass(kind):
        fields = [field.name for field in dataclasses.fields(kind) if not field.name.startswith("_")]
        assert entries(said["Attributes"]) == fields
    elif "__init__" in vars(kind):
        assert entries(said["Parameters"]) == list(inspect.signature(kind).parameters)
    for member, thing in vars(kind).items():
        if member.startswith("_"):
            continue
        if isinstance(thing, property):
            assert inspect.getdoc(thing), member
        elif inspect.isfunction(thing):
            own = sections(thing)
            assert own[""].strip(), member
            assert "Returns" in own, member
            given = [one for one in inspect.signature(thing).parameters if one != "self"]
            assert entries(own.get("Parameters", "")) == given, member


def test_a_step_is_a_function_and_a_subpackage_whatever_was_imported_first() -> None:
    """In new processes: by attribute, and after a module of the step has bound its name."""
    code = "import yucca_wm as yw; import sys; {}; print(callable(yw.localize), yw.localize.__name__)"
    for before in ("pass", "import yucca_wm.localize.case", "from yucca_wm import localize"):
        command = [sys.executable, "-c", code.format(before)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert printed.split() == ["True", "yucca_wm.localize"]
    from yucca_wm.localize import api, case

    assert isinstance(yw.localize, ModuleType)
    assert yw.localize.case is case  # type: ignore[attr-defined]
    assert inspect.signature(yw.localize) == inspect.signature(api.localize)
    assert pickle.loads(pickle.dumps(yw.localize)) is yw.localize  # for worker processes


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("predict", "predict(t1=None, flair=None, *, lesion_model=None, "),
        ("localize", "localize(lesions, regions, names=None, connectivity=26, min_size_mm3=3.0, *, tissue=None, "),
        ("parcellate", "parcellate("),
        ("evaluate", "evaluate(prediction, truth, kind=None, *, names=None, "),
    ],
)
def test_help_of_a_step_begins_with_the_functions_parameters_and_text(name: str, begins: str) -> None:
    """In ``help`` of a module there is its docstring only."""
    room = getattr(yw, name)
    page = pydoc.render_doc(room, renderer=pydoc.plaintext)
    said = page.split("DESCRIPTION\n")[1].split("PACKAGE CONTENTS")[0]
    shown, text = textwrap.dedent(said).split("\n\n", 1)
    lines = shown.splitlines()
    assert len(lines) > 1  # else pydoc takes them for a title
    assert max(map(len, lines)) <= 100
    assert " ".join(map(str.strip, lines)).startswith(begins)
    assert text.strip() == inspect.getdoc(room.function)
