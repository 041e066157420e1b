"""How good a segmentation is: the WMH challenge's five measures for lesions, overlap and surfaces for regions."""
