"""Images and grids: reading with checks, resampling onto another grid, writing, and lesion labels of lesion maps."""
