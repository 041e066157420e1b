"""From one subject's scans to lesion maps, region maps and the table of lesion locations."""

from yucca_wm.callable_package import make_callable

make_callable(__name__)
