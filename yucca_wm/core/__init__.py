"""What every step speaks: regions, tissues, modalities, tables and their columns, files, errors."""
