"""Localize lesions: lesion load per region, a census of lesions, and maps, from any lesion and region masks.

Modules in processing order: `cohort` (all subjects), `case` (one subject, step by step), the subpackage `inputs`
(pairing of maps, companion maps, records, reading), the subpackage `measures` (`lesions`, `places`, `load`, `expected`,
`flags`, and the `columns` of all tables), `tables`, `outputs`, `summary`, `heatmap` and `maps`; `atlas_space` carries
lesions to an atlas. `api` is the Python interface to `case`.
"""

from yucca_wm.callable_package import make_callable

make_callable(__name__)
