"""Where the lesions are: lesion load per region, a census of lesions, and maps, from any lesion and region masks.

In the order in which a lesion map passes through: `cohort` (everybody), `case` (one person, in order), the room
`inputs` (which maps are whose, what comes with them, what is on record of them, reading), what is measured, in the room
`measures` (`lesions`, `places`, `load` and `expected`, `flags`, and the `columns` of all of them), `tables`, `outputs`,
`heatmap` and `maps`; `atlas_space` is for lesions on an atlas. `api` is `case` for Python.
"""

from yucca_wm.callable_package import make_callable

make_callable(__name__)
