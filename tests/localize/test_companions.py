from __future__ import annotations

from pathlib import Path

import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.localize.inputs.companions import CompanionPlaces
from yucca_wm.localize.inputs.pairs import pair_cases


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


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("what", ["modality_lesions", "lesion_softmax", "region_softmax"])
def test_nothing_agrees_with_itself_or_counts_twice(tmp_path: Path, what: str, link: bool) -> None:
    lesions, regions = folder(tmp_path / "l", "s"), folder(tmp_path / "r", "s")
    one = other = folder(tmp_path / "one", "s")
    if link:
        other = tmp_path / "other"
        other.symlink_to(one)
    given = {"T1": one, "FLAIR": other} if what == "modality_lesions" else (one, other)
    places = CompanionPlaces(soft=what != "modality_lesions", **{what: given})  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"other: is .*one, which is given already" if link else "one: is given twice"):
        places.attach(pair_cases(lesions, regions)[0], lesions, regions)
