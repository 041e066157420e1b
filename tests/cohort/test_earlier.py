"""What a folder holds of a step already, when one more subject comes to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.jobs.earlier import Earlier
from yucca_wm.jobs.options import RunOptions
from yucca_wm.jobs.resumable import only_run_in, run_step
from yucca_wm.jobs.step import Step, Work

STEP = "measure"


@pytest.fixture
def there(tmp_path: Path) -> Earlier:
    """Ann is done, with the length of her file as result; Ben is listed, but nothing is known of him."""
    (tmp_path / "ann.txt").write_text("seven..")
    step = Step(STEP, tmp_path / "out", {"unit": "mm"})
    work = Work(tmp_path / "ann.txt", {"text": tmp_path / "ann.txt"})
    options = RunOptions(jobs=1)
    with only_run_in(step.folder, options):
        run_step(step, lambda path: len(path.read_text()), {"ann": work}, options, threads=True)
    return Earlier.read(step, ["ann", "ben"], {"cid": "has no file"})


def test_results_are_those_of_the_record(there: Earlier) -> None:
    assert there.results() == {"ann": 7}
    assert there.results(but=["ann"]) == {}
    assert there.failures == {"cid": "has no file"}


def test_settings_have_to_be_those_of_everybody_else(there: Earlier) -> None:
    there.check_settings(["dora"])
    other = replace(there, step=replace(there.step, parameters={"unit": "inch"}))
    other.check_settings(["ann"])  # she is done anew
    with pytest.raises(InputError, match=r"holds ann, done with other settings \(unit\)") as caught:
        other.check_settings(["dora"])
    assert caught.value.remedy == "choose another --out-dir, or measure all of them again"
    with pytest.raises(InputError, match="holds ann"):
        there.check_settings(["dora"], alike=lambda entry: "picture" in entry.inputs)


def test_a_name_stands_for_one_file(there: Earlier, tmp_path: Path) -> None:
    copy, other = tmp_path / "copy.txt", tmp_path / "other.txt"
    copy.write_text("seven..")
    other.write_text("another")
    there.check_names({"ann": {"text": tmp_path / "ann.txt"}})
    there.check_names({"ann": {"text": copy, "picture": other}, "ben": {"text": other}})
    with pytest.raises(InputError, match=r"is called ann, as .*ann\.txt was") as caught:
        there.check_names({"ann": {"text": other}})
    assert caught.value.path == str(other)
