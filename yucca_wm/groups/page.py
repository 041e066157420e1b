"""One self-contained HTML page per analysis: the question, the results in plain words, tables, figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from yucca_wm import __version__
from yucca_wm.core.errors import count
from yucca_wm.groups.analysis import Names
from yucca_wm.groups.statistics.clusters import ALPHA
from yucca_wm.report.html import render, short

Table = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Header and rows."""


def cluster_page(
    content: Mapping[str, Any],
    failed: Mapping[str, str],
    lines: Sequence[str],
    members: Table,
    profiles: Table,
    pictures: Sequence[Mapping[str, str]],
    names: Names,
) -> str:
    """Page of a clustering; ``content`` is that of ``clusters.json``, ``lines`` list exclusions."""
    n, k = content["subjects"], content["k"]
    if content["structure"]:
        sizes = Counter(row[1] for row in members[1])
        listed = ", ".join(f"{sizes[label]} in group {label}" for label in sorted(sizes, key=int))
        title = f"{k} groups among {count(n, 'subject')}"
        words = [
            f"The subjects fall into {k} groups ({listed}): {content['reason']}.",
            "Groups describe this cohort under these settings. They are no diagnoses, and another cohort has to show "
            "them again. Where groups differ in all regions alike they differ in severity; --adjust-total looks for "
            "patterns beyond it.",
        ]
    else:
        title = f"No structure among {count(n, 'subject')}"
        words = [
            f"No groups were found: {content['reason']}.",
            "The best division that was tested, if any, is in the table of subjects all the same; it should not be "
            "interpreted. No structure found in a small cohort does not mean that there is none.",
        ]
    words += lines
    heads = (
        "groups",
        "mean silhouette (-1 to 1)",
        "bootstrap Jaccard of each group (1: always the same; -: one cloud, not computed)",
    )
    tried = [
        (
            choice["k"],
            "a group is too small" if choice["silhouette"] is None else f"{choice['silhouette']:.3f}",
            ", ".join(f"{value:.2f}" for value in choice["stability"]) or "-",
        )
        for choice in content["choices"]
    ]
    p_value = content["p_single_cloud"]
    p_shown = f"over {ALPHA:g}" if p_value is None or p_value > ALPHA else f"{p_value:.3f}"
    facts = [
        ("method", f"{content['method']} on {count(content['principal_components'], 'principal component')}"),
        ("severity (mean load) taken out", "yes" if content["adjusted_for_total"] else "no"),
        ("p against a single cloud", "not tested" if p_value is None else p_shown),
        *_facts(content, names),
    ]
    tables = [
        _table("Numbers of groups that were tried", (heads, tried)),
        _table("Subjects", members),
        _table("Mean load of every region in each group", profiles),
    ]
    return _page(title, words, facts, content, failed, tables, pictures, names)


def associate_page(
    content: Mapping[str, Any],
    failed: Mapping[str, str],
    lines: Sequence[str],
    found: Sequence[str],
    tested: int,
    effects: Table,
    pictures: Sequence[Mapping[str, str]],
    names: Names,
) -> str:
    """Page of an association; ``content`` is that of ``associations.json``, ``found`` the regions with q < 0.05
    out of ``tested``."""
    outcome, covariates = content["outcome"], content["covariates"]
    given = f", given {', '.join(covariates)}" if covariates else ""
    asked = (
        f"Is regional lesion load associated with {outcome}{given}? One {content['model']} model was fitted per region."
    )
    if found:
        several = f"In {count(len(found), 'region')} of {tested} it is: {', '.join(found)}."
        rate = "Of regions found in this way, at most 5 in 100 are expected to be false discoveries."
    else:
        several = f"In none of {tested} regions is there evidence that it is (false discovery rate 5 %)."
        rate = "That is not evidence of no effect: see how wide the intervals are."
    words = [
        asked,
        f"{several} {rate}",
        f"The effect is the {content['effect']} (SD: standard deviation of the transformed load between subjects). "
        "Association is not cause.",
        *lines,
    ]
    tables = [_table("Regions", effects)]
    title = f"Regional lesion load and {outcome}: {count(content['subjects'], 'subject')}"
    facts = [("permutations", str(content["permutations"])), *_facts(content, names)]
    return _page(title, words, facts, content, failed, tables, pictures, names)


def _page(
    title: str,
    words: Sequence[str],
    facts: Sequence[tuple[str, str]],
    content: Mapping[str, Any],
    failed: Mapping[str, str],
    tables: Sequence[Mapping[str, Any]],
    pictures: Sequence[Mapping[str, str]],
    names: Names,
) -> str:
    out = {name: reason for name, reason in content["left_out"].items() if name not in failed}
    return render(
        "groups.html",
        title=title,
        version=__version__,
        words=words,
        facts=facts,
        notes=names.notes({**failed, **out}),
        tables_shown=tables,
        pictures=pictures,
    )


def _facts(content: Mapping[str, Any], names: Names) -> list[tuple[str, str]]:
    constant, redundant = content["constant_covariates"], content["redundant_covariates"]
    without = [f"constant, left out: {', '.join(constant)}"] * bool(constant)
    without += [f"determined by the others, left out: {', '.join(redundant)}"] * bool(redundant)
    covariates = ", ".join(content["covariates"]) or "none"
    return [
        ("covariates", covariates + (f" ({'; '.join(without)})" if without else "")),
        (
            "loads",
            f"{names.shown_path(content['loads'])}, in percent of region volume, transformed by {content['transform']}",
        ),
        ("seed", str(content["seed"])),
        ("program", f"{content['program']} {content['version']}"),
    ]


def _table(title: str, table: Table) -> dict[str, Any]:
    """Round to three decimals, which are enough to read except for p-values."""
    heads, rows = table
    whole = [head.startswith(("p_", "q_")) for head in heads]
    shown = [[cell if as_is else short(str(cell)) for cell, as_is in zip(row, whole, strict=True)] for row in rows]
    return {"title": title, "heads": heads, "rows": shown}
