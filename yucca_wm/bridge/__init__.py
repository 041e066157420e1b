"""Interface to Yucca: a start-up hook, overlay folders, and one small module for each defect patched."""
