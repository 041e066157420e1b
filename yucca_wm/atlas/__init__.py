"""Fetch the atlas with checksums, merge its labels into regions, draw it."""
