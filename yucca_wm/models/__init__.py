"""The models that come with this package, and segmentation of a subject's scans with them."""
