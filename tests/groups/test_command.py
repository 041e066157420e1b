from __future__ import annotations

import csv
import json
import re

import pytest

from yucca_wm.core.errors import InputError, MissingExtraError
from yucca_wm.core.regions import regions
from yucca_wm.groups.__main__ import main


def rows(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def associate(cohort, *more, outcome="diagnosis"):
    participants = str(cohort / "participants.tsv")
    return main(
        ["associate", "--loads", str(cohort), "--participants", participants, "--outcome", outcome, "--out_dir",
         str(cohort / "out"), "--permutations", "500", *more]
    )  # fmt: skip


def edit(cohort, change):
    path = cohort / "participants.tsv"
    path.write_text(change(path.read_text()))


def test_cluster(cohort, capsys):
    assert main(["cluster", "--loads", str(cohort), "--out_dir", str(cohort / "out"), "--k-max", "3"]) == 0
    content = json.loads((cohort / "out" / "clusters.json").read_text())
    assert content["structure"], content["reason"]
    assert content["k"] == 2
    labels = [row["cluster"] for row in rows(cohort / "out" / "clusters.tsv")]
    assert labels == ["1"] * 30 + ["2"] * 24
    profiles = rows(cohort / "out" / "cluster_profiles.tsv")
    assert len(profiles) == 2 * 34
    for figure in ("cluster_profiles", "cluster_embedding", "cluster_dendrogram"):
        assert (cohort / "out" / f"{figure}.png").stat().st_size > 5000
        assert (cohort / "out" / f"{figure}.svg").stat().st_size > 5000
    assert "2 groups: silhouette" in capsys.readouterr().out
    page = (cohort / "out" / "index.html").read_text(encoding="utf-8")
    assert "<h1>2 groups among 54 subjects</h1>" in page
    assert "30 in group 1, 24 in group 2" in page
    assert page.count("<tr><td>sub-") == 54
    assert page.count("data:image/png;base64,") == 3
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page)


def test_associate_with_a_diagnosis(cohort, capsys):
    assert associate(cohort, "--covariates", "age", "sex", "site", "--reference", "control") == 0
    table = rows(cohort / "out" / "associations.tsv")
    assert [row["region"] for row in table] == [region.name for region in regions().white_matter]
    found = {row["region"] for row in table if row["q_fdr"] and float(row["q_fdr"]) < 0.05}
    assert found == {regions().by_index(index).name for index in (4, 5, 6, 12, 13, 14, 21, 22, 23, 29, 30, 31)}
    content = json.loads((cohort / "out" / "associations.json").read_text())
    assert content["model"] == "logistic"
    assert content["constant_covariates"] == ["site"]
    assert content["prediction"]["auc_regional"] > 0.75
    assert (cohort / "out" / "forest.png").stat().st_size > 5000
    assert "covariate site is constant" in capsys.readouterr().out
    page = (cohort / "out" / "index.html").read_text(encoding="utf-8")
    assert "given age, sex, site" in page
    assert "In 12 regions of 34 it is" in page
    assert "constant, left out: site" in page
    assert page.count("data:image/png;base64,") == 1


def test_associate_with_a_score_finds_nothing_where_there_is_nothing(cohort, capsys):
    assert associate(cohort, outcome="score") == 0
    assert "0 of 34 regions" in capsys.readouterr().out


