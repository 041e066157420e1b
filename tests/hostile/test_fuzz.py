"""Readers are given files that were changed at random: what they raise is our own error, or nothing.

``YUCCA_WM_FUZZ_S=600 pytest tests/hostile/test_fuzz.py`` goes on for that many seconds in all.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from yucca_wm.cohort.layouts import find_subjects
from yucca_wm.core.errors import YuccaWMError
from yucca_wm.core.regions import TABLE, read_table
from yucca_wm.ensemble import store
from yucca_wm.ensemble.folders import open_probabilities
from yucca_wm.ensemble.probabilities import Grid
from yucca_wm.groups.loads import read_loads
from yucca_wm.groups.participants import read_participants
from yucca_wm.imaging.images import load, load_labels
from yucca_wm.jobs.run_record import RECORD, Entry, FileState, Record, State
from yucca_wm.registration import itk
from yucca_wm.registration.warp import Field
from yucca_wm.report.results import read_results

pytestmark = pytest.mark.hostile

SECONDS = float(os.environ.get("YUCCA_WM_FUZZ_S", "0"))
EXAMPLES = 15
TEXTS = (b"\t", b"\n", b'"', b"-1", b"1e400", b"nan", b"99999999999999999999", b"{", b"null", b"\xc3")
INTERESTING = (b"", b"\0", b"\xff\xff\xff\xff", b"\x7f\xf0", *TEXTS)

Edit = tuple[float, int, bytes]
"""Where (as a part of the length), how many bytes go, what comes in their place."""

EDITS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.one_of(st.integers(0, 4), st.just(10**9)),
        st.one_of(st.sampled_from(INTERESTING), st.binary(max_size=8)),
    ),
    min_size=1,
    max_size=4,
)


def edited(content: bytes, edits: list[Edit], *, first: float = 1.0) -> bytes:
    """``content`` with ``edits`` in its ``first`` part."""
    for where, length, new in edits:
        at = int(where * first * len(content))
        content = content[:at] + new + content[at + length :]
    return content


@dataclass(frozen=True)
class Reader:
    """Name of the file, its good content (before it is packed, for .nii.gz), and what reads it."""

    file: str
    content: bytes
    read: Callable[[Path], object]


def nifti(data: Any) -> bytes:
    image = nib.Nifti1Image(data, np.diag([1.0, 1.1, 3.0, 1.0]))
    image.set_qform(image.affine, 1)
    return bytes(image.to_bytes())


def softmax(folder: Path) -> bytes:
    values = np.random.default_rng(0).random((3, 5, 4, 3)).astype(np.float32)
    path = store.write_array(folder / "x.npz", values / values.sum(0), Grid((5, 4, 3), np.eye(4)))
    return path.read_bytes()


def plain_softmax() -> bytes:
    properties = {"nifti_metadata": {"affine": np.eye(4), "header": None, "reoriented": False}}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, value in (("data", np.zeros((3, 4, 4, 4), np.float32)), ("properties", np.array(properties, object))):
            member = io.BytesIO()
            np.lib.format.write_array(member, value, allow_pickle=True)
            archive.writestr(f"{name}.npy", member.getvalue())
    return stream.getvalue()


def read_softmax(path: Path) -> None:
    found = open_probabilities(path)
    if len(found.classes) * float(np.prod(found.grid.shape)) < 1e7:
        found.add_to(np.zeros((len(found.classes), *found.grid.shape), np.float32), 0)


def read_record(path: Path) -> None:
    record = Record(path.parent, "step")
    for subject in ("a", "b"):
        record.last(subject)
    record.add(Entry("c", "step", State.DONE))
    assert record.last("c") is not None


def results_folder(path: Path) -> None:
    good = path.parent / "good"
    good.mkdir(exist_ok=True)
    for name, content in RESULTS.items():
        (good / name).write_bytes(path.read_bytes() if name == path.name else content)
    read_results(good)


LOADS = (
    b"subject\tregion_id\tname\tside\tgroup\tload_percent\tlesion_volume_ml\n"
    b"s\t1\tr\tleft\tlobar\t2.5\t1\ns\t0\toutside\tnone\toutside\t\t0\ns\t-1\ttotal\tnone\ttotal\t\t1\n"
)
MAPS = {"lesions": "lesions/s.nii.gz", "regions": "regions/s.nii.gz"}
SUMMARY = {"subjects": {"s": {"flags": {}, **MAPS}}, "failures": {}, "settings": {}, "inputs": {}}
RESULTS = {
    "localize.json": json.dumps(SUMMARY).encode(),
    "lesion_load.tsv": LOADS,
    "lesions.tsv": b"subject\tlesion\tvoxels\ns\t1\t5\n",
}
FILES = FileState("p", 1, 2, 3, "x")
LINES = b"".join(
    Entry(name, "step", State.DONE, {"t1": FILES}, {"a": [1]}, {"b": 2}, seconds=2.5, result={"r": 1}).as_line()
    for name in "ab"
)
AFFINE = (
    b"#Insight Transform File V1.0\nTransform: AffineTransform_double_3_3\n"
    b"Parameters: 1 0 0 0 1 0 0 0 1 4 5 6\nFixedParameters: 0 0 0\n"
)
SHAPE = (6, 5, 4)
LABELS = np.arange(np.prod(SHAPE), dtype=np.uint8).reshape(SHAPE) % 7


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reader]:
    folder = tmp_path_factory.mktemp("seeds")
    field = itk.save_field(Field(np.zeros((3, *SHAPE), np.float32), np.eye(4)), folder / "field.nii").read_bytes()
    scan = nifti(np.random.default_rng(0).normal(size=SHAPE).astype(np.float32))
    participants = b"participant_id\tage\tdiagnosis\nsub-1\t70\tAD\nsub-2\tn/a\tHC\n"
    cohort = b"subject\tt1\tflair\tsplit\nA\ta.nii.gz\t\ttrain\nB\tb.nii.gz\tf.nii.gz\ttest\n"
    return {
        "scan": Reader("a.nii", scan, load),
        "packed scan": Reader("a.nii.gz", scan, load),
        "labels": Reader("l.nii", nifti(LABELS), lambda path: load_labels(path, {*range(7)})),
        "packed labels": Reader("l.nii.gz", nifti(LABELS), load_labels),
        "regions": Reader("r.tsv", TABLE.read_bytes(), read_table),
        "cohort": Reader("cohort.tsv", cohort, find_subjects),
        "participants": Reader("p.tsv", participants, lambda path: read_participants(path, ["age"])),
        "loads": Reader("lesion_load.tsv", LOADS, read_loads),
        "affine": Reader("a.tfm", AFFINE, itk.load_affine),
        "field": Reader("f.nii", field, itk.load_field),
        "softmax": Reader("s.npz", softmax(folder), read_softmax),
        "plain softmax": Reader("s.npz", plain_softmax(), read_softmax),
        "record": Reader(RECORD, LINES, read_record),
        **{name: Reader(name, content, results_folder) for name, content in RESULTS.items()},
    }


NAMES = (
    "scan", "packed scan", "labels", "packed labels", "regions", "cohort", "participants", "loads", "affine", "field",
    "softmax", "plain softmax", "record", *RESULTS,
)  # fmt: skip


def repacked(content: bytes, edits: list[Edit], part: int) -> bytes:
    """An archive that is sound, with a member that is not; ``content`` itself if it is no archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile:
        return edited(content, edits)
    name = list(members)[part % len(members)]
    members[name] = edited(members[name], edits)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for member, inside in members.items():
            archive.writestr(member, inside)
    return stream.getvalue()


