"""Columns are declared once: tables, their sidecars and docs/columns.md are made from the declaration.

``python tests/test_columns.py`` writes docs/columns.md anew.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from yucca_wm.check.findings import FORM as PROBLEMS
from yucca_wm.core.columns import Column, Kind, TableForm, as_text, number
from yucca_wm.core.regions import FORM as REGIONS
from yucca_wm.core.regions import read_table, regions
from yucca_wm.core.tsv import read_rows, write_tsv
from yucca_wm.evaluate import tables as evaluate
from yucca_wm.groups.associate_command import EFFECTS
from yucca_wm.groups.cluster_command import MEMBERS, PROFILES
from yucca_wm.imaging.images import Image, save
from yucca_wm.localize.__main__ import main
from yucca_wm.localize.atlas_space import TEMPLATE
from yucca_wm.localize.measures import columns as localize
from yucca_wm.localize.tables import NEW, VISITS
from yucca_wm.parcellate.cohort import summary_form
from yucca_wm.predict.account import USED

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "columns.md"
START = """# The columns of all tables

Made from the declarations in the code (`python tests/test_columns.py`). The same descriptions lie as JSON beside the
tables of `localize`, `predict` and `parcellate` (`parcellation.json`). All tables are tab-separated; `n/a` stands where
a value is undefined.
"""


def forms() -> dict[str, list[TableForm[Any]]]:
    """Command -> tables that it writes."""
    load = (*localize.LOAD, *localize.ASSIGNED)
    lesions = (*localize.LESIONS, *localize.VENTRICLES, *localize.TISSUE)
    return {
        "localize": [
            TableForm("lesion_load.tsv", load),
            TableForm("lesions.tsv", lesions),
            TableForm("places.tsv", localize.PLACE),
            TableForm("lesion_load_soft.tsv", localize.SOFT),
            TableForm("modalities.tsv", localize.MODALITY),
            VISITS,
            NEW,
            TEMPLATE,
            REGIONS,
        ],
        "predict": [USED],
        "parcellate": [summary_form(regions())],
        "check": [PROBLEMS],
        "evaluate --kind lesions": [evaluate.LESION_CASES, evaluate.LESION_SUMMARY],
        "evaluate --kind regions": [evaluate.REGION_CASES, evaluate.REGION_SUMMARY],
        "groups": [MEMBERS, PROFILES, EFFECTS],
    }


def page() -> str:
    """docs/columns.md."""
    parts = [START]
    for command, tables in forms().items():
        parts += [f"## {command}\n", *(f"### {form.name}\n\n{form.markdown()}\n" for form in tables)]
    return "\n".join(parts)


EVERY = [pytest.param(form, id=f"{command} {form.name}") for command, tables in forms().items() for form in tables]
UNITS = {"_per_ml": "1/mL", "_ml": "mL", "_mm": "mm", "_percent": "%"}


@pytest.mark.parametrize("form", EVERY)
def test_every_column_is_described(form: TableForm[Any]) -> None:
    assert len(set(form.header)) == len(form.header)
    assert form.subjects == (form.header[0] == "subject")
    assert form.sidecar().keys() == set(form.header)
    for column in form.columns:
        assert column.description, column.name
        assert not column.meaning.endswith("."), column.name
        unit = next((unit for ending, unit in UNITS.items() if column.name.endswith(ending)), "")
        assert column.unit == unit, column.name
        assert column.kind is Kind.NUMBER or not column.unit, column.name


def test_the_page_has_every_column() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python tests/test_columns.py"


def test_what_is_explained_at_length_is_a_column_and_none_is_forgotten() -> None:
    text = (DOCS / "read-your-results.md").read_text(encoding="utf-8")
    tables = [*forms()["localize"], *forms()["groups"]]
    known = {name for form in tables for name in form.header}
    for rows in re.findall(r"\n\| column[^\n]*\n\|---[^\n]*((?:\n\|[^\n]*)+)", text):
        for first in re.findall(r"\n\| ([^|]*) \|", rows):
            for name in re.findall("`([^`]+)`", first):
                assert any(re.fullmatch(name.replace("*", ".*"), column) for column in known), name
    said = set(re.findall(r"`([a-z_*0-9]+)`", text))
    patterns = [name.replace("*", "[a-z]+") for name in said if "*" in name]
    load, _, _, soft, modality, visits, new, template, _ = forms()["localize"]
    for form in (load, soft, modality, visits, new, template):
        for name in form.header:
            assert name in said or any(re.fullmatch(pattern, name) for pattern in patterns), (form.name, name)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "n/a"), ("", "n/a"), (float("nan"), "n/a"), (True, "yes"), (False, "no"), (3, "3"), (np.int64(3), "3"),
        (0.0, "0.000000"), (-1e-12, "0.000000"), (0.1 + 0.2, "0.300000"), (1.5, "1.500000"), ("NA", "NA"),
    ],
)  # fmt: skip
def test_values_as_fields(value: Any, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize("exact", [False, True], ids=["as in the file", "every decimal"])
def test_a_frame_has_the_types_of_its_columns(exact: bool) -> None:
    form = TableForm[tuple[Any, ...]](
        "made.tsv",
        (
            Column("name", lambda row: row[0], "a name"),
            Column("n", lambda row: row[1], "a count", kind=Kind.COUNT),
            Column("size_ml", lambda row: row[2], "a volume", "mL"),
            Column("large", lambda row: row[3], "an answer", kind=Kind.ANSWER),
        ),
    )
    rows = [("a", 3, 2 / 3, True), ("", None, None, None), ("12", np.int64(0), float("nan"), False)]
    frame = form.data_frame((form.values if exact else form.fields)(row, "007") for row in rows)
    assert frame.dtypes.astype(str).tolist() == ["string", "string", "Int64", "float64", "boolean"]
    assert frame.dtypes.tolist() == form.data_frame([]).dtypes.tolist()
    assert frame["subject"].tolist() == ["007"] * 3
    assert frame["size_ml"].tolist()[0] == (2 / 3 if exact else 0.666667)
    assert frame["size_ml"].isna().tolist() == [False, True, True]
    assert [None if value is pd.NA else value for value in frame["name"]] == ["a", None, "12"]
    assert [None if value is pd.NA else value for value in frame["n"]] == [3, None, 0]
    assert [None if value is pd.NA else value for value in frame["large"]] == [True, None, False]


def test_decimals() -> None:
    assert number(2 / 3, 3) == "0.667"
    assert number(0, 3) == "0.000"
    assert number(None, 3) == "n/a"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """``a``: two voxels of 1 mm3 of the region's 4 are lesion; ``b``: no lesion, and no region."""
    region, lesion = np.zeros((6, 6, 6), np.uint8), np.zeros((6, 6, 6), np.uint8)
    region[1:3, 1:3, 1], lesion[1:3, 1, 1] = 7, 1
    for name, lesions, labels in (("a", lesion, region), ("b", 0 * lesion, 0 * region)):
        for kind, data in (("lesions", lesions), ("regions", labels)):
            (tmp_path / kind).mkdir(exist_ok=True)
            save(Image(data, np.eye(4)), tmp_path / kind / f"{name}.nii.gz")
    (tmp_path / "names.tsv").write_text("index\tname\tgroup\n7\tseven\tn/a\n")
    return tmp_path


