"""From a person's scans to lesion and region maps and the table of where the lesions are."""

from yucca_wm.callable_package import make_callable

make_callable(__name__)