def changed(reader: Reader, edits: list[Edit], part: int) -> bytes:
    """The file with changes: anywhere, in its header, or inside its archive."""
    if reader.file.endswith(".npz"):
        return repacked(reader.content, edits, part) if part % 4 else edited(reader.content, edits)
    header = ".nii" in reader.file and part % 2
    inside = edited(reader.content, edits, first=352 / len(reader.content) if header else 1.0)
    if not reader.file.endswith(".gz"):
        return inside
    return gzip.compress(inside, 1) if part % 4 else edited(gzip.compress(reader.content, 1), edits)


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_file_is_read_or_refused(name: str, readers: dict[str, Reader], tmp_path: Path) -> None:
    reader = readers[name]
    path = tmp_path / reader.file
    path.write_bytes(gzip.compress(reader.content) if reader.file.endswith(".gz") else reader.content)
    reader.read(path)
    tried = 0

    def attempt(edits: list[Edit], part: int) -> None:
        nonlocal tried
        tried += 1
        path.write_bytes(changed(reader, edits, part))
        with suppress(YuccaWMError):
            reader.read(path)

    end = time.monotonic() + SECONDS / len(NAMES)
    round_number = 0
    while round_number == 0 or time.monotonic() < end:
        examples = 1000 if SECONDS else EXAMPLES
        checks = settings(max_examples=examples, deadline=10_000, database=None, suppress_health_check=[*HealthCheck])
        seed(round_number)(checks(given(EDITS, st.integers(0, 11))(attempt)))()
        round_number += 1
    print(f"{name}: {tried} files")
