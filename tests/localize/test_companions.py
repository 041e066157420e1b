from __future__ import annotations

from pathlib import Path

import pytest

from yucca_wm.localize.inputs import pair_cases
from yucca_wm.localize.optional_inputs import CompanionPlaces


def folder(path: Path, *names: str) -> Path:
    path.mkdir()
    for name in names:
        (path / f"{name}.nii.gz").touch()
    return path


@pytest.mark.parametrize(
    ("flair", "expected"),
    [
        (("sub-1_before", "sub-1_after"), {"sub-1_before": "sub-1_before", "sub-1_after": "sub-1_after"}),
        (("sub-1_before",), {"sub-1_before": "sub-1_before"}),  # never given to the other visit
        (("s2_lesions",), {"s2": "s2_lesions"}),
    ],
)
def test_a_map_of_one_modality_is_of_the_subject_of_its_name(
    tmp_path: Path, flair: tuple[str, ...], expected: dict[str, str]
) -> None:
    names = ("sub-1_before", "sub-1_after", "s2")
    lesions, regions = folder(tmp_path / "l", *names), folder(tmp_path / "r", *names)
    places = CompanionPlaces(modality_lesions={"FLAIR": folder(tmp_path / "flair", *flair)})
    pairs, failures = places.attach(pair_cases(lesions, regions)[0], lesions, regions)
    assert not failures
    found = {
        subject: modality.lesions.name.removesuffix(".nii.gz")
        for subject, pair in pairs.items()
        for modality in pair.companions.modalities or ()
    }
    assert found == expected
