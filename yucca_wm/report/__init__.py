"""Pictures and HTML reports from the tables of `yucca_wm.localize`."""
