"""``yucca_wm.associate`` and ``yucca_wm.cluster``: data frames give what files give, and what the commands write."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import yucca_wm as yw
from yucca_wm.core.regions import regions
from yucca_wm.groups.__main__ import main

from .conftest import PLANTED


def frames(cohort: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    return pd.read_csv(cohort / "lesion_load.tsv", sep="\t"), pd.read_csv(cohort / "participants.tsv", sep="\t")


def test_frames_and_files_find_the_planted_regions_and_save_what_the_command_writes(cohort: Path) -> None:
    loads, participants = frames(cohort)
    asked = {"outcome": "diagnosis", "covariates": ["age", "sex"], "permutations": 200}
    effects = yw.associate(loads, participants, **asked)
    assert effects.model == "logistic"
    assert len(effects.subjects) == 54
    found = effects.effects.loc[effects.effects["q_fdr"] < 0.05, "region"]
    assert set(found) == {regions().by_index(index).name for index in PLANTED}
    assert effects.effects.dtypes.astype(str).tolist() == ["string", "Int64", *["float64"] * 6, "string"]
    assert (effects.effects.set_index("region").loc[list(found), "effect"] > 1).all()  # "patient" against "control"
    by_index = participants.set_index("participant_id").sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(yw.associate(loads, by_index, **asked).effects, effects.effects)

    words = ["associate", "--loads", str(cohort), "--participants", str(cohort / "participants.tsv"), "--outcome"]
    words += ["diagnosis", "--covariates", "age", "sex", "--permutations", "200", "--out-dir", str(cohort / "out")]
    assert main(words) == 0
    effects.save(cohort / "saved")
    assert {path.name for path in (cohort / "saved").iterdir()} == {path.name for path in (cohort / "out").iterdir()}
    for name in ("associations.tsv", "forest.png"):
        assert (cohort / "saved" / name).read_bytes() == (cohort / "out" / name).read_bytes()
    saved, written = (json.loads((cohort / folder / "associations.json").read_text()) for folder in ("saved", "out"))
    assert saved.pop("loads") == "DataFrame"
    assert written.pop("loads") == str(cohort)
    assert saved == written
    assert len(effects.plot().axes) >= 1


def test_groups_in_memory_are_those_of_the_command(cohort: Path) -> None:
    """The first 30 people and the last 24 differ in twelve regions."""
    loads, _ = frames(cohort)
    groups = yw.cluster(loads, k_max=3)
    assert groups.structure, groups.reason
    assert groups.k == 2
    assert groups.members.dtypes.astype(str).tolist() == ["string", "Int64", "Int64", "string"]
    assert groups.members["flags"].isna().all()
    assert groups.members["cluster"].tolist() == [1] * 30 + [2] * 24
    one = loads[(loads["name"] == "superior_frontal_L") & (loads["subject"] < "sub-30")]["load_percent"]
    row = groups.profiles.query("cluster == 1 and region == 'superior_frontal_L'").iloc[0]
    assert row["mean_load_percent"] == pytest.approx(one.mean(), abs=1e-6)
    assert row["sd_load_percent"] == pytest.approx(one.std(), abs=1e-6)
    assert main(["cluster", "--loads", str(cohort), "--out-dir", str(cohort / "out"), "--k-max", "3"]) == 0
    groups.save(cohort / "saved")
    for name in ("clusters.tsv", "cluster_profiles.tsv", "cluster_embedding.png"):
        assert (cohort / "saved" / name).read_bytes() == (cohort / "out" / name).read_bytes()
    assert len(groups.plot().axes) >= 1


def test_flags_may_come_along_and_leave_people_out(cohort: Path) -> None:
    loads, participants = frames(cohort)
    asked = {"outcome": "score", "permutations": 20, "exclude_flagged": ["high_load"]}
    with pytest.raises(yw.InputError, match="without flags"):
        yw.associate(loads, participants, **asked)
    flags = {"sub-03": {"high_load": "lesions fill 6 %"}, "sub-05": {"no_lesion": "none"}}
    effects = yw.associate(loads, participants, flags=flags, **asked)
    assert effects.model == "linear"
    assert effects.left_out == {"sub-03": "flagged high_load"}
    assert len(effects.subjects) == 53


def test_flags_that_are_given_may_leave_out_who_has_none_but_not_everybody(cohort: Path) -> None:
    """Beside a table in a file, too, whose own localize.json then does not count."""
    asked = {"outcome": "score", "permutations": 20, "exclude_flagged": True}
    effects = yw.associate(cohort, cohort / "participants.tsv", flags={"sub-05": ["high_outside"]}, **asked)
    assert effects.left_out == {"sub-05": "flagged high_outside"}
    again = yw.associate(cohort, cohort / "participants.tsv", flags={"05": ["high_outside"]}, **asked)
    assert again.left_out == effects.left_out  # as everywhere, with or without sub-
    for unknown in ({"sub-5": ["high_outside"]}, {"sub-05": [], "sub-5": ["high_outside"]}):
        with pytest.raises(yw.InputError, match=r"names sub-5, not among the subjects \(sub-00, "):
            yw.associate(cohort, cohort / "participants.tsv", flags=unknown, **asked)


def test_true_is_every_flag_that_casts_doubt(cohort: Path) -> None:
    """As --exclude-flagged without a name: high_load says something of the person, not of the numbers."""
    loads, participants = frames(cohort)
    flags = {"sub-03": ["high_load"], "sub-05": ["high_outside"]}
    asked = {"outcome": "score", "permutations": 20, "flags": flags}
    for given, left_out in ((True, ["sub-05"]), ([], ["sub-05"]), (["high_load"], ["sub-03"]), (False, []), (None, [])):
        assert list(yw.associate(loads, participants, **asked, exclude_flagged=given).left_out) == left_out
    assert list(yw.cluster(loads, k_max=2, flags=flags, exclude_flagged=True).left_out) == ["sub-05"]


def test_numbers_may_be_given_as_numbers(cohort: Path) -> None:
    loads, participants = frames(cohort)
    participants["case"] = np.where(participants["diagnosis"] == "patient", 1.0, 0.0)
    participants.loc[7, "case"], participants.loc[8, "case"] = -9, 999.5
    effects = yw.associate(loads, participants, "case", permutations=20, missing=[-9.0, 999.5], reference=1)
    assert list(effects.left_out) == ["sub-07", "sub-08"]
    assert "against 1: " in effects.notes[2]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"exclude_flagged": "high_load"}, r"exclude_flagged is a list of names: \['high_load'\]"),
        ({"exclude_flagged": 1}, "exclude_flagged is a list of names, not 1"),
        ({"missing": -9}, "missing is a list of names, not -9"),
        ({"covariates": None}, "covariates is a list of names, not None"),
        ({"categorical": "site"}, r"categorical is a list of names: \['site'\]"),
        ({"flags": {"sub-03": "high_load"}}, r"flags\['sub-03'\] is a list of names: \['high_load'\]"),
        ({"flags": ["sub-03"]}, "flags is a dict: subject -> names of its flags"),
    ],
)
def test_what_is_no_list_of_names_is_refused(cohort: Path, wrong: dict[str, object], says: str) -> None:
    loads, participants = frames(cohort)
    with pytest.raises(ValueError, match=says):
        yw.cluster(loads, participants, **wrong)
    with pytest.raises(ValueError, match=says):
        yw.associate(loads, participants, outcome="score", **wrong)


def test_notes_are_what_the_command_prints(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two people are flagged, one has no age: both are said in Python, too."""
    flags = {f"sub-{number:02d}": {"flags": []} for number in range(54)}
    flags["sub-02"]["flags"] = flags["sub-40"]["flags"] = ["high_load"]
    (cohort / "localize.json").write_text(json.dumps({"subjects": flags, "failures": {}}))
    table = (cohort / "participants.tsv").read_text().splitlines()
    table[6] = "sub-05\tcontrol\tn/a\tF\tA\t0"
    (cohort / "participants.tsv").write_text("\n".join(table) + "\n")
    people = str(cohort / "participants.tsv")
    shared = ["--loads", str(cohort), "--participants", people, "--covariates", "age", "--out-dir", str(cohort / "out")]
    asked = {"loads": cohort, "participants": people, "covariates": ["age"]}
    for command, found, more in (
        ("cluster", yw.cluster(**asked, k_max=2), ["--k-max", "2"]),
        ("associate", yw.associate(**asked, outcome="score", permutations=20),
         ["--outcome", "score", "--permutations", "20"]),
    ):  # fmt: skip
        assert found.notes[:2] == [
            "left out, has no value for age: sub-05 (1 subject)",
            "used although flagged high_load (lesions over 5 % of the white matter): 2 subjects of 53: sub-02, sub-40",
        ]
        assert main([command, *shared, *more]) == 0
        assert capsys.readouterr().out.splitlines()[: len(found.notes)] == found.notes
    loads, _ = frames(cohort)
    assert yw.cluster(loads, k_max=2).notes == ["flags are not known: give flags={subject: names of flags}"]
    assert yw.cluster(loads, k_max=2, flags={"sub-02": ["high_load"]}).notes == [
        "used although flagged high_load (lesions over 5 % of the white matter): 1 subject of 54: sub-02"
    ]


