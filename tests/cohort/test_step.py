"""What is done is kept, what has changed is done again, and the record says so."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import sha256
from yucca_wm.imaging.reading import Headers, reading
from yucca_wm.jobs.cases import Outcome
from yucca_wm.jobs.options import Level, RunOptions
from yucca_wm.jobs.resumable import only_run_in, run_step
from yucca_wm.jobs.run_record import RECORD, FileState
from yucca_wm.jobs.step import Step, Work

NAMES = ("a", "b", "c")


def copy(case: tuple[Path, Path]) -> int:
    """Writes its input in capitals, and notes that it was called."""
    source, target = case
    text = source.read_text()
    if text.startswith("bad"):
        raise InputError(source, "is bad")
    target.write_text(text.upper())
    if "seldom" in text:
        target.with_name(f"{source.stem}.seldom.gz").write_text(text)
    with (target.parent / "calls").open("a") as calls:
        calls.write(source.stem)
    return len(text)


class Cohort:
    """Inputs a.txt, b.txt, c.txt, and what a run over them does."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder / "in", folder / "out"
        self.folder.mkdir()
        for name in NAMES:
            self.write(name, f"text of {name}")

    def write(self, name: str, text: str) -> None:
        (self.folder / f"{name}.txt").write_text(text)

    def run(self, parameters: dict[str, Any] | None = None, keeps: bool = False, **options: Any) -> Outcome[Any]:
        (self.out / "calls").unlink(missing_ok=True)
        chosen = RunOptions(**options)
        with only_run_in(self.out, chosen) as out:
            works = {
                name: Work(
                    (path := self.folder / f"{name}.txt", out / f"{name}.up"),
                    {"text": path},
                    [out / f"{name}.up"],
                    [out / f"{name}.seldom.gz"],
                )
                for name in NAMES
            }
            step = Step("copy", out, parameters or {"size": (1, 2)}, keeps=keeps)
            return run_step(step, copy, works, chosen)

    def files(self) -> dict[str, str]:
        """What the run left but for its record."""
        return {path.name: path.read_text() for path in self.out.iterdir() if path.name not in (RECORD, "calls")}

    @property
    def calls(self) -> str:
        """Subjects that the last run really did."""
        path = self.out / "calls"
        return "".join(sorted(path.read_text())) if path.exists() else ""

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out / RECORD).read_text().splitlines()]


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    return Cohort(tmp_path)


def test_where_nobody_can_be_done_everything_stays(cohort: Cohort) -> None:
    """Inputs that are bad, and one that is gone: files of either kind, and the record, count as before."""
    cohort.write("a", "a seldom text")
    done = cohort.run(keeps=True).results
    before = cohort.files()
    good = {name: (cohort.folder / f"{name}.txt").read_text() for name in NAMES}
    cohort.write("a", "bad")
    cohort.write("b", "bad too")
    (cohort.folder / "c.txt").unlink()
    failed = cohort.run(keeps=True)
    assert (failed.results, set(failed.failures)) == ({}, set(NAMES))
    assert cohort.files() == before
    for name, text in good.items():
        cohort.write(name, text)
    assert cohort.run(keeps=True).results == done
    assert cohort.calls == ""  # the record still knows what the files were made from


@pytest.mark.parametrize(
    ("keeps", "options"), [(False, {}), (True, {"participants": ("a",), "level": Level.PARTICIPANT})]
)
def test_else_nothing_of_an_earlier_run_passes_for_this_ones(
    cohort: Cohort, keeps: bool, options: dict[str, Any]
) -> None:
    cohort.write("a", "a seldom text")
    cohort.run(keeps=keeps)
    assert (cohort.out / "a.seldom.gz").exists()
    cohort.write("a", "bad")
    assert cohort.run(keeps=keeps, force=not options, **options).failures.keys() == {"a"}
    assert set(cohort.files()) == {"b.up", "c.up"}


def test_who_is_done_and_who_fails_beside_leave_nothing_aside(cohort: Cohort) -> None:
    cohort.run(keeps=True)
    cohort.write("a", "bad")
    cohort.write("b", "new")
    assert cohort.run(keeps=True).results == {"b": 3, "c": 9}
    assert cohort.files() == {"b.up": "NEW", "c.up": "TEXT OF C"}


