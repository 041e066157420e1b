"""Where this package meets Yucca: a start-up hook, overlay folders, and one small module for each defect mended."""
