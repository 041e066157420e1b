"""Images and their grids: read and checked, brought to one another, written; what a lesion map counts as lesion."""
