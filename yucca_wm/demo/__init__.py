"""A synthetic cohort with known truth, and the whole chain run on it (``python -m yucca_wm.demo``)."""
