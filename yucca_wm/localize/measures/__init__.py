"""Measurements, without files: lesions, their places, loads, flags, and the columns of the tables."""