def test_only_what_changed_is_done_again(cohort: Cohort, capsys: pytest.CaptureFixture[str]) -> None:
    first = cohort.run()
    assert cohort.calls == "abc"
    assert first.results == {"a": 9, "b": 9, "c": 9}
    assert "done already" not in capsys.readouterr().err
    assert cohort.run() == first
    assert cohort.calls == ""
    assert "copy: 3 of 3 cases are done already; --force repeats them" in capsys.readouterr().err
    cohort.write("b", "another text")
    assert cohort.run().results == {"a": 9, "b": 12, "c": 9}
    assert cohort.calls == "b"
    assert "copy: 2 of 3 cases are done already" in capsys.readouterr().err
    cohort.run({"size": (1, 3)})
    assert cohort.calls == "abc"
    cohort.run({"size": (1, 3)}, force=True)
    assert cohort.calls == "abc"
    (cohort.out / "c.up").unlink()
    cohort.run({"size": (1, 3)})
    assert cohort.calls == "c"


def test_a_copied_input_is_read_but_not_done_again(cohort: Cohort) -> None:
    cohort.run()
    text = (cohort.folder / "a.txt").read_text()
    (cohort.folder / "a.txt").unlink()
    cohort.write("a", text)
    assert cohort.run().results["a"] == 9
    assert cohort.calls == ""
    before = len(cohort.lines())
    cohort.run()
    assert len(cohort.lines()) == before


def test_results_of_other_files_are_not_replaced_in_silence(cohort: Cohort, tmp_path: Path) -> None:
    """The same names in another folder: b's file differs there, those of a and c are copies."""
    with reading(Headers()) as notes:
        cohort.run()
        first = cohort.folder / "b.txt"
        shutil.copytree(cohort.folder, tmp_path / "elsewhere")
        cohort.folder = tmp_path / "elsewhere"
        cohort.run()
        assert list(notes) == []
        cohort.write("b", "another text")
        cohort.run()
        assert list(notes) == [], "it is the same file, which has changed"
        cohort.folder = tmp_path / "in"
        cohort.run()
    assert list(notes) == [f"earlier results of b, of other files ({tmp_path / 'elsewhere' / 'b.txt'}), are replaced"]
    assert first.is_file()


def test_same_size_and_time_but_other_content(cohort: Cohort) -> None:
    path = cohort.folder / "a.txt"
    cohort.run()
    stat = path.stat()
    cohort.write("a", "text of x")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    cohort.run()
    assert cohort.calls == "a"