def test_a_flagged_session_is_replaced_by_one_that_is_not(cohort: Path) -> None:
    """The first session of sub-00 is flagged, both of sub-01: one person is lost, not two."""
    loads = pd.read_csv(cohort / "lesion_load.tsv", sep="\t", dtype={"subject": str})
    both = pd.concat([loads.assign(subject=loads["subject"] + f"_ses-{session}") for session in (1, 2)])
    flags = {name: ["cut_off"] for name in ("sub-00_ses-1", "sub-01_ses-1", "sub-01_ses-2")}
    groups = yw.cluster(both, flags=flags, exclude_flagged=[])
    people = set(loads["subject"])
    assert set(groups.members["subject"]) == {
        "sub-00_ses-2",
        *(f"{one}_ses-1" for one in people - {"sub-00", "sub-01"}),
    }
    assert groups.left_out["sub-00_ses-1"] == "flagged cut_off"
    assert "sub-00_ses-2" not in groups.left_out


def test_second_sessions_are_left_out_of_groups_in_memory(cohort: Path) -> None:
    loads, _ = frames(cohort)
    both = pd.concat([loads.assign(subject=loads["subject"] + f"_ses-{session}") for session in (1, 2)])
    groups = yw.cluster(both, k_max=2)
    assert groups.members["subject"].tolist() == [f"sub-{number:02d}_ses-1" for number in range(54)]
    assert groups.left_out["sub-00_ses-2"] == "another session of the same person was taken"
    with pytest.raises(yw.InputError, match="has only 5 subjects"):
        yw.cluster(both[both["subject"] < "sub-05"])


