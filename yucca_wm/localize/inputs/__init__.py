"""Inputs of a localization: pairing of maps, companion files, records, and reading."""
