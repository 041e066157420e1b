"""Results printed: what was asked, of how many, what was found and where most; a few lines, worked out by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import yucca_wm as yw
from yucca_wm.groups.associate_command import Associated
from yucca_wm.groups.results import Association, Clustering
from yucca_wm.groups.statistics.association import RegionEffect
from yucca_wm.groups.statistics.outcome import Outcome


def effect(region: str, q: float | None, odds: float | None = None, p: float = 0.5) -> RegionEffect:
    return RegionEffect(region, 12, effect=odds, p_permutation=p, q_value=q)


def association(effects: list[RegionEffect], levels: tuple[str, str] | None, **more: Any) -> Association:
    about = {"model": "logistic" if levels else "linear", "subjects": 12, "covariates": [], **more}
    result = Associated("Dx", None, Outcome(np.arange(12.0), levels), effects, about, [])  # type: ignore[arg-type]
    return Association(pd.DataFrame(), about["model"], [], {"a": "b"}, None, ["x", "y"], result)


def test_an_association_names_what_was_tested_and_the_three_regions_with_the_smallest_q() -> None:
    """Of five regions one was not tested; equal q are in the order of p, and a region may have no odds ratio."""
    regions = [effect("A", 0.9, 1.5), effect("B", None), effect("C", 0.04, 2.345), effect("D", 0.06, p=0.02),
               effect("E", 0.06, 0.5, p=0.01)]  # fmt: skip
    found = association(regions, ("Control", "AD"), covariates=["Age", "Sex"])
    assert repr(found).splitlines() == [
        "Association of regional load with Dx (AD, against Control), given Age, Sex",
        "logistic models of 12 subjects",
        "1 of 4 regions at a false discovery rate of 5 %",
        "smallest q: C (odds ratio 2.35, q 0.04), E (odds ratio 0.5, q 0.06), D (q 0.06)",
        "1 subject left out: see left_out",
        "2 notes: see notes",
    ]


def test_an_association_with_a_number_has_slopes() -> None:
    lines = repr(association([effect("A", 0.5, -3.216)], None)).splitlines()
    assert lines[:2] == ["Association of regional load with Dx", "linear models of 12 subjects"]
    assert lines[3] == "smallest q: A (slope -3.22, q 0.5)"
    assert "smallest" not in repr(association([effect("A", None)], None))


def clustering(structure: bool, **more: Any) -> Clustering:
    """Groups of two and one; means in four regions differ by 1, 4, 3 and 2."""
    about = {"subjects": 3, "covariates": [], "adjusted_for_total": False, **more}
    found = SimpleNamespace(structure=structure, reason="why", k=2, labels=np.array([1, 2, 1]))
    result: Any = SimpleNamespace(clusters=found, content=about)
    loads = [("A", 1.0, 2.0), ("B", 5.0, 1.0), ("C", 0.0, 3.0), ("D", 0.5, 2.5)]
    rows = [(label, region, means[label - 1]) for label in (1, 2) for region, *means in loads]
    profiles = pd.DataFrame(rows, columns=["cluster", "region", "mean_load_percent"])
    return Clustering(structure, "why", 2, pd.DataFrame(), profiles, {}, [], result)


def test_a_clustering_names_its_groups_and_the_regions_in_which_they_differ_most() -> None:
    assert repr(clustering(True, covariates=["Age"], adjusted_for_total=True)).splitlines() == [
        "Clustering of 3 subjects by regional load, Age, mean load regressed out",
        "2 groups: why",
        "2 in group 1, 1 in group 2",
        "mean loads differ most in B (1.00 to 5.00 %), C (0.00 to 3.00 %), D (0.50 to 2.50 %)",
        "no notes",
    ]
    assert repr(clustering(False)).splitlines() == [
        "Clustering of 3 subjects by regional load", "no structure: why", "no notes"
    ]  # fmt: skip


def test_what_the_functions_return_prints_so(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loads = pd.read_csv(cohort / "lesion_load.tsv", sep="\t")
    print(yw.cluster(loads, k_max=2))
    print(yw.associate(loads, cohort / "participants.tsv", outcome="diagnosis", permutations=200))
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 10
    assert said[0] == "Clustering of 54 subjects by regional load"
    assert said[2] == "30 in group 1, 24 in group 2"
    assert said[5].startswith("Association of regional load with diagnosis (patient, against control)")
    assert said[7] == "12 of 34 regions at a false discovery rate of 5 %"
