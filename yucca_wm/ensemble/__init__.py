"""Compact storage of softmax maps, and merging of several into one label map; needs neither torch nor Yucca."""