def test_names_are_escaped_on_the_page(cohort, capsys):
    edit(cohort, lambda text: text.replace("patient", "<b>bad</b>").replace("sub-07\t", "sub-<i>7\t"))
    assert associate(cohort, "--reference", "control") == 1
    page = (cohort / "out" / "index.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;bad&lt;/b&gt;" in page
    assert "sub-&lt;i&gt;7: has no lesion load" in page
    assert "<b>bad" not in page
    assert "<i>7" not in page
    capsys.readouterr()


def test_a_load_that_separates_the_groups_is_said(cohort, capsys):
    """Region parietal_L is high in every patient and low in every control."""
    diagnosis = {row["participant_id"]: row["diagnosis"] for row in rows(cohort / "participants.tsv")}
    lines = (cohort / "lesion_load.tsv").read_text().splitlines()
    for number, line in enumerate(lines):
        fields = line.split("\t")
        if fields[2] == "parietal_L":
            fields[-1] = str(9.0 + number % 7 if diagnosis[fields[0]] == "patient" else 1.0 + number % 5 / 10)
            lines[number] = "\t".join(fields)
    (cohort / "lesion_load.tsv").write_text("\n".join(lines) + "\n")
    assert associate(cohort) == 0
    assert "parietal_L: groups are separated by this load" in capsys.readouterr().out
    first = rows(cohort / "out" / "associations.tsv")[0]
    assert 1 < float(first["ci_low"]) < float(first["effect"]) < float(first["ci_high"])
    assert float(first["q_fdr"]) < 0.05


def test_a_load_that_is_the_same_in_everyone_is_said(cohort, capsys):
    lines = (cohort / "lesion_load.tsv").read_text().splitlines()
    same = ["\t".join([*line.split("\t")[:-1], "2.5"]) if "\tcingulum_R\t" in line else line for line in lines]
    (cohort / "lesion_load.tsv").write_text("\n".join(same) + "\n")
    assert associate(cohort) == 0
    assert "cingulum_R: load does not vary" in capsys.readouterr().out


def test_the_reference_turns_odds_ratios_round(cohort, capsys):
    ratios = []
    for level in ("control", "patient"):
        associate(cohort, "--reference", level)
        ratios.append(float(rows(cohort / "out" / "associations.tsv")[11]["effect"]))
    assert ratios[0] == pytest.approx(1 / ratios[1], rel=1e-4)
    capsys.readouterr()


def test_participants_missing_or_twice_are_named_and_the_rest_is_done(cohort, capsys):
    def change(text):
        lines = text.splitlines()
        return "\n".join([*lines[:4], *lines[5:], lines[10], "sub-99\tcontrol\t50\tM\tA\t0"]) + "\n"

    edit(cohort, change)
    assert associate(cohort) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3
    assert "sub-09" in errors[0] and "twice" in errors[0]  # noqa: PT018
    assert "sub-03: is not in the participants table" in errors[1]
    assert "sub-99: has no lesion load" in errors[2]
    assert json.loads((cohort / "out" / "associations.json").read_text())["subjects"] == 52


def test_missing_values_are_said(cohort, capsys):
    edit(cohort, lambda text: text.replace("sub-05\tcontrol", "sub-05\tn/a"))
    assert associate(cohort) == 0
    assert "has no value for diagnosis: sub-05" in capsys.readouterr().out


def test_a_table_that_calls_its_people_otherwise_is_told_what_to_rename(cohort):
    edit(cohort, lambda text: text.replace("participant_id", "MRID", 1))
    remedy = "; rename the column that holds the names of lesion_load.tsv's subjects to participant_id"
    for outcome, lacks in (("score", "column participant_id"), ("x", "columns participant_id, x")):
        with pytest.raises(InputError, match=f"lacks the {lacks}; it has MRID, ") as raised:
            associate(cohort, outcome=outcome)
        assert str(raised.value).endswith(remedy)
    edit(cohort, lambda text: text.replace("MRID", "Participant_ID", 1))  # what to do is said already
    with pytest.raises(InputError, match=r"; in the table, rename Participant_ID to participant_id$"):
        associate(cohort, outcome="score")


def test_a_column_asked_for_in_another_case_is_named_as_the_table_has_it(cohort):
    with pytest.raises(InputError) as raised:
        associate(cohort, "--covariates", "AGE", "sex", outcome="Score")
    has = "it has participant_id, diagnosis, age, sex, site, score"
    asked = "ask for score, as the table spells it, not Score; ask for age, as the table spells it, not AGE"
    assert raised.value.problem == "lacks the columns Score, AGE"
    assert raised.value.remedy == f"{has}; {asked}"
    with pytest.raises(InputError, match="--categorical Site is not a column of this analysis; ask for site, as the"):
        associate(cohort, "--covariates", "site", "--categorical", "Site")
    edit(cohort, lambda text: text.replace("participant_id", "Subject", 1))
    with pytest.raises(InputError, match=r"participant_id, Score; .*rename Subject to subject; ask for score"):
        associate(cohort, outcome="Score")
    edit(cohort, lambda text: text.replace("Subject", "participant_id", 1).replace("score", "age", 1))
    with pytest.raises(InputError, match="lacks the column scores; it has participant_id"):
        associate(cohort, outcome="scores")


def test_few_subjects_in_a_group_are_said(cohort, capsys):
    def change(text):
        head, *lines = text.splitlines()
        few = [
            line.replace("patient", "control") if number > 8 else line.replace("control", "patient")
            for number, line in enumerate(lines)
        ]
        return "\n".join([head, *few]) + "\n"

    edit(cohort, change)
    assert associate(cohort) == 0
    said = capsys.readouterr().out
    assert "only 9 subjects in the group patient" in said
    assert "no cross-validated AUC" in said


@pytest.mark.parametrize(
    ("outcome", "more", "says"),
    [
        ("nothing", (), "lacks the column nothing"),
        ("site", (), "is A for every subject"),
        ("diagnosis", ("--reference", "x"), "has no level x"),
        ("diagnosis", ("--covariates", "diagnosis"), "an outcome and a covariate|outcome and a covariate"),
    ],
)
def test_what_cannot_be_answered_is_one_error(cohort, outcome, more, says):
    with pytest.raises(InputError, match=says):
        associate(cohort, *more, outcome=outcome)


@pytest.mark.parametrize(
    ("people", "more", "says"),
    [
        (8, (), "8 subjects, 10 are needed; add people"),
        (8, ("--covariates", "age"), "8 subjects, 10 are needed; add people"),
        (10, ("--covariates", "age", "sex", "a", "b"), "10 subjects, 11 are needed; use fewer covariates"),
    ],
)
def test_fewer_covariates_are_advised_only_where_they_help(cohort, people, more, says):
    """Four covariates, two coefficients and five more: 11 people."""

    def change(text):
        head, *lines = text.splitlines()
        rows = [f"{line}\t{n * n % 7}\t{n**3 % 11}" for n, line in enumerate(lines[:people])]
        return "\n".join([f"{head}\ta\tb", *rows]) + "\n"

    edit(cohort, change)
    with pytest.raises(InputError, match=says):
        associate(cohort, *more, outcome="score")


def test_too_few_subjects_to_cluster(cohort):
    path = cohort / "lesion_load.tsv"
    path.write_text("\n".join(path.read_text().splitlines()[: 1 + 5 * 38]) + "\n")
    with pytest.raises(InputError, match="has only 5 subjects: too few to look for groups"):
        main(["cluster", "--loads", str(cohort), "--out_dir", str(cohort / "out")])


def test_a_subject_localized_twice_is_refused(cohort):
    path = cohort / "lesion_load.tsv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, *lines[1:39]]) + "\n")
    with pytest.raises(InputError, match="sub-00"):
        main(["cluster", "--loads", str(cohort), "--out_dir", str(cohort / "out")])


def test_a_missing_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"yucca-wm\[groups\]"):
        main(["cluster", "--loads", str(tmp_path), "--out_dir", str(tmp_path)])
