"""Preflight: open every file of a cohort before hours are spent on it, and say what is wrong and what to do."""
