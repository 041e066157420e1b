"""Draw pictures and write HTML reports from the tables of `yucca_wm.localize`."""