def run(study: Path) -> Path:
    maps = ["--lesions", study / "lesions", "--regions", study / "regions", "--names", study / "names.tsv"]
    out = study / "out"
    assert main([*map(str, maps), "--out-dir", str(out), "--min-size", "0", "--jobs", "1"]) == 0
    return out


def test_a_column_that_is_added_stands_in_table_sidecar_and_page(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new: Column[Any] = Column("twice_ml", lambda row: 2 * row.lesion_volume_ml, "twice the lesion volume", "mL")
    monkeypatch.setattr(localize, "LOAD", (*localize.LOAD, new))
    out = run(study)
    rows = read_rows(out / "lesion_load.tsv")
    assert [(row["subject"], row["name"], row["twice_ml"]) for row in rows] == [
        ("a", "seven", "0.004000"), ("a", "outside", "0.000000"), ("a", "total", "0.004000"),
        ("b", "seven", "0.000000"), ("b", "outside", "0.000000"), ("b", "total", "0.000000"),
    ]  # fmt: skip
    described = json.loads((out / "lesion_load.json").read_text(encoding="utf-8"))["twice_ml"]
    assert described == {"Description": "Twice the lesion volume", "Units": "mL"}
    assert "| `twice_ml` | mL | twice the lesion volume |" in page()
    with pytest.raises(AssertionError):
        test_the_page_has_every_column()


def test_a_sidecar_describes_each_table_and_no_field_is_empty(study: Path) -> None:
    out = run(study)
    tables = sorted(out.glob("*.tsv"))
    assert [table.name for table in tables] == [
        "lesion_load.tsv", "lesion_load_wide.tsv", "lesions.tsv", "regions.tsv"
    ]  # fmt: skip
    for table in tables:
        header, *rows = (line.split("\t") for line in table.read_text(encoding="utf-8").splitlines())
        assert all(field for row in rows for field in row), table
        if table.name != "regions.tsv":
            assert header[0] == "subject"
            sidecar = json.loads(table.with_suffix(".json").read_text(encoding="utf-8"))
            assert list(sidecar) == header
            assert all(entry["Description"] for entry in sidecar.values())
    absent = next(row for row in (out / "lesion_load.tsv").read_text().splitlines() if row.startswith("b\t7"))
    assert absent.split("\t")[7:9] == ["n/a", "n/a"]  # load of a region without voxels, share of no lesion
    assert read_table(out / "regions.tsv")[0].group == ""  # and is read as it was


def test_parts_of_an_earlier_form_are_not_mixed_in(study: Path) -> None:
    """As yucca-wm left them before fields without a value were n/a."""
    out = run(study)
    expected = (out / "lesion_load.tsv").read_bytes()
    record = out / "run_record.jsonl"
    former = re.sub(r'"columns": "[0-9a-f]{64}"', '"columns": 1', record.read_text())
    assert former != record.read_text()
    lines = [json.loads(line) for line in former.splitlines()]
    record.write_text("".join(json.dumps({**line, "outputs": {}}) + "\n" for line in lines))
    for part in (out / "parts").glob("*.json"):
        part.write_text(part.read_text().replace("n/a", ""))
    run(study)
    assert (out / "lesion_load.tsv").read_bytes() == expected


def test_tables_are_read_as_they_are_written(tmp_path: Path) -> None:
    rows = [["001", 'a "b"', ""], ["NA", "x\ty", "ü"]]
    written = write_tsv(tmp_path / "t.tsv", ("subject", "x", "y"), rows)
    assert written.read_text(encoding="utf-8").splitlines()[1] == '001\t"a ""b"""\tn/a'
    assert [list(row.values()) for row in read_rows(written)] == rows
    assert [column.text(regions()[0]) for column in REGIONS.columns][:2] == ["1", regions()[0].name]


def test_numbers_of_any_magnitude_are_kept() -> None:
    """3.2e-9 is no 0; what has no value is n/a. An odds ratio of 1e-7 is one of 1e7, the other way round."""
    column = Column[float | None]("p", lambda value: value, "p", kind=Kind.NUMBER, significant=6)
    assert [column.text(p) for p in (3.2e-9, 0.05, 0.123456789, 1.0, float("nan"), None)] == [
        "3.2e-09", "0.05", "0.123457", "1", "n/a", "n/a",
    ]  # fmt: skip
    assert {column.name for column in EFFECTS.columns if column.significant} == {
        "effect", "ci_low", "ci_high", "p_model", "p_permutation", "q_fdr",
    }  # fmt: skip


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
