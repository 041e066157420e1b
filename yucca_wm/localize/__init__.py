"""Where the lesions are: lesion load per region, a census of lesions, and maps, from any lesion and region masks.

The modules, in the order in which a lesion map passes through them: `inputs` (which maps are whose; `optional_inputs`:
what may come with them), `cohort` (everybody), `case` (one person, in order), `reading`, what is measured, in the room
`measures` (`lesions`, `places`, `load` and `expected`, `flags`, and the `columns` of all of them), `tables`, `outputs`,
`heatmap` and `maps`; `atlas_space` is for lesions on an atlas. `api` is `case` for Python.
"""

from yucca_wm.callable_room import make_callable

make_callable(__name__)
