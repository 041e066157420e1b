"""Preflight: open every file of a cohort before hours of computing, and report what is wrong and what to do."""
