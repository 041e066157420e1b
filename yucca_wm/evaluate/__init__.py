"""Quality of a segmentation: the WMH challenge's five measures for lesions, overlap and surfaces for regions."""

from yucca_wm.callable_package import make_callable

make_callable(__name__)
