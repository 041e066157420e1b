"""What people have in their tables, through the commands: right numbers, or one line that says what to do."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import statsmodels.api as sm

from yucca_wm.core.errors import InputError
from yucca_wm.groups.__main__ import main
from yucca_wm.jobs.run_record import Entry, FileState, Record, State


@pytest.fixture(autouse=True)
def tables_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cross-validation and pictures take most of the time, and have tests of their own."""
    monkeypatch.setattr("yucca_wm.groups.associate_command._predict", lambda *_: ({}, []))
    monkeypatch.setattr("yucca_wm.report.html.Pictures.add", lambda *_: None)


def rows(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def associate(cohort, *more, outcome="diagnosis"):
    fixed = ["--loads", str(cohort), "--participants", str(cohort / "participants.tsv"), "--permutations", "200"]
    return main(["associate", *fixed, "--outcome", outcome, "--out_dir", str(cohort / "out"), *more])


def content(cohort, name="associations"):
    return json.loads((cohort / "out" / f"{name}.json").read_text(encoding="utf-8"))


def set_column(cohort, name, value_of):
    """A column of the participants, from the number of the subject and what it has there."""
    path = cohort / "participants.tsv"
    table = rows(path)
    for number, row in enumerate(table):
        row[name] = value_of(number, row)
    lines = ["\t".join(table[0]), *("\t".join(row.values()) for row in table)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def set_load(cohort, value_of):
    """Cells load_percent, from subject and region; None leaves them."""
    path = cohort / "lesion_load.tsv"
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines[1:], start=1):
        cells = line.split("\t")
        value = value_of(int(cells[0].removeprefix("sub-")), cells[2])
        lines[number] = line if value is None else "\t".join([*cells[:-1], value])
    path.write_text("\n".join(lines) + "\n")


def set_flags(cohort, flags):
    about = {f"sub-{number:02d}": {"flags": dict.fromkeys(flags.get(number, ()), "...")} for number in range(54)}
    (cohort / "localize.json").write_text(json.dumps({"subjects": about, "failures": {}}))


def test_a_region_that_42_of_60_do_not_have_is_judged_in_the_others(cohort, capsys):
    """Odds ratio and number are those of the twelve who have it, fitted alone; they are written and said."""
    have = [*range(12, 18), *range(40, 46)]
    set_load(cohort, lambda who, region: "" if region == "cingulum_L" and who not in have else None)
    set_column(cohort, "score", lambda who, _: f"{(who * 7) % 13}.5")
    assert associate(cohort, outcome="score") == 0
    effect = rows(cohort / "out" / "associations.tsv")[1]
    assert (effect["region"], effect["n_subjects"]) == ("cingulum_L", "12")
    percent = [float(row["load_percent"]) for row in rows(cohort / "lesion_load.tsv")
               if row["name"] == "cingulum_L" and row["load_percent"]]  # fmt: skip
    load = np.sqrt(percent)
    design = sm.add_constant((load - load.mean()) / load.std(ddof=1))
    fit = sm.OLS([(who * 7) % 13 + 0.5 for who in have], design).fit(cov_type="HC3", use_t=True)
    assert float(effect["effect"]) == pytest.approx(fit.params[1], abs=2e-6)
    assert float(effect["p_model"]) == pytest.approx(fit.pvalues[1], abs=2e-6)
    assert rows(cohort / "out" / "associations.tsv")[0]["n_subjects"] == "54"
    capsys.readouterr()


def test_a_region_of_nine_people_is_not_tested_and_not_counted(cohort, capsys):
    set_load(cohort, lambda who, region: "n/a" if region == "cingulum_L" and who > 8 else None)
    assert associate(cohort, outcome="score") == 0
    said = capsys.readouterr().out
    assert "cingulum_L: not tested: 9 subjects, 10 are needed" in said
    assert "of 33 regions at a false discovery rate" in said
    assert "in none of 33 regions" in (cohort / "out" / "index.html").read_text(encoding="utf-8").lower()


def test_regions_with_the_same_note_share_a_line(cohort, capsys):
    set_load(cohort, lambda _, region: "1" if region in ("cingulum_L", "parietal_R") else None)
    assert associate(cohort, outcome="score") == 0
    assert "2 regions (cingulum_L, parietal_R): load does not vary\n" in capsys.readouterr().out


def test_clusters_say_what_they_put_in_place_of_loads(cohort, capsys):
    set_load(cohort, lambda who, region: "" if (region == "cingulum_L" and who < 30) or
             (region == "parietal_L" and who < 2) else None)  # fmt: skip
    assert main(["cluster", "--loads", str(cohort), "--out_dir", str(cohort / "out"), "--k-max", "2"]) == 0
    said = capsys.readouterr().out
    assert "cingulum_L has no voxel in 30 of 54 subjects and was left out" in said
    assert "parietal_L has no voxel in 2 of 54 subjects, for whom the others' median is used" in said
    profiles = {(row["cluster"], row["region"]): row for row in rows(cohort / "out" / "cluster_profiles.tsv")}
    known = [int(row["n_with_region"]) for (_, region), row in profiles.items() if region == "cingulum_L"]
    assert sum(known) == 24


def twice(cohort):
    """Everybody's loads once more, as a second session."""
    head, *lines = (cohort / "lesion_load.tsv").read_text().splitlines()
    both = [line.replace("\t", f"_ses-{session}\t", 1) for session in (1, 2) for line in lines]
    (cohort / "lesion_load.tsv").write_text("\n".join([head, *both]) + "\n")


def test_a_second_session_makes_no_second_person(cohort, capsys):
    """54 people at two visits are grouped and tested as the 54 at the first; both say who else there was."""
    cluster = ["cluster", "--loads", str(cohort), "--out_dir", str(cohort / "out"), "--k-max", "3"]
    found = []
    for visits in (1, 2):
        if visits == 2:
            twice(cohort)
        assert main(cluster) == 0
        assert associate(cohort) == 0
        out = cohort / "out"
        members = [(row["subject"].removesuffix("_ses-1"), row["cluster"]) for row in rows(out / "clusters.tsv")]
        found.append((members, content(cohort, "clusters")["choices"], (out / "associations.tsv").read_text()))
    assert found[0] == found[1]
    said = capsys.readouterr()
    line = "left out, another session of the same person was taken: sub-00_ses-2, sub-01_ses-2, "
    assert said.out.count(line) == 2
    assert said.out.count("(54 subjects)") == 2
    page = cohort / "out" / "index.html"  # of the command before, in the same folder
    notes = [f"note: {page} of {name}.json is replaced" for name in ("clusters", "associations", "clusters")]
    assert said.err.splitlines() == notes
    for name in ("clusters", "associations"):
        assert list(content(cohort, name)["left_out"]) == [f"sub-{number:02d}_ses-2" for number in range(54)]
    about = {f"sub-{number:02d}_ses-{visit}": {"flags": {}} for number in range(54) for visit in (1, 2)}
    about["sub-07_ses-1"]["flags"] = {"without_flair": "lesions found on a T1 alone"}
    (cohort / "localize.json").write_text(json.dumps({"subjects": about, "failures": {}}))
    assert main(cluster) == 0
    assert associate(cohort) == 0
    for name in ("clusters", "associations"):
        left_out = set(content(cohort, name)["left_out"])
        assert {"sub-07_ses-1", "sub-08_ses-2"} <= left_out
        assert len(left_out) == 54


def test_a_redundant_covariate_is_named_and_changes_nothing(cohort, capsys):
    set_column(cohort, "born", lambda _, row: str(2026 - int(row["age"])))
    assert associate(cohort, "--covariates", "age") == 0
    alone = (cohort / "out" / "associations.tsv").read_text()
    assert associate(cohort, "--covariates", "age", "born") == 0
    assert (cohort / "out" / "associations.tsv").read_text() == alone
    assert "covariate born is determined by age and was left out" in capsys.readouterr().out
    assert content(cohort)["redundant_covariates"] == {"born": ["age"]}


def test_a_covariate_that_separates_the_groups_is_named(cohort):
    set_column(cohort, "site", lambda _, row: "X" if row["diagnosis"] == "patient" else "Y")
    with pytest.raises(InputError, match="covariate site separates control from patient: the loads cannot add"):
        associate(cohort, "--covariates", "age", "site")


def test_covariates_that_separate_the_groups_together_are_named(cohort):
    diagnosis = [row["diagnosis"] == "patient" for row in rows(cohort / "participants.tsv")]
    set_column(cohort, "first", lambda who, _: f"{who % 10 + 1}")
    set_column(cohort, "second", lambda who, _: f"{who % 10 + 1 + (1 if diagnosis[who] else -1) * (1 + who % 3)}")
    with pytest.raises(InputError, match="covariates first, second together separate"):
        associate(cohort, "--covariates", "first", "second")


def test_a_site_with_one_group_only_is_named_and_counted(cohort, capsys):
    """Site Z has three people, all patients: all 34 models are of the other 51, and none blames a load."""
    patients = [n for n, row in enumerate(rows(cohort / "participants.tsv")) if row["diagnosis"] == "patient"]
    set_column(cohort, "site", lambda who, _: "Z" if who in patients[:3] else "AB"[who % 2])
    assert associate(cohort, "--covariates", "site") == 0
    said = capsys.readouterr().out
    assert (
        "covariates (site) alone predict the group of 3 subjects perfectly: these subjects are left out of the models"
        in said
    )
    assert "separated by this load" not in said
    table = rows(cohort / "out" / "associations.tsv")
    assert {row["n_subjects"] for row in table} == {"51"}
    assert all(row["effect"] for row in table)


def test_a_covariate_that_is_the_outcome_is_refused(cohort):
    set_column(cohort, "double", lambda _, row: f"{2 * float(row['score']):.6f}")
    with pytest.raises(InputError, match="age, double determine score"):
        associate(cohort, "--covariates", "age", "double", outcome="score")


def test_a_stray_cell_is_named_and_may_be_said_to_be_missing(cohort, capsys):
    """Who is left out for another reason is not to blame."""
    set_column(cohort, "age", lambda who, row: "60+" if who == 4 else "" if who == 5 else row["age"])
    with pytest.raises(InputError, match=r"line 6: age is '60\+', in a column with numbers") as raised:
        associate(cohort, "--covariates", "age")
    assert "left out" not in raised.value.remedy
    set_column(cohort, "age", lambda who, row: "50" if who == 5 else row["age"])
    assert associate(cohort, "--covariates", "age", "--missing", "60+") == 0
    assert content(cohort)["subjects"] == 53
    assert content(cohort)["missing"] == ["60+"]
    assert "left out, has no value for age: sub-04 (1 subject)" in capsys.readouterr().out


def test_loads_that_are_older_than_their_maps_are_said(cohort, capsys):
    """``predict --participant-label 01 02`` leaves the tables of the last whole run; the map of 01 is the same again.
    That of 00 was edited before it was localized."""
    record = Record(cohort, "predict")
    runs = [
        ("predict", "00", "a"), ("predict", "01", "b"), ("predict", "02", "c"), ("localize", "00", "edited"),
        ("localize", "01", "b"), ("localize", "02", "c"), ("predict", "01", "b"), ("predict", "02", "other"),
    ]  # fmt: skip
    for hour, (step, who, content) in enumerate(runs):
        file = {"lesions": FileState(f"/out/lesions/sub-{who}.nii.gz", 1, 1, 1, content)}
        kind = {"inputs" if step == "localize" else "outputs": file}
        record.add(Entry(f"sub-{who}", step, State.DONE, when=f"2026-01-01T{hour:02d}:00:00+00:00", **kind))
    assert associate(cohort) == 0
    said = "loads are older than the maps of 1 subject (sub-02): run predict with --level group first"
    assert said in capsys.readouterr().out


def test_one_scan_under_several_names_is_said(cohort, capsys):
    """sub-07 has the loads of sub-03; ``03`` is another row of the table."""
    table = rows(cohort / "lesion_load.tsv")
    own = {row["name"]: row["load_percent"] for row in table if row["subject"] == "sub-03"}
    set_load(cohort, lambda who, region: own[region] if who == 7 else None)
    lines = (cohort / "lesion_load.tsv").read_text().splitlines()
    more = [line.replace("sub-11", "11") for line in lines if line.startswith("sub-11")]
    (cohort / "lesion_load.tsv").write_text("\n".join([*lines, *more]) + "\n")
    assert main(["cluster", "--loads", str(cohort), "--out_dir", str(cohort / "out"), "--k-max", "2"]) == 0
    said = capsys.readouterr().out
    same = "2 subjects have the same load in every region, as one scan under several names has: "
    assert f"{same}sub-03, sub-07\n" in said
    assert f"{same}11, sub-11\n" in said
    assert "2 subjects have names that differ only by sub-: are they one person: 11, sub-11\n" in said


def test_too_few_permutations_for_a_finding_are_said(cohort, capsys):
    """The smallest p is 1 / 201, and the smallest q of one region of 34 is 0.17."""
    assert associate(cohort) == 0
    said = "200 permutations are too few to find one of 34 regions alone: at least 680 are needed"
    assert said in capsys.readouterr().out


def test_an_error_names_who_was_left_out_for_which_cell(cohort):
    """Of 54 people 9 have every value. Ten people are named for a reason at most, and four reasons of six."""
    set_column(cohort, "score", lambda who, _: "n/a" if 9 <= who < 52 else str(who * who % 7))
    set_column(cohort, "age", lambda who, row: "" if who in (52, 53) else row["age"])
    left = "left out, has no value for age: sub-52, sub-53 (2 subjects); left out, has no value for score: "
    left += f"{', '.join(f'sub-{who:02d}' for who in range(9, 19))}, ... (43 subjects)"
    with pytest.raises(InputError) as raised:
        associate(cohort, "--covariates", "age", outcome="score")
    assert raised.value.problem == "too few for this model with score: 9 subjects, 10 are needed"
    assert raised.value.remedy == f"add people; {left}"
    people = ["--participants", str(cohort / "participants.tsv"), "--covariates", "age", "score"]
    with pytest.raises(InputError) as raised:
        main(["cluster", "--loads", str(cohort), "--out_dir", str(cohort / "out"), *people])
    assert raised.value.remedy == f"at least 10 are needed; {left}"
    for number, name in enumerate("abcd"):
        set_column(cohort, name, lambda who, _, skipped=number: "" if who == skipped else str(who * who % 5))
    with pytest.raises(InputError, match=r"for a: sub-00 .* for c: sub-02 \(1 subject\); 2 more reasons$"):
        associate(cohort, "--covariates", "a", "b", "c", "d", "age", outcome="score")


def test_an_outcome_with_one_level_left_says_who_had_the_other(cohort):
    set_column(cohort, "case", lambda who, _: "yes" if who < 53 else "no")
    set_column(cohort, "age", lambda who, row: "" if who == 53 else row["age"])
    says = (
        r"is yes for every subject; no association can be tested; left out, has no value for age: sub-53 \(1 subject\)"
    )
    with pytest.raises(InputError, match=says):
        associate(cohort, "--covariates", "age", outcome="case")


def test_codes_are_names_when_that_is_said(cohort, capsys):
    set_column(cohort, "site", lambda who, _: str(who % 3 + 9))
    associate(cohort, "--covariates", "site")
    assert content(cohort)["covariate_columns"] == ["site"]
    associate(cohort, "--covariates", "site", "--categorical", "site")
    assert content(cohort)["covariate_columns"] == ["site=10", "site=11"]
    with pytest.raises(InputError, match="--categorical age is not a column of this analysis"):
        associate(cohort, "--covariates", "site", "--categorical", "age")
    capsys.readouterr()


@pytest.mark.parametrize(("low", "high"), [("9", "10"), ("0", "1"), ("0", "1.0")])
def test_levels_that_are_numbers(cohort, capsys, low, high):
    set_column(cohort, "code", lambda _, row: {"control": low, "patient": high}[row["diagnosis"]])
    if high == "1.0":
        set_column(cohort, "code", lambda who, row: "1" if row["code"] == "1.0" and who > 40 else row["code"])
    associate(cohort, outcome="code")
    said = capsys.readouterr().out
    patients = sum(row["diagnosis"] == "patient" for row in rows(cohort / "participants.tsv"))
    shown = high.removesuffix(".0")
    assert f"logistic models of code: {shown}: {patients} subjects, against {low}: {54 - patients} subjects" in said
    assert content(cohort)["reference"] == low
    ours = [row["effect"] for row in rows(cohort / "out" / "associations.tsv")]
    associate(cohort)
    assert ours == [row["effect"] for row in rows(cohort / "out" / "associations.tsv")]


def test_flagged_people_are_named_and_can_be_left_out(cohort, capsys):
    both = ["high_outside", "poor_registration"]
    set_flags(cohort, {2: ["high_outside"], 3: ["no_lesion"], 4: ["high_load"], 40: both})
    assert associate(cohort) == 0
    said = capsys.readouterr().out
    title = "over 20 % of the lesion volume outside every region"
    assert f"used although flagged high_outside ({title}): 2 subjects of 54: sub-02, sub-40" in said
    assert "used although flagged no_lesion" in said
    assert content(cohort)["flagged"]["sub-40"] == ["high_outside", "poor_registration"]

    assert associate(cohort, "--exclude-flagged") == 0
    said = capsys.readouterr().out
    assert "left out, flagged high_outside, poor_registration: sub-40 (1 subject)" in said
    assert "used although flagged no_lesion" in said
    assert content(cohort)["subjects"] == 52
    assert content(cohort)["left_out"]["sub-02"] == "flagged high_outside"

    assert associate(cohort, "--exclude-flagged", "no_lesion", "poor_registration") == 0
    assert content(cohort)["subjects"] == 52
    assert set(content(cohort)["left_out"]) == {"sub-03", "sub-40"}
    assert "used although flagged high_outside" in capsys.readouterr().out


def test_clusters_carry_the_flags(cohort, capsys):
    set_flags(cohort, {2: ["high_outside", "high_load"]})
    command = ["cluster", "--loads", str(cohort), "--out_dir", str(cohort / "out"), "--k-max", "2"]
    assert main(command) == 0
    members = rows(cohort / "out" / "clusters.tsv")
    assert [row["flags"] for row in members[:4]] == ["n/a", "n/a", "high_outside;high_load", "n/a"]
    assert "used although flagged high_load" in (cohort / "out" / "index.html").read_text(encoding="utf-8")
    assert main([*command, "--exclude-flagged", "high_load"]) == 0
    assert len(rows(cohort / "out" / "clusters.tsv")) == 53
    capsys.readouterr()


def test_flags_that_are_not_known_are_not_taken_for_none(cohort, capsys):
    assert associate(cohort) == 0
    assert "flags are not known: there is no localize.json beside the loads" in capsys.readouterr().out
    with pytest.raises(InputError, match=r"no localize\.json beside it"):
        associate(cohort, "--exclude-flagged")
    set_flags(cohort, {})
    with pytest.raises(InputError, match="there is no flag bad; flags are no_lesion, high_load, small_load"):
        associate(cohort, "--exclude-flagged", "bad")
    set_flags(cohort, {number: ["high_outside"] for number in range(54)})
    with pytest.raises(InputError, match=r"nobody is left; left out, flagged high_outside: sub-00, .* \(54"):
        associate(cohort, "--exclude-flagged")


def test_flags_of_some_are_no_flags_of_all(cohort, capsys):
    """Two tables put together, beside the localize.json of one of them."""
    set_flags(cohort, {2: ["high_outside"]})
    about = json.loads((cohort / "localize.json").read_text())
    about["subjects"] = {name: about["subjects"][name] for name in list(about["subjects"])[:50]}
    (cohort / "localize.json").write_text(json.dumps(about))
    assert associate(cohort) == 0
    said = capsys.readouterr().out
    assert "flags are not known for 4 of 54 subjects: sub-50, sub-51, sub-52, sub-53" in said
    assert "used although flagged high_outside" in said
    with pytest.raises(InputError, match="has flags for only 50 of 54 subjects, not for sub-50, sub-51"):
        associate(cohort, "--exclude-flagged")


def test_anonymous_pages_count_the_flagged(cohort, capsys):
    set_flags(cohort, {2: ["high_outside"]})
    assert associate(cohort, "--anonymise") == 0
    page = (cohort / "out" / "index.html").read_text(encoding="utf-8")
    assert "1 subject of 54" in page
    assert "sub-" not in page
    capsys.readouterr()


def test_people_are_in_natural_order_and_names_stay_names(cohort, capsys):
    """sub-2 before sub-10; a person called NA, regions called NA and nan, an empty tab, quotes, BOM and CR LF."""
    for name in ("lesion_load.tsv", "participants.tsv"):
        text = (cohort / name).read_text().replace("sub-07\t", "NA\t")
        text = "\n".join(line.removeprefix("sub-0") if line.startswith("sub-0") else line for line in text.splitlines())
        if name == "lesion_load.tsv":
            text = text.replace("\tparietal_L\t", "\tNA\t").replace("\tcingulum_L\t", "\tnan\t")
        else:
            text = text.replace("\n", "\t\n").replace("\tM\t", '\t"M"\t') + "\t"
        (cohort / name).write_text("\ufeff" + text.replace("\n", "\r\n"), encoding="utf-8", newline="")
    assert associate(cohort, "--covariates", "sex", "age") == 0
    assert content(cohort)["subjects"] == 54
    assert [row["region"] for row in rows(cohort / "out" / "associations.tsv")][:2] == ["NA", "nan"]
    main(["cluster", "--loads", str(cohort), "--out_dir", str(cohort / "out"), "--k-max", "2"])
    names = [row["subject"] for row in rows(cohort / "out" / "clusters.tsv")]
    assert names == ["0", "1", "2", "3", "4", "5", "6", "8", "9", "NA", *(f"sub-{n}" for n in range(10, 54))]
    capsys.readouterr()


def test_the_order_of_rows_changes_nothing(cohort, capsys):
    associate(cohort, "--covariates", "age")
    first = (cohort / "out" / "associations.tsv").read_text()
    path = cohort / "lesion_load.tsv"
    head, *lines = path.read_text().splitlines()
    whole = [lines[start : start + 38] for start in range(0, len(lines), 38)]
    path.write_text("\n".join([head, *(line for part in whole[::-1] for line in part)]) + "\n")
    table = (cohort / "participants.tsv").read_text().splitlines()
    (cohort / "participants.tsv").write_text("\n".join([table[0], *table[:0:-1]]) + "\n")
    associate(cohort, "--covariates", "age")
    assert (cohort / "out" / "associations.tsv").read_text() == first
    capsys.readouterr()


@pytest.mark.parametrize(
    ("value", "says"),
    [("1,5", "line 40: load_percent is '1,5', no number from 0 up; write a decimal point"),
     ("-1", "line 40: load_percent is '-1'"), ("12345", "line 40: load_percent is '12345', more than the whole"),
     ("inf", "line 40: load_percent is 'inf'")],
)  # fmt: skip
def test_loads_are_numbers(cohort, value, says):
    set_load(cohort, lambda who, region: value if (who, region) == (1, "parietal_L") else None)
    with pytest.raises(InputError, match=says):
        associate(cohort)


def test_ids_that_match_nobody_are_one_error(cohort):
    set_column(cohort, "participant_id", lambda who, _: f"P{who}")
    with pytest.raises(
        InputError, match=r"none of its participants has loads; make .* has P0, P1, P2, \.\.\., the loads"
    ):
        associate(cohort)
