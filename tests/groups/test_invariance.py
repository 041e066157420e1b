"""The same people with the same values give the same numbers, however their tables are written."""

from __future__ import annotations

import tempfile
import unicodedata
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yucca_wm.groups.loads import read_loads, transform
from yucca_wm.groups.participants import match_participants, read_participants
from yucca_wm.groups.statistics.association import associate
from yucca_wm.groups.statistics.outcome import read_outcome
from yucca_wm.groups.statistics.variables import design

REGIONS = ("NA", "nan", "007")
NAMES = st.lists(st.from_regex(r"\A(sub-)?[a-zé]{0,2}[0-9]{1,3}\Z"), min_size=12, max_size=20,
                 unique_by=lambda name: name.removeprefix("sub-"))  # fmt: skip


def written(path: Path, rows: list[list[str]], draw: st.DataObject) -> None:
    """A table in one of the ways in which programs write them."""
    head, *body = rows
    columns = draw.draw(st.permutations(range(len(head))))
    body = draw.draw(st.permutations(body))
    quoted, tab = draw.draw(st.booleans()), draw.draw(st.booleans())
    form = draw.draw(st.sampled_from(["NFC", "NFD"]))
    lines = [
        "\t".join([*(f'"{row[column]}"' if quoted else row[column] for column in columns), *[""] * tab])
        for row in [head, *body]
    ]
    end = draw.draw(st.sampled_from(["\n", "\r\n"]))
    text = unicodedata.normalize(form, end.join(lines) + end * draw.draw(st.integers(0, 2)))
    path.write_text(text, encoding=draw.draw(st.sampled_from(["utf-8", "utf-8-sig"])), newline="")


def analysed(folder: Path) -> list[tuple[float | None, ...]]:
    loads = read_loads(folder)
    table, twice = read_participants(folder / "participants.tsv", ["score", "sex"])
    match = match_participants(loads.subjects, table)
    assert not twice and not match.unmatched  # noqa: PT018
    loads, table = loads.take([at for at, _ in match.rows]), table.take([row for _, row in match.rows])
    covariates = design([table.column("sex")], len(loads.subjects))
    outcome = read_outcome(table.column("score"))
    effects = associate(
        transform(loads.percent), loads.regions, outcome.values, covariates.matrix, binary=False, permutations=19
    )
    found = {
        item.region: (item.n_subjects, item.effect, item.low, item.p_permutation, item.q_value) for item in effects
    }
    assert set(found) == set(REGIONS)
    return [found[name] for name in REGIONS]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=NAMES, seed=st.integers(0, 2**32 - 1), draw=st.data())
def test_however_the_tables_are_written(names: list[str], seed: int, draw: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    loads = [["subject", "name", "group", "load_percent", "lesion_volume_ml"]]
    people = [["participant_id", "score", "sex"]]
    for number, name in enumerate(names):
        cells = ["" if rng.random() < 0.1 else f"{value:.6f}" for value in rng.exponential(size=3)]
        loads += [[name, region, "lobar", cell, "1"] for region, cell in zip(REGIONS, cells, strict=True)]
        loads.append([name, "total", "total", "", "3"])
        people.append([name, f"{rng.normal():.3f}", "MF"[number % 2]])
    with tempfile.TemporaryDirectory() as place:
        for table, rows in (("lesion_load.tsv", loads), ("participants.tsv", people)):
            (Path(place) / table).write_text("\n".join(map("\t".join, rows)) + "\n", encoding="utf-8")
        plain = analysed(Path(place))
        swap = draw.draw(st.booleans())
        others = [[row[0].removeprefix("sub-") if swap else row[0], *row[1:]] for row in people[1:]]
        written(Path(place) / "participants.tsv", [people[0], *others], draw)
        written(Path(place) / "lesion_load.tsv", loads, draw)
        again = analysed(Path(place))
    for ours, theirs in zip(plain, again, strict=True):
        assert [value is None for value in ours] == [value is None for value in theirs]
        known = [(a, b) for a, b in zip(ours, theirs, strict=True) if a is not None and b is not None]
        np.testing.assert_allclose(*zip(*known, strict=True), rtol=1e-9, atol=1e-12)
