"""Flags of `yucca_wm.localize` in what is done with its tables: who is used in spite of one, and who is left out."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from yucca_wm.errors import InputError
from yucca_wm.groups.loads import loads_file
from yucca_wm.localize.flags import TITLES
from yucca_wm.report.html import count
from yucca_wm.tsv import FRAME

if TYPE_CHECKING:
    from yucca_wm.tsv import TableInput

NO_DOUBT = ("no_lesion",)
"""Flags that say something of the subject and cast no doubt on the numbers: left out only when named."""

Flags = dict[str, list[str]]
"""Subject -> names of its flags."""


def read_flags(load_path: TableInput) -> Flags | None:
    """The flags of every subject in the ``localize.json`` beside a table of loads; None where there is none."""
    file = loads_file(load_path)
    if file is None:
        return None
    path = file.with_name("localize.json")
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): list(about["flags"]) for name, about in summary["subjects"].items()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(path, f"is not of yucca_wm.localize ({error})", "localize again") from error


def excluded(
    load_path: TableInput, flags: Flags | None, wanted: Sequence[str], subjects: Collection[str]
) -> dict[str, str]:
    """Those of ``subjects`` with a flag of ``wanted`` (none named: with any that casts doubt on the numbers) -> reason.

    Raises InputError for unknown flags, and where no flags are known: nobody would be left out in silence.
    """
    path = loads_file(load_path) or FRAME
    if flags is None and path == FRAME:
        raise InputError(path, "comes without flags", "give them: flags={subject: names of flags}")
    if flags is None:
        raise InputError(path, "has no localize.json beside it: flags are not known", "keep the two together")
    known = dict.fromkeys([*TITLES, *(flag for own in flags.values() for flag in own)])
    if unknown := [flag for flag in wanted if flag not in known]:
        raise InputError(path, f"there is no flag {unknown[0]}", f"flags are {', '.join(known)}")
    against = set(wanted) or set(known) - set(NO_DOUBT)
    found = {name: [flag for flag in flags.get(name, []) if flag in against] for name in subjects}
    return {name: f"flagged {', '.join(own)}" for name, own in found.items() if own}


def flag_lines(flags: Mapping[str, Sequence[str]], subjects: Collection[str], *, named: bool = True) -> list[str]:
    """A line for every flag that somebody among ``subjects`` carries who is used all the same."""
    lines = []
    for flag in dict.fromkeys(flag for name in subjects for flag in flags.get(name, [])):
        names = [name for name in subjects if flag in flags.get(name, [])]
        who = f": {', '.join(names[:10])}{', ...' * (len(names) > 10)}" if named else ""
        title = TITLES.get(flag, flag)
        lines.append(f"flagged {flag} and used ({title}): {count(len(names), 'subject')} of {len(subjects)}{who}")
    return lines
