"""Rigid registration between scans of one person."""
