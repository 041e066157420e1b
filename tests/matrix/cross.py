"""The full cross: every command in each of its forms, with each value of each of its options alone, on every kind of
cohort.

A new option, or a new choice of one, without words here fails tests/matrix/test_matrix.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .people import LAYOUTS, SCANS

Code = int | Mapping[str, int]
"""Of every kind of cohort, or of those with a layout or scans that are named; "": of the others (0 where not said)."""


@dataclass(frozen=True)
class Form:
    """One way to call a command.

    words : what is always said. options : words of one option -> exit code. on : what it meets of the kinds of cohort
    ("scans": every layout with T1, FLAIR or both; "names": what the three layouts call people; "": none). levels :
    whether it can go through people first, and then the group.
    """

    words: str
    options: Mapping[str, Code]
    on: str = "scans"
    levels: bool = False

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """Layout and scans of the cohorts."""
        if not self.on:
            return [("table", "both")]
        return [(layout, scans) for layout in LAYOUTS for scans in (SCANS if self.on == "scans" else ["both"])]


def code_of(code: Code, layout: str, scans: str) -> int:
    """Of one kind of cohort."""
    return code if isinstance(code, int) else code.get(scans, code.get(layout, code.get("", 0)))


ATLAS = "--atlas-wm {here}/atlas_wm.nii.gz --atlas-labels {here}/atlas_labels.nii.gz"
MODELS = "--lesion-model {here}/lesion_model --region-model {here}/region_model"
LOUDNESS = {"": 0, "--quiet": 0, "--verbose": 0}
HEADER = {"--header sform": 0, "--header qform": 0}
LAYOUT: dict[str, Code] = {"--layout auto": 0, **{f"--layout {name}": {name: 0, "": 1} for name in LAYOUTS}}
RUN = {"--jobs 2": 0, "--force": 0, "--slurm --scheduler tcp://x:1": 2}
LEVELS = {
    "--participant-label {person}": 0, "--participant-label nobody": 1, "--level participant": 0, "--level both": 0,
    "--level group": 1, "--level group --force": 2, "--level group --slurm": 2,
    "--level group --scheduler tcp://x:1": 2,
}  # fmt: skip
SIDES = {"--sides known": 0, "--sides swapped": 0, "--sides ignore": 0}
WHITE_MATTER = {"--wm-labels nonzero": 0, "--wm-labels 44 45": 1, "--wm-labels white": 2, "--threshold 0.4": 0, **SIDES}
REGISTRATION = {
    "--transform affine": 0, "--transform deformable": 0, "--metric ls": 0, "--metric mattes": 0, "--init centre": 0,
    "--init search": 0, "--interpolation nearest": 0, "--interpolation linear": 0, "--fill-mm 0": 0, "--fill-mm 99": 2,
    "--threshold 2": 2, "--atlas-wm-labels 1": 0, "--names {here}/names.tsv": 0, "--no-picture": 0,
    "--transform deformable --init search": 2,
}  # fmt: skip
LABELS = {
    "--lesion-labels 1": 0, "--lesion-labels all": 0, "--lesion-labels x": 2, "--ignore-labels 2 3": 0,
    "--ignore-labels": 0,
}  # fmt: skip
OWN_MODELS_ONLY = {"--mirror": 2, "--max-memory-gb 1": 2, "--keep-softmax": 2, "--soft": 2,
                   "--names {here}/names.tsv": 2}  # fmt: skip
DEVICES = {"--device auto": 0, "--device cpu": 0}
PREDICT = {**DEVICES, "--confidence": 0, "--space flair": 0}
LOCALIZE: dict[str, Code] = {
    **LOUDNESS, **HEADER, **LABELS, **RUN, **LEVELS,
    "--threshold 0.4": 0, "--threshold 2": 2, "--names {here}/regions.tsv": 0,
    "--connectivity 6": 0, "--connectivity 18": 0, "--connectivity 26": 0, "--min-size 75": 0, "--assign-outside 5": 0,
    "--ventricles {maps}/ventricles": 0, "--tissue {maps}/tissue": 0, "--maps": 0, "--bids": 0, "--resample": 0,
    "--tissue {maps}/tissue --ventricles {maps}/ventricles": 2, "--to-template": 1,
    "--to-template {here}/atlas_labels.nii.gz": 1, "--to-template {here}/atlas_labels.nii.gz --transforms none": 0,
    "--transforms none": 2, "--soft": 1, "--lesion-softmax {maps}/softmax/lesions": 2, "--region-softmax {maps}": 2,
    "--soft --lesion-softmax {maps}/softmax/lesions --region-softmax {maps}/softmax/regions": 0,
    "--t1-lesions {maps}/truth": 0, "--flair-lesions {maps}/truth": 0, "--t1-regions {maps}/regions": 2,
    "--flair-regions {maps}/regions": 2, "--t1-lesions {maps}/truth --t1-regions {maps}/drawn": 0,
    "--flair-lesions {maps}/truth --flair-regions {maps}/drawn": 0,
}  # fmt: skip
GROUPS = {
    **LOUDNESS, "--transform sqrt": 0, "--transform log1p": 0, "--transform none": 0, "--seed 3": 0, "--anonymise": 0,
    "--exclude-flagged": 0, "--exclude-flagged high_outside": 0, "--exclude-flagged bad": 1,
    "--categorical site": 1,
}  # fmt: skip
PEOPLE = "--participants {maps}/participants.tsv"

# fmt: off
CROSS: dict[str, list[Form]] = {
    "check": [
        Form(
            "{cohort}",
            {
                **LOUDNESS, **LAYOUT, **HEADER, **WHITE_MATTER, "--jobs 2": 0,
                "--tsv {out}.tsv": 0, "--cohort {cohort}": 2,
            },
        ),
        Form("--cohort {cohort}", {"": 0}),
    ],
    "parcellate": [
        Form(
            f"--cohort {{cohort}} --out-dir {{out}} --jobs 1 {ATLAS}",
            {
                **LOUDNESS, **LAYOUT, **HEADER, **WHITE_MATTER, **REGISTRATION, **RUN, **LEVELS, "--lesions none": 0,
                "--lesions {lesions}": 2, "--wm auto": {"FLAIR": 1}, "--wm {wm}": 2, "--t1 {scan}": 2, "--out {out}": 2,
            },
            levels=True,
        ),
        Form(
            f"--wm {{wm}} --out-dir {{out}} {ATLAS}",
            {
                **LOUDNESS, **HEADER, **WHITE_MATTER, **REGISTRATION, "--t1 {scan}": 0, "--lesions {lesions}": 0,
                "--lesions none": 0, "--out {out}": 2, "--layout {layout}": 2, "--jobs 2": 2, "--force": 2,
                "--participant-label {person}": 2, "--level group": 2, "--slurm": 2, "--scheduler tcp://x:1": 2,
            },
        ),
        Form(f"--wm {{wm}} {ATLAS}", {"--out {out}/one.nii.gz": 0, "": 2}),
        Form(f"--wm auto --t1 {{scan}} --out-dir {{out}} {ATLAS}", {"": 0, "--wm-labels 1": 2}),
    ],
    "predict": [
        Form(
            "--cohort {cohort} --out-dir {out} --no-report",
            {
                **LOUDNESS, **LAYOUT, **HEADER, **RUN, **LEVELS, "--jobs 2": 2, **PREDICT, "--space t1": 0,
                **OWN_MODELS_ONLY, "--name me": 2, "--t1 {scan}": 2, "--flair {scan}": 2,
                "--lesion-model shipped": 0, "--region-model shipped": 0, "--region-model atlas": 1,
            },
            levels=True,
        ),
        Form("--cohort {cohort} --out-dir {out}", {"": 0}),
        Form(
            f"--cohort {{cohort}} --out-dir {{out}} --no-report {MODELS}",
            {
                **LOUDNESS, **PREDICT, "--space t1": 0, "--mirror": 0, "--max-memory-gb 1": 0, "--keep-softmax": 0,
                "--soft": 0, "--names {here}/regions.tsv": 0, "--header sform": 0,
            },
            levels=True,
        ),
        Form("--cohort {cohort} --out-dir {out} --lesion-model {here}/region_model", {"": 1}),
        Form(
            "{scans} --name me --out-dir {out} --no-report",
            {
                **LOUDNESS, **HEADER, **PREDICT, "--space t1": {"FLAIR": 2}, **OWN_MODELS_ONLY, "--force": 0,
                "--layout {layout}": 2,
            },
        ),
        Form("{scans} --out-dir {out} --no-report", {"": 0}),
    ],
    "localize": [
        Form("--cohort {done} --out-dir {out} --jobs 1", {**LOCALIZE, **LAYOUT}, levels=True),
        Form("--cohort {cohort} --regions {maps}/regions --out-dir {out} --jobs 1", {"": 0}, levels=True),
        Form(
            "--lesions {maps}/lesions --regions {maps}/regions --out-dir {out} --jobs 1",
            {**LOCALIZE, "--layout {layout}": 2, "--name x": 2}, on="names", levels=True,
        ),
        Form(
            "--lesions {maps}/probabilities --regions {maps}/regions --out-dir {out} --jobs 1",
            {"--threshold 0.4": 0, "": 1}, on="names", levels=True,
        ),
        Form("--lesions {maps}/lesions --regions {maps}/lesions --out-dir {out}", {"": 1}, on="names"),
        Form("--lesions {maps}/moved --regions {maps}/regions --out-dir {out}", {"": 1, "--resample": 0}, on="names"),
        Form("--lesions {maps}/lesions --out-dir {out}", {"": 2}, on="names"),
    ],
    "ensemble": [
        Form(
            "--in_dirs {softmax} --out-dir {out} --jobs 1",
            {
                **LOUDNESS, **RUN, "--method mean": 0, "--method geometric": 0, "--weights 2": {"both": 1},
                "--weights 1 2": {"both": 0, "": 1}, "--weights -1": 1, "--allow-missing": 0, "--resample": 0,
                "--confidence": 0,
            },
        ),
        Form(
            "--in-dirs {maps}/softmax/T1 {maps}/softmax/few --out-dir {out}", {"": 1, "--allow-missing": 0}, on="names"
        ),
        Form("--in-dirs {maps}/softmax/T1 {maps}/softmax/T1 --out-dir {out}", {"": 1}, on="names"),
    ],
    "evaluate": [
        Form(
            "--pred {maps}/lesions --gt {maps}/truth --out-dir {out} --jobs 1",
            {
                **LOUDNESS, **HEADER, **LABELS, **RUN, "--kind lesions": 0, "--lesions": 0, "--kind regions": 0,
                "--regions": 0, "--names {here}/regions.tsv": 0, "--resample": 0, "--images {scan_folder}": 0,
                "--threshold 0.4": 0, "--name x": 2,
            },
            on="names",
        ),
        Form(
            "--pred {maps}/drawn --gt {maps}/regions --out-dir {out} --jobs 1",
            {
                **LOUDNESS, **HEADER, **RUN, "--kind regions": 0, "--regions": 0, "--kind lesions": 1, "--lesions": 1,
                "--lesion-labels 1": 1, "--names {here}/regions.tsv": 0, "--resample": 0,
            },
            on="names",
        ),
        Form("--pred {maps}/moved --gt {maps}/truth --out-dir {out}", {"": 1, "--resample": 0}, on="names"),
        Form("--pred {maps}/truth --gt {maps}/truth --out-dir {out}", {"": 1}, on="names"),
        Form(
            "--pred {maps}/truth --cohort {cohort} --out-dir {out} --jobs 1",
            {
                **LOUDNESS, **HEADER, **LABELS, **LAYOUT, **RUN, "--kind lesions": 0, "--lesions": 0, "--resample": 0,
                "--gt {maps}/truth": 2, "--regions": 1,
            },
            on="names",
        ),
    ],
    "report": [
        Form("--results {maps} --out-dir {out}", {"": 1}, on="names"),
        Form(
            "--results {results} --out-dir {out} --cohort-only",
            {
                **LOUDNESS, **HEADER, "--images {scan_folder}": 0, "--atlas {here}/atlas_labels.nii.gz": 0,
                "--names {here}/regions.tsv": 1, "--exclude-flagged": 1, "--exclude-flagged no_lesion": 0,
                "--exclude-flagged bad": 1, "--anonymise": 0, "--jobs 2": 2,
            },
        ),
        Form("--results {results} --out-dir {out} --jobs 1", {"": 0, "--images {scan_folder}": 0, "--jobs 2": 0}),
    ],
    "groups": [
        Form(
            "associate --loads {maps}/loads --participants {maps}/participants.tsv --outcome group --permutations 20 "
            "--out-dir {out}",
            {
                **GROUPS, "--covariates age site": 0, "--covariates nothing": 1, "--reference control": 0,
                "--reference nobody": 1, "--covariates age site --categorical site": 0, "--missing X": 0,
                "--permutations 0": 2, "--outcome score": 0,
            },
            on="names",
        ),
        Form("associate --loads {maps}/loads --out-dir {out} --outcome group", {"": 2}, on="names"),
        Form(
            "cluster --loads {maps}/loads --out-dir {out} --k-max 2",
            {
                **GROUPS, PEOPLE: 2, "--missing X": 2, f"{PEOPLE} --covariates age": 0,
                f"{PEOPLE} --covariates age --missing X": 0, f"{PEOPLE} --covariates age site --categorical site": 0,
                "--covariates age": 1, "--method kmeans": 0, "--method hierarchical": 0, "--method gmm": 0,
                "--method spectral": 0, "--k-max 3": 0, "--k-max 1": 2, "--adjust-total": 0,
            },
            on="names",
        ),
        Form("cluster --loads {results} --out-dir {out}", {"": 1}),
        Form(f"associate --loads {{results}} --out-dir {{out}} {PEOPLE} --outcome group", {"": 1}),
        Form("", {"": 2}, on=""),
    ],
    "export": [
        Form("{here}/lesion_model {out}.tar", {"": 2}, on=""),
        Form("{here}/maps_wmh {out}.zip", {"": 1}, on=""),
        Form(
            "{here}/lesion_model {out}.zip",
            {**LOUDNESS, "--licence X": 0, "--licence-file {here}/card.md": 0, "--card {here}/card.md": 0, "--half": 0},
            on="",
        ),
    ],
    "atlas": [
        Form("fetch --from {here}/nothing", {**dict.fromkeys(LOUDNESS, 1), "--out-dir {out}": 1}, on=""),
        Form(
            "refine --labels {here}/jhu.nii.gz --out {out}/regions.nii.gz",
            {**LOUDNESS, "--names {here}/names.tsv": 0, "--wm {here}/jhu.nii.gz": 0},
            on="",
        ),
        Form(
            "show --labels {here}/atlas_labels.nii.gz --out {out}/a.png",
            {**LOUDNESS, "--names {here}/names.tsv": 0, "--background {here}/atlas_wm.nii.gz": 0},
            on="",
        ),
    ],
    "models": [Form("", {**LOUDNESS, "regions": 0, "nothing": 2}, on="")],
    "doctor": [Form("--fixes", {**LOUDNESS, "--nothing": 2}, on="")],
}
"""Command -> its forms."""
# fmt: on

LEFT_OUT = {
    "demo": "trains for 18 minutes: tests/demo",
    "synthesis": "no cohort: tests/training/synthesis",
    "upkern": "no cohort: tests/training/test_upkern.py",
}

NOT_HERE = {"predict": {"cuda", "mps"}}
"""Choices that need hardware."""


@dataclass(frozen=True)
class Entry:
    """One combination. by_level : whether all is to be the same when people go first, and then the group."""

    command: str
    form: Form
    words: str
    layout: str
    scans: str
    code: int

    @property
    def by_level(self) -> bool:
        return self.form.levels and self.code == 0 and not {"--level", "--participant-label"} & {*self.words.split()}

    def __str__(self) -> str:
        return f"{self.command} {self.form.words} {self.words} [{self.layout}, {self.scans}]"


def entries() -> Iterator[Entry]:
    """Of the full cross."""
    for command, forms in CROSS.items():
        for form in forms:
            for words, code in form.options.items():
                for layout, scans in form.kinds:
                    yield Entry(command, form, words, layout, scans, code_of(code, layout, scans))


def short() -> Iterator[Entry]:
    """Every option of every form once, each on the next kind of cohort in turn."""
    turn = 0
    for command, forms in CROSS.items():
        for form in forms:
            for words, code in form.options.items():
                turn += 1
                layout, scans = form.kinds[turn % len(form.kinds)]
                yield Entry(command, form, words, layout, scans, code_of(code, layout, scans))