def test_another_version_does_everything_again(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    cohort.run()
    monkeypatch.setattr("yucca_wm.jobs.run_record.__version__", "9.9")
    cohort.run()
    assert cohort.calls == "abc"


def test_a_failure_leaves_no_old_output_and_is_tried_again(cohort: Cohort) -> None:
    cohort.run()
    cohort.write("b", "bad")
    outcome = cohort.run()
    assert outcome.failures == {"b": f"{cohort.folder / 'b.txt'}: is bad"}
    assert not (cohort.out / "b.up").exists()
    assert list(outcome.results) == ["a", "c"]
    (cohort.folder / "b.txt").unlink()
    assert "no such file" in cohort.run().failures["b"]
    cohort.write("b", "text of b")
    assert cohort.run().failures == {}
    assert [line["state"] for line in cohort.lines() if line["subject"] == "b"] == [
        "begun", "done", "begun", "failed", "begun", "failed", "begun", "done",
    ]  # fmt: skip


def test_a_cut_line_costs_one_subject(cohort: Cohort) -> None:
    cohort.run()
    path = cohort.out / RECORD
    content = path.read_bytes()
    path.write_bytes(content[:-40])
    cohort.run()
    assert cohort.calls == "c"
    place = content.index(b'"state": "done"')  # of a, in the second line
    path.write_bytes(content[:place] + b"\0" * 50 + content[place:])
    cohort.run()
    assert cohort.calls == "a"
    first, _, *others = path.read_bytes().splitlines()
    for line in (first, *others):
        json.loads(line)


def test_killed_after_the_new_result_was_written_and_before_it_was_recorded(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old parameters must not find the new files and take them for theirs."""
    cohort.run({"case": "old"})
    with monkeypatch.context() as patch:
        patch.setattr("yucca_wm.jobs.worker.Done", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            cohort.run({"case": "new"})
    assert (cohort.out / "a.up").exists()
    cohort.run({"case": "old"})
    assert "a" in cohort.calls


def test_an_input_that_changes_while_it_is_read(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = copy

    def disturbed(case: tuple[Path, Path]) -> int:
        result = undisturbed(case)
        if case[0].stem == "a":
            case[0].write_text("meanwhile")
        return result

    monkeypatch.setitem(globals(), "copy", disturbed)
    assert "changed while it was read" in cohort.run().failures["a"]
    assert not (cohort.out / "a.up").exists()


def test_participants_and_group(cohort: Cohort) -> None:
    some = cohort.run(participants=("a", "c"), level=Level.PARTICIPANT)
    assert list(some.results) == ["a", "c"]
    group = cohort.run(level=Level.GROUP)
    assert cohort.calls == ""
    assert group.results == some.results
    assert group.failures == {"b": "is not done yet; run it at the participant level"}
    cohort.write("b", "bad")
    cohort.run(participants=("b",), level=Level.PARTICIPANT)
    assert "is bad" in cohort.run(level=Level.GROUP).failures["b"]
    assert "other settings" in cohort.run({"size": 7}, level=Level.GROUP).failures["a"]
    with pytest.raises(InputError, match="'z' is not a subject"):
        cohort.run(participants=("a", "z"), level=Level.PARTICIPANT)


def test_a_form_of_the_header_is_chosen_for_one_subject(cohort: Cohort) -> None:
    """The result is that of its files as chosen, until another form is; it was lost, or done again and failed."""
    with reading(Headers("qform")):
        assert set(cohort.run(participants=("a",), level=Level.PARTICIPANT).results) == {"a"}
    cohort.run(participants=("b", "c"), level=Level.PARTICIPANT)
    assert cohort.calls == "bc"
    assert set(cohort.run(level=Level.GROUP).results) == set(NAMES)
    cohort.run()
    assert cohort.calls == ""
    with reading(Headers("sform")):
        failures = cohort.run(level=Level.GROUP).failures
        assert failures["a"] == "was done with other settings (header); run it at the participant level again"
        cohort.run()
    assert cohort.calls == "abc"


def test_participants_share_a_folder_and_a_whole_run_has_it_alone(cohort: Cohort) -> None:
    part, whole = RunOptions(level=Level.PARTICIPANT), RunOptions()
    with only_run_in(cohort.out, part), only_run_in(cohort.out, part):
        with pytest.raises(InputError, match="another run is writing"), only_run_in(cohort.out, whole):
            pass
        assert cohort.run(participants=("a",), level=Level.PARTICIPANT).results
    with only_run_in(cohort.out, whole):
        for options in (part, whole):
            with pytest.raises(InputError, match="another run is writing"), only_run_in(cohort.out, options):
                pass
    assert not (cohort.out / ".lock").exists()


def test_a_file_that_is_read_is_never_replaced(cohort: Cohort) -> None:
    """An input is the output of somebody else's, by another name: nothing is touched."""
    cohort.out.mkdir()
    target = cohort.out / "b.up"
    target.write_text("drawn by hand")
    (cohort.folder / "a.txt").unlink()
    (cohort.folder / "a.txt").symlink_to(target)
    with pytest.raises(InputError, match=r"b\.up: is read by this run, which would replace it; choose another"):
        cohort.run()
    assert target.read_text() == "drawn by hand"
    assert not (cohort.out / "a.up").exists()


def test_a_file_that_no_run_has_made_is_not_replaced(cohort: Cohort) -> None:
    cohort.out.mkdir()
    (cohort.out / "b.up").write_text("drawn by hand")
    outcome = cohort.run()
    assert (list(outcome.results), cohort.calls) == (["a", "c"], "ac")
    told = f"{cohort.out / 'b.up'}: exists already and was not written by yucca-wm copy; choose another folder"
    assert outcome.failures == {"b": told}
    with pytest.raises(InputError, match="not written by yucca-wm copy"):  # whoever is asked for has such a file
        cohort.run(participants=("b",), level=Level.PARTICIPANT)
    assert cohort.files()["b.up"] == "drawn by hand"
    assert cohort.run(force=True).results["b"] == 9


def test_a_failed_run_leaves_nothing_so_what_is_there_is_somebody_elses(cohort: Cohort) -> None:
    text = (cohort.folder / "b.txt").read_text()
    cohort.write("b", "bad")
    cohort.run()
    (cohort.out / "b.up").write_text("drawn by hand instead")
    cohort.write("b", text)
    assert "not written by yucca-wm copy" in cohort.run().failures["b"]
    assert cohort.files()["b.up"] == "drawn by hand instead"


def test_what_a_killed_run_left_is_its_own(cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
    cohort.write("b", "bad")
    cohort.run()
    cohort.write("b", "good")
    with monkeypatch.context() as patch:  # after the file was written, before it was recorded
        patch.setattr("yucca_wm.jobs.worker.Done", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            cohort.run()
    assert (cohort.out / "b.up").exists()
    assert cohort.run().results["b"] == 4


@pytest.mark.parametrize("what", ["text", "settings", "copied input", "nothing"])
def test_an_edited_result_is_not_replaced(cohort: Cohort, what: str) -> None:
    cohort.run()
    (cohort.out / "b.up").write_text("corrected by hand")
    text = (cohort.folder / "b.txt").read_text()
    if what in ("text", "copied input"):
        (cohort.folder / "b.txt").unlink()
        cohort.write("b", "other text" if what == "text" else text)
    outcome = cohort.run({"size": (1, 3)} if what == "settings" else None)
    assert (cohort.out / "b.up").read_text() == "corrected by hand"
    if what in ("nothing", "copied input"):
        assert (outcome.failures, cohort.calls) == ({}, "")
        return
    told = f"{cohort.out / 'b.up'}: was changed after yucca-wm copy wrote it; choose another folder"
    assert outcome.failures == {"b": told}
    assert cohort.calls == ("ac" if what == "settings" else "")
    assert cohort.run({"size": (1, 3)}, force=True).failures == {}
    assert cohort.files()["b.up"] == ("OTHER TEXT" if what == "text" else "TEXT OF B")


@pytest.mark.parametrize("also", ["another output is gone", "another output is asked for"])
def test_an_edited_result_is_not_replaced_to_make_another(tmp_path: Path, also: str) -> None:
    """Of one subject with two outputs: the one that is there was edited."""
    source, edited, second = tmp_path / "a.txt", tmp_path / "out" / "a.up", tmp_path / "out" / "a.low"
    source.write_text("Text")

    def both(paths: list[Path]) -> None:
        for path in paths:
            path.write_text(source.read_text().upper() if path.suffix == ".up" else source.read_text().lower())

    def run(*outputs: Path, force: bool = False) -> Outcome[Any]:
        with only_run_in(tmp_path / "out", RunOptions(force=force)) as out:
            work = {"a": Work(list(outputs), {"text": source}, list(outputs))}
            return run_step(Step("copy", out, {}), both, work, RunOptions(force=force))

    assert not run(edited, *([second] if also == "another output is gone" else [])).failures
    edited.write_text("corrected by hand")
    second.unlink(missing_ok=True)
    for _ in range(2):
        with pytest.raises(InputError, match=r"a.up: was changed after yucca-wm copy wrote it; .*--force|folder"):
            run(edited, second)
        assert edited.read_text() == "corrected by hand"
        assert not second.exists()
    assert not run(edited, second, force=True).failures
    assert (edited.read_text(), second.read_text()) == ("TEXT", "text")


def test_a_result_in_a_folder_that_was_copied_is_not_edited(cohort: Cohort, tmp_path: Path) -> None:
    cohort.run()
    cohort.out = shutil.copytree(cohort.out, tmp_path / "copied", copy_function=shutil.copyfile)
    assert set(cohort.run(level=Level.GROUP).results) == set(NAMES)
    assert cohort.run({"size": (1, 3)}).failures == {}
    assert cohort.calls == "abc"


@pytest.mark.parametrize("given", ["x.hdr", "x.img", "x.HDR", "x.IMG", "x.hdr.gz", "x.img.gz"])
def test_a_pair_of_header_and_image_is_one_file(tmp_path: Path, given: str) -> None:
    ends = given.removeprefix("x.")
    pair = [
        f"x.{ends.replace('img', end).replace('hdr', end).replace('IMG', end.upper()).replace('HDR', end.upper())}"
        for end in ("hdr", "img")
    ]
    for name in pair:
        (tmp_path / name).write_text(name)
    states = [FileState.of(tmp_path / given)]
    for name in pair:
        (tmp_path / name).write_text("changed " + name)
        assert not states[-1].is_unchanged(tmp_path / given)
        states.append(FileState.of(tmp_path / given))
    assert len({state.sha256 for state in states}) == 3
    assert sha256(tmp_path / given) == states[-1].sha256, "of an atlas or a template, too"


def test_what_killed_runs_left_is_removed(cohort: Cohort) -> None:
    cohort.out.mkdir()
    for name in (".a.tmp-abcd1234.up", ".a.lock"):
        (cohort.out / name).touch()
    cohort.run()
    assert sorted(path.name for path in cohort.out.glob(".*")) == []
