"""``yucca_wm.compare_visits``: what has changed between two visits of a person, in memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import check_ours, make_folder
from yucca_wm.localize.api import Localization
from yucca_wm.localize.measures.visits import NOT_KNOWN, Row, doubts
from yucca_wm.localize.outputs.visits import Compared, compare, write_compared
from yucca_wm.localize.summary import MANIFEST
from yucca_wm.localize.tables import LESIONS, LOAD, NEW, VISITS, tables_of_subject

if TYPE_CHECKING:
    import pandas as pd


class HasLocalization(Protocol):
    """A `yucca_wm.Prediction`."""

    @property
    def localization(self) -> Localization | None: ...


@dataclass(frozen=True)
class FollowUp:
    """Difference between two visits of a person; returned by `yucca_wm.compare_visits`.

    Attributes
    ----------
    regions : pandas.DataFrame
        One row per region, then ``outside`` and ``total``; the columns of ``visits.tsv``: lesion volume and number of
        lesions before and now, ``difference_ml``, and how much of it are new and gone lesions.
    new_lesions : pandas.DataFrame
        One row per lesion without one nearby at the visit before, the columns of ``new_lesions.tsv``.
    to_previous : ndarray, float, shape (4, 4), or None
        Rigid transform from world mm (RAS+) of the later visit to those of the earlier one; None if their regions do
        not lie on each other well enough: which lesions are new is then not known, either.
    flags : list of str
        Flags of either visit that may explain the difference.
    """

    regions: pd.DataFrame
    new_lesions: pd.DataFrame
    to_previous: NDArray[np.float64] | None
    flags: list[str]
    _compared: Compared

    def __repr__(self) -> str:
        total = self._compared.rows[-1]
        lines = [
            f"Follow-up of {self._compared.visit}, since {total.previous_visit}",
            f"{total.before.volume_ml:.3f} ml before, {total.now.volume_ml:.3f} ml now: {total.difference_ml:+.3f} ml",
        ]
        if total.new is None or total.gone is None:
            lines.append(NOT_KNOWN)
        else:
            new, gone = (f"{of.number} {what} ({of.volume_ml:.3f} ml)" for of, what in
                         ((total.new, "new"), (total.gone, "gone")))  # fmt: skip
            lines.append(f"lesions: {new}, {gone}")
        return "\n".join([*lines, f"flags: {', '.join(self.flags)}" if self.flags else "no flags"])

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``visits.tsv``, ``new_lesions.tsv`` and the transform, as the command does.

        Parameters
        ----------
        folder : path
            Created if it does not exist.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        InputError
            The folder cannot be written, or holds a table of these names from a command or another program.
        """
        check_ours(Path(folder), {VISITS.name, NEW.name}, MANIFEST)
        write_compared([self._compared], make_folder(folder))
        return Path(folder)


def compare_visits(before: Localization | HasLocalization, now: Localization | HasLocalization) -> FollowUp:
    """Compare two visits of a person: volumes in every region, and which lesions are new or gone.

    The visits are laid on each other by the centres of their white-matter regions; no scan is needed.

    Parameters
    ----------
    before, now : Localization or Prediction
        Results of `localize` or `predict` of the earlier and of the later visit, with the same settings.

    Returns
    -------
    FollowUp
        Tables of regions and of new lesions, and the transform between the visits.

    Raises
    ------
    InputError
        The two have different region tables or settings, or a prediction has no lesions or no regions.

    Examples
    --------
    >>> change = compare_visits(predict(flair="visit1.nii.gz"), predict(flair="visit2.nii.gz"))  # doctest: +SKIP
    >>> change.regions.query("difference_ml > 0.1")  # doctest: +SKIP
    """
    found = [_localization(one) for one in (before, now)]
    one, other = found
    if one._table.names != other._table.names or one._settings != other._settings:
        problem = f"was localized with other regions or settings than {one.subject}"
        raise InputError(other.subject, problem, "use the same for both visits")
    compared = compare(
        (one.subject, other.subject),
        (_rows(one, LOAD), _rows(other, LOAD)),
        (_rows(one, LESIONS), _rows(other, LESIONS)),
        (one.result.positions, other.result.positions),
        doubts((list(one.flags), list(other.flags)), (one.result.spacing_mm, other.result.spacing_mm), one_way=True),
    )
    return FollowUp(
        VISITS.data_frame(VISITS.fields(row, other.subject) for row in compared.rows),
        NEW.data_frame(NEW.fields(row, other.subject) for row in compared.new),
        compared.to_previous,
        list(compared.rows[-1].flags),
        compared,
    )


def _localization(given: Localization | HasLocalization) -> Localization:
    found = given if isinstance(given, Localization) else getattr(given, "localization", given)
    if not isinstance(found, Localization | None):
        problem = "is no result of yucca_wm.localize or yucca_wm.predict"
        raise InputError(str(given)[:80], problem, "localize both visits first")
    if found is None:
        raise InputError("prediction", "has no lesions by region", "predict lesions and regions of both visits")
    return found


def _rows(found: Localization, name: str) -> list[Row]:
    """The rows of one table, as in the file."""
    tables = tables_of_subject(found._maps, found._table, found._settings)
    (table,) = (entry for entry in tables if entry.name == name)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows(found.result)]