def test_numbers_of_a_frame_are_read_as_those_of_a_file(cohort: Path) -> None:
    """Two levels that are numbers, a missing value that made them decimals, and a name that is a number."""
    loads, participants = frames(cohort)
    participants["case"] = np.where(participants["diagnosis"] == "patient", 1.0, 0.0)
    participants.loc[7, "case"] = np.nan
    effects = yw.associate(loads, participants, outcome="case", permutations=20)
    assert effects.model == "logistic"
    assert effects.left_out == {"sub-07": "has no value for case"}
    assert set(effects.prediction or {}) >= {"auc_regional", "auc_total"}


def test_what_is_wrong_is_said(cohort: Path) -> None:
    loads, participants = frames(cohort)
    with pytest.raises(yw.InputError, match="DataFrame: lacks the column diagnosi"):
        yw.associate(loads, participants, outcome="diagnosi")
    with pytest.raises(yw.InputError, match="DataFrame: line 2: load_percent"):
        yw.cluster(loads.assign(load_percent=["1", "much", *["2"] * (len(loads) - 2)]))
    with pytest.raises(yw.InputError, match="too few to look for groups"):
        yw.cluster(loads[loads["subject"] < "sub-05"])
    with pytest.raises(yw.InputError, match="is of type dict"):
        yw.cluster({"sub-01": 1})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="is a list of names"):
        yw.associate(loads, participants, outcome="diagnosis", covariates="age")
    with pytest.raises(ValueError, match="method"):
        yw.cluster(loads, method="k-means")  # type: ignore[arg-type]
