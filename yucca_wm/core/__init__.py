"""What every step speaks: images and their grids, regions, tables, files, errors."""
