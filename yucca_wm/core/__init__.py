"""Vocabulary shared by all steps: regions, tissues, modalities, tables and their columns, files, errors."""
