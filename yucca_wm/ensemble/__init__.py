"""Softmax maps kept small, and several of them merged into one label map; needs neither torch nor Yucca."""
