"""The six tasks: their definitions, the conversion to raw Yucca tasks, and the split of subjects."""
