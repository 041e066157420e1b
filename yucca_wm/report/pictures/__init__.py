"""Pictures of results: slices with outlines, bars, maps on an atlas, and the slice view."""
